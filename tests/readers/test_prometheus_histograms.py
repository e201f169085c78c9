"""Native histograms as classic rows: Prometheus's own answers are the oracle."""

from __future__ import annotations

import io
import json
import math
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfreport import resources
from perfreport.readers.prometheus_histograms import Bounds, Damaged, Histogram
from perfreport.readers.prometheus_json import READER, SeriesRows
from perfreport.readers.source import Source
from perfreport.run.info import MetricInfo
from perfreport.run.schema import SCHEMA

SAMPLES = resources.folder("sample_results") / "prometheus-json" / "native"
CASES = ["erp_request_seconds", "erp_clock_offset_rate"]

Key = tuple[int, str]  # microseconds, and the labels of a series as JSON
Row = tuple[int, str, dict[str, str], float, str | None]


def rows_of(source: Source, batches: Any = None) -> list[Row]:
    """(microseconds, name, labels, value, unit) of each row."""
    table = pa.Table.from_batches(batches or READER.read(source), schema=SCHEMA)
    labels = [dict(pairs) for pairs in table["labels"].to_pylist()]
    columns = [table["ts"].cast(pa.int64()), table["name"], table["value"], table["unit"]]
    times, names, values, units = (column.to_pylist() for column in columns)
    return list(zip(times, names, labels, values, units, strict=True))


def recorded(case: str) -> tuple[Source, list[Row]]:
    path = SAMPLES / f"{case}.json"
    source = Source(io.BytesIO(path.read_bytes()), path.name)
    return source, rows_of(source)


def answers(case: str, what: str) -> dict[Key, float]:
    """What Prometheus itself said, by time and labels."""
    own = json.loads((SAMPLES / f"{case}.tool.json").read_text())
    return {
        (round(at * 1e6), key_of(series["metric"])): float(value)
        for series in own[what]["result"]
        for at, value in series["values"]
    }


def key_of(labels: dict[str, str]) -> str:
    return json.dumps({k: v for k, v in labels.items() if k not in ("le", "__name__")})


def buckets_of(rows: list[Row]) -> dict[Key, list[tuple[float, float]]]:
    """(le, cumulated count) of each histogram, in the order of the rows."""
    found: dict[Key, list[tuple[float, float]]] = defaultdict(list)
    for at, name, labels, value, _ in rows:
        if name.endswith("_bucket"):
            found[at, key_of(labels)].append((float(labels["le"]), value))
    return found


def classic_quantile(q: float, buckets: list[tuple[float, float]]) -> tuple[float, float]:
    """Prometheus's histogram_quantile of classic buckets, and the width of the bucket it lies in."""
    rank = q * buckets[-1][1]
    index = next(i for i, (_, below) in enumerate(buckets) if below >= rank)
    (start, below), (end, upto) = buckets[index - 1], buckets[index]
    return start + (end - start) * (rank - below) / (upto - below), end - start


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("part", ["count", "sum"])
def test_count_and_sum_are_what_prometheus_says(case: str, part: str) -> None:
    source, rows = recorded(case)
    got = {
        (at, key_of(labels)): value
        for at, name, labels, value, _ in rows
        if name == f"{case}_{part}"
    }
    assert got == answers(case, part)
    assert source.rejected == 0


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("q", [0.05, 0.5, 0.95, 0.99])
def test_a_quantile_of_the_rows_is_prometheus_s_within_the_bucket(case: str, q: float) -> None:
    _, rows = recorded(case)
    own = answers(case, f"p{int(q * 100):02}")
    buckets = buckets_of(rows)
    assert buckets.keys() == own.keys()
    for key, expected in own.items():
        got, width = classic_quantile(q, buckets[key])
        assert abs(got - expected) <= width
        assert got == pytest.approx(expected, rel=1e-9)  # 2.42 interpolates linearly, too


def test_the_share_below_a_bound_is_what_prometheus_says() -> None:
    _, rows = recorded("erp_request_seconds")
    own = answers("erp_request_seconds", "fraction_to_1s")
    for key, buckets in buckets_of(rows).items():
        below = max(count for bound, count in buckets if bound <= 1)
        assert below / buckets[-1][1] == pytest.approx(own[key], rel=1e-12)


@pytest.mark.parametrize("case", CASES)
def test_buckets_ascend_and_end_with_the_count(case: str) -> None:
    _, rows = recorded(case)
    counts = {
        (at, key_of(labels)): value
        for at, name, labels, value, _ in rows
        if name.endswith("_count")
    }
    for key, buckets in buckets_of(rows).items():
        assert buckets == sorted(buckets)
        assert [count for _, count in buckets] == sorted(count for _, count in buckets)
        assert buckets[0][1] == 0
        assert buckets[-1] == (math.inf, counts[key])


def test_negative_zero_and_positive_buckets_are_all_there() -> None:
    _, rows = recorded("erp_clock_offset_rate")
    for buckets in buckets_of(rows).values():
        bounds = [bound for bound, _ in buckets]
        assert bounds[0] < -0.03
        assert {-0.001, 0.001} <= set(bounds)
        assert bounds[-2] > 0.03


