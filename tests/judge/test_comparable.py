"""Doubts about a pair of runs: what is said of them before anything is judged, and what is serious."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from sides import side

from perfreport.ingestion import ingest
from perfreport.judge.comparable import doubts
from perfreport.judge.side import Side
from perfreport.run.info import RunInfo, SourceInfo, joined_meaning
from perfreport.run.store import merged_info, open_run
from perfreport.sla.settings import CompareSettings
from perfreport.stats.spent import Spent

SAMPLES = Path(__file__).parents[2] / "sample_results"
K6, JMETER = {"tool": "k6"}, {"tool": "JMeter"}
INSIDE, BESIDE = {"response_time": "with_connect"}, {"response_time": "without_connect"}


def found(baseline: Side, run: Side) -> tuple[dict[str, str], dict[str, str]]:
    """The serious and the light doubts, by id."""
    both = doubts(baseline, run, CompareSettings())
    serious, light = (
        {doubt.id: doubt.why for doubt in part} for part in (both.serious, both.light)
    )
    return serious, light


def spending(own: Side, connect_ms: float) -> Side:
    """Each request took 50 ms, of which so much on average for connecting."""
    spent = Spent(
        5.0,
        np.full(120, 10),
        np.full(120, 500.0),
        {"connect": np.full(120, 10 * connect_ms), "wait": np.full(120, 400.0)},
    )
    return replace(own, spent=dict.fromkeys(own.endpoints, spent))


# What was run, where, with what.


def test_two_runs_alike_give_no_doubt() -> None:
    alike = {"scenario": "s", "test_type": "load", "system": "x", "environment": "e"}
    assert found(side(**alike, **K6, **BESIDE), side(seed=2, **alike, **K6, **BESIDE)) == ({}, {})


@pytest.mark.parametrize(
    ("key", "before", "after", "id", "serious"),
    [
        ("scenario", "kenya", "tanzania", "mix", True),
        ("test_type", "load", "soak", "load", True),
        ("environment", "staging", "laptop", "environment", True),
        ("system", "erp", "shop", "environment", False),
    ],
)
def test_another_test_is_serious_and_another_system_is_said(
    key, before, after, id, serious
) -> None:
    both = found(side(**{key: before}), side(seed=2, **{key: after}))
    assert list(both[0 if serious else 1]) == [id]
    assert both[1 if serious else 0] == {}
    assert f"{after} against {before} in the baseline" in both[0 if serious else 1][id]
    assert found(side(**{key: before}), side(seed=2)) == found(side(), side(seed=2)) or (
        key == "environment"
    )


def test_another_day_is_no_doubt() -> None:
    run = side(seed=2)
    day = timedelta(days=1, hours=7)
    window = replace(run.window, start=run.window.start + day, end=run.window.end + day)
    assert found(side(), replace(run, start=run.start + day, window=window)) == ({}, {})


def test_a_serious_doubt_is_said_first() -> None:
    both = doubts(
        side(scenario="a", tool="k6"), side(seed=2, scenario="b", tool="JMeter"), CompareSettings()
    )
    assert both.all[0].why == "another scenario: b against a in the baseline"
    assert len(both.all) > 1


def files(*digests: str, format: str = "k6-json") -> dict[str, list[SourceInfo]]:
    return {
        "sources": [
            SourceInfo(name=f"{digest}.json", format=format, sha256=digest, rows=9)
            for digest in digests
        ]
    }


def test_a_run_compared_with_itself_is_said_to_be() -> None:
    same = found(side(**files("a", "b")), side(**files("b", "a")))
    assert "compared with itself" in same[1]["duration"]


def test_runs_that_share_a_file_or_overlap_are_said_to() -> None:
    assert "share results" in found(side(**files("a")), side(**files("a", "b")))[1]["duration"]
    overlap = found(side(**files("a")), side(seed=2, **files("b")))[1]["load"]
    assert overlap.startswith("the runs overlap for 10 min")


def test_several_load_generators_against_one_are_said() -> None:
    later = timedelta(days=1)
    run = side(seed=2, **files("b", "c", "d"))
    window = replace(run.window, start=run.window.start + later, end=run.window.end + later)
    run = replace(run, start=run.start + later, window=window)
    assert found(side(**files("a")), run)[1]["tool"].startswith("put together of 3 result files")
    servers = files("m", format="prometheus-json")["sources"]
    with_servers = replace(run, info=RunInfo(sources=[*files("b")["sources"], *servers]))
    assert found(side(**files("a")), with_servers) == ({}, {})


# What a response time is.


def test_connecting_in_one_response_time_and_not_in_the_other_is_serious_where_it_takes_time() -> (
    None
):
    k6 = side(**K6, **BESIDE)
    jmeter = spending(side(seed=2, **JMETER, **INSIDE), connect_ms=4.0)
    for pair in ((k6, jmeter), (jmeter, k6)):
        serious, light = found(*pair)
        assert list(serious) == ["percentile_meaning"]
        assert "4 ms of 50 ms on average" in serious["percentile_meaning"]
        assert list(light) == ["tool"]


def test_connecting_that_takes_hardly_any_time_is_said_with_its_size() -> None:
    jmeter = spending(side(seed=2, **JMETER, **INSIDE), connect_ms=0.1)
    serious, light = found(side(**K6, **BESIDE), jmeter)
    assert serious == {}
    assert light["percentile_meaning"].endswith("but that is only 0.100 ms of 50 ms on average")


def test_connecting_of_unknown_size_is_serious() -> None:
    serious, _ = found(side(**K6, **BESIDE), side(seed=2, tool="Gatling", **INSIDE))
    assert "was not recorded" in serious["percentile_meaning"]


def test_tools_that_mean_the_same_are_comparable() -> None:
    serious, light = found(side(**JMETER, **INSIDE), side(seed=2, tool="Gatling", **INSIDE))
    assert (serious, list(light)) == ({}, ["tool"])


@pytest.mark.parametrize("known", [{}, {"response_time": "mixed"}])
def test_other_tools_of_which_that_is_not_known_are_a_light_doubt(known) -> None:
    serious, light = found(side(**K6, **BESIDE), side(seed=2, **JMETER, **known))
    assert serious == {}
    assert "may mean another response time" in light["percentile_meaning"]
    assert "percentile_meaning" not in found(side(**K6), side(seed=2, **K6, **BESIDE))[1]


@pytest.mark.parametrize(
    ("reader", "meaning"),
    [
        ("k6-json", "without_connect"),
        ("k6-csv", "without_connect"),
        ("jmeter-csv", "with_connect"),
        ("jmeter-xml", "with_connect"),
        ("gatling-text", "with_connect"),
        ("gatling-binary", "with_connect"),
        ("prometheus-json", None),
    ],
)
def test_what_a_response_time_means_is_kept_when_reading(reader, meaning, tmp_path) -> None:
    folder = SAMPLES / reader
    sample = next(
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and path.suffix in (".gz", ".jtl", ".log", ".json", ".csv", ".zst", ".xml")
        and ".tool." not in path.name
    )
    ingest([sample], tmp_path / "run.parquet")
    assert open_run(tmp_path / "run.parquet").info.response_time == meaning


def test_tools_of_one_run_that_disagree_are_mixed() -> None:
    assert joined_meaning("with_connect", None) == "with_connect"
    assert joined_meaning("with_connect", "with_connect") == "with_connect"
    assert joined_meaning("mixed", "with_connect") == "mixed"
    merged = merged_info([RunInfo(**INSIDE), RunInfo(**BESIDE)])
    assert merged.response_time == "mixed"


# Failures and warm-up.


def test_fast_failures_of_one_run_are_said_to_flatter_it() -> None:
    both = found(side(), side(seed=2, failing=0.6, failure_ms=0.0))
    assert both[0] == {}
    assert both[1]["errors"].startswith("failures flatter the response times of order")
    assert "P50 of order would come out −" in both[1]["errors"]


def test_timeouts_of_one_run_are_said_to_worsen_it() -> None:
    light = found(side(), side(seed=2, failing=0.1, failure_ms=60_000.0))[1]
    assert light["errors"].startswith("failures worsen the response times of order")
    assert "P95 of order would come out +" in light["errors"]


def test_failures_alike_in_both_runs_mislead_nobody() -> None:
    both = [side(seed=seed, failing=0.3, failure_ms=0.0) for seed in (1, 2)]
    assert "errors" not in found(*both)[1]


def test_a_run_that_was_still_warming_up_is_said_to_be() -> None:
    cold = side(seed=2)
    at_s = np.arange(120) * 5
    sketches = {}
    for name, own in cold.sketches.items():
        moved = np.rint(np.log(1 + 0.5 * np.exp(-at_s / 60)) / np.log(1.01)).astype(int)
        sketches[name] = replace(own, bin=own.bin + moved[own.cell])
    cold = replace(cold, sketches=sketches)
    assert "the run was still warming up" in found(side(), cold)[1]["duration"]
    assert "the baseline was still warming up" in found(cold, side())[1]["duration"]
