"""`correctless defaults`: figures that are the logs', a patch that only a person writes, and a replay of it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

import correctless
import forked
import terminal
from conftest import Git
from correctless.base import exits
from correctless.project import config, paths
from correctless.project.git import find
from correctless.project.lock import Lock
from past_runs import SKILL, PastRuns, report

TEXT = "keep the old endpoint and mark it as deprecated"
LINE = f"- **AD-004**: Old endpoint deprecated — {TEXT} (default). Rationale: the same decision in 3 runs, and you confirmed it each time."


@pytest.fixture
def past(scratch_repo: Path) -> PastRuns:
    """Three confirmed runs with one recurring decision, and one that was rejected."""
    made = PastRuns(scratch_repo)
    for n in range(3):
        made.run([report(TEXT), report("one module at a time", "AD-001")], branch=f"b/{n}", when=f"2026-02-0{n + 1}T00:00:00.000Z")  # fmt: skip
    made.run(
        [report("rename it", "AD-003"), report("plain lines", "AD-002")], branch="b/8", answer="rejected"
    )
    made.run([report("plain lines", "AD-002")], branch="b/9", after=[made.rerun()])
    return made


def call(past: PastRuns, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    return forked.run(["defaults", *words], cwd=past.top, env={**os.environ, **env})


def values(past: PastRuns, *words: str) -> dict[str, Any]:
    done = call(past, *words, "--json")
    assert done.returncode == 0, done.stderr
    loaded: dict[str, Any] = json.loads(done.stdout)
    return loaded


def test_the_health_of_each_default_is_what_the_logs_say(past: PastRuns) -> None:
    [shown] = values(past)["skills"]
    assert shown["skill"] == "greenkeeper"
    rows = {each.pop("id"): each for each in shown["defaults"]}
    assert {name: (r["runs"], r["used"], r["differed"], r["rejected"], r["rerun"], r["last_confirmed"]) for name, r in rows.items()} == {
        "AD-001": (3, 3, 0, 0, 0, ""),  # nothing of it ever needed you
        "AD-002": (2, 2, 0, 0, 1, ""),
        "AD-003": (1, 1, 1, 1, 0, ""),
    }  # fmt: skip
    [group] = shown["unlisted"]
    assert (group["text"], group["runs"]) == (TEXT, 3)
    assert [each["run"] for each in group["entries"]] == ["r001", "r002", "r003"]
    # The name may be left out, be the first word, or the folder; and `show` may be said.
    for words in (["greenkeeper"], ["show", "greenkeeper"], ["skills/greenkeeper"], ["show"]):
        assert values(past, *words)["skills"][0]["unlisted"] == shown["unlisted"]
    text = call(past).stdout
    assert "unlisted, 3 runs: keep the old endpoint" in text
    assert "AD-003" in text


def test_a_decision_that_you_confirmed_has_its_day(scratch_repo: Path) -> None:
    past = PastRuns(scratch_repo)
    for n, day in enumerate(("2026-03-05", "2026-03-01")):
        past.run([report("keep it as it is", "AD-003")], branch=f"b/{n}", when=f"{day}T00:00:00.000Z")
    [shown] = values(past)["skills"]
    assert [each["last_confirmed"][:10] for each in shown["defaults"]] == ["", "", "2026-03-05"]
    assert "2026-03-05" in call(past).stdout


def test_a_suggestion_is_a_patch_with_its_evidence_and_writes_nothing(past: PastRuns) -> None:
    before = past.file.read_bytes()
    done = call(past, "suggest", "greenkeeper")
    assert done.returncode == 0, done.stderr
    added = [line for line in done.stdout.splitlines() if line.startswith("+") and not line.startswith("+++")]
    assert added == [f"+{LINE}"]
    assert "AD-004: new entry, rests on r001 #1, r002 #1, r003 #1" in done.stdout
    assert done.stdout.splitlines()[-1] == "Next: correctless defaults suggest greenkeeper --apply"
    said = values(past, "suggest", "greenkeeper")
    [one] = said["suggestions"]
    assert (one["id"], one["kind"], one["line"], one["escalate"]) == ("AD-004", "new", LINE, False)
    assert [(each["run"], each["seq"]) for each in one["entries"]] == [("r001", 1), ("r002", 1), ("r003", 1)]
    assert past.file.read_bytes() == before
    # The patch is one that git applies.
    git_apply = ["git", "apply", "--check"]
    subprocess.run(git_apply, cwd=past.top, input=said["diff"], text=True, check=True)
    assert values(past, "suggest", "greenkeeper", "--runs", "4")["suggestions"] == []


def test_a_replay_differs_only_where_the_patch_says(past: PastRuns) -> None:
    [shown] = values(past, "replay")["skills"]
    assert [(each["run"], each["seq"]) for each in shown["differences"]] == [
        ("r001", 1),
        ("r002", 1),
        ("r003", 1),
    ]
    for each in shown["differences"]:
        assert (each["before"]["decision_id"], each["before"]["escalation_deferred"]) == (
            "AD-UNLISTED-1",
            True,
        )
        assert (each["after"]["decision_id"], each["after"]["escalation_deferred"]) == ("AD-004", False)
    text = call(past, "replay", "greenkeeper").stdout
    assert "greenkeeper: 3 decisions of 9 would differ" in text
    assert "r002 #1: AD-UNLISTED-1 deferred unlisted -> AD-004: keep the old endpoint" in text


def applied(past: PastRuns, answer: str, *, before_answer: object = None) -> tuple[int, str]:
    child = terminal.spawn(
        [*correctless.itself(), "defaults", "suggest", "greenkeeper", "--apply"],
        past.top,
        os.environ,
        dimensions=(50, 250),
    )
    child.expect("Write this into the skill")
    shown = str(child.before)
    if callable(before_answer):
        before_answer()
    child.sendline(answer)
    code, rest = terminal.ended(child)
    return code, shown + rest


def test_applied_at_your_terminal_it_is_shown_written_clean_and_the_next_run_lists_it(
    past: PastRuns, git: Git
) -> None:
    code, shown = applied(past, "y")
    assert code == 0, shown
    assert LINE in shown
    text = past.file.read_text()
    assert text.replace(f"{LINE}\n", "", 1) == SKILL
    lint = forked.run(["lint", "--pedantic", "skills"], cwd=past.top, env=os.environ)
    assert (lint.returncode, lint.stdout) == (0, "no findings: 1 file read\n")
    assert values(past, "suggest", "greenkeeper")["suggestions"] == []
    assert values(past, "replay")["skills"][0]["differences"] == []

    (past.top / "spec.md").write_text("# A\n\n- R-001: a\n")
    setting = past.top / config.PATH
    setting.parent.mkdir(parents=True)
    setting.write_text("pr: skip\npipelines: {default: {steps: [{skill: greenkeeper}]}}\n")
    git(past.top, "add", ".")
    git(past.top, "commit", "-q", "-m", "x")
    words = ["cauto", "run", "--dry-run", "--spec", "spec.md", "--agent", "command:true"]
    done = forked.run(words, cwd=past.top, env=os.environ)
    assert "AD-004" in done.stdout
    assert TEXT in done.stdout


def test_a_no_writes_nothing(past: PastRuns) -> None:
    assert applied(past, "")[0] == 0
    assert past.file.read_text() == SKILL


def test_a_file_that_changed_while_you_read_is_not_written(past: PastRuns) -> None:
    code, shown = applied(past, "y", before_answer=lambda: past.file.write_text(SKILL + "\nMine.\n"))
    assert (code, "changed meanwhile" in shown) == (exits.REFUSED, True)
    assert past.file.read_text() == SKILL + "\nMine.\n"


def test_a_run_at_work_keeps_its_files(past: PastRuns) -> None:
    with Lock.take(find(str(past.top)), "a run"):
        assert applied(past, "y")[0] == exits.LOCKED
    assert past.file.read_text() == SKILL


def test_what_is_typed_before_the_patch_is_shown_writes_nothing(past: PastRuns) -> None:
    words = [*correctless.itself(), "defaults", "suggest", "greenkeeper", "--apply"]
    child = terminal.spawn(words, past.top, os.environ)
    child.send("y\n")
    code, shown = terminal.typed(child, (("Write this into the skill", "n"),))
    assert (code, "nothing was written" in shown, past.file.read_text()) == (0, True, SKILL)


def test_a_skill_outside_of_the_repository_is_not_written(past: PastRuns, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    past.file.parent.rename(outside)
    past.file.parent.symlink_to(outside)
    code, shown = terminal.ended(
        terminal.spawn(
            [*correctless.itself(), "defaults", "suggest", "greenkeeper", "--apply"], past.top, os.environ
        )
    )
    assert (code, "is not in this repository" in " ".join(shown.split())) == (exits.REFUSED, True)
    assert (outside / "SKILL.md").read_text() == SKILL


@pytest.mark.parametrize("mark", ["CORRECTLESS_AGENT", "CLAUDECODE"])
def test_no_agent_applies_it(past: PastRuns, mark: str) -> None:
    words = [*correctless.itself(), "defaults", "suggest", "greenkeeper", "--apply"]
    code, shown = terminal.ended(terminal.spawn(words, past.top, {**os.environ, mark: "1"}))
    assert (code, "only you may answer" in shown) == (exits.REFUSED, True)
    done = call(past, "suggest", "greenkeeper", "--apply")
    assert (done.returncode, "terminal" in done.stderr) == (exits.REFUSED, True)
    assert past.file.read_text() == SKILL


@pytest.mark.parametrize("damage", ["flip", "cut"])
def test_a_log_that_is_not_what_was_written_is_named_and_nothing_is_written_without_it(
    past: PastRuns, damage: str
) -> None:
    log = Path(paths.logs(past.repo, "b/0").decisions)
    data = log.read_bytes()
    log.write_bytes(
        data.replace(b"it seemed right", b"it seemed wrong", 1)
        if damage == "flip"
        else data[: data.index(b"\n") + 1]
    )
    for words in (["show"], ["suggest", "greenkeeper", "--runs", "2"], ["replay"]):
        done = call(past, *words)
        assert done.returncode == exits.REFUSED
        assert "not counted" in done.stderr
        assert log.name in done.stderr
    said = json.loads(call(past, "suggest", "greenkeeper", "--runs", "2", "--json").stdout)
    assert [each["branch"] for each in said["refused"]] == [
        log.name[len("autonomous-decisions-") : -len(".jsonl")]
    ]
    words = [*correctless.itself(), "defaults", "suggest", "greenkeeper", "--runs", "2", "--apply"]
    code, shown = terminal.ended(terminal.spawn(words, past.top, os.environ))
    assert (code, "Write this" in shown) == (exits.REFUSED, False)
    assert past.file.read_text() == SKILL


def test_a_skill_that_is_not_there_and_names_of_a_log_that_are_paths(past: PastRuns) -> None:
    assert call(past, "suggest", "nonesuch").returncode == exits.REFUSED
    assert call(past, "suggest", "..").returncode == exits.REFUSED
    assert call(past, "suggest").returncode == exits.USAGE
    assert call(past, "suggest", "greenkeeper", "--apply", "--json").returncode == exits.USAGE
    assert "no decisions of a run found" in call(past, "nonesuch").stdout
    assert call(past, "--help").returncode == 0


def test_a_name_in_a_log_is_never_a_path_and_a_skill_runs_by_the_name_of_its_folder(
    scratch_repo: Path,
) -> None:
    past = PastRuns(scratch_repo, SKILL.replace("name: greenkeeper", "name: other"))
    for n in range(3):
        past.run([report(TEXT)], branch=f"b/{n}")
    assert [each["entries"][0]["run"] for each in values(past, "suggest", "greenkeeper")["suggestions"]] == [
        "r001"
    ]
    outside = past.top.parent / "skills" / "x"
    outside.mkdir(parents=True)
    (outside / "SKILL.md").write_text(SKILL)
    for past.name in ("../skills/x", "../../skills/x", str(outside), ".."):
        past.run([report(TEXT)], branch="b/9")
    shown = {each["skill"]: each["defaults"] for each in values(past)["skills"]}
    assert [
        len(shown[name]) for name in ("greenkeeper", "../skills/x", "../../skills/x", str(outside), "..")
    ] == [3, 0, 0, 0, 0]
    assert [each["skill"] for each in values(past, "replay")["skills"]] == ["greenkeeper"]
    # Typed, a path is one.
    assert len(values(past, str(outside))["skills"][0]["defaults"]) == 3


def test_hostile_texts_of_a_log_are_shown_as_text(scratch_repo: Path) -> None:
    past = PastRuns(scratch_repo)
    for n in range(3):
        past.run(
            [report("keep \x1b]8;;http://evil\x07it\u202e [bold]x[/bold]\n## new", "AD-9\x1b[31m")],
            branch=f"b/{n}",
        )
    for words in ([], ["suggest", "greenkeeper"], ["replay"]):
        done = call(past, *words)
        assert done.returncode == 0
        assert not {"\x1b", "\x07", "\u202e"} & {*done.stdout, *done.stderr}
        assert not any(line.startswith("## new") for line in done.stdout.splitlines())
    assert "[bold]x[/bold]" in call(past).stdout
    assert "not proposed: no wording" in call(past, "suggest", "greenkeeper").stdout
