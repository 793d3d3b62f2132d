"""Decisions that an answer reports outside of every block.

They are not recorded as decisions, as only you can decide whether they were meant. The text is stored, and it
closes the gate. An id with a value is a report unless that is recorded; a mention without a value is not. In
doubt it is a report: a false alarm costs a minute, and a lost decision cannot be restored.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from correctless.decisions import words
from correctless.decisions.correction import claimed_id, folded, plain
from correctless.decisions.decision import Decision
from correctless.decisions.legible import legible
from correctless.decisions.objects import decides, objects

if TYPE_CHECKING:
    from correctless.skill.contract import SkillContract
    from correctless.skill.defaults import Default

_MAX_NAMES = 5  # names in one fault
_SHORT = 4  # characters: a shorter default is in any text
_PHRASE = 12  # characters of a default that is too long to be everyday prose
_LINE = 400  # characters around an id that are looked at
REPORT = re.compile(r"decision[\W_]{0,6}id(?![0-9a-z])|default[\W_]{0,6}applied", re.IGNORECASE)
_APPLIED = re.compile(
    r"default[\W_]{0,6}applied[\"']?\]?\s{0,9}(?:[:=|>]|=>)[ \t\"'|>]{0,9}([^\n|<]{0,200})", re.IGNORECASE
)
# A schema's, a signature's or the prompt's own example.
_TYPES = frozenset((
    "optional", "str", "string", "text", "varchar", "int", "any", "none", "null", "type", "what", "you",
    "did",
))  # fmt: skip

_TAG = re.compile(r"</?[A-Za-z][A-Za-z0-9_-]{0,40}\s?/?>")
_MARKUP = re.compile(r"[*`~\\^]|(?<![0-9A-Za-z])_+|_+(?![0-9A-Za-z])")
_HEAD = frozenset(("decision", "point", "default", "id", "x"))  # before an id that begins its line
_AT = frozenset(
    ("at", "for", "per", "as", "according", "to", "following", "under", "with", "in", "on", "re", "by")
)
_WHY = re.compile(r"\b(?:because of|due to|per|according to|following|under)\s{1,3}\Z", re.IGNORECASE)
_IS = re.compile(r"(?:is|are|was|were|becomes)\s+([\w'-]+)", re.IGNORECASE)
_EVENT = re.compile(r"(?:ed|ing|written|given|seen|shown)\Z")
_KEY = re.compile(
    r"(?:id|ids?|decision|point|name|key|code|nr|no|number|entry|default)[\"'\])]{0,3}\s{0,3}(?:[:=|>]|=>)\s{0,3}[\"'(\[]{0,2}\Z|[:=>]\s{0,3}[\"']\Z",
    re.IGNORECASE,
)
_NOTE = re.compile(r"([\"'\])}]{0,3})\s{0,3}(\([^()\n]{0,80}\)|\[[^\[\]\n]{0,80}\])?")
_SIGNS = re.compile(r"[^\w\n]*")
_STRONG = re.compile(r"[:=|→⇒>│┃\t]| -+ |,(?=[^\s])|[\"'],")
_CELL = re.compile(r"\s*[|│┃\t]\s*")
_STOP = re.compile(r"[.!?;](?=\s)")
_NEUTRAL = frozenset({"", "no", "false", "none", "null"})
_DEFERRED = re.compile(
    r"(?<!not )(?<!n't )(?<!never )(?<!no )\b(?:deferred|escalated)\b(?!\W{0,4}(?:no|not|false|none|n/a|-))",
    re.IGNORECASE,
)
_NOT = re.compile(r"\b(?:not|no|never)\b|n't\b", re.IGNORECASE)
_QUOTED = frozenset(("rationale", "default", "if", "deferred", "escalate", "always"))


def named(text: str, contract: SkillContract) -> str:
    """Return the contract's ids and defaults that `text` names; "" for none of them."""
    text = _bare(text)
    ids = [
        default.id for default in contract.defaults if re.search(_spelled(default.id), text, re.IGNORECASE)
    ]
    lowered = plain(text)
    ids += [
        default.id
        for default in contract.defaults
        if len(choice := plain(default.choice)) >= _SHORT and choice in lowered
    ]
    return _listed(ids)


def unrecorded(text: str, contract: SkillContract, recorded: Collection[Decision]) -> str:
    """Return the decisions that `text` reports and that are not `recorded`.

    `text` is what is outside of all blocks; "" for none.
    """
    return _listed(_unrecorded(text, contract, recorded)) or _applied(text, recorded)


