"""k6's end-of-test summary as JSON: aggregates of a whole run, from which nothing can be recomputed.

Three forms, told apart by their shape:

- export   `--summary-export FILE`: `metrics.NAME` holds the values flat, and no types
- handle   what a script's `handleSummary(data)` was given: `metrics.NAME.{type,contains,values}`
- machine  `--new-machine-readable-summary` (k6 2): a list `results.metrics`, schema 1

Each value becomes a row of kind `metric` with a name of its own, `http_req_duration:p(95)`: never a
request, and never the metric itself, so that nothing takes an aggregate for a sample.
Defined in k6's `internal/js/summary.go`, `summary-wrapper.js` and `internal/lib/summary`.

A name such as `http_req_duration{name:etims}` is a metric with a filter, which becomes labels. In
`export` a threshold is `false` when it was kept, in `handle` it is `{"ok": true}`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypeGuard, get_args

import msgspec
import pyarrow as pa

from perfreport import units
from perfreport.errors import InputError
from perfreport.readers.reader import Reader
from perfreport.readers.source import Source
from perfreport.run import schema
from perfreport.run.info import MetricInfo

Type = Literal["counter", "gauge", "rate", "trend"]
Form = Literal["export", "handle", "machine"]

_LARGEST = 64 * 1024 * 1024  # a summary has a few kB per metric, and setup data in handleSummary's
_SCHEMA = "1."  # of the machine-readable form
_FILTERED = re.compile(r"(?P<metric>[^{]+)\{(?P<filter>.*)\}", re.DOTALL)
_TIMES = re.compile(r"(http_req|grpc_req|ws|browser|iteration|group)_(?!web_vital_cls).*")
_ROOT_GROUP = re.compile(rb'"root_group"\s*:\s*\{')
# The configuration comes first and holds the script, which may be longer than the head.
_MACHINE = re.compile(rb'"k6_version"\s*:|\A.{0,9}"config"\s*:\s*\{\s*"duration"\s*:', re.DOTALL)
_METRICS = re.compile(rb'\{\s*"metrics"\s*:\s*\{\s*"[^"]+"\s*:\s*\{')
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Aggregate:
    """One metric, or the part of it that a filter chose, reduced by k6 over the whole run."""

    metric: str
    tags: dict[str, str]  # of the filter
    type: Type
    contains: str | None  # time (ms), data (bytes), default; None where the form does not say
    values: dict[str, float]  # by k6's names: avg, min, med, max, p(95), count, rate, passes, ...


@dataclass(frozen=True)
class Check:
    """How often a check of the script passed and failed."""

    name: str
    group: str | None
    passes: int
    fails: int


@dataclass(frozen=True)
class Summary:
    """A summary of any form; `duration_s` is None where the form does not tell it."""

    form: Form
    aggregates: tuple[Aggregate, ...]
    checks: tuple[Check, ...]
    thresholds: dict[str, list[str]] = field(default_factory=dict)
    duration_s: float | None = None
    ended: datetime | None = None
    version: str | None = None


def sniff(head: bytes) -> bool:
    if not head.removeprefix(_BYTE_ORDER_MARK).lstrip().startswith(b"{"):
        return False
    return (
        _ROOT_GROUP.search(head) is not None
        or _MACHINE.search(head) is not None
        or _begins_with_metrics(head)
    )


def read(source: Source) -> Iterator[pa.RecordBatch]:
    """A row per value of the summary, all at the run's start.

    Raises InputError for what is no summary, and where nothing tells when the run took place.
    """
    summary = parse(_whole(source), source.name)
    start, end = _span(source, summary)
    facts = source.facts
    facts.tool, facts.tool_version = "k6", summary.version
    facts.response_time = "without_connect"
    facts.start, facts.end, facts.aggregates = start, end, True
    facts.thresholds |= summary.thresholds
    source.note(
        "k6's summary holds aggregates of the whole run: they are kept as metrics, "
        "no percentile or objective can be computed from them"
    )
    rows = [*_aggregate_rows(summary), *_check_rows(summary)]
    # Of no type that anybody watches over time: it is one number.
    facts.metrics |= {row.name: MetricInfo(type="trend", unit=row.unit) for row in rows}
    yield schema.batch(
        len(rows),
        {
            "kind": schema.METRIC,
            "ts": pa.array([start] * len(rows), schema.SCHEMA.field("ts").type),
            "name": [row.name for row in rows],
            "value": [row.value for row in rows],
            "unit": [row.unit for row in rows],
            "labels": [sorted(row.labels.items()) for row in rows],
        },
    )


READER = Reader(name="k6-summary", sniff=sniff, read=read)


def parse(data: bytes, name: str) -> Summary:
    """The summary in `data`; `name` is what messages call it. InputError if it is none."""
    try:
        document = msgspec.json.decode(data.removeprefix(_BYTE_ORDER_MARK))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(
            f"{name}: cut off or damaged: not JSON ({error}). Let k6 write it again."
        ) from error
    if not isinstance(document, dict):
        raise _none(name)
    if isinstance(document.get("results"), dict):
        return _machine(document, name)
    metrics = document.get("metrics")
    if not isinstance(metrics, dict) or not metrics:
        raise _none(name)
    return _by_name(document, metrics, name)


def _none(name: str) -> InputError:
    return InputError(
        f"{name}: no summary of k6. Give what --summary-export or handleSummary(data) wrote."
    )


def _by_name(document: Mapping[str, Any], metrics: Mapping[str, Any], name: str) -> Summary:
    """The forms `export` and `handle`."""
    entries = {key: _mapping(entry, f"metric {key}", name) for key, entry in metrics.items()}
    handle = any("values" in entry for entry in entries.values())
    found = []
    for key, entry in entries.items():
        values = _mapping(entry.get("values"), f"metric {key}", name) if handle else entry
        found.append(_aggregate(key, entry, _numbers(values, f"{name}: metric {key[:80]}"), name))
    aggregates = _ordered(found)
    state = document.get("state")
    milliseconds = state.get("testRunDurationMs") if isinstance(state, dict) else None
    return Summary(
        form="handle" if handle else "export",
        aggregates=aggregates,
        checks=tuple(_checks(document.get("root_group"))),
        thresholds={
            key: sorted(map(str, entry["thresholds"]))
            for key, entry in sorted(entries.items())
            if isinstance(entry.get("thresholds"), dict) and entry["thresholds"]
        },
        duration_s=_positive(milliseconds, 0.001) or _by_counters(aggregates),
    )


def _by_counters(aggregates: Sequence[Aggregate]) -> float | None:
    """The length of the run that the counters imply: k6's rate is count / length."""
    counters = [each.values for each in aggregates if each.type == "counter"]
    rated = [values for values in counters if values.get("rate") and values.get("count")]
    largest = max(rated, key=lambda values: values["count"], default=None)
    return None if largest is None else _positive(largest["count"] / largest["rate"])


