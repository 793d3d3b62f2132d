"""One writer whose system calls may be made to fail: a log and a number of appends in, a line `key seq head` for each that
returned out; it ends with the code of what stopped it.
"""

from __future__ import annotations

import os
import sys

from correctless.base.exits import Stop
from correctless.ledger.ledger import Ledger


def main(log: str, appends: int) -> int:
    ledger = Ledger(log)
    code = 0
    for n in range(appends):
        try:
            entry = ledger.append({"key": f"k{n}", "text": "x" * 300})
        except Stop as stop:
            os.write(2, f"{stop.code} {stop.message}\n".encode())
            # What was not acknowledged may not be acknowledged by the same writer later: the caller sees gaps.
            code = stop.code
            break
        os.write(1, f"k{n} {entry.seq} {entry.head}\n".encode())
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
