"""k6's summaries as JSON: `--summary-export`, the data of `handleSummary`, the machine-readable one.

All digits are there: a number is the tool's own double, but for the error of a long sum.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

from perfreport.readers import k6_summary
from perfreport.readers.k6_summary import Aggregate, Check
from perfreport.toolreports.model import Figure, Kind, Rounding, Subject, ToolReport

_EXACT = Rounding("exact", 1e-12)
_FORMS = {
    "export": "--summary-export",
    "handle": "handleSummary",
    "machine": "machine-readable summary",
}
_QUANTILE = re.compile(r"p\((\d{1,2}(?:\.\d{1,12})?|100)\)")
# k6's name of a statistic, by the type of the metric: ours
_STATISTICS = {
    "counter": {"count": "sum", "rate": "rate"},
    "gauge": {"value": "last", "min": "min", "max": "max"},
    "rate": {"rate": "share", "passes": "nonzero", "fails": "zero"},
    "trend": {"avg": "mean", "min": "min", "max": "max", "count": "count"},
}


def sniff(document: dict[str, Any]) -> bool:
    """The keys under which the three forms keep their metrics."""
    return isinstance(document.get("results", document.get("metrics")), dict)


def parse(data: bytes, name: str) -> ToolReport:
    """The figures of every metric, submetric and check. Raises InputError for damage."""
    summary = k6_summary.parse(data, name)
    figures = [figure for each in summary.aggregates for figure in _of_metric(each)]
    figures += [figure for check in summary.checks for figure in _of_check(check, summary.form)]
    # The export tells no length: what k6_summary has for it is computed from these figures.
    duration_s = summary.duration_s if summary.form != "export" else None
    return ToolReport("k6", _FORMS[summary.form], tuple(figures), summary.version, duration_s)


def _of_metric(aggregate: Aggregate) -> Iterator[Figure]:
    subject = Subject(Kind.METRIC, aggregate.metric, tags=tuple(sorted(aggregate.tags.items())))
    known = _STATISTICS[aggregate.type]
    for key, value in aggregate.values.items():
        if not math.isfinite(value):
            continue
        quantile = _QUANTILE.fullmatch(key)
        if aggregate.type == "trend" and (quantile or key == "med"):
            q = float(quantile[1]) / 100 if quantile else 0.5
            yield Figure(subject, "quantile", value, _unit(aggregate), _EXACT, q=q)
        elif key in known:
            unit = _unit_of(aggregate, known[key])
            yield Figure(subject, known[key], value, unit, _EXACT)


def _unit_of(aggregate: Aggregate, statistic: str) -> str:
    unit = _unit(aggregate)
    if statistic == "rate":
        return f"{unit.removesuffix('1')}/s"
    return "1" if statistic == "count" else unit


def _unit(aggregate: Aggregate) -> str:
    """The export does not tell the unit of a metric; those of k6's own are known by their names."""
    contains = aggregate.contains
    if contains is None and aggregate.metric.startswith("data_"):
        contains = "data"
    if contains is None and aggregate.type == "trend" and "_req_" in aggregate.metric:
        contains = "time"
    return {"time": "ms", "data": "By"}.get(contains or "", "1")


def _of_check(check: Check, form: str) -> Iterator[Figure]:
    """Passes and fails; the machine-readable form does not tell the group of a check."""
    path = "".join(f"::{name}" for name in (check.group or "").split("/") if name)
    tags = () if form == "machine" else (("group", path),)
    subject = Subject(Kind.CHECK, check.name, tags=tags)
    yield Figure(subject, "count", float(check.passes), "1", _EXACT, "ok")
    yield Figure(subject, "count", float(check.fails), "1", _EXACT, "failed")
