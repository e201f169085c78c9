"""perfreport demo"""

from __future__ import annotations

import shlex
import shutil
import webbrowser
from contextlib import chdir
from pathlib import Path

import click

from perfreport.cli.common import Flags, flag_options, output_console, tell

_REPORT = "report.html"
_PACK = "samples/demo.yaml"
_O2C = "--system ChiroERP --environment staging --scenario kenya_o2c --test-type load"

# The pipeline as a user would type it, on recordings that the tools made of one stub server.
STEPS: tuple[str, ...] = ()


@click.command("demo", short_help="Run the whole pipeline on the shipped samples.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, file_okay=False), default="perfreport-demo",
    show_default=True, help="Folder for the samples, the runs and the report.",
)  # fmt: skip
@click.option("--open", "open_it", is_flag=True, help="Open the report in the browser.")
@flag_options
def command(output: Path, open_it: bool) -> None:
    """Run the whole pipeline on the shipped samples: ingest, summary, compare, trends, check, report.

    \b
    perfreport demo -o demo --open
    """
    output.mkdir(parents=True, exist_ok=True)
    _copy_samples(output / "samples")
    with chdir(output):
        for step in STEPS:
            _run(step)
    report = output / _REPORT
    tell([f"open {report} in a browser"], level="done")
    if open_it:
        webbrowser.open(report.resolve().as_uri())


def _copy_samples(target: Path) -> None:
    from perfreport import resources

    shutil.copytree(resources.folder("sample_results"), target, dirs_exist_ok=True)
    shutil.copy(resources.folder("sla") / "demo.yaml", target)


def _run(step: str) -> None:
    """Show a command line and run it as if it were typed; verdicts do not stop the demo."""
    from perfreport.cli import cli

    if not Flags.current().quiet:
        output_console().print(f"\n$ perfreport {step}", style="bold", soft_wrap=True)
    cli.main(shlex.split(step), prog_name="perfreport", standalone_mode=False, obj=Flags.current())
