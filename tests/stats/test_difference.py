"""Differences of logs, against SciPy and by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from sketches import sketch_of

from perfreport.stats.blocks import centre, lag_one, typical_block
from perfreport.stats.difference import Difference, components, log_difference
from perfreport.stats.intervals import LogQuantile


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


def test_the_components_say_what_more_data_would_give() -> None:
    """The same as if there had been four baselines, or runs three times as long."""
    run, base = LogQuantile(5.0, 0.03, 19), LogQuantile(4.9, 0.02, 19)
    parts = components(run, [base], sd=0.02)
    more = log_difference(run, [base] * 4, sd=0.02, sd_df=7)
    then = parts.with_more(runs=3)
    assert (then.value, then.se, then.df) == pytest.approx((more.value, more.se, more.df))
    longer = parts.with_more(longer=3)
    assert longer.se**2 == pytest.approx((0.03**2 + 0.02**2) / 3 + 2 * 0.02**2)


@pytest.mark.parametrize("alpha", [0.005, 0.01])
def test_a_difference_that_would_be_found_is_found_in_two_of_three(alpha) -> None:
    random = np.random.default_rng(3)
    se, df = 0.03, 25.0
    barely = (stats.t.isf(alpha, df) + 0.5) * se
    assert Difference(barely * 1.001, se, df).would_be_found(alpha)
    assert not Difference(barely * 0.999, se, df).would_be_found(alpha)
    seen = barely + se * random.standard_normal(20_000)
    assert np.mean(stats.t.sf(seen / se, df) < alpha) == pytest.approx(0.69, abs=0.01)


def test_a_difference_that_would_lie_within_a_margin_does_in_two_of_three() -> None:
    random = np.random.default_rng(4)
    se, df = 0.02, 30.0
    value = 0.1 - (stats.t.isf(0.05, df) + 0.5) * se
    assert Difference(value - 1e-6, se, df).would_lie_within(-0.1, 0.1)
    assert not Difference(value + 1e-6, se, df).would_lie_within(-0.1, 0.1)
    assert not Difference(-value - 1e-6, se, df).would_lie_within(-0.1, 0.1)
    upper = value + se * random.standard_normal(20_000) + stats.t.isf(0.05, df) * se
    assert np.mean(upper < 0.1) == pytest.approx(0.69, abs=0.01)


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
