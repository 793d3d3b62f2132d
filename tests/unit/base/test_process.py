"""Programs are held, fed, listened to and ended with everything they started."""

from __future__ import annotations

import ast
import os
import signal
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

import correctless
from correctless.agents import running, stream
from correctless.base.exits import REFUSED, Stop
from correctless.base.process import descendants, process
from correctless.base.process.descendants import group_alive
from correctless.base.process.lines import OutputLine
from correctless.base.process.process import Process, run
from patience import PATIENCE, until

Hold = Callable[..., Process]
ENV = {"PATH": os.defpath}


@pytest.fixture
def hold(tmp_path: Path) -> Iterator[Hold]:
    """Holds Python programs by their text; what a test leaves behind is ended."""
    held: list[Process] = []

    def start(program: str, *, env: dict[str, str] | None = None) -> Process:
        argv = [sys.executable, "-c", program]
        held.append(Process.hold(argv, cwd=str(tmp_path), env=ENV | (env or {})))
        return held[-1]

    yield start
    for one in held:
        one.end(0)


def heard(held: Process) -> list[OutputLine]:
    return list(held.lines(idle_s=PATIENCE, wall_s=PATIENCE))


def gone(pid: int) -> bool:
    """Dead, or a zombie nobody reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except FileNotFoundError:
        return True


def test_a_program_gets_its_input_and_gives_lines_and_its_exit_code(hold: Hold) -> None:
    held = hold(
        "import sys; t = sys.stdin.read(); print(t.upper()); print('e', file=sys.stderr); sys.exit(7)"
    )
    held.release(b"first\nsecond")
    lines = heard(held)
    assert [line.data for line in lines if line.stream == "out"] == [b"FIRST", b"SECOND"]
    assert [line.data for line in lines if line.stream == "err"] == [b"e"]
    assert held.end(1) == 7
    assert held.timed_out is None


def test_no_input_is_dev_null(hold: Hold) -> None:
    held = hold("import os; print(os.readlink('/proc/self/fd/0'))")
    held.release(None)
    assert heard(held) == [OutputLine("out", b"/dev/null")]


def test_a_held_program_has_its_group_before_it_runs(hold: Hold, tmp_path: Path) -> None:
    held = hold("import os; print(os.getpgrp(), os.getsid(0)); open('ran', 'w')")
    assert os.getpgid(held.pgid) == held.pgid
    assert group_alive(held.pgid)
    time.sleep(0.1)
    assert not (tmp_path / "ran").exists()
    held.release(None)
    assert heard(held)[0].data == f"{held.pgid} {held.pgid}".encode()


def test_a_program_never_runs_when_its_parent_was_killed_before_the_release(tmp_path: Path) -> None:
    parent = f"""
import sys, time
from correctless.base.process.process import Process
held = Process.hold(["/bin/sh", "-c", "echo > {tmp_path}/ran"], cwd="/", env={{}})
if len(sys.argv) > 1: held.release(None)
print(held.pgid, flush=True)
time.sleep(60)
"""
    for args, ran in (([], False), (["release"], True)):
        source = str(Path(correctless.__file__).parents[1])
        with subprocess.Popen(
            [sys.executable, "-c", parent, *args],
            env={"PYTHONPATH": source},
            stdout=subprocess.PIPE,
            text=True,
        ) as started:
            assert started.stdout
            pgid = int(started.stdout.readline())
            started.kill()
        until(partial(dead, pgid))
        assert (tmp_path / "ran").exists() is ran


def dead(pgid: int) -> bool:
    return not group_alive(pgid)


STUBBORN = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", '''
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(os.getpid(), flush=True)
time.sleep(60)
'''], start_new_session={own_session}, env={env})
time.sleep({stay})
"""


def test_a_grandchild_that_ignores_sigterm_is_ended(hold: Hold) -> None:
    held = hold(STUBBORN.format(own_session=False, stay=60, env=None))
    held.release(None)
    grandchild = int(next(held.lines(idle_s=PATIENCE, wall_s=PATIENCE)).data)
    assert held.end(0.1) == -signal.SIGKILL
    assert gone(grandchild)
    assert not group_alive(held.pgid)


