"""Calls of GitHub's REST API through gh: read, read all pages, write; a refusal has its status code."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.github.client import GitHub, first_line, strange

PAGES = 100  # of a hundred items: with more, what is asked is too much to be looked at
_REFUSALS = (403, 404, 410, 422)  # of this call; others are of the login, of too many calls, or of the host
_STATUS = re.compile(rb"\(HTTP ([0-9]{3})\)")


class Refused(Stop):
    """GitHub refused a call: the token may not do it, or the thing does not exist."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(exits.REFUSED, message)
        self.status = status


def read(github: GitHub, what: str, path: str) -> Any:
    """Return the JSON at a path below the repository.

    Raises: `Refused` for what the token may not do or is not there; Stop(3) when GitHub cannot be asked.
    """
    return _call(github, what, path)


def read_all(github: GitHub, what: str, path: str) -> list[Any]:
    """Return all items of a list. Raises: as `read`; Stop(3) for more than `PAGES` pages."""
    items: list[Any] = []
    for number in range(1, PAGES + 1):
        page = _call(github, what, f"{path}?per_page=100&page={number}")
        if type(page) is not list:
            raise strange("it is not a list")
        items += page
        if len(page) < 100:
            return items
    raise Stop(exits.REFUSED, f"{github.repo} has more than {PAGES} pages of {path}. check them by hand")


def write(github: GitHub, what: str, path: str, values: Mapping[str, Any]) -> Any:
    """Send values to a path below the repository. Raises: as `read`."""
    return _call(github, what, path, "--method=POST", stdin=json.dumps(values).encode())


def _call(github: GitHub, what: str, path: str, *options: str, stdin: bytes | None = None) -> Any:
    host, owner, name = github.repo.split("/")
    given = ("--input=-",) if stdin is not None else ()
    address = f"repos/{owner}/{name}/{path}"
    done = github.gh("api", "--hostname", host, *options, *given, address, stdin=stdin)
    if done.timed_out:
        why = f"no answer in {github.seconds:.0f} s. run {github.again} later"
        raise Stop(exits.REFUSED, f"gh could not {what} of {github.repo}: {why}")
    if done.code != 0:
        why = f"gh could not {what} of {github.repo}: {first_line(done.err)}"
        status = _STATUS.search(done.err)
        if status is not None and int(status[1]) in _REFUSALS and b"rate limit" not in done.err:
            raise Refused(int(status[1]), why)
        raise Stop(exits.REFUSED, f"{why}. fix that, then run {github.again}")
    try:
        return json.loads(done.out)
    except (ValueError, RecursionError):
        raise strange("it is not JSON") from None
