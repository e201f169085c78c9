"""How often `compare` is wrong, on simulated runs whose truth is known (simulation.py, queues.py).

    python benchmarks/compare_error_rates.py [SYSTEMS]

Prints, as Markdown: the promised rates beside what was measured; all rates by run-to-run sd and
number of baselines; a plain +10 % threshold and Mann-Whitney on requests, on the same runs; other
traffic; another kind of system. Exits with 1 if a promise is broken by more than two standard errors.
Seeded: the same numbers each time. 80 systems, the fewest that the promises are meant for, take
about 7 minutes on two cores.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from multiprocessing import Pool
from unittest.mock import patch

import numpy as np
import queues
from scipy import stats
from shares import Key, Shares
from simulation import NOTHING, Draw, Effect, Traffic, draw, random_system

from perfreport.judge.comparable import Side
from perfreport.judge.compare import compare
from perfreport.judge.findings import Comparison
from perfreport.sla.settings import CompareSettings
from perfreport.stats.sketch import Sketch, within
from perfreport.stats.window import Window

RUN_SDS = (0.0, 0.01, 0.03)
BASELINES = (1, 5)
EFFECTS = {
    "same": NOTHING,
    "+3 %": Effect(slower=1.03),
    "+5 %": Effect(slower=1.05),
    "+10 %": Effect(slower=1.10),
    "+25 %": Effect(slower=1.25),
    "-20 %": Effect(slower=0.80),
    "tail30": Effect(tail=1.3),
    "bimodal2": Effect(slow=0.02),
    "stalls": Effect(stalls=10),
    "few stalls": Effect(stalls=5),
    "errors5x": Effect(errors=5),
    "tput10": Effect(load=0.9),
}
QUANTILES = ("p50", "p95", "p99")
STATISTICS = (*QUANTILES, "error_rate", "throughput")

Answers = dict[Key, list[bool]]


def answers_of(comparison: Comparison, key: Key, names: Iterable[str]) -> Answers:
    """Each verdict of the rows of some endpoints, and that of the run, as yes or no."""
    answers: Answers = defaultdict(list)
    touched = set(names)
    found = defaultdict(set)
    for change in comparison.comparisons:
        if change.name in touched and change.verdict is not None:
            found[change.name].add((change.statistic, str(change.verdict)))
    for verdict in ("regressed", "improved", "unchanged", "not_comparable"):
        for statistic in STATISTICS:
            asked = (*key, statistic, verdict)
            answers[asked] += [(statistic, verdict) in rows for rows in found.values()]
    called = [{statistic for statistic, verdict in rows if verdict == "regressed"}
              for rows in found.values()]  # fmt: skip
    answers[*key, "p50 or p95", "regressed"] += [bool(rows & {"p50", "p95"}) for rows in called]
    answers[*key, "any", "regressed"] += [bool(rows) for rows in called]
    answers[*key, "run, any", "regressed"] += [any(called)]
    answers[*key, "run", "regressed"] += [comparison.verdict == "regressed"]
    undecided = comparison.verdict in ("inconclusive", "not_comparable")
    answers[*key, "run", "undecided"] += [undecided]
    return answers


def cuts_kept() -> AbstractContextManager[object]:
    """Keeps what was cut from a sketch, and so its batches: here each run is compared many times."""
    kept: dict[tuple[int, object], tuple[Sketch, Sketch]] = {}

    def cut(sketches: dict[str, Sketch], start: datetime, window: Window) -> dict[str, Sketch]:
        found = {}
        for name, sketch in sketches.items():
            key = (id(sketch), window)
            if key not in kept:
                kept[key] = sketch, within({name: sketch}, start, window)[name]
            found[name] = kept[key][1]
        return found

    return patch("perfreport.judge.compare.within", cut)


def names_of(system_endpoints: int, changed: int, effect: Effect) -> list[str]:
    """Whose rows count: those that an effect touches, or all."""
    everyone = effect == NOTHING or effect.all
    return [f"e{number}" for number in range(system_endpoints if everyone else changed)]


# One system each: what is run in parallel.


def usual(number: int, *, traffic: Traffic, run_sds: Sequence[float], seed: int) -> Answers:
    """All effects, run-to-run sds and numbers of baselines, and the rivals on the same runs."""
    random = np.random.default_rng([seed, number])
    system = random_system(random, traffic)
    baselines = [draw(system, random) for _ in range(max(BASELINES))]
    run = draw(system, random)
    answers: Answers = defaultdict(list)
    for run_sd in run_sds:
        kept = cuts_kept()
        before = [each.side(run_sd) for each in baselines]
        for name, effect in EFFECTS.items():
            touched = names_of(traffic.endpoints, traffic.changed, effect)
            after = run.side(run_sd, effect)
            with kept:
                for count in BASELINES:
                    found = compare(before[:count], after, CompareSettings())
                    answers |= answers_of(found, (run_sd, count, name), touched)
            answers |= _threshold(before[0], after, (run_sd, "threshold", name), touched)
            if name in ("same", "+10 %", "+25 %", "tail30"):
                key = (run_sd, "Mann-Whitney", name)
                answers |= _mann_whitney(baselines[0], run, run_sd, effect, key, touched)
    return dict(answers)


def _threshold(before: Side, after: Side, key: Key, names: Sequence[str]) -> Answers:
    """More than 10 % slower is called regressed, as many pipelines do it."""
    called = {
        statistic: [
            getattr(after.endpoints[name], f"{statistic}_ms")
            > 1.1 * getattr(before.endpoints[name], f"{statistic}_ms")
            for name in names
        ]
        for statistic in QUANTILES
    }
    answers: Answers = {
        (*key, statistic, "regressed"): given for statistic, given in called.items()
    }
    answers[*key, "run", "regressed"] = [any(any(given) for given in called.values())]
    return answers


def _mann_whitney(
    before: Draw, after: Draw, run_sd: float, effect: Effect, key: Key, names: Sequence[str]
) -> Answers:
    """Requests taken for independent: slower at p < 0.05, two-sided."""
    called = []
    for number, _ in enumerate(names):
        ours = after.requests(number, run_sd, effect)[1]
        theirs = before.requests(number, run_sd, NOTHING)[1]
        test = stats.mannwhitneyu(ours, theirs)
        called.append(bool(test.pvalue < 0.05 and test.statistic > len(ours) * len(theirs) / 2))
    answers: Answers = {(*key, statistic, "regressed"): called for statistic in QUANTILES}
    answers[*key, "run", "regressed"] = [any(called)]
    return answers


def queued(number: int, *, seed: int) -> Answers:
    """Another kind of system: requests that wait in queues."""
    random = np.random.default_rng([seed, number])
    system = queues.random_queues(random)
    answers: Answers = defaultdict(list)
    for run_sd in RUN_SDS:
        before = [queues.run_of(system, random, run_sd) for _ in range(max(BASELINES))]
        for name in ("same", "+10 %", "+25 %", "errors5x"):
            effect = EFFECTS[name]
            after = queues.run_of(system, random, run_sd, effect)
            for count in BASELINES:
                found = compare(before[:count], after, CompareSettings())
                key = (run_sd, count, name)
                answers |= answers_of(found, key, names_of(10, system.changed, effect))
    return dict(answers)


def measured(pool: Pool, work: Callable[[int], Answers], systems: int) -> Shares:  # type: ignore[valid-type]
    """The answers of that many systems."""
    rates = Shares()
    for answers in pool.imap(work, range(systems)):  # type: ignore[attr-defined]
        rates.add(answers)
    return rates


# The promises.


@dataclass(frozen=True)
class Promise:
    """A rate that has to be kept, at run-to-run sds, with numbers of baselines.

    keys  what was asked; the worst of them counts
    """

    what: str
    run_sds: tuple[float, ...]
    baselines: tuple[int, ...]
    keys: tuple[Key, ...]
    least: float = 0.0
    most: float = 1.0

    def worst(self, rates: Shares) -> tuple[float, float]:
        """The rate that is nearest to breaking it or farthest beyond, and its standard error."""
        asked = [
            (run_sd, count, *key)
            for run_sd in self.run_sds
            for count in self.baselines
            for key in self.keys
        ]
        worst = (max if self.most < 1 else min)(asked, key=lambda key: rates.of(*key))
        return rates.of(*worst), rates.error(*worst)

    def kept(self, rates: Shares) -> bool:
        rate, error = self.worst(rates)
        return self.least - 2 * error <= rate <= self.most + 2 * error

    @property
    def bound(self) -> str:
        return f"<= {_percent(self.most)}" if self.most < 1 else f">= {_percent(self.least)}"


QUIET, NOISY = (0.0, 0.01), (0.03,)
P99 = {"tail30": 0.75, "bimodal2": 0.92, "stalls": 0.82}


def promises() -> Iterator[Promise]:
    """The targets that docs/statistics.md promises."""
    same = "the same, one endpoint's P50 or P95 called regressed"
    either = (("same", "p50 or p95", "regressed"),)
    yield Promise(same, QUIET, (1, 5), either, most=0.01)
    yield Promise(same, NOISY, (1,), either, most=0.05)
    yield Promise(same, NOISY, (5,), either, most=0.03)
    same = "the same, the run called regressed"
    run = (("same", "run", "regressed"),)
    yield Promise(same, QUIET, (1, 5), run, most=0.08)
    yield Promise(same, NOISY, (1,), run, most=0.25)
    yield Promise(same, NOISY, (5,), run, most=0.15)
    same = "the same, the run undecided"
    run = (("same", "run", "undecided"),)
    yield Promise(same, QUIET, (1, 5), run, most=0.10)
    yield Promise(same, NOISY, (1, 5), run, most=0.20)
    found = tuple(("+25 %", statistic, "regressed") for statistic in ("p50", "p95"))
    yield Promise("+25 %, P50 and P95 found", QUIET + NOISY, (1, 5), found, least=0.95)
    found = (("+10 %", "p50", "regressed"),)
    yield Promise("+10 %, P50 found", QUIET, (1,), found, least=0.67)
    yield Promise("+10 %, P50 found", QUIET, (5,), found, least=0.88)
    yield Promise("+10 %, P50 found", NOISY, (1, 5), found, least=0.48)
    wrong = tuple(("+10 %", statistic, "unchanged") for statistic in ("p50", "p95"))
    yield Promise("+10 %, P50 or P95 called unchanged", QUIET, (1, 5), wrong, most=0.06)
    yield Promise("+10 %, P50 or P95 called unchanged", NOISY, (1,), wrong, most=0.14)
    yield Promise("+10 %, P50 or P95 called unchanged", NOISY, (5,), wrong, most=0.08)
    for name, least in P99.items():
        found = ((name, "p99", "regressed"),)
        yield Promise(f"{name}, P99 found", QUIET + NOISY, (1, 5), found, least=least)
    found = (("errors5x", "error_rate", "regressed"),)
    yield Promise("errors x 5, found", QUIET + NOISY, (1,), found, least=0.68)
    yield Promise("errors x 5, found", QUIET, (5,), found, least=0.90)
    yield Promise("errors x 5, found", NOISY, (5,), found, least=0.88)


# The tables.


def print_promises(rates: Shares) -> bool:
    """The promises beside the worst that was measured; whether all are kept."""
    _head("what", "run sd", "baselines", "promised", "measured", "")
    kept = True
    for promise in promises():
        rate, error = promise.worst(rates)
        mine = promise.kept(rates)
        kept &= mine
        sds = "-".join(
            f"{run_sd * 100:.0f}" for run_sd in (promise.run_sds[0], promise.run_sds[-1])
        )
        sds = sds.split("-")[0] if len(set(sds.split("-"))) == 1 else sds
        counts = " or ".join(map(str, promise.baselines))
        _row(
            promise.what, f"{sds} %", counts, promise.bound,
            f"{_percent(rate)} ± {_percent(error)}", "" if mine else "**broken**",
        )  # fmt: skip
    return kept


def print_same(rates: Shares, run_sds: Sequence[float]) -> None:
    _head(
        "run sd", "baselines", "P50/P95/P99 regressed", "errors", "throughput", "an endpoint, any",
        "a run, any", "a run, gate", "a run undecided", "P50/P95/P99/errors unchanged",
    )  # fmt: skip
    for run_sd in run_sds:
        for count in BASELINES:
            of = partial(rates.of, run_sd, count, "same")
            _row(
                f"{run_sd * 100:.0f} %", str(count),
                _several(of(each, "regressed") for each in QUANTILES),
                _percent(of("error_rate", "regressed")), _percent(of("throughput", "regressed")),
                _percent(of("any", "regressed")), _percent(of("run, any", "regressed")),
                _percent(of("run", "regressed")), _percent(of("run", "undecided")),
                _several(of(each, "unchanged") for each in (*QUANTILES, "error_rate")),
            )  # fmt: skip


def print_found(rates: Shares, run_sds: Sequence[float]) -> None:
    _head(
        "run sd", "baselines", "+3 %", "+5 %", "+10 %", "+25 %", "tail30 P99", "bimodal2 P99",
        "stalls P99", "few stalls P99", "errors5x", "tput10", "−20 % (improved)",
    )  # fmt: skip
    for run_sd in run_sds:
        for count in BASELINES:
            of = partial(rates.of, run_sd, count)
            slower = [
                _several(of(name, each, "regressed") for each in QUANTILES)
                + f" [{_several(of(name, each, 'unchanged') for each in ('p50', 'p95'))}]"
                for name in ("+3 %", "+5 %", "+10 %")
            ]
            _row(
                f"{run_sd * 100:.0f} %", str(count), *slower,
                _several(of("+25 %", each, "regressed") for each in QUANTILES),
                *(_percent(of(name, "p99", "regressed")) for name in (*P99, "few stalls")),
                _percent(of("errors5x", "error_rate", "regressed")),
                _percent(of("tput10", "throughput", "regressed")),
                _several(of("-20 %", each, "improved") for each in QUANTILES),
            )  # fmt: skip


def print_rivals(rates: Shares) -> None:
    _head("rule", "run sd", "the same P50/P95/P99 ; run", "+10 %", "+25 %", "tail30 P99")
    for rule in ("threshold", "Mann-Whitney", 1, 5):
        for run_sd in RUN_SDS:
            of = partial(rates.of, run_sd, rule)
            called = [
                _several(of(name, each, "regressed") for each in QUANTILES)
                for name in ("same", "+10 %", "+25 %")
            ]
            run = "run" if isinstance(rule, str) else "run, any"
            _row(
                {"threshold": "+10 %", 1: "perfreport, 1 baseline", 5: "perfreport, 5"}.get(
                    rule, str(rule)
                ),
                f"{run_sd * 100:.0f} %",
                f"{called[0]} ; {_percent(of('same', run, 'regressed'))}", *called[1:],
                _percent(of("tail30", "p99", "regressed")),
            )  # fmt: skip


def print_queued(rates: Shares) -> None:
    _head(
        "run sd", "baselines", "the same P50/P95/P99 ; errors ; run", "+10 % [unchanged]", "+25 %",
        "errors5x",
    )  # fmt: skip
    for run_sd in RUN_SDS:
        for count in BASELINES:
            of = partial(rates.of, run_sd, count)
            called = [
                _several(of(name, each, "regressed") for each in QUANTILES)
                for name in ("same", "+10 %", "+25 %")
            ]
            wrong = _several(of("+10 %", each, "unchanged") for each in ("p50", "p95"))
            _row(
                f"{run_sd * 100:.0f} %", str(count),
                f"{called[0]} ; {_percent(of('same', 'error_rate', 'regressed'))} ; "
                f"{_percent(of('same', 'run', 'regressed'))}",
                f"{called[1]} [{wrong}]", called[2],
                _percent(of("errors5x", "error_rate", "regressed")),
            )  # fmt: skip


def _head(*titles: str) -> None:
    print()
    _row(*titles)
    print("|---" * len(titles) + "|", flush=True)


def _row(*cells: str) -> None:
    print(f"| {' | '.join(cells)} |", flush=True)


def _several(shares: Iterable[float]) -> str:
    return "/".join(map(_percent, shares)).replace(" %", "")


def _percent(share: float) -> str:
    return f"{share * 100:.1f} %" if 0 < share < 0.0995 else f"{share * 100:.0f} %"


def main(systems: int) -> int:
    """0 if all promises are kept, chance being given two standard errors."""
    with Pool() as pool:
        work = partial(usual, traffic=Traffic(), run_sds=RUN_SDS, seed=1)
        rates = measured(pool, work, systems)
        kept = print_promises(rates)
        print_same(rates, RUN_SDS)
        print_found(rates, RUN_SDS)
        print_rivals(rates)
        for what, traffic, fewer in (
            ("10 min, 0.5-8 requests/s", Traffic(rates=(0.5, 8.0)), systems // 2),
            ("1 h, 10-40 requests/s", Traffic(seconds=3600.0, rates=(10.0, 40.0)), systems // 6),
        ):
            print(f"\n{what}, {max(2, fewer)} systems")
            work = partial(usual, traffic=traffic, run_sds=(0.01,), seed=3)
            other = measured(pool, work, max(2, fewer))
            print_same(other, (0.01,))
            print_found(other, (0.01,))
        print_queued(measured(pool, partial(queued, seed=4), max(2, systems // 2)))
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 80))
