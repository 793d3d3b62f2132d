"""Evidence about runs that never were, as large and as odd as a report must bear: a plausible night, and its decisions."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from correctless.audit import judge
from correctless.audit.evidence import Git, RunEvidence
from correctless.base.clock import timestamp
from correctless.decisions.decision import Confirmation, Decision
from correctless.metrics.figures import Figures, RunFigures, Sums
from correctless.report import history
from correctless.report import run as run_report
from correctless.report.entries import ReportedEntry
from correctless.report.history import HistoryReport
from correctless.report.model import RunReport
from correctless.review import changes
from correctless.review.changes import FileDiff, StepChange
from correctless.review.standing import Standing
from correctless.review.summary import Item
from correctless.runlog.branch import RecordedDecision
from correctless.runlog.events import (
    AgentEnded,
    AttemptFailed,
    Consolidated,
    DecisionsTaken,
    Event,
    GateClosed,
    LoggedEvent,
    Resumed,
    RunStarted,
    RunStopped,
    StepChecked,
    StepContinued,
    StepFinished,
    StepStarted,
)
from correctless.runlog.fold import fold
from runs import plan

BEGAN = datetime(2026, 7, 1, 22, 4, 11, tzinfo=UTC)
MADE = "2026-07-02T05:12:00.000Z"
STEPS = ("ctdd", "simplify", "cverify", "cupdate-arch", "cdocs")
DIGEST = "a6776bf476d1e2ce3e921eee2e7a3f6834973cd955e2cc3ef5126e75faef4816"
_CHOICES = (
    "use pytest, which pyproject.toml configures and 212 tests use",
    "keep the public name `parse` and add no alias",
    "refuse durations over 30 days with ValueError that quotes the text",
    'list it under "Beyond the spec" without a verdict',
    "the narrower reading that its words carry, with a test that pins it down",
    "skip the flaky test and flag it in the report",
)
_REASONS = (
    "R-002 to R-004 refuse what R-001 reads, so reading came first.",
    "Both edits give the same seconds and the same messages, and the tests in tests/test_parse.py read each unit.",
    "src/naptime/parse.py is the only caller; a wider change would touch docs/usage.md as well.",
    "CHANGELOG.md is kept, and its Unreleased part was empty.",
)
_WHY = (
    "Only the owner of the spec can say whether a month is 30 or 31 days.",
    "no such default in this skill",
    "It deletes what may be needed: nobody but you knows whether the old page is linked from outside.",
)
DIFF = """\
diff --git a/src/naptime/parse.py b/src/naptime/parse.py
index 1111111..2222222 100644
--- a/src/naptime/parse.py
+++ b/src/naptime/parse.py
@@ -10,6 +10,9 @@ def parse(text: str) -> int:
     total = 0
     for number, unit in _PARTS.findall(text):
-        total += int(number) * _SECONDS[unit]
+        seconds = int(number) * _SECONDS[unit]
+        if seconds > LONGEST:
+            raise ValueError(f"not a duration: {text!r}")
+        total += seconds
     return total
"""


def decision(number: int, dice: random.Random, step: str, run: str = "20260701-220411-9f3a") -> Decision:
    """One of a run's decisions: a third of them is more than a listed default."""
    kind = dice.choices(("plain", "deferred", "unlisted", "differs", "damaged"), (66, 12, 10, 9, 3))[0]
    made = Decision(
        skill=step,
        decision_id=f"AD-{dice.randrange(1, 9):03}",
        default_applied=dice.choice(_CHOICES),
        rationale=dice.choice(_REASONS),
        timestamp=timestamp(BEGAN + timedelta(seconds=30 + number)),
        escalation_deferred=False,
        run=run,
        step=step,
        attempt=1,
        source="block",
    )
    more: dict[str, dict[str, object]] = {
        "plain": {},
        "deferred": {"original_escalation_reason": _WHY[0]},
        "unlisted": {"decision_id": f"AD-UNLISTED-{number}", "original_escalation_reason": _WHY[1], "notes": ("unlisted",), "extra": {"claimed_id": "AD-099"}},
        "differs": {"notes": ("differs-from-default",)},
        "damaged": {"decision_id": f"AD-UNLISTED-{number}", "default_applied": "", "rationale": "", "original_escalation_reason": "what the agent recorded here could not be read", "notes": ("damaged",), "extra": {"kept": ".correctless/artifacts/kept/cverify-1-b2.txt", "fault": "it never closes"}},
    }  # fmt: skip
    return replace(made, escalation_deferred="original_escalation_reason" in more[kind], **more[kind])  # type: ignore[arg-type]


