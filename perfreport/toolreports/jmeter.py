"""JMeter's `statistics.json`, which `jmeter -g RESULTS -o FOLDER` puts beside its dashboard.

An object per label, and one for `Total`. Source: StatisticsSummaryConsumer.java and
SamplingStatCalculator's twin StatisticsSummaryData.java of JMeter 5.6.3: `errorPct` is computed in
single precision, rates are per second from a label's first start to its last end, bytes are in
units of 1,024.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from perfreport.errors import InputError
from perfreport.toolreports.model import Figure, Kind, Rounding, Subject, ToolReport
from perfreport.toolreports.values import number, objects

_EXACT = Rounding("exact", 1e-9)  # its means are running ones, with an error of their own
_FLOAT32 = Rounding("float32")
_TOTAL = "Total"
# What JMeter writes where there is nothing to count: of a rate, and of an extreme.
_NO_NUMBERS = ("NaN", "Infinity", "-Infinity", 2.0**63, -(2.0**63))
# key: statistic, unit, quantile
_KEYS: dict[str, tuple[str, str, float | None]] = {
    "sampleCount": ("count", "1", None),
    "errorCount": ("failed", "1", None),
    "errorPct": ("error_rate", "1", None),
    "meanResTime": ("mean", "ms", None),
    "medianResTime": ("quantile", "ms", 0.5),
    "minResTime": ("min", "ms", None),
    "maxResTime": ("max", "ms", None),
    "pct1ResTime": ("quantile", "ms", 0.9),
    "pct2ResTime": ("quantile", "ms", 0.95),
    "pct3ResTime": ("quantile", "ms", 0.99),
    "throughput": ("rate", "/s", None),
    "receivedKBytesPerSec": ("received_rate", "KiBy/s", None),
    "sentKBytesPerSec": ("sent_rate", "KiBy/s", None),
}


def sniff(document: dict[str, Any]) -> bool:
    """An object of objects that name their transaction and count samples."""
    entries = list(document.values())
    return bool(entries) and any(
        isinstance(entry, dict) and {"transaction", "sampleCount"} <= entry.keys()
        for entry in entries
    )


def parse(document: dict[str, Any], name: str) -> ToolReport:
    """The figures of each label. Raises InputError for a file that was cut or edited."""
    figures: list[Figure] = []
    for label, entry in document.items():
        figures += _figures(label, objects(entry, name, f'"{label}"'), name)
    return ToolReport("JMeter", "statistics.json", tuple(figures))


def _figures(label: str, entry: dict[str, Any], name: str) -> Iterator[Figure]:
    kind = Kind.TOTAL if label == _TOTAL else Kind.LABEL
    for key, (statistic, unit, q) in _KEYS.items():
        if key not in entry:
            raise InputError(f'{name}: "{label}" has no {key}. Give the statistics.json of -g.')
        if entry[key] in _NO_NUMBERS:
            continue
        value = number(entry[key], name, f'{key} of "{label}"')
        if statistic == "error_rate":
            yield Figure(Subject(kind, label), statistic, value / 100, unit, _FLOAT32)
        else:
            yield Figure(Subject(kind, label), statistic, value, unit, _EXACT, q=q)
