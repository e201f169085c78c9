"""Counts a run the way its load tool does, to put our numbers beside the tool's own."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, replace
from itertools import accumulate, product

from perfreport import measure
from perfreport.errors import InputError
from perfreport.judge.reconcile import (
    Cause,
    Counted,
    Finding,
    Reconciliation,
    is_reproduced,
    reconcile,
    untold,
)
from perfreport.query import ask
from perfreport.readers.gatling import ERRORS
from perfreport.readers.jmeter import FIRST_LINE, MARK
from perfreport.recount import gatling, jmeter, k6
from perfreport.recount.answers import Answers
from perfreport.recount.recipe import Chain, Outcome, Plan, Pool, Recipe, Sort, Step, Window
from perfreport.run.schema import CHECK, METRIC, REQUEST, SUBREQUEST, TRANSACTION, USERS
from perfreport.run.store import Run
from perfreport.toolreports.model import Figure, Kind, Subject, ToolReport

# For how many subjects, with how many rows, all other ways are tried; for the rest, those that led
# anywhere. A tool counts all its subjects alike: more would take minutes and find nothing new.
_SEARCHED = 10
_ROWS_SEARCHED = 4_000_000


def recount(run: Run, report: ToolReport) -> Reconciliation:
    """Every figure of the report beside ours, with the cause of each difference.

    Raises InputError where the run holds no samples of the tool that made the report.
    """
    _check_tools(run, report)
    return _Recount(run, report).reconciliation()


def _check_tools(run: Run, report: ToolReport) -> None:
    if run.info.only_servers or run.info.only_aggregates:
        raise InputError(
            f"{run.path}: the run holds no samples, so that nothing can be counted. "
            f"Ingest the log that {report.tool} wrote."
        )
    if run.info.tool is not None and report.tool not in run.info.tool.split(" + "):
        raise InputError(
            f"the report is of {report.tool}, the run {run.path} of {run.info.tool}. "
            "Give the report that the same tool made of the same test."
        )


class _Recount:
    """One report and one run."""

    def __init__(self, run: Run, report: ToolReport) -> None:
        self._run = run.name
        self._report = report
        self._of_servers = set(ask(run, "server_metrics")["name"].to_pylist())
        self._whole = measure.whole(run)
        self._steady = measure.judged_window(run)
        keys = {key for figure in report.figures for key, _ in figure.subject.tags}
        keys |= {MARK} if report.tool == "JMeter" else set()
        self._answers = Answers(run, sorted(keys), self._whole, self._steady)
        self._has_steady = (
            self._steady.start > self._whole.start or self._steady.end < self._whole.end
        )
        self._planned = _Planner(report, self._answers, self._whole.seconds)
        self._unobserved = k6.unobserved(report) if report.tool == "k6" else frozenset()
        self._is_csv = any(source.format == "k6-csv" for source in run.info.sources)

    def reconciliation(self) -> Reconciliation:
        figures = self._report.figures
        plans = [self._planned.plan(figure) for figure in figures]
        counted = self._counted(figures, plans)
        self._search(figures, plans, counted)
        return reconcile(self._run, self._steady, self._report, counted, self._untold())

    def _counted(self, figures: Sequence[Figure], plans: Sequence[Plan]) -> list[Counted]:
        """What these plans lead to."""
        both = list(zip(figures, plans, strict=True))
        recipes = [recipe for plan in plans for recipe in plan.recipes]
        if self._has_steady:
            recipes += [replace(plan.ours, window="steady") for plan in plans]
        places = [
            (plan.last(chain), figure.value)
            for figure, plan in both
            if plan.digest
            for chain in plan.chains
        ]
        self._answers.ask(recipes, places)
        return [self._one(figure, plan) for figure, plan in both]

    def _one(self, figure: Figure, plan: Plan) -> Counted:
        number = self._answers.number
        last = plan.last(plan.chains[0]) if plan.chains else plan.ours
        ours = number(plan.ours)
        has_rows = self._answers.rows(replace(plan.ours.pool, outcome="all")) > 0
        return Counted(
            figure=figure,
            ours=ours if has_rows else None,
            steady=number(replace(plan.ours, window="steady")) if self._has_steady else ours,
            chains=tuple(
                tuple((step.cause, number(step.recipe)) for step in chain) for chain in plan.chains
            ),
            empty=not self._answers.rows(last.pool),
            terms=max(1, self._answers.known(last)),
            digests=tuple(
                self._answers.standing(plan.last(chain), figure.value) if plan.digest else None
                for chain in plan.chains
            ),
            divisor=self._answers.seconds(last),
            known=has_rows or figure.subject in self._unobserved,
            decimals=k6.lost_decimals(last, self._answers.known(last)) if self._is_csv else 0.0,
        )

    def _search(
        self, figures: Sequence[Figure], plans: Sequence[Plan], counted: list[Counted]
    ) -> None:
        """Where the tool's known ways lead nowhere, look for another that leads to the tool's numbers.

        One is believed only if it leads to every figure of a subject and outcome: that a wrong number
        is met by chance is then out of the question.
        """
        subjects: dict[tuple[Subject, str], list[int]] = defaultdict(list)
        for place, figure in enumerate(figures):
            subjects[figure.subject, figure.outcome].append(place)
        lost = [
            places
            for places in subjects.values()
            if all(_is_timed(plans[place].ours.pool) for place in places)
            and not is_reproduced(counted[place] for place in places)
        ]
        lost.sort(key=lambda places: self._answers.rows(plans[places[0]].ours.pool))
        rows = accumulate(self._answers.rows(plans[places[0]].ours.pool) for places in lost)
        few = max(1, min(_SEARCHED, sum(so_far <= _ROWS_SEARCHED for so_far in rows)))
        ways = _ways(self._report.tool)
        if any(sort.tags.get(MARK) == FIRST_LINE for sort in self._answers.sorts):
            ways.insert(0, _Way(headed=True))
        believed = self._try(lost[:few], ways, figures, plans, counted)
        self._try(lost[few:], sorted(believed, key=ways.index), figures, plans, counted)

    def _try(
        self,
        lost: Sequence[Sequence[int]],
        ways: Sequence[_Way],
        figures: Sequence[Figure],
        plans: Sequence[Plan],
        counted: list[Counted],
    ) -> set[_Way]:
        """Count these figures in each way, and keep the first that leads to all of one subject."""
        changed = {
            way: {place: _changed(plans[place], way) for places in lost for place in places}
            for way in ways
        }
        self._answers.ask(
            recipe
            for of_way in changed.values()
            for plan in of_way.values()
            for recipe in plan.recipes
        )
        believed = set()
        for places in lost:
            tried = {tuple(plans[place] for place in places)}
            for way in ways:
                others = tuple(changed[way][place] for place in places)
                if others in tried:  # changes nothing that these figures are made of
                    continue
                tried.add(others)
                found = [
                    self._one(figures[at], plan) for at, plan in zip(places, others, strict=True)
                ]
                if is_reproduced(found):
                    believed.add(way)
                    for place, other in zip(places, found, strict=True):
                        counted[place] = other
                    break
        return believed

    def _untold(self) -> Iterator[Finding]:
        """What the run has and a report of all endpoints or metrics has not."""
        told = {_called(figure.subject) for figure in self._report.figures}
        missing: dict[tuple[str, str], int] = {}
        for sort in self._answers.sorts:
            subject = _subject_of(sort, self._report)
            if sort.kind == METRIC and sort.name in self._of_servers:
                continue
            if subject is not None and _called(subject) not in told:
                key = (sort.kind, str(subject))
                missing[key] = missing.get(key, 0) + sort.rows
        return (untold(kind, name, rows) for (kind, name), rows in sorted(missing.items()))


class _Planner:
    """Knows what all plans of a report rest on."""

    def __init__(self, report: ToolReport, answers: Answers, span_s: float) -> None:
        self._tool = report.tool
        self._sorts = answers.sorts
        self._kinds = {sort.kind for sort in answers.sorts}
        self._length = k6.length_of_test(report, span_s) if report.tool == "k6" else None
        self._seconds = _log_seconds(answers) if report.tool == "Gatling" else ()

    def plan(self, figure: Figure) -> Plan:
        if self._tool == "JMeter":
            return jmeter.plan(figure, self._kinds)
        if self._tool == "Gatling":
            return gatling.plan(figure, self._seconds)
        return k6.plan(figure, self._length, self._sorts)


def _log_seconds(answers: Answers) -> tuple[float, ...]:
    """Whole seconds from a Gatling log's first event to its last, rounded up.

    The run knows to the second only when users came and went: so there may be several lengths.
    """
    rows = Recipe(Pool((REQUEST, TRANSACTION)), "count")
    errors = Recipe(Pool((METRIC,), ERRORS), "count")
    users = Recipe(Pool((USERS,), measure="users"), "count")
    answers.ask([rows, errors, users])
    spans = [span for each in (rows, errors) if (span := answers.span_us(each))]
    if not spans:
        return ()
    first_us, last_us = min(first for first, _ in spans), max(last for _, last in spans)
    from_us, until_us = answers.span_us(users) or (first_us, last_us)
    shortest = max(last_us, until_us) - min(first_us, from_us + _SECOND_US - 1)
    longest = max(last_us, until_us + _SECOND_US - 1) - min(first_us, from_us)
    lengths = range(math.ceil(shortest / 1e6), math.ceil(longest / 1e6) + 1)
    return tuple(float(length) for length in lengths if length > 0)


_SECOND_US = 1_000_000


@dataclass(frozen=True)
class _Way:
    """What may be different from how a tool is known to count; None is as known."""

    outcome: Outcome | None = None
    measure: str | None = None
    window: Window | None = None
    definition: int | None = None
    headed: bool | None = None


def _ways(tool: str) -> list[_Way]:
    """All other ways, those that change least first."""
    of_jmeter = tool == "JMeter"  # which takes the last rows, and definition 6, as it is
    outcomes: tuple[Outcome | None, ...] = (None, "ok", "failed")
    windows: tuple[Window | None, ...] = (None, "steady", "whole" if of_jmeter else "last")
    definitions = (None, 7 if of_jmeter else 6)
    parts = product(outcomes, (None, "with_connect", "without_connect"), windows, definitions)
    ways = (_Way(*each) for each in parts if any(each))
    return sorted(ways, key=lambda way: sum(part is not None for part in astuple(way)))


_CAUSES = {
    "ok": Cause.OK_ONLY, "failed": Cause.FAILED_ONLY,
    "with_connect": Cause.WITH_CONNECT, "without_connect": Cause.WITHOUT_CONNECT,
    "whole": Cause.ALL_ROWS, "steady": Cause.STEADY_ONLY, "last": Cause.LAST_ROWS,
    6: Cause.TYPE_6, 7: Cause.TYPE_7,
}  # fmt: skip


def _is_timed(pool: Pool) -> bool:
    return set(pool.kinds) <= {REQUEST, SUBREQUEST, TRANSACTION}


def _changed(plan: Plan, way: _Way) -> Plan:
    """The plan, where a way takes the place of the tool's known one."""
    chains = tuple(_replaced(plan.ours, chain, way) for chain in plan.chains)
    return replace(plan, chains=chains, digest=False)


