"""`scripts/bench`: words in, a table or JSON on standard output and an exit code out."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from importlib import import_module

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
EXAMPLE = """\
example:
  scripts/bench ledger                  # the full run: some minutes, 0.7 GB of disk for a while
  scripts/bench ledger --quick --json   # small sizes: shows that it works, not what is true
  scripts/bench dispatch                # what a step of a run costs beside its agent: half a minute
  scripts/bench report                  # how long the page of a run with 10,000 decisions takes: a minute
  scripts/bench hooks                   # what each tool call waits for: half a minute
  scripts/bench sandbox                 # what the sandbox adds to the start of a command: a few seconds
  scripts/bench contract                # what an agent waits for before a governed action: half a minute
  scripts/bench lint CORPUS --against agnix,skillsaw,skills-ref --peers VENV
  scripts/bench lint CORPUS --precision # how often each rule speaks up, with examples
"""


def main(argv: list[str]) -> int:
    """Run one benchmark; 0 when every row was measured, 2 for wrong words, 3 when something could not be run."""
    # Under -I, as the door starts it, neither this folder's parent nor the package is found.
    sys.path[:0] = [ROOT, os.path.join(ROOT, "src")]
    from correctless.base import exits
    from correctless.base.exits import Stop

    words = _words(argv)
    # A scratch log of half a gigabyte must not stay behind, whoever ends this.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        print(words.run(words))
    except Stop as stop:
        print(f"bench: {stop.message}", file=sys.stderr)
        return stop.code
    except KeyboardInterrupt:
        print("bench: interrupted", file=sys.stderr)
        return exits.INTERRUPTED
    return exits.OK


def _say(line: str) -> None:
    print(f"bench: {line}", file=sys.stderr, flush=True)


def _ledger(words: argparse.Namespace) -> str:
    from bench import ledger, rows

    sizes = words.entries or ((2000,) if words.quick else (100_000, 1_000_000))
    found = ledger.run(sizes=sizes, quick=words.quick, folder=words.folder, root=ROOT, say=_say)
    return rows.as_json(found) if words.json else rows.text(found)


def _plain(words: argparse.Namespace) -> str:
    """A benchmark that is told no more than every one is: the module of its name."""
    from bench import rows

    module = import_module(f"bench.{words.what}")
    found = module.run(quick=words.quick, folder=words.folder, root=ROOT, say=_say)
    return rows.as_json(found) if words.json else rows.text(found)


def _lint(words: argparse.Namespace) -> str:
    import json
    import tempfile

    from bench import lint, precision
    from correctless.base import exits
    from correctless.base.exits import Stop

    if words.precision:
        if words.corpus is None:
            raise Stop(exits.USAGE, "--precision needs a corpus. name a folder of skills")
        with tempfile.TemporaryDirectory(prefix="correctless-bench-", dir=words.folder) as scratch:
            judged = precision.measure(lint.unpacked(words.corpus, scratch))
            return json.dumps(judged.as_dict(), indent=2) if words.json else precision.text(judged)
    found = lint.run(
        words.corpus,
        against=words.against,
        peers=words.peers,
        quick=words.quick,
        folder=words.folder,
        root=ROOT,
        say=_say,
    )
    return json.dumps(found.as_dict(), indent=2) if words.json else lint.text(found)


_PLAIN = (
    ("dispatch", "a step of a run beside its agent, and the memory of an answer", "What the dispatcher itself takes: time a step, and memory for an answer."),
    ("report", "the page of a run with many decisions", "What you wait for between `correctless report` and the page of a run with 10,000 decisions."),
    ("hooks", "what a tool call and a prompt wait for", "What the plugin's hooks take of each tool call and each prompt."),
    ("sandbox", "starting a command in the sandbox", "What the sandbox adds to the start of an agent or a check."),
    ("contract", "asking the run contract, and linting one", "What asking a run's contract takes before each governed action, and a lint of it."),
)  # fmt: skip


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
    plain = [
        commands.add_parser(name, help=said, description=described, epilog=EXAMPLE, formatter_class=how)
        for name, said, described in _PLAIN
    ]
    for each in plain:
        each.set_defaults(run=_plain)
    ledger.set_defaults(run=_ledger)
    lint = commands.add_parser(
        "lint",
        help="lint a corpus of skills, beside other linters",
        description="Lint a corpus of skills, beside other linters that take turns over the same files.",
        epilog=EXAMPLE,
        formatter_class=how,
    )
    lint.add_argument(
        "corpus",
        metavar="CORPUS",
        nargs="?",
        help="a folder of skills, or one packed by tar (default: only trees that are made)",
    )
    lint.add_argument(
        "--against", type=_peers, default=(), metavar="NAMES", help="agnix, skillsaw, skills-ref, with commas"
    )
    lint.add_argument("--peers", metavar="VENV", help="where they are installed (default: PATH)")
    lint.add_argument(
        "--precision", action="store_true", help="how often each rule speaks up, with examples; no times"
    )
    lint.set_defaults(run=_lint)
    for each in (ledger, *plain, lint):
        each.add_argument("--json", action="store_true", help="for programs")
        each.add_argument("--quick", action="store_true", help="small sizes, a few seconds")
        each.add_argument(
            "--folder", metavar="DIR", help="measure on this disk (default: the folder for scratch files)"
        )
    return parser.parse_args(argv)


def _peers(text: str) -> tuple[str, ...]:
    from bench.lint import PEERS

    names = tuple(text.split(","))
    if unknown := [name for name in names if name not in PEERS]:
        raise argparse.ArgumentTypeError(f"'{unknown[0]}' is none of {', '.join(PEERS)}")
    return names


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("not a positive number")
    return number


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
