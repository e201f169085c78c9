"""An input is read once, front to back, whatever its compression and however it is damaged."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import random
from collections.abc import Callable

import pytest
import zstandard

from perfreport.errors import InputError
from perfreport.readers import source as source_module
from perfreport.readers.source import BLOCK_SIZE, HEAD_SIZE, Source

Compress = Callable[[bytes], bytes]

COMPRESSIONS: dict[str, Compress] = {
    "plain": bytes,
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "zstd": lambda data: zstandard.ZstdCompressor().compress(data),
    "zstd-stream": lambda data: (
        (stream := zstandard.ZstdCompressor().compressobj()).compress(data) + stream.flush()
    ),
}
compressed_only = pytest.mark.parametrize("compress", ["gzip", "bzip2", "zstd", "zstd-stream"])
any_compression = pytest.mark.parametrize("compress", COMPRESSIONS)


def text(lines: int, seed: int = 0) -> bytes:
    """Numbered lines that compress about as badly as a load tool's do."""
    draw = random.Random(seed)
    return b"".join(b"%d %x\n" % (number, draw.getrandbits(64)) for number in range(lines))


def opened(stored: bytes) -> Source:
    return Source(io.BytesIO(stored), "input")


def content(source: Source) -> bytes:
    return b"".join(source.blocks())


@any_compression
def test_the_content_comes_out_whole(compress: str) -> None:
    data = text(30_000)
    assert content(opened(COMPRESSIONS[compress](data))) == data


@any_compression
def test_looking_at_the_head_takes_nothing_from_the_content(compress: str) -> None:
    data = text(30_000)
    source = opened(COMPRESSIONS[compress](data))
    assert source.head() == data[:HEAD_SIZE]
    assert source.head() == data[:HEAD_SIZE]
    assert content(source) == data


def test_the_head_of_a_short_input_is_all_of_it() -> None:
    assert opened(b"one\ntwo").head() == b"one\ntwo"
    assert opened(b"").head() == b""


@compressed_only
@pytest.mark.parametrize("padding", [0, 1, 5000])
def test_members_follow_each_other_and_zeros_pad_them(compress: str, padding: int) -> None:
    parts = [text(5000, seed) for seed in range(3)]
    stored = b"".join(COMPRESSIONS[compress](part) for part in parts) + b"\0" * padding
    source = opened(stored)
    assert content(source) == b"".join(parts)
    assert not source.truncated
    assert source.rejected == 0


