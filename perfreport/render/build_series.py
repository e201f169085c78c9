"""Tracks of server series: one for each name, its lines told apart by their labels."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise

from perfreport import units
from perfreport.judge.evidence import RunEvidence
from perfreport.render.build_text import bare_quantity, plain, things
from perfreport.render.figures.timeline import Curve, Track, lines_track
from perfreport.sla.model import Pack
from perfreport.tables import SeriesPoint

_TRACKS = 10  # more make the figure longer than a page
_LINES = 4  # of one name: the highest
_LABEL = 16  # letters beside a line

Line = list[tuple[float, float]]


def series_tracks(
    run: RunEvidence, pack: Pack, bins: Sequence[float], limits: Mapping[str, float]
) -> tuple[list[Track], int]:
    """The tracks, those with a limit first, and how many names are left out."""
    by_name = {
        name: lines
        for name, lines in lines_of(run.series).items()
        if name not in pack.limit_names  # drawn as the limit of its series
    }
    names = sorted(
        by_name, key=lambda name: (name not in limits, not pack.series_named(name), name)
    )
    shown = names[:_TRACKS]
    tracks = [_track(run, pack, name, by_name[name], bins, limits.get(name)) for name in shown]
    return tracks, len(names) - len(shown)


def lines_of(
    points: Sequence[SeriesPoint],
) -> dict[str, dict[tuple[tuple[str, str], ...], list[SeriesPoint]]]:
    """Points by name and labels, in their order."""
    found: dict[str, dict[tuple[tuple[str, str], ...], list[SeriesPoint]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for point in points:
        found[point.name][tuple(sorted(point.labels.items()))].append(point)
    return found


def series_title(pack: Pack, name: str) -> str:
    """What people call a series: the pack's title, else the name as recorded."""
    known = pack.series_named(name)
    return plain(known.title, 60) if known and known.title else plain(name, 60)


def series_unit(pack: Pack, name: str, points: Sequence[SeriesPoint]) -> str | None:
    """The unit that was recorded, else the one that the pack gives."""
    known = pack.series_named(name)
    return points[0].unit or (known.unit if known else None)


def in_unit(value: float | None, unit: str | None, of_series: str | None) -> float | None:
    """A value in the unit of a series; None where one does not measure what the other does."""
    if value is None:
        return None
    canonical, name = units.canonical(value, unit)
    size, wanted = units.canonical(1.0, of_series)
    return canonical / size if name == wanted else None


def label_text(labels: Mapping[str, str]) -> str:
    """The values of the labels that tell lines apart, shortest first."""
    return plain(", ".join(sorted(labels.values(), key=lambda text: (len(text), text))), 60)


def _track(
    run: RunEvidence,
    pack: Pack,
    name: str,
    lines: dict[tuple[tuple[str, str], ...], list[SeriesPoint]],
    bins: Sequence[float],
    limit: float | None,
) -> Track:
    ranked = sorted(lines.items(), key=lambda pair: (-_level(pair[1]), pair[0]))
    shown = ranked[:_LINES]
    unit = series_unit(pack, name, next(iter(lines.values())))
    several = len(lines) > 1
    told = telling_labels([dict(labels) for labels, _ in shown])
    curves = [
        Curve(
            "ln" if n == 0 else "ln l",
            with_gaps([(point.at_s, point.value) for point in points]),
            _end_label(dict(labels), told, points, unit, several),
            "data" if n == 0 else "",
            None if several else _level(points),
        )
        for n, (labels, points) in enumerate(shown)
    ]
    title = series_title(pack, name)
    return lines_track(
        title=title,
        sub=_sub(unit, len(shown), len(lines)),
        height=66,
        description=f"{title} over time",
        span_s=run.whole.seconds,
        curves=list(reversed(curves)),
        text=lambda value: bare_quantity(value, unit),
        reads=_reads([points for _, points in shown], bins, unit),
        limit=limit,
        base=2.0 if unit == "By" else 10.0,
    )


def _level(points: list[SeriesPoint]) -> float:
    return max(point.value for point in points)


def telling_labels(shown: Sequence[Mapping[str, str]]) -> list[str]:
    """The labels whose values differ between the lines."""
    keys = sorted({key for labels in shown for key in labels})
    return [key for key in keys if len({labels.get(key) for labels in shown}) > 1]


def _end_label(
    labels: dict[str, str],
    told: list[str],
    points: list[SeriesPoint],
    unit: str | None,
    several: bool,
) -> str:
    if several:
        name = label_text({key: labels[key] for key in told if key in labels})
        return _tail(name) or bare_quantity(points[-1].value, unit)
    return f"max {bare_quantity(_level(points), unit)}"


def _tail(name: str) -> str:
    """The end of a long label, in whole words where it has any: paths differ there."""
    if len(name) <= _LABEL:
        return name
    tail = name[1 - _LABEL :]
    whole = re.search(r"(?<=[/_. -])\w.*$|[/].*$", tail)
    return "…" + (whole[0] if whole and len(whole[0]) > _LABEL / 3 else tail)


def _sub(unit: str | None, shown: int, lines: int) -> str:
    word = things(unit)
    some = f"{shown} highest of {lines}" if shown < lines else f"{lines} lines" if lines > 1 else ""
    return ", ".join(filter(None, [word, some]))


def with_gaps(points: Line) -> list[tuple[float, float | None]]:
    """The points with a missing value wherever more than three usual steps passed between two."""
    if len(points) < 3:
        return list(points)
    steps = sorted(b[0] - a[0] for a, b in pairwise(points))
    usual = steps[len(steps) // 2]
    broken: list[tuple[float, float | None]] = [points[0]]
    for before, after in pairwise(points):
        if usual > 0 and after[0] - before[0] > 3 * usual:
            broken.append(((before[0] + after[0]) / 2, None))
        broken.append(after)
    return broken


def _reads(shown: list[list[SeriesPoint]], bins: Sequence[float], unit: str | None) -> list[str]:
    """For each bin the last values in it."""
    values = [_last_in(points, bins) for points in shown]
    return [
        " · ".join(bare_quantity(value, unit) for value in column if value is not None)
        for column in zip(*values, strict=True)
    ]


def _last_in(points: list[SeriesPoint], bins: Sequence[float]) -> list[float | None]:
    """The last value before each bin's end; None where the bin holds none."""
    found: list[float | None] = [None] * len(bins)
    n = 0
    for point in points:
        while n + 1 < len(bins) and bins[n + 1] <= point.at_s:
            n += 1
        if point.at_s >= bins[n]:
            found[n] = point.value
    return found
