"""The rows of the tables between queries and judges: frozen, typed, units in the names."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Stats:
    """ROW of the contract: count, errors, rate, and exact (type 7) percentiles of the durations."""

    count: int
    errors: int
    error_rate: float | None
    rate_per_s: float | None
    mean_ms: float | None
    stdev_ms: float | None  # of the population
    min_ms: float | None
    p50_ms: float | None
    p75_ms: float | None
    p90_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    p999_ms: float | None
    max_ms: float | None
    apdex: float | None
    received_bytes: int | None
    sent_bytes: int | None


@dataclass(frozen=True)
class EndpointRow(Stats):
    """Stats of one kind and name; the rest is null where it appears in several."""

    kind: str
    name: str
    scenario: str | None
    group: str | None
    source: str | None = None
    status: int | None = None


@dataclass(frozen=True)
class TotalRow(Stats):
    """Stats of all rows of kind `request`, or of the outermost transactions where there are none."""

    kind: str | None


@dataclass(frozen=True)
class Figures:
    """What a comparison shows of one endpoint; percentiles of type 7, null without a duration."""

    count: int
    errors: int
    error_rate: float | None
    mean_ms: float | None
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None


@dataclass(frozen=True)
class FailureRow:
    """How often the requests of an endpoint failed in one way."""

    name: str
    status: int | None
    error: str | None
    count: int


@dataclass(frozen=True)
class CheckRow:
    """One named check of the load script."""

    name: str
    passes: int
    fails: int


@dataclass(frozen=True)
class MetricRow:
    """One metric series, reduced over the window."""

    name: str
    labels: dict[str, str]
    unit: str | None
    count: int
    mean: float | None
    min: float | None
    max: float | None
    last: float | None


@dataclass(frozen=True)
class TimelineRow:
    """One time bin of the whole run; `at` is its start, in seconds from the run's start."""

    at_s: float
    users: float | None  # of all sources together, mean over the seconds of the bin
    requests: int
    errors: int
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None


@dataclass(frozen=True)
class EndpointBin:
    """One endpoint in one time bin."""

    name: str
    at_s: float
    requests: int
    errors: int
    p95_ms: float | None


@dataclass(frozen=True)
class ErrorRow:
    """One kind of failure of one endpoint."""

    name: str
    status: int | None
    error: str | None
    count: int
    share: float  # of the requests of that endpoint
    first: datetime
    last: datetime


@dataclass(frozen=True)
class SeriesPoint:
    """One value of one metric series; `at_s` in seconds from the run's start."""

    name: str
    labels: dict[str, str]
    unit: str | None
    at_s: float
    value: float


@dataclass(frozen=True)
class NameRow:
    """A name of the run in one of the tool's scenarios; outermost: in no group."""

    kind: str
    name: str
    scenario: str | None
    outermost: bool
    count: int


@dataclass(frozen=True)
class SubjectRow(Stats):
    """Stats of what an objective is about: one endpoint, or several pooled."""

    subject: str


@dataclass(frozen=True)
class OutcomeRow:
    """How often the requests of a subject ended with this status and outcome."""

    subject: str
    status: int | None
    ok: bool | None
    count: int


@dataclass(frozen=True)
class SourceEndRow:
    """When a source observed its last; `source` is the label of its input."""

    source: str | None
    last: datetime


@dataclass(frozen=True)
class UsersRow:
    """Active users of a subject over the seconds of a window."""

    subject: str
    seconds: int
    median: float
    min: float
    max: float


@dataclass(frozen=True)
class SeriesRow(MetricRow):
    """One metric series reduced over the window, with its percentiles over time."""

    p50: float | None
    p75: float | None
    p90: float | None
    p95: float | None
    p99: float | None
    p999: float | None


@dataclass(frozen=True)
class FastFailuresRow:
    """Requests that failed in under half the usual time; `name` is the endpoint with most."""

    kind: str
    requests: int
    fast: int
    name: str
    share: float
