"""A campaign of generated answers whose decisions are known: none is lost, none is forged, and damage closes the real gate.

The truth is made before the answer is written, and found again by words that stand nowhere else: nothing here asks the
reader under test what an answer holds.
"""

from __future__ import annotations

import json
import random
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from correctless.decisions.capture import Calls, Captured, capture
from correctless.decisions.decision import Decision
from correctless.ledger.ledger import Ledger
from correctless.ledger.record import decode, encode
from correctless.project import paths
from correctless.review.gate import evaluate
from correctless.runlog import branch
from correctless.skill import contract
from places import CASES

pytestmark = pytest.mark.campaign

SEED = 20260711
ANSWERS = 5_000
AT_THE_GATE = 300
NOW = "2026-07-01T02:10:00.000Z"
DEMO = contract.of_text((CASES / "capture" / "SKILL.md").read_bytes(), "SKILL.md")
LISTED = {"AD-001": "use the one the repository has", "AD-003": "follow the neighbours"}
END = "AUTONOMOUS_DECISIONS_END"


@dataclass
class Truth:
    """One decision the agent took; `word` stands in its rationale, which is the last key, and nowhere else."""

    word: str
    obj: dict[str, Any]
    deferred: bool  # whatever else is known: a person must see this one
    times: int = 1  # how often the block says it
    called: bool = False
    in_block: bool = True
    hurt: bool = False  # its own object is damaged: recorded or kept, nobody can demand which


@dataclass
class Answer:
    """A generated answer and what is known of it."""

    number: int
    nonce: str
    text: str = ""
    truths: list[Truth] = field(default_factory=list)
    calls: list[dict[str, Any]] = field(default_factory=list)
    # Words that no record may hold: their objects claim what is nowhere else, so they are kept, and the gate is closed.
    decoys: list[str] = field(default_factory=list)
    stray: list[str] = field(
        default_factory=list
    )  # words of badly written blocks: recorded, and kept as well
    damage: str = ""
    verified: bool = True
    form: str = ""


@dataclass
class Outcome:
    answer: Answer
    calls: list[Decision]
    found: Captured

    @property
    def decisions(self) -> list[Decision]:
        return [*self.calls, *self.found.decisions]


