"""Readers of GitHub's JSON answers. Each raises `Stop(3)` with the name of what cannot be read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, TypeVar

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.github.client import strange, take
from correctless.github.facts import Check, Comment, Status, Thread
from correctless.project.git.objectid import OID

T = TypeVar("T")

STATES = ("OPEN", "CLOSED", "MERGED")
MERGEABLE = ("MERGEABLE", "CONFLICTING", "UNKNOWN")
MERGE_STATES = ("BEHIND", "BLOCKED", "CLEAN", "DIRTY", "DRAFT", "HAS_HOOKS", "UNKNOWN", "UNSTABLE")
CHECK_STATES = ("COMPLETED", "IN_PROGRESS", "PENDING", "QUEUED", "REQUESTED", "WAITING")
CONCLUSIONS = (
    *("ACTION_REQUIRED", "CANCELLED", "FAILURE", "NEUTRAL", "SKIPPED", "STALE", "STARTUP_FAILURE"),
    *("SUCCESS", "TIMED_OUT"),
)
STATUS_STATES = ("ERROR", "EXPECTED", "FAILURE", "PENDING", "SUCCESS")


def _of_kind(nodes: tuple[dict[str, Any], ...], kind: str) -> Iterator[dict[str, Any]]:
    for node in nodes:
        if one_of(node, "__typename", ("CheckRun", "StatusContext")) == kind:
            yield node


def checks(nodes: tuple[dict[str, Any], ...]) -> tuple[Check, ...]:
    """Return the check runs among the nodes."""
    return tuple(_check(node) for node in _of_kind(nodes, "CheckRun"))


def statuses(nodes: tuple[dict[str, Any], ...]) -> tuple[Status, ...]:
    """Return the commit statuses among the nodes."""
    return tuple(
        Status(text(n, "context"), one_of(n, "state", STATUS_STATES), time(n, "createdAt"))
        for n in _of_kind(nodes, "StatusContext")
    )


def _check(node: dict[str, Any]) -> Check:
    suite = take(node, "checkSuite", dict)
    app = maybe(suite, "app", dict)
    run = maybe(suite, "workflowRun", dict)
    status = one_of(node, "status", CHECK_STATES)
    concluded = maybe(node, "conclusion", str) is not None
    if concluded != (status == "COMPLETED"):
        raise strange("a check is completed without a conclusion, or has one before its end")
    return Check(
        name=text(node, "name"),
        app="" if app is None else text(app, "slug"),
        workflow="" if run is None else text(take(run, "workflow", dict), "name"),
        event="" if run is None else text(run, "event"),
        run=take(node, "databaseId", int),
        status=status,
        conclusion=one_of(node, "conclusion", CONCLUSIONS) if concluded else "",
        started=None if maybe(node, "startedAt", str) is None else time(node, "startedAt"),
    )


def since(nodes: tuple[dict[str, Any], ...]) -> datetime:
    """Return the time at which the first check of a head commit was created."""
    # A commit's own date is its author's to choose; a suite or a status is dated by the host, and created after the push.
    times = [time(take(n, "checkSuite", dict), "createdAt") for n in _of_kind(nodes, "CheckRun")]
    times += [time(n, "createdAt") for n in _of_kind(nodes, "StatusContext")]
    if not times:
        raise cannot("no check or status shows since when this head exists")
    return min(times)


def threads(nodes: tuple[dict[str, Any], ...]) -> tuple[Thread, ...]:
    """Return the review threads."""
    return tuple(_thread(node) for node in nodes)


def _thread(node: dict[str, Any]) -> Thread:
    first, last = (take(take(node, name, dict), "nodes", list) for name in ("first", "last"))
    if len(first) != 1 or len(last) != 1:
        raise strange("a thread without a remark")
    if one_of(last[0], "state", ("PENDING", "SUBMITTED")) == "PENDING":
        raise cannot("an answer to a thread is still a draft")
    commit = maybe(first[0], "originalCommit", dict)
    return Thread(
        first=_comment(first[0]),
        last=_comment(last[0]),
        opened_at="" if commit is None else sha(commit, "oid"),
        resolved=take(node, "isResolved", bool),
    )


def comments(nodes: tuple[dict[str, Any], ...]) -> tuple[Comment, ...]:
    """Return the comments, oldest first."""
    return tuple(sorted((_comment(node) for node in nodes), key=lambda comment: comment.created))


def _comment(node: dict[str, Any]) -> Comment:
    return Comment(author(node), time(node, "createdAt"))


def maybe(value: dict[str, Any], name: str, kind: type[T]) -> T | None:
    """Return a value that may be null; a missing key is an error."""
    if type(value) is dict and name in value and value[name] is None:
        return None
    return take(value, name, kind)


def text(value: dict[str, Any], name: str) -> str:
    """Return a string that must not be empty."""
    text = take(value, name, str)
    if not text:
        raise strange(f"'{name}' is empty")
    return text


def one_of(value: dict[str, Any], name: str, known: tuple[str, ...]) -> str:
    """Return a string that must be one of the known ones."""
    member = take(value, name, str)
    if member not in known:
        raise strange(f"'{name}' is '{member}', which this program does not know")
    return member


def sha(value: dict[str, Any], name: str) -> str:
    """Return a commit id."""
    commit = take(value, name, str)
    if not OID.match(commit):
        raise strange(f"'{name}' is not a commit id")
    return commit


def time(value: dict[str, Any], name: str) -> datetime:
    """Return a time with its zone."""
    stamp = take(value, name, str)
    try:
        moment = datetime.fromisoformat(stamp)
    except ValueError:
        raise strange(f"'{name}' is not a time") from None
    if moment.utcoffset() is None:
        raise strange(f"'{name}' has no time zone")
    return moment


def author(value: dict[str, Any]) -> str:
    """Return the login of its author; "" when the account is gone."""
    actor = maybe(value, "author", dict)
    return "" if actor is None else text(actor, "login")


def cannot(why: str) -> Stop:
    """Return the error for a fact that stays unknown although the answer is valid."""
    return Stop(exits.REFUSED, why)
