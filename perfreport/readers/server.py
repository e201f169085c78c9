"""What a server that keeps measurements is to ingest: something to ask, after the files were read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from perfreport.readers.source import Facts, Source
from perfreport.run.info import SourceInfo


@dataclass(frozen=True)
class Server:
    """Questions to a server, asked after the files were read.

    probe           is it there, and does it understand the questions? InputError if not
    ask             its answers over a window, half-open
    unknown_window  what to say where neither the user nor a file tells the window
    start, end      the window where the user said so; the default is that of the run so far
    """

    probe: Callable[[], None]
    ask: Callable[[datetime, datetime], Iterator[Answer]]
    unknown_window: str
    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True)
class Answer:
    """One source that is not a file. What was learnt of it is whole once its batches were read.

    rows  how many it has, where that is known before
    """

    source: Source
    format: str
    batches: Iterable[pa.RecordBatch]
    rows: int = 0

    @property
    def facts(self) -> Facts:
        return self.source.facts

    @property
    def info(self) -> SourceInfo:
        info = self.source.info(self.format, self.rows)
        return info.model_copy(update={"size": None, "sha256": None})  # those are of files

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know, each once."""
        return tuple(dict.fromkeys(self.source.notes))
