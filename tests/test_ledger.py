"""The ledger against what really happens to files: kills, full disks, bad sectors, links, and people with editors."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from correctless.exits import Stop
from correctless.ledger import (
    GENESIS,
    Anchor,
    Damaged,
    Foreign,
    Head,
    Ledger,
    Missing,
    Repaired,
    repair,
    verify,
)
from correctless.logfile import LogFile, opened
from programs import strace_program

NOW = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)

Damage = Callable[[Path], object]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log.jsonl"


def write(path: Path, *names: str) -> list[bytes]:
    """A log with an entry for each name; its lines with their newlines."""
    ledger = Ledger(str(path))
    return [ledger.append({"name": name, "key": name}).line + b"\n" for name in names]


def sha(line: bytes) -> str:
    return hashlib.sha256(line.removesuffix(b"\n")).hexdigest()


def aside(path: Path, ending: str) -> list[bytes]:
    return [p.read_bytes() for p in sorted(path.parent.glob(f"{path.name}.{ending}-*"))]


def start(program: str, *args: str | Path, wrap: tuple[str, ...] = ()) -> subprocess.Popen[bytes]:
    argv = [*wrap, sys.executable, "-c", program, *map(str, args)]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


# --- the chain


def test_each_line_names_the_hash_of_the_line_before(log: Path) -> None:
    lines = write(log, "a", "b", "c")
    assert log.read_bytes() == b"".join(lines)
    assert [json.loads(line)["prev"] for line in lines] == [GENESIS, sha(lines[0]), sha(lines[1])]
    assert [json.loads(line)["seq"] for line in lines] == [1, 2, 3]
    assert hashlib.sha256(b"correctless-log/1").hexdigest() == GENESIS


def test_seq_and_prev_are_the_last_keys(log: Path) -> None:
    (line,) = write(log, "a")
    assert list(json.loads(line)) == ["name", "key", "seq", "prev"]


def test_what_is_read_is_what_was_acknowledged(log: Path) -> None:
    ledger = Ledger(str(log))
    made = tuple(ledger.append({"n": n}) for n in range(3))
    assert ledger.read() == made == Ledger(str(log)).read()
    assert Ledger(str(log)).head() == Head(3, made[-1].head)


def test_an_empty_file_is_a_valid_empty_log(log: Path) -> None:
    Ledger(str(log)).create()
    assert log.read_bytes() == b""
    assert Ledger(str(log)).read() == ()
    assert verify(str(log)).head == Head(0, GENESIS)
    assert verify(str(log)).findings == ()
    Ledger(str(log)).append({"a": 1})
    assert verify(str(log)).entries == 1


def test_creating_a_log_that_is_there_keeps_it(log: Path) -> None:
    lines = write(log, "a")
    Ledger(str(log)).create()
    assert log.read_bytes() == lines[0]


def test_a_log_that_is_not_there_is_said_to_be_missing(log: Path, tmp_path: Path) -> None:
    for look in (
        Ledger(str(log)).read,
        Ledger(str(log)).head,
        lambda: verify(str(log)),
        lambda: repair(str(log), NOW),
    ):
        with pytest.raises(Missing) as stopped:
            look()
        assert stopped.value.code == 3
    with pytest.raises(Missing):
        Ledger(str(tmp_path / "no" / "folder.jsonl")).append({})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "fields", [{"seq": 1}, {"prev": "x"}, {"a": float("nan")}, {"a": {1}}, {1: "a", "1": "b"}]
)
def test_fields_that_could_not_be_read_back_are_not_written(log: Path, fields: dict[str, object]) -> None:
    (line,) = write(log, "a")
    with pytest.raises((ValueError, TypeError)):
        Ledger(str(log)).append(fields)
    assert log.read_bytes() == line


def test_an_entry_nested_too_deep_to_be_read_is_not_written(log: Path) -> None:
    deep: list[object] = []
    for _ in range(40):
        deep = [deep]
    with pytest.raises(ValueError, match="nested deeper"):
        Ledger(str(log)).append({"deep": deep})
    assert Ledger(str(log)).read() == ()


# --- keys


def test_a_key_that_is_in_the_log_is_answered_with_its_entry(log: Path) -> None:
    ledger = Ledger(str(log))
    first = ledger.append({"key": 'run/"quoted"/1/b1', "a": 1})
    ledger.append({"key": "other", "a": 2})
    assert ledger.append({"key": 'run/"quoted"/1/b1', "a": 3}) == first
    assert Ledger(str(log)).append({"key": 'run/"quoted"/1/b1', "a": 4}) == first
    assert len(ledger.read()) == 2


def test_a_key_written_by_another_instance_meanwhile_counts(log: Path) -> None:
    one, two = Ledger(str(log)), Ledger(str(log))
    one.append({"key": "a"})
    made = two.append({"key": "b"})
    assert one.append({"key": "b"}) == made


def test_null_keys_are_never_the_same(log: Path) -> None:
    ledger = Ledger(str(log))
    assert [ledger.append({"key": None}).seq for _ in range(3)] == [1, 2, 3]


def test_a_key_deeper_inside_an_entry_is_not_its_key(log: Path) -> None:
    ledger = Ledger(str(log))
    ledger.append({"key": "a", "extra": {"key": "wanted", "text": '"key":"wanted"'}})
    assert ledger.append({"key": "wanted"}).seq == 2
    assert Ledger(str(log)).append({"key": "wanted"}).seq == 2


# --- many writers

APPEND = """
import sys
from correctless.ledger import Ledger
ledger = Ledger(sys.argv[1])
for n in range(int(sys.argv[3])):
    ledger.append({"who": sys.argv[2], "n": n, "text": sys.argv[2] * 6000})
