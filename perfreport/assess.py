"""Assesses a run by a pack: asks what its objectives need, and hands the answers to the judges."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from functools import reduce
from itertools import groupby
from typing import Any

import pyarrow as pa

from perfreport import measure
from perfreport.ingestion.inputs import labels_of
from perfreport.judge.findings import AuditFinding, ObjectiveFinding
from perfreport.judge.measured import Measured
from perfreport.judge.objectives import judge_objectives
from perfreport.judge.subjects import About, Objective, is_load, members, objectives_of_run
from perfreport.judge.validity import Conduct, audit_run
from perfreport.profile import Profile, RunProfile
from perfreport.query import rows
from perfreport.run.schema import CHECK, REQUEST, USERS
from perfreport.run.store import Run
from perfreport.sla.grammar import PERCENTILES
from perfreport.sla.model import Pack
from perfreport.stats.sketch import Sketch, endpoint_sketches, within
from perfreport.stats.window import Window
from perfreport.tables import (
    FastFailuresRow,
    NameRow,
    OutcomeRow,
    SeriesRow,
    SourceEndRow,
    SubjectRow,
    UsersRow,
)

Pooled = Mapping[str, list[NameRow]]  # the names that each subject pools, by `Objective.key`
_RUN_USERS = "users of the run"  # the subject of the audit; no objective has this key
_SUBJECTS = pa.schema(
    [
        ("subject", pa.string()),
        ("kind", pa.string()),
        ("name", pa.string()),
        ("scenario", pa.string()),
        ("outermost", pa.bool_()),
    ]
)


@dataclass(frozen=True)
class Assessment:
    """What judging one run found; `give_verdict` makes a Check of those of all runs."""

    objectives: tuple[ObjectiveFinding, ...]
    audit: tuple[AuditFinding, ...]


def assess(run: Run, pack: Pack, baseline: Profile | None = None) -> Assessment:
    """All objectives that the pack has for this run's scenarios and type of test, and the audit.

    baseline  the run that limits such as `p95 <= baseline + 10%` mean
    """
    names = rows(run, "names", NameRow)
    objectives = objectives_of_run(pack, run.info, names)
    window = measure.judged_window(run, pack=pack)
    measured = _measured(run, pack, objectives, names, window)
    before = None
    if baseline is not None and any(each.limit and each.limit.relative for each in objectives):
        before = _of_baseline(baseline, pack, objectives)
    found = judge_objectives(objectives, measured, before)
    return Assessment(found, audit_run(_conduct(run, pack, window, measured), found))


def _of_baseline(baseline: Profile, pack: Pack, objectives: Sequence[Objective]) -> Measured:
    if not isinstance(baseline, RunProfile):
        return _of_condensed(baseline, pack, objectives)
    run, window = baseline.run, baseline.judged_window(pack)
    return _measured(run, pack, objectives, rows(run, "names", NameRow), window)


def _of_condensed(baseline: Profile, pack: Pack, objectives: Sequence[Objective]) -> Measured:
    """What a run without its rows can say: counts, and percentiles within 1 %."""
    window, names = baseline.judged_window(pack), baseline.names()
    pooled = {each.key: members(each, pack, baseline.info, names) for each in _by_key(objectives)}
    endpoints = within(endpoint_sketches(baseline.sketches), baseline.whole.start, window)
    sketches = _merged(endpoints, pooled, names)
    return Measured(
        run=baseline.name,
        info=baseline.info,
        pack=pack,
        seconds=window.seconds,
        subjects={
            key: _subject_of(key, sketch, window.seconds) for key, sketch in sketches.items()
        },
        sketches=sketches,
        condensed=True,
    )


def _subject_of(subject: str, sketch: Sketch, seconds: float) -> SubjectRow:
    known: dict[str, Any] = dict.fromkeys(each.name for each in fields(SubjectRow))
    known |= {f"{name}_ms": sketch.quantile_ms(q) for name, q in PERCENTILES.items()}
    known |= {
        "subject": subject,
        "count": sketch.requests,
        "errors": sketch.failures,
        "error_rate": sketch.failures / sketch.requests if sketch.requests else None,
        "rate_per_s": sketch.requests / seconds if seconds else None,
        "mean_ms": sketch.mean_ms(),
        "min_ms": sketch.quantile_ms(0.0),
        "max_ms": sketch.quantile_ms(1.0),
    }
    return SubjectRow(**known)


def _measured(
    run: Run, pack: Pack, objectives: Sequence[Objective], names: Sequence[NameRow], window: Window
) -> Measured:
    pooled = {each.key: members(each, pack, run.info, names) for each in _by_key(objectives)}
    pooled[_RUN_USERS] = [name for name in names if name.kind == USERS]
    tables = {"subjects": _subjects(pooled)}
    bounds = measure.bounds_of(window)
    outcomes = rows(run, "outcomes", OutcomeRow, tables=tables, **bounds)
    slopes = [each for each in objectives if each.limit and each.limit.statistic == "slope"]
    return Measured(
        run=run.name,
        info=run.info,
        pack=pack,
        seconds=window.seconds,
        subjects={
            row.subject: row
            for row in rows(run, "subjects", SubjectRow, tables=tables, **bounds, **measure.APDEX)
        },
        outcomes={
            key: tuple(found) for key, found in groupby(outcomes, key=lambda row: row.subject)
        },
        users={
            row.subject: row
            for row in rows(
                run,
                "active_users",
                UsersRow,
                tables=tables | measure.users_by_second(run, window),
            )
        },
        sketches=_sketches(run, window, pooled, names),
        series=tuple(
            rows(run, "series_values", SeriesRow, names=_series(pack, objectives), **bounds)
        ),
        trends=measure.trends(run, pack) if slopes else (),
    )


def _by_key(objectives: Iterable[Objective]) -> list[Objective]:
    about_rows = [each for each in objectives if each.about not in (About.SERIES, About.NOTHING)]
    return list({each.key: each for each in about_rows}.values())


def _subjects(pooled: Pooled) -> pa.Table:
    found = [
        {
            "subject": key,
            "kind": name.kind,
            "name": name.name,
            "scenario": name.scenario,
            "outermost": name.outermost,
        }
        for key, names in pooled.items()
        for name in names
    ]
    return pa.Table.from_pylist(found, schema=_SUBJECTS)


def _sketches(
    run: Run, window: Window, pooled: Pooled, names: Sequence[NameRow]
) -> dict[str, Sketch]:
    """The sketch of each subject over the judged window."""
    endpoints = within(measure.sketches(run), measure.whole(run).start, window)
    return _merged(endpoints, pooled, names)


def _merged(
    endpoints: Mapping[str, Sketch], pooled: Pooled, names: Sequence[NameRow]
) -> dict[str, Sketch]:
    """The sketch of each subject, those of its endpoints merged.

    None of a subject whose endpoints serve other scenarios, too: an endpoint has one sketch, and an
    interval of other requests is worse than none.
    """
    merged = {}
    for key, own in pooled.items():
        chosen = {(name.kind, name.name) for name in own if name.kind not in (USERS, CHECK)}
        shared = sum((name.kind, name.name) in chosen for name in names) > len(own)
        parts = [endpoints[name] for _, name in sorted(chosen) if name in endpoints]
        if parts and not shared:
            merged[key] = reduce(Sketch.merge, parts)
    return merged


def _series(pack: Pack, objectives: Iterable[Objective]) -> list[str]:
    """The names, in recordings, of every series that is judged, and of their capacities."""
    wanted = set()
    for name in {each.limit.series for each in objectives if each.limit and each.limit.series}:
        spec = pack.series_named(name)
        wanted |= {name} if spec is None else set(spec.names)
        if spec is not None and isinstance(spec.capacity, str):
            other = pack.series_named(spec.capacity)
            wanted |= set(other.names) if other else {spec.capacity}
    return sorted(wanted)


def _conduct(run: Run, pack: Pack, window: Window, measured: Measured) -> Conduct:
    info = run.info
    scenario = pack.scenario(info.scenario)
    failures = rows(run, "fast_failures", FastFailuresRow, **measure.bounds_of(window))
    return Conduct(
        run=run.name,
        info=info,
        whole=measure.whole(run),
        window=window,
        users=measured.users.get(_RUN_USERS),
        expected_users=pack.expected_users(info.scenario, info.test_type),
        expected_s=pack.expected_seconds(info.scenario, info.test_type),
        min_steady_s=scenario.min_steady if scenario and is_load(info.test_type) else None,
        scenarios=tuple(each.scenario for each in pack.scenarios),
        broke_off=_broke_off(run),
        fast_failures=next((row for row in failures if row.kind == REQUEST), None),
    )


def _broke_off(run: Run) -> datetime | None:
    """When the first of the inputs that were cut off fell silent, while others may have gone on."""
    sources = run.info.sources
    if not any(source.truncated for source in sources):
        return None
    last = {row.source: row.last for row in rows(run, "source_ends", SourceEndRow)}
    labels = labels_of([source.name for source in sources])
    ends = [
        last.get(label) for label, source in zip(labels, sources, strict=True) if source.truncated
    ]
    return min((end for end in ends if end is not None), default=None)
