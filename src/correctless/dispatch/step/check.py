"""The step's own check of what an attempt left in the worktree."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from correctless.agents import MakeSandbox
from correctless.base import below
from correctless.base.exits import REFUSED, Stop
from correctless.base.process import process
from correctless.base.text import one_line
from correctless.dispatch.core.spec import rules
from correctless.project.git import Repo, WorktreeStatus, staging
from correctless.project.paths import ARTIFACTS
from correctless.runlog.plan import Plan, PlannedStep
from correctless.sandbox.reach import Needs

_READ_ONLY = (
    "It runs in a sandbox that can write the worktree and /tmp only. "
    "If it has to write elsewhere, name that folder: agent_writable (see docs/sandbox.md)."
)
_LONGEST = 4 << 20  # bytes of a report
_TAIL = 2000  # characters of a failed check's output that go into the log and to the next attempt


@dataclass(frozen=True, slots=True)
class CheckVerdict:
    """The verdict; `output` is of the command.

    `changed` are the paths the step changed, where no command ran since.
    """

    ok: bool
    detail: str = ""
    output: bytes = b""
    changed: tuple[str, ...] | None = None
    committed: bool = False  # whether the agent made commits of its own


def check(
    repo: Repo,
    plan: Plan,
    step: PlannedStep,
    here: WorktreeStatus,
    *,
    base: str,
    spec: str,
    env: Callable[[], Mapping[str, str]],
    inherit: Sequence[int],
    sandbox: MakeSandbox | None = None,
) -> CheckVerdict:
    """Decide whether the attempt that began at `base` and left `here` counts.

    The command runs like an agent: own group, and the environment `env`. What it left is for another `judge`.
    """
    judged = judge(repo, plan, step, here, base=base, spec=spec)
    if not judged.ok or step.check is None:
        return judged
    done = run(step.check, repo, env(), step.minutes * 60, inherit, sandbox)
    output = done.out + done.err
    if done.timed_out:
        return CheckVerdict(
            False, f"the check {' '.join(step.check)} took over {step.minutes:g} minutes", output
        )
    if done.code != 0:
        said = output.decode("utf-8", "replace").strip()[-_TAIL:]
        fix = f"\n{_READ_ONLY}" if sandbox is not None and b"Read-only file system" in output else ""
        failed = f"the check {' '.join(step.check)} ended with {done.code}:\n{said}".strip()
        return CheckVerdict(False, failed + fix, output)
    return CheckVerdict(True, output=output)


def judge(
    repo: Repo, plan: Plan, step: PlannedStep, here: WorktreeStatus, *, base: str, spec: str
) -> CheckVerdict:
    """Decide whether the worktree `here` is what a step that began at `base` may leave."""
    fault = _branch_fault(repo, plan, base, here)
    if fault is None and here.head != base and (said := staging.refused_commit(repo, base)):
        fault = f"the agent made a commit that git checks out nowhere, {one_line(said)}"
    # Where the agent made no commit, what git status names is all there is.
    changed = () if fault else here.changed if here.head == base else repo.changed_files(base)
    fault = fault or _links_fault(here, () if here.head == base else repo.links_since(base))
    fault = fault or _paths_fault(changed, step)
    if fault is None and step.report and step.report_required:
        fault = report_fault(repo.top, step.report, spec)
    if fault:
        return CheckVerdict(False, fault)
    return CheckVerdict(True, changed=changed, committed=here.head != base)


def run(
    argv: Sequence[str],
    repo: Repo,
    env: Mapping[str, str],
    wall_s: float,
    inherit: Sequence[int] = (),
    sandbox: MakeSandbox | None = None,
) -> process.Result:
    """Run a command that executes what an agent wrote."""
    if sandbox is None:
        return process.run(argv, cwd=repo.top, env=env, wall_s=wall_s, pass_fds=tuple(inherit))
    made = sandbox(Needs(), argv, env)
    return process.run(argv, cwd=repo.top, env={**env, **made.environment}, wall_s=wall_s, wrap=made.wrap)


def set_report_aside(top: str, report: str, root: str, folder: str) -> None:
    """Move a report into an attempt's folder before the attempt.

    So one that exists afterwards is new, whatever clocks and commits say.
    """
    path = os.path.join(top, report)
    if below.look(top, path) is not None:
        below.move(top, path, root, os.path.join(folder, "report-before"))
    elif os.path.lexists(path):
        raise Stop(
            REFUSED,
            f"the report {report} lies behind a link, where no step writes it. replace the link by a folder, "
            "then go on with: correctless cauto resume",
        )


def report_fault(top: str, name: str, spec: str) -> str | None:
    """Return what is wrong with a step's report, None if nothing is."""
    path = os.path.join(top, name)
    found = below.look(top, path)
    if found is None and os.path.lexists(path):
        return f"its report {name} lies behind a link"
    if found is not None and not stat.S_ISREG(found.st_mode):
        return f"its report {name} is no plain file"
    if found is not None and found.st_size > _LONGEST:
        return f"its report {name} is over {_LONGEST >> 20} MiB"
    try:
        text = below.read(path, _LONGEST, root=top).decode("utf-8", "replace")
    except OSError:
        return f"its report {name} was not written"
    if not text.strip():
        return f"its report {name} is empty"
    named = set(rules(text))
    missing = [rule for rule in rules(spec) if rule not in named]
    return f"its report {name} does not name {', '.join(missing)}" if missing else None


def _branch_fault(repo: Repo, plan: Plan, base: str, here: WorktreeStatus) -> str | None:
    if here.branch != plan.branch:
        return f"the agent left the branch {plan.branch} for {here.branch or 'a detached HEAD'}"
    if here.head != base and not repo.is_ancestor(base, "HEAD"):
        return f"the agent rewrote commits that were there before it ({base[:12]} is gone from {plan.branch})"
    return None


def _links_fault(here: WorktreeStatus, committed: Sequence[str]) -> str | None:
    for path in (*here.links, *committed):
        return (
            f"there is work in {path}, which is a repository of its own, and a run can't commit that. "
            f"let it be plain files (remove {path}/.git), or leave it as it was"
        )
    return None


def _paths_fault(changed: Sequence[str], step: PlannedStep) -> str | None:
    for path in changed:
        if path.startswith(ARTIFACTS + "/"):
            return f"the agent put {path} under version control: logs and artifacts never are"
        if step.untrusted and path.startswith(".correctless/"):
            return f"it touched {path}, which is not its to touch"
    return None
