"""Plain lines about events, activities, states and plans."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from correctless.base.text import counted, duration, printable
from correctless.review import request
from correctless.review.standing import Standing
from correctless.runlog import events
from correctless.runlog.branch import RecordedDecision
from correctless.runlog.events import LoggedEvent, fields_of
from correctless.runlog.plan import Plan
from correctless.runlog.state import State

if TYPE_CHECKING:
    from correctless.agents import Activity  # which brings the sandbox along


def event(state: State, logged: LoggedEvent) -> None:
    """Print one event as one plain line on standard error."""
    text = line(state, logged)
    if text:
        click.echo(f"{logged.timestamp[11:19]} {text}", err=True)


def activity(item: Activity) -> None:
    """Print an activity of an agent, if it matters later."""
    text = activity_line(item)
    if text:
        click.echo(text, err=True)


def activity_line(item: Activity) -> str:
    """Return an activity as one printable line; "" if it does not matter later."""
    if item.kind in ("decision", "retry", "limit", "warning", "waiting"):
        return printable(f"         {item.kind}: {item.text}")
    return ""


def line(state: State, logged: LoggedEvent) -> str:
    """Return an event as one printable line; "" if it says nothing new."""
    return printable(_event_text(state, logged))


def as_json(logged: LoggedEvent) -> str:
    """Return an event as one line of ASCII JSON, with the fields of the run log."""
    return json.dumps(fields_of(logged.run, logged.timestamp, logged.event))


def _event_text(state: State, logged: LoggedEvent) -> str:
    match logged.event:
        case events.RunStarted(plan=run_plan, approved_by=by):
            return f"run {logged.run} started on {run_plan.branch}: {_pipeline(run_plan)} (spec approved by {by})"
        case events.StepStarted(step=step, attempt=attempt):
            return f"{step}: attempt {attempt} {_place(state)}".rstrip()
        case events.StepContinued(step=step, attempt=attempt):
            return f"{step}: attempt {attempt} continues in its session"
        case events.Asking(step=step, entries=entries):
            text = (
                f"{counted(len(entries), 'decision')} put to you"
                if entries
                else "unattended, so no question was asked"
            )
            return f"{step}: {text}"
        case events.Answered(step=step, by=""):
            return f"{step}: no answer, the defaults apply and stay deferred"
        case events.Answered(step=step, by=by, confirmed=confirmed, changed=changed):
            return f"{step}: {by} confirmed {confirmed} and changed {changed}"
        case events.AgentEnded(step=step, outcome=outcome, seconds=seconds) as ended:
            money = (
                f", {'~' if ended.cost_estimated else ''}{ended.cost_usd:.2f} USD" if ended.cost_usd else ""
            )
            why = f": {ended.reason}" if ended.reason else ""
            how = "finished" if outcome == "ok" else f"ended: {outcome}"
            return f"{step}: agent {how} ({duration(seconds)}{money}){why}"
        case events.DecisionsTaken(step=step, count=count, deferred=deferred):
            return f"{step}: {counted(count, 'decision')} recorded, {deferred} deferred"
        case events.StepChecked(step=step, ok=False, detail=detail):
            return f"{step}: check failed: {detail.splitlines()[0] if detail else ''}"
        case events.StepFinished(step=step, commit=commit):
            return f"{step}: done, {commit[:12]}"
        case events.AttemptFailed(step=step, attempt=attempt):
            return f"{step}: attempt {attempt} was reverted"
        case events.Reverted(step=step, reason=reason):
            return f"{step}: its work was discarded: {reason.splitlines()[0] if reason else ''}"
        case events.Rerun(step=step, by=by):
            return f"{step} and all later steps run again, as {by} asked"
        case events.Consolidated(commit=commit):
            return f"consolidation: done, {commit[:12]}"
        case events.GateClosed(entries=entries, inherited=inherited, digest=digest):
            named = counted(len(entries) + len(inherited), "decision")
            return f"waiting for your confirmation of {named} (the gate is closed), digest {digest[:8]}"
        case events.GateOpened(by=by, channel=channel):
            return f"ready to publish (the gate is open){f': confirmed by {by} ({channel})' if by else ''}"
        case events.Published(url=url, how=how):
            return f"pull request: {url or how}"
        case events.TrialMerged():
            return f"merge on trial: {request.merge_line(state)}"
        case events.ChecksAwaited() | events.ChecksSeen():
            return f"checks: {request.checks_line(state)}"
        case events.Merged(number=number, commit=commit, contract=contract):
            return f"pull request {number}: merged as {commit[:12]}, as the contract {contract} allows"
        case events.Completed():
            return "complete"
        case events.Abandoned(by=by):
            return f"abandoned by {by}"
        case events.Resumed(unclean=True):
            return "resumed after the dispatcher died"
        case events.Resumed(park=str() as remote):
            return f"resumed, brought from '{remote}'"
        case events.Resumed():
            return "resumed"
        case events.RunStopped() | events.PublishIntended() | events.Rewound() | events.StepChecked():
            return ""


def inherits(waiting: Iterable[RecordedDecision]) -> str:
    """Return the open decisions of other branches as one line; "" for none."""
    theirs = [each for each in waiting if each.branch]
    names = ", ".join(dict.fromkeys(each.branch for each in theirs))
    return printable(f"{counted(len(theirs), 'open decision')} of {names}") if theirs else ""


def status_values(state: State, at: Standing, inherited: str = "") -> dict[str, Any]:
    """Return the status of a run, for programs."""
    current = state.step
    return {
        "run": state.run,
        "branch": state.branch,
        "status": at.word,
        "phase": state.phase,
        "step": current.name if current else None,
        "attempt": state.attempt if current else None,
        "steps": [step.name for step in state.plan.steps] if state.plan else [],
        "finished": [item.step for item in state.finished],
        "started_at": state.started_at,
        "agent_seconds": round(state.seconds, 1),
        "cost_usd": round(state.cost_usd, 4),
        "reason": at.why,
        "digest": state.gate.digest if state.gate and at.word in ("waiting", "rejected") else None,
        "url": state.url,
        "merge": request.merge_line(state),
        "checks": request.checks_line(state),
        "merged": state.merged,
        "inherited": inherited,
        "next": at.next,
    }


def describe(status: dict[str, Any]) -> str:
    """Return the status of a run, for people."""
    done, steps = status["finished"], status["steps"]
    lines = [
        f"run      {status['run']} on {status['branch']}",
        f"status   {status['status']}",
        f"steps    {len(done)} of {len(steps)} done{': ' + ', '.join(done) if done else ''}",
    ]
    if status["step"] and status["status"] != "abandoned":
        lines.append(f"at       {status['step']}, attempt {status['attempt']}")
    lines.append(f"agents   {duration(status['agent_seconds'])}, {status['cost_usd']:.2f} USD")
    labels = {
        "digest": "digest",
        "inherited": "inherits",
        "url": "request",
        "merge": "merge",
        "checks": "checks",
        "merged": "merged",
        "reason": "because",
        "next": "next",
    }
    lines += [f"{label:<8} {_short(status[key])}" for key, label in labels.items() if status[key]]
    return "\n".join(lines)


def _short(text: str) -> str:
    """Return a text of many lines, such as a check's output, as its first line and its last two: there it says what failed."""
    lines = [line for line in text.splitlines() if line.strip()]
    return "\n         ".join([lines[0], "...", *lines[-2:]] if len(lines) > 4 else lines)


def plan(run_plan: Plan) -> str:
    """Return a plan as text."""
    lines = [
        f"branch     {run_plan.branch} from {run_plan.base[:12]}",
        f"spec       {run_plan.spec} ({run_plan.spec_sha256[:8]})",
    ]
    for step in run_plan.steps:
        proof = " ".join(step.check) if step.check else step.report or "no check"
        lines.append(f"step       {step.name}: {step.agent}, {proof}")
    lines += [f"left out   {name}: {reason}" for name, reason in run_plan.left_out.items()]
    merged = f", merge as the contract {run_plan.merge} allows" if run_plan.merge else ""
    lines.append(f"end        consolidation, gate, {' '.join(run_plan.pr)}{merged}")
    return "\n".join(lines)


def _pipeline(run_plan: Plan) -> str:
    left_out = "".join(f"; without {name}: {reason}" for name, reason in run_plan.left_out.items())
    return " -> ".join([step.name for step in run_plan.steps] + ["consolidation", run_plan.pr[0]]) + left_out


def _place(state: State) -> str:
    return f"(step {state.index + 1} of {len(state.plan.steps)})" if state.plan else ""
