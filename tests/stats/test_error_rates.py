"""Differences of error rates, against SciPy, published figures and simulated pairs."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from perfreport.stats import error_rates
from perfreport.stats.error_rates import ErrorRate, newcombe, pooled_rate, rate_difference
from perfreport.stats.intervals import ErrorSpread

ALONE = ErrorSpread(variance=0.0, alone=1.0, df=math.inf)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [  # Newcombe 1998 (Statistics in Medicine 17: 873-890), table II, method 10
        ((56, 70), (48, 80), (0.0524, 0.3339)),
        ((9, 10), (3, 10), (0.1705, 0.8090)),
        ((5, 56), (0, 29), (-0.0381, 0.1926)),
        ((0, 10), (0, 10), (-0.2775, 0.2775)),
        ((10, 10), (0, 10), (0.6075, 1.0000)),
    ],
)
def test_the_interval_of_two_rates_is_newcombes(first, second, expected) -> None:
    sides = [(failed / count, float(count)) for failed, count in (first, second)]
    assert newcombe(*sides, 1.959964) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    ("run", "base"),
    [((9, 2000), (3, 2000)), ((40, 9000), (20, 9000)), ((50, 9000), (150, 45_000)),
     ((24, 9000), (45, 9000)), ((260, 20_000), (200, 20_000))],
)  # fmt: skip
def test_without_variation_between_runs_it_is_the_negative_binomial_test(
    run, base, monkeypatch
) -> None:
    """What is expected of a run whose rate has been seen in a Poisson number of failures."""
    monkeypatch.setattr(error_rates, "_ERROR_RATE_SD", 0.0)
    got = rate_difference(ErrorRate(*run, ALONE), ErrorRate(*base, ALONE))
    part = run[1] / base[1]
    expected = stats.nbinom(base[0], 1 / (1 + part))
    more = run[0] / run[1] > base[0] / base[1]
    tail = expected.sf(run[0] - 1) if more else expected.cdf(run[0])
    assert math.log(got.p_value) == pytest.approx(math.log(tail), rel=0.08)


@pytest.mark.parametrize(("between", "baselines"), [(0.0, 1), (0.3, 1), (0.3, 5)])
@pytest.mark.parametrize("rate", [0.0005, 0.01])
def test_healthy_pairs_keep_the_level_and_the_detectable_rise_is_found(
    rate, between, baselines, monkeypatch
) -> None:
    """Failures of gamma distributed rates; the level is 0.5 %, the power 80 %."""
    monkeypatch.setattr(error_rates, "_ERROR_RATE_SD", between)
    random = np.random.default_rng(2)
    requests, alpha = 20_000, 0.005

    def failures(mean: float) -> float:
        factor = random.gamma(between**-2, between**2) if between else 1.0
        return float(random.poisson(requests * mean * factor))

    def pool(mean: float) -> ErrorRate:
        runs = [ErrorRate(failures(mean), requests, ALONE) for _ in range(baselines)]
        return pooled_rate(runs)

    usual = ErrorRate(rate * requests, requests, ALONE)
    typical = pooled_rate([usual] * baselines)
    rise = rate_difference(usual, typical, baselines).detectable(alpha, 0.0)
    false_alarms = found = 0
    for _ in range(1500):
        base, same = pool(rate), ErrorRate(failures(rate), requests, ALONE)
        worse = replace(same, failures=failures(rate + rise))
        difference = rate_difference(same, base, baselines)
        false_alarms += difference.value > 0 and difference.p_value < alpha
        difference = rate_difference(worse, base, baselines)
        found += difference.p_value < alpha
    # One baseline whose own rate is off by a third hides that, too: up to 2 % there.
    assert false_alarms / 1500 <= (0.025 if between and baselines == 1 else 0.013)
    assert 0.65 <= found / 1500 <= 0.90


def test_bursts_and_a_failing_baseline_make_the_error_test_careful() -> None:
    burst = ErrorSpread(variance=50.0, alone=10.0, df=38)
    calm, wild = (
        rate_difference(ErrorRate(60, 10_000, spread), ErrorRate(20, 10_000, spread))
        for spread in (ALONE, burst)
    )
    assert calm.p_value < wild.p_value
    assert wild.interval[0] < calm.interval[0] < calm.interval[1] < wild.interval[1]
    assert wild.detectable(0.005, 0.0) > calm.detectable(0.005, 0.0)


def test_nothing_failed_on_either_side_is_no_evidence_but_an_interval() -> None:
    got = rate_difference(ErrorRate(0, 1000, ALONE), ErrorRate(0, 1000, ALONE))
    assert got.p_value == 0.5
    assert got.interval == pytest.approx((-0.0027, 0.0027), abs=2e-4)
    assert 0.003 < got.detectable(0.005, 0.0) < 0.02


def test_the_first_failures_are_evidence_when_there_are_many() -> None:
    none = ErrorRate(0, 10_000, ALONE)
    few, many = (rate_difference(ErrorRate(n, 10_000, ALONE), none) for n in (2, 20))
    assert few.p_value > 0.02
    assert many.p_value < 1e-3


def test_more_baselines_make_a_rise_surer() -> None:
    run, base = ErrorRate(48, 10_000, ALONE), ErrorRate(15, 10_000, ALONE)
    alone = rate_difference(run, base)
    five = rate_difference(run, pooled_rate([base] * 5), 5)
    assert five.value == pytest.approx(alone.value)
    assert five.p_value < alone.p_value
    assert five.would_be_found(0.005)
    assert not alone.would_be_found(0.005)


def test_any_counts_give_figures() -> None:
    for failed, base in ((0, 0), (0, 9), (9, 0), (10, 10), (1, 10), (10, 1), (0, 10)):
        for baselines in (1, 7):
            run, baseline = ErrorRate(failed, 10, ALONE), ErrorRate(base, 10, ALONE)
            got = rate_difference(run, baseline, baselines)
            figures = (got.p_value, *got.interval, got.detectable(0.005, 0.001))
            assert np.isfinite(figures).all()
            assert 0 <= got.p_value <= 0.5
