"""The warm-up left in a judged window: MSER-5 by brute force, and what is called one."""

from __future__ import annotations

import numpy as np
import pytest
from sketches import sketch_of

from perfreport.stats.sketch import BIN_LOG, FLOOR_MS, Sketch
from perfreport.stats.warmup import batch_means, mser, warm_up


def by_brute_force(batches: np.ndarray) -> int:
    """White 1997: the cut with the least sum((y - mean)^2) / (n - d)^2."""
    errors = []
    for cut in range(len(batches) - 5):
        stays = batches[cut:]
        errors.append(((stays - stays.mean()) ** 2).sum() / len(stays) ** 2)
    return int(np.argmin(errors))


@pytest.mark.parametrize("seed", range(50))
def test_the_cut_is_that_of_whites_statistic(seed) -> None:
    random = np.random.default_rng(seed)
    count = int(random.integers(10, 60))
    series = random.normal(4, 0.02, count * 5) + np.exp(-np.arange(count * 5) / 20)
    batches = batch_means(series, 5)
    assert mser(batches) == by_brute_force(batches)


def test_few_batches_have_no_cut() -> None:
    assert mser(np.array([9.0, 1, 1, 1, 1, 1, 1, 1, 1])) == 0


def test_a_rest_belongs_to_no_batch() -> None:
    assert batch_means(np.arange(7.0), 3).tolist() == [1.0, 4.0]


def run(seed: int, transient_s: float, size: float, seconds: float = 600) -> Sketch:
    random = np.random.default_rng(seed)
    times = np.sort(random.uniform(0, seconds, 12_000))
    slower = 1 + size * np.exp(-times / transient_s)
    return sketch_of(times, 50 * random.lognormal(0, 0.3, len(times)) * slower, seconds=seconds)


def test_a_steady_run_is_not_called_warming_up() -> None:
    assert not [seed for seed in range(30) if warm_up([run(seed, 1.0, 0.0)])]


def test_a_slow_start_is_found_with_its_size() -> None:
    found = [warm_up([run(seed, 60.0, 0.5)]) for seed in range(20)]
    assert sum(each is not None for each in found) >= 19
    for each in found:
        if each is not None:
            assert 60 <= each.seconds <= 300
            assert 0.05 < each.slower < 0.6


def test_a_start_that_is_fast_is_no_warm_up() -> None:
    assert warm_up([run(1, 60.0, -0.3)]) is None


def test_wide_cells_of_long_runs_are_batches_of_their_own() -> None:
    """4 h: cells of 80 s; the first 20 min are 30 % slower."""
    cell = np.repeat(np.arange(180), 50)
    slower = np.where(cell < 15, 1.3, 1.0)
    durations = 50 * np.random.default_rng(1).lognormal(0, 0.2, len(cell)) * slower
    bins = np.floor(np.log(durations / FLOOR_MS) / BIN_LOG).astype(int)
    keys, count = np.unique(np.stack([cell, bins]), axis=1, return_counts=True)
    own = Sketch(80.0, 0, 180, keys[0], keys[1], count, np.zeros_like(count))
    found = warm_up([own])
    assert found is not None
    assert found.seconds == pytest.approx(1200, abs=80)
    assert found.slower == pytest.approx(0.3, abs=0.05)


@pytest.mark.parametrize(
    "times", [[], [0.0], [0.0, 599.0], [float(at) for at in range(0, 600, 60)]], ids=len
)
def test_hardly_any_requests_say_nothing(times) -> None:
    own = sketch_of(np.array(times), np.full(len(times), 5.0)) if times else None
    assert warm_up([own] if own else []) is None
