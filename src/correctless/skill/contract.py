"""Contract that one SKILL.md states: its mode and its decision points.

Whether they are valid is decided by `rules`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from functools import lru_cache

from correctless.base.named import NamedTuple
from correctless.skill import defaults, skill_text
from correctless.skill.defaults import Default as Default
from correctless.skill.find import find_skills as find_skills
from correctless.skill.find import read_bytes, skill_file
from correctless.skill.skill_text import SkillText
from correctless.syntax import yaml_text
from correctless.syntax.yaml_text import Node

MODES = ("autonomous", "interactive", "hybrid")


class SkillContract(NamedTuple):
    """What one SKILL.md states, without judging it.

    `interaction_mode` is None unless the file states one valid mode without contradiction. `rules.problems`
    lists what is wrong.
    """

    name: str
    path: str
    interaction_mode: str | None
    context: str | None
    allowed_tools: tuple[str, ...]
    defaults: tuple[Default, ...]
    has_section: bool
    text: SkillText  # what it was read from

    def default(self, id: str) -> Default | None:  # noqa: A002 the name that the log uses
        """Return the first decision point with that id.

        None for an id the contract does not list, and without an id.
        """
        return next((d for d in self.defaults if id and d.id == id), None)


def read_skill(path: str) -> SkillContract:
    """Return the contract of a skill folder or of its SKILL.md.

    Raises: Stop(3) when the file cannot be read. An invalid text is not an error.
    """
    file = skill_file(path)
    return of_text(read_bytes(file), file)


@lru_cache(maxsize=64)
def of_text(data: bytes, path: str) -> SkillContract:
    """Return the contract that the bytes of a SKILL.md state.

    `path` names the file, and its folder the skill when the text gives no name.
    """
    return of_skill(skill_text.read(data, path))


def of_skill(skill: SkillText) -> SkillContract:
    """Return the contract of a text that was read already."""
    front, sections = skill.frontmatter, defaults.sections(skill)
    return SkillContract(
        name=_scalar(front, "name") or os.path.basename(os.path.dirname(os.path.abspath(skill.path))),
        path=skill.path,
        interaction_mode=_mode(front),
        context=_scalar(front, "context") or None,
        allowed_tools=tuple(tool for _, tool in tools(front)),
        defaults=tuple(defaults.default(*entry) for entry in defaults.entries(sections)),
        has_section=bool(sections),
        text=skill,
    )


def key_maps(front: Node | None) -> tuple[Node, ...]:
    """Return the maps that may have a key of the contract: the top level, and `metadata`.

    Tools that refuse unknown keys accept them in `metadata`.
    """
    metadata = front.get("metadata") if front else None
    return tuple(node for node in (front, metadata) if node)


def mode_nodes(front: Node | None) -> tuple[Node, ...]:
    """Return each stated mode."""
    return tuple(node for keys in key_maps(front) if (node := keys.get("interaction_mode")))


# Keys of the contract without case and separators, by which a misspelled one is recognized.
_KEYS = {"interactionmode": "interaction_mode", "allowedtools": "allowed-tools", "context": "context"}


def misspelled(front: Node | None) -> Iterator[tuple[Node, str]]:
    """Yield each misspelled key with the contract's key."""
    for keys in key_maps(front):
        for key, _ in keys.pairs:
            right = _contract_key(key.text)
            if right and key.text != right:
                yield key, right


@lru_cache(1000)  # most files have the same keys
def _contract_key(text: str) -> str | None:
    # A key that only differs in the separators is as long or a little longer.
    return _KEYS.get(re.sub(r"[^a-z]", "", text.lower())) if len(text) < 32 else None


def tool_items(front: Node | None) -> tuple[Node, ...]:
    """Return the values under `allowed-tools`: the items of the list, or the one line."""
    node = front.get("allowed-tools") if front else None
    if node is None:
        return ()
    return node.items if node.kind == yaml_text.LIST else (node,)


def tools(front: Node | None) -> Iterator[tuple[Node, str]]:
    """Yield each tool under `allowed-tools` with the value it is in."""
    for item in tool_items(front):
        if item.kind == yaml_text.SCALAR:
            for tool in split_tools(item.text)[0]:
                yield item, tool


def split_tools(text: str) -> tuple[tuple[str, ...], bool]:
    """Return the tools of a list separated by commas or spaces.

    `Bash(git log:*)` is one tool. The second value says whether all parentheses are closed.
    """
    if "(" not in text and ")" not in text:
        return tuple(text.replace(",", " ").split()), True
    names, current, depth = [], "", 0
    for char in text:
        if depth == 0 and (char == "," or char.isspace()):
            names.append(current)
            current = ""
            continue
        depth = max(0, depth + {"(": 1, ")": -1}.get(char, 0))
        current += char
    return tuple(name for name in (*names, current.strip()) if name), depth == 0


def _scalar(front: Node | None, key: str) -> str:
    node = front.get(key) if front else None
    return node.text.strip() if node and node.kind == yaml_text.SCALAR else ""


def _mode(front: Node | None) -> str | None:
    stated = {n.text.strip() if n.kind == yaml_text.SCALAR else None for n in mode_nodes(front)}
    mode = stated.pop() if len(stated) == 1 else None
    return mode if mode in MODES else None
