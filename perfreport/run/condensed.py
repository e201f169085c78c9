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


@dataclass(frozen=True, eq=False)
class Condensed:
    """A run without its rows, but with the tables that stand for them."""

    path: Path
    info: RunInfo
    rows: pa.Table

    @property
    def name(self) -> str:
        """How findings call the run: the file's name without its suffix."""
        return self.path.name.removesuffix(".parquet")

    def part(self, name: str, schema: pa.Schema) -> pa.Table:
        """One of the tables; RunError where its columns are not those of the schema."""
        mine = self.rows.filter(pc.equal(self.rows[_PART], name))
        try:
            return mine.select(schema.names).cast(schema)
        except (pa.ArrowInvalid, KeyError) as error:
            raise RunError(f"{self.path}: damaged ({error}). Condense the run again.") from error


def write_condensed(target: Path, info: RunInfo, parts: Mapping[str, pa.Table]) -> None:
    """Write a condensed run, whole or not at all; RunError where that is not possible.

    parts  the tables by name; columns of one name are of one type
    """
    rows = pa.concat_tables(
        [
            table.add_column(0, _PART, pa.array([name] * len(table), pa.string()))
            for name, table in parts.items()
        ],
        promote_options="default",
    )
    metadata = {METADATA_KEY: info.model_dump_json(), CONDENSED_KEY: str(_VERSION)}
    with whole_file(target) as part:
        # Counts and cell numbers repeat: level 9 halves the file for a tenth of a second.
        pq.write_table(
            rows.replace_schema_metadata(metadata), part, compression="zstd", compression_level=9
        )


def open_condensed(path: Path) -> Condensed:
    """The condensed run at `path`; RunError where it is damaged or a newer perfreport wrote it."""
    try:
        rows = pq.read_table(path)
        metadata = pq.read_metadata(path).metadata or {}
    except (pa.ArrowException, OSError) as error:
        why = str(error).splitlines()[0]
        raise RunError(f"{path}: cannot be read ({why}). Condense the run again.") from error
    version = metadata.get(CONDENSED_KEY.encode(), b"").decode(errors="replace")
    if version != str(_VERSION):
        raise RunError(
            f"{path}: a condensed run of version {version}, this perfreport reads {_VERSION}. "
            "Condense the run again."
        )
    return Condensed(path, parse_info(path, metadata), rows)
