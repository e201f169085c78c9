"""Where two runs differ: percentiles, phases, periods, new failures, and what all endpoints share."""

from __future__ import annotations

import math
import sys
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from sides import SECONDS, figures, judged, side, sketch

from perfreport.judge.compare import compare
from perfreport.judge.findings import ChangeVerdict, Place
from perfreport.judge.newfailures import new_failures, normalised
from perfreport.judge.places import shared_why
from perfreport.judge.side import Side
from perfreport.sla.settings import CompareSettings
from perfreport.stats.sketch import BIN_LOG
from perfreport.stats.spent import Spent
from perfreport.tables import FailureRow

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import where_error_rates as simulated


def place(baseline: Side, run: Side, name: str = "order") -> Place:
    (found,) = (each for each in judged(baseline, run).places if each.name == name)
    return found


def timed(seed: int, change) -> Side:
    """20,000 orders whose durations `change` makes of times and durations."""
    random = np.random.default_rng(seed)
    times = np.sort(random.uniform(0, SECONDS, 20_000))
    durations = change(times, random.lognormal(np.log(50), 0.4, 20_000))
    none = np.zeros(20_000, bool)
    exact = {"order": figures(durations, none)}
    own = side(names=("order",), share=(1.0,))
    return replace(
        own,
        sketches={"order": sketch(times, durations, none, SECONDS)},
        endpoints=exact,
        successful=exact,
    )


def unchanged(times, durations):
    return durations


# At which percentiles.


def test_the_shift_is_that_of_numpys_quantiles() -> None:
    random = np.random.default_rng(5)
    raw = [random.lognormal(4, 0.5, 20_000), random.lognormal(4, 0.7, 20_000)]
    sides = [timed(seed, lambda times, _, mine=mine: mine) for seed, mine in enumerate(raw)]
    shift = place(*sides).shift
    assert [round(point.q, 2) for point in shift] == [*np.arange(1, 20) * 5 / 100, 0.99]
    for point in shift:
        before, after = (np.quantile(mine, point.q) for mine in raw)
        assert point.baseline_ms == pytest.approx(before, rel=0.01)
        assert point.run_ms == pytest.approx(after, rel=0.01)
        assert point.change == pytest.approx(after / before - 1, abs=0.015)
        assert point.low < point.change < point.high


def test_against_several_baselines_it_is_that_to_their_geometric_mean() -> None:
    baselines = [timed(1, unchanged), timed(2, lambda times, durations: durations * 4)]
    found = compare(baselines, timed(3, unchanged), CompareSettings()).places[0]
    middle = next(point for point in found.shift if point.q == 0.5)
    assert middle.baseline_ms == pytest.approx(100, rel=0.03)
    assert middle.change == pytest.approx(-0.5, abs=0.03)


def test_a_slower_tail_is_said_to_be_one() -> None:
    def tail(times, durations):
        return np.where(durations > np.quantile(durations, 0.88), durations * 1.4, durations)

    why = place(timed(1, unchanged), timed(2, tail)).why
    assert why.startswith("slower from P90 on (")
    assert "not at the median" in why


def test_quantiles_with_few_requests_beyond_them_are_left_out() -> None:
    sides = (side(requests=400), side(seed=2, requests=400))
    assert [point.q for point in place(*sides).shift][-1] == pytest.approx(0.95)
    assert place(side(requests=10), side(requests=10)).shift == ()


# When.


def test_a_constant_change_is_throughout_the_run() -> None:
    found = place(timed(1, unchanged), timed(2, lambda times, durations: durations * 1.15))
    assert found.why == "slower at every percentile (" + found.why.split("(", 1)[1]
    assert found.why.endswith("throughout the run")
    assert len(found.periods) == 10
    assert [period.from_s for period in found.periods] == [at * 60.0 for at in range(10)]
    assert all(period.change == pytest.approx(0.15, abs=0.06) for period in found.periods)


def test_a_change_in_one_stretch_is_said_with_its_time() -> None:
    def stretch(times, durations):
        return np.where((times >= 240) & (times < 360), durations * 2, durations)

    found = place(timed(1, unchanged), timed(2, stretch))
    assert found.why.startswith("median +")
    assert found.why.endswith("in 2 of 10 periods, 4 min to 6 min of the judged window")


def test_a_change_that_stays_is_said_with_its_beginning() -> None:
    def later(times, durations):
        return np.where(times >= 300, durations * 1.4, durations)

    why = place(timed(1, unchanged), timed(2, later)).why
    assert why.endswith("from 5 min of the judged window on")


