"""The requested merge, and the canonical spelling of a repository and of an account."""

from __future__ import annotations

from correctless.base.values import frozen


@frozen
class MergeTarget:
    """The requested merge; `head` is the commit it is bound to, "" while it is not bound."""

    repository: str  # [host/]owner/name
    number: int
    base: str
    head: str = ""


def full_name(repository: str) -> str:
    """Return `[host/]owner/name` as host/owner/name in lower case, since GitHub ignores case."""
    names = repository.split("/")
    return "/".join(names if len(names) != 2 else ["github.com", *names]).lower()


def login(name: str) -> str:
    """Return the one spelling of an account's name: an app's is written with and without its [bot]."""
    return name.strip().lower().removesuffix("[bot]")
