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
from correctless.dispatch.core import freeze, policy_changes, spec
from correctless.dispatch.core.context import RunContext, attempt_of, plan_of, sha256, step_of
from correctless.dispatch.core.decisions_log import is_answer
from correctless.dispatch.step import aside, untrusted
from correctless.dispatch.step.check import check, judge, report_fault
from correctless.project.config import TESTED
from correctless.project.git import objects
from correctless.project.git.before import Before
from correctless.project.git.repairs import Repairs
from correctless.project.hidden import IndexMarks, reveal
from correctless.publish import leaks
from correctless.runlog.events import AttemptFailed, DecisionsTaken, StepChecked, StepFinished
from correctless.runlog.plan import PlannedStep
from correctless.runlog.state import State

_GIT = "git-"  # what the name of an entry about git's settings begins with; then their hash
_PUT_BACK = "git-put-back-"  # likewise, of what was put back
_LEFT = "kept as the step left it: "
_COMMIT_SECONDS = 120.0  # a signing program that waits for a person ends here


def take_decisions(ctx: RunContext, state: State) -> DecisionsTaken | AttemptFailed:
    """Read the answer, keep what is unreadable, append every decision.

    Their keys make it repeatable.
    """
    step = step_of(state)
    folder = ctx.folder(attempt_of(state))
    nonce = read(os.path.join(folder, "nonce"))
    known = ctx.decisions.of_attempt(attempt_of(state))
    calls = [each for each in known if each.source == "tool"]
    # Of this very answer are those that a try before a crash appended: they will be found again by their keys.
    earlier = [each for each in known if each.source != "tool" and _number(each) <= state.pieces]
    captured = None
    if sha256(nonce) == state.nonce_sha256:
        captured = _captured(ctx, state, nonce.decode(), known=known, calls=calls, earlier=earlier)
    if captured is None:
        return discard(ctx, state, counted=False, reason="the agent's answer on disk is not the one it gave")
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
    """What the answer on disk holds; None when it is not the one whose hash is on record."""
    step = step_of(state)
    folder = ctx.folder(attempt_of(state))
    contract = freeze.check_skill(ctx.logs, state.run, step)
    answer = read(os.path.join(folder, "answer.md"))
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
    approved = freeze.read_frozen(ctx.logs, state.run, freeze.SPEC, plan.spec_sha256).decode(
        "utf-8", "replace"
    )
    # What the check runs on is what a commit can hold.
    cleared = aside.clear(ctx, state, every_file=True)
    hidden = cleared.marks.hidden
    # Made before the snapshot of git's files, for it needs some of them.
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
        # What the check ran on is what is committed, whatever the check told git.
        cleared = aside.clear(ctx, state, every_file=True)
        hidden = tuple(dict.fromkeys((*hidden, *cleared.marks.hidden)))
    if step.check and done.ok:
        # The agent's tests can leave the branch or commit as well as the agent.
        judged = judge(ctx.repo, plan, step, cleared.worktree, base=state.step_base, spec=approved)
        said = judged.detail and f"after the check {' '.join(step.check)}: {judged.detail}"
        done = replace(judged, detail=said, output=done.output)
    if done.output:
        log = os.path.join(ctx.folder(attempt_of(state)), "check.log")
        replace_file(log, done.output, mode=0o600)
    if done.ok:
        _defer_what_a_person_should_know(
            ctx, state, done.changed, replace(cleared.marks, hidden=hidden), committed=done.committed
        )
        ctx.checked = (attempt_of(state), cleared.worktree)
    return StepChecked(step.name, state.attempt, done.ok, done.detail)


def commit_step(ctx: RunContext, state: State) -> StepFinished:
    """Commit the work with its trailers.

    A commit that has them already is of an interrupted try.
    """
    repo, plan, step = ctx.repo, plan_of(state), step_of(state)
    head = ctx.decisions.head()
    marks = trailers(ctx, state, f"{step.name}#{state.attempt}")
    checked, ctx.checked = ctx.checked, None
    if checked is not None and checked[0] == attempt_of(state):
        here = checked[1]
    else:  # checked by a dispatcher that died since
        reveal(repo)
        here = repo.status()
    made = here.head != state.step_base and has_trailers(ctx, marks)
    if not made or here.changed:
        repo.stage(here)
        signoff = ("--signoff",) if plan.signoff else ()
        repo.git(
            *("commit", "--allow-empty", "--no-verify", "--quiet", *signoff, "--file=-"),
            rights="sign",
            stdin=message(state, step.name, marks),
            seconds=_COMMIT_SECONDS,
        )
    return StepFinished(step.name, state.attempt, _hold_objects(ctx, state), head.seq, head.sha256)