def test_periods_of_windows_of_other_lengths_are_held_against_the_whole_baseline() -> None:
    """The baseline's first half is twice as slow: against its median, no part of the run is its twin."""
    long = side(seconds=1200, requests=40_000)
    found = place(long, side(seed=2))
    medians = [period.change for period in found.periods]
    assert len(medians) == 10
    assert max(map(abs, medians)) < 0.1


def test_periods_are_half_a_minute_long_at_least() -> None:
    found = judged(side(seconds=130), side(seed=2, seconds=130), min_steady=0).places[0]
    assert len(found.periods) == 4
    assert all(period.to_s - period.from_s >= 30 for period in found.periods)
    short = judged(side(seconds=50), side(seed=2, seconds=50), min_steady=0).places[0]
    assert short.periods == ()


def test_simulated_runs_are_told_as_the_documentation_says() -> None:
    constant = simulated.periods(4, "constant")
    assert constant["throughout"] >= 0.9 * constant.total()
    assert simulated.stretches(8, "nothing") <= 0.05
    assert simulated.stretches(8, "constant") <= 0.05
    assert simulated.stretches(8, "a fifth") >= 0.85


# In which phase.


def spending(own: Side, **phases_ms: float) -> Side:
    """Ten requests in each cell, so many ms of each phase; `total` is the whole duration."""
    total = phases_ms.pop("total")
    spent = Spent(
        5.0,
        np.full(120, 10),
        np.full(120, 10 * total),
        {phase: np.full(120, 10 * mean) for phase, mean in phases_ms.items()},
    )
    return replace(own, spent=dict.fromkeys(own.endpoints, spent))


def test_the_phase_that_carries_the_change_is_named() -> None:
    baseline = spending(timed(1, unchanged), total=50, wait=48, receive=2)
    run = spending(
        timed(2, lambda times, durations: durations * 1.2), total=60, wait=57.5, receive=2.5
    )
    found = place(baseline, run)
    assert [(each.phase, each.baseline_ms, each.run_ms) for each in found.phases] == [
        ("wait", 48, 57.5),
        ("receive", 2, 2.5),
    ]
    assert "wait carries 95 % of it (+9.5 of +10 ms of the mean)" in found.why


def test_connecting_carries_nothing_of_a_response_time_that_leaves_it_out() -> None:
    slow = timed(2, lambda times, durations: durations * 1.2)
    outside = replace(slow, info=slow.info.model_copy(update={"response_time": "without_connect"}))
    baseline = spending(timed(1, unchanged), total=50, connect=1, wait=50)
    for run, carries in ((slow, "connect"), (outside, "wait")):
        found = place(baseline, spending(run, total=60, connect=30, wait=60))
        assert f"{carries} carries" in found.why


def test_only_phases_that_both_runs_recorded_are_compared() -> None:
    baseline = spending(timed(1, unchanged), total=50, wait=48)
    run = spending(timed(2, unchanged), total=50, connect=1, wait=48)
    assert [each.phase for each in place(baseline, run).phases] == ["wait"]
    assert place(timed(1, unchanged), run).phases == ()


# New ways to fail.


def failing(own: Side, *rows: tuple[int | None, str | None, int]) -> Side:
    return replace(own, failures=tuple(FailureRow("order", *row) for row in rows))


def test_a_failure_that_the_baseline_does_not_know_is_new() -> None:
    baseline = failing(side(), (500, "old", 40))
    run = failing(side(seed=2), (500, "old", 45), (503, "upstream timeout", 12))
    found = place(baseline, run)
    (new,) = found.failures
    assert (new.status, new.error, new.count) == (503, "upstream timeout", 12)
    assert new.share == pytest.approx(12 / 10_000)
    assert found.why == "new: 503 upstream timeout, 12 times"


@pytest.mark.parametrize(
    ("before", "after", "is_new"),
    [(0, 4, False), (0, 7, False), (0, 12, True), (3, 12, False), (2, 60, True), (40, 150, False)],
)
def test_few_or_known_failures_are_not_new(before, after, is_new) -> None:
    baseline = failing(side(), *([(503, "down", before)] if before else []))
    found = new_failures("order", [baseline], failing(side(seed=2), (503, "down", after)))
    assert bool(found) is is_new


