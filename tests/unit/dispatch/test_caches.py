"""Caches, downloads and build results that a step leaves among its work."""

from __future__ import annotations

from pathlib import Path

import pytest

from conftest import Git
from correctless.base import exits
from correctless.dispatch.core import caches
from correctless.project.git import find
from project import CONFIG, Project

ONE_STEP = {**CONFIG, "pipelines": {"default": {"steps": [{"skill": "cdocs"}]}}}


def made(top: Path, folder: str, files: int, size: int = 1) -> None:
    (top / folder).mkdir(parents=True, exist_ok=True)
    for number in range(files):
        (top / folder / f"{number}.js").write_bytes(b"x" * size)


def found(top: Path) -> tuple[str, ...]:
    repo = find(str(top))
    return caches.found(repo, "HEAD", repo.changed_files("HEAD"))


@pytest.mark.parametrize(
    "folder", ["node_modules/a", "web/node_modules", ".m2/repository/org", "src/__pycache__", ".venv/lib"]
)
def test_many_files_or_many_bytes_are_found_and_a_few_are_not(scratch_repo: Path, folder: str) -> None:
    made(scratch_repo, folder, caches.FILES - 1)
    assert found(scratch_repo) == ()
    made(scratch_repo, folder, caches.FILES)
    (one,) = found(scratch_repo)
    assert one.endswith(f"/ ({caches.FILES} files, 0.0 MiB)")
    assert f"{folder}/".startswith(one.partition(" ")[0])


def test_one_large_file_is_found(scratch_repo: Path) -> None:
    made(scratch_repo, ".gradle", 1, caches.BYTES)
    assert found(scratch_repo) == (".gradle/ (1 file, 1.0 MiB)",)


def test_a_name_that_people_use_too_counts_beside_the_file_of_its_tool(scratch_repo: Path) -> None:
    made(scratch_repo, "target", caches.FILES)
    assert found(scratch_repo) == ()
    (scratch_repo / "Cargo.toml").write_text("")
    assert found(scratch_repo) == (f"target/ ({caches.FILES} files, 0.0 MiB)",)


def test_a_folder_that_the_team_committed_is_its_own(scratch_repo: Path, git: Git) -> None:
    made(scratch_repo, "node_modules", 1)
    git(scratch_repo, "add", ".")
    git(scratch_repo, "commit", "-q", "-m", "vendored")
    made(scratch_repo, "node_modules", caches.FILES, 2)
    assert found(scratch_repo) == ()


def test_what_an_agent_left_is_asked_at_the_gate_and_an_ignored_folder_is_not(
    scratch_repo: Path, git: Git
) -> None:
    project = Project(scratch_repo, git, config=ONE_STEP)
    write = (
        "[(pathlib.Path(f).mkdir(), [(pathlib.Path(f) / f'{n}.js').write_text('x') for n in range(30)])"
        " for f in ('node_modules', '__pycache__')]"
    )
    done = project.run(AGENT_EXTRA=write)
    assert done.returncode == exits.PERSON, done.stderr
    (entry,) = [one for one in project.decisions() if (one["key"] or "").endswith("/scaches")]
    assert entry["default_applied"] == "kept as the step left it: node_modules/ (30 files, 0.0 MiB)"
    assert entry["escalation_deferred"]
