"""`correctless audit-run`: of a whole run every claim is proven; whatever is broken turns its own claim, and no other."""

from __future__ import annotations

import copy
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from asking import DONE, LEFT, PROMPT, ended, make, terminal
from conftest import Git
from correctless.audit import gather
from correctless.base import exits
from correctless.decisions.decision import Confirmation
from correctless.ledger.heads import noting
from correctless.ledger.ledger import Ledger
from correctless.review.gate import digest
from project import CONFIG, Project
from sessions import Sessions

__all__ = ["make"]  # the fixture

Lines = list[dict[str, Any]]
Claims = dict[tuple[str, str], str]


@pytest.fixture(scope="module")
def templates() -> dict[str, Project]:
    """Runs that were made once: a test gets a copy."""
    return {}


@pytest.fixture
def whole(
    templates: dict[str, Project],
    scratch_repo: Path,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    git: Git,
) -> Project:
    """A run that is complete: four steps, two of their decisions confirmed by a person."""
    if "whole" not in templates:
        kept = tmp_path_factory.mktemp("whole") / "project"
        shutil.copytree(scratch_repo, kept)
        made = templates["whole"] = Project(kept, git)
        assert made.run().returncode == exits.PERSON
        assert made.review(answer="{digest}")[0] == exits.OK
        assert made.cauto("resume").returncode == exits.OK
    found = copy.copy(templates["whole"])
    found.git = git
    found.env = {**found.env, "HOME": os.environ["HOME"]}
    found.top = tmp_path / "copy"
    # Elsewhere no private copy is looked for: it is one of the log where the run began.
    shutil.copytree(templates["whole"].top, found.top, ignore=shutil.ignore_patterns("*.heads"))
    return found


def audited(project: Project, *words: str) -> tuple[int, Claims, dict[tuple[str, str], dict[str, Any]]]:
    done = project.command("audit-run", "--json", *words)
    assert done.stdout, done.stderr
    said = json.loads(done.stdout)
    assert said["counts"] == {
        verdict: [c["verdict"] for c in said["claims"]].count(verdict) for verdict in said["counts"]
    }
    by_name = {(claim["about"], claim["what"]): claim for claim in said["claims"]}
    twice = [claim for claim in said["claims"] if (claim["about"], claim["what"]) == ("gate", "closed")][1:]
    assert len(by_name) + len(twice) == len(
        said["claims"]
    )  # the gate closes once more after a step ran again
    return (
        done.returncode,
        {name: claim["verdict"] for name, claim in by_name.items() if claim["verdict"] != "proven"},
        by_name,
    )


def lines(path: str) -> Lines:
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def forge(path: str, edit: Callable[[Lines], Lines | None]) -> None:
    """Write a log anew with a whole chain, as somebody could who knows how."""
    before = lines(path)
    after = edit(before)
    os.unlink(path)
    log = Ledger(path)
    log.create()
    for values in before if after is None else after:
        log.append({name: value for name, value in values.items() if name not in ("seq", "prev")})


def cut(path: str, keep: Callable[[dict[str, Any]], bool]) -> None:
    """Leave out lines, each of the others byte for byte as it was."""
    data = Path(path).read_bytes().splitlines(keepends=True)
    Path(path).write_bytes(b"".join(line for line in data if keep(json.loads(line))))


def cut_behind(project: Project, event: str, step: str | None = None) -> None:
    """The run log's tail cut off before an event."""
    data = Path(project.logs.run).read_bytes().splitlines(keepends=True)
    at = next(n for n, line in enumerate(data) if is_(json.loads(line), event, step))
    Path(project.logs.run).write_bytes(b"".join(data[:at]))


def is_(values: dict[str, Any], event: str, step: str | None = None) -> bool:
    return values.get("event") == event and (step is None or values.get("step") == step)


def event(project: Project, name: str, step: str | None = None, **changed: Any) -> None:
    def edit(events: Lines) -> None:
        [found] = [each for each in events if is_(each, name, step)]
        found.update(changed)

    forge(project.logs.run, edit)


def commit_of(project: Project, step: str) -> str:
    return str(next(e["commit"] for e in lines(project.logs.run) if is_(e, "step_finished", step)))


