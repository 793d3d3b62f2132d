"""Notifications: one JSON object for the command you configured.

The command is the base commit's and runs with your rights, so nothing of it may come from a worktree, where agents write. Its
failure changes nothing in the run: it is a warning and a line in notify.log.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from correctless.agents import Activity
from correctless.base import exits
from correctless.base.clock import timestamp
from correctless.base.exits import Stop
from correctless.base.files import open_plain
from correctless.base.process import process
from correctless.base.text import one_line
from correctless.dispatch.core.context import RunContext, plan_of
from correctless.dispatch.core.engine import Wait
from correctless.dispatch.host import trusted_path
from correctless.dispatch.tell import escalation
from correctless.ledger.record import decode, encode
from correctless.project.git import Repo
from correctless.publish import leaks
from correctless.review import open_set, request, standing, summary
from correctless.runlog.plan import Plan
from correctless.runlog.state import State
from correctless.syntax.strict_json import RecordError

SECONDS = 30.0  # the command's time
LOG = "notify.log"  # in the run's folder
_GRACE_SECONDS = 2.0
_TEXT = 500  # characters
_OUTPUT = 2000  # bytes of each output

Kind = Literal["waiting", "paused", "budget", "failed", "refused", "complete", "trial"]
_KINDS: Mapping[int, Kind] = {
    exits.PERSON: "waiting",
    exits.PAUSED: "paused",
    exits.BUDGET: "budget",
    exits.FAILED: "failed",
}


def _is(description: str) -> dict[str, str]:
    return {"description": description}  # pydantic puts it into the schema


@dataclass(frozen=True, slots=True)
class DecisionCounts:
    """Decisions of the branch, without those of reverted attempts."""

    decisions: int
    deferred: int = field(metadata=_is("of them deferred to you, answered or not"))
    waiting: int = field(metadata=_is("of them without your confirmation"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """The JSON object on standard input; later versions may add keys."""

    schema_version: Literal[1]
    event: Kind = field(
        metadata=_is("waiting: for your decision. paused: a limit or an outage. refused: could not continue")
    )
    run: str
    branch: str
    repository: str = field(metadata=_is("the name of its folder"))
    outcome: str = field(
        metadata=_is("one printable line of at most 500 characters; parts of it a model may have written")
    )
    step: str | None = field(metadata=_is("the step the run is at; null after the last"))
    counts: DecisionCounts | None = field(metadata=_is("null where the log can't be read"))
    digest: str | None = field(metadata=_is("of the open set, where the gate is closed"))
    cost_usd: float = field(metadata=_is("of all agents so far"))
    minutes: float = field(metadata=_is("of all agents so far"))
    url: str = field(metadata=_is("of the pull request; empty without one"))
    merge: str = field(
        metadata=_is(
            "of the branch with its base, on trial: clean, conflict or untried; empty before it was tried"
        )
    )
    checks: str = field(
        metadata=_is(
            "of the pull request: green, red, pending, none or unknown; empty where none were watched"
        )
    )
    resume_at: str | None = field(metadata=_is("when the limit ends, RFC 3339 in UTC; null where unknown"))
    next: str = field(metadata=_is("the command to type next; empty without one"))
    escalation: str | None = field(metadata=_is("the file that says what was tried and what is needed"))
    labels: Mapping[str, str] = field(metadata=_is("as configured"))


@dataclass(frozen=True, slots=True)
class Sent:
    """The result of one notification: `message` is one printable line, `output` the end of the command's output."""

    ok: bool
    message: str
    output: str = ""


def schema() -> dict[str, Any]:
    """Return the JSON Schema of a notification."""
    from pydantic import TypeAdapter

    generated = TypeAdapter(Notification).json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **generated}


def refuse_inside(argv: Sequence[str] | None, repo: Repo) -> None:
    """Refuse a command in a worktree of the repository, where agents write. Raises: `Stop(3)`."""
    if argv is None:
        return
    written = trusted_path.places(repo)
    program = argv[0]
    fix = "put it outside of the repository, and name it by its absolute path or by its name on PATH"
    if os.sep in program and not os.path.isabs(program):
        raise Stop(exits.REFUSED, f"notify: '{one_line(program)}' is a relative path. {fix}")
    for arg in argv:
        path = arg if os.path.isabs(arg) else arg.partition("=")[2]
        if os.path.isabs(path) and (
            trusted_path.inside(path, written) or trusted_path.reached_inside(path, written)
        ):
            raise Stop(exits.REFUSED, f"notify: '{one_line(arg)}' is where agents write ({repo.top}). {fix}")


