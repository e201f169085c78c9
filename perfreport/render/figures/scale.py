"""Axes: round ticks, and positions as the numbers that SVG paths are written in."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

BOX = 1000.0  # plots are drawn in a box of 1000 by 1000 that the page stretches

_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86_400.0
_TIME_STEPS = (
    *(1.0, 2.0, 5.0, 10.0, 15.0, 30.0),
    *(n * _MINUTE for n in (1, 2, 5, 10, 15, 30)),
    *(n * _HOUR for n in (1, 2, 3, 4, 6, 12)),
    *(n * _DAY for n in (1, 2, 7, 14, 28, 91, 365)),
)


@dataclass(frozen=True)
class Scale:
    """Maps a value between `low` and `high` to 0..1000, or to 1000..0 if `upward`."""

    low: float
    high: float
    upward: bool = False

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low) if self.high > self.low else 0.0
        return BOX * (1 - share if self.upward else share)

    def percent(self, value: float) -> str:
        """The position as the text of a CSS percentage, without the sign."""
        return coordinate(self(value) / 10)


def coordinate(value: float) -> str:
    """A number as short as a path can have it: one decimal, no trailing zero.

    >>> coordinate(12.04), coordinate(0.26), coordinate(-0.01)
    ('12', '0.3', '0')
    """
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


def round_ticks(high: float, about: int) -> list[float]:
    """Ticks from 0 in steps of 1, 2 or 5 times a power of ten, up to the last below or at `high`.

    The step is the smallest that gives at most `about` intervals.
    """
    if not high > 0:
        return [0.0]
    step = round_step(high / about)
    return [step * n for n in range(math.floor(high / step * (1 + 1e-9)) + 1)]


def round_step(at_least: float) -> float:
    """The smallest of 1, 2, 5 times a power of ten that is not below `at_least`."""
    power = 10.0 ** math.floor(math.log10(at_least))
    return next(power * n for n in (1, 2, 5, 10) if power * n >= at_least * (1 - 1e-9))


def time_step(span_s: float, about: int) -> float:
    """The step between time ticks, in seconds: one that clocks have."""
    return next((step for step in _TIME_STEPS if span_s / step <= about), _TIME_STEPS[-1])


def time_unit(span_s: float) -> tuple[str, float]:
    """In what a time axis of that length counts: its name and its seconds."""
    if span_s < 3 * _MINUTE:
        return "s", 1.0
    if span_s <= 4 * _HOUR:
        return "min", _MINUTE
    return ("h", _HOUR) if span_s < 8 * _DAY else ("d", _DAY)


def finite(values: Iterable[float | None]) -> list[float]:
    """The numbers among the values."""
    return [value for value in values if value is not None and math.isfinite(value)]


def line(points: Sequence[tuple[float, float | None]]) -> str:
    """A path through points in the box; it is interrupted where a value is missing."""
    parts: list[str] = []
    pen = "M"
    for x, y in points:
        if y is None or not math.isfinite(y):
            pen = "M"
            continue
        parts.append(f"{pen}{coordinate(x)} {coordinate(y)}")
        pen = "L"
    return _with_lonely_dots("".join(parts))


def _with_lonely_dots(path: str) -> str:
    """A point without neighbours is a stroke of no length, which round caps make visible."""
    pieces = path.split("M")[1:]
    return "".join(f"M{piece}" if "L" in piece else f"M{piece}h.01" for piece in pieces)
