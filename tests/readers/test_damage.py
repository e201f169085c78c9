"""Thousands of damaged files: no traceback, no hang, no impossible row, nothing lost in silence."""

from __future__ import annotations

import io
import math
import random
import re
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import pairwise
from types import FrameType

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from damage import DAMAGES, Damage, flip, insert, numbers, remove, zeros
from hypothesis import given, settings
from hypothesis import strategies as st
from test_contract import PLAIN, SAMPLES, STARTED, content

from perfreport.errors import PerfReportError
from perfreport.readers.reader import Reader, readers
from perfreport.readers.source import ReadOptions, Source
from perfreport.run import schema

SHORT = 6 * 1024  # bytes of a sample that are damaged: some ten records
PER_READER_AND_DAMAGE = 100
LONGEST_S = 20  # for one short file; what takes longer hangs
EARLIEST_US = -366 * 86_400 * 10**6  # a start may lie before 1970 by its damaged duration


def shortened(name: str) -> bytes:
    """The beginning of a sample: its smallest part that still holds some records."""
    return content(name)[:SHORT]


def of_reader(reader: str) -> list[bytes]:
    return [shortened(name) for name in SAMPLES if name.split("/")[0] == reader]


READERS = sorted({name.split("/")[0] for name in SAMPLES})


class Hang(Exception):
    """A file took too long."""


@contextmanager
def no_hang() -> Iterator[None]:
    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise Hang

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, LONGEST_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def read(reader: Reader, data: bytes) -> tuple[pa.Table, Source] | None:
    """The rows; None where the reader refuses in words. Anything else is a crash."""
    source = Source(io.BytesIO(data), "damaged", ReadOptions(start=STARTED))
    refusal = ""
    try:
        with no_hang():
            batches = list(reader.read(source))
    except PerfReportError as error:
        refusal = str(error)
    if refusal:
        assert len(refusal) < 2000
        assert refusal.count("\n") <= 1
        return None
    for batch in batches:
        batch.validate(full=True)
    return pa.Table.from_batches(batches, schema.SCHEMA).cast(PLAIN), source


def assert_possible(table: pa.Table) -> None:
    """No row says what cannot be."""
    for column in (
        "duration_ms",
        "users",
        "value",
        *(name for name in PLAIN.names if name.endswith("_ms")),
    ):
        known = table[column].drop_null()
        assert all(map(math.isfinite, known.to_pylist())), column
    assert (pc.min(table["duration_ms"]).as_py() or 0) >= 0
    assert (pc.min(table["users"]).as_py() or 0) >= 0
    assert pc.min(pc.utf8_length(table["name"])).as_py() != 0
    earliest = pc.min(table["ts"].cast(pa.int64())).as_py()
    assert earliest is None or earliest > EARLIEST_US


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda each: each.__name__)
@pytest.mark.parametrize("reader", READERS)
def test_a_damaged_file_gives_possible_rows_or_one_clear_error(reader: str, damage: Damage) -> None:
    chosen = random.Random(f"{reader} {damage.__name__}")
    files = of_reader(reader)
    for _ in range(PER_READER_AND_DAMAGE):
        found = read(readers()[reader], damage(chosen.choice(files), chosen))
        if found is not None:
            assert_possible(found[0])


@pytest.mark.parametrize("reader", READERS)
@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    file=st.integers(0, 1000),
    damages=st.lists(st.tuples(st.sampled_from(DAMAGES), st.integers(0)), min_size=2, max_size=4),
)
def test_damage_upon_damage_too(reader: str, file: int, damages: list[tuple[Damage, int]]) -> None:
    files = of_reader(reader)
    data = files[file % len(files)]
    for damage, seed in damages:
        data = damage(data or b"0", random.Random(seed))
    found = read(readers()[reader], data)
    if found is not None:
        assert_possible(found[0])


# Where a record begins: in most formats with a line.
BEGINNINGS = {
    "jmeter-xml": re.compile(rb"^<(?=(?:httpSample|sample)\b)", re.MULTILINE),
    "prometheus-json": re.compile(rb'(?<=[\[,])\s*(?=\{"metric":)|(?=\]\}\}\s*\Z)'),
}
LINE = re.compile(rb"^", re.MULTILINE)
# What one record can change in the rows of others: which scenarios or names there are, and of what
# a JMeter sample is a part.
SHARED = ["scenario", "kind", "users"]
# Of k6 a record is a line, and several make a row: that one may change.
OWN_ROWS = {"k6-json": 1, "k6-csv": 1}
SERIES = ("jmeter-xml", "prometheus-json")  # a record is many rows
STREAMS = ("gatling-binary",)  # no mark tells where the next record begins
WHOLE = ("k6-summary",)  # one document: all or nothing


