"""OpenMetrics text: rows as Prometheus itself stored the same samples, and what is no sample is told."""

from __future__ import annotations

import io
import json
import math
import re
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_server import SECONDS, START_S, PrometheusServer
from prometheus_server import openmetrics as backfilled

from perfreport import resources
from perfreport.errors import InputError
from perfreport.readers import openmetrics, series
from perfreport.readers import source as source_module
from perfreport.readers.openmetrics import READER
from perfreport.readers.reader import reader_for
from perfreport.readers.source import Source
from perfreport.run.info import MetricInfo
from perfreport.run.schema import SCHEMA

SAMPLES = resources.folder("sample_results") / "openmetrics"
CASES = ["dump.om.gz", "typed.om"]

Row = tuple[str, int, float, dict[str, str]]  # name, microseconds, value, labels


def source_of(text: str | bytes, name: str = "m.om") -> Source:
    data = text if isinstance(text, bytes) else text.encode()
    return Source(io.BytesIO(data), name)


def table_of(source: Source) -> pa.Table:
    return pa.Table.from_batches(READER.read(source), schema=SCHEMA)


def rows_of(source: Source) -> list[Row]:
    table = table_of(source)
    assert set(table["kind"].to_pylist()) <= {"metric"}
    labels = [dict(pairs) for pairs in table["labels"].to_pylist()]
    columns = [table["name"], table["ts"].cast(pa.int64()), table["value"]]
    return list(zip(*(column.to_pylist() for column in columns), labels, strict=True))


def recorded(case: str) -> Source:
    return source_of((SAMPLES / case).read_bytes(), case)


def stored_by_prometheus(case: str) -> Iterator[Row]:
    """The raw samples that a server gave of the same time, without those that are no numbers."""
    name = case.split(".")[0]
    yield from stored(json.loads((SAMPLES / f"{name}.tool.json").read_text()))


def stored(answer: Any) -> Iterator[Row]:
    for one in answer["data"]["result"]:
        labels = {key: value for key, value in one["metric"].items() if key != "__name__"}
        for at, value in one["values"]:
            if math.isfinite(float(value)):
                yield one["metric"]["__name__"], round(at * 1e6), float(value), labels


def counted(rows: Iterator[Row] | list[Row]) -> Counter[tuple[str, int, float, str]]:
    return Counter((*row[:3], json.dumps(row[3], sort_keys=True)) for row in rows)


# -- recordings --------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES)
def test_every_row_is_a_sample_that_prometheus_holds_and_none_is_missing(case: str) -> None:
    source = recorded(case)
    assert reader_for(source) is READER
    rows = rows_of(source)
    assert counted(rows) == counted(stored_by_prometheus(case))
    assert source.rejected == 0
    assert not source.truncated
    assert source.facts.tool == "Prometheus"


def test_a_file_that_promtool_backfilled_gives_the_rows_that_a_live_server_answers(
    prometheus_server: PrometheusServer,
) -> None:
    asked = {"query": '{__name__=~".+"}[5h]', "time": str(START_S + SECONDS)}
    answer = requests.get(f"{prometheus_server.url}/api/v1/query", asked, timeout=60).json()
    expected = stored(answer)
    source = source_of(backfilled())
    assert counted(rows_of(source)) == counted(expected)
    assert (source.rejected, source.truncated) == (0, False)


def test_markers_of_a_target_that_went_away_are_no_rows_but_told() -> None:
    source = recorded("dump.om.gz")
    assert len(rows_of(source)) == 1690 - 135
    assert source.notes == [
        "dump.om.gz: 135 of 1,690 points are NaN (nothing was observed) and were left out"
    ]


