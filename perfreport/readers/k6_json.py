"""k6 --out json: a line per metric definition and per point; an HTTP request is 8 or 9 points.

Defined in k6's `output/json/{json,wrapper}.go`; alike in 0.31 to 2.2. Older ones write `"type"` first
in each line.

- Definitions of metrics stand between the points of a request.
- 0.38 to 0.40 write the tags, versions up to 1.x the metadata of each point in an order of its own.
- `time` has nanoseconds, in any zone.

What the points mean stands in k6.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Literal

import msgspec
import pyarrow as pa

from perfreport.readers.k6 import BATCH_ROWS, Form, Log, Request, nanoseconds
from perfreport.readers.reader import Reader
from perfreport.readers.source import Source
from perfreport.run.info import MetricInfo

_Tags = tuple[bytes, bytes]  # the tags and the metadata of a point, as written


class _PointData(msgspec.Struct, gc=False):
    time: str
    value: float
    tags: msgspec.Raw = msgspec.Raw(b"null")
    metadata: msgspec.Raw = msgspec.Raw(b"null")


class _Point(msgspec.Struct, gc=False):
    metric: str
    type: Literal["Point"]
    data: _PointData


class _Threshold(msgspec.Struct):
    threshold: str


class _MetricData(msgspec.Struct):
    type: Literal["counter", "gauge", "rate", "trend"]
    contains: str = "default"
    thresholds: list[str | _Threshold] | None = None


class _Metric(msgspec.Struct):
    metric: str
    type: Literal["Metric"]
    data: _MetricData


# Undecoded tags: 0.3 us a line instead of 1.5. Tags are decoded once per set of tags and batch.
_point: Callable[[bytes], _Point] = msgspec.json.Decoder(_Point).decode
_metric: Callable[[bytes], _Metric] = msgspec.json.Decoder(_Metric).decode
_tags: Callable[[bytes], dict[str, str] | None] = msgspec.json.Decoder(dict[str, str] | None).decode

# What msgspec raises: its own errors, UnicodeDecodeError, and where brackets are nested too deeply.
_NO_JSON = (ValueError, RecursionError)


def sniff(head: bytes) -> bool:
    """Does one of the first lines look like one of k6's? A banner of its console may come first."""
    lines = head.removeprefix(_BYTE_ORDER_MARK).split(b"\n")[:_SNIFFED_LINES]
    return any(_LINE.match(line) for line in lines)


_SNIFFED_LINES = 50
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"  # of a Windows shell that k6 wrote into
_LINE = re.compile(
    rb'\s*\{\s*(?="type"\s*:\s*"(?:Metric|Point)"\s*,|"metric"\s*:)'
    rb'(?=.*"metric"\s*:\s*")(?=.*"type"\s*:\s*"(?:Metric|Point)")(?=.*"data"\s*:\s*\{)'
)


def read(source: Source) -> Iterator[pa.RecordBatch]:
    """The rows of k6's log, each in the place where its first line stands."""
    source.facts.tool, source.facts.response_time = "k6", "without_connect"
    lines, log = _Lines(source), Log(source, _FORM)
    for first, some in source.lines():
        log.add(lines.points(first, some))
        if log.rows.count >= BATCH_ROWS:
            yield log.rows.batch()
    log.finish(counted=lines.cut)
    if log.rows.count:
        yield log.rows.batch()


READER = Reader(name="k6-json", sniff=sniff, read=read)


def _alike(one: _Tags, other: _Tags) -> bool:
    """Are tags and metadata the same, if in another order?"""
    return _reordered(one[0], other[0]) and _reordered(one[1], other[1])


def _reordered(one: bytes, other: bytes) -> bool:
    if one == other or len(one) != len(other):
        return one == other
    try:
        return _tags(one) == _tags(other)
    except _NO_JSON:
        return False


def _is_judged(request: Request[str, _Tags], before: Request[str, _Tags] | None) -> bool:
    """By the tag; where both requests lack it, systemTags may leave it out."""
    tagged = _EXPECTED in request.tags[0]
    if before is None or tagged != (_EXPECTED in before.tags[0]):
        return tagged
    return before.knows_failure


_EXPECTED = b'"expected_response"'

_FORM: Form[str, _Tags] = Form(
    nanoseconds=nanoseconds,
    tags=lambda texts: (_tags(texts[1]) or {}) | (_tags(texts[0]) or {}),
    alike=_alike,
    judged=_is_judged,
)


class _Lines:
    """Lines in, points out; definitions of metrics go to the facts of the source."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.cut = False  # the last line was cut off, and counted

    def points(
        self, first: int, lines: list[bytes]
    ) -> Iterator[tuple[int, str, str, float, _Tags]]:
        """The points of some lines; `first` is the number of the first of them."""
        tags, metadata = msgspec.Raw(b"null"), msgspec.Raw(b"null")
        texts = bytes(tags), bytes(metadata)
        if first == 1 and lines:
            lines = [lines[0].removeprefix(_BYTE_ORDER_MARK), *lines[1:]]
        for number, line in enumerate(lines, first):
            try:
                point = _point(line)
            except _NO_JSON as error:
                self._other_line(number, line, error)
                continue
            data = point.data
            if tags != data.tags or metadata != data.metadata:
                tags, metadata = data.tags, data.metadata
                texts = bytes(tags), bytes(metadata)  # Raw has no hash
            yield number, point.metric, data.time, data.value, texts

    def _other_line(self, number: int, line: bytes, error: Exception) -> None:
        if not line.strip():
            return
        if b'"Metric"' in line:
            try:
                self._define(_metric(line))
                return
            except _NO_JSON as another:
                error = another
        if self._source.unterminated:
            self.cut = True
            self._source.cut(number)
        else:
            self._source.skip(number, f"not a line of k6's JSON: {error}")

    def _define(self, line: _Metric) -> None:
        facts, data = self._source.facts, line.data
        facts.metrics[line.metric] = MetricInfo(type=data.type, unit=_unit(data))
        if data.thresholds:
            facts.thresholds[line.metric] = [
                entry if isinstance(entry, str) else entry.threshold for entry in data.thresholds
            ]


def _unit(metric: _MetricData) -> str | None:
    """The unit of a metric's values: k6 keeps times in ms and data in bytes."""
    if metric.contains in ("time", "data"):
        return {"time": "ms", "data": "By"}[metric.contains]
    return "1" if metric.type in ("counter", "rate") else None
