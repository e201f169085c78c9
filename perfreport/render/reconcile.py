"""A reconciliation as table and JSON: what is equal, by what the rest is explained, what is not."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from rich.console import Console

from perfreport import units
from perfreport.judge.reconcile import (
    BAD_ESTIMATE,
    CAUSE_WORDS,
    NO_ROWS,
    Cause,
    CauseStep,
    Finding,
    Outcome,
    Reconciliation,
)
from perfreport.render import json
from perfreport.render.summary import window_object
from perfreport.render.table import Column, Table, printable
from perfreport.render.table import for_terminal as print_table

_SHOWN = 200  # figures without a cause; the JSON has all of them
_LONGEST = 60  # of a name
_CAUSES = (
    Column("cause", width=24),
    Column("figures", right=True),
    Column("largest step", width=42),
)
_UNEXPLAINED = (
    Column("figure", width=46),
    Column("our nearest", right=True),
    Column("tool", right=True),
)
_LACKING = (Column("what", width=64), Column("figures", right=True))
_OUTCOME_WORDS = {"all": "", "ok": " of ok", "failed": " of failed"}


def as_json(result: Reconciliation) -> str:
    """The document: every finding, with all digits."""
    return json.document(
        {
            "run": result.run,
            "tool": result.tool,
            "form": result.form,
            "version": result.version,
            "window": window_object(result.window),
            "reconciled": result.reconciled,
            "figures": {
                "total": len(result.findings),
                **{status.value: len(result.of(status)) for status in Outcome},
                "with_ramp_up": len(result.with_ramp_up),
            },
            "findings": result.findings,
        }
    )


def for_terminal(result: Reconciliation, console: Console) -> None:
    """How many figures first, then the causes, then the figures that have none."""
    console.print(printable(f"{result.tool} {result.form}, run {result.run}"), soft_wrap=True)
    console.print(_counts(result), style="bold" if result.reconciled else "bold red")
    if result.with_ramp_up:
        console.print(_ramp_up(result), style="dim")
    if explained := result.of(Outcome.EXPLAINED):
        console.print()
        print_table(_causes(explained), console)
    if unexplained := result.of(Outcome.UNEXPLAINED):
        _print_unexplained(unexplained, console)


def _print_unexplained(findings: Sequence[Finding], console: Console) -> None:
    """A table for each reason why there is no cause."""
    by_why: dict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        by_why[_heading(finding)].append(finding)
    left = _SHOWN
    for why, alike in by_why.items():
        console.print(f"\nwithout a cause: {why}", style="red", soft_wrap=True)
        table = _lacking(alike) if why == NO_ROWS else _without(alike)
        shown, left = table.rows[:left], max(0, left - len(table.rows))
        print_table(Table(table.columns, shown), console)
        if len(shown) < len(table.rows):
            more = len(table.rows) - len(shown)
            console.print(f"and {more:,} more: --format json lists all.")


def _heading(finding: Finding) -> str:
    if finding.why.startswith(BAD_ESTIMATE):
        return f"{BAD_ESTIMATE}; these miss it by more"
    return finding.why


def _counts(result: Reconciliation) -> str:
    counts = [f"{len(result.of(status)):,} {status.value}" for status in Outcome]
    return f"{len(result.findings):,} figures: {', '.join(counts)}"


def _ramp_up(result: Reconciliation) -> str:
    """The tool counts the ramps, `perfreport summary` leaves them out."""
    return f"ramp-up included: without it {len(result.with_ramp_up):,} of our numbers are others"


def _causes(explained: Sequence[Finding]) -> Table:
    """A row per cause, in the order in which causes are listed, with the figure it moves most."""
    rows = []
    for cause in Cause:
        moved = [
            (finding, step)
            for finding in explained
            for step in finding.causes
            if step.cause == cause
        ]
        if moved:
            finding, step = max(moved, key=lambda pair: _relative(pair[1]))
            rows.append((CAUSE_WORDS[cause], f"{len(moved):,}", _step_text(finding, step)))
    return Table(_CAUSES, tuple(rows))


def _relative(step: CauseStep) -> float:
    before = step.value - step.size
    return abs(step.size) / max(abs(before), abs(step.value), 1e-300)


def _step_text(finding: Finding, step: CauseStep) -> str:
    """`get_invoice p99: 24.32 ms to 24 ms`."""
    values = (step.value - step.size, step.value)
    units_ = (finding.ours_unit, finding.ours_unit)
    if step.cause == Cause.KIBIBYTES:
        units_ = (finding.ours_unit, finding.unit)
    before, after = _told_apart(values, units_)
    note = ""
    if step.cause == Cause.DIGEST:
        note = f" ({finding.why.rpartition('; ')[2]})"
    return f"{_figure_text(finding)}: {before} to {after}{note}"


def _told_apart(values: Sequence[float | None], units_: Sequence[str]) -> tuple[str, str]:
    """Two numbers with as many digits as it takes to see that they are not the same."""
    one = other = ""
    for digits in (6, 10, 17):
        one, other = (
            units.precise(value, unit, digits) for value, unit in zip(values, units_, strict=True)
        )
        if one != other:
            break
    return one, other


def _figure_text(finding: Finding) -> str:
    return f"{_subject_text(finding)} {finding.statistic}{_OUTCOME_WORDS.get(finding.outcome, '')}"


def _subject_text(finding: Finding) -> str:
    subject = printable(finding.subject)
    return f"{subject[:_LONGEST]}…" if len(subject) > _LONGEST else subject


def _without(findings: Sequence[Finding]) -> Table:
    return Table(_UNEXPLAINED, tuple((_figure_text(each), *_numbers(each)) for each in findings))


def _numbers(finding: Finding) -> tuple[str, str]:
    ours, unit = finding.nearest, finding.unit
    if ours is None:
        ours, unit = finding.ours, finding.ours_unit
    return _told_apart((ours, finding.tool), (unit, finding.unit))


def _lacking(findings: Sequence[Finding]) -> Table:
    """A line for each label or metric, however many figures it has."""
    counts = Counter(_subject_text(finding) for finding in findings)
    return Table(_LACKING, tuple((subject, f"{count:,}") for subject, count in counts.items()))
