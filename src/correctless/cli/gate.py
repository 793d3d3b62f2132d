"""`correctless gate`: is the gate of this branch open? For other orchestrators and CI; answered without click."""

from __future__ import annotations

import json
import os

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.cli import args, typable
from correctless.project import git, paths
from correctless.review import gate

_HELP = """Usage: correctless gate [--log FILE] [--json]

  Is the gate open? It is closed while a decision that was deferred to a person is not confirmed, and until the branch's
  run has come to it.

  Example: correctless gate && gh pr create

Options:
  --log FILE  the decisions log (default: the one of the branch you are on)
  --json      open, where an unfinished run stands, digest and the open set, for programs
  --help      show this and exit

Exit: 0 open, 10 closed, 3 could not check.
"""


def main(argv: list[str]) -> int:
    """Print one line, or JSON, and return 0 open, 10 closed; `Stop(3)` when it can't be said."""
    given = args.read("correctless gate", argv, flags=["--json"], values=["--log"])
    if args.wants_help(given):
        print(_HELP, end="")
        return exits.OK
    if given.words:
        raise Stop(exits.USAGE, f"'{given.words[0]}' is not an option. see correctless gate --help")
    path = given.value("--log")
    here = git.find(os.getcwd()) if path is None else None
    logs = paths.logs(here) if here is not None else paths.logs_beside(path or "")
    found = gate.of(logs, here, os.environ)
    if "--json" in given.flags:
        print(json.dumps(gate.values(found), indent=2))
    elif found.open:
        print("the gate is open: nothing waits for a person")
    elif found.before:
        print(typable(f"the gate is closed: {found.before}"))
    else:
        count = len(found.waiting)
        what = "1 decision waits" if count == 1 else f"{count} decisions wait"
        print(typable(f"the gate is closed: {what} for a person. read and answer with: correctless review"))
    return exits.OK if found.open else exits.PERSON
