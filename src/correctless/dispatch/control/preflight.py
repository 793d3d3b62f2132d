"""Checks before a run: each thing it needs is tried.

A trial tells more than a look: a login may have expired, a test command may fail before the first step.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from correctless import agents, sandbox
from correctless.agents import Activity, Limits, Task, recorder
from correctless.agents.environment import environment
from correctless.base.exits import REFUSED, Stop
from correctless.base.text import one_line
from correctless.dispatch.control import message_trial, trial_files
from correctless.dispatch.control.start import Ready
from correctless.dispatch.core.context import place_of, sandbox_for
from correctless.dispatch.finish.pull_request import expected, github
from correctless.dispatch.parking import remote_ref
from correctless.dispatch.step.check import run
from correctless.dispatch.tell import notify
from correctless.github.client import first_line
from correctless.project.git.settings import push_urls
from correctless.publish.branch import push
from correctless.runlog.plan import PlannedStep
from correctless.sandbox import trial
from correctless.sandbox.reach import Needs, inside

_SIGN_SECONDS = 30.0
_NO_RUN = "00000000-000000-0000"  # has the form of a run id, and no run gets it
_TURN = Limits(idle_s=120, wall_s=180, turns=2, usd=0.5, grace_s=5)
# Harmless if they are not denied: no folder and no file can be made below /dev/null.
_NOWHERE = "/dev/null/.correctless/artifacts"
_DENIED: tuple[tuple[str, dict[str, str]], ...] = (
    ("Bash", {"command": f"mkdir {_NOWHERE}", "description": "a trial"}),
    ("Write", {"file_path": f"{_NOWHERE}/trial", "content": ""}),
    ("Edit", {"file_path": f"{_NOWHERE}/trial", "old_string": "a", "new_string": "b"}),
)
_GUARDED = "correctless guard: "
_TRIAL = (
    "mode: autonomous\nThis is a trial of the connection. Answer with the one word OK and do nothing else.\n"
)


@dataclass(frozen=True, slots=True)
class Proof:
    """The result of one check, as one line; `fix` is how to repair it, "" when it passed.

    A `warning` passed, and needs a look all the same.
    """

    what: str
    result: str
    fix: str = ""
    warning: bool = False

    @property
    def ok(self) -> bool:
        """Whether nothing needs to be fixed."""
        return not self.fix


def proofs(ready: Ready, env: Mapping[str, str]) -> Iterator[Callable[[], Proof]]:
    """Yield the checks in order, each a function that may take minutes; together they cost one agent turn.

    Only the project's own commands write to the repository.
    """
    plan = ready.frozen.plan
    for argv in dict.fromkeys(step.check for step in plan.steps if step.check):
        yield partial(_check, ready, env, argv)
    if plan.sandbox != "off":
        yield partial(_sandbox, ready, env)
    if ready.repo.try_git("config", "--type=bool", "commit.gpgsign").stdout.strip() == "true":
        yield partial(_signature, ready)
    if names := message_trial.hooks(ready.repo):
        yield partial(_message, ready, env, names)
    if plan.pr[0] != "skip":
        yield partial(_push, ready)
    if plan.park is not None:
        yield partial(_park, ready, plan.park)
    if plan.pr == ("gh",):
        yield partial(_login, ready, env)
    elif plan.pr != ("skip",):
        yield partial(_command, ready, env)
    if plan.notify is not None:
        yield partial(_notification, ready, env)
    for step in {step.agent: step for step in reversed(plan.steps)}.values():
        yield partial(_turn, ready, env, step)
        if agents.named(step.agent, ready.repo.top).takes_recorder:
            yield partial(_guard, ready, env, step)
            if not recorder.available():
                yield partial(Proof, "the recorder of decisions", recorder.MISSING, warning=True)


def _check(ready: Ready, env: Mapping[str, str], argv: tuple[str, ...]) -> Proof:
    what = f"{' '.join(argv)} on the base commit"
    with tempfile.TemporaryDirectory() as gh:
        make = sandbox_for(ready.repo, ready.frozen.plan, gh, env)[2]
        done = run(argv, ready.repo, _environment(ready, env, gh), 1800.0, (), make)
    leftover = trial_files.move_out(ready.repo)
    if done.timed_out:
        return Proof(what, "it took over 30 minutes", "make it faster, or check less with commands.test")
    if done.code != 0:
        said = "; ".join(filter(None, map(_last_line, (done.out, done.err)))) or "without output"
        at = f" (its output: {_saved(done.out + done.err)})" if said != "without output" else ""
        return Proof(what, f"it ended with {done.code}: {said}{at}", "make it pass before you start a run")
    each = "each step would commit it"
    if leftover.changed:
        fix = f"make it leave its files as they are: {each}"
        return Proof(what, f"it passed and changed {_first(leftover.changed)}", fix)
    if leftover.others:
        fix = f"add {_first(leftover.others)} to .gitignore: {each}"
        left = f"left {_first(leftover.others)} behind, moved to {leftover.folder}"
        return Proof(what, f"it passed and {left}", fix)
    if leftover.caches:
        left = f"left {_first(leftover.caches)} behind, which is removed again. add it to .gitignore: {each}"
        return Proof(what, f"it passed and {left}", warning=True)
    return Proof(what, "it passed")


def _first(paths: tuple[str, ...]) -> str:
    return one_line(paths[0]) + (f" and {len(paths) - 1} more" if len(paths) > 1 else "")


def _last_line(output: bytes) -> str:
    """Return the last line of a program's output that is not blank: there a test runner says what failed."""
    lines = output.decode("utf-8", "replace").split("\n")
    return next((one_line(line) for line in reversed(lines) if line.strip()), "")


