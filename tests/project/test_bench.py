"""`scripts/bench`, run small: every row is there, measured, beside its floor. How large the figures are is nobody's test."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from patience import PATIENCE
from places import ROOT

ROWS = {
    "Ledger.append": "write + fsync, same bytes",
    "Ledger.append, 8 writers": "flock + write + fsync, 8 writers",
    "one-shot writer": "python3 -I -S -c pass",
    "one-shot writer, again": "jq -c . >> file",
    "one-shot writer, log of 200": "python3 -I -S -c pass",
    "verify, 300 entries": "sha256sum of the same file",
    "summary --counts, 300 entries": "jq -c . of the same file",
}


def bench(*words: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ROOT / "scripts" / "bench", *words],
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )


def figures(row: dict[str, Any]) -> list[float]:
    return [
        value
        for each in (row["figure"], row["floor"] or {})
        for name, value in each.items()
        if name != "name" and value is not None
    ]


def test_every_row_is_measured_beside_its_floor_and_nothing_is_left_behind(tmp_path: Path) -> None:
    done = bench("ledger", "--quick", "--json", "--entries", "300", "--folder", str(tmp_path))
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    rows = {row["figure"]["name"]: row for row in found["rows"]}
    assert list(rows) == list(ROWS)
    for name, row in rows.items():
        assert row["unit"] in ("ms", "s")
        assert row["rounds"] > 0
        assert figures(row)
        assert all(value > 0 for value in figures(row)), name
        if row["floor"]:
            assert row["floor"]["name"] == ROWS[name]
            assert row["ratio"] > 0
        else:
            program = ROWS[name].split()[0]
            assert row["missing"] == f"{program} not installed"
            assert shutil.which(program) is None
    assert {name: row["goal"] for name, row in rows.items() if row["goal"]} == {
        "Ledger.append": 2.0,
        "one-shot writer": 8.0,
    }
    for name in ("verify, 300 entries", "summary --counts, 300 entries", "one-shot writer"):
        assert rows[name]["figure"]["peak_mb"] > 1
    for name in ("Ledger.append", "Ledger.append, 8 writers"):
        assert rows[name]["figure"]["p99"] >= rows[name]["figure"]["median"]
        assert rows[name]["figure"]["per_second"] > 0
    assert found["cores"] > 0
    assert "bench: verify of 300 entries" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.campaign
def test_a_step_of_the_dispatcher_and_the_memory_of_an_answer_are_measured(tmp_path: Path) -> None:
    done = bench("dispatch", "--quick", "--json", "--folder", str(tmp_path))
    assert done.returncode == 0, done.stderr
    rows = {row["figure"]["name"]: row for row in json.loads(done.stdout)["rows"]}
    assert list(rows) == [
        *("a step", "a step, processor time", "a run beside its steps", "cauto status"),
        *("a run of 2 steps", "a run of one step", "a run, answer of 7 MB"),
    ]
    for name in ("cauto status", "a run of 2 steps", "a run of one step", "a run, answer of 7 MB"):
        assert all(value > 0 for value in figures(rows[name])), name
    goals = {name: (row["unit"], row["most"]) for name, row in rows.items() if row["most"] is not None}
    assert goals == {"a step": ("ms", 40.0), "a run beside its steps": ("s", 0.5), "cauto status": ("s", 0.2)}
    assert rows["a run of 2 steps"]["floor"]["name"] == "the agent alone, 2 times"
    memory = rows["a run, answer of 7 MB"]
    assert memory["floor"]["name"] == "a run, answer of 1 MB"
    assert memory["figure"]["peak_mb"] > 10
    assert list(tmp_path.iterdir()) == []


def test_the_report_of_a_run_with_many_decisions_is_measured(tmp_path: Path) -> None:
    done = bench("report", "--quick", "--json", "--folder", str(tmp_path))
    assert done.returncode == 0, done.stderr
    rows = {row["figure"]["name"]: row for row in json.loads(done.stdout)["rows"]}
    assert list(rows) == [
        *("report, 100 decisions", "report --json, 100 decisions", "report --history"),
    ]
    assert all(value > 0 for row in rows.values() for value in figures(row))
    assert {name: row["most"] for name, row in rows.items() if row["most"]} == {"report, 100 decisions": 2.0}
    assert list(tmp_path.iterdir()) == []


CASES = ["cold", "warm by stat", "warm by content", "one file, cold"]
MADE = [
    *("flat folder, cold, 12 files", "flat folder, warm, 12 files"),
    *("names unlike their folders, cold, 12 files", "names unlike their folders, warm, 12 files"),
    *("links to missing files, cold, 9 files", "links to missing files, warm, 9 files"),
    *("few skills in a large tree, cold, 2 files", "few skills in a large tree, warm, 2 files"),
    *("small plugins, cold, 20 files", "small plugins, warm, 20 files", "one made file, cold"),
]
PEER = """#!/bin/sh
case "$*" in
  *sarif*) echo '{"runs": [{"tool": {"driver": {"rules": [{}, {}]}}}]}' ;;
  *json*) echo '{"files_checked": 3, "diagnostics": [{}, {}, {}, {}]}' ;;
