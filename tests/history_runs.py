"""Runs for the tests of history: as records by hand, and as canonical runs by script."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa

from perfreport.judge.record import EndpointRecord, Figure, RunRecord, angle
from perfreport.run.info import RunInfo
from perfreport.run.schema import batch
from perfreport.run.writer import RunWriter

START = datetime(2026, 9, 1, 8, tzinfo=UTC)
SECONDS = 400.0
MEDIANS_MS = {"order": 40.0, "invoice": 20.0}
RATES_PER_S = {"order": 12.0, "invoice": 8.0}

Factors = Mapping[str, float]


def record(
    day: int,
    slower: Factors | None = None,
    failing: Factors | None = None,
    names: tuple[str, ...] = tuple(MEDIANS_MS),
    without: tuple[str, ...] = (),
    rate: float = 1.0,
    **fields,
) -> RunRecord:
    """The record of a run of some day; runs differ by about 1 %.

    slower, failing  factors on the durations, and shares of failures, by endpoint
    without          statistics that too few requests carry
    """
    random = np.random.default_rng(day)
    common = random.normal(0, 0.01)
    endpoints = {}
    for name in names:
        requests = round(RATES_PER_S.get(name, 5.0) * rate * SECONDS)
        share = (failing or {}).get(name, 0.002)
        median = math.log(MEDIANS_MS.get(name, 30.0) * (slower or {}).get(name, 1.0))
        median += common + random.normal(0, 0.003)
        figures = {
            statistic: Figure(math.exp(median + above), median + above, se)
            for statistic, above, se in (("p50", 0, 0.005), ("p95", 0.65, 0.01), ("p99", 0.9, 0.02))
        } | {
            "error_rate": Figure(share, angle(share), 0.5 / math.sqrt(requests)),
            "throughput": Figure(requests / SECONDS, math.log(requests / SECONDS), 0.015),
        }
        kept = {statistic: one for statistic, one in figures.items() if statistic not in without}
        endpoints[name] = EndpointRecord(requests, round(share * requests), kept)
    started = START + timedelta(days=day)
    requests = sum(endpoint.requests for endpoint in endpoints.values())
    known = {
        "name": f"day-{day:02}",
        "system": "shop",
        "release": f"2026.{day}",
        "scenario": "o2c",
        "test_type": "load",
        "environment": "staging",
        "tool": "k6",
        "labels": {},
        "started": started,
        "start": started + timedelta(seconds=30),
        "end": started + timedelta(seconds=SECONDS),
        "requests": requests,
        "failures": sum(endpoint.failures for endpoint in endpoints.values()),
        "rate_per_s": requests / SECONDS,
        "users": None,
        "p50_ms": math.exp(math.log(30) + common),
        "p95_ms": math.exp(math.log(60) + common),
        "p99_ms": math.exp(math.log(90) + common),
        "exact": True,
        "endpoints": endpoints,
    }
    return RunRecord(**(known | fields))


def made(
    path: Path, day: int, slower: float = 1.0, rate: float = 1.0, seed: int | None = None, **info
) -> Path:
    """A canonical run of two endpoints, of which only `order` may be slower."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = RunWriter(path)
    start = START + timedelta(days=day)
    for columns in _requests(start, slower, rate, day if seed is None else seed):
        writer.write(batch(len(columns["duration_ms"]), columns))
    known = {"system": "shop", "scenario": "o2c", "test_type": "load", "environment": "staging"}
    end = start + timedelta(seconds=SECONDS)
    writer.finish(RunInfo(**(known | {"tool": "k6", "start": start, "end": end} | info)))
    return path


def _requests(start: datetime, slower: float, rate: float, seed: int):
    random = np.random.default_rng(seed)
    factor = math.exp(random.normal(0, 0.01))
    for name, per_s in RATES_PER_S.items():
        count = round(per_s * rate * SECONDS)
        at_us = np.sort(random.integers(0, int(SECONDS * 1e6), count))
        median = MEDIANS_MS[name] * factor * (slower if name == "order" else 1.0)
        yield {
            "kind": "request",
            "ts": pa.array(int(start.timestamp() * 1e6) + at_us, pa.timestamp("us", "UTC")),
            "name": name,
            "ok": random.uniform(size=count) > 0.002,
            "duration_ms": random.lognormal(math.log(median), 0.4, count),
        }
