"""Work that another branch left open or rejected is not published by branching off: the decisions come along with the commits."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import correctless
from conftest import Git
from correctless.base import exits
from correctless.base.clock import utcnow
from correctless.base.exits import Stop
from correctless.decisions.decision import Decision
from correctless.ledger.chain import GENESIS
from correctless.ledger.heads import Heads
from correctless.ledger.ledger import Ledger
from correctless.project import git as git_of
from correctless.project import paths
from correctless.review import gate, open_set, summary
from correctless.runlog import branch as record
from correctless.runlog.events import (
    Consolidated,
    DecisionsTaken,
    Event,
    GateClosed,
    Rerun,
    Rewound,
    RunStarted,
    StepFinished,
    StepStarted,
    Superseded,
    fields_of,
)
from project import Project
from runs import WHEN, plan

R1, R2, R3 = "20260102-030405-aaaa", "20260103-030405-bbbb", "20260104-030405-cccc"


class Work:
    """A run on a branch of its own: its logs as a dispatcher writes them, its commits with their trailers."""

    def __init__(self, top: Path, git: Git, branch: str, run: str, **policy: Any) -> None:
        self.top, self.git, self.branch, self.run = top, git, branch, run
        git(top, "switch", "-q", "-c", branch)
        self.base = git(top, "rev-parse", "HEAD")
        self.logs = paths.logs(git_of.find(str(top)), branch)
        paths.ensure_artifacts(self.logs)
        noted = Heads(self.logs.decisions, os.environ).note
        self.decisions = Ledger(self.logs.decisions, root=self.logs.root, noted=noted)
        self.decisions.create()
        self.events = Ledger(self.logs.run, root=self.logs.root, noted=Heads(self.logs.run, os.environ).note)
        head = self.decisions.head()
        made = plan("ctdd", branch=branch, base=self.base, **policy)
        self.log(RunStarted(made, "Ada", "terminal", "0", head.seq, head.sha256))

    def log(self, event: Event) -> None:
        self.events.append(fields_of(self.run, WHEN, event))

    def step(self, name: str, text: str, *, attempt: int = 1, deferred: bool = True) -> str:
        """One finished step: a decision, and a commit of one file."""
        self.log(StepStarted("ctdd", attempt, "n", "s", 1, "m", self.git(self.top, "rev-parse", "HEAD"), "p"))
        key = f"{self.run}/ctdd/{attempt}/b1"
        why = "only the owner can say" if deferred else None
        self.decisions.append(
            Decision(
                "ctdd", "AD-001", text, "because", WHEN, deferred, why,
                run=self.run, step="ctdd", attempt=attempt, key=key, source="block",
            ).fields()
        )  # fmt: skip
        head = self.decisions.head()
        self.log(DecisionsTaken("ctdd", attempt, 1, int(deferred), (), head.seq, head.sha256))
        (self.top / name).write_text(text + "\n")
        commit = self.commit(f"ctdd#{attempt}")
        self.log(StepFinished("ctdd", attempt, commit, head.seq, head.sha256))
        return commit

    def consolidate(self) -> str:
        commit = self.commit("consolidation#1", "--allow-empty")
        self.log(Consolidated(commit, ()))
        return commit

    def trailers(self, step: str) -> str:
        head = self.decisions.head()
        return f"Correctless-Run: {self.run}\nCorrectless-Step: {step}\nCorrectless-Log: {head.seq}:{head.sha256}\n"

    def commit(self, step: str, *words: str) -> str:
        self.git(self.top, "add", "--all")
        self.git(self.top, "commit", "-q", *words, "-m", f"{step} of {self.run}\n\n{self.trailers(step)}")
        return self.git(self.top, "rev-parse", "HEAD")

    def answer(self, kind: str = "escalations", *, channel: str = "terminal", by: str = "Ada") -> None:
        if not any(item.fields["event"] == "consolidated" for item in self.events.read()):
            self.log(Consolidated(self.git(self.top, "rev-parse", "HEAD"), ()))
        answer(self.logs, kind, channel=channel, by=by)

    def source(self) -> list[str]:
        return [each.decision.default_applied for each in gate.of(self.logs, None, os.environ).waiting]


def answer(logs: paths.Logs, kind: str, *, channel: str = "terminal", by: str = "Ada") -> None:
    branch, found = gate.load(logs)
    _, found = open_set.close_gate(logs, branch, found, token="t" * 32, now=utcnow())
    assert found.closing is not None
    open_set.answer(logs, found.closing.digest, kind=kind, by=by, channel=channel, note="no", now=utcnow())


def here(top: Path) -> gate.GateState:
    """The gate of the branch that is checked out, as `correctless gate` asks it."""
    found = git_of.find(str(top))
    return gate.of(paths.logs(found), found, os.environ)


def waiting(top: Path) -> list[tuple[str, str]]:
    return [(each.branch, each.decision.default_applied) for each in here(top).waiting]


@pytest.fixture
def top(scratch_repo: Path) -> Path:
    return scratch_repo


@pytest.fixture
def left_open(top: Path, git: Git) -> Work:
    """A run on feature/a whose one decision waits for a person."""
    work = Work(top, git, "feature/a", R1)
    work.step("a.py", "a as I saw fit")
    work.consolidate()
    return work


OPEN = [("feature/a", "a as I saw fit")]


def off(work: Work, name: str = "feature/b", at: str = "HEAD") -> None:
    work.git(work.top, "switch", "-q", "-c", name, at)


def cherry(work: Work) -> None:
    off(work, at="main")
    work.git(work.top, "cherry-pick", "--allow-empty", "feature/a~1", "feature/a")


def rebase(work: Work) -> None:
    git, top = work.git, work.top
    git(top, "switch", "-q", "main")
    (top / "other.py").write_text("other\n")
    git(top, "add", ".")
    git(top, "commit", "-q", "-m", "meanwhile")
    off(work, at="feature/a")
    git(top, "rebase", "-q", "--empty=keep", "main")


def squash(work: Work) -> None:
    off(work, at="main")
    work.git(work.top, "merge", "-q", "--squash", "feature/a")
    work.git(work.top, "commit", "-q", "--no-edit")  # git's own message quotes both, indented


def squash_as_a_host_does(work: Work) -> None:
    off(work, at="main")
    work.git(work.top, "merge", "-q", "--squash", "feature/a")
    said = f"All of it (#7)\n\n* one\n\n{work.trailers('ctdd#1')}\n* two\n\n{work.trailers('consolidation#1')}\n---------\n\nCo-authored-by: A <a@example.invalid>"
    work.git(work.top, "commit", "-q", "-m", said)


def merge(work: Work) -> None:
    off(work, at="main")
    work.git(work.top, "merge", "-q", "--no-ff", "-m", "take it", "feature/a")


def branch_of_a_branch(work: Work) -> None:
    off(work)
    off(work, "feature/c")


def renamed(work: Work) -> None:
    work.git(work.top, "branch", "-m", "feature/b")


def deleted(work: Work) -> None:
    off(work)
    work.git(work.top, "branch", "-q", "-D", "feature/a")


def reworded_key(work: Work) -> None:
    off(work, at="main")
    work.git(work.top, "merge", "-q", "--squash", "feature/a")
    work.git(work.top, "commit", "-q", "-m", "x\n\n> " + work.trailers("ctdd#1").lower().replace(": ", ":"))


def folded(work: Work) -> None:
    off(work, at="main")
    work.git(work.top, "merge", "-q", "--squash", "feature/a")
    work.git(work.top, "commit", "-q", "-m", f"x\n\nCorrectless-Run:\n {work.run}\n")


def without_the_run(work: Work) -> None:
    off(work, at="main")
    work.git(work.top, "merge", "-q", "--squash", "feature/a")
    (work.top / "more.py").write_text("more\n")
    work.git(work.top, "add", ".")
    work.git(work.top, "commit", "-q", "-m", "x\n\n" + work.trailers("ctdd#1").partition("\n")[2])


def amended(work: Work) -> None:
    off(work, at="feature/a~1")
    work.git(work.top, "commit", "-q", "--amend", "-m", "my own work")


def amended_and_rebased(work: Work) -> None:
    rebase(work)
    work.git(work.top, "reset", "-q", "--hard", "HEAD~1")
    work.git(work.top, "commit", "-q", "--amend", "-m", "my own work")


def squashed_without_a_word(work: Work) -> None:
    work.git(work.top, "switch", "-q", "main")
    (work.top / "other.py").write_text("other\n")
    work.git(work.top, "add", ".")
    work.git(work.top, "commit", "-q", "-m", "meanwhile")
    off(work, at="main")
    work.git(work.top, "merge", "-q", "--squash", "feature/a")
    work.git(work.top, "commit", "-q", "-m", "my own work")


def split_in_two(work: Work) -> None:
    """The same tree in other commits, without a word of where it comes from."""
    git, top = work.git, work.top
    (top / "a2.py").write_text("more\n")
    work.decisions.append(json.loads(json.dumps({**_values(work), "key": f"{R1}/ctdd/1/b2"})))
    second = work.commit("ctdd#1")
    work.log(Consolidated(second, ()))
    git(top, "switch", "-q", "-c", "feature/b", "main")
    for name in ("a2.py", "a.py"):
        git(top, "checkout", "-q", "feature/a", "--", name)
        git(top, "commit", "-q", "-m", f"my own {name}")


def _values(work: Work) -> dict[str, Any]:
    fields = dict(work.decisions.read()[0].fields)
    return {name: value for name, value in fields.items() if name not in ("seq", "prev")}


WAYS: list[Callable[[Work], None]] = [
    off, cherry, rebase, squash, squash_as_a_host_does, merge, branch_of_a_branch, renamed, deleted, reworded_key,
    folded, without_the_run, amended, amended_and_rebased, squashed_without_a_word,
]  # fmt: skip


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("rejected", [False, True], ids=["open", "rejected"])
def test_open_and_rejected_work_closes_the_gate_of_every_branch_that_carries_it(
    left_open: Work, way: Callable[[Work], None], rejected: bool
) -> None:
    if rejected:
        left_open.answer("rejected", by="Grace")
    way(left_open)
    assert waiting(left_open.top) == OPEN
    assert [each.rejected for each in here(left_open.top).waiting] == ["Grace: no" if rejected else ""]


def test_the_same_files_in_other_commits_are_known_by_their_tree(left_open: Work) -> None:
    split_in_two(left_open)
    assert waiting(left_open.top) == OPEN * 2


def squashed(work: Work, only: str, *more: str) -> None:
    """A branch from main with the work in one commit and no trailer; `only` one of its files, else all of it as a merge has it."""
    git, top = work.git, work.top
    git(top, "switch", "-q", "main")
    (top / "elsewhere").write_text("main moved on\n")
    git(top, "add", "--all")
    git(top, "commit", "-q", "-m", "main moved on")
    git(top, "switch", "-q", "-c", "feature/b")
    if only:
        git(top, "checkout", "feature/a", "--", only)
    else:
        git(top, "merge", "--squash", "-q", "feature/a")
    for name in more:
        (top / name).write_text(f"{name}\n")
        git(top, "add", name)


@pytest.fixture
def with_spec(top: Path, git: Git) -> Work:
    """A branch whose spec was committed before the run, as a person does it; then two steps, and a file that both wrote."""
    git(top, "switch", "-q", "-c", "feature/a")
    (top / "spec.md").write_text("# spec\n")
    (top / "shared.py").write_text("".join(f"line {n}\n" for n in range(40)))
    git(top, "add", "--all")
    git(top, "commit", "-q", "-m", "spec")
    git(top, "switch", "-q", "--detach")
    git(top, "branch", "-D", "feature/a")
    work = Work(top, git, "feature/a", R1)
    (top / "shared.py").write_text("".join(f"line {n}\n" for n in range(39)) + "the run's end\n")
    work.step("a.py", "a as I saw fit")
    work.step("a2.py", "a2 as I saw fit")
    work.consolidate()
    return work


@pytest.mark.parametrize(
    "how",
    [
        "all",
        "and a file",
        "the first step",
        "the last step",
        "but one file",
        "beside other lines",
        "other blanks",
    ],
)
def test_work_in_a_commit_without_its_trailers_is_known_by_its_files(
    with_spec: Work, git: Git, how: str
) -> None:
    top = with_spec.top
    only = {"the first step": "a.py", "the last step": "a2.py"}.get(how, "")
    squashed(with_spec, only, *(["more"] if how == "and a file" else []))
    if how == "but one file":
        git(top, "rm", "-q", "-f", "a.py", "a2.py")
    if how == "beside other lines":
        git(top, "rm", "-q", "-f", "a.py", "a2.py")
        git(top, "reset", "-q", "--hard", "main")
        git(top, "checkout", "feature/a~3", "--", "shared.py")
        git(top, "commit", "-q", "-m", "shared")
        (top / "shared.py").write_text("mine\n" + (top / "shared.py").read_text())
        git(top, "commit", "-qam", "mine")
        git(top, "cherry-pick", "-n", "feature/a~2")
        git(top, "rm", "-q", "-f", "a.py")
    if how == "other blanks":
        for name in ("a.py", "a2.py"):
            (top / name).write_text(f"{name[:-3]}  as I   saw fit\n")
    git(top, "add", "--all")
    git(top, "commit", "-q", "-m", "Greeting")
    assert waiting(top) != []
    assert {name for name, _ in waiting(top)} == {"feature/a"}


@pytest.mark.parametrize("how", ["a merge commit", "other paths", "a folder of its own", "a binary"])
def test_work_that_a_commit_brings_in_another_way_is_known_by_its_contents(
    with_spec: Work, git: Git, how: str
) -> None:
    top = with_spec.top
    if how == "a binary":
        (top / "blob.bin").write_bytes(os.urandom(3000) + b"\0")
        with_spec.step("a3.py", "a3 as I saw fit")
    git(top, "switch", "-q", "main")
    git(top, "switch", "-q", "-c", "side")
    (top / "side.md").write_text("side\n")
    git(top, "add", "--all")
    git(top, "commit", "-q", "-m", "side")
    git(top, "switch", "-q", "main")
    git(top, "switch", "-q", "-c", "feature/b")
    (top / "mine.md").write_text("mine\n")
    git(top, "add", "--all")
    git(top, "commit", "-q", "-m", "mine")
    match how:
        case "a merge commit":
            git(top, "merge", "-q", "--no-ff", "--no-commit", "side")
            git(top, "checkout", "feature/a", "--", "a.py")
        case "other paths":
            git(top, "checkout", "feature/a", "--", "a.py", "a2.py")
            (top / "lib").mkdir()
            git(top, "mv", "a.py", "a2.py", "lib")
        case "a folder of its own":
            git(top, "read-tree", "--prefix=vendored/", "-u", "feature/a")
        case "a binary":
            git(top, "checkout", "feature/a", "--", "blob.bin")
    git(top, "commit", "-q", "-m", "Greeting")
    assert {name for name, _ in waiting(top)} == {"feature/a"}


def test_other_work_is_not_taken_for_it(with_spec: Work, git: Git) -> None:
    top = with_spec.top
    git(top, "switch", "-q", "main")
    Work(top, git, "feature/b", R2).step("mine.py", "b", deferred=False)
    (top / "spec.md").write_text("# spec\n")  # a person's own file
    (top / "b.py").write_text("b\n")
    (top / "empty").write_text("")
    git(top, "add", "--all")
    git(top, "commit", "-q", "-m", "other work")
    assert waiting(top) == []


def _cut(path: str) -> None:
    log = Path(path)
    log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:-1]))


def _rehashed(path: str) -> None:
    log, made = Path(path), b""
    before = GENESIS
    for line in log.read_bytes().splitlines():
        fields = json.loads(line.replace(b'"escalation_deferred":true', b'"escalation_deferred":false'))
        fields |= {"prev": before, "timestamp": "2027-01-01T00:00:00.000Z"}
        line = json.dumps(fields, separators=(",", ":")).encode()
        before = hashlib.sha256(line).hexdigest()
        made += line + b"\n"
    log.write_bytes(made)


def _emptied(path: str) -> None:
    Path(path).write_bytes(b"")


def _linked(path: str) -> None:
    os.rename(path, f"{path}.there")
    os.symlink(f"{path}.there", path)


@pytest.mark.parametrize("what", ["decisions", "run"])
@pytest.mark.parametrize("tampered", [_cut, _rehashed, _emptied, os.unlink, _linked])
def test_the_log_of_work_without_trailers_is_believed_no_more_than_ones_own(
    left_open: Work, git: Git, tampered: Callable[[str], None], what: str
) -> None:
    squashed(left_open, "")
    git(left_open.top, "commit", "-q", "-m", "Greeting")
    assert waiting(left_open.top) == OPEN
    tampered(getattr(left_open.logs, what))
    with pytest.raises(Stop) as refused:
        here(left_open.top)
    assert refused.value.code == exits.REFUSED
    assert getattr(left_open.logs, what) in refused.value.message


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_what_was_confirmed_where_it_was_decided_is_confirmed(
    left_open: Work, way: Callable[[Work], None]
) -> None:
    left_open.answer()
    way(left_open)
    if os.path.lexists(paths.logs(git_of.find(str(left_open.top))).decisions):
        assert here(left_open.top).open
    else:  # nothing is on record of the branch itself, and nothing comes to it
        with pytest.raises(Stop, match="no decisions log"):
            here(left_open.top)


def test_a_confirmation_counts_for_exactly_the_entries_it_covers(left_open: Work) -> None:
    left_open.answer()
    left_open.step("later.py", "decided later", attempt=2)
    off(left_open)
    assert waiting(left_open.top) == [("feature/a", "decided later")]


def test_a_run_of_the_new_branch_waits_for_the_inherited_decisions_as_well(left_open: Work, git: Git) -> None:
    mine = Work(left_open.top, git, "feature/b", R2)
    mine.step("b.py", "b as I saw fit")
    assert waiting(left_open.top) == [("", "b as I saw fit"), *OPEN]
    mine.answer()
    assert here(left_open.top).open
    assert left_open.source() == ["a as I saw fit"]  # the other branch's own gate has its own answer


def test_a_confirmation_on_the_new_branch_is_bound_to_the_inherited_lines(left_open: Work, git: Git) -> None:
    mine = Work(left_open.top, git, "feature/b", R2)
    mine.step("b.py", "b as I saw fit", deferred=False)
    mine.answer()
    assert here(left_open.top).open
    git(left_open.top, "switch", "-q", "feature/a")
    left_open.step("later.py", "decided later", attempt=2)
    git(left_open.top, "switch", "-q", "feature/b")
    git(left_open.top, "merge", "-q", "--no-edit", "feature/a")
    assert waiting(left_open.top) == [("feature/a", "decided later")]
    closing = gate.close(here(left_open.top).waiting, "t")
    assert closing.digest != gate.close((), "t").digest
    assert closing.inherited
    assert closing.entries == ()


def test_a_forged_closing_that_names_inherited_lines_covers_none_of_them(left_open: Work, git: Git) -> None:
    mine = Work(left_open.top, git, "feature/b", R2)
    mine.step("b.py", "b", deferred=True)
    before = gate.close([r for r in here(left_open.top).waiting if not r.branch], "t")
    forged = GateClosed(
        "t", before.digest, before.entries, gate.close(here(left_open.top).waiting, "t").inherited
    )
    mine.log(forged)
    open_set.answer(
        mine.logs, before.digest, kind="escalations", by="Ada", channel="terminal", note="", now=utcnow()
    )
    with pytest.raises(Stop, match="are not the ones that were shown"):
        here(left_open.top)
    # Without the anchors' word, too, it covers nothing.
    found = gate.load(mine.logs)[1].waiting
    assert [(each.branch, each.decision.default_applied) for each in found] == [("", "b"), *OPEN]


def test_what_another_branch_was_answered_about_inherited_entries_counts_here(
    left_open: Work, git: Git
) -> None:
    second = Work(left_open.top, git, "feature/b", R2)
    second.step("b.py", "b as I saw fit")
    second.answer()
    Work(left_open.top, git, "feature/c", R3).step("c.py", "c", deferred=False)
    assert not here(left_open.top).waiting


def test_a_no_where_it_was_decided_outweighs_a_yes_on_a_branch_between(left_open: Work, git: Git) -> None:
    left_open.answer("rejected")
    second = Work(left_open.top, git, "feature/b", R2)
    second.step("b.py", "b", deferred=False)
    second.answer()
    assert here(left_open.top).open
    Work(left_open.top, git, "feature/c", R3).step("c.py", "c", deferred=False)
    assert waiting(left_open.top) == OPEN


def test_who_may_not_confirm_it_there_may_not_confirm_it_here(top: Path, git: Git) -> None:
    strict = Work(top, git, "feature/a", R1, confirmers=("Grace",))
    strict.step("a.py", "a as I saw fit")
    lax = Work(top, git, "feature/b", R2, confirm_channels=("terminal", "flag"))
    lax.step("b.py", "b", deferred=False)
    lax.answer(by="Ada")
    assert waiting(top) == OPEN
    lax.answer(by="Grace", channel="flag")
    assert waiting(top) == OPEN
    lax.answer(by="Grace")
    assert not here(top).waiting


def test_who_may_not_confirm_it_here_did_not_confirm_it_there(top: Path, git: Git) -> None:
    lax = Work(top, git, "feature/a", R1, confirm_channels=("terminal", "flag"))
    lax.step("a.py", "a as I saw fit")
    lax.answer(channel="flag")
    assert lax.source() == []
    Work(top, git, "feature/b", R2).step("b.py", "b", deferred=False)
    assert waiting(top) == OPEN


def test_an_attempt_that_was_run_again_lives_where_its_commit_does(top: Path, git: Git) -> None:
    work = Work(top, git, "feature/a", R1)
    first = work.step("a.py", "the first way")
    work.answer("rejected")
    git(top, "update-ref", f"refs/correctless/kept/{R1}/1", first)
    work.log(
        Rerun(
            "ctdd",
            "",
            "Ada",
            "terminal",
            work.base,
            f"refs/correctless/kept/{R1}/1",
            (Superseded("ctdd", 1),),
        )
    )
    git(top, "reset", "-q", "--hard", work.base)
    work.log(Rewound(work.base))
    work.step("a.py", "the second way", attempt=2, deferred=False)
    assert not here(top).waiting
    off(work, "feature/b")  # from the second way: the first is gone from it
    with pytest.raises(Stop, match="no decisions log"):
        here(top)
    off(work, "feature/c", first)
    assert waiting(top) == [("feature/a", "the first way")]
    git(top, "switch", "-q", "feature/a")
    git(top, "merge", "-q", "-X", "ours", "--no-edit", first)
    assert waiting(top) == [("", "the first way")]


def test_what_was_merged_already_is_not_inherited(left_open: Work, git: Git) -> None:
    top = left_open.top
    git(top, "switch", "-q", "main")
    git(top, "merge", "-q", "--no-edit", "feature/a")
    Work(top, git, "feature/b", R2).step("b.py", "b", deferred=False)
    assert not here(top).waiting


def test_the_base_is_what_the_remote_has_and_not_the_local_branch_of_its_name(
    left_open: Work, git: Git
) -> None:
    top = left_open.top
    git(top, "update-ref", "refs/remotes/origin/main", "main")
    git(top, "switch", "-q", "main")
    git(top, "merge", "-q", "--no-edit", "feature/a")
    Work(top, git, "feature/b", R2).step("b.py", "b", deferred=False)
    assert waiting(top) == OPEN


def test_without_any_base_all_of_history_counts(left_open: Work, git: Git) -> None:
    Work(left_open.top, git, "feature/b", R2).step("b.py", "b", deferred=False)
    git(left_open.top, "branch", "-q", "-D", "main")
    assert waiting(left_open.top) == OPEN


def test_a_tag_with_the_branch_name_changes_nothing(left_open: Work, git: Git) -> None:
    Work(left_open.top, git, "feature/b", R2).step("b.py", "b", deferred=False)
    git(left_open.top, "tag", "feature/b", "main")
    git(left_open.top, "tag", "main", "HEAD")
    assert waiting(left_open.top) == OPEN


def test_a_detached_head_of_a_linked_worktree_is_asked_about_its_own_commit(
    left_open: Work, git: Git, tmp_path: Path
) -> None:
    git(left_open.top, "worktree", "add", "-q", "--detach", str(tmp_path / "linked"), "feature/a")
    git(left_open.top, "switch", "-q", "main")
    assert waiting(tmp_path / "linked") == OPEN


def forge_parent(graph: Path, commit: str, parent: str) -> None:
    """Have a commit graph say that `parent` is the only parent of `commit`."""
    data = bytearray(graph.read_bytes())
    chunks = {
        bytes(data[at : at + 4]): int.from_bytes(data[at + 4 : at + 12])
        for at in range(8, 8 + 12 * data[6], 12)
    }
    count = int.from_bytes(data[chunks[b"OIDF"] + 1020 : chunks[b"OIDF"] + 1024])
    oids = [data[at : at + 20].hex() for at in range(chunks[b"OIDL"], chunks[b"OIDL"] + 20 * count, 20)]
    at = chunks[b"CDAT"] + 36 * oids.index(commit) + 20
    data[at : at + 4] = oids.index(parent).to_bytes(4)
    data[-20:] = hashlib.sha1(data[:-20]).digest()
    graph.chmod(0o644)
    graph.write_bytes(data)


@pytest.mark.parametrize("hidden", ["info/grafts", "replace", "commit-graph"])
def test_history_is_what_the_commits_say(left_open: Work, git: Git, hidden: str) -> None:
    top = left_open.top
    mine = Work(top, git, "feature/b", R2)
    first = mine.step("b.py", "b", deferred=False)
    head, main = mine.step("c.py", "c", attempt=2, deferred=False), git(top, "rev-parse", "main")
    if hidden == "replace":
        git(top, "replace", "--graft", head, main)
    elif hidden == "commit-graph":
        git(top, "config", "core.commitGraph", "true")
        git(top, "commit-graph", "write", "--reachable")
        forge_parent(top / ".git/objects/info/commit-graph", first, main)  # git reads a tip itself
        assert git(top, "rev-list", "main..HEAD").split() == [head, first]
    else:
        (top / ".git/info/grafts").write_text(f"{head} {main}\n")
    assert waiting(top) == OPEN


@pytest.mark.parametrize("log", ["both", "run", "decisions"])
def test_where_the_logs_of_a_carried_run_are_missing_run_and_branch_are_named(
    left_open: Work, git: Git, log: str
) -> None:
    Work(left_open.top, git, "feature/b", R2).step("b.py", "b", deferred=False)
    if log in ("both", "run"):
        os.unlink(left_open.logs.run)
    if log in ("both", "decisions"):
        os.unlink(left_open.logs.decisions)
    with pytest.raises(Stop) as refused:
        here(left_open.top)
    assert refused.value.code == exits.REFUSED
    if log != "decisions":
        assert R1 in refused.value.message
        assert "'feature/b'" in refused.value.message
        assert "feature/a" in refused.value.message


@pytest.mark.parametrize(
    "text",
    [
        f"Correctless-Run: {R3}",
        "Correctless-Run: none such",
        f"Correctless-Log: 3:{'1' * 64}",
        "Correctless-Step: ctdd#1",
        "Correctless-Log: nonsense",
    ],
)
def test_a_trailer_that_no_log_answers_to_is_refused(top: Path, git: Git, text: str) -> None:
    mine = Work(top, git, "feature/b", R2)
    mine.step("b.py", "b", deferred=False)
    assert not here(top).waiting
    git(top, "commit", "-q", "--allow-empty", "-m", f"x\n\n{text}\n")
    with pytest.raises(Stop, match="no logs of it") as refused:
        here(top)
    assert refused.value.code == exits.REFUSED


def test_another_log_put_in_the_place_of_the_one_a_commit_noted_is_refused(left_open: Work, git: Git) -> None:
    Work(left_open.top, git, "feature/b", R2).step("b.py", "b", deferred=False)
    os.unlink(left_open.logs.decisions)
    forged = Ledger(left_open.logs.decisions, root=left_open.logs.root)
    events = record._entries(left_open.logs.run, left_open.logs)
    os.unlink(left_open.logs.run)
    forged.append(_forged())
    anew = Ledger(left_open.logs.run, root=left_open.logs.root)
    forget(left_open.logs)
    anew.append({name: value for name, value in events[0].fields.items() if name not in ("seq", "prev")})
    with pytest.raises(Stop, match="is not what commit"):
        here(left_open.top)


@pytest.mark.parametrize("disproved", ["the tail is cut", "the chain is written anew"])
def test_a_carried_log_that_the_private_copy_disproves_is_believed_no_more_than_ones_own(
    left_open: Work, git: Git, disproved: str
) -> None:
    """No commit noted the second decision: nothing but the copy of the heads knows it."""
    left_open.decisions.append(
        _forged() | {"escalation_deferred": True, "original_escalation_reason": "late", "key": "k2"}
    )
    Work(left_open.top, git, "feature/b", R2).step("b.py", "b", deferred=False)
    path = Path(left_open.logs.decisions)
    *before, last = path.read_bytes().splitlines(keepends=True)
    anew = last.replace(b'"late"', b'"mine"') if disproved == "the chain is written anew" else b""
    path.write_bytes(b"".join(before) + anew)
    with pytest.raises(Stop) as refused:
        here(left_open.top)
    assert refused.value.code == exits.REFUSED
    assert left_open.logs.decisions in refused.value.message


def forget(logs: paths.Logs) -> None:
    """The private copies of the heads, gone with every trace of them."""
    shutil.rmtree(Path.home() / ".local/state/correctless")
    for mark in Path(logs.decisions).parent.glob("*.heads"):
        mark.unlink()


def _forged() -> dict[str, Any]:
    return Decision(
        "ctdd", "AD-001", "x", "y", WHEN, False, None, run=R1, step="ctdd", attempt=1, key="k", source="block"
    ).fields()


def test_a_damaged_log_of_a_carried_run_is_no_log_that_left_nothing_open(left_open: Work, git: Git) -> None:
    Work(left_open.top, git, "feature/b", R2).step("b.py", "b", deferred=False)
    path = Path(left_open.logs.decisions)
    path.write_bytes(path.read_bytes().replace(b'"escalation_deferred":true', b'"escalation_deferred":false'))
    with pytest.raises(Stop) as refused:
        here(left_open.top)
    assert refused.value.code == exits.REFUSED


def test_a_shallow_clone_that_ends_inside_the_branch_is_refused(
    left_open: Work, git: Git, tmp_path: Path
) -> None:
    Work(left_open.top, git, "feature/b", R2).step("b.py", "b", deferred=False)
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", "--depth=1", "--branch=feature/b", f"file://{left_open.top}", str(clone))
    marks = shutil.ignore_patterns("*.heads")
    shutil.copytree(left_open.logs.artifacts, clone / ".correctless/artifacts", ignore=marks)
    with pytest.raises(Stop, match="shallow"):
        here(clone)


def test_a_log_outside_any_repository_inherits_nothing(tmp_path: Path) -> None:
    path = tmp_path / "autonomous-decisions-x.jsonl"
    Ledger(str(path)).append(_forged())
    assert correctless.gate(str(path)).open


def test_the_library_the_command_and_the_summary_all_say_so(left_open: Work, git: Git) -> None:
    mine = Work(left_open.top, git, "feature/b", R2)
    mine.step("b.py", "b", deferred=False)
    assert not correctless.gate(mine.logs.decisions).open
    done = subprocess.run(
        [*correctless.itself(), "gate", "--json"],
        cwd=left_open.top,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == exits.PERSON
    assert json.loads(done.stdout)["waiting"][0]["branch"] == "feature/a"
    shown = correctless.summarise(mine.logs.decisions)
    assert "AD-001 in ctdd: needs confirmation" in shown
    assert "branch:    feature/a" in shown
    assert "feature/a" in summary.markdown(open_set.view(mine.logs))


def test_a_branch_without_a_run_is_reviewed_like_any_other(left_open: Work, git: Git) -> None:
    off(left_open)
    assert not os.path.lexists(paths.logs(git_of.find(str(left_open.top))).decisions)
    project = Project.found(left_open.top, git)
    code, shown = project.review(answer="{digest}")
    assert (code, "1 decision confirmed" in shown) == (exits.OK, True), shown
    assert here(left_open.top).open
    assert record.load(paths.logs(git_of.find(str(left_open.top)))).decisions == ()


OPENED = ["sh", "-c", "cat >/dev/null; echo https://example.invalid/pull/1"]


@pytest.fixture
def project(scratch_repo: Path, git: Git, tmp_path: Path) -> Project:
    """One step that leaves a decision to a person, and a remote that has main."""
    git(tmp_path, "init", "-q", "--bare", "-b", "main", "origin.git")
    git(scratch_repo, "remote", "add", "origin", str(tmp_path / "origin.git"))
    git(scratch_repo, "push", "-q", "origin", "main")
    step = {"skill": "cverify", "report": ".correctless/reports/{branch_slug}/cverify.md"}
    return Project(scratch_repo, git, config={"pipelines": {"default": {"steps": [step]}}, "pr": OPENED})


def test_a_run_on_top_of_a_rejected_one_is_not_published_until_its_decisions_are_answered(
    project: Project, git: Git
) -> None:
    first = project.run()
    assert first.returncode == exits.PERSON, first.stderr
    assert project.review(answer="no")[0] == exits.PERSON
    git(project.top, "switch", "-q", "-c", "feature/y")
    second = project.run()
    assert "this branch inherits 1 open decision of feature/x" in second.stderr
    assert second.returncode == exits.PERSON, second.stderr
    assert "2 decisions need your confirmation" in second.stderr
    assert "inherits 1 open decision of feature/x" in project.cauto("status").stdout
    code, shown = project.review(answer="{digest}")
    assert (code, "2 decisions confirmed" in shown) == (exits.OK, True), shown
    assert "on that branch by Ada: not like this" in shown
    done = project.cauto("resume")
    assert done.returncode == exits.OK, done.stderr
    assert git(project.top, "ls-remote", "origin", "refs/heads/feature/y")
    assert "feature/x" in Path(project.logs.folder(project.state().run), "pull-request.md").read_text()
    assert project.command("decisions", "verify", "--offline").returncode == exits.OK
    assert project.command("audit-run", "--offline").returncode == exits.OK


def test_a_run_whose_branch_carries_work_without_its_logs_does_not_begin(project: Project, git: Git) -> None:
    assert project.run().returncode == exits.PERSON
    run = project.state().run
    git(project.top, "switch", "-q", "-c", "feature/y")
    shutil.rmtree(project.logs.artifacts)
    refused = project.run()
    assert refused.returncode == exits.REFUSED
    assert run in refused.stderr
    assert "'feature/y'" in refused.stderr
    assert not os.path.lexists(project.logs.run)


def test_a_remote_tracking_branch_that_was_moved_hides_nothing_from_publication(
    project: Project, git: Git
) -> None:
    assert project.run().returncode == exits.PERSON
    git(project.top, "switch", "-q", "-c", "feature/y")
    git(project.top, "update-ref", "refs/remotes/origin/main", "HEAD")
    done = project.run()
    assert "carries" not in done.stderr
    assert project.review(answer="{digest}")[0] == exits.OK
    refused = project.cauto("resume")
    assert (refused.returncode, "though this clone says so" in refused.stderr) == (exits.PERSON, True), (
        refused.stderr
    )
    assert not git(project.top, "ls-remote", "origin", "refs/heads/feature/y")
    git(project.top, "fetch", "-q", "origin")
    assert project.review(answer="{digest}")[0] == exits.OK
    assert project.cauto("resume").returncode == exits.OK


def test_an_answer_on_a_branch_without_a_run_is_about_the_commit_it_was_at(left_open: Work, git: Git) -> None:
    git(left_open.top, "switch", "-q", "-c", "feature/none")
    found = git_of.find(str(left_open.top))
    logs = paths.logs(found)
    branch, state = gate.load(logs, found)
    assert state.waiting
    _, state = open_set.close_gate(logs, branch, state, token="t" * 32, now=utcnow(), repo=found)
    assert state.closing is not None
    assert state.closing.head == git(left_open.top, "rev-parse", "HEAD")
    open_set.answer(
        logs,
        state.closing.digest,
        kind="escalations",
        by="Ada",
        channel="terminal",
        note="",
        now=utcnow(),
        head=state.closing.head,
    )
    assert here(left_open.top).open
    git(left_open.top, "commit", "-q", "--allow-empty", "-m", "meanwhile")
    assert not here(left_open.top).open
    git(left_open.top, "reset", "-q", "--keep", "HEAD~1")
    assert here(left_open.top).open