@pytest.mark.parametrize(("stay", "env"), [(0, None), (60, None), (60, {})])
def test_a_job_in_a_session_of_its_own_is_ended_too(
    hold: Hold, stay: int, env: dict[str, str] | None
) -> None:
    # Agents run each command of theirs that way. With stay=0 the job was adopted by init and is known by its environment; with
    # an empty environment it is known by its parent.
    held = hold(STUBBORN.format(own_session=True, stay=stay, env=env))
    held.release(None)
    job = int(next(held.lines(idle_s=PATIENCE, wall_s=PATIENCE)).data)
    assert os.getpgid(job) != held.pgid
    if not stay:
        until(lambda: held.exited)
        assert group_alive(held.pgid, held.mark)
    held.end(0.1)
    assert gone(job)
    assert not group_alive(held.pgid, held.mark)


def test_a_deaf_job_without_our_environment_is_ended_though_its_parent_went_first(hold: Hold) -> None:
    # Once its parent has heard SIGTERM nothing ties it to us: it was seen before.
    text = STUBBORN.format(own_session=True, stay=60, env={})
    held = hold(text.replace("signal.signal(signal.SIGTERM, signal.SIG_IGN)\nchild", "child"))
    held.release(None)
    job = int(next(held.lines(idle_s=PATIENCE, wall_s=PATIENCE)).data)
    assert held.end(0.3) == -signal.SIGTERM
    assert gone(job)


FORKS_ON = """
import os, signal, time
signal.signal(signal.SIGTERM, {action})
r, w = os.pipe()
if os.fork() == 0:
    os.write(w, b"up")
    until = time.monotonic() + 20
    while time.monotonic() < until:
        os.setsid()
        if os.fork():
            os._exit(0)
        time.sleep(0.003)
    os._exit(0)
os.read(r, 2)
print("up", flush=True)
"""


@pytest.mark.parametrize("action", ["signal.SIG_DFL", "signal.SIG_IGN"])
def test_a_job_that_is_another_process_every_few_milliseconds_is_ended(hold: Hold, action: str) -> None:
    held = hold(FORKS_ON.format(action=action))
    held.release(None)
    assert heard(held) == [OutputLine("out", b"up")]
    held.end(0.1)
    for _ in range(20):  # it would be seen in most looks
        assert not descendants.marked(held.mark)


def test_a_polite_program_has_the_grace_to_clean_up(hold: Hold, tmp_path: Path) -> None:
    held = hold(
        "import signal, sys, time\n"
        "def stop(*_): time.sleep(0.2); open('cleaned', 'w'); sys.exit(5)\n"
        "signal.signal(signal.SIGTERM, stop); print('up', flush=True); time.sleep(60)"
    )
    held.release(None)
    next(held.lines(idle_s=PATIENCE, wall_s=PATIENCE))
    assert held.end(PATIENCE) == 5
    assert (tmp_path / "cleaned").exists()
    assert held.end(PATIENCE) == 5


def test_a_group_never_released_is_ended(hold: Hold, tmp_path: Path) -> None:
    held = hold("open('ran', 'w')")
    assert held.end(1) != 0
    assert not (tmp_path / "ran").exists()


def test_a_background_child_that_holds_the_output_does_not_hang_the_reader(hold: Hold) -> None:
    held = hold("import subprocess; p = subprocess.Popen(['sleep', '60']); print(p.pid)")
    held.release(None)
    [line] = heard(held)
    assert descendants.group_alive(held.pgid, held.mark)  # it still sleeps
    assert held.timed_out is None
    assert held.end(1) == 0
    assert gone(int(line.data))


def test_a_background_child_that_never_stops_writing_does_not_hang_the_reader(hold: Hold) -> None:
    held = hold("import subprocess; print('start', flush=True); subprocess.Popen(['yes'])")
    held.release(None)
    chunks = held.chunks(idle_s=PATIENCE, wall_s=PATIENCE)
    assert next(chunks)[1].startswith(b"start")
    for _ in chunks:
        pass
    assert held.timed_out is None
    assert held.end(1) == 0


def test_input_of_5_mb_does_not_block_on_a_program_that_never_reads(hold: Hold) -> None:
    held = hold("print('x' * 3_000_000)")
    held.release(b"y" * 5_000_000)
    assert sum(len(piece.data) for piece in heard(held)) == 3_000_000
    assert held.end(1) == 0


