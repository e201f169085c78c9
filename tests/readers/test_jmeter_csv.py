"""JMeter's CSV results: against JMeter's own statistics, a slow twin, and damage of all kinds."""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perfreport import resources
from perfreport.errors import InputError
from perfreport.ingestion import ingest
from perfreport.readers import jmeter_columns, jmeter_csv, jmeter_xml
from perfreport.readers.reader import reader_for
from perfreport.readers.source import HEAD_SIZE, ReadOptions, Source

SAMPLES = resources.folder("sample_results") / "jmeter-csv"
DEFAULT = [
    *("timeStamp", "elapsed", "label", "responseCode", "responseMessage", "threadName"),
    *("dataType", "success", "failureMessage", "bytes", "sentBytes", "grpThreads", "allThreads"),
    *("URL", "Latency", "IdleTime", "Connect"),
]
START = 1_795_399_806_497
Row = dict[str, Any]


def source_of(data: bytes | str, **options: Any) -> Source:
    content = data.encode() if isinstance(data, str) else data
    return Source(io.BytesIO(content), "x.jtl", ReadOptions(**options))


def all_rows(source: Source) -> list[Row]:
    return pa.Table.from_batches(jmeter_csv.read(source)).to_pylist()


def rows(data: bytes | str, **options: Any) -> list[Row]:
    """The rows of single samples; nothing may be rejected."""
    source = source_of(data, **options)
    found = samples_of(all_rows(source))
    assert source.rejections == []
    assert not source.truncated
    return found


def samples_of(found: Iterable[Row]) -> list[Row]:
    return [row for row in found if row["kind"] != "users"]


def record(**fields: object) -> dict[str, str]:
    """A plain successful sample of the default columns, but for `fields`."""
    usual = dict(
        zip(
            DEFAULT,
            f"{START},23,create_order,201,Created,kenya_o2c 1-1,text,true,,174,218,2,3,"
            "http://127.0.0.1:18080/api/v1/sales/orders,20,0,7".split(","),
            strict=True,
        )
    )
    return usual | {name: str(value) for name, value in fields.items()}


def jtl(records: Sequence[dict[str, str]], columns: Sequence[str] = DEFAULT, sign: str = ",",
        end: str = "\n") -> str:  # fmt: skip
    """A file as JMeter writes it: what holds a special character is quoted."""
    table = [list(columns), *([record[column] for column in columns] for record in records)]
    return "".join(sign.join(as_jmeter_quotes(text, sign) for text in line) + end for line in table)


def as_jmeter_quotes(text: str, sign: str) -> str:
    if not re.search(f'["\r\n{re.escape(sign)}]', text):
        return text
    return '"' + text.replace('"', '""') + '"'


def test_a_url_of_each_label_is_kept_as_an_example() -> None:
    host = "http://127.0.0.1:18080"
    urls = {"a": f"{host}/orders/4711?key=x", "b": f"{host}/b", "c": "null"}
    records = [record(label=label, URL=url) for label, url in urls.items()]
    source = source_of(jtl([*records, record(label="a", URL=f"{host}/orders/4712")]))
    all_rows(source)
    assert source.options.names.examples == {"a": f"{host}/orders/4711", "b": f"{host}/b"}


# --- The tool's own numbers -----------------------------------------------------------------------


@pytest.mark.parametrize(("run", "labels"), [("default", 15), ("nested", 16), ("all-columns", 17)])
def test_every_number_of_the_dashboard_comes_out_again(run: str, labels: int) -> None:
    data = (SAMPLES / f"{run}.jtl").read_bytes()
    found = rows(data)
    # JMeter's Total counts sub-results, and of transactions those only that have no message.
    records = csv.DictReader(io.StringIO(data.decode(), newline=""))
    in_total = [not it["responseMessage"].startswith(OF_TWO[:31]) for it in records]
    statistics = json.loads((SAMPLES / f"{run}.tool.json").read_text())
    for name, theirs in statistics.items():
        ours = [
            row
            for row, counts in zip(found, in_total, strict=True)
            if (row["name"] == name if name != "Total" else counts)
        ]
        times = np.array([row["duration_ms"] for row in ours])
        assert len(ours) == theirs["sampleCount"], name
        assert sum(not row["ok"] for row in ours) == theirs["errorCount"], name
        assert (times.min(), times.max()) == (theirs["minResTime"], theirs["maxResTime"]), name
        assert times.mean() == pytest.approx(theirs["meanResTime"], rel=1e-12), name
        for q, key in ((0.5, "median"), (0.9, "pct1"), (0.95, "pct2"), (0.99, "pct3")):
            expected = pytest.approx(theirs[f"{key}ResTime"], abs=1e-9)
            assert np.quantile(times, q, method="weibull") == expected, (name, key)
        first = min(row["ts"] for row in ours)
        last = max(row["ts"] + timedelta(milliseconds=row["duration_ms"]) for row in ours)
        seconds = (last - first).total_seconds()
        assert len(ours) / seconds == pytest.approx(theirs["throughput"]), name
        for column, key in (("received_bytes", "received"), ("sent_bytes", "sent")):
            per_second = sum(row[column] for row in ours) / 1024 / seconds
            assert per_second == pytest.approx(theirs[f"{key}KBytesPerSec"]), name
    assert len(statistics) == labels


def test_the_sample_holds_what_its_readme_says() -> None:
    kinds = Counter(row["kind"] for row in rows((SAMPLES / "default.jtl").read_bytes()))
    assert kinds == {"request": 4492, "subrequest": 2665, "transaction": 535}
    dated = Counter(row["kind"] for row in rows((SAMPLES / "semicolon-date.jtl").read_bytes()))
    assert dated == {"request": 549, "subrequest": 255, "transaction": 57}
    nested = Counter(row["group"] for row in rows((SAMPLES / "nested.jtl").read_bytes()))
    assert nested["TC order to cash/TC inner"] == 160


# --- The slow twin --------------------------------------------------------------------------------


