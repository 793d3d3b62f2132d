"""A scripted GitHub API on a Unix socket: what the real gh program asks of it, repositories and pull requests kept in memory.

with GitHubApi(folder) as api:
    api.fail(2, "drop", "after")        # the second call is applied, then its connection is closed without an answer
    subprocess.run(["gh", ...], env={**env, **api.env(folder)})
    api.calls                           # ("RepositoryId", "CreatePullRequest", ...)
"""

from __future__ import annotations

import json
import re
import socketserver
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from graphql import ExecutionResult, GraphQLError, GraphQLSchema, build_schema, graphql_sync

from correctless.base.clock import timestamp, utcnow
from github_rest import GitHubRest
from github_schema import SDL

_OPERATION = re.compile(r"\b(?:query|mutation)\s+(\w+)")
LIMIT = 65_536

How = Literal["drop", "hang", "garbage"]
When = Literal["before", "after"]


@dataclass
class Pull:
    """One pull request as the host keeps it; `merging` is what a merge of it is judged by."""

    repo: str
    number: int
    head: str
    base: str
    title: str
    body: str
    head_oid: str = "0" * 40
    state: str = "OPEN"
    fork: bool = False
    merging: Merging = field(default_factory=lambda: Merging())
    labels: list[str] = field(default_factory=list)
    reviewers: list[str] = field(default_factory=list)
    teams: list[str] = field(default_factory=list)


@dataclass
class Merging:
    """One that may be merged, in GitHub's own words: values that a test may set to whatever a host could say."""

    author: str | None = "ann"
    draft: bool = False
    mergeable: list[str] = field(
        default_factory=lambda: ["MERGEABLE"]
    )  # one reading after the other; the last stays
    merge_state: list[str] = field(default_factory=lambda: ["CLEAN"])
    armed: bool = False
    queue: bool = False
    base_oid: str = "b" * 40
    checks: list[dict[str, Any]] | None = None  # None: nothing was ever reported
    base_checks: list[dict[str, Any]] | None = None
    threads: list[list[dict[str, Any]]] = field(default_factory=list)  # remarks, oldest first
    comments: list[dict[str, Any]] = field(default_factory=list)
    commit: str | None = None  # once it is merged
    moves: list[str] = field(default_factory=list)  # heads pushed right before each try to merge


@dataclass(frozen=True)
class Call:
    """One request as it arrived: its operation's name (a path for what is no GraphQL), its variables, who asked."""

    name: str
    variables: dict[str, Any] = field(default_factory=dict)
    token: str = ""
    host: str = ""
    method: str = "POST"


