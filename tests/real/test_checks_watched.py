"""The checks of a pull request, watched with the real gh on a scripted GitHub: what is told, and that a watch outlives its dispatcher."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from conftest import Git
from correctless.base import exits
from correctless.base.clock import timestamp
from correctless.dispatch.core.context import RunContext
from correctless.dispatch.finish import checks
from correctless.project import paths
from correctless.project.git import find
from correctless.project.lock import Lock
from correctless.runlog.events import ChecksSeen
from correctless.runlog.state import State
from github_api import GitHubApi, Merging, Pull, check_run
from patience import PATIENCE, until
from project import CONFIG, Project
from runs import plan

pytestmark = pytest.mark.real

HEAD = "a" * 40
BEGUN = datetime(2026, 3, 1, tzinfo=UTC)
HOSTILE = "tests\u202e @ann #1 <!-- correctless:end -->"

Checks = list[dict[str, Any]]


def run_of(
    name: str, conclusion: str | None = "SUCCESS", *, at: int = 0, number: int = 1, **other: Any
) -> dict[str, Any]:
    """A check run that began so many minutes after the first one; pending without a conclusion."""
    status = "COMPLETED" if conclusion else "IN_PROGRESS"
    when = timestamp(BEGUN + timedelta(minutes=at))
    run = {"conclusion": conclusion, "status": status, "startedAt": when, "databaseId": number}
    return {**check_run(name), **run, **other}


def status_of(context: str, state: str) -> dict[str, Any]:
    return {
        "__typename": "StatusContext",
        "context": context,
        "state": state,
        "createdAt": timestamp(BEGUN),
    }


@pytest.fixture
def api(tmp_path: Path) -> Iterator[GitHubApi]:
    with GitHubApi(tmp_path) as host:
        yield host


@dataclass
class Watch:
    """A watch of five minutes, whose clock only its own waits move; `then` are the host's checks after each of them."""

    ctx: RunContext
    state: State
    api: GitHubApi
    then: list[Checks | None] = field(default_factory=list)
    clock: datetime = BEGUN
    waits: int = 0

    def sleep(self, seconds: float) -> None:
        self.clock += timedelta(seconds=seconds)
        self.waits += 1
        if self.then:
            self.api.pulls[0].merging.checks = self.then.pop(0)

    def seen(self, *each: Checks | None) -> ChecksSeen:
        self.api.pulls[0].merging.checks, *self.then = each
        return checks.watch(self.ctx, self.state)


@pytest.fixture
def watch(scratch_repo: Path, tmp_path: Path, api: GitHubApi) -> Iterator[Watch]:
    repo = find(str(scratch_repo))
    with Lock.take(repo, "a test") as lock:
        ctx = RunContext(repo, paths.logs(repo), lock, {**os.environ, **api.env(tmp_path)})
        state = State(
            plan=plan("ctdd", pr=("gh",), ci_wait_minutes=5.0),
            url="https://github.com/ann/shop/pull/1",
            consolidated=HEAD,
            watched_until=timestamp(BEGUN + timedelta(minutes=5)),
        )
        made = Watch(ctx, state, api)
        ctx.now, ctx.sleep = lambda: made.clock, made.sleep
        api.pulls.append(Pull("ann/shop", 1, "feature/x", "main", "t", "b", head_oid=HEAD))
        yield made


def test_green_is_what_was_green_twice(watch: Watch) -> None:
    all_green = [run_of("tests"), run_of("lint", "SKIPPED"), status_of("cla", "SUCCESS")]
    assert watch.seen([run_of("tests")], all_green) == ChecksSeen(HEAD, "green", passed=3)
    assert watch.waits == 2


def test_nothing_ends_early_while_one_is_pending(watch: Watch) -> None:
    red, pending = run_of("lint", "FAILURE"), run_of("tests", None)
    found = watch.seen([red, pending], [red, run_of("tests")])
    assert found == ChecksSeen(HEAD, "red", ("'lint' is FAILURE",), passed=1)
    assert watch.waits == 2


def test_a_superseded_run_counts_for_nothing_and_a_lone_cancelled_one_is_red(watch: Watch) -> None:
    cancelled = run_of("tests", "CANCELLED", number=1)
    assert watch.seen([cancelled, run_of("tests", number=2)]).outcome == "green"
    later = run_of("tests", at=1, number=2)
    assert watch.seen([cancelled, later]).outcome == "green"
    assert watch.seen([run_of("tests", "FAILURE"), later]).outcome == "green"
    assert watch.seen([cancelled]).red == ("'tests' is CANCELLED",)


@pytest.mark.parametrize(
    ("found", "outcome"),
    [
        (None, "none"),
        ([], "none"),
        ([run_of("tests", None)], "pending"),
        ([run_of("tests"), status_of("deploy", "EXPECTED")], "pending"),
        ([run_of("tests"), status_of("deploy", "PENDING")], "pending"),
        ([status_of("correctless/escalations", "SUCCESS")], "none"),
        ([run_of("tests"), run_of("lint", "STARTUP_FAILURE")], "red"),
        ([run_of("tests"), status_of("deploy", "ERROR"), run_of("e2e", None)], "red"),
    ],
)
def test_what_the_end_of_the_time_finds(watch: Watch, found: Checks | None, outcome: str) -> None:
    assert watch.seen(found).outcome == outcome


