"""Words signed elsewhere, by the commands that import them: also inside an agent, each text once, and what they do then."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import contracts as c
import forked
from contract_signing import ADA, SAID, Keys, text, wrapped
from correctless.base import exits
from correctless.base.clock import timestamp, utcnow
from correctless.runcontract.judge.authorize import authorize
from correctless.runcontract.ledger import store
from correctless.runcontract.ledger.case import CaseFacts
from correctless.runcontract.ledger.records import EscalationRecord, Record, Surfaced
from operators import RUN, SPAWN, TEXT, Operator
from places import ROOT

MANUAL = ROOT / "docs" / "run-contract.md"
INSIDE = {"CLAUDECODE": "1", "CORRECTLESS_AGENT": "1"}
FREE = c.edited(("serialize_on_green_base = true", "serialize_on_green_base = false"), text=TEXT)
DIGEST = c.digest(FREE)
VERBS = {
    "answer": "answer",
    "settled": "answer",
    "revoke": "revoke",
    "reaffirm": "reaffirm",
    "waiver": "waive",
}
Git = Callable[..., str]


class Signing(Operator):
    """An active contract, ada's keys, and commands run inside an agent wherever nothing else is said."""

    def __init__(self, keys: Keys, git: Git) -> None:
        super().__init__(keys.home, git, FREE)
        self.keys = keys
        self.signers = keys.signers

    @property
    def place(self) -> store.ContractFiles:
        return store.files_of(str(self.top), RUN)

    def load(self) -> store.ContractSnapshot:
        return store.load(self.place, self.env, utcnow())

    def put(self, records: Sequence[Record]) -> None:
        store.add(self.load(), records, self.env, utcnow())

    def run(
        self, *words: str, env: dict[str, str] | None = None, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """With a file of allowed signers in place of the machine's, which is nothing a test may write to."""
        return forked.run(
            ["contract", *words],
            cwd=cwd or self.top,
            env={**self.env, **(env or {})},
            patched={"runcontract.ledger.signed.SYSTEM": self.signers},
        )

    def text(self, kind: str, **changes: Any) -> str:
        said = {"run": RUN, **changes}
        if kind == "reaffirm":
            said.setdefault("expires", timestamp(utcnow() + timedelta(minutes=30)))
        if "digest" in SAID[kind]:
            said.setdefault("digest", DIGEST)
        if kind == "settled":
            said.setdefault("escalation", self.opened())
        return text(kind, **said)

    def opened(self) -> str:
        """The id of the open escalation, opened now if there is none."""
        self.ask("other", "mail.send")
        return str(self.status()["escalations"][0]["id"])

    def hand_in(self, verb: str, path: Path) -> tuple[int, str]:
        done = self.run(verb, "--signed", str(path), env=INSIDE)
        return done.returncode, done.stdout + done.stderr

    def refused(self, kind: str, path: Path, code: int = exits.PERSON) -> str:
        """What is said of a text that is not taken, and that nothing was put on record."""
        before = self.load().log
        found, said = self.hand_in(VERBS[kind], path)
        assert (found, self.load().log) == (code, before), said
        assert "Traceback" not in said
        return said


@pytest.fixture
def drafted(scratch_repo: Path, git: Git, tmp_path: Path) -> Signing:
    folder = tmp_path / "keys"
    folder.mkdir()
    return Signing(Keys.made(folder, scratch_repo), git)


@pytest.fixture
def op(drafted: Signing) -> Signing:
    said = [drafted.text("answer", grant=grant, note="at first") for grant in ("G1", "G2", "G3", "G4")]
    answers = [drafted.keys.good(each, run=RUN) for each in said]
    drafted.put([Surfaced(DIGEST), *answers, c.pin(DIGEST)])
    store.pin_file(drafted.place, FREE.encode())
    return drafted


def test_a_run_answered_by_signed_texts_alone_allows_what_they_grant(drafted: Signing) -> None:
    op = drafted
    path = op.keys.file("g4.json", op.text("answer", grant="G4", scope=["max_agents=2"]))
    assert "Show it to the operator first" in op.refused("answer", path, exits.REFUSED)
    assert op.run("surface").returncode == 0
    code, said = op.hand_in("answer", path)
    assurance = "(assurance: signed, by a key list this user can change)"
    assert (code, said) == (0, f"G4 is granted by {ADA} {assurance}\n")
    done = op.run("pin")
    assert assurance in done.stdout, done.stderr
    assert op.ask(*SPAWN)["verdict"] == "allow"


def test_a_signed_re_affirmation_is_good_once_and_its_text_is_not_taken_again(op: Signing) -> None:
    path = op.keys.file("again.json", op.text("reaffirm"))
    code, said = op.hand_in("reaffirm", path)
    assert (code, f"other:deploy.prod is re-affirmed by {ADA} (assurance: signed" in said) == (0, True), said
    assert op.status()["assurance"].startswith("signed")
    assert op.ask("other", "deploy.prod")["verdict"] == "allow"
    assert op.codes("other", "deploy.prod") == ("deny", ["constraint.C1"])
    assert "recorded already" in op.refused("reaffirm", path)
    assert op.codes("other", "deploy.prod") == ("deny", ["constraint.C1"])


def test_a_signed_waiver_lets_a_check_be_red_at_its_head(op: Signing) -> None:
    def verdict() -> str:
        now = utcnow()
        return authorize(op.load().case, c.MERGE, CaseFacts(c.red(now)), now).verdict

    op.put([c.REVIEWED])
    assert verdict() == "deny"
    for head, wanted in (("f" * 40, "deny"), (c.HEAD, "allow")):
        code, said = op.hand_in("waive", op.keys.file(f"{head}.json", op.text("waiver", head=head)))
        assert (code, f"tests is waived by {ADA}" in said) == (0, True), said
        assert verdict() == wanted


def test_a_signed_answer_to_an_escalation_ends_its_freeze(op: Signing) -> None:
    said = op.text("settled")
    assert len(op.status()["escalations"]) == 1
    code, shown = op.hand_in("answer", op.keys.file("s.json", said))
    assert (code, f"is answered by {ADA}" in shown) == (0, True), shown
    assert op.status()["escalations"] == []


def test_a_signed_revocation_takes_one_answer_back_or_all(op: Signing) -> None:
    code, said = op.hand_in("revoke", op.keys.file("g4.json", op.text("revoke", grant="G4")))
    assert (code, f"G4 is revoked by {ADA}" in said) == (0, True), said
    assert op.codes(*SPAWN) == ("escalate", ["answer.revoked"])
    assert (op.folder / "pinned.md").exists()
    code, said = op.hand_in("revoke", op.keys.file("all.json", op.text("revoke", grant="*")))
    assert (code, f"everything is revoked by {ADA}" in said) == (0, True), said
    assert op.status()["state"] == "void"
    assert not (op.folder / "pinned.md").exists()


@pytest.mark.parametrize("kind", SAID)
def test_a_text_that_is_not_what_it_should_be_is_not_taken(kind: str, op: Signing) -> None:
    said = op.text(kind)
    keys = op.keys
    name = f"{kind}.json"
    assert "no good signature" in op.refused(kind, keys.file(name, said, key="eve"))
    assert "no good signature" in op.refused(kind, keys.file(name, said, namespace="file"))
    path = keys.file(name, said)
    path.write_text(said + " ")
    assert "no good signature" in op.refused(kind, path)
    path.with_name(f"{name}.sig").unlink()
    assert "cannot be read" in op.refused(kind, path, exits.REFUSED)
    assert "signed for the run 'r2'" in op.refused(kind, keys.file(name, op.text(kind, run="r2")))
    if "digest" in SAID[kind]:
        other = op.refused(kind, keys.file(name, op.text(kind, digest="0" * 64)))
        assert "for other bytes" in other
    path = keys.file(name, said)
    for verb in {*VERBS.values()} - {VERBS[kind]}:
        code, shown = op.hand_in(verb, path)
        assert (code, f"correctless contract {VERBS[kind]} --signed" in shown) == (exits.USAGE, True)
    op.signers = "/nonesuch"
    mine = Path(keys.folder / "mine")
    mine.write_text(f"{ADA} {(keys.folder / 'eve.pub').read_text()}")
    forged = keys.file(name, said, key="eve")
    code, shown = op.terminal(VERBS[kind], "--signed", str(forged), "--signers", str(mine), env=INSIDE)
    assert (code, "inside an agent" in shown or "tool call" in shown) == (exits.REFUSED, True), shown
    # And a person may name a list of their own.
    code, shown = op.terminal(VERBS[kind], "--signed", str(keys.file(name, said)), "--signers", keys.signers)
    assert code == 0, shown


@pytest.mark.parametrize("kind", SAID)
def test_a_text_is_taken_once_however_its_signature_is_wrapped(kind: str, op: Signing) -> None:
    said = op.text(kind)
    path = op.keys.file("once.json", said, key="ada2")
    code, shown = op.hand_in(VERBS[kind], path)
    assert code == 0, shown
    if kind == "settled":  # open once more, so that it would be an answer to something
        op.put([next(i.record for i in op.load().log if isinstance(i.record, EscalationRecord))])
    signature = path.with_name("once.json.sig")
    first = signature.read_bytes()
    assert "recorded already" in op.refused(kind, path)
    signature.write_bytes(wrapped(first, 33))
    assert "recorded already" in op.refused(kind, path)
    op.keys.file("once.json", said, key="ada2")
    assert signature.read_bytes() != first
    assert "recorded already" in op.refused(kind, path)


UNFIT: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("answer", {"grant": "G9"}, "unknown ask 'G9'"),
    ("answer", {"scope": ["411", "999"]}, "wider than its ask"),
    ("revoke", {"grant": "G9"}, "unknown ask 'G9'"),
    ("settled", {"escalation": "E1-9"}, "no open escalation 'E1-9'"),
    ("settled", {"answer": " "}, "answered with a decision"),
    ("reaffirm", {"constraint": "C9"}, "unknown constraint 'C9'"),
    ("reaffirm", {"action": {"kind": "other", "target": "merge.admin"}}, "can't be judged"),
    ("reaffirm", {"action": {"kind": "all"}}, "can't be judged"),
    ("reaffirm", {"expires": "2026-01-01T00:00:00Z"}, "it held until"),
    ("reaffirm", {"expires": "2098-01-01T00:00:00Z"}, "at most a day"),
    ("waiver", {"head": "abc"}, "not a full commit id"),
    ("waiver", {"head": "A" * 40}, "not a full commit id"),
    ("waiver", {"base_run": 0}, "names no check, or no run"),
    ("waiver", {"check": ""}, "names no check, or no run"),
)


