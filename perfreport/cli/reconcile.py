"""perfreport reconcile"""

from __future__ import annotations

from pathlib import Path

import click

from perfreport.cli.common import RUN, Command, emit, flag_options, format_option, output_console
from perfreport.errors import Exit


@click.command(
    "reconcile", cls=Command, short_help="Explain each difference to the load tool's own numbers."
)
@click.argument("run", type=RUN)
@click.option(
    "--with", "report", type=click.Path(path_type=Path), required=True, metavar="TOOL_FILE",
    help="The load tool's own report of the same test, or what it printed.",
)  # fmt: skip
@format_option("table", "json")
@flag_options
def command(run: Path, report: Path, fmt: str) -> Exit:
    """Put our numbers beside the load tool's own, and explain each difference.

    TOOL_FILE is a summary of k6 (JSON or console), JMeter's statistics.json, or Gatling's stats.json,
    global_stats.json, stats.js, index.html or console. A cause counts if it leads to the tool's
    number exactly. Exits with 3 if a difference is left without a cause.

    \b
    perfreport reconcile run.parquet --with dashboard/statistics.json
    """
    from perfreport import api
    from perfreport.render import reconcile as render

    result = api.reconcile(api.open_run(run), report)
    if fmt == "json":
        emit(render.as_json(result), None)
    else:
        render.for_terminal(result, output_console())
    return Exit.OK if result.reconciled else Exit.WANTING
