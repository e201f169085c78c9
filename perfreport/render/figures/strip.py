"""The SLA strip: for each request, P95 of each interval as a share of its limit.

Height carries the meaning, so that the strip reads without colour: a bar through the line fails.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from perfreport.render.figures.scale import coordinate
from perfreport.render.figures.timeline import TimeTick

LINE_Y = 333  # the limit; the box ends at 1.5 times the limit


@dataclass(frozen=True)
class Bar:
    """P95 of one interval: from `start`, `width` wide (0..1 of the axis), share of the limit."""

    css: str
    pale: bool  # outside the judged window
    start: float
    width: float
    share: float


@dataclass(frozen=True)
class Fill:
    """All bars of one look as one path in a box of 1000 by 1000."""

    css: str
    pale: bool
    path: str


@dataclass(frozen=True)
class StripRow:
    """A request with its bars and what they amount to."""

    name: str
    limit: str
    css: str
    icon: str
    result: str
    fills: tuple[Fill, ...]


@dataclass(frozen=True)
class Strip:
    """The rows of a run on the timeline's axis."""

    id: str
    title: str
    sub: str
    time_ticks: tuple[TimeTick, ...]
    rows: tuple[StripRow, ...]
    more: str


def fills(bars: Iterable[Bar]) -> tuple[Fill, ...]:
    """The bars drawn, as one path for each look."""
    paths: dict[tuple[str, bool], str] = {}
    for bar in bars:
        look = (bar.css, bar.pale)
        paths[look] = paths.get(look, "") + _path(bar)
    return tuple(Fill(css, pale, path) for (css, pale), path in sorted(paths.items()))


def _path(bar: Bar) -> str:
    gap = min(0.007, bar.width * 0.14)
    height = min(1000.0, bar.share * (1000 - LINE_Y))
    return (
        f"M{coordinate((bar.start + gap / 2) * 1000)} 1000V{coordinate(1000 - height)}"
        f"h{coordinate((bar.width - gap) * 1000)}V1000z"
    )
