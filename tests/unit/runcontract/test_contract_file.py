"""The run contract's document: golden cases, what two readers make of it, and that no byte of it passes unseen."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import contracts as c
from correctless.runcontract.document import contract_file, typed
from correctless.runcontract.document.sections import SECTIONS
from correctless.runcontract.document.slices import slices
from correctless.syntax.finding import as_text
from correctless.syntax.toml_text import places
from places import ROOT, SOURCE

ERR = sorted((c.CASES / "err").glob("*.md"))
OK = sorted((c.CASES / "ok").glob("*.md"))
WORKED = ROOT / "docs" / "run-contract-example.md"


@pytest.mark.parametrize("path", ERR, ids=lambda p: p.stem)
def test_a_faulty_contract_has_exactly_these_faults(path: Path) -> None:
    found = contract_file.read(path.read_bytes(), path.name)
    said = "".join(as_text(finding) + "\n" for finding in found.findings)
    assert said == path.with_suffix(".out").read_text(), said
    assert found.contract is None
    assert found.findings


@pytest.mark.parametrize("path", [*OK, WORKED], ids=lambda p: p.stem)
def test_a_good_contract_is_read_without_a_word(path: Path) -> None:
    data = path.read_bytes()
    found = contract_file.read(data, path.name)
    assert [as_text(finding) for finding in found.findings] == []
    assert found.contract is not None
    assert contract_file.reread(data, found.digest) == found.contract


def test_there_are_cases() -> None:
    assert len(ERR) > 50
    assert len(OK) >= 4


@pytest.mark.parametrize("path", ERR, ids=lambda p: p.stem)
def test_the_quick_reader_takes_no_section_that_the_thorough_one_refuses(path: Path) -> None:
    text = path.read_bytes().decode("utf-8", "replace")
    for part in slices(text, "x")[0]:
        kind = next(kind for _, name, kind in SECTIONS if name == part.name)
        try:
            table = tomllib.loads(part.toml)
        except tomllib.TOMLDecodeError:
            continue
        made, faults = typed.validated(kind, table)
        if faults:
            with pytest.raises(ValueError):
                typed.build(kind, table)
        else:
            assert typed.build(kind, table) == made


_VALUES = st.recursive(
    st.booleans() | st.integers(-5, 5) | st.floats() | st.text(max_size=5) | st.datetimes(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)


@settings(deadline=None)
@given(st.data())
def test_both_readers_agree_on_a_section_with_any_value_in_any_place(data: st.DataObject) -> None:
    parts = slices(c.TEXT, "x")[0]
    part = data.draw(st.sampled_from(parts))
    kind = next(kind for _, name, kind in SECTIONS if name == part.name)
    table = tomllib.loads(part.toml)
    at: object = table
    while True:
        steps: list[object] = list(at.keys()) if isinstance(at, dict) else list(range(len(at)))  # type: ignore[arg-type]
        if not steps:
            return
        step = data.draw(st.sampled_from(steps))
        inner = at[step]  # type: ignore[index]
        if not isinstance(inner, dict | list) or not inner or data.draw(st.booleans()):
            at[step] = data.draw(_VALUES)  # type: ignore[index]
            break
        at = inner
    made, faults = typed.validated(kind, table)
    if faults:
        with pytest.raises(ValueError):
            typed.build(kind, table)
    else:
        assert typed.build(kind, table) == made


@settings(deadline=None)
@given(st.integers(0, len(c.TEXT.encode()) - 1), st.integers(0, 255))
def test_a_changed_byte_is_another_digest_or_the_same_byte(at: int, byte: int) -> None:
    data = bytearray(c.TEXT.encode())
    same = data[at] == byte
    data[at] = byte
    assert (contract_file.digest_of(bytes(data)) == c.DIGEST) == same
    if not same:
        with pytest.raises(ValueError, match="other bytes"):
            contract_file.reread(bytes(data), c.DIGEST)


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_read_without_an_error(data: bytes) -> None:
    assert contract_file.read(data, "x").contract is None


@settings(deadline=None)
@given(st.lists(st.sampled_from(c.TEXT.splitlines(keepends=True)), max_size=40))
def test_any_mixture_of_its_lines_is_read_without_an_error(lines: list[str]) -> None:
    found = contract_file.read("".join(lines).encode(), "x")
    assert found.findings


def test_what_is_too_large_is_not_read() -> None:
    found = contract_file.read(c.TEXT.encode() + b"x" * 300_000, "x")
    assert [f.message for f in found.findings] == [
        f"{len(c.TEXT.encode()) + 300_000} bytes. write at most 262144"
    ]


def test_positions_are_found_below_nested_tables_and_behind_long_values() -> None:
    spots = places(
        'a = """\n[no]\nb = 1\n"""\n[[bar]]\nx = [1, # ]\n 2]\n[[bar.review]]\nn = 1\n[[bar.review]]\n"n" = 2\n[bar.bots]\nk.l = 3\n'
    )
    assert spots.of(("bar", 0, "x")) == (6, 5)
    assert spots.of(("bar", 0, "review", 1, "n")) == (11, 7)
    assert spots.of(("bar", 0, "bots", "k", "l"), key=True) == (13, 1)
    assert ("b",) not in spots.keys


def test_the_schema_is_one_that_good_contracts_fit_and_others_do_not() -> None:
    schema = contract_file.schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    checker = jsonschema.Draft202012Validator(schema)
    parts = {
        part.name: json.loads(json.dumps(tomllib.loads(part.toml), default=str))
        for part in slices(c.TEXT, "x")[0]
    }
    assert list(checker.iter_errors(parts)) == []
    parts["run"]["status"] = "granted"
    assert list(checker.iter_errors(parts))


def test_every_key_of_the_sections_stands_in_the_manual() -> None:
    page = (WORKED.parent / "run-contract.md").read_text()

    def keys(kind: type) -> set[str]:
        hints = typed._hints(kind)
        found = {typed.written(f.name) for f in dataclasses.fields(kind)}
        return found.union(*(keys(inner) for hint in hints.values() for inner in typed._classes(hint)))

    table = "".join(line for line in page.splitlines(keepends=True) if line.startswith("|"))
    named = {word for span in re.findall(r"`([^`]*)`", table) for word in re.findall(r"[a-z_]+", span)}
    missing = {key for _, _, kind in SECTIONS for key in keys(kind)} - named
    assert missing == set()


def test_a_document_is_read_again_without_its_libraries(tmp_path: Path) -> None:
    (tmp_path / "c.md").write_text(c.TEXT)
    program = (
        "import sys; from correctless.runcontract.document import contract_file as document\n"
        f"data = open('c.md', 'rb').read(); document.reread(data, {c.DIGEST!r})\n"
        "print(sorted({'pydantic', 'markdown_it', 'click'} & set(sys.modules)))"
    )
    src = str(SOURCE)
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={"PYTHONPATH": src},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[]\n"
