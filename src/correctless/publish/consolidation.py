"""Consolidation commit of a finished branch, checked by the repository's hooks."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence, Set
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.base.files import replace_file
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
    note: str = "",
) -> ConsolidationCommit:
    """Commit the run's remaining work on top of `base..HEAD`.

    Staged are the files that commits since `base` touched and those a glob of `allow` names (`*`, `?`, `**`,
    from the top folder); artifacts, ignored files and repositories inside the repository never. The hooks run
    here, once, on all files that differ from `base`: in `env`, in the sandbox `wrap` and within `seconds`, inside of
    what `guard` opens. After an error HEAD is where it was; after a crash the next call puts it there, from the file
    `note`.

    Raises: Stop(20) when a hook refuses or adds files of its own, Stop(10) when the branch's commits contain
    artifacts.
    """
    start = repo.resolve(base)
    if note:
        _recover(repo, note)
    branch, before = repo.branch(), repo.head()
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
    allowed = touched | chosen
    # Hooks look at what is staged: on top of the base's tree all steps' files are, on top of the steps none would be.
    # In a commit of its own, or a hook that switches to a branch at the base would have git commit there.
    under = repo.git(
        "commit-tree", "-p", start, "-m", "the base of a run, for its hooks", f"{start}^{{tree}}"
    )
    if note:
        replace_file(note, f"{branch or ''}\n{before}\n{under}\n".encode(), mode=0o600)
    try:
        repo.git("reset", "--soft", "--quiet", under)
        with guard():
            refusal = _commit(repo, message, env, seconds, wrap)
        if refusal and (fixed := {p for p in _changed(repo) if p in allowed}):
            _stage(repo, sorted(fixed))  # what a hook repaired and left for you to stage
            with guard():
                refusal = _commit(repo, message, env, seconds, wrap)
        _hold_to(repo, branch, under, allowed, refusal)
        final = repo.git("log", "-1", "--format=%B", "HEAD")  # hooks may have added to it
    except BaseException:
        _back(repo, branch, before)
        raise
    finally:
        _forget(note)
    repo.git("reset", "--soft", "--quiet", before)
    # Signed here: an agent, and so a hook, must not reach the keys of an ssh-agent or a smart card.
    repo.git(
        "commit",
        "--no-verify",
        "--allow-empty",
        "--quiet",
        "--cleanup=verbatim",
        "--file=-",
        rights="sign",
        stdin=final,
    )
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


def _commit(
    repo: Repo, message: str, env: Mapping[str, str], seconds: float, wrap: Wrap | None
) -> Stop | None:
    """Commit with the repository's hooks; return why that was refused."""
    arguments = ("-c", "commit.gpgSign=false", "commit", "--allow-empty", "--quiet", "--file=-")
    done = repo.with_hooks(*arguments, env=env, stdin=message, seconds=seconds, wrap=wrap)
    if done.timed_out:
        raise Stop(
            exits.FAILED,
            f"the repository's commit hooks took over {seconds:.0f} s. see what they wait for, then run cauto resume",
        )
    if done.code == 0:
        return None
    output = first_line(done.err if done.err.strip() else done.out)
    return Stop(
        exits.FAILED,
        f"the consolidation commit did not pass its hooks: {output}. fix that, then run cauto resume",
    )


def _changed(repo: Repo) -> set[str]:
    """Return the tracked files that differ from the index."""
    return _names(repo.git("diff", "--name-only", "-z", "--no-renames"))


def _back(repo: Repo, branch: str | None, before: str) -> None:
    # A hook can switch branches, and the reset would move another one, such as main.
    if branch is not None:
        repo.git("symbolic-ref", "HEAD", f"refs/heads/{branch}")
    else:
        repo.git("update-ref", "--no-deref", "HEAD", before)
    # Or the next attempt would find a hook's commit as the branch's own past.
    repo.git("reset", "--soft", "--quiet", before)


def _recover(repo: Repo, note: str) -> None:
    """Put HEAD back to where it was before the hooks of a call that died."""
    try:
        with open(note, encoding="utf-8") as file:
            branch, before, under, _ = file.read(1 << 12).split("\n")
    except (OSError, ValueError):
        return
    head = repo.head()
    if head == under or repo.git("log", "-1", "--format=%P", head).split() == [under]:
        _back(repo, branch or None, before)
    _forget(note)


def _forget(note: str) -> None:
    with suppress(FileNotFoundError):
        if note:
            os.unlink(note)


def _signs(repo: Repo) -> bool:
    return repo.try_git("config", "--type=bool", "--get", "commit.gpgSign").stdout.strip() == "true"


def _hold_to(repo: Repo, branch: str | None, under: str, allowed: Set[str], refusal: Stop | None) -> None:
    """Refuse a hook that added files, wrote commits or left the branch; it may reformat staged files.

    The hook runs code of the branch. `refusal` is its own, raised as it is.
    """
    if refusal:
        raise refusal
    if (now := repo.branch()) != branch:
        raise Stop(
            exits.FAILED,
            f"a commit hook left {branch or 'a detached HEAD'} for {now or 'a detached HEAD'}. remove that from the hook, "
            "then run cauto resume",
        )
    parents = repo.git("log", "-1", "--format=%P", "HEAD").split()
    if parents != [under]:
        raise Stop(
            exits.FAILED,
            "a commit hook wrote commits of its own. remove that from the hook, then run cauto resume",
        )
    committed = _names(repo.git("diff", "--name-only", "-z", "--no-renames", under, "HEAD"))
    if added := sorted(committed - allowed):
        raise Stop(
            exits.FAILED,
            f"a commit hook added {added[0]!r}, which the branch did not change. declare it in outputs, then run cauto resume",
        )
