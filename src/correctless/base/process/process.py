"""A program in its own session and process group: its output lines, its exit code, and the end of all it started.

The child first waits at its standard input, so its group id can be recorded before the program runs; when the parent dies
before `release`, the child reads end of file and the program never starts.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Literal

from correctless.base.exits import REFUSED, Stop
from correctless.base.process import orphans
from correctless.base.process.descendants import ProcessRow, living
from correctless.base.process.lines import LONG, OutputLine, Partial, Stream

Limit = Literal["idle", "wall"]

_PIECE = 1 << 16
_LINGER = 0.5  # seconds a background child may hold the output open after the program is gone
_AFTERMATH = 1 << 20  # bytes of output read after that: more than a pipe holds
_REST = 8 << 20  # bytes of one output that are read of a program that is being ended
_REAP_S = 0.1  # seconds between two attempts to reap adopted processes
_SAME = 5
_STRIKES = 50  # rounds over the adopted before all processes are listed again
_KILL_S = 10.0  # seconds that a group may survive SIGKILL

# POSIX `read` takes one byte at a time from a pipe, so everything after the first line is the program's. A parent that
# dies in the middle of that line leaves it without an end, and `read` fails on it.
_WAIT = 'IFS= read -r word || exit 1; case $word in (go) exec "$@" ;; (quiet) exec "$@" </dev/null ;; esac; exit 1'
# In a sandbox: a shell gives a program that is missing the same exit code as outside.
_INNER = ("/bin/sh", "-c", 'exec "$@"', "sh")


@dataclass(frozen=True, slots=True)
class Wrap:
    """The command of a sandbox, which starts a program, waits for it and ends with its code."""

    argv: tuple[str, ...]
    contains: bool  # the kernel ends all that was started in it when it ends


@dataclass(frozen=True, slots=True)
class Result:
    """How a program ended: `code` as subprocess gives it (negative: the signal), the tails of its output."""

    code: int
    out: bytes
    err: bytes
    timed_out: Limit | None = None


class Process:
    """A program that is held, released, read and ended, in this order.

    `timed_out` is the limit that ended `lines` or `chunks`; time asleep does not count: CLOCK_MONOTONIC on Linux and
    mach_absolute_time on macOS both stop meanwhile.
    """

    def __init__(
        self,
        child: subprocess.Popen[bytes],
        mark: str,
        others: frozenset[int] = frozenset(),
        *,
        wrap: Wrap | None = None,
    ) -> None:
        self.pgid = child.pid
        self._wrap = wrap
        self._others = others  # children this process had before
        self.mark = mark  # an environment variable all descendants inherit: see `group_alive`
        self.timed_out: Limit | None = None
        self._child = child
        self._pending = memoryview(b"")
        self._end_idle_s: float | None = None
        self._code: int | None = None
        self._partial: dict[Stream, Partial] = {}
        self._lines: Iterator[OutputLine] = iter(())  # read, and not yet returned by `lines`
        self._unread: dict[Stream, bytearray] = {"out": bytearray(), "err": bytearray()}  # read by `end`

    @classmethod
    def hold(
        cls,
        argv: Sequence[str],
        *,
        cwd: str,
        env: Mapping[str, str],
        pass_fds: Sequence[int] = (),
        wrap: Wrap | None = None,
    ) -> Process:
        """Start a program that waits for `release`; a missing one ends with 127. Raises: `Stop(3)` if it can't be started."""
        if signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN:
            # Inherited from a careless parent: the kernel would reap the child, and its exit code would read as 0.
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        mark = f"CORRECTLESS_MARK_{uuid.uuid4().hex}"
        others = orphans.children()
        try:
            child = subprocess.Popen(
                ["/bin/sh", "-c", _WAIT, "sh", *((*wrap.argv, *_INNER) if wrap else ()), *argv],
                cwd=cwd,
                env={**env, mark: "1"},
                pass_fds=tuple(pass_fds),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else str(error)
            raise Stop(
                REFUSED, f"cannot start '{argv[0]}' in '{cwd}': {why}. check that both exist and can be used"
            ) from None
        return cls(child, mark, others, wrap=wrap)

    def release(self, stdin: bytes | None) -> None:
        """Let the program run. `stdin` is written while the output is read, so no size can block; None is /dev/null."""
        self._pending = memoryview(b"quiet\n" if stdin is None else b"go\n" + stdin)
        pipe = _pipe(self._child.stdin)
        os.set_blocking(pipe.fileno(), False)
        if not self._feed():
            pipe.close()

    def end_after_silence(self, idle_s: float | None) -> None:
        """Let this much silence end the output from now on, which is no time-out; None: the limit of `chunks` again."""
        self._end_idle_s = idle_s

    @property
    def exited(self) -> bool:
        """Whether the program itself has ended; it is not reaped here, so its group id cannot be reused."""
        if self._code is not None:
            return True
        if hasattr(os, "waitid"):  # not on macOS before Python 3.13
            flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
            return os.waitid(os.P_PID, self.pgid, flags) is not None
        return self._child.poll() is not None

    def chunks(self, *, idle_s: float, wall_s: float) -> Iterator[tuple[Stream, bytes]]:
        """Yield output as it arrives, until output and program have ended, or a limit is reached.

        A background child that keeps the output open is waited for only a moment.
        """
        started = last_output = time.monotonic()
        exited_at: float | None = None
        aftermath = 0
        reaped = 0.0
        with selectors.DefaultSelector() as selector, _exit_of(self.pgid) as leaving:
            if leaving is not None:
                selector.register(leaving, selectors.EVENT_READ, "exit")
            selector.register(_pipe(self._child.stdout), selectors.EVENT_READ, "out")
            selector.register(_pipe(self._child.stderr), selectors.EVENT_READ, "err")
            if self._pending:
                selector.register(_pipe(self._child.stdin), selectors.EVENT_WRITE, "in")
            while True:
                now = time.monotonic()
                if now - reaped > _REAP_S:
                    reaped = now
                    orphans.reap(self._adopted())
                listening = any(key.data in ("out", "err") for key in selector.get_map().values())
                if exited_at is None and self.exited:
                    exited_at = now
                if exited_at is not None and (not listening or aftermath > _AFTERMATH):
                    return
                limit = idle_s if self._end_idle_s is None else self._end_idle_s
                if exited_at is None and now - started >= wall_s:
                    self.timed_out = "wall"
                    return
                silent = exited_at is None and now - last_output >= limit
                # The exit is polled where it cannot be waited for. A program's outputs end a moment before the program.
                timeout = min(
                    limit - (now - last_output), wall_s - (now - started), 0.2 if listening else 0.05
                )
                ready = selector.select(_LINGER if exited_at is not None else max(timeout, 0.0))
                if silent and all(key.data == "in" for key, _ in ready):
                    # Decided after a select: our reader may have been busy, or stopped, for longer than the limit.
                    self.timed_out = "idle" if self._end_idle_s is None else None
                    return
                if exited_at is not None and not ready:
                    return
                for key, _ in ready:
                    if key.data == "exit":
                        selector.unregister(key.fileobj)
                        continue
                    if key.data == "in":
                        if not self._feed():
                            selector.unregister(key.fileobj)
                            _pipe(self._child.stdin).close()
                        continue
                    data = os.read(key.fd, _PIECE)
                    if not data:
                        selector.unregister(key.fileobj)
                        continue
                    last_output = time.monotonic()
                    aftermath += len(data) if exited_at is not None else 0
                    yield key.data, data

    def lines(self, *, idle_s: float, wall_s: float, long: int = LONG) -> Iterator[OutputLine]:
        """Yield `chunks` as lines, a longer one than `long` bytes in pieces as they arrive: memory stays flat."""
        self._partial = {"out": Partial("out", long), "err": Partial("err", long)}
        for stream, data in self.chunks(idle_s=idle_s, wall_s=wall_s):
            self._lines = self._partial[stream].feed(data)
            # Not `yield from`: what a closed generator did not yield is for `rest`.
            for line in self._lines:  # noqa: UP028 see above
                yield line
        yield from self._last_lines()

    def rest(self) -> Iterator[OutputLine]:
        """Yield the lines that `lines` did not: a program that is cut off may just have written its result.

        To be called after `end`. At most `_REST` bytes of each output.
        """
        yield from self._lines
        for stream, partial in self._partial.items():
            yield from partial.feed(bytes(self._unread[stream]))
            self._unread[stream].clear()
        yield from self._last_lines()

    def _last_lines(self) -> Iterator[OutputLine]:
        for partial in self._partial.values():
            if partial.begun:
                yield partial.take(last=True)

    def end(self, grace_s: float) -> int:
        """End everything the program started, by SIGTERM and after the grace by SIGKILL; return the exit code.

        Idempotent, and needed after a normal end too. Raises: `Stop(3)` when something cannot be ended.
        """
        if self._code is None:
            with contextlib.suppress(BrokenPipeError):
                _pipe(self._child.stdin).close()
            try:
                self._wind_down(grace_s)
            except BaseException:  # a second Ctrl-C cuts the grace short, and still no orphan remains
                self._wind_down(0.0)
                raise
            finally:
                self._read_on()
                for pipe in (self._child.stdout, self._child.stderr):
                    _pipe(pipe).close()
            self._code = self._child.wait()  # reaped last: until here no other group can have this id
        return self._code

    def _wind_down(self, grace_s: float) -> None:
        now = time.monotonic()
        polite, last = now + grace_s, now + grace_s + _KILL_S
        signalled: set[int] = set()

        def strike(pid: int) -> None:
            now = time.monotonic()
            # A sandbox's own process ends with what is in it; killed earlier, it would end that without grace.
            if now < polite and (pid in signalled or (self._wrap and pid == self.pgid)):
                return
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL if now >= polite else signal.SIGTERM)
            signalled.add(pid)

        # First the whole tree is listed: the children of an ended process go to init, and one of them that has cleared its
        # environment would never be found again.
        known: set[ProcessRow] = set()
        if not self._all_ends():
            for pid in living(self.pgid, self.mark, known):
                strike(pid)
        pause = 0.0005
        while self._still_running(known, strike):
            self._read_on()
            if time.monotonic() >= last:
                raise Stop(REFUSED, f"process group {self.pgid} does not end. end it by hand, then resume")
            time.sleep(pause)
            pause = min(pause * 2, 0.1)

    def _read_on(self) -> None:
        """Read what is in the outputs, without waiting: a program that blocks on writing would not finish its SIGTERM handler.

        After `_REST` bytes an output is closed, which ends an endless writer.
        """
        pipes: dict[Stream, IO[bytes]] = {"out": _pipe(self._child.stdout), "err": _pipe(self._child.stderr)}
        for stream, file in pipes.items():
            unread = self._unread[stream]
            while not file.closed:
                if len(unread) > _REST:
                    file.close()
                    break
                os.set_blocking(file.fileno(), False)
                try:
                    data = os.read(file.fileno(), _PIECE)
                except BlockingIOError:
                    break
                if not data:
                    break
                unread += data

    def _still_running(self, known: set[ProcessRow], strike: Callable[[int], None]) -> bool:
        if self._all_ends():
            return bool(orphans.reap(self._adopted()))
        # Both are evaluated: only the first finds an orphan that has another id a moment later.
        return any((self._strike_adopted(strike), living(self.pgid, self.mark, known, strike)))

    def _all_ends(self) -> bool:
        """Whether the kernel is ending all the program started: the namespace's first process, our child, ends last."""
        return self._wrap is not None and self._wrap.contains and orphans.adopts() and self.exited

    def _adopted(self) -> frozenset[int]:
        """Return the adopted processes of the program: while it lives we start nothing else."""
        return orphans.children() - self._others - {self.pgid}

    def _strike_adopted(self, strike: Callable[[int], None]) -> bool:
        """Strike the adopted until the same are left in several rounds, for one may miss a new child; whether any is left.

        One strike a round is too few. A daemon that forks itself anew every 0.3 ms, or without a pause, escaped in 4 of 16 rounds
        with 1 strike, and in none with 5, 20, 100 or 2,000, which all took the same 0.4 to 1.3 s (2 busy cores). It matters
        where `_all_ends` is false: without a sandbox, or in one without a PID namespace. A cgroup would not replace it: we could
        move an agent into one only as the user it runs as, so it could move out again.
        """
        before: frozenset[int] = frozenset()
        same = 0
        for _ in range(_STRIKES):
            living = orphans.reap(self._adopted())
            same = same + 1 if living == before else 0
            if same == _SAME:
                break
            for pid in living:
                strike(pid)
            before = living
        return bool(before)

    def _feed(self) -> bool:
        """Write what fits; False when all is written or the reader has closed the pipe."""
        fd = _pipe(self._child.stdin).fileno()
        try:
            while self._pending:
                self._pending = self._pending[os.write(fd, self._pending[:_PIECE]) :]
        except BlockingIOError:
            return True
        except BrokenPipeError:
            self._pending = memoryview(b"")
        return False


