"""The result of an attempt: recorded, checked, committed or reverted."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace

from correctless.agents import MAX_ANSWER
from correctless.base import below, exits
from correctless.base.clock import timestamp
from correctless.base.exits import Stop
from correctless.base.files import replace_file
from correctless.base.text import one_line
from correctless.decisions import capture
from correctless.decisions.decision import Attempt, Decision
from correctless.dispatch.core import frozen_files, policy_changes, spec
from correctless.dispatch.core.context import RunContext, attempt_of, plan_of, sha256, step_of
from correctless.dispatch.step import aside, untrusted
from correctless.dispatch.step.check import check, judge, report_fault
from correctless.project.config import TESTED
from correctless.project.git import objects, staging
from correctless.project.git.before import Before
from correctless.project.git.repairs import Repairs
from correctless.project.hidden import reveal
from correctless.publish import leaks
from correctless.review import gate
from correctless.runlog.events import AttemptFailed, DecisionsTaken, StepChecked, StepFinished
from correctless.runlog.plan import Plan, PlannedStep
from correctless.runlog.state import State

_GIT = "git-"  # and the hash of git's settings: the name of an entry about them
_RESTORED = "git-put-back-"  # likewise, of restored files
_APPLIED_PREFIX = "kept as the step left it: "
_COMMIT_SECONDS = 120.0  # ends a signing program that waits for a passphrase


def take_decisions(ctx: RunContext, state: State) -> DecisionsTaken | AttemptFailed:
    """Read the answer, save what is unreadable, append every decision; their keys make it repeatable."""
    step = step_of(state)
    folder = ctx.folder(attempt_of(state))
    nonce = read(ctx, os.path.join(folder, "nonce"))
    known = ctx.decisions.of_attempt(attempt_of(state))
    calls = [each for each in known if each.source == "tool"]
    # Not those that a try before a crash appended of this answer: their keys will match.
    earlier = [each for each in known if each.source != "tool" and _number(each) <= state.pieces]
    captured = None
    if sha256(nonce) == state.nonce_sha256:
        captured = _captured(ctx, state, nonce.decode(), known=known, calls=calls, earlier=earlier)
    if captured is None:
        return discard(ctx, state, counted=False, reason="the agent's answer on disk was changed")
    for piece in captured.kept:
        replace_file(
            os.path.join(folder, piece.name), piece.text.encode("utf-8", "surrogatepass"), mode=0o600
        )
    for decision in captured.decisions:
        ctx.decisions.append(decision)
    head = ctx.decisions.head()
    every = (*calls, *earlier, *captured.decisions)
    return DecisionsTaken(
        step=step.name,
        attempt=state.attempt,
        count=len(every),
        deferred=sum(decision.escalation_deferred for decision in every),
        warnings=captured.warnings,
        log_seq=head.seq,
        log_head=head.sha256,
        pieces=state.pieces + len(captured.read),
    )


def _captured(
    ctx: RunContext,
    state: State,
    nonce: str,
    *,
    known: Sequence[Decision],
    calls: Sequence[Decision],
    earlier: Sequence[Decision],
) -> capture.Captured | None:
    """Return the decisions in the answer on disk; None when its hash is not the recorded one."""
    step = step_of(state)
    folder = ctx.folder(attempt_of(state))
    contract = frozen_files.read_skill(ctx.logs, state.run, step)
    answer = read(ctx, os.path.join(folder, "answer.md"))
    if sha256(answer) != state.answer_sha256:
        return None
    try:
        return capture.capture(
            answer.decode("utf-8", "surrogatepass"),
            contract,
            run=state.run,
            step=step.name,
            attempt=state.attempt,
            nonce=nonce,
            now=timestamp(ctx.now()),
            calls=calls,
            earlier=earlier,
            pieces_before=state.pieces,
            unlisted_before=ctx.decisions.unlisted(
                state.run,
                contract.name,
                but=[each.key for each in known if _number(each) > state.pieces],
            ),
            kept=os.path.relpath(folder, ctx.logs.artifacts),
            silent=plan_of(state).silent,
        )
    except UnicodeDecodeError:
        return None


def check_step(ctx: RunContext, state: State) -> StepChecked:
    """Run the step's check; defer what it changed of its own rules."""
    plan, step = plan_of(state), step_of(state)
    approved = approved_spec(ctx, state)
    # The check runs on what a commit can contain.
    cleared = aside.clear(ctx, state, every_file=True)
    # Made before the snapshot of git's files, for it adds some.
    sandbox = ctx.sandbox(state.run, plan)[2] if step.check else None
    # The command runs what the agent wrote.
    with untrusted.guarded(ctx, state) if step.check else nullcontext():
        done = check(
            ctx.repo,
            plan,
            step,
            cleared.worktree,
            base=state.step_base,
            spec=approved,
            env=lambda: ctx.environment(plan, attempt_of(state)),
            inherit=(ctx.lock.fd,),
            sandbox=sandbox,
        )
    if step.check:
        # What the check ran on is committed, whatever the check changed in git's index.
        cleared = aside.clear(ctx, state, every_file=True)
    if step.check and done.ok:
        # The agent's tests can leave the branch or commit as well as the agent.
        judged = judge(ctx.repo, plan, step, cleared.worktree, base=state.step_base, spec=approved)
        detail = judged.detail and f"after the check {' '.join(step.check)}: {judged.detail}"
        done = replace(judged, detail=detail, output=done.output)
    if done.output:
        log = os.path.join(ctx.folder(attempt_of(state)), "check.log")
        replace_file(log, done.output, mode=0o600)
    if done.ok:
        _defer_findings(ctx, state, done.changed, cleared.sparse, committed=done.committed)
        ctx.checked = (attempt_of(state), cleared.worktree)
    return StepChecked(step.name, state.attempt, done.ok, done.detail)


