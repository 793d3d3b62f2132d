"""An answer in pieces, as one that is too long to be held comes: read as it is read whole, in memory that does not grow with it."""

from __future__ import annotations

import hashlib
import json
import random
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from correctless import block
from correctless.block import read
from correctless.dispatch.answer import AnswerFile

NONCE = "7f3a91c2"
START = "AUTONOMOUS_DECISIONS_START"
END = "AUTONOMOUS_DECISIONS_END"


def in_pieces(text: str, dice: random.Random, longest: int) -> Iterator[str]:
    while text:
        size = dice.randint(1, longest)
        yield text[:size]
        text = text[size:]


FRAGMENTS = (
    f"{START} {NONCE}",
    f"{START} {NONCE}\n",
    f"{START} 00000000\n",
    f"{START}\n",
    f"> {START} {NONCE}\r\n",
    f"{END}\n",
    f"{END} {NONCE}\r",
    f"\n{END}\n",
    f"I end with {START} {NONCE} now\n",
    '{"decision_id": "AD-001", "default_applied": "x"}\n',
    '{"decision_id": "AD-001",\r\n "default_applied": "x"},\r\n',
    "> > - ",
    "```json\n",
    "{[\n",
    "prose ",
    "\r",
    "\n",
    "\U0001f600",
)


def test_an_answer_in_pieces_is_read_as_it_is_whole() -> None:
    dice = random.Random(3)
    read_some = 0
    for _ in range(4000):
        text = "".join(dice.choices(FRAGMENTS, k=dice.randrange(16)))
        called = dice.random() < 0.3
        whole = read(text, NONCE, called=called)
        assert read(in_pieces(text, dice, dice.choice((1, 3, 40))), NONCE, called=called) == whole, text
        read_some += bool(whole.pieces)
    assert read_some > 500


MIB = 1 << 20


@pytest.mark.parametrize(
    "before", [MIB + 1024 - at for at in (0, 1, 10, 20, 25, 26, 27, 30, 36, 60, 199, 250)]
)
def test_a_marker_in_a_line_that_is_long_is_seen_wherever_it_stands(before: int) -> None:
    for text in (f"{'x' * before}{START} {NONCE}\n{{", f"{' ' * (before - 1)}x{START} {NONCE}\n{{\n{END}"):
        # What is over 1 MiB is looked at as soon as it is there.
        found = read((text[at : at + 1024] for at in range(0, len(text), 1024)), NONCE)
        whole = read(text, NONCE)
        assert [piece.fault for piece in found.pieces] == [block.ASTRAY] == [p.fault for p in whole.pieces]
        assert (found.authentic, found.starts) == (0, 1)


def test_a_block_on_a_line_that_is_long_is_read_as_it_is_whole() -> None:
    objects = ",".join(json.dumps({"decision_id": f"AD-{n:03}", "rationale": "r" * 400}) for n in range(6000))
    text = f"{START} {NONCE}\n> [{objects}]\n{END}\n"
    assert len(objects) > 2 * MIB
    assert read(in_pieces(text, random.Random(1), 1 << 16), NONCE) == read(text, NONCE)


def test_of_blocks_over_4_mib_the_beginning_is_read_and_the_rest_is_said_to_be_in_the_answer() -> None:
    said = '{"decision_id": "AD-001", "default_applied": "x", "rationale": "y"}\n'
    for end in (f"{END}\n", ""):
        text = f"{START} {NONCE}\n{said}{'z' * 99 * 50_000}\n{end}{START} {NONCE}\n{said}{END}\n"
        found = read(in_pieces(text, random.Random(1), 1 << 16), NONCE)
        assert found.authentic == 2
        assert found.pieces[0].value == json.loads(said)
        assert [piece.fault for piece in found.pieces[1:]] == [block.TOO_LONG]


def test_memory_for_an_answer_in_pieces_does_not_grow_with_it() -> None:
    def peak(head: str, tail: str) -> int:
        def pieces() -> Iterator[str]:
            yield head
            for _ in range(30 << 4):
                yield "w " * (1 << 15)
            yield tail

        tracemalloc.start()
        try:
            read(pieces(), NONCE)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak("", "") < 6 * MIB
    assert peak(f"{START} 00000000\n", f"\n{END}\n") < 6 * MIB
    assert peak(f"{START} {NONCE}\n", f"\n{END}\n") < 60 * MIB


def test_of_blocks_without_a_nonce_only_the_last_is_held() -> None:
    text = f"{START}\n{'y' * 3 * MIB}\n{END}\n" * 3 + f'{START}\n{{"decision_id": "AD-001"}}\n{END}\n'
    assert read(in_pieces(text, random.Random(1), 1 << 16), NONCE) == read(text, NONCE)


@pytest.mark.parametrize("size", [0, 1, 70_000, 5 * MIB])
def test_the_file_of_an_answer_is_its_text_and_its_hash_is_known_when_it_was_read(
    tmp_path: Path, size: int
) -> None:
    dice = random.Random(size)
    text = "".join(dice.choice("a\u00e9\u20ac\U0001f600\ud83d\ude00\n") for _ in range(min(size, 70_000)))
    text *= size // len(text) if text else 0
    data = text.encode("utf-8", "surrogatepass")
    (tmp_path / "answer.md").write_bytes(data)
    file = AnswerFile(str(tmp_path / "answer.md"))
    said = file.text()
    assert isinstance(said, str) == (size < 4 * MIB)
    assert "".join(said) == text
    assert file.sha256() == hashlib.sha256(data).hexdigest()


def test_a_file_that_is_gone_is_an_empty_answer_and_one_that_is_no_text_is_refused(tmp_path: Path) -> None:
    assert AnswerFile(str(tmp_path / "none")).text() == ""
    for data in (b"\xff", b"a\xe2\x82", b"x" * 5 * MIB + b"\xff"):
        (tmp_path / "answer.md").write_bytes(data)
        with pytest.raises(UnicodeDecodeError):
            "".join(AnswerFile(str(tmp_path / "answer.md")).text())
