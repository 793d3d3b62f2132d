"""Repositories as people have them: each does a whole run with a push, and a fresh clone of the result builds and tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Git, begun
from correctless.base import exits
from project import CONFIG, Project

BRANCH = "feature/x"
OPENS = [
    sys.executable,
    "-c",
    "import json,sys; print('https://example.invalid/' + json.load(sys.stdin)['commit'])",
]
STEPS = {"pipelines": {"default": {"steps": [{"skill": "ctdd"}, {"skill": "cdocs"}]}}, "pr": OPENS}
TEST = [sys.executable, "-m", "unittest", "-q"]


class Place:
    """A bare remote with main on it, and what a kind of repository makes of it."""

    def __init__(self, folder: Path, git: Git) -> None:
        self.folder, self.git = folder, git
        self.bare = folder / "origin.git"
        self.config: dict[str, object] = {}
        self.settings: dict[str, str] = {}  # of git, once the project is made
        self.env: dict[str, str] = {}
        self.extra = "None"  # what the agent does besides
        self.clone_options: tuple[str, ...] = ()  # of the fresh clone at the end

    def seed(self, files: dict[str, str] | None = None, *init: str) -> None:
        """The remote, with these files on main."""
        git, seed = self.git, self.folder / "seed"
        git(self.folder, "init", "-q", "--bare", "-b", "main", *init, str(self.bare))
        if init:
            git(self.folder, "init", "-q", "-b", "main", *init, str(seed))
        else:
            begun(seed, git)
            git(seed, "switch", "-q", "main")
        for name, text in {"README.md": "# project\n", **(files or {})}.items():
            path = seed / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
        git(seed, "add", "--all")
        git(seed, "commit", "-q", "--allow-empty", "-m", "files")
        git(seed, "push", "-q", str(self.bare), "main")

    def clone(self, *options: str, name: str = "project") -> Path:
        top = self.folder / name
        self.git(self.folder, "clone", "-q", *options, f"file://{self.bare}", str(top))
        self.git(top, "switch", "-q", "-c", BRANCH)
        return top


def plain(place: Place) -> Path:
    place.seed()
    return place.clone()


def added_by_hand(place: Place) -> Path:
    """No origin/HEAD, and the default branch has a name of its own."""
    place.seed()
    place.git(place.bare, "branch", "-m", "main", "trunk")
    top = place.folder / "project"
    place.git(place.folder, "init", "-q", "-b", BRANCH, str(top))
    place.git(top, "remote", "add", "origin", str(place.bare))
    place.git(top, "pull", "-q", "origin", "trunk")
    return top


def deleted_there(place: Place) -> Path:
    place.seed()
    top = place.clone()
    place.git(top, "push", "-q", "origin", BRANCH)
    place.git(place.bare, "update-ref", "-d", f"refs/heads/{BRANCH}")
    return top


def rewritten_address(place: Place) -> Path:
    place.seed()
    top = place.clone()
    place.git(top, "remote", "set-url", "origin", "work:project.git")
    place.git(top, "config", f"url.{place.bare}.insteadOf", "work:project.git")
    return top


def a_fork(place: Place) -> Path:
    place.seed()
    place.git(place.folder, "clone", "-q", "--bare", str(place.bare), "upstream.git")
    top = place.clone()
    place.git(top, "remote", "add", "upstream", str(place.folder / "upstream.git"))
    place.git(top, "fetch", "-q", "upstream")
    place.config = {"pr_remote": "upstream"}
    return top


def sparse(place: Place) -> Path:
    """Only the top's files and src/ are checked out; the agent also writes where nothing is."""
    place.seed({"src/a.py": "a = 1\n", "assets/big.txt": "x\n" * 100, "other/deep/b.py": "b = 1\n"})
    top = place.clone("--sparse")
    place.git(top, "sparse-checkout", "set", "src")
    place.extra = (
        "(pathlib.Path('other').mkdir(exist_ok=True), pathlib.Path('other/new.py').write_text('n = 1\\n'))"
    )
    return top


