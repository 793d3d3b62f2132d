"""Statements signed outside of the terminal: the record of each one, or why it is refused.

The text is one JSON object: `record` is the kind of statement (by default an answer), `run` the run it is for, and the
rest are that record's own fields. It is signed with `ssh-keygen -Y sign -n correctless-contract -f KEY FILE`, and checked
against a file of allowed signers outside the repository.
"""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
from typing import get_args

from correctless.base.lazy_re import lazily
from correctless.ledger.record import decode
from correctless.runcontract.ledger.records import AskAnswer, Reaffirm, Revoke, Statement, record_of
from correctless.syntax.strict_json import RecordError

NAMESPACE = "correctless-contract"
KINDS: dict[str, type[Statement]] = {kind.record: kind for kind in get_args(Statement)}
_SECONDS = 20.0
_MOST = 1 << 16  # bytes of a text or of a signature
# Where the system has its own file, only that counts: an ordinary user can't write it.
SYSTEM = "/etc/correctless/allowed_signers"
_SHA = lazily(r"[0-9a-f]{64}\Z")
_verified: set[tuple[str, str, str, bytes]] = set()


def statement(text: bytes, signature: bytes, signers: str, *, home: str, run: str) -> Statement | str:
    """Return the record of a signed statement, or one line that says why it is refused."""
    if len(text) > _MOST or len(signature) > _MOST:
        return "it is too long"
    try:
        record = _record(text, signature.decode("ascii", "replace"), os.path.realpath(signers), run)
    except ValueError as error:
        return f"the text is not a valid statement: {error}"
    return refuted(record, home, run) or record


def refuted(record: Statement, home: str, run: str) -> str:
    """Return why a record with the channel `signed` is not what its signer signed; "" when it is."""
    # A ledger may have any text, also one that no program takes as an argument: that is a ValueError too.
    try:
        if _record(record.signed.encode(), record.signature, record.signers, run) != record:
            return "the record says something else than the text that was signed"
        return untrusted(record.signers, home) or _verify(record)
    except ValueError as error:
        return f"its text is not a valid statement: {error}"


def _record(text: bytes, signature: str, signers: str, run: str) -> Statement:
    """Return the record that a text states; `RecordError` when it is invalid, or for another run."""
    values = decode(text)
    kind = KINDS.get(str(values.setdefault("record", AskAnswer.record)))
    if kind is None:
        raise RecordError(f"'record' is none of {', '.join(KINDS)}")
    if "run" not in values:
        raise RecordError("field 'run' is missing")
    if (meant := values.pop("run")) != run:
        raise RecordError(f"it was signed for the run '{meant}'")
    ours = {"channel": "signed", "signed": text.decode(), "signature": signature, "signers": signers}
    if kind is Reaffirm:
        ours["id"] = hashlib.sha256(text).hexdigest()[:16]
    if unknown := values.keys() & ours.keys():
        raise RecordError(f"an unknown key '{min(unknown)}'")
    # Of the five only a revocation applies to any bytes: it can't widen anything.
    if kind is not Revoke and not _SHA.match(str(values.get("digest"))):
        raise RecordError("'digest' is not the SHA-256 of a contract")
    record = record_of({**values, **ours})
    assert isinstance(record, Statement)
    return record


def untrusted(signers: str, home: str) -> str:
    """Return why a file of allowed signers is not trusted; "" for one that is."""
    real = os.path.realpath(signers)
    if os.path.exists(SYSTEM) and real != os.path.realpath(SYSTEM):
        return f"allowed signers are those in {SYSTEM} here, and no others"
    if os.path.commonpath([real, os.path.realpath(home)]) == os.path.realpath(home):
        return "the file of allowed signers is inside the repository"
    try:
        status = os.stat(real)
    except OSError as error:
        return f"the file of allowed signers can't be read: {error.strerror}"
    if not stat.S_ISREG(status.st_mode):
        return "the file of allowed signers is not a regular file"
    if status.st_mode & 0o022:
        return "the file of allowed signers can be written by others than its owner"
    return ""


def out_of_reach(signers: str, user: int) -> bool:
    """Whether the user with this id, and so an agent of theirs, cannot change the list of signers."""
    path = os.path.realpath(signers)
    while True:
        try:
            status = os.lstat(path)
        except OSError:
            return False
        # An owner can make a file writable, and a user who may rename a parent folder can replace it.
        sticky = stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX
        if status.st_uid == user or (status.st_mode & 0o022 and not sticky):
            return False
        if path == "/":
            return True
        path = os.path.dirname(path)


def _verify(record: Statement) -> str:
    """Return why ssh-keygen refuses the signature, "" for a good one; it runs once for a statement and list."""
    try:
        with open(record.signers, "rb") as file:
            allowed = file.read()
    except OSError as error:
        return f"the file of allowed signers can't be read: {error.strerror}"
    key = (record.signed, record.signature, record.by, hashlib.sha256(allowed).digest())
    if key in _verified:
        return ""
    why = _refused(record, allowed)
    # A list with these options may refuse the same signature later.
    if not why and not any(option in allowed.lower() for option in (b"valid-before", b"cert-authority")):
        _verified.add(key)
    return why


def _refused(record: Statement, allowed: bytes) -> str:
    import tempfile  # only a signed statement needs it

    with tempfile.TemporaryDirectory(prefix="correctless-") as folder:
        signature, signers = os.path.join(folder, "sig"), os.path.join(folder, "signers")
        with open(signature, "w", encoding="utf-8") as file:
            file.write(record.signature)
        with open(signers, "wb") as copy:  # exactly the bytes of the key in `_verified`
            copy.write(allowed)
        verify = ["ssh-keygen", "-Y", "verify", "-f", signers]
        try:
            done = subprocess.run(
                [*verify, "-I", record.by, "-n", NAMESPACE, "-s", signature],
                input=record.signed.encode(),
                capture_output=True,
                timeout=_SECONDS,
                check=False,
                env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"},
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"ssh-keygen could not check it: {error}"
    if done.returncode == 0:
        return ""
    return "ssh-keygen finds no good signature of an allowed signer for this namespace"