@compressed_only
def test_a_cut_input_gives_what_came_before_the_cut(compress: str) -> None:
    data = text(100_000)
    stored = COMPRESSIONS[compress](data)
    source = opened(stored[: len(stored) // 2])
    got = content(source)
    assert data.startswith(got)
    assert len(got) > len(data) // 4
    assert source.truncated


@pytest.mark.parametrize("kept", [1, 5, 17, 100])
def test_a_gzip_cut_within_its_first_bytes_is_cut_and_not_a_crash(kept: int) -> None:
    source = opened(gzip.compress(text(100))[:kept])
    assert text(100).startswith(content(source)) or kept == 1
    assert source.truncated == (kept > 1)  # one byte is not recognised as gzip


@compressed_only
def test_damage_is_told_with_its_place_and_keeps_what_came_before(compress: str) -> None:
    data = text(100_000)
    stored = bytearray(COMPRESSIONS[compress](data))
    middle = len(stored) // 2
    stored[middle : middle + 64] = bytes(64)
    source = opened(bytes(stored))
    got = content(source)
    # bzip2 and zstd check whole blocks; gzip may inflate some of the damage before it notices.
    sound = len(data) // 4
    assert got[:sound] == data[:sound]
    assert source.truncated
    assert source.rejected == 1
    assert source.rejections[0].why.startswith("compressed data damaged")


def test_garbage_after_the_last_member_is_told() -> None:
    source = opened(gzip.compress(b"one\n") + b"garbage")
    assert content(source) == b"one\n"
    assert source.rejected == 1


@any_compression
def test_size_and_checksum_are_those_of_the_stored_file(compress: str) -> None:
    stored = COMPRESSIONS[compress](text(30_000))
    source = opened(stored)
    content(source)
    info = source.info("some-format", rows=7)
    assert (info.size, info.sha256) == (len(stored), hashlib.sha256(stored).hexdigest())
    assert (info.name, info.format, info.rows) == ("input", "some-format", 7)


def test_the_checksum_of_a_damaged_file_covers_all_of_it() -> None:
    stored = gzip.compress(text(1000))[:2000] + bytes(500_000)
    source = opened(stored)
    content(source)
    assert source.info("some-format", rows=0).sha256 == hashlib.sha256(stored).hexdigest()


def test_progress_counts_every_stored_byte_once() -> None:
    stored = gzip.compress(text(30_000))
    bites: list[int] = []
    content(Source(io.BytesIO(stored), "input", on_read=bites.append))
    assert sum(bites) == len(stored)


BOMBS: dict[str, bytes] = {
    "gzip": gzip.compress(bytes(2**26)) * 8,
    "bzip2": bz2.compress(bytes(2**26)) * 8,
    "zstd": zstandard.ZstdCompressor().compress(bytes(2**26)) * 8,
}


@pytest.mark.parametrize("compress", BOMBS)
def test_a_small_file_cannot_fill_the_memory(compress: str) -> None:
    sizes = [len(block) for block in opened(BOMBS[compress]).blocks()]
    assert sum(sizes) == 2**29
    assert max(sizes) <= BLOCK_SIZE + 2**25


def test_lines_are_whole_and_numbered_across_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_module, "BLOCK_SIZE", 1000)
    monkeypatch.setattr(source_module, "_BITE", 300)
    data = text(500)
    numbered = [
        (first + offset, line)
        for first, lines in opened(data).lines()
        for offset, line in enumerate(lines)
    ]
    assert numbered == list(enumerate(data.splitlines(), start=1))


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"", []),
        (b"one", [b"one"]),
        (b"one\n", [b"one"]),
        (b"one\n\ntwo", [b"one", b"", b"two"]),
        (b"\n", [b""]),
    ],
)
def test_the_last_line_may_lack_its_end(data: bytes, lines: list[bytes]) -> None:
    assert [line for _, part in opened(data).lines() for line in part] == lines


@pytest.mark.parametrize("after", [b"", b"\n", b"\nthree", b"\nthree\n"])
def test_a_line_without_end_is_counted_and_reading_goes_on(
    monkeypatch: pytest.MonkeyPatch, after: bytes
) -> None:
    monkeypatch.setattr(source_module, "_LONGEST_LINE", 100_000)
    monkeypatch.setattr(source_module, "BLOCK_SIZE", 1000)
    source = opened(b"one\ntwo\n" + b"x" * 300_000 + after)
    numbered = [
        (first + at, line) for first, lines in source.lines() for at, line in enumerate(lines)
    ]
    assert numbered == [(1, b"one"), (2, b"two"), *[(4, b"three")] * (b"three" in after)]
    assert [(skipped.line, source.rejected) for skipped in source.rejections] == [(3, 1)]


def test_the_first_ten_rejected_records_are_kept_and_all_are_counted() -> None:
    source = opened(b"")
    for line in range(1, 31):
        source.skip(line, "not a number")
    source.cut(31)
    info = source.info("some-format", rows=0)
    assert (info.rejected, info.truncated) == (31, True)
    assert [rejection.line for rejection in info.rejections] == list(range(1, 11))


class Failing(io.RawIOBase):
    def read(self, size: int = -1) -> bytes:
        raise OSError(5, "Input/output error")


def test_a_failing_disk_is_an_input_error() -> None:
    with pytest.raises(InputError, match=r"^input: cannot be read: Input/output error"):
        Source(Failing(), "input").head()  # type: ignore[arg-type]
