"""k6's summaries: every value as k6 wrote it, marked as an aggregate, and never a request."""

from __future__ import annotations

import io
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import perfreport
from perfreport import resources
from perfreport.errors import InputError
from perfreport.readers import k6_summary
from perfreport.readers.reader import reader_for
from perfreport.readers.source import ReadOptions, Source

SAMPLES = resources.folder("sample_results") / "k6-summary"
FORMS = {form: next(SAMPLES.glob(f"{form}-*.json")) for form in ("export", "handle", "machine")}
START = datetime(2026, 11, 23, 10, tzinfo=UTC)
TREND = {"avg": 2.5, "min": 1, "med": 2, "max": 5, "p(90)": 4.5, "p(95)": 4.75}


def source_of(data: bytes, **options: Any) -> Source:
    return Source(io.BytesIO(data), "summary.json", ReadOptions(**options))


def rows(data: bytes, **options: Any) -> list[dict[str, Any]]:
    source = source_of(data, **{"start": START} | options)
    found = pa.Table.from_batches(k6_summary.read(source)).to_pylist(maps_as_pydicts="strict")
    assert (source.rejected, source.truncated) == (0, False)
    return found


def values(found: list[dict[str, Any]]) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Value by metric and labels; each may be there once."""
    by_key = {(row["name"], tuple(sorted(row["labels"].items()))): row["value"] for row in found}
    assert len(by_key) == len(found)
    return by_key


def key(metric: str, statistic: str, **tags: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    return f"{metric}:{statistic}", tuple(sorted(tags.items()))


def export(**metrics: Any) -> bytes:
    return json.dumps({"root_group": {}, "metrics": metrics}).encode()


@pytest.mark.parametrize("form", ["export", "handle"])
def test_every_value_of_the_document_is_kept_to_the_digit(form: str) -> None:
    document = json.loads(FORMS[form].read_bytes())
    kept = values(rows(FORMS[form].read_bytes()))
    count = 0
    for name, entry in document["metrics"].items():
        metric, _, filter_ = name.partition("{")
        tags = dict([filter_.rstrip("}").split(":")]) if filter_ else {}
        for statistic, value in entry.get("values", entry).items():
            if statistic == "thresholds":
                continue
            if statistic == "value" and "passes" in entry:  # the export's name of a rate
                statistic = "rate"
            assert kept[key(metric, statistic, **tags)] == value, name
            count += 1
    assert count > 100
    assert count == sum(1 for _, labels in kept if "check" not in dict(labels))


def test_the_machine_readable_form_means_the_same_by_other_names() -> None:
    results = json.loads(FORMS["machine"].read_bytes())["results"]
    kept = values(rows(FORMS["machine"].read_bytes()))
    metrics = {entry["name"]: entry["values"] for entry in results["metrics"]}
    duration = metrics["http_req_duration"]
    assert kept[key("http_req_duration", "p(95)")] == duration["p95"]
    assert kept[key("http_req_duration", "avg")] == duration["avg"]
    failed = metrics["http_req_failed"]
    assert kept[key("http_req_failed", "passes")] == failed["matches"]
    assert kept[key("http_req_failed", "fails")] == failed["total"] - failed["matches"]
    assert kept[key("http_req_failed", "rate")] == failed["rate"]
    of_etims = metrics["http_req_duration{name:etims}"]
    assert kept[key("http_req_duration", "p(90)", name="etims")] == of_etims["p90"]
    assert kept[key("checks_total", "count")] == results["checks"]["metrics"][0]["values"]["count"]


@pytest.mark.parametrize(
    ("form", "grouped"), [("export", True), ("handle", True), ("machine", False)]
)
def test_checks_are_counted_as_k6_counted_them(form: str, grouped: bool) -> None:
    kept = values(rows(FORMS[form].read_bytes()))
    place = {"group": "Order to Cash/order"} if grouped else {}
    passed = kept[key("checks", "passes", check="order created", **place)]
    failed = kept[key("checks", "fails", check="order created", **place)]
    assert (passed, failed) == {"export": (90, 1), "handle": (21, 0), "machine": (17, 0)}[form]


@pytest.mark.parametrize("form", FORMS)
def test_nothing_in_it_is_a_request(form: str) -> None:
    assert {row["kind"] for row in rows(FORMS[form].read_bytes())} == {"metric"}


def test_units_follow_what_a_value_is() -> None:
    found = rows(FORMS["handle"].read_bytes())
    units = {row["name"]: row["unit"] for row in found}
    assert units["http_req_duration:p(95)"] == "ms"
    assert units["http_req_duration:count"] is None
    assert units["data_sent:count"] == "By"
    assert units["data_sent:rate"] == "By/s"
    assert units["http_reqs:rate"] == "/s"
    assert units["http_req_failed:rate"] == "1"
    assert units["http_req_failed:passes"] is None
    assert units["vus:max"] is None


def test_the_export_tells_units_of_k6s_own_metrics_only() -> None:
    found = rows(export(http_req_waiting=TREND, mine=TREND, browser_web_vital_cls=TREND))
    assert {(row["name"].split(":")[0], row["unit"]) for row in found} == {
        ("http_req_waiting", "ms"), ("mine", None), ("browser_web_vital_cls", None),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("entry", "kind"),
    [
        (TREND, "trend"),
        ({"count": 3, "rate": 1.5}, "counter"),
        ({"value": 1, "min": 1, "max": 3}, "gauge"),
        ({"value": 0.5, "passes": 1, "fails": 1}, "rate"),
    ],
)
def test_the_type_of_an_exported_metric_is_told_by_its_values(
    entry: dict[str, float], kind: str
) -> None:
    (aggregate,) = k6_summary.parse(export(mine=entry), "x").aggregates
    assert aggregate.type == kind


def test_thresholds_are_kept_with_those_of_filtered_metrics() -> None:
    source = source_of(FORMS["handle"].read_bytes(), start=START)
    list(k6_summary.read(source))
    assert source.facts.thresholds["http_req_duration{name:etims}"] == ["p(95)<2000"]
    assert source.facts.thresholds["http_req_duration{scenario:kenya_o2c}"] == [
        "p(95)<500", "p(99)<1500",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("form", "seconds"),
    [("export", 35.396), ("handle", 24.329192962), ("machine", 24.229611383)],
)
def test_the_length_of_the_run_is_told_or_follows_from_a_counters_rate(
    form: str, seconds: float
) -> None:
    summary = k6_summary.parse(FORMS[form].read_bytes(), "x")
    assert summary.form == form
    assert summary.duration_s == pytest.approx(seconds, abs=0.001)


def test_the_machine_readable_form_tells_when_it_was_made() -> None:
    source = source_of(FORMS["machine"].read_bytes())
    list(k6_summary.read(source))
    assert source.facts.end == datetime(2026, 11, 25, 15, 58, 8, 547616, UTC)
    assert source.facts.start == source.facts.end - timedelta(seconds=24.229611383)
    assert source.facts.tool_version == "2.2.0"


def test_the_others_take_the_time_of_the_file_and_say_so(tmp_path: Path) -> None:
    file = tmp_path / "s.json"
    file.write_bytes(FORMS["handle"].read_bytes())
    os.utime(file, (START.timestamp(), START.timestamp()))
    done = perfreport.ingest([file], tmp_path / "run.parquet")
    assert done.info.end == START
    assert done.info.start == START - timedelta(milliseconds=24329.192962)
    assert "2026-11-23 10:00:00 UTC, is taken for the run's end" in done.notes[0]
    assert "aggregates of the whole run" in done.notes[1]


def test_a_stream_without_a_time_is_refused_and_told_what_to_do() -> None:
    with pytest.raises(InputError, match=r"tells no time of day.*--start"):
        list(k6_summary.read(source_of(FORMS["export"].read_bytes())))


def test_a_summary_beside_its_log_does_not_stretch_the_run(tmp_path: Path) -> None:
    log = resources.folder("sample_results") / "k6-json" / "short.json.gz"
    alone = perfreport.ingest([log], tmp_path / "alone.parquet").info
    both = perfreport.ingest([log, FORMS["export"]], tmp_path / "both.parquet").info
    assert (both.start, both.end) == (alone.start, alone.end)
    appended = perfreport.ingest([FORMS["export"]], tmp_path / "alone.parquet", append=True).info
    assert (appended.start, appended.end) == (alone.start, alone.end)
    assert not appended.only_aggregates
    assert {source.format for source in both.sources} == {"k6-json", "k6-summary"}


@pytest.mark.parametrize("form", FORMS)
def test_it_is_known_by_its_content(form: str) -> None:
    assert reader_for(source_of(FORMS[form].read_bytes())).name == "k6-summary"


def test_a_long_script_before_the_results_hides_nothing() -> None:
    document = json.loads(FORMS["machine"].read_bytes())
    document["config"]["script"] = "// x\n" * 50_000
    data = json.dumps(document).encode()
    assert reader_for(source_of(data)).name == "k6-summary"
    assert len(rows(data)) == len(rows(FORMS["machine"].read_bytes()))


def test_what_a_script_wrote_of_the_metrics_alone_is_read() -> None:
    data = json.dumps({"metrics": {"http_reqs": {"count": 10, "rate": 2.0}}}).encode()
    assert reader_for(source_of(data)).name == "k6-summary"
    assert values(rows(data)) == {key("http_reqs", "count"): 10, key("http_reqs", "rate"): 2}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'{"root_group": {}, "metrics": {', "cut off or damaged: not JSON"),
        (b'{"root_group": {}, "metrics": {}}', "no summary of k6"),
        (b'{"root_group": {}, "metrics": [1]}', "no summary of k6"),
        (b"[]", "no summary of k6"),
        (b'{"metrics": {"vus": 3}}', "metric vus holds no values"),
        (b'{"metrics": {"vus": {}}}', "metric vus: its values are of no type of k6"),
        (b'{"metrics": {"vus": {"avg": 1e999}}}', "not JSON"),
        (b'{"metrics": {"vus": {"avg": NaN}}}', "not JSON"),
        (b'{"results": {"metrics": [3]}, "version": "1.0.0"}', "a metric holds no values"),
        (b'{"results": {"metrics": []}, "version": "2.0.0"}', "a summary with schema 2.0.0; 1 is"),
        (b"\xff\xfe{}", "not JSON"),
        (b'{"metrics":' * 100_000, "not JSON"),
    ],
)
def test_what_is_no_summary_is_refused_in_one_line(data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        rows(data)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", ["x", True, [], {}, 10**400])
def test_a_value_that_is_no_number_is_refused(value: Any) -> None:
    data = json.dumps({"root_group": {}, "metrics": {"vus": {"value": 1, "min": 1, "max": value}}})
    with pytest.raises(InputError, match=r"metric vus: max is .*, not a number"):
        rows(data.encode())


def test_a_null_and_an_odd_group_are_left_out() -> None:
    document = {
        "metrics": {"vus": {"value": 1, "min": 1, "max": None}},
        "root_group": {"checks": [3, {"name": None}], "groups": ["x", {"checks": {"a": 1}}]},
    }
    kept = values(rows(json.dumps(document).encode()))
    assert key("vus", "max") not in kept
    assert kept[key("vus", "value")] == 1


def test_an_aggregate_is_no_series_that_anybody_watches(tmp_path: Path) -> None:
    log = resources.folder("sample_results") / "k6-json" / "short.json.gz"
    perfreport.ingest([log, FORMS["export"]], tmp_path / "both.parquet")
    assert perfreport.trends(perfreport.open_run(tmp_path / "both.parquet")) == ()
