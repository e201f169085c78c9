"""perfreport sql"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from perfreport.cli.common import RUN, emit, flag_options, format_option, output_console


@click.command("sql", short_help="Ask a run anything, in SQL.")
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

    text = sys.stdin.read() if query == "-" else query
    answer = ask_text(open_run(run), text)
    rows = [tuple(row.values()) for row in answer.to_pylist()]
    match fmt:
        case "json":
            emit(
                json.text([dict(zip(answer.column_names, row, strict=True)) for row in rows]), None
            )
        case "csv":
            emit(for_csv(answer.column_names, rows), None)
        case _:
            columns = tuple(Column(name, width=40) for name in answer.column_names)
            cells = tuple(tuple("" if cell is None else str(cell) for cell in row) for row in rows)
            for_terminal(Table(columns, cells), output_console())
