"""How fast are two large runs compared? As ratios to bare percentiles by DuckDB and pandas.

    .venv/bin/python benchmarks/compare_speed.py [MILLION_REQUESTS]

Two runs of an hour, ten endpoints, so many million requests each (5 by default). Each program runs in
a process of its own, start of Python included; memory is its peak. DuckDB and pandas read the same two
files and give P50, P95 and P99 of each endpoint: no window, no interval, no judgement. Exits with 1 if
`compare` takes 15 s or 1 GB or more.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa

from perfreport.run.info import RunInfo
from perfreport.run.schema import batch
from perfreport.run.writer import RunWriter

START = datetime(2026, 1, 1, tzinfo=UTC)
SECONDS = 3600
ROWS = 100_000  # of one batch
MEDIANS_MS = np.array([20, 35, 50, 80, 120, 15, 200, 60, 45, 30.0])
MOST_SECONDS, MOST_BYTES = 15, 1e9
COLUMNS = '["name", "duration_ms"]'
DUCKDB = """
import duckdb, sys
for file in sys.argv[1:]:
    query = "select name, quantile_cont(duration_ms, [0.5, 0.95, 0.99]) from {} where kind = 'request' group by name"
    duckdb.sql(query.format(f"read_parquet('{file}')")).fetchall()
"""
PANDAS = f"""
import pandas, sys
for file in sys.argv[1:]:
    frame = pandas.read_parquet(file, columns={COLUMNS}, filters=[("kind", "=", "request")])
    frame.groupby("name", observed=True).duration_ms.quantile([0.5, 0.95, 0.99])
"""


def main(millions: float) -> int:
    with tempfile.TemporaryDirectory() as folder:
        runs = [Path(folder) / f"{name}.parquet" for name in ("baseline", "run")]
        for seed, path in enumerate(runs):
            simulated(path, round(millions * 1e6), slower=1 + 0.1 * seed, seed=seed)
        small = [path.with_suffix(".small") for path in runs]
        perfreport = [sys.executable, "-m", "perfreport"]
        for run, condensed in zip(runs, small, strict=True):
            told("condense", *measured([*perfreport, "condense", run, "-o", condensed]))
        ours, memory = measured([*perfreport, "compare", *runs], expected=3)
        told("compare", ours, memory)
        told("compare, condensed", *measured([*perfreport, "compare", *small], expected=3), ours)
        told("DuckDB, percentiles", *measured([sys.executable, "-c", DUCKDB, *runs]), ours)
        told("pandas, percentiles", *measured([sys.executable, "-c", PANDAS, *runs]), ours)
    return int(ours >= MOST_SECONDS or memory >= MOST_BYTES)


def simulated(path: Path, requests: int, slower: float, seed: int) -> None:
    """Log-normal durations at a constant rate; the first three endpoints are slower by a factor."""
    random = np.random.default_rng(seed)
    names = pa.array([f"POST /api/v1/things/{number}" for number in range(len(MEDIANS_MS))])
    writer = RunWriter(path)
    for begin in range(0, requests, ROWS):
        count = min(ROWS, requests - begin)
        at_us = (begin + np.arange(count)) * (SECONDS * 1e6 / requests)
        endpoint = random.integers(0, len(names), count).astype(np.int32)
        duration = MEDIANS_MS[endpoint] * random.lognormal(0, 0.4, count)
        duration *= np.where(endpoint < 3, slower, 1)
        columns = {
            "kind": "request",
            "ts": pa.array((START.timestamp() * 1e6 + at_us).astype(np.int64), pa.timestamp("us", "UTC")),
            "name": pa.DictionaryArray.from_arrays(pa.array(endpoint), names),
            "ok": random.uniform(size=count) > 0.001,
            "duration_ms": duration,
            "send_ms": duration * 0.01,
            "wait_ms": duration * 0.95,
            "receive_ms": duration * 0.04,
        }  # fmt: skip
        writer.write(batch(count, columns))
    writer.finish(RunInfo(tool="k6", start=START, end=START + timedelta(seconds=SECONDS)))


def measured(command: list[str | Path], expected: int = 0) -> tuple[float, float]:
    """Seconds and peak bytes of a process."""
    begin = time.perf_counter()
    process = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begin
    if os.waitstatus_to_exitcode(status) != expected:
        raise SystemExit(f"{command[2:4]} exited with {os.waitstatus_to_exitcode(status)}")
    return seconds, usage.ru_maxrss * 1024.0


def told(what: str, seconds: float, memory: float, ours: float | None = None) -> None:
    ratio = f", {seconds / ours:.2f} of compare's time" if ours else ""
    print(f"{what}: {seconds:.1f} s, {memory / 1e6:.0f} MB{ratio}", flush=True)


if __name__ == "__main__":
    raise SystemExit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 5))
