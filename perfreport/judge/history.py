"""A folder of runs as history: series of like runs, and where each endpoint changed for good."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from perfreport import units
from perfreport.judge.record import RunRecord
from perfreport.judge.shifts import Outlier, Shift, shifts
from perfreport.sla.settings import CompareSettings

LOAD_WITHIN = 0.05  # as in a comparison: more load is another test
_SERIES_AT_LEAST = 3  # runs of one load that are a series of their own


@dataclass(frozen=True)
class Against:
    """One run against the pinned one: the median change over the endpoints, and the worst of one."""

    p50: float | None
    p95: float | None
    worst_name: str | None
    worst_statistic: str | None
    worst_change: float | None


@dataclass(frozen=True)
class Series:
    """Runs of one test at one load, in order of time, with what changed over them.

    pinned   name of the run that the others are told against
    against  one for each run, None for the pinned one; empty without one
    """

    runs: tuple[RunRecord, ...]
    shifts: tuple[Shift, ...]
    outliers: tuple[Outlier, ...]
    pinned: str | None = None
    against: tuple[Against | None, ...] = ()

    @property
    def endpoints(self) -> list[str]:
        """Names of all endpoints, those with most requests first."""
        requests: dict[str, int] = {}
        for run in self.runs:
            for name, endpoint in run.endpoints.items():
                requests[name] = requests.get(name, 0) + endpoint.requests
        return sorted(requests, key=lambda name: (-requests[name], name))


@dataclass(frozen=True)
class Apart:
    """A run or a file that belongs to no series, and why."""

    name: str
    why: str


@dataclass(frozen=True)
class History:
    """All series, that with most runs first; `apart` lists what is in none of them."""

    series: tuple[Series, ...]
    apart: tuple[Apart, ...]


def history(
    records: Sequence[RunRecord], settings: CompareSettings, tag: str | None = None
) -> History:
    """The history of runs by the method of docs/statistics.md.

    tag  of the pinned run that each run of its series is told against
    """
    unique, copies = without_copies(records)
    tests: dict[tuple[str | None, ...], list[RunRecord]] = {}
    apart = [*copies]
    for record in sorted(unique, key=lambda run: (run.started, run.name)):
        if record.requests:
            tests.setdefault(tested_as(record), []).append(record)
        else:
            apart.append(Apart(record.name, "no request is judged"))
    series: list[Series] = []
    for runs in tests.values():
        alike, others = _by_load(runs)
        series += [_series(each, settings, tag) for each in alike]
        apart += others
    series.sort(key=lambda each: (-len(each.runs), each.runs[0].started))
    return History(tuple(series), tuple(apart))


def tested_as(run: RunRecord) -> tuple[str | None, ...]:
    """What two runs must have in common: another tool measures another response time."""
    return run.system, run.scenario, run.test_type, run.environment, run.tool


def without_copies(records: Sequence[RunRecord]) -> tuple[list[RunRecord], list[Apart]]:
    """Each run once: of a run and its condensed form the one with exact figures, the labels of both."""
    kept: dict[object, RunRecord] = {}
    copies = []
    for record in sorted(records, key=lambda run: not run.exact):
        first = kept.setdefault(record.identity, record)
        if first is not record:
            kept[record.identity] = first.labelled(record.labels)
            copies.append(Apart(record.name, f"the same run as {first.name}"))
    return list(kept.values()), copies


def same_load(run: RunRecord, other: RunRecord) -> bool:
    """The same rate, or the same users where both tools counted them, within 5 %."""
    if _near(run.rate_per_s, other.rate_per_s):
        return True
    return run.users is not None and other.users is not None and _near(run.users, other.users)


def _near(value: float, other: float) -> bool:
    return abs(value - other) <= LOAD_WITHIN * max(other, value)


def _by_load(runs: Sequence[RunRecord]) -> tuple[list[list[RunRecord]], list[Apart]]:
    """Runs of one test as series of one load each; loads that were run once or twice stand apart."""
    loads: list[list[RunRecord]] = []
    for run in runs:
        mine = next((load for load in loads if same_load(run, load[0])), None)
        if mine is None:
            loads.append([run])
        else:
            mine.append(run)
    loads.sort(key=lambda load: (-len(load), -load[-1].started.timestamp()))
    alike = [load for at, load in enumerate(loads) if not at or len(load) >= _SERIES_AT_LEAST]
    usual = loads[0][0]
    apart = [
        Apart(run.name, f"the load differs: {load_text(run)} against {load_text(usual)}")
        for load in loads
        if load not in alike
        for run in load
    ]
    return alike, apart


def load_text(run: RunRecord) -> str:
    """`80 requests/s`, with the users where they are known."""
    users = f", {units.number(run.users)} users" if run.users is not None else ""
    return f"{units.number(run.rate_per_s)} requests/s{users}"


def _series(runs: Sequence[RunRecord], settings: CompareSettings, tag: str | None) -> Series:
    found, outliers = shifts(runs, settings)
    pinned = newest([run for run in runs if tag is not None and run.tag == tag])
    against = () if pinned is None else tuple(_against(run, pinned) for run in runs)
    return Series(tuple(runs), found, outliers, pinned.name if pinned else None, against)


def newest(runs: Iterable[RunRecord]) -> RunRecord | None:
    """The run that began last."""
    return max(runs, key=lambda run: (run.started, run.name), default=None)


def _against(run: RunRecord, pinned: RunRecord) -> Against | None:
    if run is pinned:
        return None
    changes: dict[str, list[tuple[float, str]]] = {"p50": [], "p95": []}
    for name in run.endpoints.keys() & pinned.endpoints.keys():
        ours, theirs = run.endpoints[name].figures, pinned.endpoints[name].figures
        for statistic, found in changes.items():
            if statistic in ours and statistic in theirs and theirs[statistic].value > 0:
                found.append((ours[statistic].value / theirs[statistic].value - 1, name))
    p50, p95 = (median(change for change, _ in each) if each else None for each in changes.values())
    ranked = [
        (change, name, statistic) for statistic, each in changes.items() for change, name in each
    ]
    worst = max(ranked, default=(None, None, None))
    return Against(p50, p95, worst_name=worst[1], worst_statistic=worst[2], worst_change=worst[0])
