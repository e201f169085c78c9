"""Objectives as people write them, parsed into a `Limit`.

p95 < 500ms              a percentile, mean, min or max of response times
< 300ms                  means P95; the report says that this was assumed
< 500ms (P95)
error_rate < 0.1%        checks >= 99%        users >= 5000
rate >= 2500/h           successful requests in that time
count(status >= 500) == 0     also count(ok), count(failed), count
max(db_cpu) < 70%        min, mean, last, p50 ... p999 of a series
slope(jvm_heap) <= 1%/h  a trend; percent of the series' capacity
p95 <= baseline + 10%    against the baseline run; any other percentage is absolute
"""

from __future__ import annotations

import math
import operator as operators
import re
from collections.abc import Callable
from dataclasses import dataclass

from perfreport import units
from perfreport.errors import nearest

PERCENTILES = {"p50": 0.5, "p75": 0.75, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p999": 0.999}
TIMES = (*PERCENTILES, "mean", "min", "max")  # statistics of response times, in ms
STATISTICS = (*TIMES, "error_rate", "rate", "count", "checks", "users")
SERIES_STATISTICS = (*PERCENTILES, "mean", "min", "max", "last", "slope")
OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<": operators.lt,
    "<=": operators.le,
    ">": operators.gt,
    ">=": operators.ge,
    "==": operators.eq,
}

_SPELLINGS = {"=": "==", "≤": "<=", "≥": ">="}
_SYNONYMS = {"median": "p50", "p99.9": "p999", "p99_9": "p999", "errors": "error_rate"}
_OPERATOR = r"<=|>=|==|=|<|>|≤|≥"
_OBJECTIVE = re.compile(
    rf"(?P<word>[\w.]*)\s*(?:\((?P<inner>[^()]*)\))?\s*(?P<operator>{_OPERATOR})\s*"
    r"(?P<bound>[^()<>=]+?)\s*(?:\((?P<trailing>[^()]*)\))?"
)
_CONDITION = re.compile(rf"status\s*(?P<operator>{_OPERATOR})\s*(?P<status>\d{{1,3}})")
_RELATIVE = re.compile(r"baseline\s*(?:(?P<sign>[+-])\s*(?P<amount>.+))?")
_SERIES = re.compile(r"[A-Za-z_][\w:.-]*")
_UNITS = {
    **dict.fromkeys(TIMES, (("ms",), "a time such as 500ms or 2s")),
    "error_rate": (("1", ""), "a share such as 0.1%"),
    "checks": (("1", ""), "a share such as 99%"),
    "rate": (("/s", "/min", "/h", "/d"), "a rate such as 2500/h or 40/s"),
    "count": (("",), "a number such as 0"),
    "users": (("",), "a number such as 5000"),
}
_TRY = "try p95 < 500ms, error_rate < 0.1%, rate >= 2500/h or max(db_cpu) < 70%"


@dataclass(frozen=True)
class Condition:
    """Which requests `count(...)` counts: those with such a status, the failed or the ok ones."""

    what: str  # status, failed, ok
    operator: str = "=="
    status: int = 0

    def holds(self, status: int | None, ok: bool | None) -> bool:
        """True where a request with this status and outcome counts; an unknown one does not."""
        if self.what == "status":
            return status is not None and OPERATORS[self.operator](status, self.status)
        return ok is not None and ok == (self.what == "ok")

    def __str__(self) -> str:
        return f"status {self.operator} {self.status}" if self.what == "status" else self.what


@dataclass(frozen=True)
class Limit:
    """One objective: `statistic operator value`, in the canonical unit (ms, 1, /h, By, ...)."""

    text: str  # as it was written
    statistic: str
    operator: str
    value: float
    unit: str
    series: str | None = None
    condition: Condition | None = None
    assumed: bool = False  # no statistic was written: P95
    relative: bool = False  # value is a change against the baseline run; a fraction where unit is 1

    @property
    def upper(self) -> bool:
        """True where less is better."""
        return self.operator in ("<", "<=", "==")

    def holds(self, observed: float, limit: float) -> bool:
        return OPERATORS[self.operator](observed, limit)

    def __str__(self) -> str:
        return self.text


