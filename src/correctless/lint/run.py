"""A run over many files, on all processors: cached results where nothing changed, else the rules."""

from __future__ import annotations

import marshal
import os
import stat
import sys
from operator import itemgetter

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.base.files import Unreadable, read_plain
from correctless.base.named import NamedTuple
from correctless.lint import check
from correctless.lint.cache import Cache, digest, stat_of
from correctless.lint.check import CheckedFile
from correctless.lint.subject.neighbours import NeighbourTree, lookups_unchanged
from correctless.skill.find import MAX_FILE
from correctless.syntax.finding import SEVERITIES, Finding

TYPE_CHECKING = False  # typing costs 7 ms to import
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    from correctless.lint.cache import SkillNames, Stat
    from correctless.lint.discover import LintTarget
    from correctless.lint.settings import Settings

_ALONE = 200  # files up to which a second process costs more than it saves
_CHUNK = 16  # files that a process takes at a time
_CHUNKS = 1000  # about the most chunks, whose numbers fit into a pipe
_order = itemgetter(0, 1, 2, 3)  # of a finding: path, line, column and rule
_NUMBER_SIZE = 4  # bytes of the number of a chunk


class LintReport(NamedTuple):
    """Findings of a run; `unread`: at least one file could not be checked."""

    findings: tuple[Finding, ...]
    files: int
    unread: bool = False

    def failing(self, fail_on: str) -> bool:
        """Return whether a finding has this severity or a higher one."""
        failing = SEVERITIES[: SEVERITIES.index(fail_on) + 1]
        return any(each.severity in failing for each in self.findings)


def files(
    targets: Sequence[LintTarget],
    settings: Settings,
    cache: Cache,
    *,
    today: str,
    now_ns: int,
    workers: int,
    unlisted: Sequence[tuple[str, str]] = (),
) -> LintReport:
    """Lint files, and store the results; `today` is a day such as 2027-01-31.

    `unlisted` are paths that could not be read at all, each with the reason.
    """
    cwd = os.getcwd()
    cached = _CachedCheck(settings, cache, cwd)
    results: list[CheckedFile | None] = [None if cache.empty else cached.from_stat(each) for each in targets]
    missing = [number for number, checked in enumerate(results) if checked is None]
    findings: list[Finding] = []
    unread = list(unlisted)
    answers = _each(lambda number: cached.read(targets[number]), missing, workers)
    for number, answer in zip(missing, answers, strict=True):
        if isinstance(answer, str):
            unread.append((targets[number].path, answer))
        else:
            facts, used, key, plain, names = answer
            cache.put(_absolute(cwd, targets[number].path), facts, used, key, plain, now_ns)
            cache.put_names(names, now_ns)
            results[number] = check.of_plain(plain, targets[number].path)
    for target, checked in zip(targets, results, strict=True):
        if checked is not None and (checked.findings or checked.suppressions):
            findings.extend(_reported(checked, target.path, settings, today))
    if unread:
        from correctless.lint.rules.reading import unreadable

        findings.extend(unreadable.finding(path, why) for path, why in unread)
    cache.save()
    return LintReport(tuple(sorted(findings, key=_order)), len(targets), bool(unread))


def text(data: bytes, target: LintTarget, settings: Settings, *, today: str) -> LintReport:
    """Lint bytes as the content of a file."""
    checked = check.check(target.path, target.kind, data, settings, settings.levels(target.path))
    return LintReport(tuple(sorted(_reported(checked, target.path, settings, today), key=_order)), 1)


def _absolute(cwd: str, path: str) -> str:
    return path if path.startswith("/") else f"{cwd}/{path}"


def _reported(checked: CheckedFile, path: str, settings: Settings, today: str) -> list[Finding]:
    """Return the findings of a file that are not suppressed, and those about its suppressions."""
    findings = list(checked.findings)
    if checked.suppressions:
        from correctless.lint.suppress import apply

        findings = apply(checked, settings, path, today)
    shown = findings if settings.pedantic else [each for each in findings if each.severity != "info"]
    return [each if each.path == path else each._replace(path=path) for each in shown]


