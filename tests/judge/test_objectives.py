"""Objectives: their status, margin and sentence, from what was measured alone."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfreport.judge.findings import ObjectiveFinding, Status, Trend, TrendVerdict
from perfreport.judge.measured import Measured
from perfreport.judge.objectives import judge_objectives, untested
from perfreport.judge.subjects import (
    About,
    Objective,
    members,
    objectives_of,
    objectives_of_run,
)
from perfreport.run.info import RunInfo, TestType
from perfreport.sla.grammar import parse
from perfreport.sla.model import Pack
from perfreport.tables import NameRow, OutcomeRow, SeriesRow, Stats, SubjectRow, UsersRow

KEY = "/requests/pay"


def objective(text: str, **more: Any) -> Objective:
    limit = parse(text)
    about = {"users": About.USERS, "checks": About.CHECKS}.get(limit.statistic, About.REQUESTS)
    about = About.SERIES if limit.series else about
    return Objective("shop", TestType.LOAD, limit.series or "pay", about, limit, **more)


def stats(**values: Any) -> SubjectRow:
    nothing: dict[str, Any] = {field.name: None for field in fields(Stats)}
    return SubjectRow(
        **(nothing | {"count": 10_000, "errors": 0, "error_rate": 0.0} | values), subject=KEY
    )


def judged(
    text: str, pack: Pack | None = None, baseline: Measured | None = None, **measured: Any
) -> ObjectiveFinding:
    what = objective(text)
    return judge_objectives([what], measure(pack, **measured), baseline)[0]


def measure(pack: Pack | None = None, row: SubjectRow | None = None, **more: Any) -> Measured:
    every = {f"/{about.value}/pay": row for about in About} if row else {}
    return Measured("run", RunInfo(), pack or Pack(), 100.0, subjects=every, **more)


# objective, what was measured: status, observed, margin
CASES = [
    ("p95 < 500ms", {"p95_ms": 300.0}, "pass", 300, 0.4),
    ("p95 < 500ms", {"p95_ms": 450.0}, "pass", 450, 0.1),
    ("p95 < 500ms", {"p95_ms": 451.0}, "at_risk", 451, 0.098),
    ("p95 < 500ms", {"p95_ms": 500.0}, "fail", 500, 0.0),
    ("p95 <= 500ms", {"p95_ms": 500.0}, "at_risk", 500, 0.0),
    ("p95 < 500ms", {"p95_ms": 575.0}, "fail", 575, -0.15),
    ("p95 < 500ms", {"p95_ms": 300.0, "count": 200}, "pass", 300, 0.4),
    ("p95 < 500ms", {"p95_ms": 300.0, "count": 199}, "too_few", 300, 0.4),
    ("p95 < 500ms", {"p95_ms": 900.0, "count": 199}, "too_few", 900, -0.8),
    ("p99 < 500ms", {"p99_ms": 300.0, "count": 1000}, "pass", 300, 0.4),
    ("p99 < 500ms", {"p99_ms": 300.0, "count": 999}, "too_few", 300, 0.4),
    ("p999 < 500ms", {"p999_ms": 300.0, "count": 9999}, "too_few", 300, 0.4),
    ("p50 < 500ms", {"p50_ms": 300.0, "count": 20}, "pass", 300, 0.4),
    ("p50 < 500ms", {"p50_ms": 300.0, "count": 19}, "too_few", 300, 0.4),
    ("mean < 50ms", {"mean_ms": 40.0, "count": 1}, "pass", 40, 0.2),
    ("max < 50ms", {"max_ms": 60.0}, "fail", 60, -0.2),
    ("p95 < 500ms", {"count": 5}, "no_data", None, None),
    ("error_rate < 1%", {"error_rate": 0.005, "errors": 50}, "pass", 0.005, 0.5),
    ("error_rate < 1%", {"error_rate": 0.02, "errors": 200}, "fail", 0.02, -1.0),
    ("error_rate < 1%", {"count": 300}, "pass", 0.0, 1.0),
    ("error_rate < 1%", {"count": 299}, "too_few", 0.0, 1.0),
    ("error_rate < 0.1%", {"count": 2999}, "too_few", 0.0, 1.0),
    ("error_rate < 1%", {"count": 200, "error_rate": 0.045}, "too_few", 0.045, -3.5),
    ("error_rate < 1%", {"count": 200, "error_rate": 0.05}, "fail", 0.05, -4.0),
    ("error_rate < 0.1%", {"count": 2000, "error_rate": 1.0}, "fail", 1.0, -999.0),
    ("error_rate == 0%", {"count": 5}, "pass", 0.0, None),
    ("error_rate < 1%", {"error_rate": None}, "no_data", None, None),
    ("checks >= 99%", {"error_rate": 0.005}, "pass", 0.995, 0.5),
    ("checks >= 99%", {"error_rate": 0.0095}, "at_risk", 0.9905, 0.05),
    ("checks >= 99%", {"error_rate": 0.03}, "fail", 0.97, -2.0),
    ("checks >= 99%", {"count": 299}, "too_few", 1.0, 1.0),
    ("checks >= 99%", {"count": 100, "error_rate": 0.5}, "fail", 0.5, -49.0),
    ("checks >= 100%", {"count": 1}, "pass", 1.0, None),
    ("rate >= 2500/h", {"count": 100, "errors": 10}, "pass", 3240, 0.296),
    ("rate >= 90/min", {"count": 100, "errors": 10}, "fail", 54, -0.4),
    ("rate >= 0.95/s", {"count": 100}, "at_risk", 1.0, 0.05 / 0.95),
    ("rate < 2/s", {"count": 100}, "pass", 1.0, 0.5),
    ("count >= 100", {"count": 100}, "at_risk", 100, 0.0),
    ("count >= 100", {"count": 99}, "fail", 99, -0.01),
]  # fmt: skip


@pytest.mark.parametrize(("text", "row", "status", "observed", "margin"), CASES)
def test_an_objective_is_judged_by_its_value_and_what_it_rests_on(
    text: str, row: dict[str, Any], status: str, observed: float | None, margin: float | None
) -> None:
    found = judged(text, row=stats(**row))
    assert found.status == status
    assert found.observed == (None if observed is None else pytest.approx(observed))
    assert found.margin == (None if margin is None else pytest.approx(margin))
    assert found.samples == row.get("count", 10_000)


@given(
    operator=st.sampled_from(["<", "<=", ">", ">="]),
    limit=st.integers(1, 10**6),
    observed=st.floats(0, 10**6),
)
def test_the_margin_is_negative_exactly_where_the_limit_is_broken(
    operator: str, limit: int, observed: float
) -> None:
    found = judged(f"p95 {operator} {limit}ms", row=stats(p95_ms=observed))
    assert found.margin is not None
    if found.margin < 0:
        assert found.status is Status.FAIL
    elif found.margin == 0:
        assert found.status in ((Status.FAIL,) if operator in "<>" else (Status.AT_RISK,))
    else:
        assert found.status is (Status.AT_RISK if found.margin < 0.1 else Status.PASS)


@given(count=st.integers(1, 20_000), errors=st.integers(0, 20_000))
def test_no_error_rate_passes_that_the_limit_does_not_allow(count: int, errors: int) -> None:
    errors = min(errors, count)
    found = judged(
        "error_rate < 1%", row=stats(count=count, errors=errors, error_rate=errors / count)
    )
    if count < 300:
        assert found.status is (Status.FAIL if errors >= 10 else Status.TOO_FEW)
    else:
        assert (found.status is Status.FAIL) == (errors / count >= 0.01)


@pytest.mark.parametrize(
    "text", ["p95 < 500ms", "error_rate < 1%", "rate >= 1/s", "count == 0", "checks >= 9%"]
)
def test_absent_requests_never_pass(text: str) -> None:
    found = judged(text)
    assert found.status is Status.NO_DATA
    assert found.why.startswith("no data: the run holds no")


OUTCOMES = tuple(
    OutcomeRow(KEY, status, ok, count)
    for status, ok, count in [(200, True, 90), (429, False, 3), (503, False, 2), (None, False, 5)]
)


@pytest.mark.parametrize(
    ("text", "observed", "status"),
    [
        ("count(status >= 500) == 0", 2, "fail"),
        ("count(status == 404) == 0", 0, "pass"),
        ("count(failed) <= 20", 10, "pass"),
        ("count(ok) >= 1", 90, "pass"),
    ],
)
def test_requests_are_counted_by_what_became_of_them(text: str, observed: int, status: str) -> None:
    found = judged(text, row=stats(count=100), outcomes={KEY: OUTCOMES})
    assert (found.observed, found.status) == (observed, status)


def test_a_count_by_status_has_no_data_where_the_tool_recorded_none() -> None:
    found = judged("count(status >= 500) == 0", row=stats(), outcomes={KEY: OUTCOMES[3:]})
    assert found.status is Status.NO_DATA
    assert found.why == "no data: the tool did not record status codes"


@pytest.mark.parametrize(("median", "status"), [(5000, "pass"), (6000, "pass"), (4999, "fail")])
def test_all_users_are_all_there_can_be(median: float, status: str) -> None:
    users = {"/users/pay": UsersRow("/users/pay", 60, median, median - 10, median)}
    assert judged("users >= 5000", users=users).status == status


def series(name: str, value: float, unit: str | None = None, **labels: str) -> SeriesRow:
    quantiles = dict.fromkeys(("p50", "p75", "p90", "p95", "p99", "p999"), value)
    return SeriesRow(name, labels, unit, 60, value, value, value, value, **quantiles)


SERVERS = Pack.model_validate(
    {
        "series": [
            {"series": "cpu", "query": "q", "unit": "%"},
            {"series": "share", "query": "q", "unit": "1"},
            {"series": "pool", "also": ["hikari"], "query": "q", "capacity": 50},
            {"series": "heap", "query": "q", "unit": "By", "capacity": "heap_max"},
            {"series": "query_p95", "query": "q", "unit": "s"},
            {"series": "lag", "query": "q", "unit": "{messages}"},
        ]
    }
)
HEAP_MAX = (series("heap_max", -1, area="eden"), series("heap_max", 4096.0, area="old"))


@pytest.mark.parametrize(
    ("text", "rows", "status", "observed"),
    [
        ("max(cpu) < 70%", [series("cpu", 62)], "pass", 0.62),
        ("max(cpu) < 70%", [series("cpu", 66)], "at_risk", 0.66),
        ("max(cpu) < 70", [series("cpu", 66)], "at_risk", 66),
        ("max(share) < 70%", [series("share", 0.62)], "pass", 0.62),
        ("max(pool) < 90%", [series("hikari", 30)], "pass", 0.6),
        ("max(pool) < 90%", [series("hikari", 30), series("hikari", 49, pool="b")], "fail", 0.98),
        ("min(pool) > 5", [series("hikari", 30), series("hikari", 4, pool="b")], "fail", 4),
        ("max(heap) < 90%", [series("heap", 2048.0), *HEAP_MAX], "pass", 0.5),
        ("max(heap) < 90%", [series("heap", 2048.0)], "no_data", None),
        ("max(heap) < 3KiB", [series("heap", 2048.0)], "pass", 2048),
        ("p95(query_p95) < 100ms", [series("query_p95", 0.085)], "pass", 85),
        ("max(lag) < 1000", [series("lag", 640)], "pass", 640),
        ("max(lag) < 1000", [], "no_data", None),
    ],
)
def test_a_series_is_judged_by_its_worst_line_in_the_limits_unit(
    text: str, rows: list[SeriesRow], status: str, observed: float | None
) -> None:
    found = judged(text, SERVERS, series=tuple(rows))
    assert found.status == status
    assert found.observed == (None if observed is None else pytest.approx(observed))


def trend(slope: float | None, low: float | None, high: float | None, name: str = "heap") -> Trend:
    nothing = dict.fromkeys(
        ("first", "middle", "last", "hours_to_limit", "hours_to_limit_low", "hours_to_limit_high")
    )
    return Trend(
        name, {}, "By", TrendVerdict.GROWING, slope, low, high, **nothing, limit=4096.0, why="short"
    )


@pytest.mark.parametrize(
    ("text", "slope", "status", "observed"),
    [
        ("slope(heap) <= 1%/h", (20.0, 10.0, 30.0), "pass", 20 / 4096),
        ("slope(heap) <= 1%/h", (35.0, 20.0, 50.0), "at_risk", 35 / 4096),
        ("slope(heap) <= 1%/h", (60.0, 50.0, 70.0), "fail", 60 / 4096),
        ("slope(heap) <= 100By/h", (60.0, 50.0, 70.0), "pass", 60),
        ("slope(heap) <= 1%/h", (None, None, None), "no_data", None),
    ],
)
def test_a_slope_is_judged_by_its_trend_and_interval(
    text: str, slope: tuple[Any, Any, Any], status: str, observed: float | None
) -> None:
    found = judged(text, SERVERS, trends=(trend(*slope),))
    assert found.status == status
    assert found.observed == (None if observed is None else pytest.approx(observed))


@pytest.mark.parametrize(
    ("text", "before", "now", "limit", "status"),
    [
        ("p95 <= baseline + 10%", 200.0, 190.0, 220.0, "pass"),
        ("p95 <= baseline + 10%", 200.0, 230.0, 220.0, "fail"),
        ("p95 <= baseline + 50ms", 200.0, 240.0, 250.0, "at_risk"),
        ("p95 <= baseline", 200.0, 150.0, 200.0, "pass"),
    ],
)
def test_a_limit_may_stand_on_the_baseline(
    text: str, before: float, now: float, limit: float, status: str
) -> None:
    baseline = measure(row=stats(p95_ms=before))
    found = judged(text, baseline=baseline, row=stats(p95_ms=now))
    assert (found.limit, found.status) == (pytest.approx(limit), status)
    assert f"from {text}" in found.why


def test_a_limit_on_the_baseline_has_no_data_without_one() -> None:
    found = judged("p95 <= baseline + 10%", row=stats(p95_ms=100.0))
    assert (found.status, found.limit) == (Status.NO_DATA, None)
    assert found.why == "no data: no baseline run was given"


@pytest.mark.parametrize(
    ("text", "row", "sentence"),
    [
        ("p95 < 2s", {"p95_ms": 2310.0, "count": 402_113},
         "P95 2.31 s, limit < 2.00 s, 16 % over; n = 402,113"),
        ("p95 < 500ms", {"p95_ms": 458.0}, "P95 458 ms, limit < 500 ms, only 8.4 % left; n = 10,000"),
        ("< 300ms", {"p95_ms": 150.0},
         "P95 150 ms, limit < 300 ms, 50 % left, P95 assumed, the pack names no statistic; n = 10,000"),
        ("p99 < 5s", {"p99_ms": 246.0, "count": 961},
         "P99 246 ms, limit < 5.00 s, too few to judge, 1,000 are needed; n = 961"),
        ("error_rate < 0.1%", {"error_rate": 0.0042},
         "Error rate 0.42 %, limit < 0.10 %, 4.2 times the limit; n = 10,000"),
        ("rate >= 60/h", {"count": 100},
         "Successful requests 3,600/h, limit >= 60/h, 60 times the limit; n = 100"),
    ],
)  # fmt: skip
def test_the_sentence_tells_value_limit_margin_and_ground(
    text: str, row: dict[str, Any], sentence: str
) -> None:
    assert judged(text, row=stats(**row)).why == sentence


PACK = Pack.model_validate(
    {
        "targets": [
            {"metric": "Users", "target": "300", "of": "users"},
            {"metric": "Orders", "target": "many", "of": "throughput"},
            {"metric": "API", "target": "fast", "of": "requests without dependency", "sla": "p95 < 500ms"},
            {"metric": "Bank", "target": "2 s", "of": {"dependency": "BANK"}, "sla": "p95 < 2s"},
            {"metric": "Errors", "target": "few", "sla": "error_rate < 1%"},
            {"metric": "CPU", "target": "70 %", "sla": "max(cpu) < 70%", "cells": {"stock": None}},
        ],
        "scenarios": [
            {
                "scenario": "shop",
                "also": ["Shop", "buyers"],
                "users": 200,
                "orders_from": "order",
                "throughput": ">= 60/h",
                "requests": [
                    {"request": "order", "also": ["create_order"], "sla": "p95 < 300ms"},
                    {"request": "pay", "sla": "p95 < 1s", "optional": "p99 < 3s", "externalDependency": "BANK"},
                ],
            },
            {"scenario": "stock", "users": 100, "requests": [{"request": "list"}]},
        ],
        "tests": [
            {"test": "load", "criteria": [
                {"criterion": "api", "of": "requests without dependency", "sla": "p95 < 500ms"},
                {"criterion": "bank", "of": {"dependency": "BANK"}, "sla": "p95 < 800ms"},
            ]},
            {"test": "smoke", "criteria": [
                {"criterion": "no 5xx", "sla": "count(status >= 500) == 0"},
                {"criterion": "a look", "manual": True, "required": False},
            ]},
        ],
        "dependencies": [{"dependency": "BANK"}],
        "series": [{"series": "cpu", "query": "q", "unit": "%"}],
    }
)  # fmt: skip


def listed(objectives: list[Objective]) -> dict[str, tuple[str, str | None]]:
    return {each.id: (str(each.limit), each.target) for each in objectives}


def test_a_load_test_asks_for_the_scenarios_own_limits_the_table_and_the_criteria() -> None:
    assert listed(objectives_of(PACK, "shop", TestType.LOAD)) == {
        "shop/users/users": ("users >= 200", "Users"),
        "shop/order/rate": (">= 60/h", "Orders"),
        "shop/order/p95": ("p95 < 300ms", None),
        "shop/pay/p95": ("p95 < 1s", "Bank"),
        "shop/pay/p99": ("p99 < 3s", None),
        "shop/requests without dependency/p95": ("p95 < 500ms", "API"),
        "shop/requests/error_rate": ("error_rate < 1%", "Errors"),
        "shop/cpu/max": ("max(cpu) < 70%", "CPU"),
        "shop/pay/p95#2": ("p95 < 800ms", None),
    }


def test_a_cell_that_does_not_apply_is_absent() -> None:
    assert listed(objectives_of(PACK, "stock", None)) == {
        "stock/users/users": ("users >= 100", "Users"),
        "stock/requests without dependency/p95": ("p95 < 500ms", "API"),
        "stock/requests/error_rate": ("error_rate < 1%", "Errors"),
    }


def test_optional_limits_are_not_required() -> None:
    required = {each.id: each.required for each in objectives_of(PACK, "shop", TestType.LOAD)}
    assert [name for name, needed in required.items() if not needed] == ["shop/pay/p99"]


def test_other_tests_are_judged_by_their_own_criteria() -> None:
    found = objectives_of(PACK, "shop", TestType.SMOKE)
    assert listed(found) == {
        "shop/requests/count": ("count(status >= 500) == 0", None),
        "shop/a look/manual": ("None", None),
    }
    assert judge_objectives(found[1:], measure())[0].status is Status.MANUAL


def names(*rows: tuple[str, str, str | None]) -> list[NameRow]:
    return [NameRow(kind, name, scenario, True, 1) for kind, name, scenario in rows]


MIXED = names(
    ("request", "create_order", "buyers"),
    ("request", "list", "stock"),
    ("request", "other", None),
    ("users", "vus", None),
)


def test_a_mixed_run_is_judged_by_each_scenario_that_its_rows_belong_to() -> None:
    found = objectives_of_run(PACK, RunInfo(scenario="shop", test_type="load"), MIXED)
    assert {each.scenario for each in found} == {"shop", "stock"}
    assert [each.id for each in found if each.about is About.USERS] == ["shop/users/users"]


def pooled(what: Objective, info: RunInfo, rows: list[NameRow]) -> list[str]:
    return [row.name for row in members(what, PACK, info, rows)]


def test_an_objective_pools_the_rows_of_its_scenario() -> None:
    info = RunInfo(scenario="shop")
    found = {each.id: each for each in objectives_of_run(PACK, info, MIXED)}
    assert pooled(found["shop/order/p95"], info, MIXED) == ["create_order"]
    assert pooled(found["shop/requests/error_rate"], info, MIXED) == ["create_order", "other"]
    assert pooled(found["stock/requests/error_rate"], info, MIXED) == ["list"]
    assert pooled(found["shop/users/users"], info, MIXED) == ["vus"]


def test_a_run_may_be_called_as_its_tool_calls_the_scenario() -> None:
    info = RunInfo(scenario="Shop")
    rows = names(("request", "create_order", None), ("users", "vus", None))
    found = {each.id: each for each in objectives_of_run(PACK, info, rows)}
    assert pooled(found["shop/order/p95"], info, rows) == ["create_order"]
    assert pooled(found["shop/users/users"], info, rows) == ["vus"]


def test_the_pooled_api_leaves_out_what_waits_for_a_dependency() -> None:
    info = RunInfo(scenario="shop")
    rows = names(("request", "order", None), ("request", "pay", None), ("check", "ok", None))
    found = {each.id: each for each in objectives_of_run(PACK, info, rows)}
    assert pooled(found["shop/requests without dependency/p95"], info, rows) == ["order"]


def test_objectives_match_requests_before_transactions() -> None:
    info = RunInfo(scenario="shop")
    both = names(("transaction", "order", None), ("request", "create_order", None))
    what = objectives_of(PACK, "shop", None)[2]
    assert what.id == "shop/order/p95"
    assert [row.kind for row in members(what, PACK, info, both)] == ["request"]
    assert [row.kind for row in members(what, PACK, info, both[:1])] == ["transaction"]


def test_a_transaction_inside_another_is_not_pooled_twice() -> None:
    info = RunInfo(scenario="shop")
    rows = [
        NameRow("transaction", "all", None, True, 1),
        NameRow("transaction", "order", None, False, 1),
    ]
    found = {each.id: each for each in objectives_of_run(PACK, info, rows)}
    assert pooled(found["shop/requests/error_rate"], info, rows) == ["all"]
    assert pooled(found["shop/order/p95"], info, rows) == ["order"]


def test_objectives_without_scenarios_hold_for_each_endpoint_and_for_all_together() -> None:
    pack = Pack.model_validate(
        {
            "objectives": {
                "total": "error_rate < 1%",
                "each_endpoint": "p95 < 1s",
                "optional": "p99 < 2s",
            }
        }
    )
    rows = names(("request", "b", None), ("request", "a", None), ("transaction", "t", None))
    found = objectives_of_run(pack, RunInfo(), rows)
    assert [(each.id, each.required) for each in found] == [
        ("run/requests/error_rate", True),
        ("run/requests/p99", False),
        ("run/a/p95", True),
        ("run/b/p95", True),
    ]


def test_what_was_not_run_is_not_tested() -> None:
    found = untested(PACK, [("shop", None)])
    assert {(each.scenario, each.test_type) for each in found} == {
        ("stock", "load"),
        (None, "smoke"),
    }
    assert {each.run for each in found} == {None}
    assert {each.status for each in found} == {Status.NO_DATA, Status.MANUAL}
    assert {each.why for each in found} == {"not tested: no run was handed in"}


def test_nothing_is_untested_once_everything_ran() -> None:
    assert (
        untested(PACK, [("shop", TestType.LOAD), ("stock", None), ("shop", TestType.SMOKE)]) == ()
    )


def test_ids_are_unique_within_a_run() -> None:
    found = objectives_of_run(PACK, RunInfo(scenario="shop"), MIXED)
    assert len({each.id for each in found}) == len(found)
    assert replace(found[0], number=2).id.endswith("#2")


def test_the_judges_read_no_file() -> None:
    from perfreport.judge import measured, objectives, subjects

    for module in (measured, objectives, subjects):
        assert "duckdb" not in Path(module.__file__).read_text("utf-8")
