"""Contract commands for the text: new, lint, surface, diff and schema."""

from __future__ import annotations

import difflib
import json
import os
import re
import tomllib
from dataclasses import replace

import click

from correctless.base import exits
from correctless.base.clock import utcnow
from correctless.base.exits import Stop
from correctless.base.text import counted
from correctless.cli.contract.options import run_option
from correctless.cli.contract.session import DIGEST_DIGITS, echo, echo_json, open_session
from correctless.cli.values import json_option
from correctless.github.client import repo_of_remote
from correctless.project import git, person
from correctless.runcontract.document import contract_file, draft
from correctless.runcontract.document.contract_file import ContractDocument
from correctless.runcontract.document.sections import Contract, Grant
from correctless.runcontract.ledger import store
from correctless.runcontract.ledger.answers import ask_items
from correctless.runcontract.ledger.records import Surfaced
from correctless.runcontract.ledger.store import ContractFiles
from correctless.syntax.finding import Finding, as_text
from correctless.syntax.finding import as_json as finding_json


@click.command(epilog="Example: correctless contract new --run sessions-cutover")
@click.option("--run", "run_id", metavar="ID", help="The run's id; default: made from the branch's name.")
@click.option(
    "--from", "known_file", metavar="FILE", help=f"TOML with known values: {', '.join(draft.QUESTIONS)}."
)
def new(run_id: str | None, known_file: str | None) -> int:
    """Draft a contract in .correctless/contracts/ID/contract.md.

    Values that are not known stay gaps.
    """
    repo = git.find(os.getcwd())
    known = _known(known_file) if known_file is not None else {}
    if run_id is not None:
        known["run_id"] = run_id
    guesses = {
        "run_id": _id_of(repo.branch() or ""),
        "repo": (repo_of_remote(repo.remote_url("origin") or "") or "").removeprefix("github.com/"),
        "base": repo.default_branch("origin") or "",
        "operator": person.name(repo, os.environ),
    }
    if known_file is None and person.has_terminal() and not person.inside_agent(os.environ):
        for key, question in draft.QUESTIONS.items():
            if key == "run_id" and run_id is not None:
                continue
            guess = guesses.get(key, "")
            known[key] = click.prompt(question, default=guess, show_default=bool(guess)).strip()
    known = {key: text for key in {**guesses, **known} if (text := known.get(key) or guesses.get(key))}
    if not known.get("run_id"):
        raise Stop(exits.USAGE, "the run has no id. Give it one: correctless contract new --run ID")
    files = store.files_of(repo.home, known["run_id"])
    store.begin(files, draft.text(known, utcnow()))
    gaps = len(contract_file.read(store.bytes_of(files.contract) or b"", files.contract).gaps)
    echo(
        f"{os.path.relpath(files.contract)}: a draft with {gaps} gaps. "
        f"Replace each {contract_file.GAP}, then: correctless contract lint --run {files.run}"
    )
    return exits.OK


def _id_of(branch: str) -> str:
    """Return a run id made from a branch name, or "" if none can be made."""
    return re.sub("[^a-z0-9]+", "-", branch.lower()).strip("-")[:64].strip("-")


