"""The interval plot: changes with their intervals, beside a band too small to matter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from perfreport.render.figures.axis import AxisTick, change_ticks
from perfreport.render.figures.scale import Scale, coordinate

_WIDEST = 1.0  # changes beyond +-100 % are cut at the edge of the plot
_NARROWEST = 0.12


@dataclass(frozen=True)
class IntervalAxis:
    """Shared by all rows of a table, in a box of 1000 by 100."""

    ticks: tuple[AxisTick, ...]
    zero: str
    band_x: str
    band_width: str


@dataclass(frozen=True)
class IntervalMark:
    """One row: a line from bound to bound and a dot at the estimate."""

    css: str
    interval: str
    dot: str
    cut: str  # path of an arrow where the plot ends before the interval does


def interval_scale(bounds: Sequence[float], band: float) -> Scale:
    """A scale that holds all bounds (as far as +-100 %) and the band, rounded outwards."""
    low = max(-_WIDEST, min([*bounds, -band * 1.5, -_NARROWEST]))
    high = min(_WIDEST, max([*bounds, band * 1.5, _NARROWEST]))
    pad = (high - low) * 0.04
    return Scale(low - pad, high + pad)


def interval_axis(scale: Scale, band: float) -> IntervalAxis:
    """The axis of a scale: ticks in round percents, the band of changes that do not matter."""
    return IntervalAxis(
        ticks=change_ticks(scale, 6),
        zero=coordinate(scale(0)),
        band_x=coordinate(scale(-band)),
        band_width=coordinate(scale(band) - scale(-band)),
    )


def interval_mark(
    scale: Scale, css: str, change: float, low: float | None, high: float | None
) -> IntervalMark:
    """The mark of one row; what lies outside the scale is cut at its edge."""
    left, right = scale(change if low is None else low), scale(change if high is None else high)
    inside = max(0.0, left), min(1000.0, right)
    return IntervalMark(
        css=css,
        interval=f"M{coordinate(inside[0])} 50H{coordinate(inside[1])}",
        dot=f"M{coordinate(min(1000.0, max(0.0, scale(change))))} 50h.01",
        cut=("M992 20L1000 50L992 80" if right > 1000 else "")
        + ("M8 20L0 50L8 80" if left < 0 else ""),
    )
