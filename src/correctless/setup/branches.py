"""The branch of the first run."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.base.text import one_line
from correctless.project.git import Repo
from correctless.publish.branch import refuse_protected

_LONGEST = 50  # characters of a file name that is made of a title


def slug(title: str) -> str:
    """Return a title as a part of a branch's and a file's name. Raises: `Stop(2)` where no letter or digit remains."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:_LONGEST].rstrip("-")
    if not name:
        raise Stop(
            exits.USAGE,
            f"'{one_line(title, 60)}' makes no file name. write a name with a letter of a to z or a digit",
        )
    return name


def is_protected(repo: Repo, branch: str | None, protected: Sequence[str], remote: str) -> bool:
    """Tell whether no run may work on a branch; on none (None) a run may not work either."""
    if branch is None:
        return True
    default = repo.default_branch(remote)
    try:
        refuse_protected(branch, (*protected, *((default,) if default else ())))
    except Stop:
        return True
    return False


def refuse_new(repo: Repo, branch: str) -> None:
    """Refuse a branch that cannot be made: its name, or because it exists. Raises: `Stop(3)`."""
    refuse_protected(branch, ())
    if repo.try_git("check-ref-format", "--branch", branch).returncode != 0 or branch.startswith("-"):
        raise Stop(exits.REFUSED, f"'{one_line(branch, 60)}' is not a name of a branch. write another one")
    if repo.commit(f"refs/heads/{branch}"):
        raise Stop(
            exits.REFUSED,
            f"the branch {branch} exists already. switch to it (git switch {branch}), or give another --name",
        )


def make(repo: Repo, branch: str) -> None:
    """Make a branch at the current commit and switch to it; no file changes. Raises: `Stop(3)`."""
    repo.git("switch", "--quiet", "--create", branch)
