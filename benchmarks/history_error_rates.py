"""How often `history` is wrong, on simulated runs whose truth is known (simulation.py).

    python benchmarks/history_error_rates.py [SYSTEMS]

Prints, as Markdown: false changes in 30 stable runs, by endpoint and by folder of ten; what is found
of true changes, and where, by the number of runs after them; false cuts of the few runs that
`compare --history` meets. Exits with 1 if a promise is broken by more than two standard errors.
Seeded: the same numbers each time. 40 systems take about 4 minutes on two free cores (8 of processor time).

Each system is run 30 times, request by request, without a factor between runs. Factors of runs and
changes multiply all durations, so they only move the logarithms that are judged: they are added to
those, many times for the same runs.
"""

from __future__ import annotations

import math
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from multiprocessing import Pool

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter
from shares import Key, Shares
from simulation import SHARED, START, Traffic, draw, random_system

from perfreport.judge.record import STATISTICS, EndpointRecord, Figure, RunRecord, run_record
from perfreport.judge.shifts import Shift, shifts
from perfreport.sla.settings import CompareSettings
from perfreport.stats.sketch import within

FloatArray = NDArray[np.float64]

RUNS = 30
BEFORE = 20  # runs before a true change
AFTER = (2, 3, 5, 10)
SIZES = (0.05, 0.10, 0.20)
RUN_SDS = (0.01, 0.02, 0.03)
SHORT = (4, 5, 6)
REPEATED = 4  # draws of the factors of runs for one system
TRAFFIC = Traffic(rates=(5.0, 50.0))
SETTINGS = CompareSettings()


class Told(Shares):
    """Shares as the tables tell them."""

    def error(self, *key: object) -> float:
        """Where nothing was found, that of one in all."""
        asked = sum(asked for _, asked in self.by_system[key])
        return max(super().error(*key), 1 / asked)

    def text(self, *key: object) -> str:
        return f"{100 * self.of(*key):.3g} %"


@dataclass(frozen=True)
class Promise:
    """A rate that is kept: at most, or at least."""

    what: str
    key: Key
    bound: float
    at_least: bool = False

    def broken(self, shares: Told) -> bool:
        slack = 2 * shares.error(*self.key)
        rate = shares.of(*self.key)
        return rate < self.bound - slack if self.at_least else rate > self.bound + slack


def normal(random: np.random.Generator, shape: tuple[int, ...]) -> FloatArray:
    return random.normal(size=shape)


def heavy(random: np.random.Generator, shape: tuple[int, ...]) -> FloatArray:
    """Student's t with three degrees of freedom, of variance 1."""
    return random.standard_t(3, shape) / math.sqrt(3)


def alike(random: np.random.Generator, shape: tuple[int, ...]) -> FloatArray:
    """Each run half like the one before, as runs of one night on one machine are."""
    shocks = random.normal(0, math.sqrt(1 - 0.5**2), shape)
    shocks[0] = random.normal(size=shape[1:])
    series: FloatArray = lfilter([1.0], [1.0, -0.5], shocks, axis=0)
    return series


FACTORS: dict[str, Callable[[np.random.Generator, tuple[int, ...]], FloatArray]] = {
    "normal": normal,
    "heavy tails": heavy,
    "each half like the one before": alike,
}


def recorded(random: np.random.Generator) -> list[RunRecord]:
    """Runs of one system that differ by no factor, a day apart."""
    system = random_system(random, TRAFFIC)
    records = []
    for number in range(RUNS):
        side = draw(system, random).side()
        judged = within(side.sketches, side.start, side.window)
        started = START + timedelta(days=number)
        name = f"run-{number:02}"
        records.append(
            run_record(name, side.info, started, side.window, judged, side.endpoints, None)
        )
    return records


