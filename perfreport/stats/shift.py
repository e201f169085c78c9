"""Many quantiles of one endpoint at once, and the medians of its parts of time.

The shift function of Doksum (1974, *Annals of Statistics* 2, 267-277; Wilcox 1995, *Biometrical
Journal* 37) is the difference of the quantiles of two samples as a function of the quantile: it shows
whether all requests became slower, or the slow ones alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from perfreport.stats.intervals import LogQuantile, log_edges
from perfreport.stats.sketch import FLOOR_MS, Batches, Sketch

FloatArray = NDArray[np.float64]

# As `intervals.log_quantile`, which this equals quantile by quantile (a test holds them together):
# taken one by one, twenty quantiles of an endpoint took 20 ms on each side, now 2 ms.
_BATCHES = (20, 10)
_BATCHES_AT_LEAST = 5


def log_quantiles(sketch: Sketch, quantiles: Sequence[float]) -> list[LogQuantile] | None:
    """Each quantile with its standard error as `log_quantile` gives it, batches counted once."""
    if sketch.filled_cells < _BATCHES_AT_LEAST or not sketch.timed:
        return None
    q = np.asarray(quantiles, dtype=np.float64)
    counts = sorted({min(count, sketch.cells) for count in _BATCHES}, reverse=True)
    many = [sketch.batches(count) for count in counts]
    cumulated = _cumulated(many[0].histograms.sum(axis=0))
    edges = log_edges(many[0])
    n = cumulated[-1]
    at = np.interp(q * n, cumulated, np.arange(len(cumulated)))
    variance = np.max([n * q * (1 - q), *(_variances(batches, at, q) for batches in many)], axis=0)
    reach = 1.5 * np.sqrt(variance) / n
    low, high = np.maximum(q - reach, 1 / n), np.minimum(q + reach, 1 - 1 / n)
    lows, highs = (np.interp(share * n, cumulated, edges) for share in (low, high))
    errors_between = (high - low) / reach * 1.5
    se = np.divide(highs - lows, errors_between, np.zeros_like(q), where=errors_between != 0)
    df = len(many[0]) - 1
    logs = [math.log(sketch.quantile_ms(each) or FLOOR_MS) for each in quantiles]
    return [LogQuantile(*each, df) for each in zip(logs, se.tolist(), strict=True)]


def _variances(batches: Batches, at: FloatArray, q: FloatArray) -> FloatArray:
    """Batch-means variance of the number of requests below each quantile."""
    cumulated = np.pad(np.cumsum(batches.histograms, axis=1), ((0, 0), (1, 0)))
    whole = np.minimum(at.astype(np.int64), cumulated.shape[1] - 2)
    part = at - whole
    below = cumulated[:, whole] + part * (cumulated[:, whole + 1] - cumulated[:, whole])
    excess = below - q * cumulated[:, -1:]
    count = len(excess)
    variances: FloatArray = excess.var(axis=0) * count**2 / (count - 1)
    return variances


def period_medians(sketch: Sketch, periods: int) -> tuple[FloatArray, FloatArray]:
    """Log of the median of each of some equal parts of a sketch, nan of an empty one; and its
    standard error, if requests were independent."""
    batches = sketch.batches(periods)
    edges = log_edges(batches)
    logs, errors = np.full(periods, np.nan), np.full(periods, np.nan)
    for at, histogram in enumerate(batches.histograms):
        cumulated = _cumulated(histogram)
        n = cumulated[-1]
        if n > 0:
            reach = min(0.5, 0.5 / np.sqrt(n))
            shares = np.array([0.5 - reach, 0.5, 0.5 + reach])
            low, middle, high = np.interp(shares * n, cumulated, edges)
            logs[at], errors[at] = middle, (high - low) / 2
    return logs, errors


def _cumulated(histogram: FloatArray) -> FloatArray:
    return np.concatenate([[0.0], np.cumsum(histogram)])
