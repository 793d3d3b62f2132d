"""Changes of a step that decide how later work is checked: each becomes a deferred decision that you confirm."""

from __future__ import annotations

import configparser
import hashlib
import json
import os
import re
import stat
import tomllib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from correctless.base import below
from correctless.base.files import open_plain
from correctless.dispatch.core import caches
from correctless.project.git import Repo
from correctless.project.git.lfs_hooks import is_lfs_hook
from correctless.publish.leaks import LARGEST

# (name of the entry, its text, its paths)
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
    (
        "test-setup",
        "changed how tests are found and run",
        re.compile(
            r"(.*/)?(conftest\.py|pytest\.ini|\.?pytest\.toml|tox\.ini|noxfile\.py|\.rspec|\.mocharc[^/]*|phpunit[^/]*\.xml[^/]*"
            r"|(jest|vitest|karma|playwright|cypress)\.conf[^/]*)\Z"
        ),
    ),
)
# Of these files only a part counts.
_SETTINGS: tuple[tuple[str, Callable[[str], Any]], ...] = (
    ("pyproject.toml", lambda text: _mapping(tomllib.loads(text).get("tool")).get("pytest")),
    ("setup.cfg", lambda text: _section(text, "tool:pytest")),
    (
        "package.json",
        lambda text: [_mapping(json.loads(text)).get(key) for key in ("scripts", "jest", "mocha")],
    ),
)
_TEST = re.compile(
    r"(.*/)?(tests?|__tests__|spec)/.*|(.*/)?(test_[^/]*|[^/]*[._]test\.[^/]*|[^/]*\.spec\.[^/]*|[^/]*\.bats|conftest\.py)\Z"
)
_SKIP = re.compile(
    r"^\+.*(pytest\.(mark\.)?(skip|xfail)|unittest\.(skip|expectedFailure)|@skip|\b(it|describe|test)\.skip\b|\bxit\(|t\.Skip\(|#\[ignore\]|@Disabled|^\+\s*skip\b)"
)

LARGE = "large-file"  # the name of the entry about files that are not scanned
_LARGEST = 1 << 20  # bytes of one file that are read


@dataclass(frozen=True, slots=True)
class PolicyChange:
    """One change that needs your review."""

    name: str
    what: str
    paths: tuple[str, ...]


def changes(
    repo: Repo, base: str, spec: str, changed: Sequence[str] | None = None
) -> tuple[PolicyChange, ...]:
    """Return the changes since `base` that need your review, one entry a kind; `changed` are its paths, if already known."""
    changed = repo.changed_files(base) if changed is None else changed
    entries = [
        PolicyChange(name, what, paths)
        for name, what, pattern in _WATCHED
        if (paths := tuple(path for path in changed if pattern.match(path)))
    ]
    settings = tuple(path for path, part in _SETTINGS if path in changed and _differs(repo, base, path, part))
    if settings and not any(each.name == "test-setup" for each in entries):
        entries.append(PolicyChange("test-setup", "changed how tests are found and run", settings))
    filters = tuple(
        path
        for path in changed
        if os.path.basename(path) == ".gitattributes" and _differs(repo, base, path, _filters)
    )
    if filters:
        what = "changed which files git stores through a filter, such as Git LFS"
        entries.append(PolicyChange("git-filter", what, filters))
    if spec in changed:
        entries.append(PolicyChange("spec", "changed the specification that was approved", (spec,)))
    tests = tuple(path for path in changed if _TEST.match(path))
    deleted: tuple[str, ...] = ()
    if tests:
        gone = repo.git("diff", "--name-only", "-z", "--no-renames", "--diff-filter=D", base).split("\0")
        deleted = tuple(path for path in gone if path and _TEST.match(path))
    if deleted:
        entries.append(PolicyChange("deleted-tests", "deleted tests", deleted))
    large = tuple(path for path in changed if size(repo, path) > LARGEST)
    if large:
        mib = LARGEST >> 20
        entries.append(
            PolicyChange(LARGE, f"left files of over {mib} MiB, which are not scanned for secrets", large)
        )
    if junk := caches.found(repo, base, changed):
        what = "left caches, downloads or build results in its work, which .gitignore does not name"
        entries.append(PolicyChange("caches", what, junk))
    skipped = tuple(path for path in tests if _skips(repo, base, path))
    if skipped:
        entries.append(PolicyChange("skipped-tests", "marked tests as skipped", skipped))
    return tuple(entries)


