"""Keeps a condensed run: its tables one below the other in one Parquet file, with the RunInfo.

A row belongs to one table, which its column `part` names, and is null in the columns of the others:
any tool that reads Parquet can look into it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from perfreport.errors import RunError
from perfreport.run.info import RunInfo
from perfreport.run.store import parse_info
from perfreport.run.writer import CONDENSED_KEY, METADATA_KEY, whole_file

_VERSION = 1
_PART = "part"


@dataclass(frozen=True)
class Condensed:
    """A run without its rows, but with the tables that stand for them."""

    path: Path
    info: RunInfo

    @property
    def name(self) -> str:
        """How findings call the run: the file's name without its suffix."""
        return self.path.name.removesuffix(".parquet")

    def part(self, name: str, schema: pa.Schema) -> pa.Table:
        """One of the tables; RunError where it is damaged or its columns are not the schema's."""
        try:
            rows = pq.read_table(
                self.path,
                columns=schema.names,
                filters=pc.field(_PART) == name,
                read_dictionary=[each.name for each in schema if pa.types.is_dictionary(each.type)],
            )
            return rows.select(schema.names).cast(schema)
        except (pa.ArrowException, KeyError, OSError) as error:
            raise _damaged(self.path, error) from error


def write_condensed(target: Path, info: RunInfo, parts: Mapping[str, pa.Table]) -> None:
    """Write a condensed run, whole or not at all; RunError where that is not possible.

    parts  the tables by name; columns of one name are of one type
    """
    schema = pa.unify_schemas(
        [pa.schema([(_PART, pa.string())]), *(t.schema for t in parts.values())]
    )
    metadata = {METADATA_KEY: info.model_dump_json(), CONDENSED_KEY: str(_VERSION)}
    # Counts and cell numbers repeat: level 9 halves the file for a tenth of a second.
    with (
        whole_file(target) as part,
        pq.ParquetWriter(part, schema, compression="zstd", compression_level=9) as parquet,
    ):
        for (
            name,
            table,
        ) in parts.items():  # a row group each, so that one is read without the others
            parquet.write_table(_widened(name, table, schema))
        parquet.add_key_value_metadata(metadata)


def _widened(part: str, table: pa.Table, schema: pa.Schema) -> pa.Table:
    own = {_PART: pa.repeat(part, len(table))} | {n: table[n] for n in table.column_names}
    return pa.table(
        [own.get(each.name, pa.nulls(len(table), each.type)) for each in schema], schema=schema
    )


def open_condensed(path: Path) -> Condensed:
    """The condensed run at `path`; RunError where it is damaged or a newer perfreport wrote it."""
    try:
        metadata = pq.read_metadata(path).metadata or {}
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path, error) from error
    version = metadata.get(CONDENSED_KEY.encode(), b"").decode(errors="replace")
    if version != str(_VERSION):
        raise RunError(
            f"{path}: a condensed run of version {version}, this perfreport reads {_VERSION}. "
            "Condense the run again."
        )
    return Condensed(path, parse_info(path, metadata))


def _damaged(path: Path, error: Exception) -> RunError:
    why = str(error.args[0] if error.args else error).splitlines()[0]
    return RunError(f"{path}: cannot be read ({why}). Condense the run again.")
