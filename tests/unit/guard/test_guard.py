"""The guard by itself: which calls it denies and when, what it makes of text that was written to deceive it, and its door."""

from __future__ import annotations

import ast
import json
import os
import pwd
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import corpus
from conftest import Git
from correctless.base import exits
from correctless.guard import call as guard_call
from correctless.guard.call import NAMES
from correctless.guard.judge import denial
from correctless.guard.shell import UnreadableError, pipelines
from guard_calls import CALLS, DIGEST, LOG, RUN, Call
from patience import PATIENCE
from places import ROOT
from project import Project

DOOR = ROOT / "scripts" / "guard"
AGENT = {"CORRECTLESS_AGENT": "1"}


def told(tool: str, given: Mapping[str, Any], cwd: Path | str) -> bytes:
    return json.dumps(
        {
            "session_id": "s",
            "cwd": str(cwd),
            "hook_event_name": "PreToolUse",
            "tool_name": tool,
            "tool_input": given,
        },
        separators=(",", ":"),
    ).encode()


def is_denied(each: Call, cwd: Path, env: Mapping[str, str]) -> bool:
    data = told(each.tool, each.given, cwd)
    # What the quick look lets through is never judged.
    return guard_call.names_something(data) and denial(data, {**os.environ, **env}) is not None


@pytest.fixture
def quiet(scratch_repo: Path) -> Path:
    """A repository in which no run was ever started."""
    return scratch_repo


@pytest.fixture
def under_way(scratch_repo: Path) -> Path:
    """One with a run that has not come to its end."""
    folder = scratch_repo / ".correctless" / "artifacts"
    folder.mkdir(parents=True)
    (scratch_repo / RUN).write_text('{"event":"run_started"}\n{"event":"step_started"}\n')
    (folder / "pipeline-manifest-feature-x-000000.json").write_text('{"branch":"feature/x"}')
    (scratch_repo / LOG).write_text("")
    return scratch_repo


@pytest.mark.parametrize("each", CALLS, ids=str)
def test_in_a_repository_without_a_run_it_denies_what_is_never_an_agents(each: Call, quiet: Path) -> None:
    assert is_denied(each, quiet, {}) == (each.when == "always")


@pytest.mark.parametrize("each", CALLS, ids=str)
def test_while_a_run_is_under_way_it_denies_more(each: Call, under_way: Path) -> None:
    assert is_denied(each, under_way, {}) == (each.when != "never")


@pytest.mark.parametrize("each", CALLS, ids=str)
def test_in_an_agent_it_denies_the_same_wherever_it_works(each: Call, quiet: Path) -> None:
    assert is_denied(each, quiet, AGENT) == (each.when != "never")


def test_the_table_has_something_for_each_case() -> None:
    assert {each.when for each in CALLS} == {"always", "under way", "never"}
    assert len({str(each.given) for each in CALLS}) == len(CALLS) >= 150


def test_another_branch_may_be_pushed_while_a_run_is_under_way(under_way: Path, git: Git) -> None:
    def denied(command: str) -> bool:
        return is_denied(Call("never", "Bash", {"command": command}), under_way, {})

    assert not denied("git push origin main")
    assert not denied("gh pr create --head other --fill")
    assert denied("git push origin $BRANCH")
    git(under_way, "switch", "-q", "-c", "other")
    assert not denied("git push")
    assert not denied("git push origin HEAD")
    assert not denied("gh pr create --fill")
    assert denied("git push origin feature/x")


@pytest.mark.parametrize("last", ["complete", "abandoned"])
def test_a_run_that_came_to_its_end_is_not_under_way(under_way: Path, last: str) -> None:
    with (under_way / RUN).open("a") as file:
        file.write(f'{{"event":"{last}"}}\n{{"event":"gate_closed"}}\n')
    assert not is_denied(Call("never", "Bash", {"command": "git push"}), under_way, {})


@pytest.mark.parametrize("bytes_", [b"{broken", b"[]\n", b'{"event": 3}\n', b"\xff\n", b"[" * 5000 + b"\n"])
def test_a_run_log_that_cant_be_read_counts_as_under_way(under_way: Path, bytes_: bytes) -> None:
    (under_way / RUN).write_bytes(bytes_)
    assert is_denied(Call("never", "Bash", {"command": "git push"}), under_way, {})


