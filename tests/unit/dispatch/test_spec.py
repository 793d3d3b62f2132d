"""The rules of a spec, as people write them: whole, whatever their markup, and none that is silently no rule."""

from __future__ import annotations

from pathlib import Path

import pytest

from conftest import Git
from correctless.base.exits import Stop
from correctless.dispatch.control import start
from correctless.dispatch.core.spec import misspelled, rule_texts, rules
from correctless.project.git import find
from project import Project

SPEC = """\
# Greeting, see R-009

- R-001: `greet()` says hello
  and returns `None`
  - to you
  - to me
- **R-002**: as in R-003, `x` ends in `y`
* [ ] `R-003` - returns `None`
R-004. A plain paragraph
goes on.

### R-005: A title

Its text
goes on.

### R-006

The paragraph below.

| R-007 | a `cell` | another |
1. (R-008) numbered
2. **R-009:** bold colon, also for R-010
"""


def test_a_rule_has_all_its_text_and_its_backticks() -> None:
    assert rule_texts(SPEC) == [
        ("R-009", "bold colon, also for R-010"),
        ("R-001", "`greet()` says hello and returns `None` to you to me"),
        ("R-002", "as in R-003, `x` ends in `y`"),
        ("R-003", "returns `None`"),
        ("R-004", "A plain paragraph goes on."),
        ("R-005", "A title Its text goes on."),
        ("R-006", "The paragraph below."),
        ("R-007", "a `cell` | another"),
        ("R-008", "numbered"),
        ("R-010", ""),
    ]
    assert [rule for rule, _ in rule_texts(SPEC)] == list(rules(SPEC))


@pytest.mark.parametrize(
    "line",
    ["- R-1: x", "R1: x", "- r-001: x", "**R-01** - x", "R-0001: x", "| R-2 | x |", "- R-12", "## R-7 A title", "1. `R-01`: x"],
)  # fmt: skip
def test_what_was_meant_as_a_rule_and_is_none_is_found_with_its_line(line: str) -> None:
    right = "" if line.startswith("R1") else "- R-001: right"  # beside true rules R1 is another thing's name
    found = misspelled(f"# Title\n\n{right}\n{line}\n")
    assert found is not None
    assert (found[0], found[1] in line) == (4, True)


@pytest.mark.parametrize(
    "line",
    [
        "- R-001: x",
        "R-22 is a gas",
        "R2-D2: a robot",
        "- see R-1",
        "R-rated: no",
        "- R-0012x",
        "| R-001 | x |",
    ],
)
def test_other_words_are_no_rules(line: str) -> None:
    assert misspelled(line) is None


def prepared(project: Project) -> start.Ready:
    request = start.Request("spec.md", flags={"agent": f"command:{project.agent}"})
    return start.prepare(find(str(project.top)), str(project.top), request, project.env)


def test_a_spec_that_no_commit_has_is_refused(scratch_repo: Path, git: Git) -> None:
    project = Project(scratch_repo, git)
    (project.top / ".git/info/exclude").write_text("private.md\n")
    project.write("private.md", "# A\n\n- R-001: x\n")
    request = start.Request("private.md", flags={"agent": f"command:{project.agent}"})
    with pytest.raises(
        Stop, match=r"the spec private\.md is not in the last commit.* git add -f private\.md"
    ):
        start.prepare(find(str(project.top)), str(project.top), request, project.env)


def test_no_run_starts_on_a_misspelled_rule_and_one_without_rules_is_warned_about(
    scratch_repo: Path, git: Git
) -> None:
    project = Project(scratch_repo, git)
    assert list(start.warnings(prepared(project))) == []
    project.write("spec.md", "# Greeting\n\n- R-001: greet() says hello.\n- R-001: and bye.\n")
    git(project.top, "commit", "-qam", "twice")
    assert "the spec spec.md:4 defines R-001 again" in "".join(start.warnings(prepared(project)))
    (project.top / "spec.md").write_bytes(b"# Greeting\n\n- R-001: gr\xfc\xdft\n")
    git(project.top, "commit", "-qam", "latin-1")
    with pytest.raises(Stop, match=r"the spec spec\.md is not UTF-8 \(byte 23\), .* save it as UTF-8"):
        prepared(project)
    for text in ("# Greeting\n\n- R-1: greet() says hello.\n", "# Greeting\n\nIt says hello.\n"):
        project.write("spec.md", text)
        git(project.top, "commit", "-qam", "another spec")
        if "R-1" in text:
            with pytest.raises(Stop, match=r"spec\.md:3: 'R-1' is not a rule id.* write R- and three digits"):
                prepared(project)
        else:
            assert "the spec spec.md has no rules" in "".join(start.warnings(prepared(project)))
            checked = project.cauto("check", "--spec", "spec.md", "--agent", f"command:{project.agent}")
            assert "WARNING    the spec spec.md has no rules, so nothing checks" in checked.stdout
            assert "warning: the spec spec.md has no rules, so nothing checks" in project.run().stderr
