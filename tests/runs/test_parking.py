"""Runs that stop on one machine and go on in another: clones of one bare repository, each with a home of its own."""

from __future__ import annotations

import json
import re
import secrets
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import correctless
import terminal
from conftest import Git
from correctless.base.clock import utcnow
from correctless.base.exits import Stop
from correctless.dispatch.parking import handover, parcel, remote_ref
from correctless.ledger import chain
from correctless.ledger.heads import Heads
from correctless.project.git import Repo, find
from correctless.publish import leaks
from correctless.review import open_set as views
from correctless.runlog.events import AttemptFailed
from fake_secrets import AWS
from fleet import Fleet, Machine
from metered_client import CLIENT
from patience import PATIENCE, until
from project import CONFIG
from sessions import Sessions
from shelf import Shelf

MakeFleet = Callable[..., Fleet]


@pytest.fixture
def make(tmp_path: Path, git: Git) -> MakeFleet:
    def made(**config: Any) -> Fleet:
        return Fleet(tmp_path, git, {**CONFIG, **config})

    return made


@pytest.fixture
def fleet(shelf: Shelf, git: Git) -> Fleet:
    return Fleet.on(shelf, git)


def test_a_run_stops_in_ci_is_answered_in_a_second_clone_and_published_from_a_third(make: MakeFleet) -> None:
    fleet = make(
        pr=[sys.executable, "-c", "import sys; sys.stdin.read(); print('https://example.invalid/pr/1')"]
    )
    ci = fleet.machine("ci", "feature/x")
    last = ci.run(CI="true").stderr.splitlines()[-1]
    run = ci.state().run
    assert last.endswith(f"In any clone: correctless review --from origin {run}")
    before = fleet.ref(run)
    assert fleet.git(ci.top, "rev-parse", f"{before}^1") == fleet.git(ci.top, "rev-parse", "HEAD")

    reviewer = fleet.machine("reviewer")
    piped = reviewer.command("review", "--from", "origin", run)
    assert piped.stdout.endswith(f"run in your own terminal: correctless review --from origin {run}\n")
    code, said = reviewer.review("--from", "origin", run, answer="{digest}")
    assert code == 0, said
    assert f"Continue with: correctless cauto resume --from origin {run}" in said
    assert fleet.ref(run) != before
    assert not (reviewer.top / ".correctless" / "artifacts").exists()
    assert not [*Path(reviewer.env["HOME"]).rglob("heads")]  # of a folder that is gone again nothing is kept
    assert fleet.git(reviewer.top, "branch", "--list", "feature/x") == ""

    other = fleet.machine("other")
    done = other.cauto("resume", "--from", "origin", run)
    assert done.returncode == 0, done.stderr
    assert other.state().phase == "complete"
    assert other.state().url == "https://example.invalid/pr/1"
    assert other.ran() == []  # nothing that was finished ran again
    assert fleet.git(other.top, "ls-remote", "origin", "refs/heads/feature/x").partition("\t")[
        0
    ] == fleet.git(other.top, "rev-parse", "HEAD")
    assert fleet.ref(run) == ""  # what ended is nowhere to be gone on with
    verified = other.command("decisions", "verify", "--offline")
    assert verified.returncode == 0, verified.stdout + verified.stderr


def test_a_run_that_publishes_nothing_stays_where_it_was_parked_with_all_its_commits(fleet: Fleet) -> None:
    """The machine that completes it may be thrown away, and no branch was pushed."""
    _, run = fleet.parked()
    reviewer = fleet.machine("reviewer")
    assert reviewer.review("--from", "origin", run, answer="{digest}")[0] == 0
    other = fleet.machine("other")
    done = other.cauto("resume", "--from", "origin", run)
    assert (done.returncode, other.state().phase) == (0, "complete"), done.stderr
    head = fleet.git(other.top, "rev-parse", "HEAD")
    assert fleet.ref(run) == ""
    assert fleet.git(fleet.origin, "rev-parse", f"refs/correctless/ended/{run}^") == head
    [typed] = re.findall(r"fetch them in any clone with: (.*)", done.stderr)
    clone = fleet.machine("clone")
    subprocess.run(["/bin/sh", "-c", typed], cwd=clone.top, check=True)
    assert fleet.git(clone.top, "rev-parse", "feature/x") == head
    assert clone.cauto("resume", "--from", "origin", run).returncode == 3


def test_parking_changes_neither_worktree_nor_index_nor_head_and_makes_no_branch(fleet: Fleet) -> None:
    ci, run = fleet.parked()
    git = fleet.git
    assert git(ci.top, "status", "--porcelain") == ""
    assert git(ci.top, "symbolic-ref", "HEAD") == "refs/heads/feature/x"
    assert "refs/correctless" not in git(ci.top, "reflog")
    assert (
        git(ci.top, "for-each-ref", "--format=%(refname)", "refs/correctless")
        == f"refs/correctless/runs/{run}"
    )
    assert [*Path(ci.top, ".git").glob("correctless-index*")] == []
    heads = git(fleet.folder, "ls-remote", "--heads", str(fleet.origin)).splitlines()
    assert [line.rpartition("/")[2] for line in heads] == ["x", "main"]
    held = git(ci.top, "ls-tree", "-r", "--name-only", f"refs/correctless/runs/{run}").splitlines()
    assert not [
        name
        for name in held
        if "transcript" in name or "prompt" in name or name.endswith(("answer.md", ".patch", "nonce"))
    ]
    assert {"decisions.jsonl", "run.jsonl", "confirmations.jsonl", "escalation.md", "frozen/spec.md"} < {
        *held
    }


def test_a_patch_of_a_failed_attempt_is_not_parked(fleet: Fleet) -> None:
    ci, run = fleet.parked(code=20, AGENT_PLAY="short-report")
    assert [*Path(ci.logs.artifacts).rglob("*.patch")]
    held = fleet.git(ci.top, "ls-tree", "-r", "--name-only", f"refs/correctless/runs/{run}").splitlines()
    assert "run.jsonl" in held
    assert not [name for name in held if name.endswith(".patch")]


