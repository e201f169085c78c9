"""Gatling's text `simulation.log`, written by 2.0 to 3.12: a tab-separated record a line.

Since 3.4:

    ASSERTION  base64                                           before RUN
    RUN        class  id  start  description  version
    USER       scenario  START|END  time
    REQUEST    groups  name  start  end  OK|KO  message
    GROUP      groups  start  end  cumulated response time  OK|KO
    ERROR      message  time

3.0 to 3.3 name the user of a record, by a number:

    USER       scenario  user  START|END  start of the user  time
    REQUEST    user  groups  name  start  end  OK|KO  message
    GROUP      user  groups  start  end  cumulated response time  OK|KO

2.2 and 2.3 name the scenario too; whatever an extraInfoExtractor said stands at the end:

    RUN        class  id of the user  id  start  description  2.0
    USER       scenario  user  START|END  start of the user  time
    REQUEST    scenario  user  groups  name  start  end  OK|KO  message  ...
    GROUP      scenario  user  groups  start  end  cumulated response time  OK|KO
    GROUP      message  time                                    an error, with the wrong name

2.0 and 2.1 have the kind of a record in its third column; the times of a request are those of the
first and last byte sent, the first and last byte received:

    class     id    RUN      start  description  2.0
    scenario  user  USER     START|END  start of the user  time, 0 of a START
    scenario  user  REQUEST  groups  name  start  sent  answered  end  OK|KO  message  ...
    scenario  user  GROUP    groups  start  end  cumulated response time  OKs  KOs  OK|KO

Times are epoch milliseconds; a comma parts nested groups (since 3.0 one inside a name is written as a
blank). Source: FileDataWriter.scala of Gatling 2.0.0 to 2.1.7, LogFileDataWriter.scala and
Records.scala of 2.2.0 to 3.12.0.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import pyarrow as pa

from perfreport.errors import InputError
from perfreport.readers.gatling import (
    LAST_START_MS,
    SPAN_MS,
    Log,
    Malformed,
    note_newer,
    release_of,
)
from perfreport.readers.gatling_assertions import keep_assertions
from perfreport.readers.reader import Reader
from perfreport.readers.source import Source

_Pick = Callable[[list[bytes]], Any]


@dataclass(frozen=True)
class _Layout:
    """Where the columns of a version's records are.

    kind        the column that says what a record is
    records     by kind: how many columns it has, and which of them we read, always in this order:
                REQUEST whose groups name start end status message, GROUP whose groups start end
                cumulated status, USER scenario user event start time, ERROR message time
    whose       what a request and a group name first: "scenario", "user", or "" for nothing
    open_ended  may a request have more columns?
    """

    kind: int
    records: dict[bytes, tuple[int, _Pick]]
    whose: str
    open_ended: bool = False


# What is not there is read from column 0: of each kind it is always the same.
_SINCE_3_4 = _Layout(
    kind=0,
    whose="",
    records={
        b"REQUEST": (7, itemgetter(0, 1, 2, 3, 4, 5, 6)),
        b"GROUP": (6, itemgetter(0, 1, 2, 3, 4, 5)),
        b"USER": (4, itemgetter(1, 0, 2, 3, 3)),
        b"ERROR": (3, itemgetter(1, 2)),
    },
)
_SINCE_3_0 = _Layout(
    kind=0,
    whose="user",
    records={
        b"REQUEST": (8, itemgetter(1, 2, 3, 4, 5, 6, 7)),
        b"GROUP": (7, itemgetter(1, 2, 3, 4, 5, 6)),
        b"USER": (6, itemgetter(1, 2, 3, 4, 5)),
        b"ERROR": (3, itemgetter(1, 2)),
    },
)
_SINCE_2_2 = _Layout(
    kind=0,
    whose="scenario",
    open_ended=True,
    records={
        b"REQUEST": (9, itemgetter(1, 3, 4, 5, 6, 7, 8)),
        b"GROUP": (8, itemgetter(1, 3, 4, 5, 6, 7)),
        b"USER": (6, itemgetter(1, 2, 3, 4, 5)),
    },
)
_SINCE_2_0 = _Layout(
    kind=2,
    whose="scenario",
    open_ended=True,
    records={
        b"REQUEST": (11, itemgetter(0, 3, 4, 5, 8, 9, 10)),
        b"GROUP": (10, itemgetter(0, 3, 4, 5, 6, 9)),
        b"USER": (6, itemgetter(0, 1, 3, 4, 5)),
    },
)
_LAYOUTS = {  # by the release that began it
    (2, 0): _SINCE_2_0,
    (2, 2): _SINCE_2_2,
    (3, 0): _SINCE_3_0,
    (3, 4): _SINCE_3_4,
}
_LAST_TEXT = (3, 12)

_RUN = re.compile(
    rb"(?:ASSERTION\t[^\n]*\n)*"
    rb"(?:RUN\t(?:[^\t\n]*\t){4,5}|[^\t\n]+\t[^\t\n]*\tRUN\t\d+\t[^\t\n]*\t)[^\t\n]*\n"
)
_WITH_ARTICLE = {
    b"REQUEST": "a REQUEST",
    b"GROUP": "a GROUP",
    b"USER": "a USER",
    b"ERROR": "an ERROR",
}
_STATUS = {b"OK": True, b"KO": False}
_USER_CHANGE = {b"START": 1, b"END": -1}
_UNAWAITED = b"0"  # the end of a message without a request: Long.MinValue, badly written
_MOST_USERS = 250_000  # at once, whose scenarios are remembered: some 30 MB
_MOST_ASSERTIONS = 10_000


def sniff(head: bytes) -> bool:
    """A RUN record, with nothing but assertions before it."""
    return _RUN.match(head) is not None


def read(source: Source) -> Iterator[pa.RecordBatch]:
    """The rows of a log; InputError for a version before 2.0 and a log without a RUN record."""
    log: _Lines | None = None
    assertions: list[bytes] = []
    for number, lines in source.lines():
        if log is None:
            skipped, run = _first_record(source, number, lines, assertions)
            if run is None:
                continue
            log = _Lines(source, _run(source, run))
            keep_assertions(source, assertions, log.release)
            number, lines = number + skipped, lines[skipped:]
        log.read(number, lines)
        yield from log.rows.flush()
    if log is None:
        raise _no_run(source)
    log.finish()
    yield from log.rows.finish()


READER = Reader(name="gatling-text", sniff=sniff, read=read)


def _first_record(
    source: Source, number: int, lines: list[bytes], assertions: list[bytes]
) -> tuple[int, list[bytes] | None]:
    """How many lines of the log's beginning these are, and the RUN record if it is among them.

    What stands before it goes to `assertions`.
    """
    for index, line in enumerate(lines):
        fields = line.rstrip(b"\r").split(b"\t")
        if fields[0] == b"ASSERTION":
            if len(assertions) < _MOST_ASSERTIONS:
                assertions.append(b"\t".join(fields[1:]))
        elif b"RUN" in (fields[0], fields[2] if len(fields) > 2 else b""):
            return index + 1, fields
        elif line.strip():
            raise _no_run(source, number + index)
    return len(lines), None


def _no_run(source: Source, line: int | None = None) -> InputError:
    place = source.name if line is None else f"{source.name}:{line}"
    return InputError(
        f"{place}: no RUN record before this. Give the whole simulation.log, from its first line."
    )


@dataclass(frozen=True)
class _Run:
    """What the RUN record says."""

    version: str
    release: tuple[int, ...]
    layout: _Layout
    start_ms: int


def _run(source: Source, fields: list[bytes]) -> _Run:
    """What a RUN record says; InputError if it is damaged, or of a version that nobody knows."""
    version, release = _version(source, fields)
    layout = next(_LAYOUTS[since] for since in sorted(_LAYOUTS, reverse=True) if release >= since)
    try:
        start_ms = int(fields[4 if layout is _SINCE_2_2 else 3])
    except ValueError as error:
        raise _damaged_run(source) from error
    if not 0 < start_ms < LAST_START_MS:
        raise InputError(f"{source.name}: its RUN record starts at {start_ms}, which is no time.")
    if release[:2] > _LAST_TEXT:
        note_newer(source, version)
    return _Run(version, release, layout, start_ms)


def _version(source: Source, fields: list[bytes]) -> tuple[str, tuple[int, ...]]:
    """The version in words and numbers. All 2.x say 2.0; the columns tell 2.2 from 2.0."""
    if fields[0] != b"RUN" and len(fields) == 6:
        return "2.0 or 2.1", (2, 0)
    if len(fields) == 7 and fields[-1].strip() == b"2.0":
        return "2.2 or 2.3", (2, 2)
    if fields[0] != b"RUN" or len(fields) != 6:
        raise _damaged_run(source)
    version = _text(fields[-1]).strip()
    release = release_of(version)
    if release < (3,):
        raise InputError(
            f"{source.name}: a log of Gatling {version[:50]!r}; 2.0 and newer are read. "
            "Run the test with a newer Gatling, or take the numbers from its report."
        )
    return version, release


def _damaged_run(source: Source) -> InputError:
    return InputError(
        f"{source.name}: its RUN record is damaged. Take the log from the machine that wrote it."
    )


class _Lines:
    """Reads the lines after the RUN record."""

    def __init__(self, source: Source, run: _Run) -> None:
        self._source = source
        self._earliest_ms, self._latest_ms = run.start_ms - SPAN_MS, run.start_ms + SPAN_MS
        self._layout = run.layout
        self.release = run.release
        self.rows = Log(source, run.version, run.start_ms)
        self._parsers = {
            b"REQUEST": self._request,
            b"GROUP": self._group,
            b"USER": self._user,
            b"ERROR": self._error,
        }
        self._scenarios: dict[bytes, str] = {}  # of the users that are there
        scenario_of: dict[str, Callable[[bytes], str | None]] = {
            "scenario": _text,
            "user": self._scenarios.get,
        }
        self._scenario_of = scenario_of.get(run.layout.whose)
        self._doubtful: tuple[int, str] | None = None
        self._last = 0  # number of the last line

    def read(self, first: int, lines: list[bytes]) -> None:
        """Take in whole lines; `first` is the number of the first."""
        kind, records, parsers = self._layout.kind, self._layout.records, self._parsers
        self._last = first + len(lines) - 1
        for number, line in enumerate(lines, first):
            fields = line.rstrip(b"\r").split(b"\t")  # Windows ends its lines with \r\n
            header = fields[kind] if len(fields) > kind else b""
            if header not in records:
                self._unknown(number, line, fields)
                continue
            columns, pick = records[header]
            try:
                if len(fields) != columns:
                    header, pick = self._irregular(header, len(fields))
                parsers[header](pick(fields))
            except Malformed as error:
                self._doubt(number, str(error))
            except ValueError:
                self._doubt(number, f"{_WITH_ARTICLE[header]} record with a damaged number")

    def finish(self) -> None:
        """A last record that cannot be read was cut off: each is written with its line end."""
        if self._doubtful and self._doubtful[0] == self._last:
            self._source.cut(self._last, f"cut off inside a record ({self._doubtful[1]})")
        elif self._doubtful:
            self._source.skip(*self._doubtful)

    def _request(self, fields: tuple[bytes, ...]) -> None:
        whose, groups, name, start, end, status, message = fields
        start_ms, end_ms = int(start), int(end)
        if not self._earliest_ms <= start_ms <= end_ms < self._latest_ms:
            self._time(start)  # raises if that is what is wrong
            if end == _UNAWAITED:
                self.rows.unawaited()
                return
            self._time(end)
        scenario = self._scenario_of(whose) if self._scenario_of else None
        key = (scenario, groups, name, status, message)
        if not self.rows.seen(key):
            path, text = _path(groups), _text(message)
            self.rows.learn_request(key, path, _text(name), _ok(status), text, scenario)
        self.rows.add(key, start_ms, end_ms)

    def _group(self, fields: tuple[bytes, ...]) -> None:
        whose, groups, start, end, cumulated, status = fields
        scenario = self._scenario_of(whose) if self._scenario_of else None
        key = (scenario, groups, status)
        start_ms, end_ms = self._time(start), self._time(end)
        if not self.rows.seen(key):
            self.rows.learn_group(key, _path(groups), _ok(status), scenario)
        self.rows.add(key, start_ms, end_ms, _small(cumulated))

    def _user(self, fields: tuple[bytes, ...]) -> None:
        scenario, user, event, start, end = fields
        if event not in _USER_CHANGE:
            raise Malformed("neither START nor END of a user")
        starts = event == b"START"
        self.rows.user(_text(scenario), self._time(start if starts else end), _USER_CHANGE[event])
        if self._layout.whose == "user":
            self._remember(user, _text(scenario) if starts else None)

    def _remember(self, user: bytes, scenario: str | None) -> None:
        """The scenario of a user, until the user is gone."""
        if scenario is None:
            self._scenarios.pop(user, None)
        elif len(self._scenarios) < _MOST_USERS:
            self._scenarios[user] = scenario

    def _error(self, fields: tuple[bytes, ...]) -> None:
        message, time = fields
        self.rows.error(self._time(time), _text(message))

    def _irregular(self, header: bytes, columns: int) -> tuple[bytes, _Pick]:
        """What a record with another number of columns than most is; Malformed if it is nothing."""
        usual, pick = self._layout.records[header]
        if header == b"REQUEST" and self._layout.open_ended and columns > usual:
            return header, pick
        if header == b"GROUP" and self._layout is _SINCE_2_2 and columns == 3:
            return b"ERROR", itemgetter(1, 2)
        raise Malformed(f"{columns} columns instead of {usual}")

    def _unknown(self, number: int, line: bytes, fields: list[bytes]) -> None:
        if b"RUN" in (fields[0], fields[2] if len(fields) > 2 else b""):
            self._doubt(number, "a second RUN record: two logs in one file")
        elif line.strip() and not line.startswith(b"ASSERTION\t"):
            self._doubt(number, "not a record of Gatling")

    def _doubt(self, number: int, why: str) -> None:
        """Keep a malformed record until it is known whether it is the last."""
        if self._doubtful:
            self._source.skip(*self._doubtful)
        self._doubtful = (number, why)

    def _time(self, field: bytes) -> int:
        time_ms = _number(field)
        if not self._earliest_ms <= time_ms < self._latest_ms:
            raise Malformed("a time more than 24 days from the run's start")
        return time_ms


def _ok(status: bytes) -> bool:
    if status not in _STATUS:
        raise Malformed("neither OK nor KO")
    return _STATUS[status]


def _number(field: bytes) -> int:
    """Digits; Python would take ` +1_0` for a number, too."""
    if not field.isdigit():
        raise ValueError("no digits")
    return int(field)


def _small(field: bytes) -> int:
    number = _number(field)
    if not 0 <= number < 2**53:
        raise Malformed("a cumulated time that cannot be")
    return number


def _path(groups: bytes) -> list[str]:
    return _text(groups).split(",") if groups else []


def _text(field: bytes) -> str:
    return field.decode("utf-8", "replace")
