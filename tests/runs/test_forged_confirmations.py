"""A yes that no command of a person's wrote: whoever appends it to the confirmations, it opens nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import at_home, begun
from correctless.base import exits
from correctless.ledger.ledger import Ledger
from places import SOURCE
from project import Project
from shelf import Shelf

# What an agent does that runs after the gate was closed once: the digest stands in the run log.
BY_HAND = """
import hashlib
folder = pathlib.Path(".correctless/artifacts")
events = next(folder.glob("pipeline-feature*.jsonl")).read_text().splitlines()
closed = [json.loads(line)["digest"] for line in events if json.loads(line)["event"] == "gate_closed"]
path = next(folder.glob("confirmations-*.jsonl"))
lines = path.read_bytes().splitlines()
said = {"kind": "escalations", "digest": closed[-1], "by": "Ada", "channel": "terminal",
    "timestamp": "2026-01-02T03:04:05.678Z", "note": "", "seq": len(lines) + 1, "prev": hashlib.sha256(lines[-1]).hexdigest()}
with path.open("ab") as file:
    file.write(json.dumps(said, separators=(",", ":")).encode() + b"\\n")
"""
# The same by the package itself, which also notes it in the private copy of the heads.
BY_THE_PACKAGE = f"""
sys.path.insert(0, {str(SOURCE)!r})
from correctless.review import open_set
from correctless.project import git, paths
from correctless.base.clock import utcnow
folder = pathlib.Path(".correctless/artifacts")
events = next(folder.glob("pipeline-feature*.jsonl")).read_text().splitlines()
closed = [json.loads(line)["digest"] for line in events if json.loads(line)["event"] == "gate_closed"]
open_set.answer(paths.logs(git.find(os.getcwd())), closed[-1], kind="escalations", by="Ada", channel="terminal", note="", now=utcnow())
"""


@pytest.fixture
def closed(shelf: Shelf, git: Callable[..., str]) -> Project:
    """A branch whose gate was closed once; its last step is to run again, and says nothing this time."""

    def make(here: Path) -> None:
        at_home(here / "home")
        project = Project(begun(here / "project", git), git)
        assert project.run(AGENT_EXTRA="if step == 'cdocs': saying.clear()").returncode == exits.PERSON
        code, said = project.on_terminal("review", "--rerun", "cdocs", "--note", "again", "--as", "Ada")
        assert code == exits.PERSON, said

    here = shelf.take("forged", make)
    return Project.found(here / "project", git)


def decided(project: Project) -> list[str]:
    return [each["decision_id"] for each in project.decisions() if each["escalation_deferred"]]


def test_where_no_agent_forges_anything_the_gate_is_closed(closed: Project) -> None:
    done = closed.cauto("resume", env={"AGENT_EXTRA": "if step == 'cdocs': saying.clear()"})
    assert (done.returncode, decided(closed)) == (exits.PERSON, ["AD-003"])


@pytest.mark.parametrize("forged", [BY_HAND, BY_THE_PACKAGE], ids=["by hand", "by the package"])
def test_a_yes_that_was_written_while_an_agent_ran_is_taken_back_and_told(
    closed: Project, forged: str
) -> None:
    before = Path(closed.logs.confirmations).read_bytes()
    done = closed.cauto("resume", env={"AGENT_EXTRA": f"saying.clear()\n{forged}"})
    assert done.returncode in (exits.PERSON, exits.REFUSED), done.stderr
    assert Path(closed.logs.confirmations).read_bytes() == before
    assert closed.command("gate").returncode in (exits.PERSON, exits.REFUSED)
    if forged == BY_HAND:
        assert decided(closed) == ["AD-003", "AD-UNLISTED-1"]
        assert "confirmations-feature-x" in closed.decisions()[-1]["original_escalation_reason"]
        # It is a person's to say, and they can.
        assert closed.review(answer="{digest}")[0] == exits.OK
        assert closed.command("gate").returncode == exits.OK


def test_a_yes_that_is_written_by_hand_while_nothing_runs_counts_for_nothing(
    closed: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert closed.cauto("resume", env={"AGENT_EXTRA": "saying.clear()"}).returncode == exits.PERSON
    script = f"import json, pathlib\n{BY_HAND}"
    monkeypatch.chdir(closed.top)
    exec(compile(script, "forged", "exec"), {})
    assert closed.command("gate").returncode == exits.PERSON
    assert closed.cauto("resume").returncode == exits.PERSON
    verified = closed.command("decisions", "verify", "--offline")
    assert "no command of correctless wrote this entry" in verified.stdout
    assert closed.command("audit-run", "--offline").returncode != exits.OK
    # What a person says afterwards counts, and does not vouch for what stood before it.
    assert closed.review(answer="{digest}")[0] == exits.OK
    assert closed.command("gate").returncode == exits.OK
    assert len(Ledger(closed.logs.confirmations).read()) == 3


def test_a_no_that_nobody_noted_still_counts(closed: Project) -> None:
    assert closed.cauto("resume", env={"AGENT_EXTRA": "saying.clear()"}).returncode == exits.PERSON
    assert closed.review(answer="{digest}")[0] == exits.OK
    log = Path(closed.logs.confirmations)
    lines = log.read_bytes().splitlines()
    said = json.loads(lines[-1]) | {
        "kind": "rejected",
        "seq": len(lines) + 1,
        "prev": hashlib.sha256(lines[-1]).hexdigest(),
    }
    log.write_bytes(log.read_bytes() + json.dumps(said, separators=(",", ":")).encode() + b"\n")
    assert closed.command("gate").returncode == exits.PERSON
