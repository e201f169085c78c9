"""THE schema: one row per observation, units in the names, unknown is null."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

SCHEMA_VERSION = 1

# A row's `kind`.
REQUEST = "request"
SUBREQUEST = "subrequest"  # a redirect hop or embedded resource inside a JMeter request
TRANSACTION = "transaction"  # JMeter transaction controller, k6 or Gatling group
ITERATION = "iteration"
CHECK = "check"
USERS = "users"
METRIC = "metric"
KINDS = frozenset({REQUEST, SUBREQUEST, TRANSACTION, ITERATION, CHECK, USERS, METRIC})

_TEXT = pa.dictionary(pa.int32(), pa.string())

SCHEMA = pa.schema(
    [
        pa.field("kind", _TEXT, nullable=False),
        pa.field("ts", pa.timestamp("us", "UTC"), nullable=False),  # START of what was observed
        pa.field(
            "name", _TEXT, nullable=False
        ),  # endpoint after normalisation, or the metric's name
        pa.field("method", _TEXT),
        pa.field("group", _TEXT),  # enclosing transactions, /-joined
        pa.field("scenario", _TEXT),  # the tool's: k6 scenario, thread group, Gatling scenario
        pa.field("source", _TEXT),  # load generator or scrape target
        pa.field("status", pa.int16()),
        pa.field("ok", pa.bool_()),  # what the tool called success; null where it did not say
        pa.field("error", _TEXT),  # message or code of a failure, at most ERROR_LENGTH characters
        pa.field("duration_ms", pa.float64()),
        pa.field("blocked_ms", pa.float64()),
        pa.field("connect_ms", pa.float64()),
        pa.field("tls_ms", pa.float64()),
        pa.field("send_ms", pa.float64()),
        pa.field("wait_ms", pa.float64()),
        pa.field("receive_ms", pa.float64()),
        pa.field("sent_bytes", pa.int64()),
        pa.field("received_bytes", pa.int64()),
        pa.field("users", pa.float64()),  # active virtual users
        pa.field("value", pa.float64()),  # of metric and check rows, in `unit`
        pa.field("unit", _TEXT),
        pa.field("labels", pa.map_(pa.string(), pa.string())),
    ]
)

ERROR_LENGTH = 500


def batch(length: int, columns: Mapping[str, Any]) -> pa.RecordBatch:
    """A record batch of the schema from some of its columns; a column not given is null.

    A column may be an Arrow array (plain or dictionary), a NumPy array, a list of `length` values,
    or one scalar for all rows.
    """
    unknown = columns.keys() - set(SCHEMA.names)
    if unknown:
        raise KeyError(f"not columns of the schema: {sorted(unknown)}")
    arrays = [_column(field, length, columns.get(field.name)) for field in SCHEMA]
    return pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)


def _column(field: pa.Field, length: int, values: Any) -> pa.Array:
    if values is None:
        return pa.nulls(length, field.type)
    if isinstance(values, str | bool | int | float):
        return _repeated(field, length, values)
    if isinstance(values, pa.Array):
        return values if values.type == field.type else values.cast(field.type)
    if pa.types.is_dictionary(field.type):
        return pa.array(values, pa.string()).dictionary_encode()
    return pa.array(values, field.type)


def _repeated(field: pa.Field, length: int, value: Any) -> pa.Array:
    if pa.types.is_dictionary(field.type):
        indices = pa.repeat(pa.scalar(0, pa.int32()), length)
        return pa.DictionaryArray.from_arrays(indices, pa.array([value], pa.string()))
    return pa.repeat(pa.scalar(value, field.type), length)
