"""Inputs of any known format into one canonical run, whole or not at all."""

from __future__ import annotations

import glob
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from perfreport.errors import InputError, RunError
from perfreport.readers.reader import UnknownFormat, reader_for
from perfreport.readers.server import Server
from perfreport.readers.source import Facts, ReadOptions, Source
from perfreport.run.info import RunInfo, SourceInfo, TestType
from perfreport.run.schema import SCHEMA
from perfreport.run.store import joined, merged_info, open_run
from perfreport.run.writer import RunWriter, whole_file

STANDARD_INPUT = "-"


@dataclass(frozen=True)
class About:
    """What the user says of the run; None is left as the inputs say."""

    system: str | None = None
    release: str | None = None
    scenario: str | None = None
    test_type: TestType | None = None
    environment: str | None = None
    labels: dict[str, str] = field(default_factory=dict)


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
    server: Server | None = None,
    append: bool = False,
    overwrite: bool = False,
    strict: bool = False,
    on_read: Callable[[int], None] | None = None,
) -> Ingested:
    """Read all inputs and the server into the run `output`, in this order.

    inputs   paths of files, folders or globs, or `-` for standard input
    format   name of the reader to use for all of them; None finds it by content
    options  time zone and naming of the readers
    append   add to an existing run (a part to a directory, else the file is written anew)
    strict   a record that cannot be read is an error instead of a note
    on_read  called with the number of stored bytes of each bite read

    Raises InputError or RunError; nothing was written then.
    """
    files = found_files(inputs, forced=format is not None)
    if not files and server is None:
        raise InputError("nothing to ingest. Give INPUT files, or --prometheus URL --queries FILE.")
    plan = _Plan.of(output, append, overwrite)
    if server is not None:
        server.probe()
    with plan.folder(), whole_file(plan.target) as part:
        extended = plan.earlier if plan.copied else None
        merge = _Merge(RunWriter(part), extended, about or About(), strict)
        try:
            merge.copy(plan.copied)
            for file, label in zip(files, plan.labels(files), strict=True):
                merge.read(file, label, format, options or ReadOptions(), on_read)
            if server is not None:
                merge.ask(server)
            info = merge.finish()
        except BaseException:
            merge.writer.abandon()
            raise
    for stale in plan.stale:
        stale.unlink()
    return Ingested(Path(output), info, merge.writer.rows, tuple(merge.notes))


@dataclass(frozen=True)
class InputFile:
    """A file to read; one found in a folder may be of a kind that nobody knows."""

    path: Path
    in_folder: bool

    def open(self) -> IO[bytes]:
        if str(self.path) == STANDARD_INPUT:
            return sys.stdin.buffer
        try:
            return self.path.open("rb")
        except FileNotFoundError:
            raise InputError(f"{self.path}: no such file or folder.") from None
        except OSError as error:
            raise InputError(f"{self.path}: cannot be read: {error.strerror}.") from error

    @property
    def size(self) -> int:
        with suppress(OSError):
            return self.path.stat().st_size
        return 0


def found_files(inputs: Sequence[str | Path], forced: bool = False) -> list[InputFile]:
    """The files that the inputs mean: a folder its files, a glob its matches, each in order of name.

    Raises InputError for a folder without files and a glob without matches.
    """
    found: list[InputFile] = []
    for given in map(str, inputs):
        path = Path(given)
        if path.is_dir():
            entries = sorted(entry for entry in path.iterdir() if _visible_file(entry))
            if not entries:
                raise InputError(
                    f"{given}: a folder without files. Give the folder of the results."
                )
            found += [InputFile(entry, in_folder=not forced) for entry in entries]
        elif glob.has_magic(given) and not path.exists():
            # Path.glob refuses absolute patterns.
            matches = sorted(map(Path, glob.glob(given, recursive=True)))  # noqa: PTH207
            if not matches:
                raise InputError(f"{given}: no file matches this pattern.")
            found += [InputFile(match, in_folder=False) for match in matches if match.is_file()]
        else:
            found.append(InputFile(path, in_folder=False))
    return found


def _visible_file(path: Path) -> bool:
    return path.is_file() and not path.name.startswith(".")


