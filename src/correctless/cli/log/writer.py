"""Writer for other tools: `append`, `read` and `path`, without click."""

from __future__ import annotations

import fcntl
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.base.files import open_plain
from correctless.base.text import printable
from correctless.cli import args

TYPE_CHECKING = False  # typing costs 4 ms to import
if TYPE_CHECKING:
    from datetime import datetime
    from typing import BinaryIO, TextIO

    from correctless.ledger.chain import Entry
    from correctless.project.git import Repo
    from correctless.project.paths import Logs
    from correctless.skill.defaults import Points

AGENT = "CORRECTLESS_AGENT"

HELP = """\
Usage: autonomous-decision-writer.sh append SKILL [JSON|-] [--log FILE]
       autonomous-decision-writer.sh read [--log FILE]
       autonomous-decision-writer.sh path [--log FILE]

  append  Record one decision of SKILL: one JSON object, as an argument or on standard
          input, any size. Prints the recorded line.
  read    Print the log, line by line, after its chain was checked.
  path    Print the path of this branch's log.

  --log FILE  Another log; default: the log of the current branch.

Exit codes: 0 done, 2 usage, 3 refused or could not check, 75 a run holds the lock.

Example:
  autonomous-decision-writer.sh append cverify '{"decision_id": "AD-001",
    "default_applied": "report only", "rationale": "nothing is changed"}'
"""

_LOCK = "correctless.lock"  # the name `lock.path` gives it, in the git folder of each worktree
_SKILL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")


def main(
    argv: Sequence[str],
    stdin: BinaryIO | None = None,
    stdout: BinaryIO | None = None,
    stderr: TextIO | None = None,
    env: Mapping[str, str] | None = None,
    cwd: str | None = None,
) -> int:
    """Run one command and return its exit code.

    Parameters that are not given are those of the process. Raises no `Stop`.
    """
    out, err = stdout or sys.stdout.buffer, stderr or sys.stderr
    try:
        parsed = args.read("autonomous-decision-writer.sh", argv, values=["--log"])
        if args.wants_help(parsed):
            out.write(HELP.encode())
            return exits.OK
        if not parsed.positional:
            (err.buffer if hasattr(err, "buffer") else out).write(HELP.encode())
            return exits.USAGE
        code = _run(
            parsed.positional,
            parsed.value("--log"),
            stdin or sys.stdin.buffer,
            out,
            os.environ if env is None else env,
            cwd or os.getcwd(),
            err,
        )
        out.flush()
    except Stop as stop:
        err.write(f"correctless: {printable(stop.message)}\n")
        return stop.code
    return code


def append(
    skill: str, data: bytes, *, log: str | None, env: Mapping[str, str], cwd: str, now: datetime | None = None
) -> Entry:
    """Record one decision given as JSON.

    Raises: Stop(75) while a run holds the lock, Stop(3) when it is refused.

    The skill's contract corrects it, never downwards; a skill that isn't found makes it unlisted and deferred.
    """
    from dataclasses import replace

    from correctless.base.clock import timestamp, utcnow
    from correctless.decisions.correction import Origin, correct
    from correctless.decisions.decision import UNLISTED, Attempt
    from correctless.ledger.heads import noting
    from correctless.ledger.record import decode
    from correctless.project.paths import ensure_artifacts
    from correctless.review.anchors import refuse_disproved
    from correctless.syntax.strict_json import RecordError

    if AGENT in env:
        raise Stop(exits.REFUSED, "an agent cannot write the log. Report the decision in your answer instead")
    if not _SKILL.fullmatch(skill):
        raise Stop(exits.REFUSED, f"{skill!r} is not a skill name. Write letters, digits and . _ : -")
    try:
        reported = decode(data)
    except RecordError as error:
        raise Stop(exits.REFUSED, f"the decision cannot be read: {error}. Write one JSON object") from None
    repo, logs = whereabouts(log, cwd)
    with ExitStack() as stack:
        stack.enter_context(hold_off_runs(repo, logs))
        ensure_artifacts(logs)
        # The number of an unlisted entry is counted, then written: one writer at a time.
        stack.enter_context(_alone(logs.artifacts))
        refuse_disproved(logs, repo if log is None else None, env)
        ledger = noting(logs.decisions, logs.root, env)
        decision = correct(
            reported,
            _points(skill, repo),
            skill=skill,
            at=Attempt(),
            origin=Origin("cli", None),
            now=timestamp(now or utcnow()),
            unlisted=1,
        )
        if decision.decision_id.startswith(UNLISTED) and os.path.lexists(logs.decisions):
            # The log is read for nothing else, so a listed decision does not wait for it.
            unlisted = sum(
                e.fields.get("skill") == skill
                and e.fields.get("run") is None
                and str(e.fields.get("decision_id")).startswith(UNLISTED)
                for e in ledger.entries()
            )
            decision = replace(decision, decision_id=f"{UNLISTED}{unlisted + 1}")
        return ledger.append(decision.fields())


