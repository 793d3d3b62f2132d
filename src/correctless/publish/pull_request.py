"""Opening of exactly one pull request for a run, also after interruptions."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.base.process import process
from correctless.github import rest
from correctless.github.client import GitHub, first_line, take
from correctless.publish.managed_body import ManagedBody, is_ours, merge_body, new_body

_TITLE = 250  # characters; GitHub refuses more than 256
_URL = re.compile(r"https?://[!-~]+\Z")


@dataclass(frozen=True, slots=True)
class OpenPullRequest:
    """An open pull request."""

    url: str
    number: int
    created: bool  # False: it existed already, from an earlier try of the same run, or from an earlier run
    earlier: bool = False  # it was an earlier run's


def pull_request(
    github: GitHub,
    *,
    branch: str,
    base: str,
    title: str,
    section: ManagedBody,
    earlier: Sequence[str] = (),
    template: str = "",
    draft: bool = False,
) -> OpenPullRequest:
    """Open a pull request for `branch`, or update the one with the section of this run or of `earlier` ones of the branch.

    It looks for an existing one first, so it may be called again after any interruption. `template` is the repository's own
    text for a new one.

    Raises: Stop(10) when a pull request of the branch is not the run's; Stop(3) when GitHub cannot be asked.
    """
    run, runs = section.run, (section.run, *earlier)
    existing = github.pull_requests(branch)
    for pull in existing:
        if not is_ours(pull.body, runs):
            raise Stop(
                exits.PERSON,
                f"pull request #{pull.number} for '{branch}' is not of run {run}: {pull.url}. close it, then run cauto resume",
            )
    if not existing:
        number, url = github.create(
            head=branch,
            base=base,
            title=" ".join(title.split())[:_TITLE],
            body=new_body(section, template),
            draft=draft,
        )
        return OpenPullRequest(url, number, created=True)
    if len(existing) > 1:
        named = ", ".join(f"#{pull.number}" for pull in existing)
        raise Stop(
            exits.PERSON,
            f"'{branch}' has {len(existing)} pull requests of run {run}: {named}. close all but one",
        )
    merged = merge_body(existing[0].body, section, runs)
    if merged != existing[0].body:
        github.edit_body(existing[0], merged)
    return OpenPullRequest(
        existing[0].url, existing[0].number, created=False, earlier=not is_ours(existing[0].body, (run,))
    )


def add_missing(github: GitHub, number: int, labels: Sequence[str], reviewers: Sequence[str]) -> None:
    """Add the labels that a pull request lacks, and ask those reviewers who are not asked.

    Raises: `rest.Refused` for what GitHub refuses; Stop(3) when it cannot be asked.
    """
    if not labels and not reviewers:
        return
    pull = rest.read(github, "read the pull request", f"pulls/{number}")
    present = {take(label, "name", str).casefold() for label in take(pull, "labels", list)}
    if missing := [label for label in labels if label.casefold() not in present]:
        rest.write(github, "label the pull request", f"issues/{number}/labels", {"labels": missing})
    asked = {take(who, "login", str).casefold() for who in take(pull, "requested_reviewers", list)}
    teams = {take(team, "slug", str).casefold() for team in take(pull, "requested_teams", list)}
    people = [who for who in reviewers if "/" not in who and who.casefold() not in asked]
    groups = [who.partition("/")[2] for who in reviewers if "/" in who]
    groups = [team for team in groups if team.casefold() not in teams]
    if people or groups:
        wanted = {"reviewers": people, "team_reviewers": groups}
        rest.write(github, "ask for a review", f"pulls/{number}/requested_reviewers", wanted)


def command_pull_request(
    argv: Sequence[str], payload: Mapping[str, Any], *, cwd: str, env: Mapping[str, str], seconds: float
) -> str:
    """Open the pull request with a command of your team and return its URL.

    `payload` is sent as JSON on the command's standard input; the first line of its output that is a URL is
    the result.

    Raises: Stop(3) when the command fails or prints no URL.
    """
    done = process.run(argv, cwd=cwd, env=env, stdin=json.dumps(payload).encode() + b"\n", wall_s=seconds)
    if done.timed_out:
        raise Stop(
            exits.REFUSED,
            f"'{argv[0]}' took over {seconds:.0f} s. see what it waits for, then run cauto resume",
        )
    if done.code != 0:
        message = first_line(done.err if done.err.strip() else done.out)
        raise Stop(
            exits.REFUSED, f"'{argv[0]}' ended with {done.code}: {message}. fix that, then run cauto resume"
        )
    for line in done.out.decode("utf-8", "replace").splitlines():
        if _URL.match(line.strip()):
            return line.strip()
    raise Stop(
        exits.REFUSED, f"'{argv[0]}' printed no URL of a pull request. let it print one on a line of its own"
    )
