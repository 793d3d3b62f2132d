"""Every command that believes a log or adds to it, over every way in which the private copy of its heads disproves the log."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import contracts
import correctless
import terminal
from conftest import Git, at_home
from correctless.base import exits
from correctless.base.clock import utcnow
from correctless.base.exits import Stop
from correctless.cli import main
from correctless.hooks import prompt
from correctless.ledger.chain import EMPTY, Head, seal
from correctless.ledger.ledger import Ledger
from correctless.ledger.record import decode
from correctless.runcontract.ledger import store
from project import Project

SAID = json.dumps({"decision_id": "AD-001", "default_applied": "a", "rationale": "b"})
PERSONS = [frozenset({"CLAUDE_PROJECT_DIR"}), frozenset({"HOME"})]  # the processes above the hook
NEW_WORKSPACE = "correctless decisions new-workspace"


# --- what is done to the log


def copy_of(project: Project) -> Path:
    (path,) = Path(os.environ["HOME"], ".local/state/correctless/heads").glob(
        "*/autonomous-decisions-feature-x-*"
    )
    return path


def log_of(project: Project) -> Path:
    return Path(project.logs.decisions)


def rewritten(path: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """The log with a valid chain, as somebody writes it who knows how."""
    head, made = EMPTY, b""
    for line in path.read_bytes().splitlines():
        fields = decode(line)
        del fields["seq"], fields["prev"]
        entry = seal(change(fields), head)
        head, made = Head(entry.seq, entry.head), made + entry.line + b"\n"
    path.write_bytes(made)


def cut_the_tail(project: Project) -> None:
    log = log_of(project)
    log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:-1]))


def empty_the_log(project: Project) -> None:
    log_of(project).write_bytes(b"")


def remove_the_log(project: Project) -> None:
    log_of(project).unlink()


def remove_log_and_mark(project: Project) -> None:
    log_of(project).unlink()
    Path(f"{log_of(project)}.heads").unlink()


def clean_the_workspace(project: Project) -> None:
    project.git(project.top, "clean", "-ffdxq")


def remove_the_artifacts(project: Project) -> None:
    shutil.rmtree(project.logs.artifacts)


def replace_the_log(project: Project) -> None:
    log_of(project).unlink()
    Ledger(project.logs.decisions).append(
        {
            **json.loads(SAID),
            "skill": "s",
            "timestamp": "2026-01-01T00:00:00.000Z",
            "escalation_deferred": False,
        }
    )


def edit_a_line(project: Project) -> None:
    log = log_of(project)
    log.write_bytes(log.read_bytes().replace(b"because", b"becausE", 1))


def edit_the_last_line(project: Project) -> None:
    log = log_of(project)
    before, _, last = log.read_bytes().rstrip(b"\n").rpartition(b"\n")
    log.write_bytes(before + b"\n" + last.replace(b"because", b"becausE") + b"\n")


def write_the_chain_anew(project: Project) -> None:
    rewritten(
        log_of(project),
        lambda fields: {**fields, "escalation_deferred": False, "original_escalation_reason": None},
    )


def write_both_logs_anew(project: Project) -> None:
    write_the_chain_anew(project)
    heads = {e.seq: e.head for e in Ledger(project.logs.decisions).read()}
    rewritten(
        Path(project.logs.run), lambda f: {**f, "log_head": heads[f["log_seq"]]} if f.get("log_seq") else f
    )


def append_past_the_program(project: Project) -> None:
    """Nothing is disproved by more entries; what must be found is that the copy knows of others behind them."""
    cut_the_tail(project)
    Ledger(project.logs.decisions).append(
        {**json.loads(SAID), "skill": "s", "timestamp": "t", "escalation_deferred": False}
    )


def cut(path: str) -> None:
    log = Path(path)
    log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:-1]))


def cut_the_run_log(project: Project) -> None:
    cut(project.logs.run)


def remove_the_run_log(project: Project) -> None:
    os.unlink(project.logs.run)


def cut_the_confirmations(project: Project) -> None:
    cut(project.logs.confirmations)


def remove_the_confirmations(project: Project) -> None:
    os.unlink(project.logs.confirmations)


def change_a_confirmation(project: Project) -> None:
    rewritten(Path(project.logs.confirmations), lambda said: {**said, "by": "Eve"})


def note_more_than_there_is(project: Project) -> None:
    with copy_of(project).open("ab") as copy:
        copy.write(b"%018d %s\n" % (99, b"0" * 64))


def remove_the_copy(project: Project) -> None:
    copy_of(project).unlink()


def remove_all_copies(project: Project) -> None:
    shutil.rmtree(copy_of(project).parent)


def put_a_folder_in_the_copys_place(project: Project) -> None:
    remove_the_copy_to = copy_of(project)
    remove_the_copy_to.unlink()
    remove_the_copy_to.mkdir()


def put_a_link_in_the_copys_place(project: Project) -> None:
    copy = copy_of(project)
    copy.rename(copy.with_name("moved"))
    copy.symlink_to("moved")


def fill_the_copy_with_something(project: Project) -> None:
    copy = copy_of(project)
    copy.write_bytes(b"x" * len(copy.read_bytes()))


def name_another_copy(project: Project) -> None:
    """The mark says that the log's copy is one an agent made."""
    forged = project.top / ".correctless/artifacts/forged"
    forged.write_bytes(copy_of(project).read_bytes()[:84])
    Path(f"{log_of(project)}.heads").write_text(str(forged))
    remove_all_copies(project)


