"""Trailers that name runs in the commit messages of a span."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.project.git import Repo

# History as the objects have it: no grafts, and no cache of what the objects say.
HISTORY = ("-c", "core.commitGraph=false")
ENV = {"GIT_GRAFT_FILE": os.devnull}
SECONDS = 600.0  # for one walk through a history
_LINE = re.compile(r"[\s>*|#-]*correctless-(run|step|log)[ \t]*:(.*)", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Mark:
    """A run's step named by a commit; "" for what it does not name."""

    commit: str
    run: str = ""
    step: str = ""
    log: str = ""


def marks(repo: Repo, span: Sequence[str]) -> Iterator[Mark]:
    """Yield the marks in each commit's message.

    A squash or a merge may quote the messages of many commits.
    """
    out = repo.git(
        *HISTORY, "log", "-z", "--no-show-signature", "-i", "-F", "--grep=correctless-", "--format=%H%x1e%B", *span, "--",
        env=ENV, seconds=SECONDS,
    )  # fmt: skip
    for item in filter(None, out.split("\0")):
        commit, _, text = item.partition("\x1e")
        yield from _marks_in(commit, text)


def _marks_in(commit: str, text: str) -> Iterator[Mark]:
    block: dict[str, str] = {}
    lines = text.splitlines()
    for number, line in enumerate(lines):
        match = _LINE.fullmatch(line)
        if match is None:
            continue
        key, value = match[1].lower(), match[2].strip()
        if not value and number + 1 < len(lines):  # a folded trailer
            value = lines[number + 1].strip()
        if key in block:
            yield Mark(commit, **block)
            block = {}
        block[key] = value
    if block:
        yield Mark(commit, **block)


def refuse_shallow(repo: Repo, span: Sequence[str], tip: str) -> None:
    """Refuse a clone whose history ends inside `span`.

    Raises: Stop(3).
    """
    path = os.path.join(repo.common_dir, "shallow")
    if not os.path.lexists(path):
        return
    with open(path, encoding="ascii", errors="replace") as file:
        ends = set(file.read().split())
    if ends & set(repo.git(*HISTORY, "rev-list", *span, "--", env=ENV).split()):
        raise Stop(
            exits.REFUSED,
            f"this clone is shallow, so not all commits of {tip} can be read. fetch the rest: git fetch --unshallow",
        )