"""


def test_eight_processes_never_lose_tear_or_interleave_a_line(log: Path) -> None:
    writers = [start(APPEND, log, str(who), "100") for who in range(8)]
    assert [(writer.communicate()[1], writer.returncode) for writer in writers] == [(b"", 0)] * 8
    report = verify(str(log))
    assert (report.entries, report.findings) == (800, ())
    entries = Ledger(str(log)).read()
    assert all(e.fields["text"] == e.fields["who"] * 6000 for e in entries)
    for who in "01234567":
        assert [e.fields["n"] for e in entries if e.fields["who"] == who] == list(range(100))


def test_threads_may_share_one_ledger(log: Path) -> None:
    ledger = Ledger(str(log))
    threads = [
        threading.Thread(target=lambda: [ledger.append({"n": n}) for n in range(25)]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert verify(str(log)).entries == 100
    assert verify(str(log)).findings == ()


def test_a_child_forked_during_an_append_does_not_keep_the_lock(log: Path) -> None:
    write(log, "a")
    with opened(str(log), None, write=True):
        child = os.fork()
        if child == 0:
            time.sleep(30)
            os._exit(0)
    try:
        began = time.monotonic()
        Ledger(str(log)).append({"b": 1})
        assert time.monotonic() - began < 10
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


# --- torn last lines


@pytest.mark.parametrize("whole", [0, 2])
def test_a_cut_at_every_byte_of_the_last_line_repairs_to_the_exact_prefix(log: Path, whole: int) -> None:
    lines = write(log, *"abcd")[: whole + 1]
    kept = b"".join(lines[:-1])
    for cut in range(len(lines[-1])):
        for mend in (lambda: Ledger(str(log), clock=lambda: NOW).create(), lambda: repair(str(log), NOW)):
            log.write_bytes(kept + lines[-1][:cut])
            mend()
            assert log.read_bytes() == kept
            assert aside(log, "torn") == ([lines[-1][:cut]] if cut else [])
            for piece in log.parent.glob("*.torn-*"):
                piece.unlink()
    assert Ledger(str(log)).append({"key": "new"}).seq == whole + 1


def test_a_torn_last_line_is_set_aside_and_the_append_goes_on(log: Path) -> None:
    lines = write(log, "a", "b")
    log.write_bytes(lines[0] + lines[1][:-1])
    assert Ledger(str(log), clock=lambda: NOW).append({"name": "b"}).seq == 2
    assert [p.name for p in log.parent.glob("*.torn-*")] == ["log.jsonl.torn-20260102T030405.000678Z"]
    assert verify(str(log)).findings == ()


def test_two_tails_set_aside_at_the_same_moment_keep_both(log: Path) -> None:
    (line,) = write(log, "a")
    for tail in (b"{one", b"{two"):
        log.write_bytes(line + tail)
        Ledger(str(log), clock=lambda: NOW).create()
    assert aside(log, "torn") == [b"{one", b"{two"]


def test_a_torn_last_line_is_a_warning_and_is_not_read(log: Path) -> None:
    lines = write(log, "a", "b")
    log.write_bytes(lines[0] + lines[1][:-1])
    report = verify(str(log))
    assert report.intact
    assert [(f.rule, f.line, f.severity) for f in report.findings] == [("log-torn", 2, "warning")]
    assert report.entries == len(Ledger(str(log)).read()) == 1
    assert log.read_bytes() == lines[0] + lines[1][:-1]


# --- damage


def test_a_flipped_bit_before_the_last_line_is_found(log: Path) -> None:
    lines = write(log, "a", "b", "c")
    data = b"".join(lines)
    for bit in range(8 * (len(data) - len(lines[-1]))):
        broken = bytearray(data)
        broken[bit // 8] ^= 1 << bit % 8
        log.write_bytes(broken)
        with pytest.raises((Damaged, Foreign)):
            Ledger(str(log)).append({"name": "d"})
        try:
            assert not verify(str(log)).intact
        except Foreign:
            assert bit // 8 < len(lines[0])
        assert log.read_bytes() == broken
    assert len(list(log.parent.iterdir())) == 1


def test_a_last_line_that_is_no_json_any_more_is_found(log: Path) -> None:
    lines = write(log, "a", "b")
    log.write_bytes(lines[0] + lines[1].replace(b'{"name"', b'["name"'))
    assert [(f.rule, f.line) for f in verify(str(log)).findings] == [("log-chain", 2)]
    for use in (Ledger(str(log)).read, Ledger(str(log)).head, lambda: Ledger(str(log)).append({})):
        with pytest.raises(Damaged) as stopped:
            use()
        assert (stopped.value.line, stopped.value.code) == (2, 3)


def _lines(*change: Callable[[list[bytes]], list[bytes]]) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        lines = path.read_bytes().splitlines(keepends=True)
        for each in change:
            lines = each(lines)
        path.write_bytes(b"".join(lines))

    return damage


@pytest.mark.parametrize(
    ("damage", "line"),
    [
        (_lines(lambda at: [at[0], at[2], at[3]]), 2),
        (_lines(lambda at: [at[0], at[1], at[1], *at[2:]]), 3),
        (_lines(lambda at: [at[0], at[2], at[1], at[3]]), 2),
        (_lines(lambda at: [at[0], b"\n", *at[1:]]), 2),
        (_lines(lambda at: [at[0], at[1].replace(b'"seq":2', b'"seq":3'), *at[2:]]), 2),
        (_lines(lambda at: [at[0], at[1].replace(b'"seq":2', b'"seq":"2"'), *at[2:]]), 2),
        (_lines(lambda at: [at[0], at[1].replace(b'"seq":2', b'"seq":2.0'), *at[2:]]), 2),
        (_lines(lambda at: [at[0], at[1].replace(b'"seq":2', b'"seq":02'), *at[2:]]), 2),
        (_lines(lambda at: [at[0], at[1].replace(b"}", b" }"), *at[2:]]), 2),
        (_lines(lambda at: [at[0].replace(b'"seq":1', b'"seq":2'), *at[1:]]), 1),
        (_lines(lambda at: [*at[:3], at[3].replace(b'"seq":4', b'"seq":5')]), 4),
    ],
    ids=["gap", "duplicate", "swapped", "blank", "number", "text", "float", "zero", "space", "first", "last"],
)
def test_what_breaks_the_chain_is_named_by_its_line(log: Path, damage: Damage, line: int) -> None:
    write(log, *"abcd")
    known = Ledger(str(log))
    known.create()
    damage(log)
    report = verify(str(log))
    assert not report.intact
    assert (report.findings[0].rule, report.findings[0].line) == ("log-chain", line)
    with pytest.raises(Damaged) as stopped:
        Ledger(str(log)).append({"name": "e"})
    assert stopped.value.line == line
    with pytest.raises(Damaged):
        known.append({"name": "e"})


def test_every_break_of_the_chain_is_reported_once(log: Path) -> None:
    lines = write(log, *"abcdef")
    lines[1] = lines[1].replace(b'"b"', b'"x"')
    lines[3] = lines[3].replace(b'"d"', b'"x"')
    log.write_bytes(b"".join(lines))
    assert [f.line for f in verify(str(log)).findings] == [3, 5]


@pytest.mark.parametrize(
    "data",
    [
        b"hello\n",
        b"hello",
        b"\n",
        b'{"a":1}\n',
        b'{"a":1}',
        b"[1]\n",
        b"\xff\xfe\n",
        b"PK\x03\x04",
        b'{"seq":1,"prev":"' + b"0" * 64 + b'"}\n',
        b'{"x":"' + GENESIS.encode() + b'","seq":1,"prev":"' + b"0" * 64 + b'"}\n',
    ],
)
def test_a_file_of_someone_else_is_foreign_and_never_touched(log: Path, data: bytes) -> None:
    log.write_bytes(data)
    uses: tuple[Callable[[], object], ...] = (
        lambda: Ledger(str(log)).append({}),
        lambda: Ledger(str(log)).create(),
        lambda: verify(str(log)),
        lambda: repair(str(log), NOW),
    )
    for use in uses:
        with pytest.raises(Foreign) as stopped:
            use()
        assert stopped.value.code == 3
        assert "damaged" not in stopped.value.message
    assert log.read_bytes() == data
    assert len(list(log.parent.iterdir())) == 1


def test_a_first_line_of_ours_that_was_changed_is_damaged_and_not_foreign(log: Path) -> None:
    (line,) = write(log, "a")
    log.write_bytes(line.replace(b'"seq":1', b'"sEq":1'))
    with pytest.raises(Damaged):
        Ledger(str(log)).append({})
    assert repair(str(log), NOW).action == "damaged"


# --- a living ledger whose file is changed by others


def _replaced(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(path.read_bytes())
    os.replace(other, path)


def _changed_in_place(path: Path, *, at: int, after: float = 0) -> None:
    time.sleep(after)  # a change within the same tick of the file system's clock can't be told from our own
    with path.open("r+b") as file:
        file.seek(at)
        file.write(b"X")


@pytest.mark.parametrize(
    "harm",
    [
        _replaced,
        lambda path: path.unlink(),
        lambda path: os.truncate(path, 10),
        lambda path: os.truncate(path, 0),
        lambda path: path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1])),
        lambda path: _changed_in_place(path, at=path.stat().st_size - 80),
        lambda path: _changed_in_place(path, at=path.stat().st_size - 1),
        lambda path: _changed_in_place(path, at=9, after=0.05),
    ],
    ids=["replaced", "removed", "cut", "emptied", "shorter", "last-line", "last-newline", "first-line"],
)
def test_a_living_ledger_refuses_a_file_that_is_not_what_it_acknowledged(log: Path, harm: Damage) -> None:
    ledger = Ledger(str(log))
    for name in "abc":
        ledger.append({"name": name})
    harm(log)
    after = log.read_bytes() if log.exists() else None
    with pytest.raises(Stop) as stopped:
        ledger.append({"name": "d"})
    assert stopped.value.code == 3
    assert (log.read_bytes() if log.exists() else None) == after
    assert not list(log.parent.glob("*.torn-*"))


def test_a_living_ledger_does_not_read_another_log_as_its_own(log: Path) -> None:
    ledger = Ledger(str(log))
    ledger.append({"name": "a"})
    log.unlink()
    write(log, "b")
    with pytest.raises(Damaged):
        ledger.read()


def test_a_writer_that_waited_for_a_repair_goes_on_in_the_new_log(log: Path) -> None:
    write(log, "a")
    log.write_bytes(log.read_bytes() + log.read_bytes())
    waiting: list[threading.Thread] = []
    with opened(str(log), None, write=True) as file:
        thread = threading.Thread(target=lambda: Ledger(str(log)).append({"name": "b"}))
        thread.start()
        time.sleep(0.2)
        file.replace("damaged", NOW, b"")
        waiting.append(thread)
    waiting[0].join(10)
    assert [e.fields["name"] for e in Ledger(str(log)).read()] == ["b"]


# --- where a log may lie


@pytest.mark.parametrize("dangling", [False, True])
def test_a_symbolic_link_in_the_logs_place_is_refused(log: Path, tmp_path: Path, dangling: bool) -> None:
    target = tmp_path / "target"
    if not dangling:
        target.write_bytes(b"")
    log.symlink_to(target)
    _refused(lambda: Ledger(str(log)).append({}), lambda: Ledger(str(log)).read(), lambda: verify(str(log)))
    assert target.exists() is not dangling
    assert dangling or target.read_bytes() == b""


@pytest.mark.parametrize("depth", [1, 2])
def test_a_symbolic_link_anywhere_below_the_root_is_refused(tmp_path: Path, depth: int) -> None:
    real = tmp_path / "real"
    (real / "b").mkdir(parents=True)
    root = tmp_path / "root"
    root.mkdir()
    if depth == 1:
        (root / "a").symlink_to(real)
    else:
        (root / "a").mkdir()
        (root / "a" / "b").symlink_to(real / "b")
    path = str(root / "a" / "b" / "log.jsonl")
    _refused(lambda: Ledger(path, root=str(root)).append({}), lambda: verify(path, root=str(root)))
    assert list((real / "b").iterdir()) == []


@pytest.mark.parametrize("path", ["../out.jsonl", "a/../../out.jsonl", "../root-beside/out.jsonl", "."])
def test_a_path_outside_the_root_is_refused(tmp_path: Path, path: str) -> None:
    root = tmp_path / "root"
    (root / "a").mkdir(parents=True)
    (tmp_path / "root-beside").mkdir()
    _refused(lambda: Ledger(str(root / path), root=str(root)).append({}))
    assert not list(tmp_path.rglob("out.jsonl"))


def test_a_path_inside_the_root_is_taken(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    for path in ("log.jsonl", "a/b/log.jsonl", "a/../other.jsonl"):
        assert Ledger(str(tmp_path / path), root=str(tmp_path)).append({}).seq == 1


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
def test_what_is_no_regular_file_is_refused_without_waiting(log: Path, make: Damage) -> None:
    make(log)
    _refused(
        lambda: Ledger(str(log)).append({}),
        lambda: Ledger(str(log)).read(),
        lambda: verify(str(log)),
        lambda: repair(str(log), NOW),
    )


def test_a_device_is_refused() -> None:
    _refused(lambda: Ledger("/dev/null").append({}), lambda: verify("/dev/null"))


def test_a_new_log_is_readable_by_all_and_writable_by_its_owner(log: Path) -> None:
    before = os.umask(0)
    try:
        write(log, "a")
    finally:
        os.umask(before)
    assert log.stat().st_mode & 0o777 == 0o644


# --- disks that fail

LIMITED = """
import os, resource, sys
from correctless.exits import Stop
from correctless.ledger import Ledger
size = os.path.getsize(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (size + int(sys.argv[2]), size + 10_000_000))
ledger = Ledger(sys.argv[1])
try:
    ledger.append({"text": "x" * 6000})
