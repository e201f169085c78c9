"""What k6 measured, from any of its outputs: its points put together to requests, and to rows.

The points of a request are those of k6's `lib/netext/httpext/{transport,tracer}.go`, those of a gRPC
call of `lib/netext/grpcext/conn.go`; alike in 0.31 to 2.2. Older ones write no `http_req_failed`.

- k6 writes the points of one request one after the other, with one time and one set of tags.
- The time is the END of a request, an iteration and a group.
- The tag `url` repeats the name where the script gave one.

docs/formats/k6.md says what becomes which row.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import chain
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from perfreport.readers.names import Names
from perfreport.readers.source import Facts, Source
from perfreport.run import schema
from perfreport.run.info import MetricInfo

BATCH_ROWS = 64 * 1024
_Numbers = npt.NDArray[Any]

# The points of a request, in the order in which k6 writes them.
HTTP = {
    "http_reqs": 0,
    "http_req_duration": 1,
    "http_req_blocked": 2,
    "http_req_connecting": 3,
    "http_req_tls_handshaking": 4,
    "http_req_sending": 5,
    "http_req_waiting": 6,
    "http_req_receiving": 7,
    "http_req_failed": 8,
}
_REQS, _DURATION, _FAILED = 0, 1, 8
_PHASES = {
    "blocked_ms": 2,
    "connect_ms": 3,
    "tls_ms": 4,
    "send_ms": 5,
    "wait_ms": 6,
    "receive_ms": 7,
}
_UNSET = float("nan")  # no value of k6 is NaN, so that it can stand for a point not seen

_KINDS = {
    "http_req_duration": schema.REQUEST,
    "grpc_req_duration": schema.REQUEST,
    "iteration_duration": schema.ITERATION,
    "group_duration": schema.TRANSACTION,
    "checks": schema.CHECK,
    "vus": schema.USERS,
}
_TIMED = (schema.REQUEST, schema.ITERATION, schema.TRANSACTION)
_MOST_USERS = 1e9
_LONGEST_MS = 1e12  # 31 years: more is damage, and would overflow the time stamps

# Of `metrics/builtin.go`, `js/modules/k6/grpc` and `js/modules/k6/browser`: for outputs that write
# no definitions.
_BUILTIN = {
    name: MetricInfo(type=type_, unit=unit)
    for type_, unit, names in (
        ("counter", "1", "http_reqs iterations dropped_iterations ws_sessions ws_msgs_sent"),
        ("counter", "1", "ws_msgs_received grpc_streams grpc_streams_msgs_sent"),
        ("counter", "1", "grpc_streams_msgs_received"),
        ("counter", "By", "data_sent data_received browser_data_sent browser_data_received"),
        ("gauge", None, "vus vus_max"),
        ("rate", "1", "checks http_req_failed browser_http_req_failed"),
        ("trend", "ms", "http_req_duration http_req_blocked http_req_connecting http_req_sending"),
        ("trend", "ms", "http_req_tls_handshaking http_req_waiting http_req_receiving"),
        ("trend", "ms", "iteration_duration group_duration grpc_req_duration"),
        ("trend", "ms", "ws_ping ws_session_duration ws_connecting browser_http_req_duration"),
        ("trend", "ms", "browser_web_vital_fcp browser_web_vital_fid browser_web_vital_inp"),
        ("trend", "ms", "browser_web_vital_lcp browser_web_vital_ttfb"),
        ("trend", None, "browser_web_vital_cls"),
    )
    for name in names.split()
}
# Whether a metric of a script adds up nobody can see in its values; a trend's statistics fit any.
_UNKNOWN = MetricInfo(type="trend")

Time = TypeVar("Time", bound=Hashable)
Tags = TypeVar("Tags", bound=Hashable)


@dataclass(frozen=True)
class Form(Generic[Time, Tags]):
    """How one of k6's outputs writes times and tags.

    nanoseconds  a time since 1970; ValueError if it is none
    tags         the tags and metadata, in a dictionary of the caller's own; ValueError
    alike        are these two the same tags, if in another order?
    judged       does http_req_failed belong to the last request, given the one before? Its script may
                 have switched that off. k6 writes it together with the tag expected_response
    """

    nanoseconds: Callable[[Time], int]
    tags: Callable[[Tags], dict[str, str]]
    alike: Callable[[Tags, Tags], bool]
    judged: Callable[[Request[Time, Tags], Request[Time, Tags] | None], bool]


def no_points() -> list[float]:
    """The values of a request of which no point was read yet."""
    return _NO_POINTS.copy()


_NO_POINTS = [_UNSET] * len(HTTP)


@dataclass(slots=True)
class Request(Generic[Time, Tags]):
    """A request whose points are being read."""

    line: int  # of its first point
    time: Time
    tags: Tags
    values: list[float]  # by the numbers of HTTP

    @property
    def points(self) -> int:
        return sum(value == value for value in self.values)

    def goes_on(self, place: int, time: Time) -> bool:
        """May a point of this place and time be its next?"""
        return self.time == time and _is_unset(self.values[place])

    @property
    def knows_failure(self) -> bool:
        """Was there an http_req_failed?"""
        return not _is_unset(self.values[_FAILED])


class Log(Generic[Time, Tags]):
    """Points in k6's order in, rows out: puts the points of a request together."""

    def __init__(self, source: Source, form: Form[Time, Tags]) -> None:
        self.rows = Rows(source, form)
        self._source = source
        self._form = form
        self._open: Request[Time, Tags] | None = None
        self._held: Request[Time, Tags] | None = (
            None  # the one before, while the open has one point
        )
        self._before: Request[Time, Tags] | None = None  # the request before the open one

    def add(self, points: Iterable[tuple[int, str, Time, float, Tags]]) -> None:
        """Take points, each with the number of its line."""
        alike = self._form.alike
        request, held = self._open, self._held
        if request is not None:
            time, tags, values = request.time, request.tags, request.values
        for line, metric, at, value, marks in points:
            place = HTTP.get(metric)
            if place is None:
                if request is not None:
                    self._close_both()
                    request = held = None
                self.rows.add(line, metric, at, value, marks)
                continue
            if request is not None:
                # A point seen before begins the next request, even of the same time and tags.
                unset = values[place] != values[place]
                if unset and time == at and (tags == marks or alike(tags, marks)):
                    values[place] = value
                    if held is not None:
                        self._release(held)
                        self._held = held = None
                    continue
                if held is not None and held.goes_on(place, at) and alike(held.tags, marks):
                    # The point between had a damaged time or tag: the one before it goes on.
                    self._source.skip(request.line, _PART)
                    self._open, self._held = held, None
                    request, held = held, None
                    time, tags, values = request.time, request.tags, request.values
                    values[place] = value
                    continue
                if held is not None:
                    self._close(held)
                self._held = held = request
            time, tags, values = at, marks, _NO_POINTS.copy()
            values[place] = value
            self._open = request = Request(line, time, tags, values)

    def finish(self, counted: bool) -> None:
        """Close the last request, if nothing of it was cut off.

        counted  the cut was counted already, at the line in which it is
        """
        request = self._open
        if request is None:
            return
        if self._held is not None:
            self._close(self._held)
        if self._is_whole(request):
            self._close(request)
        elif not counted:
            self._source.cut(request.line, "cut off inside a request")

    def _close_both(self) -> None:
        """Something else follows: the open request is over, and the one before it."""
        if self._held is not None:
            self._close(self._held)
        if self._open is not None:
            self._close(self._open)
        self._open = self._held = None

    def _release(self, held: Request[Time, Tags]) -> None:
        """The request before the open one, which has a second point: one point alone is no other."""
        if held.points == 1:
            self._source.skip(held.line, _PART)
        else:
            self._close(held)

    def _close(self, request: Request[Time, Tags]) -> None:
        self._before = request
        self.rows.add_request(request)

    def _is_whole(self, request: Request[Time, Tags]) -> bool:
        """Has the last request of the input every point that the one before it had?"""
        expected = self._before.values if self._before else [1.0] * len(HTTP)
        points = zip(request.values[:_FAILED], expected[:_FAILED], strict=True)
        if any(_is_unset(value) and not _is_unset(wanted) for value, wanted in points):
            return False
        return request.knows_failure or not self._form.judged(request, self._before)