def test_types_and_units_follow_the_name_that_prometheus_gives() -> None:
    source, rows = recorded("erp_request_seconds")
    assert source.facts.metrics == {
        "erp_request_seconds_count": MetricInfo(type="counter"),
        "erp_request_seconds_sum": MetricInfo(type="counter", unit="s"),
        "erp_request_seconds_bucket": MetricInfo(type="counter"),
    }
    assert {row[4] for row in rows if row[1].endswith("_sum")} == {"s"}
    source, _ = recorded("erp_clock_offset_rate")  # a rate has no name, and does not only grow
    assert source.facts.metrics == {
        "erp_clock_offset_rate_count": MetricInfo(type="gauge"),
        "erp_clock_offset_rate_sum": MetricInfo(type="gauge"),
        "erp_clock_offset_rate_bucket": MetricInfo(type="histogram"),
    }


def test_what_the_user_says_of_a_query_goes_before_the_name() -> None:
    source = Source(io.BytesIO(), "server/latency")
    rows = SeriesRows(source, "latency", MetricInfo(type="gauge", unit="ms"))
    data = (SAMPLES / "erp_request_seconds.json").read_bytes()
    units = {row[1]: row[4] for row in rows_of(source, rows.batches(data))}
    assert units == {"latency_count": None, "latency_sum": "ms", "latency_bucket": None}
    assert source.facts.metrics["latency_sum"] == MetricInfo(type="gauge", unit="ms")


# -- one histogram -----------------------------------------------------------------------------


def cumulated(*buckets: tuple[int, str, str, str], count: str = "10") -> list[tuple[str, float]]:
    return Bounds().cumulated(Histogram(count, "0", list(buckets)))


def test_missing_buckets_are_empty_ones() -> None:
    assert cumulated((0, "1", "2", "3"), (0, "8", "16", "7")) == [
        ("1", 0),
        ("2", 3),
        ("8", 3),
        ("16", 10),
        ("+Inf", 10),
    ]


def test_every_boundary_rule_is_taken() -> None:
    assert cumulated((1, "-2", "-1", "1"), (3, "-0.5", "0.5", "2"), (0, "1", "2", "3"), (2, "3", "4", "4")) == [
        ("-2", 0), ("-1", 1), ("-0.5", 1), ("0.5", 3), ("1", 3), ("2", 6), ("3", 6), ("4", 10), ("+Inf", 10),
    ]  # fmt: skip


def test_a_zero_bucket_without_width_is_one_bound() -> None:
    assert cumulated((3, "-0", "0", "4"), (0, "1", "2", "6")) == [
        ("0", 4),
        ("1", 4),
        ("2", 10),
        ("+Inf", 10),
    ]


def test_open_ends_and_custom_bounds() -> None:
    """Buckets of Prometheus 3 with bounds of the user's own: the first begins at -Inf."""
    assert cumulated((0, "-Inf", "0.1", "2"), (0, "0.1", "+Inf", "8")) == [("0.1", 2), ("+Inf", 10)]


def test_observations_that_were_no_numbers_are_in_the_count_only() -> None:
    assert cumulated((0, "1", "2", "8")) == [("1", 0), ("2", 8), ("+Inf", 10)]


def test_an_empty_histogram_has_its_count() -> None:
    assert Bounds().cumulated(Histogram("0", "0")) == [("+Inf", 0)]


def test_a_bound_stays_once_it_was_there_unless_a_wider_bucket_hides_it() -> None:
    bounds = Bounds()
    bounds.cumulated(Histogram("2", "0", [(0, "1", "2", "1"), (0, "2", "4", "1")]))
    later = bounds.cumulated(Histogram("1", "0", [(0, "8", "16", "1")]))
    assert later == [("1", 0), ("2", 0), ("4", 0), ("8", 0), ("16", 1), ("+Inf", 1)]
    wider = bounds.cumulated(Histogram("3", "0", [(0, "1", "4", "3")]))
    assert wider == [("1", 0), ("4", 3), ("8", 3), ("16", 3), ("+Inf", 3)]


@pytest.mark.parametrize(
    ("histogram", "why"),
    [
        (Histogram("many", "0"), "not a number: 'many'"),
        (Histogram("NaN", "0"), "not a finite number: 'NaN'"),
        (Histogram("1_0", "0"), "not a finite number: '1_0'"),
        (Histogram("1", "0", [(4, "1", "2", "1")]), "not a bucket: [4, '1', '2', '1']"),
        (Histogram("1", "0", [(0, "2", "1", "1")]), "not a bucket: [0, '2', '1', '1']"),
        (Histogram("2", "0", [(0, "2", "4", "1"), (0, "1", "2", "1")]), "not a bucket"),
        (Histogram("1", "0", [(0, "x", "1", "1")]), "not a number: 'x'"),
        (Histogram("1", "0", [(0, "1", "2", "2")]), "its buckets hold more than its count of 1"),
    ],
)
def test_a_histogram_that_contradicts_itself_is_damaged(histogram: Histogram, why: str) -> None:
    with pytest.raises(Damaged) as error:
        Bounds().cumulated(histogram)
    assert str(error.value).startswith(why)


