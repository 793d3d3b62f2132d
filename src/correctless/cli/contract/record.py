"""Contract commands that record what happened.

They are evidence, escalate, record, helper and review add.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeVar

import click

from correctless.base import exits
from correctless.base.clock import utcnow
from correctless.base.exits import Stop
from correctless.base.process.process import Result
from correctless.base.text import hidden
from correctless.cli import check_output
from correctless.cli.contract.options import run_option
from correctless.cli.contract.session import echo, echo_json, open_session, token, warn
from correctless.cli.values import ANY, MOST, NAME, json_option
from correctless.github.facts import Known
from correctless.project import git
from correctless.project.worktree import snapshot as worktree_snapshot
from correctless.runcontract.document.sections import Contract, Escalation, Gate
from correctless.runcontract.judge import gate_check
from correctless.runcontract.ledger.actions import Action
from correctless.runcontract.ledger.counters import folded
from correctless.runcontract.ledger.records import (
    EscalationRecord,
    GateEvidence,
    Helper,
    Record,
    RepairAttempt,
    Review,
)
from correctless.runcontract.ledger.store import ContractSnapshot

_LONGEST = 2000
_Entry = TypeVar("_Entry", Gate, Escalation)


@click.command(epilog="Example: correctless contract evidence V1")
@click.argument("gate")
@click.option("--claim", metavar="TEXT", help="Record a result without a check; at best AMBER.")
@run_option
def evidence(gate: str, claim: str | None, run_id: str | None) -> int:
    """Run a gate's check and record the result.

    The check runs here or in its own checkout. Exit 1 unless it passed.
    """
    session = open_session(run_id)
    snapshot = session.load_valid()
    contract = _contract(snapshot)
    entry = _named("gate", contract.gates.gate, gate)
    digest = snapshot.case.current.digest
    ran: list[tuple[Sequence[str], Result]] = []
    if claim is not None:
        revision = gate_check.facts(contract, session.repo, utcnow).revision
        sha = revision.value if isinstance(revision, Known) else ""
        record = GateEvidence(entry.id, "claimed", digest, sha, note=_checked_line("--claim", claim))
    else:
        if snapshot.case.state.pin_live and digest != snapshot.case.state.pinned:
            raise Stop(
                exits.REFUSED, "contract.md is not what was granted, so its checks are not run. Restore it"
            )
        record = gate_check.run(
            entry, contract, session.repo, digest, os.environ, utcnow, warn, lambda *each: ran.append(each)
        )
    session.add(lambda _: [record])
    echo(f"{entry.id}: {record.result}{f' ({record.note})' if record.note else ''}")
    if ran:
        output = check_output.save(session.place, entry.id, ran)
        if record.result != "passed":
            for line in (*check_output.lines(ran), f"  full output: {os.path.relpath(output)}"):
                echo(line)
    return exits.OK if record.result == "passed" else exits.FINDINGS


@click.command(
    epilog="Example: correctless contract escalate E2 --target 412 --blocked ... --tried ... --decision-needed ... --recommend ..."
)
@click.argument("condition")
@click.option("--target", required=True, help="What it is about.")
@click.option("--blocked", required=True, help="What is blocked.")
@click.option("--tried", required=True, multiple=True, help="What was tried; repeat for each.")
@click.option("--decision-needed", required=True, help="One line that the operator can answer.")
@click.option("--recommend", required=True, help="What you would do.")
@run_option
def escalate(
    condition: str,
    target: str,
    blocked: str,
    tried: tuple[str, ...],
    decision_needed: str,
    recommend: str,
    run_id: str | None,
) -> int:
    """Ask the operator a question.

    It freezes the actions that its condition names until they answer it. Exit 10.
    """
    session = open_session(run_id)
    required = {
        "--target": target,
        "--blocked": blocked,
        "--decision-needed": decision_needed,
        "--recommend": recommend,
    }
    texts = {name: _checked_line(name, text) for name, text in required.items()}
    steps = tuple(_checked_line("--tried", text) for text in tried)
    opened: list[str] = []

    def make(snapshot: ContractSnapshot) -> list[Record]:
        contract = _contract(snapshot)
        escalation = _named("condition", contract.escalations.escalation, condition)
        same = next(
            (
                o
                for o in snapshot.case.state.open
                if o.condition == condition and folded(o.target) == folded(target)
            ),
            None,
        )
        opened[:] = [same.id if same is not None else f"{condition}-{token()[:8]}"]
        if same is not None:
            return []
        return [
            EscalationRecord(
                opened[0], condition, texts["--target"], texts["--blocked"], steps, texts["--decision-needed"],
                texts["--recommend"], escalation.freezes,
            )
        ]  # fmt: skip

    session.add(make)
    echo(
        f"{opened[0]} is open. The operator answers it: correctless contract answer --escalation {opened[0]}"
    )
    return exits.PERSON


@click.command(
    epilog="Example: correctless contract record fix --symptom 'time-outs at login' --result failed"
)
@click.argument("what", type=click.Choice(["fix", "deploy"]))
@click.option("--symptom", required=True, help="The symptom it was for.")
@click.option("--result", required=True, type=click.Choice(["ok", "failed"]))
@click.option("--diagnostic", is_flag=True, help="It was to find something out, not to fix it: not counted.")
@run_option
def record(what: str, symptom: str, result: str, diagnostic: bool, run_id: str | None) -> int:
    """Record that a fix or a deploy was tried.

    Two failures for one symptom stop the actions that the contract names.
    """
    session = open_session(run_id)
    attempt = RepairAttempt(what, _checked_line("--symptom", symptom), result, diagnostic)
    snapshot = session.add(lambda _: [attempt])
    count = snapshot.case.state.counters.failed.get((what, folded(symptom)), 0)
    echo(f"{what}: {result}, {count} failed in a row")
    for each in snapshot.case.state.open:
        echo(f"open {each.id}: {each.decision_needed}")
    return exits.OK


@click.command(epilog="Example: correctless contract helper start h1 --permit 5f0c6a1e2b3d4c55")
@click.argument("phase", type=click.Choice(["start", "end"]))
@click.argument("id_", metavar="ID")
@click.option("--permit", default="", help="The permit from authorize spawn; needed to start.")
@click.option("--cost", type=ANY, help="What it cost in USD; default: all that is left.")
@run_option
def helper(phase: str, id_: str, permit: str, cost: float | None, run_id: str | None) -> int:
    """Record that a helper starts or has ended.

    A start uses up one helper of its permit. Exit 1 when it may not start.
    """
    session = open_session(run_id)
    name = _checked_line("ID", id_)

    def make(snapshot: ContractSnapshot) -> list[Record]:
        counters = snapshot.case.state.counters
        if phase == "end":
            if name not in counters.helpers:
                raise Stop(exits.USAGE, f"no helper '{name}' is running. See correctless contract status")
            return [Helper(name, "end", "", cost)]
        issued = snapshot.case.state.permits.get(permit)
        ended = [helper for helpers in counters.ended.values() for helper, _ in helpers]
        if name in counters.helpers or name in ended:
            raise Stop(exits.USAGE, f"a helper '{name}' exists already. Use another id")
        used = sum(named == permit for named in counters.helpers.values()) + len(
            counters.ended.get(permit, ())
        )
        fault = ""
        if issued is None or Action.of(issued.permit.action).kind != "spawn":
            fault = f"'{permit}' is not a permit to start a helper. Ask for one"
        elif utcnow() >= issued.expires:
            fault = "the permit has expired. Ask for another"
        elif used >= Action.of(issued.permit.action).agents:
            fault = "the permit is used up. Ask for another"
        if fault:
            raise Stop(exits.FINDINGS, f"{fault}: correctless contract authorize spawn")
        return [Helper(name, "start", permit)]

    session.add(make)
    echo(f"helper {name}: {phase}")
    return exits.OK


@click.group()
def review() -> None:
    """Records of who reviewed a pull request."""


@review.command(
    "add",
    epilog="Example: correctless contract review add --pr 412 --area data --by Grace --worktree ../r412",
)
@click.option("--pr", required=True, type=click.IntRange(1, MOST), help="The pull request.")
@click.option("--area", required=True, help="The area of the merge bar.")
@click.option("--by", required=True, type=NAME, help="The reviewer's account; not the author's.")
@click.option(
    "--worktree",
    required=True,
    type=click.Path(),
    help="The worktree of the review: its commit is what was reviewed.",
)
@click.option("--note", default="", help="Text recorded with it.")
@run_option
@json_option
def review_add(
    pr: int, area: str, by: str, worktree: str, note: str, run_id: str | None, as_json: bool
) -> int:
    """Record a review of the commit of a worktree, and whether it is clean."""
    session = open_session(run_id)
    if folded(by) == folded(_contract(session.load_valid()).run.agent):
        # The reviewer must not be the author, and the agent is the author of all its pull requests.
        raise Stop(exits.REFUSED, f"{by} is the contract's agent. Name another reviewer")
    areas = dict.fromkeys(
        each.area for bar in _contract(session.load_valid()).merge_bar.bar for each in bar.review
    )
    if area not in areas:
        raise Stop(exits.USAGE, f"no area '{area}' found. Write one of: {', '.join(areas) or 'none'}")
    if not os.path.isdir(worktree):
        raise Stop(exits.REFUSED, f"no folder {worktree} found. Name the worktree of the review")
    reviewed = git.find(worktree)
    if reviewed.common_dir != session.repo.common_dir:
        raise Stop(
            exits.REFUSED, f"{worktree} is a worktree of another repository. Name one of this repository"
        )
    if not reviewed.has_commit():
        raise Stop(exits.REFUSED, f"{worktree} has no commit. Check out the head of the pull request")
    state = worktree_snapshot(reviewed)
    head, clean = state.commit, not state.faults[0]
    review_record = Review(
        pr, _checked_line("--area", area), head, _checked_line("--by", by), head, clean, note
    )
    session.add(lambda _: [review_record])
    if as_json:
        echo_json({"pr": pr, "area": area, "head": head, "by": by, "worktree_clean": clean})
    else:
        echo(f"review of {area} at {head[:12]} by {by}{'' if clean else ', from a worktree with changes'}")
    return exits.OK


def _contract(snapshot: ContractSnapshot) -> Contract:
    contract = snapshot.case.current.contract
    if contract is None:
        raise Stop(
            exits.REFUSED,
            "contract.md has faults or gaps, or is not the granted one. See correctless contract lint",
        )
    return contract


def _named(kind: str, entries: Sequence[_Entry], id_: str) -> _Entry:
    for entry in entries:
        if entry.id == id_:
            return entry
    names = ", ".join(entry.id for entry in entries) or "none"
    raise Stop(exits.USAGE, f"no {kind} '{id_}' found. Write one of: {names}")


def _checked_line(name: str, text: str) -> str:
    bare = text.strip()
    if not bare or len(bare) > _LONGEST or "\n" in bare or hidden(bare) is not None:
        raise Stop(exits.USAGE, f"{name} must be one line of visible text, at most {_LONGEST} characters")
    return bare
