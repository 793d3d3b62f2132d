"""The stream-json lines of one Claude Code process in, the outcome of the attempt out.

Success is a predicate over the whole stream, not an exit code: a wrong plugin folder, a stopped hook and an API error inside a
fork all leave with exit code 0. Pauses are read from structured fields only, never from text a model could have written.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from correctless.agents import Activity, Outcome, Task, one_line
from correctless.agents.running import End, over_limit
from correctless.process import Line
from correctless.record import RecordError, strict_json, timestamp

TESTED = ((2, 1, 300), (2, 2, 0))  # client versions, the second excluded

_OUTAGE_WORDS = frozenset({"connection_failed", "computer_slept", "stream_idle_timeout"})
_PAUSE_WORDS = {
    "authentication_failed": "the login was lost. log in again, then resume",
    "billing_error": "the account cannot pay for the request. fix the billing, then resume",
    "overloaded": "the service is overloaded",
    "rate_limit": "a usage limit was reached",
    "server_error": "the service could not be reached or failed",
}
# US dollars for a million tokens, input and output, of the dearest model of each family: an estimate should not be low.
_PRICES = {"haiku": (1.0, 5.0), "sonnet": (3.0, 15.0), "opus": (5.0, 25.0)}
_DEAREST = (15.0, 75.0)
_CHARS_A_TOKEN = 3  # of output: the stream's own count is taken at the start of a message


class Stream:
    """What was heard of one attempt; fed line by line, asked once for the outcome."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._begun = False
        self._plugin_errors: list[str] = []
        self._results: list[dict[str, Any]] = []
        self._api_error: tuple[int | None, str] | None = None  # status and word of the newest failed request
        self._retrying = False
        self._rejected: dict[str, Any] | None = None
        self._shares: dict[str, float] = {}
        self._usage: dict[str, _Usage] = {}
        self._turns: set[str] = set()
        self._unreadable = 0
        self._stderr = ""
        self.answered = False

    def raw(self, line: Line) -> bytes:
        if line.stream == "out":
            return line.data
        return json.dumps({"type": "stderr", "text": line.data.decode(errors="replace")}).encode()

    def hear(self, line: Line) -> Iterator[Activity]:
        if line.stream == "err":
            self._stderr = one_line(line.data.decode(errors="replace")) or self._stderr
            return
        if not line.data.strip():
            return
        try:
            event = strict_json(line.data.decode(), max_size=None)
        except (RecordError, UnicodeDecodeError):
            event = None
        if not isinstance(event, dict):
            self._unreadable += 1
            yield Activity("warning", f"unreadable line of {len(line.data)} bytes from the client")
            return
        kind, subtype = event.get("type"), event.get("subtype")
        self._retrying = (kind, subtype) == ("system", "api_retry")
        if kind == "system" and subtype == "init":
            yield from self._hear_init(event)
        elif self._retrying:
            self._api_error = (_integer(event.get("error_status")), _text(event.get("error")))
            yield Activity(
                "retry", f"attempt {_integer(event.get('attempt'))}: {self._api_error[1] or 'error'}"
            )
        elif kind == "assistant":
            yield from self._hear_message(event)
        elif kind == "user":
            self.answered = False
        elif kind == "rate_limit_event":
            yield from self._hear_limit(_mapping(event.get("rate_limit_info")))
        elif kind == "result":
            self._results.append(event)
            self.answered = not _work_left(event)
            yield Activity("result", one_line(_text(event.get("result")) or _text(subtype)))

    def _hear_init(self, event: Mapping[str, Any]) -> Iterator[Activity]:
        self._begun = True
        self.answered = False
        for fault in _list(event.get("plugin_errors")):
            self._plugin_errors.append(one_line(_text(_mapping(fault).get("message")) or str(fault)))
        version = version_of(_text(event.get("claude_code_version")))
        if version is None or not TESTED[0] <= version < TESTED[1]:
            said = one_line(_text(event.get("claude_code_version"))) or "unknown"
            yield Activity("warning", f"Claude Code {said} is outside the tested versions ({spell_tested()})")

    def _hear_message(self, event: Mapping[str, Any]) -> Iterator[Activity]:
        self.answered = False
        message = _mapping(event.get("message"))
        if event.get("is_api_error_message") is True:
            self._api_error = (_integer(event.get("api_error_status")), _text(event.get("error")))
            return
        self._api_error = None
        name = _text(message.get("id"))
        if event.get("parent_tool_use_id") is None:
            self._turns.add(name)
        usage = self._usage.setdefault(name, _Usage(_text(message.get("model"))))
        usage.take(_mapping(message.get("usage")))
        for block in map(_mapping, _list(message.get("content"))):
            usage.written += len(json.dumps(block))
            if block.get("type") == "tool_use":
                yield Activity("tool", _tool_line(block))
            elif block.get("type") == "text":
                yield Activity("text", f"{len(_text(block.get('text')))} characters")

    def _hear_limit(self, info: Mapping[str, Any]) -> Iterator[Activity]:
        # rejected, but paid for as extra usage: the work goes on
        stopped = info.get("status") == "rejected" and info.get("isUsingOverage") is not True
        self._rejected = dict(info) if stopped else None
        shares = {_text(info.get("rateLimitType")): info} | dict(_mapping(info.get("unifiedWindows")))
        for name, window in shares.items():
            used = _number(_mapping(window).get("utilization"))
            if name and used is not None:
                self._shares[one_line(name)] = used
        spelled = ", ".join(f"{name} {used:.0%}" for name, used in self._shares.items())
        yield Activity("limit", one_line(f"{_text(info.get('status'))}: {spelled}"))

    def outcome(self, end: End) -> Outcome:
        result = self._results[-1] if self._results else None
        faults = self._faults(end, result)
        why_paused = self._pause(result) if faults else ""
        cost, estimated = self._cost()
        return Outcome(
            kind="paused" if why_paused else "failed" if faults else "ok",
            answer=_text(result.get("result")) if result else "",
            reason=why_paused or "; ".join(faults),
            resume_at=_moment(self._rejected.get("resetsAt")) if why_paused and self._rejected else None,
            cost_usd=cost,
            cost_estimated=estimated,
            tokens=self._tokens(),
            turns=sum(_integer(each.get("num_turns")) or 0 for each in self._results) or len(self._turns),
            exit_code=end.code,
            session=self._task.session,
            usage=tuple(self._shares.items()),
        )

    def _faults(self, end: End, result: Mapping[str, Any] | None) -> list[str]:
        """Everything that keeps this attempt from being a success; empty when it is one."""
        faults = []
        if end.timed_out and not self.answered:
            faults.append(over_limit(end.timed_out, self._task))
        elif end.by_itself and end.code != 0:
            # the client that hangs after its answer was ended by us: then the code is our signal
            faults.append(f"exit code {end.code}")
        if not self._begun:
            faults.append("the stream has no init line")
        if self._plugin_errors:
            faults.append(f"plugin not loaded: {self._plugin_errors[0]}")
        if result is None:
            faults.append("there is no result line")
            if self._unreadable:
                faults.append(f"unreadable lines: {self._unreadable}")
        else:
            faults.extend(_result_faults(result))
        if faults and self._stderr:
            faults.append(f"it said: {self._stderr}")
        return faults

    def _pause(self, result: Mapping[str, Any] | None) -> str:
        """Why a failed attempt is not the agent's fault; empty when it is."""
        if result is None:
            status, word = self._api_error or (None, "")
            if self._retrying and status is None and not word:
                word = "server_error"
        elif _stopped_by_api(result):
            word = self._api_error[1] if self._api_error else ""
            status = _integer(result.get("api_error_status"))
            if _text(result.get("api_error")) in _OUTAGE_WORDS:
                word = "server_error"
        else:
            return ""
        if status == 429 or self._rejected:
            return _PAUSE_WORDS["rate_limit"]
        if status == 401:
            return _PAUSE_WORDS["authentication_failed"]
        if status is not None and status >= 500:
            return f"the service answered HTTP {status}"
        return _PAUSE_WORDS.get(word, "")

    def _cost(self) -> tuple[float, bool]:
        """US dollars of this process, and whether they are an estimate."""
        estimate = sum(usage.cost() for usage in self._usage.values())
        if not self._results and not estimate:
            # ended before the first answer: the request may have been on its way, so it is not free
            asked = _Usage("")
            asked.take({"input_tokens": (len(self._task.prompt) + len(self._task.system)) // _CHARS_A_TOKEN})
            estimate = asked.cost()
        said = _number(self._results[-1].get("total_cost_usd")) if self._results else None
        if self._task.resume and self._results:
            # the total of a continued session holds the cost of its earlier processes too
            said = sum(cost for _, cost in self._parts())
        if said is None or said < 0 or (said == 0 and estimate > 0):
            return estimate, True
        return said, False

    def _tokens(self) -> int:
        counted = sum(tokens for tokens, _ in self._parts())
        return counted or sum(usage.tokens() for usage in self._usage.values())

    def _parts(self) -> Iterator[tuple[int, float]]:
        """Tokens and US dollars of each model between two result lines; sub-agents are in here, not in `usage`."""
        for result in self._results:
            for model in map(_mapping, _mapping(result.get("model_usage_since_last_result")).values()):
                names = ("inputTokens", "outputTokens", "cacheReadInputTokens", "cacheCreationInputTokens")
                yield (
                    sum(_integer(model.get(name)) or 0 for name in names),
                    _number(model.get("costUSD")) or 0.0,
                )


class _Usage:
    """What one model message took; the client repeats the message once for each of its content blocks."""

    def __init__(self, model: str) -> None:
        self._input, self._output = next((p for name, p in _PRICES.items() if name in model), _DEAREST)
        self._fresh = self._cached = self._stored = self._said = 0
        self.written = 0  # characters

    def take(self, usage: Mapping[str, Any]) -> None:
        self._fresh = max(self._fresh, _integer(usage.get("input_tokens")) or 0)
        self._cached = max(self._cached, _integer(usage.get("cache_read_input_tokens")) or 0)
        self._stored = max(self._stored, _integer(usage.get("cache_creation_input_tokens")) or 0)
        self._said = max(self._said, _integer(usage.get("output_tokens")) or 0)

    def _out(self) -> int:
        return max(self._said, self.written // _CHARS_A_TOKEN)

    def tokens(self) -> int:
        return self._fresh + self._cached + self._stored + self._out()

    def cost(self) -> float:
        read = self._fresh + 0.1 * self._cached + 2.0 * self._stored
        return (read * self._input + self._out() * self._output) / 1e6


def version_of(text: str) -> tuple[int, int, int] | None:
    """The three numbers a version text begins with, or None."""
    found = re.match(r"(\d{1,9})\.(\d{1,9})\.(\d{1,9})(?!\d)", text)
    return (int(found[1]), int(found[2]), int(found[3])) if found else None


def spell_tested() -> str:
    low, high = (".".join(map(str, version)) for version in TESTED)
    return f"{low} up to, not including, {high}"


def _result_faults(result: Mapping[str, Any]) -> Iterator[str]:
    subtype, reason = result.get("subtype"), result.get("terminal_reason")
    said = one_line("; ".join(map(_text, _list(result.get("errors")))) or _text(result.get("result")))
    if subtype != "success":
        yield f"the result is {one_line(str(subtype))}: {said}"
    elif result.get("is_error") is not False:
        yield f"the result is an error: {said}"
    elif not _text(result.get("result")).strip():
        yield "the answer is empty"
    if reason not in (None, "completed"):
        yield f"it ended with {one_line(str(reason))}"
    if result.get("deferred_tool_use") is not None:
        yield "a tool use was deferred"


def _stopped_by_api(result: Mapping[str, Any]) -> bool:
    """Whether it was a failed request that ended the attempt: not a turn or money limit, not a hook."""
    return result.get("api_error_status") is not None or result.get("terminal_reason") == "api_error"


def _work_left(result: Mapping[str, Any]) -> bool:
    """Whether agents still work in the background, so that another result line will come."""
    stats = _mapping(result.get("subagent_stats"))
    ended = [stats.get("completed"), stats.get("failed"), *_mapping(stats.get("killed")).values()]
    running = (_integer(stats.get("spawned")) or 0) - sum(_integer(count) or 0 for count in ended)
    return running > 0 or (_integer(result.get("queued_turn_count")) or 0) > 0


def _tool_line(block: Mapping[str, Any]) -> str:
    given = _mapping(block.get("input"))
    subject = next(
        (_text(given[key]) for key in ("command", "file_path", "pattern", "path", "url") if key in given), ""
    )
    return one_line(f"{_text(block.get('name'))} {subject}")


def _moment(seconds: Any) -> str | None:
    try:
        return timestamp(datetime.fromtimestamp(_number(seconds) or math.nan, UTC))
    except (ValueError, OverflowError, OSError):
        return None


# The client's fields have changed their kind before: what is not of the expected kind counts as absent.
def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _integer(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _number(value: Any) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        return float(value)
    except OverflowError:  # an integer of hundreds of digits is JSON too
        return None
