"""Run by `forked`, as a program: has the command line's imports, and forks for each call that comes over its socket."""

from __future__ import annotations

import array
import atexit
import gc
import json
import os
import socket
import sys
from importlib import import_module
from typing import Any, NoReturn

_PRELOADED = (
    "cli.group", "cli.run.runs", "cli.run.check", "cli.run.demo", "cli.run.status", "cli.run.stop", "cli.contract.group", "cli.contract.ask", "cli.contract.answer", "cli.contract.record", "cli.contract.draft",
    "cli.review", "cli.gate", "cli.lint", "cli.log.decisions", "cli.log.writer", "cli.metrics", "cli.audit_run", "cli.skills",
    "cli.rules", "cli.hook", "cli.guard", "dispatch.loop", "dispatch.perform", "dispatch.control.start",
    "dispatch.control.preflight", "publish.leaks", "publish.branch", "audit.gather", "audit.judge", "metrics.count",
    "runcontract.document.contract_file", "runcontract.act.permits", "github.observe", "project.config", "lint.rules",
)  # fmt: skip


def read(here: socket.socket, size: int) -> bytes:
    """Exactly this many bytes; `EOFError` when the other end is gone."""
    data = b""
    while len(data) < size:
        piece = here.recv(size - len(data))
        if not piece:
            raise EOFError
        data += piece
    return data


def serve(here: socket.socket) -> None:
    """One call after the other, until the other end is gone."""
    while True:
        try:
            size = int.from_bytes(read(here, 8), "big")
        except EOFError:
            return
        first, sent, _, _ = here.recvmsg(1, socket.CMSG_SPACE(3 * array.array("i").itemsize))
        streams = array.array("i", sent[0][2])
        request = json.loads(first + read(here, size - 1))
        pid = os.fork()
        if pid == 0:
            here.close()
            be(request, streams)
        for each in streams:
            os.close(each)
        _, status = os.waitpid(pid, 0)
        here.sendall(os.waitstatus_to_exitcode(status).to_bytes(8, "big", signed=True))


def be(request: dict[str, Any], streams: array.array[int]) -> NoReturn:
    """Become the command: from here on this is its process."""
    code = 70
    try:
        for target, each in enumerate(streams):
            os.dup2(each, target)
            os.close(each)
        os.chdir(request["cwd"])
        os.environ.clear()
        os.environ.update(request["env"])
        sys.argv = ["correctless", *request["words"]]
        for target, value in request["patched"].items():
            module, _, name = target.rpartition(".")
            setattr(import_module(f"correctless.{module}"), name, value)
        from correctless.cli import main

        code = main(request["words"])
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    finally:
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)


if __name__ == "__main__":
    sys.path.insert(0, sys.argv[2])
    for name in _PRELOADED:
        import_module(f"correctless.{name}")
    gc.freeze()  # what is there now is shared by every fork
    serve(socket.socket(fileno=int(sys.argv[1])))
