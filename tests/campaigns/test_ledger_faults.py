"""The ledger under faults that are made on purpose: kills, failing system calls, full disks, cuts, flipped bits, other hands."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from correctless.base.exits import Stop
from correctless.ledger.check import Anchor, verify
from correctless.ledger.ledger import Ledger
from correctless.ledger.log_file import Damaged, Foreign
from patience import PATIENCE
from programs import strace_program

pytestmark = pytest.mark.faults

NOW = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
PROGRAMS = Path(__file__).parent / "faults"
KEYS = "abcdef"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log.jsonl"


def run(program: str, *args: object, wrap: tuple[str, ...] = ()) -> subprocess.CompletedProcess[bytes]:
    argv = [*wrap, sys.executable, str(PROGRAMS / f"{program}.py"), *map(str, args)]
    return subprocess.run(argv, capture_output=True, check=False, timeout=PATIENCE)


def sha(line: bytes) -> str:
    return hashlib.sha256(line.removesuffix(b"\n")).hexdigest()


def lines_of(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def write(path: Path, keys: str = KEYS) -> list[bytes]:
    ledger = Ledger(str(path))
    return [ledger.append({"key": key, "text": f"of {key}"}).line + b"\n" for key in keys]


def set_aside(path: Path) -> list[bytes]:
    return [each.read_bytes() for each in sorted(path.parent.glob(f"{path.name}.torn-*"))]


def forget_aside(path: Path) -> None:
    for each in path.parent.glob(f"{path.name}.torn-*"):
        each.unlink()


# --- kill -9


def test_writers_killed_all_the_time_lose_change_and_double_nothing_acknowledged(tmp_path: Path) -> None:
    kills = again = 0
    for seed in (11, 12, 13, 14):
        folder = tmp_path / str(seed)
        (folder / "oracles").mkdir(parents=True)
        done = run("writers", folder / "log.jsonl", folder / "oracles", seed, 100)
        assert (done.stderr, done.returncode) == (b"", 0), f"seed {seed}"
        kills += int(done.stdout)
        again += _kept_word(folder / "log.jsonl", folder / "oracles", seed)
    assert kills >= 400
    # Else no kill ever fell between a write and the word of it, and this test proved nothing.
    assert again > 0


def _kept_word(log: Path, oracles: Path, seed: int) -> int:
    """Hold a log against what its writers were told; how often one was told again of what it had written before."""
    report = verify(str(log))
    assert report.intact, (seed, report.findings[:3])
    whole = [line for line in lines_of(log) if line.endswith(b"\n")]
    assert len(whole) == report.entries
    entries = {
        entry["key"]: (entry["seq"], sha(line), entry) for line in whole for entry in [json.loads(line)]
    }
    assert len(entries) == len(whole), f"seed {seed}: a key stands twice"
    told_again = 0
    for oracle in oracles.iterdir():
        said = [line.split() for line in oracle.read_text().splitlines()]
        # A writer goes on with the key that was not acknowledged, so at most the very last one is in the log unasked.
        assert [key for key, *_ in said] == [f"w{oracle.name}/{n}" for n in range(len(said))]
        for key, seq, head, again in said:
            assert entries[key][:2] == (int(seq), head), f"seed {seed}: {key} is not what was acknowledged"
            told_again += again == "1"
        mine = sorted(entry["n"] for *_, entry in entries.values() if entry["who"] == int(oracle.name))
        assert mine in (list(range(len(said))), list(range(len(said) + 1)))
    assert all(b"\n" not in torn for torn in set_aside(log))
    return told_again


# --- system calls that fail


def under_strace(
    log: Path, trace: Path, calls: str, *inject: str, appends: int = 8, path: Path | None = None
) -> subprocess.CompletedProcess[bytes]:
    wrap = [strace_program(), "-qq", "-o", str(trace), "-P", str(path or log), "-e", f"trace={calls}"]
    for each in inject:
        wrap += ["-e", f"inject={each}"]
    return run("appender", log, appends, wrap=tuple(wrap))


def acknowledged_by(done: subprocess.CompletedProcess[bytes]) -> list[tuple[str, int, str]]:
    return [
        (key, int(seq), head)
        for key, seq, head in (line.split() for line in done.stdout.decode().splitlines())
    ]


def holds(log: Path, acknowledged: list[tuple[str, int, str]], more: int) -> None:
    """What was acknowledged is in the log and at most `more` beside it; a healthy writer goes on and doubles nothing."""
    if log.exists():
        report = verify(str(log))
        assert report.intact, report.findings
        there = [
            (json.loads(line)["key"], n, sha(line))
            for n, line in enumerate(lines_of(log), 1)
            if line.endswith(b"\n")
        ]
        assert there[: len(acknowledged)] == acknowledged
        assert len(there) <= len(acknowledged) + more
    else:
        assert not acknowledged
    after = run("appender", log, 10)
    assert (after.stderr, after.returncode) == (b"", 0)
    again = acknowledged_by(after)
    assert [(key, seq) for key, seq, _ in again] == [(f"k{n}", n + 1) for n in range(10)]
    assert again[: len(acknowledged)] == acknowledged
    report = verify(str(log))
    assert (report.entries, report.findings) == (10, ())


@pytest.mark.parametrize("when", range(1, 7))
@pytest.mark.parametrize("call", ["write", "fsync", "flock", "pread64"])
def test_a_writer_killed_in_a_system_call_loses_nothing_acknowledged(
    log: Path, tmp_path: Path, call: str, when: int
) -> None:
    trace = tmp_path / "trace"
    done = under_strace(log, trace, call, f"{call}:signal=KILL:when={when}")
    assert done.returncode == -signal.SIGKILL
    said = acknowledged_by(done)
    # Taking and giving back the lock are two calls an append; the first append has nothing to read again.
    assert (
        len(said) == {"write": when - 1, "fsync": when - 1, "flock": (when - 1) // 2, "pread64": when}[call]
    )
    holds(log, said, more=1)


@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
@pytest.mark.parametrize("when", range(1, 7))
@pytest.mark.parametrize("call", ["write", "fsync", "flock", "pread64"])
def test_a_system_call_that_fails_stops_the_writer_and_leaves_exactly_what_was_acknowledged(
    log: Path, tmp_path: Path, call: str, when: int, error: str
) -> None:
    trace = tmp_path / "trace"
    done = under_strace(log, trace, call, f"{call}:error={error}:when={when}")
    said = acknowledged_by(done)
    assert trace.read_text().count("(INJECTED)") == 1
    if call == "flock" and when % 2 == 0:
        # A lock that can't be given back goes with its file, and what was done under it is done.
        assert (done.stderr, done.returncode, len(said)) == (b"", 0, 8)
    else:
        reached = {"write": when - 1, "fsync": when - 1, "flock": (when - 1) // 2, "pread64": when}[call]
        assert (done.returncode, len(said)) == (3, reached)
        assert re.fullmatch(rb"3 [^\n]*log\.jsonl[^\n]*\n", done.stderr)
        # Never tried again: the kernel may have dropped what it could not write, and says so only once.
        tried = re.findall(r"LOCK_EX|^(?:write|fsync|pread64)\(", trace.read_text(), re.MULTILINE)
        assert len(tried) == ((when + 1) // 2 if call == "flock" else when)
    holds(log, said, more=0)


@pytest.mark.parametrize("call", ["write", "fsync"])
@pytest.mark.parametrize("when", [1, 3])
def test_a_write_that_fails_and_can_not_be_cut_back_acknowledges_nothing(
    log: Path, tmp_path: Path, call: str, when: int
) -> None:
    trace = tmp_path / "trace"
    both = (f"{call}:error=EIO:when={when}", "ftruncate:error=EIO:when=1")
    done = under_strace(log, trace, f"{call},ftruncate", *both)
    assert done.returncode == 3
    assert trace.read_text().count("(INJECTED)") == 2
    assert len(acknowledged_by(done)) == when - 1
    holds(log, acknowledged_by(done), more=1 if call == "fsync" else 0)


@pytest.mark.parametrize("mode", ["signal=KILL", "error=EIO"])
def test_an_entry_counts_only_when_the_name_of_its_log_is_on_disk_too(
    log: Path, tmp_path: Path, mode: str
) -> None:
    trace = tmp_path / "trace"
    done = under_strace(log, trace, "fsync", f"fsync:{mode}:when=1", path=tmp_path)
    assert done.returncode == (-signal.SIGKILL if "KILL" in mode else 3)
    assert acknowledged_by(done) == []
    # The next writer answers for all it finds, so it syncs file and folder, though neither is new to it.
    after = under_strace(log, trace, "fsync", "fsync:delay_exit=1", path=tmp_path, appends=1)
    assert (acknowledged_by(after)[0][:2], after.returncode) == (("k0", 1), 0)
    assert trace.read_text().count("fsync(") == 1
    holds(log, acknowledged_by(after), more=0)


def test_an_entry_of_a_killed_writer_is_synced_before_it_is_answered_for(log: Path, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    killed = under_strace(log, trace, "fsync", "fsync:signal=KILL:when=1")
    assert (killed.returncode, acknowledged_by(killed)) == (-signal.SIGKILL, [])
    assert len(lines_of(log)) == 1
    refused = under_strace(log, trace, "fsync", "fsync:error=EIO:when=1", appends=1)
    assert (refused.returncode, acknowledged_by(refused)) == (3, [])
    assert len(lines_of(log)) == 1


def test_a_lock_that_is_free_costs_one_call_to_take_and_one_to_give_back(log: Path, tmp_path: Path) -> None:
    write(log)
    trace = tmp_path / "trace"
    done = under_strace(log, trace, "flock", "flock:delay_exit=1", appends=5)
    assert done.returncode == 0
    kinds = re.findall(r"LOCK_\w+", trace.read_text())
    assert kinds[:-1] == ["LOCK_EX", "LOCK_NB", "LOCK_UN"] * 5  # and one more with the file at the end


# --- every cut and every bit


def test_a_log_cut_at_every_byte_keeps_every_whole_line_and_every_byte_of_the_torn_one(log: Path) -> None:
    lines = write(log)
    data = b"".join(lines)
    anchor = Anchor(len(lines), sha(lines[-1]), "a commit")
    for cut in range(len(data)):
        log.write_bytes(data)
        living = Ledger(str(log))
        living.create()
        os.truncate(log, cut)
        for use in (lambda: living.append({"key": "new"}), living.read):  # noqa: B023 used at once
            with pytest.raises(Stop) as stopped:
                use()
            assert stopped.value.code == 3
        assert log.read_bytes() == data[:cut]
        assert not verify(str(log), [anchor]).intact
        assert not verify(str(log), heads=[anchor]).intact
        kept = [line for line in data[:cut].splitlines(keepends=True) if line.endswith(b"\n")]
        tail = data[len(b"".join(kept)) : cut]
        assert Ledger(str(log), clock=lambda: NOW).append({"key": "new"}).seq == len(kept) + 1
        assert lines_of(log)[:-1] == kept
        assert set_aside(log) == ([tail] if tail else [])
        assert verify(str(log)).findings == ()
        forget_aside(log)


def test_a_bit_flipped_anywhere_is_found_by_the_chain_or_in_the_last_line_by_an_anchor(log: Path) -> None:
    lines = write(log)
    data = b"".join(lines)
    last = len(data) - len(lines[-1])
    anchor = Anchor(len(lines), sha(lines[-1]), "a commit")
    by_the_anchor_alone = 0
    for bit in range(8 * len(data)):
        broken = bytearray(data)
        broken[bit // 8] ^= 1 << bit % 8
        log.write_bytes(broken)
        try:
            report = verify(str(log))
        except Foreign:
            assert bit // 8 < len(lines[0])
            shown = True
        else:
            shown = not report.intact
            assert not verify(str(log), [anchor]).intact
        if shown:
            with pytest.raises((Damaged, Foreign)) as stopped:
                Ledger(str(log)).append({"key": "new"})
            assert stopped.value.code == 3
            assert log.read_bytes() == broken
        else:
            assert bit // 8 >= last
            by_the_anchor_alone += 1
    assert by_the_anchor_alone > 0
    assert [each.name for each in log.parent.iterdir()] == [log.name]


# --- disks that are full

FILL = """
import os, resource, sys
from correctless.base.exits import Stop
from correctless.ledger.ledger import Ledger
path, grow = sys.argv[1:3]
if grow:
    size = os.path.getsize(path) + int(grow)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
