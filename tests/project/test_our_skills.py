"""All skills of the plugin: what they cost a session and a run, that the commands they name are real, and which mode each has."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import click
import pytest

import correctless
from correctless import cli
from correctless.cli.group import correctless_command
from correctless.dispatch.control import plan
from correctless.dispatch.step import prompt
from correctless.project import config
from correctless.project.git import find
from correctless.skill import contract
from correctless.skill.contract import SkillContract
from places import ROOT

SKILLS = sorted((ROOT / "skills").glob("*/SKILL.md"))
DOOR_FOLDER = "${CLAUDE_PLUGIN_ROOT}/scripts/"

# Every skill the plugin has or will have, by its mode.
MODES = {
    "autonomous": "chelp cmetrics cstatus csummary cwtf",
    "interactive": "csetup cspec",
    "hybrid": "carchitect caudit cauto ccontribute cdebug cdevadv cdocs cexplain cmaintain cmodel cmodelupgrade cpostmortem "
    "cpr-review cquick crefactor credteam crelease creview creview-spec ctdd cupdate-arch cverify "
    "autonomous-run-contract swarm-blockers-and-gate-scoreboard auto-merge-and-composition-safety "
    "instrument-dont-guess dormant-flip-and-rollback tiered-acceptance",
}
MODE = {name: mode for mode, names in MODES.items() for name in names.split()}
FORKED = {"cdevadv", "cpostmortem", "credteam", "cverify"}


def name_of(path: Path) -> str:
    return path.parent.name


each_skill = pytest.mark.parametrize("path", SKILLS, ids=name_of)


def stated(path: Path) -> SkillContract:
    return correctless.read_skill(str(path))


def texts(path: Path) -> list[str]:
    """A skill's text, and that of its references."""
    return [part.read_text(encoding="utf-8") for part in (path, *references(path))]


LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def links(path: Path) -> list[Path]:
    """Where the relative links of a Markdown file lead, as they are written outside of its fences."""
    text = FENCE.sub("", path.read_text(encoding="utf-8"))
    return [
        path.parent / to.partition("#")[0] for to in LINK.findall(text) if "://" not in to and to[0] != "#"
    ]


def references(path: Path) -> list[Path]:
    """The files beside a SKILL.md that it sends its reader to, directly or through each other."""
    found: list[Path] = []
    for linked in links(path):
        if linked.is_file() and linked != path and linked not in found:
            found += [linked, *(more for more in links(linked) if more.is_file())]
    return list(dict.fromkeys(found))


# --- a. short, and whole


@each_skill
def test_a_skill_is_at_most_8_kib_and_200_lines(path: Path) -> None:
    data = path.read_bytes()
    assert len(data) <= 8_192
    assert data.count(b"\n") <= 200


@each_skill
def test_every_link_of_a_skill_and_its_references_opens(path: Path) -> None:
    closed = [
        f"{part.name}: {to}" for part in (path, *references(path)) for to in links(part) if not to.is_file()
    ]
    assert closed == []


@each_skill
def test_every_file_beside_a_skill_is_one_it_links(path: Path) -> None:
    beside = {file for file in path.parent.rglob("*.md") if file != path}
    assert beside == set(references(path))


# --- b. the commands a skill names

FENCE = re.compile(r"^(?P<mark>```+)[^\n]*\n(?P<code>.*?)^(?P=mark)[ \t]*$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`]+)`")
PERMITTED = re.compile(r"Bash\(([^)]*?)(?::\*)?\)")
# Where a command begins: at the start, behind a prompt, or behind what separates two.
CALL = re.compile(
    r"(?:^|[|;&(]|\$ )[ \t]*"
    rf"(?P<door>\"?(?:{re.escape(DOOR_FOLDER)})?(?:correctless|cauto|decisions)\"?)(?=$|[ \t\n])(?P<rest>[^\n|;&)#]*)",
    re.MULTILINE,
)
DOOR = re.compile(re.escape(DOOR_FOLDER) + r"([\w.-]+)")


def code_of(text: str) -> Iterator[str]:
    """What stands in fences, indented blocks, code spans and `allowed-tools`, one snippet after the other."""
    front, _, body = text.partition("\n---\n")
    for line in front.splitlines():
        if line.startswith("allowed-tools:"):
            yield from PERMITTED.findall(line)
    for fence in FENCE.finditer(body):
        yield fence["code"]
    for block in re.split(r"\n[ \t>]*\n", FENCE.sub("", body)):
        lines = [line.removeprefix("> ") for line in block.splitlines()]
        if all(line.startswith("    ") for line in lines):
            yield "\n".join(line.strip() for line in lines)
        # A span may go on in the next line of its paragraph, whose quotation mark is none of its text.
        yield from (span.replace("\n", " ") for span in SPAN.findall("\n".join(lines)))