except Stop as stop:
    print(stop.code, stop.message)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 10_000_000, size + 10_000_000))
    try:
        ledger.append({"text": "y"})
    except Stop as stop:
        print(stop.code)
"""


@pytest.mark.parametrize("room", [0, 1, 5999])
def test_a_file_that_may_not_grow_keeps_exactly_what_was_acknowledged(log: Path, room: int) -> None:
    lines = write(log, "a", "b")
    out, err = start(LIMITED, log, str(room)).communicate()
    assert err == b""
    assert out.startswith(b"3 ")
    assert out.endswith(b"\n3\n")
    assert log.read_bytes() == b"".join(lines)
    assert Ledger(str(log)).append({"name": "c"}).seq == 3


FAILING = """
import sys
from correctless.exits import Stop
from correctless.ledger import Ledger
ledger = Ledger(sys.argv[1])
for n in range(4):
    try:
        print(ledger.append({"n": n}).seq)
    except Stop as stop:
        print("stop", stop.code)
"""


@pytest.mark.real
@pytest.mark.parametrize(
    ("call", "error", "tried"),
    [("write", "ENOSPC", 2), ("write", "EIO", 2), ("fsync", "EIO", 2), ("fsync", "ENOSPC", 2)],
)
def test_a_disk_error_cuts_back_stops_the_writer_and_is_never_retried(
    log: Path, tmp_path: Path, call: str, error: str, tried: int
) -> None:
    trace = tmp_path / "trace"
    inject = f"inject={call}:error={error}:when=2"
    strace = (
        strace_program(),
        "-f",
        "-qq",
        "-o",
        str(trace),
        "-P",
        str(log),
        "-e",
        f"trace={call}",
        "-e",
        inject,
    )
    out, err = start(FAILING, log, wrap=strace).communicate()
    assert out.split() == [b"1", *[b"stop", b"3"] * 3], err
    assert trace.read_text().count(f"{call}(") == tried
    report = verify(str(log))
    assert (report.entries, report.findings) == (1, ())
    assert Ledger(str(log)).append({"n": 9}).seq == 2


ENDLESS = """
import os, sys
from correctless.ledger import Ledger
ledger = Ledger(sys.argv[1])
n = 0
while True:
    entry = ledger.append({"n": n, "text": "x" * (n * 997 % 9000)})
    os.write(1, f"{entry.seq} {entry.head}\\n".encode())
    n += 1
