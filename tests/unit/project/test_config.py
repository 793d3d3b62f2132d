"""The configuration: every fault by its key, the nearest known key named, flags over file over defaults."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from correctless.base.exits import Stop
from correctless.project import config
from correctless.project.config import PIPELINES, Config, load, parse
from places import ROOT


def test_flags_win_over_the_file_and_the_file_over_defaults() -> None:
    assert load(None).intensity == "standard"
    assert load({"intensity": "high"}).intensity == "high"
    assert load({"intensity": "high"}, flags={"intensity": "critical", "agent": None}).intensity == "critical"
    assert load({"agent": "command:x"}, flags={"agent": None}).agent == "command:x"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("intensty: high", "'intensty' is not a key. did you mean intensity"),
        ("commands: {tests: [x]}", "'commands.tests' is not a key. did you mean test"),
        ("pipelines: {default: {steps: [{skil: x}]}}", "did you mean skill"),
        ("intensity: low", "'intensity'"),
        ("max_usd: '4'", "'max_usd'"),
        ("max_minutes: -1", "'max_minutes'"),
        ("commands: {test: []}", "'commands.test'"),
        ("commands: {test: make test}", "'commands.test'"),
        ("pr: sometimes", "'pr"),
        ("confirm_channels: [shouting]", "'confirm_channels"),
        ("- a\n- b", "not a mapping"),
        ("intensity: high\nintensity: standard", "duplicate key"),
        ("max_minutes: 012", "put it in quotes"),
        ("agent: &a claude\nremote: *a", "alias"),
        ("intensity: [", "correctless.yaml:1"),
        ("a: !!python/object/apply:os.system [true]", "is not a key"),
    ],
)
def test_a_fault_is_named_by_its_key(text: str, said: str) -> None:
    with pytest.raises(Stop) as caught:
        load(parse(text.encode()))
    assert said in caught.value.message, caught.value.message
    assert "\n" not in caught.value.message


def test_every_fault_is_named_at_once() -> None:
    with pytest.raises(Stop) as caught:
        load({"intensty": "x", "max_usd": "4", "commands": {"tests": ["a"]}})
    assert all(key in caught.value.message for key in ("intensty", "max_usd", "commands.tests"))


def test_bytes_that_are_no_utf8_are_refused() -> None:
    with pytest.raises(Stop, match="no UTF-8 at byte 0"):
        parse(b"\xff")


def test_a_file_may_be_empty_and_words_are_what_every_yaml_reads() -> None:
    assert parse(b"") is None
    assert parse(b"a: true\nb: null\nc: 3\nd: 2.5\ne: text\nf: '3'\ng: [1, x]\n") == {
        "a": True,
        "b": None,
        "c": 3,
        "d": 2.5,
        "e": "text",
        "f": "3",
        "g": [1, "x"],
    }


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("commands: {test: pytest -q}", "'commands.test' must be a list. write: [pytest, -q]"),
        ("commands: {test: pytest 'a b'}", "'commands.test' must be a list. write: [pytest, \"'a\", \"b'\"]"),
        ("commands: {test: [make, 1]}", "'commands.test.1' must be a string"),
        ("commands: pytest", "'commands' must be keys and values"),
        ("pr: open it", "'pr' must be 'gh' or 'skip', or must be a list. write: [open, it]"),
        ("pipelines: {default: {steps: [ctdd]}}", "'pipelines.default.steps.0' must be keys and values. write: skill: ctdd"),
        ("pipelines: {default: {steps: []}}", "'pipelines.default.steps' must not be empty"),
        ("notify: []", "'notify' must not be empty"),
        ("notify: [1]", "'notify.0' must be a string"),
        ("keep_awake: 1", "'keep_awake' must be true or false"),
        ("max_usd: '3'", "'max_usd' must be a number"),
        ("agent_writable: [x]", "'agent_writable.0' must begin with / or ~/"),
        ("confirm_channels: []", "'confirm_channels' must not be empty"),
        ("commit: {message: '{stp}: x'}", "'commit.message' has {stp}. filled in: {step}, {title}, {run}, {branch}"),
        ("pipelines: {a: {steps: [{skill: x, report: 'r/{branch}.md'}]}}", "'pipelines.a.steps.0.report' has {branch}. filled in: {branch_slug}"),
        ("labels: {a: 1}", "'labels.a' must be a string"),
        ("intensty: high", "'intensty' is not a key. did you mean intensity"),
        ("commit: {squach: true}", "'commit.squach' is not a key. did you mean squash"),
    ],
)  # fmt: skip
def test_a_fault_says_in_the_words_of_yaml_what_to_write(text: str, fault: str) -> None:
    with pytest.raises(Stop) as stop:
        load(parse(text.encode()))
    assert stop.value.message == f"{config.PATH}: {fault}"


def test_a_faulty_flag_is_not_blamed_on_the_file() -> None:
    with pytest.raises(Stop) as stop:
        load({"intensty": "high"}, flags={"pr": "skpi", "agent": None})
    assert stop.value.message == (
        f"on the command line: 'pr' must be 'gh' or 'skip', or must be a list. write: [skpi]; {config.PATH}: 'intensty' is not a key. did you mean intensity"
    )


def test_unknown_pipelines_name_those_there_are() -> None:
    with pytest.raises(Stop, match="write one of: default, mine, quick"):
        load({"pipelines": {"mine": {"steps": [{"skill": "ctdd"}]}}}).pipeline("other")


def test_the_default_pipeline_leaves_cupdate_arch_to_high_and_critical() -> None:
    steps = {step.skill: step.intensity for step in PIPELINES["default"].steps}
    assert list(steps) == ["ctdd", "simplify", "cverify", "cupdate-arch", "cdocs"]
    assert steps["cupdate-arch"] == ("high", "critical")


@pytest.mark.parametrize(("intensity", "attempts"), [("standard", 3), ("high", 2), ("critical", 2)])
def test_attempts_follow_the_intensity(intensity: str, attempts: int) -> None:
    assert load({"intensity": intensity}).attempts() == attempts


def test_the_schema_takes_what_the_reader_takes_and_refuses_what_it_refuses() -> None:
    schema = Draft202012Validator(config.schema())
    Draft202012Validator.check_schema(config.schema())
    assert schema.is_valid({"intensity": "high", "pr": ["open-pr"], "commands": {"test": ["make"]}})
    refused: tuple[dict[str, object], ...] = (
        {"intensty": "high"},
        {"intensity": "low"},
        {"pr": "x"},
        {"commands": {"test": []}},
    )
    for bad in refused:
        assert not schema.is_valid(bad), bad
        with pytest.raises(Stop):
            load(bad)


def test_the_documented_example_is_a_configuration(tmp_path: Path) -> None:
    page = (ROOT / "docs/configuration.md").read_text()
    example = page.split("```yaml\n", 1)[1].split("```", 1)[0]
    loaded = load(parse(example.encode()))
    assert isinstance(loaded, Config)
    documented = set(parse(example.encode()))
    assert documented == set(Config.model_fields), "the example shows each key once"
    assert json.dumps(config.schema())
