"""Draft of a contract, with a gap for each unknown value."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime

from correctless.runcontract.document.contract_file import GAP

# The values of section 1 to ask for, each with its question; the rest follows from them.
QUESTIONS = {
    "run_id": "Short id of the run (lower case, digits, -)",
    "deliverable": "What is there when it is done, in one line",
    "tracking": "Where it is tracked (an address)",
    "repo": "Repository (owner/name, or host/owner/name)",
    "base": "Branch that is merged into",
    "operator": "Who answers",
    "agent": "Who acts",
    "not_after": "Until when the answers hold (as in 2026-08-07T18:00:00Z)",
}

_TEXT = """\
# Run contract: {title}

What is asked for here may be done only once the operator has answered it, ask by ask, for exactly these bytes.

## 1. Run identity

```toml contract.run
schema = 1
run_id = {run_id}
deliverable = {deliverable}
tracking = {tracking}
repo = {repo}
base = {base}
operator = {operator}
agent = {agent}
started = {started}
not_after = {not_after}
```

## 2. Grants requested

One `[[grant]]` for each ask: `merge`, `flip`, `rollback`, `spawn`.

```toml contract.grants
[[grant]]
id = "G1"
action = "merge"
ask = {gap}
prs = {gap}
bar = "B1"
```

## 3. Per-PR auto-merge bar

```toml contract.merge_bar
[[bar]]
id = "B1"
mergeable = "MERGEABLE"
merge_state = "CLEAN"
check_ok = ["SUCCESS"]
required_checks = {gap}
optional_skippable = []
max_age_s = 60
method = "squash"
forbid_flags = ["--admin", "--auto"]
serialize_on_green_base = true
worktree = true
```

## 4. Pre-flip gates

What must be GREEN before a switch is thrown: `[[gate]]`.

```toml contract.gates
```

## 5. Flip mechanism

The switch and the way back, each as the words of one command: `[[flip]]`.

```toml contract.flips
```

## 6. Rollback triggers

Numbers that bring the old state back by themselves: `[[trigger]]` and `[watch]`.

```toml contract.triggers
```

## 7. Standing constraints

```toml contract.constraints
[[constraint]]
id = "C1"
text = "no merge past the rules of the branch, and no push to it"
deny = ["merge.admin", "merge.auto", {push}]
```

## 8. Escalate-to-human conditions

```toml contract.escalations
[[escalation]]
id = "E1"
when = "two fixes of one symptom failed"
raise = "counter:two_failed_fixes"
freezes = ["merge", "flip"]

[[escalation]]
id = "E2"
when = "something happened that this contract does not foresee"
raise = "agent"
freezes = ["*"]
```
"""


def text(known: Mapping[str, str], started: datetime) -> str:
    """Return the draft. `known` has keys of `QUESTIONS`; a missing or empty value is a gap."""
    gap = _quoted(GAP)
    values = {key: _quoted(known[key]) if known.get(key) else gap for key in QUESTIONS}
    if known.get("not_after"):
        values["not_after"] = _moment(known["not_after"])
    push = _quoted(f"git.push:{known['base']}") if known.get("base") else gap
    return _TEXT.format(
        **values,
        title=" ".join(known.get("deliverable", "").split()) or GAP,
        started=_moment(started.isoformat(timespec="seconds")),
        gap=gap,
        push=push,
    )


def _moment(value: str) -> str:
    """A time as TOML writes it; an invalid one, or one without a zone, stays a text that lint refuses."""
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return _quoted(value)
    return _quoted(value) if at.utcoffset() is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _quoted(value: str) -> str:
    # A basic string of TOML is written as one of JSON, but for DEL.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
