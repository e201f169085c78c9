"""The page of a comparison and the figures in it: whatever is given, in its size, the same each time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import comparisons
import evidence
import pytest
from test_report import HOSTILE, Page

from perfreport.judge.findings import Comparison, Earlier, PeriodChange, ShiftPoint
from perfreport.render.build import build_report
from perfreport.render.build_comparison_page import build_comparison_page
from perfreport.render.figures.periods import period_plot
from perfreport.render.figures.shift import shift_plot
from perfreport.render.html import render_comparison, render_report

BAND = comparisons.BAND
every_comparison = pytest.mark.parametrize("name", comparisons.ALL)


def of(name: str) -> Comparison:
    return comparisons.ALL[name]()


@every_comparison
def test_the_same_comparison_gives_the_same_page(name: str) -> None:
    assert render_comparison(of(name), BAND) == render_comparison(of(name), BAND)


@every_comparison
def test_headings_go_down_one_level_at_a_time(name: str) -> None:
    levels = [int(tag[1]) for tag, _ in Page(render_comparison(of(name), BAND)).elements if re.fullmatch(r"h[1-6]", tag)]  # fmt: skip
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


@every_comparison
def test_every_column_has_a_heading_and_every_link_a_target(name: str) -> None:
    page = Page(render_comparison(of(name), BAND))
    assert all(head.get("scope") in ("col", "row") for head in page.all("th"))
    assert len(page.ids) == len(set(page.ids))
    targets = {link["href"] for link in page.all("a")}
    assert targets <= {f"#{each}" for each in page.ids}


@pytest.mark.parametrize("hostile", HOSTILE)
def test_names_from_input_never_become_markup(hostile: str) -> None:
    usual = Page(render_comparison(of("regressed"), BAND))
    page = Page(render_comparison(comparisons.named(of("regressed"), hostile), BAND))
    known = {tag for tag, _ in usual.elements}
    assert {tag for tag, _ in page.elements} <= known
    assert len(page.all("script")) == 1
    assert not [name for _, found in page.elements for name in found if name.startswith("on")]


def test_a_page_of_ten_endpoints_is_below_300_kib_and_of_a_thousand_below_5_mb() -> None:
    assert len(render_comparison(of("regressed"), BAND).encode()) < 300 * 1024
    whole = render_comparison(comparisons.many(1000), BAND)
    assert len(whole.encode()) < 5_000_000
    assert "Not drawn: 850 endpoints with fewer requests." in whole
    assert re.search(r"Not in this page: [\d,]+ rows; --format json holds all\.", whole)


def test_the_runs_stand_side_by_side_with_the_history_and_what_was_left_out() -> None:
    page = build_comparison_page(of("regressed"), BAND)
    assert [row.role for row in page.runs] == ["Run", "Baseline", *["History"] * 4]
    assert page.runs[0].system == "ChiroERP 2026.2"
    assert page.runs_notes == (
        "Baseline: geometric mean of o2c-2026.1 and 4 of its history",
        "History: 4 of 5 runs used",
        "Left out o2c-2025.4: before the change of 2026-11-02 (release 2026.0)",
    )


def test_the_reason_and_the_words_of_rows_are_those_of_the_terminal() -> None:
    page = build_comparison_page(of("inconclusive"), BAND)
    assert page.why == of("inconclusive").why
    table = page.section.compared
    assert {row.badge.word for row in (*table.rows, *table.more)} == {
        "Inconclusive", "Not judged", "Reported",
    }  # fmt: skip


def test_a_long_history_is_counted() -> None:
    left_out = tuple(Earlier(f"run-{n}", False, "another load") for n in range(90))
    page = build_comparison_page(replace(of("regressed"), history=left_out), BAND)
    assert len(page.runs_notes) == 21
    assert page.runs_notes[-1] == "And 72 more"


def test_the_title_counts_what_moved() -> None:
    assert [build_comparison_page(of(name), BAND).section.compared.title for name in ("regressed", "unchanged", "nothing_judged")] == [
        "Two of 10 endpoints regressed, one improved",
        "None of 10 endpoints changed for sure",
        "No endpoint could be compared",
    ]  # fmt: skip


def test_endpoints_that_changed_stand_open_and_first() -> None:
    places = build_comparison_page(of("regressed"), BAND).section.compared.places
    assert [place.name for place in places if place.opened] == [
        comparisons.ORDERS, comparisons.INVOICE, comparisons.APPROVE,
    ]  # fmt: skip
    assert [place.badge.word for place in places[:4]] == ["Regressed", "Regressed", "Improved", "Inconclusive"]  # fmt: skip
    assert places[0].changes == "P50 +14.5 %, P95 +17.8 %"
    assert places[0].sure == "P50 p < 0.0001, detectable from 9 %; P95 p 0.00060, detectable from 9 %"  # fmt: skip
    assert places[3].needs == "P95: 3 more runs or 25 min of load a run"


def test_the_report_shows_the_places_of_what_changed_alone() -> None:
    run = replace(evidence.load_run(), comparison=of("regressed"))
    report = replace(evidence.readiness(), runs=(run,))
    compared = build_report(report).runs[0].compared
    assert compared is not None
    assert len(compared.places) == 3
    assert sum(place.opened for place in compared.places) == 1
    page = Page(render_report(report))
    assert len(page.ids) == len(set(page.ids))
    assert {row.place for row in compared.rows} - {""} == {place.id for place in compared.places}


def test_nothing_is_drawn_of_a_place_without_figures() -> None:
    places = build_comparison_page(of("nulls"), BAND).section.compared.places
    assert [place.name for place in places] == [comparisons.ORDERS]
    assert places[0].periods is None
    assert places[0].phases == ()
    assert places[0].failures[0].message == "no message"


# --- figures --------------------------------------------------------------------------------------


def points(path: str) -> list[tuple[float, float]]:
    """The absolute points of a path of straight lines."""
    return [(float(x), float(y)) for x, y in re.findall(r"[ML]?(-?[\d.]+) (-?[\d.]+)", path)]


def shift(*changes: float, half: float | None = 0.02) -> list[ShiftPoint]:
    return [
        ShiftPoint(
            q, 100.0, 100 * (1 + change), change,
            None if half is None else change - half, None if half is None else change + half,
        )
        for q, change in zip((0.05, 0.25, 0.5, 0.75, 0.95, 0.99), changes, strict=False)
    ]  # fmt: skip


def test_the_middle_of_the_axis_of_percentiles_lies_where_a_normal_distribution_has_it() -> None:
    from scipy.stats import norm

    plot = shift_plot(shift(0, 0, 0, 0, 0, 0), BAND, "x")
    assert plot is not None
    low, high = norm.ppf([0.05, 0.99])
    assert [tick.text for tick in plot.x_ticks] == ["P5", "P25", "P50", "P75", "P95", "P99"]
    assert [float(tick.at) for tick in plot.x_ticks] == pytest.approx(
        [100 * (norm.ppf(q) - low) / (high - low) for q in (0.05, 0.25, 0.5, 0.75, 0.95, 0.99)],
        abs=0.06,
    )


def test_a_slower_percentile_is_drawn_above_zero_and_a_faster_one_below() -> None:
    plot = shift_plot(shift(-0.1, -0.1, 0.0, 0.2, 0.3, 0.4), BAND, "x")
    assert plot is not None
    zero = float(plot.zero.removeprefix("M0 ").removesuffix("H1000"))
    heights = [y for _, y in points(plot.line)]
    assert heights[0] > zero > heights[3] > heights[4] > heights[5]
    assert heights[2] == pytest.approx(zero, abs=0.1)


@pytest.mark.parametrize("half", [0.0, 0.02, 5.0, None])
@pytest.mark.parametrize("size", [0.0, 0.004, 0.3, 12.0, -0.9])
def test_the_whole_plot_stays_in_its_box(size: float, half: float | None) -> None:
    plot = shift_plot(shift(0, size / 2, size, size, size, size, half=half), BAND, "x")
    assert plot is not None
    inside = [*points(plot.line), *points(plot.ribbon)]
    assert all(0 <= x <= 1000 and 0 <= y <= 1000 for x, y in inside)
    assert (plot.ribbon == "") == (half is None)
    assert 2 <= len(plot.y_ticks) <= 6
    assert all(0 <= float(tick.at) <= 100 for tick in plot.y_ticks)


def test_the_ribbon_is_interrupted_where_a_point_has_no_interval() -> None:
    shifts = shift(0, 0.1, 0.2, 0.3, 0.2, 0.1)
    shifts[2] = replace(shifts[2], low=None)
    plot = shift_plot(shifts, BAND, "x")
    assert plot is not None
    assert plot.ribbon.count("z") == 2


@pytest.mark.parametrize("given", [[], shift(0.1), [*shift(0.1), *shift(0.2)]])
def test_fewer_than_two_percentiles_are_no_plot(given: list[ShiftPoint]) -> None:
    assert shift_plot(given, BAND, "x") is None


def bars(path: str) -> Iterator[float]:
    yield from (float(height) for height in re.findall(r"v(-?[\d.]+)", path))


def test_a_period_has_a_bar_up_or_down_and_none_where_it_is_unknown() -> None:
    given = [PeriodChange(n * 60.0, n * 60.0 + 60, change) for n, change in enumerate((0.2, -0.1, None, 0.0))]  # fmt: skip
    plot = period_plot(given, BAND, "x")
    assert plot is not None
    up, down, flat = bars(plot.bars)
    assert up < 0 < down
    assert up == pytest.approx(-2 * down, abs=0.2)
    assert abs(flat) == 8


@pytest.mark.parametrize(
    "given", [[], [PeriodChange(0.0, 60.0, None)], [PeriodChange(0.0, 0.0, 0.1)]]
)
def test_no_known_period_is_no_plot(given: list[PeriodChange]) -> None:
    assert period_plot(given, BAND, "x") is None