class Author:
    """Writes one answer after the other from one source of chance."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.words = 0

    def word(self, kind: str) -> str:
        self.words += 1
        return f"{kind}{self.words:06d}{self.random.getrandbits(24):06x}{kind}"

    def answer(self, number: int) -> Answer:
        rnd = self.random
        made = Answer(number, f"{rnd.getrandbits(32):08x}")
        made.verified = rnd.random() > 0.12
        made.truths = [self.truth() for _ in range(rnd.choice([0, 1, 1, 2, 3, 4, 6]))]
        if made.truths and rnd.random() < 0.45:
            made.damage = rnd.choice(DAMAGES)
        if made.verified:
            self.call(made)
        lines = self.lines(made)
        newline = rnd.choice(["\n", "\n", "\n", "\r\n", "\r"])
        made.text = rnd.choice(["", "", "\ufeff"]) + newline.join(lines) + newline
        if made.damage == "truncated":
            self.truncate(made)
        return made

    def truth(self) -> Truth:
        rnd, word = self.random, self.word("T")
        kind = rnd.choice(["default", "other", "escalate", "unlisted", "no id", "incomplete", "asked"])
        listed = rnd.choice([*LISTED])
        obj: dict[str, Any] = {"decision_id": listed, "default_applied": f"{rnd.choice(TEXTS)} {word}"}
        if kind == "default":
            obj["default_applied"] = LISTED[listed]
        elif kind == "escalate":
            obj["decision_id"] = "AD-002"
        elif kind == "unlisted":
            obj["decision_id"] = rnd.choice(["AD-099", "AD-UNLISTED-1", "ad-001", "AD-0011", 7])
        elif kind == "no id":
            del obj["decision_id"]
        elif kind == "incomplete":
            obj["default_applied"] = rnd.choice(["", "  ", None, [word]])
        if rnd.random() < 0.6 or kind == "asked":
            obj["escalation_deferred"] = (
                rnd.choice([True, "true", "yes", 1, "perhaps"])
                if kind == "asked"
                else rnd.choice([False, None, 0])
            )
        if rnd.random() < 0.3:
            obj["original_escalation_reason"] = rnd.choice([None, "", "a reason"])
        if rnd.random() < 0.2:
            obj[rnd.choice(["confidence", "kept", "skill", "claimed_id"])] = rnd.choice([0.5, "x", ["y"]])
        obj["rationale"] = f"{rnd.choice(TEXTS)} {word}"
        reason = bool(
            obj.get("original_escalation_reason")
        )  # says why a person must look, whatever else it says
        return Truth(word, obj, reason or kind not in ("default", "other"))

    def call(self, made: Answer) -> None:
        """Has the recorder told some, all or none of it, and at times something that the block doesn't repeat."""
        how = self.random.choice(["none", "none", "some", "all"])
        for truth in made.truths:
            if how == "all" or (how == "some" and self.random.random() < 0.5):
                truth.called = True
        if how == "some" and self.random.random() < 0.5:
            extra = self.truth()
            extra.called, extra.in_block = True, False
            made.truths.insert(self.random.randrange(len(made.truths) + 1), extra)
        # Two that are the same but for their reason are the same decision: which of them met the call shows in neither.
        seen: set[tuple[str, str]] = set()
        for truth in made.truths:
            applied, name = truth.obj["default_applied"], str(truth.obj.get("decision_id"))
            same = (name, " ".join(str(applied or "").split()))
            if same in seen:  # what was incomplete stays so
                truth.obj["default_applied"] = f"other {truth.word}" if same[1] else [truth.word]
            seen.add(same)
        made.calls = [
            truth.obj | {"default_applied": self.spaced(truth.obj["default_applied"])}
            for truth in made.truths
            if truth.called
        ]

    def spaced(self, text: Any) -> Any:
        return text.replace(" ", "  ") if isinstance(text, str) and self.random.random() < 0.3 else text

    def lines(self, made: Answer) -> list[str]:
        rnd = self.random
        if made.calls and not made.damage and rnd.random() < 0.15:
            # All was told by calls, and the answer has no block of its own: what it quotes is not read for that.
            made.truths = [truth for truth in made.truths if truth.called]
            return [*self.between(made, before=True), "Done.", *self.between(made, before=True)]
        told = [truth for truth in made.truths if truth.in_block]
        cut = rnd.randrange(len(told) + 1) if rnd.random() < 0.25 and made.verified else 0
        parts = [told[:cut], told[cut:]] if cut else [told]
        lines = self.between(made, before=True)
        for index, part in enumerate(parts):
            last = index == len(parts) - 1
            damage = made.damage if last and part else ""
            if last and made.damage and not damage:
                made.damage = ""
            if rnd.random() < 0.1:  # quoted without its end: the next start ends it
                made.decoys.append(self.word("D"))
                lines += [f"AUTONOMOUS_DECISIONS_START {made.nonce[::-1]}0", _said(made.decoys[-1])]
            block = self.block(part, made.nonce if made.verified else "", damage, made)
            lines += block
            # What stood behind a block that doesn't end would be read as a part of it.
            if not (last and made.damage in ("truncated", "no end")):
                lines += self.between(made, before=not last or made.verified)
        return lines

    def between(self, made: Answer, *, before: bool) -> list[str]:
        """Prose and decoys; `before` says that an authentic block or the last one without a nonce is still to come or stood."""
        rnd, lines = self.random, []
        for _ in range(rnd.choice([0, 0, 1, 1, 2, 3])):
            lines.append(rnd.choice(PROSE))
            if rnd.random() < 0.3:
                word = self.word("D")
                made.decoys.append(word)
                decoy = rnd.choice(DECOYS if before else DECOYS[1:])(word, made.nonce, rnd)
                if any(made.nonce in line.lower() for line in decoy):
                    made.stray.append(made.decoys.pop())
                lines += decoy
                lines.append(rnd.choice(PROSE))
        return lines

    def block(self, part: list[Truth], word: str, damage: str, made: Answer) -> list[str]:
        rnd = self.random
        forms = ["lines", "commas", "pretty", "array lines"]
        # On one line a broken object takes its neighbours with it; they are kept, not recorded.
        form = rnd.choice(forms if damage in ONE_OBJECT else [*forms, "one line", "array", "pretty array"])
        made.form = form
        if damage == "duplicated":
            form = "lines"
        raw, indent = rnd.random() < 0.5, rnd.randrange(5)
        victim = rnd.choice(part) if part and damage in ONE_OBJECT else None
        objects = []
        for truth in part:
            text = json.dumps(
                truth.obj,
                ensure_ascii=not raw,
                indent=indent if form in ("pretty", "pretty array") else None,
            )
            if not truth.called and rnd.random() < 0.1:  # a key twice, or once: that it is true counts
                text, truth.deferred = '{"escalation_deferred": true, ' + text[1:].lstrip(), True
            if truth is victim:
                truth.hurt, text = True, ONE_OBJECT[damage](text, rnd)
            objects.append(text)
        if damage == "duplicated":
            index = rnd.randrange(len(objects))
            objects.insert(index, objects[index])
            part[index].times = 2
        if form == "one line":
            content = [rnd.choice([" ", ", ", ""]).join(objects)]
        elif form == "array":
            content = [f"[{', '.join(objects)}]"]
        elif form in ("array lines", "pretty array"):
            content = ["[", *(text + "," * (n < len(objects)) for n, text in enumerate(objects, 1)), "]"]
        else:
            content = [text + "," * (form == "commas") for text in objects]
        content = [line for text in content for line in text.split("\n")]
        if damage in ("prose", "comment"):
            after = [n for n, line in enumerate(content) if line.rstrip(", ").endswith("}")]
            said = (
                "// that is why"
                if damage == "comment"
                else rnd.choice(["So it was.", "- as agreed", "AD-001:"])
            )
            content.insert(rnd.choice(after or [len(content) - 1]) + 1, said)
        fence = rnd.choice(["", "", "```", "~~~"])
        inner, outer = (fence, "") if rnd.random() < 0.5 else ("", fence)
        if inner:
            content = [inner + rnd.choice(["", "json"]), *content, inner]
        first, rest = rnd.choice([("", ""), ("", ""), ("- ", "  "), ("1. ", "   ")])
        start = first + f"AUTONOMOUS_DECISIONS_START {word}".rstrip()
        end = [] if damage == "no end" else [rest + END + rnd.choice(["", "  "])]
        lines = [start, *(rest + line for line in content), *end]
        if outer:
            lines = [outer, *lines, *([outer] if end else [])]
        prefix = rnd.choice(["", "", "> ", "> > ", "   ", ">"])
        return [prefix + line for line in lines]

    def truncate(self, made: Answer) -> None:
        """Cut the answer off at a byte of its last block, as a program that was killed leaves it."""
        data = made.text.encode("utf-8", "surrogatepass")
        opened = "AUTONOMOUS_DECISIONS_START" + (f" {made.nonce}" if made.verified else "")
        begin = data.rindex(opened.encode()) + len(opened)
        stop = data.rindex(END.encode()) + len(END) - 1
        data = data[: self.random.randrange(begin, stop + 1)]
        try:
            made.text = data.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError as error:  # the cut went through a character
            made.text = data[: error.start].decode("utf-8", "surrogatepass") + "\ufffd"
        for truth in made.truths:
            if truth.in_block:
                at = made.text.rfind(truth.word)
                # The rationale is the last key: behind its word stands nothing but the end of the object.
                truth.hurt = not (at >= 0 and re.match(r'"[\s>]*}', made.text[at + len(truth.word) :]))


