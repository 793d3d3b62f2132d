"""Runs that stop on one machine and go on in another: clones of one bare repository, each with a home of its own."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import Git
from project import CONFIG, Project

REPORT = ".correctless/reports/{branch_slug}/cverify.md"


class Machine(Project):
    """A clone of the shared repository, and a user of its own: no file but the repository's is common."""

    def __init__(
        self, origin: Path, top: Path, git: Git, first: Project, *, branch: str | None = None
    ) -> None:
        git(origin.parent, "clone", "-q", str(origin), str(top))
        if branch:
            git(top, "switch", "-q", branch)
        home = top.parent / f"{top.name}-home"
        home.mkdir()
        (home / ".gitconfig").write_text(
            f"[user]\n\tname = {top.name}\n\temail = {top.name}@example.invalid\n[init]\n\tdefaultBranch = main\n"
        )
        self.top, self.git = top, git
        self.agent, self.diary = first.agent, top.parent / f"{top.name}-diary"
        self.env = {**first.env, "AGENT_DIARY": str(self.diary), "HOME": str(home)}


class Fleet:
    """The bare repository and the machines that know it."""

    def __init__(self, tmp_path: Path, scratch_repo: Path, git: Git, config: dict[str, Any]) -> None:
        self.folder, self.git = tmp_path, git
        self.first = Project(scratch_repo, git, config=config)
        self.origin = tmp_path / "origin.git"
        git(tmp_path, "init", "-q", "--bare", "-b", "main", str(self.origin))
        git(scratch_repo, "push", "-q", str(self.origin), "main", "feature/x")

    def machine(self, name: str, branch: str | None = None) -> Machine:
        return Machine(self.origin, self.folder / name, self.git, self.first, branch=branch)

    def ref(self, run: str) -> str:
        return self.git(self.folder, "ls-remote", str(self.origin), f"refs/correctless/runs/{run}").partition(
            "\t"
        )[0]

    def parked(self, *args: str, code: int = 10, **env: str) -> tuple[Machine, str]:
        """A run on the CI machine that stops and is parked; its name."""
        ci = self.machine("ci", "feature/x")
        done = ci.run(*args, CI="true", **env)
        assert done.returncode == code, done.stderr
        run = ci.state().run
        assert f"--from origin {run}" in done.stderr, done.stderr
        assert self.ref(run)
        return ci, run


MakeFleet = Callable[..., Fleet]


@pytest.fixture
def make(tmp_path: Path, scratch_repo: Path, git: Git) -> MakeFleet:
    def made(**config: Any) -> Fleet:
        return Fleet(tmp_path, scratch_repo, git, {**CONFIG, **config})

    return made


@pytest.fixture
def fleet(make: MakeFleet) -> Fleet:
    return make()


def test_a_run_stops_in_ci_is_answered_in_a_second_clone_and_published_from_a_third(make: MakeFleet) -> None:
    fleet = make(
        pr=[sys.executable, "-c", "import sys; sys.stdin.read(); print('https://example.invalid/pr/1')"]
    )
    ci, run = fleet.parked()
    before = fleet.ref(run)
    assert fleet.git(ci.top, "rev-parse", f"{before}^1") == fleet.git(ci.top, "rev-parse", "HEAD")

    reviewer = fleet.machine("reviewer")
    code, said = reviewer.review("--from", "origin", run, answer="{digest}")
    assert code == 0, said
    assert f"go on with: correctless cauto resume --from origin {run}" in said
    assert fleet.ref(run) != before
    assert not (reviewer.top / ".correctless" / "artifacts").exists()
    assert fleet.git(reviewer.top, "branch", "--list", "feature/x") == ""

    other = fleet.machine("other")
    done = other.cauto("resume", "--from", "origin", run)
    assert done.returncode == 0, done.stderr
    assert other.state().phase == "complete"
    assert other.state().url == "https://example.invalid/pr/1"
    assert other.ran() == []  # nothing that was finished ran again
    assert fleet.git(other.top, "ls-remote", "origin", "refs/heads/feature/x").partition("\t")[
        0
    ] == fleet.git(other.top, "rev-parse", "HEAD")
    assert fleet.ref(run) == ""  # what ended is nowhere to be gone on with
    verified = other.command("decisions", "verify", "--offline")
    assert verified.returncode == 0, verified.stdout + verified.stderr
