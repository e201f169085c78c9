"""How sure a percentile or an error rate is, from batches of time.

Requests of one second share a pause, a queue, a cold cache: taken one by one they claim two to three
times more certainty than they have. Sums over batches of time do not (batch means: Schmeiser 1982),
and a batch-means variance of the share below a quantile, carried back through the distribution, is
an interval of the quantile (Woodruff 1952).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perfreport.stats.sketch import BIN_LOG, FLOOR_MS, Batches, Sketch
from perfreport.stats.student import t_quantile

FloatArray = NDArray[np.float64]

# Few long batches see slow drifts, many short ones give degrees of freedom: the larger variance counts.
_BATCHES = (20, 10)
_BATCHES_AT_LEAST = 5  # 25 s; below, a variance over batches says next to nothing
BEYOND_AT_LEAST = 10  # requests beyond a quantile: P95 needs 200, P99 1000


@dataclass(frozen=True)
class Interval:
    """Bounds of an estimate; None where the data has no honest bound on that side."""

    low: float | None
    high: float | None

    def covers(self, value: float) -> bool:
        """Whether the estimate could as well be `value`."""
        return (self.low is None or self.low <= value) and (self.high is None or value <= self.high)


@dataclass(frozen=True)
class LogQuantile:
    """A quantile of durations as the logarithm of milliseconds, with its standard error."""

    log_ms: float
    se: float
    df: float

    @property
    def log(self) -> float:
        return self.log_ms


@dataclass(frozen=True)
class LogRate:
    """Requests per second as a logarithm, with its standard error."""

    log: float
    se: float
    df: float


def percentile_interval(
    sketch: Sketch, q: float, confidence: float = 0.95, estimate: float | None = None
) -> Interval | None:
    """Bounds in ms of the quantile `q` of the durations.

    None with fewer than 10 requests beyond the quantile or fewer than five batches of time. With
    fewer than twenty cells each cell is a batch, and the t distribution has their number less one.
    estimate  the exact quantile, where known: it is kept inside
    """
    if not enough_beyond(sketch.timed, q):
        return None
    share = _share_below(sketch, q)
    if share is None:
        return None
    n = sketch.timed
    reach = t_quantile((1 + confidence) / 2, share.df) * math.sqrt(share.variance) / n
    low = share.ms_at(q - reach) if q - reach >= 1 / n else None
    high = share.ms_at(q + reach) if q + reach <= 1 - 1 / n else None
    return _around(Interval(low, high), estimate)


def error_rate_interval(
    sketch: Sketch, confidence: float = 0.95, estimate: float | None = None
) -> Interval | None:
    """Bounds of the share of failed requests, failures that come in bursts included.

    Wilson's score interval (1927) on n / overdispersion requests; valid where nothing failed.
    None with fewer than five batches of time.
    """
    spread = error_spread(sketch)
    if spread is None:
        return None
    critical = t_quantile((1 + confidence) / 2, spread.df)
    requests = sketch.requests / spread.excess
    low, high = wilson(sketch.failures / sketch.requests, requests, critical)
    return _around(Interval(low, high), estimate)


def _around(interval: Interval, estimate: float | None) -> Interval:
    """The interval, stretched to an exact estimate that a sketch's rounding left outside."""
    if estimate is None:
        return interval
    low = None if interval.low is None else min(interval.low, estimate)
    high = None if interval.high is None else max(interval.high, estimate)
    return Interval(low, high)


def enough_beyond(requests: int, q: float) -> bool:
    """Whether a quantile rests on enough requests to have an interval at all."""
    # 200 x 0.05 is 10 to people, and 10.000000000000009 to a computer; 0.95 may go the other way.
    return requests * min(q, 1 - q) >= BEYOND_AT_LEAST - 1e-9


def log_quantile(sketch: Sketch, q: float) -> LogQuantile | None:
    """The quantile `q` of the durations and its standard error, both of the logarithm.

    The quantile is within 1 % of the exact one however few the requests (`Sketch.quantile_ms`).
    """
    share, quantile_ms = _share_below(sketch, q), sketch.quantile_ms(q)
    if share is None or quantile_ms is None:
        return None
    n = sketch.timed
    reach = 1.5 * math.sqrt(share.variance) / n
    low, high = max(q - reach, 1 / n), min(q + reach, 1 - 1 / n)
    # Three standard errors lie between the two, less where the ends of the data cut them off.
    errors_between = (high - low) / reach * 1.5 if reach else 0.0
    width = share.log_at(high) - share.log_at(low)
    se = width / errors_between if errors_between else 0.0
    return LogQuantile(math.log(quantile_ms), se, share.df)


