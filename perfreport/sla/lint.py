"""What a pack says that its parts alone do not show wrong: names that lead nowhere, weights, units."""

from __future__ import annotations

from collections.abc import Iterator

from perfreport import units
from perfreport.errors import nearest
from perfreport.sla.document import Place
from perfreport.sla.grammar import Limit
from perfreport.sla.model import Criterion, Pack, Scenario, Selection, Series

Problem = tuple[Place, str]  # where, and what is wrong

_WEIGHT_SLACK = 0.005  # three weights of 33.3 % are meant to be all


def problems(pack: Pack) -> Iterator[Problem]:
    """Every flaw of a pack that reads well, in the order of the pack."""
    yield from _names_twice(pack)
    for index, scenario in enumerate(pack.scenarios):
        for place, text in _of_scenario(pack, scenario):
            yield ("scenarios", index, *place), text
    for place, limit in _limits(pack):
        yield from _of_limit(pack, place, limit)
    yield from _of_targets(pack)
    yield from _of_tests(pack)


def _names_twice(pack: Pack) -> Iterator[Problem]:
    lists = {
        "targets": [target.metric for target in pack.targets],
        "scenarios": [scenario.scenario for scenario in pack.scenarios],
        "tests": [str(test.test) for test in pack.tests],
        "dependencies": [dependency.dependency for dependency in pack.dependencies],
        "series": [series.series for series in pack.series],
    }
    for key, names in lists.items():
        for index in _repeated(names):
            yield (key, index), f'"{names[index]}" is there twice'


def _repeated(names: list[str]) -> list[int]:
    return [index for index, name in enumerate(names) if name in names[:index]]


def _of_scenario(pack: Pack, scenario: Scenario) -> Iterator[Problem]:
    names = [request.request for request in scenario.requests]
    for index in _repeated(names):
        yield ("requests", index), f'"{names[index]}" is there twice'
    yield from _weights(scenario)
    if scenario.orders_from and not scenario.request_named(scenario.orders_from):
        yield ("orders_from",), _unknown("request", scenario.orders_from, names)
    if scenario.throughput and not scenario.orders_from:
        yield ("throughput",), "needs orders_from: the request whose successes are counted"
    if scenario.throughput and scenario.throughput.statistic != "rate":
        yield ("throughput",), f'"{scenario.throughput}" is not a rate (try ">= 2500/h")'
    dependencies = [dependency.dependency for dependency in pack.dependencies]
    for index, request in enumerate(scenario.requests):
        needed = request.external_dependency
        if needed and needed not in dependencies:
            yield (
                ("requests", index, "externalDependency"),
                _unknown("dependency", needed, dependencies),
            )
    for index, path in enumerate(scenario.critical_paths):
        for name in path.requests:
            if not scenario.request_named(name):
                yield ("criticalPaths", index, "requests"), _unknown("request", name, names)


def _weights(scenario: Scenario) -> Iterator[Problem]:
    weights = [request.weight for request in scenario.requests if request.weight is not None]
    if not weights:
        return
    if len(weights) < len(scenario.requests):
        yield ("requests",), "some requests have a weight and some have none"
    elif abs(sum(weights) - 1) > _WEIGHT_SLACK:
        yield ("requests",), f"the weights make {units.percent(sum(weights))}, not 100 %"


def _limits(pack: Pack) -> Iterator[tuple[Place, Limit]]:
    for index, target in enumerate(pack.targets):
        if target.sla:
            yield ("targets", index, "sla"), target.sla
        for name, cell in target.cells.items():
            if cell:
                yield ("targets", index, "cells", name), cell
    for index, scenario in enumerate(pack.scenarios):
        here: Place = ("scenarios", index)
        for number, request in enumerate(scenario.requests):
            for key, limits in (("sla", request.sla), ("optional", request.optional)):
                for limit in limits:
                    yield (*here, "requests", number, key), limit
        yield from _of_criteria((*here, "expected"), scenario.expected)
    for index, test in enumerate(pack.tests):
        yield from _of_criteria(("tests", index, "criteria"), test.criteria)
    for key in ("each_endpoint", "total", "optional"):
        for limit in getattr(pack.objectives, key):
            yield ("objectives", key), limit


def _of_criteria(place: Place, criteria: tuple[Criterion, ...]) -> Iterator[tuple[Place, Limit]]:
    for index, criterion in enumerate(criteria):
        for limit in criterion.sla:
            yield (*place, index, "sla"), limit


def _of_limit(pack: Pack, place: Place, limit: Limit) -> Iterator[Problem]:
    if limit.series is None:
        return
    series = pack.series_named(limit.series)
    if series is None:
        yield place, _unknown("series", limit.series, [s.series for s in pack.series])
    elif not limit.relative and not _fits(limit, series):
        yield (
            place,
            f'"{limit}" cannot be compared: {series.series} is in '
            f"{series.unit or 'a unit that is not said'}, without a capacity",
        )


def _fits(limit: Limit, series: Series) -> bool:
    """Whether a limit's unit is the series' own, or a share of its capacity."""
    share = limit.unit in ("1", "/h of limit")
    if share and series.capacity is not None:
        return True
    if limit.statistic == "slope":
        return not share and (limit.unit == "By/h") == (series.unit == "By")
    own = units.canonical(0.0, series.unit)[1]
    return limit.unit == own or (limit.unit == "" and own != "ms")


def _of_targets(pack: Pack) -> Iterator[Problem]:
    known = [scenario.scenario for scenario in pack.scenarios]
    for index, target in enumerate(pack.targets):
        for name in target.cells:
            if name not in known:
                yield ("targets", index, "cells", name), _unknown("scenario", name, known)
        if target.sla is None and not target.cells and target.of.what == "requests":
            yield ("targets", index), 'needs an sla, such as "p95 < 500ms"'
        yield from _of_selection(pack, ("targets", index, "of"), target.of)


def _of_tests(pack: Pack) -> Iterator[Problem]:
    known = [scenario.scenario for scenario in pack.scenarios]
    for index, test in enumerate(pack.tests):
        for number, name in enumerate(test.scenarios):
            if name not in known:
                yield ("tests", index, "scenarios", number), _unknown("scenario", name, known)
        for number, criterion in enumerate(test.criteria):
            yield from _of_selection(pack, ("tests", index, "criteria", number, "of"), criterion.of)


def _of_selection(pack: Pack, place: Place, of: Selection) -> Iterator[Problem]:
    dependencies = [dependency.dependency for dependency in pack.dependencies]
    if of.dependency and of.dependency not in dependencies:
        yield (*place, "dependency"), _unknown("dependency", of.dependency, dependencies)
    requests = {name for s in pack.scenarios for request in s.requests for name in request.names}
    for name in of.requests:
        if name not in requests:
            yield (*place, "requests"), _unknown("request", name, sorted(requests))


def _unknown(kind: str, name: str, known: list[str]) -> str:
    allowed = ", ".join(known) if known else "none is defined"
    return f'no {kind} is called "{name}".{nearest(name, known)} Known: {allowed}'
