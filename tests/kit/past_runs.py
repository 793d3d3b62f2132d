"""Logs of runs as a dispatcher leaves them: what agents reported, corrected by the contract, and a person's answers."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from correctless.decisions.correction import Origin, correct
from correctless.decisions.decision import UNLISTED, Attempt, Confirmation
from correctless.ledger.heads import noting
from correctless.project import paths
from correctless.project.git import find
from correctless.review import gate
from correctless.runlog import branch as record
from correctless.runlog.events import AttemptFailed, Event, Rerun, RunStarted, Superseded, fields_of
from correctless.skill.contract import read_skill
from runs import plan, started

WHEN = "2026-01-02T03:04:05.678Z"

SKILL = """\
---
name: greenkeeper
description: Keeps a service tidy. Use when a service is to be tidied.
interaction_mode: hybrid
---

# Tidy

Show the options with the default marked as `(default)`.

## Autonomous Defaults

These apply when nobody is there, and `escalate: always` waits for you.

- **AD-001**: Order of work — one module at a time (default). Rationale: a small step can be undone.
- **AD-002**: Log format — plain lines (default). Rationale: everyone can read them.
- **AD-003**: Public interface — `escalate: always`. Default if deferred: keep it as it is. Rationale: others depend on it.

## Gotchas

- Nothing here is an entry: **AD-009** is not one.
"""


def report(applied: str, id: str | None = None, **more: Any) -> dict[str, Any]:  # noqa: A002 the name of the log
    """The object that an agent reports."""
    return {"decision_id": id, "default_applied": applied, "rationale": "it seemed right", **more}


class PastRuns:
    """The logs of a repository, written run by run."""

    def __init__(self, top: Path, skill: str = SKILL, name: str = "greenkeeper") -> None:
        self.top, self.name = top, name
        self.repo = find(str(top))
        self.file = top / "skills" / name / "SKILL.md"
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.write_bytes(skill.encode())
        self.count = 0

    def run(
        self,
        reports: Sequence[Mapping[str, Any]],
        *,
        branch: str = "feature/x",
        answer: str = "escalations",
        when: str = WHEN,
        notes: Mapping[str, Any] | None = None,
        after: Sequence[Event] = (),
    ) -> str:
        """One run with one attempt of the skill; `answer`: escalations, rejected, or "" for none. Its id."""
        self.count += 1
        run = f"r{self.count:03}"
        logs = paths.logs(self.repo, branch)
        paths.ensure_artifacts(logs)
        events, decisions = (noting(path, logs.root, os.environ) for path in (logs.run, logs.decisions))
        for ledger in (events, decisions):
            if not os.path.exists(ledger.path):
                ledger.create()
        first = started(plan(self.name, branch=branch), run).event
        assert isinstance(first, RunStarted)
        head = decisions.head()
        events.append(fields_of(run, when, replace(first, log_seq=head.seq, log_head=head.sha256)))
        contract = read_skill(str(self.file))
        unlisted = 0
        for number, said in enumerate(reports):
            made = correct(
                said, contract, skill=self.name, at=Attempt(run, self.name, 1), now=when, unlisted=unlisted + 1,
                origin=Origin("block", f"{run}/{self.name}/1/b{number}", **dict(notes or {})),
            )  # fmt: skip
            unlisted += made.decision_id.startswith(UNLISTED)
            decisions.append(made.fields())
        for event in after:
            events.append(fields_of(run, when, event))
        state = gate.evaluate(record.load(logs))
        if state.waiting and answer:
            closing = gate.close(state.waiting, f"challenge-{run}")
            events.append(fields_of(run, when, closing))
            yes = Confirmation(answer, closing.digest, "Ada", "terminal", when)
            confirmations = noting(logs.confirmations, logs.root, os.environ)
            confirmations.append(yes.fields())
        return run

    def failed(self) -> AttemptFailed:
        """The event that discards the attempt of a run."""
        return AttemptFailed(self.name, 1, "the check failed", counted=True, patch=None)

    def rerun(self) -> Rerun:
        """The event by which you have the attempt done again."""
        return Rerun(
            self.name, "otherwise", "Ada", "terminal", "b" * 40, "refs/x", (Superseded(self.name, 1),)
        )
