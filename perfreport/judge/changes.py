"""The rows of a comparison: one endpoint and statistic each, baseline against run."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from perfreport import units
from perfreport.judge.findings import Change, ChangeVerdict
from perfreport.sla.settings import CompareSettings
from perfreport.stats.blocks import typical_block
from perfreport.stats.difference import (
    Difference,
    ErrorRate,
    RateDifference,
    log_difference,
    rate_difference,
)
from perfreport.stats.intervals import BEYOND_AT_LEAST, enough_beyond, error_spread, log_quantile
from perfreport.stats.sketch import Sketch
from perfreport.tables import Figures

QUANTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}
_TYPICAL_FROM = 0.99  # a few pauses make these: look at the typical block, too
_CELLS_AT_LEAST = 10
_ERROR_EFFECT = 0.001  # 0.1 percentage points: fewer failures are not worth a release
_ERROR_MARGIN = 0.002
MAX_DETECTABLE_ERROR = 0.005
_SUCCESSES_ONLY = "successful requests only, as the error rates differ"
_RATES_DIFFER = 0.05  # one-sided level; a false alarm only leaves out the failures on both sides


@dataclass(frozen=True)
class Measured:
    """One endpoint on one side: its sketch cut to the window, and its exact figures there."""

    sketch: Sketch
    row: Figures
    successful: Figures | None  # of the successful requests alone; None: nothing succeeded


@dataclass(frozen=True)
class Rule:
    """What all rows of a comparison share."""

    settings: CompareSettings
    alpha: float  # one-sided level of one row


@dataclass(frozen=True)
class EndpointChanges:
    """All rows of one endpoint."""

    name: str
    rows: tuple[Change, ...]
    successes_only: bool  # whether the durations are those of the successful requests


def endpoint_changes(name: str, baseline: Measured, run: Measured, rule: Rule) -> EndpointChanges:
    """Percentiles, mean and error rate of one endpoint, baseline against run.

    Failures are often fast, or as slow as a timeout: where the error rates differ, the durations of
    the successful requests are compared, and the rows say so.
    """
    errors = _error_change(name, baseline, run, rule)
    successes_only = _rates_differ(errors)
    theirs, ours = (_Timed.of(side, successes_only) for side in (baseline, run))
    times = [
        *(_quantile_change(name, statistic, theirs, ours, rule) for statistic in QUANTILES),
        _mean_change(name, theirs, ours),
    ]
    if successes_only:
        times = [replace(row, why=f"{row.why}; {_SUCCESSES_ONLY}") for row in times]
    return EndpointChanges(name, (*times, errors), successes_only)


def _rates_differ(errors: Change) -> bool:
    if errors.change is None or errors.p_value is None:
        return False
    return abs(errors.change) >= _ERROR_EFFECT and errors.p_value < _RATES_DIFFER


@dataclass(frozen=True)
class _Timed:
    """The requests of one side whose durations are compared."""

    sketch: Sketch
    row: Figures | None

    @classmethod
    def of(cls, side: Measured, successes_only: bool) -> _Timed:
        if successes_only:
            return cls(side.sketch.successful(), side.successful)
        return cls(side.sketch, side.row)

    def exact(self, statistic: str) -> float | None:
        figure: float | None = getattr(self.row, f"{statistic}_ms", None)
        return figure

    @property
    def count(self) -> int:
        return self.row.count if self.row else 0


def _quantile_change(
    name: str, statistic: str, baseline: _Timed, run: _Timed, rule: Rule
) -> Change:
    """A percentile judged: the change of the exact figures, its interval from batches of time."""
    figures = _figures(name, statistic, baseline, run)
    q = QUANTILES[statistic]
    missing = _missing(baseline.sketch, run.sketch, q)
    if missing:
        return _unjudged(figures, missing)
    looks = _looks(baseline, run, statistic, rule)
    if looks is None:
        return _unjudged(figures, "a duration of 0 ms has no relative change")
    low, high = looks.interval
    return replace(
        figures,
        ci_low=low,
        ci_high=high,
        p_value=looks.p_value,
        detectable=looks.detectable,
        verdict=_verdict(looks),
        why=_quantile_why(figures, looks),
    )


def _figures(name: str, statistic: str, baseline: _Timed, run: _Timed) -> Change:
    """The exact figures and their relative change, without any claim yet."""
    before, after = baseline.exact(statistic), run.exact(statistic)
    return Change(
        name,
        statistic,
        before,
        after,
        change=after / before - 1 if before and after is not None else None,
        ci_low=None,
        ci_high=None,
        p_value=None,
        detectable=None,
        verdict=None,
        samples_baseline=baseline.count,
        samples_run=run.count,
        why="",
    )


def _unjudged(figures: Change, why: str) -> Change:
    """Below the minimum sizes: the figures alone, without a claim."""
    return replace(figures, verdict=ChangeVerdict.NOT_COMPARABLE, why=f"not judged: {why}")


def _missing(baseline: Sketch, run: Sketch, q: float) -> str:
    """Why a percentile is below the minimum sizes, or nothing."""
    fewest = min(baseline.timed, run.timed)
    if not enough_beyond(fewest, q):
        needed = math.ceil(BEYOND_AT_LEAST / (1 - q) - 1e-6)
        return f"{fewest:,} requests, {needed:,} needed"
    return _few_cells(baseline, run)


def _few_cells(baseline: Sketch, run: Sketch) -> str:
    filled = min(baseline.filled_cells, run.filled_cells)
    if filled < _CELLS_AT_LEAST:
        return f"requests in {filled} cells of time, {_CELLS_AT_LEAST} needed"
    return ""


@dataclass(frozen=True)
class _Look:
    """One way to see a percentile: of all requests pooled, or of the typical block."""

    difference: Difference
    difference_ms: float


@dataclass(frozen=True)
class _Looks:
    """All looks at a percentile; two share the level between them."""

    pooled: _Look
    typical: _Look | None
    rule: Rule

    @property
    def both(self) -> list[_Look]:
        return [look for look in (self.pooled, self.typical) if look]

    @property
    def alpha(self) -> float:
        return self.rule.alpha / len(self.both)

    @property
    def p_value(self) -> float:
        """To be held against the level of the row (Bonferroni)."""
        smallest = min(look.difference.p_value() for look in self.both)
        return min(1.0, len(self.both) * smallest)

    @property
    def interval(self) -> tuple[float, float]:
        """90 % interval of the pooled change, as fractions."""
        low, high = self.pooled.difference.interval()
        return math.expm1(low), math.expm1(high)

    @property
    def detectable(self) -> float:
        at_least = math.log1p(self.rule.settings.min_effect)
        return math.expm1(self.pooled.difference.detectable(self.alpha, at_least))


def _looks(baseline: _Timed, run: _Timed, statistic: str, rule: Rule) -> _Looks | None:
    q, sd = QUANTILES[statistic], rule.settings.run_to_run_sd
    before, after = baseline.exact(statistic), run.exact(statistic)
    theirs, ours = log_quantile(baseline.sketch, q), log_quantile(run.sketch, q)
    if not (before and after and theirs and ours):
        return None
    difference = log_difference(ours, [theirs], sd, value=math.log(after / before))
    typical = _typical_look(baseline, run, q, sd) if q >= _TYPICAL_FROM else None
    return _Looks(_Look(difference, after - before), typical, rule)


def _typical_look(baseline: _Timed, run: _Timed, q: float, sd: float) -> _Look | None:
    theirs, ours = typical_block(baseline.sketch, q), typical_block(run.sketch, q)
    if theirs is None or ours is None:
        return None
    difference_ms = math.exp(ours.log_ms) - math.exp(theirs.log_ms)
    return _Look(log_difference(ours, [theirs], sd), difference_ms)


def _verdict(looks: _Looks) -> ChangeVerdict:
    """A change that is sure and large enough in any look; else unchanged if surely within margin."""
    directions = {_direction(look, looks.alpha, looks.rule.settings) for look in looks.both}
    if 1 in directions:
        return ChangeVerdict.REGRESSED
    if -1 in directions:
        return ChangeVerdict.IMPROVED
    low, high = looks.interval
    margin = looks.rule.settings.margin
    return (
        ChangeVerdict.UNCHANGED if low > -margin and high < margin else ChangeVerdict.INCONCLUSIVE
    )


def _direction(look: _Look, alpha: float, settings: CompareSettings) -> int:
    """1 slower, -1 faster, 0 neither for sure."""
    value = look.difference.value
    large = abs(value) >= math.log1p(settings.min_effect)
    counts = abs(look.difference_ms) >= settings.min_effect_ms
    if not (large and counts and look.difference.p_value() < alpha):
        return 0
    return 1 if value > 0 else -1


def _quantile_why(figures: Change, looks: _Looks) -> str:
    """`182 ms to 203 ms, +11.5 % [+5.9, +17.4]; p 0.0006; detectable from 9 %; ...`"""
    low, high = looks.interval
    parts = [
        f"{units.ms(figures.baseline or 0)} to {units.ms(figures.run or 0)}, "
        f"{units.signed_percent(figures.change or 0)} [{_signed(low)}, {_signed(high)}]",
        _p_text(looks.p_value),
        f"detectable from {units.percent(looks.detectable)}",
        f"run-to-run sd assumed {units.percent(looks.rule.settings.run_to_run_sd)}",
    ]
    if looks.typical:
        typical = math.expm1(looks.typical.difference.value)
        parts.insert(1, f"typical block {units.signed_percent(typical)}")
    return "; ".join(parts)


def _signed(fraction: float) -> str:
    return f"{fraction * 100:+,.1f}".replace("-", "−")


def _p_text(p_value: float) -> str:
    return f"p {units.number(p_value, 2)}" if p_value >= 0.0001 else "p < 0.0001"


def _mean_change(name: str, baseline: _Timed, run: _Timed) -> Change:
    """The mean is reported, not judged: one stuck request moves it as far as a slower release."""
    return replace(_figures(name, "mean", baseline, run), why="reported, not judged")


def _error_change(name: str, baseline: Measured, run: Measured, rule: Rule) -> Change:
    figures = _error_figures(name, baseline.row, run.row)
    ours, theirs = _error_rate(run), _error_rate(baseline)
    missing = _few_cells(baseline.sketch, run.sketch)
    if missing:
        return _unjudged(figures, missing)
    if ours is None or theirs is None:
        return _unjudged(figures, "the tool did not say which requests failed")
    difference = rate_difference(ours, theirs, rule.alpha, _ERROR_EFFECT)
    low, high = difference.interval
    return replace(
        figures,
        ci_low=low,
        ci_high=high,
        p_value=difference.p_value,
        detectable=difference.detectable,
        verdict=_error_verdict(difference, rule.alpha),
        why=_error_why(ours, theirs, difference),
    )


def _error_figures(name: str, baseline: Figures, run: Figures) -> Change:
    before, after = baseline.error_rate, run.error_rate
    return Change(
        name,
        "error_rate",
        before,
        after,
        change=after - before if before is not None and after is not None else None,
        ci_low=None,
        ci_high=None,
        p_value=None,
        detectable=None,
        verdict=None,
        samples_baseline=baseline.count,
        samples_run=run.count,
        why="",
    )


def _error_rate(side: Measured) -> ErrorRate | None:
    spread = error_spread(side.sketch)
    if spread is None or side.row.error_rate is None:
        return None
    return ErrorRate(side.row.errors, side.row.count, spread)


def _error_verdict(difference: RateDifference, alpha: float) -> ChangeVerdict:
    low, high = difference.interval
    if abs(difference.value) >= _ERROR_EFFECT and difference.p_value < alpha:
        worse = difference.value > 0
        return ChangeVerdict.REGRESSED if worse else ChangeVerdict.IMPROVED
    within = low > -_ERROR_MARGIN and high < _ERROR_MARGIN
    return ChangeVerdict.UNCHANGED if within else ChangeVerdict.INCONCLUSIVE


def _error_why(run: ErrorRate, baseline: ErrorRate, difference: RateDifference) -> str:
    low, high = difference.interval
    points = f"{difference.value * 100:+.2f}".replace("-", "−")
    return (
        f"{units.percent(baseline.rate)} to {units.percent(run.rate)}, {points} points "
        f"[{_signed(low)}, {_signed(high)}]; {_p_text(difference.p_value)}; "
        f"detectable from {units.number(difference.detectable * 100, 2)} points"
    )
