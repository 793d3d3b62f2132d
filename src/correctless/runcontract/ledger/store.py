"""The files of one run's contract: their paths, and all their records, read and checked."""

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
from correctless.ledger.heads import NEW, Heads
from correctless.ledger.ledger import Ledger
from correctless.ledger.log_file import Missing
from correctless.ledger.record import decode
from correctless.project.git import Repo
from correctless.project.paths import ARTIFACTS, CONTRACTS, ensure_artifacts, logs
from correctless.runcontract.document import contract_file
from correctless.runcontract.document.plaintext import LARGEST
from correctless.runcontract.ledger import signed
from correctless.runcontract.ledger.case import Case
from correctless.runcontract.ledger.clause import Clause
from correctless.runcontract.ledger.records import LoggedRecord, Pin, Record, Word, fields_of, logged
from correctless.runcontract.ledger.state import Version, fold
from correctless.runcontract.ledger.words import told
from correctless.syntax.strict_json import RecordError

_RUN = re.compile(r"[a-z0-9][a-z0-9-]{0,63}\Z")
_ABSENT = Version("", None)


@frozen
class ContractFiles:
    """The files of one run, all in the main worktree, whatever worktree asks."""

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
        """There exactly while a contract is pinned and neither closed nor revoked."""
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
    """A run's contract and ledger as they were read at one moment, the chain and every signature verified."""

    place: ContractFiles
    case: Case
    log: tuple[LoggedRecord, ...]
    head: Head
    pinned_md: str  # the digest of pinned.md, "" where there is none


def place(home: str, run: str) -> ContractFiles:
    """The files of a run; `Stop(2)` for what can be no run's id, so that no id leads out of its folder."""
    if not _RUN.match(run):
        raise Stop(exits.USAGE, f"'{run}' is not a run id. write lower-case letters, digits and -")
    return ContractFiles(home, run)


def runs(home: str) -> tuple[str, ...]:
    """Every run that has a contract or a ledger here."""
    found: set[str] = set()
    with suppress(OSError):
        found.update(name for name in os.listdir(os.path.join(home, CONTRACTS)) if _RUN.match(name))
    with suppress(OSError):
        for name in os.listdir(os.path.join(home, ARTIFACTS)):
            if name.startswith("contract-") and _RUN.match(name.removeprefix("contract-")):
                found.add(name.removeprefix("contract-"))
    return tuple(sorted(found))


def named(home: str, run: str | None) -> ContractFiles:
    """The run with this id; without one the only one that is pinned, or else the only one there is. `Stop(3)` when that is unclear."""
    if run is not None:
        return place(home, run)
    every = runs(home)
    pinned = [name for name in every if os.path.lexists(ContractFiles(home, name).pinned)]
    for names in (pinned, every):
        if len(names) == 1:
            return ContractFiles(home, names[0])
    if not every:
        raise Stop(exits.REFUSED, "no contract found. draft one with: correctless contract new")
    raise Stop(exits.REFUSED, f"which run: {', '.join(pinned or every)}? name it with --run")


def bytes_of(path: str) -> bytes | None:
    """A contract's bytes, None when there is no such file; `Stop(3)` for what can't be read, a link, or a file far too long."""
    try:
        return below.read(path, LARGEST + 2)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Stop(
            exits.REFUSED, f"{path} can't be read: {error.strerror}. put a regular file there"
        ) from None


