"""What each installed version of Claude Code knows, found by asking the client itself, as modules of the linter.

Names are taken from the client's file, which has thousands of them, and the client is asked about all at once: its `plugin
validate` names the events and keys it does not know, a session lists its tools, and a request shows what a short name of a model
stands for. Tools that only some sessions have are kept while their names are in the client's file.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
CLIENTS = ROOT / "src" / "correctless" / "lint" / "clients"
_HOOK = {"type": "command", "command": "true"}
_MODELS = rb'\["sonnet","opus"(?:,"[^"]+")*\]'
_UNKNOWN_EVENT = re.compile(r"hooks\.(\w+): unknown hook event")
_UNREAD_KEY = re.compile(r"Unknown field|belongs in the marketplace entry|no longer read|cross-tool spelling")


class Client:
    """One installed client. `home` is a scratch folder."""

    def __init__(self, program: Path, home: Path) -> None:
        self.program = program
        self.home = home
        self.data = program.read_bytes()
        self._found: dict[bytes, set[str]] = {}

    def _run(self, *words: str, **env: str) -> str:
        quiet = ("DISABLE_TELEMETRY", "DISABLE_ERROR_REPORTING", "DISABLE_AUTOUPDATER")
        done = subprocess.run(
            [self.program, *words],
            env={
                **dict.fromkeys((*quiet, "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC"), "1"),
                "HOME": str(self.home),
                "PATH": "/usr/bin:/bin",
                **env,
            },
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout

    def version(self) -> str:
        """Its own name for its version."""
        return self._run("--version").split()[0]

    def complaints(self, files: dict[str, Any]) -> list[tuple[str, str]]:
        """Path and text of each error and warning about a plugin or marketplace of these files."""
        with tempfile.TemporaryDirectory(dir=self.home) as top:
            for name, value in files.items():
                file = Path(top, name)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(json.dumps(value))
            said = json.loads(self._run("plugin", "validate", "--json", top))
        reports = (said["manifest"], *said["contents"])
        return [
            (each["path"], each["message"])
            for report in reports
            for each in (*report["errors"], *report["warnings"])
        ]

    def events(self) -> set[str]:
        """The events of hooks."""
        names = self._names(rb'"([A-Z][A-Za-z]{2,40})"') | {"NoSuchEvent"}
        hooks = {"hooks": {name: [{"hooks": [_HOOK]}] for name in names}}
        said = self.complaints({".claude-plugin/plugin.json": {"name": "p"}, "hooks/hooks.json": hooks})
        unknown = {match[1] for _, text in said for match in _UNKNOWN_EVENT.finditer(text)}
        return _answered(names - unknown, "NoSuchEvent")

    def keys(self, kind: str) -> set[str]:
        """The keys of a `plugin`, of a `marketplace`, or of an `entry` of one."""
        names = self._names(rb'(?<![A-Za-z0-9_$])([a-z][A-Za-z_]{1,47}|\$schema)(?=["\']?:|["\'])')
        names |= {"noSuchKey"}
        plugin = {"name": "p", "version": "1"}
        entry: dict[str, Any] = {"name": "p", "source": "./p"}
        market: dict[str, Any] = {"name": "m", "owner": {"name": "o"}, "plugins": [entry]}
        of_kind = {"plugin": plugin, "marketplace": market, "entry": entry}[kind]
        of_kind.update({name: 5 for name in names if name not in of_kind})
        files: dict[str, Any] = {".claude-plugin/plugin.json": plugin}
        if kind != "plugin":
            files = {".claude-plugin/marketplace.json": market, "p/.claude-plugin/plugin.json": {"name": "p"}}
        prefix = "plugins[0]." if kind == "entry" else ""
        unread = {
            path.removeprefix(prefix)
            for path, text in self.complaints(files)
            if _UNREAD_KEY.match(_bare(text))
        }
        return _answered(names - unread, "noSuchKey")

    def tools(self, before: Iterable[str]) -> set[str]:
        """The tools a session lists, and those of `before` that the client still names."""
        out, _ = self._session()
        init = next(each for each in map(json.loads, out.splitlines()) if each.get("subtype") == "init")
        return {*init["tools"], *(name for name in before if f'"{name}"'.encode() in self.data)}

    def models(self) -> set[str]:
        """The short names of models that stand for another name."""
        listed = max(re.findall(_MODELS, self.data), key=len, default=b"[]")
        return {name for name in json.loads(listed) if name not in self._session("--model", name)[1]}

    def _session(self, *words: str) -> tuple[str, set[str]]:
        """What a session prints, and the models that it asks for."""
        with _Service() as service:
            out = self._run(
                *("-p", "hello", "--output-format", "stream-json", "--verbose", *words),
                ANTHROPIC_BASE_URL=service.address,
                ANTHROPIC_API_KEY="dummy",
            )
            return out, service.models

    def _names(self, pattern: bytes) -> set[str]:
        if pattern not in self._found:
            self._found[pattern] = {name.decode() for name in re.findall(pattern, self.data)}
        return self._found[pattern]


def _bare(text: str) -> str:
    """A message from where it says what is wrong with the field."""
    return re.sub(r"^(?:Field )?'[^']*' (?:is (?:the )?)?", "", text)


def _answered(names: set[str], invented: str) -> set[str]:
    if invented in names:
        raise SystemExit(
            f"client-facts: the client did not report '{invented}', so its messages have changed"
        )
    return names


class _Service:
    """A service on loopback that notes each requested model and refuses the request."""

    def __init__(self) -> None:
        models: set[str] = set()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                if b'"model"' in body:
                    models.add(json.loads(body).get("model", ""))
                answer = b'{"type": "error", "error": {"type": "invalid_request_error", "message": "no"}}'
                self.send_response(400)
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

        self.models = models
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self) -> _Service:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def module(client: Client, before: Iterable[str]) -> str:
    """The text of the module for one client."""
    tables = {
        "EVENTS": client.events(),
        "PLUGIN_KEYS": client.keys("plugin"),
        "ENTRY_KEYS": client.keys("entry"),
        "MARKETPLACE_KEYS": client.keys("marketplace"),
        "TOOLS": client.tools(before),
        "MODELS": client.models(),
    }
    version = client.version()
    parts = [f'"""What Claude Code {version} knows. Written by scripts/client-facts; do not edit."""\n']
    parts.append(f'\nVERSION = "{version}"\n')
    for name, values in tables.items():
        items = "".join(f'    "{value}",\n' for value in sorted(values))
        parts.append(f"{name} = (\n{items})\n")
    return "".join(parts)


def installed() -> Iterator[tuple[str, Path]]:
    """Version and program of each client that scripts/setup-ci has installed."""
    cache = os.environ.get("CORRECTLESS_CI_CACHE") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "correctless-ci"
    )
    for folder in sorted(Path(cache).glob("claude-code-*")):
        if os.access(folder / "claude", os.X_OK):
            yield folder.name.removeprefix("claude-code-"), folder / "claude"


def main(words: list[str]) -> int:
    """Write or check the module of each installed client."""
    check = "--check" in words
    wanted = [word for word in words if word != "--check"]
    clients = {version: program for version, program in installed() if not wanted or version in wanted}
    if not clients or any(word not in clients for word in wanted):
        sys.stderr.write("client-facts: no such client is installed. run: scripts/setup-ci\n")
        return 3
    sys.path.insert(0, str(ROOT / "src"))
    before: set[str] = set()
    for file in CLIENTS.glob("v*.py"):
        before.update(importlib.import_module(f"correctless.lint.clients.{file.stem}").TOOLS)
    stale = 0
    for version, program in clients.items():
        with tempfile.TemporaryDirectory() as home:
            text = module(Client(program, Path(home)), before)
        file = CLIENTS / f"v{version.replace('.', '_')}.py"
        if file.exists() and file.read_text() == text:
            continue
        stale += 1
        if check:
            sys.stderr.write(
                f"client-facts: {file.name} is not what Claude Code {version} says. run: scripts/client-facts\n"
            )
        else:
            file.write_text(text)
            sys.stdout.write(f"client-facts: {file.relative_to(ROOT)}\n")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
