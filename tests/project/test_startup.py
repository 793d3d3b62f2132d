"""Start-up is part of the product: what a fresh interpreter has loaded after each import, and what it has not."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from yaml.reader import Reader

import contracts
import correctless
from correctless.base.lazy_re import lazily
from correctless.project import paths
from correctless.project.git import find
from correctless.skill.contract import read_skill
from correctless.skill.defaults import read_points
from correctless.syntax import yaml_text
from places import CASES, PACKAGE, ROOT

HEAVY = {"pydantic", "click", "rich", "jsonlines", "ruamel", "frontmatter", "detect_secrets", "jinja2"}

# A configuration is validated with pydantic, so whoever must start fast does not read it.
SLOW = {"correctless.project.config"}
_LINTER = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
[_DOORS] = [each for each in _LINTER["contracts"] if each["id"] == "doors"]
PACKAGES = [PACKAGE / name.partition(".")[2] for name in (*_DOORS["source_modules"], "correctless.project")]
LIGHT = sorted(
    {
        ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
        for package in PACKAGES
        for path in package.rglob("*.py")
    }
    - SLOW
)


# What an append to the log does without: every one of these was there once, or is a usual way back.
NOT_FOR_AN_APPEND = HEAVY | {
    "argparse", "asyncio", "fnmatch", "glob", "importlib.metadata", "importlib.util", "logging", "pathlib", "random",
    "shutil", "socket", "tempfile", "tomllib", "yaml", "zipfile",
    "correctless.decisions.block", "correctless.decisions.capture", "correctless.project.config", "correctless.skill.contract",
    "correctless.review.gate", "correctless.project.lock", "correctless.review.summary", "correctless.syntax.yaml_nodes", "correctless.syntax.yaml_text",
}  # fmt: skip

SKILLS = sorted({*ROOT.glob("skills/*/SKILL.md"), *CASES.glob("contract/*.md")})


def loaded(statement: str, *, cwd: Path) -> set[str]:
    """The top-level modules in `sys.modules` after `statement` in a fresh interpreter that sees only this checkout."""
    return {name.partition(".")[0] for name in modules(statement, cwd=cwd)}


def modules(statement: str, *, cwd: Path) -> set[str]:
    """All of `sys.modules` after `statement`, likewise."""
    program = (
        f"import sys; sys.path.insert(0, {str(PACKAGE.parent)!r})\n{statement}\n"
        "names = sorted(sys.modules)\nimport json; print('\\n' + json.dumps(names))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", program], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_what_a_door_waits_for_starts_without_heavy_packages(package: Path, tmp_path: Path) -> None:
    """All modules of a package at once: a heavy one is named by the import that brings it, which import-linter shows."""
    inside = ".".join(package.relative_to(PACKAGE.parent).parts)
    names = [name for name in LIGHT if name == inside or name.startswith(inside + ".")]
    assert loaded("\n".join(f"import {name}" for name in names), cwd=tmp_path) & HEAVY == set()


def test_the_list_of_light_modules_is_not_empty() -> None:
    assert {
        "correctless.ledger.record",
        "correctless.decisions.capture",
        "correctless.review.gate",
        "correctless.project.git.call",
    } < set(LIGHT)
    assert len(LIGHT) > 60


def test_importing_the_package_imports_nothing_of_it(tmp_path: Path) -> None:
    program = f"""
