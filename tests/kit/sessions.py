"""A project whose client has sessions (`session_client`): what each process of it was told, and what is on record."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from patience import until
from project import Project

WORDS = ("run", "--no-check", "--spec", "spec.md", "--approve-spec-as", "Ada", "--agent", "claude")


class Sessions:
    """A project of one step whose client has sessions; `notes` is what its processes noted."""

    def __init__(self, project: Project, folder: Path, config: dict[str, Any] | None = None) -> None:
        self.project = project
        self.file = folder / "client" / "notes"
        self.file.parent.mkdir()
        program = folder / "claude"
        program.write_text(
            f"#!{sys.executable}\nimport runpy, sys\nsys.path.insert(0, {str(Path(__file__).parent)!r})\n"
            "runpy.run_module('session_client', run_name='__main__')\n"
        )
        program.chmod(0o755)
        self.env = {"CORRECTLESS_CLAUDE": str(program), "CORRECTLESS_NOTES": str(self.file)}

    def cauto(self, *words: str, parts: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
        return self.project.cauto(*words, env=self.given(*parts))

    def given(self, *parts: str) -> dict[str, str]:
        return {**self.env, "CORRECTLESS_PARTS": json.dumps(parts)}

    @property
    def notes(self) -> list[Any]:
        return [json.loads(line) for line in self.file.read_text().splitlines()] if self.file.exists() else []

    @property
    def parts(self) -> list[tuple[int, bool]]:
        return [
            (each["part"], each["resumed"])
            for each in self.notes
            if isinstance(each, dict) and "part" in each
        ]

    def of(self, kind: type) -> list[Any]:
        return [item.event for item in self.project.events() if isinstance(item.event, kind)]

    def wait(self, word: str) -> None:
        until(lambda: word in self.notes)
