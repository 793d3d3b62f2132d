"""Tables that fit a terminal: a wide one becomes several narrow ones."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_GAP = 2  # columns between two
_NO_TERMINAL = 200  # columns without a terminal: nothing is cut


def fitted(columns: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> Iterator[Table]:
    """Yield the table, or several narrow ones that each repeat its first column."""
    from rich.cells import cell_len
    from rich.table import Table
    from rich.text import Text

    names = [columns[0], *(row[0] for row in rows)]
    wide = [max(map(cell_len, (title, *(row[n] for row in rows)))) + _GAP for n, title in enumerate(columns)]
    # A name is folded if its column would take more than half the width; a number is never cut.
    first = min(max(map(cell_len, names)), max(width // 2, 8)) + _GAP
    remaining = list(range(1, len(columns)))
    while remaining:
        fitting = [remaining.pop(0)]
        while remaining and first + sum(wide[n] for n in (*fitting, remaining[0])) <= width + _GAP:
            fitting.append(remaining.pop(0))
        table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
        table.add_column(columns[0], overflow="fold", width=first - _GAP)
        for n in fitting:
            table.add_column(columns[n], justify="right", no_wrap=True)
        for row in rows:
            table.add_row(*(Text(row[n]) for n in (0, *fitting)))  # brackets in a name are not markup
        yield table


def console(out: IO[str]) -> Console:
    """Return a console as wide as the terminal; without one nothing is cut."""
    from rich.console import Console

    # Not rich's own guess: without a terminal it takes 80 columns, and would cut the lines of a pipe.
    width = shutil.get_terminal_size((80, 24)).columns if out.isatty() else _NO_TERMINAL
    return Console(file=out, width=width, soft_wrap=False)
