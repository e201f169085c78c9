"""Inputs of any known format into one canonical run, whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from perfreport.errors import InputError
from perfreport.ingestion.inputs import found_databases, found_files
from perfreport.ingestion.merge import About, Merge
from perfreport.ingestion.target import Target
from perfreport.readers.server import Server
from perfreport.readers.source import ReadOptions
from perfreport.run.info import RunInfo
from perfreport.run.writer import RunWriter, whole_file

__all__ = ["About", "Ingested", "found_files", "ingest"]


@dataclass(frozen=True)
class Ingested:
    """The run that was written, and what the user should know about it."""

    path: Path
    info: RunInfo
    rows: int  # written now; those of an appended file's earlier part are among them
    notes: tuple[str, ...]


def ingest(
    inputs: Sequence[str | Path],
    output: str | Path,
    *,
    format: str | None = None,
    about: About | None = None,
    options: ReadOptions | None = None,
    servers: Sequence[Server] = (),
    append: bool = False,
    overwrite: bool = False,
    strict: bool = False,
    on_read: Callable[[int], None] | None = None,
) -> Ingested:
    """Read all files, then the databases, then the servers into the run `output`.

    inputs   paths of files, folders or globs, `-` for standard input, or URLs of databases
    format   name of the reader to use for all of them; None finds it by content
    options  time zone and naming of the readers, and the time to ask databases for
    servers  of monitoring, such as Prometheus: asked over the time of the run
    append   add to an existing run (a part to a directory, else the file is written anew)
    strict   a record that cannot be read is an error instead of a note
    on_read  called with the number of stored bytes of each bite read

    Raises InputError or RunError; nothing was written then.
    """
    options = options or ReadOptions()
    files = found_files(inputs, forced=format is not None)
    servers = [*found_databases(inputs, options, format), *servers]
    if not files and not servers:
        raise InputError("nothing to ingest. Give INPUT files, or --prometheus URL --queries FILE.")
    target = Target.of(output, append, overwrite)
    target.refuse_inputs(files)
    for server in servers:
        server.probe()
    with target.folder(), whole_file(target.path) as part:
        earlier = target.earlier.info if target.earlier else None
        merge = Merge(RunWriter(part), about or About(), strict, earlier, bool(target.copied))
        try:
            merge.copy(target.copied)
            if target.earlier:
                options.names.know(target.earlier.endpoint_names())
            for file, label in zip(files, target.labels(files), strict=True):
                merge.read(file, label, format, options, on_read)
            for server in servers:
                merge.ask(server)
            info = merge.finish(options.names.examples)
            target.check_still_free()
        except BaseException:
            merge.writer.abandon()
            raise
    for stale in target.stale:
        stale.unlink()
    return Ingested(Path(output), info, merge.writer.rows, tuple(merge.notes))
