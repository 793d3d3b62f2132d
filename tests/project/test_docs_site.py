"""The pages of docs/ as a site: what it is built from, what is generated, and what the built pages load."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import yaml

import forked
from patience import PATIENCE
from places import ROOT

DOCS = ROOT / "docs"
SITE: dict[str, Any] = yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))
CONTRACT = (DOCS / "skill-contract.md").read_text("utf-8")


def named(nav: Any) -> Iterator[str]:
    """Each file that a navigation names."""
    if isinstance(nav, str):
        yield nav
    for each in nav.values() if isinstance(nav, dict) else nav if isinstance(nav, list) else ():
        yield from named(each)


def test_every_page_is_in_the_navigation_once() -> None:
    pages = [path.name for path in DOCS.glob("*.md")]
    assert sorted(named(SITE["nav"])) == sorted([*pages, "rules/README.md"]), (
        "add the page to nav in mkdocs.yml"
    )


def test_a_wrong_link_anchor_or_page_fails_the_build() -> None:
    assert SITE["strict"] is True
    levels = {**SITE["validation"]["nav"], **SITE["validation"]["links"]}
    assert set(levels.values()) == {"warn"}
    assert {"omitted_files", "not_found", "anchors", "absolute_links", "unrecognized_links"} <= set(levels)


def test_all_checks_build_the_site_and_the_usual_ones_do_not() -> None:
    program = "import parts; print(parts.beside(True)['docs'], 'docs' in parts.beside(False))"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(ROOT / "scripts" / "lib")},
        capture_output=True, text=True, check=True, timeout=PATIENCE,
    )  # fmt: skip
    assert done.stdout == "('scripts/docs',) False\n"


def test_no_font_and_no_statistics_are_asked_of_others() -> None:
    assert SITE["theme"]["font"] is False
    assert "repo_url" not in SITE  # its stars are asked of the host
    assert set(SITE["extra"]) == {"generator"}
    assert SITE["plugins"] == ["search"]


def test_the_page_of_the_commands_is_current() -> None:
    done = subprocess.run(
        [sys.executable, "-P", ROOT / "scripts" / "lib" / "cli_page.py"],
        cwd="/", capture_output=True, text=True, check=True, timeout=PATIENCE,
    )  # fmt: skip
    assert done.stdout == (DOCS / "cli.md").read_text("utf-8"), "run: scripts/regen"


@pytest.mark.parametrize(
    "words", ["", "cauto", "cauto run", "review", "contract review add", "gate", "lint", "decisions parse"]
)
def test_the_page_has_what_a_command_prints_as_its_help(words: str, tmp_path: Path) -> None:
    done = forked.run([*words.split(), "--help"], cwd=tmp_path, env={**os.environ, "COLUMNS": "100"})
    path = f"correctless {words}".strip()
    [text] = re.findall(
        rf"^#+ {path}\n\n```text\n(.*?)\n```$", (DOCS / "cli.md").read_text(), re.MULTILINE | re.DOTALL
    )
    assert done.stdout.rstrip() == text


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """The skill and the answer that the page for skill authors shows, saved as it says."""
    blocks = re.findall(r"^( *)```\w+\n(.*?)^\1```$", CONTRACT, re.MULTILINE | re.DOTALL)
    texts = [re.sub(rf"^{indent}", "", text, flags=re.MULTILINE) for indent, text in blocks]
    skill = tmp_path / "skills" / "cmigrate" / "SKILL.md"
    skill.parent.mkdir(parents=True)
    skill.write_text(next(text for text in texts if text.startswith("---\n")))
    (tmp_path / "answer.md").write_text(next(text for text in texts if "DECISIONS_START" in text))
    (tmp_path / ".correctless").mkdir()
    return tmp_path


def shown(command: str) -> str:
    """What the page shows below a command."""
    after = CONTRACT.split(f"{command}\n", 1)[1].split("```text\n", 1)[1].split("```", 1)[0]
    indent = " " * (len(after) - len(after.lstrip(" ")))
    return re.sub(rf"^{indent}", "", after, flags=re.MULTILINE).rstrip()


def test_the_example_skill_is_without_findings_and_read_as_its_page_says(example: Path) -> None:
    lint = forked.run(
        ["lint", "--pedantic", "--fail-on", "info", "--no-cache", "skills"], cwd=example, env=os.environ
    )
    assert (lint.returncode, lint.stdout) == (0, "no findings: 1 file read\n")
    skills = forked.run(["skills", "skills"], cwd=example, env=os.environ)
    assert skills.stdout.rstrip() == shown("correctless lint skills")


def test_the_example_answer_is_corrected_as_its_page_says(example: Path) -> None:
    command = "correctless decisions parse answer.md --skill skills/cmigrate --nonce 7f3a91c2"
    done = forked.run(command.split()[1:], cwd=example, env=os.environ)
    assert (done.returncode, done.stdout.rstrip()) == (1, shown(command))


class Loads(HTMLParser):
    """What a page makes a browser load."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "link" and values.get("rel") in ("canonical", "prev", "next"):
            return
        if tag != "a":
            self.found += [
                values[name]
                for name in ("src", "srcset", "href", "data", "poster", "action")
                if values.get(name)
            ]


