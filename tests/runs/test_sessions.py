"""An agent's session goes on where a limit, a person or the budget cut it off: from exactly what it left, or not at all."""

from __future__ import annotations

import hashlib
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from conftest import Git
from correctless.agents import Activity
from correctless.base import exits
from correctless.base.exits import Stop
from correctless.dispatch import loop
from correctless.dispatch.core.context import RunContext
from correctless.dispatch.core.engine import Wait
from correctless.dispatch.perform import perform
from correctless.dispatch.step.attempt import Runner
from correctless.project import lock
from correctless.project.git import find
from correctless.runlog.events import AgentEnded, AttemptFailed, DecisionsTaken, StepContinued, StepStarted
from correctless.runlog.state import State
from patience import PATIENCE, until
from project import Project
from sessions import WORDS, Sessions

PAUSE = "work('one.txt'); client.refusal(429, 'rate_limit'); client.api_result(429); code = 1"
REST = "work('two.txt'); ends(said('AD-001', 'what the skill says'))"
WAITS = "work('one.txt'); note('waits'); hang()"


@pytest.fixture
def make(scratch_repo: Path, git: Git, tmp_path: Path) -> Callable[..., Sessions]:
    def make(**config: Any) -> Sessions:
        step = {"skill": "ctdd", "check": ["true"], **config.pop("step", {})}
        given = {"on_limit": "pause", "pipelines": {"default": {"steps": [step]}}, **config}
        return Sessions(Project(scratch_repo, git, config=given), tmp_path)

    return make


def tracked(sessions: Sessions) -> set[str]:
    return set(sessions.project.git(sessions.project.top, "ls-files").split())


def test_after_a_limit_the_session_goes_on_with_its_work_in_place(make: Callable[..., Sessions]) -> None:
    sessions = make()
    first = sessions.cauto(*WORDS, parts=(PAUSE, REST))
    assert first.returncode == exits.PAUSED, first.stderr
    assert (sessions.project.top / "one.txt").exists()
    second = sessions.cauto("resume", parts=(PAUSE, REST))
    assert second.returncode == exits.OK, second.stderr
    assert sessions.parts == [(1, False), (2, True)]
    first_note, second_note = sessions.notes
    assert second_note["session"] == first_note["session"]
    assert second_note["prompt"].startswith("mode: autonomous\nYou were interrupted (")
    assert {"one.txt", "two.txt"} <= tracked(sessions)
    assert len(sessions.of(StepStarted)) == 1
    assert not sessions.of(AttemptFailed)
    [decision] = sessions.project.decisions()
    assert (decision["decision_id"], decision["attempt"]) == ("AD-001", 1)


EARLY = """
block = "\\n".join([
    f"AUTONOMOUS_DECISIONS_START {nonce}", json.dumps(said('AD-001', 'said early')), "AUTONOMOUS_DECISIONS_END"
])
client.message({"type": "text", "text": block}, parent_tool_use_id=sub_agent)
work('one.txt')
client.message({"type": "text", "text": "Going on."})
"""


def early(sub_agent: str | None = None) -> str:
    return f"import json; sub_agent = {sub_agent!r}\n{EARLY}"


def applied(sessions: Sessions) -> list[str]:
    return [decision["default_applied"] for decision in sessions.project.decisions()]


def test_a_block_in_an_earlier_message_is_read_and_a_sub_agents_is_not(make: Callable[..., Sessions]) -> None:
    sessions = make()
    done = sessions.cauto(*WORDS, parts=(f"{early()}\nclient.result('All done.')",))
    assert done.returncode == exits.OK, done.stderr
    assert applied(sessions) == ["said early"]
    sub_agent = f"{early('toolu_1')}\nends(said('AD-001', 'said at last'))"
    sessions.project.git(sessions.project.top, "switch", "-q", "-c", "feature/other")
    sessions.cauto(*WORDS, parts=(sub_agent,))
    assert applied(sessions) == ["said at last"]


@pytest.mark.parametrize(
    "rest", ["work('two.txt'); ends()", "work('two.txt'); client.result('All done.')", REST]
)
def test_a_block_of_an_earlier_part_of_the_session_is_read(make: Callable[..., Sessions], rest: str) -> None:
    sessions = make()
    first = sessions.cauto(*WORDS, parts=(f"{early()}\n{PAUSE}", rest))
    assert (first.returncode, sessions.of(DecisionsTaken)) == (exits.PAUSED, [])
    sessions.cauto("resume", parts=("", rest))
    assert sessions.parts == [(1, False), (2, True)]
    assert applied(sessions)[0] == "said early"
    assert len(applied(sessions)) == 1 + (rest == REST)
    [answer] = Path(sessions.project.logs.artifacts).rglob("answer.md")
    assert sessions.of(AgentEnded)[-1].answer_sha256 == hashlib.sha256(answer.read_bytes()).hexdigest()


