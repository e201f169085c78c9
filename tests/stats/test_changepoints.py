"""Changes for good are found where they are, and not where there are none."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import combinations, pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import energy_distance, ttest_ind

from perfreport.stats.changepoints import Steps, change_points, energy

Series = NDArray[np.float64]

MIN_EFFECT = math.log1p(0.05)
ASSUMED_SD = 0.02


def found(values: Series | list[float], sd: float = ASSUMED_SD) -> Steps:
    return change_points(values, sd, MIN_EFFECT)


def places(values: Series | list[float]) -> list[int]:
    return [step.at for step in found(values).steps]


def noise(count: int, seed: int = 1, sd: float = 0.01) -> Series:
    return np.random.default_rng(seed).normal(0, sd, count)


def with_steps(counts: list[int], levels: list[float], seed: int = 1) -> Series:
    return np.repeat(levels, counts) + noise(sum(counts), seed)


def matteson_and_james(left: Series, right: Series) -> float:
    """Q-hat of Matteson and James (2014), equations 5 to 7 with alpha = 1, term by term."""
    n, m = len(left), len(right)
    between = 2 / (m * n) * sum(abs(x - y) for x in left for y in right)
    within_left = sum(abs(x - y) for x, y in combinations(left, 2)) / max(math.comb(n, 2), 1)
    within_right = sum(abs(x - y) for x, y in combinations(right, 2)) / max(math.comb(m, 2), 1)
    return m * n / (m + n) * (between - within_left - within_right)


SAMPLES = [
    pytest.param(noise(12), id="noise"),
    pytest.param(with_steps([7, 9], [0.0, 0.3]), id="a step"),
    pytest.param(np.round(noise(20, seed=3) * 100), id="many ties"),
    pytest.param(np.full(6, 4.0), id="constant"),
    pytest.param(np.array([1.0, 2.0]), id="two values"),
    pytest.param(np.random.default_rng(2).standard_cauchy(25), id="heavy tails"),
]


@pytest.mark.parametrize("series", SAMPLES)
def test_the_energy_of_each_split_is_that_of_matteson_and_james(series: Series) -> None:
    expected = [matteson_and_james(series[:at], series[at:]) for at in range(1, len(series))]
    assert energy(series) == pytest.approx(expected, abs=1e-9, rel=1e-9)


@pytest.mark.parametrize("series", SAMPLES)
def test_the_energy_is_that_of_scipy_but_for_counting_no_value_with_itself(series: Series) -> None:
    # SciPy averages distances within a sample over n squared pairs, the paper over n (n - 1).
    for at, ours in enumerate(energy(series), start=1):
        left, right = series[:at], series[at:]
        n, m = len(left), len(right)
        own = sum(
            np.abs(each[:, None] - each[None, :]).mean() / max(len(each) - 1, 1)
            for each in (left, right)
            if len(each) > 1
        )
        expected = n * m / (n + m) * (energy_distance(left, right) ** 2 - own)
        assert ours == pytest.approx(expected, abs=1e-9, rel=1e-9)


def test_without_prior_knowledge_the_test_is_students_t(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perfreport.stats.changepoints._PRIOR_DF", 0.0)
    series = with_steps([6, 8], [0.0, 0.3])
    [step] = found(series).steps
    oracle = ttest_ind(series[6:], series[:6])
    interval = oracle.confidence_interval(0.90)
    assert step.p_value == pytest.approx(oracle.pvalue, rel=1e-6)
    assert (step.low, step.high) == pytest.approx((interval.low, interval.high))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("change", [0.15, -0.15], ids=["up", "down"])
@pytest.mark.parametrize(
    ("before", "after"), [(3, 3), (4, 10), (10, 3), (15, 15), (27, 3), (2, 2), (2, 3), (3, 2)]
)
def test_a_clear_step_is_found_where_it_is(
    before: int, after: int, change: float, seed: int
) -> None:
    [step] = found(with_steps([before, after], [0.0, change], seed)).steps
    assert (step.begin, step.before, step.at, step.end) == (0, before - 1, before, before + after)
    assert step.low < step.change < step.high
    assert step.change == pytest.approx(change, abs=0.03)


@pytest.mark.parametrize(
    ("counts", "levels"),
    [
        pytest.param([8, 8, 8], [0.0, 0.15, 0.30], id="up twice"),
        pytest.param([10, 3, 10], [0.0, 0.2, 0.0], id="up, and back three runs later"),
        pytest.param([5, 4, 6, 5], [0.0, 0.2, -0.1, 0.1], id="three in a row"),
    ],
)
def test_each_of_several_steps_is_found(counts: list[int], levels: list[float]) -> None:
    steps = found(with_steps(counts, levels)).steps
    assert [step.at for step in steps] == list(np.cumsum(counts)[:-1])
    assert [step.change for step in steps] == pytest.approx(list(np.diff(levels)), abs=0.03)
    assert all(here.end == there.at for here, there in pairwise(steps))
    assert all(here.at == there.begin for here, there in pairwise(steps))


@pytest.mark.parametrize("at", [1, 10, 18])
@pytest.mark.parametrize("off", [0.4, -0.4], ids=["slow", "fast"])
def test_a_single_run_far_off_is_named_and_is_no_change(at: int, off: float) -> None:
    series = noise(20)
    series[at] += off
    assert found(series) == Steps((), (at,))


def test_two_runs_far_off_are_no_change_either() -> None:
    series = noise(20)
    series[10:12] += 0.4
    assert found(series) == Steps((), (10, 11))


def test_a_run_far_off_hides_no_step_and_does_not_count_in_it() -> None:
    series = with_steps([10, 10], [0.0, 0.15])
    series[[4, 14]] += 0.6
    steps = found(series)
    [step] = steps.steps
    assert steps.outliers == (4, 14)
    assert (step.begin, step.before, step.at, step.end) == (0, 9, 10, 20)
    assert step.change == pytest.approx(0.15, abs=0.02)


def test_the_run_before_or_after_a_change_is_told_by_its_place_among_all() -> None:
    series = with_steps([10, 10], [0.0, 0.15])
    series[8] += 0.6
    [step] = found(series).steps
    assert (step.before, step.at) == (9, 10)


def test_the_first_and_the_last_run_alone_are_neither_far_off_nor_a_change() -> None:
    for at in (0, -1):
        series = noise(20)
        series[at] += 0.5
        assert found(series) == Steps((), ())


def test_a_drift_is_told_as_steps_of_its_direction() -> None:
    steps = found(np.linspace(0, 0.6, 30) + noise(30)).steps
    assert steps
    assert all(step.change > 0 for step in steps)


def test_a_change_that_does_not_matter_is_none_however_sure() -> None:
    assert places(np.repeat([0.0, 0.04], 15) + noise(30, sd=1e-4)) == []
    assert places(np.repeat([0.0, 0.06], 15) + noise(30, sd=1e-4)) == [15]


@pytest.mark.parametrize("count", range(31))
def test_equal_values_have_no_change(count: int) -> None:
    assert found([3.7] * count, sd=0.0) == Steps((), ())


def test_a_step_between_equal_values_is_certain() -> None:
    [step] = found([1.0] * 5 + [2.0] * 5, sd=0.0).steps
    assert (step.at, step.change, step.low, step.high) == (5, 1.0, 1.0, 1.0)
    assert step.p_value < 1e-300


def test_values_that_tie_are_split_where_they_change() -> None:
    assert places([0.0, 0.1, 0.0, 0.1, 0.0, 0.1, 0.5, 0.4, 0.5, 0.4, 0.5, 0.4]) == [6]


@pytest.mark.parametrize("series", [[], [0.0], [0.0, 9.0], [0.0, 9.0, 9.0], [0.0, 0.0, 9.0]])
def test_fewer_than_four_runs_say_nothing(series: list[float]) -> None:
    assert found(series) == Steps((), ())


def test_two_runs_on_each_side_say_something_only_if_the_change_is_large() -> None:
    assert places([0.0, 0.01, 0.06, 0.07]) == []
    assert places([0.0, 0.01, 0.30, 0.31]) == [2]
    assert places([0.0, 0.01, 0.30, 0.31, 0.30]) == [2]


def test_a_change_that_is_only_two_runs_old_is_never_put_at_the_run_before_it() -> None:
    # Three runs are needed to suspect a change: the last good run is one of them.
    told = [places(with_steps([20, 2], [0.0, 0.1], seed)) for seed in range(20)]
    assert set(map(tuple, told)) <= {(), (20,)}
    assert sum(map(bool, told)) >= 15


def test_the_last_two_of_many_runs_are_a_change_if_so_few_are_asked_for() -> None:
    series = with_steps([8, 2], [0.0, 0.3])
    assert places(series) == []
    assert [step.at for step in change_points(series, 0.02, MIN_EFFECT, least=2).steps] == [8]


def test_values_that_are_themselves_unsure_need_a_larger_change() -> None:
    series = with_steps([5, 5], [0.0, 0.15])
    [sure] = change_points(series, 0.02, MIN_EFFECT, [0.001] * 10).steps
    [less] = change_points(series, 0.02, MIN_EFFECT, [0.02] * 10).steps
    assert less.high - less.low > sure.high - sure.low
    assert change_points(series, 0.02, MIN_EFFECT, [0.3] * 10).steps == ()


@pytest.mark.parametrize("seed", range(5))
def test_neither_level_nor_repetition_changes_what_is_found(seed: int) -> None:
    series = with_steps([7, 4, 9], [0.0, 0.12, 0.3], seed)
    once = found(series)
    assert once == found(list(series))
    # A level of 1000 with steps of 0.1: squares must not drown the differences.
    moved = found(series + 1000)
    assert [step.at for step in moved.steps] == [step.at for step in once.steps] == [7, 11]
    assert [step.change for step in moved.steps] == pytest.approx(
        [step.change for step in once.steps], abs=1e-9
    )


def share(series: Callable[[np.random.Generator], Series], truth: int | None, count: int) -> float:
    """Share of seeded series with any change, or with one within a run of the true place."""
    rng = np.random.default_rng(20)
    hits = 0
    for _ in range(count):
        at = places(series(rng))
        hits += any(abs(one - truth) <= 1 for one in at) if truth is not None else bool(at)
    return hits / count


# benchmarks/history_error_rates.py has more series of more kinds.
@pytest.mark.parametrize(("sd", "most"), [(0.01, 0.005), (0.02, 0.015), (0.03, 0.05)])
def test_thirty_stable_runs_seldom_show_a_change(sd: float, most: float) -> None:
    assert share(lambda rng: rng.normal(0, sd, 30), None, 400) <= most


@pytest.mark.parametrize(("runs_after", "least"), [(3, 0.85), (5, 0.97)])
def test_ten_percent_are_seen_few_runs_after_the_change(runs_after: int, least: float) -> None:
    step = np.repeat([0.0, math.log(1.10)], [20, runs_after])
    assert share(lambda rng: step + rng.normal(0, 0.02, len(step)), 20, 200) >= least


def test_nine_in_ten_intervals_hold_the_change() -> None:
    rng = np.random.default_rng(8)
    step = np.repeat([0.0, 0.15], [12, 8])
    steps = [one for _ in range(300) for one in found(step + rng.normal(0, 0.02, 20)).steps]
    assert len(steps) == 300
    assert 0.86 <= sum(one.low < 0.15 < one.high for one in steps) / 300 <= 0.97


def test_the_level_alone_keeps_false_changes_rare_where_any_size_matters() -> None:
    # Without a least effect the level alone holds: it must not be that of one test of 25.
    rng = np.random.default_rng(5)
    hits = sum(bool(change_points(rng.normal(0, 0.02, 30), 0.02, 0.0).steps) for _ in range(400))
    assert hits / 400 <= 0.06