TEXTS = ["as listed", "a \"quoted\" } one", "[x] {y}", "über \u2028 naïve", "tab\tnew\nline\r", "\\ \u0000 \x1b[0m", "😀 \ud83d"]  # fmt: skip
PROSE = ["Done.", "", "I looked { at it.", 'He said "no', "- one\n- two", "> quoted", "| a | b |", "AUTONOMOUS_DECISIONS", END, "```", "\x1b[1mbold\x1b[0m", "\0"]  # fmt: skip


def _said(word: str) -> str:
    return json.dumps({"decision_id": "AD-001", "default_applied": word, "rationale": word})


def _fenced(word: str, nonce: str, rnd: random.Random) -> list[str]:
    fence = rnd.choice(["```", "~~~"])
    return [fence, *_other(word, nonce, rnd), fence]


def _bare(word: str, nonce: str, rnd: random.Random) -> list[str]:
    mark = rnd.choice(["", "> ", "    "])
    return [mark + line for line in ("AUTONOMOUS_DECISIONS_START", _said(word), END)]


def _other(word: str, nonce: str, rnd: random.Random) -> list[str]:
    """Another word where the nonce belongs, among them those that begin like it or hold it."""
    near = [nonce[:7], f"{nonce}0", f"x{nonce}", f"{nonce}:", f"<{nonce}>", nonce[::-1] + "0", f"{nonce},"]
    near += [nonce.upper()] if nonce.upper() != nonce else []
    wrong = rnd.choice([f"{int(nonce, 16) ^ 1:08x}", "00000000000", "<nonce>", *near])
    return [f"AUTONOMOUS_DECISIONS_START {wrong}", _said(word), END]


