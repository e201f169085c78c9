"""What an SLA pack can say: frozen models, unknown keys refused, written quantities parsed.

A pack is data about one system; nothing in the code knows a system by name. Lists hold named
entries (`- scenario: kenya_o2c`), so that a pack can be split over several files of a folder.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BeforeValidator, Field, model_validator

from perfreport.errors import nearest
from perfreport.run.info import RunInfo, TestType
from perfreport.sla.section import Section
from perfreport.sla.settings import CompareSettings
from perfreport.sla.written import (
    Amount,
    Capacity,
    Limits,
    MaybeObjective,
    Names,
    Objective,
    PerSecond,
    Seconds,
    Share,
)


class Load(NamedTuple):
    """One stage of the load: from so many users to so many, within `seconds`."""

    seconds: float
    start: float
    end: float


class Stage(Section):
    """`{ramp: 15min, to: 5000}` or `{hold: 1h30min}`."""

    ramp: Seconds | None = None
    hold: Seconds | None = None
    to: Amount | None = None

    @model_validator(mode="after")
    def _ramp_or_hold(self) -> Stage:
        if (self.ramp is None) == (self.hold is None) or (self.ramp is None) != (self.to is None):
            raise ValueError("a stage is {ramp: 15min, to: 5000} or {hold: 1h30min}")
        return self


class Selection(Section):
    """Which requests an objective pools: all of the scenario's, or fewer."""

    what: Literal["requests", "users", "throughput"] = "requests"
    requests: Names = ()  # only these
    dependency: str | None = None  # only those that wait for it
    without_dependency: bool = False  # only those that wait for none

    @property
    def everything(self) -> bool:
        return not (self.requests or self.dependency or self.without_dependency)


_SELECTIONS: dict[str, dict[str, Any]] = {
    "requests": {},
    "requests without dependency": {"without_dependency": True},
    "users": {"what": "users"},
    "throughput": {"what": "throughput"},
}


def _selection(written: Any) -> Any:
    if not isinstance(written, str):
        return written
    if written not in _SELECTIONS:
        raise ValueError(
            f'"{written}" is not known.{nearest(written, _SELECTIONS)} Allowed: '
            f"{', '.join(_SELECTIONS)}, {{requests: [...]}}, {{dependency: ...}}"
        )
    return _SELECTIONS[written]


Of = Annotated[Selection, BeforeValidator(_selection)]


class Criterion(Section):
    """One line of a list of success criteria; `manual` ones wait for a signature."""

    criterion: str
    of: Of = Selection()
    sla: Limits = ()
    manual: bool = False
    required: bool = True

    @model_validator(mode="after")
    def _judged_or_manual(self) -> Criterion:
        if bool(self.sla) == self.manual:
            raise ValueError("a criterion has either an sla or manual: true")
        return self


class Request(Section):
    """One request of a scenario; `also` are the names that it has in each tool."""

    request: str
    also: Names = ()
    weight: Share | None = None
    sla: Limits = ()
    optional: Limits = ()  # judged, but never alone a reason against the release
    external_dependency: str | None = Field(None, alias="externalDependency")

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that means this request."""
        return (self.request, *self.also)


class CriticalPath(Section):
    """What must work for the scenario to make sense, and the requests that show it."""

    path: str
    requests: Names = ()


class Scenario(Section):
    """A business scenario: its load, its mix of requests and what each must keep."""

    scenario: str
    title: str | None = None
    also: Names = ()  # the tool's scenario names
    users: Amount | None = None
    stages: tuple[Stage, ...] = ()
    duration: Seconds | None = None
    orders_from: str | None = None  # the request whose successes are counted
    throughput: Objective | None = None
    requests: tuple[Request, ...] = ()
    critical_paths: tuple[CriticalPath, ...] = Field((), alias="criticalPaths")
    expected: tuple[Criterion, ...] = ()
    min_steady: Seconds | None = None

    @property
    def loads(self) -> tuple[Load, ...]:
        """The stages with the users that each starts and ends with; a leading hold is at `users`."""
        return _loads(self.stages, self.users)

    @property
    def seconds(self) -> float | None:
        """The planned length: as written, else the sum of the stages."""
        return self.duration or sum(load.seconds for load in self.loads) or None

    def request_named(self, name: str) -> Request | None:
        """The request that has this name, its own or one under `also`."""
        return next((request for request in self.requests if name in request.names), None)


class Target(Section):
    """A row of the benchmark table; a cell is judged against the scenario's own limit, if any."""

    metric: str
    target: str  # as the table shows it
    of: Of = Selection()
    sla: Objective | None = None  # of every scenario that does not say otherwise
    cells: dict[str, MaybeObjective] = Field(default_factory=dict)  # by scenario; null: n/a
    required: bool = True


class Test(Section):
    """A kind of test: where, how many users, how long, and what it must show."""

    __test__ = False  # the word is the domain's, pytest must not collect it

    test: TestType
    environment: str | None = None
    scenarios: tuple[str, ...] = ()  # none: all of the pack
    users: Amount | None = None
    stages: tuple[Stage, ...] = ()
    duration: Seconds | None = None
    criteria: tuple[Criterion, ...] = ()

    @property
    def loads(self) -> tuple[Load, ...]:
        return _loads(self.stages, self.users)

    @property
    def seconds(self) -> float | None:
        return self.duration or sum(load.seconds for load in self.loads) or None


class RateLimit(Section):
    """How often a dependency may be called, per environment."""

    test: PerSecond | None = None
    production: PerSecond | None = None
    per: str | None = None  # device, organisation