esac
exit 1
"""


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    top = tmp_path / "corpus"
    for name, text in (
        ("one", "name: one\ndescription: d"),
        ("two", "name: three\ndescription: d"),
        ("four", "name: four\ndescription: a: b"),
    ):
        (top / "skills" / name).mkdir(parents=True)
        (top / "skills" / name / "SKILL.md").write_text(
            f"---\n{text}\n---\n# {name}\n" + "word\n" * len(text)
        )
    return top


@pytest.mark.campaign
def test_every_case_of_the_linter_is_measured_beside_its_peers(corpus: Path, tmp_path: Path) -> None:
    peers, scratch = tmp_path / "venv", tmp_path / "scratch"
    (peers / "bin").mkdir(parents=True)
    scratch.mkdir()
    (peers / "bin" / "agnix").write_text(PEER)
    (peers / "bin" / "agnix").chmod(0o755)
    words = ("--quick", "--json", "--against", "agnix", "--peers", str(peers), "--folder", str(scratch))
    done = bench("lint", str(corpus), *words)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    of_corpus, made = found["cases"][: len(CASES)], found["cases"][len(CASES) :]
    assert [case["name"].partition(", 3 files")[0] for case in of_corpus] == CASES
    assert [case["name"] for case in made] == MADE
    for case in found["cases"]:
        ours, other = case["runs"]
        assert (ours["linter"], other["linter"]) == ("correctless", "agnix")
        assert (other["files"], other["rules"], other["findings"]) == (3, 2, 4)
        assert ours["rules"] > 20
        assert min(ours["seconds"], other["seconds"], ours["peak_mb"]) > 0
        assert (ours["ratio"], other["ratio"]) == (1, pytest.approx(ours["seconds"] / other["seconds"]))
        assert (ours["memory"], other["memory"]) == (1, pytest.approx(ours["peak_mb"] / other["peak_mb"]))
    assert [case["runs"][0]["findings"] for case in found["cases"][:3]] == [2, 2, 2]
    assert list(scratch.iterdir()) == []


def test_the_made_trees_are_the_same_each_time_and_as_large_as_they_say(tmp_path: Path) -> None:
    program = (
        f"import os, sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "from bench.shapes import ONE, SHAPES, make\n"
        "for shape in (*SHAPES, ONE): make(shape, os.path.join(sys.argv[1], shape.name), quick=True)\n"
    )
    for name in ("one", "two"):
        subprocess.run([sys.executable, "-I", "-c", program, tmp_path / name], check=True)
    first, second = (
        {path.relative_to(top): path.read_bytes() for path in top.rglob("*") if path.is_file()}
        for top in (tmp_path / "one", tmp_path / "two")
    )
    assert first == second
    names = [str(path) for path in first]
    for name, count in (("flat folder", 12), ("names unlike their folders", 12), ("one file", 1)):
        assert sum(path.startswith(name) and path.endswith("SKILL.md") for path in names) == count
    assert sum(path.startswith("few skills") for path in names) > 500
    assert sum(path.startswith("links to missing") for path in names) == 9


def test_precision_says_how_often_each_rule_speaks_up_with_examples(corpus: Path) -> None:
    done = bench("lint", str(corpus), "--precision")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "3 files, 1 of them (33.3 %) with an error"
    assert [line.split() for line in lines[3:6]] == [
        ["yaml-syntax", "error", "1", "1", "333.3"],
        ["name-folder", "warning", "1", "1", "333.3"],
        ["interaction-mode", "info", "3", "3", "1000.0"],
    ]
    assert sum("info: no 'interaction_mode'" in line for line in lines) == 3
    assert "skills/four/SKILL.md:3:15: ': ' in a value without quotes" in done.stdout
    judged = json.loads(bench("lint", str(corpus), "--precision", "--json").stdout)
    assert {rule["id"]: len(rule["examples"]) for rule in judged["rules"]} == {
        "yaml-syntax": 1, "name-folder": 1, "interaction-mode": 3,
    }  # fmt: skip
    assert {"link-missing", "near-miss-key"} <= set(judged["silent"])


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--against", "nonesuch"), 2),
        (("--against", "agnix", "--peers", "."), 3),
        (("--against", "agnix", "--peers", ".", "--quick"), 3),
    ],
)
def test_a_linter_that_is_not_there_is_said_in_one_line(
    words: tuple[str, ...], code: int, corpus: Path
) -> None:
    done = bench("lint", str(corpus), *words)
    assert (done.returncode, done.stdout) == (code, "")
    assert words[1] in done.stderr.splitlines()[-1]


def test_how_often_rules_speak_up_needs_a_corpus() -> None:
    done = bench("lint", "--precision")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)


def test_what_is_no_corpus_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no archive")
    for name in ("file", "none"):
        done = bench("lint", str(tmp_path / name), "--precision")
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (3, "", 1)


@pytest.mark.parametrize(
    "words",
    [("--help",), ("ledger", "--help"), ("lint", "--help"), ("dispatch", "--help"), ("contract", "--help")],
)
def test_help_shows_an_example(words: tuple[str, ...]) -> None:
    done = bench(*words)
    assert done.returncode == 0
    assert "scripts/bench ledger --quick --json" in done.stdout


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("nonesuch",),
        ("ledger", "--entries", "0"),
        ("ledger", "--entries", "x"),
        ("dispatch", "--entries", "1"),
    ],
)
def test_words_it_does_not_know_are_a_usage_error(words: tuple[str, ...]) -> None:
    done = bench(*words)
    assert (done.returncode, done.stdout) == (2, "")


def test_a_folder_that_is_not_there_is_refused_in_one_line(tmp_path: Path) -> None:
    done = bench("ledger", "--quick", "--folder", str(tmp_path / "none"))
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.count("\n") == 1
    assert "--folder" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_whoever_ends_it_finds_no_scratch_files(tmp_path: Path, number: signal.Signals) -> None:
    process = subprocess.Popen(
        [ROOT / "scripts" / "bench", "ledger", "--entries", "1000", "--folder", tmp_path],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(
            signal.SIGINT, signal.SIG_DFL
        ),  # a shell ignores it for what runs behind it
    )
    assert process.stderr is not None
    assert "append: round 1" in process.stderr.readline()
    assert list(tmp_path.iterdir())
    process.send_signal(number)
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (130, "")
    assert err.endswith("bench: interrupted\n")
    assert list(tmp_path.iterdir()) == []


def test_asking_the_run_contract_is_measured_beside_a_bare_interpreter(tmp_path: Path) -> None:
    done = bench("contract", "--quick", "--json", "--folder", str(tmp_path))
    assert done.returncode == 0, done.stderr
    rows = {row["figure"]["name"]: row for row in json.loads(done.stdout)["rows"]}
    assert {name: row["goal"] for name, row in rows.items()} == {
        "authorize, allowed": 8.0,
        "authorize, denied": 8.0,
        "authorize, allowed, 366 records": 10.0,
        "authorize, denied, 366 records": 10.0,
        "contract lint, 300 lines": 20.0,
    }
    for name, row in rows.items():
        assert row["floor"]["name"] == "python3 -I -S -c pass"
        assert row["ratio"] > 0
        assert all(value > 0 for value in figures(row)), name
    assert list(tmp_path.iterdir()) == []


def test_the_hooks_are_measured_beside_a_bare_interpreter_and_a_bare_shell(tmp_path: Path) -> None:
    done = bench("hooks", "--quick", "--json", "--folder", str(tmp_path))
    assert done.returncode == 0, done.stderr
    rows = {row["figure"]["name"]: row for row in json.loads(done.stdout)["rows"]}
    assert sum(name.startswith("guard, ") for name in rows) == 6
    assert sum(name.startswith("its door, ") for name in rows) == 6
    assert {row["goal"] for name, row in rows.items() if name.startswith("guard, ")} == {1.3, 2.5}
    assert {"an ordinary prompt", "a turn ends"} <= set(rows)
    for row in rows.values():
        assert row["floor"]["name"] in ("python3 -I -S -c pass", "sh -c :")
        assert row["ratio"] > 0
    assert list(tmp_path.iterdir()) == []
