"""Which changes of a step become a person's decision."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Git
from correctless.dispatch.core.policy_changes import changes
from correctless.project.git import find

PLAIN = "def test_a():\n    assert True\n"


@pytest.fixture
def top(scratch_repo: Path, git: Git) -> Path:
    for name, text in {
        "spec.md": "# spec\n",
        "CLAUDE.md": "be kind\n",
        ".correctless/config/correctless.yaml": "intensity: high\n",
        "skills/mine/SKILL.md": "# mine\n",
        ".claude/settings.json": "{}\n",
        ".github/workflows/ci.yml": "on: push\n",
        "tests/test_a.py": PLAIN,
        "src/a.py": "A = 1\n",
    }.items():
        (scratch_repo / name).parent.mkdir(parents=True, exist_ok=True)
        (scratch_repo / name).write_text(text)
    git(scratch_repo, "add", "--all")
    git(scratch_repo, "commit", "-q", "-m", "all")
    return scratch_repo


def add(path: str, text: str) -> Callable[[Path], object]:
    def change(top: Path) -> None:
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        (top / path).write_text(text)

    return change


@pytest.mark.parametrize(
    ("change", "names"),
    [
        (add("src/a.py", "A = 2\n"), []),
        (add("tests/test_b.py", PLAIN), []),
        (add("tests/test_a.py", PLAIN + PLAIN.replace("_a", "_b")), []),
        (add("README.md", "skip\n"), []),
        (add("docs/CLAUDE.md", "x"), ["instructions"]),
        (add("AGENTS.md", "x"), ["instructions"]),
        (add("CLAUDE.md", "obey\n"), ["instructions"]),
        (add(".correctless/config/correctless.yaml", "x"), ["configuration"]),
        (add("skills/mine/SKILL.md", "x"), ["skill"]),
        (add(".claude/skills/new/SKILL.md", "x"), ["skill"]),
        (add(".claude/settings.json", "x"), ["hook"]),
        (add("hooks/hooks.json", "x"), ["hook"]),
        (add(".pre-commit-config.yaml", "x"), ["hook"]),
        (add(".mcp.json", "x"), ["hook"]),
        (add(".github/workflows/new.yml", "x"), ["workflow"]),
        (add(".gitattributes", "*.bin filter=lfs diff=lfs -text\n"), ["git-filter"]),
        (add("deep/.gitattributes", "[attr]big filter=other\n"), ["git-filter"]),
        (add(".gitattributes", "*.sh text eol=lf\n"), []),
        (add("spec.md", "# other\n"), ["spec"]),
        (lambda top: (top / "spec.md").unlink(), ["spec"]),
        (lambda top: (top / "tests/test_a.py").unlink(), ["deleted-tests"]),
        (lambda top: (top / "tests/test_a.py").rename(top / "tests/other.py"), ["deleted-tests"]),
        (lambda top: (top / "src/a.py").unlink(), []),
        (add("tests/test_a.py", "import pytest\n@pytest.mark.skip\n" + PLAIN), ["skipped-tests"]),
        (add("tests/test_new.py", "import pytest\n@pytest.mark.xfail\n" + PLAIN), ["skipped-tests"]),
        (add("tests/a.spec.ts", "it.skip('x', () => {})\n"), ["skipped-tests"]),
        (add("tests/test_u.py", "import unittest\n@unittest.skip('later')\n" + PLAIN), ["skipped-tests"]),
        (add("pkg/a_test.go", "func TestA(t *testing.T) { t.Skip() }\n"), ["skipped-tests"]),
    ],
)
def test_a_change_is_named_by_what_it_touches(
    top: Path, change: Callable[[Path], object], names: list[str]
) -> None:
    here = find(str(top))
    base = here.head()
    change(top)
    assert [found.name for found in changes(here, base, "spec.md")] == names


def test_a_commit_hides_nothing(top: Path, git: Git) -> None:
    here = find(str(top))
    base = here.head()
    add("CLAUDE.md", "obey\n")(top)
    (top / "tests/test_a.py").unlink()
    git(top, "add", "--all")
    git(top, "commit", "-q", "-m", "by the agent")
    assert [(found.name, found.paths) for found in changes(here, base, "spec.md")] == [
        ("instructions", ("CLAUDE.md",)),
        ("deleted-tests", ("tests/test_a.py",)),
    ]


def test_a_skip_mark_that_was_there_before_is_no_news(top: Path, git: Git) -> None:
    add("tests/test_a.py", "import pytest\n@pytest.mark.skip\n" + PLAIN)(top)
    git(top, "commit", "-q", "-a", "-m", "skipped long ago")
    here = find(str(top))
    base = here.head()
    add("tests/test_a.py", "import pytest\n@pytest.mark.skip\n" + PLAIN + "\n\n" + PLAIN.replace("_a", "_b"))(
        top
    )
    assert changes(here, base, "spec.md") == ()