def test_types_and_units_are_those_that_the_file_says() -> None:
    source = recorded("typed.om")
    table = table_of(source)
    expected = {
        "jvm_memory_used_bytes": ("gauge", "By"),
        "erp_orders_total": ("counter", "{orders}"),
        "erp_orders_created": ("gauge", "s"),
        "erp_cpu_seconds_total": ("counter", "s"),
        "erp_request_seconds_bucket": ("counter", None),
        "erp_request_seconds_count": ("counter", None),
        "erp_request_seconds_sum": ("counter", "s"),
        "erp_gc_pause_seconds": ("gauge", "s"),
        "erp_gc_pause_seconds_count": ("counter", None),
        "erp_gc_pause_seconds_sum": ("counter", "s"),
        "erp_queue_age_seconds_bucket": ("histogram", None),
        "erp_queue_age_seconds_gcount": ("gauge", None),
        "erp_queue_age_seconds_gsum": ("gauge", "s"),
        "erp_build_info": ("gauge", None),
        "erp_breaker": ("gauge", None),
        "erp_room_celsius": ("gauge", "{celsius}"),
        "erp_lag_ratio": ("gauge", "1"),
    }
    assert source.facts.metrics == {
        name: MetricInfo.model_validate({"type": kind, "unit": unit})
        for name, (kind, unit) in expected.items()
    }
    units = set(zip(table["name"].to_pylist(), table["unit"].to_pylist(), strict=True))
    assert units == {(name, unit) for name, (_, unit) in expected.items()}


def test_without_comments_the_names_tell_type_and_unit() -> None:
    source = recorded("dump.om.gz")
    rows_of(source)
    assert source.facts.metrics["jvm_memory_used_bytes"] == MetricInfo(type="gauge", unit="By")
    assert source.facts.metrics["kra_etims_errors_total"] == MetricInfo(
        type="counter", unit="{errors}"
    )


def test_the_target_is_the_source_and_stays_a_label() -> None:
    text = 'up{instance="a:80",job="x"} 1 17\nlag 2 17\n# EOF\n'
    table = table_of(source_of(text))
    assert table["source"].to_pylist() == ["a:80", None]
    assert rows_of(source_of(text))[0][3] == {"instance": "a:80", "job": "x"}


