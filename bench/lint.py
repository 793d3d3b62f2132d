"""The linter, measured: a corpus of real skills, made trees, and other linters in; each case's times, memory and findings out."""

from __future__ import annotations

import os
import platform
import shutil
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from statistics import median

from bench.measure import Ran, ran
from bench.peers import Linter, ours, peer
from bench.shapes import ONE, SHAPES, make
from correctless.base import exits
from correctless.base.exits import Stop

PEERS = ("agnix", "skillsaw", "skills-ref")
SIZES = ((2, 0.6), (20, 0.55))  # how often the corpus is repeated, and the goal of a cold run over it
GOALS = {"stat": 0.12, "content": 0.3, "one": 2.5, "shape": 0.6}  # of the ratio to agnix
_MEMORY_GOAL = 0.5  # of its peak, in every case
_SETTLED_S = 2.5  # what was written more recently is not known by its stat


@dataclass(frozen=True, slots=True)
class Run:
    """One linter in one case: median seconds, the largest peak in MB (10^6 bytes), and what it read and found."""

    linter: str
    seconds: float
    peak_mb: float
    files: int
    rules: int
    findings: int


@dataclass(frozen=True, slots=True)
class Case:
    """One case, ours first. `goal` is of the ratio to agnix, `missing` names who is not in it and why."""

    name: str
    rounds: int
    goal: float | None
    runs: tuple[Run, ...]
    missing: tuple[str, ...] = ()

    def ratio(self, other: Run) -> float:
        """The time of ours where the other's is 1."""
        return self.runs[0].seconds / other.seconds

    def memory(self, other: Run) -> float:
        """The peak of ours where the other's is 1."""
        return self.runs[0].peak_mb / other.peak_mb


@dataclass(frozen=True, slots=True)
class Found:
    """A run of the benchmark. `load`: the machine's load average over a minute, before and after."""

    cases: tuple[Case, ...]
    python: str
    cores: int
    load: tuple[float, float]

    def as_dict(self) -> dict[str, object]:
        """For JSON, each run with its `ratio` and `memory`: the time and the peak of ours where its own is 1."""
        cases = [
            {
                **asdict(case),
                "runs": [
                    {**asdict(run), "ratio": case.ratio(run), "memory": case.memory(run)} for run in case.runs
                ],
            }
            for case in self.cases
        ]
        return {**asdict(self), "cases": cases}


class _Bench:
    """A scratch folder in which linters take turns."""

    def __init__(self, folder: str, rounds: int, say: Callable[[str], None]) -> None:
        self.folder = folder
        self.rounds = rounds
        self.say = say
        self.cache = self.at("cache")
        os.mkdir(self.at("home"))
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
        # No setting of whoever measures, and no file of theirs, reaches what is measured.
        self.env = {**kept, "HOME": self.at("home"), "XDG_CACHE_HOME": self.cache}

    def at(self, *parts: str) -> str:
        return os.path.join(self.folder, *parts)

    def forget(self) -> None:
        shutil.rmtree(self.cache, ignore_errors=True)

    def case(
        self, name: str, path: str, linters: Sequence[Linter], prepare: Callable[[], None], goal: float | None
    ) -> Case:
        """Let them take turns over a path; `prepare` comes before each, and is not measured."""
        files = linters[0].counts(path, cwd=self.folder, env=self.env)[0]
        taken = [each for each in linters if files <= each.most]
        counts = {each.name: each.counts(path, cwd=self.folder, env=self.env) for each in taken}
        title = name if os.path.isfile(path) else f"{name}, {files:,} files"
        runs: dict[str, list[Ran]] = {each.name: [] for each in taken}
        for number in range(self.rounds):
            self.say(f"{title}: round {number + 1} of {self.rounds}")
            for each in taken if number % 2 == 0 else reversed(taken):
                if each.slow and number:
                    continue
                prepare()
                runs[each.name].append(ran(each.words(path), cwd=self.folder, env=self.env, codes=(0, 1)))
        return Case(
            title,
            self.rounds,
            goal if any(each.name == "agnix" for each in taken) else None,
            tuple(_run(each.name, runs[each.name], *counts[each.name]) for each in taken),
            tuple(f"{each.name}: not over so many" for each in linters if each not in taken),
        )


def _run(name: str, runs: list[Ran], files: int, rules: int, findings: int) -> Run:
    peak = max(run.peak_mb for run in runs)
    return Run(name, median(run.seconds for run in runs), peak, files, rules, findings)


def run(
    corpus: str | None,
    *,
    against: Sequence[str],
    peers: str | None,
    quick: bool,
    folder: str | None,
    root: str,
    say: Callable[[str], None],
) -> Found:
    """Measure in a scratch folder in `folder`, which is removed; `peers` is a virtual environment with the other linters.

    Without a corpus only the made trees are measured. `Stop(3)` when the corpus, or a linter that was named, is not there.
    """
    before = os.getloadavg()[0]
    try:
        with tempfile.TemporaryDirectory(prefix="correctless-bench-", dir=folder) as scratch:
            bench = _Bench(scratch, 3 if quick else 9, say)
            source = unpacked(corpus, bench.at("corpus")) if corpus else None
            linters = [ours(root), *(peer(name, peers, scratch) for name in against)]
            cases: list[Case] = []
            for times, goal in ((1, None),) if quick else SIZES:
                if source:
                    cases += _cases(bench, source, linters, times, goal)
            cases += _shapes(bench, linters, quick=quick)
    except OSError as error:
        where = error.filename or folder
        raise Stop(exits.REFUSED, f"{where}: {error.strerror}. name another --folder") from None
    load = (before, os.getloadavg()[0])
    return Found(tuple(cases), platform.python_version(), os.cpu_count() or 1, load)


