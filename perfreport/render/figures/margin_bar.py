"""The margin bar: which share of its limit a measured value uses.

All limits stand at one x, so that they make one line down a table. For a floor (`>=`) the share is
required over measured, so that longer is worse in every row.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from perfreport.render.figures.scale import coordinate

WIDTH = 156
LIMIT_X = 106.0
_END_X = 150.5  # a longer bar is cut here, with two slashes: 142 % of the limit


@dataclass(frozen=True)
class MarginBar:
    """Geometry in a view box of 156 by 18; the bar runs along y = 9."""

    css: str
    label: str  # for those who hear the page
    width: str
    over: str  # width of the part beyond the limit; empty if none
    whisker: str  # path of the 95 % interval; empty if none
    whisker_line: str  # its middle stroke, drawn wider in the paper's colour beneath
    cut: bool


def margin_bar(
    css: str,
    operator: str,
    observed: float | None,
    limit: float | None,
    low: float | None = None,
    high: float | None = None,
) -> MarginBar | None:
    """The bar of a judged value; None where there is nothing to draw."""
    share = used_share(operator, observed, limit)
    if share is None:
        return None
    end = min(share * LIMIT_X, _END_X)
    cut = share * LIMIT_X > _END_X
    ends = sorted(
        used
        for used in (used_share(operator, bound, limit) for bound in (low, high))
        if used is not None
    )
    whisker = _whisker(ends) if len(ends) == 2 and not cut else ""
    return MarginBar(
        css=css,
        label=f"{share * 100:,.0f} % of the limit used",
        width=coordinate(end),
        over=coordinate(end - LIMIT_X) if end > LIMIT_X + 0.05 else "",
        whisker=whisker,
        whisker_line=whisker.split("M")[1] if whisker else "",
        cut=cut,
    )


def used_share(operator: str, observed: float | None, limit: float | None) -> float | None:
    """Share of the limit that is used: 1.0 is at the limit, more is broken."""
    if observed is None or limit is None or not math.isfinite(observed):
        return None
    part, whole = (limit, observed) if operator.startswith(">") else (observed, limit)
    if whole == 0:
        return 0.0 if part == 0 else 9.99
    share = part / whole
    return max(0.0, share) if math.isfinite(share) else None


def _whisker(ends: list[float]) -> str:
    left, right = (min(share * LIMIT_X, WIDTH) for share in ends)
    if right - left < 1:
        return ""
    x0, x1 = coordinate(left), coordinate(right)
    return f"M{x0} 9H{x1}M{x0} 6.5v5M{x1} 6.5v5"
