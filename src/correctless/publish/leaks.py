"""Check for secrets in the patches and texts that would be published."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.project.git import Repo
from correctless.publish.plain_values import is_hash, is_no_key, is_placeholder

# An address is not a secret, and version numbers look like one.
_NOT_SECRET = ("IPPublicDetector",)
# These guess from a name or from randomness, so only their findings are dropped in doubtful lines or files: a token with
# a known shape is one also in a lock file or inside a call.
_RANDOM = ("Base64HighEntropyString", "HexHighEntropyString")
_GUESSING = ("KeywordDetector", *_RANDOM)
_PASSWORDS = ("KeywordDetector", "BasicAuthDetector")
_CHUNK = 20_000  # characters: a minified file of one line must not take minutes in a backtracking expression
_OVERLAP = 400
LARGEST = 4 << 20  # bytes of one file that is checked; a longer one needs your decision
SECONDS = 1800.0  # of one scan
_TELL_S = 5.0  # between two progress messages
_MOST = 500  # files that are too long: git's command line takes no more

_HUNK = re.compile(r"@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")


class PublishedLine(NamedTuple):
    """One line that would be published."""

    path: str
    number: int
    text: str


class Leak(NamedTuple):
    """A line that looks like it has a secret, which is never in this value.

    `digest` is of the path and the whole line: an answer about it counts for no other text.
    """

    path: str
    line: int
    column: int
    kind: str
    digest: str

    @property
    def message(self) -> str:
        """Return what is wrong and how to fix it, as one line."""
        return f"this looks like a secret ({self.kind}). take it out of every commit, and replace it where it is used"


def secrets(
    diff: str,
    texts: Mapping[str, str],
    *,
    known: Collection[str] = (),
    tell: Callable[[str], None] = lambda _: None,
    seconds: float = SECONDS,
) -> tuple[Leak, ...]:
    """Find what looks like a secret in the added lines of `diff` and in `texts`.

    `texts` maps a name to its text. The findings name places, never a secret; detect-secrets runs without a
    network. An allow comment on a line does not count: the line's author could have written it.
    `known` are the hashes from `known_secrets`, which you accepted in the base commit, and the digests of findings
    that you answered. `tell` is called with the progress.

    Raises: Stop(10) after `seconds`.
    """
    lines = [*added(diff)]
    for name, text in texts.items():
        lines += [PublishedLine(name, number, line) for number, line in enumerate(text.split("\n"), 1)]
    findings: dict[tuple[str, str, str], Leak] = {}
    for line, kind, hashed, column in _detect(_in_time(lines, tell, seconds)):
        digest = _digest(line)
        if hashed not in known and digest not in known:
            leak = Leak(line.path, line.number, column, kind, digest)
            findings.setdefault((digest, kind, hashed), leak)  # each line: an answer is about a whole one
    return tuple(sorted(findings.values(), key=lambda f: (f.path, f.line, f.column)))


def _digest(line: PublishedLine) -> str:
    return hashlib.sha256(f"{line.path}\0{line.text}".encode("utf-8", "surrogateescape")).hexdigest()


def _in_time(
    lines: list[PublishedLine], tell: Callable[[str], None], seconds: float
) -> Iterator[PublishedLine]:
    began = reported = time.monotonic()
    for number, line in enumerate(lines):
        now = time.monotonic()
        if now - began > seconds:
            raise Stop(
                exits.PERSON,
                f"the scan for secrets took over {seconds / 60:.0f} minutes and was at {line.path} ({number} of {len(lines)} lines). "
                "take what need not be published out of the branch, then run cauto resume",
            )
        if now - reported > _TELL_S:
            reported = now
            tell(f"looks for secrets: {number} of {len(lines)} lines, {line.path}")
        yield line


def too_large(repo: Repo, base: str) -> tuple[str, ...]:
    """Return the files of commits since `base` that are too long to be checked."""
    listed = repo.git("log", "--raw", "-z", "--no-abbrev", "--no-renames", "-m", "--format=", f"{base}..HEAD")
    paths: dict[str, set[str]] = {}
    items = iter(listed.split("\0"))
    for item in items:
        fields = item.strip("\n").split(" ")
        if len(fields) == 5 and fields[0].startswith(":"):
            path = next(items, "")
            if fields[1] not in ("000000", "160000"):
                paths.setdefault(fields[3], set()).add(path)
    sizes = repo.git(
        "cat-file", "--batch-check=%(objectname) %(objectsize)", stdin="".join(f"{o}\n" for o in paths)
    )
    large_paths: set[str] = set()
    for line in sizes.splitlines():
        oid, _, size = line.partition(" ")
        if size.isdigit() and int(size) > LARGEST:
            large_paths |= paths[oid]
    return tuple(sorted(large_paths))


def published(repo: Repo, base: str) -> tuple[str, dict[str, str]]:
    """Return the patch of each commit since `base` and of their sum, and the messages.

    That is everything a push shows, without the files that are `too_large`.
    """
    start = repo.resolve(base)
    # As text even where .gitattributes says binary: the branch can write that file.
    plain = ("--text", "--no-color", "--no-renames", "--unified=0")
    excluded = too_large(repo, start)
    if len(excluded) > _MOST:
        raise Stop(
            exits.PERSON,
            f"{len(excluded)} files of the branch are over {LARGEST >> 20} MiB, {excluded[0]} among them, and can't be scanned "
            "for secrets. take them out of its commits, then run cauto resume",
        )
    but = ("--", ".", *(f":(exclude,literal){path}" for path in excluded)) if excluded else ("--",)
    # Of a merge what it changed itself; git before 2.35 shows all that differs from each parent.
    log_of = (*plain, f"{start}..HEAD", *but)
    done = repo.try_git("log", "--patch", "--remerge-diff", "--format=", *log_of)
    each = done.stdout if done.returncode == 0 else repo.git("log", "--patch", "-m", "--format=", *log_of)
    whole = repo.git("diff", *plain, start, "HEAD", *but)
    log = repo.git("log", "-z", "--format=%h%n%B", f"{start}..HEAD")
    messages = dict(item.split("\n", 1) for item in log.split("\0") if item)
    return f"{each}\n{whole}\n", {f"commit message {short}": text for short, text in messages.items()}


def known_secrets(repo: Repo, base: str) -> frozenset[str]:
    """Return the hashes of `.secrets.baseline` in the base commit.

    detect-secrets writes this file; it lists what you accepted as no secret.
    """
    data = repo.file_at(base, ".secrets.baseline")
    if data is None:
        return frozenset()
    try:
        results = json.loads(data)["results"]
        return frozenset(str(entry["hashed_secret"]) for entries in results.values() for entry in entries)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Stop(
            exits.REFUSED,
            ".secrets.baseline of the base commit can't be read. write a new one with detect-secrets scan",
        ) from None


def refuse(findings: Sequence[Leak]) -> None:
    """Refuse to publish secrets. Raises: Stop(10) that names the first one."""
    if findings:
        first = findings[0]
        more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
        raise Stop(exits.PERSON, f"{first.path}:{first.line}: {first.message}{more}")


def added(diff: str) -> Iterator[PublishedLine]:
    """Yield the added lines of patches, counted by the hunk's head: a hunk may contain a line `+++ x`."""
    path, number, old, new = "", 0, 0, 0
    for text in diff.split("\n"):
        if old > 0 or new > 0:
            if text.startswith("+"):
                yield PublishedLine(path, number, text[1:])
                number, new = number + 1, new - 1
            elif text.startswith("-"):
                old -= 1
            elif not text.startswith("\\"):
                number, old, new = number + 1, old - 1, new - 1
        elif text.startswith("+++ "):
            path = text[4:].rstrip("\t").removeprefix("b/")
        elif match := _HUNK.match(text):
            old, new = int(match[1] or 1), int(match[3] or 1)
            number = int(match[2])