def test_of_a_damaged_log_only_lines_that_are_entries_byte_for_byte_are_read(tmp_path: Path) -> None:
    log = Ledger(str(tmp_path / "autonomous-decisions-x.jsonl"))
    log.create()
    for number in range(3):
        log.append({"number": number})
    first, *more = Path(log.path).read_bytes().splitlines(keepends=True)
    odd = [
        b"\xef\xbb\xbf" + more[0],
        b"\x1e" + more[0],
        b"\xff\n",
        b"{}\n",
        b"[" * 9000 + b"\n",
        b"null\n",
        b"\n",
    ]
    Path(log.path).write_bytes(b"".join([first, *odd, more[1], b'{"torn": 1']))
    entries, why = gather.entries_of(log.path)
    assert why == ""
    assert [(entry.fields["number"], entry.line + b"\n") for entry in entries] == [(0, first), (2, more[1])]


def test_every_claim_of_a_complete_run_is_proven_with_what_it_rests_on(whole: Project) -> None:
    code, faults, claims = audited(whole)
    assert (code, faults) == (exits.OK, {})
    asked = {"agent", "decisions", "commit"}
    assert {what for about, what in claims if about == "ctdd#1"} == {*asked, "check"}
    assert {what for about, what in claims if about == "cverify#1"} == {*asked, "report"}
    assert {about for about, _ in claims} == {
        *("run", "ctdd#1", "simplify#1", "cverify#1", "cdocs#1", "consolidation", "gate", "publish")
    }
    for (about, what), claim in claims.items():
        at = lines(whole.logs.run)
        if what == "commit":
            assert claim["commit"][:12] in claim["said"]
            assert at[claim["events"][0] - 1]["commit"] == claim["commit"]
        if what == "agent":
            assert [at[seq - 1]["event"] for seq in claim["events"]] == ["step_started", "agent_ended"]
            assert f"{at[claim['events'][0] - 1]['step']}#1" == about


def test_a_person_reads_a_line_for_each_claim(whole: Project) -> None:
    done = whole.command("audit-run")
    run = whole.state().run
    assert done.returncode == exits.OK
    said = done.stdout.splitlines()
    assert said[0] == f"run {run} on feature/x: complete"
    assert [line for line in said[2:-2] if not line.startswith("proven  ")] == []
    assert said[-1] == f"{len(said) - 4} proven. [n] is entry n of the run log"
    whole.git(whole.top, "reset", "-q", "--hard", "HEAD~1")
    said = whole.command("audit-run").stdout.splitlines()
    at = next(
        n
        for n, line in enumerate(said)
        if line.startswith("contradicted  consolidation commit: feature/x does not")
    )
    assert said[at + 1].strip().startswith("to do: see what became of it: git reflog")
    assert ", 1 contradicted. " in said[-1]


# --- each thing broken turns its own line


def deleted_decision(p: Project) -> None:
    cut(p.logs.decisions, lambda each: each["skill"] != "simplify")


def decisions_tail_cut(p: Project) -> None:
    cut(p.logs.decisions, lambda each: each["skill"] != "cdocs")


def rewritten_decision(p: Project) -> None:
    forge(p.logs.decisions, lambda entries: entries[0].update(rationale="another"))


def no_decisions_log(p: Project) -> None:
    os.unlink(p.logs.decisions)


def foreign_decisions_log(p: Project) -> None:
    Path(p.logs.decisions).write_text('{"a": 1}\n')


def decision_added_afterwards(p: Project) -> None:
    last = lines(p.logs.decisions)[0]
    again = {name: value for name, value in last.items() if name not in ("seq", "prev")}
    Ledger(p.logs.decisions).append({**again, "key": last["key"] + "0"})


def decision_of_no_attempt(p: Project) -> None:
    last = lines(p.logs.decisions)[0]
    again = {name: value for name, value in last.items() if name not in ("seq", "prev")}
    Ledger(p.logs.decisions).append({**again, "key": "r/ctdd/7/b1", "attempt": 7})


def count_forged(p: Project) -> None:
    event(p, "decisions_taken", "ctdd", count=2)


def deferred_forged(p: Project) -> None:
    event(p, "decisions_taken", "cverify", deferred=0)


def answer_changed(p: Project) -> None:
    answer = Path(p.logs.folder(p.state().run), "ctdd-1", "answer.md")
    answer.chmod(0o600)
    answer.write_text("something else")