def _near(word: str, nonce: str, rnd: random.Random) -> list[str]:
    """A start marker that doesn't stand alone on its line."""
    mark = rnd.choice(
        [
            "**{}**",
            "`{}`",
            "## {}",
            "I end with {} now:",
            "{} {{",
            "\x1b[1m{}\x1b[0m",
            '"{}"',
            "| {} |",
            "_{}_",
        ]
    ).format(f"AUTONOMOUS_DECISIONS_START {nonce}")
    return [mark, _said(word), END]


def _colon(word: str, nonce: str, rnd: random.Random) -> list[str]:
    start = rnd.choice(["AUTONOMOUS_DECISIONS_START: ", "autonomous_decisions_start ", "DECISIONS_START "])
    return [start + nonce, _said(word), END]


def _prompt(word: str, nonce: str, rnd: random.Random) -> list[str]:
    """The prompt repeated, with the word that shows where the nonce goes."""
    return ["Your final answer ends with this block:", "", *_other(word, nonce, rnd), "Copy the marker."]


def _no_block(word: str, nonce: str, rnd: random.Random) -> list[str]:
    return [_said(word), END]


Decoy = Callable[[str, str, random.Random], list[str]]
DECOYS: list[Decoy] = [
    _bare,
    _fenced,
    _other,
    _near,
    _colon,
    _prompt,
    _no_block,
]  # _bare first: see between()


def _brace(text: str, rnd: random.Random) -> str:
    return text[:-1] if rnd.random() < 0.5 else text[1:]


def _smart(text: str, rnd: random.Random) -> str:
    return text.replace('"', "“")


def _single(text: str, rnd: random.Random) -> str:
    return text.replace('"', "'")


def _number(text: str, rnd: random.Random) -> str:
    return "{" + f'"n": {rnd.choice(["NaN", "Infinity", "-Infinity", "1e999", "01", "+1"])}, ' + text[1:]


def _trailing(text: str, rnd: random.Random) -> str:
    return text[:-1].rstrip() + ",}"


