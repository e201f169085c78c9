"""Simulated runs whose truth is known, for measuring how often `compare` is wrong.

A system is some endpoints with their own rates, shapes and tails. Its runs share a load that wanders
and drifts, bursts, pauses that hold all requests (garbage collection), and what is left of a
warm-up; each endpoint wanders by itself besides, and its failures come in clusters. Two runs of one
system differ by a factor on all durations of a run, whose standard deviation is the run-to-run sd:
0.8 of its variance is common to all endpoints, the rest each endpoint's own. The figures are chosen
to be like the systems of docs/statistics.md, not to suit the method.

All that is random is drawn by `draw`, with the run factor as a standard normal number, so that one
draw serves each run-to-run sd and each effect: the cells of a table then differ less by chance.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from perfreport.judge.comparable import Side
from perfreport.run.info import RunInfo
from perfreport.stats.sketch import BIN_LOG, FLOOR_MS, Sketch, cell_seconds
from perfreport.stats.window import Window
from perfreport.tables import Figures

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
START = datetime(2026, 1, 1, tzinfo=UTC)
WARM_UP_S = 30.0  # cut off, as by stats.window; some of the warm-up is left
SHARED = 0.8  # of the variance between runs, common to all endpoints
ERROR_SD = 0.3  # of the logarithm of the error rate, from run to run


@dataclass(frozen=True)
class Traffic:
    """What a simulated test looks like.

    rates      requests per second of the quietest and of the busiest endpoint
    failing    least and largest share of failures of an endpoint
    changed    how many endpoints an effect touches
    """

    seconds: float = 600.0
    rates: tuple[float, float] = (10.0, 150.0)
    failing: tuple[float, float] = (0.001, 0.001)
    endpoints: int = 10
    changed: int = 3


@dataclass(frozen=True)
class Effect:
    """What the new release does to the first endpoints.

    slower  factor on each duration
    tail    factor on what takes longer than P90
    slow    share of the requests that take five times as long
    stalls  how many in 10 minutes, of 1 to 3 s: who comes waits for the end
    errors  factor on the rate of failures
    load    factor on the requests
    all     whether it touches every endpoint
    """

    slower: float = 1.0
    tail: float = 1.0
    slow: float = 0.0
    stalls: int = 0
    errors: float = 1.0
    load: float = 1.0
    all: bool = False


NOTHING = Effect()


@dataclass(frozen=True)
class Endpoint:
    rate_per_s: float
    median_ms: float
    spread: float  # sd of the logarithm of the body
    tail_share: float
    tail_index: float  # of the Pareto tail: smaller is heavier
    wander: float  # sd of the logarithm of its own slow changes
    failing: float


@dataclass(frozen=True)
class System:
    """One system under one test."""

    traffic: Traffic
    endpoints: tuple[Endpoint, ...]
    pause_every_s: float
    pause_ms: float
    load_sd: float
    burst_every_s: float

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f"e{number}" for number in range(len(self.endpoints)))


@dataclass(frozen=True, eq=False)
class Recorded:
    """The requests of one endpoint in one run, before run factor and effect.

    luck    a request fails if this is below the rate of failures
    chance  uniform, for what an effect does to some requests
    """

    endpoint: Endpoint
    times: FloatArray
    durations: FloatArray
    luck: FloatArray
    chance: FloatArray

    @cached_property
    def p90_ms(self) -> float:
        return float(np.quantile(self.durations, 0.90))


@dataclass(frozen=True, eq=False)
class _Factors:
    """How a run differs from others, in standard deviations: all of it, and each endpoint."""

    common: float
    own: FloatArray

    def of(self, number: int) -> float:
        return float(np.sqrt(SHARED) * self.common + np.sqrt(1 - SHARED) * self.own[number])


@dataclass(frozen=True, eq=False)
class Draw:
    """One run of a system, and how it differs from others in standard deviations."""

    system: System
    recorded: tuple[Recorded, ...]
    slower: _Factors
    failing: _Factors
    stalls_s: FloatArray  # begin and length of the stalls that an effect may bring
    stall_length_s: FloatArray

    def side(self, run_sd: float = 0.0, effect: Effect = NOTHING) -> Side:
        """The run as one side of a comparison."""
        sketches, rows, successes = {}, {}, {}
        touched = len(self.recorded) if effect.all else self.system.traffic.changed
        seconds = self.system.traffic.seconds
        for number, name in enumerate(self.system.names):
            mine = effect if number < touched else NOTHING
            times, durations, failed = self.requests(number, run_sd, mine)
            sketches[name] = sketch(times, durations, failed, seconds)
            judged = times >= WARM_UP_S
            rows[name] = figures(durations[judged], failed[judged])
            kept = judged & ~failed
            successes[name] = figures(durations[kept], failed[kept])
        window = Window(
            START + timedelta(seconds=WARM_UP_S), START + timedelta(seconds=seconds), "all"
        )
        return Side("run", RunInfo(), START, window, sketches, rows, successes)

    def requests(
        self, number: int, run_sd: float, effect: Effect
    ) -> tuple[FloatArray, FloatArray, BoolArray]:
        """Start in seconds, duration in ms and failure of each request of one endpoint."""
        recorded = self.recorded[number]
        factor = np.exp(run_sd * self.slower.of(number)) * effect.slower
        times, durations = recorded.times, recorded.durations * factor
        if effect.tail != 1.0:
            late = recorded.durations > recorded.p90_ms
            durations = np.where(late, durations * effect.tail, durations)
        if effect.slow:
            durations = np.where(recorded.chance < effect.slow, durations * 5, durations)
        if effect.stalls:
            count = max(1, round(effect.stalls * self.system.traffic.seconds / 600))
            ends = self.stalls_s[:count] + self.stall_length_s[:count]
            order = np.argsort(self.stalls_s[:count])
            durations = durations + _until_the_end(times, self.stalls_s[:count][order], ends[order])
        varies = np.exp(ERROR_SD * self.failing.of(number))
        rate = recorded.endpoint.failing * effect.errors * varies
        failed = recorded.luck < rate
        if effect.load != 1.0:
            kept = recorded.chance < effect.load
            times, durations, failed = times[kept], durations[kept], failed[kept]
        return times, durations, failed


def random_system(random: np.random.Generator, traffic: Traffic) -> System:
    return System(
        traffic,
        tuple(_random_endpoint(random, traffic) for _ in range(traffic.endpoints)),
        pause_every_s=random.uniform(10, 40),
        pause_ms=random.uniform(50, 200),
        load_sd=random.uniform(0.02, 0.05),
        burst_every_s=random.uniform(60, 180),
    )


def _random_endpoint(random: np.random.Generator, traffic: Traffic) -> Endpoint:
    return Endpoint(
        rate_per_s=_between(random, *traffic.rates),
        median_ms=_between(random, 20, 400),
        spread=random.uniform(0.25, 0.55),
        tail_share=random.uniform(0.01, 0.05),
        tail_index=random.uniform(1.8, 3.0),
        wander=random.uniform(0.01, 0.04),
        failing=_between(random, *traffic.failing),
    )


def _between(random: np.random.Generator, low: float, high: float) -> float:
    """Log-uniform."""
    return float(np.exp(random.uniform(np.log(low), np.log(high))))


def draw(system: System, random: np.random.Generator) -> Draw:
    """One more run of a system."""
    seconds = system.traffic.seconds
    load, slow = _load(system, random, seconds)
    pauses = np.cumsum(random.exponential(system.pause_every_s, int(seconds / 4) + 20))
    ends = pauses + system.pause_ms / 1000 * random.lognormal(0, 0.6, len(pauses))
    recorded = []
    warm_up = random.uniform(0.1, 0.4)
    for endpoint in system.endpoints:
        times = _arrivals(endpoint, random, seconds, load)
        durations = _durations(endpoint, random, times, seconds, slow)
        durations *= 1 + warm_up * np.exp(-times / 20)
        durations += _until_the_end(times, pauses, ends)
        luck = random.uniform(size=len(times)) / _clusters(random, seconds, times)
        chance = random.uniform(size=len(times))
        recorded.append(Recorded(endpoint, times, durations, luck, chance))
    count = len(recorded)
    stalls = max(20, round(seconds / 10))
    return Draw(
        system,
        tuple(recorded),
        _factors(random, count),
        _factors(random, count),
        random.uniform(WARM_UP_S, seconds - 3, stalls),
        random.uniform(1, 3, stalls),
    )


def _factors(random: np.random.Generator, count: int) -> _Factors:
    return _Factors(random.normal(), random.normal(size=count))


def _load(
    system: System, random: np.random.Generator, seconds: float
) -> tuple[FloatArray, FloatArray]:
    """Logs of load and slowness second by second: wandering, drifting, and bursts of some seconds.

    More load means slower answers; in a burst queues form.
    """
    length = int(seconds) + 1
    load = system.load_sd * wandering(random, length, memory_s=30)
    load += 0.2 * system.load_sd * wandering(random, length, memory_s=300)
    slow = 0.4 * load
    bursts = np.cumsum(random.exponential(system.burst_every_s, int(seconds / 10) + 20))
    for begin in bursts[bursts < seconds]:
        hit = slice(int(begin), int(begin) + random.integers(2, 6))
        load[hit] += random.uniform(0.1, 0.4)
        slow[hit] += random.uniform(0.1, 0.6)
    return load, slow


def wandering(random: np.random.Generator, length: int, memory_s: float) -> FloatArray:
    """An AR(1) series of variance 1, started in its stationary state."""
    keep = np.exp(-1 / memory_s)
    shocks = random.normal(0, np.sqrt(1 - keep**2), length)
    shocks[0] = random.normal()
    series: FloatArray = lfilter([1.0], [1.0, -keep], shocks)
    return series


def _arrivals(
    endpoint: Endpoint, random: np.random.Generator, seconds: float, load: FloatArray
) -> FloatArray:
    per_second = random.poisson(endpoint.rate_per_s * np.exp(load[: int(seconds)]))
    whole = np.repeat(np.arange(int(seconds)), per_second)
    return whole + random.uniform(size=len(whole))


def _durations(
    endpoint: Endpoint,
    random: np.random.Generator,
    times: FloatArray,
    seconds: float,
    slow: FloatArray,
) -> FloatArray:
    at = times.astype(np.int64)
    own = endpoint.wander * wandering(random, int(seconds) + 1, memory_s=20)
    body = endpoint.median_ms * np.exp(endpoint.spread * random.standard_normal(len(times)))
    tail = np.ones(len(times))
    late = np.flatnonzero(random.uniform(size=len(times)) < endpoint.tail_share)
    tail[late] += random.pareto(endpoint.tail_index, len(late))
    return np.asarray(body * tail * np.exp(slow + own)[at])


def _until_the_end(times: FloatArray, begins: FloatArray, ends: FloatArray) -> FloatArray:
    """Milliseconds that a request waits for the end of the pause that it met."""
    last = np.searchsorted(begins, times, side="right") - 1
    end = np.where(last >= 0, ends[last], -np.inf)
    return np.maximum(0.0, end - times) * 1000


def _clusters(random: np.random.Generator, seconds: float, times: FloatArray) -> FloatArray:
    """How many times more likely a failure is than on average, second by second."""
    clustered = np.exp(wandering(random, int(seconds) + 1, memory_s=5))
    return np.asarray((clustered / np.exp(0.5))[times.astype(np.int64)])


def sketch(times: FloatArray, durations: FloatArray, failed: BoolArray, seconds: float) -> Sketch:
    """The same counts as those of `sql/sketch.sql`."""
    cell_s = cell_seconds(seconds)
    cells = int(np.ceil(seconds / cell_s))
    bins = np.floor(np.log(np.maximum(durations, FLOOR_MS) / FLOOR_MS) / BIN_LOG).astype(np.int64)
    width = int(bins.max(initial=0)) + 1
    at = (times // cell_s).astype(np.int64) * width + bins
    counts = np.bincount(at, minlength=cells * width)
    places = np.flatnonzero(counts)
    errors = np.bincount(at[failed], minlength=cells * width)[places]
    return Sketch(cell_s, 0, cells, places // width, places % width, counts[places], errors)


def figures(durations: FloatArray, failed: BoolArray) -> Figures:
    """The exact figures."""
    if not len(durations):
        return Figures(0, 0, None, None, None, None, None)
    return Figures(
        len(durations),
        int(failed.sum()),
        float(failed.mean()),
        float(durations.mean()),
        *(float(value) for value in np.percentile(durations, (50, 95, 99))),
    )
