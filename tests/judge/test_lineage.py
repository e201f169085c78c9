"""Earlier runs beside a baseline: the same test, the same load, no change for good in between."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from perfreport.judge.lineage import Offered, lineage, no_such_tag, picked, pinned
from perfreport.judge.record import EndpointRecord, Figure, RunRecord, angle
from perfreport.judge.shifts import shifts
from perfreport.sla.settings import CompareSettings

SETTINGS = CompareSettings()
MINUTES = timedelta(minutes=10)


def record(
    day: int, ms: float = 50.0, failed: int = 20, requests: int = 20_000, **changed
) -> RunRecord:
    """A run of one endpoint; a day apart from the next."""
    start = datetime(2026, 9, 1, tzinfo=UTC) + timedelta(days=day)
    figures = {
        name: Figure(factor * ms, math.log(factor * ms), 0.004)
        for name, factor in (("p50", 1), ("p95", 2), ("p99", 3))
    }
    share = angle((failed + 3 / 8) / (requests + 3 / 4))
    figures["error_rate"] = Figure(failed / requests, share, 0.5 / math.sqrt(requests))
    run = RunRecord(
        name=f"run-{day}",
        system="shop",
        release=f"2026.{day}",
        scenario="o2c",
        test_type="load",
        environment="staging",
        tool="k6",
        labels={},
        started=start,
        start=start,
        end=start + MINUTES,
        requests=requests,
        failures=failed,
        rate_per_s=requests / MINUTES.total_seconds(),
        users=None,
        p50_ms=ms,
        p95_ms=2 * ms,
        p99_ms=3 * ms,
        exact=True,
        endpoints={"create_order": EndpointRecord(requests, failed, figures)},
    )
    return replace(run, **changed)


def told(run: RunRecord, baseline: RunRecord, *offered: RunRecord, named: bool = False):
    found = lineage(run, baseline, [Offered(each, named) for each in offered], SETTINGS)
    assert [each.name for each in found] == [each.name for each in offered]
    return {each.name: (each.used, each.why) for each in found}


def noisy(days: range, ms: float = 50.0) -> list[RunRecord]:
    factors = np.exp(np.random.default_rng(7).normal(0, 0.01, len(days)))
    return [record(day, ms * factor) for day, factor in zip(days, factors, strict=True)]


def test_earlier_runs_of_the_same_test_are_used() -> None:
    *offered, baseline = noisy(range(6))
    found = told(record(9), baseline, *offered)
    assert all(used for used, _ in found.values())


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"system": "bank"}, "another system: bank against shop"),
        ({"scenario": None}, "another scenario: none against o2c"),
        ({"test_type": "smoke"}, "another test type: smoke against load"),
        ({"environment": "laptop"}, "another environment: laptop against staging"),
        ({"tool": "JMeter"}, "another tool: JMeter against k6"),
        ({"rate_per_s": 99.0}, "another load: 99 requests/s against 33.3 requests/s"),
        ({"requests": 0}, "no request of it is judged"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_run_of_another_test_is_left_out_and_told_why(changed, why: str) -> None:
    other = replace(record(1), **changed)
    assert told(record(9), record(8), other, record(2)) == {
        "run-1": (False, why),
        "run-2": (True, "the same test"),
    }


def test_as_many_users_are_the_same_load_though_the_rate_follows_the_answers() -> None:
    slower = replace(record(1), rate_per_s=25.0, users=100.0)
    baseline = replace(record(8), users=101.0)
    assert told(record(9), baseline, slower)["run-1"] == (True, "the same test")


def test_the_run_the_baseline_copies_and_later_runs_are_left_out() -> None:
    run, baseline = record(9), record(8)
    copy = replace(record(3), name="small")
    found = told(
        run, baseline, replace(run, name="it"), replace(baseline, name="base"), record(3), copy,
        record(10),
    )  # fmt: skip
    assert found == {
        "it": (False, "it is the run itself"),
        "base": (False, "it is the baseline itself"),
        "run-3": (True, "the same test"),
        "small": (False, "the same run as run-3"),
        "run-10": (False, "it is not earlier than the run"),
    }


def test_who_names_a_later_run_means_it() -> None:
    assert told(record(9), record(8), record(10), named=True)["run-10"][0]


def test_history_begins_after_the_last_change_before_the_baseline() -> None:
    before, after = noisy(range(5)), noisy(range(5, 10), ms=58.0)
    found = told(record(12, 58.0), after[-1], *before, *after[:-1])
    assert {name for name, (used, _) in found.items() if used} == {f"run-{n}" for n in range(5, 9)}
    assert found["run-0"][1] == (
        "before the change of create_order P50, create_order P95 at 2026.5 (run-5)"
    )


def test_history_ends_at_the_first_change_after_a_pinned_baseline() -> None:
    before, after = noisy(range(5)), noisy(range(5, 10), ms=58.0)
    found = told(record(12, 58.0), before[2], *before[:2], *before[3:], *after)
    assert {name for name, (used, _) in found.items() if used} == {
        "run-0",
        "run-1",
        "run-3",
        "run-4",
    }
    assert found["run-7"][1].startswith("after the change of create_order P50")


def test_of_two_changes_the_nearest_is_told() -> None:
    runs = [*noisy(range(4)), *noisy(range(4, 8), ms=60.0), *noisy(range(8, 12), ms=75.0)]
    found = told(record(20, 75.0), runs[-1], *runs[:-1])
    assert {name for name, (used, _) in found.items() if used} == {"run-8", "run-9", "run-10"}
    assert "(run-8)" in found["run-0"][1]
    found = told(record(20, 50.0), runs[0], *runs[1:])
    assert "(run-4)" in found["run-11"][1]


def test_one_bad_run_cuts_nothing_off() -> None:
    runs = noisy(range(9))
    runs[4] = record(4, 80.0)
    assert all(used for used, _ in told(record(12), runs[-1], *runs[:-1]).values())


def test_in_a_folder_the_newest_earlier_run_of_the_same_test_is_picked() -> None:
    run = record(9)
    smoke = replace(record(8), test_type="smoke")
    assert picked(run, [record(3), record(6), smoke, run, record(10)]).name == "run-6"
    assert picked(run, [smoke, run, record(10)]) is None


def test_a_tag_means_its_newest_run_of_the_scenario() -> None:
    tagged = [replace(record(day), labels={"baseline": "2026.1"}) for day in (2, 5)]
    other = replace(record(7), scenario="p2p", labels={"baseline": "2026.1"})
    assert pinned(record(9), [*tagged, other, record(8)], "2026.1").name == "run-5"
    assert pinned(record(9), [*tagged, other], "2026.2") is None


def test_a_tag_that_is_not_there_names_those_that_are() -> None:
    tagged = replace(record(2), labels={"baseline": "2026.1"})
    assert no_such_tag("2026.l", [tagged, record(3)]) == (
        'no run is pinned as "2026.l". There are: 2026.1. Did you mean "2026.1"?'
    )
    assert "--label baseline=x" in no_such_tag("x", [record(3)])


@pytest.mark.parametrize("rate", [0.0, 0.001, 0.003, 0.01])
@pytest.mark.parametrize("lengths", [(200, 2400), (2400, 200), (300, 9000)])
def test_longer_runs_of_one_error_rate_are_no_change_of_it(
    rate: float, lengths: tuple[int, int]
) -> None:
    """Short runs see a small rate with large errors: without them up to 7 of 100 series changed."""
    random = np.random.default_rng(1)
    changed = 0
    for _ in range(20):
        counts = [lengths[day >= 10] for day in range(20)]
        runs = [
            record(day, requests=count, failed=int(random.binomial(count, rate)))
            for day, count in enumerate(counts)
        ]
        changed += bool(shifts(runs, SETTINGS, ["error_rate"])[0])
    assert changed == 0


def test_a_rise_of_the_error_rate_is_found_where_runs_are_long_enough() -> None:
    runs = [record(day, failed=20 if day < 8 else 120) for day in range(16)]
    (shift,), _ = shifts(runs, SETTINGS, ["error_rate"])
    assert (shift.run, shift.since, shift.at) == ("run-8", "run-7", 8)
    (change,) = shift.changes
    assert change.change == pytest.approx(0.005)
    assert change.low < 0.005 < change.high
    assert change.worse
