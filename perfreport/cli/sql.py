"""perfreport sql"""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Any

import click

from perfreport.cli.common import RUN, Command, emit, flag_options, format_option, output_console

_WIDEST = 10_000


@click.command("sql", cls=Command, short_help="Ask a run anything, in SQL.")
@click.argument("run", type=RUN)
@click.argument("query")
@format_option("table", "json", "csv")
@flag_options
def command(run: Path, query: str, fmt: str) -> None:
    """Ask a run anything, in DuckDB's SQL; the run is the table `run`.

    QUERY is the SQL text, or - to read it from standard input. It can read the run only.

    \b
    perfreport sql run.parquet "select name, count(*) from run group by name"
    """
    from perfreport.query import ask_text
    from perfreport.render import json
    from perfreport.render.table import Column, Table, for_csv, for_terminal
    from perfreport.run.store import open_run

    # DuckDB looks at no signal while a query runs; nothing is written that would need a clean end.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    text = sys.stdin.read() if query == "-" else query
    answer = ask_text(open_run(run), text)
    names = answer.column_names
    values = [column.to_pylist(maps_as_pydicts="strict") for column in answer.columns]
    rows = list(zip(*values, strict=True))
    match fmt:
        case "json":
            emit(json.text([dict(zip(names, row, strict=True)) for row in rows]), None)
        case "csv":
            emit(for_csv(names, [[_cell(value) for value in row] for row in rows]), None)
        case _:
            columns = tuple(Column(name, width=40) for name in names)
            cells = tuple(tuple(str(_cell(value)) for value in row) for row in rows)
            # As wide as it has to be: a column left out would be a wrong answer.
            for_terminal(Table(columns, cells), output_console(width=_WIDEST))


def _cell(value: Any) -> Any:
    """A value for a cell: nothing for null, JSON for what has parts."""
    from perfreport.render import json

    if isinstance(value, dict | list):
        return json.compact(value)
    return "" if value is None else value
