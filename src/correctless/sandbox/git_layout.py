"""What of a repository's git folders an agent may write: what a commit on its branch needs, and nothing that runs a program."""

from __future__ import annotations

import os
from collections.abc import Iterator

from correctless.project.git import Repo
from correctless.sandbox.reach import Rule

# Each of these decides what git does, for everybody who uses the repository afterwards.
_DECIDES = (
    *(
        "config",
        "config.worktree",
        "hooks",
        "info",
        "commondir",
        "gitdir",
        "shallow",
        "packed-refs",
        "worktrees",
    ),
    "correctless.lock",  # another file in its place would let a second dispatcher in
)
_REFS = ("refs/tags", "refs/remotes", "refs/notes", "refs/replace", "refs/correctless", "logs/refs/remotes")
_SIBLINGS = 256  # branches beside the run's that get a rule each; of more, only those in other folders
_DEEPEST = 6  # folders below .git/modules


def rules(repo: Repo, branch: str) -> Iterator[Rule]:
    """The rules for `repo` while its worktree is on `branch`."""
    common, own = repo.common_dir, repo.git_dir
    yield Rule(common, "write" if own == common else "read")
    yield Rule(own, "write")
    link = os.path.join(repo.top, ".git")
    if os.path.isfile(link):  # of a linked worktree, and of a submodule
        yield Rule(link, "read")
    for folder in dict.fromkeys((own, common)):
        for name in (*_DECIDES, *_REFS):
            yield Rule(os.path.join(folder, name), "read")
        yield from _modules(os.path.join(folder, "modules"))
    yield Rule(own, "write")  # of a linked worktree it lies in the `worktrees` of the other
    for name in ("commondir", "gitdir", "config.worktree"):
        yield Rule(os.path.join(own, name), "read")
    yield from _objects(os.path.join(common, "objects"))
    for heads in ("refs/heads", "logs/refs/heads"):
        yield from _heads(os.path.join(common, heads), branch)


def prepare(repo: Repo, branch: str) -> None:
    """Make the folders that must be there to be protected, or to be written in: git makes them as it needs them."""
    for name in ("hooks", "info"):
        os.makedirs(os.path.join(repo.common_dir, name), exist_ok=True)
    for heads in ("refs/heads", "logs/refs/heads"):
        os.makedirs(os.path.dirname(os.path.join(repo.common_dir, heads, branch)), exist_ok=True)


def _heads(heads: str, branch: str) -> Iterator[Rule]:
    """The run's branch in a folder of branches: git writes it by a rename, so its folder is writable and its neighbours aren't."""
    folder = os.path.dirname(os.path.join(heads, branch))
    yield Rule(heads, "read")
    yield Rule(folder, "write")
    for name in _names(folder):
        if name != os.path.basename(branch):
            yield Rule(os.path.join(folder, name), "read")


def _objects(objects: str) -> Iterator[Rule]:
    """New objects can be added; packs that are there can be neither removed nor changed."""
    yield Rule(objects, "write")
    yield Rule(os.path.join(objects, "info"), "read")
    for name in _names(os.path.join(objects, "pack")):
        yield Rule(os.path.join(objects, "pack", name), "read")


def _modules(modules: str, depth: int = 0) -> Iterator[Rule]:
    """The configuration and hooks of each submodule."""
    for name in _names(modules) if depth < _DEEPEST else ():
        folder = os.path.join(modules, name)
        if os.path.isfile(os.path.join(folder, "HEAD")):
            for part in ("config", "config.worktree", "hooks", "info"):
                yield Rule(os.path.join(folder, part), "read")
            yield from _modules(os.path.join(folder, "modules"), depth + 1)
        elif os.path.isdir(folder):
            yield from _modules(folder, depth + 1)


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))[:_SIBLINGS]
    except OSError:
        return []
