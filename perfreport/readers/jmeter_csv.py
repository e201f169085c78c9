"""JMeter's result file in CSV (JTL): a row per sample, columns as `jmeter.save.saveservice.*` says.

The format is that of JMeter's CSVSaveService: a header of column names, then the quoted names of
`sample_variables`; a field that holds the delimiter, a quote or a line break is quoted, quotes in
it are doubled. A sample is written when it ends, its sub-results (redirects, embedded resources)
by the same thread right behind it as `LABEL-0`, `LABEL-1`, `LABEL-1-0`.

- A row that stands for several samples (`SampleCount` above 1, of `mode=Statistical`) is rejected:
  its time is a sum, the single times are lost. A file of mostly such rows is refused.
What the columns mean stands in jmeter.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from perfreport.errors import InputError
from perfreport.readers.jmeter import INTEGERS, LEFT_OUT, TEXTS, Columns, Rows, tell_transactions
from perfreport.readers.reader import Reader
from perfreport.readers.source import Source
from perfreport.readers.timestamps import Ambiguous, Pattern, pattern_of

_READ = frozenset(("timeStamp", "elapsed", "success", *INTEGERS, *TEXTS))
_KNOWN = _READ.union(LEFT_OUT)

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_FIRST_COLUMN = re.compile(r'"?\w+"?(?P<delimiter>\W)')
_HEADERLESS = re.compile(r"\d{12,14}(?P<delimiter>[^\w\"])\d+(?P=delimiter)")
# A record that is longer has a quote that was opened and never closed. Response bodies do get into
# failure messages, so this is far above what an assertion writes.
_LONGEST_RECORD = 8 * 1024 * 1024
_TRUTH = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_TRUE = [text for text, truth in _TRUTH.items() if truth]
_FALSE = [text for text, truth in _TRUTH.items() if not truth]
_LAST_MS = 253_402_300_799_999  # the end of the year 9999, where Arrow's and Python's dates end


def sniff(head: bytes) -> bool:
    line = _first_line(head)
    names = _header(line)[1] if _FIRST_COLUMN.match(line) else []
    columns = _KNOWN.intersection(names)
    return (len(columns) >= 2 and not columns.isdisjoint(("timeStamp", "elapsed"))) or (
        _lacks_header(line)
    )


def read(source: Source) -> Iterator[pa.RecordBatch]:
    source.facts.tool = "JMeter"
    layout = _layout(source)
    if not tell_transactions(layout.places):
        source.note(
            "no column responseMessage: transactions cannot be told from requests, both are counted"
        )
    if "threadName" not in layout.places:
        source.note(
            "no column threadName: sub-results cannot be told from requests, both are counted"
        )
    rows = Rows(source.options.names, list(layout.variables))
    for columns in _columns(source, layout):
        yield rows.of(columns)
    yield rows.users()


READER = Reader(name="jmeter-csv", sniff=sniff, read=read)


# --- The header -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Layout:
    """What the header says, and the pattern of the time stamps (None: milliseconds since 1970)."""

    delimiter: str
    header: list[str]
    places: dict[str, int]  # of the columns that are read
    variables: dict[str, int]  # columns that become labels
    pattern: Pattern | None = None

    def microseconds(self, text: str) -> int | None:
        """The time stamp of a record; None where it is none."""
        if self.pattern is not None:
            return self.pattern.microseconds(text)
        milliseconds = _integer(text)
        if milliseconds is None or not 0 <= milliseconds <= _LAST_MS:
            return None
        return milliseconds * 1000


def _layout(source: Source) -> _Layout:
    head = source.head()
    line = _first_line(head)
    if _lacks_header(line):
        raise InputError(
            f"{source.name}:1: the line with the column names is missing. Put it first "
            "(timeStamp,elapsed,label,…); JMeter writes it with "
            "jmeter.save.saveservice.print_field_names=true."
        )
    delimiter, header = _header(line)
    places = {name: at for at, name in reversed(list(enumerate(header))) if name in _READ}
    _require(source, places)
    variables = {name: at for at, name in enumerate(header) if name not in _KNOWN and name}
    layout = _Layout(delimiter, header, places, variables)
    return _with_pattern(source, layout, head)


def _first_line(head: bytes) -> str:
    return _text(head.removeprefix(_BYTE_ORDER_MARK).split(b"\n", 1)[0])


def _lacks_header(line: str) -> bool:
    found = _HEADERLESS.match(line)
    return found is not None and not {"true", "false"}.isdisjoint(line.split(found["delimiter"]))


def _header(line: str) -> tuple[str, list[str]]:
    """The delimiter and the column names; a name may be quoted, as those of variables are."""
    first = _FIRST_COLUMN.match(line)
    delimiter = first["delimiter"] if first else ","
    return delimiter, _Splitter(delimiter).fields(line) or []


def _require(source: Source, places: dict[str, int]) -> None:
    missing = {"timeStamp": "timestamp_format=ms", "elapsed": "time=true"}
    for column, setting in missing.items():
        if column not in places:
            raise InputError(
                f"{source.name}:1: no column {column}, so nothing can be told of times. "
                f"Record with jmeter.save.saveservice.{setting}."
            )


def _with_pattern(source: Source, layout: _Layout, head: bytes) -> _Layout:
    """The layout with the pattern that the first time stamps follow."""
    stamps = _first_stamps(layout, head)
    if not stamps or any(_integer(stamp) is not None and len(stamp) < 14 for stamp in stamps):
        return layout
    try:
        pattern = pattern_of(stamps, source.options.timezone)
    except Ambiguous as date:
        raise InputError(
            f'{source.name}:2: the timeStamp "{date}" may have the day or the month first. '
            "Record with jmeter.save.saveservice.timestamp_format=ms."
        ) from None
    if pattern is None:
        raise InputError(
            f'{source.name}:2: the timeStamp "{stamps[0]}" is neither milliseconds since 1970 nor '
            "a date and time of a known pattern, such as yyyy/MM/dd HH:mm:ss.SSS."
        )
    return _Layout(layout.delimiter, layout.header, layout.places, layout.variables, pattern)


def _first_stamps(layout: _Layout, head: bytes) -> list[str]:
    """The time stamps of the records in the head."""
    splitter, place = _Splitter(layout.delimiter), layout.places["timeStamp"]
    lines = _lines(head)[1:]
    stamps: list[str] = []
    at = 0
    while at < len(lines):
        past, _ = _extent(lines, at)
        fields = splitter.fields(_text(b"".join(lines[at:past])))
        if fields and len(fields) == len(layout.header):
            stamps.append(fields[place])
            at = past
        else:
            at += 1
    return stamps


# --- Bytes to columns -----------------------------------------------------------------------------


def _columns(source: Source, layout: _Layout) -> Iterator[Columns]:
    """The columns of the whole records of each block, in the order of the file.

    A block that is in order throughout is read by Arrow's CSV parser; one with anything doubtful in
    it is read record by record, which finds the damaged ones (8 MB/s instead of 100 for the reader).
    """
    careful = _CarefulReader(source, layout)
    line, rest, rows = 2, b"", 0
    for block in _without_header(source.blocks()):
        data = rest + block
        end, regular = _whole_records(data, layout.delimiter)
        columns = _parsed(data[:end], layout) if regular else None
        if columns is not None:
            careful.settle()
        elif end or len(data) > _LONGEST_RECORD:
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
    if careful.sums > rows:
        raise InputError(
            f"{source.name}: most rows stand for several samples each (SampleCount), their times "
            "are lost. Record with mode=StrippedBatch."
        )


def _without_header(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """All but the first line, which stands in the first block: that holds the head."""
    first = next(blocks)
    yield first[(first.find(b"\n") + 1) or len(first) :]
    yield from blocks


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


def _parsed(data: bytes, layout: _Layout) -> Columns | None:
    """The columns of a block by Arrow's parser; None where a single record is not as it should be."""
    if not data.strip() or not layout.delimiter.isascii():
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


