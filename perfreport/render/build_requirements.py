"""The requirement table: every objective of the pack, worst first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby

from perfreport.judge.evidence import Readiness, RunEvidence
from perfreport.judge.findings import Change, ObjectiveFinding, Status
from perfreport.render.build_finding import (
    change_text,
    interval_text,
    margin_text,
    requirement_name,
    requirement_remark,
    test_name,
    untested,
)
from perfreport.render.build_text import (
    NOT_TESTED,
    STATUS_BADGES,
    anchor,
    bare_quantity,
    capital,
    count,
    counted,
    limit_text,
    plain,
    unique,
)
from perfreport.render.build_untested import untested_rows
from perfreport.render.figures.margin_bar import margin_bar
from perfreport.render.model import Link, Requirement, RequirementGroup, Requirements
from perfreport.sla.model import Pack

_ORDER = [
    Status.FAIL,
    Status.AT_RISK,
    Status.TOO_FEW,
    Status.NO_DATA,
    None,  # not tested
    Status.MANUAL,
    Status.PASS,
]

Evidence = Callable[[ObjectiveFinding], str]


def row_ids(objectives: Iterable[ObjectiveFinding]) -> dict[tuple[str | None, str], str]:
    """The anchor of each tested objective's row, by the run and id of the objective."""
    found: dict[tuple[str | None, str], str] = {}
    for finding, row_id in _with_ids(objectives):
        if not untested(finding):
            found.setdefault((finding.run, finding.id), row_id)
    return found


def requirements(readiness: Readiness, evidence_of: Evidence) -> Requirements:
    """The table; `evidence_of` gives the anchor of the figure that a finding rests on."""
    objectives = readiness.check.objectives
    ranked = sorted(_with_ids(objectives), key=_rank)
    rows = _Rows(readiness.pack, evidence_of, _changes(readiness), _ambiguous(objectives))
    groups: list[RequirementGroup] = []
    folded: list[str] = []
    for status, members in groupby(ranked, key=lambda pair: _status(pair[0])):
        if status is None:
            missing, folded = untested_rows(readiness.pack, [each for each, _ in members])
            groups.append(RequirementGroup(NOT_TESTED, missing))
            continue
        drawn = tuple(rows.row(each, row_id) for each, row_id in members)
        groups.append(RequirementGroup(STATUS_BADGES[status], drawn))
    baselines = sorted(
        {plain(run.baseline, 40) for run in readiness.runs if run.comparison and run.baseline}
    )
    return Requirements(
        caption=f"{capital(counted(len(objectives), 'requirement'))}, worst first",
        baseline="Baseline" if baselines else "",
        groups=tuple(groups),
        untested=tuple(folded),
        notes=_notes(objectives, baselines),
    )


@dataclass(frozen=True)
class _Rows:
    """Makes rows; `ambiguous` tests were run more than once, so that the run must be named."""

    pack: Pack
    evidence_of: Evidence
    changes: Mapping[tuple[str | None, str, str], Change]
    ambiguous: frozenset[tuple[str | None, str | None]]

    def row(self, finding: ObjectiveFinding, row_id: str) -> Requirement:
        badge = STATUS_BADGES[finding.status]
        change = self.changes.get((finding.run, finding.subject, finding.statistic))
        return Requirement(
            id=row_id,
            name=Link(self.evidence_of(finding), requirement_name(finding)),
            remark=requirement_remark(finding),
            title=plain(finding.why, 400),
            test=test_name(self.pack, finding) or plain(finding.run, 30),
            run=plain(finding.run, 24) if _test(finding) in self.ambiguous else "",
            samples=count(finding.samples or None),
            measured=""
            if finding.status is Status.MANUAL
            else bare_quantity(finding.observed, finding.unit),
            limit=limit_text(finding.operator, finding.limit, finding.unit, write=bare_quantity),
            bar=margin_bar(
                badge.css,
                finding.operator,
                finding.observed,
                finding.limit,
                finding.low,
                finding.high,
            ),
            margin=margin_text(finding),
            baseline="" if change is None else bare_quantity(change.baseline, finding.unit),
            change="" if change is None else change_text(change),
            interval="" if change is None else interval_text(change),
        )


def _with_ids(objectives: Iterable[ObjectiveFinding]) -> list[tuple[ObjectiveFinding, str]]:
    listed = list(objectives)
    ids = unique(anchor("r", each.id, each.run or "") for each in listed)
    return list(zip(listed, ids, strict=True))


def _rank(pair: tuple[ObjectiveFinding, str]) -> tuple[int, bool, float, str, str]:
    finding, row_id = pair
    margin = finding.margin if finding.margin is not None else 0.0
    return (_ORDER.index(_status(finding)), not finding.required, margin, finding.id, row_id)


def _status(finding: ObjectiveFinding) -> Status | None:
    return None if untested(finding) else finding.status


def _test(finding: ObjectiveFinding) -> tuple[str | None, str | None]:
    return (finding.scenario, finding.test_type)


def _ambiguous(
    objectives: Iterable[ObjectiveFinding],
) -> frozenset[tuple[str | None, str | None]]:
    runs: dict[tuple[str | None, str | None], set[str]] = defaultdict(set)
    for each in objectives:
        if each.run is not None:
            runs[_test(each)].add(each.run)
    return frozenset(test for test, names in runs.items() if len(names) > 1)


def _changes(readiness: Readiness) -> dict[tuple[str | None, str, str], Change]:
    """The changes by run, subject and statistic; a subject may be any name of a pack's request."""
    return {
        (run.name, name, change.statistic): change
        for run in readiness.runs
        for change in (run.comparison.comparisons if run.comparison else ())
        for name in _names(readiness.pack, run, change.name)
    }


def _names(pack: Pack, run: RunEvidence, endpoint: str) -> tuple[str, ...]:
    scenario = pack.scenario(run.info.scenario)
    request = scenario.request_named(endpoint) if scenario else None
    return (endpoint, *(request.names if request else ()))


def _notes(objectives: tuple[ObjectiveFinding, ...], baselines: list[str]) -> tuple[str, ...]:
    present = {_status(each) for each in objectives}
    notes = [
        "Bar: share of the limit that is used, with its 95 % interval; for a floor (≥), required over measured."
    ]
    if Status.AT_RISK in present:
        notes.append(
            "At risk: passes, but less than 10 % of the limit is left or the interval covers the limit."
        )
    if Status.TOO_FEW in present:
        notes.append("Too few: not enough requests for this statistic, so it is not judged.")
    if None in present:
        notes.append("Not tested: the pack asks for it, no run was handed in.")
    if baselines:
        notes.append(f"Baseline: {', '.join(baselines)}; change with its 90 % interval.")
    return tuple(notes)
