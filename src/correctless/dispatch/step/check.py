"""The check of what an attempt left in the worktree."""

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
from correctless.publish import lfs, submodules
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
    """The verdict; `output` is the command's, `changed` the paths the step changed, if no command ran since."""

    ok: bool
    detail: str = ""
    output: bytes = b""
    changed: tuple[str, ...] | None = None
    committed: bool = False  # whether the agent made commits of its own


def check(
    repo: Repo,
    plan: Plan,
    step: PlannedStep,
    status: WorktreeStatus,
    *,
    base: str,
    spec: str,
    env: Callable[[], Mapping[str, str]],
    inherit: Sequence[int],
    sandbox: MakeSandbox | None = None,
) -> CheckVerdict:
    """Check the attempt that began at `base` and left the worktree in this `status`.

    The command runs like an agent: own group, and the environment `env`. What it leaves needs another `judge`.
    """
    judged = judge(repo, plan, step, status, base=base, spec=spec)
    if not judged.ok or step.check is None:
        return judged
    done = run(step.check, repo, env(), step.minutes * 60, inherit, sandbox)
    output = done.out + done.err
    if done.timed_out:
        return CheckVerdict(
            False, f"the check {' '.join(step.check)} took over {step.minutes:g} minutes", output
        )
    if done.code != 0:
        tail = output.decode("utf-8", "replace").strip()[-_TAIL:]
        fix = f"\n{_READ_ONLY}" if sandbox is not None and b"Read-only file system" in output else ""
        failed = f"the check {' '.join(step.check)} ended with {done.code}:\n{tail}".strip()
        return CheckVerdict(False, failed + fix, output)
    return CheckVerdict(True, output=output)


def judge(
    repo: Repo, plan: Plan, step: PlannedStep, status: WorktreeStatus, *, base: str, spec: str
) -> CheckVerdict:
    """Check that a step that began at `base` may leave the worktree in this `status`."""
    fault = _branch_fault(repo, plan, base, status)
    if fault is None and status.head != base and (error := staging.refused_commit(repo, base)):
        fault = f"the agent made a commit that git cannot check out, {one_line(error)}"
    # Without a commit of the agent, git status lists all changes.
    changed = () if fault else status.changed if status.head == base else repo.changed_files(base)
    links = (*status.links, *(() if status.head == base else repo.links_since(base)))
    if fault is None and links:
        fault = _links_fault(links, submodules.changed_at(repo, base, links))
    fault = fault or _paths_fault(changed, step) or lfs.refused(repo, changed) or None
    if fault is None and step.report and step.report_required:
        fault = report_fault(repo.top, step.report, spec)
    if fault:
        return CheckVerdict(False, fault)
    return CheckVerdict(True, changed=changed, committed=status.head != base)


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
    prepared = sandbox(Needs(), argv, env)
    return process.run(
        argv, cwd=repo.top, env={**env, **prepared.environment}, wall_s=wall_s, wrap=prepared.wrap
    )


def set_report_aside(top: str, report: str, root: str, folder: str) -> None:
    """Move a report into an attempt's folder before the attempt, so that one that exists afterwards is new."""
    path = os.path.join(top, report)
    if below.look(top, path) is not None:
        below.move(top, path, root, os.path.join(folder, "report-before"))
    elif os.path.lexists(path):
        raise Stop(
            REFUSED,
            f"the report {report} is behind a link, where no step writes it. replace the link by a folder, "
            "then continue with: correctless cauto resume",
        )


def report_fault(top: str, name: str, spec: str) -> str | None:
    """Return what is wrong with a step's report, None if nothing is."""
    path = os.path.join(top, name)
    info = below.look(top, path)
    if info is None and os.path.lexists(path):
        return f"its report {name} is behind a link"
    if info is not None and not stat.S_ISREG(info.st_mode):
        return f"its report {name} is no plain file"
    if info is not None and info.st_size > _LONGEST:
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


def _branch_fault(repo: Repo, plan: Plan, base: str, status: WorktreeStatus) -> str | None:
    if status.branch != plan.branch:
        return f"the agent left the branch {plan.branch} for {status.branch or 'a detached HEAD'}"
    if status.head != base and not repo.is_ancestor(base, "HEAD"):
        return f"the agent rewrote commits that are older than it ({base[:12]} is no longer on {plan.branch})"
    return None


def _links_fault(links: Sequence[str], submodule: str) -> str:
    if submodule:
        return f"{submodule} is a submodule, and a run can't commit a change of it. leave it as it is"
    return (
        f"{links[0]} has changes and is a repository of its own, which a run can't commit. "
        f"make it plain files (remove {links[0]}/.git), or revert it"
    )


def _paths_fault(changed: Sequence[str], step: PlannedStep) -> str | None:
    for path in changed:
        if path.startswith(ARTIFACTS + "/"):
            return f"the agent put {path} under version control: logs and artifacts never are"
        if step.untrusted and path.startswith(".correctless/"):
            return f"it changed {path}, which it must not change"
    return None
