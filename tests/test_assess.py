"""A run assessed by a pack: real recordings, against numbers computed from their rows by NumPy."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from perfreport import measure
from perfreport.assess import Assessment, assess
from perfreport.ingestion import About, ingest
from perfreport.judge.findings import ObjectiveFinding, Status, Verdict
from perfreport.judge.verdict import give_verdict
from perfreport.profile import CondensedProfile, RunProfile, condense, open_profile
from perfreport.resources import folder
from perfreport.run.info import RunInfo, TestType
from perfreport.run.schema import batch
from perfreport.run.store import Run, open_run
from perfreport.run.writer import RunWriter
from perfreport.sla.loader import load_pack
from perfreport.sla.model import Pack

SAMPLES = folder("sample_results")


@pytest.fixture(scope="module")
def demo() -> Pack:
    return load_pack(folder("sla") / "demo.yaml")


def recorded(path: Path, *inputs: str, scenario: str | None = None, test: str | None = None) -> Run:
    about = About(scenario=scenario, test_type=test and TestType(test))
    ingest([SAMPLES / name for name in inputs], path, about=about)
    return open_run(path)


@pytest.fixture(scope="module")
def o2c(tmp_path_factory: pytest.TempPathFactory) -> Run:
    path = tmp_path_factory.mktemp("runs") / "o2c.parquet"
    return recorded(path, "k6-json/run.json.gz", scenario="kenya_o2c", test="load")


@pytest.fixture(scope="module")
def p2p(tmp_path_factory: pytest.TempPathFactory) -> Run:
    path = tmp_path_factory.mktemp("runs") / "p2p.parquet"
    inputs = ("jmeter-csv/default.jtl", "prometheus-json/kafka_lag_by_topic.json")
    return recorded(path, *inputs, scenario="kenya_p2p", test="load")


def by_id(assessment: Assessment) -> dict[str, ObjectiveFinding]:
    return {finding.id: finding for finding in assessment.objectives}


def durations(run: Run, pack: Pack, *names: str) -> np.ndarray:
    """All requests of these names in the judged window, by pandas and not by our SQL."""
    window = measure.judged_window(run, pack=pack)
    rows = run.pandas()
    rows = rows[(rows.kind == "request") & (rows.ts >= window.start) & (rows.ts < window.end)]
    return rows[rows.name.isin(names)].duration_ms.to_numpy()


def test_percentiles_are_exact_over_all_that_an_objective_pools(o2c: Run, demo: Pack) -> None:
    found = by_id(assess(o2c, demo))
    api = durations(o2c, demo, "create_order", "approve_order", "mpesa_callback", "get_invoice")
    pooled = found["kenya_o2c/requests without dependency/p95"]
    assert pooled.observed == pytest.approx(np.quantile(api, 0.95), rel=1e-12)
    assert pooled.samples == len(api)
    etims = durations(o2c, demo, "etims")
    alone = found["kenya_o2c/POST /api/v1/finance/invoices/generate/p95"]
    assert alone.observed == pytest.approx(np.quantile(etims, 0.95), rel=1e-12)
    assert alone.low < alone.observed < alone.high
    assert alone.target == "KRA eTIMS (P95)"


def test_the_demo_shows_every_status(o2c: Run, p2p: Run, demo: Pack) -> None:
    found = [*assess(o2c, demo).objectives, *assess(p2p, demo).objectives]
    assert {each.status for each in found} == set(Status) - {Status.MANUAL}


def test_a_mixed_run_is_judged_by_both_of_its_scenarios(p2p: Run, demo: Pack) -> None:
    found = by_id(assess(p2p, demo))
    orders = durations(p2p, demo, "create_po")
    assert found["kenya_p2p/POST /api/v1/procurement/orders/p95"].observed == np.quantile(
        orders, 0.95
    )
    invoices = durations(p2p, demo, 'Generate Invoice, with "eTIMS"')
    etims = found["kenya_o2c/POST /api/v1/finance/invoices/generate/p95"]
    assert etims.observed == np.quantile(invoices, 0.95)
    assert found["kenya_o2c/requests/count"].status is Status.FAIL  # 429: too many requests
    assert found["kenya_p2p/kafka_lag/max"].status is Status.PASS
    assert "kenya_o2c/users/users" not in found  # JMeter counted both thread groups together


def test_throughput_counts_the_successes_of_the_judged_window(p2p: Run, demo: Pack) -> None:
    window = measure.judged_window(p2p, pack=demo)
    rows = p2p.pandas()
    rows = rows[(rows.ts >= window.start) & (rows.ts < window.end) & (rows.name == "create_po")]
    found = by_id(assess(p2p, demo))["kenya_p2p/POST /api/v1/procurement/orders/rate"]
    assert found.observed == pytest.approx(rows.ok.sum() / window.seconds * 3600)


def test_the_small_default_pack_judges_each_endpoint(o2c: Run) -> None:
    assessment = assess(o2c, load_pack(folder("sla") / "default.yaml"))
    assert give_verdict(assessment.objectives, assessment.audit).verdict is Verdict.READY
    subjects = {finding.subject for finding in assessment.objectives}
    assert subjects == {
        "requests", "create_order", "approve_order", "etims", "mpesa_callback", "get_invoice"
    }  # fmt: skip


def test_a_recording_far_too_small_for_the_pack_decides_nothing(o2c: Run) -> None:
    assessment = assess(o2c, load_pack(folder("sla") / "chiroerp"))
    invalid = {each.id for each in assessment.audit if each.severity == "invalid"}
    assert invalid == {"users_not_reached", "run_too_short"}
    assert give_verdict(assessment.objectives, assessment.audit).verdict is Verdict.UNDECIDED


def test_a_run_of_no_scenario_of_the_pack_is_not_passed_over(tmp_path: Path, demo: Pack) -> None:
    run = recorded(tmp_path / "run.parquet", "gatling-text/o2c-3.10.3.log", scenario="other")
    assessment = assess(run, demo)
    doubts = [each.id for each in assessment.audit]
    assert "nothing_judged" in doubts


def test_a_scenario_is_not_judged_by_the_spread_of_anothers_requests(tmp_path: Path) -> None:
    """Both call `pay`: 300 ms in the one, 2 s in the other. The interval of both is neither's."""
    start = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
    writer = RunWriter(tmp_path / "run.parquet")
    for scenario, duration_ms in (("shop", 300.0), ("stock", 2000.0)):
        columns = {
            "kind": "request", "name": "pay", "scenario": scenario, "ok": True,
            "ts": [start + timedelta(seconds=second / 2) for second in range(1200)],
            "duration_ms": [duration_ms] * 1200,
        }  # fmt: skip
        writer.write(batch(1200, columns))
    end = start + timedelta(seconds=600)
    writer.finish(RunInfo(scenario="shop", start=start, end=end))
    request = {"request": "pay", "sla": "p95 < 500ms"}
    scenarios = [{"scenario": name, "requests": [request]} for name in ("shop", "stock")]
    found = by_id(
        assess(open_run(tmp_path / "run.parquet"), Pack.model_validate({"scenarios": scenarios}))
    )
    assert found["shop/pay/p95"].status is Status.PASS
    assert found["stock/pay/p95"].status is Status.FAIL
    assert (found["shop/pay/p95"].low, found["shop/pay/p95"].high) == (None, None)


