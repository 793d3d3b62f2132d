"""An agent's file as rules see it: a plugin's agent is loaded otherwise than a project's."""

from __future__ import annotations

import re

from correctless.lint.subject.subject import MarkdownSubject
from correctless.syntax.yaml_text import SCALAR, Node

PROJECT, PLUGIN = "project", "plugin"

# What YAML reads as a number, as yes or no, or as nothing: not as text.
_NO_TEXT = re.compile(r"(?i)[-+]?(?:\d[\d_]*)?\.?\d+(?:e[-+]?\d+)?\Z|(?:true|false|null|~)\Z")


def home(agent: MarkdownSubject) -> str:
    """`project` in `.claude/agents`, `plugin` beside the folder of a manifest, else ""."""
    if agent.facts.kind("../.claude-plugin/plugin.json") == "file":
        return PLUGIN
    return PROJECT if agent.facts.kind(f"../../.claude/agents/{agent.name}") else ""


def is_text(node: Node) -> bool:
    """Tell whether Claude Code reads a value of an agent's frontmatter as text."""
    return node.kind == SCALAR and (bool(node.style) or not _NO_TEXT.match(node.text))


def says(node: Node | None) -> bool:
    """Whether a key stands there with something behind it."""
    return node is not None and (node.kind != SCALAR or bool(node.text.strip()))
