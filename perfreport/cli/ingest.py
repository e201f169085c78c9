"""perfreport ingest"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from perfreport.cli.common import Command, flag_options, label_option, labels_of, progress, tell
from perfreport.run.testtype import TestType

if TYPE_CHECKING:
    from perfreport.readers.server import Server
    from perfreport.readers.source import ReadOptions


class _Moment(click.ParamType):  # type: ignore[type-arg]  # only newer versions take one
    """A time of RFC 3339, with its zone."""

    name = "time"

    def convert(
        self, value: Any, parameter: click.Parameter | None, context: click.Context | None
    ) -> datetime:
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            self.fail(f'"{value}" is not a time with its zone, such as 2026-11-23T10:00:00Z')
        return moment


@click.command("ingest", cls=Command, short_help="Read result files, and Prometheus, into one run.")
@click.argument("inputs", nargs=-1, metavar="[INPUT]...")
@click.option(
    "-o",
    "--output",
    metavar="RUN",
    required=True,
    help="The run to write; a directory of parts if it ends in /.",
)
@click.option(
    "--format", "fmt", metavar="READER", help="Force a reader instead of looking at the content."
)
@click.option("--system", help="What was tested.")
@click.option("--release", help="Its release or build.")
@click.option("--scenario", help="Scenario of the SLA pack.")
@click.option(
    "--test-type", type=click.Choice([kind.value for kind in TestType]), help="Kind of test."
)
@click.option("--environment", help="Where it ran, such as staging.")
@label_option
@click.option(
    "--prometheus", metavar="URL", help="Server to ask for --queries, over the time of the run."
)
@click.option(
    "--queries",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="YAML or JSON: name to PromQL.",
)
@click.option(
    "--start",
    type=_Moment(),
    help="First moment to ask for; when an input began that tells no time.",
)
@click.option("--end", type=_Moment(), help="Last moment to ask for.")
@click.option("--step", metavar="DURATION", help="Resolution of the answers, such as 5s.")
@click.option("--append", is_flag=True, help="Add to an existing run.")
@click.option("--overwrite", is_flag=True, help="Replace an existing run.")
@click.option("--strict", is_flag=True, help="A record that cannot be read is an error.")
@click.option(
    "--name-map",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="YAML: regular expression to endpoint name.",
)
@click.option(
    "--max-names",
    metavar="N",
    type=click.IntRange(1),
    default=5000,
    show_default=True,
    help="Most endpoints.",
)
@click.option("--columns", metavar="NAME,...", help="Columns of a table that has no header line.")
@click.option(
    "--timezone",
    metavar="TZ",
    default="UTC",
    show_default=True,
    help="Of time stamps that name none.",
)
@flag_options
def command(
    inputs: tuple[str, ...],
    output: str,
    fmt: str | None,
    labels: tuple[str, ...],
    append: bool,
    overwrite: bool,
    strict: bool,
    **rest: Any,
) -> None:
    """Read result files, and Prometheus, into one run (a Parquet file).

    INPUT is a file (.gz, .zst and .bz2 too), a folder, a glob, - for standard input, or the URL of
    an InfluxDB that k6 wrote into (http://HOST:8086/DATABASE). Several become one run. Formats are
    told apart by content.

    \b
    perfreport ingest results.json.gz -o run.parquet --scenario kenya_o2c --test-type load
    """
    from perfreport.ingestion import About, found_files, ingest

    about = About(
        rest["system"], rest["release"], rest["scenario"],
        TestType(rest["test_type"]) if rest["test_type"] else None, rest["environment"], labels_of(labels),
    )  # fmt: skip
    options = _options(
        rest["timezone"],
        rest["name_map"],
        rest["max_names"],
        rest["start"],
        rest["columns"],
        rest["end"],
    )
    servers = _servers(
        inputs, rest["prometheus"], rest["queries"], rest["start"], rest["end"], rest["step"]
    )
    size = sum(file.size for file in found_files(inputs))
    with progress(size, "reading") as on_read:
        done = ingest(
            inputs, output, format=fmt, about=about, options=options, servers=servers,
            append=append, overwrite=overwrite, strict=strict, on_read=on_read,
        )  # fmt: skip
    tell(done.notes)
    tell([f"{output}: {done.rows:,} rows"], level="done")


def _options(
    timezone: str,
    name_map: Path | None,
    max_names: int,
    start: datetime | None,
    columns: str | None,
    end: datetime | None,
) -> ReadOptions:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    from perfreport.readers.names import Names, load_name_map
    from perfreport.readers.source import ReadOptions

    try:
        zone = ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError):
        raise click.BadParameter(
            f'"{timezone}" is not a time zone (try Africa/Nairobi)', param_hint="--timezone"
        ) from None
    rules = load_name_map(name_map) if name_map else ()
    named = tuple(name.strip() for name in columns.split(",")) if columns else ()
    return ReadOptions(zone, start, named, Names(rules, limit=max_names), end)


def _servers(
    inputs: tuple[str, ...],
    url: str | None,
    queries: Path | None,
    start: datetime | None,
    end: datetime | None,
    step: str | None,
) -> list[Server]:
    from perfreport.readers.influxdb import is_url

    if url is None:
        if queries or step:
            raise click.UsageError("--queries and --step need --prometheus URL.")
        if end and not any(map(is_url, inputs)):
            raise click.UsageError(
                "--end needs --prometheus URL, or the URL of a database as INPUT."
            )
        return []
    if queries is None:
        raise click.UsageError("--prometheus needs --queries FILE.")
    from perfreport.readers.prometheus import live_server

    return [live_server(url, queries, start, end, step)]
