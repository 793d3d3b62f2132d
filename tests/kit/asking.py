"""Runs that ask the person at a pseudo-terminal: a skill with a person's decision, and what its agent does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pexpect
import pytest

import correctless
from conftest import Git
from patience import PATIENCE
from project import Project
from sessions import WORDS, Sessions

LEFT = "ends(said('AD-003', 'keep the verdict'))"  # the contract says it is a person's
DONE = "work('told.txt'); ends()"
PROMPT = r"\n> "  # a plan has arrows in it
ASK = ("--on-escalation", "ask")
SKILL = """---
name: {name}
description: Judges. Use when something is to be judged.
interaction_mode: hybrid
{more}---
# Judge

## Autonomous Defaults

- **AD-001**: Order — as they come (default). Rationale: it is the usual one.
- **AD-003**: Verdict — `escalate: always`. Default if deferred: keep the verdict. Rationale: the owner knows what is meant.
"""


@pytest.fixture
def make(scratch_repo: Path, git: Git, tmp_path: Path) -> Callable[..., Sessions]:
    def make(skill: str = "judge", **config: Any) -> Sessions:
        given = {"pipelines": {"default": {"steps": [{"skill": skill}]}}, **config}
        for name, more in (("judge", ""), ("forked", "context: fork\n")):
            path = scratch_repo / "skills" / name / "SKILL.md"
            path.parent.mkdir(parents=True)
            path.write_text(SKILL.format(name=name, more=more))
        return Sessions(Project(scratch_repo, git, config=given), tmp_path)

    return make


@contextmanager
def terminal(
    sessions: Sessions, *parts: str, words: tuple[str, ...] = (*WORDS, *ASK), columns: int = 100
) -> Iterator[Any]:
    """A run in a pseudo-terminal, with plain lines."""
    program, *rest = correctless.itself()
    child = pexpect.spawn(
        program,
        [*rest, "cauto", *words, "--plain"],
        cwd=str(sessions.project.top),
        env={**sessions.project.env, **sessions.given(*parts)},
        encoding="utf-8",
        timeout=PATIENCE,
        dimensions=(50, columns),
    )
    try:
        yield child
    finally:
        child.close(force=True)


def ended(child: Any) -> int:
    child.expect(pexpect.EOF)
    child.wait()
    return int(child.exitstatus)
