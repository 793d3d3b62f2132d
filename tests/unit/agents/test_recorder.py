"""The recorder's two ends: a real MCP server as a process, a real socket, and what the dispatcher takes of it."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import pytest
from hypothesis import given
from hypothesis import strategies as st

from correctless.agents.decisions_server import legible
from correctless.agents.recorder import Recorder
from correctless.base.exits import REFUSED, Stop
from patience import PATIENCE
from places import SOURCE


@contextmanager
def open_recorder(
    take: Callable[[str, Mapping[str, Any]], str], on_failure: Callable[[], None] = lambda: None
) -> Iterator[Recorder]:
    recorder = Recorder(take, on_failure)
    try:
        yield recorder
    finally:
        recorder.close()


def noting(taken: list[str]) -> Callable[[str, Mapping[str, Any]], str]:
    def take(tool: str, _: Mapping[str, Any]) -> str:
        taken.append(tool)
        return "recorded"

    return take


def server_of(recorder: Recorder) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(recorder.config).read_text())["mcpServers"]["decisions"]
    return found


class Client:
    """An MCP client that sends exactly the lines it is given."""

    def __init__(self, recorder: Recorder) -> None:
        server = server_of(recorder)
        self.process = subprocess.Popen(
            [server["command"], *server["args"]],
            env={"PATH": os.environ["PATH"], **server["env"]},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._id = 0

    def __enter__(self) -> Self:
        info = {
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": {"name": "t", "version": "1"},
        }
        self.ask("initialize", info)
        self._send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        assert self.process.wait(PATIENCE) == 0
        self.process.stdout.close()

    def ask(self, method: str, params: dict[str, Any]) -> Any:
        self._id += 1
        self._send({"jsonrpc": "2.0", "id": self._id, "method": method, "params": params})
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())["result"]

    def call(self, name: str, **arguments: Any) -> tuple[str, bool]:
        """The text of the tool's answer, and whether it is an error."""
        result = self.ask("tools/call", {"name": name, "arguments": arguments})
        return result["content"][0]["text"], result["isError"]

    def _send(self, message: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()


def connected(recorder: Recorder, token: str | None = None) -> socket.socket:
    server = server_of(recorder)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(PATIENCE)
    connection.connect(server["args"][-1])
    connection.sendall(
        (server["env"]["CORRECTLESS_RECORDER_TOKEN"] if token is None else token).encode() + b"\n"
    )
    return connection


def asked(connection: socket.socket, line: bytes) -> dict[str, Any] | None:
    """What comes back for one line; None when the connection was closed instead."""
    try:
        connection.sendall(line + b"\n")
        with connection.makefile("rb") as answers:
            said = answers.readline()
    except (BrokenPipeError, ConnectionResetError):
        return None
    return json.loads(said) if said else None


def call_line(**arguments: Any) -> bytes:
    return json.dumps({"tool": "record_decision", "arguments": arguments}).encode()


def test_a_call_reaches_the_dispatcher_as_it_was_made_and_its_answer_comes_back() -> None:
    taken: list[tuple[str, Mapping[str, Any]]] = []

    def take(tool: str, arguments: Mapping[str, Any]) -> str:
        taken.append((tool, arguments))
        return f"recorded as number {len(taken)}"

    odd = {
        "decision_id": 7,
        "default_applied": ["a\u2028\0", None],
        "rationale": {"deep": {"er": 1}},
        "x": True,
    }
    with open_recorder(take) as recorder, Client(recorder) as client:
        tools = {tool["name"]: tool["inputSchema"] for tool in client.ask("tools/list", {})["tools"]}
        assert set(tools) == {"record_decision", "list_defaults"}
        assert tools["record_decision"]["required"] == ["decision_id", "default_applied", "rationale"]
        assert client.call("record_decision", **odd) == ("recorded as number 1", False)
        assert client.call("list_defaults") == ("recorded as number 2", False)
        assert client.call("record_decision", default_applied="\ud800 \ud83d\ude00")[1] is False
    assert taken[0] == ("record_decision", odd)
    assert taken[1] == ("list_defaults", {})
    # the SDK answers no line with half a character in it: its escape is spelled out
    assert taken[2][1] == {"default_applied": "\\ud800 \U0001f600"}


def test_a_call_without_a_dispatcher_is_an_error_and_never_says_recorded() -> None:
    with open_recorder(lambda *_: "recorded") as recorder, Client(recorder) as client:
        recorder.close()
        text, error = client.call("record_decision", decision_id="AD-001")
        assert (error, text.startswith("NOT recorded")) == (True, True)


def test_a_failure_ends_it_for_good_and_is_told_to_whoever_waits() -> None:
    failures = threading.Event()
    taken: list[str] = []

    def take(tool: str, _: Mapping[str, Any]) -> str:
        taken.append(tool)
        raise Stop(REFUSED, "the disk is full")

    with open_recorder(take, failures.set) as recorder, connected(recorder) as connection:
        first, second = asked(connection, call_line()), asked(connection, call_line())
        assert first == {"text": "NOT recorded: the disk is full. stop working", "recorded": False}
        assert second is not None
        assert second["recorded"] is False
        assert recorder.failed is not None
        assert (recorder.failed.code, failures.is_set()) == (REFUSED, True)
    assert len(taken) == 1


def test_a_fault_of_ours_is_a_failure_too() -> None:
    def take(_: str, __: Mapping[str, Any]) -> str:
        raise KeyError("x")

    with open_recorder(take) as recorder, connected(recorder) as connection:
        answer = asked(connection, call_line())
        assert answer is not None
        assert answer["recorded"] is False
        assert recorder.failed is not None


@pytest.mark.parametrize("token", ["", "0" * 32, "x" * 2000])
def test_without_the_token_nothing_is_taken(token: str) -> None:
    taken: list[str] = []
    with open_recorder(noting(taken)) as recorder:
        with connected(recorder, token) as connection:
            assert asked(connection, call_line()) is None
        with connected(recorder) as connection:
            assert asked(connection, call_line()) == {"text": "recorded", "recorded": True}
    assert len(taken) == 1


@pytest.mark.parametrize(
    "line", [b"", b"{", b"[]", b'{"tool": "x"}', b"\xff", b"[" * 100_000, b'{"tool": 1, "arguments": 1}']
)
def test_a_line_that_is_no_call_is_refused_and_the_next_one_taken(line: bytes) -> None:
    with open_recorder(lambda *_: "recorded") as recorder, connected(recorder) as connection:
        answer = asked(connection, line)
        assert answer is not None
        assert (answer["recorded"], answer["text"].startswith("NOT recorded")) == (False, True)
        assert asked(connection, call_line()) == {"text": "recorded", "recorded": True}


def test_a_call_longer_than_any_decision_is_refused() -> None:
    taken: list[str] = []
    with (
        open_recorder(noting(taken)) as recorder,
        connected(recorder) as connection,
    ):
        answer = asked(connection, call_line(rationale="x" * (9 << 20)))
        assert answer is None or answer["recorded"] is False
    assert taken == []


def test_after_closing_nothing_is_taken_and_nothing_is_left_behind() -> None:
    taken: list[str] = []
    recorder = Recorder(noting(taken))
    folder = Path(recorder.config).parent
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(Path(recorder.config).stat().st_mode) == 0o600
    with connected(recorder) as connection:
        assert asked(connection, call_line()) is not None
        recorder.close()
        assert asked(connection, call_line()) is None
    assert (len(taken), folder.exists()) == (1, False)


def test_closing_waits_for_the_call_that_is_being_taken() -> None:
    inside, go = threading.Event(), threading.Event()
    done: list[str] = []

    def take(_: str, __: Mapping[str, Any]) -> str:
        inside.set()
        assert go.wait(PATIENCE)
        done.append("durable")
        return "recorded"

    recorder = Recorder(take)
    with connected(recorder) as connection, ThreadPoolExecutor(2) as pool:
        pool.submit(asked, connection, call_line())
        assert inside.wait(PATIENCE)
        closing = pool.submit(recorder.close)
        assert not done
        go.set()
        closing.result(PATIENCE)
        assert done == ["durable"]


def test_calls_of_two_connections_are_taken_one_at_a_time() -> None:
    at_once, most = 0, 0

    def take(_: str, __: Mapping[str, Any]) -> str:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        threading.Event().wait(0.005)
        at_once -= 1
        return "recorded"

    def twenty(recorder: Recorder) -> int:
        with connected(recorder) as connection:
            return sum(asked(connection, call_line()) is not None for _ in range(20))

    with open_recorder(take) as recorder, ThreadPoolExecutor(4) as pool:
        assert list(pool.map(twenty, [recorder] * 4)) == [20] * 4
    assert most == 1


def test_a_temporary_folder_with_a_long_name_is_no_hindrance(tmp_path: Path) -> None:
    long = tmp_path / ("x" * 120)
    long.mkdir()
    program = "from correctless.agents.recorder import Recorder; r = Recorder(lambda *_: ''); print(r.config); r.close()"
    source = str(SOURCE)
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "TMPDIR": str(long), "PYTHONPATH": source},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("/tmp/correctless-")
    assert not list(long.iterdir())


def test_its_files_do_not_lie_where_the_agent_works(tmp_path: Path) -> None:
    with open_recorder(lambda *_: "") as recorder:
        assert recorder.config.startswith(tempfile.gettempdir())


@given(st.text(st.characters()))
def test_a_legible_message_is_the_same_but_for_half_characters(text: str) -> None:
    for ascii_only in (True, False):
        again = json.loads(legible(json.dumps({"x": text}, ensure_ascii=ascii_only)))["x"]
        if ascii_only:
            assert not any("\ud800" <= char <= "\udfff" for char in again)
        if not any("\ud800" <= char <= "\udfff" for char in text):
            assert again == text
