"""What judging ends in: findings that carry their evidence, and the verdict that they give."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Status(StrEnum):
    """Of an objective. Absent data never passes."""

    PASS = "pass"
    AT_RISK = "at_risk"  # passes, but its interval covers the limit or the margin is under 10 %
    FAIL = "fail"
    NO_DATA = "no_data"
    TOO_FEW = "too_few"
    MANUAL = "manual"


class Severity(StrEnum):
    """Of an audit finding: `invalid` means that the run decides nothing."""

    INFO = "info"
    WARNING = "warning"
    INVALID = "invalid"


class Verdict(StrEnum):
    """Of a readiness check."""

    READY = "ready"
    CONDITIONS = "conditions"
    NOT_READY = "not_ready"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class ObjectiveFinding:
    """One objective judged. `margin` is a fraction of the limit, positive is good."""

    id: str  # scenario/subject/statistic
    run: str | None  # name of the run file; None where no run was handed in
    subject: str
    statistic: str
    operator: str
    limit: float | None
    observed: float | None
    unit: str
    margin: float | None
    status: Status
    samples: int | None
    why: str  # one sentence, the same words in HTML, terminal and CI
    low: float | None = None  # 95 % interval of `observed`
    high: float | None = None
    required: bool = True
    scenario: str | None = None
    test_type: str | None = None
    target: str | None = None  # the row of the benchmark table that this cell belongs to


@dataclass(frozen=True)
class AuditFinding:
    """One doubt about the test itself."""

    id: str
    run: str
    severity: Severity
    why: str


@dataclass(frozen=True)
class Check:
    """All findings of a check and their verdict."""

    verdict: Verdict
    reasons: tuple[str, ...]  # why not ready: one sentence each, worst first
    objectives: tuple[ObjectiveFinding, ...] = ()
    audit: tuple[AuditFinding, ...] = field(default=())