def slow_rows(data: bytes, sign: str = ",") -> list[Row]:
    """What each record should become, plainly; the kind of a sub-result by looking at all rows."""
    records = list(csv.DictReader(io.StringIO(data.decode(), newline=""), delimiter=sign))
    found = [slow_row(record) for record in records]
    for at, record in enumerate(records):
        if is_sub_result(records, at, record):
            found[at] |= {"kind": "subrequest", "users": None}
    return found


def slow_row(record: dict[str, str]) -> Row:
    ok = record["success"] == "true"
    code, message = record["responseCode"], record["responseMessage"]
    transaction = message.startswith("Number of samples in transaction : ")
    latency, connect = int(record["Latency"]), int(record["Connect"])
    error = record["failureMessage"] or f"{code} {message}".strip() or None
    return {
        "kind": "transaction" if transaction else "request",
        "ts": moment(record["timeStamp"]),
        "name": record["label"] or "(unnamed)",
        "scenario": record["threadName"].rsplit(" ", 1)[0],
        "status": int(code) if code.isdecimal() and int(code) < 32768 else None,
        "ok": ok,
        "error": None if ok or error is None else error[:500],
        "duration_ms": float(record["elapsed"]),
        "connect_ms": float(connect),
        "wait_ms": float(latency - connect) if latency >= connect else None,
        "sent_bytes": int(record["sentBytes"]),
        "received_bytes": int(record["bytes"]),
        "users": None if transaction else float(record["allThreads"]),
    }


def moment(stamp: str) -> datetime:
    if stamp.isdecimal():
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(stamp))
    return datetime.strptime(stamp, "%Y/%m/%d %H:%M:%S.%f").replace(tzinfo=UTC)


def is_sub_result(records: list[dict[str, str]], at: int, record: dict[str, str]) -> bool:
    """Is the nearest row before it, of the same thread and with its name but the number, around it?"""
    parent = re.sub(r"-\d+$", "", record["label"])
    if parent == record["label"]:
        return False
    for earlier in reversed(records[:at]):
        if earlier["threadName"] == record["threadName"] and earlier["label"] == parent:
            (outer_from, outer_to), (inner_from, inner_to) = span(earlier), span(record)
            late = timedelta(milliseconds=1)  # times are rounded apart
            around = outer_from - late <= inner_from < outer_to and inner_to <= outer_to + late
            return around or outer_from <= inner_from <= inner_to <= outer_to
    return False


def span(record: dict[str, str]) -> tuple[datetime, datetime]:
    start = moment(record["timeStamp"])
    return start, start + timedelta(milliseconds=int(record["elapsed"]))


def assert_same(found: list[Row], expected: list[Row]) -> None:
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        assert {name: ours[name] for name in theirs} == theirs


@pytest.mark.parametrize(("name", "sign"), [("default.jtl", ","), ("semicolon-date.jtl", ";")])
def test_every_row_of_a_recording_equals_that_of_the_slow_twin(name: str, sign: str) -> None:
    data = (SAMPLES / name).read_bytes()
    assert_same(rows(data), slow_rows(data, sign))


@pytest.mark.parametrize("name", ["default.jtl", "semicolon-date.jtl"])
def test_reading_record_by_record_gives_the_same(name: str, monkeypatch) -> None:
    data = (SAMPLES / name).read_bytes()
    fast = all_rows(source_of(data))
    monkeypatch.setattr(jmeter_csv, "_parsed", lambda data, layout: None)
    assert all_rows(source_of(data)) == fast


# Text of the kinds that labels and messages are made of, rich in what CSV has to quote.
TEXT = st.text(st.sampled_from('ab ,;"\n\r\t|–é\u2028漢'), max_size=12)


@st.composite
def recordings(draw: st.DrawFn) -> list[dict[str, str]]:
    count = draw(st.integers(1, 6))
    return [
        record(
            timeStamp=START + draw(st.integers(0, 5000)),
            elapsed=draw(st.integers(0, 99_999)),
            label=draw(TEXT),
            responseCode=draw(st.sampled_from(["200", "500", "99999", "", "Non HTTP: x, y"])),
            responseMessage=draw(TEXT),
            threadName=f"{draw(TEXT)} {draw(st.integers(1, 3))}-{draw(st.integers(1, 3))}",
            success=draw(st.sampled_from(["true", "false"])),
            failureMessage=draw(TEXT),
            Latency=draw(st.integers(0, 50)),
            Connect=draw(st.integers(0, 50)),
        )
        for _ in range(count)
    ]


