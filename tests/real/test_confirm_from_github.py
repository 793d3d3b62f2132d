"""Answers in comments on a scripted GitHub, read by the real gh: what counts, what does not, and what is void afterwards."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from conftest import Git
from correctless.base import exits
from correctless.runlog.events import GateClosed
from github_api import GitHubApi, Pull
from github_rest import IssueComment
from hosted import hosted, origin
from project import Project

pytestmark = pytest.mark.real

ISSUE = 40  # no pull request has this number


@pytest.fixture
def api(tmp_path: Path) -> Iterator[GitHubApi]:
    with GitHubApi(tmp_path) as host:
        host.viewer = "correctless-bot"
        yield host


@pytest.fixture
def project(scratch_repo: Path, git: Git, api: GitHubApi) -> Project:
    """A run that is parked on origin, and waits for two decisions."""
    project = hosted(scratch_repo, git, api, park="origin")
    done = project.run()
    assert done.returncode == exits.PERSON, done.stderr
    return project


def digest(project: Project) -> str:
    return [item.event for item in project.events() if isinstance(item.event, GateClosed)][-1].digest


def ask(project: Project, number: int = ISSUE, *more: str) -> CompletedProcess[str]:
    run = project.state().run
    return project.command("confirm-from-github", str(number), "--from", "origin", *(more or (run,)))


def resumed(project: Project) -> CompletedProcess[str]:
    return project.cauto("resume", "--from", "origin", project.state().run)


def said(project: Project, api: GitHubApi, *bodies: str, number: int = ISSUE, login: str = "bob") -> None:
    short = digest(project)[:12]
    for body in bodies:
        id_ = 1000 + len(api.rest.comments)
        api.rest.comments.append(IssueComment(id_, number, body.replace("DIGEST", short), login))


def ref(project: Project) -> str:
    return f"refs/correctless/runs/{project.state().run}"


def answers(project: Project) -> list[tuple[str, str, str, str]]:
    """What is recorded of answers where the run is parked: kind, by, channel and note."""
    text = project.git(origin(project), "show", f"{ref(project)}:confirmations.jsonl")
    lines = [json.loads(line) for line in text.splitlines()]
    return [(a["kind"], a["by"], a["channel"], a["note"]) for a in lines if a["kind"] != "spec"]


CONFIRMED = ("escalations", "bob", "github", "https://github.com/ann/shop/issues/40#issuecomment-1000")


def test_a_comment_confirms_a_parked_run_and_it_is_published(project: Project, api: GitHubApi) -> None:
    said(project, api, "looks good to me", "/confirm DIGEST\r\n")
    api.rest.comments[0].id, api.rest.comments[1].id = 900, 1000
    done = ask(project)
    assert done.returncode == exits.OK, done.stderr
    assert "2 decisions confirmed by bob (github). Continue with: " in done.stdout
    assert answers(project) == [CONFIRMED]
    assert project.git(origin(project), "branch", "--list", "feature/x") == ""
    again = ask(project)
    assert again.returncode == exits.OK, again.stderr
    assert answers(project) == [CONFIRMED]
    done = resumed(project)
    assert done.returncode == exits.OK, done.stderr
    assert "in cverify: confirmed by bob (github)" in api.pulls[0].body
    assert [each["state"] for each in api.rest.statuses] == ["success"]


def hostile(good: str) -> dict[str, IssueComment]:
    """Comments that must confirm nothing, `good` being the digest's first digits."""

    def body(text: str) -> IssueComment:
        return IssueComment(1000, ISSUE, text, "bob")

    fine = body(f"/confirm {good}")
    return {
        "another digest": body("/confirm " + "0" * 12),
        "no digest": body("/confirm"),
        "too short": body(f"/confirm {good[:11]}"),
        "too long": body("/confirm " + good + "0" * 60),
        "letters in capitals": body(f"/confirm {good[:-1]}F"),
        "command in capitals": body(f"/CONFIRM {good}"),
        "two spaces": body(f"/confirm  {good}"),
        "a tab": body(f"/confirm\t{good}"),
        "no-break space": body(f"/confirm\u00a0{good}"),
        "zero width": body(f"/con\u200bfirm {good}"),
        "right to left": body(f"\u202e/confirm {good}"),
        "line separator": body(f"/confirm {good}\u2028"),
        "full width": body(f"\uff0fconfirm {good}"),
        "quoted": body(f"> /confirm {good}"),
        "fenced": body(f"```\n/confirm {good}\n```"),
        "code span": body(f"`/confirm {good}`"),
        "hidden in HTML": body(f"<!-- \n/confirm {good}\n-->"),
        "text before": body(f"what does this do?\n/confirm {good}"),
        "text after": body(f"/confirm {good}\n\nnot yet, I mean"),
        "twice": body(f"/confirm {good}\n/confirm {good}"),
        "a negation": body(f"do not /confirm {good}"),
        "a bot": replace(fine, kind="Bot"),
        "an organization": replace(fine, kind="Organization"),
        "a mannequin": replace(fine, kind="Mannequin"),
        "an App in a user's name": replace(fine, app="helper"),
        "the account that asks": replace(fine, login="correctless-bot"),
        "a deleted account": replace(fine, login=None),
        "an account that may read": replace(fine, login="eve"),
        "an account that may triage": replace(fine, login="tom"),
        "an account without access, called a member": replace(fine, login="mallory", association="OWNER"),
        "an account that took the login of another": replace(fine, user_id=77),
        "edited": replace(fine, edited="2099-01-01T12:00:01Z"),
        "edited, as only GraphQL says": replace(fine, edited="2099-01-01T12:00:00Z"),
        "edited, as only REST says": replace(fine, updated="2099-01-01T12:00:01Z"),
    }


