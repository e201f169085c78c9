"""What was measured of a run, for its objectives, and the one value that each of them looks at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from perfreport import units
from perfreport.judge.findings import Trend
from perfreport.judge.subjects import About, Objective
from perfreport.run.info import RunInfo
from perfreport.sla.grammar import PERCENTILES, Limit
from perfreport.sla.model import Pack, Series
from perfreport.stats.intervals import Interval, error_rate_interval, percentile_interval
from perfreport.stats.sketch import Sketch
from perfreport.tables import OutcomeRow, SeriesRow, SubjectRow, UsersRow


@dataclass(frozen=True, eq=False)
class Measured:
    """The answers that judging one run needs, by `Objective.key`; perfreport/assess.py asks for them."""

    run: str  # name of the run file
    info: RunInfo
    pack: Pack
    seconds: float  # of the judged window
    subjects: Mapping[str, SubjectRow] = field(default_factory=dict)
    outcomes: Mapping[str, tuple[OutcomeRow, ...]] = field(default_factory=dict)
    users: Mapping[str, UsersRow] = field(default_factory=dict)
    sketches: Mapping[str, Sketch] = field(default_factory=dict)  # of the judged window
    series: tuple[SeriesRow, ...] = ()
    trends: tuple[Trend, ...] = ()
    condensed: bool = False  # no rows: pools are known by their endpoints alone, series not at all


@dataclass(frozen=True)
class Observed:
    """What an objective looks at: a value in `unit`, or the reason why there is none."""

    value: float | None
    unit: str
    samples: int | None = None
    interval: Interval | None = None
    why: str = ""  # no data: the reason; else what people should know about the value


def observe(objective: Objective, measured: Measured) -> Observed:
    """The value of an objective in a run, in the unit of its limit."""
    limit = objective.limit
    assert limit is not None  # manual objectives have nothing to observe
    if objective.about is About.SERIES:
        return _of_series(limit, measured)
    if objective.about is About.USERS:
        return _of_users(limit, measured.users.get(objective.key))
    row = measured.subjects.get(objective.key)
    if row is None or not row.count:
        return Observed(None, limit.unit, 0, why=_absent(objective, measured))
    if objective.about is About.CHECKS or limit.statistic == "error_rate":
        return _of_outcomes(objective, limit, row, measured.sketches.get(objective.key))
    if limit.statistic == "count":
        return _of_count(limit, row, measured.outcomes.get(objective.key, ()))
    if limit.statistic == "rate":
        return _of_rate(limit, row, measured.seconds)
    return _of_times(limit, row, measured.sketches.get(objective.key))


def _absent(objective: Objective, measured: Measured) -> str:
    if measured.condensed:
        return (
            "a condensed run knows its endpoints as a whole, and these requests are none or a part"
        )
    if objective.about is About.CHECKS:
        return "the run holds no checks"
    if objective.names is None:
        return "the run holds no request of this scenario in the judged window"
    return f"no request in the judged window is called {_either(objective.names)}"


def _either(names: Iterable[str]) -> str:
    listed = sorted(names)
    shown = ", ".join(listed[:3]) + (f" or {len(listed) - 3} other names" if listed[3:] else "")
    return " or ".join(shown.rsplit(", ", 1)) if not listed[3:] else shown


def _of_times(limit: Limit, row: SubjectRow, sketch: Sketch | None) -> Observed:
    value = getattr(row, f"{limit.statistic}_ms")
    if value is None:
        return Observed(None, "ms", row.count, why="the tool recorded no durations")
    q = PERCENTILES.get(limit.statistic)
    interval = percentile_interval(sketch, q, estimate=value) if sketch and q else None
    return Observed(value, "ms", row.count, interval)


def _of_outcomes(
    objective: Objective, limit: Limit, row: SubjectRow, sketch: Sketch | None
) -> Observed:
    """The share that failed; of checks, the share that passed."""
    if row.error_rate is None:
        return Observed(None, "1", row.count, why="the tool did not say which requests failed")
    if objective.about is About.CHECKS:
        return Observed(1 - row.error_rate, "1", row.count)
    interval = error_rate_interval(sketch, estimate=row.error_rate) if sketch else None
    return Observed(row.error_rate, limit.unit, row.count, interval)


def _of_count(limit: Limit, row: SubjectRow, outcomes: tuple[OutcomeRow, ...]) -> Observed:
    condition = limit.condition
    if condition is None:
        return Observed(float(row.count), "", row.count)
    known = [
        outcome
        for outcome in outcomes
        if (outcome.status if condition.what == "status" else outcome.ok) is not None
    ]
    if not known:
        lacking = "status codes" if condition.what == "status" else "which requests failed"
        return Observed(None, "", row.count, why=f"the tool did not record {lacking}")
    counted = sum(each.count for each in known if condition.holds(each.status, each.ok))
    return Observed(float(counted), "", row.count)


def _of_rate(limit: Limit, row: SubjectRow, seconds: float) -> Observed:
    """Successful requests in the limit's time."""
    if seconds <= 0:
        return Observed(None, limit.unit, row.count, why="the judged window is empty")
    per_s = (row.count - row.errors) / seconds
    return Observed(per_s / units.PER_SECOND[limit.unit], limit.unit, row.count)