def fault(plan: Plan, repo: Repo, env: Mapping[str, str]) -> str:
    """Return why the command cannot be found, "" where it can, or where none is configured."""
    if plan.notify is None:
        return ""
    try:
        _program(plan.notify, repo, env)
    except Stop as stop:
        return stop.message
    return ""


def forewarn(ctx: RunContext, plan: Plan) -> None:
    """Warn at the start of a run when the command cannot be found."""
    if why := fault(plan, ctx.repo, ctx.env):
        ctx.activity(Activity("warning", why))


def about_wait(ctx: RunContext, state: State, wait: Wait, wall_s: float) -> None:
    """Notify of a pause that the dispatcher waits out, once."""
    until = f"at {wait.until}" if wait.until else "as soon as it is over"
    outcome = f"{state.step.name if state.step else 'the run'} waits: {wait.reason}; it continues {until}"
    key = (wait.until, len(state.finished))
    _tell(ctx, state, "paused", outcome, key, wall_s, resume_at=wait.until, following="")


def about_question(ctx: RunContext, state: State, wall_s: float) -> None:
    """Notify of a question that you have a few minutes to answer."""
    plan, step, asking = plan_of(state), state.step, state.asking
    count = len(asking.entries) if asking else 0
    what = "a decision" if count == 1 else f"{count} decisions"
    outcome = f"{step.name if step else 'the run'} asks about {what} and waits {plan.ask_minutes:g} minutes at its terminal"
    _tell(ctx, state, "waiting", outcome, (asking.challenge if asking else "",), wall_s)


def about(ctx: RunContext, state: State, wall_s: float, *, parked: str | None = None) -> None:
    """Notify of a run that stopped or is complete, once until something changes; `parked` is the remote it is parked on."""
    stopped = state.stopped
    with suppress(KeyboardInterrupt):  # the run has ended: only the command is cut short
        if state.phase == "complete":
            _tell(ctx, state, "complete", request.completion(state), (), wall_s)
        elif stopped is not None:
            kind = _KINDS.get(stopped.code, "refused")
            # A retried pause is the same pause; for other stops every further attempt is news.
            begun = sum(state.attempts.values())
            key = (stopped.resume_at, len(state.finished)) if kind == "paused" else (stopped.reason, begun)
            following = standing.next_command(state, parked)
            until = stopped.resume_at
            _tell(ctx, state, kind, stopped.reason, key, wall_s, resume_at=until, following=following)


def trial(plan: Plan, repo: Repo, env: Mapping[str, str], *, wall_s: float = SECONDS) -> Sent:
    """Send one trial notification, as a run of this plan would."""
    if plan.notify is None:
        return Sent(False, "notify is not configured. write it as: notify: [PROGRAM, ARG]")
    notification = Notification(
        schema_version=1,
        event="trial",
        run="trial",
        branch=one_line(plan.branch, _TEXT),
        repository=_name(repo),
        outcome="a trial: notifications of runs of this branch come like this",
        step=None,
        counts=DecisionCounts(0, 0, 0),
        digest=None,
        cost_usd=0.0,
        minutes=0.0,
        url="",
        merge="",
        checks="",
        resume_at=None,
        next="",
        escalation=None,
        labels=_labels(plan),
    )
    return send(plan.notify, notification, repo, env, wall_s=wall_s)


def send(
    argv: Sequence[str],
    notification: Notification,
    repo: Repo,
    env: Mapping[str, str],
    *,
    wall_s: float = SECONDS,
) -> Sent:
    """Run the command in `/` with the notification on its standard input, for at most `wall_s` seconds."""
    name = one_line(os.path.basename(argv[0]))
    try:
        program, path = _program(argv, repo, env)
        done = process.run(
            [program, *argv[1:]],
            cwd="/",  # a relative path in the command or its environment must not lead into a worktree
            env={**env, "PATH": path},
            stdin=encode(asdict(notification)),
            wall_s=wall_s,
            keep=_OUTPUT,
            grace_s=_GRACE_SECONDS,
        )
    except Stop as stop:
        return Sent(False, one_line(stop.message, _TEXT))
    except OSError as error:
        return Sent(False, f"notify: '{name}' can't be run: {error.strerror}")
    output = (done.out + done.err).decode("utf-8", "replace")
    if done.timed_out:
        return Sent(False, f"notify: '{name}' took over {wall_s:g} s and was ended", output)
    if done.code != 0:
        last = one_line(([line for line in output.splitlines() if line.strip()] or ["no output"])[-1])
        return Sent(False, f"notify: '{name}' ended with {done.code}: {last}", output)
    return Sent(True, f"sent with '{name}'", output)


