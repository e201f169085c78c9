"""The timeline of a run: users, throughput, response times, failures and server series."""

from __future__ import annotations

import math
from collections.abc import Mapping

from perfreport import units
from perfreport.judge.evidence import RunEvidence
from perfreport.render.build_series import series_tracks
from perfreport.render.build_story import story
from perfreport.render.build_text import clock, count, counted, plain
from perfreport.render.figures.scale import Scale, coordinate, finite
from perfreport.render.figures.timeline import (
    Curve,
    Timeline,
    Track,
    bars_track,
    lines_track,
    time_grid,
    time_ticks,
)
from perfreport.sla.model import Pack
from perfreport.tables import TimelineRow

_TABLE_ROWS = 24
_BINS_OF_SERIES = 240  # where there are no requests to give the bins

HOW = {
    "stages": "found from the pack's stages",
    "users": "found from the plateau of users",
    "rate": "found from the plateau of the request rate",
    "all": "the whole run",
    "given": "as given",
}


def timeline(
    run: RunEvidence, pack: Pack, section: str, limits: Mapping[str, float]
) -> Timeline | None:
    """The figure, or None for a run in which nothing has a time; `limits` by series name."""
    span = run.whole.seconds
    bins = _bins(run)
    if span <= 0 or not bins:
        return None
    requests, hidden = _request_tracks(run, bins), 0
    series, hidden = series_tracks(run, pack, bins, limits)
    tracks = [*requests, *series]
    if not tracks:
        return None
    left = (run.window.start - run.whole.start).total_seconds()
    right = (run.window.end - run.whole.start).total_seconds()
    x = Scale(0, span)
    every = -(-len(bins) // _TABLE_ROWS)
    return Timeline(
        id=f"{section}_time",
        title=story(run, pack, left, right),
        sub=_sub(run, len(tracks), left, right, hidden),
        tracks=tuple(tracks),
        window_x=coordinate(max(0.0, x(left))),
        window_width=coordinate(min(1000.0, x(right)) - max(0.0, x(left))),
        window_edges="".join(
            f"M{coordinate(x(at))} 0V1000" for at in (left, right) if 0 < at < span
        ),
        window_label="judged window" if right - left > 0.15 * span else "",
        window_left=coordinate(max(0.0, x(left)) / 10),
        time_grid=time_grid(span),
        time_ticks=time_ticks(span),
        bin_times=tuple(clock(at) for at in bins),
        bin_positions=tuple(coordinate(x(at + run.bin_s / 2) / 10) for at in bins),
        table_label=f"Numbers behind this chart, every {units.span(every * _bin_width(run, bins))}",
        table_head=("Time", *(_heading(track) for track in tracks)),
        table_rows=tuple(
            (clock(bins[n]), *(track.reads[n] or "–" for track in tracks))
            for n in range(0, len(bins), every)
        ),
    )


def _bins(run: RunEvidence) -> list[float]:
    """The start of each bin; where nothing was requested, as many as the eye can tell apart."""
    if run.timeline:
        last = round(run.timeline[-1].at_s / run.bin_s)
        return [n * run.bin_s for n in range(last + 1)]
    points = {point.at_s for point in run.series}
    if len(points) <= _BINS_OF_SERIES:
        return sorted(points)
    width = run.whole.seconds / _BINS_OF_SERIES
    return [n * width for n in range(_BINS_OF_SERIES)]


def _bin_width(run: RunEvidence, bins: list[float]) -> float:
    return bins[1] - bins[0] if len(bins) > 1 else run.bin_s


def _request_tracks(run: RunEvidence, bins: list[float]) -> list[Track]:
    by_bin = {round(row.at_s / run.bin_s): row for row in run.timeline}
    rows = [by_bin.get(n) for n in range(len(bins))] if run.timeline else []
    tracks = []
    if finite(row.users for row in rows if row):
        tracks.append(_users(run, bins, rows))
    if any(row and row.requests for row in rows):
        tracks += [_throughput(run, bins, rows), _times(run, bins, rows), _errors(run, bins, rows)]
    return tracks


def _users(run: RunEvidence, bins: list[float], rows: list[TimelineRow | None]) -> Track:
    values = [None if row is None else row.users for row in rows]
    most = max(finite(values))
    return lines_track(
        title="Users",
        sub="active",
        height=54,
        description=f"Active users over time, {units.number(most)} at most",
        span_s=run.whole.seconds,
        curves=[
            Curve("ln", _middles(run, bins, values), f"max {units.number(most)}", "data", most)
        ],
        text=units.number,
        reads=[
            "" if value is None or not math.isfinite(value) else units.number(value)
            for value in values
        ],
        filled=True,
    )


def _throughput(run: RunEvidence, bins: list[float], rows: list[TimelineRow | None]) -> Track:
    values: list[float | None] = [
        (row.requests if row else 0) / _seconds(run, at) for at, row in zip(bins, rows, strict=True)
    ]
    rate = run.total.rate_per_s
    label = "" if rate is None else f"{units.number(rate)}/s judged"
    return lines_track(
        title="Throughput",
        sub="requests/s",
        height=60,
        description=f"Requests a second over time, {label}",
        span_s=run.whole.seconds,
        curves=[Curve("ln", _middles(run, bins, values), label, "data", rate)],
        text=units.number,
        reads=[f"{units.number(value or 0)}/s" for value in values],
    )


def _times(run: RunEvidence, bins: list[float], rows: list[TimelineRow | None]) -> Track:
    total = run.total
    curves = [
        Curve(
            css,
            _middles(run, bins, [getattr(row, key) if row else None for row in rows]),
            f"{key[:3].upper()} {'–' if value is None else units.ms(value)}",
            label_css,
            value,
        )
        for key, css, value, label_css in (
            ("p99_ms", "ln l", total.p99_ms, ""),
            ("p50_ms", "ln l", total.p50_ms, ""),
            ("p95_ms", "ln b", total.p95_ms, "data"),
        )
    ]
    return lines_track(
        title="Response time",
        sub=f"all requests, n = {count(run.total.count)} judged",
        height=170,
        description="P50, P95 and P99 of the response times over time",
        span_s=run.whole.seconds,
        curves=curves,
        text=units.ms,
        reads=[_read_times(row) for row in rows],
    )


def _read_times(row: TimelineRow | None) -> str:
    known = finite([row.p50_ms, row.p95_ms, row.p99_ms]) if row else []
    return " · ".join(units.ms(value) for value in known) if len(known) == 3 else ""


def _errors(run: RunEvidence, bins: list[float], rows: list[TimelineRow | None]) -> Track:
    values: list[tuple[float, float | None]] = [
        (at, float(row.errors) if row else 0.0) for at, row in zip(bins, rows, strict=True)
    ]
    total = sum(row.errors for row in rows if row)
    return bars_track(
        title="Failures",
        sub=f"failed requests each {bin_word(run.bin_s)}, {count(total)} in all",
        height=54,
        description=f"Failed requests over time, {count(total)} in all",
        span_s=run.whole.seconds,
        bin_s=run.bin_s,
        points=values,
        label=f"{count(run.total.errors)} judged" if total else "none",
        text=units.number,
        reads=[count(value) for _, value in values],
    )


def _middles(
    run: RunEvidence, bins: list[float], values: list[float | None]
) -> list[tuple[float, float | None]]:
    """Each value in the middle of its bin; none for a last bin that mostly lies after the run."""
    return [
        (at + _seconds(run, at) / 2, value if _seconds(run, at) >= run.bin_s / 2 else None)
        for at, value in zip(bins, values, strict=True)
    ]


def _seconds(run: RunEvidence, at: float) -> float:
    """How much of a bin lies in the run: its last one may be short."""
    return max(min(run.bin_s, run.whole.seconds - at), run.bin_s * 0.05)


def bin_word(bin_s: float) -> str:
    """What one value stands for: `second`, `30 s`."""
    return "bin" if bin_s < 1 else "second" if bin_s == 1 else units.span(bin_s)


def _heading(track: Track) -> str:
    return "P50 · P95 · P99" if track.title == "Response time" else track.title


def _sub(run: RunEvidence, tracks: int, left: float, right: float, hidden: int) -> str:
    how = HOW.get(run.window.how, plain(run.window.how, 40))
    parts = [f"{counted(tracks, 'measure').capitalize()} on one time axis."]
    if run.timeline:
        parts.append(f"One value each {bin_word(run.bin_s)}.")
    parts.append(f"Light field: the judged window, {clock(left)} to {clock(right)}, {how}.")
    if hidden:
        parts.append(
            f"{counted(hidden, 'further series', 'further series').capitalize()} not drawn."
        )
    return " ".join(filter(None, parts))