def _as_utf8(data: bytes) -> bytes:
    """The block as it is, or with a replacement for each byte that is no UTF-8."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return data.decode("utf-8", "replace").encode()
    return data


def _type_of(name: str, layout: _Layout) -> pa.DataType:
    if name == "timeStamp":
        return pa.string() if layout.pattern else pa.int64()
    if name == "elapsed":
        return pa.float64()
    if name == "success":
        return pa.bool_()
    return pa.int64() if name in INTEGERS else pa.dictionary(pa.int32(), pa.string())


def _is_sound(columns: Columns, layout: _Layout) -> bool:
    """Has each record a time, and stands each for one sample? Turns time stamps to microseconds."""
    elapsed, counts = columns["elapsed"], columns.get("SampleCount")
    if elapsed.null_count or not pc.all(pc.is_finite(elapsed)).as_py():
        return False
    if counts is not None and (pc.max(counts).as_py() or 0) > 1:
        return False
    stamps = columns["timeStamp"]
    if layout.pattern is not None:
        columns["timeStamp"] = pa.array(map(layout.microseconds, stamps.to_pylist()), pa.int64())
        return not columns["timeStamp"].null_count
    bounds = pc.min_max(stamps).as_py()
    if stamps.null_count or bounds["min"] < 0 or bounds["max"] > _LAST_MS:
        return False
    columns["timeStamp"] = pc.multiply(stamps, 1000)
    return True


# --- Record by record -----------------------------------------------------------------------------


class _Splitter:
    """Cuts a record into fields as JMeter does: a quote may stand in a quoted field only."""

    def __init__(self, delimiter: str) -> None:
        sign = re.escape(delimiter)
        self._field = re.compile(
            rf'(?:"(?P<quoted>[^"]*(?:""[^"]*)*)"|(?P<plain>[^"\r\n{sign}]*))(?P<end>{sign}|\Z)'
        )

    def fields(self, record: str) -> list[str] | None:
        """The fields of one record without its line end; None where a quote is out of place."""
        fields, at = [], 0
        while found := self._field.match(record, at):
            quoted = found["quoted"]
            fields.append(found["plain"] if quoted is None else quoted.replace('""', '"'))
            if not found["end"]:
                return fields
            at = found.end()
        return None


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

    def __init__(self, source: Source, layout: _Layout) -> None:
        self._source = source
        self._layout = layout
        self._splitter = _Splitter(layout.delimiter)
        self._damage: _Damage | None = None
        self.sums = 0  # rows that stand for several samples

    def read(self, data: bytes, line: int, last: bool = False) -> tuple[int, Columns | None]:
        """The whole records of `data`, which begins on line `line`, and how many bytes they took.

        A record that is still open at the end is left for the next call, unless this is the last.
        """
        lines = _lines(data)
        records: list[list[str]] = []
        at = 0
        while at < len(lines):
            past, open_quote = _extent(lines, at)
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
        text = _text(record)
        fields = self._splitter.fields(text) if text else []
        if fields and last and not record.endswith(b"\n") and self._may_go_on(fields, text):
            return None
        return fields

    def _may_go_on(self, fields: list[str], text: str) -> bool:
        """Could the last field of a record without a line end have been longer, and matter?"""
        place = len(fields) - 1
        read = place in self._layout.places.values() or place in self._layout.variables.values()
        return read and not text.endswith('"') and fields[-1] not in _TRUTH

    def _objection(self, fields: list[str] | None, open_quote: bool) -> str | None:
        """Why a record cannot be used; None if it can, or if it is an empty line or the header."""
        if fields is None:
            return "a quote is never closed" if open_quote else "a quote out of place"
        if not fields or fields == self._layout.header:
            return None
        if len(fields) != len(self._layout.header):
            return f"{len(fields)} fields, the header names {len(self._layout.header)}"
        for name, place in self._layout.places.items():
            if not self._fits(name, fields[place]):
                return f'{name} is "{fields[place][:40]}"'
        counts = self._layout.places.get("SampleCount")
        if counts is not None and (_integer(fields[counts]) or 0) > 1:
            self.sums += 1
            return (
                f"one row for {fields[counts]} samples (SampleCount), their times are lost; "
                "record with mode=StrippedBatch"
            )
        return None

    def _fits(self, name: str, text: str) -> bool:
        if name == "timeStamp":
            return self._layout.microseconds(text) is not None
        if name == "elapsed":
            return _number(text) is not None
        if name == "success":
            return not text or text in _TRUTH
        return name not in INTEGERS or not text or _integer(text) is not None

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
        if name == "elapsed":
            return pa.array(map(_number, texts), pa.float64())
        if name == "success":
            return pa.array(map(_TRUTH.get, texts), pa.bool_())
        if name in INTEGERS:
            return pa.array(map(_integer, texts), pa.int64())
        plain = pa.array(texts, pa.string())
        return plain.dictionary_encode() if name in TEXTS else plain


def _text(record: bytes) -> str:
    """A record or line without its line end."""
    return record.decode("utf-8", "replace").removesuffix("\n").removesuffix("\r")


def _lines(data: bytes) -> list[bytes]:
    """Lines that end in a line feed only: a carriage return alone stands inside of a field."""
    lines = data.split(b"\n")
    last = lines.pop()
    return [line + b"\n" for line in lines] + ([last] if last else [])


def _extent(lines: Sequence[bytes], at: int) -> tuple[int, bool]:
    """The line after the record that begins at `at`, and whether a quote is still open there."""
    past, size = at + 1, len(lines[at])
    open_quote = lines[at].count(b'"') % 2 == 1
    while open_quote and past < len(lines) and size <= _LONGEST_RECORD:
        open_quote = lines[past].count(b'"') % 2 == 0
        size += len(lines[past])
        past += 1
    return past, open_quote


def _too_long(lines: Sequence[bytes]) -> bool:
    return sum(map(len, lines)) > _LONGEST_RECORD


_INTEGER = re.compile(r" *-?\d{1,18} *", re.ASCII)
_NUMBER = re.compile(r" *-?\d{1,15}(?:\.\d+)? *", re.ASCII)


def _integer(text: str) -> int | None:
    return int(text) if _INTEGER.fullmatch(text) else None


def _number(text: str) -> float | None:
    return float(text) if _NUMBER.fullmatch(text) else None
