"""A printed number is the computed one, rounded as its tool rounds, and no other."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from perfreport.stats.rounded import is_rounding_of
from perfreport.toolreports.model import Rounding

NUMBERS = st.floats(1e-3, 1e9)


@given(NUMBERS)
def test_digits_that_were_cut_off_are_noticed_as_such(value: float) -> None:
    """As k6 does it: Math.trunc(100 * value) / 100."""
    cut = Rounding("down", 0.01)
    printed = math.trunc(100 * value) / 100
    assert is_rounding_of(printed, value, cut)
    assert not is_rounding_of(printed + 0.0201, value, cut)
    assert not is_rounding_of(printed - 0.0101, value, cut)


@given(NUMBERS, st.integers(0, 3))
def test_rounding_to_the_nearest_is_noticed_as_such(value: float, digits: int) -> None:
    step = 10.0**-digits
    printed = round(value, digits)
    assert is_rounding_of(printed, value, Rounding("nearest", step))
    assume(step > 1e-9 * value)
    assert not is_rounding_of(printed + 1.01 * step, value, Rounding("nearest", step))


@given(NUMBERS)
def test_single_precision_is_noticed_as_such(value: float) -> None:
    printed = float(np.float32(value))
    assert is_rounding_of(printed, value, Rounding("float32"))
    assert not is_rounding_of(printed * (1 + 1e-6), value, Rounding("float32"))


@given(st.lists(NUMBERS, min_size=2, max_size=300))
def test_a_running_sum_is_that_of_the_exact_one(values: list[float]) -> None:
    running = 0.0
    for value in values:
        running += value
    exact = Rounding("exact", 1e-16)
    assert is_rounding_of(
        running / len(values), math.fsum(values) / len(values), exact, len(values)
    )


@pytest.mark.parametrize("factor", [1 + 1e-8, 1 - 1e-8])
def test_exact_means_to_the_last_digits(factor: float) -> None:
    exact = Rounding("exact", 1e-12)
    assert is_rounding_of(0.1 + 0.2, 0.3, exact)
    assert not is_rounding_of(0.3 * factor, 0.3, exact, 1000)


def test_zero_is_zero() -> None:
    for rounding in (Rounding("exact", 1e-12), Rounding("float32")):
        assert is_rounding_of(0.0, 0.0, rounding)
        assert not is_rounding_of(0.0, 1e-9, rounding)


@pytest.mark.parametrize("how", ["exact", "nearest", "down", "float32"])
@pytest.mark.parametrize(
    ("printed", "computed"), [(math.inf, 1.0), (1.0, math.inf), (math.nan, 1.0)]
)
def test_nothing_is_a_rounding_of_what_is_no_number(
    how: Any, printed: float, computed: float
) -> None:
    assert not is_rounding_of(printed, computed, Rounding(how, 1.0))
