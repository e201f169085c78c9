"""How often `compare` is wrong, on simulated pairs of runs whose truth is known.

    python benchmarks/compare_error_rates.py [SYSTEMS]

A system is ten endpoints with their own rates, shapes and tails. Its runs share drifts of load,
pauses that hold all requests, failures that come in clusters, and a factor on all durations of one
run, whose standard deviation is the run-to-run sd. The table says which share of the pairs was
called what. Seeded: the same numbers each time.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from perfreport.judge.compare import Side, compare
from perfreport.judge.findings import ChangeVerdict, Comparison
from perfreport.run.info import RunInfo
from perfreport.sla.settings import CompareSettings
from perfreport.stats.sketch import BIN_LOG, FLOOR_MS, Sketch, cell_seconds
from perfreport.stats.window import Window
from perfreport.tables import Figures

FloatArray = NDArray[np.float64]
START = datetime(2026, 1, 1, tzinfo=UTC)
CHANGED = 3  # endpoints that an effect touches
USUAL = (0.0002, 0.002)  # least and largest error rate of an endpoint
FAILING = (0.001, 0.005)


@dataclass(frozen=True)
class Endpoint:
    rate_per_s: float
    median_ms: float
    spread: float  # sd of the logarithm of the body
    tail_share: float
    error_rate: float


@dataclass(frozen=True)
class System:
    endpoints: tuple[Endpoint, ...]
    pause_every_s: float
    pause_ms: float
    load_sd: float


@dataclass(frozen=True)
class Effect:
    """What the new release does to the first CHANGED endpoints."""

    slower: float = 1.0
    errors: float = 1.0


NOTHING = Effect()


def random_system(
    random: np.random.Generator,
    endpoints: int,
    slowest_rate: float,
    error_rates: tuple[float, float] = USUAL,
) -> System:
    return System(
        tuple(_random_endpoint(random, slowest_rate, error_rates) for _ in range(endpoints)),
        pause_every_s=random.uniform(15, 60),
        pause_ms=random.uniform(30, 200),
        load_sd=random.uniform(0.02, 0.06),
    )


def _random_endpoint(
    random: np.random.Generator, slowest_rate: float, error_rates: tuple[float, float]
) -> Endpoint:
    return Endpoint(
        rate_per_s=slowest_rate * float(np.exp(random.uniform(0, np.log(15)))),
        median_ms=float(np.exp(random.uniform(np.log(15), np.log(300)))),
        spread=random.uniform(0.2, 0.5),
        tail_share=random.uniform(0.01, 0.05),
        error_rate=float(np.exp(random.uniform(*np.log(error_rates)))),
    )


def simulate(
    system: System, random: np.random.Generator, seconds: float, run_sd: float, effect: Effect
) -> Side:
    """One run of a system: each request drawn, then sketched as `sql/sketch.sql` would."""
    load = _load(system, random, seconds)
    pauses = np.cumsum(random.exponential(system.pause_every_s, int(seconds / 5) + 10))
    pause_ms = system.pause_ms * random.lognormal(0, 0.6, len(pauses))
    run_factor = float(np.exp(random.normal(0, run_sd)))
    errors_factor = float(np.exp(random.normal(0, 0.3)))
    sketches, rows, successes = {}, {}, {}
    for number, endpoint in enumerate(system.endpoints):
        mine = effect if number < CHANGED else NOTHING
        times = _arrivals(endpoint, random, seconds, load)
        durations = _durations(endpoint, random, times, load) * mine.slower * run_factor
        durations = durations + _held(times, pauses, pause_ms)
        rate = endpoint.error_rate * mine.errors * errors_factor
        failed = random.uniform(size=len(times)) < rate * _clusters(random, seconds, times)
        name = f"e{number}"
        sketches[name] = sketch(times, durations, failed, seconds)
        rows[name] = figures(durations, failed)
        successes[name] = figures(durations[~failed], failed[~failed])
    window = Window(START, START + timedelta(seconds=seconds), "all")
    return Side("run", RunInfo(), START, window, sketches, rows, successes, users=100.0)


def _load(system: System, random: np.random.Generator, seconds: float) -> FloatArray:
    """Log of the load second by second: autocorrelated over half a minute."""
    return _wandering(random, int(seconds) + 1, memory_s=30) * system.load_sd


def _wandering(random: np.random.Generator, length: int, memory_s: float) -> FloatArray:
    """An AR(1) series of variance 1, started in its stationary state."""
    keep = np.exp(-1 / memory_s)
    shocks = random.normal(0, np.sqrt(1 - keep**2), length)
    series = np.empty(length)
    series[0] = random.normal()
    for at in range(1, length):
        series[at] = keep * series[at - 1] + shocks[at]
    return series


def _arrivals(
    endpoint: Endpoint, random: np.random.Generator, seconds: float, load: FloatArray
) -> FloatArray:
    count = random.poisson(endpoint.rate_per_s * seconds)
    times = random.uniform(0, seconds, count)
    return np.sort(times[random.uniform(size=count) < np.exp(load[times.astype(int)] - 0.1)])


def _durations(
    endpoint: Endpoint, random: np.random.Generator, times: FloatArray, load: FloatArray
) -> FloatArray:
    body = endpoint.median_ms * random.lognormal(0, endpoint.spread, len(times))
    tail = 1 + random.pareto(2.5, len(times)) * (
        random.uniform(size=len(times)) < endpoint.tail_share
    )
    drift = np.exp(0.5 * load[times.astype(int)])  # more load, slower answers
    return body * tail * drift


def _held(times: FloatArray, pauses: FloatArray, pause_ms: FloatArray) -> FloatArray:
    """What each request waits for the end of a pause that it met."""
    last = np.searchsorted(pauses, times, side="right") - 1
    begun = np.where(last >= 0, pauses[last], -np.inf)
    return np.maximum(0, pause_ms[last] - (times - begun) * 1000)


def _clusters(random: np.random.Generator, seconds: float, times: FloatArray) -> FloatArray:
    """How many times more likely a failure is than on average, second by second."""
    clustered = np.exp(_wandering(random, int(seconds) + 1, memory_s=5))
    return (clustered / clustered.mean())[times.astype(int)]


def sketch(
    times: FloatArray, durations: FloatArray, failed: NDArray[np.bool_], seconds: float
) -> Sketch:
    """The same counts as the query's."""
    cell_s = cell_seconds(seconds)
    cell = (times // cell_s).astype(np.int64)
    bins = np.floor(np.log(np.maximum(durations, FLOOR_MS) / FLOOR_MS) / BIN_LOG).astype(np.int64)
    width = int(bins.max()) + 1
    places, index, count = np.unique(cell * width + bins, return_inverse=True, return_counts=True)
    errors = np.bincount(index, failed, len(places)).astype(np.int64)
    cells = int(np.ceil(seconds / cell_s))
    return Sketch(cell_s, 0, cells, places // width, places % width, count.astype(np.int64), errors)


def figures(durations: FloatArray, failed: NDArray[np.bool_]) -> Figures:
    """The exact figures."""
    return Figures(
        len(durations),
        int(failed.sum()),
        float(failed.mean()),
        float(durations.mean()),
        *(float(value) for value in np.percentile(durations, (50, 95, 99))),
    )


@dataclass
class Tally:
    """Verdicts of rows, by statistic, and of runs."""

    rows: dict[str, list[ChangeVerdict]]
    runs: list[ChangeVerdict]

    def add(self, comparison: Comparison, names: set[str]) -> None:
        self.runs.append(comparison.verdict)
        for change in comparison.comparisons:
            if change.verdict is not None and change.name in names:
                self.rows.setdefault(change.statistic, []).append(change.verdict)

    def share(self, statistic: str, verdict: ChangeVerdict) -> float:
        verdicts = self.rows[statistic]
        return sum(one == verdict for one in verdicts) / len(verdicts)

    def runs_called(self, verdict: ChangeVerdict) -> float:
        return sum(one == verdict for one in self.runs) / len(self.runs)


def measure(
    systems: int,
    run_sd: float,
    effect: Effect,
    *,
    seconds: float = 600,
    endpoints: int = 10,
    slowest_rate: float = 10,
    error_rates: tuple[float, float] = USUAL,
    seed: int = 0,
) -> Tally:
    """Verdicts over `systems` pairs; of all endpoints without an effect, else of those changed."""
    tally = Tally({}, [])
    touched = endpoints if effect == NOTHING else CHANGED
    for number in range(systems):
        random = np.random.default_rng([seed, number, round(run_sd * 1000)])
        system = random_system(random, endpoints, slowest_rate, error_rates)
        baseline = simulate(system, random, seconds, run_sd, NOTHING)
        run = simulate(system, random, seconds, run_sd, effect)
        settings = CompareSettings(min_steady=min(300, seconds))
        tally.add(compare([baseline], run, settings), {f"e{at}" for at in range(touched)})
    return tally


CASES = (
    ("the same, called regressed", NOTHING, USUAL, ChangeVerdict.REGRESSED),
    ("the same, called unchanged", NOTHING, USUAL, ChangeVerdict.UNCHANGED),
    ("the same, called inconclusive", NOTHING, USUAL, ChangeVerdict.INCONCLUSIVE),
    ("the same, failing often, called regressed", NOTHING, FAILING, ChangeVerdict.REGRESSED),
    ("the same, failing often, called inconclusive", NOTHING, FAILING, ChangeVerdict.INCONCLUSIVE),
    ("+5 %, called regressed", Effect(slower=1.05), USUAL, ChangeVerdict.REGRESSED),
    ("+10 %, called regressed", Effect(slower=1.10), USUAL, ChangeVerdict.REGRESSED),
    ("+10 %, called unchanged", Effect(slower=1.10), USUAL, ChangeVerdict.UNCHANGED),
    ("+25 %, called regressed", Effect(slower=1.25), USUAL, ChangeVerdict.REGRESSED),
    ("−20 %, called improved", Effect(slower=0.80), USUAL, ChangeVerdict.IMPROVED),
    ("errors x 5, called regressed", Effect(errors=5), USUAL, ChangeVerdict.REGRESSED),
)
RUN_SDS = (0.0, 0.01, 0.03)


def main(systems: int) -> None:
    """A Markdown table: P50/P95/P99, errors and run, in percent, for each run-to-run sd."""
    print("|", " | ".join(["", *(f"run sd {run_sd * 100:.0f} %" for run_sd in RUN_SDS)]), "|")
    print("|---" * (1 + len(RUN_SDS)) + "|")
    tallies: dict[tuple[Effect, tuple[float, float], float], Tally] = {}
    for what, effect, error_rates, verdict in CASES:
        cells = []
        for run_sd in RUN_SDS:
            key = (effect, error_rates, run_sd)
            if key not in tallies:
                tallies[key] = measure(systems, run_sd, effect, error_rates=error_rates)
            cells.append(_cell(tallies[key], verdict))
        print(f"| {what} | {' | '.join(cells)} |", flush=True)


def _cell(tally: Tally, verdict: ChangeVerdict) -> str:
    times = "/".join(_percent(tally.share(name, verdict)) for name in ("p50", "p95", "p99"))
    errors = _percent(tally.share("error_rate", verdict))
    return f"{times} ; {errors} ; {_percent(tally.runs_called(verdict))}"


def _percent(share: float) -> str:
    return f"{share * 100:.1f}" if 0 < share < 0.1 else f"{share * 100:.0f}"


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 80)
