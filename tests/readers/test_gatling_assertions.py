"""What Gatling asserted of a run reads as its console prints it, whichever version wrote the log."""

from __future__ import annotations

import base64
import io
import re
import struct
from pathlib import Path

import pytest
from gatling_logs import SAMPLES, read, table
from hypothesis import given, settings
from hypothesis import strategies as st

from perfreport.readers.gatling_assertions import keep_assertions
from perfreport.readers.gatling_binary import READER as BINARY
from perfreport.readers.gatling_text import READER as TEXT
from perfreport.readers.source import Source

RECORDED = [
    (bytes.fromhex(of_3_13_0), bytes.fromhex(since_3_13_1), words)
    for of_3_13_0, since_3_13_1, words in (
        line.split("\t")
        for line in (SAMPLES / "gatling-binary" / "assertions.txt").read_text("utf-8").splitlines()
    )
]
LIMIT = RECORDED[0][1]
VERDICT = " : (true|false)"


def kept(assertions: list[bytes], release: tuple[int, ...]) -> Source:
    source = Source(io.BytesIO(), "simulation.log")
    keep_assertions(source, assertions, release)
    return source


def in_words(source: Source) -> list[str]:
    return [f"{path}: {limit}" for path, some in source.facts.thresholds.items() for limit in some]


def printed(console: Path) -> set[str]:
    """What a console printed of assertions, in the words of the newest version.

    Before 3.1 events were requests; before 3.9 `inclusive` stood before the numbers. 2.1 has whole
    numbers, says less for less or equal, and the limits of a range belong to it.
    """
    lines = console.read_text("utf-8").splitlines()
    words = {re.sub(VERDICT + ".*", "", line) for line in lines if re.search(VERDICT, line)}
    words = {re.sub(r"(failed|successful|all) requests(?= is)", r"\1 events", one) for one in words}
    words = {re.sub(r"between inclusive (.*)", r"between \1 inclusive", one) for one in words}
    if "2.1.7" in console.name:
        words = {re.sub(r"\b(\d+)(?=,|\)| and|$)", r"\1.0", one) for one in words}
        words = {re.sub(r"(between .*)", r"\1 inclusive", one) for one in words}
        words = {re.sub(r"(less|greater) than", r"\1 than or equal to", one) for one in words}
    return words


@pytest.mark.parametrize("case", ["o2c-2.1.7", "o2c-2.3.1", "o2c-3.0.3", "o2c-3.3.1"])
def test_the_limits_of_a_text_log_are_those_of_gatlings_console(case: str) -> None:
    """One of all requests is printed once a request; one of a path that is not there has no words."""
    source, _ = table(TEXT, SAMPLES / "gatling-text" / f"{case}.log")
    console = printed(SAMPLES / "gatling-text" / f"{case}.assertions.txt")
    ours = in_words(source)
    of_all = {one for one in ours if one.startswith("For all requests: ")}
    nowhere = {one for one in ours if one.startswith("Order to Cash / Order to Cash: ")}
    assert (len(ours), len(of_all), len(nowhere)) == (14, 2, 1)
    assert set(ours) - of_all - nowhere <= console
    for one in of_all:
        assert any(line.endswith(one.removeprefix("For all requests")) for line in console)
    assert source.notes == []


def test_the_limits_of_a_binary_log_are_those_of_gatlings_console() -> None:
    log = SAMPLES / "gatling-binary" / "o2c-3.15.1.log"
    ours = in_words(table(BINARY, log)[0])
    assert set(ours) == printed(log.with_suffix(".console.txt"))


@pytest.mark.parametrize(("of_3_13_0", "since_3_13_1", "words"), RECORDED)
def test_every_kind_of_limit_reads_as_gatling_prints_it(
    of_3_13_0: bytes, since_3_13_1: bytes, words: str
) -> None:
    old = in_words(kept([of_3_13_0], (3, 13, 0)))
    new = in_words(kept([since_3_13_1], (3, 15, 1)))
    text = in_words(kept([base64.b64encode(since_3_13_1)], (3, 12, 0)))
    assert old == new == text
    assert new[0].replace("For all requests", words.split(":")[0]) == words


def test_one_path_holds_its_limits_in_their_order_and_each_once() -> None:
    blobs = [new for _, new, _ in RECORDED]
    thresholds = kept([*blobs, *blobs], (3, 15, 1)).facts.thresholds
    assert [len(limits) for limits in thresholds.values()] == [10, 1, 1, 1, 1, 2]
    assert thresholds["Global"][0] == "95th percentile of response time is less than 500.0"


def test_a_string_that_comes_again_is_found() -> None:
    """As Gatling 2.2.5 wrote details("a" / "a").failedRequests.count.is(0)."""
    again = bytes.fromhex("000100020161900201000205000000000000000000")
    assert in_words(kept([again], (2, 2))) == ["a / a: count of failed events is 0.0"]


