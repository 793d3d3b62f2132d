"""A repository with files in Git LFS: the real git-lfs uploads what a run commits, so that a fresh clone has it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from conftest import Git
from correctless.base import exits
from programs import lfs_program
from project import CONFIG, Project

pytestmark = pytest.mark.real

OPENS = [
    "python3",
    "-c",
    "import json,sys; print('https://example.invalid/' + json.load(sys.stdin)['commit'])",
]
STEPS = {**CONFIG, "pipelines": {"default": {"steps": [{"skill": "cdocs"}]}}, "pr": OPENS}
WRITE = "pathlib.Path('new.bin').write_bytes(b'made by the agent' * 99)"


@pytest.fixture
def project(scratch_repo: Path, tmp_path: Path, git: Git) -> Project:
    lfs_program()
    git(tmp_path, "init", "-q", "--bare", "-b", "main", "origin.git")
    git(scratch_repo, "lfs", "install", "--skip-repo")
    (scratch_repo / ".gitattributes").write_text("*.bin filter=lfs diff=lfs merge=lfs -text\n")
    (scratch_repo / "old.bin").write_bytes(b"old" * 99)
    git(scratch_repo, "remote", "add", "origin", f"file://{tmp_path}/origin.git")
    project = Project(scratch_repo, git, config=STEPS)
    git(scratch_repo, "push", "-q", "origin", "main")
    return project


def test_a_fresh_clone_has_the_contents_that_the_agent_made(
    project: Project, tmp_path: Path, git: Git
) -> None:
    for name in ("pre-push", "post-checkout", "post-commit", "post-merge"):  # as in a clone of before
        (project.top / ".git" / "hooks" / name).unlink()
    of_an_agent = "import subprocess; subprocess.run(['git', 'lfs', 'track'], check=True)"
    done = project.run(AGENT_EXTRA=f"{WRITE}; {of_an_agent}")
    assert done.returncode == exits.PERSON, done.stderr
    # git-lfs installs its hooks when it is first used, by whoever that is: no decision of an agent.
    assert [each["extra"].get("claimed_id") for each in project.decisions()] == ["AD-777"]
    assert git(project.top, "show", "HEAD:new.bin").startswith("version https://git-lfs.github.com/spec/v1")
    assert project.review(answer="{digest}")[0] == exits.OK
    done = project.cauto("resume")
    assert done.returncode == exits.OK, done.stderr
    git(tmp_path, "clone", "-q", "-b", "feature/x", f"file://{tmp_path}/origin.git", "fresh")
    assert (tmp_path / "fresh" / "new.bin").read_bytes() == b"made by the agent" * 99
    assert (tmp_path / "fresh" / "old.bin").read_bytes() == b"old" * 99


def test_a_branch_that_changes_where_files_are_uploaded_to_uploads_nothing(
    project: Project, tmp_path: Path, git: Git
) -> None:
    settings = "[lfs]\\n\\turl = https://example.invalid/theirs\\n"
    project.run(AGENT_EXTRA=f"{WRITE}; pathlib.Path('.lfsconfig').write_text('{settings}')")
    assert project.review(answer="{digest}")[0] == exits.OK
    done = project.cauto("resume")
    assert (done.returncode, ".lfsconfig" in done.stderr) == (exits.PERSON, True), done.stderr
    assert git(tmp_path / "origin.git", "branch", "--list", "feature/x") == ""


def test_an_upload_that_fails_pushes_nothing(project: Project, tmp_path: Path, git: Git) -> None:
    project.run(AGENT_EXTRA=WRITE)
    assert project.review(answer="{digest}")[0] == exits.OK
    (tmp_path / "origin.git" / "lfs").write_text("a file where the contents go")
    done = project.cauto("resume")
    assert (done.returncode, "git-lfs could not upload" in done.stderr) == (exits.REFUSED, True), done.stderr
    assert git(tmp_path / "origin.git", "branch", "--list", "feature/x") == ""


def test_a_run_that_is_parked_uploads_them_too(project: Project, tmp_path: Path, git: Git) -> None:
    path = project.top / ".correctless" / "config" / "correctless.yaml"
    path.write_text(json.dumps({**json.loads(path.read_text()), "park": "origin"}))
    git(project.top, "commit", "-qam", "parked")
    done = project.run(AGENT_EXTRA=WRITE)
    assert done.returncode == exits.PERSON, done.stderr
    oid = git(project.top, "show", "HEAD:new.bin").partition("sha256:")[2].split()[0]
    assert [*(tmp_path / "origin.git" / "lfs").rglob(oid)]
