"""What git would wait for, trip over or pass by in a worktree, and objects that are not what their names say."""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
import zlib
from pathlib import Path

import pytest

from conftest import Git
from correctless.project import leftovers
from correctless.project.git import find, index, objects, staging
from project import Project


def kinds(top: Path) -> dict[str, str]:
    return {item.path: item.why for item in leftovers.odd(str(top))}


def test_what_no_commit_can_hold_is_found_without_git(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("x")
    (tmp_path / "link").symlink_to("nowhere")
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "shut").mkdir()
    (tmp_path / "shut/inside").write_text("x")
    (tmp_path / "shut").chmod(0)
    (tmp_path / "secret").write_text("x")
    (tmp_path / "secret").chmod(0)
    assert kinds(tmp_path) == {
        "fifo": "is a fifo",
        "shut": "can't be read and written",
        "secret": "can't be read",
    }
    leftovers.open_up(str(tmp_path), "shut")
    leftovers.open_up(str(tmp_path), "secret")
    assert kinds(tmp_path) == {"fifo": "is a fifo"}
    assert stat.S_IMODE((tmp_path / "shut").stat().st_mode) == 0o700
    assert (tmp_path / "shut/inside").read_text() == "x"


def test_nothing_behind_a_link_is_opened_up(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs/f").write_text("x")
    (tmp_path / "theirs/f").chmod(0o200)
    (tmp_path / "top").mkdir()
    (tmp_path / "top/link").symlink_to(tmp_path / "theirs")
    leftovers.open_up(str(tmp_path / "top"), "")
    assert kinds(tmp_path / "top") == {}
    assert stat.S_IMODE((tmp_path / "theirs/f").stat().st_mode) == 0o200


def test_what_lies_in_a_shut_folder_is_looked_at_once_it_is_open(scratch_repo: Path, git: Git) -> None:
    project = Project(scratch_repo, git)
    extra = (
        "os.makedirs('shut/deep'); os.mkfifo('shut/deep/.gitignore'); os.mkfifo('shut/p'); open('shut/deep/x', 'w').write('x');"
        " os.chmod('shut/deep/x', 0); os.chmod('shut/deep', 0); os.chmod('shut', 0); os.chmod('.', 0o555)"
    )
    done = project.run(AGENT_EXTRA=f"if step == 'cdocs':\n    {extra}\n")
    assert done.returncode == 10, done.stderr
    assert git(scratch_repo, "show", "HEAD:shut/deep/x") == "x"
    [told] = [d for d in project.decisions() if "/sset-aside" in (d["key"] or "")]
    assert "shut/deep/.gitignore is a fifo" in told["original_escalation_reason"]
    assert "shut/p is a fifo" in told["original_escalation_reason"]


def test_what_a_project_ignores_is_left_where_it_is(scratch_repo: Path, git: Git) -> None:
    project = Project(scratch_repo, git)
    extra = "os.makedirs('__pycache__', exist_ok=True); os.mkfifo('__pycache__/p'); os.mkfifo('q')"
    done = project.run(AGENT_EXTRA=f"if step == 'cdocs':\n    {extra}\n")
    assert done.returncode == 10, done.stderr
    assert stat.S_ISFIFO((scratch_repo / "__pycache__/p").lstat().st_mode)
    [told] = [d for d in project.decisions() if "/sset-aside" in (d["key"] or "")]
    assert "q is a fifo" in told["original_escalation_reason"]
    [kept] = Path(project.logs.folder(project.state().run), "cdocs-1").glob("left-q-*")
    assert stat.S_ISFIFO(kept.lstat().st_mode)


def test_a_folder_that_became_a_link_is_staged_as_git_would(scratch_repo: Path, git: Git) -> None:
    (scratch_repo / "d").mkdir()
    (scratch_repo / "d/f").write_text("x")
    git(scratch_repo, "add", ".")
    git(scratch_repo, "commit", "-qm", "d")
    (scratch_repo / "d").rename(scratch_repo / "e")
    (scratch_repo / "d").symlink_to("e")
    repo = find(str(scratch_repo))
    base = repo.head()
    assert "d" in repo.fingerprint() or repo.fingerprint()
    staging.stage(repo)
    assert repo.git("ls-files", "d", "e").split() == ["d", "e/f"]
    repo.reset_to(base)
    assert repo.dirty_files() == ()
    assert (scratch_repo / "d/f").read_text() == "x"
    assert not (scratch_repo / "d").is_symlink()


def test_names_git_takes_for_its_own_are_named(scratch_repo: Path) -> None:
    (scratch_repo / ".GIT").mkdir()
    (scratch_repo / ".GIT/x").write_text("x")
    (scratch_repo / "plain").write_text("x")
    repo = find(str(scratch_repo))
    assert staging.refused(repo) == (".GIT/x",)
    assert not repo.git("ls-files", "plain")


def commit(repo_top: Path, git: Git) -> tuple[str, str]:
    (repo_top / "d").mkdir()
    (repo_top / "d/f").write_text("the work\n")
    base = git(repo_top, "rev-parse", "HEAD")
    git(repo_top, "add", ".")
    git(repo_top, "commit", "-qm", "work")
    return base, git(repo_top, "rev-parse", "HEAD:d/f")


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("planted", [b"blob 9\0the evil\n", b"", b"tree 0\0"])
def test_an_object_of_other_content_is_found_and_written_anew(
    scratch_repo: Path, git: Git, tmp_path: Path, planted: bytes, packed: bool
) -> None:
    base, oid = commit(scratch_repo, git)
    repo = find(str(scratch_repo))
    assert objects.checked_head(repo, base)[1] == ()
    if packed and planted == b"blob 9\0the evil\n":
        lie(scratch_repo, git, oid)
    else:
        path = scratch_repo / ".git/objects" / oid[:2] / oid[2:]
        path.unlink()
        path.write_bytes(zlib.compress(planted) if planted else b"")
    assert objects.checked_head(repo, base)[1] == (oid,)
    number = iter(range(9))
    objects.renew(
        repo,
        [oid],
        lambda path: os.rename(path, tmp_path / f"moved{next(number)}") if os.path.exists(path) else None,
    )
    assert objects.checked_head(repo, base)[1] == ()
    assert git(scratch_repo, "show", "HEAD:d/f") == "the work"


def lie(top: Path, git: Git, oid: str) -> None:
    """A pack of one blob, whose index gives it another's name."""
    other = subprocess.run(
        ["git", "hash-object", "-w", "--stdin"],
        cwd=top,
        input=b"the evil\n",
        capture_output=True,
        check=True,
    )
    name = other.stdout.decode().strip()
    made = subprocess.run(
        ["git", "pack-objects", "-q", ".git/objects/pack/pack"],
        cwd=top,
        input=other.stdout,
        capture_output=True,
        check=True,
    )
    pack = top / ".git/objects/pack" / f"pack-{made.stdout.decode().strip()}.idx"
    data = pack.read_bytes()
    lowest, wanted = int(name[:2], 16), int(oid[:2], 16)
    fanout = b"".join((1 if n >= wanted else 0).to_bytes(4, "big") for n in range(256))
    assert data[8 + 4 * lowest : 12 + 4 * lowest] == (1).to_bytes(4, "big")
    body = data[:8] + fanout + bytes.fromhex(oid) + data[8 + 1024 + 20 : -20]
    pack.chmod(0o644)
    pack.write_bytes(body + hashlib.sha1(body).digest())


def test_a_tree_of_other_content_is_found_and_written_anew(
    scratch_repo: Path, git: Git, tmp_path: Path
) -> None:
    base, _ = commit(scratch_repo, git)
    tree, other = git(scratch_repo, "rev-parse", "HEAD:d"), git(scratch_repo, "rev-parse", f"{base}^{{tree}}")
    store = scratch_repo / ".git/objects"
    (store / tree[:2] / tree[2:]).unlink()
    (store / tree[:2] / tree[2:]).write_bytes((store / other[:2] / other[2:]).read_bytes())
    repo = find(str(scratch_repo))
    assert tree in objects.checked_head(repo, base)[1]
    objects.renew(repo, objects.checked_head(repo, base)[1], lambda path: os.rename(path, tmp_path / "moved"))
    assert objects.checked_head(repo, base)[1] == ()


def written_tree(top: Path, *entries: tuple[str, str, str]) -> str:
    """A tree of these entries (mode, name, object), which git itself would not make."""
    data = b"".join(f"{mode} {name}".encode() + b"\0" + bytes.fromhex(oid) for mode, name, oid in entries)
    made = subprocess.run(
        ["git", "hash-object", "-t", "tree", "-w", "--literally", "--stdin"],
        cwd=top,
        input=data,
        capture_output=True,
        check=True,
    )
    return made.stdout.decode().strip()


def plant(top: Path, oid: str, content: bytes) -> None:
    path = top / ".git/objects" / oid[:2] / oid[2:]
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_bytes(zlib.compress(content))


def test_each_commit_since_the_base_is_looked_at_not_only_the_last(scratch_repo: Path, git: Git) -> None:
    base, oid = commit(scratch_repo, git)
    git(scratch_repo, "rm", "-q", "d/f")
    git(scratch_repo, "commit", "-qm", "taken away again, and published all the same")
    plant(scratch_repo, oid, b"blob 9\0the evil\n")
    assert objects.checked_head(find(str(scratch_repo)), base)[1] == (oid,)


def test_each_of_two_entries_of_the_same_name_is_looked_at(scratch_repo: Path, git: Git) -> None:
    base, oid = commit(scratch_repo, git)
    right = git(scratch_repo, "rev-parse", f"{base}:README.md")
    tree = written_tree(scratch_repo, ("100644", "f", oid), ("100644", "f", right))
    git(
        scratch_repo,
        "update-ref",
        "HEAD",
        git(scratch_repo, "commit-tree", tree, "-p", base, "-m", "the same name twice"),
    )
    repo = find(str(scratch_repo))
    assert objects.checked_head(repo, base)[1] == ()
    plant(scratch_repo, oid, b"blob 9\0the evil\n")
    assert objects.checked_head(repo, base)[1] == (oid,)


@pytest.mark.parametrize("forged", ["the tree of the base", "a folder of the base"])
def test_a_tree_of_the_base_that_is_not_what_its_name_says_vouches_for_nothing(
    scratch_repo: Path, git: Git, forged: str
) -> None:
    (scratch_repo / "d").mkdir()
    (scratch_repo / "d/g").write_text("before\n")
    git(scratch_repo, "add", ".")
    git(scratch_repo, "commit", "-qm", "a folder")
    base = git(scratch_repo, "rev-parse", "HEAD")
    (scratch_repo / "d/f").write_text("the work\n")
    git(scratch_repo, "add", ".")
    git(scratch_repo, "commit", "-qm", "work")
    oid = git(scratch_repo, "rev-parse", "HEAD:d/f")
    # What stands for a tree of the base lists what the commit has: as if nothing had changed there.
    path = "" if forged == "the tree of the base" else "d"
    now = subprocess.run(
        ["git", "cat-file", "tree", f"HEAD:{path}"], cwd=scratch_repo, capture_output=True, check=True
    ).stdout
    known = git(scratch_repo, "rev-parse", f"{base}:{path}")
    plant(scratch_repo, known, b"tree %d\0" % len(now) + now)
    plant(scratch_repo, oid, b"blob 9\0the evil\n")
    assert oid in objects.checked_head(find(str(scratch_repo)), base)[1]


def test_an_index_is_sound_when_git_made_it(scratch_repo: Path, git: Git) -> None:
    repo = find(str(scratch_repo))
    assert index.sound(repo)
    git(scratch_repo, "update-index", "--split-index")
    assert index.sound(repo)
    for shared in (scratch_repo / ".git").glob("sharedindex.*"):
        shared.unlink()
    assert not index.sound(repo)


def test_an_index_longer_than_any_is_not_read(scratch_repo: Path) -> None:
    os.truncate(scratch_repo / ".git/index", 1 << 40)
    assert not index.sound(find(str(scratch_repo)))


def test_a_folder_named_git_that_is_no_repository_is_left_out_by_git_and_told(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "sub/.git").mkdir(parents=True)
    (tmp_path / "sub/.git/payload").write_text("work")
    (tmp_path / "nested/.git").mkdir(parents=True)
    (tmp_path / "nested/.git/HEAD").write_text("ref: refs/heads/main")
    assert kinds(tmp_path) == {"sub/.git": "has a name that git omits, and is no repository"}
