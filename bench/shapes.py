"""Trees that the linter is measured over, made from a seed: kinds of repositories that no corpus has enough of."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

Files = Iterator[tuple[str, str]]  # path and text

_TEXT = (
    "the a each every report table query branch review test result file folder step list draft figure page value service "
    "index before after while then reads writes keeps compares sorts checks joins splits names finds with without from "
    "into over under plain short long first second last public local"
)
_WORDS = _TEXT.split()
_TOOLS = ("Read", "Write", "Edit", "Bash", "Grep", "Glob", "WebFetch")
_SOURCES = ("py", "ts", "tsx", "go", "rs", "css", "svg", "txt", "json", "yaml", "md")


@dataclass(frozen=True, slots=True)
class Shape:
    """A tree. `files` yields what is in it, for a number of its main part; `few` is that number of a quick run."""

    name: str
    count: int
    few: int
    files: Callable[[Random, int], Files]


def make(shape: Shape, folder: str, *, quick: bool) -> None:
    """Write a shape into a new folder. The same call writes the same bytes."""
    made = set()
    random = Random(shape.name)  # noqa: S311 it must give the same each time
    for path, text in shape.files(random, shape.few if quick else shape.count):
        file = os.path.join(folder, path)
        if (above := os.path.dirname(file)) not in made:
            os.makedirs(above, exist_ok=True)
            made.add(above)
        with open(file, "w", encoding="utf-8") as out:
            out.write(text)


def _flat(random: Random, count: int) -> Files:
    for number in range(count):
        yield from _skill(random, f"skills/{_name(random, number)}")


def _misnamed(random: Random, count: int) -> Files:
    for number in range(count):
        folder = _name(random, number)
        yield from _skill(random, f"skills/{folder}", name=f"{folder}-for-{random.choice(_WORDS)}")


def _linkless(random: Random, count: int) -> Files:
    for number in range(count):
        (skill, *_linked) = _skill(random, f"team-{number % 9}/skills/{_name(random, number)}", links=12)
        yield skill


def _sources(random: Random, count: int) -> Files:
    """Few skills among `count` other files."""
    for number in range(count):
        if number % 400 == 0:
            yield from _skill(random, f".claude/skills/{_name(random, number)}")
        package = f"packages/p{number // 500}/{_WORDS[number // 50 % 10]}/d{number // 10 % 5}"
        ending = random.choice(_SOURCES)
        yield f"{package}/{random.choice(_WORDS)}_{number}.{ending}", "{}\n" if ending == "json" else "text\n"


def _plugins(random: Random, count: int) -> Files:
    for number in range(count):
        name = _name(random, number)
        top = f"plugins/{name}"
        manifest = {"name": name, "version": f"1.{number}.0", "description": _sentence(random)}
        yield f"{top}/.claude-plugin/plugin.json", json.dumps(manifest, indent=2)
        command = {"type": "command", "command": '"${CLAUDE_PLUGIN_ROOT}"/scripts/check.sh'}
        hooks = {"hooks": {"PreToolUse": [{"matcher": "Bash", "hooks": [command]}]}}
        yield f"{top}/hooks/hooks.json", json.dumps(hooks, indent=2)
        yield f"{top}/scripts/check.sh", "#!/bin/sh\n"
        agent = f"---\nname: {name}-agent\ndescription: {_sentence(random)}\ntools: Read, Grep\n---\n"
        yield f"{top}/agents/{name}-agent.md", agent + _section(random)
        for part in ("first", "second"):
            yield from _skill(random, f"{top}/skills/{name}-{part}")
        yield f"{top}/README.md", f"# {name}\n\n{_section(random)}"


def _one(random: Random, _count: int) -> Files:
    yield from _skill(random, "skills/one")


def _skill(random: Random, folder: str, *, name: str = "", links: int = 3) -> Files:
    """A SKILL.md and the files it links."""
    linked = [
        f"references/{random.choice(_WORDS)}-{number}.md" for number in range(random.randrange(links + 1))
    ]
    head = [
        f"name: {name or os.path.basename(folder)}",
        f"description: {_sentence(random)} Use when you {' '.join(random.choices(_WORDS, k=8))}.",
    ]
    if random.random() < 0.5:
        head.append(f"allowed-tools: {', '.join(random.sample(_TOOLS, 3))}")
    if random.random() < 0.2:
        head.append("metadata:\n  version: 1.0.0\n  tags: [one, two]")
    body = [f"# {os.path.basename(folder)}\n"]
    body += [_section(random) for _ in range(random.randrange(3, 14))]
    body += [f"See [{each}]({each}) for {random.choice(_WORDS)}.\n" for each in linked]
    yield f"{folder}/SKILL.md", "---\n" + "\n".join(head) + "\n---\n\n" + "\n".join(body)
    for each in linked:
        yield f"{folder}/{each}", f"# {each}\n\n{_section(random)}"


def _section(random: Random) -> str:
    text = [f"## {' '.join(random.choices(_WORDS, k=3)).capitalize()}\n", _paragraph(random)]
    kind = random.randrange(4)
    if kind == 0:
        text.append("\n".join(f"- **{random.choice(_WORDS)}**: {_sentence(random)}" for _ in range(5)) + "\n")
    elif kind == 1:
        text.append("\n".join(f"{number}. {_sentence(random)}" for number in range(1, 6)) + "\n")
    elif kind == 2:
        lines = "\n".join(f"{random.choice(_WORDS)} --{random.choice(_WORDS)} $1" for _ in range(6))
        text.append(f"```bash\n{lines}\n```\n")
    else:
        rows = "\n".join(f"| {random.choice(_WORDS)} | `{random.choice(_WORDS)}` |" for _ in range(5))
        text.append(f"| one | two |\n|---|---|\n{rows}\n")
    return "\n".join(text)


def _paragraph(random: Random) -> str:
    return "\n".join(_sentence(random) for _ in range(random.randrange(1, 6))) + "\n"


def _sentence(random: Random) -> str:
    return " ".join(random.choices(_WORDS, k=random.randrange(8, 18))).capitalize() + "."


def _name(random: Random, number: int) -> str:
    return f"{random.choice(_WORDS)}-{random.choice(_WORDS)}-{number}"


SHAPES = (
    Shape("flat folder", 900, 12, _flat),
    Shape("names unlike their folders", 900, 12, _misnamed),
    Shape("links to missing files", 700, 9, _linkless),
    Shape("few skills in a large tree", 17_000, 500, _sources),
    Shape("small plugins", 150, 4, _plugins),
)
ONE = Shape("one file", 1, 1, _one)
