"""What there is besides the run log of a simulation: agents, a tree and its branch, decisions, a person, pull requests."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.decisions.decision import Confirmation, Decision
from correctless.dispatch.core import engine
from correctless.ledger.chain import Head
from correctless.ledger.record import decode, encode
from correctless.review import gate
from correctless.runlog.branch import Branch, RecordedDecision
from correctless.runlog.events import (
    AgentEnded,
    Answered,
    Asking,
    AttemptFailed,
    DecisionsTaken,
    GateClosed,
    GateOpened,
    LoggedEvent,
    Merged,
    Published,
    RunStopped,
    StepChecked,
    StepContinued,
    StepStarted,
)
from correctless.runlog.plan import Plan
from correctless.runlog.state import State
from runs import WHEN
from simulated_luck import Broken, Chances, Crash


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit of the dispatcher: its trailers, and the pieces of work in it."""

    id: str
    label: str  # step#attempt, or consolidation
    log: int
    work: tuple[str, ...]


@dataclass(slots=True)
class Try:
    """One attempt as it really went."""

    step: str
    base: str
    said: list[str] = field(default_factory=list)  # the words of its decisions that were acknowledged
    block: list[tuple[str, bool]] | None = None  # its newest answer on disk: words, deferred
    earlier: list[str] = field(default_factory=list)  # the words of its answers before that
    pieces: int = 0  # how many those are that were taken
    parts: int = 1  # processes of its session
    work: list[str] = field(default_factory=list)
    found: list[tuple[str, bool]] | None = None  # what its check defers to a person


