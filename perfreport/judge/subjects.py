"""Which objectives a pack holds for a run, and which of the run's rows each is about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from perfreport.run.info import RunInfo, TestType
from perfreport.run.schema import CHECK, REQUEST, TRANSACTION, USERS
from perfreport.sla import grammar
from perfreport.sla.grammar import Limit
from perfreport.sla.model import Criterion, Pack, Request, Scenario, Selection, Target
from perfreport.tables import NameRow

EVERYTHING = "requests"  # the subject that pools all requests
API = "requests without dependency"


class About(Enum):
    """What an objective looks at."""

    REQUESTS = "requests"
    USERS = "users"
    CHECKS = "checks"
    SERIES = "series"
    NOTHING = "nothing"  # a manual criterion


@dataclass(frozen=True)
class Objective:
    """One thing to judge. `names` None means every endpoint but for those in `left_out`."""

    scenario: str | None
    test_type: TestType | None
    subject: str
    about: About
    limit: Limit | None  # None: manual
    names: frozenset[str] | None = None
    left_out: frozenset[str] = frozenset()
    rows_of: str | None = None  # only rows of this pack scenario; None: the whole run
    required: bool = True
    target: str | None = None  # the row of the benchmark table
    title: str | None = None  # the success criterion that asks for it
    number: int = 1  # of the objectives with the same scenario, subject and statistic

    @property
    def statistic(self) -> str:
        return self.limit.statistic if self.limit else "manual"

    @property
    def id(self) -> str:
        place = self.scenario or (str(self.test_type) if self.test_type else "run")
        again = f"#{self.number}" if self.number > 1 else ""
        return f"{place}/{self.subject}/{self.statistic}{again}"

    @property
    def key(self) -> str:
        """Names the rows that it pools; objectives over the same rows share it."""
        return f"{self.rows_of or ''}/{self.about.value}/{self.subject}"


def objectives_of_run(pack: Pack, info: RunInfo, names: Sequence[NameRow]) -> list[Objective]:
    """Everything that a run must keep, by its scenarios and its type of test."""
    own = pack.scenario(info.scenario)
    mixed = _scenarios_of_rows(pack, info, names) if is_load(info.test_type) else []
    scenarios: list[str | None] = [s.scenario for s in [*([own] if own else []), *mixed]]
    found = [
        objective
        for name in dict.fromkeys(scenarios or [info.scenario])
        for objective in objectives_of(pack, name, info.test_type)
    ]
    found += _everywhere(pack, info, names)
    first = own.scenario if own else info.scenario
    return _numbered(
        each for each in found if each.scenario == first or _concerns(each, pack, info, names)
    )


def objectives_of(pack: Pack, scenario: str | None, test_type: TestType | None) -> list[Objective]:
    """What the pack asks of one scenario and type of test, whether it was run or not.

    A load test is judged by its scenario's objectives, targets and the criteria for load; any other
    test by its own criteria, over all requests of the run.
    """
    found = pack.scenario(scenario)
    if is_load(test_type) and found is None:
        return []
    each = _of_load(pack, found) if is_load(test_type) and found else _of_test(pack, test_type)
    name = found.scenario if found else scenario
    return _numbered(_merged(replace(o, scenario=name, test_type=test_type) for o in each))


def members(
    objective: Objective, pack: Pack, info: RunInfo, names: Iterable[NameRow]
) -> list[NameRow]:
    """The names of the run that an objective pools: requests, and transactions where none fits."""
    fitting = [name for name in names if _fits(objective, pack, info, name)]
    if objective.about is About.USERS:
        return [name for name in fitting if name.kind == USERS]
    if objective.about is About.CHECKS:
        return [name for name in fitting if name.kind == CHECK]
    requests = [name for name in fitting if name.kind == REQUEST]
    transactions = [name for name in fitting if name.kind == TRANSACTION]
    if objective.names is None:  # all: a transaction inside another would count twice
        transactions = [name for name in transactions if name.outermost]
    return requests or transactions


def is_load(test_type: TestType | None) -> bool:
    """Whether a scenario's own objectives apply: to load tests, production, and unsaid types."""
    return test_type in (None, TestType.LOAD, TestType.PRODUCTION)


