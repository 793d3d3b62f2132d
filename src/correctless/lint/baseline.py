"""Baseline of accepted findings: a file of their fingerprints, by which new findings are recognized."""

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


def fingerprint(finding: Finding) -> str:
    """Return the digest of a finding's file, rule, message and source line, wherever the line moves.

    A finding on a changed line is new: only the unchanged line was accepted.
    """
    parts = (finding.path, finding.rule, finding.message, finding.source.strip())
    return blake2b("\0".join(parts).encode(errors="surrogatepass"), digest_size=16).hexdigest()


def new_findings(findings: Iterable[Finding], file: str) -> tuple[Finding, ...]:
    """Return the findings that are not in the baseline; one that is in it twice is accepted twice.

    Raises: Stop(3) when the file cannot be read.
    """
    known = _read(file)
    new = []
    for each in findings:
        mark = fingerprint(each)
        if each.rule != "unreadable" and known[mark] > 0:
            known[mark] -= 1
        else:
            new.append(each)
    return tuple(new)


def text(findings: Iterable[Finding]) -> str:
    """Return the baseline of these findings, sorted for readable diffs."""
    counts = Counter(fingerprint(each) for each in findings if each.rule != "unreadable")
    return json.dumps({"version": _VERSION, "findings": dict(sorted(counts.items()))}, indent=1) + "\n"


def _read(file: str) -> Counter[str]:
    try:
        value = json.loads(read_plain(file, _LARGEST)[0])
    except Unreadable as error:
        raise Stop(
            exits.REFUSED,
            f"can't read '{file}': {error}. make it with: correctless lint --write-baseline {file}",
        ) from None
    except (ValueError, RecursionError):
        value = None
    counts = value.get("findings") if isinstance(value, dict) and value.get("version") == _VERSION else None
    if not isinstance(counts, dict) or not all(type(count) is int for count in counts.values()):
        raise Stop(
            exits.REFUSED, f"'{file}' is not a baseline of this version. write it again with --write-baseline"
        )
    return Counter(counts)