def define(facts: Facts, metric: str) -> None:
    """Keep what is known of a metric, for an output without definitions."""
    facts.metrics.setdefault(metric, _BUILTIN.get(metric, _UNKNOWN))


def _is_unset(value: float) -> bool:
    return value != value


@dataclass(frozen=True, slots=True)
class _Template:
    """What all rows of one metric and one set of tags share."""

    kind: str
    name: str
    method: str | None = None
    group: str | None = None
    scenario: str | None = None
    status: int | None = None
    ok: bool | None = None  # unless http_req_failed says otherwise
    ok_by_status: bool | None = None
    error: str | None = None
    error_if_failed: str | None = None
    unit: str | None = None
    labels: tuple[tuple[str, str], ...] = ()


_PART = "a part of a request, apart from the others"


class Rows(Generic[Time, Tags]):
    """The rows of the batch being filled: a template and some numbers for each.

    Templates live as long as a batch, so that a log with endless sets of tags needs no more memory.
    """

    def __init__(self, source: Source, form: Form[Time, Tags]) -> None:
        self._source = source
        self._form = form
        self._wrote_both = False
        self._begin()

    def _begin(self) -> None:
        self._numbers: dict[tuple[str, Tags], int] = {}
        self._templates: list[_Template] = []
        self._template: list[int] = []  # one entry per row in these three
        self._ended_ns: list[int] = []
        self._value: list[float] = []
        self._http_rows: list[int] = []  # one entry per HTTP request in these two
        self._http_values: list[list[float]] = []

    @property
    def count(self) -> int:
        return len(self._template)

    def add(self, line: int, metric: str, time: Time, value: float, tags: Tags) -> None:
        """A point that is a row of its own."""
        if metric == "iterations":  # the same fact as iteration_duration
            return
        self._append(line, metric, time, value, tags)

    def add_request(self, request: Request[Time, Tags]) -> None:
        """The points of a request that belong together."""
        values = request.values
        if self._is_part(request):
            self._source.skip(request.line, _PART)
            return
        self._drop_impossible(request)
        if self._append(
            request.line, "http_req_duration", request.time, values[_DURATION], request.tags
        ):
            self._http_rows.append(len(self._template) - 1)
            self._http_values.append(values)

    def _is_part(self, request: Request[Time, Tags]) -> bool:
        """Are these points not a request but what damage tore out of one?

        Where k6 wrote both http_reqs and http_req_duration, one of them alone is no request: a
        damaged tag or time has parted it from the other points, which count.
        """
        counted, timed = (not _is_unset(request.values[at]) for at in (_REQS, _DURATION))
        if counted and timed:
            self._wrote_both = True
            return False
        return not (counted or timed) or (self._wrote_both and request.points == 1)

    def _drop_impossible(self, request: Request[Time, Tags]) -> None:
        """Leave out phases that no request has; k6 says of a failure 0 or 1."""
        values = request.values
        for place in range(_DURATION + 1, _FAILED):
            if values[place] < 0 or values[place] > _LONGEST_MS:
                self._source.skip(request.line, f"a phase of {values[place]} ms")
                values[place] = _UNSET
        if values[_FAILED] not in (0, 1) and request.knows_failure:
            self._source.skip(request.line, f"http_req_failed of {values[_FAILED]}")
            values[_FAILED] = _UNSET

    def _append(self, line: int, metric: str, time: Time, value: float, tags: Tags) -> bool:
        """Add a row; False, and a rejected line, if its time, value or tags make no sense."""
        try:
            ended_ns = self._form.nanoseconds(time)
            number = self._numbers.get((metric, tags))
            if number is None:
                number = self._learn(metric, tags)
            kind = self._templates[number].kind
            if kind == schema.USERS and not 0 <= value <= _MOST_USERS:
                raise ValueError(f"{value} virtual users")
            if kind in _TIMED and (value < 0 or value > _LONGEST_MS):
                raise ValueError(f"a duration of {value} ms")
        except ValueError as error:
            self._source.skip(line, f"not a point of k6: {error}")
            return False
        self._template.append(number)
        self._ended_ns.append(ended_ns)
        self._value.append(value)
        return True

    def _learn(self, metric: str, tags: Tags) -> int:
        known = self._form.tags(tags)
        info = self._source.facts.metrics.get(metric)
        unit = info.unit if info else None
        template = _template(metric, known, unit, self._source.options.names)
        number = self._numbers[metric, tags] = len(self._templates)
        self._templates.append(template)
        return number

    def batch(self) -> pa.RecordBatch:
        """The rows so far; the next batch begins."""
        columns = self._shared_columns() | self._own_columns()
        batch = schema.batch(self.count, columns)
        self._begin()
        return batch

    def _shared_columns(self) -> dict[str, pa.Array]:
        template = pa.array(self._template, pa.int32())
        return {
            column: _per_template(column, self._templates).take(template)
            for column in (
                "kind",
                "name",
                "method",
                "group",
                "scenario",
                "status",
                "unit",
                "labels",
            )
        }

    def _own_columns(self) -> dict[str, pa.Array]:
        template = np.array(self._template)
        value = np.array(self._value)
        kind = np.array([entry.kind for entry in self._templates])[template]
        timed = np.isin(kind, _TIMED)
        valued = np.isin(kind, (schema.METRIC, schema.CHECK))
        http = np.full((self.count, len(HTTP)), np.nan)
        http[self._http_rows] = np.array(self._http_values).reshape(-1, len(HTTP))
        ok = self._ok(template, kind, value, http[:, _FAILED])
        return {
            "ts": _starts(self._ended_ns, np.where(timed, value, 0)),
            "ok": pa.array(ok == 1, mask=np.isnan(ok)),
            "error": self._errors(template, ok == 0),
            "duration_ms": _known(np.where(timed, value, np.nan)),
            "users": _known(np.where(kind == schema.USERS, value, np.nan)),
            "value": _known(np.where(valued, value, np.nan)),
        } | {column: _known(http[:, place]) for column, place in _PHASES.items()}

    def _ok(
        self, template: _Numbers, kind: _Numbers, value: _Numbers, failed: _Numbers
    ) -> _Numbers:
        """1 succeeded, 0 failed, NaN where k6 did not say.

        A k6 that knows http_req_failed leaves it out where the script switched it off.
        """
        judges = "http_req_failed" in self._source.facts.metrics
        said = [
            entry.ok_by_status if entry.ok is None and not judges else entry.ok
            for entry in self._templates
        ]
        by_tags = np.array(said, dtype=float)[template]
        ok = np.where(np.isnan(failed), by_tags, failed == 0)
        return np.where(kind == schema.CHECK, value != 0, ok)

    def _errors(self, template: _Numbers, failed: _Numbers) -> pa.Array:
        texts = ((entry.error, entry.error_if_failed) for entry in self._templates)
        both = pa.array(chain.from_iterable(texts), pa.string()).dictionary_encode()
        return both.take(pa.array(2 * template + failed))


