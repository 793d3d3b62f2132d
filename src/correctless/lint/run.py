"""A run over many files, on all processors: cached results where nothing changed, else the rules."""

from __future__ import annotations

import marshal
import os
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.base.files import Unreadable, read_plain
from correctless.lint import check
from correctless.lint.cache import Cache, digest
from correctless.lint.check import CheckedFile
from correctless.lint.discover import LintTarget
from correctless.lint.settings import Settings
from correctless.lint.subject.subject import still_so
from correctless.skill.find import MAX_FILE
from correctless.syntax.finding import SEVERITIES, Finding

TYPE_CHECKING = False  # typing costs 2 ms to import
if TYPE_CHECKING:
    from typing import Any

    from correctless.lint.cache import Stat

_ALONE = 200  # files: up to here a second process costs more than it saves
_CHUNK = 16  # files that a process takes at a time
_CHUNKS = 1000  # at most about so many, whose numbers fit into a pipe
_NUMBER = 4  # bytes of one


class LintReport(NamedTuple):
    """What was found; `unread` says that at least one file could not be checked."""

    findings: tuple[Finding, ...]
    files: int
    unread: bool = False

    def failing(self, fail_on: str) -> bool:
        """Whether a finding is as grave as that, or graver."""
        grave = SEVERITIES[: SEVERITIES.index(fail_on) + 1]
        return any(each.severity in grave for each in self.findings)


def files(
    targets: Sequence[LintTarget],
    settings: Settings,
    kept: Cache,
    *,
    today: str,
    now_ns: int,
    workers: int,
    unlisted: Sequence[tuple[str, str]] = (),
) -> LintReport:
    """Lint files, and keep what was found; `today` is a day such as 2027-01-31.

    `unlisted` are paths that could not even be looked at, each with the reason.
    """
    cwd = os.getcwd()
    work = _Work(settings, kept, cwd)
    results: list[CheckedFile | None] = [None if kept.empty else work.untouched(each) for each in targets]
    missing = [number for number, found in enumerate(results) if found is None]
    findings: list[Finding] = []
    unread = list(unlisted)
    answers = _each(lambda number: work.read(targets[number]), missing, workers)
    for number, answer in zip(missing, answers, strict=True):
        if isinstance(answer, str):
            unread.append((targets[number].path, answer))
        else:
            facts, key, plain = answer
            kept.keep(_absolute(cwd, targets[number].path), facts, key, plain, now_ns)
            results[number] = check.of_plain(plain)
    for target, found in zip(targets, results, strict=True):
        if found is not None and (found.findings or found.suppressions):
            findings.extend(_reported(found, target.path, settings, today))
    if unread:
        from correctless.lint.rules.reading import unreadable

        findings.extend(unreadable.finding(path, why) for path, why in unread)
    kept.save()
    return LintReport(tuple(sorted(findings, key=_order)), len(targets), bool(unread))


def text(data: bytes, target: LintTarget, settings: Settings, *, today: str) -> LintReport:
    """Lint bytes that came from elsewhere as if they stood in a file."""
    found = check.check(target.path, target.kind, data, settings, settings.levels(target.path))
    return LintReport(tuple(sorted(_reported(found, target.path, settings, today), key=_order)), 1)


def _order(found: Finding) -> tuple[str, int, int, str]:
    return found.path, found.line, found.column, found.rule


def _absolute(cwd: str, path: str) -> str:
    return path if path.startswith("/") else f"{cwd}/{path}"


def _reported(found: CheckedFile, path: str, settings: Settings, today: str) -> list[Finding]:
    """What is shown of a file: without what is suppressed, and with what is wrong with the suppressions."""
    shown = list(found.findings)
    if found.suppressions:
        from correctless.lint.suppress import apply

        shown = apply(found, settings, path, today)
    return [each._replace(path=path) for each in shown if settings.pedantic or each.severity != "info"]


