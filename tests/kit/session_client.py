"""A `claude` program with sessions, for tests: each process of a session plays its own piece of CORRECTLESS_PARTS.

That is a JSON list of Python texts: the first for a new session, the next for each time it is continued (the last one repeats). A
text can use `client` (`bad_client.Client`), `work(name)`, `ends(*decisions)`, `prompt`, `argv`, and `note(value)`, which adds a line
to the file CORRECTLESS_NOTES; every process notes its own argv, prompt and environment there first.
"""

from __future__ import annotations

import json
import os
import re
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from bad_client import VERSION, Client, hang

FOLDER = Path(os.environ.get("CORRECTLESS_NOTES", ".")).parent


def note(value: Any) -> None:
    with open(os.environ["CORRECTLESS_NOTES"], "a", encoding="utf-8") as file:
        file.write(json.dumps(value) + "\n")


def main() -> int:
    argv = sys.argv[1:]
    if argv == ["--version"]:
        sys.stdout.write(f"{VERSION} (Claude Code)\n")
        return 0
    prompt = sys.stdin.read()
    client = Client(prompt)
    resumed = "--resume" in argv
    session = argv[argv.index("--resume" if resumed else "--session-id") + 1]
    known = FOLDER / f"session-{session}"
    if resumed and not known.exists():
        sys.stderr.write(f"No conversation found with session ID: {session}\n")
        client.result("", subtype="error_during_execution", is_error=True, num_turns=0, total_cost_usd=0)
        return 1
    part = int(known.read_text()) + 1 if resumed else 1
    known.write_text(str(part))
    note({"part": part, "session": session, "resumed": resumed, "argv": argv, "prompt": prompt})
    nonce = re.findall(r"^AUTONOMOUS_DECISIONS_START ([0-9a-f]{8})$", prompt, re.MULTILINE)[-1]

    def work(name: str, tokens: int = 1000) -> None:
        client.work(tokens)
        Path(name).write_text(f"{name} by part {part}\n")

    def ends(*decisions: dict[str, Any], says: str = "Done.") -> int:
        lines = [
            f"AUTONOMOUS_DECISIONS_START {nonce}",
            *map(json.dumps, decisions),
            "AUTONOMOUS_DECISIONS_END",
        ]
        client.message({"type": "text", "text": "..."})
        client.result("\n".join([says, *lines]))
        return 0

    def said(name: str | None, applied: str, **more: Any) -> dict[str, Any]:
        return {"decision_id": name, "default_applied": applied, "rationale": "because", **more}

    texts = json.loads(os.environ["CORRECTLESS_PARTS"])
    given = {
        "client": client,
        "work": work,
        "ends": ends,
        "said": said,
        "hang": hang,
        "note": note,
        "nonce": nonce,
        "prompt": prompt,
        "argv": argv,
        "os": os,
        "Path": Path,
    }
    client.init()
    exec(texts[min(part, len(texts)) - 1], given)
    return int(given.get("code", 0))


if __name__ == "__main__":
    status = main()
    with suppress(OSError):
        sys.stdout.flush()
    os._exit(status)
