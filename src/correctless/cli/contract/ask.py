"""Contract commands that an agent asks with.

They are pin, status, authorize, merge and board. A permit is recorded before it is printed.
"""

from __future__ import annotations

import os
from typing import Any

import click

from correctless.base import exits
from correctless.base.clock import utcnow
from correctless.base.exits import Stop
from correctless.base.files import replace_file
from correctless.base.text import counted
from correctless.cli.contract import plain_authorize
from correctless.cli.contract.options import run_option
from correctless.cli.contract.session import clause_values, echo, echo_json, open_session, token
from correctless.cli.values import ANY, COUNT, json_option
from correctless.runcontract.act.permits import Decided
from correctless.runcontract.document import contract_file
from correctless.runcontract.ledger import store
from correctless.runcontract.ledger.actions import Action
from correctless.runcontract.ledger.case import DENY
from correctless.runcontract.ledger.records import ALL, Pin, Record
from correctless.runcontract.ledger.store import ContractSnapshot

_BEFORE_PIN = {
    "draft": "Show it to the operator first: correctless contract surface",
    "surfaced": "Answer an ask first: correctless contract answer ID --granted",
}


@click.command(epilog="Example: correctless contract pin")
@run_option
def pin(run_id: str | None) -> int:
    """Store a copy of the granted text and enforce it."""
    session = open_session(run_id)

    def make(snapshot: ContractSnapshot) -> list[Record]:
        state, document = snapshot.case.state, snapshot.case.current
        if document.contract is None or state.phase in ("draft", "surfaced", "closed", "void", "expired"):
            why = f": {state.why}" if state.why else ""
            raise Stop(
                exits.PERSON,
                f"the contract is {state.phase}{why}. {_BEFORE_PIN.get(state.phase, 'Draft another: correctless contract new')}",
            )
        if not state.answers.granted:
            raise Stop(
                exits.PERSON,
                "nothing was granted, so there is nothing to pin. Grant an ask: correctless contract answer ID --granted",
            )
        if state.pin_live and state.pinned == document.digest:
            return []
        return [Pin(document.digest, {flip.id: flip.gates for flip in document.contract.flips.flip})]

    snapshot = session.add(make)
    data = store.bytes_of(session.place.contract) or b""
    if contract_file.digest_of(data) != snapshot.case.state.pinned:
        raise Stop(exits.REFUSED, "contract.md changed while it was being pinned. Restore it, then pin again")
    store.pin_file(session.place, data)
    echo(
        f"{session.place.run} is active, pinned at {snapshot.case.state.pinned[:12]} (assurance: {store.assurance(snapshot)})"
    )
    return exits.OK


@click.command(epilog="Example: correctless contract status --json")
@run_option
@json_option
def status(run_id: str | None, as_json: bool) -> int:
    """Show the state of the run.

    Shows state, answers, budgets, flips and open escalations. Exit 3 when this cannot be checked.
    """
    session = open_session(run_id)
    snapshot = session.load()
    values = _status(snapshot)
    if as_json:
        echo_json(values)
    else:
        _say_status(values)
    return exits.REFUSED if snapshot.case.faults else exits.OK


def _status(snapshot: ContractSnapshot) -> dict[str, Any]:
    state, contract = snapshot.case.state, snapshot.case.current.contract
    now = utcnow()
    asks: list[dict[str, Any]] = []
    for grant in contract.grants.grant if contract is not None else ():
        granted = state.answers.granted.get(grant.id)
        answer = "refused" if grant.id in state.answers.answered else "not answered"
        answer = "revoked" if grant.id in state.answers.revoked else answer
        asks.append(
            {
                "id": grant.id,
                "action": grant.action,
                "answer": "granted" if granted is not None else answer,
                "scope": list(granted.scope) if granted else [],
                "items": list(granted.items) if granted else [],
            }
        )
        if grant.action == "spawn":
            spent = state.counters.spent(grant.id, now)
            asks[-1]["used"] = {
                "agents": spent.agents,
                "running": spent.running,
                "cost_usd": None if spent.cost_usd == float("inf") else spent.cost_usd,
            }
    return {
        "run": snapshot.files.run,
        "state": state.phase,
        "why": state.why,
        "frozen": bool(state.open),
        "digest": snapshot.case.current.digest,
        "pinned": state.pinned if state.pin_live else "",
        "not_after": contract.run.not_after.isoformat() if contract is not None else "",
        "assurance": store.assurance(snapshot),
        "asks": asks,
        "excluded": sorted(f"{action}:{item}" for action, item in state.answers.excluded),
        "flips": {id_: flip.phase or "not executed" for id_, flip in state.flips.items()},
        "failed": {f"{what}: {symptom}": n for (what, symptom), n in state.counters.failed.items() if n},
        "escalations": [
            {
                "id": o.id,
                "condition": o.condition,
                "target": o.target,
                "decision_needed": o.decision_needed,
                "freezes": list(o.freezes),
            }
            for o in state.open
        ],
        "faults": [clause_values(clause) for clause in snapshot.case.faults],
    }


