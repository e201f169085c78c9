"""perfreport summary"""

from __future__ import annotations

from pathlib import Path

import click

from perfreport.cli.common import (
    RUN,
    WINDOW_HELP,
    Command,
    emit,
    flag_options,
    format_option,
    output_console,
    sla_option,
)


@click.command("summary", cls=Command, short_help="Show exact percentiles, errors and throughput.")
@click.argument("run", type=RUN)
@click.option("--window", default="steady", show_default=True, help=WINDOW_HELP)
@click.option(
    "--by", type=click.Choice(["name", "scenario", "group", "source", "status"]), default="name",
    show_default=True, help="Split each endpoint further.",
)  # fmt: skip
@click.option(
    "--only", type=click.Choice(["ok", "failed"]), help="Only successful or only failed ones."
)
@sla_option()
@format_option("table", "json", "csv", "markdown")
@flag_options
def command(run: Path, window: str, by: str, only: str | None, sla: Path | None, fmt: str) -> None:
    """Show count, errors, throughput and exact percentiles per endpoint.

    \b
    perfreport summary run.parquet --window all
    """
    from perfreport import api
    from perfreport.render import summary as render

    pack = api.load_pack(sla) if sla else None
    result = api.summary(api.open_run(run), window=window, by=by, only=only or "all", pack=pack)
    if fmt == "table":
        render.for_terminal(result, output_console())
    else:
        emit(
            {"json": render.as_json, "csv": render.as_csv, "markdown": render.as_markdown}[fmt](
                result
            ),
            None,
        )
