"""Which repository a pull request is opened in: remotes by alias, by insteadOf, and forks; the real gh on a scripted GitHub."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import Git
from correctless.base import exits
from github_api import GitHubApi
from project import CONFIG, Project

pytestmark = pytest.mark.real

ONE_STEP = {**CONFIG, "pipelines": {"default": {"steps": [{"skill": "cdocs"}]}}, "pr": "gh"}


@pytest.fixture
def api(tmp_path: Path) -> Iterator[GitHubApi]:
    with GitHubApi(tmp_path, repos=("ann/shop", "fork/shop")) as host:
        yield host


@pytest.fixture
def bare(scratch_repo: Path, tmp_path: Path, git: Git) -> Path:
    git(tmp_path, "init", "-q", "--bare", "-b", "main", "origin.git")
    git(scratch_repo, "push", "-q", str(tmp_path / "origin.git"), "main")
    return tmp_path / "origin.git"


def made(top: Path, git: Git, api: GitHubApi, **config: object) -> Project:
    api.tip = lambda branch: git(top.parent / "origin.git", "rev-parse", branch)
    project = Project(top, git, config={**ONE_STEP, **config})
    project.env |= api.env(top.parent)
    return project


def published(project: Project) -> None:
    done = project.run()
    assert done.returncode == exits.PERSON, done.stderr
    assert project.review(answer="{digest}")[0] == exits.OK
    done = project.cauto("resume")
    assert done.returncode == exits.OK, done.stderr


def test_a_remote_that_is_short_for_an_address_names_the_host_of_that_address(
    scratch_repo: Path, git: Git, api: GitHubApi, bare: Path
) -> None:
    """`gh:ann/shop` is no host gh; git writes the address out."""
    git(scratch_repo, "remote", "add", "origin", "gh:ann/shop.git")
    git(scratch_repo, "config", "url.https://github.com/.insteadOf", "gh:")
    git(scratch_repo, "config", "remote.origin.pushurl", str(bare))
    published(made(scratch_repo, git, api))
    assert [pull.repo for pull in api.pulls] == ["ann/shop"]


def test_an_alias_of_ssh_names_the_host_that_ssh_has_for_it(
    scratch_repo: Path, tmp_path: Path, git: Git, api: GitHubApi, bare: Path
) -> None:
    ssh = shutil.which("ssh")
    assert ssh is not None
    (tmp_path / "config").write_text("Host work\n  HostName github.com\n  User git\n")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "ssh").write_text(f'#!/bin/sh\nexec {ssh} -F {tmp_path}/config "$@"\n')
    (tmp_path / "bin" / "ssh").chmod(0o755)
    git(scratch_repo, "remote", "add", "origin", "git@work:ann/shop.git")
    git(scratch_repo, "config", "remote.origin.pushurl", str(bare))
    project = made(scratch_repo, git, api)
    project.env["PATH"] = f"{tmp_path / 'bin'}:{project.env['PATH']}"
    published(project)
    assert [pull.repo for pull in api.pulls] == ["ann/shop"]


def forked(top: Path, git: Git, bare: Path) -> None:
    for remote, name in (("origin", "fork/shop"), ("upstream", "ann/shop")):
        git(top, "remote", "add", remote, f"https://github.com/{name}.git")
        other = bare if remote == "origin" else bare.with_name("upstream.git")
        if not other.exists():
            git(bare.parent, "clone", "-q", "--bare", str(bare), str(other))
        git(top, "config", f"url.{other}.insteadOf", f"https://github.com/{name}.git")
    git(top, "fetch", "-q", "upstream")


def test_a_run_on_a_fork_says_where_the_pull_request_goes_and_how_to_change_it(
    scratch_repo: Path, git: Git, api: GitHubApi, bare: Path
) -> None:
    forked(scratch_repo, git, bare)
    project = made(scratch_repo, git, api)
    done = project.run()
    assert done.returncode == exits.PERSON, done.stderr
    for text in (
        "github.com/fork/shop ('origin')",
        "github.com/ann/shop ('upstream')",
        "pr_remote: upstream",
    ):
        assert text in done.stderr


def test_the_branch_goes_to_the_fork_and_the_pull_request_to_its_parent(
    scratch_repo: Path, git: Git, api: GitHubApi, bare: Path
) -> None:
    forked(scratch_repo, git, bare)
    project = made(scratch_repo, git, api, pr_remote="upstream")
    published(project)
    (pull,) = api.pulls
    assert (pull.repo, pull.head, pull.base, pull.fork) == ("ann/shop", "feature/x", "main", True)
    assert git(bare, "rev-parse", "feature/x") == git(project.top, "rev-parse", "HEAD")
    assert git(bare.with_name("upstream.git"), "branch", "--list", "feature/x") == ""


def test_interrupted_on_a_fork_there_is_one_pull_request_in_the_end(
    scratch_repo: Path, git: Git, api: GitHubApi, bare: Path
) -> None:
    forked(scratch_repo, git, bare)
    project = made(scratch_repo, git, api, pr_remote="upstream")
    project.run()
    assert project.review(answer="{digest}")[0] == exits.OK
    project.killed("effect", 3, "resume")
    done = project.cauto("resume")
    assert done.returncode == exits.OK, done.stderr
    assert len(api.pulls) == 1
