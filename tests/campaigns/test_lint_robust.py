"""The linter over what nobody means to lint: bounded in time and memory, a finding and not a traceback."""

from __future__ import annotations

import ctypes
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import correctless
from correctless.base import exits
from correctless.skill.find import MAX_FILE
from patience import PATIENCE

pytestmark = pytest.mark.campaign

GOOD = "---\nname: {name}\ndescription: d\ninteraction_mode: interactive\n---\n# Good\n"
MEMORY = 600 << 20  # bytes of address space that a lint may have, its helpers each
SECONDS = 60  # of processor


def bounded() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))


def lint(
    cwd: Path,
    *words: str,
    program: list[str] | None = None,
    before: Callable[[], None] = bounded,
    **more: Any,
) -> subprocess.CompletedProcess[str]:
    """A lint that is ended by the system when it wants more than its bounds; never by a traceback."""
    done = subprocess.run(
        [*(program or correctless.itself()), "lint", *words],
        cwd=cwd,
        env={**os.environ, "XDG_CACHE_HOME": str(cwd.parent / "cache"), **more.pop("env", {})},
        preexec_fn=before,
        capture_output=True,
        check=False,
        timeout=PATIENCE,
        **more,
    )
    out, err = (part.decode(errors="surrogateescape") for part in (done.stdout, done.stderr))
    assert "Traceback" not in err
    assert "unexpected" not in err
    assert done.returncode >= 0, f"ended by signal {-done.returncode}"
    return subprocess.CompletedProcess(done.args, done.returncode, out, err)


def found(done: subprocess.CompletedProcess[str]) -> list[tuple[str, int, int, str]]:
    return [(each["path"], each["line"], each["column"], each["rule"]) for each in json.loads(done.stdout)]