class GitHubApi:
    """The host: `repos` are the known owner/name, `pulls` all pull requests, `token` the only login it takes."""

    def __init__(
        self, folder: Path, *, repos: tuple[str, ...] = ("ann/shop",), page: int = 100, sdl: str = SDL
    ) -> None:
        self.socket = folder / "api.sock"
        self.repos = repos
        self.page = page
        self.token = "gho_" + "a" * 12
        self.hosts: tuple[str, ...] = (
            "github.com",
        )  # where gh is logged in; this one stands for all of them
        self.pulls: list[Pull] = []
        self.calls: list[Call] = []
        self.merges: list[dict[str, Any]] = []  # the mutations that were carried out
        self.raw_answer: bytes | None = None
        self.answers: dict[str, tuple[int, bytes]] = {}  # by operation: what is said instead
        self.rewrite: Callable[[str, Any], Any] | None = None  # of an operation's answer, before it is sent
        self.opened: Callable[[], Merging] = Merging  # of each pull request that is opened here
        self.tip: Callable[[str], str] = lambda _branch: "0" * 40  # the commit a branch stands on then
        self.viewer = "ann"  # whose token it is
        self.follows = False  # whether the head of an open pull request is always the tip of its branch
        self.rest = GitHubRest(self)
        self._fault: tuple[int, How, When] | None = None
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._schema = _schema(self, sdl)

    def __enter__(self) -> GitHubApi:
        api = self

        class Handler(_Handler):
            host = api

        self._server = _Server(str(self.socket), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def env(self, folder: Path, *, logged_in: bool = True) -> dict[str, str]:
        """The variables under which gh asks this host; its configuration and its cache lie in `folder`."""
        config = folder / ("gh-in" if logged_in else "gh-out")
        self.configure(config, logged_in=logged_in)
        return {"GH_CONFIG_DIR": str(config), "TMPDIR": str(folder)}

    def configure(self, config: Path, *, logged_in: bool = True) -> None:
        """Write gh's configuration folder as gh auth login would have left it."""
        config.mkdir(parents=True, exist_ok=True)
        (config / "config.yml").write_text(f"git_protocol: https\nhttp_unix_socket: {self.socket}\n")
        login = "".join(
            f"{host}:\n    oauth_token: {self.token}\n    user: ann\n    git_protocol: https\n"
            for host in self.hosts
        )
        (config / "hosts.yml").write_text(login if logged_in else "{}\n")

    def fail(self, nth: int, how: How, when: When) -> None:
        """Let the n-th call from now (from 1) go wrong once, before or after its work is done."""
        self._fault = (len(self.calls) + nth, how, when)

    def open_pulls(self, head: str) -> list[Pull]:
        return [p for p in self.pulls if p.head == head and p.state == "OPEN"]

    def answer(self, call: Call, query: str) -> tuple[int, bytes] | None:
        """The status and the bytes of one answer; None closes the connection without one."""
        with self._lock:
            self.calls.append(call)
            for pull in self.pulls if self.follows else ():
                if pull.state == "OPEN" and not pull.fork:
                    pull.head_oid = self.tip(pull.head)
            fault = self._fault if self._fault and self._fault[0] == len(self.calls) else None
            if fault and fault[2] == "before":
                done: tuple[int, bytes] = (0, b"")
            else:
                done = self._apply(call, query)
        if fault is None:
            return done
        if fault[1] == "garbage":
            return 200, b'{"data": {"repository": [1, tru'
        if fault[1] == "hang":
            self._closing.wait(60)
        return None

    def _apply(self, call: Call, query: str) -> tuple[int, bytes]:
        if call.token != self.token:
            return 401, b'{"message": "Bad credentials"}'
        if self.raw_answer is not None:
            return 200, self.raw_answer
        if call.name in self.answers:
            return self.answers[call.name]
        if not query:
            return self.rest.answer(call)
        result: ExecutionResult = graphql_sync(self._schema, query, variable_values=call.variables)
        said: Any = result.formatted
        return 200, json.dumps(self.rewrite(call.name, said) if self.rewrite else said).encode()

    # Resolvers: what the host does, and the rules it holds its users to.

    def repository(self, _source: object, _info: object, owner: str, name: str) -> dict[str, Any]:
        full = f"{owner}/{name}"
        if full not in self.repos:
            raise GraphQLError(f"Could not resolve to a Repository with the name '{full}'.")
        return {
            "id": f"R_{full}",
            "name": name,
            "nameWithOwner": full,
            "owner": {"__typename": "User", "id": f"U_{owner}", "login": owner},
            "url": f"https://github.com/{full}",
            "hasIssuesEnabled": True,
            "hasWikiEnabled": False,
            "viewerPermission": "WRITE",
            "mergeCommitAllowed": True,
            "rebaseMergeAllowed": True,
            "squashMergeAllowed": True,
            "defaultBranchRef": {"name": "main"},
        }

    def pull_requests(self, source: Any, _info: object, **asked: Any) -> dict[str, Any]:
        states = asked.get("states") or ["OPEN", "CLOSED", "MERGED"]
        found = [p for p in self.pulls if p.repo == source["nameWithOwner"] and p.state in states]
        for argument, name in (("headRefName", "head"), ("baseRefName", "base")):
            if asked.get(argument) is not None:
                found = [p for p in found if getattr(p, name) == asked[argument]]
        return self.paged([_node(p) for p in found], **asked)

    def paged(self, found: list[Any], **asked: Any) -> dict[str, Any]:
        """One page of a connection, as `first` and `after`, or `last`, ask for it."""
        start = int(asked.get("after") or 0)
        end = start + min(asked.get("first") or self.page, self.page)
        if asked.get("last"):
            start, end = max(len(found) - asked["last"], 0), len(found)
        return {
            "totalCount": len(found),
            "nodes": found[start:end],
            "pageInfo": {"hasNextPage": end < len(found), "endCursor": str(end)},
        }

    def connection(self, source: Any, info: Any, **asked: Any) -> dict[str, Any]:
        return self.paged(source[info.field_name], **asked)

    def merge(self, _source: object, _info: object, input: dict[str, Any]) -> dict[str, Any]:  # noqa: A002 GitHub's name
        pull = self._by_id(input["pullRequestId"])
        merging = pull.merging
        if merging.moves:
            pull.head_oid = merging.moves.pop(0)
        if input.get("expectedHeadOid") not in (None, pull.head_oid):
            raise GraphQLError("Head branch was modified. Review and try the merge again.")
        if pull.state != "OPEN" or merging.mergeable[0] != "MERGEABLE":
            raise GraphQLError("Pull Request is not mergeable")
        self.merges.append(input)
        pull.state, merging.commit = "MERGED", "e" * 40
        return {"pullRequest": _node(pull)}

    def arm(self, _source: object, _info: object, input: dict[str, Any]) -> dict[str, Any]:  # noqa: A002 GitHub's name
        self._by_id(input["pullRequestId"]).merging.armed = True
        return {}

    def _by_id(self, node: str) -> Pull:
        for pull in self.pulls:
            if _node(pull)["id"] == node:
                return pull
        raise GraphQLError("Could not resolve to a node with that id.")

    def pull_request(self, source: Any, _info: object, number: int) -> dict[str, Any]:
        for pull in self.pulls:
            if (pull.repo, pull.number) == (source["nameWithOwner"], number):
                node = _node(pull)
                for readings in (pull.merging.mergeable, pull.merging.merge_state):
                    del readings[: len(readings) > 1]
                return node
        raise GraphQLError(f"Could not resolve to a PullRequest with the number of {number}.")

    def thread(self, _source: Any, _info: object, number: int) -> dict[str, Any]:
        """The issue or pull request of this number; every other number is an issue."""
        pull = next((p for p in self.pulls if p.number == number), None)
        said = {"comments": [self.rest.node(c) for c in self.rest.comments if c.number == number]}
        if pull is None:
            return {"__typename": "Issue", "number": number, **said}
        commits = [{"commit": {"__typename": "Commit", "oid": pull.head_oid}}] * self.rest.commits
        return {"__typename": "PullRequest", **_node(pull), **said, "commits": commits}

    def create(self, _source: object, _info: object, input: dict[str, Any]) -> dict[str, Any]:  # noqa: A002 GitHub's name
        repo = input["repositoryId"].removeprefix("R_")
        head, base, body = input["headRefName"], input["baseRefName"], input.get("body") or ""
        owner, _, head = head.rpartition(":")
        fork = owner not in ("", repo.split("/")[0])
        if any((p.repo, p.base, p.fork) == (repo, base, fork) for p in self.open_pulls(head)):
            raise GraphQLError(f"A pull request already exists for {repo.split('/')[0]}:{head}.")
        merging = self.opened()
        merging.draft = bool(input.get("draft")) or merging.draft
        pull = Pull(
            repo, len(self.pulls) + 1, head, base, input["title"], _kept(body), self.tip(head), fork=fork, merging=merging
        )  # fmt: skip
        self.pulls.append(pull)
        return {"pullRequest": _node(pull)}

    def update(self, _source: object, _info: object, input: dict[str, Any]) -> dict[str, Any]:  # noqa: A002 GitHub's name
        pull = self._by_id(input["pullRequestId"])
        if input.get("body") is not None:
            pull.body = _kept(input["body"])
        return {"pullRequest": _node(pull)}


def _kept(body: str) -> str:
    if len(body.encode("utf-16-le")) // 2 > LIMIT:
        raise GraphQLError(f"Body is too long (maximum is {LIMIT} characters)")
    return body


def _node(pull: Pull) -> dict[str, Any]:
    owner = "fork" if pull.fork else pull.repo.split("/", 1)[0]
    return {
        "id": f"PR_{pull.repo}_{pull.number}",
        "number": pull.number,
        "url": f"https://github.com/{pull.repo}/pull/{pull.number}",
        "title": pull.title,
        "body": pull.body,
        "state": pull.state,
        "baseRefName": pull.base,
        "headRefName": pull.head,
        "headRefOid": pull.head_oid,
        "isCrossRepository": pull.fork,
        "headRepositoryOwner": _account(owner),
        **_merging(pull),
    }


def _merging(pull: Pull) -> dict[str, Any]:
    merging = pull.merging
    head = {"__typename": "Commit", "oid": pull.head_oid, "statusCheckRollup": _rollup(merging.checks)}
    base = {
        "__typename": "Commit",
        "oid": merging.base_oid,
        "statusCheckRollup": _rollup(merging.base_checks),
    }
    return {
        "isDraft": merging.draft,
        "author": _account(merging.author),
        "mergeable": merging.mergeable[0],
        "mergeStateStatus": merging.merge_state[0],
        "merged": pull.state == "MERGED",
        "mergeCommit": {"__typename": "Commit", "oid": merging.commit} if merging.commit else None,
        "autoMergeRequest": {"enabledAt": "2026-03-01T12:00:00Z"} if merging.armed else None,
        "isInMergeQueue": False,
        "isMergeQueueEnabled": merging.queue,
        "baseRef": {"name": pull.base, "target": base},
        "commits": [{"commit": head}],
        "reviewThreads": [
            {
                "isResolved": False,
                "comments": [{**remark, "author": _account(remark["author"])} for remark in said],
            }
            for said in merging.threads
        ],
        "comments": [{**remark, "author": _account(remark["author"])} for remark in merging.comments],
    }


def _rollup(contexts: list[dict[str, Any]] | None) -> dict[str, Any] | None:
    return None if contexts is None else {"contexts": contexts}


def _account(login: str | None) -> dict[str, Any] | None:
    return None if login is None else {"__typename": "User", "id": f"U_{login}", "login": login}


def _schema(api: GitHubApi, sdl: str) -> GraphQLSchema:
    schema = build_schema(sdl)

    def resolve(kind: str, name: str, function: Any) -> None:
        schema.type_map[kind].fields[name].resolve = function  # type: ignore[attr-defined]

    resolve("Query", "viewer", lambda *_: {"id": f"U_{api.viewer}", "login": api.viewer})
    resolve("Query", "repository", api.repository)
    resolve("Repository", "pullRequests", api.pull_requests)
    resolve("Repository", "pullRequest", api.pull_request)
    resolve("Repository", "issueOrPullRequest", api.thread)
    for kind, name in (
        ("PullRequest", "commits"),
        ("PullRequest", "reviewThreads"),
        ("PullRequest", "comments"),
        ("Issue", "comments"),
        ("ReviewThread", "comments"),
        ("StatusCheckRollup", "contexts"),
    ):
        resolve(kind, name, api.connection)
    resolve("Mutation", "mergePullRequest", api.merge)
    resolve("Mutation", "enablePullRequestAutoMerge", api.arm)
    resolve("Mutation", "createPullRequest", api.create)
    resolve("Mutation", "updatePullRequest", api.update)
    return schema


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 16


class _Handler(BaseHTTPRequestHandler):
    host: GitHubApi

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        sent = self._sent()
        token = (self.headers.get("Authorization") or "").removeprefix("token ")
        asked = json.loads(sent) if sent else {}
        query = asked.get("query", "")
        named = _OPERATION.search(query)
        call = Call(
            named[1] if named else self.path,
            (asked.get("variables") or {}) if query else asked,
            token,
            self.headers.get("Host", ""),
            self.command,
        )
        answer = self.host.answer(call, query)
        if answer is None:
            self.close_connection = True
            return
        status, body = answer
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("X-Oauth-Scopes", "repo, read:org")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _sent(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []  # how gh sends what it reads from its standard input
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 the base class's name
        """Nothing: the calls are recorded, not printed."""

    def address_string(self) -> str:
        return "local"  # a Unix socket's peer has no address


def check_run(name: str, event: str = "pull_request") -> dict[str, Any]:
    """A check that passed five minutes ago, as `Merging.checks` has it."""
    begun = timestamp(utcnow() - timedelta(minutes=5))
    return {
        "__typename": "CheckRun",
        "name": name,
        "databaseId": 70_000_000_001,
        "status": "COMPLETED",
        "conclusion": "SUCCESS",
        "startedAt": begun,
        "checkSuite": {
            "createdAt": begun,
            "app": {"slug": "github-actions"},
            "workflowRun": {"event": event, "workflow": {"name": "CI"}},
        },
    }
