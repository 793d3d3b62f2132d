"""Answers signed elsewhere: what a good signature is taken for, and every way in which one is not good."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

import contracts as c
from correctless.runcontract import keeping, signed
from correctless.runcontract.answers import answers
from correctless.runcontract.records import Answer, Pin, Surfaced
from correctless.runcontract.signed import NAMESPACE

NO_SIGNATURE = "no good signature"


@dataclass(frozen=True)
class Keys:
    """Two keys, of which the first is an allowed signer's."""

    folder: Path
    home: Path

    @property
    def signers(self) -> str:
        return str(self.folder / "allowed_signers")

    def sign(self, text: str, key: str = "ada", namespace: str = NAMESPACE) -> bytes:
        path = self.folder / "answer.json"
        path.write_text(text)
        (self.folder / "answer.json.sig").unlink(missing_ok=True)
        subprocess.run(
            ["ssh-keygen", "-q", "-Y", "sign", "-n", namespace, "-f", str(self.folder / key), str(path)], check=True, capture_output=True
        )  # fmt: skip
        return (self.folder / "answer.json.sig").read_bytes()

    def answer(self, text: str, signature: bytes) -> Answer | str:
        return signed.answer(text.encode(), signature, self.signers, home=str(self.home), run="r1")


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    for name in ("ada", "eve"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(tmp_path / name)],
            check=True,
        )
    (tmp_path / "allowed_signers").write_text(f"ada@example.invalid {(tmp_path / 'ada.pub').read_text()}")
    home = tmp_path / "home"
    home.mkdir()
    return Keys(tmp_path, home)


def text(**changes: Any) -> str:
    return json.dumps(
        {
            "run": "r1",
            "digest": c.DIGEST,
            "grant": "G1",
            "answer": "granted",
            "by": "ada@example.invalid",
            **changes,
        }
    )


def test_a_good_signature_is_an_answer(keys: Keys) -> None:
    said = text(scope=["411", "412"], excluded=["415"])
    found = keys.answer(said, keys.sign(said))
    assert isinstance(found, Answer)
    assert (found.by, found.channel, found.scope, found.excluded) == (
        "ada@example.invalid",
        "signed",
        ("411", "412"),
        ("415",),
    )
    granted = answers(c.log([Surfaced(c.DIGEST), found]), c.DIGEST, c.version(c.TEXT).contract).granted
    assert granted["G1"].names("412")
    assert signed.refuted(found, str(keys.home), "r1") == ""


@pytest.mark.parametrize(
    ("sign", "why"),
    [
        (lambda k, t: k.sign(t, key="eve"), NO_SIGNATURE),
        (lambda k, t: k.sign(t, namespace="file"), NO_SIGNATURE),
        (lambda k, t: k.sign(t, namespace="git"), NO_SIGNATURE),
        (lambda k, t: k.sign(t + " "), NO_SIGNATURE),
        (lambda k, t: k.sign(t.replace("G1", "G2")), NO_SIGNATURE),
        (lambda k, t: k.sign(t)[:-40] + b"\n-----END SSH SIGNATURE-----\n", NO_SIGNATURE),
        (lambda k, t: b"", NO_SIGNATURE),
        (lambda k, t: b"-----BEGIN SSH SIGNATURE-----\nforged\n-----END SSH SIGNATURE-----\n", NO_SIGNATURE),
        (lambda k, t: b"x" * 100_000, "too long"),
    ],
    ids=["wrong key", "namespace file", "namespace git", "another text", "another ask", "cut off", "empty", "forged", "huge"],
)  # fmt: skip
def test_another_signature_is_none(sign: Callable[[Keys, str], bytes], why: str, keys: Keys) -> None:
    said = text()
    found = keys.answer(said, sign(keys, said))
    assert isinstance(found, str)
    assert why in found


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (text(by="eve@example.invalid"), NO_SIGNATURE),
        (text(run="r2"), "signed for the run 'r2'"),
        (text(answer="maybe"), "neither granted nor refused"),
        (text(status="x"), "an unknown key 'status'"),
        (text(scope="*"), "'scope'"),
        ("[]", "no JSON object"),
        ("{", "no answer"),
        ('{"grant": "G2", "grant": "G1"}', "stands twice"),
        (text().replace('"by"', '"By"'), "unknown key 'By'"),
        ("", "no answer"),
    ],
)
def test_another_text_is_no_answer_though_it_is_signed(said: str, why: str, keys: Keys) -> None:
    found = keys.answer(said, keys.sign(said))
    assert isinstance(found, str)
    assert why in found


@pytest.mark.parametrize(
    "change",
    [{"grant": "G5"}, {"digest": "0" * 64}, {"answer": "refused"}, {"scope": ("*", "1")}, {"excluded": ("412",)}, {"by": "eve"}, {"signed": text(grant="G5")}, {"signature": "x"}, {"signers": "/dev/null"}],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_a_record_that_says_something_else_than_was_signed_is_refuted(
    change: dict[str, Any], keys: Keys
) -> None:
    found = keys.answer(text(), keys.sign(text()))
    assert isinstance(found, Answer)
    assert signed.refuted(replace(found, **change), str(keys.home), "r1")


def test_a_list_of_signers_is_believed_only_outside_the_repository_and_of_its_owner_alone(keys: Keys) -> None:
    home = str(keys.home)
    assert signed.untrusted(keys.signers, home) == ""
    (keys.home / "signers").write_text("x")
    assert "inside the repository" in signed.untrusted(str(keys.home / "signers"), home)
    link = keys.folder / "link"
    link.symlink_to(keys.home / "signers")
    assert "inside the repository" in signed.untrusted(str(link), home)
    Path(keys.signers).chmod(0o666)
    assert "by others" in signed.untrusted(keys.signers, home)
    assert "can't be read" in signed.untrusted(str(keys.folder / "none"), home)
    assert "no regular file" in signed.untrusted("/dev/null", home)


def test_a_forged_record_in_the_ledger_allows_nothing(keys: Keys, scratch_repo: Path) -> None:
    place = keeping.place(str(scratch_repo), "r1")
    Path(place.contract).parent.mkdir(parents=True)
    Path(place.contract).write_text(c.TEXT)
    found = keys.answer(text(), keys.sign(text()))
    assert isinstance(found, Answer)
    env = {"HOME": str(keys.folder)}
    for forged, wanted in ((found, []), (replace(found, scope=("411",)), ["signature"])):
        kept = keeping.load(place, env, c.NOW)
        assert kept.case.faults == ()
        keeping.add(kept, [Surfaced(c.DIGEST), forged, Pin(c.DIGEST, {})], env, c.NOW)
        keeping.pin_file(place, c.TEXT.encode())
        kept = keeping.load(place, env, c.NOW)
        assert [clause.code for clause in kept.case.faults] == wanted
        assert keeping.assurance(kept).startswith("signed")
