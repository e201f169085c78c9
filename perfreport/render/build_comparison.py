"""A run against its baseline: what became slower, faster, or cannot be told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from perfreport import units
from perfreport.judge.findings import Change, ChangeVerdict, Comparison
from perfreport.render.build_finding import change_text, interval_text
from perfreport.render.build_places import places
from perfreport.render.build_text import (
    CHANGE_BADGES,
    ROW_BADGES,
    SENTENCE_LENGTH,
    STATISTIC_WORDS,
    capital,
    count,
    counted,
    listed,
    ms_number,
    number_word,
    plain,
)
from perfreport.render.change_words import baseline_text
from perfreport.render.figures.interval import interval_axis, interval_mark, interval_scale
from perfreport.render.figures.scale import Scale, finite
from perfreport.render.model_comparison import Compared, ComparedRow

_SHOWN = 36
_MOST_FOLDED = 1500  # rows, with about 1 KB each
_ORDER = [
    ChangeVerdict.REGRESSED,
    ChangeVerdict.IMPROVED,
    ChangeVerdict.INCONCLUSIVE,
    ChangeVerdict.UNCHANGED,
    ChangeVerdict.NOT_COMPARABLE,
    None,
]


def compared(
    comparison: Comparison,
    baseline: str,
    run: str,
    band: float,
    whole: bool = False,
    prefix: str = "",
) -> Compared:
    """A comparison of two runs by name.

    band    the change too small to matter
    whole   show where all endpoints differ, not only those that changed
    prefix  of the ids in the page
    """
    ranked = sorted(comparison.comparisons, key=_rank)
    drawn = [change for change in ranked if _is_relative(change)]
    bounds = finite(b for c in drawn for b in (c.change, c.ci_low, c.ci_high))
    scale = interval_scale(bounds, band)
    shown = [change for change in ranked if _is_told(change)][:_SHOWN] or ranked[:_SHOWN]
    above = set(map(id, shown))
    folded = [change for change in ranked if id(change) not in above]
    where = places(comparison, prefix, band, moved_only=not whole)
    return Compared(
        title=_count_title(comparison) if whole else _title(comparison),
        sub=_sub(comparison, baseline, band),
        why=plain(comparison.why, SENTENCE_LENGTH),
        doubts=tuple(plain(doubt.why, 300) for doubt in comparison.comparable),
        baseline=_baseline_head(comparison, baseline),
        run=plain(run, 24),
        axis=interval_axis(scale, band) if drawn else None,
        rows=tuple(_row(change, scale, where.ids) for change in shown),
        more=tuple(_row(change, scale, where.ids) for change in folded[:_MOST_FOLDED]),
        more_label=_more_label(folded),
        left_out=_left_out(len(folded) - _MOST_FOLDED),
        places=where.figures,
        places_left_out=where.left_out,
    )


def _baseline_head(comparison: Comparison, baseline: str) -> str:
    """The name of the baseline's column."""
    runs = len(comparison.baselines)
    return f"mean of {runs} runs" if runs > 1 else plain(baseline, 24) or "Baseline"


def _left_out(rows: int) -> str:
    return f"Not in this page: {rows:,} rows; --format json holds all." if rows > 0 else ""


def _is_told(change: Change) -> bool:
    """True for what moved, and for the P95 of each endpoint: the rest stands one click away."""
    moved = change.verdict in (ChangeVerdict.REGRESSED, ChangeVerdict.IMPROVED)
    return moved or change.statistic == "p95"


def _more_label(folded: Sequence[Change]) -> str:
    """`Eight further rows: 5 inconclusive, 3 reported`."""
    if not folded:
        return ""
    counts = Counter(change.verdict for change in folded)
    told = [
        f"{counts[verdict]} {ROW_BADGES[verdict].word.lower()}"
        for verdict in _ORDER
        if counts[verdict]
    ]
    return f"{capital(counted(len(folded), 'further row'))}: {', '.join(told)}"


def _is_relative(change: Change) -> bool:
    return change.statistic != "error_rate" and change.change is not None


