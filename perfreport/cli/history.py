"""perfreport history"""

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
    tell,
)


@click.command(
    "history", cls=Command, short_help="Show what changed over many runs, and at which release."
)
@click.argument("runs", nargs=-1, required=True, type=RUN, metavar="RUN...")
@click.option(
    "--baseline-tag", "tag", metavar="TAG",
    help="Tell each run against the one that was labelled baseline=TAG.",
)  # fmt: skip
@sla_option()
@format_option("table", "json", "html")
@output_option
@flag_options
def command(
    runs: tuple[Path, ...], tag: str | None, sla: Path | None, fmt: str, output: Path | None
) -> None:
    """Show what changed over many runs, and at which release.

    RUN is a run, a condensed run, a glob, or a folder of them. In a folder an index is kept, so that
    only new runs are measured. Exits with 0 whatever it finds; `compare` judges.

    \b
    perfreport history runs/
    """
    from perfreport import api
    from perfreport.render import history as render

    pack = api.load_pack(sla) if sla else None
    library = api.open_library(runs, pack)
    found = api.history(library, pack, tag)
    if fmt == "table" and output is None:
        render.for_terminal(found, output_console())
        return
    forms = {"json": render.as_json, "html": api.history_page}
    given = [*(run.path for run in library.runs), *([sla] if sla else [])]
    emit(forms.get(fmt, render.as_text)(found), output, given)
    if output is not None and str(output) != "-":
        tell([f"{output}: {len(library.runs)} runs"], level="done")
