"""What docs/review.md shows of a review is what the demo shows at 80 columns."""

from __future__ import annotations

import os
import re
from pathlib import Path

import correctless
import terminal
from places import ROOT

PAGE = (ROOT / "docs" / "review.md").read_text("utf-8")


def same(text: str) -> list[str]:
    """The lines without what differs between two runs: colours, spaces at the end, times, digest and name."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", text)
    text = re.sub(r"they took [\d.]+s", "they took TIME", text)
    text = re.sub(r"\b[0-9a-f]{8}\b", "DIGEST", text)
    text = re.sub(r"confirmed by .*?\. Continue with: (?:cd .* && )?", "confirmed by NAME. ", text)
    return [line.rstrip() for line in text.splitlines() if line.strip() not in ("", ">")]


def test_the_review_on_the_page_is_the_demos(tmp_path: Path) -> None:
    child = terminal.spawn(
        [*correctless.itself(), "cauto", "demo", "--keep", str(tmp_path / "demo")],
        tmp_path, {**os.environ, "TERM": "xterm"}, dimensions=(50, 80),
    )  # fmt: skip
    shown, digest = terminal.accepted(child)
    child.sendline(digest)
    code, rest = terminal.ended(child)
    assert code == 0, rest
    printed = same(shown + rest)
    blocks = re.findall(r"^```text\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        lines = [line for line in same(block) if not line.startswith("> ")]
        begin = printed.index(lines[0])
        found = iter(printed[begin:])
        assert [line for line in lines if line not in found] == []
