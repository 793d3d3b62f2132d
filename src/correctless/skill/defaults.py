"""Decision points of the section `## Autonomous Defaults`, in any notation."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import zip_longest

from correctless.base.named import NamedTuple
from correctless.skill.find import read_bytes, skill_file
from correctless.skill.skill_text import SkillText, read
from correctless.syntax.markdown import BREAK, CODE, COMMENT, ITEM, MarkdownLine, Section

SECTION = "Autonomous Defaults"
_NOT_ESCALATED = frozenset({"", "never", "no", "false"})


class Default(NamedTuple):
    """One decision point. `choice` is what is done unattended.

    For an `escalate` entry `choice` is the default if deferred. `documented` is False for an `escalate` entry
    that names none (then `choice` is ""). A missing or invalid id is kept as written, and is a finding.
    """

    id: str
    subject: str
    choice: str
    rationale: str
    escalate: bool
    line: int
    documented: bool = True


class Points(NamedTuple):
    """Decision points of one SKILL.md without the rest of its contract."""

    defaults: tuple[Default, ...]


class Parts(NamedTuple):
    """Parts of one entry, "" for a missing one.

    `escalate` is the word after `escalate:`, in lower case. `choice` is the default; for an entry with
    `escalate` the default if deferred.
    """

    id: str
    subject: str = ""
    choice: str = ""
    rationale: str = ""
    escalate: str = ""
    deferred_label: bool = False  # says "Default if deferred"


MAX_LENGTH = 4000  # characters of one entry that are read

# Texts and not compiled: `re` compiles each at its first use, and most files need none of them.
BULLET = r"[ \t]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)+"

# A valid id (AD-001), or a mistyped one (AD-1, ad_001, AD 001, INV-002): the caller checks which.
_ID = r"(?i:AD)[-_ ‐-―]?\d[A-Za-z0-9-]*|AD[-_][A-Za-z0-9][A-Za-z0-9-]*|[A-Z]{1,8}-\d+"
_REFERENCE = r"\([^()]*(?:\([^()]*\)[^()]*)*\)"
_SEPARATOR = r"\s*(?:[:.]|[—–]|-{1,3}(?=\s))?\s*"
_BOLD_ID = rf"(?:\[[ xX]\][ ]+)?(?P<bold>\*\*|__)`?(?P<id>{_ID})`?(?=[\s:.—–*_-]|\Z)"
_PLAIN_ID = rf"(?:\[[ xX]\][ ]+)?`?(?P<id>{_ID})`?(?=[ ]*(?:[:—–]|-+[ ]|\([^()]*\):|\Z))"
_COMMENT = r"<!--.*?-->"
_DASHES = (r"(?<=\s)—(?=\s)", r"(?<=\s)–(?=\s)", r"(?<=\s)-{1,3}(?=\s)", "—")
_COLON = r":(?=\s|\Z)"
_DEFAULT = r"(?i)[*_`]*\(default\)[*_`]*"
_LABEL = r"(?i)(?:(?<=[\s.;,)*_])|\A)[*_]*(?:(?P<deferred>default if deferred)|rationale)[*_]*\s*:[*_]*\s*"
_ESCALATE = r"(?i)(?P<open>[*_`]*)escalate\s*:\s*(?P<word>[A-Za-z-]+)(?P<close>[*_`]*)"
_MENTION_BEFORE = r"[\w\"'`]\s*\Z"  # a word leads up to it: it is mentioned, not stated
_STATED_AFTER = r"\s*(?:[.;,)]|\Z)"


def read_points(path: str) -> Points:
    """Return the same `defaults` as `contract.read_skill`, without the frontmatter.

    They depend on the body alone, so this needs no YAML parser.

    Raises: Stop(3) as `contract.read_skill`.
    """
    file = skill_file(path)
    skill = read(read_bytes(file), file)
    return Points(tuple(default(*entry) for entry in entries(sections(skill))))


def headings(skill: SkillText) -> tuple[Section, ...]:
    """Return the headings of a skill that may have a section of defaults, else none."""
    # Most files do not have the word, and to find their headings costs more than to read their YAML.
    return skill.sections if "autonomous" in skill.lowered else ()


def sections(skill: SkillText) -> list[Section]:
    """Return its sections of defaults: one, unless something is wrong."""
    return [
        s for s in headings(skill) if s.level == 2 and " ".join(s.title.lower().split()) == SECTION.lower()
    ]


def entries(sections: Iterable[Section]) -> Iterator[tuple[MarkdownLine, str, Parts]]:
    """Yield each entry's first line, its whole text, and the parts it states."""
    for section in sections:
        for line, text in gather(section):
            yield line, text, split(text[:MAX_LENGTH])


