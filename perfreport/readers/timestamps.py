"""Written dates and times whose pattern is not known beforehand, to microseconds since 1970.

The shapes are those that people give to Java's SimpleDateFormat: `yyyy/MM/dd HH:mm:ss.SSS`,
`yyyy-MM-dd'T'HH:mm:ssXXX`, `yyyyMMddHHmmssSSS`, `dd.MM.yyyy HH:mm:ss,SSS`, `MM/dd/yy hh:mm:ss a`,
`EEE, d MMM yyyy HH:mm:ss Z` and their like, with English names of months.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

_EPOCH = datetime(1970, 1, 1)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")

_TIME = (
    r"(?P<hour>\d{1,2})(?P<colon>[:.])(?P<minute>\d{2})(?P=colon)(?P<second>\d{2})"
    r"(?:[.,:](?P<fraction>\d{1,9}))?(?: ?(?P<half>[AaPp])\.?[Mm]\.?)?"
)
_COMPACT_TIME = (
    r"(?P<hour>\d{2})(?P<minute>\d{2})(?P<second>\d{2})(?:[.,]?(?P<fraction>\d{3}|\d{6}|\d{9}))?"
)
_ZONE = r"(?: ?(?:Z|(?:UTC|GMT)?(?P<zone>[+-]\d{2}(?::?\d{2})?)|(?P<utc>UTC|GMT)))?"
_WEEKDAY = r"(?:[A-Za-z]{3,9},? )?"
_BETWEEN = r"(?:[T_-]|,? )"
_DATES = (
    r"(?P<year>\d{4})(?P<sign>[-/.])(?P<month>\d{1,2})(?P=sign)(?P<day>\d{1,2})",
    r"(?P<one>\d{1,2})(?P<sign>[-/.])(?P<two>\d{1,2})(?P=sign)(?P<year>\d{4}|\d{2})",
    r"(?P<day>\d{1,2})[- /](?P<named>[A-Za-z]{3,9})[- /](?P<year>\d{4}|\d{2})",
    r"(?P<named>[A-Za-z]{3,9}) (?P<day>\d{1,2}),? (?P<year>\d{4})",
)
_SHAPES = (
    *(re.compile(_WEEKDAY + date + _BETWEEN + _TIME + _ZONE, re.ASCII) for date in _DATES),
    re.compile(
        r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})" + r"[T _-]?" + _COMPACT_TIME + _ZONE,
        re.ASCII,
    ),
)


class Ambiguous(ValueError):
    """Day and month cannot be told apart in any of the samples."""


@dataclass(frozen=True)
class Pattern:
    """How the time stamps of one file are written.

    zone  of those that name none; where clocks are set back, the first of the two hours is meant
    """

    shape: re.Pattern[str]
    day_first: bool
    zone: tzinfo

    def microseconds(self, text: str) -> int | None:
        """Microseconds since 1970 UTC; None where the text is not a time of this pattern."""
        found = self.shape.fullmatch(text.strip())
        if found is None:
            return None
        parts = found.groupdict()
        try:
            local = _local(parts, self.day_first)
        except (ValueError, OverflowError):  # a 13th month, 31 February, 25 o'clock
            return None
        offset = _written_offset(parts, found.group())
        if offset is None:
            offset = self.zone.utcoffset(local) or timedelta(0)
        since = local - _EPOCH - offset
        return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def pattern_of(samples: Iterable[str], zone: tzinfo) -> Pattern | None:
    """The pattern that the first readable sample follows; None where none does.

    Raises Ambiguous for dates such as 02/03/2026 unless one of the samples has a day above 12.
    """
    texts = [text.strip() for text in samples]
    for text in texts:
        for shape in _SHAPES:
            if shape.fullmatch(text):
                return Pattern(shape, _day_first(shape, texts), zone)
    return None


def _day_first(shape: re.Pattern[str], texts: list[str]) -> bool:
    if "one" not in shape.groupindex:
        return False
    dates = [found for text in texts if (found := shape.fullmatch(text))]
    if any(int(date["one"]) > 12 for date in dates):
        return True
    if any(int(date["two"]) > 12 for date in dates):
        return False
    if dates[0]["sign"] == ".":  # only day-first countries write dates with dots
        return True
    if dates[0]["sign"] == "/" and len(dates[0]["year"]) == 2:
        return False  # MM/dd/yy, JMeter's first default and still the last shape that it tries
    raise Ambiguous(dates[0].group())


def _local(parts: dict[str, str | None], day_first: bool) -> datetime:
    month, day = _month_and_day(parts, day_first)
    year = int(parts["year"] or 0)
    return datetime(
        year + 2000 if year < 100 else year,
        month,
        day,
        _hour(int(parts["hour"] or 0), parts.get("half")),
        int(parts["minute"] or 0),
        int(parts["second"] or 0),
        _microsecond(parts["fraction"] or "0"),
    )


def _microsecond(fraction: str) -> int:
    """Java's `S` is the number of milliseconds: of fewer than three digits it has no zeros before it."""
    return int(fraction) * 1000 if len(fraction) < 3 else int(fraction.ljust(6, "0")[:6])


def _month_and_day(parts: dict[str, str | None], day_first: bool) -> tuple[int, int]:
    if parts.get("named"):
        return _MONTHS.index(str(parts["named"])[:3].lower()) + 1, int(parts["day"] or 0)
    if parts.get("one"):
        one, two = int(parts["one"] or 0), int(parts["two"] or 0)
        return (two, one) if day_first else (one, two)
    return int(parts["month"] or 0), int(parts["day"] or 0)


def _hour(hour: int, half: str | None) -> int:
    if half is None:
        return hour
    if not 1 <= hour <= 12:
        raise ValueError(f"{hour} o'clock with am or pm")
    return hour % 12 + (12 if half in "Pp" else 0)


def _written_offset(parts: dict[str, str | None], text: str) -> timedelta | None:
    zone = parts["zone"]
    if zone is None:
        return timedelta(0) if parts["utc"] or text.endswith("Z") else None
    digits = zone[1:].replace(":", "").ljust(4, "0")
    size = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return -size if zone[0] == "-" else size
