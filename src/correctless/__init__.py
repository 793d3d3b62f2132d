"""The library: read a skill's contract, capture decisions, log them, ask the gate, summarise.

Each name is imported when it is first used.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # typing costs 4 ms to import
if TYPE_CHECKING:
    from typing import Any

    from correctless.decisions.capture import capture as capture
    from correctless.ledger.ledger import Ledger as Ledger
    from correctless.review.gate import of_log as gate
    from correctless.review.open_set import summarise as summarise
    from correctless.skill.contract import read_skill as read_skill

    __version__: str

__all__ = ["Ledger", "capture", "gate", "read_skill", "summarise"]

_HOME = {
    "Ledger": ("ledger.ledger", "Ledger"),
    "capture": ("decisions.capture", "capture"),
    "gate": ("review.gate", "of_log"),
    "read_skill": ("skill.contract", "read_skill"),
    "summarise": ("review.open_set", "summarise"),
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return _version()
    if name not in _HOME:
        raise AttributeError(f"module 'correctless' has no attribute '{name}'")
    from importlib import import_module

    module, attribute = _HOME[name]
    return getattr(import_module(f"correctless.{module}"), attribute)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "__version__"})


def _version() -> str:
    # plugin.json is the one home of the version: in a wheel inside the package, in a checkout at the top.
    import json
    import os

    package = os.path.dirname(os.path.abspath(__file__))
    for folder in (os.path.join(package, "plugin"), os.path.dirname(os.path.dirname(package))):
        try:
            with open(os.path.join(folder, "plugin.json"), "rb") as file:
                return str(json.load(file)["version"])
        except FileNotFoundError:
            continue
    raise AttributeError("module 'correctless' has no plugin.json to read its version from")


def itself() -> list[str]:
    """Return the argv that starts this package in a fresh interpreter, without the caller's folder or PYTHON* in its path."""
    import os

    return [sys.executable, "-I", os.path.join(os.path.dirname(os.path.abspath(__file__)), "__main__.py")]
