"""Values of a skill's frontmatter that several rules need, as Claude Code 2.1.329 reads them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from correctless.lint.subject.subject import Skill
from correctless.skill.contract import split_tools
from correctless.syntax import yaml_text
from correctless.syntax.yaml_text import Node

MODEL, USER = "disable-model-invocation", "user-invocable"
ALLOWED, DISALLOWED = "allowed-tools", "disallowed-tools"

_TRUE, _FALSE = frozenset({"true", "yes", "on", "1"}), frozenset({"false", "no", "off", "0"})
# Names that it reads as another one.
SAME = {
    "Task": "Agent",
    "KillShell": "TaskStop",
    "KillBash": "TaskStop",
    "ListPeers": "ListAgents",
    "Brief": "SendUserMessage",
    "ListMcpResources": "ListMcpResourcesTool",
    "ReadMcpResource": "ReadMcpResourceTool",
    "ReadMcpResourceDir": "ReadMcpResourceDirTool",
    "ProposeGoal": "SetGoal",
}


# Keys of a page of a website.
_OF_PAGES = ("title", "layout", "slug", "permalink", "sidebar_label", "sidebar_position")


def is_skill(front: Node | None) -> bool:
    """Return whether a frontmatter is that of a skill, so that its file is not a page about skills."""
    return (
        front is not None
        and front.get("name") is not None
        and front.get("description") is not None
        and not any(front.get(key) for key in _OF_PAGES)
    )


def normal(name: str) -> str:
    """Return a name in the form in which agentskills.io tools compare names."""
    if name.isascii():
        return name
    from unicodedata import normalize

    return normalize("NFKC", name)


# Keys that have an effect, so that a misspelled one is missed.
_MEANT = [
    "name",
    "description",
    "when_to_use",
    "argument-hint",
    "arguments",
    "disable-model-invocation",
    "user-invocable",
    "allowed-tools",
    "disallowed-tools",
    "model",
    "effort",
    "context",
    "background",
    "compatibility",
    "interaction_mode",
]
_SHORT = 7  # letters up to which one wrong letter is allowed, and no plural
_MAX_KEY = 40
MAX_MEANT = 64  # keys of a file that are compared: a hostile one has a hundred thousand
_OTHER = frozenset({"mode", "content", "contents"})  # words of their own


@cache  # few keys are unknown, each in many files
def meant_key(key: str) -> str:
    """Return the key that a misspelled one means: one wrong letter, or two in a long one; "" if it is none."""
    if not 4 <= len(key) <= _MAX_KEY or key in _OTHER:
        return ""
    for right in _MEANT:
        is_short = len(right) <= _SHORT
        if is_short and key == f"{right}s":
            continue
        if is_near(key.lower(), right, 1 if is_short else 2):
            return right
    return ""


def means(front: Node, right: str) -> bool:
    """Return whether a frontmatter has a key that means this one, with a value or not."""
    return any(meant_key(key.text) == right for key, _ in front.pairs[:MAX_MEANT])


def is_near(word: str, right: str, most: int) -> bool:
    """Return whether at most so many letters are missing, added, changed or swapped with the next."""
    if abs(len(word) - len(right)) > most:
        return False
    above: list[int] = []
    row = list(range(len(right) + 1))
    for i, a in enumerate(word, 1):
        last, above, row = above, row, [i]
        for j, b in enumerate(right, 1):
            cost = min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and word[i - 2] == b:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
    return row[-1] <= most


def place(skill: Skill, key: str) -> Node | None:
    """Return the value of a key, or the key itself if that is empty."""
    pair = skill.frontmatter.pair(key) if skill.frontmatter else None
    return next((node for node in reversed(pair) if node.end > node.start), None) if pair else None


def stated(skill: Skill, key: str) -> Node | None:
    """Return the value of a key, None for an alias; fast when the text does not have the key."""
    node = skill.frontmatter.get(key) if key in skill.md.raw and skill.frontmatter else None
    return None if node is None or node.kind == yaml_text.ALIAS else node


def meaning(node: Node | None) -> bool | None:
    """Return how Claude Code reads a value, None when it cannot."""
    if node is None or node.kind != yaml_text.SCALAR:
        return None
    value = node.text.strip().lower()
    return True if value in _TRUE else False if value in _FALSE else None


def named(skill: Skill, key: str) -> Iterator[tuple[str, str, tuple[int, int]]]:
    """Yield each tool under a key: its name, its pattern in parentheses or "", and the span of the name."""
    node = skill.frontmatter.get(key) if skill.frontmatter and key in skill.md.raw else None
    if node is None:
        return
    for item in node.items if node.kind == yaml_text.LIST else (node,):
        if item.kind != yaml_text.SCALAR:
            continue
        tools, _ = split_tools(item.text)
        at = item.start
        for tool in tools:
            name, _, pattern = tool.partition("(")
            # After one that is not found, as it is written with an escape, none is searched: that would be quadratic.
            position = skill.text.find(name, at, item.end) if at >= 0 else -1
            at = position + len(name) if position >= 0 else -1
            yield name, pattern, (position, at) if position >= 0 else (item.start, item.end)