# What a step of a plan is about, as the parts of a way are called.
_ABOUT = {
    Cause.OK_ONLY: "outcome", Cause.FAILED_ONLY: "outcome", Cause.CUMULATED: "measure",
    Cause.LAST_ROWS: "window", Cause.TYPE_6: "definition",
}  # fmt: skip


def _replaced(ours: Recipe, chain: Chain, way: _Way) -> Chain:
    """The steps that the way says nothing of, and then its own."""
    kept = [step for step in chain if getattr(way, _ABOUT.get(step.cause, ""), None) is None]
    steps = [replace(step, recipe=_as_ours(step.recipe, ours, way)) for step in kept]
    return (*steps, *_steps(steps[-1].recipe if steps else ours, way))


def _as_ours(recipe: Recipe, ours: Recipe, way: _Way) -> Recipe:
    """The recipe, in all that the way will change still as ours."""
    pool = replace(
        recipe.pool,
        outcome=recipe.pool.outcome if way.outcome is None else ours.pool.outcome,
        measure=recipe.pool.measure if way.measure is None else ours.pool.measure,
    )
    return replace(
        recipe,
        pool=pool,
        window=recipe.window if way.window is None else ours.window,
        definition=recipe.definition if way.definition is None else ours.definition,
    )


def _steps(recipe: Recipe, way: _Way) -> Chain:
    """What the way changes, one after the other."""
    steps = []
    if way.headed:
        recipe = recipe.of_pool(headed=True)
        steps.append(Step(Cause.FIRST_RECORD, recipe))
    if way.outcome is not None and way.outcome != recipe.pool.outcome:
        recipe = recipe.of_pool(outcome=way.outcome)
        steps.append(Step(_CAUSES[way.outcome], recipe))
    if way.measure is not None and way.measure != recipe.pool.measure:
        recipe = recipe.of_pool(measure=way.measure)
        steps.append(Step(_CAUSES[way.measure], recipe))
    if way.window is not None and way.window != recipe.window:
        divisor = "window" if isinstance(recipe.divisor, float) else recipe.divisor
        recipe = replace(recipe, window=way.window, divisor=divisor)
        steps.append(Step(_CAUSES[way.window], recipe))
    if way.definition is not None and recipe.q is not None:
        recipe = replace(recipe, definition=way.definition)
        steps.append(Step(_CAUSES[way.definition], recipe))
    return tuple(steps)


def _subject_of(sort: Sort, report: ToolReport) -> Subject | None:
    """What the report would call rows of this sort, if it tells of all such."""
    kinds = {figure.subject.kind for figure in report.figures}
    if sort.kind == METRIC and ":" in sort.name:  # of a summary that was ingested too
        return None
    if report.tool == "JMeter" and sort.kind in (REQUEST, SUBREQUEST, TRANSACTION):
        return Subject(Kind.LABEL, sort.name)
    if report.tool == "Gatling" and sort.kind in (REQUEST, TRANSACTION) and len(kinds) > 1:
        path = tuple(sort.group.split("/")) if sort.group else ()
        return Subject(Kind.GROUP if sort.kind == TRANSACTION else Kind.REQUEST, sort.name, path)
    if sort.kind == CHECK and sort.name == k6.UNNAMED_CHECK:
        return None
    if report.tool == "k6" and report.form != "console" and sort.kind in (METRIC, CHECK):
        return Subject(Kind.METRIC if sort.kind == METRIC else Kind.CHECK, sort.name)
    return None


def _called(subject: Subject) -> tuple[Kind, str, str]:
    """What tells subjects apart; paths joined, as a name may hold a slash."""
    return subject.kind, subject.name, "/".join(subject.path)
