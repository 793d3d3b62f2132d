"""What an answer says beside its block: no decision is lost while the gate is open, and ordinary sentences close nothing.

Each text stands alone, beside a good block, beside an empty one, and beside a call of the recorder, before it and after it.
"""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Iterator
from typing import Any

import pytest

from answer_forms import END, FREE, NONCE, ONE, START, TWO, A, B, obj
from correctless.decisions.capture import Calls, capture
from correctless.decisions.decision import Decision

NOW = "2026-07-01T02:10:00.000Z"
WHERE: dict[str, Any] = {"run": "r1", "step": "demo", "attempt": 1}
GOOD, EMPTY = f"{START}\n{A}\n{END}\n", f"{START}\n{END}\n"
BESIDE = {
    "good block": (GOOD, False),
    "empty block": (EMPTY, False),
    "call": ("Going on.\n", True),
    "call and its block": (GOOD, True),
}
OTHER = obj("AD-099", TWO)


def read(answer: str, *, called: bool) -> tuple[bool, str, str]:
    """Whether the gate is open, what is recorded, and what is kept."""
    calls: list[Decision] = [Calls(FREE, **WHERE).take(json.loads(A), NOW)] if called else []
    found = capture(answer, FREE, **WHERE, nonce=NONCE, now=NOW, calls=calls, kept="kept")
    every = [*calls, *found.decisions]
    recorded = " ".join(json.dumps(each.fields(), ensure_ascii=False) for each in every)
    return not any(d.escalation_deferred for d in every), recorded, " ".join(k.text for k in found.kept)


def answers(text: str) -> Iterator[tuple[str, str, bool]]:
    for name, (other, called) in BESIDE.items():
        yield name, f"{other}\n{text}\n", called
        yield f"{name}, behind", f"{text}\n\n{other}", called


AGAIN = {  # the right nonce once more
    "an element": f'<decisions nonce="{NONCE}">\n<choice point="naming">{TWO}</choice>\n</decisions>',
    "an element of the nonce": f"<n{NONCE}>\n<choice>{TWO}</choice>\n</n{NONCE}>",
    "YAML in another language": f"{NONCE}\nEntscheidung: Benennung\nWahl: {TWO}",
    "the language of a fence": f'```{NONCE}\n[[choice]]\ntaken = "{TWO}"\n```',
    "a fence with tildes": f"~~~ {NONCE}\n{TWO}\n~~~",
    "JSON with other keys": json.dumps({"nonce": NONCE, "choices": [{"point": "naming", "taken": TWO}]}),
    "a marker in another language": f'ENTSCHEIDUNGEN_ANFANG {NONCE}\n{{"wahl":"{TWO}"}}\nENTSCHEIDUNGEN_ENDE',
    "a bold start and a list": f"**{START}**\n- Naming: {TWO}\n",
    "a bold start and other JSON": f'**{START}**\n{{"id":"naming","wahl":"{TWO}"}}\n',
    "a heading and a list": f"## {START}\n- Naming: {TWO}\n## ENDE",
    "a heading, a blank line and a table": f"## {START}\n\n| naming | {TWO} |\n",
    "a comment and a table": f"<!-- {START} -->\n<table><tr><td>naming</td><td>{TWO}</td></tr></table>\n<!-- stop -->",
    "a comment that says it is the block": f"<!-- the decisions block {START} -->\nnaming,{TWO}",
    "code and separated values": f"`{START}`\nnaming,{TWO}\n",
    "a start and the words of a sentence": f"My decisions are here: {START}\n- {TWO}\n",
    "a start in a sentence with the choice": f"Between {START} and {END} I say {TWO}.",
    "a start with a stop": f"{START}.\n{TWO}\n",
    "a quoted start with a choice": f"> {START} is {TWO}.",
    "the body of a request": f"curl -d 'nonce={NONCE}&choice={TWO}' http://localhost/decisions",
    "a sentence": f"(word {NONCE}) For naming I took {TWO}.",
    "a footer": f"- naming: {TWO}\n-- {NONCE}",
    "a trailing element": f"- naming: {TWO}\n</{NONCE}>",
    "a nonce with an accent": f"AUTONOMOUS_DECISIONS_START 7f3a91c2\u0301\n{TWO}",
    "a nonce over two lines": f"AUTONOMOUS_DECISIONS_START 7f3a\n91c2\n{TWO}\n{END}",
    "a coloured nonce": f"AUTONOMOUS_DECISIONS_START 7f3a\x1b[0m91c2\n{TWO}\n{END}",
    "a nonce with an entity": f"AUTONOMOUS_DECISIONS_START &#55;f3a91c2\n{TWO}\n{END}",
    "a nonce in circles": f"AUTONOMOUS_DECISIONS_START ⑦ⓕ③ⓐ⑨①ⓒ②\n{TWO}\n{END}",
    "a nonce with other letters": f"AUTONOMOUS_DECISIONS_START 7f3\u043091\u04412\n{TWO}\n{END}",
    "a nonce with other digits": f"AUTONOMOUS_DECISIONS_START ٧f٣a٩١c٢\n{TWO}\n{END}",
    "the end before the start": f"{END} {START} {TWO}",
    "the hundred and first on a line": f"{NONCE} " * 101 + f"{START} {TWO}",
    "a fence's language in the block": f"{START}\n```{TWO}\n```\n{END}",
    "tildes in the block": f"{START}\n~~~AD-003.{TWO}\n~~~\n{END}",
    "four backticks in the block": f"{START}\n````{TWO}\n{END}",
}
ONE_OBJECT = {  # two decisions in one object
    "keys twice": f"{A[:-1]},{B[1:]}",
    "keys twice over lines": f"{A[:-1]},\n{B[1:]}",
    "other keys first": f'{{"default_applied":"{ONE}","decision_id":"AD-001","default_applied":"{TWO}","decision_id":"AD-003"}}',
    "one key twice": f'{{"decision_id":"AD-001","default_applied":"{TWO}","default_applied":"{ONE}","rationale":"r"}}',
    "a rationale twice": f'{{"decision_id":"AD-001","default_applied":"{ONE}","rationale":"{TWO}","rationale":"r"}}',
    "keys twice in two cases": f'{A[:-1]},"Decision_ID":"AD-003","Default_Applied":"{TWO}"}}',
    "keys twice in a nested object": f'{A[:-1]},"seen":{{"a":"{TWO}","a":1}}}}',
}

