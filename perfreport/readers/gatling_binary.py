"""Gatling's binary `simulation.log`, written by 3.13.0 and newer; numbers are big-endian.

    str         i32 length in bytes, the bytes, u8 coder: 0 Latin-1, 1 UTF-16 (no coder if empty)
    cached str  i32 index; at or above 0 a str follows and gets that index, below 0 it is str -index
    groups      i32 count, cached str each, outermost first

    0 run       str version, str class, i64 start, str description,
                i32 count and str each: scenarios, i32 count and i32 length + bytes each: assertions
    1 request   groups, cached str name, i32 start, i32 end, u8 ok, cached str message
    2 user      i32 scenario, u8 starts?, i32 time
    3 group     groups, i32 start, i32 end, i32 cumulated response time, u8 ok
    4 error     cached str message, i32 time

The start of the run is in epoch milliseconds, other times are milliseconds from it. UTF-16 is in
the byte order of the machine that wrote it; little-endian is assumed, as all common ones are.
Source: LogFileDataWriter.scala and LogFileReader.scala of Gatling 3.13.0 to 3.15.1.

A stream of records without marks, in which each text is written once, cannot be read on after a
record that is damaged: there the reading ends, and the bytes that are lost are told.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from struct import Struct
from struct import error as _Short  # raised by unpack_from: the record goes on in the next block

import pyarrow as pa

from perfreport.errors import InputError
from perfreport.readers.gatling import LAST_START_MS, Log, Malformed, note_newer, release_of
from perfreport.readers.gatling_assertions import keep_assertions
from perfreport.readers.reader import Reader
from perfreport.readers.source import Source

_RUN, _REQUEST, _USER, _GROUP, _ERROR = range(5)
_RUN_START = re.compile(rb"\0\0\0\0[\x03-\x30]\d{1,4}\.\d{1,4}[\w.-]*\0")
_LONGEST = 2**20  # bytes of a string: Gatling's own limit is its buffer of 8 KiB
_DEEPEST = 100  # groups in groups
_MOST = 10_000  # scenarios, assertions
_LONGEST_RUN = 2**26  # bytes of a run record: beyond that it is damaged, and would fill the memory
_INT = Struct(">i")
_LONG = Struct(">q")
# A request, a group whose strings are all in the cache, by the number of groups.
_REQUESTS = [Struct(f">{depth + 1}iiiBi") for depth in range(_DEEPEST + 1)]
_GROUPS = [Struct(f">{depth}iiiiB") for depth in range(_DEEPEST + 1)]


class _Damaged(Exception):
    """Bytes that no Gatling writes: where the next record begins is lost."""


def sniff(head: bytes) -> bool:
    """A run record whose first string is a version."""
    return _RUN_START.match(head) is not None


def read(source: Source) -> Iterator[pa.RecordBatch]:
    """The rows of a log of any version whose records parse; InputError without a run record."""
    source.places = "byte"
    blocks, stream = source.blocks(), _Stream()
    run = _run(source, stream, blocks)
    note_newer(source, run.version)
    keep_assertions(source, run.assertions, release_of(run.version))
    records = _Records(source, stream, run)
    while True:
        damage = records.read()
        yield from records.rows.flush()
        block = next(blocks, None)
        if damage or block is None:
            break
        stream.feed(block)
    if damage:
        lost = stream.left + sum(map(len, [block or b"", *blocks]))
        what = f"the rest of the log, {lost:,} bytes, cannot be read"
        source.cut(stream.offset, f"{damage}; {what}")
    elif stream.left:
        source.cut(stream.offset)
    yield from records.rows.finish()


READER = Reader(name="gatling-binary", sniff=sniff, read=read)


class _Stream:
    """Values out of blocks; `_Short` means that the record is not whole yet."""

    def __init__(self) -> None:
        self.data = b""
        self.at = 0
        self.strings: dict[int, str] = {}  # the cache, by index below 0
        self.before = 0  # bytes of the log before `data`

    @property
    def offset(self) -> int:
        """Where we are, in bytes from the beginning of the log."""
        return self.before + self.at

    @property
    def left(self) -> int:
        return len(self.data) - self.at

    def feed(self, block: bytes) -> None:
        self.before += self.at
        self.data, self.at = self.data[self.at :] + block, 0

    def int32(self) -> int:
        (value,) = _INT.unpack_from(self.data, self.at)
        self.at += 4
        return int(value)

    def int64(self) -> int:
        (value,) = _LONG.unpack_from(self.data, self.at)
        self.at += 8
        return int(value)

    def count(self, most: int, what: str) -> int:
        """A number of things or bytes, which must be believed before it is acted upon."""
        number = self.int32()
        if not 0 <= number <= most:
            raise _Damaged(f"{number} {what}")
        return number

    def take(self, length: int) -> bytes:
        end = self.at + length
        if end > len(self.data):
            raise _Short("the block ends inside a string")
        self.at, start = end, self.at
        return self.data[start:end]

    def string(self) -> str:
        length = self.count(_LONGEST, "bytes in a string")
        if not length:
            return ""
        text, coder = self.take(length), self.take(1)[0]
        if coder > 1:
            raise _Damaged(f"a string with coder {coder}")
        return text.decode("utf-16-le", "replace") if coder else text.decode("latin-1")

    def cached(self) -> int:
        """The index of a cached string, below 0 as it is written when the string comes again."""
        index = self.int32()
        if index > 0:
            self.strings[-index] = self.string()
            return -index
        if index not in self.strings:
            raise _Damaged(f"string {-index} is used before it was written")
        return index

    def flag(self) -> int:
        byte = self.take(1)[0]
        if byte > 1:
            raise _Damaged(f"byte {byte} where only 0 and 1 can be")
        return byte


@dataclass(frozen=True)
class _Run:
    """What the run record says."""

    version: str
    start_ms: int
    scenarios: list[str]
    assertions: list[bytes]

    @property
    def unawaited(self) -> int:
        """The end of a message without a request: Long.MinValue less the start, in 32 bits."""
        return (-self.start_ms + 2**31) % 2**32 - 2**31


class _Records:
    """Reads the records after the run record."""

    def __init__(self, source: Source, stream: _Stream, run: _Run) -> None:
        self._source = source
        self._stream = stream
        self._start_ms = run.start_ms
        self._scenarios = run.scenarios
        self._unawaited = run.unawaited
        self.rows = Log(source, run.version, run.start_ms)

    def read(self) -> str:
        """Take in the whole records of the stream; why there can be no more, if so."""
        stream = self._stream
        parsers = {
            _REQUEST: self._request,
            _USER: self._user,
            _GROUP: self._group,
            _ERROR: self._error,
        }
        data = stream.data
        while stream.at < len(data):
            begin, header = stream.at, data[stream.at]
            stream.at += 1
            try:
                if header not in parsers:
                    raise _Damaged(_unknown(header, data[begin:]))
                parsers[header]()
            except _Short:
                stream.at = begin
                return ""
            except _Damaged as error:
                stream.at = begin
                return str(error)
            except Malformed as error:
                self._source.skip(stream.before + begin, str(error))
        return ""

    def _request(self) -> None:
        """A shape seen before has all its strings in the cache, and is read in one go.

        That makes it 13 MB/s instead of 3.
        """
        stream = self._stream
        (depth,) = _INT.unpack_from(stream.data, stream.at)
        if not 0 <= depth <= _DEEPEST:
            raise _Damaged(f"{depth} groups around a request")
        stream.at += _INT.size
        record = _REQUESTS[depth]
        fields = record.unpack_from(stream.data, stream.at)
        key, times = fields[: depth + 1] + fields[depth + 3 :], fields[depth + 1 : depth + 3]
        if self.rows.seen(key):
            stream.at += record.size
        else:
            key, times = self._new_request(depth)
        start, end = times
        if end == self._unawaited:
            self.rows.unawaited()
        else:
            self.rows.add(key, self._start_ms + start, self._start_ms + end)

    def _new_request(self, depth: int) -> tuple[tuple[int, ...], tuple[int, int]]:
        """Key and times of a request whose shape is not known yet."""
        stream = self._stream
        names = [stream.cached() for _ in range(depth + 1)]
        start, end = stream.int32(), stream.int32()
        ok, message = stream.flag(), stream.cached()
        key = (*names, ok, message)
        *path, name, message_text = self._texts((*names, message))
        self.rows.learn_request(key, path, name, bool(ok), message_text)
        return key, (start, end)

    def _group(self) -> None:
        stream = self._stream
        depth = stream.count(_DEEPEST, "groups around a group")
        record = _GROUPS[depth]
        fields = record.unpack_from(stream.data, stream.at)
        key, times = fields[:depth] + fields[-1:], fields[depth:-1]
        if self.rows.seen(key):
            stream.at += record.size
        else:
            key, times = self._new_group(depth)
        start, end, cumulated = times
        self.rows.add(key, self._start_ms + start, self._start_ms + end, cumulated)

    def _new_group(self, depth: int) -> tuple[tuple[int, ...], tuple[int, int, int]]:
        """Key and times of a group whose shape is not known yet."""
        stream = self._stream
        names = [stream.cached() for _ in range(depth)]
        times = stream.int32(), stream.int32(), stream.int32()
        ok = stream.flag()
        key = (*names, ok)
        self.rows.learn_group(key, self._texts(names), bool(ok))
        return key, times

    def _user(self) -> None:
        stream = self._stream
        scenario, starts, at = stream.int32(), stream.flag(), stream.int32()
        if not 0 <= scenario < len(self._scenarios):
            raise _Damaged(f"a user of scenario {scenario} of {len(self._scenarios)}")
        self.rows.user(self._scenarios[scenario], self._start_ms + at, 1 if starts else -1)

    def _error(self) -> None:
        message, at = self._stream.cached(), self._stream.int32()
        self.rows.error(self._start_ms + at, *self._texts([message]))

    def _texts(self, indices: Sequence[int]) -> list[str]:
        return [self._stream.strings[index] for index in indices]


def _unknown(header: int, data: bytes) -> str:
    if sniff(data):
        return "a second run record: two logs in one file"
    return f"no record begins with byte {header}"


def _run(source: Source, stream: _Stream, blocks: Iterator[bytes]) -> _Run:
    """What the run record says; InputError if it is not whole."""
    for block in blocks:
        stream.feed(block)
        try:
            return _run_record(stream)
        except _Short:
            stream.at = 0
            if stream.left > _LONGEST_RUN:
                break
        except _Damaged as error:
            raise InputError(
                f"{source.name}: byte {stream.offset}: its run record is damaged ({error}). "
                "Take the log from the machine that wrote it."
            ) from error
    raise InputError(f"{source.name}: cut off inside its run record: there is nothing to read.")


def _run_record(stream: _Stream) -> _Run:
    if stream.take(1)[0] != _RUN:
        raise _Damaged("it does not begin with byte 0")
    version, _simulation = stream.string(), stream.string()
    start_ms = stream.int64()
    if not 0 < start_ms < LAST_START_MS:
        raise _Damaged(f"{start_ms} is no time")
    _description = stream.string()
    scenarios = [stream.string() for _ in range(stream.count(_MOST, "scenarios"))]
    assertions = [
        stream.take(stream.count(_LONGEST, "bytes in an assertion"))
        for _ in range(stream.count(_MOST, "assertions"))
    ]
    return _Run(version, start_ms, scenarios, assertions)
