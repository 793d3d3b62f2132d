"""One SKILL.md in, the contract it states out: its mode, its decision points, and everything that is wrong with them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

from correctless import entry, skillmd, yamltext
from correctless.entry import SECTION
from correctless.entry import Default as Default
from correctless.finding import Finding
from correctless.markdown import CODE, COMMENT, HEADING, ITEM, Line, Section
from correctless.skills import find_skills as find_skills
from correctless.skills import read_bytes, skill_file
from correctless.yamltext import Node

MODES = ("autonomous", "interactive", "hybrid")
_FORM = "- **AD-001**: Subject — what is done (default). Rationale: why that is safe."

_ID = re.compile(r"AD-\d{3}\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class SkillContract:
    """What one SKILL.md states. `interaction_mode` is None unless the file states one valid mode without contradiction."""

    name: str
    path: str
    interaction_mode: str | None
    context: str | None
    allowed_tools: tuple[str, ...]
    defaults: tuple[Default, ...]
    has_section: bool
    problems: tuple[Finding, ...]

    def default(self, id: str) -> Default | None:  # noqa: A002 the word the log uses
        """The first decision point with that id; None for an id the contract does not list, and for no id at all."""
        return next((d for d in self.defaults if id and d.id == id), None)


def read_skill(path: str) -> SkillContract:
    """The contract of a skill folder or of its SKILL.md; `Stop` (3) when it can't be read. A faulty text is no error."""
    file = skill_file(path)
    return of_text(read_bytes(file), file)


def of_text(data: bytes, path: str) -> SkillContract:
    """The contract that the bytes of a SKILL.md state; `path` names the file in findings and the folder in `name`."""
    return _Reading(skillmd.read(data, path)).contract()


def split_tools(text: str) -> tuple[tuple[str, ...], bool]:
    """Tools separated by commas or spaces, `Bash(git log:*)` being one; and whether all parentheses are closed."""
    tools, word, depth = [], "", 0
    for char in text:
        if depth == 0 and (char == "," or char.isspace()):
            tools.append(word)
            word = ""
            continue
        depth = max(0, depth + {"(": 1, ")": -1}.get(char, 0))
        word += char
    return tuple(tool for tool in (*tools, word.strip()) if tool), depth == 0


# How the keys of the contract get misspelled: without case and separators they are the same word.
_KEYS = {"interactionmode": "interaction_mode", "allowedtools": "allowed-tools", "context": "context"}


