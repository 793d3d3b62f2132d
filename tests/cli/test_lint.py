"""`correctless lint` as its users meet it: what it reads, what it prints, what it keeps, and its exit codes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import correctless
import forked
from correctless.base import exits
from correctless.lint import cache as kept
from correctless.lint.discover import discover, kind_of
from correctless.skill.find import MAX_FILE
from places import CASES, ROOT

SARIF = json.loads((CASES / "sarif-schema-2.1.0.json").read_text("utf-8"))

GOOD = "---\nname: good\ndescription: d\ninteraction_mode: interactive\n---\n# Good\n"
COLON = "---\nname: colon\ndescription: Presets: QA\ninteraction_mode: interactive\n---\n# Colon\n"
OTHER = "---\nname: misnamed\ndescription: d\ninteraction_mode: interactive\n---\n# Other\n"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A project of a good skill, one whose frontmatter is no YAML, and one with another name than its folder's."""
    top = tmp_path / "project"
    (top / ".correctless").mkdir(parents=True)
    for name, text in (("good", GOOD), ("colon", COLON), ("other", OTHER)):
        write(top / "skills" / name / "SKILL.md", text)
    return top


def write(path: Path, text: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def lint(
    cwd: Path, *words: str, stdin: bytes = b"", cache: Path | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "XDG_CACHE_HOME": str(cache or cwd.parent / "cache"), **variables}
    done = forked.run(["lint", *words], cwd=cwd, env=env, stdin=stdin)
    assert "Traceback" not in done.stderr
    return done


def found(cwd: Path, *words: str, **more: Any) -> list[tuple[str, int, int, str]]:
    done = lint(cwd, "--format", "json", *words, **more)
    assert done.returncode in (0, 1), done.stderr
    return [(each["path"], each["line"], each["column"], each["rule"]) for each in json.loads(done.stdout)]


SEEN = [("skills/colon/SKILL.md", 3, 21, "yaml-syntax"), ("skills/other/SKILL.md", 2, 7, "name-folder")]


def test_text_shows_the_place_the_line_and_a_caret_and_ends_with_1(tree: Path) -> None:
    done = lint(tree)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.splitlines() == [
        "skills/colon/SKILL.md:3:21: ': ' in a value without quotes starts another key. write \"Presets: QA\" [yaml-syntax]",
        "  3 | description: Presets: QA",
        "    |                     ^~~~",
        "skills/other/SKILL.md:2:7: warning: the name is 'misnamed' and the folder 'other'. write 'other', or rename the folder [name-folder]",
        "  2 | name: misnamed",
        "    |       ^~~~~~~~",
        "1 error, 1 warning: 3 files read",
    ]


def test_exit_codes(tree: Path) -> None:
    assert lint(tree, "skills/good").returncode == exits.OK
    assert lint(tree, "skills/other").returncode == exits.OK
    assert lint(tree, "--fail-on", "warning", "skills/other").returncode == exits.FINDINGS
    assert lint(tree, "skills/colon").returncode == exits.FINDINGS
    for words in (
        ["--no-such"],
        ["--format", "xml"],
        ["--format"],
        ["skills/good/README.txt"],
        ["--jobs", "0"],
    ):
        (tree / "skills/good/README.txt").touch()
        done = lint(tree, *words)
        assert (done.returncode, done.stdout) == (exits.USAGE, ""), words
        assert done.stderr.count("\n") == 1


def test_help_has_an_example_and_the_group_lists_both_commands(tree: Path) -> None:
    assert "Example: correctless lint" in lint(tree, "--help").stdout
    listing = subprocess.run(
        [*correctless.itself(), "--help"], capture_output=True, text=True, check=True
    ).stdout
    assert "  lint " in listing
    assert "  rules " in listing


def test_json_is_a_list_of_whole_findings(tree: Path) -> None:
    first, _ = json.loads(lint(tree, "--format=json").stdout)
    assert first == {
        "path": "skills/colon/SKILL.md",
        "line": 3,
        "column": 21,
        "rule": "yaml-syntax",
        "message": "': ' in a value without quotes starts another key. write \"Presets: QA\"",
        "severity": "error",
        "end_line": 3,
        "end_column": 25,
        "fix": [{"start": 29, "end": 40, "new": '"Presets: QA"'}],
    }
    assert json.loads(lint(tree, "--format", "json", "skills/good").stdout) == []


def test_github_has_true_lines_for_broken_yaml(tree: Path) -> None:
    assert lint(tree, "--format", "github", "skills/colon").stdout == (
        "::error file=skills/colon/SKILL.md,line=3,col=21,endLine=3,endColumn=25,title=yaml-syntax::"
        "': ' in a value without quotes starts another key. write \"Presets: QA\"\n"
    )


def test_sarif_answers_to_its_schema_and_names_rule_place_and_fix(tree: Path) -> None:
    write(tree / "skills/ä b/SKILL.md", OTHER)
    write(tree / "skills/nul/SKILL.md", GOOD.replace("# Good", "\0\x1b\u202e"))
    log = json.loads(lint(tree, "--format", "sarif", "--pedantic").stdout)
    jsonschema.Draft4Validator(SARIF).validate(log)
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    broken = next(each for each in run["results"] if each["ruleId"] == "yaml-syntax")
    assert rules[broken["ruleIndex"]]["id"] == "yaml-syntax"
    (place,) = broken["locations"]
    assert place["physicalLocation"]["region"]["startColumn"] == 21
    assert broken["fixes"][0]["artifactChanges"][0]["replacements"][0]["deletedRegion"] == {
        "charOffset": 29,
        "charLength": 11,
    }
    assert "skills/%C3%A4%20b/SKILL.md" in json.dumps(run["results"])


def test_standard_input_is_read_as_the_file_it_stands_for(tree: Path) -> None:
    done = lint(tree, "--stdin-name", "skills/other/SKILL.md", stdin=OTHER.encode())
    assert "skills/other/SKILL.md:2:7: warning: the name is 'misnamed'" in done.stdout
    assert lint(tree, "--stdin-name", "x/plugin.json", stdin=b"{,}").returncode == 1
    assert lint(tree, "--stdin-name", "x/SKILL.md", "skills").returncode == 2


@pytest.mark.parametrize("word", ["--fix", "--fix-only=yaml-syntax"])
def test_fix_mends_what_it_can_and_keeps_every_other_byte_and_the_mode(tree: Path, word: str) -> None:
    file = write(tree / "skills/colon/SKILL.md", COLON.replace("\n", "\r\n").encode() + b"\t \r\nno end")
    file.chmod(0o664)  # more than a usual umask leaves to a new file
    before = file.read_bytes()
    done = lint(tree, word)
    assert "yaml-syntax" not in done.stdout
    assert file.read_bytes() == before.replace(b"Presets: QA", b'"Presets: QA"')
    assert file.stat().st_mode & 0o777 == 0o664
    after = file.stat()
    lint(tree, word)
    assert file.stat().st_mtime_ns == after.st_mtime_ns


def test_fix_only_leaves_the_other_rules_alone_and_diff_leaves_all(tree: Path) -> None:
    before = (tree / "skills/colon/SKILL.md").read_text()
    lint(tree, "--fix-only", "near-miss-key")
    done = lint(tree, "--diff")
    assert (tree / "skills/colon/SKILL.md").read_text() == before
    assert done.stdout.splitlines()[:2] == ["--- a/skills/colon/SKILL.md", "+++ b/skills/colon/SKILL.md"]
    assert '+description: "Presets: QA"' in done.stdout
    assert done.returncode == 1


def test_fix_keeps_a_byte_order_mark_and_a_link(tree: Path) -> None:
    file = write(tree / "store/colon.md", b"\xef\xbb\xbf" + COLON.encode())
    link = tree / "skills/colon/SKILL.md"
    link.unlink()
    link.symlink_to(file)
    lint(tree, "--fix")
    assert link.is_symlink()
    assert file.read_bytes() == b"\xef\xbb\xbf" + COLON.replace("Presets: QA", '"Presets: QA"').encode()


def test_a_suppression_with_a_reason_silences_one_rule_until_its_day(tree: Path) -> None:
    file = tree / "skills/other/SKILL.md"
    line = "<!-- correctless: ignore name-folder{} -- the readers know it so -->\n"
    file.write_text(OTHER + line.format(""))
    assert found(tree, "skills/other") == []
    file.write_text(OTHER + line.format(" until 2999-01-01"))
    assert found(tree, "skills/other") == []
    file.write_text(OTHER + line.format(" until 2001-01-01"))
    assert [rule for *_, rule in found(tree, "skills/other")] == ["name-folder", "suppression"]
    file.write_text(OTHER + "<!-- correctless: ignore name-folder -->\n")
    assert [rule for *_, rule in found(tree, "skills/other")] == ["name-folder", "suppression"]
    file.write_text(OTHER.replace("misnamed", "other") + line.format(""))
    assert found(tree, "skills/other") == [("skills/other/SKILL.md", 7, 1, "suppression")]


def test_a_suppression_runs_out_without_the_file_being_touched(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from correctless.lint import run, settings
    from correctless.lint.discover import LintTarget

    file = write(
        tree / "skills/other/SKILL.md",
        OTHER + "<!-- correctless: ignore name-folder until 2026-11-25 -- x -->\n",
    )
    os.utime(file, ns=(0, 0))
    monkeypatch.chdir(tree)
    rules = {}
    for today in ("2026-11-25", "2026-11-26"):
        store = kept.Cache(str(tree / "cache"))
        target = [LintTarget("skills/other/SKILL.md", "skill")]
        report = run.files(
            target, settings.Settings(), store, today=today, now_ns=time.time_ns() + 10**10, workers=1
        )
        rules[today] = [each.rule for each in report.findings]
    assert rules == {"2026-11-25": [], "2026-11-26": ["name-folder", "suppression"]}


def test_a_baseline_takes_on_what_is_there_and_nothing_that_changes(tree: Path) -> None:
    assert lint(tree, "--write-baseline", "known.json").returncode == 0
    assert lint(tree, "--baseline", "known.json", "--fail-on", "info").returncode == 0
    file = tree / "skills/colon/SKILL.md"
    file.write_text("---\nlicense: MIT\n" + COLON[4:])  # it moves down a line
    assert found(tree, "--baseline", "known.json") == []
    file.write_text(COLON.replace("QA", "QA, UX"))
    assert [rule for *_, rule in found(tree, "--baseline", "known.json")] == ["yaml-syntax"]
    assert lint(tree, "--baseline", "none.json").returncode == exits.REFUSED
    (tree / "known.json").write_text("[]")
    assert lint(tree, "--baseline", "known.json").returncode == exits.REFUSED


def test_changed_reads_only_what_differs_from_a_commit(scratch_repo: Path, git: Any) -> None:
    for name in ("old", "new", "edited"):
        if name != "new":
            write(scratch_repo / f"skills/{name}/SKILL.md", COLON)
    git(scratch_repo, "add", ".")
    git(scratch_repo, "commit", "-qm", "skills")
    write(scratch_repo / "skills/new/SKILL.md", COLON)
    write(scratch_repo / "skills/edited/SKILL.md", COLON + "more\n")
    seen = {path for path, *_ in found(scratch_repo, "--changed")}
    assert seen == {"skills/new/SKILL.md", "skills/edited/SKILL.md"}
    assert {path for path, *_ in found(scratch_repo, "--changed=HEAD~1")} == seen | {"skills/old/SKILL.md"}
    assert lint(scratch_repo, "--changed=nowhere").returncode == exits.REFUSED


def configure(tree: Path, text: str, name: str = "correctless") -> None:
    write(tree / f".correctless/config/{name}.yaml", text)


def test_the_configuration_sets_levels_paths_and_the_dialect(tree: Path) -> None:
    configure(tree, "lint:\n  rules: {name-folder: ignore}\n")
    assert found(tree) == SEEN[:1]
    configure(tree, "lint:\n  overrides:\n    - paths: [skills/col*]\n      rules: {yaml-syntax: warning}\n")
    assert lint(tree).returncode == 0
    assert found(tree) == SEEN
    configure(tree, "lint:\n  exclude: ['skills/o*']\n  fail_on: info\n")
    assert found(tree) == SEEN[:1]
    configure(tree, "lint: {dialect: agentskills}\n")
    assert lint(tree, "skills/other").returncode == 1
    assert lint(tree, "--dialect", "claude-code", "skills/other").returncode == 0
    configure(tree, "lint: {rule: {}}\n")
    done = lint(tree)
    assert (done.returncode, done.stdout) == (exits.REFUSED, "")
    assert "'lint.rule' is not a key. did you mean rules" in done.stderr


def test_a_configuration_extends_others_and_another_one_can_be_named(tree: Path) -> None:
    configure(tree, "lint: {rules: {name-folder: ignore, yaml-syntax: info}}\n", "base")
    configure(tree, "lint: {extends: [base.yaml], rules: {yaml-syntax: error}}\n")
    for _ in range(2):  # the second time from what was kept
        assert found(tree) == SEEN[:1]
    configure(tree, "lint: {rules: {name-folder: error}}\n", "base")
    assert lint(tree, "skills/other").returncode == 1
    configure(tree, "intensity: high\n", "none")
    assert lint(tree, "--config", ".correctless/config/none.yaml", "skills/other").returncode == 0
    assert lint(tree, "--config", "nowhere.yaml").returncode == exits.REFUSED


def test_a_rule_a_configuration_names_must_exist(tree: Path) -> None:
    configure(tree, "lint: {rules: {name-foldr: ignore}}\n")
    done = lint(tree)
    assert done.returncode == exits.REFUSED
    assert "unknown rule 'name-foldr'. write name-folder" in done.stderr


def test_info_is_shown_when_it_is_asked_for(tree: Path) -> None:
    write(tree / "skills/good/SKILL.md", GOOD.replace("\n", "\r\n"))
    assert found(tree, "skills/good") == []
    assert [rule for *_, rule in found(tree, "--pedantic", "skills/good")] == ["encoding"]


def test_a_skill_without_a_mode_is_a_fault_where_the_contract_is_used(tmp_path: Path) -> None:
    write(tmp_path / "p/skills/a/SKILL.md", "---\nname: a\ndescription: d\n---\nDo.\n")
    assert found(tmp_path / "p") == []
    (tmp_path / "p/.correctless").mkdir()
    assert [rule for *_, rule in found(tmp_path / "p")] == ["interaction-mode"]


def test_which_project_a_skill_belongs_to_is_said_by_where_it_lies_and_not_by_where_somebody_stands(
    tmp_path: Path,
) -> None:
    for name in ("uses", "not"):
        write(tmp_path / name / "skills/a/SKILL.md", "---\nname: a\ndescription: d\n---\nDo.\n")
        (tmp_path / name / ".git").mkdir()
    (tmp_path / "uses/.correctless").mkdir()
    for words in (("../uses", "../not"), ("../uses/skills/a/SKILL.md", "../not/skills/a/SKILL.md"), ("..",)):
        for cwd in ("uses", "not"):
            said = [
                (os.path.relpath(tmp_path / cwd / path, tmp_path), rule)
                for path, *_, rule in found(tmp_path / cwd, *words)
            ]
            assert said == [("uses/skills/a/SKILL.md", "interaction-mode")], (words, cwd)


def test_everything_that_is_linted_is_found_once_at_any_depth(tmp_path: Path) -> None:
    for name in (
        "SKILL.md", "skills/a/SKILL.md", "deep/er/team-skills/b/SKILL.md", ".claude/skills/c/SKILL.md",
        ".agents/skills/d/SKILL.md", ".claude/agents/e.md", "p/.claude-plugin/plugin.json", "p/agents/f.md",
        "p/plugin.json", "p/hooks/hooks.json", ".claude-plugin/marketplace.json", "ä ö/skills/x y/SKILL.md",
        ".claude/commands/one.md", ".claude/commands/deep/er/two.md", "p/commands/three.md", "p/output-styles/four.md",
        ".claude/output-styles/five.md", ".mcp.json", "p/.mcp.json", ".claude/settings.json", ".claude/settings.local.json",
        "p/settings.json",
    ):  # fmt: skip
        write(tmp_path / name, "{}")
    wanted = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    for name in (
        "skills/_shared/SKILL.md", ".git/skills/a/SKILL.md", "node_modules/a/SKILL.md", "skills/a/agents/g.md",
        "skills/a/README.md", "grafana/plugin.json", "skills/none/notes.md", "docs/commands/page.md",
        ".vscode/settings.json", "web/settings.json", "p/settings.local.json", "docs/output-styles/x.md",
    ):  # fmt: skip
        write(tmp_path / name, "{}")
    (tmp_path / "skills/loop").symlink_to(tmp_path)
    (tmp_path / "skills/again").symlink_to(tmp_path / "skills/a")
    (tmp_path / "self").symlink_to(tmp_path / "self")
    outside = write(tmp_path.with_name("outside") / "s/SKILL.md", "x")
    write(outside.parent / "deep/skills/t/SKILL.md", "x")
    (tmp_path / "skills/linked").symlink_to(outside.parent)
    seen = discover([str(tmp_path), str(tmp_path / "skills")]).targets
    assert {os.path.relpath(each.path, tmp_path) for each in seen} == wanted | {"skills/linked/SKILL.md"}
    assert len(seen) == len(wanted) + 1
    kinds = [each.kind for each in seen]
    assert {kind: kinds.count(kind) for kind in sorted(set(kinds) - {"skill"})} == {
        "agent": 2, "command": 3, "hooks": 1, "marketplace": 1, "mcp": 2, "plugin": 2, "settings": 3, "style": 2
    }  # fmt: skip


def test_a_skill_in_lower_case_is_read_and_a_page_of_that_name_is_not(tmp_path: Path) -> None:
    write(tmp_path / "a/skill.md", "---\nname: a\ndescription: d\n---\nDo.\n")
    write(tmp_path / "b/Skill.MD", "---\nname: b\ndescription: d\n---\nDo.\n")
    write(tmp_path / "docs/skill.md", "# What a skill is\n")
    write(tmp_path / "site/skill.md", "---\ntitle: Skill\nname: s\ndescription: About skills\n---\n")
    write(tmp_path / "c/SKILL.md", "---\nname: c\ndescription: d\n---\nDo.\n")
    write(tmp_path / "c/skill.md", "---\nname: c\ndescription: d\n---\nNotes.\n")
    seen = [os.path.relpath(each.path, tmp_path) for each in discover([str(tmp_path)]).targets]
    assert seen == ["a/skill.md", "b/Skill.MD", "c/SKILL.md"]
    assert [
        (path, rule) for path, *_, rule in found(tmp_path, "--format", "json") if "file-name" in rule
    ] == [
        ("a/skill.md", "skill-file-name"),
        ("b/Skill.MD", "skill-file-name"),
    ]
    assert found(tmp_path, "--dialect", "agentskills", "a") == []
    assert found(tmp_path, "docs/skill.md", "site/skill.md", "--fail-on", "error")[0][3] != "skill-file-name"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("agents/a.md", "agent"),
        ("commands/a.md", "command"),
        (".claude/commands/deep/a.md", "command"),
        ("commands/a/SKILL.md", "skill"),
        ("output-styles/a.md", "style"),
        (".mcp.json", "mcp"),
        (".claude/settings.local.json", "settings"),
    ],
)
def test_a_named_file_is_read_as_what_its_folder_makes_it(name: str, kind: str, tmp_path: Path) -> None:
    assert kind_of(str(tmp_path / name)) == kind
    write(tmp_path / name, "{}")
    assert [each.kind for each in discover([str(tmp_path / name)]).targets] == [kind]


