"""The promised library: another orchestrator that takes only capture, log and gate, run as its users would."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import correctless
import terminal
from correctless.base import exits
from correctless.base.exits import Stop
from patience import PATIENCE
from places import ROOT

EXAMPLE = ROOT / "examples" / "orchestrator.py"
SKILL = """\
---
name: greet
description: Greets. Use when somebody comes.
interaction_mode: hybrid
---
# Greet

## Autonomous Defaults

- **AD-001**: Language — English (default). Rationale: everybody here reads it.
- **AD-002**: Volume — `escalate: always`. Default if deferred: whisper. Rationale: somebody may sleep.
"""
AGENT = """\
import re, sys
prompt = sys.stdin.read()
nonce = re.search("START ([0-9a-f]{8})", prompt)[1]
print("Hello.", "AUTONOMOUS_DECISIONS_START " + nonce, *sys.argv[1:], "AUTONOMOUS_DECISIONS_END", sep="\\n")
"""
LISTED = '{"decision_id": "AD-001", "default_applied": "English", "rationale": "as listed"}'
ESCALATED = '{"decision_id": "AD-002", "default_applied": "whisper", "rationale": "night"}'


@pytest.fixture
def skill(tmp_path: Path) -> Path:
    (tmp_path / "greet").mkdir()
    path = tmp_path / "greet" / "SKILL.md"
    path.write_text(SKILL)
    return path


def orchestrated(skill: Path, log: Path, *agent: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, str(EXAMPLE), str(skill), str(log), *(agent or ("true",))]
    return subprocess.run(
        argv, capture_output=True, text=True, timeout=PATIENCE, check=False, cwd=skill.parent
    )


def agent_saying(*lines: str) -> tuple[str, ...]:
    return (sys.executable, "-c", AGENT, *lines)


def test_decisions_as_listed_open_the_gate(skill: Path, tmp_path: Path) -> None:
    log = tmp_path / "decisions.jsonl"
    done = orchestrated(skill, log, *agent_saying(LISTED))
    assert done.returncode == exits.OK, done.stderr
    assert "AD-001  English" in done.stdout
    assert correctless.gate(str(log)).open


def test_what_is_a_persons_closes_it_until_they_confirmed(skill: Path, tmp_path: Path) -> None:
    log = tmp_path / "decisions.jsonl"
    done = orchestrated(skill, log, *agent_saying(LISTED, ESCALATED, "{damage"))
    assert (done.returncode, "correctless review --log" in done.stderr) == (exits.PERSON, True)
    assert len(correctless.gate(str(log)).waiting) == 2
    assert "{damage" in (tmp_path / "greet-1-b3.txt").read_text()
    words = [*correctless.itself(), "review", "--log", str(log), "--as", "Ada"]
    child = terminal.spawn(words, tmp_path, os.environ)
    child.sendline(terminal.accepted(child)[1])
    assert terminal.ended(child)[0] == exits.OK
    assert correctless.gate(str(log)).open
    assert "Ada (terminal)" in correctless.summarise(str(log))
    # one more decision, and it is closed again
    assert orchestrated(skill, log, *agent_saying(ESCALATED)).returncode == exits.PERSON


def test_an_agent_that_says_nothing_or_fails_opens_nothing_by_that(skill: Path, tmp_path: Path) -> None:
    done = orchestrated(skill, tmp_path / "decisions.jsonl")
    assert (done.returncode, "correctless review --log" in done.stderr) == (exits.PERSON, True)
    assert orchestrated(skill, tmp_path / "other.jsonl", "false").returncode == exits.FAILED


def test_a_gate_without_a_log_can_not_be_said(tmp_path: Path) -> None:
    with pytest.raises(Stop, match="no decisions log") as refused:
        correctless.gate(str(tmp_path / "none.jsonl"))
    assert refused.value.code == exits.REFUSED


def test_a_log_that_was_changed_opens_no_gate(skill: Path, tmp_path: Path) -> None:
    log = tmp_path / "decisions.jsonl"
    orchestrated(skill, log, *agent_saying(ESCALATED, LISTED))
    log.write_bytes(log.read_bytes().replace(b'"escalation_deferred":true', b'"escalation_deferred":false'))
    with pytest.raises(Stop):
        correctless.gate(str(log))
    assert orchestrated(skill, log, *agent_saying(LISTED)).returncode not in (exits.OK, exits.PERSON)


def test_the_page_names_the_promised_names_and_its_code_runs(skill: Path, tmp_path: Path) -> None:
    page = (ROOT / "docs" / "library.md").read_text()
    assert set(re.findall(r"^\| `correctless\.(\w+)\(", page, re.MULTILINE)) == set(correctless.__all__)
    (code,) = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    setup = f"""
import os, correctless
os.chdir({str(tmp_path)!r})
run, nonce, now = "r1", "7f3a91c2", "2026-07-01T00:00:00.000Z"
answer = 'AUTONOMOUS_DECISIONS_START 7f3a91c2\\n{LISTED}\\nAUTONOMOUS_DECISIONS_END'
def publish(): print("published")
"""
    program = setup + code.replace("skills/cverify", str(skill))
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert (done.returncode, done.stdout) == (0, "published\n"), done.stderr
