"""`correctless audit-run`: show what the record proves of a run."""

from __future__ import annotations

import json
import os
import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence

import click

from correctless.audit import claims, gather, judge
from correctless.audit.claims import Claim
from correctless.audit.evidence import RunEvidence
from correctless.base.text import printable
from correctless.cli import spell_anything, typable
from correctless.cli.values import json_option
from correctless.project import git, paths

_VERDICT = max(map(len, claims.VERDICTS))


@click.command("audit-run", epilog="Example: correctless audit-run 20260102-030405-9f3a")
@click.argument("run", required=False)
@click.option("--offline", is_flag=True, help="Don't ask GitHub what the run's pull request noted.")
@json_option
def audit_run(run: str | None, offline: bool, as_json: bool) -> int:
    """Check each claim of a run against the record.

    The claims are about steps, checks, commits, decisions, the gate and the pull request.

    RUN is an id, or the start of one, of any branch. Default: the newest run of this branch.

    Exit 0: all claims so far are proven, even if the run is not complete; 1: a claim is not proven or is
    contradicted; 3: a claim could not be checked.
    """
    repo = git.find(os.getcwd())
    logs, choice = gather.choose(repo, paths.logs(repo), run)
    evidence = gather.gather(repo, logs, choice, os.environ, offline=offline)
    judged = judge.audit(evidence)
    if as_json:
        click.echo(json.dumps(_values(evidence, judged), indent=2))
    else:
        spell_anything()
        width = shutil.get_terminal_size((80, 24)).columns if sys.stdout.isatty() else None
        click.echo("\n".join(_text(evidence, judged, width)))
    return claims.code(judged)


def _values(evidence: RunEvidence, judged: Sequence[Claim]) -> dict[str, object]:
    return {
        "run": evidence.run,
        "branch": evidence.plan.branch,
        "status": evidence.standing.word,
        "complete": evidence.over,
        "counts": claims.count(judged),
        "claims": claims.as_json(judged),
    }


def _text(evidence: RunEvidence, judged: Sequence[Claim], width: int | None) -> Iterator[str]:
    """Yield a line for each claim.

    On a terminal a heading names what the claims are about; in a pipe each line names it.
    """
    yield printable(f"run {evidence.run} on {evidence.plan.branch}: {evidence.standing.word}")
    about = ""
    for claim in judged:
        if about != claim.about and (width is not None or not about):
            yield from ("", printable(claim.about))[: 1 if width is None else 2]
        about = claim.about
        name = f"{claim.about} {claim.what}" if width is None else claim.what
        rests = f"  [{', '.join(map(str, claim.events))}]" if claim.events else ""
        yield from _wrapped(
            printable(typable(f"{claim.verdict:<{_VERDICT}}  {name}: {claim.said}{rests}")), width
        )
        if claim.fix and claim.verdict not in ("proven", "not yet"):
            yield from _wrapped(" " * (_VERDICT + 2) + printable(typable(f"to do: {claim.fix}")), width)
    counts = claims.count(judged)
    summary = ", ".join(f"{number} {verdict}" for verdict, number in counts.items() if number)
    yield from ("", f"{summary}. [n] is entry n of the run log")


def _wrapped(line: str, width: int | None) -> list[str]:
    if width is None or len(line) < width:  # a pipe gets one line for each: it can be searched
        return [line]
    return textwrap.wrap(
        line,
        max(width - 1, 40),
        subsequent_indent=" " * (_VERDICT + 4),
        break_long_words=False,
        break_on_hyphens=False,
        drop_whitespace=True,
    )
