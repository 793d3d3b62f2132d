"""Facts about a pull request: each is Known or Unknown, with the time of observation."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from typing import Generic, TypeAlias, TypeVar

from correctless.base.values import frozen

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@frozen
class Known(Generic[T_co]):
    """A value that was read, not older than `at`."""

    value: T_co
    at: datetime


@frozen
class Unknown:
    """A value that could not be read, and why, in one line. Nothing may be concluded from it."""

    why: str
    at: datetime


Fact: TypeAlias = Known[T] | Unknown


@frozen
class Check:
    """One check run. A name alone says little: every workflow of a pull request may use it."""

    name: str
    app: str  # slug of its app; "" when GitHub names none
    workflow: str  # "" for an app that runs no workflows
    event: str  # what triggered the workflow; "" likewise
    run: int  # GitHub's number of this check run
    status: str  # COMPLETED, or an earlier one
    conclusion: str  # "" before it is completed
    started: datetime | None  # None: it has not begun


@frozen
class Status:
    """The newest commit status of one context."""

    context: str
    state: str
    created: datetime


@frozen
class Comment:
    """One comment; `author` is "" when the account is gone."""

    author: str
    created: datetime


@frozen
class Thread:
    """One review thread by its first and its last comment."""

    first: Comment
    last: Comment
    opened_at: str  # the commit the first comment was written on
    resolved: bool


@frozen
class PullFacts:
    """One pull request at one moment."""

    repository: Fact[str]  # host/owner/name
    number: Fact[int]
    state: Fact[str]
    draft: Fact[bool]
    base: Fact[str]  # the branch it goes into
    base_sha: Fact[str]  # the commit that branch is at now
    head: Fact[str]
    head_since: Fact[datetime]  # a moment at which the host already had this head
    mergeable: Fact[str]
    merge_state: Fact[str]
    author: Fact[str]
    auto_merge: Fact[bool]  # armed
    merge_queue: Fact[bool]  # it is in one, or the base branch requires one
    checks: Fact[tuple[Check, ...]]
    statuses: Fact[tuple[Status, ...]]
    base_checks: Fact[tuple[Check, ...]]  # of base_sha
    base_statuses: Fact[tuple[Status, ...]]
    threads: Fact[tuple[Thread, ...]]
    comments: Fact[tuple[Comment, ...]]  # of the conversation, oldest first
    all_pages: Fact[bool]


NAMES = tuple(field.name for field in fields(PullFacts))
