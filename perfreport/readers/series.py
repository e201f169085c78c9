"""Points of many series, in the order in which they were written, as rows of kind `metric`."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from perfreport.errors import InputError
from perfreport.readers.source import Source
from perfreport.run.info import MetricInfo
from perfreport.run.schema import METRIC, SCHEMA, batch

ROWS = 64 * 1024  # of a batch

_TIME = SCHEMA.field("ts").type
_LABELS = SCHEMA.field("labels").type
# A large Prometheus knows some thousands of names; the metadata of a run holds each of them.
_MOST_METRICS = 20_000


@dataclass(eq=False, slots=True)
class Series:
    """What all points of a series share, and the time of the last of them."""

    name: str
    unit: str | None
    labels: dict[str, str]
    before_us: int = -1  # of its latest samples but one
    last_us: int = -1


@dataclass
class Points:
    """Points on their way into a batch; empty it when it is `full`.

    crowded  their series take much memory: do not wait for more
    """

    series: list[Series] = field(default_factory=list)
    times_us: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    crowded: bool = False

    @property
    def full(self) -> bool:
        return len(self.values) >= ROWS or (self.crowded and bool(self.values))

    def add(self, series: Series, time_us: int, value: float) -> None:
        self.series.append(series)
        self.times_us.append(time_us)
        self.values.append(value)

    def batch(self) -> pa.RecordBatch:
        """All points that were added since the last batch."""
        places: dict[Series, int] = {}
        codes = np.array([places.setdefault(one, len(places)) for one in self.series], np.int32)
        known = list(places)
        rows = batch(
            len(codes),
            {
                "kind": METRIC,
                "ts": pa.array(self.times_us, pa.int64()).cast(_TIME),
                "name": _texts([one.name for one in known], codes),
                "source": _texts([one.labels.get("instance") for one in known], codes),
                "value": np.array(self.values, np.float64),
                "unit": _texts([one.unit for one in known], codes),
                "labels": pa.array([one.labels for one in known], _LABELS).take(pa.array(codes)),
            },
        )
        self.series, self.times_us, self.values, self.crowded = [], [], [], False
        return rows


def _texts(texts: list[str | None], codes: np.ndarray[tuple[int], np.dtype[np.int32]]) -> pa.Array:
    """One text a row: that of the series to which its code points."""
    distinct = pa.array(texts, pa.string()).dictionary_encode()
    return pa.DictionaryArray.from_arrays(
        distinct.indices.take(pa.array(codes)), distinct.dictionary
    )


def learn(source: Source, name: str, metric: MetricInfo) -> None:
    """Keep type and unit of a metric; of the unit only what all its series agree on."""
    metrics = source.facts.metrics
    agreed = metric if metrics.get(name, metric) == metric else MetricInfo(type="gauge")
    metrics[name] = agreed
    refuse_many(source, len(metrics))


def refuse_many(source: Source, metrics: int) -> None:
    """InputError for more metrics than a run can name."""
    if metrics > _MOST_METRICS:
        raise InputError(
            f"{source.name}: more than {_MOST_METRICS:,} different metrics. "
            "Save those that the review needs."
        )
