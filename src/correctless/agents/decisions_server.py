"""MCP server of one attempt's recorder; it forwards each call to the dispatcher.

A program of its own, run as `python -I decisions_server.py SOCKET` by the agent's client. It decides nothing
and stores nothing: the answer of a tool is the dispatcher's, and without one the call is an error.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from io import TextIOWrapper
from typing import Any

import anyio
import mcp_types as types
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server

_ANSWER = 1 << 20  # bytes of one answer
_GONE = "NOT recorded: the dispatcher has gone. stop working"

# Half of a surrogate pair, which JavaScript writes and strict JSON readers refuse: the SDK would never answer that call.
# The pattern matches every escape, so that no escaped backslash is read as the start of the next one.
_ESCAPE = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\(u[dD][89a-fA-F][0-9a-fA-F]{2})|\\."
)

_TEXT = {"type": "string"}
_TOOLS = [
    types.Tool(
        name="record_decision",
        description=(
            "Record one decision of this step, at the moment it is taken. The answer says what was recorded, and why it "
            "differs from what was reported. Only what was answered with 'recorded as' is recorded."
        ),
        input_schema={
            "type": "object",
            "properties": {
                "decision_id": {
                    "type": ["string", "null"],
                    "description": "AD-001, ... as the skill lists it; null for a choice it does not list",
                },
                "default_applied": {**_TEXT, "description": "what you did"},
                "rationale": {**_TEXT, "description": "why"},
                "escalation_deferred": {
                    "type": "boolean",
                    "description": "true when the decision needs a human and the default only replaces it until then",
                },
                "original_escalation_reason": {
                    "type": ["string", "null"],
                    "description": "why a human has to decide; only with escalation_deferred",
                },
            },
            "required": ["decision_id", "default_applied", "rationale"],
        },
    ),
    types.Tool(
        name="list_defaults",
        description="The decision points of this step's skill with their defaults.",
        input_schema={"type": "object", "properties": {}},
    ),
]


class _Dispatcher:
    """The connection to the dispatcher, made at the first call."""

    def __init__(self, address: str, token: str) -> None:
        self._address = address
        self._token = token
        self._turn = asyncio.Lock()
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, tool: str, arguments: dict[str, Any]) -> tuple[str, bool]:
        """Return the dispatcher's answer, and whether it took the call.

        A call is never repeated: the dispatcher may have taken the first.
        """
        async with self._turn:
            try:
                if self._streams is None:
                    self._streams = await asyncio.open_unix_connection(self._address, limit=_ANSWER)
                    self._streams[1].write(self._token.encode() + b"\n")
                reader, writer = self._streams
                writer.write(json.dumps({"tool": tool, "arguments": arguments}).encode() + b"\n")
                await writer.drain()
                answer = json.loads(await reader.readuntil(b"\n"))
                return str(answer["text"]), answer["recorded"] is True
            except (OSError, EOFError, ValueError, KeyError, TypeError, asyncio.LimitOverrunError):
                return _GONE, False


class _Legible(TextIOWrapper):
    """Standard input, in which an escaped lone surrogate becomes the text of its escape."""

    def readline(self, size: int = -1, /) -> str:  # type: ignore[override]  # typeshed: the bytes of IOBase
        return legible(super().readline(size))


def legible(line: str) -> str:
    """Return one message with every lone surrogate escape spelled out.

    All other bytes are unchanged.
    """
    return _ESCAPE.sub(lambda m: rf"\\{m[1]}" if m[1] else m[0], line) if "\\u" in line else line


async def serve(address: str, token: str) -> None:
    """Serve until standard input ends, which is when the client does."""
    dispatcher = _Dispatcher(address, token)

    async def list_tools(_: Any, __: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        return types.ListToolsResult(tools=_TOOLS)

    async def call_tool(_: Any, call: types.CallToolRequestParams) -> types.CallToolResult:
        text, recorded = await dispatcher.ask(call.name, call.arguments or {})
        return types.CallToolResult(
            content=[types.TextContent(type="text", text=text)], is_error=not recorded
        )

    server: Server[Any] = Server("decisions", on_list_tools=list_tools, on_call_tool=call_tool)
    stdin = anyio.wrap_file(_Legible(sys.stdin.buffer, encoding="utf-8", errors="replace", newline="\n"))
    async with stdio_server(stdin) as (read, write):
        await server.run(read, write, server.create_initialization_options())


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], os.environ["CORRECTLESS_RECORDER_TOKEN"]))
