"""perfreport check"""

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
    output_option,
    sla_option,
    undecided_option,
)
from perfreport.errors import Exit


@click.command("check", cls=Command, short_help="Judge runs against an SLA pack.")
@click.argument("runs", nargs=-1, type=RUN, metavar="[RUN]...")
@sla_option(required=True)
@undecided_option
@format_option("table", "json", "junit", "markdown")
@output_option
@flag_options
def command(
    runs: tuple[Path, ...], sla: Path, undecided: str | None, fmt: str, output: Path | None
) -> Exit:
    """Judge runs against an SLA pack; without RUN only check the pack itself.

    Exits with 0 for ready and conditions, 3 for not ready, 4 for undecided.

    \b
    perfreport check run.parquet --sla sla/default.yaml --format junit -o readiness.xml
    """
    from perfreport import api
    from perfreport.cli.common import tell
    from perfreport.cli.verdicts import exit_of_check
    from perfreport.render import check as render

    pack = api.load_pack(sla)
    if not runs:
        tell([f"{sla}: valid: {pack.contents}"], level="done")
        return Exit.OK
    result = api.check([api.open_run(run) for run in runs], pack)
    if fmt == "table" and output is None:
        render.for_terminal(result, output_console())
    else:
        forms = {"json": render.as_json, "junit": render.as_junit, "markdown": render.as_markdown}
        emit(forms.get(fmt, render.as_text)(result), output, [*runs, sla])
    return exit_of_check(result.verdict, undecided)
