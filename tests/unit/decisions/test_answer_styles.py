"""Ways an agent may write down two decisions: none of them is lost while the gate is open.

Each way is written out. Those of the marker, of the objects and of the line ends are also combined with each other.
"""

from __future__ import annotations

import json
import re
import time
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from answer_forms import END, FREE, NONCE, ONE, START, TWO, A, B, obj
from correctless.decisions.capture import Captured, capture
from correctless.ledger.ledger import Ledger
from correctless.project import paths as repo
from correctless.review.gate import evaluate
from correctless.runlog import branch

LINES = f"{A}\n{B}"

MARKERS = {
    "as shown": START,
    "lower case": START.lower(),
    "title case": f"Autonomous_Decisions_Start {NONCE}",
    "upper-case nonce": f"AUTONOMOUS_DECISIONS_START {NONCE.upper()}",
    "mixed-case nonce": "AUTONOMOUS_DECISIONS_START 7f3A91C2",
    "nonce in double quotes": f'AUTONOMOUS_DECISIONS_START "{NONCE}"',
    "nonce in single quotes": f"AUTONOMOUS_DECISIONS_START '{NONCE}'",
    "nonce in typographic quotes": f"AUTONOMOUS_DECISIONS_START “{NONCE}”",
    "nonce in guillemets": f"AUTONOMOUS_DECISIONS_START «{NONCE}»",
    "nonce in brackets": f"AUTONOMOUS_DECISIONS_START [{NONCE}]",
    "nonce in parentheses": f"AUTONOMOUS_DECISIONS_START ({NONCE})",
    "nonce in braces": f"AUTONOMOUS_DECISIONS_START {{{NONCE}}}",
    "nonce in angle brackets": f"AUTONOMOUS_DECISIONS_START <{NONCE}>",
    "nonce in backticks": f"AUTONOMOUS_DECISIONS_START `{NONCE}`",
    "hexadecimal": f"AUTONOMOUS_DECISIONS_START 0x{NONCE}",
    "with a hash sign": f"AUTONOMOUS_DECISIONS_START #{NONCE}",
    "full-width nonce": "AUTONOMOUS_DECISIONS_START ７ｆ３ａ９１ｃ２",
    "full-width marker": f"ＡＵＴＯＮＯＭＯＵＳ＿ＤＥＣＩＳＩＯＮＳ＿ＳＴＡＲＴ {NONCE}",
    "mathematical nonce": "AUTONOMOUS_DECISIONS_START 𝟕𝐟𝟑𝐚𝟗𝟏𝐜𝟐",
    "nonce with a zero-width space": "AUTONOMOUS_DECISIONS_START 7f3a\u200b91c2",
    "nonce with a soft hyphen": "AUTONOMOUS_DECISIONS_START 7f3a\u00ad91c2",
    "nonce in two halves": "AUTONOMOUS_DECISIONS_START 7f3a 91c2",
    "nonce with a hyphen": "AUTONOMOUS_DECISIONS_START 7f3a-91c2",
    "nonce with an equals sign": f"AUTONOMOUS_DECISIONS_START nonce={NONCE}",
    "nonce named": f"AUTONOMOUS_DECISIONS_START nonce: {NONCE}",
    "nonce before": f"{NONCE} AUTONOMOUS_DECISIONS_START",
    "nonce twice": f"{START} {NONCE}",
    "nonce at once": f"AUTONOMOUS_DECISIONS_START{NONCE}",
    "nonce behind an underscore": f"AUTONOMOUS_DECISIONS_START_{NONCE}",
    "nonce behind a colon": f"AUTONOMOUS_DECISIONS_START: {NONCE}",
    "nonce behind a tab": f"AUTONOMOUS_DECISIONS_START\t{NONCE}",
    "nonce behind a no-break space": f"AUTONOMOUS_DECISIONS_START\u00a0{NONCE}",
    "nonce on the next line": f"AUTONOMOUS_DECISIONS_START\n{NONCE}",
    "nonce with a stop": f"{START}.",
    "nonce with a letter too many": f"{START}a",
    "colon behind": f"{START}:",
    "dashes behind": f"{START} ---",
    "dashes around": f"--- {START} ---",
    "equals signs around": f"==== {START} ====",
    "escaped underscores": f"AUTONOMOUS\\_DECISIONS\\_START {NONCE}",
    "blanks for underscores": f"AUTONOMOUS DECISIONS START {NONCE}",
    "hyphens for underscores": f"AUTONOMOUS-DECISIONS-START {NONCE}",
    "no underscores": f"AUTONOMOUSDECISIONSSTART {NONCE}",
    "blanks around underscores": f"AUTONOMOUS _ DECISIONS _ START {NONCE}",
    "zero-width space in the marker": f"AUTONOMOUS_DECI\u200bSIONS_START {NONCE}",
    "word joiner in the marker": f"AUTONOMOUS\u2060_DECISIONS_START {NONCE}",
    "one letter less": f"AUTONOMUS_DECISIONS_START {NONCE}",
    "one letter more": f"AUTONOMOUS_DECISIONSS_START {NONCE}",
    "singular": f"AUTONOMOUS_DECISION_START {NONCE}",
    "two letters turned": f"AUTONOMOUS_DECISIONS_STRAT {NONCE}",
    "one letter wrong": f"AUTONOMOUS_DECISIONS_STARS {NONCE}",
    "another word for autonomous": f"AGENT_DECISIONS_START {NONCE}",
    "without autonomous": f"DECISIONS_START {NONCE}",
    "begin for start": f"AUTONOMOUS_DECISIONS_BEGIN {NONCE}",
    "bold": f"**{START}**",
    "bold and spaced": f"** {START} **",
    "underlined": f"__{START}__",
    "italic": f"*{START}*",
    "struck out": f"~~{START}~~",
    "code span": f"`{START}`",
    "heading": f"## {START}",
    "heading closed": f"## {START} ##",
    "underlined heading": f"{START}\n======",
    "quoted": f"> {START}",
    "quoted twice": f">> {START}",
    "list item": f"- {START}",
    "numbered": f"1. {START}",
    "lettered": f"a) {START}",
    "task": f"- [x] {START}",
    "table cell": f"| {START} |",
    "comment of C": f"/* {START} */",
    "comment of Python": f"# {START}",
    "comment of SQL": f"-- {START}",
    "comment of a line": f"// {START}",
    "comment of HTML": f"<!-- {START} -->",
    "element": f"<b>{START}</b>",
    "tag": f"<{START}>",
    "closed tag": f"[{START}]",
    "in braces": f"{{{{{START}}}}}",
    "in quotes": f'"{START}"',
    "in a sentence": f"Here is the block, {START}, as asked:",
    "at the end of a sentence": f"Done. {START}",
    "before a sentence": f"{START} follows",
    "coloured": f"\x1b[1m{START}\x1b[0m",
    "added line": f"+{START}",
    "numbered line": f"  12\t{START}",
    "line of a shell": f"$ echo {START}",
    "byte order mark": f"\ufeff{START}",
    "right-to-left mark": f"\u200f{START}",
    "NUL before": f"\0{START}",
    "bell behind": f"{START}\a",
}

