"""The judged window: the one function that finds it, and how a user writes one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from perfreport import units
from perfreport.errors import InputError

FloatArray = NDArray[np.float64]
Samples = tuple[FloatArray, FloatArray]  # seconds from the run's start, values
Stage = tuple[float, float, float]  # seconds, users at its start, users at its end

_BIN_S = 5.0
_PLATEAU = 0.95  # of the median load
_HELD_WITHIN, _HELD_SHARE = 0.10, 0.8  # of the level, of the bins: users that are held
# After the ramp caches, pools and compilers still settle: in simulated runs this halves to quarters
# the bias that a cut at the plateau alone leaves (docs/statistics.md).
_SETTLE_S = 30.0
_SETTLE_OF_RAMP = 0.5
# A run of a minute would lose half of itself to the settling time; it gives up a third at most.
_SETTLE_AT_MOST = 1 / 3
_STAGES_FIT = 0.10  # a run that lasted longer or shorter than this did not follow its stages


@dataclass(frozen=True)
class Window:
    """A half-open span of time and how it was found: stages, users, rate, all or given."""

    start: datetime
    end: datetime
    how: str
    why: str = ""  # one sentence for people

    @property
    def seconds(self) -> float:
        return (self.end - self.start).total_seconds()


@dataclass(frozen=True)
class _Plateau:
    """Where the load was full, in seconds from the run's start, after a ramp of `ramp_s`."""

    start_s: float
    end_s: float
    ramp_s: float


def steady_window(
    start: datetime,
    end: datetime,
    *,
    stages: Sequence[Stage] | None = None,
    users: Samples | None = None,
    requests: Samples | None = None,
) -> Window:
    """The part of a run that is judged: full load, and the system settled.

    The pack's stages as written, where the run lasted as long as they say; else the plateau of the
    users; else of the request rate; then max(30 s, half the ramp) more, but at most a third of the
    plateau. A run of metrics only is judged whole.

    start, end  of the run; half-open, so `end` lies after the last observation
    users       seconds from `start` and the active users then, of all sources together
    requests    seconds from `start` and the requests that began then
    """
    length_s = (end - start).total_seconds()
    found: tuple[tuple[str, str, _Plateau | None], ...] = (
        ("stages", "the pack's stages", _written_plateau(stages or (), length_s)),
        ("users", "the plateau of users", _held_level(_level(users, length_s), length_s)),
        ("rate", "the plateau of the request rate", _plateau(_rate(requests, length_s), length_s)),
    )
    for how, what, plateau in found:
        if plateau is not None:
            return _settled(start, end, plateau, how, what)
    return whole_window(start, end)


def whole_window(start: datetime, end: datetime) -> Window:
    """All of a run."""
    return Window(start, end, "all", "the whole run")


def latest_cut(judged: Sequence[tuple[datetime, Window]]) -> list[Window]:
    """Windows of several runs with the latest of their cuts, so that what is left of the warm-up cancels.

    judged  the start of each run, and its window
    """
    cut = max(window.start - start for start, window in judged)
    return [_cut_at(window, start + cut) for start, window in judged]


def _cut_at(window: Window, at: datetime) -> Window:
    if at == window.start:
        return window
    why = f"{window.why}; starts as late as in the other runs"
    return Window(min(at, window.end), window.end, window.how, why)


def _settled(start: datetime, end: datetime, plateau: _Plateau, how: str, what: str) -> Window:
    """The window after the settling time; its sentence tells where that had to be shortened."""
    wanted_s = max(_SETTLE_S, _SETTLE_OF_RAMP * plateau.ramp_s)
    allowed_s = (plateau.end_s - plateau.start_s) * _SETTLE_AT_MOST
    why = f"{what} from {units.span(plateau.start_s)}"
    if wanted_s <= allowed_s:
        settle_s = wanted_s
        why += f", and {units.span(settle_s)} more to settle"
    else:
        settle_s = allowed_s
        why += (
            f", and only {units.span(settle_s)} of the {units.span(wanted_s)} more that settling "
            "may take: the run is short"
        )
    return Window(
        start + timedelta(seconds=plateau.start_s + settle_s),
        min(end, start + timedelta(seconds=plateau.end_s)),
        how,
        why,
    )


def _written_plateau(stages: Sequence[Stage], length_s: float) -> _Plateau | None:
    """The longest hold at full load; None where there is none or the run had another length."""
    total_s = sum(seconds for seconds, _, _ in stages)
    top = max((max(first, last) for _, first, last in stages), default=0)
    if top <= 0 or abs(length_s - total_s) > _STAGES_FIT * total_s:
        return None
    holds: list[_Plateau] = []
    at_s = ramp_s = 0.0
    for seconds, first, last in stages:
        full = min(first, last) >= _PLATEAU * top
        if full and holds and holds[-1].end_s == at_s:  # goes on where the last hold ended
            holds[-1] = _Plateau(holds[-1].start_s, at_s + seconds, holds[-1].ramp_s)
        elif full:
            holds.append(_Plateau(at_s, at_s + seconds, ramp_s))
        ramp_s = ramp_s + seconds if last > first else 0.0
        at_s += seconds
    return max(holds, key=lambda hold: hold.end_s - hold.start_s, default=None)


