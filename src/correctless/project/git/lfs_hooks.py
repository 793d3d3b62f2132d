"""The hooks that git-lfs installs by itself when it is first used in a repository: no change of an agent."""

from __future__ import annotations

import os
import re

_NAMES = ("pre-push", "post-checkout", "post-commit", "post-merge")
# Releases differ in the words of the message alone. A text of it that the shell would expand or end is another hook.
_TEXT = rb'"(?:[^"$`\\\n]|\\n)*"'
_HOOK = re.compile(
    rb"#!/bin/sh\ncommand -v git-lfs >/dev/null 2>&1 \|\| "
    rb"\{ (?:echo >&2|printf >&2 " + _TEXT + rb") " + _TEXT + rb"; exit 2; \}\n"
    rb'git lfs ([a-z-]+) "\$@"\n?'
)


def is_lfs_hook(path: str, data: bytes | None) -> bool:
    """Whether a file of a hooks folder is, byte for byte, what git-lfs installs there."""
    name = os.path.basename(path)
    match = _HOOK.fullmatch(data or b"") if name in _NAMES else None
    return match is not None and match[1] == name.encode()
