"""Review in a terminal: a page for each decision, one answer each, and one that counts for all."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pexpect
import pytest

import correctless
import terminal
from conftest import Git
from correctless.base import exits
from correctless.runlog.events import Rerun
from project import Project

PAGE = r"\? help[^>]*> "
LAST = "leave it open[^>]*> "
LINE = "go back to the question[^>]*> "


def reviewing(
    project: Project, *words: str, env: dict[str, str] | None = None, width: int = 100
) -> pexpect.spawn[str]:
    return terminal.spawn(
        [*correctless.itself(), "review", *words],
        project.top,
        {**project.env, "TERM": "xterm-256color", **(env or {})},
        dimensions=(50, width),
    )


def played(project: Project, *answers: tuple[str, str], words: tuple[str, ...] = ()) -> tuple[int, str]:
    """Answer each question in turn; exit code, and what was shown without its colours."""
    code, shown = terminal.typed(reviewing(project, *words), answers)
    return code, re.sub(r"\x1b\[[0-9;]*m", "", shown)


def answers_of(project: Project) -> list[dict[str, object]]:
    path = Path(project.logs.confirmations)
    every = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return [each for each in every if each["kind"] != "spec"]


def test_each_decision_is_a_page_with_what_its_step_changed_and_all_are_confirmed_at_once(
    ran: Project,
) -> None:
    child = reviewing(ran)
    shown, digest = terminal.accepted(child)
    assert answers_of(ran) == []  # nothing counts before the digest
    child.sendline(digest)
    code, rest = terminal.ended(child)
    shown = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    assert code == exits.OK, rest
    assert rest.rstrip().endswith("Continue with: correctless cauto resume")
    first, second = shown.index("1 of 2: cdocs AD-UNLISTED-1"), shown.index("2 of 2: cverify AD-003")
    assert first < second  # what no skill lists comes first
    page = shown[first:second]
    for text in (
        "invented",
        "claimed",
        "AD-777",
        "README.md (+",
        "+greets",
        "repeats cdocs (they took",
    ):
        assert text in page, text
    assert "R-001: met" in shown[second:]
    assert [each["digest"] for each in answers_of(ran)] == [ran.state().gate.digest]  # type: ignore[union-attr]


def test_a_step_runs_again_with_the_note_and_nothing_is_confirmed(ran: Project) -> None:
    note = "describe greet() in one sentence"
    code, shown = played(ran, (PAGE, "r"), (LINE, note), (PAGE, "a"), (LAST, "yes"))
    assert code == exits.PERSON, shown
    assert shown.rstrip().endswith("Continue with: correctless cauto resume")
    [again] = [item.event for item in ran.events() if isinstance(item.event, Rerun)]
    assert (again.step, note in again.note, answers_of(ran)) == ("cdocs", True, [])
    assert ran.cauto("resume").returncode == exits.PERSON
    [prompt] = Path(ran.logs.folder(ran.state().run)).glob("cdocs-2/prompt.md")
    assert note in prompt.read_text()


def test_of_two_steps_that_are_to_run_again_the_earlier_one_does_with_both_notes(ran: Project) -> None:
    code, shown = played(ran, (PAGE, "r"), (LINE, "first"), (PAGE, "r"), (LINE, "second"), (LAST, "yes"))
    assert code == exits.PERSON, shown
    [again] = [item.event for item in ran.events() if isinstance(item.event, Rerun)]
    assert again.step == "cverify"
    assert again.note == "cdocs AD-UNLISTED-1: first; cverify AD-003: second"


def test_a_rejection_has_its_reason_and_closes_the_gate(ran: Project) -> None:
    code, shown = played(ran, (PAGE, "a"), (PAGE, "j"), (LINE, "merge nothing"), (LAST, "yes"))
    assert code == exits.PERSON, shown
    assert "The gate stays closed. Have a step run again with: correctless review --rerun" in shown
    assert [(each["kind"], each["note"]) for each in answers_of(ran)] == [
        ("rejected", "cverify AD-003: merge nothing")
    ]
    assert ran.command("gate").returncode == exits.PERSON


@pytest.mark.parametrize("way", ["q", "\x04"])
def test_what_was_answered_is_kept_when_you_quit_and_counts_for_nothing(ran: Project, way: str) -> None:
    code, shown = played(ran, (PAGE, "a"), (PAGE, way))
    assert code == exits.PERSON, shown
    assert shown.rstrip().endswith("Answer later with: correctless review")
    assert answers_of(ran) == []
    child = reviewing(ran)
    child.expect("1 of 2 you have answered before")
    child.expect("2 of 2: cverify AD-003")
    child.expect(PAGE)
    child.sendline("b")
    child.expect(r"you said[^\n]*accepted")
    shown, digest = terminal.accepted(child)
    child.sendline(digest)
    assert terminal.ended(child)[0] == exits.OK
    assert ran.command("gate").returncode == exits.OK


def test_what_is_skipped_leaves_the_gate_closed_and_is_asked_again(ran: Project) -> None:
    code, shown = played(ran, (PAGE, "s"), (PAGE, "a"))
    assert (code, answers_of(ran)) == (exits.PERSON, []), shown
    child = reviewing(ran)
    child.expect("1 of 2: cdocs")
    child.expect(PAGE)
    child.sendline("q")
    assert terminal.ended(child)[0] == exits.PERSON


def test_back_from_the_end_changes_an_answer(ran: Project) -> None:
    code, shown = played(ran, (PAGE, "a"), (PAGE, "a"), (LAST, "b"), (PAGE, "j"), (LINE, "no"), (LAST, "yes"))
    assert code == exits.PERSON, shown
    assert [each["kind"] for each in answers_of(ran)] == ["rejected"]


@pytest.mark.sweep(3)
@pytest.mark.parametrize("typed", ["", "yes", "{digest}", "confirm", "ok", "A" * 5000])
def test_nothing_else_is_an_answer_to_a_page(ran: Project, typed: str) -> None:
    digest = ran.state().gate.digest  # type: ignore[union-attr]
    code, shown = played(ran, (PAGE, typed.replace("{digest}", digest)), (PAGE, "q"))
    assert (code, answers_of(ran)) == (exits.PERSON, []), shown
    assert "2 of 2" not in shown


def test_what_is_typed_ahead_answers_nothing(ran: Project) -> None:
    child = reviewing(ran)
    child.send("a\na\n00000000\n")
    child.expect(PAGE)
    child.sendline("q")
    code, shown = terminal.ended(child)
    assert code == exits.PERSON
    assert "Your answers" not in shown


@pytest.mark.parametrize(
    ("words", "env"), [(("--plain",), {}), ((), {"NO_COLOR": "1"}), ((), {"TERM": "dumb"})]
)
def test_plain_output_has_no_colour_no_columns_and_no_cursor(
    ran: Project, words: tuple[str, ...], env: dict[str, str]
) -> None:
    child = reviewing(ran, *words, env=env, width=80)
    shown, _ = terminal.accepted(child)
    child.sendline("")
    shown += terminal.ended(child)[1]
    assert "\x1b" not in shown
    assert "default: invented" in shown


def test_at_eighty_columns_no_line_is_longer(ran: Project) -> None:
    child = reviewing(ran, env={"TERM": "xterm-256color"}, width=80)
    shown, _ = terminal.accepted(child)
    child.close()
    for line in re.sub(r"\x1b\[[0-9;]*m", "", shown).splitlines():
        assert len(line) <= 80, line


def test_markdown_is_the_summary_of_a_pull_request(ran: Project) -> None:
    done = ran.command("review", "--markdown")
    assert done.returncode == exits.PERSON
    assert done.stdout.startswith("## Decisions\n")
    assert ran.command("review", "--markdown", "--json").returncode == exits.USAGE


def test_where_changes_can_not_be_shown_the_page_says_so(ran: Project) -> None:
    made = ran.git(ran.top, "rev-parse", "HEAD:README.md")
    Path(ran.top, ".git", "objects", made[:2], made[2:]).unlink()
    code, shown = played(ran, (PAGE, "q"))
    assert (code, "git could not show it" in shown) == (exits.PERSON, True), shown


def test_the_whole_diff_has_also_the_files_that_the_decision_does_not_name(
    scratch_repo: Path, git: Git
) -> None:
    project = Project(scratch_repo, git)
    naming = (
        "if step == 'cdocs':\n"
        "    pathlib.Path('evil.py').write_text('import os\\nos.system(\"true\")\\n')\n"
        "    saying.clear()\n"
        "    decide('AD-777', 'wrote README.md')\n"
    )
    assert project.run(AGENT_EXTRA=naming).returncode == exits.PERSON
    child = reviewing(project)
    child.expect(PAGE)
    page = str(child.before)
    assert "+greets" in page
    assert ("1 further file" in page, "os.system" in page) == (True, False)
    child.sendline("d")
    child.expect(PAGE)
    assert "os.system" in str(child.before)
    child.sendline("q")
    assert terminal.ended(child)[0] == exits.PERSON


def draft(project: Project) -> Path:
    """The file of the answers that are not recorded yet."""
    [path] = Path(project.env["HOME"]).glob(".local/state/correctless/heads/*/answers-*.json")
    return path


def test_an_answer_that_was_kept_can_not_steer_the_terminal(ran: Project) -> None:
    played(ran, (PAGE, "j"), (LINE, "why"), (PAGE, "q"))
    path = draft(ran)
    path.write_text(path.read_text().replace("why", "\\u001b]0;owned\\u0007\\u202e"))
    child = reviewing(ran)
    child.expect(PAGE)
    child.sendline("b")
    child.expect(PAGE)
    assert "\x1b]0;" not in str(child.before)
    assert "\\x1b]0;owned" in str(child.before)
    child.sendline("q")
    terminal.ended(child)


def test_a_commit_while_you_read_is_named_as_what_keeps_the_gate_closed(ran: Project) -> None:
    child = reviewing(ran)
    _, digest = terminal.accepted(child)
    ran.git(ran.top, "commit", "-q", "--allow-empty", "-m", "meanwhile")
    child.sendline(digest)
    code, shown = terminal.ended(child)
    assert (code, "git reset --keep" in shown, "confirm_channels" in shown) == (exits.PERSON, True, False), (
        shown
    )
    assert ran.command("gate").returncode == exits.PERSON
