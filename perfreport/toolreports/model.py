"""What a load tool's own report says: figures, each of a subject, rounded in a known way."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

Tool = Literal["k6", "JMeter", "Gatling"]


class Kind(StrEnum):
    """What a subject is, in the tool's own terms."""

    TOTAL = "total"  # JMeter's Total, Gatling's All Requests
    LABEL = "label"  # of JMeter: a sampler or a transaction controller
    REQUEST = "request"  # of Gatling, inside its groups
    GROUP = "group"  # of Gatling
    METRIC = "metric"  # of k6, or a submetric with tags
    CHECK = "check"  # of k6


@dataclass(frozen=True)
class Subject:
    """What a figure is about.

    path  names of the groups around it, outermost first
    tags  what a submetric of k6 is filtered by; `group` and `scenario` are among them
    """

    kind: Kind
    name: str
    path: tuple[str, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        tags = f"{{{','.join(f'{key}:{value}' for key, value in self.tags)}}}" if self.tags else ""
        return " / ".join((*self.path, self.name)) + tags


@dataclass(frozen=True)
class Rounding:
    """How a printed number came from the computed one.

    exact    to the last digits of a double: `step` is the relative difference that is none
    nearest  to a multiple of `step`
    down     cut off towards zero at a multiple of `step`
    float32  computed in single precision
    """

    how: Literal["exact", "nearest", "down", "float32"]
    step: float = 0.0


@dataclass(frozen=True)
class Figure:
    """One number of the report.

    statistic  count, failed, error_rate, mean, stdev, min, max, last, sum, quantile, rate, share,
               received_rate, sent_rate
    unit       ms, /s, 1, By, By/s, KiBy/s
    outcome    of which samples: all, ok or failed
    q          of a quantile
    low, high  of a share, and of the count of a range: values from `low` to below `high`
    """

    subject: Subject
    statistic: str
    value: float
    unit: str
    rounding: Rounding
    outcome: Literal["all", "ok", "failed"] = "all"
    q: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class ToolReport:
    """A report as its tool wrote it.

    form        which of the tool's reports, as people call it
    duration_s  how long the tool says the test ran, if it does
    """

    tool: Tool
    form: str
    figures: tuple[Figure, ...]
    version: str | None = None
    duration_s: float | None = None
