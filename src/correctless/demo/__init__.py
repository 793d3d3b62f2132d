"""Demo repository with a spec, and recorded answers that implement it.

Every file of the demo project is stored as `<name>.txt`, so that no tool checks it as code of this package.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.project.git import Repo
from correctless.project.paths import slug

BRANCH = "feature/parse-durations"
SPEC = ".correctless/specs/parse-durations.md"
CONFIG = ".correctless/config/correctless.yaml"


@dataclass(frozen=True, slots=True)
class DemoRepository:
    """Repository of the demo: on its feature branch, clean, spec committed."""

    path: str  # its top folder
    spec: str  # relative to `path`
    branch: str
    answers: str  # the folder for `--agent replay:`; beside the repository, which stays clean


def make_repository(
    folder: str, *, branch: str = BRANCH, python: str = sys.executable or "python3"
) -> DemoRepository:
    """Make `naptime/` and `answers/` in `folder`.

    Makes `folder` if it is missing; `python` runs the project's tests.

    Raises: Stop(3) when either exists already, `folder` cannot be written, or git refuses.
    """
    path, answers = os.path.join(folder, "naptime"), os.path.join(folder, "answers")
    try:
        os.makedirs(path)
        os.makedirs(answers)
        _write_answers(answers, branch)
        repo = _initialised(path)
        files = dict(_project_files(python))
        spec = files.pop(SPEC)
        for name, text in files.items():
            _write(os.path.join(path, name), text)
        _commit(repo, "naptime 1.0.0")
        repo.git("checkout", "--quiet", "-b", branch)
        _write(os.path.join(path, SPEC), spec)
        _commit(repo, "Specify how durations are read back")
    except OSError as error:
        raise Stop(
            exits.REFUSED,
            f"the demo cannot be written to {folder}: {error.strerror}. Name a new or an empty folder",
        ) from None
    return DemoRepository(path=path, spec=SPEC, branch=branch, answers=answers)


def _initialised(path: str) -> Repo:
    git_dir = os.path.join(path, ".git")
    repo = Repo(top=path, git_dir=git_dir, common_dir=git_dir, home=path)
    # No template: it may bring the user's hooks.
    repo.git("init", "--quiet", "--initial-branch", "main", "--template=")
    for name, value in (
        ("user.name", "Correctless demo"),
        ("user.email", "demo@example.invalid"),
        # The user's own configuration must not ask for a key, change a byte or hide a file.
        ("commit.gpgSign", "false"),
        ("core.autocrlf", "false"),
        ("core.excludesFile", os.devnull),
        ("core.attributesFile", os.devnull),
    ):
        repo.git("config", "--local", name, value)
    return repo


def _commit(repo: Repo, message: str) -> None:
    repo.git("add", "--all")
    repo.git("commit", "--quiet", "--message", message)


def _project_files(python: str) -> Iterator[tuple[str, str]]:
    for stored, text in _texts(resources.files(__name__) / "project"):
        name = stored.removesuffix(".txt")
        if name == CONFIG:
            # JSON is YAML: the interpreter's path is quoted, whatever characters it has.
            text = text.replace("[python3,", f"[{json.dumps(python)},")
        yield name, text


def _write_answers(answers: str, branch: str) -> None:
    for name, text in _texts(resources.files(__name__) / "answers"):
        # The report's path holds the branch's slug, in the answer and in the patch that writes it.
        _write(os.path.join(answers, name), text.replace("{branch_slug}", slug(branch)))


def _texts(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, str]]:
    for item in sorted(folder.iterdir(), key=lambda item: item.name):
        if item.is_dir():
            yield from _texts(item, f"{prefix}{item.name}/")
        else:
            yield f"{prefix}{item.name}", item.read_bytes().decode("utf-8")


def _write(path: str, text: str) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "x", encoding="utf-8", newline="") as file:
        file.write(text)
