"""The engine in thousands of rough worlds: what it promises holds in each, and no two seeds are needed to see a fault again."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from simulation import simulate

SEEDS = 10_000
CHUNKS = 20
ON_DISK = 50  # one seed in so many has its run log in a file of the real ledger
FAST = 500


def run(seeds: range, folder: Path, *, on_disk: int) -> tuple[Counter[str], Counter[str]]:
    """How the runs of the seeds ended, and what they met."""
    ends: Counter[str] = Counter()
    met: Counter[str] = Counter()
    for seed in seeds:
        end, seen = simulate(seed, folder if seed % on_disk == 0 else None)
        ends[end] += 1
        met += seen
    return ends, met


def assert_rough(ends: Counter[str], met: Counter[str], runs: int) -> None:
    """A campaign that met no trouble proves nothing."""
    assert ends["complete"] > runs // 2, ends
    assert set(ends) == {"complete", "abandoned", "budget", "left"}, ends
    for kind in ("step_continued", "asking", "answered"):
        assert met[kind] > runs // 30, (kind, met)
    for kind in ("crash", "torn", "stopped", "attempt_failed", "rerun", "gate_closed", "escalations"):
        assert met[kind] > runs // 10, (kind, met)
    for kind in ("reverted", "rejected", "rewound"):
        assert met[kind] > 0, (kind, met)


def test_in_five_hundred_rough_worlds_every_promise_holds(tmp_path: Path) -> None:
    assert_rough(*run(range(FAST), tmp_path, on_disk=ON_DISK), FAST)


@pytest.mark.campaign
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_in_ten_thousand_rough_worlds_every_promise_holds(chunk: int, tmp_path: Path) -> None:
    each = SEEDS // CHUNKS
    assert_rough(*run(range(chunk * each, (chunk + 1) * each), tmp_path, on_disk=ON_DISK), each)


def test_a_seed_is_the_same_run_each_time_and_on_disk(tmp_path: Path) -> None:
    first: list[str] = []
    second: list[str] = []
    for seed in (3, 7, 11):
        simulate(seed, trace=first.append)
        simulate(seed, tmp_path, second.append)
    assert first == second
    assert len(first) > 100
