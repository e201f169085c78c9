"""One input being read: its bytes decompressed, what was learnt of the run, what was rejected."""

from __future__ import annotations

import bz2
import hashlib
import os
import zlib
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from itertools import chain
from stat import S_ISREG
from typing import IO, Literal, Protocol

import zstandard

from perfreport.errors import InputError
from perfreport.readers.names import Names
from perfreport.run.info import MAX_REJECTIONS, MetricInfo, Rejection, ResponseTime, SourceInfo

HEAD_SIZE = 64 * 1024
BLOCK_SIZE = 4 * 1024 * 1024
_BITE = 64 * 1024
# Compressed data is inflated in sips: damage costs no more than one, and a small file cannot fill
# the memory (the worst ratio of deflate is 1:1032, that of zstd 1:32768, which makes 32 MiB).
_SIP = 1024
_LONGEST_LINE = 64 * 1024 * 1024


@dataclass
class ReadOptions:
    """What the user said about the inputs."""

    timezone: tzinfo = UTC  # of time stamps that name none
    start: datetime | None = None  # when an input began that tells no time of day
    columns: tuple[str, ...] = ()  # names of the columns of a table without a header
    names: Names = field(default_factory=Names)
    end: datetime | None = None  # with start: what to ask a database for


@dataclass
class Facts:
    """What a reader learns of the run besides its rows."""

    tool: str | None = None
    tool_version: str | None = None
    response_time: ResponseTime | None = None  # whether DNS, connect and TLS are in a duration
    start: datetime | None = None  # where the tool says so
    end: datetime | None = None
    aggregates: bool = False  # of a whole run, from `start` to `end`: no single observation
    scenario: str | None = None
    metrics: dict[str, MetricInfo] = field(default_factory=dict)
    thresholds: dict[str, list[str]] = field(default_factory=dict)


def _modified(stream: IO[bytes]) -> datetime | None:
    """When the file was last written; None for what is no file."""
    try:
        status = os.fstat(stream.fileno())
    except OSError:  # io.UnsupportedOperation of a stream in memory is one, too
        return None
    return datetime.fromtimestamp(status.st_mtime, UTC) if S_ISREG(status.st_mode) else None


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, /) -> bytes: ...


_COMPRESSIONS: dict[bytes, Callable[[], _Decompressor]] = {
    b"\x1f\x8b": lambda: zlib.decompressobj(wbits=31),
    b"BZh": bz2.BZ2Decompressor,
    b"\x28\xb5\x2f\xfd": lambda: zstandard.ZstdDecompressor(max_window_size=2**27).decompressobj(),
}


