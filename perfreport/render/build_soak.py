"""The soak table in the form of the guide's section 8.3, with each series' trend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from perfreport import units
from perfreport.judge.evidence import RunEvidence
from perfreport.judge.findings import Trend, TrendVerdict
from perfreport.render.build_series import (
    in_unit,
    label_text,
    lines_of,
    series_title,
    series_unit,
    telling_labels,
    with_gaps,
)
from perfreport.render.build_text import (
    TREND_BADGES,
    bare_quantity,
    capital,
    counted,
    listed,
    plain,
    things,
)
from perfreport.render.figures.sparkline import Sparkline, spark_line
from perfreport.render.model import Soak, SoakRow
from perfreport.sla.model import Pack
from perfreport.tables import SeriesPoint

_ORDER = list(TREND_BADGES)


def soak(run: RunEvidence, pack: Pack) -> Soak | None:
    """The table, or None where no trend was judged."""
    if not run.trends:
        return None
    lines = lines_of(run.series)
    ranked = sorted(
        run.trends,
        key=lambda t: (
            _ORDER.index(t.verdict),
            pack.series_named(t.name) is None,
            t.name,
            tuple(sorted(t.labels.items())),
        ),
    )
    shown = [trend for trend in ranked if not _is_aside(trend, pack)]
    folded = [trend for trend in ranked if _is_aside(trend, pack)]
    told = _telling(ranked)
    hours = run.whole.seconds / 3600
    first, middle, last = _headings(hours)
    return Soak(
        title=_title(ranked, pack, hours),
        sub=(
            "Medians of windows at the start, half and end; heap and memory as their floor after "
            "collection. Growth per hour with its 95 % interval, warm-up left out. "
            "To limit: hours until the limit if growth goes on as it did."
        ),
        first=first,
        middle=middle,
        last=last,
        spark_heading=f"0 to {units.span(run.whole.seconds)}",
        rows=tuple(_row(run, trend, pack, lines, told) for trend in shown),
        more=tuple(_row(run, trend, pack, lines, told) for trend in folded),
        more_label=f"{capital(counted(len(folded), 'series', 'series'))} that the pack does not name, stable",
    )


def _is_aside(trend: Trend, pack: Pack) -> bool:
    """True for what nobody asked for and that did not move."""
    return trend.verdict is TrendVerdict.STABLE and pack.series_named(trend.name) is None


def _telling(trends: Sequence[Trend]) -> dict[str, list[str]]:
    """By series name the labels that tell its lines apart."""
    by_name: dict[str, list[Mapping[str, str]]] = {}
    for trend in trends:
        by_name.setdefault(trend.name, []).append(trend.labels)
    return {name: telling_labels(labels) for name, labels in by_name.items()}


def _told(trend: Trend, told: Mapping[str, list[str]]) -> str:
    return label_text({key: trend.labels[key] for key in told[trend.name] if key in trend.labels})


def _headings(hours: float) -> tuple[str, str, str]:
    """The guide's Hour 1, 12 and 24 where the run is that long."""
    if hours < 4:
        return "Start", "Half", "End"
    return "Hour 1", f"Hour {hours / 2:.0f}", f"Hour {hours:.0f}"


def _row(
    run: RunEvidence,
    trend: Trend,
    pack: Pack,
    lines: Mapping[str, Mapping[tuple[tuple[str, str], ...], list[SeriesPoint]]],
    told: Mapping[str, list[str]],
) -> SoakRow:
    points = lines.get(trend.name, {}).get(tuple(sorted(trend.labels.items())), [])
    first, middle, last = (
        bare_quantity(v, trend.unit) for v in (trend.first, trend.middle, trend.last)
    )
    return SoakRow(
        name=series_title(pack, trend.name),
        labels=", ".join(filter(None, [_told(trend, told), things(trend.unit)])),
        first=first,
        middle=middle,
        last=last,
        slope=_slope(trend.slope_per_h, trend.unit),
        slope_interval=_interval(trend),
        to_limit=_to_limit(trend),
        badge=TREND_BADGES[trend.verdict],
        why=plain(trend.why, 400),
        spark=_spark(run, trend, pack, points),
    )


def _spark(
    run: RunEvidence, trend: Trend, pack: Pack, points: Sequence[SeriesPoint]
) -> Sparkline | None:
    if not points:
        return None
    limit = in_unit(trend.limit, trend.unit, series_unit(pack, trend.name, points))
    drawn = with_gaps([(point.at_s, point.value) for point in points])
    return spark_line(drawn, run.whole.seconds, limit)


def _slope(slope: float | None, unit: str | None) -> str:
    if slope is None:
        return "–"
    sign = "+" if slope > 0 else "−" if slope < 0 else ""
    return f"{sign}{bare_quantity(abs(slope), unit)}/h"


def _interval(trend: Trend) -> str:
    if trend.slope_low is None or trend.slope_high is None:
        return ""
    low, high = (
        _slope(bound, trend.unit).removesuffix("/h")
        for bound in (trend.slope_low, trend.slope_high)
    )
    unit = _slope(trend.slope_per_h, trend.unit).removesuffix("/h").partition(" ")[2]
    if unit and all(bound.partition(" ")[2] == unit for bound in (low, high)):
        low, high = (bound.removesuffix(f" {unit}") for bound in (low, high))
    return f"[{low}, {high}]"


def _to_limit(trend: Trend) -> str:
    if trend.limit is None:
        return "no limit given"
    limit = bare_quantity(trend.limit, trend.unit)
    if trend.verdict is not TrendVerdict.GROWING or trend.hours_to_limit is None:
        return f"limit {limit}"
    hours = f"{units.number(trend.hours_to_limit)} h to {limit}"
    low, high = trend.hours_to_limit_low, trend.hours_to_limit_high
    if low is None:
        return hours
    return f"{hours} [{units.number(low)}, {'no end' if high is None else units.number(high)}]"


def growing_text(trends: Sequence[Trend], pack: Pack) -> str:
    """Which series of the pack grow and how fast: `JVM heap grows by 41 MiB/h`."""
    growing = [t for t in trends if t.verdict is TrendVerdict.GROWING]
    named = [t for t in growing if pack.series_named(t.name)] or growing
    return listed(
        f"{series_title(pack, t.name)} grows by {_slope(t.slope_per_h, t.unit).removeprefix('+')}"
        for t in named
    )


def _title(trends: list[Trend], pack: Pack, hours: float) -> str:
    growing = list(
        dict.fromkeys(
            series_title(pack, t.name) for t in trends if t.verdict is TrendVerdict.GROWING
        )
    )
    unsure = sum(t.verdict is TrendVerdict.INCONCLUSIVE for t in trends)
    span = units.span(hours * 3600)
    tail = f"; {counted(unsure, 'series', 'series')} inconclusive" if unsure else ""
    if not growing:
        return (
            f"8.3 After {span} nothing grows{tail}"
            if not unsure
            else f"8.3 After {span} no series is shown to grow{tail}"
        )
    verb = "grows" if len(growing) == 1 else "grow"
    return f"8.3 After {span} {listed(growing)} still {verb}{tail}"