def test_a_text_that_can_not_be_meant_is_not_taken(op: Signing) -> None:
    for kind, changes, why in UNFIT:
        assert why in op.refused(kind, op.keys.file("x.json", op.text(kind, **changes))), changes


def test_a_text_is_taken_for_the_bytes_there_are_and_not_for_those_that_were(op: Signing) -> None:
    op.opened()
    old = {kind: op.keys.file(f"{kind}.json", op.text(kind)) for kind in SAID if kind != "revoke"}
    revised = FREE.replace("no deploys", "no deploys at all")
    op.contract.write_text(revised)
    for kind, path in old.items():
        if kind != "settled":  # what is answered is what was surfaced last, and that has not changed
            assert "Show it to the operator first" in op.refused(kind, path, exits.REFUSED)
    assert op.run("surface").returncode == 0
    for kind, path in old.items():
        assert "for other bytes" in op.refused(kind, path)


def test_a_signed_text_stands_alone(op: Signing) -> None:
    path = str(op.keys.file("a.json", op.text("answer")))
    for words in (
        ("answer", "G1"),
        ("answer", "--granted"),
        ("answer", "--as", "Ada"),
        ("revoke", "--all"),
        ("reaffirm", "--minutes", "60"),
        ("waive", "tests"),
    ):
        done = op.run(*words, "--signed", path)
        assert (done.returncode, "a signed text has all values" in done.stderr) == (exits.USAGE, True), (
            done.stderr
        )
    for verb in ("reaffirm", "waive", "revoke", "answer"):
        code, _ = op.terminal(verb)
        assert code == exits.USAGE


def test_the_texts_of_the_manual_are_taken_as_they_stand_there(op: Signing) -> None:
    fence = re.search(r"```\n(\{\"record\".*?)```", MANUAL.read_text(), re.DOTALL)
    assert fence is not None
    shown = [json.loads(part) for part in re.split(r"\n(?=\{)", fence[1])]
    assert [each["record"] for each in shown] == ["answer", "settled", "reaffirm", "waiver", "revoke"]
    for said in shown:
        kind = said.pop("record")
        known = set(SAID[kind]) | {"run", "by"}
        assert known <= said.keys()
        assert said["run"] == RUN
        # What the manual can't know.
        filled = {
            key: said[key] for key in said if key not in ("digest", "escalation", "expires", "head", "by")
        }
        code, why = op.hand_in(VERBS[kind], op.keys.file("m.json", op.text(kind, **filled)))
        assert code == 0, why
