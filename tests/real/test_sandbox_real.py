"""The sandbox with the real bubblewrap: each way an agent tries to leave it, and that it leaves nothing of the world changed."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

import escapes
from walls import NOBODY, SECRET, Around, World, scratch

pytestmark = pytest.mark.real

# Root can do more outside of a sandbox, and another user other things in one.
USERS = {"root": 0, "nobody": NOBODY} if os.geteuid() == 0 else {"me": os.geteuid()}
OF_GIT = [
    name
    for name in escapes.WAYS
    if "git" in name or "{common}" in escapes.WRITES.get(name.removeprefix("write "), "")
]


@pytest.fixture(scope="module")
def worlds() -> Iterator[dict[tuple[str, int], World]]:
    made: dict[tuple[str, int], World] = {}
    yield made
    for world in made.values():
        world.remove()


@pytest.fixture
def world(worlds: dict[tuple[str, int], World], request: pytest.FixtureRequest) -> World:
    layout, user = request.param
    key = (layout, USERS[user])
    if key not in worlds:
        worlds[key] = World(os.path.join(scratch(), "world"), *key)
    worlds[key].restore()
    return worlds[key]


@pytest.fixture
def around(world: World) -> Iterator[Around]:
    around = Around(world)
    yield around
    around.end()


def worlds_of(*pairs: tuple[str, str]) -> pytest.MarkDecorator:
    both = [(layout, user if user in USERS else "me") for layout, user in pairs]
    return pytest.mark.parametrize("world", both, indirect=True, ids=[" as ".join(each) for each in both])


ONCE = (("ordinary", "nobody"), ("linked", "root"))
TWICE = (("ordinary", "root"), ("linked", "nobody"))
# What works on namespaces, processes and the kernel is another thing for another user.
OF_THE_KERNEL = [name for name in escapes.WAYS if name not in escapes.BARE]


def got_out(said: str, changed: dict[str, str]) -> list[str]:
    through = [line for line in said.splitlines() if line.startswith("reached: ") or SECRET in line]
    return through + [f"{path}: {how}" for path, how in sorted(changed.items())]


@worlds_of(*ONCE)
@pytest.mark.parametrize("name", escapes.WAYS)
def test_an_agent_in_a_sandbox_can_not(world: World, around: Around, name: str) -> None:
    assert got_out(*world.attempt(name, around)) == []


@worlds_of(*TWICE)
@pytest.mark.parametrize("name", OF_THE_KERNEL)
def test_whoever_it_is_an_agent_can_not(world: World, around: Around, name: str) -> None:
    assert got_out(*world.attempt(name, around)) == []


@worlds_of(("submodule", "nobody"), ("bare", "root"))
@pytest.mark.parametrize("name", OF_GIT)
def test_an_agent_in_a_submodule_or_a_worktree_of_a_bare_repository_can_not(
    world: World, around: Around, name: str
) -> None:
    assert got_out(*world.attempt(name, around)) == []


@worlds_of(("ordinary", "root"))
@pytest.mark.parametrize("name", sorted(escapes.BARE))
def test_without_a_sandbox_an_agent_can(world: World, around: Around, name: str) -> None:
    # Otherwise the tests above would hold whatever a sandbox does.
    assert got_out(*world.attempt(name, around, bare=True)) != []
