"""The profile of a run: all that comparing needs, from its rows or from what condensed them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from perfreport import measure
from perfreport.errors import RunError
from perfreport.judge.comparable import Side
from perfreport.query import ask
from perfreport.run.condensed import Condensed, open_condensed, write_condensed
from perfreport.run.info import RunInfo
from perfreport.run.schema import REQUEST, TRANSACTION
from perfreport.run.store import Run, is_condensed, open_run
from perfreport.sla.model import Pack
from perfreport.stats.sketch import Sketch, borders, cell_seconds, read_sketches, within
from perfreport.stats.spent import PHASES, FloatArray, Spent
from perfreport.stats.window import Window, whole_window
from perfreport.tables import FailureRow, Figures, NameRow

_MOST_FAILURES = 50  # ways to fail that are told apart in one endpoint
_TEXT = pa.dictionary(pa.int32(), pa.string())
_ENDPOINT = {"kind": _TEXT, "name": _TEXT}
_STATISTICS = ("mean_ms", "p50_ms", "p95_ms", "p99_ms")
_SCHEMAS = {
    "names": _ENDPOINT | {"scenario": pa.string(), "outermost": pa.bool_(), "count": pa.int64()},
    "load": {"at_s": pa.int64(), "users": pa.float64(), "requests": pa.int64()},
    "sketch": _ENDPOINT | dict.fromkeys(("cell", "bin", "count", "errors"), pa.int64()),
    "spent": _ENDPOINT
    | {"cell": pa.int64(), "requests": pa.int64(), "duration_ms": pa.float64()}
    | {f"{phase}_ms": pa.float64() for phase in PHASES},
    "failures": _ENDPOINT
    | {"status": pa.int64(), "error": pa.string(), "cell": pa.int64(), "count": pa.int64()},
    "figures": _ENDPOINT
    | {"count": pa.int64(), "errors": pa.int64(), "error_rate": pa.float64()}
    | dict.fromkeys(_STATISTICS, pa.float64())
    | {"ok_count": pa.int64()}
    | {f"ok_{statistic}": pa.float64() for statistic in _STATISTICS},
}
_WINDOW = {"from_us": pa.int64(), "to_us": pa.int64()}


@dataclass(frozen=True)
class Shown:
    """The figures of the endpoints in a window, of all requests and of the successful ones.

    exact  False where they are those of the sketch
    """

    endpoints: dict[str, Figures]
    successful: dict[str, Figures]
    exact: bool


class Profile(ABC):
    """All that comparing needs of a run, each part asked for once."""

    def __init__(self, path: Path, name: str, info: RunInfo) -> None:
        self.path, self.name, self.info = path, name, info

    @abstractmethod
    def part(self, name: str) -> pa.Table:
        """One of the tables of `_SCHEMAS` over the whole run."""

    @abstractmethod
    def shown(self, window: Window) -> Shown:
        """The figures of a window."""

    @cached_property
    def whole(self) -> Window:
        """All of the run."""
        if self.info.start is None or self.info.end is None:
            raise RunError(f"{self.path}: the run has no rows. Ingest the inputs again.")
        return whole_window(self.info.start, self.info.end)

    @property
    def cell_s(self) -> float:
        return cell_seconds(self.whole.seconds)

    def judged_window(self, pack: Pack | None = None) -> Window:
        """The steady part; see `measure.judged_window`."""
        return measure.steady(self.info, self.whole, lambda: self.load, pack)

    @cached_property
    def load(self) -> pa.Table:
        return self.part("load")

    @cached_property
    def sketches(self) -> dict[tuple[str, str], Sketch]:
        """The sketch of each kind and name over the whole run."""
        return read_sketches(self.part("sketch"), self.whole.seconds, self.cell_s)

    @cached_property
    def kind(self) -> str:
        """What its endpoints are: requests, or transactions where a run has no request."""
        return REQUEST if any(kind == REQUEST for kind, _ in self.sketches) else TRANSACTION

    def names(self) -> list[NameRow]:
        """Each name in each of the tool's scenarios."""
        return [NameRow(**row) for row in self.part("names").to_pylist()]

    def side(self, window: Window) -> Side:
        """The run as one side of a comparison over `window`."""
        shown = self.shown(window)
        return Side(
            name=self.name,
            info=self.info,
            start=self.whole.start,
            window=window,
            sketches=self.endpoint_sketches,
            endpoints=shown.endpoints,
            successful=shown.successful,
            users=self._users(window),
            exact=shown.exact,
            spent=self._spent(),
            failures=self._failures(window),
        )

    @cached_property
    def endpoint_sketches(self) -> dict[str, Sketch]:
        """The sketches of the requests, or of the transactions where there are none."""
        return {name: own for (kind, name), own in self.sketches.items() if kind == self.kind}

    def _of_endpoints(self, table: pa.Table) -> list[dict[str, Any]]:
        return [row for row in table.to_pylist() if row["kind"] == self.kind]

    def _users(self, window: Window) -> float | None:
        at_s, users = measure.load_samples(self.load)[0]
        from_s, to_s = self._offsets(window)
        inside = users[(at_s >= from_s) & (at_s < to_s)]
        return float(inside.mean()) if len(inside) else None

    def _offsets(self, window: Window) -> tuple[float, float]:
        """A window as seconds from the run's start."""
        start = self.whole.start
        return (window.start - start).total_seconds(), (window.end - start).total_seconds()

    def _spent(self) -> dict[str, Spent]:
        table = self.part("spent")
        table = table.filter(pc.equal(table["kind"], self.kind))
        cells = int(np.ceil(self.whole.seconds / self.cell_s - 1e-9))
        return {
            table["name"][begin].as_py(): _spent(table[begin:end], self.cell_s, cells)
            for begin, end in pairwise([*borders(table["name"]), len(table)])
        }

    def _failures(self, window: Window) -> tuple[FailureRow, ...]:
        from_s, to_s = self._offsets(window)
        table = self.part("failures")
        at_s = np.asarray(table["cell"]) * self.cell_s
        table = table.filter(
            pa.array((at_s >= from_s - 1e-9) & (at_s + self.cell_s <= to_s + 1e-9))
        )
        counted = table.group_by(["kind", "name", "status", "error"]).aggregate([("count", "sum")])
        found = [
            FailureRow(row["name"], row["status"], row["error"], row["count_sum"])
            for row in self._of_endpoints(counted)
        ]
        return tuple(
            sorted(found, key=lambda row: (row.name, -row.count, row.status or 0, row.error or ""))
        )


