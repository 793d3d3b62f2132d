"""The rules: their golden cases, their pages, and what the interface promises of each.

A case is tests/cases/rules/<id>/{ok,err}/: a file, or a folder that stands for a tree. The file, and in a folder each file
of a known name, is linted by that one rule. Beside each err case stands its `.out`: the findings as text, and after `--fix`
what the file is then, if the rule mends it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import places
from correctless.cli.rules import page
from correctless.lint import check, fix, rules, run
from correctless.lint.discover import LintTarget, discover
from correctless.lint.rules import FAMILIES, RULES
from correctless.lint.settings import Settings
from correctless.lint.subject.subject import (
    AGENTSKILLS,
    CLASSES,
    CLAUDE_CODE,
    HOOKS,
    MARKETPLACE,
    MCP,
    PLUGIN,
    SETTINGS,
    SKILL,
)
from correctless.syntax.finding import SEVERITIES, Finding, as_text
from places import ROOT

if TYPE_CHECKING:
    from correctless.lint.rules import Rule

CASES = places.CASES / "rules"
TODAY = "2026-11-25"
OF_JSON = {
    "plugin": PLUGIN, "marketplace": MARKETPLACE, "hooks": HOOKS, "mcp": MCP, "settings": SETTINGS
}  # fmt: skip
NO_KIND = {"unreadable"}  # nothing is read: tests/cli/test_lint.py has its cases


def cases(kind: str) -> list[Path]:
    return sorted(path for path in CASES.glob(f"*/{kind}/*") if path.suffix != ".out")


def name_of(path: Path) -> str:
    return "-".join(path.relative_to(CASES).parts)


def targets(case: Path) -> list[LintTarget]:
    """What is linted of a case: the file itself, as the SKILL.md of a folder of the case's name unless its name says more."""
    if case.is_dir():
        return discover([str(case)]).targets
    kind = OF_JSON.get(case.suffixes[0][1:], SKILL)
    return [LintTarget(str(case), kind)]


def found_by(rule: Rule, case: Path) -> Iterator[Finding]:
    """The findings of one rule alone, paths relative to the case, and the bytes after all its fixes."""
    levels = {each.ID: "ignore" for each in RULES if each is not rule}
    settings = Settings(pedantic=True, contract=True, rules=tuple(levels.items()))
    if dialect := re.search(r"agentskills", case.name):
        settings = Settings(pedantic=True, contract=True, rules=tuple(levels.items()), dialect=dialect[0])
    for target in targets(case):
        report = run.text(Path(target.path).read_bytes(), target, settings, today=TODAY)
        yield from report.findings


def spelled(rule: Rule, case: Path) -> str:
    lines = []
    for each in found_by(rule, case):
        path = Path(each.path).relative_to(case.parent).as_posix()
        end = f"-{each.end_line}:{each.end_column}" if each.end_line else ""
        lines.append(
            as_text(Finding(path, each.line, each.column, f"{each.rule}{end}", each.message, each.severity))
        )
    for target in targets(case):
        before = Path(target.path).read_bytes()
        after = mended(rule, case, target, before)
        if after != before:
            lines += ["", *fix.diff(target.path.removeprefix(f"{case.parent}/"), before, after).splitlines()]
    return "\n".join(lines) + "\n"


def mended(rule: Rule, case: Path, target: LintTarget, data: bytes) -> bytes:
    settings = Settings(pedantic=True, contract=True)

    def find(data: bytes) -> list[Finding]:
        report = run.text(data, target, settings, today=TODAY)
        return [each for each in report.findings if each.rule == rule.ID]

    return fix.fixed(data, find)


def rule_of(case: Path) -> Rule:
    return next(rule for rule in RULES if case.relative_to(CASES).parts[0] == rule.ID)


@pytest.mark.parametrize("case", cases("err"), ids=name_of)
def test_a_rule_finds_in_an_err_case_what_its_out_file_says(case: Path) -> None:
    out = case.with_name(f"{case.name}.out")
    found = spelled(rule_of(case), case)
    assert found.strip(), "nothing was found"
    assert out.exists(), f"read it, and if it is right save it as {out}:\n{found}"
    assert found == out.read_text("utf-8")


@pytest.mark.parametrize("case", cases("ok"), ids=name_of)
def test_a_rule_finds_nothing_in_an_ok_case(case: Path) -> None:
    assert targets(case)
    assert list(found_by(rule_of(case), case)) == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.ID)
def test_every_rule_has_cases_of_both_kinds(rule: Rule) -> None:
    if rule.ID in NO_KIND:
        return
    for kind in ("ok", "err"):
        assert [case for case in cases(kind) if rule_of(case) is rule], (
            f"tests/cases/rules/{rule.ID}/{kind}/ is empty"
        )


def test_every_out_file_and_every_folder_belongs_to_a_case() -> None:
    assert {path.name for path in CASES.iterdir()} == {rule.ID for rule in RULES} - NO_KIND
    for out in CASES.glob("*/*/*.out"):
        assert out.with_suffix("").exists(), out


