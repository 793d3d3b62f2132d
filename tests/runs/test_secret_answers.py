"""What looks like a secret is a decision of the person, about exactly that text, and never the end of a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from conftest import Git
from correctless.base import exits
from correctless.publish import leaks
from fake_secrets import AWS
from project import CONFIG, Project

ONE_STEP = {**CONFIG, "pipelines": {"default": {"steps": [{"skill": "cdocs"}]}}}
LINE = 'login(password="wonderland")'
WRITE = f"pathlib.Path('test_login.py').write_text({LINE!r} + chr(10))"


@pytest.fixture
def project(scratch_repo: Path, git: Git) -> Project:
    return Project(scratch_repo, git, config=ONE_STEP)


def found(project: Project) -> list[str]:
    return [
        str(each["original_escalation_reason"])
        for each in project.decisions()
        if "looks like a secret" in (each["original_escalation_reason"] or "")
    ]


def test_a_finding_is_asked_at_the_gate_and_published_once_a_person_said_no_secret(project: Project) -> None:
    done = project.run(AGENT_EXTRA=WRITE)
    assert done.returncode == exits.PERSON, done.stderr
    assert found(project) == ["test_login.py:1 looks like a secret (Secret Keyword, column 17)"]
    assert "wonderland" not in Path(project.logs.decisions).read_text() + Path(project.logs.run).read_text()
    assert project.cauto("resume").returncode == exits.PERSON  # unanswered: the gate stays closed
    code, shown = project.review(answer="{digest}")
    assert code == exits.OK
    assert "test_login.py:1 looks like a secret" in shown
    again = project.cauto("resume")
    assert again.returncode == exits.OK, again.stderr
    assert len(found(project)) == 1


def test_a_rejected_finding_keeps_the_gate_closed_and_its_step_can_run_again(project: Project) -> None:
    project.run(AGENT_EXTRA=WRITE)
    assert project.review(answer="no")[0] == exits.PERSON
    assert project.cauto("resume").returncode == exits.PERSON
    assert project.review("--rerun", "cdocs")[0] == exits.PERSON
    again = project.cauto("resume")
    assert again.returncode == exits.PERSON, again.stderr  # AD-777 of the agent
    assert project.review(answer="{digest}")[0] == exits.OK
    assert project.cauto("resume").returncode == exits.OK


def test_a_changed_text_needs_a_new_answer_and_the_same_one_does_not(project: Project) -> None:
    project.run(AGENT_EXTRA=WRITE)
    assert project.review(answer="{digest}")[0] == exits.OK
    assert project.review("--rerun", "cdocs")[0] == exits.PERSON
    assert project.cauto("resume", env={"AGENT_EXTRA": WRITE}).returncode == exits.PERSON  # AD-777 again
    assert len(found(project)) == 1
    assert project.review("--rerun", "cdocs")[0] == exits.PERSON
    changed = WRITE.replace("wonderland", "looking-glass")
    assert project.cauto("resume", env={"AGENT_EXTRA": changed}).returncode == exits.PERSON
    assert len(found(project)) == 2


def test_each_finding_is_an_entry_and_a_known_token_is_one_too(project: Project) -> None:
    two = f"{LINE}\nkey = '{AWS}'\n"
    project.run(AGENT_EXTRA=f"pathlib.Path('app.py').write_text({two!r})")
    assert [text.partition(" ")[0] for text in found(project)] == ["app.py:1", "app.py:2"]
    ids = [each["decision_id"] for each in project.decisions() if each["source"] == "synthesized"]
    assert len(set(ids)) == len(ids)


def test_a_secret_in_an_agents_rationale_is_asked_before_it_is_in_a_pull_request(project: Project) -> None:
    project.run(AGENT_EXTRA=f"decide('AD-002', 'connect with {AWS}')")
    assert any(text.startswith("pull request body:") for text in found(project))
    assert project.review(answer="{digest}")[0] == exits.OK
    again = project.cauto("resume")
    assert again.returncode == exits.OK, again.stderr


def test_one_answer_names_all_that_its_line_has(project: Project) -> None:
    both = f'var a={{password:"hunter2xyz"}};var k="{AWS}"'
    project.run(AGENT_EXTRA=f"if step == 'cdocs': pathlib.Path('x.js').write_text({both!r})")
    [said] = found(project)
    assert "AWS Access Key" in said
    assert "Secret Keyword" in said


def test_secrets_that_an_abandoned_run_left_are_asked_about_by_the_next_one(
    scratch_repo: Path, git: Git
) -> None:
    steps = {"pipelines": {"default": {"steps": [{"skill": "cdocs"}, {"skill": "cverify"}]}}, "pr": "skip"}
    project = Project(scratch_repo, git, config=steps)
    left = f"if step == 'cdocs': pathlib.Path('app.py').write_text('key = \"{AWS}\"')"
    assert project.run(AGENT_EXTRA=left, AGENT_PLAY="fail:cverify").returncode == exits.FAILED
    assert "app.py" in git(scratch_repo, "ls-files")
    assert project.cauto("stop", "--abandon").returncode == exits.OK
    assert project.run().returncode == exits.PERSON
    assert any("app.py:1 looks like a secret" in each for each in found(project))


def test_a_large_file_of_an_abandoned_run_that_was_confirmed_ends_no_later_run(
    scratch_repo: Path, git: Git
) -> None:
    steps = {"pipelines": {"default": {"steps": [{"skill": "cdocs"}, {"skill": "cverify"}]}}, "pr": "skip"}
    project = Project(scratch_repo, git, config=steps)
    left = f"if step == 'cdocs': pathlib.Path('big.txt').write_text('word ' * {leaks.LARGEST // 4})"
    assert project.run(AGENT_EXTRA=left, AGENT_PLAY="fail:cverify").returncode == exits.FAILED
    assert project.cauto("stop", "--abandon").returncode == exits.OK
    assert project.run().returncode == exits.PERSON
    assert any("/slarge" in (each["key"] or "") for each in project.decisions())
    assert project.review(answer="{digest}")[0] == exits.OK
    done = project.cauto("resume")
    assert done.returncode == exits.OK, done.stderr
