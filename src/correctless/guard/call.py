"""Entry point of the guard, run as a file: a call on stdin; exit 0 (pass) or 2 (denied, reason on stderr).

Nearly every call names nothing that is guarded. The bytes show that before json, re or the other modules are imported.
"""

from __future__ import annotations

import sys

# A call is judged only if its bytes, in lower case without quotes and backslashes, contain one of these. Each rule of
# `judge` needs one of them; tests/unit/guard/test_guard.py draws calls from the rules and checks that.
NAMES = (
    *(b"correctless", b".corr", b"cauto", b"autonomous", b"artifacts"),  # our files and our commands
    *(b"escalation", b"approve", b"/confirm"),  # answers that only you may give
    *(b"push", b"gh ", b"hooks", b"settings", b".claude", b".mcp.json", b".husky", b"config", b"clean"),
)
# Spellings that hide a name from a search of the bytes: these calls are parsed.
HIDING = (b"\\u", b"\\x", b"$'", b"gh\\t", b"\\\\\\n")
_QUOTES = b"'\"\\"
_LOWER = bytes(range(256)).lower()
_SECONDS = 15


def main() -> int:
    """Judge the call on stdin and return the exit code: 0 pass, 2 denied, else the guard failed."""
    # The alarm ends a judgement that hangs, and the door then treats the guard as broken.
    # `signal` itself imports enum, which takes half as long as a bare interpreter.
    try:
        from _signal import alarm  # type: ignore[import-not-found]
    except ImportError:
        pass
    else:
        alarm(_SECONDS)
    data = sys.stdin.buffer.read()
    if not data.startswith(b"{"):
        return 3  # not a call, or one that another interpreter has read in part
    if not names_something(data):
        return 0
    try:
        import gc
        from os import environ, path

        gc.disable()  # collecting garbage while importing costs a millisecond and finds none
        sys.path.insert(0, path.dirname(path.dirname(path.dirname(path.abspath(__file__)))))
        from correctless.guard.judge import denial

        reason = denial(data, environ)
    except BaseException as error:  # noqa: BLE001 a judgement that failed must not let the call through
        reason = f"this call could not be judged ({type(error).__name__}: {error}). write it in another way"
    if reason is None:
        return 0
    sys.stderr.write("correctless guard: {}\n".format(" ".join(reason.split())))
    return 2


def names_something(data: bytes) -> bool:
    """Return whether a call's bytes could name anything that is guarded."""
    if any(sign in data for sign in HIDING):
        return True
    bare = data.translate(_LOWER, _QUOTES)
    return any(name in bare for name in NAMES)


if __name__ == "__main__":
    code = main()
    try:  # noqa: SIM105 contextlib takes a millisecond
        sys.stderr.flush()
    except OSError:
        pass  # the reason cannot be written; the exit code still denies
    if "os" in sys.modules:
        # The system frees all memory at once, an orderly exit piece by piece.
        sys.modules["os"]._exit(code)
    sys.exit(code)
