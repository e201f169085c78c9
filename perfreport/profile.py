"""The profile of a run: all that comparing needs, from its rows or from what condensed them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import timedelta
from functools import cached_property
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
from perfreport.stats.sketch import Sketch, cell_seconds, read_sketches, within
from perfreport.stats.spent import PHASES, FloatArray, Spent
from perfreport.stats.window import Window, whole_window
from perfreport.tables import FailureRow, Figures

_MOST_FAILURES = 50  # ways to fail that are told apart in one endpoint
_ENDPOINT = {"kind": pa.string(), "name": pa.string()}
_STATISTICS = ("mean_ms", "p50_ms", "p95_ms", "p99_ms")
_SCHEMAS = {
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


class Profile(ABC):
    """All that comparing needs of a run, each part asked for once."""

    def __init__(self, path: Path, name: str, info: RunInfo) -> None:
        self.path, self.name, self.info = path, name, info

    @abstractmethod
    def part(self, name: str) -> pa.Table:
        """One of the tables of `_SCHEMAS` over the whole run."""

    @abstractmethod
    def figures(self, window: Window) -> pa.Table | None:
        """The exact figures of a window, where the rows are there or somebody kept them."""

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

    def side(self, window: Window) -> Side:
        """The run as one side of a comparison over `window`."""
        exact = self.figures(window)
        sketches = {name: own for (kind, name), own in self.sketches.items() if kind == self.kind}
        if exact is None:
            cut = within(sketches, self.whole.start, window)
            endpoints = {name: _estimated(own) for name, own in cut.items() if own.requests}
            successful = {
                name: _estimated(own.successful())
                for name, own in cut.items()
                if own.requests > own.failures
            }
        else:
            found = self._of_endpoints(exact)
            endpoints = {row["name"]: _exact(row) for row in found}
            successful = {row["name"]: _exact_of_ok(row) for row in found if row["ok_count"]}
        return Side(
            name=self.name,
            info=self.info,
            start=self.whole.start,
            window=window,
            sketches=sketches,
            endpoints=endpoints,
            successful=successful,
            users=self._users(window),
            exact=exact is not None,
            spent=self._spent(),
            failures=self._failures(window),
        )

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
            name: _spent(table.filter(pc.equal(table["name"], name)), self.cell_s, cells)
            for name in table["name"].unique().to_pylist()
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
        self._run = run

    def part(self, name: str) -> pa.Table:
        bounds = measure.bounds_of(self.whole)
        if name == "load":
            answer = measure.load(self._run, self.whole)
        elif name == "failures":
            answer = ask(self._run, name, cell_s=self.cell_s, most=_MOST_FAILURES, **bounds)
        else:
            answer = ask(self._run, name, cell_s=self.cell_s, **bounds)
        return _with_schema(answer, _SCHEMAS[name])

    def figures(self, window: Window) -> pa.Table:
        answer = ask(self._run, "window_figures", **measure.bounds_of(window))
        return _with_schema(answer, _SCHEMAS["figures"])


class CondensedProfile(Profile):
    """The profile that a condensed run holds."""

    def __init__(self, condensed: Condensed) -> None:
        super().__init__(condensed.path, condensed.name, condensed.info)
        self._condensed = condensed

    def part(self, name: str) -> pa.Table:
        return self._condensed.part(name, pa.schema(list(_SCHEMAS[name].items())))

    def figures(self, window: Window) -> pa.Table | None:
        schema = pa.schema(list((_SCHEMAS["figures"] | _WINDOW).items()))
        table = self._condensed.part("figures", schema)
        from_us, to_us = _bounds_us(window)
        mine = table.filter(
            pc.and_(pc.equal(table["from_us"], from_us), pc.equal(table["to_us"], to_us))
        )
        return mine if len(mine) else None


def open_profile(path: str | Path) -> Profile:
    """The profile of the run or condensed run at `path`; RunError where there is none."""
    location = Path(path)
    if is_condensed(location):
        return CondensedProfile(open_condensed(location))
    return RunProfile(open_run(location))


def condense(run: Run, target: Path, pack: Pack | None = None) -> None:
    """Write what comparing needs of a run into one small file.

    Exact figures are kept of the whole run and of its judged window, with the pack's stages and
    without; over any other window the percentiles are those of the sketch, within 1 %.
    """
    profile = RunProfile(run)
    windows = {
        (window.start, window.end): window
        for window in (profile.whole, profile.judged_window(), profile.judged_window(pack))
    }
    parts = {name: profile.part(name) for name in _SCHEMAS if name != "figures"}
    kept = [_stamped(profile.figures(window), window) for window in windows.values()]
    write_condensed(target, run.info, parts | {"figures": pa.concat_tables(kept)})


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


def _exact(row: Mapping[str, Any]) -> Figures:
    return Figures(
        row["count"], row["errors"], row["error_rate"], *(row[name] for name in _STATISTICS)
    )


def _exact_of_ok(row: Mapping[str, Any]) -> Figures:
    return Figures(row["ok_count"], 0, 0.0, *(row[f"ok_{name}"] for name in _STATISTICS))


def _estimated(sketch: Sketch) -> Figures:
    """The figures of a sketch: counts are exact, mean and percentiles within 1 %."""
    quantiles = [sketch.quantile_ms(q) for q in (0.50, 0.95, 0.99)]
    rate = sketch.failures / sketch.requests
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
