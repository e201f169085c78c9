"""How Gatling's report counts.

Every statistic is of all samples, of the successful and of the failed ones. The times of a group are
its cumulated response times, unless `useGroupDurationMetric` is on; the ranges of some versions are of
its durations. A rate is per whole second, rounded up, of the whole log. Quantiles are estimates of an
AVLTreeDigest of compression 100 in every version; that of t-digest 3.1, which all up to 3.12 use, is
exact in most short runs. Source: GeneralStatsBuffer of Gatling 2.3 to 3.15.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from perfreport.judge.reconcile import Cause
from perfreport.recount.recipe import Chain, Plan, Pool, Recipe, Step
from perfreport.run.schema import REQUEST, TRANSACTION
from perfreport.toolreports.model import Figure, Kind

_OUTCOMES = {"ok": Cause.OK_ONLY, "failed": Cause.FAILED_ONLY}


def plan(figure: Figure, seconds: Sequence[float]) -> Plan:
    """The plan of a figure; `seconds` are the lengths that the log may have, rounded up."""
    ours = _ours(figure)
    chains: list[Chain] = [()]
    if figure.outcome != "all" and not _is_part(figure):
        cause = _OUTCOMES[figure.outcome]
        chains = [(Step(cause, ours.of_pool(outcome=figure.outcome)),)]
    if figure.subject.kind == Kind.GROUP and figure.statistic not in ("count", "rate"):
        chains = [_then(ours, chains[0], Cause.CUMULATED, measure="value"), chains[0]]
    elif figure.subject.kind == Kind.GROUP and _is_part(figure):
        chains = [chains[0], _then(ours, chains[0], Cause.CUMULATED, measure="value")]
    if figure.statistic == "rate":
        chains = [(*chains[0], _divided(ours, chains[0], length)) for length in seconds]
    return Plan(ours, tuple(chains), figure.statistic == "quantile")


def _is_part(figure: Figure) -> bool:
    """A range of times, or the share of failed samples: ours is counted the same way."""
    return figure.statistic == "share" or figure.low is not None or figure.high is not None


def _ours(figure: Figure) -> Recipe:
    pool = pool_of(figure)
    if _is_part(figure):
        return Recipe(
            replace(pool, outcome=figure.outcome), figure.statistic,
            low=figure.low, high=figure.high, of=pool,
        )  # fmt: skip
    divisor = "window" if figure.statistic == "rate" else None
    return Recipe(pool, figure.statistic, figure.q, divisor=divisor)  # type: ignore[arg-type]


def pool_of(figure: Figure) -> Pool:
    """The rows of a figure's subject, failed ones included."""
    subject = figure.subject
    if subject.kind == Kind.TOTAL:
        return Pool((REQUEST,))
    kind = TRANSACTION if subject.kind == Kind.GROUP else REQUEST
    return Pool((kind,), subject.name, group="/".join(subject.path) or None)


def _then(ours: Recipe, chain: Chain, cause: Cause, **changes: str) -> Chain:
    last = chain[-1].recipe if chain else ours
    return (*chain, Step(cause, last.of_pool(**changes)))


def _divided(ours: Recipe, chain: Chain, seconds: float) -> Step:
    last = chain[-1].recipe if chain else ours
    return Step(Cause.DIVISOR, replace(last, divisor=seconds))
