"""`correctless report`: one page from the logs of a real run, and an exit code that says whether the record holds."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from correctless.base import exits
from project import Project

REPORTS = ".correctless/artifacts/reports"


def page_of(project: Project) -> str:
    [path] = (project.top / REPORTS).iterdir()
    return path.read_text(encoding="utf-8")


def text_of(html: str) -> str:
    """What a page says, in one line."""
    body = re.sub(r"<(style|script)>.*?</\1>", "", html, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]*>", " ", body).split())


def test_a_run_at_its_gate_is_a_page_that_names_what_needs_you_and_the_next_command(ran: Project) -> None:
    done = ran.command("report")
    run = ran.state().run
    assert done.returncode == exits.OK, done.stderr
    first, last = done.stdout.splitlines()
    assert re.fullmatch(rf"{REPORTS}/{run}\.html \(\d+ kB\)", first)
    assert last == "Next: correctless review"
    said = text_of(page_of(ran))
    for part in (
        f"Run {run}", "feature/x", "waiting 2 decisions need your confirmation", "Next correctless review",
        "AD-UNLISTED-1 in cdocs needs you unlisted", "Claimed id AD-777, which the skill does not list",
        "Default applied left as it is", "Changes of its step, commit", "+R-002: met", "ctdd finished",
        "approved the spec spec.md", "Gate closed: 2 decisions need your confirmation", "Record intact",
    ):  # fmt: skip
        assert part in said, part
    assert ran.git(ran.top, "status", "--porcelain") == ""


def test_after_the_answer_the_page_names_who_gave_it_when_and_by_which_channel(ran: Project) -> None:
    assert ran.review(answer="{digest}")[0] == exits.OK
    done = ran.command("report")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (exits.OK, "Next: correctless cauto resume")
    said = text_of(page_of(ran))
    assert re.search(r"Answered Ada \(terminal\) at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", said)
    assert "confirmed 2 decisions" in said
    assert "Each of them has its answer." in said
    assert "Digest of those that need you" not in said


def test_a_rejection_and_a_step_that_is_to_run_again_are_told(ran: Project) -> None:
    assert ran.review(answer="no")[0] == exits.PERSON
    ran.command("report")
    said = text_of(page_of(ran))
    assert "rejected rejected by Ada (terminal): not like this" in said
    assert "rejected 2 decisions not like this" in said
    assert ran.review("--rerun", "cdocs", "--note", "say it shorter")[0] == exits.PERSON
    ran.command("report")
    said = text_of(page_of(ran))
    assert "cdocs is to run again Ada (terminal): say it shorter" in said
    assert "cdocs to run again" in said
    assert "superseded" in said


def test_json_has_what_the_page_shows_and_writes_no_page(ran: Project) -> None:
    done = ran.command("report", "--json")
    assert done.returncode == exits.OK, done.stderr
    found = json.loads(done.stdout)
    assert (found["run"], found["word"], found["next"]) == (ran.state().run, "waiting", "correctless review")
    assert [each["id"] for each in found["decisions"]] == [each["decision_id"] for each in ran.decisions()]
    assert [each["decision"]["marks"][0] for each in found["deferred"]] == ["open", "open"]
    assert found["record"]["tone"] == "good"
    assert [step["state"] for step in found["steps"]] == ["finished"] * 4
    files = {step["name"]: [file["path"] for file in step["change"]["files"]] for step in found["steps"]}
    assert files["ctdd"] == ["greet.py", "test_greet.py"]
    assert not (ran.top / REPORTS).exists()


def test_the_page_goes_where_it_is_told_to_and_to_standard_output(ran: Project, tmp_path: Path) -> None:
    path = tmp_path / "night.html"
    assert ran.command("report", "--output", str(path)).returncode == exits.OK
    shown = ran.command("report", "--output", "-")
    assert shown.stdout.startswith("<!doctype html>")
    made = re.compile(r"Made by correctless at [\d: -]+")
    same = [
        made.sub("", re.sub(r"for [\d.hms]+, from", "", text)) for text in (path.read_text(), shown.stdout)
    ]
    assert same[0] == same[1]
    refused = ran.command("report", "--output", str(tmp_path / "missing" / "night.html"))
    assert refused.returncode == exits.REFUSED
    assert "cannot be written" in refused.stderr


def test_what_is_no_plain_file_is_left_alone(ran: Project, tmp_path: Path) -> None:
    folder, pipe = tmp_path / "folder", tmp_path / "pipe"
    folder.mkdir()
    os.mkfifo(pipe)
    for path in (folder, pipe):
        before = path.stat()
        refused = ran.command("report", "--output", str(path))
        assert refused.returncode == exits.REFUSED
        assert f"{path} is not a plain file" in refused.stderr
        assert path.stat().st_ino == before.st_ino
    link, real = tmp_path / "link.html", tmp_path / "real.html"
    real.write_text("old")
    link.symlink_to(real)
    assert ran.command("report", "--output", str(link)).returncode == exits.OK
    assert link.is_symlink()
    assert real.read_text().startswith("<!doctype html>")


def test_a_link_in_the_place_of_the_folder_is_not_followed(ran: Project, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (ran.top / REPORTS).symlink_to(elsewhere)
    assert ran.command("report").returncode == exits.OK
    assert list(elsewhere.iterdir()) == []
    assert len(list((ran.top / REPORTS).iterdir())) == 1


def test_open_starts_the_browser_of_the_user_with_the_page(ran: Project, tmp_path: Path) -> None:
    viewer = tmp_path / "viewer"
    viewer.write_text(f'#!/bin/sh\nprintf %s "$1" >"{tmp_path}/opened"\n')
    viewer.chmod(0o755)
    done = ran.command("report", "--open", env={"BROWSER": f"{viewer} %s"})
    assert done.returncode == exits.OK, done.stderr
    [page] = (ran.top / REPORTS).iterdir()
    assert (tmp_path / "opened").read_text() == page.as_uri()


def test_without_a_browser_the_page_is_still_written(ran: Project) -> None:
    done = ran.command(
        "report", "--open", env={"BROWSER": "/bin/false %s", "PATH": "/usr/bin:/bin", "DISPLAY": ""}
    )
    assert done.returncode == exits.REFUSED
    assert "no browser could be started. Open the file yourself: " in done.stderr
    assert "needs you" in page_of(ran)


def test_a_damaged_decisions_log_is_shown_as_far_as_it_can_be_read_and_never_as_fine(ran: Project) -> None:
    path = Path(ran.logs.decisions)
    path.write_bytes(path.read_bytes().replace(b'"AD-001"', b'"AD-009"', 1))
    done = ran.command("report")
    assert done.returncode == exits.REFUSED
    said = text_of(page_of(ran))
    assert "Record doubtful" in said
    assert "the gate cannot be checked: " in said
    assert "deferred, and its answers cannot be checked" in said
    assert "AD-UNLISTED-1 in cdocs" in said


def test_a_claim_that_is_contradicted_is_named_and_the_exit_code_says_so(ran: Project) -> None:
    ran.git(ran.top, "commit", "-q", "--amend", "--no-verify", "--allow-empty", "-m", "rewritten")
    done = ran.command("report")
    assert done.returncode == exits.FINDINGS
    assert "claim is not proven or contradicted" in text_of(page_of(ran))


def test_a_run_of_another_branch_is_named_by_the_start_of_its_id(ran: Project) -> None:
    run = ran.state().run
    ran.git(ran.top, "switch", "-q", "main")
    none = ran.command("report")
    assert none.returncode == exits.REFUSED
    assert "no run found on this branch" in none.stderr
    assert ran.command("report", run[:-2]).returncode == exits.OK
    assert f"Run {run}" in text_of(page_of(ran))


def test_a_complete_run_has_no_next_command(ran: Project) -> None:
    assert ran.review(answer="{digest}")[0] == exits.OK
    assert ran.cauto("resume").returncode == exits.OK
    done = ran.command("report")
    assert (done.returncode, len(done.stdout.splitlines())) == (exits.OK, 1)
    said = text_of(page_of(ran))
    assert "feature/x complete Needs you 0 of 2 deferred" in said
    assert "Gate opened Ada (terminal)" in said


def test_an_earlier_run_of_the_branch_shows_its_own_decisions_and_no_others(ran: Project) -> None:
    first = ran.state().run
    assert ran.cauto("stop", "--abandon").returncode == exits.OK
    assert ran.run().returncode == exits.PERSON
    second = ran.state().run
    assert first != second
    old, new = (json.loads(ran.command("report", run, "--json").stdout) for run in (first, second))
    recorded = ran.decisions()
    assert [each["seq"] for each in old["decisions"]] == [
        each["seq"] for each in recorded if each["run"] == first
    ]
    assert {each["seq"] for each in new["decisions"]} >= {
        each["seq"] for each in recorded if each["run"] == second
    }
    # What the abandoned run left on the branch needs an answer before anything of it is published.
    left = [each["seq"] for each in recorded if each["run"] == first and each["escalation_deferred"]]
    assert left
    assert {each["seq"] for each in new["decisions"] if "open" in each["marks"]} > {*left}


def test_a_damaged_run_log_is_shown_up_to_its_damage_and_never_as_fine(ran: Project) -> None:
    path = Path(ran.logs.run)
    lines = path.read_bytes().splitlines(keepends=True)
    lines[-3] = lines[-3].replace(b"T", b"t", 1)
    path.write_bytes(b"".join(lines))
    done = ran.command("report")
    assert done.returncode == exits.REFUSED
    said = text_of(page_of(ran))
    assert "Record doubtful" in said
    assert "the gate cannot be checked" in said
    assert "cverify finished" in said


def test_an_unfinished_run_is_reported_from_any_of_its_states(
    scratch_repo: Path, git: object, tmp_path: Path
) -> None:
    project = Project(scratch_repo, git)  # type: ignore[arg-type]  # the fixture
    assert project.run(AGENT_PLAY="fail:cverify").returncode == exits.FAILED
    done = project.command("report", "--json")
    found = json.loads(done.stdout)
    steps = {step["name"]: step for step in found["steps"]}
    assert (found["word"], steps["cverify"]["state"], steps["cdocs"]["state"]) == (
        "stopped",
        "failed",
        "not started",
    )
    assert [each["outcome"] for each in steps["cverify"]["attempts"]] == ["failed"] * len(
        steps["cverify"]["attempts"]
    )
    assert len(steps["cverify"]["attempts"]) > 1
    assert found["pauses"][-1]["label"] == "stopped: a step failed"


def test_the_history_covers_every_branch_and_names_what_it_leaves_out(ran: Project) -> None:
    done = ran.command("report", "--history")
    assert done.returncode == exits.OK, done.stderr
    assert done.stdout.startswith(f"{REPORTS}/history.html")
    said = text_of(page_of(ran))
    assert "project 1 waiting" in said
    assert "A trend needs two runs." in said
    (Path(ran.logs.artifacts) / "pipeline-other-123456.jsonl").write_text("broken\n")
    done = ran.command("report", "--history")
    assert done.returncode == exits.REFUSED
    assert "other-123456 is not in these figures" in text_of(page_of(ran))
    assert json.loads(ran.command("report", "--history", "--json").stdout)["refused"][0][0] == "other-123456"


@pytest.mark.parametrize(
    "words",
    [
        ["--history", "20260102"],
        ["--open", "--json"],
        ["--open", "--output", "-"],
        ["--json", "--output", "a"],
        ["a", "b"],
    ],
)
def test_words_that_exclude_each_other_are_a_usage_error(words: list[str], ran: Project) -> None:
    assert ran.command("report", *words).returncode == exits.USAGE
    assert not (ran.top / REPORTS).exists()


def test_help_shows_an_example_and_loads_no_template_engine(ran: Project) -> None:
    done = ran.command("report", "--help")
    assert "Example: correctless report --open" in done.stdout
    program = "import sys; from correctless.cli import report; print('jinja2' in sys.modules, 'markupsafe' in sys.modules)"
    env = {**os.environ, "PYTHONPATH": str(Path(exits.__file__).parents[2])}
    shown = subprocess.run(
        [sys.executable, "-c", program], env=env, capture_output=True, text=True, check=True
    )
    assert shown.stdout.split() == ["False", "False"]