def _machine(document: Mapping[str, Any], name: str) -> Summary:
    """The form `machine`."""
    version = str(document.get("version"))
    if not version.startswith(_SCHEMA):
        raise InputError(
            f"{name}: a summary with schema {version[:40]}; 1 is read. Take --summary-export."
        )
    results = document["results"]
    config, metadata = (document.get(key) for key in ("config", "metadata"))
    checks = results.get("checks")
    checks = checks if isinstance(checks, dict) else {}
    listed = [*_list(results.get("metrics")), *_list(checks.get("metrics"))]
    aggregates = []
    for entry in listed:
        entry = _mapping(entry, "a metric", name)
        values = _mapping(entry.get("values"), f"metric {entry.get('name')}", name)
        key = str(entry.get("name"))
        numbers = _renamed(_numbers(values, f"{name}: metric {key[:80]}"))
        aggregates.append(_aggregate(key, entry, numbers, name))
    return Summary(
        form="machine",
        aggregates=_ordered(aggregates),
        checks=tuple(
            Check(str(entry.get("name")), None, *_outcomes(entry))
            for entry in _list(checks.get("results"))
            if isinstance(entry, dict)
        ),
        duration_s=_positive(config.get("duration")) if isinstance(config, dict) else None,
        ended=_moment(metadata.get("generated_at")) if isinstance(metadata, dict) else None,
        version=_text(metadata.get("k6_version")) if isinstance(metadata, dict) else None,
    )


