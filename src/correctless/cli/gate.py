"""`correctless gate`: check the gate of this branch, without click.

For CI and other orchestrators.
"""

from __future__ import annotations

import json
import os

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.cli import args, typable
from correctless.project import git, paths
from correctless.review import gate

_HELP = """Usage: correctless gate [--log FILE] [--json]

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
    given = args.read("correctless gate", argv, flags=["--json"], values=["--log"])
    if args.wants_help(given):
        print(_HELP, end="")
        return exits.OK
    if given.words:
        raise Stop(exits.USAGE, f"'{given.words[0]}' is not an option. See correctless gate --help")
    path = given.value("--log")
    here = git.find(os.getcwd()) if path is None else None
    logs = paths.logs(here) if here is not None else paths.logs_beside(path or "")
    found = gate.of(logs, here, os.environ)
    if "--json" in given.flags:
        print(json.dumps(gate.values(found), indent=2))
    elif found.open:
        print("ready to publish: the gate is open, no decision needs your confirmation")
    elif found.before:
        print(typable(f"not ready to publish, the gate is closed: {found.before}"))
    else:
        count = len(found.waiting)
        what = "1 decision needs" if count == 1 else f"{count} decisions need"
        print(
            typable(f"the gate is closed: {what} your confirmation. Read and answer with: correctless review")
        )
    return exits.OK if found.open else exits.PERSON
