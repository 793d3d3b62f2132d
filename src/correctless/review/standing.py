"""Where a run stands: one word, one sentence, and the command to type next."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from correctless.base import exits
from correctless.base.text import counted
from correctless.review.gate import GateState
from correctless.runlog.manifest import status
from correctless.runlog.state import State

_RESUME = "cauto resume"


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a run stands.

    `word` is none, running, interrupted, waiting, confirmed, rejected, paused, stopped, complete or abandoned. `why` is text
    that a model may have written, "" where the word says all. `next` is the command to type, "" where nothing is left to do.
    """

    word: str
    why: str = ""
    next: str = ""


def of(
    state: State, gate: GateState | None = None, *, living: bool = False, remote: str | None = None
) -> Standing:
    """Return where a run stands.

    Without `gate` an answer that you gave since it stopped is unknown. `living`: its dispatcher is at work.
    `remote`: where the run is parked.
    """
    word = status(state)
    why = state.stopped.reason if state.stopped else ""
    if word == "abandoned" and gate is not None and not gate.open:
        # What its finished steps committed is on the branch, with their decisions.
        return Standing(
            word, f"{_needs(gate)} your confirmation before the branch is published", "correctless review"
        )
    if word in ("none", "complete", "abandoned"):
        return Standing(word)
    if word == "running":
        return Standing(word) if living else Standing("interrupted", "", command(_RESUME, remote, state.run))
    if gate is not None and word == "waiting" and _at_gate(state):
        return _answered(state, gate, remote)
    return Standing(word, why, next_command(state, remote))


def command(words: str, remote: str | None, run: str) -> str:
    """Return a command about a run that is here, or parked on a remote."""
    return f"correctless {words} --from {shlex.quote(remote)} {run}" if remote else f"correctless {words}"


def next_command(state: State, remote: str | None = None) -> str:
    """Return the command for a run that stopped; never from its reason, which a model may have written."""
    code = state.stopped.code if state.stopped else exits.INTERRUPTED
    if code == exits.PERSON and _at_gate(state):
        return command("review", remote, state.run)
    resume = command(_RESUME, remote, state.run)
    if code == exits.BUDGET and state.plan is not None:
        usd = state.plan.usd is not None and (state.budget == "usd" or state.cost_usd >= state.plan.usd)
        return f"{resume} --max-{'usd' if usd else 'minutes'} N"
    return resume


def _at_gate(state: State) -> bool:
    return state.phase in ("closed", "consolidated")


def _answered(state: State, gate: GateState, remote: str | None) -> Standing:
    if gate.before:
        back = f"git reset --keep {state.consolidated}" if remote is None and state.consolidated else ""
        return Standing("waiting", gate.before, back or command(_RESUME, remote, state.run))
    if gate.open:
        by = dict.fromkeys(f"{each.by} ({each.channel})" for each in gate.covered.values())
        who = f"confirmed by {', '.join(by)}" if by else "no decision needs your confirmation"
        return Standing("confirmed", who, command(_RESUME, remote, state.run))
    if gate.rejected is not None:
        note = f": {gate.rejected.note}" if gate.rejected.note else ""
        steps = [each.decision.step for each in gate.waiting if each.decision.step and not each.branch]
        again = f"review --rerun {shlex.quote(steps[0])}" if steps and remote is None else "review"
        why = f"rejected by {gate.rejected.by} ({gate.rejected.channel}){note}"
        return Standing("rejected", why, command(again, remote, state.run))
    return Standing("waiting", f"{_needs(gate)} your confirmation", command("review", remote, state.run))


def _needs(gate: GateState) -> str:
    return counted(len(gate.waiting), "decision needs", "decisions need")