OUTSIDE = {
    "labels": f"**Decision ID:** AD-003\n**Default applied:** {TWO}",
    "labels in a list": f"- **Decision ID:** AD-003\n- **Default applied:** {TWO}\n- **Rationale:** because",
    "labels of an unlisted id": f"- **Decision ID:** AD-099\n- **Default applied:** {TWO}",
    "labels in code": f"`decision_id`: `AD-003`, `default_applied`: `{TWO}`",
    "separated values": f"decision_id,default_applied,escalation_deferred\nAD-003,{TWO},true",
    "separated values, the id second": f"n,decision_id,default_applied\n1,AD-003,{TWO}",
    "values between semicolons": f"AD-003;{TWO};true",
    "values between tabs": f"decision_id\tdefault_applied\nAD-003\t{TWO}",
    "values of an unlisted id": f"decision_id,default_applied\nAD-099,{TWO}",
    "an attribute": f'<decision decision_id="AD-003">{TWO}</decision>',
    "elements": f"<decision><decision_id>AD-003</decision_id><default_applied>{TWO}</default_applied></decision>",
    "elements over lines": f"<decision>\n<decision_id>AD-003</decision_id>\n<choice>{TWO}</choice>\n</decision>",
    "a list of definitions": f"<dl><dt>AD-003</dt><dd>{TWO}</dd></dl>",
    "a list of definitions over lines": f"<dl>\n<dt>AD-003</dt>\n<dd>{TWO}</dd>\n</dl>",
    "cells": f"<tr><td>AD-003</td><td>{TWO}</td></tr>",
    "cells over lines": f"<tr>\n<td>AD-003</td>\n<td>{TWO}</td>\n</tr>",
    "a heading": f"### AD-003\n\n{TWO}",
    "a heading with the subject": f"### AD-003 Naming\n- Chosen: {TWO}",
    "a heading with a colon and the subject": f"### AD-003: Naming\n\nI took {TWO} instead.",
    "an HTML heading": f"<h3>AD-003</h3>\n<p>{TWO}</p>",
    "a bold line": f"**AD-003**\n{TWO}",
    "a bold line with the subject": f"**AD-003 (Naming)**\n{TWO}",
    "an item with an item": f"- AD-003\n  - {TWO}",
    "an item with its text below": f"- AD-003:\n  {TWO}",
    "in brackets": f"[AD-003] {TWO}",
    "a bold id": f"- **AD-003** {TWO}",
    "a number": f"1. AD-003 {TWO}",
    "a task": f"- [x] AD-003 {TWO}",
    "a dot": f"- AD-003. {TWO}",
    "a full-width colon": f"AD-003：{TWO}",
    "a full-width id": f"ＡＤ－００３： {TWO}",
    "an id with Cyrillic letters": f"АD-003: {TWO}",
    "an id with a zero-width space": f"AD\u200b-003: {TWO}",
    "a coloured id": f"\x1b[1mAD-003\x1b[0m {TWO}",
    "an arrow": f"AD-003 ⇒ {TWO}",
    "an equals sign and more": f"AD-003 => {TWO}",
    "a Ruby hash": f"{{'decision_id' => 'AD-003', 'default_applied' => '{TWO}'}}",
    "Lisp": f'(decision AD-003 "{TWO}")',
    "a call": f"record_decision('AD-003', '{TWO}')",
    "a subscript": f"decisions['AD-003'] = '{TWO}'",
    "a slash": f"AD-003 / {TWO}",
    "a dash": f"AD-003 — {TWO}",
    "YAML with other keys": f"- id: AD-003\n  choice: {TWO}",
    "TOML with other keys": f'id = "AD-003"\nchoice = "{TWO}"',
    "JSON with other keys": f'{{"kennung":"AD-003","wahl":"{TWO}"}}',
    "JSON with the choice first": f'{{"wahl":"{TWO}","kennung":"AD-003"}}',
    "box drawing": f"│ AD-003 │ {TWO} │",
    "heavy box drawing": f"┃ AD-003 ┃ {TWO} ┃",
    "a grid": f"+--------+----+\n| AD-003 | {TWO} |\n+--------+----+",
    "a table with the subject": f"| AD-003 | Naming | {TWO} |",
    "a table with no first": f"| AD-003 | no | {TWO} |",
    "a table with the id second": f"| 1 | AD-003 | {TWO} |",
    "a table with the id last": f"| {TWO} | AD-003 |",
    "LaTeX": f"AD-003 & {TWO} \\\\",
    "AsciiDoc": f"AD-003:: {TWO}",
    "reStructuredText": f":AD-003: {TWO}",
    "a comment": f"# AD-003: {TWO}",
    "quotation marks": f"“AD-003”: “{TWO}”",
    "typographic JSON": f"{{“decision_id”: “AD-099”, “default_applied”: “{TWO}”}}",
    "escaped JSON": json.dumps(OTHER),
    "JSON escaped twice": json.dumps(json.dumps(OTHER)),
    "JSON with entities": html.escape(OTHER),
    "JSON with entities twice": html.escape(html.escape(OTHER)),
    "JSON with escaped characters": B.replace("AD-003", "\\u0041D-003"),
    "prose": f"At AD-003 I took {TWO}.",
    "prose without a verb": f"At AD-003, {TWO}; the rest as listed.",
    "prose, the id behind": f"I chose {TWO} for AD-003.",
    "prose, the id in parentheses": f"The names are {TWO} (AD-003).",
    "prose, used": f"For AD-003 I used {TWO}.",
    "prose, it became": f"AD-003 became {TWO}.",
    "prose, in the passive": f"AD-003 was decided as {TWO}.",
    "a denial of something else behind": f"- AD-003: {TWO}; a new dependency was not needed",
    "a denial in the reason": f"- AD-003: {TWO}, because the naming rule does not apply here",
    "a denial in a cell": f"| AD-003 | {TWO} | escalation: none |",
    "a denial of another id": f"AD-003: {TWO} (AD-002 was not reached)",
    "a denial of another id behind": f"- AD-003: {TWO} (deferred); AD-002 was not needed",
    "a denial of the deferral": f"AD-003: {TWO} | deferred: n/a",
    "a denial and then a choice": f"AD-003: not needed, took {TWO} instead",
    "the same id, in a list": f"- AD-001: {TWO}",
    "the same id, in YAML": f"- decision_id: AD-001\n  default_applied: {TWO}",
    "the same id, in a table": f"| AD-001 | {TWO} |",
    "the same id, as Python": f"{{'decision_id': 'AD-001', 'default_applied': '{TWO}'}}",
    "the same id, with other keys": f'{{"id": "AD-001", "choice": "{TWO}"}}',
    "the same id, instead": f"AD-001: {TWO} instead of {ONE}",
    "the same id, deferred": f"- AD-001: {ONE}, deferred: {TWO} is not sure",
    "a default that begins like a type": f"default_applied: string {TWO}",
    "the same id, changed": f"I changed AD-001 to {TWO}.",
    "a block without a nonce": f"AUTONOMOUS_DECISIONS_START\n{B}\n{END}",
    "a block with another nonce": f"AUTONOMOUS_DECISIONS_START 00000000\n{B}\n{END}",
    "a block with a digit wrong": f"AUTONOMOUS_DECISIONS_START 7f3a91c3\n{B}\n{END}",
    "a block with two digits turned": f"AUTONOMOUS_DECISIONS_START 7f3a19c2\n{B}\n{END}",
    "a block with the nonce reversed": f"AUTONOMOUS_DECISIONS_START {NONCE[::-1]}\n{B}\n{END}",
    "a block with the nonce in Base64": f"AUTONOMOUS_DECISIONS_START {base64.b64encode(NONCE.encode()).decode()}\n{B}\n{END}",
    "a block with the nonce spaced widely": f"AUTONOMOUS_DECISIONS_START {' - '.join(NONCE)}\n{B}\n{END}",
    "a quoted start that never ends": f"As the prompt says:\nAUTONOMOUS_DECISIONS_START <nonce>\n...\n\nThen:\n- AD-003: {TWO}",
    "a bare start that never ends": f"AUTONOMOUS_DECISIONS_START\n- AD-003: {TWO}",
    "a default by its words": f"I chose to follow the neighbours: {TWO}.",
    "a fence of Python": f'```python\nrecord_decision("AD-003", "{TWO}")\n```',
}

