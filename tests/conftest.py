"""Fixtures every test may use: a clean environment and a scratch repository of its own."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

import effort
from shelf import Shelf

if TYPE_CHECKING:
    from project import Project
    from walls import World

# The machine may be busy, and how long an example takes is no test's business.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


def pytest_configure(config: pytest.Config) -> None:
    effort.campaigns = "not campaign" not in config.option.markexpr


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Make a campaign of what a sweep has beyond the cases that run each time."""
    for item in items:
        sweep = item.get_closest_marker("sweep")
        if sweep is not None and max(item.callspec.indices.values()) >= sweep.args[0]:  # type: ignore[attr-defined]
            item.add_marker("campaign")


def pytest_unconfigure() -> None:
    if _template.cache_info().currsize:  # not atexit: a worker of xdist ends without it
        shutil.rmtree(_template().parent, ignore_errors=True)


# Whoever starts a job behind a shell has it ignore SIGINT, and so would everything a test starts and interrupts.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# What would make a confirming command refuse, or a git command look elsewhere, because of who runs the tests.
_FOREIGN = ("CLAUDECODE", "CLAUDE_", "CORRECTLESS_", "GIT_", "GH_", "GITHUB_", "XDG_", "CI")


_count = itertools.count()


def folder_of_its_own(factory: pytest.TempPathFactory, name: str) -> Path:
    """A new folder; pytest's own numbering looks at all folders there are, and a worker makes thousands."""
    name = re.sub(r"\W", "_", name)[:30]
    return factory.mktemp(f"{name}{next(_count)}", numbered=False)


@pytest.fixture
def tmp_path(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    return folder_of_its_own(tmp_path_factory, request.node.name)


@pytest.fixture(autouse=True)
def clean_environment(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of the caller's session reaches a test; git has an identity and no other configuration."""
    for name in list(os.environ):
        if name.startswith(_FOREIGN) and not name.startswith(
            ("CORRECTLESS_CLAUDE", "CORRECTLESS_CI_CACHE", "XDG_CACHE_HOME")
        ):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(at_home(folder_of_its_own(tmp_path_factory, "home"))))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


def at_home(home: Path) -> Path:
    """A home in which git knows who works here."""
    home.mkdir(exist_ok=True)
    (home / ".gitconfig").write_text(
        "[user]\n\tname = Ada\n\temail = ada@example.invalid\n[init]\n\tdefaultBranch = main\n"
    )
    return home


Git = Callable[..., str]


def run_git(folder: Path | str, *args: str) -> str:
    done = subprocess.run(["git", *args], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"git {args}: {done.stderr}"
    return done.stdout.strip()


@pytest.fixture
def git() -> Git:
    """Run git in a folder as its user would and return its output; a failure fails the test."""
    return run_git


@pytest.fixture
def scratch_repo(tmp_path: Path, git: Git) -> Path:
    """A repository with one commit on main, standing on the branch feature/x."""
    return begun(tmp_path / "project", git)


def begun(top: Path, git: Git) -> Path:
    """A new repository with one commit on main, standing on the branch feature/x."""
    shutil.copytree(_template(), top, symlinks=True)
    git(top, "update-index", "-q", "--refresh")  # the index knows files by more than their content
    return top


@cache
def _template() -> Path:
    """What `begun` copies, made once a worker."""
    folder = Path(tempfile.mkdtemp(prefix="correctless-tests-"))
    top = folder / "project"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(at_home(folder / "home")))
        top.mkdir()
        run_git(top, "init", "-q", "-b", "main")
        (top / "README.md").write_text("# project\n")
        run_git(top, "add", ".")
        run_git(top, "commit", "-q", "-m", "start")
        run_git(top, "switch", "-q", "-c", "feature/x")
    for sample in (top / ".git" / "hooks").glob("*.sample"):
        sample.unlink()  # 14 files that nobody needs
    return top


@pytest.fixture(scope="session")
def whole_shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    return Shelf(tmp_path_factory.mktemp("shelf"))


@pytest.fixture
def shelf(whole_shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    """What is made once; its home is the test's, and is kept with it."""
    monkeypatch.setenv("HOME", str(whole_shelf.here / "home"))
    return whole_shelf


@pytest.fixture
def ran(shelf: Shelf, git: Git, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A branch whose run has closed its gate, and that nobody answered yet; the current folder is its worktree."""
    from correctless.base import exits
    from project import Project

    def make(here: Path) -> None:
        at_home(here / "home")
        project = Project(begun(here / "project", git), git)
        assert project.run().returncode == exits.PERSON

    here = shelf.take("closed", make)
    monkeypatch.chdir(here / "project")
    return Project.found(here / "project", git)


@pytest.fixture(scope="module")
def worlds() -> Iterator[dict[str, World]]:
    """The worlds of one test module, by layout."""
    made: dict[str, World] = {}
    yield made
    for world in made.values():
        world.remove()


@pytest.fixture(params=["ordinary", "linked"])
def world(worlds: dict[str, World], request: pytest.FixtureRequest) -> World:
    return _ready(worlds, request.param)


@pytest.fixture
def one(worlds: dict[str, World]) -> World:
    return _ready(worlds, "ordinary")


def _ready(worlds: dict[str, World], layout: str) -> World:
    from walls import World, scratch  # which needs a sandbox's programs

    if layout not in worlds:
        worlds[layout] = World(os.path.join(scratch(), "world"), layout, os.geteuid())
    worlds[layout].restore()
    return worlds[layout]


def add_submodule(top: Path, git: Git, lib: Path) -> None:
    """A repository `lib` with one file, committed as the submodule `lib` of the one in `top`."""
    lib.mkdir()
    git(lib, "init", "-q")
    (lib / "x.py").write_text("1\n")
    git(lib, "add", ".")
    git(lib, "commit", "-q", "-m", "x")
    git(top, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(lib), "lib")
    git(top, "commit", "-q", "-m", "lib")
