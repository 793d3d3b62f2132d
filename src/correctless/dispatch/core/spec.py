"""The title and the rules of a specification."""

from __future__ import annotations

import re


def title(spec: str) -> str:
    """Return the first heading, "" without one."""
    return next((line.lstrip("#").strip() for line in spec.splitlines() if line.startswith("#")), "")


def rules(spec: str) -> tuple[str, ...]:
    """Return the rule ids in a specification, each once, in order."""
    return tuple(dict.fromkeys(re.findall(r"\bR-\d{3}\b", spec)))


def rule_texts(spec: str) -> list[tuple[str, str]]:
    """Return each rule with the rest of the line that first names it."""
    texts: dict[str, str] = {}
    for line in spec.splitlines():
        named = rules(line)
        if named and named[0] not in texts:
            texts[named[0]] = line.partition(named[0])[2].strip(" *:`—-")
    return list(texts.items())
