"""Paths that an agent could have made: no link on the way is followed, and nothing is waited for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from correctless.base import below


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "outside/sub").mkdir(parents=True)
    (tmp_path / "outside/sub/f").write_text("mine")
    top = tmp_path / "top"
    (top / "a/b").mkdir(parents=True)
    (top / "a/b/f").write_text("here")
    (top / "link").symlink_to(tmp_path / "outside")
    return top


def outside(root: Path) -> list[str]:
    folder = root.parent / "outside"
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize("name", ["link/sub/f", "../outside/sub/f", "a/../../outside/sub/f", "."])
def test_a_path_that_leads_out_is_neither_seen_read_nor_moved(root: Path, name: str) -> None:
    path = f"{root}/{name}"
    assert below.look(str(root), path) is None
    with pytest.raises(OSError, match=r"."):
        below.read(path, 10, root=str(root))
    with pytest.raises(OSError, match=r"."):
        below.move(str(root), path, str(root), f"{root}/kept")
    assert outside(root) == ["sub", "sub/f"]


def test_a_plain_path_is_seen_read_and_moved_to_the_first_free_name(root: Path) -> None:
    path = f"{root}/a/b/f"
    assert below.look(str(root), path)
    assert below.read(path, root=str(root)) == b"here"
    assert below.read(path, 2) == b"he"
    (root / "kept").write_text("before")
    assert below.move(str(root), path, str(root), f"{root}/kept") == f"{root}/kept.2"
    assert (root / "kept").read_text() == "before"
    assert (root / "kept.2").read_text() == "here"


def test_a_link_is_moved_and_not_what_it_leads_to(root: Path) -> None:
    below.move(str(root), f"{root}/link", str(root), f"{root}/new/link")
    assert os.readlink(root / "new/link") == str(root.parent / "outside")
    assert outside(root) == ["sub", "sub/f"]


def test_folders_are_made_beside_what_is_in_their_place(root: Path) -> None:
    below.make_folder(str(root), f"{root}/link/new")
    assert (root / "link/new").is_dir()
    assert (root / "link.found").is_symlink()
    assert outside(root) == ["sub", "sub/f"]


def test_lines_are_added_to_a_plain_file_alone(root: Path) -> None:
    (root / "told").symlink_to(root.parent / "outside/sub/f")
    os.mkfifo(root / "pipe")
    for name in ("told", "pipe", "pipe"):
        below.append(str(root), f"{root}/{name}", b"line\n")
    assert (root / "told").read_text() == "line\n"
    assert (root / "pipe").read_text() == "line\nline\n"
    assert (root.parent / "outside/sub/f").read_text() == "mine"


@pytest.mark.parametrize("kind", ["pipe", "link", "folder", "device", "nothing"])
def test_what_is_no_plain_file_is_neither_opened_nor_waited_for(root: Path, kind: str) -> None:
    path = root / "x"
    match kind:
        case "pipe":
            os.mkfifo(path)
        case "link":
            path.symlink_to(root / "a/b/f")
        case "folder":
            path.mkdir()
        case "device":
            path = Path("/dev/zero")
    before = len(os.listdir("/dev/fd"))
    with pytest.raises(OSError, match=r"."):
        below.read(str(path), 10)
    assert len(os.listdir("/dev/fd")) == before
