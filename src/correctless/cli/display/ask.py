"""Questions about deferred decisions at this terminal, with a time limit."""

from __future__ import annotations

import math
import os
import select
import sys
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

import click

from correctless.base.text import one_line, printable_lines
from correctless.cli.display.watch import Watcher
from correctless.dispatch.core.context import Ask, PersonAnswers, Question
from correctless.project import person
from correctless.project.git import Repo

_LATER = "no answer in time: it stays deferred"
_HOW = (
    "Type ok to accept this, or type what to do instead. Press Enter to leave it for the review at the end."
)
_LONGEST = 2000  # characters of an answer: one line that was typed


def asker(repo: Repo, watcher: Watcher, env: Mapping[str, str]) -> Ask | None:
    """Return who can be asked here; None without a terminal and inside an agent."""
    if not person.has_terminal() or env.get("CLAUDECODE") or person.inside_agent(env):
        return None

    def ask(questions: Sequence[Question], seconds: float) -> PersonAnswers | None:
        with watcher.aside():
            answers = _ask(questions, seconds, time.monotonic)
        return PersonAnswers(person.name(repo, env), "terminal", answers) if answers else None

    return ask


def _ask(questions: Sequence[Question], seconds: float, now: Callable[[], float]) -> dict[int, str]:
    """Ask each question; return the answers by entry.

    "" confirms a default. A question that was skipped is missing.
    """
    until = now() + seconds
    answers: dict[int, str] = {}
    count = len(questions)
    what = "a decision" if count == 1 else f"{count} decisions"
    _say(f"\n{questions[0].step} needs {what} from you ({seconds / 60:g} minutes to answer).")
    for index, question in enumerate(questions, 1):
        _say(f"\n{question.decision_id}{f' ({index} of {count})' if count > 1 else ''}")
        for label, text in (
            ("why", question.reason),
            ("default", question.applied),
            ("rationale", question.rationale),
        ):
            if text.strip():
                _say(f"  {label + ':':<11}{text}")
        _say(_HOW)
        typed = read_line(until, now)
        if typed is None:
            _say(f"\n{_LATER}")
            return answers
        answer = one_line(typed, _LONGEST)
        if answer:
            answers[question.number] = "" if answer.lower() == "ok" else answer
    return answers


def confirmed(question: str) -> bool:
    """Ask for a yes that is typed from now on."""
    _forget_typed(sys.stdin.fileno())
    return click.confirm(printable_lines(question), default=False, err=True)


def _forget_typed(fd: int) -> None:
    """Drop what was typed before the question was shown: it answers nothing."""
    with suppress(termios.error):
        termios.tcflush(fd, termios.TCIFLUSH)


def read_line(until: float = math.inf, now: Callable[[], float] = time.monotonic) -> str | None:
    """Read one line of the terminal that is typed from now on; None after the time limit or a hang-up."""
    fd = sys.stdin.fileno()
    _forget_typed(fd)
    click.echo("> ", nl=False, err=True)
    typed = b""
    while (remaining := until - now()) > 0:
        if not select.select([fd], [], [], min(remaining, 1.0))[0]:
            continue
        data = os.read(fd, 4096)
        typed += data
        if not data:  # hung up, or Ctrl-D
            return None
        if typed.endswith(b"\n"):
            return typed.decode("utf-8", "replace")
    return None


def _say(text: str) -> None:
    click.echo(printable_lines(text), err=True)
