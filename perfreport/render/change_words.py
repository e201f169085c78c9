"""The words of a comparison: the same in the terminal, in Markdown, and on the page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from perfreport import units
from perfreport.judge.findings import Change, ChangeVerdict, Comparison, NewFailure, Place

VERDICT_WORDS = {
    ChangeVerdict.REGRESSED: "Regressed",
    ChangeVerdict.IMPROVED: "Improved",
    ChangeVerdict.UNCHANGED: "Unchanged",
    ChangeVerdict.INCONCLUSIVE: "Inconclusive",
    ChangeVerdict.NOT_COMPARABLE: "Not comparable",
}
STATISTIC_WORDS = {
    "p50": "P50", "p95": "P95", "p99": "P99", "mean": "mean",
    "error_rate": "errors", "throughput": "throughput",
}  # fmt: skip
_MOVED = (ChangeVerdict.REGRESSED, ChangeVerdict.IMPROVED)
_UNDECIDED = (ChangeVerdict.INCONCLUSIVE, ChangeVerdict.NOT_COMPARABLE)
_NOT_JUDGED = "not judged: "


@dataclass(frozen=True)
class Endpoint:
    """One endpoint of a comparison: the rows that matter of it, and where it differs."""

    name: str
    rows: tuple[Change, ...]
    place: Place | None


@dataclass(frozen=True)
class Told:
    """The endpoints by what can be said of them, the busiest first; worse ones before better ones.

    open_errors  rows of endpoints that are unchanged but for an error rate that no data would decide
    """

    changed: tuple[Endpoint, ...]
    undecided: tuple[Endpoint, ...]
    open_errors: tuple[Change, ...]
    unchanged: tuple[str, ...]


def told(comparison: Comparison) -> Told:
    """What changed in any statistic, and what is undecided in one that makes the verdict."""
    rows_of: dict[str, list[Change]] = {}
    for row in comparison.comparisons:
        rows_of.setdefault(row.name, []).append(row)
    places = {place.name: place for place in comparison.places}
    changed, undecided, open_errors, unchanged = [], [], [], []
    for name, rows in rows_of.items():
        moved = [row for row in rows if row.verdict in _MOVED]
        open_rows = [
            row for row in rows if row.verdict in _UNDECIDED and row.statistic in comparison.gate
        ]
        if moved:
            shown = [row for row in rows if row in moved or row.statistic in comparison.gate]
            changed.append(Endpoint(name, tuple(shown), places.get(name)))
        elif len(open_rows) == 1 and _is_past_deciding(open_rows[0], places.get(name)):
            open_errors += open_rows
        elif open_rows:
            undecided.append(Endpoint(name, tuple(open_rows), places.get(name)))
        else:
            unchanged.append(name)
    changed.sort(key=lambda endpoint: not is_worse(endpoint.rows))
    return Told(tuple(changed), tuple(undecided), tuple(open_errors), tuple(unchanged))


def _is_past_deciding(row: Change, place: Place | None) -> bool:
    """An error rate that varies too much from run to run; where it fails in a new way it is told."""
    is_open = row.statistic == "error_rate" and row.verdict is ChangeVerdict.INCONCLUSIVE
    nothing_helps = row.more_runs is None and row.minutes is None
    return is_open and nothing_helps and not (place and (place.failures or place.why))


def open_errors_text(rows: Sequence[Change]) -> str:
    """`errors too unsteady to tell in 3 endpoints (a rise shows from 0.70 to 1.5 points on)`"""
    if not rows:
        return ""
    bounds = sorted(row.detectable for row in rows if row.detectable is not None)
    texts = list(dict.fromkeys(units.number(bound * 100, 2) for bound in bounds))
    span = f"{texts[0]} to {texts[-1]}" if len(texts) > 1 else "".join(texts)
    noun = "endpoint" if len(rows) == 1 else "endpoints"
    shows = f" (a rise shows from {span} points on)" if texts else ""
    return f"errors too unsteady to tell in {len(rows):,} {noun}{shows}"


def is_worse(rows: Iterable[Change]) -> bool:
    """True where a row became worse, whatever the others did."""
    return any(row.verdict is ChangeVerdict.REGRESSED for row in rows)


def reasons(comparison: Comparison) -> list[str]:
    """How the verdict came about, then every doubt; once each where doubts are the verdict."""
    doubts = [doubt.why for doubt in comparison.comparable]
    if comparison.verdict is ChangeVerdict.NOT_COMPARABLE and doubts:
        return doubts
    return [comparison.why, *doubts]


def statistic_word(row: Change) -> str:
    return STATISTIC_WORDS.get(row.statistic, row.statistic)


def value_text(row: Change, value: float | None) -> str:
    """A value of the row's statistic with its unit; nothing where there is none."""
    if value is None:
        return ""
    unit = {"error_rate": "1", "throughput": "/s"}.get(row.statistic, "ms")
    return units.quantity_text(value, unit)


def change_text(row: Change, value: float | None) -> str:
    """A change: percent, or percentage points for an error rate."""
    if value is None:
        return ""
    if row.statistic == "error_rate":
        points = f"{value * 100:+.2f}"
        return ("0.00" if float(points) == 0 else points.replace("-", "−")) + " pp"
    return units.signed_percent(value)


