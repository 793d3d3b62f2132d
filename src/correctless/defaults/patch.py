"""Suggestions written into the text of a SKILL.md: entries in canonical form, and no other byte changed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from correctless.defaults.suggestions import Suggestion, Suggestions, Unsuggested
from correctless.lint.check import check
from correctless.lint.settings import Settings
from correctless.lint.subject.kinds import SKILL
from correctless.skill import defaults
from correctless.skill.contract import SkillContract, of_text
from correctless.skill.defaults import Default
from correctless.syntax.finding import Finding
from correctless.syntax.markdown import CODE, COMMENT, Section

_LINES = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+")
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class SkillPatch:
    """The bytes of a SKILL.md before and after, and the suggestions that are written in it."""

    path: str
    before: bytes
    after: bytes
    suggestions: Suggestions


def canonical(entry: Default) -> str:
    """Return an entry as a line of the canonical form."""
    rationale = f"Rationale: {entry.rationale.rstrip('.')}."
    if entry.escalate:
        what = f"{entry.subject} — `escalate: always`. Default if deferred: {entry.choice}."
    else:
        what = (
            f"{entry.subject} — {entry.choice} (default)." if entry.subject else f"{entry.choice} (default)."
        )
    return f"- **{entry.id}**: {what} {rationale}"


def of(data: bytes, path: str, suggestions: Suggestions) -> SkillPatch:
    """Return the patch of all suggestions that can be written; each other one is named with the reason.

    A written entry is read again as exactly what was suggested, all other entries as before, and the linter finds nothing new.
    """
    found: list[Suggestion] = []
    others = list(suggestions.others)
    after = data
    for each in suggestions.found:
        written = _written(after, path, each)
        if isinstance(written, str):
            others.append(Unsuggested(each.evidence, written))
        else:
            after = written
            found.append(each)
    return SkillPatch(path, data, after, Suggestions(tuple(found), tuple(others)))


def _written(data: bytes, path: str, suggestion: Suggestion) -> bytes | str:
    """Return the bytes with one suggestion, or why it cannot be written."""
    contract = of_text(data, path)
    sections = defaults.sections(contract.text)
    if (
        len(sections) != 1
        or not contract.defaults
        or contract.interaction_mode not in ("hybrid", "autonomous")
    ):
        return (
            "the skill has no section ## Autonomous Defaults with an entry, or states no mode. fix that first"
        )
    try:
        text = data.removeprefix(_BOM).decode()
    except UnicodeDecodeError:
        return "the file is not UTF-8. save it as UTF-8 first"
    blocks = list(_blocks(sections[0]))
    line = canonical(suggestion.entry)
    lines = _LINES.findall(text)
    if suggestion.before is None:
        _, last, _ = blocks[-1]
        edited = _inserted(lines, blocks, last, line)
    else:
        position = contract.defaults.index(suggestion.before)
        first, last, is_plain = blocks[position]
        if not is_plain or "<!--" in "".join(lines[first - 1 : last]):
            return f"{suggestion.before.id} has code or a comment in it. change it by hand"
        edited = _replaced(lines, first, last, line)
    after = data[: len(data) - len(data.removeprefix(_BOM))] + edited.encode()
    if _entries(of_text(after, path)) != _expected(contract, suggestion):
        return "written as an entry it would be read as something else"
    if new := _new_finding(path, data, after):
        return f"the linter would not accept it: {new}"
    return after


def _blocks(section: Section) -> Iterator[tuple[int, int, bool]]:
    """Yield first and last line of each entry, and whether all lines between are text."""
    for first, _, last in defaults.blocks(section):
        inner = [each for each in section.lines if first.number <= each.number <= last]
        yield first.number, last, all(each.kind not in (CODE, COMMENT) for each in inner)


def _inserted(lines: Sequence[str], blocks: Sequence[tuple[int, int, bool]], last: int, line: str) -> str:
    newline = _newline(lines)
    indent = re.match(r"[ \t]*", lines[blocks[-1][0] - 1])
    apart = len(blocks) > 1 and not lines[blocks[-1][0] - 2].strip()
    before, after = list(lines[:last]), lines[last:]
    ends = before[-1].endswith(("\n", "\r"))
    if not ends:
        before[-1] += newline
    row = f"{newline if apart else ''}{indent[0] if indent else ''}{line}{newline if ends else ''}"
    return "".join([*before, row, *after])


def _replaced(lines: Sequence[str], first: int, last: int, line: str) -> str:
    indent = re.match(r"[ \t]*", lines[first - 1])
    end = re.search(r"[\r\n]*\Z", lines[last - 1])
    row = f"{indent[0] if indent else ''}{line}{end[0] if end else ''}"
    return "".join([*lines[: first - 1], row, *lines[last:]])


def _newline(lines: Sequence[str]) -> str:
    return "\r\n" if lines and lines[0].endswith("\r\n") else "\n"


def _entries(contract: SkillContract) -> list[Default]:
    return [each._replace(line=0, rationale=each.rationale.rstrip(".")) for each in contract.defaults]


def _expected(contract: SkillContract, suggestion: Suggestion) -> list[Default]:
    entry = suggestion.entry._replace(line=0, rationale=suggestion.entry.rationale.rstrip("."))
    before = _entries(contract)
    if suggestion.before is None:
        return [*before, entry]
    position = contract.defaults.index(suggestion.before)
    return [*before[:position], entry, *before[position + 1 :]]


def _new_finding(path: str, before: bytes, after: bytes) -> str:
    """Return the first finding that the linter has of the new text alone; "" without one."""
    known = Counter((each.rule, each.message) for each in _findings(path, before))
    for each in _findings(path, after):
        if not known[each.rule, each.message]:
            return f"{each.message} [{each.rule}]"
        known[each.rule, each.message] -= 1
    return ""


def _findings(path: str, data: bytes) -> tuple[Finding, ...]:
    return check(path, SKILL, data, Settings(contract=True), ()).findings