def test_a_failed_step_is_tried_again_on_another_machine(fleet: Fleet) -> None:
    _, run = fleet.parked(code=20, AGENT_PLAY="fail:cverify")
    other = fleet.machine("other")
    done = other.cauto("resume", "--from", "origin", run)
    assert done.returncode == 10, done.stderr
    assert other.ran() == ["cverify#4", "cdocs#1"]
    noted = [anchor.seq for anchor in Heads(other.logs.decisions, other.env).anchors()]
    assert noted == [d["seq"] for d in other.decisions()]
    # this clone's git settings are other ones than those of where the run began: nobody changed them
    assert not [d for d in other.decisions() if "/sgit-" in (d["key"] or "")]
    assert f"correctless review --from origin {run}" in done.stderr  # and parked again from there
    third = fleet.machine("third")
    assert third.review("--from", "origin", run, answer="{digest}")[0] == 0
    assert third.cauto("resume", "--from", "origin", run).returncode == 0


def test_a_budget_is_raised_on_another_machine(make: MakeFleet) -> None:
    twice = {"default": {"steps": [{"skill": "cdocs"}, {"skill": "cdocs"}]}}
    fleet = make(max_usd=0.4, pipelines=twice)
    client = fleet.folder / "client"
    client.write_text(CLIENT.format(python=sys.executable))
    client.chmod(0o755)
    fleet.first.env["CORRECTLESS_CLAUDE"] = str(client)
    _, run = fleet.parked("--agent", "claude", code=12)
    other = fleet.machine("other")
    done = other.cauto("resume", "--from", "origin", run, "--max-usd", "5")
    assert done.returncode == 0, done.stderr
    assert len(other.ran()) == 1


def test_while_one_machine_has_a_run_no_other_takes_or_answers_it(fleet: Fleet) -> None:
    _, run = fleet.parked(code=20, AGENT_PLAY="fail:cverify")
    machines = [fleet.machine(name) for name in ("one", "two", "three")]
    started = [m.start("resume", "--from", "origin", run, AGENT_PLAY="sleep:cverify#4") for m in machines]
    won = []
    try:
        # The winner sleeps in its agent; whoever ends meanwhile was refused.
        losers = _first_two_to_end(started)
        won = [m for m, p in zip(machines, started, strict=True) if p not in losers]
        (winner,) = won
        asleep = winner.wait_asleep()
        for process in losers:
            assert process.returncode == 75
            said = process.stderr.read() if process.stderr else ""
            assert f"was taken by {winner.top.name} on " in said
            assert f"resume --from origin {run} --take-over" in said
        code, said = fleet.machine("reviewer").review("--from", "origin", run)
        assert code == 75, said
        winner.end(asleep)
    finally:
        for process in started:
            process.terminate()
            process.communicate(timeout=PATIENCE)
    losing = [m for m in machines if m not in won]
    for machine in losing:
        assert not (machine.top / ".correctless" / "artifacts").exists()
        assert fleet.git(machine.top, "branch", "--list", "feature/x") == ""


def _first_two_to_end(started: list[subprocess.Popen[str]]) -> list[subprocess.Popen[str]]:
    def ended() -> list[subprocess.Popen[str]]:
        return [process for process in started if process.poll() is not None]

    until(lambda: len(ended()) == 2, "not exactly one of three machines took the run")
    return ended()


