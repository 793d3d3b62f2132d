"""A worktree is held against its commit by its bytes: nothing that git can be told hides a difference."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from conftest import Git, add_submodule
from correctless.base import exits
from correctless.base.exits import Stop
from correctless.project import checkout, hidden, worktree
from correctless.project import git as repo
from correctless.project.tree import read_tree

Way = Callable[[Path, Git], None]


@pytest.fixture
def top(scratch_repo: Path, git: Git) -> Path:
    """Plain, runnable, linked and nested files, and a rule of what is ignored."""
    (scratch_repo / "src").mkdir()
    (scratch_repo / "src/check.py").write_text("print(1)\n")
    (scratch_repo / "run.sh").write_text("#!/bin/sh\n")
    (scratch_repo / "run.sh").chmod(0o755)
    (scratch_repo / "link").symlink_to("README.md")
    (scratch_repo / "größe\n.txt").write_text("")
    (scratch_repo / "id.py").write_text("# $Id$\n")
    (scratch_repo / ".gitignore").write_text("__pycache__/\n*.log\n!keep.log\n/build\n")
    git(scratch_repo, "add", "--all")
    git(scratch_repo, "commit", "-q", "-m", "files")
    return scratch_repo


def different(top: Path, *allow: str) -> tuple[str, ...]:
    return worktree.snapshot(repo.find(str(top)), allow=allow).different


def change(top: Path, name: str = "src/check.py") -> None:
    (top / name).write_text("print(2)\n")


def plain(top: Path, git: Git) -> None:
    change(top)


def assume_unchanged(top: Path, git: Git) -> None:
    change(top)
    git(top, "update-index", "--assume-unchanged", "src/check.py")


def skip_worktree(top: Path, git: Git) -> None:
    change(top)
    git(top, "update-index", "--skip-worktree", "src/check.py")


def skipped_and_gone(top: Path, git: Git) -> None:
    git(top, "update-index", "--skip-worktree", "src/check.py")
    (top / "src/check.py").unlink()


def sparse(top: Path, git: Git) -> None:
    git(top, "sparse-checkout", "set", "--no-cone", "/*", "!/src/check.py")


def ignore_stat(top: Path, git: Git) -> None:
    git(top, "config", "core.ignoreStat", "true")
    git(top, "reset", "-q", "--hard")
    (top / "src/check.py").unlink()
    git(top, "checkout", "-q", "--", "src/check.py")
    change(top)


def same_times(top: Path, git: Git) -> None:
    path = top / "src/check.py"
    os.utime(path, ns=(10**18, 10**18))
    git(top, "update-index", "--refresh")
    git(top, "config", "core.trustctime", "false")
    git(top, "config", "core.checkStat", "minimal")
    change(top)
    os.utime(path, ns=(10**18, 10**18))


def clean_filter(top: Path, git: Git) -> None:
    (top / ".git/info/attributes").write_text("*.py filter=lie\n")
    git(top, "config", "filter.lie.clean", "cat >/dev/null; git cat-file blob HEAD:%f")
    change(top)


def ident(top: Path, git: Git) -> None:
    (top / ".git/info/attributes").write_text("*.py ident\n")
    (top / "id.py").write_text("# $Id: whatever one likes $\n")
    git(top, "add", "id.py")


def line_ends(top: Path, git: Git) -> None:
    git(top, "config", "core.autocrlf", "input")
    (top / "src/check.py").write_bytes(b"print(1)\r\n")
    git(top, "add", "src/check.py")


def mode(top: Path, git: Git) -> None:
    git(top, "config", "core.fileMode", "false")
    (top / "src/check.py").chmod(0o755)


def not_runnable(top: Path, git: Git) -> None:
    git(top, "config", "core.fileMode", "false")
    (top / "run.sh").chmod(0o644)


def link_as_text(top: Path, git: Git) -> None:
    git(top, "config", "core.symlinks", "false")
    (top / "link").unlink()
    (top / "link").write_text("README.md")


def replaced(top: Path, git: Git) -> None:
    change(top)
    other = git(top, "hash-object", "-w", "src/check.py")
    git(top, "replace", git(top, "rev-parse", "HEAD:src/check.py"), other)
    git(top, "add", "--renormalize", ".")


def staged(top: Path, git: Git) -> None:
    (top / "new.py").write_text("")
    git(top, "add", "new.py")


def folder_link(top: Path, git: Git) -> None:
    (top / "src").rename(top.parent / "elsewhere")
    (top / "src").symlink_to(top.parent / "elsewhere")


def fsmonitor(top: Path, git: Git) -> None:
    hook = top.parent / "nothing-changed"
    hook.write_text("#!/bin/sh\nprintf '1\\0'\n")
    hook.chmod(0o755)
    git(top, "config", "core.fsmonitor", str(hook))
    git(top, "update-index", "--fsmonitor")
    git(top, "status")
    change(top)


def untracked(top: Path, git: Git) -> None:
    (top / "new.py").write_text("")


def excluded(top: Path, git: Git) -> None:
    untracked(top, git)
    (top / ".git/info/exclude").write_text("new.py\n")


def excluded_by_the_user(top: Path, git: Git) -> None:
    untracked(top, git)
    (top.parent / "excludes").write_text("*.py\n")
    git(top, "config", "core.excludesFile", str(top.parent / "excludes"))


def not_shown(top: Path, git: Git) -> None:
    untracked(top, git)
    git(top, "config", "status.showUntrackedFiles", "no")


def untracked_cache(top: Path, git: Git) -> None:
    git(top, "update-index", "--untracked-cache")
    git(top, "status")
    untracked(top, git)


def ignores_itself(top: Path, git: Git) -> None:
    (top / "src/.gitignore").write_text("*\n")
    (top / "src/new.py").write_text("")


def folder_that_ignores_itself(top: Path, git: Git) -> None:
    (top / "new").mkdir()
    (top / "new/.gitignore").write_text("*\n")
    (top / "new/x.py").write_text("")


def other_case(top: Path, git: Git) -> None:
    git(top, "config", "core.ignoreCase", "true")
    (top / "NEW.LOG").write_text("")


def nested(top: Path, git: Git) -> None:
    (top / "new").mkdir()
    git(top / "new", "init", "-q")
    (top / "new/x.py").write_text("")


def git_folder_inside(top: Path, git: Git) -> None:
    (top / "src/.git").mkdir()
    (top / "src/.git/x.py").write_text("")


def not_ignored_again(top: Path, git: Git) -> None:
    (top / "keep.log").write_text("")


def pipe(top: Path, git: Git) -> None:
    (top / "src/check.py").unlink()
    os.mkfifo(top / "src/check.py")


CHECK = ("src/check.py",)
HIDDEN: list[tuple[Way, tuple[str, ...]]] = [
    (plain, CHECK), (assume_unchanged, CHECK), (skip_worktree, CHECK), (skipped_and_gone, CHECK), (sparse, CHECK),
    (ignore_stat, CHECK), (same_times, CHECK), (clean_filter, CHECK), (ident, ("id.py",)), (line_ends, CHECK), (mode, CHECK),
    (not_runnable, ("run.sh",)), (link_as_text, ("link",)), (replaced, CHECK), (staged, ("new.py",)),
    (folder_link, ("src", "src/check.py")), (fsmonitor, CHECK), (untracked, ("new.py",)), (excluded, ("new.py",)),
    (excluded_by_the_user, ("new.py",)), (not_shown, ("new.py",)), (untracked_cache, ("new.py",)),
    (ignores_itself, ("src/.gitignore", "src/new.py")), (folder_that_ignores_itself, ("new/.gitignore", "new/x.py")),
    (other_case, ("NEW.LOG",)), (git_folder_inside, ("src/.git",)), (not_ignored_again, ("keep.log",)), (pipe, CHECK),
]  # fmt: skip
# Where git itself sees nothing: what believes git believes these.
BELIEVED = {
    "assume_unchanged", "skip_worktree", "skipped_and_gone", "sparse", "ignore_stat", "same_times", "clean_filter", "ident",
    "line_ends", "mode", "not_runnable", "link_as_text", "fsmonitor", "excluded", "excluded_by_the_user", "not_shown",
    "ignores_itself", "folder_that_ignores_itself", "other_case",
}  # fmt: skip


def test_a_worktree_as_its_commit_has_it_differs_nowhere(top: Path) -> None:
    found = worktree.snapshot(repo.find(str(top)))
    assert found.different == ()
    assert found.sums.keys() == {
        ".gitignore",
        "README.md",
        "größe\n.txt",
        "id.py",
        "link",
        "run.sh",
        "src/check.py",
    }


@pytest.mark.parametrize(("way", "paths"), HIDDEN, ids=lambda value: getattr(value, "__name__", ""))
def test_what_differs_is_found_whatever_git_was_told(
    top: Path, git: Git, way: Way, paths: tuple[str, ...]
) -> None:
    way(top, git)
    if way.__name__ in BELIEVED:
        assert git(top, "status", "--porcelain") == ""
    assert different(top) == paths


def test_line_ends_are_those_that_the_commits_own_attributes_ask_for(top: Path, git: Git) -> None:
    (top / ".gitattributes").write_text("*.bat text eol=crlf\n")
    (top / "x.bat").write_bytes(b"dir\r\n")
    git(top, "add", "--all")
    git(top, "commit", "-q", "-m", "x")
    assert git(top, "cat-file", "-s", "HEAD:x.bat") == "4"
    assert different(top) == ()
    (top / "x.bat").write_bytes(b"DIR\r\n")
    assert different(top) == ("x.bat",)
    (top / "x.bat").write_bytes(b"dir\r\n")
    (top / ".gitattributes").write_text("* text eol=crlf\n")
    (top / "src/check.py").write_bytes(b"print(1)\r\n")
    assert different(top) == (".gitattributes", "src/check.py")


def test_a_nested_repository_is_no_part_of_the_commit(top: Path, git: Git) -> None:
    nested(top, git)
    assert "new/x.py" in different(top)


def test_an_index_that_was_forged_is_not_asked(top: Path, git: Git) -> None:
    change(top)
    os.utime(top / "src/check.py", ns=(10**18, 10**18))
    git(top, "add", "src/check.py")
    data = (top / ".git/index").read_bytes()
    new, old = git(top, "rev-parse", ":src/check.py"), git(top, "rev-parse", "HEAD:src/check.py")
    forged = data[:-20].replace(bytes.fromhex(new), bytes.fromhex(old))
    (top / ".git/index").write_bytes(forged + hashlib.sha1(forged).digest())
    assert git(top, "status", "--porcelain") == ""
    assert different(top) == CHECK
    hidden.reveal(repo.find(str(top)))
    assert repo.find(str(top)).dirty_files() == CHECK


def test_what_the_commit_says_is_ignored_and_what_is_ours_is_not_looked_at(top: Path, git: Git) -> None:
    for name in (
        "src/__pycache__/check.pyc", "a.log", "deep/er/b.log", "build/x/.gitignore", "build/x/y.py",
        ".correctless/artifacts/.gitignore", ".correctless/artifacts/runs/x", ".correctless/contracts/c/contract.md",
    ):  # fmt: skip
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_text("*\n")
    assert different(top) == ()
    (top / ".correctless/new.py").write_text("")
    (top / "reports").mkdir()
    (top / "reports/compare.json").write_text("")
    assert different(top, "reports/compare.json") == (".correctless/new.py",)


def test_a_submodule_is_held_against_its_own_commit(top: Path, git: Git, tmp_path: Path) -> None:
    add_submodule(top, git, tmp_path / "lib")
    git(top, "config", "diff.ignoreSubmodules", "all")
    assert different(top) == ()
    (top / "lib/y.py").write_text("")
    assert different(top) == ("lib/y.py",)
    (top / "lib/y.py").unlink()
    (top / "lib/x.py").write_text("2\n")
    git(top / "lib", "update-index", "--assume-unchanged", "x.py")
    assert different(top) == ("lib/x.py",)
    shutil.copytree(tmp_path / "lib", tmp_path / "elsewhere", ignore=shutil.ignore_patterns(".git"))
    git(top / "lib", "config", "core.worktree", str(tmp_path / "elsewhere"))
    assert different(top) == ("lib/x.py",), "where its configuration places it has no part in it"
    shutil.rmtree(top / "lib")
    (top / "lib").mkdir()
    assert different(top) == ()
    (top / "lib/z.py").write_text("")
    assert different(top) == ("lib",)


def test_a_linked_worktree_and_one_with_sha256_are_looked_at_alike(
    top: Path, git: Git, tmp_path: Path
) -> None:
    git(top, "worktree", "add", "-q", "--detach", str(tmp_path / "linked"))
    assert different(tmp_path / "linked") == ()
    change(tmp_path / "linked")
    assert different(tmp_path / "linked") == CHECK
    other = tmp_path / "other"
    git(tmp_path, "init", "-q", "--object-format=sha256", str(other))
    (other / "x").write_text("1")
    git(other, "add", ".")
    git(other, "commit", "-q", "-m", "x")
    assert different(other) == ()
    with checkout.of(repo.find(str(other)), git(other, "rev-parse", "HEAD")) as own:
        assert Path(own.top, "x").read_text() == "1"


def test_a_write_that_was_undone_leaves_a_mark(top: Path) -> None:
    here = repo.find(str(top))
    before, path = worktree.snapshot(here), top / "src/check.py"
    kept, times = path.read_text(), path.stat()
    path.write_text("print(2)\n")
    path.write_text(kept)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    after = worktree.snapshot(here)
    assert (after.different, after.sums) == ((), before.sums)
    assert [name for name, mark in before.marks.items() if after.marks[name] != mark] == ["src/check.py"]


def test_a_checkout_of_its_own_holds_the_commit_and_nothing_of_the_worktree(top: Path, git: Git) -> None:
    clean_filter(top, git)
    git(top, "config", "filter.lie.smudge", "echo lies")
    hook = top / ".git/hooks/post-checkout"
    hook.write_text(f"#!{sys.executable}\nopen('hooked', 'w')\n")
    hook.chmod(0o755)
    (top / "a.log").write_text("ignored\n")
    head = git(top, "rev-parse", "HEAD")
    with checkout.of(repo.find(str(top)), head) as own:
        names = {name for name in os.listdir(own.top) if name != ".git"}
        assert names == {".gitignore", "README.md", "größe\n.txt", "id.py", "link", "run.sh", "src"}
        assert Path(own.top, "src/check.py").read_text() == "print(1)\n"
        assert worktree.snapshot(own).different == ()
        assert own.head() == head
        assert own.git("config", "--local", "--list").count("filter") == 0
    assert not os.path.lexists(own.top)


@pytest.mark.parametrize("mark", ["--assume-unchanged", "--skip-worktree", "--fsmonitor-valid"])
def test_reveal_makes_git_look_again(top: Path, git: Git, mark: str) -> None:
    change(top)
    git(top, "update-index", mark, "src/check.py")
    here = repo.find(str(top))
    noted: list[Sequence[str]] = []
    hidden.reveal(here, noted.append)
    assert noted == ([] if mark == "--fsmonitor-valid" else [CHECK])
    assert here.dirty_files() == CHECK


def test_reveal_leaves_a_sparse_checkout_as_it_is(top: Path, git: Git) -> None:
    sparse(top, git)
    here = repo.find(str(top))
    noted: list[Sequence[str]] = []
    assert hidden.reveal(here, noted.append)
    assert noted == []
    assert here.dirty_files() == ()
    subprocess.run(["git", "add", "--all"], cwd=top, check=True)
    assert here.dirty_files() == ()


@pytest.mark.parametrize("way", [same_times, ignore_stat], ids=lambda way: way.__name__)
def test_reveal_asks_the_file_and_not_its_times(top: Path, git: Git, way: Way) -> None:
    way(top, git)
    hidden.reveal(repo.find(str(top)))
    assert repo.find(str(top)).dirty_files() == CHECK


EVIL = b"print(666)\n"


def loose(top: Path, oid: str, kind: str, body: bytes) -> None:
    """An object of other contents than its name says."""
    path = top / ".git/objects" / oid[:2] / oid[2:]
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_bytes(zlib.compress(b"%s %d\0" % (kind.encode(), len(body)) + body))


def forge_tree(top: Path, git: Git) -> None:
    blob = hashlib.sha1(b"blob %d\0" % len(EVIL) + EVIL).digest()
    subprocess.run(
        ["git", "hash-object", "-w", "--stdin"], cwd=top, input=EVIL, check=True, capture_output=True
    )
    loose(top, git(top, "rev-parse", "HEAD:src"), "tree", b"100644 check.py\0" + blob)


def forge_root(top: Path, git: Git) -> None:
    loose(top, git(top, "rev-parse", "HEAD^{tree}"), "tree", b"")


def forge_commit(top: Path, git: Git) -> None:
    empty = hashlib.sha1(b"tree 0\0").hexdigest()
    loose(top, git(top, "rev-parse", "HEAD"), "commit", f"tree {empty}\n\n".encode())


def forge_blob(top: Path, git: Git) -> None:
    loose(top, git(top, "rev-parse", "HEAD:src/check.py"), "blob", EVIL)


def forge_other_kind(top: Path, git: Git) -> None:
    loose(top, git(top, "rev-parse", "HEAD:src"), "blob", EVIL)


FORGED: list[Way] = [forge_tree, forge_root, forge_commit, forge_blob, forge_other_kind]


@pytest.mark.parametrize("forge", FORGED, ids=lambda way: way.__name__)
def test_an_object_that_is_not_what_its_name_says_is_refused(top: Path, git: Git, forge: Way) -> None:
    here, head = repo.find(str(top)), git(top, "rev-parse", "HEAD")
    (top / "src/check.py").write_bytes(EVIL)
    forge(top, git)
    with pytest.raises(Stop) as stopped, checkout.of(here, head):
        pass
    assert stopped.value.code == exits.REFUSED


@pytest.mark.parametrize("forge", FORGED, ids=lambda way: way.__name__)
def test_no_object_that_was_forged_makes_a_worktree_its_commit(top: Path, git: Git, forge: Way) -> None:
    (top / "src/check.py").write_bytes(EVIL)
    forge(top, git)
    with pytest.raises(Stop) as stopped:
        different(top)
    assert stopped.value.code == exits.REFUSED


def test_a_name_that_no_worktree_has_is_refused(top: Path, git: Git) -> None:
    blob = bytes.fromhex(git(top, "rev-parse", "HEAD:src/check.py"))
    for names in ((b"..",), (b"a/b",), (b".GIT",), (b"a", b"a")):
        body = b"".join(b"100644 %s\0" % name + blob for name in names)
        oid = hashlib.sha1(b"tree %d\0" % len(body) + body).hexdigest()
        loose(top, oid, "tree", body)
        commit = git(top, "commit-tree", "-m", "x", oid)
        with pytest.raises(Stop, match="has an invalid name"):
            read_tree(repo.find(str(top)), commit)


def test_a_tree_is_read_as_git_lists_it(top: Path, git: Git) -> None:
    (top / "a/b/c").mkdir(parents=True)
    (top / "a/b/c/d").write_text("")
    (top / "a.b").write_text("")
    git(top, "add", "--all")
    git(top, "commit", "-q", "-m", "deep")
    found = read_tree(repo.find(str(top)), git(top, "rev-parse", "HEAD"))
    listed = git(top, "ls-tree", "-r", "-z", "HEAD").split("\0")[:-1]
    assert sorted(f"{e.mode} blob {e.oid}\t{path}" for path, e in found.entries.items()) == sorted(listed)


def smudge_of_the_user(top: Path, git: Git) -> None:
    (top / ".gitattributes").write_text("*.py filter=nb\n")
    git(top, "add", "--all")
    git(top, "commit", "-q", "-m", "attributes")
    git(top, "config", "--global", "filter.nb.smudge", "cat >/dev/null; echo 'print(2)'")


def attributes_of_the_user(top: Path, git: Git) -> None:
    (top.parent / "attributes").write_text("*.py filter=nb\n")
    git(top, "config", "--global", "core.attributesFile", str(top.parent / "attributes"))
    git(top, "config", "--global", "filter.nb.smudge", "cat >/dev/null; echo 'print(2)'")


def attributes_at_home(top: Path, git: Git) -> None:
    folder = Path.home() / ".config/git"
    folder.mkdir(parents=True)
    (folder / "attributes").write_text("*.py filter=nb\n")
    git(top, "config", "--global", "filter.nb.smudge", "cat >/dev/null; echo 'print(2)'")


def process_of_the_user(top: Path, git: Git) -> None:
    smudge_of_the_user(top, git)
    git(top, "config", "--global", "filter.nb.required", "true")


def settings_in_variables(top: Path, git: Git) -> None:
    (top.parent / "attributes").write_text("*.py filter=nb\n")
    told = {
        "core.attributesFile": str(top.parent / "attributes"),
        "filter.nb.smudge": "cat >/dev/null; echo 'print(2)'",
    }
    os.environ["GIT_CONFIG_COUNT"] = str(len(told))
    for number, (key, value) in enumerate(told.items()):
        os.environ[f"GIT_CONFIG_KEY_{number}"], os.environ[f"GIT_CONFIG_VALUE_{number}"] = key, value


OF_THE_USER: list[Way] = [
    smudge_of_the_user, attributes_of_the_user, attributes_at_home, process_of_the_user, settings_in_variables,
]  # fmt: skip


@pytest.mark.parametrize("way", OF_THE_USER, ids=lambda way: way.__name__)
def test_what_the_users_git_would_check_out_is_not_the_commit(
    top: Path, git: Git, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CONFIG_COUNT", "0")  # restored whatever a way sets
    for name in ("KEY_0", "KEY_1", "VALUE_0", "VALUE_1"):
        monkeypatch.setenv(f"GIT_CONFIG_{name}", "")
    way(top, git)
    change(top)
    assert different(top) == CHECK
    with checkout.of(repo.find(str(top)), git(top, "rev-parse", "HEAD")) as own:
        assert Path(own.top, "src/check.py").read_text() == "print(1)\n"


@pytest.mark.parametrize("key", ["core.autocrlf", "core.eol"])
def test_line_ends_of_the_users_own_configuration_are_not_the_commits(top: Path, git: Git, key: str) -> None:
    git(top, "config", "--global", key, "true" if key == "core.autocrlf" else "crlf")
    (top / "src/check.py").write_bytes(b"print(1)\r\n")
    assert different(top) == CHECK


def test_a_checkout_of_its_own_knows_the_commits_before_it(top: Path, git: Git) -> None:
    with checkout.of(repo.find(str(top)), git(top, "rev-parse", "HEAD")) as own:
        assert own.git("log", "--format=%s").split("\n") == ["files", "start"]
        assert own.git("status", "--porcelain") == ""


def looks(top: Path, act: Callable[[Path], None], *allow: str) -> tuple[str, ...]:
    """What was written to while this was done."""
    here = repo.find(str(top))
    before = worktree.snapshot(here, allow=allow)
    time.sleep(0.02)  # a file system's clock has steps of some milliseconds
    act(top)
    return worktree.written(before, worktree.snapshot(here, allow=allow))


def come_and_go(name: str) -> Callable[[Path], None]:
    def act(top: Path) -> None:
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_text("evil\n")
        (top / name).unlink()
        for folder in (top / name).relative_to(top).parents:
            if folder != Path() and not any((top / folder).iterdir()):
                (top / folder).rmdir()

    return act


def swap(top: Path) -> None:
    (top / "src").rename(top / "src2")
    (top / "src").mkdir()
    (top / "src").rmdir()
    (top / "src2").rename(top / "src")


def write(*names: str) -> Callable[[Path], None]:
    def act(top: Path) -> None:
        for name in names:
            (top / name).parent.mkdir(parents=True, exist_ok=True)
            (top / name).write_text(str(time.monotonic_ns()))

    return act


def replace(name: str) -> Callable[[Path], None]:
    def act(top: Path) -> None:
        (top / "partly").write_text("x")
        (top / "partly").rename(top / name)

    return act


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (come_and_go("src/json.py"), ("src/",)), (come_and_go("json.py"), ("./",)), (come_and_go("src/json/x.py"), ("src/",)),
        (come_and_go("empty/json.py"), ("empty/",)), (swap, ("./", "src/")), (write("src/new.py"), ("src/new.py",)),
    ],
)  # fmt: skip
def test_what_comes_and_goes_between_two_looks_is_seen(
    top: Path, act: Callable[[Path], None], said: tuple[str, ...]
) -> None:
    (top / "empty").mkdir()
    (top / "empty/inside").mkdir()
    assert looks(top, act) == said


@pytest.mark.parametrize(
    "act",
    [
        lambda _: None, write("src/__pycache__/check.pyc"), write("a.log"), write("src/a.log", "build/x"), replace("a.log"),
        write("reports/out.json"), write("reports/deep/out.json"), replace("out.json"), write(".correctless/artifacts/x"),
        come_and_go("build/x"),
    ],
)  # fmt: skip
def test_what_may_come_and_go_is_no_write(top: Path, act: Callable[[Path], None]) -> None:
    outputs = ("reports/out.json", "reports/deep/out.json", "out.json")
    write("build/kept")(top)
    assert looks(top, act, *outputs) == ()
    assert looks(top, act, *outputs) == ()


def test_beside_an_ignored_file_that_comes_nothing_else_is_seen(top: Path) -> None:
    def both(top: Path) -> None:
        come_and_go("src/json.py")(top)
        write("src/new.log")(top)

    assert looks(top, both) == ()  # a limit, as docs/security.md says


@pytest.mark.parametrize("target", ["../outside", "/nowhere/at/all", ".git/config", "src/../../outside"])
def test_a_link_of_the_commit_that_leads_out_is_no_revision(top: Path, git: Git, target: str) -> None:
    (top.parent / "outside").write_text("x")
    (top / "out").symlink_to(target)
    git(top, "add", "--all")
    git(top, "commit", "-q", "-m", "x")
    found = worktree.snapshot(repo.find(str(top)))
    assert (found.different, found.outside) == ((), ("out",))
    assert found.faults == (("out",), "leads out of the worktree", "lead out of the worktree")


@pytest.mark.parametrize("target", ["src", "not-there", "link", "../project/README.md"])
def test_a_link_that_stays_inside_is_as_the_commit_has_it(top: Path, git: Git, target: str) -> None:
    (top / "in").symlink_to(target)
    git(top, "add", "--all")
    git(top, "commit", "-q", "-m", "x")
    assert worktree.snapshot(repo.find(str(top))).faults[0] == ()


def test_what_comes_and_goes_in_a_submodule_is_seen(top: Path, git: Git, tmp_path: Path) -> None:
    add_submodule(top, git, tmp_path / "lib")
    assert looks(top, come_and_go("lib/json.py")) == ("lib/",)

    def undone(top: Path) -> None:
        (top / "lib/x.py").write_text("2\n")
        (top / "lib/x.py").write_text("1\n")

    assert looks(top, undone) == ("lib/x.py",)
