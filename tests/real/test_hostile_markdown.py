"""Forty hostile texts in what GitHub shows: the body of a pull request, and the summary of a job."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

import places
from conftest import Git
from correctless.base import exits
from github_api import GitHubApi
from hosted import hosted
from hostile_texts import TEXTS
from project import Project

pytestmark = pytest.mark.real

RENDER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
OURS = re.compile(
    r"</?details>|<summary>(?:the rules of the spec|[0-9]+ (?:file|line)s?|time, tokens and cost of each step)</summary>"
    r"|<br>|<!-- correctless:(?:begin|end) run=[0-9a-f-]+ -->|\s"
)
# What GitHub acts on wherever it is in rendered text, whatever escapes were before it.
ACTIVE = re.compile(r"@\w|#\w|\bgh-\d|://|\bwww\.|mailto:|xmpp:", re.IGNORECASE)


def faults(markdown: str) -> list[str]:
    """What of a text is more than text and not of our making."""
    found = [f"character {c!r}" for c in markdown if c not in "\n\u200b" and not c.isprintable()]
    for token in RENDER.parse(markdown):
        for each in (token, *(token.children or ())):
            if each.type in (
                "link_open",
                "image",
                "code_block",
                "code_inline",
                "fence",
                "blockquote_open",
                "hr",
            ):
                found += [] if _own_code(each.content) else [f"{each.type}: {each.content or each.attrs}"]
            elif each.type.startswith("html_") and OURS.sub("", each.content):
                found.append(f"{each.type}: {each.content}")
            elif each.type == "text" and ACTIVE.search(each.content):
                found.append(f"text: {each.content[:200]}")
    return found


def _own_code(content: str) -> bool:
    return bool(
        re.fullmatch(r"[0-9a-f]{12}|[0-9a-f]{64}|correctless [a-z -]+(?:origin [0-9a-f-]+)?", content)
    )


@pytest.fixture
def api(tmp_path: Path) -> Iterator[GitHubApi]:
    with GitHubApi(tmp_path) as host:
        yield host


def saying(*names: str) -> str:
    """AGENT_EXTRA: the last step decides all these texts, unlisted ones and one listed twice."""
    return (
        f"sys.path.insert(0, {str(places.ROOT / 'tests/kit')!r})\nfrom hostile_texts import TEXTS\n"
        f"for name in {names!r} if step == 'cdocs' else ():\n    decide(TEXTS[name][:200], TEXTS[name][:1_000_000])\n"
    )


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "step_summary"
    path.write_text("of an earlier command\n")
    return path


def test_hostile_texts_are_inert_in_the_body_and_on_the_page_of_the_job(
    scratch_repo: Path, git: Git, api: GitHubApi, page: Path
) -> None:
    assert all(map(faults, ("# <b>", "see @ann", "`x`", "[a](b)", "fixes #1", "a\u202eb")))
    project = hosted(scratch_repo, git, api)
    names = [name for name in TEXTS if name != "a megabyte"]
    env = {"GITHUB_STEP_SUMMARY": str(page)}
    done = project.run(AGENT_EXTRA=saying(*names), **env)
    assert done.returncode == exits.PERSON, done.stderr
    asked = page.read_text()
    assert asked.startswith("of an earlier command\n# feature/x: waiting\n")
    assert f"{len(names) + 2} decisions need your confirmation" in asked
    assert faults(asked) == []
    assert project.review("--confirm", digest(asked))[0] == exits.OK
    done = project.cauto("resume", env=env)
    assert done.returncode == exits.OK, done.stderr
    body = api.pulls[0].body
    assert body.count("\n- **AD-UNLISTED-") == len(names) + 1
    assert faults(body) == []
    assert faults(page.read_text()) == []
    assert page.read_text().startswith(asked)


def digest(text: str) -> str:
    found = re.search(r"^Digest: `([0-9a-f]{12})`$", text, re.MULTILINE)
    assert found
    return found[1]


def test_a_megabyte_is_neither_published_nor_cut_nor_on_the_page(
    scratch_repo: Path, git: Git, api: GitHubApi, page: Path
) -> None:
    project = hosted(scratch_repo, git, api)
    done = project.run(AGENT_EXTRA=saying("a megabyte"), GITHUB_STEP_SUMMARY=str(page))
    assert done.returncode == exits.PERSON
    assert "what must not be cut takes 1,0" in done.stderr
    assert len(done.stderr) < 5_000
    assert api.pulls == []
    assert "too long for this page" in page.read_text()
    assert len(page.read_text()) < 2_000
    assert faults(page.read_text()) == []


def test_the_page_is_written_through_no_link_and_to_no_other_file(
    scratch_repo: Path, git: Git, api: GitHubApi, tmp_path: Path
) -> None:
    project = hosted(scratch_repo, git, api, pipelines={"default": {"steps": [{"skill": "cdocs"}]}})
    mine = tmp_path / "mine"
    mine.write_text("mine\n")
    makers: dict[str, Callable[[Path], object]] = {
        "link": lambda path: path.symlink_to(mine),
        "hard": lambda path: os.link(mine, path),
        "pipe": os.mkfifo,
        "folder": os.mkdir,
        "gone": lambda _path: None,
    }
    for name, make in makers.items():
        path = tmp_path / name
        make(path)
        _ended(project, str(path))
        assert mine.read_text() == "mine\n"
        assert not (tmp_path / "gone").exists()
    inside = project.top / "summary"
    inside.write_text("")
    (tmp_path / "way").symlink_to(project.top)
    for named in (str(inside), str(tmp_path / "way" / "summary"), "summary"):
        _ended(project, named)
        assert inside.read_text() == ""
    inside.unlink()


def _ended(project: Project, path: str) -> None:
    words = ("resume",) if project.ran() else project.run_words()
    done = project.cauto(*words, env={"GITHUB_STEP_SUMMARY": path})
    assert done.returncode == exits.PERSON, done.stderr
    assert "warning: no summary in GITHUB_STEP_SUMMARY: " in done.stderr
