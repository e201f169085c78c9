"""Judges objectives: what was measured of a run against what the pack demands."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from perfreport import units
from perfreport.judge.findings import ObjectiveFinding, Status
from perfreport.judge.measured import Measured, Observed, observe
from perfreport.judge.subjects import About, Objective, objectives_of
from perfreport.run.info import TestType
from perfreport.sla.grammar import PERCENTILES, Limit
from perfreport.sla.model import Pack

_AT_RISK = 0.10  # of the limit: less left than this is at risk
_BEYOND = 10  # requests beyond a percentile that it has to rest on
_FAILURES = 3  # that the limit allows: with fewer, no failure at all proves nothing (rule of three)
_WORDS = {
    **{name: name.upper() for name in PERCENTILES},
    "p999": "P99.9",
    "mean": "Mean",
    "min": "Minimum",
    "max": "Maximum",
    "last": "Last value",
    "error_rate": "Error rate",
    "rate": "Successful requests",
    "checks": "Checks passed",
    "users": "Active users",
    "slope": "Slope",
}


def judge_objectives(
    objectives: Sequence[Objective], measured: Measured, baseline: Measured | None = None
) -> tuple[ObjectiveFinding, ...]:
    """A finding for each objective, in their order.

    baseline  the run that `p95 <= baseline + 10%` means; without one such a limit has no data
    """
    return tuple(_judged(objective, measured, baseline) for objective in objectives)


def untested(
    pack: Pack, tested: Iterable[tuple[str | None, TestType | None]]
) -> tuple[ObjectiveFinding, ...]:
    """A finding without data for everything that the pack asks of tests that were not handed in.

    tested  scenario and type of each run that was judged; a run without a type is a load test
    """
    done = {(scenario, test or TestType.LOAD) for scenario, test in tested}
    missing = [
        (scenario.scenario, TestType.LOAD)
        for scenario in pack.scenarios
        if (scenario.scenario, TestType.LOAD) not in done
    ]
    types = {test for _, test in done}
    others: list[tuple[str | None, TestType]] = [
        (None, test.test)
        for test in pack.tests
        if test.test not in types and test.test is not TestType.LOAD
    ]
    return tuple(
        _not_tested(objective)
        for scenario, test in [*missing, *others]
        for objective in objectives_of(pack, scenario, test)
    )


@dataclass(frozen=True)
class _Bound:
    """The limit as a number; `why` says why there is none."""

    value: float | None
    why: str = ""


def _judged(
    objective: Objective, measured: Measured, baseline: Measured | None
) -> ObjectiveFinding:
    limit = objective.limit
    if limit is None:
        return _finding(objective, measured.run, Status.MANUAL, why="to be signed by hand")
    observed = observe(objective, measured)
    bound = _bound(objective, limit, baseline)
    if observed.value is None or bound.value is None:
        why = f"no data: {observed.why if observed.value is None else bound.why}"
        return _finding(objective, measured.run, Status.NO_DATA, observed, bound.value, why=why)
    margin = _margin(limit, observed.value, bound.value)
    status, decided = _status(limit, observed, observed.value, bound.value, margin)
    why = _sentence(objective, limit, observed, observed.value, bound.value, decided)
    return _finding(objective, measured.run, status, observed, bound.value, margin, why)


def _bound(objective: Objective, limit: Limit, baseline: Measured | None) -> _Bound:
    """The written value, or what it comes to from the baseline's."""
    if not limit.relative:
        return _Bound(limit.value)
    if baseline is None:
        return _Bound(None, "no baseline run was given")
    before = observe(objective, baseline)
    if before.value is None:
        return _Bound(None, f"baseline {baseline.run}: {before.why}")
    if limit.unit == "1":
        return _Bound(before.value * (1 + limit.value))
    return _Bound(before.value + limit.value)


def _margin(limit: Limit, observed: float, bound: float) -> float | None:
    """What is left, as a fraction of the limit; negative where it is broken.

    Of a floor near 100 % (checks >= 99%) the fraction is of what may fail: 99.5 % leaves half.
    """
    if not limit.upper and limit.unit == "1" and 0.5 < bound <= 1:
        observed, bound = 1 - observed, 1 - bound
        return (bound - observed) / bound if bound > 0 else None
    if bound == 0:
        return None
    left = bound - observed if limit.upper else observed - bound
    return left / abs(bound)


