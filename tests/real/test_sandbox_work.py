"""What has to work in the sandbox: git, programs, their ends and their output, and what a configuration adds."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest

from conftest import Git, at_home
from correctless import sandbox
from correctless.base.exits import PERSON, REFUSED, Stop
from correctless.base.process.process import Process, Result
from correctless.project.git import find
from correctless.sandbox.reach import Needs
from patience import PATIENCE
from project import CONFIG, Project
from walls import SECRET, World

pytestmark = pytest.mark.real


def sh(world: World, script: str, **more: Any) -> Result:
    return world.within(["/bin/sh", "-ec", textwrap.dedent(script)], world.make(), **more)


def fine(done: Result) -> str:
    assert done.code == 0, done.err.decode()
    return done.out.decode()


def test_a_whole_piece_of_work_with_git(world: World) -> None:
    said = fine(
        sh(
            world,
            """
            git status --porcelain
            echo two >>a.txt; echo new >new.txt
            git stash -u; git stash list; git stash pop -q
            git add -A; git commit -qm three; git commit -q --amend -m four
            git log --format=%s -2; git diff HEAD~1 --stat; git show HEAD:new.txt; git reset -q --hard HEAD~1; git reset -q --hard HEAD@{1}
            git rm -q new.txt; git mv a.txt b.txt; git commit -qm five; git rebase -q HEAD~1; git revert --no-edit HEAD
            git submodule status; git blame a.txt; git reflog; git fsck
            """,
        )
    )
    assert "\nfour\n" in said
    assert "stash@{0}" in said


def test_a_branch_in_deep_folders_that_is_only_packed_can_be_committed_to(one: World) -> None:
    git = ["git", "-C", one.repo.top]
    for words in (["switch", "-qc", "a/b/c"], ["pack-refs", "--all", "--prune"], ["gc", "-q"]):
        subprocess.run([*git, *words], check=True)
    assert not Path(one.repo.common_dir, "refs/heads/a/b/c").exists()
    one.branch = "a/b/c"
    try:
        fine(sh(one, "echo x >x; git add x; git commit -qm deep; git status"))
        fine(sh(one, "echo x >y; git add y; git commit -qm deeper; git pack-refs || true; git status"))
    finally:
        one.branch = "feature/x"
    subjects = subprocess.run(
        [*git, "log", "-2", "--format=%s", "a/b/c"], capture_output=True, text=True, check=True
    )
    assert subjects.stdout.split() == ["deeper", "deep"]


@pytest.mark.parametrize("name", ["a worktree", "a\nworktree", "wört'\"$(x)", "-rf", "a\\b"])
def test_names_of_all_kinds(one: World, name: str) -> None:
    top = os.path.join(one.base, name)
    subprocess.run(["git", "-C", one.repo.top, "worktree", "add", "-qb", "feature/n", top], check=True)
    repo = find(top) if "\n" not in name else None
    if repo is None:
        with pytest.raises(Stop):  # refused where git's own answer can't be told apart
            find(top)
        return
    place = sandbox.SandboxPlace(repo, "feature/n", one.run_folder, one.place().env, one.git)
    means, _ = sandbox.find("require", os.environ)
    assert means
    made = sandbox.make(means, place, Needs(), ["sh"], place.env)
    script = "echo x >x; git add x; git commit -qm x; ! echo x >>.git; ! touch ../out"
    done = subprocess.run(
        [*made.wrap.argv, "sh", "-ec", script],
        env={**place.env, **made.environment},
        cwd=top,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_home_worktree_and_repository_below_tmp_and_reached_by_a_link(tmp_path: Path, git: Git) -> None:
    assert str(tmp_path).startswith("/tmp/") or os.environ.get("TMPDIR")
    home = at_home(tmp_path / "my home")
    real = tmp_path / "real"
    real.mkdir()
    (tmp_path / "link").symlink_to(real)
    top = tmp_path / "link" / "repo"
    top.mkdir()
    git(top, "init", "-q", "-b", "feature/x")
    (top / "a").write_text("a")
    git(top, "add", ".")
    git(top, "commit", "-qm", "a")
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "tool").write_text("#!/bin/sh\necho tool\n")
    (tools / "tool").chmod(0o755)
    (tmp_path / "beside").write_text(SECRET)
    repo = find(str(top))
    env = {"HOME": str(home), "PATH": f"{tmp_path}/link/../tools:{os.environ['PATH']}"}
    place = sandbox.SandboxPlace(repo, "feature/x", str(top / ".correctless/artifacts/runs/r"), env, {})
    means, _ = sandbox.find("require", os.environ)
    assert means
    made = sandbox.make(means, place, Needs(), ["sh"], env)
    script = f"tool; git config user.name; echo b >>a; git commit -qam b; touch /tmp/mine; ls '{tmp_path}'"
    for _ in range(2):
        done = subprocess.run(
            [*made.wrap.argv, "sh", "-ec", script],
            env={**env, **made.environment},
            cwd=top,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.split()[:2] == ["tool", "Ada"]
        assert "beside" not in done.stdout.split()
    assert not Path("/tmp/mine").exists()


def test_files_of_public_kind_can_be_read(one: World) -> None:
    Path(one.home, ".npmrc").write_text("registry=https://registry.example.invalid\n")
    said = fine(sh(one, "cd; cat .npmrc .ssh/known_hosts .ssh/id_ed25519.pub .ssh/config .gitconfig .bashrc"))
    assert all(part in said for part in ("registry=", "host", "public", "IdentityFile", "Ada", "as it was"))
    assert SECRET not in said


def test_temporary_files_go_to_a_folder_of_the_runs_own_wherever_tmpdir_led(one: World) -> None:
    said = fine(sh(one, "f=$(mktemp); echo $f; echo x >/var/tmp/y; cat /tmp/y; echo x >/dev/shm/z", env={}))
    assert said.startswith("/tmp/")
    kept = os.path.join(one.run_folder, "private/tmp")
    assert {os.path.basename(said.split()[0]), "y"} <= set(os.listdir(kept))
    made = one.make()
    assert made.environment["TMPDIR"] == "/tmp"
    assert one.within(["sh", "-ec", "test $TMPDIR = /tmp"], made).code == 0


def test_a_python_environment_can_be_made_and_used(one: World) -> None:
    fine(sh(one, f"{sys.executable} -m venv --without-pip .venv; .venv/bin/python -c 'import json'"))


def test_a_socket_that_goes_away_before_the_start_is_no_fault(one: World) -> None:
    path = os.path.join(one.home, 'it\'s "here".sock')
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        made = one.make()
        text = f"import socket; socket.socket(socket.AF_UNIX).connect({path!r})"
        assert one.within([sys.executable, "-c", text], made).code == 1
        os.unlink(path)
    assert one.within(["true"], made).code == 0


def test_a_program_can_listen_on_a_socket_of_its_own(one: World) -> None:
    text = (
        "import socket, threading; s = socket.socket(socket.AF_UNIX); s.bind('/tmp/own'); s.listen(); "
        "c = socket.socket(socket.AF_UNIX); c.connect('/tmp/own'); t = socket.create_server(('127.0.0.1', 0)); "
        "socket.create_connection(t.getsockname()); print('connected')"
    )
    assert one.within([sys.executable, "-c", text], one.make()).out == b"connected\n"


def test_abstract_sockets_are_not_held() -> None:
    # What docs/sandbox.md says of them: they belong to the network. If this fails, it holds more than it says.
    means, _ = sandbox.find("require", os.environ)
    assert means
    name = f"\0correctless-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(name)
        server.listen()
        text = f"import socket; socket.socket(socket.AF_UNIX).connect({name!r})"
        argv = [*sandbox.bubblewrap.trial(means.programs)[:-3], sys.executable, "-c", text]
        assert subprocess.run(argv, check=False).returncode == 0


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        (["true"], 0),
        (["sh", "-c", "exit 7"], 7),
        (["/no/such/program"], 127),
        (["no-such-program"], 127),
        (["sh", "-c", "kill -9 $$"], 137),
        (["sh", "-c", "kill -TERM $$"], 143),
    ],
)
def test_exit_codes(one: World, argv: list[str], code: int) -> None:
    assert one.within(argv, one.make()).code == code


def test_programs_in_the_background_and_5_mb_of_output(one: World) -> None:
    done = sh(
        one,
        "(sleep 0.1; echo late >late.txt) & head -c 5000000 /dev/zero; wait; cat late.txt",
        keep=6_000_000,
    )
    assert len(fine(done)) == 5_000_005


def test_input_of_5_mb_arrives(one: World) -> None:
    assert one.within(["wc", "-c"], one.make(), stdin=b"x" * 5_000_000).out.strip() == b"5000000"


def test_a_program_that_loops_is_ended_at_its_time(one: World) -> None:
    made = one.make()
    held = Process.hold(
        ["sh", "-c", "exec 2>/dev/null; trap '' TERM; while :; do sleep 0.1; done"],
        cwd=one.repo.top,
        env=one.place().env,
        wrap=made.wrap,
    )
    held.release(None)
    assert list(held.chunks(idle_s=0.5, wall_s=0.5)) == []
    # Both are struck: the one that goes first says so, the sandbox by the code of what was in it.
    assert (held.timed_out, held.end(0.2) in (-9, 137)) == ("wall", True)


def test_a_program_has_the_grace_to_clean_up(one: World) -> None:
    made = one.make()
    text = (
        "import signal, sys, time\n"
        "def stop(*_): time.sleep(0.2); open('cleaned', 'w').close(); sys.exit(5)\n"
        "signal.signal(signal.SIGTERM, stop); print('up', flush=True); time.sleep(60)"
    )
    held = Process.hold([sys.executable, "-c", text], cwd=one.repo.top, env=one.place().env, wrap=made.wrap)
    held.release(None)
    next(held.chunks(idle_s=30, wall_s=30))
    assert held.end(20) == 5
    assert Path(one.repo.top, "cleaned").exists()


def test_nothing_a_program_left_behind_goes_on(one: World) -> None:
    text = (
        "import os, signal, time\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork(): os._exit(0)\n"
        "    [os.close(fd) for fd in (0, 1, 2)]; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "    os.execve('/bin/sh', ['sh', '-c', 'while :; do echo >>beat; sleep 0.02; done'], {'PATH': '/bin:/usr/bin'})\n"
        "while not os.path.exists('beat'): time.sleep(0.01)\n"
    )
    assert one.within([sys.executable, "-c", text], one.make()).code == 0
    size = Path(one.repo.top, "beat").stat().st_size
    time.sleep(0.5)
    assert Path(one.repo.top, "beat").stat().st_size == size


LEAVES_MANY = """
import os, sys
for number in range(40):
    if os.fork() == 0:
        os.setsid()
        for to, name in ((1, f"left-{number}"), (2, os.devnull)):
            os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT), to)
        os.execve("/bin/sh", ["sh", "-c", "trap '' TERM; while :; do echo x; done"], {})
