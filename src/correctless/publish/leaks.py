"""What would be published in, as patches and texts; the places that look like secrets out, never the secrets themselves."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from correctless import exits
from correctless.exits import Stop
from correctless.finding import Finding
from correctless.project.git import Repo

# An address is no secret, and version numbers look like one.
_NOT_SECRET = ("IPPublicDetector",)
# These two guess from a name or from randomness, so the doubts about a line or a file count for them, and only for them:
# a token with a known shape stays one in a lock file or inside a call.
_GUESSING = ("KeywordDetector", "Base64HighEntropyString", "HexHighEntropyString")
_CHUNK = 20_000  # characters: a minified file of one line must not take minutes in a backtracking expression
_OVERLAP = 400

_HUNK = re.compile(r"@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")


class Line(NamedTuple):
    """One line that would be published."""

    path: str
    number: int
    text: str


def secrets(diff: str, texts: Mapping[str, str], *, known: Collection[str] = ()) -> tuple[Finding, ...]:
    """What detect-secrets finds in the added lines of `diff` and in `texts` (name to text), without any network.

    An allow comment on a line does not count: whoever wrote the line could write the comment. `known` are hashes from
    `known_secrets`, which a person put into the base commit.
    """
    lines = [*_added(diff)]
    for name, text in texts.items():
        lines += [Line(name, number, line) for number, line in enumerate(text.split("\n"), 1)]
    found: dict[tuple[str, str, str], Finding] = {}
    for line, kind, digest, column in _detect(lines):
        if digest not in known:
            message = f"this looks like a secret ({kind}). take it out of every commit, and replace it where it is used"
            found.setdefault(
                (line.path, kind, digest), Finding(line.path, line.number, column, "secret", message)
            )
    return tuple(sorted(found.values(), key=lambda f: (f.path, f.line, f.column)))


def published(repo: Repo, base: str) -> tuple[str, dict[str, str]]:
    """The patch of every commit since `base` and of their sum, and the commits' messages by name: what a push shows."""
    start = repo.git("rev-parse", "--verify", "--end-of-options", f"{base}^{{commit}}")
    # As text even where .gitattributes says binary: the branch can write that file.
    plain = ("--text", "--no-color", "--no-renames", "--unified=0")
    each = repo.git("log", "--patch", "--format=", *plain, f"{start}..HEAD")
    # A merge has no patch in the log; what it changed by itself shows in the sum.
    whole = repo.git("diff", *plain, start, "HEAD")
    said = repo.git("log", "-z", "--format=%h%n%B", f"{start}..HEAD")
    messages = dict(item.split("\n", 1) for item in said.split("\0") if item)
    return f"{each}\n{whole}\n", {f"commit message {short}": text for short, text in messages.items()}


def known_secrets(repo: Repo, base: str) -> frozenset[str]:
    """The hashes in the base commit's `.secrets.baseline`, the file in which detect-secrets keeps what a person allowed."""
    data = repo.file_at(base, ".secrets.baseline")
    if data is None:
        return frozenset()
    try:
        results = json.loads(data)["results"]
        return frozenset(str(entry["hashed_secret"]) for entries in results.values() for entry in entries)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Stop(
            exits.REFUSED,
            ".secrets.baseline of the base commit can't be read. write it anew with detect-secrets scan",
        ) from None


def _added(diff: str) -> Iterator[Line]:
    """The added lines of patches; counted by the hunk's head, so that a line `+++ x` inside one is a line."""
    path, number, old, new = "", 0, 0, 0
    for text in diff.split("\n"):
        if old > 0 or new > 0:
            if text.startswith("+"):
                yield Line(path, number, text[1:])
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


def _detect(lines: Iterable[Line]) -> Iterator[tuple[Line, str, str, int]]:
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
            for start in range(0, max(len(line.text), 1), _CHUNK):
                text = line.text[start : start + _CHUNK + _OVERLAP].rstrip()
                for plugin in plugins:
                    guess = type(plugin).__name__ in _GUESSING
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
                        yield line, secret.type, secret.secret_hash, start + max(text.find(value), 0) + 1
