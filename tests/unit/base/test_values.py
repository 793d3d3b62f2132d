"""`frozen` makes what `dataclass(frozen=True, slots=True)` makes: the two are compared."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError, asdict, dataclass, field, fields, replace
from typing import Any, ClassVar

import pytest

from correctless.base.values import frozen


class Plain:
    """One."""

    record: ClassVar[str] = "plain"
    name: str
    many: tuple[int, ...] = ()
    made: tuple[str, ...] = field(default_factory=lambda: ("a",))

    @property
    def first(self) -> int:
        return self.many[0]


def of(make: Callable[[type], Any]) -> Any:
    """A class made of a copy of `Plain`, which keeps none of what another decorator did to it."""
    kept = {name: value for name, value in vars(Plain).items() if name not in ("__dict__", "__weakref__")}
    return make(type("Plain", (), kept))


OURS = of(frozen)
THEIRS = of(dataclass(frozen=True, slots=True))


@pytest.mark.parametrize("kind", [OURS, THEIRS], ids=["ours", "theirs"])
def test_it_is_a_frozen_dataclass_with_slots(kind: Any) -> None:
    one = kind("x", (1, 2))
    assert [each.name for each in fields(kind)] == ["name", "many", "made"]
    assert asdict(one) == {"name": "x", "many": (1, 2), "made": ("a",)}
    assert (kind.record, one.first, kind.__doc__) == ("plain", 1, "One.")
    assert (kind.__slots__, kind.__match_args__) == (("name", "many", "made"),) * 2
    assert not hasattr(one, "__dict__")
    with pytest.raises(FrozenInstanceError):
        one.name = "y"
    with pytest.raises(FrozenInstanceError):
        del one.name
    with pytest.raises(TypeError):
        kind()


@pytest.mark.parametrize("kind", [OURS, THEIRS], ids=["ours", "theirs"])
def test_equal_is_what_has_the_same_class_and_the_same_values(kind: Any) -> None:
    one = kind("x", (1, 2))
    assert one == replace(one)
    assert hash(one) == hash(replace(one))
    for other in (kind("y", (1, 2)), kind("x", (1,)), kind("x", (1, 2), ("b",)), ("x", (1, 2), ("a",)), None):
        assert one != other
    assert len({one, replace(one), kind("y")}) == 2


def test_another_class_with_the_same_values_is_not_equal() -> None:
    assert OURS("x") != THEIRS("x")
    assert OURS("x") != of(frozen)("x")


def test_it_is_shown_as_a_dataclass_is() -> None:
    assert repr(OURS("x", (1,))) == repr(THEIRS("x", (1,)))


@frozen
class Point:
    x: int
    y: int = 0


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_a_copy_and_a_pickle_of_it_is_equal(again: Callable[[Point], Point]) -> None:
    assert again(Point(1, 2)) == Point(1, 2)


@pytest.mark.parametrize("kind", [OURS, THEIRS], ids=["ours", "theirs"])
@pytest.mark.parametrize(
    ("values", "named"),
    [((), {}), (("x", (1,), ("b",), 4), {}), (("x",), {"name": "y"}), (("x",), {"other": 1})],
)
def test_wrong_arguments_make_nothing_at_the_first_call_and_at_the_second(
    kind: Any, values: Any, named: Any
) -> None:
    for _ in range(2):
        with pytest.raises(TypeError):
            of(frozen if kind is OURS else dataclass(frozen=True, slots=True))(*values, **named)
        with pytest.raises(TypeError):
            kind(*values, **named)


def test_each_value_has_defaults_of_its_own() -> None:
    kind = of(
        lambda made: frozen(
            type("Plain", (), {"__annotations__": {"many": list}, "many": field(default_factory=list)})
        )
    )
    assert kind().many == []
    assert kind().many is not kind().many
    assert kind([1]).many == [1]
