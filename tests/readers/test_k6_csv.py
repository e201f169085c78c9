"""k6's CSV: the JSON of the same run and k6's own summaries, a slow twin, and what is odd."""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_k6_json import HTTP, PHASES, k6_percentile, plain, slow_k6

from perfreport import resources
from perfreport.errors import InputError
from perfreport.readers import k6_csv, k6_json
from perfreport.readers.source import ReadOptions, Source
from perfreport.run.info import MetricInfo
from perfreport.run.schema import SCHEMA

ROOT = resources.folder("sample_results")
SAMPLES = ROOT / "k6-csv"
SYSTEM_TAGS = ["check", "error", "expected_response", "group", "method", "name", "scenario"]
SYSTEM_TAGS += ["status", "url"]
HEADER = ",".join(
    ["metric_name", "timestamp", "metric_value", *SYSTEM_TAGS, "extra_tags", "metadata"]
)


def read(log: bytes, options: ReadOptions | None = None) -> tuple[list[dict], Source]:
    """The rows of a log, without the columns that are null, and its source."""
    source = Source(io.BytesIO(log), "test.csv", options)
    table = pa.Table.from_batches(k6_csv.read(source), SCHEMA)
    table.validate(full=True)
    return [plain(row) for row in table.to_pylist()], source


def sample(name: str) -> bytes:
    return gzip.decompress((SAMPLES / name).read_bytes())


def point(metric: str, value: object = 1, time: str = "1795399923", **tags: str) -> str:
    """A line as Go's csv.Writer writes it."""
    text = value if isinstance(value, str) else f"{value:f}"
    line = io.StringIO()
    own = [tags.pop(tag, "") for tag in SYSTEM_TAGS]
    fields = [metric, time, text, *own, tags.pop("extra", ""), tags.pop("metadata", "")]
    assert not tags
    csv.writer(line, lineterminator="\n").writerow(fields)
    return line.getvalue()


def request(duration: float = 5, time: str = "1795399923", **tags: str) -> list[str]:
    tags = {"method": "GET", "status": "200", "expected_response": "true"} | tags
    values = [1, duration, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, float(tags["expected_response"] != "true")]
    return [point(metric, value, time, **tags) for metric, value in zip(HTTP, values, strict=True)]


def log(*lines: str, header: str = HEADER) -> bytes:
    return (header + "\n" + "".join(lines)).encode()


# --- against the JSON of the same run, and k6's own numbers ---------------------------------------


def test_the_rows_are_those_of_the_json_of_the_same_run() -> None:
    rows, source = read(sample("short.csv.gz"))
    json_log = gzip.decompress((ROOT / "k6-json" / "short.json.gz").read_bytes())
    json_source = Source(io.BytesIO(json_log), "short.json")
    expected = pa.Table.from_batches(k6_json.read(json_source), SCHEMA).to_pylist()
    assert len(rows) == len(expected)
    for row, other in zip(rows, map(plain, expected), strict=True):
        assert as_csv(row) == as_csv(other)
        assert timedelta(0) <= other["ts"] - row["ts"] <= timedelta(seconds=1)
    builtin = {name for name in json_source.facts.metrics if name in source.facts.metrics}
    builtin -= {"orders_created", "etims_cu_retrieval", "invoice_queue_depth"}
    builtin -= {"errors", "etims_slow"}
    assert len(builtin) == 17
    assert {name: source.facts.metrics[name] for name in builtin} == {
        name: json_source.facts.metrics[name] for name in builtin
    }


def as_csv(row: dict) -> dict:
    """What CSV can say of a row: six decimals, no empty tags, no unit of a script's own metric."""
    known = {
        key: round(value, 5) if isinstance(value, float) else value for key, value in row.items()
    }
    known["labels"] = {key: text for key, text in row["labels"].items() if text}
    del known["ts"]
    if row["kind"] == "metric":
        known.pop("unit", None)
    return known


@pytest.mark.parametrize("name", ["short", "quoted-v2", "few-columns"])
@pytest.mark.parametrize(
    ("metric", "kind", "column"),
    [
        *((metric, "request", column) for metric, column in PHASES.items()),
        ("iteration_duration", "iteration", "duration_ms"),
        ("group_duration", "transaction", "duration_ms"),
    ],
)
def test_every_time_has_k6s_own_statistics_to_six_decimals(name, metric, kind, column) -> None:
    rows, _ = read(sample(f"{name}.csv.gz"))
    own = summary_of(name)[metric]
    values = [
        row[column]
        for row in rows
        if row["kind"] == kind and (kind != "request" or "send_ms" in row)  # gRPC has no phases
    ]
    shown = {"avg": sum(values) / len(values), "min": min(values), "max": max(values)}
    shown |= {"med": k6_percentile(values, 50), "count": len(values)}
    shown |= {f"p({q})": k6_percentile(values, q) for q in (90, 95, 99)}
    assert {"avg", "min", "med", "max", "p(90)", "p(95)"} <= own.keys()
    for statistic in own.keys() & shown.keys():
        assert abs(shown[statistic] - own[statistic]) <= 1e-6, statistic


