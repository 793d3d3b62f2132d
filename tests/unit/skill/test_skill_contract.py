"""What `contract` reads out of a SKILL.md: the golden cases, and what no file can show."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import places
from correctless.base.exits import REFUSED, Stop
from correctless.lint import rules
from correctless.skill.contract import SkillContract, find_skills, of_text, read_skill, split_tools
from correctless.skill.find import MAX_FILE

CASES = places.CASES / "contract"
NAMES = sorted(path.stem for path in CASES.glob("*.md"))


def spelled(contract: SkillContract) -> dict[str, Any]:
    """A contract as a golden file holds it: the path is the test's business."""
    values = contract._asdict()
    del values["path"], values["text"]
    values["defaults"] = [default._asdict() for default in contract.defaults]
    fields = ("line", "column", "rule", "message", "severity")
    values["problems"] = [{name: getattr(p, name) for name in fields} for p in rules.problems(contract)]
    found: dict[str, Any] = json.loads(json.dumps(values))
    return found


@pytest.mark.parametrize("name", NAMES)
def test_a_case_reads_as_its_golden_file_says(name: str) -> None:
    found = spelled(of_text((CASES / f"{name}.md").read_bytes(), "skills/folder/SKILL.md"))
    golden = CASES / f"{name}.json"
    assert golden.exists(), f"read it, and if it is right save it as {golden}:\n{json.dumps(found, indent=1)}"
    assert found == json.loads(golden.read_text("utf-8"))


def test_every_golden_file_has_its_case() -> None:
    assert sorted(path.stem for path in CASES.glob("*.json")) == NAMES


def test_every_accepted_form_has_a_case() -> None:
    assert {name[:7] for name in NAMES if name.startswith("form-")} == {f"form-{n:02d}" for n in range(1, 12)}


@pytest.mark.parametrize(
    ("name", "mark"), [("form-11-crlf", b"\r\n"), ("encoding-cr", b"\r-"), ("encoding-bom", b"\xef\xbb\xbf")]
)
def test_a_checkout_kept_the_bytes_of_a_case(name: str, mark: bytes) -> None:
    assert mark in (CASES / f"{name}.md").read_bytes()


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("form-")])
def test_line_ends_do_not_change_what_an_entry_says(name: str) -> None:
    data = (CASES / f"{name}.md").read_bytes().replace(b"\r\n", b"\n")
    assert (
        of_text(data.replace(b"\n", b"\r\n"), "a/SKILL.md").defaults == of_text(data, "a/SKILL.md").defaults
    )


def test_no_id_finds_no_decision_point() -> None:
    contract = of_text(b"## Autonomous Defaults\n- Subject - x (default). Rationale: r.\n", "a/SKILL.md")
    assert [default.id for default in contract.defaults] == [""]
    assert contract.default("") is None


def test_a_listed_id_is_found_and_another_is_not() -> None:
    contract = of_text((CASES / "form-02-escalate.md").read_bytes(), "a/SKILL.md")
    found = contract.default("AD-002")
    assert found is not None
    assert found.escalate
    assert contract.default("AD-001") is None


@pytest.mark.parametrize(
    ("text", "tools", "closed"),
    [
        ("", (), True),
        ("Read", ("Read",), True),
        ("Read,Write,  Edit\tGlob", ("Read", "Write", "Edit", "Glob"), True),
        ("Bash(git log:*), Read", ("Bash(git log:*)", "Read"), True),
        ("Bash(a (b, c) d) Read", ("Bash(a (b, c) d)", "Read"), True),
        ("Bash(git log:*, Read", ("Bash(git log:*, Read",), False),
        ("Read) Write", ("Read)", "Write"), True),
    ],
)
def test_tools_are_split_outside_of_parentheses(text: str, tools: tuple[str, ...], closed: bool) -> None:
    assert split_tools(text) == (tools, closed)


PIECES = st.sampled_from(
    ["---\n", "## Autonomous Defaults\n", "- ", "**", "AD-001", ": ", " — ", "(default)", ". Rationale: ", "`", "(", ")",
     "escalate: always", "Default if deferred: ", "\n", "  ", "```\n", "<!--", "-->", "interaction_mode", "hybrid", "[", "*x", "\t", "\r", "x"]
)  # fmt: skip


