"""`python -m correctless`, which the doors run by its path."""

from __future__ import annotations

import gc
import sys


def _find_package() -> None:
    # Run by path, as the doors do under -I: this file's own package comes before an installed one.
    # Without -I Python has put this folder first, where `guard` and `lint` would be top-level modules.
    import os

    package = os.path.dirname(os.path.abspath(__file__))
    if not sys.flags.safe_path and os.path.realpath(sys.path[0] or os.curdir) == os.path.realpath(package):
        del sys.path[0]
    sys.path.insert(0, os.path.dirname(package))


class _InstalledPackages:
    """Finder of last resort under -S: it adds the folders of installed packages, which takes 3 ms, once one is imported."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> object:
        import site

        sys.meta_path.remove(self)  # type: ignore[arg-type]
        site.main()
        finders = (finder.find_spec(name, path, target) for finder in sys.meta_path)  # type: ignore[arg-type]
        return next(filter(None, finders), None)


if __name__ == "__main__":
    # Starting makes many objects and hardly any garbage: a collection after every 700 costs 2 ms, after 20,000 once 6 ms.
    gc.set_threshold(200_000)
    if not __package__:
        _find_package()
    if sys.flags.no_site:
        sys.meta_path.append(_InstalledPackages())  # type: ignore[arg-type]
    from correctless.cli import main

    code = main()
    # At its end the interpreter would search all imported objects for garbage: 6 ms for memory that is freed anyway.
    gc.freeze()
    sys.exit(code)
