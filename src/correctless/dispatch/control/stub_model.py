"""A stub model on loopback that makes one tool call.

With it the client and flags of a run are tried without cost, and without a real model, which may make the call or not.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

# Variables that would send the client elsewhere, or with your login.
_ELSEWHERE = ("ANTHROPIC_", "CLAUDE_CODE_USE_", "CLAUDE_CODE_OAUTH_TOKEN", "CLAUDE_CODE_CLIENT_")
_ID = "toolu_trial"


class StubModel:
    """The server as a context manager.

    `results` are the texts the client returned for the call, in order.
    """

    def __init__(self, tool: str, arguments: Mapping[str, Any]) -> None:
        self.results: list[str] = []
        self._call = {"type": "tool_use", "id": _ID, "name": tool, "input": dict(arguments)}
        self._server = _ModelServer(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def environment(self, env: Mapping[str, str]) -> dict[str, str]:
        """Return `env` without any way to a real model."""
        variables = {name: value for name, value in env.items() if not name.startswith(_ELSEWHERE)}
        proxies = {
            name: "" for name in variables if name.lower().endswith("_proxy") and name.lower() != "no_proxy"
        }
        return {
            **variables,
            **proxies,
            "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{self._server.server_address[1]}",
            "ANTHROPIC_API_KEY": "none",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
            "DISABLE_TELEMETRY": "1",
            "DISABLE_ERROR_REPORTING": "1",
        }

    def message(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return the model's next message: the call, and the end after its result."""
        results = list(_results(request))
        self.results += results
        called = not results and any(
            tool.get("name") == self._call["name"] for tool in request.get("tools", ())
        )
        return {
            "id": "msg_trial",
            "type": "message",
            "role": "assistant",
            "model": request["model"],
            "content": [self._call if called else {"type": "text", "text": "OK"}],
            "stop_reason": "tool_use" if called else "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 1, "output_tokens": 1},
        }


def _results(request: Mapping[str, Any]) -> Iterator[str]:
    for message in request["messages"]:
        for block in message["content"] if isinstance(message["content"], list) else ():
            if block["type"] == "tool_result" and block["tool_use_id"] == _ID:
                content = block.get("content", "")
                parts = [content] if isinstance(content, str) else [each.get("text", "") for each in content]
                yield "\n".join(parts)


class _ModelServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, model: StubModel) -> None:
        self.model = model
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore a client that ended in the middle of an answer."""


class _Handler(BaseHTTPRequestHandler):
    server: _ModelServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Log nothing to the terminal."""

    def do_HEAD(self) -> None:
        self._send(b"", "text/plain")

    def do_GET(self) -> None:
        self._send(b"{}", "application/json", status=404)

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.path.partition("?")[0].endswith("/count_tokens"):
            self._send(b'{"input_tokens": 1}', "application/json")
            return
        message = self.server.model.message(request)
        if request.get("stream"):
            events = (f"event: {each['type']}\ndata: {json.dumps(each)}\n\n" for each in _events(message))
            self._send("".join(events).encode(), "text/event-stream")
        else:
            self._send(json.dumps(message).encode(), "application/json")

    def _send(self, data: bytes, kind: str, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def _events(message: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    yield {"type": "message_start", "message": {**message, "content": [], "stop_reason": None}}
    for index, block in enumerate(message["content"]):
        text = block["type"] == "text"
        empty: dict[str, Any] = {"text": ""} if text else {"input": {}}
        delta = (
            {"type": "text_delta", "text": block["text"]}
            if text
            else {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
        )
        yield {"type": "content_block_start", "index": index, "content_block": {**block, **empty}}
        yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    end = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    yield {"type": "message_delta", "delta": end, "usage": {"output_tokens": 1}}
    yield {"type": "message_stop"}
