"""The decisions log, measured: sizes in; append, verify, count and the one-shot writer, each beside its floor, out."""

from __future__ import annotations

import fcntl
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from statistics import median
from typing import Any

from bench.measure import as_figure, environment, measured, middle, programs, timed
from bench.rows import Figure, Found, Row
from correctless.base import exits
from correctless.base.exits import Stop
from correctless.decisions.decision import Decision
from correctless.ledger.chain import GENESIS, digest
from correctless.ledger.ledger import Ledger
from correctless.ledger.record import encode

WRITERS = 8
GOAL_APPEND = 2.0
GOAL_ONE_SHOT = 8.0
SAID = {
    "decision_id": "AD-001",
    "default_applied": "report the findings, change nothing",
    "rationale": "the report is what the next step reads, and nothing found is urgent",
}


@dataclass(frozen=True, slots=True)
class _Bench:
    folder: str  # scratch, on the disk that is measured
    root: str  # of the checkout
    quick: bool
    say: Callable[[str], None]

    def at(self, *parts: str) -> str:
        return os.path.join(self.folder, *parts)

    def rounds(self, full: int, quick: int) -> int:
        return quick if self.quick else full

    @property
    def env(self) -> dict[str, str]:
        return environment(self.folder)

    def correctless(self, *words: str) -> list[str]:
        return [sys.executable, "-I", os.path.join(self.root, "src", "correctless", "__main__.py"), *words]


def run(
    *, sizes: Sequence[int], quick: bool, folder: str | None, root: str, say: Callable[[str], None]
) -> Found:
    """Measure everything in a scratch folder in `folder`, which is removed; `Stop(3)` when that can't be done."""

    def rows(scratch: str) -> list[Row]:
        if shutil.disk_usage(scratch).free < (needed := 700 * max(sizes)):
            raise Stop(
                exits.REFUSED, f"{scratch} needs {needed / 1e9:.1f} GB. name another disk with --folder"
            )
        bench = _Bench(scratch, root, quick, say)
        found = [_append(bench), _writers(bench), *_one_shot(bench)]
        for size in sizes:
            found += _whole_logs(bench, size)
        return found

    return measured(rows, folder)


def decision(number: int) -> dict[str, Any]:
    """The fields of the `number`-th decision of a made-up log: with `seq` and `prev` some 500 bytes."""
    skill = ("ctdd", "cverify", "cdocs", "simplify")[number % 4]
    run = f"{number // 40:06x}"
    deferred = number % 25 == 0
    return Decision(
        skill=skill,
        decision_id=f"AD-{number % 7 + 1:03}",
        default_applied=SAID["default_applied"],
        rationale=SAID["rationale"],
        timestamp=f"2026-01-01T{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}.000Z",
        escalation_deferred=deferred,
        original_escalation_reason="a person owns the merge" if deferred else None,
        run=run,
        step=skill,
        attempt=1,
        key=f"{run}/{skill}/1/b{number}",
        source="block",
        notes=("corrected",) if deferred else (),
    ).fields()


def build(path: str, entries: int) -> None:
    """A log of `entries` decisions, written through the package's own encoding but not synced line by line."""
    prev = GENESIS
    with open(path, "wb", buffering=1 << 20) as out:
        for seq in range(1, entries + 1):
            line = encode({**decision(seq), "seq": seq, "prev": prev})
            prev = digest(line[:-1])
            out.write(line)
        out.flush()
        os.fsync(out.fileno())  # so that writing it back does not meet the measuring


