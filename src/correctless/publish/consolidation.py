"""Consolidation commit of a finished branch, checked by the repository's hooks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.base.process.process import Wrap
from correctless.github.client import first_line
from correctless.project.git import Repo
from correctless.project.paths import ARTIFACTS


@dataclass(frozen=True, slots=True)
class ConsolidationCommit:
    """Consolidation commit and its files, as sorted paths from the top folder."""

    commit: str
    staged: tuple[str, ...]
    unstaged: tuple[str, ...]  # neither the branch's nor declared: unchanged in the worktree


def consolidate(
    repo: Repo,
    *,
    base: str,
    allow: Sequence[str],
    message: str,
    env: Mapping[str, str],
    seconds: float,
    guard: Callable[[], AbstractContextManager[None]] = nullcontext,
    wrap: Wrap | None = None,
) -> ConsolidationCommit:
    """Commit the run's remaining work on top of `base..HEAD`.

    Staged are the files that commits since `base` touched and those a glob of `allow` names (`*`, `?`, `**`,
    from the top folder); artifacts, ignored files and repositories inside the repository never. The hooks run
    here, once, in `env`, in the sandbox `wrap` and within `seconds`, inside of what `guard` opens. After an
    error HEAD is where it was.

    Raises: Stop(20) when a hook refuses or adds files of its own, Stop(10) when the branch's commits contain
    artifacts.
    """
    branch, before = repo.branch(), repo.head()
    start = repo.resolve(base)
    # Of each commit, not of the two ends: a file that one commit adds and the next removes is published too.
    touched = _names(
        repo.git("log", "--format=", "--name-only", "-z", "--no-renames", "-m", f"{start}..HEAD")
    )
    if artifacts := sorted(filter(_is_artifact, touched)):
        raise Stop(
            exits.PERSON,
            f"a commit of the branch contains {artifacts[0]!r}, and artifacts are never published. rewrite that commit, then run cauto resume",
        )
    # What an agent staged is unstaged: the files on disk decide, not its index.
    repo.git("reset", "--mixed", "--quiet")
    dirty = _status(repo)
    declared = _status(repo, *(_pathspec(glob) for glob in allow)) if allow else set()
    # A path that ends in a slash is a nested repository: it would be staged as a link that cannot be fetched.
    chosen = {p for p in dirty & (touched | declared) if not _is_artifact(p) and not p.endswith("/")}
    _stage(repo, sorted(chosen))
    try:
        with guard():
            _commit(repo, message, env, seconds, wrap)
        _hold_to(repo, branch, before, chosen)
        _sign(repo)
    except Stop:
        # A hook can switch branches, and the reset would move another one, such as main.
        if branch is not None:
            repo.git("symbolic-ref", "HEAD", f"refs/heads/{branch}")
        else:
            repo.git("update-ref", "--no-deref", "HEAD", before)
        # Or the next attempt would find a hook's commit as the branch's own past.
        repo.git("reset", "--soft", "--quiet", before)
        raise
    unstaged = sorted(p for p in dirty - chosen if not _is_artifact(p))
    return ConsolidationCommit(repo.head(), tuple(sorted(chosen)), tuple(unstaged))


def squash(repo: Repo, *, base: str, message: str, backup_ref: str) -> str:
    """Replace all commits since `base` by one with HEAD's tree and return its id.

    The old HEAD remains under `backup_ref`. Squashing again changes nothing.
    """
    head = repo.head()
    if repo.git("log", "-1", "--format=%P", head).split() == [base]:
        return head
    repo.git("update-ref", backup_ref, head)
    signed = ("-S",) if _signs(repo) else ()
    squashed = repo.git(
        *("commit-tree", *signed, "-p", base, "-F", "-", f"{head}^{{tree}}"), rights="sign", stdin=message
    ).strip()
    # The tree is the same, so neither index nor worktree changes.
    repo.git("reset", "--soft", "--quiet", squashed)
    return squashed


def _status(repo: Repo, *pathspecs: str) -> set[str]:
    out = repo.git(
        "status", "--porcelain=v1", "-z", "--untracked-files=all", "--no-renames", "--", *pathspecs
    )
    return {item[3:] for item in out.split("\0") if item}


def _pathspec(glob: str) -> str:
    if not glob.strip("/ "):
        raise Stop(
            exits.REFUSED,
            "an empty glob in outputs would publish every file. write the folder, as in docs/**",
        )
    return f":(top,glob){glob}"


def _is_artifact(path: str) -> bool:
    # Folded: on a file system that ignores case, .Correctless is the same folder.
    return (path.casefold() + "/").startswith(ARTIFACTS.casefold() + "/")


def _names(out: str) -> set[str]:
    return set(out.split("\0")) - {""}


def _stage(repo: Repo, chosen: Sequence[str]) -> None:
    # update-index takes exact files from a list: no pathspec magic, no option, and a folder that took a file's place
    # does not come along, as it would with git add.
    repo.git(
        "update-index", "--add", "--remove", "-z", "--stdin", stdin="".join(f"{path}\0" for path in chosen)
    )


def _commit(repo: Repo, message: str, env: Mapping[str, str], seconds: float, wrap: Wrap | None) -> None:
    # Signed later: see `_sign`.
    arguments = ("-c", "commit.gpgSign=false", "commit", "--allow-empty", "--quiet", "--file=-")
    done = repo.with_hooks(*arguments, env=env, stdin=message, seconds=seconds, wrap=wrap)
    if done.timed_out:
        raise Stop(
            exits.FAILED,
            f"the repository's commit hooks took over {seconds:.0f} s. see what they wait for, then run cauto resume",
        )
    if done.code != 0:
        output = first_line(done.err if done.err.strip() else done.out)
        raise Stop(
            exits.FAILED,
            f"the consolidation commit did not pass its hooks: {output}. fix that, then run cauto resume",
        )


def _signs(repo: Repo) -> bool:
    return repo.try_git("config", "--type=bool", "--get", "commit.gpgSign").stdout.strip() == "true"


def _sign(repo: Repo) -> None:
    # After the hooks, in git's own environment: an agent must not reach the keys of an ssh-agent or a smart card.
    if _signs(repo):
        repo.git("commit", "--amend", "--no-edit", "--no-verify", "--allow-empty", "--quiet", rights="sign")


def _hold_to(repo: Repo, branch: str | None, before: str, chosen: Set[str]) -> None:
    """Refuse a hook that added files, wrote commits or left the branch; it may reformat staged files.

    The hook runs code of the branch.
    """
    if (now := repo.branch()) != branch:
        raise Stop(
            exits.FAILED,
            f"a commit hook left {branch or 'a detached HEAD'} for {now or 'a detached HEAD'}. remove that from the hook, "
            "then run cauto resume",
        )
    parents = repo.git("log", "-1", "--format=%P", "HEAD").split()
    if parents != [before]:
        raise Stop(
            exits.FAILED,
            "a commit hook wrote commits of its own. remove that from the hook, then run cauto resume",
        )
    committed = _names(repo.git("diff", "--name-only", "-z", "--no-renames", before, "HEAD"))
    if added := sorted(committed - chosen):
        raise Stop(
            exits.FAILED,
            f"a commit hook added {added[0]!r}, which the branch did not change. declare it in outputs, then run cauto resume",
        )
