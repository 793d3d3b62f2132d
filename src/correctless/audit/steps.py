"""Claims about each step of a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from correctless.audit.claims import VERIFY, Claim, Verdict
from correctless.audit.evidence import LOG, RUN, STEP, RunCommit, RunEvidence, line, who
from correctless.base.text import duration
from correctless.runlog.branch import RecordedDecision
from correctless.runlog.events import (
    AgentEnded,
    Answered,
    Asking,
    DecisionsTaken,
    Reverted,
    StepChecked,
    StepFinished,
    StepStarted,
)
from correctless.runlog.plan import PlannedStep
from correctless.runlog.state import UNDER_WAY


def of_step(evidence: RunEvidence, step: PlannedStep) -> Iterator[Claim]:
    """Yield the claims of a step's last attempt, finished or not."""
    state = evidence.state
    done = next((item for item in state.finished if item.step == step.name), None)
    if isinstance(done, Reverted):
        yield _reverted(evidence, done)
    elif done is not None:
        yield from _attempt(evidence, step, done.attempt, done)
    elif state.step is not None and state.step.name == step.name and state.phase in UNDER_WAY:
        yield from _attempt(evidence, step, state.attempt, None)
    else:
        yield Claim(step.name, "step", "not yet", "it was not reached, or is to start again")


def commit_claim(
    evidence: RunEvidence,
    label: str,
    oid: str,
    *,
    events: tuple[int, ...],
    after: str | None,
    log: str | None = None,
    squashed: bool = False,
) -> Claim:
    """Return the claim that the branch has the commit, with its trailers, on `after`; `log` is its log trailer."""

    def claim(verdict: Verdict, finding: str, fix: str = "") -> Claim:
        return Claim(label, "commit", verdict, finding, events, oid, fix)

    git = evidence.git
    name = line(git.where or evidence.plan.branch)
    if git.fault:
        return claim("unchecked", git.fault, "fix that, then retry")
    commits = git.squashed if squashed else git.branch
    commit = commits.get(oid)
    short = oid[:12]
    if commit is None:
        trailers = {RUN: evidence.run, STEP: label}
        others = [o for o, c in git.branch.items() if trailers.items() <= c.trailers.items() and o != oid]
        reflog = f"see what became of it: git reflog {name}"
        if others and not squashed:
            return claim(
                "contradicted",
                f"{name} has {others[0][:12]} in the place of {short}: the commit was rewritten",
                f"compare them: git diff {short} {others[0][:12]}" if oid in git.present else reflog,
            )
        if oid not in git.present:
            fix = "fetch it, or ask where the run was"
            return claim("not proven", f"this clone has no commit {short}", fix)
        if git.where is None:
            return claim("not proven", f"no branch {name} found that could have {short}", "fetch the branch")
        return claim("contradicted", f"{name} does not have {short}", reflog)
    wanted = {RUN: evidence.run, STEP: label, LOG: log or commit.trailers.get(LOG, "")}
    wrong = [key for key, value in wanted.items() if not value or commit.trailers.get(key) != value]
    if wrong:
        what = f"{short} lacks trailer {wrong[0]}, which the run log records"
        return claim("contradicted", what, f"git show {short}")
    between = _between(commits, oid, after)
    if after is not None and between is None:
        parent = ", ".join(each[:12] for each in commit.parents) or "none"
        what = f"{short} does not go back to {after[:12]}, where it began; its parent is {parent}"
        return claim("contradicted", what, f"see git log {short}")
    more = f", with {between} of the agent's own below" if between else ""
    where = f"{short}, kept from before the squash" if squashed else short
    if git.where != evidence.plan.branch and not squashed:
        where = f"{short} on {name}"
    return claim("proven", f"{where}{f', on top of {after[:12]}' if after else ''}{more}")


def _between(commits: Mapping[str, RunCommit], oid: str, after: str | None) -> int | None:
    """Return the number of commits between `oid` and `after`; None if unrelated."""
    seen, todo = {oid}, [oid]
    reached = False
    while todo:
        commit = commits.get(todo.pop())
        for parent in commit.parents if commit else ():
            if parent == after:
                reached = True
            elif parent not in seen:
                seen.add(parent)
                todo.append(parent)
    return len([each for each in seen if commits.get(each)]) - 1 if reached else None


