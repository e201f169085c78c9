"""Intervals of percentiles and error rates: against NumPy and SciPy, and how often they hold."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from sketches import SECONDS, sketch_of

from perfreport.stats.intervals import (
    Interval,
    enough_beyond,
    error_rate_interval,
    error_spread,
    log_quantile,
    log_rate,
    percentile_interval,
    wilson,
)


def independent(random: np.random.Generator, count: int, seconds: float = SECONDS):
    return random.uniform(0, seconds, count), random.lognormal(3, 0.6, count)


@pytest.mark.parametrize("q", [0.5, 0.75, 0.9, 0.95, 0.99])
@pytest.mark.parametrize("seed", range(5))
def test_a_quantile_of_the_sketch_is_that_of_numpy(q, seed) -> None:
    times, durations = independent(np.random.default_rng(seed), 20_000)
    got = log_quantile(sketch_of(times, durations), q)
    assert np.exp(got.log_ms) == pytest.approx(np.quantile(durations, q), rel=0.004)


@pytest.mark.parametrize("q", [0.5, 0.95, 0.99])
def test_the_standard_error_of_independent_requests_is_the_textbooks(q) -> None:
    """sqrt(q (1 - q) / n) over the density; the larger of two batch variances is a bit above."""
    count, sigma = 20_000, 0.6
    z = stats.norm.ppf(q)
    textbook = np.sqrt(q * (1 - q) / count) / (stats.norm.pdf(z) / sigma)
    found = []
    for seed in range(20):
        times, durations = independent(np.random.default_rng(seed), count)
        found.append(log_quantile(sketch_of(times, durations), q).se)
    assert 0.95 * textbook < np.mean(found) < 1.35 * textbook


@pytest.mark.parametrize(("q", "count"), [(0.5, 400), (0.95, 2000), (0.99, 5000)])
@pytest.mark.parametrize("clustered", [False, True])
def test_a_95_percent_interval_holds_in_about_95_percent(q, count, clustered) -> None:
    """Of requests that share a factor in each 20 s, too, where naive intervals hold in half."""
    covered = naive = 0
    runs = 200
    for seed in range(runs):
        random = np.random.default_rng(seed)
        times, durations = independent(random, count)
        shared = 0.25 if clustered else 0.0
        durations = durations * np.exp(shared * random.normal(size=31))[(times // 20).astype(int)]
        truth = np.exp(3 + stats.norm.ppf(q) * np.hypot(0.6, shared))
        covered += percentile_interval(sketch_of(times, durations), q).covers(truth)
        ranks = stats.binom.ppf([0.025, 0.975], count, q).astype(int)
        low, high = np.sort(durations)[ranks]
        naive += low <= truth <= high
    assert 0.90 <= covered / runs <= 1.0
    if clustered and q == 0.5:
        assert naive < covered


def test_an_interval_keeps_the_exact_estimate_inside() -> None:
    times, durations = independent(np.random.default_rng(1), 3000)
    sketch = sketch_of(times, durations)
    free = percentile_interval(sketch, 0.95)
    assert percentile_interval(sketch, 0.95, estimate=1.0) == Interval(1.0, free.high)
    assert percentile_interval(sketch, 0.95, estimate=9e9) == Interval(free.low, 9e9)
    assert error_rate_interval(sketch, estimate=0.5).high == 0.5


def test_more_confidence_is_a_wider_interval() -> None:
    times, durations = independent(np.random.default_rng(1), 3000)
    sketch = sketch_of(times, durations)
    narrow, wide = (percentile_interval(sketch, 0.95, confidence) for confidence in (0.9, 0.99))
    assert wide.low < narrow.low < narrow.high < wide.high


@pytest.mark.parametrize(
    ("count", "q", "enough"),
    [(199, 0.95, False), (200, 0.95, True), (999, 0.99, False), (1000, 0.99, True)],
)
def test_an_interval_needs_ten_requests_beyond_the_quantile(count, q, enough) -> None:
    assert enough_beyond(count, q) is enough
    times, durations = independent(np.random.default_rng(2), count)
    assert (percentile_interval(sketch_of(times, durations), q) is not None) is enough


def test_no_bound_where_the_data_ends() -> None:
    """Ten slow requests of one second may as well be one: P95 of them has no upper bound."""
    times = np.linspace(0, 599, 250)
    durations = np.where((times > 300) & (times < 330), 900.0, 20.0)
    interval = percentile_interval(sketch_of(times, durations), 0.95)
    assert interval.high is None
    assert interval.covers(1e6)


def test_a_run_of_few_cells_has_no_interval() -> None:
    times, durations = independent(np.random.default_rng(3), 5000, seconds=20)
    sketch = sketch_of(times, durations, seconds=20)
    assert percentile_interval(sketch, 0.5) is None
    assert log_quantile(sketch, 0.5) is None
    assert error_rate_interval(sketch) is None


def test_degrees_of_freedom_are_those_of_the_cells_where_they_are_few() -> None:
    times, durations = independent(np.random.default_rng(3), 5000, seconds=60)
    assert log_quantile(sketch_of(times, durations, seconds=60), 0.5).df == 11
    assert log_quantile(sketch_of(*independent(np.random.default_rng(3), 5000)), 0.5).df == 19


def test_equal_durations_have_no_error_and_no_nonsense() -> None:
    times = np.linspace(0, 599, 1000)
    got = log_quantile(sketch_of(times, np.full(1000, 20.0)), 0.5)
    assert np.exp(got.log_ms) == pytest.approx(20.0, rel=0.01)
    assert 0 <= got.se < 0.01


@pytest.mark.parametrize(("failed", "requests"), [(0, 50), (1, 400), (37, 1000), (50, 50)])
@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_wilson_is_scipys(failed, requests, confidence) -> None:
    expected = stats.binomtest(failed, requests).proportion_ci(confidence, method="wilson")
    critical = stats.norm.ppf((1 + confidence) / 2)
    assert wilson(failed / requests, requests, critical) == pytest.approx(expected, abs=1e-12)


def test_an_error_rate_of_nothing_failed_has_an_upper_bound() -> None:
    times, durations = independent(np.random.default_rng(4), 1000)
    interval = error_rate_interval(sketch_of(times, durations))
    assert interval.low == 0
    assert 0.003 < interval.high < 0.006  # the rule of three says 3 / n for one side


@pytest.mark.parametrize("clustered", [False, True])
def test_an_error_interval_holds_in_about_95_percent(clustered) -> None:
    covered = naive = 0
    runs, rate = 300, 0.02
    for seed in range(runs):
        random = np.random.default_rng(seed)
        times, durations = independent(random, 4000)
        bursts = random.gamma(0.5, 2.0, 60) if clustered else np.ones(60)
        failed = random.uniform(size=4000) < rate * bursts[(times // 10).astype(int)]
        covered += error_rate_interval(sketch_of(times, durations, failed)).covers(rate)
        low, high = wilson(failed.mean(), 4000, 1.96)
        naive += low <= rate <= high
    assert covered / runs >= 0.91
    if clustered:
        assert naive / runs < 0.85


def test_failures_in_bursts_vary_more_than_alone() -> None:
    times = np.linspace(0, 599.9, 6000)
    alone = error_spread(sketch_of(times, np.ones(6000), np.arange(6000) % 100 == 0))
    burst = error_spread(sketch_of(times, np.ones(6000), (times > 100) & (times < 106)))
    assert alone.excess == 1.0
    assert burst.excess > 10


def test_the_throughput_and_its_error_are_those_of_batches_of_time() -> None:
    """Twenty batches of 30 s against NumPy, as no fewer of ten is larger here."""
    random = np.random.default_rng(4)
    times = np.sort(random.uniform(0, 600, 6_000))
    rate = log_rate(sketch_of(times, np.full(6_000, 20.0)))
    assert rate.log == pytest.approx(math.log(10))
    errors = []
    for batches in (20, 10):
        counts = np.histogram(times, bins=batches, range=(0, 600))[0]
        errors.append(counts.std(ddof=1) * math.sqrt(batches) / 6_000)
    assert rate.se == pytest.approx(max(errors))
    assert rate.df == 19


def test_a_constant_rate_of_arrivals_has_hardly_any_error() -> None:
    times = np.arange(0.05, 570, 0.1)  # 114 cells: batches of 5 and of 6
    assert log_rate(sketch_of(times, np.full(len(times), 20.0), seconds=570)).se < 1e-9


def test_a_throughput_needs_five_cells_with_requests() -> None:
    assert log_rate(sketch_of(np.arange(0.0, 20), np.full(20, 5.0), seconds=20)) is None


@pytest.mark.parametrize("seed", range(20))
def test_the_logarithm_is_that_of_the_quantile_however_few_there_are(seed) -> None:
    random = np.random.default_rng(seed)
    count = int(random.choice([12, 40, 3000]))
    durations = np.round(random.lognormal(3, 1, count)) + 1
    times = np.linspace(0, 599, count)
    found = log_quantile(sketch_of(times, durations), 0.5)
    assert math.exp(found.log_ms) == pytest.approx(np.quantile(durations, 0.5), rel=0.01)
    assert found.se >= 0
