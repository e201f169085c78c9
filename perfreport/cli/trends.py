"""perfreport trends"""

from __future__ import annotations

from pathlib import Path

import click

from perfreport.cli.common import (
    RUN,
    Command,
    emit,
    flag_options,
    format_option,
    output_console,
    sla_option,
)


@click.command("trends", cls=Command, short_help="Show which server series grow during a soak.")
@click.argument("run", type=RUN)
@sla_option()
@format_option("table", "json")
@flag_options
def command(run: Path, sla: Path | None, fmt: str) -> None:
    """Show which server series grow during a soak, and when they meet their limit.

    Exits with 0 whatever it finds; `check` judges.

    \b
    perfreport trends soak.parquet --sla sla/chiroerp
    """
    from perfreport import api
    from perfreport.render import trends as render

    result = api.trends(api.open_run(run), api.load_pack(sla) if sla else None)
    if fmt == "json":
        emit(render.as_json(result), None)
    else:
        render.for_terminal(result, output_console())
