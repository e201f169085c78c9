"""Differences of logs and of error rates, against SciPy and published figures."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from sketches import sketch_of

from perfreport.stats import difference
from perfreport.stats.blocks import centre, lag_one, typical_block
from perfreport.stats.difference import (
    Difference,
    ErrorRate,
    log_difference,
    newcombe,
    rate_difference,
)
from perfreport.stats.intervals import ErrorSpread, LogQuantile

ALONE = ErrorSpread(variance=0.0, alone=1.0, df=math.inf)


@pytest.mark.parametrize("seed", range(10))
def test_without_run_to_run_sd_it_is_welchs_t_test(seed) -> None:
    random = np.random.default_rng(seed)
    run, base = random.normal(0.3, 1, 12), random.normal(0, 2, 20)
    expected = stats.ttest_ind(run, base, equal_var=False, alternative="two-sided")
    sides = [LogQuantile(part.mean(), stats.sem(part), len(part) - 1) for part in (run, base)]
    got = log_difference(sides[0], [sides[1]], sd=0.0)
    assert got.p_value() == pytest.approx(expected.pvalue / 2, rel=1e-9)
    low, high = expected.confidence_interval(0.90)
    assert got.interval(0.90) == pytest.approx((low, high), rel=1e-9)


def test_the_variance_with_several_baselines() -> None:
    """se_run^2 + mean(se_base^2) / N + s^2 (1 + 1/N), by hand."""
    run = LogQuantile(5.0, 0.03, 19)
    bases = [LogQuantile(4.9, 0.02, 19), LogQuantile(4.8, 0.04, 19)]
    got = log_difference(run, bases, sd=0.02)
    assert got.value == pytest.approx(0.15)
    assert got.se**2 == pytest.approx(0.03**2 + (0.02**2 + 0.04**2) / 2 / 2 + 0.02**2 * 1.5)


def test_the_exact_value_replaces_the_sketchs() -> None:
    side = LogQuantile(5.0, 0.03, 19)
    assert log_difference(side, [side], sd=0.02, value=0.1).value == 0.1


def test_detectable_is_found_in_four_of_five_pairs() -> None:
    random = np.random.default_rng(1)
    se, alpha = 0.03, 0.005
    truth = Difference(0.0, se, 1e9).detectable(alpha, at_least=0.0)
    seen = truth + se * random.normal(size=20_000)
    found = np.mean(stats.norm.sf(seen / se) < alpha)
    assert found == pytest.approx(0.80, abs=0.01)


def test_no_difference_without_any_error_is_no_evidence() -> None:
    assert Difference(0.0, 0.0, 19).p_value() == 0.5
    assert Difference(0.1, 0.0, 19).p_value() == 0.0


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
    ("run", "base"), [((7, 200), (0, 200)), ((12, 900), (0, 300)), ((40, 900), (20, 1000))]
)
def test_without_variation_between_runs_the_error_test_is_the_chi_square_test(
    run, base, monkeypatch
) -> None:
    monkeypatch.setattr(difference, "_ERROR_RATE_SD", 0.0)
    table = [[failed, requests - failed] for failed, requests in (run, base)]
    expected = stats.chi2_contingency(table, correction=False).pvalue / 2
    got = rate_difference(ErrorRate(*run, ALONE), ErrorRate(*base, ALONE), 0.005, 0.0)
    assert got.p_value == pytest.approx(expected, rel=1e-9)


def test_a_detectable_rise_of_errors_is_found_in_four_of_five_pairs(monkeypatch) -> None:
    monkeypatch.setattr(difference, "_ERROR_RATE_SD", 0.0)
    random = np.random.default_rng(2)
    rate, requests, alpha = 0.01, 20_000, 0.005
    same = ErrorRate(int(rate * requests), requests, ALONE)
    rise = rate_difference(same, same, alpha, 0.0).detectable
    found = 0
    for _ in range(2000):
        base, run = random.binomial(requests, rate), random.binomial(requests, rate + rise)
        sides = [ErrorRate(int(failed), requests, ALONE) for failed in (run, base)]
        found += rate_difference(*sides, alpha, 0.0).p_value < alpha
    assert found / 2000 == pytest.approx(0.80, abs=0.03)


def test_bursts_and_a_failing_baseline_make_the_error_test_careful() -> None:
    burst = ErrorSpread(variance=50.0, alone=10.0, df=38)
    calm = rate_difference(ErrorRate(40, 10_000, ALONE), ErrorRate(20, 10_000, ALONE), 0.005, 0.0)
    wild = rate_difference(ErrorRate(40, 10_000, burst), ErrorRate(20, 10_000, burst), 0.005, 0.0)
    assert calm.p_value < wild.p_value
    assert wild.interval[0] < calm.interval[0] < calm.interval[1] < wild.interval[1]
    assert wild.detectable > calm.detectable


def test_nothing_failed_on_either_side_is_no_evidence_but_an_interval() -> None:
    got = rate_difference(ErrorRate(0, 1000, ALONE), ErrorRate(0, 1000, ALONE), 0.005, 0.0)
    assert got.p_value == 0.5
    assert got.interval == pytest.approx((-0.0027, 0.0027), abs=2e-4)
    assert 0.005 < got.detectable < 0.02


@pytest.mark.parametrize("seed", range(5))
def test_the_centre_is_the_median_of_all_walsh_averages(seed) -> None:
    values = np.random.default_rng(seed).normal(size=17)
    brute = [(values[i] + values[j]) / 2 for i in range(17) for j in range(i, 17)]
    assert len(brute) == 17 * 18 / 2
    assert centre(values) == pytest.approx(np.median(brute), rel=1e-12)


@pytest.mark.parametrize("truth", [0.0, 0.3, 0.6])
def test_the_bias_of_the_autocorrelation_is_mended(truth) -> None:
    random = np.random.default_rng(5)
    found = []
    for _ in range(400):
        series = [random.normal() / math.sqrt(1 - truth**2)]
        for shock in random.normal(size=39):
            series.append(truth * series[-1] + shock)
        found.append(lag_one(np.array(series)))
    # At 0 the cut at 0 leaves the upper half: about 0.4 / sqrt(40).
    assert np.mean(found) == pytest.approx(max(truth, 0.063), abs=0.04)


def test_the_typical_block_ignores_one_long_pause_that_the_pooled_quantile_sees() -> None:
    random = np.random.default_rng(6)
    times = np.sort(random.uniform(0, 600, 20_000))
    durations = random.lognormal(3, 0.5, 20_000)
    paused = durations + 3000 * ((times > 300) & (times < 310))
    calm, hit = (typical_block(sketch_of(times, part), 0.99) for part in (durations, paused))
    assert hit.log_ms == pytest.approx(calm.log_ms, abs=0.03)
    assert np.quantile(paused, 0.99) > 5 * np.quantile(durations, 0.99)


def test_the_typical_block_needs_ten_blocks() -> None:
    times = np.linspace(0, 599, 900)
    assert typical_block(sketch_of(times, np.full(900, 20.0)), 0.99) is None
