"""Whether a printed number is the computed one, rounded as it is known to be."""

from __future__ import annotations

import math

from perfreport.toolreports.model import Rounding

_EPSILON = 2.0**-52
_FLOAT32 = 2.0**-23
# A double that is cut off after two digits may lose one in the last: 0.29 * 100 is 28.999...
_SLACK = 1e-9


def is_rounding_of(printed: float, computed: float, rounding: Rounding, terms: int = 1) -> bool:
    """Can `printed` have come from `computed`?

    terms  how many numbers were added up for it: a running sum of n doubles is off by n units in
           the last place at most (Higham 2002, ch. 4)
    """
    if not math.isfinite(printed) or not math.isfinite(computed):
        return False
    largest = max(abs(printed), abs(computed))
    slack = largest * max(_EPSILON * terms, _EPSILON)
    match rounding.how:
        case "exact":
            return abs(printed - computed) <= max(largest * rounding.step, slack)
        case "nearest":
            return abs(printed - computed) <= rounding.step / 2 * (1 + _SLACK) + slack
        case "down":
            step = rounding.step * (1 + _SLACK) + slack
            return -slack <= math.copysign(1.0, computed) * (computed - printed) <= step
        case "float32":
            return abs(printed - computed) <= largest * _FLOAT32