def test_a_push_of_two_at_once_lets_one_through(fleet: Fleet) -> None:
    _, run = fleet.parked(code=20, AGENT_PLAY="fail:cverify")
    clones = [find(str(fleet.machine(f"m{n}").top)) for n in range(4)]
    seen = [remote_ref.fetch(clone, "origin", run) for clone in clones]
    gate = threading.Barrier(len(clones))
    outcomes: list[str] = []

    def take(clone: Repo, parked: remote_ref.Parked) -> None:
        me = remote_ref.ParkHolder("Ada", "host", "2026-01-02T03:04:05.678Z")
        new = remote_ref.commit(
            clone, run, parent=parked.parent, tree=parked.tree, token=secrets.token_hex(8), holder=me
        )
        gate.wait(PATIENCE)
        try:
            remote_ref.put(clone, "origin", run, new, expected=parked.commit)
        except remote_ref.RefMoved:
            outcomes.append("moved")
        else:
            outcomes.append(new)

    threads = [threading.Thread(target=take, args=pair) for pair in zip(clones, seen, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert outcomes.count("moved") == len(clones) - 1
    assert fleet.ref(run) in outcomes


def test_what_was_put_or_taken_away_already_is_done(fleet: Fleet) -> None:
    """A connection may break behind a push that was taken: it is tried again."""
    _, run = fleet.parked()
    clone, parked, _ = _clone(fleet, run)
    new = remote_ref.commit(clone, run, parent=parked.parent, tree=parked.tree, token="0")
    for _ in range(2):
        remote_ref.put(clone, "origin", run, new, expected=parked.commit)
        assert fleet.ref(run) == new
    for _ in range(2):
        remote_ref.put(clone, "origin", run, None, expected=new)
        assert fleet.ref(run) == ""


KILLED = """
import os, signal, sys
from correctless import cli
from correctless.dispatch.parking import handover
setattr(handover, sys.argv[1], lambda *_: os.kill(os.getpid(), signal.SIGKILL))
sys.exit(cli.main(sys.argv[2:]))
"""


@pytest.mark.parametrize("where", ["_move_branch", "_store"])
def test_a_machine_that_died_after_taking_is_taken_over_also_by_itself(fleet: Fleet, where: str) -> None:
    _, run = fleet.parked(code=20, AGENT_PLAY="fail:cverify")
    dead, heir = fleet.machine("dead"), fleet.machine("heir")
    words = ["cauto", "resume", "--from", "origin", run]
    done = subprocess.run(
        [sys.executable, "-c", KILLED, where, *words],
        cwd=dead.top,
        env=dead.env,
        capture_output=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    refused = heir.command(*words)
    assert refused.returncode == 75
    assert "taken by dead on" in refused.stderr
    assert not (heir.top / ".correctless" / "artifacts").exists()
    taken = dead if where == "_store" else heir
    assert taken.command(*words, "--take-over").returncode == 10
    assert taken.ran() == ["cverify#4", "cdocs#1"]


def test_an_agent_takes_no_run_over(fleet: Fleet) -> None:
    _, run = fleet.parked()
    other = fleet.machine("other")
    done = other.cauto("resume", "--from", "origin", run, "--take-over", env={"CORRECTLESS_AGENT": "1"})
    assert done.returncode == 3
    assert "inside an agent" in done.stderr


def test_the_machine_a_run_was_parked_from_knows_that_it_went_on_elsewhere(fleet: Fleet) -> None:
    ci, run = fleet.parked()
    assert fleet.machine("reviewer").review("--from", "origin", run, answer="{digest}")[0] == 0
    behind = ci.cauto("resume")
    assert behind.returncode == 3
    assert f"continue with: correctless cauto resume --from origin {run}" in behind.stderr
    assert ci.state().stopped is not None  # nothing was done
    # the answer is brought forward onto the older logs that are here
    done = ci.cauto("resume", "--from", "origin", run)
    assert done.returncode == 0, done.stderr
    assert fleet.ref(run) == ""


def test_a_run_that_was_completed_elsewhere_is_not_gone_on_with_from_where_it_was_parked(
    fleet: Fleet,
) -> None:
    ci, run = fleet.parked()
    other = fleet.machine("other")
    assert other.review("--from", "origin", run, answer="{digest}")[0] == 0
    assert other.cauto("resume", "--from", "origin", run).returncode == 0
    done = ci.cauto("resume")
    assert done.returncode == 3
    assert "completed elsewhere" in done.stderr
    assert f"git update-ref -d refs/correctless/runs/{run}" in done.stderr
    fleet.git(ci.top, "update-ref", "-d", f"refs/correctless/runs/{run}")
    assert ci.cauto("resume").returncode == 10


def test_a_run_is_resumed_where_it_was_parked_from_and_parked_again(fleet: Fleet) -> None:
    ci, run = fleet.parked()
    before = fleet.ref(run)
    assert ci.cauto("resume").returncode == 10
    assert fleet.ref(run) not in ("", before)
    assert ci.review(answer="{digest}")[0] == 0
    assert ci.cauto("resume").returncode == 0
    assert fleet.ref(run) == ""


def test_what_died_while_it_took_a_complete_run_off_the_remote_is_made_up_for(fleet: Fleet) -> None:
    ci, run = fleet.parked()
    there = fleet.ref(run)
    assert ci.review(answer="{digest}")[0] == 0
    assert ci.cauto("resume").returncode == 0
    for still_there in (True, False):  # before the push, and between it and the note of it
        if still_there:
            fleet.git(ci.top, "push", "-q", "origin", f"{there}:refs/correctless/runs/{run}")
        fleet.git(ci.top, "update-ref", f"refs/correctless/runs/{run}", there)
        done = ci.cauto("resume")
        assert (done.returncode, "warning" in done.stderr) == (0, False)
        assert fleet.ref(run) == ""
        assert fleet.git(ci.top, "for-each-ref", "refs/correctless") == ""


def test_a_run_that_can_not_be_taken_off_the_remote_is_complete_all_the_same(fleet: Fleet) -> None:
    ci, run = fleet.parked()
    assert ci.review(answer="{digest}")[0] == 0
    fleet.origin.rename(fleet.folder / "away.git")
    done = ci.cauto("resume")
    assert done.returncode == 0
    assert "warning: the run is still parked on 'origin'" in done.stderr
    (fleet.folder / "away.git").rename(fleet.origin)
    assert ci.cauto("resume").returncode == 0
    assert fleet.ref(run) == ""


def test_an_abandoned_run_is_taken_off_the_remote(fleet: Fleet) -> None:
    ci, run = fleet.parked()
    assert ci.cauto("stop", "--abandon").returncode == 0
    assert fleet.ref(run) == ""


def test_of_two_answers_the_later_one_is_refused_and_not_kept(fleet: Fleet) -> None:
    _, run = fleet.parked()
    first, second = fleet.machine("first"), fleet.machine("second")
    here = find(str(second.top))
    with handover.fetched(here, "origin", run, second.env) as there:
        assert first.review("--from", "origin", run, answer="{digest}")[0] == 0
        mine = there.parcel.logs
        state = there.parcel.state
        assert state.gate is not None
        views.answer(
            mine, state.gate.digest, kind="rejected", by="x", channel="terminal", note="", now=utcnow()
        )
        with pytest.raises(Stop, match="your answer was not kept"):
            handover.park_again(here, there, second.env, secrets.token_hex)
    assert second.cauto("resume", "--from", "origin", run).returncode == 0  # the first answer counts


def test_a_reviewer_whom_git_does_not_know_answers_by_name(fleet: Fleet) -> None:
    ci, run = fleet.parked()
    reviewer = fleet.machine("reviewer")
    Path(reviewer.env["HOME"], ".gitconfig").write_text("[user]\n\tuseConfigOnly = true\n")
    assert reviewer.review("--from", "origin", run, "--as", "Grace", answer="{digest}")[0] == 0
    assert ci.cauto("resume", "--from", "origin", run).returncode == 0
    assert json.loads(Path(ci.logs.confirmations).read_text().splitlines()[-1])["by"] == "Grace"


def test_a_rerun_that_was_kept_here_is_no_answer_to_the_parked_run(fleet: Fleet) -> None:
    """Both have one digest, and a step runs again only where the run is."""
    ci, run = fleet.parked()
    page = r"\? help[^>]*> "
    words = [*correctless.itself(), "review"]
    child = terminal.spawn(words, ci.top, ci.env)
    code, shown = terminal.typed(child, ((page, "r"), ("What should[^>]*> ", "otherwise"), (page, "q")))
    assert code == 10, shown
    child = terminal.spawn([*words, "--from", "origin", run], ci.top, ci.env)
    shown, digest = terminal.accepted(child)
    assert ("otherwise" in shown, "1 of 2: " in shown) == (False, True), shown
    child.sendline(digest)
    code, shown = terminal.ended(child)
    assert code == 0, shown


def test_a_rejection_travels_too(fleet: Fleet) -> None:
    _, run = fleet.parked()
    reviewer, other = fleet.machine("reviewer"), fleet.machine("other")
    assert reviewer.review("--from", "origin", run, answer="no")[0] == 10
    done = other.cauto("resume", "--from", "origin", run)
    assert done.returncode == 10
    assert "rejected by reviewer: not like this" in done.stderr


def test_a_review_without_a_terminal_shows_and_changes_nothing(fleet: Fleet) -> None:
    _, run = fleet.parked()
    before = fleet.ref(run)
    reviewer = fleet.machine("reviewer")
    shown = reviewer.command("review", "--from", "origin", run, "--json")
    assert shown.returncode == 10
    assert len(json.loads(shown.stdout)["waiting"]) == 2
    assert reviewer.ran() == []
    refused = reviewer.command(
        "review", "--from", "origin", run, "--confirm", json.loads(shown.stdout)["digest"]
    )
    assert refused.returncode == 3
    assert fleet.ref(run) == before


# It has committed half of it by itself, and left the other half.
HALF = "work('one.txt'); os.system('git add -A && git commit -qm half'); work('more.txt')"
LIMIT = HALF + "; client.refusal(429, 'rate_limit'); client.api_result(429); code = 1"
REST = "work('two.txt'); ends(said('AD-001', 'what the skill says'))"


@pytest.fixture
def suspended(make: MakeFleet, tmp_path: Path) -> tuple[Fleet, Sessions, Machine, str]:
    """A run whose agent a usage limit cut off in the middle of its work."""
    steps = {"default": {"steps": [{"skill": "ctdd", "check": ["true"]}]}}
    fleet = make(on_limit="pause", pipelines=steps)
    sessions = Sessions(fleet.first, tmp_path)
    ci, run = fleet.parked("--agent", "claude", code=11, **sessions.given(LIMIT, REST))
    assert (ci.top / "one.txt").exists()
    return fleet, sessions, ci, run


def test_an_attempt_that_was_cut_off_begins_anew_on_another_machine(
    suspended: tuple[Fleet, Sessions, Machine, str],
) -> None:
    fleet, sessions, _, run = suspended
    other = fleet.machine("other")
    notes = other.top.parent / "other-client" / "notes"
    notes.parent.mkdir()
    done = other.cauto(
        *("resume", "--from", "origin", run), env={**sessions.given(REST), "CORRECTLESS_NOTES": str(notes)}
    )
    assert done.returncode == 0, done.stderr
    tracked = fleet.git(other.top, "ls-files").split()
    assert "two.txt" in tracked
    assert "one.txt" not in tracked
    (failed,) = (item.event for item in other.events() if isinstance(item.event, AttemptFailed))
    assert "its session can't continue" in failed.reason


def test_an_attempt_that_was_cut_off_goes_on_in_its_session_where_it_was_parked_from(
    suspended: tuple[Fleet, Sessions, Machine, str],
) -> None:
    fleet, sessions, ci, run = suspended
    assert (
        ci.cauto("resume", "--from", "origin", run, env=sessions.given(REST)).returncode == 3
    )  # work is here
    assert ci.cauto("resume", env=sessions.given(LIMIT, REST)).returncode == 0
    assert sessions.parts == [(1, False), (2, True)]
    assert fleet.ref(run) == ""


# --- what is not parked


def test_without_ci_or_with_none_nothing_is_parked(fleet: Fleet) -> None:
    for name, words, env in (
        ("a", (), {}),
        ("b", ("--park", "none"), {"CI": "true"}),
        ("c", (), {"CI": "false"}),
    ):
        machine = fleet.machine(name, "feature/x")
        done = machine.run(*words, **env)
        assert done.returncode == 10
        assert "parked" not in done.stderr
        assert fleet.ref("*") == ""


def test_a_remote_that_is_named_is_parked_on_outside_of_ci_and_must_be_there(fleet: Fleet) -> None:
    machine = fleet.machine("a", "feature/x")
    refused = machine.run("--park", "nowhere")
    assert refused.returncode == 3
    assert "no remote 'nowhere' found" in refused.stderr
    fleet.git(machine.top, "remote", "rename", "origin", "up stream".replace(" ", ""))
    assert machine.run("--park", "upstream").returncode == 10
    assert fleet.ref(machine.state().run)


def test_a_secret_that_an_abandoned_run_left_on_the_branch_is_not_parked_by_the_next_one(
    make: MakeFleet,
) -> None:
    fleet = make(pipelines={"default": {"steps": [{"skill": "cdocs"}, {"skill": "cverify"}]}})
    ci = fleet.machine("ci", "feature/x")
    left = f"if step == 'cdocs': pathlib.Path('settings.py').write_text('KEY = {AWS}')"
    ci.run(AGENT_EXTRA=left, AGENT_PLAY="fail:cverify")
    assert ci.cauto("stop", "--abandon").returncode == 0
    done = ci.run(CI="true")
    assert "looks like a secret" in done.stderr.partition("not parked")[2], done.stderr
    assert fleet.ref(ci.state().run) == ""


@pytest.mark.sweep(1)
@pytest.mark.parametrize(
    "extra",
    [
        f"pathlib.Path('settings.py').write_text('KEY = {AWS}')",
        f"decide('AD-002', 'used {AWS}')",
        f"""saying.append('{{"decision_id": "AD-009", damaged {AWS}')""",
    ],
    ids=["diff", "log", "kept text"],
)
def test_what_holds_a_secret_is_not_parked_and_the_run_goes_on_here(fleet: Fleet, extra: str) -> None:
    ci = fleet.machine("ci", "feature/x")
    done = ci.run(CI="true", AGENT_EXTRA=f"if step == 'cverify':\n    {extra}")
    assert done.returncode == 10, done.stderr
    assert "warning: the run is not parked" in done.stderr
    assert "looks like a secret" in done.stderr
    assert AWS not in done.stderr.split("not parked")[1]
    last = done.stderr.splitlines()[-1]  # all that is seen of a job
    assert f"It is not parked, so only this machine can continue it, in {ci.top}: " in last
    assert "looks like a secret" in last
    assert fleet.ref(ci.state().run) == ""
    assert fleet.ref("*") == ""
    assert ci.review(answer="{digest}")[0] == 0


def test_a_remote_that_is_gone_is_a_warning_and_the_run_goes_on_here(fleet: Fleet) -> None:
    ci = fleet.machine("ci", "feature/x")
    away = fleet.origin.rename(fleet.folder / "away.git")
    done = ci.run(CI="true")
    assert done.returncode == 10
    assert "warning: the run is not parked" in done.stderr
    away.rename(fleet.origin)
    assert ci.cauto("resume").returncode == 10
    assert fleet.ref(ci.state().run)
    fleet.origin.rename(away)
    done = ci.cauto("resume")  # parked once, and nobody can be asked: said, and it goes on
    assert done.returncode == 10
    assert "another machine may have taken the run meanwhile" in done.stderr
    other = Machine(away, fleet.folder / "other", fleet.git, fleet.first)
    fleet.git(other.top, "remote", "set-url", "origin", str(fleet.origin))
    gone = other.cauto("resume", "--from", "origin", ci.state().run)
    assert gone.returncode == 3
    assert "'origin' can't be asked" in gone.stderr


def test_a_remote_that_refuses_the_ref_is_a_warning(fleet: Fleet) -> None:
    hook = fleet.origin / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho 'no refs of yours here' >&2\nexit 1\n")
    hook.chmod(0o755)
    ci = fleet.machine("ci", "feature/x")
    done = ci.run(CI="true")
    assert done.returncode == 10
    assert "not parked" in done.stderr
    assert "no refs of yours here" in done.stderr


def test_a_run_that_could_not_go_on_is_not_parked(fleet: Fleet) -> None:
    ci, run = fleet.parked(code=20, AGENT_PLAY="fail:cverify")
    ci.write("mine.txt", "mine")
    done = ci.cauto("resume")
    assert (done.returncode, "parked" in done.stderr) == (3, False)
    assert remote_ref.look(find(str(ci.top)), run, fleet.ref(run)).holder is not None  # it is this machine's
    (ci.top / "mine.txt").unlink()
    assert ci.cauto("resume").returncode == 10


def test_a_branch_with_commits_the_run_did_not_make_is_not_parked(fleet: Fleet) -> None:
    ci = fleet.machine("ci", "feature/x")
    assert ci.run(CI="true").returncode == 10
    before = fleet.ref(ci.state().run)
    fleet.git(ci.top, "commit", "-q", "--allow-empty", "-m", "mine")
    done = ci.cauto("resume")
    assert done.returncode == 10
    assert "and it is parked on" in done.stderr
    assert fleet.git(fleet.origin, "cat-file", "-t", before) == "commit"


# --- what is refused when it comes back


def _clone(fleet: Fleet, run: str) -> tuple[Repo, remote_ref.Parked, dict[str, bytes]]:
    forger = find(str(fleet.machine("forger").top))
    parked = remote_ref.fetch(forger, "origin", run)
    return forger, parked, remote_ref.files(forger, parked)


def _forge(
    fleet: Fleet,
    run: str,
    *,
    change: Callable[[dict[str, bytes]], None] = lambda _: None,
    parent: Callable[[Repo, str], str] = lambda _, head: head,
    entry: Callable[[Repo], str] | None = None,
    knowing: bool = True,
) -> None:
    """Another commit on the ref; `knowing`: by somebody who knows what its message has to say."""
    forger, parked, files = _clone(fleet, run)
    change(files)
    tree = forger.tree_of(files)
    if entry is not None:
        tree = forger.git("mktree", stdin=f"{forger.git('ls-tree', tree)}\n{entry(forger)}\n")
    above = parent(forger, parked.parent)
    if knowing:
        new = remote_ref.commit(forger, run, parent=above, tree=tree, token="0")
    else:
        said = forger.git("log", "-1", "--format=%B", parked.commit)
        new = forger.git("commit-tree", tree, "-p", above, "-m", said)
    remote_ref.put(forger, "origin", run, new, expected=parked.commit)


def _is_refused(fleet: Fleet, run: str, why: str) -> None:
    """Resume and review both refuse, and leave a fresh clone and the remote as they were."""
    other = fleet.machine("other")
    before = fleet.ref(run)
    refs = fleet.git(other.top, "for-each-ref")
    for words in (["cauto", "resume"], ["review"]):
        done = other.command(*words, "--from", "origin", run)
        assert done.returncode == 3, done.stderr
        assert re.search(why, done.stderr), done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert fleet.ref(run) == before
    assert fleet.git(other.top, "for-each-ref") == refs
    assert fleet.git(other.top, "status", "--porcelain", "--ignored") == ""
    assert other.ran() == []


def _flip(data: bytes, line: int) -> bytes:
    lines = data.splitlines(keepends=True)
    at = lines[line].index(b'"timestamp":"2') + 13
    lines[line] = lines[line][:at] + b"3" + lines[line][at + 1 :]
    return b"".join(lines)


@pytest.mark.parametrize("line", [0, -1])
@pytest.mark.parametrize("log", ["decisions.jsonl", "run.jsonl", "confirmations.jsonl"])
def test_a_log_with_one_other_byte_is_refused(fleet: Fleet, log: str, line: int) -> None:
    _, run = fleet.parked()
    _forge(fleet, run, change=lambda files: files.update({log: _flip(files[log], line)}), knowing=False)
    _is_refused(fleet, run, "is not a commit that correctless made")


@pytest.mark.parametrize(("log", "line"), [("decisions.jsonl", 0), ("decisions.jsonl", -1), ("run.jsonl", 0)])
def test_a_log_with_one_other_byte_is_refused_though_the_commit_is_made_to_fit(
    fleet: Fleet, log: str, line: int
) -> None:
    _, run = fleet.parked()
    _forge(fleet, run, change=lambda files: files.update({log: _flip(files[log], line)}))
    _is_refused(fleet, run, re.escape(log))


def _link(forger: Repo) -> str:
    return f"120000 blob {forger.git('hash-object', '-w', '--stdin', stdin='/etc/passwd')}\tescalation.txt"


def _above(forger: Repo) -> str:
    return f"040000 tree {forger.tree_of({'x': b'x'})}\t.."


def _git_folder(forger: Repo) -> str:
    return f"040000 tree {forger.tree_of({'config': b'x'})}\t.GIT"


def _submodule(forger: Repo) -> str:
    return f"160000 commit {forger.head()}\tmodule"


def _program(forger: Repo) -> str:
    return f"100755 blob {forger.git('hash-object', '-w', '--stdin', stdin='x')}\tprogram"


@pytest.mark.sweep(2)
@pytest.mark.parametrize("entry", [_link, _above, _git_folder, _submodule, _program])
def test_a_tree_with_anything_but_plain_files_is_refused(fleet: Fleet, entry: Callable[[Repo], str]) -> None:
    _, run = fleet.parked()
    _forge(fleet, run, entry=entry)
    _is_refused(fleet, run, "which is no plain file")


def _another(files: dict[str, bytes]) -> None:
    files["frozen/ctdd/more.md"] = b"do as I say"


def _other_skill(files: dict[str, bytes]) -> None:
    files["frozen/ctdd/SKILL.md"] += b"\nand as I say\n"


def _without_run_log(files: dict[str, bytes]) -> None:
    del files["run.jsonl"]


def _cut(files: dict[str, bytes]) -> None:
    files["run.jsonl"] = files["run.jsonl"][:-1]


def _without_end(files: dict[str, bytes]) -> None:
    files["decisions.jsonl"] = b"".join(files["decisions.jsonl"].splitlines(keepends=True)[:-1])


def _unapproved(files: dict[str, bytes]) -> None:
    files["confirmations.jsonl"] = b""


@pytest.mark.sweep(2)
@pytest.mark.parametrize(
    ("change", "why"),
    [
        (_another, "'frozen/ctdd/more.md', which belongs to no run"),
        (_other_skill, "frozen/ctdd/SKILL.md is not what was planned"),
        (_without_run_log, "run.jsonl is missing"),
        (_cut, "the last line of run.jsonl is cut off"),
        (_without_end, "decisions.jsonl is not what the run log noted"),
        (_unapproved, "no approval of its spec by 'Ada'"),
    ],
)
def test_files_that_do_not_make_a_run_are_refused(
    fleet: Fleet, change: Callable[[dict[str, bytes]], None], why: str
) -> None:
    _, run = fleet.parked()
    _forge(fleet, run, change=change)
    _is_refused(fleet, run, why)


def _resealed(log: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """The log written anew, chain and all, by somebody who knows how."""
    head, lines = chain.EMPTY, []
    for line in log.splitlines():
        fields = json.loads(change(line))
        entry = chain.seal({k: v for k, v in fields.items() if k not in ("seq", "prev")}, head)
        head = chain.Head(entry.seq, entry.head)
        lines.append(entry.line + b"\n")
    return b"".join(lines)


@pytest.mark.sweep(5)
@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (b'"branch":"feature/x"', b'"branch":"main"', "branch 'main' is protected"),
        (b'"branch":"feature/x"', b'"branch":"release/1"', "is protected"),
        (b'"branch":"feature/x"', b'"branch":"staging"', "is protected"),
        (b'"branch":"feature/x"', b'"branch":"--force"', "is not a valid name for a branch"),
        (b'"ctdd"', b'"../../../ctdd"', "is no step's name"),
        (b'"report":".correctless', b'"report":"../../x', "is outside"),
        (b'"spec":"spec.md"', b'"spec":"/etc/passwd"', "is outside"),
        (rb'"mark":"CORRECTLESS_MARK_[0-9a-f]+"', b'"mark":"HOME"', "processes that no run starts"),
        (rb'"base":"[0-9a-f]{40}"', b'"base":"--pathspec-from-file=x"', "as a commit"),
        (rb'"run":"[0-9a-f-]+"', b'"run":"20260102-030405-9f3a"', "ends with run 20260102"),
        (b'"code":10', b'"code":130', "does not end in a state that can be parked"),
        (rb'"log_seq":2', b'"log_seq":1', "is not what the run log noted"),
        (rb'"protected":\["staging"\]', b'"protected":[]', "another protected"),
        (rb'"confirm_channels":\["terminal"', b'"confirm_channels":["flag"', "another confirm_channels"),
        (rb'"confirmers":\[\]', b'"confirmers":["Eve"]', "another confirmers"),
        (rb'"notify":null', b'"notify":["/bin/sh","-c","x"]', "another notify"),
        (rb'"pr":\["skip"\]', b'"pr":["/bin/sh","-c","x"]', "another pr"),
        (rb'"test":\["[^"]*"', b'"test":["/bin/sh"', "another commands.test"),
        (rb'"check":\["[^"]*"', b'"check":["/bin/sh"', "another check of"),
        (rb'"publish_credentials":false', b'"publish_credentials":true', "another agent_publish_credentials"),
        (rb'"agent_env":\[', b'"agent_env":["GH_TOKEN",', "another agent_env"),
        (rb'"remote":"origin"', b'"remote":"upstream"', "another remote"),
        (rb'"model":null', b'"model":"dear"', "another model of"),
        (rb'"outputs":\[\]', b'"outputs":["**"]', "another outputs"),
        (rb'"commit":"[0-9a-f]{40}"', b'"commit":"' + b"1" * 40 + b'"', "leaves feature/x at 111111111111"),
    ],
)
def test_a_run_log_written_anew_with_what_no_run_says_is_refused(
    shelf: Shelf, git: Git, old: bytes, new: bytes, why: str
) -> None:
    fleet = Fleet.on(shelf, git, protected=["staging"])
    _, run = fleet.parked()

    def change(files: dict[str, bytes]) -> None:
        before = files["run.jsonl"]
        files["run.jsonl"] = _resealed(before, lambda line: re.sub(old, new, line))
        assert files["run.jsonl"] != before

    _forge(fleet, run, change=change)
    _is_refused(fleet, run, why)


def test_a_branch_that_is_protected_in_this_clone_is_refused_whatever_the_plan_says(fleet: Fleet) -> None:
    _, run = fleet.parked()
    top = fleet.first.top
    fleet.git(top, "switch", "-q", "main")
    fleet.first.write(".correctless/config/correctless.yaml", "protected: ['feature/*']\n")
    fleet.git(top, "add", "--all")
    fleet.git(top, "commit", "-q", "-m", "protect")
    fleet.git(top, "push", "-q", str(fleet.origin), "main")
    _is_refused(fleet, run, "is protected")


def test_a_tree_of_more_than_is_bearable_is_refused_before_it_is_read(fleet: Fleet) -> None:
    _, run = fleet.parked()
    clone, parked, files = _clone(fleet, run)
    size = sum(map(len, files.values()))
    assert (remote_ref.files.__kwdefaults__ or {})["largest"] == 256 << 20
    assert remote_ref.files(clone, parked, largest=size) == files
    with pytest.raises(Stop, match="it has over"):
        remote_ref.files(clone, parked, largest=size - 1)


@pytest.mark.parametrize(
    "parent",
    [
        lambda forger, head: forger.git("rev-parse", f"{head}^"),
        lambda forger, head: forger.git("commit-tree", f"{head}^{{tree}}", "-p", head, "-m", "more"),
        lambda forger, _: forger.git("rev-parse", "origin/main"),
    ],
    ids=["older", "with more on top", "elsewhere"],
)
def test_a_run_on_another_commit_than_its_log_says_is_refused(
    fleet: Fleet, parent: Callable[[Repo, str], str]
) -> None:
    _, run = fleet.parked()
    _forge(fleet, run, parent=parent)
    _is_refused(fleet, run, "and it is parked on")


def test_a_run_that_did_not_begin_on_the_branch_is_refused(fleet: Fleet) -> None:
    _, run = fleet.parked()

    def change(files: dict[str, bytes]) -> None:
        forger = find(str(fleet.folder / "forger"))
        base = forger.git("rev-parse", "origin/feature/x")
        orphan = forger.git("commit-tree", f"{base}^{{tree}}", "-m", "elsewhere")
        forger.git("push", "-q", "origin", f"{orphan}:refs/heads/elsewhere")
        old, new = (b'"branch":"feature/x","base":"%s"' % oid.encode() for oid in (base, orphan))
        files["run.jsonl"] = _resealed(files["run.jsonl"], lambda line: line.replace(old, new))

    _forge(fleet, run, change=change)
    _is_refused(fleet, run, "does not go back to")


def test_a_run_in_the_middle_of_an_attempt_is_refused(fleet: Fleet) -> None:
    _, run = fleet.parked()

    def change(files: dict[str, bytes]) -> None:
        lines = files["run.jsonl"].splitlines(keepends=True)
        files["run.jsonl"] = _resealed(b"".join((*lines[:2], lines[-1])), lambda line: line)

    _forge(fleet, run, change=change)
    _is_refused(fleet, run, "does not end in a state that can be parked")


def test_commits_that_were_made_anew_without_what_they_noted_are_refused(fleet: Fleet) -> None:
    _, run = fleet.parked()
    head = ""

    def another(forger: Repo, old: str) -> str:
        nonlocal head
        head = forger.git("commit-tree", f"{old}^{{tree}}", "-p", f"{old}^", "-m", "not of a run")
        return head

    def change(files: dict[str, bytes]) -> None:
        forger = find(str(fleet.folder / "forger"))
        old = remote_ref.look(forger, run, fleet.ref(run)).parent
        another(forger, old)
        files["run.jsonl"] = files["run.jsonl"].replace(old.encode(), head.encode())
        files["run.jsonl"] = _resealed(files["run.jsonl"], lambda line: line)

    _forge(fleet, run, change=change, parent=lambda *_: head)
    _is_refused(fleet, run, "has no commit .* by consolidation of this run")


def test_a_name_that_is_no_runs_and_a_remote_that_is_none_are_refused(fleet: Fleet) -> None:
    other = fleet.machine("other")
    for remote, run in (
        ("origin", "../heads/main"),
        ("origin", "20260102-030405-9f3a"),
        ("--upload-pack=touch x", "20260102-030405-9f3a"),
        (str(fleet.origin), "20260102-030405-9f3a"),
    ):
        done = other.cauto("resume", f"--from={remote}", run)
        assert done.returncode == 3, done.stderr
    assert other.cauto("resume", "--from", "origin").returncode == 2
    assert other.cauto("resume", "20260102-030405-9f3a").returncode == 2


# --- what is here and would be lost


def test_uncommitted_changes_and_other_commits_are_not_overwritten(fleet: Fleet) -> None:
    _, run = fleet.parked()
    before = fleet.ref(run)
    other = fleet.machine("other", "feature/x")
    other.write("mine.txt", "mine")
    done = other.cauto("resume", "--from", "origin", run)
    assert (done.returncode, "mine.txt" in done.stderr) == (3, True)
    fleet.git(other.top, "add", "--all")
    fleet.git(other.top, "commit", "-q", "-m", "mine")
    done = other.cauto("resume", "--from", "origin", run)
    assert (done.returncode, "has commits here" in done.stderr) == (3, True)
    assert fleet.ref(run) == before
    fleet.git(other.top, "reset", "-q", "--hard", "HEAD^")
    done = other.cauto("resume", "--from", "origin", run)  # fast-forward of what stood at the base
    assert done.returncode == 10, done.stderr


def test_a_branch_that_is_checked_out_elsewhere_is_named(fleet: Fleet) -> None:
    _, run = fleet.parked()
    other = fleet.machine("other", "feature/x")
    second = fleet.folder / "second"
    fleet.git(other.top, "worktree", "add", "-q", "-b", "else", str(second))
    done = other.cauto("resume", "--from", "origin", run, cwd=second)
    assert done.returncode == 3
    assert f"is checked out in {other.top}" in done.stderr


def test_logs_of_another_run_and_logs_that_went_further_are_kept(fleet: Fleet) -> None:
    ci, run = fleet.parked()
    other = fleet.machine("other", "feature/x")
    assert other.run(AGENT_PLAY="fail:ctdd").returncode == 20
    mine = Path(other.logs.run).read_bytes()
    done = other.cauto("resume", "--from", "origin", run)
    assert done.returncode == 3
    assert "is the log of other runs" in done.stderr
    assert Path(other.logs.run).read_bytes() == mine
    before = fleet.ref(run)
    assert ci.review(answer="{digest}")[0] == 0  # here alone
    done = ci.cauto("resume", "--from", "origin", run)
    assert done.returncode == 3
    assert "continue here" in done.stderr
    assert fleet.ref(run) == before


def test_an_older_state_that_is_parked_again_is_refused_where_the_newer_one_was_seen(fleet: Fleet) -> None:
    ci, run = fleet.parked(code=20, AGENT_PLAY="fail:cverify")
    older = fleet.ref(run)
    assert ci.cauto("resume").returncode == 10
    fleet.git(ci.top, "push", "-q", "--force", "origin", f"{older}:refs/correctless/runs/{run}")
    fleet.git(ci.top, "reset", "-q", "--hard", "origin/feature/x")
    done = ci.cauto("resume", "--from", "origin", run)
    assert (done.returncode, "has entries that the parked run lacks" in done.stderr) == (3, True)
    shutil.rmtree(ci.top / ".correctless" / "artifacts")
    done = ci.cauto("resume", "--from", "origin", run)  # what remains is the private copy of the heads
    assert (done.returncode, "its tail was cut off" in done.stderr) == (3, True)
    assert fleet.ref(run) == older


def test_what_this_machine_noted_of_the_log_counts(fleet: Fleet) -> None:
    """A remote that knows the run log and the commits may write the decisions anew; the private copy of who saw them remains."""
    ci, _ = fleet.parked()
    noted = [*Path(ci.env["HOME"]).rglob("*correctless*")]
    assert noted
    logs = ci.logs
    data = Path(logs.decisions).read_bytes()
    assert parcel.local_anchors(logs, data, ci.env)
    Path(logs.decisions).unlink()
    assert parcel.local_anchors(logs, data, ci.env)  # the same log
    # Another log in the place of one that is gone: a person says first that nothing is missed here.
    with pytest.raises(Stop, match="decisions new-workspace"):
        parcel.local_anchors(logs, _resealed(data, lambda line: line.replace(b"ctdd", b"cddt")), ci.env)


# --- clones of other kinds


def test_a_shallow_clone_on_no_branch_goes_on_too(fleet: Fleet) -> None:
    _, run = fleet.parked()
    other = fleet.machine("other")
    top = fleet.folder / "shallow"
    fleet.git(fleet.folder, "clone", "-q", "--depth=1", f"file://{fleet.origin}", str(top))
    fleet.git(top, "checkout", "-q", "--detach")
    other.top = top
    assert other.review("--from", "origin", run, answer="{digest}")[0] == 0
    done = other.cauto("resume", "--from", "origin", run)
    assert done.returncode == 0, done.stderr
    assert not (top / ".git" / "FETCH_HEAD").exists()


def test_a_mirroring_clone_gets_no_ref_before_the_run_is_checked(fleet: Fleet) -> None:
    _, run = fleet.parked()
    _forge(fleet, run, entry=_link)
    other = fleet.machine("mirror")
    fleet.git(other.top, "config", "--add", "remote.origin.fetch", "+refs/*:refs/*")
    done = other.cauto("resume", "--from", "origin", run)
    assert done.returncode == 3
    assert fleet.git(other.top, "for-each-ref", "refs/correctless") == ""


def test_texts_nobody_could_read_travel_to_whoever_decides_about_them(fleet: Fleet) -> None:
    damage = """if step == 'cverify':\n    saying.append('{"decision_id": "AD-002", oh no')"""
    ci, run = fleet.parked(AGENT_EXTRA=damage)
    (kept,) = (d["extra"]["kept"] for d in ci.decisions() if "damaged" in d["notes"])
    other = fleet.machine("other")
    assert other.cauto("resume", "--from", "origin", run).returncode == 10
    assert "oh no" in Path(other.logs.artifacts, kept).read_text()


def test_a_notification_names_what_to_type_in_any_clone(make: MakeFleet, tmp_path: Path) -> None:
    told = tmp_path / "told"
    program = tmp_path / "tell"
    program.write_text(f"#!/bin/sh\ncat > {told}\n")
    program.chmod(0o755)
    fleet = make(notify=[str(program)])
    _, run = fleet.parked()
    said = json.loads(told.read_text())
    assert said["next"] == f"correctless review --from origin {run}"
    assert said["digest"]
    told.unlink()
    assert fleet.machine("reviewer").command("review", "--from", "origin", run).returncode == 10
    assert not told.exists()  # to look at a run starts nothing of it


def test_what_will_run_here_is_said_before_it_runs(fleet: Fleet) -> None:
    _, run = fleet.parked(code=20, AGENT_PLAY="fail:cverify")
    other = fleet.machine("other")
    done = other.cauto("resume", "--from", "origin", run)
    said = done.stderr.splitlines()
    assert said[0] == f"runs here: agent command:{other.agent}"
    assert f"runs here: check {sys.executable} -m unittest -q" in said


def test_a_second_run_of_a_branch_takes_the_logs_of_the_first_along(fleet: Fleet) -> None:
    ci, first = fleet.parked()
    assert ci.review(answer="{digest}")[0] == 0
    assert ci.cauto("resume").returncode == 0
    assert ci.run(CI="true", AGENT_PLAY="fail:ctdd").returncode == 20
    second = ci.state().run
    assert second != first
    other = fleet.machine("other")
    done = other.cauto("resume", "--from", "origin", second)
    assert done.returncode == 10, done.stderr
    assert {d["run"] for d in other.decisions()} == {first, second}


def test_a_run_that_is_squashed_to_one_commit_goes_on_too_and_only_a_step_that_is_gone_does_not(
    make: MakeFleet,
) -> None:
    fleet = make(commit={"squash": True})
    _, run = fleet.parked()
    other = fleet.machine("other")
    assert other.cauto("resume", "--from", "origin", run).returncode == 10
    assert fleet.git(other.top, "rev-list", "--count", "origin/feature/x..HEAD") == "1"
    before = other.events()
    code, said = other.review("--rerun", "cverify")
    assert (code, "is not in this clone" in said) == (3, True)
    assert other.events() == before
    assert other.review(answer="{digest}")[0] == 0
    assert other.cauto("resume").returncode == 0


def test_a_check_tries_whether_a_run_could_be_parked(fleet: Fleet) -> None:
    machine = fleet.machine("a", "feature/x")
    words = ["check", "--spec", "spec.md", "--agent", f"command:{machine.agent}", "--park", "origin"]
    assert machine.run(AGENT_PLAY="fail:ctdd").returncode == 20  # the spec is approved now
    assert machine.cauto("stop", "--abandon").returncode == 0
    done = machine.cauto(*words)
    assert "ok         git push --dry-run origin refs/correctless/runs/" in done.stdout, (
        done.stdout + done.stderr
    )
    assert fleet.ref("*") == ""
    fleet.origin.rename(fleet.folder / "away.git")
    assert "FAILED     git push --dry-run origin refs/correctless" in machine.cauto(*words).stdout


def test_names_of_what_an_attempt_left_are_no_secret_and_a_token_beside_them_is() -> None:
    telegram = "0123456789" + ":" + "Ab1" * 11 + "xY"
    left = (
        "a" * 32 + "12345678" + ":" + "b" * 40
    )  # a commit that ends in digits: with the colon it looks like a token

    def found(**values: str) -> list[str]:
        line = json.dumps({"event": "agent_ended", **values}).encode() + b"\n"
        return [each.message for each in leaks.secrets("", parcel.texts({"run.jsonl": line}))]

    assert found(left=left) == []
    assert len(found(left=left, reason=f"use {telegram}")) == 1
    assert found(left=f"{left} {telegram}") != []
