"""What the pull request of a branch's run notes of its logs: the run log in, anchors out."""

from __future__ import annotations

import os
from collections.abc import Mapping

from correctless import exits
from correctless.exits import Stop
from correctless.github import GitHub, repo_of_pull_request
from correctless.ledger import Anchor, Ledger
from correctless.publish.managed_body import heads_of
from correctless.repo import Logs
from correctless.runlog.events import Published


def of_pull_requests(logs: Logs, env: Mapping[str, str]) -> tuple[Anchor, ...]:
    """The decisions log's head in the body of every pull request that runs of this branch opened by gh, asked of GitHub.

    `Stop(3)` when one can't be read, or no longer has the run's section: what was noted there is then not known.
    """
    entries = Ledger(logs.run, root=logs.root).read() if os.path.lexists(logs.run) else ()
    return tuple(
        _anchor(str(entry.fields["run"]), str(entry.fields["url"]), env)
        for entry in entries
        if (entry.fields.get("event"), entry.fields.get("how")) == (Published.event, "gh")
    )


def _anchor(run: str, url: str, env: Mapping[str, str]) -> Anchor:
    try:
        seq, sha256 = _noted(run, url, env)
    except Stop as stop:
        why = f"what the pull request {url} notes of the log can't be read: {stop.message}"
        raise Stop(
            exits.REFUSED, f"{why}. leave it out with: correctless decisions verify --offline"
        ) from None
    return Anchor(seq, sha256, f"pull request {url}")


def _noted(run: str, url: str, env: Mapping[str, str]) -> tuple[int, str]:
    named = repo_of_pull_request(url)
    if named is None:
        raise Stop(exits.REFUSED, "that is no URL of a pull request")
    noted = (heads_of(GitHub(named[0], env).body(named[1]), run) or {}).get("decisions")
    if noted is None:
        raise Stop(exits.REFUSED, f"its body has no section of run {run} that names a head")
    return noted
