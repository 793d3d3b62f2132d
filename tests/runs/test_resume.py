"""kill -9 at any point: the run is continued, no finished step runs again, no decision is lost or doubled."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

from correctless.base import exits
from correctless.base.process.descendants import marked
from correctless.decisions.decision import Decision
from correctless.ledger.ledger import Ledger
from correctless.runlog.events import StepFinished, StepStarted, discarded
from patience import PATIENCE
from project import Project
from runs import WHEN

# One whole run of the four steps: 6 events a step (started, ended, decisions, check, finished) and the end's.
EVENTS = 23
EFFECTS = 22


def points(end: int, *, often: tuple[int, ...]) -> list[ParameterSet]:
    """Every point before `end`; those of `often` in each run of the tests, all of them in the campaign."""
    return [pytest.param(n, marks=() if n in often else pytest.mark.campaign) for n in range(1, end)]


@pytest.fixture
def project(scratch_repo: Path, git) -> Project:  # type: ignore[no-untyped-def]
    return Project(scratch_repo, git)


def assert_whole(project: Project, *, at: str) -> None:
    """What must hold of a run that was killed `at` some point and resumed to its gate."""
    finished = Counter(item.event.step for item in project.events() if isinstance(item.event, StepFinished))
    assert finished == dict.fromkeys(("ctdd", "simplify", "cverify", "cdocs"), 1), at
    last = {
        item.event.step: item.event.attempt
        for item in project.events()
        if isinstance(item.event, StepFinished)
    }
    live = [d for d in project.decisions() if d["attempt"] == last[d["step"]]]
    assert [d["skill"] for d in live] == ["ctdd", "simplify", "cverify", "cdocs"], at
    keys = [d["key"] for d in project.decisions()]
    assert len(keys) == len(set(keys)), at
    log = project.git(
        project.top, "log", "--format=%(trailers:key=Correctless-Step,valueonly,separator=%x2C)", "main..HEAD"
    )
    marks = [line for line in log.splitlines() if line]
    assert len(marks) == len(set(marks)) == 5, (at, marks)
    assert project.command("decisions", "verify").returncode == 0, at
    assert project.git(project.top, "status", "--porcelain") == "", at


@pytest.mark.parametrize("number", points(EVENTS, often=(1, 8, 16)))
def test_killed_after_any_event_the_run_goes_on(project: Project, number: int) -> None:
    killed = project.killed("event", number, *project.run_words())
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    before = Counter(project.ran())
    done = project.cauto("resume")
    assert done.returncode == exits.PERSON, done.stderr
    assert_whole(project, at=f"event {number}")
    assert max(Counter(project.ran()).values()) == 1, "the same attempt ran twice"
    assert before <= Counter(project.ran())


@pytest.mark.parametrize("number", points(EFFECTS, often=(3, 5, 21)))
def test_killed_between_an_effect_and_its_event_the_run_goes_on(project: Project, number: int) -> None:
    killed = project.killed("effect", number, *project.run_words())
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    done = project.cauto("resume")
    assert done.returncode == exits.PERSON, done.stderr
    assert_whole(project, at=f"effect {number}")


@pytest.mark.parametrize("where", ["event", "effect"])
@pytest.mark.parametrize("number", points(7, often=(3,)))
def test_killed_anywhere_after_the_confirmation_the_run_completes_once(
    project: Project, where: str, number: int
) -> None:
    project.run()
    assert project.review(answer="{digest}")[0] == exits.OK
    killed = project.killed(where, number, "resume")
    done = project.cauto("resume")
    assert done.returncode == exits.OK, (killed.stderr, done.stderr)
    assert [item.event.event for item in project.events()].count("complete") == 1
    assert project.events()[-1].event.event == "complete"
    assert_whole(project, at=f"{where} {number}")


def test_no_second_agent_can_enter_while_an_orphan_lives(project: Project) -> None:
    dispatcher = project.start(*project.run_words(), AGENT_PLAY="sleep:ctdd#1")
    agent = project.wait_asleep()
    try:
        assert project.cauto("resume").returncode == exits.LOCKED
        dispatcher.kill()
        dispatcher.communicate(timeout=PATIENCE)
        for words in (("resume",), project.run_words()):
            refused = project.cauto(*words)
            assert refused.returncode == exits.LOCKED, refused.stderr
            assert f"process group {os.getpgid(agent)}" in refused.stderr
        assert project.command("review", "--json").returncode == exits.OK  # reading needs no lock
        refused = project.command("writer", "append", "ctdd", '{"default_applied": "x"}')
        assert refused.returncode == exits.LOCKED, refused.stderr
        code, shown = project.review("--confirm", "0" * 8)
        assert code == exits.LOCKED, shown
        stopped = project.cauto("stop")
        assert stopped.returncode == 0, stopped.stderr
        assert not _lives(agent)
    finally:
        project.end(agent)
    done = project.cauto("resume")
    assert done.returncode == exits.PERSON, done.stderr
    assert project.ran()[:2] == ["ctdd#1", "ctdd#2"]
    assert_whole(project, at="an orphan")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_agent_and_the_run_pauses_cleanly(project: Project, number: signal.Signals) -> None:
    # Tests started in the background have some ignored, and that is inherited; a handler isn't.
    before = signal.signal(number, signal.default_int_handler)
    dispatcher = project.start(*project.run_words(), AGENT_PLAY="sleep:ctdd#1")
    signal.signal(number, before)
    agent = project.wait_asleep()
    dispatcher.send_signal(number)
    _, said = dispatcher.communicate(timeout=PATIENCE)
    assert dispatcher.returncode == exits.INTERRUPTED, said
    assert not _lives(agent)
    state = project.state()
    assert state.stopped is not None
    assert state.stopped.code == exits.INTERRUPTED
    assert project.cauto("resume").returncode == exits.PERSON
    assert_whole(project, at=number.name)


def test_stop_abandon_ends_a_run_for_good_and_a_new_one_may_start(project: Project) -> None:
    dispatcher = project.start(*project.run_words(), AGENT_PLAY="sleep:ctdd#1")
    agent = project.wait_asleep()
    done = project.cauto("stop", "--abandon")
    assert done.returncode == 0, done.stderr
    _, said = dispatcher.communicate(timeout=PATIENCE)
    assert (dispatcher.returncode, _lives(agent)) == (exits.INTERRUPTED, False)
    last = said.splitlines()[-1]  # what the terminal of the run says at its end
    assert ("the run was abandoned" in last, "cauto resume" in last) == (True, False)
    assert project.cauto("resume").returncode == exits.REFUSED
    assert project.cauto("stop", "--abandon", env={"CORRECTLESS_AGENT": "1"}).returncode == exits.REFUSED
    assert project.run().returncode == exits.PERSON


def test_what_an_unfinished_attempt_left_is_reverted_and_saved_when_the_run_is_abandoned(
    project: Project,
) -> None:
    project.killed("event", 4, *project.run_words())  # ctdd's agent has ended, and nothing is committed
    assert project.git(project.top, "status", "--porcelain") != ""
    done = project.cauto("stop", "--abandon")
    assert (done.returncode, "ctdd: attempt 1 was reverted" in done.stderr) == (0, True), done.stderr
    assert project.git(project.top, "status", "--porcelain") == ""
    [patch] = Path(project.logs.folder(project.state().run)).rglob("left.patch")
    assert "greet.py" in patch.read_text()


def test_commits_of_your_own_since_the_dispatcher_died_are_kept_when_the_run_is_abandoned(
    project: Project,
) -> None:
    project.killed("event", 4, *project.run_words())
    project.write("mine.txt", "mine")
    project.git(project.top, "add", "mine.txt")
    project.git(project.top, "commit", "-qm", "mine")
    mine = project.git(project.top, "rev-parse", "HEAD")
    done = project.cauto("stop", "--abandon")
    ref = f"refs/correctless/kept/{project.state().run}/1"
    assert (done.returncode, f"are kept under {ref}" in done.stderr) == (0, True), done.stderr
    assert project.git(project.top, "rev-parse", ref) == mine


def test_work_that_was_committed_stays_with_its_decisions_when_the_run_is_abandoned(project: Project) -> None:
    project.killed("effect", 5, *project.run_words())  # ctdd is committed, step_finished is not on record
    commit = project.git(project.top, "rev-parse", "HEAD")
    assert "Correctless-Step: ctdd#1" in project.git(project.top, "log", "-1", "--format=%B")
    assert project.events()[-1].event.event == "step_checked"
    assert project.cauto("stop", "--abandon").returncode == 0
    assert [e.event.event for e in project.events()[-2:]] == ["step_finished", "abandoned"]
    assert project.git(project.top, "rev-parse", "HEAD") == commit
    assert discarded(project.events()) == frozenset()


def test_a_step_that_was_to_run_again_is_taken_back_when_the_run_is_abandoned(project: Project) -> None:
    assert project.run().returncode == exits.PERSON
    base = next(
        e.event.base
        for e in project.events()
        if isinstance(e.event, StepStarted) and e.event.step == "cverify"
    )
    code, shown = project.review("--rerun", "cverify")
    assert code == exits.PERSON, shown
    project.write("README.md", "mine")
    assert project.cauto("stop", "--abandon").returncode == exits.REFUSED
    project.git(project.top, "checkout", "-q", "README.md")
    assert project.cauto("stop", "--abandon").returncode == 0
    assert project.git(project.top, "rev-parse", "HEAD") == base


def test_a_dispatcher_that_dies_before_its_event_is_durable_never_starts_the_agent(project: Project) -> None:
    project.killed("effect", 1, *project.run_words())  # the process is held, step_started is not on record
    time.sleep(0.3)
    assert project.ran() == []


def _lives(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_the_patch_of_a_failed_attempt_survives_a_crash_after_the_tree_was_taken_back(
    project: Project,
) -> None:
    project.env["AGENT_PLAY"] = "fail:ctdd#1"
    project.killed(
        "effect", 3, *project.run_words()
    )  # kept aside and taken back, attempt_failed not on record
    assert project.git(project.top, "status", "--porcelain") == ""
    assert project.cauto("resume").returncode == exits.PERSON
    patch = next(item.event.patch for item in project.events() if item.event.event == "attempt_failed")  # type: ignore[union-attr]
    assert patch
    assert "+def greet" in Path(project.logs.artifacts, patch).read_text()


def test_unlisted_numbers_go_on_where_a_crash_between_two_appends_left_them(project: Project) -> None:
    project.env["AGENT_EXTRA"] = "decide('AD-778', 'more') if step == 'cdocs' else None"
    project.killed(
        "event", 18, *project.run_words()
    )  # the agent of cdocs ended, its decisions are not recorded
    run = project.state().run
    first = Decision("cdocs", "AD-UNLISTED-1", "invented", "because", WHEN, True, "no such default in cdocs")
    first = replace(
        first, run=run, step="cdocs", attempt=1, key=f"{run}/cdocs/1/b1", source="block", notes=("unlisted",)
    )
    Ledger(project.logs.decisions).append(first.fields())
    assert project.cauto("resume").returncode == exits.PERSON
    found = [
        (d["decision_id"], d["key"].rpartition("/")[2]) for d in project.decisions() if d["skill"] == "cdocs"
    ]
    assert found == [("AD-UNLISTED-1", "b1"), ("AD-UNLISTED-2", "b2")]


def test_a_decisions_log_that_is_gone_is_noticed_even_before_its_first_entry(project: Project) -> None:
    project.killed("event", 1, *project.run_words())
    os.unlink(project.logs.decisions)
    done = project.cauto("resume")
    assert done.returncode == exits.REFUSED
    assert "is missing although run log entry 1 noted" in done.stderr
    assert not os.path.exists(project.logs.decisions)


def test_nothing_can_be_confirmed_before_the_run_came_to_its_gate(project: Project) -> None:
    project.killed("event", 15, *project.run_words())  # cverify deferred one, cdocs has not decided yet
    code, shown = project.review("--confirm", "0" * 8)
    assert code == exits.PERSON
    assert "has not reached its gate" in shown
    assert "gate_closed" not in [item.event.event for item in project.events()]


def job_left_behind(project: Project, step: str) -> str:
    """The mark of a job that the agent of a step's first attempt started, and that outlived agent and dispatcher."""
    here = f"step + attempt == '{step}1'"
    # As Claude Code does it: each command in a session of its own, without the files it inherited.
    job = f"import subprocess; subprocess.Popen(['sleep', '60'], start_new_session=True, close_fds=True) if {here} else None"
    dispatcher = project.start(*project.run_words(), AGENT_EXTRA=f"{job}; time.sleep(60) if {here} else None")
    while f"{step}#1" not in project.ran() or len(marked(project.state().mark)) < 2:
        assert dispatcher.poll() is None, "the run came to its end without the job"
        time.sleep(0.05)
    mark = project.state().mark
    group = next(e.event.group for e in reversed(project.events()) if isinstance(e.event, StepStarted))
    # The dispatcher first: of an agent that has gone it would end the job as well.
    dispatcher.kill()
    dispatcher.communicate(timeout=PATIENCE)
    os.killpg(group, signal.SIGKILL)
    while len(marked(mark)) > 1:  # what was killed is not gone yet
        time.sleep(0.01)
    return mark


def test_a_job_that_left_its_agents_group_keeps_a_re_run_out_until_it_is_ended(project: Project) -> None:
    mark = job_left_behind(project, "cdocs")
    (job_pid,) = marked(mark)
    try:
        code, shown = project.review("--rerun", "cverify")
        assert (code, f"process {job_pid} of the last attempt still lives" in shown) == (
            exits.LOCKED,
            True,
        ), shown
    finally:
        for pid in marked(mark):
            os.kill(pid, signal.SIGKILL)
    code, shown = project.review("--rerun", "cverify")
    assert code == exits.PERSON, shown


def test_a_job_that_left_its_agents_group_keeps_the_next_attempt_out_until_it_is_ended(
    project: Project,
) -> None:
    mark = job_left_behind(project, "ctdd")
    (job_pid,) = marked(mark)
    try:
        refused = project.cauto("resume")
        assert refused.returncode == exits.LOCKED, refused.stderr
        assert f"process {job_pid} of the last attempt of ctdd" in refused.stderr
        assert project.cauto("stop").returncode == 0
        assert not marked(mark)
    finally:
        for pid in marked(mark):
            os.kill(pid, signal.SIGKILL)
    assert project.cauto("resume").returncode == exits.PERSON
