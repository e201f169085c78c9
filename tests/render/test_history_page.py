"""A history in the terminal, as JSON and as a page: the same facts, whatever is given."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from itertools import pairwise

import histories
import pytest
from rich.console import Console
from test_report import HOSTILE, Page

from perfreport.judge.history import History
from perfreport.judge.record import STATISTICS
from perfreport.render import history as render
from perfreport.render.build_history import build_history
from perfreport.render.figures.runs import Mark, RunPoint, runs_plot
from perfreport.render.html import render_history

every_history = pytest.mark.parametrize("name", histories.ALL)


def of(name: str) -> History:
    return histories.ALL[name]()


@pytest.fixture(scope="module")
def usual() -> History:
    return histories.usual()


# --- terminal -------------------------------------------------------------------------------------


def in_a_terminal(history: History) -> str:
    console = Console(file=io.StringIO(), width=80, highlight=False, markup=False, emoji=False)
    render.for_terminal(history, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_terminal_tells_runs_changes_and_what_is_apart(
    usual: History, golden: Callable[[str, str], None]
) -> None:
    golden("history/usual.txt", in_a_terminal(usual))


@every_history
def test_no_line_is_wider_than_80_columns(name: str) -> None:
    assert max(map(len, in_a_terminal(of(name)).splitlines()), default=0) <= 80


@pytest.mark.parametrize("hostile", HOSTILE)
def test_names_from_input_never_steer_the_terminal(hostile: str) -> None:
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f]", in_a_terminal(histories.hostile(hostile)))


# --- JSON -----------------------------------------------------------------------------------------


def refuse(text: str) -> None:
    raise AssertionError(f"{text} is no JSON")


def document(history: History) -> dict:
    return json.loads(render.as_json(history), parse_constant=refuse)


@every_history
def test_the_document_is_strict_json(name: str) -> None:
    assert set(document(of(name))) >= {"series", "apart"}


def test_the_document_holds_what_the_page_about_it_says(usual: History) -> None:
    told = documented()
    found = document(usual)
    (series,) = found["series"]
    assert set(series) == told["series"]
    assert {key for run in series["runs"] for key in run} == told["runs"]
    assert {key for run in series["runs"] for key in run["against"] or ()} == told["against"]
    assert {key for shift in series["shifts"] for key in shift} == told["shifts"]
    changes = [change for shift in series["shifts"] for change in shift["changes"]]
    assert {key for change in changes for key in change} == told["changes"]
    assert {key for outlier in series["outliers"] for key in outlier} == told["outliers"]
    points = [point for endpoint in series["endpoints"] for point in endpoint["points"]]
    of_statistics = {key for name in STATISTICS for key in (name, f"{name}_se")}
    assert {key for point in points for key in point} == {"run", "requests"} | of_statistics
    assert {key for apart in found["apart"] for key in apart} == told["apart"]


def documented() -> dict[str, set[str]]:
    """The keys that docs/history.md names, by the object that its table is about."""
    from test_docs import ROOT

    text = (ROOT / "docs" / "history.md").read_text(encoding="utf-8")
    tables = re.findall(r"^`(\w+)`[^\n]*:\n\n((?:\|.*\n)+)", text, re.MULTILINE)
    return {
        name: {key for row in table.splitlines()[2:] for key in re.findall(r"`(\w+)`", row.split("|")[1])}
        for name, table in tables
    }  # fmt: skip


# --- page -----------------------------------------------------------------------------------------


@every_history
def test_the_same_history_gives_the_same_page(name: str) -> None:
    assert render_history(of(name)) == render_history(of(name))


@every_history
def test_headings_links_and_columns_are_in_order(name: str) -> None:
    page = Page(render_history(of(name)))
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert all(head.get("scope") in ("col", "row") for head in page.all("th"))
    assert len(page.ids) == len(set(page.ids))
    assert {link["href"] for link in page.all("a")} <= {f"#{each}" for each in page.ids}


@pytest.mark.parametrize("hostile", HOSTILE)
def test_names_from_input_never_become_markup(hostile: str, usual: History) -> None:
    text = render_history(histories.hostile(hostile))
    page = Page(text)
    assert {tag for tag, _ in page.elements} <= {
        tag for tag, _ in Page(render_history(usual)).elements
    }
    assert len(page.all("script")) == len(page.all("style")) == 1
    assert not [key for _, found in page.elements for key in found if key.startswith("on")]
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", text)


def test_the_changes_come_first_the_newest_on_top_in_the_words_of_the_terminal(
    usual: History,
) -> None:
    (series,) = build_history(usual).series
    assert [(shift.badge.word, shift.title.split(":")[0]) for shift in series.shifts] == [
        ("Better", "2026.6"),
        ("Worse", "2026.5"),
        ("Accepted", "2026.3"),
    ]
    terminal = " ".join(in_a_terminal(usual).split())
    for shift in series.shifts:
        assert shift.title in terminal
        change = shift.changes[0]
        assert f"{change.name} {change.statistic} {change.text}" in terminal


def test_the_head_says_what_still_stands(usual: History) -> None:
    assert build_history(usual).why == (
        "Something changed for good three times; one for the worse not accepted by a baseline: 2026.5.",
    )
    assert build_history(of("one_run")).why == ("A change for good is told from four runs on.",)
    assert build_history(of("nothing")).why == ("No run has requests that are judged.",)


def test_endpoints_that_are_worse_come_first_and_flat_errors_are_not_drawn(usual: History) -> None:
    (series,) = build_history(usual).series
    assert [(each.name, each.badge.word) for each in series.endpoints] == [
        ("mpesa_callback", "Worse"),
        ("etims", "Accepted"),
        ("create_order", "Better"),
    ]
    captions = [[figure.caption for figure in each.figures] for each in series.endpoints]
    assert captions == [["P50", "P95", "Failed requests"], ["P50", "P95"], ["P50", "P95"]]


def test_a_change_is_drawn_between_two_runs_with_its_release_and_a_far_run_as_a_ring(
    usual: History,
) -> None:
    (series,) = build_history(usual).series
    p50 = series.endpoints[2].figures[0].plot
    assert [(mark.label, mark.css) for mark in p50.marks] == [
        ("▲ 2026.3", "none"),
        ("▼ 2026.6", "pass"),
    ]
    first = next(shift.at for shift in usual.series[0].shifts)
    assert float(p50.marks[0].at) == pytest.approx(100 * first / 24, abs=0.1)
    assert p50.dots.count("M") == 23
    assert p50.outliers.count("M") == 1
    assert p50.levels.count("M") == 3
    assert "changed at 2026.3, 2026.6" in p50.description


def test_each_run_has_a_row_the_newest_first_with_what_is_noted_of_it(usual: History) -> None:
    (series,) = build_history(usual).series
    assert [run.name for run in series.runs] == [f"run-{n:03}" for n in range(23, -1, -1)]
    noted = {run.name: [badge.word for badge in run.notes] for run in series.runs if run.notes}
    assert noted == {
        "run-020": ["First after a change"],
        "run-017": ["First after a change"],
        "run-012": ["Pinned"],
        "run-011": ["First after a change"],
        "run-006": ["Far off"],
    }
    assert [run.name for run in series.runs if not run.p50_against] == ["run-012"]
    assert {run.exact for run in series.runs if run.name.endswith("5")} == {"condensed"}


def test_what_stands_apart_is_told_with_its_reason() -> None:
    page = build_history(of("two_series"))
    assert [series.title for series in page.series] == [
        "shop, o2c, load, staging, k6: 12 runs at 60 requests/s",
        "shop, peak, load, staging, k6: 5 runs at 60 requests/s",
    ]
    assert [(row.name, row.why) for row in page.apart] == [
        ("more-load", "the load differs: 200 requests/s against 60 requests/s"),
    ]


def test_200_runs_of_50_endpoints_are_below_3_mb() -> None:
    text = render_history(histories.many(200, 50))
    assert len(text.encode()) < 3_000_000
    assert text.count('class="plot dense"') == 150


def test_what_a_page_does_not_hold_is_counted() -> None:
    (series,) = build_history(histories.many(410, 1)).series
    assert len(series.runs) == 400
    assert series.runs_left_out == "Not in this page: 10 earlier runs; --format json holds all."
    (series,) = build_history(histories.many(8, 160)).series
    assert len(series.endpoints) == 150
    assert series.endpoints_left_out.startswith("Not drawn: 10 endpoints")
    assert series.shifts[0].left_out.endswith(" more; --format json holds all.")


# --- figure ---------------------------------------------------------------------------------------


def points(*values: float, far: int = -1, half: float = 0.1) -> list[RunPoint]:
    return [
        RunPoint(at, value, value - half, value + half, at == far)
        for at, value in enumerate(values)
    ]


def plotted(given: list[RunPoint], marks: list[Mark] | None = None, count: int | None = None):
    dates = [f"d{n}" for n in range(len(given) if count is None else count)]
    return runs_plot(given, marks or [], dates, str, "x")


@pytest.mark.parametrize("half", [0.0, 0.1, 1e9])
@pytest.mark.parametrize("size", [0.0, 1e-9, 1.0, 3e6])
def test_the_whole_plot_stays_in_its_box(size: float, half: float) -> None:
    given = points(size, 2 * size, size, 50 * size, size, far=3, half=half * size)
    plot = plotted(given, [Mark(2, "▲ r", "fail", size, 2 * size)])
    assert plot is not None
    numbers = [plot.line, plot.dots, plot.outliers, plot.levels, plot.grid, plot.whiskers]
    found = [
        float(each) for path in numbers for each in re.findall(r"(?<![\dh.])-?\d+\.?\d*", path)
    ]
    assert all(0 <= each <= 1000 for each in found)
    assert all(0 <= float(tick.at) <= 100 for tick in plot.y_ticks)
    assert 1 <= len(plot.y_ticks) <= 7


def test_a_higher_value_is_drawn_higher_and_runs_stand_in_even_steps() -> None:
    plot = plotted(points(10, 12, 11, 14))
    assert plot is not None
    places = [(float(x), float(y)) for x, y in re.findall(r"M([\d.]+) ([\d.]+)h", plot.dots)]
    assert [x for x, _ in places] == [125, 375, 625, 875]
    assert places[3][1] < places[1][1] < places[2][1] < places[0][1]


def test_what_runs_differ_by_anyway_looks_small() -> None:
    plot = plotted(points(100, 101, 100, half=0.0))
    assert plot is not None
    heights = [float(y) for y in re.findall(r" ([\d.]+)h", plot.dots)]
    assert max(heights) - min(heights) < 100


def test_labels_of_changes_never_cover_each_other() -> None:
    marks = [Mark(at, f"▲ 2026.{at}", "fail", 10.0, 10.0) for at in range(1, 20)]
    plot = plotted(points(*[10.0] * 20), marks)
    assert plot is not None
    assert len(plot.marks) == 19
    for raised in (False, True):
        taken = []
        for mark in plot.marks:
            if mark.label and mark.raised == raised:
                at, width = float(mark.at), 2.2 * len(mark.label)
                taken.append((at - width, at) if mark.leftward else (at, at + width))
        assert taken
        assert all(after[0] >= before[1] for before, after in pairwise(taken))
        assert all(begin >= 0 and end <= 100 for begin, end in taken)


@pytest.mark.parametrize("given", [[], points(1.0)])
def test_fewer_than_two_runs_are_no_plot(given: list[RunPoint]) -> None:
    assert plotted(given, count=5) is None
