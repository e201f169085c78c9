"""Measures a run: asks it every question that a judge or a renderer needs answered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa

from perfreport.errors import RunError
from perfreport.judge.evidence import RunEvidence, Summary
from perfreport.judge.findings import Comparison, Trend
from perfreport.judge.soak import trend
from perfreport.query import ask, rows
from perfreport.run.info import RunInfo, TestType
from perfreport.run.schema import REQUEST, TRANSACTION
from perfreport.run.store import Run
from perfreport.sla.model import Pack
from perfreport.stats.sketch import Sketch, cell_seconds, endpoint_sketches, read_sketches
from perfreport.stats.window import Samples, Window, parse_window, steady_window, whole_window
from perfreport.tables import (
    CheckRow,
    EndpointBin,
    EndpointRow,
    ErrorRow,
    MetricRow,
    SeriesPoint,
    Stats,
    TimelineRow,
    TotalRow,
)

# Apdex of JMeter's dashboard: satisfied to 500 ms, tolerated to 1,500 ms.
APDEX: dict[str, Any] = {"satisfied_ms": 500.0, "tolerated_ms": 1500.0}
_BINS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)
_MOST_BINS = 240  # a bin stays wider than a pixel or two on a phone
Row = TypeVar("Row", EndpointRow, TotalRow)
_WHOLE_RUN_TESTS = (TestType.STRESS, TestType.SPIKE)


def whole(run: Run) -> Window:
    """All of a run. Raises RunError for a run without a single time stamp."""
    if run.info.start is None or run.info.end is None:
        raise RunError(f"{run.path}: the run has no rows. Ingest the inputs again.")
    return whole_window(run.info.start, run.info.end)


def judged_window(run: Run, choice: str = "steady", pack: Pack | None = None) -> Window:
    """The window of a written choice: steady, all, or FROM..TO.

    Stress and spike tests are judged over all of the run: their ramps are the test.
    """
    span = whole(run)
    given = parse_window(choice, span.start, span.end)
    if isinstance(given, Window):
        return given
    return span if given == "all" else steady(run.info, span, lambda: load(run, span), pack)


def steady(
    info: RunInfo, span: Window, load: Callable[[], pa.Table], pack: Pack | None = None
) -> Window:
    """The steady part of a run of which `load` gives the answer of `sql/load.sql`."""
    if info.test_type in _WHOLE_RUN_TESTS:
        return span
    stages = pack.window_stages(info.scenario, info.test_type) if pack else ()
    users, requests = load_samples(load())
    return steady_window(span.start, span.end, stages=stages, users=users, requests=requests)


def load(run: Run, span: Window) -> pa.Table:
    """Active users and begun requests, second by second."""
    return ask(run, "load", users_by_second(run, span), **bounds_of(span))


def load_samples(load: pa.Table) -> tuple[Samples, Samples]:
    """Users where they are known, and requests, each with its second."""
    at_s, users, requests = (load[name].to_numpy().astype(np.float64) for name in load.column_names)
    return (at_s[~np.isnan(users)], users[~np.isnan(users)]), (at_s, requests)


def users_by_second(run: Run, window: Window) -> dict[str, pa.Table]:
    """Active users of each load generator, as the table `users` that other questions read."""
    return {"users": ask(run, "users", **bounds_of(window))}


def summary(run: Run, window: Window, by: str = "name", only: str = "all") -> Summary:
    """Count, errors, throughput and exact percentiles of one window."""
    total, endpoints = statistics(run, window, by, only)
    bounds = bounds_of(window)
    return Summary(
        run=run.info,
        window=window,
        by=by,
        total=total,
        endpoints=endpoints,
        checks=tuple(rows(run, "checks", CheckRow, **bounds)),
        metrics=tuple(rows(run, "metrics", MetricRow, **bounds)),
    )


def statistics(
    run: Run, window: Window, by: str = "name", only: str = "all"
) -> tuple[TotalRow, tuple[EndpointRow, ...]]:
    """All requests together, and each endpoint, busiest first."""
    answer = ask(run, "endpoints", by=by, only=only, **bounds_of(window), **APDEX).to_pylist()
    endpoints = tuple(_as(EndpointRow, row) for row in answer if row["level"] == "endpoint")
    return _total(answer, main_kind(run)), endpoints


def _total(answer: list[dict[str, Any]], kind: str) -> TotalRow:
    """Requests alone, or the outermost transactions of a run without requests."""
    level = "kind" if kind == REQUEST else "outermost"
    for row in answer:
        if row["level"] == level and row["kind"] == kind and row["outermost"] is not False:
            return _as(TotalRow, row)
    nothing = {field.name: None for field in fields(Stats)} | {"count": 0, "errors": 0}
    return _as(TotalRow, nothing | {"kind": None})


def sketches(run: Run) -> dict[str, Sketch]:
    """The sketch of each endpoint over the whole run, on which intervals rest."""
    span = whole(run)
    cell_s = cell_seconds(span.seconds)
    answer = ask(run, "sketch", cell_s=cell_s, **bounds_of(span))
    return endpoint_sketches(read_sketches(answer, span.seconds, cell_s))


def trends(run: Run, pack: Pack) -> tuple[Trend, ...]:
    """Every series of the pack that the run holds, and every other gauge, over the whole run.

    Counters and sawtooth shapes are known only from the pack. A series that is the capacity of
    another is its limit, not a trend.
    """
    values = points(run, _judgeable(run, pack))
    recorded = [(point.name, point.value) for point in values]
    by_series: dict[tuple[str, tuple[tuple[str, str], ...]], list[SeriesPoint]] = {}
    for point in values:
        if point.name in pack.limit_names:
            continue
        key = (point.name, tuple(sorted(point.labels.items())))
        by_series.setdefault(key, []).append(point)
    return tuple(_trend(found, pack, recorded) for found in by_series.values())


def _trend(found: list[SeriesPoint], pack: Pack, recorded: Sequence[tuple[str, float]]) -> Trend:
    spec = pack.series_named(found[0].name)
    return trend(
        np.array([point.at_s for point in found]),
        np.array([point.value for point in found]),
        name=found[0].name,
        labels=found[0].labels,
        unit=(spec.unit if spec else None) or found[0].unit,
        shape=spec.shape if spec else "gauge",
        direction=spec.direction if spec else "up",
        limit=pack.capacity_of(spec, recorded) if spec else None,
    )


def timeline(run: Run, bin_s: float) -> tuple[TimelineRow, ...]:
    """Users, requests, errors and percentiles over the whole run."""
    parameters = _binned(run, bin_s) | {"kind": main_kind(run)}
    users = users_by_second(run, whole(run))
    return tuple(rows(run, "timeline", TimelineRow, tables=users, **parameters))


def endpoint_timeline(run: Run, bin_s: float) -> tuple[EndpointBin, ...]:
    """Requests, errors and P95 of each endpoint over the whole run."""
    parameters = _binned(run, bin_s) | {"kind": main_kind(run)}
    return tuple(rows(run, "endpoint_timeline", EndpointBin, **parameters))


def errors(run: Run, window: Window) -> tuple[ErrorRow, ...]:
    """What failed in the window, most frequent first."""
    return tuple(rows(run, "errors", ErrorRow, kind=main_kind(run), **bounds_of(window)))


def series(run: Run, names: list[str], bin_s: float) -> tuple[SeriesPoint, ...]:
    """The metrics of these names over the whole run, a mean per bin."""
    return tuple(rows(run, "series", SeriesPoint, names=names, **_binned(run, bin_s)))


def points(run: Run, names: list[str]) -> tuple[SeriesPoint, ...]:
    """Every value of the metrics of these names over the whole run."""
    return tuple(rows(run, "points", SeriesPoint, names=names, **bounds_of(whole(run))))


def evidence(
    run: Run, pack: Pack, baseline: str | None = None, comparison: Comparison | None = None
) -> RunEvidence:
    """Everything that the report shows of one run."""
    span, window, bin_s = whole(run), judged_window(run, pack=pack), bin_width(run)
    total, endpoints = statistics(run, window)
    total_all, endpoints_all = statistics(run, span)
    return RunEvidence(
        name=run.name,
        info=run.info,
        whole=span,
        window=window,
        bin_s=bin_s,
        total=total,
        total_all=total_all,
        endpoints=endpoints,
        endpoints_all=endpoints_all,
        checks=tuple(rows(run, "checks", CheckRow, **bounds_of(window))),
        timeline=timeline(run, bin_s),
        endpoint_bins=endpoint_timeline(run, bin_s),
        errors=errors(run, window),
        series=series(run, _judgeable(run, pack), bin_s),
        trends=trends(run, pack) if run.info.test_type is TestType.SOAK else (),
        baseline=baseline,
        comparison=comparison,
    )


def _judgeable(run: Run, pack: Pack) -> list[str]:
    """The metrics of a run that show the state of a system: servers' gauges, and what the pack names.

    A counter grows, and what a load generator counts of itself (`vus_max`) is no server's state.
    """
    of_servers = ask(run, "server_metrics")["name"].to_pylist()
    known = run.info.metrics
    gauges = {name for name in of_servers if name in known and known[name].type == "gauge"}
    return sorted(gauges | {name for name in known if pack.series_named(name)})


def main_kind(run: Run) -> str:
    """`request`, or `transaction` where a run has no requests."""
    kinds = ask(run, "kinds")["kind"].to_pylist()
    return TRANSACTION if TRANSACTION in kinds and REQUEST not in kinds else REQUEST


def bin_width(run: Run) -> float:
    """Seconds of a timeline bin: the smallest round width that gives at most 240 bins."""
    seconds = whole(run).seconds
    return next((width for width in _BINS if seconds / width <= _MOST_BINS), seconds / _MOST_BINS)


def bounds_of(window: Window) -> dict[str, Any]:
    """A window as the parameters $start and $end."""
    return {"start": window.start, "end": window.end}


def _binned(run: Run, bin_s: float) -> dict[str, Any]:
    return {**bounds_of(whole(run)), "bin_s": float(bin_s)}


def _as(row_type: type[Row], row: dict[str, Any]) -> Row:
    return row_type(**{name: row[name] for name in [field.name for field in fields(row_type)]})