def moved(records: Sequence[RunRecord], logs: FloatArray) -> list[RunRecord]:
    """The runs with all durations multiplied: `logs` has a row per run, a column per endpoint."""
    return [
        replace(
            run,
            endpoints={
                name: _moved(endpoint, float(log))
                for (name, endpoint), log in zip(run.endpoints.items(), row, strict=True)
            },
        )
        for run, row in zip(records, logs, strict=True)
    ]


def _moved(endpoint: EndpointRecord, log: float) -> EndpointRecord:
    return replace(
        endpoint,
        figures={
            statistic: Figure(figure.value * math.exp(log), figure.judged + log, figure.se)
            if statistic.startswith("p")
            else figure
            for statistic, figure in endpoint.figures.items()
        },
    )


def factors(random: np.random.Generator, kind: str, runs: int, endpoints: int) -> FloatArray:
    """Logarithms in standard deviations: most of the variance is common to all endpoints."""
    common = FACTORS[kind](random, (runs, 1))
    own = FACTORS[kind](random, (runs, endpoints))
    return math.sqrt(SHARED) * common + math.sqrt(1 - SHARED) * own


def system_answers(seed: int) -> dict[Key, list[bool]]:
    random = np.random.default_rng([2026, seed])
    records = recorded(random)
    answers: dict[Key, list[bool]] = defaultdict(list)
    for _ in range(REPEATED):
        for kind in FACTORS:
            drawn = factors(random, kind, RUNS, TRAFFIC.endpoints)
            for sd in RUN_SDS:
                for key, answer in stable(records, sd * drawn, kind, sd):
                    answers[key].append(answer)
        drawn = factors(random, "normal", RUNS, TRAFFIC.endpoints)
        for sd in RUN_SDS:
            for key, answer in (*changed(records, sd * drawn, sd), *short(records, sd * drawn, sd)):
                answers[key].append(answer)
    return answers


def stable(
    records: Sequence[RunRecord], logs: FloatArray, kind: str, sd: float
) -> Iterator[tuple[Key, bool]]:
    found, _ = shifts(moved(records, logs), SETTINGS)
    changes = {(change.name, change.statistic) for shift in found for change in shift.changes}
    for statistic in STATISTICS:
        for name in records[0].endpoints:
            yield ("series", kind, sd, statistic), (name, statistic) in changes
    gated = any(statistic in SETTINGS.gate for _, statistic in changes)
    yield ("folder", kind, sd), gated


def changed(
    records: Sequence[RunRecord], logs: FloatArray, sd: float
) -> Iterator[tuple[Key, bool]]:
    """Three endpoints become slower after 20 runs."""
    touched = list(records[0].endpoints)[: TRAFFIC.changed]
    few = [
        replace(run, endpoints={name: run.endpoints[name] for name in touched}) for run in records
    ]
    for size in SIZES:
        slower = logs[:, : len(touched)].copy()
        slower[BEFORE:] += math.log1p(size)
        runs = moved(few, slower)
        for after in AFTER:
            found, _ = shifts(runs[: BEFORE + after], SETTINGS, ("p50", "p95"))
            for statistic in ("p50", "p95"):
                for name in touched:
                    near = _places(found, name, statistic)
                    yield (
                        ("found", sd, size, after, statistic),
                        any(abs(at - BEFORE) <= 1 for at in near),
                    )
                    if near:
                        yield ("right", sd, size, after, statistic), BEFORE in near
                        yield ("alone", sd, size, after, statistic), len(near) == 1
            yield (
                ("run", sd, size, after),
                any(shift.at == BEFORE for shift in found),
            )


def _places(found: Sequence[Shift], name: str, statistic: str) -> list[int]:
    return [
        shift.at
        for shift in found
        if any((one.name, one.statistic) == (name, statistic) for one in shift.changes)
    ]


def short(records: Sequence[RunRecord], logs: FloatArray, sd: float) -> Iterator[tuple[Key, bool]]:
    """Few stable runs, as `compare --history` cuts them."""
    runs = moved(records, logs)
    for length in SHORT:
        for begin in range(0, RUNS - length + 1, max(SHORT)):
            found, _ = shifts(runs[begin : begin + length], SETTINGS, SETTINGS.gate)
            yield ("cut", sd, length), bool(found)


