"""The section of one run: its figures and tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from perfreport import units
from perfreport.judge.evidence import RunEvidence
from perfreport.judge.findings import ObjectiveFinding
from perfreport.render.build_comparison import compared
from perfreport.render.build_endpoints import by_endpoint, endpoints, p95_limits
from perfreport.render.build_failures import failures, script_checks
from perfreport.render.build_finding import scenario_title
from perfreport.render.build_provenance import response_time
from perfreport.render.build_series import in_unit, series_unit
from perfreport.render.build_soak import soak
from perfreport.render.build_strip import strip
from perfreport.render.build_text import STATUS_BADGES, TALLY_WORDS, capital, plain
from perfreport.render.build_timeline import timeline
from perfreport.render.figures.scale import finite
from perfreport.render.model import Badge, RunSection
from perfreport.render.model_comparison import Compared
from perfreport.sla.model import Pack, Request, Scenario, Selection, Target
from perfreport.tables import SeriesPoint


def run_section(
    run: RunEvidence, pack: Pack, objectives: Sequence[ObjectiveFinding], section: str, nav: str
) -> RunSection:
    """All of one run; `section` is the prefix of its anchors, `nav` its short name."""
    own = [each for each in objectives if each.run == run.name]
    findings = by_endpoint(run, [(each, _names_of(each, pack)) for each in own])
    limits = p95_limits(findings)
    return RunSection(
        id=section,
        nav=nav,
        title=_title(run, pack),
        statuses=_statuses(own),
        sub=_sub(run),
        timeline=timeline(run, pack, section, _series_limits(run, pack, objectives)),
        strip=strip(run, section, limits),
        endpoints=endpoints(run, section, findings),
        failures=failures(run),
        checks=script_checks(run),
        compared=_compared(run, pack.compare.min_effect, section),
        soak=soak(run, pack),
    )


def _statuses(findings: Sequence[ObjectiveFinding]) -> tuple[Badge, ...]:
    counts = Counter(each.status for each in findings)
    return tuple(
        Badge(badge.css, badge.icon, f"{counts[status]} {TALLY_WORDS[status]}")
        for status, badge in STATUS_BADGES.items()
        if counts[status]
    )


def _compared(run: RunEvidence, band: float, section: str) -> Compared | None:
    if run.comparison is None:
        return None
    return compared(run.comparison, run.baseline or "", run.name, band, prefix=section)


def _names_of(finding: ObjectiveFinding, pack: Pack) -> tuple[str, ...]:
    """What the subject of an objective is called in the tools: a request, or a target of one."""
    scenario = pack.scenario(finding.scenario)
    if scenario is None:
        return (finding.subject,)
    target = next((each for each in pack.targets if each.metric == finding.target), None)
    pooled = _requests_of(target, scenario) if target else []
    if len(pooled) == 1:
        return pooled[0].names
    request = scenario.request_named(finding.subject)
    return request.names if request else (finding.subject,)


def _requests_of(target: Target, scenario: Scenario) -> list[Request]:
    """The requests that a target pools; none for one about all of them."""
    if not isinstance(target.of, Selection):
        return []
    wanted, dependency = target.of.requests, target.of.dependency
    return [
        each
        for each in scenario.requests
        if set(wanted) & set(each.names) or (dependency and each.external_dependency == dependency)
    ]


def _series_limits(
    run: RunEvidence, pack: Pack, objectives: Sequence[ObjectiveFinding]
) -> dict[str, float]:
    """The limit of each series in its own unit: of its objective, else the capacity of its trend.

    A limit that is a share of the capacity (90 % of a pool) is no line in a plot of connections.
    """
    own = {name: series_unit(pack, name, points) for name, points in _points(run).items()}
    known = [
        (trend.name, in_unit(trend.limit, trend.unit, own.get(trend.name))) for trend in run.trends
    ]
    for finding in objectives:
        series = pack.series_named(finding.subject)
        is_ceiling = finding.statistic in ("max", "p95", "last") and finding.operator.startswith(
            "<"
        )
        if finding.run == run.name and series is not None and is_ceiling:
            known += [
                (name, in_unit(finding.limit, finding.unit, own[name]))
                for name in sorted(own.keys() & set(series.names))
            ]
    return {name: limit for name, limit in known if limit is not None}


def _points(run: RunEvidence) -> dict[str, list[SeriesPoint]]:
    found: dict[str, list[SeriesPoint]] = {}
    for point in run.series:
        found.setdefault(point.name, []).append(point)
    return found


def _title(run: RunEvidence, pack: Pack) -> str:
    """`Load test: Kenya O2C, 20 users, 1 min 30 s`."""
    kind = f"{capital(run.info.test_type)} test" if run.info.test_type else "Run"
    users = max(finite(row.users for row in run.timeline), default=0)
    scenario = scenario_title(pack, run.info.scenario) or plain(run.name, 60)
    length = units.span(run.whole.seconds)
    return f"{kind}: " + ", ".join(
        filter(None, [scenario, f"{units.number(users)} users" if users else "", length])
    )


def _sub(run: RunEvidence) -> str:
    info = run.info
    tool = " ".join(filter(None, [plain(info.tool, 60), plain(info.tool_version, 40)]))
    labels = ", ".join(f"{plain(k, 30)} {plain(v, 40)}" for k, v in sorted(info.labels.items()))
    facts = [
        f"Run {plain(run.name, 60)}",
        f"release {plain(info.release, 40)}" if info.release else "",
        plain(info.environment, 40),
        f"{units.utc(run.whole.start)} to {units.utc(run.whole.end)[11:]} UTC"
        if run.whole.start.date() == run.whole.end.date()
        else f"{units.utc(run.whole.start)} to {units.utc(run.whole.end)} UTC",
        tool,
        labels,
    ]
    words = response_time(info)
    told = f" Response time is {words}." if words and run.total_all.count else ""
    return ", ".join(filter(None, facts)) + "." + told