class _CachedCheck:
    """Check of one file after the other, with cached results."""

    def __init__(self, settings: Settings, cache: Cache, cwd: str) -> None:
        self.settings = settings
        self.cache = cache
        self.cwd = cwd
        self.tree = NeighbourTree(cache.skill_names)
        self._settings_digests: dict[tuple[object, ...], bytes] = {}

    def settings_digest(self, target: LintTarget) -> bytes:
        """Return the digest of all that a result depends on besides content, path and neighbours."""
        settings = self.settings
        levels = settings.levels(target.path) if settings.rules or settings.overrides else ()
        values = target.kind, settings.adopted(target.path), levels
        known = self._settings_digests.get(values)
        if known is None:
            known = digest(
                repr((*values, settings.dialect, settings.pedantic)).encode(errors="surrogateescape")
            )
            self._settings_digests[values] = known
        return known

    def from_stat(self, target: LintTarget) -> CheckedFile | None:
        """Return the result of a file whose stat and neighbours are unchanged."""
        try:
            facts = os.stat(target.path)
        except OSError:
            return None
        if not stat.S_ISREG(facts.st_mode):
            return None
        path = _absolute(self.cwd, target.path)
        known = self.cache.by_stat(path, stat_of(facts), self.settings_digest(target))
        return self.if_unchanged(target, known)

    def if_unchanged(self, target: LintTarget, plain: tuple[Any, ...] | None) -> CheckedFile | None:
        if plain is None:
            return None
        checked = check.of_plain(plain, target.path)
        if checked.lookups and not lookups_unchanged(
            os.path.dirname(target.path), checked.lookups, self.tree
        ):
            return None
        return checked

    def read(self, target: LintTarget) -> tuple[Stat, bytes, bytes, tuple[Any, ...], SkillNames] | str:
        """Return stat, digest of the settings, key and plain result of a file and the names read on the way, or why it cannot be read."""
        try:
            data, facts = read_plain(target.path, MAX_FILE)
        except Unreadable as error:
            return str(error)
        folder, _, name = target.path.rpartition("/")
        names = f"{check.folder_name(folder)}\0{name}".encode(errors="surrogateescape")
        settings = self.settings_digest(target)
        key = digest(settings + names) + digest(data)
        plain = self.cache.by_content(key)
        if self.if_unchanged(target, plain) is None or plain is None:
            levels = self.settings.levels(target.path)
            checked = check.check(target.path, target.kind, data, self.settings, levels, self.tree)
            plain = check.plain(checked)
        return stat_of(facts), settings, key, plain, self.tree.take_new_names()


def _each(work: Callable[[int], Any], numbers: list[int], workers: int) -> list[Any]:
    """Return the work of each number, in order; many numbers are shared among processes."""
    if workers < 2 or len(numbers) <= _ALONE:
        return [work(number) for number in numbers]
    # Imported before the fork, so that no process imports them again.
    from correctless.lint import rules  # noqa: F401

    size = max(_CHUNK, len(numbers) // _CHUNKS)
    chunks = [numbers[at : at + size] for at in range(0, len(numbers), size)]
    queue = _queue(len(chunks))
    sys.stdout.flush()
    helpers: dict[int, int] = {}  # process -> the pipe its answers come by
    answers: dict[int, list[Any]] = {}
    try:
        for _ in range(min(workers, len(chunks)) - 1):
            pid, pipe = _fork(work, chunks, queue)
            helpers[pid] = pipe
        answers.update(_chunks_done(work, chunks, queue))
        while helpers:
            answers.update(_answers(*helpers.popitem()))
    finally:
        os.close(queue)
        for pid, pipe in helpers.items():
            os.close(pipe)  # this ends a helper that still writes
            os.waitpid(pid, 0)
    return [answer for number in range(len(chunks)) for answer in answers[number]]


def _queue(chunks: int) -> int:
    """Return a pipe with the numbers of all chunks, from which each process takes the next one."""
    receive, send = os.pipe()
    os.write(send, b"".join(number.to_bytes(_NUMBER_SIZE, "big") for number in range(chunks)))
    os.close(send)
    return receive


def _chunks_done(
    work: Callable[[int], Any], chunks: list[list[int]], queue: int
) -> Iterator[tuple[int, list[Any]]]:
    while number_bytes := os.read(queue, _NUMBER_SIZE):
        number = int.from_bytes(number_bytes, "big")
        yield number, [work(each) for each in chunks[number]]


def _fork(work: Callable[[int], Any], chunks: list[list[int]], queue: int) -> tuple[int, int]:
    receive, send = os.pipe()
    pid = os.fork()
    if pid:
        os.close(send)
        return pid, receive
    # Nothing of the parent may run a second time in the child: no handler, no flush, no clean-up.
    code = exits.REFUSED
    try:
        os.close(receive)
        with os.fdopen(send, "wb") as out:
            out.write(marshal.dumps(dict(_chunks_done(work, chunks, queue))))
        code = exits.OK
    except BaseException:  # noqa: BLE001, S110 the parent reports it
        pass
    finally:
        os._exit(code)


def _answers(pid: int, pipe: int) -> dict[int, list[Any]]:
    try:
        with os.fdopen(pipe, "rb") as stream:
            data = stream.read()
    finally:
        _, status = os.waitpid(pid, 0)
    if status:
        raise Stop(
            exits.REFUSED,
            "a process that checked a part of the files ended early. run again with --jobs 1 to see why",
        )
    answers: dict[int, list[Any]] = marshal.loads(data)  # noqa: S302 our own child wrote it
    return answers
