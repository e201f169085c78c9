"""May two runs be compared at all? Each reason to doubt it, the serious ones apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from perfreport import units
from perfreport.judge.findings import Doubt, Tested
from perfreport.run.info import RunInfo
from perfreport.sla.settings import CompareSettings
from perfreport.stats.sketch import Sketch
from perfreport.stats.spent import Spent
from perfreport.stats.window import Window
from perfreport.tables import FailureRow, Figures

_LOAD_WITHIN = 0.05  # a system answers more slowly under more load: more is another test
_LENGTH_WITHIN = 0.20
_MIX_WITHIN = 0.05  # of all requests, moved from one endpoint to another
_NAMES_SHOWN = 3


@dataclass(frozen=True)
class Side:
    """One of the runs that are compared.

    name        of the run file
    start       of the run, from which the cells of the sketches are counted
    window      what is judged of it; all sides with the latest of their cuts (`latest_cut`)
    sketches    of the whole run, by endpoint (`endpoint_sketches`): what judgements rest on
    endpoints   figures of the window for the same endpoints: what is shown
    successful  the same of the successful requests alone
    users       mean active users in the window, where the tool recorded them
    exact       False where the percentiles shown are those of the sketch, for want of the rows
    spent       of the whole run, by endpoint: where the time of the successful requests went
    failures    of the window, by endpoint, status and message
    """

    name: str
    info: RunInfo
    start: datetime
    window: Window
    sketches: Mapping[str, Sketch]
    endpoints: Mapping[str, Figures]
    successful: Mapping[str, Figures]
    users: float | None = None
    exact: bool = True
    spent: Mapping[str, Spent] = field(default_factory=dict)
    failures: tuple[FailureRow, ...] = ()

    @property
    def tested(self) -> Tested:
        info = self.info
        return Tested(
            self.name,
            info.system,
            info.release,
            info.environment,
            info.tool,
            self.window.start,
            self.window.end,
            self.requests,
            self.exact,
        )

    def failures_of(self, name: str) -> tuple[FailureRow, ...]:
        return self._failures_by_name.get(name, ())

    @cached_property
    def _failures_by_name(self) -> dict[str, tuple[FailureRow, ...]]:
        rows: dict[str, list[FailureRow]] = {}
        for row in self.failures:
            rows.setdefault(row.name, []).append(row)
        return {name: tuple(own) for name, own in rows.items()}

    @property
    def requests(self) -> int:
        return sum(row.count for row in self.endpoints.values())

    @property
    def rate_per_s(self) -> float:
        return self.requests / self.window.seconds if self.window.seconds else 0.0


@dataclass(frozen=True)
class Doubts:
    """All doubts in the order of their weight; with a serious one nothing is judged."""

    serious: tuple[Doubt, ...]
    light: tuple[Doubt, ...]

    @property
    def all(self) -> tuple[Doubt, ...]:
        return self.serious + self.light


def doubts(baseline: Side, run: Side, settings: CompareSettings) -> Doubts:
    """What speaks against comparing two runs; where one is empty, that alone."""
    empty = tuple(_empty(baseline, run, settings))
    if empty:
        return Doubts(empty, ())
    return Doubts(
        serious=(
            *_too_short(baseline, run, settings),
            *_other_load(baseline, run),
            *_other_environment(baseline, run),
            *_nothing_in_common(baseline, run),
        ),
        light=(
            *_load_follows(baseline, run),
            *_environment_unknown(baseline, run),
            *_other_length(baseline, run),
            *_other_tool(baseline, run),
            *_other_mix(baseline, run),
            *_other_endpoints(baseline, run),
        ),
    )


def _empty(baseline: Side, run: Side, settings: CompareSettings) -> Iterator[Doubt]:
    """A side without any judged request: all other doubts would only follow from it."""
    for side, which in ((run, "run"), (baseline, "baseline")):
        if not side.requests:
            short = side.window.seconds < settings.min_steady
            needed = f", {_needed(settings)}" if short else ""
            why = f": {side.window.why}" if side.window.why else ""
            yield Doubt(
                "duration" if short else "endpoints",
                f"no request of the {which} is judged, its judged window is "
                f"{units.span(side.window.seconds)} long{needed}{why}",
            )


def _needed(settings: CompareSettings) -> str:
    return f"{units.span(settings.min_steady)} of steady load are needed (compare: min_steady)"


def _too_short(baseline: Side, run: Side, settings: CompareSettings) -> Iterator[Doubt]:
    lengths = (baseline.window.seconds, run.window.seconds)
    if min(lengths) < settings.min_steady:
        yield Doubt(
            "duration",
            f"{units.span(lengths[1])} are judged against {units.span(lengths[0])} of the baseline, "
            + _needed(settings),
        )


def _other_load(baseline: Side, run: Side) -> Iterator[Doubt]:
    """Another rate and, where users are known, another number of users, too."""
    if _differs(baseline.rate_per_s, run.rate_per_s) and not same_users(baseline, run):
        yield Doubt("load", f"the load differs: {_rates(baseline, run)}")


def _load_follows(baseline: Side, run: Side) -> Iterator[Doubt]:
    """The same users at another rate: in a closed model the rate follows from the response times."""
    if _differs(baseline.rate_per_s, run.rate_per_s) and same_users(baseline, run):
        yield Doubt("load", f"as many users, but {_rates(baseline, run)}: users wait for answers")


def _rates(baseline: Side, run: Side) -> str:
    return (
        f"{units.number(run.rate_per_s)} requests/s against "
        f"{units.number(baseline.rate_per_s)} in the baseline"
    )


def _differs(baseline: float, run: float, within: float = _LOAD_WITHIN) -> bool:
    return abs(run - baseline) > within * baseline


def same_users(baseline: Side, run: Side) -> bool:
    if baseline.users is None or run.users is None:
        return False
    return not _differs(baseline.users, run.users)


def _other_environment(baseline: Side, run: Side) -> Iterator[Doubt]:
    ours, theirs = run.info.environment, baseline.info.environment
    if ours and theirs and ours != theirs:
        yield Doubt("environment", f"environment {ours} against {theirs} in the baseline")


def _environment_unknown(baseline: Side, run: Side) -> Iterator[Doubt]:
    ours, theirs = run.info.environment, baseline.info.environment
    if bool(ours) != bool(theirs):
        known, unknown = ("run", "baseline") if ours else ("baseline", "run")
        yield Doubt(
            "environment",
            f"the {known} says its environment ({ours or theirs}), the {unknown} does not",
        )


def _nothing_in_common(baseline: Side, run: Side) -> Iterator[Doubt]:
    if not baseline.endpoints.keys() & run.endpoints.keys():
        yield Doubt("endpoints", "the runs have no endpoint in common")


def _other_length(baseline: Side, run: Side) -> Iterator[Doubt]:
    if _differs(baseline.window.seconds, run.window.seconds, _LENGTH_WITHIN):
        yield Doubt(
            "duration",
            f"judged over {units.span(run.window.seconds)} against "
            f"{units.span(baseline.window.seconds)} in the baseline",
        )


def _other_tool(baseline: Side, run: Side) -> Iterator[Doubt]:
    ours, theirs = run.info, baseline.info
    if ours.tool != theirs.tool:
        yield Doubt("tool", f"measured by {ours.tool or '?'} against {theirs.tool or '?'}")
        yield Doubt(
            "percentile_meaning",
            "another tool may mean another response time: some count DNS, connect and TLS in it, some do not",
        )
    elif ours.tool_version != theirs.tool_version:
        yield Doubt(
            "tool",
            f"measured by {ours.tool} {ours.tool_version or '?'} against {theirs.tool_version or '?'}",
        )


def _other_mix(baseline: Side, run: Side) -> Iterator[Doubt]:
    """Half the sum of the differences of shares is the part of the requests that moved."""
    names = baseline.endpoints.keys() | run.endpoints.keys()
    moved = sum(abs(_share(run, name) - _share(baseline, name)) for name in names) / 2
    if moved > _MIX_WITHIN:
        yield Doubt("mix", f"{units.percent(moved)} of the requests go to other endpoints")


def _share(side: Side, name: str) -> float:
    row = side.endpoints.get(name)
    return row.count / side.requests if row and side.requests else 0.0


def _other_endpoints(baseline: Side, run: Side) -> Iterator[Doubt]:
    for names, what in (
        (run.endpoints.keys() - baseline.endpoints.keys(), "only in the run"),
        (baseline.endpoints.keys() - run.endpoints.keys(), "only in the baseline"),
    ):
        if names:
            yield Doubt("endpoints", f"{what}: {listed(sorted(names))}")


def listed(names: list[str]) -> str:
    """Some names as text: the first three, then how many more."""
    shown = ", ".join(names[:_NAMES_SHOWN])
    more = len(names) - _NAMES_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown
