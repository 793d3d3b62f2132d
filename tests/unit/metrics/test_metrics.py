"""`correctless metrics`: the logs of any runs in, figures that add up out; one bad log spoils nothing."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import correctless
import terminal
from conftest import Git
from correctless.base import exits
from correctless.base.exits import Stop
from correctless.decisions.decision import Decision
from correctless.dispatch.core import engine
from correctless.ledger.chain import GENESIS, digest
from correctless.ledger.ledger import Ledger
from correctless.ledger.record import encode
from correctless.metrics.count import count, of_branch, skills
from correctless.metrics.figures import (
    DISTINCT,
    ENDS,
    OTHERS,
    Figures,
    RunFigures,
    Sums,
    as_json,
    total,
    trend,
)
from correctless.project import paths
from correctless.project.paths import Logs
from correctless.runlog.events import (
    Abandoned,
    AgentEnded,
    AttemptFailed,
    Event,
    GateClosed,
    LoggedEvent,
    Reverted,
    RunStarted,
    RunStopped,
    StepFinished,
    StepStarted,
    fields_of,
)
from correctless.runlog.state import State
from project import Project
from runs import Player, plan, started

NAMES = tuple(field.name for field in fields(Sums))
WHEN = "2026-01-02T03:04:05.678Z"


def played(dice: random.Random, run: str, *, begun: str = WHEN, tried: bool = False) -> list[LoggedEvent]:
    """The events of one run as an engine makes them, with everything that can go wrong; cut off somewhere or whole."""
    steps = dice.choice([("ctdd", "simplify", "cdocs"), ("ctdd", "ctdd-2"), ("cdocs",)])
    player = Player(dice, fail=0.2, check=0.1, pause=0.1, close=0.2)
    first = started(plan(*steps), run)
    assert isinstance(first.event, RunStarted)
    event: Event = replace(first.event, log_seq=0, tried=("the tests",) if tried else ())
    state, found = State(), list[LoggedEvent]()
    for _ in range(dice.choice([4, 12, 200])):
        found.append(LoggedEvent(run, begun, event))
        state, effects = engine.step(state, found[-1])
        if not effects:
            break
        event = player.play(state, effects[0])
        if hasattr(event, "log_seq"):
            event = replace(event, log_seq=0)  # type: ignore[arg-type]  # these runs have no such decisions log
        if isinstance(event, AgentEnded):
            event = replace(event, cost_usd=dice.random() * 3, seconds=round(dice.random() * 90, 3), tokens=dice.randrange(9999))  # fmt: skip
    if state.unfinished:
        found.append(LoggedEvent(run, begun, Abandoned("Ada")))  # or the next run could not begin
    return found


def decisions(dice: random.Random, events: list[LoggedEvent]) -> Iterator[Decision]:
    """Some decisions for each attempt, and some that belong to no run."""
    for item in events:
        event = item.event
        for number in range(dice.randrange(3) if isinstance(event, StepStarted) else 0):
            assert isinstance(event, StepStarted)
            name = dice.choice(["AD-001", "AD-UNLISTED-1"])
            skill = "ctdd" if event.step == "ctdd-2" else event.step
            yield Decision(
                skill, name, "a", "b", item.timestamp, dice.random() < 0.3,
                run=item.run, step=event.step, attempt=event.attempt, key=f"{item.run}/{event.step}/{event.attempt}/b{number}",
            )  # fmt: skip
    for _ in range(dice.randrange(2)):
        yield Decision("cdebug", "AD-001", "a", "b", WHEN, True)


def write(logs: Logs, events: list[LoggedEvent], made: list[Decision]) -> Logs:
    run = Ledger(logs.run)
    run.create()
    for item in events:
        run.append(fields_of(item.run, item.timestamp, item.event))
    log = Ledger(logs.decisions)
    log.create()
    for decision in made:
        log.append(decision.fields())
    return logs


def branch(folder: Path, seed: int, name: str = "x", **given: Any) -> Logs:
    """The logs of one branch with a few runs."""
    dice = random.Random(seed)
    events = [item for n in range(dice.randrange(1, 4)) for item in played(dice, f"r{seed}-{n}", **given)]
    folder.mkdir(parents=True, exist_ok=True)
    logs = paths.logs_beside(str(folder / f"autonomous-decisions-{name}.jsonl"))
    return write(logs, events, list(decisions(dice, events)))


def values(sums: Sums) -> dict[str, int]:
    return {name: getattr(sums, name) for name in NAMES}


def events_of(logs: Logs) -> list[dict[str, Any]]:
    return [entry.fields for entry in Ledger(logs.run).read()]


def entries_of(logs: Logs) -> list[Decision]:
    return [Decision.of(entry.fields) for entry in Ledger(logs.decisions).read()]


# --- sums


@given(seeds=st.lists(st.integers(0, 10**6), min_size=2, max_size=4, unique=True))
@settings(max_examples=15, deadline=None)
def test_the_figures_of_many_branches_are_the_sum_of_each_and_of_each_skill(seeds: list[int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        made = [branch(Path(folder, str(seed)), seed) for seed in seeds]
        figures, refused = count(made)
        assert refused == ()
        parts = [of_branch(logs) for logs in made]
        assert values(figures.total) == values(total(part.total for part in parts))
        assert values(figures.outside) == values(total(part.outside for part in parts))
        assert [run.id for run in figures.runs] == [run.id for part in parts for run in part.runs]
        # What skills did is what runs did, number by number.
        assert values(total(figures.skills.values())) == values(figures.total)
        for name in figures.skills:
            alone, _ = count(made, skill=name)
            assert values(alone.total) == values(figures.skills[name])
            assert set(alone.skills) == {name}
        # And it is what the logs say, counted without us.
        events = [event for logs in made for event in events_of(logs)]
        entries = [entry for logs in made for entry in entries_of(logs)]

        def number(kind: type[Any], **like: Any) -> int:
            mine = [e for e in events if e["event"] == kind.event]
            return sum(all(e[key] == value for key, value in like.items()) for e in mine)

        said = figures.total
        assert said.attempts == number(StepStarted)
        assert said.steps == number(StepFinished) + number(Reverted)
        assert said.reverted == number(Reverted)
        assert (said.failed, said.given_up) == (number(AttemptFailed, counted=True), number(AttemptFailed, counted=False))  # fmt: skip
        ended = [e for e in events if e["event"] == AgentEnded.event]
        assert said.tokens == sum(e["tokens"] for e in ended)
        assert said.micro_usd == sum(round(e["cost_usd"] * 1_000_000) for e in ended)
        assert said.milliseconds == sum(round(e["seconds"] * 1000) for e in ended)
        assert said.decisions + figures.outside.decisions == len(entries)
        assert said.deferred + figures.outside.deferred == sum(e.escalation_deferred for e in entries)
        assert said.unlisted == sum(e.decision_id.startswith("AD-UNLISTED") for e in entries)
        gone = {(e["run"], e["step"], e["attempt"]) for e in events if e["event"] in (AttemptFailed.event, Reverted.event)}  # fmt: skip
        assert said.superseded == sum((e.run, e.step, e.attempt) in gone for e in entries)


def test_the_second_place_of_a_skill_counts_for_the_skill() -> None:
    assert skills(plan("ctdd", "cdocs", "ctdd-2")) == {"ctdd": "ctdd", "cdocs": "cdocs", "ctdd-2": "ctdd"}
    left_out = plan("ctdd-2", left_out={"ctdd": "not at intensity standard"})
    assert skills(left_out) == {"ctdd-2": "ctdd"}
    # A skill may be called so by itself.
    assert skills(plan("part-2", "ctdd-0", "ctdd")) == {
        "part-2": "part-2",
        "ctdd-0": "ctdd-0",
        "ctdd": "ctdd",
    }


STOPS = [
    (exits.PERSON, "waiting"),
    (exits.PAUSED, "paused"),
    (exits.BUDGET, "paused"),
    (exits.INTERRUPTED, "paused"),
    (exits.FAILED, "failed"),
    (exits.REFUSED, "stopped"),
    (exits.LOCKED, "stopped"),
]


@pytest.mark.parametrize(("code", "end"), STOPS)
def test_how_a_run_stands_follows_from_the_code_it_stopped_with(tmp_path: Path, code: int, end: str) -> None:
    logs = paths.logs_beside(str(tmp_path / "autonomous-decisions-x.jsonl"))
    first = started(plan("ctdd"))
    assert isinstance(first.event, RunStarted)
    events = [
        LoggedEvent("r1", WHEN, replace(first.event, log_seq=0)),
        LoggedEvent("r1", "2026-01-02T03:05:05.678Z", RunStopped(code, "ctdd", "why")),
    ]
    [run] = of_branch(write(logs, events, [])).runs
    assert (run.end, run.wall) == (end, 60_000)
    [run] = of_branch(
        write(paths.logs_beside(str(tmp_path / "autonomous-decisions-y.jsonl")), events[:1], [])
    ).runs
    assert run.end == "running"


def test_a_review_after_a_run_is_no_part_of_it(tmp_path: Path) -> None:
    logs = branch(tmp_path, 5)
    before = of_branch(logs)
    late = GateClosed("x", "d", (1,))
    append(logs.run, **fields_of(before.runs[-1].id, "2026-02-02T03:04:05.678Z", late))
    assert as_json(of_branch(logs)) == as_json(before)


def test_more_skills_than_have_a_row_are_counted_together() -> None:
    figures = Figures()
    for number in range(DISTINCT + 5):
        figures.skill(f"s{number}").add(Sums(steps=1))
    assert len(figures.skills) == DISTINCT + 1
    assert figures.skills[OTHERS].steps == 5
    assert as_json(figures)["skills"][-1]["skill"] == OTHERS


def run_of(number: int, **sums: int) -> RunFigures:
    return RunFigures(
        f"r{number}",
        "x",
        f"2026-01-{number:02}T00:00:00.000Z",
        tried=False,
        end="complete",
        sums=Sums(**sums),
    )


def test_the_trend_sets_the_newer_half_of_the_runs_beside_the_older_one() -> None:
    runs = [run_of(n, attempts=2, failed=int(n < 3)) for n in (4, 1, 3, 2, 5)]
    runs[0].end = "failed"
    halves = trend(Figures(runs=runs))
    assert halves is not None
    older, newer = halves
    assert [(h.runs, h.first[:10], h.last[:10], h.complete, h.sums.failed) for h in halves] == [
        (2, "2026-01-01", "2026-01-02", 2, 2),
        (3, "2026-01-03", "2026-01-05", 2, 0),
    ]
    assert values(total([older.sums, newer.sums])) == values(Figures(runs=runs).total)
    assert trend(Figures(runs=runs[:3])) is None


def test_since_leaves_out_what_began_before_with_all_it_did(tmp_path: Path) -> None:
    old = branch(tmp_path / "old", 1, begun="2026-01-01T23:59:59.999Z")
    new = branch(tmp_path / "new", 2, begun="2026-01-02T00:00:00.000Z")
    for logs in (old, new):  # entries outside of runs go by their own time, which is later
        assert of_branch(logs).total.attempts > 0
    found, _ = count([old, new], since=datetime(2026, 1, 2, tzinfo=UTC))
    assert values(found.total) == values(of_branch(new).total)
    assert [run.id for run in found.runs] == [run.id for run in of_branch(new).runs]
    assert set(found.skills) == set(of_branch(new).skills)


# --- logs that are not as they should be


def copy_of(logs: Logs, folder: Path) -> Logs:
    shutil.copytree(os.path.dirname(logs.run), folder)
    return paths.logs_beside(str(folder / os.path.basename(logs.decisions)))


def append(path: str, **fields: Any) -> None:
    Ledger(path).append(fields)


def other_time(logs: Logs) -> None:
    made = (
        entries_of(logs)[-1].fields()
        if entries_of(logs)
        else Decision("a", "AD-001", "", "", WHEN, False).fields()
    )
    append(logs.decisions, **{**made, "key": None, "timestamp": "yesterday"})


def no_zone(logs: Logs) -> None:
    values = {k: v for k, v in events_of(logs)[0].items() if k not in ("seq", "prev")}
    append(logs.run, **{**values, "run": "other", "timestamp": "2026-01-01T00:00:00"})


def out_of_order(logs: Logs) -> None:
    append(logs.run, event="complete", run="another", timestamp=WHEN, url="")


def unknown_event(logs: Logs) -> None:
    append(logs.run, event="nonesuch", run="r", timestamp=WHEN)


def damaged(logs: Logs) -> None:
    data = Path(logs.run).read_bytes()
    Path(logs.run).write_bytes(data.replace(b'"Ada"', b'"Eve"', 1))


def foreign(logs: Logs) -> None:
    Path(logs.decisions).write_text("a,b\n1,2\n")


def cut_off(logs: Logs) -> None:
    first = Ledger(logs.decisions).append(Decision("a", "AD-001", "", "", WHEN, False).fields())
    values = {k: v for k, v in events_of(logs)[0].items() if k not in ("seq", "prev")}
    append(logs.run, **{**values, "run": "r-last", "log_seq": first.seq, "log_head": "0" * 64})


def gone(logs: Logs) -> None:
    os.unlink(logs.decisions)


def endless_cost(logs: Logs) -> None:
    values = next(e for e in events_of(logs) if e["event"] == "run_started")
    run = {**{k: v for k, v in values.items() if k not in ("seq", "prev")}, "run": "dear"}
    append(logs.run, **run)
    step = run["plan"]["steps"][0]["name"]
    append(logs.run, **fields_of("dear", WHEN, StepStarted(step, 1, "n", "s", 1, "m", "b", "p")))
    append(
        logs.run, **fields_of("dear", WHEN, AgentEnded(step, 1, "ok", "", None, "a", 1.0, 1e300, False, 1, 1))
    )


def a_link(logs: Logs) -> None:
    os.rename(logs.run, logs.run + ".real")
    os.symlink(logs.run + ".real", logs.run)


@pytest.mark.parametrize(
    "spoil",
    [damaged, foreign, cut_off, gone, other_time, no_zone, out_of_order, unknown_event, endless_cost, a_link],
)
def test_a_log_that_can_t_be_read_is_named_and_the_others_are_counted(spoil: Any, tmp_path: Path) -> None:
    good, bad = branch(tmp_path / "good", 3, "good"), branch(tmp_path / "bad", 4, "bad")
    spoil(bad)
    found, [refused] = count([bad, good])
    assert as_json(found) == as_json(of_branch(good))
    assert refused.branch == "bad"
    assert os.path.join(str(tmp_path), "bad") in refused.why
    with pytest.raises(Stop) as stop:
        of_branch(bad)
    assert (stop.value.code, stop.value.message) == (exits.REFUSED, refused.why)


# --- the command


KEYS = [
    *("steps", "reverted", "attempts", "failed", "given_up", "failed_rate"),
    *("decisions", "deferred", "deferred_rate", "unlisted", "unlisted_rate", "superseded"),
    *("tokens", "cost_usd", "cost_estimated", "agent_seconds"),
]


@pytest.fixture
def project(scratch_repo: Path, git: Git) -> Project:
    return Project(scratch_repo, git)


def test_the_figures_of_real_runs_of_every_branch_in_a_closed_shape(
    project: Project, tmp_path: Path, git: Git
) -> None:
    empty = json.loads(project.command("metrics", "--json").stdout)
    project.run(AGENT_PLAY="break-simplify fail:cdocs#1")
    git(project.top, "switch", "-q", "-c", "feature/y", "main")
    git(project.top, "checkout", "-q", "feature/x", "--", "spec.md", ".gitignore", ".correctless/config")
    git(project.top, "commit", "-q", "-m", "a spec")
    project.run(AGENT_PLAY="fail:ctdd")
    git(project.top, "worktree", "add", "-q", "-b", "other", str(tmp_path / "linked"))
    done = project.command("metrics", "--json", cwd=tmp_path / "linked")
    assert done.returncode == exits.OK, done.stderr
    said = json.loads(done.stdout)
    assert (
        list(said)
        == list(empty)
        == ["since", "skill", "runs", "total", "skills", "outside_runs", "trend", "refused"]
    )
    assert list(said["runs"]) == ["count", *ENDS, "tried", "wall_seconds"]
    assert list(said["total"]) == KEYS
    assert [list(row) for row in said["skills"]] == [["skill", *KEYS]] * 4
    assert list(said["outside_runs"]) == ["decisions", "deferred", "unlisted"]
    assert {name: n for name, n in said["runs"].items() if n and name != "wall_seconds"} == {"count": 2, "waiting": 1, "failed": 1}  # fmt: skip
    by = {row["skill"]: row for row in said["skills"]}
    assert [(by["ctdd"][k]) for k in ("steps", "attempts", "failed")] == [1, 4, 3]
    assert [(by["simplify"][k]) for k in ("steps", "reverted", "attempts", "superseded")] == [1, 1, 1, 1]
    assert [(by["cdocs"][k]) for k in ("steps", "attempts", "failed", "unlisted_rate")] == [1, 2, 1, 1.0]
    assert (by["cverify"]["deferred_rate"], by["cverify"]["failed_rate"]) == (1.0, 0.0)
    assert (said["trend"], said["refused"], empty["total"]["deferred_rate"]) == (None, [], None)
    one = json.loads(project.command("metrics", "--json", "--skill", "cdocs", "--since", "1").stdout)
    assert one["skills"] == [by["cdocs"]]
    assert one["runs"]["count"] == 2
    assert (
        json.loads(project.command("metrics", "--json", "--since", "2999-01-01").stdout)["runs"]["count"] == 0
    )


def artifacts(project: Project) -> Path:
    made = project.top / ".correctless/artifacts"
    made.mkdir(parents=True, exist_ok=True)
    return made


def test_a_damaged_log_is_named_exit_3_and_the_figures_of_the_rest_are_shown(project: Project) -> None:
    for seed, name in ((5, "good"), (6, "bad")):
        branch(artifacts(project), seed, name)
    (artifacts(project) / "autonomous-decisions-bad.jsonl").write_text("nothing of ours\n")
    done = project.command("metrics")
    assert done.returncode == exits.REFUSED
    assert "\nall " in done.stdout
    assert "not in the figures: " in done.stderr
    assert "autonomous-decisions-bad.jsonl is not a log of correctless" in done.stderr
    said = json.loads(project.command("metrics", "--json").stdout)
    assert [each["branch"] for each in said["refused"]] == ["bad"]
    assert said["runs"]["count"] == len(
        of_branch(paths.logs_beside(str(artifacts(project) / "autonomous-decisions-good.jsonl"))).runs
    )


def test_a_decisions_log_without_a_run_is_counted_apart(project: Project) -> None:
    log = Ledger(str(artifacts(project) / "autonomous-decisions-hand.jsonl"))
    log.create()
    log.append(Decision("cdebug[/red]", "AD-001", "a", "b", WHEN, True).fields())
    done = project.command("metrics")
    assert (done.returncode, done.stdout) == (
        exits.OK,
        "Runs of project: none\nOutside of runs: 1 decision, 1 deferred\n",
    )


def test_a_skill_that_no_run_has_is_refused_and_the_nearest_is_named(project: Project) -> None:
    assert project.run("--pr", "skip").returncode == exits.PERSON
    log = Ledger(str(artifacts(project) / "autonomous-decisions-hand.jsonl"))
    log.create()
    log.append(Decision("cdebug", "AD-001", "a", "b", WHEN, True).fields())
    for words in (["--skill", "cverfy"], ["--skill", "cverfy", "--json"]):
        done = project.command("metrics", *words)
        assert (done.returncode, done.stdout) == (exits.REFUSED, "")
        assert "no run has the skill 'cverfy'. did you mean cverify?" in done.stderr
    for words in (["--skill", "cdebug"], ["--skill", "cverify", "--since", "2999-01-01"]):
        assert project.command("metrics", *words).returncode == exits.OK


def test_a_pipe_gets_whole_lines_and_names_are_no_markup(project: Project) -> None:
    dice = random.Random(7)
    for number in range(4):
        events = [
            replace(
                item,
                event=replace(item.event, plan=plan("ctdd[bold]\x9b" + "x" * 60))
                if isinstance(item.event, RunStarted)
                else item.event,
            )
            for item in played(dice, f"r{number}")[:1]
        ]
        write(paths.logs_beside(str(artifacts(project) / f"autonomous-decisions-{number}.jsonl")), events, [])
    step = plan("ctdd[bold]\x9b" + "x" * 60).steps[0].name
    append(
        str(artifacts(project) / "pipeline-0.jsonl"),
        **fields_of("r0", WHEN, StepStarted(step, 1, "n", "s", 1, "m", "b", "p")),
    )
    done = project.command("metrics")
    assert done.returncode == exits.OK, done.stderr
    assert "ctdd[bold]\\x9b" + "x" * 60 + "  " in done.stdout
    assert "\x9b" not in done.stdout
    assert "older half" in done.stdout


@pytest.mark.parametrize("columns", [30, 44, 60, 80, 200])
def test_on_a_terminal_of_any_width_every_number_is_shown_whole(project: Project, columns: int) -> None:
    branch(artifacts(project), 5, "x")
    figures = of_branch(paths.logs_beside(str(artifacts(project) / "autonomous-decisions-x.jsonl")))
    env = {**project.env, "TERM": "xterm", "COLUMNS": ""}
    child = terminal.spawn([*correctless.itself(), "metrics"], project.top, env, dimensions=(50, columns))
    said = re.sub(r"\x1b\[[0-9;]*m", "", terminal.ended(child)[1])
    lines = [line.rstrip() for line in said.splitlines()]
    assert max(map(len, lines)) <= columns
    rows = [line.split() for line in lines if line.startswith("all ")]
    sums = figures.total
    shown = [cell for row in rows for cell in row[1:]]
    assert shown[:4] == [f"{n:,}" for n in (sums.steps, sums.attempts, sums.failed, sums.decisions)]
    assert shown[6:8] == [f"{sums.tokens:,}", f"${sums.micro_usd / 1_000_000:,.2f}"]
    assert len(shown) == 11
    assert "\u2026" not in said


@pytest.mark.parametrize("said", ["soon", "-3", "2026-13-01", "9" * 12, "30d", "٣"])
def test_a_since_nobody_understands_is_a_usage_error(project: Project, said: str) -> None:
    done = project.command("metrics", f"--since={said}")
    assert (done.returncode, "Write --since 30 or --since 2026-01-31" in done.stderr) == (exits.USAGE, True)


_PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // (1024 if sys.platform == "darwin" else 1))
"""


