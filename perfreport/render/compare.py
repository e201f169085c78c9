"""A comparison as table, JSON and Markdown: the same words in each."""

from __future__ import annotations

from rich.console import Console

from perfreport import units
from perfreport.judge.findings import Change, ChangeVerdict, Comparison
from perfreport.render import json
from perfreport.render.table import Column, Table, captured, for_markdown, markdown_text, printable
from perfreport.render.table import for_terminal as print_table

VERDICT_WORDS = {
    ChangeVerdict.REGRESSED: "Regressed",
    ChangeVerdict.IMPROVED: "Improved",
    ChangeVerdict.UNCHANGED: "Unchanged",
    ChangeVerdict.INCONCLUSIVE: "Inconclusive",
    ChangeVerdict.NOT_COMPARABLE: "Not comparable",
}
STATISTIC_WORDS = {
    "p50": "P50", "p95": "P95", "p99": "P99", "mean": "mean",
    "error_rate": "errors", "throughput": "throughput",
}  # fmt: skip
_STYLES: dict[ChangeVerdict | None, str | None] = {
    ChangeVerdict.REGRESSED: "bold red",
    ChangeVerdict.IMPROVED: "green",
    ChangeVerdict.INCONCLUSIVE: "dim",
}
_COLUMNS = (
    Column("endpoint", width=13),
    Column(""),
    Column("baseline", right=True),
    Column("run", right=True),
    Column("change", right=True),
    Column("90 % interval", right=True),
    Column("verdict"),
)


def as_json(comparison: Comparison) -> str:
    """The document of the contract."""
    return json.document(json.plain(comparison))


def as_markdown(comparison: Comparison) -> str:
    """For a pull request: verdict, doubts, table; the reasons of what changed below it."""
    lines = [f"**{VERDICT_WORDS[comparison.verdict]}**", ""]
    lines += [f"- {markdown_text(line)}" for line in _reasons(comparison)]
    lines += ["", for_markdown(_table(comparison.comparisons)), sd_line(comparison)]
    lines += [f"- {markdown_text(evidence_line(row))}" for row in changed(comparison)]
    return "\n".join(lines) + "\n"


def as_text(comparison: Comparison) -> str:
    """The terminal's table as plain text, for a file."""
    return captured(lambda console: for_terminal(comparison, console))


def for_terminal(comparison: Comparison, console: Console) -> None:
    """Verdict first, then doubts, the table, and the evidence of what changed."""
    style = _STYLES.get(comparison.verdict) or "bold"
    console.print(VERDICT_WORDS[comparison.verdict], style=style)
    for line in _reasons(comparison):
        console.print(f"  {line}", style="dim" if line != comparison.why else None)
    console.print()
    print_table(_table(comparison.comparisons), console)
    console.print()
    for row in changed(comparison):
        console.print(evidence_line(row), style=_STYLES.get(row.verdict))
    console.print(sd_line(comparison), style="dim")


def changed(comparison: Comparison) -> list[Change]:
    """The rows that became worse or better."""
    loud = (ChangeVerdict.REGRESSED, ChangeVerdict.IMPROVED)
    return [row for row in comparison.comparisons if row.verdict in loud]


def _reasons(comparison: Comparison) -> list[str]:
    """How the verdict came about, then every doubt; once each where doubts are the verdict."""
    doubts = [printable(doubt.why) for doubt in comparison.comparable]
    if comparison.verdict == ChangeVerdict.NOT_COMPARABLE and doubts:
        return doubts
    return [printable(comparison.why), *doubts]


def evidence_line(row: Change) -> str:
    """`create_order P95: 182 ms to 203 ms, +11.5 % ...`"""
    return printable(f"{row.name} {STATISTIC_WORDS.get(row.statistic, row.statistic)}: {row.why}")


def sd_line(comparison: Comparison) -> str:
    """Where the run-to-run variation came from, and the shift shared by all endpoints."""
    sd = comparison.run_to_run_sd
    source = "assumed" if sd.source == "assumed" else f"from {sd.runs} runs"
    line = f"run-to-run sd {source}: {units.percent(sd.p50)}"
    if comparison.shared_shift is not None:
        line += f"; median change of all endpoints {units.signed_percent(comparison.shared_shift)}"
    return line


def value_text(row: Change, value: float | None) -> str:
    """A value of the row's statistic with its unit."""
    if value is None:
        return ""
    unit = {"error_rate": "1", "throughput": "/s"}.get(row.statistic, "ms")
    return units.quantity_text(value, unit)


def change_text(row: Change, value: float | None) -> str:
    """A change: percent, or percentage points for an error rate."""
    if value is None:
        return ""
    if row.statistic == "error_rate":
        return f"{value * 100:+.2f} pp".replace("-", "−")
    return units.signed_percent(value)


def _table(rows: tuple[Change, ...]) -> Table:
    cells, last = [], None
    for row in rows:
        cells.append(_row(row, "" if row.name == last else row.name))
        last = row.name
    return Table(_COLUMNS, tuple(cells), tuple(_STYLES.get(row.verdict) for row in rows))


def _row(row: Change, name: str) -> tuple[str, ...]:
    interval = ""
    if row.ci_low is not None and row.ci_high is not None:
        low, high = change_text(row, row.ci_low), change_text(row, row.ci_high)
        interval = f"{low.rsplit(' ', 1)[0]} to {high.rsplit(' ', 1)[0]}"
    return (
        name,
        STATISTIC_WORDS.get(row.statistic, row.statistic),
        value_text(row, row.baseline),
        value_text(row, row.run),
        change_text(row, row.change),
        interval,
        _row_word(row.verdict),
    )


def _row_word(verdict: ChangeVerdict | None) -> str:
    """A row that is not comparable had too little data, or stands in runs that are not."""
    if verdict == ChangeVerdict.NOT_COMPARABLE:
        return "not judged"
    return VERDICT_WORDS[verdict].lower() if verdict else ""
