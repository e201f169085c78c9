"""Opens a run: one Parquet file, or a directory of parts with one schema."""

from __future__ import annotations

import glob
import secrets
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, reduce
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import BaseModel, ValidationError

from perfreport.errors import RunError
from perfreport.run.info import RunInfo, joined_meaning
from perfreport.run.schema import REQUEST, SCHEMA, SCHEMA_VERSION, SUBREQUEST, TRANSACTION
from perfreport.run.writer import CONDENSED_KEY, METADATA_KEY

if TYPE_CHECKING:
    import pandas


_ENDPOINTS = pa.array([REQUEST, SUBREQUEST, TRANSACTION])


@dataclass(frozen=True)
class Run:
    """A run on disk. `info` says what was run; the rows are read by queries only."""

    path: Path
    parts: tuple[Path, ...]
    info: RunInfo

    @property
    def name(self) -> str:
        """How findings call the run: the file's name without its suffix."""
        return self.path.name.removesuffix(".parquet")

    @cached_property
    def duckdb(self) -> duckdb.DuckDBPyConnection:
        """A connection in which the run is the view `run`; it can read nothing else.

        No extension is loaded, no other file opened, and large sorts spill to a temporary folder.
        """
        files = [str(part) for part in self.parts]
        connection = duckdb.connect(
            config={
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
                "temp_directory": f"{tempfile.gettempdir()}/perfreport-{secrets.token_hex(8)}",
            }
        )
        # A name such as what?.parquet is one file here; DuckDB would take it for a pattern.
        patterns = [glob.escape(file) for file in files]
        rows = connection.read_parquet(patterns)
        rows.create_view("run")
        # The same with the place of each row: no other column tells the order of the input.
        rows.project("*, file_index, file_row_number").create_view("placed_run")
        connection.execute("set TimeZone = 'UTC'")
        connection.execute("set allowed_paths = $paths", {"paths": files + patterns})
        connection.execute("set enable_external_access = false")
        connection.execute("set lock_configuration = true")
        return connection

    def endpoint_names(self) -> set[str]:
        """The names of everything but metrics and checks."""
        found: set[str] = set()
        for part in self.parts:
            with pq.ParquetFile(part, read_dictionary=["kind", "name"]) as parquet:
                for batch in parquet.iter_batches(columns=["kind", "name"]):
                    of_endpoints = pc.is_in(batch["kind"].cast(pa.string()), _ENDPOINTS)
                    found.update(batch["name"].filter(of_endpoints).unique().to_pylist())
        return found

    def arrow(self) -> pa.Table:
        """All rows as an Arrow table of the schema."""
        return pa.concat_tables(pq.read_table(part, schema=SCHEMA) for part in self.parts)

    def pandas(self) -> pandas.DataFrame:
        """All rows as a pandas frame (needs the extra `pandas`)."""
        frame: pandas.DataFrame = self.arrow().to_pandas()
        return frame


def open_run(path: str | Path) -> Run:
    """The run at `path`: a Parquet file of ours or a directory of such files.

    Raises RunError where there is none, it is not one of ours, or a newer perfreport wrote it.
    """
    location = Path(path)
    if location.is_dir():
        parts = tuple(sorted(location.glob("*.parquet")))
        if not parts:
            raise RunError(
                f"{location}: a directory without .parquet files. Make one: perfreport ingest"
            )
    elif location.is_file():
        parts = (location,)
    else:
        raise RunError(f"{location}: no such run. Make one: perfreport ingest INPUT -o {location}")
    info = merged_info([read_info(part) for part in parts])
    # Absolute, so that a notebook may change its folder afterwards.
    return Run(location, tuple(part.absolute() for part in parts), info)


def read_info(part: Path) -> RunInfo:
    """The RunInfo inside one Parquet file of ours; RunError if it is not one."""
    footer = _footer(part)
    metadata = footer.metadata or {}
    if CONDENSED_KEY.encode() in metadata:
        raise RunError(
            f"{part}: a condensed run, which has no rows. It can stand in compare and history and "
            "as the baseline of report; for the rest give the run that it was made from."
        )
    info = parse_info(part, metadata)
    if footer.schema.to_arrow_schema().names != SCHEMA.names:
        raise RunError(f"{part}: its columns are not those of a run. Ingest the inputs again.")
    return info


def _footer(part: Path) -> pq.FileMetaData:
    try:
        return pq.read_metadata(part)
    except (pa.ArrowInvalid, OSError) as error:
        raise RunError(
            f"{part}: not a run file ({str(error).splitlines()[0]}). Make one: perfreport ingest"
        ) from error


def is_condensed(path: Path) -> bool:
    """Whether the Parquet file at `path` is a condensed run; RunError if it is no Parquet file."""
    return path.is_file() and CONDENSED_KEY.encode() in (_footer(path).metadata or {})


def parse_info(part: Path, metadata: Mapping[bytes, bytes]) -> RunInfo:
    """The RunInfo in the metadata of the file `part`; RunError if there is none."""
    text = metadata.get(METADATA_KEY.encode())
    if text is None:
        raise RunError(
            f"{part}: a Parquet file, but not a run of perfreport. Make one: perfreport ingest"
        )
    try:
        version = _Version.model_validate_json(text).schema_version
        if version > SCHEMA_VERSION:
            raise RunError(
                f"{part}: written by a newer perfreport (schema {version}, "
                f"this one reads {SCHEMA_VERSION}). Upgrade perfreport."
            )
        return RunInfo.model_validate_json(text)
    except ValidationError as error:
        raise RunError(f"{part}: its metadata is damaged. Ingest the inputs again.") from error


class _Version(BaseModel):
    """Read before the rest, which a newer version may say in words that this one does not know."""

    schema_version: int


def merged_info(infos: list[RunInfo]) -> RunInfo:
    """One RunInfo for several parts: the first to say something wins.

    Times span all that a load tool observed; where there is none, what it summed up; else all.
    """
    merged = infos[0].model_copy(deep=True)
    for info in infos[1:]:
        for key in ("system", "release", "scenario", "test_type", "environment"):
            if getattr(merged, key) is None:
                setattr(merged, key, getattr(info, key))
        merged.labels = info.labels | merged.labels
        merged.metrics = info.metrics | merged.metrics
        merged.thresholds = info.thresholds | merged.thresholds
        merged.examples = info.examples | merged.examples
        merged.sources = merged.sources + info.sources
    # Prometheus is often asked for more than the test: that does not make the test longer.
    surest = min(map(_doubt, infos))
    of_load = [info for info in infos if _doubt(info) == surest]
    merged.only_servers, merged.only_aggregates = surest
    merged.tool = reduce(joined, (info.tool for info in of_load))
    merged.tool_version = reduce(joined, (info.tool_version for info in of_load))
    merged.response_time = reduce(joined_meaning, (info.response_time for info in of_load))
    merged.start = min((info.start for info in of_load if info.start), default=None)
    merged.end = max((info.end for info in of_load if info.end), default=None)
    return merged


def _doubt(info: RunInfo) -> tuple[bool, bool]:
    return info.only_servers, info.only_aggregates


def joined(first: str | None, second: str | None) -> str | None:
    """Two names as one text, each once: `k6 + Prometheus`."""
    names = [name for text in (first, second) if text for name in text.split(" + ")]
    return " + ".join(dict.fromkeys(names)) or None
