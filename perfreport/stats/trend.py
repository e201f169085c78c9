"""Does a series rise? A slope with an interval that autocorrelation does not fool."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from perfreport.stats.blocks import lag_one

FloatArray = NDArray[np.float64]
Shape = Literal["gauge", "sawtooth", "counter"]

_SE_FACTOR = 1.05  # Theil-Sen against least squares on normal noise
_DF_AT_LEAST = 3.0
_TRIM_S, _TRIM_SHARE, _TRIM_AT_MOST = 1800.0, 0.15, 0.35
_SAWTOOTH_WINDOW_S, _SAWTOOTH_WINDOWS = 600.0, 30
_GAUGE_WINDOWS = 48
_COUNTER_WINDOWS, _EVENTS_A_WINDOW = 8, 2


@dataclass(frozen=True)
class Slope:
    """A slope per hour, its 95 % interval, and the one-sided p value of there being a rise."""

    per_h: float
    low: float
    high: float
    p_value: float


def slope(times_h: FloatArray, values: FloatArray) -> Slope:
    """Theil-Sen slope; its error from residuals, widened for autocorrelation.

    Needs three points or more at different times. Sen 1968; the degrees of freedom are those of the
    effective number of points, as Mann-Kendall's p cannot fall below what that number allows.
    """
    per_h = theil_sen(times_h, values)
    residuals = values - per_h * times_h
    residuals = residuals - np.median(residuals)
    correlation = lag_one(residuals)
    inflation = (1 + correlation) / (1 - correlation)
    n = len(values)
    variance = float((residuals**2).sum()) / (n - 2)
    across = float(((times_h - times_h.mean()) ** 2).sum())
    se = math.sqrt(variance / across * inflation) * _SE_FACTOR
    df = max(n / inflation - 2, _DF_AT_LEAST)
    reach = float(stats.t.ppf(0.975, df)) * se
    return Slope(per_h, per_h - reach, per_h + reach, _p_value(per_h, se, df))


def _p_value(per_h: float, se: float, df: float) -> float:
    if se == 0:
        return 0.0 if per_h > 0 else 1.0
    return float(stats.t.sf(per_h / se, df))


def theil_sen(times: FloatArray, values: FloatArray) -> float:
    """Median of the slopes between all pairs of points."""
    first, second = np.triu_indices(len(times), 1)
    return float(np.median((values[second] - values[first]) / (times[second] - times[first])))


def trimmed(times_s: FloatArray, values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Without the warm-up: 30 min or 15 % of the run, whichever is longer, but 35 % at most."""
    length_s = times_s[-1] - times_s[0]
    trim_s = min(max(_TRIM_S, _TRIM_SHARE * length_s), _TRIM_AT_MOST * length_s)
    kept = times_s >= times_s[0] + trim_s
    return times_s[kept], values[kept]


def window_seconds(shape: Shape, length_s: float) -> float:
    """Width of the windows of a run: for a sawtooth wider than the cycle of the old generation."""
    if shape == "sawtooth":
        return max(_SAWTOOTH_WINDOW_S, length_s / _SAWTOOTH_WINDOWS)
    return length_s / _GAUGE_WINDOWS


def windowed(
    times_s: FloatArray, values: FloatArray, shape: Shape, width_s: float
) -> tuple[FloatArray, FloatArray]:
    """One value a window: the minimum of a sawtooth (its floor after collections), else the median.

    A window's time is the mean of its points'.
    """
    index = _window_of(times_s, width_s)
    reduce = np.min if shape == "sawtooth" else np.median
    filled = np.unique(index)
    middles = np.array([times_s[index == at].mean() for at in filled])
    return middles, np.array([reduce(values[index == at]) for at in filled])


def _window_of(times_s: FloatArray, width_s: float) -> NDArray[np.int64]:
    """The window of each point; a last one shorter than half joins the one before."""
    count = max(1, round((times_s[-1] - times_s[0]) / width_s))
    index = np.floor((times_s - times_s[0]) / width_s)
    window: NDArray[np.int64] = np.minimum(index, count - 1).astype(np.int64)
    return window


def scatter(times_s: FloatArray, values: FloatArray, width_s: float) -> float:
    """Interquartile range of single values about the medians of their windows."""
    index = _window_of(times_s, width_s)
    residuals = [values[index == at] - np.median(values[index == at]) for at in np.unique(index)]
    return float(stats.iqr(np.concatenate(residuals)))


def unwrapped(values: FloatArray) -> FloatArray:
    """A counter as if it had never been reset: after a fall it counts on from zero."""
    steps = np.diff(values)
    steps = np.where(steps < 0, values[1:], steps)
    return np.cumsum(np.concatenate([values[:1], steps]))


def counter_rates(times_s: FloatArray, counted: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Increase per hour in windows of equal length, each with some events on average.

    An event an hour in windows of half an hour is a rate that jumps between 0 and 2: too short
    windows hide a steady rate.
    """
    events = counted[-1] - counted[0]
    windows = int(np.clip(events / _EVENTS_A_WINDOW, _COUNTER_WINDOWS, _GAUGE_WINDOWS))
    borders = np.linspace(times_s[0], times_s[-1], windows + 1)
    increase = np.diff(np.interp(borders, times_s, counted))
    hours = (times_s[-1] - times_s[0]) / 3600 / windows
    return (borders[:-1] + borders[1:]) / 2, increase / hours
