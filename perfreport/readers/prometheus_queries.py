"""The file of `--queries`: which Prometheus queries to ask, under which names.

YAML or JSON. A name to an expression, or to a mapping with its unit and type:

    kafka_lag: sum by (topic) (kafka_consumer_lag)
    api_p95:
      query: histogram_quantile(0.95, sum by (le) (rate(http_server_requests_seconds_bucket[1m])))
      unit: s

A file with a list `series` is read as the series of an SLA pack.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from perfreport.errors import InputError, nearest
from perfreport.readers.prometheus_json import convention
from perfreport.run.info import MetricInfo

_KEYS = ("query", "unit", "type")
_TYPES = ("counter", "gauge")


@dataclass(frozen=True)
class Query:
    """One PromQL expression; `known` is its type and unit where the user said them."""

    name: str
    expression: str
    known: MetricInfo | None = None


def read_queries(path: Path) -> list[Query]:
    """The queries of a file, in its order. Raises InputError with file, line and what is allowed."""
    try:
        entries = list(_named_entries(path, _parsed(path)))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        what = getattr(error, "problem", None) or "damaged"
        raise InputError(f"{where}: neither YAML nor JSON: {what}.") from error
    if not entries:
        raise InputError(f"{path}: holds no query. Write a line such as: kafka_lag: sum(lag)")
    seen: dict[str, int] = {}
    for line, name, _ in entries:
        if name in seen:
            raise InputError(f'{path}:{line}: "{name}" stands on line {seen[name]} already.')
        seen[name] = line
    return [_query(f"{path}:{line}", name, entry) for line, name, entry in entries]


def _parsed(path: Path) -> yaml.Node | None:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not a text in UTF-8 (byte {error.start}).") from error
    # JSON may be indented with tabs, which YAML forbids.
    text = text.replace("\t", " ") if text.lstrip().startswith("{") else text
    return yaml.compose(text, Loader=yaml.SafeLoader)


def _named_entries(path: Path, root: yaml.Node | None) -> Iterator[tuple[int, str, Any]]:
    """Line, name and content of each query."""
    if root is None:
        return
    if not isinstance(root, yaml.MappingNode):
        raise InputError(f"{path}: not a mapping of names to queries, such as kafka_lag: sum(lag)")
    for key, value in root.value:
        if key.value == "series" and isinstance(value, yaml.SequenceNode):
            yield from ((_line(item), *_of_pack(path, item)) for item in value.value)
            return
    for key, value in root.value:
        yield _line(key), str(key.value), _plain(value)


def _of_pack(path: Path, item: yaml.Node) -> tuple[str, Any]:
    """Name and entry of a series as an SLA pack writes it; the pack's other keys are not ours."""
    series = _plain(item)
    if not isinstance(series, dict) or not isinstance(series.get("series"), str):
        raise InputError(f"{path}:{_line(item)}: a series needs a name: - series: kafka_lag")
    entry = {key: series[key] for key in ("query", "unit") if series.get(key) is not None}
    if series.get("shape") == "counter":
        entry["type"] = "counter"
    return series["series"], entry


def _query(where: str, name: str, entry: Any) -> Query:
    if isinstance(entry, str):
        entry = {"query": entry}
    if not isinstance(entry, dict):
        raise InputError(f"{where}: {name}: {entry!r} is not a query; put it in quotes.")
    for key in entry:
        if key not in _KEYS:
            allowed = f"Allowed: {', '.join(_KEYS)}.{nearest(str(key), _KEYS)}"
            raise InputError(f'{where}: {name}: "{key}" is not known. {allowed}')
    expression, unit, kind = (entry.get(key) for key in _KEYS)
    if not isinstance(expression, str) or not expression.strip() or not name.strip():
        raise InputError(f"{where}: {name}: a query needs a name and an expression.")
    if kind is not None and kind not in _TYPES:
        raise InputError(f"{where}: {name}: type {kind!r} is not one of {', '.join(_TYPES)}.")
    if unit is None and kind is None:
        return Query(name, expression)
    guess = convention(name)
    known = MetricInfo(type=kind or guess.type, unit=guess.unit if unit is None else str(unit))
    return Query(name, expression, known)


def _plain(node: yaml.Node) -> Any:
    return _Values("").construct_document(node)


class _Values(yaml.SafeLoader):
    """Turns nodes that were parsed already into strings, numbers, lists and mappings."""


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
