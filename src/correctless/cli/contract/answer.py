"""Contract commands that you answer with.

They are answer, revoke, reaffirm, waive and close. Inside an agent they refuse, except for signed texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import click

from correctless.base import exits
from correctless.base.clock import timestamp, utcnow
from correctless.base.exits import Stop
from correctless.cli import answering
from correctless.cli.contract.options import ask_for_digest, run_option
from correctless.cli.contract.session import ContractSession, answerable, echo, open_session, token
from correctless.cli.contract.words import check_statement, record_statement, statement_options
from correctless.cli.values import as_option
from correctless.runcontract.ledger import store
from correctless.runcontract.ledger.actions import Action
from correctless.runcontract.ledger.answers import granted_items
from correctless.runcontract.ledger.exceptions import LONGEST
from correctless.runcontract.ledger.records import (
    ALL,
    AskAnswer,
    Close,
    EscalationAnswer,
    Reaffirm,
    Record,
    Revoke,
    Waiver,
)
from correctless.runcontract.ledger.store import ContractSnapshot


@click.command(epilog="Example: correctless contract answer G1 --scope 411,412 --except 415")
@click.argument("grant", required=False)
@click.option("--granted", is_flag=True, help="Yes to the ask, or to the part that --scope names.")
@click.option("--refused", is_flag=True, help="No.")
@click.option("--scope", metavar="ITEMS", help="Only these: numbers, flips, or limits as in max_agents=2.")
@click.option("--except", "excluded", metavar="ITEMS", help="Not these, even if `*` is granted later.")
@click.option("--escalation", metavar="ID", help="Answer an escalation instead; --note says what to do.")
@click.option("--note", default="", help="Text recorded with the answer.")
@statement_options
def answer(
    session: ContractSession,
    who: str,
    grant: str | None,
    granted: bool,
    refused: bool,
    scope: str | None,
    excluded: str | None,
    escalation: str | None,
    note: str,
) -> int:
    """Answer one ask of the contract.

    The answer is granted, granted in part, or refused, for exactly the current text.
    """
    if escalation is not None:
        return _answer_escalation(session, escalation, note, who)
    granted = granted or scope is not None or excluded is not None
    if grant is None or granted == refused:
        raise click.UsageError("name one ask, and either --granted (or --scope, --except) or --refused")
    snapshot = session.load_valid()
    verdict = "refused" if refused else "granted"
    items, without = _items_of(scope) or (ALL,), _items_of(excluded)
    record = AskAnswer(snapshot.case.current.digest, grant, verdict, who, "terminal", items, without, note)
    check_statement(record, snapshot)
    ask = next(each for each in answerable(snapshot).grants.grant if each.id == grant)
    echo(f"{ask.id} ({ask.action}): {ask.ask}")
    given = granted_items(ask, items, without)
    echo(
        f"answer: {verdict}{'' if refused else f': {_spelled(given)}'}{f', not {_spelled(without)}' if without else ''}"
    )
    ask_for_digest(record.digest, "give this answer for exactly these bytes")
    return record_statement(session, record)


def _spelled(items: Sequence[str]) -> str:
    return ", ".join("any pull request" if item == ALL else item for item in items)


def _items_of(text: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())


def _answer_escalation(session: ContractSession, escalation: str, note: str, who: str) -> int:
    snapshot = session.load_valid()
    check_statement(EscalationAnswer(escalation, note or "-", who, "terminal"), snapshot)
    question = next(each for each in snapshot.case.state.open if each.id == escalation)
    echo(f"{question.id} ({question.target}): {question.decision_needed}")
    decision = note or click.prompt("Your decision", default="", show_default=False)
    return record_statement(session, EscalationAnswer(escalation, decision, who, "terminal"))


@click.command(epilog="Example: correctless contract revoke G1")
@click.argument("grant", required=False)
@click.option("--all", "everything", is_flag=True, help="Revoke the whole contract: it becomes void.")
@click.option("--note", default="", help="Why.")
@statement_options
def revoke(session: ContractSession, who: str, grant: str | None, everything: bool, note: str) -> int:
    """Revoke one answer, or all of them."""
    if (grant is None) == (not everything):
        raise click.UsageError("name one ask, or --all")
    record = Revoke(grant or ALL, who, "terminal", note)
    check_statement(record, session.load_valid())
    return record_statement(session, record)


@click.command(epilog="Example: correctless contract close --note 'done'")
@click.option("--note", default="", help="Text recorded with it.")
@run_option
@as_option
def close(note: str, run_id: str | None, by: str | None) -> int:
    """End the run. After that this contract allows nothing."""
    session = open_session(run_id)
    who = answering(session.repo, by)

    def make(snapshot: ContractSnapshot) -> list[Record]:
        return [Close(who, "terminal", note)] if snapshot.case.state.pin_live else []

    if session.add(make).case.state.phase != "closed":
        raise Stop(
            exits.REFUSED,
            "no contract is pinned here, so there is nothing to close. See correctless contract status",
        )
    store.unpin_file(session.place)  # also after a close that was killed
    echo(f"closed by {who}")
    return exits.OK


@click.command(epilog="Example: correctless contract reaffirm C1 other deploy.prod")
@click.argument("constraint", required=False)
@click.argument("kind", type=click.Choice(["merge", "flip", "other"]), required=False)
@click.argument("target", required=False)
@click.option(
    "--minutes",
    type=click.IntRange(1, LONGEST // timedelta(minutes=1)),
    default=60,
    show_default=True,
    help="How long it is valid.",
)
@statement_options
def reaffirm(
    session: ContractSession,
    who: str,
    constraint: str | None,
    kind: str | None,
    target: str | None,
    minutes: int,
) -> int:
    """Allow exactly one action, once, although a constraint forbids it."""
    if constraint is None or kind is None or target is None:
        raise click.UsageError("name a constraint, the kind of action to allow, and the action")
    action = Action(kind, target)
    snapshot = session.load_valid()
    expires = timestamp(utcnow() + timedelta(minutes=minutes))
    digest = snapshot.case.current.digest
    record = Reaffirm(token(), digest, constraint, action.fields(), expires, who, "terminal")
    check_statement(record, snapshot)
    rule = next(each for each in answerable(snapshot).constraints.constraint if each.id == constraint)
    echo(f"{rule.id}: {rule.text}")
    echo(f"once, within {minutes} minutes: {action.label}")
    ask_for_digest(digest, "allow it")
    return record_statement(session, record)


@click.command(epilog="Example: correctless contract waive tests --head 3f2a... --base-run 812345")
@click.argument("check", required=False)
@click.option("--head", help="The full SHA of the head commit.")
@click.option(
    "--base-run", type=click.IntRange(1, 1 << 53), help="The run of this check that is red on the base."
)
@statement_options
def waive(
    session: ContractSession, who: str, check: str | None, head: str | None, base_run: int | None
) -> int:
    """Let one required check be red at one head.

    The base run that you name must be red on the base too.
    """
    if check is None or head is None or base_run is None:
        raise click.UsageError("name a check, its --head and its --base-run")
    snapshot = session.load_valid()
    record = Waiver(snapshot.case.current.digest, check, head, base_run, who, "terminal")
    check_statement(record, snapshot)
    echo(f"check '{check}' may be red at {head}, as its run {base_run} is on the base")
    ask_for_digest(record.digest, "waive it")
    return record_statement(session, record)
