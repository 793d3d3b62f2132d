"""`scripts/bench`: words in, a table or JSON on standard output and an exit code out."""

from __future__ import annotations

import argparse
import os
import signal
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
EXAMPLE = """\
example:
  scripts/bench ledger                  # the full run: some minutes, 0.7 GB of disk for a while
  scripts/bench ledger --quick --json   # small sizes: shows that it works, not what is true
  scripts/bench dispatch                # what a step of a run costs beside its agent: half a minute
"""


def main(argv: list[str]) -> int:
    """Run one benchmark; 0 when every row was measured, 2 for wrong words, 3 when something could not be run."""
    # Under -I, as the door starts it, neither this folder's parent nor the package is found.
    sys.path[:0] = [ROOT, os.path.join(ROOT, "src")]
    from bench import dispatch, ledger, rows
    from correctless import exits
    from correctless.exits import Stop

    words = _words(argv)
    # A scratch log of half a gigabyte must not stay behind, whoever ends this.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)

    def say(line: str) -> None:
        print(f"bench: {line}", file=sys.stderr, flush=True)

    try:
        if words.what == "dispatch":
            found = dispatch.run(quick=words.quick, folder=words.folder, root=ROOT, say=say)
        else:
            sizes = words.entries or ((2000,) if words.quick else (100_000, 1_000_000))
            found = ledger.run(sizes=sizes, quick=words.quick, folder=words.folder, root=ROOT, say=say)
    except Stop as stop:
        print(f"bench: {stop.message}", file=sys.stderr)
        return stop.code
    except KeyboardInterrupt:
        print("bench: interrupted", file=sys.stderr)
        return exits.INTERRUPTED
    print(rows.as_json(found) if words.json else rows.text(found))
    return exits.OK


def _words(argv: list[str]) -> argparse.Namespace:
    how = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        "scripts/bench", description=__doc__, epilog=EXAMPLE, formatter_class=how
    )
    commands = parser.add_subparsers(title="benchmarks", metavar="WHAT", dest="what", required=True)
    ledger = commands.add_parser(
        "ledger",
        help="append, verify and count the decisions log",
        description="Append, verify and count the decisions log, each beside what it can't be faster than.",
        epilog=EXAMPLE,
        formatter_class=how,
    )
    ledger.add_argument(
        "--entries",
        type=_positive,
        nargs="+",
        metavar="N",
        help="sizes of the logs that are verified and counted",
    )
    dispatch = commands.add_parser(
        "dispatch",
        help="a step of a run beside its agent, and the memory of an answer",
        description="What the dispatcher itself takes: time a step, and memory for an answer.",
        epilog=EXAMPLE,
        formatter_class=how,
    )
    for each in (ledger, dispatch):
        each.add_argument("--json", action="store_true", help="for programs")
        each.add_argument("--quick", action="store_true", help="small sizes, a few seconds")
        each.add_argument(
            "--folder", metavar="DIR", help="measure on this disk (default: the folder for scratch files)"
        )
    return parser.parse_args(argv)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("not a positive number")
    return number


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
