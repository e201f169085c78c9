"""A load tool's own figures against what was counted of its samples: equal, explained, or neither.

A cause counts only if the number that it leads to IS the tool's, to its last digit that was printed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import zip_longest

from perfreport.stats.quantile import Standing
from perfreport.stats.rounded import is_rounding_of
from perfreport.stats.window import Window
from perfreport.toolreports.model import Figure, ToolReport

# Between two ways to add up the same doubles; a step as small as this is none.
_SAME = 1e-12


class Cause(StrEnum):
    """Why a tool's number differs from ours. What each means stands in docs/reconcile.md."""

    OK_ONLY = "ok_only"
    FAILED_ONLY = "failed_only"
    SUBRESULTS = "subresults"
    CONTROLLERS = "controllers"
    CUT_CONTROLLERS = "cut_controllers"
    FIRST_RECORD = "first_record"
    CUMULATED = "cumulated"
    WITH_CONNECT = "with_connect"
    WITHOUT_CONNECT = "without_connect"
    STEADY_ONLY = "steady_only"
    ALL_ROWS = "all_rows"
    LAST_ROWS = "last_20000"
    TYPE_6 = "type_6"
    TYPE_7 = "type_7"
    DIVISOR = "divisor"
    KIBIBYTES = "kibibytes"
    INPUT_ORDER = "input_order"
    EMPTY_IS_ZERO = "empty_is_zero"
    DIGEST = "t_digest"
    SIX_DECIMALS = "six_decimals"
    ROUNDING = "rounding"


class Outcome(StrEnum):
    """Of one figure."""

    EQUAL = "equal"
    EXPLAINED = "explained"
    UNEXPLAINED = "unexplained"


@dataclass(frozen=True)
class CauseStep:
    """A cause, what the number is once it was taken into account, and by how much that moved it."""

    cause: Cause
    value: float
    size: float


@dataclass(frozen=True)
class Counted:
    """One figure with what was counted for it.

    ours     perfreport's own number over the whole run; None where the run has no such rows
    steady   the same over the judged window
    chains   ways from ours to the tool's number; of the empty one ours is the tool's as it stands
    empty    the run has not a single row that the figure is about
    terms    how many values went into it
    digests  for each chain, where the tool's value stands among the samples at its end, if the tool
             estimates this quantile
    divisor  seconds by which the tool divides, if it is a rate
    known    the run has what the figure is about, or the tool may tell of it though it has not
    decimals by how much the number may be off since the results have six decimals only
    """

    figure: Figure
    ours: float | None
    steady: float | None
    chains: tuple[tuple[tuple[Cause, float | None], ...], ...]
    empty: bool = False
    terms: int = 1
    digests: tuple[Standing | None, ...] = ()
    divisor: float | None = None
    known: bool = True
    decimals: float = 0.0


@dataclass(frozen=True)
class Finding:
    """One figure judged. `why` is a sentence, for what is not equal.

    nearest  of what is unexplained, the number nearest to the tool's that a known way leads to
    """

    subject: str
    kind: str
    statistic: str
    outcome: str  # of which samples: all, ok or failed
    unit: str  # of `tool`
    ours_unit: str  # of `ours`, `steady`, and each step before `kibibytes`
    ours: float | None
    steady: float | None
    tool: float | None
    status: Outcome
    causes: tuple[CauseStep, ...] = ()
    why: str = ""
    nearest: float | None = None


@dataclass(frozen=True)
class Reconciliation:
    """All findings about one report of a tool; `window` is the judged part of the run, for `steady`."""

    run: str
    tool: str
    form: str
    version: str | None
    window: Window
    findings: tuple[Finding, ...]

    def of(self, status: Outcome) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.status == status)

    @property
    def with_ramp_up(self) -> tuple[Finding, ...]:
        """The figures that would be others if only the judged window had been counted."""
        return tuple(finding for finding in self.findings if finding.steady != finding.ours)

    @property
    def reconciled(self) -> bool:
        """Is there a computed cause for every difference, and anything to say so of?"""
        return bool(self.findings) and not self.of(Outcome.UNEXPLAINED)