class _Work:
    """What is the same for every file of a run."""

    def __init__(self, settings: Settings, kept: Cache, cwd: str) -> None:
        self.settings = settings
        self.kept = kept
        self.cwd = cwd
        told = (settings.dialect, settings.pedantic)
        self.told = repr(told).encode()

    def under(self, target: LintTarget) -> bytes:
        """The digest of all that a result depends on beside the content."""
        folder, name = os.path.split(target.path)
        if folder in ("", ".") or folder.endswith(".."):
            folder = os.path.abspath(folder)
        levels = self.settings.levels(target.path) if self.settings.rules or self.settings.overrides else ()
        adopted = self.settings.adopted(target.path)
        names = f"{target.kind}\0{folder.rpartition('/')[2]}\0{name}\0{levels!r}\0{adopted}\0"
        return digest(names.encode(errors="surrogateescape") + self.told)

    def untouched(self, target: LintTarget) -> CheckedFile | None:
        """The result of a file whose stat, and whose neighbours, are as they were."""
        try:
            facts = os.stat(target.path)
        except OSError:
            return None
        if not stat.S_ISREG(facts.st_mode):
            return None
        path = _absolute(self.cwd, target.path)
        return self.still(target, self.kept.by_stat(path, _stat(facts), self.under(target)))

    def still(self, target: LintTarget, plain: tuple[Any, ...] | None) -> CheckedFile | None:
        if plain is None:
            return None
        found = check.of_plain(plain)
        return found if still_so(os.path.dirname(target.path), dict(found.asked)) else None

    def read(self, target: LintTarget) -> tuple[Stat, bytes, tuple[Any, ...]] | str:
        """Stat, key and plain result of a file; a text says why it can't be read."""
        try:
            data, facts = read_plain(target.path, MAX_FILE)
        except Unreadable as error:
            return str(error)
        key = self.under(target) + digest(data)
        plain = self.kept.by_content(key)
        if self.still(target, plain) is None or plain is None:
            levels = self.settings.levels(target.path)
            plain = check.plain(check.check(target.path, target.kind, data, self.settings, levels))
        return _stat(facts), key, plain


def _stat(facts: os.stat_result) -> Stat:
    return facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns


def _each(work: Callable[[int], Any], numbers: list[int], workers: int) -> list[Any]:
    """The work of each number, in their order; many are shared among processes, each of which takes what is next."""
    if workers < 2 or len(numbers) <= _ALONE:
        return [work(number) for number in numbers]
    # Imported before the fork, so that each process finds them done.
    import yaml  # noqa: F401

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
        answers.update(_taken(work, chunks, queue))
        while helpers:
            answers.update(_answers(*helpers.popitem()))
    finally:
        os.close(queue)
        for pid, pipe in helpers.items():
            os.close(pipe)  # a helper that still writes ends by that
            os.waitpid(pid, 0)
    return [answer for number in range(len(chunks)) for answer in answers[number]]


def _queue(chunks: int) -> int:
    """A pipe full of the numbers of all chunks, each of them for whoever reads it first."""
    receive, send = os.pipe()
    os.write(send, b"".join(number.to_bytes(_NUMBER, "big") for number in range(chunks)))
    os.close(send)
    return receive


def _taken(
    work: Callable[[int], Any], chunks: list[list[int]], queue: int
) -> Iterator[tuple[int, list[Any]]]:
    while word := os.read(queue, _NUMBER):
        number = int.from_bytes(word, "big")
        yield number, [work(each) for each in chunks[number]]


def _fork(work: Callable[[int], Any], chunks: list[list[int]], queue: int) -> tuple[int, int]:
    receive, send = os.pipe()
    pid = os.fork()
    if pid:
        os.close(send)
        return pid, receive
    # Nothing of the parent's may be run again here: no handler, no flush, no clean-up.
    code = exits.REFUSED
    try:
        os.close(receive)
        with os.fdopen(send, "wb") as out:
            out.write(marshal.dumps(dict(_taken(work, chunks, queue))))
        code = exits.OK
    except BaseException:  # noqa: BLE001, S110 the parent says that it ended
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
    found: dict[int, list[Any]] = marshal.loads(data)  # noqa: S302 our own child wrote it
    return found
