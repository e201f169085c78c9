"""A realistic Readiness for the tests of the report, the same on every call: sine waves, no chance."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from perfreport.judge.evidence import Readiness, RunEvidence
from perfreport.judge.findings import (
    AuditFinding,
    Change,
    ChangeVerdict,
    Check,
    Comparison,
    Doubt,
    ObjectiveFinding,
    RunToRunSd,
    Severity,
    Status,
    Tested,
    Trend,
    TrendVerdict,
    Verdict,
)
from perfreport.run.info import Rejection, RunInfo, SourceInfo, TestType
from perfreport.sla.model import Pack
from perfreport.stats.window import Window
from perfreport.tables import (
    CheckRow,
    EndpointBin,
    EndpointRow,
    ErrorRow,
    SeriesPoint,
    TimelineRow,
    TotalRow,
)

START = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
SPAN_S = 5400.0
BIN_S = 30.0
LEFT_S, RIGHT_S = 930.0, 4770.0

#           name             share   P95    limit
ENDPOINTS = [
    ("create_order", 0.30, 458.0, 500.0),
    ("approve_order", 0.25, 241.0, 300.0),
    ("etims", 0.20, 2310.0, 2000.0),
    ("mpesa_callback", 0.15, 187.0, 200.0),
    ("get_invoice", 0.10, 122.0, 200.0),
]

PACK = Pack.model_validate(
    {
        "system": "ChiroERP",
        "targets": [
            {"metric": "Concurrent Users", "target": "10,000", "of": "users"},
            {"metric": "Throughput", "target": "5,000 orders/hour", "of": "throughput"},
            {"metric": "API Response (P95)", "target": "< 500ms", "sla": "p95 < 500ms"},
            {"metric": "KRA eTIMS (P95)", "target": "< 2s", "sla": "p95 < 2s"},
            {"metric": "Error Rate", "target": "< 0.1%", "sla": "error_rate < 0.1%"},
        ],
        "scenarios": [
            {
                "scenario": "kenya_o2c",
                "title": "Kenya O2C",
                "users": 5000,
                "requests": [
                    {
                        "request": "POST /api/v1/sales/orders",
                        "also": ["create_order"],
                        "sla": "p95 < 500ms",
                    },
                    {
                        "request": "POST /api/v1/finance/invoices/generate",
                        "also": ["etims"],
                        "sla": "p95 < 2s",
                    },
                ],
            },
            {"scenario": "kenya_p2p", "title": "Kenya P2P", "users": 2000},
            {"scenario": "tanzania_o2c", "title": "Tanzania O2C", "users": 1000},
        ],
        "series": [
            {
                "series": "jvm_heap",
                "query": "x",
                "title": "JVM heap",
                "unit": "By",
                "capacity": 2**32,
            },
            {"series": "kafka_lag", "query": "x", "title": "Kafka consumer lag"},
        ],
    }
)


def readiness() -> Readiness:
    """Not ready: a load run with a baseline, a soak run, a scenario that was not run."""
    return Readiness(PACK, check(), (load_run(), soak_run()))


def empty(verdict: Verdict = Verdict.UNDECIDED) -> Readiness:
    """A pack that asks for nothing, and no runs."""
    return Readiness(Pack(), Check(verdict, ()), ())


def load_run() -> RunEvidence:
    """90 minutes of 5,000 users; eTIMS slows down for a third of the judged window."""
    return RunEvidence(
        name="o2c-load",
        info=RunInfo(
            system="ChiroERP",
            release="2026.2",
            scenario="kenya_o2c",
            test_type=TestType.LOAD,
            environment="staging",
            tool="k6",
            tool_version="1.1.0",
            start=START,
            end=START + timedelta(seconds=SPAN_S),
            sources=[
                SourceInfo(
                    name="gen1.json.gz",
                    format="k6-json",
                    size=1_900_000_000,
                    sha256="ab" * 32,
                    rows=1_279_806,
                ),
                SourceInfo(
                    name="gen2.json.gz",
                    format="k6-json",
                    size=1_899_000_000,
                    sha256="cd" * 32,
                    rows=1_279_112,
                    rejected=3,
                    rejections=[Rejection(line=84_211, why="cut off inside a record")],
                    truncated=True,
                ),
            ],
        ),
        whole=window(0, SPAN_S, "all"),
        window=window(LEFT_S, RIGHT_S, "users"),
        bin_s=BIN_S,
        total=total(1_206_340, 735),
        total_all=total(1_503_402, 901),
        endpoints=tuple(endpoint(*each, requests=1_206_340) for each in ENDPOINTS),
        endpoints_all=tuple(endpoint(*each, requests=1_503_402) for each in ENDPOINTS),
        checks=(
            CheckRow("order has an id", 361_000, 0),
            CheckRow("invoice has a Cu number", 240_100, 608),
        ),
        timeline=tuple(timeline_row(n) for n in range(int(SPAN_S / BIN_S))),
        endpoint_bins=tuple(
            endpoint_bin(name, share, p95, n)
            for name, share, p95, _ in ENDPOINTS
            for n in range(int(SPAN_S / BIN_S))
        ),
        errors=(
            failure("etims", 504, "upstream kra-etims: no answer within 5,000 ms", 608),
            failure("approve_order", 409, "order is already approved", 85),
            failure("create_order", None, "read: connection reset by peer", 42),
        ),
        series=series_points(),
        baseline="o2c-2026.1",
        comparison=comparison(),
    )


def soak_run() -> RunEvidence:
    """24 hours of server series alone: heap leaks, lag settled, connections are flat."""
    hours = [n * 0.1 for n in range(241)]
    lines = [
        ("jvm_heap", {"pod": "api-1"}, "By", lambda h: 2**30 * (0.9 + 0.04 * h + 0.5 * (h % 1))),
        (
            "kafka_lag",
            {"topic": "orders"},
            "{messages}",
            lambda h: 300 + 300 * min(h, 14) + 40 * math.sin(h * 9),
        ),
        ("db_connections", {}, "", lambda h: 40 + (h * 7 % 1 > 0.5)),
    ]
    return RunEvidence(
        name="soak",
        info=RunInfo(
            system="ChiroERP",
            release="2026.2",
            test_type=TestType.SOAK,
            environment="pre-prod",
            tool="Prometheus",
        ),
        whole=window(0, 86_400, "all"),
        window=window(0, 86_400, "all"),
        bin_s=360.0,
        total=nothing(),
        total_all=nothing(),
        endpoints=(),
        endpoints_all=(),
        checks=(),
        timeline=(),
        endpoint_bins=(),
        errors=(),
        series=tuple(
            SeriesPoint(name, labels, unit, hour * 3600, value(hour))
            for name, labels, unit, value in lines
            for hour in hours
        ),
        trends=(
            trend("jvm_heap", "By", TrendVerdict.GROWING, 2**30 * 0.04, 2**32),
            trend("kafka_lag", "{messages}", TrendVerdict.PLATEAUED, 125.0, None),
            trend("db_connections", "", TrendVerdict.STABLE, 0.01, 50.0),
        ),
    )


def check() -> Check:
    """Findings of every status."""
    objectives = (
        objective(
            "POST /api/v1/finance/invoices/generate",
            "p95",
            2310.0,
            2000.0,
            Status.FAIL,
            low=2250.0,
            high=2370.0,
        ),
        objective(
            "POST /api/v1/sales/orders", "p95", 458.0, 500.0, Status.AT_RISK, low=449.0, high=468.0
        ),
        objective("approve_order", "p95", 241.0, 300.0, Status.PASS, low=238.0, high=245.0),
        objective("get_invoice", "p99", None, 400.0, Status.TOO_FEW, samples=321),
        objective("circuit_breaker", "max", None, 1.0, Status.NO_DATA, unit="", samples=None),
        objective("Runbook reviewed", "count", None, None, Status.MANUAL, unit="", samples=None),
        objective(
            "requests", "error_rate", 0.00061, 0.001, Status.PASS, unit="1", target="Error Rate"
        ),
        objective(
            "requests",
            "users",
            5000.0,
            5000.0,
            Status.PASS,
            unit="",
            operator=">=",
            target="Concurrent Users",
        ),
        objective(
            "requests",
            "rate",
            438_700.0,
            2500.0,
            Status.PASS,
            unit="/h",
            operator=">=",
            target="Throughput",
        ),
        objective("etims", "p95", 2310.0, 2000.0, Status.FAIL, target="KRA eTIMS (P95)"),
        objective("jvm_heap", "slope", 0.01, 0.01, Status.AT_RISK, unit="/h of limit", run="soak"),
        *(
            objective(
                f"step {n}",
                "p95",
                None,
                500.0,
                Status.NO_DATA,
                run=None,
                scenario="tanzania_o2c",
                target=target,
            )
            for n, target in enumerate(["API Response (P95)", "Error Rate", None])
        ),
    )
    reasons = tuple(
        f"{each.scenario} load, {each.subject}: {each.why}."
        for each in objectives
        if each.status in (Status.FAIL, Status.NO_DATA)
    )[:4]
    return Check(Verdict.NOT_READY, reasons, objectives, audit())


def audit() -> tuple[AuditFinding, ...]:
    return (
        AuditFinding(
            "load_far_over",
            "o2c-load",
            Severity.WARNING,
            "438,700 orders/h were sent, 2,500 planned (175 ×)",
        ),
        AuditFinding(
            "rejected_records",
            "o2c-load",
            Severity.INFO,
            "3 of 2,558,918 records could not be read",
        ),
    )


def objective(
    subject: str,
    statistic: str,
    observed: float | None,
    limit: float | None,
    status: Status,
    *,
    unit: str = "ms",
    operator: str = "<",
    run: str | None = "o2c-load",
    scenario: str | None = "kenya_o2c",
    samples: int | None = 241_268,
    low: float | None = None,
    high: float | None = None,
    target: str | None = None,
) -> ObjectiveFinding:
    margin = None
    if observed is not None and limit:
        margin = (limit - observed) / limit * (-1 if operator == ">=" else 1)
    return ObjectiveFinding(
        id="/".join(filter(None, [scenario, target, subject, statistic])),
        run=run,
        subject=subject,
        statistic=statistic,
        operator=operator,
        limit=limit,
        observed=observed,
        unit=unit,
        margin=margin,
        status=status,
        samples=samples if run else None,
        why=f"{statistic} {observed or 'unknown'}, limit {operator} {limit or 'unknown'}; n = {samples or 0}",
        low=low,
        high=high,
        scenario=scenario,
        test_type="load",
        target=target,
    )


def window(left: float, right: float, how: str) -> Window:
    return Window(START + timedelta(seconds=left), START + timedelta(seconds=right), how)


def total(requests: int, errors: int) -> TotalRow:
    values = stats(requests, errors, 360.0)
    return TotalRow(**values, kind="request")


def nothing() -> TotalRow:
    return TotalRow(**dict.fromkeys(stats(1, 0, 1.0)) | {"count": 0, "errors": 0}, kind=None)


def endpoint(name: str, share: float, p95: float, limit: float, requests: int) -> EndpointRow:
    values = stats(int(requests * share), int(requests * share * 0.0006), p95)
    return EndpointRow(**values, kind="request", name=name, scenario=None, group=None)


def stats(requests: int, errors: int, p95: float) -> dict:
    return {
        "count": requests,
        "errors": errors,
        "error_rate": errors / requests,
        "rate_per_s": requests / (RIGHT_S - LEFT_S),
        "mean_ms": p95 * 0.5,
        "stdev_ms": p95 * 0.2,
        "min_ms": p95 * 0.1,
        "p50_ms": p95 * 0.45,
        "p75_ms": p95 * 0.7,
        "p90_ms": p95 * 0.9,
        "p95_ms": p95,
        "p99_ms": p95 * 1.4,
        "p999_ms": p95 * 2.1,
        "max_ms": p95 * 4.2,
        "apdex": 0.94,
        "received_bytes": 10_000,
        "sent_bytes": 1_000,
    }


def level(n: int) -> float:
    """Users at a bin, as a share: ramp, plateau, ramp."""
    at = (n + 0.5) * BIN_S
    return max(0.02, min(1.0, at / 900, (SPAN_S - at) / 600))


def slow(n: int) -> bool:
    return 2400 <= n * BIN_S < 3700


def timeline_row(n: int) -> TimelineRow:
    wave = 1 + 0.04 * math.sin(n * 1.7) + (0.9 if slow(n) else 0)
    return TimelineRow(
        at_s=n * BIN_S,
        users=5000 * level(n),
        requests=int(9600 * level(n)),
        errors=(14 + n % 9) if slow(n) else n % 7 // 5,
        p50_ms=162 * wave,
        p95_ms=360 * wave,
        p99_ms=504 * wave * (1 + 0.1 * math.cos(n * 2.3)),
    )


def endpoint_bin(name: str, share: float, p95: float, n: int) -> EndpointBin:
    slower = 1.25 if name == "etims" and slow(n) else 0.92
    return EndpointBin(
        name,
        n * BIN_S,
        int(9600 * level(n) * share),
        (n % 5) if name == "etims" and slow(n) else 0,
        p95 * slower * (1 + 0.05 * math.sin(n * 1.3)) * (0.8 + 0.2 * level(n)),
    )


def failure(name: str, status: int | None, error: str, number: int) -> ErrorRow:
    return ErrorRow(
        name,
        status,
        error,
        number,
        number / 241_268,
        START + timedelta(seconds=1900),
        START + timedelta(seconds=4000),
    )


def series_points() -> tuple[SeriesPoint, ...]:
    heap = [
        SeriesPoint(
            "jvm_heap",
            {"pod": f"api-{pod}"},
            "By",
            n * 15.0,
            2**30 * (1.4 + 0.2 * pod + 0.7 * ((n + pod * 9) % 40) / 40),
        )
        for pod in (1, 2)
        for n in range(360)
    ]
    lag = [
        SeriesPoint(
            "kafka_lag", {}, "{messages}", n * 15.0, 120 + (480 if slow(n // 2) else 0) + n % 13
        )
        for n in range(360)
        if not 100 < n < 112
    ]
    return (*heap, *lag)


def comparison() -> Comparison:
    return Comparison(
        verdict=ChangeVerdict.REGRESSED,
        why="etims regressed; nothing else did",
        comparable=(Doubt("duration", "the baseline ran 80 min, this run 90 min"),),
        shared_shift=0.028,
        run_to_run_sd=RunToRunSd(0.02, 0.02, 0.02, "assumed", 0),
        comparisons=(
            change("etims", "p95", 1830.0, 2310.0, 0.262, 0.21, 0.31, ChangeVerdict.REGRESSED),
            change("etims", "p50", 1001.0, 1111.0, 0.11, 0.07, 0.15, ChangeVerdict.REGRESSED),
            change(
                "create_order", "p95", 441.0, 458.0, 0.04, -0.004, 0.08, ChangeVerdict.INCONCLUSIVE
            ),
            change(
                "create_order",
                "error_rate",
                0.0004,
                0.0006,
                0.0002,
                -0.0002,
                0.0006,
                ChangeVerdict.UNCHANGED,
            ),
            change(
                "approve_order", "p95", 248.0, 241.0, -0.03, -0.07, 0.01, ChangeVerdict.UNCHANGED
            ),
            change(
                "get_invoice", "p95", 139.0, 122.0, -0.122, -0.17, -0.07, ChangeVerdict.IMPROVED
            ),
            change("get_invoice", "mean", 70.0, 61.0, -0.12, None, None, None),
        ),
        tested=tested("o2c-load", "2026.2", 5400.0),
        baselines=(tested("o2c-baseline", "2026.1", 4800.0),),
    )


def tested(name: str, release: str, seconds: float) -> Tested:
    end = START + timedelta(seconds=seconds)
    return Tested(name, "ChiroERP", release, "staging", "k6", START, end, 1_206_340, True)


def change(
    name: str,
    statistic: str,
    before: float,
    after: float,
    shift: float,
    low: float | None,
    high: float | None,
    verdict: ChangeVerdict | None,
) -> Change:
    return Change(
        name,
        statistic,
        before,
        after,
        shift,
        low,
        high,
        0.001,
        0.09,
        verdict,
        200_000,
        240_000,
        f"{name} {statistic}",
    )


def trend(name: str, unit: str, verdict: TrendVerdict, slope: float, limit: float | None) -> Trend:
    labels = {"jvm_heap": {"pod": "api-1"}, "kafka_lag": {"topic": "orders"}}.get(name, {})
    base = 40.0 if limit and limit < 100 else slope * 20
    growing = verdict is TrendVerdict.GROWING
    return Trend(
        name,
        labels,
        unit,
        verdict,
        slope,
        slope * 0.9,
        slope * 1.1,
        base,
        base + slope * 11,
        base + slope * 23,
        limit,
        54.0 if growing else None,
        49.0 if growing else None,
        61.0 if growing else None,
        f"{name} is {verdict}",
    )


def with_run(run: RunEvidence, **changes: object) -> Readiness:
    """The usual evidence with its first run changed."""
    return replace(readiness(), runs=(replace(run, **changes),))
