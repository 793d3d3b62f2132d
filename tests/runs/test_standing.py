"""Where a run stands, as every command and file says it: after it stopped, after an answer, and once it is complete."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import frontmatter
import pytest

from conftest import Git
from correctless.base import exits
from correctless.dispatch.tell import escalation
from project import Project


def spoken(project: Project, **env: str) -> dict[str, str]:
    """What each place says of the run."""
    start = project.command("hook", "start", env=env, stdin=json.dumps({"cwd": str(project.top)}).encode())
    path = Path(project.logs.folder(project.state().run), escalation.FILE)
    return {
        "status": project.cauto("status", env=env).stdout,
        "all": project.cauto("status", "--all", env=env).stdout,
        "audit": project.command("audit-run", "--offline", env=env).stdout,
        "hook": json.loads(start.stdout)["systemMessage"] if start.stdout else "",
        "file": path.read_text() if path.exists() else "",
    }


def words(project: Project) -> tuple[str, str, str, str]:
    """The one word of each place that has one, and the next command."""
    [everything] = json.loads(project.cauto("status", "--all", "--json").stdout)
    one = json.loads(project.cauto("status", "--json").stdout)
    audit = json.loads(project.command("audit-run", "--offline", "--json").stdout)
    return one["status"], everything["status"], audit["status"], one["next"]


def front(project: Project) -> dict[str, object]:
    path = Path(project.logs.folder(project.state().run), escalation.FILE)
    return dict(frontmatter.load(str(path)).metadata)


def test_a_closed_gate_waits_everywhere_and_the_next_command_is_review(ran: Project) -> None:
    assert words(ran) == ("waiting", "waiting", "waiting", "correctless review")
    for place, text in spoken(ran).items():
        assert "correctless review" in text, place
    assert (front(ran)["status"], front(ran)["waiting"]) == ("waiting", 2)


def test_between_a_confirmation_and_resume_nothing_waits_any_more(ran: Project) -> None:
    code, shown = ran.review(answer="{digest}")
    assert (code, "Continue with: correctless cauto resume" in shown) == (exits.OK, True), shown
    assert words(ran) == ("confirmed", "confirmed", "confirmed", "correctless cauto resume")
    for place, text in spoken(ran).items():
        assert "waiting" not in text.replace("waiting: 0", ""), place
        assert "correctless review" not in text, place
        assert "correctless cauto resume" in text, place
        assert "confirmed by Ada (terminal)" in text.replace("\\", ""), place
    assert (front(ran)["status"], front(ran)["waiting"]) == ("confirmed", 0)
    again = ran.command("review")
    assert again.returncode == exits.OK
    assert again.stdout == "no decision needs your confirmation. Continue with: correctless cauto resume\n"
    done = ran.cauto("resume")
    assert done.returncode == exits.OK
    assert words(ran) == ("complete", "complete", "complete", "")
    assert spoken(ran)["file"] == ""


def test_a_rejection_is_shown_with_its_reason_and_how_a_step_runs_again(ran: Project) -> None:
    code, shown = ran.review(answer="no")
    again = "correctless review --rerun cverify"
    assert (code, f"Have a step run again with: {again}" in shown) == (exits.PERSON, True), shown
    assert words(ran) == ("rejected", "rejected", "rejected", again)
    for place, text in spoken(ran).items():
        assert "rejected by Ada (terminal): not like this" in text.replace("\\", ""), place
        assert again in text, place
    for command in ("review", "gate"):
        assert "rejected by Ada (terminal): not like this" in ran.command(command).stdout
    assert "rejected by Ada (terminal): not like this" in ran.review(answer="")[1]
    # a later yes to the same set counts
    assert ran.review(answer="{digest}")[0] == exits.OK
    assert words(ran)[0] == "confirmed"


def test_what_is_to_run_again_is_not_confirmed_before(ran: Project) -> None:
    assert ran.review("--rerun", "cverify", "--note", "once more")[0] == exits.PERSON
    code, shown = ran.review()
    assert (code, "has not reached its gate yet" in shown, "Their digest" in shown) == (
        exits.PERSON,
        True,
        False,
    )
    assert words(ran)[::3] == ("waiting", "correctless cauto resume")
    read = ran.command("review")  # without a terminal: they are shown, and no answer to them is asked for
    assert (read.returncode, "To answer" in read.stdout) == (exits.PERSON, False)
    assert read.stdout.endswith("Nothing can be answered yet. Continue with: correctless cauto resume\n")


def test_an_abandoned_run_names_what_is_still_open_on_its_branch(ran: Project) -> None:
    assert ran.cauto("stop", "--abandon").returncode == exits.OK
    assert words(ran)[::3] == ("abandoned", "correctless review")
    assert "2 decisions need your confirmation before the branch is published" in ran.cauto("status").stdout
    assert ran.review(answer="{digest}")[0] == exits.OK
    assert words(ran)[::3] == ("abandoned", "")


def test_a_long_output_is_shown_by_its_first_line_and_its_end(scratch_repo: Path, git: Git) -> None:
    program = "for n in range(40): print('line', n)\nraise SystemExit(3)"
    step = {"skill": "cdocs", "check": [sys.executable, "-c", program]}
    project = Project(scratch_repo, git, config={"pipelines": {"default": {"steps": [step]}}})
    assert project.run().returncode == exits.FAILED
    shown = project.cauto("status").stdout
    assert "line 38\n         line 39. fix the cause" in shown
    assert "line 20" not in shown


def test_a_branch_in_another_worktree_is_named_with_its_folder(ran: Project) -> None:
    ran.git(ran.top, "switch", "-q", "-c", "feature/other")
    linked = ran.top.parent / "a linked one"
    ran.git(ran.top, "worktree", "add", "-q", str(linked), "feature/x")
    [everything] = json.loads(ran.cauto("status", "--all", "--json").stdout)
    assert everything["next"] == f"cd '{linked}' && correctless review"
    ran.git(ran.top, "worktree", "remove", str(linked))  # now it is checked out nowhere
    [everything] = json.loads(ran.cauto("status", "--all", "--json").stdout)
    assert everything["next"] == "git switch feature/x && correctless review"


def test_a_run_that_was_killed_or_failed_names_the_command_that_continues_it(ran: Project) -> None:
    ran.review(answer="{digest}")
    ran.killed("event", 1, "resume")
    assert words(ran)[::3] == ("interrupted", "correctless cauto resume")


@pytest.mark.parametrize("door", ["on PATH", "a checkout's"])
def test_commands_are_spelled_as_the_door_that_was_used(ran: Project, tmp_path: Path, door: str) -> None:
    program = tmp_path / "a checkout" / "correctless"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    folder = str(program.parent) if door == "on PATH" else ""
    env = {"CORRECTLESS_DOOR": str(program), "PATH": f"{folder}:/usr/bin:/bin"}
    typed = "correctless" if door == "on PATH" else f"'{program}'"
    said = spoken(ran, **env)
    said.pop("file")  # was written by the run, which had no door
    for place, text in said.items():
        assert f"{typed} review" in text, place
    assert json.loads(ran.cauto("status", "--json", env=env).stdout)["next"] == f"{typed} review"
    assert f"run in your own terminal: {typed} review\n" in ran.command("review", env=env).stdout
    assert ran.review(answer="{digest}", env=env)[0] == exits.OK
    assert f"{typed} cauto resume" in spoken(ran, **env)["file"]


def test_a_commit_after_the_answer_makes_it_stale_everywhere_until_it_is_gone(ran: Project) -> None:
    assert ran.review(answer="{digest}")[0] == exits.OK
    made = ran.state().consolidated
    assert made is not None
    answers = Path(ran.logs.confirmations).read_text().splitlines()
    assert json.loads(answers[-1])["head"] == made
    Path(ran.top, "more.txt").write_text("nobody was shown this\n")
    ran.git(ran.top, "add", "--all")
    ran.git(ran.top, "commit", "-q", "-m", "more")
    reason = f"the run made {made[:12]}: the other commits are neither checked nor confirmed"
    for command in (["gate"], ["review"], ["cauto", "status"], ["cauto", "resume"], ["cauto", "status"]):
        done = ran.command(*command)
        assert reason in " ".join((done.stdout + done.stderr).split()), command
        assert done.returncode == (exits.OK if "status" in command else exits.PERSON), command
    code, shown = ran.review("--confirm", ran.state().gate.digest)  # type: ignore[union-attr]
    assert (code, reason in " ".join(shown.split())) == (exits.PERSON, True), shown
    ran.git(ran.top, "reset", "-q", "--keep", made)
    assert ran.command("gate").returncode == exits.OK
    assert ran.cauto("resume").returncode == exits.OK
