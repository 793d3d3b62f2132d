"""The reader of plain YAML: what it reads is exactly what the whole reader reads, and what it leaves is not read by it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from correctless.syntax import yaml_plain, yaml_text
from correctless.syntax.yaml_text import Document
from places import CASES, ROOT

# Whatever means something in YAML, beside plain words.
_ATOMS = [
    "a", "b", "name", "x-y", "_z", "yes", "1", "1.0", "0o7", "null", "~", "é", "ø:", "…", "<<", "=", ".5", "+1",
    "-", "- ", " ", "  ", ":", ": ", " :", "#", " #", "'", "\"", "\\", "[", "]", "{", "}", "|", ">", "&", "*",
    "!", "%", "@", "`", "?", "? ", ",", "---", "...", "\t", "\r", "\x85", "\u2028", "\xa0", "\ufeff", "x" * 60,
    "\n", "\n  ", "\n  - ", "\n- ", "\n    ", "\nname: ", "\nkey:\n  k: ", "\nlist:\n  - ", "[a, b]",
    "\ntags: [a", ", b", "]\n",
]  # fmt: skip
_HEADS = re.compile(r"\A---\n(.*?\n?)---$", re.DOTALL | re.MULTILINE)


def both(block: str) -> bool:
    """Whether the plain reader took a block, which then is read as the whole reader does."""
    text = f"---\n{block}---\n# x: y\n"
    start, stop = 4, 4 + len(block)
    root = yaml_plain.read(text, start, stop)
    if root is not None:
        assert Document(root) == yaml_text.read_all(text, "", start, stop), block
    return root is not None


@given(st.lists(st.sampled_from(_ATOMS), max_size=12).map("".join), st.booleans())
@settings(max_examples=3000, deadline=None)
def test_what_is_read_without_yaml_is_what_yaml_reads(text: str, named: bool) -> None:
    both(f"name: {text}\n" if named else text)


def test_the_frontmatters_of_all_cases_and_skills_are_read_alike() -> None:
    files = [*ROOT.glob("skills/*/SKILL.md"), *CASES.rglob("*.md")]
    heads = [found[1] for each in files if (found := _HEADS.search(each.read_text("utf-8", "replace")))]
    assert sum(map(both, heads)) > len(heads) / 2 > 100


@pytest.mark.parametrize(
    "block",
    [
        "a: b\n",
        "a: b",
        "a:   b  \nc-d: 'it: # is'\ne: \"\"\n",
        "description: Reads (a/b), then c:d; e#f.\n",
        "metadata:\n  version: 1.2.3\n  author: x\nname: y\n",
        "tags: [a, b-c , d.1]\nx:\n  y: [ z]\n",
        "tools:\n    - Read\n    - 'Write'\nlast:\n  - x",
    ],
)
def test_plain_lines_need_no_yaml(block: str) -> None:
    assert both(block)


@pytest.mark.parametrize(
    "block",
    [
        "a: b: c\n", "a: b #c\n", "a: b:\n", "a:b\n", "a:\n", "a\n", "a: b\n  c\n", "a: b\n\nc: d\n", "a: >\n  b\n",
        "a: [b: c]\n", "a: [b, ]\n", "a: []\n", "a: [b [c]]\n", "a: [-b]\n", "a: [1.0, 012]\n", "a: [b] c\n", "a: [b\n", "a: &b c\n", "a: 'b' c\n", "a: 'it''s'\n", 'a: "\\n"\n', "a: yes\n", "yes: a\n", "a: 012\n", "a: <<\n",
        "a: b\na: c\n", "a:\n  b: c\n  b: d\n", "a:\n  b: c\n   d: e\n", "a:\n  - b\n  c: d\n", "a:\n  b:\n    c: d\n",
        "a:\n- b\n", "a:\n  -  b\n", "a:\n  - b: c\n", " a: b\n", "  - a\n", "# a: b\n", "a: b\t\n", "a: b\r\n", "a: \u2028\n",
        "a: ?b\n", "? a: b\n", "a: |\n", "...\n", "a: b\n---\nc: d\n", f"{'a' * 101}: b\n", "a: b\n" + "c: d\n" * 1001,
    ],
)  # fmt: skip
def test_what_has_more_to_it_is_left_to_the_whole_reader(block: str) -> None:
    assert not both(block)
