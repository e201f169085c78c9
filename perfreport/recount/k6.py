"""How k6's end-of-test summary counts.

Quantiles are by definition 7 over all values, as ours are. A submetric is filtered by tags. A rate is
per second of the whole test, which is longer than the span of its samples and stands in the summary
only indirectly, in the rates themselves. Source: `metrics/sink.go` and `summary.js` of k6 1.1 and 2.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from perfreport.judge.reconcile import Cause
from perfreport.recount.recipe import Chain, Plan, Pool, Recipe, Sort, Step
from perfreport.run.schema import CHECK, ITERATION, METRIC, REQUEST, TRANSACTION, USERS
from perfreport.toolreports.model import Figure, Kind, Subject, ToolReport

_EXPECTED = "expected_response"
_OUTCOMES = {"true": ("ok", Cause.OK_ONLY), "false": ("failed", Cause.FAILED_ONLY)}
_HTTP_MEASURES = {
    "http_req_duration": "duration",
    "http_req_blocked": "blocked",
    "http_req_connecting": "connect",
    "http_req_tls_handshaking": "tls",
    "http_req_sending": "send",
    "http_req_waiting": "wait",
    "http_req_receiving": "receive",
    "http_req_failed": "failed",
    "http_reqs": "duration",
}
_POOLS = {
    "grpc_req_duration": Pool((REQUEST,), phased=False),
    "iteration_duration": Pool((ITERATION,)),
    "iterations": Pool((ITERATION,)),
    "group_duration": Pool((TRANSACTION,)),
    "vus": Pool((USERS,), measure="users"),
    "checks": Pool((CHECK,), measure="passed"),
    "checks_total": Pool((CHECK,), measure="passed"),
    "checks_succeeded": Pool((CHECK,), measure="passed"),
    "checks_failed": Pool((CHECK,), measure="failed"),
}
UNNAMED_CHECK = "checks"
_COUNTED = ("http_reqs", "iterations", "checks_total")  # counters that only count rows


def plan(figure: Figure, duration_s: float | None, sorts: Sequence[Sort]) -> Plan:
    """The plan of a figure; `duration_s` is the length of the test, `sorts` what the run has."""
    ours = _ours(figure, sorts)
    chain: Chain = ()
    expected = dict(figure.subject.tags).get(_EXPECTED, "")
    if expected in _OUTCOMES:
        outcome, cause = _OUTCOMES[expected]
        chain = (Step(cause, ours.of_pool(outcome=outcome)),)
    if figure.statistic == "rate":
        last = chain[-1].recipe if chain else ours
        if duration_s is None:
            return Plan(ours, ())
        return Plan(ours, ((*chain, Step(Cause.DIVISOR, replace(last, divisor=duration_s))),))
    if figure.statistic == "last":
        return Plan(ours, ((), (Step(Cause.INPUT_ORDER, replace(ours, window="last")),)))
    return Plan(ours, (chain,))


def _ours(figure: Figure, sorts: Sequence[Sort]) -> Recipe:
    subject, statistic = figure.subject, figure.statistic
    pool = _known(pool_of(figure), sorts)
    if subject.kind == Kind.METRIC and subject.name in _COUNTED and statistic in ("sum", "rate"):
        statistic = "count" if statistic == "sum" else "rate"
    elif statistic == "rate":
        statistic = "sum_rate"
    elif statistic == "count" and subject.kind == Kind.METRIC:
        statistic = "known"
    divisor = "window" if statistic.endswith("rate") else None
    return Recipe(pool, statistic, figure.q, divisor=divisor)  # type: ignore[arg-type]


def pool_of(figure: Figure) -> Pool:
    """The rows of a metric, submetric or check, whatever their outcome."""
    subject = figure.subject
    tags = tuple(tag for tag in subject.tags if tag[0] != _EXPECTED)
    if subject.kind == Kind.CHECK:
        return Pool((CHECK,), subject.name, outcome=figure.outcome, tags=tags, measure="passed")
    if subject.name in _HTTP_MEASURES:
        return Pool((REQUEST,), tags=tags, measure=_HTTP_MEASURES[subject.name], phased=True)
    if subject.name in _POOLS:
        return replace(_POOLS[subject.name], tags=tags)
    return Pool((METRIC,), subject.name, tags=tags, measure="value")


def _known(pool: Pool, sorts: Sequence[Sort]) -> Pool:
    """The pool by what the run tells.

    Where it holds calls of one kind only, these are meant. Where `systemTags` leave out the names of
    checks, all of them are one, which is called as the metric.
    """
    if pool.phased is not None:
        both = {sort.phased for sort in sorts if sort.kind == REQUEST}
        return pool if len(both) > 1 else replace(pool, phased=None)
    if pool.kinds == (CHECK,) and pool.name is not None:
        names = {sort.name for sort in sorts if sort.kind == CHECK}
        return replace(pool, name=UNNAMED_CHECK, tags=()) if names == {UNNAMED_CHECK} else pool
    return pool


def unobserved(report: ToolReport) -> frozenset[Subject]:
    """Metrics and submetrics for which k6 writes zeros alone: a threshold names what never was.

    Of a submetric all others with the same tags have to be zero as well: of a group or scenario that
    was there some number is not.
    """
    metrics = [figure for figure in report.figures if figure.subject.kind == Kind.METRIC]
    seen = {_of_same(figure.subject) for figure in metrics if figure.value}
    return frozenset(figure.subject for figure in metrics if _of_same(figure.subject) not in seen)


def _of_same(subject: Subject) -> object:
    return subject.tags or subject.name


_HALF = 0.5e-6  # of the last decimal of k6's CSV


def lost_decimals(recipe: Recipe, values: int) -> float:
    """By how much a number out of k6's CSV may be off, whose values have six decimals."""
    if recipe.pool.kinds != (METRIC,):  # times are whole nanoseconds: six decimals of them are all
        return 0.0
    if recipe.statistic in ("min", "max", "mean", "quantile", "last"):
        return _HALF
    if recipe.statistic == "sum":
        return _HALF * values
    return 0.0