def run(
    argv: Sequence[str],
    *,
    cwd: str,
    env: Mapping[str, str],
    stdin: bytes | None = None,
    wall_s: float,
    pass_fds: Sequence[int] = (),
    wrap: Wrap | None = None,
    keep: int = 1 << 20,
    grace_s: float = 5.0,
) -> Result:
    """Run a program to its end, without a terminal; return the last `keep` bytes of each output."""
    process = Process.hold(argv, cwd=cwd, env=env, pass_fds=pass_fds, wrap=wrap)
    tails: dict[Stream, bytearray] = {"out": bytearray(), "err": bytearray()}
    try:
        process.release(stdin)
        for stream, data in process.chunks(idle_s=wall_s, wall_s=wall_s):
            tail = tails[stream]
            tail += data
            if len(tail) > 2 * keep:
                del tail[:-keep]
    finally:
        code = process.end(grace_s)
    out, err = (bytes(tail[-keep:]) for tail in tails.values())
    return Result(code, out, err, process.timed_out)


@contextlib.contextmanager
def _exit_of(pid: int) -> Iterator[int | None]:
    """Open a descriptor that is readable when a child of ours has ended; None off Linux."""
    fd: int | None = None
    with contextlib.suppress(OSError, AttributeError):
        fd = os.pidfd_open(pid)
    try:
        yield fd
    finally:
        if fd is not None:
            os.close(fd)


def _pipe(file: IO[bytes] | None) -> IO[bytes]:
    assert file is not None  # Popen was given PIPE for all three
    return file
