"""The table of what a plan copies from the configuration."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from conftest import Git
from correctless.dispatch.control import start
from correctless.dispatch.core import policy
from correctless.dispatch.core.policy import POLICY
from correctless.project import config
from correctless.project.git import find
from project import Project
from runs import plan

CONFIG = config.load(None)
FIELDS = policy.of_config(CONFIG)


def test_a_plan_of_the_configuration_has_no_changed_key() -> None:
    assert tuple(policy.changed_keys(plan("ctdd", **FIELDS), CONFIG)) == ()


@pytest.mark.parametrize("each", [each for each in POLICY if each.fixed], ids=lambda each: each.key)
def test_a_changed_value_is_told_by_its_key(each: policy.PolicyField) -> None:
    value = "off" if each.field == "sandbox" else ("other",)
    assert tuple(policy.changed_keys(plan("ctdd", **FIELDS | {each.field: value}), CONFIG)) == (each.key,)


@pytest.mark.parametrize("skill", ["simplify", "correctless:simplify"])
def test_a_skill_that_must_keep_the_behaviour_is_untrusted_however_it_is_named(
    scratch_repo: Path, git: Git, skill: str
) -> None:
    project = Project(scratch_repo, git, config={"pipelines": {"default": {"steps": [{"skill": skill}, {"skill": "cdocs"}]}}})  # fmt: skip
    request = start.Request("spec.md", flags={"agent": f"command:{project.agent}"})
    plan = start.prepare(find(str(project.top)), str(project.top), request, project.env).frozen.plan
    assert list(plan.left_out.values()) == ["no commands.test proves that it keeps the behaviour"]
    text = json.dumps({**json.loads((project.top / config.PATH).read_text()), "commands": {"test": ["true"]}})
    project.write(config.PATH, text)
    git(project.top, "commit", "-qam", "a test command")
    plan = start.prepare(find(str(project.top)), str(project.top), request, project.env).frozen.plan
    assert [step.untrusted for step in plan.steps] == [True, False]


@pytest.mark.parametrize(
    ("field", "value"), [("pr", ("skip",)), ("sandbox", "require"), ("minutes", 1.0), ("usd", 1.0)]
)
def test_what_a_flag_sets_is_no_changed_key(field: str, value: object) -> None:
    assert tuple(policy.changed_keys(plan("ctdd", **FIELDS | {field: value}), CONFIG)) == ()