def labels_of(paths: Sequence[str]) -> list[str]:
    """A short name per input for the column `source`, each its own: `short`, `short-2`."""
    labels: list[str] = []
    for path in paths:
        stem = (
            "stdin" if path == STANDARD_INPUT else Path(path).name.split(".")[0] or Path(path).name
        )
        count = sum(label == stem or label.startswith(f"{stem}-") for label in labels)
        labels.append(f"{stem}-{count + 1}" if stem in labels else stem)
    return labels


@dataclass(frozen=True)
class _Plan:
    """Which file is written, what it starts from, and what it replaces."""

    target: Path
    copied: tuple[Path, ...] = ()
    earlier: RunInfo | None = None
    stale: tuple[Path, ...] = ()
    in_directory: bool = False

    @classmethod
    def of(cls, output: str | Path, append: bool, overwrite: bool) -> _Plan:
        path = Path(output)
        if str(output).endswith("/") or path.is_dir():
            return cls._directory(path, append, overwrite)
        if not path.exists():
            return cls(path)
        if append:
            run = open_run(path)
            return cls(path, copied=run.parts, earlier=run.info)
        if not overwrite:
            raise RunError(
                f"{path}: exists. Add to it with --append, or replace it with --overwrite."
            )
        return cls(path)

    @classmethod
    def _directory(cls, path: Path, append: bool, overwrite: bool) -> _Plan:
        parts = tuple(sorted(path.glob("*.parquet"))) if path.is_dir() else ()
        if parts and not (append or overwrite):
            raise RunError(
                f"{path}: holds a run. Add to it with --append, or replace it with --overwrite."
            )
        earlier = open_run(path).info if parts else None
        numbers = [int(part.stem[5:]) for part in parts if part.stem[5:].isdigit()]
        target = path / f"part-{max(numbers, default=0) + 1:04d}.parquet"
        return cls(
            target,
            earlier=earlier if append else None,
            stale=() if append else parts,
            in_directory=True,
        )

    def labels(self, files: Sequence[InputFile]) -> list[str]:
        """A label per file that no source of the run, earlier ones included, shares."""
        earlier = [source.name for source in self.earlier.sources] if self.earlier else []
        return labels_of([*earlier, *(str(file.path) for file in files)])[len(earlier) :]

    @contextmanager
    def folder(self) -> Iterator[None]:
        """Make the folder of a run of parts; a failure takes a new one away again."""
        folder = self.target.parent
        made = self.in_directory and not folder.exists()
        try:
            if made:
                folder.mkdir(parents=True)
        except OSError as error:
            raise RunError(f"{folder}: cannot be made: {error.strerror}.") from error
        try:
            yield
        except BaseException:
            if made:
                folder.rmdir()
            raise