@settings(max_examples=150, deadline=None)
@given(recordings(), st.sampled_from(",;\t|"), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_whatever_is_in_a_label_or_a_message_it_comes_back(
    records: list[dict[str, str]], sign: str, end: str, fast: bool
) -> None:
    data = jtl(records, sign=sign, end=end)
    with pytest.MonkeyPatch.context() as patch:
        if not fast:
            patch.setattr(jmeter_csv, "_parsed", lambda data, layout: None)
        assert_same(rows(data), slow_rows(data.encode(), sign))


# --- Columns, delimiters, headers -----------------------------------------------------------------


@pytest.mark.parametrize("sign", [",", ";", "\t", "|", "^", " ", "§"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_any_delimiter_line_end_and_byte_order_mark(sign: str, end: str, mark: str) -> None:
    records = [record(label=f"a{sign}b", failureMessage='say "no"\nor not', success="false")]
    data = mark + jtl(records, sign=sign, end=end)
    assert jmeter_csv.sniff(data.encode())
    (row,) = rows(data)
    assert (row["name"], row["error"]) == (f"a{sign}b", 'say "no"\nor not')
    assert (row["ts"], row["duration_ms"], row["wait_ms"]) == (moment(str(START)), 23.0, 13.0)


def test_columns_may_stand_in_any_order_and_any_may_be_missing() -> None:
    chosen = random.Random(5)
    for _ in range(60):
        columns = [name for name in DEFAULT if chosen.random() < 0.6]
        columns = list({*columns, "timeStamp", "elapsed"})
        chosen.shuffle(columns)
        data = jtl([record(), record(success="false", failureMessage="late")], columns)
        assert jmeter_csv.sniff(data.encode())
        first, second = samples_of(all_rows(source_of(data)))
        assert first["duration_ms"] == 23.0
        assert first["status"] == (201 if "responseCode" in columns else None)
        assert first["ok"] is (True if "success" in columns else None)
        assert first["scenario"] == ("kenya_o2c" if "threadName" in columns else None)
        assert first["received_bytes"] == (174 if "bytes" in columns else None)
        assert first["connect_ms"] == (7.0 if "Connect" in columns else None)
        assert first["wait_ms"] == (13.0 if {"Latency", "Connect"} <= set(columns) else None)
        assert first["users"] == (3.0 if "allThreads" in columns else None)
        assert first["error"] is None
        if {"success", "failureMessage"} <= set(columns):
            assert second["error"] == "late"


def test_a_row_without_a_label_is_named_by_its_url() -> None:
    columns = [name for name in DEFAULT if name != "label"]
    first, second = rows(jtl([record(URL="http://h/orders/4711?x=1"), record(URL="null")], columns))
    assert first["name"] == "/orders/{id}"
    assert second["name"] == "(unnamed)"


def test_the_header_may_come_again_where_files_were_joined() -> None:
    once = jtl([record()])
    assert len(rows(once * 3)) == 3


def test_empty_fields_are_unknown_and_empty_lines_are_nothing() -> None:
    bare = record(bytes="", sentBytes="", allThreads="", Latency="", Connect="", success="")
    first, second = rows(jtl([bare, record()]).replace("\n", "\n\n"))
    for column in ("received_bytes", "sent_bytes", "users", "wait_ms", "connect_ms", "ok", "error"):
        assert first[column] is None, column
    assert second["users"] == 3.0


def test_sample_variables_become_labels() -> None:
    # jmeter -Jsample_variables=orderId,nothing with a tab, hostname and sample counts
    data = (
        "timeStamp\telapsed\tlabel\tresponseCode\tresponseMessage\tthreadName\tdataType\tsuccess\t"
        "failureMessage\tbytes\tsentBytes\tgrpThreads\tallThreads\tURL\tFilename\tLatency\tEncoding\t"
        'SampleCount\tErrorCount\tHostname\tIdleTime\tConnect\t"orderId"\t"nothing"\n'
        "1795424563164\t104\tcreate_po\t201\tCreated\tkenya_p2p 2-1\ttext\ttrue\t\t135\t197\t2\t3\t"
        "http://127.0.0.1:18092/api/v1/procurement/orders\t\t99\tUTF-8\t1\t0\tvm\t0\t80\tnull\tnull\n"
        "1795424563153\t113\tcreate_order\t201\tCreated\tkenya_o2c 1-1\ttext\ttrue\t\t174\t218\t1\t3\t"
        "http://127.0.0.1:18092/api/v1/sales/orders\t\t106\tUTF-8\t1\t0\tvm\t0\t95\t100001\tnull\n"
    )
    first, second = rows(data)
    assert first["labels"] == []
    assert second["labels"] == [("orderId", "100001")]
    assert {row["source"] for row in all_rows(source_of(data))} == {"vm"}


def test_a_transaction_that_the_end_of_the_test_cut_off_and_a_record_instead_of_a_header_are_marked() -> (
    None
):
    cut = record(dataType="", URL="null", responseMessage="")
    ended = cut | {"responseMessage": "Number of samples in transaction : 1, number of failing"}
    marked = [("jmeter.row", "unfinished")]
    assert [row["labels"] for row in rows(jtl([record(), cut, ended]))] == [None, marked, None]
    found = rows(headerless([record(), cut, record()], DEFAULT))
    assert [row["labels"] for row in found] == [[("jmeter.row", "first_line")], marked, None]


def test_bytes_that_are_no_utf8_do_not_cost_the_record() -> None:
    data = jtl([record(label="malipo é"), record()]).encode("latin-1")
    first, second = rows(data)
    assert first["name"] == "malipo \ufffd"
    assert second["name"] == "create_order"


# --- No header ------------------------------------------------------------------------------------


def noted(data: bytes | str, **options: Any) -> tuple[list[Row], list[str]]:
    source = source_of(data, **options)
    assert reader_for(source).name == "jmeter-csv"
    found = samples_of(all_rows(source))
    assert source.rejections == []
    return found, source.notes


def headerless(records: Sequence[dict[str, str]], columns: Sequence[str], sign: str = ",") -> str:
    return jtl(records, columns, sign).split("\n", 1)[1]


def unmarked(found: list[Row]) -> list[Row]:
    """The rows as those of a file with a header."""
    first, *others = found
    assert ("jmeter.row", "first_line") in first["labels"]
    labels = [label for label in first["labels"] if label[0] != "jmeter.row"]
    return [first | {"labels": labels or (None if others[0]["labels"] is None else [])}, *others]


def test_jmeter_2_13_writes_no_header_by_default() -> None:
    data = (SAMPLES / "headerless-2.13.jtl").read_bytes()
    found, notes = noted(data)
    assert "what JMeter 2.13 writes by default" in notes[0]
    header = (
        b"timeStamp,elapsed,label,responseCode,responseMessage,threadName,dataType,success,bytes,"
    )
    assert unmarked(found) == rows(header + b"grpThreads,allThreads,Latency\n" + data)


def test_dates_and_another_delimiter_need_no_header_either() -> None:
    data = (SAMPLES / "headerless-date.jtl").read_bytes()
    found, notes = noted(data)
    assert "what JMeter 5 writes by default" in notes[0]
    assert unmarked(found) == rows(";".join(DEFAULT).encode() + b"\n" + data)


def test_columns_are_given_where_they_are_none_of_the_defaults() -> None:
    data = (SAMPLES / "refused" / "headerless-variables.jtl").read_bytes()
    names = (*DEFAULT, "orderId", "nothing")
    found, notes = noted(data, columns=names)
    assert notes == []
    assert unmarked(found) == rows("\t".join(names).encode() + b"\n" + data)
    assert ("orderId", "0") not in found[0]["labels"]
    assert sum(bool(row["labels"]) for row in found) > 100


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ((), r"fit none of JMeter's defaults: the first has 19 fields, .* Give --columns"),
        (DEFAULT, r"--columns names 17 columns, but .* the first has 19 fields"),
        ((*DEFAULT, "label", "x"), r'--columns names "label" twice'),
        (("timestamp", *DEFAULT[1:]), r'no column timeStamp, .* Did you mean "timestamp"'),
    ],
)  # fmt: skip
def test_columns_that_do_not_fit_are_refused(columns: Sequence[str], message: str) -> None:
    data = (SAMPLES / "refused" / "headerless-variables.jtl").read_bytes()
    with pytest.raises(InputError, match=message) as refusal:
        all_rows(source_of(data, columns=tuple(columns)))
    assert "\n" not in str(refusal.value)


OLDER = {
    "3.1 to 4.0": [name for name in DEFAULT if name != "URL"],
    "3.0": [name for name in DEFAULT if name not in ("URL", "sentBytes", "Connect")],
    "2.12 and older": [*DEFAULT[:8], "bytes", "Latency"],
}


@pytest.mark.parametrize("version", OLDER)
@pytest.mark.parametrize("sign", [",", "\t", "|", "^", "§"])
def test_the_defaults_of_each_version_are_known(version: str, sign: str) -> None:
    failed = record(failureMessage=f'a{sign}"b"\nc', success="false")
    records = [failed, record(), record(label=f"x{sign}y")]
    found, notes = noted(headerless(records, OLDER[version], sign))
    assert f"what JMeter {version} writes by default" in notes[0]
    assert unmarked(found) == rows(jtl(records, OLDER[version], sign))


@pytest.mark.parametrize("count", [1, 2, 3])
def test_columns_left_out_are_never_taken_for_others(count: int) -> None:
    """Whatever was switched off: refused, or each number is that of its column."""
    chosen = random.Random(count)
    said = [record(), record(success="false", failureMessage="late", Connect=0)]
    for _ in range(60):
        missing = set(chosen.sample(DEFAULT[2:], count))
        columns = [name for name in DEFAULT if name not in missing]
        source = source_of(headerless(said, columns))
        try:
            found = samples_of(all_rows(source))
        except InputError:
            continue
        assert unmarked(found) == samples_of(all_rows(source_of(jtl(said, columns)))), missing


def test_records_without_a_time_stamp_are_refused_without_a_header_too() -> None:
    source = source_of(headerless([record()] * 3, DEFAULT[1:]))
    assert reader_for(source).name == "jmeter-csv"
    with pytest.raises(InputError, match=r"^x\.jtl:1: no time stamps: .*timestamp_format=ms"):
        all_rows(source)


def test_a_damaged_first_record_does_not_hide_the_others() -> None:
    source = source_of("broken\n" + headerless([record()] * 3, DEFAULT))
    assert len(samples_of(all_rows(source))) == 3
    assert [place.line for place in source.rejections] == [1]


def test_a_header_counts_more_than_columns_given() -> None:
    source = source_of(jtl([record()]), columns=("timeStamp", "elapsed", "mine"))
    assert samples_of(all_rows(source)) == rows(jtl([record()]))
    assert "--columns was not needed" in source.notes[0]


def test_columns_given_replace_names_that_jmeter_does_not_know() -> None:
    renamed = ",".join(f"c{at}x" for at in range(17)) + "\n" + headerless([record()] * 2, DEFAULT)
    assert rows(renamed, columns=tuple(DEFAULT)) == rows(jtl([record()] * 2))


# --- Time stamps ----------------------------------------------------------------------------------


def test_written_times_are_in_the_zone_of_the_option_unless_they_name_one() -> None:
    written = jtl([record(timeStamp="2026/11/23 05:10:36.201")])
    assert rows(written)[0]["ts"] == datetime(2026, 11, 23, 5, 10, 36, 201_000, tzinfo=UTC)
    (nairobi,) = rows(written, timezone=ZoneInfo("Africa/Nairobi"))
    assert nairobi["ts"] == datetime(2026, 11, 23, 2, 10, 36, 201_000, tzinfo=UTC)
    zoned = jtl([record(timeStamp="2026-11-23T05:10:36.201+03:00")])
    assert rows(zoned, timezone=ZoneInfo("America/Lima"))[0]["ts"] == nairobi["ts"]


def test_the_pattern_is_found_though_every_message_spans_lines() -> None:
    failed = record(
        timeStamp="23.11.2026 05:10:36,201", success="false", failureMessage="a\nb,c\nd"
    )
    assert len(rows(jtl([failed] * 3))) == 3


@pytest.mark.parametrize(
    ("stamp", "message"),
    [
        ("02/03/2026 10:00:00", "may have the day or the month first"),
        ("10:11:12.345", "neither milliseconds since 1970 nor a date"),
    ],
)
def test_times_that_cannot_be_told_are_refused(stamp: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as refusal:
        all_rows(source_of(jtl([record(timeStamp=stamp)])))
    assert str(refusal.value).startswith("x.jtl:2: ")
    assert "\n" not in str(refusal.value)


# --- Refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (jtl([record()], DEFAULT[1:]), r"x\.jtl:1: no column timeStamp.*timestamp_format=ms"),
        (jtl([record()], [DEFAULT[0], *DEFAULT[2:]]), r"x\.jtl:1: no column elapsed.*time=true"),
    ],
)  # fmt: skip
def test_a_file_without_times_is_recognised_and_refused(data: str, message: str) -> None:
    source = source_of(data)
    reader = reader_for(source)
    assert reader.name == "jmeter-csv"
    with pytest.raises(InputError, match=message) as refusal:
        list(reader.read(source))
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "head",
    [
        b"metric_name,timestamp,metric_value,check,error,method,name,status,url\n",
        b"timestamp,elapsed_ms,label\n1,2,x\n",
        b"label,URL\n",
        b'{"timeStamp":1,"elapsed":2}\n',
        b"1795399806497,23,x\n",
        b"",
        b"\0" * 100,
    ],
)
def test_other_formats_are_not_claimed(head: bytes) -> None:
    assert not jmeter_csv.sniff(head)


