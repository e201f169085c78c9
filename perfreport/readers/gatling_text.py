"""Gatling's text `simulation.log`, written by 3.4 to 3.12: a tab-separated record a line.

    ASSERTION  base64                                           before RUN, not read
    RUN        class  id  start  description  version
    USER       scenario  START|END  time
    REQUEST    groups  name  start  end  OK|KO  message
    GROUP      groups  start  end  cumulated response time  OK|KO
    ERROR      message  time

Times are epoch milliseconds; a comma parts nested groups (one inside a name was written as a
blank). Source: LogFileDataWriter.scala and Records.scala of Gatling 3.4.2 and 3.12.0.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from operator import itemgetter
from typing import Any

import pyarrow as pa

from perfreport.errors import InputError
from perfreport.readers.gatling import LAST_START_MS, SPAN_MS, Log, Malformed
from perfreport.readers.reader import Reader
from perfreport.readers.source import Source

# How many columns a record has, and which of them we read, in the order of the newest layout.
_Layout = dict[bytes, tuple[int, Callable[[list[bytes]], Any]]]
_SINCE_3_4: _Layout = {
    b"REQUEST": (7, itemgetter(1, 2, 3, 4, 5, 6)),
    b"GROUP": (6, itemgetter(1, 2, 3, 4, 5)),
    b"USER": (4, itemgetter(1, 2, 3)),
    b"ERROR": (3, itemgetter(1, 2)),
}
_LAYOUTS: dict[tuple[int, int], _Layout] = {(3, 4): _SINCE_3_4}  # by the version that began it

_RUN = re.compile(rb"(?:ASSERTION\t[^\n]*\n)*RUN\t(?:[^\t\n]*\t){4}[^\t\n]*\n")
_VERSION = re.compile(r"(\d{1,4})\.(\d{1,4})[\w.-]{0,40}")
_STATUS = {b"OK": True, b"KO": False}
_USER_CHANGE = {b"START": 1, b"END": -1}


def sniff(head: bytes) -> bool:
    """A RUN record, with nothing but assertions before it."""
    return _RUN.match(head) is not None


def read(source: Source) -> Iterator[pa.RecordBatch]:
    """The rows of a log; InputError for a version before 3.4 and a log without a RUN record."""
    log: _Lines | None = None
    for number, lines in source.lines():
        if log is None:
            skipped, run = _first_record(source, number, lines)
            if run is None:
                continue
            log = _Lines(source, run)
            number, lines = number + skipped, lines[skipped:]
        log.read(number, lines)
        yield from log.rows.flush()
    if log is None:
        raise _no_run(source)
    log.finish()
    yield from log.rows.users()


READER = Reader(name="gatling-text", sniff=sniff, read=read)


def _first_record(
    source: Source, number: int, lines: list[bytes]
) -> tuple[int, list[bytes] | None]:
    """How many lines of the log's beginning these are, and the RUN record if it is among them."""
    for index, line in enumerate(lines):
        if line.startswith(b"RUN\t"):
            return index + 1, line.rstrip(b"\r").split(b"\t")
        if line.strip() and not line.startswith(b"ASSERTION\t"):
            raise _no_run(source, number + index)
    return len(lines), None


def _no_run(source: Source, line: int | None = None) -> InputError:
    place = source.name if line is None else f"{source.name}:{line}"
    return InputError(
        f"{place}: no RUN record before this. Give the whole simulation.log, from its first line."
    )