def _saved(output: bytes) -> str:
    """Write output to a new file of your temporary folder, which stays; return its path."""
    with tempfile.NamedTemporaryFile(prefix="correctless-check-", suffix=".log", delete=False) as file:
        file.write(output)
    return file.name


def _sandbox(ready: Ready, env: Mapping[str, str]) -> Proof:
    """Try to leave the sandbox from inside, and report what is writable in it."""
    plan, repo = ready.frozen.plan, ready.repo
    what = "the sandbox of the agents"
    with tempfile.TemporaryDirectory() as folder:
        means, fault, make = sandbox_for(repo, plan, folder, env)
        if means is None or make is None:
            return Proof(what, f"no sandbox, so agents reach all that you reach: {fault}", warning=True)
        environment = _environment(ready, env, folder)
        prepared = make(Needs(), (), environment)
        place = place_of(repo, plan, folder, env)
        done = trial.leave(prepared, place, uuid.uuid4().hex[:8], environment)
    if done.fault:
        fix = 'see docs/sandbox.md, or set agent_sandbox: "off"'
        return Proof(what, f"{means.name} could not be tried: {done.fault}", fix)
    if done.possible:
        return Proof(what, f"in it one can {', '.join(done.possible)}", "see docs/sandbox.md")
    writable = [rule.path for rule in prepared.reach.rules if rule.access == "write" and not rule.source]
    outside = [path for path in writable if not inside(path, repo.top) and not inside(path, repo.common_dir)]
    also = f", {', '.join(outside)}" if outside else ""
    ways = f"{len(done.tries)} ways out were tried and none works"
    tried = f"{means.name}: {ways}; agents write {repo.top}{also}"
    if missing := sandbox.missing(place):
        return Proof(what, f"{tried}. missing, so not in it: {', '.join(missing)}", warning=True)
    return Proof(what, tried)


def _signature(ready: Ready) -> Proof:
    what = "a signed commit"
    tree = ready.repo.git("rev-parse", "HEAD^{tree}").strip()
    args = ("commit-tree", "-S", "-p", "HEAD", "-m", "trial", tree)
    done = ready.repo.try_git(*args, rights="sign", seconds=_SIGN_SECONDS)
    if done.returncode == 0:
        return Proof(what, "made without a prompt")
    output = first_line(done.stderr.encode())
    fix = "unlock the key for as long as a run lasts, or: git config commit.gpgsign false"
    return Proof(what, f"could not be made without a prompt: {output}", fix)


def _message(ready: Ready, env: Mapping[str, str], names: tuple[str, ...]) -> Proof:
    what = f"the commit message and {' and '.join(names)}"
    with tempfile.TemporaryDirectory() as folder:
        make = sandbox_for(ready.repo, ready.frozen.plan, folder, env)[2]
        try:
            said, subject = message_trial.refusal(
                ready.repo, ready.frozen.plan, names, _environment(ready, env, folder), make
            )
        except message_trial.NotTriedError:
            return Proof(
                what, "not tried: git before 2.36 can't run one hook by itself. update git", warning=True
            )
    if said:
        fix = "write its form into the configuration, such as commit: {message: 'chore({step}): {title}'}"
        return Proof(what, f"'{subject}' is refused by {said}", fix)
    return Proof(what, f"'{subject}' would be taken")


def _push(ready: Ready) -> Proof:
    plan = ready.frozen.plan
    what = f"git push --dry-run {plan.remote} {plan.branch}"
    try:
        push(
            ready.repo,
            remote=plan.remote,
            branch=plan.branch,
            protected=plan.protected,
            expected=expected(ready.repo, plan),
            dry_run=True,
        )
    except Stop as stop:
        return Proof(what, stop.message, "see that you can push there, or use --pr skip")
    return Proof(what, "would be taken")


def _park(ready: Ready, remote: str) -> Proof:
    ref = remote_ref.ref(_NO_RUN)
    what = f"git push --dry-run {remote} {ref}"
    try:
        remote_ref.put(ready.repo, remote, _NO_RUN, ready.repo.head(), expected=None, dry_run=True)
    except Stop as stop:
        return Proof(what, stop.message, "see that you can push there, or use --park none")
    return Proof(what, "would be taken")