def interval_text(row: Change) -> str:
    """The 90 % interval of a change without its unit: `+7.6 to +20.6`."""
    if row.ci_low is None or row.ci_high is None:
        return ""
    low, high = (change_text(row, bound).rpartition(" ")[0] for bound in (row.ci_low, row.ci_high))
    return f"{low} to {high}"


def row_word(verdict: ChangeVerdict | None) -> str:
    """A row that is not comparable had too little data, or stands in runs that are not."""
    if verdict is ChangeVerdict.NOT_COMPARABLE:
        return "not judged"
    return VERDICT_WORDS[verdict].lower() if verdict else ""


def sure_text(rows: Iterable[Change]) -> str:
    """How sure the rows that moved are: `P50 p 0.0006, detectable from 9 %; P95 ...`."""
    parts = []
    for row in rows:
        if row.verdict in _MOVED and row.p_value is not None:
            p_value = row.p_value
            p = f"p {units.number(p_value, 2)}" if p_value >= 0.0001 else "p < 0.0001"
            seen = f", detectable from {detectable_text(row)}" if row.detectable is not None else ""
            block = (
                ""
                if row.typical is None
                else f", typical block {units.signed_percent(row.typical)}"
            )
            parts.append(f"{statistic_word(row)} {p}{seen}{block}")
    return "; ".join(parts)


def detectable_text(row: Change) -> str:
    """The smallest change that would have been seen: `9 %`, or `0.12 pp` for an error rate."""
    value = row.detectable or 0.0
    if row.statistic == "error_rate":
        return f"{units.number(value * 100, 2)} pp"
    return units.percent(value)


def decide_text(rows: Iterable[Change]) -> str:
    """What would decide the undecided rows: `P50, P95: 3 more runs, or 25 min of load a run`."""
    statistics: dict[str, list[str]] = {}
    for row in rows:
        if text := _decided_by(row):
            statistics.setdefault(text, []).append(statistic_word(row))
    return "; ".join(f"{', '.join(words)}: {text}" for text, words in statistics.items())


def _decided_by(row: Change) -> str:
    if row.verdict is ChangeVerdict.NOT_COMPARABLE:
        return row.why.removeprefix(_NOT_JUDGED) if row.why.startswith(_NOT_JUDGED) else ""
    if row.verdict is not ChangeVerdict.INCONCLUSIVE:
        return ""
    ways = []
    if row.more_runs is not None:
        ways.append(f"{row.more_runs:,} more {'run' if row.more_runs == 1 else 'runs'}")
    if row.minutes is not None:
        ways.append(f"{units.span(row.minutes * 60)} of load a run")
    return " or ".join(ways)


def failures_text(failures: Sequence[NewFailure], most: int = 3) -> str:
    """`504 upstream: no answer, 892 times (0.37 %)` for each new way to fail."""
    shown = [failure_text(failure) for failure in failures[:most]]
    if len(failures) > most:
        shown.append(f"{len(failures) - most} more")
    return "; ".join(shown)


def failure_text(failure: NewFailure) -> str:
    """One way to fail, how often, and the share of the endpoint's requests."""
    return f"{failure_name(failure)}, {failure.count:,} × ({units.percent(failure.share)})"


def failure_name(failure: NewFailure) -> str:
    """Status and message; what is known of them."""
    status = str(failure.status) if failure.status is not None else ""
    return " ".join(filter(None, [status, failure.error])) or "no status, no message"


def sd_line(comparison: Comparison) -> str:
    """Where the run-to-run variation came from, and the shift shared by all endpoints."""
    sd = comparison.run_to_run_sd
    source = "assumed" if sd.source == "assumed" else f"from {sd.runs} runs"
    values = units.percent(sd.p50)
    if len({sd.p50, sd.p95, sd.p99}) > 1:
        each = zip(("P50", "P95", "P99"), (sd.p50, sd.p95, sd.p99), strict=True)
        values = ", ".join(f"{word} {units.percent(value)}" for word, value in each)
    line = f"run-to-run sd {source}: {values}"
    if comparison.shared_why:
        line += f"; {comparison.shared_why}"
    elif comparison.shared_shift is not None:
        line += f"; median change of P50 {units.signed_percent(comparison.shared_shift)}"
    return line


def baseline_text(comparison: Comparison) -> str:
    """`run-7`, or what the figures of several baselines are."""
    first = comparison.baselines[0].name
    more = len(comparison.baselines) - 1
    return f"geometric mean of {first} and {more} of its history" if more else first


def history_lines(comparison: Comparison) -> list[str]:
    """How many earlier runs were used, each that was left out, and what is not exact."""
    lines = []
    if len(comparison.baselines) > 1:
        lines.append(f"baseline: {baseline_text(comparison)}")
    if comparison.history:
        used = sum(earlier.used for earlier in comparison.history)
        lines.append(f"history: {used} of {len(comparison.history)} runs used")
        left_out = [earlier for earlier in comparison.history if not earlier.used]
        lines += [f"left out {earlier.name}: {earlier.why}" for earlier in left_out]
    vague = [each.name for each in (*comparison.baselines, comparison.tested) if not each.exact]
    if vague:
        lines.append(
            f"percentiles shown are within 1 % for {', '.join(vague)}: condensed, rows gone"
        )
    return lines
