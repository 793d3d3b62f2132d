"""`correctless contract authorize` without click.

An agent waits for it before each governed action.
"""

from __future__ import annotations

import os
import re
from typing import Any

from correctless.base import exits
from correctless.base.clock import utcnow
from correctless.base.exits import Stop
from correctless.cli import answering, spell_anything
from correctless.cli.contract.session import clause_lines, clause_values, echo, echo_json, open_session, token
from correctless.runcontract.act.decide import decide
from correctless.runcontract.act.permits import Decided
from correctless.runcontract.ledger.actions import KINDS, Action
from correctless.runcontract.ledger.case import ALLOW, DENY, ESCALATE

CODES = {ALLOW: exits.OK, DENY: exits.FINDINGS, ESCALATE: exits.PERSON}
_COUNT = r"[0-9]{1,9}"
_TEXT = r"[^-].*"
# The options of the click command `ask.authorize` by the name of their parameter; a test compares them.
_FLAGS = {"--operator": "operator", "--json": "as_json"}
_VALUES: dict[str, tuple[str, str, type]] = {
    "--pr": ("pr", _TEXT, str),
    "--flag": ("flags", _TEXT, str),
    "--head": ("head", _TEXT, str),
    "--trigger": ("trigger", _TEXT, str),
    "--agents": ("agents", _COUNT, int),
    "--cost-usd": ("cost_usd", rf"{_COUNT}(?:\.{_COUNT})?", float),
    "--minutes": ("minutes", _COUNT, int),
    "--run": ("run_id", _TEXT, str),
}


def main(argv: list[str]) -> int | None:
    """Decide and return the exit code, or None if click must parse the words.

    Click parses `--help`, mistakes and rare spellings.
    """
    parameters = parse_plain(argv)
    if parameters is None:
        return None
    spell_anything()
    return answer(**parameters)


def parse_plain(argv: list[str]) -> dict[str, Any] | None:
    """Return the parameters that click would parse, or None for unusual words."""
    parameters: dict[str, Any] = {}
    rest = iter(argv)
    value: Any
    for argument in rest:
        if argument in _FLAGS:
            name, value = _FLAGS[argument], True
        elif argument in _VALUES:
            name, form, kind = _VALUES[argument]
            text = next(rest, "")
            if not re.fullmatch(form, text, re.DOTALL):
                return None
            value = kind(text)
        elif re.fullmatch(_TEXT, argument, re.DOTALL):
            name, value = "target" if "kind" in parameters else "kind", argument
        else:
            return None
        if name == "flags":
            parameters[name] = (*parameters.get(name, ()), value)
        elif name in parameters:
            return None
        else:
            parameters[name] = value
    return parameters if "kind" in parameters else None


def answer(
    kind: str,
    target: str = "",
    pr: str | None = None,
    flags: tuple[str, ...] = (),
    head: str = "",
    trigger: str = "",
    operator: bool = False,
    agents: int = 0,
    cost_usd: float | None = None,
    minutes: int | None = None,
    run_id: str | None = None,
    as_json: bool = False,
) -> int:
    """Decide, print the decision, and return its exit code."""
    if kind not in KINDS:
        raise Stop(exits.FINDINGS, f"deny: unknown action '{kind}'. Ask for one of {', '.join(KINDS)}")
    if kind == "merge" and pr is not None:
        target = pr
    session = open_session(run_id)
    if operator:
        answering(session.repo, None)
    action = Action(kind, target, flags, trigger, operator, agents, cost_usd, minutes, head)
    decided = decide(session.place, session.repo, action, env=os.environ, clock=utcnow, token=token)
    if as_json:
        echo_json(
            {
                "verdict": decided.verdict,
                "action": action.fields(),
                "clauses": [clause_values(clause) for clause in decided.clauses],
                "permit": decided.permit,
                "expires": decided.expires,
                "bound": dict(decided.bound),
            }
        )
    else:
        print_decision(action, decided)
    return CODES[decided.verdict]


def print_decision(action: Action, decided: Decided) -> None:
    """Print a decision with its clauses and its permit."""
    echo(f"{decided.verdict}: {action.label}")
    for line in clause_lines(decided.clauses):
        echo(line)
    if decided.permit:
        echo(f"permit {decided.permit}, once, until {decided.expires}")
        for key, value in decided.bound.items():
            echo(f"  {key}: {value}")
