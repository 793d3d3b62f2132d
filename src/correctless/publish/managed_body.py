"""The section of a pull request's body that belongs to one run."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.base.text import one_line
from correctless.ledger.chain import Head
from correctless.review.summary import inert

LIMIT = 65_536  # characters of a body, GitHub's own
_RULES = 30_000  # of them for the test plan
_RULE = 400
_VERIFICATION = 4_000
_RUN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")
_HEAD = re.compile(r"^\| ([a-z]+) \| ([0-9]{1,18}) \| `([0-9a-f]{64})` \|\r?$", re.MULTILINE)
_TAIL = "<!-- correctless:tail -->"
_CUT = "*This summary was cut to fit; `correctless decisions summary` shows it whole.*"


def body(
    *,
    run: str,
    summary_markdown: str,
    spec_title: str,
    rules: Sequence[tuple[str, str]],
    verification: str,
    heads: Mapping[str, Head],
) -> str:
    """Return the managed section, at most `LIMIT` characters."""
    begin, end = _markers(run)
    # It is already inert, but a marker inside it would move the section's end.
    summary = summary_markdown.replace("<!--", "&lt;!--").strip()
    return _fit(f"{begin}\n{summary}\n{_TAIL}\n{_tail(spec_title, rules, verification, heads)}\n{end}", LIMIT)


def merge_body(old: str, new: str, run: str) -> str:
    """Return `old` with this run's section replaced by `new`, all other text kept.

    Raises: Stop(10) when `old` has no such section.
    """
    span = _span(old, run)
    if span is None:
        raise Stop(exits.PERSON, f"the pull request's body has no section of run {run}. see who changed it")
    before, after = old[: span[0]], old[span[1] :]
    merged = before + _fit(new, LIMIT - len(before) - len(after)) + after
    # A body edited in the browser comes back with other line ends: no reason to edit it again.
    return old if old.replace("\r\n", "\n") == merged.replace("\r\n", "\n") else merged


def heads_of(old: str, run: str) -> dict[str, tuple[int, str]] | None:
    """Return the entries and SHA-256 of each log that a body's section of a run names.

    None when the body has no such section, or two.
    """
    span = _span(old, run)
    if span is None:
        return None
    section = old[span[0] : span[1]].rpartition("## Logs")[2]
    return {m[1]: (int(m[2]), m[3]) for m in _HEAD.finditer(section)}


def is_ours(old: str, run: str) -> bool:
    """Return whether a body has the managed section of this run, complete and once."""
    return _span(old, run) is not None


def _markers(run: str) -> tuple[str, str]:
    if not _RUN.match(run) or "--" in run:
        raise Stop(exits.REFUSED, f"{run!r} is not a valid run id for a pull request. start a new run")
    return f"<!-- correctless:begin run={run} -->", f"<!-- correctless:end run={run} -->"


def _span(old: str, run: str) -> tuple[int, int] | None:
    begin, end = (
        [*re.finditer(rf"^{re.escape(marker)}(?=\r?$)", old, re.MULTILINE)] for marker in _markers(run)
    )
    if len(begin) != 1 or len(end) != 1 or end[0].start() < begin[0].end():
        return None
    return begin[0].start(), end[0].end()


def _tail(
    spec_title: str, rules: Sequence[tuple[str, str]], verification: str, heads: Mapping[str, Head]
) -> str:
    lines = ["", "## Test plan", ""]
    if spec_title:
        lines += [f"From the spec: {_line(spec_title, _RULE)}", ""]
    size = 0
    for n, (rule, text) in enumerate(rules):
        line = f"- [ ] {_line(rule, 40)}: {_line(text, _RULE)}"
        size += len(line) + 1
        if size > _RULES:
            lines.append(f"- and {len(rules) - n} more rules of the spec")
            break
        lines.append(line)
    lines += ["" if rules else "The spec names no rules.", "## Verification", ""]
    lines += [_line(verification, _VERIFICATION) or "No verification ran.", "", "## Logs", ""]
    lines += ["| log | entries | head |", "| --- | --- | --- |"]
    lines += [f"| {_line(name, 80)} | {head.seq} | `{head.sha256}` |" for name, head in heads.items()]
    return "\n".join(lines)


def _line(text: str, most: int) -> str:
    return inert(one_line(text, most))


def _fit(section: str, limit: int) -> str:
    """Return the section in at most `limit` characters, its summary shortened.

    What comes before the deferred escalations is shortened first.
    """
    if len(section) <= limit:
        return section
    lead, mark, tail = section.partition(f"\n{_TAIL}\n")
    begin, *lines = (line for line in lead.split("\n") if line != _CUT)
    room = limit - len(begin) - len(mark) - len(tail) - len(_CUT) - 2 * len("\n\n")
    if room < 0:
        raise Stop(
            exits.PERSON,
            f"the pull request's body has no room for the run's section. shorten its own text below {LIMIT // 3} characters",
        )
    at = next((n for n, line in enumerate(lines) if line.startswith("#") and "Deferred" in line), len(lines))
    last = _whole(lines[at:], room)
    first = _whole(lines[:at], room - sum(len(line) + 1 for line in last))
    return "\n".join([begin, *first, "", _CUT, "", *last]) + mark + tail


def _whole(lines: Sequence[str], room: int) -> list[str]:
    """Return as many lines from the start as fit, and close what they leave open."""
    summary_lines: list[str] = []
    closing: list[str] = []  # the closing lines, innermost first
    for line in lines:
        opened = list(closing)
        fence = re.match(r"\s*(`{3,}|~{3,})", line)
        if opened and opened[0][:1] in "`~":
            if fence and line.strip() == opened[0]:
                opened.pop(0)
        elif fence:
            opened.insert(0, fence[1])
        else:
            opened = ["</details>"] * line.count("<details") + opened
            for _ in range(min(line.count("</details>"), len(opened))):
                opened.pop(0)
        if sum(len(text) + 1 for text in (line, *opened)) > room:
            break
        room -= len(line) + 1
        summary_lines.append(line)
        closing = opened
    return [*summary_lines, *closing]