def log_rate(sketch: Sketch) -> LogRate | None:
    """Requests per second; None with fewer than five batches of time.

    A constant rate of arrivals varies less than chance would have it, so chance is no lower bound.
    """
    if sketch.filled_cells < _BATCHES_AT_LEAST:
        return None
    seconds = sketch.cells * sketch.cell_s
    variances = []
    for count in _batch_counts(sketch):
        batches = sketch.batches(count)
        expected = sketch.requests * batches.cells / sketch.cells
        variances.append(batch_variance(batches.requests - expected))
    se = math.sqrt(max(variances)) / sketch.requests
    return LogRate(math.log(sketch.requests / seconds), se, min(_BATCHES[0], sketch.cells) - 1)


@dataclass(frozen=True, eq=False)
class _ShareBelow:
    """How the number of requests below a quantile varies, and the distribution to carry it back."""

    variance: float
    df: float
    cumulated: FloatArray
    log_edges: FloatArray

    def log_at(self, share: float) -> float:
        return float(np.interp(share * self.cumulated[-1], self.cumulated, self.log_edges))

    def ms_at(self, share: float) -> float:
        return math.exp(self.log_at(share))


def _share_below(sketch: Sketch, q: float) -> _ShareBelow | None:
    if sketch.filled_cells < _BATCHES_AT_LEAST or not sketch.timed:
        return None
    batches = sketch.batches(_BATCHES[0])
    cumulated = np.concatenate([[0.0], np.cumsum(batches.histograms.sum(axis=0))])
    edges = log_edges(batches)
    n = cumulated[-1]
    at = float(np.interp(q * n, cumulated, np.arange(len(cumulated))))
    variances = [
        batch_variance(_below(sketch.batches(count), at, q)) for count in _batch_counts(sketch)
    ]
    variance = max(*variances, n * q * (1 - q))
    return _ShareBelow(variance, len(batches) - 1, cumulated, edges)


def log_edges(batches: Batches) -> FloatArray:
    """Borders of the bins of batches, as logarithms of milliseconds."""
    numbers = batches.lowest_bin + np.arange(batches.histograms.shape[1] + 1, dtype=np.float64)
    return np.asarray(math.log(FLOOR_MS) + numbers * BIN_LOG)


def _batch_counts(sketch: Sketch) -> list[int]:
    """20 and 10 batches, or the cells themselves where there are fewer."""
    return sorted({min(count, sketch.cells) for count in _BATCHES}, reverse=True)


def _below(batches: Batches, at: float, q: float) -> FloatArray:
    """Requests below the quantile in each batch, less what its share would be."""
    whole, part = int(at), at - int(at)
    below = batches.histograms[:, :whole].sum(axis=1)
    if part > 0:
        below = below + part * batches.histograms[:, whole]
    excess: FloatArray = below - q * batches.histograms.sum(axis=1)
    return excess


def batch_variance(sums: FloatArray) -> float:
    """Variance of the total of batch sums; batches may differ a little in length."""
    count = len(sums)
    return float(((sums - sums.mean()) ** 2).sum() * count / (count - 1))


@dataclass(frozen=True)
class ErrorSpread:
    """Variance of the number of failures: from batches of time, and if each came alone."""

    variance: float
    alone: float
    df: float

    @property
    def excess(self) -> float:
        """How many times more failures vary than if each came alone; never below 1."""
        return max(1.0, self.variance / self.alone) if self.alone > 0 else 1.0

    def pooled(self, other: ErrorSpread) -> ErrorSpread:
        """Both sides of a comparison together."""
        return ErrorSpread(
            self.variance + other.variance, self.alone + other.alone, self.df + other.df
        )


def error_spread(sketch: Sketch) -> ErrorSpread | None:
    """How failures vary from batch to batch; None with fewer than five batches of time."""
    if sketch.filled_cells < _BATCHES_AT_LEAST:
        return None
    rate = sketch.failures / sketch.requests
    variances = []
    for count in _batch_counts(sketch):
        batches = sketch.batches(count)
        variances.append(batch_variance(batches.failures - rate * batches.requests))
    alone = sketch.requests * rate * (1 - rate)
    return ErrorSpread(max(variances), alone, min(_BATCHES[0], sketch.cells) - 1)


def wilson(rate: float, requests: float, critical: float) -> tuple[float, float]:
    """Score interval of a share (Wilson 1927); `critical` is the quantile of the error."""
    squared = critical**2 / requests
    centre = (rate + squared / 2) / (1 + squared)
    half = (
        critical / (1 + squared) * math.sqrt(rate * (1 - rate) / requests + squared / 4 / requests)
    )
    return max(0.0, centre - half), min(1.0, centre + half)
