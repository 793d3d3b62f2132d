"""Files of one run's contract: their paths, and their records, read and checked."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from correctless.base import below, exits
from correctless.base.exits import Stop
from correctless.base.files import replace_file
from correctless.base.text import one_line
from correctless.base.values import frozen
from correctless.ledger.chain import EMPTY, Entry, Head, end_of
from correctless.ledger.check import verify
from correctless.ledger.heads import NEW, Heads, noting
from correctless.ledger.log_file import Missing
from correctless.project.git import Repo
from correctless.project.paths import ARTIFACTS, CONTRACTS, ensure_artifacts, logs
from correctless.runcontract.document import contract_file
from correctless.runcontract.document.plaintext import LARGEST
from correctless.runcontract.ledger import signed
from correctless.runcontract.ledger.case import Case
from correctless.runcontract.ledger.clause import Clause
from correctless.runcontract.ledger.records import LoggedRecord, Pin, Record, Statement, fields_of, logged
from correctless.runcontract.ledger.state import Version, fold
from correctless.runcontract.ledger.words import summary
from correctless.syntax.strict_json import RecordError

_RUN = re.compile(r"[a-z0-9][a-z0-9-]{0,63}\Z")
_ABSENT = Version("", None)


@frozen
class ContractFiles:
    """The files of one run, all in the main worktree."""

    home: str
    run: str

    @property
    def contract(self) -> str:
        """Return the path of the contract in the repository."""
        return os.path.join(self.home, CONTRACTS, self.run, "contract.md")

    @property
    def folder(self) -> str:
        """Return the folder of the contract's records."""
        return os.path.join(self.home, ARTIFACTS, f"contract-{self.run}")

    @property
    def ledger(self) -> str:
        """Return the path of the ledger."""
        return os.path.join(self.folder, "ledger.jsonl")

    @property
    def pinned(self) -> str:
        """Return the path of the granted bytes: it exists while a contract is pinned, not closed and not revoked."""
        return os.path.join(self.folder, "pinned.md")

    @property
    def was_pinned(self) -> str:
        """Return the path of the contract that was last pinned, for a rollback."""
        return os.path.join(self.folder, "was-pinned.md")

    @property
    def board(self) -> str:
        """Return the path of the board, a view of the gates."""
        return os.path.join(self.folder, "board.md")


@frozen
class ContractSnapshot:
    """A run's contract and ledger at one moment, the chain and every signature verified."""

    files: ContractFiles
    case: Case
    log: tuple[LoggedRecord, ...]
    head: Head
    pinned_md: str  # the digest of pinned.md, "" without one


def files_of(home: str, run: str) -> ContractFiles:
    """Return the files of a run; `Stop(2)` for an invalid id, which could lead out of its folder."""
    if not _RUN.match(run):
        raise Stop(exits.USAGE, f"'{run}' is not a run id. write lower-case letters, digits and -")
    return ContractFiles(home, run)


def runs(home: str) -> tuple[str, ...]:
    """Return every run with a contract or a ledger, sorted."""
    ids: set[str] = set()
    for folder, prefix in ((CONTRACTS, ""), (ARTIFACTS, "contract-")):
        with suppress(OSError):
            names = os.listdir(os.path.join(home, folder))
            ids.update(name.removeprefix(prefix) for name in names if name.startswith(prefix))
    return tuple(sorted(filter(_RUN.match, ids)))


def named(home: str, run: str | None) -> ContractFiles:
    """Return the run with this id, by default the only pinned one, else the only one. `Stop(3)` if unclear."""
    every = runs(home)
    if run is not None:
        files = files_of(home, run)
        if run not in every:
            known = ", ".join(every) or "none"
            raise Stop(exits.REFUSED, f"no contract '{run}' found. known: {known}")
        return files
    pinned = [name for name in every if os.path.lexists(ContractFiles(home, name).pinned)]
    for names in (pinned, every):
        if len(names) == 1:
            return ContractFiles(home, names[0])
    if not every:
        raise Stop(exits.REFUSED, "no contract found. draft one with: correctless contract new")
    raise Stop(exits.REFUSED, f"which run: {', '.join(pinned or every)}? name it with --run")


def bytes_of(path: str) -> bytes | None:
    """Return a contract's bytes, None without a file; `Stop(3)` for a link, or a file it can't read whole."""
    try:
        return below.read(path, LARGEST + 2)
    except FileNotFoundError:
        return None
    except OSError as error:
        message = f"{path} can't be read: {error.strerror}. put a regular file there"
        raise Stop(exits.REFUSED, message) from None


