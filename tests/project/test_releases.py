"""What an earlier release wrote is read by this one: logs, parked runs, configurations and contracts.

`tests/cases/releases/<release>/` holds, as that release made them:

- `logs/`: one branch's logs of a run with a failed attempt, a reverted step, a re-run and a confirmation;
- `closed.bundle` and `halted.bundle`: a remote with a run parked on it, one at its gate, one in the middle;
- `correctless.yaml`: a configuration with every key;
- `contract/`: a run contract with its ledger, and `status.json`, what was said of it.

A release that changes a format adds a folder and leaves those before it as they are.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from conftest import Git
from correctless.ledger.check import verify
from correctless.project import config, paths
from correctless.review import gate, open_set, summary
from correctless.runlog import branch as record
from correctless.runlog.fold import fold
from fleet import Fleet
from operators import SPAWN, Operator
from places import CASES
from project import CONFIG, Project

RELEASES = sorted((CASES / "releases").iterdir())
of_each_release = pytest.mark.parametrize("release", RELEASES, ids=lambda path: path.name)


@of_each_release
def test_the_logs_of_a_release_are_read(release: Path) -> None:
    logs = paths.logs_beside(str(release / "logs" / "autonomous-decisions-feature-x.jsonl"))
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
    shown = summary.text(open_set.view_of(branch, found, logs))
    assert "Ada (terminal)" in shown
    assert "No decision needs your confirmation." in shown
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


@of_each_release
def test_a_run_that_was_parked_at_its_gate_is_answered_and_completed(
    release: Path, tmp_path: Path, git: Git
) -> None:
    fleet = Fleet(tmp_path, git, CONFIG)
    fleet.restore(release / "closed.bundle")
    ada = fleet.machine("ada")
    code, shown = ada.review("--from", "origin", fleet.parked_run(), answer="{digest}")
    assert code == 0, shown
    run = fleet.parked_run()
    done = ada.cauto("resume", "--from", "origin", run)
    assert done.returncode == 0, done.stderr
    assert fleet.git(fleet.folder, "ls-remote", str(fleet.origin), "refs/correctless/runs/*") == ""
    assert ada.state().phase == "complete"


@of_each_release
def test_a_run_that_was_parked_in_the_middle_goes_on_with_its_next_step(
    release: Path, tmp_path: Path, git: Git
) -> None:
    fleet = Fleet(tmp_path, git, CONFIG)
    fleet.restore(release / "halted.bundle")
    ada = fleet.machine("ada")
    done = ada.cauto("resume", "--from", "origin", fleet.parked_run())
    assert done.returncode == 10, done.stderr  # at its gate
    assert ada.ran() == ["cdocs#1"]
    code, shown = ada.review(answer="{digest}")
    assert code == 0, shown
    assert ada.cauto("resume").returncode == 0


@of_each_release
def test_a_configuration_with_every_key_is_read(release: Path) -> None:
    found = config.load(config.parse((release / "correctless.yaml").read_bytes()))
    assert found.pipelines["default"].steps[0].check == ("python3", "-m", "unittest", "-q")
    later = {"pr_remote", "ci_wait_minutes"}  # keys that 0.1.0 had not
    assert (
        found.model_fields_set >= config.Config.model_fields.keys() - {"agent_mcp", "worktree_setup"} - later
    )
    assert (found.intensity, found.max_usd, found.confirmers) == ("high", 20.5, ("Ada", "Grace"))


@of_each_release
def test_a_contract_and_its_ledger_are_read_and_still_grant_what_they_granted(
    release: Path, scratch_repo: Path, git: Git
) -> None:
    saved = release / "contract"
    op = Operator(scratch_repo, git, text=(saved / "contract.md").read_text())
    shutil.copytree(saved, op.folder, ignore=shutil.ignore_patterns("contract.md", "status.json"))
    moved = Project.found(op.top, git).command("decisions", "new-workspace", "--as", "Ada")
    assert moved.returncode == 0, moved.stderr
    now = op.status()
    for ask in now["asks"]:
        del ask["items"]  # a later key
    assert now == json.loads((saved / "status.json").read_text())
    assert op.codes("merge", "--pr", "415") == ("deny", ["constraint.C1"])
    assert op.codes("rollback", "F1", "--trigger", "T1")[0] == "deny"
    assert op.ask(*SPAWN)["verdict"] == "allow"
