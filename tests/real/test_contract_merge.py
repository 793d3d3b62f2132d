"""From an answer at a terminal to a merge by the real gh at a scripted GitHub, also on a host with another name."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import pexpect
import pytest

import contracts as c
import correctless
from correctless.base import exits
from correctless.base.clock import utcnow
from correctless.cli.contract.session import token
from correctless.github.client import GitHub
from correctless.github.observe import observe
from correctless.runcontract.act import permits
from correctless.runcontract.ledger import store
from correctless.runcontract.ledger.actions import Action
from correctless.runcontract.ledger.case import CaseFacts
from correctless.runcontract.ledger.records import AuthorityDecision
from github_api import GitHubApi, Merging, Pull, check_run
from operators import RUN, Operator
from patience import PATIENCE

pytestmark = pytest.mark.real
Git = Callable[..., str]


@pytest.fixture
def api(tmp_path: Path) -> Iterator[GitHubApi]:
    with GitHubApi(tmp_path, repos=("acme/shop",)) as host:
        yield host


def ready(api: GitHubApi, top: Path, git: Git, repo: str) -> Operator:
    """An active contract, a pull request that meets its bar at the commit here, and a review of it."""
    text = c.edited(
        ("not_after = 2026-08-07T18:00:00Z", "not_after = 2099-01-01T00:00:00Z"),
        ('repo = "acme/shop"', f'repo = "{repo}"'),
    )
    op = Operator(top, git, text)
    op.env |= api.env(top.parent)
    head = git(top, "rev-parse", "HEAD")
    merging = Merging(
        checks=[check_run("tests"), check_run("lint")], base_checks=[check_run("tests", "push")]
    )
    api.pulls.append(Pull("acme/shop", 412, "feature/x", "main", "t", "b", head, merging=merging))
    op.activate()
    done = op.run("review", "add", "--pr", "412", "--area", "data", "--by", "grace", "--worktree", str(top))
    assert done.returncode == 0, done.stderr
    return op


@pytest.mark.parametrize("host", ["", "github.example.com/"])
def test_what_was_granted_is_merged_once_at_the_head_that_was_judged(
    host: str, api: GitHubApi, scratch_repo: Path, git: Git
) -> None:
    if host:
        api.hosts = (host.rstrip("/"),)
    op = ready(api, scratch_repo, git, f"{host}acme/shop")
    asked = op.ask("merge", "--pr", "412")
    assert (asked["verdict"], asked["bound"]["head"]) == ("allow", git(scratch_repo, "rev-parse", "HEAD")), (
        asked
    )
    done = op.run("merge", "412")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [pull.state for pull in api.pulls] == ["MERGED"]
    assert [merge["expectedHeadOid"] for merge in api.merges] == [asked["bound"]["head"]]
    again = op.run("merge", "412")
    assert (again.returncode, "merge.state" in again.stdout) == (exits.FINDINGS, True)
    assert len(api.merges) == 1


class Shell:
    """One real shell at one pseudo-terminal, in which an operator types."""

    def __init__(self, op: Operator) -> None:
        program = " ".join(shlex.quote(word) for word in correctless.itself())
        env = {**op.env, "PS1": "READY", "PS2": "", "PROMPT_COMMAND": ""}
        self.child = pexpect.spawn(
            "bash", ["--norc", "--noprofile", "-i"], cwd=str(op.top), env=env, encoding="utf-8", timeout=PATIENCE, dimensions=(50, 200)
        )  # fmt: skip
        self.child.delaybeforesend = None
        self.child.expect_exact("READY")
        self.run(f'correctless() {{ {program} "$@"; }}')

    def run(self, line: str, *typed: tuple[str, str], code: int = 0) -> str:
        """What is seen of a line, with what was typed into it; it ends with `code`."""
        self.child.sendline(f"{line}; echo ENDED $?")
        shown = ""
        for wanted, answer in typed:
            self.child.expect(wanted)
            shown += str(self.child.before) + str(self.child.after)
            self.child.sendline(answer)
        self.child.expect(r"ENDED (\d+)\r?\n")
        ended = int(self.child.match.group(1))  # type: ignore[union-attr]
        shown += str(self.child.before)
        self.child.expect_exact("READY")
        assert ended == code, shown
        return shown

    def end(self) -> None:
        self.child.sendline("exit")
        self.child.expect(pexpect.EOF)
        self.child.close()


@pytest.mark.parametrize("host", ["", "github.example.com/"])
def test_all_of_it_is_typed_into_one_terminal_from_new_to_merge_and_close(
    host: str, api: GitHubApi, scratch_repo: Path, git: Git
) -> None:
    if host:
        api.hosts = (host.rstrip("/"),)
    op = Operator(scratch_repo, git, None)
    op.env |= api.env(scratch_repo.parent)
    head = git(scratch_repo, "rev-parse", "HEAD")
    merging = Merging(
        checks=[check_run("tests"), check_run("lint")], base_checks=[check_run("tests", "push")]
    )
    api.pulls.append(Pull("acme/shop", 412, "feature/x", "main", "t", "b", head, merging=merging))
    shell = Shell(op)
    said = (
        ("Short id", RUN), ("What is there", "the new store"), ("Where it is tracked", "issue 7"), ("Repository", f"{host}acme/shop"),
        ("Branch", "main"), ("Who answers", "Ada"), ("Who acts", "claude"), ("Until when", "2099-01-01T00:00:00Z"),
    )  # fmt: skip
    assert "a draft with 3 gaps" in shell.run("correctless contract new", *said)
    assert "0 faults, 3 gaps" in shell.run("correctless contract lint", code=exits.FINDINGS)
    assert f'repo = "{host}acme/shop"' in op.contract.read_text()
    text = c.edited(
        ("not_after = 2026-08-07T18:00:00Z", "not_after = 2099-01-01T00:00:00Z"),
        ('repo = "acme/shop"', f'repo = "{host}acme/shop"'),
        text=c.named(RUN),
    )
    op.contract.write_text(text)  # an editor: gaps filled, asks added
    short = c.digest(text)[:8]
    sure = ("leave it", short)
    assert "clean, digest" in shell.run("correctless contract lint")
    assert f"digest {c.digest(text)}" in shell.run("correctless contract surface")
    assert "nothing was granted" not in shell.run("correctless contract status")
    shell.run("correctless contract pin", code=exits.PERSON)
    shell.run("correctless contract answer G1 --scope 412 --except 411", sure)
    shell.run("correctless contract answer G2 --refused", sure)
    shell.run("correctless contract answer G3 --granted", ("leave it", "not it"), code=exits.PERSON)
    shell.run("correctless contract answer G4 --granted", sure)
    shell.run("correctless contract revoke G4")
    assert "is active, pinned at" in shell.run("correctless contract pin")
    shown = shell.run("correctless contract status")
    assert "G1 merge: granted (412)" in shown
    assert "G2 flip: refused" in shown
    assert "G4 spawn: revoked" in shown
    assert "excluded: merge:411" in shown
    shell.run(
        f"correctless contract review add --pr 412 --area data --by grace --worktree {shlex.quote(str(scratch_repo))}"
    )
    assert "answer.excluded" in shell.run("correctless contract authorize merge --pr 411", code=exits.PERSON)
    assert "answer.revoked" in shell.run(
        "correctless contract authorize spawn --agents 2 --cost-usd 1 --minutes 5", code=exits.PERSON
    )
    assert "allow: merge:412" in shell.run("correctless contract authorize merge --pr 412")
    assert api.merges == []
    assert f"merged 412 at {head}" in shell.run("correctless contract merge 412")
    assert [merge["expectedHeadOid"] for merge in api.merges] == [head]
    assert "closed by" in shell.run("correctless contract close --note done")
    assert "the contract is closed" in shell.run(
        "correctless contract authorize merge --pr 412", code=exits.FINDINGS
    )
    shell.end()


def test_what_is_not_granted_is_not_asked_of_the_host(api: GitHubApi, scratch_repo: Path, git: Git) -> None:
    op = ready(api, scratch_repo, git, "acme/shop")
    api.calls.clear()
    assert op.run("merge", "415").returncode == exits.FINDINGS
    assert op.run("merge", "413").returncode == exits.PERSON
    assert api.calls == []


def test_a_head_that_moves_between_judgement_and_merge_is_not_merged(
    api: GitHubApi, scratch_repo: Path, git: Git
) -> None:
    op = ready(api, scratch_repo, git, "acme/shop")
    api.pulls[0].merging.moves = ["f" * 40]
    done = op.run("merge", "412")
    assert done.returncode in (exits.FINDINGS, exits.PERSON)
    assert api.pulls[0].state == "OPEN"


def test_unknown_then_clean_is_a_no_and_then_a_yes(api: GitHubApi, scratch_repo: Path, git: Git) -> None:
    op = ready(api, scratch_repo, git, "acme/shop")
    api.pulls[0].merging.merge_state = ["UNKNOWN"]
    assert op.codes("merge", "--pr", "412") == ("deny", ["merge.merge_state"])
    api.pulls[0].merging.merge_state = ["CLEAN"]
    assert op.codes("merge", "--pr", "412") == ("allow", [])


def test_a_host_that_says_garbage_or_nothing_is_a_no(api: GitHubApi, scratch_repo: Path, git: Git) -> None:
    op = ready(api, scratch_repo, git, "acme/shop")
    api.raw_answer = b"<html>"
    assert op.codes("merge", "--pr", "412")[0] == "deny"
    op.env["PATH"] = str(scratch_repo)  # no gh at all
    git_only = scratch_repo / "git"
    import shutil

    git_only.symlink_to(shutil.which("git") or "")
    assert op.codes("merge", "--pr", "412")[0] == "deny"


def test_a_gh_that_hangs_is_ended_with_all_it_started_and_is_a_no(
    api: GitHubApi, scratch_repo: Path, git: Git, tmp_path: Path
) -> None:
    op = ready(api, scratch_repo, git, "acme/shop")
    started = tmp_path / "started"
    hangs = tmp_path / "bin" / "gh"
    hangs.parent.mkdir()
    hangs.write_text(f"#!/bin/sh\nsleep 600 &\necho $$ $! >> {shlex.quote(str(started))}\nwait\n")
    hangs.chmod(0o755)
    env = {**op.env, "PATH": f"{hangs.parent}{os.pathsep}{op.env['PATH']}"}
    facts = CaseFacts(pull=observe(GitHub("github.com/acme/shop", env), 412, clock=utcnow, within_s=1.0))
    place = store.files_of(str(scratch_repo), RUN)
    decided = permits.ask(place, Action("merge", "412"), facts, env=env, clock=utcnow, token=token)
    assert (decided.verdict, decided.permit) == ("deny", "")
    assert "merge.check" in {clause.code for clause in decided.clauses}
    last = store.load(place, env, utcnow()).log[-1].record
    assert isinstance(last, AuthorityDecision)
    assert last.verdict == "deny"
    left = [
        pid
        for pid in started.read_text().split()
        if Path(f"/proc/{pid}/cmdline").exists() and Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
    assert left == []
