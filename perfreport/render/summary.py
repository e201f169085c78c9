"""A summary as table, JSON, CSV and Markdown: the same facts in each."""

from __future__ import annotations

from dataclasses import asdict, fields

from rich.console import Console

from perfreport import units
from perfreport.judge.evidence import Summary
from perfreport.render import json
from perfreport.render.table import Column, Table, for_csv, for_markdown, markdown_text, printable
from perfreport.render.table import for_terminal as print_table
from perfreport.run.info import RunInfo
from perfreport.stats.window import Window
from perfreport.tables import EndpointRow, MetricRow, Stats

_COLUMNS = (
    Column("endpoint", width=20),
    Column("count", right=True),
    Column("failed", right=True),
    Column("rate", right=True),
    Column("P50", right=True),
    Column("P95", right=True),
    Column("P99", right=True),
    Column("max", right=True),
)

_KINDS = ["request", "subrequest", "transaction", "iteration"]


def as_json(summary: Summary) -> str:
    """The document of the contract."""
    return json.document(
        {
            "run": summary.run,
            "window": window_object(summary.window),
            "total": summary.total,
            "endpoints": summary.endpoints,
            "checks": summary.checks,
            "metrics": summary.metrics,
        }
    )


def as_csv(summary: Summary) -> str:
    """A line per endpoint and one for the total, keys of the contract."""
    keys = [field.name for field in fields(EndpointRow)]
    rows = [asdict(endpoint) for endpoint in summary.endpoints]
    rows.append(dict.fromkeys(keys) | {"name": "total"} | asdict(summary.total))
    keys = ["kind", "name", *(key for key in keys if key not in ("kind", "name"))]
    return for_csv(keys, [[row[key] for key in keys] for row in rows])


def as_markdown(summary: Summary) -> str:
    """Heading lines and one table."""
    return "\n".join(
        [
            *map(markdown_text, heading(summary.run)),
            "",
            window_line(summary.window),
            "",
            for_markdown(_table(summary) if summary.endpoints else _metrics(summary)),
        ]
    )


def for_terminal(summary: Summary, console: Console) -> None:
    """What a performance engineer looks at after the run."""
    for line in heading(summary.run):
        console.print(line, soft_wrap=True)
    console.print(window_line(summary.window), style="dim", soft_wrap=True)
    console.print()
    print_table(_table(summary) if summary.endpoints else _metrics(summary), console)
    failing = [check for check in summary.checks if check.fails]
    if summary.checks:
        passed = sum(check.passes for check in summary.checks)
        failed = sum(check.fails for check in summary.checks)
        console.print(f"\nchecks  {passed:,} passed, {failed:,} failed", soft_wrap=True)
    for check in failing:
        console.print(printable(f"  {check.fails:,} × {check.name}"), soft_wrap=True)


def heading(run: RunInfo) -> list[str]:
    """Who, what, where and when of a run, as far as known."""
    what = " ".join(part for part in (run.system, run.release) if part)
    test = " ".join(part for part in (run.scenario, run.test_type and run.test_type.value) if part)
    tool = " ".join(part for part in (run.tool, run.tool_version) if part)
    facts = [part for part in (what, test, run.environment, tool) if part]
    if run.start and run.end:
        facts.append(
            f"{units.utc(run.start)} UTC, {units.span((run.end - run.start).total_seconds())}"
        )
    return [printable(" · ".join(facts))]


def window_line(window: Window) -> str:
    """Which part of the run the numbers are of, and how it was chosen."""
    how = {
        "stages": "steady, by the stages of the pack",
        "users": "steady, by the plateau of users",
        "rate": "steady, by the plateau of the request rate",
        "all": "the whole run",
        "given": "as given",
    }[window.how]
    start, end = units.utc(window.start), units.utc(window.end)
    return f"window {start} to {end[11:] if start[:10] == end[:10] else end} UTC, {units.span(window.seconds)} ({how})"


def window_object(window: Window) -> dict[str, object]:
    """The window as the contract's JSON."""
    return {"from": window.start, "to": window.end, "how": window.how}


def _table(summary: Summary) -> Table:
    """Requests and their total first, then a section for each other kind."""
    rows: list[tuple[str, ...]] = []
    styles: list[str | None] = []
    kinds = sorted({row.kind for row in summary.endpoints}, key=_KINDS.index)
    for kind in dict.fromkeys([summary.total.kind or _KINDS[0], *kinds]):
        of_kind = [row for row in summary.endpoints if row.kind == kind]
        rows += [_row(_label(row, summary.by), row) for row in of_kind]
        styles += [None if kind == summary.total.kind else "dim"] * len(of_kind)
        if kind == (summary.total.kind or _KINDS[0]):
            rows.append(_row(f"all {kind}s", summary.total))
            styles.append("bold")
    return Table(_COLUMNS, tuple(rows), tuple(styles))


def _metrics(summary: Summary) -> Table:
    """What a run without a single request holds: server series, or what the tool aggregated."""
    columns = (Column("metric", width=30), Column("values", width=46))
    values: dict[str, list[str]] = {}
    for row in summary.metrics:
        name, _, statistic = (
            row.name.partition(":") if summary.run.only_aggregates else (row.name, "", "")
        )
        labels = ", ".join(f"{key}={text}" for key, text in row.labels.items())
        label = f"{name} ({labels})" if labels else name
        values.setdefault(label, []).append(_metric_text(row, statistic))
    return Table(columns, tuple((label, ", ".join(texts)) for label, texts in values.items()))


def _metric_text(row: MetricRow, statistic: str) -> str:
    """`p(95) 57.4 ms` of the tool's own, else the range of what was observed."""
    if statistic:
        return f"{statistic} {units.quantity_text(row.last, row.unit)}"
    low, mean, high = (units.quantity_text(each, row.unit) for each in (row.min, row.mean, row.max))
    return f"mean {mean}, {low} to {high}, {row.count:,} values"


def _label(row: EndpointRow, by: str) -> str:
    details = [] if row.kind == "request" else [row.kind]
    if by != "name" and getattr(row, by) is not None:
        details.append(f"{by} {getattr(row, by)}")
    return f"{row.name} ({', '.join(details)})" if details else row.name


def _row(label: str, row: Stats) -> tuple[str, ...]:
    times = (row.p50_ms, row.p95_ms, row.p99_ms, row.max_ms)
    return (
        label,
        f"{row.count:,}",
        "–" if row.count and row.error_rate is None else f"{row.errors:,}",
        "" if row.rate_per_s is None else f"{units.number(row.rate_per_s)}/s",
        *("" if time is None else units.ms(time) for time in times),
    )
