"""The real gh program against a scripted GitHub: the facts of a pull request, what is left of them when something fails, and the merge."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from correctless.base.exits import Stop
from correctless.github.client import GitHub, repo_of_name
from correctless.github.facts import NAMES, Check, Comment, Known, PullFacts, Status, Unknown
from correctless.github.observe import observe
from correctless.runcontract.act.merging import MergedAt, MergeRefused, MergeUnknown, Outcome, merge
from correctless.runcontract.judge.merge_bar import failing
from correctless.runcontract.judge.terms import MergeTarget
from github_api import GitHubApi, How, Merging, Pull
from github_schema import SDL
from merge_facts import NOW, REVIEWS, TARGET, a_bar, ago

pytestmark = pytest.mark.real

HEAD, OTHER, BASE = "a" * 40, "d" * 40, "b" * 40


@pytest.fixture
def api(tmp_path: Path) -> Iterator[GitHubApi]:
    with GitHubApi(tmp_path) as host:
        host.pulls.append(passing())
        yield host


def passing() -> Pull:
    merging = Merging(
        checks=[run("test"), run("lint")],
        base_checks=[run("test", event="push"), run("lint", event="push")],
    )
    return Pull("ann/shop", 412, "feature/x", "main", "t", "b", HEAD, merging=merging)


def run(
    name: str,
    conclusion: str | None = "SUCCESS",
    *,
    event: str = "pull_request",
    number: int = 70_000_000_001,
) -> dict[str, Any]:
    """A check run in GitHub's words; its number is longer than 32 bits, as GitHub's are."""
    return {
        "__typename": "CheckRun",
        "name": name,
        "databaseId": number,
        "status": "COMPLETED" if conclusion else "IN_PROGRESS",
        "conclusion": conclusion,
        "startedAt": "2026-03-01T11:50:00Z",
        "checkSuite": {
            "createdAt": "2026-03-01T11:45:00Z",
            "app": {"slug": "github-actions"},
            "workflowRun": {"event": event, "workflow": {"name": "CI"}},
        },
    }


def remark(
    author: str | None, at: str = "2026-03-01T11:55:00Z", *, on: str = OTHER, state: str = "SUBMITTED"
) -> dict[str, Any]:
    return {"author": author, "createdAt": at, "state": state, "originalCommit": {"oid": on}}


def client(api: GitHubApi, folder: Path, *, repo: str = "ann/shop", seconds: float = 20.0) -> GitHub:
    full = repo_of_name(repo)
    assert full is not None
    return GitHub(
        full, {**os.environ, **api.env(folder)}, seconds=seconds, again="correctless contract merge 412"
    )


def seen(api: GitHubApi, folder: Path, **how: Any) -> PullFacts:
    return observe(client(api, folder, **how), 412, clock=lambda: NOW)


def codes(found: PullFacts, target: MergeTarget = TARGET) -> set[str]:
    return {c.code.removeprefix("merge.") for c in failing(a_bar(), found, REVIEWS, (), NOW, target=target)}


def unknown(found: PullFacts) -> dict[str, str]:
    facts = {name: getattr(found, name) for name in NAMES}
    return {name: fact.why for name, fact in facts.items() if isinstance(fact, Unknown)}


# What is seen


def test_everything_a_merge_is_judged_by_is_seen(api: GitHubApi, tmp_path: Path) -> None:
    merging = api.pulls[0].merging
    assert merging.checks is not None
    merging.checks.append(
        {
            "__typename": "StatusContext",
            "context": "preview",
            "state": "SUCCESS",
            "createdAt": "2026-03-01T11:44:00+00:00",
        }
    )
    merging.threads.append([remark("helperbot", on=HEAD), remark("eve"), remark("ann")])
    merging.comments += [remark("bob", "2026-03-01T11:58:00Z"), remark("helperbot", "2026-03-01T11:57:00Z")]
    found = seen(api, tmp_path)
    assert unknown(found) == {}
    assert {getattr(found, name).at for name in NAMES} == {NOW}
    values = {name: getattr(found, name).value for name in NAMES}
    check = Check(
        "test", "github-actions", "CI", "pull_request", 70_000_000_001, "COMPLETED", "SUCCESS", ago(600)
    )
    assert values.pop("checks") == (check, replace(check, name="lint"))
    assert values.pop("base_checks") == tuple(replace(check, name=n, event="push") for n in ("test", "lint"))
    assert values.pop("statuses") == (Status("preview", "SUCCESS", ago(960)),)
    (thread,) = values.pop("threads")
    assert (thread.first.author, thread.last.author, thread.opened_at) == ("helperbot", "ann", HEAD)
    assert values.pop("comments") == (Comment("helperbot", ago(180)), Comment("bob", ago(120)))
    assert values == {
        "repository": "github.com/ann/shop",
        "number": 412,
        "state": "OPEN",
        "draft": False,
        "base": "main",
        "base_sha": BASE,
        "head": HEAD,
        "head_since": ago(960),
        "mergeable": "MERGEABLE",
        "merge_state": "CLEAN",
        "author": "ann",
        "auto_merge": False,
        "merge_queue": False,
        "base_statuses": (),
        "all_pages": True,
    }
    assert codes(found) == set()
    assert [call.name for call in api.calls] == [
        "MergeFacts",
        "HeadChecks",
        "BaseChecks",
        "ReviewThreads",
        "Conversation",
        "MergeQueue",
    ]


def test_every_page_of_every_list_is_read(api: GitHubApi, tmp_path: Path) -> None:
    api.page = 2
    merging = api.pulls[0].merging
    merging.checks = [run(f"c{n}") for n in range(5)] + [run("last", "FAILURE")]
    merging.base_checks = [run(f"b{n}", event="push") for n in range(4)] + [run("last", "FAILURE")]
    merging.threads = [[remark("bob")] for _ in range(4)] + [[remark("helperbot")]]
    merging.comments = [remark("bob") for _ in range(5)]
    found = seen(api, tmp_path)
    assert unknown(found) == {}
    lists = (found.checks, found.base_checks, found.threads, found.comments)
    assert [len(fact.value) for fact in lists if isinstance(fact, Known)] == [6, 5, 5, 5]
    assert [c.name for c in api.calls].count("HeadChecks") == 3
    assert codes(found) == {"check", "other_check", "base_green", "bots"}


def test_a_second_host_is_asked_with_its_own_login(api: GitHubApi, tmp_path: Path) -> None:
    api.hosts = ("github.com", "ghe.corp")
    found = seen(api, tmp_path, repo="ghe.corp/ann/shop")
    assert unknown(found) == {}
    assert {(call.host, call.token) for call in api.calls} == {("ghe.corp", api.token)}
    assert codes(found, replace(TARGET, repository="ghe.corp/ann/shop")) == set()
    assert codes(found) == {"repository"}


def test_unknown_then_clean_is_no_and_then_yes(api: GitHubApi, tmp_path: Path) -> None:
    api.pulls[0].merging.mergeable = ["UNKNOWN", "MERGEABLE"]
    api.pulls[0].merging.merge_state = ["UNKNOWN", "CLEAN"]
    assert codes(seen(api, tmp_path)) == {"mergeable", "merge_state"}
    assert codes(seen(api, tmp_path)) == set()


def test_a_commit_without_any_report_has_no_checks(api: GitHubApi, tmp_path: Path) -> None:
    api.pulls[0].merging.checks = api.pulls[0].merging.base_checks = None
    found = seen(api, tmp_path)
    assert set(unknown(found)) == {"head_since"}
    assert found.checks == Known((), NOW)
    assert codes(found) == {"check", "base_green"}


def test_what_waits_for_the_host_is_seen(api: GitHubApi, tmp_path: Path) -> None:
    merging = api.pulls[0].merging
    merging.armed = merging.queue = merging.draft = True
    merging.author = None
    found = seen(api, tmp_path)
    assert codes(found) == {"auto_merge", "merge_queue", "draft", "author", "review"}
    assert unknown(found) == {"author": "the author's account is gone"}


@pytest.mark.parametrize(
    ("answers", "lost"),
    [
        ({}, set()),
        ({"KnownFields": (502, b"busy")}, {"merge_queue"}),
        ({"KnownFields": (200, b'{"data": {"__type": null}}')}, {"merge_queue"}),
        ({"KnownFields": (200, b'{"data": {"__type": {"fields": []}}}')}, {"merge_queue"}),
        ({"KnownFields": (200, b'{"data": {"__type": {"fields": [{"name": "isInMergeQueue"}]}}}')}, {"merge_queue"}),
        ({"MergeQueue": (502, b"busy"), "KnownFields": (502, b"busy")}, {"merge_queue"}),
    ],
    ids=["it says what it knows", "it can't", "it knows no pull request", "it knows nothing", "it knows one", "it is busy"],
)  # fmt: skip
def test_a_host_that_has_no_word_for_merge_queues_has_none(
    answers: dict[str, tuple[int, bytes]], lost: set[str], tmp_path: Path
) -> None:
    older = SDL.replace("isInMergeQueue: Boolean! isMergeQueueEnabled: Boolean!", "")
    assert older != SDL
    with GitHubApi(tmp_path, sdl=older) as api:
        api.pulls.append(passing())
        api.answers = answers
        found = seen(api, tmp_path)
    assert set(unknown(found)) == lost
    assert codes(found) == lost
    assert not lost or isinstance(found.merge_queue, Unknown)
    assert lost or found.merge_queue == Known(False, NOW)


def test_a_host_that_knows_of_merge_queues_and_is_busy_is_unknown(api: GitHubApi, tmp_path: Path) -> None:
    api.answers = {"MergeQueue": (502, b"busy")}
    assert set(unknown(seen(api, tmp_path))) == {"merge_queue"}


def test_an_answer_that_is_still_a_draft_is_none(api: GitHubApi, tmp_path: Path) -> None:
    api.pulls[0].merging.threads.append([remark("helperbot"), remark("ann", state="PENDING")])
    found = seen(api, tmp_path)
    assert "still a draft" in unknown(found)["threads"]


# What can't be had


@pytest.mark.parametrize("how", ["drop", "hang", "garbage"])
@pytest.mark.parametrize("nth", [1, 2, 3, 4, 5])
def test_a_call_that_fails_leaves_what_it_asked_for_unknown(
    api: GitHubApi, tmp_path: Path, nth: int, how: How
) -> None:
    api.fail(nth, how, "before")
    found = seen(api, tmp_path, seconds=1.0)
    lost = {
        1: set(NAMES) - {"all_pages"},
        2: {"checks", "statuses", "head_since"},
        3: {"base_checks", "base_statuses"},
        4: {"threads"},
        5: {"comments"},
    }[nth]
    why = unknown(found)
    assert set(why) == lost
    assert all("\n" not in reason for reason in why.values())
    if how == "hang":
        assert "no answer in 1 s" in next(iter(why.values()))
    assert found.all_pages == Known(False, NOW)
    assert "pages" in codes(found)
    assert len(codes(found)) >= 2


ERROR = b'{"data":{"repository":null},"errors":[{"type":"%s","message":"%s"}]}'


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (401, b'{"message":"Bad credentials"}', "401"),
        (403, b'{"message":"You have exceeded a secondary rate limit"}', "secondary rate limit"),
        (502, b'{"message":"Bad gateway"}', "502"),
        (502, b"<html>bad gateway</html>", "gh could not read"),
        (200, ERROR % (b"RATE_LIMITED", b"API rate limit exceeded"), "API rate limit exceeded"),
        (200, ERROR % (b"NOT_FOUND", b"Could not resolve to a PullRequest"), "Could not resolve"),
        (200, b"", "JSON"),
        (200, b"[]", "gh could not read"),
        (200, b'{"data":null}', "data"),
        (200, b'{"data":{"repository":null}}', "repository"),
        (200, b'{"data":{"repository":{"pullRequest":null}}}', "pullRequest"),
    ],
)
def test_an_answer_that_is_none_leaves_everything_unknown(
    api: GitHubApi, tmp_path: Path, status: int, body: bytes, reason: str
) -> None:
    api.answers["MergeFacts"] = (status, body)
    found = seen(api, tmp_path)
    why = unknown(found)
    assert set(why) == set(NAMES) - {"all_pages"}
    assert reason in why["merge_state"]
    assert [call.name for call in api.calls] == ["MergeFacts"]


@pytest.mark.parametrize("name", ["MergeFacts", "HeadChecks", "BaseChecks", "ReviewThreads", "Conversation"])
def test_an_errors_entry_beside_whole_data_is_believed(api: GitHubApi, tmp_path: Path, name: str) -> None:
    def rewrite(asked: str, said: dict[str, Any]) -> dict[str, Any]:
        return {**said, "errors": [{"message": "some of it timed out"}]} if asked == name else said

    api.rewrite = rewrite
    assert any("some of it timed out" in why for why in unknown(seen(api, tmp_path)).values())


def test_an_errors_entry_is_believed_of_a_gh_that_ends_well(tmp_path: Path) -> None:
    said = '{"data":{"repository":{"pullRequest":{"body":"b"}}}%s}'
    for more, fails in (("", False), (',"errors":[{"message":"x"}]', True), (',"errors":null', True)):
        gh = tmp_path / "gh"
        gh.write_text(f"#!/bin/sh\ncat <<'END'\n{said % more}\nEND\n")
        gh.chmod(0o755)
        github = GitHub("github.com/ann/shop", {"PATH": f"{tmp_path}:{os.environ['PATH']}"})
        if not fails:
            assert github.body(412) == "b"
            continue
        with pytest.raises(Stop, match="it names errors"):
            github.body(412)


def test_without_a_login_nothing_is_known(api: GitHubApi, tmp_path: Path) -> None:
    found = observe(
        GitHub("github.com/ann/shop", {**os.environ, **api.env(tmp_path, logged_in=False)}),
        412,
        clock=lambda: NOW,
    )
    assert "gh auth login" in unknown(found)["head"]


def test_without_gh_nothing_is_known(tmp_path: Path) -> None:
    found = observe(GitHub("github.com/ann/shop", {"PATH": str(tmp_path)}), 412, clock=lambda: NOW)
    assert "gh is not installed" in unknown(found)["head"]


def test_all_calls_together_end_at_their_own_limit(api: GitHubApi, tmp_path: Path) -> None:
    ticks = iter(range(0, 1000, 20))
    found = observe(client(api, tmp_path), 412, clock=lambda: NOW, timer=lambda: float(next(ticks)))
    assert [call.name for call in api.calls] == ["MergeFacts", "HeadChecks"]
    assert set(unknown(found)) == {"base_checks", "base_statuses", "threads", "comments", "merge_queue"}
    assert set(unknown(found).values()) == {"the time for all of it is over"}


Place = tuple[str | int, ...]
PULL: Place = ("data", "repository", "pullRequest")
CONTEXTS: Place = (*PULL, "commits", "nodes", 0, "commit", "statusCheckRollup", "contexts")
CHECK: Place = (*CONTEXTS, "nodes", 0)
THREAD: Place = (*PULL, "reviewThreads", "nodes", 0)
GONE = object()
ALL_OF_CHECKS = {"checks", "statuses", "head_since"}
PER_HEAD = {"head", *ALL_OF_CHECKS, "threads", "comments"}

# The operation, where in its answer, what stands there instead, the facts that are lost, a word of the reason.
CHANGES: tuple[tuple[str, Place, Any, set[str], str], ...] = (
    ("MergeFacts", (*PULL, "state"), GONE, {"state"}, "state"),
    ("MergeFacts", (*PULL, "state"), "open", {"state"}, "'open'"),
    ("MergeFacts", (*PULL, "isDraft"), 0, {"draft"}, "isDraft"),
    ("MergeFacts", (*PULL, "isDraft"), GONE, {"draft"}, "isDraft"),
    ("MergeFacts", (*PULL, "number"), True, {"number"}, "number"),
    ("MergeFacts", (*PULL, "mergeable"), GONE, {"mergeable"}, "mergeable"),
    ("MergeFacts", (*PULL, "mergeable"), None, {"mergeable"}, "mergeable"),
    ("MergeFacts", (*PULL, "mergeable"), "MAYBE", {"mergeable"}, "'MAYBE'"),
    ("MergeFacts", (*PULL, "mergeStateStatus"), GONE, {"merge_state"}, "mergeStateStatus"),
    ("MergeFacts", (*PULL, "mergeStateStatus"), "clean", {"merge_state"}, "'clean'"),
    ("MergeFacts", (*PULL, "mergeStateStatus"), ["CLEAN"], {"merge_state"}, "mergeStateStatus"),
    ("MergeFacts", (*PULL, "baseRefName"), "", {"base"}, "baseRefName"),
    ("MergeFacts", (*PULL, "headRefOid"), HEAD[:12], PER_HEAD, "headRefOid"),
    ("MergeFacts", (*PULL, "headRefOid"), GONE, PER_HEAD, "headRefOid"),
    ("MergeFacts", (*PULL, "baseRef"), None, {"base_sha", "base_checks", "base_statuses"}, "baseRef"),
    ("MergeFacts", (*PULL, "author"), GONE, {"author"}, "author"),
    ("MergeFacts", (*PULL, "author"), {"login": ""}, {"author"}, "login"),
    ("MergeFacts", (*PULL, "autoMergeRequest"), GONE, {"auto_merge"}, "autoMergeRequest"),
    ("MergeFacts", (*PULL, "autoMergeRequest"), False, {"auto_merge"}, "autoMergeRequest"),
    ("MergeQueue", (*PULL, "isInMergeQueue"), GONE, {"merge_queue"}, "isInMergeQueue"),
    ("MergeQueue", (*PULL, "isMergeQueueEnabled"), None, {"merge_queue"}, "isMergeQueueEnabled"),
    ("MergeFacts", ("data", "repository", "nameWithOwner"), GONE, {"repository"}, "nameWithOwner"),
    ("HeadChecks", (*CHECK, "status"), "DONE", {"checks"}, "'DONE'"),
    ("HeadChecks", (*CHECK, "status"), GONE, {"checks"}, "status"),
    ("HeadChecks", (*CHECK, "conclusion"), "success", {"checks"}, "'success'"),
    ("HeadChecks", (*CHECK, "conclusion"), "SUCCESS_TOO", {"checks"}, "'SUCCESS_TOO'"),
    ("HeadChecks", (*CHECK, "conclusion"), None, {"checks"}, "without a conclusion"),
    ("HeadChecks", (*CHECK, "conclusion"), GONE, {"checks"}, "conclusion"),
    ("HeadChecks", (*CHECK, "name"), "", {"checks"}, "name"),
    ("HeadChecks", (*CHECK, "databaseId"), None, {"checks"}, "databaseId"),
    ("HeadChecks", (*CHECK, "startedAt"), GONE, {"checks"}, "startedAt"),
    ("HeadChecks", (*CHECK, "startedAt"), "2026-03-01T11:50:00", {"checks"}, "no time zone"),
    ("HeadChecks", (*CHECK, "startedAt"), "yesterday", {"checks"}, "not a time"),
    ("HeadChecks", (*CHECK, "checkSuite"), None, {"checks", "head_since"}, "checkSuite"),
    ("HeadChecks", (*CHECK, "checkSuite", "createdAt"), "2026-03-01T11:45:00", {"head_since"}, "no time zone"),
    ("HeadChecks", (*CHECK, "checkSuite", "app"), GONE, {"checks"}, "app"),
    ("HeadChecks", (*CHECK, "checkSuite", "workflowRun"), GONE, {"checks"}, "workflowRun"),
    ("HeadChecks", (*CHECK, "checkSuite", "workflowRun", "workflow"), None, {"checks"}, "workflow"),
    ("HeadChecks", (*CHECK, "__typename"), "CheckSomething", ALL_OF_CHECKS, "'CheckSomething'"),
    ("HeadChecks", (*CHECK, "__typename"), "StatusContext", {"statuses", "head_since"}, "context"),
    ("HeadChecks", CHECK, None, ALL_OF_CHECKS, "empty"),
    ("HeadChecks", (*CONTEXTS, "nodes"), None, ALL_OF_CHECKS, "nodes"),
    ("HeadChecks", (*CONTEXTS, "pageInfo"), GONE, ALL_OF_CHECKS, "pageInfo"),
    ("HeadChecks", (*CONTEXTS, "pageInfo", "hasNextPage"), 0, ALL_OF_CHECKS, "hasNextPage"),
    ("HeadChecks", (*CONTEXTS, "pageInfo"), {"hasNextPage": True, "endCursor": None}, ALL_OF_CHECKS, "endCursor"),
    ("HeadChecks", (*CONTEXTS, "pageInfo"), {"hasNextPage": True, "endCursor": "0"}, ALL_OF_CHECKS, "circles"),
    ("HeadChecks", CONTEXTS[:-1], GONE, ALL_OF_CHECKS, "statusCheckRollup"),
    ("HeadChecks", CONTEXTS, None, ALL_OF_CHECKS, "contexts"),
    ("HeadChecks", (*PULL, "commits", "nodes"), [], ALL_OF_CHECKS, "no last commit"),
    ("HeadChecks", (*PULL, "commits", "nodes", 0, "commit", "oid"), OTHER, ALL_OF_CHECKS, "not the head"),
    ("HeadChecks", (*PULL, "headRefOid"), OTHER, ALL_OF_CHECKS, "moved"),
    ("BaseChecks", (*PULL, "baseRef", "target", "oid"), OTHER, {"base_checks", "base_statuses"}, "moved"),
    ("ReviewThreads", (*PULL, "headRefOid"), OTHER, {"threads"}, "moved"),
    ("ReviewThreads", (*THREAD, "isResolved"), GONE, {"threads"}, "isResolved"),
    ("ReviewThreads", (*THREAD, "last", "nodes"), [], {"threads"}, "without a remark"),
    ("ReviewThreads", (*THREAD, "last", "nodes", 0, "author"), GONE, {"threads"}, "author"),
    ("ReviewThreads", (*THREAD, "last", "nodes", 0, "state"), "DRAFTED", {"threads"}, "'DRAFTED'"),
    ("ReviewThreads", (*THREAD, "first", "nodes", 0, "originalCommit"), GONE, {"threads"}, "originalCommit"),
    ("Conversation", (*PULL, "headRefOid"), OTHER, {"comments"}, "moved"),
    ("Conversation", (*PULL, "comments", "nodes", 0, "createdAt"), None, {"comments"}, "createdAt"),
)  # fmt: skip


def changed(said: Any, path: Place, value: Any) -> Any:
    """A copy of `said` with another value at `path`."""
    if not path:
        return value
    first, rest = path[0], path[1:]
    copy = said.copy()
    if not rest and value is GONE:
        del copy[first]
    else:
        copy[first] = changed(said[first], rest, value)
    return copy


@pytest.mark.parametrize(
    ("name", "path", "value", "lost", "reason"),
    CHANGES,
    ids=[f"{c[0]}-{'.'.join(map(str, c[1][3:]))}-{'gone' if c[2] is GONE else c[2]}" for c in CHANGES],
)
def test_a_value_that_is_not_what_it_should_be_is_unknown_and_nothing_else_is(
    api: GitHubApi, tmp_path: Path, name: str, path: Place, value: Any, lost: set[str], reason: str
) -> None:
    api.pulls[0].merging.threads.append([remark("bob")])
    api.pulls[0].merging.comments.append(remark("bob"))
    api.rewrite = lambda asked, said: changed(said, path, value) if asked == name else said
    found = seen(api, tmp_path)
    why = unknown(found)
    assert set(why) == lost
    assert reason in " ".join(why.values())
    assert lost == {"head_since"} or codes(found) != set()


def test_pages_without_end_are_not_read_for_ever(api: GitHubApi, tmp_path: Path) -> None:
    asked = iter(range(1, 1000))

    def rewrite(name: str, said: Any) -> Any:
        info = {"hasNextPage": True, "endCursor": str(next(asked))}
        return changed(said, (*PULL, "comments", "pageInfo"), info) if name == "Conversation" else said

    api.rewrite = rewrite
    found = seen(api, tmp_path)
    assert "no end" in unknown(found)["comments"]
    assert codes(found) == {"bots", "pages"}


# The merge


TO_MERGE = MergeTarget("ann/shop", 412, "main", HEAD)
COMMIT = "e" * 40


def merged(
    api: GitHubApi, folder: Path, *, target: MergeTarget = TO_MERGE, seconds: float = 20.0, **bar: Any
) -> Outcome:
    github = client(api, folder, repo=target.repository, seconds=seconds)
    return merge(github, target, a_bar(**bar), sleep=lambda _: None)


def refused(outcome: Outcome) -> list[str]:
    assert isinstance(outcome, MergeRefused), outcome
    assert {clause.section for clause in outcome.clauses} == {3}
    return [clause.code.removeprefix("merge.") for clause in outcome.clauses]


@pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
def test_a_merge_is_bound_to_its_head_and_read_back(api: GitHubApi, tmp_path: Path, method: str) -> None:
    assert merged(api, tmp_path, method=method) == MergedAt(HEAD, "main", COMMIT)
    (done,) = api.merges
    assert (done["expectedHeadOid"], done["mergeMethod"]) == (HEAD, method.upper())
    assert not api.pulls[0].merging.armed
    assert {name for name in (c.name for c in api.calls) if "Delete" in name or "git/refs" in name} == set()


def test_a_merge_on_a_second_host(api: GitHubApi, tmp_path: Path) -> None:
    api.hosts = ("github.com", "ghe.corp")
    done = merged(api, tmp_path, target=replace(TO_MERGE, repository="ghe.corp/ann/shop"))
    assert done == MergedAt(HEAD, "main", COMMIT)
    assert {call.host for call in api.calls} == {"ghe.corp"}


def test_a_head_that_moved_before_the_merge_is_refused_without_a_try(api: GitHubApi, tmp_path: Path) -> None:
    api.pulls[0].head_oid = OTHER
    assert refused(merged(api, tmp_path)) == ["head"]
    assert [call.name for call in api.calls] == ["MergeOutcome"]


def test_a_head_that_moves_between_the_read_and_the_merge_is_refused_by_the_host(
    api: GitHubApi, tmp_path: Path
) -> None:
    api.pulls[0].merging.moves = [OTHER]
    assert refused(merged(api, tmp_path)) == ["head"]
    assert api.merges == []
    assert api.pulls[0].state == "OPEN"


def test_a_base_that_was_changed_is_refused_without_a_try(api: GitHubApi, tmp_path: Path) -> None:
    api.pulls[0].base = "production"
    assert refused(merged(api, tmp_path)) == ["base"]
    assert api.merges == []


def test_one_that_is_merged_or_closed_already_is_refused(api: GitHubApi, tmp_path: Path) -> None:
    api.pulls[0].state = "CLOSED"
    assert refused(merged(api, tmp_path)) == ["state"]
    assert api.merges == []


@pytest.mark.parametrize(
    ("bar", "codes"),
    [
        ({"method": "--admin"}, ["method"]),
        ({"method": "admin"}, ["method", "flag"]),
        ({"method": "auto"}, ["method", "flag"]),
        ({"method": "squash --admin"}, ["method"]),
        ({"method": "squash", "forbid_flags": ("--squash",)}, ["flag"]),
        ({"method": "auto", "forbid_flags": ()}, ["method", "flag"]),
    ],
)
def test_a_forbidden_flag_never_reaches_gh(
    api: GitHubApi, tmp_path: Path, bar: dict[str, Any], codes: list[str]
) -> None:
    assert refused(merged(api, tmp_path, **bar)) == codes
    assert api.calls == []


@pytest.mark.parametrize("head", ["", HEAD[:12], "main", HEAD + "\n", HEAD.upper()])
def test_a_merge_bound_to_no_commit_is_refused(api: GitHubApi, tmp_path: Path, head: str) -> None:
    assert refused(merged(api, tmp_path, target=replace(TO_MERGE, head=head))) == ["head"]
    assert api.calls == []


def test_what_gh_itself_refuses_is_told_in_its_words(api: GitHubApi, tmp_path: Path) -> None:
    api.pulls[0].merging.merge_state = ["BLOCKED"]
    outcome = merged(api, tmp_path)
    assert refused(outcome) == ["refused"]
    assert isinstance(outcome, MergeRefused)
    assert "is not mergeable" in outcome.clauses[0].found
    assert api.merges == []


def test_what_the_host_refuses_is_told_in_its_words(api: GitHubApi, tmp_path: Path) -> None:
    api.pulls[0].merging.mergeable = ["CONFLICTING"]
    outcome = merged(api, tmp_path)
    assert refused(outcome) == ["refused"]
    assert isinstance(outcome, MergeRefused)
    assert "not mergeable" in outcome.clauses[0].found


def the_merge(api: GitHubApi, folder: Path) -> int:
    """Which call of a merge is the mutation, found by merging a pull request like it."""
    folder.mkdir()
    with GitHubApi(folder) as other:
        other.pulls.append(Pull("ann/shop", 412, "feature/x", "main", "t", "b", HEAD))
        assert isinstance(merged(other, folder), MergedAt)
        return [call.name for call in other.calls].index("PullRequestMerge") + 1


@pytest.mark.parametrize("how", ["drop", "hang", "garbage"])
def test_a_merge_whose_answer_is_lost_is_found_by_reading_it_again(
    api: GitHubApi, tmp_path: Path, how: How
) -> None:
    api.fail(the_merge(api, tmp_path / "like"), how, "after")
    assert merged(api, tmp_path, seconds=2.0) == MergedAt(HEAD, "main", COMMIT)


@pytest.mark.parametrize("how", ["drop", "hang", "garbage"])
def test_a_merge_that_may_still_happen_is_unknown_and_no_success(
    api: GitHubApi, tmp_path: Path, how: How
) -> None:
    api.fail(the_merge(api, tmp_path / "like"), how, "before")
    outcome = merged(api, tmp_path, seconds=2.0)
    assert isinstance(outcome, MergeUnknown)
    assert "still OPEN" in outcome.why
    assert [call.name for call in api.calls].count("PullRequestMerge") == 1


def test_a_merge_that_can_not_be_read_back_is_unknown(api: GitHubApi, tmp_path: Path) -> None:
    def rewrite(name: str, said: Any) -> Any:
        return changed(said, (*PULL, "merged"), GONE) if name == "MergeOutcome" and api.merges else said

    api.rewrite = rewrite
    outcome = merged(api, tmp_path)
    assert isinstance(outcome, MergeUnknown)
    assert "merged" in outcome.why


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("headRefOid",), OTHER),
        (("baseRefName",), "production"),
        (("mergeCommit",), None),
        (("state",), "OPEN"),
    ],
)
def test_a_merge_that_is_not_the_one_asked_for_is_no_success(
    api: GitHubApi, tmp_path: Path, path: Place, value: Any
) -> None:
    def rewrite(name: str, said: Any) -> Any:
        return changed(said, PULL + path, value) if name == "MergeOutcome" and api.merges else said

    api.rewrite = rewrite
    outcome = merged(api, tmp_path)
    assert isinstance(outcome, MergeUnknown)
    assert "not as asked" in outcome.why


@pytest.mark.parametrize(
    "words", [b"Something went wrong while executing your query.", b"Timeout on validation of query"]
)
def test_a_fault_of_the_host_that_comes_as_a_graphql_error_is_unknown(
    api: GitHubApi, tmp_path: Path, words: bytes
) -> None:
    error = b'{"data":{"mergePullRequest":null},"errors":[{"message":"%s"}]}'
    api.answers["PullRequestMerge"] = (200, error % words)
    outcome = merged(api, tmp_path)
    assert isinstance(outcome, MergeUnknown), outcome
    assert words.decode() in outcome.why


@pytest.mark.parametrize(("status", "body"), [(502, b"<html>bad gateway</html>"), (500, b"{}")])
def test_an_answer_of_something_before_the_host_is_unknown(
    api: GitHubApi, tmp_path: Path, status: int, body: bytes
) -> None:
    api.answers["PullRequestMerge"] = (status, body)
    assert isinstance(merged(api, tmp_path), MergeUnknown)


def test_a_merge_queue_that_takes_it_is_no_success(api: GitHubApi, tmp_path: Path) -> None:
    api.pulls[0].merging.queue = True
    outcome = merged(api, tmp_path)
    assert isinstance(outcome, MergeUnknown)
    assert "still OPEN" in outcome.why
    assert api.merges == []


def test_a_login_that_ran_out_is_refused_before_anything_is_done(api: GitHubApi, tmp_path: Path) -> None:
    github = client(api, tmp_path)
    api.token = "gho_renewed"
    outcome = merge(github, TO_MERGE, a_bar(), sleep=lambda _: None)
    assert refused(outcome) == ["read"]


def test_the_pauses_between_looks_are_kept(api: GitHubApi, tmp_path: Path) -> None:
    slept: list[float] = []
    api.answers["PullRequestMerge"] = (502, b"")
    outcome = merge(client(api, tmp_path), TO_MERGE, a_bar(), sleep=slept.append, looks=(0.0, 0.5, 2.0))
    assert isinstance(outcome, MergeUnknown)
    assert slept == [0.0, 0.5, 2.0]


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("ann/shop", "github.com/ann/shop"),
        ("ghe.corp/ann/shop", "ghe.corp/ann/shop"),
        ("shop", None),
        ("a/b/c/d", None),
        ("https://github.com/ann/shop", None),
        ("-x/shop", None),
        ("ann/..", None),
        ("Ghe/ann/shop", None),
        ("ann/shop\n", None),
        ("", None),
    ],
)
def test_a_repository_as_a_contract_names_it(name: str, full: str | None) -> None:
    assert repo_of_name(name) == full
