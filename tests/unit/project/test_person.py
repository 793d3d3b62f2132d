"""Who may answer for a person: nobody inside an agent, however it is hidden."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.project import person
from places import SOURCE

ASK = "import os; from correctless.project import person; person.refuse_agents(os.environ); print('a person')"


def ask(*wrapped: str, **env: str) -> subprocess.CompletedProcess[str]:
    words = [*wrapped, sys.executable, "-c", ASK]
    return subprocess.run(
        words,
        env={**os.environ, "PYTHONPATH": str(SOURCE), **env},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_person_is_let_through() -> None:
    assert ask().stdout == "a person\n"


@pytest.mark.parametrize("mark", ["CORRECTLESS_AGENT", "CLAUDECODE"])
def test_a_marked_process_is_refused(mark: str) -> None:
    done = ask(**{mark: "1"})
    assert "Stop" in done.stderr


def test_an_empty_mark_is_a_mark() -> None:
    assert "Stop" in ask(CORRECTLESS_AGENT="").stderr


@pytest.mark.parametrize(
    "wrapped",
    [
        ("env", "-u", "CORRECTLESS_AGENT"),
        ("env", "-i", f"PATH={os.environ['PATH']}", f"PYTHONPATH={SOURCE}"),
        ("setsid", "--wait", "env", "-u", "CORRECTLESS_AGENT"),
        ("sh", "-c", 'unset CORRECTLESS_AGENT; env -u CORRECTLESS_AGENT "$@"; true', "sh"),
    ],
)
def test_a_process_below_a_marked_one_is_refused_even_when_it_dropped_the_mark(
    wrapped: tuple[str, ...],
) -> None:
    inner = [*wrapped, sys.executable, "-c", ASK]
    outer = [sys.executable, "-c", f"import subprocess, sys; sys.exit(subprocess.run({inner!r}).returncode)"]
    env = {**os.environ, "PYTHONPATH": str(SOURCE)}
    marked = subprocess.run(
        outer, env={**env, "CORRECTLESS_AGENT": "1"}, capture_output=True, text=True, check=False
    )
    assert "a person" not in marked.stdout
    assert "Stop" in marked.stderr
    plain = subprocess.run(outer, env=env, capture_output=True, text=True, check=False)
    assert plain.stdout == "a person\n", plain.stderr


def test_the_environment_that_is_passed_counts_too() -> None:
    with pytest.raises(Stop, match="inside an agent"):
        person.refuse_agents({"CORRECTLESS_AGENT": ""})
    person.refuse_agents({})


def test_the_refusal_says_what_to_do() -> None:
    with pytest.raises(Stop, match="run it in your own terminal") as caught:
        person.refuse_agents({"CLAUDECODE": "1"})
    assert caught.value.code == exits.REFUSED
