"""k6 --out csv: a line per point, with a column for each system tag of the run.

Defined in k6's `output/csv/output.go`; alike in 0.41 to 2.2. Older ones have no column `metadata`.

- Which tags have columns depends on `systemTags`; all others stand in `extra_tags`, written `a=b&c=d`
  in an order that changes from line to line. Nothing is escaped there: what `&` and `=` in a value
  meant can be told in part only.
- Fields are quoted as in RFC 4180 where they hold a comma, a quote or a line break.
- `K6_CSV_TIME_FORMAT` chooses the times: whole seconds since 1970 by default.
- Values have six decimals. There are no definitions of metrics.

What the points mean stands in k6.py.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from functools import lru_cache

import pyarrow as pa

from perfreport.errors import InputError
from perfreport.readers.k6 import BATCH_ROWS, Form, Log, Request, define, nanoseconds
from perfreport.readers.reader import Reader
from perfreport.readers.source import Source

_Point = tuple[int, str, bytes, float, bytes]

_Request = Request[bytes, bytes]

_EXPECTED = "expected_response"
_FIRST = ["metric_name", "timestamp", "metric_value"]
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_SNIFFED_LINES = 50  # a banner of k6's console may come first
_HEADER = re.compile(rb"metric_name,timestamp,metric_value,\w")
_TIME = (
    rb"(?:\d{10}|\d{13}|\d{16}|\d{19}|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d))"
)
_RECORD = re.compile(rb'[^",\r\n]{1,128},' + _TIME + rb",-?\d+(?:\.\d+)?,")
_HEADERLESS = re.compile(
    rb"(?:vus|vus_max|http_req\w+|iteration\w*|checks|data_\w+|group_duration|grpc_req_duration)(?=,)"
)
# Longer ones have a quote that was opened and never closed: k6 itself keeps tags short.
_LONGEST_RECORD = 1024 * 1024
_MOST_METRICS = 10_000  # no script has more: they are damage
_METRIC = re.compile(r"[\w .!?/&#()<>%-]{1,128}")  # as k6 allowed before it allowed \w only

# Of the digits of a time since 1970: nanoseconds in its unit. Each holds from 2001 to 2286.
_UNITS_NS = {10: 10**9, 13: 10**6, 16: 10**3, 19: 1}
_LATEST_NS = 2**63 - 1


def sniff(head: bytes) -> bool:
    lines = head.removeprefix(_BYTE_ORDER_MARK).split(b"\n")[:_SNIFFED_LINES]
    return any(_HEADER.match(line) for line in lines) or _lacks_header(lines[0])


def read(source: Source) -> Iterator[pa.RecordBatch]:
    """The rows of k6's log, each in the place where its first line stands."""
    source.facts.tool, source.facts.response_time = "k6", "without_connect"
    lines = _Lines(source)
    log = Log(source, lines.form)
    for first, some in source.lines():
        log.add(lines.points(first, some))
        if log.rows.count >= BATCH_ROWS:
            yield log.rows.batch()
    lines.finish()
    log.finish(counted=lines.cut)
    lines.tell()
    if log.rows.count:
        yield log.rows.batch()


READER = Reader(name="k6-csv", sniff=sniff, read=read)


def _lacks_header(line: bytes) -> bool:
    return bool(_HEADERLESS.match(line) and _RECORD.match(line))


