"""`correctless decisions parse`: show what would be recorded of an answer."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import click

from correctless.base import exits
from correctless.base.clock import timestamp, utcnow
from correctless.base.exits import Stop
from correctless.base.text import counted, printable
from correctless.cli.values import json_option
from correctless.decisions import block
from correctless.decisions.capture import Calls, Captured, capture
from correctless.decisions.correction import asks_to_defer
from correctless.decisions.decision import UNLISTED, Decision, means_deferred
from correctless.decisions.remarks import remarks
from correctless.skill.contract import SkillContract, read_skill
from correctless.syntax.strict_json import RecordError, strict_json

_TEXT_LIMIT = 500  # characters of one text; --json has all of it
_LINES = 5  # of a refused text
_BLOCKS = 10  # listed one by one; an answer can have any number
_HARMLESS = frozenset({"differs-from-default", "extra"})
_OURS = frozenset({"claimed_id", "claimed_reason", "claimed_skill", "reported_at"})
_CALLS = "Give one JSON object a line, the arguments of each call"


@dataclass(frozen=True, slots=True)
class _Parsed:
    """What would be recorded.

    The key of a decision is b1 for the first object of the block, t1 for the first call.
    """

    contract: SkillContract
    reading: block.Reading
    decisions: tuple[Decision, ...]  # without the refused ones
    reported: Mapping[str, Mapping[str, Any]]  # the object or call of each key, as the agent wrote it
    refused: Mapping[str, block.Piece]
    warnings: tuple[str, ...]

    @property
    def clean(self) -> bool:
        """Whether all was recorded as it was reported."""
        changes = {
            name for d in self.decisions for name, _ in _changes(d, self.reported[d.key or ""], self.contract)
        }
        return not (changes - _HARMLESS or self.refused or self.warnings)


def _hex(_: click.Context, __: click.Parameter, nonce: str | None) -> str:
    if nonce is not None and not block.NONCE.fullmatch(nonce):
        raise click.BadParameter(f"'{printable(nonce)}' is not 8 digits of 0-9 and a-f")
    return nonce or ""


@click.command(
    epilog="Example: correctless decisions parse answer.md --skill skills/cverify --nonce 7f3a91c2"
)
@click.argument("file", metavar="[FILE|-]", required=False)
@click.option("--skill", required=True, metavar="SKILL.md", help="The skill that answered, or its folder.")
@click.option(
    "--nonce", metavar="WORD", callback=_hex, help="The nonce: the word after START in the prompt's block."
)
@click.option("--calls", metavar="FILE", help="Calls of the recorder, one JSON object a line.")
@json_option
def parse(file: str | None, skill: str, nonce: str, calls: str | None, as_json: bool) -> int:
    """Show what would be recorded from an agent's answer.

    Shows each correction and each refusal. Nothing is written.

    FILE is the final answer; `-`, or nothing, reads standard input. Without --nonce only a block without a nonce is
    read, and all of its decisions are deferred.

    Exit 0: nothing to correct; 1: something was corrected, refused or warned about; 3: a file cannot be read.
    A decision that differs from its listed default is not a correction.
    """
    if file is None and (sys.stdin is None or sys.stdin.isatty()):  # closed, or a terminal
        raise click.UsageError("no answer given. Name a FILE, or pipe the answer in")
    contract = read_skill(skill)
    if contract.interaction_mode is None and not contract.has_section:
        raise Stop(exits.REFUSED, f"'{skill}' has no contract. Give a SKILL.md with an interaction_mode")
    recorder_calls = list(_calls(calls)) if calls is not None else []
    parsed = _parsed(_text(_bytes(file or "-")), contract, nonce, recorder_calls)
    if as_json:
        click.echo(json.dumps(_object(parsed), indent=2))
    else:
        click.echo("\n".join(printable(line) for line in _lines(parsed)))
    return exits.OK if parsed.clean else exits.FINDINGS


def _bytes(file: str) -> bytes:
    try:
        if file == "-":
            return os.fdopen(0, "rb", closefd=False).read()  # also when it is closed: that is an error
        with open(file, "rb") as stream:
            return stream.read()
    except OSError as error:
        raise Stop(
            exits.REFUSED, f"cannot read '{file}': {error.strerror}. Name the file with the answer"
        ) from None


def _text(data: bytes) -> str:
    """Decode an answer as a dispatcher would.

    It stores its own text whole, and keeps the UTF-8 part of a program's output.
    """
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return data.decode("utf-8", "replace")


def _calls(file: str) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(_text(_bytes(file)).split("\n"), 1):
        if not line.strip():
            continue
        try:
            call = strict_json(line)
        except RecordError as error:
            raise Stop(exits.REFUSED, f"{file}:{number}: {error}. {_CALLS}") from None
        if not isinstance(call, dict):
            raise Stop(exits.REFUSED, f"{file}:{number}: not a JSON object. {_CALLS}")
        yield call


def _parsed(answer: str, contract: SkillContract, nonce: str, calls: Sequence[dict[str, Any]]) -> _Parsed:
    where: dict[str, Any] = {"run": "parse", "step": contract.name, "attempt": 1}
    now = timestamp(utcnow())
    recorder = Calls(contract, **where)
    recorded = tuple(recorder.take(call, now) for call in calls)
    unlisted = sum(decision.decision_id.startswith(UNLISTED) for decision in recorded)
    captured: Captured = capture(
        answer, contract, **where, nonce=nonce, now=now, calls=recorded, unlisted_before=unlisted
    )
    reading = block.read(answer, nonce, called=bool(recorded))
    pieces = {f"b{number}": piece for number, piece in enumerate(captured.read, 1)}
    objects = {key: piece.value for key, piece in pieces.items() if piece.value is not None}
    return _Parsed(
        contract=contract,
        reading=reading,
        decisions=tuple(_bare(d) for d in (*recorded, *captured.decisions) if "damaged" not in d.notes),
        reported={f"t{number}": call for number, call in enumerate(calls, 1)} | objects,
        refused={key: piece for key, piece in pieces.items() if piece.value is None},
        warnings=(*captured.warnings, *_how_to_read(reading, nonce)),
    )


def _bare(decision: Decision) -> Decision:
    """Return the decision without the fields of a run."""
    return replace(
        decision, run=None, step=None, attempt=None, key=(decision.key or "").rpartition("/")[2], timestamp=""
    )


def _how_to_read(reading: block.Reading, nonce: str) -> Iterator[str]:
    nonces = dict.fromkeys(other for other in reading.others if block.NONCE.fullmatch(other))
    if not nonce and nonces:
        listed = ", ".join([*nonces][:_BLOCKS])
        yield f"nonce-not-given: the answer has blocks with a nonce ({listed}). To read one: --nonce {[*nonces][-1]}"


def _object(parsed: _Parsed) -> dict[str, Any]:
    reading = parsed.reading
    return {
        "skill": parsed.contract.name,
        # Only a run knows the time, and the record's type does not allow None.
        "decisions": [decision.fields() | {"timestamp": None} for decision in parsed.decisions],
        "refused": [
            {"key": key, "fault": piece.fault, "text": piece.text} for key, piece in parsed.refused.items()
        ],
        "blocks": {"authentic": reading.authentic, "nonceless": reading.nonceless, "quoted": reading.quoted},
        "warnings": list(parsed.warnings),
    }


def _lines(parsed: _Parsed) -> Iterator[str]:
    by_key = {decision.key: decision for decision in parsed.decisions}
    # The calls were made before the answer was given.
    for key in sorted({*parsed.reported, *parsed.refused}, key=lambda key: (key[0] == "b", int(key[1:]))):
        if key in parsed.refused:
            yield from _refusal(key, parsed.refused[key])
        elif key in by_key:
            yield from _decision(by_key[key], parsed.reported[key], parsed.contract)
        else:
            yield f"{key}  repeats a call: recorded once"
        yield ""
    not_read = list(_not_read(parsed.reading))
    yield from not_read
    yield from (f"warning: {warning}" for warning in parsed.warnings)
    if not_read or parsed.warnings:
        yield ""
    deferred = sum(decision.escalation_deferred for decision in parsed.decisions)
    yield f"{counted(len(parsed.decisions), 'decision')}, {deferred} deferred, {len(parsed.refused)} refused"


def _decision(decision: Decision, obj: Mapping[str, Any], contract: SkillContract) -> Iterator[str]:
    reason = f"yes, {_clipped(decision.original_escalation_reason or '')}"
    yield f"{decision.key}  {decision.decision_id}"
    yield f"    default applied: {_clipped(decision.default_applied) or '-'}"
    yield f"    rationale: {_clipped(decision.rationale) or '-'}"
    yield f"    deferred: {reason if decision.escalation_deferred else 'no'}"
    yield from (f"    {label}: {_clipped(change)}" for label, change in _changes(decision, obj, contract))


def _changes(
    decision: Decision, obj: Mapping[str, Any], contract: SkillContract
) -> Iterator[tuple[str, str]]:
    """Yield each note or key with a sentence: reported, recorded, and why."""
    extra, deferral = decision.extra, obj.get("escalation_deferred")
    done = {
        "conflict": "recorded as reported, and deferred",
        "corrected": f"reported escalation_deferred {_json(deferral)}, recorded as true",
        "differs-from-default": "recorded as reported",
        "duplicate-key": "recorded once",
        "incomplete": "recorded incomplete, and deferred",
        "unlisted": f"reported decision_id {_json(obj.get('decision_id'))}, recorded as {decision.decision_id}, deferred",
        "unverified": "recorded as reported, and deferred",
    }
    for note, why in zip(decision.notes, remarks(decision, contract), strict=True):
        yield note, f"{done[note]}: {why}"
    reported = means_deferred(deferral)
    if deferral is not None and not isinstance(deferral, bool):
        yield (
            "escalation_deferred",
            f"reported {_json(deferral)}, recorded as {_json(reported)}: write true or false",
        )
    elif not reported and asks_to_defer(obj) and "corrected" not in decision.notes:
        why = "another key or a reason says that it needs a human decision"
        yield "escalation_deferred", f"reported {_json(deferral)}, recorded as true: {why}"
    if "claimed_reason" in extra:
        yield (
            "original_escalation_reason",
            "stored under extra: only a decision that was reported as deferred gives one",
        )
    elif reported and not str(obj.get("original_escalation_reason") or "").strip():
        yield "original_escalation_reason", "none reported, recorded the one of the SKILL.md"
    if "claimed_skill" in extra:
        yield (
            "skill",
            f"reported {_json(obj.get('skill'))}, recorded as {_json(decision.skill)}: the skill that was run",
        )
    if "reported_at" in extra:
        yield (
            "timestamp",
            f"reported {_json(obj.get('timestamp'))}, stored under extra: the time is the log's own",
        )
    own = [name for name in extra if name not in _OURS]
    if own:
        yield "extra", f"stored beside the record: {', '.join(own)}"


def _refusal(key: str, piece: block.Piece) -> Iterator[str]:
    yield f"{key}  refused: {piece.fault}"
    yield "    recorded as an unlisted decision, deferred, with the text stored in a file:"
    lines = piece.text.split("\n")
    yield from (f"    | {_clipped(line)}" for line in lines[:_LINES])
    if len(lines) > _LINES:
        yield f"    | ... {len(lines) - _LINES} more lines"


def _not_read(reading: block.Reading) -> Iterator[str]:
    for nonce in reading.others[:_BLOCKS]:
        yield f"not read: a block with the nonce '{_clipped(nonce)}'"
    if more := reading.others[_BLOCKS:]:
        yield f"not read: {len(more)} more blocks with a nonce"
    bare = reading.nonceless - (reading.blocks if not reading.verified else 0)
    if bare:
        yield f"not read: {counted(bare, 'block')} without a nonce"


def _clipped(text: str) -> str:
    return text if len(text) <= _TEXT_LIMIT else f"{text[:_TEXT_LIMIT]}... ({len(text)} characters)"


def _json(value: Any) -> str:
    return _clipped(json.dumps(value, ensure_ascii=False))
