"""Caches, downloads and build results among the files of a step: git commits what .gitignore does not name."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from correctless.base import below
from correctless.base.text import counted
from correctless.project.git import Repo

FILES, BYTES = 20, 1 << 20  # from either of these on it needs your review
_SHOWN = 5
# What tools make under names of their own.
_NAMES = frozenset(
    {
        *("node_modules", "bower_components", ".npm", ".pnpm-store", ".yarn", ".next", ".nuxt", ".turbo", ".parcel-cache"),
        *("__pycache__", ".venv", "venv", ".tox", ".nox", ".eggs", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis"),
        *("site-packages", "htmlcov", ".ipynb_checkpoints", ".m2", ".gradle", ".ivy2", ".sbt", ".cargo", ".rustup", ".terraform"),
        *(".cache", ".bundle", ".nuget", ".dart_tool", ".stack-work", "DerivedData", ".nyc_output", ".serverless", ".coursier"),
    }
)  # fmt: skip
# Names that people use as well: only beside the file of the tool that makes them.
_BESIDE = {
    "target": ("pom.xml", "Cargo.toml", "build.sbt"),
    "build": ("build.gradle", "build.gradle.kts", "setup.py", "CMakeLists.txt"),
    "dist": ("package.json", "pyproject.toml", "setup.py"),
    "obj": (".csproj",),
    "bin": (".csproj",),
    "_build": ("mix.exs", "dune-project"),
    "deps": ("mix.exs",),
    "coverage": ("package.json",),
}


@dataclass(slots=True)
class _CacheFolder:
    files: int = 0
    size: int = 0


def found(repo: Repo, base: str, changed: Iterable[str]) -> tuple[str, ...]:
    """Return the folders of caches that `changed` paths are in and `base` has not, largest first; () below the limits."""
    folders: dict[str, _CacheFolder] = {}
    for path in changed:
        if folder := folder_of(repo.top, path):
            one = folders.setdefault(folder, _CacheFolder())
            info = below.look(repo.top, os.path.join(repo.top, path))
            one.files += 1
            one.size += info.st_size if info is not None else 0
    new = {folder: one for folder, one in folders.items() if not _is_in(repo, base, folder)}
    files, size = sum(one.files for one in new.values()), sum(one.size for one in new.values())
    return tuple(_spelled(new)) if files >= FILES or size >= BYTES else ()


def _spelled(folders: dict[str, _CacheFolder]) -> Iterator[str]:
    ordered = sorted(folders.items(), key=lambda item: (-item[1].files, item[0]))
    for folder, one in ordered[:_SHOWN]:
        yield f"{folder}/ ({counted(one.files, 'file')}, {one.size / (1 << 20):.1f} MiB)"
    if len(ordered) > _SHOWN:
        yield f"{len(ordered) - _SHOWN} more folders"


def folder_of(top: str, path: str) -> str:
    """Return the outermost folder of a cache that a path is in; "" for none."""
    parts = path.split("/")[:-1]
    for number, name in enumerate(parts):
        if name in _NAMES or _is_made(os.path.join(top, *parts[:number]), name):
            return "/".join(parts[: number + 1])
    return ""


def _is_made(parent: str, name: str) -> bool:
    wanted = _BESIDE.get(name)
    if wanted is None:
        return False
    try:
        return any(each.endswith(wanted) for each in os.listdir(parent))
    except OSError:
        return False


def _is_in(repo: Repo, commit: str, folder: str) -> bool:
    return repo.try_git("cat-file", "-e", f"{commit}:{folder}").returncode == 0
