"""The workflows of docs/github.md: no more rights than they need, no text of others in a script, no branch checked out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

from correctless.cli.confirm_from_github import confirm_from_github
from correctless.github.comments import ThreadComment
from correctless.review.comment_answers import parse
from places import ROOT

PAGE = (ROOT / "docs/github.md").read_text()
START, ANSWER = (yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL))


def steps(workflow: Any) -> Iterator[Any]:
    for job in workflow["jobs"].values():
        yield from job["steps"]


def test_a_workflow_has_no_rights_but_those_of_its_job() -> None:
    for workflow in (START, ANSWER):
        assert workflow["permissions"] == {}
        assert all("write-all" not in str(job["permissions"]) for job in workflow["jobs"].values())
    assert ANSWER["jobs"]["answer"]["permissions"] == {
        "contents": "write",
        "issues": "read",
        "pull-requests": "read",
        "statuses": "write",
    }


def test_answers_are_read_by_the_default_branchs_workflow_when_a_comment_is_created() -> None:
    assert ANSWER[True] == {"issue_comment": {"types": ["created"]}}  # `on`, as YAML 1.1 reads it
    for step in steps(ANSWER):
        assert "ref" not in step.get("with", {})
        assert "secrets." not in str(step)


def test_no_expression_is_in_a_script() -> None:
    found = [step["run"] for workflow in (START, ANSWER) for step in steps(workflow) if "run" in step]
    assert found
    assert [run for run in found if "${{" in run] == []


def test_the_comments_of_the_page_are_answers() -> None:
    bodies = re.findall(r"^(/(?:confirm|reject) .*)$", PAGE, re.MULTILINE)
    made = [parse(ThreadComment(1, body, "", "bob", 2, "User", edited=False, own=False)) for body in bodies]
    assert [each and (each.digest, each.number) for each in made] == [("5f3a91c2d4e8", 0), ("", 2)]
    assert str(confirm_from_github.name) in PAGE
