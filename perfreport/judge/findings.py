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
    title: str | None = None  # the success criterion in the pack's own words

    @property
    def name(self) -> str:
        """What people call it: the criterion as the pack words it, else its subject."""
        return self.title or self.subject


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


class ChangeVerdict(StrEnum):
    """Of one row of a comparison, and of the comparison as a whole."""

    REGRESSED = "regressed"
    IMPROVED = "improved"
    UNCHANGED = "unchanged"
    INCONCLUSIVE = "inconclusive"
    NOT_COMPARABLE = "not_comparable"


@dataclass(frozen=True)
class Doubt:
    """One reason why two runs may not be comparable."""

    id: str  # load, mix, duration, environment, tool, percentile_meaning, endpoints, errors
    why: str


@dataclass(frozen=True)
class Change:
    """One endpoint and statistic, baseline against run.

    `change` and its 90 % interval are fractions (+0.1 is 10 % slower), for error_rate differences.
    `detectable` is the smallest change that the data could have shown with 80 % power.
    """

    name: str
    statistic: str  # p50, p95, p99, mean, error_rate, throughput
    baseline: float | None
    run: float | None
    change: float | None
    ci_low: float | None
    ci_high: float | None
    p_value: float | None
    detectable: float | None
    verdict: ChangeVerdict | None  # None: reported, not judged
    samples_baseline: int
    samples_run: int
    why: str


@dataclass(frozen=True)
class RunToRunSd:
    """The variation between runs of one system that the judgement rests on, as fractions."""

    p50: float
    p95: float
    p99: float
    source: str  # assumed, history
    runs: int


@dataclass(frozen=True)
class Comparison:
    """Baseline against run: `why` says in one sentence how the verdict came about."""

    verdict: ChangeVerdict
    why: str
    comparable: tuple[Doubt, ...]
    shared_shift: float | None  # median change over endpoints
    run_to_run_sd: RunToRunSd
    comparisons: tuple[Change, ...]


class TrendVerdict(StrEnum):
    """Of a series over a soak; growing means moving in the bad direction."""

    STABLE = "stable"
    PLATEAUED = "plateaued"
    GROWING = "growing"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True)
class Trend:
    """One series over a soak, in `unit` per hour; first, middle, last are windows' medians."""

    name: str
    labels: dict[str, str]
    unit: str | None
    verdict: TrendVerdict
    slope_per_h: float | None
    slope_low: float | None
    slope_high: float | None
    first: float | None
    middle: float | None
    last: float | None
    limit: float | None
    hours_to_limit: float | None
    hours_to_limit_low: float | None
    hours_to_limit_high: float | None
    why: str
