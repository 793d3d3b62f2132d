"""Keys made by the real ssh-keygen, and texts of each kind of word a person may sign, for tests."""

from __future__ import annotations

import base64
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import contracts as c
from correctless.runcontract.ledger import signed
from correctless.runcontract.ledger.records import Statement
from correctless.runcontract.ledger.signed import NAMESPACE

ADA = "ada@example.invalid"
DEPLOY = {"kind": "other", "target": "deploy.prod"}
# What each kind says besides whose word it is and for which run.
SAID: dict[str, dict[str, Any]] = {
    "answer": {"digest": c.DIGEST, "grant": "G1", "answer": "granted"},
    "revoke": {"grant": "G1"},
    "settled": {"digest": c.DIGEST, "escalation": "E1-1", "answer": "go on"},
    "reaffirm": {
        "digest": c.DIGEST,
        "constraint": "C1",
        "action": DEPLOY,
        "expires": "2026-08-03T10:30:00Z",
    },
    "waiver": {"digest": c.DIGEST, "check": "tests", "head": c.HEAD, "base_run": 3},
}


def text(kind: str = "answer", **changes: Any) -> str:
    """What a person signs; a change to None leaves a key out."""
    said = {"record": kind, "run": "r1", **SAID[kind], "by": ADA, **changes}
    return json.dumps({key: value for key, value in said.items() if value is not None})


def wrapped(signature: bytes, width: int) -> bytes:
    """The same signature in other bytes: what wraps its armor is no part of it."""
    first, *body, last = signature.decode().strip().split("\n")
    data = base64.b64encode(base64.b64decode("".join(body))).decode()
    return "\n".join([first, *(data[i : i + width] for i in range(0, len(data), width)), last, ""]).encode()


@dataclass(frozen=True)
class Keys:
    """Keys of ada, who is an allowed signer, and of eve, who isn't; and the home of a repository.

    ada2 is of a kind that signs differently each time.
    """

    folder: Path
    home: Path

    @classmethod
    def made(cls, folder: Path, home: Path) -> Keys:
        for name, type_ in (("ada", "ed25519"), ("ada2", "ecdsa"), ("eve", "ed25519")):
            subprocess.run(
                ["ssh-keygen", "-q", "-t", type_, "-N", "", "-C", name, "-f", str(folder / name)],
                check=True,
            )
        allowed = [f"{ADA} {(folder / f'{name}.pub').read_text()}" for name in ("ada", "ada2")]
        (folder / "allowed_signers").write_text("".join(allowed))
        return cls(folder, home)

    @property
    def signers(self) -> str:
        return str(self.folder / "allowed_signers")

    def sign(self, said: str, key: str = "ada", namespace: str = NAMESPACE) -> bytes:
        return self.file("unnamed.json", said, key, namespace).with_name("unnamed.json.sig").read_bytes()

    def file(self, name: str, said: str, key: str = "ada", namespace: str = NAMESPACE) -> Path:
        """A file with this text, its signature beside it."""
        path = self.folder / name
        path.write_text(said)
        path.with_name(f"{name}.sig").unlink(missing_ok=True)
        subprocess.run(
            ["ssh-keygen", "-q", "-Y", "sign", "-n", namespace, "-f", str(self.folder / key), str(path)], check=True, capture_output=True
        )  # fmt: skip
        return path

    def word(self, said: str, signature: bytes | None = None, run: str = "r1") -> Statement | str:
        given = self.sign(said) if signature is None else signature
        return signed.statement(said.encode(), given, self.signers, home=str(self.home), run=run)

    def good(self, said: str, signature: bytes | None = None, run: str = "r1") -> Statement:
        found = self.word(said, signature, run)
        assert not isinstance(found, str), found
        return found
