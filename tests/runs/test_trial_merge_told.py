"""A whole run whose branch was tried against the base as it is on the remote: told in the pull request, the summary, status and notification."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from conftest import Git
from correctless.base import exits
from project import CONFIG, Project

HOSTILE = "@ann closes #1 <!-- end --> `x` \x1b[31m\n| a.md"
OPENS = """\
#!{python}
import sys
open({payload!r}, "w").write(sys.stdin.read())
print("https://example.invalid/1")
"""


@dataclass
class Published:
    """A project of one step; its pull request is opened, and notifications are kept, by programs beside it."""

    project: Project
    folder: Path

    def confirmed(self) -> None:
        done = self.project.run()
        assert done.returncode == exits.PERSON, done.stderr
        assert self.project.review(answer="{digest}")[0] == exits.OK

    def kept(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / name).read_text())
        return found

    def on_main(self, git: Git, files: dict[str, str]) -> None:
        """What somebody else pushes to main of the remote, which this clone has not fetched."""
        other = self.folder / "other"
        git(self.folder, "clone", "-q", "-b", "main", "origin.git", "other")
        for name, text in files.items():
            (other / name).write_text(text)
        git(other, "add", "--all")
        git(other, "commit", "-q", "-m", "theirs")
        git(other, "push", "-q", "origin", "main")


@pytest.fixture
def made(scratch_repo: Path, tmp_path: Path, git: Git) -> Published:
    git(tmp_path, "init", "-q", "--bare", "-b", "main", "origin.git")
    git(scratch_repo, "remote", "add", "origin", str(tmp_path / "origin.git"))
    git(scratch_repo, "push", "-q", "origin", "main")
    for name in ("open-it", "tell"):
        program = tmp_path / name
        program.write_text(OPENS.format(python=sys.executable, payload=str(tmp_path / f"{name}.json")))
        program.chmod(0o755)
    config = {
        "pipelines": {"default": {"steps": [{"skill": "cdocs"}]}},
        "target": "main",
        "pr": [str(tmp_path / "open-it")],
        "notify": [str(tmp_path / "tell")],
    }
    return Published(Project(scratch_repo, git, config={**CONFIG, **config}), tmp_path)


def test_a_conflict_with_the_fetched_base_stops_nothing_and_is_told_everywhere(
    made: Published, git: Git
) -> None:
    project, witness = made.project, made.folder / "witness"
    (project.top / HOSTILE).write_text("ours\n")
    (project.top / ".gitattributes").write_text("* merge=evil\n")
    git(project.top, "add", "--all")
    git(project.top, "commit", "-q", "-m", "ours")
    git(project.top, "config", "merge.evil.driver", f"touch {witness}; true")
    made.confirmed()
    made.on_main(git, {HOSTILE: "theirs\n", "README.md": "theirs\n", "other.md": "theirs\n"})
    done = project.cauto("resume")
    assert done.returncode == exits.OK, done.stderr
    assert not witness.exists()
    base = git(made.folder / "origin.git", "rev-parse", "main")[:12]
    shown = f"conflicts with main of origin at {base} in 2 files: "
    named = "@ann closes #1 <!-- end --> `x` \\x1b[31m | a.md"
    line = f"{shown}{named}, README.md"
    assert f"is complete: https://example.invalid/1; merge: {line}" in done.stderr
    assert f"\n- merge: {shown}" in made.kept("open-it.json")["body"]
    body = made.kept("open-it.json")["body"]
    [told] = [each for each in body.splitlines() if each.startswith("- merge: ")]
    assert told.endswith(", README.md")
    for active in ("@ann", " #1", "<!--", " `x`", " | "):
        assert active not in told
    status = json.loads(project.cauto("status", "--json").stdout)
    assert (status["merge"], status["checks"], status["status"]) == (line, "", "complete")
    summary = project.command("decisions", "summary").stdout
    assert f"merge: {shown}" in " ".join(summary.partition("Warnings")[2].split())
    assert "\x1b" not in summary + done.stderr + project.cauto("status").stdout
    notified = made.kept("tell.json")
    assert (notified["merge"], notified["checks"], line in notified["outcome"]) == ("conflict", "", True)
    assert project.git(project.top, "status", "--porcelain") == ""
    assert project.command("audit-run").returncode == exits.OK


def test_a_base_that_cannot_be_fetched_is_not_tried_and_never_fine(made: Published, git: Git) -> None:
    project, origin = made.project, made.folder / "origin.git"
    made.confirmed()
    origin.rename(made.folder / "away.git")
    done = project.cauto("resume")
    assert done.returncode == exits.REFUSED, done.stderr
    status = json.loads(project.cauto("status", "--json").stdout)
    assert status["merge"].startswith("the merge with main of origin was not tried: ")
    notified = made.kept("tell.json")
    assert (notified["event"], notified["merge"]) == ("refused", "untried")
    assert not (made.folder / "open-it.json").exists()
    # It is there again, and its main was deleted.
    (made.folder / "away.git").rename(origin)
    git(origin, "symbolic-ref", "HEAD", "refs/heads/trunk")
    git(origin, "branch", "-q", "-D", "main")
    done = project.cauto("resume")
    why = "merge: the merge with main of origin was not tried: 'origin' has no branch 'main'"
    assert (done.returncode, why in done.stderr) == (exits.OK, True), done.stderr
    body = made.kept("open-it.json")["body"]
    assert "was not tried: 'origin' has no branch 'main'" in body


def test_a_branch_that_merges_is_told_without_a_warning(made: Published, git: Git) -> None:
    made.confirmed()
    made.on_main(git, {"other.md": "theirs\n"})
    done = made.project.cauto("resume")
    assert (done.returncode, "; merge:" in done.stderr) == (exits.OK, False), done.stderr
    base = git(made.folder / "origin.git", "rev-parse", "main")[:12]
    summary = made.project.command("decisions", "summary").stdout
    assert f"merge: merges with main of origin at {base}" in summary.partition("Pull request")[2]
    assert "Warnings" not in summary + made.kept("open-it.json")["body"]