def _status(
    limit: Limit, observed: Observed, value: float, bound: float, margin: float | None
) -> tuple[Status, str]:
    """The status, and in words what decided it."""
    needed = _needed(limit, bound)
    if observed.samples is not None and observed.samples < needed and not _broken(limit, observed):
        return Status.TOO_FEW, f"too few to judge, {needed:,} are needed"
    left = _left(limit, margin)
    if not limit.holds(value, bound):
        return Status.FAIL, left
    if observed.interval is not None and observed.interval.covers(bound):
        return Status.AT_RISK, f"{left}, but the interval covers the limit"
    # Users are set, not measured: all of them is all there can be.
    exact = limit.statistic == "users" or limit.operator == "=="
    if margin is not None and margin < _AT_RISK and not exact:
        return Status.AT_RISK, f"only {left}"
    return Status.PASS, left


def _broken(limit: Limit, observed: Observed) -> bool:
    """Ten failures break a limit that allows fewer than three, however few requests there were."""
    share = {"error_rate": observed.value, "checks": 1 - (observed.value or 0.0)}
    failed = (share.get(limit.statistic) or 0.0) * (observed.samples or 0)
    return limit.series is None and round(failed) >= _BEYOND


def _needed(limit: Limit, bound: float) -> int:
    """Requests that a limit has to rest on before it says anything."""
    if limit.series is not None:
        return 1
    q = PERCENTILES.get(limit.statistic)
    if q is not None:
        # 200 * 0.05 is 10.000000000000009: rounded before it is rounded up
        return _rounded_up(_BEYOND / (1 - q))
    allowed = {"error_rate": bound, "checks": 1 - bound}.get(limit.statistic, 0.0)
    return _rounded_up(_FAILURES / allowed) if allowed > 0 else 1


def _rounded_up(number: float) -> int:
    return -int(-round(number, 6) // 1)


def _sentence(
    objective: Objective,
    limit: Limit,
    observed: Observed,
    value: float,
    bound: float,
    decided: str,
) -> str:
    """What was seen, what was asked, what decided, and what it rests on."""
    asked = f"limit {limit.operator} {units.quantity_text(bound, observed.unit)}"
    parts = [_seen(limit, value, observed.unit), asked.replace("== ", "")]
    if limit.relative:
        parts.append(f"from {limit.text}")
    if decided:
        parts.append(decided)
    if limit.assumed:
        parts.append("P95 assumed, the pack names no statistic")
    return "; ".join(filter(None, [", ".join(parts), _ground(objective, observed)]))


def _seen(limit: Limit, value: float, unit: str) -> str:
    text = units.quantity_text(value, unit)
    if limit.statistic != "count":
        return f"{_WORDS[limit.statistic]} {text}"
    requests = "request" if value == 1 else "requests"
    condition = str(limit.condition or "").replace("== ", "")
    if limit.condition is None or limit.condition.what != "status":
        return " ".join(filter(None, [text, condition, requests]))
    return f"{text} {requests} with {condition}"


def _left(limit: Limit, margin: float | None) -> str:
    if margin is None or limit.statistic == "users":
        return ""
    if margin == 0:
        return "exactly at the limit"
    if margin < -1 and limit.upper:
        return f"{units.number(1 - margin, 2)} times the limit"
    if margin > 1 and not limit.upper:
        return f"{units.number(1 + margin, 2)} times the limit"
    word = "left" if margin >= 0 else "over" if limit.upper else "short"
    return f"{units.number(abs(margin) * 100, 2)} % {word}"


def _ground(objective: Objective, observed: Observed) -> str:
    """How many samples, how sure, and what else people should know."""
    parts = []
    if observed.samples is not None and objective.about is not About.USERS:
        parts.append(f"n = {observed.samples:,}")
    interval = observed.interval
    if interval is not None:
        low, high = (
            "?" if bound is None else units.quantity_text(bound, observed.unit)
            for bound in (interval.low, interval.high)
        )
        parts.append(f"95 % interval {low} to {high}")
    return ", ".join(filter(None, [*parts, observed.why]))


def _finding(
    objective: Objective,
    run: str | None,
    status: Status,
    observed: Observed | None = None,
    bound: float | None = None,
    margin: float | None = None,
    why: str = "",
) -> ObjectiveFinding:
    limit = objective.limit
    interval = observed.interval if observed else None
    return ObjectiveFinding(
        id=objective.id,
        run=run,
        subject=objective.subject,
        statistic=objective.statistic,
        operator=limit.operator if limit else "",
        limit=bound,
        observed=observed.value if observed else None,
        unit=observed.unit if observed else limit.unit if limit else "",
        margin=margin,
        status=status,
        samples=observed.samples if observed else None,
        why=why,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        required=objective.required,
        scenario=objective.scenario,
        test_type=str(objective.test_type) if objective.test_type else None,
        target=objective.target,
        title=objective.title,
    )


def _not_tested(objective: Objective) -> ObjectiveFinding:
    limit = objective.limit
    bound = None if limit is None or limit.relative else limit.value
    status = Status.MANUAL if limit is None else Status.NO_DATA
    return _finding(objective, None, status, bound=bound, why="not tested: no run was handed in")