"""


def test_a_writer_killed_at_any_moment_loses_nothing_it_acknowledged(log: Path) -> None:
    chance = random.Random(7)
    acknowledged: dict[int, str] = {}
    for _ in range(20):
        writer = start(ENDLESS, log)
        assert writer.stdout is not None
        assert writer.stdout.readline()
        time.sleep(chance.random() * 0.03)
        writer.kill()
        rest, err = writer.communicate()
        assert err == b""
        for said in rest.splitlines(keepends=True):
            seq, head = said.split()
            acknowledged[int(seq)] = head.decode()
        Ledger(str(log)).append({"after": "kill"})
        heads = {e.seq: e.head for e in Ledger(str(log)).read()}
        assert acknowledged.items() <= heads.items()
    assert verify(str(log)).findings == ()


# --- anchors


def test_anchors_that_hold_say_nothing(log: Path) -> None:
    lines = write(log, "a", "b")
    anchors = [Anchor(0, GENESIS, "start"), Anchor(1, sha(lines[0]), "x"), Anchor(2, sha(lines[1]), "y")]
    assert verify(str(log), anchors).findings == ()


@pytest.mark.parametrize(
    "anchor",
    [
        Anchor(3, "0" * 64, "commit abc"),
        Anchor(1, "0" * 64, "commit abc"),
        Anchor(0, "0" * 64, "commit abc"),
        Anchor(-1, GENESIS, "commit abc"),
    ],
)
def test_an_anchor_that_does_not_hold_is_an_error_that_names_its_place(log: Path, anchor: Anchor) -> None:
    write(log, "a", "b")
    report = verify(str(log), [anchor])
    assert not report.intact
    assert [f.rule for f in report.findings] == ["log-anchor"]
    assert "commit abc" in report.findings[0].message


def test_a_tail_cut_off_is_disproved_by_an_anchor_alone(log: Path) -> None:
    lines = write(log, "a", "b", "c")
    log.write_bytes(lines[0])
    assert verify(str(log)).intact
    assert not verify(str(log), [Anchor(3, sha(lines[2]), "commit abc")]).intact


def test_a_log_written_anew_is_disproved_by_an_anchor(log: Path) -> None:
    lines = write(log, "a", "b")
    log.unlink()
    write(log, "x", "y")
    assert not verify(str(log), [Anchor(2, sha(lines[1]), "commit abc")]).intact


def test_the_memory_of_verify_does_not_grow_with_the_log(log: Path) -> None:
    ledger = Ledger(str(log))
    line = ledger.append({"text": "x" * 60_000}).line
    with log.open("ab") as file:
        for seq in range(2, 500):
            previous = hashlib.sha256(line).hexdigest()
            line = json.dumps(
                {"text": "x" * 60_000, "seq": seq, "prev": previous}, separators=(",", ":")
            ).encode()
            file.write(line + b"\n")
    tracemalloc.start()
    try:
        assert verify(str(log)).entries == 499
        assert tracemalloc.get_traced_memory()[1] < 2_000_000 < log.stat().st_size
    finally:
        tracemalloc.stop()


def test_findings_of_a_broken_log_are_limited(log: Path) -> None:
    (line,) = write(log, "a")
    log.write_bytes(line * 1000)
    assert len(verify(str(log)).findings) == 100


# --- repair


def test_an_intact_log_is_left_alone(log: Path) -> None:
    lines = write(log, "a", "b")
    assert repair(str(log), NOW) == Repaired("intact", None, Head(2, sha(lines[1])), None)
    assert [p.name for p in log.parent.iterdir()] == [log.name]


def test_a_damaged_log_is_set_aside_whole_and_the_new_one_begins_with_the_loss(log: Path) -> None:
    lines = write(log, *"abcd")
    lines[1] = lines[1].replace(b'"b"', b'"x"')
    data = b"".join(lines) + b'{"torn'
    log.write_bytes(data)
    done = repair(
        str(log), NOW, first=lambda what: {"lost": what.lost and what.lost.seq, "intact": what.intact.seq}
    )
    assert (done.action, done.intact.seq, done.lost) == ("damaged", 2, Head(4, sha(lines[3])))
    assert done.aside == f"{log}.damaged-20260102T030405.000678Z"
    assert Path(done.aside).read_bytes() == data
    assert [e.fields for e in Ledger(str(log)).read()] == [
        {"lost": 4, "intact": 2, "seq": 1, "prev": GENESIS}
    ]
    assert len(list(log.parent.iterdir())) == 2


def test_a_damaged_log_never_takes_the_name_of_one_set_aside_before(log: Path) -> None:
    (line,) = write(log, "a")
    for copies in (2, 3):
        log.write_bytes(line * copies)
        repair(str(log), NOW)
        assert log.read_bytes() == b""
    assert aside(log, "damaged") == [line * 2, line * 3]


def test_what_repair_leaves_can_be_appended_to(log: Path) -> None:
    (line,) = write(log, "a")
    log.write_bytes(line * 2)
    repair(str(log), NOW)
    assert Ledger(str(log)).append({}).seq == 1


@pytest.mark.real
def test_a_path_is_never_without_a_log_while_it_is_replaced(log: Path, tmp_path: Path) -> None:
    write(log, "a")
    trace = tmp_path / "trace"
    program = (
        "import sys; from datetime import datetime, UTC; from correctless.ledger import repair;"
        "repair(sys.argv[1], datetime(2026, 1, 2, tzinfo=UTC))"
    )
    log.write_bytes(log.read_bytes() * 2)
    calls = "trace=link,linkat,rename,renameat,renameat2,unlink,unlinkat"
    start(program, log, wrap=(strace_program(), "-qq", "-o", str(trace), "-e", calls)).communicate()
    done = [line.split("(")[0] for line in trace.read_text().splitlines() if log.name in line]
    assert done in (["linkat", "renameat"], ["linkat", "renameat2"], ["link", "rename"])


def _refused(*uses: Callable[[], object]) -> None:
    for use in uses:
        with pytest.raises(Stop) as stopped:
            use()
        assert stopped.value.code == 3
        assert "\n" not in stopped.value.message


@pytest.mark.real
def test_a_piece_is_set_aside_durably_before_the_log_is_cut(log: Path, tmp_path: Path) -> None:
    (line,) = write(log, "a")
    log.write_bytes(line + b"{torn")
    trace = tmp_path / "trace"
    program = "import sys; from correctless.ledger import Ledger; Ledger(sys.argv[1]).append({})"
    calls = "trace=fsync,ftruncate,write"
    start(program, log, wrap=(strace_program(), "-y", "-qq", "-o", str(trace), "-e", calls)).communicate()
    said = [text for text in trace.read_text().splitlines() if str(log.parent) in text]
    order = [text.split("(")[0] for text in said]
    assert order == ["write", "fsync", "fsync", "ftruncate", "write", "fsync"]
    assert ".torn-" in said[0]


@pytest.mark.real
def test_an_append_writes_once_syncs_and_syncs_the_folder_of_a_new_file(log: Path, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    program = (
        "import sys; from correctless.ledger import Ledger; ledger = Ledger(sys.argv[1]);"
        "ledger.append({'n': 1}); ledger.append({'n': 2})"
    )
    start(
        program, log, wrap=(strace_program(), "-y", "-qq", "-o", str(trace), "-e", "trace=fsync,write")
    ).communicate()
    said = [text for text in trace.read_text().splitlines() if str(log.parent) in text]
    assert [(text.split("(")[0], f"<{log}>" in text) for text in said] == [
        *[("write", True), ("fsync", True), ("fsync", False)],
        *[("write", True), ("fsync", True)],
    ]


def test_the_file_itself_is_what_a_reader_gets(log: Path) -> None:
    write(log, "a")
    with opened(str(log), None, write=False) as file:
        assert isinstance(file, LogFile)
        with file.stream() as stream:
            assert stream.read() == log.read_bytes()
