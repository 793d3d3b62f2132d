"""The run contract, measured: what an agent waits for before each governed action, and a lint; beside a bare interpreter, out."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from bench.measure import as_figure, environment, measured, programs
from bench.rows import Found, Row
from correctless.base import exits
from correctless.base.clock import timestamp, utcnow
from correctless.base.exits import Stop
from correctless.runcontract.document import contract_file
from correctless.runcontract.ledger import store
from correctless.runcontract.ledger.actions import Action
from correctless.runcontract.ledger.clause import Clause
from correctless.runcontract.ledger.records import (
    AskAnswer,
    AuthorityDecision,
    Helper,
    Permit,
    Pin,
    Record,
    RepairAttempt,
    Surfaced,
)

GOAL_AUTHORIZE, GOAL_DAYS = 8.0, 10.0  # of a bare interpreter: on a new ledger, on one of some days
GOAL_LINT = 20.0
LINES = 300
DAYS = 60  # helpers that came and went; each leaves six records
_SPAWN = Action("spawn", agents=1, cost_usd=1, minutes=30)
_DEPLOY = Action("other", "deploy.prod")
# A helper counts against the budget until its permit expires, and each round permits one.
_EDITS = (
    ("not_after = 2026-08-07T18:00:00Z", "not_after = 2099-01-01T00:00:00Z"),
    ("max_agents = 4", "max_agents = 100000"),
    ("max_concurrent = 2", "max_concurrent = 100000"),
    ("max_cost_usd = 40", "max_cost_usd = 1000000"),
    ('check = "pairing"', "prompt_only = true"),
)
_MORE = {
    "## 3.": """
[[grant]]
id = "G{0}"
action = "merge"
ask = "merge the follow-up {0}"
prs = [50{0}]
bar = "B1"
""",
    "## 5.": """
[[gate]]
id = "V{0}"
name = "the sample {0} agrees"
accept = "0 differing sessions"
check = ["python3", "tools/compare.py", "--sample", "{0}"]
bind = "time"
max_age = "2h"
""",
    "[watch]": """
