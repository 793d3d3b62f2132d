"""The report of all runs: plots whose axes hold every value, and a text that says what they show."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

import reported
from correctless.base.text import duration
from correctless.metrics.count import UnreadableBranch
from correctless.metrics.figures import Figures
from correctless.report import history, plot

values = st.lists(st.none() | st.floats(0, 1e12), min_size=1, max_size=80)


@given(values)
def test_every_value_is_between_the_first_and_the_last_mark_of_its_axis(row: list[float | None]) -> None:
    made = plot.of("a", "A", ["2026-01-01"] * len(row), (("a", row),), str)
    [series] = made.series
    assert len(series.dots) == sum(value is not None for value in row)
    for dot in series.dots:
        assert made.left <= dot.x <= made.right
        assert made.y[-1].at - 0.1 <= dot.y <= made.y[0].at + 0.1
    assert made.y[0].at == made.bottom
    assert made.y[-1].at >= made.top - 0.1
    assert 2 <= len(made.y) <= 7


def test_higher_values_are_higher_and_later_runs_are_to_the_right() -> None:
    made = plot.of("a", "A", ["d1", "d2", "d3"], (("a", [1.0, 3.0, 2.0]),), str)
    first, second, third = made.series[0].dots
    assert first.x < second.x < third.x
    assert second.y < third.y < first.y


def test_a_run_without_a_value_breaks_the_line() -> None:
    made = plot.of("a", "A", ["d"] * 6, (("a", [1.0, 2.0, None, 3.0, 4.0, 5.0]),), str)
    assert [len(line.split()) for line in made.series[0].lines] == [2, 3]


@pytest.mark.parametrize(
    ("highest", "labels"),
    [
        (0, ["0s", "1s"]),
        (3, ["0s", "1s", "2s", "3s"]),
        (3_000, ["0s", "15m00s", "30m00s", "45m00s", "1h00m"]),
        (40_000, ["0s", "3h00m", "6h00m", "9h00m", "12h00m"]),
    ],
)
def test_an_axis_of_time_counts_by_minutes_and_hours(highest: float, labels: list[str]) -> None:
    made = plot.of("a", "A", ["d"], (("a", [float(highest)]),), duration, steps=history._SPANS)
    assert [tick.label for tick in made.y] == labels


def test_the_text_of_a_plot_names_range_median_and_last_value() -> None:
    made = plot.of(
        "a", "A", ["d"] * 3, (("cost", [3.0, 1.0, 2.0]), ("none", [None] * 3)), lambda v: f"${v:.0f}"
    )
    assert made.text == "3 runs. cost: from $1 to $3, median $2, last $2. none: no values."


def test_runs_are_in_the_order_in_which_they_began_and_only_the_newest_are_drawn() -> None:
    view = reported.past(700)
    assert [run.started for run in view.runs] == sorted(run.started for run in view.runs)
    assert (len(view.runs), view.plotted) == (700, history.PLOTTED)
    assert view.plots[0].x[-1].label == view.runs[-1].started[:10]
    assert view.plots[0].series[0].hidden
    assert re.match(r"300 runs\. deferred: from 0% to ", view.plots[0].text)


def test_a_branch_that_cannot_be_read_is_named() -> None:
    view = history.of(Figures(), [UnreadableBranch("x", "damaged")], repository="r", made=reported.MADE)
    assert (view.refused, view.plots, view.halves, view.runs) == ((("x", "damaged"),), (), None, ())