def _attempt(
    evidence: RunEvidence, step: PlannedStep, attempt: int, done: StepFinished | None
) -> Iterator[Claim]:
    lacking: Verdict = "not proven" if done else "not yet"
    label = f"{step.name}#{attempt}"
    yield _ended(evidence, step.name, attempt, label, lacking, finished=done is not None)
    yield _decisions(evidence, step.name, attempt, label, lacking, done)
    for seq, asking in evidence.all_of(Asking, step.name, attempt):
        if asking.entries:
            yield _answers(evidence, label, seq, asking, lacking)
    if step.check is not None:
        yield _check(evidence, step, attempt, label, lacking)
    if done is None:
        yield Claim(label, "commit", "not yet", f"the run is at it: {evidence.state.phase}")
        return
    started = evidence.last(StepStarted, step.name, attempt)
    finished = evidence.last(StepFinished, step.name, attempt)
    yield commit_claim(
        evidence,
        label,
        done.commit,
        events=(finished[0],) if finished else (),
        after=started[1].base if started else None,
        log=f"{done.log_seq}:{done.log_head}",
        squashed=evidence.plan.squash and evidence.state.consolidated is not None,
    )
    if step.report is not None:
        yield _report(evidence, step, label, done)


def _ended(
    evidence: RunEvidence, step: str, attempt: int, label: str, lacking: Verdict, *, finished: bool
) -> Claim:
    started, ended = evidence.last(StepStarted, step, attempt), evidence.last(AgentEnded, step, attempt)
    again = "have the step run again: correctless review --rerun " + step
    if started is None:
        return Claim(label, "agent", lacking, "the run log has no start of it", fix=again)
    if ended is None:
        return Claim(label, "agent", lacking, "the run log has no end of its agent", (started[0],), fix=again)
    events = (started[0], ended[0])
    if ended[1].outcome != "ok":
        verdict: Verdict = "contradicted" if finished else "not yet"
        why = f"its agent ended {line(ended[1].outcome)}: {line(ended[1].reason)}"
        return Claim(label, "agent", verdict, why, events, fix=again if finished else "")
    kinds = (StepStarted, AgentEnded, DecisionsTaken, StepChecked, StepFinished)
    order = tuple(last[0] for kind in kinds if (last := evidence.last(kind, step, attempt)) is not None)
    if order != tuple(sorted(order)):
        what = "its events are in an order no step has"
        return Claim(label, "agent", "contradicted", what, order, fix=again)
    return Claim(label, "agent", "proven", f"it ended ok after {duration(ended[1].seconds)}", events)


def _decisions(
    evidence: RunEvidence, step: str, attempt: int, label: str, lacking: Verdict, done: StepFinished | None
) -> Claim:
    last = evidence.last(DecisionsTaken, step, attempt)
    if last is None:
        return Claim(label, "decisions", lacking, "the run log does not say that its answer was read")
    seq, event = last

    def claim(verdict: Verdict, finding: str) -> Claim:
        return Claim(label, "decisions", verdict, finding, (seq,), fix="" if verdict == "proven" else VERIFY)

    if evidence.lost is not None and evidence.lost.concerns(seq, evidence.events[seq].timestamp):
        return claim("not proven", "the log of that time was set aside by decisions repair")
    if evidence.log is None and not evidence.missing:
        return Claim(label, "decisions", "unchecked", evidence.log_fault, (seq,), fix=VERIFY)
    entries = _entries(evidence, step, attempt)
    in_time = [entry for entry in entries if entry.seq <= event.log_seq]
    deferred = sum(entry.decision.escalation_deferred for entry in in_time)
    if (len(in_time), deferred) != (event.count, event.deferred):
        stated = f"run log {seq} states {_count(event.count)}, {event.deferred} deferred"
        return claim("contradicted", f"{stated}; the log has {len(in_time)}, {deferred} deferred")
    late = [entry for entry in entries if _late(entry, event.log_seq, done)]
    if late:
        return claim("contradicted", f"entry {late[0].seq} was added to it after the agent's answer was read")
    answer = evidence.answers.get((step, attempt))
    ended = evidence.last(AgentEnded, step, attempt)
    if answer is not None and ended is not None and answer != ended[1].answer_sha256:
        return claim("contradicted", f"the answer on disk is not the one whose hash run log {ended[0]} has")
    numbers = ", ".join(str(entry.seq) for entry in entries)
    where = f": entr{'y' if len(entries) == 1 else 'ies'} {numbers}" if entries else ""
    missing_answer = "" if answer is not None else "; the answer itself is not kept here"
    return claim("proven", f"{_count(event.count)}, {event.deferred} deferred{where}{missing_answer}")