def load(at: ContractFiles, env: Mapping[str, str], now: datetime) -> ContractSnapshot:
    """Everything on record. What can't be read or is not what was acknowledged becomes a fault of the case, not an error."""
    faults: list[Clause] = []
    log, head = _log(at, env, faults)
    trusted = {item.record.digest for item in log if isinstance(item.record, Pin)}
    last = next((item.record.digest for item in reversed(log) if isinstance(item.record, Pin)), "")
    here = _of_this_run(at, _version(at.contract, trusted, faults), faults)
    pinned = None
    # By their digest the same bytes are as good in any of these places.
    for path in (at.contract, at.pinned, at.was_pinned) if last else ():
        found = here if path == at.contract else _version(path, trusted, [])
        if found.digest == last:
            pinned = found
            break
    faults += _signatures(at, log)
    state = fold(log, here, pinned, now)
    pinned_md = _digest(at.pinned)
    if state.pin_live and pinned_md != last:
        needed = "the granted bytes where they were stored aside"
        faults.append(Clause("pinned", 0, "pinned.md is gone or was changed", needed))
    return ContractSnapshot(at, Case(here, pinned, state, tuple(faults)), log, head, pinned_md)


def current(snapshot: ContractSnapshot, env: Mapping[str, str], now: datetime) -> ContractSnapshot:
    """The snapshot as of `now`; read again only if contract.md or pinned.md changed.

    The ledger is not looked at: `add` writes behind the end that was read, and nowhere else.
    """
    at, case = snapshot.place, snapshot.case
    if (_digest(at.contract), _digest(at.pinned)) != (case.here.digest, snapshot.pinned_md):
        return load(at, env, now)
    return replace(snapshot, case=replace(case, state=fold(snapshot.log, case.here, case.pinned, now)))


_WEAKEST_FIRST = ("terminal", "signed, by a key list this user can change", "signed")


def assurance(kept: ContractSnapshot) -> str:
    """How far the words in force can be relied on: the weakest of them counts."""
    found = {assured(word) for word in kept.case.state.words}
    return next((each for each in _WEAKEST_FIRST if each in found), "none")


def assured(word: Word) -> str:
    """How far one person's word can be relied on."""
    terminal, changeable, fixed = _WEAKEST_FIRST
    if word.channel != "signed":
        return terminal
    return fixed if signed.out_of_reach(word.signers, os.getuid()) else changeable


def append(
    snapshot: ContractSnapshot, records: Sequence[Record], env: Mapping[str, str], now: datetime
) -> tuple[Entry, ...]:
    """Record these right behind what was read; `Moved` when another process wrote meanwhile, `Stop` when it can't be."""
    at = snapshot.place
    prepare(at)
    ledger = Ledger(at.ledger, root=at.home, noted=Heads(at.ledger, env).note)
    return ledger.append_after(snapshot.head, [fields_of(record, now) for record in records])


def extended(snapshot: ContractSnapshot, entries: Sequence[Entry], now: datetime) -> ContractSnapshot:
    """The snapshot with the entries that were appended behind it."""
    if not entries:
        return snapshot
    more = [logged(entry.seq, decode(entry.line)) for entry in entries]
    case, log = snapshot.case, (*snapshot.log, *more)
    pinned = case.pinned
    for item in more:
        if isinstance(item.record, Pin):
            pinned = case.here if case.here.digest == item.record.digest else None
    case = replace(case, pinned=pinned, state=fold(log, case.here, pinned, now))
    return replace(snapshot, case=case, log=log, head=end_of(entries))


def add(
    snapshot: ContractSnapshot, records: Sequence[Record], env: Mapping[str, str], now: datetime
) -> ContractSnapshot:
    """`append`, then the snapshot with these records."""
    return extended(snapshot, append(snapshot, records, env, now), now)


def prepare(at: ContractFiles) -> None:
    """Make the folder of the run's ledger."""
    where = logs(_repo_of(at.home), "contract")  # the artifacts folder is one for all branches
    ensure_artifacts(where)
    if os.path.islink(at.folder):
        raise Stop(exits.REFUSED, f"{at.folder} is a symbolic link. put a real folder there")
    try:
        os.makedirs(at.folder, exist_ok=True)
    except OSError as error:
        raise Stop(exits.REFUSED, f"{at.folder} can't be made: {error.strerror}. fix that") from None


