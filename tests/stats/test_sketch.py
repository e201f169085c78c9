"""The sketch: the query against plain NumPy, and what cutting, pooling and batching keep."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from sketches import sketch_of

from perfreport import query
from perfreport.run.info import RunInfo
from perfreport.run.schema import batch
from perfreport.run.store import Run, open_run
from perfreport.run.writer import RunWriter
from perfreport.stats.sketch import (
    Sketch,
    cell_seconds,
    endpoint_sketches,
    read_sketches,
    within,
)
from perfreport.stats.window import Window

START = datetime(2026, 11, 23, 2, 0, 0, 123456, tzinfo=UTC)
LENGTH_S = 97.3


@pytest.fixture(scope="module")
def rows() -> dict[str, np.ndarray]:
    """Requests of two endpoints, one of them with its transaction; some failed, some without time."""
    random = np.random.default_rng(7)
    count = 4000
    durations = random.lognormal(3, 0.8, count)
    durations[::97] = 0.0  # refused connections
    return {
        "kind": np.where(random.uniform(size=count) < 0.8, "request", "transaction"),
        "name": random.choice(["order", "pay"], count),
        "at_us": np.sort(random.integers(0, int(LENGTH_S * 1e6), count)),
        "duration_ms": np.where(random.uniform(size=count) < 0.01, np.nan, durations),
        "ok": random.uniform(size=count) > 0.05,
    }


def run_of(rows: dict[str, np.ndarray], folder: Path) -> Run:
    moments = np.datetime64(START.replace(tzinfo=None), "us") + rows["at_us"].astype("m8[us]")
    durations = [None if np.isnan(value) else value for value in rows["duration_ms"]]
    columns = {
        "kind": list(rows["kind"]),
        "name": list(rows["name"]),
        "ts": moments,
        "ok": rows["ok"],
        "duration_ms": durations,
    }
    target = folder / "sketched.parquet"
    writer = RunWriter(target)
    writer.write(batch(len(moments), columns))
    writer.finish(RunInfo())
    return open_run(target)


@pytest.fixture(scope="module")
def sketches(rows, tmp_path_factory) -> dict[tuple[str, str], Sketch]:
    run = run_of(rows, tmp_path_factory.mktemp("run"))
    end = START + timedelta(seconds=LENGTH_S)
    answer = query.ask(run, "sketch", start=START, end=end, cell_s=5.0)
    return read_sketches(answer, LENGTH_S, 5.0)


@pytest.mark.parametrize("kind", ["request", "transaction"])
@pytest.mark.parametrize("name", ["order", "pay"])
def test_the_query_counts_as_numpy_does(rows, sketches, kind, name) -> None:
    mine = (rows["kind"] == kind) & (rows["name"] == name)
    sketch = sketches[kind, name]
    assert sketch.requests == mine.sum()
    assert sketch.failures == (mine & ~rows["ok"]).sum()
    assert sketch.timed == (mine & ~np.isnan(rows["duration_ms"])).sum()
    timed = mine & ~np.isnan(rows["duration_ms"])
    logs = np.log(np.maximum(rows["duration_ms"][timed], 0.05) / 0.05) / np.log(1.01)
    cells = rows["at_us"][timed] // 5_000_000
    expected = np.histogram2d(cells, logs, bins=[np.arange(21), np.arange(1500)])[0]
    counted = np.zeros((20, 1499))
    has_time = sketch.bin >= 0
    counted[sketch.cell[has_time], sketch.bin[has_time]] = sketch.count[has_time]
    assert np.array_equal(counted, expected)


def test_requests_are_compared_and_transactions_only_where_there_are_no_requests(sketches) -> None:
    assert endpoint_sketches(sketches)["pay"] is sketches["request", "pay"]
    only = {key: value for key, value in sketches.items() if key[0] == "transaction"}
    assert endpoint_sketches(only)["pay"] is sketches["transaction", "pay"]
    assert endpoint_sketches({}) == {}


def test_an_empty_answer_has_no_sketches(sketches, rows, tmp_path) -> None:
    none = {name: values[:0] for name, values in rows.items()}
    answer = query.ask(run_of(none, tmp_path), "sketch", start=START, end=START, cell_s=5.0)
    assert read_sketches(answer, 0.0, 5.0) == {}


@pytest.mark.parametrize(
    ("from_s", "to_s", "first", "cells"),
    [
        (0, LENGTH_S, 0, 19),  # the last cell is not whole
        (30, 90, 6, 12),
        (30.001, 89.999, 7, 10),
        (0.1 + 0.2, 95, 1, 18),
        (50, 52, 10, 0),
        (200, 300, 40, 0),
    ],
)
def test_a_window_is_cut_on_cell_borders_rounded_inward(
    sketches, rows, from_s, to_s, first, cells
) -> None:
    cut = sketches["request", "order"].between(from_s, to_s)
    mine = (rows["kind"] == "request") & (rows["name"] == "order")
    inside = mine & (rows["at_us"] >= first * 5e6) & (rows["at_us"] < (first + cells) * 5e6)
    assert cut.cells == cells
    assert cut.requests == inside.sum()
    window = Window(START + timedelta(seconds=from_s), START + timedelta(seconds=to_s), "given")
    assert within(sketches, START, window)["request", "order"].requests == cut.requests


def durations_of(random: np.random.Generator) -> np.ndarray:
    """Few or many, far apart or tied, whole milliseconds or not; 0.05 ms and more."""
    count = int(random.choice([1, 2, 3, 5, 19, 200, 1000]))
    drawn = [
        random.lognormal(3, 2, count),
        np.round(random.lognormal(2, 0.5, count)),
        random.choice([5.0, 80.0, 3000.0], count),
        np.full(count, float(random.choice([0.05, 7.0, 250.0]))),
        random.pareto(0.5, count) * 10,
    ]
    return np.maximum(drawn[random.integers(len(drawn))], 0.05)


@pytest.mark.parametrize("seed", range(60))
def test_quantiles_are_within_1_percent_of_numpys(seed) -> None:
    """Definition 7 of Hyndman and Fan, however few, sparse or tied the durations are."""
    random = np.random.default_rng(seed)
    durations = durations_of(random)
    times = random.uniform(0, 600, len(durations))
    sketch = sketch_of(times, durations)
    for q in (0.0, 0.05, 0.5, 0.9, 0.95, 0.99, 1.0):
        expected = np.quantile(durations, q, method="linear")
        assert sketch.quantile_ms(q) == pytest.approx(expected, rel=0.01)
    assert sketch.mean_ms() == pytest.approx(durations.mean(), rel=0.01)


def test_what_took_no_time_lies_in_the_lowest_bin() -> None:
    sketch = sketch_of(np.arange(10.0), np.zeros(10))
    assert 0.05 <= sketch.quantile_ms(0.5) < 0.05 * 1.01
    assert sketch_of(np.array([]), np.array([])).quantile_ms(0.5) is None


def test_pooled_endpoints_are_the_sum_of_both(sketches) -> None:
    order, pay = sketches["request", "order"], sketches["request", "pay"]
    pooled = order.merge(pay)
    assert pooled.requests == order.requests + pay.requests
    assert pooled.failures == order.failures + pay.failures
    assert pooled.timed == order.timed + pay.timed
    both = order.batches(4).requests + pay.batches(4).requests
    assert np.array_equal(pooled.batches(4).requests, both)
    with pytest.raises(ValueError, match="different runs or windows"):
        order.merge(pay.between(10, 50))


def test_successful_requests_alone(sketches) -> None:
    sketch = sketches["request", "order"]
    successful = sketch.successful()
    assert successful.requests == sketch.requests - sketch.failures
    assert successful.failures == 0


@pytest.mark.parametrize("wanted", [1, 7, 10, 19, 20, 50])
def test_batches_keep_every_request_and_are_nearly_equally_long(sketches, wanted) -> None:
    sketch = sketches["request", "order"]
    batches = sketch.batches(wanted)
    assert len(batches) == min(wanted, 20)
    assert batches.requests.sum() == sketch.requests
    assert batches.failures.sum() == sketch.failures
    assert batches.histograms.sum() == sketch.timed
    batch_of_cell = np.arange(20) * len(batches) // 20
    lengths = np.bincount(batch_of_cell)
    assert lengths.max() - lengths.min() <= 1


@pytest.mark.parametrize(
    ("run_s", "expected"),
    [(0.5, 5), (90, 5), (1200, 5), (1201, 10), (2400, 10), (7200, 40), (86400, 640)],
)
def test_cells_double_until_240_are_enough(run_s, expected) -> None:
    assert cell_seconds(run_s) == expected
    assert run_s / cell_seconds(run_s) <= 240