class Dependency(Section):
    """An external system that requests wait for."""

    dependency: str
    title: str | None = None
    rate_limit: RateLimit | None = Field(None, alias="rateLimit")
    latency: tuple[Seconds, Seconds] | None = None  # expected, from and to
    timeout: Seconds | None = None
    token_life: Seconds | None = Field(None, alias="tokenLife")


class Series(Section):
    """A server metric: its query, and what its values mean."""

    series: str
    query: str
    title: str | None = None
    also: Names = ()  # other names that recordings give it
    unit: str | None = None
    capacity: Capacity | None = None  # in `unit`, or another query
    direction: Literal["up", "down"] = "up"  # which way is worse
    shape: Literal["gauge", "sawtooth", "counter"] = "gauge"
    per: str | None = None  # the label that tells its lines apart

    @property
    def names(self) -> tuple[str, ...]:
        return (self.series, *self.also)


class Everywhere(Section):
    """Objectives without scenarios: of each endpoint alone, and of all requests together."""

    each_endpoint: Limits = ()
    total: Limits = ()
    optional: Limits = ()  # of all requests together


class Pack(Section):
    """An SLA pack, complete."""

    system: str | None = None
    title: str | None = None
    targets: tuple[Target, ...] = ()
    scenarios: tuple[Scenario, ...] = ()
    tests: tuple[Test, ...] = ()
    objectives: Everywhere = Everywhere()
    dependencies: tuple[Dependency, ...] = ()
    series: tuple[Series, ...] = ()
    alerts: tuple[Path, ...] = ()  # Prometheus rule files
    dashboards: tuple[Path, ...] = ()  # Grafana dashboards
    compare: CompareSettings = CompareSettings()

    @property
    def contents(self) -> str:
        """What the pack holds, in words: `4 scenarios, 2 tests, 9 targets, 12 series`."""
        everywhere = self.objectives
        counts = {
            "scenarios": len(self.scenarios),
            "tests": len(self.tests),
            "targets": len(self.targets),
            "general objectives": sum(
                map(len, (everywhere.total, everywhere.each_endpoint, everywhere.optional))
            ),
            "series": len(self.series),
        }
        return ", ".join(f"{count} {what}" for what, count in counts.items() if count) or "nothing"

    def scenario(self, name: str | None) -> Scenario | None:
        """The scenario of this name, or that lists it under `also`."""
        named = (each for each in self.scenarios if name == each.scenario)
        return next(named, None) or next((s for s in self.scenarios if name in s.also), None)

    def scenario_of(self, info: RunInfo, row_scenario: str | None) -> str | None:
        """The pack scenario that a row belongs to: its tool's scenario decides, else the run's."""
        of_row = self.scenario(row_scenario) if row_scenario is not None else None
        found = of_row or self.scenario(info.scenario)
        return found.scenario if found else info.scenario

    def test(self, test_type: TestType | None) -> Test | None:
        return next((test for test in self.tests if test.test == test_type), None)

    def window_stages(
        self, scenario: str | None, test_type: TestType | None = TestType.LOAD
    ) -> tuple[Load, ...]:
        """The load as written, for the judged window: a load test's by its scenario, others' own."""
        if test_type not in (None, TestType.LOAD):
            test = self.test(test_type)
            return test.loads if test else ()
        found = self.scenario(scenario)
        return found.loads if found else ()

    def expected_users(self, scenario: str | None, test_type: TestType | None) -> float | None:
        """The users that a run of this scenario and type must reach."""
        found, test = self.scenario(scenario), self.test(test_type)
        if test_type in (None, TestType.LOAD) and found:
            return found.users
        return test.users if test else None

    def expected_seconds(self, scenario: str | None, test_type: TestType | None) -> float | None:
        """How long a run of this scenario and type must be."""
        found, test = self.scenario(scenario), self.test(test_type)
        if test_type in (None, TestType.LOAD) and found:
            return found.seconds
        return test.seconds if test else None

    def series_named(self, name: str) -> Series | None:
        """The series of this name, or that lists it under `also`."""
        return next((series for series in self.series if name in series.names), None)

    def capacity_of(self, series: Series, values: Iterable[tuple[str, float]]) -> float | None:
        """The limit of a series: the number as written, or the largest value of the one it names.

        values  name and value of what the run recorded; the JVM says -1 where there is no limit
        """
        if series.capacity is None or isinstance(series.capacity, float):
            return series.capacity
        names = self._names_of_series(series.capacity)
        found = [value for name, value in values if name in names and value > 0]
        return max(found, default=None)

    @property
    def limit_names(self) -> frozenset[str]:
        """Every name of a series that is the capacity of another: a limit, not a level."""
        named = (each.capacity for each in self.series if isinstance(each.capacity, str))
        return frozenset(name for capacity in named for name in self._names_of_series(capacity))

    def _names_of_series(self, name: str) -> tuple[str, ...]:
        found = self.series_named(name)
        return found.names if found else (name,)

    def critical_endpoints(self, scenario: str | None) -> frozenset[str]:
        """Every name of a request that a critical path of the scenario names."""
        found = self.scenario(scenario)
        if found is None:
            return frozenset()
        named = (
            found.request_named(name) for path in found.critical_paths for name in path.requests
        )
        return frozenset(name for request in named if request for name in request.names)


def _loads(stages: tuple[Stage, ...], users: float | None) -> tuple[Load, ...]:
    loads: list[Load] = []
    level = 0.0 if stages and stages[0].ramp is not None else users or 0.0
    for stage in stages:
        end = level if stage.to is None else stage.to
        loads.append(Load(stage.ramp or stage.hold or 0.0, level, end))
        level = end
    return tuple(loads)
