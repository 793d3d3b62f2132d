"""The demo in a terminal: a digest that was typed wrongly is asked for once more, and nobody is left without a next command."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

import correctless
import terminal
from conftest import at_home


@pytest.mark.parametrize(("last", "code"), [("{digest}", 0), ("12345678", 10), ("", 10)])
def test_a_wrong_digest_is_asked_for_again_and_then_the_folder_and_the_next_command_are_named(
    tmp_path: Path, last: str, code: int
) -> None:
    env = {**os.environ, "HOME": str(at_home(tmp_path / "home")), "TMPDIR": str(tmp_path)}
    child = terminal.spawn([*correctless.itself(), "cauto", "demo"], tmp_path, env)
    _, digest = terminal.accepted(child)
    child.sendline("87654321")
    child.expect("'87654321' is not their digest")
    child.expect("leave it open[^>]*> ")
    child.sendline(last.replace("{digest}", digest))
    ended, shown = terminal.ended(child)
    assert ended == code, shown
    if code == 0:
        text = re.search(r"nothing was pushed \(pr: skip\)\. the pull request's text: (\S+)", shown)
        assert text
        assert "## Test plan" in Path(text[1]).read_text()
    else:
        [folder] = tmp_path.glob("correctless-demo-*/naptime")
        assert f"Answer again with: cd {folder} && correctless review" in shown
        later = f"Answer later with: cd {folder} && correctless review" in shown
        assert later is (last == "")
        assert f"then continue with: cd {folder} && correctless cauto resume" in shown
