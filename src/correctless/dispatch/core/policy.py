"""The part of a plan that comes from the configuration, and the key each field of it comes from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from correctless.project.config import Config
from correctless.runlog.plan import Plan


class PolicyField(NamedTuple):
    """A field of the plan, and the configuration key it is copied from; dots separate a section from its key."""

    field: str
    key: str
    fixed: bool = False  # no flag of `cauto run` changes it: a parked run must have the base commit's value


# The fields keep the names that run logs of earlier releases have.
POLICY = (
    PolicyField("intensity", "intensity"),
    PolicyField("confirm_channels", "confirm_channels", fixed=True),
    PolicyField("confirmers", "confirmers", fixed=True),
    PolicyField("protected", "protected", fixed=True),
    PolicyField("outputs", "outputs", fixed=True),
    PolicyField("agent_env", "agent_env", fixed=True),
    PolicyField("publish_credentials", "agent_publish_credentials", fixed=True),
    PolicyField("writable", "agent_writable", fixed=True),
    PolicyField("readable", "agent_readable", fixed=True),
    PolicyField("sandbox", "agent_sandbox", fixed=True),
    PolicyField("remote", "remote", fixed=True),
    PolicyField("pr_remote", "pr_remote", fixed=True),
    PolicyField("pr_draft", "pr_draft", fixed=True),
    PolicyField("pr_labels", "pr_labels", fixed=True),
    PolicyField("pr_reviewers", "pr_reviewers", fixed=True),
    PolicyField("notify", "notify", fixed=True),
    PolicyField("squash", "commit.squash", fixed=True),
    PolicyField("test", "commands.test", fixed=True),
    PolicyField("pr", "pr", fixed=True),
    PolicyField("message", "commit.message"),
    PolicyField("signoff", "commit.signoff"),
    PolicyField("minutes", "max_minutes"),
    PolicyField("usd", "max_usd"),
    PolicyField("on_limit", "on_limit"),
    PolicyField("on_escalation", "on_escalation"),
    PolicyField("ask_minutes", "ask_minutes"),
    PolicyField("silent", "silent"),
    PolicyField("stop_at_usage", "stop_at_usage"),
    PolicyField("extra_usage", "extra_usage"),
    PolicyField("keep_awake", "keep_awake"),
    PolicyField("merge_minutes", "merge_minutes"),
    PolicyField("ci_wait_minutes", "ci_wait_minutes"),
    PolicyField("labels", "labels"),
)


def of_config(config: Config) -> dict[str, Any]:
    """Return the fields of a plan that the configuration decides, by the plan's names."""
    return {each.field: _configured(config, each.key) for each in POLICY}


def changed_keys(plan: Plan, config: Config) -> Iterator[str]:
    """Yield the keys that no flag can change and whose planned value differs from the configuration's."""
    for field, key, fixed in POLICY:
        planned, configured = getattr(plan, field), _configured(config, key)
        match key:
            case "pr" if planned in (("gh",), ("skip",)):
                continue  # a flag can say these
            case "agent_sandbox":  # a flag turns auto to require, and nothing turns it off
                planned, configured = planned == "off", configured == "off"
        if fixed and planned != configured:
            yield key


def _configured(config: Config, key: str) -> Any:
    value: Any = config
    for name in key.split("."):
        value = getattr(value, name)
    return (value,) if key == "pr" and isinstance(value, str) else value
