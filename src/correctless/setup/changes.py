"""The files that a repository needs for its first run, as changes that can be shown before they are written."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from correctless.base import below, exits
from correctless.base.exits import Stop
from correctless.project import config
from correctless.project.git import Repo
from correctless.setup import texts, yaml_edit
from correctless.setup.ecosystems import Argv, FoundTests
from correctless.setup.source import PinnedSource

_MOST = 1 << 20  # bytes of a file that is edited


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file before (None: missing) and after. Where both are equal nothing is written, and `why` says why."""

    path: str  # from the top of the repository
    before: bytes | None
    after: bytes
    why: str = ""

    @property
    def action(self) -> str:
        """Return what happens to the file in one word."""
        if self.before is None:
            return "create"
        return "keep" if self.before == self.after else "edit"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What you chose; `explicit` names the keys of the configuration that you gave, which replace those in the file."""

    spec: str
    title: str
    test: Argv | None
    candidates: Sequence[FoundTests]
    pr: str
    agent: str | None = None
    leaves: Sequence[str] = ()
    workflow: bool = False
    hook: bool = False
    source: PinnedSource | None = None
    explicit: frozenset[str] = field(default_factory=frozenset)


def plan(repo: Repo, wanted: Wanted) -> tuple[FileChange, ...]:
    """Return the change of each file. Raises: `Stop(3)` for what cannot be read or edited; nothing was written then."""
    changes = [_configuration(repo, wanted), _new(repo, wanted.spec, texts.spec(wanted.title))]
    if wanted.leaves and (change := _ignore(repo, wanted.leaves)):
        changes.append(change)
    if wanted.workflow and wanted.source is not None:
        changes.append(_new(repo, texts.WORKFLOW, texts.workflow(wanted.source)))
    if wanted.hook:
        changes.append(_hook(repo, wanted.source))
    return tuple(changes)


def write(repo: Repo, changes: Sequence[FileChange]) -> None:
    """Write the changes. Raises: `Stop(3)` where a file is no longer what was planned for, or cannot be written."""
    for change in changes:
        if change.action == "keep":
            continue
        if _read(repo, change.path) != change.before:
            raise Stop(
                exits.REFUSED, f"{change.path} was changed meanwhile. see that it is right, then try again"
            )
        try:
            _put(repo.top, change)
        except OSError as error:
            raise Stop(
                exits.REFUSED,
                f"{change.path} cannot be written: {error.strerror}. give permission, then retry",
            ) from None


def _put(top: str, change: FileChange) -> None:
    """Write one file: a new one never replaces what came to be in its place, an edited one is replaced whole."""
    path = os.path.join(top, change.path)
    below.make_folder(top, os.path.dirname(path), mode=0o755)
    with below.folder_of(top, path) as (folder, name):
        new, mode = change.before is None, 0o644
        if not new:
            mode = stat.S_IMODE(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
        written = name if new else f"{name}.{os.urandom(4).hex()}.tmp"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(written, flags, mode, dir_fd=folder)
        try:
            with os.fdopen(fd, "wb") as out:
                out.write(change.after)
                out.flush()
                os.fsync(out.fileno())
            if not new:
                os.chmod(written, mode, dir_fd=folder)  # the umask may have taken something away
                os.rename(written, name, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            os.unlink(written, dir_fd=folder)
            raise


def _read(repo: Repo, path: str) -> bytes | None:
    """Return the bytes of a plain file, None where there is none. Raises: `Stop(3)` for anything else on the path."""
    part = repo.top
    names = path.split("/")
    for name in names[:-1]:
        part = os.path.join(part, name)
        facts = below.look(repo.top, part)
        if facts is None:
            return None
        if not stat.S_ISDIR(facts.st_mode):
            what = "a link" if stat.S_ISLNK(facts.st_mode) else "not a folder"
            inside = os.path.relpath(part, repo.top)
            raise Stop(exits.REFUSED, f"{inside} is {what}, so nothing is written into it. make it a folder")
    facts = below.look(repo.top, os.path.join(repo.top, path))
    if facts is None:
        return None
    try:
        data = below.read(os.path.join(repo.top, path), _MOST + 1, root=repo.top)
    except OSError as error:
        raise Stop(
            exits.REFUSED, f"{path} cannot be read: {error.strerror}. make it a plain file, or remove it"
        ) from None
    if len(data) > _MOST:
        raise Stop(exits.REFUSED, f"{path} is over {_MOST} bytes, so it is not edited. make it smaller")
    return data


def _new(repo: Repo, path: str, text: str) -> FileChange:
    """Return the change that makes a file; one that is there stays, whatever is in it."""
    before, after = _read(repo, path), text.encode()
    if before is None:
        return FileChange(path, None, after)
    same = before == after
    return FileChange(path, before, before, "is as it should be" if same else "is there already")


def _configuration(repo: Repo, wanted: Wanted) -> FileChange:
    before = _read(repo, config.PATH)
    if before is None:
        text = texts.configuration(wanted.test, wanted.candidates, wanted.pr, wanted.agent)
        config.load(config.parse(text.encode()))
        return FileChange(config.PATH, None, text.encode())
    values = config.parse(before)
    loaded = config.load(values)
    stated = values if isinstance(values, Mapping) else {}
    text, more = before.decode(), dict[str, Any]()
    commands = stated.get("commands") or {}
    if wanted.test and ("test" in wanted.explicit or loaded.commands.test is None):
        text = _edited(text, ("commands", "test"), wanted.test)
        more["commands"] = {**commands, "test": list(wanted.test)}
    for key, value in (("pr", wanted.pr), ("agent", wanted.agent)):
        default = config.Config.model_fields[key].default
        if value and (key in wanted.explicit or (key not in stated and value != default)):
            text = _edited(text, (key,), value)
            more[key] = value
    # What is written is what was meant: the places were found by another reader.
    if config.load(config.parse(text.encode())) != config.load({**stated, **more}):
        raise _refusal("it is written in a form that cannot be edited safely")
    why = "has all of it"
    return FileChange(config.PATH, before, before if not more else text.encode(), why)


def _edited(text: str, keys: Sequence[str], value: Any) -> str:
    try:
        return yaml_edit.with_value(text, keys, value)
    except ValueError as error:
        raise _refusal(str(error)) from None


def _refusal(why: str, path: str = config.PATH) -> Stop:
    return Stop(exits.REFUSED, f"{path} cannot be edited: {why}. edit it yourself, or move it away")


def _ignore(repo: Repo, leaves: Sequence[str]) -> FileChange | None:
    """Return the change of .gitignore, where git would see what the tests leave behind."""
    probes = {f"{pattern}any": pattern for pattern in leaves}
    known = set(repo.check_ignore(probes).split("\0"))
    missing = [pattern for probe, pattern in probes.items() if probe not in known]
    before = _read(repo, texts.IGNORE)
    if not missing:  # perhaps by another file
        return (
            FileChange(texts.IGNORE, before, before, "names what the tests leave behind") if before else None
        )
    try:
        text = (before or b"").decode()
    except UnicodeDecodeError:
        raise _refusal("it is not UTF-8", texts.IGNORE) from None
    return FileChange(texts.IGNORE, before, texts.ignored(text, missing).encode())


def _hook(repo: Repo, source: PinnedSource | None) -> FileChange:
    before = _read(repo, texts.PRE_COMMIT)
    if before is not None and b"correctless-lint" in before:
        return FileChange(texts.PRE_COMMIT, before, before, "has the hook")
    try:
        after = yaml_edit.with_item((before or b"").decode(), "repos", texts.hook(source))
    except (ValueError, RecursionError, yaml_edit.YAMLError) as error:
        raise _refusal(_first_line(error), texts.PRE_COMMIT) from None
    return FileChange(texts.PRE_COMMIT, before, after.encode())


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__