def default(line: MarkdownLine, text: str, parts: Parts) -> Default:
    """Return the decision point of one entry, from what `entries` yields for it."""
    # What cannot be read needs your decision.
    escalate = parts.escalate not in _NOT_ESCALATED or len(text) > MAX_LENGTH
    return Default(
        parts.id,
        parts.subject,
        parts.choice,
        parts.rationale,
        escalate,
        line.number,
        documented=not escalate or bool(parts.choice),
    )


def starts_entry(text: str) -> bool:
    """Return whether the first line of a list item, without its bullet, is an entry.

    An entry begins with an id in bold or before a separator.
    """
    return bool(re.match(_BOLD_ID, text) or re.match(_PLAIN_ID, text))


def looks_like_entry(text: str) -> bool:
    """Return whether an item without an id has a part that only decision points have."""
    return bool(re.search(_DEFAULT, text) or re.search(_LABEL, text) or any(_escalations(text)))


def gather(section: Section) -> Iterator[tuple[MarkdownLine, str]]:
    """Yield each entry's first line, and its text joined without bullets.

    Code, comments and text outside of entries are left out.
    """
    for first, text, _ in blocks(section):
        yield first, text


def blocks(section: Section) -> Iterator[tuple[MarkdownLine, str, int]]:
    """Yield as `gather`, with the number of each entry's last line of text."""
    first: MarkdownLine | None = None
    parts: list[str] = []
    last = 0
    for line in (*section.lines, None):
        if line and line.kind in (CODE, COMMENT):
            continue
        content = line.text.strip() if line else ""
        bullet = re.match(BULLET, line.text) if line and line.kind == ITEM else None
        if line and bullet:
            content = line.text[bullet.end() :].strip()
        # An item inside the entry belongs to it, unless it is an entry itself.
        starts = bool(
            bullet and line and (first is None or line.depth <= first.depth or starts_entry(content))
        )
        over = line is None or (content and first and line.depth < first.depth)
        if (starts or over) and first:
            text = " ".join(parts)
            if starts_entry(text) or looks_like_entry(text[:MAX_LENGTH]):
                yield first, text, last
            first = None
        if line is None or line.kind == BREAK:
            return
        if starts:
            first, parts = line, []
        if first and content:
            # "Subject" above and its choice in an item below: only a dash shows where the subject ends.
            named = bullet and len(parts) == 1 and not starts and not _first_dash(parts[0])
            parts.append(("— " if named else "") + " ".join(content.split()))
            last = line.number


def split(text: str) -> Parts:
    """Read one entry; `text` is its lines joined, without the bullet."""
    text = _unwrapped(re.sub(_COMMENT, "", text).strip())
    match = re.match(_BOLD_ID, text) or re.match(_PLAIN_ID, text)
    if not match:
        return _parts("", "", "", text)
    rest = text[match.end() :]
    bold = match.groupdict().get("bold")
    if bold and rest.startswith(bold):
        rest = rest[len(bold) :]
        bold = None
    # `**AD-001** (R-002): Subject` and `**AD-001 (R-002)**: Subject`: the reference goes with the subject.
    reference = re.match(rf"\s*({_REFERENCE})" + (re.escape(bold) if bold else r"(?=\s*:)"), rest)
    if reference:
        return _parts(match["id"], reference[1], *_named_subject(rest[reference.end() :], None))
    return _parts(match["id"], "", *_named_subject(rest, bold))


def _named_subject(rest: str, bold: str | None) -> tuple[str, str]:
    """Return the subject before the colon, as in `**AD-001 — Subject** (R-001): text`, and what follows it."""
    if not bold:
        dash = re.match(r"\s*(?:[—–]|-{1,3}(?=\s))\s*", rest)
        if not dash:
            return "", re.sub(rf"\A{_SEPARATOR}", "", rest)
        head = rest[dash.end() :]
        label = re.search(_LABEL, head)
        colon = next(_outside(_COLON, head[: label.start() if label else None]), None)
        separator = _first_dash(head)
        if (
            colon
            and (separator is None or colon.start() < separator.start())
            and not _in_escalate(head, colon.start())
        ):
            return head[: colon.start()].strip(), head[colon.end() :].strip()
        return "", head.strip()
    inside, _, after = rest.partition(bold)
    name = re.sub(rf"\A{_SEPARATOR}", "", inside)
    reference = re.match(rf"\s*{_REFERENCE}", after)
    end = reference.end() if reference else 0
    subject = f"{name.rstrip(' :')}{after[:end]}".strip()
    return subject, re.sub(rf"\A{_SEPARATOR}", "", after[end:])


def _in_escalate(text: str, colon: int) -> bool:
    return any(match.start() <= colon < match.end() for match in re.finditer(_ESCALATE, text))


