"""What Gatling's two logs have in common: the rows of their records, and the users in them.

A request, a group, an error become a row each, in the order of the log. Starts and ends of users
are counted, and become one row a second and scenario after all others.

- Where a log does not say which scenario a request belongs to, it is theirs while users of only one
  have been seen; from then on it is unknown.
- A WebSocket or SSE message that no check awaited is no request: it has no duration. Such are counted
  in a note and left out, as in Gatling's statistics.
- An error (a request that could not be built, a crash) has no duration: it is a row of the metric
  `gatling_errors` with the message in `error`.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from perfreport.readers.source import Source
from perfreport.run.info import MetricInfo
from perfreport.run.schema import ERROR_LENGTH, METRIC, REQUEST, SCHEMA, TRANSACTION, USERS, batch

ERRORS = "gatling_errors"
# What the binary log can hold, 24.8 days on either side of the run's start: a time further off is
# damaged, and would stretch the run's users to billions of rows.
SPAN_MS = 2**31
LAST_START_MS = 253_402_300_799_999 - SPAN_MS  # the year 9999, where Python's dates end
NEWEST = (3, 15)  # that the readers were tested with
_RELEASE = re.compile(r"[0-9]{1,4}(?:\.[0-9]{1,4})+")
_USERS_ROWS = 64 * 1024
_CONTROLS = str.maketrans("\t\n\r", "   ")  # Gatling shows them as blanks


def release_of(version: str) -> tuple[int, ...]:
    """The numbers that a version begins with: 3.13.0-M1 is (3, 13, 0); () if it has none.

    >>> release_of("3.4.0-M1"), release_of("seven")
    ((3, 4, 0), ())
    """
    found = _RELEASE.match(version)
    return tuple(int(number) for number in found[0].split(".")) if found else ()


def note_newer(source: Source, version: str) -> None:
    """Say so where nobody has tried a version."""
    if release_of(version)[:2] > NEWEST:
        tested = ".".join(map(str, NEWEST))
        source.note(
            f"Gatling {version} is newer than the versions this was tested with (up to {tested}). "
            "Compare the number of requests with Gatling's report"
        )


class Malformed(ValueError):
    """A record that cannot be true; the message says why."""


@dataclass(frozen=True)
class Shape:
    """What many rows have in common: all columns but times and values."""

    kind: str
    name: str
    group: str | None = None
    scenario: str | None = None
    ok: bool | None = None
    error: str | None = None
    unit: str | None = None


@dataclass
class _Columns:
    """A batch being filled; shapes are kept once a batch, so that memory stays flat."""

    known: dict[Hashable, int] = field(default_factory=dict)
    shapes: list[Shape] = field(default_factory=list)
    shape: list[int] = field(default_factory=list)
    start_ms: list[int] = field(default_factory=list)
    duration_ms: list[int | None] = field(default_factory=list)
    value: list[int | None] = field(default_factory=list)


class Log:
    """The rows of one log.

    key   whatever tells two shapes of a log apart; the texts are only needed for a new one
    path  names of the groups around a record, outermost first
    Raises Malformed for a record that ends before it starts.
    """

    def __init__(self, source: Source, version: str, start_ms: int) -> None:
        self._source = source
        self._facts = source.facts
        self._facts.tool, self._facts.tool_version = "Gatling", version
        self._facts.response_time = "with_connect"
        self._facts.start = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=start_ms)
        self._names = source.options.names
        self._columns = _Columns()
        self._last_ms = start_ms - SPAN_MS  # the last event so far
        self._changes: dict[str, dict[int, int]] = {}  # scenario: second: users more or less
        self._unawaited = 0
        self.scenario: str | None = None  # of the requests, while it is known

    def seen(self, key: Hashable) -> bool:
        """Has this batch a shape of that key?"""
        return key in self._columns.known

    def add(self, key: Hashable, start_ms: int, end_ms: int, value: int | None = None) -> None:
        """A row of a shape that was seen."""
        if end_ms < start_ms:
            raise Malformed(f"ends {start_ms - end_ms} ms before it starts")
        columns = self._columns  # as _append does: a call less makes it a tenth faster
        columns.shape.append(columns.known[key])
        columns.start_ms.append(start_ms)
        columns.duration_ms.append(end_ms - start_ms)
        columns.value.append(value)

    def learn_request(
        self,
        key: Hashable,
        path: list[str],
        name: str,
        ok: bool,
        message: str,
        scenario: str | None = None,
    ) -> None:
        """The shape of a request; Gatling counts `X Redirect 1` as a request of that name."""
        self._learn(
            key,
            Shape(
                kind=REQUEST,
                name=self._names.endpoint(clean(name) or None, None, None),
                group=_joined(path),
                scenario=scenario or self.scenario,
                ok=ok,
                error=None if ok else _message(message),
            ),
        )

    def learn_group(
        self, key: Hashable, path: list[str], ok: bool, scenario: str | None = None
    ) -> None:
        """The shape of a group's end; its value is the cumulated response time."""
        if not path:
            raise Malformed("a group without a name")
        *outer, name = path
        self._learn(
            key,
            Shape(
                kind=TRANSACTION,
                name=self._names.endpoint(clean(name) or None, None, None),
                group=_joined(outer),
                scenario=scenario or self.scenario,
                ok=ok,
                unit="ms",
            ),
        )

    def error(self, at_ms: int, message: str) -> None:
        """Something that failed without being a request."""
        key = (ERRORS, message)
        if not self.seen(key):
            shape = Shape(kind=METRIC, name=ERRORS, ok=False, error=_message(message), unit="1")
            self._learn(key, shape)
            self._facts.metrics[ERRORS] = MetricInfo(type="counter", unit="1")
        self._append(key, at_ms, None, 1)

    def unawaited(self) -> None:
        """A message that came without a request."""
        self._unawaited += 1

    def user(self, scenario: str, at_ms: int, change: int) -> None:
        """One user more (1) or less (-1)."""
        if scenario not in self._changes:
            self._changes[scenario] = {}
            self.scenario = clean(scenario) if len(self._changes) == 1 else None
            self._columns.known.clear()  # those shapes may have the scenario of before
        seconds = self._changes[scenario]
        seconds[at_ms // 1000] = seconds.get(at_ms // 1000, 0) + change
        self._last_ms = max(self._last_ms, at_ms)

    def flush(self) -> Iterator[pa.RecordBatch]:
        """The rows since the last call, if there are any, as a batch."""
        columns, self._columns = self._columns, _Columns()
        if not columns.shape:
            return
        starts = np.array(columns.start_ms, np.int64)
        durations = pa.array(columns.duration_ms, pa.float64())
        ends = starts + durations.fill_null(0).to_numpy()
        self._last_ms = max(self._last_ms, int(ends.max()))
        yield batch(
            len(starts),
            {
                **_shape_columns(columns.shapes, pa.array(columns.shape, pa.int32())),
                "ts": starts * 1000,
                "duration_ms": durations,
                "value": pa.array(columns.value, pa.float64()),
            },
        )

    def finish(self) -> Iterator[pa.RecordBatch]:
        """Tell what was left out, and give the users."""
        if self._unawaited:
            messages = "message" if self._unawaited == 1 else "messages"
            self._source.note(
                f"left out {self._unawaited:,} {messages} of WebSockets or event streams that no "
                "check awaited: without a request there is no duration"
            )
        yield from self._users()

    def _users(self) -> Iterator[pa.RecordBatch]:
        """Active users at the end of each second, from a scenario's first user to the log's end."""
        last = self._last_ms // 1000
        for scenario, changes in self._changes.items():
            first = min(changes)
            change = np.zeros(last - first + 1)
            change[np.fromiter(changes, np.int64) - first] = list(changes.values())
            # Below 0 only where the record of a user's start was lost.
            active = np.maximum(np.cumsum(change), 0)
            for at in range(0, len(active), _USERS_ROWS):
                count = active[at : at + _USERS_ROWS]
                seconds = np.arange(first + at, first + at + len(count))
                columns = {"kind": USERS, "name": "users", "scenario": clean(scenario)}
                yield batch(len(count), {**columns, "ts": seconds * 1_000_000, "users": count})

    def _learn(self, key: Hashable, shape: Shape) -> None:
        self._columns.known[key] = len(self._columns.shapes)
        self._columns.shapes.append(shape)

    def _append(
        self, key: Hashable, start_ms: int, duration_ms: int | None, value: int | None
    ) -> None:
        columns = self._columns
        columns.shape.append(columns.known[key])
        columns.start_ms.append(start_ms)
        columns.duration_ms.append(duration_ms)
        columns.value.append(value)


def _shape_columns(shapes: list[Shape], of_rows: pa.Array) -> dict[str, pa.Array]:
    """The columns that the shapes hold, spread over the rows."""
    columns = {}
    for name in Shape.__dataclass_fields__:
        kind = SCHEMA.field(name).type
        values = [getattr(shape, name) for shape in shapes]
        if pa.types.is_dictionary(kind):
            column = pa.array(values, pa.string()).dictionary_encode()
        else:
            column = pa.array(values, kind)
        columns[name] = column.take(of_rows)
    return columns


def _joined(path: list[str]) -> str | None:
    return "/".join(clean(name) for name in path) or None


def clean(text: str) -> str:
    """A text without tabs and line ends."""
    return text.translate(_CONTROLS)


def _message(text: str) -> str | None:
    return clean(text).strip()[:ERROR_LENGTH] or None