def calls(text: str) -> list[tuple[str, ...]]:
    """Each call of ours in a text: the words behind `correctless`, the name of a door spelled out."""
    found = []
    for code in code_of(text):
        for call in CALL.finditer(code):
            door = call["door"].strip('"').removeprefix(DOOR_FOLDER)
            words = shlex.split(call["rest"])
            words = words[: words.index(">")] if ">" in words else words
            found.append((*(() if door == "correctless" else (door,)), *words))
    return found


class Shape(NamedTuple):
    """What may follow a command: options, those of them with a value, and whether words."""

    options: frozenset[str]
    valued: frozenset[str]
    words: bool


def shape_of_help(name: str) -> Shape:
    # Answered without click: such a command's help is all that says what it takes.
    text: str = vars(import_module(f"correctless.cli.{name}"))["HELP"]
    options = re.findall(r"^  (--[a-z-]+)(?:[ =]([A-Z]+))?", text, re.MULTILINE)
    usage = text.splitlines()[0]
    return Shape(
        frozenset(option for option, _ in options),
        frozenset(option for option, value in options if value),
        bool(re.search(r"\[(?:ID|PATH)\]", usage)),
    )


def shape_of_command(command: click.Command, context: click.Context) -> Shape:
    options = [item for item in command.get_params(context) if isinstance(item, click.Option)]
    return Shape(
        frozenset(name for item in options for name in (*item.opts, *item.secondary_opts)),
        frozenset(name for item in options if not item.is_flag for name in item.opts),
        any(isinstance(item, click.Argument) for item in command.get_params(context)),
    )


def fault(call: tuple[str, ...]) -> str:
    """What is wrong with a call, "" when nothing is; the program's own command tree knows."""
    command: click.Command = correctless_command
    context = click.Context(command, help_option_names=["-h", "--help"])
    words = list(call)
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        name = words.pop(0)
        if name == "...":
            return ""
        if command is correctless_command and name in cli.FAST:
            return fault_of_words(shape_of_help(name), words)
        found = command.get_command(context, name)
        if found is None:
            return f"there is no command '{name}'"
        command, context = found, click.Context(found, parent=context, help_option_names=["-h", "--help"])
    return fault_of_words(shape_of_command(command, context), words)


def fault_of_words(shape: Shape, words: list[str]) -> str:
    words = list(words)
    while words:
        word = words.pop(0)
        name, equals, _ = word.partition("=")
        if word in ("...", "[...]"):
            continue
        if not word.startswith("-"):
            if not shape.words:
                return f"'{word}' is no word of it"
        elif name not in shape.options:
            return f"there is no option {name}"
        elif name in shape.valued and not equals:
            if not words:
                # at the end of a sentence about it, as in "`--spec` names the file"
                continue
            words.pop(0)
    return ""


@each_skill
def test_every_command_a_skill_names_is_one_with_these_options(path: Path) -> None:
    named = [call for text in texts(path) for call in calls(text)]
    assert [(call, wrong) for call in named if (wrong := fault(call))] == []


@each_skill
def test_every_door_a_skill_names_is_there(path: Path) -> None:
    doors = [door for text in texts(path) for door in DOOR.findall(text)]
    assert [door for door in doors if not (ROOT / "scripts" / door).is_file()] == []


def test_commands_are_found_wherever_skills_write_them() -> None:
    text = (
        "---\nname: x\nallowed-tools: Read, Bash(${CLAUDE_PLUGIN_ROOT}/scripts/cauto status:*), Bash(git log:*)\n---\n"
        "`correctless gate` and `decisions\nlist`, no `correctlessness`.\n\n"
        '```bash\n"${CLAUDE_PLUGIN_ROOT}/scripts/cauto" run --spec a.md  # go\n$ correctless review | cat\n```\n\n'
        "> Say:\n>\n>     correctless decisions path > file\n>\n> and `correctless\n> cauto stop`, `/cauto`, `my correctless gate`.\n"
    )
    assert sorted(calls(text)) == sorted(
        [
            ("cauto", "status"),
            ("gate",),
            ("decisions", "list"),
            ("cauto", "run", "--spec", "a.md"),
            ("review",),
            ("decisions", "path"),
            ("cauto", "stop"),
        ]
    )