def test_a_header_alone_gives_no_row() -> None:
    assert rows(jtl([])) == []
    assert rows(jtl([]).rstrip()) == []


# --- Damage ---------------------------------------------------------------------------------------

GOOD = [record(label=f"r{number}", elapsed=number) for number in range(6)]
MESSAGE = "code expected\n\n*** received : [[[500]]]\n/"


def damaged(lines: Sequence[str]) -> tuple[list[str], list[tuple[int, str]], bool]:
    """The names read, the places rejected, and whether the input was cut."""
    source = source_of("\n".join(lines))
    names = [row["name"] for row in samples_of(all_rows(source))]
    return names, [(place.line, place.why) for place in source.rejections], source.truncated


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ("1,2,3", "3 fields instead of 17"),
        ("not a record at all", "1 fields instead of 17"),
        (",".join(record(timeStamp="").values()), 'timeStamp is ""'),
        (",".join(record(timeStamp="-5").values()), 'timeStamp is "-5"'),
        (",".join(record(timeStamp="9" * 18).values()), f'timeStamp is "{"9" * 18}"'),
        (",".join(record(elapsed="soon").values()), 'elapsed is "soon"'),
        (",".join(record(elapsed="nan").values()), 'elapsed is "nan"'),
        (",".join(record(elapsed="").values()), 'elapsed is ""'),
        (",".join(record(elapsed="-1").values()), 'elapsed is "-1"'),
        (",".join(record(elapsed="0x1f").values()), 'elapsed is "0x1f"'),
        (",".join(record(elapsed="1e3").values()), 'elapsed is "1e3"'),
        (",".join(record(elapsed="1e999").values()), 'elapsed is "1e999"'),
        (",".join(record(IdleTime="9" * 18).values()), f'IdleTime is "{"9" * 18}"'),
        (",".join(record(timeStamp=253402300799999).values()), 'timeStamp is "253402300799999"'),
        (",".join(record(success="maybe").values()), 'success is "maybe"'),
        (",".join(record(bytes="1e3").values()), 'bytes is "1e3"'),
        (",".join(record(label='5" pipe').values()), "a quote is never closed"),
        (",".join(record(label='a "b" c').values()), "a quote out of place"),
        (",".join(record(label='"a"b"').values()), "a quote is never closed"),
        (",".join(record().values()) + ",more", "18 fields instead of 17"),
        ("\0" * 40, "1 fields instead of 17"),
    ],
)
def test_a_malformed_record_costs_itself_alone(bad: str, why: str) -> None:
    lines = jtl(GOOD).split("\n")
    lines.insert(4, bad)
    assert damaged(lines) == (["r0", "r1", "r2", "r3", "r4", "r5"], [(5, why)], False)


