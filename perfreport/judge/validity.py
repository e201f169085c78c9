"""Can the test itself be trusted? Findings about the run, not about the system."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from perfreport import units
from perfreport.judge.findings import AuditFinding, ObjectiveFinding, Severity, Status
from perfreport.run.info import RunInfo, TestType
from perfreport.stats.window import Window
from perfreport.tables import FastFailuresRow, UsersRow

_BY_PEAK = (TestType.STRESS, TestType.SPIKE)
_REACHED = 0.90  # of the users or of the time that the pack plans
_REJECTED = 0.001  # of the records: more than this can hide a pattern
_FAST = 0.01  # of the requests: a P95 moves by a fifth of its distance to P99 at most
_CUT_S = 1.0  # a window that ends this near to an input's last record is cut with it


@dataclass(frozen=True)
class Conduct:
    """How a run went, beside how it was planned. None: not planned, or not recorded."""

    run: str
    info: RunInfo
    whole: Window
    window: Window  # the judged part
    users: UsersRow | None = None
    expected_users: float | None = None
    expected_s: float | None = None
    min_steady_s: float | None = None
    broke_off: datetime | None = None  # when the first input that was cut off fell silent
    fast_failures: FastFailuresRow | None = None
    scenarios: tuple[str, ...] = ()  # of the pack


def audit_run(
    conduct: Conduct, objectives: Sequence[ObjectiveFinding] = ()
) -> tuple[AuditFinding, ...]:
    """Every doubt about a run, invalid ones first; `objectives` are its own findings."""
    found = [
        *_users_not_reached(conduct),
        *_run_too_short(conduct),
        *_truncated_input(conduct),
        *_rejected_records(conduct),
        *_fast_failures(conduct),
        *_only_aggregates(conduct),
        *_few_samples(conduct, objectives),
        *_nothing_judged(conduct, objectives),
    ]
    order = [Severity.INVALID, Severity.WARNING, Severity.INFO]
    return tuple(sorted(found, key=lambda finding: order.index(finding.severity)))


def _only_aggregates(conduct: Conduct) -> Iterator[AuditFinding]:
    if conduct.info.only_aggregates:
        yield AuditFinding(
            "few_samples",
            conduct.run,
            Severity.WARNING,
            f"it holds what {conduct.info.tool or 'the load tool'} summed up and not a single sample: "
            "nothing can be counted or judged; ingest the log of the run",
        )


def _users_not_reached(conduct: Conduct) -> Iterator[AuditFinding]:
    if conduct.users is None or not conduct.expected_users:
        return
    reached = _reached(conduct.users, conduct.info)
    share = reached / conduct.expected_users
    if share < 1:
        yield AuditFinding(
            "users_not_reached",
            conduct.run,
            Severity.INVALID if share < _REACHED else Severity.INFO,
            f"{units.number(reached)} of {units.number(conduct.expected_users)} users "
            f"were active ({units.percent(share)}); at least {units.percent(_REACHED)} are needed",
        )


def _reached(users: UsersRow, info: RunInfo) -> float:
    """Users held over the judged window; a climb or a spike is planned by its peak."""
    return users.max if info.test_type in _BY_PEAK else users.median


def _run_too_short(conduct: Conduct) -> Iterator[AuditFinding]:
    planned = conduct.expected_s
    if planned and conduct.whole.seconds < planned:
        share = conduct.whole.seconds / planned
        yield AuditFinding(
            "run_too_short",
            conduct.run,
            Severity.INVALID if share < _REACHED else Severity.INFO,
            f"the run lasted {units.span(conduct.whole.seconds)}, planned are {units.span(planned)}",
        )
    steady = conduct.min_steady_s
    if steady and conduct.window.seconds < steady:
        yield AuditFinding(
            "run_too_short",
            conduct.run,
            Severity.INVALID,
            f"the judged window holds {units.span(conduct.window.seconds)} of steady load, "
            f"{units.span(steady)} are needed",
        )


def _truncated_input(conduct: Conduct) -> Iterator[AuditFinding]:
    cut = [source.name for source in conduct.info.sources if source.truncated]
    if not cut:
        return
    broke_off = conduct.broke_off or conduct.whole.end
    ends_there = (broke_off - conduct.window.end).total_seconds() < _CUT_S
    where = "inside the judged window" if ends_there else "after the judged window"
    yield AuditFinding(
        "truncated_input",
        conduct.run,
        Severity.INVALID if ends_there else Severity.INFO,
        f"{', '.join(cut)} breaks off {where}",
    )


def _rejected_records(conduct: Conduct) -> Iterator[AuditFinding]:
    for source in conduct.info.sources:
        if source.rejected:
            share = source.rejected / (source.rejected + source.rows)
            first = source.rejections[0] if source.rejections else None
            place = f"; first: {first.text(source.places)}" if first else ""
            yield AuditFinding(
                "rejected_records",
                conduct.run,
                Severity.WARNING if share > _REJECTED else Severity.INFO,
                f"{source.name}: {source.rejected:,} records could not be read "
                f"({units.percent(share)}){place}",
            )


def _fast_failures(conduct: Conduct) -> Iterator[AuditFinding]:
    row = conduct.fast_failures
    if row is not None and row.fast:
        yield AuditFinding(
            "fast_failures",
            conduct.run,
            Severity.WARNING if row.share >= _FAST else Severity.INFO,
            f"{row.fast:,} of {row.requests:,} requests ({units.percent(row.share)}) failed in less "
            f"than half the usual time and flatter the percentiles, most in {row.name}",
        )


def _few_samples(
    conduct: Conduct, objectives: Sequence[ObjectiveFinding]
) -> Iterator[AuditFinding]:
    few = [each for each in objectives if each.status is Status.TOO_FEW]
    if few:
        subjects = list(dict.fromkeys(each.subject for each in few))
        shown = ", ".join(subjects[:3]) + (f" and {len(subjects) - 3} more" if subjects[3:] else "")
        yield AuditFinding(
            "few_samples",
            conduct.run,
            Severity.WARNING,
            f"{len(few)} {'objective rests' if len(few) == 1 else 'objectives rest'} on too few "
            f"requests: {shown}",
        )


def _nothing_judged(
    conduct: Conduct, objectives: Sequence[ObjectiveFinding]
) -> Iterator[AuditFinding]:
    """A run that the pack asks nothing of must not look like one that passed."""
    if objectives:
        return
    info = conduct.info
    said = f'scenario "{info.scenario}"' if info.scenario else "no scenario"
    test = f", test type {info.test_type}" if info.test_type else ""
    known = f" Its scenarios: {', '.join(conduct.scenarios)}." if conduct.scenarios else ""
    yield AuditFinding(
        "nothing_judged",
        conduct.run,
        Severity.WARNING,
        f"the pack asks nothing of this run ({said}{test}).{known} Ingest it with --scenario and "
        "--test-type",
    )
