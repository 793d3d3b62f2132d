"""The commit status of a pull request, its labels and its reviewers: the real gh on a scripted GitHub."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import Git
from correctless.base import exits
from correctless.base.exits import Stop
from correctless.decisions.decision import Confirmation
from correctless.github.client import GitHub
from correctless.publish import commit_status
from correctless.publish.commit_status import CommitStatus
from correctless.publish.managed_body import BodyPart, ManagedBody
from correctless.publish.pull_request import add_missing, pull_request
from correctless.review.gate import GateState
from correctless.runlog.events import GateClosed
from github_api import GitHubApi, How, Pull, When
from hosted import hosted
from project import Project

pytestmark = pytest.mark.real

HEAD = "a" * 40
CONFIRMED = CommitStatus("success", "2 decisions confirmed")
LABELS, REVIEWERS = ("agent", "needs review"), ("bob", "acme/web")


@pytest.fixture
def api(tmp_path: Path) -> Iterator[GitHubApi]:
    with GitHubApi(tmp_path) as host:
        host.tip = lambda _branch: HEAD
        yield host


@pytest.fixture
def github(api: GitHubApi, tmp_path: Path) -> GitHub:
    return GitHub("github.com/ann/shop", env={**os.environ, **api.env(tmp_path)}, seconds=20.0)


def published(github: GitHub, status: CommitStatus = CONFIRMED) -> None:
    """All that a run asks of GitHub when it publishes."""
    body = ManagedBody("r1", (BodyPart("", ["text"]),))
    opened = pull_request(github, branch="feature/x", base="main", title="t", section=body, draft=True)
    add_missing(github, opened.number, LABELS, REVIEWERS)
    commit_status.post(github, opened.number, HEAD, status, sleep=lambda _seconds: None)


def test_a_pull_request_gets_its_labels_reviewers_and_status_once(api: GitHubApi, github: GitHub) -> None:
    for _ in range(2):
        published(github)
        (pull,) = api.pulls
        assert (tuple(pull.labels), pull.reviewers, pull.teams) == (LABELS, ["bob"], ["web"])
        assert pull.merging.draft
        assert api.rest.statuses == [
            {
                "sha": HEAD,
                "state": "success",
                "context": "correctless/escalations",
                "description": "2 decisions confirmed",
            }
        ]
    published(github, CommitStatus("pending", "1 decision needs confirmation"))
    assert [each["state"] for each in api.rest.statuses] == ["success", "pending"]


def calls_of_one(folder: Path) -> int:
    with GitHubApi(folder) as api:
        api.tip = lambda _branch: HEAD
        published(GitHub("github.com/ann/shop", env={**os.environ, **api.env(folder)}, seconds=20.0))
        return len(api.calls)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("how", ["drop", "garbage"])
def test_interrupted_at_any_call_everything_is_made_once(tmp_path: Path, how: How, when: When) -> None:
    (tmp_path / "whole").mkdir()
    number = calls_of_one(tmp_path / "whole")
    assert number > 10
    for call in range(1, number + 1):
        folder = tmp_path / str(call)
        folder.mkdir()
        with GitHubApi(folder) as api:
            api.tip = lambda _branch: HEAD
            github = GitHub("github.com/ann/shop", env={**os.environ, **api.env(folder)}, seconds=20.0)
            api.fail(call, how, when)
            with pytest.raises(Stop) as stop:
                published(github)
            assert stop.value.code == exits.REFUSED
            published(github)
            (pull,) = api.pulls
            assert (tuple(pull.labels), pull.reviewers, pull.teams) == (LABELS, ["bob"], ["web"])
            assert len(api.rest.statuses) == 1


def test_a_status_is_never_for_a_head_that_github_does_not_report(api: GitHubApi, github: GitHub) -> None:
    api.tip = lambda _branch: "b" * 40
    with pytest.raises(
        Stop, match=r"the head of pull request #1 is bbbbbbbbbbbb, and not .* \(aaaaaaaaaaaa\)"
    ) as stop:
        published(github)
    assert stop.value.code == exits.PERSON
    assert api.rest.statuses == []


def test_the_head_that_github_reports_a_little_later_is_waited_for(api: GitHubApi, github: GitHub) -> None:
    api.pulls.append(Pull("ann/shop", 1, "feature/x", "main", "t", "b", "b" * 40))

    def later(_seconds: float) -> None:
        api.pulls[0].head_oid = HEAD

    commit_status.post(github, 1, HEAD, CommitStatus("success", "fine"), sleep=later)
    assert [each["sha"] for each in api.rest.statuses] == [HEAD]


def test_a_push_while_the_status_is_posted_is_told(api: GitHubApi, github: GitHub) -> None:
    def push(method: str, path: str) -> None:
        if method == "POST" and "/statuses/" in path:
            api.pulls[0].head_oid = "b" * 40

    api.rest.before = push
    with pytest.raises(Stop) as stop:
        published(github)
    assert stop.value.code == exits.PERSON
    assert [each["sha"] for each in api.rest.statuses] == [HEAD]


@pytest.mark.parametrize(("state", "refused"), [("OPEN", True), ("CLOSED", False), ("MERGED", False)])
def test_no_status_while_another_open_pull_request_has_the_same_head(
    api: GitHubApi, github: GitHub, state: str, refused: bool
) -> None:
    api.pulls.append(Pull("ann/shop", 1, "other", "release", "t", "b", HEAD, state, fork=True))
    if refused:
        with pytest.raises(Stop, match=r"#1 has the same head as #2") as stop:
            published(github)
        assert stop.value.code == exits.PERSON
    else:
        published(github)
    assert len(api.rest.statuses) == (not refused)


def test_more_pull_requests_of_a_commit_than_can_be_looked_at_stop(api: GitHubApi, github: GitHub) -> None:
    api.pulls += [Pull("ann/shop", n, "other", "release", "t", "b", HEAD, "CLOSED") for n in range(1, 10_001)]
    with pytest.raises(Stop, match="more than 100 pages") as stop:
        commit_status.post(github, 1, HEAD, CommitStatus("success", "fine"))
    assert stop.value.code == exits.REFUSED
    assert api.rest.statuses == []


LONG = "Ada " * 40


@pytest.mark.parametrize(
    ("gate", "status"),
    [
        (GateState(True, (), None, None, {}, frozenset()), ("success", "no decision needs confirmation")),
        (
            GateState(True, (), None, None, {"1": Confirmation("escalations", "5f" * 32, "Ada", "github", "")}, frozenset()),
            ("success", "1 decision confirmed, digest 5f5f5f5f5f5f"),
        ),
        (
            GateState(False, (), GateClosed("c", "6e" * 32, (1, 2)), None, {}, frozenset()),
            ("pending", "0 decisions need confirmation, digest 6e6e6e6e6e6e"),
        ),
        (
            GateState(
                False, (), GateClosed("c", "6e" * 32, ()), Confirmation("rejected", "6e" * 32, LONG, "github", ""), {}, frozenset()
            ),
            ("failure", f"0 decisions need confirmation, rejected by {LONG}"[:140]),
        ),
    ],
)  # fmt: skip
def test_a_gate_as_a_status(gate: GateState, status: tuple[str, str]) -> None:
    made = commit_status.of_gate(gate)
    assert (made.state, made.description) == status
    assert len(made.description) <= 140


# Whole runs


def confirmed(project: Project) -> None:
    done = project.run()
    assert done.returncode == exits.PERSON, done.stderr
    assert project.review(answer="{digest}")[0] == exits.OK


def test_a_published_run_has_its_status_on_the_commit_it_pushed(
    scratch_repo: Path, git: Git, api: GitHubApi
) -> None:
    project = hosted(scratch_repo, git, api, pr_draft=True, pr_labels=[*LABELS], pr_reviewers=[*REVIEWERS])
    confirmed(project)
    done = project.cauto("resume")
    assert done.returncode == exits.OK, done.stderr
    (status,) = api.rest.statuses
    assert status["sha"] == git(project.top, "rev-parse", "HEAD")
    assert re.fullmatch(r"2 decisions confirmed, digest [0-9a-f]{12}", status["description"])
    assert (api.pulls[0].labels, api.pulls[0].merging.draft) == ([*LABELS], True)


@pytest.mark.parametrize("part", ["/statuses/", "/labels", "/requested_reviewers"])
def test_what_the_token_may_not_do_is_a_warning(
    scratch_repo: Path, git: Git, api: GitHubApi, part: str
) -> None:
    project = hosted(scratch_repo, git, api, pr_labels=[*LABELS], pr_reviewers=[*REVIEWERS])
    api.rest.refuses[part] = 403
    confirmed(project)
    done = project.cauto("resume")
    assert done.returncode == exits.OK, done.stderr
    assert "warning: gh could not" in done.stderr
    assert "HTTP 403" in done.stderr
    assert bool(api.rest.statuses) == (part != "/statuses/")
