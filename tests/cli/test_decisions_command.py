"""`correctless decisions` and the writer for other tools, as a person or a program calls them."""

from __future__ import annotations

import fcntl
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from conftest import Git
from correctless.cli import main
from correctless.cli.log import writer
from correctless.ledger.chain import GENESIS, Head
from correctless.ledger.ledger import Ledger
from correctless.project import paths
from correctless.project.git import find
from correctless.project.lock import Lock

SAID = {"decision_id": "AD-001", "default_applied": "report only", "rationale": "nothing is changed"}

SKILL = """\
---
name: cverify
interaction_mode: hybrid
---
# Verify

## Autonomous Defaults

- **AD-001**: Scope — report only (default). Rationale: nothing is changed.
- **AD-002**: Merge — `escalate: always`. Default if deferred: leave it open. Rationale: a person owns the merge.
"""


@pytest.fixture
def project(scratch_repo: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A scratch repository with the skill cverify, and the working directory in it."""
    skill = scratch_repo / "skills" / "cverify" / "SKILL.md"
    skill.parent.mkdir(parents=True)
    skill.write_text(SKILL)
    monkeypatch.chdir(scratch_repo)
    return scratch_repo


@pytest.mark.parametrize("words", [["summary"], ["summary", "--json"], ["summary", "--counts"], ["list"]])
def test_without_a_log_nothing_is_summed_up(
    project: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["decisions", *words]) == 3
    assert main(["decisions", *words, "--log", "elsewhere.jsonl"]) == 3
    said = capsys.readouterr()
    assert (said.out, len(re.findall("no .*log .*found", said.err))) == ("", 2)


def log_of(project: Path) -> Path:
    return Path(paths.logs(find(str(project))).decisions)


def append(
    *args: str, given: bytes = b"", env: dict[str, str] | None = None
) -> tuple[int, dict[str, Any], str]:
    """The writer's exit code, the line it printed as a mapping, and what it said."""
    out, err = io.BytesIO(), io.StringIO()
    code = writer.main(["append", *args], io.BytesIO(given), out, err, env or dict(os.environ), os.getcwd())
    return code, json.loads(out.getvalue() or b"{}"), err.getvalue()


def said(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, str, str]:
    code = main(["decisions", *args])
    out, err = capsys.readouterr()
    return code, out, err


# --- append


def test_a_listed_decision_is_recorded_as_said(project: Path) -> None:
    code, line, _ = append("cverify", json.dumps(SAID))
    assert code == 0
    assert (line["decision_id"], line["escalation_deferred"], line["notes"]) == ("AD-001", False, [])
    assert [line[name] for name in ("source", "run", "step", "attempt", "key")] == ["cli", *[None] * 4]
    assert log_of(project).read_bytes() == Ledger(str(log_of(project))).read()[0].line + b"\n"


def test_an_entry_that_is_always_a_persons_is_corrected_to_deferred(project: Path) -> None:
    _, line, _ = append(
        "cverify", json.dumps({**SAID, "decision_id": "AD-002", "escalation_deferred": False})
    )
    assert (line["escalation_deferred"], line["notes"]) == (True, ["corrected", "differs-from-default"])
    assert line["original_escalation_reason"] == "a person owns the merge."


def test_a_skill_that_is_not_found_makes_every_decision_unlisted_and_deferred(project: Path) -> None:
    first = append("elsewhere", json.dumps(SAID))[1]
    second = append("elsewhere", json.dumps(SAID))[1]
    other = append("another", json.dumps(SAID))[1]
    assert [each["decision_id"] for each in (first, second, other)] == [
        "AD-UNLISTED-1",
        "AD-UNLISTED-2",
        "AD-UNLISTED-1",
    ]
    assert first["escalation_deferred"] is True
    assert first["notes"] == ["unlisted"]
    assert first["extra"]["claimed_id"] == "AD-001"


def test_an_unlisted_decision_is_recorded_and_what_was_meant_is_said(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for skill, given, meant in (
        ("cverfy", SAID, "no skill 'cverfy' found. did you mean cverify?"),
        ("cverify", {**SAID, "decision_id": "AD-777"}, "cverify lists AD-001, AD-002, not 'AD-777'"),
        ("cverify", {"decision": "AD-001"}, "it has no decision_id; cverify lists AD-001, AD-002"),
    ):
        code, line, err = append(skill, json.dumps(given))
        assert (code, line["escalation_deferred"], err.count("\n")) == (0, True, 1)
        assert err.endswith(f"correctless: recorded as {line['decision_id']}, deferred: {meant}\n")
        code, out, err = said(capsys, "append", skill, json.dumps(given))
        assert (code, out.count("\n"), meant in err) == (0, 1, True)
    assert append("cverify", json.dumps(SAID))[2] == ""


def test_writers_at_the_same_time_number_their_unlisted_entries_once_each(project: Path) -> None:
    append("elsewhere", json.dumps(SAID))
    argv = [sys.executable, "-m", "correctless", "writer", "append", "elsewhere", json.dumps(SAID)]
    folder = os.open(log_of(project).parent, os.O_RDONLY)
    try:
        # Both have come as far as they get, and neither has counted yet.
        fcntl.flock(folder, fcntl.LOCK_EX)
        writers = [subprocess.Popen(argv, stdout=subprocess.PIPE) for _ in range(2)]
        for each in writers:
            with pytest.raises(subprocess.TimeoutExpired):
                each.wait(1.5)
    finally:
        os.close(folder)
    ids = [json.loads(each.communicate()[0])["decision_id"] for each in writers]
    assert sorted(ids) == ["AD-UNLISTED-2", "AD-UNLISTED-3"]


def test_the_clock_is_the_writers(project: Path) -> None:
    line = append("cverify", json.dumps({**SAID, "timestamp": "1999-01-01T00:00:00Z"}))[1]
    assert line["timestamp"] > "2025"
    assert line["extra"] == {"reported_at": "1999-01-01T00:00:00Z"}


@pytest.mark.parametrize("words", [["cverify", "-"], ["cverify"]])
def test_standard_input_of_any_size_is_taken(project: Path, words: list[str]) -> None:
    code, line, _ = append(*words, given=json.dumps({**SAID, "rationale": "x" * 5_000_000}).encode())
    assert (code, len(line["rationale"])) == (0, 5_000_000)
    assert len(Ledger(str(log_of(project))).read()) == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"a": NaN}',
        '{"a": 1e999}',
        '{"a": 1, "a": 2}',
        "{'a': 1}",
        "{} {}",
        "[" * 50,
        "\udcff",
    ],
)
def test_what_is_not_one_strict_json_object_is_refused(project: Path, text: str) -> None:
    code, line, words = append("cverify", text)
    assert (code, line) == (3, {})
    assert words.count("\n") == 1
    assert not log_of(project).exists()