while not all(os.path.exists(f"left-{number}") and os.path.getsize(f"left-{number}") for number in range(40)): pass
"""
ENDS_THEM = """
import json, os, sys, time
from correctless.base.process import orphans, process
orphans.adopt()
words, program = json.loads(sys.stdin.read())
done = process.run([sys.executable, "-c", program], cwd=os.getcwd(), env=dict(os.environ), wall_s=60, wrap=process.Wrap(tuple(words), True))
def sizes(): return [os.path.getsize(name) for name in sorted(os.listdir()) if name.startswith("left-")]
before = sizes()
time.sleep(0.3)
print(done.code, sizes() == before, len(before), sorted(orphans.children()))
"""


@pytest.mark.parametrize("_again", range(3))
def test_where_a_dispatcher_sees_the_end_of_a_sandbox_nothing_in_it_goes_on(one: World, _again: int) -> None:
    made = one.make()
    asked = json.dumps([made.wrap.argv, LEAVES_MANY])
    done = subprocess.run(
        [sys.executable, "-c", ENDS_THEM],
        input=asked,
        cwd=one.repo.top,
        env=one.place().env,
        text=True,
        capture_output=True,
        timeout=PATIENCE,
    )
    assert done.stdout.split() == ["0", "True", "40", "[]"], done.stderr


def test_what_a_configuration_names_can_be_written_or_read(one: World) -> None:
    store, shown = os.path.join(one.home, ".cache/tool"), os.path.join(one.tmp, "file")
    os.makedirs(store)
    script = ["sh", "-c", f"echo x >{store}/x; cat {shown}; ! echo x >>{shown}; ! ls ~/.ssh/id_ed25519"]
    made = one.make(writable=["~/.cache/tool"], readable=[shown])
    done = one.within(script, made)
    assert (done.code, done.out.decode().strip()) == (0, SECRET)
    assert os.path.exists(store + "/x")


def test_an_agents_socket_and_tmux_outside_are_out_of_reach(one: World) -> None:
    agent, server = os.path.join(one.home, "a.sock"), os.path.join(one.home, "t.sock")
    started = subprocess.run(["ssh-agent", "-a", agent], capture_output=True, text=True, check=True)
    subprocess.run(["tmux", "-S", server, "new-session", "-d", "sleep 60"], check=True)
    try:
        assert subprocess.run(["tmux", "-S", server, "has-session"], check=False).returncode == 0
        for argv in (["ssh-add", "-l"], ["tmux", "-S", server, "new-window", f"touch {one.base}/out"]):
            inside = one.within(argv, one.make(), env={"SSH_AUTH_SOCK": agent})
            outside = subprocess.run(
                argv, env={**os.environ, "SSH_AUTH_SOCK": agent}, capture_output=True, check=False
            )
            said = (outside.stdout + outside.stderr).decode()
            assert "rror connecting" not in said
            assert inside.code != 0
            assert b"rror connecting" in inside.err or b"no server running" in inside.err
    finally:
        subprocess.run(["tmux", "-S", server, "kill-server"], check=False)
        os.kill(int(started.stdout.split("SSH_AGENT_PID=")[1].split(";")[0]), 15)


def test_what_is_mounted_while_an_agent_runs_is_not_there_for_it(one: World) -> None:
    # Mounts reach other namespaces where they are shared, as on most machines: here in a namespace that plays the machine.
    place, made = f"{one.base}/stick", one.make()
    os.mkdir(place)
    words = shlex.join(
        [
            *made.wrap.argv,
            "sh",
            "-c",
            "touch ready; while test ! -e go; do sleep 0.02; done; touch $0/evil",
            place,
        ]
    )
    script = f"""
        cd {one.repo.top}; {words} & while test ! -e ready; do sleep 0.02; done
        mount -t tmpfs none {place}; chmod 777 {place}; touch go; wait; ls {place}
    """
    machine = [
        "unshare",
        *(() if os.geteuid() == 0 else ("-Ur",)),
        "-m",
        "--propagation",
        "shared",
        "sh",
        "-c",
        script,
    ]
    done = subprocess.run(machine, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
    assert "Read-only" in done.stderr


# What an agent leaves for the sandbox after its own


@pytest.mark.parametrize("name", ["tmp", "empty", "filter"])
def test_nothing_can_be_put_in_the_place_of_the_runs_own_folders(one: World, name: str) -> None:
    victim = os.path.join(one.base, "victim")
    place = f"{one.run_folder}/private/{name}"
    sh(one, f"rm -rf {place}; mv {place} /tmp/x; ln -s {victim} {place}")
    assert not os.path.islink(place)
    fine(sh(one, "echo x >/tmp/evil"))
    assert sorted(os.listdir(victim)) == ["decoys", "file"]


def test_a_link_in_its_temporary_folder_leads_the_next_sandbox_nowhere(one: World) -> None:
    # What is shown in /tmp is mounted by bwrap, to which everything outside lies below /oldroot.
    tools = os.path.join(one.tmp, "tools")
    os.mkdir(tools)
    victim = os.path.join(one.base, "victim")
    fine(sh(one, f"ln -s /oldroot{victim} {one.tmp}"))
    made = one.make(readable=[tools])
    assert one.within(["ls", tools], made).code == 0
    assert sorted(os.listdir(victim)) == ["decoys", "file"]


def test_a_link_in_the_place_of_a_login_is_not_followed(one: World) -> None:
    from correctless.agents import state

    Path(one.home, ".codex/config.toml").write_text("model = 'x'\n")
    private = sandbox.private(one.run_folder)
    env = {"HOME": one.home}
    out = f"/oldroot{one.base}/victim/out"
    for program in ("codex", "claude"):
        own = "~/.codex" if program == "codex" else f"{private}/claude"
        made = one.make(needs=state.needs(program, env, private))
        names = "auth.json config.toml" if program == "codex" else ".claude.json"
        assert (
            one.within(
                [
                    "sh",
                    "-c",
                    f"cd {own} && touch ok && for n in {names} .credentials.json; do rm -f $n; ln -s {out} $n; done; :",
                ],
                made,
            ).code
            == 0
        )
        made = one.make(needs=state.needs(program, env, private))
        assert one.within(["sh", "-c", f"cat {own}/*"], made).code == 0
    assert sorted(os.listdir(os.path.join(one.base, "victim"))) == ["decoys", "file"]


# Where there is no bubblewrap, or it fails


def _failing(tmp_path: Path) -> str:
    """A PATH whose bwrap can't make a sandbox."""
    stub = tmp_path / "bin/bwrap"
    stub.parent.mkdir()
    stub.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    stub.chmod(0o755)
    return f"{stub.parent}:{os.environ['PATH']}"


