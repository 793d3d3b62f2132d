"""`correctless init`: prepare a repository for its first run."""

from __future__ import annotations

import json
import os
import shlex
import shutil
from dataclasses import dataclass
from typing import Any

import click

from correctless import agents
from correctless.base import exits
from correctless.base.exits import Stop
from correctless.base.text import hidden, one_line, printable, printable_lines
from correctless.cli import spell_anything, spelled
from correctless.cli.values import json_option
from correctless.github.client import repo_of_remote
from correctless.lint.fix import diff
from correctless.project import config, git, person
from correctless.project.config import Config
from correctless.project.git import Repo
from correctless.project.lock import Lock
from correctless.setup import branches, changes, choice, source, texts
from correctless.setup.changes import FileChange, Wanted
from correctless.setup.choice import KnownTests
from correctless.setup.ecosystems import Argv, FoundTests
from correctless.setup.listing import Listing
from correctless.setup.source import PinnedSource

_SPECS = "docs/specs"
_TITLE = "First change"
_MESSAGE = "Set up correctless"
_DONE = {"create": "created", "edit": "edited", "keep": "unchanged"}
_PLANNED = {"create": "would create", "edit": "would edit", "keep": "unchanged"}


@dataclass(frozen=True, slots=True)
class Given:
    """The options of one call; `asked`: what is not given is asked at this terminal."""

    name: str | None
    test: str | None
    pr: str | None
    agent: str | None
    ci: bool | None
    pre_commit: bool | None
    source: str | None
    asked: bool


@dataclass(frozen=True, slots=True)
class Setup:
    """What one call is about to do: the branch it makes ("" for none), its file changes, and what you should know."""

    branch: str
    on: str
    spec: str
    test: Argv | None
    tests: KnownTests
    files: tuple[FileChange, ...]
    notes: tuple[str, ...]


@click.command(epilog="Example: correctless init --name 'Discount codes' --test 'npm test'")
@click.option("--name", metavar="TEXT", help="What the first run is about: names the spec and the branch.")
@click.option("--test", metavar="COMMAND", help="The test command, '' for none; default: what is found.")
@click.option(
    "--pr", type=click.Choice(["gh", "skip"]), help="Open the pull request, or only write its text."
)
@click.option("--agent", metavar="AGENT", help="claude, 'command:PROGRAM ARG...' or replay:DIR.")
@click.option("--ci/--no-ci", default=None, help="Whether to make a GitHub job that runs the linter.")
@click.option("--pre-commit/--no-pre-commit", default=None, help="Whether to add the linter's hook.")
@click.option(
    "--source",
    metavar="OWNER/NAME@COMMIT",
    help="Where the job and the hook get correctless; default: where this copy is from.",
)
@click.option("--yes", is_flag=True, help="Ask nothing, as without a terminal.")
@click.option("--dry-run", is_flag=True, help="Show what would be written, and write nothing.")
@json_option
def init(yes: bool, dry_run: bool, as_json: bool, **options: Any) -> int:
    """Prepare this repository for its first run.

    Makes a configuration with the test command that is found, a template of a spec, a branch, a CI job and a pre-commit
    hook. On a terminal it asks a few questions first. It commits nothing.

    An existing configuration gets what is missing, and every other byte of it stays. No other file is replaced.

    Exit 0; 3 when something is in the way, which is named.
    """
    if person.inside_agent(os.environ):
        raise Stop(exits.REFUSED, "this runs inside an agent of a run. run it in your own terminal")
    repo = git.find(os.getcwd())
    given = Given(asked=not (yes or as_json or dry_run) and person.has_terminal(), **options)
    setup = _prepare(repo, given)
    if not dry_run:
        with Lock.take(repo, "correctless init"):
            if setup.branch:
                branches.make(repo, setup.branch)
            changes.write(repo, setup.files)
    spell_anything()
    next_command = _again(given) if dry_run else _next(repo, setup)
    if as_json:
        click.echo(json.dumps(_as_json(setup, next_command, dry_run=dry_run), indent=2))
    else:
        _show(setup, next_command, dry_run=dry_run)
    return exits.OK


