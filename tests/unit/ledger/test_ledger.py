"""The ledger against what really happens to files: kills, full disks, bad sectors, links, and people with editors."""

from __future__ import annotations

import contextlib
import fcntl
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
import weakref
from collections.abc import Callable, Generator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from correctless.base.exits import Stop
from correctless.ledger.chain import GENESIS, Entry, Head, entry, seal
from correctless.ledger.check import Anchor, RepairResult, repair, verify
from correctless.ledger.ledger import Ledger, LogMoved
from correctless.ledger.log_file import Damaged, Foreign, LogFile, Missing, opened
from patience import PATIENCE
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


_ATOMS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)
_TEXT = st.text(st.characters() | st.sampled_from('\ud83d\ude00\\ud/"\u2028\x7f'))
_VALUES = st.recursive(
    _ATOMS | _TEXT,
    lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(_TEXT | st.integers(), inner),
    max_leaves=12,
)


@given(st.dictionaries(_TEXT, _VALUES))
@example({"halves": "\ud83d\ude00"})
def test_what_is_acknowledged_is_what_its_line_holds(fields: dict[str, object]) -> None:
    try:
        made = seal(fields, Head(0, GENESIS))
    except ValueError:
        return
    assert repr(made) == repr(entry(made.line))


def test_what_is_acknowledged_does_not_change_with_what_it_was_made_of(log: Path) -> None:
    notes, extra = ["a"], {"in": {"it": ["b"]}}
    made = Ledger(str(log)).append({"notes": notes, "extra": extra})
    notes.append("c")
    extra["in"]["it"].append("d")
    assert Ledger(str(log)).read() == (made,)


def test_a_relative_path_names_the_log_of_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger("log.jsonl")
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
    monkeypatch.chdir(tmp_path / "one")
    ledger.append({"n": 1})
    monkeypatch.chdir(tmp_path / "two")
    with pytest.raises(Missing):
        ledger.append({"n": 2})
    monkeypatch.chdir(tmp_path / "one")
    assert ledger.append({"n": 2}).seq == 2


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
from correctless.ledger.ledger import Ledger
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
            time.sleep(PATIENCE)
            os._exit(0)
    try:
        Ledger(str(log), limit=10).append({"b": 1})
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_a_child_that_was_forked_from_a_writer_writes_for_itself(log: Path) -> None:
    ledger = Ledger(str(log))
    ledger.append({"who": "both"})
    child = os.fork()
    who = "parent" if child else "child"
    try:
        for n in range(100):
            ledger.append({"who": who, "n": n})
        if child == 0:
            os._exit(0)
    finally:
        if child == 0:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    assert verify(str(log)).findings == ()
    for each in ("parent", "child"):
        assert [e.fields["n"] for e in ledger.read() if e.fields["who"] == each] == list(range(100))


KILLED_WITH_A_CHILD = """
import os, signal, sys, time
from correctless.ledger.ledger import Ledger

def fork():
    child = os.fork()
    if child == 0:
        time.sleep(60)
        os._exit(0)
    print(child, flush=True)

def noted(entry):
    if entry.seq == 2:
        fork()
        os.kill(os.getpid(), signal.SIGKILL)

ledger = Ledger(sys.argv[1], noted=noted)
ledger.append({"n": 1})
fork()
ledger.append({"n": 2})
"""


def test_a_writer_killed_in_an_append_leaves_its_lock_with_no_child(log: Path) -> None:
    writer = start(KILLED_WITH_A_CHILD, log)
    assert writer.stdout is not None
    children = [int(writer.stdout.readline()) for _ in range(2)]
    try:
        assert writer.wait(PATIENCE) == -signal.SIGKILL
        assert Ledger(str(log), limit=5).append({"n": 3}).seq == 3
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
        writer.stdout.close()
        assert writer.stderr is not None
        writer.stderr.close()


def test_a_ledger_keeps_its_file_from_programs_it_starts_and_closes_it_with_itself(log: Path) -> None:
    def inherited() -> bytes:
        program = "import os; print(len(os.listdir('/dev/fd')))"
        done = subprocess.run(
            [sys.executable, "-c", program], close_fds=False, stdout=subprocess.PIPE, check=True
        )
        return done.stdout

    inherited_before = inherited()
    ledger = Ledger(str(log))
    ledger.append({"n": 1})
    assert open_below(log.parent)
    assert inherited() == inherited_before
    del ledger
    assert open_below(log.parent) == []