def length_of_test(report: ToolReport, span_s: float) -> float | None:
    """How long k6 says the test ran, in seconds; from count and rate of its counters if need be.

    Each counter allows a range of lengths, as wide as its digits are rounded. The range that most of
    them share is the length. None where there is none, where it is shorter than the run's samples were
    seen (by more than the last second, in which k6 only finishes), or longer than any test is around them.
    """
    if report.duration_s is not None:
        length: float | None = report.duration_s
    else:
        length = _shared(_ranges(report))
    if length is None or not span_s - 1.0 <= length <= span_s * _LONGER + _AROUND_S:
        return None
    return length


# A test is longer than its samples by setup, teardown and the last iterations: k6 gives up on each
# of these after a minute or less, unless a script says otherwise.
_LONGER = 1.2
_AROUND_S = 180.0
_MOST = 200  # counters that are asked; more cannot change the answer


def _ranges(report: ToolReport) -> list[tuple[float, float]]:
    """Shortest and longest length by each counter, the narrowest first."""
    sums = {figure.subject: figure for figure in report.figures if figure.statistic == "sum"}
    found = []
    for figure in report.figures:
        counter = sums.get(figure.subject)
        if figure.statistic == "rate" and counter is not None:
            (least, most), (slowest, fastest) = _range(counter), _range(figure)
            if least > 0 and slowest > 0:
                found.append((least / fastest, most / slowest))
    return sorted(found, key=lambda each: each[1] - each[0])[:_MOST]


def _range(figure: Figure) -> tuple[float, float]:
    """Between which two numbers the one lies that was printed."""
    step = figure.rounding.step
    half = step * figure.value if figure.rounding.how == "exact" else step / 2
    return figure.value - half, figure.value + half


def _shared(ranges: Sequence[tuple[float, float]]) -> float | None:
    """The middle of what the ranges have in common, of as many as possible."""
    best: list[tuple[float, float]] = []
    for shortest, _ in ranges:  # where most ranges overlap, one of them begins
        agreeing = [each for each in ranges if each[0] <= shortest <= each[1]]
        if len(agreeing) > len(best):
            best = agreeing
    if not best:
        return None
    return (max(least for least, _ in best) + min(most for _, most in best)) / 2