def _parts(id_: str, reference: str, subject: str, text: str) -> Parts:
    head, labels = _labelled(text)
    rationale, deferred = labels.get("rationale", ""), labels.get("deferred")
    stated = max(_escalations(head), key=lambda m: m["word"].lower() == "always", default=None)
    if stated:
        before, after = head[: stated.start()], head[stated.end() :].lstrip(" .;,)")
        subject, choice, tail = _split_choice(subject, before.rstrip(" (,;—–-"), is_subject=True)
        if not choice and re.search(_DEFAULT, after):
            _, choice, after = _split_choice("-", after)
        tail = " ".join(part for part in (tail, after) if part)
    else:
        subject, choice, tail = _split_choice(subject, head)
        if "rationale" in labels:
            choice, tail = _joined(choice, tail), ""
    if deferred is not None and (stated or not choice):
        marked = re.search(_DEFAULT, deferred)
        choice = deferred[: marked.start()] if marked else deferred
        if marked:
            tail = " ".join(part for part in (tail, deferred[marked.end() :].lstrip(" .;,:—–-")) if part)
    if tail := tail.lstrip(" .;,:—–-"):
        rationale = f"{tail} {rationale}".strip()
    subject = f"{_clean(subject)} {reference}"
    escalate = stated["word"].lower() if stated else ""
    return Parts(id_, _clean(subject), _clean(choice), _unwrapped(rationale), escalate, deferred is not None)


def _labelled(text: str) -> tuple[str, dict[str, str]]:
    """Return the text before the first label, and the text after each label; that of a repeated label is joined."""
    marks = list(_outside(_LABEL, text))
    labels: dict[str, str] = {}
    for mark, following in zip_longest(marks, marks[1:]):
        name = "deferred" if mark["deferred"] else "rationale"
        value = text[mark.end() : following.start() if following else None].strip()
        labels[name] = f"{labels[name]} {value}" if name in labels else value
    return (text[: marks[0].start()] if marks else text).strip(), labels


def _split_choice(subject: str, head: str, *, is_subject: bool = False) -> tuple[str, str, str]:
    """Return subject, choice, and the text after `(default)`.

    `is_subject`: without `(default)` the head is all subject.
    """
    marked = next(_outside(_DEFAULT, head, parentheses=False), None)
    before, tail = (head[: marked.start()], head[marked.end() :]) if marked else (head, "")
    if is_subject and not marked:
        return " ".join(part for part in (subject, before) if part), "", ""
    if not subject and (dash := _first_dash(before)):
        subject, before = before[: dash.start()], before[dash.end() :]
    tail = tail.strip()
    if not before.strip():  # `(default) skip`
        return subject, tail, ""
    return subject, before, tail


def _joined(choice: str, tail: str) -> str:
    gap = "" if tail[:1] in ".;,:)" else " "
    return f"{choice.rstrip()}{gap}{tail}"


def _escalations(text: str) -> Iterator[re.Match[str]]:
    """Yield each `escalate: word` that is stated, not mentioned as in "handling of `escalate: always` entries"."""
    for match in re.finditer(_ESCALATE, text):
        is_mention = re.search(_MENTION_BEFORE, text[: match.start()]) and not re.match(
            _STATED_AFTER, text[match.end() :]
        )
        if not is_mention:
            yield match


def _first_dash(text: str) -> re.Match[str] | None:
    """Return the dash between subject and choice: the first of the longest kind, as shorter ones occur inside words."""
    return next((match for dash in _DASHES for match in _outside(dash, text)), None)


def _outside(pattern: str, text: str, *, parentheses: bool = True) -> Iterator[re.Match[str]]:
    """Yield matches that start outside of code spans and, where they balance, outside of parentheses."""
    covered = [span.span() for span in re.finditer(r"(`+)(?!`).+?(?<!`)\1(?!`)", text)]
    if parentheses:
        covered.extend(_parentheses(text))
    for match in re.finditer(pattern, text):
        if not any(start < match.start() < end for start, end in covered):
            yield match


def _parentheses(text: str) -> Iterator[tuple[int, int]]:
    opened: list[int] = []
    for at, char in enumerate(text):
        if char == "(":
            opened.append(at)
        elif char == ")" and opened:
            start = opened.pop()
            if not opened:
                yield start, at


def _clean(part: str) -> str:
    part = part.strip().strip("—–").strip().rstrip(";,")
    if part.endswith(".") and not part.endswith(".."):
        part = part[:-1].rstrip()
    return _unwrapped(part)


def _unwrapped(text: str) -> str:
    """Return text without the bold around all of it."""
    for mark in ("**", "__"):
        if text.startswith(mark) and text.rstrip(".").endswith(mark) and text.count(mark) == 2:
            return text.replace(mark, "").strip()
    return text