def test_line_numbers_count_the_lines_inside_of_messages() -> None:
    good = [record(success="false", failureMessage=MESSAGE), record()] * 2
    text = jtl(good) + "broken\n" + jtl(good).split("\n", 1)[1] + "broken too\n\n" + "once more\n"
    source = source_of(text)
    assert len(samples_of(all_rows(source))) == 8
    lines = text.split("\n")
    assert [lines[place.line - 1] for place in source.rejections] == [
        "broken", "broken too", "once more",
    ]  # fmt: skip


def test_a_quote_never_closed_does_not_swallow_the_file() -> None:
    failed = record(label="failed", success="false", failureMessage=MESSAGE)
    lines = jtl([*GOOD[:3], failed, *GOOD[3:]]).split("\n")
    cut_short = lines[4][: lines[4].index('"') + 5]
    lost = [*lines[:4], cut_short, *lines[8:]]  # as after a crash: the rest is of the next run
    assert damaged(lost) == (
        ["r0", "r1", "r2", "r3", "r4", "r5"], [(5, "a quote is never closed")], False,
    )  # fmt: skip


def test_two_halves_that_would_fit_together_are_not_taken_for_one_record() -> None:
    """The opening quote of the next message closes the one that was cut: 17 fields again."""
    failed = record(label="failed", success="false", failureMessage=MESSAGE)
    lines = jtl([*GOOD[:3], failed, failed, *GOOD[3:]]).split("\n")
    lost = [*lines[:4], lines[4], *lines[8:]]  # the first failure ends after its first line
    names, rejections, truncated = damaged(lost)
    assert names == ["r0", "r1", "r2", "failed", "r3", "r4", "r5"]
    assert [line for line, _ in rejections] == [5]
    assert not truncated


def test_a_record_longer_than_any_is_given_up(monkeypatch) -> None:
    monkeypatch.setattr(jmeter_csv, "LONGEST_RECORD", 20_000)
    monkeypatch.setattr(jmeter_columns, "LONGEST_RECORD", 20_000)
    monkeypatch.setattr("perfreport.readers.source.BLOCK_SIZE", 5_000)
    monkeypatch.setattr("perfreport.readers.source._BITE", 1_000)
    monkeypatch.setattr("perfreport.readers.source.HEAD_SIZE", 2_000)
    many = [record(label=f"r{number}") for number in range(1000)]
    lines = jtl(many).split("\n")
    lines[11] = lines[11].replace("r10", '"r10')
    names, rejections, truncated = damaged(lines)
    assert names == [f"r{number}" for number in range(1000) if number != 10]
    assert rejections == [(12, "a quote is never closed")]
    assert not truncated


