"""What failed in the judged window, and the checks of the load script."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus

from perfreport import units
from perfreport.judge.evidence import RunEvidence
from perfreport.judge.findings import Status
from perfreport.render.build_text import STATUS_BADGES, capital, clock, count, counted, plain
from perfreport.render.figures.sparkline import spark_bars
from perfreport.render.model import Badge, Failure, Failures, ScriptCheck, ScriptChecks
from perfreport.tables import CheckRow, ErrorRow

_SHOWN = 20
_FREQUENT = 5  # kinds that are not folded away
_MESSAGE = 200


def failures(run: RunEvidence) -> Failures | None:
    """The table of failures; None where nothing was requested."""
    if not run.total.count:
        return None
    bins: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for each in run.endpoint_bins:
        bins[each.name].append((each.at_s, float(each.errors)))
    kinds = _kinds(run.errors)
    hidden = len(kinds) - _SHOWN
    seen: set[str] = set()
    rows: list[Failure] = []
    for kind in kinds[:_SHOWN]:
        fresh = kind.row.name not in seen
        seen.add(kind.row.name)
        rows.append(_failure(run, kind, bins[kind.row.name] if fresh else []))
    return Failures(
        title=_title(run, kinds),
        sub=_sub(run),
        spark_heading=f"All failures of the endpoint, 0 to {units.span(run.whole.seconds)}",
        rows=tuple(rows[:_FREQUENT]),
        rare=tuple(rows[_FREQUENT:]),
        rare_label=_rare_label([kind.row for kind in kinds[_FREQUENT:_SHOWN]]),
        more=f"And {counted(hidden, 'rarer kind')} of failure." if hidden > 0 else "",
    )


def _rare_label(rows: Sequence[ErrorRow]) -> str:
    if not rows:
        return ""
    failed = sum(row.count for row in rows)
    kinds = counted(len(rows), "rarer kind")
    return (
        f"{capital(kinds)} of failure, {count(failed)} {'request' if failed == 1 else 'requests'}"
    )


@dataclass(frozen=True)
class _Kind:
    """Failures of one endpoint that differ in numbers only, `alike` of them besides `row`."""

    row: ErrorRow
    alike: int


def _kinds(errors: Sequence[ErrorRow]) -> list[_Kind]:
    """Messages such as `slow: 152 ms` and `slow: 154 ms` as one kind, most frequent first."""
    grouped: dict[tuple[str, int | None, str], list[ErrorRow]] = defaultdict(list)
    for row in errors:
        grouped[row.name, row.status, re.sub(r"\d+", "#", row.error or "")].append(row)
    kinds = [_Kind(_merged(rows), len(rows) - 1) for rows in grouped.values()]
    return sorted(kinds, key=lambda kind: -kind.row.count)


def _merged(rows: list[ErrorRow]) -> ErrorRow:
    return replace(
        rows[0],
        count=sum(row.count for row in rows),
        share=sum(row.share for row in rows),
        first=min(row.first for row in rows),
        last=max(row.last for row in rows),
    )


def script_checks(run: RunEvidence) -> ScriptChecks | None:
    """The script's own checks, those that failed first."""
    if not run.checks:
        return None
    ranked = sorted(run.checks, key=lambda row: (-_failed_share(row), row.name))
    broken = sum(row.fails > 0 for row in ranked)
    if len(ranked) == 1:
        said = "failed at times" if broken else "passed every time"
        return ScriptChecks(f"The one check of the script {said}", (_check(ranked[0]),))
    title = (
        f"{capital(counted(broken, 'of', 'of'))} {counted(len(ranked), 'check')} of the script failed at times"
        if broken
        else f"All {counted(len(ranked), 'check')} of the script passed every time"
    )
    return ScriptChecks(title, tuple(_check(row) for row in ranked))


def _failure(run: RunEvidence, kind: _Kind, bins: list[tuple[float, float]]) -> Failure:
    row = kind.row
    alike = f" (and {counted(kind.alike, 'message')} that {'differ' if kind.alike > 1 else 'differs'} in numbers only)"
    message = _message(row)
    return Failure(
        what=_what(row),
        message=("" if _what(row) == message else message) + (alike if kind.alike else ""),
        name=plain(row.name),
        count=count(row.count),
        share=units.percent(row.share),
        first=clock((row.first - run.whole.start).total_seconds()),
        last=clock((row.last - run.whole.start).total_seconds()),
        spark=spark_bars(bins, run.whole.seconds, run.bin_s),
    )


def _what(row: ErrorRow) -> str:
    """`503 Service Unavailable`, or the message where there was no status."""
    if not row.status:
        return _message(row) or "No answer"
    if row.status in set(HTTPStatus):
        return f"{row.status} {HTTPStatus(row.status).phrase}"
    return f"Status {row.status}"


def _message(row: ErrorRow) -> str:
    """The tool's words without their ornaments; nothing where they repeat the status alone.

    An assertion may come as `expected / ****** received : [[[404]]] ****** comparison: [[[200]]] /`,
    and a status of 503 as the number 1503.
    """
    words = re.sub(r"\[{3}|\]{3}|/?\s*\*{6}|\s*/\s*$", "", row.error or "")
    return "" if row.status and words.strip() == f"1{row.status}" else plain(words, _MESSAGE)


def _title(run: RunEvidence, kinds: list[_Kind]) -> str:
    failed = run.total.errors
    if not failed:
        return "No request failed"
    words = f"{count(failed)} {'request' if failed == 1 else 'requests'} failed"
    if not kinds:
        return words
    top = kinds[0].row
    share = units.percent(min(1.0, top.count / failed))
    return f"{words}; {share} of them on {plain(top.name, 60)}: {plain(_what(top), 60)}"


def _sub(run: RunEvidence) -> str:
    rate = "–" if run.total.error_rate is None else units.percent(run.total.error_rate)
    return (
        f"{rate} of {count(run.total.count)} requests in the judged window. Share: of the requests "
        "to that endpoint. First and last: time since the start of the run."
    )


def _failed_share(row: CheckRow) -> float:
    done = row.passes + row.fails
    return row.fails / done if done else 0.0


def _check(row: CheckRow) -> ScriptCheck:
    badge = (
        STATUS_BADGES[Status.PASS] if not row.fails else Badge("risk", "i-risk", "Failed at times")
    )
    return ScriptCheck(
        badge,
        plain(row.name),
        count(row.passes),
        count(row.fails),
        units.percent(_failed_share(row)),
    )