class _Lines:
    """Lines in, points out. A record whose quote is still open goes on in the next line.

    Tags stay as written, and are taken apart once per set of tags and batch.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._columns = _given_columns(source)
        self._metrics: dict[bytes, str] = {}
        self._times = _Times()
        self._open: list[bytes] = []  # the lines so far of a record that goes on
        self._opened = self._size = 0  # where it began, how many bytes it has
        self.cut = False  # the last record was cut off, and counted
        self.form: Form[bytes, bytes] = Form(
            self._times.nanoseconds, self._tags, _alike, self._is_judged
        )

    def points(self, first: int, lines: list[bytes]) -> Iterator[_Point]:
        """The points of some lines; `first` is the number of the first of them."""
        if self._source.unterminated:  # k6 ends each line: digits may be lost
            self._cut(first)
            return
        metrics = self._metrics
        for number, line in enumerate(lines, first):
            if self._open or b'"' in line:
                number, line = self._joined(number, line)
            parts = line.split(b",", 3)
            metric = metrics.get(parts[0])
            if metric is None or len(parts) < 4:
                metric = self._other_line(number, line, parts)
                if metric is None:
                    continue
            value = _number(parts[2])
            if value is None:
                self._source.skip(number, f"{parts[2][:40]!r} is not a number")
                continue
            yield number, metric, parts[1], value, parts[3]

    def finish(self) -> None:
        """Count the record that is open at the end."""
        if self._open:
            self._cut(self._opened)

    def tell(self) -> None:
        """Say what the user should know of the times."""
        if self._times.whole_seconds:
            self._source.note(
                "its times are whole seconds, so that each start is up to 1 s early. "
                "Record with K6_CSV_TIME_FORMAT=rfc3339_nano."
            )

    def _cut(self, line: int) -> None:
        self.cut = True
        self._source.cut(self._opened if self._open else line)
        self._open = []

    def _joined(self, number: int, line: bytes) -> tuple[int, bytes]:
        """The record that ends with this line, and where it began; nothing if it goes on."""
        if self._open and _RECORD.match(line):  # no tag looks so: the quote before it is damage
            self._drop("a quote that is never closed")
        odd = line.count(b'"') % 2 == 1
        if not self._open:
            if odd:
                self._open, self._opened, self._size = [line], number, len(line)
            return number, b"" if odd else line
        self._open.append(line)
        self._size += len(line)
        if odd:
            record, self._open = b"\n".join(self._open), []
            return self._opened, record
        if self._size > _LONGEST_RECORD:
            self._drop(f"a record longer than {_LONGEST_RECORD >> 20} MiB")
        return number, b""

    def _drop(self, why: str) -> None:
        self._source.skip(self._opened, why)
        self._open = []

    def _other_line(self, number: int, line: bytes, parts: list[bytes]) -> str | None:
        """The metric that this line is the first of, or None: a header, a blank line or damage."""
        line = line.removeprefix(_BYTE_ORDER_MARK) if number == 1 else line
        if not line.strip():
            return None
        try:
            if _HEADER.match(line):
                self._name_columns(number, _fields(line)[len(_FIRST) :])
                return None
            if self._columns is None:
                raise ValueError("it stands before the line with the column names")
            if len(parts) < 4:
                raise ValueError("fields are missing")
            return self._learn(parts[0])
        except ValueError as error:
            self._source.skip(number, f"not a line of k6's CSV: {error}")
            return None

    def _name_columns(self, number: int, columns: list[str]) -> None:
        """Take the header; where logs were joined, another one must say the same."""
        if self._columns not in (None, columns):
            raise InputError(
                f"{self._source.name}:{number}: another log begins here, with other columns. "
                "Give the two logs as two files."
            )
        self._columns = columns

    def _learn(self, name: bytes) -> str:
        metric = name.decode()
        if not _METRIC.fullmatch(metric):
            raise ValueError(f"{metric[:40]!r} is not a metric's name")
        if len(self._metrics) >= _MOST_METRICS:
            raise ValueError(f"more than {_MOST_METRICS:,} different metrics")
        define(self._source.facts, metric)
        self._metrics[name] = metric
        return metric

    def _tags(self, written: bytes) -> dict[str, str]:
        columns, fields = self._columns or [], _fields(written)
        if len(fields) != len(columns):
            raise ValueError(f"{len(fields)} tags, but {len(columns)} columns for them")
        own = {name: text for name, text in zip(columns, fields, strict=True) if text}
        return _pairs(own.pop("metadata", "")) | _pairs(own.pop("extra_tags", "")) | own

    def _is_judged(self, request: _Request, _: _Request | None) -> bool:
        """By the tag; without a column for it, by k6's version: 0.41 brought the column metadata."""
        columns = self._columns or []
        if _EXPECTED not in columns:
            return "metadata" in columns
        try:
            return _EXPECTED in self._tags(request.tags)
        except ValueError:
            return False


def _given_columns(source: Source) -> list[str] | None:
    """The columns of the tags where the user said them; InputError where nobody says them."""
    first = source.head().removeprefix(_BYTE_ORDER_MARK).split(b"\n", 1)[0]
    if not _lacks_header(first):
        return None
    columns = list(source.options.columns)
    if columns[: len(_FIRST)] != _FIRST:
        raise InputError(
            f"{source.name}:1: the line with the column names is missing. Put it first, or give it "
            f"with --columns {','.join(_FIRST)},…,extra_tags,metadata."
        )
    return columns[len(_FIRST) :]


def _number(text: bytes) -> float | None:
    """A finite number; Python would take `1_0` for one, too."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if value - value == 0 and b"_" not in text else None


def _fields(record: bytes) -> list[str]:
    try:
        rows = list(csv.reader([record.removesuffix(b"\r").decode()], strict=True))
    except csv.Error as error:
        raise ValueError(str(error)) from error
    return rows[0] if rows else [""]


def _pairs(text: str) -> dict[str, str]:
    """`a=b&c=d`, in which a piece without `=` is what stood behind an `&` of the value before it."""
    pairs: dict[str, str] = {}
    last = None
    for piece in text.split("&") if text else ():
        name, is_pair, value = piece.partition("=")
        if is_pair:
            last, pairs[name] = name, value
        elif last is not None:
            pairs[last] += "&" + piece
    return pairs


def _alike(one: bytes, other: bytes) -> bool:
    """Are these the same tags, `extra_tags` and `metadata` in any order?"""
    return len(one) == len(other) and _in_order(one) == _in_order(other)


@lru_cache(maxsize=1024)  # most lines stand beside others with the same tags
def _in_order(tags: bytes) -> tuple[object, ...]:
    if b'"' not in tags:
        front, *last = tags.rsplit(b",", 2)
        return front, *(sorted(text.split(b"&")) for text in last)
    try:
        *fields, extra, metadata = _fields(tags)
    except ValueError:
        return (tags,)
    return *fields, sorted(extra.split("&")), sorted(metadata.split("&"))


class _Times:
    """Times of one of k6's formats, which the first of them tells."""

    def __init__(self) -> None:
        self.whole_seconds = False  # all so far
        self._digits: int | None = None  # 0 for a date

    def nanoseconds(self, text: bytes) -> int:
        """Nanoseconds since 1970; ValueError for no time, or one of another format."""
        digits = len(text) if text.isdigit() else 0
        if digits:
            since_1970 = int(text) * _UNITS_NS.get(digits, 0)
            if not 0 < since_1970 <= _LATEST_NS:
                raise ValueError(f"{text[:40]!r} is not a time since 1970")
        else:
            since_1970 = nanoseconds(text.decode())
        if self._digits is None:
            self._digits = digits
            self.whole_seconds = digits in (0, 10)
        if digits != self._digits:
            raise ValueError(f"{text[:40]!r} is a time of another format than those before")
        if b"." in text:
            self.whole_seconds = False
        return since_1970