def test_what_an_earlier_part_said_must_be_on_disk_or_the_step_begins_anew(
    make: Callable[..., Sessions],
) -> None:
    sessions = make()
    sessions.cauto(*WORDS, parts=(f"{early()}\n{PAUSE}", REST))
    [answer] = Path(sessions.project.logs.artifacts).rglob("answer.md")
    answer.write_text("nothing")
    done = sessions.cauto("resume", parts=(REST,))
    assert done.returncode == exits.OK, done.stderr
    [failed] = sessions.of(AttemptFailed)
    assert (failed.counted, "its earlier answer is no longer on disk" in failed.reason) == (False, True)


def test_a_block_said_before_ctrl_c_is_read_when_the_session_went_on(make: Callable[..., Sessions]) -> None:
    sessions = make()
    with sessions.project.start(*WORDS, **sessions.given(f"{early()}\n{WAITS}", REST)) as dispatcher:
        sessions.wait("waits")
        dispatcher.send_signal(signal.SIGINT)
        dispatcher.communicate(timeout=PATIENCE)
    sessions.cauto("resume", parts=("", REST))
    assert applied(sessions) == ["said early", "what the skill says"]


def test_a_limit_that_is_waited_out_goes_on_in_the_same_session(make: Callable[..., Sessions]) -> None:
    soon = "import time; client.limit(resetsAt=time.time() + 1.5); " + PAUSE
    sessions = make(on_limit="wait")
    done = sessions.cauto(*WORDS, parts=(soon, REST))
    assert done.returncode == exits.OK, done.stderr
    assert sessions.parts == [(1, False), (2, True)]


def test_a_worktree_that_was_changed_meanwhile_gets_a_new_attempt_and_what_was_there_is_kept(
    make: Callable[..., Sessions],
) -> None:
    sessions = make()
    sessions.cauto(*WORDS, parts=(PAUSE,))
    sessions.project.write("one.txt", "somebody else's\n")
    done = sessions.cauto("resume", parts=(REST,))
    assert done.returncode == exits.OK, done.stderr
    assert sessions.parts == [(1, False), (1, False)]
    [failed] = sessions.of(AttemptFailed)
    assert (failed.counted, failed.attempt) == (False, 1)
    assert "the worktree has changed since the agent was interrupted" in failed.reason
    assert "somebody else's" in (Path(sessions.project.logs.artifacts) / failed.patch).read_text()
    assert "one.txt" not in tracked(sessions)


@pytest.mark.parametrize("what", ["commit", "nonce"])
def test_a_session_goes_on_from_its_own_commit_and_with_its_own_word_or_not_at_all(
    make: Callable[..., Sessions], what: str
) -> None:
    sessions = make()
    sessions.cauto(*WORDS, parts=(PAUSE,))
    if what == "commit":
        sessions.project.git(sessions.project.top, "commit", "-q", "--allow-empty", "-m", "somebody else's")
    else:
        [nonce] = Path(sessions.project.logs.artifacts).rglob("nonce")
        nonce.write_text("00000000")
    done = sessions.cauto("resume", parts=(REST,))
    assert done.returncode == exits.OK, done.stderr
    assert sessions.parts == [(1, False), (1, False)]
    assert len(sessions.of(AttemptFailed)) == 1


def test_a_session_that_is_gone_gets_a_new_attempt_and_is_not_counted(make: Callable[..., Sessions]) -> None:
    sessions = make(intensity="high")
    sessions.cauto(*WORDS, parts=(PAUSE,))
    for known in sessions.file.parent.glob("session-*"):
        known.unlink()
    done = sessions.cauto("resume", parts=(REST,))
    assert done.returncode == exits.OK, done.stderr
    assert [event.outcome for event in sessions.of(AgentEnded)] == ["paused", "lost", "ok"]
    assert [event.counted for event in sessions.of(AttemptFailed)] == [False]


def test_after_ctrl_c_the_session_goes_on_and_what_it_cost_is_on_record(
    make: Callable[..., Sessions],
) -> None:
    sessions = make()
    with sessions.project.start(*WORDS, **sessions.given(WAITS, REST)) as dispatcher:
        sessions.wait("waits")
        dispatcher.send_signal(signal.SIGINT)
        dispatcher.communicate(timeout=PATIENCE)
    assert dispatcher.returncode == exits.INTERRUPTED
    [ended] = sessions.of(AgentEnded)
    assert (ended.outcome, ended.cost_estimated) == ("interrupted", True)
    assert ended.cost_usd > 0.05
    assert sessions.cauto("resume", parts=(WAITS, REST)).returncode == exits.OK
    assert [number for number, _ in sessions.parts] == [1, 2]
    assert {"one.txt", "two.txt"} <= tracked(sessions)