def unpacked(corpus: str, into: str) -> str:
    """The folder of a corpus, which may be packed; `Stop(3)` when there is none."""
    if os.path.isdir(corpus):
        return os.path.abspath(corpus)
    try:
        with tarfile.open(corpus) as archive:
            archive.extractall(into, filter="data")
    except (OSError, tarfile.TarError) as error:
        said = error.strerror if isinstance(error, OSError) else "it was not packed by tar"
        why = f"'{corpus}' is no corpus: {said}. name a folder of skills, or one packed by tar"
        raise Stop(exits.REFUSED, why) from None
    return into


def _cases(
    bench: _Bench, source: str, linters: list[Linter], times: int, goal: float | None
) -> Iterator[Case]:
    many = [each for each in linters if each.most > 1]
    tree = _repeated(bench, source, times, "tree")
    yield bench.case("cold", tree, many, bench.forget, goal)

    # What is warm of a linter that keeps nothing is its cold run; the one that is slow was measured above.
    quick = [each for each in many if not each.slow]
    bench.forget()
    time.sleep(_SETTLED_S)
    linters[0].counts(tree, cwd=bench.folder, env=bench.env)
    yield bench.case("warm by stat", tree, quick, lambda: None, goal and GOALS["stat"])

    # A fresh checkout: other names, times and inodes, and what was kept before it was made.
    shutil.copytree(bench.cache, bench.at("kept"))
    copy = _repeated(bench, source, times, "copy")

    def restore() -> None:
        bench.forget()
        shutil.copytree(bench.at("kept"), bench.cache)

    yield bench.case("warm by content", copy, quick, restore, goal and GOALS["content"])
    shutil.rmtree(bench.at("kept"))
    shutil.rmtree(copy)
    if times == SIZES[0][0] or goal is None:
        rounds, bench.rounds = bench.rounds, bench.rounds * 2 + 3
        yield bench.case("one file, cold", _middle(tree), linters, bench.forget, goal and GOALS["one"])
        bench.rounds = rounds
    shutil.rmtree(tree)


def _shapes(bench: _Bench, linters: list[Linter], *, quick: bool) -> Iterator[Case]:
    bench.say("the made trees")
    for shape in (*SHAPES, ONE):
        make(shape, bench.at("shapes", shape.name), quick=quick)
    time.sleep(_SETTLED_S)
    fast = [each for each in linters if each.most > 1 and not each.slow]
    for shape in SHAPES:
        tree = bench.at("shapes", shape.name)
        yield bench.case(f"{shape.name}, cold", tree, fast, bench.forget, None if quick else GOALS["shape"])
        yield bench.case(f"{shape.name}, warm", tree, fast, lambda: None, None if quick else GOALS["stat"])
    file = _middle(bench.at("shapes", ONE.name))
    yield bench.case("one made file, cold", file, fast, bench.forget, None if quick else GOALS["one"])


def _repeated(bench: _Bench, source: str, times: int, name: str) -> str:
    bench.say(f"the corpus, {times} times")
    for number in range(times):
        shutil.copytree(source, bench.at(name, f"part-{number}"), symlinks=True, copy_function=shutil.copy)
    return bench.at(name)


def _middle(tree: str) -> str:
    """The skill of middle size."""
    skills = [os.path.join(at, "SKILL.md") for at, _, names in os.walk(tree) if "SKILL.md" in names]
    if not skills:
        raise Stop(exits.REFUSED, "the corpus holds no SKILL.md. name a folder of skills")
    return sorted(skills, key=lambda path: (os.path.getsize(path), path))[len(skills) // 2]


def text(found: Found) -> str:
    """The run as a table: a line for each case and linter."""
    table: list[tuple[str, ...]] = [
        ("", "files", "rules", "findings", "median", "peak MB", "ours to it", "memory", "")
    ]
    for case in found.cases:
        table.append((case.name, *[""] * 8))
        for each in case.runs:
            other = each is not case.runs[0]
            goal = ""
            if case.goal and each.linter == "agnix":
                goal = f"goal {case.goal:.2f}x, memory {_MEMORY_GOAL:.2f}x"
            table.append(
                (
                    f"  {each.linter}",
                    f"{each.files:,}",
                    str(each.rules or "?"),
                    f"{each.findings:,}",
                    f"{each.seconds * 1e3:,.0f} ms",
                    f"{each.peak_mb:.0f}",
                    f"{case.ratio(each):.2f}x" if other else "",
                    f"{case.memory(each):.2f}x" if other else "",
                    goal,
                )
            )
        table.extend((f"  {why}", *[""] * 8) for why in case.missing)
    widths = [max(len(line[column]) for line in table) for column in range(9)]
    lines = [
        line[0].ljust(widths[0])
        + "".join(f"  {cell.rjust(size)}" for cell, size in zip(line[1:], widths[1:], strict=True))
        for line in table
    ]
    before, after = found.load
    lines.append(
        f"\nPython {found.python}, {found.cores} cores, load {before:.1f} before and {after:.1f} after"
    )
    return "\n".join(line.rstrip() for line in lines)
