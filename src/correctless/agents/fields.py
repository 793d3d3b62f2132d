"""Fields of the client's events, each with the expected type.

The client's fields have changed their type before: a value of another type counts as missing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from correctless.base.text import one_line


def moment(seconds: Any) -> datetime | None:
    """Return the UTC time of Unix `seconds`, None when they are not a valid time."""
    try:
        return datetime.fromtimestamp(number(seconds) or math.nan, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def mapping(value: Any) -> Mapping[str, Any]:
    """Return a JSON object, {} for anything else."""
    return value if isinstance(value, dict) else {}


def items(value: Any) -> list[Any]:
    """Return a JSON array, [] for anything else."""
    return value if isinstance(value, list) else []


def text(value: Any) -> str:
    """Return a JSON string, "" for anything else."""
    return value if isinstance(value, str) else ""


def integer(value: Any) -> int | None:
    """Return a JSON integer, None for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def number(value: Any) -> float | None:
    """Return a JSON number as float, None for anything else."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        return float(value)
    except OverflowError:  # an integer of hundreds of digits is JSON too
        return None


def result_faults(result: Mapping[str, Any], *, blank: bool) -> Iterator[str]:
    """Yield what a result line says is wrong; `blank` when its answer is empty."""
    subtype, reason = result.get("subtype"), result.get("terminal_reason")
    message = one_line("; ".join(map(text, items(result.get("errors")))) or text(result.get("result")))
    if subtype != "success":
        yield f"the result is {one_line(str(subtype))}: {message}"
    elif result.get("is_error") is not False:
        yield f"the result is an error: {message}"
    elif blank:
        yield "the answer is empty"
    if reason not in (None, "completed"):
        yield f"it ended with {one_line(str(reason))}"
    if result.get("deferred_tool_use") is not None:
        yield "a tool use was deferred"


def stopped_by_api(result: Mapping[str, Any]) -> bool:
    """Return whether it was a failed request that ended the attempt: not a turn or money limit, not a hook."""
    return result.get("api_error_status") is not None or result.get("terminal_reason") == "api_error"


def has_running_agents(result: Mapping[str, Any]) -> bool:
    """Return whether agents still work in the background, so that another result line will come."""
    stats = mapping(result.get("subagent_stats"))
    ended = [stats.get("completed"), stats.get("failed"), *mapping(stats.get("killed")).values()]
    running = (integer(stats.get("spawned")) or 0) - sum(integer(count) or 0 for count in ended)
    return running > 0 or (integer(result.get("queued_turn_count")) or 0) > 0


def model_usage(result: Mapping[str, Any]) -> Iterator[tuple[int, float]]:
    """Yield tokens and US dollars of each model since the last result, with sub-agents, which the messages lack."""
    for model in map(mapping, mapping(result.get("model_usage_since_last_result")).values()):
        names = ("inputTokens", "outputTokens", "cacheReadInputTokens", "cacheCreationInputTokens")
        yield sum(integer(model.get(name)) or 0 for name in names), number(model.get("costUSD")) or 0.0


def tool_line(block: Mapping[str, Any]) -> str:
    """Return a tool call as one line: its name and its subject."""
    tool_input = mapping(block.get("input"))
    keys = ("command", "file_path", "pattern", "path", "url")
    subject = next((text(tool_input[key]) for key in keys if key in tool_input), "")
    return one_line(f"{text(block.get('name'))} {subject}")
