"""The public functions: each joins one question's queries, judges and renderers."""

from __future__ import annotations

from perfreport import measure
from perfreport.ingestion import ingest
from perfreport.judge.evidence import Summary
from perfreport.run.store import Run, open_run
from perfreport.sla.loader import load_pack
from perfreport.sla.model import Pack

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
