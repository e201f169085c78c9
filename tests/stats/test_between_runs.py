"""What runs of one system differ by: estimated from history, and told from what moves all alike."""

from __future__ import annotations

import math

import numpy as np
import pytest

from perfreport.stats.between_runs import moving_together, run_sd
from perfreport.stats.difference import Components
from perfreport.stats.intervals import LogQuantile


def runs_of(random, run_sd_, se, runs, endpoints) -> list[list[LogQuantile]]:
    """Estimates by endpoint; 0.8 of the variance between runs is common to all endpoints."""
    common = random.normal(0, run_sd_ * math.sqrt(0.8), runs)
    own = random.normal(0, run_sd_ * math.sqrt(0.2), (endpoints, runs))
    noise = random.normal(0, se, (endpoints, runs))
    return [[LogQuantile(value, se, 19) for value in row] for row in common + own + noise + 5.0]


@pytest.mark.parametrize("runs", [1, 2])
def test_fewer_than_three_runs_say_nothing_about_it(runs) -> None:
    histories = runs_of(np.random.default_rng(1), 0.10, 0.01, runs, 10)
    got = run_sd(histories, 0.02, runs)
    assert (got.sd, got.df, got.runs) == (0.02, math.inf, 0)


def test_the_estimate_by_hand() -> None:
    """s^2 = [4 x 0.02^2 + 2 x (var(5, 5.1, 5.2) - 0.01^2)] / 6"""
    history = [LogQuantile(value, 0.01, 19) for value in (5.0, 5.1, 5.2)]
    got = run_sd([history], 0.02, 3)
    assert got.sd**2 == pytest.approx((4 * 0.02**2 + 2 * (0.01 - 0.0001)) / 6)
    assert (got.df, got.runs) == (6, 3)


def test_runs_that_differ_less_than_their_own_error_shrink_it() -> None:
    history = [LogQuantile(5.0, 0.05, 19)] * 5
    assert run_sd([history], 0.02, 5).sd == pytest.approx(0.02 * math.sqrt(4 / 8))


def test_endpoints_that_some_runs_lack_are_left_out() -> None:
    whole = [LogQuantile(value, 0.01, 19) for value in (5.0, 5.1, 5.2)]
    assert run_sd([whole, whole[:2]], 0.02, 3) == run_sd([whole], 0.02, 3)
    assert run_sd([whole[:2]], 0.02, 3).runs == 0


@pytest.mark.parametrize("truth", [0.0, 0.01, 0.03, 0.06])
def test_the_estimate_lies_between_the_assumed_and_the_true(truth) -> None:
    random = np.random.default_rng(2)
    found = [run_sd(runs_of(random, truth, 0.01, 5, 10), 0.02, 5).sd ** 2 for _ in range(300)]
    assert np.mean(found) == pytest.approx((0.02**2 + truth**2) / 2, rel=0.12)


def changes(*values: float, se: float = 0.01) -> list[Components]:
    return [Components(value, se**2, 19, se**2, 19, 1, 0.0) for value in values]


def test_what_all_endpoints_do_is_told_from_what_one_does() -> None:
    shifts = moving_together(changes(0.30, 0.06, 0.05, 0.07, 0.06, 0.05), 0.02, 0.005)
    assert shifts[0] is None
    assert shifts[1:] == pytest.approx([0.06, 0.06, 0.06, 0.06, 0.06], abs=0.011)


def test_an_endpoint_that_stays_behind_does_not_stand_out_as_a_change() -> None:
    """All others became 20 % slower: 1 % is no finding, however far from them it is."""
    shifts = moving_together(changes(0.01, 0.20, 0.21, 0.20, 0.19, 0.20), 0.02, 0.005)
    assert shifts[0] == pytest.approx(0.20)


def test_against_the_current_an_endpoint_stands_out() -> None:
    shifts = moving_together(changes(-0.08, 0.07, 0.06, 0.07, 0.06, 0.07), 0.02, 0.005)
    assert shifts[0] is None


def test_a_shift_that_explains_little_of_a_change_is_not_blamed_for_it() -> None:
    """+15 % of an endpoint that is measured badly, when the others moved by 3 %."""
    noisy = [*changes(0.14, se=0.05), *changes(0.03, 0.03, 0.02, 0.04, 0.03)]
    assert moving_together(noisy, 0.02, 0.005)[0] is None


@pytest.mark.parametrize("count", [0, 1, 4])
def test_a_few_endpoints_have_no_common_shift(count) -> None:
    assert moving_together(changes(*[0.1] * count), 0.02, 0.005) == [None] * count
