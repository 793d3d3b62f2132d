"""What takes long to make and is the same for many tests: made once a worker, and found by each test as it was made."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable
from pathlib import Path


class Shelf:
    """Everything is made and found in one folder, `here`: absolute paths on record stay true, and so does what is kept by path."""

    def __init__(self, folder: Path) -> None:
        self.here = folder / "here"
        self._kept = folder / "kept"

    def empty(self) -> Path:
        """The folder without anything in it."""
        if self.here.exists():
            gone = self.here.rename(self.here.with_name(uuid.uuid4().hex))  # whatever still lives in there
            shutil.rmtree(gone, ignore_errors=True)
        self.here.mkdir(parents=True)
        return self.here

    def take(self, name: str, make: Callable[[Path], None]) -> Path:
        """The folder as `make` left it, and as no test has touched it since."""
        kept = self._kept / name
        here = self.empty()
        if kept.exists():
            shutil.copytree(kept, here, symlinks=True, dirs_exist_ok=True)
        else:
            make(here)
            copied = shutil.copytree(here, self._kept / "new", symlinks=True)
            copied.rename(kept)  # half a copy is none
        return here
