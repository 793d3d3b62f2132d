"""Summary of a run on the page of its GitHub Actions job: appended to the file that GITHUB_STEP_SUMMARY names."""

from __future__ import annotations

import os
from collections.abc import Mapping

from correctless.base.exits import Stop
from correctless.base.files import open_plain
from correctless.project.git import Repo
from correctless.project.paths import Logs
from correctless.review import gate, open_set, standing, summary
from correctless.review.coverage import SHOWN_DIGITS
from correctless.review.inert import inert
from correctless.runlog.fold import checked_state

VARIABLE = "GITHUB_STEP_SUMMARY"
_MOST = 900_000  # bytes; GitHub shows nothing of a step that wrote more than a mebibyte


def append(logs: Logs, repo: Repo, env: Mapping[str, str], remote: str | None) -> str:
    """Append the summary of a branch's run, parked on `remote`; return why that is not possible, "" without a reason."""
    path = env.get(VARIABLE, "")
    if not path:
        return ""
    try:
        text = _text(logs, repo, remote)
        with open(_open(path, repo), "ab") as file:
            file.write(text)
    except Stop as stop:
        return f"no summary in {VARIABLE}: {stop.message}"
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return f"no summary in {VARIABLE}: {why}"
    return ""


def _open(path: str, repo: Repo) -> int:
    """Open the runner's file. Raises: `OSError` for anything that an agent could have put in its place."""
    if not os.path.isabs(path):
        raise OSError("it is no absolute path")
    real = os.path.realpath(path)
    for folder in (repo.top, repo.home, repo.common_dir):
        if os.path.commonpath([real, os.path.realpath(folder)]) == os.path.realpath(folder):
            raise OSError(f"{path} is in the repository, where agents write")
    fd = open_plain(path, os.O_WRONLY | os.O_APPEND)
    facts = os.fstat(fd)
    # By another name it could be any file of yours.
    if facts.st_nlink != 1 or facts.st_uid != os.geteuid():
        os.close(fd)
        raise OSError(f"{path} is another file's name too, or not yours")
    return fd


def _text(logs: Logs, repo: Repo, remote: str | None) -> bytes:
    branch, state = gate.load(logs, repo)
    run = checked_state(logs.run, branch.events)
    at = standing.of(run, state, remote=remote)
    view = open_set.view_of(branch, state, logs)
    lines = [f"# {inert(run.branch)}: {at.word}", ""]
    lines += [inert(at.why), ""] if at.why else []
    lines += [inert(run.url), ""] if run.url else []
    if at.next:
        lines += [f"Next: `{at.next}`", ""]
    if state.closing is not None and state.waiting:
        lines += [f"Digest: `{state.closing.digest[:SHOWN_DIGITS]}`", ""]
    head = "\n".join(lines)
    whole = f"{head}\n{summary.markdown(view)}\n".encode()
    if len(whole) <= _MOST:
        return whole
    return f"{head}\nThe decisions are too long for this page. {summary.last_line(view)}\n".encode()