def test_a_path_without_anything_to_lint_ends_with_3_and_says_so(tree: Path) -> None:
    (tree / "notes").mkdir()
    write(tree / "notes/README.md", "# Notes")
    for words in (["notes"], ["skills/good", "notes"], ["--format", "json", "notes"], ["--changed", "notes"]):
        done = lint(tree, *words)
        assert done.returncode == exits.REFUSED, words
        assert "'notes' has nothing to lint" in done.stderr
        assert "--allow-empty" in done.stderr
    done = lint(tree / "notes")
    assert done.returncode == exits.REFUSED
    assert "'.' has nothing to lint" in done.stderr
    assert lint(tree, "--allow-empty", "notes").returncode == exits.OK
    assert lint(tree, "--allow-empty", "skills/good", "notes").returncode == exits.OK
    assert lint(tree, "--allow-empty", "gone").returncode == exits.REFUSED  # a path that does not exist
    config = write(tree / ".correctless/config/correctless.yaml", "lint: {exclude: ['*']}\n")
    assert lint(tree, "skills").returncode == exits.OK, config  # it has files, and you excluded them


def test_settings_of_another_program_are_not_linted(tree: Path) -> None:
    write(tree / ".vscode/settings.json", "{ // fine there\n}")
    assert lint(tree, ".vscode/settings.json").returncode == exits.USAGE


