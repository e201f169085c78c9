"""What a template may see of a comparison: frozen, and every text ready to be placed."""

from __future__ import annotations

from dataclasses import dataclass

from perfreport.render.figures.interval import IntervalAxis, IntervalMark
from perfreport.render.figures.periods import PeriodPlot
from perfreport.render.figures.shift import ShiftPlot
from perfreport.render.model_parts import Badge


@dataclass(frozen=True)
class ComparedRow:
    """One endpoint and statistic, baseline against run."""

    name: str
    statistic: str
    baseline: str
    run: str
    change: str
    interval: str
    mark: IntervalMark | None
    badge: Badge
    why: str
    place: str  # id of the place that shows where; empty if none does


@dataclass(frozen=True)
class QuantileRow:
    """The numbers behind one point of a shift plot."""

    quantile: str
    baseline: str
    run: str
    change: str
    interval: str


@dataclass(frozen=True)
class PhaseRow:
    """Mean time in one phase on both sides; widths are percent of the longest."""

    phase: str
    baseline: str
    run: str
    change: str
    baseline_width: str
    run_width: str


@dataclass(frozen=True)
class NewFailureRow:
    """A way to fail that the baseline does not know."""

    status: str
    message: str
    count: str
    share: str


@dataclass(frozen=True)
class PlaceFigure:
    """Where in one endpoint the runs differ."""

    id: str
    name: str
    badge: Badge
    changes: str  # what moved, in numbers
    why: str
    sure: str  # p and the smallest change that would have been seen, of what moved
    needs: str  # what would decide what is undecided
    opened: bool
    shift: ShiftPlot | None
    quantiles: tuple[QuantileRow, ...]
    periods: PeriodPlot | None
    phases: tuple[PhaseRow, ...]
    failures: tuple[NewFailureRow, ...]


@dataclass(frozen=True)
class Compared:
    """A run against its baseline."""

    title: str
    sub: str
    why: str
    doubts: tuple[str, ...]
    baseline: str
    run: str
    axis: IntervalAxis | None
    rows: tuple[ComparedRow, ...]
    more: tuple[ComparedRow, ...]
    more_label: str
    left_out: str  # how many rows the page does not hold
    places: tuple[PlaceFigure, ...]
    places_left_out: str


@dataclass(frozen=True)
class TestedRow:
    """One run of a comparison."""

    role: str
    name: str
    system: str
    environment: str
    tool: str
    window: str
    requests: str
    exact: str


@dataclass(frozen=True)
class ComparisonSection:
    """The part of a page that compares, with the prefix of its anchors."""

    id: str
    compared: Compared


@dataclass(frozen=True)
class ComparisonPage:
    """A page of its own for one comparison."""

    title: str
    kicker: tuple[str, ...]
    verdict: Badge
    why: str
    doubts: tuple[str, ...]
    runs: tuple[TestedRow, ...]
    runs_notes: tuple[str, ...]
    section: ComparisonSection
    print_foot: str
    foot: str
