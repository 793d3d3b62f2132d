"""The machine kept awake while a run works: by a real program on PATH, that never outlives the run and never harms it."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from conftest import Git
from correctless.base import exits
from correctless.base.process.descendants import group_alive
from correctless.dispatch.host import keep_awake
from correctless.project.git import find
from patience import PATIENCE, until
from project import CONFIG, Project

# Notes its words, its process and what it has open, and becomes the last word, as the real ones run it.
INHIBITOR = """#!/bin/sh
{ echo "$@"; echo $$; ls -l /proc/$$/fd; } >"$0.began.new" && mv "$0.began.new" "$0.began"
for last; do :; done
"$last"
echo >"$0.ended"
"""
NAMES = {"linux": "systemd-inhibit", "darwin": "caffeinate"}
ON_LINUX = "--what=idle:sleep --who=correctless --mode=block --why=a run is at work"


class Inhibitor:
    """A program in a folder of its own, and the environment that finds it first."""

    def __init__(self, folder: Path, text: str = INHIBITOR, platform: str = sys.platform) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / NAMES[platform]
        self.path.write_text(text)
        self.path.chmod(0o755)
        self.env = {"PATH": f"{folder}:{os.environ['PATH']}"}
        self.began = Path(f"{self.path}.began")

    def wait(self) -> tuple[str, int, str]:
        """What it noted: its words, its process, its open files."""
        until(self.began.exists)
        words, pid, *rest = self.began.read_text().splitlines()
        return words, int(pid), "\n".join(rest)


@pytest.fixture
def project(scratch_repo: Path, git: Git) -> Project:
    return Project(scratch_repo, git)


def test_the_machine_is_kept_awake_until_a_run_ends(project: Project, tmp_path: Path) -> None:
    inhibitor = Inhibitor(tmp_path / "bin")
    asleep = {**inhibitor.env, "AGENT_PLAY": "sleep:cverify#1"}
    with project.start(*project.run_words(), **asleep) as run:
        agent = project.wait_asleep()
        words, pid, files = inhibitor.wait()
        assert words.startswith(f"{ON_LINUX} /")
        assert words.endswith("/cat")
        assert group_alive(pid)  # after two steps, and in the third
        # Who has the lock's file open keeps the next dispatcher out.
        assert "correctless.lock" not in files
        os.kill(agent, signal.SIGKILL)
        run.communicate(timeout=PATIENCE)
    assert run.returncode == exits.PERSON
    until(lambda: not group_alive(pid))


def test_a_killed_dispatcher_lets_the_machine_sleep(project: Project, tmp_path: Path) -> None:
    inhibitor = Inhibitor(tmp_path / "bin")
    asleep = {**inhibitor.env, "AGENT_PLAY": "sleep:ctdd#1"}
    with project.start(*project.run_words(), **asleep) as run:
        agent = project.wait_asleep()
        _, pid, _ = inhibitor.wait()
        run.kill()
        run.wait()
        assert group_alive(agent)
        until(Path(f"{inhibitor.path}.ended").exists)  # by itself: nobody was there to end it
        until(lambda: not group_alive(pid))
        project.end(agent)


FAILING = {
    "fails": "#!/bin/sh\nexit 1\n",
    "is no program": "nonsense\0",
    "says much": "#!/bin/sh\nexec cat /dev/zero\n",
    "never ends": f"#!{sys.executable}\nimport signal, time\nsignal.signal(15, signal.SIG_IGN)\ntime.sleep(600)\n",
}


@pytest.mark.parametrize("how", FAILING)
def test_a_program_that_fails_changes_nothing_of_a_run(project: Project, tmp_path: Path, how: str) -> None:
    before = set(os.listdir("/proc"))
    done = project.run(**Inhibitor(tmp_path / "bin", FAILING[how]).env)
    assert done.returncode == exits.PERSON
    assert [line for line in done.stderr.splitlines() if "inhibit" in line] == []
    mine = [pid for pid in set(os.listdir("/proc")) - before if str(tmp_path / "bin") in _command(pid)]
    assert mine == []


def _command(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace")
    except OSError:
        return ""


def test_a_machine_may_sleep_where_the_configuration_says_so(
    scratch_repo: Path, git: Git, tmp_path: Path
) -> None:
    inhibitor = Inhibitor(tmp_path / "bin")
    done = Project(scratch_repo, git, config={**CONFIG, "keep_awake": False}).run(**inhibitor.env)
    assert done.returncode == exits.PERSON
    assert not inhibitor.began.exists()


@pytest.mark.parametrize("link", [False, True])
def test_a_program_that_lies_where_agents_write_is_not_started(
    project: Project, git: Git, tmp_path: Path, link: bool
) -> None:
    inside = Inhibitor(project.top / "bin")
    git(project.top, "add", "--all")
    git(project.top, "commit", "-q", "-m", "a program")
    env = inside.env
    if link:
        (tmp_path / "bin").mkdir()
        (tmp_path / "bin" / inside.path.name).symlink_to(inside.path)
        env = {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    assert project.run(**env).returncode == exits.PERSON
    assert not list(tmp_path.rglob("*.began"))


def test_macos_has_its_own_program_and_elsewhere_there_is_none(scratch_repo: Path, tmp_path: Path) -> None:
    here = find(str(scratch_repo))
    inhibitor = Inhibitor(tmp_path / "bin", platform="darwin")
    with keep_awake.inhibit_sleep(here, inhibitor.env, wanted=True, platform="freebsd14"):
        pass
    assert not inhibitor.began.exists()
    with keep_awake.inhibit_sleep(here, inhibitor.env, wanted=True, platform="darwin"):
        words, pid, _ = inhibitor.wait()
        assert words.startswith("-i /")
        assert group_alive(pid)
    until(lambda: not group_alive(pid))


def test_no_secret_of_the_environment_reaches_it(scratch_repo: Path, tmp_path: Path) -> None:
    here = find(str(scratch_repo))
    inhibitor = Inhibitor(tmp_path / "bin", INHIBITOR.replace("ls -l /proc/$$/fd", "env"))
    given = {**inhibitor.env, "GH_TOKEN": "gho_0123", "XDG_RUNTIME_DIR": "/run/user/1"}
    with keep_awake.inhibit_sleep(here, given, wanted=True):
        said = inhibitor.wait()[2]
    assert "XDG_RUNTIME_DIR=/run/user/1" in said
    assert "gho_0123" not in said
