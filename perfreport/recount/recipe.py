"""How a number is counted: over which rows, of which of their numbers, by which definition."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from perfreport.judge.reconcile import Cause

Outcome = Literal["all", "ok", "failed"]
Window = Literal["whole", "steady", "last"]
LAST = 20_000  # rows: `jmeter.reportgenerator.statistic_window`
ANY = "*"  # of a group: any, none too


@dataclass(frozen=True)
class Pool:
    """Rows that are counted together: those for which all that is given holds.

    group    the joined names of the groups around; None where it stands in none; ANY
    tags     of k6: column or label, and its value
    measure  which number of a row, as in sql/pool_statistics.sql
    phased   True for the HTTP requests of k6, False for its gRPC calls, None for both
    cut      of JMeter's transactions those alone that the end of the test cut off
    headed   without JMeter's record that stands where a header should
    """

    kinds: tuple[str, ...]
    name: str | None = None
    group: str | None = ANY
    outcome: Outcome = "all"
    tags: tuple[tuple[str, str], ...] = ()
    measure: str = "duration"
    phased: bool | None = None
    cut: bool = False
    headed: bool = False


@dataclass(frozen=True)
class Sort:
    """What some rows of the run have in common, and how many they are."""

    number: int
    kind: str
    name: str
    group: str | None
    scenario: str | None
    method: str | None
    status: int | None
    ok: bool | None
    phased: bool
    tags: dict[str, str | None]
    rows: int


@dataclass(frozen=True)
class Recipe:
    """One statistic of a pool.

    divisor     of a rate: seconds, `window` or `own` (from the pool's first start to its last end)
    low, high   counts values from `low` to below `high` only
    of          the pool whose count a share is of
    """

    pool: Pool
    statistic: str
    q: float | None = None
    window: Window = "whole"
    definition: int = 7
    divisor: float | Literal["window", "own"] | None = None
    low: float | None = None
    high: float | None = None
    of: Pool | None = None
    factor: float = 1.0

    def of_pool(self, **changes: Any) -> Recipe:
        """The same statistic of a pool that differs in something."""
        return replace(self, pool=replace(self.pool, **changes))


@dataclass(frozen=True)
class Step:
    """What is counted after a cause was taken into account."""

    cause: Cause
    recipe: Recipe


Chain = tuple[Step, ...]


@dataclass(frozen=True)
class Plan:
    """Our own number, and the ways that may lead from it to the tool's: the first that does, counts.

    digest  the last recipe of a chain is a quantile that the tool only estimates
    """

    ours: Recipe
    chains: tuple[Chain, ...]
    digest: bool = False

    @property
    def recipes(self) -> tuple[Recipe, ...]:
        return (self.ours, *(step.recipe for chain in self.chains for step in chain))

    def last(self, chain: Chain) -> Recipe:
        return chain[-1].recipe if chain else self.ours
