"""Slopes against SciPy, windows by hand, and resets of counters."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from perfreport.stats.trend import (
    counter_rates,
    scatter,
    slope,
    theil_sen,
    trimmed,
    unwrapped,
    window_seconds,
    windowed,
)

HOUR = 3600.0


@pytest.mark.parametrize("seed", range(10))
def test_the_slope_is_theil_and_sens(seed) -> None:
    random = np.random.default_rng(seed)
    times, values = np.sort(random.uniform(0, 24, 40)), random.normal(size=40)
    assert theil_sen(times, values) == pytest.approx(stats.theilslopes(values, times).slope)


@pytest.mark.parametrize("keep", [0.0, 0.5])
def test_the_interval_of_a_slope_holds_in_about_95_percent(keep) -> None:
    covered = false_alarms = 0
    runs = 400
    for seed in range(runs):
        random = np.random.default_rng(seed)
        noise = [random.normal() / np.sqrt(1 - keep**2)]
        for shock in random.normal(size=39):
            noise.append(keep * noise[-1] + shock)
        times = np.linspace(0, 24, 40)
        got = slope(times, 2.0 * times + np.array(noise))
        covered += got.low <= 2.0 <= got.high
        false_alarms += slope(times, np.array(noise)).p_value < 0.01
    assert 0.90 <= covered / runs <= 0.995
    assert false_alarms / runs <= 0.03


@pytest.mark.parametrize(("per_h", "p_value"), [(3.0, 0.0), (0.0, 1.0), (-3.0, 1.0)])
def test_a_perfect_line_has_no_error(per_h, p_value) -> None:
    times = np.arange(10.0)
    got = slope(times, 5 + per_h * times)
    assert (got.per_h, got.p_value) == (per_h, p_value)
    assert got.high - got.low == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    ("hours", "trim_h"), [(0.5, 0.175), (1, 0.35), (2, 0.5), (3, 0.5), (6, 0.9), (24, 3.6)]
)
def test_the_warm_up_is_trimmed(hours, trim_h) -> None:
    times = np.linspace(0, hours * HOUR, 2001) + 1e9
    kept, values = trimmed(times, times)
    assert kept[0] - 1e9 == pytest.approx(trim_h * HOUR, abs=hours * HOUR / 1000)
    assert np.array_equal(kept, values)


@pytest.mark.parametrize(
    ("shape", "hours", "minutes"), [("sawtooth", 2, 10), ("sawtooth", 24, 48), ("gauge", 24, 30)]
)
def test_windows_are_as_wide_as_the_shape_needs(shape, hours, minutes) -> None:
    assert window_seconds(shape, hours * HOUR) == minutes * 60


def test_a_sawtooth_is_seen_by_its_floor_and_a_gauge_by_its_median() -> None:
    times = np.arange(0, 4 * HOUR, 60.0)
    values = 100 + times / HOUR + 50 * (times % 600) / 600
    _, floors = windowed(times, values, "sawtooth", 1200)
    assert np.allclose(floors, 100 + np.arange(12) / 3, atol=0.01)
    _, medians = windowed(times, values, "gauge", 1200)
    assert np.allclose(medians, 100 + np.arange(12) / 3 + 22.5, atol=1)


def test_a_last_window_shorter_than_half_joins_the_one_before() -> None:
    times = np.arange(0.0, 26.0)
    middles, values = windowed(times, times, "gauge", 10)
    assert list(values) == [4.5, 17.5]
    assert list(middles) == [4.5, 17.5]


def test_scatter_is_that_of_single_values_not_of_the_trend() -> None:
    random = np.random.default_rng(1)
    times = np.arange(0.0, 4800.0)
    values = times + 10 * random.normal(size=4800)
    assert scatter(times, values - times, 100) == pytest.approx(10 * 1.349, rel=0.05)
    assert scatter(np.arange(48.0), 5 * np.arange(48.0), 1) == 0


def test_a_counter_goes_on_counting_after_a_reset() -> None:
    assert list(unwrapped(np.array([5.0, 7, 7, 1, 4, 0, 2]))) == [5, 7, 7, 8, 11, 11, 13]


def test_the_rate_of_an_hourly_event_is_steady() -> None:
    times = np.arange(0, 24 * HOUR, 240.0)
    middles, rates = counter_rates(times, np.floor(times / HOUR))
    assert len(middles) == 11
    assert np.allclose(rates, 1.0, atol=0.5)


def test_a_busy_counter_is_seen_in_48_windows() -> None:
    times = np.arange(0, 24 * HOUR, 60.0)
    _, rates = counter_rates(times, 3.5 * times)
    assert len(rates) == 48
    assert np.allclose(rates, 3.5 * HOUR)
