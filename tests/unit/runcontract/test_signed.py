"""Words signed elsewhere: what a good signature is taken for, every way in which one is not good, and what that does to a decision."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import contracts as c
from contract_signing import ADA, DEPLOY, SAID, Keys, text, wrapped
from correctless.runcontract.act import permits
from correctless.runcontract.judge.authorize import authorize
from correctless.runcontract.ledger import signed, store
from correctless.runcontract.ledger.actions import Action
from correctless.runcontract.ledger.case import ALLOW, ESCALATE, CaseFacts
from correctless.runcontract.ledger.records import (
    AskAnswer,
    EscalationAnswer,
    EscalationRecord,
    Reaffirm,
    Record,
    Revoke,
    Surfaced,
)
from correctless.runcontract.ledger.signed import KINDS
from correctless.runcontract.ledger.state import fold
from correctless.runcontract.ledger.store import ContractFiles, ContractSnapshot

NO_SIGNATURE = "no good signature"
OLD = json.dumps({"run": "r1", **SAID["answer"], "by": ADA})  # as it was signed when there was no other kind


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    home = tmp_path / "home"
    home.mkdir()
    return Keys.made(tmp_path, home)


@pytest.mark.parametrize("kind", KINDS)
def test_a_good_signature_is_a_word_of_its_kind(kind: str, keys: Keys) -> None:
    found = keys.good(text(kind))
    assert (type(found), found.by, found.channel, found.signers) == (
        KINDS[kind],
        ADA,
        "signed",
        keys.signers,
    )
    assert {name: getattr(found, name) for name in SAID[kind]} == SAID[kind]
    assert signed.refuted(found, str(keys.home), "r1") == ""


def test_a_text_that_names_no_kind_is_an_answer(keys: Keys) -> None:
    found = keys.good(OLD)
    assert isinstance(found, AskAnswer)
    narrowed = keys.good(text(scope=["411", "412"], excluded=["415"], note="n"))
    assert isinstance(narrowed, AskAnswer)
    assert (narrowed.scope, narrowed.excluded, narrowed.note) == (("411", "412"), ("415",), "n")


def test_a_signed_re_affirmation_is_named_by_its_text(keys: Keys) -> None:
    said = text("reaffirm")
    found = keys.good(said)
    assert isinstance(found, Reaffirm)
    assert found.id == hashlib.sha256(said.encode()).hexdigest()[:16]


BAD_SIGNATURES: dict[str, tuple[Callable[[Keys, str], bytes], str]] = {
    "wrong key": (lambda k, t: k.sign(t, key="eve"), NO_SIGNATURE),
    "namespace file": (lambda k, t: k.sign(t, namespace="file"), NO_SIGNATURE),
    "namespace git": (lambda k, t: k.sign(t, namespace="git"), NO_SIGNATURE),
    "another text": (lambda k, t: k.sign(t + " "), NO_SIGNATURE),
    "another person": (lambda k, t: k.sign(t.replace("ada@", "eve@")), NO_SIGNATURE),
    "cut off": (lambda k, t: k.sign(t)[:-40] + b"\n-----END SSH SIGNATURE-----\n", NO_SIGNATURE),
    "empty": (lambda k, t: b"", NO_SIGNATURE),
    "forged": (
        lambda k, t: b"-----BEGIN SSH SIGNATURE-----\nforged\n-----END SSH SIGNATURE-----\n",
        NO_SIGNATURE,
    ),
    "huge": (lambda k, t: b"x" * 100_000, "too long"),
}


@pytest.mark.parametrize("bad", BAD_SIGNATURES)
@pytest.mark.parametrize("kind", KINDS)
def test_another_signature_is_none(kind: str, bad: str, keys: Keys) -> None:
    sign, why = BAD_SIGNATURES[bad]
    said = text(kind)
    found = keys.word(said, sign(keys, said))
    assert isinstance(found, str)
    assert why in found


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (text(by="eve@example.invalid"), NO_SIGNATURE),
        (text(by="a\0b"), "not a valid statement"),
        (text(by="a\ud800b"), "not a valid statement"),
        (text(answer="maybe"), "none of granted, refused"),
        (text(status="x"), "an unknown key 'status'"),
        (text(scope="*"), "'scope'"),
        (text(record="pin"), "'record' is none of"),
        (text(record="close"), "'record' is none of"),
        (text(record=["answer"]), "'record' is none of"),
        (OLD.replace('"grant"', '"record": null, "grant"'), "'record' is none of"),
        (text("waiver").replace('"record": "waiver", ', ""), "an unknown key"),  # read as an answer
        ("[]", "not a JSON object"),
        ("{", "not JSON"),
        ("", "not JSON"),
        ("\ufeff" + text(), "not JSON"),
        (text("waiver", base_run=True), "'base_run'"),
        (text("waiver", base_run="3"), "'base_run'"),
        (text("waiver", base_run=3.0), "'base_run'"),
        (text("reaffirm", id="0" * 16), "an unknown key 'id'"),
        (text("reaffirm", action="deploy.prod"), "'action'"),
        (text("reaffirm", action={**DEPLOY, "only": "at night"}), "an unknown key 'only'"),
        (text("reaffirm", action={"target": "deploy.prod"}), "'kind'"),
        (text("reaffirm", expires="2026-08-03T10:30:00"), "not a time with a zone"),
        (text("reaffirm", expires=1), "not a time with a zone"),
    ],
)
def test_another_text_is_no_word_though_it_is_signed(said: str, why: str, keys: Keys) -> None:
    found = keys.word(said)
    assert isinstance(found, str)
    assert why in found


@pytest.mark.parametrize("kind", KINDS)
def test_each_key_of_a_text_is_needed_once_and_of_its_type(kind: str, keys: Keys) -> None:
    said = text(kind)
    signature = keys.sign(said)  # never reached: the text is judged before
    for key in ("run", *SAID[kind], "by"):
        missing = keys.word(text(kind, **{key: None}), signature)
        assert isinstance(missing, str)
        assert key in missing
        twice = keys.word(said.replace(f'"{key}":', f'"{key}": "x", "{key}":', 1), signature)
        assert isinstance(twice, str)
        assert "duplicate key" in twice
        typed = keys.word(text(kind, **{key: [1]}), signature)
        assert isinstance(typed, str)
        assert NO_SIGNATURE not in typed
    for key in ("channel", "signed", "signature", "signers", "seq", "at"):
        more = keys.word(text(kind, **{key: "signed"}), signature)
        assert isinstance(more, str)
        assert f"unknown key '{key}'" in more
    other = keys.word(text(kind, run="r2"))
    assert isinstance(other, str)
    assert "signed for the run 'r2'" in other
    for digest in ("", "0" * 63, c.DIGEST.upper(), c.DIGEST + "\n") if "digest" in SAID[kind] else ():
        assert isinstance(keys.word(text(kind, digest=digest), signature), str)


@pytest.mark.parametrize("kind", KINDS)
def test_a_record_that_says_something_else_than_was_signed_is_refuted(kind: str, keys: Keys) -> None:
    found = keys.good(text(kind))
    others = {str: "x", int: 4, tuple: ("x",), dict: {"kind": "other", "target": "deploy.stage"}}
    for field in fields(found):
        before = getattr(found, field.name)
        changed: Any = {field.name: others[type(before)]}
        assert signed.refuted(replace(found, **changed), str(keys.home), "r1"), field.name
        if isinstance(before, str):
            for hostile in ("a\0b", "\ud800"):
                changed = {field.name: hostile}
                assert signed.refuted(replace(found, **changed), str(keys.home), "r1"), field.name


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
    assert "not a regular file" in signed.untrusted("/dev/null", home)


def test_a_list_of_signers_is_out_of_reach_only_of_a_user_who_owns_nothing_on_the_way_to_it(
    keys: Keys,
) -> None:
    path = Path(keys.signers)
    if os.getuid() == 0:
        os.chown(path, 4321, -1)  # given away: to root everything is in reach
    owner = path.stat().st_uid
    path.chmod(0o444)
    assert signed.out_of_reach(keys.signers, owner + 1)
    assert not signed.out_of_reach(keys.signers, owner)  # who can make it writable
    assert not signed.out_of_reach(keys.signers, 0)
    assert not signed.out_of_reach(str(keys.folder / "none"), owner + 1)
    for reachable, mode in ((path, 0o446), (path, 0o1464), (keys.folder, 0o757)):
        before = reachable.stat().st_mode
        reachable.chmod(mode)
        assert not signed.out_of_reach(keys.signers, owner + 1)
        reachable.chmod(before)
    assert signed.out_of_reach(keys.signers, owner + 1)


# On the ledger: what `keeping` finds, and what it does to a decision.


class Desk:
    """A pinned contract in a repository, and records put on its ledger by whoever can write there."""

    def __init__(self, keys: Keys, text: str = c.TEXT, answers: Sequence[Record] = ()) -> None:
        self.place: ContractFiles = store.files_of(str(keys.home), "r1")
        self.env = {"HOME": str(keys.folder)}
        self.at = c.START
        Path(self.place.contract).parent.mkdir(parents=True)
        Path(self.place.contract).write_text(text)
        of = c.digest(text)
        said = answers or [c.yes(g, of=of) for g in ("G1", "G2", "G3", "G4")]
        self.put([Surfaced(of), *said, c.pin(of), c.REVIEWED])
        store.pin_file(self.place, text.encode())

    def put(self, records: Sequence[Record]) -> None:
        self.at += timedelta(seconds=1)
        store.add(self.load(self.at), records, self.env, self.at)

    def load(self, now: Any = c.NOW) -> ContractSnapshot:
        return store.load(self.place, self.env, now)

    def verdict(self, action: Action = c.MERGE, facts: CaseFacts | None = None) -> tuple[str, list[str]]:
        kept = self.load()
        found = authorize(kept.case, action, facts or c.facts(), c.NOW)
        return found.verdict, [clause.code for clause in found.clauses]


@pytest.fixture
def at_desk(scratch_repo: Path, tmp_path: Path) -> Keys:
    folder = tmp_path / "keys"
    folder.mkdir()
    return Keys.made(folder, scratch_repo)


@pytest.fixture
def desk(at_desk: Keys) -> Desk:
    return Desk(at_desk)


FORGED: dict[str, Callable[[Keys, Any], Any]] = {
    "wrong key": lambda k, w: replace(w, signature=k.sign(w.signed, key="eve").decode()),
    "wrong namespace": lambda k, w: replace(w, signature=k.sign(w.signed, namespace="file").decode()),
    "altered text": lambda k, w: replace(w, signed=w.signed + " "),
    "no text": lambda k, w: replace(w, signed=""),
    "no signature": lambda k, w: replace(w, signature=""),
    "by another": lambda k, w: replace(w, by="Eve"),
    "signers in the repository": lambda k, w: replace(w, signers=inside(k)),
}


def inside(keys: Keys) -> str:
    path = keys.home / ".correctless" / "allowed_signers"
    path.write_text(Path(keys.signers).read_text())
    return str(path)


@pytest.mark.parametrize("how", FORGED)
@pytest.mark.parametrize("kind", KINDS)
def test_a_forged_record_in_the_ledger_allows_nothing(kind: str, how: str, desk: Desk, at_desk: Keys) -> None:
    assert desk.verdict() == (ALLOW, [])
    desk.put([FORGED[how](at_desk, at_desk.good(text(kind)))])
    assert desk.verdict() == (ESCALATE, ["signature"])
    assert desk.verdict(c.SPAWN) == (ESCALATE, ["signature"])


@pytest.mark.parametrize("kind", KINDS)
def test_a_word_of_another_run_on_the_ledger_allows_nothing(kind: str, desk: Desk, at_desk: Keys) -> None:
    desk.put([at_desk.good(text(kind, run="r2"), run="r2")])
    assert desk.verdict() == (ESCALATE, ["signature"])


@pytest.mark.parametrize("again", ["the same", "re-wrapped", "signed anew"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_text_that_is_on_record_twice_allows_nothing(
    kind: str, again: str, desk: Desk, at_desk: Keys
) -> None:
    said = text(kind)
    signature = at_desk.sign(said, key="ada2")
    first = at_desk.good(said, signature)
    second = {
        "the same": lambda: first,
        "re-wrapped": lambda: at_desk.good(said, wrapped(signature, 40)),
        "signed anew": lambda: at_desk.good(said, at_desk.sign(said, key="ada2")),
    }[again]()
    assert (again == "the same") == (first.signature == second.signature)
    desk.put([first])
    assert desk.load().case.faults == ()
    desk.put([second])
    found = desk.load().case.faults
    assert [clause.code for clause in found] == ["signature"]
    assert "replayed" in found[0].found
    assert desk.verdict(c.SPAWN) == (ESCALATE, ["signature"])


def test_a_bad_signature_keeps_no_bad_flip_in_place_unless_it_is_of_an_answer(
    desk: Desk, at_desk: Keys
) -> None:
    desk.put([*c.FLIPPED, c.FIRED])
    for kind in ("waiver", "settled", "reaffirm"):
        desk.put([FORGED["wrong key"](at_desk, at_desk.good(text(kind)))])
    assert desk.verdict() == (ESCALATE, ["signature"] * 3)
    assert desk.verdict(c.ROLLBACK) == (ALLOW, [])
    desk.put([FORGED["wrong key"](at_desk, at_desk.good(text(grant="G3")))])
    assert desk.verdict(c.ROLLBACK) == (ESCALATE, ["signature"])
    assert desk.verdict(c.ORDERED) == (ALLOW, [])


@pytest.mark.parametrize("kind", KINDS)
def test_what_no_program_can_be_given_is_a_fault_and_no_error(kind: str, desk: Desk, at_desk: Keys) -> None:
    found: Any = at_desk.good(text(kind))
    desk.put([replace(found, signers="/a\0b"), replace(found, signed=text(kind, by="a\0b"), by="a\0b")])
    assert desk.verdict() == (ESCALATE, ["signature", "signature"])


def test_a_signed_re_affirmation_is_good_once_however_it_comes_back(desk: Desk, at_desk: Keys) -> None:
    deploy = Action("other", "deploy.prod")
    found = at_desk.good(text("reaffirm"))
    assert isinstance(found, Reaffirm)
    desk.put([found])
    assert desk.verdict(deploy) == (ALLOW, [])
    desk.put([c.permit(deploy, "", reaffirmed=(found.id,))])
    assert desk.verdict(deploy) == ("deny", ["constraint.C1"])
    desk.put([replace(found, channel="terminal", signed="", signature="", signers="")])
    assert desk.verdict(deploy) == ("deny", ["constraint.C1"])
    desk.put([found])
    assert desk.verdict(deploy) == (ESCALATE, ["signature"])


def test_a_signed_answer_to_an_escalation_ends_the_freeze_under_its_own_bytes_alone(
    desk: Desk, at_desk: Keys
) -> None:
    desk.put([EscalationRecord("E1-1", "E1", "x", "b", ("t",), "which?", "this", ("merge",))])
    desk.put([at_desk.good(text("settled", digest="0" * 64))])
    assert desk.verdict() == (ESCALATE, ["frozen.E1"])
    desk.put([at_desk.good(text("settled"))])
    assert desk.verdict() == (ALLOW, [])


def test_a_signed_revocation_ends_what_it_names(desk: Desk, at_desk: Keys) -> None:
    desk.put([at_desk.good(text("revoke", note="enough"))])
    assert desk.verdict() == (ESCALATE, ["answer.revoked"])
    desk.put([at_desk.good(text("revoke", grant="*"))])
    assert desk.verdict() == ("deny", ["state"])


def test_a_signed_waiver_lets_exactly_its_check_be_red(at_desk: Keys) -> None:
    free = c.edited(("serialize_on_green_base = true", "serialize_on_green_base = false"))
    desk = Desk(at_desk, free)
    facts = CaseFacts(c.red())
    assert desk.verdict(facts=facts) == ("deny", ["merge.check"])
    desk.put([at_desk.good(text("waiver", digest=c.digest(free), head="f" * 40))])
    assert desk.verdict(facts=facts) == ("deny", ["merge.check"])
    desk.put([at_desk.good(text("waiver", digest=c.digest(free)))])
    assert desk.verdict(facts=facts) == (ALLOW, [])


def test_the_assurance_is_that_of_the_weakest_word_in_force(at_desk: Keys) -> None:
    signed_ = "signed, by a key list this user can change"
    answers = [at_desk.good(text(grant=grant)) for grant in ("G1", "G2", "G3", "G4")]
    desk = Desk(at_desk, answers=answers)
    assert store.assurance(desk.load()) == signed_
    desk.put([at_desk.good(text(kind)) for kind in ("waiver", "reaffirm")])
    assert store.assurance(desk.load()) == signed_

    def with_(*more: Record) -> str:
        log = (*desk.load().log, *c.log(more, desk.at))
        kept = desk.load()
        state = fold(log, kept.case.current, kept.case.pinned, c.NOW)
        return store.assurance(replace(kept, case=replace(kept.case, state=state)))

    asked = EscalationRecord("E1-1", "E1", "x", "b", ("t",), "which?", "this", ("merge",))
    deploy = Action("other", "deploy.stage")
    assert with_(c.yes("G1")) == "terminal"
    assert with_(c.no("G1")) == signed_
    assert with_(Revoke("G1", "Ada", "terminal")) == signed_
    assert with_(c.yes("G1", of="0" * 64)) == signed_
    assert with_(c.waiver()) == "terminal"
    assert with_(replace(c.waiver(), digest="0" * 64)) == signed_
    assert with_(c.reaffirm("C1", deploy)) == "terminal"
    assert with_(c.reaffirm("C1", deploy), c.permit(deploy, "", reaffirmed=("r1",))) == signed_
    assert with_(c.reaffirm("C1", deploy, until=c.NOW)) == signed_
    assert with_(asked, EscalationAnswer("E1-1", "go on", "Ada", "terminal")) == "terminal"
    assert with_(EscalationAnswer("E1-1", "go on", "Ada", "terminal")) == signed_
    # What is in force counts, and not what was said last.
    assert with_(c.yes("G1"), at_desk.good(text(digest="0" * 64))) == "terminal"


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file with one line for each call of ssh-keygen by the code under test; the real program does the work."""
    calls, program = tmp_path / "calls", tmp_path / "bin" / "ssh-keygen"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\necho x >> {shlex.quote(str(calls))}\nexec {shutil.which("ssh-keygen")} "$@"\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    return calls