def agent_failed(p: Project) -> None:
    event(p, "agent_ended", "cdocs", outcome="failed", reason="it crashed")


def no_start(p: Project) -> None:
    forge(p.logs.run, lambda events: [e for e in events if not is_(e, "step_started", "cdocs")])


def check_failed(p: Project) -> None:
    event(p, "step_checked", "ctdd", ok=False, detail="1 of 1 failed")


def no_check(p: Project) -> None:
    forge(p.logs.run, lambda events: [e for e in events if not is_(e, "step_checked", "ctdd")])


def checked_before_it_ended(p: Project) -> None:
    def edit(events: Lines) -> Lines:
        checked = next(e for e in events if is_(e, "step_checked", "ctdd"))
        rest = [e for e in events if e is not checked]
        rest.insert(next(n for n, e in enumerate(rest) if is_(e, "agent_ended", "ctdd")), checked)
        return rest

    forge(p.logs.run, edit)


def last_commit_removed(p: Project) -> None:
    p.git(p.top, "reset", "-q", "--hard", "HEAD~1")


def last_commit_amended(p: Project) -> None:
    (p.top / "more.py").write_text("")
    p.git(p.top, "add", "more.py")
    p.git(p.top, "commit", "-q", "--amend", "--no-edit")


def last_trailers_dropped(p: Project) -> None:
    p.git(p.top, "commit", "-q", "--amend", "--allow-empty", "-m", "tidied")


def branch_gone(p: Project) -> None:
    p.git(p.top, "branch", "-m", "feature/y")
    p.git(p.top, "reset", "-q", "--hard", "main")
    p.git(p.top, "symbolic-ref", "HEAD", "refs/heads/feature/x")  # no commit yet


def another_steps_commit(p: Project) -> None:
    event(p, "step_finished", "cdocs", commit=commit_of(p, "cverify"))


def another_base(p: Project) -> None:
    event(p, "step_started", "cdocs", base=commit_of(p, "cdocs"))


def another_log_trailer(p: Project) -> None:
    entry = lines(p.logs.run)
    first = next(e for e in entry if is_(e, "step_finished", "ctdd"))
    event(p, "step_finished", "simplify", log_seq=first["log_seq"], log_head=first["log_head"])


def commit_nobody_has(p: Project) -> None:
    p.git(p.top, "reset", "-q", "--hard", "HEAD~1")
    event(p, "consolidated", commit="0" * 40)


def base_nobody_has(p: Project) -> None:
    started = next(e for e in lines(p.logs.run) if is_(e, "run_started"))
    event(p, "run_started", plan={**started["plan"], "base": "0" * 40})


def planned(p: Project, **changed: Any) -> None:
    started = next(e for e in lines(p.logs.run) if is_(e, "run_started"))
    event(p, "run_started", plan={**started["plan"], **changed})


def no_report(p: Project) -> None:
    started = next(e for e in lines(p.logs.run) if is_(e, "run_started"))
    steps = started["plan"]["steps"]
    steps[2]["report"] = "nowhere.md"
    planned(p, steps=steps)


def confirmed_by_another(p: Project) -> None:
    forge(p.logs.confirmations, lambda all_of: all_of[-1].update(by="Eve"))


def confirmation_removed(p: Project) -> None:
    forge(p.logs.confirmations, lambda all_of: all_of[:-1])


def confirmation_of_nothing(p: Project) -> None:
    forge(p.logs.confirmations, lambda all_of: [*all_of, {**all_of[-1], "digest": "0" * 64}])


def confirmation_edited(p: Project) -> None:
    path = Path(p.logs.confirmations)
    path.write_text(path.read_text().replace('"flag"', '"term"', 1))


def approval_removed(p: Project) -> None:
    forge(p.logs.confirmations, lambda all_of: all_of[1:])


def another_spec_approved(p: Project) -> None:
    forge(p.logs.confirmations, lambda all_of: all_of[0].update(digest="5" * 64))
    planned(p, spec_sha256="5" * 64)


def another_digest_closed(p: Project) -> None:
    other = "d" * 64
    event(p, "gate_closed", digest=other)
    event(p, "gate_opened", digest=other)
    forge(p.logs.confirmations, lambda all_of: all_of[-1].update(digest=other))


def never_opened(p: Project) -> None:
    forge(p.logs.run, lambda events: [e for e in events if not is_(e, "gate_opened")])


