"""Gatling's assertions: what its logs keep of them, in the words of its console.

Text logs of 2.1 hold words and numbers between tabs, those of 2.2 and newer base64 of what boopickle
makes of an assertion; binary logs hold the same bytes as they are. 2.2.0 to 2.2.2 had other objects
and another coding of strings: what they wrote is not read. In the bytes

    int     one byte below 128; else 4 bits that tell sign and length, 4 bits and 1 to 3 bytes of it
    double  8 bytes, little-endian
    string  int length in UTF-16 units, each in 1 to 3 bytes; a length below 0 is minus 1 minus the
            number of an earlier string
    list    int length and its elements
    object  0 and its fields
    one of several kinds of objects: int number of its kind, from 1, and the object

Which number a kind has depends on the version. The words are those of Gatling 3.15 for all versions,
so that the same limit reads the same; what 2.1 calls less than was less than or equal to. Source:
AssertionModel.scala and AssertionPicklers.scala of Gatling 2.2.5 to 3.9.5, AssertionParser.scala of
2.1.7, CodecSize.scala and StringCodecBase.scala of boopickle 1.3.3.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from struct import Struct

from perfreport.readers.gatling import clean
from perfreport.readers.source import Source

_DOUBLE = Struct("<d")
_MOST = 10_000  # parts of a path, numbers in a list


@dataclass(frozen=True)
class Dialect:
    """The kinds of objects in the order of their numbers."""

    paths: tuple[str, ...]
    targets: tuple[str, ...]
    counts: tuple[str, ...]
    selections: tuple[str, ...]
    conditions: tuple[str, ...]


_BY_NAME = Dialect(  # the order that boopickle gives where nobody says another
    paths=("Details", "ForAll", "Global"),
    targets=("Count", "MeanRequestsPerSecond", "Percent", "Time"),
    counts=("all", "failed", "successful"),
    selections=("max", "mean", "min", "percentile", "standard deviation"),
    conditions=("Between", "Gt", "Gte", "In", "Is", "Lt", "Lte"),
)
_SINCE_3_1 = Dialect(
    paths=("Global", "ForAll", "Details"),
    targets=("Count", "Percent", "Time", "MeanRequestsPerSecond"),
    counts=_BY_NAME.counts,
    selections=_BY_NAME.selections,
    conditions=("Lte", "Gte", "Lt", "Gt", "Is", "Between", "In"),
)
_SINCE_3_4 = Dialect(
    paths=_SINCE_3_1.paths,
    targets=_SINCE_3_1.targets,
    counts=("all", "successful", "failed"),
    selections=("min", "max", "mean", "standard deviation", "percentile"),
    conditions=_SINCE_3_1.conditions,
)
_PATHS = {"Global": "Global", "GLOBAL": "Global", "ForAll": "For all requests"}
_PATHS["FORALL"] = _PATHS["ForAll"]
_CONDITIONS = {
    "Lt": "is less than",
    "Lte": "is less than or equal to",
    "Gt": "is greater than",
    "Gte": "is greater than or equal to",
    "Is": "is",
    "IS": "is",
    "LESS_THAN": "is less than or equal to",
    "GREATER_THAN": "is greater than or equal to",
}
_TARGETS_2_1 = {
    ("ALL_REQUESTS", "COUNT"): "count of all events",
    ("ALL_REQUESTS", "PERCENT"): "percentage of all events",
    ("FAILED_REQUESTS", "COUNT"): "count of failed events",
    ("FAILED_REQUESTS", "PERCENT"): "percentage of failed events",
    ("SUCCESSFUL_REQUESTS", "COUNT"): "count of successful events",
    ("SUCCESSFUL_REQUESTS", "PERCENT"): "percentage of successful events",
    ("RESPONSE_TIME", "MIN"): "min of response time",
    ("RESPONSE_TIME", "MAX"): "max of response time",
    ("RESPONSE_TIME", "MEAN"): "mean of response time",
    ("RESPONSE_TIME", "STANDARD_DEVIATION"): "standard deviation of response time",
    # Which percentiles these are stands in gatling.conf: as it is unless somebody changed it.
    ("RESPONSE_TIME", "PERCENTILES_1"): "50th percentile of response time",
    ("RESPONSE_TIME", "PERCENTILES_2"): "75th percentile of response time",
    ("RESPONSE_TIME", "PERCENTILES_3"): "95th percentile of response time",
    ("RESPONSE_TIME", "PERCENTILES_4"): "99th percentile of response time",
    ("MEAN_REQUESTS_PER_SECOND",): "mean requests per second",
}


class Unreadable(ValueError):
    """Not an assertion as any Gatling writes it."""


def keep_assertions(source: Source, assertions: list[bytes], release: tuple[int, ...]) -> None:
    """Put assertions into the thresholds of the run: path, and what is asserted of it.

    assertions  as boopickle's bytes, base64 of them, or what 2.1 writes (after `ASSERTION`)
    release     of Gatling, as `release_of` gives it
    What cannot be read is left out, with a note.
    """
    unreadable = 0
    for written in dict.fromkeys(assertions):  # the same limit twice is one
        try:
            path, asserted = _assertion(written, release)
        except Unreadable:
            unreadable += 1
        else:
            source.facts.thresholds.setdefault(clean(path), []).append(asserted)
    if unreadable:
        source.note(
            f"left out {unreadable:,} of its {len(assertions):,} assertions: they cannot be read"
        )


def _assertion(written: bytes, release: tuple[int, ...]) -> tuple[str, str]:
    if written.startswith(b"PATH\t"):
        return _in_words(written.decode("utf-8", "replace").split("\t"))
    if written[:1] != b"\0":
        try:
            written = base64.b64decode(written, validate=True)
        except binascii.Error as error:
            raise Unreadable(str(error)) from error
    return _Pickle(written, _dialect(release)).assertion()


def _dialect(release: tuple[int, ...]) -> Dialect:
    if release < (3, 1) or release == (3, 13, 0):
        return _BY_NAME
    return _SINCE_3_1 if release < (3, 4) else _SINCE_3_4


class _Pickle:
    """Reads one assertion."""

    def __init__(self, data: bytes, dialect: Dialect) -> None:
        self._data = data
        self._at = 0
        self._strings: list[str] = []
        self._dialect = dialect

    def assertion(self) -> tuple[str, str]:
        """Its path and what it asserts; Unreadable unless that takes all the bytes."""
        self._object()
        path, target, condition = self._path(), self._target(), self._condition()
        if self._at != len(self._data):
            raise Unreadable("more bytes than an assertion has")
        return path, f"{target} {condition}"

    def _path(self) -> str:
        kind = self._one_of(self._dialect.paths)
        if kind != "Details":
            return _PATHS[kind]
        self._object()
        return " / ".join(self._list(self._string)) or _PATHS["Global"]

    def _target(self) -> str:
        kind = self._one_of(self._dialect.targets)
        if kind == "MeanRequestsPerSecond":
            return "mean requests per second"
        self._object()
        if kind == "Time":
            self._one_of(("response time",))
            return f"{self._time_selection()} of response time"
        events = f"of {self._one_of(self._dialect.counts)} events"
        return f"{'count' if kind == 'Count' else 'percentage'} {events}"

    def _time_selection(self) -> str:
        selection = self._one_of(self._dialect.selections)
        if selection != "percentile":
            return selection
        self._object()
        return f"{_rank(self._double())} percentile"

    def _condition(self) -> str:
        kind = self._one_of(self._dialect.conditions)
        self._object()
        if kind == "In":
            return f"is in List({', '.join(self._list(self._limit))})"
        if kind == "Between":
            low, high = self._limit(), self._limit()
            return f"is between {low} and {high}" + (" inclusive" if self._byte() else "")
        return f"{_CONDITIONS[kind]} {self._limit()}"

    def _limit(self) -> str:
        return _number(self._double())

    def _object(self) -> None:
        if self._int() != 0:
            raise Unreadable("not an object")

    def _one_of(self, kinds: tuple[str, ...]) -> str:
        number = self._int()
        if not 1 <= number <= len(kinds):
            raise Unreadable(f"a kind {number} of {len(kinds)}")
        return kinds[number - 1]

    def _list(self, element: Callable[[], str]) -> list[str]:
        length = self._int()
        if not 0 <= length <= _MOST:
            raise Unreadable(f"{length} elements")
        return [element() for _ in range(length)]

    def _string(self) -> str:
        length = self._int()
        if length <= 0:
            return self._earlier(-length) if length else ""
        if length > len(self._data):
            raise Unreadable(f"a string of {length} units")
        units = b"".join(self._unit().to_bytes(2, "little") for _ in range(length))
        text = units.decode("utf-16-le", "replace")
        self._strings.append(text)
        return text

    def _earlier(self, reference: int) -> str:
        if not 2 <= reference < len(self._strings) + 2:
            raise Unreadable(f"no string {reference}")
        return self._strings[reference - 2]

    def _unit(self) -> int:
        """6 bits and a byte above 0x7F; 2 bits more of another byte from 0x4000 on."""
        low = self._byte()
        if low < 0x80:
            return low
        middle = self._byte() << 6
        high = self._byte() << 14 if low >= 0xC0 else 0
        return (low & 0x3F | middle | high) & 0xFFFF

    def _int(self) -> int:
        first = self._byte()
        if first < 0x80:
            return first
        if first >= 0xE0:
            raise Unreadable(f"an int of kind {first}")
        number = first & 0xF
        for _ in range((first >> 5) - 3):  # 8 and 9: one byte more; A and B: two; C and D: three
            number = number << 8 | self._byte()
        return -number if first & 0x10 else number

    def _double(self) -> float:
        end = self._at + _DOUBLE.size
        if end > len(self._data):
            raise Unreadable("the end inside a number")
        (number,) = _DOUBLE.unpack(self._data[self._at : end])
        self._at = end
        if not math.isfinite(number):
            raise Unreadable("not a number")
        return float(number)

    def _byte(self) -> int:
        if self._at >= len(self._data):
            raise Unreadable("the end inside an assertion")
        self._at += 1
        return self._data[self._at - 1]


def _in_words(words: list[str]) -> tuple[str, str]:
    """`PATH DETAILS group request TARGET RESPONSE_TIME MAX CONDITION LESS_THAN 500`."""
    try:
        condition = len(words) - 1 - words[::-1].index("CONDITION")
        target = condition - 1 - words[:condition][::-1].index("TARGET")
        kind, *parts = words[1:target]
        path = " / ".join(parts) if kind == "DETAILS" else _PATHS[kind]
        verb, *limits = words[condition + 1 :]
        numbers = [_number(float(int(limit))) for limit in limits]
        asserted = (
            f"{_TARGETS_2_1[tuple(words[target + 1 : condition])]} {_compared(verb, numbers)}"
        )
    except (ValueError, KeyError) as error:
        raise Unreadable(str(error)) from error
    return path or _PATHS["Global"], asserted


def _compared(verb: str, numbers: list[str]) -> str:
    if verb == "IN":
        return f"is in List({', '.join(numbers)})"
    if verb == "BETWEEN":
        low, high = numbers
        return f"is between {low} and {high} inclusive"
    (number,) = numbers
    return f"{_CONDITIONS[verb]} {number}"


def _rank(percent: float) -> str:
    """99 is 99th, 99.9 is 99.9th; of a fraction two digits decide about the ending."""
    shown = f"{percent:.3f}".rstrip("0").rstrip(".")
    deciding = int(percent) if percent == math.floor(percent) else int(percent * 100) % 100
    endings = {1: "st", 2: "nd", 3: "rd"}
    teens = 11 <= deciding % 100 <= 13
    return shown + ("th" if teens else endings.get(deciding % 10, "th"))


def _number(value: float) -> str:
    """As Java writes a double: 500.0, 1.0E7."""
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        return repr(value)
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    assert isinstance(exponent, int)  # the value is finite
    fraction = "".join(map(str, digits[1:])) or "0"
    return f"{'-' * sign}{digits[0]}.{fraction}E{exponent + len(digits) - 1}"
