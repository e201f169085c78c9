"""Comparisons with several baselines, with throughput, and what would decide an open row."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from sides import SECONDS, against, judged, of, side

from perfreport.judge.comparable import Side
from perfreport.judge.findings import ChangeVerdict
from perfreport.profile import figures_of

REGRESSED, IMPROVED = ChangeVerdict.REGRESSED, ChangeVerdict.IMPROVED
UNCHANGED, INCONCLUSIVE = ChangeVerdict.UNCHANGED, ChangeVerdict.INCONCLUSIVE
NOT_COMPARABLE = ChangeVerdict.NOT_COMPARABLE


# Several baselines.


def test_the_baseline_shown_is_the_geometric_mean_of_all() -> None:
    before = [side(seed=seed, slower=factor) for seed, factor in ((1, 1.0), (2, 1.03), (3, 0.98))]
    run = side(seed=9)
    found = against(before, run)
    for statistic in ("p50", "p95", "p99", "mean"):
        change = of(found, "order", statistic)
        exact = [getattr(each.endpoints["order"], f"{statistic}_ms") for each in before]
        assert change.baseline == pytest.approx(math.prod(exact) ** (1 / 3))
        assert change.change == pytest.approx(change.run / change.baseline - 1)
        assert change.samples_baseline == sum(each.endpoints["order"].count for each in before)
    assert "baseline: geometric mean of 3 runs" in of(found, "order", "p50").why
    assert "geometric" not in of(judged(before[0], run), "order", "p50").why


def test_the_baselines_error_rates_are_pooled_and_throughputs_averaged() -> None:
    before = [side(seed=1, failing=0.01), side(seed=2, failing=0.02, requests=20_400)]
    found = against(before, side(seed=3, failing=0.01))
    errors, rate = of(found, "order", "error_rate"), of(found, "order", "throughput")
    rows = [each.endpoints["order"] for each in before]
    assert errors.baseline == sum(row.errors for row in rows) / sum(row.count for row in rows)
    assert "pooled rate of 2 runs" in errors.why
    assert rate.baseline == pytest.approx(math.sqrt(rows[0].count * rows[1].count) / SECONDS)


def test_history_makes_a_change_surer() -> None:
    history = [side(seed=seed) for seed in range(1, 6)]
    run = side(seed=9, slower=1.08)
    alone, with_history = judged(history[0], run), against(history, run)
    p50 = of(with_history, "order", "p50")
    assert p50.p_value < of(alone, "order", "p50").p_value
    assert p50.detectable < of(alone, "order", "p50").detectable
    assert p50.verdict == REGRESSED
    assert of(with_history, "pay", "p50").verdict == UNCHANGED


def slow_everywhere(seed: int, factor: float) -> Side:
    """A run on a good or bad day: all endpoints are as much slower."""
    return side(seed=seed, median_ms=50 * factor)


def test_from_three_runs_on_their_variation_is_estimated() -> None:
    wild = [slow_everywhere(seed, factor) for seed, factor in ((1, 1.0), (2, 1.1), (3, 0.9))]
    few, enough = against(wild[:2], side(seed=9)), against(wild, side(seed=9))
    assert (few.run_to_run_sd.source, few.run_to_run_sd.runs) == ("assumed", 2)
    assert few.run_to_run_sd.p50 == 0.02
    assert few.run_to_run_sd.note == (
        "run-to-run sd assumed 2 % (compare: run_to_run_sd), as 2 baseline runs cannot show it: "
        "with a history of three runs or more it is estimated"
    )
    assert (enough.run_to_run_sd.source, enough.run_to_run_sd.runs) == ("history", 3)
    assert 0.04 < enough.run_to_run_sd.p50 < 0.10
    assert enough.run_to_run_sd.note == ""
    assert "from 3 runs" in of(enough, "order", "p50").why
    assert len(enough.baselines) == 3


def test_an_endpoint_that_some_of_the_history_lacks_uses_the_runs_that_have_it() -> None:
    before = [side(seed=1), side(seed=2, names=("pay",), share=(1.0,)), side(seed=3)]
    found = against(before, side(seed=4))
    assert "geometric mean of 2 runs" in of(found, "order", "p50").why
    assert "geometric mean of 3 runs" in of(found, "pay", "p50").why


def test_a_run_of_the_history_with_few_cells_of_time_is_left_out() -> None:
    before = [side(seed=1), side(seed=2, seconds=45, requests=1_500), side(seed=3)]
    found = against(before, side(seed=4))
    assert "geometric mean of 2 runs" in of(found, "order", "p50").why
    assert "pooled rate of 2 runs" in of(found, "order", "error_rate").why


def test_successes_in_few_cells_of_time_are_not_judged() -> None:
    """All orders of the run failed but those of the first 20 s."""
    run = side(seed=2, failing=1.0)
    sketch = run.sketches["order"]
    first = sketch.cell < 4
    errors = np.where(first, 0, sketch.errors)
    succeeded = int(sketch.count[first].sum())
    row = replace(run.endpoints["order"], errors=int(errors.sum()))
    run = replace(
        run,
        sketches={**run.sketches, "order": replace(sketch, errors=errors)},
        endpoints={**run.endpoints, "order": row},
        successful={**run.successful, "order": replace(row, count=succeeded, errors=0)},
    )
    p50 = of(judged(side(), run), "order", "p50")
    assert p50.verdict == NOT_COMPARABLE
    assert "requests in 4 cells of time, 10 needed" in p50.why


def test_a_short_run_of_the_history_counts_only_where_it_has_enough() -> None:
    before = [side(seed=1), side(seed=2, requests=600), side(seed=3)]
    found = against(before, side(seed=4))
    assert "geometric mean of 3 runs" in of(found, "order", "p95").why
    p99 = of(found, "order", "p99")
    assert "geometric mean of 2 runs" in p99.why
    assert p99.samples_baseline == 20_000


# The sketch judges, the exact figures are shown.


def condensed(exact: Side) -> Side:
    """The same run of which only the sketch is left."""
    return replace(
        exact,
        exact=False,
        endpoints={name: figures_of(own, judged=True) for name, own in exact.sketches.items()},
        successful={
            name: figures_of(own.successful(), judged=True)
            for name, own in exact.sketches.items()
            if own.requests > own.failures
        },
    )


@pytest.mark.parametrize("seed", range(40))
def test_a_condensed_run_gets_the_same_verdicts(seed) -> None:
    """Exact sides, condensed ones, and one of each: verdicts, p-values and advice are equal."""
    random = np.random.default_rng(seed)
    options = {
        "requests": int(random.choice([300, 2_500, 20_000])),
        "failing": float(random.choice([0.0, 0.004, 0.3])),
        "failure_ms": random.choice([None, 0.0]),
        "median_ms": float(random.choice([0.2, 3.0, 50.0])),
    }
    count = int(random.choice([1, 3]))
    before = [side(seed=100 * seed + at, **options) for at in range(count)]
    run = side(seed=100 * seed + 9, slower=float(random.choice([1.0, 1.06, 1.3])), **options)
    shrunk = [condensed(each) for each in before]
    exact = against(before, run)
    for found in (against(shrunk, condensed(run)), against(before, condensed(run))):
        assert found.verdict == exact.verdict
        assert found.run_to_run_sd == exact.run_to_run_sd
        for got, expected in zip(found.comparisons, exact.comparisons, strict=True):
            assert (got.verdict, got.p_value, got.detectable, got.more_runs, got.minutes) == (
                expected.verdict,
                expected.p_value,
                expected.detectable,
                expected.more_runs,
                expected.minutes,
            )
            if expected.ci_low is None or expected.change is None or got.change is None:
                assert (got.ci_low is None) == (expected.ci_low is None)
                continue
            # Intervals differ only where one had to be stretched to the change that is shown.
            assert got.ci_low <= got.change <= got.ci_high
            for theirs, ours in ((got.ci_low, expected.ci_low), (got.ci_high, expected.ci_high)):
                stretched = {got.change, expected.change}
                assert theirs == ours or stretched & {theirs, ours}


def test_the_interval_holds_the_exact_change_that_is_shown() -> None:
    baseline, run = side(seed=1, requests=400_000), side(seed=2, requests=400_000)
    row = run.endpoints["order"]
    run = replace(run, endpoints={**run.endpoints, "order": replace(row, p50_ms=row.p50_ms * 1.5)})
    p50 = of(judged(baseline, run, run_to_run_sd=0), "order", "p50")
    assert p50.ci_high == p50.change == pytest.approx(0.5, abs=0.01)
    assert p50.verdict == UNCHANGED


# Throughput.


def test_fewer_requests_per_second_are_worse() -> None:
    baseline, run = side(share=(0.2, 0.8)), side(seed=2, requests=19_200, share=(0.168, 0.832))
    less = of(judged(baseline, run, min_steady=0), "order", "throughput")
    assert less.verdict == REGRESSED
    assert less.change == pytest.approx(-0.1936, abs=0.001)
    assert less.ci_low < less.change < less.ci_high
    assert of(judged(run, baseline), "order", "throughput").verdict == IMPROVED
    assert of(judged(baseline, run), "pay", "throughput").verdict == UNCHANGED


def test_throughput_gates_only_where_the_pack_says_so() -> None:
    baseline, run = side(share=(0.2, 0.8)), side(seed=2, requests=19_200, share=(0.168, 0.832))
    assert judged(baseline, run).verdict == UNCHANGED
    gated = judged(baseline, run, gate=["throughput"])
    assert gated.verdict == REGRESSED
    assert gated.why == "order worse (throughput −19.4 %)"


def test_where_users_wait_throughput_is_said_to_follow_from_the_response_times() -> None:
    baseline = side(share=(0.2, 0.8), users=100.0)
    run = side(seed=2, requests=19_200, share=(0.168, 0.832), users=100.0)
    assert "users wait for answers" in of(judged(baseline, run), "order", "throughput").why
    assert "users wait for answers" not in of(judged(baseline, run), "pay", "throughput").why
    unknown = replace(run, users=None)
    assert "users wait" not in of(judged(baseline, unknown), "order", "throughput").why


def test_the_rows_of_an_endpoint_have_one_order() -> None:
    found = judged(side(), side(seed=2))
    assert [c.statistic for c in found.comparisons if c.name == "pay"] == [
        "p50", "p95", "p99", "mean", "error_rate", "throughput",
    ]  # fmt: skip


# What would decide.


def quiet(seed: int, slower: float, minutes: float = 10) -> Side:
    """One endpoint of 50 requests a minute."""
    return side(seed=seed, slower=slower, seconds=minutes * 60, requests=round(50 * minutes),
                names=("order",), share=(1.0,))  # fmt: skip


def followed(seed: int, slower: float, statistic: str) -> list[bool]:
    """Whether a row that was open is decided by as many more runs, and by runs as long, as advised."""
    baseline, run = quiet(seed, 1.0), quiet(seed + 50, slower)
    row = of(judged(baseline, run), "order", statistic)
    decided = []
    if row.more_runs:
        assert f"{row.more_runs} more baseline run" in row.why
        more = [quiet(seed + 100 + at, 1.0) for at in range(row.more_runs)]
        then = of(against([baseline, *more], run), "order", statistic)
        decided.append(then.verdict != INCONCLUSIVE)
    if row.minutes and row.minutes <= 120:
        assert "would probably decide it" in row.why
        longer = quiet(seed, 1.0, row.minutes), quiet(seed + 50, slower, row.minutes)
        then = of(judged(*longer), "order", statistic)
        decided.append(then.verdict != INCONCLUSIVE)
    return decided


@pytest.mark.parametrize("statistics", [("p50", "p95"), ("error_rate",)], ids="-".join)
def test_to_follow_the_advice_mostly_decides(statistics) -> None:
    decided = [
        answer
        for seed in range(30)
        for statistic in statistics
        for answer in followed(seed, (1.0, 1.05, 1.09, 1.14, 1.2)[seed % 5], statistic)
    ]
    assert len(decided) >= 20
    assert sum(decided) / len(decided) >= 0.6


def test_what_no_number_would_decide_is_said_so() -> None:
    """A true 7 % with runs that differ by 5 % is neither 10 % nor nothing, however long they are."""
    found = judged(side(requests=400_000), side(seed=2, requests=400_000, slower=1.07),
                   run_to_run_sd="5%")  # fmt: skip
    p50 = of(found, "order", "p50")
    assert (p50.verdict, p50.minutes) == (INCONCLUSIVE, None)
    assert "neither more runs nor longer ones would decide it" in p50.why


def test_only_what_is_open_has_an_advice() -> None:
    found = judged(side(), side(seed=2, slower=1.3))
    closed = [c for c in found.comparisons if c.verdict in (REGRESSED, UNCHANGED, None)]
    assert closed
    assert {(c.more_runs, c.minutes) for c in closed} == {(None, None)}


def test_too_little_data_tells_the_minutes_that_it_takes() -> None:
    """150 requests in 10 min: the 200 that P95 needs take 14."""
    found = judged(side(requests=300), side(seed=2, requests=300))
    p95 = of(found, "order", "p95")
    assert p95.verdict == NOT_COMPARABLE
    assert p95.minutes == 14
    assert p95.why == "not judged: 150 requests, 200 needed: runs of 14 min at this rate"


# Endpoints that move together.


def several(seed: int, slower: float, alone: float = 1.0) -> Side:
    """Six endpoints, all slower; the first one by `alone` besides."""
    names = tuple("abcdef")
    sides = [
        side(seed=seed * 10 + at, names=(name,), share=(1.0,), changed=name, requests=8_000,
             slower=slower * (alone if name == "a" else 1.0))
        for at, name in enumerate(names)
    ]  # fmt: skip
    return replace(
        sides[0],
        sketches={name: each.sketches[name] for name, each in zip(names, sides, strict=True)},
        endpoints={name: each.endpoints[name] for name, each in zip(names, sides, strict=True)},
        successful={name: each.successful[name] for name, each in zip(names, sides, strict=True)},
    )


def test_a_change_that_all_endpoints_share_is_said_to_be_one() -> None:
    """It is a regression all the same: a release that slows all down by a quarter is one."""
    found = judged(several(1, 1.0), several(2, 1.25))
    assert {c.verdict for c in found.comparisons if c.statistic in ("p50", "p95")} == {REGRESSED}
    assert "moves with all endpoints (+2" in of(found, "b", "p50").why
    alone = judged(several(1, 1.0), several(2, 1.0, alone=1.25))
    assert of(alone, "a", "p50").verdict == REGRESSED
    assert "moves with" not in of(alone, "a", "p50").why


def test_what_is_no_sure_change_moves_with_nobody() -> None:
    found = judged(several(1, 1.0), several(2, 1.0))
    assert not [c for c in found.comparisons if "moves with" in c.why]