OBJECTS = {
    "lines": LINES,
    "commas": f"{A},\n{B},",
    "semicolons": f"{A};\n{B};",
    "one line": f"{A} {B}",
    "without a space": f"{A}{B}",
    "array": f"[{A}, {B}]",
    "array over lines": f"[\n  {A},\n  {B}\n]",
    "array in an object": f'{{"decisions": [{A}, {B}]}}',
    "array in an array": f"[[{A}, {B}]]",
    "array that never closes": f"[{A},\n{B}",
    "pretty": json.dumps(json.loads(A), indent=2) + "\n" + json.dumps(json.loads(B), indent=2),
    "pretty, quoted": "> " + json.dumps([json.loads(A), json.loads(B)], indent=2).replace("\n", "\n> "),
    "bullets": f"- {A}\n- {B}",
    "stars": f"* {A}\n* {B}",
    "typographic bullets": f"• {A}\n• {B}",
    "numbers": f"1. {A}\n2. {B}",
    "numbers in parentheses": f"(1) {A}\n(2) {B}",
    "tasks": f"- [x] {A}\n- [ ] {B}",
    "code spans": f"`{A}`\n`{B}`",
    "bold": f"**{A}**\n**{B}**",
    "quotes": f"> {A}\n> {B}",
    "headings": f"### {A}\n### {B}",
    "added lines": f"+{A}\n+{B}",
    "removed lines": f"-{A}\n-{B}",
    "a hunk": f"@@ -0,0 +1,2 @@\n+{A}\n+{B}",
    "line numbers": f"     1\t{A}\n     2\t{B}",
    "line numbers with an arrow": f"     1→{A}\n     2→{B}",
    "line numbers with a colon": f"1:{A}\n2:{B}",
    "indented": f"    {A}\n    {B}",
    "tabs": f"\t{A}\n\t{B}",
    "fence": f"```json\n{LINES}\n```",
    "tildes": f"~~~\n{LINES}\n~~~",
    "fence that never closes": f"```json\n{LINES}",
    "fence with attributes": f"```json title=x\n{LINES}\n```",
    "elements": f"<decision>{A}</decision>\n<decision>{B}</decision>",
    "table": f"| n | decision |\n|---|---|\n| 1 | {A} |\n| 2 | {B} |",
    "table of fields": f"| id | choice |\n|---|---|\n| AD-001 | {ONE} |\n| AD-003 | {TWO} |",
    "separated values": f"decision_id,default_applied\nAD-001,{ONE}\nAD-003,{TWO}",
    "tab-separated values": f"decision_id\tdefault_applied\nAD-001\t{ONE}\nAD-003\t{TWO}",
    "YAML list": f"- decision_id: AD-001\n  default_applied: {ONE}\n- decision_id: AD-003\n  default_applied: {TWO}",
    "YAML documents": f"decision_id: AD-001\ndefault_applied: {ONE}\n---\ndecision_id: AD-003\ndefault_applied: {TWO}",
    "YAML mapping": f"AD-001: {ONE}\nAD-003: {TWO}",
    "TOML": f'[[decision]]\ndecision_id = "AD-001"\ndefault_applied = "{ONE}"\n[[decision]]\ndecision_id = "AD-003"\ndefault_applied = "{TWO}"',
    "XML": f'<decision decision_id="AD-001">{ONE}</decision>\n<decision decision_id="AD-003">{TWO}</decision>',
    "properties": f"AD-001={ONE}\nAD-003={TWO}",
    "Python": f"{{'decision_id': 'AD-001', 'default_applied': '{ONE}'}}\n{{'decision_id': 'AD-003', 'default_applied': '{TWO}'}}",
    "JavaScript": f"{{decision_id: 'AD-001', default_applied: '{ONE}'}}\n{{decision_id: 'AD-003', default_applied: '{TWO}'}}",
    "JSON5": f"{A[:-1]},}} // the first\n{B[:-1]},}} // the second",
    "typographic quotes": LINES.replace('"', "”"),
    "escaped once more": json.dumps(LINES),
    "HTML entities": LINES.replace('"', "&quot;"),
    "backslashes before quotes": LINES.replace('"', '\\"'),
    "prose": f"For AD-001 I took {ONE}, because. For AD-003 I took {TWO}.",
    "prose between": f"First:\n{A}\nand then:\n{B}\nThat is all.",
    "labels": f"Decision 1: {A}\nDecision 2: {B}",
    "ids before": f"AD-001: {A}\nAD-003: {B}",
    "names of a call": f"record_decision({A})\nrecord_decision({B})",
    "missing brace": f"{A[:-1]}\n{B}",
    "spare brace": f"{A}}}\n{B}",
    "odd quotes": f'"{A}\n"{B}',
    "ellipsis": f"{A}\n...\n{B}",
    "comment": f"// as listed\n{A}\n// and\n{B}",
    "blank lines": f"\n\n{A}\n\n\n{B}\n\n",
    "sequence of records": f"\x1e{A}\n\x1e{B}",
    "spaces of other scripts": f"\u3000{A}\n\u3000{B}",
    "zero-width spaces before": f"\u200b{A}\n\u200b{B}",
    "keys in another case": LINES.replace("decision_id", "Decision_ID"),
    "keys in camel case": LINES.replace("decision_id", "decisionId").replace(
        "default_applied", "defaultApplied"
    ),
    "other keys": LINES.replace("decision_id", "id").replace("default_applied", "choice"),
    "no ids": f"{obj(None, ONE)}\n{obj(None, TWO)}",
    "unknown ids": f"{obj('AD-098', ONE)}\n{obj('AD-099', TWO)}",
    "the same id": f"{obj('AD-001', ONE)}\n{obj('AD-001', TWO)}",
}