def published_before_it_opened(p: Project) -> None:
    def edit(events: Lines) -> Lines:
        intent = next(e for e in events if is_(e, "publish_intended"))
        rest = [e for e in events if e is not intent]
        rest.insert(next(n for n, e in enumerate(rest) if is_(e, "gate_opened")), intent)
        return rest

    forge(p.logs.run, edit)


def published_another_commit(p: Project) -> None:
    event(p, "publish_intended", commit=commit_of(p, "cdocs"))


def never_intended(p: Project) -> None:
    forge(p.logs.run, lambda events: [e for e in events if not is_(e, "publish_intended")])


def event_cut_out(p: Project) -> None:
    cut(p.logs.run, lambda each: not is_(each, "complete") and not is_(each, "publish_intended"))


def steps_swapped(p: Project) -> None:
    def edit(events: Lines) -> Lines:
        mine = [e for e in events if e.get("step") == "cdocs"]
        rest = [e for e in events if e.get("step") != "cdocs"]
        at = next(n for n, e in enumerate(rest) if e.get("step") == "cverify")
        return [*rest[:at], *mine, *rest[at:]]

    forge(p.logs.run, edit)


C, N, Y, U = "contradicted", "not proven", "not yet", "unchecked"
COMMITS = {("ctdd#1", "commit"), ("simplify#1", "commit"), ("cverify#1", "commit"), ("cdocs#1", "commit"), ("consolidation", "commit")}  # fmt: skip
BROKEN: dict[Callable[[Project], None], Claims] = {
    deleted_decision: {("run", "decisions log"): C, ("simplify#1", "decisions"): C},
    decisions_tail_cut: {
        ("run", "decisions log"): C,
        ("cdocs#1", "decisions"): C,
        ("gate", "closed"): C,
        ("gate", "open"): C,  # a digest that can't be shown again covers nothing
    },
    # Every line after it is another one then.
    rewritten_decision: {("run", "decisions log"): C, ("gate", "closed"): C, ("gate", "open"): C},
    no_decisions_log: {
        ("run", "decisions log"): C,
        **{(f"{step}#1", "decisions"): C for step in ("ctdd", "simplify", "cverify", "cdocs")},
        ("gate", "closed"): C,
    },
    foreign_decisions_log: {
        ("run", "decisions log"): U,
        **{(f"{step}#1", "decisions"): U for step in ("ctdd", "simplify", "cverify", "cdocs")},
        ("gate", "closed"): C,
    },
    decision_added_afterwards: {("ctdd#1", "decisions"): C},
    decision_of_no_attempt: {("run", "run log"): C},
    count_forged: {("ctdd#1", "decisions"): C},
    deferred_forged: {("cverify#1", "decisions"): C},
    answer_changed: {("ctdd#1", "decisions"): C},
    agent_failed: {("cdocs#1", "agent"): C},
    check_failed: {("ctdd#1", "check"): C},
    no_check: {("ctdd#1", "check"): N},
    checked_before_it_ended: {("ctdd#1", "agent"): C},
    last_commit_removed: {("consolidation", "commit"): C},
    last_commit_amended: {("consolidation", "commit"): C},
    last_trailers_dropped: {("consolidation", "commit"): C},
    branch_gone: dict.fromkeys(COMMITS, N),
    another_steps_commit: {("cdocs#1", "commit"): C},
    another_base: {("cdocs#1", "commit"): C},
    another_log_trailer: {("simplify#1", "commit"): C, ("simplify#1", "decisions"): C},
    # The answer was about another commit than the log now says the run made.
    commit_nobody_has: {("consolidation", "commit"): N, ("gate", "open"): C, ("publish", "intent"): C},
    base_nobody_has: {**dict.fromkeys(COMMITS, U), ("run", "spec"): U, ("cverify#1", "report"): U},
    no_report: {("cverify#1", "report"): N},
    confirmed_by_another: {("gate", "confirmed"): C},
    confirmation_removed: {("gate", "confirmed"): C, ("gate", "open"): C},
    confirmation_of_nothing: {("run", "confirmations"): C},
    confirmation_edited: {
        ("run", "confirmations"): C,
        ("run", "spec"): C,
        ("gate", "confirmed"): C,
        ("gate", "open"): C,
    },
    approval_removed: {("run", "spec"): C},
    another_spec_approved: {("run", "spec"): C},
    another_digest_closed: {("run", "decisions log"): C, ("gate", "closed"): C, ("gate", "open"): C},
    never_opened: {("gate", "open"): N, ("publish", "intent"): C},
    published_before_it_opened: {("publish", "intent"): C},
    published_another_commit: {("publish", "intent"): C},
    never_intended: {("publish", "intent"): N, ("publish", "request"): C},
}  # fmt: skip