def test_a_path_is_shown_as_it_was_named(tree: Path) -> None:
    assert found(tree) == found(tree, ".") == found(tree, "./") == SEEN
    assert found(tree, "skills//")[0][0] == "skills/colon/SKILL.md"
    assert found(tree / "skills", "../skills", cache=tree / "cache")[0][0] == "../skills/colon/SKILL.md"
    write(tree / "SKILL.md", OTHER)
    assert found(tree, "./")[0][0] == "SKILL.md"


def test_a_link_to_a_folder_the_walk_passes_over_is_followed(tmp_path: Path) -> None:
    write(tmp_path / "_store/a/SKILL.md", GOOD)
    (tmp_path / ".claude").mkdir()
    (tmp_path / ".claude/skills").symlink_to(tmp_path / "_store")
    assert [each.path for each in discover([str(tmp_path)]).targets] == [
        str(tmp_path / ".claude/skills/a/SKILL.md")
    ]


def test_what_cannot_be_read_is_a_finding_and_ends_with_3(tree: Path) -> None:
    os.mkfifo(tree / "skills/good/plugin.json")
    (tree / "skills/gone").mkdir()
    (tree / "skills/gone/SKILL.md").symlink_to("nowhere")
    write(tree / "skills/big/SKILL.md", b"")
    os.truncate(tree / "skills/big/SKILL.md", 50 << 20)
    done = lint(tree, "skills", "nothing", "skills/good/plugin.json", "--format", "json")
    assert done.returncode == exits.REFUSED
    seen = {each["path"]: each["message"] for each in json.loads(done.stdout) if each["rule"] == "unreadable"}
    assert seen.keys() == {
        "nothing",
        "skills/good/plugin.json",
        "skills/gone/SKILL.md",
        "skills/big/SKILL.md",
    }
    assert f"over {MAX_FILE} bytes" in seen["skills/big/SKILL.md"]
    assert [rule for *_, rule in found(tree, "skills/colon")] == ["yaml-syntax"]


