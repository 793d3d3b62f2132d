"""The requested merge, and the one spelling of a repository and of an account."""

from __future__ import annotations

from correctless.base.values import frozen


@frozen
class MergeTarget:
    """The merge that is asked for; `head` is the commit it is bound to, "" as long as it is bound to none."""

    repository: str  # [host/]owner/name
    number: int
    base: str
    head: str = ""


def full_name(repository: str) -> str:
    """`[host/]owner/name` as host/owner/name; GitHub tells neither by its case."""
    names = repository.split("/")
    return "/".join(names if len(names) != 2 else ["github.com", *names]).lower()


def login(name: str) -> str:
    """An account's name as one spelling: an app's is written with and without its [bot]."""
    return name.strip().lower().removesuffix("[bot]")
