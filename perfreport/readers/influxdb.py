"""Asks an InfluxDB 1.x for what k6 wrote into it over the time of a run.

Written by k6's `output/influxdb/output.go` (`k6 run --out influxdb=URL`, 0.2x to 2.2): a measurement per
metric, its tags as tags, the field `value`, and tags that would make too many series as fields (`url`,
`vu`, `iter` unless K6_INFLUXDB_TAGS_AS_FIELDS says otherwise). Times have nanoseconds. Metadata of points
and definitions of metrics are not written.

- The nine points of a request stand in nine measurements: they are the ones of one time and one set of
  tags. InfluxDB keeps one point of a measurement, a set of tags and a time.
- The HTTP API: https://docs.influxdata.com/influxdb/v1/tools/api/

What the points mean stands in k6.py.
"""

from __future__ import annotations

import io
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit, urlunsplit

import msgspec
import pyarrow as pa

from perfreport import units
from perfreport.errors import InputError
from perfreport.readers.k6 import BATCH_ROWS, HTTP, Form, Request, Rows, define, no_points
from perfreport.readers.server import Answer, Server
from perfreport.readers.server_http import Connection, Service
from perfreport.readers.source import ReadOptions, Source

FORMAT = "influxdb"
SCHEMES = ("http://", "https://", "influxdb://")

