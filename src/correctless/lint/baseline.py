"""Baseline of accepted findings: a file of their fingerprints, and the findings that are new."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from hashlib import blake2b

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.base.files import Unreadable, read_plain
from correctless.syntax.finding import Finding

_VERSION = 1
_LARGEST = 64 << 20  # bytes of a baseline


def fingerprint(found: Finding) -> str:
    """What a finding is recognised by: its file, its rule, its words and the line it stands in, wherever that line has moved.

    When the line changes it is a new finding: somebody touched what was only tolerated as it stood.
    """
    parts = (found.path, found.rule, found.message, found.source.strip())
    return blake2b("\0".join(parts).encode(errors="surrogatepass"), digest_size=16).hexdigest()


def unknown(findings: Iterable[Finding], file: str) -> tuple[Finding, ...]:
    """Those that the baseline does not hold, each as often as it holds it; `Stop` (3) when the file can't be read."""
    known = _read(file)
    left = []
    for each in findings:
        mark = fingerprint(each)
        if each.rule != "unreadable" and known[mark] > 0:
            known[mark] -= 1
        else:
            left.append(each)
    return tuple(left)


def text(findings: Iterable[Finding]) -> str:
    """The baseline that holds all of these, sorted, so that a change of it reads well in a diff."""
    counts = Counter(fingerprint(each) for each in findings if each.rule != "unreadable")
    return json.dumps({"version": _VERSION, "findings": dict(sorted(counts.items()))}, indent=1) + "\n"


def _read(file: str) -> Counter[str]:
    try:
        said = json.loads(read_plain(file, _LARGEST)[0])
    except Unreadable as error:
        raise Stop(
            exits.REFUSED,
            f"can't read '{file}': {error}. make it with: correctless lint --write-baseline {file}",
        ) from None
    except (ValueError, RecursionError):
        said = None
    found = said.get("findings") if isinstance(said, dict) and said.get("version") == _VERSION else None
    if not isinstance(found, dict) or not all(type(count) is int for count in found.values()):
        raise Stop(
            exits.REFUSED, f"'{file}' is not a baseline of this version. write it again with --write-baseline"
        )
    return Counter(found)
