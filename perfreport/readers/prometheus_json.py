"""Saved answers of Prometheus's HTTP API: `/api/v1/query_range` (a matrix) and `/api/v1/query` (a vector).

Format: https://prometheus.io/docs/prometheus/latest/querying/api/#range-queries. One file is the
answer to one query, and its name without `.json` is the metric's. What becomes of odd values:

- `NaN` means that there was nothing to observe (a quantile over no traffic): no row, and a note
  says how many.
- `+Inf` and `-Inf` (mostly a division by zero) would turn every mean, trend and axis into nonsense:
  no row, and counted as rejected, so that the audit sees them.
- Native histograms are counted as rejected, one record a series.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from perfreport.errors import InputError
from perfreport.readers.reader import Reader
from perfreport.readers.source import Source
from perfreport.run.info import MetricInfo
from perfreport.run.schema import METRIC, SCHEMA, batch

TOOL = "Prometheus"
# A server keeps at most 50 million samples of a query in memory, about 20 bytes each as JSON; a
# quarter of that is far beyond what a review can use and still fits into a small machine.
LARGEST_ANSWER = 256 * 1024 * 1024
# Up to here (year 2106) a binary float of seconds, times a million, rounds to the right microsecond:
# its error is below 2.4e-7 s, that of the product below 0.25 us. Beyond stand milliseconds, by error.
_LATEST_S = 2.0**32

_STATUS_FIRST = re.compile(rb'\s*\{\s*"status"\s*:\s*"(success|error)"\s*[,}]')
_DATA_FIRST = re.compile(rb'\s*\{\s*"data"\s*:\s*\{\s*"result(Type)?"\s*:')  # sorted by jq -S
_SUFFIXES = re.compile(r"(\.json)?(\.(gz|zst|bz2))?$")
_NEXT_OBJECT = re.compile(r"[\s,]*(?=\{)")
_RESULT = re.compile(r'"result"\s*:\s*\[')


def sniff(head: bytes) -> bool:
    return bool(_STATUS_FIRST.match(head) or _DATA_FIRST.match(head))


def read(source: Source) -> Iterator[pa.RecordBatch]:
    """The points of a saved answer, series after series.

    Raises InputError for an error answer, with Prometheus's words, and for other shapes.
    """
    data = _whole(source)
    name = _SUFFIXES.sub("", source.name).strip("-") or "stdin"
    rows = SeriesRows(source, name)
    yield from rows.batches(data)
    if not rows.points:
        source.note("the answer holds no points; was the query right, and the window?")
    rows.tell()


READER = Reader(name="prometheus-json", sniff=sniff, read=read)


class _Data(msgspec.Struct):
    resultType: str
    result: list[msgspec.Raw]


class _Answer(msgspec.Struct):
    """The envelope of every answer of the API."""

    status: str
    data: msgspec.Raw = msgspec.Raw(b"null")
    errorType: str | None = None
    error: str | None = None
    warnings: list[str] = []


class _Labels(msgspec.Struct):
    metric: dict[str, str]


class _Series(msgspec.Struct):
    metric: dict[str, str]
    values: list[tuple[float, str]] = []
    value: tuple[float, str] | None = None  # of a vector
    histograms: list[msgspec.Raw] = []
    histogram: msgspec.Raw | None = None


class _DamagedSeries(msgspec.Struct):
    """A series of which some point is not as it should be."""

    metric: dict[str, str]
    values: list[Any]


_Json = bytes | msgspec.Raw  # Raw is a view of the answer, no copy

_decode_answer = msgspec.json.Decoder(_Answer).decode
_decode_data = msgspec.json.Decoder(_Data).decode
_decode_labels = msgspec.json.Decoder(_Labels).decode
_decode_series = msgspec.json.Decoder(_Series).decode
_decode_damaged = msgspec.json.Decoder(_DamagedSeries).decode


class SeriesRows:
    """Turns the answers to one query into rows, and counts what is left out.

    known  type and unit where the user said them; else they follow from Prometheus's naming rules
    """

    def __init__(self, source: Source, name: str, known: MetricInfo | None = None) -> None:
        self.points = 0  # in the answers, whatever became of them
        self._source = source
        self._name = name
        self._known = known
        self._not_observed = 0
        source.facts.tool = TOOL

    def batches(self, data: bytes) -> Iterator[pa.RecordBatch]:
        """The rows of one answer, a batch a series."""
        found = list(self._series(self._text(data)))
        several = len({labels.get("__name__") for labels in map(self._labels, found)}) > 1
        for line, series in found:
            yield from self._rows(line, series, several)

    def tell(self) -> None:
        """Say how many points say nothing; to be called after the last answer."""
        if self._not_observed:
            self._source.note(
                f"{self._not_observed:,} of {self.points:,} points are NaN (nothing was observed) "
                "and were left out"
            )

    def _text(self, data: bytes) -> bytes:
        """The same bytes, if they are UTF-8; others are replaced, which may turn up in a label."""
        try:
            str(data, "utf-8")
        except UnicodeDecodeError as error:
            self._source.skip(data.count(b"\n", 0, error.start) + 1, "bytes that are not UTF-8")
            return data.decode("utf-8", "replace").encode()
        return data

    def _series(self, data: bytes) -> Iterator[tuple[int, _Json]]:
        """Each series as JSON, with its line."""
        try:
            answer = _decode_answer(data)
            pieces = self._result(answer)
        except msgspec.ValidationError as error:
            raise InputError(
                f"{self._source.name}: not an answer to a Prometheus query ({error}). "
                "Save what /api/v1/query_range returns."
            ) from error
        except msgspec.DecodeError as error:
            yield from self._before_cut(data.decode(), error)
            return
        line, at = 1, 0
        for piece in pieces:
            found = data.find(piece, at)
            line += data.count(b"\n", at, found)
            at = found + 1
            yield line, piece

    def _result(self, answer: _Answer) -> list[msgspec.Raw]:
        if answer.status == "error":
            raise InputError(
                f"{self._source.name}: Prometheus refused the query: {answer.error} "
                f"({answer.errorType}). Mend the query and save its answer again."
            )
        for warning in answer.warnings:
            self._source.note(f"Prometheus warns: {warning}")
        data = _decode_data(answer.data)
        if data.resultType not in ("matrix", "vector"):
            raise InputError(
                f"{self._source.name}: a {data.resultType}, where a matrix or a vector is needed. "
                "Save what /api/v1/query_range returns."
            )
        return data.result

    def _before_cut(self, text: str, error: Exception) -> Iterator[tuple[int, _Json]]:
        """The whole series before the place where a cut or damaged answer stops being JSON."""
        start = _RESULT.search(text)
        if start is None:
            raise InputError(
                f"{self._source.name}: cut off before its first series ({error}). Save it again."
            )
        at = start.end()
        for begin, end in _objects(text, start.end()):
            piece = text[begin:end].encode()
            if not _is_series(piece):
                break
            yield _line(text, begin), piece
            at = end
        self._source.cut(_line(text, at), f"cut off or damaged inside a series ({error})")
        # Points that are whole: the text up to the last of them, closed by hand.
        rest = text[at:].lstrip(", \r\n\t")
        whole = rest[: rest.rfind('"]') + 2] + "]}"
        if _is_series(whole.encode()):
            yield _line(text, at), whole.encode()

    def _labels(self, found: tuple[int, _Json]) -> dict[str, str]:
        try:
            return _decode_labels(found[1]).metric
        except msgspec.ValidationError:  # told when its points are read
            return {}

    def _rows(self, line: int, piece: _Json, several: bool) -> Iterator[pa.RecordBatch]:
        try:
            series = _decode_series(piece)
        except msgspec.ValidationError as error:
            series = self._mended(line, piece, error)
        else:
            self._count_unread(line, series)
        points = series.values + ([series.value] if series.value else [])
        self.points += len(points)
        times, values = self._observed(line, points)
        if len(times):
            metric = self._learn(series.metric.get("__name__"))
            labels = series.metric if several else _without_name(series.metric)
            yield _batch(self._name, times, values, metric.unit, labels)

    def _mended(self, line: int, piece: _Json, error: Exception) -> _Series:
        """A series without the points that are not `[seconds, "text"]`."""
        try:
            damaged = _decode_damaged(piece)
        except msgspec.ValidationError:
            self._source.skip(line, f"not a series: {error}")
            return _Series(metric={})
        series = _Series(damaged.metric)
        for point in damaged.values:
            match point:
                case [int() | float() as at, str(text)] if not isinstance(at, bool):
                    series.values.append((float(at), text))
                case _:
                    self.points += 1
                    self._source.skip(line, f"not a point of time and text: {str(point)[:80]}")
        return series

    def _count_unread(self, line: int, series: _Series) -> None:
        count = len(series.histograms) + (series.histogram is not None)
        self.points += count
        if count:
            self._source.skip(
                line,
                f"{count:,} native histograms of {_shown(series.metric)}: not read; "
                "ask for histogram_quantile() or histogram_count() of them",
            )
        elif not series.values and series.value is None:
            self._source.skip(line, f"no points of {_shown(series.metric)}")

    def _observed(
        self, line: int, points: Sequence[tuple[float, str]]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Microseconds and values of the points that say something; the others are counted."""
        kept_s: list[float] = []
        kept: list[float] = []
        for at, text in points:
            try:
                value = float(text)
            except ValueError:
                self._source.skip(line, f"not a number: {text[:80]!r}")
                continue
            if value - value == 0 and 0 <= at < _LATEST_S:
                kept_s.append(at)
                kept.append(value)
            elif value != value:
                self._not_observed += 1
            elif value - value == 0:
                self._source.skip(line, f"not a time in seconds since 1970: {at!r}")
            else:
                self._source.skip(line, f"{text} at {at!r}: a query divides by zero")
        return np.rint(np.array(kept_s) * 1e6).astype(np.int64), np.array(kept)

    def _learn(self, series_name: str | None) -> MetricInfo:
        """Type and unit of a series; the run keeps them where all series of the query agree."""
        metric = self._known or convention(series_name or self._name)
        earlier = self._source.facts.metrics.get(self._name, metric)
        agreed = metric if metric == earlier else MetricInfo(type="gauge")
        self._source.facts.metrics[self._name] = agreed
        return metric


