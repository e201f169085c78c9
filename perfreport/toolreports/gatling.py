"""Gatling's `js/stats.json` and `js/global_stats.json` (to 3.12), and `js/stats.js` (to 3.13).

A tree of groups and requests, each with the same statistics of all, of successful (OK) and of failed
(KO) samples. Sources: StatsJsTemplate.scala and GlobalStatsJsonTemplate.scala of Gatling 3.4.2 and
3.13.5. A group's times are its cumulated response times; in `group1` to `group4` some versions count
its durations instead. A value that does not exist is `-`.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from typing import Any, Literal

from perfreport.errors import InputError
from perfreport.toolreports.model import Figure, Kind, Rounding, Subject, ToolReport
from perfreport.toolreports.values import check_depth, number, objects, text

Outcome = Literal["all", "ok", "failed"]

WHOLE = Rounding("exact", 1e-12)
ROUNDED = Rounding("nearest", 1.0)
OUTCOMES: dict[str, Outcome] = {"total": "all", "ok": "ok", "ko": "failed"}
# Of gatling.conf where nobody changed it; 2.0 had two of them.
QUANTILES = (0.5, 0.75, 0.95, 0.99)
_QUANTILES_OF_2_0 = (0.95, 0.99)
ROOTS = ("Global Information", "All Requests")  # until 3.10, and since

# key: statistic, unit, rounding
_STATISTICS: dict[str, tuple[str, str, Rounding]] = {
    "numberOfRequests": ("count", "1", WHOLE),
    "minResponseTime": ("min", "ms", WHOLE),
    "maxResponseTime": ("max", "ms", WHOLE),
    "meanResponseTime": ("mean", "ms", ROUNDED),
    "standardDeviation": ("stdev", "ms", ROUNDED),
    "meanNumberOfRequestsPerSecond": ("rate", "/s", WHOLE),
}


def sniff(document: dict[str, Any]) -> bool:
    """The root of stats.json, or global_stats.json, which is its statistics alone."""
    statistics = document.get("stats", document)
    return isinstance(statistics, dict) and "numberOfRequests" in statistics


def parse(document: dict[str, Any], name: str) -> ToolReport:
    """The figures of all requests, each group and each request. Raises InputError for damage."""
    if "stats" not in document:
        root = Subject(Kind.TOTAL, ROOTS[-1])
        return ToolReport("Gatling", "global_stats.json", tuple(_figures(root, document, name)))
    return ToolReport("Gatling", "stats.json", tuple(_tree(document, name)))


_SCRIPT = re.compile(r"\bvar stats\s*=\s*(?=\{)")
_KEY = re.compile(r"^(\s*)(type|name|path|pathFormatted|stats|contents)(?=\s*:)", re.MULTILINE)


def sniff_script(page: str) -> bool:
    """js/stats.js with the numbers in it."""
    return _SCRIPT.search(page) is not None and "numberOfRequests" in page


def parse_script(page: str, name: str) -> ToolReport:
    """The same tree out of js/stats.js, where it is a JavaScript object."""
    found = _SCRIPT.search(page)
    quoted = _KEY.sub(r'\1"\2"', page[found.end() :] if found else "")
    document = _decoded(mended(quoted)) or _decoded(mended_names(quoted))
    if document is None:
        raise InputError(f"{name}: its statistics are cut off or damaged. Copy it again.")
    tree = objects(document, name, "the tree of statistics")
    return ToolReport("Gatling", "stats.js", tuple(_tree(tree, name)))


def mended(text: str) -> str:
    r"""JSON as versions to 3.3 meant it: they write a quote in a name as `\\"`, which ends the text."""
    return text.replace(r'\\"', r"\"")


_NAME = re.compile(r'^(\s*"(?:name|path)": ")(.*)(",?)$', re.MULTILINE)
_QUOTE = re.compile(r'\\*"')


def mended_names(text: str) -> str:
    """JSON as versions to 2.3 meant it, which write a quote in a name also as it is."""
    return _NAME.sub(lambda line: line[1] + _QUOTE.sub(r'\\"', line[2]) + line[3], text)


def _decoded(text: str) -> Any:
    """The value with which a text of JSON begins; None where it is none."""
    try:
        return json.JSONDecoder(strict=False).raw_decode(text)[0]
    except (ValueError, RecursionError):
        return None


_EMPTY = "function openStatisticsTableModal"


def refuse_empty_script(page: str, name: str) -> None:
    """InputError for the js/stats.js of versions that write the numbers elsewhere."""
    if _EMPTY in page:
        raise InputError(
            f"{name}: no numbers in it, since Gatling 3.14 writes them into index.html. Give that."
        )


def _tree(root: dict[str, Any], name: str) -> Iterator[Figure]:
    """The figures of a node and of all below it, outermost first."""
    waiting: list[tuple[dict[str, Any], tuple[str, ...]]] = [(root, ())]
    while waiting:
        node, path = waiting.pop(0)
        check_depth(len(path), name)
        called = html.unescape(text(node.get("name"), name, "the name of a group or request"))
        subject = _subject(node, called, path)
        yield from _figures(subject, objects(node.get("stats"), name, f"stats of {called}"), name)
        inner = path if node is root else (*path, called)
        contents = objects(node.get("contents", {}), name, f"contents of {called}")
        waiting += [(objects(child, name, key), inner) for key, child in contents.items()]


def _subject(node: dict[str, Any], called: str, path: tuple[str, ...]) -> Subject:
    if not path and called in ROOTS and not node.get("path"):
        return Subject(Kind.TOTAL, called)
    return Subject(Kind.GROUP if node.get("type") == "GROUP" else Kind.REQUEST, called, path)


def _figures(subject: Subject, statistics: dict[str, Any], name: str) -> Iterator[Figure]:
    for key, (statistic, unit, rounding) in _STATISTICS.items():
        for outcome, value in _columns(subject, statistics, key, name):
            shown = as_printed(value) if statistic == "rate" else rounding
            amount = number(value, name, f"{key} of {subject}")
            yield Figure(subject, statistic, amount, unit, shown, outcome)
    quantiles = QUANTILES if "percentiles3" in statistics else _QUANTILES_OF_2_0
    for place, q in enumerate(quantiles, 1):
        key = f"percentiles{place}"
        for outcome, value in _columns(subject, statistics, key, name):
            amount = number(value, name, f"{key} of {subject}")
            yield Figure(subject, "quantile", amount, "ms", ROUNDED, outcome, q)
    for key in ("group1", "group2", "group3", "group4"):
        if key in statistics:
            yield from _range(subject, objects(statistics[key], name, f"{key} of {subject}"), name)


def _columns(
    subject: Subject, statistics: dict[str, Any], key: str, name: str
) -> Iterator[tuple[Outcome, Any]]:
    """The values of all, of OK and of KO, as far as there are any."""
    values = objects(statistics.get(key), name, f"{key} of {subject}")
    for column, outcome in OUTCOMES.items():
        value = values.get(column)
        if value not in (None, "-", ""):
            yield outcome, value


def as_printed(value: object) -> Rounding:
    """A text has at most two digits, a double all of them, an integer none."""
    if isinstance(value, str):
        return Rounding("nearest", 0.01)
    return Rounding("exact", 1e-12) if isinstance(value, float) else ROUNDED


def _range(subject: Subject, entry: dict[str, Any], name: str) -> Iterator[Figure]:
    words = html.unescape(text(entry.get("name"), name, f"a range of {subject}"))
    count = number(entry.get("count"), name, f"{words} of {subject}")
    percent = number(entry.get("percentage"), name, f"{words} of {subject}")
    # Whole per cent until 3.10, all digits since.
    yield from ranges(subject, words, count, percent, as_printed(entry["percentage"]))


_BOUND = re.compile(r"(\d{1,9}) ms")


def ranges(
    subject: Subject, words: str, count: float, percent: float, printed: Rounding
) -> Iterator[Figure]:
    """Count and share of `t < 800 ms` and the like, or of `failed`."""
    bounds = [float(bound) for bound in _BOUND.findall(words)]
    share = printed if printed.how == "exact" else Rounding(printed.how, printed.step / 100)
    if words in ("failed", "KO"):
        yield Figure(subject, "count", count, "1", WHOLE, "failed")
        yield Figure(subject, "share", percent / 100, "1", share, "failed")
        return
    if not bounds:
        return
    low, high = _bounds(words, bounds)
    yield Figure(subject, "count", count, "1", WHOLE, "ok", low=low, high=high)
    yield Figure(subject, "share", percent / 100, "1", share, "ok", low=low, high=high)


def _bounds(words: str, bounds: list[float]) -> tuple[float | None, float | None]:
    """`t < 800 ms`, `800 ms < t < 1200 ms`, `t >= 1200 ms`; the lower bound always belongs to it."""
    if len(bounds) > 1:
        return bounds[0], bounds[1]
    return (None, bounds[0]) if "<" in words else (bounds[0], None)