# -- one line ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "row"),
    [
        ("up 1 17", ("up", 17_000_000, 1, {})),
        ("up 1 17.25", ("up", 17_250_000, 1, {})),
        ("up 1 1795399724.123456789", ("up", 1795399724_123457, 1, {})),
        ("up 1 1.795399724e9", ("up", 1795399724_000_000, 1, {})),
        ("up 1 0", ("up", 0, 1, {})),
        ("up{} -1.5e-3 17", ("up", 17_000_000, -0.0015, {})),
        ('up{a="b",} 1 17', ("up", 17_000_000, 1, {"a": "b"})),
        ("up\t1\t17", ("up", 17_000_000, 1, {})),
        ("up 1 17\r", ("up", 17_000_000, 1, {})),
        ('a:b_c{x="} 1 2"} 3 17', ("a:b_c", 17_000_000, 3, {"x": "} 1 2"})),
        (r'up{x="\\n\n\"\\"} 3 17', ("up", 17_000_000, 3, {"x": '\\n\n"\\'})),
        ('up{x=" # {y=1} "} 3 17', ("up", 17_000_000, 3, {"x": " # {y=1} "})),
        ('up_total 3 17 # {t="a b"} 1 16.5', ("up_total", 17_000_000, 3, {})),
        ('{"erp.lag ms",a="b"} 3 17', ("erp.lag ms", 17_000_000, 3, {"a": "b"})),
        ('{"erp.lag","my.key"="b"} 3 17', ("erp.lag", 17_000_000, 3, {"my.key": "b"})),
        ('{__name__="up",a="é"} 3 17', ("up", 17_000_000, 3, {"a": "é"})),
    ],
)
def test_a_sample_is_read_however_it_is_written(line: str, row: Row) -> None:
    source = source_of(f"{line}\n# EOF\n")
    assert rows_of(source) == [row]
    assert source.rejected == 0
    assert READER.sniff(f"{line}\n".encode())


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("up 1", "no time stamp"),
        ('up{a="b c"} 1', "no time stamp"),
        ('up_total 1 # {t="a"} 1 2', "no time stamp"),
        ("up", "not a sample: a name, labels, a value and a time"),
        ("up 1 17 18", "not a sample: a name, labels, a value and a time"),
        ("9up 1 17", "not a sample: a name, labels, a value and a time"),
        ('up{a="b} 1 17', "not a sample: a name, labels, a value and a time"),
        (" 1 17", "not one name"),
        ('{a="b"} 1 17', "not one name"),
        ('up{__name__="down"} 1 17', "not one name"),
        ('up{a="b",a="c"} 1 17', "two labels 'a'"),
        ("up{a} 1 17", "a label without a value: 'a'"),
        ("up{a=b} 1 17", "not labels: 'a=b'"),
        ("up one 17", "not a number and a time: 'one 17'"),
        ("up 1 now", "not a number and a time: '1 now'"),
        ("up 1_000 17", "not a number and a time: '1_000 17'"),
        ("up 1 1_7", "not a number and a time: '1 1_7'"),
        ("up 1 -17", "not a time in seconds since 1970: -17.0"),
        ("up 1 NaN", "not a time in seconds since 1970: nan"),
        (
            "up 1 1795399724000",
            "not a time in seconds since 1970: 1795399724000.0; milliseconds?",
        ),
        ("up +Inf 17", "inf at 17.0: not a finite number"),
        ('up{a="b"} -Inf 17', "-inf at 17.0: not a finite number"),
        ("up 1 15", "not later than the sample before of its series"),
        ('rpc {count:1,sum:2,schema:0,zero_threshold:0,zero_count:0} 17', "a native histogram in text: save what /api/v1/query_range returns"),
        ("# TYPE up countre", "not a type: 'countre'"),
        ("# UNIT up bytes and more", "not a unit: 'bytes and more'"),
    ],
)  # fmt: skip
def test_a_line_that_is_no_sample_is_told_with_its_place_and_the_others_stay(
    line: str, why: str
) -> None:
    source = source_of(f'# TYPE up gauge\nup 5 15\nup{{a="b"}} 6 15\n{line}\nup 7 30\n# EOF\n')
    assert [row[2] for row in rows_of(source)] == [5, 6, 7]
    assert [(one.line, one.why) for one in source.rejections] == [(4, why)]
    assert not source.truncated


def test_labels_that_are_not_utf8_are_told() -> None:
    source = source_of(b'up 5 15\nup{a="\xff"} 1 17\n# TYPE "\xff" gauge\n# EOF\n')
    assert len(rows_of(source)) == 1
    assert [(one.line, one.why) for one in source.rejections] == [
        (2, "bytes that are not UTF-8"),
        (3, "bytes that are not UTF-8"),
    ]


def test_nan_is_no_row_and_no_damage_but_its_number_is_told() -> None:
    source = source_of("up 1 15\nup NaN 30\nup nan 45\nup 2 60\n# EOF\n")
    assert [row[2] for row in rows_of(source)] == [1, 2]
    assert source.rejected == 0
    assert source.notes == ["m.om: 2 of 4 points are NaN (nothing was observed) and were left out"]


