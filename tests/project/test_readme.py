"""What the README shows is what the program prints."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import click

import correctless
from correctless.base import exits
from correctless.cli import FAST
from correctless.cli.group import correctless_command
from patience import PATIENCE
from places import ROOT

README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def same(text: str) -> list[str]:
    """The lines without what is another in each run: its id, its digest, its times."""
    text = re.sub(r"\d{8}-\d{6}-[0-9a-f]{4}", "RUN", text)
    text = re.sub(r"[0-9a-f]{64}", "DIGEST", text)
    text = re.sub(r" +[\d.]+s\b", " TIME", text)
    return [line.rstrip() for line in text.strip().splitlines()]


def commands(page: str) -> list[str]:
    """The lines in a page's code blocks that call us."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    return re.findall(r"^(?:scripts/cauto|(?:scripts/)?correctless) .+$", "".join(blocks), re.MULTILINE)


def test_the_summary_in_the_readme_is_the_demos(tmp_path: Path) -> None:
    done = subprocess.run(
        [*correctless.itself(), "cauto", "demo", "--keep", str(tmp_path / "demo")],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == exits.PERSON, done.stderr
    shown = README.split("<!-- demo summary", 1)[1].split("```\n", 1)[1].split("```", 1)[0]
    assert same(shown) == same(done.stdout)


def test_the_exit_codes_in_the_readme_are_the_programs() -> None:
    rows = re.findall(r"^\| (\d+) \| (.+) \|$", README, re.MULTILINE)
    assert {int(code): meaning for code, meaning in rows} == exits.MEANING


def test_every_command_a_page_shows_exists_with_its_options() -> None:
    shown = 0
    for page in PAGES:
        for line in commands(page.read_text()):
            words = shlex.split(line, comments=True)
            words = ["cauto", *words[1:]] if words[0] == "scripts/cauto" else words[1:]
            words = words[: words.index("&&")] if "&&" in words else words
            command: click.Command = correctless_command
            context = click.Context(command)
            while isinstance(command, click.Group) and words and not words[0].startswith("-"):
                if words[0] in FAST:  # answered without click
                    break
                found = command.get_command(context, words[0])
                assert found is not None, f"{page.name}: {line}"
                command, words = found, words[1:]
            known = {option for parameter in command.params for option in parameter.opts}
            if words and words[0] in FAST:
                done = subprocess.run(
                    [*correctless.itself(), words[0], "--help"], capture_output=True, text=True, check=True
                )
                known = set(re.findall(r"^  (--[a-z-]+)", done.stdout, re.MULTILINE))
            given = {word.partition("=")[0] for word in words if word.startswith("--")}
            assert given <= known, f"{page.name}: {line}: {given - known}"
            shown += 1
    assert shown > 10
