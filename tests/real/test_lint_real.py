"""The linter beside `claude plugin validate` of the real client: what it can't read, we call an error, and what we say it
does with a file it says itself.
"""

from __future__ import annotations

import json
import random
import subprocess
from pathlib import Path

import pytest

from corpus import unpack
from correctless.lint import rules, run
from correctless.lint.discover import discover
from correctless.lint.settings import Settings
from patience import PATIENCE
from programs import claude_program, claude_versions

pytestmark = pytest.mark.real

MANIFEST = '{"name": "p", "version": "1.0.0", "description": "d", "author": {"name": "a"}}'
READING = {rule.ID for rule in rules.READING}
UNREAD = ("failed to parse", "must be a YAML mapping", "Invalid JSON syntax")
NOT_SEEN = "No frontmatter block found"

# Frontmatter as it gets broken, each between two lines `---`.
BROKEN = {
    "tab": "name: a\n\tdescription: d",
    "text-after-a-quote": 'name: a\ndescription: "one" two',
    "stray-line": "name: a\nwords\ndescription: d",
    "list": "- a",
    "words": "only words",
    "open-quote": 'name: a\ndescription: "never closed',
    "apostrophe": "name: a\ndescription: 'it's",
    "escape": 'name: a\ndescription: "a \\d b"',
    "nul": "name: a\ndescription: a\0b",
    "indented-key": "name: a\n  description: d",
    "dedented-item": "name: a\nallowed-tools:\n  - a\n - b",
    "colon-below": "name: a\nmetadata:\n  a: b: c",
    "dash": "name: a\ndescription: - d",
    "question": "name: a\ndescription: ? d",
}


@pytest.fixture(params=claude_versions())
def version(request: pytest.FixtureRequest) -> str:
    """The version of the client that is asked; each that scripts/setup-ci installs."""
    return str(request.param)