def test_messages_with_ids_are_one_kind_with_an_example() -> None:
    baseline = failing(side(), *((500, f"order {4000 + at} is locked", 1) for at in range(20)))
    run = failing(
        side(seed=2),
        *((500, f"order {9000 + at} is locked", 1) for at in range(25)),
        *((500, f"user 7f3a9c{at:02d}-dead gone", 1) for at in range(25)),
    )
    (new,) = new_failures("order", [baseline], run)
    assert (new.count, new.error) == (25, "user 7f3a9c00-dead gone")


def test_codes_and_statuses_tell_errors_apart() -> None:
    assert normalised("ORA-00060 in 12 ms") == "ORA-00060 in # ms"
    assert normalised("found 503, expected 200") == "found 503, expected #"
    assert normalised("0xdeadbeef 123e4567-e89b-12d3-a456-426614174000") == "# #"


def test_history_that_knows_a_failure_makes_it_old() -> None:
    baselines = [side(), failing(side(seed=3), (503, "down", 40))]
    run = failing(side(seed=2), (503, "down", 40))
    assert new_failures("order", baselines[:1], run)
    assert not new_failures("order", baselines, run)


# What all endpoints share.


def moved(*factors: float) -> tuple[Side, Side]:
    names = tuple(f"e{at}" for at in range(len(factors)))
    share = (1 / len(names),) * len(names)
    baseline = side(names=names, share=share, requests=60_000, changed="")
    run = side(seed=2, names=names, share=share, requests=60_000, changed="")
    steps = {
        name: round(math.log(factor) / BIN_LOG) for name, factor in zip(names, factors, strict=True)
    }
    sketches = {name: replace(own, bin=own.bin + steps[name]) for name, own in run.sketches.items()}
    rows = {
        name: replace(row, p50_ms=row.p50_ms * math.exp(steps[name] * BIN_LOG))
        for name, row in run.endpoints.items()
    }
    return baseline, replace(run, sketches=sketches, endpoints=rows)


@pytest.mark.parametrize(
    ("factors", "said"),
    [
        ((1.1,) * 6, "all endpoints +10."),
        ((0.9,) * 6, "all endpoints −"),
        ((1.0,) * 6, ""),
        ((1.1,) * 4, ""),
        ((1.3, 1.3, 1.0, 1.0, 1.0, 1.0), ""),
        ((1.1, 1.1, 1.1, 1.1, 1.1, 2.0), "5 of 6 endpoints +"),
    ],
)
def test_what_moved_all_endpoints_alike_is_said_to_look_like_the_environment(factors, said) -> None:
    found = judged(*moved(*factors))
    assert found.shared_why.startswith(said)
    assert bool(found.shared_why) is bool(said)


def test_nothing_is_shared_by_no_rows() -> None:
    assert shared_why([]) == ""


# Whatever the sides are.


def test_an_endpoint_without_a_verdict_gets_no_sentence() -> None:
    assert place(side(), side(seed=2)).why == ""
    short = judged(side(seconds=120), side(seed=2, seconds=120, slower=2))
    assert short.verdict == ChangeVerdict.NOT_COMPARABLE
    assert all(each.why == "" for each in short.places)


@pytest.mark.parametrize("seed", range(100))
def test_no_pair_gives_a_place_that_is_no_number(seed) -> None:
    """One request, all failed, all 0 ms, one second, no phases, other lengths."""
    random = np.random.default_rng(seed)
    sides = []
    for _ in range(2):
        own = side(
            seed=seed,
            seconds=float(random.choice([1, 20, 61, 300, 600])),
            requests=int(random.choice([2, 10, 60, 500])),
            failing=float(random.choice([0, 0.01, 0.5, 1])),
            failure_ms=random.choice([None, 0.0, 60_000.0]),
            share=tuple(random.permutation([0.5, 0.5, 1.0])[:2]),
        )
        own = failing(own, (None, None, int(random.integers(1, 50))))
        if random.uniform() < 0.5:
            own = spending(own, total=float(random.choice([0, 5])), wait=0.0)
        if random.uniform() < 0.1:
            own = replace(
                own, sketches={name: each.between(0, 0) for name, each in own.sketches.items()}
            )
        sides.append(own)
    for each in judged(*sides, min_steady=0).places:
        assert "nan" not in each.why
        for part in (*each.shift, *each.phases, *each.periods, *each.failures):
            values = [getattr(part, field.name) for field in fields(part)]
            assert all(math.isfinite(value) for value in values if isinstance(value, float))
