"""Application of edits to the bytes of a file; every other byte stays the same."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.syntax.finding import Edit, Finding

MAX_ROUNDS = 10  # an edit may reveal a finding that another edit fixes

_BOM = "\ufeff"


def fixed(data: bytes, find: Callable[[bytes], Sequence[Finding]]) -> bytes:
    """Return the bytes with the fixes of all findings of `find`, repeated until it finds nothing to fix.

    A file that is not UTF-8 is not changed, as its text cannot be written back byte for byte.
    """
    for _ in range(MAX_ROUNDS):
        edits = _apart(each.fix for each in find(data) if each.fix)
        try:
            text = data.decode()
        except UnicodeDecodeError:
            return data
        if not edits:
            return data
        data = _applied(text, edits).encode()
    return data


def _apart(fixes: Iterable[tuple[Edit, ...]]) -> list[Edit]:
    """Return the edits of the fixes that do not overlap, last one first; the others wait for the next round."""
    edits: list[Edit] = []
    for fix in fixes:
        if not any(a.start <= b.end and b.start <= a.end for a in fix for b in edits):
            edits.extend(fix)
    return sorted(edits, key=lambda edit: edit.start, reverse=True)


def _applied(text: str, edits: list[Edit]) -> str:
    mark = len(text) - len(text.removeprefix(_BOM))
    for edit in edits:
        text = text[: mark + edit.start] + edit.new + text[mark + edit.end :]
    return text


def leads_out(path: str, named: Sequence[str]) -> bool:
    """Return whether a file is, by a link, outside of all named folders and folders of named files: never write it."""
    real = os.path.realpath(path)
    tops = (os.path.realpath(each if os.path.isdir(each) else os.path.dirname(each) or ".") for each in named)
    return not any(real.startswith(top.rstrip(os.sep) + os.sep) for top in tops)


def write(path: str, data: bytes) -> None:
    """Replace a file atomically with the same mode; a link stays a link.

    Raises: Stop(3) when it cannot be written.
    """
    real = os.path.realpath(path)
    aside = f"{real}.{os.getpid()}.tmp"
    try:
        mode = os.stat(real).st_mode & 0o7777
        handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
        try:
            with os.fdopen(handle, "wb") as out:
                out.write(data)
            os.chmod(aside, mode)
            os.replace(aside, real)
        except BaseException:
            os.unlink(aside)
            raise
    except OSError as error:
        raise Stop(
            exits.REFUSED, f"can't write '{path}': {error.strerror}. give permission, or use --diff"
        ) from None


def diff(path: str, before: bytes, after: bytes) -> str:
    """Return a unified diff of what `write` would change."""
    from difflib import unified_diff

    def lines(data: bytes) -> list[str]:
        return data.decode().splitlines(keepends=True)

    changes = unified_diff(lines(before), lines(after), f"a/{path}", f"b/{path}")
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in changes
    )
