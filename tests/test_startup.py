"""Start-up is part of the product: what a fresh interpreter has loaded after each import, and what it has not."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import correctless
from test_layers import PART_OF, RANK, SOURCE, files, house, module_of

HEAVY = {"pydantic", "click", "rich", "jsonlines", "ruamel", "frontmatter", "detect_secrets"}
LAST_LIGHT_ROOM = RANK["summary"]

# A config is validated with pydantic, so whoever must start fast does not read it.
SLOW = {"config"}
LIGHT = sorted({module_of(p) for p in files() if RANK.get(house(module_of(p)), 99) <= LAST_LIGHT_ROOM} - SLOW)


def loaded(statement: str, *, cwd: Path) -> set[str]:
    """The top-level modules in `sys.modules` after `statement` in a fresh interpreter that sees only this checkout."""
    program = (
        f"import sys; sys.path.insert(0, {str(SOURCE.parent)!r})\n{statement}\n"
        "import json; print('\\n' + json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", program], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("module", LIGHT)
def test_rooms_up_to_summary_start_without_heavy_packages(module: str, tmp_path: Path) -> None:
    assert loaded(f"import correctless.{module}", cwd=tmp_path) & HEAVY == set()


def test_the_list_of_light_modules_is_not_empty() -> None:
    assert {"record", "ledger", "capture", "gate", *PART_OF} & set(LIGHT)
    assert len(LIGHT) > 15


def test_importing_the_package_imports_nothing_of_it(tmp_path: Path) -> None:
    program = f"""
import sys; sys.path.insert(0, {str(SOURCE.parent)!r})
before = set(sys.modules)
import correctless
print(sorted(set(sys.modules) - before - {{"__future__", "types"}}))
"""
    done = subprocess.run(
        [sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout.strip() == "['correctless']"


@pytest.mark.parametrize("words", [["writer", "--help"], ["gate", "--help"], ["gate"], ["writer", "x"]])
def test_the_fast_paths_are_answered_without_click(words: list[str], tmp_path: Path) -> None:
    seen = loaded(
        f"from correctless.cli import main\ntry:\n    main({words!r})\nexcept SystemExit: pass", cwd=tmp_path
    )
    assert seen & HEAVY == set()


def test_help_lists_the_commands_without_importing_one(tmp_path: Path) -> None:
    statement = (
        "from correctless.cli import main\ntry:\n    main(['--help'])\nexcept SystemExit: pass\n"
        "assert not [n for n in sys.modules if n.startswith('correctless.cli.') and n != 'correctless.cli.group']"
    )
    assert "pydantic" not in loaded(statement, cwd=tmp_path)


@pytest.mark.parametrize(
    "first",
    [
        "import correctless",
        "import correctless.gate, correctless.capture, correctless.ledger",
        "from correctless.gate import of_log\nfrom correctless.capture import Captured\nimport correctless",
        "from correctless import gate, capture\nassert callable(gate) and callable(capture)\nimport correctless",
        "import correctless\ncorrectless.gate, correctless.capture\nimport correctless.gate, correctless.capture",
    ],
)
def test_the_promised_names_are_the_functions_whatever_was_imported_first(first: str, tmp_path: Path) -> None:
    statement = f"""{first}
import inspect
from correctless.gate import of_log
from correctless.capture import capture
assert inspect.signature(correctless.gate) == inspect.signature(of_log)
assert inspect.signature(correctless.capture) == inspect.signature(capture)
for promised, function in ((correctless.gate, of_log), (correctless.capture, capture)):
    try:
        promised()
    except TypeError as error:
        assert function.__name__ + "()" in str(error), error
    else:
        raise SystemExit("it took no argument")
for name in correctless.__all__:
    assert callable(getattr(correctless, name)), name
"""
    loaded(statement, cwd=tmp_path)


def test_a_name_the_package_does_not_have_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nonesuch"):
        _ = correctless.nonesuch
    assert not hasattr(correctless, "__path_of_no_one__")
    assert set(correctless.__all__) < set(dir(correctless))


def test_itself_starts_this_package_from_any_folder(tmp_path: Path) -> None:
    (tmp_path / "correctless.py").write_text("raise SystemExit('the wrong one')")
    done = subprocess.run(
        [*correctless.itself(), "--version"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, f"correctless {correctless.__version__}\n")