def _inner_comment(text: str, rnd: random.Random) -> str:
    return text[:-1] + " /* sure */ }"


ONE_OBJECT: dict[str, Callable[[str, random.Random], str]] = {
    "brace": _brace,
    "smart quotes": _smart,
    "single quotes": _single,
    "number": _number,
    "trailing comma": _trailing,
    "inner comment": _inner_comment,
}
DAMAGES = [*ONE_OBJECT, "truncated", "truncated", "truncated", "no end", "prose", "comment", "duplicated"]


def outcomes() -> Iterator[Outcome]:
    author = Author(SEED)
    for number in range(ANSWERS):
        made = author.answer(number)
        where: dict[str, Any] = {"run": "r1", "step": "demo", "attempt": 1}
        recorder = Calls(DEMO, **where)
        recorded = [recorder.take(call, NOW) for call in made.calls]
        logged = [Decision.of(decode(encode(decision.fields()))) for decision in recorded]
        unlisted = sum(decision.decision_id.startswith("AD-UNLISTED-") for decision in recorded)
        how: dict[str, Any] = {"nonce": made.nonce, "now": NOW, "unlisted_before": unlisted}
        yield Outcome(made, recorded, capture(made.text, DEMO, **where, **how, calls=logged))


@pytest.fixture(scope="module")
def campaign() -> list[Outcome]:
    sys.stdout.write(f"seed {SEED}, {ANSWERS} answers\n")  # pytest shows it with a failure
    return list(outcomes())


def told(decision: Decision) -> str:
    return json.dumps(decision.fields(), ensure_ascii=False)


def whole(outcome: Outcome) -> list[Decision]:
    return [decision for decision in outcome.decisions if "damaged" not in decision.notes]


def is_damaged(answer: Answer) -> bool:
    silent = not answer.truths and not answer.verified  # no block at all
    return bool(answer.decoys or answer.stray) or silent or answer.damage not in ("", "duplicated")


def is_stray(decision: Decision, answer: Answer) -> bool:
    return any(word in told(decision) for word in answer.stray)


def test_the_campaign_has_enough_of_everything(campaign: list[Outcome]) -> None:
    kinds = Counter(outcome.answer.damage for outcome in campaign)
    forms = Counter(outcome.answer.form for outcome in campaign)
    sys.stdout.write(f"{kinds} {forms}\n")
    assert set(kinds) == {"", *DAMAGES}
    assert min(kinds.values()) >= 40
    assert min(forms.values()) >= 100
    assert sum(len(outcome.answer.truths) for outcome in campaign) > 4_000
    assert sum(len(outcome.answer.decoys) for outcome in campaign) > 2_000
    assert sum(bool(outcome.answer.calls) for outcome in campaign) > 500
    assert sum(not outcome.answer.verified for outcome in campaign) > 200
    assert sum(truth.hurt for outcome in campaign for truth in outcome.answer.truths) > 300


def test_every_decision_is_recorded_as_often_as_it_was_told_and_every_call_once(
    campaign: list[Outcome],
) -> None:
    wrong = []
    for outcome in campaign:
        records = [told(decision) for decision in whole(outcome)]
        for truth in outcome.answer.truths:
            found = sum(truth.word in record for record in records)
            allowed = {int(truth.called), 1} if truth.hurt else {truth.times}
            if found not in allowed:
                wrong.append((outcome.answer.number, outcome.answer.damage, truth, found))
    assert wrong == []


def test_nothing_else_is_recorded(campaign: list[Outcome]) -> None:
    wrong: list[tuple[object, ...]] = []
    for outcome in campaign:
        words = [truth.word for truth in outcome.answer.truths]
        wrong += [
            (outcome.answer.number, outcome.answer.damage, decision)
            for decision in whole(outcome)
            if not any(word in told(decision) for word in [*words, *outcome.answer.stray])
        ]
        keys = [decision.key for decision in outcome.decisions]
        if len(set(keys)) != len(keys):
            wrong.append((outcome.answer.number, "keys", keys))
    assert wrong == []