def _entries(evidence: RunEvidence, step: str, attempt: int) -> list[RecordedDecision]:
    return [e for e in evidence.entries if (e.decision.step, e.decision.attempt) == (step, attempt)]


def _late(entry: RecordedDecision, answered: int, done: StepFinished | None) -> bool:
    """Return whether an entry is too late to be the attempt's.

    After the answer only the dispatcher adds entries, and after the attempt's end nothing does.
    """
    by_others = entry.decision.source != "synthesized"
    return (entry.seq > answered and by_others) or (done is not None and entry.seq > done.log_seq)


def _answers(evidence: RunEvidence, label: str, seq: int, asking: Asking, lacking: Verdict) -> Claim:
    after = [
        (n, answered) for n, answered in evidence.all_of(Answered, asking.step, asking.attempt) if n > seq
    ]
    if not after:
        return Claim(label, "answers", lacking, "you were asked, and no answer is recorded", (seq,))
    at, answered = after[0]
    if evidence.line_digests.get(seq) != asking.digests:
        what = "the lines of the log are not those you were asked about"
        return Claim(label, "answers", "contradicted", what, (seq, at), fix=VERIFY)
    recorded = {c.digest for c in evidence.confirmations if c.kind == "answer"} & set(asking.digests)
    stated = answered.confirmed + answered.changed
    if len(recorded) != stated:
        what = f"run log {at} states {stated} answers, {len(recorded)} are recorded for these lines"
        fix = "see who wrote the confirmations log"
        return Claim(label, "answers", "contradicted", what, (seq, at), fix=fix)
    gave = f"{who(answered.by, answered.channel)} gave {stated}" if stated else "no answer was given"
    return Claim(label, "answers", "proven", f"of {len(asking.entries)} asked about, {gave}", (seq, at))


def _check(evidence: RunEvidence, step: PlannedStep, attempt: int, label: str, lacking: Verdict) -> Claim:
    last = evidence.last(StepChecked, step.name, attempt)
    command = line(" ".join(step.check or ()))
    fix = f"run it yourself: {command}"
    if last is None:
        what = f"the run log has no outcome of {command}"
        return Claim(label, "check", lacking, what, fix=fix if lacking == "not proven" else "")
    seq, checked = last
    if not checked.ok:
        verdict: Verdict = "contradicted" if lacking == "not proven" else "not yet"
        return Claim(label, "check", verdict, f"it failed: {line(checked.detail)}", (seq,), fix=fix)
    return Claim(label, "check", "proven", f"{command} passed", (seq,))


def _report(evidence: RunEvidence, step: PlannedStep, label: str, done: StepFinished) -> Claim:
    path = str(step.report)
    name = line(path)
    if evidence.git.fault:
        return Claim(label, "report", "unchecked", evidence.git.fault, commit=done.commit)
    if evidence.git.reports.get((done.commit, path)):
        return Claim(label, "report", "proven", f"{name} in {done.commit[:12]}", commit=done.commit)
    entries = _entries(evidence, step.name, done.attempt)
    missing = [entry.seq for entry in entries if (entry.decision.key or "").endswith("/sno-report")]
    if missing:
        what = f"none was written; entry {missing[0]} needs your review"
        return Claim(label, "report", "proven", what, commit=done.commit)
    what = f"{done.commit[:12]} has no {name}"
    fix = "see whether git ignores it, or have the step run again"
    return Claim(label, "report", "not proven", what, commit=done.commit, fix=fix)


def _reverted(evidence: RunEvidence, done: Reverted) -> Claim:
    label = f"{done.step}#{done.attempt}"
    last = evidence.last(Reverted, done.step, done.attempt)
    events = (last[0],) if last else ()
    if evidence.git.fault:
        return Claim(label, "step", "unchecked", evidence.git.fault, events)
    trailers = {RUN: evidence.run, STEP: label}
    for oid, commit in evidence.git.branch.items():
        if trailers.items() <= commit.trailers.items():
            what = f"its work was to be discarded, but {line(evidence.git.where or '')} has {oid[:12]}"
            return Claim(label, "step", "contradicted", what, events, oid, f"see git show {oid[:12]}")
    return Claim(label, "step", "proven", f"its work was discarded: {line(done.reason)}", events)


def _count(number: int) -> str:
    return f"{number} decision" if number == 1 else f"{number} decisions"