def test_input_of_5_mb_arrives_whole_while_the_program_answers_as_it_reads(hold: Hold) -> None:
    held = hold(
        "import sys\nn = 0\nwhile d := sys.stdin.buffer.read(4096): n += len(d); print('.' * 4096)\nprint(n)"
    )
    held.release(b"y" * 5_000_000)
    assert heard(held)[-1].data == b"5000000"


def test_a_line_of_50_mb_arrives_whole_in_pieces(hold: Hold) -> None:
    held = hold("import sys; sys.stdout.write('x' * 49_999_999 + 'y\\nend\\n')")
    held.release(None)
    *pieces, end = heard(held)
    assert b"".join(piece.data for piece in pieces) == b"x" * 49_999_999 + b"y"
    assert {len(piece.data) for piece in pieces[:-1]} == {8 << 20}
    assert [piece.first for piece in pieces] == [True] + [False] * (len(pieces) - 1)
    assert [piece.last for piece in pieces] == [False] * (len(pieces) - 1) + [True]
    assert end == OutputLine("out", b"end")


def test_pieces_are_those_of_one_line_however_its_end_falls(hold: Hold) -> None:
    for size in (9, 10, 11, 19, 20, 21, 30):
        held = hold(f"import os; os.write(1, b'x' * {size} + b'\\n\\nend')")
        held.release(None)
        *pieces, empty, end = held.lines(idle_s=PATIENCE, wall_s=PATIENCE, long=10)
        assert b"".join(piece.data for piece in pieces) == b"x" * size
        assert [piece.last for piece in pieces] == [False] * (len(pieces) - 1) + [True]
        assert (empty, end) == (OutputLine("out", b""), OutputLine("out", b"end"))


FLOOD = "import os\nfor _ in range(100): os.write(1, b'x' * 1_000_000)\nos.write(1, b'\\nend')"


@pytest.fixture
def peak() -> Iterator[Callable[[], int]]:
    """The most bytes Python held at once since the test began."""
    tracemalloc.start()
    yield lambda: tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()


def test_memory_stays_flat_for_an_endless_line(hold: Hold, peak: Callable[[], int]) -> None:
    held = hold(FLOOD)
    held.release(None)
    size, end = 0, None
    for end in held.lines(idle_s=PATIENCE, wall_s=PATIENCE):
        size += len(end.data)
    assert (size, end) == (100_000_003, OutputLine("out", b"end"))
    assert peak() < 5 * (8 << 20)


def test_run_keeps_memory_flat_in_a_flood(tmp_path: Path, peak: Callable[[], int]) -> None:
    done = run([sys.executable, "-c", FLOOD], cwd=str(tmp_path), env=ENV, wall_s=PATIENCE, keep=1000)
    assert done.out == b"x" * 996 + b"\nend"
    assert peak() < 5_000_000


@pytest.mark.parametrize(
    ("program", "limits", "limit"),
    [
        ("import time; time.sleep(60)", {"idle_s": 0.2}, "idle"),
        (
            "import time\nwhile 1: print('x', flush=True); time.sleep(0.05)",
            {"idle_s": 1, "wall_s": 0.4},
            "wall",
        ),
        ("import os\nwhile 1: os.write(1, b'x' * 65536)", {"wall_s": 0.4}, "wall"),
        ("import os, time; os.close(1); os.close(2); time.sleep(60)", {"wall_s": 0.4}, "wall"),
    ],
)
def test_a_limit_ends_the_output_and_is_named(
    hold: Hold, program: str, limits: dict[str, float], limit: str
) -> None:
    held = hold(program)
    held.release(None)
    for _ in held.chunks(idle_s=limits.get("idle_s", PATIENCE), wall_s=limits.get("wall_s", PATIENCE)):
        pass
    assert held.timed_out == limit
    assert not held.exited


