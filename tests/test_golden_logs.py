"""Logs that an earlier release wrote are read by this one: whole, with the same state and the same gate.

`tests/cases/logs/<release>/` holds one branch's logs of a run with a failed attempt, a reverted step, a re-run and a
confirmation; a release that changes the format adds a folder and leaves those before it as they are.
"""

from __future__ import annotations

from pathlib import Path

import pytest

import correctless.gate as gate
from correctless import review, summary
from correctless.ledger import verify
from correctless.project import paths
from correctless.runlog import branch as record
from correctless.runlog.state import fold

RELEASES = sorted((Path(__file__).parent / "cases/logs").iterdir())


@pytest.mark.parametrize("release", RELEASES, ids=lambda path: path.name)
def test_the_logs_of_a_release_are_read(release: Path) -> None:
    logs = paths.logs_beside(str(release / "autonomous-decisions-feature-x.jsonl"))
    for path in (logs.decisions, logs.run, logs.confirmations):
        assert verify(path).findings == ()
    branch = record.load(logs)
    state = fold(branch.events)
    assert state.phase == "complete"
    assert [(item.step, item.attempt) for item in state.finished] == [
        ("ctdd", 2),
        ("simplify", 1),
        ("cverify", 2),
        ("cdocs", 2),
    ]
    found = gate.evaluate(branch)
    assert found.open
    assert len(found.covered) == 2
    assert len(found.superseded) == 3
    shown = summary.text(review.view_of(branch, found, logs))
    assert "Ada (terminal)" in shown
    assert "Nothing is open." in shown
    kinds = {item.event.event for item in branch.events}
    assert kinds >= {
        "run_started",
        "attempt_failed",
        "reverted",
        "rerun",
        "rewound",
        "gate_closed",
        "gate_opened",
        "complete",
    }
