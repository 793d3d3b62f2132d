"""Where a test lies, and that no test module leans on another."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from places import CASES, PACKAGE, ROOT

TESTS = ROOT / "tests"
PACKAGES = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
# Beside these there are the cases, which are data.
PLACES = re.compile(
    r"conftest\.py|project/words\.txt|kit/(?!test_)\w+\.py|campaigns/faults/\w+\.py|cli/[\w-]+\.bats"
    rf"|(?:cli|runs|real|campaigns|project|unit/(?:{'|'.join(sorted(PACKAGES))}))/test_\w+\.py"
)


def files(top: Path) -> list[Path]:
    """All files below a folder of tests, but for the cases and what Python keeps."""
    passed = {"__pycache__", CASES.name}
    return sorted(
        path for path in top.rglob("*") if path.is_file() and not passed & {*path.relative_to(top).parts}
    )


def misplaced(top: Path) -> list[str]:
    names = [path.relative_to(top).as_posix() for path in files(top)]
    return [name for name in names if not PLACES.fullmatch(name)]


def twice(paths: Iterable[Path]) -> list[str]:
    """Names that two modules have: pytest and mypy know a module by its name alone."""
    return [name for name, count in Counter(path.name for path in paths).items() if count > 1]


def leaning(paths: list[Path]) -> Iterator[str]:
    """Imports of test modules."""
    modules = {path.stem for path in paths if path.stem.startswith("test_")}
    for path in paths:
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or "", *(alias.name for alias in node.names)]
            else:
                continue
            if any(modules & {*name.split(".")} for name in names):
                yield f"{path.name}:{node.lineno}: {ast.unparse(node)}"


def python(top: Path) -> list[Path]:
    return [path for path in files(top) if path.suffix == ".py"]


def test_every_file_lies_in_a_folder_that_says_what_it_is() -> None:
    assert misplaced(TESTS) == []


def test_no_two_modules_have_one_name() -> None:
    assert twice(python(TESTS)) == []


def test_no_test_module_imports_another() -> None:
    assert list(leaning(python(TESTS))) == []


def test_what_needs_real_programs_as_a_whole_is_in_one_folder_and_nothing_else_is() -> None:
    mark = re.compile(r"^pytestmark = pytest\.mark\.real$", re.MULTILINE)
    marked = {path for path in python(TESTS) if mark.search(path.read_text(encoding="utf-8"))}
    assert marked == {*(TESTS / "real").glob("*.py")}
    assert marked


@pytest.mark.parametrize(
    "name",
    [
        "test_a.py",
        "helper.py",
        "unit/test_a.py",
        "unit/nothing/test_a.py",
        "unit/base/helper.py",
        "unit/base/deeper/test_a.py",
        "kit/test_a.py",
        "runs/helper.py",
        "runs/a.bats",
        "other/test_a.py",
    ],
)
def test_a_file_elsewhere_is_found(name: str, tmp_path: Path) -> None:
    for each in (name, "unit/base/test_b.py", "kit/cases_of.py", "cases/test_c.py", "cli/doors.bats"):
        (tmp_path / each).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / each).write_text("")
    assert misplaced(tmp_path) == [name]


@pytest.mark.parametrize(
    "line",
    [
        "import test_a",
        "import test_a as other",
        "from test_a import thing",
        "from cli import test_a",
        "from tests.cli.test_a import thing",
        "def late():\n    from test_a import thing",
    ],
)
def test_an_import_of_a_test_module_is_found(line: str, tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text("import tested_a\n")
    (tmp_path / "test_b.py").write_text(f"{line}\n")
    assert len(list(leaning(python(tmp_path)))) == 1


def test_a_name_that_stands_twice_is_found(tmp_path: Path) -> None:
    assert twice([tmp_path / "a/test_a.py", tmp_path / "b/test_a.py", tmp_path / "b/test_b.py"]) == [
        "test_a.py"
    ]
