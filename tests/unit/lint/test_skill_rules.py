"""What the cases of the rules for skills can't show: shapes of secrets that stand in no file of this repository, as other people's
scanners would stop at them, and line ends.
"""

from __future__ import annotations

import pytest

from correctless.lint import fix, run
from correctless.lint.discover import LintTarget
from correctless.lint.settings import Settings
from correctless.lint.subject.subject import SKILL
from correctless.syntax.finding import Finding

# As long as the longest needs it, and made up of as many characters as a random one.
RANDOM = "Zk3vQ9xW1mGbR7yHc5UdLp2NfS8tJe6KqVaXoBi4wDzMrTgYh0CuPnFsElAjOI" * 2

SECRETS = {
    "GitHub": "gh" + "s_" + RANDOM[:36],
    "GitHub, fine-grained": "github" + "_pat_" + RANDOM[:22] + "_" + RANDOM[22:81],
    "npm": "np" + "m_" + RANDOM[:36],
    "Stripe": "sk" + "_live_" + RANDOM[:24],
    "Stripe, restricted": "rk" + "_live_" + RANDOM[:99],
    "GitLab": "glp" + "at-" + RANDOM[:20],
    "PyPI": "pypi" + "-AgEIcHlwaS5vcmc" + RANDOM[:70],
    "OpenAI": "sk" + "-" + RANDOM[:20] + "T3Blbk" + "FJ" + RANDOM[20:40],
    "OpenAI, of a project": "sk" + "-proj-" + RANDOM[:74] + "T3Blbk" + "FJ" + RANDOM[:74],
    "Anthropic": "sk" + "-ant-api03-" + RANDOM[:93] + "AA",
    "Slack": "xox" + "b-" + "730191371025-730194372021-" + RANDOM[:24],
    "Slack webhook": "https://hooks.slack" + ".com/services/T7QK2M9XW/B3VZ8N5RC/" + RANDOM[:24],
    "SendGrid": "S" + "G." + RANDOM[:22] + "." + RANDOM[22:65],
}


def found(text: str) -> list[tuple[int, int, int, str, str]]:
    data = f"---\nname: x\n---\n{text}\n".encode()
    report = run.text(data, LintTarget("x/SKILL.md", SKILL), Settings(), today="2026-11-25")
    return [
        (each.line, each.column, each.end_column, each.severity, each.message)
        for each in report.findings
        if each.rule == "secret"
    ]


@pytest.mark.parametrize("name", SECRETS)
def test_each_shape_is_found_whole_and_not_repeated_in_the_message(name: str) -> None:
    secret = SECRETS[name].removeprefix("https://")
    ((line, column, end, severity, message),) = found(f"Use `{SECRETS[name]}`.")
    assert (line, severity) == (4, "error")
    assert end - column == len(secret)
    assert name.split(",")[0] in message
    assert secret[8:] not in message


@pytest.mark.parametrize("name", SECRETS)
def test_a_stand_in_of_the_same_shape_is_none(name: str) -> None:
    secret = SECRETS[name]
    for word in ("EXAMPLE", "xxxxxxxx"):
        at = secret.index(RANDOM[:16]) + 4
        assert found(f"Use `{secret[:at]}{word}{secret[at + len(word) :]}`.") == []


@pytest.mark.parametrize(
    "name", ["GitHub", "GitHub, fine-grained", "npm", "Stripe", "GitLab", "PyPI", "SendGrid"]
)
def test_what_is_one_character_short_is_none(name: str) -> None:
    assert found(f"Use `{SECRETS[name][:-1]}`.") == []


def test_a_name_is_written_with_the_line_end_of_the_file() -> None:
    data = b"---\r\ndescription: d\r\n---\r\nWords.\r\n"

    def find(data: bytes) -> list[Finding]:
        report = run.text(data, LintTarget("my-skill/SKILL.md", SKILL), Settings(), today="2026-11-25")
        return [each for each in report.findings if each.rule == "name-missing"]

    assert fix.fixed(data, find) == data.replace(b"---\r\n", b"---\r\nname: my-skill\r\n", 1)
