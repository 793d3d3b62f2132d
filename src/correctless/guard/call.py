"""Entry point of the guard, run as a file: a call on stdin; exit 0 (pass) or 2 (denied, reason on stderr).

Nearly every call names nothing that is guarded. That is seen in the bytes, before json, re or the other modules are imported.
"""

from __future__ import annotations

import sys

# What a call must hold, as bytes without quotes and backslashes and in lower case, to be worth judging. Each rule of
# `judge` needs one of them; tests/unit/guard/test_guard.py draws calls from the rules and holds that.
NAMES = (
    *(b"correctless", b".corr", b"cauto", b"autonomous", b"artifacts"),  # our files and our commands
    *(b"escalation", b"approve"),  # a person's words
    *(b"push", b"gh ", b"hooks", b"settings", b".claude", b".mcp.json", b".husky", b"config", b"clean"),
)
# Spellings that hide a name from a look at the bytes: these calls are read whole.
HIDING = (b"\\u", b"\\x", b"$'", b"gh\\t", b"\\\\\\n")
_QUOTES = b"'\"\\"
_LOWER = bytes(range(256)).lower()
_SECONDS = 15


def main() -> int:
    """Judge the call on stdin and return the exit code: 0 pass, 2 denied, else the guard failed."""
    # A judgement that does not end is none: the door takes an end by this signal for a broken guard.
    # `signal` itself imports enum, half of what a bare interpreter takes.
    try:
        from _signal import alarm  # type: ignore[import-not-found]
    except ImportError:
        pass
    else:
        alarm(_SECONDS)
    data = sys.stdin.buffer.read()
    if not data.startswith(b"{"):
        return 3  # no call, or what another interpreter left of one
    if not names_something(data):
        return 0
    try:
        import gc
        from os import environ, path

        gc.disable()  # to look for garbage while importing costs a millisecond, and there is none
        sys.path.insert(0, path.dirname(path.dirname(path.dirname(path.abspath(__file__)))))
        from correctless.guard.judge import denial

        reason = denial(data, environ)
    except BaseException as error:  # noqa: BLE001 a judgement that failed must not let the call through
        reason = f"this call could not be judged ({type(error).__name__}: {error}). say it in another way"
    if reason is None:
        return 0
    sys.stderr.write("correctless guard: {}\n".format(" ".join(reason.split())))
    return 2


def names_something(data: bytes) -> bool:
    """Whether a call's bytes could name anything that is guarded."""
    if any(sign in data for sign in HIDING):
        return True
    bare = data.translate(_LOWER, _QUOTES)
    return any(name in bare for name in NAMES)


if __name__ == "__main__":
    code = main()
    try:  # noqa: SIM105 contextlib takes a millisecond
        sys.stderr.flush()
    except OSError:
        pass  # nobody reads the reason; the exit code still denies
    if "os" in sys.modules:
        # What an orderly end would give back piece by piece, the system takes at once.
        sys.modules["os"]._exit(code)
    sys.exit(code)
