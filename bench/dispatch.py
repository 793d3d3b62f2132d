"""The dispatcher, measured: what a step, a run and a look at it cost beside the agent, and the memory an answer takes, out."""

from __future__ import annotations

import glob
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median

from bench.measure import Ran, environment, measured, ran
from bench.rows import Figure, Found, Row

STEPS, QUICK_STEPS = 10, 2
MOST_STEP_MS = 40.0  # what one step more costs
MOST_RUN_S = 0.5  # what a run costs beside its steps
MOST_STATUS_S = 0.2
_SKILL = """\
---
name: nothing
description: Changes nothing. Use when the dispatcher is measured.
interaction_mode: autonomous
allowed-tools: Read
---
# Nothing

## Autonomous Defaults

- **AD-001** what is changed: nothing. Rationale: only the dispatcher is measured.
"""
# What an agent must do at the least: read the prompt to its end, and answer with the block.
_AGENT = """\
#!/bin/sh
nonce=$(sed -n 's/^AUTONOMOUS_DECISIONS_START //p')
if [ -s "$0.size" ]; then head -c "$(cat "$0.size")" /dev/zero | tr '\\000' x; echo; fi
echo "AUTONOMOUS_DECISIONS_START $nonce"
echo AUTONOMOUS_DECISIONS_END
"""
_ALONE = 'for _ in $(seq "$3"); do "$1" <"$2" || exit 1; done'


@dataclass(frozen=True, slots=True)
class Project:
    """A repository in a scratch folder, and the agent beside it."""

    folder: str
    root: str  # of the checkout
    steps: int = STEPS  # of the default pipeline
    branches: list[str] = field(default_factory=list)  # that of the last run

    def at(self, name: str) -> str:
        return os.path.join(self.folder, name)

    @property
    def top(self) -> str:
        return self.at("project")

    @property
    def env(self) -> dict[str, str]:
        return environment(self.folder)

    def git(self, *words: str) -> None:
        subprocess.run(["git", *words], cwd=self.top, env=self.env, check=True, capture_output=True)

    def make(self) -> None:
        steps = {
            name: {"steps": [{"skill": "nothing"}] * count}
            for name, count in (("default", self.steps), ("twice", 2 * self.steps), ("one", 1))
        }
        files = {
            "project/spec.md": "# Nothing\n\n- R-001: nothing changes.\n",
            "project/skills/nothing/SKILL.md": _SKILL,
            "project/.correctless/config/correctless.yaml": json.dumps({"pr": "skip", "pipelines": steps}),
            "agent": _AGENT,
            ".gitconfig": "[user]\n\tname = bench\n\temail = bench@example.invalid\n",
        }
        for name, text in files.items():
            os.makedirs(os.path.dirname(self.at(name)), exist_ok=True)
            with open(self.at(name), "w", encoding="utf-8") as file:
                file.write(text)
        os.chmod(self.at("agent"), 0o700)
        self.git("init", "-q", "-b", "main")
        self.git("add", "--all")
        self.git("commit", "-q", "-m", "start")

    def run(
        self, name: str, pipeline: str = "default", answer: int = 0, codes: tuple[int, ...] = (0,)
    ) -> Ran:
        """One whole `cauto run` on a new branch that ends with one of `codes`, the agent's answer `answer` bytes long at least."""
        self.git("switch", "-q", "-c", f"bench/{name}", "main")
        if self.branches:  # each branch beside the run's is a mount more of its agents' sandbox
            self.git("branch", "-q", "-D", self.branches.pop())
        self.branches.append(f"bench/{name}")
        with open(self.at("agent.size"), "w", encoding="utf-8") as file:
            file.write(str(answer) if answer else "")
        # What is tried before a start is the project's own tests and an agent's turn, no cost of a step.
        words = ["--no-check", "--spec", "spec.md", "--approve-spec-as", "bench", "--pipeline", pipeline]
        agent = f"command:{self.at('agent')}"
        return self._cauto("run", *words, "--agent", agent, codes=codes)

    def status(self) -> Ran:
        """One `cauto status` of the last run."""
        return self._cauto("status")

    def _cauto(self, *words: str, codes: tuple[int, ...] = (0,)) -> Ran:
        program = [sys.executable, "-I", os.path.join(self.root, "src", "correctless", "__main__.py")]
        return ran([*program, "cauto", *words], cwd=self.top, env=self.env, codes=codes)

    def alone(self) -> Ran:
        """The agent by itself, as often as a run starts it, with the prompt it had there."""
        prompts = glob.glob(os.path.join(self.top, ".correctless/artifacts/runs/*/nothing-1/prompt.md"))
        argv = ["/bin/sh", "-c", _ALONE, "sh", self.at("agent"), prompts[0], str(self.steps)]
        return ran(argv, cwd=self.top, env=self.env)


