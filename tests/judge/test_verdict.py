"""The verdict rule as a truth table."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from perfreport.judge.findings import AuditFinding, ObjectiveFinding, Severity, Status, Verdict
from perfreport.judge.verdict import NOTHING_JUDGED, give_verdict

GOOD = ObjectiveFinding(
    id="shop/pay/p95", run="run", subject="pay", statistic="p95", operator="<", limit=500.0,
    observed=400.0, unit="ms", margin=0.2, status=Status.PASS, samples=1000, why="P95 400 ms",
    scenario="shop", test_type="load",
)  # fmt: skip


def finding(status: Status, *, required: bool = True, **more: object) -> ObjectiveFinding:
    return replace(GOOD, status=status, required=required, **more)


def audit(severity: Severity) -> AuditFinding:
    return AuditFinding("some_doubt", "run", severity, f"a doubt that is {severity}")


REQ, OPT = True, False  # required, optional
TABLE = [
    ([], [], "undecided"),
    ([(Status.PASS, REQ)], [], "ready"),
    ([(Status.PASS, OPT)], [], "ready"),
    ([(Status.PASS, REQ)], ["info"], "ready"),
    ([(Status.PASS, REQ)], ["warning"], "conditions"),
    ([(Status.PASS, REQ)], ["invalid"], "undecided"),
    ([(Status.AT_RISK, REQ)], [], "conditions"),
    ([(Status.AT_RISK, OPT)], [], "conditions"),
    ([(Status.MANUAL, REQ)], [], "conditions"),
    ([(Status.MANUAL, OPT)], [], "conditions"),
    ([(Status.FAIL, REQ)], [], "not_ready"),
    ([(Status.FAIL, OPT)], [], "conditions"),
    ([(Status.NO_DATA, REQ)], [], "undecided"),
    ([(Status.NO_DATA, OPT)], [], "ready"),
    ([(Status.TOO_FEW, REQ)], [], "undecided"),
    ([(Status.TOO_FEW, OPT)], [], "ready"),
    ([(Status.FAIL, REQ), (Status.NO_DATA, REQ)], [], "not_ready"),
    ([(Status.FAIL, REQ), (Status.TOO_FEW, REQ)], ["warning"], "not_ready"),
    ([(Status.FAIL, REQ)], ["invalid"], "undecided"),
    ([(Status.FAIL, OPT), (Status.NO_DATA, REQ)], [], "undecided"),
    ([(Status.AT_RISK, REQ), (Status.TOO_FEW, REQ)], [], "undecided"),
    ([(Status.PASS, REQ), (Status.AT_RISK, REQ)], ["info"], "conditions"),
    ([(Status.PASS, REQ), (Status.FAIL, OPT)], ["warning", "info"], "conditions"),
]


@pytest.mark.parametrize(("objectives", "doubts", "verdict"), TABLE)
def test_the_rule_is_applied_in_its_order(
    objectives: list[tuple[Status, bool]], doubts: list[str], verdict: str
) -> None:
    check = give_verdict(
        [finding(status, required=required) for status, required in objectives],
        [audit(Severity(severity)) for severity in doubts],
    )
    assert check.verdict == verdict


@pytest.mark.parametrize(
    ("status", "required", "severity"), [*product(Status, (REQ, OPT), Severity)]
)
def test_only_ready_is_without_a_reason(status: Status, required: bool, severity: Severity) -> None:
    check = give_verdict([finding(status, required=required)], [audit(severity)])
    if check.verdict is not Verdict.READY:
        assert check.reasons


@pytest.mark.parametrize(("worse", "severity"), [*product(Status, Severity)])
def test_a_further_finding_never_makes_the_verdict_ready(worse: Status, severity: Severity) -> None:
    alone = give_verdict([finding(worse)], [audit(severity)])
    joined = give_verdict([finding(worse), GOOD], [audit(severity)])
    assert alone.verdict is joined.verdict


def test_reasons_go_from_the_worst_to_the_mildest() -> None:
    check = give_verdict(
        [
            finding(Status.MANUAL, subject="a look", why="to be signed by hand"),
            finding(Status.AT_RISK, subject="slow", why="only 5 % left", margin=0.05),
            finding(Status.FAIL, subject="late", why="10 % over", margin=-0.1),
            finding(Status.FAIL, subject="later", why="50 % over", margin=-0.5),
            finding(Status.FAIL, subject="5xx", why="2 requests", margin=None),
            finding(Status.NO_DATA, subject="cpu", why="no data"),
            finding(Status.NO_DATA, run=None, scenario="stock", subject="a", why="not tested"),
            finding(Status.NO_DATA, run=None, scenario="stock", subject="b", why="not tested"),
            finding(Status.FAIL, required=False, subject="p99", why="5 % over", margin=-0.05),
        ],
        [audit(Severity.WARNING), audit(Severity.INVALID), audit(Severity.INFO)],
    )
    assert check.reasons == (
        "run: a doubt that is invalid.",
        "run: shop load, 5xx: 2 requests.",
        "run: shop load, later: 50 % over.",
        "run: shop load, late: 10 % over.",
        "run: shop load, cpu: no data.",
        "stock load: not tested (2 objectives).",
        "run: shop load, slow: only 5 % left.",
        "run: shop load, p99: 5 % over.",
        "run: a doubt that is warning.",
        "run: shop load, a look: to be signed by hand.",
    )


def test_a_check_that_judged_nothing_says_so() -> None:
    assert give_verdict([]).reasons == (NOTHING_JUDGED,)


def test_a_check_keeps_its_findings() -> None:
    check = give_verdict([GOOD], [audit(Severity.INFO)])
    assert check.objectives == (GOOD,)
    assert check.audit == (audit(Severity.INFO),)
    assert check.reasons == ()
