"""`correctless gate`: check the gate of this branch, without click.

For CI and other orchestrators.
"""

from __future__ import annotations

import json
import os

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.base.text import counted, one_line
from correctless.cli import args, typable
from correctless.project import paths
from correctless.review import gate

HELP = """Usage: correctless gate [--log FILE] [--json]

  Check whether this branch is ready to publish. It is not while a deferred decision needs your confirmation,
  or before the branch's run has reached its gate.

  Example: correctless gate && gh pr create

Options:
  --log FILE  the decisions log (default: the one of the branch you are on)
  --json      open, status of an unfinished run, digest and the open set, for programs
  --help      show this and exit

Exit: 0 ready to publish, 10 waiting for your confirmation or the run, 3 could not check.
"""


def main(argv: list[str]) -> int:
    """Print one line, or JSON; return 0 for open and 10 for closed.

    Raises: Stop(3) when the gate cannot be checked.
    """
    parsed = args.read("correctless gate", argv, flags=["--json"], values=["--log"])
    if args.wants_help(parsed):
        print(HELP, end="")
        return exits.OK
    if parsed.positional:
        raise Stop(exits.USAGE, f"'{parsed.positional[0]}' is not an option. See correctless gate --help")
    path = parsed.value("--log")
    repo, logs = paths.find_logs(os.getcwd()) if path is None else (None, paths.logs_beside(path))
    state = gate.of(logs, repo, os.environ)
    if "--json" in parsed.flags:
        print(json.dumps(gate.values(state), indent=2))
    elif state.open:
        print("ready to publish: the gate is open, no decision needs your confirmation")
    elif state.before:
        print(typable(f"not ready to publish, the gate is closed: {state.before}"))
    else:
        what = counted(len(state.waiting), "decision needs", "decisions need")
        if (no := state.rejected) is not None:
            note = f": {no.note}" if no.note else ""
            print(one_line(f"rejected by {no.by} ({no.channel}){note}"))
        print(
            typable(f"the gate is closed: {what} your confirmation. Read and answer with: correctless review")
        )
    return exits.OK if state.open else exits.PERSON
