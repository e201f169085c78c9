"""Trends: the recorded soak against its truth, and simulated ones whose truth is known."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from soak_series import LIMIT, heap, lag

from perfreport import units
from perfreport.judge.findings import Trend, TrendVerdict
from perfreport.judge.soak import trend

SOAK = Path(__file__).parents[2] / "sample_results" / "prometheus-json" / "soak"
MIB = 2**20
HEAP_LIMIT = 4096 * MIB
LEAK = 40.96 * MIB


def recorded(file: str, shape: str, **options) -> dict[str, Trend]:
    """Trends of a saved range query (a day, stretched as its README tells), by their last label."""
    answer = json.loads((SOAK / f"{file}.json").read_text())
    found = {}
    for series in answer["data"]["result"]:
        points = np.array(series["values"], dtype=float)
        labels = {key: value for key, value in series["metric"].items() if key != "__name__"}
        name = labels.get("topic") or labels.get("id") or labels.get("uri") or file
        found[name + labels.get("partition", "")] = trend(
            points[:, 0], points[:, 1], name=file, labels=labels, unit=None, shape=shape, **options
        )
    return found


def simulated(times_s, values, shape: str, **options) -> Trend:
    return trend(times_s, values, name="x", labels={}, unit=None, shape=shape, **options)


@pytest.mark.parametrize(
    ("file", "name", "full_at_h"),
    [("heap_used_bytes", "heap_used_bytes", 78.03), ("jvm_memory_used_bytes", "G1 Old Gen", 78.03)],
)
def test_the_recorded_heap_leaks_as_fast_as_it_was_made_to(file, name, full_at_h) -> None:
    found = recorded(file, "sawtooth", limit=HEAP_LIMIT)[name]
    assert found.verdict == TrendVerdict.GROWING
    assert found.slope_low < LEAK < found.slope_high
    assert found.slope_per_h == pytest.approx(LEAK, rel=0.02)
    left_h = full_at_h - 24.11  # from the end of the recording
    assert found.hours_to_limit == pytest.approx(left_h, rel=0.05)
    assert found.hours_to_limit_low <= left_h * 1.02
    assert found.hours_to_limit_high >= left_h
    hours = (1.0, 12.2, 23.6)
    for value, hour in zip((found.first, found.middle, found.last), hours, strict=True):
        assert value == pytest.approx(900 * MIB + LEAK * hour, rel=0.06)


def test_the_other_memory_pools_are_stable() -> None:
    found = recorded("jvm_memory_used_bytes", "sawtooth", limit=HEAP_LIMIT)
    assert {name: one.verdict for name, one in found.items() if "Old" not in name} == {
        "G1 Eden Space": TrendVerdict.STABLE,
        "Metaspace": TrendVerdict.STABLE,
    }


def test_the_recorded_lag_grew_and_then_was_flat() -> None:
    found = recorded("kafka_lag_by_topic", "gauge", limit=5000)
    order = found["sales-order-created-event"]
    assert order.verdict == TrendVerdict.PLATEAUED
    assert order.hours_to_limit is None
    assert (order.first, order.middle, order.last) == pytest.approx((606, 3893, 4499), rel=0.10)
    assert found["etims-retry-queue"].verdict == TrendVerdict.STABLE


@pytest.mark.parametrize("limit", [None, 5000])
def test_both_partitions_of_the_recorded_lag_plateaued(limit) -> None:
    found = recorded("kafka_consumer_lag", "gauge", limit=limit)
    assert found["sales-order-created-event0"].verdict == TrendVerdict.PLATEAUED
    assert found["sales-order-created-event1"].verdict == TrendVerdict.PLATEAUED
    assert found["etims-retry-queue0"].verdict == TrendVerdict.STABLE


@pytest.mark.parametrize(
    ("file", "options"),
    [
        ("hikaricp_connections_active", {"limit": 10}),
        ("hikaricp_connections_active", {}),
        ("pg_stat_activity_connections", {"limit": 100}),
        ("http_p95_by_uri", {}),
        ("http_rps", {"direction": "down"}),
    ],
)
def test_what_had_no_trend_is_stable(file, options) -> None:
    found = recorded(file, "gauge", **options)
    assert {one.verdict for one in found.values()} == {TrendVerdict.STABLE}


def test_a_token_an_hour_is_a_steady_rate() -> None:
    found = recorded("mpesa_oauth_token_refreshes_total", "counter")
    (tokens,) = found.values()
    assert tokens.verdict == TrendVerdict.STABLE
    assert tokens.slope_per_h == pytest.approx(1.0, abs=0.03)
    assert (tokens.first, tokens.middle, tokens.last) == pytest.approx((0.5, 12, 23.5), abs=0.6)
    assert tokens.hours_to_limit is None


SIMULATED_HEAPS = [
    # hours, leak per hour, shares called growing at least and at most
    (2, 0.0, 0.0, 0.10),
    (6, 0.0, 0.0, 0.10),
    (12, 0.0, 0.0, 0.08),
    (24, 0.0, 0.0, 0.05),
    (6, 0.02, 0.85, 1.0),
    (12, 0.01, 0.85, 1.0),
    (24, 0.01, 0.90, 1.0),
]


@pytest.mark.parametrize(("hours", "leak_per_h", "least", "most"), SIMULATED_HEAPS)
def test_leaks_are_found_and_cycles_of_garbage_are_not_leaks(
    hours, leak_per_h, least, most
) -> None:
    runs = 40
    verdicts, covered = Counter(), 0
    for seed in range(runs):
        times_s, values = heap(np.random.default_rng(seed), hours, leak_per_h)
        found = simulated(times_s, values, "sawtooth", limit=LIMIT)
        verdicts[found.verdict] += 1
        covered += found.slope_low <= leak_per_h * LIMIT <= found.slope_high
    assert least <= verdicts[TrendVerdict.GROWING] / runs <= most
    assert covered / runs >= 0.80
    if leak_per_h:  # a leak that matters is never waved through
        assert verdicts[TrendVerdict.STABLE] + verdicts[TrendVerdict.PLATEAUED] <= 0.05 * runs


@pytest.mark.parametrize(
    ("hours", "shape", "expected", "least"),
    [
        (24, "flat", {TrendVerdict.STABLE}, 0.85),
        (24, "linear", {TrendVerdict.GROWING}, 0.95),
        (24, "decelerating", {TrendVerdict.GROWING}, 0.85),
        (24, "saturating", {TrendVerdict.PLATEAUED, TrendVerdict.INCONCLUSIVE}, 0.85),
        (6, "linear", {TrendVerdict.GROWING}, 0.85),
    ],
)
def test_lag_that_grows_ends_or_does_neither(hours, shape, expected, least) -> None:
    runs = 40
    called = 0
    for seed in range(runs):
        found = simulated(*lag(np.random.default_rng(seed), hours, shape), "gauge")
        called += found.verdict in expected
    assert called / runs >= least


def line(per_h: float, hours: float = 24.0, start: float = 500.0):
    random = np.random.default_rng(3)
    times_s = np.arange(0, hours * 3600, 60.0)
    return times_s, start + per_h * times_s / 3600 + random.normal(0, 5, len(times_s))


def test_what_should_not_fall_is_judged_mirrored() -> None:
    times_s, values = line(-10.0)
    falling = simulated(times_s, values, "gauge", direction="down", limit=0.0)
    rising = simulated(times_s, 1000 - values, "gauge", limit=1000.0)
    assert falling.verdict == rising.verdict == TrendVerdict.GROWING
    assert falling.slope_per_h == pytest.approx(-rising.slope_per_h)
    assert (falling.slope_low, falling.slope_high) == pytest.approx(
        (-rising.slope_high, -rising.slope_low)
    )
    assert falling.hours_to_limit == pytest.approx(rising.hours_to_limit, rel=1e-6)
    assert falling.hours_to_limit == pytest.approx(260 / 10, rel=0.05)
    assert simulated(times_s, values, "gauge").verdict == TrendVerdict.STABLE


def test_a_limit_already_reached_is_zero_hours_away() -> None:
    found = simulated(*line(20.0), "gauge", limit=700.0)
    assert (found.verdict, found.hours_to_limit) == (TrendVerdict.GROWING, 0.0)


def test_the_pack_may_say_which_growth_matters() -> None:
    assert simulated(*line(3.0), "gauge").verdict == TrendVerdict.STABLE
    strict = simulated(*line(3.0), "gauge", minimum_rate_per_h=1.0)
    assert strict.verdict == TrendVerdict.GROWING


def test_a_rate_that_rises_is_growth_of_a_counter() -> None:
    times_s = np.arange(0, 24 * 3600, 60.0)
    hours = times_s / 3600
    found = simulated(times_s, np.floor(100 * hours + 5 * hours**2), "counter")
    assert found.verdict == TrendVerdict.GROWING
    assert "rate" in found.why


def test_a_reset_counter_counts_on() -> None:
    times_s = np.arange(0, 24 * 3600, 60.0)
    counted = np.floor(times_s / 60) % 700
    found = simulated(times_s, counted, "counter")
    assert found.verdict == TrendVerdict.STABLE
    assert found.slope_per_h == pytest.approx(60, rel=0.01)


@pytest.mark.parametrize("minutes", [0, 1, 30, 60])
@pytest.mark.parametrize("shape", ["gauge", "sawtooth", "counter"])
def test_too_little_data_is_inconclusive_and_says_what_is_needed(minutes, shape) -> None:
    times_s = np.arange(0.0, minutes * 60, 15.0)
    found = simulated(times_s[:7], times_s[:7], shape)
    assert found.verdict == TrendVerdict.INCONCLUSIVE
    assert found.slope_per_h is None
    assert "are needed" in found.why
    assert "nan" not in found.why


def test_an_hour_of_heap_cannot_tell_a_leak_from_garbage() -> None:
    times_s, values = heap(np.random.default_rng(1), 1.0, 0.05)
    found = simulated(times_s, values, "sawtooth", limit=LIMIT)
    assert found.verdict == TrendVerdict.INCONCLUSIVE
    assert found.why == "59 min 45 s are too little for a trend; at least 2 h are needed"


def test_an_inconclusive_trend_says_how_long_to_go_on() -> None:
    times_s, values = heap(np.random.default_rng(2), 2.0, 0.0)
    found = simulated(times_s, values, "sawtooth", limit=LIMIT)
    assert found.verdict == TrendVerdict.INCONCLUSIVE
    assert "extend the test to about" in found.why


def test_unknown_values_and_disorder_change_nothing() -> None:
    times_s, values = line(20.0)
    expected = simulated(times_s, values, "gauge")
    order = np.random.default_rng(1).permutation(len(times_s) + 50)
    holes = np.concatenate([values, np.full(50, np.nan)])
    moments = np.concatenate([times_s, times_s[:50] + 7])
    assert simulated(moments[order], holes[order], "gauge") == expected


@pytest.mark.parametrize("seed", range(150))
def test_no_series_gives_a_figure_that_is_none(seed) -> None:
    """Few points, equal times, constant, rounded or unknown values, odd limits: finite or null."""
    random = np.random.default_rng(seed)
    count = int(random.choice([0, 1, 7, 8, 13, 50, 400]))
    times_s = np.sort(random.uniform(0, random.choice([1, 60, 3600, 86400]), count))
    times_s = np.round(times_s, -3) if seed % 5 == 0 else times_s
    values = random.choice([0, 1, 1e9, -5]) + random.choice([0, 1, 100]) * random.normal(size=count)
    values[: seed % 3] = np.nan
    shape = ("gauge", "sawtooth", "counter")[seed % 3]
    limit, direction = random.choice([None, 0.0, 5.0]), str(random.choice(["up", "down"]))
    found = simulated(times_s, values, shape, limit=limit, direction=direction)
    figures = [getattr(found, field.name) for field in fields(Trend)]
    assert all(np.isfinite(figure) for figure in figures if isinstance(figure, float))
    assert "nan" not in found.why


def test_the_sentence_tells_the_interval_of_the_figures() -> None:
    """A leak: the words and the keys are read side by side."""
    at_s = np.arange(0, 24 * 3600, 60.0)
    values = 1e9 + at_s / 3600 * 4e7 + 2e8 * np.sin(at_s / 1800)
    found = trend(
        at_s, values, name="heap", labels={}, unit="By", shape="sawtooth", limit=4e9
    )  # fmt: skip
    assert found.slope_low is not None
    assert found.slope_high is not None
    interval = f"[{units.data(found.slope_low)} to {units.data(found.slope_high)}]"
    assert interval in found.why