def commit_step(ctx: RunContext, state: State) -> StepFinished:
    """Commit the work with its trailers; a commit that has them already is of an interrupted try."""
    repo, plan, step = ctx.repo, plan_of(state), step_of(state)
    head = ctx.decisions.head()
    marks = trailers(ctx, state, f"{step.name}#{state.attempt}")
    checked, ctx.checked = ctx.checked, None
    if checked is not None and checked[0] == attempt_of(state):
        status = checked[1]
    else:  # checked by a dispatcher that died since
        reveal(repo)
        status = repo.status()
    committed = status.head != state.step_base and has_trailers(ctx, marks)
    if not committed or status.changed:
        staging.stage(repo, status)
        signoff = ("--signoff",) if plan.signoff else ()
        repo.git(
            *("commit", "--allow-empty", "--no-verify", "--quiet", *signoff, "--file=-"),
            rights="sign",
            stdin=message(state, step.name, marks),
            seconds=_COMMIT_SECONDS,
        )
    return StepFinished(step.name, state.attempt, _verified_head(ctx, state), head.seq, head.sha256)


def _verified_head(ctx: RunContext, state: State) -> str:
    """Return the commit, once its objects are what was staged: git does not write one that it believes to have.

    Raises: `Stop(3)` when they are not.
    """
    repo = ctx.repo
    head, damaged = objects.checked_head(repo, state.step_base)
    if not damaged:
        return head
    aside_folder = os.path.join(ctx.folder(attempt_of(state)), "git")
    objects.renew(repo, damaged, Repairs(Before(repo, plan_of(state).branch), aside_folder).move_away)
    head, still = objects.checked_head(repo, state.step_base)
    if still:
        raise Stop(
            exits.REFUSED,
            f"the commit {head[:12]} names {still[0]}, whose stored content is another. see git fsck; "
            "end the run with: correctless cauto stop --abandon",
        )
    return head


def discard(ctx: RunContext, state: State, *, counted: bool, reason: str) -> AttemptFailed:
    """Revert the work of an attempt and save it as a patch."""
    return AttemptFailed(step_of(state).name, state.attempt, reason, counted, revert(ctx, state))


