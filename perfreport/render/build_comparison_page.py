"""A comparison as a page of its own: verdict, the runs, every row with its interval."""

from __future__ import annotations

from perfreport import __version__, units
from perfreport.judge.findings import Comparison, Tested
from perfreport.render.build_comparison import compared
from perfreport.render.build_text import CHANGE_BADGES, count, plain
from perfreport.render.model import ComparisonPage, ComparisonSection, Fact


def build_comparison_page(comparison: Comparison, band: float) -> ComparisonPage:
    """All that the page shows."""
    badge = CHANGE_BADGES[comparison.verdict]
    baseline, run = comparison.baselines[0], comparison.tested
    about = f"{plain(run.name, 40)} against {plain(baseline.name, 40)}"
    return ComparisonPage(
        title=f"{badge.word}: {about}",
        kicker=("Comparison of two runs", about),
        verdict=badge,
        facts=(*_facts("baseline", baseline), *_facts("run", run)),
        section=ComparisonSection("rows", compared(comparison, baseline.name, run.name, band)),
        print_foot=f"{about} · {badge.word}",
        foot=f"perfreport {__version__}. Same input, same bytes.",
    )


def _facts(side: str, tested: Tested) -> tuple[Fact, ...]:
    what = " ".join(plain(part, 24) for part in (tested.system, tested.release) if part)
    seconds = (tested.end - tested.start).total_seconds()
    return (
        Fact(side, ", ".join(part for part in (plain(tested.name, 40), what) if part)),
        Fact(f"{side}, judged window", f"{units.utc(tested.start)} UTC, {units.span(seconds)}"),
        Fact(f"{side}, requests judged", count(tested.requests)),
    )
