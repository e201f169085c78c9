"""Where does a series of runs change for good? E-divisive means, each change tested.

The split is where the energy distance between what lies before and after is largest (Matteson and
James 2014, alpha = 1), found again in each part (Daly et al. 2020). Splits are taken generously and
then taken back, the least sure first, until each that is left passes a t-test between its
neighbouring segments (Fleming et al. 2023), whose variance leans on what runs differ by anyway
(moderated t: Smyth 2004): three runs alone say next to nothing of that. A single run far from both
its sides is no change; it is told apart.

Written here since the package that does this well brings clients of databases and chats along
(apache-otava), the other has been left alone for years, and ruptures has no such statistic.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

FloatArray = NDArray[np.float64]

LEAST = 3  # runs in a segment: two bad ones in a row are no release
_SETTLED = 2  # of them may be left where a border is best: else the last good run is blamed
_LEVEL = 0.001  # two-sided, of one test: a series of 30 runs is split in some 25 places
_PRIOR_DF = 4.0  # runs that the assumed variation counts for
_OUTLIER_SDS = 4.0
_SIDE = 3  # runs on each side that an outlier is held against
_ENOUGH = 5  # runs that show how much they differ anyway


@dataclass(frozen=True)
class Step:
    """A change that stayed: segment after minus segment before, with its 90 % interval.

    before, at  positions of the last run before and of the first run after it
    begin, end  the segments are [begin, at) and [at, end) of the series
    """

    before: int
    at: int
    begin: int
    end: int
    change: float
    low: float
    high: float
    p_value: float


@dataclass(frozen=True)
class Steps:
    """The changes of one series in order, and the positions of single runs far off."""

    steps: tuple[Step, ...]
    outliers: tuple[int, ...]


def change_points(
    values: Sequence[float],
    sd: float,
    min_effect: float,
    se: Sequence[float] | None = None,
    least: int | None = None,
) -> Steps:
    """Changes of at least `min_effect` in a series where runs of one system differ by `sd`.

    values  one a run, in order of time; logarithms make changes of relative ones
    se      standard error of each value, where it is known
    least   runs in a segment; if not said three, or two where there are fewer than six
    """
    if not len(values):
        return Steps((), ())
    least = least or (LEAST if len(values) >= 2 * LEAST else LEAST - 1)
    series = np.asarray(values, np.float64)
    errors = np.zeros(len(series)) if se is None else np.asarray(se, np.float64)
    outliers = _outliers(series, sd, min_effect, least)
    kept = np.setdiff1d(np.arange(len(series)), outliers)
    test = _Test(series[kept], errors[kept], sd)
    borders = _pruned(test, _split(test.series, 0, len(kept), least), min_effect)
    borders = _pruned(test, _settled(test.series, borders), min_effect)
    differences = test.differences(borders)
    steps = [
        _step(kept, borders[place : place + 3], len(series), differences, place)
        for place in range(len(borders) - 2)
    ]
    return Steps(tuple(steps), tuple(int(at) for at in outliers))


def energy(series: FloatArray) -> FloatArray:
    """Q of Matteson and James (2014, eq. 5-7, alpha = 1), split before each position but the first."""
    distances = np.abs(series[:, None] - series[None, :])
    total = float(distances.sum())
    # The sum over the first k x k corner, and over the first k rows.
    corner = np.cumsum(np.cumsum(distances, axis=0), axis=1).diagonal()[:-1]
    rows = np.cumsum(distances.sum(axis=1))[:-1]
    left = np.arange(1, len(series), dtype=np.float64)
    right = len(series) - left
    across = rows - corner
    after = total - rows - across
    within = corner / np.maximum(left * (left - 1), 1) + after / np.maximum(right * (right - 1), 1)
    distance: FloatArray = 2 * across / (left * right) - within
    return left * right / (left + right) * distance


@dataclass(frozen=True, eq=False)
class _Differences:
    """After minus before at each inner border, with standard errors and degrees of freedom."""

    change: FloatArray
    se: FloatArray
    df: FloatArray

    @property
    def p_value(self) -> FloatArray:
        """Two-sided; without any variation a difference is certain."""
        t = np.abs(self.change) / np.maximum(self.se, np.finfo(np.float64).tiny)
        p_value: FloatArray = 2 * special.stdtr(self.df, -t)
        return p_value


class _Test:
    """t-tests between neighbouring segments of a series, by sums up to each position."""

    def __init__(self, series: FloatArray, errors: FloatArray, sd: float) -> None:
        # Centred, so that the squares do not drown what the values differ by.
        self.series = series - series.mean()
        self._sd = sd
        self._sums = _cumulated(self.series)
        self._squares = _cumulated(self.series**2)
        self._errors = _cumulated(errors**2)

    def differences(self, borders: Sequence[int]) -> _Differences:
        """Of the segments between neighbouring borders."""
        edges = np.asarray(borders)
        count = np.diff(edges).astype(np.float64)
        mean = np.diff(self._sums[edges]) / count
        seen = np.maximum(np.diff(self._squares[edges]) - count * mean**2, 0.0)
        errors = np.diff(self._errors[edges])
        both = count[:-1] + count[1:]
        assumed = self._sd**2 + (errors[:-1] + errors[1:]) / both
        df = _PRIOR_DF + both - 2
        variance = (_PRIOR_DF * assumed + seen[:-1] + seen[1:]) / df
        pooled = variance * (1 / count[:-1] + 1 / count[1:])
        # Short runs beside long ones: what each side is measured with is known of each.
        known = (errors / count**2)[:-1] + (errors / count**2)[1:]
        se = np.sqrt(np.maximum(pooled, known))
        return _Differences(np.diff(mean), se, df)


def _cumulated(values: FloatArray) -> FloatArray:
    return np.concatenate([[0.0], np.cumsum(values)])


def _outliers(series: FloatArray, sd: float, min_effect: float, least: int) -> NDArray[np.int64]:
    """Runs, too few for a segment, that lie far off what is before and after them, to one side."""
    if len(series) < _ENOUGH:
        return np.array([], np.int64)
    # Differences of neighbours hardly see the steps: each is one of many.
    seen = 1.4826 * float(np.median(np.abs(np.diff(series)))) / math.sqrt(2)
    far = max(_OUTLIER_SDS * max(seen, sd), min_effect)
    found: set[int] = set()
    for length in range(1, least):
        for at in range(1, len(series) - length):
            if _off_both_sides(series, at, at + length) > far:
                found.update(range(at, at + length))
    return np.array(sorted(found), np.int64)


def _off_both_sides(series: FloatArray, begin: int, end: int) -> float:
    """How far [begin, end) lies above, or below, its neighbours and the levels they stand for."""
    block = series[begin:end]
    around = [series[begin - 1], series[end]]
    if _above(block, around) <= 0:
        return 0.0  # nearly always: medians cost more
    sides = series[max(0, begin - _SIDE) : begin], series[end : end + _SIDE]
    return _above(block, [*around, *map(np.median, sides)])


def _above(block: FloatArray, around: Sequence[float]) -> float:
    return float(max(block.min() - max(around), min(around) - block.max()))


def _split(series: FloatArray, begin: int, end: int, least: int) -> list[int]:
    """Borders of as many segments of [begin, end) as there can be.

    A short detour and back is no difference of means between the halves of any split: it is seen
    only once both of its ends are borders.
    """
    at = _best(series, begin, end, least)
    if at is None:
        return [begin, end]
    return _split(series, begin, at, least)[:-1] + _split(series, at, end, least)


def _best(series: FloatArray, begin: int, end: int, least: int) -> int | None:
    if end - begin < 2 * least:
        return None
    scores = energy(series[begin:end])[least - 1 : end - begin - least]
    return begin + least + int(np.argmax(scores))


def _pruned(test: _Test, borders: list[int], min_effect: float) -> list[int]:
    """Without the borders that do not pass, the least sure removed first."""
    while len(borders) > 2:
        found = test.differences(borders)
        failing = (found.p_value > _LEVEL) | (np.abs(found.change) < min_effect)
        if not failing.any():
            return borders
        worst = int(np.argmax(np.where(failing, found.p_value, -1.0)))
        borders = borders[: worst + 1] + borders[worst + 2 :]
    return borders


def _settled(series: FloatArray, borders: list[int]) -> list[int]:
    """Each border where it is best between its neighbours, now that the others are gone."""
    settled = list(borders)
    for place in range(1, len(settled) - 1):
        best = _best(series, settled[place - 1], settled[place + 1], _SETTLED)
        settled[place] = settled[place] if best is None else best
    return settled


def _step(
    kept: NDArray[np.int64], borders: Sequence[int], length: int, found: _Differences, place: int
) -> Step:
    begin, at, end = borders
    change, se = float(found.change[place]), float(found.se[place])
    reach = float(special.stdtrit(found.df[place], 0.95)) * se
    return Step(
        before=int(kept[at - 1]),
        at=int(kept[at]),
        begin=int(kept[begin]) if begin else 0,
        end=int(kept[end]) if end < len(kept) else length,
        change=change,
        low=change - reach,
        high=change + reach,
        p_value=float(found.p_value[place]),
    )
