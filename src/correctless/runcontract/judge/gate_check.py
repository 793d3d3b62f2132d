"""Run of a gate's check, and the facts that gates are compared with."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from functools import partial

from correctless import sandbox
from correctless.agents.environment import PUBLISHING
from correctless.base import below, exits
from correctless.base.exits import Stop
from correctless.base.files import open_plain, replace_file
from correctless.base.process import process
from correctless.base.process.process import Result
from correctless.base.text import one_line
from correctless.github.facts import Fact, Known, Unknown
from correctless.project import checkout, worktree
from correctless.project.git import Repo
from correctless.project.worktree import EMPTY, Snapshot
from correctless.runcontract.document.sections import Contract, Gate
from correctless.runcontract.judge.board import GateFacts
from correctless.runcontract.ledger.records import GateEvidence
from correctless.sandbox.reach import Needs

PARTIAL = 10  # the exit code of a check that covered only a part
_WALL_S = 3600.0
_MOST = 1 << 28  # bytes of an evidence file
_KEEP = 1 << 20

Warn = Callable[[str], None]
Tell = Callable[[Sequence[str], Result], None]
Start = Callable[[Sequence[str]], Result]


def run(
    gate: Gate,
    contract: Contract,
    repo: Repo,
    digest: str,
    env: Mapping[str, str],
    clock: Callable[[], datetime],
    warn: Warn,
    tell: Tell,
) -> GateEvidence:
    """Run the check, in the worktree or in a checkout of its own; `Stop(3)` for a gate without one.

    `warn` is called where the sandbox it should have cannot be made, `tell` with the result of each program.
    """
    if gate.check is None:
        raise Stop(exits.REFUSED, f"{gate.id} has no check. state your result with: --claim TEXT")
    allow = _outputs(contract)
    if gate.checkout == "own":
        with checkout.of(repo, repo.head()) as own:
            with _started(gate, own, env, warn, tell) as start:
                evidence = _run(gate, own, digest, start, clock, partial(worktree.snapshot, own, allow=allow))
            if gate.evidence is not None and evidence.file_sha256:
                _copy(own.top, repo.top, gate.evidence)
            return evidence
    look = partial(worktree.snapshot, repo, allow=allow) if gate.bind == "revision" else lambda: EMPTY
    with _started(gate, repo, env, warn, tell) as start:
        return _run(gate, repo, digest, start, clock, look)


def _run(
    gate: Gate,
    repo: Repo,
    digest: str,
    start: Start,
    clock: Callable[[], datetime],
    look: Callable[[], Snapshot],
) -> GateEvidence:
    assert gate.check is not None
    before = fresh = look()
    if gate.prepare is not None:
        done = start(gate.prepare)
        if done.timed_out or done.code != 0:
            note = f"its prepare ended with {done.code}"
            return replace(_evidence(gate, repo, digest, done, clock), result="failed", note=note)
        before = look()
    done = start(gate.check)
    after = look()
    evidence = _evidence(gate, repo, digest, done, clock)
    fault = _moved(before, after) or _unlike(gate, fresh, after)
    if not fault:
        return replace(evidence, revision=after.commit)
    if gate.bind == "revision" and evidence.result == "passed":
        return replace(evidence, result="partial", note=fault)
    return evidence


@contextmanager
def _started(gate: Gate, repo: Repo, env: Mapping[str, str], warn: Warn, tell: Tell) -> Iterator[Start]:
    """Yield how to run this gate's programs: code that an agent wrote runs in an agent's sandbox."""
    mode = gate.sandbox or ("auto" if gate.bind == "revision" else "off")
    means, fault = sandbox.find(mode, env, exclude=(repo.top, repo.home))
    if means is None:
        if fault:
            warn(f"{gate.id} runs without a sandbox: {fault}")

        def plainly(argv: Sequence[str]) -> Result:
            done = process.run(argv, cwd=repo.top, env=env, wall_s=_WALL_S, keep=_KEEP)
            tell(argv, done)
            return done

        yield plainly
        return
    shared = {name: value for name, value in env.items() if name not in PUBLISHING}
    with tempfile.TemporaryDirectory(prefix="correctless-", ignore_cleanup_errors=True) as folder:
        own = os.path.realpath(folder)
        branch = repo.branch() or ""
        place = sandbox.SandboxPlace(
            repo, branch, own, env, repo.configuration(), gate.writable, gate.readable
        )

        def start(argv: Sequence[str]) -> Result:
            box = sandbox.make(means, place, Needs(), argv, shared)
            inside = {**shared, **box.environment}
            done = process.run(argv, cwd=repo.top, env=inside, wall_s=_WALL_S, keep=_KEEP, wrap=box.wrap)
            tell(argv, done)
            return done

        yield start


def _moved(before: Snapshot, after: Snapshot) -> str:
    """Return what was written to while the check ran, also if it was restored; "" for nothing."""
    if before.commit != after.commit:
        return "the commit changed while it ran"
    written = worktree.written(before, after)
    return f"{_first(written, 'was written to', 'were written to')} while it ran" if written else ""


def _unlike(gate: Gate, fresh: Snapshot, after: Snapshot) -> str:
    """Return how the worktree differs from its commit, a checkout of its own from what git wrote; "" if it does not."""
    if gate.checkout != "own":
        return _fault(after)
    if fresh.commit != after.commit:
        return "the commit was changed before it ran"
    changed = sorted(path for path, sha in fresh.sums.items() if after.sums.get(path) != sha)
    return f"{_first(changed, 'was changed', 'were changed')} before it ran" if changed else _fault(fresh)


def _fault(snapshot: Snapshot) -> str:
    """Return why a worktree is not its revision; "" when it is."""
    paths, one, many = snapshot.faults
    return _first(paths, one, many) if paths else ""


def _evidence(
    gate: Gate, repo: Repo, digest: str, done: Result, clock: Callable[[], datetime]
) -> GateEvidence:
    """Return the evidence of a run of the check, not bound to a revision yet."""
    result, note = "passed", ""
    if done.timed_out or done.code not in (0, PARTIAL):
        result, note = "failed", "no end in an hour" if done.timed_out else ""
    elif done.code == PARTIAL:
        result = "partial"
    sha = ""
    if gate.evidence is not None:
        fact = sha256(os.path.join(repo.top, gate.evidence), clock)
        sha = fact.value if isinstance(fact, Known) else ""
        if result == "passed" and not sha:
            result, note = "partial", f"{gate.evidence} was not written"
    return GateEvidence(
        gate=gate.id,
        result=result,
        digest=digest,
        code=done.code,
        argv=gate.check or (),
        output_sha256=hashlib.sha256(done.out + b"\0" + done.err).hexdigest(),
        file=gate.evidence or "",
        file_sha256=sha,
        note=note,
        checkout="" if gate.checkout == "here" else gate.checkout,
        prepare=gate.prepare or (),
    )


def _first(paths: Sequence[str], one: str, many: str) -> str:
    more = f" and {len(paths) - 1} more {many}" if len(paths) > 1 else f" {one}"
    return one_line(f"{paths[0]}{more}")


def _copy(own: str, top: str, path: str) -> None:
    """Copy the evidence file of a checkout into the worktree; `Stop(3)` when its folder is outside."""
    target = os.path.join(top, path)
    folder = os.path.dirname(target)
    if os.path.realpath(folder) != os.path.join(os.path.realpath(top), os.path.dirname(path)).rstrip("/"):
        raise Stop(exits.REFUSED, f"{folder} leads elsewhere. replace the link by a folder")
    os.makedirs(folder, exist_ok=True)
    replace_file(target, below.read(os.path.join(own, path), _MOST, root=own))


def _outputs(contract: Contract) -> set[str]:
    """Return the files that checks write: they are not part of the revision."""
    return {gate.evidence for gate in contract.gates.gate if gate.evidence is not None}


def facts(contract: Contract, repo: Repo, clock: Callable[[], datetime]) -> GateFacts:
    """Return the present revision and evidence files."""
    paths = _outputs(contract)
    files = {p: sha256(os.path.join(repo.top, p), clock) for p in sorted(paths)}
    return GateFacts(revision(repo, clock, allow=paths), files, _head(repo, clock))


def _head(repo: Repo, clock: Callable[[], datetime]) -> Fact[str]:
    at = clock()
    try:
        return Known(repo.head(), at)
    except Stop as stop:
        return Unknown(stop.message, at)


def revision(repo: Repo, clock: Callable[[], datetime], *, allow: Iterable[str] = ()) -> Fact[str]:
    """Return the commit of the worktree; unknown while a file in it differs from that."""
    at = clock()
    try:
        snapshot = worktree.snapshot(repo, allow=allow)
    except Stop as stop:
        return Unknown(stop.message, at)
    if fault := _fault(snapshot):
        return Unknown(fault, at)
    return Known(snapshot.commit, at)


def sha256(path: str, clock: Callable[[], datetime]) -> Fact[str]:
    """Return the hash of a regular file; a symbolic link is unknown."""
    at = clock()
    digest = hashlib.sha256()
    try:
        with open(open_plain(path), "rb") as file:
            if os.fstat(file.fileno()).st_size > _MOST:
                return Unknown("it is too large", at)
            while data := file.read(1 << 20):
                digest.update(data)
    except OSError as error:
        return Unknown(error.strerror or str(error), at)
    return Known(digest.hexdigest(), at)
