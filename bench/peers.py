"""The linters that are measured: how each is started over a path, and what it says it read and found."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from correctless.base import exits
from correctless.base.exits import Stop

# Without a limit agnix reads nothing of a tree of more than 10,000 files.
_AGNIX = "max_files_to_validate = 10000000\n"

Counts = tuple[int, int, int]  # files, rules, findings


@dataclass(frozen=True, slots=True)
class Linter:
    """One linter. `most`: it is not given more than so many files, 1 being a tool that reads one skill a process."""

    name: str
    argv: tuple[str, ...]
    telling: tuple[str, ...]  # added, so that `told` can read what it says
    told: Callable[[str], Counts]
    most: int = 1_000_000
    keeps: bool = False  # results from one run to the next
    slow: bool = False  # measured once

    def words(self, path: str) -> list[str]:
        """The command over a path."""
        given = (
            os.path.dirname(path) if self.name == "skills-ref" else path
        )  # it takes the folder of the skill
        return [*self.argv, given]

    def counts(self, path: str, *, cwd: str, env: Mapping[str, str]) -> Counts:
        """What it reads and finds, in a run of its own that is not measured."""
        words = [*self.words(path), *self.telling]
        done = subprocess.run(words, cwd=cwd, env=dict(env), capture_output=True, text=True, check=False)
        if done.returncode not in (0, 1):
            said = (done.stderr or done.stdout).strip().splitlines()
            raise Stop(exits.REFUSED, f"{self.name} failed: {said[-1] if said else 'without a word'}")
        return self.told(done.stdout)


def ours(root: str) -> Linter:
    """This checkout's own, by the interpreter that runs this, with the flags of the door."""
    from correctless.lint.rules import RULES

    def told(text: str) -> Counts:
        found, _, read = text.rstrip().rpartition("\n")[2].partition(": ")
        return (
            _number(read),
            sum(bool(rule.READS) for rule in RULES),
            sum(map(int, re.findall(r"\d+", found))),
        )

    program = os.path.join(root, "src", "correctless", "__main__.py")
    return Linter("correctless", (sys.executable, "-IS", program, "lint"), (), told, keeps=True)


def peer(name: str, folder: str | None, scratch: str) -> Linter:
    """One of another project, from the virtual environment `folder` or from PATH; `Stop` when it is not there."""
    program = {"skills-ref": "agentskills"}.get(name, name)
    where = os.path.join(os.path.abspath(folder), "bin") if folder else None
    found = shutil.which(program, path=where)
    if found is None:
        raise Stop(
            exits.REFUSED, f"there is no '{program}' in {where or 'PATH'}. install {name}, or leave it out"
        )
    if name == "agnix":
        settings = os.path.join(scratch, "agnix.toml")
        with open(settings, "w", encoding="utf-8") as out:
            out.write(_AGNIX)
        return Linter(name, (found, "--config", settings), ("--format", "json"), _agnix(found))
    if name == "skillsaw":
        rules = _said(found, "list-rules").count("Default severity")

        def told(text: str) -> Counts:
            said = json.loads(text)
            return said["stats"]["skills"], rules, len(said["violations"])

        return Linter(name, (found, "lint"), ("--format", "json"), told, most=5000, slow=True)

    def of_one(text: str) -> Counts:
        return 1, 0, text.count("\n  - ")

    return Linter(name, (found, "validate"), (), of_one, most=1)


def _agnix(program: str) -> Callable[[str], Counts]:
    with_rules = json.loads(_said(program, "--format", "sarif", os.devnull) or "{}")
    rules = len(with_rules["runs"][0]["tool"]["driver"]["rules"]) if with_rules else 0

    def told(text: str) -> Counts:
        said = json.loads(text)
        return said["files_checked"], rules, len(said["diagnostics"])

    return told


def _said(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout


def _number(text: str) -> int:
    found = re.search(r"\d+", text)
    return int(found[0]) if found else 0