@settings(deadline=None)
@example(b"---\nx: y\r\n# Autonomous Default")  # the line end must not be cut in two
@given(st.one_of(st.binary(), st.lists(PIECES, max_size=40).map(lambda parts: "".join(parts).encode())))
def test_any_bytes_give_a_contract_whose_findings_stand_inside_the_file(data: bytes) -> None:
    contract = of_text(data, "a/SKILL.md")
    lines = max(data.count(b"\n") + data.count(b"\r") + 1, 1)
    for problem in rules.problems(contract):
        assert 1 <= problem.line <= lines
        assert problem.column >= 1
        assert "\n" not in problem.message
    assert all(1 <= default.line <= lines for default in contract.defaults)


@settings(deadline=None)
@given(st.text(alphabet="-*`() .:—ADescaltwy01\n", max_size=400))
def test_any_text_in_the_section_is_read(text: str) -> None:
    of_text(f"---\ninteraction_mode: hybrid\n---\n## Autonomous Defaults\n{text}".encode(), "a/SKILL.md")


def test_an_entry_without_end_is_cut_and_said_so() -> None:
    entry = "- **AD-001**: Subject — " + "`(" * 100_000 + " (default). Rationale: r.\n"
    contract = of_text(f"## Autonomous Defaults\n{entry}".encode(), "a/SKILL.md")
    assert "default-entry" in {
        problem.rule for problem in rules.problems(contract) if "longer than" in problem.message
    }


def test_what_cannot_be_read_of_an_entry_counts_as_a_persons() -> None:
    text = (
        "- **AD-001**: S — x (default), `escalate: perhaps`. Rationale: r.\n- **AD-002**: S — x (default), `escalate: never`; `escalate: always`. Rationale: r.\n- **AD-003**: S — x (default). Rationale: r. "
        + "and so on " * 400
    )
    assert [
        d.escalate for d in of_text(f"## Autonomous Defaults\n{text}".encode(), "a/SKILL.md").defaults
    ] == [True] * 3


SECTION = "---\ninteraction_mode: hybrid\n---\n## Autonomous Defaults\n"
BAD = "---\na: b: c\n"


@pytest.mark.parametrize(
    "text",
    [
        "\r\n" * 100_000,
        SECTION + "- " * 100_000,
        SECTION + "- x\n" * 50_000,
        SECTION + "- escalate: x " * 20_000,
        SECTION + "- words escalate: x\n" * 4_000,
        SECTION + "- **AD-001**: " + "`(" * 100_000,
        SECTION + "- **AD-001**: S\n" + "  words — \n" * 20_000,
        SECTION + "# " + " " * 200_000 + "x",
        SECTION + "# " + "# " * 100_000 + "x",
        SECTION + "# T\n" * 50_000,
        SECTION + "> " * 100_000,
        SECTION + "`" * 200_000 + "x`",
        SECTION + "<!--\n" * 50_000,
        SECTION + "1" * 200_000,
        BAD + "d: x" + " " * 200_000 + "y: z\n---\n",
        BAD + " " * 200_000 + "\n---\n",
        BAD + "k: v\n" * 9_000 + "---\n",
        BAD + "stray\n" * 40_000 + "---\n",
        BAD + "x y" + " " * 200_000 + "\n---\n",
        "---\n" + "a: *x\n" * 20_000 + "---\n",
        "---\na: '" + "'" * 200_001 + "\n---\n",
        "---\n" * 50_000,
        "---\nallowed-tools: " + "a(" * 100_000 + "\n---\n",
    ],
    ids=lambda text: repr(text[-40:]),
)
def test_no_shape_of_a_large_file_takes_long(text: str) -> None:
    start = time.process_time()
    of_text(text.encode(), "a/SKILL.md")
    assert time.process_time() - start < 10


def write(folder: Path, text: str = "---\ninteraction_mode: interactive\n---\n") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "SKILL.md").write_text(text)
    return folder


def test_a_folder_and_its_file_read_the_same(tmp_path: Path) -> None:
    folder = write(tmp_path / "skills" / "one")
    assert read_skill(str(folder)) == read_skill(str(folder / "SKILL.md"))
    assert read_skill(str(folder)).name == "one"


