"""Which exit code a verdict means."""

from __future__ import annotations

from perfreport.errors import Exit
from perfreport.judge.findings import ChangeVerdict, Verdict


def exit_of_check(verdict: Verdict, undecided: str | None) -> Exit:
    """Ready and conditions are 0, not ready is 3, undecided is 4 or what --undecided says."""
    if verdict == Verdict.NOT_READY:
        return Exit.WANTING
    return _folded(undecided) if verdict == Verdict.UNDECIDED else Exit.OK


def exit_of_compare(verdict: ChangeVerdict, undecided: str | None) -> Exit:
    """Regressed is 3, inconclusive and not comparable are 4 or what --undecided says."""
    if verdict == ChangeVerdict.REGRESSED:
        return Exit.WANTING
    open_ended = (ChangeVerdict.INCONCLUSIVE, ChangeVerdict.NOT_COMPARABLE)
    return _folded(undecided) if verdict in open_ended else Exit.OK


def _folded(undecided: str | None) -> Exit:
    return {None: Exit.UNDECIDED, "pass": Exit.OK, "fail": Exit.WANTING}[undecided]