ledger = Ledger(path)
for n in range(100_000):
    try:
        entry = ledger.append({"key": f"fill{n}", "text": "x" * 3001})
    except Stop as stop:
        sys.exit(f"{stop.code} {stop.message}")
    print(f"fill{n} {entry.seq} {entry.head}", flush=True)
"""


@contextmanager
def small_disk(folder: Path) -> Iterator[Path | None]:
    """A file system of 64 KiB; None where only root may mount one."""
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", folder], check=False).returncode:
        yield None
        return
    try:
        yield folder
    finally:
        # Lazily: a ledger in the traceback of a failure still has its file open.
        subprocess.run(["umount", "-l", folder], check=True)


def filled(path: Path, grow: str) -> list[tuple[str, int, str]]:
    done = subprocess.run([sys.executable, "-c", FILL, str(path), grow], capture_output=True, check=False)
    assert done.returncode == 1
    assert re.fullmatch(rb"3 [^\n]*\n", done.stderr), done.stderr
    return acknowledged_by(done)


@pytest.mark.parametrize("grow", [0, 1, 100, 3100, 3200, 7000, 20_000])
def test_a_file_that_may_not_grow_keeps_what_was_acknowledged_and_nothing_else(log: Path, grow: int) -> None:
    lines = write(log)
    said = filled(log, str(grow))
    assert len(said) == grow // 3190
    assert [sha(line) for line in lines_of(log)] == [*map(sha, lines), *(head for *_, head in said)]
    assert Ledger(str(log)).append({"key": "after"}).seq == len(lines) + len(said) + 1
    assert verify(str(log)).findings == ()


def test_a_full_disk_keeps_what_was_acknowledged_and_nothing_else(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        log = (disk or tmp_path) / "log.jsonl"
        lines = write(log)
        ballast = log.with_name("ballast")
        ballast.write_bytes(b"z" * 8192)
        said = filled(log, "" if disk else "50000")
        assert len(said) >= 10
        assert [sha(line) for line in lines_of(log)] == [*map(sha, lines), *(head for *_, head in said)]
        if disk:
            # No room to set a torn line aside: nothing is cut off before a copy of it is safe.
            torn = b'{"key":"torn"'
            with log.open("ab") as file:
                file.write(torn)
            with pytest.raises(Stop) as stopped:
                Ledger(str(log)).append({"key": "after"})
            assert stopped.value.code == 3
            assert log.read_bytes().endswith(torn)
            assert sorted(each.name for each in disk.iterdir()) == ["ballast", "log.jsonl"]
            ballast.unlink()
            Ledger(str(log), clock=lambda: NOW).create()
            assert set_aside(log) == [torn]
        assert Ledger(str(log)).append({"key": "after"}).seq == len(lines) + len(said) + 1
        assert verify(str(log)).findings == ()


# --- other hands at the log of a living ledger


def _edited(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(path.read_bytes().index(b"of b"))
        file.write(b"OF")


def _renamed_over(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(path.read_bytes())
    os.replace(other, path)


def _linked_folder(path: Path) -> None:
    moved = path.parent.with_name("moved")
    path.parent.rename(moved)
    path.parent.symlink_to(moved)


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (_renamed_over, "was replaced"),
        (lambda path: path.unlink(), "no log found"),
        (lambda path: os.truncate(path, path.stat().st_size - 1), "changed or cut off"),
        (lambda path: os.truncate(path, 0), "changed or cut off"),
        (_edited, "does not follow the line before"),
        (_linked_folder, "symbolic link"),
    ],
    ids=["renamed-over", "removed", "last-byte", "emptied", "edited", "folder-linked"],
)
@pytest.mark.parametrize("use", ["append", "read"])
def test_a_living_ledger_says_what_was_done_to_its_log(
    tmp_path: Path, harm: Callable[[Path], None], said: str, use: str
) -> None:
    log = tmp_path / "folder" / "log.jsonl"
    log.parent.mkdir()
    ledger = Ledger(str(log), root=str(tmp_path))
    for key in KEYS:
        ledger.append({"key": key, "text": f"of {key}"})
    before = os.stat(log).st_mtime_ns
    harm(log)
    if (
        harm is _edited
    ):  # within one tick of the file system's clock nothing can tell the edit from our own writing
        os.utime(log, ns=(before, before + 10_000_000))
    after = log.read_bytes() if log.exists() else None
    for _ in range(2):
        with pytest.raises(Stop) as stopped:
            ledger.append({"key": "new"}) if use == "append" else ledger.read()
        assert stopped.value.code == 3
        # A torn end is no entry to a reader, who then misses one that was acknowledged.
        reads = "it is not what was acknowledged" if "cut off" in said and use == "read" else said
        assert reads in stopped.value.message
    assert (log.read_bytes() if log.exists() else None) == after


ONE_MORE = "import sys; from correctless.ledger.ledger import Ledger; Ledger(sys.argv[1]).append({'key': sys.argv[2]})"


def test_an_edit_is_noticed_although_another_process_appended_since(log: Path) -> None:
    one, two = Ledger(str(log)), Ledger(str(log))
    for n in range(20):
        one.append({"key": f"one{n}", "text": "of b"})
        two.append({"key": f"two{n}"})
    # `two` does not know yet what `one` adds, so it can't see in its stamp that more than that happened.
    one.append({"key": "last"})
    _edited(log)
    with pytest.raises(Damaged) as stopped:
        two.append({"key": "new"})
    assert (stopped.value.line, stopped.value.code) == (2, 3)
    fresh = subprocess.run(
        [sys.executable, "-c", ONE_MORE, str(log), "new"], capture_output=True, check=False
    )
    assert b"Damaged" in fresh.stderr


def test_an_edit_of_a_large_log_is_noticed_once_others_added_a_sixteenth(log: Path) -> None:
    one, two = Ledger(str(log)), Ledger(str(log))
    one.append({"key": "first", "text": "of b"})
    one.append({"key": "large", "text": "x" * 160_000})
    two.append({"key": "two"})
    one.append({"key": "one"})
    _edited(log)
    # What another adds hides the edit from a look at what is new.
    hand = log.stat()
    added = 0
    for n in range(30):
        with log.open("ab") as file:
            last = lines_of(log)[-1]
            seq = json.loads(last)["seq"] + 1
            added += file.write(f'{{"text":"{"y" * 1000}","seq":{seq},"prev":"{sha(last)}"}}\n'.encode())
        if (added + 100) * 16 >= log.stat().st_size:
            break
        two.append({"n": n})
    assert 5 < n < 29
    assert hand.st_size > 160_000
    with pytest.raises(Damaged) as stopped:
        two.append({"n": "last"})
    assert stopped.value.line == 2


# --- a million entries


def _peak_of_verify(log: Path, heads: Path, entries: int) -> int:
    """KiB that a process of its own took at most to verify a log with as many anchors as entries."""
    program = (
        "import sys; from correctless.ledger.check import Anchor, verify\n"
        "def heads():\n"
        "    for seq, line in enumerate(open(sys.argv[2]), 1): yield Anchor(seq, line.strip(), 'x')\n"
        "report = verify(sys.argv[1], heads=heads()); assert report.intact, report.findings[:2]\n"
        # Not ru_maxrss: that begins with what the process had that started this one.
        "peak = [line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM:')]\n"
        "print(report.entries, *peak)"
    )
    done = subprocess.run([sys.executable, "-c", program, log, heads], stdout=subprocess.PIPE, check=True)
    counted, peak = map(int, done.stdout.split())
    assert counted == entries
    return peak


def test_verify_takes_no_more_memory_for_a_million_entries_than_for_ten_thousand(tmp_path: Path) -> None:
    peaks = []
    for count in (10_000, 1_000_000):
        log, heads = tmp_path / f"log-{count}", tmp_path / f"heads-{count}"
        prev = hashlib.sha256(b"correctless-log/1").hexdigest()
        with log.open("wb") as lines, heads.open("w") as noted:
            for seq in range(1, count + 1):
                line = f'{{"key":"run/step/1/b{seq}","text":"x","seq":{seq},"prev":"{prev}"}}'.encode()
                prev = hashlib.sha256(line).hexdigest()
                lines.write(line + b"\n")
                noted.write(prev + "\n")
        peaks.append(_peak_of_verify(log, heads, count))
    assert peaks[1] - peaks[0] < 4096, f"KiB: {peaks}"
