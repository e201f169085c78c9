"""Words of the report: what came from input made harmless to read, statuses, counts, times."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable

from perfreport import units
from perfreport.judge.findings import ChangeVerdict, Severity, Status, TrendVerdict, Verdict
from perfreport.render.model import Badge

NAME_LENGTH = 120
SENTENCE_LENGTH = 400

STATUS_BADGES = {
    Status.FAIL: Badge("fail", "i-fail", "Fail"),
    Status.AT_RISK: Badge("risk", "i-risk", "At risk"),
    Status.TOO_FEW: Badge("nodata", "i-few", "Too few"),
    Status.NO_DATA: Badge("nodata", "i-nodata", "No data"),
    Status.MANUAL: Badge("none", "i-sign", "To sign"),
    Status.PASS: Badge("pass", "i-pass", "Pass"),
}
TALLY_WORDS = {
    Status.FAIL: "fail",
    Status.AT_RISK: "at risk",
    Status.TOO_FEW: "too few",
    Status.NO_DATA: "without data",
    Status.MANUAL: "to sign",
    Status.PASS: "pass",
}
NOT_TESTED = Badge("none", "i-none", "Not tested")

VERDICT_BADGES = {
    Verdict.READY: Badge("pass", "i-pass", "Ready"),
    Verdict.CONDITIONS: Badge("risk", "i-risk", "Ready with conditions"),
    Verdict.NOT_READY: Badge("fail", "i-fail", "Not ready"),
    Verdict.UNDECIDED: Badge("nodata", "i-nodata", "Undecided"),
}
SEVERITY_BADGES = {
    Severity.INVALID: Badge("fail", "i-fail", "Invalid"),
    Severity.WARNING: Badge("risk", "i-risk", "Warning"),
    Severity.INFO: Badge("none", "i-none", "Info"),
}
CHANGE_BADGES = {
    ChangeVerdict.REGRESSED: Badge("fail", "i-up", "Regressed"),
    ChangeVerdict.IMPROVED: Badge("pass", "i-down", "Improved"),
    ChangeVerdict.UNCHANGED: Badge("none", "i-equal", "Unchanged"),
    ChangeVerdict.INCONCLUSIVE: Badge("nodata", "i-tilde", "Inconclusive"),
    ChangeVerdict.NOT_COMPARABLE: Badge("nodata", "i-nodata", "Not comparable"),
    None: Badge("none", "i-dot", "Reported"),
}
# A row that is not comparable had too little data, or stands in runs that are not.
ROW_BADGES = CHANGE_BADGES | {
    ChangeVerdict.NOT_COMPARABLE: Badge("nodata", "i-few", "Not judged"),
}
TREND_BADGES = {
    TrendVerdict.GROWING: Badge("risk", "i-up", "Growing"),
    TrendVerdict.INCONCLUSIVE: Badge("nodata", "i-tilde", "Inconclusive"),
    TrendVerdict.PLATEAUED: Badge("pass", "i-pass", "Plateaued"),
    TrendVerdict.STABLE: Badge("pass", "i-pass", "Stable"),
}

STATISTIC_WORDS = {
    "p50": "P50",
    "p75": "P75",
    "p90": "P90",
    "p95": "P95",
    "p99": "P99",
    "p999": "P99.9",
    "mean": "mean",
    "min": "minimum",
    "max": "maximum",
    "error_rate": "failed",
    "rate": "rate",
    "count": "count",
    "checks": "checks passed",
    "slope": "growth",
    "users": "users",
    "last": "last value",
    "throughput": "throughput",
}
OPERATOR_SIGNS = {"<=": "≤", ">=": "≥", "==": "=", "!=": "≠"}

# Units whose values are written with them; any other names what is counted.
_SCALED = ("ms", "s", "1", "%", "By", "By/h", "/s", "/min", "/h", "/d", "/h of limit")

_WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def plain(text: str | None, length: int = NAME_LENGTH) -> str:
    """Text from input on one line, at most `length` long.

    Control characters become a visible sign, as do those that turn the direction of writing around:
    a name must not rearrange the line that it stands in.
    """
    if text is None:
        return ""
    line = re.sub(r"\s+", " ", text).strip()
    shown = "".join("�" if _unseen(letter) else letter for letter in line)
    return shown if len(shown) <= length else shown[: length - 1].rstrip() + "…"


def _unseen(letter: str) -> bool:
    return unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Co", "Cn")


def anchor(*parts: str) -> str:
    """An id for the page: letters, digits and hyphens of the parts.

    >>> anchor("r", "kenya_o2c/POST /api/v1/orders/p95")
    'r-kenya-o2c-post-api-v1-orders-p95'
    """
    words = re.sub(r"[^a-z0-9]+", "-", "-".join(parts).lower()).strip("-")
    return words[:80].strip("-")


def unique(ids: Iterable[str]) -> list[str]:
    """The ids in their order, a number added where one comes again."""
    seen: dict[str, int] = {}
    named = []
    for name in ids:
        seen[name] = seen.get(name, 0) + 1
        named.append(name if seen[name] == 1 else f"{name}--{seen[name]}")
    return named


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """`one request`, `two requests`, `1,204 requests`.

    >>> counted(1, "request"), counted(12, "series", "series")
    ('one request', '12 series')
    """
    return f"{number_word(count)} {noun if count == 1 else plural or noun + 's'}"


def number_word(count: int) -> str:
    """`three`, `1,204`."""
    return _WORDS[count] if count < len(_WORDS) else f"{count:,}"


def listed(words: Iterable[str], most: int = 3) -> str:
    """`a`, `a and b`, `a, b and c`, `a, b, c and 4 more`."""
    names = list(words)
    if len(names) > most:
        names = [*names[:most], f"{len(names) - most} more"]
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def capital(text: str) -> str:
    """The text with its first letter capital."""
    return text[:1].upper() + text[1:]


def count(value: float | None) -> str:
    """A whole number with its thousands separated, or nothing."""
    return "" if value is None else f"{value:,.0f}"


def ms_number(value: float | None) -> str:
    """A time in ms without its unit, for a column that names it; a dash if there is none."""
    return "–" if value is None else units.number(value)


def clock(seconds: float) -> str:
    """Time since the start of a run: `0:05`, `12:30`, `1:02:30`."""
    whole = max(0, round(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"


def quantity(value: float | None, unit: str | None) -> str:
    """A value in its unit, as short as a column needs it: growth in percent of the limit as `1 %/h`."""
    if value is not None and unit == "/h of limit":
        return f"{units.percent(value)}/h"
    return units.quantity_text(value, plain(unit, 20))


def bare_quantity(value: float | None, unit: str | None) -> str:
    """The same without a unit such as `messages`, which is told once beside it."""
    return quantity(value, None if counts_things(unit) else unit)


def counts_things(unit: str | None) -> bool:
    """True for a unit that names what is counted: `{messages}`."""
    return bool(unit) and unit not in _SCALED


def things(unit: str | None) -> str:
    """What a unit counts: `messages` for `{messages}`, else nothing."""
    return plain((unit or "").strip("{}"), 20) if counts_things(unit) else ""


def limit_text(
    operator: str,
    limit: float | None,
    unit: str | None,
    write: Callable[[float, str | None], str] = quantity,
) -> str:
    """`< 500 ms`, `≥ 2,500/h`."""
    if limit is None:
        return ""
    return f"{OPERATOR_SIGNS.get(operator, operator)} {write(limit, unit)}"


def signed(sentence: str) -> str:
    """A sentence of the judges with `≤` and `≥` for what a terminal writes as `<=` and `>=`."""
    return sentence.replace("<=", "≤").replace(">=", "≥")


def points_text(difference: float) -> str:
    """A difference of two shares, in percentage points with its sign: `+0.33 pp`."""
    text = units.number(abs(difference) * 100, 2)
    sign = "" if float(text.replace(",", "")) == 0 else "+" if difference > 0 else "−"
    return f"{sign}{text} pp"
