"""Outcome of a Claude Code process, from its stream-json lines.

Success is a predicate over the whole stream, not an exit code: a wrong plugin folder, a stopped hook and an
API error inside a fork all exit with code 0. Pauses are read from structured fields only, never from text a
model could have written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

from correctless.agents import MAX_ANSWER, OVER_ANSWER, Activity, Outcome, Task
from correctless.agents.fields import (
    has_running_agents,
    integer,
    items,
    mapping,
    model_usage,
    moment,
    number,
    result_faults,
    stopped_by_api,
    text,
    tool_line,
)
from correctless.agents.price import CHARS_A_TOKEN, Usage
from correctless.agents.running import End, Over, Spent, over_limit
from correctless.base.clock import timestamp, utcnow
from correctless.base.process.lines import OutputLine
from correctless.base.process.process import Limit
from correctless.base.text import one_line
from correctless.syntax.strict_json import RecordError, strict_json

TESTED = ((2, 1, 300), (2, 2, 0))  # client versions, the second excluded

_OUTAGE_CODES = frozenset({"connection_failed", "computer_slept", "stream_idle_timeout"})
_PAUSE_REASONS = {
    "account_on_hold": "the account is on hold. see its page, then resume",
    "authentication_failed": "the login was lost. log in again, then resume",
    "billing_error": "the account cannot pay for the request. fix the billing, then resume",
    "cloud_credential_error": "the login to the cloud was lost. log in again, then resume",
    "oauth_org_not_allowed": "the organization of this account does not allow this login. log in with another, then resume",
    "overloaded": "the service is overloaded",
    "rate_limit": "a usage limit was reached",
    "server_error": "the service could not be reached or failed",
    "verification_required": "the account must be verified. see its page, then resume",
}
_LIMITS: Mapping[str, Spent] = {"error_max_turns": "turns", "error_max_budget_usd": "usd"}
_WINDOWS = 16  # of an account, at most: each event lists them all
_LONGEST_WINDOW = timedelta(days=8)  # the account's longest window is a week
_HEAD = 800  # characters of a result that are stored beside the answer
_NOISE = 1 << 16  # bytes of one line of standard error that are stored
_COMPLAINTS = 20  # unreadable lines that are reported to a watcher, each
_MOST_TOKENS = 10**15 - 1  # tokens: an integer of thousands of digits is JSON too, and cannot be spelled


class Stream:
    """State of one attempt's stream: `feed` it line by line, then call `outcome` once."""

    def __init__(self, task: Task, now: Callable[[], datetime] = utcnow) -> None:
        self._task = task
        self._now = now
        self._begun = False
        self._plugin_errors: list[str] = []
        self._results: list[dict[str, Any]] = []  # each has the beginning of its text
        # Each message of the agent itself, and each result that is none of them.
        self._messages: list[str] = []
        self._size = 0  # bytes of all of it
        self._blank = True  # the last result
        self._api_error: tuple[int | None, str] | None = None  # status and word of the newest failed request
        self._retrying = False
        self._refused = False  # the newest message is the client's own, in place of an answer
        self._rejected: dict[str, Any] | None = None
        self._forbidden = False  # further work is paid beyond the included usage, and must not be
        self._shares: dict[str, float] = {}
        self._usage: dict[str, Usage] = {}
        self._estimate = 0.0  # US dollars of all messages in `_usage`
        self._counted = 0  # their tokens
        self._reported = (0, 0.0)  # tokens and US dollars of all parts of all results
        self._last_usage = ""  # the usage last reported to a watcher
        self._billed = 0.0  # the estimate when the client last reported its cost
        self._turns: set[str] = set()
        self._replies = 0  # the message to the agent: one without an id is recognized by it
        self._unreadable = 0
        self._stderr = ""
        self.answered = False
        self.over: Over | Literal[""] = ""

    def raw(self, line: OutputLine) -> bytes:
        """Return a line for the transcript; standard error as JSON, cut after `_NOISE`."""
        if line.stream == "out":
            return line.data
        if not line.first:
            return b""
        return json.dumps({"type": "stderr", "text": line.data[:_NOISE].decode(errors="replace")}).encode()

    def feed(self, line: OutputLine) -> Iterator[Activity]:
        """Take one line of output and yield the activities in it."""
        if line.stream == "err":
            message = one_line(line.data[:_NOISE].decode(errors="replace")) if line.first else ""
            self._stderr = message or self._stderr
        elif line.first and line.last and line.data.strip():
            yield from self._on_event(_object(line.data), len(line.data))

    def _on_event(self, event: dict[str, Any] | None, size: int) -> Iterator[Activity]:
        """Take one event; None for a line that is not an event."""
        if event is None:
            self._unreadable += 1
            if self._unreadable <= _COMPLAINTS:
                more = ". further ones are not reported" if self._unreadable == _COMPLAINTS else ""
                yield Activity("warning", f"unreadable line of {size} bytes from the client{more}")
            return
        kind, subtype = event.get("type"), event.get("subtype")
        self._retrying = (kind, subtype) == ("system", "api_retry")
        if kind == "system" and subtype == "init":
            yield from self._on_init(event)
        elif self._retrying:
            self._api_error = (integer(event.get("error_status")), text(event.get("error")))
            yield Activity(
                "retry", f"attempt {integer(event.get('attempt'))}: {self._api_error[1] or 'error'}"
            )
        elif kind == "assistant":
            yield from self._on_message(event)
            yield from self._used()
        elif kind == "user":
            self.answered = False
            self._replies += 1
        elif kind == "rate_limit_event":
            yield from self._on_limit(mapping(event.get("rate_limit_info")))
        elif kind == "result":
            answer = text(event.get("result"))
            self._blank = not answer.strip()
            if answer not in self._messages:
                self._add(answer)
            self._results.append(event | {"result": answer[:_HEAD]})
            for tokens, cost in model_usage(event):
                self._reported = (self._reported[0] + tokens, self._reported[1] + cost)
            self.answered = not has_running_agents(event)
            self._billed = self._estimate
            yield Activity("result", one_line(text(event.get("result")) or text(subtype)))
            yield from self._used()
            if self._dear() and not self.answered:
                self.over = "usd"
            elif self._dear():
                # The money is spent either way, so the work is used.
                spent, limit = self._cost()[0], self._task.limits.usd
                yield Activity("warning", f"it spent {spent:.2f} USD, over its limit of {limit:g}")

    def _add(self, message: str) -> None:
        self._size += len(message.encode("utf-8", "surrogatepass")) + 1
        if self._size <= MAX_ANSWER:
            self._messages.append(message)

    def _used(self) -> Iterator[Activity]:
        """Yield the tokens and US dollars of the attempt so far, when they changed."""
        cost, estimated = self._cost()
        usage = f"{min(self._tokens(), _MOST_TOKENS)} tokens, {'~' if estimated else ''}{cost:.4f} USD"
        if usage != self._last_usage:
            self._last_usage = usage
            yield Activity("usage", usage)

    def _dear(self) -> bool:
        """Return whether the money limit is exceeded by the stream's own account."""
        limit = self._task.limits.usd
        return limit is not None and bool(self._usage or self._results) and self._cost()[0] > limit

    def _on_init(self, event: Mapping[str, Any]) -> Iterator[Activity]:
        self._begun = True
        self.answered = False
        for fault in items(event.get("plugin_errors")):
            self._plugin_errors.append(one_line(text(mapping(fault).get("message")) or str(fault)))
        version = version_of(text(event.get("claude_code_version")))
        if version is None or not TESTED[0] <= version < TESTED[1]:
            client_version = one_line(text(event.get("claude_code_version"))) or "unknown"
            yield Activity(
                "warning", f"Claude Code {client_version} is outside the tested versions ({spell_tested()})"
            )

    def _on_message(self, event: Mapping[str, Any]) -> Iterator[Activity]:
        self.answered = False
        message = mapping(event.get("message"))
        failed, own = event.get("is_api_error_message") is True, event.get("parent_tool_use_id") is None
        if own:  # and not a sub-agent's
            self._refused = failed
        if failed:
            self._api_error = (integer(event.get("api_error_status")), text(event.get("error")))
            return
        self._api_error = None
        if self._forbidden:
            self.over = self.over or "extra"
        name = text(message.get("id")) or f"after reply {self._replies}"
        # The client gets the chance to stop by itself, because its own bill is more exact. So only a message after the
        # limit, or the second turn too many, ends it.
        if name not in self._usage and self._dear():
            self.over = "usd"
        if own:
            self._turns.add(name)
        if len(self._turns) > self._task.limits.turns + 1:
            self.over = self.over or "turns"
        usage = self._usage.setdefault(name, Usage(text(message.get("model"))))
        before, counted = usage.cost(), usage.tokens()
        usage.take(mapping(message.get("usage")))
        for block in map(mapping, items(message.get("content"))):
            usage.written += len(json.dumps(block))
            if block.get("type") == "tool_use":
                yield Activity("tool", tool_line(block))
            elif block.get("type") == "text":
                message_text = text(block.get("text"))
                if own:
                    self._add(message_text)
                yield Activity("text", f"{len(message_text)} characters")
        self._estimate += usage.cost() - before
        self._counted += usage.tokens() - counted

    def _on_limit(self, info: Mapping[str, Any]) -> Iterator[Activity]:
        # rejected, but paid for as extra usage: the work continues
        stopped = info.get("status") == "rejected" and info.get("isUsingOverage") is not True
        # Either key: the client derives the first from two values of the service, the second is the service's own.
        extra = info.get("isUsingOverage") is True or info.get("overageInUse") is True
        self._forbidden = extra and not self._task.limits.extra_usage
        if self._forbidden and not self.answered:  # the answer has arrived: ending it would save nothing
            self.over = self.over or "extra"
        self._rejected = dict(info) if stopped or self._forbidden else None
        shares = {text(info.get("rateLimitType")): info} | dict(mapping(info.get("unifiedWindows")))
        for name, window in ((one_line(name), window) for name, window in shares.items()):
            used = number(mapping(window).get("utilization"))
            if name and used is not None and (name in self._shares or len(self._shares) < _WINDOWS):
                self._shares[name] = used
        spelled = ", ".join(f"{name} {used:.0%}" for name, used in self._shares.items())
        yield Activity("limit", one_line(f"{text(info.get('status'))}: {spelled}"))

    def outcome(self, end: End) -> Outcome:
        """Return the outcome after the process ended."""
        result = self._results[-1] if self._results else None
        faults = self._faults(end, result)
        over = self._over(end, result) if faults else ""
        # an outage before the limit is no reason to start again
        why_paused = self._pause(result) if faults and over not in ("turns", "usd") else ""
        cost, estimated = self._cost()
        # The client reports it before it asks a model anything; only a new session helps.
        lost = self._task.resume and bool(faults) and not self._begun and not why_paused and not over
        return Outcome(
            kind="paused" if why_paused else "lost" if lost else "failed" if faults else "ok",
            answer="\n".join(self._messages),
            reason=why_paused or "; ".join(faults),
            resume_at=self._resume_at() if why_paused else None,
            cost_usd=cost,
            cost_estimated=estimated,
            tokens=self._tokens(),
            turns=sum(integer(each.get("num_turns")) or 0 for each in self._results) or len(self._turns),
            exit_code=end.code,
            session=self._task.session,
            usage=tuple(self._shares.items()),
            over=over,
        )

    def _resume_at(self) -> str | None:
        """Return when the usage limit ends; None for an impossible time, as from a wrong clock."""
        info, now = self._rejected or {}, self._now()
        windows = map(mapping, mapping(info.get("unifiedWindows")).values())
        spent = [window for window in windows if window.get("status") == "rejected"]
        moments = [moment(window.get("resetsAt")) for window in (info, *spent)]
        return next((timestamp(at) for at in moments if at and now < at < now + _LONGEST_WINDOW), None)

    def _over(self, end: End, result: Mapping[str, Any] | None) -> Spent | Limit | Literal[""]:
        """Return the limit for which we or the client ended a failed attempt."""
        if self.over == "extra":
            return ""  # the account's, and a pause
        if self.over:
            return self.over
        if end.timed_out and not self.answered:
            return end.timed_out
        return _LIMITS.get(text(result.get("subtype")), "") if result else ""

    def _faults(self, end: End, result: Mapping[str, Any] | None) -> list[str]:
        """Return everything that is wrong with this attempt; empty for a success."""
        if not self._begun and end.by_itself and end.code != 0 and self._stderr:
            fix = f". use a tested version, {spell_tested()}" if "unknown option" in self._stderr else ""
            return [f"Claude Code did not begin (exit code {end.code}): {self._stderr}{fix}"]
        faults = []
        if self.over:
            faults.append(over_limit(self.over, self._task))
        elif end.too_much:
            faults.append(end.too_much)
        elif end.timed_out and not self.answered:
            faults.append(over_limit(end.timed_out, self._task))
        elif end.by_itself and end.code != 0:
            # the client that hangs after its answer was ended by us: then the code is our signal
            faults.append(f"exit code {end.code}")
        if not self._begun:
            faults.append("the stream has no init line")
        if self._plugin_errors:
            faults.append(f"plugin not loaded: {self._plugin_errors[0]}")
        if result is None:
            faults.append("the stream has no result line")
            if self._unreadable:
                faults.append(f"unreadable lines: {self._unreadable}")
        else:
            faults.extend(result_faults(result, blank=self._blank))
            if self._refused and not faults:
                faults.append("the answer is the client's own message about a failed request")
        if self._size > MAX_ANSWER:
            faults.append(OVER_ANSWER)
        if faults and self._stderr:
            faults.append(f"standard error: {self._stderr}")
        return faults

    def _pause(self, result: Mapping[str, Any] | None) -> str:
        """Return the outage or limit that a failed attempt met; "" when the agent failed."""
        if self.over == "extra":
            return over_limit(self.over, self._task)
        if result is None:
            status, error = self._api_error or (None, "")
            if self._retrying and status is None and not error:
                error = "server_error"
        elif stopped_by_api(result) or self._refused:
            error = self._api_error[1] if self._api_error else ""
            status = integer(result.get("api_error_status"))
            if text(result.get("api_error")) in _OUTAGE_CODES:
                error = "server_error"
        else:
            return ""
        if status == 429 or self._rejected:
            return _PAUSE_REASONS["rate_limit"]
        if status == 401:
            return _PAUSE_REASONS["authentication_failed"]
        if status is not None and status >= 500:
            return f"the service answered HTTP {status}"
        return _PAUSE_REASONS.get(error, "")

    def _cost(self) -> tuple[float, bool]:
        """Return the US dollars of this process so far, and whether they are an estimate."""
        estimate = self._estimate
        if not self._results and not estimate:
            # ended before the first answer: the request may have been sent, so it is not free
            request = Usage("")
            request.take({"input_tokens": (len(self._task.prompt) + len(self._task.system)) // CHARS_A_TOKEN})
            estimate = request.cost()
        total = number(self._results[-1].get("total_cost_usd")) if self._results else None
        if self._task.resume and self._results:
            # the total of a continued session includes the cost of its earlier processes
            total = self._reported[1]
        if total is None or total < 0 or (total == 0 and estimate > 0):
            return estimate, True
        since = max(0.0, estimate - self._billed)  # worked on after its last bill
        return total + since, since > 1e-9

    def _tokens(self) -> int:
        return self._reported[0] or self._counted


def version_of(text: str) -> tuple[int, int, int] | None:
    """Return the three numbers a version text begins with, or None."""
    match = re.match(r"(\d{1,9})\.(\d{1,9})\.(\d{1,9})(?!\d)", text)
    return (int(match[1]), int(match[2]), int(match[3])) if match else None


def spell_tested() -> str:
    """Return the tested versions of the client, for a message."""
    low, high = (".".join(map(str, version)) for version in TESTED)
    return f"{low} up to, not including, {high}"


def _object(data: bytes) -> dict[str, Any] | None:
    """Return the event of a line, None for anything but an object, which is not parsed."""
    try:
        event = strict_json(data.decode(), max_size=None) if data.lstrip()[:1] == b"{" else None
    except (RecordError, UnicodeDecodeError):
        return None
    return event if isinstance(event, dict) else None
