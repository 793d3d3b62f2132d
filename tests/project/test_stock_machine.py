"""Holds what a machine on which nothing of ours is installed needs of the tests, and what a busy one does."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

from patience import PATIENCE
from places import CASES, ROOT


def test_tests_are_collected_where_no_program_is_installed(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-P",
            "-m",
            "pytest",
            "--collect-only",
            "-m",
            "",
            "-p",
            "no:cacheprovider",
            str(ROOT / "tests"),
        ],
        cwd=ROOT,
        env={"HOME": str(tmp_path), "PATH": str(tmp_path), "CORRECTLESS_CI_CACHE": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:]


def short_waits(path: Path) -> list[str]:
    """Calls that give what must come seconds of their own."""
    waits = [
        (call, given)
        for call in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(call, ast.Call)
        for given in (
            *(word.value for word in call.keywords if word.arg == "timeout"),
            *(
                call.args
                if isinstance(call.func, ast.Attribute) and call.func.attr in ("join", "settimeout")
                else ()
            ),
        )
    ]
    return [
        f"{path.name}:{call.lineno}: {ast.unparse(call)}"
        for call, given in waits
        if isinstance(given, ast.Constant) and isinstance(given.value, int | float) and given.value < PATIENCE
    ]


def test_no_test_gives_what_must_come_a_time_of_its_own() -> None:
    assert [
        found
        for path in sorted((ROOT / "tests").rglob("*.py"))
        if CASES not in path.parents
        for found in short_waits(path)
    ] == []
