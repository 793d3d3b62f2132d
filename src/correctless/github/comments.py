"""Comments of an issue or a pull request: all of them, one again by its id, and who may write to the repository."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.github import rest
from correctless.github.client import GitHub, strange, take

_PAGES = 100  # of a hundred comments
_COMMITS = 100  # of a pull request: with more, GitHub shows nobody all of it
_WRITES = ("admin", "write")  # what GitHub calls maintain is write here, and triage read

# By cursor and not by page number: a comment that is deleted meanwhile moves no other one off a page.
_THREAD = (
    "query Comments($owner: String!, $name: String!, $number: Int!, $after: String) {"
    " viewer { login } repository(owner: $owner, name: $name) { issueOrPullRequest(number: $number) {"
    " __typename ... on Issue { comments(first: 100, after: $after) { ...all } }"
    " ... on PullRequest { state headRefOid commits { totalCount } comments(first: 100, after: $after) { ...all } } } } }"
    " fragment all on IssueCommentConnection { nodes { databaseId body createdAt lastEditedAt includesCreatedEdit"
    " viewerDidAuthor author { __typename login ... on User { databaseId } } } pageInfo { hasNextPage endCursor } }"
)


@dataclass(frozen=True, slots=True)
class ThreadComment:
    """One comment as GitHub has it."""

    id: int
    body: str
    created_at: str  # RFC 3339 in UTC
    login: str  # "" where the account is gone
    user_id: int  # 0 for what is no user
    kind: str  # User, or Bot, Mannequin, Organization
    edited: bool  # at any time, by anyone
    own: bool  # the account that asks wrote it


@dataclass(frozen=True, slots=True)
class CommentThread:
    """An issue or a pull request with all its comments, the oldest first."""

    number: int
    comments: tuple[ThreadComment, ...]
    head: str | None  # of a pull request, as GitHub reports it


def of_thread(github: GitHub, number: int) -> CommentThread:
    """Return an issue or a pull request with all its comments.

    Raises: Stop(3) for too many comments or commits, for a closed pull request, and when GitHub cannot be asked.
    """
    _, owner, name = github.repo.split("/")
    comments: list[ThreadComment] = []
    after: str | None = None
    for _ in range(_PAGES):
        variables: dict[str, str | int] = {"owner": owner, "name": name, "number": number}
        answer = github.ask(
            "read the comments", _THREAD, {**variables, **({"after": after} if after else {})}
        )
        viewer = take(take(answer, "viewer", dict), "login", str)
        thread = take(take(answer, "repository", dict), "issueOrPullRequest", dict)
        page = take(thread, "comments", dict)
        comments += [_comment(node, viewer) for node in take(page, "nodes", list)]
        info = take(page, "pageInfo", dict)
        if not take(info, "hasNextPage", bool):
            return CommentThread(number, tuple(comments), _head(thread, number))
        after = take(info, "endCursor", str)
    raise Stop(
        exits.REFUSED, f"#{number} has more than {_PAGES} pages of comments. answer with: correctless review"
    )


def read_again(github: GitHub, number: int) -> ThreadComment | None:
    """Return a comment by its id, as it is now; None when it, or its account, is gone, or an App wrote it.

    Raises: Stop(3) when GitHub cannot be asked.
    """
    try:
        found = rest.read(github, "read a comment again", f"issues/comments/{number}")
    except rest.Refused as refused:
        if refused.status in (404, 410):
            return None
        raise
    created, user = take(found, "created_at", str), found.get("user")
    if user is None or found.get("performed_via_github_app", "") is not None:
        return None
    return ThreadComment(
        id=take(found, "id", int),
        body=take(found, "body", str),
        created_at=created,
        login=take(user, "login", str),
        user_id=take(user, "id", int),
        kind=take(user, "type", str),
        edited=take(found, "updated_at", str) != created,
        own=False,
    )


def may_write(github: GitHub, login: str, user_id: int) -> bool:
    """Return whether this user has write access now: by the permission, because an association can outlive it.

    Raises: Stop(3) when GitHub cannot be asked.
    """
    try:
        found = rest.read(github, "read a user's permission", f"collaborators/{login}/permission")
    except rest.Refused as refused:
        if refused.status == 404:
            return False
        raise
    # Another user can take the login of an account that was renamed or deleted.
    return take(found, "permission", str) in _WRITES and take(take(found, "user", dict), "id", int) == user_id


def _comment(node: Any, viewer: str) -> ThreadComment:
    if type(node) is not dict:
        raise strange("a comment is no object")
    author, edited_at = node.get("author"), node.get("lastEditedAt", "")
    login = take(author, "login", str) if author is not None else ""
    kind = take(author, "__typename", str) if author is not None else ""
    if edited_at is not None and type(edited_at) is not str:
        raise strange("the time of a comment's last edit is no text")
    return ThreadComment(
        id=take(node, "databaseId", int),
        body=take(node, "body", str),
        created_at=take(node, "createdAt", str),
        login=login,
        user_id=take(author, "databaseId", int) if kind == "User" else 0,
        kind=kind,
        edited=edited_at is not None or take(node, "includesCreatedEdit", bool),
        own=take(node, "viewerDidAuthor", bool) or login.casefold() == viewer.casefold(),
    )


def _head(thread: Any, number: int) -> str | None:
    if take(thread, "__typename", str) != "PullRequest":
        return None
    if take(thread, "state", str) != "OPEN":
        raise Stop(exits.REFUSED, f"pull request #{number} is not open. answer with: correctless review")
    if (count := take(take(thread, "commits", dict), "totalCount", int)) > _COMMITS:
        raise Stop(
            exits.REFUSED,
            f"pull request #{number} has {count} commits, and GitHub shows no more than {_COMMITS} of them. answer with: "
            "correctless review",
        )
    return take(thread, "headRefOid", str)
