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
    Column("series", width=24),
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
    """A line per series, then why those that grow are called growing."""
    rows = tuple(_row(trend) for trend in trends)
    print_table(
        Table(_COLUMNS, rows, tuple(_STYLES.get(trend.verdict) for trend in trends)), console
    )
    console.print()
    for trend in trends:
        if trend.verdict in (TrendVerdict.GROWING, TrendVerdict.PLATEAUED):
            console.print(
                f"{series_label(trend)}: {printable(trend.why)}", style=_STYLES.get(trend.verdict)
            )


def series_label(trend: Trend) -> str:
    """Name and labels as Prometheus writes them, without quotes."""
    labels = ", ".join(f"{key}={value}" for key, value in sorted(trend.labels.items()))
    return printable(f"{trend.name}{{{labels}}}" if labels else trend.name)


def _row(trend: Trend) -> tuple[str, ...]:
    values = (trend.first, trend.middle, trend.last, trend.slope_per_h)
    texts = ("" if value is None else units.quantity_text(value, trend.unit) for value in values)
    return (series_label(trend), *texts, trend.verdict.value)
