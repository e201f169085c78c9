"""What failed in the judged window, and the checks of the load script."""

from __future__ import annotations

from collections import defaultdict
from http import HTTPStatus

from perfreport import units
from perfreport.judge.evidence import RunEvidence
from perfreport.judge.findings import Status
from perfreport.render.build_text import STATUS_BADGES, capital, clock, count, counted, plain
from perfreport.render.figures.sparkline import spark_bars
from perfreport.render.model import Badge, Failure, Failures, ScriptCheck, ScriptChecks
from perfreport.tables import CheckRow, ErrorRow

_SHOWN = 20
_MESSAGE = 200


def failures(run: RunEvidence) -> Failures | None:
    """The table of failures; None where nothing was requested."""
    if not run.total.count:
        return None
    bins: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for each in run.endpoint_bins:
        bins[each.name].append((each.at_s, float(each.errors)))
    hidden = len(run.errors) - _SHOWN
    return Failures(
        title=_title(run),
        sub=_sub(run),
        spark_heading=f"Failures of this request, 0 to {units.span(run.whole.seconds)}",
        rows=tuple(_failure(run, row, bins[row.name]) for row in run.errors[:_SHOWN]),
        more=f"And {counted(hidden, 'rarer kind')} of failure." if hidden > 0 else "",
    )


def script_checks(run: RunEvidence) -> ScriptChecks | None:
    """The script's own checks, those that failed first."""
    if not run.checks:
        return None
    ranked = sorted(run.checks, key=lambda row: (-_failed_share(row), row.name))
    broken = sum(row.fails > 0 for row in ranked)
    title = (
        f"{capital(counted(broken, 'of', 'of'))} {counted(len(ranked), 'check')} of the script failed at times"
        if broken
        else f"All {counted(len(ranked), 'check')} of the script passed every time"
    )
    return ScriptChecks(title, tuple(_check(row) for row in ranked))


def _failure(run: RunEvidence, row: ErrorRow, bins: list[tuple[float, float]]) -> Failure:
    return Failure(
        what=_what(row),
        message=plain(row.error, _MESSAGE),
        name=plain(row.name),
        count=count(row.count),
        share=units.percent(row.share),
        first=clock((row.first - run.whole.start).total_seconds()),
        last=clock((row.last - run.whole.start).total_seconds()),
        spark=spark_bars(bins, run.whole.seconds, run.bin_s),
    )


def _what(row: ErrorRow) -> str:
    """`503 Service Unavailable`, or what is known where there was no answer."""
    if row.status is None or row.status == 0:
        return "No answer" if row.status == 0 else "Failed"
    if row.status in set(HTTPStatus):
        return f"{row.status} {HTTPStatus(row.status).phrase}"
    return f"Status {row.status}"


def _title(run: RunEvidence) -> str:
    failed = run.total.errors
    if not failed:
        return "No request failed"
    if not run.errors:
        return f"{count(failed)} requests failed"
    top = run.errors[0]
    share = units.percent(min(1.0, top.count / failed))
    said = f"{share} of them {_what(top)} on {plain(top.name, 60)}"
    return f"{count(failed)} {'request' if failed == 1 else 'requests'} failed; {said}"


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
