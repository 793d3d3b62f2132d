"""Where the work of a run goes: the branch and the repository of its pull request."""

from __future__ import annotations

from collections.abc import Mapping

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.dispatch.finish.pull_request import addresses
from correctless.github.client import repo_of_remote
from correctless.project.config import Config
from correctless.project.git import Repo
from correctless.publish.branch import default_branch, pushed_to


def branch(repo: Repo, configured: Config) -> str:
    """Return the branch the pull request is against: as configured, as last fetched, or as the remote says now.

    Raises: `Stop(3)` where the remote can't be asked, or has no default branch.
    """
    remote = configured.pr_remote or configured.remote
    if configured.target:
        return configured.target
    fetched = repo.default_branch(remote)
    if fetched is not None and repo.commit(f"refs/remotes/{remote}/{fetched}"):
        return fetched
    if remote not in repo.git("remote").splitlines():
        return _local(repo)  # the trial of the push says that it is missing
    name, fault = default_branch(repo, remote)
    if name is None and (push := pushed_to(repo, remote)) != remote:
        name, fault = default_branch(repo, push)
    if name is None and configured.pr == "skip":  # nothing is pushed, so this may run without a network
        return fetched or _local(repo, remote)
    if name is None:
        why = f"can't be asked for it: {fault}" if fault else "names none"
        raise Stop(
            exits.REFUSED,
            f"this clone doesn't know the default branch of '{remote}', and '{remote}' {why}. "
            f"write the branch that pull requests are against into the configuration, such as target: main, or run: "
            f"git remote set-head {remote} --auto",
        )
    return name


def _local(repo: Repo, remote: str = "") -> str:
    refs = (f"refs/remotes/{remote}/", "refs/heads/")
    known = (name for ref in refs for name in ("main", "master") if repo.commit(f"{ref}{name}"))
    return next(known, "main")


def fork_warning(repo: Repo, configured: Config, env: Mapping[str, str]) -> str:
    """Return that the pull request stays in this repository, although a remote names another one of its name; "" otherwise."""
    if configured.pr != "gh" or configured.pr_remote:
        return ""
    own = _names(repo, configured.remote, env)
    for remote in repo.git("remote").splitlines():
        theirs = _names(repo, remote, env)
        if remote == "upstream" and own and theirs and not own & theirs:
            return (
                f"the pull request will be opened in {min(own)} ('{configured.remote}'), not in {min(theirs)} ('{remote}'). "
                f"if it belongs there, write into the configuration: pr_remote: {remote}"
            )
    return ""


def _names(repo: Repo, remote: str, env: Mapping[str, str]) -> set[str]:
    return {name.casefold() for url in addresses(repo, remote, env) if (name := repo_of_remote(url))}
