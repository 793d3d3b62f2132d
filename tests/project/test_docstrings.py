"""Each public function, method and class of the package has a docstring."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from places import PACKAGE

PACKAGES = sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))


def without(node: ast.Module | ast.ClassDef, prefix: str = "") -> Iterator[str]:
    """Yield the public names in a module or class that have no docstring."""
    for each in node.body:
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and each.name[0] != "_":
            name = f"{prefix}{each.name}"
            if not ast.get_docstring(each):
                yield f"{name} (line {each.lineno})"
            if isinstance(each, ast.ClassDef):
                yield from without(each, f"{name}.")


@pytest.mark.parametrize("package", PACKAGES)
def test_public_functions_methods_and_classes_have_docstrings(package: str) -> None:
    files = sorted((PACKAGE / package).rglob("*.py"))
    assert files
    missing = [f"{path}: {name}" for path in files for name in without(ast.parse(path.read_text()))]
    assert not missing, "\n".join(missing)


@pytest.mark.parametrize("package", PACKAGES)
def test_module_docstrings_name_a_purpose_instead_of_input_and_output(package: str) -> None:
    for path in sorted((PACKAGE / package).rglob("*.py")):
        first = (ast.get_docstring(ast.parse(path.read_text())) or "").partition("\n")[0]
        assert first, path
        assert " -> " not in first, f"{path}: {first}"
        assert not re.search(r"\bin[,;] .* out\.$", first), f"{path}: {first}"


def test_missing_docstrings_are_found() -> None:
    tree = ast.parse('class A:\n "a"\n def b(self): ...\n def _c(self): ...\nasync def d():\n pass\n')
    assert list(without(tree)) == ["A.b (line 3)", "d (line 5)"]
