"""HTML page of a report: one file that loads nothing and runs only its own script.

Every text passes `inert` and is escaped where a template writes it, so a template cannot forget it.
"""

from __future__ import annotations

import base64
import hashlib
import os
from functools import cache
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from correctless.base.text import duration, printable_lines
from correctless.report.history import HistoryReport
from correctless.report.model import RunReport

_TEMPLATES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "templates")
_TABLE = 1_000  # characters of a text in a table
_CARD = 20_000  # of a deferred decision
_LINE = 300  # of an event, a claim, a warning


def of_run(view: RunReport) -> str:
    """Return the page of a run."""
    return _rendered("run.html", view)


def of_history(view: HistoryReport) -> str:
    """Return the page of all runs."""
    return _rendered("history.html", view)


def _rendered(name: str, view: object) -> str:
    limits = {"TABLE": _TABLE, "CARD": _CARD, "LINE": _LINE}
    return _environment().get_template(name).render(view=view, **limits)


def inert(value: Any) -> Any:
    """Return what a template writes: texts with every control, bidirectional and invisible character shown as an escape."""
    if isinstance(value, str):
        # Only the templates' own macros, style and script are markup.
        return value if isinstance(value, Markup) else printable_lines(value)
    return "" if value is None else value


@cache
def _environment() -> Environment:
    environment = Environment(
        autoescape=True,
        finalize=inert,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=FileSystemLoader(_TEMPLATES),
    )
    for name in ("style", "script"):
        with open(
            os.path.join(_TEMPLATES, f"page.{'css' if name == 'style' else 'js'}"), encoding="utf-8"
        ) as file:
            text = file.read()
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        environment.globals |= {name: Markup(text), f"{name}_sha256": digest}  # noqa: S704 a file of this package
    environment.globals |= {"said": _said, "pill": _pill}
    environment.filters |= {
        "duration": duration,
        "money": _money,
        "moment": _moment,
        "percent": _percent,
        "share": _share,
    }
    return environment


def _said(text: str, most: int, rest: str = "") -> Markup:
    """Return a text as it was said, at most its first `most` characters, with a note where there are more."""
    shown = f'<span class="said">{escape(printable_lines(text[:most]))}</span>'
    more = f' <span class="more">… {len(text):,} characters{escape(rest)}</span>' if len(text) > most else ""
    return Markup(shown + more)  # noqa: S704 both texts are escaped


def _pill(text: str, tone: str) -> Markup:
    return Markup(f'<span class="pill {escape(tone)}">{escape(printable_lines(text))}</span>')  # noqa: S704 likewise


def _money(usd: float, estimated: bool = False) -> str:
    return f"{'~' if estimated else ''}${usd:,.2f}"


def _moment(timestamp: str) -> str:
    """Return a timestamp of a log as people read it: UTC, to the second."""
    return timestamp[:19].replace("T", " ")


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.0f}%"


def _share(seconds: float, whole: float) -> str:
    """Return a part of a span as a length in SVG."""
    return f"{100 * seconds / whole if whole > 0 else 0:.2f}%"