@pytest.mark.parametrize("name", ["short", "quoted-v2", "few-columns"])
def test_counts_are_k6s_own(name) -> None:
    rows, source = read(sample(f"{name}.csv.gz"))
    own = summary_of(name)
    kinds = Counter(row["kind"] for row in rows)
    http = [row for row in rows if row["kind"] == "request" and "send_ms" in row]
    checks = [row["ok"] for row in rows if row["kind"] == "check"]
    assert len(http) == own["http_reqs"]["count"]
    assert kinds["request"] - len(http) == own.get("grpc_req_duration", {}).get("count", 0)
    assert kinds["iteration"] == own["iterations"]["count"]
    assert sum(row.get("ok") is False for row in http) == own["http_req_failed"]["passes"]
    assert sum(row.get("ok") is True for row in http) == own["http_req_failed"]["fails"]
    assert (sum(checks), len(checks) - sum(checks)) == (
        own["checks"]["passes"],
        own["checks"]["fails"],
    )
    for counter in ("orders_created", "orders_seen", "data_sent", "data_received", "ws_sessions"):
        if counter in own:
            assert sum(values_of(rows, counter)) == own[counter]["count"]
    assert (source.rejected, source.truncated) == (0, False)


def summary_of(name: str) -> dict[str, dict[str, float]]:
    metrics = json.loads((SAMPLES / f"{name}.tool.json").read_text())["metrics"]
    return {name: entry.get("values", entry) for name, entry in metrics.items()}


def values_of(rows: list[dict], metric: str) -> list[float]:
    return [row["value"] for row in rows if row["kind"] == "metric" and row["name"] == metric]


def test_tags_with_commas_quotes_and_line_breaks_come_back() -> None:
    rows, _ = read(sample("quoted-v2.csv.gz"))
    created = [row for row in rows if row["name"] == "create, order"]
    assert len(created) == 60
    assert created[0]["labels"]["kind"] == "write\nline"
    assert created[0]["labels"]["note"] == 'a, "b" = c&d'
    assert created[0]["labels"]["trace_id"].startswith("t-")
    assert {row["name"] for row in rows if row["kind"] == "check"} == {'created, or "so"'}


# --- the slow twin --------------------------------------------------------------------------------


def slow_csv(text: str) -> list[dict]:
    """The same rows by Python's csv module and the slow twin of the JSON reader."""
    entries = []
    for fields in csv.DictReader(io.StringIO(text, newline="")):
        metric, time = fields["metric_name"], fields["timestamp"]
        if time.isdigit():
            scale = {10: 0, 13: 3, 16: 6, 19: 9}[len(time)]
            moment = datetime.fromtimestamp(int(time[:10]), UTC).isoformat()
            fraction = f".{time[10:]}" if scale else ""
            time = moment.removesuffix("+00:00") + fraction + "Z"
        tags = {tag: fields[tag] for tag in SYSTEM_TAGS if fields[tag]}
        tags |= dict(pair.split("=") for pair in fields["extra_tags"].split("&") if pair)
        metadata = dict(pair.split("=") for pair in fields["metadata"].split("&") if pair)
        value = float(fields["metric_value"])
        data = {"time": time, "value": value, "tags": tags, "metadata": metadata}
        entries.append({"metric": metric, "type": "Point", "data": data})
    for metric, contains in (("data_sent", "data"), ("ws_ping", "time")):
        data = {"type": "trend", "contains": contains}
        entries.insert(0, {"metric": metric, "type": "Metric", "data": data})
    return slow_k6([json.dumps(entry) for entry in entries])


