"""Does a run fail more often than its baselines? Failures come in bursts and vary from run to run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

from scipy import special

from perfreport.stats.difference import LIKELY, POWER
from perfreport.stats.intervals import ErrorSpread, wilson
from perfreport.stats.student import t_quantile

# Rates of one system differ from run to run by about a third of themselves (docs/statistics.md).
_ERROR_RATE_SD = 0.30


@dataclass(frozen=True)
class ErrorRate:
    """Failures of one run, or of several pooled."""

    failures: float
    requests: float
    spread: ErrorSpread

    @property
    def rate(self) -> float:
        return self.failures / self.requests

    def longer(self, times: float) -> ErrorRate:
        """The same of a run that many times as long."""
        return ErrorRate(self.failures * times, self.requests * times, self.spread)


@dataclass(frozen=True)
class RateDifference:
    """Difference of two error rates, and what the baseline lets expect of the run."""

    run: ErrorRate
    baseline: ErrorRate
    expected: Expected
    interval: tuple[float, float]  # 90 %

    @property
    def value(self) -> float:
        return self.run.rate - self.baseline.rate

    @property
    def p_value(self) -> float:
        """One-sided, in the direction of the difference: 0.5 is no evidence at all."""
        if self.value == 0:
            return 0.5
        return min(0.5, self.expected.tail(self.run.failures, more=self.value > 0))

    def detectable(self, alpha: float, at_least: float) -> float:
        """The smallest rise that would be called one in 80 % of pairs.

        at_least  a rise that has to be seen, too, before it is called one
        """
        failures = self.expected.rise_found(alpha)
        return max(failures / self.run.requests - self.baseline.rate, at_least)

    def would_be_found(self, alpha: float) -> bool:
        """Whether a true difference of this size is found in most such comparisons."""
        failures = self.run.failures
        unlucky = LIKELY * math.sqrt(self.expected.varies(failures))
        more = self.value > 0
        return self.expected.tail(failures + (-unlucky if more else unlucky), more=more) < alpha


@dataclass(frozen=True)
class Expected:
    """How many failures of the run the baseline lets expect: gamma distributed around `mean`.

    Few failures are skewed to the right: a normal distribution calls a rise three times as often as
    it should (docs/statistics.md).

    variance  of the number, the baseline's own luck included
    excess    how many times more failures vary than if each came alone
    between   variance of the rate between runs, as a share of it squared
    """

    mean: float
    variance: float
    excess: float
    between: float

    @classmethod
    def of(
        cls, run: ErrorRate, baseline: ErrorRate, excess: float, between: float, baselines: int
    ) -> Expected:
        part = run.requests / baseline.requests
        # Where nothing failed, half a failure would not have been noticed either.
        mean = part * max(baseline.failures, 0.5)
        alone = mean * (1 - min(baseline.rate, 0.5)) * (1 + part)
        variance = excess * alone + between * mean**2 * (1 + 1 / baselines)
        return cls(mean, variance, excess, between)

    def tail(self, failures: float, more: bool) -> float:
        """The probability of so many failures or more; or of so many or fewer."""
        shape, scale = self.mean**2 / self.variance, self.variance / self.mean
        if more:
            return float(special.gammaincc(shape, max(failures - 0.5, 0.0) / scale))
        return float(special.gammainc(shape, max(failures + 0.5, 0.0) / scale))

    def rise_found(self, alpha: float) -> float:
        """Mean number of failures that exceed what chance gives in 80 % of runs.

        m - 0.84 sqrt(excess m + between m^2) is that number: a quadratic in m.
        """
        shape, scale = self.mean**2 / self.variance, self.variance / self.mean
        needed = float(special.gammainccinv(shape, alpha)) * scale + 0.5
        square = 1 - POWER**2 * self.between
        half = needed + POWER**2 * self.excess / 2
        return (half + math.sqrt(half**2 - square * needed**2)) / square

    def varies(self, failures: float) -> float:
        """Variance of the failures of runs that fail so often."""
        return self.excess * failures + self.between * failures**2


def pooled_rate(baselines: Sequence[ErrorRate]) -> ErrorRate:
    """Failures of several runs together."""
    return ErrorRate(
        sum(each.failures for each in baselines),
        sum(each.requests for each in baselines),
        reduce(ErrorSpread.pooled, (each.spread for each in baselines)),
    )


def rate_difference(
    run: ErrorRate, baseline: ErrorRate, baselines: int = 1, run_sd: float | None = None
) -> RateDifference:
    """Test of two error rates whose failures come in bursts and vary from run to run.

    The failures of the run are held against those that the baseline lets expect. Their variance is
    that of shares, times the overdispersion of both sides pooled, plus what the rates of two runs
    of one system differ by (30 % of the rate, each, and less the more requests fail).

    baselines  of how many runs `baseline` is the pool
    run_sd     how much rates of one system differ from run to run, as a share of them
    """
    sd = _ERROR_RATE_SD if run_sd is None else run_sd
    # What always fails varies as little as what never does.
    varies = (sd * (1 - baseline.rate)) ** 2
    spread = run.spread.pooled(baseline.spread)
    between = (1 + 1 / baselines) * varies * baseline.rate**2
    expected = Expected.of(run, baseline, spread.excess, varies, baselines)
    return RateDifference(run, baseline, expected, _rate_interval(run, baseline, spread, between))


def _rate_interval(
    run: ErrorRate, baseline: ErrorRate, spread: ErrorSpread, between: float
) -> tuple[float, float]:
    """90 % interval of the difference, what runs differ by anyway included."""
    critical = t_quantile(0.95, spread.df)
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
