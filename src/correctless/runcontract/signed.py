"""An answer that a person signed elsewhere: its text and signature in, the record it makes out, or why it is none.

The text is one JSON object. It is signed with `ssh-keygen -Y sign -n correctless-contract -f KEY FILE`, and checked against a
file of allowed signers that lies outside the repository.
"""

from __future__ import annotations

import os
import stat
import subprocess

from correctless.record import RecordError, read, strict_json
from correctless.runcontract.records import ALL, Answer
from correctless.values import frozen

NAMESPACE = "correctless-contract"
_SECONDS = 20.0
_MOST = 1 << 16  # bytes of an answer or of a signature
# Wherever the system's own file is, it is the one that counts: who works as a user can't write it.
SYSTEM = "/etc/correctless/allowed_signers"


@frozen
class Text:
    """What is signed: which run, which bytes, which ask, what answer."""

    run: str
    digest: str
    grant: str
    answer: str
    by: str  # the principal in the file of allowed signers
    scope: tuple[str, ...] = (ALL,)
    excluded: tuple[str, ...] = ()
    note: str = ""


def answer(text: bytes, signature: bytes, signers: str, *, home: str, run: str) -> Answer | str:
    """The record of a signed answer, or one line that says why it is none."""
    if len(text) > _MOST or len(signature) > _MOST:
        return "it is too long for an answer"
    try:
        said = _text(text.decode())
    except (RecordError, UnicodeDecodeError) as error:
        return f"the text is no answer: {error}"
    record = Answer(
        said.digest, said.grant, said.answer, said.by, "signed", said.scope, said.excluded, said.note,
        text.decode(), signature.decode("ascii", "replace"), os.path.realpath(signers),
    )  # fmt: skip
    return refuted(record, home, run) or record


def refuted(record: Answer, home: str, run: str) -> str:
    """Why a record with the channel `signed` is not what its signer signed; "" when it is."""
    try:
        said = _text(record.signed)
    except RecordError as error:
        return f"its text is no answer: {error}"
    same = (said.digest, said.grant, said.answer, said.by, said.scope, said.excluded, said.note) == (
        record.digest, record.grant, record.answer, record.by, record.scope, record.excluded, record.note,
    )  # fmt: skip
    if not same:
        return "the record says something else than the text that was signed"
    if said.run != run:
        return f"it was signed for the run '{said.run}'"
    return untrusted(record.signers, home) or _verify(record)


def untrusted(signers: str, home: str) -> str:
    """Why a file of allowed signers is not believed; "" for one that is."""
    real = os.path.realpath(signers)
    if os.path.exists(SYSTEM) and real != os.path.realpath(SYSTEM):
        return f"allowed signers are those in {SYSTEM} here, and no others"
    if os.path.commonpath([real, os.path.realpath(home)]) == os.path.realpath(home):
        return "the file of allowed signers lies inside the repository"
    try:
        found = os.stat(real)
    except OSError as error:
        return f"the file of allowed signers can't be read: {error.strerror}"
    if not stat.S_ISREG(found.st_mode):
        return "the file of allowed signers is no regular file"
    if found.st_mode & 0o022:
        return "the file of allowed signers can be written by others than its owner"
    return ""


def out_of_reach(signers: str) -> bool:
    """Whether this user, and so an agent of theirs, can't change who is allowed to sign."""
    return not os.access(signers, os.W_OK) and not os.access(os.path.dirname(signers) or "/", os.W_OK)


def _text(text: str) -> Text:
    values = strict_json(text, max_size=_MOST, pairs=_once)
    if not isinstance(values, dict):
        raise RecordError("it is no JSON object")
    known = {"run", "digest", "grant", "answer", "by", "scope", "excluded", "note"}
    if unknown := values.keys() - known:
        raise RecordError(f"an unknown key '{min(unknown)}'")
    said = read(Text, values)
    if said.answer not in ("granted", "refused"):
        raise RecordError("'answer' is neither granted nor refused")
    return said


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise RecordError("a key stands twice")
    return found


def _verify(record: Answer) -> str:
    import tempfile  # where nothing was signed, nobody waits for it

    with tempfile.TemporaryDirectory(prefix="correctless-") as folder:
        signature = os.path.join(folder, "sig")
        with open(signature, "w", encoding="utf-8") as file:
            file.write(record.signature)
        words = [
            "ssh-keygen",
            "-Y",
            "verify",
            "-f",
            record.signers,
            "-I",
            record.by,
            "-n",
            NAMESPACE,
            "-s",
            signature,
        ]
        try:
            done = subprocess.run(
                words,
                input=record.signed.encode(),
                capture_output=True,
                timeout=_SECONDS,
                check=False,
                env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"},
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"ssh-keygen could not check it: {error}"
    return (
        ""
        if done.returncode == 0
        else "ssh-keygen finds no good signature of an allowed signer for this namespace"
    )
