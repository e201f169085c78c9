"""Is this run slower than that one? Rows per endpoint and statistic, and one verdict."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import replace
from statistics import median

from perfreport import units
from perfreport.judge.changes import (
    MAX_DETECTABLE_ERROR,
    EndpointChanges,
    Measured,
    Rule,
    endpoint_changes,
)
from perfreport.judge.comparable import Doubts, Side, doubts, listed
from perfreport.judge.findings import Change, ChangeVerdict, Comparison, Doubt, RunToRunSd
from perfreport.judge.places import places, shared_why
from perfreport.sla.settings import CompareSettings
from perfreport.stats.sketch import within

__all__ = ["Side", "compare"]

Blind = dict[str, list[str]]  # endpoint: what could not be judged of it
_HALF = 0.5  # of the requests: blind on so many, a comparison has not looked


def compare(
    baselines: Sequence[Side],
    run: Side,
    settings: CompareSettings,
    critical: frozenset[str] = frozenset(),
) -> Comparison:
    """Run against baseline by the method of docs/statistics.md.

    baselines  the baseline, then the earlier runs of its history, if any
    critical   names of endpoints that must be judged, whatever their share of the requests
    """
    baseline = baselines[0]
    against = doubts(baseline, run, settings)
    endpoints = _endpoints(baseline, run, settings)
    changes = [change for endpoint in endpoints for change in endpoint.rows]
    if against.serious:
        changes = [_withdrawn(change, against.serious[0]) for change in changes]
    blind = _blind_rows(baseline, run, changes, settings)
    verdict = _verdict(baseline, run, changes, against, blind, settings, critical)
    return Comparison(
        verdict,
        _why(verdict, changes, against, blind, settings),
        (*against.all, *_errors_differ(endpoints)),
        _shared_shift(changes),
        _assumed_sd(settings),
        tuple(changes),
        tested=run.tested,
        baselines=tuple(side.tested for side in baselines),
        places=places(baselines, run, settings, changes, _successes_only(endpoints)),
        shared_why=shared_why(changes),
    )


def _endpoints(baseline: Side, run: Side, settings: CompareSettings) -> list[EndpointChanges]:
    """The rows of all endpoints that both runs have, the busiest endpoint first."""
    theirs, ours = _measured(baseline), _measured(run)
    names = sorted(theirs.keys() & ours.keys(), key=lambda name: (-ours[name].row.count, name))
    rule = Rule(settings, settings.level(len(names)))
    return [endpoint_changes(name, theirs[name], ours[name], rule) for name in names]


def _measured(side: Side) -> dict[str, Measured]:
    sketches = within(side.sketches, side.start, side.window)
    return {
        name: Measured(sketches[name], row, side.successful.get(name))
        for name, row in side.endpoints.items()
        if name in sketches
    }


def _withdrawn(change: Change, doubt: Doubt) -> Change:
    """The figures without a judgement, as the runs cannot be compared."""
    if change.verdict is None:
        return change
    why = f"not comparable: {doubt.why}; {change.why}"
    return replace(change, verdict=ChangeVerdict.NOT_COMPARABLE, why=why)


def _blind_rows(
    baseline: Side, run: Side, changes: Iterable[Change], settings: CompareSettings
) -> Blind:
    """By endpoint, each gated row that had too little data or could not have shown a large change."""
    blind: Blind = {}
    for change in changes:
        if change.statistic in settings.gate and _is_blind(change, settings):
            word = "errors" if change.statistic == "error_rate" else change.statistic.upper()
            blind.setdefault(change.name, []).append(word)
    for name in sorted(baseline.endpoints.keys() ^ run.endpoints.keys()):
        blind[name] = ["in one run only"]
    return blind


def _is_blind(change: Change, settings: CompareSettings) -> bool:
    if change.verdict == ChangeVerdict.NOT_COMPARABLE:
        return True
    if change.verdict != ChangeVerdict.INCONCLUSIVE or change.detectable is None:
        return False
    is_rate = change.statistic == "error_rate"
    return change.detectable > (MAX_DETECTABLE_ERROR if is_rate else settings.max_detectable)


def _verdict(
    baseline: Side,
    run: Side,
    changes: Sequence[Change],
    against: Doubts,
    blind: Blind,
    settings: CompareSettings,
    critical: frozenset[str],
) -> ChangeVerdict:
    """The first of these that holds; not to have found a change is not `unchanged`."""
    gated = {change.verdict for change in changes if change.statistic in settings.gate}
    if ChangeVerdict.REGRESSED in gated:
        return ChangeVerdict.REGRESSED
    if against.serious:
        return ChangeVerdict.NOT_COMPARABLE
    if blind.keys() & critical or _share(baseline, run, blind) >= _HALF:
        return ChangeVerdict.INCONCLUSIVE
    if ChangeVerdict.IMPROVED in gated:
        return ChangeVerdict.IMPROVED
    return ChangeVerdict.UNCHANGED


def _share(baseline: Side, run: Side, names: Container[str]) -> float:
    """Part of the requests of both runs that went to some endpoints."""
    sides = (baseline, run)
    total = sum(side.requests for side in sides)
    counted = sum(
        row.count for side in sides for name, row in side.endpoints.items() if name in names
    )
    return counted / total if total else 1.0


def _why(
    verdict: ChangeVerdict,
    changes: Sequence[Change],
    against: Doubts,
    blind: Blind,
    settings: CompareSettings,
) -> str:
    """One sentence: how the verdict came about."""
    match verdict:
        case ChangeVerdict.NOT_COMPARABLE:
            return "; ".join(doubt.why for doubt in against.serious)
        case ChangeVerdict.INCONCLUSIVE:
            return f"a large change could not have been shown where it counts: {_said(blind)}"
        case ChangeVerdict.UNCHANGED:
            found = f"no change found in {len({change.name for change in changes})} endpoints"
            return f"{found}; not judged for sure: {_said(blind)}" if blind else found
        case _:
            return _moved(verdict, changes, settings)


def _said(blind: Blind) -> str:
    """`create_order (P95, errors)` for each endpoint."""
    return listed([f"{name} ({', '.join(blind[name])})" for name in sorted(blind)])


def _moved(verdict: ChangeVerdict, changes: Sequence[Change], settings: CompareSettings) -> str:
    """`create_order slower (P50 +14.5 %, P95 +17.8 %)` for each endpoint that moved."""
    moved: dict[str, list[str]] = {}
    for change in changes:
        if change.verdict == verdict and change.statistic in settings.gate:
            moved.setdefault(change.name, []).append(_step(change))
    word = "worse" if verdict == ChangeVerdict.REGRESSED else "better"
    return listed([f"{name} {word} ({', '.join(steps)})" for name, steps in moved.items()])


def _step(change: Change) -> str:
    value = change.change or 0.0
    if change.statistic == "error_rate":
        return f"errors {value * 100:+.2f} points".replace("-", "−")
    return f"{change.statistic.upper()} {units.signed_percent(value)}"


def _successes_only(endpoints: Iterable[EndpointChanges]) -> set[str]:
    return {endpoint.name for endpoint in endpoints if endpoint.successes_only}


def _errors_differ(endpoints: Iterable[EndpointChanges]) -> list[Doubt]:
    """Where the error rates differ, successful requests are compared: the run says so, too."""
    names = sorted(_successes_only(endpoints))
    if not names:
        return []
    return [Doubt("errors", f"error rates differ, so only successes are timed: {listed(names)}")]


def _shared_shift(changes: Iterable[Change]) -> float | None:
    """Median change of P50 over the endpoints: what moved all of them looks like the environment."""
    shifts = [row.change for row in changes if row.statistic == "p50" and row.change is not None]
    return median(shifts) if shifts else None


def _assumed_sd(settings: CompareSettings) -> RunToRunSd:
    """One baseline cannot show how much runs of one system differ, so that is assumed."""
    sd = settings.run_to_run_sd
    return RunToRunSd(sd, sd, sd, source="assumed", runs=1)
