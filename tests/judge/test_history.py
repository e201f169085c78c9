"""Runs become series of like ones; what changed for good in them is told with its release."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from history_runs import START, record
from sides import SECONDS, sketch

from perfreport.judge.history import Series, history
from perfreport.judge.record import RunRecord, run_record
from perfreport.run.info import RunInfo
from perfreport.sla.settings import CompareSettings
from perfreport.stats.window import Window


def told(runs: list[RunRecord], tag: str | None = None, **settings) -> Series:
    found = history(runs, CompareSettings(**settings), tag)
    assert found.apart == ()
    (series,) = found.series
    return series


def changes(series: Series) -> set[tuple[int, str, str]]:
    return {
        (shift.at, change.name, change.statistic)
        for shift in series.shifts
        for change in shift.changes
    }


def slower_from(day: int, factor: float = 1.2, count: int = 12, **fields) -> list[RunRecord]:
    return [
        record(each, slower={"order": factor} if each >= day else None, **fields)
        for each in range(count)
    ]


def test_stable_runs_are_one_series_in_order_of_time_in_which_nothing_changed() -> None:
    runs = [record(day) for day in range(12)]
    series = told(runs[::-1])
    assert series.runs == tuple(runs)
    assert (series.shifts, series.outliers, series.pinned, series.against) == ((), (), None, ())
    assert series.endpoints == ["order", "invoice"]


@pytest.mark.parametrize(
    "other",
    [
        {"system": "bank"},
        {"scenario": "p2p"},
        {"test_type": "stress"},
        {"environment": None},
        {"tool": "jmeter"},
    ],
    ids=str,
)
def test_another_test_is_another_series(other: dict) -> None:
    mine, theirs = [record(day) for day in range(5)], [record(day, **other) for day in (6, 7)]
    found = history([*theirs, *mine], CompareSettings())
    assert [series.runs for series in found.series] == [tuple(mine), tuple(theirs)]
    assert found.apart == ()


def test_another_load_is_another_series_from_three_runs_on() -> None:
    mine = [record(day) for day in range(5)]
    double = [record(day, rate=2.0) for day in range(6, 9)]
    found = history([*mine, *double], CompareSettings())
    assert [series.runs for series in found.series] == [tuple(mine), tuple(double)]

    found = history([*mine, *double[:2]], CompareSettings())
    assert [series.runs for series in found.series] == [tuple(mine)]
    assert [(each.name, each.why) for each in found.apart] == [
        ("day-06", "the load differs: 40 requests/s against 20 requests/s"),
        ("day-07", "the load differs: 40 requests/s against 20 requests/s"),
    ]


def test_the_same_users_are_the_same_load_though_slower_answers_lower_the_rate() -> None:
    runs = [record(day, users=50.0, rate=1.0 if day < 6 else 0.8) for day in range(12)]
    assert len(told(runs).runs) == 12


def test_a_series_may_be_a_single_run() -> None:
    assert told([record(3)]).runs == (record(3),)


def test_no_run_is_no_series() -> None:
    found = history([], CompareSettings())
    assert (found.series, found.apart) == ((), ())


def test_a_run_in_which_no_request_is_judged_is_told_apart() -> None:
    empty = record(7, requests=0, endpoints={}, p50_ms=None, p95_ms=None, p99_ms=None)
    found = history([record(1), empty], CompareSettings())
    assert [(each.name, each.why) for each in found.apart] == [("day-07", "no request is judged")]


def test_a_condensed_copy_counts_once_and_gives_its_labels_to_the_run() -> None:
    runs = [record(day) for day in range(4)]
    copy = replace(runs[2], name="kept", exact=False, labels={"baseline": "2026.1"})
    found = history([copy, *runs], CompareSettings(), tag="2026.1")
    assert [run.name for run in found.series[0].runs] == ["day-00", "day-01", "day-02", "day-03"]
    assert found.series[0].runs[2].exact
    assert found.series[0].pinned == "day-02"
    assert [(each.name, each.why) for each in found.apart] == [("kept", "the same run as day-02")]


def test_runs_of_one_start_window_and_rate_are_no_copies_if_their_durations_differ() -> None:
    """Simulated runs often all begin at one instant and send at one rate."""
    one = record(0)
    others = [
        replace(record(day), started=one.started, start=one.start, end=one.end) for day in (1, 2)
    ]
    assert {run.rate_per_s for run in (one, *others)} == {one.rate_per_s}
    assert len(told([one, *others]).runs) == 3


def test_a_shift_names_its_release_the_run_before_and_all_that_changed() -> None:
    series = told(slower_from(7))
    [shift] = series.shifts
    assert (shift.at, shift.run, shift.since) == (7, "day-07", "day-06")
    assert (shift.release, shift.release_before, shift.accepted) == ("2026.7", "2026.6", None)
    assert {(one.name, one.statistic) for one in shift.changes} == {
        ("order", statistic) for statistic in ("p50", "p95", "p99")
    }
    for one in shift.changes:
        assert one.worse
        assert (one.runs_before, one.runs_after) == (7, 5)
        assert one.change == pytest.approx(0.20, abs=0.02)
        assert one.change == pytest.approx(one.after / one.before - 1)
        assert one.low < one.change < one.high
    head = shift.changes[0]
    assert (
        shift.why
        == f"2026.7: order {head.statistic.upper()} {head.why}; first in day-07, after day-06"
    )
    assert head.why.startswith("+")
    assert series.outliers == ()


def test_a_shift_within_one_release_says_so_and_none_is_named_where_none_is_known() -> None:
    [shift] = told(slower_from(6, release="2026.1")).shifts
    assert shift.why.startswith("2026.1: order ")
    assert shift.why.endswith("first in day-06, after day-05 of the same release")
    [shift] = told(slower_from(6, release=None)).shifts
    assert shift.why.startswith("order ")
    assert shift.why.endswith("first in day-06, after day-05")


def test_what_became_faster_is_a_shift_that_is_not_worse() -> None:
    [shift] = told(slower_from(6, factor=0.8)).shifts
    assert not any(one.worse for one in shift.changes)
    assert all(one.change == pytest.approx(-0.20, abs=0.02) for one in shift.changes)
    assert "−20" in shift.why


def test_two_releases_are_two_shifts_in_order() -> None:
    runs = [
        record(
            day, slower={"order": 1.15 if day >= 5 else 1.0, "invoice": 1.3 if day >= 10 else 1.0}
        )
        for day in range(15)
    ]
    series = told(runs)
    assert [shift.at for shift in series.shifts] == [5, 10]
    assert [shift.changes[0].name for shift in series.shifts] == ["order", "invoice"]


def test_a_change_is_between_its_two_segments_and_a_run_far_off_counts_in_neither() -> None:
    levels = [1.0] * 5 + [1.5] * 5 + [1.2] * 5
    levels[7] = 3.0
    series = told([record(day, slower={"order": level}) for day, level in enumerate(levels)])
    up, down = ([one for one in shift.changes if one.statistic == "p50"] for shift in series.shifts)
    assert [one.change for one in up + down] == pytest.approx([0.5, -0.2], abs=0.02)
    assert [(one.runs_before, one.runs_after) for one in up + down] == [(5, 4), (4, 5)]
    assert down[0].before == up[0].after == pytest.approx(60.0, rel=0.02)
    assert {one.run for one in series.outliers} == {"day-07"}


@pytest.mark.parametrize(("pinned", "accepted"), [(4, None), (6, "ok"), (9, "ok")])
def test_a_shift_is_accepted_by_a_baseline_pinned_at_it_or_later(
    pinned: int, accepted: str | None
) -> None:
    runs = slower_from(6)
    runs[pinned] = replace(runs[pinned], labels={"baseline": "ok"})
    [shift] = told(runs).shifts
    assert shift.accepted == accepted


def test_each_run_is_told_against_the_newest_one_pinned_with_the_tag() -> None:
    runs = slower_from(6)
    runs[1] = replace(runs[1], labels={"baseline": "stable"})
    runs[3] = replace(runs[3], labels={"baseline": "stable"})
    series = told(runs, tag="stable")
    assert series.pinned == "day-03"
    assert series.against[3] is None
    for at, against in enumerate(series.against):
        if at != 3:
            assert against is not None
            expected = {
                name: runs[at].endpoints[name].figures["p50"].value
                / runs[3].endpoints[name].figures["p50"].value
                - 1
                for name in ("order", "invoice")
            }
            assert against.p50 == pytest.approx(np.median(list(expected.values())))
            assert at < 6 or (against.worst_name, round(against.worst_change, 1)) == ("order", 0.2)


def test_without_a_run_of_the_tag_nothing_is_told_against_one() -> None:
    series = told(slower_from(6), tag="stable")
    assert (series.pinned, series.against) == (None, ())


def test_a_run_that_shares_no_endpoint_with_the_pinned_one_has_no_change_to_tell() -> None:
    runs = [record(0, labels={"baseline": "x"}), record(1, names=("other",), rate_per_s=20.0)]
    against = history(runs, CompareSettings(), "x").series[0].against[1]
    assert against is not None
    assert (against.p50, against.p95, against.worst_name, against.worst_change) == (None,) * 4


def test_endpoints_that_appear_or_vanish_are_no_change_and_hide_none() -> None:
    runs = [
        record(
            day,
            names=("order", "new") if day >= 6 else ("order", "gone"),
            slower={"order": 1.2 if day >= 4 else 1.0, "new": 1.2 if day >= 10 else 1.0},
            rate_per_s=20.0,
        )
        for day in range(14)
    ]
    series = told(runs)
    quantiles = ("p50", "p95", "p99")
    assert changes(series) == {(4, "order", one) for one in quantiles} | {
        (10, "new", one) for one in quantiles
    }
    assert {"gone", "new", "order"} == set(series.endpoints)


def test_runs_without_an_endpoint_do_not_move_the_place_of_its_change() -> None:
    runs = slower_from(7)
    runs[3], runs[6] = record(3, names=("invoice",)), record(6, names=("invoice",))
    runs[3], runs[6] = (replace(runs[at], rate_per_s=20.0) for at in (3, 6))
    [shift] = told(runs).shifts
    assert (shift.at, shift.run, shift.since) == (7, "day-07", "day-05")


def test_statistics_that_too_few_requests_carry_are_not_judged() -> None:
    series = told(slower_from(6, without=("p95", "p99")))
    assert changes(series) == {(6, "order", "p50")}
    assert told(slower_from(6, without=("p50", "p95", "p99"))).shifts == ()


def test_three_points_are_too_few_for_a_change() -> None:
    assert told([record(0), record(1), record(2, slower={"order": 3.0})]).shifts == ()
    assert changes(told(slower_from(2, count=4, factor=1.5))) >= {(2, "order", "p50")}


def test_a_rise_of_the_error_rate_is_told_in_points() -> None:
    runs = [record(day, failing={"order": 0.02 if day >= 6 else 0.002}) for day in range(12)]
    [shift] = told(runs).shifts
    [change] = shift.changes
    assert (change.name, change.statistic, change.worse) == ("order", "error_rate", True)
    assert (change.before, change.after) == pytest.approx((0.002, 0.02))
    assert change.change == pytest.approx(0.018)
    assert change.low < 0.018 < change.high
    assert change.why.startswith("+1.80 pp (0.20 % to 2 %)")


def test_less_than_a_tenth_of_a_point_of_errors_does_not_matter() -> None:
    runs = [record(day, failing={"order": 0.0008 if day >= 6 else 0.0}) for day in range(12)]
    assert told(runs).shifts == ()


def test_less_throughput_is_worse() -> None:
    runs = [record(day, users=50.0, rate=0.8 if day >= 6 else 1.0) for day in range(12)]
    found = [change for shift in told(runs).shifts for change in shift.changes]
    assert {(one.name, one.statistic, one.worse) for one in found} == {
        ("order", "throughput", True),
        ("invoice", "throughput", True),
    }


def test_a_change_that_is_small_on_paper_does_not_matter() -> None:
    runs = [record(day, slower={"invoice": 1.08 if day >= 6 else 1.0}) for day in range(12)]
    assert changes(told(runs)) == {(6, "invoice", one) for one in ("p95", "p99")}
    assert told(runs, min_effect_ms=10.0).shifts == ()
    assert told(runs, min_effect=0.2, min_effect_ms=0.0).shifts == ()


def test_one_bad_run_is_named_and_is_no_change() -> None:
    runs = [record(day, slower={"order": 1.4} if day == 5 else None) for day in range(12)]
    series = told(runs)
    assert series.shifts == ()
    assert {(one.run, one.name, one.statistic) for one in series.outliers} == {
        ("day-05", "order", statistic) for statistic in ("p50", "p95", "p99")
    }
    values = {one.statistic: one.value for one in series.outliers}
    assert values["p50"] == runs[5].endpoints["order"].figures["p50"].value


def test_the_same_runs_tell_the_same_in_any_order() -> None:
    runs = slower_from(7)
    shuffled = [runs[at] for at in np.random.default_rng(1).permutation(len(runs))]
    assert told(shuffled) == told(runs)


def recorded(name: str, requests: int) -> RunRecord:
    random = np.random.default_rng(1)
    times = np.sort(random.uniform(0, SECONDS, requests))
    durations = random.lognormal(4, 0.4, requests)
    mine = sketch(times, durations, np.zeros(requests, bool), SECONDS)
    window = Window(START, START + timedelta(seconds=SECONDS), "all")
    return run_record(name, RunInfo(), START, window, {"order": mine}, None, None)


def test_a_record_judges_only_what_enough_requests_carry() -> None:
    figures = {
        requests: recorded("run", requests).endpoints["order"].figures for requests in (150, 20_000)
    }
    assert set(figures[150]) & {"p50", "p95", "p99"} == {"p50"}
    assert set(figures[20_000]) >= {"p50", "p95", "p99", "throughput"}
    assert figures[20_000]["p50"].value == pytest.approx(np.exp(4), rel=0.02)
    assert figures[20_000]["throughput"].value == pytest.approx(20_000 / SECONDS)


def test_a_record_of_no_request_has_no_figure() -> None:
    nothing = recorded("nothing", 0)
    assert (nothing.requests, nothing.p50_ms, nothing.error_rate, nothing.endpoints) == (
        0,
        None,
        None,
        {},
    )
