"""Everything that a readiness report is made from: tables and findings, nothing formatted yet."""

from __future__ import annotations

from dataclasses import dataclass, field

from perfreport.judge.findings import Check, Comparison, Trend
from perfreport.run.info import RunInfo
from perfreport.sla.model import Pack
from perfreport.stats.window import Window
from perfreport.tables import (
    CheckRow,
    EndpointBin,
    EndpointRow,
    ErrorRow,
    MetricRow,
    SeriesPoint,
    TimelineRow,
    TotalRow,
)


@dataclass(frozen=True)
class Summary:
    """One window of one run, measured and not judged."""

    run: RunInfo
    window: Window
    by: str  # what splits an endpoint further: name (nothing), scenario, group, source, status
    total: TotalRow
    endpoints: tuple[EndpointRow, ...]
    checks: tuple[CheckRow, ...]
    metrics: tuple[MetricRow, ...]


@dataclass(frozen=True)
class RunEvidence:
    """One run with its tables; times `at_s` count from `whole.start`."""

    name: str  # of the run file
    info: RunInfo
    whole: Window  # all of the run
    window: Window  # the judged part
    bin_s: float  # width of the timeline's bins
    total: TotalRow  # of the judged window
    total_all: TotalRow  # of the whole run
    endpoints: tuple[EndpointRow, ...]  # requests and transactions, judged window
    endpoints_all: tuple[EndpointRow, ...]  # the same, whole run
    checks: tuple[CheckRow, ...]
    timeline: tuple[TimelineRow, ...]  # whole run
    endpoint_bins: tuple[EndpointBin, ...]  # whole run
    errors: tuple[ErrorRow, ...]  # judged window
    series: tuple[SeriesPoint, ...]  # whole run, at most some hundred points a series
    trends: tuple[Trend, ...] = ()
    baseline: str | None = None  # name of the baseline run, if one was paired with this run
    comparison: Comparison | None = None


@dataclass(frozen=True)
class Readiness:
    """A pack, its check, and the evidence of each run."""

    pack: Pack
    check: Check
    runs: tuple[RunEvidence, ...] = field(default=())