def test_an_answer_heard_before_ctrl_c_is_an_answer(make: Callable[..., Sessions]) -> None:
    sessions = make()
    with sessions.project.start(*WORDS, **sessions.given(f"{REST}; note('waits'); hang()")) as dispatcher:
        sessions.wait("waits")
        logs = Path(sessions.project.logs.run).parent
        until(lambda: any('"result"' in each.read_text() for each in logs.rglob("transcript*")))
        time.sleep(0.3)  # what is in the transcript is heard next
        dispatcher.send_signal(signal.SIGINT)
        dispatcher.communicate(timeout=PATIENCE)
    assert dispatcher.returncode == exits.INTERRUPTED
    assert [event.outcome for event in sessions.of(AgentEnded)] == ["ok"]
    assert sessions.cauto("resume", parts=(REST,)).returncode == exits.OK
    assert [number for number, _ in sessions.parts] == [1]


def test_after_the_death_of_the_dispatcher_the_step_begins_anew_and_its_cost_is_read_from_the_transcript(
    make: Callable[..., Sessions],
) -> None:
    sessions = make()
    with sessions.project.start(*WORDS, **sessions.given(WAITS)) as dispatcher:
        sessions.wait("waits")
        time.sleep(0.3)  # the transcript holds what was said
        dispatcher.kill()
        dispatcher.communicate(timeout=PATIENCE)
    assert sessions.project.cauto("stop").returncode == 0
    time.sleep(1.5)  # nobody's work
    assert sessions.cauto("resume", parts=(REST,)).returncode == exits.OK
    assert [number for number, _ in sessions.parts] == [1, 1]
    ended = sessions.of(AgentEnded)[0]
    assert (ended.outcome, ended.cost_estimated) == ("interrupted", True)
    assert ended.cost_usd > 0.05
    assert ended.seconds < 1.5
    assert "one.txt" not in tracked(sessions)


def test_more_money_lets_the_session_go_on_with_what_is_left_of_it(make: Callable[..., Sessions]) -> None:
    sessions = make(max_usd=0.1, step={"max_usd": 3.0})
    dear = "work('one.txt', tokens=2000); work('late.txt'); hang()"
    done = sessions.cauto(*WORDS, parts=(dear, REST))
    assert done.returncode == exits.BUDGET, done.stderr
    [ended] = sessions.of(AgentEnded)
    assert ended.over == "usd"
    done = sessions.cauto("resume", "--max-usd", "2", parts=(dear, REST))
    assert done.returncode == exits.OK, done.stderr
    assert [number for number, _ in sessions.parts] == [1, 2]
    argv = sessions.notes[1]["argv"]
    assert float(argv[argv.index("--max-budget-usd") + 1]) == pytest.approx(2 - ended.cost_usd, abs=0.001)


def test_the_limits_of_a_step_count_all_parts_of_its_session(make: Callable[..., Sessions]) -> None:
    sessions = make(step={"max_usd": 0.5})
    sessions.cauto(*WORDS, parts=(PAUSE, REST))
    sessions.cauto("resume", parts=(PAUSE, REST))
    spent = sessions.of(AgentEnded)[0].cost_usd
    assert spent > 0
    argv = sessions.notes[1]["argv"]
    assert float(argv[argv.index("--max-budget-usd") + 1]) == pytest.approx(0.5 - spent, abs=0.001)


def test_the_word_of_the_block_is_on_no_disk_while_a_continued_agent_lives(
    make: Callable[..., Sessions],
) -> None:
    look = "found = [str(p) for p in Path('.correctless').rglob('*') if p.is_file() and nonce in p.read_text(errors='replace')]; note(['found', *found]); "
    sessions = make()
    sessions.cauto(*WORDS, parts=(PAUSE,))
    assert sessions.cauto("resume", parts=(PAUSE, look + REST)).returncode == exits.OK
    assert ["found"] in sessions.notes
    told = [path.name for path in Path(sessions.project.logs.artifacts).rglob("prompt*")]
    assert sorted(told) == ["prompt-2.md", "prompt.md"]


def test_the_recorder_is_gone_when_its_attempt_has_ended(make: Callable[..., Sessions]) -> None:
    sessions = make()
    look = "config = argv[argv.index('--mcp-config') + 1]; note({'config': config, 'there': os.path.exists(config)}); "
    assert sessions.cauto(*WORDS, parts=(look + REST,)).returncode == exits.OK
    [noted] = [each for each in sessions.notes if "config" in each]
    assert noted["there"]
    assert not Path(noted["config"]).parent.exists()


