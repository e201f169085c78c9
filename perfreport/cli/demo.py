"""perfreport demo"""

from __future__ import annotations

import shlex
import shutil
import webbrowser
from contextlib import chdir
from pathlib import Path

import click

from perfreport.cli.common import Command, Flags, flag_options, output_console, tell
from perfreport.errors import RunError

_REPORT = "report.html"

# The pipeline as a user would type it; samples/demo.yaml tells what each recording stands for.
STEPS = tuple(
    line.strip()
    for line in """
    ingest samples/k6-json/baseline.json.gz -o o2c-2026.1.parquet --system ChiroERP --release 2026.1 --scenario kenya_o2c --test-type load --environment staging
    ingest samples/k6-json/run.json.gz -o o2c-2026.2.parquet --system ChiroERP --release 2026.2 --scenario kenya_o2c --test-type load --environment staging
    ingest samples/jmeter-csv/default.jtl samples/prometheus-json/etims_p95.json samples/prometheus-json/*_by_*.json samples/prometheus-json/pool_pct.json -o p2p.parquet --system ChiroERP --release 2026.2 --scenario kenya_p2p --test-type load --environment staging
    ingest samples/k6-json/short.json.gz -o smoke.parquet --system ChiroERP --release 2026.2 --scenario kenya_o2c --test-type smoke --environment dev
    ingest samples/gatling-text/o2c-3.10.3.log -o smoke-2.parquet --system ChiroERP --release 2026.2 --scenario kenya_o2c --test-type smoke --environment dev
    ingest samples/gatling-binary/o2c-3.15.1.log -o stress.parquet --system ChiroERP --release 2026.2 --scenario kenya_o2c --test-type stress --environment staging
    ingest samples/prometheus-json/soak/h*.json samples/prometheus-json/soak/*_max_bytes.json samples/prometheus-json/soak/kafka_lag*.json samples/prometheus-json/soak/[mp]*.json -o soak.parquet --system ChiroERP --release 2026.2 --scenario kenya_o2c --test-type soak --environment pre-prod
    summary o2c-2026.2.parquet --sla samples/demo.yaml
    compare o2c-2026.1.parquet o2c-2026.2.parquet --sla samples/demo.yaml
    trends soak.parquet --sla samples/demo.yaml
    check o2c-2026.2.parquet p2p.parquet soak.parquet --sla samples/demo.yaml
    report o2c-2026.2.parquet p2p.parquet smoke.parquet smoke-2.parquet stress.parquet soak.parquet --baseline o2c-2026.1.parquet --sla samples/demo.yaml -o report.html
    """.strip().splitlines()
)


@click.command("demo", cls=Command, short_help="Run the whole pipeline on the shipped samples.")
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

    try:
        shutil.copytree(resources.folder("sample_results"), target, dirs_exist_ok=True)
    except shutil.Error as error:  # one of all files that could not be copied
        raise RunError(f"{target}: the samples cannot be copied: {error.args[0][0][2]}.") from error
    shutil.copy(resources.folder("sla") / "demo.yaml", target)


def _run(step: str) -> None:
    """Show a command line and run it as if it were typed; verdicts do not stop the demo."""
    from perfreport.cli import cli

    if not Flags.current().quiet:
        output_console().print(f"\n$ perfreport {step}", style="bold", soft_wrap=True)
    arguments = shlex.split(step)
    if arguments[0] == "ingest":
        arguments.append("--overwrite")
    cli.main(arguments, prog_name="perfreport", standalone_mode=False, obj=Flags.current())
