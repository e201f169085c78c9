"""Finds the files that are not Python: SQL, templates, SLA packs, samples.

In a checkout they stand beside the package, in a wheel inside it (`_shared/`).
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent
_SHARED = _PACKAGE / "_shared"


def sql(question: str) -> str:
    """The text of `sql/QUESTION.sql`."""
    return (_PACKAGE / "sql" / f"{question}.sql").read_text(encoding="utf-8")


def folder(name: str) -> Path:
    """The folder `templates`, `sla` or `sample_results`, wherever it was installed."""
    return (_SHARED if _SHARED.is_dir() else _PACKAGE.parent) / name
