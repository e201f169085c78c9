"""A comparison as a page of its own: verdict, the runs, every row with its interval, where it differs."""

from __future__ import annotations

from perfreport import __version__, units
from perfreport.judge.findings import Comparison, Tested
from perfreport.render.build_comparison import compared
from perfreport.render.build_text import CHANGE_BADGES, SENTENCE_LENGTH, capital, count, plain
from perfreport.render.change_words import history_lines, reasons
from perfreport.render.model_comparison import ComparisonPage, ComparisonSection, TestedRow

_RUNS_SHOWN = 20
_NOTES_SHOWN = 20


def build_comparison_page(comparison: Comparison, band: float) -> ComparisonPage:
    """All that the page shows; `band` is the change too small to matter."""
    badge = CHANGE_BADGES[comparison.verdict]
    baseline, run = comparison.baselines[0], comparison.tested
    about = f"{plain(run.name, 40)} against {plain(baseline.name, 40)}"
    why, *doubts = (plain(reason, SENTENCE_LENGTH) for reason in reasons(comparison))
    return ComparisonPage(
        title=f"{badge.word}: {about}",
        kicker=("Comparison of two runs", about),
        verdict=badge,
        why=why,
        doubts=tuple(doubts),
        runs=_runs(comparison),
        runs_notes=_notes(comparison),
        section=ComparisonSection(
            "rows", compared(comparison, baseline.name, run.name, band, whole=True)
        ),
        print_foot=f"{about} · {badge.word}",
        foot=f"perfreport {__version__}. Same input, same bytes.",
    )


def _runs(comparison: Comparison) -> tuple[TestedRow, ...]:
    """The run, its baseline, then the history that was used."""
    baseline, *history = comparison.baselines
    return (
        _tested("Run", comparison.tested),
        _tested("Baseline", baseline),
        *(_tested("History", earlier) for earlier in history[:_RUNS_SHOWN]),
    )


def _tested(role: str, tested: Tested) -> TestedRow:
    seconds = (tested.end - tested.start).total_seconds()
    return TestedRow(
        role=role,
        name=plain(tested.name, 60),
        system=" ".join(plain(part, 40) for part in (tested.system, tested.release) if part) or "–",
        environment=plain(tested.environment, 40) or "–",
        tool=plain(tested.tool, 40) or "–",
        window=f"{units.utc(tested.start)}, {units.span(seconds)}",
        requests=count(tested.requests),
        exact="" if tested.exact else "condensed",
    )


def _notes(comparison: Comparison) -> tuple[str, ...]:
    """Which earlier runs were left out and why, and what is not exact."""
    lines = [plain(line, 300) for line in history_lines(comparison)]
    if more := len(comparison.baselines) - 1 - _RUNS_SHOWN:
        lines += [f"{more} more runs of history were used"] if more > 0 else []
    shown = [capital(line) for line in lines[:_NOTES_SHOWN]]
    more = len(lines) - len(shown)
    return (*shown, f"And {more:,} more") if more else tuple(shown)