class RunProfile(Profile):
    """The profile of a run whose rows are there."""

    def __init__(self, run: Run) -> None:
        super().__init__(run.path, run.name, run.info)
        self.run = run

    def part(self, name: str) -> pa.Table:
        bounds = measure.bounds_of(self.whole)
        if name == "load":
            answer = measure.load(self.run, self.whole)
        elif name == "names":
            answer = ask(self.run, name)
        elif name == "failures":
            answer = ask(self.run, name, cell_s=self.cell_s, most=_MOST_FAILURES, **bounds)
        else:
            answer = ask(self.run, name, cell_s=self.cell_s, **bounds)
        return _with_schema(answer, _SCHEMAS[name])

    def figures(self, window: Window) -> pa.Table:
        """The exact figures of a window."""
        answer = ask(self.run, "window_figures", **measure.bounds_of(window))
        return _with_schema(answer, _SCHEMAS["figures"])

    def shown(self, window: Window) -> Shown:
        return _exact(self._of_endpoints(self.figures(window)))


class CondensedProfile(Profile):
    """The profile that a condensed run holds."""

    def __init__(self, condensed: Condensed) -> None:
        super().__init__(condensed.path, condensed.name, condensed.info)
        self._condensed = condensed

    def part(self, name: str) -> pa.Table:
        return self._condensed.part(name, pa.schema(list(_SCHEMAS[name].items())))

    def shown(self, window: Window) -> Shown:
        """Exact where `condense` kept the figures of this window, else those of the sketch."""
        kept = self._kept(window)
        return _exact(kept) if kept else self._estimated(window)

    def _kept(self, window: Window) -> list[dict[str, Any]]:
        schema = pa.schema(list((_SCHEMAS["figures"] | _WINDOW).items()))
        bounds = dict(zip(_WINDOW, _bounds_us(window), strict=True))
        found = self._of_endpoints(self._condensed.part("figures", schema))
        return [row for row in found if bounds.items() <= row.items()]

    def _estimated(self, window: Window) -> Shown:
        cut = within(self.endpoint_sketches, self.whole.start, window)
        # A sketch cannot tell a request without an outcome from a success.
        judged = {row["name"] for row in self._kept(self.whole) if row["error_rate"] is not None}
        succeeded = {name: own.successful() for name, own in cut.items()}
        return Shown(
            {name: figures_of(own, name in judged) for name, own in cut.items() if own.requests},
            {name: figures_of(own, True) for name, own in succeeded.items() if own.requests},
            exact=False,
        )


