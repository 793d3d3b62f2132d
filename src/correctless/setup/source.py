"""The commit of correctless that others can get: what CI and pre-commit are to run."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from importlib import metadata

from correctless.base import install
from correctless.base.exits import USAGE, Stop
from correctless.github.client import repo_of_remote
from correctless.project import git

_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_HOST = "github.com/"


@dataclass(frozen=True, slots=True)
class PinnedSource:
    """A repository on GitHub, as OWNER/NAME, and the full id of a commit in it."""

    repository: str
    commit: str

    @property
    def url(self) -> str:
        """Return the address from which git gets it."""
        return f"https://{_HOST}{self.repository}"


def given(text: str) -> PinnedSource:
    """Return the source in `OWNER/NAME@COMMIT`. Raises: `Stop(2)` for anything else: a branch or a tag can be moved."""
    repository, _, commit = text.partition("@")
    source = _source(f"https://{_HOST}{repository}", commit)
    if source is None or source.repository != repository:
        raise Stop(
            USAGE, f"'{text}' is not OWNER/NAME@COMMIT. write the full id of a commit, which no one can move"
        )
    return source


def known() -> PinnedSource | None:
    """Return where this copy is from; None for one that no other machine can get.

    Never a name of a package index alone: anyone may own that name there.
    """
    return _installed() or _checkout()


def _installed() -> PinnedSource | None:
    """Return what pip wrote down when it installed this package from a repository."""
    try:
        noted = json.loads(metadata.distribution("correctless").read_text("direct_url.json") or "{}")
        return _source(str(noted["url"]), str(noted["vcs_info"]["commit_id"]))
    except (metadata.PackageNotFoundError, ValueError, KeyError, TypeError):
        return None


def _checkout() -> PinnedSource | None:
    """Return the commit of this checkout, if its remote `origin` had it when it was last asked."""
    try:
        repo = git.find(install.plugin_root())
        url = repo.remote_url("origin")
        head = repo.commit("HEAD")
    except Stop:
        return None
    if not url or not head:
        return None
    published = repo.try_git("for-each-ref", "--count=1", "--contains", head, "refs/remotes/origin/")
    return _source(url, head) if published.stdout.strip() else None


def _source(url: str, commit: str) -> PinnedSource | None:
    name = repo_of_remote(url) or ""
    if not name.startswith(_HOST) or not _COMMIT.fullmatch(commit):
        return None
    return PinnedSource(name.removeprefix(_HOST), commit)
