"""The eight sections of a run contract as frozen values, under the names in the document."""

from __future__ import annotations

from typing import Literal

from correctless.base.values import frozen
from correctless.runcontract.document.forms import (
    Age,
    AsciiText,
    Branch,
    Count,
    Duration,
    FilePath,
    Flag,
    Id,
    Line,
    Moment,
    Money,
    Number,
    Pattern,
    Pull,
    Raise,
    Ratio,
    ReachedPath,
    Repository,
    RunId,
    Schema,
    Seconds,
    Text,
)


@frozen
class Run:
    """Section 1: who does what where, and until when."""

    schema: Schema
    run_id: RunId
    deliverable: Line
    tracking: Line
    repo: Repository
    base: Branch
    operator: Line
    agent: Line
    started: Moment
    not_after: Moment


@frozen
class Grant:
    """One ask of section 2; its action decides which of the last keys it has."""

    id: Id
    action: Literal["merge", "flip", "spawn", "rollback"]
    ask: Line
    prs: tuple[Pull, ...] | None = None
    bar: Id | None = None
    flips: tuple[Id, ...] | None = None
    max_agents: Count | None = None
    max_concurrent: Count | None = None
    max_cost_usd: Money | None = None
    max_minutes: Count | None = None


@frozen
class Grants:
    """Section 2: what is granted."""

    grant: tuple[Grant, ...]


@frozen
class ReviewArea:
    """An area that a review must cover, and what the review needs."""

    area: Id
    needs: Line


@frozen
class Bots:
    """Bots whose review threads must be answered at the head commit."""

    authors: tuple[AsciiText, ...]
    every_thread_answered_at_head: Flag


@frozen
class Bar:
    """One merge bar of section 3. `mergeable` is an allow-list of one; `HAS_HOOKS` also allows CLEAN."""

    id: Id
    mergeable: Literal["MERGEABLE"]
    merge_state: Literal["CLEAN", "HAS_HOOKS"]
    check_ok: tuple[Literal["SUCCESS"], ...]
    required_checks: tuple[Line, ...]
    optional_skippable: tuple[Line, ...]
    method: Literal["merge", "squash", "rebase"]
    forbid_flags: tuple[Literal["--admin", "--auto"], ...]
    serialize_on_green_base: Flag
    worktree: Flag
    max_age_s: Age = 60
    review: tuple[ReviewArea, ...] = ()
    bots: Bots | None = None


@frozen
class MergeBar:
    """Section 3: the terms of a merge, one bar for each kind of pull request."""

    bar: tuple[Bar, ...] = ()


@frozen
class Gate:
    """One gate of section 4; without `check` it can only be claimed, which is AMBER at the best."""

    id: Id
    name: Line
    accept: Text
    bind: Literal["revision", "time"]
    max_age: Duration
    check: tuple[AsciiText, ...] | None = None
    evidence: FilePath | None = None
    checkout: Literal["here", "own"] = "here"  # own: of the commit alone, in a temporary folder
    prepare: tuple[AsciiText, ...] | None = None  # what the check needs in a checkout of its own
    # The default is auto for a check that is bound to a revision, else off.
    sandbox: Literal["auto", "require", "off"] | None = None
    writable: tuple[ReachedPath, ...] = ()  # outside of the worktree
    readable: tuple[ReachedPath, ...] = ()  # hidden otherwise


@frozen
class Gates:
    """Section 4: the gates."""

    gate: tuple[Gate, ...] = ()


@frozen
class Flip:
    """One switch of section 5 and the way back."""

    id: Id
    name: Line
    gates: tuple[Id, ...]
    after: tuple[Id, ...]
    argv: tuple[AsciiText, ...]
    rollback_argv: tuple[AsciiText, ...]
    announce_s: Seconds


@frozen
class Flips:
    """Section 5: the switches."""

    flip: tuple[Flip, ...] = ()


@frozen
class Trigger:
    """One trigger of section 6: a number, what it is compared with, and how long a breach must last."""

    id: Id
    name: Line
    metric: tuple[AsciiText, ...]
    op: Literal[">", ">=", "<", "<="]
    every: Duration
    sustained: Duration
    min_samples: Count
    no_data: Literal["fire", "escalate"]
    flips: tuple[Id, ...]
    threshold: Number | None = None
    baseline_ratio: Ratio | None = None
    baseline_floor: Number | None = None
    combine: Literal["any", "all"] | None = None


@frozen
class Watch:
    """How a change is watched after a flip: its phases and the time between check-ins."""

    phases: tuple[Line, ...]
    check_in: Duration


@frozen
class Triggers:
    """Section 6: what causes a rollback, and how to watch for it."""

    trigger: tuple[Trigger, ...] = ()
    watch: Watch | None = None


@frozen
class Constraint:
    """One rule of section 7 as text, and exactly one way of enforcing it."""

    id: Id
    text: Text
    deny: tuple[Pattern, ...] | None = None
    check: Literal["pairing", "two_failed_fixes"] | None = None
    lint: Literal["redact"] | None = None
    files: tuple[AsciiText, ...] | None = None
    prompt_only: Flag | None = None


@frozen
class Constraints:
    """Section 7: what is forbidden in any case."""

    constraint: tuple[Constraint, ...] = ()


@frozen
class Escalation:
    """One condition of section 8 under which you are asked, and the actions that are frozen meanwhile."""

    id: Id
    when: Text
    raise_: Raise
    freezes: tuple[Pattern, ...]


@frozen
class Escalations:
    """Section 8: when to ask a human."""

    escalation: tuple[Escalation, ...] = ()


@frozen
class Contract:
    """A whole contract."""

    run: Run
    grants: Grants
    merge_bar: MergeBar
    gates: Gates
    flips: Flips
    triggers: Triggers
    constraints: Constraints
    escalations: Escalations

    def grant(self, id: str) -> Grant | None:  # noqa: A002 the name in the document
        """Return the grant with this id, if any."""
        return next((g for g in self.grants.grant if g.id == id), None)

    def bar(self, id: str) -> Bar | None:  # noqa: A002
        """Return the merge bar with this id, if any."""
        return next((b for b in self.merge_bar.bar if b.id == id), None)

    def gate(self, id: str) -> Gate | None:  # noqa: A002
        """Return the gate with this id, if any."""
        return next((g for g in self.gates.gate if g.id == id), None)

    def flip(self, id: str) -> Flip | None:  # noqa: A002
        """Return the switch with this id, if any."""
        return next((f for f in self.flips.flip if f.id == id), None)

    def trigger(self, id: str) -> Trigger | None:  # noqa: A002
        """Return the trigger with this id, if any."""
        return next((t for t in self.triggers.trigger if t.id == id), None)


# The eight sections in order: title, name behind `toml contract.`, type of the values.
SECTIONS: tuple[tuple[str, str, type], ...] = (
    ("Run identity", "run", Run),
    ("Grants requested", "grants", Grants),
    ("Per-PR auto-merge bar", "merge_bar", MergeBar),
    ("Pre-flip gates", "gates", Gates),
    ("Flip mechanism", "flips", Flips),
    ("Rollback triggers", "triggers", Triggers),
    ("Standing constraints", "constraints", Constraints),
    ("Escalate-to-human conditions", "escalations", Escalations),
)