def test_hostile_comments_confirm_nothing(project: Project, api: GitHubApi) -> None:
    api.rest.access |= {"tom": "triage", "correctless-bot": "admin"}
    before, table = project.git(origin(project), "rev-parse", ref(project)), hostile(digest(project)[:12])
    assert len(table) >= 25
    for name, comment in table.items():
        api.rest.comments = [comment]
        done = ask(project)
        assert done.returncode == exits.PERSON, (name, done.stdout, done.stderr)
        assert project.git(origin(project), "rev-parse", ref(project)) == before, name
        assert ("is not of a user" in done.stderr) == (comment.kind != "User" or not comment.login), name
    api.rest.comments = [*table.values()]
    assert ask(project).returncode == exits.PERSON
    assert answers(project) == []
    api.rest.comments = []
    said(project, api, "/confirm DIGEST")  # so that not everything is refused
    assert ask(project).returncode == exits.OK


def test_two_answers_and_the_rejection_wins(project: Project, api: GitHubApi) -> None:
    said(project, api, "/confirm DIGEST", login="ann")
    said(project, api, "/reject 2 not without a test @ann")
    for _ in range(2):
        done = ask(project)
        assert done.returncode == exits.PERSON
        assert "rejected by bob (github)" in done.stdout
        assert answers(project) == [
            ("rejected", "bob", "github", "cdocs AD-UNLISTED-1: not without a test @ann")
        ]
    assert resumed(project).returncode == exits.PERSON
    assert api.pulls == []


def test_a_rejection_that_is_taken_back_lets_a_confirmation_count(project: Project, api: GitHubApi) -> None:
    said(project, api, "/reject 1 wait")
    assert ask(project).returncode == exits.PERSON
    api.rest.comments = []
    said(project, api, "/confirm DIGEST")
    assert ask(project).returncode == exits.OK
    assert [answer[0] for answer in answers(project)] == ["rejected", "escalations"]


@pytest.mark.parametrize(
    "rejection",
    [
        IssueComment(2000, ISSUE, "/reject 1 no", "eve"),
        IssueComment(2000, ISSUE, "/reject 1 no", "bob", kind="Bot"),
        IssueComment(2000, ISSUE, "/reject 1 no", "bob", created="2020-01-01T12:00:00Z"),
        IssueComment(2000, ISSUE, "> /reject 1 no", "bob"),
        IssueComment(2000, ISSUE, "/reject 1 no", "eve", edited="2099-01-01T12:00:01Z"),
    ],
)
def test_a_rejection_of_someone_who_may_not_or_of_an_earlier_question_is_none(
    project: Project, api: GitHubApi, rejection: IssueComment
) -> None:
    said(project, api, "/confirm DIGEST")
    api.rest.comments.append(rejection)
    assert ask(project).returncode == exits.OK
    assert answers(project) == [CONFIRMED]


def test_nothing_is_confirmed_beside_a_rejection_that_was_edited(project: Project, api: GitHubApi) -> None:
    said(project, api, "/confirm DIGEST")
    edited = IssueComment(2000, ISSUE, "/reject 1 fine", "ann", edited="2099-01-01T12:00:01Z")
    api.rest.comments.append(edited)
    done = ask(project)
    assert (done.returncode, "a rejection by ann was edited" in done.stderr) == (exits.PERSON, True)
    assert answers(project) == []


def test_a_rejection_at_a_terminal_is_not_overruled_by_a_comment(project: Project, api: GitHubApi) -> None:
    assert project.review("--from", "origin", project.state().run, answer="no")[0] == exits.PERSON
    said(project, api, "/confirm DIGEST")
    done = ask(project)
    assert (done.returncode, "rejected by Ada (terminal)" in done.stderr) == (exits.PERSON, True)
    assert [answer[0] for answer in answers(project)] == ["rejected"]


