"""Configuration from `correctless.yaml` and flags: one frozen `Config`, or an error that lists every fault by its key."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.project import config_faults
from correctless.project.person import DEFAULT_CHANNELS, Channel
from correctless.syntax import yaml_text
from correctless.syntax.yaml_text import Node

PATH = ".correctless/config/correctless.yaml"

Intensity = Literal["standard", "high", "critical"]
Argv = Annotated[tuple[str, ...], Field(min_length=1)]

ReachedPath = Annotated[str, Field(pattern=r"^(/|~/).")]

NO_PARKING = "none"  # as `park`: never, not even in CI

# The checks of these skills when a pipeline names none of its own.
TESTED = ("ctdd", "simplify", "cquick")
# Changes that a failed check reverts without a further try, and that may not touch .correctless/.
UNTRUSTED = ("simplify",)
REPORTS = {"cverify": ".correctless/reports/{branch_slug}/cverify.md"}


def _only(*names: str) -> AfterValidator:
    """Return a check that a text has no `{word}` but these, which are filled in."""

    def check(text: str) -> str:
        for word in re.findall(r"\{(\w+)\}", text):
            if word not in names:
                raise ValueError(f"has {{{word}}}. filled in: {', '.join(f'{{{name}}}' for name in names)}")
        return text

    return AfterValidator(check)


def _shaped(pattern: str, shape: str) -> AfterValidator:
    """Return a check that a text matches a pattern, which is `shape` in words."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text) or text.endswith("\n"):
            raise ValueError(f"must be {shape}")
        return text

    return AfterValidator(check)


_LABEL = r"^[^\x00-\x1f\x7f]{1,50}$"
_REVIEWER = r"^[A-Za-z0-9-]{1,39}(?:/[A-Za-z0-9._-]{1,100})?$"
Label = Annotated[
    str,
    _shaped(_LABEL, "the name of a label, of at most 50 characters"),
    Field(json_schema_extra={"pattern": _LABEL}),
]
Reviewer = Annotated[
    str, _shaped(_REVIEWER, "a login without @, or org/team"), Field(json_schema_extra={"pattern": _REVIEWER})
]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Step(_Model):
    """One step of a pipeline."""

    skill: str = Field(min_length=1, description="a skill's name, or plugin:name")
    intensity: tuple[Intensity, ...] | None = Field(None, description="run only at these intensities")
    check: Argv | None = Field(None, description="a command that must succeed after the step")
    report: Annotated[str, _only("branch_slug")] | None = Field(
        None, description="a file the step must write; {branch_slug} is filled in"
    )
    agent: str | None = None
    model: str | None = None
    max_minutes: float = Field(120, gt=0)
    idle_minutes: float = Field(20, gt=0)
    max_turns: int = Field(200, gt=0)
    max_usd: float | None = Field(None, gt=0)


class Pipeline(_Model):
    """Skills that run one after the other; consolidation and the pull request follow by themselves."""

    steps: tuple[Step, ...] = Field(min_length=1)


class Commands(_Model):
    """How this project is tested."""

    test: Argv | None = None


class Commit(_Model):
    """How the dispatcher commits."""

    message: Annotated[str, _only("step", "title", "run", "branch")] = Field(
        "{step}: {title}", description="{step}, {title}, {run} and {branch} are filled in"
    )
    signoff: bool = False
    squash: bool = Field(False, description="the branch is published as one commit")


Level = Literal["ignore", "info", "warning", "error"]


class LintOverride(_Model):
    """Other levels for some files."""

    paths: tuple[str, ...] = Field(
        min_length=1, description="patterns of paths from the top; * also matches /"
    )
    rules: Mapping[str, Level]


class Lint(_Model):
    """The configuration of `correctless lint`; its flags win over this."""

    fail_on: Literal["error", "warning", "info"] = "error"
    dialect: Literal["claude-code", "agentskills"] = "claude-code"
    pedantic: bool = Field(False, description="also run and show what is only worth an info")
    contract: bool | None = Field(
        None,
        description="whether each skill must state a mode; without this: true where .correctless/ exists",
    )
    exclude: tuple[str, ...] = Field((), description="patterns of paths that are not linted")
    extends: tuple[str, ...] = Field((), description="other configuration files, relative to this one")
    rules: Mapping[str, Level] = Field(default_factory=dict, description="the level of a rule")
    overrides: tuple[LintOverride, ...] = Field((), description="levels for some files; the later one wins")


