"""A command at a pseudo-terminal: what is waited for and typed in, its exit code and what it showed out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pexpect

from patience import PATIENCE

# What is waited for, and what is typed then: a text, or what does something first and gives it.
Typed = Sequence[tuple[str, str | Callable[[], str]]]


def spawn(
    words: Sequence[str],
    cwd: Path,
    env: Mapping[str, str],
    *,
    dimensions: tuple[int, int] = (50, 100),
    timeout: float = PATIENCE,
) -> pexpect.spawn[str]:
    """The command, started; what is typed is sent at once, since each prompt is waited for."""
    program, *rest = words
    child = pexpect.spawn(
        program,
        rest,
        cwd=str(cwd),
        env=dict(env),
        encoding="utf-8",
        codec_errors="replace",  # the terminal's echo of ^C may fall into the bytes of one character
        timeout=timeout,
        dimensions=dimensions,
    )
    child.delaybeforesend = None
    return child


def ended(child: pexpect.spawn[str], timeout: float = -1) -> tuple[int, str]:
    """The exit code of a command that ends by itself, less than 0 for a signal, and what it showed since it was last looked at."""
    child.expect(pexpect.EOF, timeout=timeout)
    child.wait()
    child.ptyproc.delayafterclose = 0  # type: ignore[attr-defined]  # it has ended: nothing is to be waited for
    child.close()
    code = child.exitstatus if child.exitstatus is not None else -(child.signalstatus or 0)
    return code, str(child.before)


def accepted(child: pexpect.spawn[str]) -> tuple[str, str]:
    """Accept each decision of a review, up to its last question; what it showed, and the digest it asks for."""
    shown = ""
    while child.expect([r"Their digest is ([0-9a-f]{8})", r"\? help[^>]*> "]):
        shown += str(child.before) + str(child.after)
        child.sendline("a")
    shown += str(child.before) + str(child.after)
    digest = child.match.group(1)  # type: ignore[union-attr]
    child.expect("leave it open[^>]*> ")
    return shown + str(child.before) + str(child.after), digest


def typed(child: pexpect.spawn[str], answers: Typed) -> tuple[int, str]:
    """Answer each question in turn, and wait for the end; all that was shown."""
    shown = ""
    for wanted, answer in answers:
        child.expect(wanted)
        shown += str(child.before) + str(child.after)
        child.sendline(answer if isinstance(answer, str) else answer())
    code, rest = ended(child)
    return code, shown + rest