def edit(api: GitHubApi, _project: Project) -> None:
    api.rest.comments[0].body += "\n\nnot yet"
    api.rest.comments[0].updated = "2099-01-01T12:00:01Z"


def delete(api: GitHubApi, _project: Project) -> None:
    api.rest.comments = []


def lose_access(api: GitHubApi, _project: Project) -> None:
    api.rest.access["bob"] = "read"


def push(_api: GitHubApi, project: Project) -> None:
    bare = origin(project)
    tree = project.git(bare, "rev-parse", "main^{tree}")
    other = project.git(bare, "commit-tree", "-m", "other", "-p", "main", tree)
    project.git(bare, "update-ref", "refs/heads/feature/x", other)


@pytest.mark.parametrize("change", [edit, delete, lose_access, push])
def test_what_changes_after_the_answer_was_recorded_makes_it_void(
    project: Project, api: GitHubApi, change: Callable[[GitHubApi, Project], None]
) -> None:
    said(project, api, "/confirm DIGEST")
    before = project.git(origin(project), "rev-parse", ref(project))

    def after_acting(_method: str, _path: str) -> None:
        if project.git(origin(project), "rev-parse", ref(project)) != before:
            api.rest.before = lambda _method, _path: None
            change(api, project)

    def listed(_name: str, answer: Any) -> Any:
        after_acting("", "")
        return answer

    if change is push:  # the branch is looked at before the comment is read again
        api.rewrite = listed
    else:
        api.rest.before = after_acting
    done = ask(project)
    assert done.returncode == exits.PERSON, done.stdout
    assert "the confirmation by bob is void" in done.stderr
    assert [answer[:3] for answer in answers(project)] == [
        ("escalations", "bob", "github"),
        ("rejected", "correctless", "github"),
    ]
    assert resumed(project).returncode == exits.PERSON
    assert api.pulls == []


@pytest.mark.parametrize("change", [edit, delete, lose_access])
def test_a_confirmed_comment_that_changes_before_the_next_look_is_void(
    project: Project, api: GitHubApi, change: Callable[[GitHubApi, Project], None]
) -> None:
    said(project, api, "/confirm DIGEST")
    assert ask(project).returncode == exits.OK
    change(api, project)
    assert ask(project).returncode == exits.PERSON
    assert [answer[0] for answer in answers(project)] == ["escalations", "rejected"]


def test_interrupted_at_any_call_the_answer_is_recorded_once(project: Project, api: GitHubApi) -> None:
    said(project, api, "/confirm DIGEST")
    before = project.git(origin(project), "rev-parse", ref(project))
    asked = len(api.calls)
    assert ask(project).returncode == exits.OK
    number = len(api.calls) - asked
    assert number == 6
    for call in range(1, number + 1):
        project.git(origin(project), "update-ref", ref(project), before)
        api.fail(call, "drop", "before")
        done = ask(project)
        assert done.returncode == exits.REFUSED, (call, done.stdout, done.stderr)
        assert ask(project).returncode == exits.OK, call
        assert answers(project) == [CONFIRMED], call


# The head


def opened(project: Project, api: GitHubApi, head: str) -> None:
    """A pull request for the run's branch, which someone opened by hand."""
    api.follows = False
    api.pulls.append(Pull("ann/shop", 1, "feature/x", "main", "by hand", "mine", head))


def test_a_pull_request_with_another_head_is_stale(project: Project, api: GitHubApi) -> None:
    opened(project, api, "b" * 40)
    said(project, api, "/confirm DIGEST", number=1)
    done = ask(project, 1)
    assert (done.returncode, "#1 is at bbbbbbbbbbbb" in done.stderr) == (exits.PERSON, True), done.stderr
    assert answers(project) == []
    assert api.rest.statuses == []


def test_a_branch_that_someone_pushed_to_is_stale(project: Project, api: GitHubApi) -> None:
    said(project, api, "/confirm DIGEST")
    push(api, project)
    done = ask(project)
    assert (done.returncode, "someone pushed" in done.stderr) == (exits.PERSON, True), done.stderr
    assert answers(project) == []


def test_a_pull_request_at_the_commit_that_is_asked_about_gets_the_status(
    project: Project, api: GitHubApi
) -> None:
    head = project.git(project.top, "rev-parse", "HEAD")
    opened(project, api, head)
    assert ask(project, 1).returncode == exits.PERSON
    said(project, api, "/confirm DIGEST", number=1)
    assert ask(project, 1).returncode == exits.OK
    short = digest(project)[:12]
    assert [(each["sha"], each["state"], each["description"]) for each in api.rest.statuses] == [
        (head, "pending", f"2 decisions need confirmation, digest {short}"),
        (head, "success", f"2 decisions confirmed, digest {short}"),
    ]


