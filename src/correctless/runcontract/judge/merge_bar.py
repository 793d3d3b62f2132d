"""Every term of the merge bar that fails, all at once. Pure.

A fact that is Unknown fails each term that needs it, with the same code and the same needed text as a bad value: a worse
fact never removes a clause.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from correctless.github.facts import NAMES, Fact, Known, PullFacts, Thread, Unknown
from correctless.runcontract.document.sections import Bar
from correctless.runcontract.judge import check_bar
from correctless.runcontract.judge.terms import MergeTarget, full_name, login
from correctless.runcontract.ledger.clause import Clause, of_merge
from correctless.runcontract.ledger.records import Review, Waiver

_MERGEABLE, _CLEAN, _HOOKS = "MERGEABLE", "CLEAN", "HAS_HOOKS"  # the only allowed values, whatever a bar has


def failing(
    bar: Bar,
    facts: PullFacts,
    reviews: Sequence[Review],
    waivers: Sequence[Waiver],
    now: datetime,
    *,
    target: MergeTarget,
) -> tuple[Clause, ...]:
    """Return every clause against merging `target`; without one it may be merged at exactly `facts.head`."""
    return (
        *_identity(facts, target),
        *_pull(bar, facts),
        *_age(bar, facts, now),
        *check_bar.required(bar, facts, waivers, now),
        *check_bar.others(bar, facts, now),
        *check_bar.base(bar, facts, now),
        *_reviews(bar, facts, reviews),
        *_bots(bar, facts),
    )


def _is(code: str, fact: Fact[str] | Fact[int], wanted: str | int, needed: str) -> Iterator[Clause]:
    # type() too: True equals 1
    if not (isinstance(fact, Known) and type(fact.value) is type(wanted) and fact.value == wanted):
        yield of_merge(code, _value(fact), needed)


def _value(fact: Fact[str] | Fact[int] | Fact[bool]) -> str:
    return f"unknown: {fact.why}" if isinstance(fact, Unknown) else f"{fact.value}" or "nothing"


def _identity(facts: PullFacts, target: MergeTarget) -> Iterator[Clause]:
    repository = facts.repository
    if isinstance(repository, Unknown) or full_name(repository.value) != full_name(target.repository):
        yield of_merge("repository", _value(repository), f"a pull request of {target.repository}")
    yield from _is("number", facts.number, target.number, f"pull request {target.number}")
    yield from _is("base", facts.base, target.base, f"the base branch '{target.base}'")
    head = f"the head {target.head}" if target.head else "a head"
    value = facts.head.value if isinstance(facts.head, Known) else ""
    if not value or value != (target.head or value):
        yield of_merge("head", _value(facts.head), head)
    if not (isinstance(facts.base_sha, Known) and facts.base_sha.value):
        yield of_merge("base_sha", _value(facts.base_sha), "the commit of the base branch")


def _pull(bar: Bar, facts: PullFacts) -> Iterator[Clause]:
    yield from _is("state", facts.state, "OPEN", "OPEN")
    yield from _no("draft", facts.draft, "a draft", "no draft")
    for code, fact, known, stated in (
        ("mergeable", facts.mergeable, (_MERGEABLE,), bar.mergeable),
        ("merge_state", facts.merge_state, (_CLEAN, _HOOKS), bar.merge_state),
    ):
        # A host with hooks that run at the merge says HAS_HOOKS where another says CLEAN.
        listed = known if stated == _HOOKS else known[:1]
        value = fact.value if isinstance(fact, Known) and fact.value in listed else listed[0]
        yield from _is(code, fact, value, " or ".join(listed))
        if stated not in known:  # this program cannot check a merge against another value
            yield of_merge(code, f"the bar says {stated}", f"a bar that says {' or '.join(known)}")
    if isinstance(facts.author, Unknown) or not login(facts.author.value):
        yield of_merge("author", _value(facts.author), "an author")
    yield from _no("auto_merge", facts.auto_merge, "auto-merge is armed", "no armed auto-merge")
    queue = "the base branch has a merge queue"
    yield from _no("merge_queue", facts.merge_queue, queue, "a base branch without one")
    pages = facts.all_pages
    if isinstance(pages, Unknown) or pages.value is not True:
        what = _value(pages) if isinstance(pages, Unknown) else "not all of them were read"
        yield of_merge("pages", what, "every page of GitHub's answers read")


def _no(code: str, fact: Fact[bool], fault: str, needed: str) -> Iterator[Clause]:
    if isinstance(fact, Unknown):
        yield of_merge(code, _value(fact), needed)
    elif fact.value is not False:
        yield of_merge(code, fault, needed)


def _age(bar: Bar, facts: PullFacts, now: datetime) -> Iterator[Clause]:
    bad = [f"{name} {what}" for name in NAMES if (what := _late(getattr(facts, name).at, now, bar.max_age_s))]
    if bad:
        needed = f"facts at most {bar.max_age_s} s old, none from the future, each with a time zone"
        yield of_merge("age", ", ".join(bad), needed)


def _late(at: datetime, now: datetime, most: int) -> str:
    if at.utcoffset() is None or now.utcoffset() is None:
        return "without zone"
    if at > now:
        return f"{(at - now).total_seconds():.0f} s in the future"
    return f"{(now - at).total_seconds():.0f} s old" if now - at > timedelta(seconds=most) else ""


# People and bots


def _reviews(bar: Bar, facts: PullFacts, reviews: Sequence[Review]) -> Iterator[Clause]:
    for area in dict.fromkeys(wanted.area for wanted in bar.review):
        needed = f"a review of '{area}' at this head, not by the author"
        if bar.worktree:
            needed += ", from a clean worktree of this head"
        if isinstance(facts.head, Unknown) or isinstance(facts.author, Unknown):
            why = facts.head if isinstance(facts.head, Unknown) else facts.author
            yield of_merge("review", _value(why), needed)
            continue
        head, author = facts.head.value, login(facts.author.value)
        if not author:  # without one, no reviewer is known to be another person
            yield of_merge("review", "no author", needed)
            continue
        tried = [_not_counted(r, head, author, worktree=bar.worktree) for r in reviews if r.area == area]
        if all(tried):
            yield of_merge("review", "; ".join(dict.fromkeys(tried)) or "none", needed)


def _not_counted(review: Review, head: str, author: str, *, worktree: bool) -> str:
    if review.head != head:
        return f"one at {review.head[:12] or 'no head'}"
    if login(review.by) in ("", author):
        return "one by the author" if login(review.by) else "one without a reviewer"
    if worktree and review.worktree_head != head:
        return "one from a worktree of another commit" if review.worktree_head else "one from no worktree"
    return "one from a worktree with changes" if worktree and not review.worktree_clean else ""


def _bots(bar: Bar, facts: PullFacts) -> Iterator[Clause]:
    needed = "every bot's thread answered at this head"
    if isinstance(facts.threads, Unknown):
        yield of_merge("bots", f"unknown: {facts.threads.why}", needed)
    if isinstance(facts.comments, Unknown):
        yield of_merge("bots", f"unknown: {facts.comments.why}", needed)
    if bar.bots is None or not bar.bots.every_thread_answered_at_head:
        return
    bots = frozenset(login(name) for name in bar.bots.authors)
    threads = facts.threads.value if isinstance(facts.threads, Known) else ()
    for thread in threads:
        if login(thread.first.author) in bots and (what := _unanswered(thread, facts, bots)):
            yield of_merge("bots", f"a thread of {thread.first.author}: {what}", needed)
    comments = facts.comments.value if isinstance(facts.comments, Known) else ()
    if of_bots := [c for c in comments if login(c.author) in bots]:
        # The conversation is one thread: a comment in it has no replies of its own.
        whole = Thread(first=of_bots[-1], last=comments[-1], opened_at="", resolved=False)
        if what := _unanswered(whole, facts, bots):
            yield of_merge("bots", f"a comment of {whole.first.author}: {what}", needed)


def _unanswered(thread: Thread, facts: PullFacts, bots: frozenset[str]) -> str:
    if login(thread.last.author) in {*bots, ""}:
        return "no answer"
    if isinstance(facts.head, Known) and thread.opened_at and thread.opened_at == facts.head.value:
        return ""
    if isinstance(facts.head_since, Unknown):
        return f"since when this head is there is unknown: {facts.head_since.why}"
    # GitHub moves a comment's commit along with the head, so only the time shows which head an answer is for.
    since, written = facts.head_since.value, thread.last.created
    if since.utcoffset() is None or written.utcoffset() is None:
        return "a time without zone"
    return "answered at an older head" if written < since else ""
