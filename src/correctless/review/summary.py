"""Summary of a branch's decisions, for a terminal or a pull request.

Everything a model wrote passes `printable` before it reaches a terminal and `inert` before it reaches
Markdown.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from correctless.base.text import counted, duration, printable
from correctless.decisions.decision import UNLISTED, Decision
from correctless.project.paths import ARTIFACTS
from correctless.review.inert import inert
from correctless.review.listed_default import DIFFERS
from correctless.runlog.state import AttemptCost

_NAMED = 4  # ids the last line names before it only counts


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of the decisions log, and its status for the gate."""

    decision: Decision
    seq: int
    open: bool  # deferred, live and unconfirmed
    confirmed_by: str = ""
    decided: str = ""  # what was decided in place of the default
    superseded: bool = False
    branch: str = ""  # branch of its log, where that is another one
    rejected: str = ""  # who rejected it there
    listed: str = ""  # the listed default, where it differs from that


@dataclass(frozen=True, slots=True)
class SummaryView:
    """Contents of a summary; `digest` is what you confirm once the gate has closed."""

    branch: str
    run: str | None
    items: tuple[Item, ...]
    steps: tuple[AttemptCost, ...] = ()
    warnings: tuple[str, ...] = ()
    digest: str | None = None
    request: tuple[str, ...] = ()  # what is good about the pull request; what is not is a warning


def text(view: SummaryView, width: int = 80) -> str:
    """Return the summary for a terminal, wrapped at `width`, without colours.

    Its last line says what needs confirmation.
    """
    out: list[str] = [f"Decisions on {_line(view.branch)}" + (f", run {_line(view.run)}" if view.run else "")]
    parts = _Parts(view.items)

    def section(title: str) -> None:
        out.extend(["", title, "-" * len(title)])

    def put(text: str, indent: int, hanging: int | None = None) -> None:
        out.extend(_wrapped(text, width, indent, indent if hanging is None else hanging))

    for skill, items in parts.skills:
        section(_line(skill))
        for item in items:
            put(f"{_line(item.decision.decision_id):<7} {_line(item.decision.default_applied)}", 2, 10)
            put(_line(item.decision.rationale), 10)
            put(remark(item, run=view.run), 10)
        deferred = parts.deferred_of(skill)
        if deferred:
            put(f"deferred, see below: {_ids(deferred)}", 2, 4)
    for title, entries in (
        (_headline("Deferred escalations", parts.deferred), parts.deferred),
        (_headline("Added by hand", parts.by_hand), parts.by_hand),
    ):
        if entries:
            section(title)
        for item in entries:
            put(f"{_line(item.decision.decision_id)} in {_line(item.decision.skill)}: {_state(item)}", 2, 4)
            for label, value in details(item, view.run):
                put(f"{label + ':':<10} {value}", 4, 15)
    if parts.superseded:
        section("Superseded")
        for skill, ids in parts.superseded:
            put(f"{_line(skill)}: {counted(len(ids), 'entry', 'entries')} ({_ids(ids)})", 2, 4)
    if view.warnings:
        section("Warnings")
        for warning in view.warnings:
            put(_line(warning), 2, 4)
    if view.request:
        section("Pull request")
        for line in view.request:
            put(_line(line), 2, 4)
    if view.steps:
        section("Steps")
        out.extend("  " + row for row in _table([_HEADER, *map(_cells, view.steps), _total(view.steps)]))
    if parts.waiting and view.digest:
        out.extend(["", f"Digest {_line(view.digest)}"])
    out.extend(["", _last(parts)])
    return "\n".join(out) + "\n"


@dataclass(frozen=True, slots=True)
class MarkdownPart:
    """A part of the summary in Markdown, of blocks that can be left out one by one."""

    title: str
    blocks: tuple[str, ...]  # of one or more lines each
    whole: bool = False  # it has deferred decisions: nothing of it may be left out

    def lines(self) -> list[str]:
        """Return the part with its heading."""
        return [f"## {self.title}", "", *self.blocks, ""]


def markdown(view: SummaryView) -> str:
    """Return the summary for a pull request: the same parts, all model text inert."""
    parts = [line for part in markdown_parts(view) for line in part.lines()]
    return "\n".join([*parts, last_line(view)]) + "\n"


def last_line(view: SummaryView) -> str:
    """Return what needs confirmation, in one line of Markdown."""
    return inert(_last(_Parts(view.items)))