class Run:
    """A random log as k6 would write it, with tags in any order and any of the time formats."""

    def __init__(self, random: random.Random, digits: int, tagged: bool) -> None:
        self._random = random
        self._digits = digits
        self._tagged = tagged
        self.records = [self._record() for _ in range(random.randint(1, 12))]

    def _record(self) -> list[str]:
        time = self._time()
        shared = {"scenario": "s1", "group": self._random.choice(["", "::a", "::a::b, c"])}
        metrics, values = [self._random.choice(OTHERS)], [self._value()]
        if self._random.random() < 0.6:
            shared |= self._request()
            unjudged = self._tagged and "expected_response" not in shared
            metrics, values = HTTP[: 8 if unjudged else 9], [1, *(self._value() for _ in range(7))]
            values.append(float(shared["status"] == "503"))
        elif metrics == ["checks"]:
            shared["check"] = 'fine – «ok»,\n"so"'
        elif metrics == ["group_duration"]:
            shared["group"] = "::a::b"
        extra = {"country": "KE", "tier": self._random.choice(["1", 'two,\n"3"'])}
        meta = {"vu": "1", "iter": str(self._random.randint(0, 2))}
        return [
            point(*pair, time, **shared, extra=self._pairs(extra), metadata=self._pairs(meta))
            for pair in zip(metrics, values, strict=False)
        ]

    def _request(self) -> dict[str, str]:
        failed = self._random.random() < 0.3
        url = f"http://h:1/api/v1/orders/{self._random.randint(1, 3)}?a=1,2"
        tags = {"method": "GET", "status": "503" if failed else "200"}
        tags["name"] = tags["url"] = self._random.choice(["create", url])
        if self._tagged and self._random.random() < 0.8:  # else responseCallback: null
            tags["expected_response"] = str(not failed).lower()
        return tags

    def _pairs(self, tags: dict[str, str]) -> str:
        pairs = [f"{key}={value}" for key, value in tags.items()]
        self._random.shuffle(pairs)
        return "&".join(pairs)

    def _time(self) -> str:
        if not self._digits:
            fraction = self._random.choice(["", ".5", ".123456789"])
            return f"2026-11-23T23:59:5{self._random.randint(0, 3)}{fraction}+03:00"
        return f"179539992{self._random.randint(0, 3)}{self._random.randrange(10**9):09}"[
            : self._digits
        ]

    def _value(self) -> float:
        return self._random.choice([0, 1, 1e-06, 9.439379, self._random.random() * 1e4])


OTHERS = ["vus", "checks", "iteration_duration", "iterations", "group_duration", "data_sent"]
OTHERS += ["ws_ping", "orders"]
RUNS = {
    "random": st.randoms(use_true_random=False),
    "digits": st.sampled_from([0, 10, 13, 16, 19]),
    "tagged": st.booleans(),
}


def header_of(tagged: bool) -> str:
    return HEADER if tagged else HEADER.replace("expected_response", "ip")


@settings(max_examples=100, deadline=None)
@given(**RUNS)
def test_a_generated_log_gives_the_rows_of_the_slow_twin(random, digits, tagged) -> None:
    records = Run(random, digits, tagged).records
    lines = [line for record in records for line in record]
    rows, source = read(log(*lines, header=header_of(tagged)))
    assert rows == slow_csv(log(*lines).decode())
    assert source.rejected == 0


@settings(max_examples=100, deadline=None)
@given(**RUNS)
def test_a_cut_log_gives_every_whole_record_and_no_other(random, digits, tagged) -> None:
    records = Run(random, digits, tagged).records
    header = header_of(tagged)
    whole = log(*(line for record in records for line in record), header=header)
    cut = random.randint(len(header) + 1, len(whole))
    kept, end = [], len(header) + 1
    for record in records:
        end += len("".join(record).encode())
        if end <= cut:
            kept += record
    rows, source = read(whole[:cut])
    expected = slow_csv(log(*kept).decode())
    assert rows == expected
    assert source.rejected <= 1


@pytest.mark.parametrize("name", ["short.csv.gz"])
def test_a_recording_gives_the_rows_of_the_slow_twin(name) -> None:
    text = sample(name).decode()
    lines = text.splitlines(keepends=True)
    assert lines[0].startswith("metric_name,timestamp,metric_value,check,error,error_code,")
    rows, _ = read(text.encode())
    twin = slow_full(text)
    assert rows == twin


def slow_full(text: str) -> list[dict]:
    """`slow_csv` for a log with k6's usual columns."""
    names = next(csv.reader([text.split("\n", 1)[0]]))
    entries = [
        {"metric": name, "type": "Metric", "data": {"type": "trend", "contains": contains}}
        for name, contains in (("data_sent", "data"), ("data_received", "data"))
    ]
    entries += [
        {
            "metric": "dropped_iterations",
            "type": "Metric",
            "data": {"type": "counter", "contains": "default"},
        }
    ]
    for fields in csv.reader(io.StringIO(text.split("\n", 1)[1], newline="")):
        metric, time, value, *tags = fields
        known = {tag: own for tag, own in zip(names[3:-2], tags, strict=False) if own}
        known |= dict(pair.split("=") for pair in tags[-2].split("&") if pair)
        moment = datetime.fromtimestamp(int(time), UTC).isoformat().removesuffix("+00:00") + "Z"
        data = {"time": moment, "value": float(value), "tags": known}
        entries.append({"metric": metric, "type": "Point", "data": data})
    return slow_k6([json.dumps(entry) for entry in entries])


