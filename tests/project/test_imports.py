"""Imports inside the package: no circle among modules, and no rule of the linter rests on another rule."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from places import PACKAGE

TOP = PACKAGE.parent
RULES = PACKAGE / "lint/rules"
# An `__init__` that imports a module late, which itself imports names of that `__init__`.
CIRCLES = {"agents", "cli", "project", "__pycache__"}


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(TOP).with_suffix("").parts).removesuffix(".__init__")


def imported(text: str) -> Iterator[str]:
    """Yield each name a module imports, late and type-checking imports included; `from a import b` as both `a` and `a.b`."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def graph(texts: Mapping[str, str]) -> dict[str, set[str]]:
    return {
        name: {each for each in imported(text) if each in texts and each != name}
        for name, text in texts.items()
    }


def circle(texts: Mapping[str, str]) -> list[str]:
    try:
        TopologicalSorter(graph(texts)).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


@pytest.mark.parametrize(
    "package", sorted({path.name for path in PACKAGE.iterdir() if path.is_dir()} - CIRCLES)
)
def test_no_import_circle_in_a_package(package: str) -> None:
    assert not circle({module_of(path): path.read_text() for path in (PACKAGE / package).rglob("*.py")})


def test_an_import_circle_is_found() -> None:
    texts = {
        "a.b": "from a import c",
        "a.c": "def late() -> None:\n    from a.b import x",
        "a.d": "import a.b",
    }
    assert sorted(set(circle(texts))) == ["a.b", "a.c"]


@pytest.mark.parametrize(
    "family", sorted(path.name for path in RULES.iterdir() if (path / "__init__.py").exists())
)
def test_no_rule_imports_another_rule(family: str) -> None:
    for path in (RULES / family).glob("*.py"):
        assert not [
            name for name in imported(path.read_text()) if name.startswith("correctless.lint.rules")
        ], path