@pytest.mark.parametrize("breaks", BROKEN, ids=lambda each: each.__name__)
def test_what_is_broken_turns_its_own_claim_and_no_other(
    whole: Project, breaks: Callable[[Project], None]
) -> None:
    breaks(whole)
    code, faults, claims = audited(whole)
    assert faults == BROKEN[breaks], {name: claims[name]["said"] for name in faults}
    assert code == (exits.REFUSED if U in faults.values() else exits.FINDINGS)
    assert [name for name in faults if not claims[name]["fix"] and claims[name]["verdict"] != U] == []


def test_a_step_whose_start_is_missing_is_not_proven(whole: Project) -> None:
    # The fold stops there too: what comes behind is no run's.
    no_start(whole)
    code, faults, _ = audited(whole)
    assert code == exits.FINDINGS
    assert faults[("run", "run log")] == C


def test_steps_in_an_order_no_run_has_are_no_run(whole: Project) -> None:
    steps_swapped(whole)
    code, faults, claims = audited(whole)
    assert (code, faults[("run", "run log")]) == (exits.FINDINGS, C)
    assert "can't follow what is before it" in claims[("run", "run log")]["said"]


def test_a_line_taken_out_of_the_run_log_is_seen_and_what_stands_before_it_is_still_judged(
    whole: Project,
) -> None:
    event_cut_out(whole)
    code, faults, claims = audited(whole)
    assert code == exits.FINDINGS
    assert faults[("run", "run log")] == C
    assert "does not follow the line before" in claims[("run", "run log")]["said"]
    assert faults[("run", "decisions log")] == N
    assert {about for about, _ in faults} == {"run", "publish"}


def test_a_run_log_cut_off_is_disproved_by_the_commits_and_decisions_it_lacks(whole: Project) -> None:
    cut_behind(whole, "step_started", "cdocs")
    code, faults, claims = audited(whole)
    assert code == exits.FINDINGS
    assert faults[("run", "run log")] == C
    assert "cdocs#1, which never began here" in claims[("run", "run log")]["said"]
    assert (faults[("cdocs", "step")], faults[("run", "end")]) == (Y, Y)


def test_a_run_log_cut_off_behind_the_decisions_is_disproved_by_a_commit(whole: Project) -> None:
    cut_behind(whole, "consolidated")
    # One phase earlier it could be a dispatcher that died between a commit and its event.
    forge(whole.logs.run, lambda events: [*events, {**events[-1], "event": "run_stopped", "code": 3, "step": None, "reason": "x", "resume_at": None}])  # fmt: skip
    assert ("run", "run log") not in audited(whole)[1]
    cut_behind(whole, "step_finished", "cdocs")
    code, faults, claims = audited(whole)
    assert (code, faults[("run", "run log")]) == (exits.FINDINGS, C)
    assert "consolidation#1 made it" in claims[("run", "run log")]["said"]


def test_a_run_whose_last_event_is_missing_does_not_say_that_it_is_complete(whole: Project) -> None:
    cut_behind(whole, "complete")
    code, faults, _ = audited(whole)
    assert (code, faults) == (exits.OK, {("run", "end"): Y})


def test_a_replaced_commit_is_no_witness(whole: Project) -> None:
    other = whole.git(whole.top, "commit-tree", "HEAD^{tree}", "-m", "nothing")
    whole.git(whole.top, "replace", "HEAD", other)
    assert whole.git(whole.top, "log", "--format=%s") == "nothing"
    assert audited(whole)[:2] == (exits.OK, {})


