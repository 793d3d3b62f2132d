"""The run log of a simulation, in memory or in a file of the real ledger, with the tails a crash tears."""

from __future__ import annotations

import io
from pathlib import Path

from correctless.ledger.chain import EMPTY, Head, links, seal
from correctless.ledger.ledger import Ledger
from correctless.runlog.events import (
    LoggedEvent,
    fields_of,
)
from simulated_luck import Broken


class Memory:
    """A run log in memory: the ledger's real lines, chain and torn tails without its file."""

    def __init__(self) -> None:
        self.data = b""
        self.head = EMPTY
        self.read: list[bytes] = []  # and found good: what is in memory nobody changes
        self.end = (0, EMPTY)

    def open(self) -> list[bytes]:
        """Its acknowledged lines; a torn last one is set aside."""
        for link in links(io.BytesIO(self.data), *self.end):
            if link.torn:
                self.data = self.data[: link.offset]
                break
            if link.fault is not None:
                raise Broken(f"line {link.number} of the run log: {link.fault}")
            self.read.append(link.line)
            self.end = link.offset + len(link.line) + 1, link.head
        self.head = self.end[1]
        return [*self.read]

    def append(self, event: LoggedEvent) -> bytes:
        entry = seal(fields_of(event.run, event.timestamp, event.event), self.head)
        self.data += entry.line + b"\n"
        self.head = Head(entry.seq, entry.head)
        return entry.line

    def tear(self, event: LoggedEvent, part: float) -> None:
        """The append that was cut at any byte, the newline at the latest."""
        line = seal(fields_of(event.run, event.timestamp, event.event), self.head).line
        self.data += line[: round(part * len(line))]


class OnDisk:
    """The same in a file of the real ledger."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.ledger = Ledger(str(path), alone=True)

    def open(self) -> list[bytes]:
        self.ledger = Ledger(str(self.path), alone=True)
        lines = [entry.line for entry in self.ledger.entries()] if self.path.exists() else []
        self.ledger.create()
        return lines

    def append(self, event: LoggedEvent) -> bytes:
        return self.ledger.append(fields_of(event.run, event.timestamp, event.event)).line

    def tear(self, event: LoggedEvent, part: float) -> None:
        line = seal(fields_of(event.run, event.timestamp, event.event), self.ledger.head()).line
        with self.path.open("ab") as file:
            file.write(line[: round(part * len(line))])
