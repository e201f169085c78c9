"""The requirement table: every objective of the pack, worst first."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import groupby

from perfreport import units
from perfreport.judge.evidence import Readiness, RunEvidence
from perfreport.judge.findings import Change, ObjectiveFinding, Status
from perfreport.render.build_masthead import untested
from perfreport.render.build_text import (
    NOT_TESTED,
    STATISTIC_WORDS,
    STATUS_BADGES,
    anchor,
    count,
    counted,
    limit_text,
    plain,
    points_text,
    quantity,
    unique,
)
from perfreport.render.figures.margin_bar import margin_bar, used_share
from perfreport.render.model import Link, Requirement, RequirementGroup, Requirements
from perfreport.sla.model import Pack

_FOLD = 2  # more untested rows of one scenario than this become one row

_ORDER = [
    Status.FAIL,
    Status.AT_RISK,
    Status.TOO_FEW,
    Status.NO_DATA,
    None,  # not tested
    Status.MANUAL,
    Status.PASS,
]


def row_ids(objectives: Iterable[ObjectiveFinding]) -> dict[str, str]:
    """The anchor of each tested objective's row by the objective's id, of the first that has it."""
    found: dict[str, str] = {}
    for finding, row_id in _with_ids(objectives):
        if not untested(finding):
            found.setdefault(finding.id, row_id)
    return found


def requirements(
    readiness: Readiness, evidence_of: Callable[[ObjectiveFinding], str]
) -> Requirements:
    """The table; `evidence_of` gives the anchor of the figure that a finding rests on."""
    objectives = readiness.check.objectives
    ranked = sorted(_with_ids(objectives), key=_rank)
    changes = _changes(readiness)
    baselines = sorted(
        {plain(run.baseline, 40) for run in readiness.runs if run.comparison and run.baseline}
    )
    groups, folded = [], []
    for status, members in groupby(ranked, key=lambda pair: _status(pair[0])):
        if status is None:
            rows, names = _untested_rows(readiness.pack, [each for each, _ in members])
            groups.append(RequirementGroup(NOT_TESTED, rows))
            folded = names
            continue
        rows = tuple(
            _row(
                readiness.pack,
                each,
                row_id,
                evidence_of(each),
                changes.get((each.run, each.subject, each.statistic)),
            )
            for each, row_id in members
        )
        groups.append(RequirementGroup(STATUS_BADGES[status], rows))
    return Requirements(
        caption=f"{counted(len(objectives), 'requirement').capitalize()}, worst first",
        baseline="Baseline" if baselines else "",
        groups=tuple(groups),
        untested=tuple(folded),
        notes=_notes(objectives, baselines),
    )


def requirement_name(finding: ObjectiveFinding) -> str:
    """What is required, in a few words: `create_order, P95`, `Error Rate`."""
    subject = plain(finding.target or finding.subject)
    word = STATISTIC_WORDS.get(finding.statistic, "")
    told = word.lower() in subject.lower() or (finding.target and not word.startswith("P"))
    return subject if told else f"{subject}, {word}"


def margin_text(finding: ObjectiveFinding) -> str:
    """How far the value is from its limit: `15 % over`, `4.2 × limit`, `28 % left`."""
    if finding.status in (Status.NO_DATA, Status.MANUAL):
        return "not judged"
    if finding.status is Status.TOO_FEW:
        return "too few to say"
    share = used_share(finding.operator, finding.observed, finding.limit)
    if share is None:
        return ""
    if finding.limit == 0:
        return "none" if finding.observed == 0 else "none allowed"
    floor = finding.operator.startswith(">")
    if share > 1:
        if floor:
            return f"{units.number(100 - 100 / share, 2)} % short"
        return f"{units.number(share, 2)} × limit" if share >= 2 else _over(share)
    if floor and share > 0:
        more = 1 / share
        return (
            "met exactly"
            if share == 1
            else (
                f"{units.number(more, 2)} × required" if more >= 2 else f"{_percent(more - 1)} more"
            )
        )
    return f"{_percent(1 - share)} left"


def _over(share: float) -> str:
    return f"{_percent(share - 1)} over"


def _percent(share: float) -> str:
    return f"{units.number(share * 100, 2)} %"


def _with_ids(objectives: Iterable[ObjectiveFinding]) -> list[tuple[ObjectiveFinding, str]]:
    listed = list(objectives)
    ids = unique(anchor("r", each.id, each.run or "") for each in listed)
    return list(zip(listed, ids, strict=True))


def _status(finding: ObjectiveFinding) -> Status | None:
    return None if untested(finding) else finding.status


def _rank(pair: tuple[ObjectiveFinding, str]) -> tuple[int, bool, float, str, str]:
    finding, row_id = pair
    margin = finding.margin if finding.margin is not None else 0.0
    return (
        _ORDER.index(_status(finding)),
        not finding.required,
        margin,
        finding.id,
        row_id,
    )


def test_name(pack: Pack, finding: ObjectiveFinding) -> str:
    """Which test the objective belongs to: `Kenya O2C load`."""
    scenario = scenario_title(pack, finding.scenario)
    return " ".join(filter(None, [scenario, plain(finding.test_type, 20)]))


def scenario_title(pack: Pack, name: str | None) -> str:
    """What people call a scenario."""
    found = pack.scenario(name) if name else None
    return plain((found.title if found else None) or name, 40)


def _row(
    pack: Pack, finding: ObjectiveFinding, row_id: str, evidence: str, change: Change | None
) -> Requirement:
    badge = STATUS_BADGES[finding.status]
    return Requirement(
        id=row_id,
        name=Link(evidence, requirement_name(finding)),
        title=plain(finding.why, 400),
        test=test_name(pack, finding) or plain(finding.run, 30),
        samples=count(finding.samples),
        measured=_measured(finding),
        limit=limit_text(finding.operator, finding.limit, finding.unit),
        bar=margin_bar(
            badge.css, finding.operator, finding.observed, finding.limit, finding.low, finding.high
        ),
        margin=margin_text(finding) + ("" if finding.required else ", optional"),
        baseline="" if change is None else quantity(change.baseline, finding.unit),
        change="" if change is None else change_text(change),
        interval="" if change is None else interval_text(change),
    )


def _measured(finding: ObjectiveFinding) -> str:
    if finding.status is Status.MANUAL:
        return ""
    return quantity(finding.observed, finding.unit)


def change_text(change: Change) -> str:
    """`+14.5 %`, or percentage points for an error rate."""
    if change.change is None:
        return ""
    if change.statistic == "error_rate":
        return points_text(change.change)
    return units.signed_percent(change.change)


def interval_text(change: Change) -> str:
    """The interval of a change: `[+5.9, +17.4]`."""
    if change.ci_low is None or change.ci_high is None:
        return ""
    write = points_text if change.statistic == "error_rate" else units.signed_percent
    low, high = (
        write(bound).removesuffix(" %").removesuffix(" pp")
        for bound in (change.ci_low, change.ci_high)
    )
    return f"[{low}, {high}]"


def _changes(readiness: Readiness) -> dict[tuple[str | None, str, str], Change]:
    """The changes by run, subject and statistic; a subject may be any name of a pack's request."""
    found: dict[tuple[str | None, str, str], Change] = {}
    for run in readiness.runs:
        for change in run.comparison.comparisons if run.comparison else ():
            for name in _names(readiness.pack, run, change.name):
                found[run.name, name, change.statistic] = change
    return found


