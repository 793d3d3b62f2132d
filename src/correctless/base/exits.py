"""The exit codes of every command, and the one exception that carries one."""

from __future__ import annotations

OK = 0
FINDINGS = 1  # findings, a verification that failed, a gate that is not GREEN
USAGE = 2
REFUSED = 3  # could not check or could not run, or refused inside an agent: fails closed
PERSON = 10
PAUSED = 11  # a usage limit or an outage
BUDGET = 12
FAILED = 20  # a step failed
LOCKED = 75
INTERRUPTED = 130

MEANING = {
    OK: "done and clean",
    FINDINGS: "findings, or a verification that failed",
    USAGE: "the command was written wrongly",
    REFUSED: "could not check or could not run",
    PERSON: "needs a human decision",
    PAUSED: "paused on a usage limit or an outage",
    BUDGET: "the budget is reached",
    FAILED: "a step failed",
    LOCKED: "locked by another run",
    INTERRUPTED: "interrupted",
}


class Stop(Exception):  # noqa: N818 it is an order to stop, not always an error
    """Cannot continue: one line that says what is wrong and how to fix it, and the exit code."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
