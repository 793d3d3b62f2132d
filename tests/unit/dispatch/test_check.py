"""A step's own check: what counts as a report, and what an attempt must leave alone."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from conftest import Git
from correctless.dispatch.core.spec import rules
from correctless.dispatch.step.check import CheckVerdict, check, report_fault
from correctless.project import paths
from correctless.project.git import Repo, find
from runs import plan, planned

SPEC = "# spec\n- R-001: one\n- R-002: two (see R-001)\n"


@pytest.fixture
def here(scratch_repo: Path) -> Repo:
    return find(str(scratch_repo))


def checked(here: Repo, **step: object) -> CheckVerdict:
    return check(
        here,
        plan("ctdd"),
        planned("ctdd", **{"check": None, **step}),
        here.status(),
        base=here.git("rev-parse", "main"),
        spec=SPEC,
        env=lambda: dict(os.environ),
        inherit=(),
    )


def verdict(here: Repo, **step: object) -> str | None:
    done = checked(here, **step)
    return None if done.ok else done.detail


def test_rules_are_each_named_once_in_order() -> None:
    assert rules(SPEC) == ("R-001", "R-002")
    assert rules("XR-001 R-0012 R-01") == ()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("R-001 and R-002 hold", None),
        ("R-002\nR-001", None),
        ("", "is empty"),
        ("  \n\t\n", "is empty"),
        ("R-001 holds", "does not name R-002"),
        ("R-0011 R-0022", "does not name R-001, R-002"),
        (None, "was not written"),
    ],
)
def test_a_report_names_every_rule(tmp_path: Path, text: str | None, fault: str | None) -> None:
    path = tmp_path / "report.md"
    if text is not None:
        path.write_text(text)
    found = report_fault(str(path.parent), path.name, SPEC)
    assert found == fault or (fault is not None and found is not None and fault in found)


def test_a_report_that_only_leads_to_another_file_is_none(tmp_path: Path) -> None:
    (tmp_path / "old.md").write_text("R-001 R-002")
    (tmp_path / "report.md").symlink_to(tmp_path / "old.md")
    assert report_fault(str(tmp_path), "report.md", SPEC) == "its report report.md is no plain file"
    (tmp_path / "folder").mkdir()
    assert report_fault(str(tmp_path), "folder", SPEC) == "its report folder is no plain file"


def test_a_command_that_fails_says_what_it_said(here: Repo) -> None:
    assert verdict(here, check=(sys.executable, "-c", "print('one test failed'); raise SystemExit(4)")) == (
        f"the check {sys.executable} -c print('one test failed'); raise SystemExit(4) ended with 4:\none test failed"
    )
    assert verdict(here, check=(sys.executable, "-c", "pass")) is None


def test_a_command_that_takes_too_long_is_ended(here: Repo) -> None:
    found = verdict(here, check=(sys.executable, "-c", "import time; time.sleep(60)"), minutes=0.01)
    assert found is not None
    assert "took over" in found


def test_a_command_that_is_not_there_fails(here: Repo) -> None:
    assert verdict(here, check=("./nothing-there",)) is not None


def test_logs_and_artifacts_are_never_committed(here: Repo, git: Git) -> None:
    paths.ensure_artifacts(paths.logs(here))
    Path(here.top, ".correctless/artifacts/log.jsonl").write_text("x")
    assert verdict(here) is None
    git(here.top, "add", "-f", ".correctless/artifacts/log.jsonl")
    git(here.top, "commit", "-q", "-m", "forced")
    assert "artifacts/log.jsonl under version control" in (verdict(here) or "")


def test_a_step_puts_no_files_into_git_lfs_where_it_is_not_set_up(here: Repo, git: Git) -> None:
    Path(here.top, "a").mkdir()
    Path(here.top, "a/.gitattributes").write_text("*.bin filter=lfs diff=lfs merge=lfs -text\n")
    said = verdict(here) or ""
    assert "a/.gitattributes keeps files in Git LFS, and git-lfs is not" in said
    assert "leave Git LFS out" in said
    git(here.top, "add", "--all")
    git(here.top, "commit", "-q", "-m", "by the agent")
    assert verdict(here) == said
    Path(here.top, "a/.gitattributes").write_text("*.sh eol=lf\n")
    assert verdict(here) is None


def test_only_an_untrusted_step_must_leave_our_folder_alone(here: Repo) -> None:
    Path(here.top, ".correctless").mkdir()
    Path(here.top, ".correctless/note.md").write_text("x")
    assert verdict(here) is None
    assert "which it must not change" in (verdict(here, untrusted=True) or "")


def test_what_a_step_changed_is_known_only_where_no_command_ran_since(here: Repo) -> None:
    # The command runs what the agent wrote: it may have changed a test, or the configuration.
    Path(here.top, "new.py").write_text("")
    assert checked(here).changed == ("new.py",)
    assert checked(here, check=("true",)).changed is None