def _unrecorded(text: str, contract: SkillContract, recorded: Collection[Decision]) -> Iterator[str]:
    known: dict[str, list[Decision]] = {}
    for each in recorded:
        for name in {each.decision_id, each.extra.get("claimed_id")}:
            if isinstance(name, str):
                known.setdefault(_folded(name), []).append(each)
    text = legible(text)
    recorded_defaults = {folded({"default_applied": each.default_applied}) for each in recorded}
    if REPORT.search(text):
        for obj in objects(text):
            name = claimed_id(obj)
            if decides(obj) and (_folded(name or "") not in known or folded(obj) not in recorded_defaults):
                yield name or "a decision without an id"
    text = _bare(text)
    entries = {_folded(default.id): default for default in contract.defaults}
    done: dict[tuple[str, str, str], bool] = {}
    for name, lead, rest in _mentions(text, [default.id for default in contract.defaults]):
        key = _folded(name)
        if (mention := (key, lead[-_LINE:], rest)) not in done:
            done[mention] = _reports(lead, rest, entries.get(key), known.get(key, ()))
        if done[mention]:
            yield entries[key].id if key in entries else name
    lowered = plain(text)
    for key, default in entries.items():
        choice = plain(default.choice)
        if key not in known and len(choice) >= _PHRASE and _is_chosen(lowered, choice):
            yield default.id


def _applied(text: str, recorded: Collection[Decision]) -> str:
    """Return what to call a default reported as applied without an id; "" for none."""
    defaults = [each.default_applied for each in recorded if each.default_applied]
    for applied in _APPLIED.finditer(_bare(text)):
        value = applied[1].strip(" \"',;}])")
        if not _TYPES.issuperset(words.words(value)) and not any(each in applied[1] for each in defaults):
            return "a default that was applied"
    return ""


def _bare(text: str) -> str:
    """Return legible text without emphasis, with `|` for each tag of a page."""
    return _MARKUP.sub("", _TAG.sub("|", legible(text)))


def _mentions(text: str, ids: Collection[str]) -> Iterator[tuple[str, str, str]]:
    """Yield each id in the text, with its line before it and after it, up to the next id."""
    prefixes = {re.escape(parts[0]) for name in [*ids, "AD"] if (parts := re.findall("[A-Za-z]+", name))}
    unlisted = (
        rf"(?:{'|'.join(sorted(prefixes))})[\W_]{{1,2}}(?:UNLISTED[\W_]{{0,2}})?[0-9]{{1,6}}(?![0-9A-Za-z])"
    )
    every = re.compile("|".join([*map(_spelled, ids), rf"(?<![0-9A-Za-z]){unlisted}"]), re.IGNORECASE)
    before = 0
    mentions = every.finditer(text)
    match = next(mentions, None)
    while match:
        following = next(mentions, None)
        stop = following.start() if following else len(text)
        begin = max(before, match.start() - _LINE)
        begin = max(begin, text.rfind("\n", begin, match.start()) + 1)
        rest = text[match.end() : min(stop, match.end() + _LINE)]
        yield match[0], text[begin : match.start()], rest
        before, match = match.end(), following


def _reports(lead: str, rest: str, entry: Default | None, known: Collection[Decision]) -> bool:
    """Return whether an id between `lead` and `rest` has a value that is not recorded."""
    value = _value_of(lead, rest, entry)
    if not words.words(value):
        # Nothing behind it: as the value of a key it is a report; behind a value that value is its own.
        line = rest.partition("\n")[0]
        tail = not words.words(line) and bool(
            _WHY.search(lead) or re.search(r"[:=|,(\[→>\t-]\s{0,3}[\"'(\[]{0,3}\Z", lead)
        )
        behind = tail and bool(words.content(_STOP.split(lead)[-1])) and not words.denies(lead, entry)
        return not known and (bool(_KEY.search(lead)) or behind)
    if words.denies(value, entry):
        return False
    if lead.lstrip().startswith(">") and entry and _quotes_entry(value, entry):
        return False
    if not known:
        return True
    known_text = " ".join(f"{each.default_applied} {each.rationale}" for each in known)
    if entry:
        known_text += f" {entry.subject} {entry.choice} {entry.rationale}"
    if _DEFERRED.search(value) and not any(each.escalation_deferred for each in known):
        return True
    return not any(words.same(value, known_text, each.default_applied) for each in known)


