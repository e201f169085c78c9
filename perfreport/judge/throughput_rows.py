"""Rows of the throughput: requests per second, of which fewer are worse."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from perfreport import units
from perfreport.judge.findings import Change, ChangeVerdict
from perfreport.judge.quantile_rows import large, log_margin
from perfreport.judge.rows import (
    Advice,
    Endpoint,
    Measured,
    Rule,
    advice,
    around,
    few_cells,
    geometric_mean,
    p_text,
    pooled_text,
    signed,
    unjudged,
    with_advice,
)
from perfreport.stats.difference import Components, components
from perfreport.stats.intervals import log_rate

_RUN_SD = 0.01  # a load generator keeps its rate better than a system its response times


def throughput_change(endpoint: Endpoint, rule: Rule) -> Change:
    """The throughput of one endpoint judged."""
    figures = _figures(endpoint)
    few = few_cells(endpoint.sketches)
    if few:
        return unjudged(figures, few)
    rates = [log_rate(side.sketch) for side in endpoint.sides]
    run, *baselines = [rate for rate in rates if rate]
    return _judged(figures, components(run, baselines, _RUN_SD), endpoint, rule)


def _figures(endpoint: Endpoint) -> Change:
    before = geometric_mean(map(_per_second, endpoint.baselines))
    after = _per_second(endpoint.run)
    return Change(
        endpoint.name,
        "throughput",
        before,
        after,
        change=after / before - 1 if before and after is not None else None,
        ci_low=None,
        ci_high=None,
        p_value=None,
        detectable=None,
        verdict=None,
        samples_baseline=sum(side.row.count for side in endpoint.baselines),
        samples_run=endpoint.run.row.count,
        why="",
    )


def _per_second(side: Measured) -> float | None:
    return side.row.count / side.seconds if side.seconds else None


def _judged(figures: Change, parts: Components, endpoint: Endpoint, rule: Rule) -> Change:
    difference = parts.difference
    low, high = (math.expm1(bound) for bound in difference.interval())
    low, high = around(low, high, figures.change)
    at_least = math.log1p(rule.settings.min_effect)
    row = replace(
        figures,
        ci_low=low,
        ci_high=high,
        p_value=difference.p_value(),
        detectable=-math.expm1(-difference.detectable(rule.alpha, at_least)),
        verdict=_verdict(parts, rule),
    )
    row = replace(row, why=_why(row, endpoint.baselines, rule))
    if row.verdict == ChangeVerdict.INCONCLUSIVE:
        return with_advice(row, _advice(parts, rule, min(side.judged_s for side in endpoint.sides)))
    return row


def _verdict(parts: Components, rule: Rule) -> ChangeVerdict:
    difference = parts.difference
    if large(difference.value, rule.settings) and difference.p_value() < rule.alpha:
        return ChangeVerdict.REGRESSED if difference.value < 0 else ChangeVerdict.IMPROVED
    low, high = difference.interval()
    least, most = log_margin(rule.settings)
    within = low > least and high < most
    return ChangeVerdict.UNCHANGED if within else ChangeVerdict.INCONCLUSIVE


def _advice(parts: Components, rule: Rule, seconds: float) -> Advice:
    """What would decide if the true change were what was measured."""

    def decides(more_runs: int, longer: float) -> bool:
        then = parts.with_more(more_runs, longer)
        if large(then.value, rule.settings) and then.would_be_found(rule.alpha):
            return True
        return then.would_lie_within(*log_margin(rule.settings))

    return advice(decides, seconds)


def _why(row: Change, baselines: Sequence[Measured], rule: Rule) -> str:
    low, high = row.ci_low or 0.0, row.ci_high or 0.0
    parts = [
        f"{units.number(row.baseline or 0)}/s to {units.number(row.run or 0)}/s, "
        f"{units.signed_percent(row.change or 0)} [{signed(low)}, {signed(high)}]",
        p_text(row.p_value or 0.0),
        f"detectable from {units.percent(row.detectable or 0.0)}",
        *pooled_text(len(baselines)),
    ]
    if rule.waiting and row.verdict != ChangeVerdict.UNCHANGED:
        parts.append("users wait for answers, so it follows from the response times")
    return "; ".join(parts)