def markdown_parts(view: SummaryView) -> tuple[MarkdownPart, ...]:
    """Return the parts of the summary in Markdown, all model text inert."""
    parts = _Parts(view.items)
    made = [MarkdownPart("Decisions", tuple(_decisions(parts, view.run)) or ("No decisions are recorded.",))]
    for title, entries in (("Deferred escalations", parts.deferred), ("Added by hand", parts.by_hand)):
        if entries:
            whole = any(item.open or item.decision.escalation_deferred for item in entries)
            made.append(
                MarkdownPart(
                    _headline(title, entries), tuple(_entry(item, view.run) for item in entries), whole
                )
            )
    if parts.superseded:
        superseded = (
            f"- {inert(skill)}: {counted(len(ids), 'entry', 'entries')} ({inert(_ids(ids))})"
            for skill, ids in parts.superseded
        )
        made.append(MarkdownPart("Superseded", tuple(superseded)))
    if view.warnings:
        made.append(MarkdownPart("Warnings", tuple(f"- {inert(warning)}" for warning in view.warnings)))
    if view.steps:
        header = "| step | outcome | time | tokens | cost |\n| --- | --- | ---: | ---: | ---: |"
        rows = [row for row in [*map(_cells, view.steps), _total(view.steps)] if row]
        table = ("| " + " | ".join(map(inert, row)) + " |" for row in rows)
        made.append(MarkdownPart(STEPS, (header, *table)))
    return tuple(made)


STEPS = "Steps"  # the title of the part with times and costs


def _decisions(parts: _Parts, run: str | None) -> Iterator[str]:
    for number, (skill, items) in enumerate(parts.skills):
        yield f"{chr(10) * (number > 0)}### {inert(skill)}\n"
        for item in items:
            decision = item.decision
            lines = [f"- **{inert(decision.decision_id)}** {inert(decision.default_applied)}"]
            more = (decision.rationale, remark(item, run=run))
            yield "\n".join([*lines, *(f"  <br>{inert(line)}" for line in more if line.strip())])
        if deferred := parts.deferred_of(skill):
            yield f"- deferred, see below: {inert(_ids(deferred))}"


def _entry(item: Item, run: str | None) -> str:
    decision = item.decision
    first = f"- **{inert(decision.decision_id)}** in {inert(decision.skill)}: {inert(_state(item))}"
    return "\n".join([first, *(f"  - {label}: {inert(value)}" for label, value in details(item, run))])


def brief(view: SummaryView) -> str:
    """Return the summary in one line."""
    sums = counts(view)
    open_ones = f", {sums['open']} need your confirmation" if sums["open"] else ""
    cost = f"{'~' * sums['estimated']}${sums['cost_usd']:,.2f}"
    return (
        f"{counted(sums['decisions'], 'decision')} in {counted(len({s.step for s in view.steps}), 'step')}, "
        f"{sums['confirmed']} confirmed{open_ones}; {duration(sums['seconds'])}, {sums['tokens']:,} tokens, {cost}"
    )


def counts(view: SummaryView) -> dict[str, Any]:
    """Return the summary in numbers; live entries only, except `superseded`."""
    parts = _Parts(view.items)
    entries = [*parts.deferred, *parts.by_hand]
    return {
        "decisions": len(parts.live),
        "deferred": sum(item.decision.escalation_deferred for item in parts.live),
        "open": len(parts.waiting),
        "confirmed": sum(bool(item.confirmed_by) for item in entries if not item.open),
        "unlisted": sum(item.decision.decision_id.startswith(UNLISTED) for item in parts.live),
        "damaged": sum("damaged" in item.decision.notes for item in parts.live),
        "by_hand": len(parts.by_hand),
        "superseded": sum(len(ids) for _, ids in parts.superseded),
        "warnings": len(view.warnings),
        "seconds": sum(step.seconds for step in view.steps),
        "tokens": sum(step.tokens for step in view.steps),
        "cost_usd": round(sum(step.cost_usd for step in view.steps), 6),
        "estimated": any(step.estimated for step in view.steps),
    }


def _line(text: str) -> str:
    return printable(" ".join(text.split()))


class _Parts:
    """The entries as the summary groups them; damaged and unlisted ones first among the deferred."""

    def __init__(self, items: Iterable[Item]) -> None:
        ordered = sorted(items, key=_place)
        self.live = [item for item in ordered if not item.superseded]
        self.waiting = [item for item in self.live if item.open]
        self.by_hand = [item for item in self.live if item.decision.source == "cli"]
        self.reported = [item for item in self.live if item.decision.source != "cli"]
        self.deferred = sorted(
            (item for item in self.reported if item.decision.escalation_deferred or item.open), key=rank
        )
        self.aside = {_place(item) for item in self.deferred}
        self.skills = [
            (skill, [item for item in items if _place(item) not in self.aside])
            for skill, items in _by_skill(self.reported)
        ]
        self.superseded = [
            (skill, [item.decision.decision_id for item in items])
            for skill, items in _by_skill(item for item in ordered if item.superseded)
        ]

    def deferred_of(self, skill: str) -> list[str]:
        """Return the ids of a skill's deferred escalations, in the order of recording."""
        return [
            item.decision.decision_id
            for item in self.reported
            if _place(item) in self.aside and item.decision.skill == skill
        ]


def _place(item: Item) -> tuple[str, int]:
    return item.branch, item.seq


def rank(item: Item) -> tuple[bool, bool, str, int]:
    """Return the sort key of a deferred entry: damaged ones first, then unlisted ones."""
    damaged = "damaged" in item.decision.notes
    return not damaged, not item.decision.decision_id.startswith(UNLISTED), *_place(item)


def _by_skill(items: Iterable[Item]) -> list[tuple[str, list[Item]]]:
    groups: dict[str, list[Item]] = {}
    for item in items:
        groups.setdefault(item.decision.skill, []).append(item)
    return list(groups.items())


