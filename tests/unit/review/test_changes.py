"""Changes of a step: what git says of two commits, whatever an agent committed, and never more than a page bears."""

from __future__ import annotations

from pathlib import Path

import pytest

from conftest import Git, add_submodule
from correctless.project import git as repos
from correctless.review import changes
from correctless.review.changes import FileDiff, StepChange


def committed(top: Path, git: Git, files: dict[str, bytes | None]) -> StepChange:
    """The change that a commit with these files is."""
    base = git(top, "rev-parse", "HEAD")
    for name, data in files.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if data is None:
            path.unlink()
        else:
            path.write_bytes(data)
    git(top, "add", "--all")
    git(top, "commit", "-q", "-m", "step")
    return changes.read(repos.find(str(top)), base, git(top, "rev-parse", "HEAD"))


def lines(change: FileDiff) -> list[tuple[str, int | None, int | None, str]]:
    return [(line.mark, line.old, line.new, line.text) for hunk in change.hunks for line in hunk.lines]


def test_added_changed_and_deleted_lines_have_their_numbers(scratch_repo: Path, git: Git) -> None:
    committed(scratch_repo, git, {"a.py": b"one\ntwo\nthree\n", "b.py": b"gone\n"})
    change = committed(scratch_repo, git, {"a.py": b"one\n2\nthree\nfour", "b.py": None, "c.py": b"new\n"})
    assert (change.added, change.removed, change.note) == (3, 2, "")
    files = {each.path: each for each in change.files}
    assert lines(files["a.py"]) == [
        (" ", 1, 1, "one"),
        ("-", 2, None, "two"),
        ("+", None, 2, "2"),
        (" ", 3, 3, "three"),
        ("+", None, 4, "four"),
    ]
    assert lines(files["b.py"]) == [("-", 1, None, "gone")]
    assert lines(files["c.py"]) == [("+", None, 1, "new")]


@pytest.mark.parametrize(
    "name",
    [
        "sp ace.py",
        "ü.py",
        '"quoted".py',
        "tab\there.py",
        "new\nline.py",
        ":(exclude)a.py",
        "*",
        "-x",
        "a => b",
        "b/diff --git a",
    ],
)
def test_a_file_of_any_name_has_its_own_lines(name: str, scratch_repo: Path, git: Git) -> None:
    change = committed(scratch_repo, git, {"a.py": b"a\n", name: b"mine\n", "z.py": b"z\n"})
    assert {each.path: lines(each)[0][3] for each in change.files} == {"a.py": "a", name: "mine", "z.py": "z"}


def test_content_that_looks_like_a_diff_is_content(scratch_repo: Path, git: Git) -> None:
    text = b"diff --git a/x b/x\n@@ -1 +1 @@\n--- a/x\n+++ b/x\n\\ No newline\n"
    change = committed(scratch_repo, git, {"a.txt": text, "b.txt": b"b\n"})
    assert [line[3] for line in lines(change.files[0])] == text.decode().splitlines()
    assert len(change.files[0].hunks) == 1
    assert lines(change.files[1]) == [("+", None, 1, "b")]


def test_bytes_that_are_no_text_lose_nothing_and_stop_nothing(scratch_repo: Path, git: Git) -> None:
    change = committed(scratch_repo, git, {"latin.txt": b"caf\xe9\r\n\x1b[31mred\n", "binary": b"\0\1\2"})
    files = {each.path: each for each in change.files}
    assert [line[3] for line in lines(files["latin.txt"])] == ["caf\udce9\r", "\x1b[31mred"]
    assert (files["binary"].note, files["binary"].hunks) == ("binary: not shown", ())


def test_what_is_too_large_is_cut_or_left_out_with_a_note(scratch_repo: Path, git: Git) -> None:
    change = committed(
        scratch_repo,
        git,
        {
            "long": b"x\n" * 3_000,
            "longer": b"x\n" * 30_000,
            "wide": b"y" * 10_000 + b"\n",
            "huge": b"z\n" * 700_000,
            **{f"z{n}": b"%d\n" % n * 200_000 for n in range(12)},
        },
    )
    files = {each.path: each for each in change.files}
    assert (files["long"].lines, files["long"].remark) == (changes.LINES, "400 of 3,000 lines are shown")
    assert (files["longer"].lines, files["longer"].remark) == (changes.LINES, "400 of 30,000 lines are shown")
    assert [files[f"z{n}"].remark for n in (0, 9)] == [
        "400 of 200,000 lines are shown",
        "not shown: the step changed too much",
    ]
    assert files["long"].added == 3_000
    assert (files["huge"].lines, files["huge"].remark) == (0, "larger than 1 MB: not shown")
    assert lines(files["wide"])[0][3] == "y" * changes.WIDTH + "… (10,000 characters)"


