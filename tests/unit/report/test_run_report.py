"""The report of a run as values: each decision has its status, each attempt its time, and a record that fails is never fine."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

import reported
from correctless.audit.claims import Claim, Verdict
from correctless.decisions.decision import Confirmation
from correctless.dispatch.core import engine
from correctless.report import entries as reported_entries
from correctless.report import run as run_report
from correctless.report import timeline
from correctless.report.entries import ReportedEntry
from correctless.review.summary import Item
from correctless.runlog.branch import RecordedDecision
from correctless.runlog.events import AgentEnded, LoggedEvent, RunStopped, StepStarted
from correctless.runlog.state import State
from runs import WHEN, Player, plan, started


def test_deferred_ones_that_need_you_come_first_damaged_and_unlisted_before_the_others() -> None:
    view = reported.report(reported.decisions(300), answered=30)
    kinds = [
        ("open" not in d.marks, "damaged" not in d.marks, "unlisted" not in d.marks, d.number)
        for d in (each.decision for each in view.deferred)
    ]
    assert kinds == sorted(kinds)
    assert len({kind[:3] for kind in kinds}) > 4
    assert len(view.deferred) == view.count("deferred")
    assert view.count("open") == len(view.deferred) - 30


def test_a_decision_that_names_no_file_has_all_of_its_step_s_once_and_a_link_after_that() -> None:
    entries = [
        replace(each, default_applied=text, rationale="", escalation_deferred=True, original_escalation_reason="r", step="ctdd")
        for each, text in zip(reported.decisions(4), ("nothing", "see parse.py", "nothing", "src/naptime/parse.py"), strict=True)
    ]  # fmt: skip
    cards = reported.report(entries).deferred
    by_text = [(each.decision.default, [file.path for file in each.files], each.more) for each in cards]
    every = ["src/naptime/parse.py", "docs/logo.png", "uv.lock"]
    assert sorted(by_text, key=lambda each: each[0]) == [
        ("nothing", every, 0),
        ("nothing", [], 3),
        ("see parse.py", every[:1], 2),
        ("src/naptime/parse.py", every[:1], 2),
    ]


@pytest.mark.parametrize(
    ("item", "answer", "rejected", "status"),
    [
        ({"open": True}, False, False, "needs you"),
        ({"open": True}, False, True, "rejected"),
        ({"open": True, "rejected": "Bob (github)"}, False, False, "rejected"),
        ({"open": False}, True, False, "confirmed"),
        ({"open": False, "decided": "31 days"}, True, False, "decided otherwise"),
        ({"open": False, "superseded": True}, True, False, "superseded"),
        ({"open": False}, False, False, "deferred"),
    ],
)
def test_the_status_of_a_deferred_decision(
    item: dict[str, object], answer: bool, rejected: bool, status: str
) -> None:
    [entry] = [each for each in reported.decisions(60) if each.escalation_deferred][:1]
    yes = Confirmation("escalations", "d", "Ada", "terminal", reported.MADE)
    known = reported.evidence([entry])
    given = ReportedEntry(Item(entry, 1, **item), yes if answer else None)  # type: ignore[arg-type]
    [shown] = run_report.of(known, [], [given], {}, made=reported.MADE, rejected=rejected).decisions
    assert shown.status == status
    assert ("confirmed" in shown.marks) == (status in ("confirmed", "decided otherwise"))


def test_where_the_gate_is_unknown_every_deferred_decision_needs_you_and_the_record_says_why() -> None:
    entries = reported.decisions(40)
    known = reported.evidence(entries)
    given = reported_entries.of_record(RecordedDecision(each, n, b"") for n, each in enumerate(entries, 1))
    view = run_report.of(known, [], given, {}, made=reported.MADE, unread="line 3 is damaged")
    assert view.count("open") == sum(each.escalation_deferred for each in entries)
    assert {each.status for each in view.decisions if "open" in each.marks} == {
        "deferred, and its answers cannot be checked"
    }
    assert (view.record.tone, view.record.sentence) == (
        "bad",
        "the gate cannot be checked: line 3 is damaged",
    )


@pytest.mark.parametrize(
    ("verdicts", "tone"),
    [
        (["proven", "not yet"], "good"),
        (["proven", "unchecked"], "attention"),
        (["proven", "not proven", "unchecked"], "bad"),
        (["contradicted"], "bad"),
    ],
)
def test_the_record_is_only_good_when_nothing_speaks_against_it(verdicts: list[Verdict], tone: str) -> None:
    known = reported.evidence([])
    claims = [Claim("run", "run log", verdict, "") for verdict in verdicts]
    assert run_report.of(known, claims, [], {}, made=reported.MADE).record.tone == tone


def test_cost_tokens_and_time_of_a_run_are_those_of_all_its_attempts() -> None:
    entries = reported.decisions(20)
    view = reported.report(entries)
    ended = [each.event for each in reported.night(entries) if isinstance(each.event, AgentEnded)]
    assert view.spent.usd == pytest.approx(sum(each.cost_usd for each in ended))
    assert view.spent.tokens == sum(each.tokens for each in ended)
    assert view.spent.seconds == pytest.approx(sum(each.seconds for each in ended))
    assert view.spent.estimated
    assert sum(step.spent.usd for step in view.steps) == pytest.approx(view.spent.usd)
    assert [step.name for step in view.steps if step.spent.estimated] == ["cdocs"]


def test_a_limit_parts_an_attempt_and_is_a_pause_of_its_own() -> None:
    view = reported.report(reported.decisions(20))
    [cverify] = [step for step in view.steps if step.name == "cverify"]
    first, second = cverify.attempts[0].spans
    limit, waiting = view.pauses
    assert (limit.label, waiting.label) == ("paused: a limit or an outage", "waiting for you")
    assert limit.start == first.end < second.start
    assert limit.end <= second.start
    assert limit.end - limit.start == pytest.approx(5_401)
    assert waiting.end > view.wall_seconds >= waiting.start


def test_a_failed_attempt_says_why_and_where_its_work_is() -> None:
    view = reported.report(reported.decisions(20))
    [simplify] = [step for step in view.steps if step.name == "simplify"]
    failed, finished = simplify.attempts
    assert (failed.outcome, failed.reason, failed.patch) == (
        "failed", "check failed: 3 failed, 212 passed", "simplify-1/left.patch",
    )  # fmt: skip
    assert failed.superseded
    assert (finished.outcome, finished.check, finished.superseded) == ("finished", "passed", False)
    assert (simplify.state, simplify.change is not None) == ("finished", True)


@pytest.mark.parametrize("when", ["", "yesterday", "2026-07-01T22:04:11", "0000-00-00T00:00:00Z"])
def test_a_time_that_cannot_be_read_moves_nothing(when: str) -> None:
    clock = timeline.Clock("2026-07-01T22:00:00.000Z")
    assert clock.at("2026-07-01T22:00:30.000Z") == 30
    assert clock.at(when) == 30
    assert clock.at("2026-07-01T21:00:00.000Z") == 0  # a clock that was set back
    assert timeline.Clock(when).at("2026-07-01T22:00:30.000Z") == 0


def test_an_agent_at_work_has_no_end_yet() -> None:
    items = [item for item in reported.night([]) if not isinstance(item.event, RunStopped)]
    first = next(n for n, item in enumerate(items) if isinstance(item.event, StepStarted))
    known = reported.evidence([], items[: first + 1])
    known = replace(known, standing=replace(known.standing, word="running", why="", next=""))
    view = run_report.of(known, [], [], {}, made=reported.MADE)
    [attempt] = view.steps[0].attempts
    assert (view.steps[0].state, attempt.outcome, view.steps[1].state) == (
        "running",
        "running",
        "not started",
    )
    assert attempt.spans[-1].end == view.wall_seconds > 20_000


def test_only_answers_to_what_this_run_asked_are_its_answers() -> None:
    entries = reported.decisions(20)
    known = reported.evidence(entries)
    spec = known.plan.spec_sha256

    def said(kind: str, digest: str, by: str, channel: str = "terminal") -> Confirmation:
        return Confirmation(kind, digest, by, channel, reported.MADE)

    known = replace(
        known,
        confirmations=(
            said("spec", spec, "Ada"),
            said("spec", "0" * 64, "another spec"),
            said("escalations", reported.DIGEST, "CI", "flag"),
            said("escalations", "1" * 64, "another run"),
            said("rejected", reported.DIGEST, "Bob", "github"),
        ),
    )
    given = [ReportedEntry(Item(each, n, open=each.escalation_deferred)) for n, each in enumerate(entries, 1)]
    answers = run_report.of(known, [], given, {}, made=reported.MADE).answers
    assert [(each.by, each.counts) for each in answers] == [("Ada", True), ("CI", False), ("Bob", True)]
    assert answers[1].entries == tuple(n for n, each in enumerate(entries, 1) if each.escalation_deferred)


def test_every_kind_of_event_has_its_line() -> None:
    shown = set()
    for seed in range(60):
        player = Player(random.Random(seed), fail=0.2, check=0.1, pause=0.2, close=0.4, defer=0.4)
        state, item = State(), started(plan(*reported.STEPS, on_escalation="ask"))
        items = [item]
        for _ in range(120):
            state, effects = engine.step(state, item)
            if not effects:
                break
            item = LoggedEvent("r1", WHEN, player.play(state, effects[0]))
            items.append(item)
        lines = list(timeline.shown(dict(enumerate(items, 1)), timeline.Clock(WHEN)))
        assert [line.seq for line in lines] == list(range(1, len(items) + 1))
        assert all(line.title for line in lines)
        shown |= {type(each.event) for each in items}
    assert len(shown) > 12
