"""One file as rules see it: text, nodes, contract, and facts about its neighbours.

A rule can depend on nothing but the content, the names of file and folder, the dialect, and the facts that it looked
up. So the digest of these is the key of a cached result.
"""

from __future__ import annotations

import os
import re
from abc import ABC, abstractmethod
from functools import cached_property

from correctless.lint.subject.kinds import AGENT as AGENT
from correctless.lint.subject.kinds import AGENTSKILLS as AGENTSKILLS
from correctless.lint.subject.kinds import CLAUDE_CODE as CLAUDE_CODE
from correctless.lint.subject.kinds import COMMAND as COMMAND
from correctless.lint.subject.kinds import HOOKS as HOOKS
from correctless.lint.subject.kinds import JSON as JSON
from correctless.lint.subject.kinds import MARKDOWN as MARKDOWN
from correctless.lint.subject.kinds import MARKETPLACE as MARKETPLACE
from correctless.lint.subject.kinds import MCP as MCP
from correctless.lint.subject.kinds import PLUGIN as PLUGIN
from correctless.lint.subject.kinds import SETTINGS as SETTINGS
from correctless.lint.subject.kinds import SKILL as SKILL
from correctless.lint.subject.kinds import STYLE as STYLE
from correctless.lint.subject.neighbours import NeighbourFacts
from correctless.skill import defaults, skill_text
from correctless.skill.contract import SkillContract, of_skill
from correctless.skill.skill_text import SkillText
from correctless.syntax import yaml_text
from correctless.syntax.finding import Edit, Finding
from correctless.syntax.markdown import ITEM, MarkdownLine, Section, line_starts
from correctless.syntax.yaml_text import Document, LineOffsets, Node

_NEAR = 20  # lines from the start, where most findings are: to split off these is faster than to index the whole text

# Place of a finding: a value, a line of the body, a heading, a span of the text or one offset in it; None is the whole file.
Place = Node | MarkdownLine | Section | tuple[int, int] | int | None


class Subject(ABC):
    """One file of one kind. `text` is its content without a byte order mark; offsets count in it.

    `name` is that of the file, `folder` that of its folder. `adopted`: the project uses the contract, so a skill
    without it is a fault.
    """

    def __init__(
        self,
        kind: str,
        name: str,
        folder: str,
        data: bytes,
        facts: NeighbourFacts,
        dialect: str = CLAUDE_CODE,
        adopted: bool = True,
    ) -> None:
        self.kind = kind
        self.name = name
        self.folder = folder
        self.data = data
        self.facts = facts
        self.dialect = dialect
        self.adopted = adopted

    @property
    @abstractmethod
    def text(self) -> str:
        """Return the text of the file."""

    @property
    @abstractmethod
    def notes(self) -> tuple[Finding, ...]:
        """Findings of the reading itself, each with the id of its rule."""

    @property
    def start(self) -> int:
        """Return the offset for findings about the whole file, or about what is missing in it."""
        return 0

    def notes_of(self, rule: str) -> list[Finding]:
        """Return the notes of one rule."""
        return [note for note in self.notes if note.rule == rule]

    def at(self, place: Place, message: str, severity: str = "", fix: tuple[Edit, ...] = ()) -> Finding:
        """Return a finding at a place; `rules.run` fills in path, rule and a missing severity."""
        if isinstance(place, (MarkdownLine, Section)):
            if isinstance(place, MarkdownLine):
                indent = re.match(defaults.BULLET if place.kind == ITEM else r"[ \t]*", place.text)
                line, column, text = place.number, (indent.end() if indent else 0) + 1, place.text
            else:
                line, column, text = place.line, 1, self.text_of(place.line)
            end = max(len(text.rstrip()), column) + 1
            return Finding("", line, column, "", message, severity, line, end, fix)
        if isinstance(place, Node):
            start, end = place.start, place.start + len(self.text[place.start : place.end].rstrip())
        elif isinstance(place, tuple):
            start, end = place
        else:
            start = end = self.start if place is None else place
        ends = self._lines.place(end) if end > start else (0, 0)
        return Finding("", *self._lines.place(start), "", message, severity, *ends, fix)

    def within(self, line: MarkdownLine, start: int, end: int) -> tuple[int, int]:
        """Return the span in the text of two offsets in a line."""
        at = self._line_starts[line.number - 1]
        return at + start, at + end

    def text_of(self, number: int) -> str:
        """Return one line without its end."""
        if "\r" not in self.text:
            return (self._near if number <= _NEAR else self._rows)[number - 1]
        starts = self._line_starts
        return self.text[starts[number - 1] : starts[number] if number < len(starts) else None].rstrip("\r\n")

    @cached_property
    def _rows(self) -> list[str]:
        return self.text.split("\n")

    @cached_property
    def _near(self) -> list[str]:
        return self.text.split("\n", _NEAR)

    @cached_property
    def _lines(self) -> LineOffsets:
        return LineOffsets(self.text)

    @cached_property
    def _line_starts(self) -> list[int]:
        return line_starts(self.text)


