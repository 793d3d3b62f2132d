"""Self-test of the sandbox: it tries what an agent must not be able to do."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

from correctless.project.paths import ARTIFACTS
from correctless.sandbox import Sandbox, SandboxPlace

_SECONDS = 30.0
_REACHED = "reached "


@dataclass(frozen=True, slots=True)
class SandboxTrial:
    """Actions that were tried, and those that were possible."""

    tries: tuple[str, ...]
    possible: tuple[str, ...]
    fault: str = ""  # why nothing could be tried


def leave(sandbox: Sandbox, place: SandboxPlace, token: str, env: Mapping[str, str]) -> SandboxTrial:
    """Try from inside what no agent may write or read.

    Files that a gap lets through are removed.
    """
    tries = dict(_tries(place, sandbox, f".correctless-trial-{token}"))
    lines = [
        f"( {command} ) >/dev/null 2>&1 && echo {shlex.quote(_REACHED + what)}"
        for what, (command, _) in tries.items()
    ]
    script = "\n".join((*lines, "echo done"))
    try:
        done = subprocess.run(
            [*sandbox.wrap.argv, "/bin/sh", "-c", script],
            cwd=place.repo.top,
            env={**env, **sandbox.environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return SandboxTrial((), (), str(error))
    finally:
        for _, trial_file in tries.values():
            with suppress(OSError):
                os.unlink(trial_file)
    output = done.stdout.decode("utf-8", "replace").splitlines()
    if "done" not in output:
        why = done.stderr.decode("utf-8", "replace").strip().splitlines() or [f"exit {done.returncode}"]
        return SandboxTrial((), (), why[0])
    possible = tuple(line.removeprefix(_REACHED) for line in output if line.startswith(_REACHED))
    return SandboxTrial(tuple(tries), possible)


def _tries(place: SandboxPlace, sandbox: Sandbox, name: str) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield each action with a command that succeeds where it is possible, and the file that it would leave."""
    repo = place.repo
    folders = {
        "write a log": os.path.join(repo.home, ARTIFACTS),
        "write a hook of git": os.path.join(repo.common_dir, "hooks"),
        "write beside the repository": os.path.dirname(repo.top),
        "write into the home folder": place.env.get("HOME", ""),
    }
    for what, folder in folders.items():
        if os.path.isdir(folder) and sandbox.reach.of(os.path.join(folder, name)) != "write":
            path = os.path.join(folder, name)
            yield what, (f": >{shlex.quote(path)}", path)
    config = os.path.join(repo.common_dir, "config")
    yield "change git's configuration", (f": >>{shlex.quote(config)}", "")
    folder = os.path.dirname(config)
    yield (
        "rename git's folder",
        (
            f"mv {shlex.quote(folder)} {shlex.quote(folder + name)} && mv {shlex.quote(folder + name)} {shlex.quote(folder)}",
            "",
        ),
    )
    for rule in sandbox.reach.rules:
        if rule.access == "hide" and os.path.isfile(rule.path) and os.access(rule.path, os.R_OK):
            yield f"read {rule.path}", (f"test -s {shlex.quote(rule.path)}", "")
        elif (
            rule.access == "hide"
            and os.path.isdir(rule.path)
            and rule.path.startswith(place.env.get("HOME", "/nowhere"))
        ):
            yield (
                f"read {rule.path}",
                (f"ls -A {shlex.quote(rule.path)} | grep -v -e known_hosts -e config -e '\\.pub$' -q", ""),
            )
    yield "see another process", (f"test -d /proc/{os.getpid()}/fd && kill -0 {os.getpid()}", "")