def _hold_objects(ctx: RunContext, state: State) -> str:
    """The commit, whose objects are what was staged: git writes none that it believes to have. `Stop(3)` where they are not."""
    repo = ctx.repo
    head, found = objects.checked_head(repo, state.step_base)
    if not found:
        return head
    kept = os.path.join(ctx.folder(attempt_of(state)), "git")
    objects.renew(repo, found, Repairs(Before(repo, plan_of(state).branch), kept).move_away)
    head, left = objects.checked_head(repo, state.step_base)
    if left:
        raise Stop(
            exits.REFUSED,
            f"the commit {head[:12]} names {left[0]}, and what lies there is not that object. see git fsck; "
            "take the run back with: correctless cauto stop --abandon",
        )
    return head


def discard(ctx: RunContext, state: State, *, counted: bool, reason: str) -> AttemptFailed:
    """Revert the work of an attempt and keep it as a patch."""
    return AttemptFailed(step_of(state).name, state.attempt, reason, counted, take_back(ctx, state))


def take_back(ctx: RunContext, state: State) -> str | None:
    """Go back to where an attempt began; return the patch's path, None if unchanged."""
    repo = ctx.repo
    path = os.path.join(ctx.folder(attempt_of(state)), "left.patch")
    aside.clear(ctx, state)
    branch = plan_of(state).branch
    if repo.branch() != branch:
        repo.git("symbolic-ref", "HEAD", f"refs/heads/{branch}")
    patch = repo.patch_since(state.step_base, but=aside.set_large_aside(ctx, state, os.path.dirname(path)))
    if patch:  # none after a crash in the middle: then the first one stays
        replace_file(path, patch, mode=0o600)
    repo.reset_to(state.step_base)
    aside.set_repositories_aside(ctx, os.path.dirname(path))
    return os.path.relpath(path, ctx.logs.artifacts) if os.path.exists(path) else None


def trailers(ctx: RunContext, state: State, step: str) -> dict[str, str]:
    """Return the trailers of a dispatcher's commit, which anchor the decisions log."""
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
    """Return a commit message by the configured template, with its trailers."""
    plan = plan_of(state)
    title = os.path.basename(plan.spec).rsplit(".", 1)[0]
    # replace, not format: a template with another brace must not end a run after hours
    subject = plan.message.replace("{step}", step).replace("{title}", title).replace("{run}", state.run)
    return f"{subject}\n\n" + "".join(f"{name}: {value}\n" for name, value in marks.items())


def squashed(ctx: RunContext, state: State, marks: Mapping[str, str]) -> str:
    """Return the message of the one commit that replaces those of a run."""
    plan = plan_of(state)
    text = freeze.read_frozen(ctx.logs, state.run, freeze.SPEC, plan.spec_sha256)
    title = one_line(spec.title(text.decode("utf-8", "replace")))
    subject = title or message(state, "consolidation", {}).strip()
    done = ", ".join(item.step for item in state.finished if isinstance(item, StepFinished))
    signed = {"Signed-off-by": ctx.repo.committer()} if plan.signoff else {}
    said = "".join(f"{name}: {value}\n" for name, value in {**marks, **signed}.items())
    return f"{subject}\n\nSteps: {done}\n\n{said}"