@pytest.mark.parametrize("case", [*cases("err"), *cases("ok")], ids=name_of)
def test_fixes_are_made_once_and_for_all(case: Path) -> None:
    for target in targets(case):
        once = mended(rule_of(case), case, target, Path(target.path).read_bytes())
        assert mended(rule_of(case), case, target, once) == once


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.ID)
def test_a_rule_is_named_as_its_module_and_its_words(rule: Rule) -> None:
    assert getattr(rule, "__name__", "").rpartition(".")[2] == rule.ID.replace("-", "_")
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", rule.ID)
    assert rule.SEVERITY in SEVERITIES
    assert set(rule.READS) <= CLASSES.keys()


def test_every_module_of_the_folder_is_a_rule_of_one_family() -> None:
    folder = ROOT / "src/correctless/lint/rules"
    for family, members in FAMILIES.items():
        modules = {path.stem for path in (folder / family).glob("*.py")} - {"__init__"}
        assert modules == {rule.ID.replace("-", "_") for rule in members}
    assert {path.name for path in folder.iterdir()} - {"__pycache__", "__init__.py"} == set(FAMILIES)
    assert (
        len(RULES) == len({rule.ID for rule in RULES}) == sum(len(members) for members in FAMILIES.values())
    )


LEFT_OUT = r"^( *)\.\.\. (\d+) more lines \.\.\.\n"


def _filled(found: re.Match[str]) -> str:
    return f"{found[1]}A line of which there are many more.\n" * int(found[2])


def examples(rule: Rule, label: str) -> list[tuple[str, str, str]]:
    """The blocks below "Wrong:" or "Right:" of a page: the name of the file, its kind, and its text."""
    pattern = rf"^{label}:\n\n(?P<fence>````?)(\S+)\n(.*?)^(?P=fence)$"
    found = re.findall(pattern, rule.__doc__ or "", re.MULTILINE | re.DOTALL)
    blocks = []
    for _, word, text in found:
        name = word if "." in word else "SKILL.md"
        kind = OF_JSON.get(word.removesuffix(".json"), word if word in CLASSES else SKILL)
        blocks.append((name, kind, re.sub(LEFT_OUT, _filled, text, flags=re.MULTILINE)))
    return blocks


def beside(rule: Rule) -> list[tuple[str, str]]:
    """The neighbours that the examples of a page have: a path from the folder of the file, and the text there."""
    pattern = r"^Beside it, `([^`]+)`:\n\n```\S+\n(.*?)^```"
    return re.findall(pattern, rule.__doc__ or "", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.ID not in NO_KIND], ids=lambda rule: rule.ID)
def test_the_examples_of_a_page_are_what_it_says(rule: Rule, tmp_path: Path) -> None:
    assert examples(rule, "Wrong")
    assert examples(rule, "Right")
    for path, text in beside(rule):
        neighbour = tmp_path / "my-skill" / path
        neighbour.parent.mkdir(parents=True, exist_ok=True)
        neighbour.write_text(text)
    for label, wrong in (("Wrong", True), ("Right", False)):
        for name, kind, text in examples(rule, label):
            dialect = AGENTSKILLS if name == f"{AGENTSKILLS}.md" else CLAUDE_CODE
            settings = Settings(pedantic=True, contract=True, dialect=dialect)
            target = LintTarget(str(tmp_path / "my-skill" / name), kind)
            (tmp_path / "my-skill" / "scripts").mkdir(parents=True, exist_ok=True)
            (tmp_path / "my-skill" / "scripts" / "build.sh").touch(mode=0o644)
            report = run.text(text.encode(), target, settings, today=TODAY)
            assert wrong == any(each.rule == rule.ID for each in report.findings), f"{label}:\n{text}"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.ID)
def test_a_page_says_what_to_do_and_where_it_is_known_from(rule: Rule) -> None:
    text = page(rule)
    assert re.search(r"^Fix: ", text, re.MULTILINE)
    assert re.search(r"^Source: ", text, re.MULTILINE)
    assert (ROOT / "docs" / "rules" / f"{rule.ID}.md").read_text() == text, "run: scripts/regen"


def test_a_level_of_the_settings_replaces_the_severity_and_ignore_runs_nothing() -> None:
    data = b"---\nname: other\n---\n"
    for level in ("info", "warning", "error"):
        levels = (("name-folder", level),)
        found = check.check("a/SKILL.md", SKILL, data, Settings(pedantic=True), levels).findings
        assert [each.severity for each in found if each.rule == "name-folder"] == [level]
    none = check.check("a/SKILL.md", SKILL, data, Settings(pedantic=True), (("name-folder", "ignore"),))
    assert "name-folder" not in {each.rule for each in none.findings}


def test_every_fault_of_the_contract_goes_by_the_name_of_a_rule() -> None:
    ids = {rule.ID for rule in (*rules.READING, *rules.CONTRACT)}
    seen = set()
    for case in (CASES.parent / "contract").glob("*.md"):
        settings = Settings(pedantic=True, contract=True)
        report = run.text(case.read_bytes(), LintTarget(f"folder/{case.name}", SKILL), settings, today=TODAY)
        seen |= {each.rule for each in report.findings}
    # What no single file of Markdown shows.
    assert seen & ids >= ids - {"json-syntax", "unreadable", "delegates-to-interactive"}
