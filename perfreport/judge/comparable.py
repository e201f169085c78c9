"""May two runs be compared at all? Each reason to doubt it, the serious ones apart."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from perfreport import units
from perfreport.judge.findings import Doubt
from perfreport.judge.sameness import (
    environment_unknown,
    meaning_differs,
    meaning_unclear,
    other_environment,
    other_system,
    other_test,
    other_tool,
    same_run,
)
from perfreport.judge.side import Side
from perfreport.sla.settings import CompareSettings
from perfreport.stats.sketch import within
from perfreport.stats.warmup import warm_up

__all__ = ["Doubts", "Side", "doubts", "listed", "rate_follows"]

_LOAD_WITHIN = 0.05  # a system answers more slowly under more load: more is another test
_UNEXPLAINED = 0.10  # of the rate: think times and connecting are not in the response times
_LENGTH_WITHIN = 0.20
_MIX_WITHIN = 0.05  # of all requests, moved from one endpoint to another
_NAMES_SHOWN = 3
_FAST_MS = 0.05  # a refused connection lasts 0 ms, of which there is no logarithm
_FLATTERED = 0.05  # of a percentile: what failures move it by in one run and not in the other


@dataclass(frozen=True)
class Doubts:
    """All doubts in the order of their weight; with a serious one nothing is judged."""

    serious: tuple[Doubt, ...]
    light: tuple[Doubt, ...]

    @property
    def all(self) -> tuple[Doubt, ...]:
        return self.serious + self.light


def doubts(baseline: Side, run: Side, settings: CompareSettings) -> Doubts:
    """What speaks against comparing two runs; where one is empty, that alone."""
    empty = tuple(_empty(baseline, run, settings))
    if empty:
        return Doubts(empty, ())
    return Doubts(
        serious=(
            *other_test(baseline, run),
            *_nothing_in_common(baseline, run),
            *other_environment(baseline, run),
            *_other_load(baseline, run),
            *meaning_differs(baseline, run),
            *_too_short(baseline, run, settings),
        ),
        light=(
            *same_run(baseline, run),
            *_load_follows(baseline, run),
            *other_system(baseline, run),
            *environment_unknown(baseline, run),
            *_other_mix(baseline, run),
            *_other_endpoints(baseline, run),
            *_failures_mislead(baseline, run),
            *_still_warming_up(baseline, run),
            *_other_length(baseline, run),
            *other_tool(baseline, run),
            *meaning_unclear(baseline, run),
        ),
    )


def _empty(baseline: Side, run: Side, settings: CompareSettings) -> Iterator[Doubt]:
    """A side without any judged request: all other doubts would only follow from it."""
    for side, which in ((run, "run"), (baseline, "baseline")):
        if not side.requests and side.info.only_servers:
            yield Doubt("endpoints", f"the {which} holds no requests, only what servers say")
        elif not side.requests:
            short = side.window.seconds < settings.min_steady
            needed = f", {_needed(settings)}" if short else ""
            why = f": {side.window.why}" if side.window.why else ""
            yield Doubt(
                "duration" if short else "endpoints",
                f"no request of the {which} is judged, its judged window is "
                f"{units.span(side.window.seconds)} long{needed}{why}",
            )


def _needed(settings: CompareSettings) -> str:
    return f"{units.span(settings.min_steady)} of steady load are needed (compare: min_steady)"


def _too_short(baseline: Side, run: Side, settings: CompareSettings) -> Iterator[Doubt]:
    lengths = (baseline.window.seconds, run.window.seconds)
    if min(lengths) < settings.min_steady:
        yield Doubt(
            "duration",
            f"{units.span(lengths[1])} are judged against {units.span(lengths[0])} of the baseline, "
            + _needed(settings),
        )


def _other_load(baseline: Side, run: Side) -> Iterator[Doubt]:
    """Another rate and, where users are known, one that their waiting for answers does not explain."""
    if not _differs(baseline.rate_per_s, run.rate_per_s) or rate_follows(baseline, run):
        return
    if same_users(baseline, run):
        why = f"as many users, but {_rates(baseline, run)}: more than the response times explain"
        yield Doubt("load", why)
    else:
        yield Doubt("load", f"the load differs: {_rates(baseline, run)}")


def _load_follows(baseline: Side, run: Side) -> Iterator[Doubt]:
    """The same users at another rate: in a closed model the rate follows from the response times."""
    if _differs(baseline.rate_per_s, run.rate_per_s) and rate_follows(baseline, run):
        yield Doubt("load", f"as many users, but {_rates(baseline, run)}: users wait for answers")


def rate_follows(baseline: Side, run: Side) -> bool:
    """Whether as many users were active, and the response times explain their rate.

    Users who do nothing but wait send 1 / (mean response time) each, and those who think in between
    change their rate by less (Little 1961).
    """
    if not same_users(baseline, run):
        return False
    before, after = _mean_ms(baseline), _mean_ms(run)
    if not before or not after or not baseline.rate_per_s:
        return True  # nothing is known that speaks against it
    rate, waiting = run.rate_per_s / baseline.rate_per_s, before / after
    low, high = min(1.0, waiting), max(1.0, waiting)
    return low * (1 - _UNEXPLAINED) <= rate <= high * (1 + _UNEXPLAINED)


def _mean_ms(side: Side) -> float | None:
    """Mean response time of all requests."""
    known = [row for row in side.endpoints.values() if row.mean_ms is not None]
    total = sum(row.count for row in known)
    return sum(row.count * (row.mean_ms or 0.0) for row in known) / total if total else None


def _rates(baseline: Side, run: Side) -> str:
    return (
        f"{units.number(run.rate_per_s)} requests/s against "
        f"{units.number(baseline.rate_per_s)} in the baseline"
    )


def _differs(baseline: float, run: float, within: float = _LOAD_WITHIN) -> bool:
    return abs(run - baseline) > within * baseline


def same_users(baseline: Side, run: Side) -> bool:
    """Whether as many users were active; False where that is not known."""
    if baseline.users is None or run.users is None:
        return False
    return not _differs(baseline.users, run.users)


def _nothing_in_common(baseline: Side, run: Side) -> Iterator[Doubt]:
    if not baseline.endpoints.keys() & run.endpoints.keys():
        yield Doubt("endpoints", "the runs have no endpoint in common")


def _other_length(baseline: Side, run: Side) -> Iterator[Doubt]:
    if _differs(baseline.window.seconds, run.window.seconds, _LENGTH_WITHIN):
        yield Doubt(
            "duration",
            f"judged over {units.span(run.window.seconds)} against "
            f"{units.span(baseline.window.seconds)} in the baseline",
        )


def _other_mix(baseline: Side, run: Side) -> Iterator[Doubt]:
    """Half the sum of the differences of shares is the part of the requests that moved."""
    names = baseline.endpoints.keys() | run.endpoints.keys()
    moved = sum(abs(_share(run, name) - _share(baseline, name)) for name in names) / 2
    if moved > _MIX_WITHIN:
        yield Doubt("mix", f"{units.percent(moved)} of the requests go to other endpoints")


def _share(side: Side, name: str) -> float:
    row = side.endpoints.get(name)
    return row.count / side.requests if row and side.requests else 0.0


def _other_endpoints(baseline: Side, run: Side) -> Iterator[Doubt]:
    for names, what in (
        (run.endpoints.keys() - baseline.endpoints.keys(), "only in the run"),
        (baseline.endpoints.keys() - run.endpoints.keys(), "only in the baseline"),
    ):
        if names:
            yield Doubt("endpoints", f"{what}: {listed(sorted(names))}")


def _failures_mislead(baseline: Side, run: Side) -> Iterator[Doubt]:
    """Failures that are faster or slower than what succeeds, in one run more than in the other."""
    for flatters, word in ((True, "flatter"), (False, "worsen")):
        found = _misled(baseline, run, flatters)
        if found:
            worst = max(found, key=lambda each: abs(each[0]))
            size, name, statistic = worst
            moved = units.signed_percent(math.expm1(size))
            others = listed(sorted({name for _, name, _ in found}))
            yield Doubt(
                "errors",
                f"failures {word} the response times of {others}: counted with them, {statistic} of "
                f"{name} would come out {moved}",
            )


def _misled(baseline: Side, run: Side, flatters: bool) -> list[tuple[float, str, str]]:
    """By how much of its log a change would be off, were failures timed; the endpoint, the statistic."""
    found = []
    for name in sorted(baseline.endpoints.keys() & run.endpoints.keys()):
        for statistic in ("p50", "p95"):
            theirs, ours = (_bias(side, name, statistic) for side in (baseline, run))
            if theirs is None or ours is None:
                continue
            off = ours - theirs
            if abs(off) >= math.log1p(_FLATTERED) and (off < 0) is flatters:
                found.append((off, name, statistic.upper()))
    return found


def _bias(side: Side, name: str, statistic: str) -> float | None:
    """Log of a percentile of all requests over that of the successful ones."""
    if not side.endpoints[name].errors:
        return 0.0
    if name not in side.successful:
        return None
    every = getattr(side.endpoints[name], f"{statistic}_ms")
    alone = getattr(side.successful[name], f"{statistic}_ms")
    if every is None or alone is None or alone <= 0:
        return None
    return math.log(max(every, _FAST_MS) / alone)


def _still_warming_up(baseline: Side, run: Side) -> Iterator[Doubt]:
    for side, which in ((run, "run"), (baseline, "baseline")):
        left = warm_up(within(side.sketches, side.start, side.window).values())
        if left is not None:
            yield Doubt(
                "duration",
                f"the {which} was still warming up for the first {units.span(left.seconds)} of what "
                f"is judged, {units.percent(left.slower)} slower than later",
            )


def listed(names: list[str]) -> str:
    """Some names as text: the first three, then how many more."""
    shown = ", ".join(names[:_NAMES_SHOWN])
    more = len(names) - _NAMES_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown
