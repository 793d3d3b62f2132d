"""Log heads that a run's pull request notes, read from GitHub as anchors."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.github.client import GitHub, repo_of_pull_request
from correctless.ledger.check import Anchor
from correctless.ledger.ledger import Ledger
from correctless.project.paths import Logs
from correctless.publish.managed_body import heads_of
from correctless.runlog.events import Published


def of_pull_requests(logs: Logs, env: Mapping[str, str]) -> tuple[Anchor, ...]:
    """Return the decisions log's heads in the pull requests of a branch's runs.

    It queries GitHub about every pull request that gh opened.

    Raises: Stop(3) when one cannot be read or lacks the run's section: what it noted is then unknown.
    """
    entries = Ledger(logs.run, root=logs.root).read() if os.path.lexists(logs.run) else ()
    runs = [*dict.fromkeys(str(entry.fields["run"]) for entry in reversed(entries))]
    urls = dict.fromkeys(
        str(entry.fields["url"])
        for entry in entries
        if (entry.fields.get("event"), entry.fields.get("how")) == (Published.event, "gh")
    )
    return tuple(_decisions(runs, url, env) for url in urls)


def of_pull_request(runs: Sequence[str], url: str, env: Mapping[str, str]) -> dict[str, Anchor]:
    """Return the head of each log that one pull request notes in the section of one of the branch's `runs`, the last one first.

    A later run updates the section of an earlier one. The keys are the logs' names, `decisions` and `run`.

    Raises: Stop(3) as `of_pull_requests`.
    """
    try:
        heads = _heads(runs, url, env)
    except Stop as stop:
        why = f"what the pull request {url} notes of the log can't be read: {stop.message}"
        raise Stop(exits.REFUSED, why) from None
    return {name: Anchor(seq, sha256, f"pull request {url}") for name, (seq, sha256) in heads.items()}


def _decisions(runs: Sequence[str], url: str, env: Mapping[str, str]) -> Anchor:
    try:
        return of_pull_request(runs, url, env)["decisions"]
    except Stop as stop:
        raise Stop(
            exits.REFUSED, f"{stop.message}. leave it out with: correctless decisions verify --offline"
        ) from None


def _heads(runs: Sequence[str], url: str, env: Mapping[str, str]) -> dict[str, tuple[int, str]]:
    named = repo_of_pull_request(url)
    if named is None:
        raise Stop(exits.REFUSED, "that is not the URL of a pull request")
    heads = heads_of(GitHub(named[0], env).body(named[1]), runs) or {}
    if "decisions" not in heads:
        raise Stop(exits.REFUSED, f"its body has no section of run {runs[0]} that names a head")
    return heads
