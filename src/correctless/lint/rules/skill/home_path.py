"""A skill names no home folder of one machine.

`/Users/<name>/...` exists only on the machine of the author. Elsewhere the agent does not find it, or makes it. It also reveals
who wrote the skill.

Wrong:

```markdown
---
name: my-skill
---

Read /Users/mkowalski/notes/senders.md first.
```

Right:

```markdown
---
name: my-skill
---

Read ~/notes/senders.md first, for example /home/you/notes/senders.md.
```

Fix: write `~`, `$HOME`, or a path from the skill's own folder.

Source: the path itself; no host reports it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from correctless.lint.subject.subject import MARKDOWN, MarkdownSubject
from correctless.syntax.finding import Finding

ID = "home-path"
SEVERITY = "warning"
READS = MARKDOWN

_HOME, _USERS = re.compile(rb"/home/"), re.compile(rb"Users[/\\]")  # faster than a search for the text
# Text, not compiled: `re` compiles it on first use, and most files do not need it.
_PATH = r"(?<![\w.~$/}>*-])(?:(?:/mnt/[a-z])?/(?:home|Users)/|[A-Za-z]:\\{1,2}Users\\{1,2})(?P<name>[A-Za-z_][\w.-]*)[/\\]+[\w.~-]"
_MOST = 20  # names that are reported
# Names that stand for any reader, and the accounts of images and CI machines.
_NOT_NAMES = frozenset((
    "admin", "agent", "alice", "app", "bob", "build", "builder", "circleci", "claude", "codespace", "coder",
    "default", "deploy", "dev", "developer", "docker", "example", "foo", "git", "jane", "jdoe", "jenkins", "john",
    "johndoe", "jovyan", "linuxbrew", "me", "myname", "myuser", "myusername", "name", "node", "nobody", "person",
    "project", "public", "root", "runner", "sandbox", "shared", "test", "ubuntu", "user",
    "user1", "username", "vagrant", "vscode", "work", "workspace", "xxx", "you", "youruser",
    "yourname", "yourusername",
))  # fmt: skip
_ANYONE = r"(?:any|some)(?:body|one)\Z|who(?:so)?ever\Z"


def check(file: MarkdownSubject) -> Iterator[Finding]:
    """Report paths in a user's home folder."""
    if not _HOME.search(file.data) and not _USERS.search(file.data):
        return
    seen: set[str] = set()
    for match in re.finditer(_PATH, file.text):
        name = match["name"]
        plain = re.sub(r"[^a-z0-9]", "", name.lower())
        if plain in _NOT_NAMES or re.match(_ANYONE, plain) or name.isupper() or name in seen:
            continue
        if len(seen) == _MOST:
            return
        seen.add(name)
        place = (match.start(), match.end("name"))
        yield file.at(
            place,
            f"'{match[0][: match.end('name') - match.start()][:80]}' exists on one machine only. write ~ or a relative path",
        )
