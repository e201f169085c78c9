"""Histories of made runs: the judges find in them what the pages have to show."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from perfreport.judge.history import Apart, History, history
from perfreport.judge.record import EndpointRecord, Figure, RunRecord, angle
from perfreport.sla.settings import CompareSettings

START = datetime(2026, 9, 1, 8, tzinfo=UTC)
ENDPOINTS = {"create_order": 40.0, "etims": 90.0, "mpesa_callback": 9.0}
_SPREAD = {"p50": 1.0, "p95": 2.1, "p99": 2.85}


def figure(value: float, se: float) -> Figure:
    return Figure(value, math.log(value), se)


def endpoint(median_ms: float, error_rate: float, requests: int = 8000) -> EndpointRecord:
    figures = {name: figure(median_ms * spread, 0.006) for name, spread in _SPREAD.items()}
    figures["error_rate"] = Figure(error_rate, angle(error_rate), 0.5 / math.sqrt(requests))
    figures["throughput"] = figure(requests / 400, 1 / math.sqrt(requests))
    return EndpointRecord(requests, round(requests * error_rate), figures)


def run(number: int, endpoints: Mapping[str, EndpointRecord], **changes: object) -> RunRecord:
    started = START + timedelta(days=number)
    requests = sum(each.requests for each in endpoints.values())
    medians = [each.figures["p50"].value for each in endpoints.values() if "p50" in each.figures]
    usual = RunRecord(
        name=f"run-{number:03}",
        system="shop", release=f"2026.{1 + number // 4}", scenario="o2c", test_type="load",
        environment="staging", tool="k6", labels={"build": str(1000 + number)},
        started=started, start=started, end=started + timedelta(seconds=400),
        requests=requests, failures=sum(each.failures for each in endpoints.values()),
        rate_per_s=60.0, users=None,
        p50_ms=sum(medians) / len(medians) if medians else None,
        p95_ms=2.1 * sum(medians) / len(medians) if medians else None,
        p99_ms=3 * sum(medians) / len(medians) if medians else None,
        exact=number % 5 != 0, endpoints=endpoints,
    )  # fmt: skip
    return replace(usual, **changes)


def runs(count: int) -> list[RunRecord]:
    """create_order 14 % slower from the middle on and back near the end; more errors of another; one bad run."""
    random_ = random.Random(7)
    found = []
    for number in range(count):
        factors = dict.fromkeys(ENDPOINTS, 1.35 if number == count // 4 else 1.0)
        if count * 0.45 <= number < count * 0.8:
            factors["create_order"] *= 1.14
        if number >= count * 0.45:
            factors["etims"] *= 1.09
        error_rates = dict.fromkeys(ENDPOINTS, 0.002)
        if number >= count * 0.7:
            error_rates["mpesa_callback"] = 0.012
        endpoints = {
            name: endpoint(
                median_ms * factors[name] * math.exp(random_.gauss(0, 0.008)),
                error_rates[name] * math.exp(random_.gauss(0, 0.05)),
            )
            for name, median_ms in ENDPOINTS.items()
        }
        found.append(run(number, endpoints))
    return found


def judged(records: list[RunRecord], tag: str | None = None) -> History:
    return history(records, CompareSettings(), tag)


def usual() -> History:
    """24 runs, the thirteenth pinned, and a file that is no run."""
    records = runs(24)
    records[12] = replace(records[12], labels={"baseline": "2026.1", "build": "1012"})
    found = judged(records, "2026.1")
    return replace(found, apart=(*found.apart, Apart("notes.parquet", "not a run of perfreport")))


def nothing() -> History:
    return judged([run(0, {})])


def one_run() -> History:
    return judged(runs(24)[:1])


def two_series() -> History:
    other = [
        replace(each, name=f"peak-{n}", scenario="peak", release=None, labels={}, p99_ms=99.0 + n)
        for n, each in enumerate(runs(5))
    ]
    return judged(
        [*runs(12), *other, replace(runs(2)[1], name="more-load", rate_per_s=200.0, p99_ms=99.0)]
    )


def hollow() -> History:
    """Whatever a run may not know is unknown, one endpoint is in one run alone, another takes no time."""
    bare = run(
        0, {"a": EndpointRecord(3, 0, {}), "z": EndpointRecord(9, 9, {"p50": Figure(0.0, -9.0, 0.4)})},
        system=None, release=None, scenario=None, test_type=None, environment=None, tool=None, labels={},
    )  # fmt: skip
    later = [
        replace(bare, name=f"b{n}", started=START + timedelta(days=n), endpoints={"z": bare.endpoints["z"]})
        for n in (1, 2)
    ]  # fmt: skip
    return judged([bare, *later])


def hostile(text: str) -> History:
    """Each name that comes from input is `text`, or begins with it."""

    def poisoned(record: RunRecord) -> RunRecord:
        return replace(
            record,
            name=f"{text}{record.name}", system=text, release=text, scenario=text,
            environment=text, tool=text,
            labels={text: text, "baseline": text},
            endpoints={f"{text}{name}": each for name, each in record.endpoints.items()},
        )  # fmt: skip

    found = judged([poisoned(record) for record in runs(24)], text)
    return replace(found, apart=(Apart(text, text),))


def restless() -> History:
    """Another level every four runs, each release with a name of some length."""
    records = [
        run(
            n, {"create_order": endpoint(40 * 1.2 ** (n // 4), 0.002)}, release=f"2026.{n // 4}.123"
        )
        for n in range(40)
    ]
    return judged(records)


def many(count: int, endpoints: int) -> History:
    """Many runs of many endpoints, each of which changes once."""
    random_ = random.Random(3)
    records = []
    for number in range(count):
        found = {
            f"GET /api/v1/resource/{n:03}/items": endpoint(
                (20 + n) * (1.2 if number > count / 2 else 1) * math.exp(random_.gauss(0, 0.01)),
                0.002 if number < count * 0.6 else 0.02,
                requests=9000 - n,
            )
            for n in range(endpoints)
        }
        records.append(run(number, found))
    return judged(records)


ALL = {
    "usual": usual,
    "nothing": nothing,
    "one_run": one_run,
    "two_series": two_series,
    "hollow": hollow,
}