def test_a_merged_branch_that_is_gone_is_proven_by_the_one_it_was_merged_into(whole: Project) -> None:
    whole.git(whole.top, "switch", "-q", "main")
    whole.git(whole.top, "merge", "-q", "--no-ff", "-m", "merged", "feature/x")
    whole.git(whole.top, "branch", "-qd", "feature/x")
    done = whole.command("audit-run")
    assert (done.returncode, "no run found on this branch" in done.stderr) == (exits.REFUSED, True)
    code, faults, claims = audited(whole, "20")
    assert (code, faults) == (exits.OK, {})
    assert "on refs/heads/main" in claims[("ctdd#1", "commit")]["said"]


# --- runs that went other ways


@pytest.fixture
def project(scratch_repo: Path, git: Git) -> Project:
    return Project(scratch_repo, git)


def test_a_run_that_waits_is_proven_as_far_as_it_went(project: Project) -> None:
    project.run()
    code, faults, claims = audited(project)
    assert code == exits.OK
    assert faults == dict.fromkeys(
        [("gate", "open"), ("publish", "intent"), ("publish", "request"), ("run", "end")], Y
    )
    assert "correctless review" in claims[("gate", "open")]["said"]


def test_a_gate_somebody_opened_by_hand_is_contradicted(project: Project) -> None:
    project.run()
    head = lines(project.logs.run)[-2]
    closed = next(e for e in lines(project.logs.run) if is_(e, "gate_closed"))
    finished = [e for e in lines(project.logs.run) if is_(e, "step_finished")][-1]
    opened = {
        "event": "gate_opened", "run": head["run"], "timestamp": head["timestamp"], "digest": closed["digest"],
        "by": "Ada", "channel": "terminal", "log_seq": finished["log_seq"], "log_head": finished["log_head"],
    }  # fmt: skip
    Ledger(project.logs.run).append(opened)
    code, faults, claims = audited(project)
    assert code == exits.FINDINGS
    assert (faults[("gate", "confirmed")], faults[("gate", "open")]) == (C, C)
    assert "entries 3, 4" in claims[("gate", "open")]["said"]


def test_a_gate_that_was_confirmed_only_after_it_had_opened_is_contradicted(project: Project) -> None:
    project.run()
    run = Ledger(project.logs.run)
    last, entries = run.read()[-1].fields, Ledger(project.logs.decisions).read()
    about = {"run": last["run"], "timestamp": last["timestamp"]}
    head = {"log_seq": entries[-1].seq, "log_head": entries[-1].head}
    run.append({"event": "gate_opened", **about, "digest": None, "by": "", "channel": "", **head})
    confirmed = digest("c", [entries[2].line, entries[3].line])
    later = {"challenge": "c", "entries": [3, 4], "digest": confirmed}
    run.append({"event": "gate_closed", **about, **later})
    said = Confirmation("escalations", confirmed, "Ada", "terminal", last["timestamp"])
    noting(project.logs.confirmations, None, os.environ).append(said.fields())
    assert project.command("gate").returncode == exits.OK
    code, faults, _ = audited(project)
    assert (code, faults[("gate", "open")]) == (exits.FINDINGS, C)


def test_a_reverted_step_and_a_failed_attempt_are_proven(project: Project) -> None:
    project.run(AGENT_PLAY="break-simplify fail:cdocs#1")
    code, faults, claims = audited(project)
    assert (code, set(faults.values())) == (exits.OK, {Y})
    assert "its work was discarded" in claims[("simplify#1", "step")]["said"]
    assert ("cdocs#2", "commit") in claims
    work = project.git(
        project.top, "commit-tree", "HEAD^{tree}", "-p", "HEAD", "-m", f"x\n\nCorrectless-Run: {project.state().run}\nCorrectless-Step: simplify#1\n",
    )  # fmt: skip
    project.git(project.top, "reset", "-q", "--hard", work)
    assert audited(project)[1][("simplify#1", "step")] == C


def test_a_squashed_run_is_proven_by_what_was_kept_of_it(scratch_repo: Path, git: Git) -> None:
    project = Project(scratch_repo, git, config={**CONFIG, "commit": {"squash": True}})
    project.run()
    code, faults, claims = audited(project)
    assert (code, set(faults.values())) == (exits.OK, {Y})
    assert "kept from before the squash" in claims[("cdocs#1", "commit")]["said"]
    git(project.top, "update-ref", "-d", f"refs/correctless/kept/{project.state().run}/squashed")
    assert audited(project)[1][("cdocs#1", "commit")] == C


