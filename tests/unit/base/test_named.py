"""`base.named.NamedTuple` does what `typing.NamedTuple` does with the same class."""

from __future__ import annotations

import typing

import pytest

from correctless.base import named


def test_it_makes_the_same_class_as_typing() -> None:
    source = (
        "from __future__ import annotations\n"
        "class Place(Base):\n"
        '    """A place."""\n'
        "    path: str\n"
        "    line: int = 1\n"
        "    @property\n"
        "    def shown(self) -> str: return f'{self.path}:{self.line}'\n"
        "    def next(self) -> Place: return self._replace(line=self.line + 1)\n"
    )
    classes = []
    for base in (typing.NamedTuple, named.NamedTuple):
        space: dict[str, typing.Any] = {"Base": base, "__name__": "places"}
        exec(source, space)
        classes.append(space["Place"])
    for place in classes:
        assert (place._fields, place._field_defaults) == (("path", "line"), {"line": 1})
        assert (place.__name__, place.__module__, place.__doc__) == ("Place", "places", "A place.")
        assert place("a") == ("a", 1) == place(path="a", line=1)
        assert (place("a").shown, place("a").next(), place("a")._asdict()) == (
            "a:1", ("a", 2), {"path": "a", "line": 1}
        )  # fmt: skip
        assert issubclass(place, tuple)
        assert repr(place("a")) == "Place(path='a', line=1)"
        with pytest.raises(TypeError):
            place()
        with pytest.raises(AttributeError):
            place("a").line = 2