# -- comments ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("comments", "name", "kind", "unit"),
    [
        ("# TYPE lag counter", "lag_total", "counter", "{lag}"),
        ("# TYPE lag_total counter", "lag_total", "counter", "{lag}"),  # the older text format
        ("# UNIT lag_volts volts\n# TYPE lag_volts gauge", "lag_volts", "gauge", "{volts}"),
        ("# TYPE lag_volts gauge\n# UNIT lag_volts volts", "lag_volts", "gauge", "{volts}"),
        ("# UNIT lag_bytes bytes", "lag_bytes", "gauge", "By"),
        ("# TYPE lag untyped", "lag", "gauge", None),
        ("# TYPE lag unknown\n# UNIT lag ms", "lag", "gauge", "ms"),
        ("# TYPE lag info", "lag_info", "gauge", None),
        ("# HELP lag_bytes # TYPE lag_bytes counter", "lag_bytes", "gauge", "By"),
        ("# a word\n#\n", "lag_total", "counter", "{lag}"),
        ('# TYPE "lag" summary\n# UNIT "lag" seconds', "lag", "gauge", "s"),
        ('# TYPE lag summary\n# UNIT lag seconds', "lag_sum", "counter", "s"),
        ('# TYPE lag summary\n# UNIT lag seconds', "lag_count", "counter", None),
    ],
)  # fmt: skip
def test_comments_tell_type_and_unit(comments: str, name: str, kind: str, unit: str | None) -> None:
    source = source_of(f"{comments}\n{name} 1 17\n# EOF\n")
    assert table_of(source)["unit"].to_pylist() == [unit]
    assert source.facts.metrics == {name: MetricInfo.model_validate({"type": kind, "unit": unit})}
    assert source.rejected == 0


def test_a_metric_of_two_types_is_a_gauge_without_a_unit() -> None:
    text = "# TYPE lag_seconds counter\nlag_seconds_total 1 1\n"
    text += "# TYPE lag_seconds_total gauge\nlag_seconds_total 2 2\n# EOF\n"
    source = source_of(text)
    assert len(rows_of(source)) == 2
    assert source.facts.metrics == {"lag_seconds_total": MetricInfo(type="gauge")}


# -- files -------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["# EOF\n", "# EOF", "# EOF\r\n", "# EOF\n\n"])
def test_a_file_that_ends_with_eof_is_whole(end: str) -> None:
    source = source_of(f"up 1 15\n{end}")
    assert len(rows_of(source)) == 1
    assert (source.rejected, source.truncated) == (0, False)


@pytest.mark.parametrize(
    ("end", "rows", "line"),
    [("", 1, 2), ("up 1 3", 1, 2), ("# EO", 1, 2), ("up 1 30\n", 2, 3), ("# EOF\nup 1 30\n", 2, 4)],
)
def test_a_file_without_its_end_was_cut_off(end: str, rows: int, line: int) -> None:
    source = source_of(f"up 1 15\n{end}")
    assert len(rows_of(source)) == rows
    assert source.truncated
    assert [one.line for one in source.rejections] == [line]


def test_files_one_after_the_other_are_all_read_and_nothing_counts_twice() -> None:
    first, second = "# TYPE a gauge\na 1 15\n# EOF\n", "# TYPE a gauge\na 2 30\n# EOF\n"
    source = source_of(first + second)
    assert [row[2] for row in rows_of(source)] == [1, 2]
    assert (source.rejected, source.truncated) == (0, False)
    source = source_of(first + first)
    assert [row[2] for row in rows_of(source)] == [1]
    assert source.rejected == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            '# HELP up Is it up\n# TYPE up untyped\nup{a="b"} 1\nup 2\n',
            "m.om: samples without time stamps: what one scrape of /metrics gives. Let a",
        ),
        (
            '# TYPE up gauge\nup{a="b"} 1 1795399724000\nup 2 1795399724000\n\n',
            "m.om: times in milliseconds, where OpenMetrics has seconds: Prometheus's older text",
        ),
        (
            '{__name__="up", instance="a:80"} 1 1795399724000\n',  # promtool tsdb dump of 2.42
            "m.om: times in milliseconds, where OpenMetrics has seconds: Prometheus's older text",
        ),
    ],
)
def test_a_file_without_a_time_axis_is_refused_with_what_to_do(text: str, words: str) -> None:
    source = source_of(text)
    assert READER.sniff(source.head())
    with pytest.raises(InputError, match=re.escape(words)) as error:
        list(READER.read(source))
    assert "\n" not in str(error.value)
    assert "/api/v1/query_range" in str(error.value)


def test_a_file_without_samples_is_named() -> None:
    source = source_of("# TYPE up gauge\n# EOF\n")
    assert rows_of(source) == []
    assert source.notes == ["m.om: no samples in it; was the time range right?"]


