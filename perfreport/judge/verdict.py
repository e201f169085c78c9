"""The verdict of a readiness check: one rule, applied in its order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from perfreport.judge.findings import (
    AuditFinding,
    Check,
    ObjectiveFinding,
    Severity,
    Status,
    Verdict,
)

_UNKNOWN = (Status.NO_DATA, Status.TOO_FEW)
NOTHING_JUDGED = (
    "Nothing was judged: the pack asks nothing of the scenarios and tests of these runs."
)


def give_verdict(
    objectives: Sequence[ObjectiveFinding], audit: Sequence[AuditFinding] = ()
) -> Check:
    """The verdict with its reasons, worst first.

    An invalid test decides nothing; then a required objective that fails; then a required one
    without data or with too little; then anything that a person has to look at; else ready.
    """
    return Check(
        verdict=_verdict(objectives, audit),
        reasons=tuple(dict.fromkeys(_reasons(objectives, audit))),
        objectives=tuple(objectives),
        audit=tuple(audit),
    )


def _verdict(objectives: Sequence[ObjectiveFinding], audit: Sequence[AuditFinding]) -> Verdict:
    required = {each.status for each in objectives if each.required}
    optional = {each.status for each in objectives if not each.required}
    severities = {each.severity for each in audit}
    if Severity.INVALID in severities or not objectives:
        return Verdict.UNDECIDED
    if Status.FAIL in required:
        return Verdict.NOT_READY
    if required.intersection(_UNKNOWN):
        return Verdict.UNDECIDED
    doubts = (required | optional) & {Status.AT_RISK, Status.MANUAL} | optional & {Status.FAIL}
    if doubts or Severity.WARNING in severities:
        return Verdict.CONDITIONS
    return Verdict.READY


def _reasons(
    objectives: Sequence[ObjectiveFinding], audit: Sequence[AuditFinding]
) -> Iterator[str]:
    """One sentence for each thing that stands between the release and ready, worst first."""
    if not objectives:
        yield NOTHING_JUDGED
    yield from (f"{each.run}: {each.why}." for each in audit if each.severity is Severity.INVALID)
    required = [each for each in objectives if each.required]
    yield from _said(required, Status.FAIL)
    yield from _said((each for each in required if each.run is not None), *_UNKNOWN)
    yield from _not_tested(each for each in required if each.run is None)
    yield from _said(objectives, Status.AT_RISK)
    yield from _said((each for each in objectives if not each.required), Status.FAIL)
    yield from (f"{each.run}: {each.why}." for each in audit if each.severity is Severity.WARNING)
    yield from _said((each for each in objectives if each.run is not None), Status.MANUAL)


def _said(objectives: Iterable[ObjectiveFinding], *statuses: Status) -> Iterator[str]:
    chosen = [each for each in objectives if each.status in statuses]
    for each in sorted(chosen, key=_worst_first):
        yield f"{_place(each)}{each.name}: {each.why}."


def _worst_first(each: ObjectiveFinding) -> tuple[bool, float]:
    # Without a margin nothing was to be left at all (no 5xx, say): that is the worst.
    return (each.margin is not None, each.margin if each.margin is not None else 0.0)


def _place(each: ObjectiveFinding) -> str:
    words = " ".join(word for word in (each.scenario, each.test_type) if word)
    return f"{each.run}: {words}, " if words else f"{each.run}: "


def _not_tested(objectives: Iterable[ObjectiveFinding]) -> Iterator[str]:
    """One sentence for a test that was not handed in, however many objectives it has."""
    counts: dict[str, int] = {}
    for each in objectives:
        place = " ".join(word for word in (each.scenario, each.test_type) if word)
        counts[place] = counts.get(place, 0) + 1
    for place, count in counts.items():
        yield f"{place}: not tested ({count} {'objective' if count == 1 else 'objectives'})."
