"""What a run did in its judged window, in one line: the title of its timeline."""

from __future__ import annotations

from perfreport import units
from perfreport.judge.evidence import RunEvidence
from perfreport.render.build_soak import growing_text
from perfreport.render.build_text import clock, count, counted
from perfreport.render.figures.scale import finite
from perfreport.sla.model import Pack


def story(run: RunEvidence, pack: Pack, left: float, right: float) -> str:
    """What the run did in its judged window, in one line."""
    inside = [row for row in run.timeline if left <= row.at_s < right and row.requests]
    levels = [(row.at_s, level) for row in inside for level in finite([row.p95_ms])]
    if len(levels) < 3:
        return _series_title(run, pack) if not run.total.count else _totals(run)
    middle = _typical([level for _, level in levels])
    return f"{_told(levels, middle, run.bin_s)}; {_failed(run)}"


def _told(levels: list[tuple[float, float]], middle: float, bin_s: float) -> str:
    """How P95 moved: it drifted, stood higher for a while, peaked, or held."""
    third = max(1, len(levels) // 3)
    first, last = (_typical([p for _, p in part]) for part in (levels[:third], levels[-third:]))
    if last >= 1.2 * first:
        return f"P95 rose from {units.ms(first)} to {units.ms(last)} within the judged window"
    if last <= first / 1.2:
        return f"P95 fell from {units.ms(first)} to {units.ms(last)} within the judged window"
    if spell := _longest_spell(levels, 1.5 * middle):
        start, end = clock(spell[0][0]), clock(spell[-1][0] + bin_s)
        high = units.ms(_typical([level for _, level in spell]))
        return f"P95 stood near {high} from {start} to {end}, else near {units.ms(middle)}"
    peak_at, peak = max(levels, key=lambda pair: pair[1])
    if peak >= 2 * middle:
        return f"P95 held near {units.ms(middle)} but peaked at {units.ms(peak)} after {clock(peak_at)}"
    return f"P95 held near {units.ms(middle)}, never above {units.ms(peak)} in the judged window"


def _longest_spell(levels: list[tuple[float, float]], above: float) -> list[tuple[float, float]]:
    """The longest stretch of values above a level; empty unless it is 5 % of all and three values."""
    longest: list[tuple[float, float]] = []
    spell: list[tuple[float, float]] = []
    for pair in levels:
        spell = [*spell, pair] if pair[1] > above else []
        longest = max(longest, spell, key=len)
    return longest if len(longest) >= max(3, len(levels) / 20) else []


def _totals(run: RunEvidence) -> str:
    return f"{count(run.total.count)} requests in {units.span(run.window.seconds)}; {_failed(run)}"


def _failed(run: RunEvidence) -> str:
    return f"{counted(run.total.errors, 'request')} failed"


def _series_title(run: RunEvidence, pack: Pack) -> str:
    if growing := growing_text(run.trends, pack):
        return f"{growing} over {units.span(run.whole.seconds)}"
    names = len({point.name for point in run.series})
    return f"{counted(names, 'server series', 'server series').capitalize()} over {units.span(run.whole.seconds)}"


def _typical(levels: list[float]) -> float:
    """The value of the middle bin: percentiles of bins are picked, never averaged."""
    return sorted(levels)[len(levels) // 2]
