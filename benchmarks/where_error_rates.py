"""How often `compare` is wrong about where two runs differ, on simulated pairs whose truth is known.

    python benchmarks/where_error_rates.py [SYSTEMS]

The systems are those of compare_error_rates.py: pauses, drifts of load, heavy tails, failures in
clusters. Printed are shares in percent: of endpoints whose change is called a stretch of the run,
throughout, or neither; of runs said to warm up; of pairs whose endpoints are said to move alike.
"""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parent))
from compare_error_rates import (
    CHANGED,
    NOTHING,
    Effect,
    random_system,
    simulate,
)

from perfreport.judge.compare import Side, compare
from perfreport.judge.newfailures import new_failures
from perfreport.sla.settings import CompareSettings
from perfreport.stats.periods import stretch
from perfreport.stats.shift import period_medians
from perfreport.stats.sketch import BIN_LOG, Sketch
from perfreport.stats.warmup import warm_up
from perfreport.tables import FailureRow

FloatArray = NDArray[np.float64]


def slowed(own: Sketch, factors: FloatArray) -> Sketch:
    """A sketch with each cell slower by a factor of its own, rounded to bins."""
    moved = np.rint(np.log(factors[own.cell]) / BIN_LOG).astype(np.int64)
    return replace(own, bin=np.maximum(own.bin + moved, 0))


def in_cells(side: Side, factors: FloatArray, endpoints: int) -> Side:
    """A run whose first endpoints are slower by a factor in each cell."""
    changed = {
        name: slowed(own, factors) if at < endpoints else own
        for at, (name, own) in enumerate(side.sketches.items())
    }
    exact = {
        name: replace(row, **{f"p{q}_ms": changed[name].quantile_ms(q / 100) for q in (50, 95, 99)})
        for name, row in side.endpoints.items()
    }
    return replace(side, sketches=changed, endpoints=exact, successful=exact)


def factors(kind: str, cells: int) -> FloatArray:
    """How many times slower each cell is."""
    at = (np.arange(cells) + 0.5) / cells
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


def stretches(systems: int, kind: str, run_sd: float = 0.01, seed: int = 0) -> float:
    """Share of the changed endpoints in which a stretch is seen, whatever their verdict."""
    seen = 0
    for number in range(systems):
        random = np.random.default_rng([seed, number])
        system = random_system(random, 10, 10)
        baseline, run = (simulate(system, random, 600, run_sd, NOTHING) for _ in range(2))
        run = in_cells(run, factors(kind, 120), CHANGED)
        for at in range(CHANGED):
            before, after = (
                period_medians(side.sketches[f"e{at}"], 10) for side in (baseline, run)
            )
            errors = np.hypot(before[1], after[1])
            seen += stretch(after[0] - before[0], errors, np.log1p(0.05)) is not None
    return seen / systems / CHANGED


def periods(systems: int, kind: str, run_sd: float = 0.01, seed: int = 0) -> Counter[str]:
    """What is said of the periods of the changed endpoints: of those whose change was found."""
    said: Counter[str] = Counter()
    for number in range(systems):
        random = np.random.default_rng([seed, number])
        system = random_system(random, 10, 10)
        baseline, run = (simulate(system, random, 600, run_sd, NOTHING) for _ in range(2))
        run = in_cells(run, factors(kind, 120), CHANGED)
        for place in compare([baseline], run, CompareSettings()).places:
            if place.name in {f"e{at}" for at in range(CHANGED)}:
                said[_said(place.why)] += 1
    return said


def _said(why: str) -> str:
    if not why:
        return "no verdict"
    if "of the judged window" in why:
        return "stretch"
    return "throughout" if "throughout" in why else "nothing"


def warming_up(
    systems: int, seconds: float, transient_s: float, size: float, seed: int = 0
) -> float:
    """Share of runs said to warm up: exp(-t/transient) of `size` on all durations."""
    found = 0
    for number in range(systems):
        random = np.random.default_rng([seed, number])
        run = simulate(random_system(random, 10, 10), random, seconds, 0.01, NOTHING)
        cell_s = next(iter(run.sketches.values())).cell_s
        at_s = (np.arange(int(np.ceil(seconds / cell_s))) + 0.5) * cell_s
        slower = 1 + size * np.exp(-at_s / transient_s) if transient_s else np.ones(len(at_s))
        run = in_cells(run, slower, 10)
        found += warm_up(run.sketches.values()) is not None
    return found / systems


def moved_alike(systems: int, run_sd: float, all_slower: float, some_slower: float) -> float:
    """Share of pairs whose endpoints are said to move alike."""
    found = 0
    for number in range(systems):
        random = np.random.default_rng([3, number])
        system = random_system(random, 10, 10)
        baseline = simulate(system, random, 600, run_sd, NOTHING)
        run = simulate(system, random, 600, run_sd, Effect(slower=some_slower))
        run = in_cells(run, np.full(120, all_slower), 10)
        found += bool(compare([baseline], run, CompareSettings()).shared_why)
    return found / systems


def new_kinds(systems: int, seed: int = 0) -> tuple[float, float]:
    """Share of endpoints of the same system with a failure called new; of those with one, found.

    An endpoint fails in three ways, the rarest in a twentieth of its failures; what is new comes in
    0.2 % of the requests.
    """
    false = true = endpoints = 0
    for number in range(systems):
        random = np.random.default_rng([seed, number])
        system = random_system(random, 10, 10, (0.001, 0.005))
        sides = []
        for _ in range(2):
            side = simulate(system, random, 600, 0.01, NOTHING)
            rows = [
                FailureRow(name, 500, f"way {'abc'[way]}", int(count))
                for name, row in side.endpoints.items()
                for way, count in enumerate(random.multinomial(row.errors, (0.75, 0.2, 0.05)))
                if count
            ]
            sides.append(replace(side, failures=tuple(rows)))
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


def main(systems: int) -> None:
    for kind in ("nothing", "constant", "a fifth", "second half"):
        print("stretch seen", kind, stretches(systems, kind), flush=True)
        print("periods", kind, dict(periods(systems, kind)), flush=True)
    for seconds in (600, 3600):
        for transient_s, size in ((0, 0), (60, 0.3), (180, 0.3), (180, 0.15)):
            share = warming_up(systems, seconds, transient_s, size)
            print("warm-up", seconds, transient_s, size, share, flush=True)
    for case in (
        (0, 1, 1),
        (0.01, 1, 1),
        (0.03, 1, 1),
        (0.01, 1, 1.25),
        (0.01, 1.05, 1),
        (0.01, 1.1, 1),
    ):
        print("moved alike", case, moved_alike(systems, *case), flush=True)
    print("new failures: false, found", *new_kinds(systems), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 40)
