"""k6's end-of-test summary as it stands in the console: legacy, compact and full.

Source: `summary.js` of k6 1.1 and 2.2. Durations, and the per cent of a rate, have their digits cut
off after the second, bytes are rounded in units of 1,000, and other numbers have up to six digits.
In the full mode every scenario, and every group in it, has a section of its own; of a single scenario
only its groups have. A name of a check may have several lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from perfreport.errors import InputError
from perfreport.toolreports.model import Figure, Kind, Rounding, Subject, ToolReport

Tags = tuple[tuple[str, str], ...]

_ROW = re.compile(r"(?P<indent> *)(?:[✓✗] )?(?P<name>\{ .* \}|\S.*?)\.{3,}: (?P<rest>.*)")
_CHECK = re.compile(r"(?P<indent> *)(?P<mark>[✓✗]) (?P<name>.*)")
_CHECK_COUNTS = re.compile(r" *↳ +\d{1,3}% — ✓ (\d{1,18}) / ✗ (\d{1,18})")
_SECTION = re.compile(r" *█ (THRESHOLDS|TOTAL RESULTS|SCENARIO: (?P<scenario>.*?)) *")
_GROUP = re.compile(r"(?P<indent> *)(?P<sign>↳ GROUP: |█ GROUP: |█ )(?P<name>.*?) *")
_PART = re.compile(r"([\w.()]+)=(.*?)(?=\s+[\w.()]+=|\s*$)")
_RATE = re.compile(
    r"(\d{1,3}\.\d\d)%\s+(?:(\d{1,18}) out of (\d{1,18})|✓ (\d{1,18})\s+✗ (\d{1,18}))"
)
_GAUGE = re.compile(r"(\S+(?: [kMGTP]?B)?)\s+min=(.*?)\s+max=(.*?)")
_COUNTER = re.compile(r"(\S+(?: [kMGTP]?B)?)\s+(\S+(?: [kMGTP]?B)?)/s")
_QUANTILE = re.compile(r"p\((\d{1,2}(?:\.\d{1,9})?|100)\)")
_TRENDS = {"avg": "mean", "min": "min", "max": "max", "count": "count"}
_CUT_PERCENT = Rounding("down", 0.0001)
_WHOLE = Rounding("exact")


def sniff(page: str) -> bool:
    """Rows of metrics that every run of k6 has."""
    return re.search(r"^ *(?:[✓✗] )?iterations\.{3,}: ", page, re.MULTILINE) is not None or bool(
        re.search(r"^ *█ TOTAL RESULTS *$", page, re.MULTILINE)
    )


def parse(page: str, name: str) -> ToolReport:
    """The figures of all sections. Raises InputError where no row can be read."""
    figures = tuple(_Page().figures(page.split("\n")))
    if not figures:
        raise InputError(f"{name}: k6's summary is cut off. Copy what k6 printed at its end.")
    return ToolReport("k6", "console", figures)


class _Page:
    """Goes through the lines, and knows in which section, scenario and group each stands."""

    def __init__(self) -> None:
        self._legacy = True
        self._thresholds = False
        self._scenario: Tags = ()
        self._groups: list[tuple[int, str]] = []  # indent and name of those around
        self._metric = ""
        self._check: Subject | None = None  # whose counts may follow in the next line

    def figures(self, lines: list[str]) -> Iterator[Figure]:
        for line in lines:
            if self._check and self._goes_on(line):
                name = f"{self._check.name}\n{line}".rstrip()
                self._check = replace(self._check, name=name)
                continue
            counts = _CHECK_COUNTS.match(line)
            if counts and self._check:
                yield Figure(self._check, "count", float(counts[1]), "1", _WHOLE, "ok")
                yield Figure(self._check, "count", float(counts[2]), "1", _WHOLE, "failed")
                self._check = None
                continue
            yield from self._passed()
            yield from self._line(line)
        yield from self._passed()

    def _goes_on(self, line: str) -> bool:
        """Is this another line of the name of the check above?"""
        others = (_CHECK_COUNTS, _ROW, _SECTION, _GROUP, _CHECK)
        return bool(line.strip()) and not any(other.match(line) for other in others)

    def _passed(self) -> Iterator[Figure]:
        """Of a check that no counts followed: it never failed."""
        if self._check:
            yield Figure(self._check, "count", 0.0, "1", _WHOLE, "failed")
            self._check = None

    def _line(self, line: str) -> Iterator[Figure]:
        if row := _ROW.fullmatch(line):
            if self._legacy:
                self._groups = []
            yield from _row(self._subject(row["name"]), row["rest"].strip())
        elif section := _SECTION.fullmatch(line):
            self._legacy = False
            self._thresholds = section[1] == "THRESHOLDS"
            self._groups = []
            self._scenario = (("scenario", section["scenario"]),) if section["scenario"] else ()
        elif group := _GROUP.fullmatch(line):
            named = self._legacy and group["sign"] == "█ GROUP: "  # that is then part of the name
            self._enter(len(group["indent"]), f"{'GROUP: ' * named}{group['name']}")
        elif (check := _CHECK.fullmatch(line)) and not self._thresholds:
            if self._legacy:
                self._leave(len(check["indent"]))
            self._check = Subject(
                Kind.CHECK, check["name"].strip(), tags=self._tags(always=self._legacy)
            )

    def _enter(self, indent: int, name: str) -> None:
        self._leave(indent)
        self._groups.append((indent, name))

    def _leave(self, indent: int) -> None:
        """Forget the groups that do not enclose what is indented like this."""
        self._groups = [group for group in self._groups if group[0] < indent]

    def _subject(self, name: str) -> Subject:
        if not name.startswith("{ "):
            self._metric = name
            return Subject(Kind.METRIC, name, tags=self._tags())
        return Subject(Kind.METRIC, self._metric, tags=(*self._tags(), *tags_of(name[2:-2])))

    def _tags(self, always: bool = False) -> Tags:
        """Scenario and group of the section; a legacy check without a group is outside of any."""
        if not self._groups and not always:
            return self._scenario
        path = "".join(f"::{name}" for _, name in self._groups)
        return (*self._scenario, ("group", path))


def tags_of(text: str) -> Tags:
    """`a:b,c:d` of a submetric. A comma in a value cannot be told from the next tag.

    >>> tags_of("name:create,group:::Order to Cash")
    (('name', 'create'), ('group', '::Order to Cash'))
    """
    pairs = (part.partition(":") for part in text.split(","))
    return tuple((key.strip(), value.strip()) for key, _, value in pairs if key.strip())


def _row(subject: Subject, rest: str) -> Iterator[Figure]:
    """The figures of one row: of a rate, a gauge, a counter or a trend."""
    if found := _RATE.match(rest):
        share, passed, total, ticks, crosses = found.groups()
        first = float(passed or ticks)
        count = float(total) if total else first + float(crosses)
        yield Figure(subject, "share", float(f"{share}e-2"), "1", _CUT_PERCENT)
        yield Figure(subject, "nonzero", first, "1", _WHOLE)
        yield Figure(subject, "count", count, "1", _WHOLE)
    elif _PART.match(rest):
        for key, text in _PART.findall(rest):
            yield from _trend(subject, key, text)
    elif found := _GAUGE.fullmatch(rest):
        for statistic, text in zip(("last", "min", "max"), found.groups(), strict=True):
            yield from _amount(subject, statistic, text)
    elif found := _COUNTER.fullmatch(rest):
        yield from _amount(subject, "sum", found[1])
        yield from _amount(subject, "rate", found[2])


def _trend(subject: Subject, key: str, text: str) -> Iterator[Figure]:
    quantile = _QUANTILE.fullmatch(key)
    if quantile or key == "med":
        yield from _amount(subject, "quantile", text, float(quantile[1]) / 100 if quantile else 0.5)
    elif key in _TRENDS:
        yield from _amount(subject, _TRENDS[key], text)


def _amount(
    subject: Subject, statistic: str, text: str, q: float | None = None
) -> Iterator[Figure]:
    for parse_ in (_duration, _bytes, _plain):
        if found := parse_(text):
            value, unit, rounding = found
            per_second = unit.removesuffix("1") + "/s" if statistic == "rate" else unit
            yield Figure(subject, statistic, value, per_second, rounding, q=q)
            return


_Amount = tuple[float, str, Rounding] | None
_DURATION = re.compile(r"(\d{1,9})(?:\.\d{1,2})?(ns|µs|us|ms|s)")
_LONG = re.compile(r"(?:(\d{1,6})h)?(\d{1,2})m(\d{1,2})(?:\.\d{1,2})?s")
_BYTES = re.compile(r"(\d{1,12}(?:\.\d{1,9})?) ([kMGTP]?B)")
_PLAIN = re.compile(r"-?\d{1,18}(?:\.\d{1,6})?(?:e[+-]\d{1,3})?")
_MS = {"ns": 1e-6, "µs": 1e-3, "us": 1e-3, "ms": 1.0, "s": 1000.0}
_PREFIXES = {"B": 1.0, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "PB": 1e15}


def _duration(text: str) -> _Amount:
    if found := _LONG.fullmatch(text):
        hours, minutes, seconds = (int(part or 0) for part in found.groups())
        return ((hours * 60 + minutes) * 60 + seconds) * 1000.0, "ms", Rounding("down", 1000.0)
    if not (found := _DURATION.fullmatch(text)):
        return None
    unit = _MS[found[2]]
    step = unit if found[2] == "ns" else unit / 100
    return float(text.removesuffix(found[2])) * unit, "ms", Rounding("down", step)


def _bytes(text: str) -> _Amount:
    """Rounded to a tenth, and from ten on to a whole, of the tenth."""
    if not (found := _BYTES.fullmatch(text)):
        return None
    value, unit = float(found[1]), _PREFIXES[found[2]]
    if found[2] == "B" and value < 10:
        return value, "By", Rounding("nearest", 1e-6)
    return value * unit, "By", Rounding("nearest", unit * (0.1 if value < 10 else 1.1))


def _plain(text: str) -> _Amount:
    if not _PLAIN.fullmatch(text):
        return None
    return float(text), "1", Rounding("nearest", 1e-6)
