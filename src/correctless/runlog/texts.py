"""Limits of the texts in a run log that become paths, refs and arguments of commands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from correctless.syntax.strict_json import RecordError

# Fields that become a path, a ref or a variable's name: no control character is allowed.
_PLAIN = (
    "step", "session", "mark", "base", "left", "commit", "patch", "kept", "challenge", "digest", "url",
    "head", "inherited", "contract", "park", "branch", "spec", "pipeline", "remote", "target", "merge",
    "sandbox", "protected", "outputs", "agent_env", "labels", "writable", "readable", "name", "files",
    "report", "agent", "model", "tools",
)  # fmt: skip
# Fields that become arguments of a command: lines and tabs are allowed, NUL is not.
_ARGUMENTS = ("pr", "test", "check", "notify", "message")
_PLAIN_NAMES = frozenset(_PLAIN)


def refuse_unusable(record: object) -> None:
    """Raise `RecordError` with the field of a text that cannot be a path, a ref or an argument."""
    for name, text in _texts(record):
        if name in _PLAIN_NAMES and text and (min(text) < " " or "\x7f" in text):
            raise RecordError(f"field '{name}' holds a control character")
        try:
            fits = "\0" not in text and text.encode("utf-8", "surrogateescape") is not None
        except UnicodeEncodeError:
            fits = False
        if not fits:
            raise RecordError(f"field '{name}' has a text that no path and no argument of a command can have")


def _texts(record: object) -> Iterator[tuple[str, str]]:
    for name in (*_PLAIN, *_ARGUMENTS):
        value = getattr(record, name, None)
        if value is None:
            continue
        if isinstance(value, str):
            yield name, value
        elif isinstance(value, tuple | Mapping):
            yield from ((name, text) for text in value if isinstance(text, str))
