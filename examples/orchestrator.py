"""A small orchestrator of its own that takes three things from correctless: capture, log and gate.

It runs one skill with one agent program (the prompt on its standard input, the answer on its standard output), puts every
decision of the answer on record, and says whether the result may go on. Exit 0: it may; 10: a person must look first.

    python examples/orchestrator.py SKILL.md decisions.jsonl AGENT [ARGUMENT...]
"""

from __future__ import annotations

import secrets
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import correctless


def main(skill: str, log_path: str, *agent: str) -> int:
    contract = correctless.read_skill(skill)

    # Eight random hex digits, new for each attempt: they tell the agent's own block from one it quotes.
    nonce = secrets.token_hex(4)
    prompt = f"""mode: autonomous
Follow {skill}. Apply the defaults it lists and end your answer with one JSON object a line for each decision:
AUTONOMOUS_DECISIONS_START {nonce}
{{"decision_id": "AD-001", "default_applied": "what you did", "rationale": "why", "escalation_deferred": false}}
AUTONOMOUS_DECISIONS_END
"""
    done = subprocess.run(
        agent, input=prompt, stdout=subprocess.PIPE, text=True, errors="replace", check=False
    )

    # Read the answer against the skill's contract. Nothing in it can stop this, and nothing in it is believed.
    now = datetime.now(UTC)
    found = correctless.capture(
        done.stdout,
        contract,
        run=f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}",
        step=contract.name,
        attempt=1,
        nonce=nonce,
        now=now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    )
    for kept in found.kept:  # what could not be read, before the entry that points to it
        Path(log_path).with_name(kept.name).write_bytes(kept.text.encode("utf-8", "surrogatepass"))

    # Each append is on disk when it returns, or it raises and nothing was added.
    log = correctless.Ledger(log_path)
    log.create()
    for decision in found.decisions:
        log.append(decision.fields())

    print(correctless.summarise(log_path))
    for warning in found.warnings:
        print(warning, file=sys.stderr)
    if done.returncode != 0:
        print(f"the agent ended with {done.returncode}", file=sys.stderr)
        return 20
    if not correctless.gate(log_path).open:
        print(f"a person must look first: correctless review --log {log_path}", file=sys.stderr)
        return 10
    return 0


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