@pytest.mark.parametrize("known", [True, False])
def test_a_log_another_holds_is_waited_for_and_then_named(log: Path, known: bool) -> None:
    write(log, "a")
    ledger = Ledger(str(log), limit=0.3)
    if known:
        ledger.append({"name": "b"})
    with log.open("rb") as holder:
        fcntl.flock(holder, fcntl.LOCK_EX)
        for use in (lambda: ledger.append({"name": "c"}), ledger.read):
            began = time.monotonic()
            with pytest.raises(Stop) as stopped:
                use()
            assert time.monotonic() - began >= 0.3
            assert stopped.value.code == 75
            assert str(log) in stopped.value.message
    assert ledger.append({"name": "c"}).fields["name"] == "c"


def test_an_append_goes_on_as_soon_as_the_lock_is_free(log: Path) -> None:
    write(log, "a")
    with log.open("rb") as holder:
        fcntl.flock(holder, fcntl.LOCK_EX)
        began = time.monotonic()
        threading.Timer(0.3, fcntl.flock, (holder.fileno(), fcntl.LOCK_UN)).start()
        assert Ledger(str(log), limit=PATIENCE).append({"name": "b"}).seq == 2
        assert 0.3 <= time.monotonic() - began < PATIENCE / 2


def test_one_who_uses_a_ledger_while_it_tells_of_an_entry_is_told_that_it_is_locked(log: Path) -> None:
    def noted(entry: Entry) -> None:
        ledger.append({"after": entry.seq})

    ledger = Ledger(str(log), noted=noted, limit=0.1)
    with pytest.raises(Stop) as stopped:
        ledger.append({"n": 1})
    assert stopped.value.code == 75
    assert verify(str(log)).entries == 1


# --- appends that no other may come between


def test_what_is_appended_after_a_head_is_one_piece_of_the_chain(log: Path) -> None:
    told: list[Entry] = []
    ledger = Ledger(str(log), noted=told.append)
    first = ledger.append_after(Head(0, GENESIS), [{"n": 1}, {"n": 2, "key": "k"}])
    after = ledger.append_after(Head(2, first[-1].head), [{"n": 3}])
    assert Ledger(str(log)).read() == (*first, *after) == tuple(told)
    assert ledger.append({"key": "k"}) == first[1]
    assert verify(str(log)).intact


@pytest.mark.parametrize("known", [False, True])
def test_who_decided_on_an_older_end_of_the_log_writes_nothing(log: Path, known: bool) -> None:
    write(log, "a", "b")
    ledger = Ledger(str(log))
    if known:
        ledger.create()
    old = ledger.head()
    Ledger(str(log)).append({"name": "c"})
    before = log.read_bytes()
    for head in (old, Head(0, GENESIS), Head(3, "0" * 64)):
        with pytest.raises(LogMoved):
            ledger.append_after(head, [{"n": 1}])
    assert log.read_bytes() == before
    assert ledger.append_after(ledger.head(), [{"n": 1}])[0].seq == 4


def test_many_that_could_not_all_be_read_back_are_none_written(log: Path) -> None:
    ledger = Ledger(str(log))
    with pytest.raises(ValueError, match="own fields"):
        ledger.append_after(Head(0, GENESIS), [{"n": 1}, {"seq": 9}])
    assert log.read_bytes() == b""


# --- what is told to others, and read in turn


def test_what_is_noted_is_on_disk_and_still_locked(log: Path) -> None:
    told: list[Entry] = []

    def noted(entry: Entry) -> None:
        told.append(entry)
        assert log.read_bytes().splitlines()[entry.seq - 1] == entry.line
        with log.open("rb") as file, pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)

    ledger = Ledger(str(log), noted=noted)
    made = [ledger.append({"key": key}) for key in "ab"]
    assert told == made


def test_an_entry_that_was_there_already_is_not_noted_again(log: Path) -> None:
    write(log, "a")
    told: list[Entry] = []
    ledger = Ledger(str(log), noted=told.append)
    ledger.append({"key": "a"})
    ledger.append({"key": "b"})
    ledger.append({"key": "b"})
    assert [entry.fields["key"] for entry in told] == ["b"]