def sparse_index(place: Place) -> Path:
    top = sparse(place)
    place.git(top, "sparse-checkout", "set", "--sparse-index", "src")
    return top


def sparse_patterns(place: Place) -> Path:
    top = sparse(place)
    place.git(top, "sparse-checkout", "set", "--no-cone", "/*", "!/assets/")
    return top


def strict_line_ends(place: Place) -> Path:
    """A machine on which git refuses what it would convert."""
    place.seed()
    top = place.clone()
    place.settings = {"core.autocrlf": "true", "core.safecrlf": "true"}
    place.extra = "pathlib.Path('mixed.txt').write_bytes(b'one\\r\\ntwo\\n')"
    return top


def line_ends_by_attributes(place: Place) -> Path:
    place.seed({".gitattributes": "* text=auto\n*.bat eol=crlf\n", "run.bat": "echo\n"})
    place.extra = "pathlib.Path('new.bat').write_bytes(b'echo\\necho\\n')"
    return place.clone("-c", "core.safecrlf=true")


def submodule(place: Place) -> Path:
    git = place.git
    git(place.folder, "config", "--global", "protocol.file.allow", "always")
    git(place.folder, "init", "-q", "--bare", "-b", "main", "lib.git")
    lib = begun(place.folder / "lib", git)
    (lib / "lib.py").write_text("one = 1\n")
    git(lib, "add", ".")
    git(lib, "commit", "-q", "-m", "lib")
    git(lib, "push", "-q", str(place.folder / "lib.git"), "HEAD:main")
    place.seed()
    seed = place.folder / "seed"
    git(seed, "submodule", "-q", "add", str(place.folder / "lib.git"), "lib")
    git(seed, "commit", "-q", "-m", "lib")
    git(seed, "push", "-q", str(place.bare), "main")
    place.clone_options = ("--recurse-submodules",)
    return place.clone(*place.clone_options)


def shallow(place: Place) -> Path:
    place.seed()
    return place.clone("--depth", "1")


def partial(place: Place) -> Path:
    """Older contents are on the remote alone."""
    place.seed({"old.txt": "one\n"})
    seed = place.folder / "seed"
    (seed / "old.txt").write_text("two\n")
    place.git(seed, "commit", "-qam", "two")
    place.git(seed, "push", "-q", str(place.bare), "main")
    place.git(place.bare, "config", "uploadpack.allowFilter", "true")
    place.git(place.bare, "config", "uploadpack.allowAnySHA1InWant", "true")
    return place.clone("--filter=blob:none")


def partial_and_sparse(place: Place) -> Path:
    """As clones of very large repositories are made."""
    place.seed(
        {"src/a.py": "a = 1\n", "assets/.gitattributes": "*.txt text\n", "assets/big.txt": "x\n" * 100}
    )
    place.git(place.bare, "config", "uploadpack.allowFilter", "true")
    place.git(place.bare, "config", "uploadpack.allowAnySHA1InWant", "true")
    top = place.clone("--filter=blob:none", "--sparse")
    place.git(top, "sparse-checkout", "set", "src")
    return top


def borrowed_objects(place: Place) -> Path:
    place.seed()
    return place.clone("--reference", str(place.folder / "seed"))


def linked_worktree(place: Place) -> Path:
    place.seed()
    first = place.clone(name="first")
    place.git(first, "switch", "-q", "main")
    place.git(first, "worktree", "add", "-q", str(place.folder / "project"), BRANCH)
    return place.folder / "project"


def git_folder_elsewhere(place: Place) -> Path:
    place.seed()
    return place.clone("--separate-git-dir", str(place.folder / "elsewhere.git"))


def sha256_objects(place: Place) -> Path:
    place.seed(None, "--object-format=sha256")
    return place.clone()


