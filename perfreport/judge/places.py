"""Where do two runs differ: at which percentiles, in which phase, when, and in new ways to fail?"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from statistics import median

import numpy as np

from perfreport import units
from perfreport.judge.findings import (
    Change,
    ChangeVerdict,
    NewFailure,
    PeriodChange,
    PhaseChange,
    Place,
    RunToRunSd,
    ShiftPoint,
)
from perfreport.judge.newfailures import new_failures
from perfreport.judge.rows import CELLS_AT_LEAST
from perfreport.judge.side import Side
from perfreport.sla.settings import CompareSettings
from perfreport.stats.difference import log_difference
from perfreport.stats.intervals import LogQuantile, enough_beyond
from perfreport.stats.periods import stretch
from perfreport.stats.shift import log_quantiles, period_medians
from perfreport.stats.sketch import Sketch, within
from perfreport.stats.spent import PHASES, Spent

_QUANTILES = (*(percent / 100 for percent in range(5, 100, 5)), 0.99)
_PERIODS, _PERIOD_S = 10, 30.0  # fewer where a tenth of the window were shorter than half a minute
_SAME_LENGTH = 0.05  # periods of windows that differ by more are not the same part of the test
_INSIDE_K6 = ("send", "wait", "receive")  # what a duration without connecting is made of
_PHASE_SHARE = 0.2  # of the change: a phase that carries less is not worth a sentence
_MEAN_MOVED = 0.02  # of the mean: below, a share of the change is a share of noise
_THROUGHOUT = "throughout the run"
_ENDPOINTS_AT_LEAST = 5
_SHARED_AT_LEAST = 0.02
_ALIKE = 0.8  # of the endpoints


def places(
    baselines: Sequence[Side],
    run: Side,
    settings: CompareSettings,
    changes: Sequence[Change],
    successes_only: Collection[str] = (),
    sd: RunToRunSd | None = None,
) -> tuple[Place, ...]:
    """Where each endpoint differs, in the order of the rows of the comparison.

    Figures are those of the sketch, within 0.4 % of the exact ones.
    changes         the rows as they are judged: only an endpoint that changed gets a sentence, or
                    one that may have, where one stretch of time surely did
    successes_only  endpoints of which the successful requests alone are timed
    sd              the variation between runs, in place of the assumed one
    """
    rows: dict[str, list[Change]] = {}
    for change in changes:
        rows.setdefault(change.name, []).append(change)
    assumed = settings.run_to_run_sd
    varies = sd or RunToRunSd(assumed, assumed, assumed, source="assumed", runs=1)
    return tuple(
        _place(name, own, baselines, run, settings, name in successes_only, varies)
        for name, own in rows.items()
    )


def _place(
    name: str,
    rows: Sequence[Change],
    baselines: Sequence[Side],
    run: Side,
    settings: CompareSettings,
    successes_only: bool,
    sd: RunToRunSd,
) -> Place:
    known = [side for side in baselines if name in side.sketches]
    cut = [_cut(side, name, successes_only) for side in known]
    # History with too few cells of time is left out, as in the rows.
    before = [sketch for sketch in cut if sketch.filled_cells >= CELLS_AT_LEAST] or cut
    after = _cut(run, name, successes_only) if name in run.sketches else None
    shift: tuple[ShiftPoint, ...] = ()
    periods: tuple[PeriodChange, ...] = ()
    when = ""
    if before and after is not None:
        shift = _shift(before, after, sd)
        periods, when = _periods(before, after, settings)
    whole, phases = _phases([side for side in baselines if name in side.spent], run, name)
    failures = new_failures(name, baselines, run)
    moved = {row.verdict for row in rows if row.statistic in ("p50", "p95", "p99")}
    said = [_failures_text(failures)]
    if ChangeVerdict.INCONCLUSIVE in moved and when != _THROUGHOUT:
        said = [when, *said]  # one slow stretch makes the whole unsure; it is sure itself
    if moved & {ChangeVerdict.REGRESSED, ChangeVerdict.IMPROVED}:
        slower = ChangeVerdict.REGRESSED in moved
        times = [
            _shift_text(shift, slower, settings),
            _phases_text(whole, phases, run, slower),
            when,
        ]
        said = [*times, _failures_text(failures)]
    return Place(name, shift, phases, periods, failures, "; ".join(filter(None, said)))


def _cut(side: Side, name: str, successes_only: bool) -> Sketch:
    sketch = within({name: side.sketches[name]}, side.start, side.window)[name]
    return sketch.successful() if successes_only else sketch


# --- At which percentiles -------------------------------------------------------------------------


def _shift(before: Sequence[Sketch], after: Sketch, sd: RunToRunSd) -> tuple[ShiftPoint, ...]:
    """The change at quantiles from 0.05 to 0.99, as far as all runs have requests beyond them."""
    fewest = min(sketch.timed for sketch in (*before, after))
    quantiles = [q for q in _QUANTILES if enough_beyond(fewest, q)]
    if not quantiles:
        return ()
    theirs = [log_quantiles(sketch, quantiles) for sketch in before]
    ours = log_quantiles(after, quantiles)
    known = [each for each in theirs if each is not None]
    if ours is None or len(known) < len(theirs):
        return ()
    return tuple(
        _shift_point(q, ours[at], [each[at] for each in known], sd)
        for at, q in enumerate(quantiles)
    )


def _shift_point(
    q: float, run: LogQuantile, baselines: Sequence[LogQuantile], sd: RunToRunSd
) -> ShiftPoint:
    varies = sd.p50 if q < 0.75 else sd.p95 if q < 0.97 else sd.p99
    difference = log_difference(run, baselines, varies)
    low, high = difference.interval()
    return ShiftPoint(
        q,
        math.exp(run.log_ms - difference.value),
        math.exp(run.log_ms),
        math.expm1(difference.value),
        _bounded(low),
        _bounded(high),
    )


def _bounded(log_change: float) -> float | None:
    """A change as a fraction; None where the bound says nothing any more (a factor of e^50)."""
    return math.expm1(log_change) if abs(log_change) < 50 else None


def _shift_text(shift: Sequence[ShiftPoint], slower: bool, settings: CompareSettings) -> str:
    """Which percentiles moved for sure, in the direction of the verdict: "from P90 on (+24 %)"."""
    moved = [at for at, point in enumerate(shift) if _moved(point, slower, settings)]
    steps_ms = [abs(shift[at].run_ms - shift[at].baseline_ms) for at in moved]
    if max(steps_ms, default=0.0) < settings.min_effect_ms:  # the rounding of a tool
        return ""
    first, last = moved[0], moved[-1]
    where = _from_to(shift[first].q, shift[last].q, at_median=_covers_median(shift, moved))
    changes = [shift[at].change for at in moved]
    low, high = (units.signed_percent(bound) for bound in (min(changes), max(changes)))
    size = low if low == high else f"{low} to {high}"
    return f"{'slower' if slower else 'faster'} {where.replace('(…)', f'({size})')}"


def _moved(point: ShiftPoint, slower: bool, settings: CompareSettings) -> bool:
    if point.low is None or point.high is None:
        return False
    if slower:
        return point.low > 0 and point.change >= settings.min_effect
    return point.high < 0 and math.log1p(point.change) <= -math.log1p(settings.min_effect)


def _covers_median(shift: Sequence[ShiftPoint], moved: Iterable[int]) -> bool:
    return any(abs(shift[at].q - 0.5) < 0.01 for at in moved)


def _from_to(first: float, last: float, at_median: bool) -> str:
    if first == last:
        return f"at P{round(first * 100)} (…)" + ("" if at_median else ", not at the median")
    if first <= 0.10 and last >= 0.90:
        return "at every percentile (…)"
    if last >= 0.90:
        return f"from P{round(first * 100)} on (…)" + ("" if at_median else ", not at the median")
    if first <= 0.10:
        return f"up to P{round(last * 100)} (…)"
    return f"from P{round(first * 100)} to P{round(last * 100)} (…)"


# --- In which phase -------------------------------------------------------------------------------


def _phases(
    baselines: Sequence[Side], run: Side, name: str
) -> tuple[PhaseChange | None, tuple[PhaseChange, ...]]:
    """Mean time of the whole response, and of each phase that all runs recorded."""
    if not baselines or name not in run.spent:
        return None, ()
    before = [_spent(side, name) for side in baselines]
    after = _spent(run, name)
    shared = [
        phase for phase in PHASES if all(phase in each.phases_ms for each in (*before, after))
    ]
    found = (_phase_change(before, after, phase) for phase in shared)
    return _phase_change(before, after, None), tuple(each for each in found if each is not None)


def _phase_change(before: Sequence[Spent], after: Spent, phase: str | None) -> PhaseChange | None:
    """Run against the mean of the baselines; None where one side had no requests."""
    theirs = [mean for each in before if (mean := each.mean_ms(phase)) is not None]
    ours = after.mean_ms(phase)
    if not theirs or ours is None:
        return None
    return PhaseChange(phase or "duration", sum(theirs) / len(theirs), ours)


def _spent(side: Side, name: str) -> Spent:
    start, end = side.window.start, side.window.end
    return side.spent[name].between(
        (start - side.start).total_seconds(), (end - side.start).total_seconds()
    )


def _phases_text(
    whole: PhaseChange | None, phases: Sequence[PhaseChange], run: Side, slower: bool
) -> str:
    """The phase that carries most of the change of the mean, where it does change that way."""
    if whole is None:
        return ""
    total = whole.run_ms - whole.baseline_ms
    if (total > 0) != slower or abs(total) < _MEAN_MOVED * whole.baseline_ms:
        return ""
    inside = _INSIDE_K6 if run.info.response_time == "without_connect" else PHASES
    parts = [phase for phase in phases if phase.phase in inside]
    if not parts:
        return ""
    largest = max(parts, key=lambda phase: (phase.run_ms - phase.baseline_ms) / total)
    step = largest.run_ms - largest.baseline_ms
    if step / total < _PHASE_SHARE:
        return ""
    share = f"{min(step / total, 1.0) * 100:.0f} %"
    return f"{largest.phase} carries {share} of it ({_signed(step)} of {_signed(total)} ms of the mean)"


def _signed(value_ms: float) -> str:
    return f"{'+' if value_ms >= 0 else '−'}{units.number(abs(value_ms), 2)}"


# --- When -----------------------------------------------------------------------------------------


def _periods(
    before: Sequence[Sketch], after: Sketch, settings: CompareSettings
) -> tuple[tuple[PeriodChange, ...], str]:
    """The change of the median part by part of the judged window, and whether it has its time.

    Each part is held against the same part of the baseline: what the test does at one time, and what
    is left of the warm-up, cancels. Where windows differ in length by more than 5 %, the parts are
    not the same and each is held against the median of the whole baseline.
    """
    seconds = after.cells * after.cell_s
    count = min(_PERIODS, int(seconds / _PERIOD_S), after.cells)
    if count < 2:
        return (), ""
    same = all(
        abs(sketch.cells * sketch.cell_s - seconds) <= _SAME_LENGTH * seconds
        and sketch.cells >= count
        for sketch in before
    )
    ours, our_errors = period_medians(after, count)
    theirs, their_errors = zip(
        *(period_medians(sketch, count if same else 1) for sketch in before), strict=True
    )
    changes = ours - np.mean(theirs, axis=0)
    errors = np.hypot(our_errors, np.sqrt(np.mean(np.square(their_errors), axis=0) / len(before)))
    changes = np.where(errors > 0, changes, np.where(np.isnan(errors), np.nan, changes))
    borders = [_border(after, at, count) for at in range(count + 1)]
    found = tuple(
        PeriodChange(borders[at], borders[at + 1], None if math.isnan(value) else math.expm1(value))
        for at, value in enumerate(changes.tolist())
    )
    median_ms = float(np.mean([sketch.quantile_ms(0.5) or 0.0 for sketch in before]))
    return found, _when(changes, errors, borders, median_ms, settings)


def _border(sketch: Sketch, at: int, periods: int) -> float:
    """Where a part begins, in seconds from the window's start: the first cell that `batches` puts there."""
    return -(-at * sketch.cells // periods) * sketch.cell_s


def _when(
    changes: np.ndarray[tuple[int], np.dtype[np.float64]],
    errors: np.ndarray[tuple[int], np.dtype[np.float64]],
    borders: Sequence[float],
    median_ms: float,
    settings: CompareSettings,
) -> str:
    if np.isnan(changes).any() or len(changes) < _PERIODS:
        return ""  # too little to tell a stretch from noise
    found = stretch(changes, errors, math.log1p(settings.min_effect))
    if found is not None and _counts(changes[slice(*found)], median_ms, settings):
        first, last = found
        start, end = units.span(borders[first]), units.span(borders[last])
        size = units.signed_percent(math.expm1(float(changes[first:last].mean())))
        if last == len(changes):
            return f"median {size} from {start} of the judged window on"
        periods = f"{last - first} of {len(changes)} periods"
        return f"median {size} in {periods}, {start} to {end} of the judged window"
    usual = float(np.median(changes))
    alike = np.mean(changes * np.sign(usual) >= abs(usual) / 2)
    return _THROUGHOUT if abs(usual) >= _MEAN_MOVED and alike >= _ALIKE else ""


def _counts(
    changes: np.ndarray[tuple[int], np.dtype[np.float64]],
    median_ms: float,
    settings: CompareSettings,
) -> bool:
    """Whether a stretch moved by enough milliseconds: tools round, and 0 ms to 1 is no factor."""
    return abs(math.expm1(float(changes.mean()))) * median_ms >= settings.min_effect_ms


# --- New ways to fail, and what all endpoints share -----------------------------------------------


def _failures_text(failures: Sequence[NewFailure]) -> str:
    if not failures:
        return ""
    first = failures[0]
    kind = " ".join(str(part) for part in (first.status, first.error) if part is not None)
    times = "once" if first.count == 1 else f"{first.count:,} times"
    more = f", and {len(failures) - 1} more" if len(failures) > 1 else ""
    return f"new: {kind or 'a failure without a message'}, {times}{more}"


def shared_why(changes: Iterable[Change]) -> str:
    """What moved all endpoints alike, as a sentence; empty where nothing did.

    At least five endpoints, their median change of P50 at least 2 %, and four in five of them at
    between half of it and twice as much (docs/statistics.md: how often that is wrong).
    """
    shifts = [
        math.log1p(row.change)
        for row in changes
        if row.statistic == "p50" and row.change is not None and row.change > -1
    ]
    if len(shifts) < _ENDPOINTS_AT_LEAST:
        return ""
    usual = median(shifts)
    if abs(usual) < math.log1p(_SHARED_AT_LEAST):
        return ""
    alike = sum(0.5 <= shift / usual <= 2 for shift in shifts)
    if alike < _ALIKE * len(shifts):
        return ""
    which = "all" if alike == len(shifts) else f"{alike} of {len(shifts)}"
    moved = units.signed_percent(math.expm1(usual))
    return f"{which} endpoints {moved} at P50: looks like the environment, or like what they share"