def test_what_noted_raises_comes_out_of_append_and_the_entry_stands(log: Path) -> None:
    def noted(entry: Entry) -> None:
        if entry.seq == 1:
            raise OSError(f"no room to note {entry.seq}")

    ledger = Ledger(str(log), noted=noted)
    with pytest.raises(OSError, match="no room to note 1"):
        ledger.append({"key": "a"})
    assert ledger.append({"key": "a"}).seq == 1
    assert ledger.append({"key": "b"}).seq == 2
    assert verify(str(log)).findings == ()


def test_entries_come_one_at_a_time_up_to_the_first_fault(log: Path) -> None:
    lines = write(log, "a", "b", "c", "d")
    assert [entry.line + b"\n" for entry in Ledger(str(log)).entries()] == lines
    log.write_bytes(b"".join(lines).replace(b'"b"', b'"x"'))
    entries = Ledger(str(log)).entries()
    assert [next(entries).seq, next(entries).seq] == [1, 2]
    with pytest.raises(Damaged):
        next(entries)
    log.write_bytes(b"hello\n")
    with pytest.raises(Foreign):
        next(Ledger(str(log)).entries())
    log.unlink()
    with pytest.raises(Missing):
        next(Ledger(str(log)).entries())


def open_below(folder: Path) -> list[str]:
    """What this process has open in or below a folder; other tests' garbage may be closed at any moment."""
    found = []
    for name in os.listdir("/dev/fd"):
        with contextlib.suppress(OSError):
            found.append(os.readlink(f"/dev/fd/{name}"))
    return [path for path in found if path.startswith(str(folder))]


def test_entries_hold_the_log_for_writers_until_they_are_closed(log: Path) -> None:
    write(log, "a", "b", "c")
    entries = Ledger(str(log)).entries()
    assert next(entries).seq == 1
    with log.open("rb") as file:
        with pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert isinstance(entries, Generator)
        entries.close()
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert open_below(log.parent) == []


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
    for use in (ledger.read, ledger.head):
        with pytest.raises(Stop, match="was replaced") as stopped:
            use()
        assert stopped.value.code == 3


def test_a_living_ledger_does_not_read_what_it_did_not_acknowledge(log: Path) -> None:
    ledger = Ledger(str(log))
    ledger.append({"name": "a"})
    other = log.with_name("other")
    write(other, "b", "c")
    log.write_bytes(other.read_bytes())
    with pytest.raises(Damaged):
        ledger.read()


def test_a_writer_that_was_refused_goes_on_in_the_log_that_repair_made(log: Path) -> None:
    (line,) = write(log, "a")
    log.write_bytes(line * 2)
    ledger = Ledger(str(log))
    with pytest.raises(Damaged):
        ledger.append({"name": "b"})
    repair(str(log), NOW)
    assert ledger.append({"name": "b"}).seq == 1
    assert [e.fields["name"] for e in Ledger(str(log)).read()] == ["b"]


def test_who_may_write_to_an_open_log_is_asked_again_when_its_mode_changed(log: Path) -> None:
    write(log, "a")
    with opened(str(log), None, write=True) as file:
        assert file.named() is not None
        log.chmod(0o444)
        assert file.named() is None


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
    waiting[0].join(PATIENCE)
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
from correctless.base.exits import Stop
from correctless.ledger.ledger import Ledger
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
from correctless.base.exits import Stop
from correctless.ledger.ledger import Ledger
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
from correctless.ledger.ledger import Ledger
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
        first = os.read(
            writer.stdout.fileno(), 1
        )  # not by its buffer, which would take half a line and keep it
        time.sleep(chance.random() * 0.03)
        writer.kill()
        rest, err = writer.communicate()
        assert err == b""
        lines = (first + rest).splitlines()
        assert lines
        for line in lines:
            seq, head = line.split()
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


@pytest.mark.parametrize(
    ("holds", "fails", "range_said"),
    [
        ((1, 2), 3, "in entry 3"),
        ((1,), 3, "in entries 2..3"),
        ((), 2, "in entries 1..2"),
        ((), 1, "in entry 1"),
        ((2, 4), 5, "in entry 5"),
    ],
)
@pytest.mark.parametrize("in_step", [True, False])
def test_the_first_change_lies_after_the_last_anchor_that_holds(
    log: Path, holds: tuple[int, ...], fails: int, range_said: str, in_step: bool
) -> None:
    lines = write(log, *"abcdef")
    noted = [Anchor(seq, sha(lines[seq - 1]), f"note {seq}") for seq in holds]
    noted.append(Anchor(fails, "0" * 64, f"note {fails}"))
    noted.append(Anchor(6, "1" * 64, "note 6"))
    findings = (verify(str(log), heads=noted) if in_step else verify(str(log), reversed(noted))).findings
    assert [f.line for f in findings] == [fails, 6]
    for found, seq in zip(findings, (fails, 6), strict=True):
        assert f"entry {seq} is not the one that note {seq} noted" in found.message
        assert found.message.endswith(f"the first change is {range_said}")


