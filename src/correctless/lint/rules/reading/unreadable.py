"""A file can be read: a plain file of at most one mebibyte, with read permission.

A file that cannot be read is not checked, so the exit code is 3 and not 0 or 1. A SKILL.md is a few thousand bytes; one of
many megabytes is a mistake, or an attempt to block its readers.

Fix: give permission, replace it with a plain file, or leave the path out with `exclude`.

Source: exit codes of correctless; `MAX_FILE` in `correctless.skill.find`.
"""

from __future__ import annotations

from collections.abc import Iterator

from correctless.lint.subject.subject import Subject
from correctless.syntax.finding import Finding

ID = "unreadable"
SEVERITY = "error"
READS = ()  # no kind: there is nothing to read


def check(_: Subject) -> Iterator[Finding]:
    """Yield nothing: the run reports unreadable files itself."""
    return iter(())


def finding(path: str, why: str) -> Finding:
    """Return the finding of a file that cannot be read."""
    return Finding(path, 1, 1, ID, f"can't be read: {why}. fix it, or leave it out with 'exclude'", SEVERITY)
