"""The one caller of git: what a call is given, where it works, and what of a repository's configuration never runs in it."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from conftest import Git
from correctless.base import exits
from correctless.base.exits import Stop
from correctless.project import paths
from correctless.project.git import Repo, call, find, find_on_branch, staging
from places import PACKAGE

LOGINS = {
    "GH_TOKEN": "t", "GITHUB_TOKEN": "t", "SSH_AUTH_SOCK": "/s", "SSH_ASKPASS": "/s", "GIT_SSH_COMMAND": "s", "GIT_SSH": "s",
    "NPM_TOKEN": "t", "AWS_SECRET_ACCESS_KEY": "t", "GIT_PROXY_COMMAND": "s", "ANTHROPIC_API_KEY": "t",
    "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "http.extraheader", "GIT_CONFIG_VALUE_0": "AUTHORIZATION: t",
}  # fmt: skip


def test_nothing_but_project_git_starts_git() -> None:
    starts = re.compile(r"""\[\s*["']git["']|["']git ["']|which\(["']git["']\)|\(["']git["'],""")
    found = [
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if path.relative_to(PACKAGE).parts[:2] != ("project", "git")
        and path.parts[-2] not in ("guard", "rules")
        for line in path.read_text().splitlines()
        if starts.search(line) and "_SCHEMES" not in line
    ]
    assert found == []
    assert starts.search('subprocess.run(["git", "status"])')


@pytest.fixture
def canary(tmp_path: Path) -> tuple[str, Path]:
    """A program that writes its environment to a file, and that file."""
    heard = tmp_path / "canary-ran"
    program = tmp_path / "canary"
    program.write_text(f"#!/bin/sh\nenv >>{heard}\ncat\n")
    program.chmod(0o755)
    return str(program), heard


SETTINGS = [
    "core.fsmonitor", "core.pager", "core.editor", "core.sshCommand", "core.askPass", "core.alternateRefsCommand",
    "diff.external", "diff.evil.command", "diff.evil.textconv", "gpg.program", "gpg.ssh.program",
    "credential.helper", "sequence.editor", "pager.log", "pager.status", "alias.status", "alias.log",
]  # fmt: skip


@pytest.mark.parametrize("setting", SETTINGS)
def test_no_local_call_runs_a_program_that_configuration_names(
    scratch_repo: Path, git: Git, canary: tuple[str, Path], setting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, heard = canary
    (scratch_repo / ".gitattributes").write_text("* diff=evil\n")
    git(scratch_repo, "add", ".")
    git(scratch_repo, "commit", "-q", "-m", "attributes")
    base = git(scratch_repo, "rev-parse", "HEAD^")
    (scratch_repo / "README.md").write_text("changed\n")
    git(scratch_repo, "config", setting, program)
    git(scratch_repo, "config", "log.showSignature", "true")
    here = find(str(scratch_repo))
    here.status()
    here.changed_files(base)
    here.patch_since(base)
    here.git("log", "-p", "HEAD")
    here.git("diff", base)
    here.trailers("HEAD")
    here.git("var", "GIT_COMMITTER_IDENT")
    here.git("commit", "--quiet", "--allow-empty", "-m", "x")
    here.reset_to(base)
    assert not heard.exists(), heard.read_text()


def test_a_local_call_has_no_credential_and_a_push_has_all(
    scratch_repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in LOGINS.items():
        monkeypatch.setenv(name, value)
    here = find(str(scratch_repo))
    local = call.environment(here.place, "")
    assert local.keys() & LOGINS.keys() == set()
    signing = call.environment(here.place, "sign")
    assert signing.keys() & LOGINS.keys() == {"SSH_AUTH_SOCK"}
    remote = call.environment(here.place, "remote")
    assert LOGINS.keys() - remote.keys() == {"GIT_PROXY_COMMAND"}


def test_settings_in_the_environment_reach_a_local_call_unless_they_log_in(
    scratch_repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {
        "user.name": "Grace",
        "credential.helper": "x",
        "http.https://h.extraheader": "y",
        "URL.z.insteadOf": "z",
    }
    monkeypatch.setenv("GIT_CONFIG_COUNT", str(len(said)))
    for n, (key, value) in enumerate(said.items()):
        monkeypatch.setenv(f"GIT_CONFIG_KEY_{n}", key)
        monkeypatch.setenv(f"GIT_CONFIG_VALUE_{n}", value)
    here = find(str(scratch_repo))
    assert here.committer().startswith("Grace ")
    listed = here.git("config", "--list")
    assert "credential.helper=x" not in listed
    assert "extraheader" not in listed
    assert "insteadof=z" not in listed


def test_a_submodule_is_not_looked_into(scratch_repo: Path, git: Git, canary: tuple[str, Path]) -> None:
    program, heard = canary
    inner = scratch_repo / "inner"
    inner.mkdir()
    git(inner, "init", "-q")
    (inner / "f").write_text("1\n")
    (inner / ".gitattributes").write_text("* filter=evil\n")
    git(inner, "add", ".")
    git(inner, "commit", "-q", "-m", "i")
    git(scratch_repo, "-c", "advice.addEmbeddedRepo=false", "add", "inner")
    (scratch_repo / ".gitmodules").write_text(
        '[submodule "inner"]\n\tpath = inner\n\turl = ./inner\n\tignore = none\n'
    )
    git(scratch_repo, "add", ".")
    git(scratch_repo, "commit", "-q", "-m", "a link")
    git(inner, "config", "core.fsmonitor", program)
    git(inner, "config", "filter.evil.clean", program)
    (inner / "f").write_text("2\n")
    here = find(str(scratch_repo))
    here.status()
    here.changed_files("HEAD")
    here.fingerprint()
    here.patch_since("HEAD")
    staging.stage(here)
    here.git("commit", "--quiet", "--allow-empty", "-m", "x")
    here.reset_to("HEAD")
    assert not heard.exists(), heard.read_text()


def test_folders_are_pinned_whatever_configuration_and_environment_say(
    scratch_repo: Path, git: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "f").write_text("mine\n")
    here = find(str(scratch_repo))
    base = here.head()
    for settings in (("core.worktree", str(victim)), ("core.bare", "true")):
        git(scratch_repo, "config", *settings)
        for name, value in {
            "GIT_DIR": "/nowhere",
            "GIT_WORK_TREE": str(victim),
            "GIT_INDEX_FILE": "/x",
        }.items():
            monkeypatch.setenv(name, value)
        (scratch_repo / "new").write_text("x")
        assert here.status().changed == ("new",)
        here.reset_to(base)
        assert not (scratch_repo / "new").exists()
        for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
            monkeypatch.delenv(name)
        subprocess.run(["git", "config", "--unset", settings[0]], cwd=scratch_repo / ".git", check=True)
    assert (victim / "f").read_text() == "mine\n"


def test_a_worktree_that_configuration_places_elsewhere_is_refused(
    scratch_repo: Path, git: Git, tmp_path: Path
) -> None:
    (tmp_path / "victim").mkdir()
    git(scratch_repo, "config", "core.worktree", str(tmp_path / "victim"))
    for look in (find, find_on_branch):
        with pytest.raises(Stop, match=r"core\.worktree") as stopped:
            look(str(scratch_repo))
        assert stopped.value.code == exits.REFUSED


def test_a_program_in_the_worktree_is_never_taken_for_git(
    scratch_repo: Path, canary: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    program, heard = canary
    (scratch_repo / "bin").mkdir()
    os.symlink(program, scratch_repo / "bin" / "git")
    for first in (str(scratch_repo / "bin"), "bin", "."):
        monkeypatch.setenv("PATH", f"{first}:{os.environ['PATH']}")
    assert find(str(scratch_repo)).branch() == "feature/x"
    assert not heard.exists()


@pytest.mark.parametrize("kind", ["tags", "remotes", "heads/heads"])
def test_a_branch_keeps_its_name_beside_a_ref_of_the_same_name(
    scratch_repo: Path, git: Git, kind: str
) -> None:
    git(scratch_repo, "update-ref", f"refs/{kind}/feature/x", "HEAD")
    here, branch = find_on_branch(str(scratch_repo))
    assert (here.branch(), branch or here.branch()) == ("feature/x", "feature/x")
    assert here.status().branch == "feature/x"
    assert paths.logs(here) == paths.find_logs(str(scratch_repo))[1]


def _nested(here: Repo, git: Git) -> None:
    inner = Path(here.top) / "sub" / "inner"
    inner.mkdir(parents=True)
    git(inner, "init", "-q")
    git(inner, "commit", "-q", "--allow-empty", "-m", "i")


def test_a_repository_inside_the_repository_is_told_from_a_folder(scratch_repo: Path, git: Git) -> None:
    here = find(str(scratch_repo))
    _nested(here, git)
    (scratch_repo / "plain").write_text("x")
    assert here.status().links == ("sub/inner",)
    git(scratch_repo, "-c", "advice.addEmbeddedRepo=false", "add", "sub/inner")
    assert here.status().links == ("sub/inner",)
