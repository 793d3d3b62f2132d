"""The merge bar: a table of pull requests, each with the codes of the clauses that stand against it; and that worse is never better."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from correctless.github.facts import NAMES, Check, Known, PullFacts, Unknown
from correctless.runcontract.document.sections import Bar
from correctless.runcontract.judge.merge_bar import failing
from correctless.runcontract.judge.terms import MergeTarget
from correctless.runcontract.ledger.clause import Clause
from correctless.runcontract.ledger.records import Review, Waiver
from effort import examples
from merge_facts import (
    GOOD,
    HEAD,
    NOW,
    OLD,
    REVIEWS,
    TARGET,
    Why,
    a_bar,
    ago,
    an_area,
    check,
    facts,
    remark,
    review,
    some_bots,
    status,
    thread,
    waiver,
)


@dataclass(frozen=True)
class Case:
    """One row: what differs from a pull request that may be merged, and the codes (of section 3) that stand against it."""

    name: str
    codes: str  # without their `merge.`; "" when it may be merged
    facts: dict[str, Any] = field(default_factory=dict)
    at: dict[str, datetime] = field(default_factory=dict)
    bar: dict[str, Any] = field(default_factory=dict)
    reviews: tuple[Review, ...] = REVIEWS
    waivers: tuple[Waiver, ...] = ()
    now: datetime = NOW
    target: MergeTarget = TARGET


LINT = check("lint", run=101)
RED = {"checks": (check("test", "FAILURE"), LINT)}
RED_BASE = (check("test", "FAILURE", event="push", run=7), check("lint", event="push", run=8))
# The base is red in what follows, so it is not asked to be green.
WAIVED = {**RED, "base_checks": RED_BASE}
FREE = {"serialize_on_green_base": False}


def checks(*found: Check) -> dict[str, Any]:
    return {"checks": found}


CASES = (
    Case("nothing stands against it", ""),
    Case("of the same repository with its host", "", target=replace(TARGET, repository="github.com/Ann/Shop")),
    Case("bound to no head yet", "", target=replace(TARGET, head="")),
    # What it is
    Case("of another repository", "repository", {"repository": "github.com/eve/shop"}),
    Case("of another host", "repository", target=replace(TARGET, repository="ghe.corp/ann/shop")),
    Case("with another number", "number", {"number": 413}),
    Case("with a number that is none", "number", {"number": True}, target=replace(TARGET, number=1)),
    Case("into another base", "base", {"base": "production"}),
    Case("into a base of another case", "base", {"base": "Main"}),
    Case("its head moved", "head review review", {"head": OLD}),
    Case("its head is empty", "head review review", {"head": ""}, target=replace(TARGET, head="")),
    Case("its base stands on no commit", "base_sha", {"base_sha": ""}),
    Case("without an author", "author review review", {"author": ""}),
    # Its state
    Case("closed", "state", {"state": "CLOSED"}),
    Case("merged", "state", {"state": "MERGED"}),
    Case("open in lower case", "state", {"state": "open"}),
    Case("a draft", "draft", {"draft": True}),
    Case("draft is no truth value", "draft", {"draft": 0}),
    Case("draft is null", "draft", {"draft": None}),
    Case("auto-merge is armed", "auto_merge", {"auto_merge": True}),
    Case("the base has a queue", "merge_queue", {"merge_queue": True}),
    Case("a page is unread", "pages", {"all_pages": False}),
    Case("pages is no truth value", "pages", {"all_pages": 1}),
    # Whether the host would merge it
    Case("in conflict", "mergeable", {"mergeable": "CONFLICTING"}),
    Case("mergeable is not worked out yet", "mergeable", {"mergeable": "UNKNOWN"}),
    Case("mergeable in lower case", "mergeable", {"mergeable": "mergeable"}),
    Case("mergeable is new to us", "mergeable", {"mergeable": "MERGEABLE_LATER"}),
    Case("mergeable is null", "mergeable", {"mergeable": None}),
    Case("neither is worked out yet", "mergeable merge_state", {"mergeable": "UNKNOWN", "merge_state": "UNKNOWN"}),
    *(
        Case(f"merge state {state}", "merge_state", {"merge_state": state})
        for state in (
            "BEHIND",
            "BLOCKED",
            "DIRTY",
            "DRAFT",
            "HAS_HOOKS",
            "UNKNOWN",
            "UNSTABLE",
            "clean",
            "Clean",
            "CLEAN ",
            "UNCLEAN",
            "CLEANISH",
            "",
        )
    ),
    Case("a bar that would take UNSTABLE", "merge_state", bar={"merge_state": "UNSTABLE"}),
    Case("a bar and a host that say UNSTABLE", "merge_state merge_state", {"merge_state": "UNSTABLE"}, bar={"merge_state": "UNSTABLE"}),
    Case("it has hooks, and the bar lists that", "", {"merge_state": "HAS_HOOKS"}, bar={"merge_state": "HAS_HOOKS"}),
    Case("it is clean, and the bar lists hooks", "", bar={"merge_state": "HAS_HOOKS"}),
    Case("it is unstable, and the bar lists hooks", "merge_state", {"merge_state": "UNSTABLE"}, bar={"merge_state": "HAS_HOOKS"}),
    Case("it is unknown, and the bar lists hooks", "merge_state", {"merge_state": Why()}, bar={"merge_state": "HAS_HOOKS"}),
    Case("mergeable has hooks, and the bar lists that", "mergeable mergeable", {"mergeable": "HAS_HOOKS"}, bar={"mergeable": "HAS_HOOKS"}),
    Case("a bar that would take CONFLICTING", "mergeable", bar={"mergeable": "CONFLICTING"}),
    # When it was seen
    Case("as old as it may be", "", at={"*": ago(60)}),
    Case("a second too old", "age", at={"*": ago(61)}),
    Case("one fact is too old", "age", at={"threads": ago(61)}),
    Case("one fact is a fraction too old", "age", at={"head": ago(60.001)}),
    Case("one fact is from the future", "age", at={"checks": NOW + timedelta(seconds=1)}),
    Case("one fact is without zone", "age", at={"mergeable": ago(5).replace(tzinfo=None)}),
    Case("all facts are without zone", "age", at={"*": ago(5).replace(tzinfo=None)}),
    Case("the bar's own age", "age", at={"*": ago(31)}, bar={"max_age_s": 30}),
    Case("an unknown fact that is too old", "age bots", {"threads": Why()}, at={"threads": ago(90)}),
    # Required checks
    Case("a required check is absent", "check", checks(LINT)),
    Case("no check at all", "check check", checks()),
    Case("its name in another case", "check", checks(check("Test"), LINT)),
    Case("its name with a space", "check", checks(check("test "), LINT)),
    Case("a required check failed", "check", RED),
    Case("a required check runs", "check", checks(check("test", ""), LINT)),
    Case("a required check is queued and has no start", "check", checks(check("test", "", status="QUEUED", started=None), LINT)),
    *(
        Case(f"a required check ended with {end}", "check", checks(check("test", end), LINT))
        for end in (
            "SKIPPED",
            "NEUTRAL",
            "CANCELLED",
            "TIMED_OUT",
            "STALE",
            "ACTION_REQUIRED",
            "STARTUP_FAILURE",
            "success",
            "SUCCESS_WITH_ISSUES",
        )
    ),
    Case("success without an end", "check", checks(check("test", status="IN_PROGRESS"), LINT)),
    Case("skipped, and listed by name", "", checks(check("test", "SKIPPED"), LINT), bar={"optional_skippable": ("test",)}),
    Case("neutral, and listed by name", "", checks(check("test", "NEUTRAL"), LINT), bar={"optional_skippable": ("test",)}),
    Case("failed, and listed by name", "check", RED, bar={"optional_skippable": ("test",)}),
    Case("skipped, and another is listed", "check", checks(check("test", "SKIPPED"), LINT), bar={"optional_skippable": ("lint",)}),
    Case("skipped, and the kind is listed for others", "check", checks(check("test", "SKIPPED"), LINT), bar={"check_ok": ("SUCCESS", "SKIPPED")}),
    Case("twice, the newer one failed", "check", checks(check(started=ago(700)), check("test", "FAILURE"), LINT)),
    Case("twice in the wrong order, the newer one failed", "check", checks(check("test", "FAILURE"), check(started=ago(700)), LINT)),
    Case("twice in the wrong order, the newer one passed", "", checks(check(), check("test", "FAILURE", started=ago(700)), LINT)),
    Case("twice at the same moment, one failed", "check", checks(check(), check("test", "FAILURE"), LINT)),
    Case("twice, one without a start", "check", checks(check(), check("test", "", status="QUEUED", started=None), LINT)),
    Case("twice, the one without a start failed", "check", checks(check(), check("test", "FAILURE", started=None), LINT)),
    Case("twice, the older one still runs", "check", checks(check(), check("test", "", started=ago(700)), LINT)),
    Case("cancelled before it began, and a later one passed", "", checks(check(run=99, conclusion="CANCELLED", started=None), check(), LINT)),
    Case("cancelled at the moment a later one began", "", checks(check(run=99, conclusion="CANCELLED"), check(), LINT)),
    Case("cancelled before it began, and a later one failed", "check", checks(check(run=99, conclusion="CANCELLED", started=None), check("test", "FAILURE"), LINT)),
    Case("cancelled before it began, and a later one waits", "check", checks(check(run=99, conclusion="CANCELLED", started=None), check("test", "", status="QUEUED", started=None), LINT)),
    Case("cancelled after an earlier one passed", "check", checks(check(), check(run=101, conclusion="CANCELLED", started=None), LINT)),
    Case("cancelled, and a later one of another workflow passed", "check", checks(check(run=99, conclusion="CANCELLED", workflow="Other"), check(), LINT), bar={"required_checks": ("CI / test", "lint", "Other / test")}),
    Case("it failed before it began, and a later one passed", "check", checks(check(run=99, conclusion="FAILURE", started=None), check(), LINT)),
    Case("twice, one start without zone", "check", checks(check(), check("test", "FAILURE", started=ago(700).replace(tzinfo=None)), LINT)),
    Case("by another event as well, that failed earlier", "check", checks(check(), check("test", "FAILURE", event="push", started=ago(700)), LINT)),
    Case("from a second workflow as well", "check", checks(check(), check(workflow="Mine"), LINT)),
    Case("from a second app as well", "check", checks(check(), check(app="mine"), LINT)),
    Case("as a commit status as well", "check", {"statuses": (status("test"),)}),
    Case("from another workflow than the one named", "check other_check", checks(check("test", workflow="Mine"), check("test", "FAILURE", workflow="Other"), LINT), bar={"required_checks": ("CI / test", "lint")}),
    Case("from the workflow that is named", "", bar={"required_checks": ("CI / test", "CI / lint")}),
    Case("from the workflow that is named, beside another", "", checks(check(), check(workflow="Mine"), LINT), bar={"required_checks": ("CI / test", "lint")}),
    Case("an app's check named like the workflow's", "check", checks(check(), check("CI / test", app="mine", workflow=""), LINT), bar={"required_checks": ("CI / test", "lint")}),
    Case("it began in the future", "check", checks(check(started=NOW + timedelta(seconds=31)), LINT)),
    Case("it began a moment ahead of our clock", "", checks(check(started=NOW + timedelta(seconds=29)), LINT)),
    Case("it began at a time without zone", "check", checks(check(started=ago(600).replace(tzinfo=None)), LINT)),
    Case("a required status", "", {"statuses": (status("preview"),)}, bar={"required_checks": ("test", "lint", "preview")}),
    *(
        Case(f"a required status is {state}", "check", {"statuses": (status("preview", state),)}, bar={"required_checks": ("test", "lint", "preview")})
        for state in ("PENDING", "EXPECTED", "FAILURE", "ERROR", "success")
    ),
    # Other checks
    Case("another check failed", "other_check", checks(*GOOD["checks"], check("docs", "FAILURE"))),
    Case("another check runs", "other_check", checks(*GOOD["checks"], check("docs", ""))),
    Case("two others failed", "other_check other_check", checks(*GOOD["checks"], check("docs", "FAILURE"), check("e2e", "TIMED_OUT"))),
    Case("another check is skipped", "other_check", checks(*GOOD["checks"], check("docs", "SKIPPED"))),
    Case("another check is skipped, and the kind is listed", "", checks(*GOOD["checks"], check("docs", "SKIPPED")), bar={"check_ok": ("SUCCESS", "SKIPPED")}),
    Case("another check is skipped, and listed by name", "", checks(*GOOD["checks"], check("docs", "SKIPPED")), bar={"optional_skippable": ("docs",)}),
    Case("another check is neutral, and only skipped is listed", "other_check", checks(*GOOD["checks"], check("docs", "NEUTRAL")), bar={"check_ok": ("SUCCESS", "SKIPPED")}),
    Case("another check failed, and failure is listed", "other_check", checks(*GOOD["checks"], check("docs", "FAILURE")), bar={"check_ok": ("SUCCESS", "FAILURE")}),
    Case("another check was cut off, and that is listed", "other_check", checks(*GOOD["checks"], check("docs", "CANCELLED")), bar={"check_ok": ("CANCELLED",)}),
    Case("another status is pending", "other_check", {"statuses": (status(state="PENDING"),)}),
    Case("another status failed", "other_check", {"statuses": (status(state="FAILURE"),)}),
    # The base branch
    Case("the base failed", "base_green", {"base_checks": RED_BASE}),
    Case("the base still runs", "base_green", {"base_checks": (check("test"), check("lint", ""))}),
    Case("the base has no check yet", "base_green", {"base_checks": ()}),
    Case("the base has only skipped ones", "base_green", {"base_checks": (check("test", "SKIPPED"),)}, bar={"check_ok": ("SUCCESS", "SKIPPED")}),
    Case("the base's status failed", "base_green", {"base_statuses": (status(state="ERROR"),)}),
    Case("the base is green by a status", "", {"base_checks": (), "base_statuses": (status(),)}),
    Case("the base failed, and nobody minds", "", {"base_checks": RED_BASE}, bar=FREE),
    Case("the base failed before it passed", "", {"base_checks": (check("test"), check("test", "FAILURE", started=ago(700)))}),
    # Waivers
    Case("red here and on the base, without a waiver", "check", WAIVED, bar=FREE),
    Case("red here and on the base, and waived", "", WAIVED, bar=FREE, waivers=(waiver(),)),
    Case("waived for another check", "check", WAIVED, bar=FREE, waivers=(waiver(check="lint"),)),
    Case("waived at another head", "check", WAIVED, bar=FREE, waivers=(waiver(head=OLD),)),
    Case("waived for another run of the base", "check", WAIVED, bar=FREE, waivers=(waiver(base_run=6),)),
    Case("waived, but the base passed", "check", RED, bar=FREE, waivers=(waiver(),)),
    Case("waived, but the base was run again and passed", "check", {**RED, "base_checks": (*RED_BASE, check("test", event="push", run=9, started=ago(10)))}, bar=FREE, waivers=(waiver(),)),
    Case("waived, but the base's was cut off", "check", {**RED, "base_checks": (check("test", "CANCELLED", run=7),)}, bar=FREE, waivers=(waiver(),)),
    Case("waived, but the base's is of another workflow", "check", {**RED, "base_checks": (check("test", "FAILURE", workflow="Old", run=7),)}, bar=FREE, waivers=(waiver(),)),
    Case("waived, but it is absent here", "check", {**checks(LINT), "base_checks": RED_BASE}, bar=FREE, waivers=(waiver(),)),
    Case("waived, but it still runs here", "check", {**checks(check("test", ""), LINT), "base_checks": RED_BASE}, bar=FREE, waivers=(waiver(),)),
    Case("waived, but it was skipped here", "check", {**checks(check("test", "SKIPPED"), LINT), "base_checks": RED_BASE}, bar=FREE, waivers=(waiver(),)),
    Case("waived, but the base is unknown", "check base_green", {**RED, "base_checks": Why()}, waivers=(waiver(),)),
    Case("waived, but it is no required check", "other_check", {"checks": (*GOOD["checks"], check("docs", "FAILURE")), "base_checks": (check("docs", "FAILURE", run=7),)}, bar=FREE, waivers=(waiver(check="docs"),)),
    Case("waived, and the base must be green", "base_green", WAIVED, waivers=(waiver(),)),
    # Reviews
    Case("no review", "review review", reviews=()),
    Case("one area is missing", "review", reviews=REVIEWS[:1]),
    Case("a review of the older head", "review", reviews=(review(head=OLD, worktree_head=OLD), REVIEWS[1])),
    Case("a review of no head", "review", reviews=(review(head=""), REVIEWS[1])),
    Case("a review by the author", "review", reviews=(review(by="ann"), REVIEWS[1])),
    Case("a review by the author in another case", "review", reviews=(review(by="Ann "), REVIEWS[1])),
    Case("a review by the author, who is an app", "review", {"author": "ann"}, reviews=(review(by="ann[bot]"), REVIEWS[1])),
    Case("a review by nobody", "review", reviews=(review(by=""), REVIEWS[1])),
    Case("a review from a worktree with changes", "review", reviews=(review(worktree_clean=False), REVIEWS[1])),
    Case("a review from a worktree of another commit", "review", reviews=(review(worktree_head=OLD), REVIEWS[1])),
    Case("a review from no worktree", "review", reviews=(review(worktree_head=""), REVIEWS[1])),
    Case("a review from no worktree, and none is asked for", "", reviews=(review(worktree_head="", worktree_clean=False), REVIEWS[1]), bar={"worktree": False}),
    Case("a review of another area", "review", reviews=(review(area="style"), REVIEWS[1])),
    Case("a second review counts where the first does not", "", reviews=(review(by="ann"), *REVIEWS)),
    Case("an area asked for twice", "review", reviews=(), bar={"review": (an_area("data"), an_area("data"))}),
    Case("no review is asked for", "", reviews=(), bar={"review": ()}),
    # Bots
    Case("a bot's thread without an answer", "bots", {"threads": (thread("helperbot", 5000),)}),
    Case("a bot's thread resolved without an answer", "bots", {"threads": (thread("helperbot", 5000, resolved=True),)}),
    Case("a bot's thread answered by the bot", "bots", {"threads": (thread("helperbot", 100),)}),
    Case("a bot's thread answered by another bot of the list", "bots", {"threads": (thread("otherbot"),)}, bar={"bots": some_bots(("helperbot", "otherbot[bot]"))}),
    Case("a bot's thread answered by an account that is gone", "bots", {"threads": (thread(""),)}),
    Case("a bot's thread answered at this head", "", {"threads": (thread(),)}),
    Case("a bot's thread answered when this head came", "", {"threads": (thread(seconds=900),)}),
    Case("a bot's thread answered at an older head", "bots", {"threads": (thread(seconds=901),)}),
    Case("a bot's thread opened at this head and answered", "", {"threads": (thread(seconds=901, opened_at=HEAD),)}),
    Case("a bot's thread opened at this head without an answer", "bots", {"threads": (thread("helperbot", opened_at=HEAD),)}),
    Case("a bot's thread answered at a time without zone", "bots", {"threads": (replace(thread(), last=replace(remark(), created=ago(100).replace(tzinfo=None))),)}),
    Case("since when the head is there is unknown, and it matters", "bots", {"threads": (thread(),), "head_since": Why()}),
    Case("since when the head is there is unknown, and it does not matter", "", {"head_since": Why()}),
    Case("the bot's name in another spelling", "bots", {"threads": (thread("helperbot", by="HelperBot[bot]"),)}),
    Case("two threads of bots", "bots bots", {"threads": (thread("helperbot", 5000), thread(seconds=901))}),
    Case("a person's thread without an answer", "", {"threads": (thread("bob", 5000, by="bob"),)}),
    Case("a bot that is not listed", "", {"threads": (thread("otherbot", 5000, by="otherbot"),)}),
    Case("threads need no answers", "", {"threads": (thread("helperbot", 5000),)}, bar={"bots": some_bots(every_thread_answered_at_head=False)}),
    Case("no bots are named", "", {"threads": (thread("helperbot", 5000),)}, bar={"bots": None}),
    Case("a bot's comment is the last word", "bots", {"comments": (remark("bob", 300), remark("helperbot"))}),
    Case("a bot's comment was answered at this head", "", {"comments": (remark("helperbot", 300), remark("bob"))}),
    Case("a bot's comment was answered at an older head", "bots", {"comments": (remark("helperbot", 2000), remark("bob", 1000))}),
    # Nothing is concluded from what is unknown
    Case("the repository is unknown", "repository", {"repository": Why()}),
    Case("the number is unknown", "number", {"number": Why()}),
    Case("the state is unknown", "state", {"state": Why()}),
    Case("draft is unknown", "draft", {"draft": Why()}),
    Case("the base is unknown", "base", {"base": Why()}),
    Case("the base's commit is unknown", "base_sha", {"base_sha": Why()}),
    Case("the head is unknown", "head review review", {"head": Why()}),
    Case("mergeable is unknown", "mergeable", {"mergeable": Why()}),
    Case("the merge state is unknown", "merge_state", {"merge_state": Why()}),
    Case("the author is unknown", "author review review", {"author": Why()}),
    Case("the author is unknown, and no review is asked for", "author", {"author": Why()}, bar={"review": ()}),
    Case("auto-merge is unknown", "auto_merge", {"auto_merge": Why()}),
    Case("a queue is unknown", "merge_queue", {"merge_queue": Why()}),
    Case("the checks are unknown", "check check other_check", {"checks": Why()}),
    Case("the statuses are unknown", "check check other_check", {"statuses": Why()}),
    Case("the base's checks are unknown", "base_green", {"base_checks": Why()}),
    Case("the base's checks are unknown, and it need not be green", "base_green", {"base_checks": Why()}, bar=FREE),
    Case("the base's statuses are unknown", "base_green", {"base_statuses": Why()}),
    Case("the threads are unknown", "bots", {"threads": Why()}),
    Case("the threads are unknown, and no bots are named", "bots", {"threads": Why()}, bar={"bots": None}),
    Case("the comments are unknown", "bots", {"comments": Why()}),
    Case("whether all pages were read is unknown", "pages", {"all_pages": Why()}),
    # All at once
    Case(
        "much is wrong",
        "state draft merge_state auto_merge age check check other_check base_green review review bots",
        {"state": "CLOSED", "draft": True, "merge_state": "DIRTY", "auto_merge": True, "checks": (check("docs", "FAILURE"),), "base_checks": RED_BASE, "threads": (thread("helperbot"),)},
        at={"draft": ago(100)},
        reviews=(),
    ),
)  # fmt: skip


def judged(case: Case) -> tuple[Clause, ...]:
    return failing(
        a_bar(**case.bar),
        facts(case.facts, case.at),
        case.reviews,
        case.waivers,
        case.now,
        target=case.target,
    )


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_every_clause_that_stands_against_a_merge_is_named(case: Case) -> None:
    found = judged(case)
    assert sorted(c.code.removeprefix("merge.") for c in found) == sorted(case.codes.split()), found
    for clause in found:
        assert (clause.code.startswith("merge."), clause.section) == (True, 3)
        assert clause.found
        assert clause.needed
        assert "\n" not in clause.found + clause.needed


def test_the_table_is_long_and_has_no_case_twice() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 80


def test_a_state_that_was_unknown_a_moment_ago_is_judged_by_what_it_is_now() -> None:
    before = {"mergeable": "UNKNOWN", "merge_state": "UNKNOWN"}
    assert len(judged(Case("before", "", before))) == 2
    assert judged(Case("after", "")) == ()


def test_what_a_host_calls_a_check_stays_on_one_line_of_a_terminal() -> None:
    name = "x\n\x1b[2Jmerge.ok\u202e" + "y" * 1000
    (clause,) = judged(Case("", "", checks(*GOOD["checks"], check(name, "FAILURE"))))
    assert clause.found.isprintable()
    assert len(clause.found) <= 300


# Worse is never better


Kind = tuple[str, int, str]


def kinds(found: tuple[Clause, ...]) -> set[Kind]:
    """What is wrong, without how: a value that got worse is told in other words."""
    return {(clause.code, clause.section, clause.needed) for clause in found}


CONCLUSIONS = ("SUCCESS", "FAILURE", "SKIPPED", "NEUTRAL", "CANCELLED", "")
some_checks = st.lists(
    st.builds(
        check,
        st.sampled_from(["test", "lint", "docs"]),
        st.sampled_from(CONCLUSIONS),
        workflow=st.sampled_from(["CI", "CI", "Mine"]),
        run=st.sampled_from([7, 8]),
        started=st.sampled_from([ago(600), ago(700), None]),
    ),
    max_size=5,
).map(tuple)
some_statuses = st.lists(
    st.builds(status, st.sampled_from(["test", "preview"]), st.sampled_from(["SUCCESS", "PENDING"])),
    max_size=2,
).map(tuple)
some_threads = st.lists(
    st.builds(
        thread,
        st.sampled_from(["ann", "helperbot", ""]),
        st.sampled_from([100, 901]),
        by=st.sampled_from(["helperbot", "bob"]),
        opened_at=st.sampled_from([HEAD, OLD]),
    ),
    max_size=2,
).map(tuple)
some_comments = st.lists(
    st.builds(remark, st.sampled_from(["ann", "helperbot"]), st.sampled_from([100, 901])), max_size=3
).map(tuple)


def mostly(good: Any, *bad: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from([good] * 6 + list(bad) + [Why()])


some_facts = st.fixed_dictionaries(
    {
        **{name: mostly(GOOD[name]) for name in NAMES},
        "state": mostly("OPEN", "CLOSED", "open"),
        "draft": mostly(False, True),
        "base": mostly("main", "production"),
        "head": mostly(HEAD, OLD),
        "mergeable": mostly("MERGEABLE", "UNKNOWN"),
        "merge_state": mostly("CLEAN", "BEHIND"),
        "author": mostly("ann", "bob"),
        "auto_merge": mostly(False, True),
        "merge_queue": mostly(False, True),
        "all_pages": mostly(True, False),
        "checks": some_checks | st.just(GOOD["checks"]),
        "statuses": some_statuses,
        "base_checks": some_checks | st.just(GOOD["base_checks"]) | st.just(RED_BASE),
        "base_statuses": some_statuses,
        "threads": some_threads,
        "comments": some_comments,
    }
)
some_times = st.dictionaries(
    st.sampled_from(NAMES), st.sampled_from([ago(5), ago(61), NOW + timedelta(seconds=3)]), max_size=3
)
some_bars = st.builds(
    a_bar,
    check_ok=st.sampled_from([("SUCCESS",), ("SUCCESS", "SKIPPED")]),
    required_checks=st.sampled_from([("test",), ("CI / test", "lint"), ()]),
    optional_skippable=st.sampled_from([(), ("test",), ("docs",)]),
    serialize_on_green_base=st.booleans(),
    worktree=st.booleans(),
    bots=st.sampled_from([some_bots(), None]),
)
some_reviews = st.lists(
    st.builds(
        review,
        st.sampled_from(["security", "data"]),
        head=st.sampled_from([HEAD, OLD]),
        by=st.sampled_from(["bob", "ann"]),
        worktree_clean=st.booleans(),
    ),
    max_size=4,
).map(tuple)
some_waivers = st.lists(
    st.builds(waiver, check=st.sampled_from(["test", "CI / test"]), base_run=st.sampled_from([7, 8])),
    max_size=2,
).map(tuple)


def against(bar: Bar, seen: PullFacts, reviews: tuple[Review, ...], waivers: tuple[Waiver, ...]) -> set[Kind]:
    return kinds(failing(bar, seen, reviews, waivers, NOW, target=TARGET))


@given(some_facts, some_times, some_bars, some_reviews, some_waivers)
@settings(max_examples=examples(150), deadline=None)
def test_a_fact_that_becomes_unknown_takes_no_clause_away(
    changed: dict[str, Any],
    at: dict[str, datetime],
    bar: Bar,
    reviews: tuple[Review, ...],
    waivers: tuple[Waiver, ...],
) -> None:
    seen = facts(changed, at)
    before = against(bar, seen, reviews, waivers)
    for name in NAMES:
        worse = replace(seen, **{name: Unknown("no answer", getattr(seen, name).at)})
        assert before <= against(bar, worse, reviews, waivers), name


WORSE: dict[str, Any] = {
    "state": "CLOSED",
    "draft": True,
    "mergeable": "CONFLICTING",
    "merge_state": "BEHIND",
    "auto_merge": True,
    "merge_queue": True,
    "all_pages": False,
    "repository": "github.com/eve/shop",
    "number": 1,
    "base": "other",
    "head": "d" * 40,
    "author": "",
}


@given(some_facts, some_times, some_bars, some_reviews, some_waivers)
@settings(max_examples=examples(150), deadline=None)
def test_a_fact_that_gets_worse_takes_no_clause_away(
    changed: dict[str, Any],
    at: dict[str, datetime],
    bar: Bar,
    reviews: tuple[Review, ...],
    waivers: tuple[Waiver, ...],
) -> None:
    seen = facts(changed, at)
    before = against(bar, seen, reviews, waivers)
    for name, value in WORSE.items():
        worse = replace(seen, **{name: Known(value, getattr(seen, name).at)})
        assert before <= against(bar, worse, reviews, waivers), name
    for name in NAMES:
        older = replace(seen, **{name: replace(getattr(seen, name), at=ago(3600))})
        assert before <= against(bar, older, reviews, waivers), name


@given(some_facts, some_bars, some_reviews, some_waivers, st.sampled_from(["test", "lint", "docs"]))
@settings(max_examples=examples(150), deadline=None)
def test_checks_threads_and_comments_that_get_worse_take_no_clause_away(
    changed: dict[str, Any],
    bar: Bar,
    reviews: tuple[Review, ...],
    waivers: tuple[Waiver, ...],
    name: str,
) -> None:
    # A waiver asks for a check that is red here, so a check that fails where it was skipped may be waived: none of them here.
    seen = facts(changed)
    before = against(bar, seen, reviews, ())
    assert against(bar, seen, reviews, waivers) <= before
    found = seen.checks.value if isinstance(seen.checks, Known) else ()
    for worse in (
        (*found, check("another", "FAILURE")),
        tuple(replace(c, status="COMPLETED", conclusion="FAILURE") for c in found),
        tuple(replace(c, status="QUEUED", conclusion="") for c in found),
    ):
        assert before <= against(bar, replace(seen, checks=Known(worse, ago(5))), reviews, ())
    if name in bar.required_checks and isinstance(seen.statuses, Known):  # gone, wherever it came from
        gone = replace(
            seen,
            checks=Known(tuple(c for c in found if c.name != name), ago(5)),
            statuses=Known(tuple(s for s in seen.statuses.value if s.context != name), ago(5)),
        )
        assert before <= against(bar, gone, reviews, ())
    if isinstance(seen.threads, Known):
        silent = tuple(replace(t, last=t.first) for t in seen.threads.value)
        for threads in (silent, (*seen.threads.value, thread("helperbot"))):
            assert before <= against(bar, replace(seen, threads=Known(threads, ago(5))), reviews, ())
    if isinstance(seen.comments, Known):
        spoken = (*seen.comments.value, remark("helperbot", 1))
        assert before <= against(bar, replace(seen, comments=Known(spoken, ago(5))), reviews, ())
