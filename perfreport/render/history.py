"""A history as table and JSON: a line per run, then what changed for good."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from rich.console import Console

from perfreport import units
from perfreport.judge.history import Against, History, Series, load_text
from perfreport.judge.record import STATISTICS, RunRecord
from perfreport.judge.shifts import ChangePoint, Shift, statistic_word
from perfreport.render import json
from perfreport.render.table import Column, Table, captured, printable
from perfreport.render.table import for_terminal as print_table

_COLUMNS = (
    Column("run", width=16),
    Column("release", width=12),
    Column("start"),
    Column("requests", right=True),
    Column("P50", right=True),
    Column("P95", right=True),
    Column("errors", right=True),
)
_AGAINST = (Column("P50 vs", right=True), Column("P95 vs", right=True))
_SHOWN = 4  # changes of one run that are told in the terminal
_OUTLIERS_SHOWN = 5


def as_json(history: History) -> str:
    """The document of docs/history.md."""
    return json.document(
        {"series": [_series_object(series) for series in history.series], "apart": history.apart}
    )


def as_text(history: History) -> str:
    """The terminal's table as plain text, for a file."""
    return captured(lambda console: for_terminal(history, console))


def for_terminal(history: History, console: Console) -> None:
    """Each series: what was tested, its runs, what changed; then what belongs to none."""
    for number, series in enumerate(history.series):
        if number:
            console.print()
        console.print(printable(series_title(series)), style="bold")
        print_table(_table(series), console)
        console.print()
        _print_shifts(series, console)
    if history.apart:
        console.print()
    for apart in history.apart:
        console.print(printable(f"not in a series: {apart.name}: {apart.why}"), style="dim")


def series_title(series: Series) -> str:
    """`shop, o2c, load, staging, k6: 24 runs at 61.9 requests/s`"""
    run = series.runs[-1]
    parts = (run.system, run.scenario, run.test_type, run.environment, run.tool)
    what = ", ".join(part for part in parts if part) or "all runs"
    count = f"{len(series.runs)} runs" if len(series.runs) > 1 else "1 run"
    return f"{what}: {count} at {load_text(run)}"


def _table(series: Series) -> Table:
    columns = _COLUMNS + (_AGAINST if series.pinned else ())
    told: Sequence[Against | None] = series.against or [None] * len(series.runs)
    first_runs = {shift.at for shift in series.shifts if any(c.worse for c in shift.changes)}
    rows = tuple(
        _row(run) + (_against(run, series.pinned, against) if series.pinned else ())
        for run, against in zip(series.runs, told, strict=True)
    )
    styles = tuple("bold" if at in first_runs else None for at in range(len(series.runs)))
    if series.pinned:  # the columns that would not fit beside
        columns = tuple(
            replace(column, width=8) if column.title == "release" else column
            for column in columns
            if column.title != "requests"
        )
        rows = tuple(row[:3] + row[4:] for row in rows)
    return Table(columns, rows, styles)


def _row(run: RunRecord) -> tuple[str, ...]:
    return (
        run.name,
        run.release or "",
        units.utc(run.started)[:10],
        f"{run.requests:,}",
        *(units.short_text(value, "ms") for value in (run.p50_ms, run.p95_ms)),
        units.short_text(run.error_rate, "1"),
    )


def _against(run: RunRecord, pinned: str | None, against: Against | None) -> tuple[str, str]:
    if against is None:
        return ("pinned", "") if run.name == pinned else ("", "")
    p50, p95 = (
        "" if change is None else units.signed_percent(change)
        for change in (against.p50, against.p95)
    )
    return p50, p95


def _print_shifts(series: Series, console: Console) -> None:
    if not series.shifts:
        console.print("no endpoint changed for good", style="dim")
    for shift in series.shifts:
        bad = any(change.worse for change in shift.changes) and not shift.accepted
        console.print(printable(shift_title(shift)), style="bold red" if bad else None)
        for change in shift.changes[:_SHOWN]:
            console.print(f"  {printable(change_line(change))}")
        if len(shift.changes) > _SHOWN:
            console.print(f"  and {len(shift.changes) - _SHOWN} more", style="dim")
    for line in outlier_lines(series)[:_OUTLIERS_SHOWN]:
        console.print(printable(line), style="dim")


def shift_title(shift: Shift) -> str:
    """`2026.3: 2 endpoints changed, first in run-011, after run-010 (2026.2)`"""
    names = list(dict.fromkeys(change.name for change in shift.changes))
    what = f"{len(names)} endpoints" if len(names) > 1 else names[0]
    release = f"{shift.release}: " if shift.release else ""
    before = f" ({shift.release_before})" if shift.release_before else ""
    settled = f"; accepted with baseline {shift.accepted}" if shift.accepted else ""
    return f"{release}{what} changed, first in {shift.run}, after {shift.since}{before}{settled}"


def change_line(change: ChangePoint) -> str:
    """`create_order P95 +14.2 % (83.4 ms to 95.3 ms) [+13.0, +15.6]`"""
    return f"{change.name} {statistic_word(change.statistic)} {change.why}"


def outlier_lines(series: Series) -> list[str]:
    """Runs that lie far off those around them, one line each."""
    found: dict[str, dict[str, None]] = {}
    for outlier in series.outliers:
        word = f"{outlier.name} {statistic_word(outlier.statistic)}"
        found.setdefault(outlier.run, {})[word] = None
    return [
        f"{run} alone is far off: {', '.join(list(words)[:3])}"
        + (f" and {len(words) - 3} more" if len(words) > 3 else "")
        for run, words in found.items()
    ]


def _series_object(series: Series) -> dict[str, Any]:
    run = series.runs[-1]
    return {
        "system": run.system,
        "scenario": run.scenario,
        "test_type": run.test_type,
        "environment": run.environment,
        "tool": run.tool,
        "pinned": series.pinned,
        "runs": [
            _run_object(run, series.against[at] if series.against else None)
            for at, run in enumerate(series.runs)
        ],
        "endpoints": [{"name": name, "points": _points(series, name)} for name in series.endpoints],
        "shifts": series.shifts,
        "outliers": series.outliers,
    }


def _run_object(run: RunRecord, against: Against | None) -> dict[str, Any]:
    keys = (
        "name", "release", "labels", "started", "start", "end", "requests", "failures", "error_rate",
        "rate_per_s", "users", "p50_ms", "p95_ms", "p99_ms", "exact",
    )  # fmt: skip
    return {key: getattr(run, key) for key in keys} | {"against": against}


def _points(series: Series, name: str) -> list[Mapping[str, Any]]:
    """One for each run that has the endpoint; a statistic is null where too few requests carry it."""
    points: list[Mapping[str, Any]] = []
    for run in series.runs:
        endpoint = run.endpoints.get(name)
        if endpoint:
            figures = {statistic: endpoint.figures.get(statistic) for statistic in STATISTICS}
            values = {key: figure and figure.value for key, figure in figures.items()}
            errors = {f"{key}_se": figure and figure.se for key, figure in figures.items()}
            points.append({"run": run.name, "requests": endpoint.requests} | values | errors)
    return points
