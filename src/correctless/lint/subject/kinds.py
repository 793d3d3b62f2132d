"""Names of the kinds of files that are linted, and of the dialects of a skill."""

from __future__ import annotations

SKILL, AGENT, PLUGIN, MARKETPLACE, HOOKS = "skill", "agent", "plugin", "marketplace", "hooks"
COMMAND, STYLE, SETTINGS, MCP = "command", "style", "settings", "mcp"
MARKDOWN = (AGENT, COMMAND, SKILL, STYLE)
JSON = (HOOKS, MARKETPLACE, MCP, PLUGIN, SETTINGS)

CLAUDE_CODE, AGENTSKILLS = DIALECTS = ("claude-code", "agentskills")
