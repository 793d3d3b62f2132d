"""One file as rules see it: text, nodes, contract, and facts about its neighbours.

A rule sees nothing else: what it can depend on is the content, the names of file and folder, the dialect, and the facts it
asked for. So a result can be kept under exactly those.
"""

from __future__ import annotations

import os
import re
import stat
from abc import ABC, abstractmethod
from functools import cached_property

try:
    from _blake2 import blake2b as blake2b  # hashlib would load OpenSSL first
except ImportError:
    from hashlib import blake2b as blake2b

from correctless.base.files import Unreadable, read_plain
from correctless.skill import defaults, skill_text
from correctless.skill.contract import SkillContract, of_skill
from correctless.skill.skill_text import SkillText
from correctless.syntax import yaml_text
from correctless.syntax.finding import Edit, Finding
from correctless.syntax.markdown import ITEM, MarkdownLine, Section
from correctless.syntax.yaml_text import Document, LineOffsets, Node

TYPE_CHECKING = False  # typing costs 2 ms to import
if TYPE_CHECKING:
    from collections.abc import Callable

# Kinds of files.
SKILL, AGENT, PLUGIN, MARKETPLACE, HOOKS = "skill", "agent", "plugin", "marketplace", "hooks"

CLAUDE_CODE, AGENTSKILLS = DIALECTS = ("claude-code", "agentskills")

MAX_FACT = 1 << 20  # bytes of a neighbour that are read
_NEAR = 20  # lines from the start of a text, where most findings stand: to cut it there is faster than to index all of it

# Where a finding stands: a value, a line of the body, a heading, a span of the text or one offset in it; None is "in the
# whole file".
Place = Node | MarkdownLine | Section | tuple[int, int] | int | None
Asked = dict[tuple[str, str], str]


class NeighbourFacts:
    """What a rule may ask about the neighbours of a file; each question is kept with its answer, so that both can be asked
    again. Paths are relative to the folder of the file, and written with `/`.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self.asked: Asked = {}

    def kind(self, path: str) -> str:
        """`file`, `folder`, or "" when there is nothing, or a link that leads nowhere."""
        return self._ask("kind", path)

    def runnable(self, path: str) -> bool:
        """Whether it is a file whose owner may run it."""
        return self._ask("runnable", path) == "yes"

    def names(self, path: str) -> tuple[str, ...]:
        """The names in a folder, sorted; none when it can't be listed."""
        return tuple(self._ask("names", path).split("/")) if self._ask("names", path) else ()

    def read(self, path: str) -> bytes | None:
        """The bytes of a plain file of at most `MAX_FACT`; None when there is none that can be read."""
        data = _bytes(self._at(path))
        self.asked["read", path] = _digest(data)
        return data

    def _ask(self, question: str, path: str) -> str:
        if (question, path) not in self.asked:
            self.asked[question, path] = _ANSWERS[question](self._at(path))
        return self.asked[question, path]

    def _at(self, path: str) -> str:
        return os.path.join(self._folder, path)


def still_so(folder: str, asked: Asked) -> bool:
    """Whether each question about the neighbours of a file in `folder` is answered as it was."""
    return all(
        _ANSWERS[question](os.path.join(folder, path)) == was for (question, path), was in asked.items()
    )


def _kind(path: str) -> str:
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):  # ValueError: a NUL in the name
        return ""
    return "folder" if stat.S_ISDIR(mode) else "file"


def _runnable(path: str) -> str:
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return "no"
    return "yes" if stat.S_ISREG(mode) and mode & stat.S_IXUSR else "no"


def _names(path: str) -> str:
    try:
        return "/".join(sorted(os.listdir(path)))
    except (OSError, ValueError):
        return ""


def _bytes(path: str) -> bytes | None:
    try:
        return read_plain(path, MAX_FACT)[0]
    except Unreadable:
        return None


def _digest(data: bytes | None) -> str:
    return "" if data is None else blake2b(data, digest_size=16).hexdigest()


_ANSWERS: dict[str, Callable[[str], str]] = {
    "kind": _kind,
    "runnable": _runnable,
    "names": _names,
    "read": lambda path: _digest(_bytes(path)),
}