def git_settings(
    repo: Repo,
    scoped: Sequence[tuple[str, str]] | None = None,
    sparse: Sequence[str] | None = None,
) -> str:
    """Return the SHA-256 of what git obeys and no commit shows: hooks, attributes, index marks and configuration.

    The user's own configuration counts, without `branch.*`, which decides nothing in a run. `scoped` is
    `Repo.scoped_configuration()` without frozen settings, `sparse` the paths `hidden.reveal` left marked, if known.
    """
    sha = hashlib.sha256()
    repo = replace(repo, settings="")  # as they are now, not as the run's own git reads them
    scoped = repo.scoped_configuration() if scoped is None else scoped
    # Settings on the command line are ours, and differ from call to call.
    settings = [item for scope, item in scoped if scope != "command" and not item.startswith("branch.")]
    sha.update("\0".join(sorted(settings)).encode("utf-8", "surrogateescape"))
    # Files marked as not to be compared: a change of them shows nowhere.
    if sparse is None:
        listed = repo.git("ls-files", "-v", "-z").split("\0")
        hidden = [entry for entry in listed if entry and (entry[0].islower() or entry[0] == "S")]
    else:
        hidden = [f"S {path}" for path in sparse]
    sha.update("\0".join(hidden).encode("utf-8", "surrogateescape"))
    hook_folders = [item.partition("\n")[2] for item in settings if item.startswith("core.hookspath\n")]
    own = os.path.join(repo.common_dir, "hooks")
    folder = os.path.join(repo.top, os.path.expanduser(hook_folders[-1])) if hook_folders else own
    files = [os.path.join(repo.common_dir, "info", name) for name in ("attributes", "exclude")]
    with suppress(OSError):
        files += [
            os.path.join(folder, name) for name in sorted(os.listdir(folder)) if not name.endswith(".sample")
        ]
    for path in files:
        with suppress(OSError), open(open_plain(path, follow=True), "rb") as file:
            data = file.read(_LARGEST)
            if is_lfs_hook(path, data):
                continue
            sha.update(f"\0{path}\0{len(data)}\0".encode("utf-8", "surrogateescape") + data)
    return sha.hexdigest()


def _differs(repo: Repo, base: str, path: str, part: Callable[[str], Any]) -> bool:
    """Whether a part of a file differs from `base`; True where it can't be read."""
    before = repo.file_at(base, path) or b""
    try:
        now = below.read(os.path.join(repo.top, path), _LARGEST, root=repo.top)
    except OSError:
        now = b""

    def read(data: bytes) -> Any:
        return part(data.decode("utf-8")) if data.strip() else None

    try:
        return bool(read(before) != read(now))
    except (ValueError, configparser.Error, RecursionError):
        return True


def size(repo: Repo, path: str) -> int:
    """Return the bytes of one plain file; 0 for anything else, or behind a link."""
    info = below.look(repo.top, os.path.join(repo.top, path))
    return info.st_size if info is not None and stat.S_ISREG(info.st_mode) else 0


def _filters(text: str) -> list[str] | None:
    """Return the lines of a .gitattributes that name a filter, None without one."""
    return [line for line in text.splitlines() if re.search(r"(^|[\s!-])filter\b", line)] or None


def _section(text: str, name: str) -> dict[str, str]:
    parser = configparser.RawConfigParser()
    parser.read_string(text)
    return dict(parser.items(name)) if parser.has_section(name) else {}


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _skips(repo: Repo, base: str, path: str) -> bool:
    if size(repo, path) > LARGEST:
        return False
    added = repo.git("diff", "--unified=0", base, "--", f":(literal){path}")
    if not added:  # untracked: all of it is new
        added = repo.try_git("diff", "--no-index", "--", "/dev/null", path).stdout
    return any(_SKIP.search(line) for line in added.splitlines())