@pytest.mark.parametrize(
    ("percent", "words"),
    [
        (1.0, "1st"), (2.0, "2nd"), (3.0, "3rd"), (11.0, "11th"), (12.0, "12th"), (13.0, "13th"),
        (22.0, "22nd"), (50.0, "50th"), (99.9, "99.9th"), (99.99, "99.99th"), (99.91, "99.91st"),
        (100.0, "100th"), (0.5, "0.5th"),
    ],
)  # fmt: skip
def test_a_percentile_has_the_ending_that_gatling_gives_it(percent: float, words: str) -> None:
    """The endings are those of NumberHelper.scala: of a fraction its first two digits decide."""
    log = LIMIT[:7] + struct.pack("<d", percent) + LIMIT[15:]
    limit = f"{words} percentile of response time is less than 500.0"
    assert in_words(kept([log], (3, 15, 1))) == [f"Global: {limit}"]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (500.0, "500.0"), (0.001, "0.001"), (1e7, "1.0E7"), (12345678.5, "1.23456785E7"),
        (0.0001, "1.0E-4"), (-3.25, "-3.25"), (1e300, "1.0E300"), (0.0, "0.0"),
    ],
)  # fmt: skip
def test_a_number_is_written_as_java_does(value: float, words: str) -> None:
    log = LIMIT[:-8] + struct.pack("<d", value)
    assert in_words(kept([log], (3, 15, 1)))[0].endswith(f" is less than {words}")


# What cannot be read


@pytest.mark.parametrize(
    "pickle",
    [
        # Written by 2.2.2, whose limits are whole numbers and whose strings are UTF-8.
        "000303000104000000000000c05740050081f4",
        "000301000303020063",
        "000100020d4f7264657220746f20436173680d4372c3a9657220e694afe4bb9803000101010032a01388",
        "000100020161901001000201040000",
        "0002010001020300030102a493e0",
        "00030205009007",
    ],
)
def test_an_assertion_of_2_2_2_is_left_out_with_a_note(pickle: str) -> None:
    source = kept([base64.b64encode(bytes.fromhex(pickle))], (2, 2))
    assert source.facts.thresholds == {}
    assert source.notes == ["simulation.log: left out 1 of its 1 assertions: they cannot be read"]


@pytest.mark.parametrize(
    "written",
    [
        b"", b"\0", b"AAEDAAEF", b"not base64!", LIMIT + b"\0", LIMIT[:-1],
        LIMIT[:-8] + struct.pack("<d", float("nan")),
        b"PATH\tGLOBAL\tTARGET\tRESPONSE_TIME\tMAX\tCONDITION\tLESS_THAN\tx",
        b"PATH\tGLOBAL\tTARGET\tRESPONSE_TIME\tMAX\tCONDITION\tBETWEEN\t1",
        b"PATH\tGLOBAL\tTARGET\tRESPONSE_TIME\tMEDIAN\tCONDITION\tLESS_THAN\t1",
        b"PATH\tELSEWHERE\tTARGET\tRESPONSE_TIME\tMAX\tCONDITION\tLESS_THAN\t1",
        b"PATH\t", b"PATH\tTARGET\tCONDITION",
    ],
)  # fmt: skip
def test_what_is_no_assertion_is_left_out_with_a_note(written: bytes) -> None:
    source = kept([written, LIMIT], (3, 15, 1))
    assert len(in_words(source)) == 1
    assert len(source.notes) == 1


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.sampled_from(RECORDED), st.integers(0, 100), st.integers(1, 255))
def test_a_flipped_byte_is_no_crash(case: tuple[bytes, bytes, str], place: int, flip: int) -> None:
    blob = bytearray(case[1])
    blob[place % len(blob)] ^= flip
    kept([bytes(blob)], (3, 15, 1))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.binary(max_size=60))
def test_any_bytes_are_no_crash(noise: bytes) -> None:
    for release in ((2, 2), (3, 1), (3, 13, 0), (3, 15, 1)):
        kept([noise, b"\0" + noise, base64.b64encode(noise), b"PATH\t" + noise], release)


def test_a_damaged_assertion_does_not_hide_the_log() -> None:
    log = (SAMPLES / "gatling-text" / "o2c-3.3.1.log").read_bytes()
    source, rows = read(TEXT, log.replace(b"ASSERTION\tAA", b"ASSERTION\t??"))
    whole, all_rows = read(TEXT, log)
    assert rows == all_rows
    assert (source.facts.thresholds, source.rejected) == ({}, 0)
    assert source.notes == ["simulation.log: left out 14 of its 14 assertions: they cannot be read"]
    assert len(whole.facts.thresholds) == 6