# Base units of Prometheus's naming rules (https://prometheus.io/docs/practices/naming/), and the
# ones that people use against them.
_UNITS = {
    "seconds": "s",
    "milliseconds": "ms",
    "ms": "ms",
    "bytes": "By",
    "ratio": "1",
    "percent": "%",
    "pct": "%",
}


def convention(name: str) -> MetricInfo:
    """Type and unit that a metric's name promises; the unit is None where it promises none.

    >>> convention("jvm_memory_used_bytes"), convention("kra_etims_errors_total")
    (MetricInfo(type='gauge', unit='By'), MetricInfo(type='counter', unit='{errors}'))
    """
    *before, last = name.split("_")
    if last == "total" and before:
        # Not `1`: that is a ratio, and 24 refreshes are not 2,400 %.
        return MetricInfo(type="counter", unit=_UNITS.get(before[-1], f"{{{before[-1]}}}"))
    if last in ("count", "bucket", "sum") and before and before[-1] in ("seconds", "bytes"):
        return MetricInfo(type="counter", unit=_UNITS[before[-1]] if last == "sum" else None)
    return MetricInfo(type="gauge", unit=_UNITS.get(last))


def _whole(source: Source) -> bytes:
    blocks, size = [], 0
    for block in source.blocks():
        blocks.append(block)
        size += len(block)
        if size > LARGEST_ANSWER:
            raise InputError(
                f"{source.name}: larger than {LARGEST_ANSWER >> 20} MiB. "
                "Save it in several windows, or sum the series in the query."
            )
    return b"".join(blocks).removeprefix(b"\xef\xbb\xbf")


