"""`decisions summary --counts`: a log of any size and content in, bounded numbers out."""

from __future__ import annotations

import fcntl
import io
import json
import os
import pty
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from correctless.base.exits import Stop
from correctless.cli import main
from correctless.cli.log.decisions import _progress
from correctless.decisions.decision import NOTES, Decision
from correctless.ledger.chain import EMPTY, GENESIS, digest
from correctless.ledger.ledger import Ledger
from correctless.ledger.record import encode
from correctless.project import paths
from correctless.review import counts
from patience import PATIENCE
from places import CASES

DECISION = Decision(
    "cverify", "AD-001", "report only", "nothing is changed", "2026-01-01T00:00:00.000Z", False, run="r1"
)


def fields(**given: Any) -> dict[str, Any]:
    return {**DECISION.fields(), **given}


def write(path: Path, *entries: dict[str, Any]) -> Path:
    log = Ledger(str(path))
    log.create()
    for entry in entries:
        log.append(entry)
    return path


def long_log(path: Path, entries: int, **given: Any) -> Path:
    """A log made without a sync a line; in the values of `given`, {n} is the number of the entry."""
    prev = GENESIS
    with path.open("wb") as out:
        for seq in range(1, entries + 1):
            values = {name: value.format(n=seq) for name, value in given.items()}
            line = encode({**fields(**values), "seq": seq, "prev": prev})
            prev = digest(line[:-1])
            out.write(line)
    return path


def counted(path: Path) -> counts.LogCounts:
    return counts.count(paths.logs_beside(str(path)))


def said(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, str, str]:
    code = main(["decisions", "summary", *args])
    out, err = capsys.readouterr()
    return code, out, err


def numbers(row: counts.CountRow | None) -> tuple[str | None, int, int, int, dict[str, int]]:
    assert row is not None
    return row.name, row.entries, row.deferred, row.unlisted, row.notes


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    return write(
        tmp_path / "mixed.jsonl",
        fields(source="tool"),
        fields(source="block", escalation_deferred=True, notes=["corrected", "differs-from-default"]),
        fields(
            skill="cdocs",
            decision_id="AD-UNLISTED-1",
            escalation_deferred=True,
            notes=["corrected", "unlisted"],
            timestamp="2026-01-02T00:00:00.000Z",
            run=None,
        ),
    )


# --- what is counted


def test_entries_are_counted_by_skill_by_source_and_by_run(mixed: Path) -> None:
    found = counted(mixed)
    cdocs = ("cdocs", 1, 1, 1, {"corrected": 1, "unlisted": 1})
    assert numbers(found.total) == (None, 3, 2, 1, {"corrected": 2, "differs-from-default": 1, "unlisted": 1})
    assert [numbers(row) for row in found.skills.rows] == [
        ("cverify", 2, 1, 0, {"corrected": 1, "differs-from-default": 1}),
        cdocs,
    ]
    assert [(row.name, row.entries) for row in found.sources.rows] == [("tool", 1), ("block", 1), ("cli", 1)]
    assert [(row.name, row.entries) for row in found.runs.rows] == [("r1", 2), (None, 1)]
    assert (found.first, found.last) == ("2026-01-01T00:00:00.000Z", "2026-01-02T00:00:00.000Z")
    assert found.head == Ledger(str(mixed)).head()


