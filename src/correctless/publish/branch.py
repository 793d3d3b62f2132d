"""Push of a run's branch, with a lease and never to a protected name; reading of a remote's refs."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from subprocess import CompletedProcess

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.base.text import one_line
from correctless.project.git import Repo
from correctless.project.git.objectid import OID

PROTECTED = ("main", "master", "develop", "release/*")
SECONDS = 600.0

# For every git call to a remote. The branch's work could have changed its address in the configuration: no program in
# place of an address, only the one ref, and no prompt of ssh, because the run is unattended.
PLAIN = ("-c", "protocol.ext.allow=never", "-c", "push.followTags=false", "-c", "push.recurseSubmodules=no")
ENV = {"SSH_ASKPASS_REQUIRE": "never"}


def push(
    repo: Repo,
    *,
    remote: str,
    branch: str,
    protected: Sequence[str] = (),
    expected: str | None,
    dry_run: bool = False,
    seconds: float = SECONDS,
) -> str:
    """Push exactly HEAD to `branch` of `remote` and return its commit id.

    Pushing again is safe. `expected` is the commit the remote's branch must be at, None when the branch must
    not exist. `protected` are globs beside `PROTECTED` and the remote's own default branch. With `dry_run` git only checks and pushes nothing. `seconds` limits
    each call of git.

    Raises: Stop(3) when the name, the remote or its commit is not as expected, or the push
    fails.
    """
    refuse_name(repo, branch)
    refuse_unknown(repo, remote)
    if expected is not None and not OID.match(expected):
        raise Stop(
            exits.REFUSED, f"{expected!r} is not a commit id to expect on '{branch}'. give the full id"
        )
    default, fault = default_branch(repo, pushed_to(repo, remote), seconds)
    if fault:
        raise Stop(exits.REFUSED, _why("", fault, remote, branch))
    if expected is not None and _is_gone(repo, remote, branch):
        expected = None  # deleted there: nothing that others pushed can be overwritten
    refuse_protected(branch, (*protected, default) if default else protected)
    commit = repo.head()
    done = repo.try_git(
        *PLAIN,
        "push",
        "--porcelain",
        "--no-verify",
        *(("--dry-run",) if dry_run else ()),
        f"--force-with-lease=refs/heads/{branch}:{expected or ''}",
        "--",
        remote,
        f"{commit}:refs/heads/{branch}",
        rights="remote",
        env=ENV,
        seconds=seconds,
    )
    if done.returncode != 0:
        raise Stop(exits.REFUSED, _why(done.stdout, done.stderr, remote, branch))
    return commit


def refuse_protected(branch: str, protected: Sequence[str]) -> None:
    """Refuse a branch that work must not be pushed to directly, in any case.

    Raises: Stop(3) when `branch` matches `PROTECTED` or a glob of `protected`.
    """
    for pattern in (*PROTECTED, *protected):
        if fnmatch.fnmatchcase(branch.casefold(), pattern.casefold()):
            raise Stop(
                exits.REFUSED,
                f"branch '{branch}' is protected ({pattern}). work on a branch of its own, then start again",
            )


def refuse_unknown(repo: Repo, remote: str) -> None:
    """Refuse a remote this repository has not configured, such as an address.

    Raises: Stop(3).
    """
    if remote not in repo.git("remote").splitlines():
        raise Stop(exits.REFUSED, f"no remote {remote!r} found. add it with git remote add, or name another")


def pushed_to(repo: Repo, remote: str) -> str:
    """Return the address or name to ask about a remote: its push URL where it has one."""
    apart = repo.try_git("config", "--get", f"remote.{remote}.pushurl").returncode == 0
    return repo.git("remote", "get-url", "--push", "--", remote) if apart else remote


def list_ref(repo: Repo, remote: str, ref: str) -> CompletedProcess[str]:
    """Ask git which commit one ref of a remote is at now (`git ls-remote`)."""
    refuse_unknown(repo, remote)
    place = pushed_to(repo, remote)
    return repo.try_git(*PLAIN, "ls-remote", "--", place, ref, rights="remote", env=ENV, seconds=SECONDS)


def listed(out: str, ref: str) -> str | None:
    """Return the id that output of `list_ref` gives for `ref`, None without one."""
    # A pattern of ls-remote also fits the end of a longer name.
    return next((line.split("\t")[0] for line in out.splitlines() if line.endswith(f"\t{ref}")), None)


def fetch_ref(repo: Repo, remote: str, ref: str) -> CompletedProcess[str]:
    """Fetch the objects of a remote's ref and change nothing else."""
    # The ref's name and no place for it here: no remote-tracking branch, tag, FETCH_HEAD or submodule follows.
    return repo.try_git(
        *PLAIN,
        *("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--no-prune"),
        *("--no-auto-maintenance", "--refmap=", "--", pushed_to(repo, remote), ref),
        rights="remote",
        env=ENV,
        seconds=SECONDS,
    )