def _pieces(line: str) -> Iterator[tuple[int, str]]:
    """Yield the pieces of a line that are looked at by themselves, each with where it begins: between its CRs, and of a long one parts."""
    begin = 0
    for part in line.split("\r"):
        for start in range(0, len(part), _CHUNK):
            yield begin + start, part[start : start + _CHUNK + _OVERLAP].rstrip()
        begin += len(part) + 1


def _detect(lines: Iterable[PublishedLine]) -> Iterator[tuple[PublishedLine, str, str, int]]:
    # Imported here: it brings the network library, a quarter of a second that no other command should pay.
    from detect_secrets.filters import heuristic
    from detect_secrets.settings import default_settings, get_plugins

    whole = (
        heuristic.is_sequential_string,
        heuristic.is_templated_secret,
        heuristic.is_prefixed_with_dollar_sign,
        heuristic.is_not_alphanumeric_string,
    )
    # default_settings leaves verification out: with it on, plugins would send what they found to its issuer.
    with default_settings():
        plugins: list[Any] = [p for p in get_plugins() if type(p).__name__ not in _NOT_SECRET]
        for line in lines:
            doubtful = heuristic.is_lock_file(line.path)
            for start, text in _pieces(line.text):
                for plugin in plugins:
                    name = type(plugin).__name__
                    guess = name in _GUESSING
                    if not text or (guess and doubtful):
                        continue
                    for secret in plugin.analyze_line(filename=line.path, line=text, line_number=line.number):
                        value = secret.secret_value
                        if any(is_none(value) for is_none in whole):
                            continue
                        if guess and (
                            heuristic.is_potential_uuid(value)
                            or heuristic.is_likely_id_string(value, text, plugin)
                            or heuristic.is_indirect_reference(text)
                        ):
                            continue
                        if name in _PASSWORDS and (is_placeholder(value) or is_hash(text, value)):
                            continue
                        if name in _RANDOM and is_no_key(line.path, text, value):
                            continue
                        yield line, secret.type, secret.secret_hash, start + max(text.find(value), 0) + 1