def elsewhere(page: str) -> list[str]:
    """What a page loads from other hosts."""
    loads = Loads()
    loads.feed(page)
    return [
        each for each in loads.found if re.match(r"(?:[a-z][a-z0-9+.-]*:)?//", each.strip(), re.IGNORECASE)
    ]


@pytest.mark.parametrize(
    "tag", ["<script src='https://x.test/a.js'>", "<link href=//x.test/a.css rel=stylesheet>", "<img src=HTTP://x.test/a>"]
)  # fmt: skip
def test_what_is_loaded_from_another_host_is_noticed(tag: str) -> None:
    assert len(elsewhere(f"<a href='https://x.test/'>x</a>{tag}")) == 1


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site that scripts/docs builds, which makes .venv-docs the first time."""
    folder = tmp_path_factory.mktemp("docs")
    done = subprocess.run(
        [ROOT / "scripts" / "docs", "site"],
        cwd=folder, capture_output=True, text=True, check=False, timeout=PATIENCE,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "site"


@pytest.mark.real
def test_the_built_site_has_every_page_and_loads_nothing_from_other_hosts(site: Path) -> None:
    pages = [path.relative_to(DOCS).with_suffix(".html") for path in DOCS.rglob("*.md")]
    built = {path.relative_to(site).as_posix(): path.read_text("utf-8") for path in site.rglob("*.html")}
    assert {re.sub(r"README\.html$", "index.html", page.as_posix()) for page in pages} | {"404.html"} == set(
        built
    )
    for name, text in built.items():
        assert elsewhere(text) == [], name
        assert 'class="mermaid"' not in text, f"{name}: the theme loads what draws it from another host"
    for path in site.rglob("*.css"):
        assert not re.search(r"(?:url\(|@import)\s*['\"]?(?:https?:)?//", path.read_text("utf-8")), path


@pytest.mark.real
@pytest.mark.parametrize(
    ("page", "text", "reason"),
    [
        ("review.md", "[x](nonesuch.md)\n", "nonesuch.md"),
        ("review.md", "[x](security.md#nonesuch)\n", "nonesuch"),
        ("nonesuch.md", "# A page\n", "nonesuch.md"),
    ],
)
def test_the_build_refuses(page: str, text: str, reason: str, site: Path, tmp_path: Path) -> None:
    shutil.copytree(DOCS, tmp_path / "docs")
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    shutil.copy(ROOT / "mkdocs.yml", tmp_path)
    (tmp_path / ".venv-docs").symlink_to(ROOT / ".venv-docs")
    with (tmp_path / "docs" / page).open("a") as file:
        file.write(text)
    done = subprocess.run(
        [tmp_path / "scripts" / "docs", "site"],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=PATIENCE,
    )  # fmt: skip
    assert done.returncode == 1
    assert reason in done.stderr
