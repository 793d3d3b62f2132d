"""No part of the dispatcher itself goes on without an end, whatever an agent leaves behind."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from conftest import Git
from correctless.base import exits
from correctless.base.exits import Stop
from correctless.dispatch.core import policy_changes
from correctless.project.git import find
from correctless.publish import leaks
from project import CONFIG, Project

LONG = leaks.LARGEST + 1
ONE_STEP = {**CONFIG, "pipelines": {"default": {"steps": [{"skill": "cdocs"}]}}}
WRITE = f"pathlib.Path('big.bin').write_bytes(bytes({LONG}))"
COMMIT_AND_TAKE_AWAY = WRITE + (
    "; os.system('git add big.bin && git commit -qm big && git rm -q big.bin && git commit -qm gone')"
)


@pytest.fixture
def project(scratch_repo: Path, git: Git) -> Project:
    return Project(scratch_repo, git, config=ONE_STEP)


@pytest.mark.parametrize("extra", [WRITE, COMMIT_AND_TAKE_AWAY], ids=["left", "in a commit alone"])
def test_a_file_too_long_to_be_scanned_is_a_persons_decision_and_is_published_after_it(
    project: Project, extra: str
) -> None:
    done = project.run(AGENT_EXTRA=extra)
    assert done.returncode == exits.PERSON, done.stderr
    (told,) = [d for d in project.decisions() if "big.bin" in d["default_applied"]]
    assert "scanned for secrets" in told["original_escalation_reason"]
    assert project.review(answer="{digest}")[0] == exits.OK
    again = project.cauto("resume")
    assert again.returncode == exits.OK, again.stderr


def test_a_failed_attempt_keeps_a_large_file_as_it_is_and_not_as_a_patch(project: Project) -> None:
    done = project.run(AGENT_EXTRA=WRITE + "; pathlib.Path('small').write_text('kept'); sys.exit(9)")
    assert done.returncode == exits.FAILED, done.stderr
    folder = Path(project.logs.folder(project.state().run)) / "cdocs-1"
    assert [path.stat().st_size for path in folder.glob("left-big-bin-*")] == [LONG]
    patch = (folder / "left.patch").read_bytes()
    assert b"kept" in patch
    assert b"big.bin" not in patch
    assert project.git(project.top, "status", "--porcelain") == ""


def test_a_large_file_is_left_out_of_what_is_scanned_and_named(scratch_repo: Path, git: Git) -> None:
    base = git(scratch_repo, "rev-parse", "HEAD")
    (scratch_repo / "big.txt").write_text("x\n" * LONG)
    (scratch_repo / "small.txt").write_text("seen\n")
    git(scratch_repo, "add", ".")
    git(scratch_repo, "commit", "-q", "-m", "both")
    here = find(str(scratch_repo))
    assert leaks.too_large(here, base) == ("big.txt",)
    diff, _ = leaks.published(here, base)
    assert "+seen" in diff
    assert "big.txt" not in diff


def test_the_scan_says_how_far_it_is_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    text = {"a": "x = 1\n" * 20}
    told: list[str] = []
    monkeypatch.setattr(leaks, "_TELL_S", -1.0)
    assert leaks.secrets("", text, tell=told.append) == ()
    assert told[0] == "looks for secrets: 0 of 21 lines, a"
    with pytest.raises(Stop, match="took over") as stopped:
        leaks.secrets("", text, seconds=-1.0)
    assert stopped.value.code == exits.PERSON


def test_a_long_report_is_no_report(scratch_repo: Path) -> None:
    from correctless.dispatch.step.check import report_fault

    path = scratch_repo / "report.md"
    path.write_text("R-001\n" * LONG)
    assert report_fault(str(path.parent), path.name, "- R-001: x\n") == "its report report.md is over 4 MiB"


def test_a_large_file_behind_a_folder_that_became_a_link_stays_where_it_is(
    scratch_repo: Path, git: Git, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "f").write_bytes(b"x" * LONG)
    (scratch_repo / "d").mkdir()
    (scratch_repo / "d/f").write_text("small\n")
    git(scratch_repo, "add", "d")
    git(scratch_repo, "commit", "-qm", "a folder")
    project = Project(scratch_repo, git, config=ONE_STEP)
    link = f"import shutil; shutil.rmtree('d'); os.symlink({str(outside)!r}, 'd'); sys.exit(9)"
    done = project.run(AGENT_EXTRA=link)
    assert done.returncode in (exits.FAILED, exits.REFUSED), done.stderr
    assert (outside / "f").stat().st_size == LONG
    assert not list(Path(project.logs.artifacts).rglob("left-*"))


def test_a_report_behind_a_link_is_neither_moved_nor_read(
    scratch_repo: Path, git: Git, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "r.md").write_text("R-001\n")
    steps = [{"skill": "cdocs"}, {"skill": "cverify", "report": "docs2/r.md"}]
    project = Project(scratch_repo, git, config={**CONFIG, "pipelines": {"default": {"steps": steps}}})
    done = project.run(AGENT_EXTRA=f"os.path.lexists('docs2') or os.symlink({str(outside)!r}, 'docs2')")
    assert done.returncode == exits.REFUSED, done.stderr
    assert "is behind a link" in done.stderr
    assert (outside / "r.md").read_text() == "R-001\n"


@pytest.mark.parametrize("made", ["pipe", "link to a pipe", "link to /dev/zero"])
def test_settings_that_are_a_pipe_hold_nothing_up(scratch_repo: Path, made: str) -> None:
    here = find(str(scratch_repo))
    path = Path(here.top, "package.json")
    (Path(here.top) / "ign").mkdir()
    os.mkfifo(Path(here.top) / "ign/p")
    if made == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("ign/p" if made.endswith("pipe") else "/dev/zero")
    policy_changes.changes(here, here.head(), "spec.md", ["package.json"])