def _known(path: str) -> dict[str, str]:
    try:
        with open(path, "rb") as file:
            table = tomllib.load(file)
    except OSError as error:
        raise Stop(exits.USAGE, f"{path} cannot be read: {error.strerror}. Name a TOML file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Stop(exits.USAGE, f"{path} cannot be read: {error}. Write TOML") from None
    known = {}
    for key, value in table.items():
        if key not in draft.QUESTIONS:
            raise Stop(exits.USAGE, f"{path}: unknown key '{key}'. Allowed: {', '.join(draft.QUESTIONS)}")
        known[key] = str(value.isoformat() if hasattr(value, "isoformat") else value)
    return known


@click.command(epilog="Example: correctless contract lint")
@click.argument("file", required=False, type=click.Path())
@run_option
@json_option
def lint(file: str | None, run_id: str | None, as_json: bool) -> int:
    """List each fault and each gap of a contract, with its place.

    Exit 1 for any fault and any gap.
    """
    document = _read(file) if file is not None else _of(open_session(run_id).place)
    if as_json:
        values = {
            "digest": document.digest,
            "gaps": len(document.gaps),
            "findings": [finding_json(f) for f in document.findings],
        }
        echo_json(values)
    else:
        for finding in document.findings:
            echo(as_text(finding))
        echo(
            f"clean, digest {document.digest}"
            if document.contract
            else f"{counted(len(document.faults), 'fault')}, {counted(len(document.gaps), 'gap')}: still a draft"
        )
    return exits.OK if document.contract is not None else exits.FINDINGS


def _of(files: ContractFiles) -> ContractDocument:
    """Read a run's contract and check that it names this run."""
    path = os.path.relpath(files.contract)
    document = _read(path)
    if document.contract is None:
        return document
    faults = [
        Finding(
            path,
            1,
            1,
            "contract-reference",
            f"'evidence' of {gate.id} is the folder {gate.evidence}. name a file in it",
        )
        for gate in document.contract.gates.gate
        if gate.evidence is not None and os.path.isdir(os.path.join(files.home, gate.evidence))
    ]
    if document.contract.run.run_id != files.run:
        what = f"run_id is '{document.contract.run.run_id}', and the folder is {files.run}. write run_id = \"{files.run}\""
        faults.append(Finding(path, 1, 1, "contract-run-id", what))
    return replace(document, contract=None, findings=tuple(faults)) if faults else document


def _read(path: str) -> ContractDocument:
    data = store.bytes_of(path)
    if data is None:
        raise Stop(exits.REFUSED, f"no {path} found. Draft it with: correctless contract new")
    return contract_file.read(data, path)


@click.command(epilog="Example: correctless contract surface > to-post.md")
@run_option
def surface(run_id: str | None) -> int:
    """Print the text for the operator, with its digest, and record that."""
    session = open_session(run_id)
    document = _of(session.place)
    if document.contract is None:
        raise Stop(
            exits.PERSON,
            f"{session.place.contract} has {len(document.faults)} faults and {len(document.gaps)} gaps. See correctless contract lint",
        )
    data = store.bytes_of(session.place.contract) or b""
    if contract_file.digest_of(data) != document.digest:
        raise Stop(exits.REFUSED, f"{session.place.contract} is being written to. Retry")
    session.add(lambda _: [Surfaced(document.digest)])
    echo(_surface_text(session.place, document.contract, document.digest, data.decode()))
    return exits.OK


def _surface_text(files: ContractFiles, contract: Contract, digest: str, text: str) -> str:
    lines = [
        f"Contract of the run {files.run}, digest {digest}",
        f"{contract.run.operator}, each of these needs your answer; no answer means no:",
        "",
        *(f"- {grant.id} {grant.action} {_items(grant)}: {grant.ask}" for grant in contract.grants.grant),
        "",
        f"Answer in your own terminal: correctless contract answer ID --granted (or --refused) --run {files.run}",
        f"Any edit changes the digest {digest[:DIGEST_DIGITS]} and voids every answer.",
        "",
        "-" * 72,
        text.rstrip("\n"),
    ]
    return "\n".join(lines)


def _items(grant: Grant) -> str:
    if grant.action == "spawn":
        return f"(at most {grant.max_agents}, {grant.max_concurrent} at a time, {grant.max_cost_usd:g} USD, {grant.max_minutes} minutes each)"
    return f"({', '.join(ask_items(grant)) or 'any pull request'})"


@click.command(epilog="Example: correctless contract diff")
@click.argument("old", required=False, type=click.Path())
@click.argument("new", required=False, type=click.Path())
@run_option
def diff(old: str | None, new: str | None, run_id: str | None) -> int:
    """Show what differs between two versions, section by section.

    Compares the last granted version with the current file by default.

    Exit 1 when they differ.
    """
    if old is None or new is None:
        files = open_session(run_id).place
        new = new if new is not None else files.contract
        old = old if old is not None else files.pinned if os.path.lexists(files.pinned) else files.was_pinned
    before, after = (contract_file.sections_of(_text(path)) for path in (old, new))
    differs = False
    for title in dict.fromkeys((*before, *after)):
        one, other = before.get(title, ""), after.get(title, "")
        if one == other:
            continue
        differs = True
        echo(f"## {title or '(before the sections)'}")
        for line in list(difflib.unified_diff(one.split("\n"), other.split("\n"), lineterm="", n=2))[2:]:
            echo(line)
    echo("any difference voids every answer" if differs else "the same in every section")
    return exits.FINDINGS if differs else exits.OK


def _text(path: str) -> str:
    data = store.bytes_of(path)
    if data is None:
        raise Stop(exits.REFUSED, f"no {path} found. Name two files")
    return data.decode("utf-8", "backslashreplace")


@click.command(epilog="Example: correctless contract schema > run-contract.schema.json")
def schema() -> int:
    """Print the JSON Schema of the typed sections."""
    click.echo(json.dumps(contract_file.schema(), indent=2))
    return exits.OK