MORE = [  # the same in still other hands
    f"<li><b>AD-003</b>: <i>{TWO}</i></li>",
    f"[AD-003](#ad-003): {TWO}",
    f"## [AD-003](skills/demo#ad-003)\n{TWO}",
    f"[^AD-003]: {TWO}",
    f"✅ AD-003 {TWO}",
    f"AD-003 👉 {TWO}",
    f"🔹 AD-003 – {TWO}",
    f"(i) AD-003: {TWO}",
    f"(AD-003) {TWO}",
    f"(AD-003): {TWO}",
    f"Decision AD-003: {TWO}",
    f"Decision AD-003\n{TWO}",
    f"#### Decision AD-003 (Naming)\n\n{TWO}",
    f"For AD-003 we went with {TWO}.",
    f"Bei AD-003 habe ich {TWO} gewählt.",
    f"Pour AD-003, j'ai retenu {TWO}.",
    f"AD-003については{TWO}を選びました。",
    f"AD-003：选择了{TWO}",
    f"{TWO} was chosen at AD-003.",
    f"Per AD-003, the names are {TWO}.",
    f"According to AD-003 I named it {TWO}.",
    f"Named it {TWO} because of AD-003.",
    f"For AD-003 I decided to use\n{TWO} for now.",
    f"- AD-003 (naming) was decided\n  as {TWO}.",
    f"decisions:\n  AD-003:\n    choice: {TWO}",
    f"{{AD-003: {TWO}}}",
    f"? AD-003\n: {TWO}",
    f'[AD-003]\nchoice = "{TWO}"',
    f"[AD-003]\nchoice={TWO}",
    f"AD_003={TWO}",
    f"export AD_003={TWO}",
    f"--ad-003 {TWO}",
    f"--ad-003={TWO}",
    f"?id=AD-003&choice={TWO}",
    f"decision_id%3DAD-003%26default_applied%3D{TWO}",
    json.dumps({"AD-003": {"choice": TWO}}),
    json.dumps(["AD-003", TWO]),
    json.dumps({"id": "AD-003", "choice": TWO}, indent=2),
    json.dumps([{"id": "AD-003", "choice": TWO}], indent=1),
    json.dumps({"AD-003": TWO}, separators=(",", ":")),
    f"INSERT INTO decisions VALUES ('AD-003', '{TWO}');",
    f'<decision id="AD-003" choice="{TWO}"/>',
    f'<decision\n  id="AD-003"\n  choice="{TWO}"\n/>',
    f'{{:id "AD-003" :choice "{TWO}"}}',
    f"decision(ad003, {TWO}).",
    f"+ AD-003: {TWO}",
    f"> AD-003: {TWO}",
    f"> > - AD-003 {TWO}",
    f"<details><summary>AD-003</summary>{TWO}</details>",
    f"<details>\n<summary>AD-003</summary>\n\n{TWO}\n</details>",
    f'<td class="x">AD-003</td><td class="y">{TWO}</td>',
    f'<tr>\n<td class="x">AD-003</td>\n<td class="y">{TWO}</td>\n</tr>',
    f'<img alt="AD-003: {TWO}">',
    f"AD-003\n======\n{TWO}",
    f"AD-003\n------\n\n{TWO}",
    f"AD-003\n: {TWO}",
    f"| **AD-003** | {TWO} |",
    f"| `AD-003` | `{TWO}` |",
    f"| AD-003 | Naming | default | {TWO} |",
    f"| AD-003 | yes | {TWO} |",
    f"| 1 | Naming | AD-003 | {TWO} |",
    f"| Naming | {TWO} | AD-003 |",
    f"AD-003      {TWO}",
    f"AD-003 ...... {TWO}",
    f"AD-003 ____ {TWO}",
    f"AD-3: {TWO}",
    f"AD3: {TWO}",
    f"AD#003: {TWO}",
    f"AD\u2011003 {TWO}",
    f"AD\u2212003: {TWO}",
    f"*AD*-**003**: {TWO}",
    f"~~AD-003~~ {TWO}",
    f"<b>AD</b>-003: {TWO}",
    f"AD&#45;003: {TWO}",
    f"AD-003&#58; {TWO}",
    f"AD-003:&nbsp;{TWO}",
    f"AD-003 deferred: {TWO}",
    f"AD-003 was deferred to a person: {TWO}",
    f"AD-003: not the neighbours but {TWO}",
    f"AD-003: no, {TWO}",
    f"AD-003: none of these, {TWO}",
    f"AD-003: not reached, hence {TWO}",
    f"AD-003: n/a -> {TWO}",
    f"AD-003: default not applied, {TWO}",
    f"- AD-001: {ONE}, deferred to a person ({TWO})",
    f"| AD-001 | {ONE} | deferred | {TWO} |",
    f"### AD-001\n\n{TWO}",
    f"- **Decision ID:** AD-001\n- **Default applied:** {TWO}",
    f"decision_id,default_applied\nAD-001,{TWO}",
    f"<decision_id>AD-001</decision_id><default_applied>{TWO}</default_applied>",
    f"- **AD-001** {TWO}",
    f"At AD-001 I took {TWO}.",
    obj("AD-001", TWO),
    f"```\nAD-003: {TWO}\n```",
    f"```diff\n+AD-003: {TWO}\n```",
    f"`AD-003={TWO}`",
    f"AD-001/AD-003: {ONE}/{TWO}",
    f"AD-001, AD-003: {ONE}, {TWO}",
    f"AD-001 and AD-003 were {ONE} and {TWO} respectively.",
]


