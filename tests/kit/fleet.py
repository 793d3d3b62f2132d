"""Machines that share nothing but a bare repository, and runs that are parked on it."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

from conftest import Git, at_home, begun
from project import CONFIG, Project
from shelf import Shelf


class Machine(Project):
    """A clone of the shared repository, and a user of its own: no file but the repository's is common."""

    def __init__(
        self, origin: Path, top: Path, git: Git, first: Project, *, branch: str | None = None
    ) -> None:
        self.top, self.git = top, git
        self.agent, self.diary = first.agent, top.parent / f"{top.name}-diary"
        home = top.parent / f"{top.name}-home"
        self.env = {**first.env, "AGENT_DIARY": str(self.diary), "HOME": str(home)}
        if top.exists():  # found on the shelf
            return
        git(origin.parent, "clone", "-q", str(origin), str(top))
        if branch:
            git(top, "switch", "-q", branch)
        home.mkdir()
        (home / ".gitconfig").write_text(
            f"[user]\n\tname = {top.name}\n\temail = {top.name}@example.invalid\n[init]\n\tdefaultBranch = main\n"
        )


class Fleet:
    """The bare repository and the machines that know it."""

    def __init__(self, folder: Path, git: Git, config: dict[str, Any], shelf: Shelf | None = None) -> None:
        self.folder, self.git, self.config, self.shelf = folder, git, config, shelf
        self.origin = folder / "origin.git"
        top = folder / "project"
        if top.exists():  # found on the shelf
            self.first = Project.found(top, git)
            return
        self.first = Project(begun(top, git), git, config=config)
        git(folder, "init", "-q", "--bare", "-b", "main", str(self.origin))
        git(top, "push", "-q", str(self.origin), "main", "feature/x")

    @classmethod
    def on(cls, shelf: Shelf, git: Git, **config: Any) -> Fleet:
        at_home(shelf.empty() / "home")
        return cls(shelf.here, git, {**CONFIG, **config}, shelf)

    def machine(self, name: str, branch: str | None = None) -> Machine:
        return Machine(self.origin, self.folder / name, self.git, self.first, branch=branch)

    def ref(self, run: str) -> str:
        return self.git(self.folder, "ls-remote", str(self.origin), f"refs/correctless/runs/{run}").partition(
            "\t"
        )[0]

    def restore(self, bundle: Path) -> None:
        """Make the shared repository what an earlier release left in a bundle of it."""
        shutil.rmtree(self.origin)
        self.git(self.folder, "clone", "-q", "--mirror", str(bundle), str(self.origin))

    def parked_run(self) -> str:
        """The id of the one run that is parked."""
        [ref] = self.git(self.folder, "ls-remote", str(self.origin), "refs/correctless/runs/*").splitlines()
        return ref.rpartition("/")[2]

    def parked(self, *args: str, code: int = 10, **env: str) -> tuple[Machine, str]:
        """A run on the CI machine that stops and is parked; its name. On a shelf it is the first thing that is asked for."""
        if self.shelf is None:
            self._park(*args, code=code, **env)
        else:

            def make(here: Path) -> None:
                at_home(here / "home")
                Fleet(here, self.git, self.config)._park(*args, code=code, **env)

            self.shelf.take(hashlib.sha256(repr((self.config, args, code, env)).encode()).hexdigest(), make)
        ci = self.machine("ci", "feature/x")
        return ci, ci.state().run

    def _park(self, *args: str, code: int, **env: str) -> None:
        ci = self.machine("ci", "feature/x")
        done = ci.run(*args, CI="true", **env)
        assert done.returncode == code, done.stderr
        run = ci.state().run
        assert f"--from origin {run}" in done.stderr, done.stderr
        assert self.ref(run)