def _of_users(limit: Limit, row: UsersRow | None) -> Observed:
    if row is None:
        return Observed(None, limit.unit, why="the tool did not record active users")
    span = f"{units.number(row.min)} to {units.number(row.max)} over the judged window"
    return Observed(row.median, limit.unit, row.seconds, why=span)


def _of_series(limit: Limit, measured: Measured) -> Observed:
    """The worst of a series' lines: each topic or pool has to keep the limit."""
    assert limit.series is not None
    spec = measured.pack.series_named(limit.series)
    names = spec.names if spec else (limit.series,)
    if limit.statistic == "slope":
        return _of_trends(limit, spec, [t for t in measured.trends if t.name in names], measured)
    rows = [row for row in measured.series if row.name in names]
    lines = [(row, getattr(row, limit.statistic)) for row in rows]
    found = [(row, value) for row, value in lines if value is not None]
    if not found:
        holds = "a condensed run holds" if measured.condensed else "the run holds"
        return Observed(None, limit.unit, 0, why=f"{holds} no series {_either(names)}")
    row, value = (max if limit.upper else min)(found, key=lambda line: line[1])
    return _in_unit(limit, spec, row, value, _line(spec, row.labels, len(found)), measured)


def _in_unit(
    limit: Limit, spec: Series | None, row: SeriesRow, value: float, why: str, measured: Measured
) -> Observed:
    """The value in the limit's unit: as it is, scaled, or as a share of the capacity."""
    unit = (spec.unit if spec else None) or row.unit
    scaled, canonical = units.canonical(value, unit)
    if limit.unit == "" or limit.relative:
        plain = unit if unit != "1" or limit.relative else ""  # a count written as one, not a share
        return Observed(value, plain or "", row.count, why=why)
    if limit.unit == canonical:
        return Observed(scaled, canonical, row.count, why=why)
    capacity = _capacity(spec, measured) if spec and limit.unit == "1" else None
    if capacity is None:
        return Observed(None, limit.unit, row.count, why=_no_capacity(spec))
    return Observed(value / capacity, "1", row.count, why=why)


def _of_trends(
    limit: Limit, spec: Series | None, trends: list[Trend], measured: Measured
) -> Observed:
    steep = [(trend, trend.slope_per_h) for trend in trends if trend.slope_per_h is not None]
    if not steep:
        why = trends[0].why if trends else f"the run holds no trend of {limit.series}"
        return Observed(None, limit.unit, 0, why=why)
    trend, slope = (max if limit.upper else min)(steep, key=lambda line: line[1])
    scale = 1.0
    if limit.unit == "/h of limit":
        capacity = trend.limit or (_capacity(spec, measured) if spec else None)
        if capacity is None:
            return Observed(None, limit.unit, 0, why=_no_capacity(spec))
        scale = capacity
    low, high = (
        None if bound is None else bound / scale for bound in (trend.slope_low, trend.slope_high)
    )
    why = ", ".join(filter(None, [str(trend.verdict), _line(spec, trend.labels, len(steep))]))
    return Observed(slope / scale, limit.unit, interval=Interval(low, high), why=why)


def _line(spec: Series | None, labels: Mapping[str, str], lines: int) -> str:
    """Which of several lines is meant: by the label that tells them apart, if the pack names it."""
    if lines < 2:
        return ""
    if spec and spec.per and spec.per in labels:
        return f"worst of {lines}: {labels[spec.per]}"
    shown = ", ".join(f"{name}={value}" for name, value in sorted(labels.items()))
    return f"worst of {lines}: {shown}"


def _capacity(spec: Series, measured: Measured) -> float | None:
    largest = [(row.name, row.max) for row in measured.series if row.max is not None]
    return measured.pack.capacity_of(spec, largest)


def _no_capacity(spec: Series | None) -> str:
    said = f": {spec.capacity} is not in the run" if spec and spec.capacity else ""
    return f"the capacity is not known{said}"