def _value_of(lead: str, rest: str, entry: Default | None) -> str:
    """Return the value of an id: on its line, in its table row, or below its own line."""
    first = bool(_KEY.search(lead)) or all(
        word in _HEAD or word.isdigit() or len(word) == 1 for word in words.words(lead)
    )
    line, _, below = rest.partition("\n")
    note = _NOTE.match(line)
    closing, aside, at = (note[1], note[2] or "", note.end()) if note else ("", "", 0)
    signs = _SIGNS.match(line, at)
    mark, value = (signs[0], line[signs.end() :]) if signs else ("", line[at:])
    if not first and re.search(r"[.!?;]\s", mark):  # the next sentence
        mark = value = ""
    strong = _STRONG.search(closing + mark + value[:1])
    value = _of_cells(value, entry)
    if not words.words(value):
        if aside and first and not _is_subject(aside, entry):
            return aside.strip("()[]")
        if (first or re.search(r"[:=|]", mark)) and (value_below := _below(lead, line, below)):
            return value_below
    elif strong:
        return value
    else:
        states_choice = words.words(value)[0] not in words.PLAIN
        if (first and (states_choice or mark.strip(" \"'"))) or (
            states_choice and not aside and not mark.strip(" ,\"'([")
        ):
            return value
        sentence = _STOP.split(value, maxsplit=1)[0]
        if did := words.chosen(sentence):
            return sentence if words.denies(sentence, entry) else sentence[did.end() :] or sentence
        state_match = _IS.match(sentence)
        if state_match and words.content(state_match[1]) and not _EVENT.search(state_match[1]):
            return sentence
        value = sentence
    before = _STOP.split(lead)[-1]
    if words.content(value) and before.strip() and _AT.issuperset(words.words(before)):
        return value
    if words.chosen(before) and not _NOT.search(before):
        return value if words.content(value) else before
    return ""


def _below(lead: str, line: str, below: str) -> str:
    """Return the line below that of an id, if that is a heading, a label or a cell, or the line below is indented more."""
    gap = re.match(r"(?:[^\w\n]*\n)*", below)
    skipped = gap[0] if gap else ""
    label = "#" in lead or "|" in lead or line.rstrip().endswith((":", "|", "=", ",", '"', "'"))
    label = label or skipped.lstrip(" >").startswith(("==", "--"))
    text = below[len(skipped) :].partition("\n")[0]
    item = re.match(r"\s*[-*+]\s", lead)
    deeper = len(text) - len(text.lstrip()) > len(lead) - len(lead.lstrip())
    if (skipped and not label) or (item and not label and not deeper) or len(_CELL.findall(line)) > 1:
        return ""
    return "" if "AUTONOMOUS_DECISIONS" in text else text.strip()


def _of_cells(value: str, entry: Default | None) -> str:
    """Return a value from its first cell that says more than its entry's subject."""
    cells = _CELL.split(value)
    while cells and (" ".join(words.words(cells[0])) in _NEUTRAL or _is_subject(cells[0], entry)):
        cells.pop(0)
    value = " | ".join(cells)
    subject = plain(entry.subject) if entry else ""
    if subject and plain(value).startswith(subject):
        rest = value[len(subject) :]
        value = rest if _SIGNS.match(rest) else value
    return value


def _is_subject(text: str, entry: Default | None) -> bool:
    return entry is not None and words.words(text) == words.words(entry.subject)


def _quotes_entry(value: str, entry: Default) -> bool:
    entry_words = {*words.words(f"{entry.subject} {entry.choice} {entry.rationale}"), *_QUOTED}
    value_words = words.words(value)
    return "rationale" in value_words and entry_words.issuperset(value_words)


def _is_chosen(lowered: str, choice: str) -> bool:
    """Return whether a sentence with the words of a default says that it was chosen."""
    at = lowered.find(choice)
    while at >= 0:
        begin = max(lowered.rfind(stop, max(0, at - _LINE), at) for stop in (". ", "! ", "? ")) + 1
        end = at + len(choice)
        if words.CHOSE.search(lowered[max(begin, at - _LINE) : end]):
            return True
        at = lowered.find(choice, end)
    return False


def _spelled(name: str) -> str:
    """Return the regex of an id in any case and with other separators, such as AD 001 or ad_001."""
    parts = re.findall(r"[0-9]+|[A-Za-z]+", name) or [re.escape(name)]
    spelled = r"[^\w\n]{0,2}_?".join(
        "0*" + (part.lstrip("0") or "0") if part.isdigit() else part for part in parts
    )
    return rf"(?<![0-9A-Za-z]){spelled}(?![0-9A-Za-z])"


def _folded(name: str) -> str:
    return re.sub(r"(?<![0-9])0+(?=[0-9])", "", re.sub(r"[\W_]", "", name).casefold())


def _listed(names: Collection[str] | Iterator[str]) -> str:
    unique = [*dict.fromkeys(names)]
    more = f" and {len(unique) - _MAX_NAMES} more" if len(unique) > _MAX_NAMES else ""
    return ", ".join(unique[:_MAX_NAMES]) + more