def _level(users: Samples | None, length_s: float) -> FloatArray | None:
    """Mean users of each whole bin; a bin without a sample keeps the level of its neighbour."""
    if users is None or not len(users[0]):
        return None
    at_s, values = users
    known = np.isfinite(values)
    bins = _whole_bins(length_s)
    sums = _binned(at_s[known], values[known], bins)
    counts = _binned(at_s[known], np.ones(int(known.sum())), bins)
    filled = np.flatnonzero(counts)
    if not len(filled):
        return None
    latest = np.searchsorted(filled, np.arange(bins), side="right") - 1
    at = filled[np.maximum(latest, 0)]
    level: FloatArray = sums[at] / counts[at]
    return level


def _rate(requests: Samples | None, length_s: float) -> FloatArray | None:
    if requests is None or not len(requests[0]):
        return None
    return _binned(*requests, _whole_bins(length_s))


def _whole_bins(length_s: float) -> int:
    return int(length_s // _BIN_S)


def _binned(at_s: FloatArray, values: FloatArray, bins: int) -> FloatArray:
    """Sums per bin; what lies in the last, unfinished bin is left out, as it would look like a drop."""
    index = (at_s // _BIN_S).astype(np.int64)
    inside = (index >= 0) & (index < bins)
    sums: FloatArray = np.bincount(index[inside], values[inside], bins).astype(np.float64)
    return sums


def _held_level(users: FloatArray | None, length_s: float) -> _Plateau | None:
    """The plateau of users that the test holds; None where their number only follows the answers.

    At a constant rate of arrivals a tool takes as many users as the response times need: that
    number wanders, and where it happens to be low at the end nothing has ended.
    """
    plateau = _plateau(users, length_s)
    if plateau is None or users is None:
        return None
    inside = users[int(plateau.start_s // _BIN_S) : int(plateau.end_s // _BIN_S)]
    level = np.median(inside)
    near = np.abs(inside - level) <= _HELD_WITHIN * level
    return plateau if near.mean() >= _HELD_SHARE else None


def _plateau(load: FloatArray | None, length_s: float) -> _Plateau | None:
    """Where the smoothed load first reaches its level, to where it drops below for good."""
    if load is None or not len(load) or load.max() <= 0:
        return None
    smooth = _over_three(load) / _over_three(np.ones(len(load)))
    level = np.median(smooth[len(smooth) // 3 :])
    full = np.flatnonzero(smooth >= _PLATEAU * level)
    if level <= 0 or not len(full):
        return None
    start_s = float(full[0]) * _BIN_S
    lasts = full[-1] == len(load) - 1
    end_s = length_s if lasts else float(full[-1] + 1) * _BIN_S
    return _Plateau(start_s, end_s, ramp_s=start_s)


def _over_three(load: FloatArray) -> FloatArray:
    """Sums of each bin and its neighbours, as many as there are."""
    return np.convolve(load, np.ones(3), "full")[1:-1]


def parse_window(
    text: str, run_start: datetime, run_end: datetime
) -> Window | Literal["steady", "all"]:
    """The window that a user wrote: `steady`, `all` or `FROM..TO`, half-open.

    FROM and TO are offsets from the run's start (`5m`, `1h30min`) or RFC 3339 times; either may be
    left out. What reaches past the run is cut to it. Raises InputError for anything else.
    """
    written = text.strip()
    if written in ("steady", "all"):
        return "steady" if written == "steady" else "all"
    first, dots, last = written.partition("..")
    if not dots:
        raise _not_a_window(text)
    start = _moment(first, text, run_start, absent=run_start)
    end = _moment(last, text, run_start, absent=run_end)
    if start >= end:
        raise InputError(f'--window "{text}": its start is not before its end.')
    if start >= run_end or end <= run_start:
        raise InputError(
            f'--window "{text}": outside the run, which lasts {units.span((run_end - run_start).total_seconds())} '
            f"from {run_start.isoformat()} to {run_end.isoformat()}."
        )
    return Window(max(start, run_start), min(end, run_end), "given", f"as given: {written}")


def _moment(written: str, text: str, run_start: datetime, absent: datetime) -> datetime:
    written = written.strip()
    if not written:
        return absent
    try:
        return run_start + timedelta(seconds=units.seconds(written))
    except OverflowError:
        raise _not_a_window(text) from None
    except ValueError:
        pass  # not an offset, so it has to be a time
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        raise _not_a_window(text) from None
    if moment.tzinfo is None:
        raise InputError(f'--window "{text}": "{written}" has no zone; add Z or +03:00.')
    return moment


def _not_a_window(text: str) -> InputError:
    return InputError(
        f'--window "{text}" is not a window. Allowed: steady, all, or FROM..TO with offsets '
        "(5m..95m, ..95m, 5m..) or RFC 3339 times (2026-11-20T14:00:00Z..2026-11-20T15:00:00Z)."
    )
