"""A run log that somebody wrote anew, chain and all, with one field otherwise: each command says which line can't be, and no more."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from correctless.base import exits
from correctless.cli import main
from correctless.ledger.chain import EMPTY, Head, seal
from correctless.ledger.record import decode
from correctless.runlog.events import logged
from correctless.runlog.fold import checked_state
from correctless.runlog.state import State
from correctless.syntax.strict_json import RecordError
from places import CASES
from project import Project

GOLDEN = CASES / "releases/0.1.0/logs"
ODD: tuple[Any, ...] = (
    None, 0, -1, True, 1.5, "", "x", "\0", "a\nb", "a\x7f", "\ud800", [], [1], [None], ["\0"], {}, {"a": 1}, {"\0": "x"},
    10**30, 10**400, "../../x", "2026-13-99T99:99:99Z",
)  # fmt: skip
COMMANDS = (
    ["gate"],
    ["cauto", "status"],
    ["review", "--json"],
    ["decisions", "summary"],
    ["audit-run"],
    ["cauto", "resume"],
)


def entries(path: Path) -> list[dict[str, Any]]:
    found = [decode(line) for line in path.read_bytes().splitlines()]
    return [{key: value for key, value in each.items() if key not in ("seq", "prev")} for each in found]


def write(path: Path, many: list[dict[str, Any]]) -> None:
    head, made = EMPTY, b""
    for fields in many:
        entry = seal(fields, head)
        head, made = Head(entry.seq, entry.head), made + entry.line + b"\n"
    path.write_bytes(made)


def first(kind: str) -> Callable[[list[dict[str, Any]]], dict[str, Any]]:
    return lambda many: next(each for each in many if each["event"] == kind)


CHANGES: dict[str, tuple[str, str, Any]] = {
    "a digest of another type": ("gate_closed", "digest", {}),
    "entries of another type": ("gate_closed", "entries", True),
    "inherited of another type": ("gate_closed", "inherited", [1]),
    "a challenge of another type": ("gate_closed", "challenge", 3),
    "a remote with a NUL": ("run_started", "plan.remote", "\0"),
    "a spec with a NUL": ("run_started", "plan.spec", "\0"),
    "a spec that no disk can have": ("run_started", "plan.spec", "docs/\ud800"),
    "a branch with a line end": ("run_started", "plan.branch", "feature/x\n"),
    "a command with a NUL": ("run_started", "plan.pr", ["gh", "\0"]),
    "a number without an end": ("agent_ended", "seconds", 10**400),
    "a step that is not its": ("agent_ended", "step", "x"),
    "another run": ("step_started", "run", "x"),
    "an attempt before the first": ("step_started", "attempt", -1),
}


@pytest.mark.parametrize("name", CHANGES)
def test_one_value_that_can_not_be_is_told_with_file_and_line(
    ran: Project, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    kind, key, value = CHANGES[name]
    log = Path(ran.logs.run)
    many = entries(log)
    changed = first(kind)(many)
    number = many.index(changed) + 1
    place, _, last = key.rpartition(".")
    (changed[place] if place else changed)[last] = value
    write(log, many)
    for words in COMMANDS:
        code = main(words)
        said = capsys.readouterr()
        assert "unexpected" not in said.err + said.out, (words, said.err)
        if words in (["cauto", "status"], ["decisions", "summary"]):
            assert code == exits.REFUSED
            lines = [f"{log}:{n}:" in said.err for n in range(number, len(many) + 1)]
            assert any(lines), said.err
        assert code != exits.OK or words == ["audit-run"]  # which says what it could not prove


def test_an_untouched_log_is_told_of_by_all(ran: Project) -> None:
    write(Path(ran.logs.run), entries(Path(ran.logs.run)))
    assert [main(words) for words in COMMANDS[:4]] == [exits.PERSON, exits.OK, exits.PERSON, exits.OK]


def test_no_value_of_any_field_is_unexpected_to_the_reader() -> None:
    [path] = GOLDEN.glob("pipeline-*.jsonl")
    many = [decode(line) for line in path.read_bytes().splitlines()]
    for entry in many:
        plan = [("plan", key) for key in entry.get("plan", {})]
        for keys in [(key,) for key in entry] + plan:
            for odd in ODD:
                changed = json.loads(json.dumps(entry))
                (changed[keys[0]] if len(keys) == 2 else changed)[keys[-1]] = odd
                with suppress(RecordError):
                    logged(changed)


def test_events_that_can_not_follow_each_other_are_told_by_their_line() -> None:
    [path] = GOLDEN.glob("pipeline-*.jsonl")
    events = [logged(decode(line)) for line in path.read_bytes().splitlines()]
    with pytest.raises(exits.Stop, match=r"^LOG:2: it can't follow the lines before it") as stopped:
        checked_state("LOG", [events[0], events[0]])
    assert stopped.value.code == exits.REFUSED
    with pytest.raises(exits.Stop, match=r"^LOG:8: "):
        checked_state("LOG", [events[1]], State(), behind=7)