def test_a_message_as_long_as_a_response_is_read() -> None:
    body = 'x,"y"\n' * 100_000
    (row,) = rows(jtl([record(success="false", failureMessage=body)]))
    assert row["error"] == body[:500]


def summed(*counts: int) -> Source:
    """As of mode=Statistical: the elapsed of a row is the sum of its samples."""
    columns = [*DEFAULT, "SampleCount", "ErrorCount"]
    records = [record() | {"SampleCount": str(count), "ErrorCount": "0"} for count in counts]
    return source_of(jtl(records, columns))


def test_rows_that_sum_up_several_samples_are_rejected() -> None:
    source = summed(1, 5, 1)
    assert len(samples_of(all_rows(source))) == 2
    assert source.rejections[0].line == 3
    assert "one row for 5 samples (SampleCount)" in source.rejections[0].why


def test_a_file_of_sums_is_refused() -> None:
    with pytest.raises(InputError, match=r"^x\.jtl: most rows stand for several .*StrippedBatch"):
        all_rows(summed(5, 1, 7))


@settings(max_examples=8, deadline=None)
@given(recordings(), st.sampled_from(["\n", "\r\n"]))
def test_a_file_cut_at_any_byte_keeps_every_whole_record(
    records: list[dict[str, str]], end: str
) -> None:
    data = jtl(records, end=end).encode()
    whole = rows(data)
    head = data.index(b"\n") + 1
    ends = [len(jtl(records[:count], end=end).encode()) for count in range(len(records) + 1)]
    for cut in range(head, len(data)):
        source = source_of(data[:cut])
        found = samples_of(all_rows(source))
        kept = sum(at <= cut for at in ends) - 1
        assert found == whole[:kept], f"cut at byte {cut}"
        assert source.truncated is (cut not in ends and data[ends[kept] : cut].strip() != b"")


def test_a_record_whose_end_is_certain_needs_no_line_end() -> None:
    columns = ["timeStamp", "elapsed", "label", "success"]
    assert len(rows(jtl([record()] * 2, columns).rstrip("\n"))) == 2
    assert len(rows(jtl([record()] * 2, [*columns, "grpThreads"]).rstrip("\n"))) == 2


# --- Kinds, names of threads, errors --------------------------------------------------------------


def kinds(*records: dict[str, str], columns: Sequence[str] = DEFAULT) -> list[str]:
    return [row["kind"] for row in samples_of(all_rows(source_of(jtl(records, columns))))]


def sample(label: str, start: int, elapsed: int, thread: str = "o2c 1-1") -> dict[str, str]:
    return record(label=label, timeStamp=START + start, elapsed=elapsed, threadName=thread)


REQUEST, SUB, TRANSACTION = "request", "subrequest", "transaction"
TC = record(label="TC", responseMessage="Number of samples in transaction : 4, number of failing "
            "samples : 0", dataType="", URL="null", elapsed=90)  # fmt: skip
OF_TWO = "Number of samples in transaction : 2, number of failing samples : 0"


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        # as recorded: parent first, then its parts by number, in its time, other threads between
        ([sample("login", 0, 50), sample("login-0", 0, 5), sample("x", 0, 9, "o2c 1-2"),
          sample("login-1", 6, 44)], [REQUEST, SUB, REQUEST, SUB]),
        # parts of parts
        ([sample("a", 0, 50), sample("a-0", 0, 40), sample("a-0-0", 1, 2), sample("a-1", 45, 5)],
         [REQUEST, SUB, SUB, SUB]),
        # a name alone is no proof
        ([sample("order", 0, 50), sample("order-1", 60, 5)], [REQUEST, REQUEST]),
        ([sample("order-1", 0, 50)], [REQUEST]),
        ([sample("order", 0, 50), sample("order-0", 10, 5, "o2c 1-2")], [REQUEST, REQUEST]),
        ([sample("order", 0, 50), sample("order-0", 10, 50)], [REQUEST, REQUEST]),
        ([sample("order-0", 0, 5), sample("order", 0, 50)], [REQUEST, REQUEST]),
        # a request that follows a parent with parts, and is called like one
        ([sample("a", 0, 50), sample("a-0", 0, 5), sample("a-1", 50, 5)], [REQUEST, SUB, REQUEST]),
        # times are rounded apart: a part may end a millisecond late, but not begin when all is over
        ([sample("a", 0, 50), sample("a-0", 10, 41)], [REQUEST, SUB]),
        ([sample("a", 0, 50), sample("a-0", 10, 42)], [REQUEST, REQUEST]),
        ([sample("a", 0, 50), sample("a-0", 50, 1)], [REQUEST, REQUEST]),
        # a number that was given already
        ([sample("a", 0, 50), sample("a-0", 0, 5), sample("a-0", 6, 5)], [REQUEST, SUB, REQUEST]),
    ],
)  # fmt: skip
def test_a_sub_result_is_told_by_thread_time_and_number(records, expected) -> None:
    assert kinds(*records) == expected


def test_a_second_header_with_other_columns_is_refused() -> None:
    columns = [*DEFAULT[:-3], "Connect", "IdleTime", "Latency"]
    with pytest.raises(InputError, match="a second header, with other columns than the first"):
        rows(jtl([record()]) + jtl([record()], columns))


def test_what_cannot_be_below_zero_is_unknown_where_it_is() -> None:
    (row,) = rows(jtl([record(Latency=-3, Connect=-9, bytes=-10, sentBytes=-1)]))
    assert [row[it] for it in ("connect_ms", "wait_ms", "received_bytes", "sent_bytes")] == [
        None
    ] * 4


