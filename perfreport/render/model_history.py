"""What a template may see of a history: frozen, and every text ready to be placed."""

from __future__ import annotations

from dataclasses import dataclass

from perfreport.render.figures.runs import RunsPlot
from perfreport.render.model_parts import Badge


@dataclass(frozen=True)
class ChangedRow:
    """One statistic that changed for good."""

    name: str
    place: str  # id of the endpoint's figures; empty if the page has none
    statistic: str
    text: str  # size, both values, interval


@dataclass(frozen=True)
class ShiftRow:
    """All that changed at one run."""

    badge: Badge
    title: str
    changes: tuple[ChangedRow, ...]
    left_out: str


@dataclass(frozen=True)
class StatisticFigure:
    """One plot with its caption."""

    caption: str
    plot: RunsPlot


@dataclass(frozen=True)
class EndpointFigures:
    """The small multiples of one endpoint."""

    id: str
    name: str
    badge: Badge
    latest: str
    opened: bool
    figures: tuple[StatisticFigure, ...]


@dataclass(frozen=True)
class HistoryRun:
    """One run; what it is told against the pinned one is empty without one."""

    name: str
    release: str
    start: str
    requests: str
    p50: str
    p95: str
    errors: str
    p50_against: str
    p95_against: str
    worst: str
    notes: tuple[Badge, ...]
    labels: str
    exact: str


@dataclass(frozen=True)
class HistorySeries:
    """Runs of one test at one load."""

    id: str
    title: str
    sub: str
    pinned: str
    steady: str  # what is said where nothing changed
    shifts: tuple[ShiftRow, ...]
    outliers: tuple[str, ...]
    outliers_left_out: str
    endpoints: tuple[EndpointFigures, ...]
    endpoints_left_out: str
    runs: tuple[HistoryRun, ...]
    runs_left_out: str


@dataclass(frozen=True)
class ApartRow:
    """What belongs to no series, and why."""

    name: str
    why: str


@dataclass(frozen=True)
class HistoryPage:
    """The page of a history."""

    title: str
    kicker: tuple[str, ...]
    heading: str
    why: tuple[str, ...]
    series: tuple[HistorySeries, ...]
    apart: tuple[ApartRow, ...]
    apart_left_out: str
    print_foot: str
    foot: str