import sys; sys.path.insert(0, {str(PACKAGE.parent)!r})
before = set(sys.modules)
import correctless
print(sorted(set(sys.modules) - before - {{"__future__", "types"}}))
"""
    done = subprocess.run(
        [sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout.strip() == "['correctless']"


@pytest.mark.parametrize(
    "words",
    [
        ["writer", "--help"],
        ["gate", "--help"],
        ["gate"],
        ["writer", "x"],
        ["lint", "--help"],
        ["lint", "--no-cache"],
        ["rules"],
        ["rules", "context"],
    ],
)
def test_the_fast_paths_are_answered_without_click(words: list[str], tmp_path: Path) -> None:
    seen = loaded(
        f"from correctless.cli import main\ntry:\n    main({words!r})\nexcept SystemExit: pass", cwd=tmp_path
    )
    assert seen & HEAVY == set()


# What a lint of one file does without; each takes longer to import than that file to check.
NOT_FOR_A_LINT = HEAVY | {
    "dataclasses",
    "inspect",
    "hashlib",
    "subprocess",
    "pathlib",
    "multiprocessing",
    "shutil",
}


@pytest.mark.parametrize("words", [["--no-cache"], []])
def test_a_lint_of_one_file_imports_what_it_needs_and_nothing_else(words: list[str], tmp_path: Path) -> None:
    (tmp_path / "SKILL.md").write_text("---\nname: a\n---\n# A\n\nSee [b](b.md).\n")
    run = f"from correctless.cli import main\nassert main(['lint', *{words!r}]) == 0\n"
    seen = modules(f"import os; os.environ['XDG_CACHE_HOME'] = {str(tmp_path)!r}\n{run}", cwd=tmp_path)
    assert "correctless.lint.rules.skill.link_missing" in seen
    assert {name.partition(".")[0] for name in seen} & NOT_FOR_A_LINT == set()
    assert {
        "correctless.syntax.json_text",
        "correctless.syntax.yaml_repair",
        "correctless.project.config",
    } & seen == set()


@pytest.mark.parametrize(("value", "needs_yaml"), [("plain", False), ("{a: [b, c]}", True)])
def test_a_lint_looks_for_installed_packages_only_when_it_needs_one(
    value: str, needs_yaml: bool, tmp_path: Path
) -> None:
    (tmp_path / "SKILL.md").write_text(f"---\nname: a\nmetadata: {value}\ndescription: d\n---\n# A\n")

    def lint(*flags: str) -> subprocess.CompletedProcess[str]:
        words = [
            sys.executable,
            *flags,
            str(PACKAGE / "__main__.py"),
            "lint",
            "--no-cache",
            "--pedantic",
            str(tmp_path),
        ]
        return subprocess.run(words, capture_output=True, text=True, check=False, cwd=tmp_path)

    usual, bare = lint("-I"), lint("-IS", "-X", "importtime")
    assert usual.stdout == bare.stdout
    assert usual.returncode == bare.returncode
    imported = {line.rpartition("|")[2].strip() for line in bare.stderr.splitlines()}
    assert {"site", "yaml"} & imported == ({"site", "yaml"} if needs_yaml else set())


def test_a_lazy_pattern_is_compiled_once_and_does_what_re_does() -> None:
    lazy = lazily(r"(?P<a>x+)|y", re.IGNORECASE)
    assert "search" not in vars(lazy)
    assert [found[0] for found in lazy.finditer("aXXy")] == ["XX", "y"]
    assert "search" in vars(lazy)
    assert (lazy.sub("-", "axy"), lazy.split("axb"), lazy.groupindex["a"]) == ("a--", ["a", "x", "b"], 1)
    with pytest.raises(re.error):
        lazily("(").match("")


NEEDED_BY_AN_APPEND = {
    "base.below",
    "base.clock",
    "base.exits",
    "base.files",
    "base.install",
    "base.named",
    "base.text",
    "base.values",
    "cli.args",
    "cli.log.writer",
    "decisions.correction",
    "decisions.decision",
    "guard.state",
    "ledger.chain",
    "ledger.check",
    "ledger.heads",
    "ledger.ledger",
    "ledger.log_file",
    "ledger.record",
    "ledger.workspaces",
    "project.git.call",
    "project.git.staging",
    "project.paths",
    "review.anchors",
    "syntax.finding",
    "syntax.strict_json",
}


SKILL_READ_BY_AN_APPEND = (
    "base.lazy_re",
    "skill.defaults",
    "skill.find",
    "skill.skill_text",
    "syntax.markdown",
)


def git(*words: str, cwd: Path) -> None:
    who = ["-c", "user.name=t", "-c", "user.email=t@example.invalid", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", *who, *words], cwd=cwd, check=True, capture_output=True)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    made = tmp_path / "project"
    made.mkdir()
    git("init", "-q", cwd=made)
    git("commit", "-q", "--allow-empty", "-m", "start", cwd=made)
    return made


@pytest.mark.parametrize("skill", ["cverify", "nonesuch"])
def test_an_append_imports_what_it_needs_and_nothing_else(skill: str, project: Path) -> None:
    said = json.dumps({"decision_id": "AD-001", "default_applied": "a", "rationale": "b"})
    append = f"assert main(['writer', 'append', {skill!r}, {said!r}]) == 0"
    # Twice: the second one meets a log.
    seen = modules(f"from correctless.cli import main\n{append}\n{append}", cwd=project)
    assert {"correctless.cli.log.writer", "correctless.ledger.ledger"} <= seen
    assert seen & NOT_FOR_AN_APPEND == set()
    # `ledger.check` needs the findings; of our own modules nothing else comes along.
    needed = NEEDED_BY_AN_APPEND | (
        set(SKILL_READ_BY_AN_APPEND)
        if skill == "cverify"
        else {"cli.log.unlisted"}  # which says what was meant
    )
    ours = {name.partition(".")[2] for name in seen if name.startswith("correctless.")}
    assert {
        name for name in ours if not (PACKAGE / name.replace(".", "/") / "__init__.py").exists()
    } == needed


# What an agent does not wait for when no facts are needed: what only looks, judges or is a person's.
NOT_FOR_AN_ASK = {
    "click", "correctless.cli.contract.answer", "correctless.cli.contract.draft", "correctless.github.client", "correctless.runcontract.judge.board",
    "correctless.github.facts", "correctless.runcontract.judge.gate_check", "correctless.runcontract.judge.merge_bar",
    "correctless.github.observe", "difflib", "markdown_it", "pydantic", "rich", "secrets", "tempfile", "yaml",
}  # fmt: skip


@pytest.mark.parametrize(
    "words", [["spawn", "--agents", "2", "--cost-usd", "5", "--minutes", "30"], ["other", "deploy.prod"]]
)
def test_an_action_without_facts_is_decided_with_what_that_needs(words: list[str], project: Path) -> None:
    contracts.place(project, contracts.edited(("2026-08-07T18:00:00Z", "2099-01-01T00:00:00Z")))
    code = 0 if words[0] == "spawn" else 1
    seen = modules(
        f"from correctless.cli import main\nassert main(['contract', 'authorize', *{words!r}]) == {code}",
        cwd=project,
    )
    assert "correctless.runcontract.judge.action_terms" in seen
    assert seen & NOT_FOR_AN_ASK == set()


def test_a_lint_of_a_clean_contract_imports_no_pydantic(project: Path) -> None:
    contracts.place(project, contracts.edited(("2026-08-07T18:00:00Z", "2099-01-01T00:00:00Z")))
    seen = modules("from correctless.cli import main\nassert main(['contract', 'lint']) == 0", cwd=project)
    assert "correctless.runcontract.document.typed" in seen
    assert "pydantic" not in seen


def test_a_stray_file_among_the_worktrees_stops_no_append(project: Path) -> None:
    git("worktree", "add", "-q", "-b", "other", str(project.parent / "linked"), cwd=project)
    (project / ".git" / "worktrees" / ".DS_Store").write_bytes(b"")
    said = json.dumps({"decision_id": "AD-001", "default_applied": "a", "rationale": "b"})
    words = ["writer", "append", "cverify", said, "--log", str(project / "log.jsonl")]
    done = subprocess.run([*correctless.itself(), *words], cwd=project, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("path", SKILLS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_the_decision_points_read_without_yaml_are_those_of_the_contract(path: Path) -> None:
    assert read_points(str(path)).defaults == read_skill(str(path)).defaults


def test_skills_are_compared() -> None:
    assert sum(bool(read_points(str(path)).defaults) for path in SKILLS) > 10


def test_every_character_that_yaml_refuses_is_seen_without_its_pattern() -> None:
    # A line end of YAML 1.1 alone would move what comes after it, a byte order mark vanishes.
    refused = {c for c in map(chr, range(0x110000)) if Reader.NON_PRINTABLE.match(c)} | set(
        "\x85\u2028\u2029\ufeff"
    )
    assert len(refused) > 2000
    assert [c for c in refused if yaml_text.unreadable(f"a: {c}") != 3] == []
    assert yaml_text.unreadable("".join(c for c in map(chr, range(0x110000)) if c not in refused)) is None


@pytest.mark.parametrize(
    "state",
    [
        (),
        (["switch", "-qc", "feat/ä-b"],),
        (["tag", "same"], ["switch", "-qc", "same"]),
        (["switch", "-qc", "same"], ["update-ref", "refs/remotes/same", "HEAD"]),
        (["tag", "HEAD"],),
        (
            ["switch", "-qc", "x"],
            ["symbolic-ref", "refs/heads/y", "refs/heads/x"],
            ["symbolic-ref", "HEAD", "refs/heads/y"],
        ),
        (["checkout", "-q", "--detach"],),
        (["switch", "-q", "--orphan", "unborn"],),
    ],
    ids=[
        "a branch",
        "slash",
        "a tag of its name",
        "a remote of its name",
        "a tag HEAD",
        "a symbolic branch",
        "detached",
        "unborn",
    ],
)
@pytest.mark.parametrize("linked", [False, True])
def test_one_call_of_git_finds_what_two_do(state: tuple[list[str], ...], linked: bool, project: Path) -> None:
    place = project
    if linked:
        place = project.parent / "linked"
        git("worktree", "add", "-q", "-b", "other", str(place), cwd=project)
    for words in state:
        git(*words, cwd=place)
    found = find(str(place))
    assert paths.find_logs(str(place)) == (found, paths.logs(found))


def test_help_lists_the_commands_without_importing_one(tmp_path: Path) -> None:
    statement = (
        "from correctless.cli import main\ntry:\n    main(['--help'])\nexcept SystemExit: pass\n"
        "assert not [n for n in sys.modules if n.startswith('correctless.cli.') and n not in ('correctless.cli.group', 'correctless.cli.lazy')]"
    )
    assert "pydantic" not in loaded(statement, cwd=tmp_path)


@pytest.mark.parametrize(
    "first",
    [
        "import correctless",
        "import correctless.review.gate, correctless.decisions.capture, correctless.ledger.ledger",
        "from correctless.review.gate import of_log\nfrom correctless.decisions.capture import Captured\nimport correctless",
        "from correctless import gate, capture\nassert callable(gate) and callable(capture)\nimport correctless",
        "import correctless\ncorrectless.gate, correctless.capture\nimport correctless.review.gate, correctless.decisions.capture",
    ],
)
def test_the_promised_names_are_the_functions_whatever_was_imported_first(first: str, tmp_path: Path) -> None:
    statement = f"""{first}
from correctless.review.gate import of_log
from correctless.decisions.capture import capture
assert correctless.gate is of_log
assert correctless.capture is capture
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
