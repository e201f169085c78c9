"""Is a run slower than its baselines? A difference with all that two runs differ by anyway."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from perfreport.stats.student import t_quantile, t_tail

POWER = 0.84  # normal quantile of 80 %
LIKELY = 0.5  # of 69 %: advice to measure more should mostly end in an answer
HISTORY_AT_LEAST = 3  # of two runs there is one difference: it says nothing about its usual size
PRIOR_DF = 4.0  # the assumed sd between runs weighs as much as five runs would


class Logarithm(Protocol):
    """An estimate of a logarithm, with its standard error and the degrees of freedom of that."""

    @property
    def log(self) -> float: ...
    @property
    def se(self) -> float: ...
    @property
    def df(self) -> float: ...


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
        return t_tail(abs(self.value) / self.se, self.df)

    def interval(self, confidence: float = 0.90) -> tuple[float, float]:
        reach = t_quantile((1 + confidence) / 2, self.df) * self.se
        return self.value - reach, self.value + reach

    def detectable(self, alpha: float, at_least: float) -> float:
        """The smallest true difference that would be called a change in 80 % of pairs.

        at_least  a difference that has to be seen, too, before it is called a change
        """
        needed = max(t_quantile(1 - alpha, self.df) * self.se, at_least)
        return needed + POWER * self.se

    def would_be_found(self, alpha: float) -> bool:
        """Whether a true difference of this size is found in most such comparisons."""
        return abs(self.value) >= (t_quantile(1 - alpha, self.df) + LIKELY) * self.se

    def would_lie_within(self, low: float, high: float) -> bool:
        """Whether the 90 % interval of a true difference of this size mostly lies there."""
        reach = (t_quantile(0.95, self.df) + LIKELY) * self.se
        return low < self.value - reach and self.value + reach < high


def sd_df_of(runs: int) -> float:
    """Degrees of freedom of a variation between runs that is estimated from so many, or assumed."""
    return PRIOR_DF + runs - 1 if runs >= HISTORY_AT_LEAST else math.inf


@dataclass(frozen=True)
class Components:
    """What the variance of a difference of logs is made of; it says what more data would give.

    run, run_df    variance of the run's estimate, which shrinks with the length of the run
    base, base_df  the same of one baseline, on average, and of all of them together
    baselines      how many there are: N
    sd, sd_df      how much runs of one system differ, however long they are
    """

    value: float
    run: float
    run_df: float
    base: float
    base_df: float
    baselines: int
    sd: float
    sd_df: float = math.inf

    @cached_property
    def difference(self) -> Difference:
        return self.with_more()

    def with_more(self, runs: int = 0, longer: float = 1.0) -> Difference:
        """The same difference with more baseline runs, or all runs `longer` times as long."""
        count = self.baselines + runs
        parts = (
            (self.run / longer, self.run_df),
            (self.base / count / longer, self.base_df * count / self.baselines),
            (self.sd**2 * (1 + 1 / count), sd_df_of(count) if runs else self.sd_df),
        )
        variance = sum(part for part, _ in parts)
        return Difference(self.value, math.sqrt(variance), _satterthwaite(parts))

    def at(self, sd: float, sd_df: float) -> Components:
        """The same with another variation between runs."""
        return Components(
            self.value, self.run, self.run_df, self.base, self.base_df, self.baselines, sd, sd_df
        )


def log_difference(
    run: Logarithm, baselines: Sequence[Logarithm], sd: float, sd_df: float = math.inf
) -> Difference:
    """Difference of logs, run against the mean of N baselines.

    Its variance is se_run^2 + mean(se_base^2) / N + sd^2 (1 + 1/N): no pair of runs can show how
    much runs of one system differ, so `sd` is assumed or comes from history (then with `sd_df`).
    """
    return components(run, baselines, sd, sd_df).difference


def components(
    run: Logarithm, baselines: Sequence[Logarithm], sd: float = 0.0, sd_df: float = math.inf
) -> Components:
    """The difference of `log_difference` with the parts of its variance."""
    count = len(baselines)
    squares = [base.se**2 for base in baselines]
    base_df = _satterthwaite(
        [(each, base.df) for each, base in zip(squares, baselines, strict=True)]
    )
    value = run.log - sum(base.log for base in baselines) / count
    return Components(value, run.se**2, run.df, sum(squares) / count, base_df, count, sd, sd_df)


def _satterthwaite(parts: Sequence[tuple[float, float]]) -> float:
    """Degrees of freedom of a sum of variances (Satterthwaite 1946)."""
    uncertainty = sum(variance**2 / df for variance, df in parts)
    total = sum(variance for variance, _ in parts)
    return total**2 / uncertainty if uncertainty > 0 else math.inf
