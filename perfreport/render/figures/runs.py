"""One statistic over the runs of a series: a dot each with its whisker, and a line where it changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from perfreport.render.figures.axis import AxisTick
from perfreport.render.figures.scale import BOX, Scale, coordinate, finite, line, round_step

_LEAST_SPAN = 0.12  # of the largest value: what runs of one system differ by must look small
_REACH = 1.0  # what lies far off is drawn to so many heights of the rest, or it would flatten it
_DENSE_FROM = 60  # runs
_LETTER = 2.5  # percent of a plot's width that a letter takes on a phone
_LABEL_LETTERS = 14


@dataclass(frozen=True)
class RunPoint:
    """One run: its position in the series, the value, and two standard errors around it."""

    at: int
    value: float
    low: float
    high: float
    outlier: bool


@dataclass(frozen=True)
class Mark:
    """A change for good before the run at position `at`, and the means on both its sides."""

    at: int
    label: str
    css: str
    before: float
    after: float


@dataclass(frozen=True)
class MarkLine:
    """A vertical line; its label stands beside it, `raised` over another one, or is empty for lack of room."""

    css: str
    line: str
    at: str  # percent
    leftward: bool
    raised: bool
    label: str


@dataclass(frozen=True)
class RunsPlot:
    """Paths in a box of 1000 by 1000 and labels in percent of it."""

    description: str
    dense: bool  # so many runs that dots of the usual size would touch
    y_ticks: tuple[AxisTick, ...]
    grid: str
    first: str
    last: str
    whiskers: str
    line: str
    dots: str
    outliers: str
    levels: str
    marks: tuple[MarkLine, ...]


def runs_plot(
    points: Sequence[RunPoint],
    marks: Sequence[Mark],
    dates: Sequence[str],
    written: Callable[[float], str],
    description: str,
) -> RunsPlot | None:
    """The plot of at least two runs.

    dates    of all runs of the series, one for each position
    written  a value with its unit
    """
    if len(points) < 2 or len(dates) < 2:
        return None
    x = Scale(-0.5, len(dates) - 0.5)
    y = _value_scale(points)
    placed = [(x(point.at), _inside(y(point.value))) for point in points]
    usual = [place for place, point in zip(placed, points, strict=True) if not point.outlier]
    far = [place for place, point in zip(placed, points, strict=True) if point.outlier]
    ticks = _ticks(y)
    return RunsPlot(
        description=description,
        dense=len(dates) > _DENSE_FROM,
        y_ticks=tuple(AxisTick(y.percent(tick), written(tick)) for tick in ticks),
        grid="".join(f"M0 {coordinate(y(tick))}H1000" for tick in ticks),
        first=dates[0],
        last=dates[-1],
        whiskers="".join(_whisker(point, x, y) for point in points),
        line=line(list(usual)),
        dots=_dots(usual),
        outliers=_dots(far),
        levels=_levels(marks, points, x, y),
        marks=_mark_lines(marks, x),
    )


def _value_scale(points: Sequence[RunPoint]) -> Scale:
    """Upward, not from zero: small changes that stay are what the plot is for.

    Holds all usual runs, and of whiskers and far runs as much as leaves those readable.
    """
    usual = [point for point in points if not point.outlier] or list(points)
    low, high = min(point.value for point in usual), max(point.value for point in usual)
    lacking = _LEAST_SPAN * abs(high) - (high - low)
    if lacking > 0:
        low, high = low - lacking / 2, high + lacking / 2
    reach = _REACH * (high - low) or 1.0
    others = [bound for point in usual for bound in (point.low, point.high)]
    others += [point.value for point in points if point.outlier]
    bottom = max(low - reach, min([low, *finite(others)]))
    top = min(high + reach, max([high, *finite(others)]))
    pad = (top - bottom) * 0.06 or 1.0
    floor = 0.0 if low >= 0 else bottom - pad
    return Scale(max(floor, bottom - pad), top + pad, upward=True)


def _inside(place: float) -> float:
    return min(BOX, max(0.0, place))


def _ticks(y: Scale) -> list[float]:
    step = round_step((y.high - y.low) / 5)
    first, last = round(y.low / step) - 1, round(y.high / step) + 1
    ticks = [n * step for n in range(first, last + 1)]
    return [tick for tick in ticks if y.low <= tick <= y.high]


def _whisker(point: RunPoint, x: Scale, y: Scale) -> str:
    low, high = (_inside(y(bound)) for bound in (point.low, point.high))
    return f"M{coordinate(x(point.at))} {low:.0f}V{high:.0f}"


def _dots(places: Sequence[tuple[float, float]]) -> str:
    return "".join(f"M{coordinate(x)} {coordinate(y)}h.01" for x, y in places)


def _levels(marks: Sequence[Mark], points: Sequence[RunPoint], x: Scale, y: Scale) -> str:
    """The mean of each segment, from change to change."""
    if not marks:
        return ""
    starts = [points[0].at - 0.5, *(mark.at - 0.5 for mark in marks)]
    ends = [*starts[1:], points[-1].at + 0.5]
    values = [marks[0].before, *(mark.after for mark in marks)]
    return "".join(
        f"M{coordinate(x(start))} {coordinate(_inside(y(value)))}H{coordinate(x(end))}"
        for start, end, value in zip(starts, ends, values, strict=True)
    )


def _mark_lines(marks: Sequence[Mark], x: Scale) -> tuple[MarkLine, ...]:
    """A label is written where it covers no other, in one of two rows."""
    lines: list[MarkLine] = []
    free = [0.0, 0.0]  # percent from which on there is room, in the lower and in the upper row
    for mark in marks:
        at = x(mark.at - 0.5) / 10
        width = _LETTER * (len(mark.label) + 1)
        leftward = at + width > 100
        begin, end = (at - width, at) if leftward else (at, at + width)
        row = next((row for row in (0, 1) if begin >= free[row]), None)
        fits = row is not None and len(mark.label) <= _LABEL_LETTERS
        if row is not None and fits:
            free[row] = end
        lines.append(
            MarkLine(
                css=mark.css,
                line=f"M{coordinate(at * 10)} 0V1000",
                at=coordinate(at),
                leftward=leftward,
                raised=row == 1,
                label=mark.label if fits else "",
            )
        )
    return tuple(lines)