ENDS_OF_LINES = {
    "LF": "\n",
    "CRLF": "\r\n",
    "CR": "\r",
    "NEL": "\x85",
    "VT": "\v",
    "FF": "\f",
    "LS": "\u2028",
    "PS": "\u2029",
    "FS": "\x1c",
    "GS": "\x1d",
    "RS": "\x1e",
    "a blank": " ",
    "two blanks": "  ",
    "nothing": "",
    "a tab": "\t",
    "an escaped LF": "\\n",
    "an element": "<br>",
    "an arrow": " ↵ ",
}

ENDS = {
    "as shown": END,
    "with the nonce": f"{END} {NONCE}",
    "with another nonce": f"{END} 00000000",
    "bold": f"**{END}**",
    "lower case": END.lower(),
    "escaped": "AUTONOMOUS\\_DECISIONS\\_END",
    "misspelled": "AUTONOMOUS_DECISIONS_EDN",
    "as a closing tag": f"</{START}>",
    "a stop behind": f"{END}.",
    "missing": "",
    "a start again": START,
    "before its time": f"{END}\n{END}",
}

# The whole answer, where something else than its form is odd.
WHOLE = {
    "the end before the start": f"{END}\n{LINES}\n{START}",
    "objects before the block": f"{LINES}\n{START}\n{END}",
    "objects behind the block": f"{START}\n{END}\n{LINES}",
    "one in the block, one behind": f"{START}\n{A}\n{END}\n{B}",
    "one before the block, one in it": f"{A}\n{START}\n{B}\n{END}",
    "one in the block, one in a sentence behind": f"{START}\n{A}\n{END}\nAD-003: {TWO}",
    "one in the block, one in a table behind": f"{START}\n{A}\n{END}\n| AD-003 | {TWO} |",
    "one in the block, one with other keys behind": f'{START}\n{A}\n{END}\n{{"id": "AD-003", "choice": "{TWO}"}}',
    "one in the block, one as YAML behind": f"{START}\n{A}\n{END}\ndecision_id: AD-099\ndefault_applied: {TWO}",
    "one in the block, one as Python behind": f"{START}\n{A}\n{END}\n{{'decision_id': 'AD-099', 'default_applied': '{TWO}'}}",
    "one in the block, one without an id behind": f"{START}\n{A}\n{END}\n{obj(None, TWO)}",
    "one in the block, the same id again behind": f"{START}\n{A}\n{END}\n{obj('AD-001', TWO)}",
    "one in a good block, one in a bold one": f"{START}\n{A}\n{END}\n**{START}**\n{B}\n{END}",
    "one in a bold block, one in a good one": f"**{START}**\n{A}\n{END}\n{START}\n{B}\n{END}",
    "an empty block and a list": f"{START}\n{END}\n- AD-001: {ONE}\n- AD-003: {TWO}",
    "an empty block and a table": f"| AD-001 | {ONE} |\n| AD-003 | {TWO} |\n{START}\n{END}",
    "two blocks": f"{START}\n{A}\n{END}\nMore:\n{START}\n{B}\n{END}",
    "two blocks, the first never ends": f"{START}\n{A}\nMore:\n{START}\n{B}\n{END}",
    "a block in each of two messages and words behind": f"{START}\n{A}\n{END}\nGoing on.\n{START}\n{B}\n{END}\nDone.",
    "a block inside of a block": f"{START}\n{START}\n{LINES}\n{END}\n{END}",
    "all on one line": f"{START} {A} {B} {END}",
    "two blocks on one line": f"{START} {A} {END} {START} {B} {END}",
    "the first object on the line of the marker": f"{START} {A}\n{B}\n{END}",
    "the end behind the last object": f"{START}\n{A}\n{B} {END}",
    "all in a code span": f"`{START} {A} {B} {END}`",
    "all in a table row": f"| {START} | {A} | {B} | {END} |",
    "all as a JSON string": json.dumps(f"{START}\n{LINES}\n{END}"),
    "all in an object": json.dumps({"answer": f"{START}\n{LINES}\n{END}"}),
    "all as HTML": f"<pre>{START}\n{LINES}\n{END}</pre>",
    "all as a heredoc": f"cat <<EOF\n{START}\n{LINES}\n{END}\nEOF",
    "all as printf": f"printf '%s\\n' '{START}' '{A}' '{B}' '{END}'",
    "all as a diff": "\n".join(f"+{line}" for line in [START, A, B, END]),
    "all numbered": "\n".join(f"{n:6}\t{line}" for n, line in enumerate([START, A, B, END], 1)),
    "all quoted deeply": "\n".join(f"> > > {line}" for line in [START, A, B, END]),
    "all in bullets": "\n".join(f"- {line}" for line in [START, A, B, END]),
    "only the nonce, then objects": f"{NONCE}\n{LINES}",
    "the nonce at the end": f"{LINES}\n{NONCE}",
    "the nonce in each object": f'{A[:-1]}, "nonce": "{NONCE}"}}\n{B[:-1]}, "nonce": "{NONCE}"}}',
    "the nonce as a key": f'{{"{NONCE}": [{A}, {B}]}}',
    "the nonce in a fence's language": f"```{NONCE}\n{LINES}\n```",
    "an element with the nonce": f'<decisions nonce="{NONCE}">\n{LINES}\n</decisions>',
    "the marker without a nonce": f"AUTONOMOUS_DECISIONS_START\n{LINES}\n{END}",
    "the marker with the word nonce": f"AUTONOMOUS_DECISIONS_START NONCE\n{LINES}\n{END}",
    "the marker with a placeholder": f"AUTONOMOUS_DECISIONS_START <nonce>\n{LINES}\n{END}",
    "the marker with a digit wrong": f"AUTONOMOUS_DECISIONS_START 7f3a91c3\n{LINES}\n{END}",
    "the marker with a digit less": f"AUTONOMOUS_DECISIONS_START 7f3a91c\n{LINES}\n{END}",
    "another marker": f"DECISIONS:\n{LINES}\nEND",
    "no marker, lines": LINES,
    "no marker, fence": f"Decisions taken:\n```json\n[{A},\n{B}]\n```",
    "no marker, list": f"- AD-001: {ONE}\n- AD-003: {TWO}",
    "no marker, prose": f"At AD-001 I took {ONE}, at AD-003 {TWO}.",
    "no marker, ids in lower case": f"ad-001: {ONE}, ad-003: {TWO}",
    "no marker, ids with blanks": f"AD 001: {ONE}, AD 003: {TWO}",
    "no marker, ids with other hyphens": f"AD\u2011001: {ONE}, AD–003: {TWO}",
    "no marker, ids without zeros' hyphen": f"AD001: {ONE}, AD003: {TWO}",
    "no marker, ids with underscores": f"AD_001: {ONE}, AD_003: {TWO}",
    "no marker, bold ids": f"**AD-001** {ONE}, **AD-003** {TWO}",
    "no marker, a default by its words": f"I chose to follow the neighbours, see {ONE} and {TWO}.",
    "no marker, a default in bold": f"I chose to **use the one the repository has**: {ONE}, {TWO}.",
    "no marker, a default over two lines": f"I chose to use the one\nthe repository has: {ONE}, {TWO}.",
    "no marker, other keys": f'{{"id": "AD-001", "choice": "{ONE}"}} {{"id": "AD-003", "choice": "{TWO}"}}',
    "no marker, objects without ids": f"{obj(None, ONE)}\n{obj(None, TWO)}",
    "no marker, ids of no contract": f"{obj('AD-098', ONE)}\n{obj('AD-099', TWO)}",
}


