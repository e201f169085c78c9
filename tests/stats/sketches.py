"""Sketches from arrays, counted by NumPy."""

from __future__ import annotations

import numpy as np

from perfreport.stats.sketch import BIN_LOG, FLOOR_MS, Sketch

SECONDS = 600.0


def sketch_of(times, durations, failed=None, seconds: float = SECONDS) -> Sketch:
    failed = np.zeros(len(times), bool) if failed is None else failed
    bins = np.floor(np.log(np.maximum(durations, FLOOR_MS) / FLOOR_MS) / BIN_LOG).astype(int)
    keys, index, count = np.unique(
        np.stack([(times // 5).astype(int), bins]), axis=1, return_inverse=True, return_counts=True
    )
    errors = np.bincount(index.ravel(), failed, len(count)).astype(int)
    return Sketch(5.0, 0, int(np.ceil(seconds / 5)), keys[0], keys[1], count, errors)