def test_a_person_reads_the_counts_as_tables(mixed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = said(capsys, "--counts", "--log", str(mixed))
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[:3] == [
        "3 entries, 2 deferred, 1 unlisted",
        "from 2026-01-01T00:00:00.000Z to 2026-01-02T00:00:00.000Z",
        f"head 3:{Ledger(str(mixed)).head().sha256[:12]}",
    ]
    assert [line.split() for line in lines[4:7]] == [
        ["skill", "entries", "deferred", "unlisted", "notes"],
        ["cverify", "2", "1", "0", "corrected", "1,", "differs-from-default", "1"],
        ["cdocs", "1", "1", "1", "corrected", "1,", "unlisted", "1"],
    ]
    assert "(no run)" in out


def test_a_program_reads_the_counts_as_json(mixed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = said(capsys, "--counts", "--json", "--log", str(mixed))
    found = json.loads(out)
    assert code == 0
    assert list(found) == [
        *("entries", "deferred", "unlisted", "notes", "first", "last", "head", "skills", "sources", "runs"),
    ]
    assert found["head"] == {"seq": 3, "sha256": Ledger(str(mixed)).head().sha256}
    assert found["skills"]["rows"][1] == {
        "name": "cdocs",
        "entries": 1,
        "deferred": 1,
        "unlisted": 1,
        "notes": {"corrected": 1, "unlisted": 1},
    }
    assert found["skills"]["others"] is None
    assert found["runs"]["rows"][1]["name"] is None


def test_the_log_of_an_older_release_is_counted() -> None:
    release = CASES / "releases/0.1.0/logs"
    path = release / "autonomous-decisions-feature-x.jsonl"
    found = counted(path)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert found.total.entries == len(lines) > 0
    assert found.total.deferred == sum(line["escalation_deferred"] for line in lines) > 0
    assert {row.name for row in found.skills.rows} == {line["skill"] for line in lines}


def test_an_entry_that_leaves_out_what_has_a_default_is_counted(tmp_path: Path) -> None:
    given = fields()
    for name in ("source", "run", "notes", "extra"):
        del given[name]
    found = counted(write(tmp_path / "log.jsonl", given))
    assert [row.name for row in found.sources.rows] == ["cli"]
    assert [row.name for row in found.runs.rows] == [None]


def test_a_log_that_is_not_there_and_one_that_is_empty_have_no_entries_and_a_missing_one_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty.jsonl").touch()
    for name, code in (("none.jsonl", 3), ("empty.jsonl", 0)):
        path = str(tmp_path / name)
        assert counted(Path(path)).head == EMPTY
        assert said(capsys, "--log", path)[0] == said(capsys, "--counts", "--log", path)[0] == code


def test_a_torn_last_line_is_not_counted(mixed: Path) -> None:
    with mixed.open("ab") as out:
        out.write(b'{"skill":"cver')
    assert counted(mixed).total.entries == 3


# --- what a log may hold


def test_names_past_the_bound_are_counted_together(tmp_path: Path) -> None:
    path = long_log(
        tmp_path / "log.jsonl", counts.DISTINCT + 500, skill="skill-{n}", run="{n}", source="s{n}"
    )
    for table in (counted(path).skills, counted(path).sources, counted(path).runs):
        assert len(table.rows) == counts.DISTINCT
        assert {row.entries for row in table.rows} == {1}
        assert table.others is not None
        assert table.others.entries == 500


def test_a_skill_that_was_seen_before_the_bound_is_still_counted_after_it(tmp_path: Path) -> None:
    path = long_log(tmp_path / "log.jsonl", counts.DISTINCT + 9, run="{n}")
    log = Ledger(str(path))
    log.append(fields(run="7"))
    found = counted(path).runs
    assert found.rows[6].entries == 2
    assert found.others is not None
    assert found.others.entries == 9


def test_names_of_any_length_are_kept_short_and_apart(tmp_path: Path) -> None:
    long = "n" * 1_000_000
    path = write(
        tmp_path / "log.jsonl", fields(skill=long + "1"), fields(skill=long + "2"), fields(skill=long + "1")
    )
    rows = counted(path).skills.rows
    assert [row.entries for row in rows] == [2, 1]
    assert all(row.name is not None and len(row.name) < 200 for row in rows)


def test_a_note_this_release_does_not_know_is_counted_with_the_others(tmp_path: Path) -> None:
    notes = [min(NOTES), *(f"made-up-{n}" for n in range(2000))]
    found = counted(write(tmp_path / "log.jsonl", fields(notes=notes)))
    assert found.total.notes == {min(NOTES): 1, counts.OTHERS: 1}


@pytest.mark.parametrize("where", ["skill", "run", "source", "timestamp"])
def test_no_text_of_the_log_can_steer_a_terminal(
    tmp_path: Path, where: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "log.jsonl", fields(**{where: "a\x1b[2J\nb\u202ec\udcff"}))
    code, out, _ = said(capsys, "--counts", "--log", str(path))
    assert code == 0
    assert all(line.isprintable() for line in out.split("\n"))
    assert "a\\x1b[2J\\x0ab\\u202ec\\udcff" in out
    assert json.loads(said(capsys, "--counts", "--json", "--log", str(path))[1])["entries"] == 1


def test_a_terminal_shows_the_most_frequent_names_and_how_many_more_there_are(tmp_path: Path) -> None:
    path = long_log(tmp_path / "log.jsonl", 50, run="run-{n}")
    Ledger(str(path)).append(fields(run="run-44"))
    shown = counts.text(counted(path)).split("\nrun ")[1].splitlines()
    assert shown[1].split()[:2] == ["run-44", "2"]
    assert shown[-1] == "and 30 more with fewer entries: --json names them"
    assert len(shown) == 22


# --- what is refused, as the summary refuses it


def both(capsys: pytest.CaptureFixture[str], path: Path) -> str:
    """What both the summary and the counts say of a log that they refuse."""
    whole, counted_ = said(capsys, "--log", str(path)), said(capsys, "--counts", "--log", str(path))
    assert whole == counted_
    assert counted_[:2] == (3, "")
    return counted_[2]


def test_a_damaged_log_is_refused_by_the_number_of_its_line(
    mixed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mixed.write_bytes(mixed.read_bytes().replace(b"report only", b"report 0nly", 1))
    assert f"{mixed}:2: " in both(capsys, mixed)


def test_a_file_of_somebody_else_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "theirs.jsonl"
    path.write_text('{"skill": "mine"}\n')
    assert "is not a log of correctless" in both(capsys, path)


@pytest.mark.parametrize(
    "wrong",
    [
        {"skill": 7},
        {"escalation_deferred": 1},
        {"attempt": True},
        {"notes": ["unlisted", 7]},
        {"notes": None},
        {"extra": []},
        {"rationale": None},
        {"timestamp": None},
    ],
    ids=str,
)
def test_an_entry_that_is_no_decision_is_refused_wherever_it_stands(
    tmp_path: Path, wrong: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    # Behind good ones of both kinds, so that what was learnt of those must not cover it.
    path = write(
        tmp_path / "log.jsonl", fields(attempt=1), fields(), fields(notes=["unlisted"]), fields(**wrong)
    )
    assert f"{path}:4: not an entry of this log: field '{next(iter(wrong))}" in both(capsys, path)


def test_an_entry_without_a_needed_field_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = fields()
    del given["skill"]
    path = write(tmp_path / "log.jsonl", fields(), given)
    assert "field 'skill' is missing" in both(capsys, path)


def test_a_field_that_may_be_left_out_may_not_be_null(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    without = fields()
    del without["extra"]
    path = write(tmp_path / "log.jsonl", without, fields(extra=None))
    assert f"{path}:2: not an entry of this log: field 'extra'" in both(capsys, path)


def test_a_run_log_that_is_none_is_refused(mixed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write(mixed.with_name("pipeline-mixed.jsonl"), fields())
    assert f"{run}:1: not an entry of this log" in both(capsys, mixed)


@pytest.fixture
def after_a_run(tmp_path: Path) -> Path:
    """The decisions log of a finished run, its run log beside it."""
    release = CASES / "releases/0.1.0/logs"
    for path in release.glob("*.jsonl"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path / "autonomous-decisions-feature-x.jsonl"


def test_a_log_whose_tail_was_cut_off_is_not_counted(
    after_a_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = after_a_run.read_bytes().splitlines(keepends=True)
    after_a_run.write_bytes(b"".join(lines[:2]))
    assert "its tail was cut off" in both(capsys, after_a_run)


def test_a_log_written_anew_is_not_counted(after_a_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    entries = Ledger(str(after_a_run)).read()
    after_a_run.unlink()
    anew = [{n: v for n, v in e.fields.items() if n not in ("seq", "prev")} for e in entries]
    write(after_a_run, {**anew[0], "default_applied": "something else"}, *anew[1:])
    assert "is not the one that run log entry" in both(capsys, after_a_run)


def test_a_log_that_is_gone_although_a_run_began_it_is_missed(
    after_a_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    after_a_run.unlink()
    assert "is missing although run log entry" in both(capsys, after_a_run)


def test_a_log_that_repair_began_anew_is_counted(
    after_a_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    after_a_run.write_bytes(after_a_run.read_bytes().replace(b'"AD-', b'"XX-', 1))
    assert main(["decisions", "repair", "--log", str(after_a_run)]) == 0
    capsys.readouterr()
    assert said(capsys, "--log", str(after_a_run))[0] == 0
    assert counted(after_a_run).total.entries == 1


def test_what_is_noted_after_a_repair_binds_again(
    after_a_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    after_a_run.write_bytes(after_a_run.read_bytes().replace(b'"AD-', b'"XX-', 1))
    assert main(["decisions", "repair", "--log", str(after_a_run)]) == 0
    capsys.readouterr()
    run = Ledger(paths.logs_beside(str(after_a_run)).run)
    noted = next(e.fields for e in run.read() if e.fields.get("log_seq") is not None)
    again = {name: value for name, value in noted.items() if name not in ("seq", "prev", "key")}
    run.append({**again, "log_seq": 1, "log_head": "0" * 64, "timestamp": "9999-01-01T00:00:00.000Z"})
    assert "entry 1 is not the one that run log entry" in both(capsys, after_a_run)


def test_an_entry_that_only_looks_like_a_repair_excuses_nothing(
    after_a_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # An agent's entry may say anything under `extra`; only a synthesized, deferred one tells of a repair.
    after_a_run.unlink()
    write(after_a_run, fields(timestamp="9999-01-01T00:00:00.000Z", extra={"lost_seq": 9}, source="block"))
    assert "is not the one that run log entry" in both(capsys, after_a_run)


# --- while it counts


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_past_the_first_second_a_person_sees_how_far_it_is_and_nothing_of_it_stays() -> None:
    err, now = Terminal(), 0.0

    def refused() -> None:
        nonlocal now
        with _progress(err, lambda: now) as tell:
            tell(1000)
            assert err.getvalue() == ""
            now = 1.5
            for number in (1001, 12000, 13000):
                tell(number)
            assert err.getvalue() == "\r12,000 entries"
            raise Stop(3, "damaged")

    with pytest.raises(Stop, match="damaged"):
        refused()
    assert err.getvalue() == "\r12,000 entries\r              \r"


def seen_at_a_terminal(log: Path, held: float) -> str:
    """What the command shows at a terminal when a writer keeps it from the log for `held` seconds."""
    main_end, terminal = pty.openpty()
    with log.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        argv = [sys.executable, "-m", "correctless", "decisions", "summary", "--counts", "--log", str(log)]
        process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=terminal, cwd=log.parent)
        time.sleep(held)
    assert process.wait(PATIENCE) == 0
    os.write(terminal, b"end")
    os.close(terminal)
    shown = b""
    while not shown.endswith(b"end"):
        shown += os.read(main_end, 4096)
    os.close(main_end)
    return shown.decode()


def test_the_command_shows_a_terminal_how_far_it_is(tmp_path: Path) -> None:
    log = long_log(tmp_path / "log.jsonl", 1500)
    # It must have begun a second before the lock is let go; how long a busy machine needs to start it, nobody knows.
    shown = next((s for s in (seen_at_a_terminal(log, held) for held in (2, 5, 15)) if "entries" in s), "")
    assert shown == "\r1,000 entries\r             \rend"


def test_where_nobody_watches_nothing_is_said() -> None:
    err, now = io.StringIO(), 0.0
    with _progress(err, lambda: now) as tell:
        now = 100.0
        tell(5000)
    assert err.getvalue() == ""


_PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // (1024 if sys.platform == "darwin" else 1))
"""


def peak_kb(path: Path) -> int:
    # Started by a small process of its own: a program's peak begins with that of the process that started it.
    counting = [sys.executable, "-m", "correctless", "decisions", "summary", "--counts", "--log", str(path)]
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _PEAK, *counting],
        capture_output=True,
        text=True,
        check=True,
        cwd=path.parent,
    )
    return int(done.stdout)


def test_ten_times_the_entries_take_no_more_memory(tmp_path: Path) -> None:
    # Every name is new, so a table without a bound would grow with each line.
    some = long_log(tmp_path / "some.jsonl", 4_000, skill="skill-{n}", run="run-{n}")
    many = long_log(tmp_path / "many.jsonl", 40_000, skill="skill-{n}", run="run-{n}")
    assert many.stat().st_size > some.stat().st_size + 10_000_000
    assert peak_kb(many) < peak_kb(some) + 3_000
