"""Settings of `compare` in an SLA pack."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class CompareSettings(BaseModel):
    """All optional."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    min_steady: float = 300.0
