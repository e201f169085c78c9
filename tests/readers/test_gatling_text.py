"""Gatling's text log gives the numbers of Gatling's own report, whatever happened to the log."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from gatling_logs import (
    RECORDS,
    RUN_START,
    SAMPLES,
    Error,
    Figures,
    Group,
    Record,
    Request,
    Row,
    User,
    figures,
    moment,
    read,
    reported,
    rows_of,
    table,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from perfreport.errors import InputError
from perfreport.readers import source as source_module
from perfreport.readers.gatling import LAST_START_MS
from perfreport.readers.gatling_text import READER
from perfreport.readers.names import Names
from perfreport.readers.reader import reader_for
from perfreport.readers.source import ReadOptions, Source

LOGS = sorted((SAMPLES / "gatling-text").glob("o2c-*.log"))
KILLED = SAMPLES / "gatling-text" / "killed-3.12.0.log"

RUN = f"RUN\tKenyaO2C\tkenyao2c\t{RUN_START}\trun of the kit – jaribio\t3.12.0\n".encode()
SMALL: list[Record] = [
    User("Kenya O2C", True, 700),
    Request(("Order to Cash",), "Create Order", 710, 774, True),
    Request((), "Refused", 780, 790, False, "j.n.ConnectException: Connection refused"),
    Error("Get invoice: No attribute named 'invoiceId' is defined ", 800),
    Request(("Order to Cash", 'Malipo "Cu"'), "M-Pesa 支付 ✓", 900, 1_900, False, "found 502"),
    Group(("Order to Cash", 'Malipo "Cu"'), 880, 1_950, 110, True),
    Group(("Order to Cash",), 690, 2_100, 197, False),
    User("Kenya O2C", False, 2_150),
]


def text_log(records: list[Record], eol: str = "\n") -> bytes:
    """The log that Gatling 3.12 would write."""
    lines = "".join("\t".join(columns_of(record)) + "\n" for record in records)
    return (RUN + lines.encode()).replace(b"\n", eol.encode())


def columns_of(record: Record) -> list[str]:
    match record:
        case Request(path, name, start, end, ok, message):
            return ["REQUEST", groups(path), name, at(start), at(end), status(ok), message or " "]
        case Group(path, start, end, cumulated, ok):
            return ["GROUP", groups(path), at(start), at(end), str(cumulated), status(ok)]
        case User(scenario, starts, time):
            return ["USER", scenario, "START" if starts else "END", at(time)]
        case Error(message, time):
            return ["ERROR", message, at(time)]


def groups(path: tuple[str, ...]) -> str:
    return ",".join(name.replace(",", " ") for name in path)


def at(time: int) -> str:
    return str(RUN_START + time)


def status(ok: bool) -> str:
    return "OK" if ok else "KO"


# The tool's own numbers


@pytest.mark.parametrize("log", LOGS, ids=lambda log: log.stem)
def test_each_request_has_the_numbers_of_gatlings_report(log: Path) -> None:
    _, rows = table(READER, log)
    requests = rows.filter(pc.field("kind") == "request")
    entries = [entry for entry in reported(log.with_suffix(".tool.json")) if entry[1] == "REQUEST"]
    assert len(entries) == len({(row["group"], row["name"]) for row in requests.to_pylist()})
    for path, _, theirs in entries:
        compare_with_report(log, at_path(requests, path), theirs)


@pytest.mark.parametrize("log", LOGS, ids=lambda log: log.stem)
def test_all_requests_together_have_the_numbers_of_gatlings_report(log: Path) -> None:
    source, rows = table(READER, log)
    theirs = json.loads(log.with_suffix(".tool.json").read_text("utf-8"))["stats"]
    compare_with_report(log, rows.filter(pc.field("kind") == "request"), theirs)
    assert (source.rejected, source.truncated) == (0, False)


@pytest.mark.parametrize("log", LOGS, ids=lambda log: log.stem)
def test_each_group_has_the_numbers_of_gatlings_report(log: Path) -> None:
    """Which are those of the cumulated response time, unless gatling.conf says otherwise."""
    _, rows = table(READER, log)
    transactions = rows.filter(pc.field("kind") == "transaction")
    entries = [entry for entry in reported(log.with_suffix(".tool.json")) if entry[1] == "GROUP"]
    assert len(entries) == 2
    for path, _, theirs in entries:
        compare_with_report(log, at_path(transactions, path), theirs, "value")


def at_path(rows: pa.Table, path: tuple[str, ...]) -> pa.Table:
    *outer, name = path
    group = pc.field("group")
    inside = group == "/".join(outer) if outer else group.is_null()
    return rows.filter((pc.field("name") == name) & inside)


def compare_with_report(
    log: Path, rows: pa.Table, theirs: Row, column: str = "duration_ms"
) -> None:
    half = 0 if log.stem == "o2c-2.1.7" else 0.5
    parts = {
        "total": rows,
        "ok": rows.filter(pc.field("ok")),
        "ko": rows.filter(~pc.field("ok")),
    }
    for part, some in parts.items():
        assert len(some) == theirs["numberOfRequests"][part]
        if not len(some):
            continue
        ours = some[column].to_numpy()
        assert figures(ours, half) == Figures(
            len(some),
            theirs["minResponseTime"][part],
            theirs["maxResponseTime"][part],
            theirs["meanResponseTime"][part],
            theirs["standardDeviation"][part],
        )
        for number, percent in enumerate((50, 75, 95, 99), 1):
            assert abs(np.percentile(ours, percent) - theirs[f"percentiles{number}"][part]) <= 1


# What a row is


def test_the_run_record_says_tool_version_and_start() -> None:
    facts = read(READER, RUN)[0].facts
    assert (facts.tool, facts.tool_version) == ("Gatling", "3.12.0")
    assert facts.start == moment(0)
    assert (facts.scenario, facts.metrics) == (None, {})


def test_a_request_keeps_its_groups_its_message_and_its_time() -> None:
    request = Request(("Order to Cash", "eTIMS"), "Créer 支付 ✓", 10, 73, False, " found 502 ")
    _, rows = read(READER, text_log([request]))
    assert rows == [
        {
            "kind": "request",
            "ts": moment(10),
            "name": "Créer 支付 ✓",
            "group": "Order to Cash/eTIMS",
            "ok": False,
            "error": "found 502",
            "duration_ms": 63.0,
        }
    ]


def test_a_group_is_a_transaction_with_the_cumulated_time_as_its_value() -> None:
    _, rows = read(READER, text_log([Group(("Order to Cash", "eTIMS"), 10, 310, 99, True)]))
    assert rows == [
        {
            "kind": "transaction",
            "ts": moment(10),
            "name": "eTIMS",
            "group": "Order to Cash",
            "ok": True,
            "duration_ms": 300.0,
            "value": 99.0,
            "unit": "ms",
        }
    ]


def test_an_error_is_a_row_of_a_metric() -> None:
    source, rows = read(READER, text_log([Error("Get invoice: no invoiceId ", 5)]))
    assert rows == [
        {
            "kind": "metric",
            "ts": moment(5),
            "name": "gatling_errors",
            "ok": False,
            "error": "Get invoice: no invoiceId",
            "value": 1.0,
            "unit": "1",
        }
    ]
    assert source.facts.metrics["gatling_errors"].type == "counter"


def test_a_long_message_is_cut_at_500_characters() -> None:
    _, rows = read(READER, text_log([Request((), "a", 0, 1, False, "é" * 501)]))
    assert rows[0]["error"] == "é" * 500


def test_users_are_counted_at_the_end_of_each_second_until_the_log_ends() -> None:
    first = 2_302 - 2_000  # ms from the run's start to the next whole second
    records = [
        User("Kenya O2C", True, first),
        User("Kenya O2C", True, first + 999),
        User("Kenya O2C", False, first + 1_000),
        User("Kenya P2P", True, first + 2_500),
        Request((), "a", first + 2_600, first + 4_100, True),
    ]
    _, rows = read(READER, text_log(records))
    users = [(row["scenario"], row["users"]) for row in rows if row["kind"] == "users"]
    assert users == [("Kenya O2C", count) for count in (2, 1, 1, 1, 1)] + [("Kenya P2P", 1)] * 3
    assert rows[1]["ts"] == moment(first)


def test_a_request_is_of_the_scenario_as_long_as_there_is_but_one() -> None:
    request = Request((), "a", 0, 1, True)
    one, other = User("Kenya O2C", True, 0), User("Kenya P2P", True, 0)
    _, rows = read(READER, text_log([request, one, request, request, other, request]))
    assert [row.get("scenario") for row in rows[:4]] == [None, "Kenya O2C", "Kenya O2C", None]


def test_in_a_log_of_one_scenario_every_request_is_of_it() -> None:
    _, rows = table(READER, SAMPLES / "gatling-text" / "o2c-3.4.2.log")
    requests = rows.filter(pc.field("kind") == "request")
    assert set(requests["scenario"].to_pylist()) == {"Kenya O2C – scala"}


def test_a_redirect_stays_a_request_of_its_own() -> None:
    _, rows = table(READER, SAMPLES / "gatling-text" / "o2c-3.10.3.log")
    names = rows.filter(pc.field("kind") == "request")["name"].to_pylist()
    assert names.count("Login page") == names.count("Login page Redirect 1") == 12


def test_names_are_what_the_name_map_makes_of_them() -> None:
    names = Names([(re.compile("^Create (Order)$"), "order")])
    log = text_log([Request((), "Create Order", 0, 1, True)])
    source = Source(io.BytesIO(log), "a.log", ReadOptions(names=names))
    assert next(READER.read(source))["name"].to_pylist() == ["order"]


# The slow twin


@settings(max_examples=100, deadline=None, derandomize=True)
@given(RECORDS, st.sampled_from(["\n", "\r\n"]))
def test_the_reader_agrees_with_the_slow_one(records: list[Record], eol: str) -> None:
    source, rows = read(READER, text_log(records, eol))
    assert rows == rows_of(records, commas=False)
    assert (source.rejected, source.truncated) == (0, False)


@pytest.mark.parametrize("at_once", [1, 7, 100])
def test_it_does_not_matter_where_blocks_end(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_module, "BLOCK_SIZE", 1)
    assert read(READER, text_log(SMALL), at_once)[1] == rows_of(SMALL)


# Damage


def test_a_killed_run_keeps_every_whole_record() -> None:
    source, rows = table(READER, KILLED)
    whole = KILLED.read_bytes().split(b"\n")[:-1]
    for kind, header in (("request", b"REQUEST"), ("transaction", b"GROUP"), ("metric", b"ERROR")):
        records = [line for line in whole if line.startswith(header + b"\t")]
        assert len(rows.filter(pc.field("kind") == kind)) == len(records)
    assert source.truncated
    assert [rejection.line for rejection in source.rejections] == [len(whole) + 1]


def test_a_log_cut_anywhere_keeps_what_is_whole() -> None:
    log = text_log(SMALL)
    for end in range(len(RUN), len(log)):
        source, rows = read(READER, log[:end])
        lines, tail = log[len(RUN) : end].count(b"\n"), not log[:end].endswith(b"\n")
        # A record is whole without its line end; only of a message can a part be missing then.
        whole = lines + (tail and not source.truncated)
        assert without_messages(rows) == without_messages(rows_of(SMALL[:whole])), log[:end]
        assert [one.line for one in source.rejections] == [lines + 2] * source.truncated


def without_messages(rows: list[Row]) -> list[Row]:
    return [{column: row[column] for column in row if column != "error"} for row in rows]


@pytest.mark.parametrize("record", SMALL, ids=lambda record: type(record).__name__)
def test_a_record_that_lacks_only_its_line_end_is_whole(record: Record) -> None:
    source, rows = read(READER, text_log([record])[:-1])
    assert rows == rows_of([record])
    assert not source.truncated


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("REQUEST\t\ta\t%(t)s\t%(t)s\tOK", "6 columns instead of 7"),
        ("REQUEST\t\ta\t%(t)s\t%(t)s\tOK\t \tx", "8 columns instead of 7"),
        ("REQUEST\t\ta\t%(t)s\t%(t)s\tMAYBE\t ", "neither OK nor KO"),
        ("REQUEST\t\ta\t%(t)s\t17x\tOK\t ", "a REQUEST record with a damaged number"),
        ("REQUEST\t\ta\t5\t6\tOK\t ", "a time more than 24 days from the run's start"),
        ("REQUEST\t\ta\t%(t)s\t" + str(RUN_START - 9) + "\tOK\t ", "ends 9 ms before it starts"),
        ("GROUP\t\t%(t)s\t%(t)s\t1\tOK", "a group without a name"),
        ("GROUP\tg\t%(t)s\t%(t)s\t-1\tOK", "a GROUP record with a damaged number"),
        ("USER\tKenya O2C\tPAUSE\t%(t)s", "neither START nor END of a user"),
        ("RUN\ta\tb\t%(t)s\t \t3.12.0", "a second RUN record: two logs in one file"),
        ("REQUES", "not a record of Gatling"),
        ("\0" * 20, "not a record of Gatling"),
    ],
)
def test_a_malformed_record_is_counted_and_reading_goes_on(line: str, why: str) -> None:
    good = text_log([Request((), "good", 0, 1, True)])
    log = good + (line % {"t": RUN_START}).encode() + b"\n" + good[len(RUN) :]
    source, rows = read(READER, log)
    assert [row["name"] for row in rows] == ["good", "good"]
    assert [(one.line, one.why) for one in source.rejections] == [(3, why)]
    assert not source.truncated


def test_two_logs_in_one_file_are_both_read_and_told() -> None:
    other = text_log(SMALL).replace(b"KenyaO2C\t", b"KenyaP2P\t", 1)
    source, rows = read(READER, text_log(SMALL) + other)
    assert rows == rows_of(SMALL + SMALL)
    (rejection,) = source.rejections
    assert rejection.line == len(SMALL) + 2
    assert rejection.why == "a second RUN record: two logs in one file"


def test_a_log_of_another_layout_behind_the_first_is_rejected_line_by_line() -> None:
    old = b"RUN\ta\ta\t%d\t \t3.0.3\nREQUEST\t1\t\ta\t%d\t%d\tOK\t \n" % ((RUN_START,) * 3)
    source, rows = read(READER, text_log(SMALL) + old)
    assert rows == rows_of(SMALL)
    assert source.rejected == 2


@pytest.mark.parametrize("name", ["\0" * 3, "a\rb", "\x1b[31m", "\ufeffa"])
def test_odd_characters_of_a_name_stay_in_it(name: str) -> None:
    request = Request((), f"x{name}y", 0, 1, True)
    assert read(READER, text_log([request]))[1] == rows_of([request])


def test_a_log_in_another_encoding_keeps_its_numbers() -> None:
    log = text_log([Request((), "Créer", 0, 63, True)]).decode().encode("latin-1", "replace")
    _, rows = read(READER, log)
    assert [(row["name"], row["duration_ms"]) for row in rows] == [("Cr\ufffder", 63.0)]


@pytest.mark.parametrize("number", ["9" * 5000, "-1", "253402300799999", "1e12", "", "1_7"])
def test_a_number_that_cannot_be_is_counted(number: str) -> None:
    good = text_log([Request((), "good", 0, 1, True)])
    for line in (f"REQUEST\t\ta\t{number}\t{RUN_START}\tOK\t ", f"USER\ta\tSTART\t{number}"):
        source, rows = read(READER, good + line.encode() + b"\n" + good[len(RUN) :])
        assert (len(rows), source.rejected) == (2, 1)


def test_a_run_that_starts_in_the_year_9999_is_read() -> None:
    start = LAST_START_MS - 1
    log = f"RUN\ta\ta\t{start}\t \t3.12.0\nREQUEST\t\ta\t{start}\t{start + 5}\tOK\t \n"
    _, rows = read(READER, log.encode())
    assert (rows[0]["ts"].year, rows[0]["duration_ms"]) == (9999, 5.0)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.integers(0, len(text_log(SMALL)) - 1), st.integers(1, 255))
def test_a_flipped_byte_is_no_crash(place: int, flip: int) -> None:
    log = bytearray(text_log(SMALL))
    log[place] ^= flip
    try:
        _, rows = read(READER, bytes(log))
    except InputError:
        assert place < len(RUN)
    else:  # a flipped line end damages two records; two records of SMALL are users
        of_another_version = place < len(RUN)
        kept = sum(row["kind"] != "users" for row in rows)
        assert kept >= len(SMALL) - 2 - 2 or of_another_version


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.binary(max_size=200))
def test_each_line_of_noise_is_counted(noise: bytes) -> None:
    source, rows = read(READER, RUN + noise)
    lines = [line for line in noise.split(b"\n") if line.strip()]
    assert (rows, source.rejected) == ([], len(lines))


# What is refused


@pytest.mark.parametrize("version", ["1.5.6", "2.3.1", "seven", ""])
def test_a_version_without_a_known_layout_is_refused_by_name(version: str) -> None:
    with pytest.raises(
        InputError, match=rf"simulation\.log: a log of Gatling '{version}'; 2\.0 and"
    ):
        read(READER, RUN.replace(b"3.12.0", version.encode()))


def test_a_version_to_come_is_read_with_a_note() -> None:
    source, rows = read(READER, text_log(SMALL).replace(b"3.12.0", b"4.0.0-M1"))
    assert (source.facts.tool_version, rows) == ("4.0.0-M1", rows_of(SMALL))
    (note,) = source.notes
    assert "Gatling 4.0.0-M1 is newer than the versions this was tested with" in note
    assert read(READER, RUN)[0].notes == []


def test_windows_line_ends_do_not_hide_the_version() -> None:
    assert read(READER, RUN.replace(b"\n", b"\r\n"))[0].facts.tool_version == "3.12.0"


@pytest.mark.parametrize(
    ("log", "why"),
    [
        (b"", "simulation.log: no RUN record"),
        (b"ASSERTION\tAAEDAAEF\n", "simulation.log: no RUN record"),
        (b"ASSERTION\tAAEDAAEF\nUSER\ta\tSTART\t1\n", "simulation.log:2: no RUN record"),
        (b"RUN\ta\tb\tsoon\t \t3.12.0\n", "RUN record is damaged"),
        (b"RUN\ta\tb\t3.12.0\n", "RUN record is damaged"),
        (b"RUN\ta\tb\t99999999999999999\t \t3.12.0\n", "which is no time"),
    ],
)
def test_a_log_without_a_good_run_record_is_refused(log: bytes, why: str) -> None:
    with pytest.raises(InputError, match=why):
        read(READER, log)


@pytest.mark.parametrize("log", [*LOGS, KILLED], ids=lambda log: log.stem)
def test_a_log_is_known_by_its_beginning(log: Path) -> None:
    with log.open("rb") as stream:
        assert reader_for(Source(stream, log.name)) is READER


def test_other_tabs_are_not_taken_for_gatling() -> None:
    assert not READER.sniff(b"timeStamp\telapsed\tlabel\n")
    assert not READER.sniff(b"RUN\tone\ttwo\n")