def _scenarios_of_rows(pack: Pack, info: RunInfo, names: Iterable[NameRow]) -> Iterator[Scenario]:
    for row in names:
        if row.kind in (REQUEST, TRANSACTION):
            found = pack.scenario(pack.scenario_of(info, row.scenario))
            if found:
                yield found


def _concerns(objective: Objective, pack: Pack, info: RunInfo, names: Iterable[NameRow]) -> bool:
    """False for the users of a mixed run's further scenarios, where the tool counted them together."""
    return objective.about is not About.USERS or bool(members(objective, pack, info, names))


def _fits(objective: Objective, pack: Pack, info: RunInfo, row: NameRow) -> bool:
    rows_of = objective.rows_of
    if rows_of is not None and pack.scenario_of(info, row.scenario) != rows_of:
        return False
    if objective.about is not About.REQUESTS:
        return True
    if objective.names is not None:
        return row.name in objective.names
    return row.name not in objective.left_out


def _of_load(pack: Pack, scenario: Scenario) -> Iterator[Objective]:
    in_scope = scenario.requests
    yield from _business(scenario)
    for request in in_scope:
        for limit in request.sla:
            yield _of_request(scenario.scenario, request, limit)
        for limit in request.optional:
            yield _of_request(scenario.scenario, request, limit, required=False)
    for target in pack.targets:
        yield from _cell(target, scenario)
    for criterion in scenario.expected:
        yield from _of_criterion(criterion, in_scope, scenario.scenario)
    test = pack.test(TestType.LOAD)
    if test and (not test.scenarios or scenario.scenario in test.scenarios):
        for criterion in test.criteria:
            yield from _of_criterion(criterion, in_scope, scenario.scenario)


def _of_test(pack: Pack, test_type: TestType | None) -> Iterator[Objective]:
    test = pack.test(test_type)
    in_scope = [request for scenario in pack.scenarios for request in scenario.requests]
    for criterion in test.criteria if test else ():
        yield from _of_criterion(criterion, in_scope, rows_of=None)


def _business(scenario: Scenario) -> Iterator[Objective]:
    """Users reached and held, and orders an hour."""
    if scenario.users:
        yield _users(scenario.scenario, _at_least(scenario.users))
    if scenario.throughput and scenario.orders_from:
        request = scenario.request_named(scenario.orders_from)
        if request:
            yield _of_request(scenario.scenario, request, scenario.throughput)


def _at_least(users: float) -> Limit:
    return grammar.parse(f"users >= {users:.0f}")


def _users(scenario: str | None, limit: Limit) -> Objective:
    return Objective(None, None, "users", About.USERS, limit, rows_of=scenario)


def _of_request(
    rows_of: str | None, request: Request, limit: Limit, *, required: bool = True
) -> Objective:
    return Objective(
        None,
        None,
        request.request,
        About.REQUESTS,
        limit,
        names=frozenset(request.names),
        rows_of=rows_of,
        required=required,
    )


def _cell(target: Target, scenario: Scenario) -> Iterator[Objective]:
    """A cell of the benchmark table, against the scenario's own limit before the target's."""
    if target.of.what == "users":
        limit = target.cells.get(scenario.scenario) or (
            _at_least(scenario.users) if scenario.users else None
        )
        if limit:
            yield _in_table(_users(scenario.scenario, limit), target)
        return
    of = target.of
    if of.what == "throughput":
        of = Selection(requests=(scenario.orders_from,) if scenario.orders_from else ())
        default = scenario.throughput
        if not scenario.orders_from:
            return
    else:
        default = _own_limit(target, _selected(of, scenario.requests))
    limit = target.cells.get(scenario.scenario, default)
    if limit:
        yield from (
            _in_table(objective, target)
            for objective in _pooled(of, limit, scenario.requests, scenario.scenario)
        )


def _in_table(objective: Objective, target: Target) -> Objective:
    return replace(objective, target=target.metric, required=target.required)


def _own_limit(target: Target, requests: Sequence[Request] | None) -> Limit | None:
    """The limit that the only request of a cell has itself, else that of the target."""
    if requests is not None and len(requests) == 1 and target.sla and target.sla.series is None:
        for limit in requests[0].sla:
            if limit.statistic == target.sla.statistic:
                return limit
    return target.sla


