"""Course of a run in time: its events, the attempts of its steps, and its pauses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from correctless.base import exits
from correctless.base.text import counted, duration
from correctless.metrics.count import moment
from correctless.report.model import AttemptView, EventView, Spent, TimeSpan, Tone
from correctless.runlog import events as log
from correctless.runlog.events import Event, LoggedEvent
from correctless.syntax.strict_json import RecordError

_STOPS: dict[int, tuple[Tone, str]] = {
    exits.PERSON: ("attention", "waiting for you"),
    exits.PAUSED: ("info", "paused: a limit or an outage"),
    exits.BUDGET: ("attention", "paused: the budget is reached"),
    exits.INTERRUPTED: ("info", "interrupted"),
    exits.FAILED: ("bad", "stopped: a step failed"),
}


class Clock:
    """Seconds since the first event; a time that cannot be read counts as that of the event before it."""

    def __init__(self, first: str) -> None:
        self._first = _moment(first)
        self._last = 0.0

    def at(self, timestamp: str) -> float:
        """Return the offset of a timestamp, never before the start."""
        when = _moment(timestamp)
        if when is not None and self._first is not None:
            self._last = max(0.0, (when - self._first).total_seconds())
        return self._last


def _moment(timestamp: str) -> datetime | None:
    try:
        return moment(timestamp)
    except RecordError:
        return None


def attempts(
    events: Iterable[LoggedEvent], clock: Clock, end: float, *, living: bool
) -> dict[str, tuple[AttemptView, ...]]:
    """Return the attempts of each step; `end` is where one that has no end is cut off."""
    building: dict[tuple[str, int], _Attempt] = {}
    items = tuple(events)
    gone = {(step, attempt) for _, step, attempt in log.discarded(items)}
    for item in items:
        event, now = item.event, clock.at(item.timestamp)
        step, number = getattr(event, "step", None), getattr(event, "attempt", None)
        if isinstance(event, log.StepStarted):
            building[event.step, event.attempt] = _Attempt(now)
        elif isinstance(step, str) and isinstance(number, int) and (one := building.get((step, number))):
            one.add(event, now)
    views: dict[str, list[AttemptView]] = {}
    for (step, number), one in building.items():
        view = one.view(number, end, living=living, superseded=(step, number) in gone)
        views.setdefault(step, []).append(view)
    return {step: tuple(each) for step, each in views.items()}


class _Attempt:
    def __init__(self, start: float) -> None:
        self.spans = [(start, start)]
        self.ended = False
        self.outcome, self.reason, self.check, self.patch = "", "", "", ""
        self.tone: Tone = "info"
        self.usd = self.seconds = 0.0
        self.tokens, self.estimated = 0, False

    def add(self, event: Event, now: float) -> None:
        if isinstance(event, log.StepContinued):
            self.spans.append((now, now))
            self.ended = False
            return
        # What is done about an attempt long after its agent is no work of it.
        if isinstance(event, log.AgentEnded | log.StepChecked):
            self.spans[-1] = (self.spans[-1][0], now)
            self.ended = True
        match event:
            case log.AgentEnded():
                self.usd += event.cost_usd
                self.seconds += event.seconds
                self.tokens += event.tokens
                self.estimated |= event.cost_estimated
                self.outcome, self.reason = f"agent: {event.outcome}", event.reason
                self.tone = "info" if event.outcome in ("ok", "paused", "interrupted") else "bad"
            case log.StepChecked():
                self.check = "passed" if event.ok else f"failed: {event.detail}"
            case log.StepFinished():
                self.outcome, self.reason, self.tone = "finished", "", "good"
            case log.AttemptFailed():
                self.outcome = "failed" if event.counted else "discarded"
                self.tone = "bad" if event.counted else "quiet"
                self.reason, self.patch = event.reason, event.patch or ""
            case log.Reverted():
                self.outcome, self.tone = "reverted", "quiet"
                self.reason, self.patch = event.reason, event.patch or ""
            case _:
                pass

    def view(self, number: int, end: float, *, living: bool, superseded: bool) -> AttemptView:
        outcome = self.outcome or ("running" if living else "no end recorded")
        spans = (
            self.spans if self.ended else [*self.spans[:-1], (self.spans[-1][0], max(end, self.spans[-1][0]))]
        )
        return AttemptView(
            number=number,
            outcome=outcome,
            tone=self.tone,
            reason=self.reason,
            spans=tuple(TimeSpan(*each, self.tone, outcome) for each in spans),
            spent=Spent(self.usd, self.tokens, self.seconds, self.estimated),
            check=self.check,
            patch=self.patch,
            superseded=superseded,
        )


def pauses(events: Iterable[LoggedEvent], clock: Clock, end: float, *, over: bool) -> Iterator[TimeSpan]:
    """Yield each span in which no agent was at work because of a stop or a limit."""
    since: tuple[float, Tone, str] | None = None
    for item in events:
        event, now = item.event, clock.at(item.timestamp)
        if since is not None and isinstance(
            event, log.Resumed | log.StepStarted | log.StepContinued | log.Abandoned
        ):
            yield TimeSpan(since[0], now, since[1], since[2])
            since = None
        if isinstance(event, log.RunStopped):
            tone, label = _STOPS.get(event.code, ("bad", "stopped"))
            since = (since[0] if since else now, tone, label)
        elif isinstance(event, log.AgentEnded) and event.outcome == "paused":
            since = (now, "info", _STOPS[exits.PAUSED][1])
    if since is not None and not over:
        yield TimeSpan(since[0], max(end, since[0]), since[1], since[2])


def shown(events: Mapping[int, LoggedEvent], clock: Clock) -> Iterator[EventView]:
    """Yield each event of the run as a line of the timeline."""
    for seq, item in events.items():
        tone, title, detail = _words(item.event)
        yield EventView(seq, item.timestamp, clock.at(item.timestamp), tone, title, detail)


def _words(event: Event) -> tuple[Tone, str, str]:
    match event:
        case log.RunStarted():
            return "info", "Run started", f"spec approved by {event.approved_by} ({event.approved_channel})"
        case log.StepStarted():
            return "info", f"{event.step}#{event.attempt} started", f"from {event.base[:12]}"
        case log.StepContinued():
            return "info", f"{event.step}#{event.attempt} continued", f"part {event.part} of its session"
        case log.AgentEnded():
            tone: Tone = "good" if event.outcome == "ok" else "attention"
            cost = f"{'~' * event.cost_estimated}${event.cost_usd:,.2f}, {event.tokens:,} tokens"
            said = f". {event.reason}" if event.reason else ""
            title = f"{event.step}#{event.attempt}: agent {'finished' if event.outcome == 'ok' else event.outcome}"
            return tone, title, f"{duration(event.seconds)}, {cost}{said}"
        case log.DecisionsTaken():
            tone = "attention" if event.deferred else "info"
            title = f"{event.step}#{event.attempt}: {counted(event.count, 'decision')} recorded"
            return (
                tone,
                title,
                "; ".join([*([f"{event.deferred} deferred"] * bool(event.deferred)), *event.warnings]),
            )
        case log.Asking():
            asked = counted(len(event.entries), "decision")
            title = f"{event.step}#{event.attempt}: {f'you are asked about {asked}' if event.entries else 'unattended'}"
            return "attention" if event.entries else "quiet", title, ""
        case log.Answered():
            who = f"{event.by} ({event.channel})" if event.by else "no answer in time"
            return (
                "info",
                f"{event.step}#{event.attempt}: {who}",
                f"{event.confirmed} confirmed, {event.changed} changed",
            )
        case log.StepChecked():
            result: Tone = "good" if event.ok else "bad"
            return (
                result,
                f"{event.step}#{event.attempt}: check {'passed' if event.ok else 'failed'}",
                event.detail,
            )
        case log.StepFinished():
            return "good", f"{event.step}#{event.attempt} finished", f"commit {event.commit[:12]}"
        case log.AttemptFailed():
            what = "failed" if event.counted else "discarded"
            return "bad" if event.counted else "quiet", f"{event.step}#{event.attempt} {what}", event.reason
        case log.Reverted():
            return "attention", f"{event.step}#{event.attempt} reverted", event.reason
        case log.Rerun():
            return "attention", f"{event.step} is to run again", f"{event.by} ({event.channel}): {event.note}"
        case log.Rewound():
            return "quiet", "Branch set back", f"to {event.commit[:12]}"
        case log.Consolidated():
            return "good", "Consolidated", f"commit {event.commit[:12]}"
        case log.GateClosed():
            number = len(event.entries) + len(event.inherited)
            title = f"Gate closed: {counted(number, 'decision needs', 'decisions need')} your confirmation"
            return "attention", title, f"digest {event.digest[:12]}"
        case log.GateOpened():
            return (
                "good",
                "Gate opened",
                f"{event.by} ({event.channel})" if event.digest else "no decision needed confirmation",
            )
        case log.PublishIntended():
            return "info", "Publishing", f"commit {event.commit[:12]}"
        case log.Published():
            return "good", "Published", event.url
        case log.TrialMerged():
            results: dict[str, Tone] = {"clean": "good", "conflict": "bad"}
            more = f" and {event.more} more" if event.more else ""
            what = ", ".join(event.conflicts) + more if event.conflicts else event.why
            return (
                results.get(event.outcome, "attention"),
                f"Merge with the base on trial: {event.outcome}",
                what,
            )
        case log.ChecksAwaited():
            return "info", "Checks of the pull request watched", f"until {event.until}"
        case log.ChecksSeen():
            results = {"green": "good", "red": "bad"}
            what = ", ".join((*event.red, *event.pending)) or event.why
            return results.get(event.outcome, "attention"), f"Checks: {event.outcome}", what
        case log.Merged():
            return (
                "good",
                f"Pull request {event.number} merged",
                f"as {event.commit[:12]}, by contract {event.contract}",
            )
        case log.Completed():
            return "good", "Complete", event.url
        case log.RunStopped():
            tone, label = _STOPS.get(event.code, ("bad", "stopped"))
            return tone, label[:1].upper() + label[1:], event.reason
        case log.Resumed():
            return "info", "Resumed", "the dispatcher had died" if event.unclean else ""
        case log.Abandoned():
            return "quiet", "Abandoned", f"by {event.by}"
