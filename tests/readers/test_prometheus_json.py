"""Saved query_range answers: every point as the json module reads it, and what is left out is told."""

from __future__ import annotations

import gzip
import io
import itertools
import json
import math
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfreport import resources
from perfreport.cli import main
from perfreport.errors import InputError
from perfreport.readers import prometheus_json
from perfreport.readers.prometheus_json import READER, convention
from perfreport.readers.reader import reader_for
from perfreport.readers.source import Source
from perfreport.run.info import MetricInfo
from perfreport.run.schema import SCHEMA

SAMPLES = resources.folder("sample_results") / "prometheus-json"
NOT_ANSWERS = ("queries.json", "soak.truth.json", "error_bad_query.json")
ANSWERS = sorted(
    path
    for path in SAMPLES.rglob("*.json")
    if path.name not in NOT_ANSWERS and path.parent.name != "native"
)

Row = tuple[int, str, float, dict[str, str], str | None]


def source_of(answer: object, name: str = "q.json") -> Source:
    data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    return Source(io.BytesIO(data), name)


def matrix(*series: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"status": "success", "data": {"resultType": "matrix", "result": series}, **more}


def rows_of(source: Source) -> list[Row]:
    """(microseconds, name, value, labels, source) of each row."""
    table = pa.Table.from_batches(READER.read(source), schema=SCHEMA)
    assert set(table["kind"].to_pylist()) <= {"metric"}
    labels = [dict(pairs) for pairs in table["labels"].to_pylist()]
    columns = [table["ts"].cast(pa.int64()), table["name"], table["value"]]
    return list(
        zip(
            *(column.to_pylist() for column in columns),
            labels,
            table["source"].to_pylist(),
            strict=True,
        )
    )


def slow_rows(text: str, name: str) -> Iterator[Row]:
    """The same by the json module and exact decimals, without the points that are no numbers."""
    for series in json.loads(text, parse_float=Decimal)["data"]["result"]:
        labels = {key: value for key, value in series["metric"].items() if key != "__name__"}
        for at, value in series["values"]:
            if math.isfinite(float(value)):
                yield int(at * 1_000_000), name, float(value), labels, labels.get("instance")


@pytest.mark.parametrize("path", ANSWERS, ids=lambda path: str(path.relative_to(SAMPLES)))
def test_every_recorded_point_is_read_as_the_json_module_reads_it(path: Path) -> None:
    with path.open("rb") as stream:
        source = Source(stream, path.name)
        assert reader_for(source) is READER
        got = rows_of(source)
    assert got == list(slow_rows(path.read_text(), path.stem))
    assert source.rejected == 0
    assert source.facts.tool == "Prometheus"


@pytest.mark.parametrize(
    ("name", "series", "points"),
    [
        ("http_p95_raw", 38, 1800),
        ("http_p95_by_uri", 12, 718 - 111),
        ("heap_pct", 2, 126),
        ("kafka_lag_by_topic", 2, 126),
        ("pool_pct", 1, 63),
    ],
)
def test_a_recording_holds_as_many_series_and_points_as_its_readme_says(
    name: str, series: int, points: int
) -> None:
    rows = rows_of(source_of((SAMPLES / f"{name}.json").read_bytes(), f"{name}.json"))
    assert len({tuple(row[3].items()) for row in rows}) == series
    assert len(rows) == points


def test_nan_is_no_row_and_no_damage_but_its_number_is_told() -> None:
    source = source_of((SAMPLES / "http_p95_by_uri.json").read_bytes(), "http_p95_by_uri.json")
    assert not any(math.isnan(row[2]) for row in rows_of(source))
    assert source.rejected == 0
    assert source.notes == [
        "http_p95_by_uri.json: 111 of 718 points are NaN (nothing was observed) and were left out"
    ]


def test_infinite_values_are_rejected_and_told_with_their_place() -> None:
    answer = matrix({"metric": {}, "values": [[1, "1"], [2, "+Inf"], [3, "-Inf"], [4, "2"]]})
    source = source_of(answer)
    assert [row[2] for row in rows_of(source)] == [1, 2]
    assert source.rejected == 2
    assert source.rejections[0].why == "+Inf at 2.0: a query divides by zero"


def test_a_damaged_point_is_rejected_and_the_others_stay() -> None:
    values = [
        [1, "1"],
        [2, "many"],
        [3, 3],
        "4",
        [5, None],
        [1795399724000, "6"],
        [True, "7"],
        [8, "8"],
    ]
    pretty = json.dumps(matrix({"metric": {}, "values": values}), indent=1).encode()
    source = source_of(pretty)
    assert [row[:1] + row[2:3] for row in rows_of(source)] == [(1_000_000, 1.0), (8_000_000, 8.0)]
    assert source.rejected == 6
    assert {rejection.line for rejection in source.rejections} == {6}
    assert "not a time in seconds since 1970: 1795399724000.0" in [r.why for r in source.rejections]


