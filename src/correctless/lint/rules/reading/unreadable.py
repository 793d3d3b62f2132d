"""A file can be read: a plain file of at most one mebibyte, whose owner lets us.

What could not be read was not checked, so the command ends with 3 and not with 0 or 1. A SKILL.md is a few thousand
bytes; one of many megabytes is a mistake, or meant to hold up whoever reads it.

Fix: give permission, put a plain file there, or leave the path out with `exclude`.

Source: exit codes of correctless; `MAX_FILE` in `correctless.skill.find`.
"""

from __future__ import annotations

from correctless.lint.subject.subject import Subject
from correctless.syntax.finding import Finding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

ID = "unreadable"
SEVERITY = "error"
READS = ()  # no kind: there is nothing to read


def check(_: Subject) -> Iterator[Finding]:
    """Yield nothing: the run reports unreadable files itself."""
    return iter(())


def finding(path: str, why: str) -> Finding:
    """The finding of a file that can't be read."""
    return Finding(path, 1, 1, ID, f"can't be read: {why}. fix it, or leave it out with 'exclude'", SEVERITY)
