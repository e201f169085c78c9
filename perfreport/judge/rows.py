"""What the rows of a comparison have in common: whom they compare, by which rule, in which words."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from perfreport import units
from perfreport.judge.findings import Change, ChangeVerdict
from perfreport.sla.settings import CompareSettings
from perfreport.stats.sketch import Sketch
from perfreport.tables import Figures

CELLS_AT_LEAST = 10
_MORE_RUNS_AT_MOST = 30  # more is another kind of test
_MINUTES = (*range(5, 60, 5), *range(60, 240, 15), *range(240, 1441, 60))  # 24 h at most


@dataclass(frozen=True)
class Measured:
    """One endpoint on one side: its sketch cut to the window, and its exact figures there."""

    sketch: Sketch
    row: Figures
    successful: Figures | None  # of the successful requests alone; None: nothing succeeded
    seconds: float  # of the window

    @property
    def judged_s(self) -> float:
        """What the sketch covers of the window: whole cells."""
        return self.sketch.cells * self.sketch.cell_s


@dataclass(frozen=True)
class Endpoint:
    """One endpoint in the run and in those of the baselines that have it."""

    name: str
    baselines: tuple[Measured, ...]
    run: Measured

    @property
    def sides(self) -> tuple[Measured, ...]:
        return (self.run, *self.baselines)

    @property
    def sketches(self) -> list[Sketch]:
        return [side.sketch for side in self.sides]


@dataclass(frozen=True)
class Rule:
    """What all rows of a comparison share."""

    settings: CompareSettings
    alpha: float  # one-sided level of one row
    waiting: bool = False  # whether it is known that users wait for answers: a closed model


@dataclass(frozen=True)
class Advice:
    """What would decide an inconclusive row: so many more baseline runs, or minutes a run."""

    runs: int | None
    minutes: float | None

    @property
    def text(self) -> str:
        ways = []
        if self.runs:
            ways.append(f"{self.runs} more baseline {'run' if self.runs == 1 else 'runs'}")
        if self.minutes:
            ways.append(f"runs of {units.span(self.minutes * 60)}")
        if not ways:
            return "neither more runs nor longer ones would decide it"
        return f"{' or '.join(ways)} would probably decide it"


def advice(decides: Callable[[int, float], bool], seconds: float) -> Advice:
    """The fewest more baseline runs, and the shortest runs, that decide.

    decides  whether so many more runs, or runs so many times as long, would
    seconds  that were judged of each run
    """
    runs: int | None = None
    if decides(_MORE_RUNS_AT_MOST, 1.0):
        runs = next(more for more in range(1, _MORE_RUNS_AT_MOST + 1) if decides(more, 1.0))
    longer = [minutes for minutes in _MINUTES if minutes * 60 > seconds]
    if not longer or not decides(0, longer[-1] * 60 / seconds):
        return Advice(runs, None)
    return Advice(
        runs, float(next(minutes for minutes in longer if decides(0, minutes * 60 / seconds)))
    )


def with_advice(row: Change, given: Advice) -> Change:
    """An inconclusive row that tells what would decide it."""
    return replace(row, more_runs=given.runs, minutes=given.minutes, why=f"{row.why}; {given.text}")


def few_cells(sketches: Iterable[Sketch]) -> str:
    """Why a row is below the minimum number of cells of time, or nothing."""
    filled = min(sketch.filled_cells for sketch in sketches)
    if filled < CELLS_AT_LEAST:
        return f"requests in {filled} cells of time, {CELLS_AT_LEAST} needed"
    return ""


def unjudged(figures: Change, why: str, minutes: float | None = None) -> Change:
    """Below the minimum sizes: the figures alone, without a claim.

    minutes  that a run would have to last at this rate of requests
    """
    if minutes is not None:
        why = f"{why}: runs of {units.span(minutes * 60)} at this rate"
    return replace(
        figures, verdict=ChangeVerdict.NOT_COMPARABLE, minutes=minutes, why=f"not judged: {why}"
    )


def minutes_for(needed: float, there: float, seconds: float) -> float | None:
    """Whole minutes in which `needed` requests come at the rate at which `there` came."""
    if there <= 0 or not seconds:
        return None
    minutes = math.ceil(needed / there * seconds / 60)
    return float(minutes) if minutes <= _MINUTES[-1] else None


def geometric_mean(values: Iterable[float | None]) -> float | None:
    """Of the values that are known; None of none, 0 if one is 0."""
    known = [value for value in values if value is not None]
    if not known:
        return None
    if min(known) <= 0:
        return 0.0
    if len(known) == 1:
        return known[0]
    return math.exp(sum(math.log(value) for value in known) / len(known))


def around(low: float, high: float, shown: float | None) -> tuple[float, float]:
    """The interval of the sketch, stretched to the exact change that is shown."""
    if shown is None:
        return low, high
    return min(low, shown), max(high, shown)


def pooled_text(baselines: int, mean: str = "geometric mean") -> list[str]:
    """`baseline: geometric mean of 4 runs` where there are several."""
    return [f"baseline: {mean} of {baselines} runs"] if baselines > 1 else []


def signed(fraction: float) -> str:
    return f"{fraction * 100:+,.1f}".replace("-", "−")


def p_text(p_value: float) -> str:
    return f"p {units.number(p_value, 2)}" if p_value >= 0.0001 else "p < 0.0001"
