"""`correctless decisions parse` as its users run it: a process, its two streams and its exit code."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from pathlib import Path
from typing import Any

import pytest

import forked
import places
from correctless import itself
from correctless.cli import main
from correctless.decisions.decision import NOTES
from patience import PATIENCE

CASES = places.CASES / "capture"
NAMES = sorted(path.parent.name for path in CASES.glob("*/answer.md"))
NONCE = "7f3a91c2"
SKILL = str(CASES / "SKILL.md")
SAID = '{"decision_id": "AD-001", "default_applied": "use the one the repository has", "rationale": "r"}'


def run(answer: bytes | str, *args: str, skill: str = SKILL) -> subprocess.CompletedProcess[str]:
    data = answer.encode() if isinstance(answer, str) else answer
    # strict: nothing but UTF-8 leaves the program
    return forked.run(
        ["decisions", "parse", "--skill", skill, *args], cwd=os.curdir, env=os.environ, stdin=data
    )


def block(*lines: str, word: str = NONCE) -> str:
    return "\n".join([f"AUTONOMOUS_DECISIONS_START {word}".strip(), *lines, "AUTONOMOUS_DECISIONS_END", ""])


def parsed(answer: bytes | str, *args: str) -> dict[str, Any]:
    done = run(answer, "--json", *args)
    assert done.stderr == ""
    value: dict[str, Any] = json.loads(done.stdout)
    return value


def given(name: str, folder: Path) -> list[str]:
    """The words that hand a golden case to the command."""
    answer = folder / "answer.md"
    answer.write_bytes((CASES / name / "answer.md").read_bytes().replace(b"__NONCE__", NONCE.encode()))
    words = [str(answer), "--nonce", NONCE]
    if (CASES / name / "calls.json").exists():
        calls = folder / "calls.jsonl"
        made = json.loads((CASES / name / "calls.json").read_text())
        # The cases begin to number at 4, a parse at 1; an agent that repeats the number it was given means that one.
        calls.write_text("".join(json.dumps(call) + "\n" for call in made))
        text = answer.read_text().replace("AD-UNLISTED-4", "AD-UNLISTED-1")
        answer.write_text(text)
        words += ["--calls", str(calls)]
    return words


@pytest.mark.parametrize("name", NAMES)
def test_every_golden_case_is_what_a_run_would_record(name: str, tmp_path: Path) -> None:
    expected = json.loads((CASES / name / "expected.json").read_text())
    done = run("", "--json", *given(name, tmp_path))
    told = json.loads(done.stdout)
    wanted = [d for d in expected["decisions"] if "damaged" not in d["notes"]]
    for decision in wanted:
        decision["key"] = decision["key"].rpartition("/")[2]
        del decision["decision_id"]
        if decision["extra"].get("claimed_id") == "AD-UNLISTED-4":
            decision["extra"]["claimed_id"] = "AD-UNLISTED-1"
    assert [{name: d[name] for name in wanted[0]} for d in told["decisions"]] == wanted
    refused = [d for d in expected["decisions"] if "damaged" in d["notes"]]
    assert [r["key"] for r in told["refused"]] == [d["key"].rpartition("/")[2] for d in refused]
    assert [r["fault"] for r in told["refused"]] == [d["extra"]["fault"] for d in refused]
    assert [r["text"] for r in told["refused"]] == list(expected["kept"].values())
    assert told["warnings"] == expected["warnings"]


@pytest.mark.parametrize("name", NAMES)
def test_every_golden_case_is_told_in_words_a_terminal_can_show(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = json.loads((CASES / name / "expected.json").read_text())
    code = main(["decisions", "parse", "--skill", SKILL, *given(name, tmp_path)])
    shown = capsys.readouterr().out
    assert all(char.isprintable() or char == "\n" for char in shown)
    whole = [d for d in expected["decisions"] if "damaged" not in d["notes"]]
    deferred, damaged = sum(d["escalation_deferred"] for d in whole), len(expected["decisions"]) - len(whole)
    said = "decision" if len(whole) == 1 else "decisions"
    assert shown.splitlines()[-1] == f"{len(whole)} {said}, {deferred} deferred, {damaged} refused"
    for decision in whole:
        for note in decision["notes"]:
            assert f"    {note}: recorded " in shown or f"    {note}: reported " in shown
    changed = {note for d in expected["decisions"] for note in d["notes"]} - {"differs-from-default"}
    if changed or expected["warnings"]:
        assert code == 1


def test_the_golden_cases_have_every_note_there_is() -> None:
    noted = {
        note
        for name in NAMES
        for d in json.loads((CASES / name / "expected.json").read_text())["decisions"]
        for note in d["notes"]
    }
    assert noted == NOTES


def test_an_answer_with_nothing_to_correct_ends_with_0() -> None:
    done = run(block(SAID), "--nonce", NONCE)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "b1  AD-001",
        "    default applied: use the one the repository has",
        "    rationale: r",
        "    deferred: no",
        "",
        "1 decision, 0 deferred, 0 refused",
    ]


def test_a_decision_that_differs_from_its_default_or_has_more_keys_is_no_correction() -> None:
    said = '{"decision_id": "AD-001", "default_applied": "unittest", "rationale": "r", "confidence": 1}'
    done = run(block(said), "--nonce", NONCE)
    assert done.returncode == 0
    assert "differs-from-default: recorded as reported: the listed default is: use the one" in done.stdout
    assert "extra: stored beside the record: confidence" in done.stdout


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ('"decision_id": "AD-009"', 'unlisted: reported decision_id "AD-009", recorded as AD-UNLISTED-1, deferred: no'),
        ('"decision_id": "AD-002"', "corrected: reported escalation_deferred null, recorded as true: AD-002 needs a human decision"),
        ('"escalation_deferred": "yes"', 'escalation_deferred: reported "yes", recorded as true'),
        ('"escalation_deferred": "no"', 'escalation_deferred: reported "no", recorded as false'),
        ('"escalation_deferred": true', "original_escalation_reason: none reported, recorded the one of the SKILL.md"),
        ('"decision_id": "AD-002", "original_escalation_reason": "x"', "original_escalation_reason: stored under extra"),
        ('"original_escalation_reason": "x"', "escalation_deferred: reported null, recorded as true: another key or a reason"),
        ('"skill": "other"', 'skill: reported "other", recorded as "demo"'),
        ('"timestamp": "now"', 'timestamp: reported "now", stored under extra'),
        ('"rationale": ""', "incomplete: recorded incomplete, and deferred"),
        ('"rationale": "r"', "duplicate-key: recorded once: a key is duplicated"),
    ],
)  # fmt: skip
def test_each_correction_is_one_sentence_and_ends_with_1(said: str, sentence: str) -> None:
    obj = json.loads(SAID)
    for name in json.loads("{" + said + "}"):
        if sentence.startswith("duplicate"):
            break
        obj.pop(name, None)
    done = run(block(json.dumps(obj)[:-1] + ", " + said + "}"), "--nonce", NONCE)
    assert sentence in done.stdout
    assert done.returncode == 1


def test_a_refusal_shows_its_fault_and_its_first_lines() -> None:
    done = run(block("{'a': 1}", *(f"line {n} \x1b[2J" for n in range(9))), "--nonce", NONCE)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert lines[0].startswith("b1  refused: not JSON")
    assert lines[2:4] == ["    | {'a': 1}", "    | line 0 \\x1b[2J"]
    assert lines[7] == "    | ... 5 more lines"
    assert lines[-1] == "0 decisions, 0 deferred, 1 refused"


def test_a_long_text_is_cut_for_people_and_whole_for_programs() -> None:
    said = json.dumps({**json.loads(SAID), "rationale": "x" * 9000})
    assert "x (9000 characters)" in run(block(said), "--nonce", NONCE).stdout.replace("...", "")
    assert parsed(block(said), "--nonce", NONCE)["decisions"][0]["rationale"] == "x" * 9000


def test_without_a_nonce_only_a_block_without_a_word_is_read_and_all_of_it_deferred() -> None:
    done = run(block(SAID, word=""))
    assert done.returncode == 1
    assert "unverified: recorded as reported, and deferred: the block has no nonce" in done.stdout
    assert "not read" not in done.stdout
    assert done.stdout.splitlines()[-1] == "1 decision, 1 deferred, 0 refused"


def test_without_a_nonce_the_words_of_the_blocks_are_told_and_how_to_pass_one() -> None:
    done = run(block(SAID, word="1a2b3c4d") + block(SAID) + block(SAID, word="<nonce>"))
    assert done.returncode == 1
    assert "not read: a block with the nonce '<nonce>'" in done.stdout
    assert f"a nonce (1a2b3c4d, {NONCE}). To read one: --nonce {NONCE}" in done.stdout
    assert done.stdout.splitlines()[-1] == "0 decisions, 0 deferred, 1 refused"
    assert (
        "refused: the answer of demo names AD-001, but has no decisions block with the nonce" in done.stdout
    )


def test_what_is_not_read_beside_an_authentic_block_is_named() -> None:
    answer = block(SAID, word="1a2b3c4d") + block(SAID) + block(SAID, word="") * 2
    done = run(answer, "--nonce", NONCE)
    assert done.returncode == 1
    assert "not read: a block with the nonce '1a2b3c4d'" in done.stdout
    assert "not read: 2 blocks without a nonce" in done.stdout
    told = parsed(answer, "--nonce", NONCE)
    assert told["blocks"] == {"authentic": 1, "nonceless": 2, "quoted": 1}
    assert "not read: 12 more" in run(block(word="x") * 22, "--nonce", NONCE).stdout


@pytest.mark.parametrize("nonce", ["", "7f3a91c", "7F3A91C2", "7f3a91c20", f"{NONCE}\n", "７f3a91c2"])
def test_a_nonce_of_another_form_is_a_usage_error(nonce: str) -> None:
    done = run(block(SAID), f"--nonce={nonce}")
    assert (done.returncode, done.stdout) == (2, "")
    assert "is not 8 digits of 0-9 and a-f" in done.stderr


def test_json_has_every_key_in_order_and_the_same_bytes_each_time() -> None:
    answer = block(SAID, "damage", "\0 \x1b")
    told = parsed(answer, "--nonce", NONCE)
    assert list(told) == ["skill", "decisions", "refused", "blocks", "warnings"]
    assert told["skill"] == "demo"
    assert list(told["decisions"][0]) == [
        "skill", "decision_id", "default_applied", "rationale", "timestamp", "escalation_deferred",
        "original_escalation_reason", "run", "step", "attempt", "key", "source", "notes", "extra",
    ]  # fmt: skip
    first = told["decisions"][0]
    assert [first[name] for name in ("key", "timestamp", "run", "step", "attempt")] == ["b1", *[None] * 4]
    assert told["refused"] == [{"key": "b2", "fault": "not a JSON object", "text": "damage\n\0 \x1b"}]
    twice = [run(answer, "--json", "--nonce", NONCE).stdout for _ in range(2)]
    assert twice[0] == twice[1]
    assert twice[0].isascii()


def test_calls_are_merged_as_the_dispatcher_would(tmp_path: Path) -> None:
    calls = tmp_path / "calls.jsonl"
    calls.write_text(f"{SAID}\n\n" + SAID.replace("AD-001", "AD-009") + "\n")
    other = SAID.replace("use the one the repository has", "unittest")
    done = run(block(SAID, other), "--nonce", NONCE, "--calls", str(calls))
    keys = [line.split("  ", 1) for line in done.stdout.splitlines() if line[:1] in "tb" and line]
    assert keys == [
        ["t1", "AD-001"],
        ["t2", "AD-UNLISTED-1"],
        ["b1", "repeats a call: recorded once"],
        ["b2", "AD-001"],
    ]
    assert done.stdout.splitlines()[-1] == "3 decisions, 2 deferred, 0 refused"


def test_unlisted_numbers_go_on_from_the_calls(tmp_path: Path) -> None:
    calls = tmp_path / "calls.jsonl"
    calls.write_text(SAID.replace("AD-001", "AD-009"))
    told = parsed(block(SAID.replace("AD-001", "AD-008")), "--nonce", NONCE, "--calls", str(calls))
    assert [(d["key"], d["decision_id"]) for d in told["decisions"]] == [
        ("t1", "AD-UNLISTED-1"),
        ("b1", "AD-UNLISTED-2"),
    ]


@pytest.mark.parametrize(("line", "fault"), [("[]", "not a JSON object"), ("{'a': 1}", "not JSON")])
def test_calls_that_cannot_be_read_end_with_3_and_name_the_line(
    tmp_path: Path, line: str, fault: str
) -> None:
    calls = tmp_path / "calls.jsonl"
    calls.write_text(f"{SAID}\n{line}\n")
    done = run(block(SAID), "--calls", str(calls))
    assert (done.returncode, done.stdout) == (3, "")
    assert f"calls.jsonl:2: {fault}" in done.stderr


@pytest.mark.parametrize("cut", [b"\xff\xfe", b"\xe2\x82", b"\xed\xa0\x80", b"\0", b"\xf8\x88\x80\x80\x80"])
def test_bytes_that_are_no_text_lose_no_decision(cut: bytes) -> None:
    answer = cut + b"\n" + block(SAID, SAID.replace('"r"', '"r\\u0000X"')).encode().replace(b"X", cut)
    told = parsed(answer + cut, "--nonce", NONCE)
    if cut == b"\0":  # a raw NUL is no JSON
        assert [r["key"] for r in told["refused"]] == ["b2"]
    else:
        assert [d["key"] for d in told["decisions"]] == ["b1", "b2"]
    assert run(answer, "--nonce", NONCE).returncode in (0, 1)


def test_an_answer_comes_from_a_file_or_from_standard_input(tmp_path: Path) -> None:
    (tmp_path / "a").write_text(block(SAID))
    outputs = {
        run(block(SAID), "--nonce", NONCE).stdout,
        run(block(SAID), "-", "--nonce", NONCE).stdout,
        run("", str(tmp_path / "a"), "--nonce", NONCE).stdout,
    }
    assert len(outputs) == 1


def test_a_terminal_without_a_file_is_refused_with_the_usage() -> None:
    ours, theirs = pty.openpty()
    words = [*itself(), "decisions", "parse", "--skill", SKILL]
    try:
        done = subprocess.run(
            words, stdin=theirs, capture_output=True, text=True, check=False, timeout=PATIENCE
        )
    finally:
        os.close(ours)
        os.close(theirs)
    assert (done.returncode, done.stdout) == (2, "")
    assert "no answer given. Name a FILE, or pipe the answer in" in done.stderr


@pytest.mark.parametrize(("words", "code"), [((), 2), (("-",), 3)])
def test_a_closed_standard_input_is_never_an_empty_answer(words: tuple[str, ...], code: int) -> None:
    line = ["sh", "-c", 'exec "$@" <&-', "sh", *itself(), "decisions", "parse", "--skill", SKILL, *words]
    done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert (done.returncode, done.stdout) == (code, ""), done.stderr


def test_what_cannot_be_read_ends_with_3(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("# no skill\n")
    missing = str(tmp_path / "missing")
    for done in (
        run("", missing),
        run("", str(tmp_path)),
        run("", skill=missing),
        run("", skill=str(tmp_path / "README.md")),
        run("", "--calls", missing),
    ):
        assert (done.returncode, done.stdout) == (3, "")
        assert done.stderr.startswith("correctless: ")
        assert len(done.stderr.splitlines()) == 1


def test_help_has_an_example_and_no_skill_is_a_usage_error() -> None:
    assert run("", "--help").stdout.count("Example: ") == 1
    done = subprocess.run([*itself(), "decisions", "parse"], input=b"", capture_output=True, check=False)
    assert done.returncode == 2


def test_three_megabytes_are_read_in_seconds() -> None:
    answer = "prose { and more\n" * 90_000 + block(SAID) + "> prose\n" * 210_000
    assert len(answer) > 3_000_000
    assert parsed(answer, "--nonce", NONCE)["blocks"]["authentic"] == 1  # run() gives it 60 s


def test_nothing_is_written(tmp_path: Path) -> None:
    words = [*itself(), "decisions", "parse", "--skill", SKILL, "--nonce", NONCE]
    subprocess.run(words, input=block("damage").encode(), cwd=tmp_path, capture_output=True, check=False)
    assert list(tmp_path.iterdir()) == []
