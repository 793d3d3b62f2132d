"""An agent's file as rules see it: Claude Code loads the agents of a plugin and of a project by different rules."""

from __future__ import annotations

from correctless.base.lazy_re import lazily
from correctless.lint.subject.subject import MarkdownSubject
from correctless.syntax.yaml_text import SCALAR, Node

PROJECT, PLUGIN = "project", "plugin"

# Values that YAML reads as a number, a boolean or null.
_NO_TEXT = lazily(r"(?i)[-+]?(?:\d[\d_]*)?\.?\d+(?:e[-+]?\d+)?\Z|(?:true|false|null|~)\Z")


def home(agent: MarkdownSubject) -> str:
    """Return `project` in `.claude/agents`, `plugin` beside the folder of a manifest, else ""."""
    if agent.facts.kind("../.claude-plugin/plugin.json") == "file":
        return PLUGIN
    return PROJECT if agent.facts.kind(f"../../.claude/agents/{agent.name}") else ""


def is_text(node: Node) -> bool:
    """Return whether Claude Code reads a value of an agent's frontmatter as text."""
    return node.kind == SCALAR and (bool(node.style) or not _NO_TEXT.match(node.text))


def has_value(node: Node | None) -> bool:
    """Return whether a key exists and its value is not empty."""
    return node is not None and (node.kind != SCALAR or bool(node.text.strip()))