def test_there_are_over_a_hundred_ways_to_say_a_decision_beside_a_block() -> None:
    assert len({*AGAIN.values(), *ONE_OBJECT.values(), *OUTSIDE.values(), *MORE}) > 200


@pytest.mark.parametrize("way", AGAIN)
def test_a_nonce_that_is_printed_again_is_read_or_kept_and_closes_the_gate(way: str) -> None:
    for name, answer, called in [*answers(AGAIN[way]), ("alone", AGAIN[way], False)]:
        is_open, _, kept = read(answer, called=called)
        assert not is_open, name
        assert TWO in kept, name


@pytest.mark.parametrize("way", [*OUTSIDE, *MORE])
def test_a_decision_outside_of_the_block_is_kept_and_closes_the_gate(way: str) -> None:
    text = OUTSIDE.get(way, way)
    for name, answer, called in [*answers(text), ("alone", text, False)]:
        is_open, recorded, kept = read(answer, called=called)
        assert not is_open, name
        assert TWO in recorded + kept, name


@pytest.mark.parametrize("way", ONE_OBJECT)
def test_two_decisions_in_one_object_are_both_recorded_or_kept_and_close_the_gate(way: str) -> None:
    for called in (False, True):
        is_open, recorded, kept = read(f"{START}\n{ONE_OBJECT[way]}\n{END}", called=called)
        assert not is_open
        assert TWO in recorded + kept
        assert ONE in recorded + kept