# Points in one answer: 10 to 30 MB of JSON, and as much again in Python's objects.
_MOST_POINTS = 50_000
_MOST_MEASUREMENTS = 40  # in one question: its URL stays below the 8 KiB that proxies allow
_BUCKETS = 1000  # of a histogram of points over time
_LARGEST_ANSWER = 256 * 1024 * 1024
_READ_S = 120
_LONGEST_ERROR = 500
_MS = 10**6  # nanoseconds
_NEAR = timedelta(minutes=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DATABASE = "k6"  # where the URL names none

_Tags = tuple[tuple[str, str], ...]
_JWT = re.compile(r"[\w-]+\.[\w-]+\.[\w-]*")

_INFLUXDB = Service(
    environment="PERFREPORT_INFLUXDB",
    example="http://localhost:8086/k6",
    option="INPUT",
    smaller="Ask for less at once with --start and --end.",
    # 1.x takes a signed token of its shared secret, 2.x an API token.
    bearer=lambda token: f"{'Bearer' if _JWT.fullmatch(token) else 'Token'} {token}",
)


def live_server(url: str, options: ReadOptions) -> Server:
    """The database at the URL that k6 was given, over the window of the options, for ingest.

    Raises InputError for a URL that cannot be right. Nothing is sent yet.
    """
    Database(url).close()

    def probe() -> None:
        with closing(Database(url)) as database:
            database.probe()

    def ask(start: datetime, end: datetime) -> Iterator[Answer]:
        with closing(Database(url)) as database:
            yield database.answer(start, end, options)

    return Server(
        probe,
        ask,
        f"{shown(url)}: a database holds many runs. Say which time with --start and --end, "
        "such as --start 2026-11-23T10:00:00Z.",
        options.start,
        options.end,
    )


def is_url(text: str) -> bool:
    """Is an INPUT the URL of a database, not a path?"""
    return text.lower().startswith(SCHEMES)


def shown(url: str) -> str:
    """A URL for messages: without credentials and query."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


class Database:
    """One database of a server. Every failure is an InputError."""

    def __init__(self, url: str, environment: Mapping[str, str] = os.environ) -> None:
        url = re.sub("^influxdb:", "http:", url, flags=re.IGNORECASE)
        self._connection = Connection(_INFLUXDB, url, environment)
        parts = urlsplit(url)
        # As in k6: the last segment of the path is the database, what stands before it a proxy's.
        prefix, _, database = parts.path.rpartition("/")
        self._name = unquote(database) or _DATABASE
        self._retention = parse_qs(parts.query).get("retention", [""])[0]
        self._base = f"{parts.scheme}://{self._connection.host}{prefix}"
        self.url = self._connection.url
        self.label = f"{self._connection.host}{prefix}/{self._name}"

    def close(self) -> None:
        self._connection.close()

    def probe(self) -> str:
        """The server's version; the database is there, and may be read."""
        response, _ = self._connection.get(f"{self._base}/ping", {}, _READ_S, _LARGEST_ANSWER)
        version = response.headers.get("X-Influxdb-Version")
        self._connection.refuse_strangers(response)
        if version is None:
            raise InputError(
                f"{self.url}: /ping answered {self._connection.strange(response)}, not as InfluxDB "
                f"does. Give the URL that was given to k6, such as {_INFLUXDB.example}; save a file "
                "that has a URL first."
            )
        self._select(_COUNT, Span(0, 1), _decode_counts)
        return version

    def answer(self, start: datetime, end: datetime, options: ReadOptions) -> Answer:
        """What k6 stamped from start to before end: its stamp of a request is the request's end."""
        if end <= start:
            raise InputError(
                f"the end, {units.utc(end)}, is not after the start, {units.utc(start)}."
            )
        source = Source(io.BytesIO(), self.label, options)
        source.facts.tool, source.facts.response_time = "k6", "without_connect"
        return Answer(source, FORMAT, self._batches(source, Span.of(start, end)))

    def _batches(self, source: Source, span: Span) -> Iterator[pa.RecordBatch]:
        rows = Rows(source, _FORM)
        empty = True
        for part in self._parts(span):
            empty = False
            for metric in part.measurements:
                define(source.facts, metric)
            _add(rows, self._points(source, part))
            if rows.count >= BATCH_ROWS:
                yield rows.batch()
        if rows.count:
            yield rows.batch()
        if empty:
            raise InputError(
                f"{self.url}: nothing of k6 between {span}. Check --start and --end, and "
                "that this is the database of that run."
            )
        self._tell_of_neighbours(source, span)

    def _tell_of_neighbours(self, source: Source, span: Span) -> None:
        """Say so where the window's edge may have cut off a part of the run."""
        for side, near, said in (
            ("before", span.before(_NEAR), source.options.start),
            ("after", span.after(_NEAR), source.options.end),
        ):
            count = 0 if said else sum(sum(bucket.values()) for _, bucket in self._histogram(near))
            if count:
                source.note(
                    f"it has {count:,} more points in the minute {side} the time of the files. "
                    "Are they of this run? Then give --start and --end."
                )

    def _parts(self, span: Span) -> Iterator[_Part]:
        """Spans that follow each other, with few enough points each, and none without a point."""
        part: _Part | None = None
        for bucket, counts in self._histogram(span):
            if part is not None and part.points + counts.total() <= _MOST_POINTS:
                part = _Part(Span(part.span.start_ns, bucket.end_ns), part.measurements + counts)
                continue
            if part is not None:
                yield from self._divided(part)
            part = _Part(bucket, counts)
        if part is not None:
            yield from self._divided(part)

    def _divided(self, part: _Part) -> Iterator[_Part]:
        if part.points <= _MOST_POINTS or part.span.bucket_ns >= part.span.length_ns:
            yield part
        else:
            yield from self._parts(part.span)

    def _histogram(self, span: Span) -> Iterator[tuple[Span, Counter[str]]]:
        """How many points each measurement has in each part of a span, in order of time."""
        width = span.bucket_ns
        grouped = f"{_COUNT} GROUP BY time({width // _MS}ms) fill(none)"
        counts: dict[int, Counter[str]] = {}
        for series in self._select(grouped, span, _decode_counts):
            for start, count in series.values:
                if count:
                    counts.setdefault(start, Counter())[series.name] += count
        for start in sorted(counts):
            first, last = max(start, span.start_ns), min(start + width, span.end_ns)
            yield Span(first, last), counts[start]

    def _points(self, source: Source, part: _Part) -> Iterator[_Point]:
        names = sorted(part.measurements)
        for at in range(0, len(names), _MOST_MEASUREMENTS):
            asked = names[at : at + _MOST_MEASUREMENTS]
            question = _FIELDS.format(measurements=",".join(map(_identifier, asked)))
            answered = 0
            known: dict[Any, _Tags] = {}
            for series in self._select(question, part.span, _decode_points):
                for time, value, tags in _points_of(series, known):
                    answered += 1
                    if not part.span.start_ns <= time < part.span.end_ns:
                        source.skip(0, f"{series.name} at {time}: not of the time that was asked")
                    elif _is_number(value):
                        yield _Point(time, series.name, float(value), tags)
                    else:
                        why = f"{series.name} at {time}: {str(value)[:40]!r} is not a number"
                        source.skip(0, why)
            wanted = sum(part.measurements[name] for name in asked)
            if answered != wanted:
                raise InputError(
                    f"{self.url}: it gave {answered:,} of {wanted:,} points between {part.span}. "
                    "Raise its max-row-limit, or read again when nothing is deleted from it."
                )

    def _select(
        self, question: str, span: Span, decode: Callable[[bytes], _Answer[_Series]]
    ) -> list[_Series]:
        bounds = f'{{"start": {span.start_ns}, "end": {span.end_ns}}}'
        asked = {"db": self._name, "q": question, "params": bounds, "epoch": "ns"}
        if self._retention:
            asked["rp"] = self._retention
        response, body = self._connection.get(
            f"{self._base}/query", asked, _READ_S, _LARGEST_ANSWER
        )
        self._connection.refuse_strangers(response)
        try:
            answer = decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise InputError(
                f"{self.url}: /query answered {self._connection.strange(response)}, not as InfluxDB "
                "does, or not to its end. Try again, and check what stands between."
            ) from None
        errors = [answer.error, *(result.error for result in answer.results)]
        for error in filter(None, errors):
            raise InputError(
                f"{self.url}: InfluxDB says: {' '.join(error.split())[:_LONGEST_ERROR]}. Check that "
                "this is the URL that was given to k6."
            )
        return [series for result in answer.results for series in result.series]


# InfluxQL. It binds values only: names are quoted, and a width of time is a whole number of ours.
_COUNT = 'SELECT count("value") FROM /./ WHERE time >= $start AND time < $end'
_FIELDS = "SELECT *::field FROM {measurements} WHERE time >= $start AND time < $end GROUP BY *"


_Field = int | float | bool | str | None
_Series = TypeVar("_Series")


class _Counts(msgspec.Struct):
    """How many points a measurement has from each of some moments on."""

    name: str
    values: list[tuple[int, int]]


class _Points(msgspec.Struct):
    """Points of a measurement with one set of tags, by column: the time and each field."""

    name: str
    columns: list[str]
    values: list[list[_Field]]
    tags: dict[str, str] = {}

    def __post_init__(self) -> None:
        if not {"time", "value"} <= set(self.columns):
            raise ValueError("no time or value")
        time, width = self.columns.index("time"), len(self.columns)
        if not all(len(row) == width and type(row[time]) is int for row in self.values):
            raise ValueError("rows that do not fit the columns")


class _Result(msgspec.Struct, Generic[_Series]):
    series: list[_Series] = []
    error: str | None = None


class _Answer(msgspec.Struct, Generic[_Series]):
    results: list[_Result[_Series]] = []
    error: str | None = None


_decode_counts = msgspec.json.Decoder(_Answer[_Counts]).decode
_decode_points = msgspec.json.Decoder(_Answer[_Points]).decode


@dataclass(frozen=True)
class Span:
    """A time, half-open, in nanoseconds since 1970."""

    start_ns: int
    end_ns: int

    @classmethod
    def of(cls, start: datetime, end: datetime) -> Span:
        return cls(_nanoseconds(start), _nanoseconds(end))

    @property
    def length_ns(self) -> int:
        return self.end_ns - self.start_ns

    @property
    def bucket_ns(self) -> int:
        """Whole milliseconds, at least one, so that a thousand of them make up the span."""
        return max(1, -(-self.length_ns // (_BUCKETS * _MS))) * _MS

    def before(self, length: timedelta) -> Span:
        return Span(self.start_ns - length // timedelta(microseconds=1) * 1000, self.start_ns)

    def after(self, length: timedelta) -> Span:
        return Span(self.end_ns, self.end_ns + length // timedelta(microseconds=1) * 1000)

    def __str__(self) -> str:
        return f"{_utc(self.start_ns)} and {_utc(self.end_ns)} UTC"


def _nanoseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000


def _utc(nanoseconds: int) -> str:
    return units.utc(_EPOCH + timedelta(microseconds=nanoseconds // 1000))


@dataclass(frozen=True)
class _Part:
    """A span that is asked for at once, and how many points each measurement has in it."""

    span: Span
    measurements: Counter[str]

    @property
    def points(self) -> int:
        return self.measurements.total()


@dataclass(frozen=True, slots=True)
class _Point:
    time_ns: int
    metric: str
    value: float
    tags: _Tags


def _identifier(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _points_of(series: _Points, known: dict[Any, _Tags]) -> Iterator[tuple[Any, Any, _Tags]]:
    """Time, value and tags of one measurement and set of tags; all other fields count as tags.

    known  the tags so far: the nine points of a request have the same ones
    """
    shared = tuple((tag, text) for tag, text in series.tags.items() if text)  # "" is a tag not set
    time, value = series.columns.index("time"), series.columns.index("value")
    others = [at for at in range(len(series.columns)) if at not in (time, value)]
    for row in series.values:
        fields = tuple([row[at] for at in others])
        tags = known.get((shared, fields))
        if tags is None:
            own = {
                series.columns[at]: _text(field)
                for at, field in zip(others, fields, strict=True)
                if field not in (None, "")
            }
            tags = known[shared, fields] = tuple(sorted((dict(shared) | own).items()))
        if row[value] is not None:
            yield row[time], row[value], tags


def _is_number(value: _Field) -> bool:
    """A number that fits into a float, which JSON's need not."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 2.0**1000


def _text(field: Any) -> str:
    return str(field).lower() if isinstance(field, bool) else str(field)


def _add(rows: Rows[int, _Tags], points: Iterable[_Point]) -> None:
    """Rows of all points of a part, in order of time; those of a request put together."""
    requests: dict[tuple[int, _Tags], Request[int, _Tags]] = {}
    others: list[_Point] = []
    for point in points:
        place = HTTP.get(point.metric)
        if place is None:
            others.append(point)
            continue
        key = point.time_ns, point.tags
        request = requests.get(key)
        if request is None:
            request = requests[key] = Request(0, *key, no_points())
        request.values[place] = point.value
    ordered: Sequence[Request[int, _Tags] | _Point] = sorted(
        [*requests.values(), *others], key=_moment
    )
    for entry in ordered:
        if isinstance(entry, Request):
            rows.add_request(entry)
        else:
            rows.add(0, entry.metric, entry.time_ns, entry.value, entry.tags)


def _moment(entry: Request[int, _Tags] | _Point) -> int:
    return entry.time if isinstance(entry, Request) else entry.time_ns


_FORM: Form[int, _Tags] = Form(
    nanoseconds=lambda time: time,
    tags=dict,
    alike=lambda one, other: one == other,
    judged=lambda *_: False,
)
