"""docs/security.md: every claim is a table row of one sentence beside the tests that prove it, and each of those tests exists."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from places import ROOT

TESTS = ROOT / "tests"
PAGE = ROOT / "docs" / "security.md"

# Only here may sentences stand outside of a table; every other section holds claims, also one that is new.
PROSE = ("Who is not trusted", "Terms", "What is not held", "Reporting a weakness")
TOPICS = (
    *("The record", "Reading an answer", "The gate and its doors", "Confirmations and channels"),
    *("What an agent gets", "The sandbox", "The dispatcher's git", "The guard"),
    *("A run that comes from a remote", "The run contract", "What is not held"),
)
HEAD = ["what holds", "proven by"]
_HEADING = re.compile(r"(#{1,6}) (\S.*)")
_RULE = re.compile(r"\|(?: *:?-+:? *\|)+")
_LINK = re.compile(r"See \[[^\]]{1,40}\]\([^)\s]+\)\.")
_TEST = re.compile(r"`((?:tests/)?(?:\w+/)*test_\w+\.py::\w+(?:::\w+)?)`")
_NAMED = re.compile(r"`([^`]*\.py::[^`]*)`")


def faults(page: str, tests: Path = TESTS) -> Iterator[str]:
    """What is wrong with a page, as `LINE: what`, in the page's order."""
    section, held, in_table = "", True, False  # the text before the first section may be prose
    seen: set[str] = set()
    for number, line in enumerate(page.splitlines(), 1):
        for name in _NAMED.findall(line):
            fault = missing(name, tests)
            if fault:
                yield f"{number}: {fault}"
        heading = _HEADING.fullmatch(line)
        if heading:
            in_table = False
            if heading[2] in seen:
                yield f"{number}: a second section {heading[2]!r}"
            seen.add(heading[2])
            if heading[2][-1] in ".!?:":
                yield f"{number}: a sentence as a heading"
            if len(heading[1]) == 2:
                if not held:
                    yield f"{number}: the section {section!r} before this line is empty"
                section, held = heading[2], heading[2] in PROSE
        elif not line.strip():
            in_table = False
        elif not section or section in PROSE:
            continue
        elif line.startswith("|"):
            if not in_table:
                in_table = True
                if cells(line) != HEAD:
                    yield f"{number}: a table of claims begins with | {' | '.join(HEAD)} |"
            elif not _RULE.fullmatch(line):
                held = True
                for fault in row_faults(line):
                    yield f"{number}: {fault}"
        elif _LINK.fullmatch(line):
            held = True
        else:
            yield f"{number}: a sentence without a test in {section!r}"
    if not held:
        yield f"the section {section!r} at the end is empty"


def row_faults(line: str) -> Iterator[str]:
    """What is wrong with one row of claims, but for tests that do not exist."""
    if len(cells(line)) != 2:
        yield "a claim has two cells"
        return
    claim, proof = cells(line)
    if not claim.endswith(".") or re.search(r"[.!?][)*\"'`]*\s", claim):
        yield "a claim is one sentence, with a full stop"
    if not proof:
        yield "a claim without a test"
    elif not all(_TEST.fullmatch(each) for each in proof.split(", ")):
        yield "beside a claim are only names of tests, as `test_x.py::test_y`, with a comma between"


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().removeprefix("|").removesuffix("|"))]


def missing(reference: str, tests: Path) -> str | None:
    """Why `FILE::TEST` names no test; FILE may leave out its folder where that is unambiguous."""
    if not _TEST.fullmatch(f"`{reference}`"):
        return f"{reference} is not the name of a test"
    file, _, name = reference.partition("::")
    found = [tests / file[6:]] if file.startswith("tests/") else sorted(tests.rglob(file))
    if len(found) != 1 or not found[0].is_file():
        return (
            f"{file} is {len(found) if len(found) > 1 else 'no'} file{'s' * (len(found) > 1)} of {tests.name}"
        )
    return None if name in names(found[0]) else f"{file} has no test {name}"


@cache
def names(path: Path) -> frozenset[str]:
    """The tests of one file as pytest names them, without parameters."""
    found = set()
    for node in ast.parse(path.read_bytes()).body:
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            found |= {f"{node.name}::{each.name}" for each in node.body if _is_test(each)}  # type: ignore[attr-defined]
        elif _is_test(node):
            found.add(node.name)  # type: ignore[attr-defined]
    return frozenset(found)


def _is_test(node: ast.stmt) -> bool:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test")


def test_every_claim_of_the_page_names_tests_that_exist() -> None:
    assert list(faults(PAGE.read_text(encoding="utf-8"))) == []


