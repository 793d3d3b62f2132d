"""The commands a person answers with: answer, revoke, settle, reaffirm, waive and close; none works inside an agent."""

from __future__ import annotations

import os
from datetime import timedelta

import click

from correctless import exits
from correctless.cli.contract_place import (
    There,
    a_person,
    as_option,
    confirmed,
    echo,
    run_option,
    there,
    token,
)
from correctless.exits import Stop
from correctless.record import timestamp, utcnow
from correctless.runcontract import keeping, signed
from correctless.runcontract.actions import Action, fault
from correctless.runcontract.answers import wrong
from correctless.runcontract.keeping import Kept
from correctless.runcontract.records import ALL, Answer, Close, Reaffirm, Record, Revoke, Settled, Waiver
from correctless.runcontract.sections import Contract

_HOME_SIGNERS = "~/.config/correctless/allowed_signers"


@click.command(epilog="Example: correctless contract answer G1 --scope 411,412 --except 415")
@click.argument("grant", required=False)
@click.option("--granted", is_flag=True, help="Yes to the ask, or to the part of it that --scope names.")
@click.option("--refused", is_flag=True, help="No.")
@click.option("--scope", metavar="ITEMS", help="Only these: numbers, flips, or limits as in max_agents=2.")
@click.option("--except", "excluded", metavar="ITEMS", help="Not these, whatever is granted later by `*`.")
@click.option(
    "--escalation", metavar="ID", help="Answer an escalation instead; say what is to be done with --note."
)
@click.option(
    "--signed", "signed_file", metavar="FILE", help="A signed answer; the signature lies in FILE.sig."
)
@click.option(
    "--signers", metavar="FILE", help=f"Who may sign; default: {signed.SYSTEM}, else {_HOME_SIGNERS}."
)
@click.option("--note", default="", help="Kept with the answer.")
@run_option
@as_option
def answer(
    grant: str | None,
    granted: bool,
    refused: bool,
    scope: str | None,
    excluded: str | None,
    escalation: str | None,
    signed_file: str | None,
    signers: str | None,
    note: str,
    run_id: str | None,
    by: str | None,
) -> int:
    """Answer one ask of the contract exactly as it stands: granted, granted in part, or refused."""
    at = there(run_id)
    if signed_file is not None:
        return _signed(at, signed_file, signers)
    who = a_person(at, by)
    if escalation is not None:
        return _settle(at, escalation, note, who)
    granted = granted or scope is not None or excluded is not None
    if grant is None or granted == refused:
        raise click.UsageError("name one ask, and either --granted (or --scope, --except) or --refused")
    kept = at.sound()
    contract = _answerable(kept)
    ask = contract.grant(grant)
    if ask is None:
        raise Stop(
            exits.USAGE,
            f"there is no ask '{grant}'. there is {', '.join(g.id for g in contract.grants.grant)}",
        )
    word = "refused" if refused else "granted"
    items, without = _listed(scope) or (ALL,), _listed(excluded)
    if said := wrong(ask, items, without, word):
        raise Stop(exits.USAGE, f"{said}. nothing was recorded")
    digest = kept.case.here.digest
    echo(f"{ask.id} ({ask.action}): {ask.ask}")
    echo(
        f"answer: {word}{'' if refused else f', scope {chr(44).join(items)}'}{f', not {chr(44).join(without)}' if without else ''}"
    )
    confirmed(digest, "give this answer for exactly these bytes")
    record = Answer(digest, ask.id, word, who, "terminal", items, without, note)
    at.add(lambda now: [record] if _same(now, digest) else [])
    echo(f"{ask.id} is {word} by {who} (assurance: terminal)")
    return exits.OK


def _answerable(kept: Kept) -> Contract:
    state, contract = kept.case.state, kept.case.here.contract
    if contract is None or state.phase not in ("surfaced", "answered", "active", "flipped", "rolled_back"):
        why = f": {state.why}" if state.why else ""
        raise Stop(
            exits.REFUSED,
            f"the contract is {state.phase}{why}. put it before the operator first: correctless contract surface",
        )
    return contract


def _same(kept: Kept, digest: str) -> bool:
    if kept.case.here.digest != digest:
        raise Stop(
            exits.PERSON, "the contract was changed while you answered. nothing was recorded: read it again"
        )
    return True


def _signed(at: There, path: str, signers: str | None) -> int:
    # Chosen by whoever runs this, the list would say nothing: only a person may name another one.
    if signers is not None:
        a_person(at, None)
    chosen = signers or (signed.SYSTEM if os.path.exists(signed.SYSTEM) else _home_signers())
    text, signature = (_bytes(name) for name in (path, f"{path}.sig"))
    kept = at.sound()
    contract = _answerable(kept)
    made = signed.answer(text, signature, chosen, home=at.place.home, run=at.place.run)
    if isinstance(made, str):
        raise Stop(exits.PERSON, f"{path}: {made}. nothing was recorded")
    ask = contract.grant(made.grant)
    if made.digest != kept.case.here.digest:
        raise Stop(exits.PERSON, f"{path}: it was signed for other bytes. nothing was recorded")
    if ask is None:
        raise Stop(exits.PERSON, f"{path}: there is no ask '{made.grant}'. nothing was recorded")
    if said := wrong(ask, made.scope, made.excluded, made.answer):
        raise Stop(exits.PERSON, f"{path}: {said}. nothing was recorded")
    if any(made.signature == i.record.signature for i in kept.log if isinstance(i.record, Answer)):
        raise Stop(exits.PERSON, f"{path}: this very answer is on record already. have a new one signed")
    at.add(lambda now: [made] if _same(now, made.digest) else [])
    assurance = "signed" if signed.out_of_reach(chosen) else "signed, by a key list this user can change"
    echo(f"{made.grant} is {made.answer} by {made.by} (assurance: {assurance})")
    return exits.OK


