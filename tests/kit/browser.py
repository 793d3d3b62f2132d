"""A real browser: headless Chromium, driven over a pipe by its own protocol (CDP), without a package in between."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from patience import PATIENCE
from programs import chromium_program

_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
    "--force-color-profile=srgb",
]
_KEYS = {"Tab": 9, "Enter": 13, " ": 32}
_TEXTS = {"Enter": "\r", " ": " "}


class Page:
    """One tab: what it said on its console, what it asked the network for, and what is in it."""

    def __init__(self, into: int, out: int) -> None:
        self._into, self._out = into, out
        self._number, self._data, self._session = 0, b"", ""
        self.events: list[dict[str, Any]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """A command's answer; what happens meanwhile is kept in `events`."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._into, data) :]
        while True:
            answer = self._message()
            if answer.get("id") == self._number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                result: dict[str, Any] = answer["result"]
                return result
            self.events.append(answer)

    def _message(self) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE
        while b"\0" not in self._data:
            ready, _, _ = select.select([self._out], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, "the browser does not answer"
            more = os.read(self._out, 1 << 20)
            assert more, "the browser ended"
            self._data += more
        line, _, self._data = self._data.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        return message

    def open(self, path: Path | str, fragment: str = "") -> None:
        """Load a file and wait until it is complete."""
        # Through an empty page: from itself to a fragment of itself nothing is loaded.
        for url in ("about:blank", Path(path).absolute().as_uri() + fragment):
            self.events.clear()
            assert "errorText" not in self.call("Page.navigate", url=url)
            while not any(each.get("method") == "Page.loadEventFired" for each in self.events):
                self.events.append(self._message())
        self.call("Page.getLayoutMetrics")

    def js(self, expression: str) -> Any:
        """The value of an expression in the page."""
        done = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in done, done["exceptionDetails"]
        return done["result"].get("value")

    def console(self) -> list[dict[str, Any]]:
        """Everything the page or the browser said about it: messages, errors, violations of its policy."""
        said = ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")
        return [each["params"] for each in self.events if each.get("method") in said]

    def requests(self) -> list[str]:
        """The address of everything the page asked for, itself included."""
        asked = [each["params"] for each in self.events if each.get("method") == "Network.requestWillBeSent"]
        return [each["request"]["url"] for each in asked]

    def press(self, key: str, times: int = 1, *, shift: bool = False) -> None:
        """Press a key as a person does."""
        more = {"text": _TEXTS[key]} if key in _TEXTS else {}
        same = {
            "key": key,
            "code": "Space" if key == " " else key,
            "windowsVirtualKeyCode": _KEYS[key],
            "modifiers": 8 * shift,
        }
        for _ in range(times):
            self.call("Input.dispatchKeyEvent", type="keyDown", **same, **more)
            self.call("Input.dispatchKeyEvent", type="keyUp", **same)

    def type(self, text: str) -> None:
        """Type into what has the focus."""
        self.call("Input.insertText", text=text)

    def look(self, width: int = 1280, height: int = 900, *, dark: bool = False, media: str = "") -> None:
        """The size of the window, the colours the user prefers, and `print` for the look on paper."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.call("Emulation.setEmulatedMedia", media=media, features=scheme)

    def picture(self, path: Path | str, *, whole: bool = False) -> None:
        """Write what is seen, or the whole page, as a PNG."""
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"]
        Path(path).write_bytes(base64.b64decode(data))


@contextmanager
def browser() -> Iterator[Page]:
    """A browser with one tab, in a profile of its own; it ends with everything it started."""
    folder = tempfile.mkdtemp(prefix="correctless-browser-")
    theirs_in, into = os.pipe()
    out, theirs_out = os.pipe()
    # High numbers: the browser wants its ends as 3 and 4, and those must not be among what is duplicated.
    high = [fcntl.fcntl(fd, fcntl.F_DUPFD, 20) for fd in (theirs_in, theirs_out)]
    silent = os.open(os.devnull, os.O_RDWR)
    program = chromium_program()
    pid = os.posix_spawn(
        program,
        [program, *_FLAGS, f"--user-data-dir={folder}"],
        {**os.environ, "HOME": folder},
        file_actions=[
            *((os.POSIX_SPAWN_DUP2, silent, fd) for fd in (0, 1, 2)),
            (os.POSIX_SPAWN_DUP2, high[0], 3),
            (os.POSIX_SPAWN_DUP2, high[1], 4),
        ],
        setpgroup=0,
    )
    for fd in (theirs_in, theirs_out, *high, silent):
        os.close(fd)
    try:
        yield Page(into, out)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(into)
        os.close(out)
        shutil.rmtree(folder, ignore_errors=True)
