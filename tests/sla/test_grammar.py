"""Objectives read as people write them; what cannot be read says what can."""

from __future__ import annotations

import re

import pytest

from perfreport.sla.grammar import Condition, Limit, parse


def says(
    statistic: str, operator: str, value: float, unit: str, **more: object
) -> dict[str, object]:
    return {"statistic": statistic, "operator": operator, "value": value, "unit": unit} | {
        "series": None, "condition": None, "assumed": False, "relative": False
    } | more  # fmt: skip


READS = {
    "p95 < 500ms": says("p95", "<", 500, "ms"),
    "P99 < 5s": says("p99", "<", 5000, "ms"),
    "p99.9 <= 1.5 s": says("p999", "<=", 1500, "ms"),
    "median < 40ms": says("p50", "<", 40, "ms"),
    "mean≤200ms": says("mean", "<=", 200, "ms"),
    "max < 1min": says("max", "<", 60_000, "ms"),
    "< 500ms (P95)": says("p95", "<", 500, "ms"),
    "< 2000ms (P99)": says("p99", "<", 2000, "ms"),
    "< 300ms": says("p95", "<", 300, "ms", assumed=True),
    "error_rate < 0.1%": says("error_rate", "<", 0.001, "1"),
    "errors < 0.01": says("error_rate", "<", 0.01, "1"),
    "checks >= 99%": says("checks", ">=", 0.99, "1"),
    "rate >= 2500/h": says("rate", ">=", 2500, "/h"),
    ">= 2,500/h": says("rate", ">=", 2500, "/h"),
    "rate > 40/s": says("rate", ">", 40, "/s"),
    "users >= 5,000": says("users", ">=", 5000, ""),
    "count >= 100": says("count", ">=", 100, ""),
    "count(status >= 500) == 0": says(
        "count", "==", 0, "", condition=Condition("status", ">=", 500)
    ),
    "count(status = 429) = 0": says("count", "==", 0, "", condition=Condition("status", "==", 429)),
    "count(failed) == 0": says("count", "==", 0, "", condition=Condition("failed")),
    "count(ok) >= 1": says("count", ">=", 1, "", condition=Condition("ok")),
    "max(db_cpu) < 70%": says("max", "<", 0.7, "1", series="db_cpu"),
    "p95(db_query) < 100ms": says("p95", "<", 100, "ms", series="db_query"),
    "max( jvm:heap ) < 2GiB": says("max", "<", 2 * 2**30, "By", series="jvm:heap"),
    "last(kafka_lag) < 1000": says("last", "<", 1000, "", series="kafka_lag"),
    "slope(jvm_heap) <= 1%/h": says("slope", "<=", 0.01, "/h of limit", series="jvm_heap"),
    "slope(jvm_heap) <= 10MiB/h": says("slope", "<=", 10 * 2**20, "By/h", series="jvm_heap"),
    "slope(lag) < 100/h": says("slope", "<", 100, "/h", series="lag"),
    "p95 <= baseline + 10%": says("p95", "<=", 0.1, "1", relative=True),
    "p95 <= baseline + 20ms": says("p95", "<=", 20, "ms", relative=True),
    "rate >= baseline - 5%": says("rate", ">=", -0.05, "1", relative=True),
    "p95 <= baseline": says("p95", "<=", 0, "1", relative=True),
}


@pytest.mark.parametrize("text", READS)
def test_an_objective_reads_as_it_is_written(text: str) -> None:
    assert parse(text) == Limit(text=text, **READS[text])  # type: ignore[arg-type]


@pytest.mark.parametrize("text", READS)
def test_spaces_do_not_matter(text: str) -> None:
    spaced = parse(f"  {text}\t")
    assert (spaced.statistic, spaced.value) == (READS[text]["statistic"], READS[text]["value"])


REFUSED = {
    "": "is not an objective",
    "p95": "is not an objective",
    "fast": "try p95 < 500ms",
    "p95 << 500ms": "is not an objective",
    "p95 < 500ms < 1s": "is not an objective",
    "p59 < 500ms": 'Did you mean "p99"?',
    "p80 < 500ms": "Allowed: p50, p75, p90, p95, p99, p999",
    "p95 < 500": "write a time such as 500ms",
    "p95 < 5%": "write a time such as 500ms",
    "p95 < 500mss": "try 90s",
    "p95 < 500 parsecs": "is not a unit",
    "p95 < fast": "is not a quantity",
    "p95 < 1e999ms": "is larger than any number",
    "p95 < 500ms (P99)": "names its statistic twice",
    "< 200ms (workflow)": '"workflow" is not a statistic',
    "error_rate < 100ms": "write a share such as 0.1%",
    "rate >= 2500": "write a rate such as 2500/h",
    "users >= 50%": "write a number such as 5000",
    "count(status) == 0": "status >= 500",
    "count(status >= 5000) == 0": "status >= 500",
    "rate(x) > 5": "Over a series: p50",
    "slope < 1%/h": "slope needs a series: slope(name)",
    "last < 5": "last needs a series",
    "slope(heap) < 5%": "write 1%/h, 10MiB/h or 100/h",
    "max(two words) < 5": "is not the name of a series",
    "p95 <= baseline + 5/h": "write baseline + 10%",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_no_objective_says_what_is(text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(REFUSED[text])):
        parse(text)


@pytest.mark.parametrize(
    ("condition", "status", "ok", "counts"),
    [
        (Condition("status", ">=", 500), 500, False, True),
        (Condition("status", ">=", 500), 499, False, False),
        (Condition("status", "==", 429), 429, None, True),
        (Condition("status", ">=", 500), None, False, False),
        (Condition("failed"), 200, False, True),
        (Condition("failed"), 500, True, False),
        (Condition("failed"), 500, None, False),
        (Condition("ok"), None, True, True),
        (Condition("ok"), 200, None, False),
    ],
)
def test_a_condition_counts_only_what_is_known(
    condition: Condition, status: int | None, ok: bool | None, counts: bool
) -> None:
    assert condition.holds(status, ok) is counts
