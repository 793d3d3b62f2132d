"""A `claude` program for tests: CORRECTLESS_BAD names a scenario, it plays that one and ends as badly as it says.

`PLAYS` holds them all. Each gets the `Client`; what a play returns is the exit code, and a play that never returns hangs. From
the attempt CORRECTLESS_BAD_UNTIL on (if set) the client behaves.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, NoReturn

VERSION = "2.1.329"


class Client:
    """The words of the stream-json protocol, as the real client says them."""

    def __init__(self, prompt: str) -> None:
        nonce = re.findall(r"^AUTONOMOUS_DECISIONS_START ([0-9a-f]{8})$", prompt, re.MULTILINE)[-1]
        decision = {
            "decision_id": "AD-001",
            "default_applied": "what the skill says",
            "rationale": "because",
            "escalation_deferred": False,
            "original_escalation_reason": None,
        }
        self.block = f"AUTONOMOUS_DECISIONS_START {nonce}\n{json.dumps(decision)}\nAUTONOMOUS_DECISIONS_END\n"
        self.answer = f"Done.\n{self.block}"
        self.turn = 0

    def raw(self, data: bytes) -> None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()

    def say(self, **event: Any) -> None:
        self.raw(json.dumps(event).encode() + b"\n")

    def init(self, **more: Any) -> None:
        self.say(
            **{"type": "system", "subtype": "init", "claude_code_version": VERSION, "plugin_errors": []}
            | more
        )

    def message(self, *content: dict[str, Any], tokens: int = 1000, **more: Any) -> None:
        """One model turn of about `tokens` output tokens at 75 USD a million and next to nothing else."""
        self.turn += 1
        usage = {"input_tokens": 10, "output_tokens": tokens}
        message = {
            "id": f"m{self.turn}",
            "model": "m",
            "role": "assistant",
            "content": content,
            "usage": usage,
        }
        self.say(**{"type": "assistant", "message": message, "parent_tool_use_id": None} | more)

    def work(self, tokens: int = 1000) -> None:
        """A turn that calls a tool, and the tool's answer."""
        self.message(
            {"type": "tool_use", "id": "t", "name": "Bash", "input": {"command": "make"}}, tokens=tokens
        )
        content = [{"type": "tool_result", "tool_use_id": "t", "content": "ok"}]
        self.say(type="user", message={"role": "user", "content": content}, parent_tool_use_id=None)

    def refusal(self, status: int | None, word: str) -> None:
        """What the client says in the model's place when a request failed for good."""
        said = [{"type": "text", "text": f"API Error: {status}"}]
        self.message(*said, tokens=0, error=word, is_api_error_message=True, api_error_status=status)

    def result(self, text: str | None = None, **more: Any) -> None:
        said = {
            "type": "result",
            "subtype": "success",
            "is_error": False,
            "terminal_reason": "completed",
            "api_error_status": None,
            "num_turns": self.turn,
            "result": self.answer if text is None else text,
            "total_cost_usd": 0.01,
            "queued_turn_count": 0,
        }
        self.say(**said | more)

    def api_result(self, status: int | None, **more: Any) -> None:
        self.result(
            f"API Error: {status}",
            **{"is_error": True, "terminal_reason": "api_error", "api_error_status": status} | more,
        )

    def limit(self, **more: Any) -> None:
        self.say(
            type="rate_limit_event",
            rate_limit_info={"status": "rejected", "rateLimitType": "five_hour"} | more,
        )

    def good(self) -> int:
        self.init()
        self.work()
        self.message({"type": "text", "text": self.answer})
        self.result()
        return 0


def hang() -> NoReturn:
    while True:
        time.sleep(60)


def hangs_after_the_result(client: Client) -> int:
    client.good()
    hang()


def hangs_at_the_start(client: Client) -> int:
    hang()


def hangs_in_a_tool(client: Client) -> int:
    client.init()
    client.message({"type": "tool_use", "id": "t", "name": "Bash", "input": {"command": "sleep 9999"}})
    subprocess.run(["sleep", "9999"], check=False, start_new_session=True)
    hang()


def ignores_sigterm(client: Client) -> int:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    client.init()
    hang()


def usage_limit_as_success(client: Client) -> int:
    client.init()
    client.refusal(429, "rate_limit")
    client.api_result(429)
    return 0


