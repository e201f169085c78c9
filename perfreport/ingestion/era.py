"""Times that cannot be: one damaged digit must not stretch a run over thousands of years."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from perfreport import units
from perfreport.errors import InputError
from perfreport.readers.source import Source
from perfreport.run.schema import USERS

LONGEST = timedelta(days=366)  # of a run; the longest production window that a review looks at
_LONGEST_US = LONGEST // timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def of_one_era(batches: Iterable[pa.RecordBatch], source: Source) -> Iterator[pa.RecordBatch]:
    """The rows whose time is within a year of the first batch's median; others are counted.

    The median, since the damaged time may be the first.
    """
    around: int | None = None
    row = 0
    for batch in batches:
        times = batch.column("ts").cast(pa.int64()).to_numpy()
        if around is None and len(times):
            around = int(np.median(times))
        far = np.flatnonzero(np.abs(times - (around or 0)) > _LONGEST_US)
        of_users = batch.column("kind").cast(pa.string()).to_numpy(zero_copy_only=False) == USERS
        for place in far[~of_users[far]].tolist():  # users are counted over the rows that are told
            source.skip(
                0,
                f"row {row + place + 1} is of {_moment(int(times[place]))}, a year or more from the others",
            )
        row += len(times)
        yield (
            batch.filter(pa.array(np.isin(np.arange(len(times)), far, invert=True)))
            if len(far)
            else batch
        )


def check_length(start: datetime | None, end: datetime | None) -> None:
    """InputError where inputs together span more than a run can."""
    if start and end and end - start > LONGEST:
        raise InputError(
            f"the inputs reach from {units.utc(start)} to {units.utc(end)} UTC, more than a year. "
            "Ingest those of one run together, and check their clocks and --timezone."
        )


def _moment(microseconds: int) -> str:
    try:
        return units.utc(_EPOCH + timedelta(microseconds=microseconds))
    except OverflowError:
        return "a year beyond 9999"