class Subject(ABC):
    """One file of one kind. `text` is its content without a byte order mark; offsets count in it.

    `name` is that of the file, `folder` that of the folder it lies in. `adopted`: the project uses the contract, so a skill
    that says nothing of it is a fault.
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
        """What the reading itself found wrong, each with the id of its rule."""

    @property
    def start(self) -> int:
        """Where a finding about the whole file, or about what is missing in it, stands."""
        return 0

    def noted(self, rule: str) -> list[Finding]:
        """Those of the notes that are one rule's."""
        return [note for note in self.notes if note.rule == rule]

    def at(self, place: Place, message: str, severity: str = "", fix: tuple[Edit, ...] = ()) -> Finding:
        """A finding at a place; path and rule, and the severity that is left out, are filled in by whoever runs the rule."""
        if isinstance(place, MarkdownLine):
            found = (
                re.match(defaults.BULLET, place.text)
                if place.kind == ITEM
                else re.match(r"[ \t]*", place.text)
            )
            column = (found.end() if found else 0) + 1
            end = len(place.text.rstrip()) + 1
            return Finding(
                "", place.number, column, "", message, severity, place.number, max(end, column + 1), fix
            )
        if isinstance(place, Section):
            heading = self.text_of(place.line)
            return Finding(
                "", place.line, 1, "", message, severity, place.line, len(heading.rstrip()) + 1, fix
            )
        if isinstance(place, Node):
            start, end = place.start, place.start + len(self.text[place.start : place.end].rstrip())
        elif isinstance(place, tuple):
            start, end = place
        else:
            start = end = self.start if place is None else place
        ends = self._lines.place(end) if end > start else (0, 0)
        return Finding("", *self._lines.place(start), "", message, severity, *ends, fix)

    def within(self, line: MarkdownLine, start: int, end: int) -> tuple[int, int]:
        """The span of the text that two offsets in a line mean."""
        at = self._line_starts[line.number - 1]
        return at + start, at + end

    def text_of(self, number: int) -> str:
        """One line, without its end."""
        if number <= _NEAR and "\r" not in self.text:
            return self._near[number - 1]
        starts = self._line_starts
        return self.text[starts[number - 1] : starts[number] if number < len(starts) else None].rstrip("\r\n")

    @cached_property
    def _near(self) -> list[str]:
        return self.text.split("\n", _NEAR)

    @cached_property
    def _lines(self) -> LineOffsets:
        return LineOffsets(self.text)

    @cached_property
    def _line_starts(self) -> list[int]:
        return [0, *(found.end() for found in re.finditer(r"\r\n|\n|\r", self.text))]


class MarkdownSubject(Subject):
    """A file of Markdown with a frontmatter: an agent, or a skill."""

    @cached_property
    def md(self) -> SkillText:
        """Frontmatter, body, lines and sections, as `skillmd` reads them."""
        return skill_text.read(self.data, f"{self.folder}/{self.name}")

    @property
    def text(self) -> str:
        """Return the text of the file."""
        return self.md.text

    @property
    def frontmatter(self) -> Node | None:
        """Return the frontmatter, if it can be read."""
        return self.md.frontmatter

    @property
    def notes(self) -> tuple[Finding, ...]:
        """Return the problems met while reading."""
        return self.md.notes

    @property
    def start(self) -> int:
        """Return the offset of the first key, where findings about the whole file go."""
        front = self.frontmatter
        return front.pairs[0][0].start if front and front.pairs else 0


class Skill(MarkdownSubject):
    """A SKILL.md."""

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
        """First line, whole text and stated parts of each decision point; `contract.defaults` in the same order."""
        return tuple(defaults.entries(self.sections))


class JsonSubject(Subject):
    """A file of JSON: plugin.json, marketplace.json or hooks.json."""

    @cached_property
    def _decoded(self) -> tuple[str, list[skill_text.Fault]]:
        return skill_text.decode(self.data)

    @property
    def text(self) -> str:
        """Return the text of the file."""
        return self._decoded[0]

    @cached_property
    def document(self) -> Document:
        """Return the file as nodes, with the problems met while reading."""
        from correctless.syntax import json_text  # most files are of Markdown

        return json_text.read(self.text, self.name)

    @property
    def root(self) -> Node | None:
        """The object at the top; None when there is none, or something else stands there."""
        root = self.document.root
        return root if root is not None and root.kind == yaml_text.MAP else None

    @cached_property
    def notes(self) -> tuple[Finding, ...]:
        """Return the problems met while reading."""
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
}


def of_contract(contract: SkillContract) -> Skill:
    """The skill a contract was read from, once more as a subject."""
    folder = os.path.dirname(os.path.abspath(contract.path))
    name = os.path.basename(contract.path)
    skill = Skill(SKILL, name, os.path.basename(folder), b"", NeighbourFacts(folder))
    vars(skill).update(md=contract.text, contract=contract)  # read already
    return skill
