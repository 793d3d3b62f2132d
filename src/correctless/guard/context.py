"""Context of a tool call, and the reasons that several modules give."""

from __future__ import annotations

import os

from correctless.guard import where

TYPE_CHECKING = False  # see shell
if TYPE_CHECKING:
    from collections.abc import Mapping

PROTECTED = (
    "{} is written by correctless alone (logs, confirmations, run state). read it with: correctless decisions list, "
    "correctless cauto status; change nothing there"
)
TYPED_ANSWER = "this answer counts only when the operator types it. show them what to type, and wait"
SETTINGS = "{} holds hooks or settings, which must not change while a run or a run contract is active"
OPEN_CONTRACT = "{} is a run contract in force: a change voids every grant. ask the operator"


class CallContext:
    """Folder, environment and repository of one call; each is looked up once, when a rule needs it."""

    def __init__(self, cwd: str, env: Mapping[str, str]) -> None:
        self.cwd = cwd
        self.env = env
        self.dispatched = bool(env.get("CORRECTLESS_AGENT"))
        self._home: where.Home | None = None
        self._runs: list[str] | None = None
        self._looked = False

    @property
    def home(self) -> where.Home | None:
        """Return the repository of the folder the call is made in, if any."""
        if not self._looked:
            self._home, self._looked = where.home(self.cwd), True
        return self._home

    @property
    def runs(self) -> list[str]:
        """Return the branches of unfinished runs."""
        if self._runs is None:
            self._runs = list(where.runs(self.home)) if self.home else []
        return self._runs

    @property
    def pinned(self) -> bool:
        """Return whether a run contract is in force."""
        return self.home is not None and where.is_pinned(self.home)

    @property
    def under_way(self) -> bool:
        """Return whether an agent, a run or a run contract is active."""
        return self.dispatched or bool(self.runs) or self.pinned

    @property
    def switched_off(self) -> bool:
        """Return whether the operator switched the guard off; it stays on for an agent of the dispatcher."""
        return not self.dispatched and os.path.lexists(where.off_switch(self.home, self.env))
