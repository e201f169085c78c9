"""Production readiness from load test results: the public names, imported when first used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from perfreport.api import (
        check,
        compare,
        condense,
        history,
        ingest,
        load_pack,
        open_profile,
        open_run,
        reconcile,
        report,
        summary,
        trends,
    )

__version__ = "0.1.0"
__all__ = [
    "check",
    "compare",
    "condense",
    "history",
    "ingest",
    "load_pack",
    "open_profile",
    "open_run",
    "reconcile",
    "report",
    "summary",
    "trends",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'perfreport' has no attribute '{name}'")
    from perfreport import api

    return getattr(api, name)
