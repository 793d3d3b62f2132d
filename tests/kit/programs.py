"""The programs scripts/setup-ci gets: the path of one, or a test failure that names the package. Never a skip."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from places import ROOT

_SETUP = (ROOT / "scripts" / "setup-ci").read_text()
# Read when this module is imported, before a fixture gives the test a HOME of its own.
CACHE = Path(
    os.environ.get("CORRECTLESS_CI_CACHE")
    or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "correctless-ci"
)
_CLAUDE = os.environ.get("CORRECTLESS_CLAUDE")


def client_version() -> str:
    """The version of the Claude Code client that scripts/setup-ci installs."""
    found = re.search(r"^client=(\S+)$", _SETUP, re.MULTILINE)
    assert found, "scripts/setup-ci names no version of the client"
    return found[1]


def claude_versions() -> tuple[str, ...]:
    """The versions of the client that the linter is compared with: those of scripts/setup-ci, or the one of the environment."""
    newest = re.search(r"^newest=(\S+)$", _SETUP, re.MULTILINE)
    assert newest, "scripts/setup-ci names no newest version of the client"
    return ("",) if _CLAUDE else (client_version(), newest[1])


def claude_program(version: str = "") -> str:
    """The real Claude Code client: `CORRECTLESS_CLAUDE`, or one in the cache of scripts/setup-ci: `version`, or the usual."""
    path = Path(_CLAUDE) if _CLAUDE else CACHE / f"claude-code-{version or client_version()}" / "claude"
    if not os.access(path, os.X_OK):
        pytest.fail(
            f"the Claude Code client is not at {path}: run scripts/setup-ci, which installs the package"
        )
    return str(path)


def gh_program() -> str:
    """The real gh."""
    return _found("gh")


def jq_program() -> str:
    """jq, which the recipes of docs/notifications.md use."""
    return _found("jq")


def lfs_program() -> str:
    """git-lfs, which git finds by itself."""
    return _found("git-lfs")


def chromium_program() -> str:
    """The browser that opens reports."""
    return shutil.which("google-chrome") or _found("chromium")


def axe_source() -> str:
    """axe-core, which checks a page for what keeps people from using it; from the cache of scripts/setup-ci."""
    version = re.search(r"^axe=(\S+)$", _SETUP, re.MULTILINE)
    assert version, "scripts/setup-ci names no version of axe-core"
    path = CACHE / f"axe-core-{version[1]}" / "axe.min.js"
    if not path.is_file():
        pytest.fail(f"axe-core is not at {path}: run scripts/setup-ci, which installs it")
    return path.read_text(encoding="utf-8")


def strace_program() -> str:
    """strace, which makes a real system call fail on command."""
    return _found("strace")


def _found(package: str) -> str:
    found = shutil.which(package)
    if found is None:
        pytest.fail(f"{package} is not on PATH: run scripts/setup-ci, which installs the package '{package}'")
    return found