def test_a_run_contract_in_force_counts_as_well(quiet: Path) -> None:
    settings = Call("under way", "Write", {"file_path": ".claude/settings.json", "content": ""})
    contract = Call("never", "Write", {"file_path": ".correctless/contracts/c1/contract.md", "content": ""})
    merge = Call("never", "Bash", {"command": "gh pr merge 12 --squash"})
    assert not any(is_denied(each, quiet, {}) for each in (settings, contract, merge))
    folder = quiet / ".correctless" / "artifacts" / "contract-c1"
    folder.mkdir(parents=True)
    (folder / "pinned.md").touch()
    assert all(is_denied(each, quiet, {}) for each in (settings, contract, merge))


def test_in_a_linked_worktree_it_looks_at_the_logs_of_the_main_one(
    under_way: Path, git: Git, tmp_path: Path
) -> None:
    git(under_way, "worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    push = Call("under way", "Bash", {"command": "git push origin feature/x"})
    assert is_denied(push, tmp_path / "side", {})
    (under_way / RUN).unlink()
    assert not is_denied(push, tmp_path / "side", {})


def test_a_link_that_leads_to_the_logs_is_followed(under_way: Path, tmp_path: Path) -> None:
    (tmp_path / "harmless").symlink_to(under_way / ".correctless" / "artifacts")
    path = str(tmp_path / "harmless" / "x")
    data = told("Write", {"file_path": path, "content": "artifacts"}, under_way)
    assert denial(data, os.environ) is not None


@pytest.mark.parametrize(
    "data",
    [
        b"[]",
        b"{}",
        b'{"tool_name":"Bash"}',
        b'{"tool_name":1,"tool_input":{},"cwd":"/"}',
        b"{",
        b"\xff",
        b"[" * 100_000,
    ],
)
def test_a_call_that_is_none_is_never_let_through(data: bytes) -> None:
    with pytest.raises((ValueError, KeyError, TypeError, RecursionError)):
        denial(data, {})


@pytest.mark.parametrize(
    "command",
    [
        f"echo 'x > {LOG}",
        f"$(rm {LOG}",
        f'correctless review --confirm {DIGEST} "',
        "echo " + "x" * 300_000 + f" > {LOG}",
        "$(" * 40 + f"rm {LOG}" + ")" * 40,
        "bash -c '" * 3 + f"rm {LOG}",
    ],
    ids=lambda text: text[:30],
)
def test_a_command_that_cant_be_read_is_denied_when_it_names_something(command: str, quiet: Path) -> None:
    assert is_denied(Call("always", "Bash", {"command": command}), quiet, {})


def test_text_that_was_made_to_be_slow_is_judged_in_time(quiet: Path) -> None:
    for piece in (
        "correctless review ",
        "confirm ",
        "$(",
        "`",
        "cauto --",
        "a=",
        "'\"",
        ".correctless/artifacts ",
    ):
        command = piece * (190_000 // len(piece))
        done = door(told("Bash", {"command": command}, quiet), quiet)
        assert done.returncode in (0, 2), (piece, done)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        for pipeline in pipelines(text):
            assert all(isinstance(word.text, str) for simple in pipeline for word in simple.words)
    except UnreadableError:
        return


SPELLED = st.lists(
    st.tuples(
        st.sampled_from(["plain", "single", "double", "escaped", "ansi"]),
        st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=6),
    ),
    min_size=1,
    max_size=5,
)


@given(SPELLED)
def test_quotes_are_taken_off_as_a_shell_does(parts: list[tuple[str, str]]) -> None:
    spelled, meant = "", ""
    for how, text in parts:
        if how == "plain":
            text = "".join(char for char in text if char.isalnum())
            spelled += text
        elif how == "single":
            text = text.replace("'", "")
            spelled += f"'{text}'"
        elif how == "double":
            text = "".join(char for char in text if char not in '"\\$`')
            spelled += f'"{text}"'
        elif how == "escaped":
            spelled += "".join(f"\\{char}" for char in text)
        else:
            spelled += "$'" + "".join(f"\\x{ord(char):02x}" for char in text) + "'"
        meant += text
    said = subprocess.run(
        ["bash", "-c", f"printf %s {spelled}x"], capture_output=True, text=True, check=True
    ).stdout
    assert said == meant + "x"
    (pipeline,) = pipelines(f"printf %s {spelled}x")
    assert pipeline[0].words[2].text == meant + "x"


_FENCE = re.compile(r"^```(?:bash|sh|shell|zsh|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.mark.campaign
def test_commands_of_real_skills_are_all_read_and_none_is_denied_where_no_run_is(
    quiet: Path, tmp_path: Path, bare: Path
) -> None:
    commands = [
        found[1]
        for path in sorted(corpus.unpack(tmp_path).rglob("*.md"))
        for found in _FENCE.finditer(path.read_text(encoding="utf-8", errors="replace"))
    ]
    whole = [
        each
        for each in commands
        if subprocess.run(["bash", "-n", "-c", each], capture_output=True, check=False).returncode == 0
    ]
    assert len(whole) > 1500
    for each in whole:
        pipelines(each)
        assert denial(told("Bash", {"command": each}, quiet), os.environ) is None, each


# -- the door


def door(
    data: bytes, cwd: Path, env: Mapping[str, str] | None = None, path: Path = DOOR
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [path],
        cwd=cwd,
        input=data,
        env={**os.environ, **(env or {})},
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


ORDINARY = [each for each in CALLS if each.when == "never"]


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The guard's door in a checkout that has no environment yet: it takes the Python on PATH."""
    top = tmp_path_factory.mktemp("bare")
    (top / "scripts").mkdir()
    shutil.copytree(ROOT / "src/correctless/guard", top / "src/correctless/guard")
    return Path(shutil.copy(DOOR, top / "scripts/guard"))


def broken(tmp_path: Path, how: str) -> dict[str, str]:
    """An environment in which the guard's interpreter is broken in one way."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("cat", "readlink", "sh"):
        found = shutil.which(name)
        assert found
        (folder / name).symlink_to(found)
    body = {
        "it fails": "exit 1",
        "it reads and fails": "cat >/dev/null; exit 1",
        "it is killed": "kill -9 $$",
        "it says 2 by itself": "echo no such option >&2; exit 2",
        "it can't be run": None,
    }[how]
    if body is not None:
        (folder / "python3").write_text(f"#!/bin/sh\n{body}\n")
        (folder / "python3").chmod(0o755)
        return {"PATH": str(folder)}
    return {"PATH": str(folder), "CORRECTLESS_GUARD_PYTHON": str(tmp_path)}


BROKEN = ("it fails", "it reads and fails", "it is killed", "it says 2 by itself")


def test_the_door_says_why_and_ends_with_2(quiet: Path) -> None:
    done = door(told("Bash", {"command": f"rm {LOG}"}, quiet), quiet)
    assert done.returncode == 2
    assert done.stderr.startswith("correctless guard: ")
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
    assert door(told("Bash", {"command": "ls"}, quiet), quiet).returncode == 0


def test_the_environments_own_python_is_taken_before_that_of_path(
    quiet: Path, tmp_path: Path, bare: Path
) -> None:
    top = tmp_path / "checkout"
    shutil.copytree(bare.parents[1], top)
    own = top / ".venv/bin/python"
    own.parent.mkdir(parents=True)
    own.write_text(f'#!/bin/sh\n: >{tmp_path}/taken\nexec {sys.executable} "$@"\n')
    own.chmod(0o755)
    done = door(told("Bash", {"command": f"rm {LOG}"}, quiet), quiet, broken(tmp_path, "it fails"), path=top / "scripts/guard")  # fmt: skip
    assert (done.returncode, "it is broken" in done.stderr) == (2, False)
    assert (tmp_path / "taken").exists()


@pytest.mark.parametrize("how", BROKEN)
def test_where_no_run_ever_was_a_broken_guard_stops_nothing(
    quiet: Path, tmp_path: Path, how: str, bare: Path
) -> None:
    env = broken(tmp_path, how)
    assert len(ORDINARY) >= 30
    for each in ORDINARY:
        done = door(told(each.tool, each.given, quiet), quiet, env, path=bare)
        assert done.returncode == 0, (each, done.stderr)


@pytest.mark.parametrize("how", BROKEN)
def test_in_an_agent_a_broken_guard_blocks_every_call(
    quiet: Path, tmp_path: Path, how: str, bare: Path
) -> None:
    done = door(told("Bash", {"command": "ls"}, quiet), quiet, {**broken(tmp_path, how), **AGENT}, path=bare)
    assert done.returncode == 2
    assert "it is broken" in done.stderr


def test_a_call_that_never_arrived_is_not_let_through_in_an_agent(quiet: Path) -> None:
    assert door(b"", quiet, AGENT).returncode == 2
    assert door(b'"tail of a call"}', quiet, AGENT).returncode == 2


@pytest.mark.parametrize("how", BROKEN)
def test_beside_a_run_a_broken_guard_blocks_what_names_something_of_it(
    under_way: Path, tmp_path: Path, how: str, bare: Path
) -> None:
    env = broken(tmp_path, how)
    below = under_way / "src"
    below.mkdir()
    done = door(told("Bash", {"command": f"rm ../{LOG}"}, below), below, env, path=bare)
    assert done.returncode == 2, done
    if "reads" not in how:  # what it has read is gone
        assert door(told("Bash", {"command": "ls"}, below), below, env, path=bare).returncode == 0


@pytest.mark.parametrize("name", [*NAMES, b".CORR", b"cor'rect'less", b"\\u0063"])
def test_beside_a_run_a_broken_guard_names_what_a_working_one_looks_for(
    under_way: Path, tmp_path: Path, name: bytes, bare: Path
) -> None:
    env = broken(tmp_path, "it fails")
    (tmp_path / "bin" / "tr").symlink_to(str(shutil.which("tr")))  # as on every machine
    said = told("Bash", {"command": f"echo x{name.decode()}x"}, under_way)
    assert door(said, under_way, env, path=bare).returncode == 2
    away = json.dumps({"transcript_path": "/home/ada/.claude/projects/x.jsonl", **json.loads(told("Bash", {"command": "ls"}, under_way))})  # fmt: skip
    assert door(away.encode(), under_way, env, path=bare).returncode == 0


def test_a_broken_guard_in_a_linked_worktree_looks_at_the_runs_of_the_main_one(
    under_way: Path, git: Git, tmp_path: Path, bare: Path
) -> None:
    git(under_way, "worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    env = broken(tmp_path, "it fails")
    call = told("Bash", {"command": "git push origin feature/x"}, tmp_path / "side")
    assert door(call, tmp_path / "side", env, path=bare).returncode == 2
    (under_way / RUN).unlink()
    assert door(call, tmp_path / "side", env, path=bare).returncode == 0


def test_an_interpreter_that_cant_be_started_is_passed_over(quiet: Path, tmp_path: Path) -> None:
    bad = tmp_path / "python"
    bad.write_text("#!/nowhere/python\n")
    bad.chmod(0o755)
    done = door(told("Bash", {"command": f"rm {LOG}"}, quiet), quiet, {"CORRECTLESS_GUARD_PYTHON": str(bad)})
    assert done.returncode == 2
    assert LOG in done.stderr


def test_a_guard_without_its_modules_is_a_broken_one(quiet: Path, tmp_path: Path) -> None:
    copy = tmp_path / "plugin" / "scripts" / "guard"
    copy.parent.mkdir(parents=True)
    shutil.copy(DOOR, copy)
    assert door(told("Bash", {"command": "ls"}, quiet), quiet, AGENT, copy).returncode == 2
    assert door(told("Bash", {"command": "ls"}, quiet), quiet, {}, copy).returncode == 0
    inside = tmp_path / "plugin" / "src" / "correctless" / "guard"
    inside.mkdir(parents=True)
    shutil.copy(ROOT / "src/correctless/guard/call.py", inside)
    # It can look at bytes, and not judge: what names something is denied.
    assert door(told("Bash", {"command": "ls"}, quiet), quiet, {}, copy).returncode == 0
    assert door(told("Bash", {"command": f"cat {LOG}"}, quiet), quiet, {}, copy).returncode == 2


def test_a_call_that_takes_too_long_to_judge_is_denied(quiet: Path, tmp_path: Path) -> None:
    copy = tmp_path / "plugin" / "scripts" / "guard"
    copy.parent.mkdir(parents=True)
    shutil.copy(DOOR, copy)
    inside = tmp_path / "plugin" / "src" / "correctless" / "guard"
    inside.mkdir(parents=True)
    text = (ROOT / "src/correctless/guard/call.py").read_text()
    assert text.count("_SECONDS = 15\n") == 1
    (inside / "call.py").write_text(text.replace("_SECONDS = 15\n", "_SECONDS = 1\n"))
    with subprocess.Popen(
        [copy], cwd=quiet, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as asked:  # a call that never comes to its end
        assert asked.wait(60) == 2
        assert asked.stderr is not None
        assert "it took too long to judge this call" in asked.stderr.read()


def test_the_guard_needs_nothing_newer_than_python_3_7() -> None:
    modules = sorted((ROOT / "src/correctless/guard").glob("*.py"))
    assert len(modules) >= 6
    for path in (*modules, ROOT / "src/correctless/__init__.py"):
        ast.parse(path.read_text(), feature_version=(3, 7))


def test_the_quick_look_imports_nothing_and_the_judgement_little(quiet: Path) -> None:
    def loaded(command: str) -> set[str]:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-X", "importtime", str(ROOT / "src/correctless/guard/call.py")],
            input=told("Bash", {"command": command}, quiet),
            capture_output=True,
            check=False,
        )
        return {line.rpartition("|")[2].strip() for line in done.stderr.decode().splitlines() if "|" in line}

    assert not loaded("pytest -q") & {"json", "re", "os", "correctless"}
    assert not loaded(f"cat {LOG}") & {
        "typing",
        "dataclasses",
        "subprocess",
        "hashlib",
        "pathlib",
        "contextlib",
    }


def test_a_backslash_u_takes_the_long_way(quiet: Path) -> None:
    hidden = (
        told("Bash", {"command": "rm .correctless/artifacts/x"}, quiet)
        .replace(b".correctless", b"\\u002ecorr\\u0065ctless")
        .replace(b"artifacts", b"\\u0061rtifacts")
    )
    assert door(hidden, quiet).returncode == 2


# -- the switch


def test_a_person_switches_it_off_in_a_terminal_and_an_agent_does_not(scratch_repo: Path, git: Git) -> None:
    project = Project(scratch_repo, git)
    refused = project.command("guard", "off")
    assert refused.returncode == exits.REFUSED
    assert "terminal" in refused.stderr
    call = told("Bash", {"command": f"rm {LOG}"}, project.top)
    code, shown = project.on_terminal("guard", "off", env={"CLAUDECODE": "1"})
    assert code == exits.REFUSED, shown
    assert door(call, project.top, project.env).returncode == 2
    code, shown = project.on_terminal("guard", "off")
    assert code == exits.OK, shown
    assert door(call, project.top, project.env).returncode == 0
    assert (
        door(call, project.top, {**project.env, **AGENT}).returncode == 2
    )  # nobody there who could be locked out
    assert json.loads(project.command("guard", "status", "--json").stdout)["on"] is False
    said = project.command("guard", "status").stdout
    assert ("\nwhen on    logs" in said, "\nalways" in said) == (True, False)
    assert project.command("guard", "on").returncode == exits.OK
    assert door(call, project.top, project.env).returncode == 2


@pytest.mark.parametrize(
    "env",
    [
        {},
        {"HOME": "/elsewhere"},
        {"XDG_STATE_HOME": "/elsewhere"},
        {"HOME": "/elsewhere", "XDG_STATE_HOME": "/elsewhere"},
    ],
)
def test_no_variable_moves_the_private_copies_out_of_the_guards_sight(
    quiet: Path, env: dict[str, str]
) -> None:
    home = pwd.getpwuid(os.getuid()).pw_dir.rstrip("/")
    for command in (
        f"rm -rf {home}/.local/state/correctless/heads",
        f"cp x {home}/.local/state/correctless/heads/a/b",
    ):
        data = told("Bash", {"command": command}, quiet)
        assert denial(data, env) is not None