def _defer_what_a_person_should_know(
    ctx: RunContext,
    state: State,
    changed: Sequence[str] | None,
    marks: IndexMarks,
    *,
    committed: bool,
) -> None:
    plan, step = plan_of(state), step_of(state)
    skill = freeze.check_skill(ctx.logs, state.run, step).name
    approved = freeze.read_frozen(ctx.logs, state.run, freeze.SPEC, plan.spec_sha256).decode(
        "utf-8", "replace"
    )
    found = [
        (change.name, f"{step.name} {change.what}", f"{_LEFT}{', '.join(change.paths)}")
        for change in policy_changes.changes(ctx.repo, state.step_base, plan.spec, changed)
    ]
    # Also what one commit of the agent adds and its next one takes away: it is published with both.
    gone = set(leaks.too_large(ctx.repo, state.step_base)) if committed else set()
    if gone := gone - {path for name, _, applied in found for path in _paths_of(name, applied)}:
        what = f"{step.name} committed files that are too long to be scanned for secrets"
        found.append((f"{policy_changes.LARGE}-committed", what, f"{_LEFT}{', '.join(sorted(gone))}"))
    found += _put_back(ctx, state)
    found += aside.told(ctx, state)
    if marks.hidden:
        what = f"{step.name} told git not to look at files it tracks"
        found.append((f"{_GIT}hidden", what, f"looked at and kept all the same: {', '.join(marks.hidden)}"))
    settings = policy_changes.git_settings(ctx.repo, ctx.configuration(), marks.sparse)
    if plan.git_sha256 not in ("", settings) and not _told_of(ctx, state, f"{_GIT}{settings[:12]}"):
        what = "git's hooks or settings of this repository are not as they were when the run started"
        found.append((f"{_GIT}{settings[:12]}", what, "left as they are: see .git/hooks and .git/config"))
    if skill in TESTED and step.check is None:
        found.append(
            (
                "no-check",
                "its tests were not run: no commands.test is configured",
                "the work was kept untested",
            )
        )
    if step.report and not step.report_required:
        fault = report_fault(ctx.repo.top, step.report, approved)
        if fault:
            found.append(
                (
                    "no-report",
                    f"{step.name}: {fault}",
                    "the work was kept; what was verified is not on record",
                )
            )
    _defer(ctx, state, step, state.attempt, found)


def told_of_large(ctx: RunContext, state: State, path: str) -> bool:
    """Whether a finished step deferred that a file was not scanned for secrets."""
    done = {(item.step, item.attempt) for item in state.finished}
    return any(
        path in _paths_of((each.key or "").rpartition("/s")[2], each.default_applied)
        for step, attempt in done
        for each in ctx.decisions.of_attempt(Attempt(state.run, step, attempt))
    )


def _paths_of(name: str, applied: str) -> list[str]:
    return applied.removeprefix(_LEFT).split(", ") if name.startswith(policy_changes.LARGE) else []


def defer_what_was_put_back(ctx: RunContext, state: State) -> None:
    """Defer what was changed after the last step's check, by consolidation's hooks."""
    last = next((item for item in reversed(state.finished) if isinstance(item, StepFinished)), None)
    step = plan_of(state).step(last.step) if last is not None else None
    if last is not None and step is not None:
        _defer(ctx, state, step, last.attempt, _put_back(ctx, state))


def _put_back(ctx: RunContext, state: State) -> list[tuple[str, str, str]]:
    found = []
    for sha, path, first in untrusted.found(ctx, state.run):
        name = f"{_PUT_BACK}{sha[:12]}"
        if not _told_of(ctx, state, name):
            what = f"git's own files or refs were changed while an agent, a check or a hook ran: {first}"
            found.append((name, what, f"put back, or left where that is said: see {path}"))
    return found


def _defer(
    ctx: RunContext,
    state: State,
    step: PlannedStep,
    attempt: int,
    found: Sequence[tuple[str, str, str]],
) -> None:
    skill = freeze.check_skill(ctx.logs, state.run, step).name
    at = Attempt(state.run, step.name, attempt)
    own = [each.key for each in ctx.decisions.of_attempt(at) if _synthesized(each)]
    first = ctx.decisions.unlisted(state.run, skill, but=own) + 1
    for number, (name, reason, applied) in enumerate(found, start=first):
        decision = capture.synthesized(
            skill,
            name,
            applied,
            "the dispatcher found it; only a person can say that it is right",
            at=at,
            now=timestamp(ctx.now()),
            unlisted=number,
            reason=reason,
        )
        ctx.decisions.append(decision)


def _told_of(ctx: RunContext, state: State, name: str) -> bool:
    """Whether a finished step has put this before a person; what a discarded one said is superseded."""
    done = {f"{state.run}/{item.step}/{item.attempt}/s{name}" for item in state.finished}
    return any(each.key in done for each in ctx.decisions.all())


def _number(decision: Decision) -> int:
    """Which piece of its attempt's answers an entry is; 0 for one that is none."""
    label = (decision.key or "").rpartition("/")[2]
    return int(label[1:]) if label[:1] == "b" and label[1:].isdigit() else 0


def _synthesized(decision: Decision) -> bool:
    return decision.source == "synthesized" and not is_answer(decision)


def read(path: str) -> bytes:
    """Return a file of an attempt, at most one byte over the limit.

    One that cannot be read is empty.
    """
    try:
        return below.read(path, MAX_ANSWER + 1)
    except OSError:
        return b""  # its hash tells: an attempt's nonce is never empty