def _per_template(column: str, templates: list[_Template]) -> pa.Array:
    type_ = schema.SCHEMA.field(column).type
    values = [getattr(template, column) for template in templates]
    if pa.types.is_dictionary(type_):
        return pa.array(values, pa.string()).dictionary_encode()
    return pa.array(values, type_)


def _starts(ended_ns: list[int], duration_ms: _Numbers) -> pa.Array:
    duration_ns = np.rint(np.nan_to_num(duration_ms) * 1e6).astype(np.int64)
    started_us = (np.array(ended_ns, dtype=np.int64) - duration_ns) // 1000
    return pa.array(started_us).cast(schema.SCHEMA.field("ts").type)


def _known(values: _Numbers) -> pa.Array:
    return pa.array(values, mask=np.isnan(values))


def _template(metric: str, tags: dict[str, str], unit: str | None, names: Names) -> _Template:
    """What the rows of a metric with these tags share; a tag with a column is no label."""
    kind = _KINDS.get(metric, schema.METRIC)
    groups = [group for group in tags.pop("group", "").split("::") if group]
    scenario = tags.pop("scenario", None) or None
    own: dict[str, Any] = {"name": metric, "unit": unit}
    if metric == "http_req_duration":
        own = _http(tags, names)
    elif metric == "grpc_req_duration":
        own = _grpc(tags, names)
    elif kind == schema.TRANSACTION:
        own = {"name": names.endpoint(groups.pop() if groups else None, None, None)}
    elif kind == schema.ITERATION:
        own = {"name": "iteration"}
    elif kind == schema.CHECK:
        own = {"name": tags.pop("check", metric), "unit": "1"}
    elif "name" in tags:  # of a browser's or WebSocket's metric; it repeats the URL
        tags.pop("url", None)
    return _Template(
        kind=kind,
        group="/".join(groups) or None,
        scenario=scenario,
        labels=tuple(sorted(tags.items())),
        **own,
    )


