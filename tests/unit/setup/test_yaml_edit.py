"""Edits of a YAML file that a person wrote: what is not new stays byte by byte, and reads as before."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from correctless.project import config
from correctless.setup import yaml_edit

WORDS = st.text(st.characters(blacklist_categories=["Cs"]), max_size=12)


@example(["-INFINITY", "-nan", ".inf", "-inf", "nan"])
@given(st.lists(WORDS, min_size=1, max_size=4))
def test_every_word_is_read_again_as_it_was(words: list[str]) -> None:
    text = f"commands:\n  test: {yaml_edit.flow(words)}\n"
    assert config.parse(text.encode())["commands"]["test"] == words
    assert yaml.safe_load(text)["commands"]["test"] == words


PARTS = [
    "# a comment\n",
    "\n",
    "pr:   'skip'   # kept\n",
    "intensity: high\n",
    'labels: {team:  payments, "a b": c}\n',
    "outputs:\n- docs/**   # all\n\n# and\n-   'x y'\n",
    "pipelines:\n    mine:\n        steps:\n        - skill: a\n          check:\n          - make\n          - |-\n            a\n            b\n",
    "commit:\n  message: >-\n    {step}\n    {title}\n",
    "notify:\n  - a\n",
]


@given(st.permutations(PARTS), st.integers(2, len(PARTS)), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_a_new_key_leaves_every_other_byte(parts: list[str], number: int, newline: str, ends: bool) -> None:
    text = "".join(parts[:number]).replace("\n", newline)
    text = text if ends else text.removesuffix(newline)
    newline = newline if newline in text else "\n"
    after = yaml_edit.with_value(text, ("commands", "test"), ["make", "a b"])
    [begin] = [at for at in range(len(after)) if after.startswith("commands:", at)]
    rows = after[begin:].split(newline)[:2]
    added = f"{newline.join(rows)}{newline}"
    rest = after.replace(added, "", 1)
    assert rest in (text, text + newline)
    before: dict[str, Any] = config.parse(text.encode()) or {}
    assert config.parse(after.encode()) == {**before, "commands": {"test": ["make", "a b"]}}
    # Again: now it is there, and one value is replaced.
    again = yaml_edit.with_value(after, ("commands", "test"), ["tox"])
    assert again == after.replace('[make, "a b"]', "[tox]")


@pytest.mark.parametrize(
    ("text", "why"),
    [("- a\n", "the file is not a mapping"), ("commands: [a]\n", "'commands' is not a mapping")],
)
def test_what_is_no_mapping_is_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        yaml_edit.with_value(text, ("commands", "test"), ["x"])


@pytest.mark.parametrize(
    "text", ["repos: []\n", "repos: {a: b}\n", "repos: x\n", "{repos: [{repo: a}]}\n", "- a\n", "a\n"]
)
def test_a_list_that_has_no_lines_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a list with a line for each item"):
        yaml_edit.with_item(text, "repos", "repo: b")