def _objects(text: str, at: int) -> Iterator[tuple[int, int]]:
    """Start and end of the whole JSON objects of a list from `at` on."""
    decoder = json.JSONDecoder()
    while between := _NEXT_OBJECT.match(text, at):
        try:
            _, at = decoder.raw_decode(text, between.end())
        except ValueError:
            return
        yield between.end(), at


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1


def _is_series(piece: bytes) -> bool:
    """False too for what the json module takes though it is not JSON, such as a bare NaN."""
    try:
        return bool(_decode_labels(piece))
    except msgspec.DecodeError:
        return False


def _without_name(labels: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in labels.items() if key != "__name__"}


def _shown(labels: dict[str, str]) -> str:
    """A series as Prometheus writes it: `heap{area="heap", id="Old Gen"}`."""
    inside = ", ".join(f'{key}="{value}"' for key, value in _without_name(labels).items())
    return f"{labels.get('__name__', '')}{{{inside}}}"


def _batch(
    name: str,
    times: NDArray[np.int64],
    values: NDArray[np.float64],
    unit: str | None,
    labels: dict[str, str],
) -> pa.RecordBatch:
    return batch(
        len(times),
        {
            "kind": METRIC,
            "ts": pa.array(times).cast(SCHEMA.field("ts").type),
            "name": name,
            "source": labels.get("instance"),  # stays a label too: it tells series apart
            "value": values,
            "unit": unit,
            "labels": pa.repeat(pa.scalar(labels, SCHEMA.field("labels").type), len(times)),
        },
    )
