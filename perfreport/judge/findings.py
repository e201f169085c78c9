"""What judging ends in: findings that carry their evidence, and the verdict that they give."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
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
    `detectable` is the smallest change that the data could have shown with 80 % power. What would
    decide an inconclusive row: `more_runs` of the baseline, as long as those there are, or
    `minutes` of steady load a run; null where no number of them would. `typical` is the change of
    P99 in the typical block of time, which a few long pauses do not move: it is judged, too.
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
    more_runs: int | None = None
    minutes: float | None = None
    typical: float | None = None


@dataclass(frozen=True)
class RunToRunSd:
    """The variation between runs of one system that the judgement rests on, as fractions.

    runs  of the baseline and its history
    """

    p50: float
    p95: float
    p99: float
    source: str  # assumed, history
    runs: int

    @property
    def note(self) -> str:
        """What is to be said of an assumed variation; empty for one that was estimated."""
        if self.source != "assumed":
            return ""
        those = "one baseline run" if self.runs == 1 else f"{self.runs} baseline runs"
        return (
            f"run-to-run sd assumed {self.p50 * 100:g} % (compare: run_to_run_sd), as {those} cannot "
            "show it: with a history of three runs or more it is estimated"
        )


@dataclass(frozen=True)
class ShiftPoint:
    """The change at one quantile `q` of the durations, with its 90 % interval, as fractions."""

    q: float
    baseline_ms: float
    run_ms: float
    change: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class PhaseChange:
    """Mean time of a successful request in one phase: blocked, connect, tls, send, wait, receive."""

    phase: str
    baseline_ms: float
    run_ms: float


@dataclass(frozen=True)
class PeriodChange:
    """The change of the median in one part of the judged window, seconds from its start."""

    from_s: float
    to_s: float
    change: float | None  # a fraction; None where one of the runs had too few requests


@dataclass(frozen=True)
class NewFailure:
    """A way to fail that the baseline does not know, or hardly."""

    status: int | None
    error: str | None
    count: int
    share: float  # of the requests of the endpoint


@dataclass(frozen=True)
class Place:
    """Where in one endpoint the runs differ; `why` says it in a sentence, empty if nowhere."""

    name: str
    shift: tuple[ShiftPoint, ...]
    phases: tuple[PhaseChange, ...]
    periods: tuple[PeriodChange, ...]
    failures: tuple[NewFailure, ...]
    why: str


@dataclass(frozen=True)
class Tested:
    """One of the runs of a comparison, and what was judged of it.

    exact  False where the rows are gone: percentiles shown are within 1 %
    """

    name: str
    system: str | None
    release: str | None
    environment: str | None
    tool: str | None
    start: datetime
    end: datetime
    requests: int
    exact: bool


@dataclass(frozen=True)
class Earlier:
    """An earlier run that was offered as history, and why it was left out, if it was."""

    name: str
    used: bool
    why: str


@dataclass(frozen=True)
class Comparison:
    """Run against baseline: `why` says in one sentence how the verdict came about.

    baselines  the baseline, then the history that was used with it
    places     of each endpoint that both runs have, the busiest first
    history    every run that was offered as such
    gate       the statistics whose rows make the verdict
    shared_why what all endpoints share, as a sentence; empty where they do not move alike
    """

    verdict: ChangeVerdict
    why: str
    comparable: tuple[Doubt, ...]
    shared_shift: float | None  # median change over endpoints
    run_to_run_sd: RunToRunSd
    comparisons: tuple[Change, ...]
    tested: Tested
    baselines: tuple[Tested, ...]
    places: tuple[Place, ...] = ()
    history: tuple[Earlier, ...] = ()
    gate: tuple[str, ...] = ("p50", "p95", "error_rate")
    shared_why: str = ""


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
