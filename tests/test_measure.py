"""What is measured of a run, on rows small enough to count by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from perfreport import measure
from perfreport.run.info import RunInfo
from perfreport.run.schema import batch
from perfreport.run.store import Run, open_run
from perfreport.run.writer import RunWriter
from perfreport.stats.window import Window

START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
SECONDS = 60


def run_of(path: Path, *rows: dict[str, Any]) -> Run:
    """A run of a minute with a row per mapping; `at_s` is the row's start."""
    writer = RunWriter(path)
    for row in rows:
        columns = {"name": "order", "ts": [START + timedelta(seconds=row.get("at_s", 0))]}
        writer.write(batch(1, columns | {key: row[key] for key in row.keys() - {"at_s"}}))
    writer.finish(RunInfo(start=START, end=START + timedelta(seconds=SECONDS)))
    return open_run(path)


def request(**more: Any) -> dict[str, Any]:
    return {"kind": "request", "ok": True, "duration_ms": 10.0, **more}


def transaction(**more: Any) -> dict[str, Any]:
    return {"kind": "transaction", "ok": True, "duration_ms": 30.0, **more}


def test_failed_transactions_do_not_stand_for_requests_of_which_none_failed(tmp_path: Path) -> None:
    run = run_of(tmp_path / "x.parquet", request(), transaction(ok=False))
    total, endpoints = measure.statistics(run, measure.whole(run), only="failed")
    assert (total.kind, total.count) == (None, 0)
    assert [(row.kind, row.count) for row in endpoints] == [("transaction", 1)]


def test_the_total_of_a_run_without_requests_is_that_of_its_outermost_transactions(
    tmp_path: Path,
) -> None:
    inner = transaction(name="pay", group="order")
    run = run_of(tmp_path / "x.parquet", inner, transaction(), inner)
    total, endpoints = measure.statistics(run, measure.whole(run))
    assert (total.kind, total.count) == ("transaction", 1)
    assert [(row.name, row.group, row.count) for row in endpoints] == [
        ("pay", "order", 2),
        ("order", None, 1),
    ]


def test_the_timeline_counts_what_the_total_counts(tmp_path: Path) -> None:
    inner = transaction(name="pay", group="order")
    run = run_of(tmp_path / "x.parquet", inner, transaction(), inner)
    total, _ = measure.statistics(run, measure.whole(run))
    assert sum(row.requests for row in measure.timeline(run, 1.0)) == total.count


def test_failures_of_a_run_without_requests_are_those_of_its_transactions(tmp_path: Path) -> None:
    failed = transaction(ok=False, error="one of 3 samples failed")
    run = run_of(tmp_path / "x.parquet", transaction(), failed)
    (row,) = measure.errors(run, measure.whole(run))
    assert (row.name, row.error, row.count, row.share) == (
        "order",
        "one of 3 samples failed",
        1,
        0.5,
    )


@pytest.mark.parametrize("column", ["scenario", "group", "source", "status"])
def test_a_column_that_differs_within_an_endpoint_is_left_open(tmp_path: Path, column: str) -> None:
    one, other = (200, 500) if column == "status" else ("one", "other")
    cases = [((one, one), one), ((one, other), None), ((one, None), None), ((None, None), None)]
    for number, (values, expected) in enumerate(cases):
        rows = [request(**{column: value}) for value in values if value is not None]
        rows += [request()] * values.count(None)
        run = run_of(tmp_path / f"{number}.parquet", *rows)
        _, (endpoint,) = measure.statistics(run, measure.whole(run))
        assert getattr(endpoint, column) == expected


def users(at_s: float, count: float, source: str) -> dict[str, Any]:
    return {"kind": "users", "name": "users", "at_s": at_s, "users": count, "source": source}


def test_a_generator_that_is_silent_for_a_second_keeps_its_users(tmp_path: Path) -> None:
    """JMeter counts when a sample ends: with few users not in every second."""
    one = [users(second, 5.0, "one") for second in range(10)]
    run = run_of(tmp_path / "x.parquet", *one, users(0, 3.0, "two"), users(6.5, 4.0, "two"))
    by_second = [row.users for row in measure.timeline(run, 1.0)]
    assert by_second == [8, 8, 8, 8, 8, 8, 9, 5, 5, 5]


def test_users_before_the_window_last_into_it(tmp_path: Path) -> None:
    run = run_of(tmp_path / "x.parquet", users(0, 3.0, "one"), users(9, 4.0, "one"))
    start = START + timedelta(seconds=5)
    window = Window(start, START + timedelta(seconds=SECONDS), "given")
    answer = measure.users_by_second(run, window)["users"]
    assert answer["at_s"].to_pylist() == [0, 1, 2, 3, 4]
    assert answer["users"].to_pylist() == [3, 3, 3, 3, 4]


def test_a_generator_that_fell_silent_has_no_users_after_a_minute(tmp_path: Path) -> None:
    run = run_of(tmp_path / "x.parquet", users(0, 3.0, "one"), users(7200, 4.0, "one"))
    later = Window(START, START + timedelta(hours=3), "given")
    assert len(measure.users_by_second(run, later)["users"]) == 61