PIPELINES = {
    "default": Pipeline(
        steps=(
            Step(skill="ctdd"),
            Step(skill="simplify"),
            Step(skill="cverify"),
            Step(skill="cupdate-arch", intensity=("high", "critical")),
            Step(skill="cdocs"),
        )
    ),
    "quick": Pipeline(steps=(Step(skill="cquick"),)),
}


class Config(_Model):
    """The configuration of runs; flags win over the file, the file over these defaults."""

    intensity: Intensity = "standard"
    agent: str = "claude"
    agent_env: tuple[str, ...] = ()
    agent_publish_credentials: bool = False
    agent_sandbox: Literal["auto", "require", "off"] = Field(
        "auto",
        description="the wall around agents and checks. auto: warn where it can't be had; require: refuse to start there",
    )
    agent_writable: tuple[ReachedPath, ...] = Field(
        (), description="folders outside of the worktree that agents may write, such as ~/.cache/pre-commit"
    )
    agent_readable: tuple[ReachedPath, ...] = Field(
        (), description="files and folders that are hidden from agents otherwise, such as ~/.npmrc"
    )
    confirm_channels: tuple[Channel, ...] = Field(DEFAULT_CHANNELS, min_length=1)
    confirmers: tuple[str, ...] = ()
    max_minutes: float = Field(480, gt=0)
    max_usd: float | None = Field(None, gt=0)
    on_limit: Literal["wait", "pause"] = "wait"
    on_escalation: Literal["defer", "ask", "halt"] = Field(
        "defer",
        description="ask: at the terminal, when a step has deferred a decision; halt: pause after such a step",
    )
    ask_minutes: float = Field(10, gt=0, description="how long a question waits for its answer")
    silent: Literal["defer", "warn"] = Field(
        "defer",
        description="what an agent's answer without decisions and without an empty block is, where the skill has "
        "decisions for you or the answer names some: a deferred decision, or a warning",
    )
    stop_at_usage: Mapping[str, Annotated[float, Field(gt=0, le=100)]] = Field(
        default_factory=dict,
        description="pause before a step when a window of the account is used up so far, in percent",
    )
    extra_usage: Literal["allow", "never"] = Field(
        "allow",
        description="never: pause, when the account begins to pay for usage beside what it includes, until that is renewed",
    )
    keep_awake: bool = Field(
        True,
        description="the machine does not go to sleep while a run works, with systemd or macOS",
    )
    pr: Literal["gh", "skip"] | Argv = "gh"
    pr_draft: bool = Field(False, description="open the pull request as a draft")
    pr_labels: tuple[Label, ...] = Field((), description="labels that the pull request gets")
    pr_reviewers: tuple[Reviewer, ...] = Field(
        (), description="who are asked to review the pull request: a login, or org/team"
    )
    merge: Literal["never", "contract"] = Field(
        "never",
        description="contract: the pull request is merged as soon as the run contract that is pinned allows it",
    )
    merge_minutes: float = Field(
        60, gt=0, description="how long the terms of the merge, such as checks under way, are waited for"
    )
    ci_wait_minutes: float = Field(
        0,
        ge=0,
        le=10_080,
        description="how long the checks of the pull request are watched (pr: gh); 0: not at all",
    )
    remote: str = Field("origin", min_length=1)
    pr_remote: str = Field(
        "",
        description="the remote whose repository the pull request is opened in, where `remote` is a fork of it",
    )
    target: str | None = Field(
        None, description="the branch pull requests are against; the remote's default branch"
    )
    agent_mcp: str | None = Field(
        None,
        description="a file of MCP servers in the repository, such as .mcp.json; Claude Code gets them in every step",
    )
    park: str | None = Field(
        None,
        min_length=1,
        description="the remote on which a run that stopped is parked, so that any clone can continue it; "
        "none: never. without it: origin, if CI is set in the environment and that remote exists",
    )
    notify: Argv | None = None
    outputs: tuple[str, ...] = ()
    protected: tuple[str, ...] = ()
    worktree_setup: Argv | None = None
    labels: Mapping[str, str] = Field(default_factory=dict)
    commands: Commands = Commands()
    commit: Commit = Commit()
    lint: Lint = Lint()
    pipelines: Mapping[str, Pipeline] = Field(default_factory=dict)

    def pipeline(self, name: str) -> Pipeline:
        """Return a pipeline by name: the file's own, else one that ships. Raises: `Stop(3)` with the known names."""
        chosen = self.pipelines.get(name) or PIPELINES.get(name)
        if chosen is None:
            known = ", ".join(sorted({*PIPELINES, *self.pipelines}))
            raise Stop(exits.REFUSED, f"unknown pipeline '{name}'. write one of: {known}")
        return chosen

    def attempts(self) -> int:
        """Return how often a failing step is tried in total."""
        return 3 if self.intensity == "standard" else 2


