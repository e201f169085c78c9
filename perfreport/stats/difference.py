"""Is a run slower than its baselines? A difference with all that two runs differ by anyway."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy import stats

from perfreport.stats.intervals import ErrorSpread, LogQuantile, wilson

_POWER = 0.84  # normal quantile of 80 %
# Rates of one system differ from run to run by about a third of themselves (docs/statistics.md).
_ERROR_RATE_SD = 0.30


@dataclass(frozen=True)
class Difference:
    """Run minus baseline with its standard error; `df` of the t distribution that it follows."""

    value: float
    se: float
    df: float

    def p_value(self) -> float:
        """One-sided, in the direction of the difference: 0.5 is no evidence at all."""
        if self.se == 0:
            return 0.5 if self.value == 0 else 0.0
        return float(stats.t.sf(abs(self.value) / self.se, self.df))

    def interval(self, confidence: float = 0.90) -> tuple[float, float]:
        reach = float(stats.t.ppf((1 + confidence) / 2, self.df)) * self.se
        return self.value - reach, self.value + reach

    def detectable(self, alpha: float, at_least: float) -> float:
        """The smallest true difference that would be called a change in 80 % of pairs.

        at_least  a difference that has to be seen, too, before it is called a change
        """
        needed = max(float(stats.t.isf(alpha, self.df)) * self.se, at_least)
        return needed + _POWER * self.se


def log_difference(
    run: LogQuantile,
    baselines: Sequence[LogQuantile],
    sd: float,
    sd_df: float = math.inf,
    value: float | None = None,
) -> Difference:
    """Difference of logs, run against the mean of N baselines.

    Its variance is se_run^2 + mean(se_base^2) / N + sd^2 (1 + 1/N): no pair of runs can show how
    much runs of one system differ, so `sd` is assumed or comes from history (then with `sd_df`).
    value  the difference where it is known exactly
    """
    count = len(baselines)
    parts = [
        (run.se**2, run.df),
        *((base.se**2 / count**2, base.df) for base in baselines),
        (sd**2 * (1 + 1 / count), sd_df),
    ]
    if value is None:
        value = run.log_ms - sum(base.log_ms for base in baselines) / count
    variance = sum(part for part, _ in parts)
    return Difference(value, math.sqrt(variance), _satterthwaite(parts))


def _satterthwaite(parts: Sequence[tuple[float, float]]) -> float:
    """Degrees of freedom of a sum of variances (Satterthwaite 1946)."""
    uncertainty = sum(variance**2 / df for variance, df in parts)
    total = sum(variance for variance, _ in parts)
    return total**2 / uncertainty if uncertainty > 0 else math.inf


@dataclass(frozen=True)
class ErrorRate:
    """Failures of one side."""

    failures: int
    requests: int
    spread: ErrorSpread

    @property
    def rate(self) -> float:
        return self.failures / self.requests


@dataclass(frozen=True)
class RateDifference:
    """Difference of two error rates."""

    value: float
    p_value: float  # one-sided, in the direction of the difference
    interval: tuple[float, float]  # 90 %
    detectable: float


def rate_difference(
    run: ErrorRate, baseline: ErrorRate, alpha: float, at_least: float
) -> RateDifference:
    """Score test of two error rates whose failures come in bursts and vary from run to run.

    The variance is that of shares at the pooled rate, times the overdispersion of both sides
    pooled, plus what the rates of two runs of one system differ by (30 % of the baseline's, each).
    """
    spread = run.spread.pooled(baseline.spread)
    value = run.rate - baseline.rate
    pooled = (run.failures + baseline.failures) / (run.requests + baseline.requests)
    between = 2 * (_ERROR_RATE_SD * baseline.rate) ** 2
    per_request = spread.excess * (1 / run.requests + 1 / baseline.requests)
    score = Difference(value, math.sqrt(pooled * (1 - pooled) * per_request + between), spread.df)
    interval = _rate_interval(run, baseline, spread, between)
    detectable = _detectable(baseline.rate, per_request, between, spread.df, alpha)
    return RateDifference(value, score.p_value(), interval, max(detectable, at_least))


def _rate_interval(
    run: ErrorRate, baseline: ErrorRate, spread: ErrorSpread, between: float
) -> tuple[float, float]:
    """90 % interval of the difference, what runs differ by anyway included."""
    critical = float(stats.t.ppf(0.95, spread.df))
    low, high = newcombe(
        (run.rate, run.requests / spread.excess),
        (baseline.rate, baseline.requests / spread.excess),
        critical,
    )
    value, varies = run.rate - baseline.rate, critical**2 * between
    return (
        value - math.sqrt((value - low) ** 2 + varies),
        value + math.sqrt((high - value) ** 2 + varies),
    )


def newcombe(
    first: tuple[float, float], second: tuple[float, float], critical: float
) -> tuple[float, float]:
    """Interval of first minus second, each (rate, requests), from the score intervals of both.

    Newcombe 1998, method 10; valid where nothing failed.
    """
    rate, other_rate = first[0], second[0]
    low, high = wilson(*first, critical)
    other_low, other_high = wilson(*second, critical)
    value = rate - other_rate
    return (
        value - math.hypot(rate - low, other_high - other_rate),
        value + math.hypot(high - rate, other_rate - other_low),
    )


def _detectable(rate: float, per_request: float, between: float, df: float, alpha: float) -> float:
    """The rise d with d = (t + 0.84) se(d), for sides of equal size.

    The pooled rate then is rate + d/2, so this is a quadratic in d: there is an answer even where
    nothing failed.
    """
    squared = (float(stats.t.isf(alpha, df)) + _POWER) ** 2
    half = squared * per_request / 4
    return half + math.sqrt(half**2 + squared * (per_request * rate * (1 - rate) + between))
