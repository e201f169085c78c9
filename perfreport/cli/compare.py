"""perfreport compare"""

from __future__ import annotations

from pathlib import Path
from typing import Any

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
    undecided_option,
)
from perfreport.errors import Exit, RunError


@click.command(
    "compare", cls=Command, short_help="Show what became slower or faster between two runs."
)
@click.argument("baseline", type=RUN)
@click.argument("run", type=RUN)
@click.option(
    "--history", "earlier", metavar="RUN", type=RUN, multiple=True,
    help="An earlier run of the same test, or a folder of them; may be repeated.",
)  # fmt: skip
@click.option(
    "--baseline-tag", "tag", metavar="TAG",
    help="BASELINE is a folder of runs: take the newest that is labelled baseline=TAG.",
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
    tag: str | None,
    sla: Path | None,
    undecided: str | None,
    fmt: str,
    output: Path | None,
) -> Exit:
    """Show what became slower or faster between two runs, and how sure that is.

    Where BASELINE is a folder of runs, the newest earlier run of the same test is the baseline, and
    the others are its history. Exits with 3 if something regressed, 4 if the data cannot tell.

    \b
    perfreport compare baseline.parquet run.parquet --format markdown
    """
    from perfreport import api
    from perfreport.cli.verdicts import exit_of_compare
    from perfreport.render import compare as render

    given = [path for path in (baseline, run, *earlier, sla) if path]
    pack = api.load_pack(sla) if sla else None
    if api.is_folder_of_runs(run):
        raise RunError(
            f"{run}: a folder of runs cannot be the run that is judged. Only BASELINE may be one: "
            "perfreport compare FOLDER RUN."
        )
    after = api.open_profile(run)
    history: list[Any] = [*earlier]
    if tag is not None or api.is_folder_of_runs(baseline):
        chosen = api.choose_baseline(baseline, after, pack, tag)
        baseline, history = chosen.baseline, [*chosen.others, *earlier]
        tell([f"the baseline is {baseline}"])
    result = api.compare(api.open_profile(baseline), after, pack, history)
    if fmt == "table" and output is None:
        render.for_terminal(result, output_console())
    elif fmt == "html":
        emit(api.comparison_page(result, pack), output, given)
    else:
        forms = {"json": render.as_json, "markdown": render.as_markdown}
        emit(forms.get(fmt, render.as_text)(result), output, given)
    return exit_of_compare(result.verdict, undecided)
