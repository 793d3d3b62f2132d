"""Many writers of one log that are killed all the time: a log, a folder for their oracles, a seed and a number of kills in.

Each writer's oracle holds a line `key seq head again` for every append that returned, written after it returned.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time

from correctless.ledger.chain import Entry
from correctless.ledger.ledger import Ledger

WRITERS = 4


def write(log: str, oracle: str, who: int) -> None:
    """Append until killed; begin with the first key that was not acknowledged."""
    fd = os.open(oracle, os.O_RDWR | os.O_CREAT | os.O_APPEND)
    n = os.read(fd, 1 << 26).count(b"\n")
    new: list[int] = []

    def noted(entry: Entry) -> None:
        new.append(entry.seq)

    ledger = Ledger(log, noted=noted)
    while True:
        key = f"w{who}/{n}"
        # Now and then a line of many pages: a kill in the middle of its write leaves a part of it.
        text = key * (10_000 if n % 32 == 5 else n * 37 % 50)
        entry = ledger.append({"key": key, "who": who, "n": n, "text": text})
        os.write(fd, f"{key} {entry.seq} {entry.head} {int(entry.seq not in new)}\n".encode())
        n += 1


def main(log: str, folder: str, seed: int, kills: int) -> None:
    chance = random.Random(seed)

    def begin(who: int) -> int:
        child = os.fork()
        if child == 0:
            try:
                write(log, f"{folder}/{who}", who)
            finally:
                os.write(2, f"writer {who} ended by itself: {sys.exc_info()[1]!r}\n".encode())
                os._exit(1)
        return child

    children = [begin(who) for who in range(WRITERS)]
    for _ in range(kills):
        time.sleep(chance.expovariate(1 / 0.02))
        who = chance.randrange(WRITERS)
        os.kill(children[who], signal.SIGKILL)
        os.waitpid(children[who], 0)
        children[who] = begin(who)
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    os.write(1, f"{kills + WRITERS}\n".encode())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
