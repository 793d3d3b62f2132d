"""An agent can commit and can't publish: a real git, a real gh, and remotes that would let the person through."""

from __future__ import annotations

import base64
import os
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from correctless.agents.environment import environment
from github_api import GitHubApi
from patience import PATIENCE

pytestmark = pytest.mark.real

USER, PASSWORD = "ann", "s3cret"
BASIC = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()


class Remote(ThreadingHTTPServer):
    """git over HTTP by git's own http-backend, for whoever sends the one password; `logins` are those that were sent."""

    def __init__(self, root: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Backend)
        self.root = root
        self.url = f"http://127.0.0.1:{self.server_address[1]}/shop.git"
        self.logins: list[str] = []


class _Backend(BaseHTTPRequestHandler):
    server: Remote

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        login = self.headers.get("Authorization")
        if login is not None:
            self.server.logins.append(login)
        if login != BASIC:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="shop"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        path, _, query = self.path.partition("?")
        done = subprocess.run(
            ["git", "http-backend"],
            input=sent,
            capture_output=True,
            check=True,
            env={
                "PATH": os.environ["PATH"],
                "GIT_PROJECT_ROOT": str(self.server.root),
                "GIT_HTTP_EXPORT_ALL": "1",
                "PATH_INFO": path,
                "QUERY_STRING": query,
                "REQUEST_METHOD": self.command,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "CONTENT_LENGTH": str(len(sent)),
                "REMOTE_USER": USER,
                "REMOTE_ADDR": "127.0.0.1",
            },
        ).stdout
        head, _, content = done.partition(b"\r\n\r\n")
        self.send_response(200)
        for line in head.decode().splitlines():
            self.send_header(*line.split(": ", 1))
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 the base class's name
        """Nothing: what arrived is kept."""