def test_a_series_that_is_none_is_rejected_and_the_others_stay() -> None:
    source = source_of(matrix({"metric": 5}, {"metric": {}, "values": [[1, "1"]]}))  # type: ignore[dict-item]
    assert [row[2] for row in rows_of(source)] == [1]
    assert source.rejections[0].why.startswith("not a series: Expected `object`")


def test_a_vector_gives_one_row_a_series() -> None:
    result = [{"metric": {"id": "a"}, "value": [1795399724.5, "2"]}]
    answer = {"status": "success", "data": {"resultType": "vector", "result": result}}
    assert rows_of(source_of(answer)) == [(1795399724_500_000, "q", 2.0, {"id": "a"}, None)]


def test_a_scalar_is_one_row_without_labels() -> None:
    answer = {"status": "success", "data": {"resultType": "scalar", "result": [1795623214, "2.5"]}}
    assert rows_of(source_of(answer)) == [(1795623214_000_000, "q", 2.5, {}, None)]


def test_the_bare_list_that_promtool_prints_is_read() -> None:
    """`promtool query range -o json` of Debian's 2.42: no envelope, and no native histograms."""
    printed = (
        b'[{"metric":{"__name__":"up","job":"erp"},"values":[[1795623194,"1"],[1795623199,"0"]]},\n'
        b'{"metric":{"__name__":"up","job":"web"},"values":null}]\n'
    )
    source = source_of(printed)
    assert reader_for(source) is READER
    assert [row[0] for row in rows_of(source)] == [1795623194_000_000, 1795623199_000_000]
    assert [(one.line, one.why) for one in source.rejections] == [(2, 'no points of up{job="web"}')]
    cut = source_of(printed[:90])
    assert [row[0] for row in rows_of(cut)] == [1795623194_000_000, 1795623199_000_000]
    assert cut.truncated


@pytest.mark.parametrize(
    "answer",
    [
        b'{"status":"success","isPartial":false,"data":{"resultType":"matrix","result":%s},'
        b'"stats":{"seriesFetched":"1","executionTimeMsec":3}}',  # VictoriaMetrics
        b'{"status":"success","data":{"resultType":"matrix","result":%s,"analysis":{},'
        b'"explanation":null},"warnings":null}',  # Thanos
        b'{"status":"success","data":{"resultType":"matrix","result":%s,"stats":{"samples":{}}},'
        b'"infos":[]}',  # Mimir, and Prometheus 3 when asked for stats
        b'{"data":{"result":%s,"resultType":"matrix"},"status":"success"}',  # jq -S
    ],
)
def test_what_other_servers_add_to_an_answer_is_not_minded(answer: bytes) -> None:
    source = source_of(answer % b'[{"metric":{"id":"a"},"values":[[1,"1"]],"group":7}]')
    assert READER.sniff(source.head())
    assert rows_of(source) == [(1_000_000, "q", 1.0, {"id": "a"}, None)]
    assert source.rejected == 0
    assert source.notes == []


def test_remarks_of_prometheus_3_are_passed_on() -> None:
    series = {"metric": {}, "values": [[1, "1"]]}
    source = source_of(matrix(series, infos=['PromQL info: "lag" might not be a counter (1:6)']))
    assert len(rows_of(source)) == 1
    assert source.notes == [
        'q.json: Prometheus remarks: PromQL info: "lag" might not be a counter (1:6)'
    ]


def test_a_gap_stays_a_gap() -> None:
    source = source_of(matrix({"metric": {}, "values": [[15, "1"], [30, "2"], [300, "3"]]}))
    assert [(row[0], row[2]) for row in rows_of(source)] == [
        (15_000_000, 1),
        (30_000_000, 2),
        (300_000_000, 3),
    ]


@pytest.mark.parametrize("text", ["1_000", "\u0661", "0x10", "", "1,5", "1e"])
def test_what_prometheus_never_writes_is_no_number(text: str) -> None:
    source = source_of(matrix({"metric": {}, "values": [[1, "1"], [2, text]]}))
    assert [row[2] for row in rows_of(source)] == [1]
    assert [one.why for one in source.rejections] == [f"not a number: {text!r}"]


