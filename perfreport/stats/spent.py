"""Where the time of requests went: sums of each phase by cell of time, like the cells of a sketch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

PHASES = ("blocked", "connect", "tls", "send", "wait", "receive")


@dataclass(frozen=True, eq=False)
class Spent:
    """Of the successful requests of one endpoint, over the whole run.

    cell_s       width of a cell in seconds
    requests     how many requests with a duration began in each cell
    duration_ms  the sum of their durations
    phases_ms    the sums of the phases that the tool recorded, by phase
    """

    cell_s: float
    requests: IntArray
    duration_ms: FloatArray
    phases_ms: Mapping[str, FloatArray]

    def between(self, from_s: float, to_s: float) -> Spent:
        """The cells that lie wholly in a span of seconds from the run's start."""
        first = max(0, int(np.ceil(from_s / self.cell_s - 1e-9)))
        cells = slice(first, max(first, int(np.floor(to_s / self.cell_s + 1e-9))))
        return Spent(
            self.cell_s,
            self.requests[cells],
            self.duration_ms[cells],
            {phase: sums[cells] for phase, sums in self.phases_ms.items()},
        )

    def mean_ms(self, phase: str | None = None) -> float | None:
        """Mean time of a request in a phase, or its whole duration; None of no requests."""
        requests = int(self.requests.sum())
        sums = self.duration_ms if phase is None else self.phases_ms[phase]
        return float(sums.sum()) / requests if requests else None
