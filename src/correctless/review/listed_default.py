"""Listed defaults of decisions that differ from them, as the run that recorded them had them."""

from __future__ import annotations

import os

from correctless.base import below
from correctless.decisions.decision import Decision
from correctless.ledger.chain import digest
from correctless.project.paths import Logs
from correctless.runlog.branch import Branch
from correctless.runlog.events import RunStarted

DIFFERS = "differs-from-default"
_Key = tuple[str, str]  # of a run and its step


class ListedDefaults:
    """The defaults that the frozen skills of a branch's runs list."""

    def __init__(self, branch: Branch, logs: Logs) -> None:
        self._folder = logs.folder
        self._known: dict[_Key, dict[str, str]] = {}
        self._sha256 = {
            (logged.run, step.name): step.files.get("SKILL.md", "")
            for logged in branch.events
            if isinstance(logged.event, RunStarted)
            for step in logged.event.plan.steps
        }

    def of(self, decision: Decision) -> str:
        """Return the listed default that a decision differs from; "" where there is none, or it is no longer known."""
        key = (decision.run or "", decision.step or "")
        if DIFFERS not in decision.notes or key not in self._sha256:
            return ""
        if key not in self._known:
            self._known[key] = self._read(key)
        return self._known[key].get(decision.decision_id, "")

    def _read(self, key: _Key) -> dict[str, str]:
        from correctless.skill import contract  # few summaries need it

        run, step = key
        try:
            data = below.read(os.path.join(self._folder(run), "frozen", step, "SKILL.md"))
        except OSError:
            return {}
        if digest(data) != self._sha256[key]:
            return {}
        # As the correction: of an id that is listed twice the stricter entry counts.
        entries = sorted(contract.of_text(data, "SKILL.md").defaults, key=lambda entry: entry.escalate)
        return {entry.id: entry.choice for entry in entries}