def test_a_carriage_return_alone_ends_no_record() -> None:
    source = source_of("timeStamp,elapsed\n1795399724000,100\r1795399725000,200\n1795399726000,5\n")
    assert [row["duration_ms"] for row in samples_of(all_rows(source))] == [5]
    assert source.rejected == 1


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ("elapsed,timeStamp,label,success", 'do not fit --columns: elapsed is "1795399806497"'),
        ("timeStamp,elapsed,success,label", 'do not fit --columns: success is "order"'),
        ("timeStamp,elapsed", "--columns names 2 columns.* the first has 4 fields"),
    ],
)
def test_columns_that_do_not_fit_are_told_by_the_first_field(columns: str, message: str) -> None:
    data = f"{START},54,order,true\n{START + 5},7,order,true\n"
    with pytest.raises(InputError, match=message):
        all_rows(source_of(data, columns=tuple(columns.split(","))))


def test_a_column_that_is_nearly_one_of_jmeters_is_told() -> None:
    data = f"{START},54,order,true\n{START + 5},7,order,true\n"
    source = source_of(data, columns=("timeStamp", "elapsed", "label", "sucess"))
    all_rows(source)
    assert any('Did you mean "success"?' in note for note in source.notes)


def test_sub_results_are_found_across_blocks(monkeypatch) -> None:
    monkeypatch.setattr("perfreport.readers.source.BLOCK_SIZE", 200)
    monkeypatch.setattr("perfreport.readers.source._BITE", 100)
    monkeypatch.setattr("perfreport.readers.source.HEAD_SIZE", 300)
    many = [
        part
        for number in range(50)
        for part in (
            sample("a", number * 100, 50),
            *(sample(f"a-{index}", number * 100 + index, 5) for index in range(4)),
        )
    ]
    assert kinds(*many) == [REQUEST, SUB, SUB, SUB, SUB] * 50


def test_a_transaction_is_told_by_its_message_and_encloses_no_sub_result() -> None:
    assert kinds(TC, sample("TC-0", 1, 5)) == [TRANSACTION, REQUEST]
    assert kinds(record(dataType="", URL="null")) == [REQUEST]


def test_a_transaction_that_the_end_of_the_test_cut_off_is_one() -> None:
    """As JMeter 5.6.3 wrote it with parent samples; its dashboard counts it with the finished ones."""
    text = (
        ",".join(DEFAULT) + "\n"
        "1795427373656,0,TC order to cash,,,kenya_o2c 1-7,,true,,0,0,598,602,null,0,0,0\n"
        "1795427373700,5,create_order,201,,kenya_o2c 1-8,text,true,,174,218,598,602,null,5,0,0\n"
    )
    assert [row["kind"] for row in rows(text)] == [TRANSACTION, REQUEST]


def test_where_sub_results_cannot_be_told_the_user_is() -> None:
    columns = [name for name in DEFAULT if name != "threadName"]
    source = source_of(jtl([record()], columns))
    list(all_rows(source))
    assert "sub-results cannot be told from requests" in source.notes[0]


def test_without_messages_a_transaction_has_neither_type_nor_url() -> None:
    columns = [name for name in DEFAULT if name != "responseMessage"]
    assert kinds(TC, record(), record(dataType=""), columns=columns) == [
        TRANSACTION, REQUEST, REQUEST,
    ]  # fmt: skip


def test_where_transactions_cannot_be_told_the_user_is() -> None:
    source = source_of(jtl([TC], ["timeStamp", "elapsed", "label"]))
    assert [row["kind"] for row in all_rows(source)] == [REQUEST]
    assert "transactions cannot be told from requests" in source.notes[0]


def test_a_parent_sample_is_written_before_its_children() -> None:
    # recorded with TransactionController.parent=true
    text = (
        ",".join(DEFAULT) + "\n"
        '1795424584071,120,TC order to cash,200,"Number of samples in transaction : 4, number of '
        'failing samples : 0",kenya_o2c 1-3,,true,,650,856,3,7,null,0,244,0\n'
        "1795424584132,34,create_order,201,Created,kenya_o2c 1-3,text,true,,174,218,3,7,"
        "http://127.0.0.1:18092/api/v1/sales/orders,34,0,0\n"
        '1795424584298,64,"Generate Invoice, with ""eTIMS""",201,Created,kenya_o2c 1-3,text,true,,'
        "212,223,3,7,http://127.0.0.1:18092/api/v1/finance/invoices/generate,64,0,0\n"
    )
    found = rows(text)
    assert [row["kind"] for row in found] == [TRANSACTION, REQUEST, REQUEST]
    assert found[2]["name"] == 'Generate Invoice, with "eTIMS"'


def test_samples_of_a_generated_parent_are_in_its_group() -> None:
    parent = TC | {"elapsed": "60", "IdleTime": "30", "responseMessage": OF_TWO}
    inside = [sample("a", 10, 20), sample("a-0", 10, 5), sample("b", 50, 40)]
    data = jtl([parent | {"threadName": "o2c 1-1"}, *inside, sample("c", 90, 0)])
    assert [(row["name"], row["group"]) for row in rows(data)] == [
        ("TC", None), ("a", "TC"), ("a-0", "TC"), ("b", "TC"), ("c", None),
    ]  # fmt: skip


def test_samples_before_the_row_of_their_transaction_are_in_none() -> None:
    behind = TC | {"elapsed": "60", "responseMessage": OF_TWO, "threadName": "o2c 1-1"}
    data = jtl([sample("a", 0, 20), sample("b", 20, 40), behind, sample("c", 60, 0)])
    assert {row["group"] for row in rows(data)} == {None}


def test_a_sub_result_without_message_type_and_url_is_no_transaction() -> None:
    part = sample("a-0", 5, 5) | {"responseMessage": "", "dataType": "", "URL": "null"}
    assert kinds(sample("a", 0, 20), part) == [REQUEST, SUB]


