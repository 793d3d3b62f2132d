"""`correctless rules`: list the linter's rules, or show one, without click."""

from __future__ import annotations

import shutil
import sys
import textwrap

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.cli import args, spell_anything
from correctless.lint import rules
from correctless.lint.rules import FAMILIES, RULES

TYPE_CHECKING = False  # typing costs 2 ms to import
if TYPE_CHECKING:
    from correctless.lint.rules import Rule

HELP = """Usage: correctless rules [ID]

  List the linter's rules, or show one: why, what happens at run time, wrong, right, and the fix.

  Example: correctless rules deferred-default

Options:
  --help  show this and exit

Exit: 0 shown, 2 unknown rule.
"""


def main(argv: list[str]) -> int:
    """Print the list, or one page, in Markdown.

    Raises: Stop(2) for an unknown rule.
    """
    spell_anything()
    parsed = args.read("correctless rules", argv)
    if args.wants_help(parsed):
        print(HELP, end="")
        return exits.OK
    if not parsed.positional:
        print(table(shutil.get_terminal_size((80, 24)).columns) if sys.stdout.isatty() else index(), end="")
        return exits.OK
    rule = next((rule for rule in RULES if parsed.positional[0] == rule.ID), None)
    if rule is None or len(parsed.positional) > 1:
        from difflib import get_close_matches

        near = get_close_matches(parsed.positional[0], [rule.ID for rule in RULES], n=1)
        raise Stop(
            exits.USAGE,
            f"no rule '{' '.join(parsed.positional)}' found. Write {near[0] if near else 'correctless rules'}",
        )
    print(page(rule), end="")
    return exits.OK


def table(columns: int) -> str:
    """Return all rules in aligned columns, for a terminal of this width."""
    id_width = max(len(rule.ID) for rule in RULES)
    severity_width = max(len(rule.SEVERITY) for rule in RULES)
    indent = 2 + id_width + 2 + severity_width + 2
    lines = []
    for family, members in FAMILIES.items():
        lines += [family, ""]
        for rule in members:
            text = textwrap.wrap(_short(rule), max(columns - indent - 1, 30))
            first = f"  {rule.ID:<{id_width}}  {rule.SEVERITY:<{severity_width}}  {text[0]}"
            lines += [first, *(" " * indent + line for line in text[1:])]
        lines.append("")
    return "\n".join([*lines, "Show one: correctless rules ID", ""])


def index() -> str:
    """Return all rules as tables in Markdown, one for each family."""
    lines = ["# Rules", ""]
    for family, members in FAMILIES.items():
        lines += [f"## {family}", "", "| rule | severity | what it asks for |", "| --- | --- | --- |"]
        lines += [f"| [{rule.ID}]({rule.ID}.md) | {rule.SEVERITY} | {_short(rule)} |" for rule in members]
        lines.append("")
    return "\n".join(lines)


def page(rule: Rule) -> str:
    """Return the page of one rule."""
    reads = ", ".join(rule.READS) or "any file"
    return f"# {rule.ID}\n\nSeverity: {rule.SEVERITY}. Reads: {reads}.\n\n{(rule.__doc__ or '').strip()}\n"


def described() -> list[tuple[str, str, str, str]]:
    """Return id, severity, first line and page of each rule."""
    return [(rule.ID, rule.SEVERITY, _short(rule), page(rule)) for rule in rules.RULES]


def _short(rule: Rule) -> str:
    return (rule.__doc__ or "").strip().partition("\n")[0]
