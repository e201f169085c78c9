"""Native histograms of Prometheus, as the rows that classic ones would have.

Format: https://prometheus.io/docs/prometheus/latest/querying/api/#native-histograms. A sample holds the
count, the sum, and the buckets that are not empty, each as `[boundary rule, left, right, count]`,
from left to right; several may be missing between two. NAME becomes

    NAME_count, NAME_sum          as they are
    NAME_bucket{le="RIGHT"}       how many lie at or below RIGHT, ascending; le="+Inf" is the count

- Where buckets are missing, and below the first, a row at the left bound as well says that they are
  empty; without it `histogram_quantile` would interpolate over the gap.
- A bound that a series had once it keeps: a classic bucket does not come and go either. Where a
  later, wider bucket spans it, nobody knows how many lie below, and it has no row.
- The boundary rules say which bounds belong to a bucket (0 the right, 1 the left, 2 none, 3 both).
  Counts cannot tell how many lie on a bound, so that all bounds are taken as belonging to the
  bucket on their left, as those of classic ones: exact for positive buckets and the zero bucket; in
  negative ones what lies exactly on a bound counts one bucket higher.
- The buckets may hold less than the count: observations that were NaN.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

import msgspec

_Bucket = tuple[int, str, str, str]  # boundary rule, left, right, count

_RULES = range(4)
_INFINITE = float("inf")
# The clients' default is 160; the finest resolution has 256 between 1 s and 2 s.
_MOST_BOUNDS = 8192
_ROUNDING = 1e-6  # relative: rates are sums of rounded numbers


class Histogram(msgspec.Struct):
    """A native histogram as the HTTP API gives it."""

    count: str
    sum: str
    buckets: list[_Bucket] | None = None


class Damaged(ValueError):
    """A histogram that contradicts itself."""


class Bounds:
    """The bounds of one series so far."""

    def __init__(self) -> None:
        self._texts: dict[float, str] = {}

    def cumulated(self, histogram: Histogram) -> list[tuple[str, float]]:
        """Each `le`, ascending, with the count at or below it; Damaged for what cannot be."""
        count = number(histogram.count)
        buckets = list(_checked(histogram.buckets or []))
        if sum(held for *_, held in buckets) > count + abs(count) * _ROUNDING:
            raise Damaged(f"its buckets hold more than its count of {histogram.count}")
        at_bound = self._at_own_bounds(buckets)
        if len(self._texts) > _MOST_BOUNDS:
            raise Damaged(f"more than {_MOST_BOUNDS:,} buckets; reduce its resolution")
        self._fill(at_bound, buckets)
        # The sum of the buckets of a rate may be rounded to more than its count.
        ascending = [(self._texts[at], min(at_bound[at], count)) for at in sorted(at_bound)]
        return [*ascending, ("+Inf", count)]

    def _at_own_bounds(
        self, buckets: list[tuple[float, str, float, str, float]]
    ) -> dict[float, float]:
        at_bound: dict[float, float] = {}
        below = 0.0
        for left, left_text, right, right_text, held in buckets:
            if left not in at_bound and -_INFINITE < left < right:  # a gap, or the first
                at_bound[left] = below
                self._texts.setdefault(left, left_text)
            below += held
            if right != _INFINITE:
                at_bound[right] = below
                self._texts.setdefault(right, right_text)
        return at_bound

    def _fill(
        self,
        at_bound: dict[float, float],
        buckets: list[tuple[float, str, float, str, float]],
    ) -> None:
        """The counts at bounds of earlier samples, where this sample tells them."""
        earlier = self._texts.keys() - at_bound.keys()
        if not earlier:
            return
        lefts, rights = [bucket[0] for bucket in buckets], [bucket[2] for bucket in buckets]
        below = [0.0]
        for *_, held in buckets:
            below.append(below[-1] + held)
        for bound in earlier:
            whole = bisect_left(rights, bound)  # buckets that end before it
            if whole == len(buckets) or lefts[whole] >= bound:
                at_bound[bound] = below[whole]


def number(text: str) -> float:
    """A finite number as Prometheus writes it; Damaged for any other text."""
    try:
        value = float(text)
    except ValueError:
        raise Damaged(f"not a number: {text[:80]!r}") from None
    if not is_written(text) or value - value != 0:
        raise Damaged(f"not a finite number: {text[:80]!r}")
    return value


def is_written(text: str) -> bool:
    """False for what only Python takes for a number: 1_000, and digits of other scripts."""
    return "_" not in text and text.isascii()


def _checked(
    buckets: list[_Bucket],
) -> Iterator[tuple[float, str, float, str, float]]:
    """Left and right bounds, with their texts, and counts; Damaged where they do not ascend."""
    end = -_INFINITE
    for rule, left_text, right_text, held in buckets:
        left, right = _bound(left_text), _bound(right_text)
        if rule not in _RULES or not end <= left <= right:
            raise Damaged(f"not a bucket: {[rule, left_text, right_text, held]}")
        end = right
        yield left, left_text, right, right_text, number(held)


def _bound(text: str) -> float:
    """A bound of a bucket, which may be infinite."""
    return float(text) if text in ("-Inf", "+Inf") else number(text)
