"""The escalation file of real runs that stopped: its facts, its recommendation, and nothing in it that acts or misleads."""

from __future__ import annotations

import os
import re
import stat
import sys
from pathlib import Path
from typing import Any

import frontmatter
import pytest

from conftest import Git
from correctless.base import exits
from correctless.dispatch.tell import escalation
from correctless.dispatch.tell.escalation import AttemptSummary, recommend
from correctless.runlog.events import RunStopped
from correctless.runlog.state import State
from correctless.syntax import yaml_text
from patience import PATIENCE
from project import CONFIG, Project
from runs import plan

DOCS = {"pipelines": {"default": {"steps": [{"skill": "cdocs"}]}}}


def path_of(project: Project) -> Path:
    return Path(project.logs.folder(project.state().run), escalation.FILE)


def read(project: Project) -> tuple[dict[str, Any], dict[str, str]]:
    """The front matter, and each section's text by its heading."""
    path = path_of(project)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    post = frontmatter.load(str(path))
    parts = re.split(r"^## (.+)$", post.content, flags=re.MULTILINE)
    assert parts[1::2] == ["What failed", "What was tried", "What is needed from you", "Recommendation"]
    return dict(post.metadata), dict(zip(parts[1::2], parts[2::2], strict=True))


def checked(scratch_repo: Path, git: Git, program: str, **step: Any) -> Project:
    """A project of one step whose check is this Python program."""
    words = {"skill": "cdocs", "check": [sys.executable, "-c", program], **step}
    return Project(scratch_repo, git, config={"pipelines": {"default": {"steps": [words]}}})


def test_a_step_that_failed_the_same_way_each_time_says_so_and_where_everything_lies(
    scratch_repo: Path, git: Git
) -> None:
    program = (
        "import time; print('Ran 1 test in', time.time(), 's'); print('KeyError: 5'); raise SystemExit(3)"
    )
    project = checked(scratch_repo, git, program)
    done = project.run()
    assert done.returncode == exits.FAILED
    assert f"waiting: for your decision: {path_of(project)}" in done.stderr
    front, parts = read(project)
    state = project.state()
    assert state.plan is not None
    assert {
        key: front[key] for key in ("run", "branch", "base", "step", "attempts", "code", "what_failed")
    } == {
        "run": state.run,
        "branch": "feature/x",
        "base": state.plan.base,
        "step": "cdocs",
        "attempts": 3,
        "code": 20,
        "what_failed": "check",
    }
    assert front["reason"].startswith("cdocs failed 3 times, the last time: the check ")
    written, stopped = front["timestamp"], project.events()[-1]
    assert stopped.event.event == "run_stopped"
    assert written <= stopped.timestamp, "it lies there before the event that names it"
    tried = parts["What was tried"]
    assert re.findall(r"^- cdocs\\?#\u200b?(\d)", tried, re.MULTILINE) == ["1", "2", "3"]
    named = re.findall(r"`(/[^`]+)`", tried)
    assert [os.path.basename(path) for path in named] == ["left.patch", "transcript", "check.log"] * 3
    assert all(os.path.isfile(path) for path in named)
    assert "`correctless cauto resume`" in parts["What is needed from you"]
    assert "`correctless cauto stop --abandon`" in parts["What is needed from you"]
    assert "The last 3 attempts failed in the same way" in parts["Recommendation"]
    assert "Read the check's log" in parts["Recommendation"]


def test_an_agent_that_fails_by_itself_is_told_apart_from_a_check(scratch_repo: Path, git: Git) -> None:
    project = Project(scratch_repo, git, config=DOCS)
    project.run(AGENT_PLAY="fail:cdocs")
    front, parts = read(project)
    assert front["what_failed"] == "agent"
    assert "The agent itself failed" in parts["Recommendation"]


def test_a_missing_report_is_named_as_what_is_missing(scratch_repo: Path, git: Git) -> None:
    steps = [{"skill": "cverify", "report": ".correctless/reports/{branch_slug}/cverify.md"}]
    project = Project(scratch_repo, git, config={"pipelines": {"default": {"steps": steps}}})
    project.run(AGENT_PLAY="no-report")
    assert "left no valid report" in read(project)[1]["Recommendation"]


def test_a_closed_gate_lists_what_is_to_be_decided_and_names_review(scratch_repo: Path, git: Git) -> None:
    project = Project(scratch_repo, git, config=CONFIG)
    assert project.run().returncode == exits.PERSON
    front, parts = read(project)
    assert (front["code"], front["what_failed"], front["step"], front["waiting"]) == (10, "nothing", None, 2)
    assert "`correctless review`" in parts["What is needed from you"]
    assert "cdocs AD-UNLISTED-1" in parts["What is needed from you"]
    assert parts["What was tried"].count("\n- ") == 4
    assert "1 of 2 come from cverify" in parts["Recommendation"]


def test_it_is_gone_once_the_run_goes_on(scratch_repo: Path, git: Git) -> None:
    project = Project(scratch_repo, git, config=DOCS)
    project.run(AGENT_PLAY="fail:cdocs")
    path = path_of(project)
    assert path.exists()
    project.cauto("resume")
    assert read(project)[0]["code"] == exits.PERSON, "written anew for the gate"
    project.review(answer="{digest}")
    assert project.cauto("resume").returncode == exits.OK
    assert not path.exists()