def test_the_name_of_a_series_stays_as_label_only_where_a_query_gives_several_names() -> None:
    one = matrix({"metric": {"__name__": "up", "job": "a"}, "values": [[1, "1"]]})
    assert [row[3] for row in rows_of(source_of(one))] == [{"job": "a"}]
    two = matrix(
        {"metric": {"__name__": "used_bytes", "job": "a"}, "values": [[1, "1"]]},
        {"metric": {"__name__": "gc_total", "job": "a"}, "values": [[1, "1"]]},
    )
    source = source_of(two)
    assert len({tuple(row[3].items()) for row in rows_of(source)}) == 2
    assert source.facts.metrics == {"q": MetricInfo(type="gauge", unit=None)}


def test_warnings_of_prometheus_are_passed_on() -> None:
    source = source_of(matrix({"metric": {}, "values": [[1, "1"]]}, warnings=["one store is down"]))
    rows_of(source)
    assert source.notes == ["q.json: Prometheus warns: one store is down"]


def test_an_empty_answer_gives_no_row_and_is_named() -> None:
    source = source_of(matrix())
    assert rows_of(source) == []
    assert source.notes == [
        "q.json: the answer holds no points; was the query right, and the window?"
    ]


def test_a_run_of_empty_answers_only_is_refused_in_a_line_that_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [tmp_path / "heap.json", tmp_path / "lag.json"]
    for file in files:
        file.write_text(json.dumps(matrix()))
    run = tmp_path / "run.parquet"
    assert main(["ingest", *map(str, files), "-o", str(run)]) == 2
    assert capsys.readouterr().err == (
        "error: heap.json, lag.json: no whole record in it that a reader knows. Nothing was written. "
        "(heap.json: the answer holds no points; was the query right, and the window?)\n"
    )
    assert not run.exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            (SAMPLES / "refused" / "error_bad_query.json").read_bytes(),
            "refused the query: 1:5: parse error: unclosed left parenthesis (bad_data)",
        ),
        (
            b'{"status":"success","data":{"resultType":"string","result":[1,"2"]}}',
            "a string, where a matrix, a vector or a scalar is needed",
        ),
        (
            b'{"status":"success","data":{"resultType":"scalar","result":[[1,"2"]]}}',
            "not an answer to a Prometheus query",
        ),
        (b'{"status":"success","data":{"resultType":"streams","result":[]}}', "a streams, where"),
        (b'{"status":"success","data":["up","heap"]}', "not an answer to a Prometheus query"),
        (b'{"status":"success","data":' + b"[" * 2000, "(nested too deeply). Save what"),
        (b'{"status":"success","data":{"resultType":"matrix"', "cut off before its first series"),
    ],
)
def test_an_answer_that_holds_no_series_says_why_in_a_line(content: bytes, words: str) -> None:
    source = source_of(content, "lag.json")
    assert READER.sniff(source.head())
    with pytest.raises(InputError, match=re.escape(words)) as error:
        list(READER.read(source))
    assert str(error.value).startswith("lag.json: ")
    assert "\n" not in str(error.value)


def test_an_answer_too_large_for_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prometheus_json, "LARGEST_ANSWER", 1 << 20)
    bomb = gzip.compress(b'{"status":"success",' + b" " * (2 << 20))
    with pytest.raises(InputError, match=r"q\.json\.gz: larger than 1 MiB"):
        list(READER.read(Source(io.BytesIO(bomb), "q.json.gz")))


@pytest.mark.parametrize("packed", ["lag.json", "lag.json.gz", "lag"])
def test_the_metric_is_named_after_the_file(packed: str) -> None:
    source = source_of(matrix({"metric": {}, "values": [[1, "1"]]}), packed)
    assert [row[1] for row in rows_of(source)] == ["lag"]


@pytest.mark.parametrize(
    ("head", "known"),
    [
        (b'{"status":"success","data":{"resultType":"matrix"', True),
        (b' {\n "status" : "error", "errorType"', True),
        (b'{"data":{"result":[],"resultType":"matrix"},"status":"success"}', True),
        (b'{"type":"Metric","data":{"name":"http_reqs"', False),
        (b'{"metrics":{"http_reqs":{"count":1}}}', False),
        (b'{"status":"ok"}', False),
        (b'{"results":[{"statement_id":0}]}', False),
    ],
)
def test_answers_are_known_by_their_first_bytes(head: bytes, known: bool) -> None:
    assert READER.sniff(head) is known


