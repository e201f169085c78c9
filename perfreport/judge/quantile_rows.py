"""Rows of P50, P95 and P99: measured for each endpoint first, judged when all have been.

The sketch judges, the exact figures are shown: a run of which only the sketch is left gets the same
verdicts.
"""

from __future__ import annotations

import math
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
    geometric_mean,
    minutes_for,
    p_text,
    pooled_text,
    signed,
    unjudged,
    with_advice,
)
from perfreport.sla.settings import CompareSettings
from perfreport.stats.between_runs import RunSd
from perfreport.stats.blocks import typical_block
from perfreport.stats.difference import Components, Difference, components
from perfreport.stats.intervals import BEYOND_AT_LEAST, LogQuantile, enough_beyond, log_quantile
from perfreport.stats.sketch import BIN_LOG, FLOOR_MS, Sketch
from perfreport.tables import Figures

QUANTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}
_TYPICAL_FROM = 0.99  # a few pauses make these: look at the typical block, too
_SUCCESSES_ONLY = "successful requests only, as the error rates differ"
_NO_TIME = math.log(FLOOR_MS) + BIN_LOG  # the lowest bin holds what took 0 ms


@dataclass(frozen=True)
class Timed:
    """The requests of one side whose durations are compared."""

    sketch: Sketch
    row: Figures | None

    @classmethod
    def of(cls, side: Measured, successes_only: bool) -> Timed:
        if successes_only:
            return cls(side.sketch.successful(), side.successful)
        return cls(side.sketch, side.row)

    def exact(self, statistic: str) -> float | None:
        figure: float | None = getattr(self.row, f"{statistic}_ms", None)
        return figure

    @property
    def count(self) -> int:
        return self.row.count if self.row else 0


@dataclass(frozen=True)
class Look:
    """One way to see a percentile: of all requests pooled, or of the typical block."""

    run: LogQuantile
    baselines: tuple[LogQuantile, ...]

    @property
    def log_ms(self) -> list[float]:
        return [each.log_ms for each in (self.run, *self.baselines)]

    @property
    def components(self) -> Components:
        return components(self.run, self.baselines)

    @property
    def difference_ms(self) -> float:
        value = self.components.value
        return math.exp(self.run.log_ms) * (1 - math.exp(-value))


@dataclass(frozen=True)
class Times:
    """A percentile of one endpoint, measured.

    figures  the row without a judgement
    missing  why it cannot be judged; then there is no look
    needed   minutes a run that would be enough, where that is what is missing
    instant  whether it is 0 ms on all sides
    note     what else is to be said of it
    """

    statistic: str
    figures: Change
    seconds: float
    missing: str = ""
    needed: float | None = None
    instant: bool = False
    pooled: Look | None = None
    typical: Look | None = None
    note: str = ""


@dataclass(frozen=True)
class TimedEndpoint:
    """The durations of one endpoint that are compared, and what is to be said of them."""

    endpoint: Endpoint
    baselines: tuple[Timed, ...]
    run: Timed
    note: str

    @classmethod
    def of(cls, endpoint: Endpoint, successes_only: bool) -> TimedEndpoint:
        """Failures are often fast, or as slow as a timeout: where the error rates differ, the
        durations of the successful requests are compared, and the rows say so.
        """
        baselines = tuple(Timed.of(side, successes_only) for side in endpoint.baselines)
        run = Timed.of(endpoint.run, successes_only)
        return cls(endpoint, baselines, run, _SUCCESSES_ONLY if successes_only else "")