class _Reading:
    """One SKILL.md being read into a contract; every fault is noted and the reading goes on."""

    def __init__(self, skill: skillmd.SkillText) -> None:
        self.skill = skill
        self.path = skill.path
        self.front = skill.frontmatter
        self.problems: list[Finding] = list(skill.notes)
        self.misspelled: set[str] = set()
        self.mode_node: Node | None = None

    def contract(self) -> SkillContract:
        self._near_misses(self.front)
        mode = self._mode()
        context = self._context()
        tools = self._tools()
        sections = entry.sections(self.skill)
        defaults = tuple(self._defaults(sections, mode, context))
        self._section_rules(sections, defaults, mode)
        if mode == "interactive" and context == "fork" and self.front:
            node = self.front.get("context")
            message = "a forked skill gets no answer, so it can't be interactive. write 'hybrid', or leave 'context' out"
            self._note(node, "fork-interactive", message)
        problems = sorted(set(self.problems), key=lambda f: (f.line, f.column, f.rule, f.message))
        return SkillContract(
            self._name(), self.path, mode, context, tools, defaults, bool(sections), tuple(problems)
        )

    def _note(self, at: Node | Line | None, rule: str, message: str, severity: str = "error") -> None:
        line, column = 1, 1
        if isinstance(at, Node):
            line, column = at.line, at.column
        elif at is not None:
            found = entry.BULLET.match(at.text) if at.kind == ITEM else re.match(r"[ \t]*", at.text)
            line, column = at.number, (found.end() if found else 0) + 1
        elif self.front and self.front.pairs:  # what is missing is missing among the keys
            line, column = self.front.pairs[0][0].line, self.front.pairs[0][0].column
        self.problems.append(Finding(self.path, line, column, rule, message, severity))

    def _name(self) -> str:
        node = self.front.get("name") if self.front else None
        stated = node.text.strip() if node and node.kind == yamltext.SCALAR else ""
        return stated or os.path.basename(os.path.dirname(os.path.abspath(self.path)))

    def _near_misses(self, keys: Node | None) -> None:
        for key, value in keys.pairs if keys else ():
            right = _KEYS.get(re.sub(r"[^a-z]", "", key.text.lower()))
            if right and key.text != right:
                self.misspelled.add(right)
                self._note(key, "near-miss-key", f"nobody reads the key '{key.text}'. write '{right}'")
            if key.text == "metadata" and value.kind == yamltext.MAP and keys is self.front:
                self._near_misses(value)

    def _text(self, node: Node | None, key: str, rule: str, advice: str) -> str | None:
        if node is None:
            return None
        if node.kind == yamltext.SCALAR:
            return node.text.strip()
        kind = {yamltext.LIST: "a list", yamltext.MAP: "a map"}.get(node.kind, "an alias")
        self._note(node, rule, f"'{key}' is {kind}. {advice}")
        return None

    def _mode(self) -> str | None:
        allowed = "write 'autonomous', 'interactive' or 'hybrid'"
        front = self.front
        metadata = front.get("metadata") if front else None
        portable = metadata.get("interaction_mode") if metadata else None
        top = front.get("interaction_mode") if front else None
        nodes = [node for node in (top, portable) if node]
        if not nodes:
            if not self.skill.has_frontmatter:
                message = (
                    "no frontmatter, so no 'interaction_mode'. start the file with it between two lines '---'"
                )
                self._note(None, "interaction-mode", message)
            elif "interaction_mode" not in self.misspelled:
                self._note(None, "interaction-mode", f"no 'interaction_mode'. {allowed}")
            return None
        self.mode_node = nodes[0]
        modes = []
        for node in nodes:
            mode = self._text(node, "interaction_mode", "interaction-mode", allowed)
            if mode is not None and mode not in MODES:
                said = f"'interaction_mode' is '{mode}'" if mode else "'interaction_mode' is empty"
                self._note(node, "interaction-mode", f"{said}. {allowed}")
            modes.append(mode if mode in MODES else None)
        if len(nodes) == 2 and nodes[0].text.strip() != nodes[1].text.strip():
            message = f"'interaction_mode' is '{nodes[0].text}' at the top and '{nodes[1].text}' in metadata. keep one"
            self._note(nodes[1], "interaction-mode", message)
            return None
        return modes[0]

    def _context(self) -> str | None:
        node = self.front.get("context") if self.front else None
        context = self._text(node, "context", "context", "write 'fork', or leave it out")
        if context and context != "fork" and sorted(context.lower())[:4] == sorted("fork"):
            # The host takes any other word for "no fork", in silence.
            self._note(node, "context", f"'context' is '{context}', which is no fork. write 'fork'")
        return context or None

    def _tools(self) -> tuple[str, ...]:
        node = self.front.get("allowed-tools") if self.front else None
        if node is None:
            return ()
        tools: list[str] = []
        for item in node.items if node.kind == yamltext.LIST else (node,):
            if item.kind != yamltext.SCALAR:
                message = "'allowed-tools' holds what is no tool. write one line, or a list of tools"
                self._note(item, "allowed-tools", message)
                continue
            found, closed = split_tools(item.text)
            tools.extend(found)
            if not closed:
                self._note(item, "allowed-tools", f"'(' is not closed in '{found[-1][:60]}'. write ')'")
        return tuple(tools)

    def _section_rules(
        self, sections: list[Section], defaults: tuple[Default, ...], mode: str | None
    ) -> None:
        rule = "defaults-section"
        heading = Line(sections[0].line, "", HEADING) if sections else None
        for other in sections[1:]:
            message = f"a second '## {SECTION}', the first is on line {sections[0].line}. make them one"
            self._note(Line(other.line, "", HEADING), rule, message)
        if mode == "interactive":
            if heading:
                message = f"an interactive skill has no '## {SECTION}'. delete it, or write 'interaction_mode: hybrid'"
                self._note(heading, rule, message)
            return
        if not heading:
            self._missing_section(mode)
        elif not defaults and not re.search(r"(?i)\b(none|no decision)", _words(sections)):
            message = f"'## {SECTION}' lists no decision point. write '{_FORM}', or 'None.'"
            self._note(heading, rule, message)
        if mode == "hybrid" and heading and not any(d.escalate for d in defaults):
            message = "a hybrid skill leaves a decision to a person, and no entry does. write '`escalate: always`' in one"
            self._note(heading, "hybrid-escalates", message)

    def _missing_section(self, mode: str | None) -> None:
        close = next(
            (
                s
                for s in entry.headings(self.skill)
                if "autonomousdefault" in re.sub("[^a-z]", "", s.title.lower())
            ),
            None,
        )
        if close:
            message = (
                f"'{'#' * close.level} {close.title[:60]}' is not read as the defaults. write '## {SECTION}'"
            )
            self._note(Line(close.line, "", HEADING), "defaults-section", message)
        elif mode:
            message = f"the mode is '{mode}' and there is no section '## {SECTION}'. write it, one entry for each decision"
            self._note(self.mode_node, "defaults-section", message)

    def _defaults(self, sections: list[Section], mode: str | None, context: str | None) -> Iterator[Default]:
        first: dict[str, int] = {}
        read = list(entry.entries(sections))
        taken = {int(said.id[3:]) for _, _, said in read if _ID.match(said.id)}
        free = (f"AD-{number:03d}" for number in count(max(taken, default=0) + 1))
        for line, text, said in read:
            default = entry.default(line, text, said)
            if mode != "interactive":  # there the section itself is the fault
                for rule, message in _faults(default, said, text, first, taken, free):
                    self._note(line, rule, message)
                if not default.documented:
                    strict = mode == "hybrid" and context == "fork"
                    message = f"{said.id or 'the entry'} does not say what is done when nobody is there. write 'Default if deferred: ...' before the rationale"
                    self._note(line, "deferred-default", message, "error" if strict else "warning")
            first.setdefault(said.id, line.number)
            yield default


