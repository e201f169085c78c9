"""The timeline: several measures of one run, drawn below each other on one time axis.

Shapes are paths in a box of 1000 by 1000 that the page stretches; text is placed in percent beside
them, so that letters keep their size at any width.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from perfreport.render.figures.scale import (
    BOX,
    Scale,
    coordinate,
    finite,
    line,
    round_ticks,
    time_step,
    time_unit,
)

Points = Sequence[tuple[float, float | None]]

_LABEL_PX = 14.0  # height of a line of small text


@dataclass(frozen=True)
class Label:
    """Text at a height of the plot, in percent."""

    top: str
    text: str
    css: str = ""


@dataclass(frozen=True)
class TimeTick:
    at: str  # percent of the width
    text: str
    minor: bool  # may be left out where there is little room


@dataclass(frozen=True)
class Stroke:
    """A path and the class that says what it is."""

    css: str
    path: str


@dataclass(frozen=True)
class Track:
    """One measure. `height` is in px; `reads` has a text for each bin of the timeline."""

    title: str
    sub: str
    height: int
    description: str
    grid: str
    strokes: tuple[Stroke, ...]
    ticks: tuple[Label, ...]
    ends: tuple[Label, ...]
    reads: tuple[str, ...]


@dataclass(frozen=True)
class Timeline:
    """Tracks with a shared axis; `table` holds some of the same numbers to be read."""

    id: str
    title: str
    sub: str
    tracks: tuple[Track, ...]
    window_x: str
    window_width: str
    window_edges: str  # where the judged window starts or ends within the run
    window_label: str
    window_left: str
    time_grid: str
    time_ticks: tuple[TimeTick, ...]
    bin_times: tuple[str, ...]
    bin_positions: tuple[str, ...]
    table_label: str
    table_head: tuple[str, ...]
    table_rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Curve:
    """One line of a track: points in seconds and the measure's unit, and how it is drawn."""

    css: str
    points: Points
    label: str = ""
    label_css: str = ""
    label_at: float | None = None  # the label's height; else that of the last value


def lines_track(
    *,
    title: str,
    sub: str,
    height: int,
    description: str,
    span_s: float,
    curves: Sequence[Curve],
    text: Callable[[float], str],
    reads: Sequence[str],
    limit: float | None = None,
    base: float = 10.0,
    filled: bool = False,
) -> Track:
    """Lines from zero upwards, labelled at their right ends; `base` 2 gives ticks in KiB, MiB."""
    values = finite(value for curve in curves for _, value in curve.points)
    near = limit if limit is not None and values and limit <= 3 * max(values) else None
    low, high = min([0.0, *values]), max([0.0, *values, near or 0.0])
    steps = _ticks(low, high, base, about=4 if height > 100 else 3)
    x, y = Scale(0, span_s), Scale(low, max(high * 1.04, steps[-1]) or 1.0, upward=True)
    steps = _with_room(steps, y, height)
    strokes = [
        Stroke(curve.css, line([(x(at), None if v is None else y(v)) for at, v in curve.points]))
        for curve in curves
    ]
    if filled and strokes:
        strokes.insert(0, Stroke("ar", _area(curves[0].points, x, y)))
    ends = [
        (min(BOX, max(0.0, y(at))), curve.label, curve.label_css)
        for curve in curves
        if curve.label and (at := _label_height(curve)) is not None
    ]
    if near is not None:
        strokes.append(Stroke("lim", f"M0 {coordinate(y(near))}H1000"))
        ends.append((y(near), f"limit {text(near)}", "fail"))
    return Track(
        title=title,
        sub=sub,
        height=height,
        description=description,
        grid="".join(f"M0 {coordinate(y(step))}H1000" for step in steps),
        strokes=tuple(strokes),
        ticks=tuple(Label(y.percent(step), text(step) if step else "0") for step in steps),
        ends=spread(ends, height),
        reads=tuple(reads),
    )


