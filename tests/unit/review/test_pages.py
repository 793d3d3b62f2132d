"""Answers that are kept until they are recorded: what can't be read is no answer, and stops no review."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from correctless.review.pages import Draft, DraftAnswer

GIVEN = {"a" * 64: DraftAnswer("accept"), "b" * 64: DraftAnswer("reject", "not like this")}


def draft(tmp_path: Path, *, damage: str | None = None) -> Draft:
    env = {**os.environ, "HOME": str(tmp_path / "home")}
    kept = Draft(str(tmp_path / "workspace"), "d" * 64, env)
    kept.save(GIVEN)
    [path] = [
        each for home in (env["HOME"], os.environ["HOME"]) for each in Path(home).rglob("answers-*.json")
    ]
    if damage is not None:
        path.write_text(damage)
    return kept


def test_answers_are_kept_and_those_that_were_skipped_are_not(tmp_path: Path) -> None:
    kept = draft(tmp_path)
    assert kept.load() == GIVEN
    kept.save({**GIVEN, "c" * 64: DraftAnswer("skip")})
    assert kept.load() == GIVEN
    kept.remove()
    assert kept.load() == {}


@pytest.mark.parametrize(
    "damage",
    ["", "[]", "null", '"x"', "7", '{"a": 1}', '{"a": null}', '{"a": ["accept"]}', '{"a": ["yes", ""]}', '{"a": ["accept", 1]}', "[" * 100_000],
)  # fmt: skip
def test_what_can_not_be_read_is_no_answer(tmp_path: Path, damage: str) -> None:
    assert draft(tmp_path, damage=damage).load() == {}
