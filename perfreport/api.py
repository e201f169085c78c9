"""The public functions: each joins one question's queries, judges and renderers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from perfreport import measure, resources
from perfreport.assess import assess
from perfreport.baselines import choose_baseline, history_of
from perfreport.errors import RunError
from perfreport.ingestion import ingest
from perfreport.judge.compare import compare as judge_changes
from perfreport.judge.evidence import Readiness, RunEvidence, Summary
from perfreport.judge.findings import Check, Comparison, Trend
from perfreport.judge.history import Apart, History
from perfreport.judge.history import history as judge_history
from perfreport.judge.lineage import no_such_tag
from perfreport.judge.objectives import untested
from perfreport.judge.reconcile import Reconciliation
from perfreport.judge.verdict import give_verdict
from perfreport.library import Library, Recorded, Skipped, is_folder_of_runs, open_library
from perfreport.profile import Profile, RunProfile, condense, open_profile
from perfreport.recount import recount
from perfreport.render.html import render_comparison, render_history, render_report
from perfreport.run.store import Run, open_run
from perfreport.sla.loader import load_pack
from perfreport.sla.model import Pack
from perfreport.sla.settings import CompareSettings
from perfreport.stats.window import latest_cut
from perfreport.toolreports.read import read_report

__all__ = [
    "check",
    "choose_baseline",
    "compare",
    "condense",
    "history",
    "ingest",
    "is_folder_of_runs",
    "load_pack",
    "open_library",
    "open_profile",
    "open_run",
    "readiness",
    "reconcile",
    "report",
    "summary",
    "trends",
]


def summary(
    run: Run, window: str = "steady", by: str = "name", only: str = "all", pack: Pack | None = None
) -> Summary:
    """Count, errors, throughput and exact percentiles per endpoint.

    window  `steady`, `all`, or `FROM..TO`; see `stats.window`
    by      name, or finer: scenario, group, source, status
    only    all, ok or failed
    pack    its stages decide what is steady
    """
    return measure.summary(run, measure.judged_window(run, window, pack), by, only)


def check(runs: Sequence[Run], pack: Pack, baseline: Run | Profile | None = None) -> Check:
    """The objectives of the runs' scenarios and tests, the audit of the runs, and the verdict.

    baseline  the run that limits such as `p95 <= baseline + 10%` mean
    """
    before = _profile(baseline) if baseline else None
    assessments = [assess(run, pack, before) for run in runs]
    return give_verdict(
        [finding for each in assessments for finding in each.objectives],
        [finding for each in assessments for finding in each.audit],
    )


def compare(
    baseline: Run | Profile,
    run: Run | Profile,
    pack: Pack | None = None,
    history: Sequence[Run | Profile | Recorded | Skipped | str | Path] = (),
) -> Comparison:
    """What became slower or faster from `baseline` to `run`, by the method of docs/statistics.md.

    pack     its stages, its settings under `compare`, and its critical paths
    history  earlier runs, or paths of them and of folders of them: those of the same test since the last change for good count as baselines,
             too, and how much runs of the system differ is estimated instead of assumed
    """
    settings = pack.compare if pack else CompareSettings()
    critical = pack.critical_endpoints(run.info.scenario) if pack else frozenset()
    after, before = _profile(run), _profile(baseline)
    given = [RunProfile(each) if isinstance(each, Run) else each for each in history]
    told, used = history_of(after, before, given, pack) if given else ((), [])
    profiles = [after, before, *used]
    windows = latest_cut([(each.whole.start, each.judged_window(pack)) for each in profiles])
    judged, *against = (each.side(window) for each, window in zip(profiles, windows, strict=True))
    return replace(judge_changes(against, judged, settings, critical), history=told)


def _profile(run: Run | Profile) -> Profile:
    return run if isinstance(run, Profile) else RunProfile(run)


def history(
    runs: Library | Sequence[str | Path], pack: Pack | None = None, tag: str | None = None
) -> History:
    """Series of like runs, and where each of their endpoints changed for good.

    runs  runs, condensed runs, and folders of them, or what `open_library` found there
    pack  its stages decide what is steady, its settings under `compare` what matters
    tag   of a pinned run that the others are told against
    """
    library = runs if isinstance(runs, Library) else open_library(runs, pack)
    found = judge_history(library.records, pack.compare if pack else CompareSettings(), tag)
    skipped = tuple(Apart(each.path.name, each.why) for each in library.skipped)
    if tag is not None and not any(series.pinned for series in found.series):
        raise RunError(no_such_tag(tag, library.records))
    return replace(found, apart=(*found.apart, *skipped))


def comparison_page(comparison: Comparison, pack: Pack | None = None) -> str:
    """A comparison as an HTML page."""
    settings = pack.compare if pack else CompareSettings()
    return render_comparison(comparison, settings.min_effect)


def history_page(found: History) -> str:
    """A history as an HTML page."""
    return render_history(found)


def trends(run: Run, pack: Pack | None = None) -> tuple[Trend, ...]:
    """Which server series grow over a soak, and when each meets its limit.

    pack  says the shape, direction and capacity of its series; without one sla/default.yaml does
    """
    return measure.trends(run, pack or default_pack())


def reconcile(run: Run, report: str | Path) -> Reconciliation:
    """Our numbers beside those of the load tool's own report, each difference with its cause.

    report  k6's summary, JMeter's statistics.json, Gatling's report, or what k6 or Gatling printed
    """
    return recount(run, read_report(report))


def report(runs: Sequence[Run], pack: Pack, baselines: Sequence[Run | Profile] = ()) -> str:
    """The readiness report of the whole pack as HTML: a test not handed in is shown as such.

    baselines  earlier runs; each pairs with the run of its scenario and test type
    """
    return render_report(readiness(runs, pack, baselines))


def readiness(
    runs: Sequence[Run], pack: Pack, baselines: Sequence[Run | Profile] = ()
) -> Readiness:
    """All that the report shows, as tables and findings.

    Raises RunError for two runs of one name and for a baseline that pairs with none of the runs.
    """
    _check_names(runs)
    pairs = _paired(runs, [_profile(baseline) for baseline in baselines])
    assessments = [assess(run, pack, pairs.get(run.name)) for run in runs]
    found = [finding for each in assessments for finding in each.objectives]
    # A run of mixed load tests more than the scenario that it was ingested as.
    tested = {(run.info.scenario, run.info.test_type) for run in runs}
    tested |= {
        (finding.scenario, run.info.test_type)
        for run in runs
        for finding in found
        if finding.run == run.name
    }
    verdict = give_verdict(
        [*found, *untested(pack, tested)],
        [finding for each in assessments for finding in each.audit],
    )
    evidence = tuple(_evidence(run, pack, pairs.get(run.name)) for run in runs)
    return Readiness(pack, verdict, evidence)


def _check_names(runs: Sequence[Run]) -> None:
    """Findings call a run by its name: two of one name could not be told apart."""
    names = [run.name for run in runs]
    for run in runs:
        if names.count(run.name) > 1:
            raise RunError(f"{run.path}: another run is called {run.name} too. Rename one file.")


def _paired(runs: Sequence[Run], baselines: Sequence[Profile]) -> dict[str, Profile]:
    """The baseline of each run by the run's name; a single pair needs no scenario to match."""
    if len(runs) == len(baselines) == 1:
        return {runs[0].name: baselines[0]}
    pairs: dict[str, Profile] = {}
    for baseline in baselines:
        test = (baseline.info.scenario, baseline.info.test_type)
        alike = [run for run in runs if (run.info.scenario, run.info.test_type) == test]
        if not alike:
            raise RunError(
                f"{baseline.path}: no run of its scenario and test type ({_test_text(baseline)}) "
                "was given. Set --scenario and --test-type when ingesting."
            )
        for run in alike:
            if run.name in pairs:
                raise RunError(
                    f"{baseline.path}: {pairs[run.name].path} already is the baseline of {run.name}. "
                    "Give one baseline per scenario and test type."
                )
            pairs[run.name] = baseline
    return pairs


def _test_text(run: Run | Profile) -> str:
    return f"{run.info.scenario or 'none'}, {run.info.test_type or 'none'}"


def _evidence(run: Run, pack: Pack, baseline: Profile | None) -> RunEvidence:
    comparison = compare(baseline, run, pack) if baseline else None
    return measure.evidence(run, pack, baseline.name if baseline else None, comparison)


def default_pack() -> Pack:
    """sla/default.yaml, for everybody who has no pack."""
    return load_pack(resources.folder("sla") / "default.yaml")