@given(
    st.lists(st.integers(-40, 40), min_size=1, max_size=12),
    st.lists(st.integers(0, 2**40), min_size=12, max_size=12),
)
def test_the_rows_are_numpy_s_running_sum(powers: list[int], counts: list[int]) -> None:
    """Against NumPy, at each bound of buckets of which some are missing."""
    edges = sorted(set(powers))
    buckets = [
        (0, repr(2.0**power), repr(2.0 ** (power + 1)), str(count))
        for power, count in zip(edges, counts, strict=False)
    ]
    total = sum(counts[: len(edges)])
    got = Bounds().cumulated(Histogram(str(total), "0", buckets))
    ends = np.array([2.0 ** (power + 1) for power in edges])
    held = np.array(counts[: len(edges)], float)
    for bound, below in got[:-1]:
        assert below == held[ends <= float(bound)].sum()
    assert got[-1] == ("+Inf", total)
    assert [float(bound) for bound, _ in got] == sorted(float(bound) for bound, _ in got)


# -- damage in an answer -----------------------------------------------------------------------

GOOD = [1, {"count": "3", "sum": "1.5", "buckets": [[0, "0.5", "1", "3"]]}]
ROWS_OF_GOOD = [("q_count", 3), ("q_sum", 1.5), ("q_bucket", 0), ("q_bucket", 3), ("q_bucket", 3)]


def read(*histograms: Any, **more: Any) -> tuple[Source, list[tuple[str, float]]]:
    series = {"metric": {"__name__": "rpc"}, "histograms": histograms, **more}
    answer = {"status": "success", "data": {"resultType": "matrix", "result": [series]}}
    source = Source(io.BytesIO(json.dumps(answer).encode()), "q.json")
    return source, [(name, value) for _, name, _, value, _ in rows_of(source)]


@pytest.mark.parametrize(
    ("damaged", "why"),
    [
        ([2], "not a time and a histogram"),
        ([2, {"count": 3, "sum": "1"}], "not a time and a histogram"),
        ([2, {"count": "3"}], "not a time and a histogram"),
        ([2, {"count": "3", "sum": "1", "buckets": [[0, "1", "2"]]}], "not a time and a histogram"),
        ([2, {"count": "x", "sum": "1"}], "a histogram of rpc{}: not a number: 'x'"),
        ([-2, {"count": "3", "sum": "1"}], "not a time in seconds since 1970: -2.0"),
        ("2", "not a time and a histogram"),
    ],
)
def test_a_damaged_histogram_is_counted_and_the_others_stay(damaged: Any, why: str) -> None:
    source, rows = read(damaged, GOOD)
    assert rows == ROWS_OF_GOOD
    assert source.rejected == 1
    assert source.rejections[0].why.startswith(why)


def test_floats_and_histograms_of_one_series_are_both_kept() -> None:
    """A target that changed its exposition under the same name."""
    _, rows = read(GOOD, values=[[0.5, "7"]])
    assert rows == [("q", 7), *ROWS_OF_GOOD]
    source, rows = read(GOOD, values=[[0.5, 7]])
    assert rows == ROWS_OF_GOOD
    assert source.rejections[0].why.startswith("not a point of time and text")


def test_a_sum_that_is_no_number_leaves_count_and_buckets() -> None:
    source, rows = read([1, {**GOOD[1], "sum": "NaN"}])
    assert rows == [row for row in ROWS_OF_GOOD if row[0] != "q_sum"]
    assert source.notes == [
        "q.json: 1 of 1 points are NaN (nothing was observed) and were left out"
    ]


def test_an_instant_answer_holds_one_histogram_a_series() -> None:
    result = [{"metric": {"__name__": "rpc"}, "histogram": GOOD}]
    answer = {"status": "success", "data": {"resultType": "vector", "result": result}}
    rows = rows_of(Source(io.BytesIO(json.dumps(answer).encode()), "q.json"))
    assert [(name, value) for _, name, _, value, _ in rows] == ROWS_OF_GOOD


def test_a_cut_answer_keeps_every_whole_histogram() -> None:
    path: Path = SAMPLES / "erp_request_seconds.json"
    data = path.read_bytes()
    whole = rows_of(Source(io.BytesIO(data), path.name))
    first_histogram = data.index(b"]]}],") + 4
    for cut in range(first_histogram, len(data), 97):
        source = Source(io.BytesIO(data[:cut]), path.name)
        rows = rows_of(source)
        assert rows == whole[: len(rows)]
        histograms = sum(name.endswith("_count") for _, name, *_ in rows)
        assert histograms == data[:cut].count(b"]]}]")
        assert source.truncated
