"""Frozen dataclasses with slots that import in a sixth of the time of `dataclass(frozen=True, slots=True)`.

For modules of many classes that are imported while an agent waits. `dataclass` writes and compiles six functions a class: 21 ms
for the 80 classes of `correctless contract authorize`, of 92 ms in all (scripts/bench contract). Here five of them are shared by
all classes, and `__init__` is compiled once a class has many values: most have a few, or none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, FrozenInstanceError, dataclass, fields
from functools import cache
from operator import attrgetter
from typing import Any, TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True)
def frozen(kind: type[T]) -> type[T]:
    """Return the class as `dataclass(frozen=True, slots=True)` would make it."""
    kind.__doc__ = kind.__doc__ or kind.__name__  # else `dataclass` computes a signature for it
    for method in (_eq, _hash, _repr, _init, _setattr, _delattr, _getstate, _setstate):
        setattr(kind, f"_{method.__name__}__", method)
    return dataclass(slots=True, eq=False, repr=False, init=False)(kind)


@cache
def _getter(kind: Any) -> Callable[[Any], tuple[Any, ...]]:
    names = kind.__match_args__
    # attrgetter returns no tuple for one name, and takes no empty list.
    return attrgetter(*names) if len(names) > 1 else lambda self: tuple(getattr(self, name) for name in names)


def _fields(self: Any) -> tuple[Any, ...]:
    return _getter(type(self))(self)  # type: ignore[arg-type]  # mypy takes no type for Hashable


def _eq(self: Any, other: Any) -> Any:
    return _fields(self) == _fields(other) if other.__class__ is self.__class__ else NotImplemented


def _hash(self: Any) -> int:
    return hash(_fields(self))


def _repr(self: Any) -> str:
    named = zip(self.__match_args__, _fields(self), strict=True)
    return f"{type(self).__qualname__}({', '.join(f'{name}={value!r}' for name, value in named)})"


_FEW = 16  # values of a class that are cheaper to fill by a loop than a function is to compile
_counts: dict[type, int] = {}


def _init(self: Any, /, *values: Any, **named: Any) -> None:
    kind = type(self)
    number = _counts[kind] = _counts.get(kind, 0) + 1
    names, known = kind.__match_args__, _known(kind)  # type: ignore[arg-type]  # as above
    filled = {**known, **dict(zip(names, values, strict=False)), **named}
    # Compiled for many values, for default factories, and for wrong arguments: a function has the right error message.
    twice = named and not named.keys().isdisjoint(names[: len(values)])
    if number > _FEW or known is _NOTHING or twice or len(values) > len(names) or filled.keys() != set(names):
        kind.__init__ = _compiled(kind)
        kind.__init__(self, *values, **named)
        return
    for name in names:
        _set(self, name, filled[name])


_set = object.__setattr__
_NOTHING: dict[str, Any] = {}


@cache
def _known(kind: Any) -> dict[str, Any]:
    """Return the defaults of a class; `_NOTHING` where one has a factory."""
    every = fields(kind)
    if any(each.default_factory is not MISSING for each in every):
        return _NOTHING
    return {each.name: each.default for each in every if each.default is not MISSING}


def _compiled(kind: Any) -> Any:
    """Compile the `__init__` of a class: each default is a global of it, and each slot is set past `__setattr__`."""
    known: dict[str, Any] = {"_set": _set, "_missing": MISSING}
    parameters, body = ["self"], ["pass"]
    for each in fields(kind):
        name = value = each.name
        if each.default_factory is not MISSING:
            known[f"_make_{name}"] = each.default_factory
            parameters.append(f"{name}=_missing")
            value = f"_make_{name}() if {name} is _missing else {name}"
        elif each.default is not MISSING:
            known[f"_default_{name}"] = each.default
            parameters.append(f"{name}=_default_{name}")
        else:
            parameters.append(name)
        body.append(f"_set(self, {name!r}, {value})")
    exec(f"def __init__({', '.join(parameters)}):\n " + "\n ".join(body), known)  # noqa: S102 names of fields alone
    return known["__init__"]


def _setattr(_: Any, name: str, __: Any) -> None:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _delattr(_: Any, name: str) -> None:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


# For copy and pickle, where no attribute can be set.
def _getstate(self: Any) -> tuple[Any, ...]:
    return _fields(self)


def _setstate(self: Any, state: tuple[Any, ...]) -> None:
    for name, value in zip(self.__match_args__, state, strict=True):
        _set(self, name, value)