def test_decisions_with_each_key_twice_are_recorded_each() -> None:
    _, recorded, kept = read(f"{START}\n{ONE_OBJECT['keys twice']}\n{END}", called=False)
    assert ONE in recorded
    assert TWO in recorded
    assert ONE_OBJECT["keys twice"] in kept


@pytest.mark.parametrize(
    "inner",
    [
        '"then": {"decision_id": "AD-003", "default_applied": "rambutan", "rationale": "r", "escalation_deferred": true}',
        '"more": [1, {"decision_id": "AD-003", "default_applied": "rambutan", "escalation_deferred": true}]',
        '"a": {"b": {"decisionId": "AD-003", "defaultApplied": "rambutan", "escalationDeferred": true}}',
    ],
)
def test_a_decision_inside_of_another_one_is_recorded_as_one(inner: str) -> None:
    is_open, recorded, _ = read(f"{START}\n{A[:-1]}, {inner}}}\n{END}", called=False)
    assert not is_open
    assert recorded.count('"key": "r1/demo/1/b') == 2
    call = Calls(FREE, **WHERE).take(json.loads(f"{A[:-1]}, {inner}}}"), NOW)
    assert call.escalation_deferred
    assert TWO in json.dumps(dict(call.extra))


YES = [
    *('"escalationDeferred": true', '"Escalation_Deferred": true', '"escalation-deferred": true'),
    *('"escalation deferred": "yes"', '"escalation_deferred ": true', '"escalation_defered": true'),
    *(
        '"esclation_deferred": true',
        '"escalation_deferrred": 1',
        '"ESCALATION_DEFERRED": "TRUE"',
        '"deferred": true',
    ),
    *(
        '"escalate": true',
        '"escalated": "a person must say"',
        '"escalation_deferred": "false, but please look"',
    ),
    '"escalation_deferred": false, "original_escalation_reason": "only the owner can say"',
    '"original_escalation_reason": "only the owner can say"',
    '"escalation_deferred": false, "escalationDeferred": true',
    *(
        '"requires_human": true',
        '"needs_review": true',
        '"humanReview": "yes"',
        '"needs confirmation": 1',
        '"ask_person": true',
    ),
    *('"reviewer": "Ada must approve"', '"pending": true', '"approval": "needed"'),
]
NO = [
    *(
        '"escalation_deferred": false',
        '"escalation_deferred": null',
        '"escalationDeferred": false',
        '"escalate": "no"',
    ),
    *(
        '"escalation_deferred": false, "original_escalation_reason": null',
        '"deferred": 0',
        '"notes": ["deferred"]',
    ),
    '"escalation_deferred": false, "original_escalation_reason": ""',
    '"escalation_deferred": false, "original_escalation_reason": "N/A"',
    '"escalation_deferred": false, "original_escalation_reason": "none"',
]


