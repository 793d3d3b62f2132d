"""The text of each file that `correctless init` makes."""

from __future__ import annotations

from collections.abc import Sequence

from correctless.setup.choice import command
from correctless.setup.ecosystems import Argv, FoundTests
from correctless.setup.source import PinnedSource
from correctless.setup.yaml_edit import flow, scalar

WORKFLOW = ".github/workflows/correctless.yml"
PRE_COMMIT = ".pre-commit-config.yaml"
IGNORE = ".gitignore"

# As in the CI of correctless itself. A tag could be moved.
_CHECKOUT = "actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683 # v4.2.2"
# The files of .pre-commit-hooks.yaml, for a hook that is not taken from a repository.
_LINTED = (
    r"(^|/)SKILL\.md$|(^|/)\.claude-plugin/(plugin|marketplace)\.json$|(^|/)hooks/hooks\.json$|(^|/)\.mcp\.json$"
    r"|(^|/)\.claude/settings(\.local)?\.json$|(^|/)\.claude/((agents|output-styles)/[^/]+|commands/.+)\.md$"
)


def configuration(test: Argv | None, candidates: Sequence[FoundTests], pr: str, agent: str | None) -> str:
    """Return a new configuration. Without a test command its line is a comment, with the candidates as they were found."""
    rows = [
        "# Settings of correctless. A run reads them from the commit that it starts from.",
        "# Every key: docs/configuration.md of correctless, or correctless schema config.",
        "intensity: standard   # or high: also brings the architecture page up to date",
        *([f"agent: {scalar(agent)}"] if agent else []),
        *_tests(test, candidates),
        f"pr: {pr}"
        + ("   # only write the pull request's text; gh: push and open it" if pr == "skip" else ""),
        "# max_usd: 20          # a run that has cost so much pauses",
    ]
    return "".join(f"{row}\n" for row in rows)


def _tests(test: Argv | None, candidates: Sequence[FoundTests]) -> list[str]:
    if test:
        return ["commands:", f"  test: {flow(test)}   # a list of words: no shell, no $VARIABLE"]
    why = "several were found, so choose" if candidates else "none was found, so nothing proves a step's work"
    rows = [f"# The test command: {why}.", "# commands:"]
    found = [f"#   test: {flow(command(each))}   # {each.ecosystem}: {each.because}" for each in candidates]
    return [*rows, *(found or ["#   test: [make, test]"])]


def spec(title: str) -> str:
    """Return the template of a specification."""
    return f"""# {title}

What is to be built, for whom, and why: a few sentences.

## Rules

One testable statement each. The last steps of a run check every rule by its number.

- R-001: Write what can be observed when this is done, such as: an expired code is refused with "code expired".
- R-002: Write what happens at a limit or with wrong input.

## Not part of it

- What a reader could expect here, and what is left for later.
"""


def workflow(source: PinnedSource) -> str:
    """Return the CI job: it lints what Claude Code reads, with no secret and no right but to read the code."""
    return f"""# Made by correctless init. It checks skills, commands, agents, plugins, hooks and settings.
name: correctless

on:
  push:
    branches: [main, master]
  pull_request:

permissions: {{}}

concurrency:
  group: correctless-${{{{ github.ref }}}}
  cancel-in-progress: true

jobs:
  lint:
    runs-on: ubuntu-24.04
    timeout-minutes: 10
    permissions:
      contents: read
    steps:
      - uses: {_CHECKOUT}
        with:
          persist-credentials: false
      - uses: {_CHECKOUT}
        with:
          repository: {source.repository}
          ref: {source.commit}
          path: .correctless-tool
          persist-credentials: false
      - run: .correctless-tool/scripts/correctless lint --format github --allow-empty .
"""


def hook(source: PinnedSource | None) -> str:
    """Return the item of pre-commit's `repos`: from a commit, or the `correctless` that is installed."""
    if source is not None:
        return f"repo: {source.url}\nrev: {source.commit}\nhooks:\n  - id: correctless-lint\n"
    return f"""repo: local
hooks:
  - id: correctless-lint
    name: correctless lint
    entry: correctless lint
    language: system
    require_serial: true
    files: '{_LINTED}'
"""


def ignored(before: str, patterns: Sequence[str]) -> str:
    """Return a .gitignore with more patterns at its end."""
    newline = "\r\n" if "\r\n" in before else "\n"
    gap = "" if not before else newline if before.endswith("\n") else newline * 2
    rows = ["# what the tests leave behind", *patterns]
    return before + gap + "".join(f"{row}{newline}" for row in rows)