def _of_criterion(
    criterion: Criterion, in_scope: Sequence[Request], rows_of: str | None
) -> Iterator[Objective]:
    if criterion.manual:
        yield Objective(
            None, None, criterion.criterion, About.NOTHING, None, required=criterion.required
        )
    for limit in criterion.sla:
        for objective in _pooled(criterion.of, limit, in_scope, rows_of):
            yield replace(objective, required=criterion.required, title=criterion.criterion)


def _pooled(
    of: Selection, limit: Limit, in_scope: Sequence[Request], rows_of: str | None
) -> Iterator[Objective]:
    """The objective of a limit over a selection; none where the scenario has no such request."""
    if limit.series is not None:
        yield Objective(None, None, limit.series, About.SERIES, limit)
    elif limit.statistic == "users":
        yield _users(rows_of, limit)
    elif limit.statistic == "checks":
        yield Objective(None, None, "checks", About.CHECKS, limit, rows_of=rows_of)
    elif (requests := _selected(of, in_scope)) is None:
        waiting = [each for each in in_scope if each.external_dependency]
        left_out = frozenset(name for each in waiting for name in each.names)
        yield Objective(
            None,
            None,
            API if of.without_dependency else EVERYTHING,
            About.REQUESTS,
            limit,
            left_out=left_out if of.without_dependency else frozenset(),
            rows_of=rows_of,
        )
    elif requests:
        subject = requests[0].request if len(requests) == 1 else of.dependency
        yield Objective(
            None,
            None,
            subject or " + ".join(each.request for each in requests),
            About.REQUESTS,
            limit,
            names=frozenset(name for each in requests for name in each.names),
            rows_of=rows_of,
        )


def _selected(of: Selection, in_scope: Sequence[Request]) -> list[Request] | None:
    """The requests that a selection names, each once; None for all (with or without dependency)."""
    if not of.requests and not of.dependency:
        return None
    chosen = [
        each
        for each in in_scope
        if (not of.dependency or each.external_dependency == of.dependency)
        and (not of.requests or set(of.requests) & set(each.names))
    ]
    return list({each.request: each for each in chosen}.values())


def _everywhere(pack: Pack, info: RunInfo, names: Sequence[NameRow]) -> list[Objective]:
    """Objectives without scenarios: of all requests together, and of each endpoint."""
    rules = pack.objectives
    pooled = [(limit, True) for limit in rules.total] + [(limit, False) for limit in rules.optional]
    found = [
        replace(objective, required=required)
        for limit, required in pooled
        for objective in _pooled(Selection(), limit, (), None)
    ]
    kinds = {name.kind for name in names}
    kind = REQUEST if REQUEST in kinds else TRANSACTION
    for endpoint in sorted({name.name for name in names if name.kind == kind}):
        found += [
            Objective(None, None, endpoint, About.REQUESTS, limit, names=frozenset({endpoint}))
            for limit in rules.each_endpoint
        ]
    return [replace(each, scenario=info.scenario, test_type=info.test_type) for each in found]


def _merged(objectives: Iterable[Objective]) -> list[Objective]:
    """Each once: a criterion that says what a request already says only adds its table row."""
    merged: dict[tuple[object, ...], Objective] = {}
    for objective in objectives:
        limit = objective.limit
        key = (objective.key, limit and (limit.statistic, limit.operator, limit.value, limit.unit,
               limit.series, limit.condition, limit.relative))  # fmt: skip
        first = merged.get(key)
        merged[key] = objective if first is None else replace(
            first,
            target=first.target or objective.target,
            title=first.title or objective.title,
            required=first.required or objective.required,
        )  # fmt: skip
    return list(merged.values())


def _numbered(objectives: Iterable[Objective]) -> list[Objective]:
    """The second objective of one id gets a number, so that ids stay unique within a run."""
    seen: dict[str, int] = {}
    numbered = []
    for objective in objectives:
        plain = replace(objective, number=1)
        seen[plain.id] = seen.get(plain.id, 0) + 1
        numbered.append(replace(objective, number=seen[plain.id]))
    return numbered
