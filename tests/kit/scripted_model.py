"""An Anthropic Messages API on loopback that answers from a script, so the real client runs without a network.

    with ScriptedModel({"fix the bug": [Reply(tool("Bash", command="make")), Reply("done")]}) as model:
        ...  # run the client with model.environment
    model.requests  # every request body, in order of arrival

A script is chosen by the first regex found in the user's messages, and the reply by how many assistant messages the request
already holds: the server keeps no state, so retries, continued sessions and sub-agents all get what is theirs. The last reply repeats.
"""

from __future__ import annotations

import json
import re
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

Block = Mapping[str, Any]
LAST_TOOL_RESULT = "{{last_tool_result}}"  # in a reply's text: what the newest tool call gave


def tool(name: str, **given: Any) -> Block:
    return {"type": "tool_use", "name": name, "input": given}


@dataclass(frozen=True)
class Reply:
    """One answer of the model: blocks or plain texts; or an HTTP error; `delay` in seconds goes before either.

    `headers` is how the service tells about usage limits.
    """

    content: tuple[Block | str, ...]
    status: int
    delay: float
    headers: Mapping[str, str]

    def __init__(
        self,
        *content: Block | str,
        status: int = 200,
        delay: float = 0.0,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        object.__setattr__(self, "content", content)
        object.__setattr__(self, "status", status)
        object.__setattr__(self, "delay", delay)
        object.__setattr__(self, "headers", headers or {})


class ScriptedModel:
    """The server as a context manager; `scripts` maps a regex ("" matches all) to the replies of one conversation."""

    def __init__(self, scripts: Mapping[str, Sequence[Reply]]) -> None:
        self.scripts = scripts
        self.requests: list[dict[str, Any]] = []
        self._server = _Server(self)
        # A short poll: shutdown waits for one, in each test.
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def environment(self) -> dict[str, str]:
        """What points a client at this server, and keeps it from everything else."""
        return {
            "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{self._server.server_address[1]}",
            "ANTHROPIC_API_KEY": "dummy",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "CLAUDE_CODE_MAX_RETRIES": "0",
            "DISABLE_AUTOUPDATER": "1",
            "DISABLE_ERROR_REPORTING": "1",
            "DISABLE_TELEMETRY": "1",
        }

    def reply(self, request: Mapping[str, Any]) -> Reply:
        said = "\n".join(text_of(m["content"]) for m in request["messages"] if m["role"] == "user")
        turn: int = sum(message["role"] == "assistant" for message in request["messages"])
        replies = next(
            (found for regex, found in self.scripts.items() if re.search(regex, said)), [Reply("OK")]
        )
        return replies[min(turn, len(replies) - 1)]


class NonceModel(ScriptedModel):
    """A model that copies the nonce of its prompt into the block, as a real one is told to."""

    def reply(self, request: Mapping[str, Any]) -> Reply:
        said = super().reply(request)
        prompt = text_of(request["messages"][0]["content"])
        nonce = re.search(r"^AUTONOMOUS_DECISIONS_START ([0-9a-f]{8})$", prompt, re.MULTILINE)
        filled = (
            part.replace("{{nonce}}", nonce[1]) if nonce and isinstance(part, str) else part
            for part in said.content
        )
        return Reply(*filled, status=said.status, delay=said.delay, headers=said.headers)


class Subscription(ScriptedModel):
    """Usage windows are told only to who is logged in with an account, not to who has a key."""

    @property
    def environment(self) -> dict[str, str]:
        login = {"CLAUDE_CODE_OAUTH_TOKEN": "sk-ant-oat01-dummy"}
        return {
            name: value for name, value in super().environment.items() if name != "ANTHROPIC_API_KEY"
        } | login


def used_up(until: int) -> Reply:
    """The answer to an account whose five hours are used up until `until` (seconds since 1970)."""
    unified = "anthropic-ratelimit-unified-"
    return Reply(
        status=429,
        headers={
            f"{unified}status": "rejected",
            f"{unified}representative-claim": "five_hour",
            f"{unified}reset": str(until),
            f"{unified}5h-utilization": "1.0",
            f"{unified}5h-reset": str(until),
            f"{unified}7d-utilization": "0.5",
            f"{unified}7d-reset": str(until + 300_000),
        },
    )


def text_of(content: Any) -> str:
    """The text of a message, of a system prompt or of a tool result, whatever blocks it is cut into."""
    if isinstance(content, str):
        return content
    return "\n".join(
        block["text"] if "text" in block else text_of(block.get("content")) for block in content or ()
    )


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, model: ScriptedModel) -> None:
        self.model = model
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was ended in the middle of an answer is what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def do_GET(self) -> None:
        self._fail(404)

    def do_POST(self) -> None:
        size = int(self.headers["content-length"])
        request = json.loads(self.rfile.read(size))
        path = self.path.partition("?")[0]
        if path.endswith("/count_tokens"):
            self._send({"input_tokens": size // 4})
        elif path.endswith("/v1/messages"):
            self.server.model.requests.append(request)
            reply = self.server.model.reply(request)
            time.sleep(reply.delay)
            if reply.status != 200:
                self._fail(reply.status, reply.headers)
            elif request.get("stream"):
                self._stream(_message(request, reply, size), reply.headers)
            else:
                self._send(_message(request, reply, size), headers=reply.headers)
        else:
            self._fail(404)

    def _send(
        self, body: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        data = json.dumps(body).encode()
        self._start(status, headers or {})
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _start(self, status: int, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)

    def _fail(self, status: int, headers: Mapping[str, str] | None = None) -> None:
        kinds = {
            401: "authentication_error",
            404: "not_found_error",
            429: "rate_limit_error",
            529: "overloaded_error",
        }
        self._send(
            {"type": "error", "error": {"type": kinds.get(status, "api_error"), "message": "as scripted"}},
            status,
            headers,
        )

    def _stream(self, message: Mapping[str, Any], headers: Mapping[str, str]) -> None:
        self._start(200, headers)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        self.close_connection = True
        for event in _events(message):
            self.wfile.write(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())


def _message(request: Mapping[str, Any], reply: Reply, size: int) -> dict[str, Any]:
    newest = [
        text_of(block.get("content"))
        for message in request["messages"]
        if isinstance(message["content"], list)
        for block in message["content"]
        if block["type"] == "tool_result"
    ]
    blocks: list[dict[str, Any]] = []
    for block in reply.content:
        if isinstance(block, str):
            text = block.replace(LAST_TOOL_RESULT, newest[-1] if newest else "")
            blocks.append({"type": "text", "text": text})
        else:
            blocks.append({**block, "id": f"toolu_{uuid.uuid4().hex[:24]}"})
    called = any(block["type"] == "tool_use" for block in blocks)
    return {
        "id": f"msg_{uuid.uuid4().hex[:24]}",
        "type": "message",
        "role": "assistant",
        "model": request["model"],
        "content": blocks,
        "stop_reason": "tool_use" if called else "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": max(1, size // 4),
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": 10,
        },
    }


def _events(message: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    yield {"type": "message_start", "message": {**message, "content": [], "stop_reason": None}}
    for index, block in enumerate(message["content"]):
        empty: dict[str, Any]
        if block["type"] == "text":
            empty, delta = {"text": ""}, {"type": "text_delta", "text": block["text"]}
        else:
            empty, delta = (
                {"input": {}},
                {"type": "input_json_delta", "partial_json": json.dumps(block["input"])},
            )
        yield {"type": "content_block_start", "index": index, "content_block": {**block, **empty}}
        yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    end = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    yield {"type": "message_delta", "delta": end, "usage": {"output_tokens": 10}}
    yield {"type": "message_stop"}
