"""The table of requests and transactions: the judged window, and the whole run beside it."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from perfreport import units
from perfreport.judge.evidence import RunEvidence
from perfreport.judge.findings import ObjectiveFinding, Status
from perfreport.readers.names import ID
from perfreport.render.build_text import (
    STATUS_BADGES,
    anchor,
    capital,
    count,
    counted,
    listed,
    ms_number,
    plain,
    unique,
)
from perfreport.render.figures.sparkline import Sparkline, spark_line
from perfreport.render.model import Endpoint, Endpoints
from perfreport.tables import EndpointBin, EndpointRow

_SHOWN = 40  # rows that are never folded away, at most
_UNJUDGED = 6  # rows that are shown though nothing was asked of them, judged ones included
_WORST_FIRST = list(STATUS_BADGES)


def endpoints(
    run: RunEvidence, section: str, findings: Mapping[str, Sequence[ObjectiveFinding]]
) -> Endpoints | None:
    """The table; `findings` are the objectives of this run by the endpoint's name."""
    inside, everywhere = _of_requests(run.endpoints), _of_requests(run.endpoints_all)
    if not inside and not everywhere:
        return None
    known = {(row.kind, row.name) for row in inside}
    outside = [row for row in everywhere if (row.kind, row.name) not in known]
    ranked = sorted(inside, key=lambda row: _rank(row, findings.get(row.name, ())))
    ids = unique(f"{section}_e_{anchor(row.name)}" for row in ranked)
    whole = {(row.kind, row.name): row for row in everywhere}
    bins = _bins(run)
    rows = [
        _endpoint(
            run, row, whole.get((row.kind, row.name)), row_id, findings.get(row.name, ()), bins
        )
        for row, row_id in zip(ranked, ids, strict=True)
    ]
    shown = _shown(ranked, findings)
    return Endpoints(
        title=_title(ranked, findings),
        sub=_sub(len(inside), len(outside)),
        spark_heading=f"P95 over {units.span(run.whole.seconds)}",
        judged=any(row.badge for row in rows),
        rows=tuple(rows[:shown]),
        more=tuple(rows[shown:]),
        more_label=_more_label(ranked[shown:]),
    )


def _shown(
    ranked: Sequence[EndpointRow], findings: Mapping[str, Sequence[ObjectiveFinding]]
) -> int:
    """How many rows are not folded away: the judged ones, then requests up to a handful."""
    judged = sum(1 for row in ranked if findings.get(row.name))
    requests = sum(row.kind == "request" for row in ranked)
    few = max(judged, min(requests or len(ranked), _UNJUDGED))
    return min(_SHOWN, len(ranked) if len(ranked) <= few + 1 else few)


def _more_label(folded: Sequence[EndpointRow]) -> str:
    """`Six further endpoints: 5 subrequest, 1 transaction`."""
    if not folded:
        return ""
    counts = Counter(plain(row.kind, 20) for row in folded)
    told = [f"{number} {kind}{'' if number == 1 else 's'}" for kind, number in counts.items()]
    return f"{capital(counted(len(folded), 'further endpoint'))}: {', '.join(told)}"


def _of_requests(rows: Sequence[EndpointRow]) -> list[EndpointRow]:
    """Without iterations, which are the script's own rounds."""
    return [row for row in rows if row.kind != "iteration"]


def by_endpoint(
    run: RunEvidence, named: Iterable[tuple[ObjectiveFinding, Iterable[str]]]
) -> dict[str, list[ObjectiveFinding]]:
    """The objectives of a run by endpoint; each comes with the names that its subject has."""
    known = {row.name for row in run.endpoints}
    found: dict[str, list[ObjectiveFinding]] = defaultdict(list)
    for finding, names in named:
        for name in names:
            if name in known:
                found[name].append(finding)
    return found


def p95_limits(
    findings: Mapping[str, Sequence[ObjectiveFinding]],
) -> dict[str, ObjectiveFinding]:
    """The P95 objective of each endpoint that has one."""
    return {
        name: next(each for each in several if each.statistic == "p95")
        for name, several in findings.items()
        if any(each.statistic == "p95" for each in several)
    }


def worst(findings: Sequence[ObjectiveFinding]) -> Status | None:
    """The worst status among the objectives of one endpoint."""
    return min((each.status for each in findings), key=_WORST_FIRST.index, default=None)