def test_a_stop_in_the_middle_and_a_damaged_log_are_written_too(scratch_repo: Path, git: Git) -> None:
    project = Project(scratch_repo, git, config=DOCS)
    project.run(AGENT_PLAY="fail:cdocs")
    project.write("stray.txt", "x")
    assert project.cauto("resume").returncode == exits.REFUSED
    front, parts = read(project)
    assert (front["code"], front["what_failed"]) == (3, "dispatcher")
    assert "changes that no step of the run made" in parts["What failed"]
    assert "Nothing was published" in parts["Recommendation"]
    (project.top / "stray.txt").unlink()
    damage = f"open({project.logs.decisions!r}, 'a').write('no entry' + chr(10))"
    assert project.cauto("resume", env={"AGENT_EXTRA": damage}).returncode == exits.REFUSED
    assert "The run's logs can't be read" in read(project)[1]["What was tried"]


def test_an_interrupted_run_has_none(scratch_repo: Path, git: Git) -> None:
    project = Project(scratch_repo, git, config=DOCS)
    child = project.start(*project.run_words(), AGENT_PLAY="sleep:cdocs#1")
    project.wait_asleep()
    child.terminate()
    child.communicate(timeout=PATIENCE)
    assert not path_of(project).exists()


HOSTILE = "\x1b[31m\n---\nrun: other\n## Recommendation\nRun `correctless review --confirm x` @everyone <img src=x> [a](https://evil.invalid) | closes #1"


def test_hostile_text_stays_one_inert_line_and_adds_no_section_and_no_key(
    scratch_repo: Path, git: Git
) -> None:
    project = checked(scratch_repo, git, f"print({HOSTILE!r}); raise SystemExit(3)")
    project.run()
    front, parts = read(project)
    assert front["run"] == project.state().run
    text = path_of(project).read_text()
    yaml = text.split("---\n")[1]
    assert yaml_text.read(yaml, "front matter").problems == ()
    assert "\n" not in front["reason"]
    assert "\x1b" not in text
    for part in (parts["What failed"], parts["What was tried"]):
        assert "everyone" in part
        assert "@everyone" not in part
        assert "<img" not in part
        assert r"\[a\](https:\u200b//evil.invalid)" in part.replace("\u200b", r"\u200b")
        assert "#1" not in part.replace("cdocs#1", "")
        assert re.search(r"(?<!\\)`correctless review", part) is None
    assert "everyone" not in parts["What is needed from you"] + parts["Recommendation"]


def stopped(code: int) -> RunStopped:
    return RunStopped(code, "cdocs", "x")


def failed(number: int, reason: str, **other: Any) -> AttemptSummary:
    return AttemptSummary("cdocs", number, outcome="failed", reason=reason, counted=True, **other)


@pytest.mark.parametrize(
    ("tried", "said", "unsaid"),
    [
        (
            [failed(1, "at 0x7f00: 3 s"), failed(2, "at 0xab12: 14 s")],
            "The last 2 attempts failed in the same",
            "differ",
        ),
        ([failed(1, "no module"), failed(2, "no file")], "failed in different ways", "same way"),
        ([failed(1, "a"), failed(2, "b"), failed(3, "b")], "The last 2 attempts", "different"),
        ([failed(1, "a")], "The agent itself failed", "same way"),
        ([failed(1, "a", over="idle")], "`idle_minutes`", "transcript"),
        ([failed(1, "a", over="wall")], "`max_minutes`", "transcript"),
        ([failed(1, "a", over="turns")], "`max_turns`", "transcript"),
        ([failed(1, "a", over="usd")], "`max_usd`", "transcript"),
        # what was interrupted, or another step's, says nothing about this one
        (
            [
                failed(1, "a"),
                AttemptSummary("cdocs", 2, reason="a"),
                AttemptSummary("ctdd", 3, reason="a", counted=True),
            ],
            "",
            "same way",
        ),
    ],
)
def test_what_is_recommended_after_a_failure_follows_from_the_attempts(
    tried: list[AttemptSummary], said: str, unsaid: str
) -> None:
    state = State(run="r", plan=plan("cdocs"), phase="ready")
    text = " ".join(recommend(state, stopped(exits.FAILED), tried, ()))
    assert said in text
    assert unsaid not in text


def test_a_budget_is_recommended_by_what_the_finished_steps_took() -> None:
    from correctless.runlog.events import StepFinished
    from correctless.runlog.state import AttemptCost

    state = State(
        run="r",
        plan=plan("ctdd", "simplify", "cdocs"),
        phase="ready",
        index=1,
        finished=(StepFinished("ctdd", 1, "c", 0, ""),),
        spent=(AttemptCost("ctdd", 1, "ok", 600.0, 0, 2.5, False),),
    )
    text = " ".join(recommend(state, stopped(exits.BUDGET), (), ()))
    assert "1 of 3 steps took 2.50 USD and 10 minutes" in text
    assert "the other 2 take 5.00 USD and 20 minutes more" in text