class _Lines:
    """Reads the lines after the RUN record."""

    def __init__(self, source: Source, run: list[bytes]) -> None:
        self._source = source
        version, self._start_ms = _run(source, run)
        self._layout = _layout(source, version)
        self.rows = Log(source, version, self._start_ms)
        self._parsers = {
            b"REQUEST": self._request,
            b"GROUP": self._group,
            b"USER": self._user,
            b"ERROR": self._error,
        }
        self._doubtful: tuple[int, str] | None = None
        self._last = 0  # number of the last line

    def read(self, first: int, lines: list[bytes]) -> None:
        """Take in whole lines; `first` is the number of the first."""
        layout, parsers = self._layout, self._parsers
        self._last = first + len(lines) - 1
        for number, line in enumerate(lines, first):
            fields = line.rstrip(b"\r").split(b"\t")  # Windows ends its lines with \r\n
            header = fields[0]
            if header not in layout:
                self._unknown(number, line)
                continue
            columns, pick = layout[header]
            if len(fields) != columns:
                self._doubt(number, f"{len(fields)} columns instead of {columns}")
                continue
            try:
                parsers[header](pick(fields))
            except Malformed as error:
                self._doubt(number, str(error))
            except ValueError:
                self._doubt(number, f"not a {header.decode()} record: a number is damaged")

    def finish(self) -> None:
        """A last record that cannot be read was cut off: each is written with its line end."""
        if self._doubtful and self._doubtful[0] == self._last:
            self._source.cut(self._last, f"cut off inside a record ({self._doubtful[1]})")
        elif self._doubtful:
            self._source.skip(*self._doubtful)

    def _request(self, fields: tuple[bytes, ...]) -> None:
        groups, name, start, end, status, message = fields
        key = (groups, name, status, message)
        start_ms, end_ms = self._time(start), self._time(end)
        if not self.rows.seen(key):
            self.rows.learn_request(key, _path(groups), _text(name), _ok(status), _text(message))
        self.rows.add(key, start_ms, end_ms)

    def _group(self, fields: tuple[bytes, ...]) -> None:
        groups, start, end, cumulated, status = fields
        key = (groups, status)
        start_ms, end_ms = self._time(start), self._time(end)
        if not self.rows.seen(key):
            self.rows.learn_group(key, _path(groups), _ok(status))
        self.rows.add(key, start_ms, end_ms, _small(cumulated))

    def _user(self, fields: tuple[bytes, ...]) -> None:
        scenario, event, time = fields
        if event not in _USER_CHANGE:
            raise Malformed("neither START nor END of a user")
        self.rows.user(_text(scenario), self._time(time), _USER_CHANGE[event])

    def _error(self, fields: tuple[bytes, ...]) -> None:
        message, time = fields
        self.rows.error(self._time(time), _text(message))

    def _unknown(self, number: int, line: bytes) -> None:
        if line.startswith(b"RUN\t"):
            self._doubt(number, "a second RUN record: two logs in one file")
        elif line.strip() and not line.startswith(b"ASSERTION\t"):
            self._doubt(number, "not a record of Gatling")

    def _doubt(self, number: int, why: str) -> None:
        """Keep a malformed record until it is known whether it is the last."""
        if self._doubtful:
            self._source.skip(*self._doubtful)
        self._doubtful = (number, why)

    def _time(self, field: bytes) -> int:
        time_ms = int(field)
        if not -SPAN_MS <= time_ms - self._start_ms < SPAN_MS:
            raise Malformed("a time more than 24 days from the run's start")
        return time_ms


def _run(source: Source, fields: list[bytes]) -> tuple[str, int]:
    """Version and start of a RUN record."""
    try:
        _, _, _, start, _, version = fields
        start_ms = int(start)
    except ValueError as error:
        raise InputError(
            f"{source.name}: its RUN record is damaged. Take the log from the machine that wrote it."
        ) from error
    if not 0 < start_ms < LAST_START_MS:
        raise InputError(f"{source.name}: its RUN record starts at {start_ms}, which is no time.")
    return _text(version).strip(), start_ms


def _layout(source: Source, version: str) -> _Layout:
    """The columns of a version's records; InputError for one that is not known."""
    found = _VERSION.fullmatch(version)
    if found:
        release = int(found[1]), int(found[2])
        for since in sorted(_LAYOUTS, reverse=True):
            if release >= since:
                return _LAYOUTS[since]
    raise InputError(
        f"{source.name}: a log of Gatling {version}; 3.4 and newer are read. "
        "Run the test with a newer Gatling, or take the numbers from its report."
    )


def _ok(status: bytes) -> bool:
    if status not in _STATUS:
        raise Malformed("neither OK nor KO")
    return _STATUS[status]


def _small(field: bytes) -> int:
    number = int(field)
    if not 0 <= number < 2**53:
        raise Malformed("a cumulated time that cannot be")
    return number


def _path(groups: bytes) -> list[str]:
    return _text(groups).split(",") if groups else []


def _text(field: bytes) -> str:
    return field.decode("utf-8", "replace")
