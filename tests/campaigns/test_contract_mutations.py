"""Whoever breaks the skill contract is seen by tests/cli/autonomous-skill-contract.bats: each mutation turns a test of its rule red."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from contract_mutations import BATS, MUTATIONS, Mutation, bats, copy, turns_red
from places import ROOT

TESTS = re.findall(r'^@test "(R-\d{3} .+)" \{$', (ROOT / BATS).read_text("utf-8"), re.MULTILINE)
# A line of a test that fails it: a helper that compares, a status, a condition.
ASSERTION = re.compile(
    r"^\s*(?:for each in .*; do )?(?:broken|sound|holds|lacks|ended|json|opened|\[\[? )", re.MULTILINE
)


def test_every_rule_has_its_tests_and_every_test_a_mutation() -> None:
    assert {name[:5] for name in TESTS} == {f"R-{number:03d}" for number in range(1, 15)}
    assert [name for name in TESTS if not any(re.search(each.seen_by, name) for each in MUTATIONS)] == []
    assert [each.name for each in MUTATIONS if not any(re.search(each.seen_by, name) for name in TESTS)] == []
    assert len(MUTATIONS) >= 15
    behaviour = (ROOT / BATS).read_text("utf-8").split("@test", 1)[1]
    assert len(ASSERTION.findall(behaviour)) >= 70


@pytest.mark.campaign
def test_without_a_mutation_a_copy_is_green(tmp_path: Path) -> None:
    copy(tmp_path / "copy")
    done = bats(tmp_path / "copy")
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("\nok ") == len(TESTS)


@pytest.mark.campaign
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_mutation_turns_a_test_of_its_rule_red(mutation: Mutation, tmp_path: Path) -> None:
    assert turns_red(mutation, tmp_path / "copy")