def open_profile(path: str | Path) -> Profile:
    """The profile of the run or condensed run at `path`; RunError where there is none."""
    location = Path(path)
    if is_condensed(location):
        return CondensedProfile(open_condensed(location))
    return RunProfile(open_run(location))


def condense(
    run: Run,
    output: str | Path,
    pack: Pack | None = None,
    overwrite: bool = False,
    labels: Mapping[str, str] | None = None,
) -> None:
    """Write what comparing needs of a run into one small file, with more labels if wanted.

    Exact figures are kept of the whole run and of its judged window, with the pack's stages and
    without; over any other window the percentiles are those of the sketch, within 1 %.
    Raises RunError where `output` is there and must not be overwritten, or cannot be written.
    """
    target = _target(output, overwrite)
    profile = RunProfile(run)
    windows = {
        (window.start, window.end): window
        for window in (profile.whole, profile.judged_window(), profile.judged_window(pack))
    }
    parts = {name: profile.part(name) for name in _SCHEMAS if name != "figures"}
    kept = [_stamped(profile.figures(window), window) for window in windows.values()]
    info = run.info.model_copy(update={"labels": run.info.labels | dict(labels or {})})
    write_condensed(target, info, parts | {"figures": pa.concat_tables(kept)})


def _target(output: str | Path, overwrite: bool) -> Path:
    target = Path(output)
    if str(output) == "-" or target.is_dir():
        raise RunError(f"-o {output}: a condensed run is one file. Name a file.")
    if target.exists() and not overwrite:
        raise RunError(f"{target}: exists. Replace it with --overwrite.")
    return target


def _stamped(figures: pa.Table, window: Window) -> pa.Table:
    for name, at_us in zip(_WINDOW, _bounds_us(window), strict=True):
        figures = figures.append_column(name, pa.array([at_us] * len(figures), pa.int64()))
    return figures


def _bounds_us(window: Window) -> tuple[int, int]:
    microsecond = timedelta(microseconds=1)
    epoch = window.start.fromtimestamp(0, window.start.tzinfo)
    return (window.start - epoch) // microsecond, (window.end - epoch) // microsecond


def _with_schema(table: pa.Table, schema: Mapping[str, pa.DataType]) -> pa.Table:
    return table.select(list(schema)).cast(pa.schema(list(schema.items())))


def _exact(found: list[dict[str, Any]]) -> Shown:
    endpoints = {
        row["name"]: Figures(
            row["count"], row["errors"], row["error_rate"], *(row[name] for name in _STATISTICS)
        )
        for row in found
    }
    successful = {
        row["name"]: Figures(row["ok_count"], 0, 0.0, *(row[f"ok_{name}"] for name in _STATISTICS))
        for row in found
        if row["ok_count"]
    }
    return Shown(endpoints, successful, exact=True)


def figures_of(sketch: Sketch, judged: bool) -> Figures:
    """The figures of a sketch: counts are exact, mean and percentiles within 1 %."""
    rate = sketch.failures / sketch.requests if judged else None
    quantiles = [sketch.quantile_ms(q) for q in (0.50, 0.95, 0.99)]
    return Figures(sketch.requests, sketch.failures, rate, sketch.mean_ms(), *quantiles)


def _spent(table: pa.Table, cell_s: float, cells: int) -> Spent:
    at = table["cell"].to_numpy()

    def sums(name: str) -> FloatArray:
        return np.bincount(at, table[name].fill_null(0).to_numpy(), cells).astype(np.float64)

    recorded = [phase for phase in PHASES if table[f"{phase}_ms"].null_count < len(table)]
    return Spent(
        cell_s,
        sums("requests").astype(np.int64),
        sums("duration_ms"),
        {phase: sums(f"{phase}_ms") for phase in recorded},
    )
