"""Contract commands that you answer with.

They are answer, revoke, reaffirm, waive and close. Inside an agent they refuse, except for signed texts.
"""

from __future__ import annotations

from datetime import timedelta

import click

from correctless.base import exits
from correctless.base.clock import timestamp, utcnow
from correctless.base.exits import Stop
from correctless.cli.contract.options import as_option, confirmed, run_option
from correctless.cli.contract.session import ContractSession, a_person, answerable, echo, there, token
from correctless.cli.contract.words import fit, imported, signed_options, take
from correctless.runcontract.ledger import store
from correctless.runcontract.ledger.actions import Action
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
@signed_options
@run_option
@as_option
def answer(
    grant: str | None,
    granted: bool,
    refused: bool,
    scope: str | None,
    excluded: str | None,
    escalation: str | None,
    note: str,
    signed_file: str | None,
    signers: str | None,
    run_id: str | None,
    by: str | None,
) -> int:
    """Answer one ask of the contract.

    The answer is granted, granted in part, or refused, for exactly the current text.
    """
    at = there(run_id)
    if signed_file is not None:
        return imported(at, signed_file, signers)
    who = a_person(at, by)
    if escalation is not None:
        return _settle(at, escalation, note, who)
    granted = granted or scope is not None or excluded is not None
    if grant is None or granted == refused:
        raise click.UsageError("name one ask, and either --granted (or --scope, --except) or --refused")
    kept = at.sound()
    word = "refused" if refused else "granted"
    items, without = _listed(scope) or (ALL,), _listed(excluded)
    record = AskAnswer(kept.case.current.digest, grant, word, who, "terminal", items, without, note)
    fit(record, kept)
    ask = next(each for each in answerable(kept).grants.grant if each.id == grant)
    echo(f"{ask.id} ({ask.action}): {ask.ask}")
    echo(
        f"answer: {word}{'' if refused else f', scope {chr(44).join(items)}'}{f', not {chr(44).join(without)}' if without else ''}"
    )
    confirmed(record.digest, "give this answer for exactly these bytes")
    return take(at, record)


def _listed(text: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())


def _settle(at: ContractSession, escalation: str, note: str, who: str) -> int:
    kept = at.sound()
    fit(EscalationAnswer(escalation, note or "-", who, "terminal"), kept)
    found = next(each for each in kept.case.state.open if each.id == escalation)
    echo(f"{found.id} ({found.target}): {found.decision_needed}")
    said = note or click.prompt("Your decision", default="", show_default=False)
    return take(at, EscalationAnswer(escalation, said, who, "terminal"))


@click.command(epilog="Example: correctless contract revoke G1")
@click.argument("grant", required=False)
@click.option("--all", "everything", is_flag=True, help="Revoke the whole contract: it becomes void.")
@click.option("--note", default="", help="Why.")
@signed_options
@run_option
@as_option
def revoke(
    grant: str | None,
    everything: bool,
    note: str,
    signed_file: str | None,
    signers: str | None,
    run_id: str | None,
    by: str | None,
) -> int:
    """Revoke one answer, or all of them."""
    at = there(run_id)
    if signed_file is not None:
        return imported(at, signed_file, signers)
    who = a_person(at, by)
    if (grant is None) == (not everything):
        raise click.UsageError("name one ask, or --all")
    record = Revoke(grant or ALL, who, "terminal", note)
    fit(record, at.sound())
    return take(at, record)


@click.command(epilog="Example: correctless contract close --note 'done'")
@click.option("--note", default="", help="Text recorded with it.")
@run_option
@as_option
def close(note: str, run_id: str | None, by: str | None) -> int:
    """End the run. After that this contract allows nothing."""
    at = there(run_id)
    who = a_person(at, by)

    def make(kept: ContractSnapshot) -> list[Record]:
        return [Close(who, "terminal", note)] if kept.case.state.pin_live else []

    if at.add(make).case.state.phase != "closed":
        raise Stop(
            exits.REFUSED,
            "no contract is pinned here, so there is nothing to close. See correctless contract status",
        )
    store.unpin_file(at.place)  # also after a close that was killed
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
@signed_options
@run_option
@as_option
def reaffirm(
    constraint: str | None,
    kind: str | None,
    target: str | None,
    minutes: int,
    signed_file: str | None,
    signers: str | None,
    run_id: str | None,
    by: str | None,
) -> int:
    """Allow exactly one action, once, although a constraint forbids it."""
    at = there(run_id)
    if signed_file is not None:
        return imported(at, signed_file, signers)
    who = a_person(at, by)
    if constraint is None or kind is None or target is None:
        raise click.UsageError("name a constraint, the kind of action to allow, and the action")
    action = Action(kind, target)
    kept = at.sound()
    expires = timestamp(utcnow() + timedelta(minutes=minutes))
    digest = kept.case.current.digest
    record = Reaffirm(token(), digest, constraint, action.fields(), expires, who, "terminal")
    fit(record, kept)
    found = next(each for each in answerable(kept).constraints.constraint if each.id == constraint)
    echo(f"{found.id}: {found.text}")
    echo(f"once, within {minutes} minutes: {action.label}")
    confirmed(digest, "allow it")
    return take(at, record)


@click.command(epilog="Example: correctless contract waive tests --head 3f2a... --base-run 812345")
@click.argument("check", required=False)
@click.option("--head", help="The full SHA of the head commit.")
@click.option(
    "--base-run", type=click.IntRange(1, 1 << 53), help="The run of this check that is red on the base."
)
@signed_options
@run_option
@as_option
def waive(
    check: str | None,
    head: str | None,
    base_run: int | None,
    signed_file: str | None,
    signers: str | None,
    run_id: str | None,
    by: str | None,
) -> int:
    """Let one required check be red at one head.

    The base run that you name must be red on the base too.
    """
    at = there(run_id)
    if signed_file is not None:
        return imported(at, signed_file, signers)
    who = a_person(at, by)
    if check is None or head is None or base_run is None:
        raise click.UsageError("name a check, its --head and its --base-run")
    kept = at.sound()
    record = Waiver(kept.case.current.digest, check, head, base_run, who, "terminal")
    fit(record, kept)
    echo(f"check '{check}' may be red at {head}, as its run {base_run} is on the base")
    confirmed(record.digest, "waive it")
    return take(at, record)
