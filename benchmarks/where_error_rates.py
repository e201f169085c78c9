"""How often `compare` is wrong about where two runs differ, on simulated pairs whose truth is known.

    python benchmarks/where_error_rates.py [SYSTEMS]

The systems are those of simulation.py: pauses, bursts, drifts of load, heavy tails, failures in
clusters, and what is left of a warm-up. Printed are shares in percent: of endpoints whose change is called a stretch of the run,
throughout, or neither; of runs said to warm up; of pairs whose endpoints are said to move alike.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parent))
from simulation import NOTHING, WARM_UP_S, Effect, Traffic, draw, random_system

from perfreport.judge.compare import Side, compare
from perfreport.judge.newfailures import new_failures
from perfreport.sla.settings import CompareSettings
from perfreport.stats.periods import stretch
from perfreport.stats.shift import period_medians
from perfreport.stats.sketch import BIN_LOG, Sketch, within
from perfreport.stats.warmup import warm_up
from perfreport.tables import FailureRow

FloatArray = NDArray[np.float64]
USUAL = Traffic()
CHANGED = {f"e{number}" for number in range(USUAL.changed)}


def runs(
    number: int,
    count: int,
    run_sd: float = 0.01,
    effect: Effect = NOTHING,
    traffic: Traffic = USUAL,
) -> Iterator[Side]:
    """Some runs of one system, the last with an effect."""
    random = np.random.default_rng([7, number])
    system = random_system(random, traffic)
    for at in range(count):
        yield draw(system, random).side(run_sd, effect if at == count - 1 else NOTHING)


def slowed(own: Sketch, slower: FloatArray) -> Sketch:
    """A sketch with each cell slower by a factor of its own, rounded to bins."""
    moved = np.rint(np.log(slower[own.cell]) / BIN_LOG).astype(np.int64)
    return replace(own, bin=np.maximum(own.bin + moved, 0))


def in_cells(side: Side, slower: FloatArray, endpoints: int) -> Side:
    """A run whose first endpoints are slower by a factor in each cell."""
    changed = {
        name: slowed(own, slower) if at < endpoints else own
        for at, (name, own) in enumerate(side.sketches.items())
    }
    cut = within(changed, side.start, side.window)
    exact = {
        name: replace(row, **{f"p{q}_ms": cut[name].quantile_ms(q / 100) for q in (50, 95, 99)})
        for name, row in side.endpoints.items()
    }
    return replace(side, sketches=changed, endpoints=exact, successful=exact)


def factors(kind: str, cells: int) -> FloatArray:
    """How many times slower each cell of a run is; shares of the judged window."""
    warm = int(np.ceil(WARM_UP_S / 5))
    at = (np.arange(cells) - warm + 0.5) / (cells - warm)
    match kind:
        case "nothing":
            return np.ones(cells)
        case "constant":
            return np.full(cells, 1.15)
        case "a fifth":
            return np.where((at >= 0.4) & (at < 0.6), 1.5, 1.0)
        case "second half":
            return np.where(at >= 0.5, 1.2, 1.0)
        case _:
            raise ValueError(kind)


def pair(number: int, kind: str, run_sd: float) -> tuple[Side, Side]:
    baseline, run = runs(number, 2, run_sd)
    return baseline, in_cells(run, factors(kind, 120), USUAL.changed)


def stretches(systems: int, kind: str, run_sd: float = 0.01) -> float:
    """Share of the changed endpoints in which a stretch is seen, whatever their verdict."""
    seen = 0
    for number in range(systems):
        cut = [
            within(side.sketches, side.start, side.window) for side in pair(number, kind, run_sd)
        ]
        for name in CHANGED:
            before, after = (period_medians(sketches[name], 10) for sketches in cut)
            errors = np.hypot(before[1], after[1])
            seen += stretch(after[0] - before[0], errors, np.log1p(0.05)) is not None
    return seen / systems / len(CHANGED)


def periods(systems: int, kind: str, run_sd: float = 0.01) -> Counter[str]:
    """What is said of the times of the changed endpoints."""
    said: Counter[str] = Counter()
    for number in range(systems):
        baseline, run = pair(number, kind, run_sd)
        for place in compare([baseline], run, CompareSettings()).places:
            if place.name in CHANGED:
                said[_said(place.why)] += 1
    return said


def _said(why: str) -> str:
    if not why:
        return "no verdict"
    if "of the judged window" in why:
        return "stretch"
    return "throughout" if "throughout" in why else "nothing"


def warming_up(systems: int, seconds: float, transient_s: float, size: float) -> float:
    """Share of runs said to warm up: exp(-t/transient) of `size` on all durations of the window."""
    found = 0
    for number in range(systems):
        (run,) = runs(number, 1, traffic=replace(USUAL, seconds=seconds + WARM_UP_S))
        own = next(iter(run.sketches.values()))
        at_s = (np.arange(own.cells) + 0.5) * own.cell_s - WARM_UP_S
        slower = 1 + size * np.exp(-at_s / transient_s) if transient_s else np.ones(len(at_s))
        run = in_cells(run, slower, 10)
        found += warm_up(within(run.sketches, run.start, run.window).values()) is not None
    return found / systems


def moved_alike(systems: int, run_sd: float, effect: Effect = NOTHING) -> float:
    """Share of pairs whose endpoints are said to move alike."""
    found = 0
    for number in range(systems):
        baseline, run = runs(number, 2, run_sd, effect)
        found += bool(compare([baseline], run, CompareSettings()).shared_why)
    return found / systems


def new_kinds(systems: int) -> tuple[float, float]:
    """Share of endpoints of the same system with a failure called new; of those with one, found.

    An endpoint fails in three ways, the rarest in a twentieth of its failures; what is new comes in
    0.2 % of the requests.
    """
    false = true = endpoints = 0
    for number in range(systems):
        random = np.random.default_rng([8, number])
        sides = [
            replace(side, failures=_ways(side, random))
            for side in runs(number, 2, traffic=replace(USUAL, failing=(0.001, 0.005)))
        ]
        added = tuple(
            FailureRow(name, 503, "upstream timeout", int(random.binomial(row.count, 0.002)))
            for name, row in sides[1].endpoints.items()
        )
        worse = replace(sides[1], failures=sides[1].failures + added)
        for name in sides[1].endpoints:
            endpoints += 1
            false += bool(new_failures(name, sides[:1], sides[1]))
            true += any(each.status == 503 for each in new_failures(name, sides[:1], worse))
    return false / endpoints, true / endpoints


def _ways(side: Side, random: np.random.Generator) -> tuple[FailureRow, ...]:
    return tuple(
        FailureRow(name, 500, f"way {'abc'[way]}", int(count))
        for name, row in side.endpoints.items()
        for way, count in enumerate(random.multinomial(row.errors, (0.75, 0.2, 0.05)))
        if count
    )


def main(systems: int) -> None:
    for kind in ("nothing", "constant", "a fifth", "second half"):
        seen = stretches(systems, kind)
        print("periods", kind, seen, dict(periods(systems, kind)), flush=True)
    for seconds, count in ((600, systems), (3600, systems // 4)):
        for transient_s, size in ((0, 0), (60, 0.3), (180, 0.3), (180, 0.15)):
            share = warming_up(count, seconds, transient_s, size)
            print("warm-up", seconds, transient_s, size, share, flush=True)
    for run_sd, effect in (
        (0.0, NOTHING),
        (0.01, NOTHING),
        (0.03, NOTHING),
        (0.01, Effect(slower=1.25)),
        (0.01, Effect(slower=1.05, all=True)),
        (0.01, Effect(slower=1.10, all=True)),
    ):
        print("moved alike", run_sd, effect, moved_alike(systems, run_sd, effect), flush=True)
    print("new failures: false, found", *new_kinds(systems), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 40)