@pytest.mark.parametrize("make", ["nothing", "folder", "pipe", "socket", "loop", "large", "nul"])
def test_what_is_no_readable_file_stops_with_3_and_one_line(
    tmp_path: Path, make: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "SKILL.md"
    path = str(file)
    match make:
        case "folder":
            file.mkdir()
            path = str(tmp_path)
        case "pipe":
            os.mkfifo(file)
        case "socket":
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind("SKILL.md")
        case "loop":
            file.symlink_to(file)
        case "large":
            with file.open("wb") as stream:
                stream.truncate(MAX_FILE + 1)
        case "nul":
            path = "a\0b"
    with pytest.raises(Stop) as stopped:
        read_skill(path)
    assert stopped.value.code == REFUSED
    assert "\n" not in stopped.value.message
    assert "can't read" in stopped.value.message


def found(path: Path) -> list[str]:
    return [os.path.relpath(file, path) for file in find_skills(str(path))]


def test_skills_are_found_at_any_depth_in_sorted_order(tmp_path: Path) -> None:
    for name in [
        "skills/b",
        "skills/a",
        "plugins/x/skills/c",
        ".claude/skills/d",
        ".agents/skills/e",
        "team-skills/f",
    ]:
        write(tmp_path / name)
    assert found(tmp_path) == [
        ".agents/skills/e/SKILL.md",
        ".claude/skills/d/SKILL.md",
        "plugins/x/skills/c/SKILL.md",
        "skills/a/SKILL.md",
        "skills/b/SKILL.md",
        "team-skills/f/SKILL.md",
    ]


def test_shared_hidden_and_empty_folders_are_no_skills(tmp_path: Path) -> None:
    for name in [
        "skills/_shared",
        "_old/skills/a",
        ".git/skills/a",
        "node_modules/x/skills/a",
        "docs/other/a",
    ]:
        write(tmp_path / name)
    (tmp_path / "skills" / "empty").mkdir()
    assert found(tmp_path) == []


def test_a_named_folder_may_be_a_skill_or_hold_them_whatever_its_name(tmp_path: Path) -> None:
    write(tmp_path / "_shared" / "a")
    assert found(tmp_path / "_shared") == ["a/SKILL.md"]
    assert found(tmp_path / "_shared" / "a") == ["SKILL.md"]


def test_a_named_file_is_yielded_as_it_is(tmp_path: Path) -> None:
    file = write(tmp_path / "a") / "SKILL.md"
    assert list(find_skills(str(file))) == [str(file)]
    assert list(find_skills(str(tmp_path / "nothing"))) == [str(tmp_path / "nothing")]


def test_loops_of_links_end_and_a_skill_reached_twice_counts_once(tmp_path: Path) -> None:
    write(tmp_path / "skills" / "a")
    (tmp_path / "skills" / "a" / "up").symlink_to(tmp_path)
    (tmp_path / ".claude").mkdir()
    (tmp_path / ".claude" / "skills").symlink_to(tmp_path / "skills")
    (tmp_path / "skills" / "self").symlink_to(tmp_path / "skills" / "self")
    assert found(tmp_path) == [".claude/skills/a/SKILL.md"]


def test_a_link_out_of_the_tree_may_be_a_skill_and_is_not_walked(tmp_path: Path) -> None:
    write(tmp_path / "outside" / "a")
    write(tmp_path / "outside" / "a" / "skills" / "deep")
    (tmp_path / "tree" / "skills").mkdir(parents=True)
    (tmp_path / "tree" / "skills" / "linked").symlink_to(tmp_path / "outside" / "a")
    assert found(tmp_path / "tree") == ["skills/linked/SKILL.md"]


def test_a_tree_deeper_than_the_stack_is_walked(tmp_path: Path) -> None:
    here = os.getcwd()
    try:
        os.chdir(tmp_path)
        for _ in range(1200):
            os.mkdir("d")
            os.chdir("d")
        os.chdir(here)
        assert found(tmp_path) == []
    finally:
        os.chdir(here)
        subprocess.run(["rm", "-rf", tmp_path / "d"], check=True)  # what pytest removes with recurses