def signed(place: Place) -> Path:
    place.seed()
    top = place.clone()
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(place.folder / "key")], check=True
    )
    for key, value in (
        ("gpg.format", "ssh"),
        ("user.signingkey", str(place.folder / "key")),
        ("commit.gpgsign", "true"),
    ):
        place.git(top, "config", key, value)
    return top


def one_commit(place: Place) -> Path:
    place.seed()
    place.config = {"commit": {"squash": True, "signoff": True}}
    return place.clone()


_HOOKS = {
    "pre-commit": "git diff --cached --name-only | sort > ../saw; test -z \"$(git diff --cached --name-only -- '*.tmp')\"",
    "commit-msg": "grep -qE '^chore[(][a-z]+[)]: ' \"$1\" && echo 'Change-Id: I1' >> \"$1\"",
}


def hooks_for_files_and_message(place: Place) -> Path:
    """The team's own, which look at all files of the branch and at the form of the message."""
    place.seed({f".githooks/{name}": f"#!/bin/sh\n{script}\n" for name, script in _HOOKS.items()})
    top = place.clone()
    for name in _HOOKS:
        place.git(top, "update-index", "--chmod=+x", f".githooks/{name}")
        (top / ".githooks" / name).chmod(0o755)
    place.git(top, "commit", "-q", "-m", "hooks can be run")
    place.settings = {"core.hooksPath": ".githooks"}
    place.config = {"commit": {"message": "chore({step}): {title}"}}
    return top


def of_another_user(place: Place) -> Path:
    """One that you told git to trust: a mounted folder, a container's volume."""
    place.seed()
    top = place.clone()
    place.git(place.folder, "config", "--global", "safe.directory", "*")
    (place.folder / "bin").mkdir()
    program = place.folder / "bin" / "git"
    # git's own tests say it so: nobody but root can give a folder away
    program.write_text(f'#!/bin/sh\nGIT_TEST_ASSUME_DIFFERENT_OWNER=1 exec {shutil.which("git")} "$@"\n')
    program.chmod(0o755)
    place.env = {"PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}"}
    (top / ".git" / "hooks" / "pre-commit").write_text(
        "#!/bin/sh\ngit diff --cached --quiet && exit 1 || exit 0\n"
    )
    (top / ".git" / "hooks" / "pre-commit").chmod(0o755)
    return top


def behind_a_link(place: Place) -> Path:
    place.seed()
    place.clone(name="real")
    (place.folder / "project").symlink_to("real")
    return place.folder / "project"


def odd_names(place: Place) -> Path:
    place.seed({"with space/ü.txt": "x\n", "-dash": "x\n"})
    top = place.clone()
    os.symlink("README.md", top / "link")
    place.git(top, "add", "link")
    place.git(top, "commit", "-q", "-m", "a link")
    place.extra = "pathlib.Path('[new] ö.txt').write_text('x')"
    return top


KINDS: tuple[Callable[[Place], Path], ...] = (
    *(plain, added_by_hand, deleted_there, rewritten_address, a_fork),
    *(sparse, sparse_index, sparse_patterns, strict_line_ends, line_ends_by_attributes),
    *(
        submodule,
        shallow,
        partial,
        partial_and_sparse,
        borrowed_objects,
        linked_worktree,
        git_folder_elsewhere,
    ),
    *(sha256_objects, signed, one_commit, hooks_for_files_and_message, odd_names),
    *(of_another_user, behind_a_link),
)


