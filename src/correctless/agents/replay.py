"""Recorded answers as an agent: `DIR/<step>.md`, after `DIR/<step>.patch`.

Run as a program it is a command agent: the prompt on standard input, the answer on standard output.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping

from correctless.agents.command import Command
from correctless.base.exits import FINDINGS, REFUSED, Stop
from correctless.base.text import one_line
from correctless.project.git.call import as_agent

_NONCE_IN_PROMPT = re.compile(r"^[ \t>]*AUTONOMOUS_DECISIONS_START ([0-9a-f]{8})[ \t]*$", re.MULTILINE)
_RECORDED = re.compile(
    r"^([ \t>]*(?:[-*+] )?AUTONOMOUS_DECISIONS_START)(?: NONCE)?(?=[ \t]*\r?$)", re.MULTILINE
)
_STEP = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")


class Replay(Command):
    """The recorded answers of one folder, which a command replays."""

    @classmethod
    def at(cls, folder: str, cwd: str) -> Replay:
        """Return the agent of a folder, relative to `cwd`."""
        folder = os.path.normpath(os.path.join(cwd, folder))
        # -P and an own PYTHONPATH: a folder `correctless` in the worktree must not be imported in place of this package.
        package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        argv = (sys.executable, "-P", "-m", "correctless.agents.replay", folder)
        return cls(f"replay:{folder}", argv, {"PYTHONPATH": package})

    def check(self, environment: Mapping[str, str], cwd: str) -> None:
        """Check that the folder has recorded answers.

        Raises: Stop(3) when it has none.
        """
        folder = self.argv[-1]
        names = os.listdir(folder) if os.path.isdir(folder) else []
        if not any(name.endswith(".md") for name in names):
            raise Stop(REFUSED, f"'{folder}' has no recorded answers. put one <step>.md for each step there")
        super().check(environment, cwd)


def answer(prompt: str, recorded: str) -> str:
    """Return the recorded answer with the nonce the prompt shows.

    The nonce is inserted after each marker without one, or with the word NONCE.
    """
    nonces = _NONCE_IN_PROMPT.findall(prompt)
    if not nonces:
        raise Stop(
            FINDINGS, "the prompt shows no AUTONOMOUS_DECISIONS_START with a nonce. give one to replay"
        )
    return _RECORDED.sub(lambda marker: f"{marker[1]} {nonces[-1]}", recorded)


def replay(folder: str, step: str, prompt: str, cwd: str, env: Mapping[str, str]) -> str:
    """Apply the step's patch in `cwd`, if any, and return its answer.

    Raises: Stop(1) when either is impossible.
    """
    if not _STEP.match(step):
        raise Stop(FINDINGS, f"CORRECTLESS_STEP is '{one_line(step)}', which is not a step's name. set it")
    path = os.path.join(folder, f"{step}.md")
    try:
        with open(path, encoding="utf-8", newline="") as file:
            recorded = file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise Stop(FINDINGS, f"no recorded answer at '{path}' ({error}). record one for this step") from None
    text = answer(prompt, recorded)
    patch = os.path.join(folder, f"{step}.patch")
    if os.path.exists(patch):
        done = as_agent("apply", "--whitespace=nowarn", os.path.abspath(patch), cwd=cwd, env=env)
        if done.returncode != 0:
            why = one_line(done.stderr.decode(errors="replace"))
            raise Stop(FINDINGS, f"'{patch}' does not apply: {why}. record it again from this commit")
    return text


def main() -> int:
    """Run the replay of CORRECTLESS_STEP as a program and return its exit code."""
    [folder] = sys.argv[1:]
    prompt = sys.stdin.buffer.read().decode()
    try:
        text = replay(folder, os.environ.get("CORRECTLESS_STEP", ""), prompt, os.getcwd(), os.environ)
    except Stop as stop:
        sys.stderr.write(f"{stop.message}\n")
        return stop.code
    sys.stdout.buffer.write(text.encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