def test_a_name_that_looks_like_an_option_is_a_usage_error(project: Path) -> None:
    code, _, words = append("-x", json.dumps(SAID))
    assert (code, "'-x' is not an option" in words) == (2, True)


@pytest.mark.parametrize("name", ["../cverify", "a/b", "", "a\n", ".", "x" * 200, "\x1b[31m"])
def test_a_name_that_is_no_skills_is_refused(project: Path, name: str) -> None:
    code, _, words = append(name, json.dumps(SAID))
    assert code == 3
    assert "\x1b" not in words
    assert not log_of(project).exists()


@pytest.mark.parametrize("mark", ["1", ""])
def test_an_agent_does_not_write_the_log(
    project: Path, mark: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert append("cverify", json.dumps(SAID), env={"CORRECTLESS_AGENT": mark})[0] == 3
    assert not log_of(project).exists()
    append("cverify", json.dumps(SAID))
    torn = log_of(project).read_bytes() + b"{"
    log_of(project).write_bytes(torn)
    monkeypatch.setenv("CORRECTLESS_AGENT", mark)
    assert said(capsys, "append", "cverify", json.dumps(SAID))[0] == 3
    assert said(capsys, "repair")[0] == 3
    assert log_of(project).read_bytes() == torn


def test_nothing_is_written_while_a_run_holds_the_lock(
    project: Path, capsys: pytest.CaptureFixture[str], git: Git
) -> None:
    repo = find(str(project))
    with Lock.take(repo, "a run"):
        assert append("cverify", json.dumps(SAID))[0] == 75
        assert append("cverify", json.dumps(SAID), "--log", str(log_of(project)))[0] == 75
        assert said(capsys, "append", "cverify", json.dumps(SAID))[0] == 75
        assert said(capsys, "repair")[0] == 75
        assert not log_of(project).exists()
    assert append("cverify", json.dumps(SAID))[0] == 0


def test_a_log_named_by_hand_is_not_written_while_a_run_in_another_worktree_may_write_it(
    project: Path, tmp_path: Path, git: Git
) -> None:
    git(project, "worktree", "add", "-q", "-b", "feature/y", str(tmp_path / "beside"))
    beside = find(str(tmp_path / "beside"))
    with Lock.take(beside, "a run"):
        assert append("cverify", json.dumps(SAID), "--log", paths.logs(beside).decisions)[0] == 75
        assert append("cverify", json.dumps(SAID))[0] == 0


def test_a_run_does_not_begin_in_the_middle_of_a_writers_append(project: Path) -> None:
    repo = find(str(project))
    Lock.take(repo, "before").close()
    logs = paths.logs(repo)
    with writer.hold_off_runs(repo, logs):
        fd = os.open(Path(repo.git_dir) / "correctless.lock", os.O_RDWR)
        with pytest.raises(BlockingIOError):
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(fd)


def test_a_symbolic_link_does_not_carry_the_log_away(project: Path, tmp_path: Path) -> None:
    (project / ".correctless").mkdir()
    (project / ".correctless" / "artifacts").symlink_to(tmp_path)
    before = sorted(tmp_path.iterdir())
    assert append("cverify", json.dumps(SAID))[0] == 3
    assert sorted(tmp_path.iterdir()) == before


# --- read, path, help


def test_the_writer_reads_back_the_exact_lines(project: Path) -> None:
    append("cverify", json.dumps(SAID))
    append("cverify", json.dumps(SAID))
    out = io.BytesIO()
    assert writer.main(["read"], stdout=out, env=dict(os.environ)) == 0
    assert out.getvalue() == log_of(project).read_bytes()


def test_reading_a_log_that_is_not_there_is_no_empty_log(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert writer.main(["read"], stdout=io.BytesIO(), stderr=io.StringIO(), env=dict(os.environ)) == 3
    for command in ("list", "verify", "repair"):
        code, out, err = said(capsys, command)
        assert (code, out) == (3, "")
        assert "no log found" in err


def test_the_path_is_the_same_for_every_way_to_ask(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = io.BytesIO()
    assert writer.main(["path"], stdout=out, env=dict(os.environ)) == 0
    assert out.getvalue().decode() == said(capsys, "path")[1] == f"{log_of(project)}\n"
    assert json.loads(said(capsys, "path", "--json")[1])["decisions"] == str(log_of(project))


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["append", "--help"]])
def test_the_writers_help_has_an_example(words: list[str]) -> None:
    out = io.BytesIO()
    assert writer.main(words, stdout=out) == 0
    assert b"Example:" in out.getvalue()


@pytest.mark.parametrize(
    "words", [["append"], ["delete"], ["append", "a", "{}", "more"], ["read", "x"], ["read", "--log"]]
)
def test_a_command_the_writer_does_not_know_is_a_usage_error(project: Path, words: list[str]) -> None:
    err = io.StringIO()
    assert writer.main(words, io.BytesIO(), io.BytesIO(), err, {}, str(project)) == 2
    assert err.getvalue()


@pytest.mark.parametrize("words", [[], ["list"], ["summary"], ["verify"], ["append"], ["path"], ["repair"]])
def test_every_help_has_its_words_and_every_command_one_example(
    capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    code, out, _ = said(capsys, *words, "--help")
    assert code == 0
    assert "Usage:" in out
    assert not words or "Example: correctless decisions " in out


def test_the_writer_imports_nothing_heavy(project: Path) -> None:
    program = (
        "import sys; from correctless.cli.log.writer import main;"
        f"assert main(['append', 'elsewhere', {json.dumps(json.dumps(SAID))}]) == 0;"
        "print([m for m in ('click', 'pydantic', 'rich', 'jsonlines', 'ruamel', 'yaml') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout.splitlines()[-1] == b"[]"


# --- a log named by hand


def test_every_command_takes_a_log_anywhere_without_a_repository(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    given = ("--log", "mine.jsonl")
    assert said(capsys, "append", "elsewhere", json.dumps(SAID), *given)[0] == 0
    assert append("elsewhere", json.dumps(SAID), *given)[0] == 0
    assert append("elsewhere", json.dumps(SAID), "--log=mine.jsonl")[0] == 0
    assert len(said(capsys, "list", *given)[1].splitlines()) == 3
    assert said(capsys, "path", *given)[1] == f"{tmp_path / 'mine.jsonl'}\n"
    assert said(capsys, "verify", *given)[0] == 0
    assert said(capsys, "repair", *given)[:2] == (0, "nothing to repair\n")
    assert writer.main(["read", *given], stdout=io.BytesIO(), env=dict(os.environ)) == 0


def test_without_a_repository_and_without_a_log_it_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert said(capsys, "list")[0] == 3


# --- list


def test_a_line_for_each_decision_that_can_not_steer_a_terminal(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    append("cverify", json.dumps({**SAID, "default_applied": "a\x1b[2Jb\nc\u202ed\U000e0041"}))
    append("elsewhere", json.dumps(SAID))
    code, out, _ = said(capsys, "list")
    assert code == 0
    assert len(out.splitlines()) == 2
    assert all(line.isprintable() for line in out.split("\n"))
    assert "\\x1b[2J" in out
    assert out.splitlines()[1] == "2  elsewhere  AD-UNLISTED-1  report only  [deferred, unlisted]"


def test_the_list_for_programs_is_the_entries(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = append("cverify", json.dumps(SAID))[1]
    assert json.loads(said(capsys, "list", "--json")[1]) == [line]


def test_a_log_of_something_else_is_not_listed_as_decisions(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Ledger(str(tmp_path / "x.jsonl")).append({"event": "complete"})
    assert said(capsys, "list", "--log", str(tmp_path / "x.jsonl"))[0] == 3


# --- verify


def test_an_intact_log_is_said_to_be_intact(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    append("cverify", json.dumps(SAID))
    head = Ledger(str(log_of(project))).head().sha256
    assert said(capsys, "verify")[:2] == (0, f"1 entries, head {head[:12]}, intact\n")
    told = json.loads(said(capsys, "verify", "--json")[1])
    assert told == {"entries": 1, "head": {"seq": 1, "sha256": head}, "intact": True, "findings": []}


def test_a_damaged_log_is_1_and_a_foreign_one_is_3(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    append("cverify", json.dumps(SAID))
    log = log_of(project)
    log.write_bytes(log.read_bytes() * 2)
    code, out, _ = said(capsys, "verify")
    assert code == 1
    assert f"{log}:2:1: " in out
    assert "[log-chain]" in out
    assert not json.loads(said(capsys, "verify", "--json")[1])["intact"]
    log.write_bytes(b"not ours\n")
    assert said(capsys, "verify")[0] == 3


def commit(git: Git, project: Path, head: Head | str, run: str = "r1") -> None:
    said = head if isinstance(head, str) else f"{head.seq}:{head.sha256}"
    git(
        project,
        "commit",
        "-q",
        "--allow-empty",
        "-m",
        f"step\n\nCorrectless-Run: {run}\nCorrectless-Log: {said}\n",
    )


def note(project: Path, head: Head, run: str = "r1", timestamp: str = "2020-01-01T00:00:00.000Z") -> None:
    logs = paths.logs(find(str(project)))
    event = {"event": "step_finished", "run": run, "timestamp": timestamp, "log_seq": head.seq}
    Ledger(logs.run, root=logs.root).append({**event, "log_head": head.sha256})


@pytest.mark.parametrize("with_run_log", [False, True])
def test_a_commit_disproves_a_tail_that_was_cut_off(
    project: Path, git: Git, capsys: pytest.CaptureFixture[str], with_run_log: bool
) -> None:
    append("cverify", json.dumps(SAID))
    append("cverify", json.dumps(SAID))
    log = log_of(project)
    if with_run_log:
        note(project, Head(0, GENESIS))
    commit(git, project, Ledger(str(log)).head())
    git(project, "commit", "-q", "--allow-empty", "-m", "later work")
    assert said(capsys, "verify")[0] == 0
    log.write_bytes(log.read_bytes().splitlines(keepends=True)[0])
    code, out, _ = said(capsys, "verify")
    assert code == 1
    assert git(project, "rev-parse", "--short", "HEAD~1") in out
    # The log stays the same when it is named by hand.
    assert said(capsys, "verify", "--log", str(log))[0] == 1


def test_the_run_log_disproves_a_tail_that_was_cut_off(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    append("cverify", json.dumps(SAID))
    append("cverify", json.dumps(SAID))
    log = log_of(project)
    note(project, Ledger(str(log)).head())
    assert said(capsys, "verify")[0] == 0
    log.write_bytes(log.read_bytes().splitlines(keepends=True)[0])
    code, out, _ = said(capsys, "verify")
    assert (code, "run log entry 1" in out) == (1, True)


def test_a_trailer_that_can_not_be_read_is_an_error(
    project: Path, git: Git, capsys: pytest.CaptureFixture[str]
) -> None:
    append("cverify", json.dumps(SAID))
    commit(git, project, "1:abc")
    code, out, _ = said(capsys, "verify")
    assert (code, "[log-anchor]" in out) == (1, True)


def test_commits_of_another_branchs_run_prove_nothing_about_this_log(
    project: Path, git: Git, capsys: pytest.CaptureFixture[str]
) -> None:
    append("cverify", json.dumps(SAID))
    note(project, Ledger(str(log_of(project))).head(), run="mine")
    commit(git, project, Head(7, "0" * 64), run="theirs")
    assert said(capsys, "verify")[0] == 0


def test_a_damaged_run_log_is_not_passed_over(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    append("cverify", json.dumps(SAID))
    note(project, Ledger(str(log_of(project))).head())
    run = Path(paths.logs(find(str(project))).run)
    run.write_bytes(run.read_bytes() * 2)
    assert said(capsys, "verify")[0] == 3


# --- repair


def test_a_repaired_log_begins_with_a_deferred_entry_that_names_what_was_lost(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(3):
        append("cverify", json.dumps(SAID))
    log = log_of(project)
    lines = log.read_bytes().splitlines(keepends=True)
    lines[1] = lines[1].replace(b"report", b"REPORT")
    log.write_bytes(b"".join(lines))
    code, out, _ = said(capsys, "repair")
    assert code == 0
    (kept,) = log.parent.glob("*.damaged-*")
    assert str(kept) in out
    assert kept.read_bytes() == b"".join(lines)
    (entry,) = Ledger(str(log)).read()
    assert (entry.fields["escalation_deferred"], entry.fields["source"]) == (True, "synthesized")
    assert entry.fields["extra"]["lost_seq"] == 3
    assert entry.fields["extra"]["intact_seq"] == 2
    assert len(entry.fields["extra"]["lost_head"]) == 64


def test_after_a_repair_what_was_noted_of_the_lost_log_warns_and_what_came_later_counts(
    project: Path, git: Git, capsys: pytest.CaptureFixture[str]
) -> None:
    append("cverify", json.dumps(SAID))
    append("cverify", json.dumps(SAID))
    log = log_of(project)
    note(project, Ledger(str(log)).head())
    commit(git, project, Ledger(str(log)).head())
    log.write_bytes(log.read_bytes() * 2)
    assert said(capsys, "repair")[0] == 0
    code, out, _ = said(capsys, "verify")
    assert (code, out.count("warning")) == (0, 2)
    note(project, Head(1, "0" * 64), timestamp="2999-01-01T00:00:00.000Z")
    assert said(capsys, "verify")[0] == 1


def test_a_missing_log_that_a_run_began_starts_anew_and_says_so(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    append("cverify", json.dumps(SAID))
    head = Ledger(str(log_of(project))).head()
    note(project, head)
    log_of(project).unlink()
    assert said(capsys, "repair")[:2] == (0, "started a new log in place of the missing one\n")
    (entry,) = Ledger(str(log_of(project))).read()
    assert entry.fields["escalation_deferred"] is True
    assert entry.fields["extra"]["lost_head"] == head.sha256


def test_a_torn_line_is_cut_off_and_kept(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    append("cverify", json.dumps(SAID))
    log = log_of(project)
    whole = log.read_bytes()
    log.write_bytes(whole + b'{"torn')
    done = json.loads(said(capsys, "repair", "--json")[1])
    assert done["action"] == "torn"
    assert Path(done["aside"]).read_bytes() == b'{"torn'
    assert log.read_bytes() == whole


def test_a_repaired_run_log_gets_no_decision(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "pipeline-x.jsonl"
    Ledger(str(log)).append({"event": "run_started"})
    log.write_bytes(log.read_bytes() * 2)
    assert said(capsys, "repair", "--log", str(log))[0] == 0
    assert log.read_bytes() == b""
