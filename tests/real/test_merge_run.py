"""A whole run that ends in a merge, or not: the real gh on a scripted GitHub, under a run contract that is pinned here."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import contracts as c
from conftest import Git
from correctless.base import exits
from correctless.base.clock import utcnow
from correctless.runcontract.ledger import store
from correctless.runcontract.ledger.actions import Action
from correctless.runcontract.ledger.records import (
    AuthorityDecision,
    Consume,
    Permit,
    Pin,
    Record,
    Revoke,
    Surfaced,
)
from github_api import GitHubApi, Merging, check_run
from project import CONFIG, Project

pytestmark = pytest.mark.real

# The terms without a review: nobody here could have made one.
RUN = "sessions-cutover"
TEXT = c.edited(
    ("not_after = 2026-08-07T18:00:00Z", "not_after = 2099-01-01T00:00:00Z"),
    ('repo = "acme/shop"', 'repo = "ann/shop"'),
    ('[[bar.review]]\narea = "data"\nneeds = "someone who knows the store"\n', ""),
    text=c.named(RUN),
)


def passing() -> Merging:
    return Merging(checks=[check_run("tests"), check_run("lint")], base_checks=[check_run("tests", "push")])


@pytest.fixture
def api(tmp_path: Path) -> Iterator[GitHubApi]:
    with GitHubApi(tmp_path) as host:
        host.opened = passing
        yield host


class Merged(Project):
    """A project whose runs are merged as the contract allows; `add` puts on record what its operator would have said."""

    def __init__(self, top: Path, git: Git, api: GitHubApi, **config: Any) -> None:
        bare, url = top.parent / "origin.git", "https://github.com/ann/shop.git"
        git(top.parent, "init", "-q", "--bare", "-b", "main", "origin.git")
        git(top, "remote", "add", "origin", url)
        git(top, "config", f"url.{bare}.insteadOf", url)
        git(top, "push", "-q", "origin", "main")
        said = {"pr": "gh", "merge": "contract", "merge_minutes": 0.01, "on_escalation": "defer"}
        super().__init__(top, git, config={**CONFIG, **said, **config})
        self.api = api
        self.env |= api.env(top.parent)
        api.tip = lambda branch: git(bare, "rev-parse", branch)
        self.place = store.files_of(str(top), RUN)

    def add(self, *records: Record) -> None:
        kept = store.load(self.place, self.env, utcnow())
        store.add(kept, records, self.env, utcnow())

    def pin(self, *answers: Record, text: str = TEXT) -> None:
        store.begin(self.place, text)
        of = c.digest(text)
        self.add(Surfaced(of), *(answers or (c.yes("G5", of=of),)), Pin(of, {}))
        store.pin_file(self.place, text.encode())

    def to_the_end(self) -> Any:
        done = self.run()
        assert done.returncode == exits.PERSON, done.stderr
        assert self.review(answer="{digest}")[0] == exits.OK
        return self.cauto("resume")

    def audited(self) -> tuple[str, str]:
        """What the audit says of the merge."""
        claims = json.loads(self.command("audit-run", "--json").stdout)["claims"]
        (claim,) = [each for each in claims if each["what"] == "merge"]
        return claim["verdict"], claim["said"]

    def ledger(self) -> list[Record]:
        return [item.record for item in store.load(self.place, self.env, utcnow()).log]


@pytest.fixture
def project(scratch_repo: Path, git: Git, api: GitHubApi) -> Merged:
    return Merged(scratch_repo, git, api)


def test_a_confirmed_run_is_merged_at_its_own_commit_by_a_permit(project: Merged, api: GitHubApi) -> None:
    project.pin()
    done = project.to_the_end()
    assert done.returncode == exits.OK, done.stderr
    head = project.git(project.top, "rev-parse", "HEAD")
    assert [merge["expectedHeadOid"] for merge in api.merges] == [head]
    assert [item.event.event for item in project.events()][-3:] == ["published", "merged", "complete"]
    assert (project.state().merged, "pull request 1: merged as eeeeeeeeeeee" in done.stderr) == (
        "e" * 40,
        True,
    )
    decision, permit, consume = project.ledger()[-3:]
    assert isinstance(decision, AuthorityDecision)
    assert isinstance(permit, Permit)
    assert (decision.verdict, consume) == ("allow", Consume(permit.id))
    assert Action.of(permit.action) == Action("merge", "1", head=head)
    assert project.audited() == (
        "proven",
        f"pull request 1 as eeeeeeeeeeee, by permit {permit.id} of the contract {RUN}",
    )
    Path(project.place.ledger).write_text("")
    assert project.audited()[0] == "unchecked"


def test_with_a_contract_and_without_being_told_to_it_never_merges(
    scratch_repo: Path, git: Git, api: GitHubApi
) -> None:
    project = Merged(scratch_repo, git, api, merge="never")
    project.pin()
    done = project.to_the_end()
    assert done.returncode == exits.OK, done.stderr
    assert (api.merges, len(api.open_pulls("feature/x"))) == ([], 1)
    assert len(project.ledger()) == 3


@pytest.mark.parametrize(
    ("text", "answers", "why"),
    [
        (None, (), "no contract found"),
        (TEXT, (c.no("G5", of=c.digest(TEXT)), c.yes("G4", of=c.digest(TEXT))), "grants no merge"),
        (TEXT.replace("ann/shop", "ann/other"), (), "about main of ann/other"),
        (TEXT.replace('base = "main"', 'base = "next"'), (), "about next of ann/shop"),
        (TEXT.replace("2099-01-01", "2026-08-05"), (), "is expired, not in force"),
    ],
    ids=["no contract", "refused", "another repository", "another base", "expired"],
)
def test_a_run_that_could_never_be_merged_does_not_start(
    text: str | None, answers: tuple[Record, ...], why: str, project: Merged
) -> None:
    if text is not None:
        project.pin(*answers, text=text)
    done = project.run()
    assert (done.returncode, why in done.stderr) == (exits.REFUSED, True), done.stderr
    assert not project.diary.exists()


def test_merge_needs_a_pull_request_of_gh(project: Merged) -> None:
    project.pin()
    done = project.run("--pr", "skip")
    assert (done.returncode, "set pr: gh" in done.stderr) == (exits.REFUSED, True)
    assert project.run("--pr", "skip", "--merge", "never").returncode == exits.PERSON


def test_what_does_not_hold_yet_is_waited_for(scratch_repo: Path, git: Git, api: GitHubApi) -> None:
    project = Merged(scratch_repo, git, api, merge_minutes=0.03)
    project.pin()
    api.opened = lambda: replace(passing(), mergeable=["UNKNOWN", "UNKNOWN", "MERGEABLE"])
    done = project.to_the_end()
    assert done.returncode == exits.OK, done.stderr
    verdicts = [record.verdict for record in project.ledger() if isinstance(record, AuthorityDecision)]
    assert (verdicts[0], verdicts[-1], len(api.merges)) == ("deny", "allow", 1)


def test_what_does_not_hold_in_time_is_left_open_and_asked_again_by_resume(
    project: Merged, api: GitHubApi
) -> None:
    project.pin()
    api.opened = lambda: replace(passing(), checks=[check_run("tests")])
    done = project.to_the_end()
    assert done.returncode == exits.PERSON
    assert "was not merged within 0.01 minutes: merge.check: no such check" in done.stderr
    assert "cauto resume" in done.stderr
    assert (api.merges, project.state().phase) == ([], "published")
    assert project.audited() == ("not yet", "the run log has no merge")
    api.pulls[0].merging.checks = [check_run("tests"), check_run("lint")]
    done = project.cauto("resume")
    assert (done.returncode, len(api.merges), len(api.pulls)) == (exits.OK, 1, 1), done.stderr


def test_a_revocation_on_the_way_is_a_no(project: Merged, api: GitHubApi) -> None:
    project.pin()
    assert project.run().returncode == exits.PERSON
    project.add(Revoke("G5", "Ada", "terminal"))
    assert project.review(answer="{digest}")[0] == exits.OK
    done = project.cauto("resume")
    assert (done.returncode, "answer.revoked" in done.stderr) == (exits.PERSON, True), done.stderr
    assert (api.merges, len(api.open_pulls("feature/x"))) == ([], 1)


def test_a_contract_that_was_edited_on_the_way_is_a_no(project: Merged, api: GitHubApi) -> None:
    project.pin()
    assert project.run().returncode == exits.PERSON
    Path(project.place.contract).write_text(TEXT + " \n")
    assert project.review(answer="{digest}")[0] == exits.OK
    done = project.cauto("resume")
    assert (done.returncode, "digest: contract.md is" in done.stderr) == (exits.PERSON, True), done.stderr
    for path in (project.place.contract, project.place.pinned):
        Path(path).unlink()
    done = project.cauto("resume")
    assert (done.returncode, "the grants of the contract" in done.stderr) == (exits.REFUSED, True), (
        done.stderr
    )
    page = Path(project.logs.folder(project.state().run), "escalation.md")
    assert "The pull request is open and was not merged" in page.read_text()
    assert (api.merges, len(api.open_pulls("feature/x"))) == ([], 1)


def test_another_head_than_the_run_made_is_not_merged(project: Merged, api: GitHubApi) -> None:
    project.pin()

    def moved(asked: str, answer: Any) -> Any:
        if asked == "PullRequestMerge" or asked.startswith("Merge"):
            pull = answer["data"]["repository"]["pullRequest"]
            pull["headRefOid"] = "f" * 40
        return answer

    api.rewrite = moved
    done = project.to_the_end()
    assert (done.returncode, "is OPEN at ffffffffffff" in done.stderr) == (exits.PERSON, True), done.stderr
    assert api.merges == []


def test_what_a_person_merged_is_found_merged_and_closed_is_left(project: Merged, api: GitHubApi) -> None:
    project.pin()
    api.opened = lambda: replace(passing(), checks=[])
    assert project.to_the_end().returncode == exits.PERSON
    api.pulls[0].state = "CLOSED"
    done = project.cauto("resume")
    assert (done.returncode, "is CLOSED" in done.stderr) == (exits.PERSON, True)
    api.pulls[0].state, api.pulls[0].merging.commit = "MERGED", "d" * 40
    assert project.cauto("resume").returncode == exits.OK
    assert (project.state().merged, api.merges) == ("d" * 40, [])
    verdict, said = project.audited()
    assert (verdict, "no permit" in said) == ("not proven", True)


def test_a_decision_that_came_meanwhile_is_a_persons_before_the_merge(
    project: Merged, api: GitHubApi
) -> None:
    project.pin()
    api.opened = lambda: replace(passing(), checks=[])
    assert project.to_the_end().returncode == exits.PERSON
    said = '{"decision_id": "AD-999", "default_applied": "x", "rationale": "y"}'
    assert project.command("writer", "append", "ctdd", said).returncode == exits.OK
    api.pulls[0].merging.checks = [check_run("tests"), check_run("lint")]
    done = project.cauto("resume")
    assert (done.returncode, "needs your confirmation" in done.stderr) == (exits.PERSON, True), done.stderr
    assert api.merges == []
    assert project.review(answer="{digest}")[0] == exits.OK
    done = project.cauto("resume")
    assert (done.returncode, len(api.merges), len(api.pulls)) == (exits.OK, 1, 1), done.stderr


@pytest.mark.parametrize("where", ["event", "effect"])
@pytest.mark.parametrize("number", [3, 4, 5, 6, 7])
def test_killed_while_merging_there_is_one_merge_in_the_end(
    where: str, number: int, project: Merged, api: GitHubApi
) -> None:
    project.pin()
    assert project.run().returncode == exits.PERSON
    assert project.review(answer="{digest}")[0] == exits.OK
    project.killed(where, number, "resume")
    done = project.cauto("resume")
    assert done.returncode in (exits.OK, exits.REFUSED), done.stderr  # the last event was written already
    assert (project.state().phase, len(api.merges), len(api.pulls)) == ("complete", 1, 1)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("call", range(6, 12))
def test_a_call_that_is_lost_on_the_way_ends_in_one_merge(
    call: int, when: str, project: Merged, api: GitHubApi
) -> None:
    project.pin()
    assert project.run().returncode == exits.PERSON
    assert project.review(answer="{digest}")[0] == exits.OK
    api.fail(call, "drop", when)  # type: ignore[arg-type]
    for _ in range(3):
        done = project.cauto("resume")
        if done.returncode == exits.OK:
            break
    assert (project.state().phase, len(api.merges), len(api.pulls)) == ("complete", 1, 1), done.stderr