def _login(ready: Ready, env: Mapping[str, str]) -> Proof:
    try:
        plan = ready.frozen.plan
        host = github(ready.repo, plan.remote, env, plan.pr_remote)
        host.check()
    except Stop as stop:
        return Proof("gh auth status", stop.message, "run gh auth login, or use --pr skip")
    return Proof("gh auth status", f"logged in; the pull request goes to {plan.target} of {host.repo}")


def _command(ready: Ready, env: Mapping[str, str]) -> Proof:
    """Look for the program that opens the pull request: it is missed only after hours."""
    program = ready.frozen.plan.pr[0]
    what = f"the command of pr, {program}"
    path = os.path.join(ready.repo.top, program) if os.sep in program else program
    if shutil.which(path, path=env.get("PATH", "")) is None:
        return Proof(what, "not found, or it can't be executed", "install it, or name its path")
    return Proof(what, "exists; it was not started")


def _notification(ready: Ready, env: Mapping[str, str]) -> Proof:
    plan = ready.frozen.plan
    what = f"the command of notify, {plan.notify[0] if plan.notify else ''}"
    if fault := notify.fault(plan, ready.repo, env):
        return Proof(what, fault, warning=True)
    return Proof(what, "exists; try it with: correctless cauto check --notify")


def _turn(ready: Ready, env: Mapping[str, str], step: PlannedStep) -> Proof:
    agent = agents.named(step.agent, ready.repo.top)
    what = f"one turn of {step.agent}"
    if not agent.takes_recorder:  # a program would begin to work
        return Proof(f"agent {step.agent}", "its program exists; it was not started")
    with tempfile.TemporaryDirectory() as folder:
        task = _trial(ready, env, step, folder, _environment(ready, env, folder))
        try:
            outcome = agent.hold(task).release(_impatient)
        except Stop as stop:
            return Proof(what, stop.message, _turn_fix(stop.message))
    if outcome.kind == "ok":
        return Proof(what, f"answered, {outcome.cost_usd:.2f} USD")
    return Proof(what, outcome.reason, _turn_fix(outcome.reason))


def _trial(
    ready: Ready, env: Mapping[str, str], step: PlannedStep, folder: str, environment: Mapping[str, str]
) -> Task:
    return Task(
        run="trial",
        step=step.name,
        attempt=1,
        prompt=_TRIAL,
        system="",
        cwd=ready.repo.top,
        environment=environment,
        tools=step.tools,
        limits=_TURN,
        session=str(uuid.uuid4()),
        model=step.model,
        plugin_dirs=(),
        transcript=os.path.join(folder, "transcript"),
        inherit=(),
        sandbox=sandbox_for(ready.repo, ready.frozen.plan, folder, env)[2],
        state=sandbox.private(folder),
    )


def _guard(ready: Ready, env: Mapping[str, str], step: PlannedStep) -> Proof:
    """Make one call that must be denied, with the client and the flags of the run, without a model."""
    what = "the guard in that client"
    tool, arguments = next((call for call in _DENIED if call[0] in _names(step)), ("", {}))
    if not tool:
        return Proof(what, f"{step.name} has no tool that it would deny anything to")
    agent = agents.named(step.agent, ready.repo.top)
    from correctless.dispatch.control.stub_model import StubModel  # its server takes 10 ms to import

    with tempfile.TemporaryDirectory() as folder, StubModel(tool, arguments) as model:
        task = _trial(ready, env, step, folder, model.environment(_environment(ready, env, folder)))
        try:
            agent.hold(task).release(_impatient)
        except Stop as stop:
            return Proof(what, stop.message, "fix the cause, then check again")
        output = " ".join(model.results)
    if _GUARDED in output:
        return Proof(what, f"denied a trial call of {tool}")
    return Proof(
        what,
        f"a trial call of {tool} was not denied by it ({first_line(output.encode()) or 'the call was never answered'})",
        "see that no managed setting of Claude Code disables hooks, and that scripts/guard of the plugin can be run",
    )


def _names(step: PlannedStep) -> frozenset[str]:
    return frozenset(tool.partition("(")[0] for tool in step.tools)


def _turn_fix(reason: str) -> str:
    if "login" in reason or "authentication" in reason:
        return "log in with: claude /login"
    return "fix the cause, then check again"


def _impatient(activity: Activity) -> None:
    # A client retries for minutes, and you are waiting at the terminal.
    if activity.kind == "retry":
        raise Stop(REFUSED, f"the service did not answer as it should ({activity.text})")


def _environment(ready: Ready, env: Mapping[str, str], gh: str) -> dict[str, str]:
    plan = ready.frozen.plan
    return environment(
        env,
        agent_env=plan.agent_env,
        run="trial",
        step="trial",
        attempt=1,
        gh_config_dir=gh,
        push_urls=push_urls(ready.repo.configuration()),
        publish_credentials=plan.publish_credentials,
    )
