"""RunInfo: what was run, where, when, and from which files. It travels inside the Parquet file."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from perfreport.run.schema import SCHEMA_VERSION
from perfreport.run.testtype import TestType as TestType  # again from here

MAX_REJECTIONS = 10


class _Model(BaseModel):
    model_config = ConfigDict(extra="ignore")  # a later version may add keys


class Rejection(_Model):
    """A record that could not be read, and why.

    line  its line, or its byte in a binary format; 0 where `why` says the place
    """

    line: int
    why: str

    def text(self, what: str) -> str:
        """`line 12: cut off inside a record`; `what` as in `SourceInfo.places`."""
        return f"{what} {self.line:,}: {self.why}" if self.line else self.why


class SourceInfo(_Model):
    """One input file or server: what it was and how much of it could be read."""

    name: str  # base name: never an absolute path
    format: str
    size: int | None = None  # bytes as stored; None for a stream or a server
    sha256: str | None = None
    rows: int = 0
    rejected: int = 0
    rejections: list[Rejection] = Field(default_factory=list, max_length=MAX_REJECTIONS)
    places: Literal["line", "byte"] = "line"  # what the rejections count
    truncated: bool = False


class MetricInfo(_Model):
    """How a metric counts: k6's and Prometheus's types, with the unit of its values."""

    type: Literal["counter", "gauge", "rate", "trend", "histogram"]
    unit: str | None = None


# Whether DNS, connect and TLS are part of a duration; mixed where a run's tools disagree.
ResponseTime = Literal["with_connect", "without_connect", "mixed"]


class RunInfo(_Model):
    """All that is known of a run but its rows. Times are UTC."""

    schema_version: int = SCHEMA_VERSION
    system: str | None = None
    release: str | None = None
    scenario: str | None = None  # of the SLA pack
    test_type: TestType | None = None
    environment: str | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    tool: str | None = None  # joined by " + " where a run was merged from several tools
    tool_version: str | None = None
    response_time: ResponseTime | None = None  # None: not known, or of an earlier version's file
    start: datetime | None = None
    end: datetime | None = None
    only_servers: bool = False  # no load tool's results in it: its span is not that of a test
    only_aggregates: bool = False  # of a load tool, at best, what it summed up: its span is a guess
    sources: list[SourceInfo] = Field(default_factory=list)
    metrics: dict[str, MetricInfo] = Field(default_factory=dict)
    thresholds: dict[str, list[str]] = Field(default_factory=dict)  # the tool's own, by metric
    examples: dict[str, str] = Field(default_factory=dict)  # a URL of each endpoint that had one


def joined_meaning(first: ResponseTime | None, second: ResponseTime | None) -> ResponseTime | None:
    """What the durations of two sources mean together; one that says nothing leaves the other."""
    if first is None or second is None or first == second:
        return first or second
    return "mixed"
