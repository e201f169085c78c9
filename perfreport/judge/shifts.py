"""What changed for good over a series of runs: each statistic of each endpoint, by release."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from perfreport import units
from perfreport.judge.comparable import listed
from perfreport.judge.record import STATISTICS, Figure, RunRecord, angle, rate_of
from perfreport.sla.settings import CompareSettings
from perfreport.stats.changepoints import Step, Steps, change_points

_POINTS_AT_LEAST = 4  # two runs before a change, and two after it
MIN_EFFECT_ERROR = 0.001  # 0.1 percentage points, as in a comparison
_ERROR_RATE_SD = 0.30  # rates differ from run to run by a third of themselves (docs/statistics.md)
_WORDS = {"error_rate": "errors", "throughput": "throughput"}

Line = list[tuple[int, Figure]]  # the runs that have a statistic of an endpoint, by position


@dataclass(frozen=True)
class ChangePoint:
    """One statistic of one endpoint that changed and stayed so.

    before, after  geometric mean over the runs of the segment (plain mean for error_rate)
    change         a fraction; a difference for error_rate; with its 90 % interval
    runs_before, runs_after  how many runs the segments have
    """

    name: str
    statistic: str
    before: float
    after: float
    change: float
    low: float
    high: float
    p_value: float
    runs_before: int
    runs_after: int
    worse: bool
    why: str


@dataclass(frozen=True)
class Shift:
    """All that changed between one run and the next: `run` is the first after it.

    since     the last run before it
    at        position of `run` in the series, counted from 0
    accepted  the tag of a baseline that was pinned at this run or later: the change is settled
    """

    at: int
    run: str
    since: str
    release: str | None
    release_before: str | None
    labels: Mapping[str, str]
    accepted: str | None
    changes: tuple[ChangePoint, ...]
    why: str


@dataclass(frozen=True)
class Outlier:
    """One statistic of one endpoint in a single run that lies far off the runs around it."""

    run: str
    name: str
    statistic: str
    value: float


def shifts(
    runs: Sequence[RunRecord],
    settings: CompareSettings,
    statistics: Sequence[str] = STATISTICS,
) -> tuple[tuple[Shift, ...], tuple[Outlier, ...]]:
    """What changed for good over runs of one test in order of time, and single runs far off."""
    by_place: dict[tuple[int, int], list[ChangePoint]] = {}
    outliers = []
    for name in dict.fromkeys(name for run in runs for name in run.endpoints):
        for statistic in statistics:
            line = _line(runs, name, statistic)
            found = _steps(statistic, line, settings)
            for step in found.steps:
                if _matters(statistic, line, step, found, settings):
                    place = line[step.before][0], line[step.at][0]
                    change = _change_point(name, statistic, line, step, found.outliers)
                    by_place.setdefault(place, []).append(change)
            outliers += [
                Outlier(runs[line[at][0]].name, name, statistic, line[at][1].value)
                for at in found.outliers
            ]
    ordered = sorted(by_place.items(), key=lambda item: item[0][::-1])
    return tuple(_shift(runs, place, each) for place, each in ordered), tuple(outliers)


def _line(runs: Sequence[RunRecord], name: str, statistic: str) -> Line:
    found = ((at, run.endpoints.get(name)) for at, run in enumerate(runs))
    return [
        (at, endpoint.figures[statistic])
        for at, endpoint in found
        if endpoint and statistic in endpoint.figures
    ]


def _steps(statistic: str, line: Line, settings: CompareSettings) -> Steps:
    if len(line) < _POINTS_AT_LEAST:
        return Steps((), ())
    return change_points(
        [figure.judged for _, figure in line],
        _sd(statistic, line, settings),
        _min_effect(statistic, line, settings),
        [figure.se for _, figure in line],
    )


def _sd(statistic: str, line: Line, settings: CompareSettings) -> float:
    """How much runs of one system differ, on the scale on which the statistic is judged."""
    if statistic == "error_rate":
        # d(angle) = d(rate) / (2 sqrt(rate)), at a small rate
        return _ERROR_RATE_SD * math.sqrt(median(figure.value for _, figure in line)) / 2
    return settings.run_to_run_sd


def _min_effect(statistic: str, line: Line, settings: CompareSettings) -> float:
    """The smallest change that matters, on the same scale; tried again on the change itself."""
    if statistic == "error_rate":
        usual = median(figure.value for _, figure in line)
        return angle(usual + MIN_EFFECT_ERROR) - angle(usual)
    return math.log1p(settings.min_effect)


def _matters(
    statistic: str, line: Line, step: Step, found: Steps, settings: CompareSettings
) -> bool:
    """Whether the change is large enough on paper, too; by the figures that are judged."""
    before, after = (
        sum(figure.judged for figure in each) / len(each)
        for each in _sides(line, step, found.outliers)
    )
    if statistic == "error_rate":
        return abs(rate_of(after) - rate_of(before)) >= MIN_EFFECT_ERROR
    if statistic == "throughput":
        return True
    return abs(math.exp(after) - math.exp(before)) >= settings.min_effect_ms


def _sides(line: Line, step: Step, outliers: Collection[int]) -> tuple[list[Figure], list[Figure]]:
    """The figures of the segments before and after a step."""
    before, after = range(step.begin, step.at), range(step.at, step.end)
    return (
        [line[at][1] for at in before if at not in outliers],
        [line[at][1] for at in after if at not in outliers],
    )


def _change_point(
    name: str, statistic: str, line: Line, step: Step, outliers: Collection[int]
) -> ChangePoint:
    before, after = _sides(line, step, outliers)
    values = _mean(statistic, before), _mean(statistic, after)
    change, low, high = _on_paper(statistic, values, before, step)
    return ChangePoint(
        name, statistic, *values, change, low, high, step.p_value, len(before), len(after),
        worse=change < 0 if statistic == "throughput" else change > 0,
        why=_why(statistic, *values, change, low, high),
    )  # fmt: skip


def _mean(statistic: str, figures: Sequence[Figure]) -> float:
    values = [figure.value for figure in figures]
    if statistic == "error_rate" or min(values) <= 0:
        return sum(values) / len(values)
    return math.exp(sum(map(math.log, values)) / len(values))


def _on_paper(
    statistic: str, values: tuple[float, float], before: Sequence[Figure], step: Step
) -> tuple[float, float, float]:
    """Change and interval as people read them: fractions, or differences of rates."""
    if statistic != "error_rate":
        change = values[1] / values[0] - 1 if values[0] > 0 else math.expm1(step.change)
        low, high = math.expm1(step.low), math.expm1(step.high)
    else:
        change = values[1] - values[0]
        start = sum(figure.judged for figure in before) / len(before)
        low, high = (rate_of(start + bound) - rate_of(start) for bound in (step.low, step.high))
    return change, min(low, change), max(high, change)


def _why(
    statistic: str, before: float, after: float, change: float, low: float, high: float
) -> str:
    values = f"{value_text(statistic, before)} to {value_text(statistic, after)}"
    if statistic == "error_rate":
        text, bounds = f"{change * 100:+.2f} pp", f"{low * 100:+.2f}, {high * 100:+.2f}"
    else:
        text, bounds = units.signed_percent(change), f"{low * 100:+.1f}, {high * 100:+.1f}"
    return f"{text} ({values}) [{bounds}]".replace("-", "−")


def value_text(statistic: str, value: float) -> str:
    """A value of a statistic with its unit."""
    unit = {"error_rate": "1", "throughput": "/s"}.get(statistic, "ms")
    return units.quantity_text(value, unit)


def statistic_word(statistic: str) -> str:
    """`P95`, `errors`."""
    return _WORDS.get(statistic, statistic.upper())


def _shift(
    runs: Sequence[RunRecord], place: tuple[int, int], changes: Sequence[ChangePoint]
) -> Shift:
    last, first = runs[place[0]], runs[place[1]]
    ordered = sorted(changes, key=lambda one: (not one.worse, -abs(one.change), one.name))
    pins = [run.tag for run in runs[place[1] :] if run.tag]
    return Shift(
        at=place[1],
        run=first.name,
        since=last.name,
        release=first.release,
        release_before=last.release,
        labels=first.labels,
        accepted=pins[0] if pins else None,
        changes=tuple(ordered),
        why=_story(last, first, ordered),
    )


def _story(last: RunRecord, first: RunRecord, changes: Sequence[ChangePoint]) -> str:
    """`2026.3: create_order P95 +14 % (39.5 to 45.4 ms), first in run NAME, after NAME`"""
    head = changes[0]
    worst = f"{head.name} {statistic_word(head.statistic)} {head.why}"
    others = list(dict.fromkeys(change.name for change in changes if change.name != head.name))
    more = f"; so did {listed(others)}" if others else ""
    release = f"{first.release}: " if first.release else ""
    within = " of the same release" if first.release and first.release == last.release else ""
    return f"{release}{worst}{more}; first in {first.name}, after {last.name}{within}"