class _Merge:
    """Several sources into one writer, and what was learnt of all of them into one RunInfo."""

    def __init__(
        self, writer: RunWriter, earlier: RunInfo | None, about: About, strict: bool
    ) -> None:
        self.writer = writer
        self.notes: list[str] = []
        self._earlier = earlier
        self._about = about
        self._strict = strict
        self._sources: list[SourceInfo] = []
        self._facts: list[Facts] = []
        self._load, self._servers = _Span(), _Span()

    def copy(self, parts: Sequence[Path]) -> None:
        """The rows of an earlier run, unchanged."""
        for part in parts:
            with pq.ParquetFile(part) as parquet:
                for batch in parquet.iter_batches():
                    self.writer.write(pa.RecordBatch.from_arrays(batch.columns, schema=SCHEMA))

    def read(
        self,
        file: InputFile,
        label: str,
        format: str | None,
        options: ReadOptions,
        on_read: Callable[[int], None] | None,
    ) -> None:
        """One input file, from its first to its last whole record."""
        with ExitStack() as stack:
            source = Source(stack.enter_context(file.open()), file.path.name, options, on_read)
            try:
                reader = reader_for(source, format)
            except UnknownFormat as unknown:
                if not file.in_folder:
                    raise
                self.notes.append(f"{unknown.name}: left out, no reader knows this format")
                return
            rows = sum(map(len, self._written(reader.read(source), label, source.facts)))
        self.notes += source.notes
        self._learn(source.info(reader.name, rows), source.facts)

    def ask(self, server: Server) -> None:
        """All queries to a server over the window that was given, or that of the run so far."""
        start, end = server.start or self._load.start, server.end or self._load.end
        if start is None or end is None:
            raise InputError("--prometheus without INPUT needs --start and --end.")
        for answer in server.ask(start, end):
            rows = sum(map(len, self._written(answer.batches, answer.info.name, answer.facts)))
            self.notes += answer.notes
            self._learn(answer.info.model_copy(update={"rows": rows}), answer.facts)

    def finish(self) -> RunInfo:
        """Write the metadata. Raises InputError where no source held a record."""
        if not self.writer.rows:
            names = ", ".join(source.name for source in self._sources) or "the folder"
            raise InputError(
                f"{names}: no whole record in it that a reader knows. Nothing was written."
            )
        info = self._info()
        if self._earlier is not None:
            info = merged_info([info, self._earlier])
            info.sources = self._earlier.sources + self._sources
        self.writer.finish(info)
        return info

    def _written(
        self, batches: Iterable[pa.RecordBatch], label: str, facts: Facts
    ) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            named = with_source(batch, label)
            self._span(facts).widen(named)
            self.writer.write(named)
            yield named

    def _span(self, facts: Facts) -> _Span:
        return self._servers if facts.tool == "Prometheus" else self._load

    def _learn(self, info: SourceInfo, facts: Facts) -> None:
        self._sources.append(info)
        self._facts.append(facts)
        if not info.rejected and not info.truncated:
            return
        first = info.rejections[0] if info.rejections else None
        where = f", first: line {first.line}: {first.why}" if first else ""
        note = f"{info.name}: skipped {info.rejected:,} records of {info.rows + info.rejected:,}{where}"
        if info.truncated:
            note += "; the input was cut off"
        if self._strict:
            raise InputError(f"{note}. Nothing was written (--strict).")
        self.notes.append(note)

    def _info(self) -> RunInfo:
        about = self._about
        info = RunInfo(
            system=about.system,
            release=about.release,
            scenario=about.scenario or _first(facts.scenario for facts in self._facts),
            test_type=about.test_type,
            environment=about.environment,
            labels=dict(sorted(about.labels.items())),
            sources=self._sources,
        )
        span = self._load if self._load.start else self._servers
        info.start, info.end = span.start, span.end
        for facts in [facts for facts in self._facts if self._span(facts) is span]:
            info.tool = joined(info.tool, facts.tool)
            info.tool_version = joined(info.tool_version, facts.tool_version)
        for facts in self._facts:
            info.metrics |= facts.metrics
            info.thresholds |= facts.thresholds
        return info


class _Span:
    """From the first start to just after the last end, to the microsecond, half-open."""

    def __init__(self) -> None:
        self._first_us: int | None = None
        self._last_us: int | None = None

    def widen(self, batch: pa.RecordBatch) -> None:
        if not batch.num_rows:
            return
        starts = batch.column("ts").cast(pa.int64()).to_numpy()
        durations = pc.fill_null(batch.column("duration_ms"), 0.0).to_numpy(zero_copy_only=False)
        first, last = int(starts.min()), int((starts + np.ceil(durations * 1000)).max()) + 1
        self._first_us = first if self._first_us is None else min(first, self._first_us)
        self._last_us = last if self._last_us is None else max(last, self._last_us)

    @property
    def start(self) -> datetime | None:
        return _moment(self._first_us)

    @property
    def end(self) -> datetime | None:
        return _moment(self._last_us)


def with_source(batch: pa.RecordBatch, label: str) -> pa.RecordBatch:
    """The batch with `label` in the column `source` wherever the reader knew no better."""
    position = SCHEMA.get_field_index("source")
    known = batch.column(position)
    if known.null_count == 0:
        return batch
    if known.null_count == len(known):
        indices = pa.repeat(pa.scalar(0, pa.int32()), len(known))
        filled = pa.DictionaryArray.from_arrays(indices, pa.array([label], pa.string()))
    else:
        filled = pc.fill_null(known.cast(pa.string()), label).dictionary_encode()
    return batch.set_column(position, SCHEMA.field(position), filled)


def _first(values: Iterable[str | None]) -> str | None:
    return next((value for value in values if value), None)


def _moment(microseconds: int | None) -> datetime | None:
    if microseconds is None:
        return None
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
