"""The REST part of the scripted GitHub: commit statuses, labels, reviewers, comments and who may write."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from github_api import Call, GitHubApi, Pull

USERS = {"ann": 1, "bob": 2, "eve": 3, "mallory": 4}  # login -> id


@dataclass
class IssueComment:
    """One comment of an issue or a pull request."""

    id: int
    number: int
    body: str
    login: str | None = "ann"
    kind: str = "User"  # or Bot, Organization, Mannequin
    created: str = "2099-01-01T12:00:00Z"
    updated: str = ""  # "" is `created`
    edited: str | None = None
    app: str | None = None  # of an App that wrote it in the user's name
    association: str = "MEMBER"
    user_id: int | None = None


@dataclass
class GitHubRest:
    """What the routes read and write; a test sets it as it wants it to be."""

    api: GitHubApi
    statuses: list[dict[str, Any]] = field(default_factory=list)  # oldest first
    comments: list[IssueComment] = field(default_factory=list)
    access: dict[str, str] = field(default_factory=lambda: {"ann": "admin", "bob": "write", "eve": "read"})
    refuses: dict[str, int] = field(default_factory=dict)  # a part of a path -> the status it gets
    ids: dict[str, int] = field(default_factory=lambda: dict(USERS))
    commits: int = 1  # of each pull request
    before: Callable[[str, str], None] = lambda _method, _path: None  # each call, when it arrives

    def answer(self, call: Call) -> tuple[int, bytes]:
        split = urlsplit(call.name)
        self.before(call.method, split.path)
        for part, status in self.refuses.items():
            if part in split.path:
                return status, json.dumps({"message": f"Refused with {status}"}).encode()
        asked = {name: values[0] for name, values in parse_qs(split.query).items()}
        for method, pattern, handler in _ROUTES:
            found = re.fullmatch(r"/repos/([^/]+/[^/]+)/" + pattern, split.path)
            if found and method == call.method:
                repo, *parts = found.groups()
                if repo not in self.api.repos:
                    return _missing()
                return handler(self, repo, parts, call.variables, asked)
        return (200, b"{}") if split.path == "/" else _missing()

    def node(self, comment: IssueComment) -> dict[str, Any]:
        """A comment as GraphQL has it."""
        login = comment.login
        author = {
            "__typename": comment.kind,
            "id": f"U_{login}",
            "login": login,
            "databaseId": self.id_of(comment),
        }
        return {
            "databaseId": comment.id,
            "body": comment.body,
            "createdAt": comment.created,
            "lastEditedAt": comment.edited,
            "includesCreatedEdit": comment.edited is not None,
            "viewerDidAuthor": login == self.api.viewer,
            "author": author if login is not None else None,
        }

    def id_of(self, comment: IssueComment) -> int:
        return comment.user_id or self.ids.get(comment.login or "", 99)

    def pull(self, repo: str, number: int) -> Pull | None:
        return next((p for p in self.api.pulls if (p.repo, p.number) == (repo, number)), None)


def _missing() -> tuple[int, bytes]:
    return 404, b'{"message": "Not Found"}'


def _json(value: Any, status: int = 200) -> tuple[int, bytes]:
    return status, json.dumps(value).encode()


def _pull(pull: Pull) -> dict[str, Any]:
    return {
        "number": pull.number,
        "state": "open" if pull.state == "OPEN" else "closed",
        "draft": pull.merging.draft,
        "head": {"ref": pull.head, "sha": pull.head_oid},
        "labels": [{"name": name} for name in pull.labels],
        "requested_reviewers": [{"login": login} for login in pull.reviewers],
        "requested_teams": [{"slug": slug} for slug in pull.teams],
    }


def _get_pull(rest: GitHubRest, repo: str, parts: list[str], _sent: Any, _asked: Any) -> tuple[int, bytes]:
    pull = rest.pull(repo, int(parts[0]))
    return _json(_pull(pull)) if pull else _missing()


def _pulls_of(
    rest: GitHubRest, repo: str, parts: list[str], _sent: Any, asked: dict[str, str]
) -> tuple[int, bytes]:
    found = [_pull(p) for p in rest.api.pulls if p.repo == repo and p.head_oid == parts[0]]
    return _json(_page(found, asked))


def _page(items: list[Any], asked: dict[str, str]) -> list[Any]:
    size, number = int(asked.get("per_page", "30")), int(asked.get("page", "1"))
    return items[(number - 1) * size : number * size]


def _status(rest: GitHubRest, _repo: str, parts: list[str], _sent: Any, _asked: Any) -> tuple[int, bytes]:
    latest = {each["context"]: each for each in rest.statuses if each["sha"] == parts[0]}
    return _json({"sha": parts[0], "statuses": [*latest.values()]})


def _post_status(rest: GitHubRest, _repo: str, parts: list[str], sent: Any, _asked: Any) -> tuple[int, bytes]:
    if len(sent["description"]) > 140 or sent["state"] not in ("success", "pending", "failure", "error"):
        return _json({"message": "Validation Failed"}, 422)
    rest.statuses.append({"sha": parts[0], **sent})
    return _json(sent, 201)


def _label(rest: GitHubRest, repo: str, parts: list[str], sent: Any, _asked: Any) -> tuple[int, bytes]:
    pull = rest.pull(repo, int(parts[0]))
    if pull is None:
        return _missing()
    pull.labels += sent["labels"]
    return _json([{"name": name} for name in pull.labels])


def _request(rest: GitHubRest, repo: str, parts: list[str], sent: Any, _asked: Any) -> tuple[int, bytes]:
    pull = rest.pull(repo, int(parts[0]))
    if pull is None:
        return _missing()
    if any(login not in rest.ids for login in sent["reviewers"]):
        return _json({"message": "Reviews may only be requested from collaborators."}, 422)
    pull.reviewers += sent["reviewers"]
    pull.teams += sent["team_reviewers"]
    return _json(_pull(pull), 201)


def comment_values(rest: GitHubRest, comment: IssueComment) -> dict[str, Any]:
    """A comment as the REST API has it."""
    user = None
    if comment.login is not None:
        user = {
            "login": comment.login,
            "id": rest.id_of(comment),
            "type": comment.kind,
        }
    return {
        "id": comment.id,
        "html_url": f"https://github.com/{rest.api.repos[0]}/issues/{comment.number}#issuecomment-{comment.id}",
        "issue_url": f"https://api.github.com/repos/{rest.api.repos[0]}/issues/{comment.number}",
        "body": comment.body,
        "user": user,
        "created_at": comment.created,
        "updated_at": comment.updated or comment.edited or comment.created,
        "author_association": comment.association,
        "performed_via_github_app": {"slug": comment.app} if comment.app else None,
    }


def _comment(rest: GitHubRest, _repo: str, parts: list[str], _sent: Any, _asked: Any) -> tuple[int, bytes]:
    found = next((c for c in rest.comments if c.id == int(parts[0])), None)
    return _json(comment_values(rest, found)) if found else _missing()


def _permission(rest: GitHubRest, _repo: str, parts: list[str], _sent: Any, _asked: Any) -> tuple[int, bytes]:
    login = parts[0]
    if login not in rest.access:
        return _missing()
    user = {"login": login, "id": rest.ids.get(login, 99), "type": "User"}
    permission = rest.access[login]
    role, permission = permission, {"maintain": "write", "triage": "read"}.get(permission, permission)
    return _json({"permission": permission, "role_name": role, "user": user})


_ROUTES = (
    ("GET", r"pulls/([0-9]+)", _get_pull),
    ("GET", r"commits/([0-9a-f]{40})/pulls", _pulls_of),
    ("GET", r"commits/([0-9a-f]{40})/status", _status),
    ("POST", r"statuses/([0-9a-f]{40})", _post_status),
    ("POST", r"issues/([0-9]+)/labels", _label),
    ("POST", r"pulls/([0-9]+)/requested_reviewers", _request),
    ("GET", r"issues/comments/([0-9]+)", _comment),
    ("GET", r"collaborators/([^/]+)/permission", _permission),
)
