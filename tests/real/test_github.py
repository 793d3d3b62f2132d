"""The real gh program against a scripted GitHub: what it asks, what is made of its answers, and what an interruption leaves."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.github.client import GitHub, repo_of_remote
from correctless.publish.managed_body import BodyPart, ManagedBody
from correctless.publish.pull_request import OpenPullRequest, pull_request
from github_api import GitHubApi, How, Pull, When
from patience import PATIENCE
from programs import gh_program

pytestmark = pytest.mark.real

REPO = "github.com/ann/shop"


@pytest.fixture
def api(tmp_path: Path) -> Iterator[GitHubApi]:
    with GitHubApi(tmp_path) as host:
        yield host


def client(api: GitHubApi, folder: Path, *, repo: str = REPO, seconds: float = 20.0) -> GitHub:
    return GitHub(repo, env={**os.environ, **api.env(folder)}, seconds=seconds)


def managed(run: str = "r1", summary: str = "it works") -> ManagedBody:
    return ManagedBody(run, (BodyPart("", [summary]),))


def section(run: str = "r1", summary: str = "it works") -> str:
    return managed(run, summary).text()


def publish(github: GitHub, *, run: str = "r1", summary: str = "it works") -> OpenPullRequest:
    return pull_request(
        github, branch="feature/x", base="main", title="A\nshop", section=managed(run, summary)
    )


# The login


def test_a_login_is_found(api: GitHubApi, tmp_path: Path) -> None:
    client(api, tmp_path).check()
    assert {call.token for call in api.calls} == {api.token}


@pytest.mark.parametrize("active", [True, False])
def test_an_expired_login_of_another_account_is_no_reason_to_stop(
    api: GitHubApi, tmp_path: Path, active: bool
) -> None:
    """From 2.40 on gh auth status ends with 1 for that; the release here knows one account a host."""
    (tmp_path / "gh").write_text(
        "#!/bin/sh\nif [ \"$1 $2\" = 'auth status' ]; then\n"
        "  echo 'X Failed to log in to github.com account old (default)' >&2; exit 1\nfi\n"
        f'exec {gh_program()} "$@"\n'
    )
    (tmp_path / "gh").chmod(0o755)
    env = {**os.environ, **api.env(tmp_path), "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    if not active:
        api.token = "another one now"
    github = GitHub(REPO, env)
    assert github.knows_host() is active
    if active:
        github.check()
    else:
        with pytest.raises(Stop, match="Failed to log in"):
            github.check()


@pytest.mark.parametrize("host", ["github.com", "ghe.corp"])
def test_without_a_login_the_stop_names_gh_auth_login(api: GitHubApi, tmp_path: Path, host: str) -> None:
    env = api.env(tmp_path, logged_in=False)
    with pytest.raises(Stop) as stop:
        GitHub(f"{host}/ann/shop", {**os.environ, **env}).check()
    assert stop.value.code == exits.REFUSED
    assert f"gh auth login --hostname {host}" in stop.value.message
    assert "\n" not in stop.value.message


def test_an_expired_login_is_none(api: GitHubApi, tmp_path: Path) -> None:
    github = client(api, tmp_path)
    api.token = "gho_renewed"
    with pytest.raises(Stop) as stop:
        github.check()
    assert "gh auth login" in stop.value.message
    with pytest.raises(Stop) as stop:
        github.pull_requests("feature/x")
    assert "401" in stop.value.message


def test_without_gh_the_stop_names_both_ways_out(tmp_path: Path) -> None:
    with pytest.raises(Stop) as stop:
        GitHub(REPO, {"PATH": str(tmp_path)}).check()
    assert stop.value.code == exits.REFUSED
    assert "install gh" in stop.value.message
    assert "--pr skip" in stop.value.message


# Pull requests


def test_the_open_pull_requests_of_a_head_are_read_from_all_pages(api: GitHubApi, tmp_path: Path) -> None:
    api.page = 2
    for number in range(1, 8):
        api.pulls.append(Pull("ann/shop", number, "feature/x", f"base{number}", "t", f"b{number}", "ab" * 20))
    api.pulls[1].state = "MERGED"
    api.pulls[2].head = "feature/xy"
    api.pulls[3].fork = True
    found = client(api, tmp_path).pull_requests("feature/x")
    assert [(p.number, p.body) for p in found] == [(n, f"b{n}") for n in (1, 5, 6, 7)]
    assert found[0].url == "https://github.com/ann/shop/pull/1"
    assert len(api.calls) == 3


def test_pages_without_end_stop(api: GitHubApi, tmp_path: Path) -> None:
    api.raw_answer = b'{"data":{"repository":{"pullRequests":{"nodes":[],"pageInfo":{"hasNextPage":true,"endCursor":"1"}}}}}'
    with pytest.raises(Stop) as stop:
        client(api, tmp_path).pull_requests("feature/x")
    assert "without end" in stop.value.message


def test_title_and_body_arrive_as_they_are(api: GitHubApi, tmp_path: Path) -> None:
    body = '- \x60code\x60 $(id) "q" \\n ü 🎉\n\n' + "x" * 60_000
    made = client(api, tmp_path).create(head="feature/x", base="main", title='-t "ü" $x', body=body)
    (pull,) = api.pulls
    assert (pull.title, pull.body, pull.head, pull.base) == ('-t "ü" $x', body, "feature/x", "main")
    assert made == (1, "https://github.com/ann/shop/pull/1")


def test_a_body_is_edited_and_nothing_else(api: GitHubApi, tmp_path: Path) -> None:
    github = client(api, tmp_path)
    github.create(head="feature/x", base="main", title="t", body="old")
    (made,) = github.pull_requests("feature/x")
    github.edit_body(made, "new\n")
    assert (api.pulls[0].title, api.pulls[0].body, api.pulls[0].base) == ("t", "new\n", "main")


def test_what_github_refuses_is_told_in_its_words(api: GitHubApi, tmp_path: Path) -> None:
    github = client(api, tmp_path)
    github.create(head="feature/x", base="main", title="t", body="")
    with pytest.raises(Stop) as stop:
        github.create(head="feature/x", base="main", title="t", body="")
    assert 'a pull request for branch "feature/x" into branch "main" already exists' in stop.value.message
    with pytest.raises(Stop) as stop:
        client(api, tmp_path, repo="github.com/ann/other").pull_requests("feature/x")
    assert "Could not resolve to a Repository" in stop.value.message
    assert stop.value.code == exits.REFUSED


NODE = (
    '{"id":"I","number":1,"url":"u","body":"b","baseRefName":"m","headRefOid":"o","isCrossRepository":false}'
)
PAGE = '{"data":{"repository":{"pullRequests":{"nodes":[%s],"pageInfo":{"hasNextPage":false,"endCursor":null}}}}}'


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "[]",
        "{}",
        '{"data":null}',
        '{"data":{}}',
        '{"data":{"repository":null}}',
        '{"data":{"repository":{"pullRequests":{"nodes":null,"pageInfo":{}}}}}',
        "[" * 100_000,
        PAGE % "null",
        PAGE % NODE.replace('"number":1', '"number":"1"'),
        PAGE % NODE.replace('"number":1', '"number":true'),
        PAGE % NODE.replace('"body":"b"', '"body":null'),
        PAGE % NODE.replace('"isCrossRepository":false', '"isCrossRepository":0'),
        (PAGE % NODE).replace('"hasNextPage":false', '"hasNextPage":true'),
    ],
)
def test_an_answer_of_another_shape_stops(api: GitHubApi, tmp_path: Path, answer: str) -> None:
    api.raw_answer = (PAGE % NODE).encode()
    assert len(client(api, tmp_path).pull_requests("feature/x")) == 1
    api.raw_answer = answer.encode()
    with pytest.raises(Stop) as stop:
        client(api, tmp_path).pull_requests("feature/x")
    assert stop.value.code == exits.REFUSED


def test_a_call_that_hangs_ends_at_its_limit(api: GitHubApi, tmp_path: Path) -> None:
    api.fail(1, "hang", "before")
    with pytest.raises(Stop) as stop:
        client(api, tmp_path, seconds=1.0).pull_requests("feature/x")
    assert stop.value.code == exits.REFUSED
    assert "no answer in 1 s" in stop.value.message


def test_variables_that_colour_page_or_trace_change_nothing(api: GitHubApi, tmp_path: Path) -> None:
    noisy = {
        "GH_FORCE_TTY": "80",
        "CLICOLOR_FORCE": "1",
        "GH_DEBUG": "api",
        "GH_PAGER": "false",
        "DEBUG": "1",
    }
    github = GitHub(REPO, {**os.environ, **api.env(tmp_path), **noisy})
    made = github.create(head="feature/x", base="main", title="t", body="b")
    assert [(p.number, p.url) for p in github.pull_requests("feature/x")] == [made]
    with pytest.raises(Stop) as stop:
        github.create(head="feature/x", base="main", title="t", body="b")
    assert 'a pull request for branch "feature/x" into branch "main" already exists' in stop.value.message


# Publishing: exactly one pull request, whatever happens


def test_the_first_publication_creates_and_the_next_updates(api: GitHubApi, tmp_path: Path) -> None:
    github = client(api, tmp_path)
    first = publish(github)
    api.pulls[0].body += "\n\na person's note"
    second = publish(github, summary="it works better")
    assert (first.created, second.created) == (True, False)
    assert (first.url, first.number) == (second.url, second.number)
    assert api.pulls[0].body == section(summary="it works better") + "\n\na person's note"
    assert api.pulls[0].title == "A shop"


def test_nothing_new_is_not_sent(api: GitHubApi, tmp_path: Path) -> None:
    github = client(api, tmp_path)
    publish(github)
    done = len(api.calls)
    publish(github)
    assert [call.name for call in api.calls[done:]] == ["OpenPullRequests"]


@pytest.mark.parametrize("body", ["mine", section("r2"), "> " + section("r1").replace("\n", "\n> ")])
def test_a_pull_request_of_somebody_else_is_never_touched(api: GitHubApi, tmp_path: Path, body: str) -> None:
    api.pulls.append(Pull("ann/shop", 1, "feature/x", "develop", "theirs", body))
    with pytest.raises(Stop) as stop:
        publish(client(api, tmp_path))
    assert stop.value.code == exits.PERSON
    assert "https://github.com/ann/shop/pull/1" in stop.value.message
    assert len(api.pulls) == 1
    assert api.pulls[0].body == body


def test_one_of_somebody_else_stops_even_beside_ours(api: GitHubApi, tmp_path: Path) -> None:
    github = client(api, tmp_path)
    publish(github)
    api.pulls.append(Pull("ann/shop", 2, "feature/x", "develop", "theirs", "mine"))
    before = api.pulls[0].body
    with pytest.raises(Stop) as stop:
        publish(github, summary="new")
    assert stop.value.code == exits.PERSON
    assert api.pulls[0].body == before


def test_two_of_the_same_run_are_left_to_a_person(api: GitHubApi, tmp_path: Path) -> None:
    for number, base in ((1, "main"), (2, "develop")):
        api.pulls.append(Pull("ann/shop", number, "feature/x", base, "t", section()))
    with pytest.raises(Stop) as stop:
        publish(client(api, tmp_path), summary="new")
    assert stop.value.code == exits.PERSON
    assert "#1, #2" in stop.value.message
    assert {pull.body for pull in api.pulls} == {section()}


def test_the_pull_request_of_a_fork_with_the_same_branch_name_is_not_in_the_way(
    api: GitHubApi, tmp_path: Path
) -> None:
    api.pulls.append(Pull("ann/shop", 1, "feature/x", "main", "theirs", "mine", fork=True))
    assert publish(client(api, tmp_path)).number == 2


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("how", ["drop", "hang", "garbage"])
@pytest.mark.parametrize("call", [1, 2, 3, 4])
def test_creating_interrupted_at_any_call_leaves_exactly_one_after_the_next_try(
    api: GitHubApi, tmp_path: Path, call: int, how: How, when: When
) -> None:
    api.fail(call, how, when)
    with pytest.raises(Stop) as stop:
        # A machine at work takes its time for the calls before it; only one that hangs is to be waited for.
        publish(client(api, tmp_path, seconds=2.0 if how == "hang" else PATIENCE))
    assert stop.value.code == exits.REFUSED
    assert len(api.calls) == call
    done = publish(client(api, tmp_path))
    (pull,) = api.open_pulls("feature/x")
    assert (done.number, pull.body) == (pull.number, section())
    assert done.created == ((call, when) != (4, "after"))


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("how", ["drop", "garbage"])
@pytest.mark.parametrize("call", [1, 2])
def test_updating_interrupted_at_any_call_is_whole_after_the_next_try(
    api: GitHubApi, tmp_path: Path, call: int, how: How, when: When
) -> None:
    github = client(api, tmp_path)
    publish(github)
    api.fail(call, how, when)
    with pytest.raises(Stop):
        publish(github, summary="new")
    publish(github, summary="new")
    (pull,) = api.open_pulls("feature/x")
    assert pull.body == section(summary="new")


# Where a remote's repository is


@pytest.mark.parametrize(
    ("url", "repo"),
    [
        ("https://github.com/ann/shop.git", REPO),
        ("https://github.com/ann/shop", REPO),
        ("https://github.com/ann/shop/", REPO),
        ("https://ann:secret@github.com/ann/shop.git", REPO),
        ("https://www.GitHub.com/ann/shop.git", REPO),
        ("http://github.com:80/ann/shop.git", REPO),
        ("git@github.com:ann/shop.git", REPO),
        ("github.com:ann/shop", REPO),
        ("git@github.com:/ann/shop.git", REPO),
        ("ssh://git@github.com/ann/shop.git", REPO),
        ("ssh://git@ssh.github.com:443/ann/shop.git", REPO),
        ("git://github.com/ann/shop.git", REPO),
        ("git+ssh://git@github.com/ann/shop.git", REPO),
        ("ssh://git@git.corp.example:2222/team/big.shop.git", "git.corp.example/team/big.shop"),
        ("org-1234@git.corp.example:team/shop", "git.corp.example/team/shop"),
        ("https://git.corp.example:8443/team/shop.git", "git.corp.example/team/shop"),
        ("/srv/git/shop.git", None),
        ("../shop.git", None),
        ("./git@github.com:ann/shop.git", None),
        ("file:///srv/ann/shop.git", None),
        ("ext::sh -c true", None),
        ("https://github.com/shop.git", None),
        ("https://gitlab.example/group/sub/shop.git", None),
        ("https://github.com/ann/shop?x=1", None),
        ("https://github.com:port/ann/shop", None),
        ("https://[::1/ann/shop", None),
        ("git@github.com:-x/shop", None),
        ("git@-oProxyCommand=x:ann/shop", None),
        ("https://github.com/../shop", None),
        ("https://github.com/ann/shop\n", None),
        ("git@github.com:ann/shop\nx", None),
        ("https://github.com/ann/%2e%2e", None),
        ("", None),
    ],
)
def test_the_repository_of_a_remote(url: str, repo: str | None) -> None:
    assert repo_of_remote(url) == repo


def test_the_fake_is_what_gh_itself_expects(api: GitHubApi, tmp_path: Path) -> None:
    """The commands people type work on the scripted host too, so that the rest above is measured against a GitHub."""
    env = {**os.environ, **api.env(tmp_path), "GH_PROMPT_DISABLED": "1"}

    def gh(*args: str, stdin: str = "") -> str:
        done = subprocess.run(
            ["gh", *args, "-R", REPO],
            cwd=tmp_path,
            env=env,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    url = gh(
        "pr", "create", "--head", "feature/y", "--base", "main", "--title", "t", "--body-file", "-", stdin="b"
    )
    assert url == "https://github.com/ann/shop/pull/1"
    assert gh("pr", "view", "1", "--json", "body,headRefName", "--jq", ".body+.headRefName") == "bfeature/y"
    assert gh("pr", "list", "--head", "feature/y", "--json", "number", "--jq", ".[].number") == "1"