# --- what is odd ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("time", "start"),
    [
        ("1795399923", "2026-11-23T02:12:02.990000+00:00"),
        ("1795399923123", "2026-11-23T02:12:03.113000+00:00"),
        ("1795399923123456", "2026-11-23T02:12:03.113456+00:00"),
        ("1795399923123456789", "2026-11-23T02:12:03.113456+00:00"),
        ("2026-11-23T05:12:03+03:00", "2026-11-23T02:12:02.990000+00:00"),
        ("2026-11-23T02:12:03.1234Z", "2026-11-23T02:12:03.113400+00:00"),
    ],
)
def test_each_time_format_is_known_by_its_look(time, start) -> None:
    (row,), source = read(log(*request(10, time=time)))
    assert row["ts"].isoformat() == start
    assert bool(source.notes) == (len(time) == 10 or time.endswith("+03:00"))


@pytest.mark.parametrize(
    "time",
    [
        "179539992",
        "17953999231",
        "yesterday",
        "",
        "2026-13-23T02:12:03Z",
        "9999999999",
        "-795399923",
    ],
)
def test_what_cannot_be_a_time_is_rejected(time) -> None:
    rows, source = read(log(point("vus", 1), point("vus", 2, time), point("vus", 3)))
    assert [row["users"] for row in rows] == [1, 3]
    assert [entry.line for entry in source.rejections] == [3]


def test_a_time_of_another_format_than_the_others_is_rejected() -> None:
    times = ["1795399923", "1795399923123", "2026-11-23T02:12:03Z", "1795399924"]
    rows, source = read(log(*(point("vus", 1, time) for time in times)))
    assert len(rows) == 2
    assert [entry.line for entry in source.rejections] == [3, 4]
    assert "another format" in source.rejections[0].why


def test_requests_of_one_second_and_the_same_tags_stay_apart() -> None:
    rows, _ = read(log(*request(5), *request(6), *request(7)))
    assert [row["duration_ms"] for row in rows] == [5, 6, 7]


def test_extra_tags_may_change_their_order_inside_a_request() -> None:
    orders = ["a=1&b=2&c=x&y", "c=x&y&a=1&b=2", "b=2&a=1&c=x&y"]
    lines = [
        point(metric, 1, status="200", expected_response="true", extra=orders[place % 3])
        for place, metric in enumerate(HTTP)
    ]
    (row,), source = read(log(*lines))
    assert row["labels"] == {"a": "1", "b": "2", "c": "x&y"}
    assert source.rejected == 0


def test_a_tag_with_a_column_wins_over_extra_tags_and_these_over_metadata() -> None:
    (row,), _ = read(
        log(point("orders", scenario="real", extra="scenario=x&a=tag", metadata="a=meta&vu=3"))
    )
    assert row["scenario"] == "real"
    assert row["labels"] == {"a": "tag", "vu": "3"}


def test_a_metric_of_the_script_counts_as_a_trend_without_a_unit() -> None:
    rows, source = read(log(point("orders"), point("data_sent"), point("vus"), point("checks")))
    assert source.facts.metrics == {
        "orders": MetricInfo(type="trend"),
        "data_sent": MetricInfo(type="counter", unit="By"),
        "vus": MetricInfo(type="gauge"),
        "checks": MetricInfo(type="rate", unit="1"),
    }
    assert [row.get("unit") for row in rows] == [None, "By", None, "1"]


def test_a_log_of_an_old_k6_without_metadata_and_http_req_failed_reads_as_well() -> None:
    header = "metric_name,timestamp,metric_value,method,name,status,url,vu,extra_tags"
    lines = [f"{metric},1795399923,1.000000,GET,x,404,x,7,a=1\n" for metric in HTTP[:8]]
    (row,), source = read(log(*lines, header=header))
    assert (row["ok"], row["status"], row["labels"]) == (False, 404, {"a": "1", "vu": "7"})
    assert source.rejected == 0