def commit_at(repo: Repo, remote: str, branch: str) -> str | None:
    """Return the commit a remote's branch is at now, and fetch it.

    None when the branch does not exist there.

    Raises: Stop(3) when the remote cannot be asked or the commit cannot be fetched.
    """
    ref = f"refs/heads/{branch}"
    done = list_ref(repo, remote, ref)
    commit = listed(done.stdout, ref)
    if done.returncode == 0 and commit is not None:
        if not OID.match(commit):
            raise Stop(
                exits.REFUSED, f"'{remote}' gives no commit id for '{branch}'. see git ls-remote {remote}"
            )
        if repo.try_git("merge-base", "--end-of-options", commit, commit).returncode == 0:
            return commit
        done = fetch_ref(repo, remote, ref)
    if done.returncode != 0:
        why = refusal("", done.stderr)
        raise Stop(
            exits.REFUSED,
            f"'{branch}' can't be fetched from '{remote}': {why}. fix that, then run cauto resume",
        )
    return commit


def refuse_name(repo: Repo, branch: str) -> None:
    """Refuse a name that git does not allow for a branch, or that looks like a ref.

    Raises: Stop(3).
    """
    # refs/heads/main as a branch's name would be refs/heads/refs/heads/main
    odd = branch.startswith(("-", "refs/")) or branch == "HEAD" or not branch.isprintable()
    if odd or repo.try_git("check-ref-format", f"refs/heads/{branch}").returncode != 0:
        raise Stop(
            exits.REFUSED,
            f"{branch!r} is not a valid name for a branch to push. rename it with git branch -m",
        )


def _is_gone(repo: Repo, remote: str, branch: str) -> bool:
    done = list_ref(repo, remote, ref := f"refs/heads/{branch}")
    return done.returncode == 0 and listed(done.stdout, ref) is None


def default_branch(repo: Repo, place: str, seconds: float = SECONDS) -> tuple[str | None, str]:
    """Return the default branch that a remote or its address has now, and git's error where it can't be asked."""
    done = repo.try_git(
        *PLAIN, "ls-remote", "--symref", "--", place, "HEAD", rights="remote", env=ENV, seconds=seconds
    )
    if done.returncode != 0:
        return None, refusal("", done.stderr)
    for line in done.stdout.splitlines():
        value, _, name = line.partition("\t")
        if value.startswith("ref: refs/heads/") and name == "HEAD":
            return value.removeprefix("ref: refs/heads/"), ""
    return None, ""


def _why(out: str, err: str, remote: str, branch: str) -> str:
    if any("(stale info)" in line for line in out.splitlines()):
        return f"'{branch}' on '{remote}' is not at the commit this run left: someone pushed to it. check it, then start a new run"
    reason = refusal(out, err)
    return f"'{branch}' could not be pushed to '{remote}': {reason}. fix that, then run cauto resume"


def refusal(out: str, err: str) -> str:
    """Return the reason git or the remote gave for a failure, as one printable line."""
    messages = [line.strip() for line in err.splitlines() if line.strip()]
    for line in out.splitlines():
        if line.startswith("!"):
            messages = [line.rpartition("\t")[2], *[s for s in messages if s.startswith("remote: ")]]
    messages = [s for s in messages if not s.startswith(("warning:", "hint:"))] or ["git did not say why"]
    return one_line(" ".join(messages[:2])).rstrip(". ")
