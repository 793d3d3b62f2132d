"""What the linter knows of each version of Claude Code. tests/real/test_client_facts.py compares it with the clients."""

from __future__ import annotations

import pytest

from correctless.lint import clients, run
from correctless.lint.discover import LintTarget
from correctless.lint.settings import Settings
from correctless.lint.subject.subject import PLUGIN, SETTINGS
from places import ROOT
from programs import claude_versions, client_version

TABLES = ("EVENTS", "PLUGIN_KEYS", "ENTRY_KEYS", "MARKETPLACE_KEYS", "TOOLS", "MODELS")


def test_each_file_is_a_version_in_their_order_and_setup_ci_installs_the_first_and_the_last() -> None:
    folder = ROOT / "src/correctless/lint/clients"
    versions = [each.VERSION for each in clients.VERSIONS]
    assert {f"v{each.replace('.', '_')}.py" for each in versions} == {
        path.name for path in folder.glob("v*.py")
    }
    assert versions == sorted(versions, key=lambda each: [int(part) for part in each.split(".")])
    assert versions[0] == client_version()
    assert versions[-1] in claude_versions() or claude_versions() == ("",)


@pytest.mark.parametrize("table", TABLES)
def test_each_table_of_each_version_is_sorted_and_not_empty(table: str) -> None:
    for each in clients.VERSIONS:
        names = getattr(each, table)
        assert names
        assert list(names) == sorted(set(names))
        assert set(names) <= clients.known(table)


def test_a_name_of_a_newer_version_is_known_and_says_since_when() -> None:
    for table, name in (("EVENTS", "PreSkillShellCommand"), ("PLUGIN_KEYS", "optionalDependencies")):
        assert name in clients.known(table)
        assert clients.since(table, name) == "2.1.332"
    for name in ("PreModelSwitch", "PostModelSwitch", "DirectoryAdded", "PreToolUse", "NoSuchEvent"):
        assert clients.since("EVENTS", name) == ""
        assert (name in clients.known("EVENTS")) == (name != "NoSuchEvent")


def test_what_is_newer_than_a_supported_client_is_an_info() -> None:
    hook = '{"hooks": {"%s": [{"hooks": [{"type": "command", "command": "x"}]}]}}'
    for name, severities in (
        ("PreSkillShellCommand", ["info"]),
        ("PreModelSwitch", []),
        ("NoSuchEvent", ["warning"]),
    ):
        target = LintTarget(".claude/settings.json", SETTINGS)
        report = run.text((hook % name).encode(), target, Settings(pedantic=True), today="2026-11-30")
        assert [each.severity for each in report.findings] == severities, name
    target = LintTarget(".claude-plugin/plugin.json", PLUGIN)
    data = b'{"name": "p", "optionalDependencies": ["a"], "binaries": {}}'
    report = run.text(data, target, Settings(pedantic=True), today="2026-11-30")
    assert [(each.rule, each.severity) for each in report.findings] == [("plugin-unknown-key", "info")]
