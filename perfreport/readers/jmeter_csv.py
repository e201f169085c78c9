"""JMeter's result file in CSV (JTL): a row per sample, columns as `jmeter.save.saveservice.*` says.

The format is that of JMeter's CSVSaveService: a header of column names, then the quoted names of
`sample_variables`; a field that holds the delimiter, a quote or a line break is quoted, quotes in
it are doubled. A sample is written when it ends, its sub-results (redirects, embedded resources)
by the same thread right behind it as `LABEL-0`, `LABEL-1`, `LABEL-1-0`.

- A row that stands for several samples (`SampleCount` above 1, of `mode=Statistical`) is rejected:
  its time is a sum, the single times are lost. A file of mostly such rows is refused.

How columns are found, with a header or without, stands in jmeter_columns.py; what they mean in jmeter.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from perfreport.errors import InputError
from perfreport.readers.jmeter import (
    INTEGERS,
    LARGEST,
    LAST_MS,
    LONGEST_MS,
    TRUTH,
    Columns,
    Rows,
    array_of,
    lacks,
    refuse_sums,
    summed,
    tell_transactions,
)
from perfreport.readers.jmeter_columns import (
    LONGEST_RECORD,
    Layout,
    Splitter,
    claims,
    extent,
    layout_of,
    lines_of,
    text_of,
    without_header,
)
from perfreport.readers.reader import Reader
from perfreport.readers.source import Source

_TRUE = [text for text, truth in TRUTH.items() if truth]
_FALSE = [text for text, truth in TRUTH.items() if not truth]


def sniff(head: bytes) -> bool:
    return claims(head)


def read(source: Source) -> Iterator[pa.RecordBatch]:
    source.facts.tool, source.facts.response_time = "JMeter", "with_connect"
    layout = layout_of(source)
    if not tell_transactions(layout.places):
        source.note(
            "no column responseMessage: transactions cannot be told from requests, both are counted"
        )
    if "threadName" not in layout.places:
        source.note(
            "no column threadName: sub-results cannot be told from requests, both are counted"
        )
    rows = Rows(source.options.names)
    first_line = layout.first == 1
    for columns in _columns(source, layout):
        yield rows.of(
            columns, list(layout.variables), first_line=first_line and not source.rejected
        )
        first_line = False
    yield rows.users()


READER = Reader(name="jmeter-csv", sniff=sniff, read=read)


# --- Bytes to columns -----------------------------------------------------------------------------


def _columns(source: Source, layout: Layout) -> Iterator[Columns]:
    """The columns of the whole records of each block, in the order of the file.

    A block that is in order throughout is read by Arrow's CSV parser; one with anything doubtful in
    it is read record by record, which finds the damaged ones (8 MB/s instead of 100 for the reader).
    """
    careful = _CarefulReader(source, layout)
    line, rest, rows = layout.first, b"", 0
    for block in without_header(source.blocks(), layout):
        data = rest + block
        end, regular = _whole_records(data, layout.delimiter)
        columns = _parsed(data[:end], layout) if regular else None
        if columns is not None:
            careful.settle()
        elif end or len(data) > LONGEST_RECORD:
            end, columns = careful.read(data[: end or None], line)
        if columns is not None:
            rows += len(columns["timeStamp"])
            yield columns
        line += data.count(b"\n", 0, end)
        rest = data[end:]
    _, columns = careful.read(rest, line, last=True)
    if columns is not None:
        yield columns
    careful.settle(at_end=True)
    refuse_sums(source.name, careful.sums, rows)


def _whole_records(data: bytes, delimiter: str) -> tuple[int, bool]:
    """Where the last whole record ends, and whether all quotes before it stand where they may.

    A line break ends a record if an even number of quotes precedes it: inside of a quoted field the
    number is odd, and a doubled quote changes nothing.
    """
    letters = np.frombuffer(data, np.uint8)
    quotes = np.flatnonzero(letters == ord('"'))
    if not len(quotes):
        return data.rfind(b"\n") + 1, True
    breaks = np.flatnonzero(letters == ord("\n"))
    outside = breaks[np.searchsorted(quotes, breaks) % 2 == 0]
    if not len(outside):
        return 0, False
    end = int(outside[-1]) + 1
    return end, _quotes_in_place(letters[:end], quotes[quotes < end], delimiter)


def _quotes_in_place(letters: np.ndarray, quotes: np.ndarray, delimiter: str) -> bool:
    """Is each opening quote at the start of a field, each closing one at its end, or doubled?

    If not, a quote is missing somewhere: the parts of two records would make up one.
    """
    before = np.where(quotes > 0, letters[quotes - 1], ord("\n"))[::2]
    after = letters[np.minimum(quotes + 1, len(letters) - 1)][1::2]
    sign = delimiter.encode()[-1], delimiter.encode()[0]
    opening = np.isin(before, [ord("\n"), ord('"'), sign[0]])
    closing = np.isin(after, [ord("\n"), ord("\r"), ord('"'), sign[1]])
    return bool(np.all(opening)) and bool(np.all(closing))


def _parsed(data: bytes, layout: Layout) -> Columns | None:
    """The columns of a block by Arrow's parser; None where a single record is not as it should be."""
    if not data.strip() or not layout.delimiter.isascii() or _has_hex(data, layout.delimiter):
        return None
    if data.count(b"\r") != data.count(b"\r\n"):  # alone it ends no record, but Arrow thinks so
        return None
    names = [str(at) for at in range(len(layout.header))]
    wanted = {str(at): _type_of(name, layout) for name, at in layout.places.items()}
    wanted |= {str(at): pa.string() for at in layout.variables.values()}
    try:
        table = pa_csv.read_csv(
            pa.BufferReader(_as_utf8(data)),
            pa_csv.ReadOptions(column_names=names, block_size=len(data) + 1),
            pa_csv.ParseOptions(delimiter=layout.delimiter, newlines_in_values=True),
            pa_csv.ConvertOptions(
                column_types=wanted,
                include_columns=list(wanted),
                null_values=[""],
                true_values=_TRUE,
                false_values=_FALSE,
            ),
        )
    except pa.ArrowInvalid:
        return None
    columns = {
        name: table.column(str(at)).combine_chunks()
        for name, at in (layout.places | layout.variables).items()
    }
    return columns if _is_sound(columns, layout) else None


