"""What you read before you answer: one page for each decision that waits, and your answers until they are recorded."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, get_args

from correctless.base import below
from correctless.base.files import replace_file
from correctless.base.text import one_line
from correctless.ledger import heads
from correctless.ledger.chain import digest as sha256
from correctless.project.git import Repo
from correctless.project.paths import Logs
from correctless.review import changes, open_set, summary
from correctless.review.changes import FileDiff, StepChange
from correctless.review.gate import GateState
from correctless.runlog.branch import Branch
from correctless.runlog.events import StepFinished, StepStarted
from correctless.runlog.fold import checked_state

Verb = Literal["accept", "rerun", "reject", "skip"]
LONGEST_NOTE = 2000  # characters
_LONGEST = 1 << 20  # bytes of a file of answers


@dataclass(frozen=True, slots=True)
class Page:
    """One decision that waits for you.

    `details` are labels with one line of text each, which a model may have written. `again` are the steps that a rerun
    repeats, with what they took: none where the step cannot run again.
    """

    key: str  # the SHA-256 of its line in the log
    step: str
    name: str
    details: tuple[tuple[str, str], ...]
    files: tuple[FileDiff, ...]  # those that the decision is about
    others: tuple[FileDiff, ...]  # further files that the step changed
    note: str  # what of the step's changes is not shown, and why
    commits: str  # with which git shows all of them; "" without
    again: tuple[str, ...]
    seconds: float
    usd: float


@dataclass(frozen=True, slots=True)
class DraftAnswer:
    """Your answer to one page, before any is recorded."""

    verb: Verb
    note: str = ""


def of(branch: Branch, state: GateState, logs: Logs, repo: Repo | None, *, here: bool = True) -> list[Page]:
    """Return a page for each decision of the open set, damaged and unlisted ones first.

    `here`: steps can run again, because the run is in this clone.
    """
    run = checked_state(logs.run, branch.events)
    finished = {item.step for item in run.finished}
    names = [each.name for each in run.plan.steps] if run.plan is not None else []
    lines = {(each.branch, each.seq): each for each in state.waiting}
    found: dict[tuple[object, ...], StepChange | None] = {}
    pages = []
    for item in summary.waiting(open_set.view_of(branch, state, logs)):
        decision, line = item.decision, lines[item.branch, item.seq].line
        attempt = (decision.run, decision.step, decision.attempt)
        if attempt not in found:
            commits = _commits(branch, *attempt) if repo is not None and not item.branch else None
            found[attempt] = changes.read(repo, *commits) if repo is not None and commits else None
        change = found[attempt]
        every = change.files if change is not None else ()
        details = tuple(summary.details(item, run.run))
        named = (
            changes.about(change, (text for _, text in details), sys.maxsize) if change is not None else ()
        )
        files = named or every
        step = decision.step or ""
        unseen = change.note if change is not None else "not shown here" if step else ""
        own = here and not item.branch and decision.run == run.run and run.unfinished and not run.pushed
        again = tuple(names[names.index(step) :]) if own and step in finished and step in names else ()
        spent = [each for each in run.spent if each.step in again]
        pages.append(
            Page(
                sha256(line),
                step,
                f"{decision.skill} {decision.decision_id}",
                details,
                files,
                tuple(each for each in every if each not in files),
                unseen,
                f"{change.base[:12]} {change.commit[:12]}" if every and change is not None else "",
                again,
                sum(each.seconds for each in spent),
                sum(each.cost_usd for each in spent),
            )
        )
    return pages


@dataclass(frozen=True, slots=True)
class GateAnswer:
    """Your answer to all of the open set: the digest you typed, or a rejection; with neither it is to be asked for."""

    confirm: str | None
    reject: bool
    note: str


@dataclass(frozen=True, slots=True)
class Repeat:
    """Your answer that a step and all later ones run again."""

    step: str
    note: str


def _commits(
    branch: Branch, run: str | None, step: str | None, attempt: int | None
) -> tuple[str, str] | None:
    """Return the commit an attempt began at, and its own; None when it did not finish."""
    base = commit = ""
    for item in branch.events:
        event = item.event
        if isinstance(event, StepStarted | StepFinished) and (item.run, event.step, event.attempt) == (
            run,
            step,
            attempt,
        ):
            base, commit = (event.base, commit) if isinstance(event, StepStarted) else (base, event.commit)
    return (base, commit) if base and commit else None


class Draft:
    """Your answers to one closing of the gate, kept where no agent writes; nothing counts before you confirm."""

    def __init__(self, workspace: str, digest: str, env: Mapping[str, str]) -> None:
        folder = heads.chosen(heads.folders(workspace, env))
        # By the digest: what you said about one open set says nothing about another.
        self._path = os.path.join(folder, f"answers-{digest[:32]}.json") if folder is not None else None

    def load(self) -> dict[str, DraftAnswer]:
        """Return your answers by the key of their page, without those you skipped; none where they can't be read."""
        if self._path is None:
            return {}
        with suppress(OSError, ValueError, TypeError, AttributeError, RecursionError):
            values = json.loads(below.read(self._path, _LONGEST))
            return {
                key: DraftAnswer(verb, one_line(note, LONGEST_NOTE))
                for key, (verb, note) in values.items()
                if verb in get_args(Verb) and verb != "skip" and isinstance(note, str)
            }
        return {}

    def save(self, answers: Mapping[str, DraftAnswer]) -> None:
        """Keep your answers; without a folder for them nothing is kept."""
        if self._path is not None:
            values = {key: [each.verb, each.note] for key, each in answers.items()}
            with suppress(OSError):
                os.makedirs(os.path.dirname(self._path), mode=0o700, exist_ok=True)
                replace_file(self._path, json.dumps(values).encode(), mode=0o600)

    def remove(self) -> None:
        """Forget your answers, once they are recorded."""
        if self._path is not None:
            with suppress(OSError):
                os.unlink(self._path)
                folder = os.path.dirname(self._path)
                for each in (folder, os.path.dirname(folder), os.path.dirname(os.path.dirname(folder))):
                    os.rmdir(each)  # one that was made for them alone is empty now; else this ends here