@pytest.mark.parametrize("settled", [False, True])
def test_a_reader_that_was_busy_longer_than_the_limit_hears_what_came_meanwhile(
    hold: Hold, settled: bool
) -> None:
    # As after Ctrl-Z, or with a terminal that takes no more text: the program spoke, only nobody listened.
    held = hold("import time\nfor n in range(8): print(n, flush=True); time.sleep(0.1)")
    held.release(None)
    found = []
    for line in held.lines(idle_s=1.5, wall_s=PATIENCE):
        found.append(line.data)
        held.end_after_silence(1.5 if settled else None)
        if len(found) == 1:
            time.sleep(2)
    assert found == [str(n).encode() for n in range(8)]
    assert held.timed_out is None


def test_limits_are_measured_by_the_clock_that_stands_still_while_the_machine_sleeps() -> None:
    assert time.get_clock_info("monotonic").implementation in (
        "clock_gettime(CLOCK_MONOTONIC)",  # Linux; CLOCK_BOOTTIME would count sleep
        "mach_absolute_time()",  # macOS; mach_continuous_time would
    )
    for module in (process, running, stream):
        tree = ast.parse(Path(str(module.__file__)).read_text())
        used = {
            node.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == "time"
        }
        assert used <= {"monotonic", "sleep"}, module.__name__
        assert not [n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.module == "time"]


def test_a_settled_program_is_not_waited_for_and_not_timed_out(hold: Hold) -> None:
    held = hold("import time; print('answer', flush=True); time.sleep(60)")
    held.release(None)
    for _ in held.lines(idle_s=PATIENCE, wall_s=PATIENCE):
        held.end_after_silence(0.1)
    assert held.timed_out is None
    assert not held.exited


def test_a_missing_program_is_127_and_a_missing_folder_stops(tmp_path: Path) -> None:
    assert run(["no-such-program"], cwd=str(tmp_path), env=ENV, wall_s=5).code == 127
    with pytest.raises(Stop, match="No such file") as stopped:
        Process.hold(["true"], cwd=str(tmp_path / "none"), env=ENV)
    assert stopped.value.code == REFUSED
    with pytest.raises(Stop, match="too long"):
        Process.hold(["true", "x" * 3_000_000], cwd=str(tmp_path), env=ENV)


def test_run_keeps_the_tail_of_both_streams_and_has_no_terminal(tmp_path: Path) -> None:
    program = (
        "import sys; print('x' * 5000 + 'tail'); print('seen', file=sys.stderr)\n"
        "try: open('/dev/tty')\nexcept OSError: sys.exit(3)"
    )
    done = run([sys.executable, "-c", program], cwd=str(tmp_path), env=ENV, wall_s=PATIENCE, keep=100)
    assert (done.code, done.out, done.err) == (3, b"x" * 95 + b"tail\n", b"seen\n")


def test_run_ends_a_program_over_its_wall_limit(tmp_path: Path) -> None:
    done = run(["sleep", "60"], cwd=str(tmp_path), env=ENV, wall_s=0.2)
    assert (done.code, done.timed_out) == (-signal.SIGTERM, "wall")


def test_an_inherited_file_stays_open_in_the_program(tmp_path: Path) -> None:
    fd = os.open(tmp_path / "lock", os.O_CREAT | os.O_RDWR)
    try:
        argv = [sys.executable, "-c", f"import os; os.write({fd}, b'held')"]
        assert run(argv, cwd=str(tmp_path), env=ENV, wall_s=PATIENCE, pass_fds=(fd,)).code == 0
    finally:
        os.close(fd)
    assert (tmp_path / "lock").read_text() == "held"


def test_an_exit_code_is_not_lost_when_the_parent_ignored_its_children() -> None:
    program = "from correctless.base.process.process import run; print(run(['false'], cwd='/', env={'PATH': '/usr/bin:/bin'}, wall_s=9).code)"
    source = str(Path(correctless.__file__).parents[1])
    ignoring = f"import os, signal; signal.signal(signal.SIGCHLD, signal.SIG_IGN); os.execv({sys.executable!r}, ['python', '-c', {program!r}])"
    done = subprocess.run(
        [sys.executable, "-c", ignoring],
        env={"PYTHONPATH": source},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("1\n", "")


def test_ps_tells_what_proc_tells(hold: Hold) -> None:
    # where there is no /proc the tree is read from ps
    held = hold("")
    for rows in (descendants.from_proc("", set()), descendants.from_ps()):
        assert (held.pgid, os.getpid(), held.pgid) in {
            (row.pid, row.parent, row.group) for row in rows if row
        }
