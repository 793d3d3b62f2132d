"""Rules of the linter, each a function of one `Subject` that yields findings.

A rule is one module: its docstring is its page, `ID` its name, `SEVERITY` its default severity, `READS` the kinds of
files it reads, and `check` yields its findings. To add one, write the module, name it below, and put its cases into
tests/cases/rules/<id>/.

Each rule is run over each file. So a rule searches for a substring first: in `skill.md.body`, or for any case in
`skill.md.lowered`. A pattern is a text, `re.search(_NAME, ...)`, or `lazily(...)`: both are compiled on first use.
`skill.md.lines`, `.sections` and `.frontmatter` are computed once for each file. No `dataclasses`: a value is a
`NamedTuple`, and a changed one is `value._replace(...)`.
"""

from __future__ import annotations

from correctless.lint.rules.contract import (
    active_deferred_default,
    allowed_tools,
    ask_point_uncovered,
    autonomous_asks,
    context,
    default_entry,
    default_shown,
    defaults_section,
    deferred_default,
    delegates_to_interactive,
    fork_interactive,
    hybrid_escalates,
    interaction_mode,
    log_writer,
    near_miss_key,
    own_mode_detection,
)
from correctless.lint.rules.linter import suppression
from correctless.lint.rules.plugin import (
    agent_description,
    agent_key,
    agent_name,
    hook_event_unknown,
    hook_fails_open,
    hook_matcher,
    hook_script_missing,
    hook_unquoted_path,
    hooks_schema,
    marketplace_schema,
    marketplace_source_missing,
    mcp_schema,
    plugin_name,
    plugin_path_missing,
    plugin_schema,
    plugin_unknown_key,
    settings_schema,
    skill_name_twice,
    style_key,
    version_differs,
)
from correctless.lint.rules.reading import (
    duplicate_key,
    encoding,
    frontmatter,
    json_syntax,
    unreadable,
    yaml_alias,
    yaml_scalar,
    yaml_syntax,
)
from correctless.lint.rules.skill import (
    body_empty,
    body_length,
    boolean_value,
    comment_in_value,
    compatibility_length,
    description_length,
    description_missing,
    effort_value,
    fence_unclosed,
    fenced_command,
    hidden_character,
    home_path,
    link_missing,
    model_value,
    name_folder,
    name_format,
    name_missing,
    script_not_runnable,
    secret,
    skill_file_name,
    tool_unknown,
    tools_overlap,
    unknown_key,
    unreachable,
)
from correctless.lint.subject.subject import SKILL, Subject, of_contract
from correctless.skill.contract import SkillContract
from correctless.syntax.finding import Finding

TYPE_CHECKING = False  # typing costs 2 ms to import
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, Protocol

    class Rule(Protocol):
        """Interface of a module in this folder."""

        __doc__: str | None

        @property
        def ID(self) -> str: ...  # noqa: N802 a constant of the module

        @property
        def SEVERITY(self) -> str: ...  # noqa: N802

        @property
        def READS(self) -> tuple[str, ...]: ...  # noqa: N802

        # A rule names the class of its own kinds: `check(skill: Skill)`.
        def check(self, subject: Any, /) -> Iterable[Finding]: ...


# The file can be read.
READING: tuple[Rule, ...] = (
    unreadable,
    encoding,
    frontmatter,
    yaml_syntax,
    yaml_scalar,
    yaml_alias,
    json_syntax,
    duplicate_key,
)

# The skill contract; the dispatcher refuses a skill with an error here.
CONTRACT: tuple[Rule, ...] = (
    interaction_mode,
    near_miss_key,
    context,
    allowed_tools,
    fork_interactive,
    defaults_section,
    default_entry,
    hybrid_escalates,
    deferred_default,
    active_deferred_default,
    default_shown,
    log_writer,
    own_mode_detection,
    autonomous_asks,
    ask_point_uncovered,
    delegates_to_interactive,
)

SKILLS: tuple[Rule, ...] = (
    skill_file_name,
    name_folder,
    link_missing,
    name_missing,
    name_format,
    description_missing,
    description_length,
    comment_in_value,
    compatibility_length,
    unknown_key,
    tool_unknown,
    tools_overlap,
    model_value,
    effort_value,
    boolean_value,
    unreachable,
    body_empty,
    body_length,
    fence_unclosed,
    fenced_command,
    script_not_runnable,
    home_path,
    secret,
    hidden_character,
)

PLUGINS: tuple[Rule, ...] = (
    plugin_name,
    plugin_schema,
    plugin_path_missing,
    plugin_unknown_key,
    marketplace_schema,
    marketplace_source_missing,
    version_differs,
    hooks_schema,
    hook_event_unknown,
    hook_matcher,
    hook_script_missing,
    hook_fails_open,
    hook_unquoted_path,
    settings_schema,
    mcp_schema,
    style_key,
    agent_name,
    agent_description,
    agent_key,
    skill_name_twice,
)

# Notes to the linter in a file.
LINTER: tuple[Rule, ...] = (suppression,)

FAMILIES = {
    "reading": READING,
    "contract": CONTRACT,
    "skill": SKILLS,
    "plugin": PLUGINS,
    "linter": LINTER,
}

RULES: tuple[Rule, ...] = (*READING, *CONTRACT, *SKILLS, *PLUGINS, *LINTER)


def reading(kind: str, rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """Return the rules that read this kind of file."""
    return tuple(rule for rule in rules if kind in rule.READS)


def run(subject: Subject, rules: Iterable[Rule], path: str = "") -> list[Finding]:
    """Return the findings of these rules, all of which read this kind of file, in the order of the text."""
    findings = {
        # Not `_replace`, which takes three times as long: a file has many.
        Finding(
            path, each.line, each.column, rule.ID, each.message, each.severity or rule.SEVERITY, *each[6:]
        )
        for rule in rules
        for each in rule.check(subject)
    }
    return sorted(findings, key=_order) if len(findings) > 1 else list(findings)


def _order(finding: Finding) -> tuple[int, int, str, str]:
    return finding.line, finding.column, finding.rule, finding.message


def problems(contract: SkillContract) -> tuple[Finding, ...]:
    """Return the findings about the contract of a SKILL.md, and about reading it."""
    return tuple(run(of_contract(contract), reading(SKILL, (*READING, *CONTRACT)), contract.path))
