"""A history as a page: what changed for good, each endpoint over the runs, the runs themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from perfreport import __version__, units
from perfreport.judge.history import Against, History, Series
from perfreport.judge.record import RunRecord
from perfreport.judge.shifts import ChangePoint, Shift, statistic_word
from perfreport.render.build_history_figures import endpoint_figures
from perfreport.render.build_text import (
    SENTENCE_LENGTH,
    anchor,
    count,
    counted,
    listed,
    number_word,
    plain,
    unique,
)
from perfreport.render.history import outlier_lines, series_title, shift_title
from perfreport.render.model_history import (
    ApartRow,
    ChangedRow,
    HistoryPage,
    HistoryRun,
    HistorySeries,
    ShiftRow,
)
from perfreport.render.model_parts import Badge
from perfreport.stats.changepoints import LEAST

_FIGURES_MOST = 150  # endpoints whose figures a page holds, over all series
_RUNS_SHOWN = 400
_CHANGES_SHOWN = 8
_OUTLIERS_SHOWN = 10
_APART_SHOWN = 40
_SERIES_TOLD = 5

_STEADY_TOLD = "No endpoint changed for good."
_TOLD_FROM = 2 * (LEAST - 1)  # runs: a short series may have one less on each side of a change
_TOO_FEW_RUNS = f"A change for good is told from {number_word(_TOLD_FROM)} runs on."

WORSE = Badge("fail", "i-up", "Worse")
BETTER = Badge("pass", "i-down", "Better")
ACCEPTED = Badge("none", "i-pass", "Accepted")
_STEADY = Badge("none", "i-equal", "No change for good")
_WORST_FIRST = (WORSE, ACCEPTED, BETTER, _STEADY)
_CHANGED = Badge("none", "i-dot", "First after a change")
_FAR_OFF = Badge("nodata", "i-tilde", "Far off")
_PINNED = Badge("none", "i-sign", "Pinned")


def build_history(history: History) -> HistoryPage:
    """All that the page shows."""
    runs = [run for series in history.series for run in series.runs]
    heading = f"History of {counted(len(runs), 'run')}"
    about = _about(history)
    left = _FIGURES_MOST
    shown: list[HistorySeries] = []
    for number, series in enumerate(history.series, start=1):
        shown.append(_series(series, f"s{number}", left))
        left -= len(shown[-1].endpoints)
    apart = history.apart
    return HistoryPage(
        title=f"{heading}: {about}",
        kicker=(about, _dates(runs)) if runs else (about,),
        heading=heading,
        why=_why(history),
        series=tuple(shown),
        apart=tuple(ApartRow(plain(each.name), plain(each.why, 300)) for each in apart[:_APART_SHOWN]),
        apart_left_out=_more(len(apart) - _APART_SHOWN),
        print_foot=f"{heading} · {about}",
        foot=f"perfreport {__version__}. Same input, same bytes.",
    )  # fmt: skip


def _about(history: History) -> str:
    """The systems and scenarios of all series."""
    found = dict.fromkeys(
        ", ".join(plain(part, 40) for part in (run.system, run.scenario) if part)
        for run in (series.runs[-1] for series in history.series)
    )
    return listed(filter(None, found)) or "all runs"


def _dates(runs: Sequence[RunRecord]) -> str:
    days = sorted(_day(run) for run in runs)
    return days[0] if days[0] == days[-1] else f"{days[0]} to {days[-1]}"


def _day(run: RunRecord) -> str:
    return units.utc(run.started)[:10]


def _why(history: History) -> tuple[str, ...]:
    """A sentence for each series: how much changed in it, and how much of that still stands."""
    if not history.series:
        return ("No run has requests that are judged.",)
    told = history.series[:_SERIES_TOLD]
    lines = [
        _told(series) if len(told) == 1 else f"{plain(series_title(series), 200)}. {_told(series)}"
        for series in told
    ]
    more = len(history.series) - len(told)
    return (*lines, f"And {counted(more, 'more series', 'more series')}.") if more else tuple(lines)


def _told(series: Series) -> str:
    if not series.shifts:
        return _STEADY_TOLD if len(series.runs) >= _TOLD_FROM else _TOO_FEW_RUNS
    standing = [shift for shift in series.shifts if _badge(shift) is WORSE]
    times = {1: "once", 2: "twice"}.get(len(series.shifts), counted(len(series.shifts), "time"))
    head = f"Something changed for good {times}"
    if not standing:
        return f"{head}; nothing is worse that no baseline has accepted."
    where = listed(plain(shift.release or shift.run, 40) for shift in standing)
    return (
        f"{head}; {number_word(len(standing))} for the worse not accepted by a baseline: {where}."
    )


def _series(series: Series, id_: str, most_figures: int) -> HistorySeries:
    names = series.endpoints
    order = sorted(names, key=lambda name: _WORST_FIRST.index(_badge_of(name, series)))
    shown = order[: max(0, most_figures)]
    ids = dict(zip(shown, unique(anchor(id_, "endpoint", name) for name in shown), strict=True))
    figures = endpoint_figures(series, ids, {name: _badge_of(name, series) for name in shown})
    drawn = {name: id_ for name, id_ in ids.items() if any(each.id == id_ for each in figures)}
    outliers = [plain(line, 300) for line in outlier_lines(series)]
    runs_left_out = len(series.runs) - _RUNS_SHOWN
    return HistorySeries(
        id=id_,
        title=plain(series_title(series), SENTENCE_LENGTH),
        sub=_sub(series),
        pinned=plain(series.pinned, 40),
        steady="" if series.shifts else _told(series),
        shifts=tuple(_shift(shift, drawn) for shift in reversed(series.shifts)),
        outliers=tuple(outliers[:_OUTLIERS_SHOWN]),
        outliers_left_out=_more(len(outliers) - _OUTLIERS_SHOWN),
        endpoints=figures,
        endpoints_left_out=_not_drawn(len(names) - len(figures)),
        runs=_runs(series),
        runs_left_out=f"Not in this page: {counted(runs_left_out, 'earlier run')}; --format json holds all."
        if runs_left_out > 0
        else "",
    )  # fmt: skip


def _not_drawn(endpoints: int) -> str:
    if endpoints <= 0:
        return ""
    return f"Not drawn: {counted(endpoints, 'endpoint')} with fewer requests, or in fewer than two runs."


def _more(left_out: int) -> str:
    return f"And {left_out:,} more; --format json holds all." if left_out > 0 else ""


def _sub(series: Series) -> str:
    releases = dict.fromkeys(plain(run.release, 40) for run in series.runs if run.release)
    parts = [_dates(series.runs)]
    if releases:
        parts.append(
            f"releases {next(iter(releases))} to {next(reversed(releases))}"
            if len(releases) > 1
            else f"release {next(iter(releases))}"
        )
    if series.pinned:
        parts.append(f"told against {plain(series.pinned, 40)}")
    return ", ".join(parts)


def _badge(shift: Shift) -> Badge:
    """Worse if anything in it is; what a later baseline accepted is settled."""
    if not any(change.worse for change in shift.changes):
        return BETTER
    return ACCEPTED if shift.accepted else WORSE


def _badge_of(name: str, series: Series) -> Badge:
    """How an endpoint stands: the last change of each statistic counts, and of those the worst."""
    last: dict[str, Badge] = {}
    for shift in series.shifts:
        for change in shift.changes:
            if change.name == name:
                accepted = ACCEPTED if shift.accepted else WORSE
                last[change.statistic] = accepted if change.worse else BETTER
    return next((badge for badge in _WORST_FIRST if badge in last.values()), _STEADY)


def _shift(shift: Shift, ids: Mapping[str, str]) -> ShiftRow:
    return ShiftRow(
        _badge(shift),
        plain(shift_title(shift), SENTENCE_LENGTH),
        tuple(_changed(change, ids) for change in shift.changes[:_CHANGES_SHOWN]),
        _more(len(shift.changes) - _CHANGES_SHOWN),
    )


def _changed(change: ChangePoint, ids: Mapping[str, str]) -> ChangedRow:
    name, statistic = change.name, statistic_word(change.statistic)
    return ChangedRow(plain(name), ids.get(name, ""), statistic, plain(change.why, 200))


def _runs(series: Series) -> tuple[HistoryRun, ...]:
    """The newest first: it is what somebody looks for."""
    told: Sequence[Against | None] = series.against or [None] * len(series.runs)
    changed = {shift.at for shift in series.shifts}
    far_off = {outlier.run for outlier in series.outliers}
    rows = [
        _run(run, against, run.name == series.pinned, at in changed, run.name in far_off)
        for at, (run, against) in enumerate(zip(series.runs, told, strict=True))
    ]
    return tuple(rows[::-1][:_RUNS_SHOWN])


def _run(
    run: RunRecord, against: Against | None, pinned: bool, changed: bool, far_off: bool
) -> HistoryRun:
    notes = ((_PINNED, pinned), (_CHANGED, changed), (_FAR_OFF, far_off))
    p50, p95 = (against.p50, against.p95) if against else (None, None)
    return HistoryRun(
        name=plain(run.name, 60),
        release=plain(run.release, 40),
        start=units.utc(run.started)[:16],
        requests=count(run.requests),
        p50=units.short_text(run.p50_ms, "ms"),
        p95=units.short_text(run.p95_ms, "ms"),
        errors=units.short_text(run.error_rate, "1"),
        p50_against="" if p50 is None else units.signed_percent(p50),
        p95_against="" if p95 is None else units.signed_percent(p95),
        worst=_worst(against),
        notes=tuple(badge for badge, given in notes if given),
        labels=plain(", ".join(f"{key}={value}" for key, value in sorted(run.labels.items())), 120),
        exact="" if run.exact else "condensed",
    )


def _worst(against: Against | None) -> str:
    if against is None or against.worst_name is None or against.worst_change is None:
        return ""
    word = statistic_word(against.worst_statistic or "")
    return f"{plain(against.worst_name, 60)} {word} {units.signed_percent(against.worst_change)}".replace(
        " %", "\N{NO-BREAK SPACE}%"
    )