def load(files: ContractFiles, env: Mapping[str, str], now: datetime) -> ContractSnapshot:
    """Read all records. What can't be read or was changed becomes a fault of the case, not an error."""
    faults: list[Clause] = []
    log, head = _log(files, env, faults)
    trusted = {item.record.digest for item in log if isinstance(item.record, Pin)}
    last = next((item.record.digest for item in reversed(log) if isinstance(item.record, Pin)), "")
    current_version = _of_this_run(files, _version(files.contract, trusted, faults), faults)
    pinned = None
    # Any of these files will do: the digest identifies the bytes.
    for path in (files.contract, files.pinned, files.was_pinned) if last else ():
        version = current_version if path == files.contract else _version(path, trusted, [])
        if version.digest == last:
            pinned = version
            break
    faults += _signatures(files, log)
    state = fold(log, current_version, pinned, now)
    pinned_md = _digest(files.pinned)
    if state.pin_live and pinned_md != last:
        needed = "the granted bytes where they were stored aside"
        faults.append(Clause("pinned", 0, "pinned.md is gone or was changed", needed))
    return ContractSnapshot(files, Case(current_version, pinned, state, tuple(faults)), log, head, pinned_md)


def current(snapshot: ContractSnapshot, env: Mapping[str, str], now: datetime) -> ContractSnapshot:
    """Return the snapshot as of `now`, read again only if contract.md or pinned.md changed.

    The ledger is not checked: `append` refuses to write anywhere but behind the end that was read.
    """
    files, case = snapshot.files, snapshot.case
    if (_digest(files.contract), _digest(files.pinned)) != (case.current.digest, snapshot.pinned_md):
        return load(files, env, now)
    return replace(snapshot, case=replace(case, state=fold(snapshot.log, case.current, case.pinned, now)))


_WEAKEST_FIRST = ("terminal", "signed, by a key list this user can change", "signed")


def assurance(snapshot: ContractSnapshot) -> str:
    """Return the assurance of the statements in force: that of the weakest one."""
    levels = {assured(statement) for statement in snapshot.case.state.statements}
    return next((each for each in _WEAKEST_FIRST if each in levels), "none")


def assured(statement: Statement) -> str:
    """Return the assurance of one statement."""
    terminal, changeable, fixed = _WEAKEST_FIRST
    if statement.channel != "signed":
        return terminal
    return fixed if signed.out_of_reach(statement.signers, os.getuid()) else changeable


def append(
    snapshot: ContractSnapshot, records: Sequence[Record], env: Mapping[str, str], now: datetime
) -> tuple[Entry, ...]:
    """Record these right behind what was read; errors as `Ledger.append_after`."""
    files = snapshot.files
    prepare(files)
    ledger = noting(files.ledger, files.home, env)
    return ledger.append_after(snapshot.head, [fields_of(record, now) for record in records])


def extended(snapshot: ContractSnapshot, entries: Sequence[Entry], now: datetime) -> ContractSnapshot:
    """Return the snapshot with the entries that were appended behind it."""
    if not entries:
        return snapshot
    more = [logged(entry.seq, entry.fields) for entry in entries]
    case, log = snapshot.case, (*snapshot.log, *more)
    pinned = case.pinned
    for item in more:
        if isinstance(item.record, Pin):
            pinned = case.current if case.current.digest == item.record.digest else None
    case = replace(case, pinned=pinned, state=fold(log, case.current, pinned, now))
    return replace(snapshot, case=case, log=log, head=end_of(entries))


def add(
    snapshot: ContractSnapshot, records: Sequence[Record], env: Mapping[str, str], now: datetime
) -> ContractSnapshot:
    """`append` these records, and return the snapshot with them."""
    return extended(snapshot, append(snapshot, records, env, now), now)


def prepare(files: ContractFiles) -> None:
    """Make the folder of the run's ledger."""
    ensure_artifacts(logs(_repo_of(files.home), "contract"))  # the artifacts folder is one for all branches
    if os.path.islink(files.folder):
        raise Stop(exits.REFUSED, f"{files.folder} is a symbolic link. put a real folder there")
    try:
        os.makedirs(files.folder, exist_ok=True)
    except OSError as error:
        raise Stop(exits.REFUSED, f"{files.folder} can't be made: {error.strerror}. fix that") from None


