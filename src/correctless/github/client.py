"""Client for one GitHub repository through the gh program: list, create and edit pull requests."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.base.process import process
from correctless.base.text import one_line

T = TypeVar("T")

_SECONDS = 60.0
_PAGES = 50  # of a hundred: an API whose pages never end must not hang a run

_ANSWER = 1 << 25  # bytes: more than a page of a hundred bodies of 65,536 characters

# Without these gh prompts, colours, pages and looks for its own updates; with GH_DEBUG it prints every request in
# place of the reason for a failure.
_QUIET = {
    "GH_PROMPT_DISABLED": "1",
    "GH_NO_UPDATE_NOTIFIER": "1",
    "GH_PAGER": "cat",
    "NO_COLOR": "1",
    "LC_ALL": "C",
}
_LOUD = ("GH_DEBUG", "DEBUG")

# Not `gh pr list`: it treats an answer without data as an empty list, which would mean that none of ours is open.
_LIST = (
    "query OpenPullRequests($owner: String!, $name: String!, $head: String!, $after: String) {"
    " repository(owner: $owner, name: $name) {"
    " pullRequests(states: OPEN, headRefName: $head, first: 100, after: $after) {"
    " nodes { id number url body isCrossRepository headRepositoryOwner { login } } pageInfo { hasNextPage endCursor } } } }"
)
# Not `gh pr edit`: older releases query classic projects first, which GitHub has removed.
_EDIT = (
    "mutation EditPullRequest($id: ID!, $body: String!) {"
    " updatePullRequest(input: {pullRequestId: $id, body: $body}) { pullRequest { id } } }"
)

_WHO = "query Who { viewer { login } }"
_BODY = (
    "query PullRequestBody($owner: String!, $name: String!, $number: Int!) {"
    " repository(owner: $owner, name: $name) { pullRequest(number: $number) { body } } }"
)

_PULL_URL = re.compile(r"https://[!-~]+/pull/([1-9][0-9]*)\Z")
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?\Z")
_NAME = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.-]*\Z")
_SCP = re.compile(r"(?:[^@/:\s]+@)?(?P<host>[^@/:\[\]\s]+):(?P<path>[^\s]+)\Z")
_SSH = re.compile(
    r"(?:git\+)?ssh(?:\+git)?://(?:[^@/\s]+@)?(?P<host>[^@/:\[\]\s]+)(?::\d+)?/(?P<path>[^\s]+)\Z"
)
_SSH_SECONDS = 10.0
_SCHEMES = ("http", "https", "ssh", "git", "git+ssh", "ssh+git", "git+https")


@dataclass(frozen=True, slots=True)
class PullRequest:
    """An open pull request."""

    number: int
    url: str
    body: str
    id: str  # GitHub's node id


@dataclass(frozen=True, slots=True)
class GitHub:
    """One repository on one host, queried by gh with the logins in `env`."""

    repo: str  # host/owner/name, from `repo_of_remote`
    env: Mapping[str, str]
    seconds: float = _SECONDS  # of one call
    again: str = "cauto resume"  # the command to run after a failure
    head_owner: str = ""  # of the fork that branches are in; "": they are in this repository

    def check(self) -> None:
        """Check that gh is installed and logged in to the host.

        Raises: Stop(3) with the fix.
        """
        host = self.repo.split("/", 1)[0]
        done = self.gh("auth", "status", "--hostname", host)
        # It also fails for another account on that host whose login has expired, and which gh doesn't use.
        if done.code not in (0, None) and self._is_usable(host):
            return
        if done.timed_out:
            raise Stop(
                exits.REFUSED, f"{host} did not answer gh in {self.seconds:.0f} s. see if it is reachable"
            )
        if done.code != 0:
            raise Stop(
                exits.REFUSED,
                f"gh can't use {host}: {first_line(done.err, skip=host)}. run gh auth login --hostname {host}, or use --pr skip",
            )

    def knows_host(self) -> bool:
        """Return whether gh is logged in to the host."""
        host = self.repo.split("/", 1)[0]
        return self.gh("auth", "status", "--hostname", host).code == 0 or self._is_usable(host)

    def _is_usable(self, host: str) -> bool:
        """Return whether the host answers with the login that gh uses."""
        done = self.gh("api", "graphql", "--hostname", host, "-f", f"query={_WHO}")
        return done.code == 0 and not done.timed_out

    def pull_requests(self, head: str) -> tuple[PullRequest, ...]:
        """Return the open pull requests whose head is the branch `head` of this repository, or of the fork of `head_owner`."""
        pulls: list[PullRequest] = []
        after: str | None = None
        _, owner, name = self.repo.split("/")
        for _ in range(_PAGES):
            variables = {"owner": owner, "name": name, "head": head, **({"after": after} if after else {})}
            answer = self.ask("list pull requests", _LIST, variables)
            page = take(take(answer, "repository", dict), "pullRequests", dict)
            nodes = take(page, "nodes", list)
            pulls.extend(_pull_request(node) for node in nodes if self._is_ours(node))
            info = take(page, "pageInfo", dict)
            if not take(info, "hasNextPage", bool):
                return tuple(pulls)
            after = take(info, "endCursor", str)
        raise Stop(
            exits.REFUSED, f"{self.repo} lists pull requests for '{head}' without end. check it by hand"
        )

    def _is_ours(self, node: Any) -> bool:
        cross = take(node, "isCrossRepository", bool)
        if not self.head_owner or not cross:
            return cross == bool(self.head_owner)
        # null: the fork was deleted
        owner = node.get("headRepositoryOwner")
        return owner is not None and take(owner, "login", str).casefold() == self.head_owner.casefold()

    def body(self, number: int) -> str:
        """Return the body of a pull request, open or not."""
        _, owner, name = self.repo.split("/")
        variables: dict[str, str | int] = {"owner": owner, "name": name, "number": number}
        answer = self.ask("read the pull request", _BODY, variables)
        pull = take(take(answer, "repository", dict), "pullRequest", dict)
        return take(pull, "body", str)

    def create(self, *, head: str, base: str, title: str, body: str, draft: bool = False) -> tuple[int, str]:
        """Open a pull request from branch `head` into `base` and return its number and URL."""
        label = f"{self.head_owner}:{head}" if self.head_owner else head
        options = (
            f"--head={label}",
            f"--base={base}",
            f"--title={title}",
            "--body-file=-",
            *(("--draft",) if draft else ()),
        )
        output = self._do(
            "open the pull request",
            "pr",
            "create",
            "--repo",
            self.repo,
            *options,
            stdin=body.encode("utf-8", "replace"),
        )
        for line in reversed(output.decode("utf-8", "replace").splitlines()):
            if match := _PULL_URL.match(line.strip()):
                return int(match[1]), match[0]
        raise strange("no URL of the new pull request")

    def edit_body(self, pull: PullRequest, body: str) -> None:
        """Replace the body of a pull request and nothing else."""
        answer = self.ask("edit the pull request", _EDIT, {"id": pull.id}, body=body)
        take(take(answer, "updatePullRequest", dict), "pullRequest", dict)

    def ask(
        self, what: str, query: str, variables: Mapping[str, str | int], *, body: str | None = None
    ) -> dict[str, Any]:
        """Return the data of one GraphQL answer.

        Raises: Stop(3) for no data, or data beside errors.
        """
        # -F sends a number as a number; it would also change some texts
        options = [
            option
            for key, value in variables.items()
            for option in ("-F" if type(value) is int else "-f", f"{key}={value}")
        ]
        if body is not None:
            # On standard input: too long for an argument, and arguments are in the process list.
            options += ["-F", "body=@-"]
        host = self.repo.split("/", 1)[0]
        stdin = body.encode("utf-8", "replace") if body is not None else None
        output = self._do(
            what, "api", "graphql", "--hostname", host, "-f", f"query={query}", *options, stdin=stdin
        )
        try:
            answer = json.loads(output)
        except (ValueError, RecursionError):
            raise strange("it is not JSON") from None
        if type(answer) is dict and "errors" in answer:  # the data beside them may be incomplete
            raise strange("it names errors")
        return take(answer, "data", dict)

    def _do(self, what: str, *args: str, stdin: bytes | None = None) -> bytes:
        done = self.gh(*args, stdin=stdin)
        if done.timed_out:
            raise Stop(
                exits.REFUSED,
                f"gh could not {what} of {self.repo}: no answer in {self.seconds:.0f} s. run {self.again} later",
            )
        if done.code != 0:
            raise Stop(
                exits.REFUSED,
                f"gh could not {what} of {self.repo}: {first_line(done.err)}. fix that, then run {self.again}",
            )
        return done.out

    def gh(self, *args: str, stdin: bytes | None = None) -> process.Result:
        """Run gh with these arguments and return how it ended, also after a failure."""
        program = shutil.which("gh", path=self.env.get("PATH", ""))
        if program is None:
            raise Stop(
                exits.REFUSED, "gh is not installed. install gh and run gh auth login, or use --pr skip"
            )
        env = {name: value for name, value in self.env.items() if name not in _LOUD} | _QUIET
        # Not in the repository: gh would run git there, with what an agent put into its configuration.
        return process.run([program, *args], cwd="/", env=env, stdin=stdin, wall_s=self.seconds, keep=_ANSWER)


def repo_of_pull_request(url: str) -> tuple[str, int] | None:
    """Return host/owner/name and number of a pull request's URL; None for any other."""
    match = _PULL_URL.match(url)
    repo = repo_of_remote(url[: match.start(1) - len("/pull/")]) if match else None
    return (repo, int(match[1])) if match and repo else None


