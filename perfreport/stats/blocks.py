"""The typical block: a percentile that a few long pauses do not move."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from perfreport.stats.intervals import BEYOND_AT_LEAST, LogQuantile, log_edges
from perfreport.stats.sketch import Sketch

FloatArray = NDArray[np.float64]

_BLOCKS_AT_MOST = 60
_CORRELATION_AT_MOST = 0.8  # beyond, the blocks say so little that the formula explodes


def typical_block(sketch: Sketch, q: float) -> LogQuantile | None:
    """Hodges-Lehmann centre of the quantiles of blocks of time, and its standard error.

    P99 of ten minutes is made by a handful of pauses; the centre over blocks asks instead what P99
    usually is. None with fewer than 10 requests beyond the quantile or fewer than 10 blocks.
    """
    wanted = min(_BLOCKS_AT_MOST, int(sketch.timed * (1 - q) + 1e-9), sketch.filled_cells)
    if wanted < BEYOND_AT_LEAST:
        return None
    values = _block_quantiles(sketch, q, wanted)
    deviation = float(np.median(np.abs(values - np.median(values))))
    spread = 1.4826 * deviation  # estimates the sd of a normal
    correlation = lag_one(values)
    inflation = (1 + correlation) / (1 - correlation)
    se = spread * math.sqrt(math.pi / 3 / len(values) * inflation)
    return LogQuantile(centre(values), se, len(values) - 1)


def _block_quantiles(sketch: Sketch, q: float, wanted: int) -> FloatArray:
    """Logarithm of the quantile of each block that holds anything, linear within the bins."""
    batches = sketch.batches(wanted)
    cumulated = np.cumsum(batches.histograms, axis=1)
    cumulated = cumulated[cumulated[:, -1] > 0]
    below = q * cumulated[:, -1]
    at = (cumulated < below[:, None]).sum(axis=1)
    blocks = np.arange(len(cumulated))
    before = np.where(at > 0, cumulated[blocks, at - 1], 0.0)
    within = (below - before) / (cumulated[blocks, at] - before)
    edges = log_edges(batches)
    quantiles: FloatArray = edges[at] + within * (edges[at + 1] - edges[at])
    return quantiles


def centre(values: FloatArray) -> float:
    """Median of the averages of all pairs, each value with itself included (Hodges, Lehmann 1963)."""
    first, second = np.triu_indices(len(values))
    return float(np.median((values[first] + values[second]) / 2))


def lag_one(values: FloatArray) -> float:
    """Autocorrelation at lag 1, corrected for the bias of short series, within [0, 0.8].

    The estimate is too low by about (1 + 4 r) / n (Kendall 1954).
    """
    centred = values - values.mean()
    squares = float((centred**2).sum())
    if squares == 0:
        return 0.0
    r = float((centred[1:] * centred[:-1]).sum()) / squares
    return min(max(r + (1 + 4 * r) / len(values), 0.0), _CORRELATION_AT_MOST)