def parse(text: str) -> Limit:
    """The Limit that a text says; ValueError with what is allowed if it says none."""
    found = _OBJECTIVE.fullmatch(text.strip())
    if not found:
        raise ValueError(f'"{text}" is not an objective ({_TRY})')
    word, inner, trailing = found["word"], found["inner"], found["trailing"]
    if trailing is not None and word:
        raise ValueError(f'"{text}" names its statistic twice: "{word}" and "({trailing})"')
    operator = _SPELLINGS.get(found["operator"], found["operator"])
    bare = not word and trailing is None
    statistic = _statistic(word or trailing or _of_bare(found["bound"]))
    assumed = bare and statistic == "p95"
    if inner is None:
        return _over_requests(text, statistic, operator, found["bound"], assumed=assumed)
    if statistic == "count":
        return _over_requests(text, statistic, operator, found["bound"], _condition(inner))
    return _over_series(text, statistic, operator, found["bound"], inner.strip())


def _of_bare(bound: str) -> str:
    """What a bound without a statistic speaks of: a rate if it is one, else P95."""
    return "rate" if any(bound.endswith(unit) for unit in units.PER_SECOND) else "p95"


def _statistic(word: str) -> str:
    name = _SYNONYMS.get(word.lower(), word.lower())
    known = dict.fromkeys((*STATISTICS, *SERIES_STATISTICS))
    if name not in known:
        raise ValueError(
            f'"{word}" is not a statistic.{nearest(name, known)} Allowed: {", ".join(known)}'
        )
    return name


def _condition(text: str) -> Condition:
    word = text.strip().lower()
    if word in ("ok", "failed"):
        return Condition(word)
    found = _CONDITION.fullmatch(word)
    if not found:
        raise ValueError(f'count({text}): allowed are "status >= 500" and the like, ok, failed')
    operator = _SPELLINGS.get(found["operator"], found["operator"])
    return Condition("status", operator, int(found["status"]))


def _over_requests(
    text: str,
    statistic: str,
    operator: str,
    bound: str,
    condition: Condition | None = None,
    *,
    assumed: bool = False,
) -> Limit:
    if statistic not in STATISTICS:
        raise ValueError(f"{statistic} needs a series: {statistic}(name) {operator} {bound}")
    value, unit, relative = _bound(bound)
    allowed, example = _UNITS[statistic]
    if not relative and unit not in allowed:
        raise ValueError(f'"{bound}" is not a limit of {statistic}: write {example}')
    if relative and unit not in ("1", allowed[0]):
        raise ValueError(f'"{bound}" is not a limit of {statistic}: write baseline + 10%')
    unit = "1" if statistic in ("error_rate", "checks") else unit
    return Limit(
        text.strip(), statistic, operator, value, unit,
        condition=condition, assumed=assumed, relative=relative,
    )  # fmt: skip


def _over_series(text: str, statistic: str, operator: str, bound: str, series: str) -> Limit:
    if statistic not in SERIES_STATISTICS:
        raise ValueError(
            f'"{statistic}(...)" is not known. Over a series: {", ".join(SERIES_STATISTICS)}'
        )
    if not _SERIES.fullmatch(series):
        raise ValueError(f'"{series}" is not the name of a series')
    value, unit, relative = _bound(bound)
    if statistic == "slope" and not relative and not unit.startswith(("/h", "By/h")):
        raise ValueError(f'"{bound}" is not a slope: write 1%/h, 10MiB/h or 100/h')
    return Limit(text.strip(), statistic, operator, value, unit, series=series, relative=relative)


def _bound(text: str) -> tuple[float, str, bool]:
    """Value, unit, and whether it is a change against the baseline."""
    found = _RELATIVE.fullmatch(text.strip())
    if found and found["amount"] is None:
        return 0.0, "1", True
    value, unit = units.quantity(found["amount"] if found else text)
    if not math.isfinite(value):
        raise ValueError(f'"{text}" is larger than any number')
    return (-value if found and found["sign"] == "-" else value), unit, found is not None
