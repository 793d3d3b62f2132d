"""`correctless skills` as its users run it: a process, its two streams and its exit code."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

import forked

CLEAN = "---\nname: {}\ninteraction_mode: autonomous\nallowed-tools: Read, Bash(git log:*)\n---\n## Autonomous Defaults\n- **AD-001**: Order — as listed (default). Rationale: r.\n- **AD-002**: Merge — `escalate: always`. Default if deferred: wait. Rationale: r.\n"


def run(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return forked.run(["skills", *args], cwd=folder, env=os.environ)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, text in [
        ("good", CLEAN.format("good")),
        ("bad", "---\nname: bad\ninteraction_mode: never\n---\n"),
    ]:
        folder = tmp_path / "skills" / name
        folder.mkdir(parents=True)
        (folder / "SKILL.md").write_text(text, "utf-8")
    return tmp_path


def test_a_clean_skill_ends_with_0_and_shows_each_decision_point(tree: Path) -> None:
    done = run(tree, "skills/good")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "good (autonomous)  skills/good/SKILL.md",
        "  AD-001  Order — as listed",
        "  AD-002  Merge — escalate: always, if deferred: wait",
    ]


def test_without_a_path_the_skills_of_the_current_folder_are_shown_and_an_error_ends_with_1(
    tree: Path,
) -> None:
    done = run(tree)
    assert done.returncode == 1
    assert "good (autonomous)  skills/good/SKILL.md" in done.stdout
    assert "skills/bad/SKILL.md:3:19: 'interaction_mode' is 'never'." in done.stdout


def test_a_warning_alone_ends_with_0(tree: Path) -> None:
    file = tree / "skills" / "good" / "SKILL.md"
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    done = run(tree, "skills/good")
    assert done.returncode == 0
    assert "warning: the file starts with a byte order mark" in done.stdout


def test_json_has_every_key_in_order_and_real_values(tree: Path) -> None:
    done = run(tree, "--json", ".")
    bad, good = json.loads(done.stdout)
    assert list(good) == [
        "name",
        "path",
        "interaction_mode",
        "context",
        "allowed_tools",
        "defaults",
        "problems",
    ]
    assert good["allowed_tools"] == ["Read", "Bash(git log:*)"]
    assert list(good["defaults"][0]) == ["id", "subject", "choice", "rationale", "escalate", "line"]
    assert good["defaults"][1] == {
        "id": "AD-002",
        "subject": "Merge",
        "choice": "wait",
        "rationale": "r.",
        "escalate": True,
        "line": 8,
    }
    assert list(bad["problems"][0])[:6] == ["path", "line", "column", "rule", "message", "severity"]
    assert (bad["interaction_mode"], bad["problems"][0]["rule"]) == (None, "interaction-mode")
    assert done.returncode == 1


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_path_that_cannot_be_read_ends_with_3_and_the_rest_is_shown(tree: Path, form: list[str]) -> None:
    done = run(tree, *form, "skills/nothing", "skills/good", "skills/bad")
    assert done.returncode == 3
    assert done.stderr.splitlines() == [
        "correctless: can't read 'skills/nothing': No such file or directory. give a skill folder or its SKILL.md"
    ]
    assert "AD-002" in done.stdout


def test_a_skill_named_twice_is_shown_once(tree: Path) -> None:
    done = run(tree, "skills/good", "./skills/good/SKILL.md", "skills")
    assert done.stdout.count("good (autonomous)") == 1


def test_a_folder_without_skills_says_so(tmp_path: Path) -> None:
    done = run(tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    assert "no skill found here" in done.stderr
    assert json.loads(run(tmp_path, "--json").stdout) == []


def test_a_named_folder_without_skills_ends_with_3(tree: Path) -> None:
    (tree / "docs").mkdir()
    done = run(tree, "docs", "skills/good")
    assert done.returncode == 3
    assert "no skill found at or below 'docs'" in done.stderr
    assert "AD-002" in done.stdout


def test_nothing_a_skill_says_reaches_the_terminal_raw(tree: Path) -> None:
    hostile = tree / "skills" / "x\x1b[2J\u202e"
    hostile.mkdir()
    (hostile / "SKILL.md").write_text(
        '---\nname: "\\e]0;owned\\a"\ninteraction_mode: "\\e[31m\\u202e"\n---\n## Autonomous Defaults\n- **AD-001**: \x1b[1A\x9b — \x07 (default). Rationale: r.\n',
        "utf-8",
    )
    (tree / "nothing\x1b").symlink_to("nowhere")
    for form in ([], ["--json"]):
        done = run(tree, *form, "skills", "nothing\x1b")
        shown = done.stdout + done.stderr
        assert "owned" in shown
        assert all(char.isprintable() or char == "\n" for char in shown)


def test_help_has_an_example_and_an_unknown_option_ends_with_2(tmp_path: Path) -> None:
    assert run(tmp_path, "--help").stdout.count("Example: ") == 1
    assert run(tmp_path, "--wrong").returncode == 2
