"""What runs of one system differ by: its size from history, and which endpoints move together."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perfreport.stats.difference import (
    HISTORY_AT_LEAST,
    PRIOR_DF,
    Components,
    Difference,
    Logarithm,
    sd_df_of,
)

FloatArray = NDArray[np.float64]

_TOGETHER_AT_LEAST = 5  # the median of fewer is not the system's
# Of the variance between runs, what endpoints have each for itself. It is less where they share
# machines; to take it for large makes fewer of them stand out.
_OWN_SHARE = 0.5
_EXPLAINS = 0.5  # of a change: a smaller shift of the others is another matter


@dataclass(frozen=True)
class RunSd:
    """Standard deviation of a logarithm between runs of one system.

    df    infinite if it is assumed
    runs  from which it was estimated; 0 if it is assumed
    """

    sd: float
    df: float = math.inf
    runs: int = 0


def run_sd(histories: Iterable[Sequence[Logarithm]], assumed: float, runs: int) -> RunSd:
    """The variation between `runs` baselines, shrunk to the assumed one; that alone below 3 runs.

    s^2 = [4 sd^2 + (N - 1) max(0, mean over endpoints of (variance of the runs - mean se^2))]
    / (4 + N - 1): the factor of a run is mostly common to its endpoints, so that N runs of many
    endpoints say little more than N runs of one.

    histories  the baselines' estimates, by endpoint; those that some runs lack are left out
    """
    if runs < HISTORY_AT_LEAST:
        return RunSd(assumed)
    excess = [
        float(np.var([each.log for each in history], ddof=1))
        - float(np.mean([each.se**2 for each in history]))
        for history in histories
        if len(history) == runs
    ]
    if not excess:
        return RunSd(assumed)
    df = sd_df_of(runs)
    variance = (PRIOR_DF * assumed**2 + (runs - 1) * max(0.0, float(np.mean(excess)))) / df
    return RunSd(math.sqrt(variance), df, runs)


def moving_together(changes: Sequence[Components], sd: float, alpha: float) -> list[float | None]:
    """For each endpoint the shift of the others, if that explains its own change.

    What moves all endpoints alike is more often the environment than the release. None where the
    others moved less than half as far or the other way, or where the change surely goes further;
    and for all with fewer than five endpoints.

    sd     how much runs of the system differ
    alpha  one-sided level at which a change stands out
    """
    if len(changes) < _TOGETHER_AT_LEAST:
        return [None] * len(changes)
    values = np.array([each.value for each in changes])
    within = np.array([each.run + each.base / each.baselines for each in changes])
    between = np.array([sd**2 * (1 + 1 / each.baselines) for each in changes])
    varies = within + _OWN_SHARE * between
    return [_shift_of(at, values, varies, alpha) for at in range(len(changes))]


def _shift_of(at: int, values: FloatArray, varies: FloatArray, alpha: float) -> float | None:
    own, shift = float(values[at]), float(np.median(np.delete(values, at)))
    # The variance of a median of normal values is pi/2 times that of their mean.
    uncertain = math.pi / 2 * float(np.median(varies)) / (len(values) - 1)
    error = math.sqrt(varies[at] + uncertain)
    stands_out = Difference(own - shift, error, math.inf).p_value() < alpha
    explains = own * shift > 0 and abs(shift) >= _EXPLAINS * abs(own)
    return shift if explains and not (stands_out and abs(own) > abs(shift)) else None