def _home_signers() -> str:
    import pwd

    # Not $HOME: an agent sets its own environment.
    return os.path.join(pwd.getpwuid(os.getuid()).pw_dir, _HOME_SIGNERS[2:])


def _bytes(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(1 << 17)
    except OSError as error:
        raise Stop(
            exits.REFUSED,
            f"{path} can't be read: {error.strerror}. name the answer, with its signature beside it",
        ) from None


def _listed(text: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())


def _settle(at: There, escalation: str, note: str, who: str) -> int:
    kept = at.sound()
    found = next((each for each in kept.case.state.open if each.id == escalation), None)
    if found is None:
        names = ", ".join(each.id for each in kept.case.state.open) or "none"
        raise Stop(exits.USAGE, f"no open escalation '{escalation}'. open: {names}")
    echo(f"{found.id} ({found.target}): {found.decision_needed}")
    said = note or click.prompt("Your decision", default="", show_default=False)
    if not said.strip():
        raise Stop(exits.PERSON, "an escalation is answered with a decision. nothing was recorded")
    at.add(lambda _: [Settled(escalation, said, who, "terminal")])
    echo(f"{escalation} is answered by {who}")
    return exits.OK


@click.command(epilog="Example: correctless contract revoke G1")
@click.argument("grant", required=False)
@click.option("--all", "everything", is_flag=True, help="The whole contract: it is void from here on.")
@click.option("--note", default="", help="Why.")
@run_option
@as_option
def revoke(grant: str | None, everything: bool, note: str, run_id: str | None, by: str | None) -> int:
    """Take one answer back, or all of them."""
    at = there(run_id)
    who = a_person(at, by)
    if (grant is None) == (not everything):
        raise click.UsageError("name one ask, or --all")
    contract = at.sound().case.here.contract
    if grant is not None and contract is not None and contract.grant(grant) is None:
        raise Stop(
            exits.USAGE,
            f"there is no ask '{grant}'. there is {', '.join(g.id for g in contract.grants.grant)}",
        )
    at.add(lambda _: [Revoke(grant or ALL, who, "terminal", note)])
    if everything:
        keeping.unpin_file(at.place)
    echo(f"{grant or 'everything'} is revoked by {who}")
    return exits.OK


@click.command(epilog="Example: correctless contract close --note 'done'")
@click.option("--note", default="", help="Kept with it.")
@run_option
@as_option
def close(note: str, run_id: str | None, by: str | None) -> int:
    """End the run: from here on nothing is allowed by this contract."""
    at = there(run_id)
    who = a_person(at, by)

    def make(kept: Kept) -> list[Record]:
        return [Close(who, "terminal", note)] if kept.case.state.pin_live else []

    if at.add(make).case.state.phase != "closed":
        raise Stop(exits.REFUSED, "nothing is pinned here. there is nothing to close")
    keeping.unpin_file(at.place)  # also what a close that was killed has left
    echo(f"closed by {who}")
    return exits.OK


@click.command(epilog="Example: correctless contract reaffirm C1 deploy.prod")
@click.argument("constraint")
@click.argument("kind", type=click.Choice(["merge", "flip", "other"]))
@click.argument("target")
@click.option(
    "--minutes", type=click.IntRange(1, 1440), default=60, show_default=True, help="How long it holds."
)
@run_option
@as_option
def reaffirm(
    constraint: str, kind: str, target: str, minutes: int, run_id: str | None, by: str | None
) -> int:
    """Say yes, once, to exactly this action although the constraint forbids it."""
    at = there(run_id)
    who = a_person(at, by)
    action = Action(kind, target)
    if said := fault(action):
        raise Stop(exits.USAGE, f"{said} can't be judged. write it as authorize is asked for it")
    kept = at.sound()
    contract = _answerable(kept)
    found = next((c for c in contract.constraints.constraint if c.id == constraint), None)
    if found is None:
        raise Stop(exits.USAGE, f"there is no constraint '{constraint}'")
    digest = kept.case.here.digest
    echo(f"{found.id}: {found.text}")
    echo(f"once, within {minutes} minutes: {action.label}")
    confirmed(digest, "let it be done all the same")
    expires = timestamp(utcnow() + timedelta(minutes=minutes))
    record = Reaffirm(token(), digest, constraint, action.fields(), expires, who, "terminal")
    at.add(lambda now: [record] if _same(now, digest) else [])
    echo(f"{action.label} is re-affirmed by {who}")
    return exits.OK


@click.command(epilog="Example: correctless contract waive tests --head 3f2a... --base-run 812345")
@click.argument("check")
@click.option("--head", required=True, help="The whole name of the head commit.")
@click.option(
    "--base-run", required=True, type=click.IntRange(1), help="The run of this check that is red on the base."
)
@run_option
@as_option
def waive(check: str, head: str, base_run: int, run_id: str | None, by: str | None) -> int:
    """Let one required check be red at one head, because this run of it is red on the base as well."""
    at = there(run_id)
    who = a_person(at, by)
    if len(head) not in (40, 64) or set(head) - set("0123456789abcdef"):
        raise Stop(exits.USAGE, f"'{head}' is no whole name of a commit")
    kept = at.sound()
    _answerable(kept)
    digest = kept.case.here.digest
    echo(f"check '{check}' may be red at {head}, as its run {base_run} is on the base")
    confirmed(digest, "waive it")
    at.add(lambda now: [Waiver(digest, check, head, base_run, who, "terminal")] if _same(now, digest) else [])
    echo(f"{check} is waived by {who}")
    return exits.OK
