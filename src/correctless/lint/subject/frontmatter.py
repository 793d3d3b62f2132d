"""Values of a skill's frontmatter that several rules need, as Claude Code 2.1.329 reads them."""

from __future__ import annotations

from collections.abc import Iterator

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