def repo_of_remote(url: str) -> str | None:
    """Return host/owner/name of a git remote's URL; None for a local path and anything else.

    A port is left out: the one of ssh is not the API's, and gh knows hosts by name alone.
    """
    if any(c.isspace() for c in url):  # urlsplit would silently drop a line end
        return None
    if "://" in url:
        try:
            parts = urlsplit(url)
            host, path = parts.hostname or "", parts.path
            _ = parts.port  # raises when it is not a number
        except ValueError:
            return None
        if parts.scheme not in _SCHEMES or parts.query or parts.fragment:
            return None
    elif match := _SCP.match(url):
        host, path = match["host"].lower(), match["path"]
    else:
        return None
    # The second name GitHub gives its ssh door, for networks that let only port 443 through.
    host = "github.com" if host == "ssh.github.com" else host.removeprefix("www.")
    return _repo(host, path.strip("/").removesuffix(".git").split("/"))


def ssh_address(url: str, env: Mapping[str, str]) -> str | None:
    """Return an ssh address with the host name that ssh's configuration has for its host; None where that is the same."""
    match = _SCP.match(url) if "://" not in url else _SSH.match(url)
    ssh = shutil.which("ssh", path=env.get("PATH", ""))
    if match is None or ssh is None:
        return None
    host = match["host"]
    done = process.run([ssh, "-G", "--", host], cwd="/", env=env, wall_s=_SSH_SECONDS)
    lines = done.out.decode("utf-8", "replace").splitlines() if done.code == 0 else []
    name = next((line.partition(" ")[2] for line in lines if line.startswith("hostname ")), host)
    return None if name == host else f"ssh://{name}/{match['path'].lstrip('/')}"