def test_more_metrics_than_a_review_can_use_are_refused() -> None:
    text = "".join(f"m{i} 1 17\n" for i in range(20_001))
    with pytest.raises(InputError, match="more than 20,000 different metrics"):
        list(READER.read(source_of(text)))
    text = "".join(f"# TYPE m{i} counter\n" for i in range(20_001))
    with pytest.raises(InputError, match="more than 20,000 different metrics"):
        list(READER.read(source_of(text)))


@pytest.mark.parametrize(
    ("head", "known"),
    [
        (b"# HELP up Is it up.\n", True),
        (b"# EOF\n", True),
        (b"\xef\xbb\xbf# TYPE up gauge\n", True),
        (b'# made by hand\n\nup{a="b"} 1\n', True),
        (b"up 1 1795399724\n", True),
        (b"up 1\n", False),  # two words: anything
        (b"timeStamp,elapsed,label\n", False),
        (b"RUN\tclass\tid\t1795399724000\t \t3.12.0\n", False),
        (b'{"metric":"http_reqs","type":"Metric"}\n', False),
        (b'{"status":"success","data":{"resultType":"matrix"', False),
        (b"cpu,host=a value=1 1795399724000000000\n", False),
        (b"# Title\n\nSome text 12 13\n", False),
        (b"", False),
        (bytes(range(256)), False),
    ],
)
def test_openmetrics_is_known_by_its_first_lines(head: bytes, known: bool) -> None:
    assert READER.sniff(head) is known


# -- computed twice ----------------------------------------------------------------------------

label_names = st.from_regex(r"[a-zA-Z][a-zA-Z0-9_]{0,8}", fullmatch=True)
label_values = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\r"))
finite = st.floats(allow_nan=False, allow_infinity=False)
times_us = st.integers(0, 2**32 * 1_000_000 - 1)


def written(name: str, labels: dict[str, str], value: float, time_us: int) -> str:
    pairs = ",".join(f'{key}="{escaped(text)}"' for key, text in labels.items())
    seconds = f"{time_us // 10**6}.{time_us % 10**6:06}"
    return f"{name}{{{pairs}}} {value!r} {seconds}\n"


def escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


@given(label_names, st.dictionaries(label_names, label_values, max_size=4), finite, times_us)
@settings(max_examples=60)
def test_a_sample_is_what_the_library_of_the_field_reads(
    name: str, labels: dict[str, str], value: float, time_us: int
) -> None:
    text = written(name, labels, value, time_us) + "# EOF\n"
    (family,) = text_string_to_metric_families(text)
    (sample,) = family.samples
    expected = (sample.name, round(float(sample.timestamp) * 1e6), sample.value, sample.labels)
    assert rows_of(source_of(text)) == [expected] == [(name, time_us, value, labels)]


CHARACTERS = 'up{a="b",c="\\"} 1 17.5\\n} 2 3 # {x="y"} 4\nup{a="b"} 1e3 18\n# TYPE up gauge\n'


@given(st.lists(st.tuples(st.integers(0, 80), st.sampled_from(CHARACTERS)), max_size=6), st.data())
@settings(max_examples=100)
def test_the_fast_path_reads_what_the_slow_one_reads(
    damage: list[tuple[int, str]], data: st.DataObject
) -> None:
    lines = [f'up{{a="b {i % 2}"}} {i} {20 + i // 2}\n' for i in range(6)]
    text = "".join(lines)
    for at, character in damage:
        text = text[:at] + character + text[at + data.draw(st.integers(0, 2)) :]
    text += "".join(lines) + "# EOF\n"
    assert outcome(text) == outcome(text, slowly=True)


def outcome(text: str, slowly: bool = False) -> Any:
    """Rows, rejections and facts, or the words of the refusal."""
    source = source_of(text)
    with pytest.MonkeyPatch.context() as patch:
        if slowly:
            patch.setattr(openmetrics._Rows, "read", read_slowly)
        try:
            rows = rows_of(source)
        except InputError as error:
            return str(error)
    return rows, source.rejections, source.rejected, source.truncated, source.facts.metrics


