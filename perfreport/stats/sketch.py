"""What intervals and comparisons need of a run: counts by cell of time and 1 % bin of duration.

A sketch is small (some ten thousand counts an endpoint) however many requests there were, sketches
of the same run add up, and merging neighbouring cells gives the batches of time on which every
interval rests. Quantiles of it are off by 0.4 % at most (docs/statistics.md); what is shown to
people is exact and comes from elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import pairwise
from typing import TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from perfreport.run.schema import REQUEST, TRANSACTION
from perfreport.stats.window import Window

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Name = TypeVar("Name")

FLOOR_MS = 0.05  # a refused connection lasts 0 ms; its logarithm would have no end
BIN_LOG = float(np.log(1.01))  # 1 % a bin: as good for decisions as the raw data
_CELL_S = 5.0
_CELLS_AT_MOST = 240


@dataclass(frozen=True, eq=False)
class Sketch:
    """Requests of one endpoint: `count` and `errors` for each (cell, bin) that holds any.

    cell_s   width of a cell in seconds
    first    number of the first cell, counted from the run's start
    cells    how many cells the sketch spans, empty ones included
    bin      -1 where the tool recorded no duration
    """

    cell_s: float
    first: int
    cells: int
    cell: IntArray
    bin: IntArray
    count: IntArray
    errors: IntArray

    @cached_property
    def requests(self) -> int:
        return int(self.count.sum())

    @cached_property
    def failures(self) -> int:
        return int(self.errors.sum())

    @cached_property
    def filled_cells(self) -> int:
        """How many cells hold any request."""
        return int(np.count_nonzero(np.bincount(self.cell))) if len(self.cell) else 0

    @cached_property
    def timed(self) -> int:
        """Requests with a duration."""
        return int(self.count[self.bin >= 0].sum())

    def quantile_ms(self, q: float) -> float | None:
        """Quantile `q` of the durations by definition 7 (Hyndman and Fan 1996), None without any.

        Each of the two order statistics between which it lies is placed evenly in its bin, so the
        result is within 1 % of the exact one, however few or far apart the values are.
        """
        if not self.timed:
            return None
        at = q * (self.timed - 1)
        lower = _ordered_ms(self._cumulated, np.floor(at))
        upper = _ordered_ms(self._cumulated, np.ceil(at))
        return float(lower + (at - np.floor(at)) * (upper - lower))

    @cached_property
    def _cumulated(self) -> FloatArray:
        """Requests up to the end of each bin."""
        timed = self.bin >= 0
        return np.cumsum(np.bincount(self.bin[timed], self.count[timed]), dtype=np.float64)

    def mean_ms(self) -> float | None:
        """Mean of the durations, within 1 %; None without any."""
        timed = self.bin >= 0
        middle_ms = FLOOR_MS * np.exp((self.bin[timed] + 0.5) * BIN_LOG)
        return float(np.average(middle_ms, weights=self.count[timed])) if self.timed else None

    def between(self, from_s: float, to_s: float) -> Sketch:
        """The cells that lie wholly in a span of seconds from the run's start."""
        # A border that is a whole number of cells must not be lost to rounding of the division.
        first = int(np.ceil(from_s / self.cell_s - 1e-9))
        last = int(np.floor(to_s / self.cell_s + 1e-9))
        first, last = max(first, self.first), min(last, self.first + self.cells)
        inside = (self.cell >= first) & (self.cell < last)
        return self._with(inside, self.count, self.errors, first, max(0, last - first))

    def successful(self) -> Sketch:
        """Without the failed requests."""
        count = self.count - self.errors
        kept = count > 0
        return self._with(kept, count, np.zeros_like(count), self.first, self.cells)

    def _with(
        self, kept: NDArray[np.bool_], count: IntArray, errors: IntArray, first: int, cells: int
    ) -> Sketch:
        return Sketch(
            self.cell_s, first, cells, self.cell[kept], self.bin[kept], count[kept], errors[kept]
        )

    def merge(self, other: Sketch) -> Sketch:
        """Both endpoints pooled; they must be of one run, so that their cells agree."""
        if (self.cell_s, self.first, self.cells) != (other.cell_s, other.first, other.cells):
            raise ValueError("sketches of different runs or windows cannot be merged")
        cell = np.concatenate([self.cell, other.cell])
        bin_ = np.concatenate([self.bin, other.bin])
        pairs, index = np.unique(np.stack([cell, bin_]), axis=1, return_inverse=True)
        index, length = index.ravel(), pairs.shape[1]
        count = _summed(index, np.concatenate([self.count, other.count]), length)
        errors = _summed(index, np.concatenate([self.errors, other.errors]), length)
        return Sketch(self.cell_s, self.first, self.cells, pairs[0], pairs[1], count, errors)

    def batches(self, wanted: int) -> Batches:
        """Neighbouring cells merged into at most `wanted` batches of nearly equal length."""
        # Each percentile asks for the same batches again.
        if wanted not in self._batched:
            self._batched[wanted] = self._merged(wanted)
        return self._batched[wanted]

    @cached_property
    def _batched(self) -> dict[int, Batches]:
        return {}

    def _merged(self, wanted: int) -> Batches:
        batches = max(1, min(wanted, self.cells))
        batch = (self.cell - self.first) * batches // max(self.cells, 1)
        timed = self.bin >= 0
        lowest = int(self.bin[timed].min()) if timed.any() else 0
        bins = int(self.bin[timed].max()) - lowest + 1 if timed.any() else 1
        place = batch[timed] * bins + self.bin[timed] - lowest
        histograms = _summed(place, self.count[timed], batches * bins)
        return Batches(
            lowest,
            histograms.reshape(batches, bins).astype(np.float64),
            _summed(batch, self.count, batches).astype(np.float64),
            _summed(batch, self.errors, batches).astype(np.float64),
            np.bincount(np.arange(self.cells) * batches // max(self.cells, 1), minlength=batches),
        )


@dataclass(frozen=True, eq=False)
class Batches:
    """A sketch as a row per batch of time: histogram of durations, requests, failures, cells."""

    lowest_bin: int
    histograms: FloatArray  # batch x bin
    requests: FloatArray
    failures: FloatArray
    cells: IntArray

    def __len__(self) -> int:
        return len(self.requests)


def cell_seconds(run_s: float) -> float:
    """Width of the cells of a run: 5 s x 2^k, the smallest that needs at most 240."""
    doublings = np.ceil(np.log2(max(run_s, 1.0) / (_CELL_S * _CELLS_AT_MOST)))
    return float(_CELL_S * 2.0 ** max(0.0, doublings))


def read_sketches(answer: pa.Table, run_s: float, cell_s: float) -> dict[tuple[str, str], Sketch]:
    """The sketch of each kind and name from the answer of `sql/sketch.sql`."""
    columns = {
        name: answer[name].fill_null(-1).to_numpy().astype(np.int64)
        for name in ("cell", "bin", "count", "errors")
    }
    cells = int(np.ceil(run_s / cell_s - 1e-9))
    kinds, names = (answer[name].cast(pa.string()) for name in ("kind", "name"))
    begins = borders(kinds, names)
    return {
        (kinds[begin].as_py(), names[begin].as_py()): Sketch(
            cell_s, 0, cells, **{name: values[begin:end] for name, values in columns.items()}
        )
        for begin, end in pairwise([*begins, len(answer)])
    }


def borders(*texts: pa.ChunkedArray) -> list[int]:
    """Where in columns a new combination begins, the first included; equal ones stand together."""
    changed = np.zeros(len(texts[0]), bool)
    changed[:1] = True
    for text in texts:
        codes = text.combine_chunks().dictionary_encode().indices.to_numpy()
        changed[1:] |= codes[1:] != codes[:-1]
    return [int(at) for at in np.flatnonzero(changed)]


def within(
    sketches: Mapping[Name, Sketch], run_start: datetime, window: Window
) -> dict[Name, Sketch]:
    """Sketches cut to the judged window, on cell borders, rounded inward."""
    from_s = (window.start - run_start).total_seconds()
    to_s = (window.end - run_start).total_seconds()
    return {name: sketch.between(from_s, to_s) for name, sketch in sketches.items()}


def endpoint_sketches(sketches: Mapping[tuple[str, str], Sketch]) -> dict[str, Sketch]:
    """Those of the requests by name; of the transactions where a run has no request."""
    kinds = {kind for kind, _ in sketches}
    wanted = REQUEST if REQUEST in kinds else TRANSACTION
    return {name: sketch for (kind, name), sketch in sketches.items() if kind == wanted}


def _ordered_ms(cumulated: FloatArray, rank: float) -> float:
    """The order statistic of a rank from 0, as if the values of a bin lay evenly in it."""
    at = int(np.searchsorted(cumulated, rank, side="right"))
    before = cumulated[at - 1] if at else 0.0
    within = (rank - before + 0.5) / (cumulated[at] - before)
    return float(FLOOR_MS * np.exp((at + within) * BIN_LOG))


def _summed(index: IntArray, counts: IntArray, length: int) -> IntArray:
    summed: IntArray = np.bincount(index, counts, length).astype(np.int64)
    return summed
