"""How often `compare` is wrong, on a few simulated systems: benchmarks/compare_error_rates.py in short.

The bands are those of docs/statistics.md, widened by three standard errors of so few systems. Seeded.
"""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from perfreport.judge.compare import compare
from perfreport.sla.settings import CompareSettings

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import queues
from compare_error_rates import EFFECTS, Shares, answers_of, names_of
from simulation import NOTHING, Traffic, draw, random_system

SYSTEMS = 12
TRAFFIC = Traffic(rates=(5.0, 40.0))


@cache
def measured(effect: str, run_sd: float, baselines: int, assumed: float = 0.02) -> Shares:
    """Verdicts on ten endpoints of each system, or on the three that the effect touches."""
    rates = Shares()
    for number in range(SYSTEMS):
        random = np.random.default_rng([7, number])
        system = random_system(random, TRAFFIC)
        before = [draw(system, random).side(run_sd) for _ in range(baselines)]
        run = draw(system, random).side(run_sd, EFFECTS[effect])
        found = compare(before, run, CompareSettings(run_to_run_sd=assumed))
        rates.add(answers_of(found, (), names_of(10, 3, EFFECTS[effect])))
    return rates


@pytest.mark.parametrize(("run_sd", "baselines"), [(0.0, 1), (0.01, 1), (0.01, 5)])
def test_healthy_pairs_are_seldom_called_regressed(run_sd, baselines) -> None:
    rates = measured("same", run_sd, baselines)
    assert rates.of("p50", "regressed") <= 0.01
    assert rates.of("p95", "regressed") <= 0.02
    assert rates.of("p99", "regressed") <= 0.03
    assert rates.of("error_rate", "regressed") <= 0.03
    assert rates.of("throughput", "regressed") <= 0.02
    assert rates.of("run", "regressed") <= 0.25


def test_healthy_pairs_are_seldom_left_undecided() -> None:
    assert measured("same", 0.01, 1).of("run", "undecided") <= 0.34
    assert measured("same", 0.01, 5).of("run", "undecided") <= 0.17
    assert measured("same", 0.01, 1).of("p50", "unchanged") >= 0.80


@pytest.mark.parametrize(
    ("effect", "baselines", "statistic", "least"),
    [
        ("+10 %", 1, "p50", 0.40),
        ("+10 %", 5, "p50", 0.75),
        ("+25 %", 1, "p50", 0.88),
        ("+25 %", 1, "p95", 0.75),
        ("bimodal2", 1, "p99", 0.60),
        ("errors5x", 5, "error_rate", 0.60),
        ("tput10", 1, "throughput", 0.60),
    ],
)
def test_changes_are_found(effect, baselines, statistic, least) -> None:
    assert measured(effect, 0.01, baselines).of(statistic, "regressed") >= least


@pytest.mark.parametrize("effect", ["+10 %", "+25 %"])
def test_a_change_is_seldom_called_unchanged(effect) -> None:
    rates = measured(effect, 0.01, 1)
    assert rates.of("p50", "unchanged") <= (0.10 if effect == "+10 %" else 0)
    assert rates.of("p95", "unchanged") <= (0.10 if effect == "+10 %" else 0)


def test_it_can_fail_a_run_to_run_sd_of_nothing_leaves_the_band() -> None:
    """Runs that differ by 3 % where none is assumed: what every test within one run does."""
    careless, careful = (measured("same", 0.03, 1, assumed) for assumed in (0.0, 0.03))
    assert careless.of("p50 or p95", "regressed") > 0.10
    assert careless.of("run", "regressed") >= 0.30
    assert careful.of("p50 or p95", "regressed") <= 0.03


def test_another_kind_of_system_keeps_the_same_bands() -> None:
    """Requests that wait in queues: no formula of the first simulator, nor its tails."""
    same, slower = Shares(), Shares()
    for number in range(6):
        random = np.random.default_rng([8, number])
        system = queues.random_queues(random)
        before = queues.run_of(system, random, 0.01)
        for rates, effect in ((same, NOTHING), (slower, EFFECTS["+25 %"])):
            run = queues.run_of(system, random, 0.01, effect)
            found = compare([before], run, CompareSettings())
            rates.add(answers_of(found, (), names_of(10, 3, effect)))
    assert same.of("p50 or p95", "regressed") <= 0.03
    assert same.of("p50", "unchanged") >= 0.80
    assert slower.of("p50", "regressed") >= 0.90


@pytest.mark.parametrize("seed", range(3))
def test_waits_are_those_of_a_queue_served_one_after_the_other(seed) -> None:
    random = np.random.default_rng(seed)
    times = np.sort(random.uniform(0, 10, 300))
    work = random.exponential(0.05, 300)
    server = random.integers(0, 2, 300)
    free = [0.0, 0.0]
    expected = []
    for at, needs, which in zip(times, work, server, strict=True):
        begins = max(at, free[which])
        expected.append(begins - at)
        free[which] = begins + needs
    assert queues._waits(times, work, server, 2) == pytest.approx(expected, abs=1e-9)


def test_the_figures_of_a_simulated_run_are_what_its_effect_says() -> None:
    random = np.random.default_rng(9)
    run = draw(random_system(random, TRAFFIC), random)
    plain, slower = run.side(), run.side(effect=EFFECTS["+25 %"])
    fails, less = run.side(effect=EFFECTS["errors5x"]), run.side(effect=EFFECTS["tput10"])
    first, last = plain.endpoints["e0"], plain.endpoints["e9"]
    assert slower.endpoints["e0"].p99_ms == pytest.approx(1.25 * first.p99_ms)
    assert slower.endpoints["e9"] == last
    assert fails.endpoints["e0"].errors > 2 * first.errors
    assert less.endpoints["e0"].count == pytest.approx(0.9 * first.count, rel=0.03)
