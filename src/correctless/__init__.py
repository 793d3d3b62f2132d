"""The library: read a skill's contract, capture decisions, log them, ask the gate, summarise.

Nothing is imported before it is asked for. `capture` and `gate` are at the same time functions and the modules they
live in: `correctless.gate(...)` and `from correctless.review.gate import of_log` both work, in any order.
"""

from __future__ import annotations

import sys
from types import ModuleType

TYPE_CHECKING = False  # typing costs 4 ms to import
# To a type checker `capture` and `gate` are the functions; where the module is meant, `import correctless.review.gate as gate`.
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from correctless.decisions.capture import capture as capture
    from correctless.ledger.ledger import Ledger as Ledger
    from correctless.review.gate import of_log as gate
    from correctless.review.open_set import summarise as summarise
    from correctless.skill.contract import read_skill as read_skill

    __version__: str

__all__ = ["Ledger", "capture", "gate", "read_skill", "summarise"]

_HOME = {
    "Ledger": ("ledger", "Ledger"),
    "capture": ("capture", "capture"),
    "gate": ("gate", "of_log"),
    "read_skill": ("contract", "read_skill"),
    "summarise": ("review", "summarise"),
}


class _CallableModule(ModuleType):
    """A module whose name is also the promised function; `__wrapped__` shows that one's signature to `inspect`."""

    __wrapped__: Callable[..., Any]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.__wrapped__(*args, **kwargs)


class _Package(ModuleType):
    def __setattr__(self, name: str, value: object) -> None:
        # Whoever imports correctless.review.gate first, the import system binds the module here, over any function.
        if isinstance(value, ModuleType) and name in _HOME and _HOME[name][0] == name:
            value.__class__ = _CallableModule
            vars(value)["__wrapped__"] = getattr(value, _HOME[name][1])
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return _version()
    if name not in _HOME:
        raise AttributeError(f"module 'correctless' has no attribute '{name}'")
    from importlib import import_module

    module, attribute = _HOME[name]
    found = import_module(f"correctless.{module}")
    return found if module == name else getattr(found, attribute)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "__version__"})


def _version() -> str:
    # plugin.json is the one home of the version: in a wheel inside the package, in a checkout at the top.
    import json
    import os

    here = os.path.dirname(os.path.abspath(__file__))
    for folder in (os.path.join(here, "plugin"), os.path.dirname(os.path.dirname(here))):
        try:
            with open(os.path.join(folder, "plugin.json"), "rb") as file:
                return str(json.load(file)["version"])
        except FileNotFoundError:
            continue
    raise AttributeError("module 'correctless' has no plugin.json to read its version from")


def itself() -> list[str]:
    """The argv that starts this very package in a fresh interpreter, without the caller's folder or PYTHON* in its path."""
    import os

    return [sys.executable, "-I", os.path.join(os.path.dirname(os.path.abspath(__file__)), "__main__.py")]