@pytest.mark.parametrize(
    "line",
    [
        point("vus", "NaN"),
        point("vus", "+Inf"),
        point("vus", "1_0.000000"),
        point("vus", ""),
        point("vus", "1.0x"),
        point("v\x01us"),
        point(""),
        "vus,1795399923\n",
        "vus,1795399923,1.000000,too,few\n",
        "some words\n",
        point("iteration_duration", -1),
        point("iteration_duration", 1e15),
        point("vus").replace("\n", ',"x"y\n'),
        "vus,1795399923,1.000000" + "," * 9 + "a\rb,\n",
    ],
)
def test_a_line_that_makes_no_sense_is_counted_and_named(line) -> None:
    rows, source = read(log(point("vus", 1), line, point("vus", 2)))
    assert [row["users"] for row in rows] == [1, 2]
    assert (source.rejected, source.truncated) == (1, False)
    assert source.rejections[0].line == 3
    assert source.rejections[0].why


def test_a_byte_that_is_no_utf8_is_counted_and_named() -> None:
    rows, source = read(log(point("vus"), point("vus", extra="a=ü")).replace("ü".encode(), b"\xff"))
    assert len(rows) == 1
    assert source.rejections[0].line == 3


def test_a_lost_quote_takes_no_more_than_its_own_record() -> None:
    quoted = request(5, name='say "hi", twice')
    lines = [*request(1), quoted[0].replace('"say', "say"), *quoted[1:], *request(2)]
    rows, source = read(log(*lines))
    assert [row["duration_ms"] for row in rows] == [1, 5, 2]
    assert [entry.line for entry in source.rejections] == [11]


def test_a_record_without_an_end_does_not_fill_the_memory() -> None:
    text = '"' + "a line of a body, without an end\n" * 60_000
    rows, source = read(log(point("vus", 1), "vus,1795399923,1.000000," + text, point("vus", 2)))
    assert [row["users"] for row in rows] == [1, 2]
    assert source.rejections[0].line == 3
    assert "longer than 1 MiB" in source.rejections[0].why


def test_a_log_that_ends_in_an_open_quote_was_cut_off() -> None:
    line = point("vus", 2, extra="a=one\ntwo")
    rows, source = read(log(point("vus", 1), line)[: -len('two",\n')])
    assert [row["users"] for row in rows] == [1]
    assert (source.rejected, source.truncated) == (1, True)


def test_a_last_line_without_its_end_may_have_lost_digits() -> None:
    rows, source = read(log(point("vus", 1), point("vus", 2))[:-1])
    assert [row["users"] for row in rows] == [1]
    assert (source.rejected, source.truncated) == (1, True)


def test_windows_line_ends_a_byte_order_mark_and_blank_lines_do_no_harm() -> None:
    data = b"\xef\xbb\xbf" + log(*request(5), "\n", point("vus")).replace(b"\n", b"\r\n")
    rows, source = read(data)
    assert [row["kind"] for row in rows] == ["request", "users"]
    assert rows[0]["labels"] == {}
    assert source.rejected == 0


def test_joined_logs_read_as_one_if_their_columns_are_the_same() -> None:
    first, second = log(*request(5)), log(*request(6), point("vus"))
    rows, source = read(first + second)
    assert [row["kind"] for row in rows] == ["request", "request", "users"]
    assert source.rejected == 0
    other = second.replace(b"scenario", b"service")
    with pytest.raises(InputError, match=r"test.csv:11: another log begins here"):
        read(first + other)


def test_what_k6s_console_wrote_around_the_log_is_counted() -> None:
    rows, source = read(b"   execution: local\n\n" + log(point("vus"), "running (0m01.0s)\n"))
    assert [row["kind"] for row in rows] == ["users"]
    assert [entry.line for entry in source.rejections] == [1, 5]


def test_without_a_header_the_user_can_name_the_columns() -> None:
    lines = "".join(request(5)).encode()
    assert k6_csv.sniff(lines)
    with pytest.raises(InputError, match=r"test.csv:1: the line with the column names is missing"):
        read(lines)
    rows, source = read(lines, ReadOptions(columns=tuple(HEADER.split(","))))
    assert [row["duration_ms"] for row in rows] == [5]
    assert source.rejected == 0


@pytest.mark.parametrize(
    "head",
    [
        HEADER.encode(),
        b"metric_name,timestamp,metric_value,extra_tags,metadata\r\nvus,1,1.0,,\n",
        b"     execution: local\n\n" + HEADER.encode() + b"\nvus",
        b"http_reqs,1795399923,1.000000,,,,true",
    ],
)
def test_k6s_csv_is_known_by_its_header_or_first_record(head) -> None:
    assert k6_csv.sniff(head)


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"timeStamp,elapsed,label,success\n",
        b"metric_name,value\n",
        b"http_reqs,1795399923\n",
        b"1795399923,1.000000,http_reqs",
        Path(__file__).read_bytes()[:200],
    ],
)
def test_other_formats_are_left_to_others(head) -> None:
    assert not k6_csv.sniff(head)
