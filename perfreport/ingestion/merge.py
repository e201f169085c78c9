"""Several sources into one writer, and what is learnt of all of them into one RunInfo."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from perfreport.errors import InputError
from perfreport.ingestion.era import check_length, of_one_era
from perfreport.ingestion.inputs import InputFile
from perfreport.readers.reader import UnknownFormat, reader_for
from perfreport.readers.server import Server
from perfreport.readers.source import Facts, ReadOptions, Source
from perfreport.run.info import RunInfo, SourceInfo, TestType, joined_meaning
from perfreport.run.schema import SCHEMA
from perfreport.run.store import joined, merged_info
from perfreport.run.writer import RunWriter


@dataclass(frozen=True)
class About:
    """What the user says of the run; None is left as the inputs say."""

    system: str | None = None
    release: str | None = None
    scenario: str | None = None
    test_type: TestType | None = None
    environment: str | None = None
    labels: dict[str, str] = field(default_factory=dict)


_TOLD = 5  # files that are left out, by name


class Merge:
    """Several sources into one writer, and what was learnt of all of them into one RunInfo."""

    def __init__(
        self,
        writer: RunWriter,
        about: About,
        strict: bool,
        earlier: RunInfo | None = None,
        rewrites: bool = False,
    ) -> None:
        """`earlier` is of the run that is added to, which a single file holds again: `rewrites`."""
        self.writer = writer
        self.notes: list[str] = []
        self._left_out: list[str] = []  # files of a folder that are of no format
        self._earlier = earlier
        self._rewrites = rewrites
        self._about = about
        self._strict = strict
        self._sources: list[SourceInfo] = []
        self._facts: list[Facts] = []
        self._load, self._aggregates, self._servers = _Span(), _Span(), _Span()

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
                self._left_out.append(f"{unknown.name}: left out, {unknown.why}")
                return
            batches = of_one_era(reader.read(source), source)
            rows = sum(map(len, self._written(batches, label, source.facts)))
        self.notes += source.notes
        self._learn(source.info(reader.name, rows), source.facts)

    def ask(self, server: Server) -> None:
        """All of a server's answers over the window that was given, or that of the run so far."""
        start, end = server.start or self._load.start, server.end or self._load.end
        if start is None or end is None:
            raise InputError(server.unknown_window)
        for answer in server.ask(start, end):
            rows = sum(map(len, self._written(answer.batches, answer.source.name, answer.facts)))
            self.notes += answer.notes
            self._learn(answer.info.model_copy(update={"rows": rows}), answer.facts)

    def finish(self, examples: dict[str, str]) -> RunInfo:
        """Write the metadata, with a URL of each endpoint. InputError where no source held a record."""
        self._tell_left_out()
        if not self.writer.rows:
            names = ", ".join(source.name for source in self._sources) or "the folder"
            first = f" ({self.notes[0]})" if self.notes else ""
            raise InputError(
                f"{names}: no whole record in it that a reader knows. Nothing was written.{first}"
            )
        info = self._info()
        info.examples = examples
        whole = info if self._earlier is None else merged_info([info, self._earlier])
        check_length(whole.start, whole.end)
        if self._earlier is not None and self._rewrites:
            info = whole
            info.sources = self._earlier.sources + self._sources
        self.writer.finish(info)
        return info

    def _tell_left_out(self) -> None:
        """A line each, or one line of many."""
        names = [note.split(":", 1)[0] for note in self._left_out]
        if len(names) > _TOLD:
            more = f"{', '.join(names[:_TOLD])} and {len(names) - _TOLD:,} more"
            self._left_out = [f"{more}: left out, no reader knows their format"]
        self.notes = self._left_out + self.notes

    def _written(
        self, batches: Iterable[pa.RecordBatch], label: str, facts: Facts
    ) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            named = with_source(batch, label)
            self._span(facts).widen(named)
            self.writer.write(named)
            yield named

    def _span(self, facts: Facts) -> _Span:
        if facts.tool == "Prometheus":
            return self._servers
        return self._aggregates if facts.aggregates else self._load

    def _learn(self, info: SourceInfo, facts: Facts) -> None:
        self._refuse_twin(info)
        self._sources.append(info)
        self._facts.append(facts)
        if facts.aggregates and facts.start and facts.end:
            self._aggregates.include(facts.start, facts.end)
        if not info.rejected and not info.truncated:
            return
        first = info.rejections[0] if info.rejections else None
        where = f", first: {first.text(info.places)}" if first else ""
        total = info.rows + info.rejected
        parts = [f"skipped {info.rejected:,} of {total:,} records{where}"] * bool(info.rejected)
        parts += ["the input was cut off"] * info.truncated
        note = f"{info.name}: {'; '.join(parts)}"
        if self._strict:
            raise InputError(f"{note}. Nothing was written (--strict).")
        self.notes.append(note)

    def _refuse_twin(self, info: SourceInfo) -> None:
        """InputError for a file that is in the run already: each request would count twice."""
        earlier = self._earlier.sources if self._earlier else []
        for other in (*earlier, *self._sources):
            if info.sha256 is not None and info.rows and info.sha256 == other.sha256:
                raise InputError(
                    f"{info.name}: the same file as {other.name}, which is in the run already. "
                    "Give each file once."
                )

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
        # The first that holds anything: what a summary or a server tells does not stretch a test.
        spans = (self._load, self._aggregates, self._servers)
        span = next(each for each in spans if each.start or each is self._servers)
        info.start, info.end = span.start, span.end
        info.only_servers = span is self._servers
        info.only_aggregates = span is self._aggregates
        for facts in [facts for facts in self._facts if self._span(facts) is span]:
            info.tool = joined(info.tool, facts.tool)
            info.tool_version = joined(info.tool_version, facts.tool_version)
            info.response_time = joined_meaning(info.response_time, facts.response_time)
        for facts in self._facts:
            info.metrics |= facts.metrics
            info.thresholds |= facts.thresholds
        return info


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


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
        self._include(int(starts.min()), int((starts + np.ceil(durations * 1000)).max()) + 1)

    def include(self, start: datetime, end: datetime) -> None:
        self._include(*((moment - _EPOCH) // timedelta(microseconds=1) for moment in (start, end)))

    def _include(self, first: int, last: int) -> None:
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
    return _EPOCH + timedelta(microseconds=microseconds)