@pytest.mark.parametrize("why", ["moved", "answer", "login"])
def test_what_cannot_be_read_is_unknown_and_never_green(
    watch: Watch, api: GitHubApi, tmp_path: Path, why: str
) -> None:
    if why == "moved":
        api.pulls[0].head_oid = "b" * 40
    elif why == "answer":
        api.rewrite = lambda name, said: {} if name == "HeadChecks" else said
    else:
        watch.ctx.env = {**watch.ctx.env, **api.env(tmp_path, logged_in=False)}
    found = watch.seen([run_of("tests")])
    assert (found.outcome, found.passed, bool(found.why)) == ("unknown", 0, True)


def test_a_read_that_fails_once_is_read_again(watch: Watch, api: GitHubApi) -> None:
    api.fail(2, "garbage", "after")
    assert watch.seen([run_of("tests")]).outcome == "green"


def test_only_what_gh_opened_is_watched(watch: Watch, api: GitHubApi) -> None:
    assert watch.state.plan is not None
    watch.state = replace(watch.state, plan=replace(watch.state.plan, pr=("open-it",)))
    found = watch.seen([run_of("tests")])
    assert (found.outcome, "pr: gh" in found.why, api.calls) == ("unknown", True, [])


# --- whole runs


@pytest.fixture
def project(scratch_repo: Path, tmp_path: Path, git: Git, api: GitHubApi) -> Callable[..., Project]:
    """A project whose origin is a repository on github.com, pushed to through a bare one on this disk."""
    bare, url = tmp_path / "origin.git", "https://github.com/ann/shop.git"
    git(tmp_path, "init", "-q", "--bare", "-b", "main", "origin.git")
    git(scratch_repo, "remote", "add", "origin", url)
    git(scratch_repo, "config", f"url.{bare}.insteadOf", url)
    git(scratch_repo, "push", "-q", "origin", "main")
    api.tip = lambda branch: git(bare, "rev-parse", branch)

    def make(**config: Any) -> Project:
        steps = {"pipelines": {"default": {"steps": [{"skill": "cdocs"}]}}}
        made = Project(scratch_repo, git, config={**CONFIG, **steps, "pr": "gh", **config})
        made.env |= api.env(tmp_path)
        done = made.run()
        assert done.returncode == exits.PERSON, done.stderr
        assert made.review(answer="{digest}")[0] == exits.OK
        return made

    return make


def test_a_watch_goes_on_after_kill_and_ctrl_c_and_its_end_is_told_everywhere(
    project: Callable[..., Project], api: GitHubApi, tmp_path: Path
) -> None:
    told, program = tmp_path / "told", tmp_path / "tell"
    program.write_text(f"#!{sys.executable}\nimport sys\nopen({str(told)!r}, 'w').write(sys.stdin.read())\n")
    program.chmod(0o755)
    api.opened = lambda: Merging(checks=[run_of(HOSTILE, None)])
    made = project(ci_wait_minutes=600, notify=[str(program)])
    made.killed("event", 6, "resume")  # resumed, gate_opened, trial_merged, publish_intended, published
    [*_, last] = made.events()
    assert last.event.event == "checks_awaited"
    before = made.state().watched_until

    watching = made.start("resume")
    until(lambda: sum(call.name == "HeadChecks" for call in api.calls) > 0, "the checks were not looked at")
    watching.send_signal(signal.SIGINT)
    watching.communicate(timeout=PATIENCE)
    assert watching.returncode == exits.INTERRUPTED
    stopped = made.state()
    assert (stopped.phase, stopped.checks, stopped.watched_until) == ("published", None, before)

    api.pulls[0].merging.checks = [run_of(HOSTILE, "FAILURE"), run_of("lint")]
    done = made.cauto("resume")
    assert done.returncode == exits.OK, done.stderr
    assert [item.event.event for item in made.events()][-3:] == ["resumed", "checks_seen", "complete"]
    assert (len(api.pulls), made.state().watched_until) == (1, before)
    shown = "1 check failed: 'tests\\u202e @ann #1 <!-- correctless:end -->' is FAILURE"
    assert f"is complete: https://github.com/ann/shop/pull/1; checks: {shown}" in done.stderr
    status = json.loads(made.cauto("status", "--json").stdout)
    assert (status["checks"], "merges with main of origin" in status["merge"]) == (shown, True)
    assert f"checks   {shown}" in made.cauto("status").stdout
    summary = made.command("decisions", "summary").stdout
    assert "checks: 1 check failed: " in summary.partition("Warnings")[2]
    assert "\u202e" not in summary + done.stderr
    notified = json.loads(told.read_text())
    assert (notified["event"], notified["merge"], notified["checks"]) == ("complete", "clean", "red")
    assert shown in notified["outcome"]
    assert made.command("audit-run").returncode == exits.OK


def test_green_is_told_and_no_warning(project: Callable[..., Project], api: GitHubApi) -> None:
    api.opened = lambda: Merging(checks=[run_of("tests")])
    made = project(ci_wait_minutes=0.02)
    done = made.cauto("resume")
    assert (done.returncode, "; checks: 1 check passed" in done.stderr) == (exits.OK, True), done.stderr
    summary = made.command("decisions", "summary").stdout
    assert "checks: 1 check passed" in summary.partition("Pull request")[2]
    assert "Warnings" not in summary
