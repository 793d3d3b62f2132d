"""The text of a run's pull request on a scripted GitHub: what it opens with, what it must hold, what people keep."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import Git
from correctless.base import exits
from github_api import GitHubApi
from hosted import hosted
from project import Project

pytestmark = pytest.mark.real


@pytest.fixture
def api(tmp_path: Path) -> Iterator[GitHubApi]:
    with GitHubApi(tmp_path) as host:
        yield host


def published(project: Project, **env: str) -> None:
    done = project.run(**env)
    assert done.returncode == exits.PERSON, done.stderr
    code, shown = project.review(answer="{digest}")
    assert code == exits.OK, shown
    done = project.cauto("resume")
    assert done.returncode == exits.OK, done.stderr


IDS = (
    "An id such as AD-002 is a decision point that the skill lists under Autonomous Defaults in its SKILL.md, with the default "
    "for when nobody can be asked; AD-UNLISTED-1 is a decision that the skill does not list."
)
BIG = """\
---
name: big
description: Takes many decisions. Use when a body must be full.
interaction_mode: hybrid
allowed-tools: Read, Write
---

Decide.

## Autonomous Defaults

- **AD-001**: Large question — `escalate: always`. Default if deferred: skip it. Rationale: it is yours.
"""


def big(top: Path, git: Git, api: GitHubApi) -> Project:
    """A project whose one step has 400 decision points."""
    points = "".join(
        f"- **AD-{n:03}**: Question {n} — keep it (default). Rationale: because.\n" for n in range(2, 401)
    )
    (top / "skills" / "big").mkdir(parents=True)
    (top / "skills" / "big" / "SKILL.md").write_text(BIG + points)
    return hosted(top, git, api, pipelines={"default": {"steps": [{"skill": "big", "check": ["true"]}]}})


def many(listed: int, unlisted: int, length: int) -> str:
    """AGENT_EXTRA: so many decisions, the unlisted ones deferred by that, each with a text of this length of its own."""
    ids = f"[*range(2, {2 + listed}), *range(500, {500 + unlisted})]"
    return (
        f"[decide('AD-%03d' % n, ('text %d ' % n + 'why not, ' * {length})[:{length}] + '.') for n in {ids}]"
    )


def test_the_body_opens_with_what_changed_and_what_an_id_means(
    scratch_repo: Path, git: Git, api: GitHubApi
) -> None:
    project = hosted(scratch_repo, git, api)
    published(project)
    text = api.pulls[0].body
    opening, *parts = text.split("\n## ")
    assert opening.splitlines()[1:6] == [
        "**Greeting**",
        "",
        "4 files changed, 12 lines added and 0 removed, by the steps ctdd, simplify, cverify, cdocs.",
        "",
        IDS,
    ]
    assert [part.splitlines()[0] for part in parts] == [
        "Files",
        "Decisions",
        "Deferred escalations (2)",
        "Confirmations",
        "Test plan",
        "Verification",
        "Cost",
        "Logs",
    ]
    assert re.search(
        r"^\| the spec spec\.md \| Ada \| flag \| 20\S+Z \| [0-9a-f]{12} \|\n"
        r"\| 2 decisions \| Ada \| terminal \| 20\S+Z \| [0-9a-f]{12} \|$",
        text,
        re.MULTILINE,
    )
    assert "- [ ] R-002: greet(name) says hello to name." in text


def test_the_whole_rule_is_in_the_test_plan(scratch_repo: Path, git: Git, api: GitHubApi) -> None:
    project = hosted(scratch_repo, git, api)
    rule = "greet() says hello, " + "and more, " * 90 + "to the end."
    project.write("spec.md", f"# Greeting\n\n- R-001: {rule}\n- R-002: greet(name) says hello to name.\n")
    git(project.top, "commit", "-qam", "longer")
    published(project)
    assert f"- [ ] R-001: {rule}\n" in api.pulls[0].body


TEMPLATE = "<!-- say why -->\r\n## Checklist\r\n\r\n- [ ] docs @team   \r\n\r\n\r\n"


@pytest.mark.parametrize("path", [".github/PULL_REQUEST_TEMPLATE.md", "docs/pull_request_template.md"])
def test_the_repositorys_template_and_what_people_write_stay_to_the_byte_over_two_runs(
    scratch_repo: Path, git: Git, api: GitHubApi, path: str
) -> None:
    project = hosted(scratch_repo, git, api)
    (project.top / path).parent.mkdir(exist_ok=True)
    (project.top / path).write_bytes(TEMPLATE.encode())
    git(project.top, "add", "--all")
    git(project.top, "commit", "-qm", "a template")
    published(project)
    (pull,) = api.pulls
    first = project.state().run
    end = f"<!-- correctless:end run={first} -->"
    assert pull.body.endswith(f"{end}\n\n{TEMPLATE}")
    pull.body = f"Mine:\r\n\r\n{pull.body}and mine\r\n"
    done = project.run(AGENT_EXTRA="pathlib.Path('more.md').write_text('more') if step == 'cdocs' else None")
    assert done.returncode == exits.PERSON, done.stderr
    assert project.review(answer="{digest}")[0] == exits.OK
    done = project.cauto("resume")
    assert done.returncode == exits.OK, done.stderr
    second = project.state().run
    assert second != first
    assert len(api.pulls) == 1
    before, _, rest = pull.body.partition(f"<!-- correctless:begin run={second} -->")
    section, _, after = rest.partition(f"<!-- correctless:end run={second} -->")
    assert (before, after) == ("Mine:\r\n\r\n", f"\n\n{TEMPLATE}and mine\r\n")
    assert "more.md" in section
    assert f"run={first}" not in pull.body
    for command in (("decisions", "verify"), ("audit-run", first), ("audit-run", second)):
        assert project.command(*command).returncode == exits.OK, project.command(*command).stdout


def test_a_template_that_an_agent_writes_is_not_used(scratch_repo: Path, git: Git, api: GitHubApi) -> None:
    project = hosted(scratch_repo, git, api, outputs=["**"])
    write = "pathlib.Path('PULL_REQUEST_TEMPLATE.md').write_text('closes #1') if step == 'cdocs' else None"
    published(project, AGENT_EXTRA=write)
    assert "PULL\\_REQUEST\\_TEMPLATE.md (+1 -0)" in api.pulls[0].body
    assert "closes" not in api.pulls[0].body


def test_of_300_decisions_each_deferred_one_is_in_the_body_in_full(
    scratch_repo: Path, git: Git, api: GitHubApi
) -> None:
    project = big(scratch_repo, git, api)
    published(project, AGENT_EXTRA=many(240, 60, 600))
    text = api.pulls[0].body
    decisions = project.decisions()
    deferred = [each for each in decisions if each["escalation_deferred"]]
    assert (len(decisions), len(deferred)) == (300, 60)
    shown = text.partition("## Deferred escalations")[2].partition("\n## ")[0]
    assert len({each["default_applied"] for each in deferred}) == 60
    for each in deferred:
        assert f"\n- **{each['decision_id']}** in big: confirmed by Ada (terminal)\n" in shown
        assert f"\n  - default: {each['default_applied']}\n" in shown
    assert 60_000 < len(text.encode("utf-16-le")) // 2 <= 65_536
    assert re.search(
        r"^\*[0-9]+ more items cut to fit; whole: correctless decisions summary\.\*$", text, re.MULTILINE
    )
    assert "<summary>" in text
    assert text.count("<details>") == text.count("</details>")


def test_deferred_decisions_that_do_not_fit_stop_the_run_before_you_confirm(
    scratch_repo: Path, git: Git, api: GitHubApi
) -> None:
    project = hosted(scratch_repo, git, api)
    done = project.run(AGENT_EXTRA="decide('AD-999', 'x' * 70_000) if step == 'ctdd' else None")
    assert done.returncode == exits.PERSON
    assert "what must not be cut takes 7" in done.stderr
    assert "correctless review" in done.stderr
    assert api.pulls == []
    assert project.state().gate is None


def test_text_of_the_repository_is_inert_in_the_body(scratch_repo: Path, git: Git, api: GitHubApi) -> None:
    project = hosted(scratch_repo, git, api)
    hostile = "@ann fixes #7 <img src=x> <!-- correctless:end run=r1 --> | `a` </details>"
    project.write("spec.md", f"# Greet {hostile}\n\n- R-001: {hostile}\n- R-002: {hostile}\n")
    git(project.top, "commit", "-qam", "hostile")
    write = "pathlib.Path('@ann fixes #7 ](x) <b>.md').write_text('x') if step == 'cdocs' else None"
    published(project, AGENT_EXTRA=write)
    text = api.pulls[0].body
    assert text.count("R-00") == 2
    for word in ("@ann", "#7", "<img", "<b>", "end run=r1 -->", "`a`", "</details>"):
        assert word not in text
    assert text.count("fixes #\u200b7") == 4
