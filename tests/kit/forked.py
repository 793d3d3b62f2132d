"""The command line in a process of its own, without waiting for its imports: a server that has them forks for each call.

The fork is a real process: its folder, its environment, its streams and its exit code are its own. What it is not: a fresh
interpreter. Tests about start-up, signals, terminals and what runs above a command start `correctless.itself()` themselves.
"""

from __future__ import annotations

import array
import atexit
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import correctless
import fork_server
from patience import PATIENCE

_servers: dict[int, socket.socket] = {}  # by the process that has it


def run(
    words: Sequence[str],
    *,
    cwd: Path | str,
    env: Mapping[str, str],
    stdin: bytes = b"",
    patched: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """`correctless WORDS`: what it wrote and its exit code.

    `patched` sets names of the package in that process, such as `runcontract.ledger.signed.SYSTEM`: a path that is the machine's.
    """
    call = {"words": list(words), "cwd": str(cwd), "env": dict(env), "patched": dict(patched or {})}
    request = json.dumps(call).encode()
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        given.write(stdin)
        given.seek(0)
        server = _server()
        streams = array.array("i", [given.fileno(), out.fileno(), err.fileno()])
        server.sendall(len(request).to_bytes(8, "big"))
        server.sendmsg([request[:1]], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, streams)])
        server.sendall(request[1:])
        code = int.from_bytes(fork_server.read(server, 8), "big", signed=True)
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(
            [*words],
            code,
            out.read().decode(errors="surrogateescape"),
            err.read().decode(errors="surrogateescape"),
        )


def _server() -> socket.socket:
    if os.getpid() not in _servers:
        ours, theirs = socket.socketpair()
        ours.settimeout(PATIENCE)
        source = str(Path(correctless.__file__).parents[1])
        program = subprocess.Popen(
            [sys.executable, "-I", fork_server.__file__, str(theirs.fileno()), source],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            env={"PATH": os.environ["PATH"]},
        )
        theirs.close()
        _servers[os.getpid()] = ours
        atexit.register(_end, program, ours, os.getpid())
    return _servers[os.getpid()]


def _end(program: subprocess.Popen[bytes], ours: socket.socket, owner: int) -> None:
    if os.getpid() == owner:
        ours.close()
        program.wait()