def test_no_word_of_a_decoy_is_ever_in_a_record(campaign: list[Outcome]) -> None:
    for outcome in campaign:
        records = "".join(map(told, outcome.decisions))
        assert [word for word in outcome.answer.decoys if word in records] == []


def test_decisions_keep_the_order_in_which_they_were_taken(campaign: list[Outcome]) -> None:
    for outcome in campaign:
        text = "".join(told(d) for d in outcome.found.decisions if "damaged" not in d.notes)
        places = [
            text.index(t.word) for t in outcome.answer.truths if t.in_block and not t.hurt and t.word in text
        ]
        assert places == sorted(places)


def test_what_is_a_persons_is_deferred_and_what_was_fine_is_not(campaign: list[Outcome]) -> None:
    for outcome in campaign:
        for decision in whole(outcome):
            if is_stray(decision, outcome.answer):
                continue
            truth = next(t for t in outcome.answer.truths if t.word in told(decision))
            must = truth.deferred or "conflict" in decision.notes or not outcome.answer.verified
            assert decision.escalation_deferred == must, (outcome.answer.number, truth, decision)
            assert ("unverified" in decision.notes) == (not outcome.answer.verified)


def test_damage_is_noted_deferred_and_kept_and_what_is_whole_is_never_called_damaged(
    campaign: list[Outcome],
) -> None:
    for outcome in campaign:
        damaged = [decision for decision in outcome.decisions if "damaged" in decision.notes]
        assert bool(damaged) == is_damaged(outcome.answer), (outcome.answer.number, outcome.answer.damage)
        assert all(decision.escalation_deferred for decision in damaged)
        assert [decision.extra["kept"] for decision in damaged] == [kept.name for kept in outcome.found.kept]


def test_a_decision_whose_object_is_damaged_is_kept_word_for_word(campaign: list[Outcome]) -> None:
    for outcome in campaign:
        kept = "".join(kept.text for kept in outcome.found.kept)
        records = "".join(map(told, whole(outcome)))
        for truth in outcome.answer.truths:
            if truth.hurt and truth.word in outcome.answer.text:
                assert truth.word in kept or truth.word in records, (outcome.answer.number, truth)


def test_the_real_gate_is_closed_exactly_when_a_person_must_look(
    campaign: list[Outcome], tmp_path: Path
) -> None:
    chosen = random.Random(SEED).sample(campaign, AT_THE_GATE)
    open_ones = 0
    for outcome in chosen:
        log = tmp_path / str(outcome.answer.number) / "log.jsonl"
        log.parent.mkdir()
        ledger = Ledger(str(log))
        ledger.create()
        for decision in outcome.decisions:
            ledger.append(decision.fields())
        found = evaluate(branch.load(paths.logs_beside(str(log))))
        # The truth alone says it, except that two that were told apart under one id contradict each other.
        truths = [truth for truth in outcome.answer.truths if truth.called or not truth.hurt]
        must = is_damaged(outcome.answer) or any(truth.deferred for truth in truths)
        must = must or bool(truths and not outcome.answer.verified)
        ids = Counter(truth.obj.get("decision_id") for truth in truths)
        if max(ids.values(), default=0) < 2:
            assert found.open == (not must), (outcome.answer.number, outcome.answer.damage)
        elif must:
            assert not found.open, (outcome.answer.number, outcome.answer.damage)
        open_ones += found.open
    assert 12 < open_ones < AT_THE_GATE - 150


def test_the_same_seed_writes_the_same_answers(campaign: list[Outcome]) -> None:
    again = [outcome.answer.text for outcome, _ in zip(outcomes(), range(50), strict=False)]
    assert again == [outcome.answer.text for outcome in campaign[:50]]
