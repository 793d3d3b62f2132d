"""A run contract and what may stand on record of it, for tests: texts, records, facts, and cases of authorize made of them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import places
from correctless.base.clock import utcnow
from correctless.github.facts import Check, Known, PullFacts, Unknown
from correctless.runcontract.document import contract_file
from correctless.runcontract.judge.board import GateFacts
from correctless.runcontract.ledger import store
from correctless.runcontract.ledger.actions import Action
from correctless.runcontract.ledger.case import Case, CaseFacts
from correctless.runcontract.ledger.clause import Clause
from correctless.runcontract.ledger.records import (
    AskAnswer,
    Consume,
    FlipRecord,
    GateEvidence,
    LoggedRecord,
    Permit,
    Pin,
    Reaffirm,
    Record,
    Review,
    Rollback,
    Surfaced,
    Waiver,
    fields_of,
    logged,
)
from correctless.runcontract.ledger.state import Version, fold
from correctless.runcontract.ledger.store import ContractFiles

CASES = places.CASES / "runcontract"
TEXT = (CASES / "ok" / "full.md").read_text().replace("sessions-cutover", "r1", 1)
START = datetime(2026, 8, 3, 9, tzinfo=UTC)
NOW = START + timedelta(hours=1)
HEAD, BASE = "a" * 40, "b" * 40
REVISION = "c" * 40
SHA = "d" * 64
DIGEST = contract_file.digest_of(TEXT.encode())

MERGE, FLIP, SPAWN = (
    Action("merge", "412"),
    Action("flip", "F1"),
    Action("spawn", agents=2, cost_usd=5, minutes=30),
)
ROLLBACK = Action("rollback", "F1", trigger="T1")
ORDERED = Action("rollback", "F1", operator=True)


def edited(*pairs: tuple[str, str], text: str = TEXT) -> str:
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text


_versions: dict[str, Version] = {}


def version(text: str) -> Version:
    found = _versions.get(text)
    if found is None:
        read = contract_file.read(text.encode(), "contract.md")
        found = _versions[text] = Version(read.digest, read.contract)
    return found


def digest(text: str) -> str:
    return contract_file.digest_of(text.encode())


def log(records: Sequence[Record], start: datetime = START, step_s: float = 1) -> tuple[LoggedRecord, ...]:
    """The records as they are read back, a second apart."""
    return tuple(
        logged(number, fields_of(record, start + timedelta(seconds=number * step_s)))
        for number, record in enumerate(records, 1)
    )


def yes(grant: str, scope: str = "*", excluded: str = "", *, of: str = DIGEST) -> AskAnswer:
    return AskAnswer(
        of,
        grant,
        "granted",
        "Ada",
        "terminal",
        tuple(scope.split(",")),
        tuple(filter(None, excluded.split(","))),
    )


def no(grant: str, *, of: str = DIGEST) -> AskAnswer:
    return AskAnswer(of, grant, "refused", "Ada", "terminal")


def pin(of: str = DIGEST, gates: tuple[str, ...] = ("V1",)) -> Pin:
    return Pin(of, {"F1": gates, "F2": gates})


SURFACED = Surfaced(DIGEST)
GRANTED: tuple[Record, ...] = (SURFACED, yes("G1"), yes("G2"), yes("G3"), yes("G4"))
ACTIVE: tuple[Record, ...] = (*GRANTED, pin())
EVIDENCE = GateEvidence(
    "V1",
    "passed",
    DIGEST,
    REVISION,
    0,
    ("python3", "tools/compare.py"),
    "e" * 64,
    "reports/compare.json",
    SHA,
)
REVIEWED = Review(412, "data", HEAD, "grace", HEAD, True)
FLIPPED: tuple[Record, ...] = (FlipRecord("F1", "started"), FlipRecord("F1", "done"))
FIRED = Rollback("F1", "fired", "T1")


def reaffirm(
    constraint: str,
    action: Action,
    *,
    of: str = DIGEST,
    until: datetime = NOW + timedelta(hours=1),
    id_: str = "r1",
) -> Reaffirm:
    return Reaffirm(id_, of, constraint, action.fields(), until.isoformat(), "Ada", "terminal")


def waiver(*, of: str = DIGEST) -> Waiver:
    return Waiver(of, "tests", HEAD, 3, "Ada", "terminal")


def permit(
    action: Action,
    grant: str,
    *,
    id_: str = "p1",
    until: datetime = NOW + timedelta(seconds=30),
    reaffirmed: tuple[str, ...] = (),
    bound: dict[str, str] | None = None,
) -> Permit:
    return Permit(id_, DIGEST, action.fields(), grant, until.isoformat(), bound or {}, reaffirmed)


def pull(now: datetime = NOW, **changes: object) -> PullFacts:
    """A pull request that passes its bar."""

    def check(name: str, run: int) -> Check:
        return Check(
            name,
            "github-actions",
            "ci",
            "pull_request",
            run,
            "COMPLETED",
            "SUCCESS",
            now - timedelta(minutes=9),
        )

    good = PullFacts(
        repository=Known("github.com/acme/shop", now),
        number=Known(412, now),
        state=Known("OPEN", now),
        draft=Known(False, now),
        base=Known("main", now),
        base_sha=Known(BASE, now),
        head=Known(HEAD, now),
        head_since=Known(now - timedelta(minutes=10), now),
        mergeable=Known("MERGEABLE", now),
        merge_state=Known("CLEAN", now),
        author=Known("linus", now),
        auto_merge=Known(False, now),
        merge_queue=Known(False, now),
        checks=Known((check("tests", 1), check("lint", 2)), now),
        statuses=Known((), now),
        base_checks=Known((check("tests", 3),), now),
        base_statuses=Known((), now),
        threads=Known((), now),
        comments=Known((), now),
        all_pages=Known(True, now),
    )
    for name, value in changes.items():
        fact: Any = value if isinstance(value, Known | Unknown) else Known(value, now)
        good = replace(good, **{name: fact})
    return good


def red(now: datetime = NOW) -> PullFacts:
    """One whose check `tests` is red, as run 3 of it is on its base."""

    def failed(found: object) -> tuple[Check, ...]:
        assert isinstance(found, Known)
        return tuple(
            replace(each, conclusion="FAILURE") if each.name == "tests" else each for each in found.value
        )

    good = pull(now)
    return pull(now, checks=failed(good.checks), base_checks=failed(good.base_checks))


def here(now: datetime = NOW, revision: str = REVISION, sha: str = SHA) -> GateFacts:
    return GateFacts(Known(revision, now), {"reports/compare.json": Known(sha, now)})


def facts(now: datetime = NOW) -> CaseFacts:
    return CaseFacts(pull(now), here(now))


def case(
    records: Sequence[Record],
    *,
    text: str = TEXT,
    pinned: str | None = TEXT,
    now: datetime = NOW,
    faults: tuple[Clause, ...] = (),
) -> Case:
    """Everything `authorize` is given but the action, folded from these records."""
    stored = version(pinned) if pinned is not None else None
    return Case(version(text), stored, fold(log(records), version(text), stored, now), faults)


USED = Consume("p1")


def named(run: str, text: str = TEXT) -> str:
    """The text with this run's id: a contract is one of the run in whose folder it lies."""
    return text.replace('run_id = "r1"', f'run_id = "{run}"', 1)


def place(home: Path, text: str, *more: Record, run: str = "r1") -> ContractFiles:
    """An active contract, as its commands leave it."""
    given, text = digest(text), named(run, text)
    at = store.files_of(str(home), run)
    Path(at.contract).parent.mkdir(parents=True, exist_ok=True)
    Path(at.contract).write_text(text)
    of = digest(text)
    those: list[Any] = [*more]
    those = [replace(each, digest=of) if getattr(each, "digest", "") == given else each for each in those]
    records = [Surfaced(of), *(yes(g, of=of) for g in ("G1", "G2", "G3", "G4")), pin(of), *those]
    now = utcnow() - timedelta(seconds=1)
    store.add(store.load(at, os.environ, now), records, os.environ, now)
    store.pin_file(at, text.encode())
    return at


# Not ended yet, and no answer depends on a check.
LASTING = edited(
    ("not_after = 2026-08-07T18:00:00Z", "not_after = 2099-01-01T00:00:00Z"),
    ('check = "pairing"', "prompt_only = true"),
)
