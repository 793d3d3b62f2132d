"""`python -m correctless`, and what the doors run by its path: arguments in, the exit code out."""

from __future__ import annotations

import gc
import sys


def _find_package() -> None:
    # Run by path, as the doors do under -I: this file's own package comes first, whatever else is installed there.
    # Without -I Python has put this folder first, where `record` and `gate` would be top-level modules.
    import os

    here = os.path.dirname(os.path.abspath(__file__))
    if not sys.flags.safe_path and os.path.realpath(sys.path[0] or os.curdir) == os.path.realpath(here):
        del sys.path[0]
    sys.path.insert(0, os.path.dirname(here))


if __name__ == "__main__":
    # To start makes many objects and hardly any garbage: to look for it after every 700 of them costs 2 ms, after 20,000 once 6 ms.
    gc.set_threshold(200_000)
    if not __package__:
        _find_package()
    from correctless.cli import main

    code = main()
    # The interpreter's end looks for garbage among all that was imported: 6 ms for memory that is given back anyway.
    gc.freeze()
    sys.exit(code)
