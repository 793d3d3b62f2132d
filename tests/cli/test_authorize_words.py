"""`contract authorize` reads plain words by itself: exactly what click reads from them, and nothing else."""

from __future__ import annotations

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from correctless.cli.contract import plain_authorize
from correctless.cli.contract.ask import authorize

PLAIN = [
    ["spawn", "--agents", "2", "--cost-usd", "5.5", "--minutes", "30"],
    ["merge", "--pr", "412", "--head", "a" * 40, "--flag", "squash", "--flag", "x", "--json"],
    ["rollback", "F1", "--trigger", "T1", "--run", "r1"],
    ["--operator", "rollback", "F1"],
    ["other", "deploy.prod:a=b c"],
    ["spawn", "--agents", "0", "--cost-usd", "0"],
]
# Help, mistakes, and spellings that click reads as well.
FOR_CLICK = [
    [], ["--help"], ["merge", "-h"], ["merge", "--pr"], ["merge", "--pr=412"], ["merge", "--pr", ""], ["spawn", "--agents", "-1"],
    ["spawn", "--agents", "+1"], ["spawn", "--agents", "1_0"], ["spawn", "--agents", "٣"], ["spawn", "--agents", "1" * 10],
    ["spawn", "--cost-usd", "nan"], ["spawn", "--cost-usd", "1e3"], ["spawn", "--cost-usd", "1."], ["other", "a", "b"],
    ["other", ""], ["other", "--", "-a"], ["merge", "--flag", "--admin"], ["merge", "--pr", "1", "--pr", "2"], ["merge", "--p", "1"],
    ["spawn", "--agents", "1\n"], ["merge", "--json", "--json"],
]  # fmt: skip


def by_click(words: list[str]) -> dict[str, object]:
    given = authorize.make_context("authorize", list(words)).params
    return {name: value for name, value in given.items() if value != defaults()[name]}


def defaults() -> dict[str, object]:
    return {**authorize.make_context("authorize", ["x"]).params, "kind": None}


def same(words: list[str]) -> None:
    read = plain_authorize.parse_plain(words)
    assert read is not None
    assert {name: value for name, value in read.items() if value != defaults()[name]} == by_click(words)


@pytest.mark.parametrize("words", PLAIN, ids=" ".join)
def test_plain_words_are_read_as_click_reads_them(words: list[str]) -> None:
    same(words)


@pytest.mark.parametrize("words", FOR_CLICK, ids=" ".join)
def test_whatever_is_not_plain_is_left_to_click(words: list[str]) -> None:
    assert plain_authorize.parse_plain(words) is None


@given(
    st.lists(
        st.sampled_from(["merge", "1", "2.5", "x", *plain_authorize._FLAGS, *plain_authorize._VALUES]),
        max_size=8,
    )
)
def test_no_words_are_read_otherwise_than_click_reads_them(words: list[str]) -> None:
    if plain_authorize.parse_plain(words) is not None:
        same(words)


def test_every_option_is_known_and_takes_the_defaults_of_the_command() -> None:
    options = {
        name: each.name for each in authorize.params if isinstance(each, click.Option) for name in each.opts
    }
    values = {name: spec[0] for name, spec in plain_authorize._VALUES.items()}
    assert {**plain_authorize._FLAGS, **values} == options
    taken = plain_authorize.answer.__kwdefaults__ or dict(
        zip(
            plain_authorize.answer.__code__.co_varnames[1:],
            plain_authorize.answer.__defaults__ or (),
            strict=False,
        )
    )
    assert taken == {name: value for name, value in defaults().items() if name != "kind"}
