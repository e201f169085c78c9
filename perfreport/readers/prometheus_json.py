"""Saved answers of Prometheus's HTTP API: `/api/v1/query_range` (a matrix), `/api/v1/query` (a vector).

Format: https://prometheus.io/docs/prometheus/latest/querying/api/#range-queries. One file is the
answer to one query, and its name without `.json` is the metric's. Also read: a scalar, which is one
point without labels; several answers one after the other; what Thanos, Mimir and VictoriaMetrics
add to the envelope, unseen; and the bare list of series that `promtool query -o json` prints.
What becomes of odd values:

- `NaN` means that there was nothing to observe (a quantile over no traffic): no row, and a note
  says how many.
- `+Inf` and `-Inf` (mostly a division by zero) would turn every mean, trend and axis into nonsense:
  no row, and counted as rejected, so that the audit sees them.
- Native histograms become the rows of classic ones: see prometheus_histograms.py.
- A point that an earlier of several answers held as well gives no second row: counted as rejected.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from perfreport.errors import InputError
from perfreport.readers.prometheus_damage import is_cut, pieces_of
from perfreport.readers.prometheus_histograms import Bounds, Damaged, Histogram, is_written
from perfreport.readers.reader import Reader
from perfreport.readers.series import Points, Series, learn
from perfreport.readers.source import Source
from perfreport.run.info import MetricInfo
from perfreport.run.schema import METRIC, SCHEMA, batch

TOOL = "Prometheus"
# A server keeps at most 50 million samples of a query in memory, about 20 bytes each as JSON; a
# quarter of that is far beyond what a review can use. Of 11,000 points a series, which is all that a
# server gives, it takes half a GiB to read.
LARGEST_ANSWER = 256 * 1024 * 1024
# Up to here (year 2106) a binary float of seconds, times a million, rounds to the right microsecond:
# its error is below 2.4e-7 s, that of the product below 0.25 us. Beyond stand milliseconds, by error.
_LATEST_S = 2.0**32
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_STATUS_FIRST = re.compile(rb'\s*\{\s*"status"\s*:\s*"(success|error)"\s*[,}]')
_DATA_FIRST = re.compile(rb'\s*\{\s*"data"\s*:\s*\{\s*"result(Type)?"\s*:')  # sorted by jq -S
_BARE_LIST = re.compile(rb'\s*\[\s*\{\s*"metric"\s*:\s*\{')  # promtool query -o json
# Inside a text quotes are escaped, so that this stands between two answers only.
_NEXT_ANSWER = re.compile(rb'(?<=\})\s*(?=\{\s*"(?:status|data)"\s*:)')
_RESULT = re.compile(r'"result"\s*:\s*\[|\A\s*\[(?=\s*\{)')
_SUFFIXES = re.compile(r"(\.json)?(\.(gz|zst|bz2))?$")


def sniff(head: bytes) -> bool:
    text = head.removeprefix(_BYTE_ORDER_MARK)
    return any(start.match(text) for start in (_STATUS_FIRST, _DATA_FIRST, _BARE_LIST))


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


_NO_JSON = msgspec.Raw(b"null")


class _Data(msgspec.Struct):
    resultType: str
    result: msgspec.Raw


class _Answer(msgspec.Struct):
    """The envelope of every answer of the API."""

    status: str
    data: msgspec.Raw = _NO_JSON
    errorType: str | None = None
    error: str | None = None
    warnings: list[str] | None = None
    infos: list[str] | None = None


class _Labels(msgspec.Struct):
    metric: dict[str, str]


class _Series(msgspec.Struct):
    metric: dict[str, str]
    values: list[tuple[float, str]] | None = None
    value: tuple[float, str] | None = None  # of a vector
    histograms: list[msgspec.Raw] | None = None
    histogram: msgspec.Raw = _NO_JSON  # msgspec does not know `Raw | None`

    @property
    def points(self) -> list[tuple[float, str]]:
        return [self.value] if self.value else self.values or []

    @property
    def native(self) -> list[msgspec.Raw]:
        return (self.histograms or []) + ([] if self.histogram == _NO_JSON else [self.histogram])


class _DamagedSeries(msgspec.Struct):
    """A series of which some point is not as it should be."""

    metric: dict[str, str]
    values: list[Any] | None = None
    value: Any = None
    histograms: list[msgspec.Raw] | None = None
    histogram: msgspec.Raw = _NO_JSON

    @property
    def points(self) -> list[Any]:
        return (self.values or []) + ([] if self.value is None else [self.value])


_Json = bytes | msgspec.Raw  # Raw is a view of the answer, no copy

_decode_answer = msgspec.json.Decoder(_Answer).decode
_decode_data = msgspec.json.Decoder(_Data).decode
_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_scalar = msgspec.json.Decoder(tuple[float, str]).decode
_decode_histogram = msgspec.json.Decoder(tuple[float, Histogram]).decode
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
        self._seen: dict[frozenset[tuple[str, str]], NDArray[np.int64]] = {}  # by one file
        source.facts.tool = TOOL

    def batches(self, data: bytes) -> Iterator[pa.RecordBatch]:
        """The rows of one answer, or of several one after the other, in batches by series."""
        self._seen.clear()
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
        line = 1
        for answer in _answers(data):
            yield from self._series_of(answer, line)
            line += answer.count(b"\n")

    def _series_of(self, data: bytes, line: int) -> Iterator[tuple[int, _Json]]:
        """Each series of one answer that begins in a line."""
        try:
            pieces = self._pieces(data)
        except msgspec.ValidationError as error:
            raise InputError(
                f"{self._source.name}: not an answer to a Prometheus query ({error}). "
                "Save what /api/v1/query_range returns."
            ) from error
        except RecursionError as error:
            raise InputError(
                f"{self._source.name}: not an answer to a Prometheus query (nested too deeply). "
                "Save what /api/v1/query_range returns."
            ) from error
        except msgspec.DecodeError as error:
            yield from self._around_damage(data.decode(), line, error)
            return
        at = 0
        for piece in pieces:
            found = max(at, data.find(piece, at))  # a scalar's is not in the answer
            line += data.count(b"\n", at, found)
            at = found
            yield line, piece

    def _pieces(self, data: bytes) -> Sequence[_Json]:
        if _BARE_LIST.match(data):
            return _decode_list(data)
        answer = _decode_answer(data)
        if answer.status == "error":
            raise InputError(
                f"{self._source.name}: Prometheus refused the query: {answer.error} "
                f"({answer.errorType}). Mend the query and save its answer again."
            )
        for warning in answer.warnings or []:
            self._source.note(f"Prometheus warns: {warning}")
        for info in answer.infos or []:
            self._source.note(f"Prometheus remarks: {info}")
        return self._result(_decode_data(answer.data))

    def _result(self, data: _Data) -> Sequence[_Json]:
        match data.resultType:
            case "matrix" | "vector":
                return _decode_list(data.result) if data.result != _NO_JSON else []
            case "scalar":
                _decode_scalar(data.result)
                return [b'{"metric":{},"value":' + bytes(data.result) + b"}"]
        raise InputError(
            f"{self._source.name}: a {data.resultType[:40]}, where a matrix, a vector or a scalar is "
            "needed. Save what /api/v1/query_range returns."
        )

    def _around_damage(self, text: str, line: int, error: Exception) -> Iterator[tuple[int, _Json]]:
        """What is whole of a cut or damaged answer, and its place for each part that is not."""
        found = list(pieces_of(text))
        if not found and not _RESULT.search(text):
            raise InputError(
                f"{self._source.name}: cut off before its first series ({error}). Save it again."
            )
        if not found:
            self._source.cut(line, f"cut off inside its first series ({error})")
        at, damaged = 0, 0
        for piece in found:
            line += text.count("\n", at, piece.at)
            at = piece.at
            damaged += piece.is_damaged
            if piece is found[-1] and is_cut(text):
                self._source.cut(line, f"cut off, or damaged at its end ({error})")
            elif piece.is_damaged:
                self._source.skip(line, f"damaged inside a series ({error})")
            if piece.series is not None:
                yield line, piece.series
        if found and not damaged and not is_cut(text):
            self._source.skip(line, f"damaged outside of its series ({error})")

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
            if not series.points and not series.native:
                self._source.skip(line, f"no points of {_shown(series.metric)}")
        points = series.points
        self.points += len(points) + len(series.native)
        labels = series.metric if several else _without_name(series.metric)
        times, values = self._observed(line, points)
        fresh = self._fresh(line, series.metric, times)
        times, values = times[fresh], values[fresh]
        if len(times):
            metric = self._known or convention(series.metric.get("__name__", self._name))
            learn(self._source, self._name, metric)
            yield _batch(self._name, times, values, metric.unit, labels)
        if series.native:
            yield from self._native_rows(line, series, labels)

    def _mended(self, line: int, piece: _Json, error: Exception) -> _Series:
        """A series without the points that are not `[seconds, "text"]`."""
        try:
            damaged = _decode_damaged(piece)
        except msgspec.ValidationError:
            self._source.skip(line, f"not a series: {error}")
            return _Series(metric={})
        values: list[tuple[float, str]] = []
        for point in damaged.points:
            match point:
                case [int() | float() as at, str(text)] if not isinstance(at, bool):
                    values.append((_seconds(at), text))
                case _:
                    self.points += 1
                    self._source.skip(line, f"not a point of time and text: {str(point)[:80]}")
        return _Series(
            damaged.metric, values, histograms=damaged.histograms, histogram=damaged.histogram
        )

    def _observed(
        self, line: int, points: Sequence[tuple[float, str]]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Microseconds and values of the points that say something; the others are counted."""
        kept_s: list[float] = []
        kept: list[float] = []
        # Asked of all together: of each it would take a fifth of the time.
        every_written = is_written("".join([text for _, text in points]))
        for at, text in points:
            try:
                value = float(text if every_written or is_written(text) else "")
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

    def _fresh(
        self, line: int, labels: dict[str, str], times: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Which points of a series stand nowhere before; the others are counted."""
        key = frozenset(labels.items())
        seen = self._seen.get(key)
        repeated = np.ones(len(times), bool)
        repeated[np.unique(times, return_index=True)[1]] = False
        if seen is not None:
            repeated |= np.isin(times, seen)
        self._seen[key] = times if seen is None else np.concatenate([seen, times])
        for at in times[repeated].tolist():
            self._source.skip(line, f"{_shown(labels)} at {at / 1e6!r}: was there before")
        return ~repeated

    def _native_rows(
        self, line: int, series: _Series, labels: dict[str, str]
    ) -> Iterator[pa.RecordBatch]:
        """What a classic histogram would have, sample after sample."""
        points = Points()
        rows_of = self._native_series(series.metric, labels)
        bounds = Bounds()
        for at, histogram in self._histograms(line, series):
            try:
                buckets = bounds.cumulated(histogram)
            except Damaged as why:
                self._source.skip(line, f"a histogram of {_shown(series.metric)}: {why}")
                continue
            points.add(rows_of("count"), at, buckets[-1][1])
            _, total = self._observed(line, [(at / 1e6, histogram.sum)])
            for value in total.tolist():
                points.add(rows_of("sum"), at, value)
            for bound, value in buckets:
                points.add(rows_of("bucket", bound), at, value)
            if points.full:
                yield points.batch()
        if points.values:
            yield points.batch()

    def _histograms(self, line: int, series: _Series) -> Iterator[tuple[int, Histogram]]:
        """Microseconds and native histograms of a series."""
        for piece in series.native:
            try:
                at, histogram = _decode_histogram(piece)
            except msgspec.ValidationError as error:
                self._source.skip(line, f"not a time and a histogram: {error}")
                continue
            if not 0 <= at < _LATEST_S:
                self._source.skip(line, f"not a time in seconds since 1970: {at!r}")
                continue
            time = np.rint(np.array([at]) * 1e6).astype(np.int64)
            if self._fresh(line, series.metric, time)[0]:
                yield int(time[0]), histogram

    def _native_series(
        self, metric: dict[str, str], labels: dict[str, str]
    ) -> Callable[..., Series]:
        """The series of a part of a histogram, by its suffix and its `le`; each is made once."""
        base = self._known or convention(metric.get("__name__", self._name))
        # What a function such as rate() made has no name any more, and does not only grow.
        grows = base.type in ("counter", "histogram") if self._known else "__name__" in metric

        @cache
        def series(suffix: str, bound: str | None = None) -> Series:
            name = f"{self._name}_{suffix}"
            kind = "counter" if grows else "histogram" if suffix == "bucket" else "gauge"
            unit = base.unit if suffix == "sum" else None
            learn(self._source, name, MetricInfo(type=kind, unit=unit))
            return Series(name, unit, labels if bound is None else labels | {"le": bound})

        return series


# Base units of Prometheus's naming rules (https://prometheus.io/docs/practices/naming/), and the
# ones that people use against them.
UNITS = {
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
        return MetricInfo(type="counter", unit=UNITS.get(before[-1], f"{{{before[-1]}}}"))
    if last in ("count", "bucket", "sum") and before and before[-1] in ("seconds", "bytes"):
        return MetricInfo(type="counter", unit=UNITS[before[-1]] if last == "sum" else None)
    return MetricInfo(type="gauge", unit=UNITS.get(last))


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
    return b"".join(blocks).removeprefix(_BYTE_ORDER_MARK)


def _answers(data: bytes) -> list[bytes]:
    """The answers that stand one after the other, as `curl … >> FILE` leaves them."""
    starts = [found.start() for found in _NEXT_ANSWER.finditer(data)]
    if not starts:
        return [data]
    return [data[start:end] for start, end in pairwise([0, *starts, len(data)])]


def _seconds(at: float) -> float:
    """A number of JSON may be an integer that no float can hold."""
    return float(at) if abs(at) < 2**63 else float("inf")


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