def _names(pack: Pack, run: RunEvidence, endpoint: str) -> tuple[str, ...]:
    scenario = pack.scenario(run.info.scenario)
    request = scenario.request_named(endpoint) if scenario else None
    return (endpoint, *(request.names if request else ()))


def _untested_rows(
    pack: Pack, findings: list[ObjectiveFinding]
) -> tuple[tuple[Requirement, ...], list[str]]:
    """A row for each test that was not handed in, and the sentences of what each stands for."""
    rows, folded = [], []
    ordered = sorted(findings, key=lambda each: (test_name(pack, each), each.id))
    for test, members in groupby(ordered, key=lambda each: test_name(pack, each)):
        group = list(members)
        if len(group) <= _FOLD:
            rows += [_untested(requirement_name(each), test, _limit(each)) for each in group]
            continue
        rows.append(_untested(f"{len(group)} requirements of {test or 'the pack'}", test, ""))
        names = "; ".join(f"{requirement_name(each)} {_limit(each)}" for each in group)
        folded.append(f"{test or 'Without a scenario'}: {names}.")
    return tuple(rows), folded


def _limit(finding: ObjectiveFinding) -> str:
    return limit_text(finding.operator, finding.limit, finding.unit)


def _untested(name: str, test: str, limit: str) -> Requirement:
    row_id = f"r_untested_{anchor(test, name)}"
    href = "#untested" if name.endswith(test or "the pack") else ""
    return Requirement(
        row_id, Link(href, name), "", test, "", "", limit, None, "no run handed in", "", "", ""
    )


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