def whereabouts(log: str | None, cwd: str) -> tuple[Repo | None, Logs]:
    """Return the repository of `cwd` and the logs of its branch.

    A named log may be anywhere. Its repository is then the one that contains its path, or none.
    """
    from correctless.project import git, paths

    if log is None:
        return paths.find_logs(cwd)
    named = paths.logs_beside(os.path.join(cwd, log))
    for folder in (cwd, os.path.dirname(named.decisions)):
        try:
            repo = git.find(folder)
        except Stop:
            continue
        if named.decisions.startswith(os.path.join(repo.home, "")):
            return repo, named
    return None, named


@contextmanager
def hold_off_runs(repo: Repo | None, logs: Logs) -> Iterator[None]:
    """Keep runs that write this log from starting.

    Raises: Stop(75) when one is under way.
    """
    with ExitStack() as stack:
        for path in _locks(repo, logs):
            stack.enter_context(_shared(path))
        yield


def remark(entry: Entry, log: str | None, cwd: str) -> str:
    """Return what a person should know of a recorded decision: that it is unlisted, and why; mostly ""."""
    if not str(entry.fields.get("decision_id")).startswith("AD-UNLISTED-"):
        return ""
    from correctless.cli.log import unlisted

    with suppress(Stop, OSError):  # it is recorded all the same
        repo = whereabouts(log, cwd)[0]
        points = _points(str(entry.fields.get("skill")), repo)
        return unlisted.remark(entry, points, repo.top if repo else "")
    return ""


def _run(
    command: list[str],
    log: str | None,
    stdin: BinaryIO,
    out: BinaryIO,
    env: Mapping[str, str],
    cwd: str,
    err: TextIO,
) -> int:
    match command:
        case ["append", skill, *data] if len(data) < 2:
            given = os.fsencode(data[0]) if data and data[0] != "-" else stdin.read()
            entry = append(skill, given, log=log, env=env, cwd=cwd)
            out.write(entry.line + b"\n")
            out.flush()
            if said := remark(entry, log, cwd):
                err.write(f"correctless: {printable(said)}\n")
            return exits.OK
        case ["path"]:
            line = os.fsencode(whereabouts(log, cwd)[1].decisions)
        case ["read"]:
            from correctless.ledger.ledger import Ledger
            from correctless.review.anchors import refuse_disproved

            repo, logs = whereabouts(log, cwd)
            refuse_disproved(logs, repo if log is None else None, env)
            out.writelines(entry.line + b"\n" for entry in Ledger(logs.decisions, root=logs.root).read())
            return exits.OK
        case _:
            raise Stop(
                exits.USAGE,
                "unknown command. Write append SKILL [JSON|-], read or path; --help shows an example",
            )
    out.write(line + b"\n")
    return exits.OK


def _locks(repo: Repo | None, logs: Logs) -> Iterator[str]:
    """Yield the locks that a run which writes this log may hold."""
    if repo is None:
        return
    yield os.path.join(repo.git_dir, _LOCK)
    if logs.root is None:
        # Named by hand, the log may be the one of a branch that another worktree has checked out.
        linked = os.path.join(repo.common_dir, "worktrees")
        for name in sorted(os.listdir(linked)) if os.path.isdir(linked) else ():
            if os.path.isdir(os.path.join(linked, name)):  # and no .DS_Store
                yield os.path.join(linked, name, _LOCK)
        yield os.path.join(repo.common_dir, _LOCK)


@contextmanager
def _shared(path: str) -> Iterator[None]:
    """Hold off the start of a run while we write.

    Raises: Stop(75) when one has begun.
    """
    try:
        fd = open_plain(path)
    except FileNotFoundError:
        fd = -1  # no run ever
    except OSError as error:
        raise Stop(exits.REFUSED, f"{path} cannot be opened: {error.strerror}. Remove it") from None
    if fd < 0:
        yield
        return
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Stop(
                exits.LOCKED, "a run of this branch holds the lock. Wait for it: correctless cauto status"
            ) from None
        yield
    finally:
        os.close(fd)


@contextmanager
def _alone(folder: str) -> Iterator[None]:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _points(skill: str, repo: Repo | None) -> Points | None:
    """Return the decision points of a skill, or None if it is not found.

    The repository's skills come first, then the plugin's own.
    """
    from correctless.base import install

    for folder in install.skill_folders(skill, repo.top if repo else ""):
        path = os.path.join(folder, "SKILL.md")
        if os.path.isfile(path):
            from correctless.skill.defaults import read_points

            return read_points(path)
    return None
