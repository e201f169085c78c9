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
@click.option(
    "--history", "earlier", metavar="RUN", type=RUN, multiple=True,
    help="An earlier run of the same test; repeat it. From three on, how much runs differ is estimated.",
)  # fmt: skip
@sla_option()
@undecided_option
@format_option("table", "json", "markdown", "html")
@output_option
@flag_options
def command(
    baseline: Path,
    run: Path,
    earlier: tuple[Path, ...],
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

    given = [path for path in (baseline, run, *earlier, sla) if path]
    pack = api.load_pack(sla) if sla else None
    before, after, *history = map(api.open_profile, (baseline, run, *earlier))
    result = api.compare(before, after, pack, history)
    if fmt == "table" and output is None:
        render.for_terminal(result, output_console())
    elif fmt == "html":
        emit(api.comparison_page(result, pack), output, given)
    else:
        forms = {"json": render.as_json, "markdown": render.as_markdown}
        emit(forms.get(fmt, render.as_text)(result), output, given)
    return exit_of_compare(result.verdict, undecided)
