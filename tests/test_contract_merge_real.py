"""From an answer at a terminal to a merge by the real gh at a scripted GitHub, also on a host with another name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import contracts as c
from correctless import exits
from correctless.record import timestamp, utcnow
from github_api import GitHubApi, Merging, Pull
from test_contract_cli import Operator

pytestmark = pytest.mark.real
Git = Callable[..., str]


def run(name: str, event: str = "pull_request") -> dict[str, Any]:
    begun = timestamp(utcnow() - timedelta(minutes=5))
    return {
        "__typename": "CheckRun",
        "name": name,
        "databaseId": 70_000_000_001,
        "status": "COMPLETED",
        "conclusion": "SUCCESS",
        "startedAt": begun,
        "checkSuite": {
            "createdAt": begun,
            "app": {"slug": "github-actions"},
            "workflowRun": {"event": event, "workflow": {"name": "CI"}},
        },
    }


@pytest.fixture
def api(tmp_path: Path) -> Iterator[GitHubApi]:
    with GitHubApi(tmp_path, repos=("acme/shop",)) as host:
        yield host


def ready(api: GitHubApi, top: Path, git: Git, repo: str) -> Operator:
    """An active contract, a pull request that meets its bar at the commit here, and a review of it."""
    text = c.edited(
        ("not_after = 2026-08-07T18:00:00Z", "not_after = 2099-01-01T00:00:00Z"),
        ('repo = "acme/shop"', f'repo = "{repo}"'),
    )
    op = Operator(top, git, text)
    op.env |= api.env(top.parent)
    head = git(top, "rev-parse", "HEAD")
    merging = Merging(checks=[run("tests"), run("lint")], base_checks=[run("tests", "push")])
    api.pulls.append(Pull("acme/shop", 412, "feature/x", "main", "t", "b", head, merging=merging))
    op.activate()
    done = op.run("review", "add", "--pr", "412", "--area", "data", "--by", "grace", "--worktree", str(top))
    assert done.returncode == 0, done.stderr
    return op


@pytest.mark.parametrize("host", ["", "github.example.com/"])
def test_what_was_granted_is_merged_once_at_the_head_that_was_judged(
    host: str, api: GitHubApi, scratch_repo: Path, git: Git
) -> None:
    if host:
        api.hosts = (host.rstrip("/"),)
    op = ready(api, scratch_repo, git, f"{host}acme/shop")
    asked = op.ask("merge", "--pr", "412")
    assert (asked["verdict"], asked["bound"]["head"]) == ("allow", git(scratch_repo, "rev-parse", "HEAD")), (
        asked
    )
    done = op.run("merge", "412")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [pull.state for pull in api.pulls] == ["MERGED"]
    assert [merge["expectedHeadOid"] for merge in api.merges] == [asked["bound"]["head"]]
    again = op.run("merge", "412")
    assert (again.returncode, "merge.state" in again.stdout) == (exits.FINDINGS, True)
    assert len(api.merges) == 1


def test_what_is_not_granted_is_not_asked_of_the_host(api: GitHubApi, scratch_repo: Path, git: Git) -> None:
    op = ready(api, scratch_repo, git, "acme/shop")
    api.calls.clear()
    assert op.run("merge", "415").returncode == exits.FINDINGS
    assert op.run("merge", "413").returncode == exits.PERSON
    assert api.calls == []


def test_a_head_that_moves_between_judgement_and_merge_is_not_merged(
    api: GitHubApi, scratch_repo: Path, git: Git
) -> None:
    op = ready(api, scratch_repo, git, "acme/shop")
    api.pulls[0].merging.moves = ["f" * 40]
    done = op.run("merge", "412")
    assert done.returncode in (exits.FINDINGS, exits.PERSON)
    assert api.pulls[0].state == "OPEN"


def test_unknown_then_clean_is_a_no_and_then_a_yes(api: GitHubApi, scratch_repo: Path, git: Git) -> None:
    op = ready(api, scratch_repo, git, "acme/shop")
    api.pulls[0].merging.merge_state = ["UNKNOWN"]
    assert op.codes("merge", "--pr", "412") == ("deny", ["merge.merge_state"])
    api.pulls[0].merging.merge_state = ["CLEAN"]
    assert op.codes("merge", "--pr", "412") == ("allow", [])


def test_a_host_that_says_garbage_or_nothing_is_a_no(api: GitHubApi, scratch_repo: Path, git: Git) -> None:
    op = ready(api, scratch_repo, git, "acme/shop")
    api.raw_answer = b"<html>"
    assert op.codes("merge", "--pr", "412")[0] == "deny"
    op.env["PATH"] = str(scratch_repo)  # no gh at all
    git_only = scratch_repo / "git"
    import shutil

    git_only.symlink_to(shutil.which("git") or "")
    assert op.codes("merge", "--pr", "412")[0] == "deny"
