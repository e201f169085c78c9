"""The table of statistics in the `index.html` of a Gatling report, of versions that write it there.

Each row has the id of its request or group and that of its parent; numbers of all samples, and the
counts of OK and KO. Older reports fill the table by `js/stats.js`: there that file is the one to give.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

from perfreport.errors import InputError
from perfreport.toolreports.gatling import ROUNDED, WHOLE, Outcome
from perfreport.toolreports.model import Figure, Kind, Rounding, Subject, ToolReport
from perfreport.toolreports.values import check_depth, number

_ROOT = "ROOT"
_COLUMN = re.compile(
    r"(?:.* )?col-(\d{1,3})(?: .*)?", re.DOTALL
)  # not error-col-1 of the assertions
_PERCENTILE = re.compile(r"(100|\d{1,2}(?:\.\d{1,9})?)(?:st|nd|rd|th) pct")
_VERSION = re.compile(r"Version:\s*</span>\s*<span>\s*([\w.-]{1,40})\s*</span>")
_WORDS: dict[str, tuple[str, str, Rounding, Outcome]] = {
    "Total": ("count", "1", WHOLE, "all"),
    "OK": ("count", "1", WHOLE, "ok"),
    "KO": ("count", "1", WHOLE, "failed"),
    "% KO": ("share", "%", Rounding("nearest", 0.0001), "failed"),
    "Cnt/s": ("rate", "/s", Rounding("nearest", 0.01), "all"),
    "Min": ("min", "ms", WHOLE, "all"),
    "Max": ("max", "ms", WHOLE, "all"),
    "Mean": ("mean", "ms", ROUNDED, "all"),
    "Std Dev": ("stdev", "ms", ROUNDED, "all"),
}


def sniff(page: str) -> bool:
    """A page of a Gatling report."""
    start = page[:4000].lower()
    return "<html" in start and "gatling" in start


def parse(page: str, name: str) -> ToolReport:
    """The figures of each row. Raises InputError for a page without the table."""
    table = _Table()
    table.feed(page)
    table.close()
    figures = tuple(_figures(table, name))
    if not figures:
        raise InputError(
            f"{name}: a page of a Gatling report without its table of statistics. "
            "Before 3.14 its numbers stand in js/stats.json or js/stats.js: give one of these."
        )
    version = _VERSION.search(page)
    return ToolReport("Gatling", "index.html", figures, version=version[1] if version else None)


@dataclass
class _Row:
    id: str
    parent: str | None
    cells: dict[int, str] = field(default_factory=dict)
    name: str = ""


class _Table(HTMLParser):
    """Collects the rows whose cells have the class `col-N`, and the words above the columns."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.rows: dict[str, _Row] = {}
        self.words: dict[int, str] = {}
        self._row: _Row | None = None
        self._heading: int | None = None
        self._cell: int | None = None
        self._named = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {key: value or "" for key, value in attrs}
        if tag == "tr":
            self._row = _Row(given.get("id", ""), given.get("data-parent"))
        elif tag == "th":
            self._heading = _place(given.get("id", ""))
        elif tag == "td":
            self._cell = _place(given.get("class", ""))
        elif tag == "span" and "ellipsed-name" in given.get("class", ""):
            self._named = True
        elif tag == "span" and "expand-button" in given.get("class", "") and self._row:
            self._row.id = given.get("id", "")  # 3.14.0 has it here only

    def handle_endtag(self, tag: str) -> None:
        if tag == "tr" and self._row is not None:
            if self._row.id:
                self.rows.setdefault(self._row.id, self._row)
            self._row = None
        elif tag == "th":
            self._heading = None
        elif tag == "td":
            self._cell = None
        elif tag == "span":
            self._named = False

    def handle_data(self, data: str) -> None:
        if self._heading is not None:
            self.words[self._heading] = (self.words.get(self._heading, "") + data).strip()
        elif self._row is not None and self._named:
            self._row.name += data
        elif self._row is not None and self._cell is not None:
            self._row.cells[self._cell] = self._row.cells.get(self._cell, "") + data.strip()


def _place(text: str) -> int | None:
    found = _COLUMN.fullmatch(text)
    return int(found[1]) if found else None


def _figures(table: _Table, name: str) -> Iterator[Figure]:
    for row in table.rows.values():
        if not row.cells:
            continue
        subject = _subject(table, row, name)
        for place, words in table.words.items():
            value = row.cells.get(place, "-")
            if value in ("", "-"):
                continue
            percentile = _PERCENTILE.fullmatch(words)
            if percentile:
                amount = number(value, name, f"{words} of {subject}")
                q = float(percentile[1]) / 100
                yield Figure(subject, "quantile", amount, "ms", ROUNDED, q=q)
            elif words in _WORDS:
                statistic, unit, rounding, outcome = _WORDS[words]
                amount = number(value, name, f"{words} of {subject}")
                if unit == "%":
                    amount, unit = amount / 100, "1"
                yield Figure(subject, statistic, amount, unit, rounding, outcome)


def _subject(table: _Table, row: _Row, name: str) -> Subject:
    """Name and groups of a row, by following its parents."""
    if row.id == _ROOT:
        return Subject(Kind.TOTAL, row.name)
    path: list[str] = []
    parent = table.rows.get(row.parent or "")
    while parent is not None and parent.id != _ROOT:
        path.insert(0, parent.name)
        check_depth(len(path), name)
        parent = table.rows.get(parent.parent or "")
    kind = Kind.GROUP if row.id.startswith("group_") else Kind.REQUEST
    return Subject(kind, row.name, tuple(path))
