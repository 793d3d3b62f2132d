"""Counts of a decisions log, read once in memory that does not grow with it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from correctless.base.text import printable
from correctless.decisions.decision import NOTES, UNLISTED, Decision
from correctless.ledger.chain import GENESIS, Entry, Head
from correctless.ledger.ledger import Ledger
from correctless.project.paths import Logs
from correctless.runlog.branch import HeadCheck, invalid_entry, typed_events
from correctless.syntax.strict_json import RecordError

DISTINCT = 1000  # names in a table; further ones are counted together
OTHERS = "(others)"
_LONGEST = 120  # characters of a name that are stored
_TABLE_ROWS = 20  # rows of a table on a terminal
_ABSENT = object()
_NAMES = tuple(f.name for f in fields(Decision))


@dataclass(slots=True)
class CountRow:
    """Counts of the entries that share one name.

    `name` is None for entries without a name, and for those beyond `DISTINCT`.
    """

    name: str | None
    entries: int = 0
    deferred: int = 0
    unlisted: int = 0
    notes: dict[str, int] = field(default_factory=dict)

    def add(self, values: Mapping[str, Any]) -> None:
        """Count one entry, given as a mapping in log order."""
        self.entries += 1
        self.deferred += values["escalation_deferred"]
        self.unlisted += values["decision_id"].startswith(UNLISTED)
        for note in {note if note in NOTES else OTHERS for note in values.get("notes", ())}:
            self.notes[note] = self.notes.get(note, 0) + 1


@dataclass(slots=True)
class Table:
    """At most `DISTINCT` rows in order of appearance, all other names in `others`."""

    rows: list[CountRow] = field(default_factory=list)
    others: CountRow | None = None


@dataclass(frozen=True, slots=True)
class LogCounts:
    """Counts of a decisions log, superseded entries included.

    `first` and `last` are timestamps of its first and last entry.
    """

    total: CountRow
    skills: Table
    sources: Table
    runs: Table
    first: str | None
    last: str | None
    head: Head


def count(logs: Logs, tell: Callable[[int], None] = lambda entries: None) -> LogCounts:  # noqa: ARG005 called with it, not used
    """Count the entries of a branch; zero where the log is missing.

    `tell` is called with the number of entries so far.

    Raises: Stop(3) as for the summary: the log is damaged, foreign, missing, gone after a run began, or
    differs from what the run log noted of it.
    """
    run_log_notes = HeadCheck(logs.decisions, typed_events(logs))
    total, first, last, head = CountRow(None), None, None, Head(0, GENESIS)
    skills, sources, runs = _Tally("skill"), _Tally("source"), _Tally("run")
    fits = _Fits(logs.decisions)
    exists = os.path.lexists(logs.decisions)
    for entry in Ledger(logs.decisions, root=logs.root).entries() if exists else ():
        values = entry.fields
        fits.check(entry)
        run_log_notes.check(entry)
        for tally in (skills, sources, runs):
            tally.row(values).add(values)
        total.add(values)
        first = values["timestamp"] if first is None else first
        last, head = values["timestamp"], Head(entry.seq, entry.head)
        tell(entry.seq)
    run_log_notes.end(exists=exists)
    return LogCounts(total, skills.table, sources.table, runs.table, first, last, head)


def as_json(counts: LogCounts) -> dict[str, Any]:
    """Return the counts as a JSON object.

    Its keys are entries, deferred, unlisted, notes, first, last, head, and the three tables.
    """

    def numbers(row: CountRow) -> dict[str, Any]:
        notes = dict(sorted(row.notes.items()))
        return {"entries": row.entries, "deferred": row.deferred, "unlisted": row.unlisted, "notes": notes}

    def table(of: Table) -> dict[str, Any]:
        return {
            "rows": [{"name": row.name, **numbers(row)} for row in of.rows],
            "others": numbers(of.others) if of.others else None,
        }

    return {
        **numbers(counts.total),
        "first": counts.first,
        "last": counts.last,
        "head": {"seq": counts.head.seq, "sha256": counts.head.sha256},
        "skills": table(counts.skills),
        "sources": table(counts.sources),
        "runs": table(counts.runs),
    }


def text(counts: LogCounts) -> str:
    """Return the counts for a terminal.

    One line of totals, when and where the log ends, and a table each of skill, source and run.
    """
    total = counts.total
    out = [f"{_entries(total.entries)}, {total.deferred:,} deferred, {total.unlisted:,} unlisted"]
    if counts.first is not None and counts.last is not None:
        out.append(f"from {_name(counts.first)} to {_name(counts.last)}")
    out.append(f"head {counts.head.seq}:{counts.head.sha256[:12]}")
    for title, table in (("skill", counts.skills), ("source", counts.sources), ("run", counts.runs)):
        if table.rows:
            out += ["", *_lines(title, table)]
    return "\n".join(out) + "\n"


class _Tally:
    """A table that grows by the value of one field, up to its bound."""

    def __init__(self, by: str) -> None:
        self.table = Table()
        self._by = by
        self._known: dict[str | None, CountRow] = {}

    def row(self, values: Mapping[str, Any]) -> CountRow:
        # An entry of an older release has no source: `Decision` gives its meaning.
        name: str | None = values.get(self._by, "cli" if self._by == "source" else None)
        if name is not None and len(name) > _LONGEST:
            # A model may have written the names: a thousand of a megabyte each must not stay in memory.
            name = f"{name[:_LONGEST]}...{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:12]}"
        row = self._known.get(name)
        if row is not None:
            return row
        if len(self._known) < DISTINCT:
            row = self._known[name] = CountRow(name)
            self.table.rows.append(row)
            return row
        if self.table.others is None:
            self.table.others = CountRow(None)
        return self.table.others


class _Fits:
    """Check for entries that are not decisions. Entries with the same types of fields are parsed only once."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._shapes: set[tuple[type, ...]] = set()  # of accepted entries only, so their number is bounded

    def check(self, entry: Entry) -> None:
        shape = tuple([type(entry.fields.get(name, _ABSENT)) for name in _NAMES])
        if shape in self._shapes and all(type(note) is str for note in entry.fields.get("notes", ())):
            return
        try:
            Decision.of(entry.fields)
        except RecordError as error:
            raise invalid_entry(self._path, entry.seq, error) from None
        self._shapes.add(shape)


def _lines(title: str, table: Table) -> Iterator[str]:
    listed = table.rows
    if len(listed) > _TABLE_ROWS:
        listed = sorted(listed, key=lambda row: -row.entries)[:_TABLE_ROWS]
    more = len(table.rows) - len(listed)
    rows = [(_name(row.name or f"(no {title})"), row) for row in listed]
    if table.others:
        rows.append((OTHERS, table.others))
    width = max(len(title), *(len(name) for name, _ in rows))
    yield f"{title:<{width}}  {'entries':>9}  {'deferred':>9}  {'unlisted':>9}  notes"
    for name, row in rows:
        notes = ", ".join(f"{_name(note)} {number:,}" for note, number in sorted(row.notes.items()))
        line = f"{name:<{width}}  {row.entries:>9,}  {row.deferred:>9,}  {row.unlisted:>9,}  {notes}"
        yield line.rstrip()
    if more:
        yield f"and {more} more with fewer entries: --json names them"


def _name(text: str) -> str:
    return printable(text[: _LONGEST * 2])


def _entries(number: int) -> str:
    return f"{number:,} {'entry' if number == 1 else 'entries'}"