def repo_of_name(name: str) -> str | None:
    """Return host/owner/name of a repository written as `[host/]owner/name`; None for anything else."""
    host, *names = name.split("/") if name.count("/") != 1 else ["github.com", *name.split("/")]
    return _repo(host, names)


def _repo(host: str, names: Sequence[str]) -> str | None:
    valid = all(_NAME.match(name) and name not in (".", "..") for name in names)
    return "/".join((host, *names)) if len(names) == 2 and valid and _HOST.match(host) else None


def first_line(output: bytes, *, skip: str = "") -> str:
    """Return the first line of a program's output that is not empty, safe for a terminal, shortened."""
    for line in output.decode("utf-8", "replace").splitlines():
        text = one_line(line)
        if text and text != skip:
            return text.rstrip(". ")
    return "it did not say why"


def _pull_request(node: Any) -> PullRequest:
    return PullRequest(
        number=take(node, "number", int),
        url=take(node, "url", str),
        body=take(node, "body", str),
        id=take(node, "id", str),
    )


def take(value: Any, name: str, kind: type[T]) -> T:
    """Return the value at `name` of one JSON object.

    Raises: Stop(3) when it is of another type, null or missing.
    """
    # type() and not isinstance: True must not pass for the number 1
    if type(value) is not dict or type(value.get(name)) is not kind:
        raise strange(f"no {kind.__name__} at '{name}'")
    return cast("T", value[name])


def strange(what: str) -> Stop:
    """Return the error for an answer of an unknown form."""
    return Stop(
        exits.REFUSED, f"GitHub's answer can't be read: {what}. see that gh and the host are up to date"
    )