def _renamed(numbers: Mapping[str, float]) -> dict[str, float]:
    """The values by the names that the other two forms give them."""
    if "matches" in numbers:
        return {
            "rate": numbers.get("rate", math.nan),
            "passes": numbers["matches"],
            "fails": numbers.get("total", math.nan) - numbers["matches"],
        }
    return {re.sub(r"^p(\d+(?:\.\d+)?)$", r"p(\1)", key): value for key, value in numbers.items()}


def _aggregate(
    key: str, entry: Mapping[str, Any], values: dict[str, float], name: str
) -> Aggregate:
    found = _FILTERED.fullmatch(key)
    metric = found["metric"] if found else key
    tags = _filter(found["filter"]) if found else {}
    if "passes" in values and "value" in values:  # the export's name of a rate
        values = {"rate": values.pop("value"), **values}
    kind = entry.get("type")
    if kind not in get_args(Type):
        kind = _type_by(values)
    if kind is None:
        raise InputError(
            f"{name}: metric {key[:80]}: its values are of no type of k6. Let k6 write it again."
        )
    contains = entry.get("contains")
    return Aggregate(metric, tags, kind, contains if isinstance(contains, str) else None, values)


def _type_by(values: Mapping[str, float]) -> Type | None:
    """The type of a metric of which only the values are known."""
    if "passes" in values:
        return "rate"
    if "value" in values:
        return "gauge"
    if values.keys() == {"count", "rate"}:
        return "counter"
    return "trend" if values else None


def _filter(text: str) -> dict[str, str]:
    """The tags of `name:etims,scenario:o2c`; a comma inside a value cannot be told from a next tag."""
    pairs = (part.partition(":") for part in text.split(","))
    return {key.strip(): value.strip().strip("\"'") for key, _, value in pairs if key.strip()}


def _checks(group: Any, path: tuple[str, ...] = ()) -> Iterator[Check]:
    """The checks of a group and of those in it: a list in `handle`, a mapping in `export`."""
    if not isinstance(group, dict) or len(path) > 100:
        return
    for entry in _list(group.get("checks")):
        if isinstance(entry, dict):
            yield Check(str(entry.get("name")), "/".join(path) or None, *_outcomes(entry))
    for inner in _list(group.get("groups")):
        name = inner.get("name") if isinstance(inner, dict) else None
        yield from _checks(inner, (*path, str(name)))


def _outcomes(entry: Mapping[str, Any]) -> tuple[int, int]:
    passes, fails = (entry.get(key) for key in ("passes", "fails"))
    return (int(passes) if _is_number(passes) else 0), (int(fails) if _is_number(fails) else 0)


def _list(entries: Any) -> list[Any]:
    if isinstance(entries, dict):
        return list(entries.values())
    return entries if isinstance(entries, list) else []


