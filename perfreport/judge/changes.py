"""The rows of a comparison: all endpoints measured first, then each judged among the others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from perfreport.judge.error_rows import error_row
from perfreport.judge.findings import Change
from perfreport.judge.quantile_rows import (
    QUANTILES,
    TimedEndpoint,
    Times,
    duration_figures,
    quantile_change,
    times_of,
)
from perfreport.judge.rows import Endpoint, Rule
from perfreport.judge.throughput_rows import throughput_change
from perfreport.stats.between_runs import RunSd, moving_together, run_sd


@dataclass(frozen=True)
class Changes:
    """All rows, in the order of the endpoints, and what they rest on.

    sds             the variation between runs at each percentile
    successes_only  endpoints of which only successful requests are timed
    blind_errors    endpoints with too few requests to show a rise of the error rate that matters
    """

    rows: tuple[Change, ...]
    sds: dict[str, RunSd]
    successes_only: tuple[str, ...]
    blind_errors: frozenset[str]


@dataclass(frozen=True)
class _Measured:
    """One endpoint: its percentiles still to be judged, the other rows as they are."""

    times: dict[str, Times]
    rest: tuple[Change, ...]
    successes_only: bool
    blind_errors: bool

    @property
    def name(self) -> str:
        return self.rest[0].name


def changes_of(endpoints: Iterable[Endpoint], baselines: int, rule: Rule) -> Changes:
    """P50, P95, P99, mean, error rate and throughput of each endpoint, baselines against run.

    endpoints  taken one after the other, so that no more than one needs to be in memory
    baselines  how many runs the baseline and its history are
    """
    measured = [_measure(endpoint, rule) for endpoint in endpoints]
    judged = {
        statistic: _judge([each.times[statistic] for each in measured], baselines, rule)
        for statistic in QUANTILES
    }
    rows = [
        row
        for at, each in enumerate(measured)
        for row in (*(judged[statistic][0][at] for statistic in QUANTILES), *each.rest)
    ]
    return Changes(
        tuple(rows),
        {statistic: sd for statistic, (_, sd) in judged.items()},
        tuple(each.name for each in measured if each.successes_only),
        frozenset(each.name for each in measured if each.blind_errors),
    )


def _measure(endpoint: Endpoint, rule: Rule) -> _Measured:
    errors = error_row(endpoint, rule)
    timed = TimedEndpoint.of(endpoint, errors.differs)
    times = {statistic: times_of(timed, statistic) for statistic in QUANTILES}
    rest = (_mean_change(timed), errors.change, throughput_change(endpoint, rule))
    return _Measured(times, rest, errors.differs, errors.blind)


def _mean_change(timed: TimedEndpoint) -> Change:
    """The mean is reported, not judged: one stuck request moves it as far as a slower release."""
    why = "reported, not judged" + (f"; {timed.note}" if timed.note else "")
    figures = duration_figures(timed.endpoint.name, "mean", timed.baselines, timed.run)
    return replace(figures, why=why)


def _judge(measured: Sequence[Times], baselines: int, rule: Rule) -> tuple[list[Change], RunSd]:
    """One percentile of all endpoints, and the variation between runs that it was judged with."""
    looks = [times.pooled for times in measured if times.pooled]
    histories = [look.baselines for look in looks]
    sd = run_sd(histories, rule.settings.run_to_run_sd, baselines)
    together = iter(moving_together([look.components for look in looks], sd.sd, rule.alpha))
    shifts = [next(together) if times.pooled else None for times in measured]
    rows = [
        quantile_change(times, sd, shift, rule)
        for times, shift in zip(measured, shifts, strict=True)
    ]
    return rows, sd
