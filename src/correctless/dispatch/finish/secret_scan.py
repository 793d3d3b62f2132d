"""The scan for secrets before publication: each finding needs your answer, "no secret", for exactly its text."""

from __future__ import annotations

import re
from collections.abc import Mapping

from correctless.agents import Activity
from correctless.base import exits
from correctless.base.exits import Stop
from correctless.base.text import one_line
from correctless.dispatch.core.context import RunContext, plan_of
from correctless.dispatch.step import work
from correctless.ledger.chain import digest as sha256
from correctless.publish import leaks, lfs
from correctless.publish.leaks import Leak
from correctless.review import coverage, inheritance
from correctless.runlog import branch as record
from correctless.runlog.branch import Branch
from correctless.runlog.events import RunStarted
from correctless.runlog.plan import Plan
from correctless.runlog.state import State

_NAME = "secret-"  # and the digest of the text: the name of an entry about it
_KEY = re.compile(rf".*/s{_NAME}([0-9a-f]{{64}})\Z")


def defer(ctx: RunContext, state: State, title: str, text: str) -> None:
    """Record each finding without an answer as a deferred decision; the gate stays closed until it is confirmed."""
    lines: dict[str, list[Leak]] = {}
    for leak in _scan(ctx, state, title, text):
        lines.setdefault(leak.digest, []).append(leak)
    entries = [
        (
            f"{_NAME}{digest}",
            f"{of_line[0].path}:{of_line[0].line} looks like {_named(of_line)}",
            _applied(of_line[0]),
        )
        for digest, of_line in lines.items()
    ]
    work.defer_at_end(ctx, state, entries)


def _named(leaks_of_line: list[Leak]) -> str:
    """Return all that a line has: an answer is about the whole of it."""
    kinds = [f"{leak.kind}, column {leak.column}" for leak in leaks_of_line]
    return f"a secret ({'; '.join(kinds)})"


def _applied(leak: Leak) -> str:
    no_secret = f'confirm only to say "no secret" about exactly this line (digest {leak.digest[:12]})'
    return (
        f"nothing is published. {no_secret}; if it is one, reject, and have the step that wrote it run again"
    )


def refuse(ctx: RunContext, state: State, title: str, text: str) -> None:
    """Refuse to publish findings without an answer. Raises: `Stop(10)` with the first finding."""
    if unanswered := _scan(ctx, state, title, text):
        first = unanswered[0]
        more = f" (and {len(unanswered) - 1} more)" if len(unanswered) > 1 else ""
        raise Stop(
            exits.PERSON,
            f"{first.path}:{first.line} looks like a secret ({first.kind}){more}, and no answer is about this text. "
            "let the run ask you: correctless cauto resume",
        )


def answered(branch: Branch) -> frozenset[str]:
    """Return the digests of the texts that you said are no secrets, about whatever commit of the branch."""
    confirmed = coverage.of(branch, coverage.policy(branch), any_commit=True).confirmed
    return frozenset(
        match[1]
        for each in branch.decisions
        if each.decision.source == "synthesized"
        and (match := _KEY.match(each.decision.key or ""))
        and sha256(each.line) in confirmed
    )


def base_of(ctx: RunContext, plan: Plan) -> str:
    """Return the commit from which on a push shows what agents wrote: before the run's own where an earlier run left work."""
    repo = ctx.repo
    earlier = [
        item.event.plan.base for item in record.load(ctx.logs).events if isinstance(item.event, RunStarted)
    ]
    past = inheritance.base_ref(repo, plan.remote, [plan.target], plan.branch)
    span = (plan.base, "--not", past) if past is not None else (plan.base,)
    marked = past is not None and repo.git("log", "-1", "--format=%H", "--grep=^Correctless-Run: ", *span)
    if earlier[0] == plan.base and not marked:
        return plan.base
    shared = repo.try_git("merge-base", past, plan.base).stdout.strip() if past is not None else ""
    return shared or earlier[0]


def findings(ctx: RunContext, base: str, texts: Mapping[str, str]) -> tuple[Leak, ...]:
    """Return the findings without an answer in all that a push of the branch since `base` shows, and in `texts` by their names."""
    diff, messages = leaks.published(ctx.repo, base)
    return leaks.secrets(
        diff,
        {**messages, **lfs.contents(ctx.repo, diff), **texts},
        known=leaks.known_secrets(ctx.repo, base) | answered(record.load(ctx.logs)),
        tell=lambda line: ctx.activity(Activity("waiting", one_line(line))),
    )


def _scan(ctx: RunContext, state: State, title: str, text: str) -> tuple[Leak, ...]:
    """Return the findings without an answer. Raises: `Stop(10)` for a file too long to be scanned, that no decision is about."""
    base = base_of(ctx, plan_of(state))
    if unscanned := [
        path for path in leaks.too_large(ctx.repo, base) if path not in work.reported_large(ctx)
    ]:
        raise Stop(
            exits.PERSON,
            f"a commit of the branch has {unscanned[0]}, which is too long to be scanned for secrets, and no decision is about it. "
            "rewrite that commit, then run cauto resume",
        )
    return findings(ctx, base, {"pull request title": title, "pull request body": text})