def test_an_authorised_action_asks_about_each_signature_once(asked: Path, at_desk: Keys) -> None:
    desk = Desk(at_desk, answers=[at_desk.good(text(grant=grant)) for grant in ("G1", "G2", "G3", "G4")])
    asked.write_text("")
    signed._verified.clear()
    given: dict[str, Any] = {"env": desk.env, "clock": lambda: c.NOW}
    decided = permits.ask(desk.place, c.MERGE, c.facts(), token=lambda: "p1", keep=True, **given)
    assert decided.verdict == ALLOW, decided
    assert permits.use(desk.place, "p1", c.MERGE, decided.bound, snapshot=decided.snapshot, **given) == ()
    assert permits.use(desk.place, "p1", c.MERGE, decided.bound, **given)[0].code == "permit.used"
    assert asked.read_text().count("x") == 4


def test_a_signature_is_held_against_the_list_of_signers_as_it_is_now(desk: Desk, at_desk: Keys) -> None:
    desk.put([at_desk.good(text())])
    assert desk.verdict() == (ALLOW, [])
    before = Path(at_desk.signers).read_text()
    Path(at_desk.signers).write_text(f"eve@example.invalid {(at_desk.folder / 'eve.pub').read_text()}")
    assert desk.verdict() == (ESCALATE, ["signature"])
    Path(at_desk.signers).write_text(before)
    assert desk.verdict() == (ALLOW, [])
    Path(at_desk.signers).unlink()
    assert desk.verdict() == (ESCALATE, ["signature"])


@pytest.mark.parametrize("limit", ['valid-before="29990101"', 'VALID-BEFORE="29990101"'])
def test_a_signature_whose_key_is_allowed_for_a_time_is_asked_about_each_time(
    limit: str, asked: Path, desk: Desk, at_desk: Keys
) -> None:
    key = (at_desk.folder / "ada.pub").read_text()
    Path(at_desk.signers).write_text(f"{ADA} {limit} {key}")
    desk.put([at_desk.good(text())])
    asked.write_text("")
    for calls in (1, 2):
        assert desk.verdict() == (ALLOW, [])
        assert asked.read_text().count("x") == calls