@pytest.mark.parametrize("key", YES + NO)
def test_what_is_said_to_be_deferred_is_deferred_however_its_key_is_spelled(key: str) -> None:
    told = f"{A[:-1]}, {key}}}"
    assert read(f"{START}\n{told}\n{END}", called=False)[0] == (key in NO)
    call = Calls(FREE, **WHERE).take(json.loads(told), NOW)
    assert call.escalation_deferred == (key in YES)


ORDINARY = {
    "nothing": "I added `parse()` and **12 tests**.\n\n| file | change |\n|---|---|\n| a.py | new |",
    "other JSON": '```json\n{"name": "x", "decision": "none", "id": 4}\n```',
    "a manifest": '```json\n{"scripts": {"test": "pytest"}, "decision_log": true}\n```',
    "a dataclass": "```python\nclass Decision:\n    decision_id: str\n    default_applied: str\n```",
    "a dataclass with defaults": "```python\ndecision_id: str | None = None\ndefault_applied: Optional[str] = None\n```",
    "a column": "I renamed the column decision_id to id: all callers follow.",
    "a route": "`GET /decisions/{decision_id}` now returns 404.",
    "a table of a database": "CREATE TABLE d (decision_id INTEGER, default_applied TEXT);",
    "an argument": "call `load(decision_id=42)` in tests",
    "a parameter": "`def load(decision_id: int) -> Decision: ...`",
    "a required field": "The schema now requires `decision_id` and `default_applied`.",
    "a finding": "src/a.py:3: 'default_applied' is missing",
    "a commit": "Commit 7f3a91c0 was the last good one.",
    "the block is below": f"The block below begins with `{START}` as asked.",
    "the block is between": f"The block below is between `{START}` and `{END}`.",
    "the block stands between": f"The block below stands between `{START}` and `{END}`, one line each.",
    "the block in quotes": f'My decisions are listed below, between "{START}" and "{END}".',
    "the block in a sentence that goes on": f"As requested, I will end my answer with the block that starts with {START}.",
    "the nonce": f"The nonce for this answer is {NONCE}.",
    "the word": f"The word for the block is {NONCE}.",
    "the marker without its nonce": "I end with a block AUTONOMOUS_DECISIONS_START as asked.",
    "the marker with a placeholder": "It begins with `AUTONOMOUS_DECISIONS_START <nonce>`.",
    "a schema": '```json\n{"type": "object", "properties": {"decision_id": {"type": "string"}, "default_applied": {"type": "string"}}}\n```',
    "other work": "I decided to keep the parser in one file, and took the name from the spec.",
}
MENTIONS = {  # ids of the contract; an answer without any block that has them is looked at, whatever they say
    "not reached": "AD-003: not reached",
    "no occasion": "AD-003: no occasion",
    "not used": "AD-003: not used",
    "unused": "- AD-003: unused",
    "not taken": "AD-003: not taken",
    "skipped": "- AD-003: skipped",
    "skipped, with a reason": "- AD-003: skipped, there were no new names",
    "did not occur": "AD-003: this point did not occur",
    "did not come up": "AD-003 (naming): did not come up.",
    "did not have to": "AD-003: I did not have to decide this",
    "not hit": "AD-003: not hit",
    "not in this step": "AD-003: not needed in this step",
    "in German": "AD-003 – entfällt, keine neuen Namen",
    "in German, nothing": "AD-003: entfällt",
    "n.a.": "AD-003: n.a.",
    "n/a": "| AD-003 | n/a |",
    "a dash": "| AD-003 | - |",
    "long dashes": "| AD-003 | — | |",
    "the subject and a dash": "| AD-003 | Naming | - |",
    "none": "AD-003: none",
    "nothing to decide": "- AD-003: nothing to decide here",
    "was not needed": "AD-003 was not needed.",
    "was not applicable": "AD-003 (Naming) was not applicable here.",
    "a document": "AD-003 (architecture decision record) was updated.",
    "a document with its place": "AD-003 (architecture decision record in docs/) was updated.",
    "a reference": "Open: none. See: AD-003",
    "a sentence": "AD-003 is for later",
    "a sentence about both": "Decision points met (AD-001, AD-003) are below.",
    "a list of ids": "Not reached:\n- AD-003\n- AD-002\n\nAll tests pass.",
    "ids in a row": "Points of this skill: AD-001, AD-003.",
    "the entry of the skill": "> - **AD-003**: Naming — follow the neighbours (default). Rationale: consistency.\n\nThat one did not come up.",
    "the block has it": f"AD-001: {ONE}, see the block.",
    "the block has it, in a table": f"| AD-001 | {ONE} |",
    "both of it": "I looked at AD-001 and AD-003.",
}
DEFAULTS = {  # the words of a default
    "names": "I used the names that follow the neighbours already.",
    "a quotation": 'README says "follow the neighbours" for names.',
}
SENTENCES = [  # about the block itself
    f"My decisions are in the block between {START} and {END} below.",
    f"As asked, the answer ends with `{START}`.",
    f"The machine-readable block follows ({START} ... {END}).",
    f"I put all decisions into one block, which starts with `{START}` and ends with `{END}`.",
    f"The block starts with the line `{START}`.",
    f"Below you find the decisions block (`{START}`).",
    f"The final block is marked with {START}.",
    f"I copied the marker `{START}` exactly.",
    f"The decisions are reported between the markers `{START}` and `{END}`, one JSON object per line.",
    f"I will now print the required block, beginning with `{START}`.",
    f"Note: the block uses the nonce {NONCE}.",
    f"Everything is done; the block with {START} is next.",
    f"(The block begins at {START} and ends at {END}.)",
]
NOT_MET = [
    "AD-003 did not apply.",
    "AD-003: not applicable (no new names)",
    "AD-003: no conflict.",
    "AD-003: none added.",
    "AD-003: nothing to report",
    "Decision points AD-003 through AD-004 were not reached.",
    "AD-003 – not triggered",
    "- [ ] AD-003: not encountered",
    "AD-003: N/A — no naming decisions in this task",
    "No decisions were required for AD-003.",
    "I did not reach AD-003.",
    "AD-003 never came up.",
    "Neither AD-002 nor AD-003 came up.",
    "AD-003 wasn't needed",
    "AD-003: wasn't reached because the task adds no names",
    "Decision points not met: AD-003.",
    "AD-003 → not reached",
    "AD-003 = n/a",
    "AD-003 | not reached | - |",
    "| AD-003 | Naming | not reached |",
    "| AD-003 | Naming | not applicable | no new names |",
    "The skill lists AD-001, AD-002 and AD-003.",
    "`AD-003` is documented in skills/demo/SKILL.md.",
    "I updated the comment that mentions AD-003.",
    "grep finds AD-003 in two files.",
    "tests/test_ad_003.py passes",
    "docs/adr/AD-003-naming.md was renamed",
    "Fixed the link to AD-003 in the docs.",
    "AD-003 (unreached)",
    "AD-003: no",
    "AD-003: nothing",
    "AD-003: no decision needed",
    "AD-003 stays open for the next step.",
    "AD-003: was not reached.",
    "* AD-003 not reached",
    "AD-003 (not reached)",
    "AD-003: did not arise in this task",
    "AD-003 - no occasion",
    "AD-003: not relevant here",
    "AD-003: keine Entscheidung nötig",
    "AD-003: nicht erreicht",
    "| AD-003 | no | - | - |",
    "AD-003: no naming decision was needed",
    "AD-003 was skipped",
    "AD-003: not met\nAD-002: not met",
    "Skipped: AD-003",
    "Not reached: AD-003 (naming)",
    "Points not reached: AD-002 (flaky test), AD-003 (naming).",
    "The point AD-003 was not reached, so nothing is reported for it.",
]
SUMMARIES = [  # of what the block says as well
    "- AD-001: used the repository's own pytest\n- AD-003: followed the neighbours",
    "AD-001 (test framework): pytest, already configured.\nAD-003 (naming): the names follow their neighbours.",
    "| id | decision |\n|---|---|\n| AD-001 | use the one the repository has |\n| AD-003 | follow the neighbours |",
    "Decisions: AD-001 → pytest, AD-003 → neighbours' names.",
    "I took the defaults for AD-001 and AD-003.",
    "Both AD-001 and AD-003 were applied as listed.",
    "### AD-001\nUse the one the repository has.\n### AD-003\nFollow the neighbours.",
    "AD-001: default applied. AD-003: default applied.",
    "AD-002 was not reached. AD-001 and AD-003 were recorded below.",
    "- **AD-001** — use the one the repository has (default)\n- **AD-003** — follow the neighbours (default)",
    "Tests use pytest (AD-001). Names follow the neighbours (AD-003).",
    "AD-001 – the test framework – came up once.",
    "For AD-001 I used pytest because it is configured.",
    "I reported AD-001 and AD-003 with the recorder.",
    "AD-001 was applied; AD-003 too.",
    "Decision points reached: AD-001, AD-003. Not reached: AD-002.",
    "- AD-001 applied\n- AD-002 n/a\n- AD-003 applied",
    "AD-001: as listed",
    "See AD-001 for the framework.",
    "AD-001: kept the existing test framework (pytest)",
]
SAID = f"{START}\n{obj('AD-001', 'use the one the repository has', rationale='pytest is configured in pyproject.toml')}\n{obj('AD-003', 'follow the neighbours')}\n{END}\n"
FINE = {**ORDINARY, **MENTIONS, **DEFAULTS, **{text: text for text in [*SENTENCES, *NOT_MET]}}


def test_there_are_over_a_hundred_ordinary_texts() -> None:
    assert len({*FINE.values(), *SUMMARIES}) > 120


@pytest.mark.parametrize("text", FINE)
def test_an_ordinary_text_beside_a_block_or_a_call_closes_nothing(text: str) -> None:
    for name, answer, called in answers(FINE[text]):
        if text.startswith("the block has it") and name.startswith("empty"):
            continue  # then nothing has it
        assert read(answer, called=called)[0], name


@pytest.mark.parametrize("text", ORDINARY)
def test_an_ordinary_answer_without_a_block_closes_the_gate_only_if_it_prints_the_nonce(text: str) -> None:
    assert read(ORDINARY[text], called=False)[0] == (NONCE not in ORDINARY[text])


@pytest.mark.parametrize("summary", SUMMARIES)
def test_a_summary_of_what_the_block_says_closes_nothing(summary: str) -> None:
    assert read(f"{summary}\n\n{SAID}", called=False)[0]
    assert read(f"{SAID}\n{summary}\n", called=False)[0]
