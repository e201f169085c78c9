"""Realistic comparisons for the tests of their outputs, the same on every call: no chance in them."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from perfreport.judge.findings import (
    Change,
    ChangeVerdict,
    Comparison,
    Doubt,
    Earlier,
    NewFailure,
    PeriodChange,
    PhaseChange,
    Place,
    RunToRunSd,
    ShiftPoint,
    Tested,
)

START = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
WINDOW_S = 3000.0
BAND = 0.05

REGRESSED, IMPROVED = ChangeVerdict.REGRESSED, ChangeVerdict.IMPROVED
UNCHANGED, INCONCLUSIVE = ChangeVerdict.UNCHANGED, ChangeVerdict.INCONCLUSIVE
NOT_COMPARABLE = ChangeVerdict.NOT_COMPARABLE

ORDERS = "POST /api/v1/sales/orders"
APPROVE = "POST /api/v1/sales/orders/{id}/approve"
INVOICE = "POST /api/v1/finance/invoices/generate"
#           name      P50 ms  requests
ENDPOINTS = [
    (ORDERS, 182.0, 361_902),
    (APPROVE, 96.0, 301_585),
    (INVOICE, 840.0, 241_268),
    ("POST /api/v1/payments/mpesa/callback", 74.0, 180_951),
    ("GET /api/v1/finance/invoices/{id}", 41.0, 120_634),
    ("GET /api/v1/inventory/warehouses/{id}/stock-levels", 58.0, 90_475),
    ("GET /api/v1/customers/{id}", 22.0, 60_317),
    ("POST /api/v1/procurement/purchase-orders", 133.0, 30_158),
    ("POST /api/v1/procurement/purchase-orders/{id}/goods-receipts", 151.0, 24_126),
    ("GET /api/v1/hr/payroll/runs/{id}", 310.0, 9_050),
]


def regressed() -> Comparison:
    """One endpoint slower in every percentile, one failing, one faster; history of five runs."""
    rows = [change for each in ENDPOINTS for change in steady(*each)]
    moved = {
        (ORDERS, "p50"): moves(0.145, REGRESSED, 0.00002),
        (ORDERS, "p95"): moves(0.178, REGRESSED, 0.0006),
        (ORDERS, "p99"): moves(0.09, INCONCLUSIVE, 0.08, half=0.14),
        (APPROVE, "p50"): moves(-0.122, IMPROVED, 0.0004),
        (INVOICE, "error_rate"): {
            "run": 0.0045, "change": 0.0037, "ci_low": 0.0021, "ci_high": 0.0055,
            "p_value": 0.00003, "detectable": 0.0014, "verdict": REGRESSED,
        },
        (ENDPOINTS[9][0], "p95"): moves(0.061, INCONCLUSIVE, 0.11, half=0.12) | {"more_runs": 3, "minutes": 25.0},
    }  # fmt: skip
    return Comparison(
        verdict=REGRESSED,
        why=f"{ORDERS} worse (P50 +14.5 %, P95 +17.8 %), {INVOICE} worse (errors +0.37 points)",
        comparable=(
            Doubt(
                "load", "as many users, but 402 requests/s against 431 in the baseline: users wait"
            ),
        ),
        shared_shift=0.006,
        run_to_run_sd=RunToRunSd(0.012, 0.019, 0.034, "history", 5),
        comparisons=tuple(told(row, moved.get((row.name, row.statistic), {})) for row in rows),
        tested=run_of("o2c-2026.2", "2026.2", 0),
        baselines=(
            run_of("o2c-2026.1", "2026.1", 7),
            *(run_of(f"o2c-2026.1-rc{n}", f"2026.1-rc{n}", 7 + 2 * n) for n in range(3, -1, -1)),
        ),
        places=(
            slower_from(
                ORDERS, 0.30, 0.16, why="mostly in wait (+24.1 ms of +26.4 ms); from P30 up"
            ),
            slower_from(APPROVE, 0.0, -0.12, why="in every percentile; mostly in wait (−10.9 ms)"),
            replace(
                slower_from(INVOICE, 1.0, 0.0, why="fails in a new way from 20 min on"),
                failures=(
                    NewFailure(504, "upstream kra-etims: no answer within 5,000 ms", 892, 0.0037),
                    NewFailure(None, "read: connection reset by peer", 31, 0.00013),
                ),
            ),
            *(slower_from(name, 1.0, 0.0, why="") for name, _, _ in ENDPOINTS[3:]),
        ),
        history=(
            *(Earlier(f"o2c-2026.1-rc{n}", True, "") for n in range(3, -1, -1)),
            Earlier("o2c-2025.4", False, "before the change of 2026-11-02 (release 2026.0)"),
        ),
    )


def inconclusive() -> Comparison:
    """Short runs: large changes could not have been shown."""
    rows = []
    for name, p50, requests in ENDPOINTS[:5]:
        for row in steady(name, p50, requests // 60):
            if row.verdict is UNCHANGED:
                share = 0.01 if row.statistic == "error_rate" else 1.0
                row = told(row, moves(0.03 * share, INCONCLUSIVE, 0.31, half=0.24 * share))
                row = replace(row, detectable=0.34 * share, more_runs=6, minutes=40.0)
            rows.append(row)
    rows[2] = replace(
        rows[2], verdict=NOT_COMPARABLE, ci_low=None, ci_high=None, p_value=None, detectable=None,
        more_runs=None, minutes=None, why="not judged: 603 requests, 1,000 needed",
    )  # fmt: skip
    rows[1] = replace(rows[1], more_runs=None)
    rows[4] = replace(rows[4], more_runs=None, minutes=None)
    return Comparison(
        INCONCLUSIVE,
        f"a large change could not have been shown where it counts: {ORDERS} (P50, P95, errors), "
        f"{APPROVE} (P50, P95, errors) and 3 more",
        (Doubt("duration", "judged over 5 min against 50 min in the baseline"),),
        0.031,
        RunToRunSd(0.02, 0.02, 0.02, "assumed", 1),
        tuple(rows),
        run_of("short", None, 0, seconds=300.0),
        (replace(run_of("o2c-2026.1", "2026.1", 7), exact=False),),
        places=tuple(slower_from(name, 1.0, 0.0, why="") for name, _, _ in ENDPOINTS[:5]),
    )


def not_comparable() -> Comparison:
    """Another load in another environment."""
    why = "the load differs: 215 requests/s against 431 in the baseline"
    rows = tuple(
        replace(
            row, verdict=row.verdict and NOT_COMPARABLE, why=f"not comparable: {why}; {row.why}"
        )
        for each in ENDPOINTS
        for row in steady(*each)
    )
    other = "environment pre-prod against staging in the baseline"
    return Comparison(
        NOT_COMPARABLE,
        f"{why}; {other}",
        (Doubt("load", why), Doubt("environment", other), Doubt("tool", "measured by k6 1.1.0 against 0.55.0")),
        -0.21,
        RunToRunSd(0.02, 0.02, 0.02, "assumed", 1),
        rows,
        replace(run_of("o2c-2026.2", "2026.2", 0), environment="pre-prod"),
        (run_of("o2c-2026.1", "2026.1", 7),),
    )  # fmt: skip


def unchanged() -> Comparison:
    """Nothing moved, nothing is in doubt."""
    return Comparison(
        UNCHANGED,
        f"no change found in {len(ENDPOINTS)} endpoints",
        (),
        0.004,
        RunToRunSd(0.02, 0.02, 0.02, "assumed", 1),
        tuple(change for each in ENDPOINTS for change in steady(*each)),
        run_of("o2c-2026.1-again", "2026.1", 0),
        (run_of("o2c-2026.1", "2026.1", 7),),
        places=tuple(slower_from(name, 1.0, 0.0, why="") for name, _, _ in ENDPOINTS),
    )


def many(endpoints: int) -> Comparison:
    """Every 20th endpoint slower, every third undecided, the names alike but for a number."""
    rows, places = [], []
    for n in range(endpoints):
        name = f"GET /api/v1/tenants/{{tenant}}/regions/{n:04}/warehouses/{{warehouse}}/stock-levels/history"
        own = steady(name, 40.0 + n % 90, 50_000 - 40 * n)
        if n % 20 == 3:
            own[0] = told(own[0], moves(0.25, REGRESSED, 0.00001))
        elif n % 3 == 1:
            own[1] = told(own[1], moves(0.08, INCONCLUSIVE, 0.2, half=0.15))
            own[1] = replace(own[1], more_runs=4, minutes=30.0)
        rows += own
        places.append(
            slower_from(
                name,
                0.0 if n % 20 == 3 else 1.0,
                0.25,
                why="in every percentile" if n % 20 == 3 else "",
            )
        )
    return replace(
        unchanged(), verdict=REGRESSED, why=f"{rows[18].name} worse (P50 +25.0 %) and many more",
        comparisons=tuple(rows), places=tuple(places),
    )  # fmt: skip


def named(comparison: Comparison, text: str) -> Comparison:
    """The comparison with `text` wherever text can come from input."""
    run = replace(
        comparison.tested, name=text, system=text, release=text, environment=text, tool=text
    )
    return replace(
        comparison,
        why=text,
        comparable=tuple(replace(doubt, why=text) for doubt in comparison.comparable),
        comparisons=tuple(
            replace(row, name=text + row.name[:1], why=text) for row in comparison.comparisons
        ),
        tested=run,
        baselines=tuple(run for _ in comparison.baselines),
        places=tuple(
            replace(
                place,
                name=text + place.name[:1],
                why=text,
                failures=tuple(replace(failure, error=text) for failure in place.failures),
            )
            for place in comparison.places
        ),
        history=tuple(replace(each, name=text, why=text) for each in comparison.history),
    )


def nulls() -> Comparison:
    """Whatever may be unknown is unknown."""
    nothing = dict.fromkeys(
        ("baseline", "run", "change", "ci_low", "ci_high", "p_value", "detectable")
    )
    usual = regressed()
    empty = Place("nothing", (), (), (), (), "")
    unknown = replace(
        slower_from(ORDERS, 0.3, 0.16, why=""),
        shift=tuple(
            ShiftPoint(q, 10.0, 11.0, 0.1, None, None if q < 0.5 else 0.2) for q in (0.1, 0.5, 0.9)
        ),
        phases=(),
        periods=tuple(PeriodChange(n * 10.0, n * 10.0 + 10, None) for n in range(3)),
        failures=(NewFailure(None, None, 3, 0.0001),),
    )
    nobody = replace(usual.tested, system=None, release=None, environment=None, tool=None)
    return replace(
        usual,
        shared_shift=None,
        comparisons=tuple(replace(row, **nothing) for row in usual.comparisons),
        tested=nobody,
        baselines=(nobody,),
        places=(empty, unknown),
        history=(),
    )


def nothing_judged() -> Comparison:
    """Runs without an endpoint in common."""
    why = "the runs have no endpoint in common"
    return replace(
        not_comparable(), why=why, comparable=(Doubt("endpoints", why),), comparisons=(),
        shared_shift=None,
    )  # fmt: skip


ALL = {
    "regressed": regressed,
    "inconclusive": inconclusive,
    "not_comparable": not_comparable,
    "unchanged": unchanged,
    "sixty_endpoints": lambda: many(60),
    "nulls": nulls,
    "nothing_judged": nothing_judged,
}


def run_of(name: str, release: str | None, days_ago: int, seconds: float = WINDOW_S) -> Tested:
    start = START - timedelta(days=days_ago)
    end = start + timedelta(seconds=seconds)
    return Tested(name, "ChiroERP", release, "staging", "k6 1.1.0", start, end, 1_420_466, True)


def steady(name: str, p50_ms: float, requests: int) -> list[Change]:
    """Rows of an endpoint that did not change, by a hair."""
    hair = 0.012 * math.sin(p50_ms)
    rows = [
        row(name, statistic, p50_ms * factor, hair * factor, UNCHANGED, requests)
        for statistic, factor in (("p50", 1.0), ("p95", 2.2), ("p99", 3.4))
    ]
    rows[2] = told(rows[2], moves(hair, INCONCLUSIVE, 0.4, half=0.13))
    mean = row(name, "mean", p50_ms * 1.15, hair, None, requests)
    errors = row(name, "error_rate", 0.0008, 0.0, UNCHANGED, requests)
    errors = replace(
        errors,
        run=0.0009,
        change=0.0001,
        ci_low=-0.0005,
        ci_high=0.0007,
        p_value=0.7,
        detectable=0.0012,
    )
    rate = row(name, "throughput", requests / WINDOW_S, 0.002, UNCHANGED, requests)
    return [*rows, replace(mean, why="reported, not judged"), errors, rate]


def row(
    name: str,
    statistic: str,
    before: float,
    change: float,
    verdict: ChangeVerdict | None,
    requests: int,
) -> Change:
    judged = verdict is not None
    return Change(
        name,
        statistic,
        before,
        before * (1 + change),
        change,
        change - 0.035 if judged else None,
        change + 0.037 if judged else None,
        0.62 if judged else None,
        0.09 if judged else None,
        verdict,
        requests,
        int(requests * 0.97),
        "",
    )


def moves(change: float, verdict: ChangeVerdict, p_value: float, half: float = 0.05) -> dict:
    return {
        "change": change, "ci_low": change - half, "ci_high": change + half, "p_value": p_value,
        "verdict": verdict, "detectable": 0.09 if half < 0.1 else half * 1.4,
    }  # fmt: skip


def told(row: Change, values: dict) -> Change:
    """The row with other values, and its `run` and `why` after them."""
    changed = replace(row, **values)
    if "run" not in values and "change" in values:
        is_rate = row.statistic == "error_rate"
        run = (
            changed.baseline + changed.change
            if is_rate
            else changed.baseline * (1 + changed.change)
        )
        changed = replace(changed, run=run)
    if changed.verdict is None:
        return changed
    return replace(changed, why=f"p {changed.p_value}; detectable from {changed.detectable}")


def slower_from(name: str, quantile: float, size: float, why: str) -> Place:
    """An endpoint that differs by `size` from a quantile up, in its wait, in the later half."""
    slower = [size if q >= quantile else 0.0 for q in QUANTILES]
    p50_ms = {each[0]: each[1] for each in ENDPOINTS}.get(name, 60.0)
    shift = tuple(
        ShiftPoint(
            q,
            base := p50_ms * (0.6 + 0.4 * q / (1.05 - q) / 0.9),
            base * (1 + at),
            at + 0.006 * math.sin(31 * q),
            at - 0.02 - 0.05 * q**6,
            at + 0.02 + 0.07 * q**6,
        )
        for q, at in zip(QUANTILES, slower, strict=True)
    )
    moved = size if quantile < 1 else 0.0
    return Place(
        name,
        shift,
        (
            PhaseChange("connect", 0.31, 0.30),
            PhaseChange("tls", 0.9, 0.94),
            PhaseChange("send", 0.11, 0.11),
            PhaseChange("wait", p50_ms * 0.9, p50_ms * 0.9 * (1 + moved)),
            PhaseChange("receive", p50_ms * 0.1, p50_ms * 0.101),
        ),
        tuple(
            PeriodChange(
                n * 300.0,
                n * 300.0 + 300,
                None if n == 4 else moved * (n / 5) + 0.01 * math.sin(n * 2.0),
            )
            for n in range(10)
        ),
        (),
        why,
    )


QUANTILES = [n / 100 for n in range(5, 100, 5)] + [0.99]
