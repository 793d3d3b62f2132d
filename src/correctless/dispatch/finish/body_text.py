"""Title and body of a run's pull request: what changed, what was decided, who confirmed it, and what to test.

Every text of a model, a spec or a repository is inert in it.
"""

from __future__ import annotations

from collections.abc import Iterator

from correctless.base.text import counted, one_line
from correctless.decisions.decision import Confirmation
from correctless.dispatch.core import spec as spec_text
from correctless.dispatch.core.context import RunContext, plan_of
from correctless.dispatch.step import work
from correctless.ledger.chain import Head
from correctless.project.git import Repo
from correctless.publish.managed_body import LOGS, BodyPart, ManagedBody
from correctless.review import gate, open_set, summary
from correctless.review.coverage import SHOWN_DIGITS
from correctless.review.gate import GateState
from correctless.review.inert import inert
from correctless.runlog.branch import Branch
from correctless.runlog.events import StepFinished
from correctless.runlog.state import State

_TEXT = 400  # characters of a title or a path
_VERIFICATION = 4_000
_IDS = (
    "An id such as AD-002 is a decision point that the skill lists under Autonomous Defaults in its SKILL.md, with the default "
    "for when nobody can be asked; AD-UNLISTED-1 is a decision that the skill does not list."
)
_WHOLE = "whole: correctless decisions summary"
_TEMPLATES = tuple(
    f"{folder}{name}.{ending}"
    for folder in (".github/", "", "docs/")
    for name in ("PULL_REQUEST_TEMPLATE", "pull_request_template")
    for ending in ("md", "txt")
)


def text_of(ctx: RunContext, state: State) -> tuple[str, ManagedBody]:
    """Return title and managed section of a run's pull request."""
    plan = plan_of(state)
    branch, status = gate.load(ctx.logs, ctx.repo)
    view = open_set.view_of(branch, status, ctx.logs)
    spec = work.approved_spec(ctx, state)
    title = spec_text.title(spec) or plan.branch
    changed = [*_changed(ctx.repo, plan.base)]
    decided = {part.title: part for part in summary.markdown_parts(view)}
    steps = decided.pop(summary.STEPS, None)
    heads = {"decisions": branch.decisions_head, "run": Head(branch.run_head.seq, branch.run_head.sha256)}
    parts = (
        BodyPart("", _opening(title, state, changed)),
        BodyPart("Files", [line for _, _, line in changed], 2, "all: git diff --stat", _count(changed)),
        *map(_decided, decided.values()),
        BodyPart("Confirmations", [*_confirmations(branch, status, state)]),
        BodyPart("Test plan", [*_test_plan(spec)], 5, f"whole: {_line(plan.spec)}", "the rules of the spec"),
        BodyPart("Verification", [_line(_verification(ctx.repo, state), _VERIFICATION) or "No verification ran."]),
        *((BodyPart("Cost", steps.blocks, 1, _WHOLE, "time, tokens and cost of each step"),) if steps else ()),
        BodyPart(LOGS, ["| log | entries | head |\n| --- | --- | --- |", *_heads(heads)]),
    )  # fmt: skip
    return title, ManagedBody(state.run, tuple(part for part in parts if part.blocks))


def template_of(repo: Repo, commit: str) -> str:
    """Return the text of the repository's pull request template in a commit, "" without one."""
    found = (repo.file_at(commit, path) for path in _TEMPLATES)
    data = next((data for data in found if data), b"")
    return data.decode("utf-8", "replace")


def _opening(title: str, state: State, changed: list[tuple[int, int, str]]) -> list[str]:
    added, removed = sum(each[0] for each in changed), sum(each[1] for each in changed)
    steps = ", ".join(inert(item.step) for item in state.finished if isinstance(item, StepFinished))
    lines = f"{counted(added, 'line')} added and {removed:,} removed"
    what = (
        f"{_count(changed)} changed, {lines}, by the steps {steps}."
        if steps
        else f"{_count(changed)} changed."
    )
    return [f"**{_line(title)}**", "", what, "", _IDS]


def _count(changed: list[tuple[int, int, str]]) -> str:
    return counted(len(changed), "file")


def _changed(repo: Repo, base: str) -> Iterator[tuple[int, int, str]]:
    """Yield the added and removed lines of each file since a commit, and a line about it."""
    for each in repo.git("diff", "--numstat", "-z", "--no-renames", base, "HEAD").split("\0"):
        if not each:
            continue
        added, removed, path = each.split("\t", 2)
        if added == "-":
            yield 0, 0, f"- {_line(path)} (binary)"
        else:
            yield int(added), int(removed), f"- {_line(path)} (+{added} -{removed})"


def _decided(part: summary.MarkdownPart) -> BodyPart:
    folds = "" if part.whole else counted(len(part.blocks), "line")
    return BodyPart(part.title, part.blocks, 0 if part.whole else _CUT.get(part.title, 4), _WHOLE, folds)


_CUT = {"Superseded": 1, "Warnings": 6, "Decisions": 3}


def _confirmations(branch: Branch, status: GateState, state: State) -> Iterator[str]:
    yield "| what | by | channel | when | digest |\n| --- | --- | --- | --- | --- |"
    plan = plan_of(state)
    approvals = (c for c in branch.confirmations if (c.kind, c.digest) == ("spec", plan.spec_sha256))
    if approval := next(reversed([*approvals]), None):
        yield _answer(f"the spec {plan.spec}", approval)
    covering = [*status.covered.values()]
    for answer in dict.fromkeys(covering):
        yield _answer(counted(covering.count(answer), "decision"), answer)


def _answer(what: str, answer: Confirmation) -> str:
    cells = (what, answer.by, answer.channel, answer.timestamp, answer.digest[:SHOWN_DIGITS])
    return f"| {' | '.join(map(_line, cells))} |"


def _test_plan(spec: str) -> Iterator[str]:
    rules = spec_text.rule_texts(spec)
    for rule, text in rules:
        yield f"- [ ] {_line(rule)}: {inert(text)}"
    if not rules:
        yield "The spec names no rules."


def _heads(heads: dict[str, Head]) -> Iterator[str]:
    for name, head in heads.items():
        yield f"| {name} | {head.seq} | `{head.sha256}` |"


def _verification(repo: Repo, state: State) -> str:
    done = [item.step for item in state.finished]
    named = [step.report for step in plan_of(state).steps if step.report and step.name in done]
    reports = [report for report in named if repo.file_at("HEAD", report) is not None]
    checked = [step.name for step in plan_of(state).steps if step.check and step.name in done]
    parts = []
    if checked:
        parts.append(f"the check commands of {', '.join(checked)} passed")
    if reports:
        parts.append(f"reports: {', '.join(reports)}")
    return "; ".join(parts)


def _line(text: str, most: int = _TEXT) -> str:
    return inert(one_line(text, most))
