"""What you confirmed ahead covers the listed default of the very skill you were shown, and nothing else."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import correctless
import terminal
from correctless.base import exits
from correctless.ledger.ledger import Ledger
from correctless.runlog.branch import confirmed_ahead
from project import Project


@pytest.fixture
def project(scratch_repo: Path, git) -> Project:  # type: ignore[no-untyped-def]
    return Project(scratch_repo, git)


def ahead(project: Project, *words: str, typed: str = "{digest}") -> tuple[int, str]:
    """`correctless review --ahead cverify` in a terminal; what is typed at its question."""
    child = terminal.spawn(
        [*correctless.itself(), "review", "--ahead", "cverify", *words], project.top, project.env
    )
    if "--withdraw" in words:
        return terminal.ended(child)
    child.expect(r"Their digest is ([0-9a-f]{8})")
    shown, digest = str(child.before), child.match.group(1)  # type: ignore[union-attr]
    child.expect("leave it[^>]*> ")
    child.sendline(typed.replace("{digest}", digest))
    code, rest = terminal.ended(child)
    return code, shown + rest


# The agent reports the default as it is listed, and says that a person need not see it.
AS_LISTED = (
    "if step == 'cverify':\n"
    "    listed = re.search(r'^- (AD-\\d{3}) \\[escalate: always\\] .*?: (.*)$', prompt, re.M)\n"
    "    saying.clear()\n"
    "    decide(listed[1], listed[2])\n"
)


def waiting(project: Project) -> list[str]:
    gate = json.loads(project.command("gate", "--json").stdout)
    return [each["decision_id"] for each in gate["waiting"]]


def test_a_listed_default_that_was_confirmed_ahead_does_not_wait_and_an_unlisted_one_does(
    project: Project,
) -> None:
    code, shown = ahead(project, "--days", "7")
    assert code == exits.OK, shown
    assert re.search(r"AD-\d{3} ", shown)
    assert project.run(AGENT_EXTRA=AS_LISTED).returncode == exits.PERSON
    assert waiting(project) == ["AD-UNLISTED-1"]
    text = project.command("decisions", "summary").stdout
    assert "confirmed by Ada (terminal, ahead)" in text
    audit = project.command("audit-run", "--offline")
    assert audit.returncode == exits.OK, audit.stdout
    assert project.review(answer="{digest}")[0] == exits.OK
    assert project.cauto("resume").returncode == exits.OK
    audit = project.command("audit-run", "--offline")
    assert audit.returncode == exits.OK, audit.stdout


def test_a_withdrawal_and_a_file_without_its_private_copy_cover_nothing(project: Project) -> None:
    assert ahead(project)[0] == exits.OK
    kept = Path(project.logs.ahead).read_bytes()
    code, shown = ahead(project, "--withdraw")
    assert (code, "will need your confirmation again" in shown) == (exits.OK, True), shown
    assert ahead(project, "--withdraw")[0] == exits.REFUSED
    assert project.run(AGENT_EXTRA=AS_LISTED).returncode == exits.PERSON
    assert waiting(project) == ["AD-003", "AD-UNLISTED-1"]
    # As an agent would write it: a log of its own, whole and in order.
    forged = Path(project.logs.ahead)
    forged.unlink()
    forged.with_name(forged.name + ".heads").unlink()
    ledger = Ledger(str(forged), root=project.logs.root)
    ledger.create()
    for line in kept.splitlines():
        ledger.append({k: v for k, v in json.loads(line).items() if k not in ("seq", "prev")} | {"by": "Eve"})
    assert waiting(project) == ["AD-003", "AD-UNLISTED-1"]


def test_a_withdrawal_that_was_cut_out_of_the_log_stays_one_and_you_can_confirm_anew(
    project: Project,
) -> None:
    assert ahead(project)[0] == exits.OK
    path = Path(project.logs.ahead)
    kept = path.read_bytes()
    assert ahead(project, "--withdraw")[0] == exits.OK
    path.write_bytes(kept)
    assert project.run(AGENT_EXTRA=AS_LISTED).returncode == exits.PERSON
    assert waiting(project) == ["AD-003", "AD-UNLISTED-1"]
    path.unlink()
    assert ahead(project)[0] == exits.OK
    assert project.cauto("stop", "--abandon").returncode == exits.OK
    path.write_bytes(kept)  # the one of before, once more
    assert ahead(project)[0] == exits.OK
    assert confirmed_ahead(project.logs)
    path.write_bytes(kept)
    assert confirmed_ahead(project.logs) == ()


def test_what_can_not_be_noted_in_the_private_copy_is_not_said_to_be_confirmed(project: Project) -> None:
    state = Path(project.env["HOME"], ".local", "state", "correctless")
    state.parent.mkdir(parents=True, exist_ok=True)
    state.write_text("a file in the folder's place")
    code, shown = ahead(project)
    assert (code, "confirmed ahead by" in shown) == (exits.REFUSED, False), shown


@pytest.mark.parametrize("typed", ["", "yes", "00000000"])
def test_nothing_but_the_digest_confirms_ahead(project: Project, typed: str) -> None:
    code, shown = ahead(project, typed=typed)
    assert code == exits.PERSON, shown
    assert not Path(project.logs.ahead).exists()


def test_only_you_confirm_ahead_and_only_what_a_skill_leaves_to_you(project: Project) -> None:
    done = project.command("review", "--ahead", "cverify")
    assert (done.returncode, "only in a terminal" in done.stderr) == (exits.REFUSED, True)
    for mark in ("CORRECTLESS_AGENT", "CLAUDECODE"):
        code, shown = project.review("--ahead", "cverify", env={mark: "1"})
        assert (code, "only you may answer" in shown) == (exits.REFUSED, True)
    assert project.command("review", "--withdraw").returncode == exits.USAGE
    code, shown = project.on_terminal("review", "--ahead", "cmetrics")
    assert (code, "there is nothing to confirm" in shown) == (exits.REFUSED, True), shown
