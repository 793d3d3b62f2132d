"""One seed in, one run of the engine through a world of crashes, limits and people out; `Broken` when it broke a promise.

The world keeps its own truth: what it commits, decides and publishes is judged by that and never by the engine's state.
`python tests/simulation.py SEED` replays a seed and shows each thing that happened.
"""

from __future__ import annotations

import io
import random
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import correctless.gate as gate
from correctless import exits
from correctless.chain import EMPTY, Head, links, seal
from correctless.dispatch import engine
from correctless.exits import Stop
from correctless.ledger import Ledger
from correctless.record import Confirmation, Decision, decode, encode
from correctless.runlog.branch import Branch, Recorded
from correctless.runlog.events import (
    Abandoned,
    AgentEnded,
    Answered,
    Asking,
    Attempt,
    AttemptFailed,
    Completed,
    Consolidated,
    DecisionsTaken,
    Event,
    GateClosed,
    GateOpened,
    Logged,
    Published,
    PublishIntended,
    Rerun,
    Resumed,
    Reverted,
    Rewound,
    RunStarted,
    RunStopped,
    StepChecked,
    StepContinued,
    StepFinished,
    StepStarted,
    fields_of,
    logged,
)
from correctless.runlog.plan import Plan
from correctless.runlog.state import UNDER_WAY, State, after, fold, status
from runs import WHEN, plan, planned, started

NAMES = ("ctdd", "simplify", "cverify", "cdocs", "cupdate", "csecurity")
CALM = 10  # dispatchers that may meet trouble; after them nothing goes wrong, and the run has to end
DISPATCHERS = CALM + 14


class Broken(AssertionError):  # noqa: N818 a promise is broken: no error of the simulation
    """A promise of the engine that did not hold, and the command that shows it again."""


class Crash(BaseException):
    """The dispatcher was killed: only what is on disk is left."""


@dataclass(frozen=True, slots=True)
class Chances:
    """How often each trouble comes, drawn anew for each seed so that some seeds have only one kind."""

    crash: float
    interrupt: float
    refuse: float  # a full disk, a refused push: `Stop` out of an effect
    fail: float
    killed: float
    pause: float
    check: float
    defer: float
    orphan: float
    spoil: float  # an answer on disk that is not the one that was given


def draw(dice: random.Random) -> tuple[Plan, Chances]:
    """A plan and how rough its world is."""
    steps = tuple(
        planned(
            name,
            untrusted=name == "simplify" or dice.random() < 0.1,
            session=dice.random() < 0.6,
            fork=dice.random() < 0.2,
        )
        for name in dice.sample(NAMES, dice.randint(1, 6))
    )
    made = plan(
        attempts=dice.choice((2, 3)),
        on_limit=dice.choice(("wait", "pause")),
        usd=dice.uniform(1.0, 8.0) if dice.random() < 0.15 else None,
        minutes=dice.uniform(5.0, 60.0) if dice.random() < 0.15 else 480.0,
        pr=dice.choice((("gh",), ("skip",), ("open-it", "--now"))),
        steps=steps,
        on_escalation=dice.choice(("defer", "ask", "halt")),
        stop_at_usage={"five_hour": 80.0} if dice.random() < 0.15 else {},
    )

    def chance(most: float) -> float:
        return dice.choice((0.0, dice.random() * most))

    return made, Chances(
        crash=chance(0.12),
        interrupt=chance(0.06),
        refuse=chance(0.06),
        fail=chance(0.4),
        killed=chance(0.2),
        pause=chance(0.3),
        check=chance(0.5),
        defer=chance(0.5),
        orphan=chance(1.0),
        spoil=chance(0.1),
    )


class Memory:
    """A run log in memory: the ledger's real lines, chain and torn tails without its file."""

    def __init__(self) -> None:
        self.data = b""
        self.head = EMPTY

    def open(self) -> list[bytes]:
        """Its acknowledged lines; a torn last one is set aside."""
        lines = []
        for link in links(io.BytesIO(self.data)):
            if link.torn:
                self.data = self.data[: link.offset]
                break
            if link.fault is not None:
                raise Broken(f"line {link.number} of the run log: {link.fault}")
            lines.append(link.line)
            self.head = link.head
        return lines

    def append(self, event: Logged) -> bytes:
        entry = seal(fields_of(event.run, event.timestamp, event.event), self.head)
        self.data += entry.line + b"\n"
        self.head = Head(entry.seq, entry.head)
        return entry.line

    def tear(self, event: Logged, part: float) -> None:
        """The append that was cut at any byte, the newline at the latest."""
        line = seal(fields_of(event.run, event.timestamp, event.event), self.head).line
        self.data += line[: round(part * len(line))]


