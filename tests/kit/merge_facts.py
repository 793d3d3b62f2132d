"""A pull request that may be merged, as facts, a bar, reviews and no waiver; and ways to change one of them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from correctless.github.facts import NAMES, Check, Comment, Known, PullFacts, Status, Thread, Unknown
from correctless.runcontract.judge.terms import Review, Target, Waiver

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
HEAD, OLD, BASE = "a" * 40, "b" * 40, "c" * 40
TARGET = Target("ann/shop", 412, "main", HEAD)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


@dataclass(frozen=True)
class ABar:
    """`[[bar]]` as a document has it."""

    id: str = "B1"
    mergeable: str = "MERGEABLE"
    merge_state: str = "CLEAN"
    check_ok: tuple[str, ...] = ("SUCCESS",)
    required_checks: tuple[str, ...] = ("test", "lint")
    optional_skippable: tuple[str, ...] = ()
    max_age_s: int = 60
    method: str = "squash"
    forbid_flags: tuple[str, ...] = ("--admin", "--auto")
    serialize_on_green_base: bool = True
    worktree: bool = True
    review: tuple[AnArea, ...] = field(default_factory=lambda: (AnArea("security"), AnArea("data")))
    bots: SomeBots | None = field(default_factory=lambda: SomeBots())


@dataclass(frozen=True)
class AnArea:
    area: str
    needs: str = "no findings"


@dataclass(frozen=True)
class SomeBots:
    authors: tuple[str, ...] = ("helperbot[bot]",)
    every_thread_answered_at_head: bool = True


def check(name: str = "test", conclusion: str = "SUCCESS", **changed: Any) -> Check:
    """One check run; without a conclusion it still runs."""
    status = "COMPLETED" if conclusion else "IN_PROGRESS"
    made = Check(name, "github-actions", "CI", "pull_request", 100, status, conclusion, ago(600))
    return replace(made, **changed)


def status(context: str = "deploy/preview", state: str = "SUCCESS") -> Status:
    return Status(context, state, ago(600))


def remark(author: str = "ann", seconds: float = 100) -> Comment:
    return Comment(author, ago(seconds))


def thread(
    answer: str = "ann",
    seconds: float = 100,
    *,
    by: str = "helperbot",
    opened_at: str = OLD,
    resolved: bool = True,
) -> Thread:
    return Thread(remark(by, 5000), remark(answer, seconds), opened_at, resolved)


GOOD: dict[str, Any] = {
    "repository": "github.com/ann/shop",
    "number": 412,
    "state": "OPEN",
    "draft": False,
    "base": "main",
    "base_sha": BASE,
    "head": HEAD,
    "head_since": ago(900),
    "mergeable": "MERGEABLE",
    "merge_state": "CLEAN",
    "author": "ann",
    "auto_merge": False,
    "merge_queue": False,
    "checks": (check("test"), check("lint", run=101)),
    "statuses": (),
    "base_checks": (check("test", event="push", run=7), check("lint", event="push", run=8)),
    "base_statuses": (),
    "threads": (),
    "comments": (),
    "all_pages": True,
}
assert tuple(GOOD) == NAMES

REVIEWS = (Review("security", HEAD, "bob", HEAD, True), Review("data", HEAD, "eve", HEAD, True))


@dataclass(frozen=True)
class Why:
    """In place of a value: it is Unknown."""

    why: str = "no answer"


def facts(changed: dict[str, Any] | None = None, at: dict[str, datetime] | None = None) -> PullFacts:
    """The good facts with some values changed, or observed at another time (`*`: all of them)."""
    times = at or {}
    made: dict[str, Any] = {}
    for name, value in {**GOOD, **(changed or {})}.items():
        seen = times.get(name, times.get("*", ago(5)))
        made[name] = Unknown(value.why, seen) if isinstance(value, Why) else Known(value, seen)
    return PullFacts(**made)


def review(area: str = "security", **changed: Any) -> Review:
    return replace(Review(area, HEAD, "bob", HEAD, True), **changed)


def waiver(**changed: Any) -> Waiver:
    return replace(Waiver("test", HEAD, 7), **changed)
