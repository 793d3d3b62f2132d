"""Observation of a pull request: its facts, each Known or Unknown with the reason."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from correctless.base.exits import Stop
from correctless.base.text import one_line
from correctless.base.values import frozen
from correctless.github import nodes, queries
from correctless.github.client import GitHub, strange, take
from correctless.github.facts import Fact, Known, PullFacts, Unknown

T = TypeVar("T")

_WITHIN_S = 45.0  # for all calls together: beyond a minute the first facts are too old anyway
_PAGES = 50


def observe(
    github: GitHub,
    number: int,
    *,
    clock: Callable[[], datetime],
    within_s: float = _WITHIN_S,
    timer: Callable[[], float] = time.monotonic,
) -> PullFacts:
    """Return everything a merge is judged by, all pages of it. Never raises for what GitHub answers."""
    ask = _PullRequestQueries(github, number, clock, timer() + within_s, timer)
    pull = ask.fact(lambda: ask.pull(queries.PULL))
    host = github.repo.split("/", 1)[0]
    head, base_sha = _of(pull, _head), _of(pull, _base_sha)

    checks = ask.fact(lambda: ask.listed(queries.HEAD_CHECKS, _head_contexts, _head, head))
    base = ask.fact(lambda: ask.listed(queries.BASE_CHECKS, _base_contexts, _base_sha, base_sha))
    threads = ask.fact(lambda: ask.listed(queries.THREADS, _in("reviewThreads"), _head, head))
    comments = ask.fact(lambda: ask.listed(queries.COMMENTS, _in("comments"), _head, head))
    read = all(isinstance(fact, Known) for fact in (checks, base, threads, comments))
    return PullFacts(
        repository=_of(pull, lambda p: f"{host}/{take(p['repository'], 'nameWithOwner', str)}"),
        number=_of(pull, lambda p: take(p, "number", int)),
        state=_of(pull, lambda p: nodes.one_of(p, "state", nodes.STATES)),
        draft=_of(pull, lambda p: take(p, "isDraft", bool)),
        base=_of(pull, lambda p: nodes.text(p, "baseRefName")),
        base_sha=base_sha,
        head=head,
        head_since=_of(checks, nodes.since),
        mergeable=_of(pull, lambda p: nodes.one_of(p, "mergeable", nodes.MERGEABLE)),
        merge_state=_of(pull, lambda p: nodes.one_of(p, "mergeStateStatus", nodes.MERGE_STATES)),
        author=_of(pull, _owner),
        auto_merge=_of(pull, _armed),
        merge_queue=_of(pull, lambda _: ask.queued()),
        checks=_of(checks, nodes.checks),
        statuses=_of(checks, nodes.statuses),
        base_checks=_of(base, nodes.checks),
        base_statuses=_of(base, nodes.statuses),
        threads=_of(threads, nodes.threads),
        comments=_of(comments, nodes.comments),
        all_pages=Known(read, pull.at),
    )


@frozen
class _PullRequestQueries:
    """Queries about one pull request until a deadline."""

    github: GitHub
    number: int
    clock: Callable[[], datetime]
    until: float
    timer: Callable[[], float]

    def fact(self, ask: Callable[[], T]) -> Fact[T]:
        # The time before the query: the fact may have changed while the answer was on its way.
        at = self.clock()
        try:
            return Known(ask(), at)
        except Stop as stop:
            return Unknown(one_line(stop.message), at)

    def pull(self, query: str, after: str = "") -> dict[str, Any]:
        """Return the pull request of one answer, with its repository's own values under `repository`."""
        _, owner, name = self.github.repo.split("/")
        variables: dict[str, str | int] = {"owner": owner, "name": name, "number": self.number}
        if after:
            variables["after"] = after
        repository = take(self._client().ask("read the pull request", query, variables), "repository", dict)
        return {**take(repository, "pullRequest", dict), "repository": repository}

    def queued(self) -> bool:
        """Return whether the base branch has a merge queue; a host without these fields has none."""
        try:
            pull = self.pull(queries.QUEUE)
        except Stop:
            # An older GitHub Enterprise refuses the query. Only a schema without these fields proves that it has no queue.
            answer = self._client().ask("read what is known", queries.KNOWN_FIELDS, {})
            known = [take(each, "name", str) for each in take(take(answer, "__type", dict), "fields", list)]
            if not known or set(queries.QUEUE_FIELDS) & set(known):
                raise
            return False
        waits, enabled = (take(pull, name, bool) for name in queries.QUEUE_FIELDS)
        return waits or enabled

    def _client(self) -> GitHub:
        remaining = self.until - self.timer()
        if remaining <= 0:
            raise nodes.cannot("the time for all of it is over")
        return replace(self.github, seconds=min(remaining, self.github.seconds))

    def listed(
        self,
        query: str,
        connection: Callable[[dict[str, Any]], dict[str, Any] | None],
        commit: Callable[[dict[str, Any]], str],
        wanted: Fact[str],
    ) -> tuple[dict[str, Any], ...]:
        """Return the nodes of every page of one connection, all of the same commit."""
        if isinstance(wanted, Unknown):
            raise nodes.cannot(wanted.why)
        listed_nodes: list[dict[str, Any]] = []
        seen = {""}
        after = ""
        for _ in range(_PAGES):
            pull = self.pull(query, after)
            if commit(pull) != wanted.value:
                raise nodes.cannot("a commit moved while it was read")
            page = connection(pull)
            if page is None:
                return ()
            for node in take(page, "nodes", list):
                if type(node) is not dict:
                    raise strange("an entry of a list is empty")
                listed_nodes.append(node)
            info = take(page, "pageInfo", dict)
            if not take(info, "hasNextPage", bool):
                return tuple(listed_nodes)
            after = take(info, "endCursor", str)
            if after in seen:
                raise strange("its pages go round in circles")
            seen.add(after)
        raise strange("its pages have no end")


def _of(fact: Fact[Any], read: Callable[[Any], T]) -> Fact[T]:
    if isinstance(fact, Unknown):
        return fact
    try:
        return Known(read(fact.value), fact.at)
    except Stop as stop:
        return Unknown(one_line(stop.message), fact.at)


# The pull request itself


def _head(pull: dict[str, Any]) -> str:
    return nodes.sha(pull, "headRefOid")


def _base_sha(pull: dict[str, Any]) -> str:
    return nodes.sha(take(take(pull, "baseRef", dict), "target", dict), "oid")


def _owner(pull: dict[str, Any]) -> str:
    name = nodes.author(pull)
    if not name:
        raise nodes.cannot("the author's account is gone")
    return name


def _armed(pull: dict[str, Any]) -> bool:
    return nodes.maybe(pull, "autoMergeRequest", dict) is not None


def _head_contexts(pull: dict[str, Any]) -> dict[str, Any] | None:
    last = take(take(pull, "commits", dict), "nodes", list)
    if len(last) != 1:
        raise strange("no last commit")
    commit = take(last[0], "commit", dict)
    if nodes.sha(commit, "oid") != _head(pull):
        raise strange("the last commit is not the head")
    return _contexts(commit)


def _base_contexts(pull: dict[str, Any]) -> dict[str, Any] | None:
    return _contexts(take(take(pull, "baseRef", dict), "target", dict))


def _contexts(commit: dict[str, Any]) -> dict[str, Any] | None:
    rollup = nodes.maybe(commit, "statusCheckRollup", dict)  # null: nothing was ever reported on it
    return None if rollup is None else take(rollup, "contexts", dict)


def _in(name: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda pull: take(pull, name, dict)