def _mapping(value: Any, what: str, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InputError(f"{name}: {what[:80]} holds no values. Let k6 write it again.")
    return value


def _numbers(values: Mapping[str, Any], where: str) -> dict[str, float]:
    """The values of a metric; null, which JSON makes of a NaN, is left out.

    Raises InputError for what is no number: it was edited or damaged.
    """
    numbers: dict[str, float] = {}
    for key, value in values.items():
        if value is None or key == "thresholds":  # beside the values in `export`
            continue
        if not _is_number(value):
            raise InputError(
                f"{where}: {key[:40]} is {str(value)[:40]}, not a number. Let k6 write it again."
            )
        numbers[key] = float(value)
    return numbers


def _is_number(value: Any) -> TypeGuard[int | float]:
    """A longer integer is no float."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 2.0**1000


def _ordered(aggregates: list[Aggregate]) -> tuple[Aggregate, ...]:
    """By name: k6 writes them in an order that changes."""
    return tuple(sorted(aggregates, key=lambda each: (each.metric, sorted(each.tags.items()))))


def _positive(value: Any, scale: float = 1.0) -> float | None:
    """A length of time that can be one, in seconds."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value * scale if 0 < value * scale < _LONGEST_S else None


_LONGEST_S = 366 * 86_400.0


def _moment(text: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    usable = moment is not None and moment.tzinfo is not None and 1970 < moment.year < 2262
    return moment if usable else None


def _text(value: Any) -> str | None:
    return value[:40] if isinstance(value, str) else None


def _begins_with_metrics(head: bytes) -> bool:
    """A script's handleSummary may have written `{"metrics": data.metrics}`."""
    found = _METRICS.match(head.removeprefix(_BYTE_ORDER_MARK).lstrip())
    return found is not None and any(own in head for own in (b'"http_req', b'"vus', b'"iteration'))


def _whole(source: Source) -> bytes:
    data = bytearray()
    for block in source.blocks():
        data += block
        if len(data) > _LARGEST:
            raise InputError(
                f"{source.name}: larger than {_LARGEST >> 20} MiB, which no summary of k6 is."
            )
    return bytes(data)


def _span(source: Source, summary: Summary) -> tuple[datetime, datetime]:
    """When the run began and ended, as well as anything tells."""
    length = timedelta(seconds=summary.duration_s or 0)
    if source.options.start is not None:
        start = source.options.start.astimezone(UTC)
        return start, start + length
    end = summary.ended or source.modified
    if end is None:
        raise InputError(
            f"{source.name}: a summary of k6 tells no time of day. "
            "Give the start of the run with --start 2026-02-03T10:00:00Z."
        )
    if summary.ended is None:
        source.note(
            f"tells no time of day; that of the file, {units.utc(end)} UTC, is taken for the run's "
            "end. Give its start with --start."
        )
    return end - length, end


@dataclass(frozen=True)
class _Row:
    name: str
    value: float
    unit: str | None
    labels: dict[str, str]


def _aggregate_rows(summary: Summary) -> Iterator[_Row]:
    for each in summary.aggregates:
        for statistic, value in each.values.items():
            if math.isfinite(value):
                yield _Row(
                    f"{each.metric}:{statistic}", value, _unit_of(each, statistic), each.tags
                )


def _check_rows(summary: Summary) -> Iterator[_Row]:
    for check in summary.checks:
        labels = {"check": check.name} | ({"group": check.group} if check.group else {})
        for statistic, value in (("passes", check.passes), ("fails", check.fails)):
            yield _Row(f"checks:{statistic}", value, None, labels)


def _unit(aggregate: Aggregate) -> str | None:
    """The unit of a metric's values; the export tells it of k6's own metrics only, by their names."""
    contains = aggregate.contains
    if contains is None:
        if aggregate.metric.startswith("data_"):
            contains = "data"
        elif aggregate.type == "trend" and _TIMES.fullmatch(aggregate.metric):
            contains = "time"
    if contains in ("time", "data"):
        return {"time": "ms", "data": "By"}[contains]
    return "1" if aggregate.type in ("counter", "rate") else None


def _unit_of(aggregate: Aggregate, statistic: str) -> str | None:
    """The unit of one value: counts have none, a counter's rate is per second."""
    unit = _unit(aggregate)
    if aggregate.type == "rate":
        return "1" if statistic == "rate" else None
    if aggregate.type == "counter":
        whole = "By" if unit == "By" else None
        return whole if statistic == "count" else f"{whole or ''}/s"
    return None if statistic == "count" else unit
