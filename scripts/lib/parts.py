"""The parts of `scripts/test`: those that wait much side by side, then pytest. A line tells of each what it took.

Python and not the shell, because a shell has its background jobs ignore SIGINT, and the tests they start would too.
"""

from __future__ import annotations

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed

LANES = 3  # two cores, and a part that sleeps
WORKERS = "4"  # half of what tests do is to wait: for a disk, for the end of a process
PYTHON = (sys.executable, "-P", "-m")
BATS = (*PYTHON, "bats_core")
Part = tuple[str, ...]


def beside(everything: bool) -> dict[str, Part]:
    """What runs side by side, by name; the longest first."""
    return {
        **(
            {"other interpreters": ("scripts/interpreters",), "docs": ("scripts/docs",)} if everything else {}
        ),
        "mypy": (*PYTHON, "mypy"),
        "bats doors": (*BATS, "tests/cli/doors.bats"),
        "bats skill contract": (*BATS, "tests/cli/autonomous-skill-contract.bats"),
        "own skills": (
            *(*PYTHON, "correctless", "lint", "--pedantic", "--fail-on", "info"),
            *("skills", "hooks", ".claude-plugin", "plugin.json"),
        ),
        "ruff check": (*PYTHON, "ruff", "check", "."),
        "ruff format": (*PYTHON, "ruff", "format", "--check", "."),
    }


def tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def run(part: Part) -> tuple[int, str, float]:
    """Exit code, output, seconds."""
    began = time.monotonic()
    done = subprocess.run(
        part,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    return done.returncode, done.stdout, time.monotonic() - began


def main(words: list[str]) -> int:
    everything, options = "--all" in words, [word for word in words if word != "--all"]
    parts = beside(everything)
    tell(f"== side by side: {', '.join(parts)}")
    failed = []
    with ThreadPoolExecutor(LANES) as lanes:
        waiting = {lanes.submit(run, part): name for name, part in parts.items()}
        for each in as_completed(waiting):
            code, output, took = each.result()
            tell(f"== {waiting[each]}: {took:.0f} s" + (f", failed ({code})\n{output}" if code else ""))
            if code:
                failed.append(waiting[each])
    if failed:
        tell(f"== failed: {', '.join(failed)}")
    tell("== pytest")
    marks = "" if everything else "not real and not campaign and not faults"
    wanted = ("pytest", "-n", WORKERS, "--dist", "worksteal", "-m", marks, *options)
    status = subprocess.run((*PYTHON, *wanted), stdin=subprocess.DEVNULL, check=False).returncode
    return status or bool(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
