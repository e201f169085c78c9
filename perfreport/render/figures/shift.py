"""The shift plot: by how much each percentile moved, with its interval, beside a band that matters little.

The axis of the percentiles is that of a normal distribution: the tail, in which releases differ most,
has as much room as the middle. See Rousselet, Pernet and Wilcox 2017 on shift functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

from perfreport.judge.findings import ShiftPoint
from perfreport.render.figures.axis import AxisTick, change_ticks
from perfreport.render.figures.scale import BOX, Scale, coordinate, finite, line

_TICKS = (0.05, 0.25, 0.50, 0.75, 0.95, 0.99)
_REACH = 2.0  # an interval is drawn to this multiple of the largest change, or a wide one hides all


@dataclass(frozen=True)
class ShiftPlot:
    """Paths in a box of 1000 by 1000 and labels in percent of it."""

    description: str
    x_ticks: tuple[AxisTick, ...]
    y_ticks: tuple[AxisTick, ...]
    grid: str
    zero: str
    band_y: str
    band_height: str
    ribbon: str
    line: str


def shift_plot(points: Sequence[ShiftPoint], band: float, description: str) -> ShiftPlot | None:
    """The plot of at least two quantiles; None where there are fewer."""
    inside = sorted((point for point in points if 0 < point.q < 1), key=lambda point: point.q)
    if len({point.q for point in inside}) < 2:
        return None
    x = Scale(_normal(inside[0].q), _normal(inside[-1].q))
    y = _change_scale(inside, band)
    ticks = [q for q in _TICKS if inside[0].q - 1e-9 <= q <= inside[-1].q + 1e-9]
    return ShiftPlot(
        description,
        tuple(AxisTick(x.percent(_normal(q)), f"P{q * 100:g}") for q in ticks),
        change_ticks(y, 4),
        "".join(f"M{coordinate(x(_normal(q)))} 0V1000" for q in ticks),
        f"M0 {coordinate(y(0))}H1000",
        coordinate(y(band)),
        coordinate(y(-band) - y(band)),
        _ribbon(inside, x, y),
        line([(x(_normal(point.q)), y(point.change)) for point in inside]),
    )


def _normal(q: float) -> float:
    return NormalDist().inv_cdf(q)


def _change_scale(points: Sequence[ShiftPoint], band: float) -> Scale:
    """Upward; holds every change, the band, and as much of the intervals as leaves those readable."""
    changes = finite(point.change for point in points)
    most = _REACH * max([abs(change) for change in changes] + [2 * band])
    bounds = [max(-most, min(most, b)) for p in points for b in finite((p.low, p.high))]
    low, high = min([*changes, *bounds, -1.5 * band]), max([*changes, *bounds, 1.5 * band])
    pad = (high - low) * 0.04 or 0.01
    return Scale(low - pad, high + pad, upward=True)


def _ribbon(points: Sequence[ShiftPoint], x: Scale, y: Scale) -> str:
    """The intervals as areas, one for each stretch of neighbours that have one."""
    stretches: list[list[tuple[float, float, float]]] = [[]]
    for point in points:
        if len(bounds := finite((point.low, point.high))) == 2:
            low, high = (min(BOX, max(0.0, y(bound))) for bound in bounds)
            stretches[-1].append((x(_normal(point.q)), low, high))
        elif stretches[-1]:
            stretches.append([])
    return "".join(_area(stretch) for stretch in stretches if len(stretch) > 1)


def _area(stretch: Sequence[tuple[float, float, float]]) -> str:
    above = [f"{coordinate(x)} {coordinate(high)}" for x, _, high in stretch]
    below = [f"{coordinate(x)} {coordinate(low)}" for x, low, _ in reversed(stretch)]
    return f"M{'L'.join(above + below)}z"
