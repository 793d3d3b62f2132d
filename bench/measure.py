"""How things are measured: a function or a program in, its times and its peak memory out."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from bench.rows import Figure, Found, Row
from correctless.base import exits
from correctless.base.exits import Stop

# A program's peak begins with that of the process that started it, so a small one starts it: what it can show at
# least is its own 8 MB or so. The clock runs in there too, so that starting the starter does not count.
_STARTER = """
import os, sys, time
null = os.open(os.devnull, os.O_WRONLY)
began = time.perf_counter()
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, null, 1)])
_, status, used = os.wait4(pid, 0)
print(time.perf_counter() - began, used.ru_maxrss, used.ru_utime + used.ru_stime, os.waitstatus_to_exitcode(status))
"""
_MAXRSS = 1 if sys.platform == "darwin" else 1024  # bytes


@dataclass(frozen=True, slots=True)
class Ran:
    """One run of a program: wall-clock and processor seconds with all it started, and peak memory in MB (10^6 bytes)."""

    seconds: float
    peak_mb: float
    cpu: float


def ran(
    argv: Sequence[str],
    *,
    cwd: str,
    env: Mapping[str, str],
    codes: Sequence[int] = (0,),
    stdin: str = os.devnull,
) -> Ran:
    """Run a program, its path absolute, its output thrown away, the file `stdin` as its input; `Stop(3)` when it ends with none of `codes`."""
    starter = [sys.executable, "-I", "-S", "-c", _STARTER]
    with open(stdin, "rb") as given:
        done = subprocess.run(
            [*starter, *argv], cwd=cwd, env=dict(env), stdin=given, capture_output=True, check=False
        )
    words = done.stdout.split()
    if done.returncode != 0 or words[-1:] not in [[b"%d" % code] for code in codes]:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise Stop(exits.REFUSED, f"{' '.join(argv)[:120]} failed: {said[-1] if said else 'without a word'}")
    return Ran(float(words[0]), int(words[1]) * _MAXRSS / 1e6, float(words[2]))


def environment(home: str) -> dict[str, str]:
    """No setting of whoever measures, and no file of theirs, reaches what is measured."""
    kept = {
        name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR", "VIRTUAL_ENV") if name in os.environ
    }
    return {**kept, "HOME": home, "GIT_CONFIG_NOSYSTEM": "1"}


def programs(
    commands: Sequence[Sequence[str]],
    rounds: int,
    *,
    cwd: str,
    env: Mapping[str, str],
    codes: Sequence[int] | None = None,
) -> list[list[Ran]]:
    """Run each of `commands` once a round, in turn, so that a busy minute meets all of them; the runs of each.

    `codes`: what each must end with, where that isn't 0.
    """
    found: list[list[Ran]] = [[] for _ in commands]
    for number in range(rounds):
        order = list(range(len(commands)))
        for which in order if number % 2 == 0 else reversed(order):
            code = codes[which] if codes else 0
            found[which].append(ran(commands[which], cwd=cwd, env=env, codes=(code,)))
    return found


def as_figure(name: str, runs: Sequence[Ran], unit: str) -> Figure:
    """The runs of one program as one figure, in "ms" or "s"."""
    times = [run.seconds * (1e3 if unit == "ms" else 1) for run in runs]
    # Of so few runs the 99th percentile is the slowest, which is said only where there are enough to mean something.
    slowest = percentile(times, 99) if len(times) >= 15 else None
    return Figure(name, median(times), slowest, peak_mb=max(run.peak_mb for run in runs))


def timed(work: Callable[[], object], times: int) -> list[float]:
    """The seconds of each of `times` calls."""
    found = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        found.append(time.perf_counter() - began)
    return found


def percentile(values: Sequence[float], percent: int) -> float:
    """The least value that `percent` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def middle(rounds: Sequence[Sequence[float]], percent: int) -> float:
    """The percentile of each round, and of those the median: one bad round moves nothing."""
    return median(percentile(values, percent) for values in rounds)


def measured(
    rows: Callable[[str], Iterable[Row]], folder: str | None, prefix: str = "correctless-bench-"
) -> Found:
    """What `rows` measures in a scratch folder in `folder`, which is removed; `Stop(3)` when that can't be done."""
    before = os.getloadavg()[0]
    try:
        with tempfile.TemporaryDirectory(prefix=prefix, dir=folder) as scratch:
            found = tuple(rows(os.path.realpath(scratch)))
    except OSError as error:
        raise Stop(
            exits.REFUSED, f"{error.filename or folder}: {error.strerror}. name another --folder"
        ) from None
    load = (before, os.getloadavg()[0])
    place = folder or tempfile.gettempdir()
    return Found(found, place, platform.python_version(), os.cpu_count() or 1, load)