@pytest.mark.parametrize(
    ("thread", "scenario", "source"),
    [
        ("kenya_o2c 1-1", "kenya_o2c", None),
        ("setUp Thread Group 1-10", "setUp Thread Group", None),
        ("Malipo – 2-1 1-1", "Malipo – 2-1", None),
        ("127.0.0.1:18199-kenya_p2p 2-1", "kenya_p2p", "127.0.0.1:18199"),  # jmeter -R
        ("gen-1.local:1099-a-b 2-1", "a-b", "gen-1.local:1099"),
        ("main", None, None),
        ("", None, None),
    ],
)
def test_a_thread_tells_its_group_and_its_engine(thread, scenario, source) -> None:
    (row,) = rows(jtl([record(threadName=thread)]))
    assert (row["scenario"], row["source"]) == (scenario, source)


@pytest.mark.parametrize(
    ("fields", "status", "error"),
    [
        ({"responseCode": "500", "responseMessage": "Oops"}, 500, "500 Oops"),
        ({"responseCode": "500", "failureMessage": "too slow"}, 500, "too slow"),
        ({"responseCode": "", "responseMessage": ""}, None, None),
        ({"responseCode": "Non HTTP response code: java.net.ConnectException",
          "responseMessage": "refused"}, None,
         "Non HTTP response code: java.net.ConnectException refused"),
        ({"responseCode": "40000", "failureMessage": "é" * 600}, None, "é" * 500),
    ],
)  # fmt: skip
def test_a_failure_says_why(fields, status, error) -> None:
    (row,) = rows(jtl([record(success="false", **fields)]))
    assert (row["ok"], row["status"], row["error"]) == (False, status, error)


def test_a_success_has_no_error_and_a_refused_connection_no_wait() -> None:
    (row,) = rows(jtl([record(failureMessage="left over", Latency=0, Connect=1)]))
    assert (row["error"], row["wait_ms"], row["connect_ms"]) == (None, None, 1.0)


# --- Users ----------------------------------------------------------------------------------------


def users(*records: dict[str, str], columns: Sequence[str] = DEFAULT) -> list[Row]:
    found = all_rows(source_of(jtl(records, columns)))
    assert all(row["scenario"] is None for row in found if row["kind"] == "users")
    return [row for row in found if row["kind"] == "users"]


def active(at: int, count: int, **fields: object) -> dict[str, str]:
    """A sample that ends `at` ms after a full second, with `count` users active."""
    start = START // 1000 * 1000 + at - 23
    return record(timeStamp=start, allThreads=count, **fields)


def test_users_are_the_most_of_each_second_in_which_a_sample_ended() -> None:
    found = users(active(100, 3), active(900, 5), active(500, 4), active(2100, 7))
    at = [(row["ts"] - moment(str(START // 1000 * 1000))).total_seconds() for row in found]
    assert [(second, row["users"]) for second, row in zip(at, found, strict=True)] == [
        (0.1, 5.0), (2.1, 7.0),
    ]  # fmt: skip


def test_thread_groups_are_not_counted_twice() -> None:
    found = users(active(100, 9, threadName="a 1-1"), active(200, 9, threadName="b 2-1"))
    assert [row["users"] for row in found] == [9.0]


def test_generators_are_counted_apart() -> None:
    found = users(
        active(100, 9, threadName="10.0.0.1:1099-a 1-1"),
        active(200, 8, threadName="10.0.0.2:1099-a 1-1"),
    )
    assert [(row["source"], row["users"]) for row in found] == [
        ("10.0.0.1:1099", 9.0), ("10.0.0.2:1099", 8.0),
    ]  # fmt: skip


def test_unknown_users_are_not_none() -> None:
    assert users(active(100, 0)) == []
    assert users(record(), columns=["timeStamp", "elapsed", "label"]) == []


def test_the_recording_had_sixteen_users() -> None:
    found = all_rows(source_of((SAMPLES / "default.jtl").read_bytes()))
    counts = [row["users"] for row in found if row["kind"] == "users"]
    assert len(counts) == 26
    assert max(counts) == 16.0


# --- Sources --------------------------------------------------------------------------------------


def test_the_tool_is_named_and_the_head_is_small() -> None:
    source = source_of((SAMPLES / "default.jtl").read_bytes())
    assert jmeter_csv.sniff(source.head()[:HEAD_SIZE])
    all_rows(source)
    assert source.facts.tool == "JMeter"
    assert source.facts.tool_version is None  # the file does not tell


# --- Several generators ---------------------------------------------------------------------------


def test_results_of_several_generators_become_one_run(tmp_path) -> None:
    """Each file is a source of its own; what the dashboard counts is counted once."""
    files = [tmp_path / "gen-1.jtl", tmp_path / "gen-2.jtl", tmp_path / "gen-3.xml"]
    files[0].write_bytes((SAMPLES / "nested.jtl").read_bytes())
    files[1].write_bytes((SAMPLES / "all-columns.jtl").read_bytes())
    files[2].write_bytes(
        gzip.decompress((SAMPLES.parent / "jmeter-xml/parent.xml.gz").read_bytes())
    )
    done = ingest(files, tmp_path / "run.parquet")
    merged = pq.read_table(tmp_path / "run.parquet").to_pylist()
    readers = (jmeter_csv, jmeter_csv, jmeter_xml)
    apart = [
        row | {"source": row["source"] or file.stem}
        for file, reader in zip(files, readers, strict=True)
        for row in pa.Table.from_batches(reader.read(source_of(file.read_bytes()))).to_pylist()
    ]
    assert merged == apart
    assert done.rows == len(apart)
    assert {row["source"] for row in merged} == {"gen-1", "vm", "gen-3"}
    assert done.info.tool == "JMeter"


def test_a_distributed_run_keeps_its_engines_apart(tmp_path) -> None:
    engines = [record(threadName=f"10.0.0.{number}:1099-o2c 1-1") for number in (1, 2)]
    (tmp_path / "all.jtl").write_text(jtl(engines))
    ingest([tmp_path / "all.jtl"], tmp_path / "run.parquet")
    found = pq.read_table(tmp_path / "run.parquet").to_pylist()
    assert Counter((row["kind"], row["source"]) for row in found) == Counter(
        (kind, f"10.0.0.{number}:1099") for kind in ("request", "users") for number in (1, 2)
    )
