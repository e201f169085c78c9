"""A comparison as a page of its own: verdict, the two runs, every row with its interval."""

from __future__ import annotations

from perfreport import __version__, units
from perfreport.judge.evidence import Summary
from perfreport.judge.findings import Comparison
from perfreport.render.build_comparison import compared
from perfreport.render.build_text import CHANGE_BADGES, count, plain
from perfreport.render.model import ComparisonPage, ComparisonSection, Fact


def build_comparison_page(
    comparison: Comparison,
    baseline: tuple[str, Summary],
    run: tuple[str, Summary],
    band: float,
) -> ComparisonPage:
    """All that the page shows; each run with its name and its judged window."""
    badge = CHANGE_BADGES[comparison.verdict]
    names = plain(run[0], 40), plain(baseline[0], 40)
    about = f"{names[0]} against {names[1]}"
    return ComparisonPage(
        title=f"{badge.word}: {about}",
        kicker=("Comparison of two runs", about),
        verdict=badge,
        facts=(*_facts("baseline", *baseline), *_facts("run", *run)),
        section=ComparisonSection("rows", compared(comparison, baseline[0], run[0], band)),
        print_foot=f"{about} · {badge.word}",
        foot=f"perfreport {__version__}. Same input, same bytes.",
    )


def _facts(side: str, name: str, summary: Summary) -> tuple[Fact, ...]:
    info, window = summary.run, summary.window
    what = " ".join(plain(part, 24) for part in (info.system, info.release) if part)
    tested = f"{units.utc(window.start)} UTC, {units.span(window.seconds)}"
    return (
        Fact(side, ", ".join(part for part in (plain(name, 40), what) if part)),
        Fact(f"{side}, judged window", tested),
        Fact(f"{side}, requests judged", count(summary.total.count)),
    )