def _say_status(values: dict[str, Any]) -> None:
    why = f" ({values['why']})" if values["why"] else ""
    echo(
        f"{values['run']}: {values['state']}{why}{', frozen' if values['frozen'] else ''}, digest {values['digest'][:12] or '-'}"
    )
    until = f", until {values['not_after']}" if values["not_after"] else ""
    echo(f"assurance: {values['assurance']}{until}")
    for ask in values["asks"]:
        items = ", ".join("any pull request" if item == ALL else item for item in ask["items"])
        echo(f"  {ask['id']} {ask['action']}: {ask['answer']}{f' ({items})' if items else ''}")
        if used := ask.get("used"):
            cost = "all" if used["cost_usd"] is None else f"{used['cost_usd']:.2f} USD"
            echo(f"    used: {counted(used['agents'], 'helper')}, {used['running']} running, {cost}")
    if values["excluded"]:
        echo(f"  excluded: {', '.join(values['excluded'])}")
    for id_, phase in values["flips"].items():
        echo(f"  flip {id_}: {phase}")
    for failed, count in values["failed"].items():
        echo(f"  failed {failed}: {count} in a row")
    for each in values["escalations"]:
        echo(f"  open {each['id']} ({each['target']}): {each['decision_needed']}")
        echo(f"    answer it: correctless contract answer --escalation {each['id']}")
    for clause in values["faults"]:
        echo(f"  {clause['code']}: {clause['found']}. needed: {clause['needed']}")


@click.command(epilog="Example: correctless contract authorize merge --pr 412")
@click.argument("kind")
@click.argument("target", required=False, default="")
@click.option("--pr", metavar="NUMBER", help="The pull request of a merge.")
@click.option("--flag", "flags", multiple=True, help="A flag of the merge.")
@click.option("--head", default="", metavar="SHA", help="Merge only at this commit.")
@click.option("--trigger", default="", help="The trigger that fired, for a rollback.")
@click.option("--operator", is_flag=True, help="You order this rollback yourself, in your terminal.")
@click.option("--agents", type=COUNT, default=0, help="How many helpers.")
@click.option("--cost-usd", type=ANY, help="What each of them may cost; default: all that is left.")
@click.option("--minutes", type=COUNT, help="How long each of them may run.")
@run_option
@json_option
def authorize(**parameters: Any) -> int:
    """Ask whether an action is allowed now.

    Exit 0: yes, once, within 60 s; 1: no; 10: needs a human decision; anything else is a no.

    KIND is merge --pr N, flip ID, rollback ID --trigger ID (or --operator), spawn --agents N, or other NAME.
    """
    return plain_authorize.answer(**parameters)


@click.command(epilog="Example: correctless contract merge 412")
@click.argument("number")
@click.option(
    "--head", default="", metavar="SHA", help="Merge only at this commit; default: the current head."
)
@run_option
def merge(number: str, head: str, run_id: str | None) -> int:
    """Merge a pull request if the contract allows it now.

    Merges exactly the head that was checked.

    Exit 1: not merged; 10: needs your review.
    """
    from correctless.runcontract.act import authorized_merge, merging

    session = open_session(run_id)
    action = Action("merge", number, head=head)
    outcome = authorized_merge.merge(
        session.place, session.repo, action, env=os.environ, clock=utcnow, token=token
    )
    match outcome:
        case merging.MergedAt():
            echo(f"merged {number} at {outcome.head} as {outcome.commit}")
            return exits.OK
        case merging.MergeUnknown():
            message = f"{number} may have been merged: {outcome.why}. Look at it before you do anything else"
            raise Stop(exits.PERSON, message)
        case merging.MergeRefused():
            outcome = Decided(DENY, outcome.clauses)
    plain_authorize.print_decision(action, outcome)
    return plain_authorize.CODES[outcome.verdict]


@click.command(epilog="Example: correctless contract board")
@run_option
@json_option
def board(run_id: str | None, as_json: bool) -> int:
    """Show the gates with their colours, computed now.

    Also writes board.md. Exit 1 unless all are GREEN.
    """
    from correctless.runcontract.judge import board as lights
    from correctless.runcontract.judge import gate_check

    session = open_session(run_id)
    snapshot = session.load_valid()
    contract = snapshot.case.current.contract
    if contract is None:
        raise Stop(exits.REFUSED, "contract.md has faults or gaps. See correctless contract lint")
    now = utcnow()
    gates = lights.lights(
        contract, snapshot.case.state.evidence, gate_check.facts(contract, session.repo, utcnow), now
    )
    replace_file(session.place.board, lights.markdown(contract, gates, now).encode())
    if as_json:
        echo_json(
            [
                {
                    "gate": each.gate,
                    "colour": each.colour,
                    "reasons": list(each.reasons),
                    "at": each.at.isoformat() if each.at else None,
                }
                for each in gates
            ]
        )
    else:
        names = {gate.id: gate.name for gate in contract.gates.gate}
        if not gates:
            echo(f"the contract {session.place.run} has no gates")
        for each in gates:
            colour = {"GREEN": "green", "AMBER": "yellow"}.get(each.colour, "red")
            click.secho(f"{each.colour:<5}", fg=colour, nl=False)
            echo(f"  {each.gate}  {names[each.gate]}{': ' + '; '.join(each.reasons) if each.reasons else ''}")
    return exits.OK if all(each.colour == lights.GREEN for each in gates) else exits.FINDINGS
