"""What a dispatcher remembers of git's answers, and when it asks again."""

from __future__ import annotations

import fcntl
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from conftest import Git
from correctless.base import exits
from correctless.base.exits import Stop
from correctless.dispatch.core.context import RunContext
from correctless.dispatch.core.engine import Wait
from correctless.dispatch.perform import perform
from correctless.dispatch.step.attempt import Runner
from correctless.project import paths
from correctless.project.git import find
from correctless.project.lock import Lock, path
from correctless.runlog.state import State


def test_a_look_at_the_lock_refuses_no_run(scratch_repo: Path) -> None:
    here = find(str(scratch_repo))
    Lock.take(here, "a test").close()
    looked = open(path(here), "rb")  # noqa: SIM115 closed by the thread, as by the process of a look
    fcntl.flock(looked, fcntl.LOCK_SH)
    threading.Timer(0.02, looked.close).start()
    Lock.take(here, "a run").close()
    with Lock.take(here, "a run"), pytest.raises(Stop) as stop:
        Lock.take(here, "another")
    assert stop.value.code == exits.LOCKED


def test_git_is_asked_again_after_a_wait_in_which_a_person_may_have_changed_it(
    scratch_repo: Path, git: Git
) -> None:
    clock = [datetime(2026, 1, 2, tzinfo=UTC)]

    def sleep(seconds: float) -> None:
        git(scratch_repo, "config", "remote.origin.pushurl", "https://example.invalid/x")
        clock[0] += timedelta(seconds=seconds)

    here = find(str(scratch_repo))
    with Lock.take(here, "a test") as held:
        ctx = RunContext(here, paths.logs(here), held, {}, now=lambda: clock[0], sleep=sleep)
        before = ctx.configuration()
        assert ctx.configuration() is before
        perform(ctx, Runner(ctx), State(run="r1"), Wait(None, "a limit"))
        item = ("local", "remote.origin.pushurl\nhttps://example.invalid/x")
        assert item not in before
        assert item in ctx.configuration()
