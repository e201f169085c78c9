"""Asks a Prometheus server for the values of queries over the time of a run.

HTTP API: https://prometheus.io/docs/prometheus/latest/querying/api/. Thanos, Mimir and VictoriaMetrics
speak it too.
"""

from __future__ import annotations

import io
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from perfreport import units
from perfreport.errors import InputError
from perfreport.readers.prometheus_http import QUERY_S, Api
from perfreport.readers.prometheus_json import SeriesRows
from perfreport.readers.prometheus_queries import Query, read_queries
from perfreport.readers.server import Answer, Server
from perfreport.readers.source import Source

FORMAT = "prometheus"
MOST_POINTS = 11_000  # of a series in one answer; a server refuses to give more

# About as many points as a chart has pixels; finer than 5 s hardly any server scrapes.
_DEFAULT_POINTS = 2000
_DEFAULT_STEPS_S = (5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def live_server(
    url: str,
    queries_file: Path,
    start: datetime | None = None,
    end: datetime | None = None,
    step: str | None = None,
) -> Server:
    """The queries of a file to the server at a URL, for ingest.

    step  resolution such as `5s`; None is the finest of 5 s, 10 s ... that gives at most 2,000 points

    Raises InputError for a URL, a file or a step that cannot be right. Nothing is sent yet.
    """
    queries = read_queries(queries_file)
    step_s = _step(step)
    Prometheus(url).close()

    def probe() -> None:
        with closing(Prometheus(url)) as server:
            server.probe(queries)

    def ask(first: datetime, last: datetime) -> Iterator[Answer]:
        with closing(Prometheus(url)) as server:
            yield from server.ask(queries, Window.of(first, last, step_s))

    return Server(probe, ask, "--prometheus without INPUT needs --start and --end.", start, end)


def _step(text: str | None) -> float | None:
    try:
        step_s = None if text is None else units.seconds(text)
    except ValueError as error:
        raise InputError(f"--step: {error}.") from error
    if step_s is not None and step_s < 0.001:
        raise InputError(f'--step: "{text}" is too fine. The finest is 1ms.')
    return step_s


@dataclass(frozen=True)
class Window:
    """The moments at which a query is evaluated, in ms since 1970, which is Prometheus's grain."""

    start_ms: int
    end_ms: int  # included
    step_ms: int

    @classmethod
    def of(cls, start: datetime, end: datetime, step_s: float | None = None) -> Window:
        """From start to end; InputError if that is nothing."""
        if end <= start:
            raise InputError(
                f"the end, {units.utc(end)}, is not after the start, {units.utc(start)}."
            )
        if step_s is None:
            step_s = default_step_s((end - start).total_seconds())
        return cls(_milliseconds(start), _milliseconds(end), round(step_s * 1000))

    def parts(self) -> Iterator[dict[str, str]]:
        """The parameters of requests that together ask for each moment once."""
        reach_ms = (MOST_POINTS - 1) * self.step_ms
        first = self.start_ms
        while first <= self.end_ms:
            last = min(self.end_ms, first + reach_ms)
            yield {"start": _text(first), "end": _text(last), "step": _text(self.step_ms)}
            first += reach_ms + self.step_ms


def default_step_s(seconds: float) -> float:
    """The finest usual step that gives at most 2,000 points."""
    finest = seconds / _DEFAULT_POINTS
    return next((step for step in _DEFAULT_STEPS_S if step >= finest), math.ceil(finest))


def _milliseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def _text(milliseconds: int) -> str:
    return f"{milliseconds // 1000}.{milliseconds % 1000:03}"


class Prometheus:
    """A server that answers PromQL. Every failure is an InputError."""

    def __init__(self, url: str, environment: Mapping[str, str] = os.environ) -> None:
        self._api = Api(url, environment)

    def close(self) -> None:
        self._api.close()

    def probe(self, queries: Sequence[Query] = ()) -> str | None:
        """The server's version, None where it tells none; the server parses each query."""
        version = self._version()
        for query in queries:
            # The first moment of 1970 holds no data: what remains is to parse and type the query.
            moment = {"query": query.expression, "start": "0", "end": "0", "step": "1"}
            self._api.get("query_range", moment, query.name)
        return version

    def ask(self, queries: Sequence[Query], window: Window) -> Iterator[Answer]:
        """One answer per query; a query without a value is named in its notes.

        Raises InputError after the last if no query had a value.
        """
        version = self._version()
        rows = 0
        for query in queries:
            answer = self._answer(query, window, version)
            rows += answer.rows
            yield answer
        if not rows:
            raise InputError(
                f"{self._api.url}: none of the {len(queries)} queries has a value between "
                f"{_utc(window.start_ms)} and {_utc(window.end_ms)} UTC. "
                "Check their labels, and that this server scraped the system then."
            )

    def _version(self) -> str | None:
        body = self._api.find("status/buildinfo")
        if body is None:  # older than 2.14, or not Prometheus itself
            self._api.get("query", {"query": "1"})
            return None
        try:
            return _decode_build(body).data.version
        except msgspec.DecodeError:
            return None

    def _answer(self, query: Query, window: Window, version: str | None) -> Answer:
        source = Source(io.BytesIO(), f"{self._api.host}/{query.name}")
        source.facts.tool_version = version
        rows = SeriesRows(source, query.name, query.known)
        batches = [
            batch for part in window.parts() for batch in rows.batches(self._part(query, part))
        ]
        if not rows.points:
            source.note("no data in this time; are the query's labels right?")
        rows.tell()
        return Answer(source, FORMAT, batches, sum(map(len, batches)))

    def _part(self, query: Query, part: Mapping[str, str]) -> bytes:
        asked = {"query": query.expression, "timeout": f"{QUERY_S}s", **part}
        return self._api.get("query_range", asked, query.name)


class _Build(msgspec.Struct):
    version: str | None = None


class _BuildInfo(msgspec.Struct):
    data: _Build


_decode_build = msgspec.json.Decoder(_BuildInfo).decode


def _utc(milliseconds: int) -> str:
    return units.utc(_EPOCH + timedelta(milliseconds=milliseconds))