def read(answer: str) -> Captured:
    where: dict[str, Any] = {"run": "r1", "step": "demo", "attempt": 1}
    return capture(answer, FREE, **where, nonce=NONCE, now="2026-07-01T02:10:00.000Z", kept="kept")


def is_open(found: Captured) -> bool:
    return not any(decision.escalation_deferred for decision in found.decisions)


def lost(answer: str) -> list[str]:
    """The words that are in no record while the gate is open, or nowhere at all."""
    found = read(answer)
    recorded = " ".join(
        decision.default_applied + json.dumps(dict(decision.extra)) for decision in found.decisions
    )
    kept = " ".join(piece.text for piece in found.kept)
    seen = recorded if is_open(found) else recorded + kept
    return [word for word in (ONE, TWO) if word not in seen]


def block(marker: str = START, objects: str = LINES, end: str = END, line: str = "\n") -> str:
    text = "\n".join(part for part in ("I am done.", marker, objects, end, "Bye.") if part)
    return text.replace("\n", line)


STYLES = {
    **{f"marker, {name}": block(marker=marker) for name, marker in MARKERS.items()},
    **{f"objects, {name}": block(objects=objects) for name, objects in OBJECTS.items()},
    **{f"line ends, {name}": block(line=line) for name, line in ENDS_OF_LINES.items()},
    **{f"end, {name}": block(end=end) for name, end in ENDS.items()},
    **{f"whole, {name}": whole for name, whole in WHOLE.items()},
}


