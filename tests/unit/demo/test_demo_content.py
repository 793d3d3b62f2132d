"""The demo's repository is real, and what its recorded answers say is true of the patches that come with them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from conftest import Git
from correctless.base.exits import Stop
from correctless.base.install import builtin_skill, plugin_root
from correctless.demo import CONFIG, SPEC, DemoRepository, make_repository
from correctless.project.config import PIPELINES, load
from correctless.project.paths import slug
from correctless.skill.contract import SkillContract, read_skill

STEPS = tuple(step.skill for step in PIPELINES["default"].steps)
BLOCK = re.compile(
    r"^AUTONOMOUS_DECISIONS_START\n(.*)^AUTONOMOUS_DECISIONS_END\n\Z", re.MULTILINE | re.DOTALL
)


@pytest.fixture
def demo(tmp_path: Path) -> DemoRepository:
    return make_repository(str(tmp_path / "demo"))


def test_the_repository_is_what_a_run_starts_on(demo: DemoRepository, git: Git) -> None:
    assert git(demo.path, "status", "--porcelain", "--ignored") == ""
    assert git(demo.path, "branch", "--show-current") == demo.branch
    assert git(demo.path, "diff", "--name-only", "main", demo.branch) == demo.spec == SPEC
    assert git(demo.path, "rev-list", "--count", "main") == "1"
    assert _run_tests(demo) == (0, 3)


def test_the_spec_has_its_four_rules(demo: DemoRepository) -> None:
    assert _rules(demo) == ["R-001", "R-002", "R-003", "R-004"]


def test_the_configuration_runs_every_step_and_opens_no_pull_request(demo: DemoRepository) -> None:
    config = load(YAML(typ="safe").load(Path(demo.path, CONFIG).read_bytes()))
    assert config.pr == "skip"
    assert config.commands.test == (sys.executable, "-m", "unittest", "-q")
    assert all(
        s.intensity is None or config.intensity in s.intensity for s in config.pipeline("default").steps
    )


def test_an_interpreter_with_an_awkward_path_stays_one_word(tmp_path: Path) -> None:
    python = '/opt/a, "b"]: #c/python3'
    demo = make_repository(str(tmp_path), python=python)
    config = load(YAML(typ="safe").load(Path(demo.path, CONFIG).read_bytes()))
    assert config.commands.test == (python, "-m", "unittest", "-q")


def test_every_step_has_an_answer_and_a_patch_and_nothing_else_is_there(demo: DemoRepository) -> None:
    assert sorted(p.name for p in Path(demo.answers).iterdir()) == sorted(
        f"{step}.{kind}" for step in STEPS for kind in ("md", "patch")
    )


@pytest.mark.parametrize("branch", ["feature/parse-durations", "someone/else"])
def test_the_patches_apply_in_order_and_the_tests_stay_green(tmp_path: Path, git: Git, branch: str) -> None:
    demo = make_repository(str(tmp_path / "demo"), branch=branch)
    touched: dict[str, list[str]] = {}
    counts: dict[str, int] = {}
    for step in STEPS:
        _apply(demo, git, step)
        touched[step] = git(demo.path, "diff", "--cached", "--name-only").splitlines()
        git(demo.path, "commit", "-q", "-m", step)
        code, counts[step] = _run_tests(demo)
        assert code == 0, step
        assert git(demo.path, "status", "--porcelain") == "", "the test run must leave nothing to commit"
    assert counts == dict.fromkeys(STEPS, 10)
    assert touched == {
        "ctdd": ["naptime/__init__.py", "naptime/text.py", "tests/test_parse.py"],
        "simplify": ["naptime/text.py"],
        "cverify": [f".correctless/reports/{slug(branch)}/cverify.md"],
        "cupdate-arch": ["docs/architecture.md"],
        "cdocs": ["CHANGELOG.md", "README.md"],
    }
    doctest = subprocess.run([sys.executable, "-m", "doctest", "README.md"], cwd=demo.path, check=False)
    assert doctest.returncode == 0, "the README's examples are what the program prints"


def test_the_tests_of_ctdd_are_red_without_its_code(demo: DemoRepository, git: Git) -> None:
    _apply(demo, git, "ctdd")
    source = Path(demo.path, "naptime/text.py")
    code = source.read_text()
    for broken in (
        code.replace("seconds = seconds +", "seconds ="),
        code.replace("_SHAPE.fullmatch", "_SHAPE.match"),
        code.replace(' or text == ""', ""),
        code.replace("[0-9]{1,7}", "[0-9]+"),
        code.replace("[0-9]", r"\\d"),
        code.replace("if seconds > LONGEST", "if False"),
        code.replace("LONGEST = 30", "LONGEST = 31"),
        code.replace("LONGEST = 30", "LONGEST = 29"),
    ):
        assert broken != code
        source.write_text(broken)
        assert _run_tests(demo)[0] != 0, broken


def test_what_the_report_says_was_seen_is_seen(demo: DemoRepository, git: Git) -> None:
    for step in STEPS:
        _apply(demo, git, step)
    report = Path(demo.path, f".correctless/reports/{slug(demo.branch)}/cverify.md").read_text()
    verdicts = re.findall(r"^## (R-\d{3}): .*: (PASS|FAIL|UNPROVEN)$", report, re.MULTILINE)
    assert [rule for rule, _ in verdicts] == _rules(demo)
    assert [verdict for _, verdict in verdicts] == ["PASS", "PASS", "PASS", "FAIL"]
    assert "3 PASS, 1 FAIL" in report
    for call, seen in (
        ('parse("23h59m59s")', "86399"),
        ('parse("1d")', "86400"),
        ('parse("1h1h")', "not a duration: '1h1h'"),
        ('parse("31d")', "longer than a month: '31d'"),
        ('parse("01h")', "3600"),
    ):
        assert call in report
        assert seen in report
        said = subprocess.run(
            [sys.executable, "-c", f"from naptime import parse; print({call})"],
            cwd=demo.path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (said.stdout.strip() or said.stderr.strip().splitlines()[-1]).removeprefix(
            "ValueError: "
        ) == seen


@pytest.mark.parametrize("step", STEPS)
def test_a_listed_decision_is_told_as_its_contract_has_it(demo: DemoRepository, step: str) -> None:
    contract = _contract(step)
    for decision in _decisions(demo, step):
        default = contract.default(decision["decision_id"] or "")
        if default is not None:
            assert decision["default_applied"] == default.choice, decision["decision_id"]
            assert decision["escalation_deferred"] is default.escalate, decision["decision_id"]


def test_one_decision_is_deferred_and_one_has_no_id(demo: DemoRepository) -> None:
    all_of_them = [(step, decision) for step in STEPS for decision in _decisions(demo, step)]
    assert [(s, d["decision_id"]) for s, d in all_of_them if d["escalation_deferred"]] == [
        ("cverify", "AD-003")
    ]
    unlisted = [
        (s, d["decision_id"]) for s, d in all_of_them if _contract(s).default(d["decision_id"] or "") is None
    ]
    assert unlisted == [("cdocs", None)]
    assert {step for step, _ in all_of_them} == set(STEPS), "each step took a decision"


def test_no_placeholder_is_left(demo: DemoRepository) -> None:
    for file in [*Path(demo.answers).iterdir(), *Path(demo.path).rglob("*.md")]:
        assert "{branch_slug}" not in file.read_text(), file


def test_a_folder_that_holds_a_demo_is_left_alone(demo: DemoRepository) -> None:
    before = Path(demo.path, "README.md").read_bytes()
    with pytest.raises(Stop, match="new or an empty folder") as stopped:
        make_repository(str(Path(demo.path).parent))
    assert stopped.value.code == 3
    assert Path(demo.path, "README.md").read_bytes() == before


def test_the_persons_own_git_configuration_changes_nothing(tmp_path: Path, git: Git) -> None:
    template = tmp_path / "template" / "hooks"
    template.mkdir(parents=True)
    (template / "pre-commit").write_text("#!/bin/sh\nexit 1\n")
    (template / "pre-commit").chmod(0o755)
    (tmp_path / "ignore").write_text("*.md\ndocs/\n")
    (tmp_path / "attributes").write_text("*.py text eol=crlf\n")
    for name, value in (
        ("init.templateDir", str(template.parent)),
        ("commit.gpgSign", "true"),
        ("user.signingKey", "nobody"),
        ("core.autocrlf", "true"),
        ("core.excludesFile", str(tmp_path / "ignore")),
        ("core.attributesFile", str(tmp_path / "attributes")),
    ):
        git(tmp_path, "config", "--global", name, value)
    demo = make_repository(str(tmp_path / "demo"))
    assert not Path(demo.path, ".git/hooks/pre-commit").exists()
    assert "README.md" in git(demo.path, "ls-files").splitlines()
    for step in STEPS:
        _apply(demo, git, step)
        git(demo.path, "commit", "-q", "-m", step)
    git(demo.path, "switch", "-q", "main")
    git(demo.path, "switch", "-q", demo.branch)
    assert all(
        b"\r" not in Path(demo.path, name).read_bytes() for name in git(demo.path, "ls-files").splitlines()
    )


def test_no_file_of_the_project_is_taken_for_code_of_this_package() -> None:
    stored = Path(plugin_root(), "src/correctless/demo/project")
    files = [path for path in stored.rglob("*") if path.is_file()]
    assert files
    assert all(path.suffix == ".txt" for path in files)


def _apply(demo: DemoRepository, git: Git, step: str) -> None:
    git(demo.path, "apply", "--index", str(Path(demo.answers, f"{step}.patch")))


def _run_tests(demo: DemoRepository) -> tuple[int, int]:
    """The exit code and how many tests ran, by the command the demo's own configuration names."""
    command = YAML(typ="safe").load(Path(demo.path, CONFIG).read_bytes())["commands"]["test"]
    done = subprocess.run(command, cwd=demo.path, capture_output=True, text=True, check=False)
    ran = re.search(r"^Ran (\d+) tests?", done.stderr, re.MULTILINE)
    return done.returncode, int(ran[1]) if ran else 0


def _rules(demo: DemoRepository) -> list[str]:
    return re.findall(r"^- (R-\d{3}): ", Path(demo.path, demo.spec).read_text(), re.MULTILINE)


def _decisions(demo: DemoRepository, step: str) -> Iterator[dict[str, Any]]:
    block = BLOCK.search(Path(demo.answers, f"{step}.md").read_text())
    assert block is not None, "the answer ends with its block"
    return map(json.loads, block[1].splitlines())


def _contract(step: str) -> SkillContract:
    return read_skill(builtin_skill(step) if step == "simplify" else f"{plugin_root()}/skills/{step}")