def _has_hex(data: bytes, delimiter: str) -> bool:
    """May a field be 0x1f? Arrow takes that for a number, which JMeter never writes."""
    return any(
        f"{before}{prefix}".encode() in data
        for prefix in ("0x", "0X")
        if prefix.encode() in data  # rare, and six searches cost a tenth of the reader's time
        for before in (delimiter, "\n", '"')
    )


def _as_utf8(data: bytes) -> bytes:
    """The block as it is, or with a replacement for each byte that is no UTF-8."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return data.decode("utf-8", "replace").encode()
    return data


def _type_of(name: str, layout: Layout) -> pa.DataType:
    if name == "timeStamp":
        return pa.string() if layout.pattern else pa.int64()
    if name == "success":
        return pa.bool_()
    return pa.int64() if name in (*INTEGERS, "elapsed") else pa.dictionary(pa.int32(), pa.string())


def _is_sound(columns: Columns, layout: Layout) -> bool:
    """Has each record a time, and stands each for one sample? Turns times to what they are in rows."""
    if columns["elapsed"].null_count or not _within(columns["elapsed"], 0, LONGEST_MS - 1):
        return False
    columns["elapsed"] = columns["elapsed"].cast(pa.float64())
    counts = columns.get("SampleCount")
    if counts is not None and not _within(counts, -LARGEST, 1):
        return False
    if not all(_within(columns[it], 1 - LARGEST, LARGEST - 1) for it in INTEGERS if it in columns):
        return False
    stamps = columns["timeStamp"]
    if layout.pattern is not None:
        columns["timeStamp"] = pa.array(map(layout.microseconds, stamps.to_pylist()), pa.int64())
        return not columns["timeStamp"].null_count
    if stamps.null_count or not _within(stamps, 0, LAST_MS):
        return False
    columns["timeStamp"] = pc.multiply(stamps, 1000)
    return True


def _within(numbers: pa.Array, least: int, most: int) -> bool:
    bounds = pc.min_max(numbers).as_py()
    return bounds["min"] is None or least <= bounds["min"] <= bounds["max"] <= most


# --- Record by record -----------------------------------------------------------------------------


@dataclass
class _Damage:
    """A record that could not be read, as long as it is open whether others follow it."""

    line: int
    why: str
    through: int  # the last line that it may have drawn in by a quote that was never closed
    at_end: bool  # it lacks its line end or closing quote: cut off, if nothing follows


class _CarefulReader:
    """Reads record by record, tells which are damaged, and finds its way back after each.

    After a record that spans several lines and is not in order, the next one may begin on any of
    these lines: a lost quote must not swallow what follows.
    """

    def __init__(self, source: Source, layout: Layout) -> None:
        self._source = source
        self._layout = layout
        self._splitter = Splitter(layout.delimiter)
        self._damage: _Damage | None = None
        self.sums = 0  # rows that stand for several samples

    def read(self, data: bytes, line: int, last: bool = False) -> tuple[int, Columns | None]:
        """The whole records of `data`, which begins on line `line`, and how many bytes they took.

        A record that is still open at the end is left for the next call, unless this is the last.
        """
        lines = lines_of(data)
        records: list[list[str]] = []
        at = 0
        while at < len(lines):
            past, open_quote = extent(lines, at)
            open_end = open_quote or not lines[past - 1].endswith(b"\n")
            if open_end and past == len(lines) and not last and not _too_long(lines[at:]):
                break
            fields = None if open_quote else self._fields(b"".join(lines[at:past]), last)
            why = self._objection(fields, open_quote)
            if why is None:
                at = past
                if fields and fields != self._layout.header:
                    self.settle()
                    records.append(fields)
                continue
            self._note(_Damage(line + at, why, line + past - 1, open_end))
            at += 1
        consumed = sum(map(len, lines[:at]))
        return consumed, self._converted(records) if records else None

    def settle(self, at_end: bool = False) -> None:
        """Tell of the last damaged record: it is cut off only if nothing follows."""
        damage, self._damage = self._damage, None
        if damage is None:
            return
        if at_end and damage.at_end:
            self._source.cut(damage.line)
        else:
            self._source.skip(damage.line, damage.why)

    def _fields(self, record: bytes, last: bool) -> list[str] | None:
        """The fields of a record; [] for an empty line, None for a misplaced quote or a cut."""
        text = text_of(record)
        fields = self._splitter.fields(text) if text else []
        if fields and last and not record.endswith(b"\n") and self._may_go_on(fields, text):
            return None
        return fields

    def _may_go_on(self, fields: list[str], text: str) -> bool:
        """Could the last field of a record without a line end have been longer, and matter?"""
        place = len(fields) - 1
        read = place in self._layout.places.values() or place in self._layout.variables.values()
        return read and not text.endswith('"') and fields[-1] not in TRUTH

    def _objection(self, fields: list[str] | None, open_quote: bool) -> str | None:
        """Why a record cannot be used; None if it can, or if it is an empty line or the header."""
        if fields is None:
            return "a quote is never closed" if open_quote else "a quote out of place"
        if not fields or fields == self._layout.header:
            return None
        if {"elapsed", "label"} < set(fields):
            raise InputError(
                f"{self._source.name}: a second header, with other columns than the first: JMeter "
                "went on in an older file. Give the two parts as two files."
            )
        if len(fields) != len(self._layout.header):
            return f"{len(fields)} fields instead of {len(self._layout.header)}"
        if self._layout.microseconds(fields[self._layout.places["timeStamp"]]) is None:
            return f'timeStamp is "{fields[self._layout.places["timeStamp"]][:40]}"'
        for name, place in self._layout.places.items():
            if why := lacks(name, fields[place]):
                return why
        counts = self._layout.places.get("SampleCount")
        why = summed(fields[counts]) if counts is not None else None
        self.sums += why is not None
        return why

    def _note(self, damage: _Damage) -> None:
        """Remember a damaged record, unless it is a line of the one before."""
        if self._damage is not None and damage.line <= self._damage.through:
            self._damage.at_end = self._damage.at_end or damage.at_end
            return
        self.settle()
        self._damage = damage

    def _converted(self, records: list[list[str]]) -> Columns:
        columns: Columns = {}
        for name, place in (self._layout.places | self._layout.variables).items():
            texts = [fields[place] for fields in records]
            columns[name] = self._array(name, texts)
        return columns

    def _array(self, name: str, texts: list[str]) -> pa.Array:
        if name == "timeStamp":
            return pa.array(map(self._layout.microseconds, texts), pa.int64())
        return array_of(name, texts)


def _too_long(lines: Sequence[bytes]) -> bool:
    return sum(map(len, lines)) > LONGEST_RECORD
