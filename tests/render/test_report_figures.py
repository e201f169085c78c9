"""Geometry of the report's figures: bars, axes, labels, paths."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest

from perfreport.render.build_series import in_unit
from perfreport.render.build_text import anchor, clock, counted, listed, plain, points_text, unique
from perfreport.render.figures.interval import interval_axis, interval_mark, interval_scale
from perfreport.render.figures.margin_bar import margin_bar, used_share
from perfreport.render.figures.scale import coordinate, line, round_ticks, time_step
from perfreport.render.figures.sparkline import spark_line
from perfreport.render.figures.squares import squares
from perfreport.render.figures.timeline import Curve, lines_track, spread, time_ticks


@pytest.mark.parametrize(
    ("operator", "observed", "limit", "share"),
    [
        ("<", 2310.0, 2000.0, 1.155),
        ("<", 0.0, 2000.0, 0.0),
        (">=", 5000.0, 2500.0, 0.5),  # twice what was asked for
        (">=", 2000.0, 2500.0, 1.25),
        (">=", 0.0, 2500.0, 9.99),
        ("==", 0.0, 0.0, 0.0),
        ("==", 3.0, 0.0, 9.99),
        ("<", None, 2000.0, None),
        ("<", float("nan"), 2000.0, None),
        ("<", float("inf"), 2000.0, None),
        ("<", 1.0, None, None),
    ],
)
def test_the_share_of_a_limit_is_worse_the_larger(
    operator: str, observed: float | None, limit: float | None, share: float | None
) -> None:
    assert used_share(operator, observed, limit) == share


def test_a_margin_bar_ends_where_its_share_does_and_the_limit_stands_at_106() -> None:
    bar = margin_bar("fail", "<", 2310.0, 2000.0, 2250.0, 2370.0)
    assert bar is not None
    assert (bar.width, bar.over, bar.cut) == ("122.4", "16.4", False)
    assert bar.whisker.startswith("M119.2 9H125.6")
    assert bar.label == "116 % of the limit used"


def test_a_long_margin_bar_is_cut() -> None:
    bar = margin_bar("fail", "<", 8000.0, 2000.0)
    assert bar is not None
    assert (bar.width, bar.cut) == ("150.5", True)


@pytest.mark.parametrize(
    ("count", "width", "height"),
    [(0, 11, 12), (1, 11, 12), (16, 176, 12), (17, 176, 27), (9999, 176, 147)],
)
def test_squares_wrap_after_16_and_end_after_160(count: int, width: int, height: int) -> None:
    drawn = squares(count)
    assert (drawn.width, drawn.height) == (width, height)
    assert drawn.path.count("M") == min(count, 160)


@pytest.mark.parametrize(
    ("high", "about", "ticks"),
    [
        (4.3, 4, [0, 2, 4]),
        (640, 2, [0, 500]),
        (0.5, 4, [0, 0.2, 0.4]),
        (1000, 4, [0, 500, 1000]),
        (0, 4, [0]),
    ],
)
def test_ticks_are_round(high: float, about: int, ticks: list[float]) -> None:
    assert round_ticks(high, about) == pytest.approx(ticks)


@pytest.mark.parametrize(
    ("span", "texts"),
    [
        (90, ["0", "15", "30", "45", "60", "75", "90 s"]),
        (7200, ["0", "15", "30", "45", "60", "75", "90", "105", "120 min"]),
        (86_400, ["0", "3", "6", "9", "12", "15", "18", "21", "24 h"]),
        (5, ["0", "1", "2", "3", "4", "5 s"]),
        (0.4, ["0 s"]),
    ],
)
def test_time_ticks_are_those_of_clocks(span: float, texts: list[str]) -> None:
    assert [tick.text for tick in time_ticks(span)] == texts


def test_a_year_has_no_more_than_a_dozen_time_ticks() -> None:
    assert time_step(365 * 86_400, 8) == 91 * 86_400


def test_a_line_is_interrupted_where_a_value_is_missing() -> None:
    points = [(0.0, 1.0), (1.0, 2.0), (2.0, None), (3.0, float("nan")), (4.0, 5.0)]
    assert line(points) == "M0 1L1 2M4 5h.01"


@pytest.mark.parametrize(
    ("value", "text"),
    [(12.04, "12"), (0.26, "0.3"), (-0.01, "0"), (-3.25, "-3.2"), (1000.0, "1000")],
)
def test_coordinates_are_short(value: float, text: str) -> None:
    assert coordinate(value) == text


def test_labels_at_the_same_height_are_moved_apart() -> None:
    labels = spread([(500, "b", ""), (500, "a", ""), (990, "c", "")], height=70)
    tops = [float(label.top) for label in labels]
    assert all(b - a >= 19.9 for a, b in pairwise(tops))  # 14 px of 70
    assert tops[-1] <= 100


def test_a_track_holds_negative_values_and_an_unreachable_limit_is_left_out() -> None:
    track = lines_track(
        title="t",
        sub="",
        height=66,
        description="",
        span_s=10,
        text=str,
        reads=[],
        limit=1e9,
        curves=[Curve("ln", [(0, -50.0), (5, 100.0)])],
    )
    assert next(tick.text for tick in track.ticks) == "-50.0"
    assert [stroke.css for stroke in track.strokes] == ["ln"]
    ys = [float(y) for _, y in re.findall(r"[ML]([\d.]+) ([\d.-]+)", track.strokes[0].path)]
    assert all(0 <= y <= 1000 for y in ys)


def test_the_interval_plot_holds_its_band_and_cuts_what_is_too_wide() -> None:
    scale = interval_scale([0.26, 0.21, 0.31, -0.04], 0.05)
    axis = interval_axis(scale, 0.05)
    assert [tick.text for tick in axis.ticks] == ["−10", "0", "+10", "+20", "+30 %"]
    assert float(axis.band_x) < float(axis.zero) < float(axis.band_x) + float(axis.band_width)
    wide = interval_mark(interval_scale([25.0], 0.05), "fail", 25.0, -3.0, 60.0)
    assert wide.interval == "M0 50H1000"
    assert wide.cut


def test_a_sparkline_needs_two_values_and_shows_a_near_limit_only() -> None:
    assert spark_line([(0, 1.0), (1, None)], 2) is None
    near, far = (spark_line([(0, 1.0), (1, 2.0)], 2, limit) for limit in (3.0, 30.0))
    assert near is not None
    assert near.limit
    assert far is not None
    assert not far.limit


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (None, ""),
        ("  a\n b\t ", "a b"),
        ("‮abc", "�abc"),
        ("a\x00b", "a�b"),
        ("é – ≥ 漢字", "é – ≥ 漢字"),
        ("x" * 130, "x" * 119 + "…"),
    ],
)
def test_text_from_input_is_one_harmless_line(text: str | None, shown: str) -> None:
    assert plain(text) == shown


def test_words() -> None:
    assert [clock(s) for s in (5, 750, 3750, -3)] == ["0:05", "12:30", "1:02:30", "0:00"]
    assert (counted(1, "run"), counted(0, "run"), counted(1200, "run")) == (
        "one run",
        "no runs",
        "1,200 runs",
    )
    assert [listed(x) for x in ([], ["a"], ["a", "b"], ["a", "b", "c"], list("abcde"))] == [
        "",
        "a",
        "a and b",
        "a, b and c",
        "a, b, c and 2 more",
    ]
    assert [points_text(x) for x in (0.0033, -0.0002, 0.0)] == ["+0.33 pp", "−0.020 pp", "0 pp"]
    assert unique(["a", "b", "a"]) == ["a", "b", "a--2"]
    assert anchor("r", "<b>Ünï/x") == "r-b-n-x"


@pytest.mark.parametrize(
    ("value", "unit", "of_series", "shown"),
    [
        (2000.0, "ms", "s", 2.0),  # a limit in ms on a series that was recorded in seconds
        (0.9, "1", "%", 90.0),
        (0.9, "1", "{connections}", None),  # a share of the pool is no number of connections
        (5000.0, "{messages}", "{messages}", 5000.0),
        (2.0**32, "By", "By", 2.0**32),
        (None, "ms", "s", None),
    ],
)
def test_a_limit_is_drawn_in_the_unit_of_its_series(
    value: float | None, unit: str, of_series: str, shown: float | None
) -> None:
    assert in_unit(value, unit, of_series) == shown
