"""One run as history keeps it: what was tested, and few figures of each endpoint.

A record is small enough to be kept for each run of a folder, and all that history and the choice
of earlier runs for a comparison need.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import reduce

from perfreport.run.info import RunInfo
from perfreport.stats.intervals import enough_beyond, error_spread, log_quantile
from perfreport.stats.sketch import Sketch
from perfreport.stats.window import Window
from perfreport.tables import Figures

QUANTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}
STATISTICS = (*QUANTILES, "error_rate", "throughput")
PIN = "baseline"  # the label that pins a run, its value being the tag


@dataclass(frozen=True)
class Figure:
    """One statistic of an endpoint: as it is shown, and on the scale on which it is judged.

    value   ms, a fraction for error_rate, requests per second for throughput
    judged  the logarithm of the sketch's figure; for error_rate `angle`
    se      standard error of `judged`, from batches of time
    """

    value: float
    judged: float
    se: float


@dataclass(frozen=True)
class EndpointRecord:
    """The statistics of one endpoint that rest on enough requests."""

    requests: int
    failures: int
    figures: Mapping[str, Figure]


@dataclass(frozen=True)
class RunRecord:
    """One run over its own judged window, `start` to `end`.

    started            the run itself, with the warm-up
    rate_per_s         over the whole cells of time inside the window
    users              mean active users, where the tool recorded them
    p50_ms ... p99_ms  of all requests pooled, by the sketch: within 0.4 % of the exact ones
    exact              False for a condensed run whose window nobody had kept figures of
    """

    name: str
    system: str | None
    release: str | None
    scenario: str | None
    test_type: str | None
    environment: str | None
    tool: str | None
    labels: Mapping[str, str]
    started: datetime
    start: datetime
    end: datetime
    requests: int
    failures: int
    rate_per_s: float
    users: float | None
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    exact: bool
    endpoints: Mapping[str, EndpointRecord]

    @property
    def tag(self) -> str | None:
        """The tag that pins this run as a baseline."""
        return self.labels.get(PIN)

    def labelled(self, labels: Mapping[str, str]) -> RunRecord:
        """The same with more labels; its own win."""
        return replace(self, labels={**labels, **self.labels})

    @property
    def error_rate(self) -> float | None:
        return self.failures / self.requests if self.requests else None

    @property
    def identity(self) -> tuple[object, ...]:
        """What only a copy of the run, such as its condensed form, has in common with it."""
        judged = self.rate_per_s, self.p50_ms, self.p95_ms, self.p99_ms
        return self.started, self.start, self.end, *judged


def run_record(
    name: str,
    info: RunInfo,
    started: datetime,
    window: Window,
    sketches: Mapping[str, Sketch],
    exact: Mapping[str, Figures] | None,
    users: float | None,
) -> RunRecord:
    """The record of a run from the sketches of its endpoints, cut to its judged window.

    exact  figures of the same endpoints and window, where the rows are there
    """
    judged = {endpoint: own for endpoint, own in sketches.items() if own.requests}
    pooled = reduce(Sketch.merge, judged.values()) if judged else None
    requests, failures = _counts(judged, exact)
    p50_ms, p95_ms, p99_ms = (
        None if pooled is None else pooled.quantile_ms(q) for q in QUANTILES.values()
    )
    return RunRecord(
        name=name,
        system=info.system,
        release=info.release,
        scenario=info.scenario,
        test_type=info.test_type.value if info.test_type else None,
        environment=info.environment,
        tool=info.tool,
        labels=info.labels,
        started=started,
        start=window.start,
        end=window.end,
        requests=requests,
        failures=failures,
        rate_per_s=pooled.requests / (pooled.cells * pooled.cell_s) if pooled else 0.0,
        users=users,
        p50_ms=p50_ms,
        p95_ms=p95_ms,
        p99_ms=p99_ms,
        exact=exact is not None,
        endpoints={
            endpoint: _endpoint(own, (exact or {}).get(endpoint))
            for endpoint, own in judged.items()
        },
    )


def _counts(sketches: Mapping[str, Sketch], exact: Mapping[str, Figures] | None) -> tuple[int, int]:
    """Requests and failures of the window."""
    if exact is None:
        found = [(own.requests, own.failures) for own in sketches.values()]
    else:
        found = [(row.count, row.errors) for row in exact.values()]
    return sum(requests for requests, _ in found), sum(failures for _, failures in found)


def _endpoint(sketch: Sketch, exact: Figures | None) -> EndpointRecord:
    quantiles = {name: _quantile(sketch, q, name, exact) for name, q in QUANTILES.items()}
    found = quantiles | {
        "error_rate": _error_rate(sketch, exact),
        "throughput": _throughput(sketch),
    }
    figures = {name: figure for name, figure in found.items() if figure}
    return EndpointRecord(sketch.requests, sketch.failures, figures)


def _quantile(sketch: Sketch, q: float, name: str, exact: Figures | None) -> Figure | None:
    found = log_quantile(sketch, q) if enough_beyond(sketch.timed, q) else None
    shown = getattr(exact, f"{name}_ms") if exact else sketch.quantile_ms(q)
    return Figure(shown, found.log_ms, found.se) if found and shown is not None else None


def _error_rate(sketch: Sketch, exact: Figures | None) -> Figure | None:
    spread = error_spread(sketch)
    if spread is None:
        return None
    shown = exact.error_rate if exact else None
    rate = sketch.failures / sketch.requests if shown is None else shown
    # Moved a little from the ends, where a count says less than its square root (Anscombe 1948).
    judged = angle((sketch.failures + 3 / 8) / (sketch.requests + 3 / 4))
    return Figure(rate, judged, 0.5 * math.sqrt(spread.excess / sketch.requests))


def angle(share: float) -> float:
    """The arcsine of the root of a share, which varies as much near 0 as elsewhere."""
    return math.asin(math.sqrt(min(max(share, 0.0), 1.0)))


def rate_of(angle_: float) -> float:
    """The share of an `angle`."""
    return math.sin(min(max(angle_, 0.0), math.pi / 2)) ** 2


def _throughput(sketch: Sketch) -> Figure | None:
    seconds = sketch.cells * sketch.cell_s
    rate = sketch.requests / seconds
    return Figure(rate, math.log(rate), 1 / math.sqrt(sketch.requests))
