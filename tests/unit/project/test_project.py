"""Where things lie, and git run so that nothing an agent wrote runs with it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import Git, add_submodule
from correctless.base import exits
from correctless.base.exits import Stop
from correctless.base.files import replace_file
from correctless.project import paths
from correctless.project.git import WorktreeStatus, find


@pytest.mark.parametrize(
    ("branch", "slug"),
    [
        ("feature/x", "feature-x-3e9cd5"),
        ("feature-x", "feature-x-a8cf16"),
        ("größe", "gr--e-" + "2eb0b8"),
        ("a" * 200, "a" * 80 + "-" + "94d3bd"),
    ],
)
def test_a_slug_is_a_file_name_that_no_two_branches_share(branch: str, slug: str) -> None:
    import hashlib

    digest = hashlib.md5(branch.encode()).hexdigest()[:6]
    assert paths.slug(branch) == slug[: -len(digest)] + digest


def test_a_ref_that_shows_another_commit_in_place_of_one_is_not_followed(
    scratch_repo: Path, git: Git
) -> None:
    (scratch_repo / "policy").write_text("strict")
    git(scratch_repo, "add", ".")
    git(scratch_repo, "commit", "-q", "-m", "policy")
    base = git(scratch_repo, "rev-parse", "HEAD")
    (scratch_repo / "policy").write_text("lax")
    git(scratch_repo, "commit", "-q", "-a", "-m", "an agent's")
    git(scratch_repo, "replace", base, "HEAD")
    assert git(scratch_repo, "show", f"{base}:policy") == "lax"
    assert find(str(scratch_repo)).file_at(base, "policy") == b"strict"


def test_outside_a_repository_is_3(tmp_path: Path) -> None:
    with pytest.raises(Stop, match="not in a git worktree") as caught:
        find(str(tmp_path))
    assert caught.value.code == exits.REFUSED


def test_logs_lie_in_the_main_worktree_from_everywhere(scratch_repo: Path, git: Git) -> None:
    (scratch_repo / "deep/er").mkdir(parents=True)
    git(scratch_repo, "worktree", "add", "-q", "-b", "feature/y", "../linked")
    linked = find(str(scratch_repo.parent / "linked"))
    assert find(str(scratch_repo / "deep/er")).home == str(scratch_repo)
    assert linked.home == str(scratch_repo)
    assert linked.top == str(scratch_repo.parent / "linked")
    assert linked.git_dir != find(str(scratch_repo)).git_dir
    assert paths.logs(linked).decisions.startswith(
        f"{scratch_repo}/.correctless/artifacts/autonomous-decisions-feature-y-"
    )


def test_logs_of_a_submodule_and_of_a_bare_repositorys_worktree_lie_under_their_top(
    scratch_repo: Path, tmp_path: Path, git: Git
) -> None:
    outer = tmp_path / "outer"
    outer.mkdir()
    git(outer, "init", "-q", "-b", "main")
    git(outer, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(scratch_repo), "sub")
    assert find(str(outer / "sub")).home == str(outer / "sub")
    git(tmp_path, "clone", "-q", "--bare", str(scratch_repo), "bare.git")
    git(tmp_path / "bare.git", "worktree", "add", "-q", "../of-bare", "feature/x")
    assert find(str(tmp_path / "of-bare")).home == str(tmp_path / "of-bare")


def test_a_detached_head_has_a_log_of_its_own(scratch_repo: Path, git: Git) -> None:
    git(scratch_repo, "switch", "-q", "--detach")
    short = git(scratch_repo, "rev-parse", "--short", "HEAD")
    assert paths.logs(find(str(scratch_repo))).decisions.endswith(
        f"autonomous-decisions-detached-{short}.jsonl"
    )


def test_the_artifacts_folder_never_makes_a_worktree_dirty(scratch_repo: Path, git: Git) -> None:
    here = find(str(scratch_repo))
    paths.ensure_artifacts(paths.logs(here))
    assert (scratch_repo / ".correctless/artifacts/.gitignore").read_text() == "*\n"
    assert here.dirty_files() == ()
    git(scratch_repo, "add", "--all")
    assert git(scratch_repo, "diff", "--cached", "--name-only") == ""


@pytest.mark.parametrize("part", [".correctless", ".correctless/artifacts"])
def test_an_artifacts_folder_that_leads_elsewhere_is_refused(
    scratch_repo: Path, tmp_path: Path, part: str
) -> None:
    (scratch_repo / part).parent.mkdir(exist_ok=True)
    (tmp_path / "elsewhere").mkdir()
    (scratch_repo / part).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Stop, match="symbolic link"):
        paths.ensure_artifacts(paths.logs(find(str(scratch_repo))))
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_hooks_and_monitors_of_the_repository_do_not_run_in_our_git(scratch_repo: Path, git: Git) -> None:
    ran = scratch_repo.parent / "ran"
    for name in ("pre-commit", "commit-msg", "post-commit", "post-checkout", "monitor"):
        hook = scratch_repo / ".git/hooks" / name
        hook.write_text(f"#!/bin/sh\necho {name} >> {ran}\n")
        hook.chmod(0o755)
    git(scratch_repo, "config", "core.fsmonitor", str(scratch_repo / ".git/hooks/monitor"))
    here = find(str(scratch_repo))
    here.git("commit", "--allow-empty", "-q", "-m", "x")
    here.dirty_files()
    here.reset_to(here.head())
    assert not ran.exists()
    git(scratch_repo, "commit", "--allow-empty", "-q", "-m", "the hooks are real")
    assert ran.exists()


def test_variables_of_a_surrounding_git_lead_nowhere_else(
    scratch_repo: Path, tmp_path: Path, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "-q", "-b", "other")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    assert find(str(scratch_repo)).branch() == "feature/x"


def test_changed_files_are_named_whatever_their_names_hold(scratch_repo: Path, git: Git) -> None:
    here = find(str(scratch_repo))
    base = here.head()
    names = ["-n", "a b", "line\nbreak", 'quo"te', "ünïcode", ":(glob)x"]
    for name in names:
        (scratch_repo / name).write_text("x")
    git(scratch_repo, "add", "--", "./a b")
    (scratch_repo / "README.md").write_text("other\n")
    assert set(here.changed_files(base)) == {*names, "README.md"}
    assert set(here.dirty_files()) == {*names, "README.md"}


def test_a_patch_holds_everything_and_reset_keeps_what_git_ignores(scratch_repo: Path, git: Git) -> None:
    here = find(str(scratch_repo))
    (scratch_repo / ".gitignore").write_text("cache/\n")
    git(scratch_repo, "add", "--all")
    git(scratch_repo, "commit", "-q", "-m", "ignore")
    base = here.head()
    (scratch_repo / "cache").mkdir()
    (scratch_repo / "cache/big").write_text("kept")
    (scratch_repo / "README.md").write_text("changed\n")
    (scratch_repo / "new.bin").write_bytes(bytes(range(256)))
    git(scratch_repo, "add", "README.md")
    git(scratch_repo, "commit", "-q", "-m", "by the agent")
    patch = here.patch_since(base)
    here.reset_to(base)
    assert here.dirty_files() == ()
    assert (scratch_repo / "cache/big").read_text() == "kept"
    assert not (scratch_repo / "new.bin").exists()
    (scratch_repo.parent / "p").write_bytes(patch)
    git(scratch_repo, "apply", str(scratch_repo.parent / "p"))
    assert (scratch_repo / "new.bin").read_bytes() == bytes(range(256))
    assert (scratch_repo / "README.md").read_text() == "changed\n"


def test_replace_file_leaves_the_old_one_when_it_can_not_write(tmp_path: Path) -> None:
    path = tmp_path / "f"
    replace_file(str(path), b"old")

    def broken() -> Iterator[bytes]:
        yield b"ne"
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        replace_file(str(path), broken())
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["f"]


def test_replace_file_writes_to_no_name_that_somebody_could_know(tmp_path: Path) -> None:
    """A link, a pipe or another file in the place of its temporary file would be followed, waited for or cut."""
    names: list[str] = []

    def looked() -> Iterator[bytes]:
        names.extend(set(os.listdir(tmp_path)) - {"f"})
        yield b"new"

    for _ in range(2):
        replace_file(str(tmp_path / "f"), looked())
    assert len(set(names)) == 2


def test_a_worktree_with_anything_in_it_is_not_clean(scratch_repo: Path, git: Git) -> None:
    here = find(str(scratch_repo))
    assert here.status().head == here.head() == git(scratch_repo, "rev-parse", "HEAD")
    assert not here.status().changed
    (scratch_repo / ".gitignore").write_text("*.log\n")
    git(scratch_repo, "add", ".gitignore")
    assert here.status().changed  # staged
    git(scratch_repo, "commit", "-q", "-m", "ignore")
    (scratch_repo / "build.log").write_text("ignored")
    assert not here.status().changed
    for name, text in (("README.md", "changed"), ("# branch.oid 0", "untracked"), ("# x", "untracked")):
        before = (scratch_repo / name).read_text() if name == "README.md" else None
        (scratch_repo / name).write_text(text)
        assert here.status().changed, name
        (scratch_repo / name).write_text(before) if before else (scratch_repo / name).unlink()
    git(scratch_repo, "switch", "-q", "--detach")
    assert not here.status().changed


def test_where_a_worktree_stands_is_what_its_parts_say(scratch_repo: Path, git: Git) -> None:
    top = scratch_repo
    here = find(str(top))
    assert here.status() == WorktreeStatus(here.branch(), here.head(), ())
    (top / "a name with spaces").write_text("x")
    (top / "README.md").write_text("changed")
    (top / "ünïcode").write_text("x")
    git(top, "add", "ünïcode")
    said = here.status()
    assert set(said.changed) == set(here.dirty_files()) == set(here.changed_files(here.head()))
    assert set(said.changed) == {"README.md", "a name with spaces", "ünïcode"}
    git(top, "switch", "-q", "--detach")
    assert here.status().branch is None


def test_a_file_in_conflict_is_named(scratch_repo: Path, git: Git) -> None:
    top = scratch_repo
    here = find(str(top))
    for branch, text in (("one", "1"), ("two", "2")):
        git(top, "switch", "-q", "-c", branch, "main")
        (top / "README.md").write_text(text)
        git(top, "commit", "-q", "-a", "-m", branch)
    here.try_git("merge", "one")
    assert here.status().changed == ("README.md",)


def test_a_repository_of_another_user_is_named_with_what_makes_git_trust_it(
    scratch_repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = shutil.which("git")
    (tmp_path / "bin").mkdir()
    # git's own tests say it so: nobody but root can give a folder away
    (tmp_path / "bin/git").write_text(f'#!/bin/sh\nGIT_TEST_ASSUME_DIFFERENT_OWNER=1 exec {real} "$@"\n')
    (tmp_path / "bin/git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(Stop, match="belongs to another user") as caught:
        find(str(scratch_repo))
    assert f"git config --global --add safe.directory {scratch_repo}" in caught.value.message


def test_a_repository_that_git_cannot_read_is_not_said_to_be_none(scratch_repo: Path) -> None:
    with (scratch_repo / ".git" / "config").open("a") as file:
        file.write("[extensions]\n\tsomething = new\n[core]\n\trepositoryformatversion = 1\n")
    with pytest.raises(Stop, match=r"git can't read the repository of .*: .*something"):
        find(str(scratch_repo))


def test_a_submodule_that_is_as_its_commit_changes_nothing(
    scratch_repo: Path, git: Git, tmp_path: Path
) -> None:
    add_submodule(scratch_repo, git, tmp_path / "lib")
    repo = find(str(scratch_repo))
    assert repo.status().changed == ()
    (scratch_repo / "lib/new").write_text("new\n")
    assert repo.status().changed == ("lib",)
    (scratch_repo / "lib/new").unlink()
    (scratch_repo / "lib/x.py").write_text("2\n")
    assert repo.status().changed == ("lib",)