@pytest.mark.parametrize(
    "wrong",
    [
        "confirm",
        "cauto approve",
        "cauto run --now",
        "cauto status feature/x",
        "decisions edit",
        "decisions summary --skill cdocs",
        "gate open",
        "gate --force",
        "lint --quick skills",
    ],
)
def test_a_command_or_option_that_does_not_exist_is_noticed(wrong: str) -> None:
    assert fault(tuple(wrong.split())) != ""


@pytest.mark.parametrize(
    "right",
    [
        "cauto run --detach --spec docs/a.md",
        "cauto resume",
        "review --rerun ctdd --note hm",
        "review 20260102-030405-9f3a --from=origin",
        "gate --log x.jsonl",
        "lint --fail-on info skills hooks",
        "rules hybrid-escalates",
        "--version",
        "...",
    ],
)
def test_a_command_that_exists_is_let_through(right: str) -> None:
    assert fault(tuple(right.split())) == ""


# --- c. what a session loads


def described(path: Path) -> str:
    found = re.search(r"^description: (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert found, "a description on one line"
    return found[1]


def is_listed(path: Path) -> bool:
    front = path.read_text(encoding="utf-8").partition("\n---\n")[0]
    return "\ndisable-model-invocation: true" not in front


def test_the_descriptions_a_session_loads_are_4_kib_together() -> None:
    listed = [path for path in SKILLS if is_listed(path)]
    listing = "".join(f"- correctless:{name_of(path)}: {described(path)}\n" for path in listed)
    assert len(listed) >= 10
    assert len(listing.encode()) <= 4_096


@each_skill
def test_a_description_is_short_where_every_session_pays_for_it(path: Path) -> None:
    assert len(described(path)) <= (110 if is_listed(path) else 200)


def test_what_only_a_person_starts_is_not_listed() -> None:
    for name in {"cauto", "csetup", "ccontribute", "cmaintain", "cmodelupgrade"}:
        assert not is_listed(ROOT / "skills" / name / "SKILL.md"), name


# --- d. what a run loads


def test_all_that_the_agents_of_a_default_run_are_told_is_40_kib(scratch_repo: Path) -> None:
    spec = b"# Discounts\n\n- R-001: a code applies once.\n"
    chosen = config.load({"intensity": "high", "commands": {"test": ["python3", "-m", "pytest", "-q"]}})
    here = find(str(scratch_repo))
    frozen = plan.make_plan(
        here,
        chosen,
        branch="feature/discount-codes",
        spec="docs/specs/discounts.md",
        spec_bytes=spec,
        pipeline="default",
        target="main",
        env={},
    )
    folder = "/home/ada/projects/shop/.correctless/artifacts/runs/20261126-111424-81c5/frozen"
    told = 0
    assert [step.name for step in frozen.plan.steps] == [
        step.skill for step in config.PIPELINES["default"].steps
    ]
    for step in frozen.plan.steps:
        read = contract.of_text(frozen.files[f"{step.name}/SKILL.md"], f"{folder}/{step.name}/SKILL.md")
        said = prompt.write(
            frozen.plan,
            step,
            read,
            skill_path=f"{folder}/{step.name}/SKILL.md",
            spec_path=f"{folder}/spec.md",
            nonce="7f3a91c2",
            recorder=True,
        )
        texts_of_skill = [data for path, data in frozen.files.items() if path.startswith(f"{step.name}/")]
        told += len(said.encode()) + sum(map(len, texts_of_skill))
    assert 20_000 < told <= 40 * 1024


# --- e and f. modes


@each_skill
def test_each_skill_has_the_mode_that_the_contract_gives_it(path: Path) -> None:
    assert stated(path).interaction_mode == MODE[name_of(path)]


@each_skill
def test_exactly_the_judging_skills_are_forked(path: Path) -> None:
    assert (stated(path).context == "fork") == (name_of(path) in FORKED)


@each_skill
def test_decision_points_are_where_the_mode_asks_for_them(path: Path) -> None:
    read = stated(path)
    if read.interaction_mode == "interactive":
        assert not read.has_section
    else:
        assert read.has_section
        assert len(read.defaults) >= 1
    if read.interaction_mode == "hybrid":
        assert any(point.escalate for point in read.defaults)
    if read.interaction_mode == "autonomous":
        assert not any(point.escalate for point in read.defaults)


@each_skill
def test_a_skill_that_is_named_as_one_to_type_is_one_of_ours(path: Path) -> None:
    named = {name for text in texts(path) for name in re.findall(r"`/(c[a-z-]+)", text)}
    assert named <= set(MODE)


def test_every_skill_of_the_table_is_there_and_no_other() -> None:
    assert {name_of(path) for path in SKILLS} == set(MODE)
    assert len(MODE) == 35
