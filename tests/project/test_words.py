"""Words that the project does not use: words.txt lists each one with what to write instead."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from places import ROOT

WORDS = Path(__file__).with_name("words.txt")
PLACES = ("src", "docs", "README.md", "skills")
TEXT = {".py", ".md", ".txt", ".sh", ".toml", ".json", ".yaml", ".yml"}


def patterns(text: str) -> Iterator[tuple[re.Pattern[str], str]]:
    """Each listed regex with what to write instead. A line is `regex<TAB>write instead`, or a comment with #."""
    for line in text.splitlines():
        if line and not line.startswith("#"):
            regex, instead = line.split("\t")
            yield re.compile(regex, re.IGNORECASE), instead


def hits(root: Path, text: str) -> Iterator[str]:
    """Each listed word below the places of a tree, as `file:line: 'word'. write ...`."""
    listed = list(patterns(text))
    for place in (root / name for name in PLACES):
        for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if path.suffix not in TEXT or not path.is_file():
                continue
            for number, line in enumerate(path.read_text("utf-8", "replace").splitlines(), 1):
                for regex, instead in listed:
                    if found := regex.search(line):
                        yield f"{path.relative_to(root)}:{number}: {found[0]!r}. write {instead}"


def test_no_listed_word_is_used() -> None:
    assert list(hits(ROOT, WORDS.read_text())) == []


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("src/package/module.py", '"""Mend it."""'),
        ("src/package/module.py", "x = 1  # mend it"),
        ("src/package/module.py", 'message = "it was wrong. mend it"'),
        ("docs/page.md", "You mend it."),
        ("skills/one/SKILL.md", "Mend it."),
        ("README.md", "You mend it."),
    ],
)
def test_a_listed_word_is_reported_with_file_and_line(name: str, line: str, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("# project\n")
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"fine\n{line}\n")
    [hit] = hits(tmp_path, "# a comment\n\\bmend\\b\tfix\n")
    assert hit.startswith(f"{name}:2: ")
    assert hit.endswith(". write fix")


def test_every_listed_word_has_what_to_write_instead() -> None:
    listed = list(patterns(WORDS.read_text()))
    assert listed
    assert all(instead.strip() for _, instead in listed)
    assert not [regex.pattern for regex, _ in listed if regex.search("")]