def times_of(timed: TimedEndpoint, statistic: str) -> Times:
    """A percentile of one endpoint, measured on the sides that have enough requests."""
    q = QUANTILES[statistic]
    endpoint, run = timed.endpoint, timed.run
    enough = [side for side in timed.baselines if enough_beyond(side.sketch.timed, q)]
    enough = enough or list(timed.baselines)
    figures = duration_figures(endpoint.name, statistic, enough, run)
    seconds = min(side.judged_s for side in endpoint.sides)
    measured = Times(statistic, figures, seconds, note=timed.note)
    sketches = [side.sketch for side in (run, *enough)]
    fewest = min(sketch.timed for sketch in sketches)
    if not enough_beyond(fewest, q):
        return _too_few(measured, fewest, q)
    few = few_cells(sketches)
    if few:
        return replace(measured, missing=few)
    pooled = _look(log_quantile(run.sketch, q), [log_quantile(side.sketch, q) for side in enough])
    if pooled is None or min(pooled.log_ms) < _NO_TIME:
        missing = "a duration of 0 ms has no relative change"
        instant = pooled is not None and max(pooled.log_ms) < _NO_TIME
        return replace(measured, missing=missing, instant=instant)
    if q < _TYPICAL_FROM:
        return replace(measured, pooled=pooled)
    typical = _look(
        typical_block(run.sketch, q), [typical_block(each.sketch, q) for each in enough]
    )
    return replace(measured, pooled=pooled, typical=typical)


def _too_few(measured: Times, fewest: int, q: float) -> Times:
    needed = math.ceil(BEYOND_AT_LEAST / (1 - q) - 1e-6)
    return replace(
        measured,
        missing=f"{fewest:,} requests, {needed:,} needed",
        needed=minutes_for(needed, fewest, measured.seconds),
    )


def _look(run: LogQuantile | None, baselines: Sequence[LogQuantile | None]) -> Look | None:
    known = [each for each in baselines if each]
    return Look(run, tuple(known)) if run and known else None


def duration_figures(name: str, statistic: str, baselines: Sequence[Timed], run: Timed) -> Change:
    """The exact figures and their relative change, without any claim yet."""
    before = geometric_mean(side.exact(statistic) for side in baselines)
    after = run.exact(statistic)
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
        samples_baseline=sum(side.count for side in baselines),
        samples_run=run.count,
        why="",
    )


def quantile_change(times: Times, sd: RunSd, shift: float | None, rule: Rule) -> Change:
    """A percentile judged.

    shift  of the other endpoints, if this one moves with them
    """
    if times.instant:
        row = replace(times.figures, verdict=ChangeVerdict.UNCHANGED, why="0 ms in all runs")
    elif times.pooled is None:
        row = unjudged(times.figures, times.missing, times.needed)
    else:
        row = _judged(times, _Looks.of(times.pooled, times.typical, sd, shift, rule))
    return replace(row, why=f"{row.why}; {times.note}") if times.note else row


@dataclass(frozen=True)
class _Looks:
    """All looks at a percentile; two share the level between them.

    shift  of the other endpoints, if this one moves with them
    """

    pooled: Look
    parts: tuple[Components, ...]
    steps_ms: tuple[float, ...]
    sd: RunSd
    shift: float | None
    rule: Rule

    @classmethod
    def of(
        cls, pooled: Look, typical: Look | None, sd: RunSd, shift: float | None, rule: Rule
    ) -> _Looks:
        looks = [pooled, typical] if typical else [pooled]
        parts = tuple(look.components.at(sd.sd, sd.df) for look in looks)
        return cls(pooled, parts, tuple(look.difference_ms for look in looks), sd, shift, rule)

    @property
    def alpha(self) -> float:
        return self.rule.alpha / len(self.parts)

    @property
    def p_value(self) -> float:
        """To be held against the level of the row (Bonferroni)."""
        smallest = min(each.difference.p_value() for each in self.parts)
        return min(1.0, len(self.parts) * smallest)

    @property
    def interval(self) -> tuple[float, float]:
        """90 % interval of the pooled change, as fractions."""
        low, high = self.parts[0].difference.interval()
        return math.expm1(low), math.expm1(high)

    @property
    def detectable(self) -> float:
        at_least = math.log1p(self.rule.settings.min_effect)
        return math.expm1(self.parts[0].difference.detectable(self.alpha, at_least))

    @property
    def direction(self) -> int:
        """1 slower in any look, else -1 if faster in any, 0 neither for sure."""
        found = {
            _direction(each.difference, step_ms, self)
            for each, step_ms in zip(self.parts, self.steps_ms, strict=True)
        }
        return 1 if 1 in found else -1 if -1 in found else 0