def rejected_then_exit_1(client: Client) -> int:
    client.init()
    client.work()
    client.limit()
    return 1


def _session_limit(client: Client, resets: float) -> int:
    client.init()
    client.limit(resetsAt=resets)
    client.refusal(429, "rate_limit")
    client.api_result(429)
    return 1


def session_limit(client: Client) -> int:
    return _session_limit(client, int(time.time()) + 3600)


def session_limit_that_ended_long_ago(client: Client) -> int:
    return _session_limit(client, 1_000_000_000)


def session_limit_until_the_year_9999(client: Client) -> int:
    return _session_limit(client, 253_402_300_799)


def pays_extra(client: Client) -> int:
    """Uses up what the account includes and works on with what is paid for, as far as it is let."""
    client.init()
    client.work(tokens=1)
    client.limit(isUsingOverage=True, overageStatus="allowed", resetsAt=int(time.time()) + 3600)
    client.work(tokens=1)
    return client.good()


def pays_extra_by_the_service(client: Client) -> int:
    """The service's own word for it, without a rejection and without the end of the window."""
    client.init()
    client.work(tokens=1)
    client.limit(status="allowed", isUsingOverage=False, overageInUse=True)
    client.work(tokens=1)
    return client.good()


def pays_extra_for_the_last_word(client: Client) -> int:
    code = client.good()
    client.limit(isUsingOverage=True, overageStatus="allowed", resetsAt=int(time.time()) + 3600)
    return code


def pays_extra_after_a_first_word(client: Client) -> int:
    """The first result is no last word: an agent in the background goes on, and pays extra."""
    client.good()
    client.limit(isUsingOverage=True, overageStatus="allowed", resetsAt=int(time.time()) + 3600)
    client.work(tokens=1)
    hang()


def two_results_the_last_good(client: Client) -> int:
    client.init()
    client.result("", is_error=True, subagent_stats={"spawned": 1})
    time.sleep(0.2)
    return client.good()


def two_results_the_last_bad(client: Client) -> int:
    client.init()
    client.result(subagent_stats={"spawned": 1})
    time.sleep(0.2)
    client.init()
    client.result("", subtype="error_during_execution", is_error=True, errors=["the sub-agent was lost"])
    return 0


def no_result(client: Client) -> int:
    client.init()
    client.message({"type": "text", "text": client.answer})
    return 0


def sigint_with_exit_0(client: Client) -> int:
    signal.signal(signal.SIGINT, lambda *_: os._exit(0))
    client.init()
    client.work()
    os.kill(os.getpid(), signal.SIGINT)
    hang()


def garbage_then_good(client: Client) -> int:
    for line in (
        b"warning: something",
        b"[1, 2",
        b"42",
        b'"text"',
        b"[]",
        b"{}",
        b'{"type": 5}',
        b"\t",
        b"NaN",
    ):
        client.raw(line + b"\n")
    client.raw(
        b'{"type": "assistant", "message": []}\n{"type": "rate_limit_event", "rate_limit_info": "soon"}\n'
    )
    client.raw(b"x\n" * 100)
    return client.good()


def garbage_only(client: Client) -> int:
    client.raw(b"Segmentation fault? no\n" * 50)
    return 0


