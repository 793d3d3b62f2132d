"""The start of a run: checked, planned, approved and recorded."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import correctless
from correctless import agents, sandbox
from correctless.agents import Agent
from correctless.base import below, exits
from correctless.base.exits import Stop
from correctless.decisions.decision import Confirmation
from correctless.dispatch.core import freeze
from correctless.dispatch.core.context import RunContext
from correctless.dispatch.core.freeze import Frozen
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
from correctless.publish.branch import refuse_protected, refuse_unknown
from correctless.review import anchors, gate, inheritance, open_set
from correctless.runlog import branch as record
from correctless.runlog.branch import Recorded
from correctless.runlog.events import Logged, RunStarted
from correctless.runlog.state import State, standing

_CI_REMOTE = "origin"


@dataclass(frozen=True, slots=True)
class Request:
    """What you ask for: a spec, and what differs from the configuration."""

    spec: str  # path, from the folder the person stands in
    pipeline: str = "default"
    flags: Mapping[str, Any] | None = None  # keys of the configuration; None values are not given


@dataclass(frozen=True, slots=True)
class Ready:
    """A run that may start: everything was checked and nothing written."""

    repo: Repo
    logs: Logs
    config: Config
    frozen: Frozen
    spec_text: str
    inherited: tuple[Recorded, ...]  # open entries of other branches whose work this one carries


def prepare(repo: Repo, cwd: str, request: Request, env: Mapping[str, str]) -> Ready:
    """Check whatever can be checked; nothing on disk changes.

    Raises: `Stop` with what is wrong.
    """
    branch = _branch(repo)
    logs = logs_of(repo, branch)
    if lock.is_held(repo):
        lock.Lock.take(repo, "a refusal").close()  # raises, naming who has it
    anchors.refuse_disproved(logs, None, env)
    # First: what an agent of an unfinished run left is compared by whoever goes on with it, and nothing of git's runs before.
    _refuse_unfinished(standing(logs.run, record.load(logs).events))
    found = load_config(repo, request.flags, cwd)
    _refuse_protected(repo, branch, found)
    if sandbox.find(found.agent_sandbox, env, exclude=(repo.top, repo.home))[0] is not None:
        sandbox.refuse(repo)
    spec, data = _spec(repo, cwd, request.spec)
    _refuse_dirt(repo)
    _refuse_nobody(repo)
    anchors.refuse_disproved(logs, repo, env)
    target = found.target or repo.default_branch(found.remote) or _usual_target(repo, found.remote)
    # Now, and not after hours at the gate: where the logs of what it carries are missing, no run of this branch is published.
    base = inheritance.base_ref(repo, found.remote, [target], branch)
    waiting = gate.load(logs, repo, base=base)[1].waiting
    frozen = freeze.freeze(
        repo,
        found,
        branch=branch,
        base=repo.head(),
        spec=spec,
        spec_bytes=data,
        pipeline=request.pipeline,
        branch_slug=logs.branch_slug,
        env=env,
        target=target,
        park=_parks_on(repo, found, env),
        merge=_merged_by(repo, found, target, env),
    )
    _check_agents(frozen, env, repo.top)
    if found.pr == "gh":
        github(repo, found.remote, env).check()
    inherited = tuple(each for each in waiting if each.branch)
    return Ready(repo, logs, found, frozen, data.decode("utf-8", "replace"), inherited)


def _merged_by(repo: Repo, found: Config, target: str, env: Mapping[str, str]) -> str:
    if found.merge == "never":
        return ""
    if found.pr != "gh":
        raise Stop(exits.REFUSED, "'merge' needs a pull request that gh opens. set pr: gh, or leave it out")
    from correctless.dispatch.finish.merging import contract_of

    return contract_of(repo, github(repo, found.remote, env).repo, target, env)


def approval(ready: Ready) -> Confirmation | None:
    """Return the recorded approval of exactly this spec, if there is one."""
    return open_set.spec_approval(ready.logs, ready.frozen.plan.spec_sha256)


def begin(
    ready: Ready, ctx: RunContext, approved: Confirmation, tell: Tell, *, tried: Sequence[str] = ()
) -> Logged:
    """Freeze the plan, create the logs and record `run_started`.

    `ctx` holds the lock.

    `tried` is what the run will need and was found to hold.
    """
    # Once more under the lock: another dispatcher may have been faster.
    before = standing(ready.logs.run, record.load(ready.logs).events)
    _refuse_unfinished(before)
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
    freeze.store(ready.logs, run, ready.frozen)
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
    given = dict(flags or {})
    if given.get("agent"):
        given["agent"] = agents.named(given["agent"], cwd).spelled
    return config.load(values, flags=given)


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


def _refuse_protected(repo: Repo, branch: str, found: Config) -> None:
    default = repo.default_branch(found.remote)
    refuse_protected(branch, (*found.protected, *((default,) if default else ())))


def _spec(repo: Repo, cwd: str, named: str) -> tuple[str, bytes]:
    path = os.path.realpath(os.path.join(cwd, named))
    inside = os.path.relpath(path, repo.top)
    if inside.startswith(os.pardir):
        raise Stop(
            exits.REFUSED,
            f"the spec {named} lies outside {repo.top}. put it into the repository and commit it",
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
    return inside, data


def _refuse_dirt(repo: Repo) -> None:
    dirty = repo.dirty_files()
    if dirty:
        more = f" and {len(dirty) - 1} more" if len(dirty) > 1 else ""
        raise Stop(
            exits.REFUSED,
            f"{repo.top} has uncommitted changes ({dirty[0]}{more}). commit or stash them, "
            "or let the run have a worktree of its own: --worktree BRANCH",
        )
    # A step's commit holds what its check saw, and they would be in it.
    if hidden := hidden_changes(repo):
        raise Stop(
            exits.REFUSED,
            f"{repo.top} has changes that git was told not to look at ({hidden[0]}). let the run have a worktree of its own "
            "(--worktree BRANCH), or have git look again: git update-index --no-assume-unchanged --no-skip-worktree FILE",
        )


def _refuse_nobody(repo: Repo) -> None:
    # Found now and not after the first step's work is done and can't be committed.
    if repo.try_git("var", "GIT_COMMITTER_IDENT").returncode != 0:
        raise Stop(
            exits.REFUSED,
            "git doesn't know who commits here. set it: git config user.name NAME, git config user.email ADDRESS",
        )


def _parks_on(repo: Repo, found: Config, env: Mapping[str, str]) -> str | None:
    """The remote a run that stops is parked on: the one that is named, in CI the usual one."""
    if found.park == config.NO_PARKING:
        return None
    if found.park is not None:
        refuse_unknown(repo, found.park)
        return found.park
    in_ci = env.get("CI", "").lower() not in ("", "0", "false")
    return _CI_REMOTE if in_ci and _CI_REMOTE in repo.git("remote").splitlines() else None


def _usual_target(repo: Repo, remote: str) -> str:
    # A remote that was added by hand has no HEAD here until somebody asks for it.
    known = (name for name in ("main", "master") if repo.commit(f"refs/remotes/{remote}/{name}"))
    return next(known, "main")


def _refuse_unfinished(state: State) -> None:
    if state.unfinished:
        raise Stop(
            exits.REFUSED,
            f"run {state.run} on this branch is unfinished. go on with: correctless cauto resume, "
            "or end it with: correctless cauto stop --abandon",
        )


def _check_agents(frozen: Frozen, env: Mapping[str, str], cwd: str) -> None:
    spelled: dict[str, Agent] = {step.agent: agents.named(step.agent, cwd) for step in frozen.plan.steps}
    for agent in spelled.values():
        agent.check(env, cwd)