def test_a_step_that_ran_again_is_judged_by_its_last_attempt(project: Project) -> None:
    project.run()
    assert project.review("--rerun", "cverify")[0] == exits.PERSON
    code, faults, claims = audited(project)
    assert code == exits.OK
    assert faults[("cverify", "step")] == Y
    assert ("ctdd#1", "commit") in claims
    assert project.cauto("resume").returncode == exits.PERSON
    code, faults, claims = audited(project)
    assert (code, set(faults.values())) == (exits.OK, {Y})
    assert {about for about, _ in claims} >= {"ctdd#1", "simplify#1", "cverify#2", "cdocs#2"}


def test_what_was_to_be_published_before_a_step_ran_again_is_not_held_against_the_run(
    project: Project,
) -> None:
    project.run()
    assert project.review(answer="{digest}")[0] == exits.OK
    project.killed("event", 3, "resume")
    assert lines(project.logs.run)[-1]["event"] == "publish_intended"
    assert project.review("--rerun", "cverify")[0] == exits.PERSON
    code, faults, _ = audited(project)
    assert (code, faults[("publish", "intent")]) == (exits.OK, Y)


def test_what_a_person_answered_while_the_run_was_under_way_is_proven_line_by_line(
    make: Callable[..., Sessions],
) -> None:
    sessions = make()
    with terminal(sessions, LEFT, DONE) as child:
        child.expect(PROMPT)
        child.sendline("call R-004 unmet")
        assert ended(child) == exits.OK
    project = sessions.project
    code, faults, claims = audited(project)
    assert (code, faults) == (exits.OK, {})
    assert claims[("judge#1", "answers")]["said"] == "of 1 asked about, Ada (terminal) gave 1"
    whole = Path(project.logs.confirmations).read_bytes()
    forge(project.logs.confirmations, lambda all_of: all_of[:-1])
    assert audited(project)[1] == {
        ("judge#1", "answers"): C,
        ("gate", "confirmed"): C,
        ("gate", "open"): C,
    }
    Path(project.logs.confirmations).write_bytes(whole)
    event(project, "asking", digests=["0" * 64])
    forge(project.logs.confirmations, lambda all_of: all_of[-1].update(digest="0" * 64))
    _, faults, claims = audited(project)
    assert faults[("judge#1", "answers")] == C
    assert "not those you were asked about" in claims[("judge#1", "answers")]["said"]


@pytest.mark.parametrize("number", range(1, 9))
@pytest.mark.parametrize("where", ["event", "effect"])
def test_a_run_that_died_anywhere_contradicts_nothing(project: Project, where: str, number: int) -> None:
    project.killed(where, number, *project.run_words())
    code, faults, claims = audited(project)
    assert (code, set(faults.values())) == (exits.OK, {Y}), {n: claims[n]["said"] for n in faults}


def test_the_newest_run_of_the_branch_is_meant_and_any_other_by_the_beginning_of_its_id(
    whole: Project,
) -> None:
    first = whole.state().run
    assert whole.run().returncode == exits.PERSON
    second = whole.state().run
    named = [
        json.loads(whole.command("audit-run", "--json", *words).stdout)["run"] for words in ((), (first,))
    ]
    assert named == [second, first]
    # What came after it changes nothing of what is proven of the first one.
    assert audited(whole, first)[:2] == (exits.OK, {})
    done = whole.command("audit-run", "2")
    assert (done.returncode, f"{first}, {second}" in done.stderr) == (exits.USAGE, True)
    done = whole.command("audit-run", "nonesuch")
    assert (done.returncode, "no recorded run begins with 'nonesuch'" in done.stderr) == (
        exits.REFUSED,
        True,
    )


def test_a_run_log_that_can_t_be_read_at_all_is_no_verdict(whole: Project) -> None:
    Path(whole.logs.run).write_text('{"a": 1}\n')
    done = whole.command("audit-run")
    assert (done.returncode, done.stdout) == (exits.REFUSED, "")
    assert "is not a log of correctless" in done.stderr


def test_the_json_has_the_same_keys_whatever_is_found(whole: Project) -> None:
    said = json.loads(whole.command("audit-run", "--json").stdout)
    assert list(said) == ["run", "branch", "status", "complete", "counts", "claims"]
    assert {tuple(claim) for claim in said["claims"]} == {
        ("about", "what", "verdict", "said", "events", "commit", "fix")
    }
