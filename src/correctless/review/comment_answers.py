"""Answers in comments on GitHub: which comment confirms or rejects the open set of a branch, and why others do not.

An answer is the whole comment, one exact line: `/confirm DIGEST`, or `/reject N REASON` about the N-th open decision.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from correctless.base.text import one_line
from correctless.decisions.decision import Confirmation
from correctless.github import comments
from correctless.github.client import GitHub
from correctless.github.comments import CommentThread, ThreadComment
from correctless.runlog.branch import RecordedDecision

CHANNEL = "github"
_CONFIRM = re.compile(r"/confirm ([0-9a-f]{12,64})\Z")
_REJECT = re.compile(r"/reject ([1-9][0-9]{0,5}) ([^\r\n]*[^\s])\Z")
_REASON = 300  # characters
_CLOCKS = timedelta(minutes=10)  # how far GitHub's clock may be behind the run's
_TIME = re.compile(r"[0-9]{4}(?:-[0-9]{2}){2}T[0-9]{2}(?::[0-9]{2}){2}(?:\.[0-9]+)?Z\Z")
_URL = re.compile(r"https://[!-~]+/issues/[0-9]+#issuecomment-([0-9]{1,19})\Z")


@dataclass(frozen=True, slots=True)
class CommentAnswer:
    """An answer that a comment has the form of."""

    comment: ThreadComment
    digest: str = ""  # the typed digits of a confirmation; "": it is a rejection
    number: int = 0  # of the rejected decision
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What the comments of a thread say about one digest."""

    confirmed: CommentAnswer | None
    rejected: CommentAnswer | None
    edited: (
        CommentAnswer | None
    )  # a rejection that was edited: it counts for nothing, and nothing counts beside it
    ignored: tuple[str, ...]  # a line for each other answer, with the reason


def parse(comment: ThreadComment) -> CommentAnswer | None:
    """Return the answer that a comment is; None for any other text."""
    line = comment.body.rstrip(" \t\r\n")
    if found := _CONFIRM.match(line):
        return CommentAnswer(comment, digest=found[1])
    if found := _REJECT.match(line):
        return CommentAnswer(comment, number=int(found[1]), reason=one_line(found[2], _REASON))
    return None


def judge(
    thread: CommentThread, digest: str, closed_at: str, confirmers: Sequence[str], github: GitHub
) -> Verdicts:
    """Return which comments count for the open set with this digest, which was asked about at `closed_at`.

    A rejection wins over any confirmation. Raises: Stop(3) when GitHub cannot be asked.
    """
    ignored: list[str] = []
    yes: list[CommentAnswer] = []
    no: list[CommentAnswer] = []
    edited: list[CommentAnswer] = []
    for answer in filter(None, map(parse, thread.comments)):
        comment = answer.comment
        if not (why := _fault(answer, digest, closed_at, confirmers)):
            if not comments.may_write(github, comment.login, comment.user_id):
                why = "is of someone without write access"
            elif comment.edited:
                why = "was edited"
                edited += [] if answer.digest else [answer]
            elif comments.read_again(github, comment.id) != replace(comment, own=False):
                why = "changed while it was read, or was written by an App"
        if why:
            ignored.append(f"comment {comment.id} by {one_line(comment.login or 'nobody')} {why}")
        else:
            (yes if answer.digest else no).append(answer)
    first_yes, first_no, first_edited = (next(iter(each), None) for each in (yes, no, edited))
    return Verdicts(first_yes, first_no, first_edited, tuple(ignored))


def fault_of(github: GitHub, answer: Confirmation) -> str:
    """Return why the comment that a confirmation notes counts no more; "" while it does.

    Raises: Stop(3) when GitHub cannot be asked.
    """
    number = comment_id(answer.note)
    comment = comments.read_again(github, number) if number is not None else None
    if comment is None:
        return "its comment is gone"
    typed = parse(comment)
    if comment.edited or typed is None or not typed.digest or not answer.digest.startswith(typed.digest):
        return "its comment was edited"
    if (comment.login, comment.kind) != (answer.by, "User"):
        return "its comment is of another account"
    if not comments.may_write(github, comment.login, comment.user_id):
        return "its author has no write access any more"
    return ""


def note_of(answer: CommentAnswer, waiting: Sequence[RecordedDecision]) -> str:
    """Return what a rejection says, with the decision that it names."""
    if answer.number <= len(waiting):
        decision = waiting[answer.number - 1].decision
        return f"{one_line(decision.skill)} {one_line(decision.decision_id)}: {answer.reason}"
    return f"decision {answer.number}: {answer.reason}"


def address(repo: str, thread: CommentThread, answer: CommentAnswer) -> str:
    """Return the address of a comment: what a confirmation notes as its evidence."""
    return f"https://{repo}/issues/{thread.number}#issuecomment-{answer.comment.id}"


def comment_id(note: str) -> int | None:
    """Return the id of the comment that a confirmation notes."""
    found = _URL.match(note)
    return int(found[1]) if found else None


def numbered(waiting: Iterable[RecordedDecision]) -> Iterator[str]:
    """Yield a line for each open decision, with the number that a rejection names."""
    for number, each in enumerate(waiting, 1):
        decision = each.decision
        yield f"{number}. {one_line(decision.skill)} {one_line(decision.decision_id)}: {one_line(decision.default_applied)}"


def _fault(answer: CommentAnswer, digest: str, closed_at: str, confirmers: Sequence[str]) -> str:
    comment = answer.comment
    if answer.digest and not digest.startswith(answer.digest):
        return "names another digest"
    if comment.kind != "User" or not comment.login:
        return "is not of a user"
    if comment.own:
        return "is of the account that asks"
    # A digest can't be older than its question, but a rejection has none.
    if not answer.digest and _is_before(comment.created_at, closed_at):
        return "is older than the question"
    if answer.digest and confirmers and comment.login not in confirmers:
        return "is of none of the confirmers"
    return ""


def _is_before(created_at: str, closed_at: str) -> bool:
    if not _TIME.match(created_at):
        return False  # a rejection counts where that can't be known
    return datetime.fromisoformat(created_at) < datetime.fromisoformat(closed_at) - _CLOCKS
