"""The public functions: each joins one question's queries, judges and renderers."""

from __future__ import annotations

from perfreport import measure, resources
from perfreport.ingestion import ingest
from perfreport.judge.compare import compare as judge_changes
from perfreport.judge.evidence import Summary
from perfreport.judge.findings import Comparison, Trend
from perfreport.run.store import Run, open_run
from perfreport.sla.loader import load_pack
from perfreport.sla.model import Pack
from perfreport.sla.settings import CompareSettings
from perfreport.stats.window import later_cut

__all__ = ["ingest", "load_pack", "open_run", "summary"]


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


def compare(baseline: Run, run: Run, pack: Pack | None = None) -> Comparison:
    """What became slower or faster from `baseline` to `run`, by the method of docs/statistics.md.

    pack  its stages, its settings under `compare`, and its critical paths
    """
    settings = pack.compare if pack else CompareSettings()
    critical = pack.critical_endpoints(run.info.scenario) if pack else frozenset()
    before, after = later_cut(
        measure.whole(baseline).start,
        measure.judged_window(baseline, pack=pack),
        measure.whole(run).start,
        measure.judged_window(run, pack=pack),
    )
    return judge_changes(
        measure.side(baseline, before), measure.side(run, after), settings, critical
    )


def trends(run: Run, pack: Pack | None = None) -> tuple[Trend, ...]:
    """Which server series grow over a soak, and when each meets its limit.

    pack  says the shape, direction and capacity of its series; without one sla/default.yaml does
    """
    return measure.trends(run, pack or default_pack())


def default_pack() -> Pack:
    """sla/default.yaml, for everybody who has no pack."""
    return load_pack(resources.folder("sla") / "default.yaml")
