"""What a step changed that decides how later work is judged: a worktree and its base in, one reason each out.

Such a change is neither forbidden nor passed over: it becomes a deferred decision, and a person confirms it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from correctless.repo import Repo

# (name of the entry, what it says, paths it is about)
_WATCHED = (
    (
        "instructions",
        "changed the project's instructions for agents",
        re.compile(r"(.*/)?(CLAUDE|AGENTS)(\.local)?\.md\Z", re.IGNORECASE),
    ),
    (
        "configuration",
        "changed this repository's correctless configuration",
        re.compile(r"\.correctless/config/"),
    ),
    ("skill", "changed a skill", re.compile(r"(\.claude/|\.agents/)?skills/")),
    (
        "hook",
        "changed a hook or settings of an agent or of git",
        re.compile(
            r"\.claude/(?!skills/)|hooks/|\.githooks/|\.husky/|\.mcp\.json\Z|\.pre-commit-config\.yaml\Z"
        ),
    ),
    ("workflow", "changed what CI runs", re.compile(r"\.github/|\.gitlab-ci|\.ci/|\.circleci/")),
)
_TEST = re.compile(
    r"(.*/)?(tests?|__tests__|spec)/.*|(.*/)?(test_[^/]*|[^/]*[._]test\.[^/]*|[^/]*\.spec\.[^/]*|[^/]*\.bats|conftest\.py)\Z"
)
_SKIP = re.compile(
    r"^\+.*(pytest\.(mark\.)?(skip|xfail)|unittest\.(skip|expectedFailure)|@skip|\b(it|describe|test)\.skip\b|\bxit\(|t\.Skip\(|#\[ignore\]|@Disabled|^\+\s*skip\b)"
)


@dataclass(frozen=True, slots=True)
class Guarded:
    """One reason for a person to look."""

    name: str
    what: str
    paths: tuple[str, ...]


def changes(repo: Repo, base: str, spec: str) -> tuple[Guarded, ...]:
    """What was changed between `base` and the worktree that a person should know of, one entry a kind."""
    changed = repo.changed_files(base)
    found = [
        Guarded(name, what, paths)
        for name, what, pattern in _WATCHED
        if (paths := tuple(path for path in changed if pattern.match(path)))
    ]
    if spec in changed:
        found.append(Guarded("spec", "changed the specification that was approved", (spec,)))
    gone = repo.git("diff", "--name-only", "-z", "--no-renames", "--diff-filter=D", base).split("\0")
    deleted = tuple(path for path in gone if path and _TEST.match(path))
    if deleted:
        found.append(Guarded("deleted-tests", "deleted tests", deleted))
    skipped = tuple(path for path in changed if _TEST.match(path) and _skips(repo, base, path))
    if skipped:
        found.append(Guarded("skipped-tests", "marked tests as skipped", skipped))
    return tuple(found)


def _skips(repo: Repo, base: str, path: str) -> bool:
    added = repo.git("diff", "--no-ext-diff", "--no-textconv", "--unified=0", base, "--", f":(literal){path}")
    if not added:  # untracked: all of it is new
        added = repo.try_git(
            "diff", "--no-index", "--no-ext-diff", "--no-textconv", "--", "/dev/null", path
        ).stdout
    return any(_SKIP.search(line) for line in added.splitlines())
