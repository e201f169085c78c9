"""Runs of another kind of system, to see that what was measured is not fitted to one simulator.

Here nothing is drawn from a formula for response times: requests wait in queues. Each is sent to one
of some servers, which take one after the other (Lindley 1952); the work is log-normal, and now and
then a noisy neighbour slows all servers down for a while. What a request does elsewhere (a database,
a partner) comes on top. Waiting makes the autocorrelation, the tails and the drift with the load.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray
from simulation import NOTHING, START, Effect, figures, sketch

from perfreport.judge.comparable import Side
from perfreport.run.info import RunInfo
from perfreport.stats.window import Window

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Queues:
    """A system: how often each endpoint is called, what it costs, and on how many servers."""

    rates: FloatArray
    work_ms: FloatArray
    elsewhere_ms: FloatArray
    spread: FloatArray
    servers: int
    neighbour_every_s: float
    changed: int = 3


def random_queues(random: np.random.Generator, endpoints: int = 10) -> Queues:
    """Servers that are busy to about 60 %."""
    rates = np.exp(random.uniform(np.log(5), np.log(60), endpoints))
    work_ms = np.exp(random.uniform(np.log(3), np.log(30), endpoints))
    busy = float((rates * work_ms).sum()) / 1000
    return Queues(
        rates,
        work_ms,
        elsewhere_ms=np.exp(random.uniform(np.log(20), np.log(200), endpoints)),
        spread=random.uniform(0.3, 0.8, endpoints),
        servers=int(np.ceil(busy / 0.6)),
        neighbour_every_s=random.uniform(60, 180),
    )


def run_of(
    system: Queues,
    random: np.random.Generator,
    run_sd: float,
    effect: Effect = NOTHING,
    seconds: float = 600.0,
) -> Side:
    """One run. Its factor is the same for all endpoints, the other extreme of independent ones."""
    who, times = _arrivals(system, random, seconds)
    work_s = _work(system, random, who, times, seconds)
    waited_s = _waits(times, work_s, random.integers(0, system.servers, len(who)), system.servers)
    elsewhere_s = system.elsewhere_ms[who] / 1000 * random.gamma(4, 0.25, len(who))
    factor = np.exp(random.normal(0, run_sd))
    slower = np.where(who < system.changed, effect.slower, 1.0)
    durations = (waited_s + work_s + elsewhere_s) * 1000 * factor * slower
    sick = np.exp(random.normal(0, 0.3)) * 0.001 * np.where(who < system.changed, effect.errors, 1)
    failed = random.uniform(size=len(who)) < sick
    sketches, rows = {}, {}
    for number in range(len(system.rates)):
        mine = who == number
        name = f"e{number}"
        sketches[name] = sketch(times[mine], durations[mine], failed[mine], seconds)
        rows[name] = figures(durations[mine], failed[mine])
    window = Window(START, START + timedelta(seconds=seconds), "all")
    return Side("run", RunInfo(), START, window, sketches, rows, rows)


def _arrivals(
    system: Queues, random: np.random.Generator, seconds: float
) -> tuple[NDArray[np.int64], FloatArray]:
    """Endpoint and start of each request, in the order of time."""
    counts = random.poisson(system.rates * seconds)
    who = np.repeat(np.arange(len(counts)), counts)
    times = random.uniform(0, seconds, len(who))
    order = np.argsort(times)
    return who[order], times[order]


def _work(
    system: Queues,
    random: np.random.Generator,
    who: NDArray[np.int64],
    times: FloatArray,
    seconds: float,
) -> FloatArray:
    """Seconds that a server works on each request; more with a noisy neighbour."""
    drawn = random.standard_normal(len(who)) * system.spread[who] - system.spread[who] ** 2 / 2
    noisy = np.zeros(int(seconds) + 1, bool)
    begins = np.cumsum(random.exponential(system.neighbour_every_s, int(seconds / 10) + 10))
    for begin in begins[begins < seconds]:
        noisy[int(begin) : int(begin + random.exponential(10))] = True
    slowed = np.where(noisy[times.astype(np.int64)], 1.4, 1.0)
    return np.asarray(system.work_ms[who] / 1000 * np.exp(drawn) * slowed)


def _waits(
    times: FloatArray, work_s: FloatArray, server: NDArray[np.int64], servers: int
) -> FloatArray:
    """Seconds that each request waits for those before it at its server.

    Lindley's recursion W = max(0, W + work before - time between) without a loop: the sum of those
    steps above its lowest value so far.
    """
    waits = np.zeros(len(times))
    for number in range(servers):
        mine = np.flatnonzero(server == number)
        if not len(mine):
            continue
        steps = work_s[mine][:-1] - np.diff(times[mine])
        walk = np.concatenate([[0.0], np.cumsum(steps)])
        waits[mine] = walk - np.minimum.accumulate(walk)
    return waits
