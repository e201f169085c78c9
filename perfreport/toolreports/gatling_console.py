"""The last statistics that Gatling prints to the console: of all requests together.

Until 3.13.4 a value of all with those of OK and KO in parentheses; since 3.13.5 three columns. The
output of a whole run holds such a block every few seconds: the last one counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from perfreport.errors import InputError
from perfreport.toolreports.gatling import (
    ROOTS,
    ROUNDED,
    WHOLE,
    Outcome,
    ranges,
)
from perfreport.toolreports.model import Figure, Kind, Rounding, Subject, ToolReport

_BLOCK = "---- Global Information ---"
_NEW = "|---Total---|"
_ROOT = Subject(Kind.TOTAL, ROOTS[-1])
_NUMBER = r"(-|\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d{1,18}(?:\.\d{1,9})?)"
_OLD_ROW = re.compile(rf"> (\S.*?) +{_NUMBER} +\(OK={_NUMBER} +KO={_NUMBER} *\)")
_NEW_ROW = re.compile(rf"> (\S.*?) *\| +{_NUMBER} +\| +{_NUMBER} +\| +{_NUMBER}")
_RANGE_ROW = re.compile(r"> (?:OK: )?(\S.*?) {2,}(\d{1,18}) \( *(\d{1,3}(?:\.\d{1,2})?)%\)")
_PERCENTILE = re.compile(r"response time (100|\d{1,2}(?:\.\d{1,9})?)(?:st|nd|rd|th) percentile")
_STATISTICS = {
    "request count": ("count", "1", WHOLE),
    "min response time": ("min", "ms", WHOLE),
    "max response time": ("max", "ms", WHOLE),
    "mean response time": ("mean", "ms", ROUNDED),
    "std deviation": ("stdev", "ms", ROUNDED),
    "response time std deviation": ("stdev", "ms", ROUNDED),
    "mean requests/sec": ("rate", "/s", WHOLE),
    "mean throughput": ("rate", "/s", WHOLE),
}
_COLUMNS: tuple[Outcome, ...] = ("all", "ok", "failed")


def sniff(page: str) -> bool:
    """Gatling's heading of its global statistics."""
    return _BLOCK in page


def parse(page: str, name: str) -> ToolReport:
    """The figures of the last block. Raises InputError where it was cut off."""
    block = page[page.rindex(_BLOCK) :]
    columns = _NEW in block.splitlines()[0]
    figures = (*_statistics(block, columns), *_distribution(block))
    counted = {figure.outcome for figure in figures if figure.statistic == "count"}
    if "all" not in counted:
        raise InputError(
            f"{name}: its last Global Information is cut off. Copy what Gatling printed at its end."
        )
    return ToolReport("Gatling", "console", figures)


def _statistics(block: str, columns: bool) -> Iterator[Figure]:
    pattern = _NEW_ROW if columns else _OLD_ROW
    for line in block.splitlines():
        found = pattern.match(line)
        if not found:
            continue
        words = re.sub(r" \((?:ms|rps)\)$", "", found[1])
        percentile = _PERCENTILE.fullmatch(words)
        if percentile:
            statistic, unit, rounding = "quantile", "ms", ROUNDED
            q: float | None = float(percentile[1]) / 100
        elif words in _STATISTICS:
            (statistic, unit, rounding), q = _STATISTICS[words], None
        else:
            continue
        for outcome, value in zip(_COLUMNS, found.groups()[1:], strict=True):
            if value != "-":
                amount = float(value.replace(",", ""))
                shown = _digits(value) if statistic == "rate" else rounding
                yield Figure(_ROOT, statistic, amount, unit, shown, outcome, q)


def _digits(value: str) -> Rounding:
    """Three digits until 3.10; since then two, of which zeros at the end are left out."""
    return Rounding("nearest", 0.001 if len(value.partition(".")[2]) == 3 else 0.01)


def _distribution(block: str) -> Iterator[Figure]:
    """The rows below `Response Time Distribution`, up to the next heading."""
    _, _, after = block.partition("---- Response Time Distribution ---")
    for line in after.splitlines()[1:]:
        if not line.startswith(">"):
            return
        found = _RANGE_ROW.match(line)
        if found:
            # Since 3.13 the zeros at the end are left out: `23.1` is 23.10.
            step = 0.01 if "> OK:" in after or "> KO" in after else 1.0
            printed = Rounding("nearest", step)
            yield from ranges(_ROOT, found[1], float(found[2]), float(found[3]), printed)