def decisions(count: int, seed: int = 0) -> list[Decision]:
    dice = random.Random(seed)
    return [decision(n, dice, STEPS[n * len(STEPS) // count]) for n in range(count)]


def night(entries: Sequence[Decision], run: str = "20260701-220411-9f3a") -> tuple[LoggedEvent, ...]:
    """The events of a run that had a failed attempt and a usage limit, and now waits at its gate."""
    events: list[LoggedEvent] = []
    clock = BEGAN

    def add(event: Event, seconds: float = 1.0) -> None:
        nonlocal clock
        clock += timedelta(seconds=seconds)
        events.append(LoggedEvent(run, timestamp(clock), event))

    made = plan(*STEPS, branch="feature/parse-durations", intensity="high", usd=40.0)
    add(RunStarted(made, "Ada Lovelace", "terminal", "0.1.0", 0, "h"), 0)
    for number, step in enumerate(STEPS):
        own = [each for each in entries if each.step == step]
        deferred = sum(each.escalation_deferred for each in own)
        failed = [1] if step == "simplify" else []
        for attempt in (*failed, len(failed) + 1):
            base = f"{number:x}" * 40
            add(StepStarted(step, attempt, "n" * 64, "s", 1, "m", base, "p" * 64))
            if step == "cverify":
                add(_ended(step, attempt, "paused", 412, 0.61, 80_000, "usage limit of five hours"), 412)
                add(RunStopped(11, step, "usage limit of five hours", "2026-07-02T01:00:00Z"))
                add(Resumed(unclean=False), 5_400)
                add(StepContinued(step, attempt, 2, 1, "m", "p" * 64))
            spent = 700 + 430 * number
            add(_ended(step, attempt, "ok", spent, 1.37 + number / 3, 210_000 + 31_000 * number), spent)
            add(DecisionsTaken(step, attempt, len(own), deferred, (), 0, "h"))
            if attempt in failed:
                add(
                    StepChecked(
                        step, attempt, ok=False, detail="3 failed, 212 passed: test_r004_longer_than_a_month"
                    ),
                    41,
                )
                add(
                    AttemptFailed(
                        step,
                        attempt,
                        "check failed: 3 failed, 212 passed",
                        counted=True,
                        patch="simplify-1/left.patch",
                    )
                )
            else:
                add(StepChecked(step, attempt, ok=True, detail="215 passed"), 38)
                add(StepFinished(step, attempt, f"{number + 1:x}" * 40, 0, "h"))
    add(Consolidated("f" * 40, ()))
    waiting = tuple(n for n, each in enumerate(entries, 1) if each.escalation_deferred)
    if waiting:
        add(GateClosed("c" * 32, DIGEST, waiting))
        add(RunStopped(10, None, f"{len(waiting)} decisions need your confirmation"))
    return tuple(events)


def _ended(
    step: str, attempt: int, outcome: str, seconds: float, usd: float, tokens: int, why: str = ""
) -> AgentEnded:
    left = f"{'a' * 40}:{'b' * 40}" if outcome == "paused" else ""
    return AgentEnded(
        step, attempt, outcome, why, None, "a" * 64, seconds, usd, cost_estimated=step == "cdocs", tokens=tokens, turns=9, left=left
    )  # fmt: skip


def evidence(entries: Sequence[Decision], events: Sequence[LoggedEvent] | None = None) -> RunEvidence:
    events = night(entries) if events is None else events
    state = fold(events)
    assert state.plan is not None
    waiting = sum(each.escalation_deferred for each in entries)
    return RunEvidence(
        run=state.run,
        plan=state.plan,
        events=dict(enumerate(events, 1)),
        state=state,
        standing=Standing("waiting", f"{waiting} decisions need your confirmation", "correctless review"),
        fault="",
        entries=tuple(RecordedDecision(each, n, b"") for n, each in enumerate(entries, 1)),
        log=None,
        log_fault="this run never was",
        missing=False,
        lost=None,
        confirmations=(
            Confirmation(
                "spec", state.plan.spec_sha256, "Ada Lovelace", "terminal", "2026-07-01T22:03:58.120Z"
            ),
        ),
        confirmations_fault="",
        question_digests=frozenset({DIGEST}),
        line_digests={},
        uncovered={},
        git=Git(None, {}, {}, frozenset(), (), {}, fault="this run never was"),
    )


def changed(steps: Iterable[str] = STEPS) -> Mapping[tuple[str, int], StepChange]:
    """The same change for each step, with a file that is binary and one too long."""
    made = changes.parse(DIFF, ["src/naptime/parse.py"])["src/naptime/parse.py"]
    files = (
        made,
        FileDiff("docs/logo.png", note="binary: not shown"),
        FileDiff("uv.lock", note="larger than 1 MB: not shown"),
    )
    return {(step, 2 if step == "simplify" else 1): StepChange("a" * 40, "c" * 40, files) for step in steps}


def report(entries: Sequence[Decision], *, answered: int = 0) -> RunReport:
    """The report of a night with these decisions; of the deferred ones the first `answered` are confirmed."""
    known = evidence(entries)
    yes = Confirmation("escalations", DIGEST, "Ada Lovelace", "terminal", "2026-07-02T05:10:00.000Z")
    given: list[ReportedEntry] = []
    for seq, each in enumerate(entries, 1):
        confirmed = each.escalation_deferred and answered > 0
        answered -= confirmed
        open_ = each.escalation_deferred and not confirmed
        item = Item(each, seq, open=open_, confirmed_by="Ada Lovelace (terminal)" if confirmed else "")
        given.append(ReportedEntry(item, yes if confirmed else None))
    return run_report.of(known, judge.audit(known), given, changed(), made=MADE, digest=DIGEST)


def past(count: int, seed: int = 0) -> HistoryReport:
    """The report of so many runs, in which less and less needs a person."""
    dice, totals = random.Random(seed), Figures()
    for number in range(count):
        done = dice.randrange(9, 60)
        share = 0.5 * (1 - number / count) + 0.05
        sums = Sums(
            steps=5, attempts=6, failed=dice.randrange(2), decisions=done, deferred=int(done * share * dice.random()),
            unlisted=int(done * share * dice.random() / 2), tokens=dice.randrange(2_000_000),
            micro_usd=dice.randrange(2_000_000, 19_000_000), milliseconds=dice.randrange(900_000, 9_000_000),
        )  # fmt: skip
        run = RunFigures(
            f"20260{1 + number % 9}01-220411-{number:04x}",
            f"feature/change-{number}",
            timestamp(BEGAN + timedelta(days=number)),
            tried=True,
            end=dice.choice(("complete", "complete", "complete", "waiting", "failed")),
            wall=sums.milliseconds + dice.randrange(30_000_000),
            sums=sums,
        )
        totals.runs.append(run)
        totals.skill(dice.choice(STEPS)).add(sums)
    return history.of(totals, (), repository="naptime", made=MADE)