def _prepare(repo: Repo, given: Given) -> Setup:
    if not repo.has_commit():
        raise Stop(
            exits.REFUSED,
            f"{repo.top} has no commit yet, and a run begins at one. make it first: git add . && git commit",
        )
    before, notes = _existing(repo), list[str]()
    known = source.given(given.source) if given.source else source.known()
    if given.agent:
        agents.named(given.agent, repo.top)
    current = repo.branch()
    protected = branches.is_protected(repo, current, before.protected, before.remote)
    title = _title(given, None if protected else current)
    new = f"feature/{branches.slug(title)}" if protected else ""
    if new:
        branches.refuse_new(repo, new)
    tests = choice.known_tests(Listing(repo.top))
    test = _test(given, tests, before, notes)
    on_github = (repo_of_remote(repo.remote_url(before.remote) or "") or "").startswith("github.com/")
    wanted = Wanted(
        spec=f"{_SPECS}/{branches.slug(title)}.md",
        title=title,
        test=test,
        candidates=tests.candidates,
        pr=given.pr or ("gh" if on_github and shutil.which("gh") else "skip"),
        agent=given.agent,
        leaves=tuple(dict.fromkeys(p for each in tests.candidates for p in each.leaves)) if test else (),
        workflow=_workflow(given, repo, known, notes, on_github=on_github),
        hook=_hook(given, repo),
        source=known,
        explicit=frozenset(key for key in ("test", "pr", "agent") if getattr(given, key) is not None),
    )
    files = changes.plan(repo, wanted)
    return Setup(new, new or current or "", wanted.spec, test, tests, files, tuple(notes))


def _existing(repo: Repo) -> Config:
    """Return the configuration of the worktree, which is the one that is edited."""
    text = Listing(repo.top).text(config.PATH)
    return config.load(config.parse(text.encode())) if text else Config()


def _title(given: Given, branch: str | None) -> str:
    if given.name is None and branch is not None:
        return branch.rpartition("/")[2].replace("-", " ").capitalize()
    title = given.name
    if title is None and given.asked:
        title = click.prompt("What is the first run about, in a few words?", default=_TITLE, err=True)
    title = " ".join((title or _TITLE).split())
    if hidden(title) or len(title) > 100:
        raise Stop(
            exits.USAGE, f"'{one_line(title, 100)}' is not a title. write at most 100 visible characters"
        )
    return title


def _test(given: Given, tests: KnownTests, before: Config, notes: list[str]) -> Argv | None:
    """Return the test command; the one of an existing configuration stays unless you give another."""
    if given.test is not None:
        return _words(given.test)
    if before.commands.test is not None:
        return before.commands.test
    found = choice.command(tests.chosen) if tests.chosen else None
    if given.asked:
        return _asked_test(tests, found)
    if tests.chosen is None and tests.candidates:
        several = "; ".join(map(_described, tests.candidates))
        notes.append(
            f"several test commands were found, and none was chosen: {several}. choose with --test COMMAND"
        )
    elif found is None:
        notes.append(
            "no tests were found, so nothing would prove a step's work. give them with --test COMMAND"
        )
    return found


def _asked_test(tests: KnownTests, found: Argv | None) -> Argv | None:
    if found is None and len(tests.candidates) > 1:
        for number, each in enumerate(tests.candidates, 1):
            click.echo(printable(f"  {number}  {_described(each)}"), err=True)
        question = "Which command tests this repository? A number, all, or a command of your own"
        answer = str(click.prompt(question, default="all", err=True)).strip()
        if answer == "all":
            return choice.all_of(tests.candidates)
        if answer.isascii() and answer.isdigit() and 1 <= int(answer) <= len(tests.candidates):
            return choice.command(tests.candidates[int(answer) - 1])
        return _words(answer)
    question = (
        "Which command tests this repository?" if found else "Which command runs the tests? Enter: none"
    )
    return _words(
        str(click.prompt(question, default=shlex.join(found or ()), err=True, show_default=bool(found)))
    )


def _words(command: str) -> Argv | None:
    try:
        words = tuple(shlex.split(command))
    except ValueError:
        raise Stop(
            exits.USAGE, f"the test command {one_line(command, 60)} has a quote without an end. close it"
        ) from None
    if any(hidden(word) or "\n" in word for word in words):
        raise Stop(
            exits.USAGE, "the test command has an invisible character. write it on one line of visible text"
        )
    return words or None