def reconcile(
    run: str,
    window: Window,
    report: ToolReport,
    counted: Iterable[Counted],
    untold: Iterable[Finding] = (),
) -> Reconciliation:
    """Judge every figure; `untold` is what the run has and the report lacks."""
    findings = (*map(judge, counted), *untold)
    return Reconciliation(run, report.tool, report.form, report.version, window, findings)


def is_reproduced(counted: Iterable[Counted]) -> bool:
    """Does a known way lead to each of these figures?"""
    return all(judge(each).status != Outcome.UNEXPLAINED for each in counted)


def judge(counted: Counted) -> Finding:
    """The finding of one figure by the first chain that leads to it."""
    figure = counted.figure
    if not counted.known:
        return _unexplained(counted)
    for chain, digest in zip_longest(counted.chains, counted.digests):
        steps, value = _walked(counted, chain)
        if value is None:
            continue
        if value == figure.value or _same(value, figure.value):
            return _finding(counted, steps)
        last = CauseStep(Cause.ROUNDING, figure.value, figure.value - value)
        if is_rounding_of(figure.value, value, figure.rounding, counted.terms):
            return _finding(counted, steps if figure.rounding.how == "exact" else [*steps, last])
        if further := _of_six_decimals(counted, value):
            return _finding(counted, [*steps, *further])
        if digest and figure.q is not None and digest.is_digest_of(figure.q):
            return _finding(counted, [*steps, replace(last, cause=Cause.DIGEST)], digest)
    if counted.empty and figure.value == 0:
        return _finding(counted, [CauseStep(Cause.EMPTY_IS_ZERO, 0.0, -(counted.ours or 0.0))])
    return _unexplained(counted)


def _of_six_decimals(counted: Counted, value: float) -> list[CauseStep]:
    """What leads to the tool's number, if the digits that the results lack do."""
    figure, most = counted.figure, counted.decimals
    off = figure.value - value
    if not most:
        return []
    if figure.rounding.how == "exact":
        near = abs(off) <= most + _SAME * abs(value)
        return [CauseStep(Cause.SIX_DECIMALS, figure.value, off)] if near else []
    for shift in (-most, most):
        if is_rounding_of(figure.value, value + shift, figure.rounding, counted.terms):
            return [
                CauseStep(Cause.SIX_DECIMALS, value + shift, shift),
                CauseStep(Cause.ROUNDING, figure.value, off - shift),
            ]
    return []


def _walked(
    counted: Counted, chain: tuple[tuple[Cause, float | None], ...]
) -> tuple[list[CauseStep], float | None]:
    """The causes that moved the number, and where the chain ends."""
    value, steps = counted.ours, []
    for cause, after in chain:
        if after is None:
            return [], None
        if value is None or not _same(value, after):
            steps.append(CauseStep(cause, after, after - (value or 0.0)))
        value = after
    return steps, value


def _same(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=_SAME, abs_tol=0.0)


def _finding(
    counted: Counted, steps: Sequence[CauseStep], digest: Standing | None = None
) -> Finding:
    status = Outcome.EXPLAINED if steps else Outcome.EQUAL
    why = "; ".join(_sentence(step, counted, digest) for step in steps)
    return _made(counted, status, tuple(steps), why)


def _sentence(step: CauseStep, counted: Counted, digest: Standing | None) -> str:
    q, divisor = counted.figure.q, counted.divisor
    if step.cause == Cause.DIGEST and digest and q is not None:
        ranks = digest.error(q)
        points = 100 * ranks / digest.total
        return f"an estimate, {ranks:.3g} of {digest.total:,} ranks ({points:.2g} points) off"
    if step.cause == Cause.DIVISOR and divisor is not None:
        return f"per second of {divisor:.6g} s"
    return CAUSE_WORDS[step.cause]


