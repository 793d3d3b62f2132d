"""Entry point of the command line.

What is called often, or inside a hook, is answered before click is imported; every other command is imported when it
is called. The module of each command (`module_of`) exposes a click command of its own name, with _ for -.
"""

from __future__ import annotations

import os
import sys

try:
    # The module `signal` makes enums of these, which takes 4 ms.
    from _signal import SIG_DFL, SIG_IGN, SIGCHLD, SIGINT, signal  # type: ignore[import-not-found] # the standard library's own
except ImportError:
    from signal import SIG_DFL, SIG_IGN, SIGCHLD, SIGINT, signal

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.base.text import printable

TYPE_CHECKING = False  # typing costs 4 ms to import
if TYPE_CHECKING:
    from typing import Any

    from correctless.project.git import Repo

# What `--help` says of each command, so that a listing imports none of them.
COMMANDS = {
    "init": "Prepare a repository for its first run.",
    "lint": "Check skills, commands, agents, plugins, hooks and settings.",
    "rules": "List the linter's rules, or explain one.",
    "skills": "Show what each skill's contract says.",
    "cauto": "Run a pipeline of skills, each in a fresh agent process.",
    "review": "Read, confirm or reject the decisions that need you.",
    "confirm-from-github": "Take the answer of a comment on GitHub.",
    "gate": "Check whether the branch is ready to publish.",
    "guard": "Show what the guard denies before a tool call; switch it.",
    "contract": "Grant a run its actions in advance; let it ask each time.",
    "decisions": "List, summarise, verify and repair the decisions log.",
    "report": "Write one HTML page about a run, or about all runs.",
    "metrics": "Show figures over past runs: steps, decisions, cost, time.",
    "defaults": "Show how defaults fared in past runs; propose new ones.",
    "audit-run": "Show what the record proves of a run, step by step.",
    "schema": "Print the JSON schema of a format.",
}

# The modules of commands that are not in this folder itself.
_MODULES = {
    "cauto": "run.cauto",
    "contract": "contract.group",
    "decisions": "log.decisions",
    "writer": "log.writer",
}

# Answered without click: the module's `main(argv) -> int`.
FAST = ("writer", "gate", "lint", "rules", "hook")


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code, as listed in `exits`.

    Only `SystemExit` escapes.
    """
    arguments = sys.argv[1:] if argv is None else argv
    # We inherit an ignored SIGCHLD, and then every program we run seems to end with 0.
    signal(SIGCHLD, SIG_DFL)
    try:
        return _exit_code(arguments)
    except KeyboardInterrupt:  # another Ctrl-C while the command ended
        signal(SIGINT, SIG_IGN)
        return exits.INTERRUPTED


def _exit_code(arguments: list[str]) -> int:
    try:
        code = _run(arguments)
        sys.stdout.flush()  # here, where a full disk or a closed pipe still has an exit code
    except Stop as stop:
        _say(stop.message)
        code = stop.code
    except KeyboardInterrupt:
        signal(SIGINT, SIG_IGN)  # only the message and the exit code are left
        _say("interrupted")
        code = exits.INTERRUPTED
    except BrokenPipeError:
        _let_go_of_stdout()  # the reader closed the pipe before the end
        code = exits.REFUSED
    except Exception as error:  # noqa: BLE001 an unexpected error is "could not run", never Python's 1
        if os.environ.get("CORRECTLESS_TRACE"):
            import traceback

            traceback.print_exc()
        _let_go_of_stdout()
        _say(f"{_spell(error)}. Set CORRECTLESS_TRACE=1 to see where")
        code = exits.REFUSED
    return code


def _run(arguments: list[str]) -> int:
    if arguments and arguments[0] in FAST:
        return int(_imported(module_of(arguments[0])).main(arguments[1:]))
    if arguments[:2] == ["contract", "authorize"]:
        from correctless.cli.contract import plain_authorize

        if (code := plain_authorize.main(arguments[2:])) is not None:
            return code
    from correctless.cli.group import run

    return run(arguments)


def _imported(name: str) -> Any:
    # As `importlib.import_module`, whose own import takes as long as that of the linter's settings.
    __import__(name)
    return sys.modules[name]


def module_of(command: str) -> str:
    """Return the name of the module that answers a command."""
    return f"correctless.cli.{_MODULES.get(command) or command.replace('-', '_')}"


def _let_go_of_stdout() -> None:
    # Python flushes once more at exit, and ends with 120 when that fails.
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _spell(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return (
        f"unexpected {type(error).__name__}: {error}" if str(error) else f"unexpected {type(error).__name__}"
    )


def spell_anything() -> None:
    """Make standard output escape characters that its encoding lacks.

    A terminal may not be UTF-8, and a path may not be valid UTF-8.
    """
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")


def answering(repo: Repo | None, by: str | None) -> str:
    """Return the name of who answers.

    Raises: Stop(3) inside an agent and without a terminal.
    """
    from correctless.project import person

    person.refuse_agents(os.environ)
    if not person.has_terminal():
        raise Stop(
            exits.REFUSED,
            "you can answer only in a terminal, and this is not one. Run it in your own terminal",
        )
    return by or person.name(repo, os.environ)


def typable(message: str, place: str = "") -> str:
    """Return `install.typable` for the user of this process."""
    from correctless.base import install

    return install.typable(message, os.environ, place)


def spelled(command: str, place: str = "") -> str:
    """Return one command as the user can type it, "" for none."""
    return typable(f": {command}", place).removeprefix(": ")


def _say(message: str) -> None:
    # One line: a file name or an agent's text in the message may have several.
    line = printable(" ".join(typable(message).splitlines()))
    try:
        print(f"correctless: {line}", file=sys.stderr)
    except OSError:
        return  # standard error is closed; the exit code is enough
