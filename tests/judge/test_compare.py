"""Comparisons: the recorded pair, simulated pairs with a known truth, and the rules one by one."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from sides import SECONDS, figures, ids, judged, of, side, sketch, verdicts

from perfreport.ingestion import ingest
from perfreport.judge.compare import Side
from perfreport.judge.findings import Change, ChangeVerdict
from perfreport.profile import RunProfile
from perfreport.run.store import open_run
from perfreport.sla.settings import CompareSettings
from perfreport.stats.window import Window

ROOT = Path(__file__).parents[2]
REGRESSED, IMPROVED = ChangeVerdict.REGRESSED, ChangeVerdict.IMPROVED
UNCHANGED, INCONCLUSIVE = ChangeVerdict.UNCHANGED, ChangeVerdict.INCONCLUSIVE
NOT_COMPARABLE = ChangeVerdict.NOT_COMPARABLE


# The recorded pair.


@pytest.fixture(scope="module")
def recorded(tmp_path_factory) -> tuple[Side, Side]:
    folder = tmp_path_factory.mktemp("runs")
    sides = []
    for name in ("baseline", "run"):
        target = folder / f"{name}.parquet"
        ingest([ROOT / "sample_results" / "k6-json" / f"{name}.json.gz"], target)
        run = open_run(target)
        profile = RunProfile(run)
        sides.append(profile.side(profile.judged_window()))
    return sides[0], sides[1]


def test_the_recorded_regression_is_found_and_nothing_else(recorded) -> None:
    """In `run` the server took 15 % longer for create_order; the part outside it did not grow."""
    found = judged(*recorded, min_steady=60)
    assert found.verdict == REGRESSED
    assert {c.name for c in found.comparisons if c.verdict == REGRESSED} == {"create_order"}
    assert not [c.name for c in found.comparisons if c.verdict == IMPROVED]
    p50, p95 = (of(found, "create_order", statistic) for statistic in ("p50", "p95"))
    assert (p50.verdict, p95.verdict) == (REGRESSED, REGRESSED)
    assert p50.ci_low < 0.145 < p50.ci_high
    assert p50.change == pytest.approx(p50.run / p50.baseline - 1)
    assert found.why == "create_order worse (P50 +13.9 %, P95 +14.9 %)"
    assert p50.why == (
        "19.4 ms to 22.1 ms, +13.9 % [+7.8, +20.8]; p < 0.0001; detectable from 11.6 %; "
        "run-to-run sd assumed 2 %"
    )


def test_mirrored_it_is_an_improvement(recorded) -> None:
    baseline, run = recorded
    found = judged(run, baseline, min_steady=60, gate=["p50"])
    assert found.verdict == IMPROVED
    assert {c.name for c in found.comparisons if c.verdict == IMPROVED} == {"create_order"}


def test_a_minute_is_too_short_unless_the_pack_says_otherwise(recorded) -> None:
    found = judged(*recorded)
    assert found.verdict == NOT_COMPARABLE
    assert ids(found) == {"duration"}
    assert "5 min of steady load are needed (compare: min_steady)" in found.why
    judgements = {c.verdict for c in found.comparisons if c.statistic != "mean"}
    assert judgements == {NOT_COMPARABLE}
    assert of(found, "create_order", "p50").change == pytest.approx(0.139, abs=0.001)


def test_a_run_that_ended_before_the_window_begins_has_nothing_to_compare(recorded) -> None:
    """One sentence: no rates, mixes and endpoints that differ only because there is nothing."""
    baseline, run = recorded
    window = Window(run.window.start, run.window.start, "rate", "the run is short")
    empty = replace(run, window=window, sketches={}, endpoints={}, successful={})
    for found, which in ((judged(baseline, empty), "run"), (judged(empty, run), "baseline")):
        assert found.verdict == NOT_COMPARABLE
        assert [doubt.why for doubt in found.comparable] == [
            f"no request of the {which} is judged, its judged window is 0 s long, 5 min of steady "
            "load are needed (compare: min_steady): the run is short"
        ]


# The rules, one by one.


def test_failures_that_vary_more_than_half_a_point_are_told_and_leave_no_run_undecided() -> None:
    """A third of 0.6 % is too much to see 0.5 points in any number of requests."""
    sides = [side(seed=seed, requests=200_000, failing=0.006) for seed in (1, 2)]
    found = judged(*sides)
    errors = of(found, "order", "error_rate")
    assert errors.verdict == INCONCLUSIVE
    assert errors.detectable > 0.005
    assert "neither more runs nor longer ones would decide it" in errors.why
    assert found.verdict == UNCHANGED
    assert found.why == "no change found in 2 endpoints; not judged for sure: order (errors)"


def test_failures_of_too_few_requests_leave_a_run_undecided() -> None:
    found = judged(*[side(seed=seed, requests=3_000, failing=0.003) for seed in (1, 2)])
    assert found.verdict == INCONCLUSIVE
    assert "order (errors)" in found.why


def test_where_many_fail_half_a_point_is_nothing_to_look_for() -> None:
    """1,500 requests of which 5 % fail cannot show half a point, but they can show a multiple."""
    found = judged(*[side(seed=seed, requests=3_000, failing=0.05) for seed in (1, 2)])
    assert of(found, "order", "error_rate").verdict == INCONCLUSIVE
    assert of(found, "order", "error_rate").detectable > 0.05
    assert found.verdict == UNCHANGED


def test_what_always_fails_does_not_vary() -> None:
    errors = of(judged(*[side(seed=seed, failing=1.0) for seed in (1, 2)]), "order", "error_rate")
    assert (errors.verdict, errors.change) == (UNCHANGED, 0)
    assert -0.001 < errors.ci_low <= 0 <= errors.ci_high < 0.001


@pytest.mark.parametrize(
    ("slower", "expected"),
    [(1.0, UNCHANGED), (1.01, UNCHANGED), (1.30, REGRESSED), (1 / 1.30, IMPROVED)],
)
def test_a_change_of_p50_and_p95(slower, expected) -> None:
    found = judged(side(seed=1), side(seed=2, slower=slower))
    assert verdicts(found, "p50") == {"order": expected, "pay": UNCHANGED}
    assert verdicts(found, "p95")["order"] == expected
    assert found.verdict == expected
    p50 = of(found, "order", "p50")
    assert p50.ci_low < slower - 1 < p50.ci_high
    assert p50.ci_low < p50.change < p50.ci_high


def test_a_change_of_less_than_the_smallest_effect_is_no_regression() -> None:
    """Half a million requests and no run-to-run sd make 4 % as sure as can be."""
    sides = (side(requests=500_000), side(seed=2, requests=500_000, slower=1.04))
    found = judged(*sides, run_to_run_sd=0)
    assert of(found, "order", "p50").p_value < 1e-6
    assert of(found, "order", "p50").verdict == UNCHANGED
    strict = judged(*sides, run_to_run_sd=0, min_effect="3%", min_effect_ms=0)
    assert of(strict, "order", "p50").verdict == REGRESSED


def test_a_millisecond_more_of_three_is_not_worth_a_release() -> None:
    sides = (side(median_ms=3), side(seed=2, median_ms=3, slower=1.4))
    found = judged(*sides)
    assert of(found, "order", "p50").change > 0.3
    assert of(found, "order", "p50").verdict == INCONCLUSIVE
    assert of(judged(*sides, min_effect_ms=0.5), "order", "p50").verdict == REGRESSED


def test_the_level_shrinks_with_the_number_of_endpoints() -> None:
    settings = CompareSettings()
    assert [settings.level(n) for n in (0, 1, 5, 10, 100)] == [0.01, 0.01, 0.01, 0.005, 0.0005]


def test_p99_is_judged_but_does_not_gate() -> None:
    """Pauses of some seconds hold 1 % of the requests: P99 alone sees them."""
    baseline, run = side(seed=1, requests=40_000), side(seed=2, requests=40_000)
    random = np.random.default_rng(5)
    times = np.sort(random.uniform(0, SECONDS, 20_000))
    durations = random.lognormal(np.log(50), 0.4, 20_000)
    durations = durations + 400 * (random.uniform(size=20_000) < 0.012)
    none = np.zeros(20_000, bool)
    run = replace(
        run,
        sketches={**run.sketches, "order": sketch(times, durations, none, SECONDS)},
        endpoints={**run.endpoints, "order": figures(durations, none)},
    )
    found = judged(baseline, run)
    assert of(found, "order", "p99").verdict == REGRESSED
    assert "typical block" in of(found, "order", "p99").why
    assert found.verdict == UNCHANGED
    assert judged(baseline, run, gate=["p99"]).verdict == REGRESSED


def test_the_mean_is_reported_not_judged() -> None:
    mean = of(judged(side(), side(seed=2, slower=2)), "order", "mean")
    assert mean.verdict is None
    assert mean.change == pytest.approx(1.0, abs=0.05)
    assert (mean.ci_low, mean.p_value, mean.detectable) == (None, None, None)


def test_what_moved_outside_of_the_gate_is_not_kept_silent() -> None:
    found = judged(side(), side(seed=2, slower=1.3), gate=["error_rate"])
    assert found.verdict == UNCHANGED
    assert found.why.startswith(
        "no change of errors found in 2 endpoints; beside the gate order worse (P50 +"
    )


def test_what_moved_most_is_named_first() -> None:
    slower = {
        name: side(seed=2, slower=by, changed=name) for name, by in (("order", 1.2), ("pay", 1.5))
    }
    run = replace(
        slower["order"],
        endpoints={name: each.endpoints[name] for name, each in slower.items()},
        sketches={name: each.sketches[name] for name, each in slower.items()},
    )
    assert judged(side(), run).why.startswith("pay worse (")


def test_more_errors_are_a_regression_in_points() -> None:
    found = judged(side(failing=0.005), side(seed=2, failing=0.05))
    errors = of(found, "order", "error_rate")
    assert errors.verdict == REGRESSED
    assert errors.change == pytest.approx(0.045, abs=0.006)
    assert errors.ci_low < 0.045 < errors.ci_high
    assert found.verdict == REGRESSED
    assert "errors +4." in found.why
    assert of(found, "pay", "error_rate").verdict == UNCHANGED


def test_fast_failures_do_not_pass_for_a_faster_release() -> None:
    """Half of the orders are refused at once: P50 of all falls to nothing, that of successes stays."""
    found = judged(side(), side(seed=2, failing=0.6, failure_ms=0.0))
    p50 = of(found, "order", "p50")
    assert p50.verdict == UNCHANGED
    assert "successful requests only" in p50.why
    assert p50.run == pytest.approx(50, rel=0.05)
    assert p50.samples_run < 5000
    assert "errors" in ids(found)
    assert "successful" not in of(found, "pay", "p50").why
    assert found.verdict == REGRESSED


def test_an_endpoint_of_which_nothing_succeeded_has_no_times() -> None:
    found = judged(side(), side(seed=2, failing=1.0))
    assert of(found, "order", "p50").verdict == NOT_COMPARABLE
    assert of(found, "order", "p50").run is None
    assert found.verdict == REGRESSED


def test_requests_that_took_no_time_in_one_run_have_no_relative_change() -> None:
    refused = side(seed=2, failing=1.0, failure_ms=0.0)
    found = judged(refused, side(failing=1.0, failure_ms=60_000.0))
    assert of(found, "order", "p50").verdict == NOT_COMPARABLE
    assert "0 ms has no relative change" in of(found, "order", "p50").why
    p50 = of(judged(refused, refused), "order", "p50")
    assert (p50.verdict, p50.change, p50.why) == (UNCHANGED, None, "0 ms in all runs")


@pytest.mark.parametrize(
    ("requests", "judges"), [(380, {"p50"}), (420, {"p50", "p95"}), (2100, {"p50", "p95", "p99"})]
)
def test_percentiles_below_their_minimum_size_are_not_judged(requests, judges) -> None:
    found = judged(side(requests=requests), side(seed=2, requests=requests, slower=1.25))
    for statistic in ("p50", "p95", "p99"):
        change = of(found, "order", statistic)
        assert (change.verdict != NOT_COMPARABLE) is (statistic in judges)
        assert change.verdict != UNCHANGED
        if statistic not in judges:
            assert "needed" in change.why


def test_requests_in_few_cells_of_time_are_not_judged() -> None:
    found = judged(side(seconds=45), side(seed=2, seconds=45), min_steady=0)
    assert of(found, "order", "p50").verdict == NOT_COMPARABLE
    assert of(found, "order", "p50").why == "not judged: requests in 9 cells of time, 10 needed"
    assert found.verdict == INCONCLUSIVE


def test_too_little_data_for_half_of_the_requests_is_inconclusive() -> None:
    """150 requests cannot show 25 % of P95, and nobody may call that unchanged."""
    found = judged(side(requests=300), side(seed=2, requests=300))
    assert found.verdict == INCONCLUSIVE
    assert found.why == (
        "a large change could not have been shown where it counts: order (P50, P95, errors), "
        "pay (P50, P95, errors)"
    )


def test_a_quiet_endpoint_is_listed_unless_it_is_critical() -> None:
    shares = (0.007, 0.993)
    baseline, run = side(share=shares, changed="none"), side(seed=2, share=shares, changed="none")
    found = judged(baseline, run)
    assert found.verdict == UNCHANGED
    assert "not judged for sure: order (P50, P95, errors)" in found.why
    critical = judged(baseline, run, frozenset({"order"}))
    assert critical.verdict == INCONCLUSIVE


@pytest.mark.parametrize("critical", [False, True])
def test_a_vanished_endpoint_is_said_and_matters_if_critical(critical) -> None:
    run = side(seed=2, names=("pay",), share=(0.98,))
    baseline = side(share=(0.02, 0.98), changed="none")
    found = judged(baseline, run, frozenset({"order"} if critical else set()))
    assert any("only in the baseline: order" in doubt.why for doubt in found.comparable)
    assert found.verdict == (INCONCLUSIVE if critical else UNCHANGED)


def test_a_shift_of_all_endpoints_is_told() -> None:
    slow = [side(seed=2, slower=1.08, changed=name) for name in ("order", "pay")]
    run = replace(
        slow[0],
        endpoints={"order": slow[0].endpoints["order"], "pay": slow[1].endpoints["pay"]},
        sketches={"order": slow[0].sketches["order"], "pay": slow[1].sketches["pay"]},
    )
    assert judged(side(), run).shared_shift == pytest.approx(0.08, abs=0.03)


def test_one_baseline_means_an_assumed_run_to_run_sd() -> None:
    sd = judged(side(), side(seed=2), run_to_run_sd="3%").run_to_run_sd
    assert (sd.p50, sd.p95, sd.p99, sd.source, sd.runs) == (0.03, 0.03, 0.03, "assumed", 1)


DOUBTS = [
    ("another load", {}, {"requests": 23_000}, {"load"}, NOT_COMPARABLE),
    ("another load with other users", {"users": 100.0}, {"requests": 23_000, "users": 117.0},
     {"load"}, NOT_COMPARABLE),
    ("another rate of the same users", {"users": 100.0}, {"requests": 23_000, "users": 100.0},
     {"load"}, NOT_COMPARABLE),
    ("a rate that the response times explain", {"users": 100.0},
     {"requests": 18_600, "users": 100.0, "slower": 1.16}, {"load"}, REGRESSED),
    ("a load within 5 %", {}, {"requests": 20_800}, set(), UNCHANGED),
    ("another environment", {"environment": "staging"}, {"environment": "laptop"},
     {"environment"}, NOT_COMPARABLE),
    ("the same environment", {"environment": "staging"}, {"environment": "staging"}, set(),
     UNCHANGED),
    ("an environment not said", {"environment": "staging"}, {}, {"environment"}, UNCHANGED),
    ("another tool", {"tool": "a"}, {"tool": "b"}, {"tool", "percentile_meaning"}, UNCHANGED),
    ("another version", {"tool": "a", "tool_version": "1"}, {"tool": "a", "tool_version": "2"},
     {"tool"}, UNCHANGED),
    ("another length", {}, {"seconds": 900.0, "requests": 30_000}, {"duration"}, UNCHANGED),
    ("another mix", {}, {"share": (0.4, 0.6)}, {"mix"}, UNCHANGED),
    ("other endpoints", {}, {"names": ("a", "b"), "changed": "a"}, {"endpoints", "mix"},
     NOT_COMPARABLE),
]  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after", "expected", "verdict"),
    [case[1:] for case in DOUBTS],
    ids=[case[0] for case in DOUBTS],
)
def test_doubts_are_told_and_serious_ones_decide(before, after, expected, verdict) -> None:
    found = judged(side(**before), side(seed=2, **after))
    assert ids(found) == expected
    assert found.verdict == verdict
    if verdict == NOT_COMPARABLE:
        assert {c.verdict for c in found.comparisons} <= {NOT_COMPARABLE, None}
        assert found.why


@pytest.mark.parametrize("seed", range(100))
def test_no_pair_gives_a_figure_that_is_none(seed) -> None:
    """One request, all failed, all 0 ms, one second: every figure is finite or null."""
    random = np.random.default_rng(seed)
    sides = []
    for _ in range(2):
        options = {
            "seconds": float(random.choice([1, 20, 61, 300])),
            "requests": int(random.choice([2, 10, 60, 500])),
            "failing": float(random.choice([0, 0.01, 0.5, 1])),
            "failure_ms": random.choice([None, 0.0, 60_000.0]),
            "share": tuple(random.permutation([0.5, 0.5, 1.0])[:2]),
        }
        sides.append(side(seed=seed, users=1.0, **options))
    found = judged(*sides, min_steady=0)
    figures = [getattr(c, field.name) for c in found.comparisons for field in fields(Change)]
    assert all(np.isfinite(figure) for figure in figures if isinstance(figure, float))
    assert not any("nan" in c.why or "n/a" in c.why for c in found.comparisons)
