"""The one test command of a repository, or the candidates if there are several."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from correctless.setup.ecosystems import Argv, FoundTests, found
from correctless.setup.listing import Listing

_DEPTH = 2  # of folders that may be projects of a monorepo
_MOST = 9  # candidates: what fits into a question


@dataclass(frozen=True, slots=True)
class KnownTests:
    """The test commands that were found; `chosen` is the one that tests the whole repository, if that is clear."""

    candidates: tuple[FoundTests, ...]
    chosen: FoundTests | None


def known_tests(listing: Listing) -> KnownTests:
    """Return how a repository is tested.

    A command at the top covers the folders of its ecosystem. Of several ecosystems a Makefile at the top covers all.
    """
    at_top = list(found(listing))
    projects = [each for each in at_top if each.ecosystem != "Make"]
    covered = {each.ecosystem for each in projects}
    within: list[str] = []  # folders whose command is known: what is below them is theirs
    for folder in listing.own_folders(_DEPTH):
        for each in found(listing, folder):
            inner = any(folder.startswith(f"{above}/") for above in within)
            if each.ecosystem not in {*covered, "Make"} and not inner:
                projects.append(each)
        if any(each.folder == folder for each in projects):
            within.append(folder)
    make = [each for each in at_top if each.ecosystem == "Make"]
    clear = projects if len(projects) == 1 else make
    return KnownTests((*projects, *make)[:_MOST], clear[0] if clear else None)


def command(tests: FoundTests) -> Argv:
    """Return the command as the configuration has it: it is run at the top of the repository, without a shell."""
    if not tests.folder:
        return tests.argv
    return ("sh", "-c", _in_folder(tests))


def all_of(candidates: Sequence[FoundTests]) -> Argv:
    """Return one command that runs each of several, and fails at the first that fails."""
    return ("sh", "-c", " && ".join(f"({_in_folder(each)})" for each in candidates))


def _in_folder(tests: FoundTests) -> str:
    change = f"cd -- {shlex.quote(tests.folder)} && " if tests.folder else ""
    return f"{change}{shlex.join(tests.argv)}"