def test_the_page_has_every_topic() -> None:
    headings = re.findall(r"^## (.+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(TOPICS) <= set(headings)


# --- the checker, on small pages

GOOD = """# Title

Words before the first section.

## Who is not trusted

- The model. It may say anything.

## One

See [another page](other.md).

| what holds | proven by |
| --- | --- |
| A holds. | `test_a.py::test_one` |
| B (`x\\|y.z`) holds; so does C. | `tests/deep/test_b.py::TestB::test_two`, `test_a.py::test_three` |

### More

| what holds | proven by |
|---|---|
| D holds. | `test_a.py::test_one` |

## What is not held

### Limits of one

Prose. And more of it.

| what is not held | shown by |
| --- | --- |
| Anything. Really. | |
| This. | `test_a.py::test_one` |
"""


@pytest.fixture
def tests(tmp_path: Path) -> Path:
    (tmp_path / "tests" / "deep").mkdir(parents=True)
    (tmp_path / "tests" / "twice").mkdir()
    (tmp_path / "tests" / "test_a.py").write_text(
        "def test_one(): ...\nasync def test_three(): ...\ndef helper(): ...\n"
        "class Fake:\n    def test_four(self): ...\ntest_five = 5\n"
    )
    (tmp_path / "tests" / "deep" / "test_b.py").write_text("class TestB:\n    def test_two(self): ...\n")
    for folder in ("deep", "twice"):
        (tmp_path / "tests" / folder / "test_c.py").write_text("def test_one(): ...\n")
    return tmp_path / "tests"


def test_a_page_in_order_has_no_fault(tests: Path) -> None:
    assert list(faults(GOOD, tests)) == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("| A holds. | `test_a.py::test_one` |", "| A holds. | |", "a claim without a test"),
        ("| A holds. | `test_a.py::test_one` |", "| A holds. |", "a claim has two cells"),
        ("| A holds. | `test_a.py::test_one` |", "| A | holds. | `test_a.py::test_one` |", "two cells"),
        ("test_a.py::test_one` |\n| B", "test_a.py::test_gone` |\n| B", "has no test test_gone"),
        ("test_a.py::test_one` |\n| B", "test_a.py::helper` |\n| B", "has no test helper"),
        ("test_a.py::test_one` |\n| B", "test_a.py::Fake::test_four` |\n| B", "has no test Fake::test_four"),
        ("test_a.py::test_one` |\n| B", "test_a.py::test_five` |\n| B", "has no test test_five"),
        ("test_a.py::test_one` |\n| B", "test_z.py::test_one` |\n| B", "test_z.py is no file"),
        ("test_a.py::test_one` |\n| B", "test_c.py::test_one` |\n| B", "test_c.py is 2 files"),
        ("tests/deep/test_b.py", "tests/test_b.py", "tests/test_b.py is no file"),
        ("test_a.py::test_one` |\n| B", "../test_a.py::test_one` |\n| B", "is not the name of a test"),
        ("test_a.py::test_one` |\n| B", "test_a.py` |\n| B", "only names of tests"),
        ("`test_a.py::test_one` |\n| B", "`test_a.py::test_one` and words |\n| B", "only names of tests"),
        ("`test_a.py::test_one` |\n| B", "test_a.py::test_one |\n| B", "only names of tests"),
        ("A holds.", "A holds", "one sentence"),
        ("A holds.", "A holds. So does Z.", "one sentence"),
        ("A holds.", "**A holds.** so does Z.", "one sentence"),
        ("### More\n", "### More\n\nZ holds as well.\n", "a sentence without a test in 'One'"),
        ("### More\n", "### More\n\n- Z holds as well.\n", "a sentence without a test"),
        ("### More\n", "### More\n\n    Z holds as well.\n", "a sentence without a test"),
        ("### More\n", "### More\n\n<b>Z holds</b>\n", "a sentence without a test"),
        ("### More\n", "### More\n\nSee [z](z.md). Z holds.\n", "a sentence without a test"),
        (
            "### More\n",
            f"### More\n\nSee [{'Z holds and so on, ' * 3}](z.md).\n",
            "a sentence without a test",
        ),
        ("### More\n", "### Z holds as well.\n", "a sentence as a heading"),
        ("### More\n", "### More\n\n| what | why |\n| --- | --- |\n| Z. | |\n", "a table of claims begins"),
        ("### More\n", "### More\n\n| Z holds. | `test_a.py::test_one` |\n", "a table of claims begins"),
        ("### More\n", "## Two\n\n## Three\n", "the section 'Two' before this line is empty"),
        ("## What is not held\n", "## Something else\n", "a sentence without a test in 'Something else'"),
        ("## One\n", "## What is not held\n", "a second section 'What is not held'"),
        ("| This. | `test_a.py::test_one` |", "| This. | `test_a.py::test_gone` |", "has no test test_gone"),
        ("Prose. And", "Prose (`test_a.py::test_gone`). And", "has no test test_gone"),
    ],
)
def test_a_page_that_is_not_in_order_is_refused(tests: Path, old: str, new: str, fault: str) -> None:
    assert old in GOOD
    assert any(fault in each for each in faults(GOOD.replace(old, new, 1), tests))
