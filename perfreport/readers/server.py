"""What a monitoring server is to ingest: something to ask, after the files were read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from perfreport.readers.source import Facts
from perfreport.run.info import SourceInfo


@dataclass(frozen=True)
class Server:
    """Queries to a monitoring server, asked after the files were read.

    probe       is it there, and does it understand the queries? InputError if not
    ask         one answer per query over a window, half-open
    start, end  the window where the user said so; the default is that of the run
    """

    probe: Callable[[], None]
    ask: Callable[[datetime, datetime], Iterator[Answer]]
    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True)
class Answer:
    """One source that is not a file: what it was, its rows, and notes for the user."""

    info: SourceInfo
    facts: Facts
    batches: Iterable[pa.RecordBatch]
    notes: tuple[str, ...] = ()