def _judged(times: Times, looks: _Looks) -> Change:
    low, high = around(*looks.interval, times.figures.change)
    row = replace(
        times.figures,
        ci_low=low,
        ci_high=high,
        p_value=looks.p_value,
        detectable=looks.detectable,
        verdict=_verdict(looks),
        typical=math.expm1(looks.parts[1].value) if len(looks.parts) > 1 else None,
    )
    row = replace(row, why=_why(row, looks))
    if row.verdict == ChangeVerdict.INCONCLUSIVE:
        return with_advice(row, _advice(looks, times.seconds))
    return row


def _verdict(looks: _Looks) -> ChangeVerdict:
    """A change that is sure and large enough in any look; else unchanged if surely within margin."""
    if looks.direction:
        return ChangeVerdict.REGRESSED if looks.direction > 0 else ChangeVerdict.IMPROVED
    low, high = looks.interval
    margin = looks.rule.settings.margin
    return (
        ChangeVerdict.UNCHANGED if low > -margin and high < margin else ChangeVerdict.INCONCLUSIVE
    )


def _direction(difference: Difference, step_ms: float, looks: _Looks) -> int:
    """1 slower, -1 faster, 0 neither for sure."""
    counts = large(difference.value, looks.rule.settings) and _counts_ms(step_ms, looks)
    if not (counts and difference.p_value() < looks.alpha):
        return 0
    return 1 if difference.value > 0 else -1


def large(log_change: float, settings: CompareSettings) -> bool:
    """Whether a change is worth a release if it is sure."""
    return abs(log_change) >= math.log1p(settings.min_effect)


def log_margin(settings: CompareSettings) -> tuple[float, float]:
    """Between these logarithms a change is unchanged."""
    return math.log1p(-settings.margin), math.log1p(settings.margin)


def _counts_ms(step_ms: float, looks: _Looks) -> bool:
    """Whether a step is large enough in milliseconds, to the width of a bin: the tool may round."""
    rounding = math.exp(looks.pooled.run.log_ms) * BIN_LOG
    return abs(step_ms) >= looks.rule.settings.min_effect_ms - rounding


def _advice(looks: _Looks, seconds: float) -> Advice:
    """What would decide if the true change were what was measured."""
    may_change = large(looks.parts[0].value, looks.rule.settings) and _counts_ms(
        looks.steps_ms[0], looks
    )

    def decides(more_runs: int, longer: float) -> bool:
        then = looks.parts[0].with_more(more_runs, longer)
        if may_change and then.would_be_found(looks.alpha):
            return True
        return then.would_lie_within(*log_margin(looks.rule.settings))

    return advice(decides, seconds)


def _why(row: Change, looks: _Looks) -> str:
    """`182 ms to 203 ms, +11.5 % [+5.9, +17.4]; p 0.0006; detectable from 9 %; ...`"""
    low, high = row.ci_low or 0.0, row.ci_high or 0.0
    parts = [
        f"{units.ms(row.baseline or 0)} to {units.ms(row.run or 0)}, "
        f"{units.signed_percent(row.change or 0)} [{signed(low)}, {signed(high)}]"
    ]
    if row.typical is not None:
        parts.append(f"typical block {units.signed_percent(row.typical)}")
    parts += [
        p_text(looks.p_value),
        *_together(looks),
        f"detectable from {units.percent(looks.detectable)}",
        sd_text(looks.sd),
        *pooled_text(len(looks.pooled.baselines)),
    ]
    return "; ".join(parts)


def _together(looks: _Looks) -> list[str]:
    """Said of a change that is sure: whether it is this endpoint's or that of all."""
    if looks.shift is None or not looks.direction:
        return []
    return [f"moves with all endpoints ({units.signed_percent(math.expm1(looks.shift))})"]


def sd_text(sd: RunSd) -> str:
    if sd.runs:
        return f"run-to-run sd {units.percent(sd.sd)} from {sd.runs} runs"
    return f"run-to-run sd assumed {units.percent(sd.sd)}"