def test_of_many_files_some_are_listed_and_the_others_counted(scratch_repo: Path, git: Git) -> None:
    change = committed(scratch_repo, git, {f"f{n:04}": b"x\n" * 30 for n in range(changes.FILES + 7)})
    assert len(change.files) == changes.FILES
    assert change.note == "7 more files are not listed"
    assert sum(each.lines for each in change.files) <= changes.STEP_LINES
    assert all(each.lines or each.remark for each in change.files)


@pytest.mark.parametrize(("base", "commit"), [("0" * 40, "1" * 40), ("--output=x", "HEAD"), ("", "")])
def test_commits_that_are_missing_are_a_note(base: str, commit: str, scratch_repo: Path) -> None:
    change = changes.read(repos.find(str(scratch_repo)), base, commit)
    assert change.files == ()
    assert change.note
    assert not (scratch_repo / "x").exists()


def test_no_program_of_the_repository_is_started_for_a_diff(
    scratch_repo: Path, git: Git, tmp_path: Path
) -> None:
    program = tmp_path / "driver"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\ncat\n")
    program.chmod(0o755)
    for key in (
        "diff.external",
        "diff.evil.command",
        "diff.evil.textconv",
        "filter.evil.smudge",
        "core.pager",
    ):
        git(scratch_repo, "config", key, str(program))
    committed(scratch_repo, git, {".gitattributes": b"* diff=evil filter=evil\n"})
    (tmp_path / "started").unlink(missing_ok=True)
    change = committed(scratch_repo, git, {"a.py": b"a\n"})
    (tmp_path / "started").unlink(missing_ok=True)  # `git add` of the test may have
    again = changes.read(repos.find(str(scratch_repo)), change.base, change.commit)
    assert lines(again.files[0]) == [("+", None, 1, "a")]
    assert not (tmp_path / "started").exists()


def test_nothing_that_an_agent_wrote_decides_what_is_seen_of_its_work(scratch_repo: Path, git: Git) -> None:
    """Attributes that call a file binary, replaced commits, settings of the repository."""
    committed(scratch_repo, git, {".gitattributes": b"*.py binary -diff\n", "a.py": b"one\n\nthree\n"})
    change = committed(scratch_repo, git, {"a.py": b"one\n\n3\n"})
    wanted = [(" ", 1, 1, "one"), (" ", 2, 2, ""), ("-", 3, None, "three"), ("+", None, 3, "3")]
    assert lines(change.files[0]) == wanted
    git(scratch_repo, "replace", change.commit, change.base)
    for key, value in (
        ("diff.suppressBlankEmpty", "true"),
        ("diff.noprefix", "true"),
        ("diff.submodule", "log"),
        ("diff.orderFile", "a.py"),
        ("diff.context", "0"),
        ("diff.interHunkContext", "9"),
        ("diff.renames", "copies"),
        ("diff.relative", "true"),
        ("color.ui", "always"),
        ("core.quotePath", "true"),
    ):
        git(scratch_repo, "config", key, value)
    again = changes.read(repos.find(str(scratch_repo)), change.base, change.commit)
    assert lines(again.files[0]) == wanted


def test_a_file_that_only_became_a_program_and_a_submodule_have_their_place(
    scratch_repo: Path, git: Git, tmp_path: Path
) -> None:
    committed(scratch_repo, git, {"run.sh": b"true\n"})
    base = git(scratch_repo, "rev-parse", "HEAD")
    (scratch_repo / "run.sh").chmod(0o755)
    add_submodule(scratch_repo, git, tmp_path / "lib")
    git(scratch_repo, "commit", "-qam", "mode")
    git(scratch_repo, "config", "diff.submodule", "log")
    change = changes.read(repos.find(str(scratch_repo)), base, git(scratch_repo, "rev-parse", "HEAD"))
    files = {each.path: each for each in change.files}
    assert files["run.sh"].note == "no line of it changed"
    assert lines(files["lib"])[0][3].startswith("Subproject commit ")


def test_a_decision_is_shown_beside_the_files_it_names() -> None:
    made = changes.parse("diff --git x\n@@ -1 +1 @@\n-a\n+b\n", ["x"])["x"].hunks
    change = StepChange(
        "b", "c", tuple(FileDiff(path, 1, 1, made, 2) for path in ("src/a.py", "src/b.py", "docs/c.md"))
    )
    named = changes.about(change, ["see src/b.py", "and c.md"], 60)
    assert [each.path for each in named] == ["src/b.py", "docs/c.md"]
    assert changes.about(change, ["nothing"], 60) == ()
    few = changes.first(change.files, 1)
    assert [(each.path, each.lines, each.remark) for each in few] == [
        ("src/a.py", 1, "1 of 2 lines are shown")
    ]