def _described(tests: FoundTests) -> str:
    place = f" in {tests.folder}" if tests.folder else ""
    return f"{shlex.join(tests.argv)}{place} ({tests.ecosystem}, {tests.because})"


def _workflow(
    given: Given, repo: Repo, known: PinnedSource | None, notes: list[str], *, on_github: bool
) -> bool:
    there = os.path.lexists(os.path.join(repo.top, texts.WORKFLOW))
    usual = on_github or os.path.isdir(os.path.join(repo.top, ".github"))
    wanted = given.ci if given.ci is not None else usual
    if given.ci is None and given.asked and known is not None and not there:
        wanted = click.confirm("Make a GitHub job that runs the linter?", default=usual, err=True)
    if wanted and known is None:
        how = "give --source OWNER/NAME@COMMIT"
        if given.ci:
            raise Stop(exits.USAGE, f"it is not known where a CI job can get correctless from. {how}")
        notes.append(f"no CI job was made: it is not known where it can get correctless from. {how}")
        return False
    return wanted


def _hook(given: Given, repo: Repo) -> bool:
    usual = os.path.lexists(os.path.join(repo.top, texts.PRE_COMMIT))
    if given.pre_commit is not None:
        return given.pre_commit
    if given.asked and not usual:
        return click.confirm("Add a pre-commit hook that runs the linter?", default=usual, err=True)
    return usual


def _uncommitted(repo: Repo, setup: Setup) -> list[str]:
    dirty = repo.dirty_files()
    return [
        each.path for each in setup.files if each.path in dirty or repo.file_at("HEAD", each.path) is None
    ]


def _again(given: Given) -> str:
    """Return the command that writes what a dry run has shown."""
    texts_given = ("name", "test", "pr", "agent", "source")
    words = [f"--{name}={value}" for name in texts_given if (value := getattr(given, name)) is not None]
    flags = (("ci", given.ci), ("pre-commit", given.pre_commit))
    words += [f"--{'' if wanted else 'no-'}{name}" for name, wanted in flags if wanted is not None]
    return spelled(shlex.join(["correctless", "init", *words]))


def _next(repo: Repo, setup: Setup) -> str:
    check = spelled(f"correctless cauto check --spec {shlex.quote(setup.spec)}")
    if waiting := _uncommitted(repo, setup):
        # Forced: a folder of specs may be ignored.
        return f"git add -f -- {shlex.join(waiting)} && git commit -m {shlex.quote(_MESSAGE)} && {check}"
    return check


def _show(setup: Setup, next_command: str, *, dry_run: bool) -> None:
    if dry_run:
        for each in setup.files:
            if each.action != "keep":
                click.echo(printable_lines(diff(each.path, each.before or b"", each.after)))
    names = _PLANNED if dry_run else _DONE
    rows = [("branch", f"{setup.on}{' (new)' if setup.branch else ''}")]
    rows += [
        (names[each.action], each.path + (f": {each.why}" if each.action == "keep" else ""))
        for each in setup.files
    ]
    rows.append(("tests", shlex.join(setup.test) if setup.test else "none"))
    for label, text in rows:
        click.echo(printable(f"{label:<13} {text}"))
    for note in setup.notes:
        click.echo(printable(f"note: {note}"))
    if not setup.branch and all(each.action == "keep" for each in setup.files):
        click.echo("nothing to change: this repository is set up")
    elif not dry_run:
        click.echo(f"write into {setup.spec} what is to be built, then commit")
    click.echo(printable(f"Next: {next_command}"))


def _as_json(setup: Setup, next_command: str, *, dry_run: bool) -> dict[str, Any]:
    files = [
        {
            "path": each.path,
            "action": each.action,
            "why": each.why if each.action == "keep" else "",
            "diff": diff(each.path, each.before or b"", each.after),
        }
        for each in setup.files
    ]
    found = [
        {
            "ecosystem": each.ecosystem,
            "folder": each.folder,
            "command": list(each.argv),
            "because": each.because,
        }
        for each in setup.tests.candidates
    ]
    return {
        "dry_run": dry_run,
        "branch": setup.on,
        "new_branch": bool(setup.branch),
        "spec": setup.spec,
        "test": list(setup.test) if setup.test else None,
        "found": found,
        "files": files,
        "notes": list(setup.notes),
        "next": next_command,
    }