def bars_track(
    *,
    title: str,
    sub: str,
    height: int,
    description: str,
    span_s: float,
    bin_s: float,
    points: Points,
    label: str,
    text: Callable[[float], str],
    reads: Sequence[str],
) -> Track:
    """One bar a bin, from zero upwards."""
    values = finite(value for _, value in points)
    steps = round_ticks(max(values, default=0) or 1.0, 3)
    x, y = Scale(0, span_s), Scale(0, max([*values, steps[-1], 1.0]), upward=True)
    width = BOX * bin_s / span_s
    bars = "".join(_bar(x(at), min(width, BOX - x(at)), y(value)) for at, value in points if value)
    return Track(
        title=title,
        sub=sub,
        height=height,
        description=description,
        grid="".join(f"M0 {coordinate(y(step))}H1000" for step in steps),
        strokes=(Stroke("err", bars),) if bars else (),
        ticks=tuple(Label(y.percent(step), text(step) if step else "0") for step in steps),
        ends=(Label("84", label, "fail" if bars else ""),),
        reads=tuple(reads),
    )


def time_ticks(span_s: float) -> tuple[TimeTick, ...]:
    """Ticks from the start of the run in seconds, minutes, hours or days; the last names which."""
    word, seconds = time_unit(span_s)
    step = max(time_step(span_s, 8), seconds)
    count = math.floor(span_s / step + 1e-9)
    scale = Scale(0, span_s)
    return tuple(
        TimeTick(
            at=scale.percent(n * step),
            text=f"{n * step / seconds:g}" + (f" {word}" if n == count else ""),
            minor=n % 2 == 1 and n != count,
        )
        for n in range(count + 1)
    )


def time_grid(span_s: float) -> str:
    """The vertical lines under the time ticks."""
    return "".join(f"M{coordinate(float(tick.at) * 10)} 0V1000" for tick in time_ticks(span_s))


def spread(ends: Sequence[tuple[float, str, str]], height: int) -> tuple[Label, ...]:
    """Labels at heights (0..1000), moved apart so that no two lines of text overlap."""
    gap = BOX * _LABEL_PX / height
    ordered = sorted(ends)
    tops = [top for top, _, _ in ordered]
    for i in range(1, len(tops)):
        tops[i] = max(tops[i], tops[i - 1] + gap)
    floor = max(BOX, gap * (len(tops) - 1))
    for i in reversed(range(len(tops))):
        tops[i] = min(tops[i], floor - gap * (len(tops) - 1 - i))
    return tuple(
        Label(coordinate(top / 10), text, css)
        for top, (_, text, css) in zip(tops, ordered, strict=True)
    )


def _ticks(low: float, high: float, base: float, about: int) -> list[float]:
    """Round steps from zero to `high`, and the lowest value where it is negative."""
    size = 1.0
    if base == 2 and high >= 1:
        size = 2.0 ** (10 * math.floor(math.log2(high) / 10))
    steps = [size * step for step in round_ticks(high / size, about)] if high > 0 else [0.0]
    return [low, *steps] if low < 0 else steps


def _bar(x: float, width: float, y: float) -> str:
    drawn = max(1.5, width * 0.8)
    return f"M{coordinate(x + width * 0.1)} 1000V{coordinate(y)}h{coordinate(drawn)}V1000z"


def _with_room(steps: list[float], y: Scale, height: int) -> list[float]:
    """The ticks whose text does not touch that of the one before."""
    kept = steps[:1]
    for step in steps[1:]:
        if abs(y(step) - y(kept[-1])) * height / BOX >= _LABEL_PX:
            kept.append(step)
    return kept


def _area(points: Points, x: Scale, y: Scale) -> str:
    """The field under a line; a gap in the line is a gap in the field."""
    parts: list[str] = []
    run: list[tuple[float, float]] = []
    for at, value in [*points, (0.0, None)]:
        if value is not None and math.isfinite(value):
            run.append((x(at), y(value)))
            continue
        if len(run) > 1:
            middle = "".join(f"L{coordinate(px)} {coordinate(py)}" for px, py in run)
            zero = coordinate(y(0))
            parts.append(
                f"M{coordinate(run[0][0])} {zero}{middle}L{coordinate(run[-1][0])} {zero}Z"
            )
        run = []
    return "".join(parts)


def _label_height(curve: Curve) -> float | None:
    if curve.label_at is not None:
        return curve.label_at
    values = finite(value for _, value in curve.points)
    return values[-1] if values else None
