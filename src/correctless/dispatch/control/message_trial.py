"""Trial of the repository's commit-msg hooks with the message that consolidation commits with, hours later."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress

from correctless.agents import MakeSandbox
from correctless.base.files import replace_file
from correctless.dispatch.step import work
from correctless.github.client import first_line
from correctless.project.git import Repo
from correctless.runlog.plan import Plan
from correctless.sandbox.reach import Needs

HOOKS = ("prepare-commit-msg", "commit-msg")
_SECONDS = 120.0
_RUN = "00000000-000000-0000"  # in the form of a run id
_FILE = "COMMIT_EDITMSG"  # where git puts it: some hooks read no other file


class NotTriedError(Exception):
    """git before 2.36 can't run one hook by itself."""


def hooks(repo: Repo) -> tuple[str, ...]:
    """Return the message hooks that git would run in this repository."""
    own = repo.try_git("config", "--type=path", "--get-all", "core.hooksPath").stdout.splitlines()
    # Our own calls turn hooks off by the last value.
    named = [path for path in own if path != os.devnull]
    folder = named[-1] if named else os.path.join(repo.common_dir, "hooks")
    return tuple(name for name in HOOKS if os.access(os.path.join(repo.top, folder, name), os.X_OK))


def refusal(
    repo: Repo, plan: Plan, names: tuple[str, ...], env: Mapping[str, str], make: MakeSandbox | None
) -> tuple[str, str]:
    """Return what a hook says against the message, and the message's first line; "" when all take it.

    Raises: `NotTriedError`.
    """
    marks = {
        "Correctless-Run": _RUN,
        "Correctless-Step": "consolidation#1",
        "Correctless-Log": f"0:{'0' * 64}",
    }
    text = work.message_of(plan, _RUN, "consolidation", marks)
    subject = text.partition("\n")[0]
    path = os.path.join(repo.git_dir, _FILE)
    before = None
    with suppress(OSError), open(path, "rb") as file:
        before = file.read(1 << 20)
    prepared = make(Needs(), (), env) if make is not None else None
    try:
        replace_file(path, text.encode(), durable=False)
        for name in names:
            arguments = (path, "message") if name == HOOKS[0] else (path,)
            done = repo.with_hooks(
                *("hook", "run", name, "--", *arguments),
                env={**env, **(prepared.environment if prepared else {})},
                stdin="",
                seconds=_SECONDS,
                wrap=prepared.wrap if prepared else None,
            )
            if b"'hook' is not a git command" in done.err:
                raise NotTriedError
            if done.timed_out:
                return f"{name} took over {_SECONDS:.0f} s", subject
            if done.code != 0:
                return f"{name}: {first_line(done.err if done.err.strip() else done.out)}", subject
    finally:
        if before is not None:
            replace_file(path, before, durable=False)
        else:
            with suppress(OSError):
                os.unlink(path)
    return "", subject
