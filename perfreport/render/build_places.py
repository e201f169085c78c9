"""Where in each endpoint the runs differ: percentiles, phases, periods, new failures."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from perfreport import units
from perfreport.judge.findings import (
    Change,
    ChangeVerdict,
    Comparison,
    NewFailure,
    PhaseChange,
    Place,
    ShiftPoint,
)
from perfreport.render.build_finding import change_text
from perfreport.render.build_text import (
    ROW_BADGES,
    STATISTIC_WORDS,
    anchor,
    count,
    counted,
    ms_number,
    plain,
    unique,
)
from perfreport.render.change_words import decide_text, statistic_word, sure_text
from perfreport.render.figures.periods import period_plot
from perfreport.render.figures.shift import shift_plot
from perfreport.render.model_comparison import NewFailureRow, PhaseRow, PlaceFigure, QuantileRow

_MOST = 150  # endpoints whose figures a page holds: about 10 KB each
_OPENED = 6
_OPENED_IN_REPORT = 1
_FAILURES_SHOWN = 10
_MOVED = (ChangeVerdict.REGRESSED, ChangeVerdict.IMPROVED)
_OPEN = (ChangeVerdict.INCONCLUSIVE, ChangeVerdict.NOT_COMPARABLE)
_WORST_FIRST = (*_MOVED, ChangeVerdict.INCONCLUSIVE, ChangeVerdict.NOT_COMPARABLE, ChangeVerdict.UNCHANGED)  # fmt: skip


@dataclass(frozen=True)
class Places:
    """The places that a page shows, the id of each by its endpoint, and how many are left out."""

    figures: tuple[PlaceFigure, ...]
    ids: dict[str, str]
    left_out: str


def places(comparison: Comparison, prefix: str, band: float, moved_only: bool) -> Places:
    """The worst first, then the busiest; `moved_only` leaves out where nothing changed.

    prefix  of the ids, which are those of one page
    """
    rows_of: dict[str, list[Change]] = {}
    for row in comparison.comparisons:
        rows_of.setdefault(row.name, []).append(row)
    verdicts = {
        place.name: _verdict(rows_of.get(place.name, ()), comparison) for place in comparison.places
    }
    told = [
        place
        for place in comparison.places
        if _has_figures(place) and not (moved_only and verdicts[place.name] not in _MOVED)
    ]
    told.sort(key=lambda place: _WORST_FIRST.index(verdicts[place.name]))
    shown = told[:_MOST]
    opened = _OPENED_IN_REPORT if moved_only else _OPENED
    ids = unique(anchor(prefix, "place", place.name) for place in shown)
    figures = tuple(
        _figure(
            place,
            id_,
            verdicts[place.name],
            rows_of.get(place.name, ()),
            band,
            n < opened,
            comparison.gate,
        )
        for n, (place, id_) in enumerate(zip(shown, ids, strict=True))
    )
    left_out = len(told) - len(shown)
    return Places(
        figures,
        dict(zip((place.name for place in shown), ids, strict=True)),
        f"Not drawn: {counted(left_out, 'endpoint')} with fewer requests." if left_out else "",
    )


def _has_figures(place: Place) -> bool:
    return bool(place.shift or place.phases or place.periods or place.failures)


def _verdict(rows: Iterable[Change], comparison: Comparison) -> ChangeVerdict:
    """The worst verdict of an endpoint's rows: what moved counts always, doubt where it is gated."""
    found = {
        row.verdict
        for row in rows
        if row.verdict in _MOVED or (row.statistic in comparison.gate and row.verdict)
    }
    return next((each for each in _WORST_FIRST if each in found), ChangeVerdict.UNCHANGED)


def _figure(
    place: Place,
    id_: str,
    verdict: ChangeVerdict,
    rows: Sequence[Change],
    band: float,
    first: bool,
    gate: Collection[str],
) -> PlaceFigure:
    name = plain(place.name)
    return PlaceFigure(
        id=id_,
        name=name,
        badge=ROW_BADGES[verdict],
        changes=", ".join(_moved_text(row) for row in rows if row.verdict in _MOVED)
        or ", ".join(
            statistic_word(row)
            for row in rows
            if row.verdict is verdict and verdict in _OPEN and row.statistic in gate
        ),
        why=plain(place.why, 300),
        sure=plain(sure_text(rows), 300),
        needs=plain(decide_text(row for row in rows if row.statistic in gate), 300),
        opened=first and verdict in _MOVED,
        shift=shift_plot(place.shift, band, f"Change of each percentile of {name}"),
        quantiles=tuple(_quantile(point) for point in place.shift),
        periods=period_plot(place.periods, band, f"Change of the median of {name} over time"),
        phases=_phases(place.phases),
        failures=tuple(_failure(failure) for failure in place.failures[:_FAILURES_SHOWN]),
    )


def _moved_text(row: Change) -> str:
    return f"{STATISTIC_WORDS.get(row.statistic, plain(row.statistic, 20))} {change_text(row)}"


def _quantile(point: ShiftPoint) -> QuantileRow:
    interval = ""
    if point.low is not None and point.high is not None:
        low, high = (
            units.signed_percent(bound).removesuffix(" %") for bound in (point.low, point.high)
        )
        interval = f"[{low}, {high}]"
    return QuantileRow(
        f"P{point.q * 100:.4g}",
        ms_number(point.baseline_ms),
        ms_number(point.run_ms),
        units.signed_percent(point.change),
        interval,
    )


def _phases(phases: Sequence[PhaseChange]) -> tuple[PhaseRow, ...]:
    longest = max((max(each.baseline_ms, each.run_ms) for each in phases), default=0.0)
    return tuple(
        PhaseRow(
            plain(each.phase, 20),
            ms_number(each.baseline_ms),
            ms_number(each.run_ms),
            _signed_ms(each.run_ms - each.baseline_ms),
            _width(each.baseline_ms, longest),
            _width(each.run_ms, longest),
        )
        for each in phases
    )


def _signed_ms(difference: float) -> str:
    text = units.number(abs(difference), 2)
    sign = "" if float(text.replace(",", "")) == 0 else "+" if difference > 0 else "−"
    return f"{sign}{text}"


def _width(value: float, longest: float) -> str:
    return f"{100 * value / longest:.1f}" if longest > 0 else "0"


def _failure(failure: NewFailure) -> NewFailureRow:
    return NewFailureRow(
        "–" if failure.status is None else str(failure.status),
        plain(failure.error, 200) or "no message",
        count(failure.count),
        units.percent(failure.share),
    )
