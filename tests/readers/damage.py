"""Ways in which a result file gets damaged; each takes bytes and a seeded random and gives bytes."""

from __future__ import annotations

import gzip
import random
import re
from collections.abc import Callable

Damage = Callable[[bytes, random.Random], bytes]

_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?")
_ODD_NUMBERS = (
    b"1e999", b"-1e999", b"NaN", b"Infinity", b"-5", b"-99999999999", b"0", b"", b"00012", b"1.5.2",
    b"253402300799999", b"99999999999999999999", b"9223372036854775807", b"\xd9\xa1", b"1_000", b"0x10",
)  # fmt: skip
_ODD_BYTES = (
    b"\0",
    b"\xff",
    b"\xc3(",
    b"\r",
    b"\n",
    b'"',
    b"\t",
    b",",
    b"\\",
    b"<",
    b"&#x0;",
    b"{",
    b"]",
)


def cut(data: bytes, chosen: random.Random) -> bytes:
    """Off at any byte, as a killed tool or a full disk does."""
    return data[: chosen.randrange(len(data) + 1)]


def flip(data: bytes, chosen: random.Random) -> bytes:
    """Up to 30 bits turned."""
    damaged = bytearray(data)
    for _ in range(chosen.choice((1, 1, 1, 2, 5, 30))):
        damaged[chosen.randrange(len(damaged))] ^= 1 << chosen.randrange(8)
    return bytes(damaged)


def insert(data: bytes, chosen: random.Random) -> bytes:
    """Up to 20 odd bytes more: NUL, a quote, a line break, half a letter."""
    damaged = data
    for _ in range(chosen.choice((1, 1, 3, 20))):
        at = chosen.randrange(len(damaged) + 1)
        damaged = damaged[:at] + chosen.choice(_ODD_BYTES) + damaged[at:]
    return damaged


def remove(data: bytes, chosen: random.Random) -> bytes:
    """Some bytes missing, as a lost block."""
    start = chosen.randrange(len(data))
    return data[:start] + data[start + chosen.choice((1, 2, 10, 100, 512)) :]


def zeros(data: bytes, chosen: random.Random) -> bytes:
    """A block of zeros, as a file system writes after a crash."""
    start, length = chosen.randrange(len(data)), chosen.choice((1, 16, 512))
    return data[:start] + bytes(length) + data[start + length :]


def numbers(data: bytes, chosen: random.Random) -> bytes:
    """Some numbers replaced by what no tool should write."""
    found = list(_NUMBER.finditer(data))
    damaged = data
    for match in sorted(chosen.sample(found, min(len(found), 3)), key=lambda each: -each.start()):
        damaged = damaged[: match.start()] + chosen.choice(_ODD_NUMBERS) + damaged[match.end() :]
    return damaged


def lines(data: bytes, chosen: random.Random) -> bytes:
    """Lines in another order, twice, or gone."""
    rows = data.splitlines(keepends=True)
    at, other = chosen.randrange(len(rows)), chosen.randrange(len(rows))
    match chosen.randrange(4):
        case 0:
            rows[at], rows[other] = rows[other], rows[at]
        case 1:
            rows.insert(other, rows[at])
        case 2:
            del rows[at]
        case _:
            rows[at] = rows[at].rstrip(b"\r\n") + rows[other]
    return b"".join(rows)


def encoding(data: bytes, chosen: random.Random) -> bytes:
    """Written by another system: BOM, CRLF, UTF-16, Latin-1."""
    text = data.decode("utf-8", "replace")
    return chosen.choice(
        (
            b"\xef\xbb\xbf" + data,
            data.replace(b"\n", b"\r\n"),
            text.encode("utf-16"),
            text.encode("utf-16-le"),
            text.encode("latin-1", "replace"),
            b"\xef\xbb\xbf" + data.replace(b"\n", b"\r\n"),
        )
    )


def twice(data: bytes, chosen: random.Random) -> bytes:
    """The file, or a part of it, behind itself."""
    return data + data[chosen.choice((0, 0, chosen.randrange(len(data)))) :]


def long_line(data: bytes, chosen: random.Random) -> bytes:
    """A piece of the file repeated in place until it is long."""
    start = chosen.randrange(len(data))
    piece = data[start : start + chosen.choice((1, 7, 60))]
    return data[:start] + piece * (200_000 // max(1, len(piece))) + data[start:]


def packed_and_cut(data: bytes, chosen: random.Random) -> bytes:
    """Compressed, then cut off or damaged."""
    return chosen.choice((cut, flip))(gzip.compress(data, 1), chosen)


DAMAGES: tuple[Damage, ...] = (
    cut, flip, insert, remove, zeros, numbers, lines, encoding, twice, long_line, packed_and_cut,
)  # fmt: skip