@pytest.mark.parametrize(
    ("name", "kind", "unit"),
    [
        ("jvm_memory_used_bytes", "gauge", "By"),
        ("http_server_requests_seconds", "gauge", "s"),
        ("http_server_requests_seconds_count", "counter", None),
        ("http_server_requests_seconds_sum", "counter", "s"),
        ("mpesa_oauth_token_refreshes_total", "counter", "{refreshes}"),
        ("node_network_receive_bytes_total", "counter", "By"),
        ("process_cpu_seconds_total", "counter", "s"),
        ("cache_hit_ratio", "gauge", "1"),
        ("pool_pct", "gauge", "%"),
        ("cpu_percent", "gauge", "%"),
        ("system_cpu_count", "gauge", None),
        ("kafka_consumer_lag", "gauge", None),
        ("total", "gauge", None),
    ],
)
def test_type_and_unit_follow_prometheus_naming_rules(
    name: str, kind: str, unit: str | None
) -> None:
    assert convention(name) == MetricInfo(type=kind, unit=unit)  # type: ignore[arg-type]


def test_the_series_name_decides_the_unit_before_the_file_name() -> None:
    source = source_of(
        matrix({"metric": {"__name__": "used_bytes"}, "values": [[1, "1"]]}), "heap.json"
    )
    table = pa.Table.from_batches(READER.read(source))
    assert table["unit"].to_pylist() == ["By"]
    assert source.facts.metrics == {"heap": MetricInfo(type="gauge", unit="By")}


# -- cut and damaged answers -------------------------------------------------------------------

SMALL = json.dumps(
    matrix(
        {"metric": {"id": 'a"}]'}, "values": [[1, "1"], [2.5, "2"]]},
        {"metric": {"id": "b"}, "values": [[3, "3"], [4, "4"]]},
    ),
    separators=(",", ":"),
).encode()
WHOLE = rows_of(source_of(SMALL))


@pytest.mark.parametrize("end", range(SMALL.index(b'"result":[') + 10, len(SMALL)))
def test_an_answer_cut_at_any_byte_gives_every_whole_point_before_the_cut(end: int) -> None:
    source = source_of(SMALL[:end])
    rows = rows_of(source)
    whole_points = len(re.findall(rb'\[[\d.]+,"\d"\]', SMALL[:end]))
    assert rows == WHOLE[:whole_points]
    assert source.truncated
    assert source.rejected == 1


@pytest.mark.parametrize("between", [b"", b"\n", b" \n\n"])
def test_answers_one_after_the_other_are_all_read(between: bytes) -> None:
    later = SMALL.replace(b"[1,", b"[5,").replace(b"[2.5,", b"[6,")
    later = later.replace(b"[3,", b"[7,").replace(b"[4,", b"[8.5,")
    source = source_of(SMALL + between + later)
    assert rows_of(source) == WHOLE + rows_of(source_of(later))
    assert source.rejected == 0


def test_a_point_that_stands_twice_in_a_series_counts_once() -> None:
    source = source_of(matrix({"metric": {}, "values": [[1, "1"], [2, "2"], [2, "2"]]}))
    assert [row[2] for row in rows_of(source)] == [1, 2]
    assert source.rejected == 1


def test_an_answer_that_stands_twice_counts_once() -> None:
    source = source_of(SMALL + b"\n" + SMALL)
    assert rows_of(source) == WHOLE
    assert source.rejected == len(WHOLE)
    assert source.rejections[0].line == 2
    assert source.rejections[-1].why == '{id="b"} at 4.0: was there before'


def test_a_text_that_looks_like_the_start_of_an_answer_does_not_part_one() -> None:
    label = '}{"status":"success"'
    source = source_of(matrix({"metric": {"id": label}, "values": [[1, "1"]]}))
    assert [row[3] for row in rows_of(source)] == [{"id": label}]


@pytest.mark.parametrize("place", range(4))
def test_an_answer_damaged_in_the_middle_gives_the_whole_points_around_it(place: int) -> None:
    point = re.findall(rb'\[[\d.]+,"\d"\]', SMALL)[place]
    source = source_of(SMALL.replace(point, b"[4\x00"))
    assert rows_of(source) == WHOLE[:place] + WHOLE[place + 1 :]
    assert source.rejected == 1
    assert not source.truncated


def test_a_series_without_its_labels_costs_no_other() -> None:
    source = source_of(SMALL.replace(b'{"metric":{', b'{"metric":{,', 1))
    assert rows_of(source) == WHOLE[2:]
    assert source.rejected == 1


@given(st.integers(0, len(SMALL) - 1), st.sampled_from([*b'{}[]",:0-\\\n\x00\xff', *b"nNe"]))
def test_any_wrong_byte_is_told_and_never_a_crash(at: int, byte: int) -> None:
    source = source_of(SMALL[:at] + bytes([byte]) + SMALL[at + 1 :])
    try:
        rows = rows_of(source)
    except InputError as error:
        assert str(error).startswith("q.json: ")  # noqa: PT017
    else:
        assert len(rows) == len(WHOLE) or source.rejected or source.notes