def long_log(project: Project, entries: int) -> Path:
    """A decisions log of one run, made without a sync a line; each entry is of a skill nobody knew before."""
    folder = artifacts(project)
    for path in folder.glob("*.jsonl"):
        path.unlink()
    logs = paths.logs_beside(str(folder / "autonomous-decisions-x.jsonl"))
    write(logs, played(random.Random(1), "r1")[:1], [])
    prev = GENESIS
    with open(logs.decisions, "wb") as out:
        for seq in range(1, entries + 1):
            made = Decision(f"skill-{seq}", "AD-001", "a" * 100, "b" * 100, WHEN, False, run="r1")
            line = encode({**made.fields(), "seq": seq, "prev": prev})
            prev = digest(line[:-1])
            out.write(line)
    return Path(logs.decisions)


def peak_kb(project: Project) -> int:
    # Started by a small process of its own: a program's peak begins with that of the process that started it.
    words = [sys.executable, "-m", "correctless", "metrics", "--json"]
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _PEAK, *words],
        capture_output=True,
        text=True,
        check=True,
        cwd=project.top,
    )
    return int(done.stdout)


def test_ten_times_the_decisions_take_no_more_memory(project: Project) -> None:
    some = long_log(project, 3_000).stat().st_size
    peak = peak_kb(project)
    assert long_log(project, 30_000).stat().st_size > some + 10_000_000
    assert peak_kb(project) < peak + 3_000