def _rank(change: Change) -> tuple[int, float, str, str]:
    size = abs(change.change) if change.change is not None else 0.0
    return (_ORDER.index(change.verdict), -size, change.name, change.statistic)


def _row(change: Change, scale: Scale, place_ids: Mapping[str, str]) -> ComparedRow:
    badge = ROW_BADGES[change.verdict]
    mark = None
    if _is_relative(change) and change.change is not None:
        mark = interval_mark(scale, badge.css, change.change, change.ci_low, change.ci_high)
    return ComparedRow(
        name=plain(change.name),
        statistic=_statistic(change.statistic),
        baseline=_value(change.statistic, change.baseline),
        run=_value(change.statistic, change.run),
        change=change_text(change) or "–",
        interval=interval_text(change),
        mark=mark,
        badge=badge,
        why=plain(change.why, SENTENCE_LENGTH),
        place=place_ids.get(change.name, ""),
    )


def _statistic(statistic: str) -> str:
    word = STATISTIC_WORDS.get(statistic, plain(statistic))
    unit = {"error_rate": "", "throughput": ", per s"}.get(statistic, ", ms")
    return capital(word) + unit


def _value(statistic: str, value: float | None) -> str:
    if value is None:
        return "–"
    return units.percent(value) if statistic == "error_rate" else ms_number(value)


def _title(comparison: Comparison) -> str:
    names: dict[ChangeVerdict | None, list[str]] = {}
    for change in sorted(comparison.comparisons, key=_rank):
        names.setdefault(change.verdict, []).append(plain(change.name, 50))
    regressed, improved = (
        list(dict.fromkeys(names.get(verdict, [])))
        for verdict in (ChangeVerdict.REGRESSED, ChangeVerdict.IMPROVED)
    )
    parts = [f"{listed(regressed)} regressed"] if regressed else []
    parts += [f"{listed(improved)} improved"] if improved else []
    if parts:
        return "Against the baseline: " + ", ".join(parts)
    return f"Against the baseline: {CHANGE_BADGES[comparison.verdict].word.lower()}"


def _count_title(comparison: Comparison) -> str:
    """`Two of ten endpoints regressed, one improved`, where the verdict stands above it."""
    verdicts: dict[str, set[ChangeVerdict | None]] = {}
    for change in comparison.comparisons:
        verdicts.setdefault(change.name, set()).add(change.verdict)
    worse = sum(ChangeVerdict.REGRESSED in found for found in verdicts.values())
    better = sum(
        ChangeVerdict.IMPROVED in found and ChangeVerdict.REGRESSED not in found
        for found in verdicts.values()
    )
    endpoints = counted(len(verdicts), "endpoint")
    if not verdicts:
        return "No endpoint could be compared"
    if worse and better:
        return f"{capital(number_word(worse))} of {endpoints} regressed, {number_word(better)} improved"
    if worse or better:
        return f"{capital(number_word(worse or better))} of {endpoints} {'regressed' if worse else 'improved'}"
    return f"None of {endpoints} changed for sure"


def _sub(comparison: Comparison, baseline: str, band: float) -> str:
    spread = comparison.run_to_run_sd
    several = len(comparison.baselines) > 1
    baseline = plain(baseline_text(comparison) if several else baseline, 80) or "the baseline"
    source = "assumed" if spread.source == "assumed" else f"from {counted(spread.runs, 'run')}"
    parts = [
        f"Change from {baseline} with its 90 % interval, from batches of time. "
        f"Grey band: ±{units.percent(band)}, too small to matter. "
        f"Run-to-run spread: {units.percent(spread.p95)}, {source}."
    ]
    if comparison.shared_why:
        parts.append(f"{comparison.shared_why[0].upper()}{comparison.shared_why[1:]}.")
    elif comparison.shared_shift is not None:
        parts.append(
            f"P50 of the median endpoint moved by {units.signed_percent(comparison.shared_shift)}."
        )
    judged = [change for change in comparison.comparisons if change.verdict is not None]
    if judged:
        fewest = min(min(change.samples_baseline, change.samples_run) for change in judged)
        parts.append(f"The fewest requests behind a row: {count(fewest)}.")
    return " ".join(parts)