def write(path: Path, text: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.fixture
def top(tmp_path: Path) -> Path:
    (tmp_path / "project" / "skills").mkdir(parents=True)
    return tmp_path / "project"


def test_windows_line_ends_move_no_finding(top: Path) -> None:
    text = "---\nname: other\ndescription: a: b\nallowed_tools: Read\n---\n# A\n\nSee [b](b.md).\n"
    write(top / "skills/lf/SKILL.md", text)
    write(top / "skills/crlf/SKILL.md", text.replace("\n", "\r\n"))
    write(top / "skills/cr/SKILL.md", text.replace("\n", "\r"))
    places = {
        name: [place for path, *place in map(list, found(lint(top, "--format", "json", f"skills/{name}")))]
        for name in ("lf", "crlf", "cr")
    }
    assert places["lf"]
    assert places["crlf"] == places["lf"] == places["cr"]


@pytest.mark.parametrize(
    "name",
    ["a b", "ä-ö", "日本", "quo'te", 'dou"ble', "semi;colon", "$HOME", "-dash", "new\nline", "100%", "tab\t"],
)
def test_any_name_of_a_folder_is_linted_and_spelled(name: str, top: Path) -> None:
    write(top / "skills" / name / "SKILL.md", GOOD.format(name="other"))
    write(top / name / "hooks" / "hooks.json", "{,}")
    for form in ("text", "github", "sarif", "json"):
        done = lint(top, "--format", form)
        assert done.returncode == exits.FINDINGS
        if form in ("text", "github"):
            assert done.stdout.count("json-syntax") == 1
    assert f"skills/{name}/SKILL.md" in {path for path, *_ in found(lint(top, "--format", "json"))}


def test_loops_of_links_end(top: Path) -> None:
    write(top / "skills/a/SKILL.md", GOOD.format(name="other"))
    (top / "skills/self").symlink_to("self")
    (top / "skills/up").symlink_to("..")
    (top / "skills/top").symlink_to(top)
    (top / "skills/ping").symlink_to("pong")
    (top / "skills/pong").symlink_to("ping")
    (top / "skills/b").mkdir()
    (top / "skills/b/SKILL.md").symlink_to("SKILL.md")
    for deep in range(40):
        (top / "skills" / f"hop{deep}").symlink_to(f"hop{deep + 1}")
    done = lint(top, "--format", "json")
    assert done.returncode == exits.REFUSED
    assert {(path, rule) for path, *_, rule in found(done)} >= {
        ("skills/a/SKILL.md", "name-folder"),
        ("skills/b/SKILL.md", "unreadable"),
    }


def as_a_mere_owner() -> None:
    """Whoever runs the tests as root may read everything; not any more after this."""
    bounded()
    if os.geteuid() == 0 and sys.platform == "linux":
        for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
            assert ctypes.CDLL(None).prctl(24, capability, 0, 0, 0) == 0  # PR_CAPBSET_DROP


def unreadable(kind: str, path: Path) -> None:
    path.parent.mkdir(parents=True)
    match kind:
        case "pipe":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case "nowhere":
            path.symlink_to("nowhere")
        case "device":
            path.symlink_to("/dev/zero")
        case "large":
            with path.open("wb") as file:
                file.truncate(50 << 20)
        case "closed":
            path.write_text(GOOD.format(name="x"))
            path.chmod(0)


@pytest.mark.parametrize(
    "name", ["skills/x/SKILL.md", ".claude-plugin/plugin.json", "hooks/hooks.json", ".claude/agents/a.md"]
)
@pytest.mark.parametrize("kind", ["pipe", "nowhere", "device", "large", "closed"])
def test_what_cannot_be_read_is_a_finding_and_ends_with_3(kind: str, name: str, top: Path) -> None:
    unreadable(kind, top / name)
    write(top / "skills/good/SKILL.md", GOOD.format(name="other"))
    for words in ([], [name]):
        done = lint(top, "--format", "json", *words, before=as_a_mere_owner)
        assert done.returncode == exits.REFUSED, done.stdout + done.stderr
        assert (name, 1, 1, "unreadable") in found(done)
    assert lint(top, "--fix", before=as_a_mere_owner).returncode == exits.REFUSED


def test_a_folder_that_cannot_be_listed_is_a_finding(top: Path) -> None:
    write(top / "skills/x/SKILL.md", GOOD.format(name="x"))
    deep = top
    os.chdir(top)
    try:
        for _ in range(30):  # deeper than a path may be long
            os.mkdir("d" * 200)
            os.chdir("d" * 200)
    finally:
        os.chdir(deep)
    done = lint(top, "--format", "json")
    assert done.returncode == exits.REFUSED
    assert "unreadable" in {rule for *_, rule in found(done)}


@pytest.mark.parametrize("place", [".correctless/config/correctless.yaml", "named.yaml", "known.json"])
def test_a_pipe_in_the_place_of_a_setting_holds_nobody(place: str, top: Path) -> None:
    (top / place).parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(top / place)
    words = {"named.yaml": ["--config", "named.yaml"], "known.json": ["--baseline", "known.json"]}.get(
        place, []
    )
    done = lint(top, *words)
    assert (done.returncode, done.stderr.count("\n")) == (exits.REFUSED, 1)


BOMB = "a: &a [" + "x, " * 9 + "x]\n" + "".join(
    f"{b}: &{b} [" + f"*{a}, " * 9 + f"*{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)  # fmt: skip
HUGE = MAX_FILE - 200

HOSTILE: dict[str, str] = {
    "alias-bomb": f"---\nname: x\n{BOMB}---\n",
    "keys": "---\n" + "".join(f"k{n}: {n}x\n" for n in range(10_000)) + "---\n",
    "same-key": "---\n" + "name: x\n" * 10_000 + "---\n",
    "deep-flow": "---\nname: " + "[" * 100_000 + "\n---\n",
    "deep-block": "---\n" + "".join(" " * n + f"k{n}:\n" for n in range(1000)) + "---\n",
    "broken-lines": "---\n" + "".join(f"k{n}: a: b\n" for n in range(5_000)) + "---\n",
    "quotes": "---\n" + "".join(f'k{n}: "a" b\n' for n in range(5_000)) + "---\n",
    "long-key": "---\n" + "k" * HUGE + ": v\n---\n",
    "long-value": "---\nname: " + "v" * HUGE + "\n---\n",
    "dashes": "---\n" + "-" * HUGE + "\n",
    "blank": "\n" * HUGE,
    "nul": "---\nname: x\n---\n" + "\0" * (HUGE // 2),
}
BODIES: dict[str, str] = {
    "links-open": "](" * (HUGE // 2),
    "link-never-closed": "](" + "a" * HUGE,
    "links-never-closed": "](a " * (HUGE // 4),
    "link-white": "](" + " " * HUGE,
    "brackets": "[" * HUGE,
    "backticks": " ".join("`" * n for n in range(1, 1400)),
    "ticks": "`a" * (HUGE // 2),
    "stars": "* " * (HUGE // 2) + "x",
    "underlines": "_ " * (HUGE // 2) + "x",
    "items": "- " * (HUGE // 2) + "x",
    "nested": "".join(" " * (2 * n) + "- x\n" for n in range(700)),
    "quotes": "> " * (HUGE // 2),
    "hashes": "#" * HUGE,
    "headings": "# a\n" * (HUGE // 4),
    "setext": ("a\n" * 1000 + "=\n") * (HUGE // 2002),
    "fences": "```\n" * (HUGE // 4),
    "fence-open": "```\n" + "x\n" * (HUGE // 2 - 4),
    "comment": "<!--" * (HUGE // 4),
    "comments": "<!-- correctless: ignore x -->\n" * (HUGE // 31),
    "tags": "<" * HUGE,
    "parentheses": "(" * HUGE,
    "white": " \t" * (HUGE // 2) + "x",
    "colons": ": " * (HUGE // 2),
    "slashes": "/" * HUGE,
    "paths": "/home/a" * (HUGE // 7),
    "dots": "../" * (HUGE // 3),
    "dollars": "$" * HUGE,
    "digits": "1" * HUGE,
    "words": "autonomous " * (HUGE // 11),
    "letters": "a" * HUGE,
    "accents": "é" * (HUGE // 2),
    "invisible": "\u200b" * (HUGE // 3),
    "entries": "## Autonomous Defaults\n\n" + "- **AD-001**: a — b (default). Rationale: c\n" * (HUGE // 60),
    "one-entry": "## Autonomous Defaults\n\n- **AD-001**: " + "(a — b " * (HUGE // 10),
    "escalations": "## Autonomous Defaults\n\n- **AD-001**: " + "`escalate: always` " * (HUGE // 21),
    "ids": "## Autonomous Defaults\n\n" + "".join(f"- AD-{n}\n" for n in range(50_000)),
}


def hostile() -> Iterator[tuple[str, str]]:
    for name, text in HOSTILE.items():
        yield f"file-{name}", text
    front = "---\nname: x\ndescription: d\ninteraction_mode: autonomous\n---\n"
    for name, text in BODIES.items():
        yield f"body-{name}", f"{front}{text}\n"


@pytest.mark.parametrize(("name", "text"), [pytest.param(n, t, id=n) for n, t in hostile()])
def test_a_hostile_skill_is_judged_within_bounds(name: str, text: str, top: Path) -> None:
    write(top / f"skills/{name}/SKILL.md", text)
    judged, fixed = (
        lint(top, "--format", "json", *words, before=quickly)
        for words in (["--pedantic"], ["--fix", "--no-cache"])
    )
    for done in (judged, fixed):
        assert done.returncode in (exits.OK, exits.FINDINGS), done.stderr
    assert found(judged) or name.startswith("body-")


def quickly() -> None:
    bounded()
    # A sound skill of this size takes a twentieth of it.
    resource.setrlimit(resource.RLIMIT_CPU, (10, 10))


JSON: dict[str, str] = {
    "keys": "{" + ",".join(f'"k{n}": 1' for n in range(9_000)) + "}",
    "same-key": "{" + ",".join(['"name": 1'] * 9_000) + "}",
    "many": "{" + ",".join(f'"k{n}": 1' for n in range(50_000)) + "}",
    "deep": "[" * 500_000,
    "deep-maps": '{"a":' * 100_000,
    "string": '{"name": "' + "x" * HUGE,
    "escapes": '{"name": "' + "\\u00e9" * (HUGE // 6) + '"}',
    "white": " " * HUGE,
    "number": '{"name": ' + "1" * (HUGE - 10) + "}",
    "commas": '{"name": [' + "," * (HUGE - 20),
}


@pytest.mark.parametrize(
    "kind", [".claude-plugin/plugin.json", ".claude-plugin/marketplace.json", "hooks/hooks.json"]
)
@pytest.mark.parametrize("name", JSON)
def test_hostile_json_is_judged_within_bounds(name: str, kind: str, top: Path) -> None:
    write(top / kind, JSON[name])
    done = lint(top, "--format", "json", "--pedantic", before=quickly)
    assert done.returncode in (exits.OK, exits.FINDINGS), done.stderr
    if name not in ("keys", "escapes", "number"):
        assert found(done)


def test_a_file_of_fifty_megabytes_is_not_read(top: Path) -> None:
    write(top / "skills/x/SKILL.md", GOOD.format(name="x") + "word\n" * (10 << 20))

    def small() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (200 << 20, 200 << 20))
        resource.setrlimit(resource.RLIMIT_CPU, (5, 5))

    done = lint(top, before=small)
    assert done.returncode == exits.REFUSED
    assert f"it is over {MAX_FILE} bytes" in done.stdout


def test_a_hundred_thousand_files(top: Path) -> None:
    for number in range(100_000):
        folder = top / "skills" / f"{number // 1000:03d}" / f"s{number}"
        if number % 1000 == 0:
            folder.parent.mkdir()
        folder.mkdir()
        with open(folder / "SKILL.md", "w", encoding="utf-8") as file:
            file.write(GOOD.format(name=f"s{number}" if number % 1000 else "other"))
    for _ in range(2):  # the second time from what was kept
        done = lint(top)
        assert done.returncode == exits.OK
        assert done.stdout.splitlines()[-1] == "100 warnings: 100000 files read"


def test_a_reader_that_goes_away_early_is_no_fault(top: Path) -> None:
    for number in range(2000):
        write(top / f"skills/s{number}/SKILL.md", GOOD.format(name="other"))
    for words in ("rules", "rules context", "lint", "lint --format json", "lint --format github"):
        program = " ".join(f"'{word}'" for word in correctless.itself())
        done = subprocess.run(
            ["bash", "-c", f"set -o pipefail; {program} {words} | head -n 1"],
            cwd=top, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.stderr == "", words
        assert done.stdout.count("\n") == 1


@pytest.mark.parametrize(
    "words",
    [
        ["lint"],
        ["lint", "--format", "github"],
        ["lint", "--format", "json"],
        ["lint", "--diff"],
        ["rules"],
        ["rules", "default-entry"],
    ],
)
def test_a_terminal_that_is_not_utf_8_gets_escapes(words: list[str], top: Path) -> None:
    write(top / "skills/ä/SKILL.md", "---\nname: ö — ü\nallowed_tools: é\n---\n")
    program = [sys.executable, "-X", "utf8=0", *correctless.itself()[1:]]
    done = subprocess.run(
        [*program, *words], cwd=top, env={**os.environ, "LC_ALL": "C"}, capture_output=True, check=False
    )
    assert done.returncode in (exits.OK, exits.FINDINGS), done.stderr
    assert done.stderr == b""
    assert done.stdout.isascii()
    assert done.stdout


def test_a_fix_does_not_leave_the_tree_it_was_pointed_at(top: Path) -> None:
    text = "---\nname: x\ndescription: a: b\n---\n"
    outside = write(top.parent / "outside/x/SKILL.md", text)
    inside = write(top / "store/y/SKILL.md", text)
    (top / "skills/x").symlink_to(outside.parent)
    (top / "skills/f").mkdir()
    (top / "skills/f/SKILL.md").symlink_to(outside)
    (top / "skills/y").mkdir()
    (top / "skills/y/SKILL.md").symlink_to(inside)
    for words in ([], ["skills"], ["skills/f"], ["skills/f/SKILL.md"], ["skills/y/SKILL.md"]):
        done = lint(top, "--fix", *words)
        assert outside.read_text() == text, words
        assert (inside.read_text() != text) == (words == []), words
        assert "yaml-syntax" in done.stdout
        assert "leads outside the paths you named" in done.stderr
        write(inside, text)
    assert "+++" not in lint(top, "--diff", "skills").stdout
    lint(top, "--fix", "skills/x")  # pointed at the link itself, it is the tree
    assert outside.read_text() == text.replace("a: b", '"a: b"')
