"""Each decision point has an id of its own, a default and a rationale.

The decisions log, the summary and your confirmation name a decision by its id, the prompt gives the agent the default, and
you judge by the rationale. What is missing here is missing when you have to decide.

Wrong:

```markdown
---
name: my-skill
interaction_mode: autonomous
---
## Autonomous Defaults

- **AD-1**: Naming — keep the old name (default).
```

Right:

```markdown
---
name: my-skill
interaction_mode: autonomous
---
## Autonomous Defaults

- **AD-001**: Naming — keep the old name (default). Rationale: renaming is easy later.
```

Fix: complete the entry in the form shown.

Source: R-002.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import count

from correctless.lint.subject.subject import SKILL, Skill
from correctless.skill import defaults
from correctless.skill.defaults import Default, Parts
from correctless.syntax.finding import Finding

ID = "default-entry"
SEVERITY = "error"
READS = (SKILL,)

_ID = r"AD-\d{3}\Z"


def check(skill: Skill) -> Iterator[Finding]:
    """Report incomplete or duplicate decision points."""
    if skill.contract.interaction_mode == "interactive" or not skill.entries:
        return  # then another rule reports the section
    ids = _Ids(parts.id for _, _, parts in skill.entries)
    for default, (line, text, parts) in zip(skill.contract.defaults, skill.entries, strict=True):
        for message in (*ids.faults(parts.id, line.number), *_faults(default, parts, text)):
            yield skill.at(line, message)


class _Ids:
    """Ids of one section: which are used, which are free, and the first line of each."""

    def __init__(self, ids: Iterator[str]) -> None:
        self._used = {int(each[3:]) for each in ids if re.match(_ID, each, re.ASCII)}
        self._free = (f"AD-{number:03d}" for number in count(max(self._used, default=0) + 1))
        self._first: dict[str, int] = {}

    def faults(self, id_: str, line: int) -> Iterator[str]:
        first = self._first.setdefault(id_, line)
        if not id_:
            yield f"a decision point without an id. write '- **{next(self._free)}**: ...'"
        elif not re.match(_ID, id_, re.ASCII):
            number = re.search(r"(?<!\d)\d{1,3}\Z", id_, re.ASCII)
            meant = int(number[0]) if number else None
            right = f"AD-{meant:03d}" if meant and meant not in self._used else next(self._free)
            yield f"'{id_}' is not an id of the form AD-NNN. write '{right}'"
        elif first != line:
            yield f"duplicate {id_}, first on line {first}. give one another id"


def _faults(default: Default, parts: Parts, text: str) -> Iterator[str]:
    name = default.id or "the entry"
    if parts.escalate not in ("", "always"):
        yield f"{name}: unknown 'escalate: {parts.escalate}'. write 'escalate: always', or leave it out"
    if not default.choice and not default.escalate:
        yield f"{name} names no default. write 'Subject — what is done (default).'"
    if not default.rationale:
        yield f"{name} gives no rationale. end it with 'Rationale: why that is safe.'"
    if parts.deferred_label and not parts.escalate:
        yield f"{name} has a default if deferred and is never deferred. write '`escalate: always`', or '(default)'"
    if len(text) > defaults.MAX_LENGTH:
        yield f"{name} is longer than {defaults.MAX_LENGTH} characters and not read to its end. shorten it"
