"""A whole run on a real repository with a real agent program: what is done, what is recorded, what stops it."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import correctless
import terminal
from conftest import Git
from correctless.base import exits
from correctless.project.git import find
from correctless.project.lock import Lock
from correctless.runlog.events import GateClosed
from patience import PATIENCE, until
from places import ROOT, SOURCE
from project import CONFIG, Project


@pytest.fixture
def project(scratch_repo: Path, git) -> Project:  # type: ignore[no-untyped-def]
    return Project(scratch_repo, git)


def test_a_run_waits_at_the_gate_and_ends_once_a_person_confirmed(project: Project) -> None:
    done = project.run()
    assert done.returncode == exits.PERSON, done.stderr
    assert "2 decisions need your confirmation" in done.stderr
    assert "Deferred escalations" in done.stdout
    listed = "differs from the listed default: as the spec lists them, one at a time"
    assert listed in " ".join(done.stdout.split())
    assert project.ran() == ["ctdd#1", "simplify#1", "cverify#1", "cdocs#1"]
    assert [(d["skill"], d["decision_id"], d["escalation_deferred"]) for d in project.decisions()] == [
        ("ctdd", "AD-001", False),
        ("simplify", "AD-001", False),
        ("cverify", project.decisions()[2]["decision_id"], True),
        ("cdocs", "AD-UNLISTED-1", True),
    ]
    assert "corrected" in project.decisions()[2]["notes"]
    assert project.decisions()[3]["extra"]["claimed_id"] == "AD-777"

    code, shown = project.review(answer="{digest}")
    assert code == exits.OK, shown
    assert "2 decisions need your confirmation" in shown
    again = project.cauto("resume")
    assert again.returncode == exits.OK, again.stderr
    assert "complete" in again.stderr
    assert len(again.stdout.splitlines()) == 1
    assert again.stdout.startswith("4 decisions in 4 steps, 2 confirmed; ")
    assert project.state().phase == "complete"
    assert project.ran() == ["ctdd#1", "simplify#1", "cverify#1", "cdocs#1"]
    body = Path(project.logs.folder(project.state().run), "pull-request.md").read_text()
    assert "Ada (terminal)" in body
    assert "R-002" in body
    assert listed in body
    assert project.cauto("resume").returncode == exits.OK
    manifest = json.loads(Path(project.logs.manifest).read_text())
    assert manifest["status"] == "complete"
    assert manifest["expected_steps"] == manifest["completed_steps"]
    assert project.command("gate").returncode == exits.OK
    assert project.command("decisions", "verify").returncode == exits.OK


@pytest.mark.sweep(2)
@pytest.mark.parametrize("typed", ["00000000", "{digest}0000", "{short}", "yes", ""])
def test_a_wrong_digest_confirms_nothing(project: Project, typed: str) -> None:
    project.run()
    code, shown = project.review(answer=typed)
    assert code == exits.PERSON
    assert (
        not os.path.exists(project.logs.confirmations)
        or "escalations" not in Path(project.logs.confirmations).read_text()
    )
    assert project.cauto("resume").returncode == exits.PERSON, shown


def test_an_old_digest_confirms_nothing_once_another_decision_was_deferred(project: Project) -> None:
    project.run()
    gate = project.state().gate
    assert gate is not None
    added = project.command(
        "writer", "append", "ctdd", '{"decision_id": "AD-999", "default_applied": "x", "rationale": "y"}'
    )
    assert added.returncode == 0, added.stderr
    code, shown = project.review("--confirm", gate.digest)
    assert code == exits.PERSON
    assert "is not the digest" in shown
    code, _ = project.review(answer="{digest}")
    assert code == exits.OK
    closings = [item.event for item in project.events() if isinstance(item.event, GateClosed)]
    assert [len(closing.challenge) for closing in closings] == [32, 32]
    assert closings[0].challenge != closings[1].challenge
    assert project.cauto("resume").returncode == exits.OK


def test_a_rejection_keeps_the_gate_closed_and_says_why(project: Project) -> None:
    project.run()
    code, _ = project.review(answer="no")
    assert code == exits.PERSON
    again = project.cauto("resume")
    assert again.returncode == exits.PERSON
    assert "rejected by Ada: not like this" in again.stderr


@pytest.mark.parametrize("words", [["--confirm", "x" * 8], ["--reject"], ["--rerun", "cdocs"]])
def test_no_answer_is_taken_inside_an_agent_or_a_tool_call(project: Project, words: list[str]) -> None:
    project.run()
    for mark in ("CORRECTLESS_AGENT", "CLAUDECODE"):
        code, shown = project.review(*words, env={mark: "1"})
        assert code == exits.REFUSED, shown
        assert "run it in your own" in shown


def test_no_answer_is_taken_below_an_agent_that_hides_its_mark(project: Project) -> None:
    project.run()
    digest = project.state().gate.digest  # type: ignore[union-attr]
    inner = [
        "env",
        "-u",
        "CORRECTLESS_AGENT",
        sys.executable,
        "-m",
        "correctless",
        "review",
        "--confirm",
        digest,
    ]
    outer = f"import pexpect, sys; c = pexpect.spawn('env', {inner[1:]!r}, timeout={PATIENCE}); c.expect(pexpect.EOF); c.close(); print(c.before.decode()); sys.exit(c.exitstatus)"
    src = str(SOURCE)
    env = {**project.env, "CORRECTLESS_AGENT": "1", "PYTHONPATH": src}
    for marked, code in ((env, exits.REFUSED), ({**project.env, "PYTHONPATH": src}, exits.OK)):
        done = subprocess.run(
            [sys.executable, "-c", outer],
            cwd=project.top,
            env=marked,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr


def test_an_answer_needs_a_terminal(project: Project) -> None:
    project.run()
    digest = project.state().gate.digest  # type: ignore[union-attr]
    done = project.command("review", "--confirm", digest)
    assert done.returncode == exits.REFUSED
    assert "terminal" in done.stderr
    shown = project.command("review")
    assert shown.returncode == exits.PERSON
    assert "AD-UNLISTED-1" in shown.stdout


def test_a_confirmation_by_a_channel_that_is_not_trusted_opens_nothing(scratch_repo: Path, git) -> None:  # type: ignore[no-untyped-def]
    project = Project(scratch_repo, git, config={**CONFIG, "confirm_channels": ["github"]})
    project.run()
    code, shown = project.review(answer="{digest}")
    assert code == exits.PERSON, shown
    assert "confirm_channels" in shown
    assert project.cauto("resume").returncode == exits.PERSON


def test_each_step_is_one_commit_whose_trailers_anchor_the_decisions_log(project: Project) -> None:
    project.run()
    lines = Path(project.logs.decisions).read_bytes().split(b"\n")
    log = project.git(
        project.top,
        "log",
        "--reverse",
        "--format=%(trailers:key=Correctless-Step,valueonly,separator=%x2C) %(trailers:key=Correctless-Log,valueonly,separator=%x2C)",
        "main..HEAD",
    )
    marks = [line.split() for line in log.splitlines() if line.strip()]
    assert [mark[0] for mark in marks] == ["ctdd#1", "simplify#1", "cverify#1", "cdocs#1", "consolidation#1"]
    for _, anchor in marks:
        seq, head = anchor.split(":")
        assert hashlib.sha256(lines[int(seq) - 1]).hexdigest() == head
    assert project.git(project.top, "status", "--porcelain") == ""
    assert ".correctless/artifacts" not in project.git(project.top, "ls-files")


@pytest.mark.parametrize(
    ("play", "why"),
    [
        ("break-simplify", "the check"),
        ("simplify-touches-config", "which it must not change"),
        ("fail:simplify", "failed"),
    ],
)
def test_simplify_is_taken_back_and_the_run_goes_on(project: Project, play: str, why: str) -> None:
    done = project.run(AGENT_PLAY=play)
    assert done.returncode == exits.PERSON, done.stderr
    reverted = [item.event for item in project.events() if item.event.event == "reverted"]
    assert len(reverted) == 1
    assert why in reverted[0].reason or play == "fail:simplify"  # type: ignore[union-attr]
    assert (project.top / "greet.py").read_text().endswith("strip()\n")
    assert "simplify" in done.stdout
    assert "cdocs#1" in project.ran()


def test_a_step_that_keeps_failing_ends_the_run_with_20_and_keeps_what_was_tried(project: Project) -> None:
    done = project.run(AGENT_PLAY="short-report")
    assert done.returncode == exits.FAILED
    assert "does not name R-002" in done.stderr
    assert project.ran() == ["ctdd#1", "simplify#1", "cverify#1", "cverify#2", "cverify#3"]
    patches = [item.event.patch for item in project.events() if item.event.event == "attempt_failed"]  # type: ignore[union-attr]
    assert all(patch and "R-001: met" in Path(project.logs.artifacts, patch).read_text() for patch in patches)
    assert project.git(project.top, "status", "--porcelain") == ""
    rows = [line.split() for line in done.stdout.splitlines() if line.strip().startswith("cverify#")]
    assert [row[1:3] for row in rows] == [["check", "failed"]] * 3
    refused = project.run()
    assert refused.returncode == exits.REFUSED
    assert "cauto resume" in refused.stderr
    assert "--abandon" in refused.stderr
    assert project.cauto("resume").returncode == exits.PERSON
    assert project.ran()[-2:] == ["cverify#4", "cdocs#1"]


def test_a_second_attempt_begins_in_a_clean_tree_and_supersedes_the_first(project: Project) -> None:
    done = project.run(AGENT_PLAY="fail:ctdd#1")
    assert done.returncode == exits.PERSON, done.stderr
    assert project.ran()[:2] == ["ctdd#1", "ctdd#2"]
    assert [d["attempt"] for d in project.decisions() if d["skill"] == "ctdd"] == [2]


def test_a_reviewer_can_have_a_step_run_again_and_its_old_decisions_are_superseded(project: Project) -> None:
    project.run()
    before = project.git(project.top, "rev-parse", "HEAD")
    code, shown = project.review("--rerun", "cverify", "--note", "look at R-002 again")
    assert code == exits.PERSON, shown
    assert project.cauto("resume").returncode == exits.PERSON
    assert project.ran()[-2:] == ["cverify#2", "cdocs#2"]
    kept = project.git(project.top, "for-each-ref", "--format=%(objectname)", "refs/correctless/kept")
    assert kept == before
    prompt = Path(project.logs.folder(project.state().run), "cverify-2", "prompt.md").read_text()
    assert "> look at R-002 again" in prompt
    view = project.command("gate", "--json")
    assert [w["attempt"] for w in json.loads(view.stdout)["waiting"]] == [2, 2]


def test_the_prompt_says_its_mode_first_and_the_agent_is_told_its_contract(project: Project) -> None:
    project.run()
    run = project.state().run
    for step in ("ctdd", "cverify"):
        prompt = Path(project.logs.folder(run), f"{step}-1", "prompt.md").read_text()
        assert prompt.splitlines()[0] == "mode: autonomous"
        assert "- AD-001" in prompt
        assert str(Path(project.logs.folder(run), "frozen", step, "SKILL.md")) in prompt


def test_a_nonce_is_new_for_each_attempt_and_in_no_file_while_its_agent_runs(project: Project) -> None:
    look = (
        "found = [str(p) for p in pathlib.Path('.').rglob('*') if p.is_file() and nonce.encode() in p.read_bytes()]\n"
        "print(nonce, found, file=open(os.environ['AGENT_DIARY'] + '-nonces', 'a'))\n"
        "if step + attempt == 'ctdd1': sys.exit(9)"
    )
    done = project.run(AGENT_EXTRA=look)
    assert done.returncode == exits.PERSON, done.stderr
    noted = [line.split(" ", 1) for line in Path(f"{project.diary}-nonces").read_text().splitlines()]
    assert len({nonce for nonce, _ in noted}) == len(noted) == len(project.ran()) == 5
    assert {found for _, found in noted} == {"[]"}
    # Afterwards it is there to be looked up.
    assert Path(project.logs.folder(project.state().run), "ctdd-2", "nonce").read_text() == noted[1][0]


def test_a_check_runs_with_the_agents_environment_and_no_credential(scratch_repo: Path, git: Git) -> None:
    code = "import os; assert os.environ['CORRECTLESS_AGENT']; assert 'GH_TOKEN' not in os.environ"
    steps = [{"skill": "ctdd", "check": [sys.executable, "-c", code]}]
    project = Project(scratch_repo, git, config={**CONFIG, "pipelines": {"default": {"steps": steps}}})
    done = project.run(GH_TOKEN="secret")
    assert done.returncode == exits.OK, done.stderr


def test_a_detached_run_returns_at_once_and_goes_on(project: Project) -> None:
    done = project.cauto(*project.run_words("--detach"))
    assert done.returncode == 0, done.stderr
    run = done.stdout.strip()
    assert project.state().run == run
    for _ in range(200):
        status = project.cauto("status", "--json")
        if (
            json.loads(status.stdout)["status"] == "waiting"
            and project.run("--detach").returncode != exits.LOCKED
        ):
            break
    assert json.loads(status.stdout)["digest"]
    assert project.ran() == ["ctdd#1", "simplify#1", "cverify#1", "cdocs#1"]


def test_a_worktree_of_its_own_leaves_the_person_alone_and_its_removal_takes_no_log(project: Project) -> None:
    project.git(project.top, "switch", "-q", "-c", "elsewhere")
    (project.top / "README.md").write_text("being edited\n")
    (project.top / ".worktreeinclude").write_text("local.env\n")
    (project.top / ".git/info/exclude").write_text(".worktreeinclude\nlocal.env\n")
    (project.top / "local.env").write_text("A=1\n")
    done = project.cauto(*project.run_words("--worktree", "feature/y"))
    assert done.returncode == exits.PERSON, done.stderr
    made = Path(done.stderr.split("worktree: ")[1].splitlines()[0])
    assert (made / "local.env").read_text() == "A=1\n"
    assert (project.top / "README.md").read_text() == "being edited\n"
    logs = [
        p
        for p in (project.top / ".correctless/artifacts").iterdir()
        if p.name.startswith("autonomous-decisions-feature-y") and p.suffix == ".jsonl"
    ]
    assert len(logs) == 1
    before = logs[0].read_bytes()
    assert not (made / ".correctless/artifacts").exists()
    project.git(project.top, "worktree", "remove", "--force", str(made))
    assert logs[0].read_bytes() == before
    assert len(before.splitlines()) == 4


def test_the_last_word_of_a_run_in_a_worktree_of_its_own_can_be_typed_where_the_person_stands(
    project: Project,
) -> None:
    project.git(project.top, "switch", "-q", "-c", "elsewhere")
    done = project.cauto(*project.run_words("--worktree", "feature/y"))
    made = done.stderr.split("worktree: ")[1].splitlines()[0]
    assert done.stderr.splitlines()[-1].endswith(f"read and answer with: cd {made} && correctless review")
    again = project.cauto(*project.run_words("--worktree", "feature/y"))
    assert again.returncode == exits.REFUSED
    assert "which exists already" in again.stderr
    assert f"continue with: cd {made} && correctless cauto resume" in again.stderr
    assert Path(made).is_dir()
    inside = project.cauto("resume", cwd=Path(made))
    assert inside.stderr.splitlines()[-1].endswith("read and answer with: correctless review")


@pytest.mark.parametrize("typed", [None, "n\n"])
def test_a_run_in_a_worktree_of_its_own_that_never_started_leaves_neither_worktree_nor_branch(
    project: Project, typed: str | None
) -> None:
    words = ["cauto", *project.run_words("--worktree", "feature/y")]
    if typed is None:
        words[words.index("spec.md")] = "none.md"
        assert project.command(*words).returncode == exits.REFUSED
    else:
        del words[words.index("--approve-spec-as") : words.index("--approve-spec-as") + 2]
        child = terminal.spawn([*correctless.itself(), *words], project.top, project.env)
        child.expect("approve this spec")
        child.sendcontrol("c")
        assert terminal.ended(child)[0] != exits.OK
    assert project.git(project.top, "branch", "--list", "feature/y") == ""
    assert len(project.git(project.top, "worktree", "list").splitlines()) == 1


def test_the_gate_is_closed_until_the_run_has_come_to_it(project: Project) -> None:
    assert project.run(AGENT_PLAY="fail:simplify fail:cverify").returncode == exits.FAILED
    done = project.command("gate")
    assert done.returncode == exits.PERSON
    assert "stopped before its gate (2 of 4 steps are done): cverify failed 3 times" in done.stdout
    found = json.loads(project.command("gate", "--json").stdout)
    assert (found["open"], found["waiting"]) == (False, [])
    assert not correctless.gate(project.logs.decisions).open
    assert project.command("cauto", "stop", "--abandon").returncode == exits.OK
    assert project.command("gate").returncode == exits.OK


def test_the_gate_is_closed_while_the_run_is_at_work(project: Project) -> None:
    running = project.start(*project.run_words(), AGENT_PLAY="hold:cdocs")
    until(lambda: "cdocs#1" in project.ran())
    done = project.command("gate")
    assert done.returncode == exits.PERSON
    assert "has not reached its gate yet (3 of 4 steps are done)" in done.stdout
    (project.top.parent / f"{project.diary.name}.go").write_text("")
    running.communicate(timeout=PATIENCE)
    assert running.returncode == exits.PERSON
    assert "decisions need your confirmation" in project.command("gate").stdout


def test_what_decides_how_work_is_judged_becomes_a_persons_decision(project: Project) -> None:
    extra = "pathlib.Path('CLAUDE.md').write_text('obey') if step == 'cdocs' else None"
    done = project.run(AGENT_EXTRA=extra)
    assert done.returncode == exits.PERSON
    found = [d for d in project.decisions() if d["source"] == "synthesized"]
    assert [(d["skill"], d["key"].rpartition("/")[2], d["escalation_deferred"]) for d in found] == [
        ("cdocs", "sinstructions", True)
    ]
    assert "CLAUDE.md" in found[0]["default_applied"]


def test_an_agent_that_leaves_the_branch_or_rewrites_it_fails_its_attempt(project: Project) -> None:
    extra = "os.system('git switch -q -c away') if step + attempt == 'ctdd1' else os.system('git commit -q --amend -m x --allow-empty') if step + attempt == 'ctdd2' else None"
    done = project.run(AGENT_EXTRA=extra)
    assert done.returncode == exits.PERSON, done.stderr
    reasons = [item.event.reason for item in project.events() if item.event.event == "attempt_failed"]  # type: ignore[union-attr]
    assert "left the branch" in reasons[0]
    assert "rewrote commits" in reasons[1]
    assert project.git(project.top, "symbolic-ref", "--short", "HEAD") == "feature/x"
    assert project.ran()[:3] == ["ctdd#1", "ctdd#2", "ctdd#3"]


def test_the_plan_is_executed_from_its_frozen_copy(project: Project) -> None:
    extra = "pathlib.Path('.correctless/config/correctless.yaml').write_text('agent: claude') if step == 'ctdd' else None"
    done = project.run(AGENT_EXTRA=extra)
    assert done.returncode == exits.PERSON, done.stderr
    assert project.ran() == ["ctdd#1", "simplify#1", "cverify#1", "cdocs#1"]
    assert any(d["key"].endswith("/sconfiguration") for d in project.decisions() if d["key"])


def test_a_frozen_file_that_was_changed_stops_the_run(project: Project) -> None:
    project.run(AGENT_PLAY="short-report")
    run = project.state().run
    frozen = Path(project.logs.folder(run), "frozen", "cdocs", "SKILL.md")
    frozen.chmod(0o600)
    frozen.write_text(frozen.read_text() + "\nObey.\n")
    done = project.cauto("resume")
    assert done.returncode == exits.REFUSED
    assert "was changed after the run was planned" in done.stderr


def test_a_branch_that_moved_after_the_gate_is_not_published(project: Project) -> None:
    project.run()
    assert project.review(answer="{digest}")[0] == exits.OK
    project.git(project.top, "commit", "-q", "--allow-empty", "-m", "slipped in")
    done = project.cauto("resume")
    assert done.returncode == exits.PERSON
    assert "the other commits are neither checked nor confirmed" in done.stderr


@pytest.mark.parametrize("log", ["decisions", "run"])
def test_a_damaged_log_stops_everything_with_3(project: Project, log: str) -> None:
    project.run()
    path = Path(getattr(project.logs, log))
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 1
    path.write_bytes(data)
    for words in (("cauto", "resume"), ("gate",), ("review",), ("cauto", "status")):
        done = project.command(*words)
        assert done.returncode == exits.REFUSED, (words, done.stdout, done.stderr)
        assert len(done.stderr.splitlines()) == 1


def test_a_decisions_log_that_lost_its_tail_or_is_gone_is_noticed(project: Project) -> None:
    project.run()
    path = Path(project.logs.decisions)
    whole = path.read_bytes()
    path.write_bytes(b"".join(whole.splitlines(keepends=True)[:-1]))
    done = project.command("gate")
    assert done.returncode == exits.REFUSED
    assert "run log entry" in done.stderr
    path.unlink()
    assert project.cauto("resume").returncode == exits.REFUSED
    path.write_bytes(b"")
    assert project.cauto("resume").returncode == exits.REFUSED
    path.write_bytes(whole)
    assert project.command("gate").returncode == exits.PERSON


@pytest.mark.sweep(2)
@pytest.mark.parametrize(
    "words",
    ["git push origin HEAD", "git push {url} HEAD", "git push file://{url} HEAD", "git push other HEAD"],
)
def test_an_agent_can_commit_and_has_nowhere_to_push_to(project: Project, words: str, tmp_path: Path) -> None:
    project.git(tmp_path, "init", "-q", "--bare", "origin.git")
    url = str(tmp_path / "origin.git")
    project.git(project.top, "remote", "add", "origin", url)
    project.git(project.top, "remote", "add", "other", "/nowhere")
    project.git(project.top, "config", "remote.other.pushurl", url)
    extra = f"(os.system('git commit -q --allow-empty -m mine'), os.system({words.format(url=url)!r}))"
    done = project.run(AGENT_EXTRA=extra)
    assert done.returncode == exits.PERSON, done.stderr
    assert project.git(project.top, "log", "--format=%s", "main..HEAD").splitlines().count("mine") == 4
    assert project.git(tmp_path / "origin.git", "for-each-ref") == ""
    project.git(project.top, *words.format(url=url).split()[1:])  # the person can
    assert project.git(tmp_path / "origin.git", "for-each-ref") != ""


def test_every_commit_of_a_run_is_signed_where_git_is_configured_so(project: Project) -> None:
    signer = project.top.parent / "signer"
    # A key that only the person's own environment reaches, as one in an ssh-agent.
    signer.write_text(
        '#!/bin/sh\n[ -n "$SSH_AUTH_SOCK" ] || exit 1\ncat > /dev/null\n'
        "echo '-----BEGIN PGP SIGNATURE-----'; echo ours; echo '-----END PGP SIGNATURE-----'\n"
        "echo '[GNUPG:] SIG_CREATED ' >&2\n"
    )
    signer.chmod(0o755)
    project.git(project.top, "config", "gpg.program", str(signer))
    project.git(project.top, "config", "commit.gpgSign", "true")
    done = project.run(SSH_AUTH_SOCK="/some/socket")
    assert done.returncode == exits.PERSON, done.stderr
    commits = project.git(project.top, "rev-list", "main..HEAD").split()[:5]
    assert all("gpgsig" in project.git(project.top, "cat-file", "commit", commit) for commit in commits)
    assert project.review(answer="{digest}")[0] == exits.OK
    assert project.cauto("resume").returncode == exits.OK


def test_an_ignored_sigchld_is_not_handed_on(project: Project) -> None:
    code = "import signal, subprocess, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN); import os; os.execv(sys.argv[1], sys.argv[1:])"
    words = [
        *correctless.itself(),
        "cauto",
        *project.run_words("--agent", "command:false", "--pipeline", "default"),
    ]
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        cwd=project.top,
        env=project.env,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == exits.FAILED, done.stderr


def test_a_repaired_log_closes_the_gate_until_a_person_confirmed_the_loss(project: Project) -> None:
    project.run()
    path = Path(project.logs.decisions)
    data = bytearray(path.read_bytes())
    data[40] ^= 1
    path.write_bytes(data)
    assert project.command("gate").returncode == exits.REFUSED
    repaired = project.command("decisions", "repair")
    assert repaired.returncode == exits.OK, repaired.stderr
    assert project.command("gate").returncode == exits.PERSON
    code, shown = project.review(answer="{digest}")
    assert code == exits.OK, shown
    assert project.cauto("resume").returncode == exits.OK


@pytest.mark.parametrize(
    ("typed", "code", "channel"), [("y", exits.PERSON, "terminal"), ("n", exits.REFUSED, None)]
)
def test_a_person_at_a_terminal_is_shown_the_spec_and_asked(
    project: Project, typed: str, code: int, channel: str | None
) -> None:
    # From 3.12 on `python -m unittest` ends with 5 where there are no tests yet, and the check would say so.
    words = ["cauto", "run", "--no-check", "--spec", "spec.md", "--agent", f"command:{project.agent}"]
    child = terminal.spawn([*correctless.itself(), *words], project.top, project.env)
    child.expect("R-002: greet")
    found, shown = terminal.typed(child, (("approve this spec", typed),))
    assert found == code, shown
    if channel is None:
        assert not os.path.exists(project.logs.run)
    else:
        started = project.events()[0].event
        assert (started.approved_by, started.approved_channel) == ("Ada", channel)  # type: ignore[union-attr]


def test_what_is_typed_before_the_spec_is_shown_approves_nothing(project: Project) -> None:
    words = ["cauto", "run", "--no-check", "--spec", "spec.md", "--agent", f"command:{project.agent}"]
    child = terminal.spawn([*correctless.itself(), *words], project.top, project.env)
    child.send("y\ny\n")
    found, shown = terminal.typed(child, (("approve this spec", "n"),))
    assert found == exits.REFUSED, shown
    assert not os.path.exists(project.logs.run)


def test_a_step_does_not_begin_in_a_tree_that_somebody_else_changed(project: Project) -> None:
    assert project.run(AGENT_PLAY="short-report").returncode == exits.FAILED
    project.write("mine.txt", "a person's half-finished thought")
    done = project.cauto("resume")
    assert done.returncode == exits.REFUSED
    assert "changes that no step of the run made" in done.stderr
    assert (project.top / "mine.txt").exists()
    (project.top / "mine.txt").unlink()
    assert project.cauto("resume").returncode == exits.PERSON


def test_a_report_of_before_does_not_count_for_this_attempt(project: Project) -> None:
    report = f".correctless/reports/{project.logs.branch_slug}/cverify.md"
    project.write(report, "R-001: met\nR-002: met\n")
    project.git(project.top, "add", "--all")
    project.git(project.top, "commit", "-q", "-m", "a report of last week")
    done = project.run(AGENT_PLAY="no-report")
    assert done.returncode == exits.FAILED
    assert "was not written" in done.stderr


@pytest.mark.parametrize("name", ["answer.md", "nonce"])
def test_an_answer_that_changed_on_disk_is_not_read(project: Project, name: str) -> None:
    project.killed("event", 3, *project.run_words())  # agent_ended is on record, its decisions are not
    folder = Path(project.logs.folder(project.state().run), "ctdd-1")
    (folder / name).write_text((folder / name).read_text().replace("AD-001", "AD-002") + "0")
    done = project.cauto("resume")
    assert done.returncode == exits.PERSON, done.stderr
    failed = [item.event for item in project.events() if item.event.event == "attempt_failed"]
    assert "answer on disk was changed" in failed[0].reason  # type: ignore[union-attr]
    assert [d["attempt"] for d in project.decisions() if d["skill"] == "ctdd"] == [2]


@pytest.mark.parametrize("name", ["left.txt", "hidden.txt"])
def test_a_pipe_in_the_place_of_the_dispatchers_own_list_stops_the_run_and_is_not_waited_for(
    project: Project, name: str
) -> None:
    folder = f"{project.logs.artifacts}/runs/' + os.environ['CORRECTLESS_RUN'] + '/ctdd-1/{name}"
    done = project.run(AGENT_EXTRA=f"if step == 'ctdd': os.mkfifo('{folder}')")
    assert done.returncode == exits.REFUSED, done.stderr
    assert f"{name} can't be read: " in done.stderr
    Path(project.logs.folder(project.state().run), "ctdd-1", name).unlink()
    assert project.cauto("resume").returncode == exits.PERSON


@pytest.mark.parametrize(
    ("play", "fault"), [("no-report", "was not written"), ("short-report", "does not name R-002")]
)
def test_a_report_nobody_configured_is_asked_for_and_its_absence_is_a_persons_decision(
    scratch_repo: Path, git: Git, play: str, fault: str
) -> None:
    config = {"commands": CONFIG["commands"], "pipelines": {"default": {"steps": [{"skill": "cverify"}]}}}
    project = Project(scratch_repo, git, config=config)
    done = project.run(AGENT_PLAY=play)
    assert done.returncode == exits.PERSON, done.stderr
    assert project.ran() == ["cverify#1"]
    (found,) = [d for d in project.decisions() if d["source"] == "synthesized"]
    assert fault in found["original_escalation_reason"]
    assert found["escalation_deferred"]
    # The pull request names a report only if its branch has it.
    assert project.review(answer="{digest}")[0] == exits.OK
    assert project.cauto("resume").returncode == exits.OK
    text = Path(project.logs.folder(project.state().run), "pull-request.md").read_text()
    assert ("reports/" in text.partition("## Verification")[2]) == (play == "short-report")


def test_the_script_in_the_documentation_is_an_agent(scratch_repo: Path, git: Git) -> None:
    project = Project(scratch_repo, git, config=None)
    page = (ROOT / "docs/agents.md").read_text()
    script = project.top.parent / "agent.sh"
    script.write_text(page.split("```sh\n", 1)[1].split("```", 1)[0])
    script.chmod(0o755)
    done = project.cauto(*project.run_words("--agent", "command:../agent.sh", "--pr", "skip"))
    assert done.returncode == exits.PERSON, done.stderr
    assert (project.top / "notes.txt").read_text().splitlines()[0] == "ctdd, attempt 1"
    assert {d["decision_id"] for d in project.decisions() if d["source"] == "block"} == {"AD-001"}
    assert project.review(answer="{digest}")[0] == exits.OK
    assert project.cauto("resume").returncode == exits.OK


def test_an_agent_can_not_become_a_dispatcher_by_the_lock_it_inherited(project: Project) -> None:
    src = str(SOURCE)
    call = f"PYTHONPATH={src} {sys.executable} -m correctless cauto resume --lock-fd $fd >> {project.diary}-said 2>&1"
    extra = f"os.system('for fd in 3 4 5 6 7 8 9 10 11 12; do {call}; done') if step == 'ctdd' else None"
    done = project.run(AGENT_EXTRA=extra)
    assert done.returncode == exits.PERSON, done.stderr
    said = Path(f"{project.diary}-said").read_text().splitlines()
    assert len(said) == 10
    assert all("an agent cannot take over" in line for line in said)
    assert "resumed" not in [item.event.event for item in project.events()]


def test_an_open_file_that_is_not_the_lock_is_not_taken_for_it(project: Project) -> None:
    project.run()
    done = project.cauto("resume", "--lock-fd", "0")
    assert done.returncode == exits.REFUSED
    assert "is not the lock" in done.stderr


def test_a_run_is_alive_where_its_own_worktree_is_locked(project: Project) -> None:
    project.killed("event", 4, *project.run_words())
    project.git(project.top, "stash", "-q", "--include-untracked")
    project.git(project.top, "switch", "-q", "-c", "feature/other")
    project.git(project.top, "worktree", "add", "-q", "../linked", "feature/x")

    def shown() -> str:
        return json.loads(project.cauto("status", "--all", "--json").stdout)[0]["status"]  # type: ignore[no-any-return]

    with Lock.take(find(str(project.top)), "a run of another branch"):
        assert shown().startswith("interrupted")
    with Lock.take(find(str(project.top.parent / "linked")), "this run"):
        assert shown() == "running"


@pytest.mark.parametrize("signoff", [False, True])
def test_a_squashed_branch_is_one_commit_and_its_log_still_holds(
    scratch_repo: Path, git: Git, signoff: bool
) -> None:
    project = Project(scratch_repo, git, config={**CONFIG, "commit": {"squash": True, "signoff": signoff}})
    base = git(scratch_repo, "rev-parse", "HEAD")
    assert project.run().returncode == exits.PERSON
    assert git(scratch_repo, "log", "--format=%s", f"{base}..HEAD") == "Greeting"
    message = git(scratch_repo, "log", "-1", "--format=%B")
    assert "Steps: ctdd, simplify, cverify, cdocs" in message
    assert "Correctless-Step: consolidation#1" in message
    assert ("Signed-off-by: Ada <" in message) is signoff
    assert not git(scratch_repo, "status", "--porcelain")
    kept = f"refs/correctless/kept/{project.state().run}/squashed"
    assert git(scratch_repo, "log", "--format=%s", f"{base}..{kept}").count("Greeting") == 0
    assert git(scratch_repo, "rev-parse", f"{kept}^{{tree}}") == git(scratch_repo, "rev-parse", "HEAD^{tree}")
    assert project.command("decisions", "verify", "--offline").returncode == 0
    assert project.review(answer="{digest}")[0] == exits.OK
    assert project.cauto("resume").returncode == exits.OK


def test_a_step_of_a_squashed_branch_can_run_again(scratch_repo: Path, git: Git) -> None:
    project = Project(scratch_repo, git, config={**CONFIG, "commit": {"squash": True}})
    base = git(scratch_repo, "rev-parse", "HEAD")
    assert project.run().returncode == exits.PERSON
    assert project.review("--rerun", "cverify")[0] == exits.PERSON
    assert project.cauto("resume").returncode == exits.PERSON
    assert project.ran() == ["ctdd#1", "simplify#1", "cverify#1", "cdocs#1", "cverify#2", "cdocs#2"]
    assert git(scratch_repo, "log", "--format=%s", f"{base}..HEAD") == "Greeting"


@pytest.mark.parametrize(("where", "number"), [("effect", 6), ("event", 6), ("event", 7)])
def test_a_squash_that_was_cut_off_is_done_once(
    scratch_repo: Path, git: Git, where: str, number: int
) -> None:
    config = {"pipelines": {"default": {"steps": [{"skill": "cdocs"}]}}, "commit": {"squash": True}}
    project = Project(scratch_repo, git, config=config)
    base = git(scratch_repo, "rev-parse", "HEAD")
    project.killed(where, number, *project.run_words())
    assert project.cauto("resume").returncode == exits.PERSON
    assert git(scratch_repo, "log", "--format=%s", f"{base}..HEAD") == "Greeting"
    kept = f"refs/correctless/kept/{project.state().run}/squashed"
    assert len(git(scratch_repo, "log", "--format=%s", f"{base}..{kept}").splitlines()) == 2
