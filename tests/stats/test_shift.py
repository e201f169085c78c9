"""Many quantiles at once equal each alone; the medians of parts; the stretch that stands out."""

from __future__ import annotations

import numpy as np
import pytest
from sketches import sketch_of

from perfreport.stats.intervals import log_quantile
from perfreport.stats.periods import stretch
from perfreport.stats.shift import log_quantiles, period_medians

QUANTILES = (0.05, 0.5, 0.9, 0.95, 0.99)


@pytest.mark.parametrize("seed", range(40))
def test_many_quantiles_at_once_equal_each_alone(seed) -> None:
    random = np.random.default_rng(seed)
    seconds = float(random.choice([25, 35, 60, 95, 600]))
    requests = int(random.choice([12, 200, 5000]))
    times = np.sort(random.uniform(0, seconds, requests))
    durations = random.choice([random.lognormal(3, 0.5, requests), np.full(requests, 7.0)], axis=0)
    own = sketch_of(times, durations, seconds=seconds)
    together = log_quantiles(own, QUANTILES)
    alone = [log_quantile(own, q) for q in QUANTILES]
    if together is None:
        assert alone == [None] * len(QUANTILES)
        return
    for one, other in zip(together, alone, strict=True):
        assert other is not None
        assert one.log_ms == pytest.approx(other.log_ms, rel=1e-12)
        assert one.se == pytest.approx(other.se, rel=1e-9)
        assert one.df == other.df


def test_the_medians_of_parts_are_those_of_numpy() -> None:
    random = np.random.default_rng(1)
    times = np.sort(random.uniform(0, 600, 50_000))
    durations = random.lognormal(4, 0.5, len(times))
    logs, errors = period_medians(sketch_of(times, durations), 10)
    for at in range(10):
        inside = durations[(times >= at * 60) & (times < at * 60 + 60)]
        assert np.exp(logs[at]) == pytest.approx(np.median(inside), rel=0.01)
        # of a normal's median: sd sqrt(pi / 2 n), here of the logarithm
        assert errors[at] == pytest.approx(0.5 * np.sqrt(np.pi / 2 / len(inside)), rel=0.25)


def test_a_part_without_requests_has_no_median() -> None:
    times = np.linspace(0, 299, 1000)
    logs, _ = period_medians(sketch_of(times, np.full(1000, 9.0)), 10)
    assert np.isnan(logs).tolist() == [False] * 5 + [True] * 5


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([0, 0, 0, 0, 0.3, 0.3, 0, 0, 0, 0], (4, 6)),
        ([0, 0, 0, 0, 0, 0.3, 0.3, 0.3, 0.3, 0.3], (5, 10)),
        ([-0.3, 0, 0, 0, 0, 0, 0, 0, 0, 0], (0, 1)),
        ([0.15] * 10, None),
        ([0] * 10, None),
        ([0, 0, 0, 0, 0.04, 0.04, 0, 0, 0, 0], None),
        ([0.2, 0.2, 0.2, 0.2, 0.5, 0.5, 0.2, 0.2, 0.2, 0.2], (4, 6)),
    ],
)
def test_a_stretch_stands_out_from_a_rest_that_hardly_changed(changes, expected) -> None:
    noise = np.random.default_rng(2).normal(0, 0.005, 10)
    assert stretch(np.array(changes) + noise, np.full(10, 0.005), 0.05) == expected


def test_noise_is_seldom_a_stretch() -> None:
    random = np.random.default_rng(3)
    found = [stretch(random.normal(0, 0.05, 10), np.full(10, 0.03), 0.05) for _ in range(400)]
    assert sum(each is not None for each in found) <= 8
