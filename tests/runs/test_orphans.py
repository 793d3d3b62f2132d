"""What an agent leaves behind without its group and its environment: ended with the attempt, and nothing else is."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import contracts
import correctless
from conftest import Git
from correctless.base import exits
from patience import PATIENCE
from project import Project

# Twice forked, with no environment, in a session of its own, and another process every 0.3 ms, for at most 30 s.
DAEMON = """
import os, signal, sys, time
if "deaf" in sys.argv: signal.signal(signal.SIGTERM, signal.SIG_IGN)
until = time.monotonic() + 30
out = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
os.setsid()
while time.monotonic() < until:
    if os.fork(): os._exit(0)
    os.write(out, b".")
    time.sleep(0.0003)
os._exit(0)
"""
START_IT = """
if not os.fork():
    if not os.fork():
        null = os.open(os.devnull, os.O_RDWR)
        for fd in range(3): os.dup2(null, fd)
        os.execve(sys.executable, [sys.executable, "-I", "-S", *{words!r}], {{}})
    os._exit(0)
while not os.path.exists({beat!r}) or os.path.getsize({beat!r}) < 50: time.sleep(0.01)
"""


@pytest.fixture
def project(scratch_repo: Path, git: Git) -> Project:
    return Project(scratch_repo, git)


def still(path: Path) -> bool:
    """Whether nobody writes there any more."""
    size = path.stat().st_size
    time.sleep(0.5)
    return path.stat().st_size == size


@pytest.mark.sweep(1)
@pytest.mark.parametrize("manner", ["", "deaf"])
def test_a_daemon_that_sheds_everything_and_forks_on_ends_with_its_attempt(
    project: Project, tmp_path: Path, manner: str
) -> None:
    (tmp_path / "daemon.py").write_text(DAEMON)
    beat = tmp_path / "beat"
    words = [str(tmp_path / "daemon.py"), str(beat), manner]
    done = project.run(AGENT_EXTRA=START_IT.format(words=words, beat=str(beat)))
    assert done.returncode == exits.PERSON, done.stderr
    assert beat.stat().st_size >= 50
    assert still(beat)


# A process with children of its own, one adopted on the way, beside a program that leaves one behind.
BESIDE = """
import os, subprocess, sys, time
from correctless.base.process import orphans, process
orphans.adopt()
own = subprocess.Popen(["sleep", "60"])
ended = subprocess.Popen(["sh", "-c", "exit 7"])
with open("/dev/null", "w") as null:
    left = int(subprocess.run(["sh", "-c", "sleep 60 >/dev/null & echo $!"], stdout=subprocess.PIPE).stdout)
done = process.run(["sh", "-c", "setsid sleep 0.05 & env -i setsid sleep 61 >/dev/null 2>&1 & sleep 0.4; exit 5"],
    cwd="/", env=dict(os.environ), wall_s=20)
kept = orphans.children()
print(done.code, ended.wait(), own.poll(), left in kept, len(kept - {own.pid, left, ended.pid}))
own.kill(); own.wait(); os.kill(left, 9)
"""


def test_children_that_were_there_before_are_left_alone_and_keep_their_exit_codes() -> None:
    said = subprocess.run(
        [sys.executable, "-c", BESIDE],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
        env=os.environ,
    ).stdout
    assert said == "5 7 None True 0\n"


def test_nothing_is_adopted_unless_it_was_asked_for() -> None:
    asked = "from correctless.base.process import orphans; from correctless.base.process import process; import os;"
    asked += "process.run(['true'], cwd='/', env=dict(os.environ), wall_s=9); print(orphans.children())"
    done = subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, text=True, check=True, timeout=PATIENCE
    )
    assert done.stdout == "frozenset()\n"


# Leaves 40 orphans that end at once, and counts which of them its parent has not reaped half a second later.
LEAVES = """
import os, time
for _ in range(40):
    if not os.fork():
        if not os.fork(): time.sleep(0.01)
        os._exit(0)
    os.wait()
deadline = time.monotonic() + 20
while time.monotonic() < deadline:
    time.sleep(0.05)
    with open(f"/proc/{os.getppid()}/task/{os.getppid()}/children") as file:
        left = {int(pid) for pid in file.read().split()} - {os.getpid()}
    if not left: break
print(len(left))
"""
LISTENS = """
import os, sys
from correctless.base.process import orphans, process
orphans.adopt()
print(process.run([sys.executable, "-c", sys.argv[1]], cwd="/", env=dict(os.environ), wall_s=60).out.decode())
"""


def test_what_ends_among_the_adopted_is_reaped_while_the_program_runs() -> None:
    argv = [sys.executable, "-c", LISTENS, LEAVES]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=PATIENCE)
    assert done.stdout.split() == ["0"]


# What left the agent's tree, its group and its environment, and waits until the dispatcher has adopted it.
CONFIRMS = """
if step == "ctdd":
    first = os.getppid()
    if not os.fork():
        os.setsid()
        if not os.fork():
            import subprocess
            while os.getppid() != first: time.sleep(0.01)
            clean = {{name: os.environ[name] for name in ("PATH", "HOME")}}
            done = subprocess.run(["env", "-i", *(f"{{k}}={{v}}" for k, v in clean.items()), *{words!r}], capture_output=True, text=True)
            pathlib.Path({out!r} + ".new").write_text(f"{{done.returncode}} {{done.stderr}}")
            os.rename({out!r} + ".new", {out!r})
        os._exit(0)
    while not os.path.exists({out!r}): time.sleep(0.01)
"""


@pytest.mark.parametrize(
    "words",
    [
        ("decisions", "new-workspace", "--as", "Ada"),
        ("cauto", "run", "--spec", "spec.md", "--approve-spec-as", "Ada"),
        ("cauto", "resume", "--max-usd", "100"),
        ("cauto", "stop", "--abandon"),
        ("contract", "revoke", "--all"),
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_an_orphan_that_the_dispatcher_adopted_is_no_person(
    project: Project, tmp_path: Path, words: tuple[str, ...]
) -> None:
    contracts.place(project.top, contracts.TEXT)
    project.write(".correctless/contracts/.gitignore", "*\n")
    out = str(tmp_path / "out")
    done = project.run(AGENT_EXTRA=CONFIRMS.format(words=[*correctless.itself(), *words], out=out))
    assert done.returncode == exits.PERSON, done.stderr
    code, _, said = Path(out).read_text().partition(" ")
    assert (code, "inside an agent" in said) == (str(exits.REFUSED), True), said


def test_the_name_of_a_dispatcher_is_its_own_while_it_adopts_and_no_longer() -> None:
    asked = "import os; from correctless.base.process import orphans\nwith orphans.adopting(): print(orphans.is_dispatcher(os.getpid()))\n"
    asked += "print(orphans.is_dispatcher(os.getpid()))"
    done = subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, text=True, check=True, timeout=PATIENCE
    )
    assert done.stdout == "True\nFalse\n"