def _state(item: Item) -> str:
    if item.open:
        return "needs confirmation"
    if item.confirmed_by and item.decided:
        return f"decided by {_line(item.confirmed_by)}: {_line(item.decided)}"
    if item.confirmed_by:
        return f"confirmed by {_line(item.confirmed_by)}"
    return "deferred" if item.decision.escalation_deferred else "recorded"


def waiting(view: SummaryView) -> list[Item]:
    """Return the entries that wait for you, damaged and unlisted ones first."""
    return sorted(_Parts(view.items).waiting, key=rank)


def details(item: Item, run: str | None) -> Iterator[tuple[str, str]]:
    """Yield what you need to know of a deferred entry, label and one line each."""
    decision = item.decision
    claimed = decision.extra.get("claimed_id")
    stored = str(decision.extra.get("kept") or "")
    fault = str(decision.extra.get("fault") or "") if "damaged" in decision.notes else ""
    told = fault != "" and fault == decision.original_escalation_reason  # the reason says it already
    unlisted = f"{claimed}, which the skill does not list" if claimed else "no id"
    for label, value in (
        ("branch", item.branch),
        ("run", "" if item.branch else _earlier(item, run)),
        ("rejected", item.rejected and f"on that branch by {item.rejected}"),
        ("reason", decision.original_escalation_reason or ""),
        ("default", decision.default_applied),
        (
            "rationale",
            "" if decision.rationale == decision.original_escalation_reason else decision.rationale,
        ),
        ("claimed", unlisted if "unlisted" in decision.notes else ""),
        ("kept in", f"{ARTIFACTS}/{stored}" if stored.startswith("runs/") else stored),
        ("fault", "" if told else fault),
        ("note", remark(item, without=("damaged", "unlisted", *(("unverified",) if told else ())))),
    ):
        if _line(value):
            yield label, _line(value)


_REMARKS = {
    "conflict": "the agent reported it twice, differently",
    "corrected": "the agent did not defer it, the skill does",
    DIFFERS: "differs from the listed default",
    "duplicate-key": "it has a duplicate key",
    "incomplete": "the default or the rationale is missing",
    "unverified": "from a block without the attempt's nonce",
}


def _earlier(item: Item, run: str | None) -> str:
    """Return the run that recorded an entry, if it is not the one the summary is of."""
    recorded = item.decision.run or ""
    return recorded if run is not None and recorded != run else ""


def remark(item: Item, without: tuple[str, ...] = (), run: str | None = None) -> str:
    """Return the notes of an entry in words; with the run that recorded it, where that is not `run`."""
    earlier = _earlier(item, run)
    notes = (
        _REMARKS.get(note, _line(note))
        + (f": {_line(item.listed)}" if note == DIFFERS and item.listed else "")
        for note in item.decision.notes
        if note not in without
    )
    return "; ".join([*notes, *([f"of run {_line(earlier)}"] if earlier else [])])


def _headline(title: str, items: list[Item]) -> str:
    waiting = sum(item.open for item in items)
    return f"{title} ({len(items)}, {waiting} open)" if waiting else f"{title} ({len(items)})"


def _last(parts: _Parts) -> str:
    if not parts.waiting:
        return "No decision needs your confirmation."
    named = [
        f"{_line(item.decision.skill)} {_line(item.decision.decision_id)}" for item in parts.waiting[:_NAMED]
    ]
    more = len(parts.waiting) - len(named)
    listed = ", ".join(named) + (f" and {more} more" if more else "")
    return f"{counted(len(parts.waiting), 'decision needs', 'decisions need')} your confirmation: {listed}"


_HEADER = ["step", "outcome", "time", "tokens", "cost"]


def _cells(step: AttemptCost) -> list[str]:
    cost = f"{'~' * step.estimated}${step.cost_usd:,.2f}"
    return [
        f"{_line(step.step)}#{step.attempt}",
        _line(step.outcome),
        duration(step.seconds),
        f"{step.tokens:,}",
        cost,
    ]


def _total(steps: tuple[AttemptCost, ...]) -> list[str]:
    if len(steps) < 2:
        return []
    cost = f"{'~' * any(s.estimated for s in steps)}${sum(s.cost_usd for s in steps):,.2f}"
    return ["total", "", duration(sum(s.seconds for s in steps)), f"{sum(s.tokens for s in steps):,}", cost]


def _table(rows: list[list[str]]) -> Iterator[str]:
    rows = [row for row in rows if row]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = [row[0].ljust(widths[0]), row[1].ljust(widths[1])]
        cells += [cell.rjust(size) for cell, size in zip(row[2:], widths[2:], strict=True)]
        yield "  ".join(cells)


def _ids(ids: Iterable[str]) -> str:
    return ", ".join(_line(one) for one in ids)


def _wrapped(text: str, width: int, indent: int, hanging: int) -> list[str]:
    return textwrap.wrap(
        text,
        max(width, 20),
        initial_indent=" " * indent,
        subsequent_indent=" " * hanging,
        break_on_hyphens=False,
    )
