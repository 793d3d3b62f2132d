"""The table of what a plan copies from the configuration."""

from __future__ import annotations

import pytest

from correctless.dispatch.core import policy
from correctless.dispatch.core.policy import POLICY
from correctless.project import config
from runs import plan

CONFIG = config.load(None)
FIELDS = policy.of_config(CONFIG)


def test_a_plan_of_the_configuration_has_no_changed_key() -> None:
    assert tuple(policy.changed_keys(plan("ctdd", **FIELDS), CONFIG)) == ()


@pytest.mark.parametrize("each", [each for each in POLICY if each.fixed], ids=lambda each: each.key)
def test_a_changed_value_is_told_by_its_key(each: policy.PolicyField) -> None:
    value = "off" if each.field == "sandbox" else ("other",)
    assert tuple(policy.changed_keys(plan("ctdd", **FIELDS | {each.field: value}), CONFIG)) == (each.key,)


@pytest.mark.parametrize(
    ("field", "value"), [("pr", ("skip",)), ("sandbox", "require"), ("minutes", 1.0), ("usd", 1.0)]
)
def test_what_a_flag_sets_is_no_changed_key(field: str, value: object) -> None:
    assert tuple(policy.changed_keys(plan("ctdd", **FIELDS | {field: value}), CONFIG)) == ()
