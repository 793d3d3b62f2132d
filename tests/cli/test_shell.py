"""What a shell and a terminal get: completion of commands and options, whole help texts, and a table of the rules."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

import correctless
import terminal
from correctless.lint.rules import RULES
from patience import PATIENCE
from places import ROOT


def completed(*words: str) -> list[str]:
    """What bash is offered for the last word."""
    done = subprocess.run(
        correctless.itself(),
        env={
            **os.environ,
            "_CORRECTLESS_COMPLETE": "bash_complete",
            "COMP_WORDS": " ".join(("correctless", *words)),
            "COMP_CWORD": str(len(words)),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return [line.partition(",")[2] for line in done.stdout.splitlines() if "," in line]


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("c",), ["cauto", "confirm-from-github", "contract"]),
        (("cauto", "re"), ["resume"]),
        (("cauto", "run", "--app"), ["--approve-spec-as"]),
        (("lint", "--fo"), ["--format"]),
        (("gate", "--j"), ["--json"]),
        (("contract", "answer", "--sc"), ["--scope"]),
        (("nonsense", "x"), []),
    ],
)
def test_a_shell_completes_commands_and_options(words: tuple[str, ...], offered: list[str]) -> None:
    assert completed(*words) == offered


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_each_shell_is_printed(shell: str) -> None:
    env = {**os.environ, "_CORRECTLESS_COMPLETE": f"{shell}_source"}
    done = subprocess.run(correctless.itself(), env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, "_CORRECTLESS_COMPLETE" in done.stdout) == (0, True)


@pytest.mark.parametrize("group", [["cauto"], ["contract"], ["decisions"], []])
def test_no_help_text_is_cut_off(group: list[str]) -> None:
    done = subprocess.run(
        [*correctless.itself(), *group, "--help"],
        env={**os.environ, "COLUMNS": "60"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "..." not in done.stdout.partition("Commands:")[2].partition("Exit codes:")[0]


@pytest.mark.parametrize(
    ("words", "meant"),
    [(["cauto", "statu"], "status"), (["reveiw"], "review"), (["decisions", "lst"], "list")],
)
def test_a_misspelled_command_is_answered_with_the_one_that_is_meant(words: list[str], meant: str) -> None:
    done = subprocess.run([*correctless.itself(), *words], capture_output=True, text=True, check=False)
    assert (done.returncode, f"Did you mean {meant}?" in done.stderr) == (2, True), done.stderr


def test_two_quick_interrupts_end_a_command_as_one_does(tmp_path: Path) -> None:
    child = subprocess.Popen(
        [*correctless.itself(), "decisions", "parse", "--skill", str(ROOT / "skills/cverify")],
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert child.stdin is not None
    assert child.stderr is not None
    child.stdin.write(b"x" * 200_000)  # more than a pipe holds: now it is reading
    child.stdin.flush()
    for _ in range(20):
        child.send_signal(signal.SIGINT)
        time.sleep(0.001)
    child.stdin.close()
    said = child.stderr.read().decode()
    child.stderr.close()
    assert (child.wait(PATIENCE), "Traceback" in said) == (130, False), said


def test_rules_are_a_table_on_a_terminal_and_markdown_in_a_pipe(tmp_path: Path) -> None:
    for columns in (80, 50):
        size = (50, columns)
        code, shown = terminal.ended(
            terminal.spawn([*correctless.itself(), "rules"], tmp_path, os.environ, dimensions=size)
        )
        lines = shown.replace("\r", "").splitlines()
        assert code == 0
        assert {rule.ID for rule in RULES} <= {word for line in lines for word in line.split()[:1]}
        assert "|" not in shown
        assert columns < 80 or max(map(len, lines)) < columns
    piped = subprocess.run([*correctless.itself(), "rules"], capture_output=True, text=True, check=True)
    assert "| rule | severity | what it asks for |" in piped.stdout
