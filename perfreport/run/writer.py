"""Batches to a Parquet file that appears whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from perfreport.errors import RunError
from perfreport.run.info import RunInfo
from perfreport.run.schema import SCHEMA

METADATA_KEY = "perfreport"
CONDENSED_KEY = "perfreport-condensed"  # the file is a condensed run: see run/condensed.py
_ROW_GROUP_ROWS = 256 * 1024  # about 10 MB: large enough for DuckDB to scan well, small in memory


class RunWriter:
    """Collects batches of any size into row groups of a good one."""

    def __init__(self, path: Path) -> None:
        # zstd 3: a third smaller than snappy on these columns at the same reading speed.
        self._parquet = pq.ParquetWriter(path, SCHEMA, compression="zstd", compression_level=3)
        self._waiting: list[pa.RecordBatch] = []
        self._waiting_rows = 0
        self.rows = 0

    def write(self, batch: pa.RecordBatch) -> None:
        self._waiting.append(batch)
        self._waiting_rows += batch.num_rows
        self.rows += batch.num_rows
        if self._waiting_rows >= _ROW_GROUP_ROWS:
            self._flush()

    def finish(self, info: RunInfo) -> None:
        """Write what waits, and the metadata, which is known only now."""
        self._flush()
        self._parquet.add_key_value_metadata({METADATA_KEY: info.model_dump_json()})
        self._parquet.close()

    def abandon(self) -> None:
        """Close without the metadata; the file is about to be removed."""
        self._waiting = []
        with suppress(OSError):  # the disk may be full
            self._parquet.close()

    def _flush(self) -> None:
        if self._waiting_rows:
            self._parquet.write_table(pa.Table.from_batches(self._waiting))
        self._waiting, self._waiting_rows = [], 0


@contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """A temporary path beside `target` that replaces it on success and is gone on any failure.

    Raises RunError where the folder is missing, cannot be written, or the disk is full.
    """
    try:
        handle, name = tempfile.mkstemp(
            prefix=f".{target.name}.", suffix=".part", dir=target.parent
        )
    except OSError as error:
        raise RunError(
            f"{target}: cannot be written: {error.strerror}. Choose another -o."
        ) from error
    os.close(handle)
    part = Path(name)
    try:
        yield part
        with part.open("rb") as written:
            os.fsync(written.fileno())
        part.chmod(0o666 & ~_umask())
        part.replace(target)
    except OSError as error:
        raise RunError(f"{target}: cannot be written: {error.strerror or error}.") from error
    finally:
        part.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
