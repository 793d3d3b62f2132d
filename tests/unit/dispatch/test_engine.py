"""The pure core: what follows from which events."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from correctless.base import exits
from correctless.dispatch.core import engine
from correctless.ledger.record import decode, encode
from correctless.runlog.events import (
    EVENTS,
    AgentEnded,
    AttemptFailed,
    Completed,
    DecisionsTaken,
    LoggedEvent,
    Rerun,
    Resumed,
    RunStopped,
    StepFinished,
    Superseded,
    discarded,
    fields_of,
    logged,
)
from correctless.runlog.fold import OutOfOrderError, after, fold
from correctless.runlog.manifest import manifest, status
from correctless.runlog.plan import Plan
from correctless.runlog.state import State
from runs import WHEN, Player, plan, planned, started


def drive(made: Plan, player: Player, *, crash: float = 0.0, rounds: int = 40) -> list[LoggedEvent]:
    """Run a plan to its end as the loop does; a crash forgets the dispatcher at a random point between two events."""
    events = [started(made)]
    for _ in range(rounds):
        state = fold(events)
        if not state.unfinished:
            break
        if len(events) > 1:
            events.append(LoggedEvent("r1", WHEN, Resumed(unclean=state.stopped is None)))
        state = fold(events)
        player.living = None
        effect = engine.decide(state)
        while effect is not None:
            event = LoggedEvent("r1", WHEN, player.play(state, effect))
            if player.dice.random() < crash:
                break  # performed, and not on record
            events.append(event)
            state, effects = engine.step(state, event)
            assert state == fold(events)
            effect = effects[0] if effects else None
            if player.dice.random() < crash:
                break
    return events


def test_a_run_without_trouble_goes_through_every_step_once() -> None:
    player = Player(random.Random(0))
    events = drive(plan("ctdd", "simplify", "cverify"), player)
    assert player.ran == [("ctdd", 1), ("simplify", 1), ("cverify", 1)]
    assert [e.event.event for e in events[-3:]] == ["publish_intended", "published", "complete"]
    assert manifest(fold(events))["completed_steps"] == ["ctdd", "simplify", "cverify", "consolidation", "pr"]


@pytest.mark.parametrize("seed", range(300))
def test_whatever_crashes_no_finished_step_runs_again_and_complete_is_last(seed: int) -> None:
    dice = random.Random(seed)
    player = Player(dice, fail=0.2, check=0.2, pause=0.1, close=0.3)
    events = drive(plan("ctdd", "simplify", "cverify", "cdocs"), player, crash=0.15)
    state = fold(events)
    finished: set[str] = set()
    for item in events:
        if isinstance(item.event, StepFinished):
            assert item.event.step not in finished, f"seed {seed}: {item.event.step} finished twice"
            finished.add(item.event.step)
    begun = [(e.event.step, e.event.attempt) for e in events if e.event.event == "step_started"]  # type: ignore[union-attr]
    assert len(begun) == len(set(begun)), f"seed {seed}: an attempt number was used again"
    assert status(state) in ("complete", "waiting", "stopped", "paused", "running")
    if any(isinstance(item.event, Completed) for item in events):
        assert isinstance(events[-1].event, Completed)
        assert player.published >= 1


def test_a_step_is_given_up_after_its_attempts_and_granted_new_ones_by_a_resume() -> None:
    player = Player(random.Random(1), check=1.0)
    events = [started(plan("ctdd"))]
    state = fold(events)
    effect = engine.decide(state)
    while effect is not None:
        events.append(LoggedEvent("r1", WHEN, player.play(state, effect)))
        state = fold(events)
        effect = engine.decide(state)
    assert state.stopped is not None
    assert state.stopped.code == exits.FAILED
    assert player.ran == [("ctdd", 1), ("ctdd", 2), ("ctdd", 3)]
    assert "the check said no" in state.stopped.reason
    state = after(state, LoggedEvent("r1", WHEN, Resumed(unclean=False)))
    assert engine.decide(state) == engine.StartAgent(attempt=4)


def test_an_untrusted_step_whose_check_fails_is_reverted_and_the_run_goes_on() -> None:
    player = Player(random.Random(1), check=1.0)
    made = plan("simplify", "cdocs")
    made = replace(made, steps=(made.steps[0], planned("cdocs")))
    events = [started(made)]
    state = fold(events)
    while state.index == 0:
        effect = engine.decide(state)
        assert effect is not None
        events.append(LoggedEvent("r1", WHEN, player.play(state, effect)))
        state = fold(events)
    assert player.ran == [("simplify", 1)]
    assert state.warnings == ("simplify: its work was discarded: the check said no",)
    assert ("r1", "simplify", 1) in discarded(events)


def test_a_pause_is_waited_for_and_is_no_failed_attempt() -> None:
    state = _at_ended("paused")
    assert engine.decide(state) == engine.Discard(counted=False)
    state = after(state, LoggedEvent("r1", WHEN, AttemptFailed("ctdd", 1, "limit", False, None)))
    assert isinstance(engine.decide(state), engine.Wait)
    assert state.failures == 0
    state = after(state, LoggedEvent("r1", WHEN, Resumed(unclean=False)))
    assert engine.decide(state) == engine.StartAgent(attempt=2)


def test_a_pause_ends_with_11_when_it_is_not_to_be_waited_for() -> None:
    state = _at_ended("paused", on_limit="pause")
    state = after(state, LoggedEvent("r1", WHEN, AttemptFailed("ctdd", 1, "limit", False, None)))
    effect = engine.decide(state)
    assert isinstance(effect, engine.Halt)
    assert effect.code == exits.PAUSED


def test_an_attempt_whose_dispatcher_died_is_taken_back_uncounted() -> None:
    assert engine.decide(_at_ended("interrupted")) == engine.Discard(counted=False)


@pytest.mark.parametrize(
    ("budget", "code"), [({"usd": 0.5}, exits.BUDGET), ({"minutes": 1 / 60}, exits.BUDGET)]
)
def test_no_agent_starts_once_the_budget_is_spent(budget: dict[str, float], code: int) -> None:
    player = Player(random.Random(1))
    events = drive(plan("ctdd", "cdocs", **budget), player, rounds=1)
    assert player.ran == [("ctdd", 1)]
    state = fold(events)
    assert state.stopped is not None
    assert state.stopped.code == code


def test_a_closed_gate_is_asked_again_after_a_resume_even_when_it_had_opened() -> None:
    made = plan("ctdd")
    for phase in ("closed", "open", "publishing"):
        state = replace(State(run="r1", plan=made, index=1), phase=phase)
        resumed = after(state, LoggedEvent("r1", WHEN, Resumed(unclean=True)))
        assert engine.decide(resumed) == engine.AskGate()


def test_a_rerun_supersedes_the_step_and_all_after_it_and_numbers_go_on() -> None:
    player = Player(random.Random(1), close=1.0)
    events = drive(plan("ctdd", "cverify", "cdocs"), player, rounds=1)
    gone = (Superseded("cverify", 1), Superseded("cdocs", 1))
    events.append(
        LoggedEvent("r1", WHEN, Rerun("cverify", "look again", "Ada", "terminal", "base1", "refs/k/1", gone))
    )
    assert engine.decide(fold(events)) is None  # a person asked for it, and resumes it
    events.append(LoggedEvent("r1", WHEN, Resumed(unclean=False)))
    state = fold(events)
    assert engine.decide(state) == engine.Rewind()
    assert state.step_base == "base1"
    assert discarded(events) == {("r1", "cverify", 1), ("r1", "cdocs", 1)}
    state = fold([*events, LoggedEvent("r1", WHEN, player.play(state, engine.Rewind()))])
    assert engine.decide(state) == engine.StartAgent(attempt=2)
    assert state.retry_note == "look again"
    assert [item.step for item in state.finished] == ["ctdd"]


@pytest.mark.parametrize(
    "event",
    [
        StepFinished("cdocs", 1, "c", 1, "h"),
        StepFinished("ctdd", 7, "c", 1, "h"),
        AgentEnded("ctdd", 2, "ok", "", None, "a", 1.0, 0.0, False, 0, 0),
        Rerun("nothing", "", "", "", "", "", ()),
    ],
)
def test_an_event_that_can_not_follow_is_refused(event: object) -> None:
    state = fold([started(plan("ctdd", "cdocs"))])
    with pytest.raises(OutOfOrderError):
        after(state, LoggedEvent("r1", WHEN, event))  # type: ignore[arg-type]


def test_an_event_of_another_run_is_refused() -> None:
    state = fold([started(plan("ctdd"))])
    with pytest.raises(OutOfOrderError, match="run r2"):
        after(state, LoggedEvent("r2", WHEN, Completed("")))


def test_a_second_run_can_not_start_over_an_unfinished_one() -> None:
    with pytest.raises(OutOfOrderError, match="unfinished"):
        fold([started(plan("ctdd")), started(plan("ctdd"), run="r2")])


def test_every_event_survives_its_line() -> None:
    player = Player(random.Random(3), fail=0.3, check=0.3, pause=0.3, close=0.5, defer=0.5)
    made = plan(
        on_escalation="ask",
        steps=tuple(planned(n, session=True) for n in ("ctdd", "simplify", "cverify")),
        pr=("gh",),
        ci_wait_minutes=1.0,
        merge="r1",
    )
    seen = set()
    for seed in range(40):
        player.dice.seed(seed)
        for item in drive(made, player, crash=0.1, rounds=12):
            values = decode(encode(fields_of(item.run, item.timestamp, item.event)))
            assert list(values)[:3] == ["event", "run", "timestamp"]
            assert logged(values) == item
            seen.add(item.event.event)
    assert seen >= set(EVENTS) - {"rerun", "rewound", "abandoned"}


def _at_ended(outcome: str, **other: object) -> State:
    state = fold([started(plan("ctdd", **other))])
    player = Player(random.Random(1))
    state = after(state, LoggedEvent("r1", WHEN, player.play(state, engine.StartAgent(1))))
    ended = AgentEnded("ctdd", 1, outcome, outcome, None, "a", 1.0, 0.0, False, 0, 0)
    return after(state, LoggedEvent("r1", WHEN, ended))


def test_a_stopped_run_asks_for_nothing_until_it_is_resumed() -> None:
    state = after(fold([started(plan("ctdd"))]), LoggedEvent("r1", WHEN, RunStopped(3, None, "disk full")))
    assert engine.decide(state) is None
    assert status(state) == "stopped"


def ended(made: Plan, **how: object) -> State:
    """A state whose first attempt just ended so."""
    player = Player(random.Random(0))
    state = fold([started(made)])
    state = after(state, LoggedEvent("r1", WHEN, player.play(state, engine.StartAgent(1))))
    event = player.play(state, engine.FinishAgent())
    return after(state, LoggedEvent("r1", WHEN, replace(event, **how)))  # type: ignore[arg-type]


def discarded_after(state: State) -> State:
    effect = engine.decide(state)
    assert isinstance(effect, engine.Discard)
    player = Player(random.Random(0))
    return after(state, LoggedEvent("r1", WHEN, player.play(state, effect)))


def test_an_attempt_the_runs_limit_ended_is_not_counted_and_the_run_stops_there() -> None:
    for made, how, limit in (
        (plan("ctdd", usd=2.0), {"over": "usd", "cost_usd": 1.9}, "usd"),
        (plan("ctdd", minutes=5), {"over": "wall", "seconds": 299.0}, "minutes"),
    ):
        state = ended(made, outcome="failed", reason="cut off", **how)
        assert engine.decide(state) == engine.Discard(counted=False)
        state = discarded_after(state)
        halt = engine.decide(state)
        assert isinstance(halt, engine.Halt)
        assert (halt.code, f"--max-{limit}" in halt.reason) == (exits.BUDGET, True)
        assert state.failures == 0
        state = after(state, LoggedEvent("r1", WHEN, RunStopped(halt.code, "ctdd", halt.reason)))
        more = after(state, LoggedEvent("r1", WHEN, Resumed(unclean=False, usd=9.0, minutes=90)))
        assert engine.decide(more) == engine.StartAgent(2)
        assert more.plan is not None
        assert (more.plan.usd, more.plan.minutes) == (9.0, 90)


def test_a_limit_of_the_step_alone_is_a_failed_attempt() -> None:
    step = planned("ctdd", usd=1.0, minutes=5)
    made = replace(plan("ctdd", usd=40.0), steps=(step,))
    for how in ({"over": "usd"}, {"over": "wall"}, {"over": "idle"}, {"over": "turns"}):
        state = ended(made, outcome="failed", reason="cut off", **how)
        assert engine.decide(state) == engine.Discard(counted=True)


def test_three_quarters_of_a_limit_are_said_once() -> None:
    state = ended(plan("ctdd", "cdocs", usd=4.0), cost_usd=2.9)
    assert state.warnings == ()
    state = ended(plan("ctdd", "cdocs", usd=4.0, minutes=10), cost_usd=3.0, seconds=450.0)
    assert state.warnings == (
        "limit-near: 3.00 of 4.00 USD are spent",
        "limit-near: 7.50 of 10.00 minutes are spent",
    )


def test_an_account_that_is_used_up_so_far_is_a_pause_before_the_next_step() -> None:
    made = plan("ctdd", "cdocs", stop_at_usage={"five_hour": 90.0})
    for share, halts in ((0.89, False), (0.9, True)):
        state = discarded_after(ended(made, outcome="failed", reason="x", usage={"five_hour": share}))
        effect = engine.decide(state)
        assert isinstance(effect, engine.Halt) == halts
        if isinstance(effect, engine.Halt):
            assert effect.code == exits.PAUSED
            state = after(state, LoggedEvent("r1", WHEN, RunStopped(effect.code, "ctdd", effect.reason)))
            state = after(state, LoggedEvent("r1", WHEN, Resumed(unclean=False)))
            assert engine.decide(state) == engine.StartAgent(2)  # a person knows better


def test_halt_pauses_after_a_step_that_deferred_something_and_only_there() -> None:
    for deferred, word, code in ((1, "halt", exits.PERSON), (0, "halt", None), (1, "defer", None)):
        player = Player(random.Random(0))
        made = plan("ctdd", "cdocs", on_escalation=word)
        events = [started(made)]
        state = fold(events)
        while state.index == 0:
            effect = engine.decide(state)
            assert effect is not None
            event = player.play(state, effect)
            if isinstance(event, DecisionsTaken):
                event = replace(event, deferred=deferred)
            state = after(state, LoggedEvent("r1", WHEN, event))
        found = engine.decide(state)
        if code is None:
            assert found == engine.StartAgent(1)
        else:
            assert isinstance(found, engine.Halt)
            assert (found.code, "ctdd deferred a decision" in found.reason) == (code, True)
            state = after(state, LoggedEvent("r1", WHEN, RunStopped(found.code, "cdocs", found.reason)))
            state = after(state, LoggedEvent("r1", WHEN, Resumed(unclean=False)))
            assert engine.decide(state) == engine.StartAgent(1)
