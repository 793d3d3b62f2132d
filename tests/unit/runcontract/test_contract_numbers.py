"""No number, time or nesting in contract.md or its ledger ends a command unexpectedly, or blocks the way back of a flip."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

import contracts as c
from correctless.base.clock import utcnow
from correctless.runcontract.document import contract_file
from correctless.runcontract.judge.authorize import authorize
from correctless.runcontract.ledger import store
from correctless.runcontract.ledger.actions import Action, fault
from correctless.runcontract.ledger.records import fields_of, record_of
from correctless.syntax.strict_json import RecordError

NINES = "9" * 400
NUMBERS = (
    NINES, f"-{NINES}", "9" * 5000, "1e400", "-1e400", "inf", "nan", "-0.0", "0", "0.0", "5e-324", "1e-320", "0.009",
    f"0x{'f' * 400}", f"{NINES}.5", "1e15", "true", "9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00",
)  # fmt: skip
KEYS = re.findall(r"(?m)^(\w+) = (?:[0-9.]+|[0-9-]+T\S+)$", c.TEXT)
DEEP = {
    "array": f"prs = {'[' * 3000}{']' * 3000}",
    "table": f"prs = {'{a=' * 900}1{'}' * 900}",
    "dotted": f"prs.{'.'.join('a' * 1900)} = 1",
    "dotted and long": f"prs.{'.'.join('a' * 20000)} = 1",
    "many": f"prs = [{','.join(['1'] * 60000)}]",
}


def with_value(key: str, value: str) -> str:
    return re.sub(rf"(?m)^{key} = .*$", f"{key} = {value}", c.TEXT, count=1)


def edits() -> list[str]:
    found = [with_value(key, number) for key in dict.fromkeys(KEYS) for number in NUMBERS]
    found += [re.sub(r"(?m)^prs = .*$", value, c.TEXT, count=1) for value in DEEP.values()]
    found += [with_value("max_age", f'"{number}h"') for number in NUMBERS]
    return found


def test_the_keys_that_hold_numbers_are_all_tried() -> None:
    assert {"schema", "started", "not_after", "max_cost_usd", "max_agents", "threshold", "announce_s"} <= set(
        KEYS
    )


def test_no_number_is_unexpected_to_the_reader() -> None:
    for text in edits():
        found = contract_file.read(text.encode(), "contract.md")
        assert found.contract is not None or found.findings


@pytest.mark.parametrize(
    "value", [NINES, f"-{NINES}", "5e-324", "1e-320", "0.009", "0", "inf", "nan", "1e400"]
)
def test_what_is_no_amount_of_money_is_a_fault_at_its_place(value: str) -> None:
    text = with_value("max_cost_usd", value)
    [fault] = contract_file.read(text.encode(), "contract.md").findings
    assert "'max_cost_usd' has another form. write an amount from 0.01" in fault.message
    assert text.split("\n")[fault.line - 1] == f"max_cost_usd = {value}"


def test_no_edit_of_the_contract_blocks_the_way_back(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    at = c.place(tmp_path, c.TEXT, *c.FLIPPED, c.FIRED)
    now = utcnow()
    for text in edits():
        Path(at.contract).write_text(text)
        case = store.load(at, os.environ, now).case
        found = authorize(case, c.ROLLBACK, c.facts(now), now)
        assert found.verdict == "allow", found


@pytest.mark.parametrize("cost", [10**400, -(10**400), 5e-324, 0.009, 0.0, float("inf"), float("nan")])
def test_a_cost_that_is_none_is_no_action_and_no_record(cost: float) -> None:
    values = {"kind": "spawn", "agents": 2, "cost_usd": cost, "minutes": 3}
    try:
        action = Action.of(values)
    except RecordError:
        return
    assert fault(action) == f"an amount of {cost}"


@pytest.mark.parametrize(("agents", "minutes"), [(10**400, 3), (10**10, 3), (2, 10**400)])
def test_a_count_without_an_end_is_no_action(agents: int, minutes: int) -> None:
    assert fault(Action("spawn", agents=agents, cost_usd=1, minutes=minutes))


def test_a_time_that_no_clock_can_be_held_against_is_no_time_of_a_record() -> None:
    with pytest.raises(RecordError):
        record_of(
            fields_of(c.permit(c.SPAWN, "G4", until=c.NOW), c.NOW) | {"expires": "9999-12-31T23:59:59-12:00"}
        )
