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
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from graphql import ExecutionResult, GraphQLError, GraphQLSchema, build_schema, graphql_sync

SDL = """
scalar URI
scalar DateTime
enum PullRequestState { OPEN CLOSED MERGED }
enum OrderDirection { ASC DESC }
enum IssueOrderField { CREATED_AT UPDATED_AT }
input IssueOrder { field: IssueOrderField! direction: OrderDirection! }
type PageInfo { hasNextPage: Boolean! endCursor: String }
interface Owner { id: ID! login: String! }
type User implements Owner { id: ID! login: String! name: String }
type Ref { name: String! }
type PullRequest {
  id: ID! number: Int! url: URI! title: String! body: String! state: PullRequestState!
  baseRefName: String! headRefName: String! headRefOid: String! isCrossRepository: Boolean!
  headRepositoryOwner: Owner isDraft: Boolean!
}
type PullRequestConnection { totalCount: Int! nodes: [PullRequest] pageInfo: PageInfo! }
type Repository {
  id: ID! name: String! nameWithOwner: String! owner: Owner! url: URI! description: String
  hasIssuesEnabled: Boolean! hasWikiEnabled: Boolean! viewerPermission: String
  mergeCommitAllowed: Boolean! rebaseMergeAllowed: Boolean! squashMergeAllowed: Boolean!
  defaultBranchRef: Ref parent: Repository
  pullRequest(number: Int!): PullRequest
  pullRequests(states: [PullRequestState!], baseRefName: String, headRefName: String, first: Int, after: String,
    orderBy: IssueOrder): PullRequestConnection!
}
input CreatePullRequestInput {
  repositoryId: ID! baseRefName: String! headRefName: String! title: String! body: String
  draft: Boolean maintainerCanModify: Boolean
}
input UpdatePullRequestInput { pullRequestId: ID! title: String body: String }
type CreatePullRequestPayload { pullRequest: PullRequest }
type UpdatePullRequestPayload { pullRequest: PullRequest }
type Query { viewer: User! repository(owner: String!, name: String!): Repository }
type Mutation {
  createPullRequest(input: CreatePullRequestInput!): CreatePullRequestPayload
  updatePullRequest(input: UpdatePullRequestInput!): UpdatePullRequestPayload
}
"""
_OPERATION = re.compile(r"\b(?:query|mutation)\s+(\w+)")
LIMIT = 65_536

How = Literal["drop", "hang", "garbage"]
When = Literal["before", "after"]


@dataclass
class Pull:
    """One pull request as the host keeps it."""

    repo: str
    number: int
    head: str
    base: str
    title: str
    body: str
    head_oid: str = "0" * 40
    state: str = "OPEN"
    fork: bool = False


@dataclass(frozen=True)
class Call:
    """One request as it arrived: its operation's name (a path for what is no GraphQL), its variables, who asked."""

    name: str
    variables: dict[str, Any] = field(default_factory=dict)
    token: str = ""


class GitHubApi:
    """The host: `repos` are the known owner/name, `pulls` all pull requests, `token` the only login it takes."""

    def __init__(self, folder: Path, *, repos: tuple[str, ...] = ("ann/shop",), page: int = 100) -> None:
        self.socket = folder / "api.sock"
        self.repos = repos
        self.page = page
        self.token = "gho_" + "a" * 12
        self.pulls: list[Pull] = []
        self.calls: list[Call] = []
        self.raw_answer: bytes | None = None
        self._fault: tuple[int, How, When] | None = None
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._schema = _schema(self)

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
        login = f"github.com:\n    oauth_token: {self.token}\n    user: ann\n    git_protocol: https\n"
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
        if not query:
            return 200, b"{}"
        result: ExecutionResult = graphql_sync(self._schema, query, variable_values=call.variables)
        return 200, json.dumps(result.formatted).encode()

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
        start = int(asked.get("after") or 0)
        end = start + min(asked.get("first") or self.page, self.page)
        return {
            "totalCount": len(found),
            "nodes": [_node(p) for p in found[start:end]],
            "pageInfo": {"hasNextPage": end < len(found), "endCursor": str(end)},
        }

    def pull_request(self, source: Any, _info: object, number: int) -> dict[str, Any]:
        for pull in self.pulls:
            if (pull.repo, pull.number) == (source["nameWithOwner"], number):
                return _node(pull)
        raise GraphQLError(f"Could not resolve to a PullRequest with the number of {number}.")

    def create(self, _source: object, _info: object, input: dict[str, Any]) -> dict[str, Any]:  # noqa: A002 GitHub's name
        repo = input["repositoryId"].removeprefix("R_")
        head, base, body = input["headRefName"], input["baseRefName"], input.get("body") or ""
        if any((p.repo, p.base) == (repo, base) and not p.fork for p in self.open_pulls(head)):
            raise GraphQLError(f"A pull request already exists for {repo.split('/')[0]}:{head}.")
        pull = Pull(repo, len(self.pulls) + 1, head, base, input["title"], _kept(body))
        self.pulls.append(pull)
        return {"pullRequest": _node(pull)}

    def update(self, _source: object, _info: object, input: dict[str, Any]) -> dict[str, Any]:  # noqa: A002 GitHub's name
        for pull in self.pulls:
            if _node(pull)["id"] == input["pullRequestId"]:
                if input.get("body") is not None:
                    pull.body = _kept(input["body"])
                return {"pullRequest": _node(pull)}
        raise GraphQLError("Could not resolve to a node with that id.")


def _kept(body: str) -> str:
    if len(body) > LIMIT:
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
        "isDraft": False,
        "headRepositoryOwner": {"__typename": "User", "id": f"U_{owner}", "login": owner},
    }


def _schema(api: GitHubApi) -> GraphQLSchema:
    schema = build_schema(SDL)

    def resolve(kind: str, name: str, function: Any) -> None:
        schema.type_map[kind].fields[name].resolve = function  # type: ignore[attr-defined]

    resolve("Query", "viewer", lambda *_: {"id": "U_ann", "login": "ann"})
    resolve("Query", "repository", api.repository)
    resolve("Repository", "pullRequests", api.pull_requests)
    resolve("Repository", "pullRequest", api.pull_request)
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
        call = Call(named[1] if named else self.path, asked.get("variables") or {}, token)
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
