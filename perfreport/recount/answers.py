"""Counts recipes: asks the run as few questions as give all of them, and keeps the answers.

Rows are told apart by what makes them of one sort (kind, name, group, ...); a pool is a set of sorts,
found here, so that a question only joins them. Nothing of the rows is kept but statistics, and of one
batch of pools the last 20,000 values each.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa

from perfreport.measure import bounds_of
from perfreport.query import ask
from perfreport.readers.jmeter import FIRST_LINE, MARK, UNFINISHED
from perfreport.readers.names import path_of
from perfreport.recount.recipe import ANY, LAST, Pool, Recipe, Sort
from perfreport.run.schema import CHECK, METRIC, TRANSACTION
from perfreport.run.store import Run
from perfreport.stats.quantile import Standing, place, quantile
from perfreport.stats.window import Window

# DuckDB keeps the values of a quantile in memory: 16 million of them are 128 MB, and again as many
# while they grow.
_ROWS_AT_ONCE = 16_000_000
_TAIL_AT_ONCE = 4_000_000
_MEASURES_OF_TAILS = {"duration", "value", "users"}
_MEASURES_OF_RANKS = {"duration", "value", "with_connect", "without_connect"}
_COLUMNS = ("scenario", "method", "status", "name")

_Sorts = tuple[int, ...]  # the sorts of rows of a pool, by number
_Key = tuple[_Sorts, str, str]  # with measure and window


class Answers:
    """What was counted of a run so far.

    keys    labels that tell sorts of rows apart, as far as a pool may be filtered by them
    steady  the judged window
    """

    def __init__(self, run: Run, keys: Sequence[str], whole: Window, steady: Window) -> None:
        self._run = run
        self._keys = sorted(keys)
        self._windows = {"whole": whole, "steady": steady, "last": whole}
        self._table = ask(run, "strata", keys=self._keys)
        self.sorts = tuple(
            Sort(number, **{**row, "tags": dict(zip(self._keys, row["tags"], strict=True))})
            for number, row in enumerate(self._table.to_pylist())
        )
        self._by_kind: dict[str, list[Sort]] = defaultdict(list)
        self._by_name: dict[tuple[str, str], list[Sort]] = defaultdict(list)
        for sort in self.sorts:
            self._by_kind[sort.kind].append(sort)
            self._by_name[sort.kind, sort.name].append(sort)
        self._sorts_of: dict[Pool, _Sorts] = {}
        self._statistics: dict[_Key, dict[str, Any]] = {}
        self._quantiles: dict[tuple[_Key, int, float], float | None] = {}
        self._last: dict[_Key, float | None] = {}
        self._standings: dict[tuple[_Key, float], Standing] = {}

    def ask(self, recipes: Iterable[Recipe], places: Iterable[tuple[Recipe, float]] = ()) -> None:
        """Count what these recipes need, and where values stand in the pools of theirs."""
        wanted = list(dict.fromkeys(recipes))
        parts = [replace(each, pool=each.of) for each in wanted if each.of is not None]
        self._ask_statistics([*wanted, *parts])
        self._ask_tails([each for each in wanted if each.window == "last"])
        self._ask_ranks(wanted, list(places))

    def rows(self, pool: Pool) -> int:
        """How many rows a pool has in the whole run."""
        return sum(self.sorts[number].rows for number in self._sorts(pool))

    def known(self, recipe: Recipe) -> int:
        """How many rows of the recipe's pool have its measure."""
        found = self._statistics.get(self._key(recipe))
        return int(found["known"]) if found else 0

    def span_us(self, recipe: Recipe) -> tuple[int, int] | None:
        """First start and last end of a pool, in microseconds since 1970."""
        found = self._statistics.get(self._key(recipe))
        return (found["first_us"], found["last_us"]) if found else None

    def seconds(self, recipe: Recipe) -> float | None:
        """By how many seconds the recipe divides, if it does."""
        return self._seconds(recipe, self._statistics.get(self._key(recipe)))

    def standing(self, recipe: Recipe, value: float) -> Standing | None:
        """Where a value stands among those of the recipe's pool, if that was asked."""
        return self._standings.get((self._key(recipe), value))

    def number(self, recipe: Recipe) -> float | None:
        """The number; None where no row has what it is made of."""
        found = self._statistics.get(self._key(recipe))
        if recipe.statistic == "quantile":
            return self._quantile(recipe, found)
        if recipe.statistic == "last" and recipe.window == "last":
            return self._last.get(self._key(recipe))
        if recipe.statistic in ("count", "share") and recipe.of is not None:
            return self._part(recipe)
        value = _statistic(recipe.statistic, found)
        if value is None or recipe.divisor is None:
            return value
        seconds = self._seconds(recipe, found)
        return value * recipe.factor / seconds if seconds else None

    def _seconds(self, recipe: Recipe, found: dict[str, Any] | None) -> float | None:
        if recipe.divisor == "window":
            return self._windows[recipe.window].seconds
        if recipe.divisor == "own":
            return (found["last_us"] - found["first_us"]) / 1e6 if found else None
        return recipe.divisor

    def _quantile(self, recipe: Recipe, found: dict[str, Any] | None) -> float | None:
        if recipe.q is None:
            return None
        if recipe.window != "last" and recipe.definition == 7:
            return found["quantiles"].get(recipe.q) if found else None
        return self._quantiles.get((self._key(recipe), recipe.definition, recipe.q))

    def _part(self, recipe: Recipe) -> float | None:
        """How many lie in a range of times, or which part of another pool they are."""
        assert recipe.of is not None
        found = self._statistics.get(self._key(recipe))
        part = float(found["count"]) if found else 0.0
        if found and (recipe.low is not None or recipe.high is not None):
            low, high = (
                None if limit is None else self.standing(recipe, limit)
                for limit in (recipe.low, recipe.high)
            )
            part = float((high.below if high else found["known"]) - (low.below if low else 0))
        if recipe.statistic == "count":
            return part
        whole = self._statistics.get(self._key(replace(recipe, pool=recipe.of)))
        return part / whole["count"] if whole else None

    def _key(self, recipe: Recipe) -> _Key:
        return self._sorts(recipe.pool), recipe.pool.measure, recipe.window

    def _sorts(self, pool: Pool) -> _Sorts:
        if pool not in self._sorts_of:
            found = [
                sort.number
                for kind in pool.kinds
                for sort in (
                    self._by_kind[kind] if pool.name is None else self._by_name[kind, pool.name]
                )
                if _belongs(sort, pool)
            ]
            self._sorts_of[pool] = tuple(found)
        return self._sorts_of[pool]

    def _ask_statistics(self, recipes: Sequence[Recipe]) -> None:
        for (window, measure), group in _grouped(recipes).items():
            new = {key for each in group if (key := self._key(each))[0]}
            quantiles = sorted({each.q for each in group if each.q is not None}) or [0.5]
            pools = sorted(key for key in new if not self._has(key, quantiles))
            for batch in self._batches(pools, _ROWS_AT_ONCE):
                answer = ask(
                    self._run, "pool_statistics", self._members(batch),
                    keys=self._keys, measure=measure, quantiles=quantiles,
                    **bounds_of(self._windows[window]),
                )  # fmt: skip
                for row in answer.to_pylist():
                    key = batch[row["pool"]]
                    earlier = self._statistics.get(key, {}).get("quantiles", {})
                    new_ones = dict(zip(quantiles, row["quantiles"] or [], strict=False))
                    self._statistics[key] = row | {"quantiles": earlier | new_ones}

    def _has(self, key: _Key, quantiles: Sequence[float]) -> bool:
        return key in self._statistics and self._statistics[key]["quantiles"].keys() >= {*quantiles}

    def _ask_tails(self, recipes: Sequence[Recipe]) -> None:
        """Quantiles of the last rows, and last values."""
        for measure in sorted({each.pool.measure for each in recipes} & _MEASURES_OF_TAILS):
            asked = [each for each in recipes if each.pool.measure == measure]
            for most in (1, LAST):
                of_most = [each for each in asked if (each.statistic == "last") == (most == 1)]
                pools = sorted({self._key(each) for each in of_most if self._key(each)[0]})
                for batch in self._batches(pools, _TAIL_AT_ONCE, most):
                    self._take_tails(batch, measure, most, of_most)

    def _take_tails(
        self, batch: Sequence[_Key], measure: str, most: int, recipes: Sequence[Recipe]
    ) -> None:
        answer = ask(
            self._run,
            "pool_tail",
            self._members(batch),
            keys=self._keys,
            measure=measure,
            most=most,
        )
        asked = defaultdict(set)
        for each in recipes:
            if each.q is not None:
                asked[self._key(each)].add((each.definition, each.q))
        for pool, values in zip(answer["pool"].to_pylist(), answer["values"], strict=True):
            key, of_pool = batch[pool], values.values.to_numpy()
            if most == 1:
                self._last[key] = float(of_pool[0])
            for definition, q in asked[key]:
                self._quantiles[key, definition, q] = quantile(of_pool, q, definition)

    def _ask_ranks(self, recipes: Sequence[Recipe], places: Sequence[tuple[Recipe, float]]) -> None:
        """Quantiles of definition 6 over all rows, and how many lie below a value."""
        sixth = [
            each
            for each in recipes
            if each.q is not None
            and each.definition == 6
            and each.window != "last"
            and each.pool.measure in _MEASURES_OF_RANKS
        ]
        limits = [
            (each, limit)
            for each in recipes
            for limit in (each.low, each.high)
            if limit is not None
        ]
        for (window, measure), group in _grouped(
            [*sixth, *(each for each, _ in [*limits, *places])]
        ).items():
            pools = sorted({self._key(each) for each in group if self._key(each)[0]})
            members = {each.pool: self._key(each) for each in group}
            for batch in self._batches(pools, _ROWS_AT_ONCE):
                numbers = {key: number for number, key in enumerate(batch)}
                ranked = [
                    each
                    for each in sixth
                    if members.get(each.pool) in numbers and each.window == window
                ]
                valued = [
                    (numbers[members[each.pool]], value)
                    for each, value in [*limits, *places]
                    if members.get(each.pool) in numbers and each.window == window
                ]
                self._take_ranks(batch, numbers, ranked, valued, (window, measure))

    def _take_ranks(
        self,
        batch: Sequence[_Key],
        numbers: dict[_Key, int],
        ranked: Sequence[Recipe],
        valued: Sequence[tuple[int, float]],
        asked: tuple[str, str],
    ) -> None:
        window, measure = asked
        spots = {each: place(self.known(each), each.q or 0.0, 6) for each in ranked}
        ranks = {
            (numbers[self._key(each)], rank)
            for each, spot in spots.items()
            for rank in (spot.lower, spot.upper)
        }
        wanted = [(pool, rank, None) for pool, rank in sorted(ranks)]
        wanted += [(pool, None, value) for pool, value in sorted(set(valued))]  # type: ignore[misc]
        columns = list(zip(*wanted, strict=True))
        types = (pa.int64(), pa.int64(), pa.float64())
        table = pa.table(
            {
                name: pa.array(column, type_)
                for name, column, type_ in zip(
                    ("pool", "rank", "limit_ms"), columns, types, strict=True
                )
            }
        )
        tables = self._members(batch) | {"wanted": table}
        answer = ask(
            self._run, "pool_ranks", tables,
            keys=self._keys, measure=measure, **bounds_of(self._windows[window]),
        )  # fmt: skip
        at_rank: dict[tuple[int, int], float] = {}
        for row in answer.to_pylist():
            if row["rank"] is not None:
                at_rank[row["pool"], row["rank"]] = row["value"]
            elif row["total"] is not None:
                standing = Standing(row["below"], row["at"], row["total"])
                self._standings[batch[row["pool"]], row["limit_ms"]] = standing
        for each, spot in spots.items():
            number = numbers[self._key(each)]
            low, high = at_rank.get((number, spot.lower)), at_rank.get((number, spot.upper))
            if low is not None and high is not None and each.q is not None:
                self._quantiles[self._key(each), 6, each.q] = spot.between(low, high)

    def _members(self, pools: Sequence[_Key]) -> dict[str, pa.Table]:
        """The sorts of each pool, as the table that the questions read beside the run."""
        numbers = [(pool, sort) for pool, key in enumerate(pools) for sort in key[0]]
        table = self._table.drop_columns(["rows"]).take(pa.array([sort for _, sort in numbers]))
        pool = pa.array([pool for pool, _ in numbers], pa.int64())
        return {"members": table.append_column("pool", pool)}

    def _batches(
        self, pools: Sequence[_Key], most_rows: int, most_each: int | None = None
    ) -> Iterator[Sequence[_Key]]:
        """Pools that may be asked for together, by the number of their rows."""
        batch: list[_Key] = []
        rows = 0
        for key in pools:
            of_pool = sum(self.sorts[number].rows for number in key[0])
            if most_each is not None:
                of_pool = min(of_pool, most_each)
            if batch and rows + of_pool > most_rows:
                yield batch
                batch, rows = [], 0
            batch.append(key)
            rows += of_pool
        if batch:
            yield batch