def test_an_anchor_of_an_older_log_says_nothing_about_where_this_one_changed(log: Path) -> None:
    lines = write(log, *"abcd")
    older = Anchor(2, "0" * 64, "old", severity="warning")
    noted = [Anchor(1, sha(lines[0]), "a"), older, Anchor(3, sha(lines[2]), "c"), Anchor(4, "0" * 64, "d")]
    report = verify(str(log), noted)
    assert [(f.line, f.severity) for f in report.findings] == [(2, "warning"), (4, "error")]
    assert report.findings[1].message.endswith("the first change is in entry 4")


def test_an_anchor_behind_a_break_of_the_chain_does_not_vouch_for_what_is_before_it(log: Path) -> None:
    lines = write(log, *"abcd")
    log.write_bytes(b"".join(lines).replace(b'"a"', b'"x"'))
    report = verify(str(log), [Anchor(3, sha(lines[2]), "c"), Anchor(4, "0" * 64, "d")])
    assert [(f.rule, f.line) for f in report.findings] == [("log-chain", 2), ("log-anchor", 4)]
    assert report.findings[1].message.endswith("the first change is in entries 1..4")


@pytest.mark.parametrize(
    ("order", "lines"),
    [((0, 1, 1, 2, 3), []), ((-1, 1), [1]), ((2, 1, 3), [2]), ((3, 1, 2), [3, 3]), ((4, 5, 3), [3, 3, 3])],
)
def test_a_head_that_comes_out_of_order_is_found_too(
    log: Path, order: tuple[int, ...], lines: list[int]
) -> None:
    heads = [GENESIS, *map(sha, write(log, "a", "b", "c"))]
    noted = [Anchor(seq, heads[seq] if 0 <= seq <= 3 else GENESIS, "x") for seq in order]
    report = verify(str(log), heads=iter(noted))
    assert [(f.rule, f.line, f.severity) for f in report.findings] == [
        ("log-anchor", n, "error") for n in lines
    ]


def test_heads_are_taken_in_step_with_the_log_and_only_while_it_is_locked(log: Path) -> None:
    lines = write(log, "a", "b", "c")
    living: weakref.WeakSet[Anchor] = weakref.WeakSet()

    class Noted(Anchor):  # a slotted dataclass can't be referred to weakly
        __slots__ = ("__weakref__",)

    def heads() -> Iterator[Anchor]:
        with log.open("rb") as file:
            for seq, line in enumerate(lines, 1):
                with pytest.raises(BlockingIOError):
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                head = Noted(seq, sha(line), "x")
                living.add(head)
                yield head
                del head
                assert len(living) <= 2

    assert verify(str(log), heads=heads()).findings == ()


def test_a_hundred_warnings_do_not_hide_an_error(log: Path) -> None:
    write(log, "a")
    old = [Anchor(1, "0" * 64, "old", severity="warning")] * 300
    report = verify(str(log), heads=[*old, Anchor(1, "0" * 64, "new")])
    assert [f.severity for f in report.findings] == ["warning"] * 100 + ["error"]


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


