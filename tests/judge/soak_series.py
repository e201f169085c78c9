"""Simulated series of soaks, whose truth is known."""

from __future__ import annotations

import numpy as np

LIMIT = 4096.0  # MiB


def heap(random: np.random.Generator, hours: float, leak_per_h: float):
    """Heap used, every 15 s: live set, cache that fills, young and old cycles, a daily wave."""
    times_s = np.arange(0, hours * 3600, 15.0)
    live = LIMIT * random.uniform(0.25, 0.5)
    fill_s = random.uniform(5, 25) * 60 / 3
    level = live * (1 - 0.3 * np.exp(-times_s / fill_s))
    level = level + LIMIT * leak_per_h * times_s / 3600
    day = 1 + 0.01 * np.sin(2 * np.pi * (times_s / 86400 + random.uniform()))
    young = _cycle(random, times_s, period_s=random.uniform(20, 90))
    old = _cycle(random, times_s, period_s=random.uniform(10, 45) * 60)
    noise = ar1(random, len(times_s), 0.008, keep=0.9)
    garbage = live * (random.uniform(0.08, 0.25) * young + random.uniform(0.02, 0.10) * old)
    return times_s, level * day * (1 + noise) + garbage


def _cycle(random: np.random.Generator, times_s, period_s: float):
    return (times_s / period_s + random.uniform()) % 1.0


def lag(random: np.random.Generator, hours: float, shape: str):
    """A consumer's lag every minute: 25 % noise and 5 % that wanders."""
    times_s = np.arange(0, hours * 3600, 60.0)
    share = times_s / times_s[-1]
    level = {
        "flat": 1000 + 0 * share,
        "linear": 500 + 4000 * share,
        "decelerating": np.interp(share, [0, 1 / 24, 0.5, 1], [300, 500, 3000, 4500]),
        "saturating": 500 + 4000 * (1 - np.exp(-share * 8)),
    }[shape]
    noise = 0.25 * random.normal(size=len(times_s)) + ar1(random, len(times_s), 0.05, keep=0.99)
    return times_s, np.maximum(0, level * (1 + noise))


def ar1(random: np.random.Generator, length: int, sd: float, keep: float):
    """Autocorrelated noise of a given standard deviation."""
    series = np.empty(length)
    series[0] = random.normal(0, sd)
    shocks = random.normal(0, sd * np.sqrt(1 - keep**2), length)
    for at in range(1, length):
        series[at] = keep * series[at - 1] + shocks[at]
    return series
