"""The linter over real skills, broken in the ways people break them: every fix is made once, and touches nothing else."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path

import pytest

import correctless
from corpus import unpack
from correctless.lint import fix, run
from correctless.lint.discover import LintTarget, discover
from correctless.lint.settings import Settings
from correctless.syntax.finding import Edit, Finding

pytestmark = pytest.mark.campaign

TODAY = "2026-11-25"
BOM = b"\xef\xbb\xbf"

# Ways in which a sound file gets broken; each gives the text of a file of that kind, the same one where it has no hold.
BREAKS: dict[str, Callable[[str], str]] = {
    "nothing": lambda text: text,
    "colon": lambda text: re.sub(
        r"(?m)^description: *[\"']?(.*?)[\"']?$", r"description: Use: \1", text, count=1
    ),
    "keys": lambda text: text.replace("\nallowed-tools:", "\nallowed_tools:", 1).replace(
        "\nname:", "\nName:", 1
    ),
    "mode": lambda text: text.replace("---\n", "---\ninteraction-mode: hybrid\ncontext: frok\n", 1),
    "comma": lambda text: re.sub(r"\}\s*\Z", ",}\n", text) if text.startswith("{") else text,
    "quote": lambda text: text.replace("---\n", "---\nextra: 'it's broken'\nmore: @at\n", 1),
    "section": lambda text: (
        text + "\n## autonomous defaults\n\n* AD-1 - Naming - keep (default). Rationale: easy\n"
    ),
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpack(tmp_path_factory.mktemp("corpus"))


def found_in(data: bytes, target: LintTarget) -> list[Finding]:
    settings = Settings(pedantic=True, contract=True)
    return [each for each in run.text(data, target, settings, today=TODAY).findings if each.fix]


def spliced(data: bytes, edits: list[Edit]) -> bytes:
    """The bytes with the edits made, worked out from the front and in bytes, which is not how the linter does it."""
    mark, text = data[: len(BOM) * data.startswith(BOM)], data.removeprefix(BOM).decode()
    parts, at = [mark], 0
    for edit in sorted(edits):
        assert at <= edit.start <= edit.end <= len(text)
        parts += [text[at : edit.start].encode(), edit.new.encode()]
        at = edit.end
    return b"".join([*parts, text[at:].encode()])


def apart(found: list[Finding]) -> Iterator[Edit]:
    """The edits of each fix that touches none before it, in the order of the findings."""
    taken: list[Edit] = []
    for each in found:
        if not any(a.start <= b.end and b.start <= a.end for a in each.fix for b in taken):
            taken += each.fix
    yield from taken


def broken(data: bytes, way: str) -> bytes:
    try:
        text = data.removeprefix(BOM).decode()
    except UnicodeDecodeError:
        return data
    return data[: len(BOM) * data.startswith(BOM)] + BREAKS[way](text).encode()


@pytest.mark.parametrize("dressed", ["plain", "crlf", "bom"])
@pytest.mark.parametrize("way", BREAKS)
def test_a_fix_changes_its_own_spans_and_nothing_is_left_to_fix(way: str, dressed: str, corpus: Path) -> None:
    mended = 0
    for target in discover([str(corpus)]).targets:
        whole = Path(target.path).read_bytes()
        data = broken(whole, way)
        if data == whole and way != "nothing":
            continue  # where there was nothing to break, it is that case again
        if dressed == "crlf":
            data = data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        if dressed == "bom":
            data = BOM + data.removeprefix(BOM)
        find = cache(partial(found_in, target=target))  # both ways of mending ask of the same bytes
        after = fix.fixed(data, find)
        if after == data:
            continue
        mended += 1
        step, rounds = data, 0
        while (found := find(step)) and rounds < fix.MAX_ROUNDS:
            step, rounds = spliced(step, list(apart(found))), rounds + 1
        assert after == step, target.path
        assert find(after) == [], target.path
    assert way in ("nothing", "section") or mended > 10


def lint(cwd: Path, *words: str) -> str:
    done = subprocess.run(
        [*correctless.itself(), "lint", "--pedantic", "--no-cache", *words],
        cwd=cwd,
        env={**os.environ, "HOME": str(cwd.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    return done.stdout


def contents(top: Path) -> dict[str, bytes]:
    return {str(path.relative_to(top)): path.read_bytes() for path in top.rglob("*") if path.is_file()}


def test_the_command_changes_the_files_it_said_and_is_done_at_the_first_time(
    corpus: Path, tmp_path: Path
) -> None:
    top = tmp_path / "project"
    shutil.copytree(corpus, top, symlinks=True)
    (top / ".correctless").mkdir()
    for number, target in enumerate(discover([str(top)]).targets):
        file = Path(target.path)
        file.write_bytes(broken(file.read_bytes(), list(BREAKS)[number % len(BREAKS)]))
    before = contents(top)
    promised = {each["path"] for each in json.loads(lint(top, "--format", "json")) if each["fix"]}
    lint(top, "--fix")
    after = contents(top)
    assert before.keys() == after.keys()
    assert {path for path in before if before[path] != after[path]} == promised
    assert len(promised) > 100
    lint(top, "--fix")
    assert contents(top) == after
    assert lint(top, "--diff") == ""