def _rank(row: EndpointRow, findings: Sequence[ObjectiveFinding]) -> tuple[object, ...]:
    status = worst(findings)
    margin = min((each.margin for each in findings if each.margin is not None), default=0.0)
    position = len(_WORST_FIRST) if status is None else _WORST_FIRST.index(status)
    return (row.kind != "request", position, margin, -row.count, row.name)


def _bins(run: RunEvidence) -> dict[str, list[EndpointBin]]:
    found: dict[str, list[EndpointBin]] = defaultdict(list)
    for each in run.endpoint_bins:
        found[each.name].append(each)
    return found


def _endpoint(
    run: RunEvidence,
    row: EndpointRow,
    whole: EndpointRow | None,
    row_id: str,
    findings: Sequence[ObjectiveFinding],
    bins: Mapping[str, list[EndpointBin]],
) -> Endpoint:
    status = worst(findings)
    limit = next((each.limit for each in findings if each.statistic == "p95"), None)
    return Endpoint(
        id=row_id,
        badge=None if status is None else STATUS_BADGES[status],
        name=plain(row.name),
        kind="" if row.kind == "request" else plain(row.kind, 20),
        remark=_remark(row, findings),
        example=_example(row.name, run.info.examples.get(row.name)),
        count=count(row.count),
        rate="–" if row.rate_per_s is None else units.number(row.rate_per_s),
        failed="–" if row.error_rate is None else units.percent(row.error_rate),
        p50=ms_number(row.p50_ms),
        p95=ms_number(row.p95_ms),
        p99=ms_number(row.p99_ms),
        longest=ms_number(row.max_ms),
        limit="" if limit is None else ms_number(limit),
        whole_count="–" if whole is None else count(whole.count),
        whole_p95="–" if whole is None else ms_number(whole.p95_ms),
        spark=_spark(run, bins.get(row.name, []), limit),
    )


def _spark(run: RunEvidence, bins: list[EndpointBin], limit: float | None) -> Sparkline | None:
    points = [(each.at_s + run.bin_s / 2, each.p95_ms) for each in bins]
    return spark_line(points, run.whole.seconds, limit)


def _remark(row: EndpointRow, findings: Sequence[ObjectiveFinding]) -> str:
    """Where it belongs in the script, and what else than P95 is broken."""
    group = plain(row.group, 60)
    broken = [each.statistic for each in findings if each.status is Status.FAIL]
    others = [
        plain(each.why, 160)
        for each in findings
        if each.status is Status.FAIL and each.statistic != "p95"
    ]
    return "; ".join(filter(None, [f"in {group}" if group else "", *(others if broken else [])]))


def _example(name: str, url: str | None) -> str:
    """What one of the requests behind a name with replaced identifiers looked like."""
    if url is None or ID not in name:
        return ""
    return plain(re.sub(r"^(?:[^/]*:)?//[^/]*", "", url))


def _title(rows: Sequence[EndpointRow], findings: Mapping[str, Sequence[ObjectiveFinding]]) -> str:
    judged = [row for row in rows if findings.get(row.name)]
    if not judged:
        return _slowest(rows)
    failing = [plain(row.name, 50) for row in judged if worst(findings[row.name]) is Status.FAIL]
    risky = sum(worst(findings[row.name]) is Status.AT_RISK for row in judged)
    near = f"; {counted(risky, 'endpoint')} at risk" if risky else ""
    if failing:
        verb = "breaks its limits" if len(failing) == 1 else "break their limits"
        return f"{listed(failing)} {verb}{near}"
    return f"No endpoint breaks its limits{near}"


def _slowest(rows: Sequence[EndpointRow]) -> str:
    known = [row for row in rows if row.p95_ms is not None]
    requests = [row for row in known if row.kind == "request"] or known  # a group is always slower
    timed = [(row.p95_ms or 0.0, row.name) for row in requests]
    if not timed:
        return "No endpoint answered in the judged window"
    slowest, name = max(timed)
    return f"{plain(name, 50)} is the slowest: P95 {units.ms(slowest)}"


def _sub(inside: int, outside: int) -> str:
    parts = [
        f"Judged window, {counted(inside, 'endpoint')}, all requests, failed ones included. "
        "Times in ms. The whole run stands beside it in grey, ramps and warm-up included."
    ]
    if outside:
        parts.append(f"{capital(counted(outside, 'endpoint'))} appeared only outside the window.")
    return " ".join(parts)