def read_slowly(
    rows: openmetrics._Rows, number: int, lines: list[bytes]
) -> Iterator[pa.RecordBatch]:
    for line, text in enumerate(lines, number):
        rows._slow(line, text)
    rows.line = number + len(lines)
    yield from ()


@given(st.integers(0, 400), st.sampled_from([*b'{}[]",:0-\\\n\x00\xff# ', *b"nNe"]))
def test_any_wrong_byte_is_told_and_never_a_crash(at: int, byte: int) -> None:
    text = (SAMPLES / "typed.om").read_bytes()[:1000].rpartition(b"\n")[0] + b"\n# EOF\n"
    whole = rows_of(source_of(text))
    source = source_of(text[:at] + bytes([byte]) + text[at + 1 :])
    rows = rows_of(source)
    assert len(rows) >= len(whole) - 2
    assert len(rows) == len(whole) or source.rejected


def test_a_sample_whose_first_letter_became_a_sign_is_told() -> None:
    source = source_of("# a comment\n#\n#p 1 17\nup 2 18\n# EOF\n")
    assert [row[2] for row in rows_of(source)] == [2]
    assert [rejection.line for rejection in source.rejections] == [3]


@pytest.mark.parametrize("place", range(4))
def test_one_damaged_time_costs_no_other_sample(place: int) -> None:
    times = [17, 18, 19, 20]
    times[place] = 1700
    lines = "".join(f"up {number} {at}\n" for number, at in enumerate(times))
    source = source_of(lines + "# EOF\n")
    assert [row[2] for row in rows_of(source)] == [0, 1, 2, 3]


def test_a_file_that_stands_twice_counts_once() -> None:
    of_metric = "# TYPE {0} gauge\n{0} 1 17\n{0} 2 18\n{0} 3 19\n"
    source = source_of((of_metric.format("up") + of_metric.format("down") + "# EOF\n") * 2)
    assert [row[2] for row in rows_of(source)] == [1, 2, 3, 1, 2, 3]
    assert source.rejected == 6


def test_series_that_never_come_back_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openmetrics, "_MOST_SERIES", 10)
    text = "".join(f'up{{i="{i}"}} {i} 17\n' for i in range(35)) + "# EOF\n"
    assert [row[2] for row in rows_of(source_of(text))] == list(range(35))


def test_series_with_much_text_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openmetrics, "_MOST_TEXT", 1000)
    text = "".join(f'up{{i="{i:0300}"}} {i} 17\n' for i in range(20)) + "# EOF\n"
    batches = list(READER.read(source_of(text)))
    assert sum(map(len, batches)) == 20
    assert max(map(len, batches)) <= 4


def test_memory_does_not_grow_with_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_module, "BLOCK_SIZE", 8192)
    monkeypatch.setattr(series, "ROWS", 500)
    peak_of(1000)  # what the first batch loads
    assert peak_of(20_000) < peak_of(4000) + 100_000


class Endless(io.RawIOBase):
    """Samples that are written when they are read."""

    def __init__(self, samples: int) -> None:
        self._samples = samples
        self._written = 0

    def read(self, size: int = -1) -> bytes:
        if self._written >= self._samples:
            return b""
        self._written += 200
        return b"".join(b"up 1 %d\n" % (self._written + i) for i in range(200))


def peak_of(samples: int) -> int:
    """Bytes that reading takes at most, batches thrown away as they come."""
    tracemalloc.start()
    try:
        rows = sum(map(len, READER.read(Source(Endless(samples), "up.om"))))  # type: ignore[arg-type]
        assert rows == samples
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_the_typed_sample_holds_each_type_of_the_specification() -> None:
    types = re.findall(r"^# TYPE \S+ (\w+)$", (SAMPLES / "typed.om").read_text(), re.MULTILINE)
    assert set(types) == openmetrics._PARTS.keys() - {"untyped"}