class Source:
    """One input: a stream of bytes, read once, front to back.

    stream  raw bytes as stored; gzip, zstd and bzip2 are recognised by their magic numbers
    name    how messages call it: a base name, never an absolute path
    on_read called with the number of stored bytes of each bite, for a progress bar
    """

    def __init__(
        self,
        stream: IO[bytes],
        name: str,
        options: ReadOptions | None = None,
        on_read: Callable[[int], None] | None = None,
    ) -> None:
        self.name = name
        self.options = options or ReadOptions()
        self.facts = Facts()
        self.rejected = 0
        self.rejections: list[Rejection] = []
        self.places: Literal["line", "byte"] = "line"  # what `skip` and `cut` are told
        self.truncated = False
        self.unterminated = False  # `lines` came to a last line without its line end
        self.notes: list[str] = []
        self.modified = _modified(stream)
        self._stream = stream
        self._on_read = on_read or (lambda _: None)
        self._size = 0
        self._sha256 = hashlib.sha256()
        self._pieces = self._decompressed()
        self._head = b""

    def head(self) -> bytes:
        """The first bytes, decompressed, at most HEAD_SIZE; `blocks` will give them again."""
        while len(self._head) < HEAD_SIZE:
            piece = next(self._pieces, None)
            if piece is None:
                break
            self._head += piece
        return self._head[:HEAD_SIZE]

    def blocks(self) -> Iterator[bytes]:
        """The decompressed bytes, in blocks of about BLOCK_SIZE."""
        pieces, size = [self._head], len(self._head)
        self._head = b""
        for piece in self._pieces:
            pieces.append(piece)
            size += len(piece)
            if size >= BLOCK_SIZE:
                yield b"".join(pieces)
                pieces, size = [], 0
        if size:
            yield b"".join(pieces)

    def lines(self) -> Iterator[tuple[int, list[bytes]]]:
        """Lists of whole lines without their line ends, each with the number of its first line.

        The last line may lack its line end (`unterminated` is true once it was given): a reader
        that cannot parse it calls `cut`. A line longer than 64 MiB is counted as rejected.
        """
        number, rest, dropping = 1, b"", False
        for block in self.blocks():
            lines = (rest + block).split(b"\n")
            rest = lines.pop()
            if dropping and lines:  # the end of the long line
                number, lines, dropping = number + 1, lines[1:], False
            if dropping or len(rest) > _LONGEST_LINE:
                if not dropping:
                    self.skip(number + len(lines), f"a line longer than {_LONGEST_LINE >> 20} MiB")
                rest, dropping = b"", True
            yield number, lines
            number += len(lines)
        if rest:
            self.unterminated = True
            yield number, [rest]

    def skip(self, line: int, why: str) -> None:
        """Count a record that cannot be read; the first ten places are kept."""
        self.rejected += 1
        if len(self.rejections) < MAX_REJECTIONS:
            self.rejections.append(Rejection(line=line, why=why))

    def cut(self, line: int, why: str = "cut off inside a record") -> None:
        """Count the record at which the input was cut off."""
        self.truncated = True
        self.skip(line, why)

    def note(self, what: str) -> None:
        """Something that the user should know but that is no damage: points that say nothing."""
        self.notes.append(f"{self.name}: {what}")

    def info(self, format: str, rows: int) -> SourceInfo:
        """What the run's metadata keeps of this source, after it was read to its end."""
        return SourceInfo(
            name=self.name,
            format=format,
            size=self._size,
            sha256=self._sha256.hexdigest(),
            rows=rows,
            rejected=self.rejected,
            rejections=self.rejections,
            places=self.places,
            truncated=self.truncated,
        )

    def _stored(self) -> Iterator[bytes]:
        while bite := self._bite():
            self._size += len(bite)
            self._sha256.update(bite)
            self._on_read(len(bite))
            yield bite

    def _bite(self) -> bytes:
        try:
            return self._stream.read(_BITE)
        except OSError as error:
            raise InputError(f"{self.name}: cannot be read: {error.strerror}.") from error

    def _decompressed(self) -> Iterator[bytes]:
        stored = self._stored()
        first = next(stored, b"")
        opener = next(
            (make for magic, make in _COMPRESSIONS.items() if first.startswith(magic)), None
        )
        if opener is None:
            yield first
            yield from stored
            return
        decompressor = opener()
        try:
            for bite in chain([first], stored):
                for sip in (bite[at : at + _SIP] for at in range(0, len(bite), _SIP)):
                    decompressor = yield from self._inflate(decompressor, sip, opener)
        except (zlib.error, OSError, EOFError, zstandard.ZstdError) as error:
            self.truncated = True
            self.skip(0, f"compressed data damaged at byte {self._size}: {error}")
            for _ in stored:  # the checksum is of the whole file
                pass
            return
        if not decompressor.eof:
            self.truncated = True

    def _inflate(
        self, decompressor: _Decompressor, sip: bytes, opener: Callable[[], _Decompressor]
    ) -> Generator[bytes, None, _Decompressor]:
        """Decompress a sip; a file may hold several members, one after the other.

        Returns the decompressor that the next sip continues.
        """
        while True:
            if decompressor.eof:
                sip = sip.lstrip(b"\0")  # tar and tape pad with zeros
                if not sip:
                    return decompressor
                decompressor = opener()
            yield from _inflated(decompressor, sip)
            if not decompressor.eof:
                return decompressor
            sip = decompressor.unused_data


def _inflated(decompressor: _Decompressor, sip: bytes) -> Iterator[bytes]:
    if not isinstance(decompressor, bz2.BZ2Decompressor):
        yield decompressor.decompress(sip)
        return
    # 45 bytes of bzip2 may hold 45 MB.
    yield decompressor.decompress(sip, BLOCK_SIZE)
    while not decompressor.needs_input and not decompressor.eof:
        yield decompressor.decompress(b"", BLOCK_SIZE)
