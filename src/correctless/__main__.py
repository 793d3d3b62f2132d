"""`python -m correctless`, and what the doors run by its path: arguments in, the exit code out."""

from __future__ import annotations

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
    if not __package__:
        _find_package()
    from correctless.cli import main

    sys.exit(main())
