"""Recorder of one attempt's decisions: a Unix socket of the dispatcher.

A call is answered once its decision is durable. The other end is `decisions_server`, which the agent's client
starts from `config`. One JSON object a line: first the token, then `{"tool", "arguments"}`; the answer is
`{"text", "recorded"}`.
"""

from __future__ import annotations

import hmac
import importlib.util
import json
import os
import secrets
import shutil
import socket
import socketserver
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from correctless.base.exits import REFUSED, Stop
from correctless.base.files import replace_file

NAME = "decisions"  # of the server, as the client knows it
TOOLS = ("mcp__decisions__record_decision", "mcp__decisions__list_defaults")

Take = Callable[[str, Mapping[str, Any]], str]

_MAX_CALL = 8 << 20  # bytes of one call; a longer one is not a decision
_MAX_PATH = 100  # bytes; the kernel takes 104 to 108 in a socket's address
_TOKEN_SECONDS = 30.0


def config_without(folder: str, servers: Mapping[str, Any]) -> str | None:
    """Write the client's configuration of a project's own servers, for an attempt without recorder; None without any."""
    if not servers:
        return None
    path = os.path.join(folder, "mcp.json")
    replace_file(path, json.dumps({"mcpServers": servers}).encode(), mode=0o600)
    return path


MISSING = "the MCP SDK is missing, so decisions come by the block alone. install it: pip install 'correctless[claude]'"


def available() -> bool:
    """Return whether the MCP SDK (the extra `claude`) is installed."""
    return importlib.util.find_spec("mcp") is not None


class Recorder:
    """Socket that takes calls from its creation until `close`.

    After `close` no call is accepted, even on an open connection. `take(tool, arguments)` returns
    the text the agent reads; each decision it acknowledges is durable. When it raises, nothing more is taken,
    `failed` says why, and `on_failure` is called (on the recorder's thread). `config` is the path for the
    client's --mcp-config, which names `servers` too.
    """

    def __init__(
        self,
        take: Take,
        on_failure: Callable[[], None] = lambda: None,
        servers: Mapping[str, Any] | None = None,
    ) -> None:
        self.failed: Stop | None = None
        self._take = take
        self._on_failure = on_failure
        # Its own, not the nonce of the block: that one is on no disk and in no process list while the agent lives.
        self._token = secrets.token_hex(16)
        self._lock = threading.Lock()
        self._closed = False
        self._connections: set[socket.socket] = set()
        self._folder = _short_folder()
        address = os.path.join(self._folder, "socket")
        self._server = _RecorderSocket(address, _Connection)
        self._server.recorder = self
        self.config = os.path.join(self._folder, "mcp.json")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        with open(os.open(self.config, flags, 0o600), "w", encoding="utf-8") as file:
            json.dump({"mcpServers": {**(servers or {}), NAME: _server(address, self._token)}}, file)
        # A short poll: closing waits for one.
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Take no further call, and wait for the one that is being taken."""
        with self._lock:
            self._closed = True
            for connection in self._connections:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        shutil.rmtree(self._folder, ignore_errors=True)

    def serve(self, connection: socket.socket) -> None:
        """Answer one connection's calls, one after the other, until it ends."""
        with self._lock:
            if self._closed:
                return
            self._connections.add(connection)
        try:
            with connection.makefile("rb") as lines:
                connection.settimeout(_TOKEN_SECONDS)
                token = lines.readline(1024).strip()
                if not hmac.compare_digest(token, self._token.encode()):
                    return
                connection.settimeout(None)
                while line := lines.readline(_MAX_CALL):
                    text, recorded = self._answer(line)
                    connection.sendall(json.dumps({"text": text, "recorded": recorded}).encode() + b"\n")
                    if not line.endswith(b"\n"):
                        return  # too long or cut off: what comes next is not the beginning of a line
        except OSError:
            return  # the agent's end is gone; what was taken is durable
        finally:
            with self._lock:
                self._connections.discard(connection)

    def _answer(self, line: bytes) -> tuple[str, bool]:
        try:
            call = json.loads(line)
            tool, arguments = str(call["tool"]), dict(call["arguments"])
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            why = str(error) if line.endswith(b"\n") else f"it is longer than {_MAX_CALL} bytes"
            return f"NOT recorded, the call can't be read: {why}. call again, with plain text", False
        with self._lock:
            if self._closed:
                return "NOT recorded: the attempt has ended", False
            if self.failed is not None:
                return f"NOT recorded: {self.failed.message}", False
            try:
                return self._take(tool, arguments), True
            except Stop as stop:
                self.failed = stop
            except Exception as error:  # noqa: BLE001 a fault of ours must not end the thread in silence
                self.failed = Stop(
                    REFUSED, f"a decision could not be recorded: {type(error).__name__}: {error}"
                )
        self._on_failure()
        return f"NOT recorded: {self.failed.message}. stop working", False


class _RecorderSocket(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    recorder: Recorder

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing on standard error when a connection breaks."""


class _Connection(socketserver.BaseRequestHandler):
    server: _RecorderSocket
    request: socket.socket

    def handle(self) -> None:
        self.server.recorder.serve(self.request)


def _server(address: str, token: str) -> dict[str, Any]:
    program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "decisions_server.py")
    return {
        "type": "stdio",
        "command": sys.executable,
        # -I: neither the worktree nor the agent's environment decides what is imported
        "args": ["-I", program, address],
        "env": {"CORRECTLESS_RECORDER_TOKEN": token},
        "alwaysLoad": True,
    }


def _short_folder() -> str:
    """A new folder that only this user may enter, whose paths fit into a socket's address."""
    folder = tempfile.mkdtemp(prefix="correctless-")
    if len(os.fsencode(folder)) + len("/socket") <= _MAX_PATH:
        return folder
    os.rmdir(folder)
    return tempfile.mkdtemp(prefix="correctless-", dir="/tmp")