def revert(ctx: RunContext, state: State) -> str | None:
    """Reset to the start of an attempt; return the patch's path, None if unchanged."""
    repo = ctx.repo
    path = os.path.join(ctx.folder(attempt_of(state)), "left.patch")
    aside.clear(ctx, state)
    branch = plan_of(state).branch
    if repo.branch() != branch:
        repo.git("symbolic-ref", "HEAD", f"refs/heads/{branch}")
    patch = repo.patch_since(state.step_base, but=aside.set_large_aside(ctx, state, os.path.dirname(path)))
    if patch:  # empty after a crash in the middle: then the first one stays
        replace_file(path, patch, mode=0o600)
    repo.reset_to(state.step_base)
    aside.set_repositories_aside(ctx, os.path.dirname(path))
    return os.path.relpath(path, ctx.logs.artifacts) if os.path.exists(path) else None


def trailers(ctx: RunContext, state: State, step: str) -> dict[str, str]:
    """Return the trailers of a dispatcher's commit, which pin the decisions log."""
    head = ctx.decisions.head()
    return {
        "Correctless-Run": state.run,
        "Correctless-Step": step,
        "Correctless-Log": f"{head.seq}:{head.sha256}",
    }


def has_trailers(ctx: RunContext, marks: Mapping[str, str]) -> bool:
    """Whether HEAD is the commit with exactly these trailers."""
    return marks.items() <= ctx.repo.trailers("HEAD").items()


def message(state: State, step: str, marks: Mapping[str, str]) -> str:
    """Return a commit message from the configured template, with its trailers."""
    return message_of(plan_of(state), state.run, step, marks)


def message_of(plan: Plan, run: str, step: str, marks: Mapping[str, str]) -> str:
    """Return the commit message of a plan's run."""
    title = os.path.basename(plan.spec).rsplit(".", 1)[0]
    # replace, not format: a template with another brace must not end a run after hours
    subject = plan.message.replace("{step}", step).replace("{title}", title).replace("{run}", run)
    subject = subject.replace("{branch}", plan.branch)
    return f"{subject}\n\n" + "".join(f"{name}: {value}\n" for name, value in marks.items())


def approved_spec(ctx: RunContext, state: State) -> str:
    """Return the text of the specification that was approved."""
    data = frozen_files.read(ctx.logs, state.run, frozen_files.SPEC, plan_of(state).spec_sha256)
    return data.decode("utf-8", "replace")


def squashed(ctx: RunContext, state: State, marks: Mapping[str, str]) -> str:
    """Return the message of the one commit that replaces those of a run."""
    subject = one_line(spec.title(approved_spec(ctx, state))) or message(state, "consolidation", {}).strip()
    done = ", ".join(item.step for item in state.finished if isinstance(item, StepFinished))
    signed = {"Signed-off-by": ctx.repo.committer()} if plan_of(state).signoff else {}
    lines = "".join(f"{name}: {value}\n" for name, value in {**marks, **signed}.items())
    return f"{subject}\n\nSteps: {done}\n\n{lines}"


def _defer_findings(
    ctx: RunContext,
    state: State,
    changed: Sequence[str] | None,
    sparse: Sequence[str],
    *,
    committed: bool,
) -> None:
    plan, step = plan_of(state), step_of(state)
    skill = frozen_files.read_skill(ctx.logs, state.run, step).name
    entries = [
        (change.name, f"{step.name} {change.what}", f"{_APPLIED_PREFIX}{', '.join(change.paths)}")
        for change in policy_changes.changes(ctx.repo, state.step_base, plan.spec, changed)
    ]
    # Also files that one commit of the agent adds and another removes: both are published.
    gone = set(leaks.too_large(ctx.repo, state.step_base)) if committed else set()
    if gone := gone - {path for name, _, applied in entries for path in _paths_of(name, applied)}:
        what = f"{step.name} committed files that are too long to be scanned for secrets"
        entries.append(
            (f"{policy_changes.LARGE}-committed", what, f"{_APPLIED_PREFIX}{', '.join(sorted(gone))}")
        )
    entries += _restored_entries(ctx, state)
    entries += aside.review_entries(ctx, state)
    settings = policy_changes.git_settings(ctx.repo, ctx.configuration(), sparse)
    if plan.git_sha256 not in ("", settings) and not _reported(ctx, state, f"{_GIT}{settings[:12]}"):
        what = "git's hooks or settings of this repository are not as they were when the run started"
        entries.append((f"{_GIT}{settings[:12]}", what, "left as they are: see .git/hooks and .git/config"))
    if skill in TESTED and step.check is None:
        what = "its tests were not run: no commands.test is configured"
        entries.append(("no-check", what, "the work was kept untested"))
    report = "" if step.report_required else step.report
    if report and (fault := report_fault(ctx.repo.top, report, approved_spec(ctx, state))):
        applied = "the work was kept; what was verified is not recorded"
        entries.append(("no-report", f"{step.name}: {fault}", applied))
    _defer(ctx, state, step, state.attempt, entries)