TAMPERED = (
    cut_the_tail,
    empty_the_log,
    remove_the_log,
    remove_log_and_mark,
    clean_the_workspace,
    remove_the_artifacts,
    replace_the_log,
    edit_a_line,
    edit_the_last_line,
    write_the_chain_anew,
    write_both_logs_anew,
    append_past_the_program,
    note_more_than_there_is,
    remove_the_copy,
    remove_all_copies,
    put_a_folder_in_the_copys_place,
    put_a_link_in_the_copys_place,
    fill_the_copy_with_something,
    name_another_copy,
    cut_the_run_log,
    remove_the_run_log,
    cut_the_confirmations,
    remove_the_confirmations,
    change_a_confirmation,
)
GONE = (
    remove_the_log,
    remove_log_and_mark,
    clean_the_workspace,
    remove_the_artifacts,
    remove_the_copy,
    remove_all_copies,
    name_another_copy,
)

# --- who has to find it


def by_words(*words: str) -> Callable[[Project], int]:
    return lambda _: main(list(words))


def by_prompt(text: str) -> Callable[[Project], int]:
    def said(project: Project) -> int:
        try:
            prompt.record_answer(
                prompt.Prompt(text, str(project.top), False, ""), os.environ, PERSONS, utcnow()
            )
        except Stop as stop:
            sys.stdout.write(stop.message)
            return stop.code
        return exits.OK

    return said


def by_the_library(name: str) -> Callable[[Project], int]:
    def asked(project: Project) -> int:
        try:
            getattr(correctless, name)(project.logs.decisions)
        except Stop as stop:
            sys.stdout.write(stop.message)
            return stop.code
        return exits.OK

    return asked


DOORS = {
    "gate": by_words("gate"),
    "gate of a log by name": lambda project: main(["gate", "--json", "--log", project.logs.decisions]),
    "review": by_words("review", "--json"),
    "decisions list": by_words("decisions", "list"),
    "decisions summary": by_words("decisions", "summary"),
    "decisions counts": by_words("decisions", "summary", "--counts"),
    "decisions append": by_words("decisions", "append", "cverify", SAID),
    "decisions verify": by_words("decisions", "verify", "--offline"),
    "writer read": by_words("writer", "read"),
    "writer append": by_words("writer", "append", "cverify", SAID),
    "writer append to a log by name": lambda project: main(
        ["writer", "append", "cverify", SAID, "--log", project.logs.decisions]
    ),
    "defaults": by_words("defaults"),
    "defaults suggest": by_words("defaults", "suggest", "cverify"),
    "defaults replay": by_words("defaults", "replay", "cverify"),
    "status": by_words("cauto", "status"),
    "status --json": by_words("cauto", "status", "--json"),
    "status --follow": by_words("cauto", "status", "--follow"),
    "resume": by_words("cauto", "resume"),
    "run": by_words("cauto", "run", "--spec", "spec.md", "--agent", "command:true"),
    "check": by_words("cauto", "check", "--spec", "spec.md", "--agent", "command:true"),
    "prompt, confirm": by_prompt("confirm escalations 01234567"),
    "prompt, approve": by_prompt("approve spec 01234567"),
    "library gate": by_the_library("gate"),
    "library summarise": by_the_library("summarise"),
}


