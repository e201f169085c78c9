"""Is what is judged of a run still its warm-up? Asked by MSER-5, which cuts where the rest is surest."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perfreport.stats.intervals import log_edges
from perfreport.stats.sketch import Sketch

FloatArray = NDArray[np.float64]

_BATCH_S = 25.0  # five cells of 5 s: the five of MSER-5; wider cells are batched to about as long
_BATCHES_AT_LEAST = 10
_LAST = 5  # batches; a few at the end that happen to be alike are no steady state
_ENDPOINTS = 20  # the busiest; more add time, not certainty
_LATER_S = 60.0  # a cut earlier than this is within what MSER-5 errs by
# MSER-5 cuts at pauses and drifts, too: what it cuts off must lie this much above the rest (less moves
# no verdict), and this many times above what batches differ by (docs/statistics.md has the rates).
_HIGHER = 0.05
_CLEARLY = 3.0
_MAD_TO_SD = 1.4826


@dataclass(frozen=True)
class WarmUp:
    """How long the start of a judged window is still warm-up, and how much slower than the rest."""

    seconds: float
    slower: float  # a fraction


def warm_up(sketches: Iterable[Sketch]) -> WarmUp | None:
    """The warm-up left in a judged window; None where there is none of a minute or more.

    sketches  of its endpoints, cut to the window; all of one run
    """
    busiest = sorted(sketches, key=lambda sketch: -sketch.timed)[:_ENDPOINTS]
    if not busiest or not busiest[0].timed:
        return None
    cell_s = busiest[0].cell_s
    size = max(1, round(_BATCH_S / cell_s))
    batches = batch_means(_levels(busiest), size)
    # A cut in the second half means that no steady state was found: then the first half is looked at.
    cut = min(mser(batches), len(batches) // 2)
    seconds = cut * size * cell_s
    if cut == 0 or seconds < _LATER_S:
        return None
    before, after = batches[:cut], batches[cut:]
    higher = float(np.mean(before) - np.median(after))
    noise = float(np.median(np.abs(after - np.median(after)))) * _MAD_TO_SD
    if higher < _HIGHER or higher < _CLEARLY * noise:
        return None
    return WarmUp(seconds, float(np.expm1(higher)))


def mser(batches: FloatArray) -> int:
    """How many batch means to cut off the start, by the least standard error of what stays.

    MSER (White 1997; MSER-5 where each batch holds five values, Spratt 1998): the d that minimises
    sum((y - mean)^2 for y after d) / (n - d)^2, the last five left out. 0 with fewer than ten batches.
    """
    count = len(batches)
    if count < _BATCHES_AT_LEAST:
        return 0
    stays = np.arange(count, 0, -1)
    centred = batches - batches.mean()  # the sums of squares below lose no digits
    sums = np.cumsum(centred[::-1])[::-1]
    squares = np.cumsum((centred**2)[::-1])[::-1]
    errors = np.maximum(squares - sums**2 / stays, 0) / stays**2
    return int(np.argmin(errors[:-_LAST]))


def batch_means(values: FloatArray, size: int) -> FloatArray:
    """Means of each `size` values; what is left at the end belongs to no batch."""
    whole = len(values) // size * size
    means: FloatArray = values[:whole].reshape(-1, size).mean(axis=1)
    return means


def _levels(sketches: list[Sketch]) -> FloatArray:
    """How slow each cell is: the median over endpoints of their log medians, each less its usual one.

    A cell without requests is as slow as the one before it.
    """
    medians = np.array([_log_medians(sketch) for sketch in sketches])
    known = ~np.isnan(medians)
    medians = medians[known.any(axis=1)]
    centred = medians - np.nanmedian(medians, axis=1, keepdims=True)
    filled = np.flatnonzero(~np.isnan(centred).all(axis=0))
    levels = np.nanmedian(centred[:, filled], axis=0)
    at = np.searchsorted(filled, np.arange(centred.shape[1]), side="right") - 1
    spread: FloatArray = levels[np.maximum(at, 0)]
    return spread


def _log_medians(sketch: Sketch) -> FloatArray:
    """Log of the median of each cell; nan of an empty one."""
    batches = sketch.batches(sketch.cells)
    cumulated = np.cumsum(batches.histograms, axis=1)
    totals = cumulated[:, -1]
    half = totals / 2
    at = np.minimum((cumulated < half[:, None]).sum(axis=1), cumulated.shape[1] - 1)
    rows = np.arange(len(totals))
    inside = batches.histograms[rows, at]
    before = cumulated[rows, at] - inside
    edges = log_edges(batches)
    with np.errstate(invalid="ignore", divide="ignore"):
        part = np.where(totals > 0, (half - before) / inside, np.nan)
    medians: FloatArray = edges[at] + part * (edges[at + 1] - edges[at])
    return medians
