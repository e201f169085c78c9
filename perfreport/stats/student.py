"""Student's t, without the overhead of scipy.stats: a comparison asks for thousands of values."""

from __future__ import annotations

from scipy import special


def t_quantile(p: float, df: float) -> float:
    """The quantile `p` of t; `df` may be infinite, which is the normal distribution."""
    return float(special.stdtrit(df, p))


def t_tail(x: float, df: float) -> float:
    """The probability of more than `x`."""
    return float(special.stdtr(df, -x))
