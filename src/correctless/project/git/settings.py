"""The user's and the machine's git configuration in; one file that says the same, whatever becomes of theirs, out."""

from __future__ import annotations

from correctless import exits
from correctless.exits import Stop
from correctless.project.git import Repo


def frozen(repo: Repo) -> bytes:
    """What git reads outside of this repository, in its order, with includes resolved as they apply to it now."""
    done = repo.try_git("config", "--list", "--null", "--show-scope")
    if done.returncode != 0:
        said = (done.stderr.strip() or "git did not say why").splitlines()[0]
        raise Stop(exits.REFUSED, f"git's configuration can't be read: {said}. mend it, then start again")
    items = done.stdout.split("\0")
    lines = [
        _line(item)
        for scope, item in zip(items[::2], items[1::2], strict=False)
        if scope in ("system", "global")
    ]
    return "".join(lines).encode("utf-8", "surrogateescape")


def _line(item: str) -> str:
    key, equals, value = item.partition("\n")
    section, _, rest = key.partition(".")
    subsection, dot, name = rest.rpartition(".")
    if section in ("include", "includeif"):  # what they bring is listed by itself
        return ""
    head = f'[{section} "{_escaped(subsection)}"]' if dot else f"[{section}]"
    return f'{head}\n\t{name} = "{_value(value)}"\n' if equals else f"{head}\n\t{name}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _value(text: str) -> str:
    return _escaped(text).replace("\n", "\\n").replace("\t", "\\t").replace("\b", "\\b")