def _grouped(recipes: Iterable[Recipe]) -> dict[tuple[str, str], list[Recipe]]:
    """By window and measure, which a question has one of."""
    groups: dict[tuple[str, str], list[Recipe]] = defaultdict(list)
    for each in recipes:
        groups[each.window, each.pool.measure].append(each)
    return groups


def _statistic(statistic: str, found: dict[str, Any] | None) -> float | None:
    """A number out of the statistics of a pool; of no rows a count is 0 and all else unknown."""
    if found is None:
        return 0.0 if statistic in ("count", "known", "failed", "nonzero", "zero") else None
    match statistic:
        case "rate":
            return float(found["count"])
        case "sum_rate":
            value = found["sum"]
        case "received_rate":
            value = found["received_bytes"]
        case "sent_rate":
            value = found["sent_bytes"]
        case "error_rate":
            value = found["failed"] / found["judged"] if found["judged"] else None
        case "zero":
            value = found["known"] - found["nonzero"]
        case "share":
            value = found["nonzero"] / found["known"] if found["known"] else None
        case _:
            value = found[statistic]
    return None if value is None else float(value)


def _belongs(sort: Sort, pool: Pool) -> bool:
    if pool.outcome != "all" and sort.ok is not (pool.outcome == "ok"):
        return False
    if pool.phased is not None and sort.phased is not pool.phased:
        return False
    if pool.group != ANY and sort.group != pool.group:
        return False
    mark = sort.tags.get(MARK)
    if (pool.headed and mark == FIRST_LINE) or (
        pool.cut and sort.kind == TRANSACTION and mark != UNFINISHED
    ):
        return False
    return all(_has_tag(sort, key, value) for key, value in pool.tags)


def _has_tag(sort: Sort, key: str, value: str) -> bool:
    """Has a row of this sort the tag of k6? Some tags have columns, the others are labels."""
    if key == "group":
        inner = sort.name if sort.kind == TRANSACTION else None
        path = "/".join(filter(None, (sort.group, inner)))
        return path == "/".join(name for name in value.split("::") if name)
    if key == "scenario":
        return sort.scenario == value
    if key == "check" and sort.kind == CHECK:
        return sort.name == value
    if key in _COLUMNS and sort.kind != METRIC:
        return _has_column(sort, key, value)
    return sort.tags.get(key) == value


def _has_column(sort: Sort, key: str, value: str) -> bool:
    if key == "status":
        return str(sort.status) == value
    if key == "method":
        return sort.method == value
    if "://" in value:  # a request that the script did not name is called by its URL
        return sort.name in (value, f"{sort.method} {path_of(value)}")
    return sort.name == value
