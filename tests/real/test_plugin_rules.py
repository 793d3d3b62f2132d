"""The rules about plugins beside the real `claude plugin validate`: what it refuses is an error here, and the other way round."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

import places
from correctless.lint import run
from correctless.lint.discover import LintTarget
from correctless.lint.rules import PLUGINS, READING
from correctless.lint.settings import Settings
from correctless.lint.subject.subject import HOOKS, MARKETPLACE, MCP, PLUGIN
from correctless.syntax.finding import Finding
from patience import PATIENCE
from programs import claude_program, claude_versions

pytestmark = pytest.mark.real

CASES = places.CASES / "rules"
PLACES = {
    "plugin": (PLUGIN, ".claude-plugin/plugin.json"),
    "marketplace": (MARKETPLACE, ".claude-plugin/marketplace.json"),
    "hooks": (HOOKS, "hooks/hooks.json"),
    "mcp": (MCP, ".mcp.json"),
}
TEXTS = {".json": '{"hooks": {}, "mcpServers": {}}', ".js": "export function register(on, options) {}\n"}
# What the client finds out only when it installs or runs, or only warns of: an entry that it then ignores.
OURS_ALONE = {"marketplace-source-missing", "hook-script-missing", "duplicate-key", "hooks-schema"}


@pytest.fixture(params=claude_versions())
def version(request: pytest.FixtureRequest) -> str:
    """The version of the client that is asked; each that scripts/setup-ci installs."""
    return str(request.param)


# Of these it loads no server, and its validator says nothing: tests/real/test_lint_sessions.py.
SILENT = {"list.mcp.json", "servers.mcp.json"}


def cases() -> list[Path]:
    return sorted(path for path in CASES.glob("*/*/*.json") if path.suffixes[0][1:] in PLACES)


def laid_out(case: Path, top: Path) -> tuple[str, Path]:
    """The kind of the case, and its file in a plugin in which every path it names exists."""
    kind, place = PLACES[case.suffixes[0][1:]]
    file = top / place
    file.parent.mkdir(parents=True)
    file.write_bytes(case.read_bytes())
    manifest = top / ".claude-plugin" / "plugin.json"
    if kind in (HOOKS, MCP):
        manifest.parent.mkdir(exist_ok=True)
        manifest.write_text('{"name": "my-plugin"}')
    for said in set(re.findall(r'"\./([\w./-]*)"', case.read_text("utf-8"))):
        for path in (top / said, file.parent / said):  # a module's path counts from its hooks.json
            if ".." in said or path.exists():
                continue
            if path.suffix:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(TEXTS.get(path.suffix, "Nothing.\n"))
            else:
                path.mkdir(parents=True)
    return kind, file


def refused(top: Path, home: Path, version: str) -> str:
    """What the client says against the plugin or marketplace, "" when it passes."""
    done = subprocess.run(
        [claude_program(version), "plugin", "validate", str(top)],
        env={
            "HOME": str(home),
            "PATH": "/usr/bin:/bin",
            "DISABLE_TELEMETRY": "1",
            "DISABLE_ERROR_REPORTING": "1",
            "DISABLE_AUTOUPDATER": "1",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    return done.stdout + done.stderr if done.returncode else ""


def errors(kind: str, file: Path) -> list[Finding]:
    report = run.text(file.read_bytes(), LintTarget(str(file), kind), Settings(), today="2026-11-25")
    theirs_too = {rule.ID for rule in (*READING, *PLUGINS)}  # the client looks for no secrets, say
    return [each for each in report.findings if each.severity == "error" and each.rule in theirs_too]


@pytest.mark.parametrize("case", cases(), ids=lambda path: "-".join(path.relative_to(CASES).parts))
def test_a_case_is_broken_here_where_it_is_for_the_client(case: Path, tmp_path: Path, version: str) -> None:
    kind, file = laid_out(case, tmp_path / "plugin")
    found = errors(kind, file)
    said = refused(tmp_path / "plugin", tmp_path, version)
    if said:
        assert found, said
    else:
        allowed = OURS_ALONE | ({"mcp-schema"} if case.name in SILENT else set())
        assert {each.rule for each in found} <= allowed, found
