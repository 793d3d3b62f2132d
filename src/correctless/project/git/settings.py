"""The user's and the machine's git configuration, frozen in one file for a run.

Its comments contain two more files: the user's excludes and attributes.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from contextlib import suppress

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.base.files import open_plain
from correctless.project.git import Repo
from correctless.project.git.call import RULES, error_line

_LONGEST = 1 << 20  # bytes of one such file


def frozen(repo: Repo) -> bytes:
    """Return what git reads outside of this repository, in its order, with includes resolved as they apply now."""
    done = repo.try_git("config", "--list", "--null", "--show-scope")
    if done.returncode != 0:
        raise Stop(
            exits.REFUSED, f"git's configuration can't be read: {error_line(done)}. fix it, then retry"
        )
    items = done.stdout.split("\0")
    pairs = zip(items[::2], items[1::2], strict=False)
    lines = [_line(item) for scope, item in pairs if scope in ("system", "global")]
    encoded = [f"#{name} {base64.b64encode(data).decode()}\n" for name, data in _live(repo).items()]
    return "".join((*lines, *encoded)).encode("utf-8", "surrogateescape")


def rules(repo: Repo, data: bytes) -> dict[str, bytes]:
    """Return the two files in a frozen configuration, by the ends of their names; of an older one the present files."""
    files: dict[str, bytes] = {}
    for line in data.splitlines():
        name, _, encoded = line.partition(b" ")
        if name[:1] == b"#" and name[1:].decode("ascii", "replace") in RULES:
            files[name[1:].decode()] = base64.b64decode(encoded)
    return files or _live(repo)


def _live(repo: Repo) -> dict[str, bytes]:
    folder = os.environ.get("XDG_CONFIG_HOME") or os.path.join(os.environ.get("HOME", ""), ".config")
    files = {}
    for name, key in RULES.items():
        done = repo.try_git("config", "--type=path", "--get", key)
        path = done.stdout.removesuffix("\n") if done.returncode == 0 else os.path.join(folder, "git", name)
        data = b""
        with suppress(OSError), open(open_plain(os.path.join(repo.top, path), follow=True), "rb") as file:
            data = file.read(_LONGEST + 1)
        if len(data) > _LONGEST:
            raise Stop(
                exits.REFUSED, f"{path} is over {_LONGEST >> 20} MiB. make it shorter, then start again"
            )
        files[name] = data
    return files


def _line(item: str) -> str:
    key, equals, value = item.partition("\n")
    section, _, rest = key.partition(".")
    subsection, dot, name = rest.rpartition(".")
    if section in ("include", "includeif"):  # included settings are listed too
        return ""
    head = f'[{section} "{_escaped(subsection)}"]' if dot else f"[{section}]"
    return f'{head}\n\t{name} = "{_value(value)}"\n' if equals else f"{head}\n\t{name}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _value(text: str) -> str:
    return _escaped(text).replace("\n", "\\n").replace("\t", "\\t").replace("\b", "\\b")


def push_urls(configuration: Mapping[str, str]) -> tuple[str, ...]:
    """Return the URLs that remotes have for pushing only, from `Repo.configuration()`."""
    return tuple(
        url
        for key, value in configuration.items()
        if key.startswith("remote.") and key.endswith(".pushurl")
        for url in value.split("\n")
    )
