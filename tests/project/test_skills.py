"""The skills this repository ships keep the contract that it asks of others, and the house style for text models read."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from correctless.lint import rules
from correctless.skill.contract import SkillContract, read_skill
from places import PACKAGE, ROOT

PLUGIN_SKILLS = sorted((ROOT / "skills").glob("*/SKILL.md"))
BUILT_IN = PACKAGE / "dispatch" / "simplify" / "SKILL.md"
SKILLS = [*PLUGIN_SKILLS, BUILT_IN]

# A deferred default may only leave things as they are. The first word says so.
PASSIVE = frozenset({"do", "flag", "keep", "leave", "skip", "start", "stop"})
PASSIVE_PHRASES = {"do": "do without", "start": "start nothing"}

LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")
CANONICAL = re.compile(
    r"- \*\*AD-\d{3}\*\*: \S[^—]* — (?:\S.* \(default\)\.|`escalate: always`\. Default if deferred: \S.*\.) Rationale: \S.*\.\Z"
)


def the_name(path: Path) -> str:
    return path.parent.name


each_skill = pytest.mark.parametrize("path", SKILLS, ids=the_name)
each_plugin_skill = pytest.mark.parametrize("path", PLUGIN_SKILLS, ids=the_name)


def contract(path: Path) -> SkillContract:
    return read_skill(str(path))


def hybrids() -> list[Path]:
    return [path for path in SKILLS if contract(path).interaction_mode == "hybrid"]


def description(text: str) -> str:
    found = re.search(r"^description: (.+)$", text, re.MULTILINE)
    assert found, "a description on one line"
    return found[1]


def test_the_plugin_ships_the_skills_of_its_default_pipeline() -> None:
    assert {"cauto", "cspec", "ctdd", "cverify", "cupdate-arch", "cdocs"} <= {
        the_name(p) for p in PLUGIN_SKILLS
    }


@each_skill
def test_a_skill_reads_without_a_problem(path: Path) -> None:
    read = contract(path)
    assert rules.problems(read) == ()
    assert read.name == the_name(path)


@each_skill
def test_a_skill_is_short_enough_to_be_read_whole(path: Path) -> None:
    data = path.read_bytes()
    assert 3_500 <= len(data) <= 8_192
    assert data.count(b"\n") <= 200


@each_skill
def test_a_description_is_one_outcome_and_when_to_use_it(path: Path) -> None:
    text = description(path.read_text(encoding="utf-8"))
    assert len(text) <= 250
    assert re.fullmatch(r"[A-Z][^.]*\. Use when [^.]+\.", text), text


@each_skill
def test_a_mode_and_its_section_agree(path: Path) -> None:
    read = contract(path)
    assert read.interaction_mode in {"autonomous", "interactive", "hybrid"}
    assert read.has_section == (read.interaction_mode != "interactive")
    assert not (read.context == "fork" and read.interaction_mode == "interactive")


@each_skill
def test_decision_points_are_few_unique_and_complete(path: Path) -> None:
    read = contract(path)
    if read.interaction_mode == "interactive":
        assert read.defaults == ()
        return
    assert 2 <= len(read.defaults) <= 6
    assert [point.id for point in read.defaults] == [f"AD-{n:03}" for n in range(1, len(read.defaults) + 1)]
    for point in read.defaults:
        assert point.subject, point
        assert point.choice, point
        assert point.rationale, point
        assert point.documented, point


@each_skill
def test_decision_points_are_written_in_the_canonical_form(path: Path) -> None:
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("- **AD-")]
    assert len(lines) == len(contract(path).defaults)
    assert [line for line in lines if not CANONICAL.match(line)] == []


def test_every_hybrid_keeps_a_decision_for_a_person() -> None:
    assert len(hybrids()) >= 5
    assert [the_name(p) for p in hybrids() if not any(d.escalate for d in contract(p).defaults)] == []


def test_every_deferred_default_leaves_things_as_they_are() -> None:
    points = [(the_name(p), d) for p in hybrids() for d in contract(p).defaults if d.escalate]
    assert points
    for skill, point in points:
        first = point.choice.split()[0]
        assert first in PASSIVE, (skill, point.id, point.choice)
        assert point.choice.startswith(PASSIVE_PHRASES.get(first, first)), (skill, point.id, point.choice)


def test_every_hybrid_says_once_how_a_default_is_shown() -> None:
    for path in hybrids():
        prose, _, _ = path.read_text(encoding="utf-8").partition("## Autonomous Defaults")
        assert prose.count("marked as `(default)`") == 1, the_name(path)


def test_every_skill_with_defaults_knows_the_signal_of_the_dispatcher() -> None:
    for path in SKILLS:
        if contract(path).defaults:
            # white space folded: the sentence is wrapped
            words = " ".join(path.read_text(encoding="utf-8").split())
            assert "`mode: autonomous` within its first 10 lines" in words, the_name(path)


@each_skill
def test_no_skill_may_write_the_logs_or_ask_from_a_fork(path: Path) -> None:
    read = contract(path)
    tools = " ".join(read.allowed_tools)
    assert ".correctless/artifacts" not in tools
    assert ".correctless/artifacts" not in path.read_text(encoding="utf-8")
    if read.context == "fork" or read.interaction_mode == "autonomous":
        assert "AskUserQuestion" not in tools


@each_skill
def test_every_link_opens_and_every_reference_is_linked(path: Path) -> None:
    targets = [t for t in LINK.findall(path.read_text(encoding="utf-8")) if "://" not in t]
    assert [t for t in targets if not (path.parent / t).is_file()] == []
    references = {p.relative_to(path.parent).as_posix() for p in path.parent.glob("references/*")}
    assert references <= set(targets)


@each_plugin_skill
def test_the_approval_flag_is_never_part_of_a_command_a_skill_gives(path: Path) -> None:
    fences = re.findall(r"^```.*?^```", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    frontmatter = path.read_text(encoding="utf-8").split("\n---\n", 1)[0]
    assert not any("--approve-spec-as" in text for text in [*fences, frontmatter])


def test_the_manifests_describe_one_plugin_in_this_folder() -> None:
    market = json.loads((ROOT / ".claude-plugin" / "marketplace.json").read_text(encoding="utf-8"))
    plugin = json.loads((ROOT / "plugin.json").read_text(encoding="utf-8"))
    assert [(p["name"], p["source"]) for p in market["plugins"]] == [(plugin["name"], "./")]
    assert market["plugins"][0]["description"] == plugin["description"]
    # Claude Code reads only the copy in .claude-plugin; the version lives in the other one
    assert (ROOT / ".claude-plugin" / "plugin.json").read_bytes() == (ROOT / "plugin.json").read_bytes()


def test_the_hooks_file_is_one_the_client_loads() -> None:
    assert isinstance(json.loads((ROOT / "hooks" / "hooks.json").read_text(encoding="utf-8"))["hooks"], dict)
