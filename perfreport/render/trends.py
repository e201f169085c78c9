"""Trends of a soak as table and JSON."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from perfreport import units
from perfreport.judge.findings import Trend, TrendVerdict
from perfreport.render import json
from perfreport.render.table import Column, Table, printable
from perfreport.render.table import for_terminal as print_table

_STYLES: dict[TrendVerdict, str | None] = {
    TrendVerdict.GROWING: "bold red",
    TrendVerdict.INCONCLUSIVE: "dim",
}
_COLUMNS = (
    Column("series", width=20),
    Column("start", right=True),
    Column("half", right=True),
    Column("end", right=True),
    Column("per hour", right=True),
    Column("verdict"),
)


def as_json(trends: Sequence[Trend]) -> str:
    """The document of the contract."""
    return json.document({"series": trends})


def for_terminal(trends: Sequence[Trend], console: Console) -> None:
    """A line per series, then why those that moved are called so."""
    labels = series_labels(trends)
    rows = tuple(_row(label, trend) for label, trend in zip(labels, trends, strict=True))
    print_table(
        Table(_COLUMNS, rows, tuple(_STYLES.get(trend.verdict) for trend in trends)), console
    )
    console.print()
    for label, trend in zip(labels, trends, strict=True):
        if trend.verdict in (TrendVerdict.GROWING, TrendVerdict.PLATEAUED):
            console.print(f"{label}: {printable(trend.why)}", style=_STYLES.get(trend.verdict))


def series_labels(trends: Sequence[Trend]) -> list[str]:
    """Name and labels of each series; a label that all of one name share tells nothing."""
    texts = []
    for trend in trends:
        alike = [other.labels for other in trends if other.name == trend.name]
        telling = [
            f"{key}={value}"
            for key, value in sorted(trend.labels.items())
            if any(labels.get(key) != value for labels in alike)
        ]
        texts.append(printable(f"{trend.name} {', '.join(telling)}".strip()))
    return texts


def _row(label: str, trend: Trend) -> tuple[str, ...]:
    values = (trend.first, trend.middle, trend.last, trend.slope_per_h)
    texts = (units.short_text(value, trend.unit) for value in values)
    return (label, *texts, trend.verdict.value)
