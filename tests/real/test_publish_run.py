"""A whole run that ends in a pull request: the real gh on a scripted GitHub, once only, whatever is interrupted."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import Git
from correctless.base import exits
from github_api import GitHubApi, Pull
from hosted import hosted
from project import Project

pytestmark = pytest.mark.real


@pytest.fixture
def api(tmp_path: Path) -> Iterator[GitHubApi]:
    with GitHubApi(tmp_path) as host:
        yield host


@pytest.fixture
def project(scratch_repo: Path, git: Git, api: GitHubApi) -> Project:
    return hosted(scratch_repo, git, api)


def confirmed(project: Project) -> None:
    done = project.run()
    assert done.returncode == exits.PERSON, done.stderr
    code, shown = project.review(answer="{digest}")
    assert code == exits.OK, shown


def test_a_confirmed_run_is_pushed_and_becomes_one_pull_request(
    project: Project, api: GitHubApi, tmp_path: Path
) -> None:
    done = project.run()
    assert done.returncode == exits.PERSON, done.stderr
    assert api.pulls == []
    assert project.git(tmp_path / "origin.git", "branch", "--list", "feature/x") == ""
    assert project.review(answer="{digest}")[0] == exits.OK
    done = project.cauto("resume")
    assert done.returncode == exits.OK, done.stderr
    assert "https://github.com/ann/shop/pull/1" in done.stderr
    (pull,) = api.pulls
    assert (pull.head, pull.base, pull.title) == ("feature/x", "main", "Greeting")
    for said in ("Deferred escalations", "AD-UNLISTED-1", "Ada (terminal)", "R-002", project.state().run):
        assert said in pull.body
    pushed = project.git(tmp_path / "origin.git", "rev-parse", "feature/x")
    assert pushed == project.git(project.top, "rev-parse", "HEAD")


def test_a_remote_that_is_pushed_to_at_an_address_of_its_own(
    project: Project, api: GitHubApi, tmp_path: Path
) -> None:
    bare = str(tmp_path / "origin.git")
    project.git(project.top, "config", "--unset", f"url.{bare}.insteadOf")
    project.git(project.top, "config", "remote.origin.pushurl", bare)
    confirmed(project)
    done = project.cauto("resume")
    assert done.returncode == exits.OK, done.stderr
    assert len(api.open_pulls("feature/x")) == 1
    assert project.git(tmp_path / "origin.git", "rev-parse", "feature/x") == project.git(
        project.top, "rev-parse", "HEAD"
    )


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("call", [1, 2, 3, 4, 5, 6, 7, 8, 9])
def test_interrupted_at_any_call_there_is_one_pull_request_in_the_end(
    project: Project, api: GitHubApi, call: int, when: str
) -> None:
    confirmed(project)
    api.fail(call, "drop", when)  # type: ignore[arg-type]
    first = project.cauto("resume")
    done = project.cauto("resume")
    assert done.returncode == exits.OK, (first.stderr, done.stderr)
    assert first.returncode == exits.REFUSED, first.stderr
    assert len(api.open_pulls("feature/x")) == len(api.rest.statuses) == 1


@pytest.mark.parametrize("where", ["event", "effect"])
@pytest.mark.parametrize("number", [2, 3, 4, 5, 6])
def test_killed_while_publishing_there_is_one_pull_request_in_the_end(
    project: Project, api: GitHubApi, where: str, number: int
) -> None:
    confirmed(project)
    project.killed(where, number, "resume")
    done = project.cauto("resume")
    assert done.returncode == exits.OK, done.stderr
    assert len(api.open_pulls("feature/x")) == 1


def test_a_pull_request_of_somebody_else_is_not_taken_over(project: Project, api: GitHubApi) -> None:
    confirmed(project)
    api.pulls.append(Pull("ann/shop", 1, "feature/x", "main", "mine", "written by hand"))
    done = project.cauto("resume")
    assert done.returncode == exits.PERSON
    assert "#1" in done.stderr
    assert [p.body for p in api.pulls] == ["written by hand"]
    assert project.state().phase != "complete"


def test_without_a_login_the_run_does_not_start(project: Project, api: GitHubApi, tmp_path: Path) -> None:
    done = project.cauto(*project.run_words(), env=api.env(tmp_path, logged_in=False))
    assert done.returncode == exits.REFUSED
    assert "gh auth login" in done.stderr
    assert project.ran() == []


def test_a_branch_that_was_pushed_is_not_taken_back(project: Project, api: GitHubApi) -> None:
    confirmed(project)
    api.pulls.append(Pull("ann/shop", 1, "feature/x", "main", "mine", "written by hand"))
    assert project.cauto("resume").returncode == exits.PERSON
    code, shown = project.review("--rerun", "cdocs")
    assert code == exits.REFUSED
    assert "pushed the branch already" in shown


def test_a_secret_that_an_agent_wrote_is_not_published(project: Project, api: GitHubApi) -> None:
    key = "AKIA" + "QYLPMN5HFIQR7XYA"
    done = project.run(
        AGENT_EXTRA=f"pathlib.Path('notes.md').write_text('key = {key}') if step == 'cdocs' else None"
    )
    assert done.returncode == exits.PERSON, done.stderr
    code, shown = project.review(answer="no")
    assert code == exits.PERSON
    assert "notes.md:1 looks like a secret" in shown
    done = project.cauto("resume")
    assert done.returncode == exits.PERSON
    # Shown to you where you judge the line, and nowhere else.
    assert key in shown
    assert key not in done.stderr + done.stdout + project.command("decisions", "summary").stdout
    assert api.pulls == []


def test_the_pull_requests_body_vouches_for_the_log_it_was_opened_with(
    project: Project, api: GitHubApi, tmp_path: Path
) -> None:
    confirmed(project)
    assert project.cauto("resume").returncode == exits.OK
    verify = ("decisions", "verify")
    assert project.command(*verify).returncode == exits.OK, project.command(*verify).stdout
    (pull,) = api.pulls
    whole = pull.body
    head = project.decisions()[-1]
    assert f"| decisions | {head['seq']} | `" in whole
    pull.body = re.sub(r"(\| decisions \| [0-9]+ \| `)....", r"\g<1>0000", whole)
    done = project.command(*verify)
    assert (done.returncode, "pull request https://github.com/ann/shop/pull/1" in done.stdout) == (
        exits.FINDINGS,
        True,
    )
    assert project.command(*verify, "--offline").returncode == exits.OK
    pull.body = whole.replace("correctless:begin", "correctless:gone")
    done = project.command(*verify)
    assert (done.returncode, "--offline" in done.stderr) == (exits.REFUSED, True)
    pull.state = "MERGED"
    pull.body = whole
    assert project.command(*verify).returncode == exits.OK
    api.fail(1, "drop", "before")
    assert project.command(*verify).returncode == exits.REFUSED


def test_an_audit_asks_the_pull_request_what_it_notes_of_both_logs(project: Project, api: GitHubApi) -> None:
    confirmed(project)
    assert project.cauto("resume").returncode == exits.OK

    def audited(*words: str) -> tuple[int, dict[str, str]]:
        done = project.command("audit-run", "--json", *words)
        claims = json.loads(done.stdout)["claims"]
        return done.returncode, {
            f"{c['about']} {c['what']}": c["verdict"] for c in claims if c["verdict"] != "proven"
        }

    assert audited() == (exits.OK, {})
    (pull,) = api.pulls
    whole = pull.body
    for log, claim in (("decisions", "run decisions log"), ("run", "run run log")):
        pull.body = re.sub(rf"(\| {log} \| [0-9]+ \| `)....", r"\g<1>0000", whole)
        assert audited() == (exits.FINDINGS, {claim: "contradicted"})
        assert audited("--offline") == (exits.OK, {})
    pull.body = whole.replace("correctless:begin", "correctless:gone")
    assert audited() == (exits.REFUSED, {"publish request": "unchecked"})