@pytest.mark.parametrize("mode", ["auto", "require"])
def test_without_bubblewrap_the_package_is_named(mode: str) -> None:
    nowhere = (*os.environ["PATH"].split(":"), "/usr/bin", "/usr/local/bin", "/bin")
    if mode == "auto":
        means, fault = sandbox.find(mode, {"PATH": os.environ["PATH"]}, exclude=nowhere)
        assert means is None
    else:
        with pytest.raises(Stop) as stopped:
            sandbox.find(mode, {"PATH": os.environ["PATH"]}, exclude=nowhere)
        assert stopped.value.code == REFUSED
        fault = stopped.value.message
    assert "install the package bubblewrap" in fault


@pytest.mark.parametrize(("mode", "code"), [("auto", PERSON), ("require", REFUSED)])
def test_a_run_where_bubblewrap_fails(
    scratch_repo: Path, git: Git, tmp_path: Path, mode: str, code: int
) -> None:
    project = Project(scratch_repo, git, config={**CONFIG, "agent_sandbox": mode})
    done = project.run(PATH=_failing(tmp_path))
    assert done.returncode == code, done.stderr
    assert "bubblewrap cannot make a sandbox here" in done.stderr
    assert bool(project.ran()) is (mode == "auto")


def test_a_bubblewrap_that_fails_is_no_means(tmp_path: Path) -> None:
    env = {"PATH": _failing(tmp_path)}
    means, fault = sandbox.find("auto", env)
    assert means is None
    assert "bubblewrap cannot make a sandbox here (bwrap: No permissions to create new namespace)" in fault
    with pytest.raises(Stop) as stopped:
        sandbox.find("require", env)
    assert stopped.value.code == REFUSED


def test_a_bubblewrap_that_the_repository_brought_is_not_taken(tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    shutil.copy("/bin/true", folder / "bwrap")
    means, _ = sandbox.find("require", {"PATH": str(folder)}, exclude=(str(tmp_path),))
    assert means
    assert str(folder / "bwrap") not in means.programs