def _faults(
    default: Default,
    said: entry.Parts,
    text: str,
    first: dict[str, int],
    taken: set[int],
    free: Iterator[str],
) -> Iterator[tuple[str, str]]:
    """Rule and message of what is wrong with one entry; `free` yields the ids that nobody uses."""
    rule, name = "default-entry", default.id or "the entry"
    if not default.id:
        yield rule, f"a decision point without an id. write '- **{next(free)}**: ...'"
    elif not _ID.match(default.id):
        number = re.search(r"(?<!\d)\d{1,3}\Z", default.id, re.ASCII)
        meant = int(number[0]) if number else None
        right = f"AD-{meant:03d}" if meant and meant not in taken else next(free)
        yield rule, f"'{default.id}' is no id of the form AD-NNN. write '{right}'"
    elif default.id in first:
        yield rule, f"{default.id} stands twice, first on line {first[default.id]}. give one another id"
    if said.escalate not in ("", "always"):
        yield rule, f"{name}: unknown 'escalate: {said.escalate}'. write 'escalate: always', or leave it out"
    if not default.choice and not default.escalate:
        yield rule, f"{name} names no default. write 'Subject — what is done (default).'"
    if not default.rationale:
        yield rule, f"{name} gives no rationale. end it with 'Rationale: why that is safe.'"
    if said.deferred_label and not said.escalate:
        message = (
            "has a default if deferred and is never deferred. write '`escalate: always`', or '(default)'"
        )
        yield rule, f"{name} {message}"
    if len(text) > entry.MAX_LENGTH:
        yield rule, f"{name} is longer than {entry.MAX_LENGTH} characters and not read to its end. shorten it"


def _words(sections: list[Section]) -> str:
    return " ".join(line.text for s in sections for line in s.lines if line.kind not in (CODE, COMMENT))
