"""What is shared between tests is found as it was made, whatever a test before did to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from shelf import Shelf


def test_what_a_test_changes_no_other_finds_changed(tmp_path: Path) -> None:
    shelf, made = Shelf(tmp_path), []

    def make(here: Path) -> None:
        made.append(here)
        (here / "folder").mkdir()
        (here / "folder/file").write_text("as made")
        (here / "link").symlink_to("folder/file")

    for _ in range(3):
        here = shelf.take("one", make)
        assert sorted(str(path.relative_to(here)) for path in here.rglob("*")) == [
            "folder",
            "folder/file",
            "link",
        ]
        assert ((here / "link").is_symlink(), (here / "link").read_text()) == (True, "as made")
        (here / "link").write_text("changed")
        (here / "more").write_text("left behind")
    assert made == [shelf.here]
    assert list(shelf.empty().iterdir()) == []


def test_what_could_not_be_made_is_not_found_half_made(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)

    def fails(here: Path) -> None:
        (here / "half").write_text("x")
        raise OSError("no")

    with pytest.raises(OSError, match="no"):
        shelf.take("one", fails)
    assert list(shelf.take("one", lambda here: None).iterdir()) == []
