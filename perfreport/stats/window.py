"""The judged window: the one function that finds it, and how a user writes one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Window:
    """A half-open span of time and how it was found: stages, users, rate, all or given."""

    start: datetime
    end: datetime
    how: str

    @property
    def seconds(self) -> float:
        return (self.end - self.start).total_seconds()
