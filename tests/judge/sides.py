"""Sides of comparisons from requests without autocorrelation, and what is asked of comparisons."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

import numpy as np

from perfreport.judge.compare import Side, compare
from perfreport.judge.findings import Change, ChangeVerdict, Comparison
from perfreport.run.info import RunInfo
from perfreport.sla.settings import CompareSettings
from perfreport.stats.window import Window

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from simulation import START, figures, sketch

__all__ = [
    "SECONDS",
    "START",
    "against",
    "figures",
    "ids",
    "judged",
    "of",
    "side",
    "sketch",
    "verdicts",
]

SECONDS = 600.0


def side(
    *,
    seed: int = 1,
    seconds: float = SECONDS,
    requests: int = 20_000,
    slower: float = 1.0,
    failing: float = 0.0,
    failure_ms: float | None = None,
    names: tuple[str, ...] = ("order", "pay"),
    share: tuple[float, ...] = (0.5, 0.5),
    changed: str = "order",
    median_ms: float = 50.0,
    users: float | None = None,
    **info,
) -> Side:
    """A run of requests without autocorrelation; only `changed` is slower or fails."""
    random = np.random.default_rng(seed)
    sketches, rows, successes = {}, {}, {}
    for name, part in zip(names, share, strict=True):
        mine = name == changed
        count = round(requests * part)
        times = np.sort(random.uniform(0, seconds, count))
        durations = random.lognormal(np.log(median_ms * (slower if mine else 1)), 0.4, count)
        failed = random.uniform(size=count) < (failing if mine else 0.0)
        if failure_ms is not None:
            durations[failed] = failure_ms
        sketches[name] = sketch(times, durations, failed, seconds)
        rows[name] = figures(durations, failed)
        if not failed.all():
            successes[name] = figures(durations[~failed], failed[~failed])
    window = Window(START, START + timedelta(seconds=seconds), "all")
    return Side("run", RunInfo(**info), START, window, sketches, rows, successes, users)


def judged(baseline: Side, run: Side, critical=frozenset(), **settings) -> Comparison:
    return against([baseline], run, critical, **settings)


def against(baselines: list[Side], run: Side, critical=frozenset(), **settings) -> Comparison:
    return compare(baselines, run, CompareSettings(**settings), critical)


def of(comparison: Comparison, name: str, statistic: str) -> Change:
    (found,) = (
        change
        for change in comparison.comparisons
        if (change.name, change.statistic) == (name, statistic)
    )
    return found


def verdicts(comparison: Comparison, statistic: str) -> dict[str, ChangeVerdict | None]:
    return {c.name: c.verdict for c in comparison.comparisons if c.statistic == statistic}


def ids(comparison: Comparison) -> set[str]:
    return {doubt.id for doubt in comparison.comparable}
