"""The audit: what makes a test invalid, what is worth a warning, what is only told."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from perfreport.judge.findings import ObjectiveFinding, Status
from perfreport.judge.validity import Conduct, audit_run
from perfreport.run.info import Rejection, RunInfo, SourceInfo, TestType
from perfreport.stats.window import Window
from perfreport.tables import FastFailuresRow, UsersRow

START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


def span(first_s: float, last_s: float) -> Window:
    return Window(START + timedelta(seconds=first_s), START + timedelta(seconds=last_s), "users")


def finding(status: Status, subject: str = "pay") -> ObjectiveFinding:
    return ObjectiveFinding(
        "shop/pay/p95", "run", subject, "p95", "<", 500.0, 400.0, "ms", 0.2, status, 150, "why"
    )


GOOD = Conduct("run", RunInfo(scenario="shop"), span(0, 7200), span(1350, 6300))


def found(**conduct: Any) -> dict[str, str]:
    return {
        each.id: str(each.severity)
        for each in audit_run(replace(GOOD, **conduct), [finding(Status.PASS)])
    }


def users(median: float) -> UsersRow:
    return UsersRow("users", 60, median, median, median)


@pytest.mark.parametrize(
    ("median", "severity"),
    [(4499, "invalid"), (4500, "info"), (4999, "info"), (5000, None), (6000, None)],
)
def test_fewer_than_nine_in_ten_users_decide_nothing(median: float, severity: str | None) -> None:
    assert found(users=users(median), expected_users=5000).get("users_not_reached") == severity


@pytest.mark.parametrize(
    ("test", "severity"),
    [
        ("stress", None),
        ("spike", None),
        ("soak", "invalid"),
        ("load", "invalid"),
        (None, "invalid"),
    ],
)
def test_a_climb_or_a_spike_reaches_its_users_at_its_peak(
    test: str | None, severity: str | None
) -> None:
    """The guide's spike: 1,000 users, 15,000 for a while, 1,000 again; judged over the whole run."""
    row = UsersRow("users", 1800, median=1000, min=1000, max=15_000)
    info = RunInfo(test_type=test and TestType(test))
    audit = found(users=row, expected_users=15_000, info=info)
    assert audit.get("users_not_reached") == severity


@pytest.mark.parametrize("unknown", [{"users": users(3)}, {"expected_users": 5000}, {}])
def test_users_that_were_not_planned_or_not_recorded_are_no_doubt(unknown: dict[str, Any]) -> None:
    assert found(**unknown) == {}


@pytest.mark.parametrize(
    ("planned_s", "severity"), [(8001, "invalid"), (8000, "info"), (7200, None), (60, None)]
)
def test_less_than_nine_tenths_of_the_planned_time_decide_nothing(
    planned_s: float, severity: str | None
) -> None:
    assert found(expected_s=planned_s).get("run_too_short") == severity


@pytest.mark.parametrize(("steady_s", "severity"), [(4951, "invalid"), (4950, None)])
def test_too_little_steady_load_decides_nothing(steady_s: float, severity: str | None) -> None:
    assert found(min_steady_s=steady_s).get("run_too_short") == severity


def source(**more: Any) -> RunInfo:
    return RunInfo(sources=[SourceInfo(name="a.json", format="k6-json", rows=10_000, **more)])


def test_an_input_that_breaks_off_inside_the_judged_window_decides_nothing() -> None:
    cut = source(truncated=True)
    assert found(info=cut) == {"truncated_input": "info"}
    assert found(info=cut, window=span(1350, 7200)) == {"truncated_input": "invalid"}


@pytest.mark.parametrize(("broke_off_s", "severity"), [(3600, "invalid"), (6302, "info")])
def test_one_of_several_inputs_may_break_off_before_the_others(
    broke_off_s: float, severity: str
) -> None:
    """The run goes on to 7200 s by the other generator; the window ends at 6300 s."""
    broke_off = START + timedelta(seconds=broke_off_s)
    cut = found(info=source(truncated=True), broke_off=broke_off)
    assert cut == {"truncated_input": severity}


@pytest.mark.parametrize(("rejected", "severity"), [(0, None), (10, "info"), (11, "warning")])
def test_many_unreadable_records_are_a_warning(rejected: int, severity: str | None) -> None:
    info = source(rejected=rejected, rejections=[Rejection(line=84_211, why="cut off")])
    assert found(info=info).get("rejected_records") == severity


@pytest.mark.parametrize(("fast", "severity"), [(0, None), (9, "info"), (10, "warning")])
def test_failures_that_flatter_the_percentiles_are_a_warning(
    fast: int, severity: str | None
) -> None:
    row = FastFailuresRow("request", 1000, fast, "GET /", fast / 1000)
    assert found(fast_failures=row).get("fast_failures") == severity


def test_objectives_with_too_few_requests_are_named() -> None:
    subjects = ["a", "b", "c", "d", "d"]
    audit = audit_run(GOOD, [finding(Status.TOO_FEW, subject) for subject in subjects])
    assert [each.why for each in audit] == [
        "5 objectives rest on too few requests: a, b, c and 1 more"
    ]


def test_a_run_that_the_pack_asks_nothing_of_does_not_look_passed() -> None:
    audit = audit_run(replace(GOOD, scenarios=("shop", "stock"), info=RunInfo(scenario="shpo")))
    assert [(each.id, each.severity) for each in audit] == [("nothing_judged", "warning")]
    assert audit[0].why == (
        'the pack asks nothing of this run (scenario "shpo"). Its scenarios: shop, stock. '
        "Ingest it with --scenario and --test-type"
    )


def test_the_worst_doubt_comes_first() -> None:
    audit = audit_run(
        replace(
            GOOD, users=users(1), expected_users=5000, expected_s=7300, info=source(rejected=900)
        ),
        [finding(Status.PASS)],
    )
    assert [each.severity for each in audit] == ["invalid", "warning", "info"]


def test_a_run_of_a_tools_own_aggregates_is_not_trusted() -> None:
    info = RunInfo(scenario="shop", tool="k6", only_aggregates=True)
    assert found(info=info) == {"few_samples": "warning"}
