"""What a merge is held to, as values: the bar of section 3, the action asked for, reviews and waivers on record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from correctless.base.values import frozen


class Area(Protocol):
    """`[[bar.review]]`: one area a review record must be there for."""

    @property
    def area(self) -> str: ...


class Bots(Protocol):
    """`[bar.bots]`: whose remarks must be answered."""

    @property
    def authors(self) -> Sequence[str]: ...
    @property
    def every_thread_answered_at_head(self) -> bool: ...


class Bar(Protocol):
    """`[[bar]]` under the names of the document's table."""

    @property
    def id(self) -> str: ...
    @property
    def mergeable(self) -> str: ...
    @property
    def merge_state(self) -> str: ...
    @property
    def check_ok(self) -> Sequence[str]: ...
    @property
    def required_checks(self) -> Sequence[str]: ...
    @property
    def optional_skippable(self) -> Sequence[str]: ...
    @property
    def max_age_s(self) -> int: ...
    @property
    def method(self) -> str: ...
    @property
    def forbid_flags(self) -> Sequence[str]: ...
    @property
    def serialize_on_green_base(self) -> bool: ...
    @property
    def worktree(self) -> bool: ...
    @property
    def review(self) -> Sequence[Area]: ...
    @property
    def bots(self) -> Bots | None: ...


@frozen
class Target:
    """The merge that is asked for; `head` is the commit it is bound to, "" as long as it is bound to none."""

    repository: str  # [host/]owner/name
    number: int
    base: str
    head: str = ""


@frozen
class Review:
    """A review record: who looked at one area of one head, and where."""

    area: str
    head: str
    by: str
    worktree_head: str  # the commit of the worktree it was made from; "" when there was none
    worktree_clean: bool


@frozen
class Waiver:
    """A person's word that one required check may be red at one head, because this run of it is red on the base."""

    check: str
    head: str
    base_run: int


def full_name(repository: str) -> str:
    """`[host/]owner/name` as host/owner/name; GitHub tells neither by its case."""
    names = repository.split("/")
    return "/".join(names if len(names) != 2 else ["github.com", *names]).lower()


def login(name: str) -> str:
    """An account's name as one spelling: an app's is written with and without its [bot]."""
    return name.strip().lower().removesuffix("[bot]")