def begin(files: ContractFiles, text: str) -> None:
    """Write the first draft of a run's contract; `Stop(3)` where it has one."""
    try:
        os.makedirs(os.path.dirname(files.contract), exist_ok=True)
        # As an untracked file it would make each worktree dirty: no run would start, no gate have a revision.
        ignore = os.path.join(files.home, CONTRACTS, ".gitignore")
        if not os.path.lexists(ignore):
            replace_file(ignore, b"*\n")
        with open(files.contract, "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise Stop(exits.REFUSED, f"{files.contract} exists already. edit it, or use another id") from None
    except OSError as error:
        raise Stop(exits.REFUSED, f"{files.contract} can't be written: {error.strerror}. fix that") from None


def pin_file(files: ContractFiles, data: bytes) -> None:
    """Write the granted bytes where the guard reads them, read-only.

    Raises: Stop(3) when the folder cannot be made.
    """
    prepare(files)
    replace_file(files.pinned, data, mode=0o444)


def unpin_file(files: ContractFiles) -> None:
    """Move the granted bytes to where the guard does not read them, and a rollback does."""
    with suppress(FileNotFoundError):
        os.replace(files.pinned, files.was_pinned)


def _repo_of(home: str) -> Repo:
    git_dir = os.path.join(home, ".git")
    return Repo(top=home, git_dir=git_dir, common_dir=git_dir, home=home)


def _version(path: str, trusted: set[str], faults: list[Clause]) -> Version:
    try:
        data = bytes_of(path)
    except Stop as stop:
        faults.append(Clause("contract", 0, one_line(stop.message), "contract.md as a regular file"))
        return _ABSENT
    if data is None:
        faults.append(Clause("contract", 0, "missing contract.md", "the contract in its place"))
        return _ABSENT
    digest = contract_file.digest_of(data)
    if digest in trusted:
        with suppress(ValueError, TypeError, KeyError):
            return Version(digest, contract_file.reread(data, digest))
    return Version(digest, contract_file.read(data, path).contract)


def _of_this_run(files: ContractFiles, version: Version, faults: list[Clause]) -> Version:
    """Return the version, as an invalid one where it names another run: it may have been granted there."""
    if version.contract is None or version.contract.run.run_id == files.run:
        return version
    has = f"run_id is '{version.contract.run.run_id}'"
    faults.append(Clause("contract", 0, has, f"'{files.run}', as its folder is named"))
    return Version(version.digest, None)


def _digest(path: str) -> str:
    with suppress(Stop):
        if (data := bytes_of(path)) is not None:
            return contract_file.digest_of(data)
    return ""


def _log(
    files: ContractFiles, env: Mapping[str, str], faults: list[Clause]
) -> tuple[tuple[LoggedRecord, ...], Head]:
    try:
        return _acknowledged(files, Heads(files.ledger, env))
    except Stop as stop:
        why = stop.message
    except RecordError as error:
        why = f"a record can't be understood: {error}"
    faults.append(Clause("ledger", 0, one_line(why), "the ledger as it was acknowledged"))
    return (), EMPTY


def _acknowledged(files: ContractFiles, heads: Heads) -> tuple[tuple[LoggedRecord, ...], Head]:
    entries: list[Entry] = []
    try:
        report = verify(files.ledger, heads=heads.anchors(), root=files.home, keep=entries)
    except Missing:
        if any(anchor.seq > 0 for anchor in heads.anchors()):
            raise Stop(exits.REFUSED, f"the ledger is gone. {NEW}") from None
        return (), EMPTY
    for finding in report.findings:
        if finding.severity == "error":
            raise Stop(exits.REFUSED, f"line {finding.line}: {finding.message}")
    log = tuple(logged(entry.seq, entry.fields) for entry in entries)
    return log, end_of(entries)


def _signatures(files: ContractFiles, log: Sequence[LoggedRecord]) -> Iterator[Clause]:
    """Yield a clause for each invalid signed statement. Each text counts once: an agent may import one again."""
    earlier: set[str] = set()
    for item in log:
        record = item.record
        if not isinstance(record, Statement) or record.channel != "signed":
            continue
        why = "it was replayed" if record.signed in earlier else signed.refuted(record, files.home, files.run)
        earlier.add(record.signed)
        if why:
            what = one_line(f"'{summary(record)}' by {record.by}: {why}")
            yield Clause(
                "signature", _SECTION[record.record], what, "a text signed once by an allowed signer"
            )


_SECTION = {"answer": 2, "revoke": 2, "waiver": 3, "reaffirm": 7, "settled": 8}
