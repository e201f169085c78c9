"""perfreport compare"""

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


@click.command(
    "compare", cls=Command, short_help="Show what became slower or faster between two runs."
)
@click.argument("baseline", type=RUN)
@click.argument("run", type=RUN)
@sla_option()
@undecided_option
@format_option("table", "json", "markdown", "html")
@output_option
@flag_options
def command(
    baseline: Path,
    run: Path,
    sla: Path | None,
    undecided: str | None,
    fmt: str,
    output: Path | None,
) -> Exit:
    """Show what became slower or faster between two runs, and how sure that is.

    Exits with 3 if something regressed, 4 if the data cannot tell.

    \b
    perfreport compare baseline.parquet run.parquet --format markdown
    """
    from perfreport import api
    from perfreport.cli.verdicts import exit_of_compare
    from perfreport.render import compare as render

    given = [path for path in (baseline, run, sla) if path]
    pack = api.load_pack(sla) if sla else None
    before, after = api.open_run(baseline), api.open_run(run)
    result = api.compare(before, after, pack)
    if fmt == "table" and output is None:
        render.for_terminal(result, output_console())
    elif fmt == "html":
        emit(api.comparison_page(before, after, result, pack), output, given)
    else:
        forms = {"json": render.as_json, "markdown": render.as_markdown}
        emit(forms.get(fmt, render.as_text)(result), output, given)
    return exit_of_compare(result.verdict, undecided)