def _http(tags: dict[str, str], names: Names) -> dict[str, Any]:
    method, named = tags.pop("method", None) or None, tags.pop("name", None) or None
    url = tags.pop("url", named)  # systemTags may leave it out; a name may still be a URL
    status = _status(tags)
    expected = tags.pop("expected_response", None)
    error = tags.pop("error", None) or None
    return {
        "name": names.endpoint(named, method, url),
        "method": method,
        "status": status,
        "ok": None if expected is None else expected == "true",
        "ok_by_status": None if status is None else 200 <= status < 400,  # k6's own default
        "error": _short(error),
        "error_if_failed": _short(error or tags.get("error_code")),
    }


def _grpc(tags: dict[str, str], names: Names) -> dict[str, Any]:
    """A call is named `/package.Service/Method` by k6; its status 0 is OK."""
    status = _status(tags)
    error = _short(tags.pop("error", None) or None)
    return {
        "name": names.endpoint(tags.pop("name", None) or None, None, tags.pop("url", None)),
        "status": status,
        "ok": None if status is None else status == 0,
        "error": error,
        "error_if_failed": error or _short(tags.get("error_code")),
    }


def _status(tags: dict[str, str]) -> int | None:
    """The status, taken out of `tags` if it is one: a script may set the tag to any text."""
    text = tags.get("status", "")
    if not re.fullmatch(r"[0-9]{1,4}", text):
        return None
    return int(tags.pop("status"))


def _short(text: str | None) -> str | None:
    return text[: schema.ERROR_LENGTH] if text else None


_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)", re.ASCII)
_LATEST_S = 2**63 // 10**9  # nanoseconds since 1970 must fit into 64 bits: until 2262


def nanoseconds(text: str) -> int:
    """Nanoseconds since 1970 of an RFC 3339 time; ValueError if it is none."""
    found = _TIME.fullmatch(text)
    if not found:
        raise ValueError(f"{text[:40]!r} is not a time")
    second, fraction, zone = found.groups()
    return _second(second, zone) * 10**9 + int((fraction or "").ljust(9, "0"))


@lru_cache(maxsize=1024)  # thousands of points share a second
def _second(text: str, zone: str) -> int:
    second = int(datetime.fromisoformat(text + zone.replace("Z", "+00:00")).timestamp())
    if not 0 <= second < _LATEST_S:
        raise ValueError(f"{text}{zone} is not between 1970 and 2262")
    return second
