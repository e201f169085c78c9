"""Rows of the error rate: in percentage points, judged on the counts of the sketches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from perfreport import units
from perfreport.judge.findings import Change, ChangeVerdict
from perfreport.judge.rows import (
    Advice,
    Endpoint,
    Measured,
    Rule,
    advice,
    around,
    few_cells,
    minutes_for,
    p_text,
    pooled_text,
    signed,
    unjudged,
    with_advice,
)
from perfreport.stats.error_rates import ErrorRate, RateDifference, pooled_rate, rate_difference
from perfreport.stats.intervals import error_spread
from perfreport.tables import Figures

_EFFECT = 0.001  # 0.1 percentage points: fewer failures are not worth a release
_MARGIN = 0.002
MAX_DETECTABLE = 0.005  # points, as a fraction
_MAX_TIMES = 2.0  # of the baseline's rate: where a tenth fails, half a point is nothing to look for
_RATES_DIFFER = 0.05  # one-sided level; a false alarm only leaves out the failures on both sides


@dataclass(frozen=True)
class _Errors:
    """The failures of the run and of its baselines, pooled, which are `pooled` runs."""

    run: ErrorRate
    baseline: ErrorRate
    pooled: int
    rule: Rule

    def difference(self, more_runs: int = 0, longer: float = 1.0) -> RateDifference:
        """The difference, as it would be with more baseline runs or with longer ones."""
        runs = self.pooled + more_runs
        baseline = self.baseline.longer(longer * runs / self.pooled)
        return rate_difference(self.run.longer(longer), baseline, runs)

    def too_few_to_show(self, rise: float) -> bool:
        """Whether a rise could hide in the chance of so few requests alone."""
        chance = rate_difference(self.run, self.baseline, self.pooled, run_sd=0.0)
        return chance.detectable(self.rule.alpha, _EFFECT) > rise


@dataclass(frozen=True)
class ErrorRow:
    """The error rate judged.

    differs  whether the rates differ enough to time successes only
    blind    whether there is too little data to show a rise that matters, of half a point or to
             three times the rate. Where rates vary from run
             to run by more than that, no amount of data would: the row says so, but a run is not
             left undecided for ever
    """

    change: Change
    differs: bool
    blind: bool


def error_row(endpoint: Endpoint, rule: Rule) -> ErrorRow:
    """The error rate of one endpoint, judged."""
    told = [side for side in endpoint.baselines if side.row.error_rate is not None]
    figures = _figures(endpoint.name, told or endpoint.baselines, endpoint.run)
    few = few_cells(endpoint.sketches)
    if few:
        return ErrorRow(unjudged(figures, few, _minutes(endpoint)), differs=False, blind=True)
    if not told or endpoint.run.row.error_rate is None:
        unknown = unjudged(figures, "the tool did not say which requests failed")
        return ErrorRow(unknown, differs=False, blind=True)
    rates = [_rate(side) for side in told]
    errors = _Errors(_rate(endpoint.run), pooled_rate(rates), len(rates), rule)
    difference = errors.difference()
    differ = abs(difference.value) >= _EFFECT and difference.p_value < _RATES_DIFFER
    change = _judged(figures, errors, difference, endpoint)
    inconclusive = change.verdict == ChangeVerdict.INCONCLUSIVE
    matters = max(MAX_DETECTABLE, _MAX_TIMES * errors.baseline.rate)
    return ErrorRow(change, differ, inconclusive and errors.too_few_to_show(matters))


def _minutes(endpoint: Endpoint) -> float | None:
    """Of a run whose requests would fill enough cells of time, each with one on average."""
    side = min(endpoint.sides, key=lambda side: side.sketch.filled_cells)
    return minutes_for(10, side.sketch.filled_cells, side.judged_s)


def _figures(name: str, baselines: Sequence[Measured], run: Measured) -> Change:
    """The exact figures; those of several baselines pooled."""
    before, after = _pooled([side.row for side in baselines]), run.row.error_rate
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
        samples_baseline=sum(side.row.count for side in baselines),
        samples_run=run.row.count,
        why="",
    )


def _pooled(rows: Sequence[Figures]) -> float | None:
    if len(rows) == 1:
        return rows[0].error_rate
    known = [row for row in rows if row.error_rate is not None]
    return sum(row.errors for row in known) / sum(row.count for row in known) if known else None


def _rate(side: Measured) -> ErrorRate:
    spread = error_spread(side.sketch)
    assert spread is not None  # enough cells of time have requests
    return ErrorRate(side.sketch.failures, side.sketch.requests, spread)


def _judged(
    figures: Change, errors: _Errors, difference: RateDifference, endpoint: Endpoint
) -> Change:
    low, high = around(*difference.interval, figures.change)
    row = replace(
        figures,
        ci_low=low,
        ci_high=high,
        p_value=difference.p_value,
        detectable=difference.detectable(errors.rule.alpha, _EFFECT),
        verdict=_verdict(difference, errors.rule.alpha),
    )
    row = replace(row, why=_why(row, errors.pooled))
    if row.verdict == ChangeVerdict.INCONCLUSIVE:
        return with_advice(row, _advice(errors, min(side.judged_s for side in endpoint.sides)))
    return row


def _verdict(difference: RateDifference, alpha: float) -> ChangeVerdict:
    if abs(difference.value) >= _EFFECT and difference.p_value < alpha:
        worse = difference.value > 0
        return ChangeVerdict.REGRESSED if worse else ChangeVerdict.IMPROVED
    return ChangeVerdict.UNCHANGED if _within(difference) else ChangeVerdict.INCONCLUSIVE


def _within(difference: RateDifference) -> bool:
    low, high = difference.interval
    return low > -_MARGIN and high < _MARGIN


def _advice(errors: _Errors, seconds: float) -> Advice:
    """What would decide if the true rates were those that were measured."""

    def decides(more_runs: int, longer: float) -> bool:
        then = errors.difference(more_runs, longer)
        found = abs(then.value) >= _EFFECT and then.would_be_found(errors.rule.alpha)
        return found or _within(then)

    return advice(decides, seconds)


def _why(row: Change, runs: int) -> str:
    points = f"{(row.change or 0.0) * 100:+.2f}".replace("-", "−")
    interval = f"[{signed(row.ci_low or 0.0)}, {signed(row.ci_high or 0.0)}]"
    parts = [
        f"{units.percent(row.baseline or 0.0)} to {units.percent(row.run or 0.0)}, "
        f"{points} points {interval}",
        p_text(row.p_value or 0.0),
        f"detectable from {units.number((row.detectable or 0.0) * 100, 2)} points",
        *pooled_text(runs, "pooled rate"),
    ]
    return "; ".join(parts)