class MarkdownSubject(Subject):
    """A file of Markdown with a frontmatter: an agent, an output style, or a skill."""

    @cached_property
    def md(self) -> SkillText:
        """Frontmatter, body, lines and sections."""
        return skill_text.read(self.data, f"{self.folder}/{self.name}")

    @property
    def text(self) -> str:
        """Return the text of the file."""
        return self.md.text

    @cached_property
    def frontmatter(self) -> Node | None:
        """The frontmatter, if it can be read."""
        return self.md.frontmatter

    @property
    def notes(self) -> tuple[Finding, ...]:
        """Return the findings of the reading itself."""
        return self.md.notes

    @property
    def start(self) -> int:
        """Return the offset of the first key, where findings about the whole file go."""
        front = self.frontmatter
        return front.pairs[0][0].start if front and front.pairs else 0


class Skill(MarkdownSubject):
    """A SKILL.md, or a command, which is a skill in one file."""

    @cached_property
    def contract(self) -> SkillContract:
        """Return the contract that the skill states."""
        return of_skill(self.md)

    @cached_property
    def sections(self) -> list[Section]:
        """The sections of defaults: one, unless something is wrong."""
        return defaults.sections(self.md)

    @cached_property
    def entries(self) -> tuple[tuple[MarkdownLine, str, defaults.Parts], ...]:
        """First line, whole text and stated parts of each decision point, in the order of `contract.defaults`."""
        return tuple(defaults.entries(self.sections))


class JsonSubject(Subject):
    """A file of JSON: plugin.json, marketplace.json, hooks.json, .mcp.json or settings.json."""

    @cached_property
    def _decoded(self) -> tuple[str, list[skill_text.Fault]]:
        return skill_text.decode(self.data)

    @property
    def text(self) -> str:
        """Return the text of the file."""
        return self._decoded[0]

    @cached_property
    def document(self) -> Document:
        """Return the file as nodes, with the findings of the reading itself."""
        from correctless.syntax import json_text  # most files are of Markdown

        return json_text.read(self.text, self.name)

    @property
    def root(self) -> Node | None:
        """Return the object at the top, None without one."""
        root = self.document.root
        return root if root is not None and root.kind == yaml_text.MAP else None

    @cached_property
    def notes(self) -> tuple[Finding, ...]:
        """Return the findings of the reading itself."""
        faults = (
            Finding(self.name, *self._lines.place(at), rule, message, severity)
            for at, rule, message, severity in self._decoded[1]
        )
        return (*faults, *self.document.problems)

    @property
    def start(self) -> int:
        """Return the offset of the object, where findings about the whole file go."""
        return self.root.start if self.root else 0


CLASSES: dict[str, type[Subject]] = {
    SKILL: Skill,
    AGENT: MarkdownSubject,
    PLUGIN: JsonSubject,
    MARKETPLACE: JsonSubject,
    HOOKS: JsonSubject,
    COMMAND: Skill,
    STYLE: MarkdownSubject,
    SETTINGS: JsonSubject,
    MCP: JsonSubject,
}


def of_contract(contract: SkillContract) -> Skill:
    """Return the skill of a contract as a subject."""
    folder = os.path.dirname(os.path.abspath(contract.path))
    name = os.path.basename(contract.path)
    skill = Skill(SKILL, name, os.path.basename(folder), b"", NeighbourFacts(folder))
    vars(skill).update(md=contract.text, contract=contract)  # read already
    return skill
