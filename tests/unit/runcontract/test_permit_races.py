"""Permits and budgets under races: however many processes ask at once, what may be had once is had once."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import contracts as c
import correctless
from correctless.base.clock import timestamp, utcnow
from correctless.cli.contract.session import token
from correctless.runcontract.act import permits
from correctless.runcontract.judge.authorize import authorize
from correctless.runcontract.ledger import store
from correctless.runcontract.ledger.actions import Action
from correctless.runcontract.ledger.case import CaseFacts
from correctless.runcontract.ledger.records import (
    Consume,
    EscalationRecord,
    Helper,
    Permit,
    Record,
    RepairAttempt,
    Revoke,
)
from correctless.runcontract.ledger.store import ContractFiles
from effort import examples

TEXT = c.LASTING
LAST = c.edited(("max_agents = 4", "max_agents = 1"), ("max_concurrent = 2", "max_concurrent = 1"), text=TEXT)
ONE = Action("spawn", agents=1, cost_usd=1, minutes=1)


def raced(work: Callable[[], object], processes: int = 2) -> list[str]:
    """What each of several forked processes got, all let go at one moment."""
    start_r, start_w = os.pipe()
    children = []
    for _ in range(processes):
        out_r, out_w = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                os.close(start_w)
                os.read(start_r, 1)  # until the parent closes it
                os.write(out_w, str(work()).encode())
            except BaseException as error:  # noqa: BLE001 a forked child says all it has to say by its pipe
                os.write(out_w, repr(error).encode())
            finally:
                os._exit(0)
        os.close(out_w)
        children.append((pid, out_r))
    time.sleep(0.001)
    os.close(start_r)
    os.close(start_w)
    said = []
    for pid, out_r in children:
        with open(out_r, "rb") as file:
            said.append(file.read().decode())
        os.waitpid(pid, 0)
    return said


def ask(at: ContractFiles, action: Action = ONE) -> str:
    return permits.ask(at, action, CaseFacts(), env=os.environ, clock=utcnow, token=token).verdict


def use(at: ContractFiles, id_: str) -> str:
    return (
        " ".join(clause.code for clause in permits.use(at, id_, ONE, {}, env=os.environ, clock=utcnow))
        or "used"
    )


def a_permit(text: str, id_: str) -> Permit:
    return Permit(id_, c.digest(text), ONE.fields(), "G4", timestamp(utcnow() + timedelta(seconds=50)))


def records(at: ContractFiles, kind: type[Record]) -> list[Any]:
    return [i.record for i in store.load(at, os.environ, utcnow()).log if isinstance(i.record, kind)]


@pytest.mark.campaign
def test_two_processes_that_use_one_permit_get_it_once(scratch_repo: Path) -> None:
    for number in range(500):
        at = c.place(scratch_repo, TEXT, a_permit(TEXT, "p1"), run=f"r{number}")
        assert sorted(raced(lambda at=at: use(at, "p1"))) == ["permit.used", "used"], number  # type: ignore[misc]
        assert len(records(at, Consume)) == 1


@pytest.mark.campaign
def test_two_processes_that_ask_for_the_last_helper_get_it_once(scratch_repo: Path) -> None:
    for number in range(500):
        at = c.place(scratch_repo, LAST, run=f"r{number}")
        assert sorted(raced(lambda at=at: ask(at))) == ["allow", "escalate"], number  # type: ignore[misc]
        assert len(records(at, Permit)) == 1


def test_a_few_processes_at_once_get_no_more_than_there_is(scratch_repo: Path) -> None:
    at = c.place(scratch_repo, LAST)
    assert sorted(raced(lambda: ask(at), 6)) == ["allow", *["escalate"] * 5]
    at = c.place(scratch_repo, TEXT, a_permit(TEXT, "p1"), run="r2")
    assert sorted(raced(lambda: use(at, "p1"), 6)) == [*["permit.used"] * 5, "used"]


@pytest.mark.campaign
def test_whole_commands_that_race_for_the_last_helper_get_it_once(scratch_repo: Path) -> None:
    words = [
        *correctless.itself(),
        "contract",
        "authorize",
        "spawn",
        "--agents",
        "1",
        "--cost-usd",
        "1",
        "--minutes",
        "1",
        "--json",
    ]
    for number in range(20):
        at = c.place(scratch_repo, LAST, run=f"r{number}")
        children = [
            subprocess.Popen(
                [*words, "--run", at.run], cwd=scratch_repo, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL
            )
            for _ in range(2)
        ]
        said = sorted(json.loads(child.communicate()[0])["verdict"] for child in children)
        assert said == ["allow", "escalate"]


def test_nothing_is_allowed_on_what_was_read_before_somebody_else_got_the_last(scratch_repo: Path) -> None:
    at = c.place(scratch_repo, LAST)
    kept = store.load(at, os.environ, utcnow())
    assert ask(at) == "allow"
    late = permits.ask(at, ONE, CaseFacts(), env=os.environ, clock=utcnow, token=token, snapshot=kept)
    assert (late.verdict, [clause.code for clause in late.clauses]) == ("escalate", ["budget.agents"])


def test_a_snapshot_with_what_was_added_is_what_is_read_anew(scratch_repo: Path) -> None:
    at = c.place(scratch_repo, TEXT)
    every: list[list[Record]] = [
        [a_permit(TEXT, "p1"), Consume("p1")],
        [EscalationRecord("E1-1", "E1", "x", "b", ("t",), "?", "r", ("spawn",))],
        [RepairAttempt("fix", "ü", "failed"), Helper("h1", "start", "p1"), Helper("h1", "end", "p1", 2)],
        [c.pin(c.digest(TEXT))],
        [],
        [Revoke("*", "Ada", "terminal")],
    ]
    for more in every:
        now = utcnow()
        added = store.add(store.load(at, os.environ, now), more, os.environ, now)
        assert added == store.load(at, os.environ, now)


@pytest.mark.parametrize("changed", ["contract", "pinned"])
@pytest.mark.parametrize("how", ["edited", "gone"])
def test_bytes_that_changed_while_facts_were_looked_up_are_read_again(
    changed: str, how: str, scratch_repo: Path
) -> None:
    at = c.place(scratch_repo, TEXT)
    snapshot = store.load(at, os.environ, utcnow())
    path = Path(getattr(at, changed))
    path.unlink()
    if how == "edited":
        path.write_text(TEXT + "\n")
    late = permits.ask(at, ONE, CaseFacts(), env=os.environ, clock=utcnow, token=token, snapshot=snapshot)
    assert late.verdict == "escalate" if changed == "pinned" else late.verdict != "allow"
    assert records(at, Permit) == []


def test_a_snapshot_is_judged_at_the_time_it_is_used(scratch_repo: Path) -> None:
    at = c.place(scratch_repo, TEXT, a_permit(TEXT, "p1"))
    snapshot = store.load(at, os.environ, utcnow())
    late = lambda: datetime(2100, 1, 1, tzinfo=UTC)  # noqa: E731 a clock
    asked = permits.ask(at, ONE, CaseFacts(), env=os.environ, clock=late, token=token, snapshot=snapshot)
    assert (asked.verdict, [clause.code for clause in asked.clauses]) == ("deny", ["state"])


def test_a_permit_is_good_once_for_its_action_and_not_for_long(scratch_repo: Path) -> None:
    at = c.place(scratch_repo, TEXT, a_permit(TEXT, "p1"), a_permit(TEXT, "p2"))
    late = lambda: utcnow() + timedelta(minutes=2)  # noqa: E731 a clock
    assert permits.use(at, "p1", ONE, {"head": "x"}, env=os.environ, clock=utcnow)[0].code == "permit.other"
    assert (
        permits.use(
            at, "p1", Action("spawn", agents=2, cost_usd=1, minutes=1), {}, env=os.environ, clock=utcnow
        )[0].code
        == "permit.other"
    )
    assert permits.use(at, "p1", ONE, {}, env=os.environ, clock=late)[0].code == "permit.expired"
    assert use(at, "nonesuch") == "permit.unknown"
    assert use(at, "p1") == "used"
    assert use(at, "p1") == "permit.used"
    Path(at.contract).write_text(TEXT + "\n")
    assert "permit.digest" in use(at, "p2")


def test_a_permit_is_not_good_after_a_freeze_or_a_revocation(scratch_repo: Path) -> None:
    changes: list[tuple[Record, str]] = [
        (EscalationRecord("E1-1", "E1", "x", "b", ("t",), "?", "r", ("spawn",)), "frozen.E1"),
        (Revoke("G4", "Ada", "terminal"), "answer.revoked"),
        (Revoke("*", "Ada", "terminal"), "state answer.revoked"),
    ]
    for number, (more, code) in enumerate(changes):
        at = c.place(scratch_repo, TEXT, a_permit(TEXT, "p1"), more, run=f"f{number}")
        assert use(at, "p1") == code


def test_a_permit_lives_at_most_a_minute(scratch_repo: Path) -> None:
    at = c.place(scratch_repo, TEXT)
    before = utcnow()
    found = permits.ask(at, ONE, CaseFacts(), env=os.environ, clock=utcnow, token=token)
    assert found.verdict == "allow"
    assert found.expires <= timestamp(utcnow() + timedelta(seconds=60))
    assert found.expires >= timestamp(before)
    assert [p.id for p in records(at, Permit)] == [found.permit]


@settings(
    deadline=None, max_examples=examples(150), suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.integers(0, 10**6), st.integers(1, 255), st.booleans())
def test_a_changed_byte_of_the_ledger_never_widens(
    scratch_repo: Path, at: int, change: int, cut: bool
) -> None:
    there = store.files_of(str(scratch_repo), "r1")
    if not Path(there.contract).exists():
        # What would widen if it were changed or gone stands at the end.
        of = c.digest(TEXT)
        c.place(
            scratch_repo,
            TEXT,
            c.yes("G1", "*", "412", of=of),
            Revoke("G2", "Ada", "terminal"),
            c.no("G4", of=of),
        )
    ledger = Path(there.ledger)
    whole = ledger.read_bytes()
    data = bytearray(whole)
    at %= len(data)
    data[at] ^= change
    ledger.write_bytes(bytes(data[:at]) if cut else bytes(data))
    try:
        now = utcnow()
        kept = store.load(there, os.environ, now)
        for action in (ONE, c.MERGE, c.FLIP):
            assert authorize(kept.case, action, c.facts(now), now).verdict != "allow"
    finally:
        ledger.write_bytes(whole)