@pytest.mark.sweep(6)
@pytest.mark.parametrize("kind", KINDS, ids=[kind.__name__ for kind in KINDS])
def test_a_whole_run_is_pushed_and_a_fresh_clone_of_it_builds_and_tests(
    kind: Callable[[Place], Path], tmp_path: Path, git: Git
) -> None:
    place = Place(tmp_path, git)
    top = kind(place)
    project = Project(top, git, config={**CONFIG, **STEPS, **place.config})
    project.env |= place.env
    for key, value in place.settings.items():
        git(top, "config", key, value)
    files = set(git(top, "ls-tree", "-r", "--name-only", "-z", "HEAD").split("\0"))
    done = project.run(AGENT_EXTRA=f"{place.extra} if step == 'cdocs' else None")
    assert done.returncode == exits.PERSON, done.stderr
    assert project.review(answer="{digest}")[0] == exits.OK
    done = project.cauto("resume")
    assert done.returncode == exits.OK, done.stderr
    fresh = tmp_path / "fresh"
    git(tmp_path, "clone", "-q", *place.clone_options, "--branch", BRANCH, f"file://{place.bare}", str(fresh))
    assert git(fresh, "rev-parse", "HEAD") == git(top, "rev-parse", "HEAD")
    assert project.state().url.endswith(git(fresh, "rev-parse", "HEAD"))
    now = set(git(fresh, "ls-tree", "-r", "--name-only", "-z", "HEAD").split("\0"))
    assert files <= now  # also what this machine never checked out
    assert {"greet.py", "test_greet.py"} <= now
    tested = subprocess.run(TEST, cwd=fresh, capture_output=True, text=True, check=False)
    assert tested.returncode == 0, tested.stderr
    assert git(fresh, "status", "--porcelain") == ""
    assert git(top, "status", "--porcelain") == ""


def test_the_hooks_of_a_repository_saw_the_files_of_all_steps(tmp_path: Path, git: Git) -> None:
    place = Place(tmp_path, git)
    top = hooks_for_files_and_message(place)
    project = Project(top, git, config={**CONFIG, **STEPS, **place.config})
    git(top, "config", "core.hooksPath", ".githooks")
    assert project.run().returncode == exits.PERSON
    assert (tmp_path / "saw").read_text().split() == ["README.md", "greet.py", "test_greet.py"]
    assert "Change-Id: I1" in git(top, "log", "-1", "--format=%B")
    assert git(top, "log", "-1", "--format=%s") == "chore(consolidation): spec"


@pytest.mark.parametrize(
    "change",
    [
        "git -C lib commit -q --allow-empty -m own",
        "git -C lib commit -q --allow-empty -m own; git add lib; git commit -q -m pointer",
        "echo two >> lib/lib.py; echo new > lib/new.py",
    ],
    ids=["commit in it", "pointer", "files in it"],
)
def test_a_submodule_that_an_agent_changed_is_named_with_the_command_that_puts_it_back(
    change: str, tmp_path: Path, git: Git
) -> None:
    place = Place(tmp_path, git)
    top = submodule(place)
    one_step = {"pipelines": {"default": {"steps": [{"skill": "cdocs"}]}}, "pr": "skip"}
    project = Project(top, git, config={**CONFIG, **one_step})
    before = git(top, "-C", "lib", "rev-parse", "HEAD")
    done = project.run(AGENT_EXTRA=f"import subprocess; subprocess.run({change!r}, shell=True, check=True)")
    assert done.returncode == exits.REFUSED, done.stderr
    assert (
        "lib is a submodule, and a run can't commit a change of it" in done.stderr
    )  # what the agent is told
    assert ".git)" not in done.stderr  # it is no accident that it is a repository of its own
    put_back = "git submodule update --init --force -- lib && git -C lib clean -ffd"
    assert f"put it back with: {put_back}" in done.stderr.splitlines()[-1]
    subprocess.run(put_back, cwd=top, shell=True, check=True, capture_output=True)
    assert git(top, "-C", "lib", "rev-parse", "HEAD") == before
    again = project.cauto("resume")
    assert again.returncode == exits.PERSON, again.stderr


def test_a_changed_submodule_is_refused_at_the_start_with_what_to_do(tmp_path: Path, git: Git) -> None:
    place = Place(tmp_path, git)
    top = submodule(place)
    project = Project(top, git, config={**CONFIG, "pr": "skip"})
    (top / "lib" / "new.py").write_text("new\n")
    done = project.run()
    assert done.returncode == exits.REFUSED
    assert "the submodule lib is not what this branch's commit names. commit and push it there" in done.stderr
