"""Does a change have its time? The stretch of a series that stands out from the rest."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

# The largest of all contrasts: found by simulation so that a constant change is called a stretch in
# about one of a hundred pairs (docs/statistics.md).
_CRITICAL = 5.5
_REST_AT_LEAST = 3  # parts outside of the stretch that noise is measured with
_REST = 0.5  # of what the stretch moved by: the rest has to have moved by less


def stretch(changes: FloatArray, errors: FloatArray, at_least: float) -> tuple[int, int] | None:
    """From where to where (half-open) some neighbouring parts changed and the rest hardly; None if nowhere.

    The contrast of each stretch to the rest in units of the noise of a part: what the parts scatter
    about the two levels that fit them best, which a stretch does not inflate wherever it begins.
    changes   of each part, as logarithms
    errors    standard error of each, if requests were independent
    at_least  the least contrast that is worth telling
    """
    count = len(changes)
    noise = max(_scatter(changes), float(np.median(errors)))
    total = float(changes.sum())
    sums = np.concatenate([[0.0], np.cumsum(changes)])
    best: tuple[float, int, int] | None = None
    for first in range(count):
        for last in range(first + 1, min(count, first + count - 1) + 1):
            size = last - first
            inside = float(sums[last] - sums[first]) / size
            outside = (total - inside * size) / (count - size)
            if abs(inside - outside) < at_least or abs(outside) > _REST * abs(inside):
                continue
            contrast = abs(inside - outside) / np.sqrt(1 / size + 1 / (count - size))
            if best is None or contrast > best[0]:
                best = (contrast, first, last)
    if best is None or best[0] <= _CRITICAL * noise:
        return None
    return best[1], best[2]


def _scatter(changes: FloatArray) -> float:
    """Standard deviation about two levels, those of a stretch and of the rest, that fit best."""
    count = len(changes)
    sums = np.concatenate([[0.0], np.cumsum(changes)])
    squares = float((changes**2).sum())
    least = squares - sums[-1] ** 2 / count
    for first in range(count):
        for last in range(first + 1, count + 1):
            size = last - first
            if count - size < _REST_AT_LEAST:
                continue
            inside = sums[last] - sums[first]
            fitted = inside**2 / size + (sums[-1] - inside) ** 2 / (count - size)
            least = min(least, squares - fitted)
    return float(np.sqrt(max(least, 0.0) / (count - 3)))  # two levels and one place were chosen