def truncated_json(client: Client) -> int:
    client.init()
    client.work()
    whole = json.dumps({"type": "result", "subtype": "success", "is_error": False, "result": client.answer})
    client.raw(whole[: len(whole) // 2].encode())
    return 0


def child_keeps_the_output(client: Client) -> int:
    subprocess.Popen(["sleep", "600"])
    return client.good()


def daemon_writes_on(client: Client) -> int:
    """A double fork into a session of its own, deaf to SIGTERM, that writes into the worktree every 10 ms."""
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            signal.signal(
                signal.SIGTERM, signal.SIG_IGN if "deaf" in os.environ["CORRECTLESS_BAD"] else signal.SIG_DFL
            )
            os.dup2(os.open(os.devnull, os.O_RDWR), 1)
            os.write(writer, b"up")
            for number in range(100_000):
                with open("written-by-the-daemon", "w") as file:
                    file.write(str(number))
                time.sleep(0.01)
        os._exit(0)
    os.read(reader, 2)
    return client.good()


def daemon_forks_on(client: Client) -> int:
    """A daemon that is a new process every few milliseconds, in a session of its own."""
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.dup2(os.open(os.devnull, os.O_RDWR), 1)
        os.write(writer, b"up")
        until = time.monotonic() + 100
        while time.monotonic() < until:
            os.setsid()
            if os.fork():
                os._exit(0)
            time.sleep(0.003)
        os._exit(0)
    os.read(reader, 2)
    return client.good()


def empty_answer(client: Client) -> int:
    client.init()
    client.result("")
    return 0


def blank_answer(client: Client) -> int:
    client.init()
    client.result(" \n\t\u00a0\u2003\n")
    return 0


def spends_on(client: Client) -> int:
    """Four hundred turns at about 0.075 USD each, whatever --max-budget-usd says."""
    client.init()
    for _ in range(400):
        client.work(tokens=1000)
        time.sleep(0.005)
    client.result(total_cost_usd=30.0)
    return 0


def spends_by_its_bill(client: Client) -> int:
    """A first result that is dear already, with an agent in the background that goes on."""
    client.init()
    client.result("soon", total_cost_usd=30.0, subagent_stats={"spawned": 1})
    hang()


def too_dear_but_done(client: Client) -> int:
    client.init()
    client.result(total_cost_usd=30.0)
    return 0


def turns_on(client: Client) -> int:
    client.init()
    for _ in range(400):
        client.work(tokens=1)
        time.sleep(0.005)
    client.result()
    return 0


def turns_on_without_ids(client: Client) -> int:
    client.init()
    for _ in range(400):
        client.say(type="assistant", message={"role": "assistant", "content": []}, parent_tool_use_id=None)
        client.say(type="user", message={"role": "user", "content": []}, parent_tool_use_id=None)
        time.sleep(0.005)
    client.result()
    return 0


def turn_limit(client: Client) -> int:
    client.init()
    client.work()
    client.result(
        "", subtype="error_max_turns", is_error=True, terminal_reason="max_turns", errors=["3 turns"]
    )
    return 1


def money_limit(client: Client) -> int:
    client.init()
    client.work()
    said = {
        "subtype": "error_max_budget_usd",
        "terminal_reason": "budget_exhausted",
        "errors": ["all is spent"],
    }
    client.result("", is_error=True, **said)
    return 1


def closes_its_output_and_goes_on(client: Client) -> int:
    client.init()
    client.work()
    os.close(1)
    os.close(2)
    hang()


def closes_its_output_after_the_result(client: Client) -> int:
    client.good()
    os.close(1)
    os.close(2)
    time.sleep(0.3)
    os._exit(0)


def floods_standard_error(client: Client) -> int:
    for _ in range(25):
        os.write(2, b"x" * 1_000_000)  # one line
    for _ in range(25):
        os.write(2, (b"y" * 99 + b"\n") * 10_000)
    return client.good()


def answer_of_50_mb(client: Client) -> int:
    """In one line; with one character outside the BMP, for which Python takes four bytes for each of the others too."""
    client.init()
    size = int(os.environ.get("CORRECTLESS_BAD_SIZE", "50000000"))
    text = "x" * size + os.environ.get("CORRECTLESS_BAD_TAIL", "") + "\n" + client.block
    said = {"type": "result", "subtype": "success", "is_error": False, "result": text, "total_cost_usd": 0.01}
    client.raw(json.dumps(said, ensure_ascii=False).encode() + b"\n")
    return 0


def floods_standard_output(client: Client) -> int:
    """200 MB of small lines, half of them no JSON."""
    client.init()
    some = (
        b'{"type":"stream_event","event":{"type":"ping","delta":"' + b"z" * 20 + b'"}}\n' + b"z" * 79 + b"\n"
    ) * 500
    for _ in range(200_000_000 // len(some)):
        client.raw(some)
    return client.good()


def api_error_as_the_answer(client: Client) -> int:
    """As inside a fork: success, though the last message is the client's own about a failed request."""
    client.init()
    client.work()
    client.refusal(529, "overloaded")
    client.result("API Error: 529 overloaded")
    return 0


def api_error_only_in_the_text(client: Client) -> int:
    client.init()
    client.message({"type": "text", "text": "API Error: 500"})
    client.result("API Error: 500 Internal server error")
    return 0


def http_500_as_success(client: Client) -> int:
    client.init()
    client.refusal(500, "server_error")
    client.api_result(500)
    return 1


def _retry(client: Client) -> None:
    client.say(
        type="system", subtype="api_retry", attempt=1, max_retries=10, error_status=529, error="overloaded"
    )


def overloaded_then_recovers(client: Client) -> int:
    client.init()
    for _ in range(3):
        _retry(client)
    return client.good()


def hangs_in_a_retry(client: Client) -> int:
    client.init()
    _retry(client)
    hang()


def login_lost(client: Client) -> int:
    client.init()
    client.refusal(401, "authentication_failed")
    client.api_result(401)
    return 1


def login_not_allowed(client: Client) -> int:
    client.init()
    client.refusal(403, "oauth_org_not_allowed")
    client.api_result(403)
    return 1


def plugin_error(client: Client) -> int:
    client.init(plugin_errors=[{"plugin": "p", "message": "hooks.json is broken"}])
    client.result()
    return 0


def deferred_tool_use(client: Client) -> int:
    client.init()
    client.result(deferred_tool_use={"id": "t", "name": "Bash"})
    return 0


def untested_version(client: Client) -> int:
    client.init(claude_code_version="9.9.9")
    client.result()
    return 0


def unknown_option(client: Client) -> int:
    sys.stderr.write("error: unknown option '--max-budget-usd'\n")
    return 1


def killed(client: Client) -> int:
    client.init()
    client.work()
    os.kill(os.getpid(), signal.SIGKILL)
    hang()


def crashes_after_the_result(client: Client) -> int:
    client.good()
    sys.stderr.write("FATAL ERROR: heap out of memory\n")
    return 1


def nul_bytes_and_invalid_utf_8(client: Client) -> int:
    client.raw(b"\x00\x00\n\xff\xfe\n" + b'{"type": "assistant", "message": "\xc3\x28"}\n')
    os.write(2, b"\x00\xff\x1b[2J\n")
    client.init()
    client.result("a\x00b\ud800\x1b[2J" + client.answer)
    return 0


PLAYS: Mapping[str, Callable[[Client], int]] = {
    play.__name__.replace("_", "-"): play
    for play in (
        *(hangs_after_the_result, hangs_at_the_start, hangs_in_a_tool, ignores_sigterm, hangs_in_a_retry),
        *(usage_limit_as_success, rejected_then_exit_1, session_limit, session_limit_that_ended_long_ago),
        *(pays_extra, pays_extra_by_the_service, pays_extra_for_the_last_word, pays_extra_after_a_first_word),
        *(session_limit_until_the_year_9999, two_results_the_last_good, two_results_the_last_bad, no_result),
        *(sigint_with_exit_0, garbage_then_good, garbage_only, truncated_json, child_keeps_the_output),
        *(daemon_writes_on, daemon_forks_on, empty_answer, blank_answer, spends_on, spends_by_its_bill),
        *(too_dear_but_done, turns_on, turns_on_without_ids, turn_limit, money_limit),
        *(closes_its_output_and_goes_on, closes_its_output_after_the_result, floods_standard_error),
        *(answer_of_50_mb, floods_standard_output, api_error_as_the_answer, api_error_only_in_the_text),
        *(
            http_500_as_success,
            overloaded_then_recovers,
            login_lost,
            login_not_allowed,
            plugin_error,
            deferred_tool_use,
        ),
        *(untested_version, unknown_option, killed, crashes_after_the_result, nul_bytes_and_invalid_utf_8),
    )
} | {"daemon-writes-on-deaf": daemon_writes_on}

VERSIONS = {"version-too-old": "1.0.0 (Claude Code)", "version-unreadable": "soon", "version-newer": "3.0.0"}


def main() -> int:
    name = os.environ["CORRECTLESS_BAD"]
    if sys.argv[1:] == ["--version"]:
        sys.stdout.write(VERSIONS.get(name, f"{VERSION} (Claude Code)") + "\n")
        return 0
    client = Client(sys.stdin.read())
    if int(os.environ["CORRECTLESS_ATTEMPT"]) >= int(os.environ.get("CORRECTLESS_BAD_UNTIL", "99")):
        return client.good()
    return PLAYS.get(name, Client.good)(client)


if __name__ == "__main__":
    status = main()
    with suppress(OSError):  # its output may be closed
        sys.stdout.flush()
    os._exit(status)