def begin(at: ContractFiles, text: str) -> None:
    """Write the first draft of a run's contract, where there is none; `Stop(3)` where there is."""
    try:
        os.makedirs(os.path.dirname(at.contract), exist_ok=True)
        # Untracked it would make each worktree dirty: no run would start, and no gate be bound to a revision.
        ignore = os.path.join(at.home, CONTRACTS, ".gitignore")
        if not os.path.lexists(ignore):
            replace_file(ignore, b"*\n")
        with open(at.contract, "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise Stop(exits.REFUSED, f"{at.contract} is there already. edit it, or take another id") from None
    except OSError as error:
        raise Stop(exits.REFUSED, f"{at.contract} can't be written: {error.strerror}. fix that") from None


def pin_file(at: ContractFiles, data: bytes) -> None:
    """Write the granted bytes where the guard finds them, read-only.

    Raises: Stop(3) when the folder cannot be made.
    """
    prepare(at)
    replace_file(at.pinned, data, mode=0o444)


def unpin_file(at: ContractFiles) -> None:
    """Put the granted bytes where the guard no longer finds them, and a rollback still does."""
    with suppress(FileNotFoundError):
        os.replace(at.pinned, at.was_pinned)


def _repo_of(home: str) -> Repo:
    return Repo(
        top=home, git_dir=os.path.join(home, ".git"), common_dir=os.path.join(home, ".git"), home=home
    )


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


def _of_this_run(at: ContractFiles, found: Version, faults: list[Clause]) -> Version:
    """A contract that names another run says nothing here: it may be one that was granted there."""
    if found.contract is None or found.contract.run.run_id == at.run:
        return found
    faults.append(
        Clause(
            "contract", 0, f"run_id is '{found.contract.run.run_id}'", f"'{at.run}', as its folder is named"
        )
    )
    return Version(found.digest, None)


def _digest(path: str) -> str:
    with suppress(Stop):
        if (data := bytes_of(path)) is not None:
            return contract_file.digest_of(data)
    return ""


def _log(
    at: ContractFiles, env: Mapping[str, str], faults: list[Clause]
) -> tuple[tuple[LoggedRecord, ...], Head]:
    try:
        return _acknowledged(at, Heads(at.ledger, env))
    except Stop as stop:
        why = stop.message
    except RecordError as error:
        why = f"a record can't be understood: {error}"
    faults.append(Clause("ledger", 0, one_line(why), "the ledger as it was acknowledged"))
    return (), EMPTY


def _acknowledged(at: ContractFiles, heads: Heads) -> tuple[tuple[LoggedRecord, ...], Head]:
    entries: list[Entry] = []
    try:
        report = verify(at.ledger, heads=heads.anchors(), root=at.home, keep=entries)
    except Missing:
        if any(anchor.seq > 0 for anchor in heads.anchors()):
            raise Stop(exits.REFUSED, f"the ledger is gone. {NEW}") from None
        return (), EMPTY
    for finding in report.findings:
        if finding.severity == "error":
            raise Stop(exits.REFUSED, f"line {finding.line}: {finding.message}")
    log = tuple(logged(entry.seq, entry.fields) for entry in entries)
    return log, end_of(entries)


def _signatures(at: ContractFiles, log: Sequence[LoggedRecord]) -> Iterator[Clause]:
    """Every signed word that isn't one. Each text counts once: an agent may keep one, and hand it in again."""
    seen: set[str] = set()
    for item in log:
        word = item.record
        if not isinstance(word, Word) or word.channel != "signed":
            continue
        why = "it was replayed" if word.signed in seen else signed.refuted(word, at.home, at.run)
        seen.add(word.signed)
        if why:
            needed = "a text signed once by an allowed signer"
            yield Clause(
                "signature", _SECTION[word.record], one_line(f"'{told(word)}' by {word.by}: {why}"), needed
            )


_SECTION = {"answer": 2, "revoke": 2, "waiver": 3, "reaffirm": 7, "settled": 8}