@pytest.mark.parametrize("deep", [b"[" * 2000, b'{"a":' * 2000], ids=["lists", "objects"])
def test_what_is_nested_deeply_behind_damage_is_a_cut(deep: bytes) -> None:
    source = source_of(SMALL[:-3] + b",x" + deep)
    assert rows_of(source) == WHOLE
    assert source.truncated
    source = source_of(SMALL.replace(b'"4"', b'"4"x') + deep)
    assert rows_of(source) == WHOLE[:3]


def test_bytes_that_are_not_utf8_are_told_and_the_points_stay() -> None:
    source = source_of(SMALL.replace(b'"id":"b"', b'"id":"\xff"'))
    assert [row[:3] for row in rows_of(source)] == [row[:3] for row in WHOLE]
    assert source.rejections[0].why == "bytes that are not UTF-8"


def test_a_bare_nan_is_damage_and_the_other_points_are_kept() -> None:
    source = source_of(SMALL.replace(b'"3"', b"NaN"))
    assert rows_of(source) == WHOLE[:2] + WHOLE[3:]
    assert source.rejected == 1


# -- the soak recording ------------------------------------------------------------------------


def test_the_soak_files_are_spread_over_a_day_as_their_readme_says() -> None:
    start = Decimal("1795399713.294")
    text = (SAMPLES / "soak" / "heap_used_bytes.json").read_text()
    times = [Decimal(at) for at in re.findall(r'\[([0-9.]+),"', text)]
    recorded = [start + (at - start) / 240 for at in times]
    assert recorded == [Decimal(1795399719 + second) for second in range(357)]
    assert {later - at for at, later in itertools.pairwise(times)} == {240}
    hours = [float(at - start) / 3600 for at in (times[0], times[-1])]
    assert hours == pytest.approx([0.38, 24.11], abs=0.005)


def test_the_command_in_the_soak_readme_stretches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Run it backwards and forwards: squeezing by 240 and stretching again gives the same bytes."""
    code = re.search(
        r"```python\n(.*?)```", (SAMPLES / "soak" / "README.md").read_text(), re.DOTALL
    )
    assert code
    start = Decimal("1795399713.294")
    whole = (SAMPLES / "soak" / "kafka_consumer_lag.json").read_text()
    squeezed = re.sub(
        r'\[([0-9.]+),"', lambda at: f'[{start + (Decimal(at[1]) - start) / 240:.0f},"', whole
    )
    folders = [tmp_path / "recorded", tmp_path / "stretched"]
    for folder in folders:
        folder.mkdir()
    (folders[0] / "lag.json").write_text(squeezed)
    monkeypatch.setattr("sys.argv", ["stretch.py", *map(str, folders)])
    exec(compile(code[1], "stretch.py", "exec"), {})
    assert (folders[1] / "lag.json").read_text() == whole


def test_the_soak_heap_leaks_as_its_truth_says() -> None:
    source = source_of((SAMPLES / "soak" / "jvm_memory_used_bytes.json").read_bytes())
    old = [
        (at, value) for at, _, value, labels, _ in rows_of(source) if labels["id"] == "G1 Old Gen"
    ]
    hours = [(at / 1e6 - 1795399713.294) / 3600 for at, _ in old]
    slope, floor = _line_through(hours, [value / 2**20 for _, value in old])
    assert slope == pytest.approx(40.96, rel=0.01)
    assert floor == pytest.approx(900, rel=0.01)


def _line_through(x: Sequence[float], y: Sequence[float]) -> tuple[float, float]:
    slope, floor = np.polyfit(x, y, 1)
    return float(slope), float(floor)


# -- generated answers -------------------------------------------------------------------------

times_us = st.integers(0, 2**32 * 1_000_000 - 1)
finite = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(st.tuples(times_us, finite), unique_by=lambda point: point[0]))
def test_every_microsecond_and_every_value_comes_back(points: list[tuple[int, float]]) -> None:
    written = ",".join(f'[{at // 10**6}.{at % 10**6:06},"{value!r}"]' for at, value in points)
    head = b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":['
    source = source_of(head + written.encode() + b"]}]}}")
    assert [(at, value) for at, _, value, _, _ in rows_of(source)] == points


@given(st.dictionaries(st.text(), st.text()).filter(lambda labels: "__name__" not in labels))
def test_any_label_comes_back(labels: dict[str, str]) -> None:
    source = source_of(matrix({"metric": labels, "values": [[1, "1"]]}))
    assert [row[3] for row in rows_of(source)] == [labels]