def test_there_are_two_hundred_styles_and_no_two_are_the_same() -> None:
    assert len({*STYLES.values()}) >= 200
    assert all(ONE in answer and TWO in answer for answer in STYLES.values())


@pytest.mark.parametrize("style", STYLES)
def test_no_style_loses_a_decision_while_the_gate_is_open(style: str) -> None:
    assert lost(STYLES[style]) == []
    assert lost(f"Let me look.\n{STYLES[style]}\nThat was all.\n") == []


def test_no_styles_together_lose_a_decision_while_the_gate_is_open() -> None:
    parts = product(MARKERS.values(), OBJECTS.values(), ("\n", "\x85", " "))
    answers = [block(marker=marker, objects=objects, line=line) for marker, objects, line in parts]
    answers += [
        block(objects=objects, end=end, line=line)
        for objects, end, line in product(OBJECTS.values(), ENDS.values(), ENDS_OF_LINES.values())
    ]
    assert [answer for answer in answers if lost(answer)] == []


def test_the_styles_that_are_read_whole_leave_the_gate_open_and_the_real_gate_says_the_same(
    tmp_path: Path,
) -> None:
    opened = []
    for number, (style, answer) in enumerate(STYLES.items()):
        found = read(answer)
        log = tmp_path / str(number) / "log.jsonl"
        log.parent.mkdir()
        ledger = Ledger(str(log))
        ledger.create()
        for decision in found.decisions:
            ledger.append(decision.fields())
        assert evaluate(branch.load(repo.logs_beside(str(log)))).open == is_open(found)
        if is_open(found):
            opened.append(style)
    assert opened == [f"{kind}, {name}" for kind, names in OPEN.items() for name in names]


