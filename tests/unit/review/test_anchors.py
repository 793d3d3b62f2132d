"""What stands elsewhere of a log: the private copy of its heads, what was confirmed, and what follows when they disagree."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import correctless
from conftest import Git
from correctless.base import exits
from correctless.base.exits import Stop
from correctless.ledger.chain import EMPTY, Head, seal
from correctless.ledger.heads import Heads
from correctless.ledger.ledger import Ledger
from correctless.ledger.log_file import Missing
from correctless.ledger.record import decode
from correctless.project.paths import Logs, logs_beside
from correctless.review import anchors, gate
from correctless.review.repair import repair
from correctless.runlog import branch as record
from correctless.runlog.events import GateClosed, fields_of
from project import Project

NOW = datetime(2026, 7, 1, tzinfo=UTC)


def rewritten(path: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """The log written anew with a valid chain, as somebody would who knows how."""
    head, made = EMPTY, b""
    for line in path.read_bytes().splitlines():
        fields = decode(line)
        del fields["seq"], fields["prev"]
        entry = seal(change(fields), head)
        head, made = Head(entry.seq, entry.head), made + entry.line + b"\n"
    path.write_bytes(made)


class Kept:
    """A decisions log with its private copy, and what a person sees of them."""

    def __init__(self, folder: Path) -> None:
        self.logs: Logs = logs_beside(str(folder / "autonomous-decisions-x.jsonl"))
        self.env = {"HOME": str(folder / "home")}
        self.heads = Heads(self.logs.decisions, self.env)
        self.ledger = Ledger(self.logs.decisions, noted=self.heads.note)
        self.path = Path(self.logs.decisions)

    def add(self, count: int = 1) -> None:
        for _ in range(count):
            number = len(self.path.read_bytes().splitlines()) if self.path.exists() else 0
            self.ledger.append({"skill": "s", "decision_id": f"AD-{number}", "key": None})

    def rewrite(self, change: Callable[[dict[str, Any]], dict[str, Any]], number: int) -> None:
        count = iter(range(1, 1000))
        rewritten(self.path, lambda fields: change(fields) if next(count) == number else fields)

    def found(self) -> tuple[bool, list[str]]:
        report = anchors.verify(self.logs, None, self.env)
        return report.intact, [f"{f.line}: {f.message}" for f in report.findings]

    def repair(self) -> str:
        return repair(self.logs, NOW, self.env).action


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path)


def test_the_copy_is_private_and_grows_with_the_log(kept: Kept) -> None:
    kept.add(3)
    assert kept.heads.path is not None
    assert stat.S_IMODE(os.stat(kept.heads.path).st_mode) == 0o600
    assert [(a.seq, a.sha256) for a in kept.heads.anchors()] == [(e.seq, e.head) for e in kept.ledger.read()]
    assert kept.found() == (True, [])


def test_an_append_that_found_its_key_is_not_noted_again(kept: Kept) -> None:
    for _ in range(2):
        kept.ledger.append({"decision_id": "AD-1", "key": "r/s/1/b1"})
    assert len(list(kept.heads.anchors())) == 1


def test_a_tail_that_was_cut_off_is_found(kept: Kept) -> None:
    kept.add(4)
    kept.path.write_bytes(b"".join(kept.path.read_bytes().splitlines(keepends=True)[:2]))
    intact, said = kept.found()
    assert (intact, len(said)) == (False, 2)
    assert (
        said[0] == "2: the private copy of its heads noted entry 3, the log ends with 2. its tail was cut off"
    )


def test_the_first_entry_that_differs_is_named_though_the_chain_was_written_anew(kept: Kept) -> None:
    kept.add(5)
    kept.rewrite(lambda fields: {**fields, "decision_id": "AD-9"}, 3)
    intact, said = kept.found()
    assert not intact
    assert said[0].startswith("3: entry 3 is not the one that the private copy of its heads noted")
    assert "the first change is in entry 3" in said[0]


def test_entries_added_behind_a_cut_do_not_hide_it(kept: Kept) -> None:
    kept.add(4)
    kept.path.write_bytes(b"".join(kept.path.read_bytes().splitlines(keepends=True)[:2]))
    kept.ledger = Ledger(kept.logs.decisions, noted=kept.heads.note)
    for number in range(3):
        kept.ledger.append({"skill": "other", "decision_id": f"AD-{number}", "key": None})
    assert not kept.found()[0]


def test_a_torn_line_of_the_copy_costs_that_line_alone(kept: Kept) -> None:
    kept.add(2)
    assert kept.heads.path is not None
    copy = Path(kept.heads.path)
    for cut in range(1, 84):
        copy.write_bytes(copy.read_bytes()[: 84 + cut])
        assert kept.found() == (True, [])
    kept.add()
    assert [a.seq for a in kept.heads.anchors()] == [1, 3]
    assert kept.found() == (True, [])


def test_a_line_of_the_copy_that_is_none_is_not_passed_over(kept: Kept) -> None:
    kept.add(2)
    assert kept.heads.path is not None
    copy = Path(kept.heads.path)
    copy.write_bytes(b"x" * 84 + copy.read_bytes())
    assert not kept.found()[0]
    copy.write_bytes(copy.read_bytes()[84:] + b"x" * 84)
    assert not kept.found()[0]


def test_a_log_that_begins_anew_is_not_the_one_that_was_noted(kept: Kept) -> None:
    kept.add(2)
    noted = list(kept.heads.anchors())
    kept.path.unlink()
    kept.ledger = Ledger(kept.logs.decisions, noted=kept.heads.note)
    kept.ledger.append({"skill": "other", "decision_id": "AD-1", "key": None})
    assert list(kept.heads.anchors())[:2] == noted
    assert not kept.found()[0]


def test_a_log_that_was_put_back_is_noted_once(kept: Kept) -> None:
    kept.add(3)
    noted, data = list(kept.heads.anchors()), kept.path.read_bytes()
    kept.path.unlink()
    Ledger(kept.logs.decisions, noted=kept.heads.note).forward(data)
    assert list(kept.heads.anchors()) == noted
    assert kept.found() == (True, [])


def test_where_no_copy_can_be_written_the_log_goes_on(kept: Kept) -> None:
    kept.heads = Heads(kept.logs.decisions, {"HOME": "/dev/null"})
    kept.ledger = Ledger(kept.logs.decisions, noted=kept.heads.note)
    kept.add(2)
    assert list(kept.heads.anchors()) == []
    assert len(kept.ledger.read()) == 2


def test_a_link_in_the_copys_place_is_not_followed(kept: Kept, tmp_path: Path) -> None:
    assert kept.heads.path is not None
    kept.add()
    other = tmp_path / "precious"
    other.write_bytes(b"")
    Path(kept.heads.path).unlink()
    Path(kept.heads.path).symlink_to(other)
    kept.add()
    assert other.read_bytes() == b""
    with pytest.raises(Stop, match="can't be read"):  # and not taken for a copy that was never written
        kept.found()


# --- where it lies


@pytest.mark.parametrize("env", [{}, {"HOME": ""}, {"HOME": "x", "XDG_STATE_HOME": "/tmp/y"}])
def test_without_a_home_in_the_environment_it_lies_in_the_user_databases(
    kept: Kept, env: dict[str, str]
) -> None:
    path = Heads(kept.logs.decisions, env).path
    assert path is not None
    assert path.startswith(pwd.getpwuid(os.getuid()).pw_dir.rstrip("/") + "/.local/state/correctless/heads/")


def test_a_copy_is_read_from_every_home_and_goes_on_where_the_workspace_is_known(
    kept: Kept, tmp_path: Path
) -> None:
    # Two homes as the user database's and HOME are two: the first one named is the first one asked.
    first, second = kept.heads, Heads(kept.logs.decisions, {"HOME": str(tmp_path / "other")})
    kept.add(2)
    both = Heads(kept.logs.decisions, {})
    both._folders = (*first._folders[1:], *second._folders[1:])
    both._paths = (*first._paths[1:], *second._paths[1:])
    assert both.path == first.path
    kept.ledger = Ledger(kept.logs.decisions, noted=second.note)
    kept.add()
    assert [a.seq for a in second.anchors()] == [3]
    assert [a.seq for a in both.anchors()] == [1, 2, 3]
    assert both.path == first.path


# --- repair


def test_what_an_anchor_disproves_is_set_aside_whole_and_the_gate_closes(kept: Kept) -> None:
    kept.add(4)
    cut = b"".join(kept.path.read_bytes().splitlines(keepends=True)[:2])
    head = kept.ledger.head()
    kept.path.write_bytes(cut)
    assert kept.repair() == "damaged"
    (aside,) = kept.path.parent.glob("*.damaged-*")
    assert aside.read_bytes() == cut
    (entry,) = Ledger(kept.logs.decisions).read()
    assert entry.fields["escalation_deferred"] is True
    assert (entry.fields["extra"]["lost_seq"], entry.fields["extra"]["lost_head"]) == (4, head.sha256)
    assert not gate.evaluate(record.load(kept.logs)).open
    assert kept.found() == (True, [])
    assert kept.repair() == "intact"


def test_a_log_that_is_gone_is_known_by_its_copy(kept: Kept) -> None:
    kept.add(3)
    kept.path.unlink()
    assert kept.repair() == "missing"
    (entry,) = Ledger(kept.logs.decisions).read()
    assert entry.fields["extra"]["lost_seq"] == 3


def test_where_nobody_knew_of_a_log_there_is_nothing_to_repair(kept: Kept) -> None:
    with pytest.raises(Missing):
        kept.repair()


def noted(kept: Kept, when: str, head: Head) -> None:
    said = {
        "event": "step_finished",
        "run": "r",
        "timestamp": when,
        "log_seq": head.seq,
        "log_head": head.sha256,
    }
    Ledger(kept.logs.run).append(said)


def test_a_clock_that_was_set_back_hides_no_anchor_of_the_log_after_a_repair(kept: Kept) -> None:
    kept.add(2)
    noted(kept, "2026-01-01T00:00:00.000Z", kept.ledger.head())
    kept.path.write_bytes(kept.path.read_bytes() * 2)
    assert kept.repair() == "damaged"
    assert kept.found()[0]
    # later, on a clock that says it is earlier, and of an entry the new log does not have so
    noted(kept, "2020-01-01T00:00:00.000Z", Head(1, "0" * 64))
    assert not kept.found()[0]


# --- confirmations


def test_lines_that_are_not_the_confirmed_ones_are_found(kept: Kept) -> None:
    kept.env = {}  # the private copy was rewritten as well
    kept.add(3)
    lines = {e.seq: e.line for e in kept.ledger.read()}
    closed = GateClosed("challenge", gate.digest("challenge", [lines[2], lines[3]]), (2, 3))
    Ledger(kept.logs.run).append(fields_of("r", "2026-01-01T00:00:00.000Z", closed))
    assert kept.found() == (True, [])
    kept.rewrite(lambda fields: {**fields, "decision_id": "AD-7"}, 1)
    intact, (said,) = kept.found()
    assert not intact
    assert said == (
        "2: run log entry 1 closed the gate over entries 2, 3, and those lines are not the ones that were shown"
    )


# --- the whole way


def test_a_run_does_not_open_its_gate_over_a_log_its_anchors_disprove(scratch_repo: Path, git: Git) -> None:
    project = Project(scratch_repo, git)
    assert project.run().returncode == exits.PERSON
    log, run_log = Path(project.logs.decisions), Path(project.logs.run)
    # All of it written anew, run log included, and valid in itself: only what lies elsewhere tells.
    rewritten(log, lambda fields: {**fields, "rationale": fields["rationale"] + "!"})
    heads = {e.seq: e.head for e in Ledger(str(log)).read()}
    rewritten(run_log, lambda f: {**f, "log_head": heads[f["log_seq"]]} if f.get("log_seq") else f)
    done = project.cauto("resume")
    assert done.returncode == exits.REFUSED
    assert "is not the one that" in done.stderr
    done = project.command("decisions", "verify")
    assert done.returncode == exits.FINDINGS
    assert "commit" in done.stdout
    assert "the private copy of its heads" in done.stdout


def test_commits_alone_disprove_logs_and_a_private_copy_that_were_written_anew(
    scratch_repo: Path, git: Git
) -> None:
    project = Project(scratch_repo, git)
    assert project.run().returncode == exits.PERSON
    log, run_log = Path(project.logs.decisions), Path(project.logs.run)
    rewritten(log, lambda fields: {**fields, "rationale": fields["rationale"] + "!"})
    ledger = Ledger(str(log))
    heads = {e.seq: e.head for e in ledger.read()}
    rewritten(run_log, lambda f: {**f, "log_head": heads[f["log_seq"]]} if f.get("log_seq") else f)
    copy = Heads(str(log), project.env)
    assert copy.path is not None
    shutil.rmtree(Path(copy.path).parent)
    for path in (log, run_log, Path(project.logs.confirmations)):
        for entry in Ledger(str(path)).read():
            Heads(str(path), project.env).note(entry)
    done = project.command("decisions", "verify", "--offline")
    assert done.returncode == exits.FINDINGS, done.stdout
    assert "commit" in done.stdout
    assert "private copy" not in done.stdout
    assert project.cauto("resume").returncode == exits.REFUSED


FORGES = """
if step == "ctdd":
    import sys; sys.path.insert(0, {src!r})
    from correctless.ledger.ledger import Ledger
    Ledger({log!r}).append({{"skill": "ctdd", "decision_id": "AD-001", "key": f"{{os.environ['CORRECTLESS_RUN']}}/ctdd/1/b1",
        "default_applied": "forged", "rationale": "r", "timestamp": "t", "escalation_deferred": False}})
"""
TRUNCATES = 'if step == "cverify": open({log!r}, "r+b").truncate(10)'
REPLACES = 'if step == "cverify": os.replace(__import__("shutil").copy({log!r}, {log!r} + ".new"), {log!r})'
EDITS = """
if step == "cverify":
    with open({log!r}, "r+b") as log: log.write(b"[")
"""


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        (FORGES, "another process added this entry"),
        (TRUNCATES, "its last acknowledged line was changed or cut off"),
        (REPLACES, "was replaced while it was written to"),
        (EDITS, "was changed"),
    ],
    ids=["forged", "truncated", "replaced", "edited"],
)
def test_an_agent_that_gets_at_the_log_ends_the_run(
    scratch_repo: Path, git: Git, extra: str, said: str
) -> None:
    project = Project(scratch_repo, git)
    log = project.logs.decisions
    src = str(Path(correctless.__file__).parents[1])
    done = project.run(AGENT_EXTRA=extra.format(log=log, src=src))
    assert (done.returncode, said in done.stderr) == (exits.REFUSED, True), done.stderr
    assert project.state().stopped is not None
    assert not [e for e in project.events() if e.event.event == "complete"]