class World:
    """What there is besides the run log: agents, a tree and its branch, decisions, answers of a person, pull requests."""

    def __init__(
        self, dice: random.Random, made: Plan, chances: Chances, note: Callable[[str], None]
    ) -> None:
        self.dice = dice
        self.plan = made
        self.chances = chances
        self.note = note
        self.calm = False
        self.names = [step.name for step in made.steps]
        self.tries: dict[str, Try] = {}
        self.ran: set[tuple[str, int]] = set()
        self.held: str | None = None
        self.said = False  # the held agent's answer was heard whole
        self.orphan: str | None = None
        self.tree: list[str] = []
        self.branch: list[Commit] = []
        self.made = 0
        self.decisions: list[RecordedDecision] = []
        self.keys: dict[str, str] = {}  # key -> words
        self.manual: set[str] = set()
        self.confirmations: list[Confirmation] = []
        self.confirmed: set[str] = set()  # words
        self.pushed = False
        self.pulls = 0
        self.merged: str | None = None  # the commit the host merged

    def point(self, where: str) -> None:
        """Something may happen here."""
        if self.calm:
            return
        roll, c = self.dice.random(), self.chances
        if roll < c.crash:
            self.note(f"    CRASH {where}")
            raise Crash
        if roll < c.crash + c.interrupt:
            self.note(f"    SIGINT {where}")
            raise KeyboardInterrupt
        if roll < c.crash + c.interrupt + c.refuse:
            self.note(f"    STOP {where}")
            raise Stop(exits.REFUSED, f"the disk is full {where}")

    def hits(self, chance: float) -> bool:
        return not self.calm and self.dice.random() < chance

    @property
    def head(self) -> str:
        return self.branch[-1].id if self.branch else "base"

    def reset(self, commit: str) -> None:
        ids = ["base", *(made.id for made in self.branch)]
        if commit not in ids:
            raise Broken(f"the branch is to go back to '{commit}', which it does not hold")
        del self.branch[ids.index(commit) :]
        self.tree.clear()

    def standing(self) -> set[str]:
        """The attempts whose work is on the branch."""
        return {commit.label for commit in self.branch}

    def append(self, words: str, key: str | None, label: str | None, *, deferred: bool, source: str) -> None:
        """A decision on record, acknowledged when this returns."""
        if key is not None and key in self.keys:
            if self.keys[key] != words:
                raise Broken(f"decision '{words}' is lost: its key {key} is that of '{self.keys[key]}'")
            return
        step, _, attempt = label.partition("#") if label else ("", "", "")
        why = "it is a person's" if deferred else None
        made = Decision(step or "ctdd", "AD-001", words, "because", WHEN, deferred, why)
        if label:
            made = Decision(
                *(
                    step,
                    "AD-001",
                    words,
                    "because",
                    WHEN,
                    deferred,
                    why,
                    "r1",
                    step,
                    int(attempt),
                    key,
                    source,
                )
            )
        line = encode(made.fields())[:-1]
        self.decisions.append(RecordedDecision(Decision.of(decode(line)), len(self.decisions) + 1, line))
        if key is not None:
            self.keys[key] = words
        if label:
            self.tries[label].said.append(words)
        else:
            self.manual.add(words)
        self.note(f"    decision {key or 'by hand'}{' deferred' if deferred else ''}")

    def words(self) -> str:
        self.made += 1
        return f"w{self.made}"

    def open_words(self) -> list[str]:
        """The deferred decisions that stand and that nobody confirmed: while there is one, nothing may be published."""
        standing = self.standing()
        return [
            r.decision.default_applied
            for r in self.decisions
            if r.decision.escalation_deferred
            and r.decision.default_applied not in self.confirmed
            and (r.decision.step is None or f"{r.decision.step}#{r.decision.attempt}" in standing)
        ]

    # The effects, as `perform` does them; each may be cut short at every `point`.

    def start(self, state: State, attempt: int) -> StepStarted:
        assert state.step is not None
        label = f"{state.step.name}#{attempt}"
        if self.orphan or self.held:
            raise Broken(f"{label} starts while the agent of {self.orphan or self.held} lives")
        if self.tree:
            raise Broken(f"{label} starts in a tree that holds {self.tree}")
        self.held, self.said = label, False
        self.point("while the agent is held")
        return StepStarted(state.step.name, attempt, "n", "s", 1, f"m-{label}", self.head, "p")

    def left(self) -> str:
        """As `Repo.fingerprint`: all that is there."""
        return f"{self.head}:{'+'.join(self.tree)}"

    def go_on(self, state: State, part: int) -> StepContinued | AttemptFailed:
        assert state.step is not None
        label = f"{state.step.name}#{state.attempt}"
        if self.orphan:
            raise Stop(exits.LOCKED, f"what {self.orphan} left still lives")
        if self.held:
            raise Broken(f"{label} goes on while the agent of {self.held} lives")
        mine = self.tries[label]
        if part != mine.parts + 1:
            raise Broken(f"part {part} of {label} follows part {mine.parts}")
        if state.phase == "suspended" and self.left() != state.left:
            return self.discard(state, counted=False, reason="the worktree is another")
        if foreign := set(self.tree) - set(mine.work):
            raise Broken(f"{label} goes on over {foreign}, which it did not make")
        self.held, self.said = label, False
        self.point("while the agent is held again")
        return StepContinued(state.step.name, state.attempt, part, 1, f"m-{label}-{part}", "p")

    def ask_person(self, state: State, events: list[LoggedEvent]) -> Asking:
        """As `asking.ask`, with or without somebody at the terminal."""
        assert state.step is not None
        label = f"{state.step.name}#{state.attempt}"
        before = {seq for item in events if isinstance(item.event, Asking) for seq in item.event.entries}
        there = self.dice.random() < 0.8
        asked = [
            r
            for r in self.decisions
            if there
            and f"{r.decision.step}#{r.decision.attempt}" == label
            and r.decision.escalation_deferred
            and r.seq not in before
        ]
        challenge = self.words()
        digests = tuple(gate.digest(challenge, [r.line]) for r in asked)
        return Asking(state.step.name, state.attempt, challenge, tuple(r.seq for r in asked), digests)

    def take_answers(self, state: State) -> Answered:
        """As `asking.take_answers`: what is on record already is not asked again."""
        assert state.step is not None
        assert state.asking is not None
        label = f"{state.step.name}#{state.attempt}"
        given = {said.digest: said for said in self.confirmations if said.kind == "answer"}
        confirmed = changed = 0
        for seq, digest in zip(state.asking.entries, state.asking.digests, strict=True):
            said = given.get(digest)
            if said is None:
                self.point("while a person is asked")
                if self.dice.random() < 0.3:
                    continue
                note = self.words() if self.dice.random() < 0.5 else ""
                said = Confirmation("answer", digest, "Ada", "terminal", WHEN, note)
                self.confirmations.append(said)
                self.confirmed.add(self.decisions[seq - 1].decision.default_applied)
            confirmed += said.note == ""
            changed += said.note != ""
            self.point("after an answer")
            if said.note:
                key = f"r1/{label.replace('#', '/')}/sanswer-{seq}"
                self.append(said.note, key, label, deferred=False, source="synthesized")
        return Answered(
            state.step.name, state.attempt, "Ada", "terminal", confirmed, changed, len(self.decisions), "h"
        )

    def finish(self, state: State) -> AgentEnded:
        assert state.step is not None
        label = f"{state.step.name}#{state.attempt}"
        if self.held is None:
            if self.orphan:
                raise Stop(exits.LOCKED, f"what {self.orphan} left still lives")
            return self._ended(state, "interrupted")
        mine = self.tries[label]
        again = (label, mine.parts) in self.ran
        if self.held != label or again:
            raise Broken(f"the agent of {self.held} runs as {label}{', again' if again else ''}")
        self.ran.add((label, mine.parts))
        calls = sum(key.startswith(f"r1/{label.replace('#', '/')}/t") for key in self.keys)
        for _ in range(self.dice.randint(0, 3)):
            self.point("while the agent runs")
            if self.dice.random() < 0.5:
                deferred = self.dice.random() < self.chances.defer
                calls += 1
                key = f"r1/{label.replace('#', '/')}/t{calls}"
                self.append(self.words(), key, label, deferred=deferred, source="tool")
            else:
                mine.work.append(self.words())
                self.tree.append(mine.work[-1])
            if self.hits(self.chances.killed):
                return self._ended(state, "failed", "killed by signal 9")
        outcome = (
            "failed" if self.hits(self.chances.fail) else "paused" if self.hits(self.chances.pause) else "ok"
        )
        if outcome == "ok":
            mine.earlier += [words for words, _ in mine.block or ()]
            mine.block = [
                (self.words(), self.dice.random() < self.chances.defer)
                for _ in range(self.dice.randint(0, 2))
            ]
            self.said = True
        self.point("after the answer was written")
        return self._ended(state, outcome)

    def _ended(self, state: State, outcome: str, reason: str = "") -> AgentEnded:
        assert state.step is not None
        self.held = None
        limits = ("", "", "idle", "turns", "wall", "usd")
        over = self.dice.choice(limits) if outcome == "failed" and not self.calm else ""
        cut_off = outcome == "paused" or over in ("usd", "wall")
        left = self.left() if state.step.session and cut_off else ""
        until = self.dice.choice((None, f"2026-01-02T0{self.dice.randint(4, 9)}:00:00.000Z"))
        return AgentEnded(
            step=state.step.name,
            attempt=state.attempt,
            outcome=outcome,
            reason=reason or f"the agent {outcome}",
            resume_at=until if outcome == "paused" else None,
            answer_sha256="a",
            seconds=float(self.dice.randint(1, 900)),
            cost_usd=self.dice.randint(0, 200) / 100,
            cost_estimated=False,
            tokens=1,
            turns=1,
            over=over,
            usage={} if self.calm else {"five_hour": self.dice.randint(0, 100) / 100},
            left=left,
        )

    def cut_off(self, state: State, *, goes_on: bool) -> AgentEnded | None:
        """As `Runner.cut_off`: how the agent ended that a stop caught at work."""
        label, self.held = self.held, None
        if label not in self.tries or (label, self.tries[label].parts) not in self.ran:
            return None
        if state.phase != "running":
            return None
        assert state.step is not None
        if self.said:
            return self._ended(state, "ok")
        left = self.left() if goes_on and state.step.session else ""
        return replace(self._ended(state, "interrupted"), left=left)

    def take(self, state: State) -> DecisionsTaken | AttemptFailed:
        assert state.step is not None
        label = f"{state.step.name}#{state.attempt}"
        if label not in self.tries:
            raise Broken(f"decisions of {label} are taken, which never began")
        block = self.tries[label].block
        if block is None:
            return self.discard(state, counted=False, reason="the answer on disk is not the one it gave")
        for number, (words, deferred) in enumerate(block, state.pieces + 1):
            self.point("between two decisions")
            key = f"r1/{label.replace('#', '/')}/b{number}"
            self.append(words, key, label, deferred=deferred, source="block")
        mine = [
            r.decision
            for r in self.decisions
            if (r.decision.key or "").startswith(f"r1/{label.replace('#', '/')}/")
        ]
        deferred_ones = sum(decision.escalation_deferred for decision in mine)
        end = len(self.decisions)
        pieces = state.pieces + len(block)
        return DecisionsTaken(state.step.name, state.attempt, len(mine), deferred_ones, (), end, "h", pieces)

    def check(self, state: State) -> StepChecked:
        assert state.step is not None
        label = f"{state.step.name}#{state.attempt}"
        self.point("during the check")
        if self.hits(self.chances.check):
            return StepChecked(state.step.name, state.attempt, ok=False, detail="the check said no")
        mine = self.tries[label]
        if mine.found is None:
            mine.found = [(self.words(), True)] if self.dice.random() < self.chances.defer / 3 else []
        for words, _ in mine.found:
            key = f"r1/{label.replace('#', '/')}/sguard"
            self.append(words, key, label, deferred=True, source="synthesized")
            self.point("after the check deferred something")
        return StepChecked(state.step.name, state.attempt, ok=True, detail="")

    def commit(self, label: str) -> str:
        last = self.branch[-1] if self.branch else None
        if self.tree or last is None or (last.label, last.log) != (label, len(self.decisions)):
            self.point("before the commit")
            self.made += 1
            self.branch.append(Commit(f"c{self.made}", label, len(self.decisions), tuple(self.tree)))
            self.tree.clear()
        self.point("after the commit")
        return self.head

    def take_back(self, state: State) -> str | None:
        patch = "left.patch" if self.tree else None
        self.point("after the patch was kept")
        self.reset(state.step_base)
        self.point("after the tree was taken back")
        return patch

    def discard(self, state: State, *, counted: bool, reason: str) -> AttemptFailed:
        assert state.step is not None
        return AttemptFailed(state.step.name, state.attempt, reason, counted, self.take_back(state))

    def evaluate(self, events: list[LoggedEvent]) -> gate.GateState:
        """The real gate over what is on record here."""
        head = Head(len(self.decisions), "h")
        answers = tuple(self.confirmations)
        return gate.evaluate(Branch(tuple(self.decisions), tuple(events), answers, head, head))

    def ask(self, events: list[LoggedEvent]) -> GateOpened | GateClosed | RunStopped:
        found = self.evaluate(events)
        standing = self.standing()
        for r in self.decisions:
            stands = r.decision.step is None or f"{r.decision.step}#{r.decision.attempt}" in standing
            if stands == (r.seq in found.superseded):
                kind = "superseded though it stands" if stands else "live though its work was taken back"
                raise Broken(f"decision {r.decision.key or r.seq} is {kind}")
        self.point("while the gate is asked")
        if found.open:
            return GateOpened(None, "", "", len(self.decisions), "h")
        if found.rejected is not None:
            return RunStopped(exits.PERSON, None, "rejected by Ada")
        if found.closing is not None:
            return RunStopped(exits.PERSON, None, engine.waiting(len(found.waiting)))
        return gate.close(found.waiting, self.words())

    def publish(self, state: State) -> Published:
        how = self.plan.pr[0]
        if waits := self.open_words():
            raise Broken(f"published while {waits} wait for a person")
        if not self.branch or self.branch[-1].label != "consolidation" or self.tree:
            raise Broken(f"published without its consolidation: {self.branch[-1:]} {self.tree}")
        self.point("before the push")
        if how == "skip":
            return Published("", how)
        if not state.pushed:
            raise Broken("pushed without its intent on record")
        self.pushed = True
        self.point("between push and pull request")
        if not self.pulls:  # else it is found by the run's section
            self.pulls += 1
        self.point("after the pull request was opened")
        return Published("https://example.invalid/1", how)

    def merge(self, state: State, events: list[LoggedEvent]) -> Merged | GateClosed | RunStopped:
        asked = self.ask(events)
        if not isinstance(asked, GateOpened):
            return asked
        if waits := self.open_words():
            raise Broken(f"merged while {waits} wait for a person")
        if not self.pulls:
            raise Broken("merged without a pull request")
        self.point("before the merge")
        if self.merged != state.consolidated and not self.calm and self.dice.random() < 0.3:
            return RunStopped(exits.PERSON, None, "the contract does not allow it")
        self.merged = state.consolidated  # or it is found so
        self.point("after the merge")
        return Merged(1, state.consolidated or "", "m", self.plan.merge)
