"""OpenMetrics text with time stamps: `promtool tsdb dump-openmetrics`, and files to backfill from.

Format: https://github.com/prometheus/OpenMetrics/blob/main/specification/OpenMetrics.md

    # TYPE erp_orders counter
    # UNIT ...
    erp_orders_total{instance="a:8080"} 17 1795399724.5 # {trace_id="x"} 1 1795399724.1
    # EOF

A row is called as Prometheus would store its sample: with `_total`, `_bucket`, `_sum`, `_created`.
Time stamps are seconds; those that can only be milliseconds (of Prometheus's older text format and of
`promtool tsdb dump`) are rejected. Exemplars are not read. `NaN` and infinities are treated as in
prometheus_json.py.

The field's own parser, prometheus_client.openmetrics, keeps all samples of a metric in memory, ends
at the first line that it does not like, and takes more than ten times as long: it is the oracle
of the tests.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import pyarrow as pa

from perfreport.errors import InputError
from perfreport.readers.prometheus_json import TOOL, UNITS, convention
from perfreport.readers.reader import Reader
from perfreport.readers.series import Points, Series, learn, refuse_many
from perfreport.readers.source import Source
from perfreport.run.info import MetricInfo

_NAME = rb"[a-zA-Z_:][a-zA-Z0-9_:]*"
_QUOTED = rb'"(?:[^"\\]|\\.)*+"'
_SERIES = rb"(?:" + _NAME + rb")?+(?:\{(?:[^\"}]|" + _QUOTED + rb")*+\})?+"
_SAMPLE = re.compile(
    rb"(?P<series>" + _SERIES + rb")[ \t]+(?P<value>[^\s{#]\S*)(?:[ \t]+(?P<time>[^\s#]\S*))?"
    rb"[ \t\r]*(?P<exemplar>[ \t]# .*)?"
)
_METADATA = re.compile(
    rb"#[ \t]+(?P<what>TYPE|UNIT|HELP)[ \t]+(?P<name>"
    + _NAME
    + rb"|"
    + _QUOTED
    + rb")(?:[ \t]+(?P<word>[^\r\n]*?))?[ \t\r]*"
)
_OF_METRIC = re.compile(rb"#[ \t]+(?:TYPE|UNIT)[ \t]")
_EOF = b"# EOF"
_LABEL = re.compile(
    r'[ \t]*(?:(?P<key>[a-zA-Z_][a-zA-Z0-9_]*)|"(?P<quoted>(?:[^"\\]|\\.)*+)")[ \t]*'
    r'(?:(?P<equals>=)[ \t]*"(?P<value>(?:[^"\\]|\\.)*+)"[ \t]*)?(?:,|$)'
)
_UNIT = re.compile(r"[\w%/.:-]*")
_ESCAPED = re.compile(r'\\([\\n"])')

# By type of a metric: the suffixes of its samples and how each of them counts.
_PARTS: dict[str, dict[str, str]] = {
    "counter": {"_total": "counter", "_created": "gauge", "": "counter"},
    "gauge": {"": "gauge"},
    "histogram": dict.fromkeys(("_bucket", "_count", "_sum"), "counter") | {"_created": "gauge"},
    "gaugehistogram": {"_bucket": "histogram", "_gcount": "gauge", "_gsum": "gauge"},
    "summary": {"": "gauge", "_count": "counter", "_sum": "counter", "_created": "gauge"},
    "info": {"_info": "gauge", "": "gauge"},
    "stateset": {"": "gauge"},
    "unknown": {},
    "untyped": {},
}
_SUFFIXES = sorted({suffix for parts in _PARTS.values() for suffix in parts}, key=len)
_COUNTS = ("_bucket", "_count", "_gcount", "_info")  # of no unit, whatever the metric's is

_LATEST_S = 2.0**32  # in the year 2106; as milliseconds, in February 1970
# Series that are remembered, some 50 MB; a dump names one after the other and never comes back.
_MOST_SERIES = 50_000
_MOST_TEXT = 16 * 1024 * 1024  # bytes of their names and labels


def sniff(head: bytes) -> bool:
    """Metadata, or a sample with labels or a time, behind nothing but blank lines and comments."""
    for line in head.removeprefix(b"\xef\xbb\xbf").split(b"\n"):
        if _METADATA.fullmatch(line) or line.rstrip() == _EOF:
            return True
        if line.strip() and not line.startswith(b"#"):
            found = _SAMPLE.fullmatch(line)
            return found is not None and _is_sample(found)
    return False


def read(source: Source) -> Iterator[pa.RecordBatch]:
    """The samples in the order of the file.

    Raises InputError where no sample has a time stamp, or all have milliseconds.
    """
    source.facts.tool = TOOL
    rows = _Rows(source)
    for number, lines in source.lines():
        if source.unterminated and lines[0].rstrip() != _EOF:
            source.cut(number)
            break
        yield from rows.read(number, lines)
    yield from rows.rest()
    rows.tell()


READER = Reader(name="openmetrics", sniff=sniff, read=read)


def _is_sample(found: re.Match[bytes]) -> bool:
    try:
        float(found["value"])
    except ValueError:
        return False
    return found["series"].endswith(b"}") or (found["series"] != b"" and found["time"] is not None)


class _Unreadable(ValueError):
    """Why a line is no sample."""


@dataclass
class _Family:
    """What the comments before a metric say of it."""

    type: str = "unknown"
    unit: str | None = None


@dataclass
class _Rows:
    """The samples of a file on their way into rows."""

    source: Source
    points: Points = field(default_factory=Points)
    families: dict[str, _Family] = field(default_factory=dict)
    known: dict[bytes, Series] = field(default_factory=dict)  # by the text before the value
    text: int = 0  # bytes of it
    named: set[str] = field(default_factory=set)  # metrics that have a series
    samples: int = 0  # with a value and a time, NaN included
    not_observed: int = 0
    timeless: int = 0
    milliseconds: int = 0
    at_end: tuple[int, int] = (-1, -1)  # samples and rejected lines at the last # EOF
    line: int = 1

    def read(self, number: int, lines: list[bytes]) -> Iterator[pa.RecordBatch]:
        """Whole lines, of which the first has a number."""
        known = self.known
        for line, text in enumerate(lines, number):
            # Saves a third of the time. A series that was read before, blanks between, and two
            # words that are numbers are a sample by any reading.
            words = text.rsplit(b" ", 2)
            series = known.get(words[0])
            numbers = _numbers(*words[1:]) if series is not None and len(words) == 3 else None
            if series is not None and numbers is not None:
                self._keep(line, series, *numbers)
            else:
                self._slow(line, text)
            if self.points.full:
                yield self.points.batch()
        self.line = number + len(lines)

    def rest(self) -> Iterator[pa.RecordBatch]:
        if self.points.values:
            yield self.points.batch()

    def tell(self) -> None:
        """Say what is odd of the whole file; InputError if it has no time axis."""
        if not self.samples and self.milliseconds:
            raise InputError(
                f"{self.source.name}: times in milliseconds, where OpenMetrics has seconds: Prometheus's "
                "older text format, or promtool tsdb dump. Save it with promtool tsdb dump-openmetrics, "
                "or save what /api/v1/query_range returns."
            )
        if not self.samples and self.timeless:
            raise InputError(
                f"{self.source.name}: samples without time stamps: what one scrape of /metrics gives. "
                "Let a Prometheus record them and save what /api/v1/query_range returns."
            )
        ended = self.at_end == (self.samples, self.source.rejected)
        if not ended and not self.source.truncated:
            self.source.cut(self.line, "the end, # EOF, is missing: cut off")
        if not self.samples:
            self.source.note("no samples in it; was the time range right?")
        if self.not_observed:
            self.source.note(
                f"{self.not_observed:,} of {self.samples:,} points are NaN (nothing was observed) "
                "and were left out"
            )

    def _slow(self, line: int, text: bytes) -> None:
        """Any line."""
        if line == 1:
            text = text.removeprefix(b"\xef\xbb\xbf")
        if not text.strip():
            return
        if text.startswith(b"#"):
            self._comment(line, text)
            return
        try:
            series, value, time = self._sample(text)
        except _Unreadable as why:
            self.source.skip(line, str(why))
            return
        if time is None:
            self.timeless += 1
            self.source.skip(line, "no time stamp")
        elif (numbers := _numbers(value, time)) is None:
            self.source.skip(line, f"not a number and a time: {_shown(value + b' ' + time)}")
        else:
            self._keep(line, series, *numbers)

    def _sample(self, text: bytes) -> tuple[Series, bytes, bytes | None]:
        found = _SAMPLE.fullmatch(text)
        if found is None:
            if b"} {count:" in text or b" {count:" in text:
                raise _Unreadable(
                    "a native histogram in text: save what /api/v1/query_range returns"
                )
            raise _Unreadable("not a sample: a name, labels, a value and a time")
        key = found["series"]
        series = self.known.get(key)
        if series is None:
            series = self._new_series(key)
            self.text += len(key)
            if len(self.known) >= _MOST_SERIES or self.text > _MOST_TEXT:
                self.known.clear()
                self.text = 0
                self.points.crowded = True
            self.known[key] = series
        return series, found["value"], found["time"]

    def _keep(self, line: int, series: Series, value: float, at: float) -> None:
        """A sample, unless its value or time say nothing."""
        if not 0 <= at < _LATEST_S:
            self._out_of_time(line, at)
            return
        time_us = round(at * 1e6)
        if time_us > series.last_us:
            series.before_us = series.last_us
        elif not series.before_us < time_us < series.last_us:
            self.source.skip(line, "not later than the sample before of its series")
            return
        series.last_us = time_us  # if it is earlier, the time before was a damaged one
        self.samples += 1
        if value - value == 0:
            self.points.add(series, time_us, value)
        elif value != value:
            self.not_observed += 1
        else:
            self.source.skip(line, f"{value!r} at {at!r}: not a finite number")

    def _out_of_time(self, line: int, at: float) -> None:
        in_milliseconds = at >= _LATEST_S
        self.milliseconds += in_milliseconds
        why = f"not a time in seconds since 1970: {at!r}"
        self.source.skip(line, why + "; milliseconds?" * in_milliseconds)

    def _comment(self, line: int, text: bytes) -> None:
        """Type and unit of a metric, or the end of the file."""
        if text.rstrip() == _EOF:
            self.at_end = (self.samples, self.source.rejected)
            return
        if text[1:2].strip():  # may as well be a sample whose first letter was damaged
            self.source.skip(line, f"neither a sample nor a comment: {text[:80]!r}")
            return
        found = _METADATA.fullmatch(text)
        if found is None and _OF_METRIC.match(text):
            self.source.skip(line, f"not the type or unit of a metric: {text[:80]!r}")
        if found is None or found["what"] == b"HELP":
            return
        try:
            name, word = _unquoted(found["name"].decode()), (found["word"] or b"").decode()
        except UnicodeDecodeError:
            self.source.skip(line, "bytes that are not UTF-8")
            return
        before = self.families.get(name, _Family())
        if found["what"] == b"UNIT" and not _UNIT.fullmatch(word):
            self.source.skip(line, f"not a unit: {word[:80]!r}")
            return
        if found["what"] == b"UNIT":
            family = _Family(before.type, UNITS.get(word, f"{{{word}}}") if word else None)
        elif word in _PARTS:
            family = _Family(word, before.unit)
        else:
            self.source.skip(line, f"not a type: {word[:80]!r}")
            return
        if family != before:
            self.families[name] = family
            refuse_many(self.source, len(self.families))
            # Its series are known by another type; where there are none yet, as nearly always, the
            # others stay: they tell a file that stands twice.
            if any(name + suffix in self.named for suffix in _SUFFIXES):
                self.known.clear()

    def _new_series(self, key: bytes) -> Series:
        try:
            name, labels = _name_and_labels(key.decode())
        except UnicodeDecodeError:
            raise _Unreadable("bytes that are not UTF-8") from None
        metric = self._metric(name)
        learn(self.source, name, metric)
        self.named.add(name)
        return Series(name, metric.unit, labels)

    def _metric(self, name: str) -> MetricInfo:
        """Type and unit: as the comments say, else as the name promises."""
        for suffix in _SUFFIXES:
            base = name.removesuffix(suffix)
            family = self.families.get(base) if name.endswith(suffix) else None
            kind = _PARTS[family.type].get(suffix) if family else None
            if family and (kind or (family.unit and not suffix)):
                return _metric(name, base, family, suffix, kind or convention(name).type)
        return convention(name)


def _numbers(value: bytes, time: bytes) -> tuple[float, float] | None:
    """Value and time; None for what only Python takes for a number, as well."""
    try:
        numbers = float(value), float(time)
    except ValueError:
        return None
    return None if b"_" in value or b"_" in time else numbers


def _metric(name: str, base: str, family: _Family, suffix: str, kind: str) -> MetricInfo:
    if suffix in _COUNTS or family.type in ("info", "stateset"):
        unit = None
    elif suffix == "_created":
        unit = "s"
    else:
        unit = family.unit or convention(name if suffix in ("", "_total") else base).unit
    return MetricInfo.model_validate({"type": kind, "unit": unit})


def _name_and_labels(text: str) -> tuple[str, dict[str, str]]:
    """The parts of `name{key="value"}`; the name may stand among the labels, in quotes."""
    name, _, inside = text.partition("{")
    inside = inside.removesuffix("}")
    labels: dict[str, str] = {}
    at = 0
    while at < len(inside):
        found = _LABEL.match(inside, at)
        if found is None:
            raise _Unreadable(f"not labels: {inside[at : at + 80]!r}")
        at = found.end()
        key = found["key"] if found["quoted"] is None else _unescaped(found["quoted"])
        if found["equals"] is None and found["quoted"] is not None:
            key, value = "__name__", key
        elif found["equals"] is not None:
            value = _unescaped(found["value"])
        else:
            raise _Unreadable(f"a label without a value: {key[:80]!r}")
        if key in labels:
            raise _Unreadable(f"two labels {key[:80]!r}")
        labels[key] = value
    named = labels.pop("__name__", "")
    if bool(name) == bool(named):
        raise _Unreadable("not one name")
    return name or named, labels


def _unquoted(name: str) -> str:
    return _unescaped(name[1:-1]) if name.startswith('"') else name


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda found: "\n" if found[1] == "n" else found[1], text)


def _shown(text: bytes) -> str:
    return repr(text[:80].decode("utf-8", "replace"))
