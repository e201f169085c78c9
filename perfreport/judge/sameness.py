"""Are two runs the same test? What was run, with what, when: doubts from what is written of the runs."""

from __future__ import annotations

from collections.abc import Iterator

from perfreport import units
from perfreport.judge.findings import Doubt
from perfreport.judge.side import Side
from perfreport.stats.spent import Spent

_CONNECTING = ("connect", "tls")
# Of the mean response time; less is within what two runs of one system differ by.
_CONNECT_MATTERS = 0.01
_SERVERS = ("prometheus", "openmetrics")  # formats that tell nothing of the load


def same_run(baseline: Side, run: Side) -> Iterator[Doubt]:
    """The run is the baseline, holds a part of it, or both loaded the system at the same time."""
    ours, theirs = _digests(run), _digests(baseline)
    if ours and ours == theirs:
        yield Doubt("duration", "the run is compared with itself: both are of the same files")
        return
    if ours & theirs:
        yield Doubt("duration", "the runs share results: a file of one is a file of the other")
        return
    overlap = min(run.window.end, baseline.window.end) - max(
        run.window.start, baseline.window.start
    )
    if overlap.total_seconds() > 0 and ours and theirs:
        yield Doubt(
            "load",
            f"the runs overlap for {units.span(overlap.total_seconds())}: if they are of one system, "
            "each was load for the other",
        )


def _digests(side: Side) -> set[str]:
    return {source.sha256 for source in side.info.sources if source.sha256 and source.rows}


def other_test(baseline: Side, run: Side) -> Iterator[Doubt]:
    """Another scenario or another kind of test: different on purpose."""
    for key, what, id in (("scenario", "scenario", "mix"), ("test_type", "kind of test", "load")):
        ours, theirs = getattr(run.info, key), getattr(baseline.info, key)
        if ours and theirs and ours != theirs:
            yield Doubt(id, f"another {what}: {ours} against {theirs} in the baseline")


def other_environment(baseline: Side, run: Side) -> Iterator[Doubt]:
    ours, theirs = run.info.environment, baseline.info.environment
    if ours and theirs and ours != theirs:
        yield Doubt("environment", f"environment {ours} against {theirs} in the baseline")


def environment_unknown(baseline: Side, run: Side) -> Iterator[Doubt]:
    ours, theirs = run.info.environment, baseline.info.environment
    if bool(ours) != bool(theirs):
        known, unknown = ("run", "baseline") if ours else ("baseline", "run")
        yield Doubt(
            "environment",
            f"the {known} says its environment ({ours or theirs}), the {unknown} does not",
        )


def other_system(baseline: Side, run: Side) -> Iterator[Doubt]:
    ours, theirs = run.info.system, baseline.info.system
    if ours and theirs and ours != theirs:
        yield Doubt("environment", f"system {ours} against {theirs} in the baseline")


def other_tool(baseline: Side, run: Side) -> Iterator[Doubt]:
    ours, theirs = run.info, baseline.info
    if ours.tool != theirs.tool:
        yield Doubt("tool", f"measured by {ours.tool or '?'} against {theirs.tool or '?'}")
    elif ours.tool_version != theirs.tool_version:
        yield Doubt(
            "tool",
            f"measured by {ours.tool} {ours.tool_version or '?'} against {theirs.tool_version or '?'}",
        )
    counts = [_result_files(side) for side in (run, baseline)]
    if all(counts) and counts[0] != counts[1]:
        yield Doubt(
            "tool",
            f"put together of {_files(counts[0])} against {counts[1]} in the baseline: other load "
            "generators, if each wrote one",
        )


def _result_files(side: Side) -> int:
    return sum(
        1 for source in side.info.sources if source.rows and not source.format.startswith(_SERVERS)
    )


def _files(count: int) -> str:
    return "1 result file" if count == 1 else f"{count} result files"


def meaning_differs(baseline: Side, run: Side) -> Iterator[Doubt]:
    """Response times with DNS, connect and TLS against times without, where that is not small."""
    matters, why = _connecting(baseline, run)
    if matters:
        yield Doubt("percentile_meaning", why)


def meaning_unclear(baseline: Side, run: Side) -> Iterator[Doubt]:
    """They differ by too little to matter, or may differ."""
    matters, why = _connecting(baseline, run)
    if why and not matters:
        yield Doubt("percentile_meaning", why)


def _connecting(baseline: Side, run: Side) -> tuple[bool, str]:
    """Whether both response times mean different things to an extent that matters, and the sentence."""
    meanings = {side.info.response_time for side in (baseline, run)}
    if len(meanings) == 1 and meanings <= {"with_connect", "without_connect"}:
        return False, ""
    if None in meanings or "mixed" in meanings:
        if baseline.info.tool == run.info.tool:
            return False, ""
        return False, (
            "another tool may mean another response time: some count DNS, connect and TLS in it, "
            "some do not"
        )
    holds, which = (
        (run, "run") if run.info.response_time == "with_connect" else (baseline, "baseline")
    )
    said = f"response times of the {which} hold DNS, connect and TLS, the other's do not"
    connect_ms, duration_ms = _mean_of_connecting(holds)
    if connect_ms is None or duration_ms is None:
        return True, f"{said}, and how much that is was not recorded"
    size = f"{units.ms(connect_ms)} of {units.ms(duration_ms)} on average"
    if connect_ms > _CONNECT_MATTERS * duration_ms:
        return True, f"{said}: {size}"
    return False, f"{said}, but that is only {size}"


def _mean_of_connecting(side: Side) -> tuple[float | None, float | None]:
    """Mean ms for connecting and in all of a successful request, over endpoints that recorded it."""
    connect_ms = duration_ms = requests = 0.0
    for spent in side.spent.values():
        cut = _in_window(side, spent)
        phases = [phase for phase in _CONNECTING if phase in cut.phases_ms]
        if phases:
            connect_ms += sum(float(cut.phases_ms[phase].sum()) for phase in phases)
            duration_ms += float(cut.duration_ms.sum())
            requests += float(cut.requests.sum())
    return (connect_ms / requests, duration_ms / requests) if requests else (None, None)


def _in_window(side: Side, spent: Spent) -> Spent:
    start, end = side.window.start, side.window.end
    return spent.between((start - side.start).total_seconds(), (end - side.start).total_seconds())
