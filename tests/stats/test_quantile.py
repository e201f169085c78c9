"""Quantiles by two definitions, against NumPy; where a value stands, against counting."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfreport.stats.quantile import Standing, place, quantile

VALUES = st.lists(st.integers(0, 300).map(float), min_size=1, max_size=200)
QUANTILES = st.sampled_from([0.0, 0.001, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1.0])
METHODS = {6: "weibull", 7: "linear"}


@given(VALUES, QUANTILES, st.sampled_from([6, 7]))
def test_the_two_ranks_around_a_quantile_give_that_of_numpy(values, q, definition) -> None:
    ordered = np.sort(values)
    spot = place(len(ordered), q, definition)
    between = spot.between(ordered[spot.lower - 1], ordered[spot.upper - 1])
    expected = np.quantile(ordered, q, method=METHODS[definition])
    assert between == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert quantile(np.array(values), q, definition) == pytest.approx(expected, rel=1e-12)


def test_there_is_no_quantile_of_no_values() -> None:
    assert quantile(np.array([]), 0.5, 6) is None


@given(VALUES, QUANTILES)
def test_a_sample_of_the_wanted_rank_misses_nothing(values, q) -> None:
    ordered = np.sort(values)
    for method in ("lower", "higher"):
        value = float(np.quantile(ordered, q, method=method))
        assert standing(ordered, value).error(q) == 0
        assert standing(ordered, value).is_digest_of(q)


@given(VALUES, st.integers(-5, 305).map(float), QUANTILES)
def test_a_value_misses_by_the_ranks_between_it_and_the_wanted_one(values, value, q) -> None:
    ordered = np.sort(values)
    wanted = q * (len(ordered) - 1) + 1
    ranks = np.flatnonzero(ordered == value) + 1
    below = int((ordered < value).sum())
    nearest = ranks if len(ranks) else np.array([below, below + 1])
    error = standing(ordered, value).error(q)
    assert error == pytest.approx(np.abs(nearest - wanted).min(), abs=1) or error == 0
    assert error <= np.abs(nearest - wanted).min() + 1e-9


def test_an_estimate_never_leaves_the_samples() -> None:
    ordered = np.arange(1.0, 101)
    assert standing(ordered, 100.0).is_digest_of(0.99)
    assert not standing(ordered, 100.5).is_digest_of(0.99)
    assert not standing(ordered, 0.5).is_digest_of(0.01)
    assert standing(ordered, 53.0).is_digest_of(0.5)
    assert not standing(ordered, 56.0).is_digest_of(0.5)


def standing(ordered: np.ndarray, value: float) -> Standing:
    return Standing(int((ordered < value).sum()), int((ordered == value).sum()), len(ordered))
