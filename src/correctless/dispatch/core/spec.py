"""The title and the rules of a specification."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

_RULE = re.compile(r"\bR-\d{3}\b")
_MARK = r"(?:(?:[-*+]|\d+[.)])[ \t]+(?:\[[ xX]\][ \t]+)?|#{1,6}[ \t]+|\|[ \t]*)"
_DEFINED = re.compile(rf"[ \t]*{_MARK}?[*_`\[(]*(R-\d{{3}})\b")
# What was meant as a rule and is none: R-1, R1, R-01, r-001, R-0001 where a rule would be defined.
_NEARLY = r"((?!R-\d{3}\b)[Rr][-–_]?\d{1,6})\b[*_`\])]*"
_MEANT = re.compile(
    rf"[ \t]*(?:{_MARK}?[*_`\[(]*{_NEARLY}(?=[ \t]*[:.|]|[ \t]+[—–-][ \t])|{_MARK}[*_`\[(]*(R-\d{{1,6}})(?=[ \t]|$)(?<!R-\d{{3}}))"
)
_BLOCK = re.compile(r"[ \t]*(?:[-*+][ \t]|\d+[.)][ \t]|#{1,6}[ \t]|\||`{3,}|~{3,})")
_CLOSING = str.maketrans("[(", "])")
_ITEM = re.compile(r"\A[ \t]*(?:[-*+]|\d+[.)])[ \t]+")


def title(spec: str) -> str:
    """Return the first heading, "" without one."""
    return next((line.lstrip("#").strip() for line in spec.splitlines() if line.startswith("#")), "")


def rules(spec: str) -> tuple[str, ...]:
    """Return the rule ids in a specification, each once, in order."""
    return tuple(dict.fromkeys(_RULE.findall(spec)))


def misspelled(spec: str) -> tuple[int, str] | None:
    """Return line and text of the first that begins a line like a rule and is none, such as `R-1:`; None without one."""
    fence, ruled = "", bool(rules(spec))
    for number, line in enumerate(spec.splitlines(), 1):
        bare = line.strip()
        if bare.startswith(("```", "~~~")) and (not fence or bare.startswith(fence)):
            fence = "" if fence else bare[:3]
        meant = _MEANT.match(line) if not fence else None
        # Beside true rules `R1:` is another thing's name, such as a resistor's.
        if meant and not (ruled and (meant[1] or "")[1:2].isdigit()):
            return number, meant[1] or meant[2]
    return None


def repeated(spec: str) -> Iterator[tuple[int, str]]:
    """Yield line and id of each rule that is defined once more outside of code."""
    fence, seen = "", set()
    for number, line in enumerate(spec.splitlines(), 1):
        bare = line.strip()
        if bare.startswith(("```", "~~~")) and (not fence or bare.startswith(fence)):
            fence = "" if fence else bare[:3]
        defined = _DEFINED.match(line) if not fence else None
        if defined and re.match(r"[*_`\])]*[ \t]*:", line[defined.end() :]):
            if defined[1] in seen:
                yield number, defined[1]
            seen.add(defined[1])


def rule_texts(spec: str) -> list[tuple[str, str]]:
    """Return each rule with its text: from where it is defined, or else first named, to the end of its block."""
    lines = spec.splitlines()
    places: dict[str, int] = {}
    for number, line in enumerate(lines):
        if defined := _DEFINED.match(line):
            places.setdefault(defined[1], number)
    for number, line in enumerate(lines):
        for rule in rules(line):
            places.setdefault(rule, number)
    return [(rule, _text(lines, places[rule], rule)) for rule in rules(spec)]


def _text(lines: Sequence[str], at: int, rule: str) -> str:
    before, _, rest = lines[at].partition(rule)
    around = before[len(before.rstrip("*_`[(")) :]
    closing = around[::-1].translate(_CLOSING)
    rest = rest.removeprefix(closing).strip().lstrip(":.—–-").removeprefix(closing).strip()
    row = before.lstrip().startswith("|")
    parts = [rest.strip("| \t") if row else rest]
    following = lines[at + 1 :]
    if before.lstrip().startswith("#") or not parts[0]:  # its text is the paragraph below
        following = following[1:] if following and not following[0].strip() else following
    if not row:
        parts += _continued(following, _indent(lines[at]))
    return " ".join(part for part in parts if part)


def _continued(lines: Sequence[str], indent: int) -> list[str]:
    """Return the lines that belong to a block which began at `indent`: its own, and the items below it."""
    parts: list[str] = []
    for line in lines:
        if not line.strip() or _DEFINED.match(line) or (_BLOCK.match(line) and _indent(line) <= indent):
            break
        parts.append(_ITEM.sub("", line).strip())
    return parts


def _indent(line: str) -> int:
    return len(line.expandtabs(4)) - len(line.expandtabs(4).lstrip())
