"""What the tests of both Gatling readers share: records, the rows that they must give, the report.

`rows_of` is the slow twin of the readers: nothing in it is shared with them, and nothing is fast.
"""

from __future__ import annotations

import html
import io
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st

from perfreport.readers.reader import Reader
from perfreport.readers.source import Source

SAMPLES = Path(__file__).parents[2] / "sample_results"
RUN_START = 1_795_399_857_698  # epoch ms
Row = dict[str, Any]


@dataclass(frozen=True)
class Request:
    path: tuple[str, ...]
    name: str
    start: int  # this and all other times: ms from the start of the run
    end: int
    ok: bool
    message: str = ""
    scenario: str | None = None  # where a log says it


@dataclass(frozen=True)
class Group:
    path: tuple[str, ...]
    start: int
    end: int
    cumulated: int
    ok: bool
    scenario: str | None = None


@dataclass(frozen=True)
class User:
    scenario: str
    starts: bool
    at: int


@dataclass(frozen=True)
class Error:
    message: str
    at: int


Record = Request | Group | User | Error


class Trickle(io.BytesIO):
    """A stream that gives at most so many bytes at a time."""

    def __init__(self, data: bytes, most: int) -> None:
        super().__init__(data)
        self.most = most

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(self.most if size is None or size < 0 else min(size, self.most))


def read(reader: Reader, data: bytes, at_once: int = 2**30) -> tuple[Source, list[Row]]:
    """The rows that a reader gives, without their nulls, and the source after it."""
    source = Source(Trickle(data, at_once), "simulation.log")
    return source, [
        {column: value for column, value in row.items() if value is not None}
        for batch in reader.read(source)
        for row in batch.to_pylist()
    ]


def table(reader: Reader, sample: Path) -> tuple[Source, pa.Table]:
    source = Source(io.BytesIO(sample.read_bytes()), sample.name)
    return source, pa.Table.from_batches(list(reader.read(source)))


def rows_of(records: Sequence[Record], commas: bool = True) -> list[Row]:
    """The rows that a log of these records holds; the text log has no commas in group names."""
    scenarios: list[str] = []
    rows: list[Row] = []
    for record in records:
        if isinstance(record, User):
            if record.scenario not in scenarios:
                scenarios.append(record.scenario)
        elif isinstance(record, Error):
            row = {"kind": "metric", "ts": moment(record.at), "name": "gatling_errors"}
            rows.append(row | {"ok": False, "value": 1.0, "unit": "1"} | failed(record.message))
        else:
            rows.append(timed(record, commas) | {"ts": moment(record.start)})
            scenario = record.scenario or (scenarios[0] if len(scenarios) == 1 else None)
            if scenario:
                rows[-1]["scenario"] = clean(scenario)
    return rows + [row for scenario in scenarios for row in users_of(records, scenario)]


def timed(record: Request | Group, commas: bool) -> Row:
    path = [clean(name if commas else name.replace(",", " ")) for name in record.path]
    row: Row = {"duration_ms": float(record.end - record.start), "ok": record.ok}
    if isinstance(record, Request):
        row |= {"kind": "request", "name": clean(record.name) or "(unnamed)"}
        row |= {} if record.ok else failed(record.message)
    else:
        row |= {"kind": "transaction", "name": path.pop()}
        row |= {"value": float(record.cumulated), "unit": "ms"}
    return row | ({"group": "/".join(path)} if path else {})


def users_of(records: Sequence[Record], scenario: str) -> Iterator[Row]:
    """Starts without ends, counted anew for each second."""
    users = [one for one in records if isinstance(one, User) and one.scenario == scenario]
    first = min(second_of(user.at) for user in users)
    for second in range(first, max(second_of(end_of(one)) for one in records) + 1):
        past = [user for user in users if second_of(user.at) <= second]
        count = sum(user.starts for user in past) - sum(not user.starts for user in past)
        yield {
            "kind": "users",
            "ts": datetime.fromtimestamp(second, UTC),
            "name": "users",
            "scenario": clean(scenario),
            "users": float(max(count, 0)),
        }


def end_of(record: Record) -> int:
    return record.end if isinstance(record, Request | Group) else record.at


def second_of(at: int) -> int:
    return (RUN_START + at) // 1000


def moment(at: int) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=RUN_START + at)


def failed(message: str) -> Row:
    return {"error": clean(message).strip()[:500]} if clean(message).strip() else {}


def clean(text: str) -> str:
    return re.sub(r"[\t\n\r]", " ", text)


# Latin-1 and beyond, with a character outside the basic plane, a comma and quotes.
TEXTS = st.text(
    st.one_of(
        st.characters(min_codepoint=1, max_codepoint=255, exclude_characters="\t\n\r/"),
        st.sampled_from("支付✓–😀,\"'"),
    ),
    min_size=1,
    max_size=12,
)
TIMES = st.integers(-5_000, 60_000)
SPANS = st.integers(0, 5_000)
PATHS = st.lists(TEXTS, max_size=3).map(tuple)
REQUESTS = st.builds(
    lambda path, name, start, span, ok, message: Request(path, name, start, start + span, ok, message),
    PATHS, TEXTS | st.just(""), TIMES, SPANS, st.booleans(), TEXTS | st.just(""),
)  # fmt: skip
GROUPS = st.builds(
    lambda path, start, span, cumulated, ok: Group(path, start, start + span, cumulated, ok),
    PATHS.filter(bool), TIMES, SPANS, SPANS, st.booleans(),
)  # fmt: skip
SCENARIOS = ("Kenya O2C", "Kenya P2P – ununuzi", "Tanzania")
USERS = st.builds(User, st.sampled_from(SCENARIOS), st.booleans(), TIMES)
ERRORS = st.builds(Error, TEXTS, TIMES)
RECORDS = st.lists(REQUESTS | GROUPS | USERS | ERRORS, max_size=40)


def reported(stats: Path) -> Iterator[tuple[tuple[str, ...], str, Row]]:
    """Path, kind and statistics of each entry of Gatling's stats.json but the one of all."""

    def below(node: Row, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str, Row]]:
        for child in node["contents"].values():
            own = (*path, html.unescape(child["name"]))
            yield own, child["type"], child["stats"]
            if child["type"] == "GROUP":
                yield from below(child, own)

    yield from below(json.loads(stats.read_text("utf-8")), ())


@dataclass(frozen=True)
class Figures:
    """The numbers of Gatling's reports that are exact up to rounding."""

    count: int
    min: int
    max: int
    mean: int
    deviation: int


def figures(duration_ms: np.ndarray, half: float = 0.5) -> Figures:
    """As Gatling rounds: Java's Math.round, halves up. 2.1 cuts the decimals off (half 0)."""
    return Figures(
        len(duration_ms),
        int(duration_ms.min()),
        int(duration_ms.max()),
        int(np.floor(duration_ms.mean() + half)),
        int(np.floor(duration_ms.std() + half)),
    )
