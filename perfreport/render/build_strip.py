"""The SLA strip of a run: when was each request over its limit?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from perfreport import units
from perfreport.judge.evidence import RunEvidence
from perfreport.judge.findings import ObjectiveFinding, Status
from perfreport.render.build_text import (
    OPERATOR_SIGNS,
    STATUS_BADGES,
    count,
    counted,
    listed,
    plain,
)
from perfreport.render.build_timeline import bin_word
from perfreport.render.figures.strip import Bar, Strip, StripRow, fills
from perfreport.render.figures.timeline import time_ticks
from perfreport.tables import EndpointBin

_ROWS = 12
_NEAR = 0.9  # the share of the limit above which less than 10 % is left


@dataclass(frozen=True)
class _Counted:
    """A row with how many intervals of the judged window are over and near its limit."""

    row: StripRow
    over: int
    near: int


def strip(run: RunEvidence, section: str, limits: Mapping[str, ObjectiveFinding]) -> Strip | None:
    """The strip of the endpoints with a P95 limit (`limits`, by endpoint), or None without any."""
    bins: dict[str, list[EndpointBin]] = defaultdict(list)
    for each in run.endpoint_bins:
        if each.p95_ms is not None and each.name in limits and limits[each.name].limit:
            bins[each.name].append(each)
    if not bins or run.whole.seconds <= 0:
        return None
    rows = sorted(
        (_row(run, name, bins[name], limits[name]) for name in bins),
        key=lambda each: (-each.over, -each.near, each.row.name),
    )
    hidden = len(rows) - _ROWS
    return Strip(
        id=f"{section}_strip",
        title=_title(rows),
        sub=(
            f"P95 of each {bin_word(run.bin_s)} as a share of the "
            "limit (the line). A bar through the line is over; a bar just under it has less than "
            f"10 % left; it rests on about {_usual_requests(bins)} requests, so it alone decides nothing. Pale: outside the judged window."
        ),
        time_ticks=time_ticks(run.whole.seconds),
        rows=tuple(each.row for each in rows[:_ROWS]),
        more=f"{counted(hidden, 'further request').capitalize()} not drawn." if hidden > 0 else "",
    )


def _usual_requests(bins: Mapping[str, list[EndpointBin]]) -> str:
    """The median number of requests behind a bar."""
    counts = sorted(each.requests for several in bins.values() for each in several)
    return count(counts[len(counts) // 2])


def _row(
    run: RunEvidence, name: str, bins: list[EndpointBin], finding: ObjectiveFinding
) -> _Counted:
    limit = finding.limit or 1.0
    bars = [_bar(run, each, limit) for each in bins]
    inside = [bar.share for bar in bars if not bar.pale]
    over, near = sum(share > 1 for share in inside), sum(_NEAR < share <= 1 for share in inside)
    badge = STATUS_BADGES[_status(1.1 if over else 1.0 if near else 0.0)]
    number, word = (near, "near") if near and not over else (over, "over")
    row = StripRow(
        name=plain(name),
        limit=f"P95 {OPERATOR_SIGNS.get(finding.operator, finding.operator)} {units.ms(limit)}",
        css=badge.css,
        icon=badge.icon,
        result=f"{number} of {len(inside)} {word}",
        fills=fills(bars),
    )
    return _Counted(row, over, near)


def _bar(run: RunEvidence, each: EndpointBin, limit: float) -> Bar:
    span = run.whole.seconds
    left = (run.window.start - run.whole.start).total_seconds()
    right = (run.window.end - run.whole.start).total_seconds()
    width = min(run.bin_s, span - each.at_s)
    share = (each.p95_ms or 0.0) / limit
    return Bar(
        css=STATUS_BADGES[_status(share)].css,
        pale=not left <= each.at_s + width / 2 < right,
        start=each.at_s / span,
        width=width / span,
        share=share,
    )


def _status(share: float) -> Status:
    return Status.FAIL if share > 1 else Status.AT_RISK if share > _NEAR else Status.PASS


def _title(rows: list[_Counted]) -> str:
    broken = [each for each in rows if each.over]
    if broken:
        first, *others = broken
        told = [f"{each.row.name} in {each.over}" for each in others]
        rest = "; no other request in any" if len(broken) < len(rows) else ""
        share = first.row.result.removesuffix(" over")
        story = f"{first.row.name} was over its limit in {share} intervals"
        return ", ".join(filter(None, [story, listed(told)])) + rest
    near = sum(each.near > 0 for each in rows)
    tail = f"; {counted(near, 'request')} came within 10 % of it" if near else ""
    return f"No request went over its limit in any interval{tail}"