def client(top: Path, version: str) -> dict[str, tuple[list[str], list[str]]]:
    """Errors and warnings of the client about each file, by its path in the plugin."""
    (top / ".claude-plugin").mkdir(parents=True, exist_ok=True)
    if not list((top / ".claude-plugin").iterdir()):
        (top / ".claude-plugin/plugin.json").write_text(MANIFEST)
    done = subprocess.run(
        [claude_program(version), "plugin", "validate", "--json", str(top)],
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    said = json.loads(done.stdout)
    return {
        str(Path(each["file"]).relative_to(top)): tuple(
            [fault["message"] for fault in each[kind]] for kind in ("errors", "warnings")
        )  # type: ignore[misc]  # two of them
        for each in (said["manifest"], *said["contents"])
    }


def ours(top: Path) -> dict[str, list[tuple[str, str, str]]]:
    """Rule, severity and message of each of our findings, by the path in the plugin."""
    found: dict[str, list[tuple[str, str, str]]] = {}
    for target in discover([str(top)]).targets:
        report = run.text(Path(target.path).read_bytes(), target, Settings(pedantic=True), today="2026-11-25")
        found[str(Path(target.path).relative_to(top))] = [
            (each.rule, each.severity, each.message) for each in report.findings
        ]
    return found


def differences(top: Path, version: str) -> tuple[list[str], int]:
    """Files that the client can't read and we can, or that we say it does not see and it does; and how many were of either kind."""
    theirs, own = client(top, version), ours(top)
    wrong, met = [], 0
    for path, found in own.items():
        errors, warnings = theirs.get(path, ([], []))  # what is sound is not in its report
        if any(said in error for error in errors for said in UNREAD):
            met += 1
            if not any(rule in READING and severity == "error" for rule, severity, _ in found):
                wrong.append(f"{path}: the client says {errors}, we say {found}")
        # ENV-012: three dashes anywhere close it for the client.
        closed = (top / path).read_bytes().count(b"---") > 1
        claims = ("blank lines above the frontmatter", *(() if closed else ("nothing closes it",)))
        if any(claim in message for *_, message in found for claim in claims):
            met += 1
            if not any(NOT_SEEN in warning for warning in warnings):
                wrong.append(f"{path}: we say {found}, the client says {errors + warnings}")
    return wrong, met


def skill(top: Path, name: str, text: str | bytes) -> None:
    file = top / "skills" / name / "SKILL.md"
    file.parent.mkdir(parents=True)
    file.write_bytes(text if isinstance(text, bytes) else text.encode())


def test_what_the_client_cannot_read_is_an_error(tmp_path: Path, version: str) -> None:
    for name, text in BROKEN.items():
        skill(tmp_path, name, f"---\n{text}\n---\n# A\n")
    skill(tmp_path, "good", "---\nname: good\ndescription: d\n---\n# A\n")
    theirs = client(tmp_path, version)
    # So that the rest can fail at all: the client really refuses each of these.
    assert [path for path, (errors, _) in theirs.items() if errors and "good" in path] == []
    refused = {Path(path).parent.name for path, (errors, _) in theirs.items() if errors}
    assert refused == set(BROKEN)
    assert differences(tmp_path, version) == ([], len(BROKEN))


def test_where_we_say_that_no_key_has_an_effect_the_client_sees_no_frontmatter(
    tmp_path: Path, version: str
) -> None:
    for number, text in enumerate(
        (
            "\n---\nname: a\ndescription: d\n---\n# A\n",
            "  \n\n---\nname: a\ndescription: d\n---\n",
            "---\nname: a\ndescription: d\n# A\n",
            "---\nname: a\n\n# A\n\ntext\n",
            "---\r\nname: a\r\ndescription: d\r\n",
        )
    ):
        skill(tmp_path, f"s{number}", text)
    assert differences(tmp_path, version) == ([], 5)


@pytest.mark.parametrize("end", ["description: one --- two", "description: |\n  ---", "---y", "----"])
def test_the_client_ends_a_frontmatter_at_the_first_three_dashes(
    end: str, tmp_path: Path, version: str
) -> None:
    """ENV-012: a fault behind them is not seen, and neither is a key."""
    skill(tmp_path, "above", f"---\nx: - y\n{end}\n---\n")
    skill(tmp_path, "below", f"---\nname: a\n{end}\nx: - y\n---\n")
    theirs = client(tmp_path, version)
    assert theirs["skills/above/SKILL.md"][0]
    assert theirs.get("skills/below/SKILL.md", ([], []))[0] == []


PIECES = (
    "name: a", "description: d", "description: a: b", "description: [open", "description: @a", 'description: "q" x', "\tx: y",
    "  x: y", "x:", "  - a", " - b", "- c", "words", "x: 'it's", 'x: "a \\q"', "x: *a", "x: &a b", "x: |", "  text", "x: >-",
    "", "x: {a: b}", "x: {a: b", "? x", "x: - y", "x: !t y", "name: a", "# comment", "x: 'a' # b", "...", "--- y", "a b: c", "x: %a",
)  # fmt: skip


def test_three_hundred_frontmatters_put_together_at_random(tmp_path: Path, version: str) -> None:
    luck = random.Random(5)
    for number in range(300):
        lines = luck.choices(PIECES, k=luck.randint(1, 6))
        end = luck.choice(("---\n",) * 9 + ("",))
        skill(tmp_path, f"s{number:03d}", "---\n" + "\n".join(lines) + f"\n{end}# A\n")
    wrong, met = differences(tmp_path, version)
    assert "\n".join(wrong) == ""
    assert met > 100


def test_every_skill_of_the_corpus(tmp_path: Path, version: str) -> None:
    top = tmp_path / "plugin"
    for number, file in enumerate(sorted(unpack(tmp_path).rglob("SKILL.md"))):
        skill(top, f"s{number:03d}", file.read_bytes())
    for name in ("a", "z"):  # so that silence is no sign that it did not look
        skill(top, name, f"---\n{BROKEN['tab']}\n---\n")
    wrong, met = differences(top, version)
    assert "\n".join(wrong) == ""
    assert met >= 2


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("hooks/hooks.json", '{"hooks": {},}'),
        ("hooks/hooks.json", '{"hooks": {} // none\n}'),
        ("hooks/hooks.json", "{'hooks': {}}"),
        (".claude-plugin/plugin.json", '{"name": "p",}'),
        (".claude-plugin/plugin.json", '{"name": "p"} x'),
        (".claude-plugin/marketplace.json", '{"name": "m", "owner": {"name": "a"}, "plugins": []'),
        ("agents/a.md", '---\nname: a\ndescription: "one" two\n---\n'),
    ],
)
def test_a_file_of_json_or_an_agent_that_the_client_refuses_is_an_error(
    name: str, text: str, tmp_path: Path, version: str
) -> None:
    if not name.startswith(".claude"):
        (tmp_path / ".claude-plugin").mkdir()
        (tmp_path / ".claude-plugin/plugin.json").write_text(MANIFEST)
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(text)
    assert differences(tmp_path, version) == ([], 1)
