"""Is this run slower than that one? Rows per endpoint and statistic, and one verdict."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import replace
from statistics import median

from perfreport import units
from perfreport.judge.changes import Changes, changes_of
from perfreport.judge.comparable import Doubts, Side, doubts, listed, rate_follows
from perfreport.judge.error_rows import MAX_DETECTABLE
from perfreport.judge.findings import Change, ChangeVerdict, Comparison, Doubt, RunToRunSd
from perfreport.judge.places import places, shared_why
from perfreport.judge.rows import CELLS_AT_LEAST, Endpoint, Measured, Rule
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
    found = _changes(baselines, run, settings)
    changes = found.rows
    if against.serious:
        changes = tuple(_withdrawn(change, against.serious[0]) for change in changes)
    blind = _blind_rows(baseline, run, changes, settings)
    unseen = _unseen(blind, found, against)
    verdict = _verdict(baseline, run, changes, against, unseen, settings, critical)
    sd = _run_to_run_sd(found, len(baselines))
    return Comparison(
        verdict,
        _why(
            verdict,
            changes,
            against,
            unseen if verdict == ChangeVerdict.INCONCLUSIVE else blind,
            settings,
        ),
        (*against.all, *_errors_differ(found)),
        _shared_shift(changes),
        sd,
        changes,
        tested=run.tested,
        baselines=tuple(side.tested for side in baselines),
        gate=settings.gate,
        places=places(baselines, run, settings, changes, found.successes_only, sd),
        shared_why=shared_why(changes),
    )


def _changes(baselines: Sequence[Side], run: Side, settings: CompareSettings) -> Changes:
    """The rows of all endpoints that run and baseline have, the busiest endpoint first."""
    names = [
        name
        for name in run.endpoints
        if name in baselines[0].endpoints
        and all(name in side.sketches for side in (run, baselines[0]))
    ]
    names.sort(key=lambda name: (-run.endpoints[name].count, name))
    rule = Rule(settings, settings.level(len(names)), rate_follows(baselines[0], run))
    endpoints = (_endpoint(name, baselines, run) for name in names)
    return changes_of(endpoints, len(baselines), rule)


def _endpoint(name: str, baselines: Sequence[Side], run: Side) -> Endpoint:
    """One endpoint of the runs that have it; history with too few cells of time is left out."""
    having = [side for side in baselines if name in side.endpoints and name in side.sketches]
    measured = [_measured(name, side) for side in having]
    enough = [each for each in measured if each.sketch.filled_cells >= CELLS_AT_LEAST]
    return Endpoint(name, tuple(enough or measured), _measured(name, run))


def _measured(name: str, side: Side) -> Measured:
    """One endpoint of a side; its sketch is cut only now, so that few are in memory at once."""
    cut = within({name: side.sketches[name]}, side.start, side.window)[name]
    return Measured(cut, side.endpoints[name], side.successful.get(name), side.window.seconds)


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
            blind.setdefault(change.name, []).append(_word(change.statistic))
    for name in sorted(baseline.endpoints.keys() ^ run.endpoints.keys()):
        blind[name] = ["in one run only"]
    return blind


def _unseen(blind: Blind, found: Changes, against: Doubts) -> Blind:
    """Without the error rates that vary too much from run to run to show what matters.

    No amount of data would decide those: a run that was undecided for them would be so for ever.
    """
    if against.serious:
        return blind
    kept = {
        name: [word for word in words if word != "errors" or name in found.blind_errors]
        for name, words in blind.items()
    }
    return {name: words for name, words in kept.items() if words}


def _is_blind(change: Change, settings: CompareSettings) -> bool:
    if change.verdict == ChangeVerdict.NOT_COMPARABLE:
        return True
    if change.verdict != ChangeVerdict.INCONCLUSIVE or change.detectable is None:
        return False
    is_rate = change.statistic == "error_rate"
    return change.detectable > (MAX_DETECTABLE if is_rate else settings.max_detectable)


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
            return _unchanged(changes, blind, settings)
        case _:
            return _moved(verdict, changes, settings)


def _unchanged(changes: Sequence[Change], blind: Blind, settings: CompareSettings) -> str:
    """What was looked at without a finding; what moved outside of the gate is not kept silent."""
    moved = (ChangeVerdict.REGRESSED, ChangeVerdict.IMPROVED)
    outside = [verdict for verdict in moved if any(row.verdict == verdict for row in changes)]
    endpoints = f"{len({change.name for change in changes})} endpoints"
    found = [f"no change found in {endpoints}"]
    if outside:
        gate = ", ".join(map(_word, settings.gate))
        told = [_moved(verdict, changes, None) for verdict in outside]
        found = [f"no change of {gate} found in {endpoints}", f"beside the gate {listed(told)}"]
    if blind:
        found.append(f"not judged for sure: {_said(blind)}")
    return "; ".join(found)


def _said(blind: Blind) -> str:
    """`create_order (P95, errors)` for each endpoint."""
    return listed([f"{name} ({', '.join(blind[name])})" for name in sorted(blind)])


def _moved(
    verdict: ChangeVerdict, changes: Sequence[Change], settings: CompareSettings | None
) -> str:
    """`create_order worse (P50 +14.5 %, P95 +17.8 %)` for each endpoint that moved, most first.

    settings  whose gate is looked at; None: every statistic
    """
    moved: dict[str, list[Change]] = {}
    for change in changes:
        if change.verdict == verdict and (not settings or change.statistic in settings.gate):
            moved.setdefault(change.name, []).append(change)
    ranked = sorted(moved.items(), key=lambda item: -max(abs(row.change or 0) for row in item[1]))
    word = "worse" if verdict == ChangeVerdict.REGRESSED else "better"
    return listed([f"{name} {word} ({', '.join(map(_step, rows))})" for name, rows in ranked])


def _step(change: Change) -> str:
    value = change.change or 0.0
    if change.statistic == "error_rate":
        return f"errors {value * 100:+.2f} points".replace("-", "−")
    return f"{_word(change.statistic)} {units.signed_percent(value)}"


def _word(statistic: str) -> str:
    """What people call it: `P50`, `errors`, `throughput`."""
    words = {"error_rate": "errors", "throughput": "throughput"}
    return words.get(statistic, statistic.upper())


def _errors_differ(found: Changes) -> list[Doubt]:
    """Where the error rates differ, successful requests are compared: the run says so, too."""
    names = sorted(found.successes_only)
    if not names:
        return []
    return [Doubt("errors", f"error rates differ, so only successes are timed: {listed(names)}")]


def _shared_shift(changes: Iterable[Change]) -> float | None:
    """Median change of P50 over the endpoints: what moved all of them looks like the environment."""
    shifts = [row.change for row in changes if row.statistic == "p50" and row.change is not None]
    return median(shifts) if shifts else None


def _run_to_run_sd(found: Changes, baselines: int) -> RunToRunSd:
    """Estimated from three baselines on; fewer cannot show how much runs of one system differ."""
    estimated = any(sd.runs for sd in found.sds.values())
    p50, p95, p99 = (found.sds[statistic].sd for statistic in ("p50", "p95", "p99"))
    return RunToRunSd(p50, p95, p99, "history" if estimated else "assumed", baselines)