def _tell(
    ctx: RunContext,
    state: State,
    kind: Kind,
    outcome: str,
    key: tuple[object, ...],
    wall_s: float,
    *,
    resume_at: str | None = None,
    following: str = "",
) -> None:
    plan = plan_of(state)
    if plan.notify is None:
        return
    digest = state.gate.digest if state.gate and following.startswith("correctless review") else None
    step = state.step.name if state.step else None
    news = [kind, step, digest, following, *key]
    mark = hashlib.sha256(json.dumps(news).encode()).hexdigest()
    log = os.path.join(ctx.logs.folder(state.run), LOG)
    if _last_sent(log) == mark:
        return
    file = os.path.join(ctx.logs.folder(state.run), escalation.FILE)
    notification = Notification(
        schema_version=1,
        event=kind,
        run=state.run,
        branch=one_line(plan.branch, _TEXT),
        repository=_name(ctx.repo),
        outcome=_outcome(outcome),
        step=step,
        counts=_counts(ctx),
        digest=digest,
        cost_usd=round(state.cost_usd, 4),
        minutes=round(state.seconds / 60, 1),
        url=one_line(state.url, _TEXT),
        merge=one_line(state.trial.outcome, _TEXT) if state.trial else "",
        checks=one_line(state.checks.outcome, _TEXT) if state.checks else "",
        resume_at=resume_at,
        next=following,
        escalation=one_line(file, 4096) if os.path.isfile(file) else None,
        labels=_labels(plan),
    )
    sent = send(plan.notify, notification, ctx.repo, ctx.env, wall_s=wall_s)
    if not sent.ok:
        ctx.activity(Activity("warning", sent.message))
    line = {
        "time": timestamp(ctx.now()),
        "event": kind,
        "mark": mark,
        "sent": sent.ok,
        "said": sent.message,
        "output": sent.output,
    }
    try:
        with os.fdopen(open_plain(log, os.O_RDWR | os.O_CREAT | os.O_APPEND), "ab") as out:
            out.write(encode(line))
    except OSError as error:
        ctx.activity(Activity("warning", f"{one_line(log)} can't be written: {error.strerror}"))


def _outcome(text: str) -> str:
    line = one_line(text, _TEXT)
    # It leaves the machine, and a check's output or an agent's answer may contain a key.
    if leaks.secrets("", {"outcome": line}):
        return "the reason may contain a secret and is not sent. read it with: correctless cauto status"
    return line


def _counts(ctx: RunContext) -> DecisionCounts | None:
    try:
        counts = summary.counts(open_set.view(ctx.logs))
    except (Stop, OSError, ValueError):
        return None  # the damaged log may be the reason of the notification
    return DecisionCounts(counts["decisions"], counts["deferred"], counts["open"])


def _labels(plan: Plan) -> dict[str, str]:
    return {one_line(name, _TEXT): one_line(value, _TEXT) for name, value in plan.labels.items()}


def _name(repo: Repo) -> str:
    return one_line(os.path.basename(repo.home), _TEXT)


def _last_sent(log: str) -> str | None:
    """Return the mark of the last notification if it was sent; one that failed is sent again."""
    try:
        with os.fdopen(open_plain(log, os.O_RDONLY), "rb") as file:
            *_, last = file.read().splitlines() or [b""]
        line = decode(last)
    except (OSError, RecordError):
        return None
    return str(line.get("mark")) if line.get("sent") is True else None


def _program(argv: Sequence[str], repo: Repo, env: Mapping[str, str]) -> tuple[str, str]:
    """Return the program's absolute path and the PATH it gets. Raises: `Stop(3)` when it is in no folder but a worktree."""
    refuse_inside(argv, repo)
    program = trusted_path.find(argv[0], repo, env)
    if program is None:
        where = (
            "" if os.sep in argv[0] else " on PATH, without its relative folders and those in the repository"
        )
        raise Stop(
            exits.REFUSED, f"notify: '{one_line(argv[0])}' was not found{where}. install it, or name its path"
        )
    return program
