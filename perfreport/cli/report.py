"""perfreport report"""

from __future__ import annotations

from pathlib import Path

import click

from perfreport.cli.common import RUN, Command, emit, flag_options, sla_option, tell


@click.command("report", cls=Command, short_help="Render the readiness report: one HTML file.")
@click.argument("runs", nargs=-1, required=True, type=RUN, metavar="RUN...")
@sla_option(required=True)
@click.option(
    "--baseline", "baselines", multiple=True, type=RUN,
    help="Earlier run, or a condensed one, to compare with; several pair with the runs by scenario and test type.",
)  # fmt: skip
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), help="The HTML file to write."
)
@flag_options
def command(runs: tuple[Path, ...], sla: Path, baselines: tuple[Path, ...], output: Path) -> None:
    """Render the readiness report: one HTML file that needs no network.

    \b
    perfreport report load.parquet soak.parquet --sla sla/chiroerp -o readiness.html
    """
    from perfreport import api

    pack = api.load_pack(sla)
    html = api.report(
        [api.open_run(run) for run in runs],
        pack,
        baselines=[api.open_profile(run) for run in baselines],
    )
    emit(html, output, [*runs, *baselines, sla])
    if str(output) != "-":
        tell([f"{output}: {len(html.encode()) / 1024:,.0f} KiB"], level="done")
