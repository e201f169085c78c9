"""The change over time: one bar for each part of the judged window, from zero."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from perfreport.judge.findings import PeriodChange
from perfreport.render.figures.axis import AxisTick, change_ticks
from perfreport.render.figures.scale import Scale, coordinate, finite
from perfreport.render.figures.timeline import TimeTick, time_ticks

_GAP = 0.12  # of a bar's width, between two bars


@dataclass(frozen=True)
class PeriodPlot:
    """Paths in a box of 1000 by 1000 and labels in percent of it."""

    description: str
    time_ticks: tuple[TimeTick, ...]
    y_ticks: tuple[AxisTick, ...]
    zero: str
    band_y: str
    band_height: str
    bars: str


def period_plot(
    periods: Sequence[PeriodChange], band: float, description: str
) -> PeriodPlot | None:
    """The plot; None where no period has a change."""
    changes = finite(period.change for period in periods)
    end_s = max((period.to_s for period in periods), default=0.0)
    if not changes or not end_s > 0:
        return None
    x = Scale(0, end_s)
    y = Scale(min([*changes, -1.5 * band]), max([*changes, 1.5 * band]), upward=True)
    return PeriodPlot(
        description,
        time_ticks(end_s),
        change_ticks(y, 3),
        f"M0 {coordinate(y(0))}H1000",
        coordinate(y(band)),
        coordinate(y(-band) - y(band)),
        "".join(_bar(period, x, y) for period in periods if finite([period.change])),
    )


def _bar(period: PeriodChange, x: Scale, y: Scale) -> str:
    left, right = x(period.from_s), x(period.to_s)
    gap = (right - left) * _GAP
    height = y(period.change or 0.0) - y(0)
    # A bar of no height would say that the period has no data.
    height = height if abs(height) >= 8 else 8.0 if height > 0 else -8.0
    return (
        f"M{coordinate(left + gap / 2)} {coordinate(y(0))}v{coordinate(height)}"
        f"h{coordinate(right - left - gap)}V{coordinate(y(0))}z"
    )
