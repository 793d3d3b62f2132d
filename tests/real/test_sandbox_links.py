"""What an attempt left behind for the sandbox of the next one: links, missing folders, and files git's configuration names."""

from __future__ import annotations

import os
import shutil
import subprocess
import textwrap
from pathlib import Path
from typing import Any

import pytest

from correctless import sandbox
from correctless.base.exits import Stop
from correctless.base.process.process import Result
from correctless.project.git import find
from correctless.sandbox.reach import Needs
from walls import SECRET, World

pytestmark = pytest.mark.real


def sh(world: World, script: str, **more: Any) -> Result:
    return world.within(["/bin/sh", "-c", textwrap.dedent(script)], world.make(**more))


READ_ALL = "cat ~/.ssh/id_ed25519 ~/.ssh/keys/* ~/dotfiles/hosts.yml ~/.config/gh/hosts.yml ~/.netrc ~/keys/* 2>/dev/null; true"
# Where an attempt puts a link -> what it leads to: a folder or a file that is hidden.
PLANTED = {
    "{common}/modules": "{home}/.ssh",
    "{common}/worktrees/zz": "{home}/.ssh",
    "{common}/objects/pack/zz": "{home}/.netrc",
    "{common}/objects/info": "{home}/.ssh",
    "{common}/refs/heads/zz": "{home}/dotfiles",
    "{own}/modules": "{home}/.ssh",
    "{own}/info": "{home}/keys",
    "{top}/.correctless/contracts": "{home}/.ssh",
    "{top}/bin": "{home}/.ssh",
}


@pytest.mark.parametrize("place", PLANTED)
def test_a_link_that_an_attempt_left_shows_the_next_one_nothing_hidden(world: World, place: str) -> None:
    names = {
        "common": world.repo.common_dir,
        "own": world.repo.git_dir,
        "top": world.repo.top,
        "home": world.home,
    }
    link = Path(place.format(**names))
    if link.is_dir():
        shutil.rmtree(link)
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(PLANTED[place].format(**names))
    env = {"PATH": f"{world.repo.top}/bin:{os.environ['PATH']}"}
    means, _ = sandbox.find("require", os.environ)
    assert means
    made = sandbox.make(means, world.place(), Needs(), ["sh"], {**world.place().env, **env})
    done = world.within(["/bin/sh", "-c", READ_ALL], made)
    assert done.code == 0, done.err
    assert SECRET not in done.out.decode()
    done = world.within(["/bin/sh", "-c", "touch ~/.ssh/x ~/keys/x ~/dotfiles/x; ls ~"], made)
    assert not list(Path(world.home).rglob("x"))


def test_a_writable_folder_that_an_attempt_made_a_link_is_not_what_it_leads_to(one: World) -> None:
    cache = Path(one.home, ".cache")
    cache.mkdir()
    (cache / "foo").symlink_to(one.home)
    done = sh(one, "echo evil >>~/.bashrc; echo mine >~/.cache/mine", writable=["~/.cache", "~/.cache/foo"])
    assert (cache / "mine").read_text() == "mine\n", done.err
    assert Path(one.home, ".bashrc").read_text() == "as it was\n"


def test_a_home_that_is_reached_by_a_link_below_tmp_is_as_hidden_as_it_is(one: World) -> None:
    home = Path(one.tmp, "real")
    shutil.copytree(one.home, home, symlinks=True)
    Path(one.tmp, "link").symlink_to(home)
    place = one.place()
    env = {**place.env, "HOME": f"{one.tmp}/link"}
    means, _ = sandbox.find("require", os.environ)
    assert means
    place = sandbox.SandboxPlace(one.repo, one.branch, one.run_folder, env, one.git)
    made = sandbox.make(means, place, Needs(), ["sh"], env)
    script = "cat ~/.bashrc; cat ~/.ssh/id_ed25519 ~/.netrc; cat $REAL/.ssh/id_ed25519; touch ~/new; true"
    for _ in range(2):
        done = one.within(["/bin/sh", "-c", script], made, env={"HOME": env["HOME"], "REAL": str(home)})
        assert done.out == b"as it was\n", done.err
    assert not (home / "new").exists()


@pytest.mark.parametrize(
    "named", ["include.path", "core.hooksPath", "core.attributesFile", "commit.template"]
)
@pytest.mark.parametrize("there", [True, False], ids=["there", "missing"])
def test_what_gits_configuration_names_in_gits_folder_is_only_read(
    one: World, named: str, there: bool
) -> None:
    common = Path(one.repo.common_dir)
    target = common / "more"
    subprocess.run(
        ["git", "-C", one.repo.top, "config", named, "more" if named == "include.path" else str(target)],
        check=True,
    )
    if there and named == "core.hooksPath":
        target.mkdir()
    elif there:
        target.write_text("")
    before = one.git
    one.git = one.repo.configuration()
    try:
        done = sh(
            one, f"echo evil >{target}; echo evil >{target}/pre-commit; mkdir {target}; mv {target} x; true"
        )
    finally:
        one.git = before
    assert done.code == 0
    assert target.exists(), "made beforehand where it was missing"
    assert not target.is_file() or target.read_text() == ""
    assert not target.is_dir() or list(target.iterdir()) == []


def test_another_worktree_inside_of_this_one_is_only_read(one: World) -> None:
    other = Path(one.repo.top, ".claude/worktrees/y")
    subprocess.run(["git", "-C", one.repo.top, "worktree", "add", "-q", "-b", "y", str(other)], check=True)
    sh(
        one,
        f"echo evil >{other}/README; echo evil >{other}/.git; mv {other} y; mv .claude x; echo mine >.claude/mine",
    )
    assert (other / "README").read_text() == "one\n"
    assert (other / ".git").read_text().startswith("gitdir: ")
    assert Path(one.repo.top, ".claude/mine").exists()


def test_a_folder_of_contracts_can_not_be_made_where_there_is_none(one: World) -> None:
    shutil.rmtree(Path(one.repo.top, ".correctless/contracts"))
    sh(one, "mkdir -p .correctless/contracts/r; echo evil >.correctless/contracts/r/contract.md")
    assert list(Path(one.repo.top, ".correctless/contracts").iterdir()) == []


def test_a_git_folder_that_is_a_link_in_the_worktree_is_refused(one: World) -> None:
    real = Path(one.base, "real.git")
    Path(one.repo.common_dir).rename(real)
    Path(one.repo.top, ".git").symlink_to(real)
    place = sandbox.SandboxPlace(find(one.repo.top), one.branch, one.run_folder, one.place().env, one.git)
    means, _ = sandbox.find("require", os.environ)
    assert means
    with pytest.raises(Stop, match="symbolic link") as refused:
        sandbox.make(means, place, Needs(), ["sh"], place.env)
    assert f"gitdir: {real}" in refused.value.message