def test_nothing_is_confirmed_while_another_open_pull_request_has_the_same_head(
    project: Project, api: GitHubApi
) -> None:
    head = project.git(project.top, "rev-parse", "HEAD")
    opened(project, api, head)
    api.pulls.append(Pull("ann/shop", 2, "other", "release", "t", "b", head))
    said(project, api, "/confirm DIGEST", number=1)
    done = ask(project, 1)
    assert (done.returncode, "#2 has the same head as #1" in done.stderr) == (exits.PERSON, True)
    assert answers(project) == []
    assert api.rest.statuses == []


# What is too much, or not allowed


def test_more_comments_or_commits_than_can_be_looked_at_confirm_nothing(
    project: Project, api: GitHubApi
) -> None:
    said(project, api, "/confirm DIGEST", *["hm"] * 100)
    api.page = 1
    done = ask(project)
    assert (done.returncode, "more than 100 pages" in done.stderr) == (exits.REFUSED, True)
    api.page, api.rest.comments, api.rest.commits = 100, [], 101
    opened(project, api, project.git(project.top, "rev-parse", "HEAD"))
    said(project, api, "/confirm DIGEST", number=1)
    done = ask(project, 1)
    assert (done.returncode, "has 101 commits" in done.stderr) == (exits.REFUSED, True)
    api.pulls[0].state, api.rest.commits = "CLOSED", 1
    done = ask(project, 1)
    assert (done.returncode, "is not open" in done.stderr) == (exits.REFUSED, True)
    assert answers(project) == []


def test_the_configuration_says_whether_comments_count_and_whose(
    scratch_repo: Path, git: Git, api: GitHubApi
) -> None:
    project = hosted(scratch_repo, git, api, confirm_channels=["github"], confirmers=["ann"], park="origin")
    assert project.run().returncode == exits.PERSON
    said(project, api, "/confirm DIGEST")
    assert ask(project).returncode == exits.PERSON
    said(project, api, "/confirm DIGEST", login="ann")
    assert ask(project).returncode == exits.OK
    assert [answer[1] for answer in answers(project)] == ["ann"]


def test_where_comments_are_no_channel_none_counts(scratch_repo: Path, git: Git, api: GitHubApi) -> None:
    project = hosted(scratch_repo, git, api, confirm_channels=["terminal"], park="origin")
    assert project.run().returncode == exits.PERSON
    said(project, api, "/confirm DIGEST")
    done = ask(project)
    assert (done.returncode, "confirm_channels" in done.stderr) == (exits.PERSON, True)
    assert answers(project) == []


def test_an_agent_can_not_have_comments_read(project: Project, api: GitHubApi) -> None:
    said(project, api, "/confirm DIGEST")
    run = project.state().run
    for mark in ("CORRECTLESS_AGENT", "CLAUDECODE"):
        done = project.command("confirm-from-github", "40", "--from", "origin", run, env={mark: "1"})
        assert done.returncode == exits.REFUSED
    assert answers(project) == []


def test_without_a_run_the_parked_ones_that_a_comment_confirms_are_answered(
    project: Project, api: GitHubApi
) -> None:
    said(project, api, "/confirm DIGEST")
    other = "refs/correctless/runs/20200101-000000-0000"  # another run's commit under this name is invalid
    project.git(origin(project), "update-ref", other, ref(project))
    done = project.command("confirm-from-github", "40", "--from", "origin")
    assert done.returncode == exits.REFUSED
    assert "run 20200101-000000-0000: " in done.stderr
    assert answers(project) == [CONFIRMED]
    project.git(origin(project), "update-ref", "-d", other)
    assert project.command("confirm-from-github", "40", "--from", "origin").returncode == exits.OK


def test_a_run_that_is_not_parked_is_answered_where_it_is(
    scratch_repo: Path, git: Git, api: GitHubApi
) -> None:
    project = hosted(scratch_repo, git, api)
    assert project.run().returncode == exits.PERSON
    assert project.command("confirm-from-github", "40").returncode == exits.PERSON
    said(project, api, "/confirm DIGEST")
    git(project.top, "commit", "-q", "--allow-empty", "-m", "another commit")
    assert project.command("confirm-from-github", "40").returncode == exits.PERSON
    git(project.top, "reset", "-q", "--hard", "HEAD^")
    done = project.command("confirm-from-github", "40")
    assert done.returncode == exits.OK, done.stderr
    done = project.cauto("resume")
    assert done.returncode == exits.OK, done.stderr
    assert "confirmed by bob (github)" in api.pulls[0].body
