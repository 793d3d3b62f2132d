"""One seed in, one run of the engine through a world of crashes, limits and people out; `Broken` when it broke a promise.

The world keeps its own truth: what it commits, decides and publishes is judged by that and never by the engine's state.
`python tests/kit/simulation.py SEED` replays a seed and shows each thing that happened.
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.decisions.decision import Confirmation
from correctless.dispatch.core import engine
from correctless.ledger.record import decode
from correctless.review import gate
from correctless.runlog.events import (
    Abandoned,
    AttemptFailed,
    ChecksAwaited,
    ChecksSeen,
    Completed,
    Consolidated,
    Event,
    LoggedEvent,
    PublishIntended,
    Rerun,
    Resumed,
    Reverted,
    Rewound,
    RunStarted,
    RunStopped,
    StepContinued,
    StepFinished,
    StepStarted,
    Superseded,
    TrialMerged,
    logged,
)
from correctless.runlog.fold import after, fold
from correctless.runlog.manifest import status
from correctless.runlog.state import UNDER_WAY, State
from runs import WHEN, started
from simulated_log import Memory, OnDisk
from simulated_luck import Broken, Crash, draw
from simulated_truth import Truth
from simulated_world import Try, World

CALM = 10  # dispatchers that may meet trouble; after them nothing goes wrong, and the run has to end
DISPATCHERS = CALM + 14


class Simulation:
    """The dispatchers of one run, one after the other, and the people between them."""

    def __init__(
        self, seed: int, folder: Path | None = None, trace: Callable[[str], None] | None = None
    ) -> None:
        self.dice = random.Random(seed)
        self.trace = trace
        self.plan, self.chances = draw(self.dice)
        self.world = World(self.dice, self.plan, self.chances, self.note)
        self.truth = Truth(self.plan)
        self.log: Memory | OnDisk = Memory() if folder is None else OnDisk(folder / f"run-{seed}.jsonl")
        self.events: list[LoggedEvent] = []
        self.lines: dict[bytes, LoggedEvent] = {}
        self.met: Counter[str] = Counter()
        self.generous = self.dice.random() < 0.5  # a person grants more when the budget is spent
        self.states = [State()]  # after each event

    def note(self, text: str) -> None:
        if self.trace is not None:
            self.trace(text)

    def run(self) -> str:
        """How the run ended: complete, abandoned, budget, or `left` by its people in the middle."""
        self.note(f"plan {[(s.name, s.untrusted) for s in self.plan.steps]} {self.chances}")
        self.note(
            f"     attempts {self.plan.attempts} {self.plan.on_limit} {self.plan.usd} USD {self.plan.pr}"
        )
        self.log.open()
        self.record(started(self.plan))
        leave = self.dice.randint(1, CALM) if self.dice.random() < 0.1 else 0  # 0: they stay to the end
        for number in range(1, DISPATCHERS + 1):
            self.world.calm = number > CALM
            state = self.dispatch(number)
            if state.phase in ("complete", "abandoned"):
                return self.ended(state)
            stopped = self.truth.stopped
            if self.world.calm and stopped is not None and stopped.code == exits.BUDGET and not self.generous:
                return "budget"
            if number == leave:
                return "left"
            self.person()
        raise Broken(f"nothing goes wrong any more, and the run does not end: {self.folded()}")

    def load(self) -> State:
        """The state as a new dispatcher reads it; it must be what the last one knew."""
        lines = self.log.open()
        if [self.lines.get(line) for line in lines] != self.events:
            raise Broken(f"the run log holds {len(lines)} events, {len(self.events)} were acknowledged")
        return self.folded()

    def folded(self) -> State:
        """`fold` of all events. What was folded before is not folded again, which is most of what a seed costs."""
        for item in self.events[len(self.states) - 1 :]:
            self.states.append(after(self.states[-1], item))
        state = self.states[-1]
        if isinstance(self.log, OnDisk) and fold(self.events) != state:
            raise Broken(f"folded in one go the run is not {state}")
        return state

    def record(self, item: LoggedEvent) -> LoggedEvent:
        """One event on disk and acknowledged, read back from its line."""
        self.note(f"  {item.event}")
        line = self.log.append(item)
        back = logged(decode(line))
        if back != item:
            raise Broken(f"{item} comes back from its line as {back}")
        self.lines[line] = back
        self.events.append(back)
        self.met[item.event.event] += 1
        event = item.event
        if isinstance(event, StepStarted):
            self.world.tries[f"{event.step}#{event.attempt}"] = Try(event.step, event.base)
        if isinstance(event, StepContinued):
            self.world.tries[f"{event.step}#{event.attempt}"].parts = event.part
        if isinstance(event, StepFinished) and f"{event.step}#{event.attempt}" != self.world.branch[-1].label:
            raise Broken(f"{event.step}#{event.attempt} is finished, and the last commit is another's")
        if not isinstance(event, RunStarted):
            self.truth.note(event)
        return back

    def write(self, state: State, event: Event) -> LoggedEvent:
        """As `loop.Log.write`: refused before it is written, durable when it returns, torn by a crash in between."""
        item = LoggedEvent("r1", WHEN, event)
        after(state, item)
        if self.world.hits(self.chances.crash):
            self.note(f"    TORN {event.event}")
            self.met["torn"] += 1
            self.log.tear(item, self.dice.random())
            raise Crash
        back = self.record(item)
        if not isinstance(event, Completed | RunStopped):  # see `stop`
            self.world.point("after the event was written")
        return back

    def dispatch(self, number: int) -> State:
        """One dispatcher from its start to its end, whichever; the state on record afterwards."""
        self.note(f"dispatcher {number}{' (calm)' if self.world.calm else ''}")
        world = self.world
        state = self.load()
        try:
            self.drive(state)
        except Crash:
            self.met["crash"] += 1
            if (
                world.held is not None
                and world.held in world.tries
                and (world.held, world.tries[world.held].parts) in world.ran
                and self.dice.random() < self.chances.orphan
            ):
                world.orphan = world.held
            world.held = None
            return self.load()
        except KeyboardInterrupt:
            self.stop(exits.INTERRUPTED, "interrupted", goes_on=True)
        except Stop as stop:
            self.stop(stop.code, stop.message, goes_on=False)
        world.held = None
        state = self.load()
        if state.unfinished and (state.stopped is None or not state.stopped.reason):
            raise Broken(f"a dispatcher ended in '{state.phase}' and nobody says why")
        if state.unfinished and status(state) not in ("waiting", "paused", "stopped"):
            raise Broken(f"a dispatcher ended, and the run is '{status(state)}'")
        return state

    def stop(self, code: int, reason: str, *, goes_on: bool) -> None:
        """What the loop puts on record when it is stopped; the end of the agent comes first."""
        self.met["stopped"] += 1
        state = self.folded()
        ended = self.world.cut_off(state, goes_on=goes_on)
        if state.unfinished:
            if ended is not None:
                self.record(LoggedEvent("r1", WHEN, ended))
            self.record(
                LoggedEvent("r1", WHEN, RunStopped(code, state.step.name if state.step else None, reason))
            )

    def drive(self, state: State) -> None:
        """As `loop.drive`, with every state held against the fold of the lines it was written as."""
        begun = effects = waits = 0
        if state.unfinished and (state.stopped is not None or state.phase != "ready" or state.attempts):
            resumed = Resumed(unclean=state.stopped is None)
            if state.stopped is not None and state.stopped.code == exits.BUDGET and self.generous:
                resumed = replace(resumed, usd=self.truth.usd + 50, minutes=self.truth.seconds / 60 + 500)
                self.met["granted"] += 1
            state = after(state, self.write(state, resumed))
        effect = engine.decide(state)
        while effect is not None:
            self.truth.asked(effect)
            begun += isinstance(effect, engine.StartAgent | engine.ContinueAgent)
            waits += isinstance(effect, engine.Wait)
            effects += 1
            if effects > 8 * (begun + 1) + waits + 12:
                raise Broken(f"{effects} effects for {begun} attempts: it goes in circles at {effect}")
            self.world.point(f"before {type(effect).__name__}")
            event = self.perform(state, effect)
            self.world.point(f"between {type(effect).__name__} and its event")
            before = state
            state, asked = engine.step(state, self.write(state, event))
            if state == before:
                raise Broken(f"{event.event} changed nothing")
            if state != after(before, self.events[-1]):
                raise Broken(f"the state after {event.event} is not what the log says")
            if len(asked) > 1 or (asked[0] if asked else None) != engine.decide(state):
                raise Broken(f"{asked} are asked for after {event.event}")
            effect = asked[0] if asked else None

    def perform(self, state: State, effect: engine.Effect) -> Event:
        """As `perform`, on the world."""
        world, step = self.world, state.step.name if state.step else ""
        match effect:
            case engine.StartAgent(attempt=attempt):
                return world.start(state, attempt)
            case engine.ContinueAgent(part=part):
                return world.go_on(state, part)
            case engine.Ask():
                return world.ask_person(state, self.events)
            case engine.TakeAnswers():
                return world.take_answers(state)
            case engine.FinishAgent():
                return world.finish(state)
            case engine.TakeDecisions():
                return world.take(state)
            case engine.CheckStep():
                return world.check(state)
            case engine.CommitStep():
                return StepFinished(
                    step, state.attempt, world.commit(self.truth.label), len(world.decisions), "h"
                )
            case engine.Discard(counted=counted):
                return world.discard(state, counted=counted, reason=state.reason)
            case engine.Revert():
                return Reverted(step, state.attempt, state.reason, world.take_back(state))
            case engine.Rewind():
                world.reset(state.step_base)
                world.point("after the branch went back")
                return Rewound(state.step_base)
            case engine.Wait():
                world.point("while it waits")
                return Resumed(unclean=False)
            case engine.Consolidate():
                return Consolidated(world.commit("consolidation"), ())
            case engine.AskGate():
                return world.ask(self.events)
            case engine.TryMerge():
                world.point("while the merge is tried")
                return TrialMerged(world.head, "b", self.dice.choice(("clean", "conflict", "untried")))
            case engine.IntendPublish():
                return PublishIntended(world.head, self.plan.pr[0])
            case engine.Publish():
                return world.publish(state)
            case engine.AwaitChecks():
                return ChecksAwaited(WHEN)
            case engine.WatchChecks():
                world.point("while the checks are watched")
                return ChecksSeen(world.head, self.dice.choice(("green", "red", "pending", "unknown")))
            case engine.Merge():
                return world.merge(state, self.events)
            case engine.Complete():
                return Completed(state.url)
            case engine.Halt(code=code, reason=reason, resume_at=resume_at):
                return RunStopped(code, step or None, reason, resume_at)
            case _:
                raise NotImplementedError(f"the simulation has no {type(effect).__name__}. add it to perform")

    def person(self) -> None:
        """What somebody does before the next dispatcher starts; all of it when nothing goes wrong any more."""
        world, dice = self.world, self.dice
        if world.orphan:
            if not world.calm and dice.random() < 0.4:
                world.tree.append(world.words())  # it lives on and works on
                world.tries[world.orphan].work.append(world.tree[-1])
                return  # and holds the lock: nobody else gets in
            world.orphan = None
        if not world.calm and self.truth.left and dice.random() < 0.2:
            self.note("  PERSON changes what the cut-off agent left")
            world.tree.append(world.words())
        if world.calm or dice.random() < 0.35:
            self.answer("escalations")
            return
        roll = dice.random()
        if roll < 0.1:
            self.answer("rejected")
        elif roll < 0.3:
            self.rerun()
        elif roll < 0.45:
            world.append(world.words(), None, None, deferred=dice.random() < 0.5, source="cli")
        elif roll < 0.47:
            self.abandon()
        elif roll < 0.47 + self.chances.spoil and self.truth.current is not None:
            attempt = world.tries.get(self.truth.label)
            if attempt is not None:
                attempt.block = None

    def answer(self, kind: str) -> None:
        """As `correctless review`: the gate is closed over what is open, and exactly that is answered."""
        state = self.load()
        if state.phase not in ("consolidated", "closed", "open", "publishing"):
            return
        found = self.world.evaluate(self.events)
        if found.open:
            return
        if found.closing is None:
            self.record(LoggedEvent("r1", WHEN, gate.close(found.waiting, self.world.words())))
            found = self.world.evaluate(self.events)
        assert found.closing is not None
        self.note(f"  PERSON {kind} {found.closing.entries}")
        self.met[kind] += 1
        said = Confirmation(kind, found.closing.digest, "Ada", "terminal", WHEN)
        self.world.confirmations.append(said)
        shown = {r.decision.default_applied for r in found.waiting}
        if kind == "escalations":
            self.world.confirmed |= shown

    def rerun(self) -> None:
        """As `rerun.request`: one of the steps that are done, and all after it."""
        state = self.load()
        done = [name for name in self.truth.names if name in self.truth.done]
        if not done or state.pushed:
            return
        if self.world.pushed:
            raise Broken("something was pushed, and the log does not say so")
        step = self.dice.choice(done)
        label = f"{step}#{self.truth.begun[step]}"
        gone = self.truth.names[self.truth.names.index(step) :]
        discarded = tuple(
            Superseded(each.step, int(label.partition("#")[2]))
            for label, each in self.world.tries.items()
            if each.step in gone
        )
        base = self.world.tries[label].base
        if state.phase in UNDER_WAY and self.world.tree:
            calm, self.world.calm = self.world.calm, True  # a person's command is not what is tried here
            failed = self.world.discard(state, counted=False, reason="a person had it run again")
            self.truth.outcome, self.truth.check_failed = "abandoned", False
            self.record(LoggedEvent("r1", WHEN, failed))
            self.world.calm = calm
        self.record(
            LoggedEvent("r1", WHEN, Rerun(step, "again", "Ada", "terminal", base, "refs/k/1", discarded))
        )

    def abandon(self) -> None:
        state = self.load()
        if state.step is not None and state.phase in UNDER_WAY:
            failed = AttemptFailed(state.step.name, state.attempt, "abandoned", False, None)
            self.truth.outcome, self.truth.check_failed = "abandoned", False
            self.record(LoggedEvent("r1", WHEN, failed))
        self.record(LoggedEvent("r1", WHEN, Abandoned("Ada")))

    def ended(self, state: State) -> str:
        """What has to hold when a run is over."""
        world, truth = self.world, self.truth
        count = len(self.events)
        again = self.dispatch(0)
        if again.phase != state.phase or len(self.events) != count:
            raise Broken(f"a run that is {state.phase} went on")
        words = Counter(r.decision.default_applied for r in world.decisions)
        for label, each in world.tries.items():
            stands = label in world.standing()
            told = {*each.said, *each.earlier, *(w for w, _ in each.block or ())}
            meant = told if stands else set(each.said)
            if lost := [w for w in sorted(meant) if words[w] != 1]:
                raise Broken(f"{label} decided {lost}, on record {[words[w] for w in lost]} times")
        if not truth.complete:
            return "abandoned"
        standing = world.standing() - {"consolidation"}
        finished = {f"{step}#{truth.begun[step]}" for step in truth.done if truth.done[step] == "finished"}
        if standing != finished or set(truth.done) != set(truth.names):
            raise Broken(f"on the branch are {sorted(standing)}, finished are {sorted(finished)}")
        work = Counter(piece for commit in world.branch for piece in commit.work)
        if work != Counter(piece for label in standing for piece in world.tries[label].work):
            raise Broken(f"the branch holds {work}, which is not what the attempts that stand made")
        if world.pulls != (self.plan.pr[0] != "skip"):
            raise Broken(f"complete with {world.pulls} pull requests")
        if (world.merged is not None) != bool(self.plan.merge):
            raise Broken(f"complete, and merged is {world.merged}")
        if not isinstance(self.events[-1].event, Completed) or not truth.published:
            raise Broken("complete is not the last event, or nothing was published before it")
        return "complete"


def simulate(
    seed: int, folder: Path | None = None, trace: Callable[[str], None] | None = None
) -> tuple[str, Counter[str]]:
    """How the run of a seed ended and how often it met what; `folder`: keep its log in a file of the real ledger there."""
    simulation = Simulation(seed, folder, trace)
    try:
        end = simulation.run()
    except Exception as fault:
        raise Broken(
            f"{fault or type(fault).__name__}\nsee it again with: python tests/kit/simulation.py {seed}"
        ) from fault
    return end, simulation.met


def main(seed: int) -> None:
    """Replay one seed, in memory and in a file, and show what happens."""

    def show(line: str) -> None:
        sys.stdout.write(line + "\n")

    show(f"ends {simulate(seed, trace=show)[0]}")
    with TemporaryDirectory() as folder:
        simulate(seed, Path(folder))


if __name__ == "__main__":
    main(int(sys.argv[1]))
