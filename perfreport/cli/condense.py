"""perfreport condense"""

from __future__ import annotations

from pathlib import Path

import click

from perfreport.cli.common import (
    RUN,
    Command,
    flag_options,
    label_option,
    labels_of,
    refuse_inputs,
    sla_option,
    tell,
)
from perfreport.errors import Exit


@click.command(
    "condense", cls=Command, short_help="Keep a small file that can stand for a run as a baseline."
)
@click.argument("run", type=RUN)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, metavar="SMALL",
    help="The file to write.",
)  # fmt: skip
@sla_option()
@label_option
@click.option("--overwrite", is_flag=True, help="Replace SMALL if it exists.")
@flag_options
def command(
    run: Path, output: Path, sla: Path | None, labels: tuple[str, ...], overwrite: bool
) -> Exit:
    """Keep of a run what comparing needs: mostly less than 1 MB, a few MB however long it was.

    The file can stand in compare and history and as the baseline of report, with the same verdicts.
    With --sla, exact percentiles of the window that the pack's stages name are kept, too.

    \b
    perfreport condense run.parquet -o baselines/2026.1.parquet --label baseline=2026.1
    """
    from perfreport import api, units

    pack = api.load_pack(sla) if sla else None
    refuse_inputs(output, [path for path in (run, sla) if path])
    opened = api.open_run(run)
    api.condense(opened, output, pack, overwrite, labels_of(labels))
    before = sum(part.stat().st_size for part in opened.parts)
    tell(
        [f"{output}: {units.data(output.stat().st_size)}, the run has {units.data(before)}"], "done"
    )
    return Exit.OK
