"""The start of a run: checked, planned, approved and recorded."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from typing import Any

import correctless
from correctless import agents, sandbox
from correctless.agents import Agent
from correctless.base import below, exits
from correctless.base.exits import Stop
from correctless.base.text import one_line
from correctless.decisions.decision import Confirmation
from correctless.dispatch.control import target
from correctless.dispatch.control.plan import make_plan
from correctless.dispatch.core import frozen_files
from correctless.dispatch.core import spec as spec_rules
from correctless.dispatch.core.context import RunContext
from correctless.dispatch.core.frozen_files import FrozenPlan
from correctless.dispatch.finish.pull_request import github
from correctless.dispatch.loop import Log, Tell
from correctless.dispatch.step import untrusted
from correctless.ledger.heads import Heads
from correctless.ledger.ledger import Ledger
from correctless.project import config, lock
from correctless.project.config import Config
from correctless.project.git import Repo
from correctless.project.hidden import hidden_changes
from correctless.project.paths import Logs, ensure_artifacts
from correctless.project.paths import logs as logs_of
from correctless.publish import lfs, submodules
from correctless.publish.branch import refuse_protected, refuse_unknown
from correctless.review import anchors, gate, inheritance, open_set
from correctless.runlog import branch as record
from correctless.runlog.branch import RecordedDecision
from correctless.runlog.events import LoggedEvent, RunStarted
from correctless.runlog.fold import checked_state
from correctless.runlog.state import State

_CI_REMOTE = "origin"
_WINDOWS = (
    "five_hour",
    "seven_day",
    "seven_day_opus",
    "seven_day_sonnet",
)  # that accounts are known to report


@dataclass(frozen=True, slots=True)
class Request:
    """What you ask for: a spec, and what differs from the configuration."""

    spec: str  # path, from your current folder
    pipeline: str = "default"
    flags: Mapping[str, Any] | None = None  # keys of the configuration; None is no value


@dataclass(frozen=True, slots=True)
class Ready:
    """A run that may start: all is checked and nothing written."""

    repo: Repo
    logs: Logs
    config: Config
    frozen: FrozenPlan
    spec_text: str
    inherited: tuple[RecordedDecision, ...]  # open entries of other branches whose work this one carries
    fork: str = ""  # that the pull request is not opened in the repository this one was forked from


def prepare(repo: Repo, cwd: str, request: Request, env: Mapping[str, str]) -> Ready:
    """Check all that can be checked; nothing on disk changes. Raises: `Stop` with what is wrong."""
    branch = _branch(repo)
    logs = logs_of(repo, branch)
    if lock.is_locked(repo):
        lock.Lock.take(repo, "a refusal").close()  # raises, naming who has it
    anchors.refuse_disproved(logs, None, env)
    # First: no git command may run on what the agent of an unfinished run left; its resume compares that before.
    _refuse_unfinished(checked_state(logs.run, record.load(logs).events))
    configured = load_config(repo, request.flags, cwd)
    _refuse_protected(repo, branch, configured)
    if sandbox.find(configured.agent_sandbox, env, exclude=(repo.top, repo.home))[0] is not None:
        sandbox.refuse(repo)
    spec, data = _spec(repo, cwd, request.spec)
    _refuse_dirt(repo)
    _refuse_unknown_committer(repo)
    lfs.refuse_unready(repo)
    if configured.pr != "skip":
        submodules.refuse_unpublished(repo)
    anchors.refuse_disproved(logs, repo, env)
    remote = configured.remote
    where = target.branch(repo, configured)
    refuse_protected(branch, (where,))
    # Now, and not after hours at the gate: if logs of merged branches are missing, no run of this branch is published.
    base = inheritance.base_ref(repo, configured.pr_remote or remote, [where], branch)
    waiting = gate.load(logs, repo, base=base)[1].waiting
    frozen = make_plan(
        repo,
        configured,
        branch=branch,
        spec=spec,
        spec_bytes=data,
        pipeline=request.pipeline,
        env=env,
        target=where,
        park=_parks_on(repo, configured, env),
        merge=_merged_by(repo, configured, where, env),
    )
    _check_agents(frozen, env, repo.top)
    if configured.pr == "gh":
        github(repo, remote, env, configured.pr_remote).check()
    inherited = tuple(each for each in waiting if each.branch)
    text = data.decode("utf-8", "replace")
    return Ready(repo, logs, configured, frozen, text, inherited, target.fork_warning(repo, configured, env))


def _merged_by(repo: Repo, configured: Config, against: str, env: Mapping[str, str]) -> str:
    if configured.merge == "never":
        return ""
    if configured.pr != "gh":
        raise Stop(exits.REFUSED, "'merge' needs a pull request that gh opens. set pr: gh, or leave it out")
    from correctless.dispatch.finish.merging import contract_of

    host = github(repo, configured.remote, env, configured.pr_remote)
    return contract_of(repo, host.repo, against, env)


def warnings(ready: Ready) -> Iterator[str]:
    """Yield what needs a look before the start and is no reason to refuse it."""
    if not spec_rules.rules(ready.spec_text):
        yield (
            f"the spec {ready.frozen.plan.spec} has no rules, so nothing checks that each was built. "
            "number them R-001, R-002, ..."
        )
    for line, rule in spec_rules.repeated(ready.spec_text):
        yield f"the spec {ready.frozen.plan.spec}:{line} defines {rule} again. give it a number of its own"
    if ready.fork:
        yield ready.fork
    for window in ready.frozen.plan.stop_at_usage:
        near = get_close_matches(window, _WINDOWS, n=1, cutoff=0.8)
        if near and window not in _WINDOWS:
            yield f"stop_at_usage has '{window}', which no account reports. did you mean {near[0]}?"
    plan = ready.frozen.plan
    unasked = [step.name for step in plan.steps if step.fork or not step.session]
    if plan.on_escalation == "ask" and unasked:
        yield (
            f"on_escalation: ask asks nothing in {', '.join(unasked)}, whose agent or skill can't continue its session "
            "with your answer: what needs you there is deferred to the gate, as with defer"
        )


def approval(ready: Ready) -> Confirmation | None:
    """Return the recorded approval of exactly this spec, if there is one."""
    return open_set.spec_approval(ready.logs, ready.frozen.plan.spec_sha256)


def begin(
    ready: Ready, ctx: RunContext, approved: Confirmation, tell: Tell, *, tried: Sequence[str] = ()
) -> LoggedEvent:
    """Freeze the plan, create the logs and record `run_started`; `ctx` has the lock.

    `tried` are the checks of `preflight` that passed.
    """
    # Once more under the lock: another dispatcher may have been faster.
    before = checked_state(ready.logs.run, record.load(ready.logs).events)
    _refuse_unfinished(before)
    _refuse_changed(ready)
    ensure_artifacts(ready.logs)
    if open_set.spec_approval(ready.logs, approved.digest) is None:
        open_set.approve_spec(
            ready.logs, approved.digest, by=approved.by, channel=approved.channel, now=ctx.now()
        )
    decisions = Ledger(ready.logs.decisions, root=ready.logs.root)
    for path in (ready.logs.decisions, ready.logs.run):
        Ledger(path, root=ready.logs.root).create()
    for path in (ready.logs.run, ready.logs.confirmations):
        Heads(path, ctx.env).begin(Ledger(path, root=ready.logs.root).head())
    head = decisions.head()
    run = run_id(ctx.now(), ctx.token(2))
    os.makedirs(ready.logs.folder(run), mode=0o700)
    frozen_files.store(ready.logs, run, ready.frozen)
    event = RunStarted(
        plan=ready.frozen.plan,
        approved_by=approved.by,
        approved_channel=approved.channel,
        version=correctless.__version__,
        log_seq=head.seq,
        log_head=head.sha256,
        tried=tuple(tried),
        git_settings=untrusted.freeze_settings(ctx, run),
    )
    return Log(ctx, tell).write(before, event, run=run)


def run_id(now: datetime, token: str) -> str:
    """Return a new run id: when it began, and a random part."""
    return f"{now:%Y%m%d-%H%M%S}-{token}"


def load_config(repo: Repo, flags: Mapping[str, Any] | None, cwd: str) -> Config:
    """Return the configuration of the base commit, with your flags."""
    data = repo.file_at("HEAD", config.PATH)
    values = config.parse(data) if data is not None else None
    overrides = dict(flags or {})
    if overrides.get("agent"):
        overrides["agent"] = agents.named(overrides["agent"], cwd).spelled
    return config.load(values, flags=overrides)


def _branch(repo: Repo) -> str:
    branch = repo.branch()
    if branch is None:
        raise Stop(
            exits.REFUSED,
            f"{repo.top} is on no branch (detached HEAD). switch to one: git switch -c feature/NAME",
        )
    if not repo.has_commit():
        raise Stop(
            exits.REFUSED, f"{repo.top} has no commit yet. commit something first, then branch from it"
        )
    return branch


def _refuse_protected(repo: Repo, branch: str, configured: Config) -> None:
    default = repo.default_branch(configured.remote)
    refuse_protected(branch, (*configured.protected, *((default,) if default else ())))


def _spec(repo: Repo, cwd: str, named: str) -> tuple[str, bytes]:
    path = os.path.realpath(os.path.join(cwd, named))
    inside = os.path.relpath(path, repo.top)
    if inside.startswith(os.pardir):
        raise Stop(
            exits.REFUSED,
            f"the spec {named} is outside of {repo.top}. put it into the repository and commit it",
        )
    try:
        data = below.read(path)
    except OSError as error:
        raise Stop(
            exits.REFUSED, f"the spec {named} can't be read: {error.strerror}. name a file with --spec"
        ) from None
    if not data.strip():
        raise Stop(
            exits.REFUSED,
            f"the spec {named} is empty. write what is to be built, with rules R-001, R-002, ...",
        )
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Stop(
            exits.REFUSED,
            f"the spec {named} is not UTF-8 (byte {error.start}), so what you are shown is not what you approve. save it as UTF-8",
        ) from None
    if repo.file_at("HEAD", inside) is None:
        raise Stop(
            exits.REFUSED,
            f"the spec {named} is not in the last commit, so nobody could read later what was approved. "
            f"commit it: git add -f {shlex.quote(inside)} && git commit",
        )
    if meant := spec_rules.misspelled(data.decode("utf-8", "replace")):
        line, text = meant
        raise Stop(
            exits.REFUSED,
            f"{named}:{line}: '{one_line(text)}' is not a rule id, so nothing would check that rule. "
            "write R- and three digits, such as R-001",
        )
    return inside, data


def _refuse_dirt(repo: Repo) -> None:
    status = repo.status()
    dirty = status.changed
    if status.links and (module := submodules.changed_at(repo, "HEAD", status.links)):
        raise Stop(
            exits.REFUSED,
            f"the submodule {module} is not what this branch's commit names. commit and push it there and commit it here, "
            f"or put it back with: {submodules.put_back(module)}",
        )
    if dirty:
        more = f" and {len(dirty) - 1} more" if len(dirty) > 1 else ""
        raise Stop(
            exits.REFUSED,
            f"{repo.top} has uncommitted changes ({dirty[0]}{more}). commit or stash them, "
            "or let the run have a worktree of its own: correctless cauto run --worktree BRANCH ...",
        )
    # They would be in a step's commit: it has all that its check ran on.
    if hidden := hidden_changes(repo):
        raise Stop(
            exits.REFUSED,
            f"{repo.top} has changes that git's index hides ({hidden[0]}). let the run have a worktree of its own "
            "(--worktree BRANCH), or unmark them: git update-index --no-assume-unchanged --no-skip-worktree FILE",
        )


def _refuse_changed(ready: Ready) -> None:
    """Refuse a start from anything but what the plan was made of: trials and your approval take minutes."""
    repo, plan = ready.repo, ready.frozen.plan
    status = repo.status()
    if status.head != plan.base or status.branch != plan.branch or status.changed:
        changed = f" ({status.changed[0]})" if status.changed else ""
        raise Stop(
            exits.REFUSED,
            f"{repo.top}{changed} has changed since the plan was made. start again: correctless cauto run",
        )


def _refuse_unknown_committer(repo: Repo) -> None:
    # Now, and not when the first step's work can't be committed.
    if repo.try_git("var", "GIT_COMMITTER_IDENT").returncode != 0:
        raise Stop(
            exits.REFUSED,
            "git doesn't know who commits here. set it: git config user.name NAME, git config user.email ADDRESS",
        )


def _parks_on(repo: Repo, configured: Config, env: Mapping[str, str]) -> str | None:
    """Return the remote a run that stops is parked on: the configured one, in CI the usual one."""
    if configured.park == config.NO_PARKING:
        return None
    if configured.park is not None:
        refuse_unknown(repo, configured.park)
        return configured.park
    in_ci = env.get("CI", "").lower() not in ("", "0", "false")
    return _CI_REMOTE if in_ci and _CI_REMOTE in repo.git("remote").splitlines() else None


def _refuse_unfinished(state: State) -> None:
    if state.unfinished:
        raise Stop(
            exits.REFUSED,
            f"run {state.run} on this branch is unfinished. continue with: correctless cauto resume, "
            "or end it with: correctless cauto stop --abandon",
        )


def _check_agents(frozen: FrozenPlan, env: Mapping[str, str], cwd: str) -> None:
    spelled: dict[str, Agent] = {step.agent: agents.named(step.agent, cwd) for step in frozen.plan.steps}
    for agent in spelled.values():
        agent.check(env, cwd)
