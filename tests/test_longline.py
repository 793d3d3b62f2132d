"""One long line of JSON read in pieces: what json makes of it whole, with the text of `result` in a file of its own."""

from __future__ import annotations

import json
import random
import tracemalloc
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from correctless.agents.longline import LongLine
from correctless.agents.spool import HEAD, Spool
from correctless.record import RecordError, strict_json

TEXTS = (
    "",
    "plain",
    'a "quoted" \\ word \n\t\r\x7f',
    "\\u0041 is no escape",
    "\u00e9\u2028\U0001f600",
    "\U0001f600" * 50,
    "half \ud83d and \ude00 half, and \ud83d",
    '}{][:,"result":',
    "x" * 2000,
)
KEYS = ("result", r"res\u0075lt", "type", "resul", "results", r"\"result", "")


@pytest.fixture
def read(tmp_path: Path) -> Callable[[Iterable[bytes]], tuple[dict[str, Any] | None, str | None]]:
    """The event of a line, and the whole text of its answer if that was found."""

    def read(pieces: Iterable[bytes]) -> tuple[dict[str, Any] | None, str | None]:
        line = LongLine(lambda: Spool(str(tmp_path / "answer.md")))
        for piece in pieces:
            line.add(piece)
        event = line.event()
        if line.answer is None:
            return event, None
        line.answer.store()
        return event, (tmp_path / "answer.md").read_bytes().decode("utf-8", "surrogatepass")

    return read


def cut(data: bytes, dice: random.Random) -> list[bytes]:
    longest = dice.choice((1, 2, 3, 7, 100))
    pieces = []
    while data:
        size = dice.randint(1, longest)
        pieces.append(data[:size])
        data = data[size:]
    return pieces


def wanted(data: bytes) -> tuple[dict[str, Any] | None, str | None]:
    """What json makes of the whole line."""
    try:
        event = strict_json(data.decode(), max_size=None)
    except (RecordError, UnicodeDecodeError):
        return None, None
    if not isinstance(event, dict):
        return None, None
    said = event.get("result")
    if not isinstance(said, str):
        return event, None
    return event | {"result": said[:HEAD]}, said


def value(dice: random.Random, depth: int = 0) -> str:
    kind = dice.randrange(7 if depth < 3 else 4)
    if kind < 2:
        text = dice.choice(TEXTS)
        return json.dumps(text, ensure_ascii=dice.random() < 0.5 or "\ud83d and" in text)
    if kind < 4:
        return dice.choice(("1", "-1.5e3", "true", "null"))
    if kind == 4:
        return "[" + ",".join(value(dice, depth + 1) for _ in range(dice.randrange(3))) + "]"
    return members(dice, depth + 1)


def members(dice: random.Random, depth: int = 0) -> str:
    space = dice.choice(("", " ", "\t"))
    made = [
        f'"{dice.choice(KEYS)}"{space}:{space}{value(dice, depth)}{space}' for _ in range(dice.randrange(5))
    ]
    return "{" + f",{space}".join(made) + "}"


def test_any_object_cut_anywhere_is_read_as_json_reads_it_whole(read: Callable[..., Any]) -> None:
    dice = random.Random(1)
    found = 0
    for _ in range(3000):
        data = members(dice).encode()
        event, text = read(cut(data, dice))
        assert (event, text) == wanted(data), data
        found += text is not None
    assert found > 300


def test_what_is_no_json_is_no_event_wherever_it_is_cut(read: Callable[..., Any]) -> None:
    dice = random.Random(2)
    refused = 0
    for _ in range(4000):
        data = bytearray(members(dice).encode())
        for _ in range(dice.randint(1, 3)):
            at = dice.randrange(len(data))
            data[at : at + dice.randrange(2)] = dice.choice(
                (b'"', b"\\", b"{", b"}", b",", b":", b"\x00", b"\xff", b"u")
            )
        event, text = read(cut(bytes(data), dice))
        assert (event, text) == wanted(bytes(data)), bytes(data)
        refused += event is None
    assert refused > 2000


def test_memory_is_flat_over_the_text_and_the_rest_has_a_limit(
    read: Callable[..., Any], tmp_path: Path
) -> None:
    def line(rest: int, text: int) -> Iterable[bytes]:
        yield b'{"type": "result", "rest": "' + b"y" * rest + b'", "result": "'
        for _ in range(text >> 20):
            yield "\u00e9".encode() * (1 << 19)
        yield b'", "turns": 1}'

    tracemalloc.start()
    try:
        parsed = LongLine(lambda: Spool(str(tmp_path / "long.md")))
        for piece in line(100, 40 << 20):
            parsed.add(piece)
        event = parsed.event()
        assert tracemalloc.get_traced_memory()[1] < 12 << 20
    finally:
        tracemalloc.stop()
    assert event is not None
    assert parsed.answer is not None
    parsed.answer.close()
    assert (event["turns"], len(event["result"])) == (1, HEAD)
    assert read(line(3 << 20, 1 << 20))[0] is not None
    assert read(line(5 << 20, 1 << 20)) == (None, None)
    assert read(line(100, 65 << 20)) == (None, None)
