"""One of the runs that are compared: its sketches, its figures, and what is written of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from perfreport.judge.findings import Tested
from perfreport.run.info import RunInfo
from perfreport.stats.sketch import Sketch
from perfreport.stats.spent import Spent
from perfreport.stats.window import Window
from perfreport.tables import FailureRow, Figures


@dataclass(frozen=True)
class Side:
    """One of the runs that are compared.

    name        of the run file
    start       of the run, from which the cells of the sketches are counted
    window      what is judged of it; all sides with the latest of their cuts (`latest_cut`)
    sketches    of the whole run, by endpoint (`endpoint_sketches`): what judgements rest on
    endpoints   figures of the window for the same endpoints: what is shown
    successful  the same of the successful requests alone
    users       mean active users in the window, where the tool recorded them
    exact       False where the percentiles shown are those of the sketch, for want of the rows
    spent       of the whole run, by endpoint: where the time of the successful requests went
    failures    of the window, by endpoint, status and message
    """

    name: str
    info: RunInfo
    start: datetime
    window: Window
    sketches: Mapping[str, Sketch]
    endpoints: Mapping[str, Figures]
    successful: Mapping[str, Figures]
    users: float | None = None
    exact: bool = True
    spent: Mapping[str, Spent] = field(default_factory=dict)
    failures: tuple[FailureRow, ...] = ()

    @property
    def tested(self) -> Tested:
        info = self.info
        return Tested(
            self.name,
            info.system,
            info.release,
            info.environment,
            info.tool,
            self.window.start,
            self.window.end,
            self.requests,
            self.exact,
        )

    def failures_of(self, name: str) -> tuple[FailureRow, ...]:
        return self._failures_by_name.get(name, ())

    @cached_property
    def _failures_by_name(self) -> dict[str, tuple[FailureRow, ...]]:
        rows: dict[str, list[FailureRow]] = {}
        for row in self.failures:
            rows.setdefault(row.name, []).append(row)
        return {name: tuple(own) for name, own in rows.items()}

    @property
    def requests(self) -> int:
        return sum(row.count for row in self.endpoints.values())

    @property
    def rate_per_s(self) -> float:
        return self.requests / self.window.seconds if self.window.seconds else 0.0
