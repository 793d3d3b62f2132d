"""Paths of the logs and other files of a branch."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import replace

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.base.files import replace_file
from correctless.base.values import frozen
from correctless.project import git
from correctless.project.git import Repo

ARTIFACTS = ".correctless/artifacts"
CONTRACTS = ".correctless/contracts"


def slug(branch: str) -> str:
    """Return a branch's file name: readable, at most 87 characters, and different for each branch."""
    digest = hashlib.md5(branch.encode("utf-8", "surrogateescape"), usedforsecurity=False).hexdigest()
    return f"{re.sub('[^a-zA-Z0-9]', '-', branch)[:80]}-{digest[:6]}"


@frozen
class Logs:
    """The paths of the files of one branch."""

    artifacts: str
    decisions: str
    run: str
    confirmations: str
    manifest: str
    root: str | None  # no log may be outside of it; None for a log named by hand
    branch_slug: str

    @property
    def ahead(self) -> str:
        """The log of what you confirmed ahead, one for all branches."""
        return os.path.join(self.artifacts, "confirmed-ahead.jsonl")

    def folder(self, run: str) -> str:
        """Return the folder of one run's frozen plan, answers, patches and transcripts."""
        return os.path.join(self.artifacts, "runs", run)

    def attempt_folder(self, run: str, step: str, attempt: int) -> str:
        """Return the folder of one attempt's prompt, answer, transcript and patch."""
        return os.path.join(self.folder(run), f"{step}-{attempt}")


def branch_slug(repo: Repo) -> str:
    """Return the slug of the branch HEAD is on; `detached-` and the short commit when it is on none."""
    branch = repo.branch()
    return slug(branch) if branch is not None else f"detached-{repo.git('rev-parse', '--short', 'HEAD')}"


def logs(repo: Repo, branch: str | None = None) -> Logs:
    """Return the logs of `branch`, or of the branch HEAD is on."""
    name = slug(branch) if branch is not None else branch_slug(repo)
    return _logs(os.path.join(repo.home, ARTIFACTS), name, root=repo.home)


def find_logs(cwd: str) -> tuple[Repo, Logs]:
    """Return `git.find` and `logs`, mostly with a single call of git. Raises: their errors."""
    repo, branch = git.find_on_branch(cwd)
    return repo, logs(repo, branch)


def all_logs(repo: Repo) -> Iterator[Logs]:
    """Yield the logs of every branch that has a run log, by name."""
    yield from _matching(repo, "pipeline")


def recorded(repo: Repo) -> Iterator[Logs]:
    """Yield the logs of every branch that has a run log or a decisions log, by name."""
    yield from _matching(repo, "pipeline|autonomous-decisions")


def _matching(repo: Repo, prefixes: str) -> Iterator[Logs]:
    artifacts = os.path.join(repo.home, ARTIFACTS)
    pattern = re.compile(rf"(?:{prefixes})-(.+)\.jsonl", re.DOTALL)
    names = os.listdir(artifacts) if os.path.isdir(artifacts) else []
    for name in sorted({match[1] for match in map(pattern.fullmatch, names) if match}):
        yield _logs(artifacts, name, root=repo.home)


def logs_beside(path: str) -> Logs:
    """Return the logs that belong to a decisions log named by hand: same folder, same end of the name."""
    full = os.path.abspath(path)
    stem = os.path.basename(full).removesuffix(".jsonl").removeprefix("autonomous-decisions-")
    return replace(_logs(os.path.dirname(full), stem, root=None), decisions=full)


def _logs(artifacts: str, name: str, *, root: str | None) -> Logs:
    def at(prefix: str, ending: str) -> str:
        return os.path.join(artifacts, f"{prefix}-{name}.{ending}")

    return Logs(
        artifacts=artifacts,
        decisions=at("autonomous-decisions", "jsonl"),
        run=at("pipeline", "jsonl"),
        confirmations=at("confirmations", "jsonl"),
        manifest=at("pipeline-manifest", "json"),
        root=root,
        branch_slug=name,
    )


def ensure_artifacts(logs: Logs) -> None:
    """Make the artifacts folder with a .gitignore for all of it: it never makes a worktree dirty and is never staged."""
    if logs.root is not None:
        # Checked first: in a symlinked folder the logs would be outside of the repository.
        part = logs.root
        for name in ARTIFACTS.split("/"):
            part = os.path.join(part, name)
            if os.path.islink(part):
                raise Stop(
                    exits.REFUSED, f"{part} is a symbolic link. replace it by a folder: the logs are in it"
                )
    try:
        os.makedirs(logs.artifacts, exist_ok=True)
        ignore = os.path.join(logs.artifacts, ".gitignore")
        if logs.root is not None and not os.path.exists(ignore):
            replace_file(ignore, b"*\n")
    except OSError as error:
        raise Stop(
            exits.REFUSED, f"{logs.artifacts} can't be made: {error.strerror}. fix it, then retry"
        ) from None