def test_a_part_that_fails_fails_the_attempt(make: Callable[..., Sessions]) -> None:
    sessions = make(intensity="high")
    sessions.cauto(*WORDS, parts=(PAUSE,))
    done = sessions.cauto("resume", parts=(PAUSE, "work('bad.txt'); code = 1"))
    assert done.returncode == exits.PAUSED, done.stderr  # the second attempt meets the limit again
    assert [(event.attempt, event.counted) for event in sessions.of(AttemptFailed)] == [(1, True)]
    assert not (sessions.project.top / "bad.txt").exists()


def test_a_program_without_sessions_begins_anew_after_a_pause_of_the_run(
    make: Callable[..., Sessions],
) -> None:
    sessions = make()
    agent = f"command:{sessions.project.agent}"
    words = (*WORDS[:-1], agent)
    with sessions.project.start(*words, AGENT_PLAY="sleep:ctdd#1") as dispatcher:
        sessions.project.wait_asleep()
        dispatcher.send_signal(signal.SIGINT)
        dispatcher.communicate(timeout=PATIENCE)
    assert sessions.project.cauto("resume").returncode == exits.OK
    assert sessions.project.ran() == ["ctdd#1", "ctdd#2"]
    assert not sessions.of(StepContinued)


def test_abandoned_while_it_is_suspended_a_run_leaves_its_decisions_to_nobody(
    make: Callable[..., Sessions],
) -> None:
    sessions = make()
    sessions.cauto(*WORDS, parts=(PAUSE,))
    assert sessions.project.cauto("stop", "--abandon").returncode == 0
    [failed] = sessions.of(AttemptFailed)
    assert failed.reason == "abandoned"


def test_what_the_dispatcher_could_not_go_on_with_is_no_session_to_go_on_from(
    make: Callable[..., Sessions],
) -> None:
    sessions = make()
    sessions.cauto(*WORDS, parts=("code = 1",) * 3)  # an unfinished run, whose step is to be tried again
    here = find(str(sessions.project.top))

    def refuse(activity: Activity) -> None:
        if activity.kind == "tool":
            raise Stop(exits.REFUSED, "the disk is full")

    env = {**sessions.project.env, **sessions.given(WAITS)}
    with lock.Lock.take(here, "a test") as held:
        ctx = RunContext(here, sessions.project.logs, held, env, activity=refuse)
        with pytest.raises(Stop, match="the disk is full"):
            loop.drive(ctx, lambda *_: None)
    ended = sessions.of(AgentEnded)[-1]
    assert (ended.outcome, ended.left) == ("interrupted", "")
    assert ended.cost_usd > 0
    assert sessions.project.state().phase == "failing"


def test_a_re_run_keeps_what_a_suspended_attempt_left(make: Callable[..., Sessions]) -> None:
    steps = [{"skill": "ctdd", "check": ["true"]}, {"skill": "cdocs"}]
    sessions = make(pipelines={"default": {"steps": steps}})
    each = f"exec({REST!r} if 'run: ctdd ' in prompt else {PAUSE!r})"
    sessions.cauto(*WORDS, parts=(each,))
    assert sessions.project.state().phase == "suspended"
    assert sessions.project.review("--rerun", "ctdd")[0] == exits.PERSON
    [failed] = sessions.of(AttemptFailed)
    assert (failed.step, failed.counted) == ("cdocs", False)
    assert "one.txt by part 1" in (Path(sessions.project.logs.artifacts) / failed.patch).read_text()


def test_pauses_that_name_no_end_get_longer(make: Callable[..., Sessions]) -> None:
    sessions = make()
    here = find(str(sessions.project.top))
    clock = [datetime(2026, 1, 2, tzinfo=UTC)]
    waited = []
    with lock.Lock.take(here, "a test") as held:
        ctx = RunContext(here, sessions.project.logs, held, {}, now=lambda: clock[0])

        def sleep(seconds: float) -> None:
            clock[0] += timedelta(seconds=seconds)

        ctx.sleep = sleep
        for tries in (1, 2, 3, 4, 5, 6, 7, 99):
            began = clock[0]
            perform(ctx, Runner(ctx), State(run="r1"), Wait(None, "an outage", tries))
            waited.append((clock[0] - began).total_seconds() / 60)
        began = clock[0]
        perform(ctx, Runner(ctx), State(run="r1"), Wait("2026-01-03T00:00:00.000Z", "a limit", 7))
    assert waited == [1, 2, 5, 10, 20, 30, 30, 30]
    assert clock[0] == datetime(2026, 1, 3, tzinfo=UTC)