class OnDisk:
    """The same in a file of the real ledger."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.ledger = Ledger(str(path), alone=True)

    def open(self) -> list[bytes]:
        self.ledger = Ledger(str(self.path), alone=True)
        lines = [entry.line for entry in self.ledger.entries()] if self.path.exists() else []
        self.ledger.create()
        return lines

    def append(self, event: Logged) -> bytes:
        return self.ledger.append(fields_of(event.run, event.timestamp, event.event)).line

    def tear(self, event: Logged, part: float) -> None:
        line = seal(fields_of(event.run, event.timestamp, event.event), self.ledger.head()).line
        with self.path.open("ab") as file:
            file.write(line[: round(part * len(line))])


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
        self.decisions: list[Recorded] = []
        self.keys: dict[str, str] = {}  # key -> words
        self.manual: set[str] = set()
        self.confirmations: list[Confirmation] = []
        self.confirmed: set[str] = set()  # words
        self.pushed = False
        self.pulls = 0

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
        self.decisions.append(Recorded(Decision.of(decode(line)), len(self.decisions) + 1, line))
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
        """As `Repo.left`: all that is there."""
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

    def ask_person(self, state: State, events: list[Logged]) -> Asking:
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

    def evaluate(self, events: list[Logged]) -> gate.Gate:
        """The real gate over what is on record here."""
        head = Head(len(self.decisions), "h")
        answers = tuple(self.confirmations)
        return gate.evaluate(Branch(tuple(self.decisions), tuple(events), answers, head, head))

    def ask(self, events: list[Logged]) -> GateOpened | GateClosed | RunStopped:
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


class Truth:
    """What was acknowledged, event by event, and what the engine may do after it; knows nothing of `State`."""

    def __init__(self, made: Plan) -> None:
        self.plan = made
        self.names = [step.name for step in made.steps]
        self.done: dict[str, str] = {}  # step -> finished | reverted
        self.begun: dict[str, int] = {}  # step -> its last attempt
        self.failures = 0  # of the step under way that are to be counted
        self.outcome = self.over = ""
        self.check_failed = False
        self.taken = self.checked = False  # of the attempt under way
        self.by_budget = False  # the run's limit ended the last attempt, whoever granted more since
        self.usage = 0.0
        self.deferred = self.escalated = 0  # by the attempt under way; by the step that was just finished
        self.usd = self.seconds = self.so_far = 0.0
        self.limit: AgentEnded | None = None
        self.left = ""  # by the agent that was cut off: its session may go on
        self.told = False  # a person's answer is to be carried out
        self.last: Event | None = None
        self.stopped: RunStopped | None = None
        self.intended = self.published = self.complete = self.abandoned = False

    @property
    def current(self) -> str | None:
        return next((name for name in self.names if name not in self.done), None)

    @property
    def label(self) -> str:
        return f"{self.current}#{self.begun.get(self.current or '', 0)}"

    @property
    def spent(self) -> bool:
        usd, minutes = self.plan.usd, self.plan.minutes
        return self.over != "" or (usd is not None and self.usd >= usd) or self.seconds >= minutes * 60

    @property
    def used_up(self) -> bool:
        return any(self.usage * 100 >= percent for percent in self.plan.stop_at_usage.values())

    def asked(self, effect: engine.Effect) -> None:
        """`Broken` when this is nothing to do now."""
        match effect:
            case engine.StartAgent(attempt=attempt):
                if self.current is None:
                    raise Broken("an agent starts after the last step")
                if attempt != self.begun.get(self.current, 0) + 1:
                    raise Broken(f"attempt {attempt} of {self.current} follows {self.label}")
                self._may_begin()
                if self.escalated and self.plan.on_escalation == "halt":
                    raise Broken(f"{self.escalated} decisions were to halt the run, and {self.label} starts")
                if self.failures >= self.plan.attempts:
                    raise Broken(f"{self.current} failed {self.failures} times and starts again")
                if self.check_failed and self._untrusted():
                    raise Broken(f"{self.current} is untrusted, its check failed, and it starts again")
            case engine.ContinueAgent():
                if not self.told:
                    if not self.left:
                        raise Broken(f"{self.label} goes on, and nothing was left to go on from")
                    self._may_begin()
            case engine.Ask() | engine.TakeAnswers():
                step = next(step for step in self.plan.steps if step.name == self.current)
                if self.plan.on_escalation != "ask" or not step.session or step.fork:
                    raise Broken(f"a person is asked about {self.label}")
            case engine.CheckStep():
                if self.told:
                    raise Broken(f"{self.label} is checked before it was told what a person said")
            case engine.Wait(until=until):
                if self.limit is None or self.plan.on_limit != "wait":
                    raise Broken("it waits for no limit")
                if until != self.limit.resume_at:
                    raise Broken(f"it waits until {until} and not {self.limit.resume_at}")
            case engine.Halt(code=exits.PAUSED):
                if not self.used_up and (self.limit is None or self.plan.on_limit != "pause"):
                    raise Broken("it pauses for no limit")
            case engine.Halt(code=exits.PERSON) if self.current is not None:
                if not self.escalated or self.plan.on_escalation != "halt":
                    raise Broken("it halts for no decision")
            case engine.Halt(code=exits.FAILED):
                if self.failures < self.plan.attempts:
                    raise Broken(f"{self.current} is given up after {self.failures} failures")
            case engine.Halt(code=exits.BUDGET):
                if not self.spent:
                    raise Broken("it stops for a budget that is not spent")
            case engine.Revert():
                if not self._untrusted():
                    raise Broken(f"the work of {self.current} is reverted, and it is trusted")
                if not self.check_failed and self.failures < self.plan.attempts:
                    raise Broken(f"{self.current} is reverted after {self.failures} failures")
            case engine.Consolidate():
                if self.current is not None:
                    raise Broken(f"it consolidates before {self.current}")
            case engine.Publish():
                if not self.intended:
                    raise Broken("it publishes without its intent on record")
            case engine.Complete():
                if not self.published:
                    raise Broken("complete, and not published")
            case _:
                pass

    def _may_begin(self) -> None:
        if self.spent:
            raise Broken(f"{self.usd} USD and {self.seconds} s are spent, and {self.label} starts")
        if self.limit is not None:
            raise Broken("an agent starts although its limit was not waited for")
        if self.used_up:
            raise Broken(f"{self.usage:.0%} of the account is used up, and {self.label} starts")

    def _budget(self, event: AgentEnded) -> str:
        # Steps of the simulation have 60 minutes and no money limit of their own: which one ended it follows.
        if event.over == "usd" and self.plan.usd is not None:
            return "usd"
        if event.over == "wall" and self.plan.minutes - self.seconds / 60 <= 60 - self.so_far / 60:
            return "minutes"
        return ""

    def _untrusted(self) -> bool:
        return any(step.untrusted for step in self.plan.steps if step.name == self.current)

    def note(self, event: Event) -> None:
        """One more event is on disk."""
        if self.complete and not isinstance(event, GateClosed):
            raise Broken(f"{event.event} follows complete")
        self.last = event
        match event:
            case StepStarted(step=step, attempt=attempt):
                if step != self.current:
                    raise Broken(
                        f"{step} runs, {self.done.get(step, 'not its turn')}; {self.current} is next"
                    )
                if attempt <= self.begun.get(step, 0):
                    raise Broken(f"attempt {attempt} of {step} begins twice")
                self.begun[step] = attempt
                self.outcome, self.check_failed, self.deferred = "", False, 0
                self.taken = self.checked = self.told = False
                self.left, self.so_far = "", 0.0
            case StepContinued():
                self.outcome, self.left, self.told, self.taken = "", "", False, False
            case Answered(changed=changed):
                self.told = changed > 0
            case AgentEnded(outcome=outcome):
                self.outcome = outcome
                self.left = event.left
                self.usage = event.usage.get("five_hour", self.usage)
                self.over = self._budget(event) if outcome != "ok" else ""
                self.by_budget = self.over != ""
                self.usd += event.cost_usd
                self.seconds += event.seconds
                self.so_far += event.seconds
                self.limit = event if outcome == "paused" else None
            case DecisionsTaken(deferred=deferred):
                self.deferred, self.taken = deferred, True
            case StepChecked(ok=ok):
                self.check_failed, self.checked = not ok, ok
            case AttemptFailed(counted=counted):
                failed = (self.outcome == "failed" and not self.by_budget) or self.check_failed
                if counted != failed:
                    raise Broken(
                        f"{self.label} {self.outcome or 'ended'} and is {'' if counted else 'not '}counted"
                    )
                self.failures += failed
                self.left = ""
            case StepFinished(step=step) | Reverted(step=step):
                if step != self.current:
                    raise Broken(f"{step} ends while {self.current} is under way")
                if isinstance(event, StepFinished) and not (self.taken and self.checked):
                    raise Broken(f"{self.label} is finished without its decisions or its check")
                if self.outcome != "ok" and isinstance(event, StepFinished):
                    raise Broken(f"{self.label} is finished, and its agent {self.outcome or 'did not end'}")
                self.escalated = self.deferred if isinstance(event, StepFinished) else 0
                self.done[step] = "finished" if isinstance(event, StepFinished) else "reverted"
                self.failures, self.check_failed = 0, False
            case Rerun(step=step):
                for name in self.names[self.names.index(step) :]:
                    self.done.pop(name, None)
                self.failures, self.check_failed, self.limit = 0, False, None
                self.left, self.told = "", False
                self.intended = self.published = False
            case Resumed():
                if self.stopped is not None and self.stopped.code == exits.FAILED:
                    self.failures = 0
                self.limit, self.stopped, self.over, self.usage, self.escalated = None, None, "", 0.0, 0
                usd = self.plan.usd if event.usd is None else event.usd
                minutes = self.plan.minutes if event.minutes is None else event.minutes
                self.plan = replace(self.plan, usd=usd, minutes=minutes)
            case RunStopped():
                self.stopped = event
            case PublishIntended():
                self.intended = True
            case Published():
                self.published = True
            case Completed():
                self.complete = True
            case Abandoned():
                self.abandoned = True
            case _:
                pass


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
        self.events: list[Logged] = []
        self.lines: dict[bytes, Logged] = {}
        self.met: Counter[str] = Counter()
        self.generous = self.dice.random() < 0.5  # a person grants more when the budget is spent
        self.states: dict[int, State] = {}

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
        raise Broken(f"nothing goes wrong any more, and the run does not end: {fold(self.events)}")

    def load(self) -> State:
        """The state as a new dispatcher reads it; it must be what the last one knew."""
        lines = self.log.open()
        if [self.lines.get(line) for line in lines] != self.events:
            raise Broken(f"the run log holds {len(lines)} events, {len(self.events)} were acknowledged")
        count = len(lines)
        if count not in self.states:  # a state is frozen, and folding is most of what a seed costs
            self.states[count] = fold(self.events)
        return self.states[count]

    def record(self, item: Logged) -> Logged:
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

    def write(self, state: State, event: Event) -> Logged:
        """As `loop.Log.write`: refused before it is written, durable when it returns, torn by a crash in between."""
        item = Logged("r1", WHEN, event)
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
        state = fold(self.events)
        ended = self.world.cut_off(state, goes_on=goes_on)
        if state.unfinished:
            if ended is not None:
                self.record(Logged("r1", WHEN, ended))
            self.record(Logged("r1", WHEN, RunStopped(code, state.step.name if state.step else None, reason)))

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
            case engine.IntendPublish():
                return PublishIntended(world.head, self.plan.pr[0])
            case engine.Publish():
                return world.publish(state)
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
            self.record(Logged("r1", WHEN, gate.close(found.waiting, self.world.words())))
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
            Attempt(each.step, int(label.partition("#")[2]))
            for label, each in self.world.tries.items()
            if each.step in gone
        )
        base = self.world.tries[label].base
        if state.phase in UNDER_WAY and self.world.tree:
            calm, self.world.calm = self.world.calm, True  # a person's command is not what is tried here
            failed = self.world.discard(state, counted=False, reason="a person had it run again")
            self.truth.outcome, self.truth.check_failed = "abandoned", False
            self.record(Logged("r1", WHEN, failed))
            self.world.calm = calm
        self.record(Logged("r1", WHEN, Rerun(step, "again", "Ada", "terminal", base, "refs/k/1", discarded)))

    def abandon(self) -> None:
        state = self.load()
        if state.step is not None and state.phase in UNDER_WAY:
            failed = AttemptFailed(state.step.name, state.attempt, "abandoned", False, None)
            self.truth.outcome, self.truth.check_failed = "abandoned", False
            self.record(Logged("r1", WHEN, failed))
        self.record(Logged("r1", WHEN, Abandoned("Ada")))

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
            f"{fault or type(fault).__name__}\nsee it again with: python tests/simulation.py {seed}"
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