# Written as asked, or so near to it that nothing of the block is left over.
OPEN = {
    "marker": [
        "as shown",
        "nonce behind a tab",
        "nonce behind a no-break space",
        "quoted",
        "quoted twice",
        "list item",
        "numbered",
        "byte order mark",
    ],
    "objects": [
        "lines",
        "commas",
        "one line",
        "without a space",
        "array",
        "array over lines",
        "pretty",
        "pretty, quoted",
        "quotes",
        "indented",
        "tabs",
        "fence",
        "tildes",
        "fence that never closes",
        "blank lines",
        "sequence of records",
        "spaces of other scripts",
    ],
    "line ends": ["LF", "CRLF", "CR"],
    "end": ["as shown", "with the nonce", "before its time"],
    "whole": [
        "two blocks",
        "a block in each of two messages and words behind",
        "all as a heredoc",
        "all quoted deeply",
    ],
}


def test_an_answer_that_names_neither_nonce_nor_contract_is_a_warning() -> None:
    found = read("I did all of it, and took the usual way.")
    assert (found.decisions, len(found.warnings)) == ((), 1)


def test_prose_beside_a_block_that_says_the_same_or_that_a_point_was_not_met_closes_nothing() -> None:
    for prose in (
        f"AD-001: {ONE}. AD-003: {TWO}.",
        f"| AD-001 | {ONE} |\n| AD-003 | {TWO} |",
        f"I looked at AD-001 and AD-003, and {LINES}",
    ):
        assert is_open(read(f"{prose}\n{START}\n{LINES}\n{END}\n{prose}"))
    for prose in (
        "AD-003: not reached",
        "AD-003 (naming): did not come up",
        "AD-003 | n/a",
        "AD-003 is for later",
    ):
        assert is_open(read(f"{prose}\n{START}\n{A}\n{END}"))
        assert is_open(read(f"{prose}\n{START}\n{END}"))