def parse(data: bytes, where: str = PATH) -> Any:
    """Return the plain values of a configuration file. Raises: `Stop(3)` with the first YAML error."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Stop(exits.REFUSED, f"{where}: no UTF-8 at byte {error.start}. save it as UTF-8") from None
    document = yaml_text.read(text, where)
    if document.problems:
        first = document.problems[0]
        raise Stop(exits.REFUSED, f"{where}:{first.line}:{first.column}: {first.message}")
    return _plain(document.root) if document.root is not None else None


def _plain(node: Node) -> Any:
    if node.kind == yaml_text.MAP:
        return {key.text: _plain(value) for key, value in node.pairs}
    if node.kind == yaml_text.LIST:
        return [_plain(item) for item in node.items]
    return _CONSTANTS.get(node.text, _number(node.text)) if not node.style else node.text


_CONSTANTS = {"": None, "~": None, "null": None, "true": True, "false": False}


def _number(text: str) -> Any:
    # Only what every version of YAML reads as a number; yaml_text refuses the other spellings.
    for kind in (int, float):
        with suppress(ValueError):
            return kind(text) if text[:1] in "+-.0123456789" and "_" not in text else text
    return text


def load(values: Any, *, where: str = PATH, flags: Mapping[str, Any] | None = None) -> Config:
    """Return the configuration of the values in the YAML file and the flags. Raises: `Stop(3)` with every fault."""
    if values is None:
        values = {}
    if not isinstance(values, Mapping):
        raise Stop(
            exits.REFUSED, f"{where} is not a mapping. write keys and values, such as: intensity: high"
        )
    merged = {**values, **{key: value for key, value in (flags or {}).items() if value is not None}}
    try:
        return Config.model_validate(_tuples(merged))
    except ValidationError as error:
        given = {key for key, value in (flags or {}).items() if value is not None}
        mine = [each for each in error.errors() if each["loc"] and each["loc"][0] in given]
        others = [each for each in error.errors() if each not in mine]
        places = (("on the command line", mine), (where, others))
        faults = [f"{place}: {config_faults.describe(each, _keys)}" for place, each in places if each]
        raise Stop(exits.REFUSED, "; ".join(faults)) from None


def schema() -> dict[str, Any]:
    """Return the JSON Schema of the file."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Config.model_json_schema()}


def _tuples(value: Any) -> Any:
    # strict mode takes no list for a tuple, and without it "3" would pass for 3
    if isinstance(value, Mapping):
        return {key: _tuples(item) for key, item in value.items()}
    return tuple(_tuples(item) for item in value) if isinstance(value, list | tuple) else value


def _keys(path: Sequence[Any]) -> list[str]:
    model: Any = Config
    for part in path:
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            return []
        annotation: Any = (
            model.model_fields[str(part)].annotation if str(part) in model.model_fields else None
        )
        kinds = [kind for kind in (annotation, *get_args(annotation)) if isinstance(kind, type)]
        inner = [kind for kind in kinds if issubclass(kind, BaseModel)]
        model = inner[0] if inner else model
    return list(model.model_fields) if isinstance(model, type) and issubclass(model, BaseModel) else []
