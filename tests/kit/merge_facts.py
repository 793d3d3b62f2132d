"""A pull request that may be merged, as facts, a bar, reviews and no waiver; and ways to change one of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from correctless.github.facts import NAMES, Check, Comment, Known, PullFacts, Status, Thread, Unknown
from correctless.runcontract.document.sections import Bar, Bots, ReviewArea
from correctless.runcontract.judge.terms import MergeTarget
from correctless.runcontract.ledger.records import Review, Waiver

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
HEAD, OLD, BASE = "a" * 40, "b" * 40, "c" * 40
TARGET = MergeTarget("ann/shop", 412, "main", HEAD)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def a_bar(**changed: Any) -> Bar:
    """`[[bar]]` as a document has it."""
    good = Bar(
        id="B1",
        mergeable="MERGEABLE",
        merge_state="CLEAN",
        check_ok=("SUCCESS",),
        required_checks=("test", "lint"),
        optional_skippable=(),
        method="squash",
        forbid_flags=("--admin", "--auto"),
        serialize_on_green_base=True,
        worktree=True,
        review=(an_area("security"), an_area("data")),
        bots=some_bots(),
    )
    return replace(good, **changed)


def an_area(area: str) -> ReviewArea:
    return ReviewArea(area, "no findings")


def some_bots(
    authors: tuple[str, ...] = ("helperbot[bot]",), every_thread_answered_at_head: bool = True
) -> Bots:
    return Bots(authors, every_thread_answered_at_head)


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

REVIEWS = (Review(412, "security", HEAD, "bob", HEAD, True), Review(412, "data", HEAD, "eve", HEAD, True))


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
    return replace(Review(412, area, HEAD, "bob", HEAD, True), **changed)


def waiver(**changed: Any) -> Waiver:
    return replace(Waiver("0" * 64, "test", HEAD, 7, "Ada", "terminal"), **changed)