def test_a_generator_that_broke_off_cuts_the_window_though_another_went_on(
    tmp_path: Path, demo: Pack
) -> None:
    whole = SAMPLES / "k6-json" / "run.json.gz"
    lines = gzip.decompress(whole.read_bytes()).splitlines(keepends=True)
    cut = tmp_path / "other.json"
    cut.write_bytes(b"".join(lines[: len(lines) // 2])[:-20])
    about = About(scenario="kenya_o2c", test_type=TestType.LOAD)
    ingest([whole, cut], tmp_path / "run.parquet", about=about)
    audit = assess(open_run(tmp_path / "run.parquet"), demo).audit
    (found,) = (each for each in audit if each.id == "truncated_input")
    assert (found.severity, found.why) == (
        "invalid", "other.json breaks off inside the judged window"
    )  # fmt: skip


def test_a_log_without_status_codes_has_no_data_for_a_count_of_them(
    tmp_path: Path, demo: Pack
) -> None:
    inputs = "gatling-text/o2c-3.10.3.log"
    run = recorded(tmp_path / "run.parquet", inputs, scenario="kenya_o2c", test="smoke")
    found = by_id(assess(run, demo))
    assert found["kenya_o2c/requests/count"].status is Status.NO_DATA
    etims = found["kenya_o2c/POST /api/v1/finance/invoices/generate/count"]
    assert etims.status is Status.PASS


def test_a_soak_shows_the_leak_and_the_lag(tmp_path: Path, demo: Pack) -> None:
    names = (
        "heap_used_bytes", "jvm_memory_max_bytes", "kafka_lag_by_topic",
        "hikaricp_connections_active", "pg_stat_activity_connections",
        "mpesa_oauth_token_refreshes_total",
    )  # fmt: skip
    inputs = [f"prometheus-json/soak/{name}.json" for name in names]
    run = recorded(tmp_path / "soak.parquet", *inputs, scenario="kenya_o2c", test="soak")
    found = by_id(assess(run, demo))
    heap = found["kenya_o2c/jvm_heap/slope"]
    assert heap.status is Status.FAIL  # truth: 1 % of the limit an hour, 0.5 % allowed
    assert heap.low < 0.01 < heap.high
    assert found["kenya_o2c/kafka_lag/max"].status is Status.AT_RISK
    assert found["kenya_o2c/db_connections/slope"].status is Status.PASS
    tokens = found["kenya_o2c/mpesa_token_refreshes/slope"]
    assert tokens.observed == pytest.approx(1.0, abs=0.03)
    assert tokens.status is Status.PASS


@pytest.fixture
def before(tmp_path: Path) -> Run:
    return recorded(tmp_path / "baseline.parquet", "k6-json/baseline.json.gz")


def condensed(run: Run) -> CondensedProfile:
    small = run.path.with_name("small.parquet")
    condense(run, small)
    profile = open_profile(small)
    assert isinstance(profile, CondensedProfile)
    return profile


@pytest.mark.parametrize("profile_of", [RunProfile, condensed])
def test_a_limit_may_stand_on_the_baseline(before: Run, o2c: Run, profile_of) -> None:
    pack = Pack.model_validate({"objectives": {"each_endpoint": "p50 <= baseline + 10%"}})
    found = {each.subject: each.status for each in assess(o2c, pack, profile_of(before)).objectives}
    assert found["create_order"] is Status.FAIL  # truth: 15 % slower, nothing else is
    assert [name for name, status in found.items() if status is Status.FAIL] == ["create_order"]
    alone = assess(o2c, pack).objectives
    assert {each.status for each in alone} == {Status.NO_DATA}


@pytest.mark.parametrize("statistic", ["p50", "p75", "p90", "p95", "p99", "mean", "min", "max"])
def test_a_condensed_baseline_gives_limits_within_a_percent(
    before: Run, o2c: Run, statistic
) -> None:
    pack = Pack.model_validate(
        {"objectives": dict.fromkeys(("each_endpoint", "total"), f"{statistic} <= baseline + 10%")}
    )
    exact, close = (
        assess(o2c, pack, profile).objectives for profile in (RunProfile(before), condensed(before))
    )
    assert len(exact) > 1
    for one, other in zip(exact, close, strict=True):
        assert other.limit == pytest.approx(one.limit, rel=0.01)
        assert other.subject == one.subject


def test_a_condensed_baseline_has_no_series(before: Run, o2c: Run) -> None:
    pack = Pack.model_validate({"objectives": {"total": "max(vus_max) <= baseline + 10%"}})
    found = assess(o2c, pack, condensed(before)).objectives
    assert [each.status for each in found] == [Status.NO_DATA]
    assert "baseline small: a condensed run holds no series vus_max" in found[0].why