def promises() -> Iterator[Promise]:
    for sd, series, folder, cut in (
        (0.01, 0.01, 0.05, 0.02),
        (0.02, 0.02, 0.10, 0.02),
        (0.03, 0.05, 0.25, 0.03),
    ):
        for statistic in STATISTICS:
            key = "series", "normal", sd, statistic
            yield Promise(f"{statistic} of one endpoint, a false change in 30 runs", key, series)
        yield Promise(
            "ten endpoints, any false change in 30 runs", ("folder", "normal", sd), folder
        )
        for length in SHORT:
            yield Promise(f"ten endpoints, a false cut in {length} runs", ("cut", sd, length), cut)
    for sd, after, bound in ((0.01, 3, 0.95), (0.02, 3, 0.75), (0.02, 5, 0.90), (0.03, 5, 0.70)):
        key = "found", sd, 0.10, after, "p50"
        yield Promise(f"P50 + 10 %, found {after} runs after it", key, bound, at_least=True)


def print_promises(shares: Told) -> bool:
    print("| what | run sd | promised | measured |  |\n|---|---|---|---|---|")
    kept = True
    for promise in promises():
        sd = next(part for part in promise.key if isinstance(part, float))
        sign, broken = (">=" if promise.at_least else "<="), promise.broken(shares)
        kept &= not broken
        measured = f"{shares.text(*promise.key)} ± {100 * shares.error(*promise.key):.2g} %"
        print(
            f"| {promise.what} | {100 * sd:g} % | {sign} {100 * promise.bound:g} % "
            f"| {measured} | {'BROKEN' if broken else ''} |"
        )
    return kept


def print_stable(shares: Told) -> None:
    print("\n| runs differ by | run sd | P50 / P95 / P99 / errors / throughput | ten endpoints |")
    print("|---|---|---|---|")
    for kind in FACTORS:
        for sd in RUN_SDS:
            series = " / ".join(shares.text("series", kind, sd, each) for each in STATISTICS)
            folder = shares.text("folder", kind, sd)
            print(f"| {kind} | {100 * sd:g} % | {series} | {folder} |")


def print_found(shares: Told) -> None:
    print("\n| run sd | change | " + " | ".join(f"{after} runs after" for after in AFTER) + " |")
    print("|---|---|" + "---|" * len(AFTER))
    for sd in RUN_SDS:
        for size in SIZES:
            cells = [_cell(shares, sd, size, after) for after in AFTER]
            print(f"| {100 * sd:g} % | +{100 * size:g} % | " + " | ".join(cells) + " |")


def _cell(shares: Told, sd: float, size: float, after: int) -> str:
    """`93/71 (98/90) 95`: found, of these at the very run, and the run told for any endpoint."""
    found, right = (
        "/".join(
            f"{100 * shares.of(what, sd, size, after, each):.0f}"
            if shares.by_system[what, sd, size, after, each]
            else "-"
            for each in ("p50", "p95")
        )
        for what in ("found", "right")
    )
    return f"{found} ({right}) {100 * shares.of('run', sd, size, after):.0f}"


def print_short(shares: Told) -> None:
    print("\n| run sd | " + " | ".join(f"{length} runs" for length in SHORT) + " |")
    print("|---|" + "---|" * len(SHORT))
    for sd in RUN_SDS:
        cells = [shares.text("cut", sd, length) for length in SHORT]
        print(f"| {100 * sd:g} % | " + " | ".join(cells) + " |")


def main(systems: int) -> int:
    shares = Told()
    with Pool() as pool:
        for answers in pool.imap(system_answers, range(systems)):
            shares.add(answers)
    kept = print_promises(shares)
    print_stable(shares)
    print_found(shares)
    print_short(shares)
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 40))
