"""The tree is the architecture: packages and layers are the same, and import-linter holds the layers of pyproject."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from patience import PATIENCE
from places import PACKAGE, ROOT

[LAYERS] = [
    each["layers"]
    for each in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    if each["id"] == "layers"
]


def test_the_package_is_made_of_its_layers_and_nothing_else() -> None:
    found = {path.name for path in PACKAGE.iterdir()} - {"__pycache__", "py.typed"}
    assert found == {*LAYERS, "__init__.py", "__main__.py"}


def test_every_package_says_what_it_is_for() -> None:
    for folder in {path.parent for path in PACKAGE.rglob("*.py")}:
        assert ast.get_docstring(ast.parse((folder / "__init__.py").read_text())), folder


def classes_named_alike(package: Path) -> list[str]:
    """Each class name that stands in more than one place, with its files."""
    places: dict[str, list[str]] = {}
    for path in sorted(package.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, []).append(str(path.relative_to(package)))
    return [f"{name}: {', '.join(files)}" for name, files in places.items() if len(files) > 1]


def test_no_class_name_stands_twice() -> None:
    assert classes_named_alike(PACKAGE) == []


def test_a_class_name_that_stands_twice_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("class _Walk: ...\nclass A: ...\n")
    (tmp_path / "b.py").write_text("class _Walk: ...\n")
    assert classes_named_alike(tmp_path) == ["_Walk: a.py, b.py"]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of what import-linter reads."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(PACKAGE, tmp_path / "src/correctless", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def linted(top: Path) -> subprocess.CompletedProcess[str]:
    program = f"import sys; sys.path.insert(0, {str(top / 'src')!r}); from importlinter.cli import lint_imports_command; lint_imports_command()"
    return subprocess.run(
        [sys.executable, "-I", "-c", program, "--no-logo", "--no-cache", "pyproject.toml"],
        cwd=top,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def test_the_layers_and_the_doors_hold(copy: Path) -> None:
    done = linted(copy)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 kept, 0 broken" in done.stdout


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("publish/branch", "import correctless.dispatch.loop"),
        ("publish/branch", "from correctless.dispatch.core import engine"),
        ("publish/branch", "def late() -> None:\n    from correctless.cli import main"),
        ("base/exits", "from correctless.guard import state"),
        ("ledger/ledger", "from ..review import gate"),
        ("review/gate", "import click"),
        ("decisions/block", "def late() -> None:\n    import pydantic"),
        ("loose", "x = 1"),
    ],
)
def test_a_wrong_import_turns_it_red(module: str, line: str, copy: Path) -> None:
    path = copy / f"src/correctless/{module}.py"
    path.write_text((path.read_text() if path.exists() else "") + f"\n{line}\n")
    assert linted(copy).returncode == 1


def files() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def imports(path: Path) -> Iterator[ast.ImportFrom]:
    return (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom))


def test_imports_are_absolute_and_only_the_package_itself_names_the_library_functions() -> None:
    for path in files():
        for node in imports(path):
            assert not node.level, f"{path}:{node.lineno}: write the whole name"
            if node.module == "correctless":
                names = {alias.name for alias in node.names}
                assert not names & {"read_skill", "Ledger", "summarise", "gate", "capture"}, (
                    f"{path}: import from the module instead"
                )