def _unexplained(counted: Counted) -> Finding:
    if not counted.known:
        why = NO_ROWS
    elif counted.ours is None:
        why = "the run does not hold what this is made of"
    elif errors := _digest_errors(counted):
        why = f"{BAD_ESTIMATE}; this misses it by {min(errors):.4g}"
    else:
        why = "no known way of counting gives the tool's number"
    return replace(_made(counted, Outcome.UNEXPLAINED, (), why), nearest=_nearest(counted))


def _nearest(counted: Counted) -> float | None:
    """Where the chain ends that comes closest."""
    ends = [_walked(counted, chain)[1] for chain in counted.chains] if counted.known else []
    there = [end for end in ends if end is not None]
    return min(there, key=lambda end: abs(end - counted.figure.value), default=None)


def _digest_errors(counted: Counted) -> list[float]:
    q = counted.figure.q
    return [digest.error(q) for digest in counted.digests if digest and q is not None]


def _made(counted: Counted, status: Outcome, steps: tuple[CauseStep, ...], why: str) -> Finding:
    figure = counted.figure
    return Finding(
        subject=str(figure.subject),
        kind=figure.subject.kind.value,
        statistic=statistic_of(figure),
        outcome=figure.outcome,
        unit=figure.unit,
        ours_unit=figure.unit.replace("KiBy", "By"),
        ours=counted.ours,
        steady=counted.steady,
        tool=figure.value,
        status=status,
        causes=steps,
        why=why,
    )


def statistic_of(figure: Figure) -> str:
    """`p95` of a quantile, `count 800..1200` of a range, else the statistic."""
    if figure.q is not None:
        return f"p{100 * figure.q:.10g}"
    if figure.low is None and figure.high is None:
        return figure.statistic
    low = "" if figure.low is None else f"{figure.low:g}"
    high = "" if figure.high is None else f"{figure.high:g}"
    return f"{figure.statistic} {low}..{high} ms"


def untold(kind: str, subject: str, rows: int) -> Finding:
    """What the run has and the tool's report says nothing of."""
    return Finding(
        subject=subject, kind=kind, statistic="count", outcome="all", unit="1", ours_unit="1",
        ours=float(rows), steady=float(rows), tool=None, status=Outcome.UNEXPLAINED,
        why="the tool's report says nothing of it",
    )  # fmt: skip


NO_ROWS = "the run has no such rows"
BAD_ESTIMATE = "an estimate may miss the rank by little"
CAUSE_WORDS = {
    Cause.OK_ONLY: "of successful samples only",
    Cause.FAILED_ONLY: "of failed samples only",
    Cause.SUBRESULTS: "redirects and embedded resources are counted too",
    Cause.CONTROLLERS: "transaction controllers are left out",
    Cause.CUT_CONTROLLERS: "transactions that the end of the test cut off are counted too",
    Cause.FIRST_RECORD: "the first record was taken for a header",
    Cause.CUMULATED: "the time of a group without its pauses",
    Cause.WITH_CONNECT: "connecting and TLS included",
    Cause.WITHOUT_CONNECT: "connecting left out",
    Cause.STEADY_ONLY: "of the steady part of the run only",
    Cause.ALL_ROWS: "of all samples in the file",
    Cause.LAST_ROWS: "of the last 20,000 samples in the file only",
    Cause.TYPE_6: "quantile by definition 6, p (n + 1)",
    Cause.TYPE_7: "quantile by definition 7, p (n - 1)",
    Cause.DIVISOR: "per second of another length of time",
    Cause.KIBIBYTES: "in units of 1,024 bytes",
    Cause.INPUT_ORDER: "the last in the file, where several share a moment",
    Cause.EMPTY_IS_ZERO: "nothing was observed, for which the tool writes 0",
    Cause.DIGEST: "a quantile that is estimated by a t-digest",
    Cause.SIX_DECIMALS: "the results have six decimals only",
    Cause.ROUNDING: "digits that were rounded or cut off",
}
