"""Trial merge of two commits: the files that conflict. Nothing of the repository changes, and nothing of it runs.

git merges in a scratch repository that only borrows the objects. It has no configuration, attributes or worktree, so no merge
driver, filter or hook exists there. GitHub merges without them too.
"""

from __future__ import annotations

import os
import tempfile

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.base.values import frozen
from correctless.project.git import Repo, call
from correctless.project.git.call import GitPlace, error_line
from correctless.project.git.nested import borrow
from correctless.project.git.objectid import OID

_USAGE = 129  # git's exit code for an option it does not know
# The user's and the machine's configuration can name merge drivers as well, and so can variables.
_NO_SETTINGS = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_COUNT": "0"}


@frozen
class TriedMerge:
    """The outcome of a trial: `clean`, and where it is not, the paths that conflict (git may name none)."""

    clean: bool
    conflicts: tuple[str, ...] = ()


def try_merge(repo: Repo, base: str, head: str) -> TriedMerge:
    """Merge two commits on trial. Raises: `Stop(3)` with the reason where git can't."""
    with tempfile.TemporaryDirectory(prefix="correctless-", ignore_cleanup_errors=True) as folder:
        # Without pinned folders, which would be the repository's own; its top keeps git itself from being taken from there.
        place = GitPlace(repo.top)
        form = "sha1" if len(head) == 40 else "sha256"
        made = call.run(
            place,
            ("init", "--quiet", "--bare", "--template=", f"--object-format={form}", folder),
            env=_NO_SETTINGS,
        )
        if made.returncode != 0:
            raise Stop(exits.REFUSED, f"a scratch repository can't be made: {error_line(made)}")
        borrow(folder, os.path.join(repo.common_dir, "objects"))
        shallow = os.path.join(repo.common_dir, "shallow")
        known = {"GIT_SHALLOW_FILE": shallow} if os.path.isfile(shallow) else {}
        merge = ("merge-tree", "--write-tree", "--name-only", "--no-messages", "-z", base, head)
        done = call.run(place, (f"--git-dir={folder}", *merge), env={**_NO_SETTINGS, **known})
    tree, *names = done.stdout.split("\0")
    if done.returncode == _USAGE:
        version = call.run(place, ("version",)).stdout.strip()
        raise Stop(exits.REFUSED, f"{version} can't merge on trial, 2.38 and later can")
    if done.returncode not in (0, 1) or not OID.match(tree):
        raise Stop(exits.REFUSED, error_line(done))
    return TriedMerge(done.returncode == 0, tuple(dict.fromkeys(filter(None, names))))