def content(project: Project) -> bytes | None:
    log = log_of(project)
    return log.read_bytes() if log.exists() else None


@pytest.mark.parametrize("tamper", TAMPERED)
def test_no_command_believes_a_log_that_its_private_copy_disproves(
    ran: Project, tamper: Callable[[Project], None], capsys: pytest.CaptureFixture[str]
) -> None:
    tamper(ran)
    before, noted = content(ran), tree(Path(os.environ["HOME"]))
    said = {}
    for name, door in DOORS.items():
        code = door(ran)
        out, err = capsys.readouterr()
        said[name] = out + err
        wanted = {exits.REFUSED, exits.FINDINGS} if name == "decisions verify" else {exits.REFUSED}
        assert code in wanted, (name, code, out, err)
        assert "unexpected" not in said[name]
    assert content(ran) == before
    assert tree(Path(os.environ["HOME"])) == noted
    if tamper in GONE:
        assert [name for name, words in said.items() if NEW_WORKSPACE not in words] == []


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in folder.rglob("*") if p.is_file() and not p.is_symlink()}


def test_an_untouched_log_is_believed_by_all_of_them(
    ran: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    codes = {name: door(ran) for name, door in DOORS.items() if "append" not in name and "follow" not in name}
    said = capsys.readouterr()
    waits = {name for name, code in codes.items() if code == exits.PERSON}
    assert waits >= {"gate", "gate of a log by name", "review", "resume"}
    # Nobody approved by prompt here, and the run waits: refused, but not because of the log.
    assert {name for name, code in codes.items() if code == exits.REFUSED} == {"run", "check"}
    assert "unfinished" in said.err
    assert DOORS["writer append"](ran) == DOORS["decisions append"](ran) == exits.OK
    assert DOORS["decisions verify"](ran) == exits.OK


# --- where the copy is looked for


@pytest.mark.parametrize(
    "env", [{"HOME": "{tmp}"}, {"HOME": ""}, {"HOME": None}, {"HOME": "relative"}, {"HOME": "/dev/null"}]
)
@pytest.mark.parametrize(
    "door", ["gate", "decisions list", "writer append", "status", "resume", "decisions verify"]
)
def test_another_home_is_could_not_check(
    ran: Project, env: dict[str, str | None], door: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in env.items():
        if value is None:
            monkeypatch.delenv(name)
        else:
            monkeypatch.setenv(name, value.format(tmp=tmp_path))
    cut_the_tail(ran)
    assert DOORS[door](ran) == exits.REFUSED


def test_no_variable_of_the_xdg_directories_moves_the_copy(
    ran: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert DOORS["gate"](ran) == exits.PERSON
    cut_the_tail(ran)
    assert DOORS["gate"](ran) == exits.REFUSED


def test_a_workspace_that_was_moved_could_not_be_checked(
    ran: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = ran.top.with_name("moved")
    ran.top.rename(moved)
    monkeypatch.chdir(moved)
    assert main(["gate"]) == exits.REFUSED
    assert main(["decisions", "new-workspace", "--as", "Ada"]) == exits.OK
    assert main(["gate"]) == exits.PERSON
    log = Path(Project.found(moved, ran.git).logs.decisions)
    log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:-1]))
    assert main(["gate"]) == exits.REFUSED


@pytest.mark.parametrize(
    "env", [{}, {"XDG_STATE_HOME": "{tmp}"}, {"HOME": "{tmp}"}, {"HOME": "{tmp}", "XDG_STATE_HOME": "{tmp}"}]
)
@pytest.mark.parametrize("tamper", ["cut", "gone", "copy gone"])
def test_a_revoke_is_hidden_by_no_home_of_the_agents_choice(
    scratch_repo: Path,
    tmp_path: Path,
    env: dict[str, str],
    tamper: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from correctless.runcontract.ledger.records import Revoke

    monkeypatch.chdir(scratch_repo)
    at = contracts.place(
        scratch_repo,
        contracts.edited(("2026-08-07T18:00:00Z", "2099-01-01T00:00:00Z")),
        Revoke("G4", "Ada", "terminal"),
    )
    spawn = [
        "contract",
        "authorize",
        "--json",
        "spawn",
        "--agents",
        "2",
        "--cost-usd",
        "5",
        "--minutes",
        "30",
    ]
    ledger = Path(at.ledger)
    lines = ledger.read_bytes().splitlines(keepends=True)
    (copy,) = Path(os.environ["HOME"], ".local/state/correctless/heads").glob("*/ledger-*")
    if tamper == "cut":
        ledger.write_bytes(b"".join(lines[:-1]))
    elif tamper == "gone":
        ledger.unlink()
    else:
        ledger.write_bytes(b"".join(lines[:-1]))
        copy.unlink()
    for name, value in env.items():
        monkeypatch.setenv(name, value.format(tmp=tmp_path / "agents"))
    main(spawn)
    out = capsys.readouterr().out
    assert json.loads(out)["verdict"] != "allow", out
    kept = store.load(at, os.environ, utcnow())
    assert [clause.code for clause in kept.case.faults][:1] == ["ledger"]
    for words in (["status"], ["check"], ["close"]):
        assert main(["contract", *words]) not in (exits.OK, exits.FINDINGS), words


# --- a new workspace


def declare(
    project: Project, *words: str, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return project.command("decisions", "new-workspace", *words, env=env)


@pytest.mark.parametrize("clean", [clean_the_workspace, remove_the_artifacts, remove_log_and_mark])
def test_a_person_says_that_a_workspace_is_new_and_it_is_on_record(
    ran: Project, clean: Callable[[Project], None]
) -> None:
    clean(ran)
    done = declare(ran, "--as", "Ada")
    assert done.returncode == exits.OK, done.stderr
    assert "no longer expected: autonomous-decisions-feature-x-" in done.stdout
    heads = Path(os.environ["HOME"], ".local/state/correctless/heads")
    (statements,) = heads.glob("*.jsonl")
    (said,) = Ledger(str(statements)).read()
    assert (said.fields["by"], said.fields["channel"]) == ("Ada", "flag")
    assert len(list(heads.glob("*.before-1/*"))) == 3  # nothing that was noted is lost
    if clean is remove_log_and_mark:
        assert ran.command("gate").returncode == exits.REFUSED  # the run log began one
        return
    # Its commits are still here, and nobody can say what that run left open: you decide about it.
    closed = ran.command("gate", "--json")
    assert closed.returncode == exits.PERSON
    (lost,) = json.loads(closed.stdout)["waiting"]
    assert "are not in this workspace, which was declared new" in lost["original_escalation_reason"]
    assert ran.command("writer", "append", "cverify", SAID).returncode == exits.OK
    assert ran.command("gate").returncode in (exits.OK, exits.PERSON)
    verified = ran.command("decisions", "verify", "--offline")
    assert verified.returncode == exits.OK
    assert "Ada declared at" in verified.stdout
    assert "that this workspace is new" in verified.stdout
    cut_the_tail(ran)
    assert ran.command("gate").returncode == exits.REFUSED


def test_after_it_a_run_begins_as_in_any_workspace(ran: Project) -> None:
    clean_the_workspace(ran)
    assert ran.run().returncode == exits.REFUSED
    assert declare(ran, "--as", "Ada").returncode == exits.OK
    assert ran.run().returncode == exits.PERSON
    assert ran.command("decisions", "verify", "--offline").returncode == exits.OK
    code, shown = ran.review(answer="{digest}")
    assert "earlier workspace" in shown
    assert code == exits.OK, shown
    assert ran.cauto("resume").returncode == exits.OK


def test_a_fresh_clone_in_the_same_place_is_a_new_workspace_once_a_person_says_so(
    ran: Project, git: Git
) -> None:
    old = ran.top.with_name("old")
    ran.top.rename(old)
    git(old, "switch", "-q", "main")
    git(ran.top.parent, "clone", "-q", "-b", "feature/x", str(old), str(ran.top))
    assert ran.run().returncode == exits.REFUSED
    assert declare(ran, "--as", "Ada").returncode == exits.OK
    assert ran.run().returncode == exits.PERSON


@pytest.mark.parametrize(
    "env", [{"CORRECTLESS_AGENT": "1"}, {"CLAUDECODE": "1"}, {"CLAUDECODE": "1", "CORRECTLESS_AGENT": "x"}]
)
def test_an_agent_can_not_say_it(ran: Project, env: dict[str, str]) -> None:
    clean_the_workspace(ran)
    before = tree(Path(os.environ["HOME"]))
    assert declare(ran, "--as", "Ada", env=env).returncode == exits.REFUSED
    done = subprocess.run(  # what shed the mark and has it above itself
        [
            "sh",
            "-c",
            'env -u CORRECTLESS_AGENT -u CLAUDECODE "$@"; exit $?',
            "sh",
            *correctless.itself(),
            "decisions",
            "new-workspace",
            "--as",
            "Ada",
        ],
        cwd=ran.top,
        env={**ran.env, **env, "CORRECTLESS_AGENT": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == exits.REFUSED, done.stdout
    assert tree(Path(os.environ["HOME"])) == before
    assert ran.command("gate").returncode == exits.REFUSED


def test_without_a_terminal_or_a_name_nobody_says_it(ran: Project) -> None:
    clean_the_workspace(ran)
    done = declare(ran)
    assert (done.returncode, "--as NAME" in done.stderr) == (exits.REFUSED, True)


def test_at_a_terminal_it_is_asked(ran: Project) -> None:
    clean_the_workspace(ran)
    for answer, code in (("n", exits.PERSON), ("y", exits.OK)):
        child = terminal.spawn([*correctless.itself(), "decisions", "new-workspace"], ran.top, ran.env)
        child.expect("is a new workspace")
        child.sendline(answer)
        assert terminal.ended(child)[0] == code
    (statements,) = Path(os.environ["HOME"], ".local/state/correctless/heads").glob("*.jsonl")
    assert Ledger(str(statements)).read()[0].fields["channel"] == "terminal"


@pytest.mark.parametrize(
    "tamper",
    [
        cut_the_tail,
        empty_the_log,
        replace_the_log,
        edit_a_line,
        write_the_chain_anew,
        append_past_the_program,
    ],
)
def test_a_log_that_is_there_and_is_not_what_was_noted_is_no_new_workspace(
    ran: Project, tamper: Callable[[Project], None]
) -> None:
    tamper(ran)
    before = tree(Path(os.environ["HOME"]))
    done = declare(ran, "--as", "Ada")
    assert done.returncode == exits.REFUSED
    assert "a cleaned workspace has no such log" in done.stderr
    assert tree(Path(os.environ["HOME"])) == before


def test_no_workspace_is_new_while_a_run_is_under_way(ran: Project) -> None:
    from correctless.project.git import find
    from correctless.project.lock import Lock

    clean_the_workspace(ran)
    with Lock.take(find(str(ran.top)), "a test"):
        assert declare(ran, "--as", "Ada").returncode == exits.LOCKED


def test_in_a_clone_on_another_machine_it_says_that_the_commits_are_of_logs_elsewhere(
    ran: Project, git: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(at_home(tmp_path / "home")))
    git(ran.top, "switch", "-q", "main")
    git(tmp_path, "clone", "-q", "-b", "feature/x", str(ran.top), "clone")
    monkeypatch.chdir(tmp_path / "clone")
    assert main(["writer", "append", "cverify", SAID]) == exits.OK
    assert main(["decisions", "list"]) == exits.OK
    assert main(["decisions", "verify", "--offline"]) == exits.FINDINGS
    assert main(["decisions", "new-workspace", "--as", "Ada"]) == exits.OK
    assert main(["decisions", "verify", "--offline"]) == exits.OK
