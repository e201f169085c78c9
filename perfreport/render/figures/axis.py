"""Ticks of axes that show changes."""

from __future__ import annotations

from dataclasses import dataclass

from perfreport import units
from perfreport.render.figures.scale import Scale, round_step


@dataclass(frozen=True)
class AxisTick:
    at: str  # percent of the width or height
    text: str


def change_ticks(scale: Scale, about: int) -> tuple[AxisTick, ...]:
    """Ticks in round percents, `0` among them where the scale holds it; the last has the sign."""
    step = round_step((scale.high - scale.low) / about)
    first, last = round(scale.low / step) - 1, round(scale.high / step) + 1
    inside = [n * step for n in range(first, last + 1) if scale.low <= n * step <= scale.high]
    return tuple(AxisTick(scale.percent(at), _text(at, at == inside[-1])) for at in inside)


def _text(at: float, last: bool) -> str:
    sign = "+" if at > 0 else "−" if at < 0 else ""
    return f"{sign}{units.number(round(abs(at) * 100, 6))}" + (" %" if last else "")