def test_what_verify_keeps_is_what_is_read_and_nothing_that_is_at_fault(log: Path) -> None:
    lines = write(log, "a", "b", "c")
    kept: list[Entry] = []
    verify(str(log), keep=kept)
    assert tuple(kept) == Ledger(str(log)).read()
    # The second line is changed: the third doesn't follow it, the fourth is torn.
    log.write_bytes(lines[0] + lines[1].replace(b'"name":"b"', b'"name":"x"') + lines[2] + b'{"na')
    again: list[Entry] = []
    assert [finding.line for finding in verify(str(log), keep=again).findings] == [3, 4]
    assert [entry.fields["name"] for entry in again] == ["a", "x"]
    log.write_bytes(lines[0] + lines[1].replace(b'"name":"b"', b'"name":NaN'))
    unread: list[Entry] = []
    assert not verify(str(log), keep=unread).intact
    assert [entry.fields["name"] for entry in unread] == ["a"]


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
    assert repair(str(log), NOW) == RepairResult("intact", None, Head(2, sha(lines[1])), None)
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
        "import sys; from datetime import datetime, UTC; from correctless.ledger.check import repair;"
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
    program = "import sys; from correctless.ledger.ledger import Ledger; Ledger(sys.argv[1]).append({})"
    calls = "trace=fsync,ftruncate,write"
    start(program, log, wrap=(strace_program(), "-y", "-qq", "-o", str(trace), "-e", calls)).communicate()
    said = [text for text in trace.read_text().splitlines() if str(log.parent) in text]
    order = [text.split("(")[0] for text in said]
    assert order == ["write", "fsync", "fsync", "ftruncate", "write", "fsync", "fsync"]
    assert ".torn-" in said[0]


@pytest.mark.real
def test_an_append_writes_once_syncs_and_syncs_the_folder_of_a_new_file(log: Path, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    program = (
        "import sys; from correctless.ledger.ledger import Ledger; ledger = Ledger(sys.argv[1]);"
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


def test_an_entry_of_somebody_else_is_refused_where_a_writer_has_the_log_for_itself(tmp_path: Path) -> None:
    path = str(tmp_path / "log.jsonl")
    Ledger(path).append({"n": 1})
    alone, other = Ledger(path, alone=True), Ledger(path)
    alone.create()  # what is there when it comes is not its own, and stands
    alone.append({"n": 2})
    assert other.append({"n": 3}).seq == 3
    for _ in range(2):
        with pytest.raises(Stop, match=r"log.jsonl:3: another process added this entry"):
            alone.append({"n": 4})
    assert len(other.read()) == 3
    assert Ledger(path, alone=True).append({"n": 4}).seq == 4


def test_a_log_is_brought_forward_to_what_it_became_elsewhere_and_each_new_entry_is_noted(
    tmp_path: Path,
) -> None:
    here, there = Ledger(str(tmp_path / "here")), Ledger(str(tmp_path / "there"))
    for number in range(3):
        there.append({"n": number})
    here.append({"n": 0})
    data = (tmp_path / "there").read_bytes()
    noted: list[Entry] = []
    Ledger(str(tmp_path / "here"), noted=noted.append).forward(data)
    assert (tmp_path / "here").read_bytes() == data
    assert [entry.fields["n"] for entry in noted] == [1, 2]
    Ledger(str(tmp_path / "here"), noted=noted.append).forward(data)  # again: nothing is new
    assert len(noted) == 2
    Ledger(str(tmp_path / "new")).forward(data)
    assert Ledger(str(tmp_path / "new")).append({"n": 3}).seq == 4


@pytest.mark.parametrize("other", [{"n": 9}, {"n": 0, "more": 1}])
def test_a_log_that_is_no_beginning_of_the_other_is_not_brought_forward(
    tmp_path: Path, other: dict[str, int]
) -> None:
    here, there = Ledger(str(tmp_path / "here")), Ledger(str(tmp_path / "there"))
    there.append({"n": 0})
    here.append(other)
    before = (tmp_path / "here").read_bytes()
    for data in ((tmp_path / "there").read_bytes(), b""):
        with pytest.raises(Stop, match="is another log"):
            here.forward(data)
    assert (tmp_path / "here").read_bytes() == before


def test_the_end_of_a_log_that_is_written_here_alone_shows_an_entry_of_somebody_else(log: Path) -> None:
    ours = Ledger(str(log), alone=True)
    mine = ours.append({"name": "ours"})
    assert ours.head() == Head(1, mine.head)
    write(log, "theirs")

    with pytest.raises(Stop, match="another process added this entry"):
        ours.head()


def test_a_byte_changed_in_place_shows_at_the_end_of_a_long_log_written_alone(log: Path) -> None:
    ours = Ledger(str(log), alone=True)
    for number in range(400):
        ours.append({"name": f"{number:0300}"})
    assert ours.head().seq == 400
    times = os.stat(log)
    with log.open("r+b") as file:
        file.seek(20)
        file.write(b"7")
    os.utime(log, ns=(times.st_atime_ns, times.st_mtime_ns))

    with pytest.raises(Damaged):
        ours.head()
