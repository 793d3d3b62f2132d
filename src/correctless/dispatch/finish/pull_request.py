"""Publication: the branch pushed and its pull request opened."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from correctless.agents import Activity
from correctless.base import exits
from correctless.base.exits import Stop
from correctless.base.files import replace_file
from correctless.base.text import one_line
from correctless.dispatch.core.context import RunContext, plan_of
from correctless.dispatch.finish import body_text, secret_scan
from correctless.github import rest
from correctless.github.client import GitHub, repo_of_remote, ssh_address
from correctless.project.git import Repo
from correctless.publish import commit_status, lfs
from correctless.publish.branch import commit_at, push
from correctless.publish.managed_body import ManagedBody, new_body
from correctless.publish.pull_request import add_missing, command_pull_request, pull_request
from correctless.review import gate
from correctless.runlog import branch as record
from correctless.runlog.events import Published
from correctless.runlog.plan import Plan
from correctless.runlog.state import State

BODY = "pull-request.md"  # in the run's folder
_COMMAND_SECONDS = 600.0


def publish(ctx: RunContext, state: State) -> Published:
    """Publish a run by its plan. Raises: `Stop(10)` for a branch that moved, a secret, or an open decision."""
    plan, repo = plan_of(state), ctx.repo
    if repo.branch() != plan.branch or repo.head() != state.consolidated:
        raise Stop(
            exits.PERSON,
            f"{plan.branch} is not at the commit the run made ({(state.consolidated or '')[:12]}). "
            "see who changed it; the other commits are neither checked nor confirmed",
        )
    title, section = body_text.text_of(ctx, state)
    secret_scan.refuse(ctx, state, title, section.text(None))
    text = body_of(ctx, plan, section)
    replace_file(os.path.join(ctx.logs.folder(state.run), BODY), text.encode())
    how, *_ = plan.pr
    if how == "skip":
        return Published("", how)
    _refuse_hidden(ctx, plan)
    lfs.upload(repo, plan.remote, plan.base)
    push(
        repo,
        remote=plan.remote,
        branch=plan.branch,
        protected=plan.protected,
        expected=expected(repo, plan),
    )
    if how == "gh":
        return Published(_on_github(ctx, state, title, section), how)
    payload = {
        "run": state.run,
        "branch": plan.branch,
        "base": plan.target,
        "title": title,
        "body": text,
        "commit": repo.head(),
    }
    url = command_pull_request(plan.pr, payload, cwd=repo.top, env=ctx.env, seconds=_COMMAND_SECONDS)
    return Published(url, how)


def _on_github(ctx: RunContext, state: State, title: str, section: ManagedBody) -> str:
    """Open or update the pull request, with its labels, reviewers and commit status; return its address."""
    plan, repo = plan_of(state), ctx.repo
    host = github(repo, plan.remote, ctx.env, plan.pr_remote)
    opened = pull_request(
        host,
        branch=plan.branch,
        base=plan.target,
        title=title,
        section=section,
        earlier=_earlier(ctx, state),
        template=body_text.template_of(repo, plan.base),
        draft=plan.pr_draft,
    )
    if not opened.earlier:  # people may have changed those of an earlier run
        _or_warn(ctx, lambda: add_missing(host, opened.number, plan.pr_labels, plan.pr_reviewers))
    status = commit_status.of_gate(gate.load(ctx.logs, repo)[1])
    _or_warn(ctx, lambda: commit_status.post(host, opened.number, repo.head(), status, sleep=ctx.sleep))
    return opened.url


def _or_warn(ctx: RunContext, call: Callable[[], None]) -> None:
    """Make what GitHub refuses a warning: it is missing on the pull request, where a rule can require it."""
    try:
        call()
    except rest.Refused as refused:
        ctx.activity(Activity("warning", one_line(refused.message, 1000)))


def body_of(ctx: RunContext, plan: Plan, section: ManagedBody) -> str:
    """Return the body of a new pull request. Raises: `Stop(10)` when the decisions that needed you do not fit."""
    if plan.pr == ("skip",):
        return section.text(None)  # a file
    return new_body(section, body_text.template_of(ctx.repo, plan.base))


def _earlier(ctx: RunContext, state: State) -> tuple[str, ...]:
    """Return the other runs of the branch, the last one first: their pull request becomes this run's."""
    runs = (item.run for item in reversed(record.load(ctx.logs).events))
    return tuple(run for run in dict.fromkeys(runs) if run != state.run)


def _refuse_hidden(ctx: RunContext, plan: Plan) -> None:
    """Refuse a branch with open decisions that only the remote shows to be unpublished. Raises: `Stop(10)`."""
    # The gate used the commit that was last fetched, and an agent can move that ref.
    base = commit_at(ctx.repo, plan.base_remote, plan.target)
    if base is not None and not gate.load(ctx.logs, ctx.repo, base=base)[1].open:
        raise Stop(
            exits.PERSON,
            f"{plan.branch} has open decisions of other branches: their work is not in '{plan.target}' of "
            f"'{plan.base_remote}', though this clone says so. fetch it again, then read and answer with: correctless review",
        )


def github(repo: Repo, remote: str, env: Mapping[str, str], pr_remote: str = "") -> GitHub:
    """Return the gh program for the repository of a remote, or for that of `pr_remote`, of which it is a fork.

    Raises: `Stop(3)` when one of them is not on a GitHub host.
    """
    own = _repository(repo, remote, env)
    if not pr_remote or pr_remote == remote:
        return GitHub(own, env)
    return GitHub(_repository(repo, pr_remote, env), env, head_owner=own.split("/")[1])


def _repository(repo: Repo, remote: str, env: Mapping[str, str]) -> str:
    """Return host/owner/name of a remote: by the first of its addresses whose host gh is logged in to."""
    urls = addresses(repo, remote, env)
    if not urls:
        raise Stop(
            exits.REFUSED, f"remote '{remote}' is missing. add it with git remote add, or use --pr skip"
        )
    names = list(dict.fromkeys(filter(None, map(repo_of_remote, urls))))
    if not names:
        raise Stop(
            exits.REFUSED,
            f"remote '{remote}' ({urls[0]}) names no repository on a GitHub host. use --pr skip",
        )
    if len(names) > 1:
        names.sort(key=lambda name: not GitHub(name, env).knows_host())
    return names[0]


def addresses(repo: Repo, remote: str, env: Mapping[str, str]) -> list[str]:
    """Return the addresses of a remote: as written, as git expands it, and with the host that ssh has for an alias."""
    raw = repo.remote_url(remote)
    if raw is None:
        return []
    expanded = repo.try_git("remote", "get-url", "--", remote).stdout.splitlines()
    push = repo.try_git("remote", "get-url", "--push", "--", remote).stdout.splitlines()
    urls = [raw, *expanded, *push]
    return list(dict.fromkeys([*urls, *filter(None, (ssh_address(url, env) for url in urls))]))


def expected(repo: Repo, plan: Plan) -> str | None:
    """Return the commit a push expects on the remote; None for a new branch."""
    # What was last fetched or pushed: a branch that others moved since is not overwritten.
    return repo.commit(f"refs/remotes/{plan.remote}/{plan.branch}")
