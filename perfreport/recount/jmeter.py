"""How JMeter's dashboard counts.

Percentiles are by definition 6, of the last 20,000 rows in the file, of each label and of Total apart.
Total leaves out transaction controllers and counts sub-results. It knows a controller by its message,
and takes one that the end of the test cut off, which has none, for a request. A rate is per second from a label's
first start to its last end. Source: StatisticsSummaryConsumer.java of JMeter 5.6.3.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from perfreport.judge.reconcile import Cause
from perfreport.recount.recipe import Chain, Plan, Pool, Recipe, Step
from perfreport.run.schema import REQUEST, SUBREQUEST, TRANSACTION
from perfreport.toolreports.model import Figure, Kind

_KIBI = 1 / 1024


def plan(figure: Figure, kinds: Collection[str]) -> Plan:
    """The plan of a figure in a run that has rows of these kinds."""
    ours = _ours(figure, kinds)
    steps = list(_population(figure, ours, kinds))
    last = steps[-1].recipe if steps else ours
    if figure.statistic == "quantile":
        steps += _quantile(last)
    elif figure.statistic in ("rate", "received_rate", "sent_rate"):
        steps += _rate(last)
    return Plan(ours, (tuple(steps),))


def _ours(figure: Figure, kinds: Collection[str]) -> Recipe:
    """Our total is of requests alone, or of transactions where a run has none."""
    if figure.subject.kind == Kind.TOTAL:
        pool = Pool((REQUEST,) if REQUEST in kinds else (TRANSACTION,))
    else:
        pool = Pool((REQUEST, SUBREQUEST, TRANSACTION), figure.subject.name)
    divisor = "window" if figure.unit.endswith("/s") else None
    return Recipe(pool, figure.statistic, figure.q, divisor=divisor)  # type: ignore[arg-type]


def _population(figure: Figure, ours: Recipe, kinds: Collection[str]) -> Chain:
    if figure.subject.kind != Kind.TOTAL:
        return ()
    cause = Cause.SUBRESULTS if REQUEST in kinds else Cause.CONTROLLERS
    requests = ours.of_pool(kinds=(REQUEST, SUBREQUEST))
    cut = requests.of_pool(kinds=(REQUEST, SUBREQUEST, TRANSACTION), cut=True)
    return (Step(cause, requests), Step(Cause.CUT_CONTROLLERS, cut))


def _quantile(recipe: Recipe) -> Chain:
    last = replace(recipe, window="last")
    return (
        Step(Cause.LAST_ROWS, last),
        Step(Cause.TYPE_6, replace(last, definition=6)),
    )


def _rate(recipe: Recipe) -> Chain:
    own = replace(recipe, divisor="own")
    if recipe.statistic == "rate":
        return (Step(Cause.DIVISOR, own),)
    return (Step(Cause.DIVISOR, own), Step(Cause.KIBIBYTES, replace(own, factor=_KIBI)))
