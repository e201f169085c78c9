"""Small figures in a table's row: a line with its limit, or bars of failures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from perfreport.render.figures.scale import BOX, Scale, coordinate, finite, line


@dataclass(frozen=True)
class Sparkline:
    """Paths in a box of 1000 by 1000; an empty path is not drawn."""

    line: str
    bars: str
    limit: str


def spark_line(
    points: Sequence[tuple[float, float | None]], span_s: float, limit: float | None = None
) -> Sparkline | None:
    """Values over the run, from zero; the limit as a line if it is near enough to be seen."""
    values = finite(value for _, value in points)
    if len(values) < 2 or span_s <= 0:
        return None
    top = max(values) * 1.08 or 1.0
    near = limit if limit is not None and limit <= 2.5 * max(values) else None
    x, y = Scale(0, span_s), Scale(min(0.0, *values), max(top, (near or 0) * 1.08), upward=True)
    path = line([(x(at), None if v is None else y(v)) for at, v in points])
    return Sparkline(path, "", "" if near is None else f"M0 {coordinate(y(near))}H1000")


def spark_bars(
    points: Sequence[tuple[float, float]], span_s: float, bin_s: float
) -> Sparkline | None:
    """One bar for each bin with a value above zero."""
    highest = max((value for _, value in points), default=0)
    if not highest or span_s <= 0:
        return None
    width = coordinate(max(6.0, 0.8 * BOX * bin_s / span_s))
    x = Scale(0, span_s)
    bars = "".join(
        f"M{coordinate(x(at))} 1000v-{coordinate(BOX * value / highest)}h{width}V1000z"
        for at, value in points
        if value > 0
    )
    return Sparkline("", bars, "")
