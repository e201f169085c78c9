"""The benchmark table of the guide's section 8.1: targets by scenarios, filled with what was measured."""

from __future__ import annotations

from collections.abc import Mapping

from perfreport import units
from perfreport.judge.evidence import Readiness
from perfreport.judge.findings import ObjectiveFinding, Status
from perfreport.render.build_finding import limit_of, margin_text, scenario_title, untested
from perfreport.render.build_text import (
    NOT_TESTED,
    STATUS_BADGES,
    counted,
    listed,
    plain,
    quantity,
)
from perfreport.render.figures.margin_bar import margin_bar
from perfreport.render.model import (
    Badge,
    BenchmarkCell,
    BenchmarkColumn,
    BenchmarkRow,
    Benchmarks,
)
from perfreport.sla.model import Scenario, Target

_ABSENT = BenchmarkCell(None, "", "", None)
_WORST_FIRST = list(STATUS_BADGES)


def benchmarks(readiness: Readiness) -> Benchmarks | None:
    """The table, or None for a pack without targets or scenarios."""
    pack = readiness.pack
    if not pack.targets or not pack.scenarios:
        return None
    cells = _findings(readiness)
    return Benchmarks(
        title=_title(readiness, cells),
        columns=tuple(_column(readiness, scenario) for scenario in pack.scenarios),
        rows=tuple(
            BenchmarkRow(
                name=plain(target.metric),
                target=plain(target.target, 60),
                cells=tuple(
                    _cell(target, cells.get((target.metric, scenario.scenario)), readiness)
                    for scenario in pack.scenarios
                ),
            )
            for target in pack.targets
        ),
    )


def _findings(readiness: Readiness) -> dict[tuple[str, str], ObjectiveFinding]:
    """The finding of each cell; where there are several (runs, limits), the worst."""
    cells: dict[tuple[str, str], ObjectiveFinding] = {}
    for finding in readiness.check.objectives:
        if finding.target is None or finding.scenario is None:
            continue
        key = (finding.target, finding.scenario)
        if key not in cells or _badness(finding) < _badness(cells[key]):
            cells[key] = finding
    return cells


def _badness(finding: ObjectiveFinding) -> tuple[bool, int, float]:
    """Sorts the worst first, and what was tested before what was not."""
    return (
        finding.run is None,
        _WORST_FIRST.index(finding.status),
        finding.margin if finding.margin is not None else 0.0,
    )


def _column(readiness: Readiness, scenario: Scenario) -> BenchmarkColumn:
    runs = [run for run in readiness.runs if run.info.scenario == scenario.scenario]
    kinds = list(dict.fromkeys(str(run.info.test_type) for run in runs if run.info.test_type))
    users = _planned(scenario.users) if scenario.users else ""
    test = ", ".join(filter(None, [listed(kinds, most=6), users]))
    return BenchmarkColumn(scenario_title(readiness.pack, scenario.scenario), test)


def _planned(users: float) -> str:
    return f"{units.number(users)} {'user' if users == 1 else 'users'} planned"


def _cell(target: Target, finding: ObjectiveFinding | None, readiness: Readiness) -> BenchmarkCell:
    if finding is None:
        return _ABSENT
    if untested(finding):
        asked = limit_of(finding)
        return BenchmarkCell(NOT_TESTED, NOT_TESTED.word, asked, None)
    badge = STATUS_BADGES[finding.status]
    if finding.observed is None:
        return BenchmarkCell(badge, badge.word, limit_of(finding), None)
    return BenchmarkCell(
        badge=badge,
        value=quantity(finding.observed, finding.unit),
        remark=", ".join([_remark(target, finding, badge), *_worst_of(finding, readiness)]),
        bar=margin_bar(badge.css, finding.operator, finding.observed, finding.limit),
    )


def _worst_of(finding: ObjectiveFinding, readiness: Readiness) -> list[str]:
    """Which run the cell is from, where several could have filled it."""
    runs = {
        each.run
        for each in readiness.check.objectives
        if (each.target, each.scenario) == (finding.target, finding.scenario)
        and each.observed is not None
    }
    return (
        [f"worst of {counted(len(runs), 'run')}: {plain(finding.run, 24)}"] if len(runs) > 1 else []
    )


def _remark(target: Target, finding: ObjectiveFinding, badge: Badge) -> str:
    """The margin; the word where it is no pass; the limit where it is not the Target column's."""
    own = limit_of(finding)
    default = target.sla
    same = default is not None and default.value == finding.limit
    parts = [] if finding.status is Status.PASS else [badge.word.lower()]
    parts.append(margin_text(finding))
    if not same:
        parts.append(f"limit {own}")
    return ", ".join(filter(None, parts))


def _title(readiness: Readiness, cells: dict[tuple[str, str], ObjectiveFinding]) -> str:
    """Which scenario misses which target, and which was not run."""
    pack = readiness.pack
    missed = {
        scenario_title(pack, scenario): sum(
            found.status is Status.FAIL for (_, name), found in cells.items() if name == scenario
        )
        for scenario in (each.scenario for each in pack.scenarios)
    }
    broken = _broken(missed, len(pack.targets))
    tested = {name for (_, name), found in cells.items() if found.run is not None}
    skipped = [
        scenario_title(pack, each.scenario)
        for each in pack.scenarios
        if each.scenario not in tested
    ]
    parts = [broken if broken else "No tested scenario misses a target" if tested else ""]
    if skipped:
        parts.append(f"{listed(skipped)} not run")
    return "; ".join(filter(None, parts))


def _broken(missed: Mapping[str, int], targets: int) -> str:
    """`Kenya O2C misses two of nine targets, Kenya P2P one`."""
    named = [(name, counted(number, "")) for name, number in missed.items() if number]
    if not named:
        return ""
    (first, number), *others = named
    story = f"{first} misses {number.strip()} of {counted(targets, 'target')}"
    return ", ".join([story, *(f"{name} {number.strip()}" for name, number in others)])