@pytest.mark.parametrize(
    "line",
    [
        "AD-001 ",
        "AD-003: x\n",
        "AD" + "-" * 99,
        "decision_id: AD-09\n",
        "decision_id" + ":" * 99,
        '{"decision_id":1}',
    ],
)
@pytest.mark.parametrize("megabytes", [1, pytest.param(8, marks=pytest.mark.campaign)])
def test_megabytes_of_reports_are_read_in_seconds(line: str, megabytes: int) -> None:
    began = time.process_time()
    for head in ("", f"{START}\n{A}\n{END}\n"):
        found = read(head + line * ((megabytes << 20) // len(line)))
        assert len(found.decisions) <= 2
    assert time.process_time() - began < 40  # a quadratic reader takes minutes for one, hours for eight


def test_a_block_printed_twice_is_one_decision_and_an_object_twice_in_a_block_is_two() -> None:
    once = f"{START}\n{LINES}\n{END}\n"
    assert len(read(once * 2).decisions) == 2
    assert len(read(f"{once}Again:\n{START}\n[{A},\n{B}]\n{END}\n").decisions) == 2
    assert len(read(f"{START}\n{A}\n{A}\n{END}\n" * 2).decisions) == 2
    assert is_open(read(once * 2))


def test_a_letter_of_the_nonce_that_is_wrong_is_another_nonce() -> None:
    for wrong in (f"{n:x}{NONCE[1:]}" for n in range(16) if f"{n:x}" != NONCE[0]):
        found = read(f"AUTONOMOUS_DECISIONS_START {wrong}\n{LINES}\n{END}\n{START}\n{A}\n{END}")
        assert [decision.default_applied for decision in found.decisions] == [ONE, ""]
        assert TWO in found.kept[0].text  # it is read as no decision, and may be one
        assert re.search("quoted-block", " ".join(found.warnings))
