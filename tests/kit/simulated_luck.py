"""A dice in; a plan and how rough its world is out, and the two ways a simulation ends early."""

from __future__ import annotations

import random
from dataclasses import dataclass

from correctless.runlog.plan import Plan
from runs import plan, planned

NAMES = ("ctdd", "simplify", "cverify", "cdocs", "cupdate", "csecurity")


class Broken(AssertionError):  # noqa: N818 a promise is broken: no error of the simulation
    """A promise of the engine that did not hold, and the command that shows it again."""


class Crash(BaseException):
    """The dispatcher was killed: only what is on disk is left."""


@dataclass(frozen=True, slots=True)
class Chances:
    """How often each trouble comes, drawn anew for each seed so that some seeds have only one kind."""

    crash: float
    interrupt: float
    refuse: float  # a full disk, a refused push: `Stop` out of an effect
    fail: float
    killed: float
    pause: float
    check: float
    defer: float
    orphan: float
    spoil: float  # an answer on disk that is not the one that was given


def draw(dice: random.Random) -> tuple[Plan, Chances]:
    """A plan and how rough its world is."""
    steps = tuple(
        planned(
            name,
            untrusted=name == "simplify" or dice.random() < 0.1,
            session=dice.random() < 0.6,
            fork=dice.random() < 0.2,
        )
        for name in dice.sample(NAMES, dice.randint(1, 6))
    )
    pr = dice.choice((("gh",), ("skip",), ("open-it", "--now")))
    made = plan(
        attempts=dice.choice((2, 3)),
        on_limit=dice.choice(("wait", "pause")),
        usd=dice.uniform(1.0, 8.0) if dice.random() < 0.15 else None,
        minutes=dice.uniform(5.0, 60.0) if dice.random() < 0.15 else 480.0,
        pr=pr,
        merge="r1" if pr == ("gh",) and dice.random() < 0.5 else "",
        steps=steps,
        on_escalation=dice.choice(("defer", "ask", "halt")),
        stop_at_usage={"five_hour": 80.0} if dice.random() < 0.15 else {},
        ci_wait_minutes=dice.choice((0.0, 30.0)),
    )

    def chance(most: float) -> float:
        return dice.choice((0.0, dice.random() * most))

    return made, Chances(
        crash=chance(0.12),
        interrupt=chance(0.06),
        refuse=chance(0.06),
        fail=chance(0.4),
        killed=chance(0.2),
        pause=chance(0.3),
        check=chance(0.5),
        defer=chance(0.5),
        orphan=chance(1.0),
        spoil=chance(0.1),
    )