def _append(bench: _Bench) -> Row:
    rounds, times = bench.rounds(15, 3), bench.rounds(200, 20)
    log = Ledger(bench.at("one.jsonl"))
    line = log.append(decision(0)).line + b"\n"
    numbers = count(1)
    raw = os.open(bench.at("one.raw"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def ours() -> None:
        log.append(fields[next(numbers)])

    def floor() -> None:
        os.write(raw, line)
        os.fsync(raw)

    # Made before the clock runs: what a decision is made of is not the ledger's cost.
    fields = [decision(number) for number in range(rounds * times + 1)]
    mine: list[list[float]] = []
    least: list[list[float]] = []
    for number in range(rounds):
        bench.say(f"append: round {number + 1} of {rounds}")
        pair = ((ours, mine), (floor, least))
        for work, into in pair if number % 2 == 0 else reversed(pair):
            into.append(timed(work, times))
    os.close(raw)
    return Row(
        _times("Ledger.append", mine), "ms", _times("write + fsync, same bytes", least), rounds, GOAL_APPEND
    )


def _writers(bench: _Bench) -> Row:
    rounds, each = bench.rounds(5, 1), bench.rounds(150, 10)
    found: dict[str, list[tuple[list[float], float]]] = {"ours": [], "floor": []}
    for number in range(rounds):
        bench.say(f"{WRITERS} writers: round {number + 1} of {rounds}")
        for which in ("ours", "floor") if number % 2 == 0 else ("floor", "ours"):
            found[which].append(_together(bench.at(f"{which}-{number}.jsonl"), which, each))

    def figure(which: str, name: str) -> Figure:
        times = [of for of, _ in found[which]]
        rate = median(each * WRITERS / seconds for _, seconds in found[which])
        return Figure(name, middle(times, 50) * 1e3, middle(times, 99) * 1e3, per_second=rate)

    return Row(
        figure("ours", f"Ledger.append, {WRITERS} writers"),
        "ms",
        figure("floor", f"flock + write + fsync, {WRITERS} writers"),
        rounds,
        by_rate=True,
    )


def _together(path: str, which: str, each: int) -> tuple[list[float], float]:
    """The seconds of every append, and from the first one's begin to the last one's end."""
    context = multiprocessing.get_context(
        "fork"
    )  # the other ways of starting import this file by a name it has not
    barrier = context.Barrier(WRITERS)
    pipes = [context.Pipe(duplex=False) for _ in range(WRITERS)]
    workers = [
        context.Process(target=_writer, args=(path, which, each, number, barrier, pipe[1]), daemon=True)
        for number, pipe in enumerate(pipes)
    ]
    for worker in workers:
        worker.start()
    for _, end in pipes:
        end.close()  # else a writer that died would never be noticed
    try:
        said = [pipe[0].recv() for pipe in pipes]
    except EOFError:
        raise Stop(exits.REFUSED, f"a writer to {path} died. its error stands above") from None
    finally:
        for worker in workers:
            worker.join(10)
            worker.terminate()
    took = max(end for _, _, end in said) - min(begin for _, begin, _ in said)
    return [seconds for times, _, _ in said for seconds in times], took


def _writer(path: str, which: str, each: int, number: int, barrier: Barrier, pipe: Connection) -> None:
    fields = iter([decision(number * 1000 + at) for at in range(each + 1)])
    log = Ledger(path)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    line = encode({**decision(number), "seq": 100, "prev": GENESIS})

    def ours() -> None:
        log.append(next(fields))

    def floor() -> None:
        fcntl.flock(fd, fcntl.LOCK_EX)
        try:
            os.write(fd, line)
            os.fsync(fd)
        finally:
            fcntl.flock(fd, fcntl.LOCK_UN)

    work = ours if which == "ours" else floor
    work()  # the first look at a log reads all of it
    barrier.wait(60)
    began = time.monotonic()
    times = timed(work, each)
    pipe.send((times, began, time.monotonic()))


def _one_shot(bench: _Bench) -> Iterator[Row]:
    repo = bench.at("project")
    os.mkdir(repo)
    identity = ("-c", "user.name=bench", "-c", "user.email=bench@example.invalid")
    for words in (("init", "-q"), (*identity, "commit", "-q", "--allow-empty", "-m", "start")):
        subprocess.run(["git", *words], cwd=repo, env=bench.env, check=True, capture_output=True)
    door = os.path.join(bench.root, "scripts", "autonomous-decision-writer.sh")
    append = [door, "append", "cverify", json.dumps(SAID)]
    bare = [sys.executable, "-I", "-S", "-c", "pass"]
    rounds = bench.rounds(21, 3)
    bench.say(f"one-shot writer: {rounds} rounds")
    # The first of each reads its files from the disk.
    programs([append, bare], 1, cwd=repo, env=bench.env)
    ours, least = programs([append, bare], rounds, cwd=repo, env=bench.env)
    bare_python = as_figure("python3 -I -S -c pass", least, "ms")
    yield Row(as_figure("one-shot writer", ours, "ms"), "ms", bare_python, rounds, GOAL_ONE_SHOT)
    jq, missing = _jq('printf %s "$2" | "$1" -c . >>"$3"', json.dumps(SAID), bench.at("jq.jsonl"))
    if jq:
        again, least = programs([append, jq], rounds, cwd=repo, env=bench.env)
        yield Row(
            as_figure("one-shot writer, again", again, "ms"),
            "ms",
            as_figure("jq -c . >> file", least, "ms"),
            rounds,
        )
    else:
        yield Row(as_figure("one-shot writer, again", ours, "ms"), "ms", None, rounds, missing=missing)
    entries = 200 if bench.quick else 10_000
    bench.say(f"one-shot writer to a log of {entries} entries")
    build(bench.at("long.jsonl"), entries)
    ours, least = programs(
        [[*append, "--log", bench.at("long.jsonl")], bare], rounds, cwd=repo, env=bench.env
    )
    yield Row(
        as_figure(f"one-shot writer, log of {entries:,}", ours, "ms"),
        "ms",
        as_figure("python3 -I -S -c pass", least, "ms"),
        rounds,
    )


def _whole_logs(bench: _Bench, entries: int) -> Iterator[Row]:
    bench.say(f"writing a log of {entries:,} entries")
    path = bench.at("whole.jsonl")
    build(path, entries)
    rounds = bench.rounds(5 if entries <= 100_000 else 3, 1)
    bench.say(f"verify of {entries:,} entries: {rounds} rounds")
    verify = bench.correctless("decisions", "verify", "--log", path)
    digester = shutil.which("sha256sum")
    yield _beside(
        bench,
        f"verify, {entries:,} entries",
        verify,
        "sha256sum",
        [digester, path] if digester else None,
        rounds,
    )
    bench.say(f"summary --counts of {entries:,} entries: {rounds} rounds")
    counts = bench.correctless("decisions", "summary", "--counts", "--log", path)
    jq, _ = _jq('"$1" -c . "$2" >/dev/null', path)
    yield _beside(bench, f"summary --counts, {entries:,} entries", counts, "jq -c .", jq, rounds)
    os.unlink(path)


def _beside(
    bench: _Bench, name: str, ours: list[str], program: str, floor: list[str] | None, rounds: int
) -> Row:
    found = programs([ours, floor] if floor else [ours], rounds, cwd=bench.folder, env=bench.env)
    figure = as_figure(name, found[0], "s")
    if not floor:
        return Row(figure, "s", None, rounds, missing=f"{program.split()[0]} not installed")
    return Row(figure, "s", as_figure(f"{program} of the same file", found[1], "s"), rounds)


def _jq(script: str, *words: str) -> tuple[list[str] | None, str]:
    """A shell command around jq, which is `$1`; None and the reason where there is no jq."""
    jq = shutil.which("jq")
    if jq is None:
        return None, "jq not installed"
    return ["/bin/sh", "-c", script, "sh", jq, *words], ""


def _times(name: str, rounds: list[list[float]]) -> Figure:
    rate = 1 / (sum(map(sum, rounds)) / sum(map(len, rounds)))
    return Figure(name, middle(rounds, 50) * 1e3, middle(rounds, 99) * 1e3, per_second=rate)
