"""The small multiples of each endpoint: P50 and P95 over the runs, errors where they are not flat."""

from __future__ import annotations

import math
from collections.abc import Mapping

from perfreport import units
from perfreport.judge.history import Series
from perfreport.judge.record import Figure, angle, rate_of
from perfreport.judge.shifts import MIN_EFFECT_ERROR, ChangePoint, Shift, statistic_word, value_text
from perfreport.render.build_text import plain
from perfreport.render.figures.runs import Mark, RunPoint, RunsPlot, runs_plot
from perfreport.render.model_history import EndpointFigures, StatisticFigure
from perfreport.render.model_parts import Badge

_OPENED = 12
_DRAWN = ("p50", "p95", "error_rate")
_SES = 2.0  # what a whisker covers on each side: some 95 %


def endpoint_figures(
    series: Series, ids: Mapping[str, str], badges: Mapping[str, Badge]
) -> tuple[EndpointFigures, ...]:
    """The figures of the endpoints of `ids`, in that order; none of one without a plot."""
    found: list[EndpointFigures] = []
    for name, id_ in ids.items():
        figures = tuple(
            StatisticFigure(_caption(statistic), plot)
            for statistic in _DRAWN
            if (plot := _plot(series, name, statistic))
        )
        if figures:
            opened = len(found) < _OPENED
            latest = _latest(series, name)
            found.append(EndpointFigures(id_, plain(name), badges[name], latest, opened, figures))
    return tuple(found)


def _caption(statistic: str) -> str:
    return {"error_rate": "Failed requests"}.get(statistic, statistic_word(statistic))


def _latest(series: Series, name: str) -> str:
    """`P50 40.5 ms, P95 84.4 ms in run-023`, of the newest run that has the endpoint."""
    run = next(run for run in reversed(series.runs) if name in run.endpoints)
    figures = run.endpoints[name].figures
    told = [
        f"{statistic_word(statistic)} {value_text(statistic, figures[statistic].value)}"
        for statistic in _DRAWN
        if statistic in figures
    ]
    return f"{', '.join(told) or 'too few requests'} in {plain(run.name, 40)}"


def _plot(series: Series, name: str, statistic: str) -> RunsPlot | None:
    points = _points(series, name, statistic)
    marks = [
        _mark(shift, change)
        for shift in series.shifts
        for change in shift.changes
        if (change.name, change.statistic) == (name, statistic)
    ]
    if statistic == "error_rate" and not marks and _flat(points):
        return None
    dates = [units.utc(run.started)[:10] for run in series.runs]
    unit = "1" if statistic == "error_rate" else "ms"
    return runs_plot(
        points,
        marks,
        dates,
        lambda value: units.quantity_text(value, unit),
        _description(name, statistic, points, marks),
    )


def _points(series: Series, name: str, statistic: str) -> list[RunPoint]:
    far = {each.run for each in series.outliers if (each.name, each.statistic) == (name, statistic)}
    points: list[RunPoint] = []
    for at, run in enumerate(series.runs):
        endpoint = run.endpoints.get(name)
        if endpoint and statistic in endpoint.figures:
            figure = endpoint.figures[statistic]
            bounds = _bounds(statistic, figure)
            points.append(RunPoint(at, figure.value, *bounds, outlier=run.name in far))
    return points


def _bounds(statistic: str, figure: Figure) -> tuple[float, float]:
    """The whisker around the value that is shown; its width is that of the scale that is judged."""
    reach = _SES * figure.se
    if statistic == "error_rate":
        middle = angle(figure.value)
        return rate_of(max(0.0, middle - reach)), rate_of(middle + reach)
    return figure.value * math.exp(-reach), figure.value * math.exp(min(reach, 5.0))


def _flat(points: list[RunPoint]) -> bool:
    """Errors that no two runs have surely a tenth of a point apart, with none far off."""
    if not points:
        return True
    if any(point.outlier for point in points):
        return False
    apart = max(point.low for point in points) - min(point.high for point in points)
    return apart < MIN_EFFECT_ERROR


def _mark(shift: Shift, change: ChangePoint) -> Mark:
    sign = "▲" if change.change > 0 else "▼"
    css = "pass" if not change.worse else "none" if shift.accepted else "fail"
    label = f"{sign} {plain(shift.release or shift.run, 40)}"
    return Mark(shift.at, label, css, change.before, change.after)


def _description(name: str, statistic: str, points: list[RunPoint], marks: list[Mark]) -> str:
    values = [point.value for point in points]
    if not values:
        return ""
    span = " to ".join(value_text(statistic, value) for value in (min(values), max(values)))
    changes = f"; changed at {', '.join(mark.label[2:] for mark in marks)}" if marks else ""
    return f"{_caption(statistic)} of {plain(name)} in {len(points)} runs: {span}{changes}"