def reported_large(ctx: RunContext) -> frozenset[str]:
    """Return the files of which a step of this branch deferred that they were not scanned for secrets."""
    branch, status = gate.load(ctx.logs, ctx.repo)
    return frozenset(
        path
        for each in branch.decisions
        if each.seq not in status.superseded and each.decision.source == "synthesized"
        for path in _paths_of((each.decision.key or "").rpartition("/s")[2], each.decision.default_applied)
    )


def _paths_of(name: str, applied: str) -> list[str]:
    return applied.removeprefix(_APPLIED_PREFIX).split(", ") if name.startswith(policy_changes.LARGE) else []


def defer_restored(ctx: RunContext, state: State) -> None:
    """Defer what consolidation's hooks changed after the last step's check."""
    defer_at_end(ctx, state, _restored_entries(ctx, state))


def defer_at_end(ctx: RunContext, state: State, entries: Sequence[tuple[str, str, str]]) -> None:
    """Defer what was detected after the last step that finished, as entries of that step."""
    last = next((item for item in reversed(state.finished) if isinstance(item, StepFinished)), None)
    step = plan_of(state).step(last.step) if last is not None else None
    if last is not None and step is not None:
        _defer(ctx, state, step, last.attempt, entries)


def _restored_entries(ctx: RunContext, state: State) -> list[tuple[str, str, str]]:
    entries = []
    for sha, path, first in untrusted.restored(ctx, state.run):
        name = f"{_RESTORED}{sha[:12]}"
        if not _reported(ctx, state, name):
            what = f"git's own files or refs were changed while an agent, a check or a hook ran: {first}"
            entries.append((name, what, f"restored, or left as the list says: see {path}"))
    return entries


def _defer(
    ctx: RunContext,
    state: State,
    step: PlannedStep,
    attempt: int,
    entries: Sequence[tuple[str, str, str]],
) -> None:
    skill = frozen_files.read_skill(ctx.logs, state.run, step).name
    at = Attempt(state.run, step.name, attempt)
    own = [at.key(f"s{name}") for name, _, _ in entries]  # recorded by a try before a crash
    first = ctx.decisions.unlisted(state.run, skill, but=own) + 1
    for number, (name, reason, applied) in enumerate(entries, start=first):
        decision = capture.synthesized(
            skill,
            name,
            applied,
            "the dispatcher detected it; only you can decide that it is right",
            at=at,
            now=timestamp(ctx.now()),
            unlisted=number,
            reason=reason,
        )
        ctx.decisions.append(decision)


def _reported(ctx: RunContext, state: State, name: str) -> bool:
    """Whether a finished step deferred this; entries of a discarded attempt are superseded."""
    done = {f"{state.run}/{item.step}/{item.attempt}/s{name}" for item in state.finished}
    return any(each.key in done for each in ctx.decisions.all())


def _number(decision: Decision) -> int:
    """Return the number of an entry's piece in its attempt's answers; 0 without one."""
    label = (decision.key or "").rpartition("/")[2]
    return int(label[1:]) if label[:1] == "b" and label[1:].isdigit() else 0


def read(ctx: RunContext, path: str) -> bytes:
    """Return a file of an attempt, at most one byte over the limit; empty when it cannot be read."""
    try:
        return below.read(path, MAX_ANSWER + 1, root=ctx.root)
    except OSError:
        return b""  # detected by its hash: an attempt's nonce is never empty