HOSTILE = {
    "bomb": "---\na: &a [x,x]\n" + "".join(f"{c}: &{c} [*{p},*{p},*{p}]\n" for p, c in zip("abcdefgh", "bcdefghi", strict=True)) + "---\n",
    "keys": "---\n" + "".join(f"key{n}: v\n" for n in range(10_000)) + "---\n",
    "deep": "---\na: " + "[" * 50_000 + "\n---\n",
    "long": GOOD + "[x](" + "(" * 500_000,
    "links": GOOD + "[x](a" * 100_000,
    "comments": GOOD + "<!-- correctless: ignore " * 20_000,
    "nul": "---\nname: \0\n---\n" + "\0" * 100_000,
    "separators": GOOD + "\u2028\x85\x0b\x0c\x1c" * 1000 + "[x](none.md)",
    "homes": GOOD + "".join(f" /home/u{n}x/y" for n in range(60_000)),
    "marks": GOOD + "\u200e\u200fx\U000e0041" * 90_000,
    "scripts": GOOD + "```sh\n" + "./SKILL.md ./a\n" * 40_000 + "`" + "./" * 100_000,
    "tokens": GOOD + "T3BlbkFJ" + "sk-" * 300_000,
    "alike": "---\nallowed-tools: '" + "a''b " * 100_000 + "'\n" + "".join(f"na{'-' * n}me: v\n" for n in range(900)) + "---\n",
    "names": GOOD + "[x](a%00b) [y](\0) [z](" + "d/" * 3000 + ")",
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_read_to_its_end(name: str, tree: Path) -> None:
    write(tree / "skills/good/SKILL.md", HOSTILE[name].encode())
    write(tree / "p/.claude-plugin/plugin.json", HOSTILE[name].encode())
    for form in ("text", "json", "github", "sarif"):
        done = lint(tree, "--pedantic", "--format", form)
        assert done.returncode == exits.FINDINGS, done.stderr
        assert all(line.isprintable() for line in done.stdout.split("\n"))


def test_json_nested_or_wide_without_end_is_bounded(tree: Path) -> None:
    for text in (
        "[" * 1_000_000,
        '{"a":' * 200_000,
        "[" + "1," * 500_000,
        '"' + "x" * 900_000,
        '{"a":1,' * 90_000,
    ):
        write(tree / "p/.claude-plugin/plugin.json", text)
        assert "json-syntax" in lint(tree, "p").stdout


def test_a_path_that_is_no_utf_8_is_linted(tree: Path) -> None:
    folder = os.fsencode(tree) + b"/skills/\xff\xfe"
    os.mkdir(folder)
    with open(folder + b"/SKILL.md", "wb") as file:
        file.write(COLON.encode())
    for form in ("text", "json", "github", "sarif"):
        assert lint(tree, "--format", form).returncode == exits.FINDINGS


# What is kept between runs.


def old(tree: Path) -> None:
    """Let every file be long settled, so that its stat is believed."""
    for path in tree.rglob("*"):
        os.utime(path, ns=(10**18, 10**18))
    time.sleep(2.1)  # the change time can't be set


def test_a_second_run_says_the_same_and_runs_no_rule(tree: Path) -> None:
    old(tree)
    first = lint(tree, "--pedantic")
    statement = (
        f"import os, sys; sys.path.insert(0, {str(ROOT / 'src')!r}); os.chdir({str(tree)!r})\n"
        "from correctless.cli import main\nmain(['lint', '--pedantic'])\n"
        "print([n for n in ('yaml', 're', 'typing', 'enum', 'correctless.lint.rules', 'click') if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", statement],
        env={**os.environ, "XDG_CACHE_HOME": str(tree.parent / "cache")},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == first.stdout + "[]\n"


def test_an_edit_a_neighbour_and_a_moved_folder_are_seen(tree: Path) -> None:
    file = write(tree / "skills/good/SKILL.md", GOOD + "[a](a.md)\n")
    old(tree)
    missing = ("skills/good/SKILL.md", 7, 5, "link-missing")
    assert missing in found(tree)
    write(tree / "skills/good/a.md", "")
    assert missing not in found(tree)
    (tree / "skills/good/a.md").unlink()
    assert missing in found(tree)
    facts = file.stat()
    file.write_text(file.read_text().replace("(a.md)", "(b.md)"))  # as long, and with the old times
    os.utime(file, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert "'b.md' does not exist" in lint(tree).stdout
    (tree / "skills/good").rename(tree / "skills/better")
    assert ("skills/better/SKILL.md", 2, 7, "name-folder") in found(tree)


def test_a_neighbour_of_the_same_name_is_seen_when_it_comes_goes_or_changes(tree: Path) -> None:
    other, twin = tree / "skills/other/SKILL.md", tree / "skills/new/SKILL.md"
    named_twice = ("skills/other/SKILL.md", 2, 7, "skill-name-twice")

    def seen() -> bool:
        old(tree)
        first = found(tree)
        assert found(tree) == first == found(tree, "--no-cache")
        return named_twice in first

    assert not seen()
    write(twin, OTHER)
    assert seen()
    write(twin, GOOD)
    assert not seen()
    write(twin, OTHER)
    assert seen()
    (tree / "skills/new").rename(tree / "skills/newer")
    assert "'../newer'" in lint(tree).stdout
    (tree / "skills/newer").rename(tree / "skills/_new")
    assert seen()
    (tree / "skills/_new/SKILL.md").unlink()
    assert not seen()
    write(tree / "skills/misnamed/SKILL.md", "no frontmatter, so it has the name of its folder")
    assert seen()
    other.unlink()
    assert not seen()


def test_a_result_counts_for_the_settings_it_was_made_with_alone(tree: Path) -> None:
    write(tree / "skills/good/SKILL.md", "---\nname: good\ndescription: d\nmodel: m\n---\n# A\r\n")
    old(tree)
    adopted, levels = tree / ".correctless", "lint:\n  rules:\n    interaction-mode: warning\n"
    seen = []
    for words in ((), ("--dialect", "agentskills"), ("--pedantic",), ()):
        seen.append(found(tree, *words))
        assert seen[-1] == found(tree, "--no-cache", *words)
    write(adopted / "config/correctless.yaml", levels)
    configured = lint(tree, "--fail-on", "warning").stdout
    assert configured == lint(tree, "--fail-on", "warning", "--no-cache").stdout
    assert "warning: no 'interaction_mode'" in configured
    shutil.rmtree(adopted)
    assert found(tree) == found(tree, "--no-cache")
    assert found(tree) != seen[0]
    assert seen[0] not in seen[1:3]


def test_what_comes_to_or_goes_from_a_folder_that_was_listed_is_seen(tree: Path) -> None:
    def skills() -> list[str]:
        old(tree)
        paths = sorted({path for path, *_ in found(tree)})
        assert paths == sorted({path for path, *_ in found(tree)})  # now from what the first run stored
        store = kept.Cache(str(tree.parent / "cache/correctless/lint"))
        assert store.listings
        return [path.removesuffix("/SKILL.md") for path in paths]

    before = ["skills/colon", "skills/other"]
    assert skills() == before
    write(tree / "skills/deep/er/SKILL.md", OTHER)
    assert skills() == ["skills/colon", "skills/deep/er", "skills/other"]
    (tree / "skills/deep").rename(tree / "skills/_deep")
    assert skills() == before
    (tree / "skills/linked").symlink_to("_deep")
    assert skills() == ["skills/colon", "skills/linked/er", "skills/other"]
    (tree / "skills/linked").unlink()
    (tree / "skills/other/SKILL.md").rename(tree / "skills/other/OTHER.md")
    assert skills() == before[:1]
    (tree / "skills/good/agents").mkdir()
    write(tree / "skills/good/agents/a.md", "---\nname: b\n---\n")
    assert skills() == before[:1]
    write(tree / "skills/good/.claude-plugin/plugin.json", "{}")
    assert "skills/good/agents/a.md" in skills()


def test_what_changed_a_moment_ago_is_not_stored_by_its_stat() -> None:
    now = 10**18
    store = kept.Cache(None)
    for age, count in ((10**9, 0), (3 * 10**9, 1)):
        stat = (1, 2, now - age, now - age)
        store.put_listings({stat: ((), (), (), False, (), False)}, now)
        store.put_names({"/SKILL.md": (stat, "name")}, now)
        assert (len(store.listings), len(store.skill_names)) == (count, count)


def test_a_fresh_copy_is_known_by_its_content(tree: Path) -> None:
    lint(tree)
    copy = tree.with_name("copy")
    (copy / ".correctless").mkdir(parents=True)
    for name in ("good", "colon", "other"):
        write(copy / f"skills/{name}/SKILL.md", (tree / f"skills/{name}/SKILL.md").read_bytes())
    store = kept.Cache(str(tree.parent / "cache/correctless/lint"))
    assert len(store._results) == 3
    assert found(copy) == SEEN
    assert len(kept.Cache(str(tree.parent / "cache/correctless/lint"))._results) == 3


@pytest.mark.parametrize("damage", ["flip", "word", "cut", "empty", "noise", "folder", "other"])
def test_a_damaged_cache_counts_as_none(tree: Path, damage: str) -> None:
    old(tree)
    whole = lint(tree).stdout
    store = tree.parent / "cache/correctless/lint"
    (file,) = store.iterdir()
    data = bytearray(file.read_bytes())
    file.unlink()
    match damage:
        case "flip":
            data[len(data) // 2] ^= 1
            file.write_bytes(data)
        case "word":  # what is read would be sound, and a lie
            assert b"starts another key" in data
            file.write_bytes(bytes(data).replace(b"starts another key", b"starts any odd key"))
        case "cut":
            file.write_bytes(data[:-5])
        case "empty":
            file.touch()
        case "noise":
            file.write_bytes(os.urandom(1000))
        case "folder":
            file.mkdir()
        case "other":
            kept.save(str(store), file.name, ["not", "ours"])
    assert lint(tree).stdout == whole
    assert lint(tree).stdout == whole


def test_a_cache_that_cannot_be_written_is_no_error(tree: Path) -> None:
    (tree.parent / "cache").write_text("a file in its place")
    assert found(tree) == SEEN
    assert found(tree, "--no-cache") == SEEN


def test_many_writers_of_one_cache_leave_a_whole_one(tree: Path) -> None:
    old(tree)
    words = [*correctless.itself(), "lint", "--format", "json"]
    variables = {**os.environ, "XDG_CACHE_HOME": str(tree.parent / "cache")}
    running = [
        subprocess.Popen([*words, *more], cwd=tree, env=variables, stdout=subprocess.PIPE)
        for more in ([], ["--pedantic"], ["skills/colon"], ["--dialect", "agentskills"]) * 3
    ]
    assert [one.wait() for one in running] == [1] * 12
    for one in running:
        if one.stdout:
            one.stdout.close()
    assert found(tree) == SEEN
    assert [
        path.name for path in (tree.parent / "cache/correctless/lint").iterdir() if path.suffix == ".tmp"
    ] == []


def test_many_files_on_many_processes_say_what_one_says(tmp_path: Path) -> None:
    top = tmp_path / "many"
    for number in range(450):
        write(top / f"skills/s{number:03d}/SKILL.md", (GOOD, COLON, OTHER)[number % 3])
    alone = lint(top, "--jobs", "1", "--no-cache", "--pedantic")
    shared = lint(top, "--jobs", "3", "--no-cache", "--pedantic")
    assert alone.stdout == shared.stdout
    assert alone.stdout.count("[yaml-syntax]") == 150
    assert lint(top, "--jobs", "2", "--pedantic").stdout == lint(top, "--pedantic").stdout == alone.stdout


def test_a_helper_that_dies_ends_the_run_with_3() -> None:
    from correctless.base.exits import Stop
    from correctless.lint import run

    parent = os.getpid()
    before = _children()  # of other tests
    met, dying = os.pipe()

    def work(number: int) -> int:
        if os.getpid() != parent:
            os.write(dying, b"x")
            os._exit(9)
        if number == 0:
            os.read(met, 1)  # until the helper has taken a share
        return number

    with pytest.raises(Stop) as raised:
        run._each(work, list(range(300)), 2)
    assert raised.value.code == exits.REFUSED
    assert _children() <= before
    os.close(met)
    os.close(dying)


def _children() -> frozenset[int]:
    """The children of this process, zombies too."""
    listed = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True
    ).stdout.split()
    me = str(os.getpid())
    pairs = zip(listed[::2], listed[1::2], strict=True)
    # ps itself is one while it looks
    return frozenset(int(pid) for pid, parent in pairs if parent == me and os.path.exists(f"/proc/{pid}"))


def test_every_share_is_taken_once_and_answered_in_its_place() -> None:
    from correctless.lint import run

    for count in (201, 1024, 20_011):
        numbers = list(range(5, 5 + count))
        assert run._each(lambda number: (number, os.getpid()), numbers, 1)[0] == (5, os.getpid())
        assert [number for number, _ in run._each(lambda n: (n, os.getpid()), numbers, 4)] == numbers


def test_rules_prints_the_list_and_a_page(tmp_path: Path) -> None:
    def rules(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*correctless.itself(), "rules", *words], capture_output=True, text=True, check=False
        )

    assert rules().stdout == (ROOT / "docs/rules/README.md").read_text()
    assert rules("deferred-default").stdout == (ROOT / "docs/rules/deferred-default.md").read_text()
    wrong = rules("defered-default")
    assert (wrong.returncode, wrong.stdout) == (exits.USAGE, "")
    assert "Write deferred-default" in wrong.stderr


def test_json_is_asked_for_as_of_every_other_command(tmp_path: Path) -> None:
    skill = tmp_path / "skills/a/SKILL.md"
    skill.parent.mkdir(parents=True)
    skill.write_text("---\nname: b\n---\n# B\n")
    said = [
        forked.run(["lint", *words, "."], cwd=tmp_path, env=os.environ)
        for words in (["--json"], ["--format", "json"])
    ]
    assert said[0].stdout == said[1].stdout != "[]\n"
    assert said[0].returncode == said[1].returncode
