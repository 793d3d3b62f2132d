"""Conversion of a TOML table to its frozen class: one quick reader, and one that reports every fault.

Both read the same annotations (`forms.ValueForm`); a test compares them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from correctless.runcontract.document.forms import MANY, ValueForm

TYPE_CHECKING = False
if TYPE_CHECKING:
    from correctless.syntax.toml_text import Path

T = TypeVar("T")


def build(kind: type[T], table: Mapping[str, Any]) -> T:
    """Return a value of the dataclass `kind`; `ValueError` at the first fault. Keys are closed, types exact."""
    hints = _hints(kind)  # type: ignore[arg-type]  # mypy takes no type[T] for Hashable
    names = {written(name): name for name in hints}
    for key in table:
        if key not in names:
            raise ValueError(f"unknown key '{key}'")
    arguments = {names[key]: _fit(value, hints[names[key]]) for key, value in table.items()}
    for f in fields(kind):  # type: ignore[arg-type]  # a dataclass type, which mypy can't say of type[T]
        if f.name not in arguments and f.default is MISSING:
            raise ValueError(f"missing key '{written(f.name)}'")
    return kind(**arguments)


def validated(kind: type, table: Mapping[str, Any]) -> tuple[Any, list[tuple[Path, str, bool]]]:
    """Return the same value, or None and each fault: its place, what to write, and whether its key is at fault."""
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(prepared(kind)).validate_python(table), []
    except ValidationError as error:
        return None, [
            _fault(kind, e["type"], tuple(e["loc"]), e["msg"], e.get("ctx", {})) for e in error.errors()
        ]


@cache
def prepared(kind: type) -> type:
    """Return the class, once pydantic knows that its keys, and those of all classes in it, are closed."""
    for hint in _hints(kind).values():
        for inner in _classes(hint):
            prepared(inner)
    kind.__pydantic_config__ = {"extra": "forbid", "alias_generator": written}  # type: ignore[attr-defined]
    return kind


def written(name: str) -> str:
    """Return the key in the document, where Python has a keyword of that name."""
    return name.rstrip("_")


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind, include_extras=True)


def _classes(hint: Any) -> tuple[type, ...]:
    if is_dataclass(hint) and isinstance(hint, type):
        return (hint,)
    return tuple(each for arg in get_args(hint) for each in _classes(arg))


def _keys_at(kind: type, loc: Path) -> list[str]:
    """Return the keys of the table at a place of a table of this kind."""
    for part in loc:
        if isinstance(part, str):
            hint = next((hint for name, hint in _hints(kind).items() if written(name) == part), None)
            inner = _classes(hint)
            if not inner:
                return []
            kind = inner[0]
    return [written(name) for name in _hints(kind)]


def _fit(value: Any, hint: Any) -> Any:
    origin = get_origin(hint)
    if origin is Annotated:
        for form in hint.__metadata__:
            if isinstance(form, ValueForm):
                form.check(value)
        return float(value) if get_args(hint)[0] is float else value
    if origin in (Union, UnionType):
        return _fit(value, next(arg for arg in get_args(hint) if arg is not NoneType))
    if origin is Literal:
        if type(value) is not str or value not in get_args(hint):
            raise ValueError(f"write one of {', '.join(map(str, get_args(hint)))}")
        return value
    if origin is tuple:
        if type(value) is not list or len(value) > MANY:
            raise ValueError(f"write an array of at most {MANY}")
        return tuple(_fit(item, get_args(hint)[0]) for item in value)
    if type(value) is not dict:
        raise ValueError("write a table")
    return build(hint, value)


def _fault(
    owner_kind: type, kind: str, loc: Path, message: str, context: Mapping[str, Any]
) -> tuple[Path, str, bool]:
    name = str(loc[-1]) if loc else ""
    owner = next((str(part) for part in reversed(loc) if isinstance(part, str)), name)
    if kind == "unexpected_keyword_argument":
        from difflib import get_close_matches  # only a fault needs it

        near = get_close_matches(name, _keys_at(owner_kind, loc[:-1]), n=1, cutoff=0.75)
        fix = f"did you mean {near[0]}?" if near else "remove it, or see correctless contract schema"
        return loc, f"unknown key '{name}'. {fix}", True
    if kind in ("missing", "missing_argument", "missing_keyword_only_argument"):
        return loc[:-1], f"the key '{name}' is missing. add it", True
    if kind == "literal_error":
        return loc, f"'{owner}' has another value than it may. write {context['expected']}", False
    if kind == "value_error":
        return loc, f"'{owner}' has another form. {context['error']}", False
    if kind in ("tuple_type", "too_long"):
        return loc, f"'{owner}' is not an array. write one in [ ]", False
    if kind == "dataclass_type":
        return loc, f"'{owner}' is not a table. write it as one", False
    return loc, f"'{owner}': {message[:1].lower()}{message[1:]}. see correctless contract schema", False
