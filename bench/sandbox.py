"""The sandbox, measured: what it adds to the start of a command, beside the command alone, out."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from statistics import median

from bench.measure import environment, measured, percentile
from bench.rows import Figure, Found, Row
from correctless import sandbox
from correctless.base.process import orphans, process
from correctless.project.git import find
from correctless.sandbox.reach import Needs

MOST_MS = 15.0  # more than the command alone
_BRANCHES = 20


def run(*, quick: bool, folder: str | None, root: str, say: Callable[[str], None]) -> Found:  # noqa: ARG001 the shape of all benchmarks
    """Measure in a scratch folder in `folder`, which is removed; `Stop(3)` when that can't be done."""
    rounds = 10 if quick else 100
    return measured(lambda top: _rows(top, rounds, say), folder)


def _rows(top: str, rounds: int, say: Callable[[str], None]) -> list[Row]:
    env = environment(top)
    orphans.adopt()  # as a dispatcher does
    means, _ = sandbox.find("require", env)
    assert means is not None  # or it has stopped
    rows = []
    for name, worktree in (("an ordinary worktree", "project"), ("a linked worktree", "linked")):
        say(name)
        repo = find(_project(top, env, worktree))
        place = sandbox.SandboxPlace(
            repo, worktree, os.path.join(repo.home, ".correctless/artifacts/runs/r"), env
        )
        alone, rules, whole = [], [], []
        for _ in range(rounds + 1):
            began = time.perf_counter()
            process.run(["/bin/true"], cwd=repo.top, env=env, wall_s=60)
            between = time.perf_counter()
            made = sandbox.make(means, place, Needs(), ["/bin/true"], env)
            ready = time.perf_counter()
            process.run(["/bin/true"], cwd=repo.top, env=env, wall_s=60, wrap=made.wrap)
            ended = time.perf_counter()
            alone.append((between - began) * 1e3)
            rules.append((ready - between) * 1e3)
            whole.append((ended - between) * 1e3)
        more = [with_it - without for with_it, without in zip(whole[1:], alone[1:], strict=True)]
        floor = Figure("/bin/true alone", median(alone[1:]), percentile(alone[1:], 99))
        rows += [
            Row(Figure(f"/bin/true in {name}", median(whole[1:]), percentile(whole[1:], 99)), "ms", floor, rounds),
            Row(Figure(f"more in {name}", median(more), percentile(more, 99)), "ms", None, rounds, most=MOST_MS, missing="a difference"),
            Row(Figure("the best round of each", min(whole[1:]) - min(alone[1:])), "ms", None, rounds, missing="a difference"),
            Row(Figure("of it the rules", median(rules[1:])), "ms", None, rounds, missing="a part"),
        ]  # fmt: skip
    return rows


def _project(top: str, env: dict[str, str], worktree: str) -> str:
    project = os.path.join(top, "project")

    def git(*words: str) -> None:
        subprocess.run(
            ["git", "-c", "user.name=A", "-c", "user.email=a@example.invalid", "-C", project, *words],
            env=env,
            check=True,
            capture_output=True,
        )

    if worktree == "project":
        os.mkdir(project)
        git("init", "-q", "-b", "project")
        git("commit", "-q", "--allow-empty", "-m", "start")
        for number in range(_BRANCHES):
            git("branch", f"feature/{number}")
        return project
    path = os.path.join(top, worktree)
    git("worktree", "add", "-q", "-b", worktree, path)
    return path