def run(*, quick: bool, folder: str | None, root: str, say: Callable[[str], None]) -> Found:
    """Measure in a scratch folder in `folder`, which is removed; `Stop(3)` when that can't be done."""

    def rows(scratch: str) -> list[Row]:
        project = Project(scratch, root, QUICK_STEPS if quick else STEPS)
        project.make()
        return [*_steps(project, 1 if quick else 9, say), *_memory(project, quick, say)]

    return measured(rows, folder)


def _steps(project: Project, rounds: int, say: Callable[[str], None]) -> list[Row]:
    steps = project.steps
    project.run("first")  # reads its files from the disk, and has the prompt written
    runs: dict[str, list[Ran]] = {"one": [], "default": [], "twice": []}
    least: list[Ran] = []
    looks: list[Ran] = []
    for number in range(rounds):
        for pipeline, into in runs.items():
            say(f"a run, pipeline {pipeline}: round {number + 1} of {rounds}")
            into.append(project.run(f"{pipeline}-{number}", pipeline))
        least.append(project.alone())
        looks.append(project.status())
    one, ten, twenty = ([each.seconds for each in runs[name]] for name in ("one", "default", "twice"))
    more = [(long - short) / steps for long, short in zip(twenty, ten, strict=True)]
    beside = [whole - steps * step for whole, step in zip(ten, more, strict=True)]
    used = [(b.cpu - a.cpu) / steps for a, b in zip(runs["default"], runs["twice"], strict=True)]
    spared = [a.cpu - steps * step for a, step in zip(runs["default"], used, strict=True)]
    peak = max(each.peak_mb for each in runs["twice"])
    agent = median(each.seconds for each in least) / steps * 1e3
    note = f"(a run of {2 * steps} steps less one of {steps}) / {steps}, of it the agent {agent:.1f} ms; the best {min(more) * 1e3:.0f} ms"
    return [
        Row(
            Figure("a step", median(more) * 1e3, peak_mb=peak),
            "ms",
            None,
            rounds,
            missing=note,
            most=MOST_STEP_MS,
        ),
        Row(
            Figure("a step, processor time", median(used) * 1e3),
            "ms",
            None,
            rounds,
            missing="of it user and system time",
        ),
        Row(
            Figure("a run beside its steps", median(beside)),
            "s",
            None,
            rounds,
            missing=f"a run of {steps} steps less {steps} steps; processor time {median(spared):.2f} s",
            most=MOST_RUN_S,
        ),
        Row(
            Figure("cauto status", median(each.seconds for each in looks)),
            "s",
            None,
            rounds,
            missing=f"processor time {median(each.cpu for each in looks):.2f} s",
            most=MOST_STATUS_S,
        ),
        Row(
            Figure(f"a run of {steps} steps", median(ten)),
            "s",
            Figure(f"the agent alone, {steps} times", median(each.seconds for each in least)),
            rounds,
        ),
        Row(
            Figure("a run of one step", median(one)),
            "s",
            None,
            rounds,
            missing="with an agent that answers at once",
        ),
    ]


def _memory(project: Project, quick: bool, say: Callable[[str], None]) -> list[Row]:
    rounds = 1 if quick else 3
    found: dict[int, list[Ran]] = {1: [], 7: []}
    for number in range(rounds):
        for size, into in found.items():
            say(f"an answer of {size} MB: round {number + 1} of {rounds}")
            into.append(project.run(f"answer-{size}-{number}", "one", size * 1_000_000))
    small, large = (
        Figure(f"a run, answer of {size} MB", median(each.seconds for each in found[size]), peak_mb=peak)
        for size in (1, 7)
        for peak in [max(each.peak_mb for each in found[size])]
    )
    return [Row(large, "s", small, rounds)]
