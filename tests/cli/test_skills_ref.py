"""`correctless lint --dialect agentskills` beside the official reference: a skill that one refuses, the other refuses too."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest
from skills_ref.validator import validate

import forked
from correctless.base import exits

NFD = unicodedata.normalize("NFD", "größe")
NFC = unicodedata.normalize("NFC", "größe")
GOOD = "description: Sorts a list."


def skill(name: str, *lines: str) -> str:
    return "\n".join(("---", f"name: {name}", *(lines or (GOOD,)), "---", "Do it.", ""))


# What the reference's own tests ask of it, and their neighbours: the folder, and its SKILL.md.
CASES: dict[str, tuple[str, str]] = {
    "good": ("sort-list", skill("sort-list")),
    "every key": (
        "sort-list",
        skill(
            "sort-list",
            GOOD,
            "license: MIT",
            "metadata:",
            "  team: a",
            "compatibility: Any",
            "allowed-tools: Read",
        ),
    ),
    "tools": ("sort-list", skill("sort-list", GOOD, "allowed-tools: Bash(jq:*) Bash(git:*)")),
    "list of tools": ("sort-list", skill("sort-list", GOOD, "allowed-tools:", "  - Read", "  - Bash")),
    "capitals": ("SortList", skill("SortList")),
    "one capital": ("sort-List", skill("sort-List")),
    "64 characters": ("a" * 64, skill("a" * 64)),
    "65 characters": ("a" * 65, skill("a" * 65)),
    "hyphen first": ("-sort", skill("-sort")),
    "hyphen last": ("sort-", skill("sort-")),
    "two hyphens": ("sort--list", skill("sort--list")),
    "underscore": ("sort_list", skill("sort_list")),
    "blank": ("sort list", skill("sort list")),
    "dot": ("sort.list", skill("sort.list")),
    "other folder": ("other", skill("sort-list")),
    "unknown key": ("sort-list", skill("sort-list", GOOD, "model: opus")),
    "two unknown keys": ("sort-list", skill("sort-list", GOOD, "version: 1", "author: a")),
    "misspelled key": ("sort-list", skill("sort-list", GOOD, "compatability: Any")),
    "no name": ("sort-list", f"---\n{GOOD}\n---\nDo it.\n"),
    "empty name": ("sort-list", skill("")),
    "no description": ("sort-list", skill("sort-list", "license: MIT")),
    "empty description": ("sort-list", skill("sort-list", "description:")),
    "description of 1,024": ("sort-list", skill("sort-list", f"description: {'x' * 1024}")),
    "description of 1,025": ("sort-list", skill("sort-list", f"description: {'x' * 1025}")),
    "compatibility of 500": ("sort-list", skill("sort-list", GOOD, f"compatibility: {'x' * 500}")),
    "compatibility of 501": ("sort-list", skill("sort-list", GOOD, f"compatibility: {'x' * 501}")),
    "list as compatibility": ("sort-list", skill("sort-list", GOOD, "compatibility:", "  - a")),
    "Chinese": ("整理列表", skill("整理列表")),
    "Greek": ("λίστα-μου", skill("λίστα-μου")),
    "Greek capitals": ("ΛΊΣΤΑ", skill("ΛΊΣΤΑ")),
    "Cyrillic": ("список", skill("список")),
    "Cyrillic capital": ("Список", skill("Список")),
    "Arabic digits": ("قائمة-١٢", skill("قائمة-١٢")),
    "sign of another script": ("größe…", skill("größe…")),
    "folder in NFD": (NFD, skill(NFC)),
    "name in NFD": (NFC, skill(NFD)),
    "wide letters": ("ａｂｃ", skill("abc")),
    "wide capitals": ("ＡＢＣ", skill("ＡＢＣ")),
    "no frontmatter": ("sort-list", "# Sort\n"),
    "blank line above": ("sort-list", f"\n{skill('sort-list')}"),
    "unclosed": ("sort-list", f"---\nname: sort-list\n{GOOD}\n"),
    "list as frontmatter": ("sort-list", "---\n- a\n---\n"),
    "no YAML": ("sort-list", skill("sort-list", "description: Sorts: a list: well")),
    "two descriptions": ("sort-list", skill("sort-list", GOOD, GOOD)),
}


def refused(folder: Path, *words: str) -> bool:
    done = forked.run(
        ["lint", "--dialect", "agentskills", "--no-cache", *words, str(folder)],
        cwd=folder.parent,
        env=dict(os.environ),
    )
    assert done.returncode in (exits.OK, exits.FINDINGS, exits.REFUSED), done.stderr
    return done.returncode != exits.OK


@pytest.mark.parametrize("name", CASES)
def test_a_skill_is_refused_where_the_reference_refuses_it(name: str, tmp_path: Path) -> None:
    folder, text = CASES[name]
    (tmp_path / folder).mkdir()
    (tmp_path / folder / "SKILL.md").write_text(text, "utf-8")
    assert refused(tmp_path / folder) == bool(validate(tmp_path / folder))


def test_a_file_in_lower_case_is_accepted_as_the_reference_accepts_it(tmp_path: Path) -> None:
    for name, text in (("sort-list", skill("sort-list")), ("sort", skill("other"))):
        (tmp_path / name).mkdir()
        (tmp_path / name / "skill.md").write_text(text)
    assert [refused(tmp_path / each) for each in ("sort-list", "sort")] == [False, True]
    assert [bool(validate(tmp_path / each)) for each in ("sort-list", "sort")] == [False, True]


@pytest.mark.parametrize("name", ["gone", "empty", "README.txt"])
def test_a_path_without_a_skill_is_refused_as_the_reference_refuses_it(name: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "README.txt").write_text("words")
    done = forked.run(["lint", "--dialect", "agentskills", name], cwd=tmp_path, env=dict(os.environ))
    assert done.returncode in (exits.USAGE, exits.REFUSED)
    assert validate(tmp_path / name)


def test_the_reference_refuses_some_of_the_cases_and_accepts_others(tmp_path: Path) -> None:
    count = 0
    for number, (folder, text) in enumerate(CASES.values()):
        where = tmp_path / str(number) / folder
        where.mkdir(parents=True)
        (where / "SKILL.md").write_text(text, "utf-8")
        count += bool(validate(where))
    assert 10 < count < len(CASES) - 10
