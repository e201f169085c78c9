"""The only place that scales or formats a quantity: `"250ms"` to 250.0, and 250.0 to `"250 ms"`.

Unit names are those of UCUM where it has one: `ms`, `s`, `By`, `%`, `1`, `{messages}`.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime

_SECONDS = {"ms": 0.001, "s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {"B": 1, "By": 1, "kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}
_BYTES |= {
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
}
_SCALES = {
    "": (1, ""),
    "%": (0.01, "1"),
    "/s": (1, "/s"),
    "/min": (1, "/min"),
    "/h": (1, "/h"),
    "/d": (1, "/d"),
    "%/h": (0.01, "/h of limit"),
    **{unit: (size * 1000, "ms") for unit, size in _SECONDS.items()},
    **{unit: (size, "By") for unit, size in _BYTES.items()},
    **{f"{unit}/h": (size, "By/h") for unit, size in _BYTES.items()},
}
PER_SECOND = {"/s": 1.0, "/min": 1 / 60, "/h": 1 / 3600, "/d": 1 / 86400}  # times this: per second
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|min|sec|s|m|h|d)")
# Separators stand before three digits only: the decimal comma of "0,1%" must not make 1 % of it.
_NUMBER = re.compile(r"[+-]?(?:\d{1,3}(?:[,_]\d{3})+(?!\d)|\d+)(?:\.\d+)?(?:[eE][+-]?\d+)?")


def seconds(text: str) -> float:
    """Seconds of a duration such as `90s`, `1h30min`, `2 h` or `250ms`; ValueError if it is none."""
    compact = text.strip().replace(" ", "")
    parts = _DURATION.findall(compact)
    if not parts or "".join(number + unit for number, unit in parts) != compact:
        raise ValueError(f'"{text}" is not a duration (try 90s, 15min or 1h30min)')
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)


def quantity(text: str) -> tuple[float, str]:
    """Value and canonical unit of a written quantity; ValueError if it is none.

    >>> quantity("2s"), quantity("0.1%"), quantity("2,500/h"), quantity("4GiB"), quantity("1000")
    ((2000.0, 'ms'), (0.001, '1'), (2500.0, '/h'), (4294967296.0, 'By'), (1000.0, ''))
    """
    stripped = text.strip()
    if _DURATION.match(stripped):
        return seconds(stripped) * 1000, "ms"
    found = _NUMBER.match(stripped)
    if not found:
        raise ValueError(f'"{text}" is not a quantity (try 500ms, 0.1%, 2500/h or 1000)')
    value = float(found.group().replace(",", "").replace("_", ""))
    unit = stripped[found.end() :].strip()
    if unit in _SCALES:
        return canonical(value, unit)
    raise ValueError(f'"{unit}" is not a unit (try ms, s, min, h, %, /h, MiB)')


def canonical(value: float, unit: str | None) -> tuple[float, str]:
    """A value of a recorded series in the unit that `quantity` gives: s to ms, % to a fraction.

    >>> canonical(0.25, "s"), canonical(70.0, "%"), canonical(12.0, "{messages}")
    ((250.0, 'ms'), (0.7, '1'), (12.0, ''))
    """
    if unit in _SCALES:
        scale, name = _SCALES[unit]
        # 70 * 0.01 is not 0.7, but 70 / 100 is
        return (value / round(1 / scale) if scale < 1 else value * scale), name
    return value, ("1" if unit == "1" else "")


def number(value: float, digits: int = 3) -> str:
    """A number for people: thousands separated, about `digits` significant digits.

    >>> number(1234567), number(0.0123456), number(12.3456), number(5.0)
    ('1,234,567', '0.0123', '12.3', '5')
    """
    if not math.isfinite(value):
        return "n/a"
    if value == int(value) or abs(value) >= 10 ** (digits - 1):
        return f"{value + 0.0:,.0f}"  # + 0.0 makes 0 of -0.0
    places = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:,.{min(places, 12)}f}"


def ms(value: float) -> str:
    """A time in ms for people: `0.42 ms`, `450 ms`, `2.31 s`, `12 min 30 s`."""
    if abs(value) < 1000:
        return f"{number(value)} ms"
    if abs(value) < 120_000:
        return f"{value / 1000:.2f} s" if abs(value) < 10_000 else f"{value / 1000:.1f} s"
    return span(value / 1000)


def span(duration_s: float) -> str:
    """A span of time: `45 s`, `2 min 30 s`, `1 h 30 min`, `24 h`, `3 d 4 h`."""
    whole = round(duration_s)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(round(whole / 60), 60)
    if hours < 72:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(round(whole / 3600), 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def percent(fraction: float) -> str:
    """A fraction as percent: `0.42 %`, `0.061 %`, `12 %`."""
    return f"{number(fraction * 100, 2 if abs(fraction) < 0.1 else 3)} %"


def signed_percent(fraction: float) -> str:
    """A change: `+14.5 %`, `−3.0 %`, `0.0 %`; the minus is the typographic one."""
    return (
        f"{fraction * 100:+,.1f} %".replace("-", "−")
        .replace("+0.0 %", "0.0 %")
        .replace("−0.0 %", "0.0 %")
    )


def data(value: float) -> str:
    """An amount of data: `512 B`, `1.5 MiB`, `2.3 GiB`."""
    for unit, size in (("TiB", 2**40), ("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if abs(value) >= size:
            return f"{value / size:.1f} {unit}"
    return f"{value:.0f} B"


def quantity_text(value: float | None, unit: str | None) -> str:
    """A value in its unit for people; `no data` where there is none.

    `1` is a fraction shown as percent, `%` already is one.
    """
    if value is None or not math.isfinite(value):
        return "no data"
    match unit:
        case "ms":
            return ms(value)
        case "s":
            return ms(value * 1000)
        case "1":
            return percent(value)
        case "%":
            return f"{number(value)} %"
        case "By":
            return data(value)
        case "/s" | "/min" | "/h" | "/d":
            return f"{number(value)}{unit}"
        case "/h of limit":
            return f"{percent(value)}/h"
        case "By/h":
            return f"{data(value)}/h"
        case None | "":
            return number(value)
        case _:
            return f"{number(value)} {unit.strip('{}')}"


def precise(value: float | None, unit: str, digits: int = 6) -> str:
    """A value with many digits, to be compared with another one: `56.3243 ms`, `29.6017/s`.

    >>> precise(56.32434475, "ms"), precise(29.6016983, "/s"), precise(1234567.0, "1")
    ('56.3243 ms', '29.6017/s', '1,234,567')
    """
    if value is None:
        return "none"
    text = f"{value:,.0f}" if value == int(value) else f"{value:,.{digits}g}"
    if unit == "1":
        return text
    return text + (unit if unit == "/s" else f" {unit}")


def short_text(value: float | None, unit: str | None) -> str:
    """The same for a narrow column: nothing where there is no value, no word for what is counted."""
    if value is None:
        return ""
    return quantity_text(value, None if unit and unit.startswith("{") else unit)


def utc(moment: datetime) -> str:
    """`2026-11-20 14:03:07` in UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
