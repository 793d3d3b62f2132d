"""A gate in; one run of its check out as a record, and what the evidence of all gates is held against."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from correctless import exits, process
from correctless.exits import Stop
from correctless.project.git import Repo
from correctless.runcontract.board import Here
from correctless.runcontract.facts import Fact, Known, Unknown
from correctless.runcontract.records import Evidence
from correctless.runcontract.sections import Contract, Gate

PARTIAL = 10  # the exit code of a check that could look at a part alone
_WALL_S = 3600.0
_MOST = 1 << 28  # bytes of an evidence file
_KEEP = 1 << 20


def run(
    gate: Gate, repo: Repo, digest: str, env: Mapping[str, str], clock: Callable[[], datetime]
) -> Evidence:
    """Run the check in the worktree; `Stop(3)` for a gate without one."""
    if gate.check is None:
        raise Stop(exits.REFUSED, f"{gate.id} has no check. say what was found with: --claim TEXT")
    before = revision(repo, clock)
    done = process.run(list(gate.check), cwd=repo.top, env=env, stdin=None, wall_s=_WALL_S, keep=_KEEP)
    after = revision(repo, clock)
    same = isinstance(before, Known) and isinstance(after, Known) and before.value == after.value
    result, note = "passed", ""
    if done.timed_out or done.code not in (0, PARTIAL):
        result, note = "failed", "no end in an hour" if done.timed_out else ""
    elif done.code == PARTIAL:
        result = "partial"
    elif gate.bind == "revision" and not same:
        result, note = "partial", "the worktree was not at one clean commit while it ran"
    sha = ""
    if gate.evidence is not None:
        fact = sha256(os.path.join(repo.top, gate.evidence), clock)
        sha = fact.value if isinstance(fact, Known) else ""
        if result == "passed" and not sha:
            result, note = "partial", f"{gate.evidence} was not written"
    return Evidence(
        gate=gate.id,
        result=result,
        digest=digest,
        revision=after.value if same and isinstance(after, Known) else "",
        code=done.code,
        argv=gate.check,
        output_sha256=hashlib.sha256(done.out + b"\0" + done.err).hexdigest(),
        file=gate.evidence or "",
        file_sha256=sha,
        note=note,
    )


def here(contract: Contract, repo: Repo, clock: Callable[[], datetime]) -> Here:
    """The revision and the evidence files as they are now."""
    paths: Iterable[str] = {gate.evidence for gate in contract.gates.gate if gate.evidence is not None}
    return Here(revision(repo, clock), {p: sha256(os.path.join(repo.top, p), clock) for p in sorted(paths)})


def revision(repo: Repo, clock: Callable[[], datetime]) -> Fact[str]:
    """The commit of the worktree; unknown while tracked files differ from it, because then it is no revision."""
    at = clock()
    try:
        head = repo.head()
        if repo.try_git("diff", "--quiet", "HEAD", "--").returncode != 0:
            return Unknown("files differ from the commit", at)
    except Stop as stop:
        return Unknown(stop.message, at)
    return Known(head, at)


def sha256(path: str, clock: Callable[[], datetime]) -> Fact[str]:
    """The hash of a regular file that is no symbolic link."""
    at = clock()
    digest = hashlib.sha256()
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        with open(fd, "rb") as file:
            if os.fstat(fd).st_size > _MOST:
                return Unknown("it is too large", at)
            while data := file.read(1 << 20):
                digest.update(data)
    except OSError as error:
        return Unknown(error.strerror or str(error), at)
    return Known(digest.hexdigest(), at)