[[trigger]]
id = "T{0}"
name = "slow requests of region {0}"
metric = ["tools/metric", "slow", "{0}"]
op = ">"
threshold = 0.05
every = "1m"
sustained = "10m"
min_samples = 50
no_data = "escalate"
flips = ["F1"]
""",
}
_PROSE = "What else people should know of this run stands here, one line each.\n"


@dataclass(frozen=True, slots=True)
class _Project:
    """A repository in a scratch folder, with two runs whose contracts are pinned: `short` has just begun, `days` has not."""

    top: str
    root: str  # of the checkout

    @property
    def env(self) -> dict[str, str]:
        return environment(self.top)

    def correctless(self, *words: str) -> list[str]:
        return [
            sys.executable,
            "-I",
            os.path.join(self.root, "src", "correctless", "__main__.py"),
            "contract",
            *words,
        ]

    def make(self) -> None:
        subprocess.run(
            ["git", "init", "-q", "-b", "main"], cwd=self.top, env=self.env, check=True, capture_output=True
        )
        with open(os.path.join(self.root, "docs", "run-contract-example.md"), encoding="utf-8") as file:
            example = file.read()
        # A contract is one of the run its folder names.
        short, days = (
            _replaced(text(example), '"sessions-cutover"', f'"{run}"') for run in ("short", "days")
        )
        self._pinned("short", short)
        self._pinned("days", days, *_helpers(days))

    def _pinned(self, run: str, text: str, *more: Record) -> None:
        """What `surface`, `answer` and `pin` leave behind; their answers need a terminal."""
        at, data = store.files_of(self.top, run), text.encode()
        os.makedirs(os.path.dirname(at.contract))
        with open(at.contract, "wb") as file:
            file.write(data)
        if text.count("\n") != LINES or contract_file.read(data, at.contract).findings:
            raise Stop(exits.REFUSED, f"docs/run-contract-example.md no longer makes {LINES} clean lines")
        of, now = contract_file.digest_of(data), utcnow()
        granted = [AskAnswer(of, f"G{n}", "granted", "Ada", "terminal") for n in range(1, 5)]
        pin = Pin(of, {"F1": ("V1",), "F2": ("V1",)})
        store.add(store.load(at, self.env, now), [Surfaced(of), *granted, pin, *more], self.env, now)
        store.pin_file(at, data)


def text(example: str) -> str:
    """A contract of 300 lines, which lints clean: the example, and more of what it has."""
    for old, new in _EDITS:
        example = _replaced(example, old, new)
    for before, part in _MORE.items():
        parts = "".join(part.format(number) for number in (6, 7))
        close = "\n" if before == "[watch]" else "```\n\n"
        example = _replaced(example, f"{close}{before}", f"{parts}{close}{before}")
    left = LINES - example.count("\n")
    return _replaced(example, "\n## 2.", _PROSE * left + "\n## 2.")


def _replaced(text: str, old: str, new: str) -> str:
    if text.count(old) != 1:
        raise Stop(exits.REFUSED, f"docs/run-contract-example.md has no '{old.strip()}' to measure with")
    return text.replace(old, new)


def _helpers(text: str) -> list[Record]:
    """Some days: helpers permitted, started and ended, a fix each, and now and then something that was denied."""
    of, ended = contract_file.digest_of(text.encode()), timestamp(utcnow() - timedelta(hours=1))
    denied = (Clause("constraint.C1", 7, "deploy.prod", "an action that no constraint forbids"),)
    found: list[Record] = []
    for number in range(DAYS):
        permit = f"{number:016x}"
        found += [
            AuthorityDecision(of, _SPAWN.fields(), "allow", (), permit),
            Permit(permit, of, _SPAWN.fields(), "G4", ended),
            Helper(f"h{number}", "start", permit),
            RepairAttempt("fix", f"slow login {number}", "ok"),
            Helper(f"h{number}", "end", permit, 0.5),
            AuthorityDecision(of, _DEPLOY.fields(), "deny", denied),
        ]
    return found


def run(*, quick: bool, folder: str | None, root: str, say: Callable[[str], None]) -> Found:
    """Measure in a scratch folder in `folder`, which is removed; `Stop(3)` when that can't be done."""

    def rows(scratch: str) -> list[Row]:
        project = _Project(scratch, root)
        say(f"two runs, the contract of each {LINES} lines long")
        project.make()
        return _rows(project, 3 if quick else 41, say)

    return measured(rows, folder)


def _rows(project: _Project, rounds: int, say: Callable[[str], None]) -> list[Row]:
    spawn = ("authorize", "spawn", "--agents", "1", "--cost-usd", "1", "--minutes", "30")
    deploy = ("authorize", "other", "deploy.prod")
    days = f"{6 + 6 * DAYS} records"
    asked = {
        "authorize, allowed": (spawn, "short", exits.OK),
        "authorize, denied": (deploy, "short", exits.FINDINGS),
        f"authorize, allowed, {days}": (spawn, "days", exits.OK),
        f"authorize, denied, {days}": (deploy, "days", exits.FINDINGS),
        f"contract lint, {LINES} lines": (("lint",), "short", exits.OK),
    }
    commands = [project.correctless(*words, "--run", run) for words, run, _ in asked.values()]
    commands.append([sys.executable, "-I", "-S", "-c", "pass"])
    codes = [*(code for _, _, code in asked.values()), exits.OK]
    say(f"authorize and lint: {rounds} rounds")
    # The first of each reads its files from the disk.
    programs(commands, 1, cwd=project.top, env=project.env, codes=codes)
    *ours, least = programs(commands, rounds, cwd=project.top, env=project.env, codes=codes)
    floor = as_figure("python3 -I -S -c pass", least, "ms")
    return [
        Row(
            as_figure(name, runs, "ms"),
            "ms",
            floor,
            rounds,
            goal=GOAL_LINT
            if name.startswith("contract lint")
            else GOAL_DAYS
            if days in name
            else GOAL_AUTHORIZE,
        )
        for name, runs in zip(asked, ours, strict=True)
    ]