@pytest.fixture
def remote(tmp_path: Path, scratch_repo: Path, git: Any) -> Iterator[Remote]:
    git(tmp_path, "clone", "-q", "--bare", str(scratch_repo), str(tmp_path / "shop.git"))
    git(tmp_path / "shop.git", "config", "http.receivepack", "true")
    server = Remote(tmp_path)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    git(scratch_repo, "remote", "add", "origin", server.url)
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def agent(person: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """The environment the dispatcher gives an agent whose person has `person`."""
    empty = tmp_path / "gh-empty"
    empty.mkdir(exist_ok=True)
    return environment(person, agent_env=(), run="r1", step="ctdd", attempt=1, gh_config_dir=str(empty))


def run(top: Path, env: dict[str, str], *argv: str) -> subprocess.CompletedProcess[str]:
    # In a session of its own: without a terminal, git can ask nobody.
    return subprocess.run(
        argv,
        cwd=top,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        start_new_session=True,
    )


def program(path: Path, script: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


PUSH = ("git", "push", "-q", "origin", "HEAD:refs/heads/feature/x")


def helper(person: dict[str, str], tmp_path: Path, url: str) -> None:
    tool = program(
        tmp_path / "helper",
        f"echo called >> {tmp_path}/called; echo username={USER}; echo password={PASSWORD}",
    )
    configure(person, "credential.helper", tool)


def scoped_helper(person: dict[str, str], tmp_path: Path, url: str) -> None:
    tool = program(
        tmp_path / "helper",
        f"echo called >> {tmp_path}/called; echo username={USER}; echo password={PASSWORD}",
    )
    configure(person, f"credential.{url.rpartition('/')[0]}.helper", tool)


def ask_program(tmp_path: Path) -> str:
    said = f"echo called >> {tmp_path}/called; case $1 in User*) echo {USER};; *) echo {PASSWORD};; esac"
    return program(tmp_path / "askpass", said)


def netrc(person: dict[str, str], tmp_path: Path, url: str) -> None:
    (tmp_path / "called").touch()
    (Path(person["HOME"]) / ".netrc").write_text(f"machine 127.0.0.1 login {USER} password {PASSWORD}\n")


def header(person: dict[str, str], tmp_path: Path, url: str) -> None:
    (tmp_path / "called").touch()
    configure(person, f"http.{url}.extraheader", f"Authorization: {BASIC}")


def configured_askpass(person: dict[str, str], tmp_path: Path, url: str) -> None:
    configure(person, "core.askPass", ask_program(tmp_path))


def git_askpass(person: dict[str, str], tmp_path: Path, url: str) -> None:
    person["GIT_ASKPASS"] = ask_program(tmp_path)


def ssh_askpass(person: dict[str, str], tmp_path: Path, url: str) -> None:
    person["SSH_ASKPASS"] = ask_program(tmp_path)


def config_variables(person: dict[str, str], tmp_path: Path, url: str) -> None:
    helper({**person, "HOME": str(tmp_path)}, tmp_path, url)
    tool = str(tmp_path / "helper")
    person |= {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "credential.helper", "GIT_CONFIG_VALUE_0": tool}


def configure(person: dict[str, str], name: str, value: str) -> None:
    subprocess.run(["git", "config", "--global", name, value], env=person, check=True)


@pytest.mark.parametrize(
    "way",
    [helper, scoped_helper, netrc, header, configured_askpass, git_askpass, ssh_askpass, config_variables],
)
def test_a_push_over_http_that_works_for_the_person_fails_for_the_agent(
    way: Any, remote: Remote, scratch_repo: Path, tmp_path: Path, git: Any
) -> None:
    person = dict(os.environ)
    way(person, tmp_path, remote.url)
    limited = agent(person, tmp_path)

    made = run(scratch_repo, limited, "git", "commit", "-q", "--allow-empty", "-m", "by the agent")
    assert made.returncode == 0, made.stderr
    pushed = run(scratch_repo, limited, *PUSH)
    assert pushed.returncode != 0
    assert remote.logins == []
    assert way in (netrc, header) or not (tmp_path / "called").exists()
    assert git(remote.root / "shop.git", "rev-parse", "feature/x") != git(scratch_repo, "rev-parse", "HEAD")

    pushed = run(scratch_repo, person, *PUSH)
    assert pushed.returncode == 0, pushed.stderr
    assert (tmp_path / "called").exists()
    assert set(remote.logins) == {BASIC}
    assert git(remote.root / "shop.git", "rev-parse", "feature/x") == git(scratch_repo, "rev-parse", "HEAD")


@pytest.mark.parametrize("way", ["path", "GIT_SSH", "GIT_SSH_COMMAND", "core.sshCommand"])
def test_a_push_over_ssh_that_works_for_the_person_fails_for_the_agent(
    way: str, scratch_repo: Path, tmp_path: Path, git: Any
) -> None:
    bare = tmp_path / "shop.git"
    git(tmp_path, "clone", "-q", "--bare", str(scratch_repo), str(bare))
    git(scratch_repo, "remote", "add", "origin", f"git@shop.invalid:{bare}")
    tool = program(
        tmp_path / "bin" / "ssh",
        f'echo "$SSH_AUTH_SOCK" >> {tmp_path}/called; for last; do :; done; eval "$last"',
    )
    person = {**os.environ, "SSH_AUTH_SOCK": str(tmp_path / "agent.sock")}
    if way == "path":
        person["PATH"] = f"{tmp_path / 'bin'}:{person['PATH']}"
    elif way == "core.sshCommand":
        git(scratch_repo, "config", "core.sshCommand", tool)
    else:
        person[way] = tool
    limited = agent(person, tmp_path)

    made = run(scratch_repo, limited, "git", "commit", "-q", "--allow-empty", "-m", "by the agent")
    assert made.returncode == 0, made.stderr
    assert run(scratch_repo, limited, *PUSH).returncode != 0
    assert not (tmp_path / "called").exists()
    assert "SSH_AUTH_SOCK" not in limited

    pushed = run(scratch_repo, person, *PUSH)
    assert pushed.returncode == 0, pushed.stderr
    assert (tmp_path / "called").read_text() == f"{tmp_path}/agent.sock\n"
    assert git(bare, "rev-parse", "feature/x") == git(scratch_repo, "rev-parse", "HEAD")


GH = (
    ("gh", "auth", "status", "--hostname", "github.com"),
    ("gh", "pr", "list", "-R", "ann/shop", "--json", "number"),
    ("gh", "api", "graphql", "-f", "query=query Me { viewer { login } }"),
    (
        "gh",
        "pr",
        "create",
        "-R",
        "ann/shop",
        "--head",
        "feature/x",
        "--base",
        "main",
        "--title",
        "t",
        "--body",
        "b",
    ),
)


@pytest.mark.parametrize("where", ["HOME", "GH_CONFIG_DIR", "XDG_CONFIG_HOME", "GH_TOKEN", "GITHUB_TOKEN"])
def test_the_persons_gh_login_is_not_the_agents(where: str, scratch_repo: Path, tmp_path: Path) -> None:
    with GitHubApi(tmp_path) as api:
        # Should a login get through without its configuration, gh must not reach the real host with it.
        person = {
            **os.environ,
            "HTTPS_PROXY": "http://127.0.0.1:9",
            "GH_PROMPT_DISABLED": "1",
            "TMPDIR": str(tmp_path),
        }
        config = Path(person["HOME"]) / ".config" / "gh"
        if where == "GH_CONFIG_DIR":
            config = tmp_path / "elsewhere"
            person[where] = str(config)
        elif where == "XDG_CONFIG_HOME":
            config = tmp_path / "xdg" / "gh"
            person[where] = str(config.parent)
        api.configure(config, logged_in=not where.endswith("TOKEN"))
        if where.endswith("TOKEN"):
            person[where] = api.token
        limited = agent(person, tmp_path)
        # The way to the host stays open, only the login is missing: else the test could not fail.
        (tmp_path / "gh-empty" / "config.yml").write_text(f"http_unix_socket: {api.socket}\n")

        for command in GH:
            assert run(scratch_repo, limited, *command).returncode != 0, command
        assert [call for call in api.calls if call.token] == []
        assert api.pulls == []

        for command in GH:
            done = run(scratch_repo, person, *command)
            assert done.returncode == 0, (command, done.stderr)
        assert {call.token for call in api.calls} - {""} == {api.token}
        assert len(api.pulls) == 1