def records_of(reader: str, data: bytes) -> list[bytes]:
    """The file cut before each of its records; what comes before the first is a record, too."""
    found = [match.start() for match in BEGINNINGS.get(reader, LINE).finditer(data)]
    places = sorted({0, *found, len(data)})
    return [data[start:end] for start, end in pairwise(places)]


def counted(table: pa.Table, reader: str) -> Counter[str]:
    """How often there is each row that stands for one observation."""
    # Which names there are, and which record is the first, stands in the labels of all or of one.
    shared = [*SHARED, "labels"] if reader in (*SERIES, "jmeter-csv") else SHARED
    rows = table.filter(pc.not_equal(table["kind"], schema.USERS)).drop_columns(shared)
    return Counter(map(str, rows.to_pylist()))


@cache
def pristine(name: str) -> tuple[list[bytes], Counter[str]]:
    """The records of a sample and its rows; a record that a cut made is left out."""
    reader = name.split("/")[0]
    records = records_of(reader, content(name)[: 4 * SHORT])
    if len(content(name)) > 4 * SHORT:
        records.pop()
    found = read(readers()[reader], b"".join(records))
    assert found is not None
    return records, counted(found[0], reader)


@pytest.mark.parametrize(
    "damage", [flip, insert, numbers, zeros, remove], ids=lambda each: each.__name__
)
@pytest.mark.parametrize(
    "name", [name for name in SAMPLES if name.split("/")[0] not in (*STREAMS, *WHOLE)]
)
def test_a_damaged_record_costs_no_other_and_is_counted(name: str, damage: Damage) -> None:
    chosen = random.Random(f"{name} {damage.__name__}")
    reader = readers()[name.split("/")[0]]
    records, rows = pristine(name)
    for _ in range(12):
        place = chosen.randrange(1, len(records) - records[-1].startswith(b"]}}"))
        body = records[place].rstrip(b"\r\n")
        damaged = damage(body, chosen) if body else b""
        if not damaged.strip() or b"RUN\t" in body:
            continue  # nothing left that could be told; what all other records rest on
        damaged += records[place][len(body) :]
        before, after = b"".join(records[:place]), b"".join(records[place + 1 :])
        without, found = read(reader, before + after), read(reader, before + damaged + after)
        assert found is not None
        kept = counted(found[0], reader.name)
        lost = (rows & counted(without[0], reader.name)) - kept if without else Counter()
        assert lost.total() <= OWN_ROWS.get(reader.name, 0), f"{damaged[:300]!r} took others along"
        if damage is remove and reader.name in SERIES:
            continue  # two points may have become a third
        gone = rows.total() - kept.total()
        told: float = found[1].rejected
        if reader.name in SERIES and (told or found[1].notes):
            told = math.inf
        assert gone <= told, f"{damaged[:300]!r} is gone without a word"


@pytest.mark.parametrize("damage", [flip, numbers, zeros], ids=lambda each: each.__name__)
@pytest.mark.parametrize(
    "name", [name for name in SAMPLES if name.startswith(("k6-json", "k6-csv"))]
)
def test_a_damaged_line_of_k6_makes_no_request_more(name: str, damage: Damage) -> None:
    """k6 writes a request as nine lines: one that lost its place among them is not another one."""
    chosen = random.Random(f"{name} {damage.__name__}")
    reader = readers()[name.split("/")[0]]
    records = records_of(reader.name, content(name)[: 4 * SHORT])
    found = read(reader, b"".join(records))
    assert found is not None
    requests = pc.sum(pc.equal(found[0]["kind"], schema.REQUEST)).as_py()
    last = max(2, len(records) - 40)  # a request that the end cuts off is judged by the one before
    for _ in range(60):
        place = chosen.randrange(1, last)
        damaged = damage(records[place].rstrip(b"\n") or b"0", chosen) + b"\n"
        after = read(reader, b"".join([*records[:place], damaged, *records[place + 1 :]]))
        assert after is not None
        assert pc.sum(pc.equal(after[0]["kind"], schema.REQUEST)).as_py() <= requests, damaged
